"""Packed arrays: NamedTuples of numpy arrays that live in a folder and are mapped, not read.

A value is written as one ``.npy`` per field (nested NamedTuples as sub-folders), so that any number of processes share
its pages. Strings are packed as one blob with offsets.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


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


def pack_strings(values: Iterable[str | None]) -> Strings:
    """Pack strings; None becomes the empty string."""
    encoded = [(value or "").encode() for value in values]
    first = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(value) for value in encoded], out=first[1:])
    return Strings(first, np.frombuffer(b"".join(encoded), np.uint8))


T = TypeVar("T", bound=tuple)  # type: ignore[type-arg]


def write_packed(folder: Path, value: tuple) -> None:  # type: ignore[type-arg]
    """Write a NamedTuple of arrays (and of further such tuples) into a new folder."""
    folder.mkdir(parents=True)
    for name, field in value._asdict().items():  # type: ignore[attr-defined]
        if isinstance(field, tuple):
            write_packed(folder / name, field)
        else:
            np.save(folder / f"{name}.npy", field, allow_pickle=False)


def map_packed(folder: Path, kind: type[T]) -> T:
    """Map a folder written by `write_packed` as a value of the same NamedTuple; nothing is read until touched."""
    fields = {}
    for name, hint in get_type_hints(kind, localns={"NDArray": NDArray}).items():
        part = folder / name
        fields[name] = map_packed(part, hint) if part.is_dir() else _map_array(folder / f"{name}.npy")
    return kind(**fields)


def _map_array(file: Path) -> NDArray[np.generic]:
    array = np.load(file, mmap_mode="r", allow_pickle=False)
    # an ndarray view of the mapping: kernels compile one signature, and the mapping lives as long as the view
    return np.asarray(array)
