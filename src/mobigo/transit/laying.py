"""Rows of trips as they run now: what is appended to a timetable, one batch after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.transit.changes import Change
from mobigo.transit.hearing import Heard
from mobigo.transit.live import CallRelation, Relation, TripUpdate
from mobigo.transit.matching import Run, say_time
from mobigo.transit.settling import NEVER, Said, settle
from mobigo.transit.timetable import ALL_RUNS, NOT_ALLOWED, STATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from mobigo.transit.listing import Listed
    from mobigo.transit.live import CallUpdate
    from mobigo.transit.matching import Finder

NO_PLACE = 2**31 - 1
"""Instead of a `run_shift`: the trip takes the place of no run."""
NO_TEXT = -1
APART = "\0"
"""Between prefix and name."""
SCHEDULED, LIVE, SKIPPED, NO_DATA = range(4)
"""`overlay.CallStatus`."""
RELATIONS = tuple(Relation)
_NO = np.zeros(0, np.bool_)
NOTHING = Heard(np.zeros((0, 4), np.int64), _NO, _NO, _NO, _NO, np.zeros(0, np.int64), _NO)
"""Nothing is said of any call."""


class Words:
    """Texts given numbers, each once."""

    def __init__(self, known: int = 0) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}
        self._known = known

    def number(self, text: str) -> int:
        """Return the number of a text, after those known before."""
        if text not in self._numbers:
            self._numbers[text] = self._known + len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


class TripText(NamedTuple):
    """How a trip is called; None: as its base."""

    id: str | None
    headsign: str | None
    short_name: str | None


class Batch(NamedTuple):
    """Trips to append, with their calls one trip after another; times in seconds of the service day."""

    base: NDArray[np.int32]
    """int32[n], trip of the timetable, -1: none."""
    shift: NDArray[np.int32]
    day: NDArray[np.int32]
    nominal: NDArray[np.int64]
    """int64[n], `run_shift` of the run whose place it takes, ALL_RUNS without frequencies, NO_PLACE: of none."""
    relation: NDArray[np.uint8]
    at: NDArray[np.int64]
    route: NDArray[np.int32]
    zone: NDArray[np.int16]
    text: list[TripText | None]
    length: NDArray[np.int64]
    """int64[n], calls of each."""
    stop: NDArray[np.int32]
    arrival: NDArray[np.int32]
    departure: NDArray[np.int32]
    pickup: NDArray[np.int8]
    drop_off: NDArray[np.int8]
    sequence: NDArray[np.int32]
    headsign: NDArray[np.int32]
    """int32[m], index into the timetable's `headsigns` and the new ones after them, or -1."""
    distance: NDArray[np.float64]
    planned_arrival: NDArray[np.int32]
    planned_departure: NDArray[np.int32]
    status: NDArray[np.uint8]
    platform: NDArray[np.int32]
    """int32[m], index into the platforms' words, or -1."""

    @property
    def first(self) -> NDArray[np.int64]:
        """int64[n + 1], index of each trip's first call."""
        return np.concatenate(([0], np.cumsum(self.length)))


TRIP_COLUMNS = ("base", "shift", "day", "nominal", "relation", "at", "route", "zone", "length")
CALL_COLUMNS = (
    "stop",
    "arrival",
    "departure",
    "pickup",
    "drop_off",
    "sequence",
    "headsign",
    "distance",
    "planned_arrival",
    "planned_departure",
    "status",
    "platform",
)


class Vocabulary(NamedTuple):
    """New texts of calls."""

    headsigns: Words
    platforms: Words
    routes: Words
    """Lines of which only live data know: prefix and name, `APART`."""


