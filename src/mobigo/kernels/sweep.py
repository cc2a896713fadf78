"""Search from one place to all stops at once: the rounds of `general`, without a destination."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels import kernel
from mobigo.kernels.general import (
    Access,
    Allowed,
    Goal,
    Nodes,
    Terms,
    Vias,
    _board_first,
    _mark,
    _spread,
    list_first,
)
from mobigo.kernels.trip_based import NEVER, ZERO, DayView

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64


@kernel
def sweep(
    view: DayView,
    allowed: Allowed,
    terms: Terms,
    nodes: Nodes,
    vias: Vias,
    access: Access,
    goal: Goal,
    start: Int,
    until: Int,
    rides: Int,
    work: Int,
) -> tuple[NDArray[np.int32], NDArray[np.int32], Int]:
    """Find the earliest arrival by vehicle at every stop.

    Parameters
    ----------
    vias : Vias
        None.
    goal : Goal
        Nowhere, without bounds.
    start, until : int
        Earliest departure and latest arrival, seconds after the view's base.
    rides : int
        At most so many.
    work : int
        How much may be done, in positions and walks looked at.

    Returns
    -------
    arrival : int32[n_stops], seconds after the view's base; NEVER where nothing arrives
    ridden : int32[n_stops], with how few vehicles that can be
    left : int
        Work not done; below 0 it was not enough: the arrivals hold, but earlier ones may be missing.
    """
    marks = _mark(view, nodes, np.int64(len(vias.to) + 1), rides)
    limit = np.full(rides + 2, until + 1, np.int32)
    found = np.full((rides + 2, 4), NEVER, np.int32)
    records = np.empty((1024, 5), np.int32)
    n_records = ZERO
    jobs = np.empty((256, 6), np.int32)
    n_jobs = ZERO
    first = list_first(view, allowed, access, start)
    for i in range(len(first)):
        trip, x, row = first[i, 0], first[i, 1], first[i, 2]
        if view.departure[view.trip_shift[trip] + x] > until:
            continue
        records, jobs, n_jobs = _board_first(view, vias, access, records, n_records, jobs, n_jobs, trip, x, row, ZERO)
        n_records += 1
    records, n_records, jobs, work = _spread(
        view, allowed, terms, nodes, vias, goal, marks, records, n_records, jobs, n_jobs, limit, found, rides, work
    )
    n_stops = len(view.stop_first) - 1
    arrival = np.full(n_stops, NEVER, np.int32)
    ridden = np.zeros(n_stops, np.int32)
    for node in range(len(nodes.off_stop)):
        stop = nodes.off_stop[node]
        for ride in range(rides):
            time = marks.arrival[node, ride]
            if time < arrival[stop] or (time == arrival[stop] and time != NEVER and ride + 1 < ridden[stop]):
                arrival[stop] = time
                ridden[stop] = ride + 1
    return arrival, ridden, work
