"""How far it is from stop to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobigo.transit.timetable import Timetable


def ride_metres(timetable: Timetable, trip: int, from_pos: int, to_pos: int) -> int:
    """Measure a ride between two positions of a trip, as the search counts it: see `Timetable.pattern_metres`."""
    first = int(timetable.pattern_first[timetable.trip_pattern[trip]])
    return int(timetable.pattern_metres[first + to_pos]) - int(timetable.pattern_metres[first + from_pos])
