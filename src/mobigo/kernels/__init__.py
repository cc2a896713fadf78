"""Compiled array code: the one door to numba.

Kernels take arrays and NamedTuples of arrays, raise nothing (the caller checks shapes and bounds once), draw no random
numbers and release the interpreter's lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


def kernel(function: F) -> F:
    """Compile a function of arrays; cached on disk, runs without the interpreter's lock."""
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def inner_kernel(function: F) -> F:
    """Compile a part of kernels that makes no arrays: without counting who holds which, a short call stays short."""
    return numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # type: ignore[no-any-return]
