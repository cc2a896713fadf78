"""Bells moved within their windows where that spares buses.

A route is driven by a bus from another school where the bells are far enough apart: so few minutes decide. With the
routes given, the bells that let most of them be linked are found by a program; routes and bells are improved in turn.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.linking import link
from mobigo.school.master import Relaxation, Timing, choose_bells
from mobigo.school.task import STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.school.model import Plan, Problem, Route
    from mobigo.school.task import Windows

WORK = 20.0
"""OR-Tools' deterministic seconds for moving bells once."""

EXACT = 1e-6


def move_bells(problem: Problem, routes: Sequence[Route], windows: Windows, *, seed: int) -> tuple[Problem, Plan]:
    """Move bells so that the routes need the fewest buses; the problem with those bells, and the routes linked.

    Parameters
    ----------
    problem : Problem
        With the usual bells; as few as possible are moved.
    """
    usual = problem.bell

    def steps(times: NDArray[np.float64]) -> list[int]:
        return [round(float(time)) for time in (times - usual) / STEP]

    needs = []
    for number, route in enumerate(routes):
        late = problem.from_school[:, route.stops[0]] + problem.service(route) + problem.unloading[route.school]
        # by how many steps more than usual the bells must be apart
        apart = np.ceil((late - TOLERANCE - (usual[route.school] - usual)) / STEP)
        reach = windows.latest[route.school] - windows.earliest - late + TOLERANCE
        needs += [
            (int(source), number, int(apart[source])) for source in np.flatnonzero(reach >= 0) if source != route.school
        ]
    timing = Timing(
        steps(usual),
        steps(windows.earliest),
        steps(windows.latest),
        [route.school for route in routes],
        [route.kind for route in routes],
        needs,
    )
    moved = choose_bells(timing, work=WORK, seed=seed)
    found = replace(problem, bell=usual + STEP * np.array(moved, np.float64))
    return found, link(found, routes)


def bound_buses(problem: Problem, counts: NDArray[np.int32], windows: Windows) -> int:
    """Bound the buses of plans with any bells within the windows: from routes and the most favourable links alone.

    A bus that may be had early may be had later: so it is free at the earliest step, and waits from step to step.

    Parameters
    ----------
    counts : int32[n_schools]
        Routes without which a school cannot be served, see `mobigo.school.bounds`.
    """
    n = problem.n_schools
    size = np.rint((windows.latest - windows.earliest) / STEP).astype(np.int64) + 1
    first = np.cumsum(size) - size
    program = Relaxation([0.0] * int(size.sum()) + counts.astype(float).tolist())
    direct = problem.dwell + problem.to_school + problem.unloading[problem.school]
    for school in range(n):
        stops = np.flatnonzero(problem.school == school)
        if not len(stops):
            continue
        row = int(size.sum()) + school
        program.add(1.0, [(int(first[school]), 1.0), (row, 1.0)])
        for step in range(int(size[school]) - 1):
            program.add(0.0, [(int(first[school]) + step, -1.0), (int(first[school]) + step + 1, 1.0)])
        ways = (problem.from_school[:, stops] + direct[stops]).min(axis=1)
        for source in range(n):
            if source == school:
                continue
            free = windows.earliest[source] + STEP * np.arange(size[source])
            at = np.ceil((free + ways[source] - TOLERANCE - windows.earliest[school]) / STEP).astype(np.int64)
            for step, due in enumerate(np.maximum(at, 0).tolist()):
                if due < size[school]:
                    entries = [(int(first[source]) + step, -1.0), (int(first[school]) + due, 1.0), (row, 1.0)]
                    program.add(0.0, entries)
    value, _, _ = program.solve()
    return math.ceil(value - EXACT)
