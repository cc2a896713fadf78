"""Which buses drive which routes, the routes being given: exact, in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.linking import link_routes
from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.model import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.school.model import Problem, Route


def list_sources(problem: Problem, route: Route) -> NDArray[np.int32]:
    """List the schools whose buses, free at the bell, are in time for the route."""
    late = problem.bell + problem.from_school[:, route.stops[0]] + problem.service(route)
    latest = problem.bell[route.school] - problem.unloading[route.school] + TOLERANCE
    return np.flatnonzero(late <= latest).astype(np.int32)


def link(problem: Problem, routes: Sequence[Route], source: Sequence[int] | None = None) -> Plan:
    """Drive the routes with the fewest buses; `source` are links to begin with."""
    possible = np.zeros((len(routes), problem.n_schools), np.uint8)
    for number, route in enumerate(routes):
        possible[number, list_sources(problem, route)] = 1
    school = np.array([route.school for route in routes], np.int32)
    begin = np.full(len(routes), -1, np.int32) if source is None else np.array(source, np.int32)
    return Plan(tuple(routes), tuple(int(i) for i in link_routes(school, possible, begin)))
