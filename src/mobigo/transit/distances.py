"""How far it is along the stops of a pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.transit.footpaths import stop_metres

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.timetable import Timetable


def pattern_metres(timetable: Timetable) -> NDArray[np.int32]:
    """Measure from the first stop of each pattern to each of its stops.

    From stop to stop in straight lines, each to the nearest metre; 0 where a coordinate is missing.

    Returns
    -------
    int32[n], as `pattern_stop`.
    """
    stops, first = timetable.pattern_stop, timetable.pattern_first
    if not len(stops):
        return np.zeros(0, np.int32)
    hops = np.zeros(len(stops), np.int64)
    hops[1:] = np.rint(np.nan_to_num(stop_metres(timetable, stops[:-1], stops[1:])))
    hops[first[:-1]] = 0
    total = np.cumsum(hops)
    starts = np.repeat(total[first[:-1]], np.diff(first))
    return (total - starts).astype(np.int32)


def ride_metres(timetable: Timetable, trip: int, from_pos: int, to_pos: int) -> int:
    """Measure a ride between two positions of a trip in the same way."""
    first = int(timetable.call_first[trip])
    stops = timetable.call_stop[first + from_pos : first + to_pos + 1]
    return int(np.rint(np.nan_to_num(stop_metres(timetable, stops[:-1], stops[1:]))).sum())
