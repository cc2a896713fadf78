"""Mixed loads: vehicles that bring pupils of several schools at once, where that spares vehicles or costs less.

A plan in which every vehicle carries one school's pupils is taken apart, the smallest routes first: each of their stops
goes where it lengthens another vehicle's tour least, with a call at its school if the tour has none. What makes the
plan worse is not done. Times are as in the problem, so ways home are ways to school in reversed time.

References
----------
Park, Tae, Kim (2012), A post-improvement procedure for the mixed load school bus routing problem.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.bounds import count_by_load
from mobigo.school.columns import measure_room
from mobigo.school.master import assign_sources
from mobigo.school.model import DEPOT
from mobigo.school.task import Tour, Toured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mobigo.school.model import Plan, Problem
    from mobigo.school.patience import Patience
    from mobigo.school.task import Mixture

NEAR = 12
"""Tours into which a stop is tried to be put."""

DEAR = 10**10
"""Units that a vehicle more costs where vehicles come first."""

LEAST = 0.5
"""Of the cost's unit: less is no gain."""


class Timed(NamedTuple):
    """A tour that can be driven."""

    tour: Tour
    start: float
    """Seconds after midnight when it is at its first stop, at the latest."""
    cost: float
    """Without what it takes to get there."""

    @property
    def last(self) -> int:
        """The school at which its vehicle is free again."""
        return -1 - self.tour.visits[-1]


