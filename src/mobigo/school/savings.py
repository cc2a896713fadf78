"""A first plan, at once: routes of each school merged end to end while that saves driving, then linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.linking import link
from mobigo.school.model import Route

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.school.model import Plan, Problem


def plan_by_savings(problem: Problem) -> Plan:
    """Plan with Clarke and Wright's savings, school by school."""
    return link(problem, merge_stops(problem, np.ones(problem.n_stops, np.bool_)))


def merge_stops(problem: Problem, chosen: NDArray[np.bool_]) -> list[Route]:
    """Make routes of the chosen stops."""
    stops = [np.flatnonzero(chosen & (problem.school == school)) for school in range(problem.n_schools)]
    return [route for school, some in enumerate(stops) for route in _merge(problem, school, some)]


def _merge(problem: Problem, school: int, stops: NDArray[np.int64]) -> list[Route]:
    drive = problem.drive[np.ix_(stops, stops)]
    # leaving `a` for `b` instead of for the school saves a's way home; the bus that was to begin at `b` is spared
    saving = problem.to_school[stops][:, None] - drive
    np.fill_diagonal(saving, -np.inf)
    chain = {int(k): [int(k)] for k in stops}  # by each of its stops, the route it is in
    ride = {int(k): float(problem.to_school[k]) for k in stops}  # by first stop
    load = {int(k): problem.boarding([int(k)]) for k in stops}
    for flat in np.argsort(-saving, axis=None, kind="stable"):
        row, column = divmod(int(flat), len(stops))
        if saving[row, column] == -np.inf:
            break
        a, b = int(stops[row]), int(stops[column])
        front, back = chain[a], chain[b]
        if front is back or front[-1] != a or back[0] != b:
            continue
        first = front[0]
        longer = ride[first] - problem.to_school[a] + problem.drive[a, b] + problem.dwell[b] + ride[b]
        if longer > problem.max_ride[school] + TOLERANCE:
            continue
        together = load[first] + load[b]
        if not any(kind.holds(together) for kind in problem.kinds):
            continue
        ride[first], load[first] = float(longer), together
        front.extend(back)
        for stop in back:
            chain[stop] = front
    return [Route(school, tuple(one), problem.find_kind(one) or 0) for first, one in chain.items() if one[0] == first]