def spread(first: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate the ranges that begin at `first` and are `length` long."""
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(int(length.sum()))


def lay_changes(finder: Finder, changes: Sequence[Change], words: Vocabulary) -> Batch:
    """Lay runs of the timetable, or copies of them, at the times their updates say."""
    table = finder.timetable
    trip = np.array([change.run.trip for change in changes], np.int32)
    shift = np.array([change.run.shift for change in changes], np.int32)
    zone = table.trip_zone[trip]
    day = np.array([change.run.day for change in changes], np.int32)
    begins = np.array([finder.begins(*pair) for pair in zip(day.tolist(), zone.tolist(), strict=True)], np.int64)
    length = np.diff(table.call_first)[trip]
    rows = spread(table.call_first[trip], length)
    first = np.concatenate(([0], np.cumsum(length))).astype(np.int64)
    each = np.repeat(shift, length)
    planned_arrival, planned_departure = table.call_arrival[rows] + each, table.call_departure[rows] + each
    heard = _collect(changes, first, len(rows))
    owner = np.repeat(begins, length)
    delay = np.array([NEVER if change.delay is None else change.delay for change in changes], np.int64)
    settled = settle(
        Said(
            first=first,
            planned_arrival=planned_arrival,
            planned_departure=planned_departure,
            arrival=_expect(heard.times[:, 0], heard.times[:, 2], owner, planned_arrival),
            departure=_expect(heard.times[:, 1], heard.times[:, 3], owner, planned_departure),
            unknown=heard.unknown,
            skipped=heard.skipped,
            delay=delay,
        )
    )
    status = np.full(len(rows), SCHEDULED, np.uint8)
    status[settled.live] = LIVE
    status[settled.unknown] = NO_DATA
    status[heard.skipped] = SKIPPED
    batch = Batch(
        base=trip,
        shift=shift,
        day=day,
        nominal=np.array([NO_PLACE if one.run.nominal is None else one.run.nominal for one in changes], np.int64),
        relation=np.array([RELATIONS.index(change.relation) for change in changes], np.uint8),
        at=np.array([change.at for change in changes], np.int64),
        route=table.trip_route[trip],
        zone=zone,
        text=[_describe(finder, change) for change in changes],
        length=length,
        stop=table.call_stop[rows],
        arrival=settled.arrival,
        departure=settled.departure,
        pickup=np.where(heard.skipped, NOT_ALLOWED, table.call_pickup[rows]).astype(np.int8),
        drop_off=np.where(heard.skipped, NOT_ALLOWED, table.call_drop_off[rows]).astype(np.int8),
        sequence=table.call_sequence[rows],
        headsign=table.call_headsign[rows],
        distance=table.call_distance[rows],
        planned_arrival=planned_arrival,
        planned_departure=planned_departure,
        status=status,
        platform=np.full(len(rows), NO_TEXT, np.int32),
    )
    for special in heard.special:
        _adjust(finder, batch, special, words)
    return batch


class _Said(NamedTuple):
    """What is said of each call of some trips."""

    times: NDArray[np.int64]
    """int64[n_calls, 4], as in `Heard`."""
    unknown: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    special: list[tuple[int, CallUpdate, str]]
    """Row, update and prefix of calls of which more is said than times."""


def _collect(changes: Sequence[Change], first: NDArray[np.int64], n_calls: int) -> _Said:
    """Put what is said of calls in their rows."""
    times = np.full((n_calls, 4), NEVER, np.int64)
    unknown = np.zeros(n_calls, np.bool_)
    skipped = np.zeros(n_calls, np.bool_)
    special: list[tuple[int, CallUpdate, str]] = []
    for heard in {id(change.heard): change.heard for change in changes}.values():
        of_it = [number for number, change in enumerate(changes) if change.heard is heard]
        begin = np.array([changes[number].begin for number in of_it], np.int64)
        length = np.array([changes[number].end for number in of_it], np.int64) - begin
        said = spread(begin, length)
        row = np.repeat(first[of_it], length) + heard.place[said]
        owner = np.repeat(np.array(of_it, np.int64), length)
        found = heard.place[said] >= 0
        said, row, owner = said[found], row[found], owner[found]
        times[row] = heard.times[said]
        unknown[row] = heard.unknown[said]
        skipped[row] = heard.skipped[said]
        for at in np.flatnonzero(heard.special[said] | heard.moved[said]).tolist():
            change = changes[owner[at]]
            call = change.update.calls[said[at] - change.begin]
            if heard.moved[said[at]]:
                call = call._replace(assigned_stop_id=call.stop_id)
            special.append((int(row[at]), call, change.prefix))
    return _Said(times, unknown, skipped, special)


def _expect(
    times: NDArray[np.int64], delays: NDArray[np.int64], begins: NDArray[np.int64], planned: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Seconds of the service day that are said: an instant prevails over a delay."""
    late = np.where(delays == NEVER, NEVER, planned + delays)
    return np.where(times == NEVER, late, times - begins)


def _describe(finder: Finder, change: Change) -> TripText | None:
    """Say how a changed trip is called, where that differs from its base."""
    update = change.update
    name = None
    if change.relation is Relation.DUPLICATED:
        start = int(finder.names.start[change.run.trip]) + change.run.shift
        name = change.prefix + (update.new_trip_id or f"{update.trip_id}@{say_time(start)}")
    if name is None and update.headsign is None and update.short_name is None:
        return None
    return TripText(name, update.headsign, update.short_name)


def _adjust(finder: Finder, batch: Batch, special: tuple[int, CallUpdate, str], words: Vocabulary) -> None:
    """Put what is said of a call beside its times: another stop of the same station, a platform, a sign."""
    table = finder.timetable
    row, call, prefix = special
    if call.headsign is not None:
        batch.headsign[row] = words.headsigns.number(call.headsign)
    if call.platform is not None:
        batch.platform[row] = words.platforms.number(call.platform)
    stop = int(batch.stop[row])
    other = stop if call.assigned_stop_id is None else finder.stops(prefix)[call.assigned_stop_id]
    other = stop if other < 0 else other
    if other == stop and call.platform is not None:
        other = finder.find_platform(stop, call.platform)
    if table.stop_station[other] == table.stop_station[stop] and table.stop_type[other] != STATION:
        batch.stop[row] = other


def lay_listed(finder: Finder, listed: Sequence[Listed], words: Vocabulary) -> Batch:
    """Lay trips with stops of their own; a route the timetable does not know gets its place when they are appended."""
    calls = [call for one in listed for call in one.calls]
    length = np.array([len(one.calls) for one in listed], np.int64)
    runs = [one.run or Run(one.base, one.day, 0, None) for one in listed]
    skipped = np.array([call.update.relation is CallRelation.SKIPPED for call in calls], np.bool_)
    closed = np.where(skipped, NOT_ALLOWED, 0).astype(np.int8)
    prefixes = [one.prefix for one in listed for _ in one.calls]
    batch = Batch(
        base=np.array([one.base for one in listed], np.int32),
        shift=np.array([run.shift for run in runs], np.int32),
        day=np.array([one.day for one in listed], np.int32),
        nominal=np.array([NO_PLACE if run.nominal is None else run.nominal for run in runs], np.int64),
        relation=np.array([RELATIONS.index(one.relation) for one in listed], np.uint8),
        at=np.array([one.at for one in listed], np.int64),
        route=np.array([_number_route(one, words) for one in listed], np.int32),
        zone=np.array([one.zone for one in listed], np.int16),
        text=[_name(one) for one in listed],
        length=length,
        stop=np.array([call.stop for call in calls], np.int32),
        arrival=np.array([call.arrival for call in calls], np.int32),
        departure=np.array([call.departure for call in calls], np.int32),
        pickup=closed,
        drop_off=closed.copy(),
        sequence=np.concatenate([np.arange(1, n + 1) for n in length] or [length]).astype(np.int32),
        headsign=np.full(len(calls), NO_TEXT, np.int32),
        distance=np.full(len(calls), np.nan),
        planned_arrival=_plan([call.planned_arrival for call in calls]),
        planned_departure=_plan([call.planned_departure for call in calls]),
        status=np.where(skipped, SKIPPED, LIVE).astype(np.uint8),
        platform=np.full(len(calls), NO_TEXT, np.int32),
    )
    for row, (call, prefix) in enumerate(zip(calls, prefixes, strict=True)):
        if call.update.platform is not None or call.update.headsign is not None:
            _adjust(finder, batch, (row, call.update._replace(assigned_stop_id=None), prefix), words)
    return batch


def _number_route(listed: Listed, words: Vocabulary) -> int:
    if listed.route >= 0:
        return listed.route
    return words.routes.number(f"{listed.prefix}{APART}{listed.update.route_id or listed.update.line_name or ''}")


def _plan(times: Iterable[int | None]) -> NDArray[np.int32]:
    return np.array([NEVER if time is None or abs(time) > NEVER else time for time in times], np.int32)


def _name(listed: Listed) -> TripText:
    update = listed.update
    name = None if listed.run is not None else listed.prefix + (update.new_trip_id or update.trip_id or listed.nickname)
    return TripText(name, update.headsign, update.short_name)


def lay_next_trips(
    finder: Finder, batch: Batch, taken: set[tuple[int, int]], gone: set[tuple[int, int]], words: Vocabulary
) -> Batch:
    """Lay the trips that vehicles of late trips go on to, late by what is left of the delay; and so on.

    Parameters
    ----------
    finder : Finder
    batch : Batch
        Changed trips.
    taken : set of (trip, day)
        Runs of which more is known: there their own updates count.
    gone : set of (trip, day)
        Runs that do not run: the vehicle goes on to the one after.
    words : Vocabulary
    """
    table = finder.timetable
    late: dict[tuple[int, int], tuple[int, int]] = {}
    passed: set[tuple[int, int, int]] = set()
    ends = batch.first[1:] - 1
    late_ends = batch.arrival[ends] > finder.names.end[np.maximum(batch.base, 0)] if len(ends) else ends
    sources = np.flatnonzero((batch.nominal == ALL_RUNS) & late_ends)
    fresh = [
        (int(batch.base[at]), int(batch.day[at]), int(batch.arrival[ends[at]]), int(batch.at[at]))
        for at in sources.tolist()
    ]
    while fresh:
        trip, day, end, at = fresh.pop()
        for other, other_day in finder.next_trips(trip, day):
            arrives = end + finder.begins(day, int(table.trip_zone[trip]))
            arrives -= finder.begins(other_day, int(table.trip_zone[other]))
            delay = arrives - int(finder.names.start[other])
            if (other, other_day) in gone:
                if (other, other_day, arrives) not in passed:
                    passed.add((other, other_day, arrives))
                    fresh.append((other, other_day, arrives, at))
            elif delay > late.get((other, other_day), (0, 0))[0] and (other, other_day) not in taken:
                late[other, other_day] = (delay, at)
                fresh.append((other, other_day, int(finder.names.end[other]) + delay, at))
    return lay_changes(
        finder,
        [_delayed(Run(trip, day, 0, ALL_RUNS), delay, at) for (trip, day), (delay, at) in late.items()],
        words,
    )


def _delayed(run: Run, delay: int | None, at: int) -> Change:
    """A change that is a delay of the whole trip, or none at all."""
    update = TripUpdate(None)
    return Change(run, Relation.SCHEDULED, NOTHING, 0, 0, delay, at, "", update)


def lay_planned(finder: Finder, runs: Iterable[Run], words: Vocabulary) -> Batch:
    """Lay runs at the times of the timetable."""
    return lay_changes(finder, [_delayed(run, None, finder.now) for run in runs], words)


def pick(batch: Batch, trips: NDArray[np.bool_]) -> Batch:
    """Leave trips out of a batch."""
    if trips.all():
        return batch
    calls = np.repeat(trips, batch.length)
    return batch._replace(
        text=[text for text, stays in zip(batch.text, trips.tolist(), strict=True) if stays],
        **{name: getattr(batch, name)[trips] for name in TRIP_COLUMNS},
        **{name: getattr(batch, name)[calls] for name in CALL_COLUMNS},
    )


def join(batches: Sequence[Batch]) -> Batch:
    """Put batches one after another."""
    return Batch(
        text=[text for batch in batches for text in batch.text],
        **{
            name: np.concatenate([getattr(batch, name) for batch in batches]) for name in (*TRIP_COLUMNS, *CALL_COLUMNS)
        },
    )
