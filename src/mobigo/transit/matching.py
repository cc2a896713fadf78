"""Names that live data use, found in the timetable: trips, calls, vehicles, and what messages are about."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.kit.names import fold
from mobigo.transit.describing import FAR_DAYS, SPAN, find_described
from mobigo.transit.live import Relation
from mobigo.transit.progress import Way, draw_way
from mobigo.transit.timetable import ALL_RUNS, STATION, begin_day, day_number, runs_on, service_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from mobigo.transit.live import CallUpdate, Target, TripUpdate
    from mobigo.transit.timetable import Timetable

DAY = 86_400
FIRST_INSTANT, LAST_INSTANT = 946_684_800, 4_102_444_800
"""2000 to 2100: other instants are mistakes."""
LATEST_START = 7 * DAY
"""Seconds after the beginning of its service day at which a trip may begin: some timetables go on past 48:00."""
NEAR = 43_200
"""Seconds by which a time without a date may differ from the timetable's, to be of that day."""


class Names(NamedTuple):
    """Rows of a timetable by name."""

    trips: dict[str, int]
    stops: dict[str, int]
    routes: dict[str, int]
    agencies: dict[str, int]
    sources: frozenset[str]
    """What ids begin with, up to their first colon."""
    lines: dict[str, tuple[int, ...]]
    """Routes by folded short or long name."""
    starting: tuple[NDArray[np.int64], NDArray[np.int32]]
    """Line and first departure of every run as one number (`key`), ascending, and its trip."""
    calling: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Stop and departure of every call as one number (`key`), ascending, and its row."""
    repeats: dict[int, NDArray[np.int32]]
    """`run_shift` of the runs of each trip with frequencies, ascending."""
    start: NDArray[np.int32]
    """int32[n_trips], first departure; 0 for a trip without calls."""
    end: NDArray[np.int32]
    """int32[n_trips], last arrival."""
    linked: dict[int, tuple[int, ...]]
    """Trips that the vehicle of a trip goes on as, by transfers.txt, whether or not one may stay seated; trips with
    frequencies are of no one vehicle."""

    def prefix(self, source: str) -> str:
        """What the ids of a source begin with: nothing in the timetable of a single feed."""
        return f"{source}:" if source in self.sources else ""


class Found(NamedTuple):
    """What a target means in the timetable; None: any."""

    agency: int | None
    route: int | None
    trip: int | None
    stops: NDArray[np.int32] | None
    """int32[n], the stop and all below it."""


class Run(NamedTuple):
    """One departure of a trip of the timetable on one day."""

    trip: int
    day: int
    """Service day, days since 1970."""
    shift: int
    """Seconds after the trip's times at which it was to run; 0 without frequencies."""
    nominal: int | None
    """`run_shift` of the run whose place it takes (`ALL_RUNS` without frequencies), None: of no run, it is more."""


def read_names(timetable: Timetable) -> Names:
    """Index the names of a timetable, to be kept as long as it serves."""
    trips, stops, routes = timetable.trip_ids.all(), timetable.stop_ids.all(), timetable.route_ids.all()
    lines: dict[str, dict[int, None]] = defaultdict(dict)
    for names in (timetable.route_short_names.all(), timetable.route_long_names.all()):
        for row, name in enumerate(names):
            if name:
                lines[fold(name)][row] = None
    repeats = np.flatnonzero(timetable.run_repeats)
    shifts: dict[int, list[int]] = defaultdict(list)
    for trip, shift in zip(timetable.run_trip[repeats].tolist(), timetable.run_shift[repeats].tolist(), strict=True):
        shifts[trip].append(shift)
    linked: dict[int, list[int]] = defaultdict(list)
    able = timetable.trip_pattern >= 0
    able[np.array(list(shifts), np.int64)] = False
    rows = able[timetable.link_from] & able[timetable.link_to]
    for before, after in zip(timetable.link_from[rows].tolist(), timetable.link_to[rows].tolist(), strict=True):
        linked[before].append(after)
    some = np.flatnonzero(np.diff(timetable.call_first))
    start, end = np.zeros(len(trips), np.int32), np.zeros(len(trips), np.int32)
    start[some] = timetable.call_departure[timetable.call_first[some]]
    end[some] = timetable.call_arrival[timetable.call_first[some + 1] - 1]
    starting = _keys(timetable.trip_route[timetable.run_trip], start[timetable.run_trip] + timetable.run_shift)
    calling = _keys(timetable.call_stop, timetable.call_departure)
    by_start, by_call = np.argsort(starting, kind="stable"), np.argsort(calling, kind="stable")
    return Names(
        trips=_rows(trips),
        stops=_rows(stops),
        routes=_rows(routes),
        agencies=_rows(timetable.agency_ids.all()),
        sources=frozenset(name.partition(":")[0] for name in (*trips, *stops) if ":" in name),
        lines={name: tuple(rows) for name, rows in lines.items()},
        starting=(starting[by_start], timetable.run_trip[by_start]),
        calling=(calling[by_call], by_call),
        repeats={trip: np.unique(np.array(values, np.int32)) for trip, values in shifts.items()},
        start=start,
        end=end,
        linked={trip: tuple(after) for trip, after in linked.items()},
    )


