"""Which buses drive which routes, the routes being given: exact, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.linking import link_routes
from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.model import DEPOT, Plan, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.school.model import Problem


def list_sources(problem: Problem, route: Route) -> NDArray[np.int32]:
    """List the schools whose buses, free at the bell, are in time for the route."""
    late = problem.bell + problem.from_school[:, route.stops[0]] + problem.service(route)
    latest = problem.bell[route.school] - problem.unloading[route.school] + TOLERANCE
    return np.flatnonzero(late <= latest).astype(np.int32)


def link(problem: Problem, routes: Sequence[Route], source: Sequence[int] | None = None) -> Plan:
    """Drive the routes with the fewest buses; `source` are links to begin with."""
    possible = np.zeros((len(routes), problem.n_nodes), np.uint8)
    for number, route in enumerate(routes):
        possible[number, problem.node(route.kind, 0) + list_sources(problem, route)] = 1
    node = np.array([problem.node(route.kind, route.school) for route in routes], np.int32)
    begin = np.full(len(routes), DEPOT, np.int32)
    if source is not None:
        begin[:] = [
            one if one == DEPOT else problem.node(route.kind, one) for one, route in zip(source, routes, strict=True)
        ]
    found = link_routes(node, possible, begin)
    return Plan(tuple(routes), tuple(DEPOT if one < 0 else int(one) % problem.n_schools for one in found))


def visit_once(routes: Sequence[Route]) -> list[Route]:
    """Leave stops that are visited twice out of all routes but the longest; routes without stops vanish."""
    visited: set[int] = set()
    kept = []
    for route in sorted(routes, key=lambda one: (-len(one.stops), one)):
        stops = tuple(stop for stop in route.stops if stop not in visited)
        visited.update(stops)
        if stops:
            kept.append(route._replace(stops=stops))
    return kept


def alone(problem: Problem, stop: int) -> Route:
    """Return the route of one stop, by the first kind of bus that takes its pupils."""
    return Route(int(problem.school[stop]), (stop,), problem.find_kind([stop]) or 0)
