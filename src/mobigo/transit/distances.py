"""How far it is from stop to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.transit.ways import measure_straight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.transit.timetable import Timetable


def ride_metres(timetable: Timetable, trip: int, from_pos: int, to_pos: int) -> int:
    """Measure a ride between two positions of a trip, as the search counts it: see `Timetable.pattern_metres`."""
    first = int(timetable.pattern_first[timetable.trip_pattern[trip]])
    return int(timetable.pattern_metres[first + to_pos]) - int(timetable.pattern_metres[first + from_pos])


def straight_metres(timetable: Timetable, trip: int, from_pos: int, to_pos: int) -> int:
    """Measure a ride in straight lines from stop to stop, whatever shape its trip has."""
    first = int(timetable.call_first[trip])
    stops = timetable.call_stop[first + from_pos : first + to_pos + 1]
    return int(measure_straight(timetable.stop_lon[stops], timetable.stop_lat[stops]).sum())


def line_metres(timetable: Timetable, route: int, stops: Sequence[int]) -> int:
    """Measure a ride of which only the line is known and some stops it calls at, in turn.

    By the trip of the line that takes the shortest way over them; where none does, from stop to stop in straight lines.
    """
    patterns = np.unique(timetable.trip_pattern[(timetable.trip_route == route) & (route >= 0)])
    found = [metres for one in patterns.tolist() if one >= 0 for metres in _measure_on(timetable, one, stops)]
    if found:
        return min(found)
    return int(measure_straight(timetable.stop_lon[list(stops)], timetable.stop_lat[list(stops)]).sum())


def _measure_on(timetable: Timetable, pattern: int, stops: Sequence[int]) -> list[int]:
    """Measure the ways over some stops that a pattern takes, from each of the times it calls at the first."""
    rows = slice(int(timetable.pattern_first[pattern]), int(timetable.pattern_first[pattern + 1]))
    calls, metres = timetable.pattern_stop[rows].tolist(), timetable.pattern_metres[rows]
    found = []
    for start in [at for at, stop in enumerate(calls) if stops and stop == stops[0]]:
        at = start
        try:
            for stop in stops[1:]:
                at = calls.index(stop, at + 1)
        except ValueError:
            continue
        found.append(int(metres[at]) - int(metres[start]))
    return found
