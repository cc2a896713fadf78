"""Fewer routes for schools that hardly depend on each other: each by itself, packed by its own kernel.

A route that another school's bus can drive first costs no bus. So stops that no other bus reaches in time are packed
alone, the others fill what room is left, and what stays goes in short routes for buses from elsewhere; or all stops
are packed alike. What needs fewer buses of its own is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels.packing import Ground, Routes, fill, measure, pack
from mobigo.school.linking import alone, list_sources
from mobigo.school.model import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mobigo.school.model import Problem

TIMES = 40
"""How often a school is packed while it has more routes than it is proven to need."""

DRAWN, DRAWN_PER_PLACE = 300_000, 4
"""Numbers drawn each time: so many, or more where there are many stops and routes."""


class Chance(NamedTuple):
    """What is drawn by lot, and for how long."""

    random: np.random.Generator
    stopped: Callable[[], bool]

    def draw(self, n_stops: int, n_routes: int) -> NDArray[np.float64]:
        """Draw numbers for a school."""
        return self.random.random(max(DRAWN, DRAWN_PER_PLACE * (n_stops + 1) * (n_routes + 16)))


def pack_school(
    problem: Problem,
    routes: Sequence[Route],
    least: tuple[int, int],
    remote: NDArray[np.bool_],
    chance: Chance,
) -> list[list[Route]]:
    """Serve the stops of one school with few routes, and with few that no other school's bus can drive.

    Parameters
    ----------
    routes
        Of the school, each of its stops in one.
    least
        Routes that it needs, and those among them that no other school's bus can drive.
    remote : bool[stops of the school]
        Stops that no bus from another school reaches in time.
    """
    school = routes[0].school
    stops = np.flatnonzero(problem.school == school)
    ways = [_pack(problem, stops, routes, least[0], chance)]
    if remote.any() and not remote.all():
        far = stops[remote]
        own = _pack(problem, far, _only(routes, far), least[1], chance)
        ways.append(_fill(problem, stops, own, chance))
    return ways


def _only(routes: Sequence[Route], stops: NDArray[np.int64]) -> list[Route]:
    kept = set(stops.tolist())
    found = [route._replace(stops=tuple(stop for stop in route.stops if stop in kept)) for route in routes]
    return [route for route in found if route.stops]


def _pack(
    problem: Problem,
    stops: NDArray[np.int64],
    routes: Sequence[Route],
    least: int,
    chance: Chance,
) -> list[Route]:
    ground, best = _lay(problem, stops, routes)
    absences = np.zeros(len(stops), np.int64)
    for _ in range(TIMES):
        if best.size[-1] <= least or chance.stopped():
            break
        pack(
            ground,
            best,
            _make_room(best),
            _make_room(best),
            absences,
            least,
            chance.draw(*best.route.shape, *best.ride.shape),
        )
    return _read(problem, stops, routes[0].school, best)


def _fill(problem: Problem, stops: NDArray[np.int64], routes: Sequence[Route], chance: Chance) -> list[Route]:
    """Put the stops that no route serves into routes, else into new ones that other schools' buses can drive."""
    ground, found = _lay(problem, stops, routes)
    fill(ground, found, chance.draw(*found.route.shape, *found.ride.shape))
    kept = _read(problem, stops, routes[0].school, found)
    rest = {int(stop): alone(problem, int(stop)) for stop in stops[found.route < 0]}
    order = np.array(list(rest), np.int64)
    saved = problem.to_school[order][:, None] - problem.drive[np.ix_(order, order)]
    np.fill_diagonal(saved, -np.inf)
    for flat in np.argsort(-saved, axis=None, kind="stable"):
        row, column = divmod(int(flat), len(order))
        front, back = rest[int(order[row])], rest[int(order[column])]
        if saved[row, column] == -np.inf or front is back:
            continue
        if front.stops[-1] != order[row] or back.stops[0] != order[column]:
            continue
        joined = Route(front.school, (*front.stops, *back.stops))
        kind = problem.find_kind(joined.stops)
        if kind is None or problem.ride(joined) > problem.max_ride[joined.school]:
            continue
        joined = joined._replace(kind=kind)
        if len(list_sources(problem, joined)):
            rest.update(dict.fromkeys(joined.stops, joined))
    return [*kept, *dict.fromkeys(rest.values())]


def _lay(problem: Problem, stops: NDArray[np.int64], routes: Sequence[Route]) -> tuple[Ground, Routes]:
    n = len(stops)
    drive = np.ascontiguousarray(problem.drive[np.ix_(stops, stops)])
    aboard = np.stack([problem.boarding([int(stop)]).ravel() for stop in stops]).astype(np.int32)
    near = np.argsort(drive + drive.T - np.diag(np.full(n, np.inf)), axis=1, kind="stable").astype(np.int32)
    kinds = np.array([(one.seats, one.chairs, one.seats_per_chair) for one in problem.kinds], np.int32)
    ground = Ground(
        drive,
        np.ascontiguousarray(problem.to_school[stops]),
        np.ascontiguousarray(problem.dwell[stops]),
        aboard,
        near,
        kinds,
        float(problem.max_ride[routes[0].school]),
    )
    at = {int(stop): number for number, stop in enumerate(stops)}
    found = _allot(len(routes), n)
    for number, route in enumerate(routes):
        found.size[number] = len(route.stops)
        for place, stop in enumerate(route.stops):
            found.stops[number, place] = at[stop]
            found.route[at[stop]] = number
    found.size[-1] = len(routes)
    measure(ground, found)
    return ground, found


def _allot(n_routes: int, n_stops: int) -> Routes:
    return Routes(
        np.zeros((n_routes, n_stops), np.int32),
        np.zeros(n_routes + 1, np.int32),
        np.zeros(n_routes),
        np.zeros((n_routes, 4), np.int32),
        np.full(n_stops, -1, np.int32),
    )


def _make_room(routes: Routes) -> Routes:
    return _allot(*routes.stops.shape)


def _read(problem: Problem, stops: NDArray[np.int64], school: int, routes: Routes) -> list[Route]:
    ways = [
        tuple(stops[routes.stops[number, :size]].tolist())
        for number, size in enumerate(routes.size[:-1].tolist())
        if size
    ]
    return [Route(school, way, problem.find_kind(way) or 0) for way in ways]
