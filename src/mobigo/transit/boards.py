"""Departure boards, stops and lines, read from the timetable alone: they need no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import ceil
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.kit.geo import Point, haversine
from mobigo.kit.names import fold
from mobigo.transit.timetable import NOT_ALLOWED, begin_day, day_number, last_day, runs_on, service_date

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.timetable import Timetable

DAY = 86_400
SAME_PLACE_METRES = 250
"""Posts of one name this near each other are one place to a traveller."""


@dataclass(frozen=True)
class Departure:
    """A vehicle that leaves a stop and may be boarded there."""

    stop: int
    """Stop index."""
    trip: int
    """Trip index."""
    row: int
    """Stop time of the trip: row of the timetable's calls."""
    service_date: date
    """Day whose timetable the trip belongs to."""
    departure: datetime
    """Aware, in the zone of the trip's agency."""
    repeats: bool
    """It comes from a frequency."""


class _Calls(NamedTuple):
    """Stop times that can be boarded, one element for each run of their trip."""

    row: NDArray[np.int64]
    run: NDArray[np.int64]


def stops_meant(timetable: Timetable, stop: int) -> NDArray[np.int32]:
    """Return the stop itself and all stops below it: the platforms of a station."""
    return timetable.meant[timetable.meant_first[stop] : timetable.meant_first[stop + 1]]


def stops_of_place(timetable: Timetable, stop: int) -> NDArray[np.int32]:
    """Return all stops of the place a stop belongs to.

    That is its station with all platforms, those of other feeds there, and posts of the same name around.
    """
    name = fold(timetable.stop_names.at(stop))
    at = _point(timetable, stop)
    near = np.flatnonzero(
        (np.abs(timetable.stop_lat - at.lat) < SAME_PLACE_METRES / 100_000)
        & (np.abs(timetable.stop_lon - at.lon) < SAME_PLACE_METRES / 10_000)
    ).tolist()
    same = [
        other
        for other in near
        if haversine(at, _point(timetable, other)) <= SAME_PLACE_METRES and fold(timetable.stop_names.at(other)) == name
    ]
    stations = np.unique(timetable.stop_station[[stop, *same]])
    return np.flatnonzero(np.isin(timetable.stop_station, stations)).astype(np.int32)


def list_departures(
    timetable: Timetable, stops: NDArray[np.int32], at: datetime, within: timedelta, limit: int
) -> list[Departure]:
    """List departures in [at, at + within), earliest first; of any service day, also one begun the day before.

    Parameters
    ----------
    timetable : Timetable
    stops : int32[n], stop indices
    at : datetime
        Aware.
    within : timedelta
    limit : int
        Departures, at most.
    """
    calls = _list_boardable(timetable, stops)
    if not len(calls.row):
        return []
    start, end = ceil(at.timestamp()), ceil(at.timestamp() + within.total_seconds())
    trip = timetable.run_trip[calls.run]
    seconds = timetable.call_departure[calls.row].astype(np.int64) + timetable.run_shift[calls.run]
    service, zone = timetable.trip_service[trip], timetable.trip_zone[trip]
    instants, picked, days = [], [], []
    for day in _days_around(timetable, at, within, int(seconds.min()), int(seconds.max())):
        runs = np.append(runs_on(timetable, day), False)
        today = np.flatnonzero(runs[service])
        for number in np.unique(zone[today]).tolist():
            here = today[zone[today] == number]
            instant = seconds[here] + begin_day(day, ZoneInfo(timetable.zones.at(number)))
            fits = (instant >= start) & (instant < end)
            instants.append(instant[fits])
            picked.append(here[fits])
            days.append(np.full(int(fits.sum()), day))
    if not instants:
        return []
    instant, which, day_of = np.concatenate(instants), np.concatenate(picked), np.concatenate(days)
    order = np.lexsort((calls.row[which], trip[which], instant))[:limit]
    return [
        Departure(
            stop=int(timetable.call_stop[calls.row[at]]),
            trip=int(trip[at]),
            row=int(calls.row[at]),
            service_date=service_date(int(day_of[place])),
            departure=datetime.fromtimestamp(int(instant[place]), UTC).astimezone(
                ZoneInfo(timetable.zones.at(int(zone[at])))
            ),
            repeats=bool(timetable.run_repeats[calls.run[at]]),
        )
        for place, at in zip(order.tolist(), which[order].tolist(), strict=True)
    ]


