"""Departure boards, stops and lines, read from the timetable alone: they need no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.kit.geo import Point, haversine
from mobigo.kit.names import fold
from mobigo.transit.live import Relation
from mobigo.transit.merging import merge_stops
from mobigo.transit.overlay import NEVER, CallStatus, GoneKind
from mobigo.transit.timetable import (
    ALL_RUNS,
    NOT_ALLOWED,
    OFTEN,
    begin_day,
    day_number,
    last_day,
    list_running,
    runs_on,
    service_date,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

DAY = 86_400
CALL_BEFORE, ASK_DRIVER = 2, 3
"""pickup_type or drop_off_type: must phone the agency; must arrange with the driver."""
SAME_PLACE_METRES = 250
"""Posts of one name this near each other are one place to a traveller."""


class State(StrEnum):
    """What is known of a call besides the timetable."""

    SCHEDULED = "scheduled"
    """Nothing."""
    LIVE = "live"
    """Its time is observed or predicted."""
    NO_DATA = "no_data"
    """Its source says that it does not know."""
    SKIPPED = "skipped"
    """The vehicle runs, but does not call there."""
    CANCELED = "canceled"
    """The trip does not run."""
    ADDED = "added"
    """It is not in the timetable."""


@dataclass(frozen=True)
class BoardCall:
    """A vehicle that leaves a stop and may be boarded there, or arrives and may be left."""

    stop: int
    """Stop index."""
    planned_stop: int
    """Stop index by the timetable; differs where the platform was changed, -1 where it was not planned."""
    trip: int
    """Trip index."""
    row: int
    """Stop time of the trip: row of the timetable's calls."""
    service_date: date
    """Day whose timetable the trip belongs to."""
    time: datetime
    """Aware, in the zone of the trip's agency; as it is expected now, of one that does not come as planned."""
    planned: datetime | None
    """By the timetable; None where it is not in it."""
    state: State
    repeats: bool
    """It comes so often rather than at this very minute."""


class Key(NamedTuple):
    """Where a call stands on its board, by names that outlive a network."""

    instant: int
    """Seconds since 1970 UTC."""
    trip_id: str
    day: int
    position: int
    """Of the call in its trip."""


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


def list_calls(
    timetable: Timetable,
    stops: NDArray[np.int32],
    at: datetime,
    within: timedelta,
    limit: int,
    *,
    arrivals: bool = False,
    overlay: Overlay | None = None,
    after: Key | None = None,
) -> list[BoardCall]:
    """List departures (or arrivals) in [at, at + within), earliest first; also of trips begun the day before.

    With live data they stand where they are expected now; what is cancelled or skipped stays where it was planned.

    Parameters
    ----------
    timetable : Timetable
        That of `overlay`, if there is one.
    stops : int32[n], stop indices
    at : datetime
        Aware.
    within : timedelta
    limit : int
        Calls, at most.
    after : Key, optional
        Where the page before ended.
    """
    start, end = ceil(at.timestamp()), ceil(at.timestamp() + within.total_seconds())
    if after is not None:
        start = max(start, after.instant)
    found = [
        part
        for part in _Board(timetable, overlay, stops, arrivals=arrivals).days(at, within)
        if len(part.row) and part.instant.max() >= start
    ]
    if not found:
        return []
    instant = np.concatenate([part.instant for part in found])
    fits = np.flatnonzero((instant >= start) & (instant < end))
    fits = fits[np.argsort(instant[fits], kind="stable")]
    instant = instant[fits]
    if len(fits) > limit:  # those at the first instant may be of the page before, and those at the last stay together
        ties = int((instant == start).sum())
        cut = min(limit + ties, len(fits)) - 1
        fits = fits[: np.searchsorted(instant, instant[cut], side="right")]
    part = _Part(*(np.concatenate(columns)[fits] for columns in zip(*found, strict=True)))
    calls = _name_calls(timetable, overlay, part)
    if after is not None:
        calls = [call for call in calls if key_of(timetable, call) > after]
    return calls[:limit]


def list_calls_of_day(
    timetable: Timetable,
    stops: NDArray[np.int32],
    day: date,
    *,
    arrivals: bool = False,
    overlay: Overlay | None = None,
) -> list[BoardCall]:
    """List the departures (or arrivals) of a service day, also those after its midnight, earliest first."""
    return _name_calls(timetable, overlay, _Board(timetable, overlay, stops, arrivals=arrivals).day(day_number(day)))


