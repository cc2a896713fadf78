"""Nouns of planning school transport: what is to be driven, and what a plan is.

Stops and schools are counted from 0, each by itself; times are seconds after midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Route(NamedTuple):
    """A bus's way through stops of one school, to that school."""

    school: int
    stops: tuple[int, ...]
    """In driving order."""


@dataclass(frozen=True)
class Problem:
    """Schools with their bells, stops with their pupils, and the drives between them; one kind of bus.

    Drives are closed under the triangle inequality: passing by another place is never shorter.
    """

    capacity: int
    """Seats of a bus."""
    max_ride: NDArray[np.float64]
    """float64[n_schools], seconds between a pupil's leaving the stop and arriving at the school."""
    bell: NDArray[np.float64]
    """float64[n_schools], seconds: from then on a bus is free again."""
    unloading: NDArray[np.float64]
    """float64[n_schools], seconds that a bus must arrive before the bell."""
    school: NDArray[np.int32]
    """int32[n_stops], the school of the stop's pupils."""
    pupils: NDArray[np.int32]
    """int32[n_stops], 1 or more."""
    dwell: NDArray[np.float64]
    """float64[n_stops], seconds."""
    drive: NDArray[np.float64]
    """float64[n_stops, n_stops], seconds from row to column."""
    to_school: NDArray[np.float64]
    """float64[n_stops], seconds from a stop to its school."""
    from_school: NDArray[np.float64]
    """float64[n_schools, n_stops], seconds from a school to a stop, empty."""

    @property
    def n_schools(self) -> int:
        """How many schools."""
        return len(self.bell)

    @property
    def n_stops(self) -> int:
        """How many stops."""
        return len(self.school)

    def load(self, route: Route) -> int:
        """Count the pupils aboard at the school."""
        return int(self.pupils[list(route.stops)].sum())

    def ride(self, route: Route) -> float:
        """Seconds from leaving the first stop to arriving at the school."""
        stops = route.stops
        total = float(self.to_school[stops[-1]])
        for here, there in pairwise(stops):
            total += float(self.drive[here, there]) + float(self.dwell[there])
        return total

    def service(self, route: Route) -> float:
        """Seconds from arriving at the first stop to arriving at the school."""
        return float(self.dwell[route.stops[0]]) + self.ride(route)

    def slack(self, source: int, school: int) -> float:
        """Seconds between a bus's being free at one school and its latest arrival at another."""
        return float(self.bell[school] - self.unloading[school] - self.bell[source])


@dataclass(frozen=True)
class Certificate:
    """Prices that prove a bound: no route costs less than its stops, its bus and its school's count are worth."""

    bound: int
    """No plan has fewer buses."""
    value: float
    """The bound before rounding up."""
    stop: NDArray[np.float64]
    """float64[n_stops], of serving a stop."""
    release: NDArray[np.float64]
    """float64[n_schools], of a bus that is free at the school."""
    route: NDArray[np.float64]
    """float64[n_schools], of a route to the school being one of at least `count`."""
    count: NDArray[np.int32]
    """int32[n_schools], routes without which the school cannot be served."""


@dataclass(frozen=True)
class Plan:
    """Routes, and the buses that drive them."""

    routes: tuple[Route, ...]
    source: tuple[int, ...]
    """By route, the school its bus comes from; -1 from the depot."""

    @property
    def buses(self) -> int:
        """How many buses: those that come from the depot."""
        return sum(source < 0 for source in self.source)

    def blocks(self) -> list[list[int]]:
        """List the routes of each bus in driving order."""
        waiting: dict[int, list[int]] = {}
        for number, source in enumerate(self.source):
            waiting.setdefault(source, []).append(number)
        blocks = []
        for start in waiting.get(-1, []):
            block = [start]
            while follow := waiting.get(self.routes[block[-1]].school):
                block.append(follow.pop())
            blocks.append(block)
        return blocks