def _list_boardable(timetable: Timetable, stops: NDArray[np.int32]) -> _Calls:
    """Stop times at these stops that allow boarding and are not the last of their trip, for each run of the trip."""
    here = np.zeros(len(timetable.stop_lat), np.bool_)
    here[stops] = True
    rows = np.flatnonzero(here[timetable.call_stop])
    trips = np.searchsorted(timetable.call_first, rows, side="right") - 1
    boards = (timetable.call_pickup[rows] != NOT_ALLOWED) & (rows + 1 < timetable.call_first[trips + 1])
    rows, trips = rows[boards], trips[boards]
    calls_there = np.zeros(len(timetable.trip_route), np.bool_)
    calls_there[trips] = True
    runs = np.flatnonzero(calls_there[timetable.run_trip])
    first = np.searchsorted(trips, timetable.run_trip[runs], side="left")
    count = np.searchsorted(trips, timetable.run_trip[runs], side="right") - first
    run = np.repeat(runs, count)
    offset = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
    return _Calls(rows[np.repeat(first, count) + offset], run)


def _days_around(timetable: Timetable, at: datetime, within: timedelta, earliest: int, latest: int) -> range:
    """Service days (since 1970) on which a call between two service times may fall into the window."""
    today = day_number(at.date())
    last = today + within.days + 2 - earliest // DAY  # a day of margin for zones on both sides
    first = today - 2 - latest // DAY
    return range(max(first, int(timetable.first_day[0])), min(last, last_day(timetable)) + 1)


def headsign(timetable: Timetable, trip: int, row: int) -> str:
    """Return what the vehicle shows at a stop: of the stop time, else of the trip, else its last stop."""
    own = int(timetable.call_headsign[row])
    last = int(timetable.call_stop[timetable.call_first[trip + 1] - 1])
    return (
        (timetable.headsigns.at(own) if own >= 0 else "")
        or timetable.trip_headsigns.at(trip)
        or timetable.stop_names.at(last)
    )


def lines_at(timetable: Timetable, stops: NDArray[np.int32]) -> list[int]:
    """List the routes whose vehicles may be boarded or left at any of these stops."""
    serves = np.isin(timetable.pattern_stop, stops) & ((timetable.pattern_board | timetable.pattern_alight) == 1)
    patterns = np.searchsorted(timetable.pattern_first, np.flatnonzero(serves), side="right") - 1
    served = np.zeros(len(timetable.pattern_first), np.bool_)
    served[patterns] = True
    rides = timetable.trip_pattern >= 0
    routes: list[int] = np.unique(timetable.trip_route[rides & served[timetable.trip_pattern]]).tolist()
    return [route for route in routes if route >= 0]


@dataclass(frozen=True)
class Course:
    """The way of a line in one direction."""

    direction: int | None
    """direction_id; None where the feed has none."""
    headsigns: tuple[str, ...]
    """What its vehicles show at their first stop, most frequent first."""
    trips: int
    stops: tuple[int, ...]
    """Stop indices, in order; stops that only some trips serve stand after the one they follow."""


def list_courses(timetable: Timetable, route: int) -> list[Course]:
    """List the directions of a line with their stops."""
    trips = np.flatnonzero((timetable.trip_route == route) & (timetable.trip_pattern >= 0))
    courses = []
    for direction in np.unique(timetable.trip_direction[trips]).tolist():
        mine = trips[timetable.trip_direction[trips] == direction]
        patterns, uses = np.unique(timetable.trip_pattern[mine], return_counts=True)
        order = np.argsort(-uses, kind="stable")
        sequences = [
            timetable.pattern_stop[timetable.pattern_first[one] : timetable.pattern_first[one + 1]].tolist()
            for one in patterns[order].tolist()
        ]
        signs: dict[str, int] = {}
        for trip in mine.tolist():
            sign = headsign(timetable, trip, int(timetable.call_first[trip]))
            signs[sign] = signs.get(sign, 0) + 1
        courses.append(
            Course(
                direction=None if direction < 0 else direction,
                headsigns=tuple(sorted(signs, key=lambda sign: (-signs[sign], sign))),
                trips=len(mine),
                stops=tuple(merge_sequences(sequences)),
            )
        )
    return courses


def merge_sequences(sequences: list[list[int]]) -> list[int]:
    """Merge stop lists into one without repeats: each new stop goes after the stop it follows in its own list."""
    merged: list[int] = []
    for sequence in sequences:
        known = set(merged)
        place = 0
        for stop in sequence:
            if stop in known:
                place = merged.index(stop) + 1
            else:
                merged.insert(place, stop)
                known.add(stop)
                place += 1
    return merged


def _point(timetable: Timetable, stop: int) -> Point:
    return Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))
