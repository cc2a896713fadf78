"""Nouns of planning school transport: what is to be driven, and what a plan is.

Stops and schools are counted from 0, each by itself; times are seconds after midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


DEPOT = -1
"""As where a bus comes from."""


class Kind(NamedTuple):
    """A kind of bus, of which there are as many as are wanted."""

    seats: int
    chairs: int = 0
    """Places for wheelchairs."""
    seats_per_chair: int = 0
    """Seats that are folded away for each."""
    day: float = 0.0
    """Cost of a bus."""
    metre: float = 0.0
    """Cost of a metre."""
    second: float = 0.0
    """Cost of a second of driving or halting; waiting is not counted."""

    def holds(self, riders: NDArray[np.int32]) -> bool:
        """Tell whether riders fit, int32[2, 2]: by week, those who sit and those in wheelchairs."""
        seats = riders[:, 0] + self.seats_per_chair * riders[:, 1]
        return bool((seats <= self.seats).all() and (riders[:, 1] <= self.chairs).all())

    def suits(self, other: Kind) -> bool:
        """Tell whether whatever the other kind holds fits into this one."""
        more = self.seats_per_chair <= other.seats_per_chair or other.chairs == 0
        return self.seats >= other.seats and self.chairs >= other.chairs and more


class Route(NamedTuple):
    """A bus's way through stops of one school, to that school."""

    school: int
    stops: tuple[int, ...]
    """In driving order."""
    kind: int = 0
    """Of the bus."""


class Metres(NamedTuple):
    """Lengths of the drives, as in the problem's seconds."""

    drive: NDArray[np.float64]
    to_school: NDArray[np.float64]
    from_school: NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """Schools with their bells, stops with their pupils, and the drives between them.

    Drives are closed under the triangle inequality: passing by another place is never shorter.
    """

    kinds: tuple[Kind, ...]
    """Of buses."""
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
    riders: NDArray[np.int32] | None = None
    """int32[n_stops, 2, 2], by week (even, odd), who sits and who is in a wheelchair; None: all sit, every week."""
    metres: Metres | None = None
    """None where lengths do not matter."""

    @property
    def n_schools(self) -> int:
        """How many schools."""
        return len(self.bell)

    @property
    def n_stops(self) -> int:
        """How many stops."""
        return len(self.school)

    @property
    def n_nodes(self) -> int:
        """How many places where buses of one kind become free: see `node`."""
        return len(self.kinds) * self.n_schools

    def node(self, kind: int, school: int) -> int:
        """Number the buses of a kind that are free at a school."""
        return kind * self.n_schools + school

    def boarding(self, stops: Sequence[int]) -> NDArray[np.int32]:
        """Count who boards at stops, int32[2, 2]: by week, those who sit and those in wheelchairs."""
        if self.riders is None:
            load = int(self.pupils[list(stops)].sum())
            return np.array([[load, 0], [load, 0]], np.int32)
        total: NDArray[np.int32] = self.riders[list(stops)].sum(axis=0, dtype=np.int32)
        return total

    def fits(self, route: Route) -> bool:
        """Tell whether a route's pupils fit into a bus of its kind."""
        return self.kinds[route.kind].holds(self.boarding(route.stops))

    def find_kind(self, stops: Sequence[int]) -> int | None:
        """Find the first kind of bus into which the pupils of stops fit."""
        aboard = self.boarding(stops)
        return next((number for number, kind in enumerate(self.kinds) if kind.holds(aboard)), None)

    def length(self, route: Route) -> float:
        """Metres from the first stop to the school; 0 where lengths do not matter."""
        if self.metres is None:
            return 0.0
        stops = route.stops
        between = sum(float(self.metres.drive[here, there]) for here, there in pairwise(stops))
        return between + float(self.metres.to_school[stops[-1]])

    def cost(self, source: int, route: Route) -> float:
        """Cost of a route, from the school its bus comes from or with a bus of its own."""
        kind = self.kinds[route.kind]
        cost = kind.metre * self.length(route) + kind.second * self.service(route)
        if source == DEPOT:
            return kind.day + cost
        lead = 0.0 if self.metres is None else float(self.metres.from_school[source, route.stops[0]])
        return cost + kind.metre * lead + kind.second * float(self.from_school[source, route.stops[0]])

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
    """float64[n_nodes], of a bus of a kind that is free at a school."""
    route: NDArray[np.float64]
    """float64[n_schools], of a route to the school being one of at least `count`."""
    count: NDArray[np.int32]
    """int32[n_schools], routes without which the school cannot be served."""
    fresh: NDArray[np.float64]
    """float64[n_schools], of a route to the school that a bus begins with being one of at least `fresh_count`."""
    fresh_count: NDArray[np.int32]
    """int32[n_schools], such routes without which the school cannot be served: no other bus is in time."""


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
        waiting: dict[tuple[int, int], list[int]] = {}
        starts = []
        for number, source in enumerate(self.source):
            if source == DEPOT:
                starts.append(number)
            else:
                waiting.setdefault((self.routes[number].kind, source), []).append(number)
        blocks = []
        for start in starts:
            block = [start]
            while follow := waiting.get((self.routes[block[-1]].kind, self.routes[block[-1]].school)):
                block.append(follow.pop())
            blocks.append(block)
        return blocks
