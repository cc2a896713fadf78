"""What live feeds say, matched with a timetable: which runs change and how, each once, with a report for each feed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mobigo.transit.listing import Listed, NoTrip, list_instead, list_new
from mobigo.transit.live import MatchReport, Relation, TripUpdate
from mobigo.transit.matching import DAY, FAR_DAYS, Finder, Run, find_target, says_something
from mobigo.transit.progress import find_delay
from mobigo.transit.timetable import day_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.transit.live import Alert, CallUpdate, LiveFeed, Vehicle

SHOWN = 20
"""Examples a report holds at most."""


class Change(NamedTuple):
    """A run of the timetable, or a copy of one, of which something is known."""

    run: Run
    relation: Relation
    calls: tuple[CallUpdate, ...]
    places: list[int]
    """Position of each call in the trip, -1: not found."""
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
    """Who speaks: a feed, the prefix of its ids, and what is counted of it."""

    feed: LiveFeed
    prefix: str
    count: _Count


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
            for alert in voice.feed.alerts:
                self._count_alert(alert, voice)
        spoken = set(self.known)
        for voice in voices:
            for vehicle in voice.feed.vehicles:
                self._place(vehicle, voice, spoken)
        kept = [known for _, known in self.known.values()]
        return Changes(
            changed=[one for one in kept if isinstance(one, Change)],
            listed=[one for one in kept if isinstance(one, Listed)],
            canceled={one[0]: one[1] for one in kept if not isinstance(one, Change | Listed)},
            reports=[voice.count.report() for voice in voices],
        )

    def _keep(self, key: tuple[object, ...], at: int, known: Change | Listed | tuple[Run, bool]) -> None:
        before = self.known.get(key)
        if before is None or before[0] <= at:
            self.known[key] = (at, known)

    def _count_alert(self, alert: Alert, voice: _Voice) -> None:
        voice.count.alerts += 1
        table, names = self.finder.timetable, self.finder.names
        if any(find_target(table, names, voice.feed.source, target) is not None for target in alert.targets):
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
        count = voice.count
        count.trips += 1
        count.calls += len(update.calls)
        run = self._copy(update, voice) if update.relation is Relation.DUPLICATED else self._find(update, voice)
        count.trips_matched += 1
        places = self.finder.place_calls(update.calls, run.trip, voice.prefix)
        found = len(places) - places.count(-1)
        if update.relation is Relation.REPLACEMENT or (update.relation is Relation.NEW and found < len(places)):
            listed = list_instead(self.finder, update, run, voice.prefix, self._at(update, voice))
            count.calls_matched += len(update.calls)
            if not count.stale:
                self._keep(_key(run), listed.at, listed)
            return
        count.calls_matched += found
        if found < len(places):
            lost = update.calls[places.index(-1)]
            count.say(f"{_name(update)}: it does not call at {_name_call(lost)}, or not at this point")
        observed = update.relation in (Relation.SCHEDULED, Relation.UNSCHEDULED) and update.at is not None
        if observed and abs(self.finder.now - (update.at or 0)) > self.stale_after:
            age = self.finder.now - (update.at or 0)
            count.say(f"{_name(update)}: observed {age} s ago, over {self.stale_after} s: ignored")
        elif not count.stale:
            self._keep_change(update, run, places, voice)

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

    def _keep_change(self, update: TripUpdate, run: Run, places: list[int], voice: _Voice) -> None:
        """Keep a change of a run of the timetable that says something believable."""
        at = self._at(update, voice)
        if update.relation in (Relation.CANCELED, Relation.DELETED):
            self._keep(_key(run), at, (run, update.relation is Relation.DELETED))
            return
        copied = update.relation is Relation.DUPLICATED
        if not copied and update.delay is None and not any(map(says_something, update.calls)):
            return
        mistake = self._find_mistake(update, run, places)
        if mistake:
            voice.count.say(f"{_name(update)}: {mistake}; all of it is ignored")
            return
        calls = self._move(update.calls, places, run.trip, voice.prefix)
        relation = Relation.SCHEDULED if update.relation is Relation.NEW else update.relation
        change = Change(run, relation, calls, places, update.delay, at, voice.prefix, update)
        key = ("copy", voice.prefix, update.new_trip_id, run.trip, run.day, run.shift) if copied else _key(run)
        self._keep(key, at, change)

    def _move(self, calls: tuple[CallUpdate, ...], places: list[int], trip: int, prefix: str) -> tuple[CallUpdate, ...]:
        """Read a call that names another stop of its station as one of another platform."""
        stops, known = self.finder.calls(trip)[0], self.finder.names.stops
        moved = [
            at
            for at, (call, place) in enumerate(zip(calls, places, strict=True))
            if place >= 0 and call[1] is not None and known[prefix + call[1]] != stops[place] and call[7] is None
        ]
        if not moved:
            return calls
        changed = list(calls)
        for at in moved:
            changed[at] = calls[at]._replace(assigned_stop_id=calls[at].stop_id)
        return tuple(changed)

    def _find_mistake(self, update: TripUpdate, run: Run, places: list[int]) -> str:
        """Say why times cannot be true: further from the plan than a day."""
        table = self.finder.timetable
        if abs(update.delay or 0) > DAY:
            return f"a delay of {update.delay} s is over a day"
        row = int(table.call_first[run.trip])
        begins = self.finder.begins(run.day, int(table.trip_zone[run.trip])) + run.shift
        arrivals = table.call_arrival[row : int(table.call_first[run.trip + 1])].tolist()
        for call, place in zip(update.calls, places, strict=True):
            if place < 0:
                continue
            planned = begins + arrivals[place]
            for said, delay in ((call[2], call[4]), (call[3], call[5])):
                off = said - planned if said is not None else delay
                if off is not None and not -DAY <= off <= DAY:
                    return f"a time at {_name_call(call)} is over a day from the plan"
        return ""

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
        if abs(number - self.finder.today) > FAR_DAYS:
            raise NoTrip(f"{day} is more than {FAR_DAYS} days away")
        return Run(trip, number, update.new_start_time - int(self.finder.names.start[trip]), None)

    def _place(self, vehicle: Vehicle, voice: _Voice, spoken: set[tuple[object, ...]]) -> None:
        """Match a vehicle, and tell its delay when nothing else says it."""
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
        elif not count.stale and _key(run) not in spoken:
            begins = finder.begins(run.day, int(finder.timetable.trip_zone[run.trip])) + run.shift
            stop = None if vehicle.stop_id is None else finder.names.stops.get(prefix + vehicle.stop_id)
            call = find_delay(finder.timetable, run.trip, begins, vehicle, stop)
            if isinstance(call, str):
                count.say(f"{named}: {call}")
            else:
                change = Change(run, Relation.SCHEDULED, call[1], call[0], None, vehicle.at, prefix, update)
                self._keep(_key(run), vehicle.at, change)


def _name(update: TripUpdate) -> str:
    return f"trip {update.trip_id}" if update.trip_id is not None else "a trip without trip_id"


def _name_call(call: CallUpdate) -> str:
    return f"stop {call.stop_id} (stop_sequence {call.sequence})"


def _key(run: Run) -> tuple[object, ...]:
    """Name a run: what takes the place of none is named by its start."""
    return (run.trip, run.day, run.nominal) if run.nominal is not None else ("more", run.trip, run.day, run.shift)
