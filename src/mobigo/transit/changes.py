"""What live feeds say, matched with a timetable: which runs change and how, each once, with a report for each feed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.transit.describing import FAR_DAYS
from mobigo.transit.hearing import Heard, hear
from mobigo.transit.listing import MANY_CALLS, Listed, NoTrip, list_instead, list_new
from mobigo.transit.live import MatchReport, Relation, TripUpdate
from mobigo.transit.matching import DAY, LATEST_START, Finder, Run, find_target, say_time
from mobigo.transit.progress import Late, find_delay
from mobigo.transit.settling import NEVER
from mobigo.transit.timetable import ALL_RUNS, day_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mobigo.transit.live import Alert, CallUpdate, LiveFeed, Vehicle

INSTANTS = np.array([1, 1, 0, 0])
"""Which columns of `Heard.times` are instants; the others are delays."""
SHOWN = 20
"""Examples a report holds at most."""


class Change(NamedTuple):
    """A run of the timetable, or a copy of one, of which something is known."""

    run: Run
    relation: Relation
    heard: Heard
    """What is said of calls, of this trip in rows `begin` to `end`."""
    begin: int
    end: int
    delay: int | None
    at: int
    """When it was observed."""
    prefix: str
    update: TripUpdate


class Changes(NamedTuple):
    """All that is to be laid over the timetable."""

    changed: list[Change]
    listed: list[Listed]
    canceled: dict[Run, bool]
    """Runs that do not run; True: not to be shown at all."""
    reports: list[MatchReport]


@dataclass
class _Count:
    """A report while it is being made."""

    source: str
    stale: bool = False
    trips: int = 0
    trips_matched: int = 0
    calls: int = 0
    calls_matched: int = 0
    new_trips: int = 0
    vehicles: int = 0
    vehicles_matched: int = 0
    alerts: int = 0
    alerts_matched: int = 0
    unmatched: list[str] = field(default_factory=list)

    def say(self, sentence: str) -> None:
        """Keep an example."""
        if len(self.unmatched) < SHOWN:
            self.unmatched.append(sentence)

    def report(self) -> MatchReport:
        """Make it final."""
        return MatchReport(**{**vars(self), "unmatched": tuple(self.unmatched)})


def gather(finder: Finder, feeds: Sequence[LiveFeed], stale_after: int) -> Changes:
    """Match all feeds, and keep of several updates about one run the newest.

    Parameters
    ----------
    finder : Finder
        Of the timetable, at the moment.
    feeds : sequence of LiveFeed
    stale_after : int
        Seconds: a feed made longer ago (or as much ahead of now) is ignored, and so is what it observed longer ago of
        delays and positions. That a trip is cancelled or new holds as long as a fresh feed says so.

    Returns
    -------
    Changes
        With one report for each feed, in their order.
    """
    return _Gatherer(finder, stale_after).gather(feeds)


@dataclass(frozen=True)
class _Voice:
    """Who speaks: a feed, the prefix of its ids, what is counted of it, and its updates whose runs were found."""

    feed: LiveFeed
    prefix: str
    count: _Count
    found: list[tuple[TripUpdate, Run]] = field(default_factory=list)


class _Found(NamedTuple):
    """An update whose run was found, and how its calls look."""

    update: TripUpdate
    run: Run
    heard: Heard
    begin: int
    end: int
    lost: int
    """Calls that are not in the trip."""
    mistaken: int
    """Calls with times that cannot be true."""
    silent: int
    """Calls of which nothing is said, or that are not in the trip."""


class _Seen(NamedTuple):
    """A vehicle on a run, and how late it is."""

    run: Run
    late: Late
    prefix: str
    update: TripUpdate


class _Gatherer:
    """What is known so far, by run."""

    def __init__(self, finder: Finder, stale_after: int) -> None:
        self.finder = finder
        self.stale_after = stale_after
        self.known: dict[tuple[object, ...], tuple[int, Change | Listed | tuple[Run, bool]]] = {}

    def gather(self, feeds: Sequence[LiveFeed]) -> Changes:
        """Go through all feeds: first what is said of trips, then positions of vehicles of whose trips nothing is."""
        voices = [_Voice(feed, self.finder.names.prefix(feed.source), _Count(feed.source)) for feed in feeds]
        for voice in voices:
            age = self.finder.now - voice.feed.at
            voice.count.stale = bool(voice.feed.at) and abs(age) > self.stale_after
            if voice.count.stale:
                voice.count.say(f"made {age} s ago, over {self.stale_after} s: all of it is ignored")
            for update in voice.feed.trips:
                self._take(update, voice)
            self._hear(voice)
            for alert in voice.feed.alerts:
                self._count_alert(alert, voice)
        seen = [place for voice in voices for vehicle in voice.feed.vehicles for place in self._place(vehicle, voice)]
        self._keep_places(seen)
        kept = [known for _, known in self.known.values()]
        canceled = {one[0]: one[1] for one in kept if not isinstance(one, Change | Listed)}
        return Changes(
            changed=_give_places([one for one in kept if isinstance(one, Change)], canceled),
            listed=[one for one in kept if isinstance(one, Listed)],
            canceled=canceled,
            reports=[voice.count.report() for voice in voices],
        )

    def _keep(self, key: tuple[object, ...], at: int, known: Change | Listed | tuple[Run, bool]) -> None:
        before = self.known.get(key)
        if before is None or before[0] <= at:
            self.known[key] = (at, known)

    def _count_alert(self, alert: Alert, voice: _Voice) -> None:
        voice.count.alerts += 1
        table, names = self.finder.timetable, self.finder.names
        found = (find_target(table, names, voice.feed.source, target) is not None for target in alert.targets)
        if not alert.targets or any(found):  # without targets it is for all
            voice.count.alerts_matched += 1
        else:
            voice.count.say(f"alert {alert.id}: nothing it is about is in the timetable")

    def _take(self, update: TripUpdate, voice: _Voice) -> None:
        """Match one update, count it, and keep it if it says something."""
        try:
            if update.relation is Relation.NEW and not self._is_known(update, voice.prefix):
                self._take_new(update, voice)
            else:
                self._take_known(update, voice)
        except NoTrip as problem:
            voice.count.say(f"{_name(update)}: {problem}")

    def _take_new(self, update: TripUpdate, voice: _Voice) -> None:
        voice.count.new_trips += 1
        at = self._at(update, voice)
        listed = list_new(self.finder, update, voice.prefix, at)
        if not voice.count.stale:
            self._keep(("new", voice.prefix, update.trip_id or listed.nickname, listed.day), at, listed)

    def _take_known(self, update: TripUpdate, voice: _Voice) -> None:
        voice.count.trips += 1
        voice.count.calls += len(update.calls)
        if len(update.calls) > MANY_CALLS:
            raise NoTrip(f"it has {len(update.calls)} calls, {MANY_CALLS} at most are believed")
        run = self._copy(update, voice) if update.relation is Relation.DUPLICATED else self._find(update, voice)
        voice.count.trips_matched += 1
        voice.found.append((update, run))

    def _hear(self, voice: _Voice) -> None:
        """Place the calls of all updates of a feed whose runs were found, and keep what they say."""
        found = voice.found
        table = self.finder.timetable
        heard = hear(self.finder, [(update.calls, run.trip) for update, run in found], voice.prefix)
        length = np.array([len(update.calls) for update, _ in found], np.int64)
        trip = np.array([run.trip for _, run in found], np.int64)
        begins = np.array([self._begins(run) for _, run in found], np.int64)
        planned = table.call_arrival[np.repeat(table.call_first[trip], length) + np.maximum(heard.place, 0)]
        off = heard.times - (np.repeat(begins, length) + planned)[:, None] * INSTANTS
        mistaken = ((np.abs(off) > DAY) & (heard.times != NEVER)).any(axis=1) & (heard.place >= 0)
        spans = np.concatenate(([0], np.cumsum(length)))
        sums = [
            np.diff(np.concatenate(([0], np.cumsum(column)))[spans]).tolist()
            for column in (heard.place < 0, mistaken, heard.silent | (heard.place < 0))
        ]
        for (update, run), begin, end, *counts in zip(
            found, spans[:-1].tolist(), spans[1:].tolist(), *sums, strict=True
        ):
            try:
                self._keep_found(_Found(update, run, heard, begin, end, *counts), voice)
            except NoTrip as problem:
                voice.count.say(f"{_name(update)}: {problem}")

    def _begins(self, run: Run) -> int:
        """Seconds since 1970 from which the times of a trip count in a run."""
        return self.finder.begins(run.day, int(self.finder.timetable.trip_zone[run.trip])) + run.shift

    def _keep_found(self, found: _Found, voice: _Voice) -> None:
        """Keep what is said of a run that was found."""
        update, run, count = found.update, found.run, voice.count
        if update.relation is Relation.REPLACEMENT or (update.relation is Relation.NEW and found.lost):
            listed = list_instead(self.finder, update, run, voice.prefix, self._at(update, voice))
            count.calls_matched += len(update.calls)
            if not count.stale:
                self._keep(_key(run), listed.at, listed)
            return
        count.calls_matched += len(update.calls) - found.lost
        if found.lost:
            call = update.calls[int((found.heard.place[found.begin : found.end] < 0).argmax())]
            count.say(f"{_name(update)}: it does not call at {_name_call(call)}, or not at this point")
        observed = update.relation in (Relation.SCHEDULED, Relation.UNSCHEDULED) and update.at is not None
        if observed and abs(self.finder.now - (update.at or 0)) > self.stale_after:
            age = self.finder.now - (update.at or 0)
            raise NoTrip(f"observed {age} s ago, over {self.stale_after} s: ignored")
        if not count.stale:
            self._keep_change(found, voice)

    def _at(self, update: TripUpdate, voice: _Voice) -> int:
        return update.at or voice.feed.at or self.finder.now

    def _find(self, update: TripUpdate, voice: _Voice) -> Run:
        run = self.finder.find_run(update, voice.prefix)
        if isinstance(run, str):
            raise NoTrip(run)
        return run

    def _is_known(self, update: TripUpdate, prefix: str) -> bool:
        """Tell whether a trip said to be new is in the timetable all the same, and runs."""
        if update.trip_id is None or prefix + update.trip_id not in self.finder.names.trips:
            return False
        return not isinstance(self.finder.find_run(update, prefix), str)

    def _keep_change(self, found: _Found, voice: _Voice) -> None:
        """Keep a change of a run of the timetable that says something believable."""
        update, run = found.update, found.run
        at = self._at(update, voice)
        if update.relation in (Relation.CANCELED, Relation.DELETED):
            self._keep(_key(run), at, (run, update.relation is Relation.DELETED))
            return
        copied = update.relation is Relation.DUPLICATED
        if not copied and update.delay is None and found.silent == len(update.calls):
            return
        if found.mistaken or abs(update.delay or 0) > DAY:
            raise NoTrip("a time or a delay of it is over a day from the plan; all of it is ignored")
        relation = Relation.SCHEDULED if update.relation is Relation.NEW else update.relation
        change = Change(run, relation, found.heard, found.begin, found.end, update.delay, at, voice.prefix, update)
        key = ("copy", voice.prefix, update.new_trip_id, run.trip, run.day, run.shift) if copied else _key(run)
        self._keep(key, at, change)

    def _copy(self, update: TripUpdate, voice: _Voice) -> Run:
        """Find what a duplicate copies, and when it runs."""
        trip = None if update.trip_id is None else self.finder.names.trips.get(voice.prefix + update.trip_id)
        if trip is None:
            raise NoTrip("it is to be duplicated but is not in the timetable")
        if self.finder.timetable.trip_pattern[trip] < 0:
            raise NoTrip("its times in the timetable make no sense")
        day = update.new_start_date or update.start_date
        if update.new_start_time is None or day is None:
            raise NoTrip("a duplicate must say its start_date and start_time in trip_properties")
        number = day_number(day)
        if update.new_start_time > LATEST_START:
            raise NoTrip(f"its start_time {say_time(update.new_start_time)} is a mistake")
        if abs(number - self.finder.today) > FAR_DAYS:
            raise NoTrip(f"{day} is more than {FAR_DAYS} days away")
        return Run(trip, number, update.new_start_time - int(self.finder.names.start[trip]), None)

    def _place(self, vehicle: Vehicle, voice: _Voice) -> Iterator[_Seen]:
        """Match a vehicle, and find its delay when nothing else tells of its trip."""
        count, prefix, finder = voice.count, voice.prefix, self.finder
        count.vehicles += 1
        named = f"vehicle {vehicle.vehicle_id}"
        if vehicle.trip_id is None:
            count.say(f"{named}: it names no trip")
            return
        update = TripUpdate(vehicle.trip_id, vehicle.start_date, route_id=vehicle.route_id, at=vehicle.at)
        run = finder.find_run(update, prefix)
        if isinstance(run, str):
            count.say(f"{named}: {run}")
            return
        count.vehicles_matched += 1
        age = finder.now - vehicle.at
        if abs(age) > self.stale_after:
            count.say(f"{named}: observed {age} s ago, over {self.stale_after} s: ignored")
        elif not count.stale and _key(run) not in self.known:
            stop = None if vehicle.stop_id is None else finder.stops(prefix)[vehicle.stop_id]
            way = finder.way(run.trip)
            late: Late | str = "a stop of its trip has no place"
            if way is not None:
                late = find_delay(finder.timetable, run.trip, self._begins(run), vehicle, stop=stop, way=way)
            if isinstance(late, str):
                count.say(f"{named}: {late}")
            else:
                yield _Seen(run, late, prefix, update)

    def _keep_places(self, seen: list[_Seen]) -> None:
        """Keep what positions tell of trips."""
        times = np.full((len(seen), 4), NEVER, np.int64)
        for number, one in enumerate(seen):
            for column, delay in ((2, one.late.arrival), (3, one.late.departure)):
                if delay is not None:
                    times[number, column] = delay
        no = np.zeros(len(seen), np.bool_)
        heard = Heard(times, no, no, no, no, np.array([one.late.place for one in seen], np.int64), no)
        for number, one in enumerate(seen):
            at = one.update.at or self.finder.now
            change = Change(one.run, Relation.SCHEDULED, heard, number, number + 1, None, at, one.prefix, one.update)
            self._keep(_key(one.run), at, change)


def _name(update: TripUpdate) -> str:
    return f"trip {update.trip_id}" if update.trip_id is not None else "a trip without trip_id"


def _name_call(call: CallUpdate) -> str:
    return f"stop {call.stop_id} (stop_sequence {call.sequence})"


def _give_places(changes: list[Change], canceled: dict[Run, bool]) -> list[Change]:
    """Let each run of frequencies give its place to the nearest departure that asks for it; the others are more."""
    taken = {(run.trip, run.day, run.nominal) for run in canceled}
    for number in sorted(range(len(changes)), key=lambda number: _off(changes[number].run)):
        run = changes[number].run
        if run.nominal in (None, ALL_RUNS):
            continue
        if (run.trip, run.day, run.nominal) in taken:
            changes[number] = changes[number]._replace(run=run._replace(nominal=None))
        taken.add((run.trip, run.day, run.nominal))
    return changes


def _off(run: Run) -> int:
    return 0 if run.nominal is None else abs(run.shift - run.nominal)


def _key(run: Run) -> tuple[object, ...]:
    """Name a run: one of frequencies by its own start, as several may ask for the place of one."""
    return (run.trip, run.day, run.shift, run.nominal == ALL_RUNS)
