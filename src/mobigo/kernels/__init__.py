"""Compiled array code: the one door to numba.

Kernels take arrays and NamedTuples of arrays, raise nothing (the caller checks shapes and bounds once), draw no random
numbers and release the interpreter's lock.
"""

from __future__ import annotations

from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

F = TypeVar("F", bound="Callable[..., object]")


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
    folder = Path(numba.config.CACHE_DIR or Path(__file__).with_name("__pycache__"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        turn = (folder / f"{part}.lock").open("a")
    except OSError:
        yield
        return
    with turn:
        flock(turn, LOCK_EX)
        yield
