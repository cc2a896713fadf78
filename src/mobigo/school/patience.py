"""When a search stops: time, work, or a word from whoever asked for it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 1e-6
"""Seconds; no less is divided by."""

RESERVE, RESERVED = 1.0, 0.01
"""Seconds, and part of the limit, before which nothing new is begun."""

LONGER = 1.5
"""How much longer than the last a step may take."""


class Patience:
    """How long to search: until a time, so many steps, or until somebody asks to stop."""

    def __init__(
        self, seconds: float, work: int | None, asked: Callable[[], bool] | None, clock: Callable[[], float]
    ) -> None:
        self.work = work
        self.clock = clock
        kept = RESERVE + RESERVED * seconds
        self._end = math.inf if work is not None else clock() + max(0.0, seconds - kept)
        self._asked = asked
        self._step = clock()
        self._wall, self._own = time.monotonic(), time.process_time()

    def left(self) -> float:
        """Seconds that are left."""
        return self._end - self.clock()

    def reached(self) -> bool:
        """Tell whether time is over, or somebody asked to stop."""
        return self.left() <= 0 or (self._asked is not None and self._asked())

    def for_search(self, seconds: float) -> float:
        """Seconds on the wall in which this process gets so many of a processor that others use too, as far as left."""
        if self.work is not None:
            return math.inf
        crowd = max(1.0, (time.monotonic() - self._wall) / max(time.process_time() - self._own, LEAST))
        left = self.left() * (crowd if self.clock is time.process_time else 1.0)
        return min(seconds * crowd, left)

    def within(self, share: float) -> Callable[[], bool]:
        """Return what tells whether less than a share of the time from now has passed."""
        end = math.inf if self.work is not None else self.clock() + share * max(0.0, self.left())
        return lambda: self.clock() < end

    def near(self) -> bool:
        """Tell, at the end of a step, whether there is no time for another one that may take a little longer."""
        before, self._step = self._step, self.clock()
        return self.left() <= LONGER * (self._step - before) or self.reached()