def _keys(rows: NDArray[np.int32], seconds: NDArray[np.int32]) -> NDArray[np.int64]:
    """`describing.key` of many."""
    return (rows.astype(np.int64) << 32) + seconds + SPAN


def _rows(names: Iterable[str]) -> dict[str, int]:
    return {name: row for row, name in enumerate(names)}


def find_target(timetable: Timetable, names: Names, source: str, target: Target) -> Found | None:
    """Find what a message is about; None when something it names is not in the timetable."""
    prefix = names.prefix(source)
    rows: list[int | None] = []
    for known, name in (
        (names.agencies, target.agency_id),
        (names.routes, target.route_id),
        (names.trips, target.trip_id),
        (names.stops, target.stop_id),
    ):
        row = None if name is None else known.get(prefix + name)
        if name is not None and row is None:
            return None
        rows.append(row)
    agency, route, trip, stop = rows
    below = None if stop is None else timetable.meant[timetable.meant_first[stop] : timetable.meant_first[stop + 1]]
    return Found(agency, route, trip, below)


class _Rows(dict[str, int]):
    """Rows by the names of one source: as they are in the timetable, else by their last part.

    Structured ids (``FR:21231:StopPoint:4821:LOC``, ``STIF:StopPoint:Q:41322:``) often differ between two files of one
    provider in all but the number at their end; where one row alone has that number, it is meant.
    """

    def __init__(self, known: dict[str, int], prefix: str) -> None:
        super().__init__()
        self.known = known
        self.prefix = prefix
        self.tails: dict[str, int] | None = None

    def __missing__(self, name: str) -> int:
        row = self.known.get(self.prefix + name, -1)
        if row < 0 and ":" in name:
            row = self._by_tail().get(_tail(name), -1)
        self[name] = row
        return row

    def _by_tail(self) -> dict[str, int]:
        if self.tails is None:
            self.tails = {}
            for name, row in self.known.items():
                if name.startswith(self.prefix):
                    tail = _tail(name.removeprefix(self.prefix))
                    self.tails[tail] = -1 if tail in self.tails else row
        return self.tails


def _tail(name: str) -> str:
    """Last part of a structured id that says something."""
    parts = [part for part in name.split(":") if part and part != "LOC"]
    return parts[-1] if parts else name


class _Calls(NamedTuple):
    """Where a trip calls."""

    stops: list[int]
    numbers: dict[int, int]
    """Place of each stop_sequence."""
    places: dict[int, list[int]]
    """Places of each stop, ascending."""