def _name_calls(timetable: Timetable, overlay: Overlay | None, part: _Part) -> list[BoardCall]:
    """Turn rows into calls in the order of a board."""
    calls = []
    for row, trip, day, instant, planned, state, repeats in zip(*(column.tolist() for column in part), strict=True):
        zone = ZoneInfo(timetable.zones.at(int(timetable.trip_zone[trip])))
        below = find_planned_row(timetable, overlay, row)
        calls.append(
            BoardCall(
                stop=int(timetable.call_stop[row]),
                planned_stop=int(timetable.call_stop[below]) if below >= 0 else -1,
                trip=trip,
                row=row,
                service_date=service_date(day),
                time=datetime.fromtimestamp(instant, zone),
                planned=None if planned == UNPLANNED else datetime.fromtimestamp(planned, zone),
                state=STATES[state],
                repeats=bool(repeats),
            )
        )
    return sorted(calls, key=lambda call: key_of(timetable, call))


def key_of(timetable: Timetable, call: BoardCall) -> Key:
    """Return where a call stands on its board."""
    return Key(
        int(call.time.timestamp()),
        timetable.trip_ids.at(call.trip),
        day_number(call.service_date),
        call.row - int(timetable.call_first[call.trip]),
    )


STATES = tuple(State)
SCHEDULED, LIVE, NO_DATA, SKIPPED, CANCELED, ADDED = range(len(STATES))
"""Numbers of the states in arrays."""
UNPLANNED = -(2**62)
"""The planned instant of what was not planned."""
STATE_OF = {
    CallStatus.SCHEDULED: SCHEDULED,
    CallStatus.LIVE: LIVE,
    CallStatus.SKIPPED: SKIPPED,
    CallStatus.NO_DATA: NO_DATA,
}


class _Part(NamedTuple):
    """Calls of one service day."""

    row: NDArray[np.int64]
    trip: NDArray[np.int64]
    day: NDArray[np.int64]
    instant: NDArray[np.int64]
    planned: NDArray[np.int64]
    state: NDArray[np.int64]
    repeats: NDArray[np.bool_]


