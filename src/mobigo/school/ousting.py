"""Fewer buses for a whole plan, school by school and link by link at once: one route after another is done without.

Packing by itself a school has few routes, whichever buses drive them. Here all schools' routes stand beside each other:
the stops of one leave it and find room elsewhere, routes become short enough for a bus from another school, and buses
that are spared serve where they are missing. See `mobigo.kernels.ousting`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.ousting import Fleet, Town, drop, make_log, oust, recount
from mobigo.school.linking import link
from mobigo.school.model import Plan, Route

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.school.model import Problem
    from mobigo.school.packing import Chance

NEAR, AROUND = 40, 60
"""Stops beside each that leave with it: of its school, and of any."""

ROUNDS, ROUNDS_PER_STOP, TIMES = 10_000, 100, 30
"""Of ousting between two looks at the clock, at most and for each stop, and how often until another route is tried."""

WARMTH = 30.0
"""Seconds that rides may become longer by, times the logarithm of a number drawn."""

DRAWN = 100
"""Numbers drawn for each round."""

FAMILIAR, MOST = 3_000, 30_000
"""Rounds that each stop counts as left out to begin with, so that as many make it twice as hard to leave out; and the
most that any counts."""

FORGETTING = 0.1
"""Of what is counted beyond that, what is forgotten after a route that could not be spared."""

EASIEST = 0.7
"""How often that route goes whose stops were left out least; else one by lot."""


class Ouster:
    """A plan that is bettered, route by route.

    Parameters
    ----------
    least : (int32[n_schools], int32[n_schools])
        Routes that each school needs, and those among them that a bus begins with: no fewer are tried.
    """

    def __init__(
        self, problem: Problem, plan: Plan, least: tuple[NDArray[np.int32], NDArray[np.int32]], chance: Chance
    ) -> None:
        self._problem, self._least, self._chance = problem, least, chance
        self._town = _lay_town(problem)
        self._fleet = _lay_fleet(problem, self._town)
        self._log = make_log(*self._fleet.stops.shape)
        self._absences = np.full(problem.n_stops, FAMILIAR, np.int64)
        self._out = np.zeros(problem.n_stops, np.int32)
        self.plan = plan
        """The best so far."""

    def try_once(self) -> bool:
        """Try to do without one route, or more; tell whether a bus is spared."""
        before, chance = self.plan, self._chance
        self._write(before)
        routes = self._list_spare()
        if not len(routes):
            return False
        fleet, town = self._fleet, self._town
        self._drop(self._choose(routes))
        fleet.buses[1] = before.buses - 1
        rounds = min(ROUNDS, ROUNDS_PER_STOP * self._problem.n_stops)
        for _ in range(TIMES):
            draws = chance.random.random(DRAWN * rounds)
            if oust(town, fleet, self._log, self._absences, self._out, rounds, WARMTH, draws) < rounds:
                found = self._read()
                self.plan = link(self._problem, found.routes, found.source)
                return True
            if chance.stopped():
                break
            np.minimum(self._absences, MOST, out=self._absences)
            # other links of the same routes may spare a bus, that is then free for stops that are left out
            found = self._read()
            linked = link(self._problem, found.routes, found.source)
            if linked.buses < found.buses:
                self._write(linked)
        self._absences -= ((self._absences - FAMILIAR) * FORGETTING).astype(np.int64)
        return False

    def _list_spare(self) -> NDArray[np.int64]:
        """List the routes with a bus of their own of schools that are not proven to need as many.

        Where other schools' buses reach a stop in time, the bus may be spared though the route is not.
        """
        fleet, problem = self._fleet, self._problem
        live = np.flatnonzero(fleet.size)
        of_school = np.bincount(problem.school[fleet.stops[live, 0]], minlength=problem.n_schools)
        own = live[fleet.source[live] < 0]
        school = problem.school[fleet.stops[own, 0]]
        own_of_school = np.bincount(school, minlength=problem.n_schools)
        counts, fresh = self._least
        linked = np.zeros(problem.n_schools, np.bool_)
        linked[problem.school[self._town.sources[:, 0] >= 0]] = True
        spare = linked[school] | (of_school[school] > counts[school])
        found: NDArray[np.int64] = own[spare & (own_of_school[school] > fresh[school])]
        return found

    def _drop(self, route: int) -> None:
        """Leave out a route, and those that its bus drives next where no other one is free for them."""
        fleet, problem = self._fleet, self._problem
        school, kind = int(problem.school[fleet.stops[route, 0]]), int(fleet.kind[route])
        drop(self._town, fleet, route)
        node = problem.node(kind, school)
        if fleet.used[node] > fleet.ends[node]:
            self._drop(int(np.flatnonzero((fleet.size > 0) & (fleet.source == school) & (fleet.kind == kind))[0]))

    def _choose(self, routes: NDArray[np.int64]) -> int:
        random, fleet = self._chance.random, self._fleet
        if random.random() > EASIEST:
            return int(random.choice(routes))
        often = np.array([self._absences[fleet.stops[r, : fleet.size[r]]].sum() for r in routes.tolist()])
        lot = random.random(len(routes))
        return int(routes[np.lexsort((lot, often))[0]])

    def _write(self, plan: Plan) -> None:
        town, fleet = self._town, self._fleet
        fleet.size[:], fleet.route[:], fleet.top[:] = 0, -1, 0
        for route, source in zip(plan.routes, plan.source, strict=True):
            at = int(town.slot[route.school] + fleet.top[route.school])
            fleet.top[route.school] += 1
            fleet.size[at] = len(route.stops)
            fleet.stops[at, : len(route.stops)] = route.stops
            fleet.route[list(route.stops)] = at
            fleet.kind[at], fleet.source[at] = route.kind, source
        recount(town, fleet)

    def _read(self) -> Plan:
        fleet, school = self._fleet, self._problem.school
        live = np.flatnonzero(fleet.size).tolist()
        ways = [tuple(fleet.stops[at, : fleet.size[at]].tolist()) for at in live]
        routes = [Route(int(school[way[0]]), way, int(fleet.kind[at])) for way, at in zip(ways, live, strict=True)]
        return Plan(tuple(routes), tuple(fleet.source[live].tolist()))


def _lay_town(problem: Problem) -> Town:
    n, n_schools = problem.n_stops, problem.n_schools
    near, around = np.full((n, NEAR), -1, np.int32), np.full((n, AROUND), -1, np.int32)
    size = np.bincount(problem.school, minlength=n_schools)
    for school in np.flatnonzero(size).tolist():
        stops = np.flatnonzero(problem.school == school)
        apart = problem.drive[stops] + problem.drive[:, stops].T
        apart[np.arange(len(stops)), stops] = -np.inf
        own = np.argsort(apart[:, stops], axis=1, kind="stable")[:, :NEAR]
        near[stops, : own.shape[1]] = stops[own]
        each = np.argsort(apart, axis=1, kind="stable")[:, :AROUND]
        around[stops, : each.shape[1]] = each
    slack = problem.bell[None, :] - problem.unloading[None, :] - problem.bell[:, None]
    late = problem.from_school + problem.dwell + problem.to_school
    rest = np.where(problem.school == np.arange(n_schools)[:, None], -1.0, slack[:, problem.school] - late).T
    most = max(1, int((rest >= 0).sum(axis=1).max(initial=0)))
    order = np.argsort(-rest, axis=1, kind="stable")[:, :most]
    sources = np.where(np.take_along_axis(rest, order, axis=1) >= 0, order, -1)
    riders = problem.riders
    if riders is None:
        riders = np.zeros((n, 2, 2), np.int32)
        riders[:, :, 0] = problem.pupils[:, None]
    return Town(
        problem.school.astype(np.int32),
        np.ascontiguousarray(problem.drive, np.float64),
        np.ascontiguousarray(problem.to_school, np.float64),
        np.ascontiguousarray(problem.dwell, np.float64),
        np.ascontiguousarray(riders.reshape(n, 4), np.int32),
        near,
        around,
        np.array([(one.seats, one.chairs, one.seats_per_chair) for one in problem.kinds], np.int32),
        np.ascontiguousarray(problem.max_ride, np.float64),
        slack,
        np.ascontiguousarray(problem.from_school, np.float64),
        np.ascontiguousarray(sources, np.int32),
        np.append(0, np.cumsum(size)).astype(np.int32),
    )


def _lay_fleet(problem: Problem, town: Town) -> Fleet:
    n_slots, longest = problem.n_stops, int(np.diff(town.slot).max(initial=1))
    return Fleet(
        np.zeros((n_slots, longest), np.int32),
        np.zeros(n_slots, np.int32),
        np.zeros(n_slots),
        np.zeros((n_slots, 4), np.int32),
        np.zeros(n_slots, np.int32),
        np.full(n_slots, -1, np.int32),
        np.full(problem.n_stops, -1, np.int32),
        np.zeros(problem.n_nodes, np.int32),
        np.zeros(problem.n_nodes, np.int32),
        np.zeros(problem.n_schools, np.int32),
        np.zeros(3, np.int32),
    )
