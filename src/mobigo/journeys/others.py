"""Other vehicles for one ride of a journey: those before and after it, of whatever line, between the same places."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.combine import DOOR
from mobigo.journeys.identity import (
    STOP_OF_RIDE,
    Identity,
    NamedRide,
    NamedWalk,
    name_ride,
    write_id,
)
from mobigo.journeys.instead import find_instead, is_booked
from mobigo.journeys.model import Journey, Realtime
from mobigo.journeys.refresh import look_up
from mobigo.journeys.rides import describe_ride, is_seat_kept, is_skipped
from mobigo.journeys.search import open_search
from mobigo.journeys.tidy import needed_to_change
from mobigo.kit.errors import InvalidInput
from mobigo.ondemand.supply import Declined
from mobigo.transit.boards import State, list_calls, stops_of_place
from mobigo.transit.model import Ride, TransitJourney
from mobigo.transit.timetable import FORBIDDEN, NOT_ALLOWED
from mobigo.transit.transfers import find_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mobigo.journeys.access import Access
    from mobigo.journeys.instead import Instead
    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.refresh import Seen
    from mobigo.journeys.rideleg import Hail
    from mobigo.journeys.search import Search
    from mobigo.transit.boards import BoardCall

SPANS = (2 * 3600, 6 * 3600, 24 * 3600)
"""Seconds before and after a ride in which others are looked for, one after the other until there are enough."""

MOST_CALLS = 20_000
"""Departures of a place that are looked at in one span."""


class Why(StrEnum):
    """Why the rest of a journey cannot stay as it is with another vehicle."""

    BEFORE_ONE_IS_THERE = "before_one_is_there"
    """It leaves before one can be there."""
    AFTER_THE_NEXT = "after_the_next"
    """It arrives too late for the vehicle after it."""
    NOT_BOOKABLE = "not_bookable"
    """It has to be booked and cannot be, now."""


@dataclass(frozen=True)
class Other:
    """Another vehicle for a ride."""

    leg: Leg
    earlier: bool
    """Than the ride of the journey."""
    why_not: Why | None
    """None: everything else of the journey stays as it is."""
    declined: str | None
    """Why it cannot be booked, as `NotNow.reason`."""
    journey: str | None
    """Id of the journey with it; None where the rest does not fit."""
    departure: datetime | None
    """Of that journey."""
    arrival: datetime | None


@dataclass(frozen=True)
class Others:
    """What goes instead of a ride."""

    journey: Journey
    """As it goes now."""
    leg: int
    others: tuple[Other, ...]
    """By departure."""
    network_version: str
    live_at: datetime | None


class _Side(NamedTuple):
    """The stops at one end of the ride, and what lies between them and what comes before (after)."""

    seconds: Mapping[int, int]
    """From the instant one is free until one can board there (from getting off there until one is where one must be);
    by stop."""
    walk: Mapping[int, int]
    """How much of it is a way that the journey names."""
    instant: int | None
    """When one is free (must be there); None: whenever."""
    beside: Ride | None
    """The vehicle before (after)."""


def find_others(
    network: Network,
    name: str,
    leg: int,
    now: datetime,
    *,
    realtime: Realtime = Realtime.ON,
    hail: Hail | None = None,
    lift: Lift | None = None,
    earlier: int = 2,
    later: int = 3,
) -> Others:
    """Find the vehicles before and after a ride of a journey that go between the same places without a change.

    Of a ride that is booked: the same ride at other times at which it can be booked now.

    The same places are the platforms of the station, and posts of the same name around. Wishes of the question count;
    what is cancelled is left out.

    Parameters
    ----------
    network : Network
        As `Networks` hands it out.
    name : str
        ``Journey.id``.
    leg : int
        Which of the journey's legs, from 0, as it is answered now.
    now : datetime
        Aware; what has left by then is no help.
    earlier, later : int
        How many of each, at most.

    Raises
    ------
    NotFound
        When the id is none, or the ends or all rides of the journey are not known any more.
    InvalidInput
        When the leg is no ride.
    """
    seen = look_up(network, name, now, realtime)
    live = seen.network.live
    live_at = datetime.fromtimestamp(live.at, seen.network.manifest.zone) if live else None
    version = seen.network.manifest.version
    if leg < len(seen.journey.legs) and is_booked(seen.journey.legs[leg]):
        times = find_instead(seen, leg, now, hail, lift, most=(earlier, later))
        return Others(seen.journey, leg, tuple(_tell_time(one, seen) for one in times), version, live_at)
    part = _find_part(seen, leg)
    running = seen.network.as_it_runs
    search = open_search(running, seen.identity.request, time.monotonic(), hail)
    finder = _Finder(search, seen, part, int(now.timestamp()))
    found = [
        *(finder.tell(ride, earlier=True) for ride in finder.before(earlier)),
        *(finder.tell(ride, earlier=False) for ride in finder.after(later)),
    ]
    return Others(
        seen.journey,
        leg,
        tuple(sorted(found, key=lambda one: (one.leg.departure, one.leg.arrival))),
        version,
        live_at,
    )


def _tell_time(one: Instead, seen: Seen) -> Other:
    """Describe another time of a ride that is booked, and the journey with it."""
    if not (one.free and one.in_time):
        why = Why.AFTER_THE_NEXT if one.free else Why.BEFORE_ONE_IS_THERE
        return Other(one.leg, one.earlier, why, None, None, None, None)
    zone = seen.network.manifest.zone
    ends = (datetime.fromtimestamp(instant, zone) for instant in (one.named.departure, one.named.arrival))
    return Other(one.leg, one.earlier, None, None, write_id(one.named), *ends)


def _find_part(seen: Seen, leg: int) -> int:
    """Return which of the named parts a leg is."""
    legs = seen.journey.legs
    if not 0 <= leg < len(legs) or legs[leg].trip_id is None:
        rides = ", ".join(str(at) for at, one in enumerate(legs) if one.trip_id is not None or is_booked(one))
        raise InvalidInput(f"leg {leg} is no ride; legs that are: {rides or 'none'}")
    number = sum(one.trip_id is not None for one in legs[:leg])
    known = [one.ride is not None for one in seen.looked]
    parts = [at for at, one in enumerate(seen.identity.legs) if isinstance(one, NamedRide)]
    return [at for at, there in zip(parts, known, strict=True) if there][number]


class _Finder:
    """Looks for vehicles that go where one part of a journey goes."""

    def __init__(self, search: Search, seen: Seen, part: int, now: int) -> None:
        self.search, self.identity, self.part, self.now = search, seen.identity, part, now
        self.network = search.network
        self.timetable = self.network.timetable
        rides = iter(seen.looked)
        self.rides = [next(rides).ride if isinstance(one, NamedRide) else None for one in self.identity.legs]
        own = self.rides[part]
        assert own is not None
        self.own = own
        self.boarding, self.alighting = self._side(before=True), self._side(before=False)
        self.goes_there = self._list_trips()

    # ── where ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _side(self, *, before: bool) -> _Side:
        """Find the stops where one may board (get off) instead, and how far they are from what is beside."""
        step = -1 if before else 1
        stop = self.own.from_stop if before else self.own.to_stop
        places = stops_of_place(self.timetable, stop).tolist()
        beside = self._part(self.part + step)
        walk = beside if type(beside) is NamedWalk else None
        further = self._part(self.part + 2 * step) if walk is not None else beside
        door = walk is not None and (walk.from_end if before else walk.to_end) == DOOR and further is None
        if door or beside is None:
            doors = self.search.doors[0]
            access = doors.origin if before else doors.destination
            return self._at_door(access, places, stop, before=before)
        vehicle = self.rides[self.part + (2 * step if walk is not None else step)] if further is not None else None
        if vehicle is not None and (walk is None or walk.from_end == walk.to_end == STOP_OF_RIDE):
            return self._at_vehicle(vehicle, places, before=before)
        # a ride that is booked, or a place on the way: the stop stays the same
        gap = 0 if walk is None else walk.arrival - walk.departure
        instant = beside.departure if before is (walk is not None) else beside.arrival
        return _Side({stop: gap}, {stop: gap}, instant, None)

    def _part(self, at: int) -> NamedRide | NamedWalk | None:
        return self.identity.legs[at] if 0 <= at < len(self.identity.legs) else None

    def _at_door(self, access: Access, places: Sequence[int], stop: int, *, before: bool) -> _Side:
        row = np.isin(access.stops, places)
        seconds = dict(zip(access.stops[row].tolist(), access.seconds[row].tolist(), strict=True))
        if stop not in seconds:  # it was reached when the journey was planned
            seconds[stop] = 0
        return _Side(seconds, seconds, self.now if before else None, None)

    def _at_vehicle(self, vehicle: Ride, places: Sequence[int], *, before: bool) -> _Side:
        preferences = self.search.preferences
        footpaths = (preferences and preferences.footpaths) or self.network.footpaths
        seconds, walks = {}, {}
        for place in places:
            start, end = (vehicle.to_stop, place) if before else (place, vehicle.from_stop)
            rows = slice(int(footpaths.first[start]), int(footpaths.first[start + 1]))
            for row in (rows.start + np.flatnonzero(footpaths.target[rows] == end)).tolist():
                if footpaths.change[row] >= 0:
                    walks[place], seconds[place] = needed_to_change(
                        int(footpaths.seconds[row]), int(footpaths.change[row]), preferences
                    )
        return _Side(seconds, walks, vehicle.arrival if before else vehicle.departure, vehicle)

    def _list_trips(self) -> set[int]:
        """List the trips that may be ridden and call at both places."""
        timetable, wishes = self.timetable, self.search.preferences
        here, there = (
            np.searchsorted(
                timetable.call_first, np.flatnonzero(np.isin(timetable.call_stop, list(side.seconds))), "right"
            )
            for side in (self.boarding, self.alighting)
        )
        both = np.intersect1d(here, there) - 1
        if wishes is not None and wishes.trips is not None:
            both = both[wishes.trips[both]]
        if wishes is not None and wishes.routes is not None:
            both = both[wishes.routes[timetable.trip_route[both]]]
        return set(both.tolist())

    # ── when ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def after(self, most: int) -> list[Ride]:
        """List the next ones."""
        return self._look(most, 1)

    def before(self, most: int) -> list[Ride]:
        """List the last ones before that have not left."""
        return self._look(most, -1)[::-1]

    def _look(self, most: int, step: int) -> list[Ride]:
        """List the nearest ones, nearest first; of what leaves at the same time those that arrive later come after."""
        found: list[Ride] = []
        own = self.own.departure
        looked = 0
        for span in SPANS if most else ():
            first, last = (own + looked, own + span) if step > 0 else (own - span, own - looked)
            first = max(first, self.now)
            if first < last:
                found += sorted(self._between(first, last), key=lambda one: (step * one.departure, one.arrival))
            if len(found) >= most:
                break
            looked = span
        return found[:most]

    def _between(self, first: int, last: int) -> Iterator[Ride]:
        """List the rides that leave within [first, last)."""
        live = self.network.live
        calls = list_calls(
            self.timetable,
            np.array(sorted(self.boarding.seconds), np.int32),
            datetime.fromtimestamp(first, UTC),
            timedelta(seconds=last - first),
            MOST_CALLS,
            overlay=live.overlay if live else None,
        )
        runs: dict[tuple[int, object, int], Ride] = {}
        for call in calls:
            ride = self._ride(call) if call.trip in self.goes_there else None
            if ride is None or self._is_own(ride):
                continue
            # a vehicle that calls twice at the place, or at two of its posts: where it is boarded last
            begin = ride.departure - int(self.timetable.call_departure[call.row])
            runs[ride.trip, ride.service_date, begin] = ride
        yield from runs.values()

    def _ride(self, call: BoardCall) -> Ride | None:
        """Ride from a call to the first one at the other place; None where there is none."""
        if call.state in {State.CANCELED, State.SKIPPED} or not self._may(call.stop):
            return None
        timetable, live = self.timetable, self.network.live
        first, last = int(timetable.call_first[call.trip]), int(timetable.call_first[call.trip + 1])
        departure = int(call.time.timestamp())
        for row in range(call.row + 1, last):
            stop = int(timetable.call_stop[row])
            if stop not in self.alighting.seconds or timetable.call_drop_off[row] == NOT_ALLOWED or not self._may(stop):
                continue
            if live is not None and is_skipped(live.overlay, row):
                continue
            arrival = departure + int(timetable.call_arrival[row]) - int(timetable.call_departure[call.row])
            return Ride(
                call.trip, call.service_date, call.row - first, row - first, call.stop, stop, departure, arrival
            )
        return None

    def _may(self, stop: int) -> bool:
        """Tell whether one may get on and off at a stop."""
        wishes = self.search.preferences
        return wishes is None or wishes.stops is None or bool(wishes.stops[stop])

    def _is_own(self, ride: Ride) -> bool:
        own, ids = self.own, self.timetable.trip_ids
        same = ride.trip == own.trip or ids.at(ride.trip) == ids.at(own.trip)
        return same and ride.service_date == own.service_date and ride.departure == own.departure

    # ── whether the rest stays ────────────────────────────────────────────────────────────────────────────────────────

    def tell(self, ride: Ride, *, earlier: bool) -> Other:
        """Describe another ride, and the journey with it."""
        leg = describe_ride(self.network, ride)
        hailing, declined = self.search.hailing, None
        if hailing is not None:
            offered = hailing.offer_line(ride)
            if isinstance(offered, Declined):
                declined = offered.reason.value
            alone = TransitJourney(ride.departure, ride.arrival, 0, (ride,))
            leg = hailing.tell_lines(alone, Journey("", leg.departure, leg.arrival, 0, (leg,))).legs[0]
        why = Why.NOT_BOOKABLE if declined else self._why_not(ride)
        if why is not None:
            return Other(leg, earlier, why, declined, None, None, None)
        made = self._put(ride)
        zone = self.network.manifest.zone
        ends = (datetime.fromtimestamp(instant, zone) for instant in (made.departure, made.arrival))
        return Other(leg, earlier, None, None, write_id(made), *ends)

    def _why_not(self, ride: Ride) -> Why | None:
        """Say what of the journey does not hold with another ride."""
        free, due = self.boarding.instant, self.alighting.instant
        if free is not None and free + self._needs(ride, before=True) > ride.departure:
            return Why.BEFORE_ONE_IS_THERE
        if due is not None and ride.arrival + self._needs(ride, before=False) > due:
            return Why.AFTER_THE_NEXT
        return None

    def _needs(self, ride: Ride, *, before: bool) -> int:
        """Seconds between a ride and what is beside it; more than a day where one may not change."""
        side = self.boarding if before else self.alighting
        seconds = side.seconds[ride.from_stop if before else ride.to_stop]
        if side.beside is None or not len(self.timetable.named_from):
            return seconds
        pair = (side.beside, ride) if before else (ride, side.beside)
        rule = find_rule(self.timetable, *pair)
        if rule is None:
            return seconds
        if rule.type == FORBIDDEN:
            return SPANS[-1] * 2
        return max(seconds, rule.seconds)

    def _put(self, ride: Ride) -> Identity:
        """Name the journey with another ride; the others at their times of now."""
        parts: list[NamedRide | NamedWalk] = []
        for at, part in enumerate(self.identity.legs):
            now = self.rides[at]
            if at == self.part:
                parts += self._walk_to(ride)
                parts.append(name_ride(self.network, ride))
                parts += self._walk_from(ride)
            elif type(part) is NamedWalk and abs(at - self.part) == 1:
                continue  # made anew beside the ride
            elif isinstance(part, NamedRide) and now is not None:
                parts.append(replace(part, departure=now.departure, arrival=now.arrival))
            else:
                parts.append(part)
        departure, arrival = parts[0].departure, parts[-1].arrival
        return replace(
            self.identity,
            request=replace(self.identity.request, at=datetime.fromtimestamp(departure, UTC)),
            departure=departure,
            arrival=arrival,
            transfers=self.identity.transfers + self._seats_kept(self.own) - self._seats_kept(ride),
            legs=tuple(parts),
        )

    def _seats_kept(self, ride: Ride) -> int:
        """Count the vehicles beside a ride in which one would stay seated."""
        before, after = self.boarding.beside, self.alighting.beside
        kept = before is not None and is_seat_kept(self.timetable, before, ride)
        return kept + (after is not None and is_seat_kept(self.timetable, ride, after))

    def _walk_to(self, ride: Ride) -> list[NamedRide | NamedWalk]:
        seconds = self.boarding.walk[ride.from_stop]
        beside = self._part(self.part - 1)
        start = beside.from_end if type(beside) is NamedWalk else STOP_OF_RIDE
        if self.boarding.beside is None and (beside is None or start == DOOR):
            return [NamedWalk(DOOR, STOP_OF_RIDE, ride.departure - seconds, ride.departure)] if seconds else []
        free = self.boarding.instant or 0
        needed = (
            type(beside) is NamedWalk
            if self.boarding.beside is None
            else self.boarding.beside.to_stop != ride.from_stop
        )
        return [NamedWalk(start, STOP_OF_RIDE, free, free + seconds)] if needed else []

    def _walk_from(self, ride: Ride) -> list[NamedRide | NamedWalk]:
        seconds = self.alighting.walk[ride.to_stop]
        beside = self._part(self.part + 1)
        end = beside.to_end if type(beside) is NamedWalk else STOP_OF_RIDE
        if self.alighting.beside is None and (beside is None or end == DOOR):
            return [NamedWalk(STOP_OF_RIDE, DOOR, ride.arrival, ride.arrival + seconds)] if seconds else []
        needed = (
            type(beside) is NamedWalk
            if self.alighting.beside is None
            else self.alighting.beside.from_stop != ride.to_stop
        )
        return [NamedWalk(STOP_OF_RIDE, end, ride.arrival, ride.arrival + seconds)] if needed else []