class _Board:
    """The calls at some stops, day by day."""

    def __init__(
        self, timetable: Timetable, overlay: Overlay | None, stops: NDArray[np.int32], *, arrivals: bool
    ) -> None:
        self.timetable = timetable
        self.overlay = overlay
        self.arrivals = arrivals
        self.here = np.zeros(len(timetable.stop_lat), np.bool_)
        self.here[stops] = True
        self.calls = self._list_usable()
        times = timetable.call_arrival if arrivals else timetable.call_departure
        self.trip = timetable.run_trip[self.calls.run].astype(np.int64)
        self.seconds = times[self.calls.row].astype(np.int64) + timetable.run_shift[self.calls.run]
        self.planned, self.state = self._compare()

    def days(self, at: datetime, within: timedelta) -> list[_Part]:
        """List the calls of all service days that may reach into the window."""
        if not len(self.calls.row):
            return []
        times = np.concatenate([self.seconds, self.planned[self.planned != UNPLANNED]])
        earliest, latest = int(times.min()), int(times.max())
        return [self.day(day) for day in _days_around(self.timetable, at, within, earliest, latest)]

    def day(self, day: int) -> _Part:
        """List the calls of one service day."""
        timetable, calls = self.timetable, self.calls
        if not len(calls.row):
            none = np.zeros(0, np.int64)
            return _Part(none, none, none, none, none, none, np.zeros(0, np.bool_))
        runs = np.append(runs_on(timetable, day), False)[timetable.trip_service[self.trip]]
        running = list_running(timetable, day)[calls.run] if runs.any() else runs
        begins = self._begin(day)
        today = np.flatnonzero(running)
        begin = begins[timetable.trip_zone[self.trip[today]]]
        planned = np.where(self.planned[today] == UNPLANNED, UNPLANNED, self.planned[today] + begin)
        state = self.state[today]
        instant = np.where(state == SKIPPED, planned, self.seconds[today] + begin)
        parts = [
            _Part(
                calls.row[today],
                self.trip[today],
                np.full(len(today), day, np.int64),
                instant,
                planned,
                state,
                timetable.run_repeats[calls.run[today]] == OFTEN,
            )
        ]
        gone = np.flatnonzero(runs & ~running)
        if len(gone) and self.overlay is not None:
            parts.append(self._list_gone(self.overlay, gone, day, begins))
        return _Part(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _begin(self, day: int) -> NDArray[np.int64]:
        """Instant from which each zone counts the times of a day."""
        return np.array([begin_day(day, ZoneInfo(name)) for name in self.timetable.zones.all()], np.int64)

    def _list_gone(self, overlay: Overlay, gone: NDArray[np.int64], day: int, begins: NDArray[np.int64]) -> _Part:
        """List the calls of runs that live data took out of a day, as far as travellers still look for them."""
        timetable, calls = self.timetable, self.calls
        known = {
            (trip, shift): (kind, extra)
            for trip, shift, kind, extra in zip(
                *(
                    column[timetable.gone_day == day].tolist()
                    for column in (timetable.gone_trip, timetable.gone_shift, overlay.gone_kind, overlay.gone_extra)
                ),
                strict=True,
            )
        }
        shown, states = [], []
        for at in gone.tolist():
            trip = int(self.trip[at])
            kind, extra = known.get((trip, int(timetable.run_shift[calls.run[at]]))) or known[trip, ALL_RUNS]
            if kind == GoneKind.CANCELED:
                shown.append(at)
                states.append(CANCELED)
            elif kind == GoneKind.REPLACED and extra >= 0 and self._passes_by(overlay, extra, int(calls.row[at])):
                shown.append(at)
                states.append(SKIPPED)
        picked = np.array(shown, np.int64)
        planned = self.seconds[picked] + begins[timetable.trip_zone[self.trip[picked]]]
        return _Part(
            calls.row[picked],
            self.trip[picked],
            np.full(len(picked), day, np.int64),
            planned,
            planned,
            np.array(states, np.int64),
            timetable.run_repeats[calls.run[picked]] == OFTEN,
        )

    def _passes_by(self, overlay: Overlay, extra: int, row: int) -> bool:
        """Tell whether a trip that runs instead of another, with other stops, leaves out one of its stops."""
        timetable = self.timetable
        rows = slice(int(timetable.call_first[extra]), int(timetable.call_first[extra + 1]))
        aligned = find_planned_row(timetable, overlay, rows.start) >= 0
        return not aligned and int(timetable.call_stop[row]) not in timetable.call_stop[rows].tolist()

    def _list_usable(self) -> _Calls:
        """Calls here where one may board (or alight), for each run of their trips; also those that are left out now."""
        timetable = self.timetable
        rows = np.flatnonzero(self.here[timetable.call_stop])
        if self.overlay is not None:
            rows = np.union1d(rows, self._list_moved(self.overlay))
        trips = np.searchsorted(timetable.call_first, rows, side="right") - 1
        permitted = timetable.call_drop_off if self.arrivals else timetable.call_pickup
        usable = permitted[rows] != NOT_ALLOWED
        usable &= rows > timetable.call_first[trips] if self.arrivals else rows + 1 < timetable.call_first[trips + 1]
        if self.overlay is not None:
            for at in np.flatnonzero(rows >= self.overlay.base_calls[0]).tolist():
                usable[at] = self._is_usable_now(
                    self.overlay, int(rows[at]), int(trips[at]), permitted=bool(usable[at])
                )
        rows, trips = rows[usable], trips[usable]
        calls_there = np.zeros(len(timetable.trip_route), np.bool_)
        calls_there[trips] = True
        runs = np.flatnonzero(calls_there[timetable.run_trip])
        first = np.searchsorted(trips, timetable.run_trip[runs], side="left")
        count = np.searchsorted(trips, timetable.run_trip[runs], side="right") - first
        run = np.repeat(runs, count)
        offset = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
        return _Calls(rows[np.repeat(first, count) + offset], run)

    def _list_moved(self, overlay: Overlay) -> NDArray[np.int64]:
        """Calls that were planned here, wherever they are now."""
        rows = np.arange(int(overlay.base_calls[0]), len(self.timetable.call_stop))
        below = find_planned_rows(self.timetable, overlay)
        return rows[(below >= 0) & self.here[self.timetable.call_stop[below]]]

    def _is_usable_now(self, overlay: Overlay, row: int, trip: int, *, permitted: bool) -> bool:
        timetable = self.timetable
        first, last = int(timetable.call_first[trip]), int(timetable.call_first[trip + 1])
        if overlay.call_status[row - int(overlay.base_calls[0])] == CallStatus.SKIPPED:
            below = find_planned_row(timetable, overlay, row)
            if below < 0:
                return False
            planned = timetable.call_drop_off if self.arrivals else timetable.call_pickup
            return bool(planned[below] != NOT_ALLOWED) and (row > first if self.arrivals else row + 1 < last)
        if not permitted:
            return False
        if self.arrivals:
            return bool((timetable.call_pickup[first:row] != NOT_ALLOWED).any())
        return bool((timetable.call_drop_off[row + 1 : last] != NOT_ALLOWED).any())

    def _compare(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Planned seconds and state of every call."""
        planned, state = self.seconds.copy(), np.full(len(self.seconds), SCHEDULED, np.int64)
        if self.overlay is None:
            return planned, state
        overlay = self.overlay
        appended = np.flatnonzero(self.calls.row >= overlay.base_calls[0])
        rows = self.calls.row[appended] - overlay.base_calls[0]
        before = overlay.call_planned_arrival if self.arrivals else overlay.call_planned_departure
        known = before[rows] != NEVER
        shift = self.timetable.run_shift[self.calls.run[appended]]
        planned[appended] = np.where(known, before[rows].astype(np.int64) + shift, UNPLANNED)
        state[appended] = np.where(known, _STATE_BY_STATUS[overlay.call_status[rows]], ADDED)
        return planned, state


def find_planned_rows(timetable: Timetable, overlay: Overlay) -> NDArray[np.int64]:
    """For each appended call the call of the base it stands for; -1 where its trip has stops of its own."""
    first = timetable.call_first[int(overlay.base_trips[0]) :]
    length = np.diff(first)
    base = overlay.trip_base
    start = np.where(base >= 0, timetable.call_first[base], 0)
    aligned = (base >= 0) & (timetable.call_first[base + 1] - start == length)
    aligned &= overlay.trip_relation != REPLACEMENT
    offset = np.arange(int(length.sum())) - np.repeat(first[:-1] - first[0], length)
    return np.where(np.repeat(aligned, length), np.repeat(start, length) + offset, -1)


def find_planned_row(timetable: Timetable, overlay: Overlay | None, row: int) -> int:
    """Return the call of the base that a call stands for: itself, in the base; -1 where it stands for none."""
    if overlay is None or row < overlay.base_calls[0]:
        return row
    trip = int(np.searchsorted(timetable.call_first, row, side="right")) - 1
    number = trip - int(overlay.base_trips[0])
    base = int(overlay.trip_base[number])
    length = int(timetable.call_first[trip + 1] - timetable.call_first[trip])
    if base < 0 or overlay.trip_relation[number] == REPLACEMENT:
        return -1
    if int(timetable.call_first[base + 1] - timetable.call_first[base]) != length:
        return -1
    return int(timetable.call_first[base]) + row - int(timetable.call_first[trip])


REPLACEMENT = tuple(Relation).index(Relation.REPLACEMENT)
_STATE_BY_STATUS = np.array([STATE_OF[status] for status in CallStatus], np.int64)


def _days_around(timetable: Timetable, at: datetime, within: timedelta, earliest: int, latest: int) -> range:
    """Service days (since 1970) on which a call between two service times may fall into the window."""
    today = day_number(at.date())
    last = today + within.days + 2 - earliest // DAY  # a day of margin for zones on both sides
    first = today - 2 - latest // DAY
    return range(max(first, int(timetable.first_day[0])), min(last, last_day(timetable)) + 1)


def permission_of(value: int) -> Literal["regular", "phone", "driver"]:
    """Return how one boards or alights, by pickup_type or drop_off_type."""
    return "phone" if value == CALL_BEFORE else "driver" if value == ASK_DRIVER else "regular"


def phone_of(timetable: Timetable, route: int) -> str | None:
    """Return the telephone number of the operator of a route, where the feed has one."""
    agency = int(timetable.route_agency[route]) if route >= 0 else -1
    return (timetable.agency_phones.at(agency) or None) if agency >= 0 else None


def platform_of(timetable: Timetable, row: int) -> str | None:
    """Return the platform of a call by the timetable."""
    return timetable.stop_platforms.at(int(timetable.call_stop[row])) or None


def platform_now(timetable: Timetable, overlay: Overlay | None, row: int) -> str | None:
    """Return the platform of a call as live data name it, else as the timetable does."""
    if overlay is not None and row >= overlay.base_calls[0]:
        named = int(overlay.call_platform[row - int(overlay.base_calls[0])])
        if named >= 0:
            return overlay.platforms.at(named)
    return platform_of(timetable, row)


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
    """Stop indices, in order; stops that only some trips serve stand before the next one that others serve too."""


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
                stops=tuple(dict.fromkeys(merge_stops(sequences)[0])),
            )
        )
    return courses


def _point(timetable: Timetable, stop: int) -> Point:
    return Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))
