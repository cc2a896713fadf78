"""Compiled array code: the one door to numba.

Kernels take arrays and NamedTuples of arrays, raise nothing (the caller checks shapes and bounds once), draw no random
numbers and release the interpreter's lock.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from functools import cache
from hashlib import blake2b
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, TypeVar

import numba
from numba.core.caching import InTreeCacheLocator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., object]")

OLD = 7 * 86_400
"""Seconds."""

IMPORT = re.compile(r"^from mobigo\.kernels\.(\w+) import", re.MULTILINE)


class Kept(InTreeCacheLocator):  # type: ignore[misc]  # numba says no types
    """Where numba keeps a compiled kernel: a folder for its source together with all the kernels it imports.

    Numba by itself asks only whether the kernel's own file is as it was, so that a kernel went on with what another
    file said before; and it reads what was kept before it asks, which fails for good once a NamedTuple there has gone.
    """

    def __init__(self, py_func: object, py_file: str) -> None:
        super().__init__(py_func, py_file)
        self._state = _digest(Path(py_file))
        self._cache_path = str(_folder() / f"{Path(py_file).stem}-{self._state}")

    def ensure_cache_path(self) -> None:
        """Make the folder, and take away those of states long gone."""
        mine = Path(self._cache_path)
        if not mine.exists():
            for former in mine.parent.glob(f"{Path(self._py_file).stem}-*"):
                if time() - former.stat().st_mtime > OLD:  # whoever runs a former state may still keep something there
                    shutil.rmtree(former, ignore_errors=True)
        super().ensure_cache_path()

    def get_source_stamp(self) -> str:
        """Tell the state of the source and of all it imports."""
        return self._state


numba.config.CACHE_LOCATOR_CLASSES = f"{__name__}.{Kept.__name__},UserWideCacheLocator"


def _folder() -> Path:
    return Path(numba.config.CACHE_DIR or Path(__file__).with_name("__pycache__"))


@cache
def _digest(source: Path) -> str:
    found = {Path(__file__).resolve(), source.resolve()}
    waiting = list(found)
    while waiting:
        for name in IMPORT.findall(waiting.pop().read_text("utf-8")):
            file = Path(__file__).with_name(f"{name}.py").resolve()
            if file not in found:
                found.add(file)
                waiting.append(file)
    state = blake2b(digest_size=8)
    for file in sorted(found, key=lambda one: one.name):
        state.update(file.read_bytes() + b"\0")
    return state.hexdigest()


def kernel(function: F) -> F:
    """Compile a function of arrays; cached on disk, runs without the interpreter's lock."""
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def inner_kernel(function: F) -> F:
    """Compile a part of kernels that makes no arrays: without counting who holds which, a short call stays short."""
    return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # type: ignore[no-any-return]


@contextmanager
def one_compiles(part: str) -> Iterator[None]:
    """Let one process at a time compile, or load, a part of the kernels; who waited finds on disk what it needs.

    Numba itself takes no turns: two processes that begin together both compile everything, each at half the speed.
    Where nothing can be written there is no turn to take.
    """
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        turn = (folder / f"{part}.lock").open("a")
    except OSError:
        yield
        return
    with turn:
        flock(turn, LOCK_EX)
        yield
