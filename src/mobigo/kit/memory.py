"""Memory: when it is swept."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def sweep_later() -> Iterator[None]:
    """Put off the collection of garbage in circles while very many objects are made that all stay.

    It would go through all of them again and again to find that none is garbage: half of the time. Other threads of
    the process only have theirs collected a moment later.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