class Judge:
    """Tells which tours can be driven, and what they cost."""

    def __init__(self, problem: Problem, mixture: Mixture) -> None:
        self._problem, self._mixture = problem, mixture
        self._drive = np.ascontiguousarray(problem.drive, np.float64).data
        self._home = np.ascontiguousarray(mixture.to_school, np.float64).data
        self._lead = np.ascontiguousarray(problem.from_school, np.float64).data
        self._across = np.ascontiguousarray(mixture.across, np.float64).data
        riders = problem.riders
        if riders is None:
            riders = np.zeros((problem.n_stops, 2, 2), np.int32)
            riders[:, :, 0] = problem.pupils[:, None]
        self._riders: list[list[int]] = riders.reshape(-1, 4).tolist()
        self._school: list[int] = problem.school.tolist()
        self._dwell: list[float] = problem.dwell.tolist()
        self._longest: list[float] = problem.max_ride.tolist()
        self._unloading: list[float] = problem.unloading.tolist()
        self._due: list[float] = (problem.bell - problem.unloading).tolist()
        self._early: list[float] = (problem.bell - mixture.early).tolist()

    def may_meet(self, schools: Sequence[int]) -> bool:
        """Tell whether pupils of these schools may ride together."""
        return all(self._mixture.together[a, b] for n, a in enumerate(schools) for b in schools[:n])

    def judge(self, visits: tuple[int, ...], kind: int) -> Timed | None:
        """Time a tour; None where it breaks a limit.

        Parameters
        ----------
        visits
            Stops, and schools as ``-1 - number``, in driving order; the last is a school.
        """
        found = self._time(visits, kind)
        if found is None:
            return None
        start, seconds = found
        one = self._problem.kinds[kind]
        return Timed(Tour(visits, kind), start, one.metre * self._measure(visits) + one.second * seconds)

    def _time(self, visits: tuple[int, ...], kind: int) -> tuple[float, float] | None:
        clock, low, high = 0.0, -math.inf, math.inf
        aboard: dict[int, list[tuple[int, float]]] = {}
        taken = [0, 0, 0, 0]
        before, schools, of = None, 0, self._problem.kinds[kind]
        for visit in visits:
            if before is not None:
                clock += self.seconds(before, visit)
            before = visit
            if visit >= 0:
                clock += self._dwell[visit]
                aboard.setdefault(self._school[visit], []).append((visit, clock))
                taken = [a + b for a, b in zip(taken, self._riders[visit], strict=True)]
                for week in (0, 2):
                    sits, rolls = taken[week], taken[week + 1]
                    if rolls > of.chairs or sits + of.seats_per_chair * rolls > of.seats:
                        return None
                continue
            school = -1 - visit
            schools += 1
            high = min(high, self._due[school] - clock)
            low = max(low, self._early[school] - clock)
            for stop, left in aboard.pop(school, ()):
                if clock - left > self._longest[school] + TOLERANCE:
                    return None
                taken = [a - b for a, b in zip(taken, self._riders[stop], strict=True)]
            if visit is not visits[-1]:
                clock += self._unloading[school]
        if aboard or (schools > 1 and low > high + TOLERANCE):
            return None
        return high, clock

    def seconds(self, here: int, there: int) -> float:
        """Return the seconds of a drive between stops or schools."""
        if here >= 0:
            return float(self._drive[here, there]) if there >= 0 else float(self._home[here, -1 - there])
        return float(self._lead[-1 - here, there]) if there >= 0 else float(self._across[-1 - here, -1 - there])

    def _measure(self, visits: tuple[int, ...]) -> float:
        metres, mixture = self._problem.metres, self._mixture
        if metres is None:
            return 0.0
        total = 0.0
        for here, there in pairwise(visits):
            if here >= 0:
                total += metres.drive[here, there] if there >= 0 else mixture.to_school_metres[here, -1 - there]
            elif there >= 0:
                total += metres.from_school[-1 - here, there]
            else:
                total += mixture.across_metres[-1 - here, -1 - there]
        return float(total)

    def link(self, tours: Sequence[Timed]) -> Toured:
        """Drive tours with the fewest vehicles, and of all ways to do that the cheapest."""
        problem = self._problem
        supply = [0] * problem.n_nodes
        for one in tours:
            supply[problem.node(one.tour.kind, one.last)] += 1
        links, depot = [], []
        for number, one in enumerate(tours):
            kind, first = problem.kinds[one.tour.kind], one.tour.visits[0]
            depot.append(DEAR + round(kind.day))
            reach = problem.bell + problem.from_school[:, first]
            for source in np.flatnonzero(reach <= one.start + TOLERANCE).tolist():
                metres = 0.0 if problem.metres is None else float(problem.metres.from_school[source, first])
                lead = kind.metre * metres + kind.second * float(problem.from_school[source, first])
                links.append((number, problem.node(one.tour.kind, source), round(lead)))
        found = assign_sources(supply, depot, links)
        own = sum(one.cost for one in tours)
        leads = {(number, node): cost for number, node, cost in links}
        cost = own + sum(
            problem.kinds[one.tour.kind].day if node < 0 else leads[number, node]
            for number, (one, node) in enumerate(zip(tours, found, strict=True))
        )
        sources = tuple(DEPOT if node < 0 else node % problem.n_schools for node in found)
        return Toured(tuple(one.tour for one in tours), sources, cost)


def mix(problem: Problem, plan: Plan, mixture: Mixture, patience: Patience, seed: int) -> Toured:
    """Let pupils of several schools ride together where that is better; never worse than the plan."""
    judge = Judge(problem, mixture)
    tours = []
    for route in plan.routes:
        timed = judge.judge((*route.stops, -1 - route.school), route.kind)
        assert timed is not None
        tours.append(timed)
    search = _Search(problem, judge, tours, np.random.default_rng(seed))
    search.run(patience)
    return search.best


