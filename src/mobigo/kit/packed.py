"""Packed arrays: NamedTuples of numpy arrays that live in a folder and are mapped, not read.

A value is written as one file of aligned arrays and an index of them, so that any number of processes share its pages.
Strings are packed as one blob with offsets. (numpy's own ``.npy`` is not for this: its reader parses each header as
Python, which is slow and, on Python 3.11, fails when two threads do it at once.)
"""

from __future__ import annotations

import json
import math
import os
from functools import cache
from itertools import pairwise
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


ARRAYS, INDEX = "arrays.bin", "arrays.json"
ALIGNMENT = 64
"""Bytes; every array starts at a multiple."""


class Strings(NamedTuple):
    """Many strings in one blob: string `i` is ``blob[first[i]:first[i + 1]]``, UTF-8."""

    first: NDArray[np.int64]
    """int64[n + 1], byte offset."""
    blob: NDArray[np.uint8]
    """uint8[n_bytes], UTF-8."""

    def at(self, index: int) -> str:
        """Return one string."""
        return bytes(self.blob[self.first[index] : self.first[index + 1]]).decode()

    def all(self) -> list[str]:
        """Return every string, in order."""
        blob, ends = self.blob.tobytes(), self.first.tolist()
        return [blob[a:b].decode() for a, b in pairwise(ends)]

    def find(self, value: str) -> int:
        """Return the last index of a string, -1 when it is not there; needs no table of all of them in memory."""
        found = self.find_all(value)
        return found[-1] if found else -1

    def find_all(self, value: str) -> list[int]:
        """Return every index of a string, ascending."""
        wanted = value.encode()
        found = np.flatnonzero(np.diff(self.first) == len(wanted))
        for place in range(len(wanted) - 1, -1, -1):  # ids differ at their ends
            found = found[self.blob[self.first[found] + place] == wanted[place]]
        found_all: list[int] = found.tolist()
        return found_all


def pack_strings(values: Iterable[str | None]) -> Strings:
    """Pack strings; None becomes the empty string."""
    encoded = [(value or "").encode() for value in values]
    first = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(value) for value in encoded], out=first[1:])
    return Strings(first, np.frombuffer(b"".join(encoded), np.uint8))


T = TypeVar("T", bound=tuple)  # type: ignore[type-arg]


def write_packed(folder: Path, value: tuple, base: tuple = ()) -> None:  # type: ignore[type-arg]
    """Write a NamedTuple of arrays (and of further such tuples) into a new folder.

    Arrays that are equal in `base`, a value already written elsewhere, are left out; `map_packed` takes them from it.
    """
    folder.mkdir(parents=True)
    index: dict[str, dict[str, Any]] = {}
    known = dict(_walk(base)) if base else {}
    with (folder / ARRAYS).open("wb") as file:
        for name, array in _walk(value):
            if name in known and _is_same(array, known[name]):
                continue
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            index[name] = {"dtype": array.dtype.str, "shape": array.shape, "offset": file.tell()}
            file.write(np.ascontiguousarray(array).data)
    (folder / INDEX).write_text(json.dumps(index))


def map_packed(folder: Path, kind: type[T], base: tuple = ()) -> T:  # type: ignore[type-arg]
    """Map a folder written by `write_packed` as a value of the same NamedTuple; nothing is read until touched.

    The arrays are read-only views of one mapping, which lives as long as any of them; those that were left out are
    those of `base`.
    """
    index = json.loads((folder / INDEX).read_text())
    with (folder / ARRAYS).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        pages = mmap(file.fileno(), size, access=ACCESS_READ) if size else b""
    arrays = dict(_walk(base)) if base else {}
    arrays |= {
        name: np.frombuffer(pages, one["dtype"], math.prod(one["shape"]), one["offset"]).reshape(one["shape"])
        if math.prod(one["shape"])
        else _nothing(one)
        for name, one in index.items()
    }
    return _assemble(kind, "", arrays)


def _walk(value: tuple, prefix: str = "") -> Iterator[tuple[str, NDArray[Any]]]:  # type: ignore[type-arg]
    """List the arrays of nested NamedTuples with their dotted names."""
    for name, field in value._asdict().items():  # type: ignore[attr-defined]
        if isinstance(field, tuple):
            yield from _walk(field, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _is_same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one is other:
        return True
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _nothing(one: dict[str, Any]) -> NDArray[Any]:
    array: NDArray[Any] = np.zeros(one["shape"], one["dtype"])
    array.flags.writeable = False
    return array


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, localns={"NDArray": NDArray})


def _assemble(kind: type[T], prefix: str, arrays: dict[str, NDArray[Any]]) -> T:
    """Build a NamedTuple, and those in it, from arrays by dotted name."""
    fields = {}
    for name, hint in _hints(kind).items():
        full = f"{prefix}{name}"
        fields[name] = arrays[full] if full in arrays else _assemble(hint, f"{full}.", arrays)
    return kind(**fields)