class Finder:
    """Finds runs and calls in one timetable at one moment; keeps what it worked out on the way.

    Parameters
    ----------
    timetable : Timetable
    names : Names
        Of that timetable.
    now : int
        Seconds since 1970 UTC.
    """

    def __init__(self, timetable: Timetable, names: Names, now: int) -> None:
        self.timetable = timetable
        self.names = names
        self.now = now
        self.zones = [ZoneInfo(name) for name in timetable.zones.all()]
        self.today = now // DAY
        self._ways: dict[tuple[int, int], Way | None] = {}
        self._named: dict[tuple[str, str], _Rows] = {}
        self._begins: dict[tuple[int, int], int] = {}
        self._running: dict[int, NDArray[np.bool_]] = {}
        self._calls: dict[int, _Calls] = {}
        self._next: dict[int, dict[int, tuple[int]]] = {}
        self._numbers: NDArray[np.int64] | None = None
        self._reach = int(names.end.max(initial=0)) // DAY + 1

    def begins(self, day: int, zone: int) -> int:
        """Noon minus 12 h of a day in a zone of the timetable, seconds since 1970."""
        key = (day, zone)
        if key not in self._begins:
            self._begins[key] = begin_day(day, self.zones[zone])
        return self._begins[key]

    def stops(self, prefix: str) -> Mapping[str, int]:
        """Rows of stops by the names a source gives them, -1 for those it has none of."""
        return self._rows("stop", self.names.stops, prefix)

    def routes(self, prefix: str) -> Mapping[str, int]:
        """Rows of lines by the names a source gives them, -1 for those it has none of."""
        return self._rows("route", self.names.routes, prefix)

    def _rows(self, kind: str, known: dict[str, int], prefix: str) -> Mapping[str, int]:
        if (kind, prefix) not in self._named:
            self._named[kind, prefix] = _Rows(known, prefix)
        return self._named[kind, prefix]

    def days_around(self) -> range:
        """Service days that may have trips under way now or soon."""
        return range(self.today - self._reach - 1, self.today + 3)

    def services(self, day: int) -> NDArray[np.bool_]:
        """bool[n_services + 1]: which services run on a day by the timetable; the last one is none and never runs."""
        if day not in self._running:
            self._running[day] = np.append(runs_on(self.timetable, day), False)
        return self._running[day]

    def runs(self, trip: int, day: int) -> bool:
        """Tell whether a trip runs on a day by the timetable."""
        return bool(self.services(day)[self.timetable.trip_service[trip]])

    def calls(self, trip: int) -> _Calls:
        """Where a trip calls."""
        if trip not in self._calls:
            rows = slice(self.timetable.call_first[trip], self.timetable.call_first[trip + 1])
            stops = self.timetable.call_stop[rows].tolist()
            places: dict[int, list[int]] = {}
            for place, stop in enumerate(stops):
                places.setdefault(stop, []).append(place)
            numbers = {number: place for place, number in enumerate(self.timetable.call_sequence[rows].tolist())}
            self._calls[trip] = _Calls(stops, numbers, places)
        return self._calls[trip]

    def find_sequences(self, trip: NDArray[np.int64], sequence: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the calls of trips that have these numbers; -1 where there is none."""
        table = self.timetable
        if not len(table.call_sequence):
            return np.full(len(trip), -1, np.int64)
        if self._numbers is None:
            owner = np.repeat(np.arange(len(table.trip_route), dtype=np.int64), np.diff(table.call_first))
            self._numbers = (owner << 32) + table.call_sequence
        rows = np.minimum(np.searchsorted(self._numbers, (trip << 32) + sequence), len(self._numbers) - 1)
        return np.where((self._numbers[rows] == (trip << 32) + sequence) & (sequence >= 0), rows, -1)

    def find_run(self, update: TripUpdate, prefix: str) -> Run | str:
        """Find the run an update speaks of; else a sentence that says why there is none."""
        trip = None if update.trip_id is None else self.names.trips.get(prefix + update.trip_id)
        if trip is None:
            described = find_described(self, update, prefix)
            return described if isinstance(described, str) else Run(*described)
        if self.timetable.trip_pattern[trip] < 0:
            return "its times in the timetable make no sense"
        day = self._find_day(update, trip, prefix)
        return day if isinstance(day, str) else self._find_shift(update, trip, day, prefix)

    def _find_day(self, update: TripUpdate, trip: int, prefix: str) -> int | str:
        """Find the service day an update of a known trip is of."""
        if update.start_date is not None:
            day = day_number(update.start_date)
            if abs(day - self.today) > FAR_DAYS:
                return f"{update.start_date} is more than {FAR_DAYS} days away"
            if self.runs(trip, day):
                return day
            if self.names.start[trip] >= DAY and self.runs(trip, day - 1):
                return day - 1  # a source that counts a trip after midnight to the next day
            return f"it does not run on {update.start_date}"
        zone = int(self.timetable.trip_zone[trip])
        days = [day for day in self.days_around() if self.runs(trip, day)]
        anchor = self._anchor(update, trip, prefix)
        if anchor is not None:
            planned, said = anchor
            off = {day: abs(said - planned - self.begins(day, zone)) for day in days}
        else:
            start, end = int(self.names.start[trip]), int(self.names.end[trip])
            if trip in self.names.repeats:
                start, end = start + int(self.names.repeats[trip][0]), end + int(self.names.repeats[trip][-1])
            off = {day: self._away(self.begins(day, zone) + start, self.begins(day, zone) + end) for day in days}
        nearest = min(off, key=off.__getitem__, default=None)
        if nearest is None or off[nearest] > (NEAR if trip not in self.names.repeats else DAY):
            return "it names no start_date and does not run around this time"
        return nearest

    def _away(self, start: int, end: int) -> int:
        """How far now is from a span of time; what is to come is nearer than what is over."""
        return start - self.now if self.now < start else 2 * max(0, self.now - end)

    def _anchor(self, update: TripUpdate, trip: int, prefix: str) -> tuple[int, int] | None:
        """Find the first call with an instant: planned seconds of the service day, and the instant."""
        rows = int(self.timetable.call_first[trip])
        for call, position in zip(update.calls, self.place_calls(update.calls, trip, prefix), strict=True):
            if position < 0:
                continue
            said = _instant(call)
            if said is not None:
                leaves = said in (call.planned_departure, call.departure)
                times = self.timetable.call_departure if leaves else self.timetable.call_arrival
                return int(times[rows + position]), said
        return None

    def _find_shift(self, update: TripUpdate, trip: int, day: int, prefix: str) -> Run | str:
        """Find which departure of a trip with frequencies is meant."""
        shifts = self.names.repeats.get(trip)
        if shifts is None:
            return Run(trip, day, 0, ALL_RUNS)
        start = int(self.names.start[trip])
        if (update.start_time or 0) > LATEST_START:
            return f"its start_time {say_time(update.start_time or 0)} is a mistake"
        if update.start_time is not None:
            shift = update.start_time - start
        else:
            anchor = self._anchor(update, trip, prefix)
            if anchor is None:
                return "it has frequencies, so start_time must say which departure is meant"
            planned, said = anchor
            shift = said - self.begins(day, int(self.timetable.trip_zone[trip])) - planned
        nearest = int(shifts[np.abs(shifts - shift).argmin()])
        if nearest == shift:
            return Run(trip, day, shift, shift)
        if update.relation in (Relation.CANCELED, Relation.DELETED):
            return f"no departure at {say_time(start + shift)}"
        headway = int(np.diff(shifts).min(initial=DAY))
        return Run(trip, day, shift, nearest if 2 * abs(nearest - shift) <= headway else None)

    def place_calls(self, calls: Sequence[CallUpdate], trip: int, prefix: str) -> list[int]:
        """Find the position of each call in a trip's stop list, -1 where there is none.

        A stop in order says more than a number: some sources number anew. What names another stop of the station a
        call is at is that call. Where calls out of order stand in the way of others, as many as can be are found.
        """
        own, known = self.calls(trip), self.stops(prefix)
        places: list[int] = []
        after, lost = 0, 0
        for call in calls:
            sequence, name = call[0], call[1]
            place = -1 if sequence is None else own.numbers.get(sequence, -1)
            if name is not None:
                stop = known[name]
                if place < after or own.stops[place] != stop:
                    here = own.places.get(stop, ())
                    if len(here) == 1 and here[0] >= after:
                        place = here[0]
                    else:
                        lost += bool(here)
                        place = self._find_call(call, stop, trip, after, place)
            if place < after:
                places.append(-1)
            else:
                places.append(place)
                after = place + 1
        return self._place_most(calls, trip, prefix, places) if lost and -1 in places else places

    def _find_call(self, call: CallUpdate, stop: int, trip: int, after: int, numbered: int) -> int:
        """Find the call at a stop from position `after` on: the nearest in time, or the next."""
        if stop < 0:
            return -1
        own, station = self.calls(trip), self.timetable.stop_station
        here = [place for place in own.places.get(stop, ()) if place >= after]
        if not here and stop not in own.places:
            here = [place for place in range(after, len(own.stops)) if station[own.stops[place]] == station[stop]]
            if numbered in here:
                return numbered
        said = _instant(call)
        if len(here) > 1 and said is not None:
            row, zone = int(self.timetable.call_first[trip]), int(self.timetable.trip_zone[trip])
            within = said - self.begins(said // DAY, zone)
            return min(here, key=lambda at: _round_the_clock(int(self.timetable.call_departure[row + at]) - within))
        return here[0] if here else -1

    def _place_most(self, calls: Sequence[CallUpdate], trip: int, prefix: str, places: list[int]) -> list[int]:
        """Place as many calls as can be in order, if that is more than there are: the longest ascending choice.

        References
        ----------
        Hunt, Szymanski (1977), A fast algorithm for computing longest common subsequences.
        """
        own, known = self.calls(trip), self.stops(prefix)
        ends: list[int] = []
        chosen: list[tuple[int, int, int]] = []  # call, place, the choice before
        heads: list[int] = []
        for number, call in enumerate(calls):
            stop = -1 if call.stop_id is None else known[call.stop_id]
            for place in reversed(own.places.get(stop, ())):
                length = bisect_left(ends, place)
                chosen.append((number, place, heads[length - 1] if length else -1))
                ends[length : length + 1] = [place]
                heads[length : length + 1] = [len(chosen) - 1]
        if len(ends) <= len(places) - places.count(-1):
            return places
        found = [-1] * len(calls)
        at = heads[-1]
        while at >= 0:
            number, place, at = chosen[at]
            found[number] = place
        return found

    def way(self, trip: int) -> Way | None:
        """Way of a trip, see `draw_way`; those of one shape and stop list share it."""
        key = int(self.timetable.trip_shape[trip]), int(self.timetable.trip_pattern[trip])
        if key not in self._ways:
            self._ways[key] = draw_way(self.timetable, trip)
        return self._ways[key]

    def find_platform(self, stop: int, platform: str) -> int:
        """Find the stop of the same station with a platform's name; itself when there is none."""
        table = self.timetable
        for other in np.flatnonzero(table.stop_station == table.stop_station[stop]).tolist():
            if table.stop_platforms.at(other) == platform and table.stop_type[other] != STATION:
                return int(other)
        return stop

    def next_trips(self, trip: int, day: int) -> list[tuple[int, int]]:
        """List what the vehicle of a trip goes on to, with the service day: by transfers.txt, else by its block.

        A linked trip is of the same day where it leaves, by the timetable, no earlier than this one ends, else of the
        day after; it follows where it does so in instants too.
        """
        table, start, end = self.timetable, self.names.start, self.names.end
        onward = []
        for after in self.names.linked.get(trip, ()):
            later = day + int(start[after] < end[trip])
            starts = self.begins(later, int(table.trip_zone[after])) + int(start[after])
            ends = self.begins(day, int(table.trip_zone[trip])) + int(end[trip])
            if starts >= ends and self.runs(after, later):
                onward.append((after, later))
        return onward or [(after, day) for after in self._following(day).get(trip, ())]

    def _following(self, day: int) -> dict[int, tuple[int]]:
        """For each trip of a block on a day the next one.

        A block whose trips overlap that day is of no one vehicle, and none goes on as another mode (route_type).
        """
        if day not in self._next:
            table, names = self.timetable, self.names
            trips = np.flatnonzero(
                (table.trip_block >= 0) & (table.trip_pattern >= 0) & self.services(day)[table.trip_service]
            )
            trips = trips[~np.isin(trips, np.fromiter(names.repeats, np.int64, len(names.repeats)))]
            trips = trips[np.lexsort((names.end[trips], names.start[trips], table.trip_block[trips]))]
            a, b = trips[:-1], trips[1:]
            same = table.trip_block[a] == table.trip_block[b]
            group = table.trip_block[trips].astype(np.int64) << 32
            latest = np.maximum.accumulate(group + names.end[trips])[:-1]
            overlapping = table.trip_block[b[same & (group[1:] + names.start[b] < latest)]]
            same &= ~np.isin(table.trip_block[a], overlapping)
            mode = np.append(table.route_type, -1)[table.trip_route]
            same &= mode[a] == mode[b]
            self._next[day] = {
                before: (after,) for before, after in zip(a[same].tolist(), b[same].tolist(), strict=True)
            }
        return self._next[day]


def _instant(call: CallUpdate) -> int | None:
    """Return an instant of a call, planned if it is said, else as it is expected; mistakes are none."""
    for said in (call.planned_departure, call.planned_arrival, call.departure, call.arrival):
        if said is not None and FIRST_INSTANT <= said <= LAST_INSTANT:
            return said
    return None


def _round_the_clock(seconds: int) -> int:
    """Distance between two times of day."""
    return min(seconds % DAY, -seconds % DAY)


def say_time(seconds: int) -> str:
    """Write seconds of a service day as GTFS does."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def say_day(day: int) -> str:
    """Write a day number as a date."""
    return service_date(day).isoformat()