class _Search:
    """Tours so far, and how they are linked."""

    def __init__(self, problem: Problem, judge: Judge, tours: list[Timed], random: np.random.Generator) -> None:
        self._problem, self._judge, self._tours, self._random = problem, judge, tours, random
        self.best = judge.link(tours)

    def run(self, patience: Patience) -> None:
        """Take apart one tour after another until none of them can go, or time or work is over."""
        tries, left = 0, self._order()
        most = None if patience.work is None else patience.work * len(left)
        while left and not patience.reached() and (most is None or tries < most):
            tries += 1
            if self._spare(left.pop(0)):
                left = self._order()

    def _order(self) -> list[Timed]:
        """Order tours by their stops, those with as many by lot."""
        lot = self._random.permutation(len(self._tours))
        order = sorted(lot.tolist(), key=lambda number: len(self._tours[number].tour.visits))
        return [self._tours[number] for number in order]

    def _spare(self, one: Timed) -> bool:
        """Put the stops of a tour into others, if that makes the plan better."""
        tours = [other for other in self._tours if other is not one]
        stops = [visit for visit in one.tour.visits if visit >= 0]
        near = self._list_near(stops, tours)
        for stop in stops:
            found = min(self._list_ways(stop, [tours[at] for at in near], near), default=None)
            if found is None:
                return False
            _, at, _, timed = found
            tours[at] = timed
        linked = self._judge.link(tours)
        if (linked.buses, linked.cost) >= (self.best.buses, self.best.cost - LEAST):
            return False
        self._tours, self.best = tours, linked
        return True

    def _list_near(self, stops: Sequence[int], tours: Sequence[Timed]) -> list[int]:
        """List the tours that stop nearest to some stops."""
        apart = self._problem.drive[stops].min(axis=0)
        far = [min(float(apart[visit]) for visit in other.tour.visits if visit >= 0) for other in tours]
        return [int(number) for number in np.argsort(far, kind="stable")[:NEAR]]

    def _list_ways(
        self, stop: int, tours: Sequence[Timed], numbers: Sequence[int]
    ) -> Iterator[tuple[float, int, tuple[int, ...], Timed]]:
        """List the ways to put a stop into tours: by how much more they cost, or else take."""
        own = -1 - int(self._problem.school[stop])
        for number, one in zip(numbers, tours, strict=True):
            visits, kind = one.tour.visits, one.tour.kind
            schools = [-1 - visit for visit in visits if visit < 0]
            if own in visits:
                ways = [(*visits[:at], stop, *visits[at:]) for at in range(visits.index(own) + 1)]
            elif self._judge.may_meet([*schools, -1 - own]):
                ways = [
                    (*visits[:at], stop, *visits[at:to], own, *visits[to:])
                    for at in range(len(visits) + 1)
                    for to in range(at, len(visits) + 1)
                ]
            else:
                continue
            for way in ways:
                timed = self._judge.judge(way, kind)
                if timed is not None:
                    yield timed.cost - one.cost + (one.start - timed.start) * TOLERANCE, number, way, timed


def bound_mixed(problem: Problem, mixture: Mixture) -> int:
    """Bound the vehicles where loads may be mixed.

    Among schools whose bells are so near that no vehicle can leave one of them and fetch anybody for another, or for
    itself, before its bell, all pupils whom a vehicle brings are aboard at once.
    """
    room = max((measure_room(problem, kind) for kind in problem.kinds), key=lambda one: one.capacity)
    served = np.unique(problem.school).tolist()
    gone = problem.bell - mixture.early + problem.unloading
    round_trip = np.full((problem.n_schools, problem.n_schools), np.inf)
    for school in served:
        stops = np.flatnonzero(problem.school == school)
        ways = problem.from_school[:, stops] + problem.dwell[stops] + problem.to_school[stops]
        round_trip[:, school] = ways.min(axis=1)
    apart = gone[:, None] + round_trip > (problem.bell - problem.unloading)[None, :] + TOLERANCE
    order = sorted(served, key=lambda school: float(problem.bell[school]))
    best = 0
    for first in range(len(order)):
        group: list[int] = []
        for school in order[first:]:
            if all(apart[school, other] and apart[other, school] for other in [*group, school]):
                group.append(school)
        best = max(best, _count(room.load, room.capacity, np.isin(problem.school, group)))
    return best


def _count(load: NDArray[np.int32], capacity: int, chosen: NDArray[np.bool_]) -> int:
    return count_by_load(load[chosen], capacity) if chosen.any() else 0
