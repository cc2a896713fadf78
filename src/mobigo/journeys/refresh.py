"""A journey that was planned before, as it goes now: what changed, whether it still holds, and what to do if not."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys import combine, service
from mobigo.journeys.changing import TIGHT, judge
from mobigo.journeys.identity import CARPOOL, STOP_OF_RIDE, Identity, NamedHail, NamedRide, NamedWalk, read_id, write_id
from mobigo.journeys.model import BOOKED_MODES, Access, Journey, Line, Mode, Place, Realtime
from mobigo.journeys.rides import describe_ride, find_now
from mobigo.journeys.search import open_search
from mobigo.journeys.streetlegs import describe_parts, describe_way, door_place, find_change, stop_place
from mobigo.kit.errors import NotFound
from mobigo.transit.model import Ride, Walk
from mobigo.transit.timetable import NOT_ALLOWED, begin_day, day_number, runs_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.rideleg import Hail
    from mobigo.journeys.search import Search
    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

WORTH_SAYING = 60
"""Seconds of difference from which a change of time is one."""
MOVED_TRIP, MOVED_LINE = 6 * 3600, 1800
"""Seconds that a new timetable may have moved a trip of the same name, or another one of its line, to be the same."""
DEPARTURE, ARRIVAL = "departure", "arrival"
ALTERNATIVES = 3
BUDGET = 1.0
"""Seconds of computing for the alternatives."""


class Phase(StrEnum):
    """Where in the journey now is."""

    AHEAD = "ahead"
    UNDER_WAY = "under_way"
    OVER = "over"


class Change(StrEnum):
    """What became different since the journey was planned."""

    LATER = "later"
    """The vehicle leaves or arrives later than it was said."""
    EARLIER = "earlier"
    CANCELED = "canceled"
    STOP_SKIPPED = "stop_skipped"
    """The vehicle runs, but one cannot board or alight where one meant to."""
    PLATFORM = "platform"
    MISSED = "missed"
    """The vehicle leaves before one can be there."""
    TIGHT = "tight"
    """One can just be there in time."""
    TIMETABLE = "timetable"
    """A new timetable moved the ride."""
    UNKNOWN = "unknown"
    """The ride is in no timetable any more."""


BREAKING = {Change.CANCELED, Change.STOP_SKIPPED, Change.MISSED, Change.UNKNOWN}
"""Changes with which a journey cannot be made as it was planned."""


@dataclass(frozen=True)
class Difference:
    """One thing that became different."""

    change: Change
    ride: int
    """Which of the journey's rides, from 0."""
    line: str
    """Name of its line; empty where it is not known any more."""
    stop: str
    """Name of the stop it is about."""
    minutes: int = 0
    """Of a change of time, or left for a change."""
    platform: str = ""
    """The new one."""
    side: str = ""
    """``departure`` or ``arrival``, of a change of time."""


@dataclass(frozen=True)
class Refreshed:
    """A journey as it goes now."""

    journey: Journey
    """With the rides that are still known; their times are those of now."""
    phase: Phase
    holds: bool
    """It can be made as it was planned, if perhaps later."""
    differences: tuple[Difference, ...]
    alternatives: tuple[Journey, ...]
    """Where it does not hold: what to do instead, from where it breaks; the best first."""
    network_version: str
    live_at: datetime | None


def refresh(
    network: Network,
    name: str,
    now: datetime,
    realtime: Realtime = Realtime.ON,
    hail: Hail | None = None,
    *,
    lift: Lift | None = None,
) -> Refreshed:
    """Look up a journey by its id on the network as it is now.

    Parameters
    ----------
    network : Network
        As `Networks` hands it out.
    name : str
        ``Journey.id``, also of a journey that an earlier network answered.
    now : datetime
        Aware.
    realtime : Realtime
        ``OFF``: only what a new timetable changed.
    hail : Hail, optional
        What on-demand transport offers now, for what to do instead.
    lift : Lift, optional
        The cars one can ride in now, likewise.

    Raises
    ------
    NotFound
        When the id is none, or the ends or all rides of the journey are not known any more.
    """
    network, identity, looked, journey = look_up(network, name, now, realtime)
    differences = tuple(_compare(identity, journey, looked))
    broken = min((one.ride for one in differences if one.change in BREAKING), default=None)
    alternatives: tuple[Journey, ...] = ()
    if broken is not None:
        alternatives = _find_alternatives(network, identity, journey, broken, now, booked=(hail, lift))
    begun = journey.departure <= now
    live = network.live
    return Refreshed(
        journey,
        Phase.AHEAD if not begun else Phase.UNDER_WAY if now <= journey.arrival else Phase.OVER,
        broken is None,
        differences,
        alternatives,
        network.manifest.version,
        datetime.fromtimestamp(live.at, network.manifest.zone) if live else None,
    )


class Seen(NamedTuple):
    """A journey that was looked up again."""

    network: Network
    """By its timetable, with what live data know beside it, if they count."""
    identity: Identity
    looked: list[Looked]
    """Its rides in vehicles of the timetable."""
    journey: Journey
    """With the rides that are still known, as they go now."""


def look_up(network: Network, name: str, now: datetime, realtime: Realtime) -> Seen:
    """Find the rides of a journey on the network as it is now, and describe it.

    Raises
    ------
    NotFound
        When the id is none, or the ends or all rides of the journey are not known any more.
    """
    identity = read_id(name)
    network = network.as_planned if realtime is Realtime.OFF else network
    looked = [Looked(network, leg) for leg in identity.legs if isinstance(leg, NamedRide)]
    if looked and all(one.ride is None for one in looked):
        raise NotFound(
            "none of the rides of this journey is in the timetables any more; ask /v1/journeys again",
            code="unknown_journey",
        )
    legs = judge(combine.follow(_leave_earlier(_describe(network.as_it_runs, identity, looked), now)))
    if not legs:
        raise NotFound("nothing is left of this journey; ask /v1/journeys again", code="unknown_journey")
    journey = Journey(name, legs[0].departure, legs[-1].arrival, identity.transfers, tuple(legs))
    return Seen(network, identity, looked, journey)


# ── finding the rides again ───────────────────────────────────────────────────────────────────────────────────────────


class Looked:
    """A ride that was looked up again.

    Parameters
    ----------
    network : Network
        By its timetable, with what live data know beside it.
    """

    def __init__(self, network: Network, named: NamedRide) -> None:
        self.named = named
        self.canceled = False
        """The whole run."""
        self.passes_boarding = False
        """It runs, but one cannot board where one meant to."""
        self.passes_alighting = False
        self.planned = _find_planned(network.timetable, network.zones, named)
        self.ride = self.planned
        """As it goes now, on the network as it runs; of one that is cancelled, as it was planned."""
        if network.live is None:
            return
        overlay = network.live.overlay
        if self.planned is None:
            self.ride = _find_added(overlay, network.zones, named)
            return
        start = _begin(network.timetable, network.zones, self.planned.trip, named.day)
        found = find_now(overlay, network.timetable, self.planned, start)
        if found is None:
            return
        self.canceled = not found.runs
        self.passes_boarding = found.runs and found.board < 0
        self.passes_alighting = found.runs and found.alight < 0
        if found.board >= 0 and found.alight >= 0:
            self.ride = _ride(overlay.timetable, named.day, start, (found.board, found.alight))

    @property
    def skipped(self) -> bool:
        """Whether it runs, but not from where one boards to where one alights."""
        return self.passes_boarding or self.passes_alighting

    @property
    def goes(self) -> bool:
        """Whether one can ride it."""
        return self.ride is not None and not self.canceled and not self.skipped


def _begin(timetable: Timetable, zones: Sequence[ZoneInfo], trip: int, day: date) -> int:
    """Return from when the times of a trip count on a day, seconds since 1970 UTC."""
    return begin_day(day_number(day), zones[int(timetable.trip_zone[trip])])


def _ride(timetable: Timetable, day: date, start: int, rows: tuple[int, int]) -> Ride:
    """Return the ride between two calls of a trip."""
    board, alight = rows
    trip = int(np.searchsorted(timetable.call_first, board, side="right")) - 1
    first = int(timetable.call_first[trip])
    return Ride(
        trip,
        day,
        board - first,
        alight - first,
        int(timetable.call_stop[board]),
        int(timetable.call_stop[alight]),
        start + int(timetable.call_departure[board]),
        start + int(timetable.call_arrival[alight]),
    )


def _find_planned(timetable: Timetable, zones: Sequence[ZoneInfo], named: NamedRide) -> Ride | None:
    """Find a ride by the timetable: of the trip of that name, else of the same line between the same stops."""
    if named.planned is None:
        return None
    planned = named.planned
    running = np.append(runs_on(timetable, day_number(named.day)), False)[timetable.trip_service]
    trip, route = timetable.trip_ids.find(named.trip_id), timetable.route_ids.find(named.route_id)
    of_trip = np.array([trip] if trip >= 0 and running[trip] else [], np.int64)
    of_line = np.flatnonzero(running & (timetable.trip_route == route)) if route >= 0 else np.zeros(0, np.int64)
    for trips, moved in ((of_trip, MOVED_TRIP), (of_line, MOVED_LINE)):
        rides = [
            ride._replace(departure=ride.departure + shift, arrival=ride.arrival + shift)
            for one in trips.tolist()
            if (rows := _find_rows(timetable, one, named)) is not None
            for ride in [_ride(timetable, named.day, _begin(timetable, zones, one, named.day), rows)]
            for shift in timetable.run_shift[timetable.run_trip == one].tolist()
        ]
        nearest = min(rides, key=lambda ride: abs(ride.departure - planned), default=None)
        if nearest is not None and abs(nearest.departure - planned) <= moved:
            return nearest
    return None


def _find_added(overlay: Overlay, zones: Sequence[ZoneInfo], named: NamedRide) -> Ride | None:
    """Find a ride of a trip that only live data know."""
    timetable, day = overlay.timetable, day_number(named.day)
    for number in np.flatnonzero(overlay.trip_day == day).tolist():
        trip = int(overlay.base_trips[0]) + number
        if timetable.trip_ids.at(trip) == named.trip_id:
            rows = _find_rows(timetable, trip, named)
            if rows is not None:
                return _ride(timetable, named.day, _begin(timetable, zones, trip, named.day), rows)
    return None


def _find_rows(timetable: Timetable, trip: int, named: NamedRide) -> tuple[int, int] | None:
    """Find the calls of a trip where a ride begins and ends: where they were, else at the same stops or stations."""
    first, last = int(timetable.call_first[trip]), int(timetable.call_first[trip + 1])
    stops = [timetable.stop_ids.find(one) for one in (named.from_stop, named.to_stop)]
    same = first + named.from_position, first + named.to_position
    if same[0] < same[1] < last and [int(timetable.call_stop[row]) for row in same] == stops:
        return same
    board = _find_call(timetable, range(first, last - 1), stops[0], timetable.call_pickup)
    if board is None:
        return None
    alight = _find_call(timetable, range(board + 1, last), stops[1], timetable.call_drop_off)
    return None if alight is None else (board, alight)


def _find_call(timetable: Timetable, rows: range, stop: int, permission: NDArray[np.int8]) -> int | None:
    if stop < 0:
        return None
    calls = timetable.call_stop[rows.start : rows.stop]
    usable = permission[rows.start : rows.stop] != NOT_ALLOWED
    for alike in (calls == stop, timetable.stop_station[calls] == timetable.stop_station[stop]):
        found = np.flatnonzero(alike & usable)
        if len(found):
            return rows.start + int(found[0])
    return None


# ── describing it ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _describe(network: Network, identity: Identity, looked: Sequence[Looked]) -> list[Leg]:
    """Describe the parts that are still known: rides as they go now, ways on foot when they were to begin."""
    search = open_search(network, identity.request, time.monotonic())
    rides = iter(looked)
    parts: list[Looked | NamedWalk] = [next(rides) if isinstance(leg, NamedRide) else leg for leg in identity.legs]
    legs: list[Leg] = []
    before: Ride | None = None
    for n, part in enumerate(parts):
        beside = [parts[at] if 0 <= at < len(parts) else None for at in (n - 1, n + 1)]
        if isinstance(part, NamedHail):
            legs += _describe_hail(search, part, *beside)
        elif isinstance(part, NamedWalk):
            walk = _walk(part, *beside)
            if walk is not None:
                legs += [leg for leg in _describe_walk(search, identity, walk) if leg.departure < leg.arrival]
        elif part.ride is not None:
            leg = describe_ride(network, part.ride, before, changed=not isinstance(beside[0], Looked))
            legs.append(leg if part.goes else replace(leg, canceled=True))
            before = part.ride
    return legs


def _describe_hail(
    search: Search, named: NamedHail, before: Looked | NamedWalk | None, after: Looked | NamedWalk | None
) -> list[Leg]:
    """Describe a ride that is booked, as it was promised, and the ways on foot around it.

    Whether it is booked, and what has become of it, is the booking's to say.
    """
    network, doors = search.network, search.doors[0]
    zone = network.manifest.zone
    start, end = (Place(name, lat, lon, stop) for name, lon, lat, stop in (named.start, named.end))
    service = Line(named.service, named.line, named.line, None, None, "")
    mode = Mode.CARPOOL if named.service.partition(":")[0] == CARPOOL else Mode.ON_DEMAND
    ride = describe_way(network, mode, (start, end), (named.ready, named.there), None)
    ride = replace(
        ride, departure=ride.departure.astimezone(zone), arrival=ride.arrival.astimezone(zone), line=service,
        service_date=named.day,
    )  # fmt: skip
    ways: list[list[Leg]] = []
    for here, at, until, door, vehicle in (
        (start, named.departure, named.ready, doors.origin, before),
        (end, named.there, named.arrival, doors.destination, after),
    ):
        stop = network.stop_index.get(here.stop_id or "")
        if until <= at or stop is None:
            ways.append([])
        elif isinstance(vehicle, Looked):
            other = vehicle.ride and (vehicle.ride.to_stop if here is start else vehicle.ride.from_stop)
            pair = (stop, stop) if other is None else (other, stop) if here is start else (stop, other)
            if pair[0] == pair[1]:
                ways.append([])
                continue
            places = stop_place(network, pair[0]), stop_place(network, pair[1])
            ways.append([describe_parts(network, places, (at, until), find_change(network, *pair, door.foot))])
        else:
            ways.append(door.legs(stop, at, network) if stop in door.stops else [])
    return [*ways[0], ride, *ways[1]]


def _leave_earlier(legs: list[Leg], now: datetime) -> list[Leg]:
    """Let the way to a first vehicle that leaves earlier begin as much earlier, while there is time."""
    first = next((n for n, leg in enumerate(legs) if leg.trip_id is not None), 0)
    if not first or legs[first].canceled or any(leg.mode in BOOKED_MODES for leg in legs[:first]):
        return legs
    early = legs[first - 1].arrival - legs[first].departure
    if early <= timedelta(0) or legs[0].departure - early < now:
        return legs
    way = [replace(leg, departure=leg.departure - early, arrival=leg.arrival - early) for leg in legs[:first]]
    return [*way, *legs[first:]]


def _walk(named: NamedWalk, before: Looked | NamedWalk | None, after: Looked | NamedWalk | None) -> Walk | None:
    """Return a way on foot between the rides as they are now; None beside one that is not known any more."""
    from_stop, to_stop = named.from_end, named.to_end
    if from_stop == STOP_OF_RIDE:
        if not isinstance(before, Looked) or before.ride is None:
            return None
        from_stop = before.ride.to_stop
    if to_stop == STOP_OF_RIDE:
        if not isinstance(after, Looked) or after.ride is None:
            return None
        to_stop = after.ride.from_stop
    return Walk(from_stop, to_stop, named.departure, named.arrival)


def _describe_walk(search: Search, identity: Identity, walk: Walk) -> list[Leg]:
    """Describe a way on foot; straight where it was possible and is not any more."""
    network, doors = search.network, search.doors[0]
    if walk.from_stop < 0 and walk.to_stop < 0:
        way = next((one for one in search.direct if one.mode in identity.request.direct[:1]), None)
        if way is not None:
            return way.legs(walk.departure, network)
        ends = door_place(doors.origin.end), door_place(doors.destination.end)
    elif walk.from_stop < 0 or walk.to_stop < 0:
        place, stop = min(walk.from_stop, walk.to_stop), max(walk.from_stop, walk.to_stop)
        access = combine.access_of(doors, place, leaving=walk.from_stop < 0)
        if stop in access.stops:
            return combine.describe_walk(network, walk, doors)
        ends = door_place(access.end), stop_place(network, stop)
        if walk.to_stop < 0:
            ends = ends[::-1]
    else:
        return combine.describe_walk(network, walk, doors)
    return [describe_way(network, Mode.WALK, ends, (walk.departure, walk.arrival), None)]


# ── comparing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _compare(identity: Identity, journey: Journey, looked: Sequence[Looked]) -> Iterator[Difference]:
    """List what became different, ride after ride."""
    legs = iter([leg for leg in journey.legs if leg.trip_id is not None])
    spare = _spare(identity)
    ready: datetime | None = None
    for n, one in enumerate(looked):
        named = one.named
        if one.ride is None:
            yield Difference(Change.UNKNOWN, n, "", "")
            ready = None
            continue
        leg = next(legs)
        line = leg.line.name if leg.line else ""
        if one.planned is not None and named.planned not in {None, one.planned.departure}:
            moved = one.planned.departure - (named.planned or 0)
            yield Difference(Change.TIMETABLE, n, line, leg.start.name, round(moved / 60))
        if one.canceled:
            yield Difference(Change.CANCELED, n, line, leg.start.name)
        elif one.skipped:
            for passed, stop in ((one.passes_boarding, leg.start), (one.passes_alighting, leg.end)):
                if passed:
                    yield Difference(Change.STOP_SKIPPED, n, line, stop.name)
        else:
            yield from _compare_times(named, leg, n, line)
            left = None if ready is None else int((leg.departure - ready).total_seconds())
            if leg.missed:
                yield Difference(Change.MISSED, n, line, leg.start.name)
            elif left is not None and left < TIGHT and left + WORTH_SAYING <= spare[n] and not leg.stay_seated:
                yield Difference(Change.TIGHT, n, line, leg.start.name, left // 60)
        ready = _ready_after(journey, leg)


def _compare_times(named: NamedRide, leg: Leg, ride: int, line: str) -> Iterator[Difference]:
    for now, before, place, side in (
        (leg.departure, named.departure, leg.start.name, DEPARTURE),
        (leg.arrival, named.arrival, leg.end.name, ARRIVAL),
    ):
        late = int(now.timestamp()) - before
        if abs(late) >= WORTH_SAYING:
            change = Change.LATER if late > 0 else Change.EARLIER
            yield Difference(change, ride, line, place, round(abs(late) / 60), side=side)
    if leg.planned_platform is not None or leg.start.stop_id != named.from_stop:
        yield Difference(Change.PLATFORM, ride, line, leg.start.name, platform=leg.start.platform or "")


def _spare(identity: Identity) -> list[int]:
    """Seconds left at each ride beside the way to it, as it was shown."""
    spare, ready = [], identity.departure
    for leg in identity.legs:
        if isinstance(leg, NamedRide):
            spare.append(leg.departure - ready)
            ready = leg.arrival
        else:
            ready += leg.arrival - leg.departure
    return spare


def _ready_after(journey: Journey, ride: Leg) -> datetime:
    """Tell when one can board the ride after this one."""
    ready = ride.arrival
    for leg in journey.legs[journey.legs.index(ride) + 1 :]:
        if leg.trip_id is not None:
            break
        ready += leg.arrival - leg.departure
    return ready


# ── what to do instead ────────────────────────────────────────────────────────────────────────────────────────────────


def _find_alternatives(
    network: Network,
    identity: Identity,
    journey: Journey,
    broken: int,
    now: datetime,
    *,
    booked: tuple[Hail | None, Lift | None],
) -> tuple[Journey, ...]:
    """Find how to arrive though a ride is not to be had: from where it would begin, or from the door."""
    found: list[Journey] = []
    request = replace(
        identity.request,
        window=0,
        realtime=Realtime.ON,
        most=ALTERNATIVES,
        budget=BUDGET / 2,
        at=max(now, journey.departure),
    )
    rides = [leg for leg in journey.legs if leg.trip_id is not None]
    if broken == 0 or now < journey.departure:
        found += service.plan(network, request, *booked).journeys
    if 0 < broken <= len(rides):
        last = rides[broken - 1]
        kept = journey.legs[: journey.legs.index(last) + 1]
        place = last.end.stop_id
        assert place is not None
        passed = max(
            (-1 - leg.to_end for leg in _named_until(identity, broken) if isinstance(leg, NamedWalk)), default=0
        )
        onward = replace(
            request,
            origin=place,
            at=max(now, last.arrival),
            vias=request.vias[max(passed, 0) :],
            access=(Access.WALK,),
        )
        for one in service.plan(network, onward, *booked).journeys:
            found.append(_join(identity, kept, one, broken))
    unique = {one.id: one for one in found}
    return tuple(sorted(unique.values(), key=lambda one: (one.arrival, one.transfers, -one.departure.timestamp())))[
        :ALTERNATIVES
    ]


def _named_until(identity: Identity, broken: int) -> tuple[NamedRide | NamedWalk, ...]:
    """Return the parts of a journey before the way to a ride."""
    at = [n for n, leg in enumerate(identity.legs) if isinstance(leg, NamedRide)][broken - 1]
    return identity.legs[: at + 1]


def _join(identity: Identity, kept: tuple[Leg, ...], onward: Journey, broken: int) -> Journey:
    """Join what still holds of a journey to a way on from there."""
    rest = read_id(onward.id)
    aboard = [leg for leg in kept if leg.trip_id is not None]
    named = _named_until(identity, broken)
    now = iter([(int(leg.departure.timestamp()), int(leg.arrival.timestamp())) for leg in aboard])
    before = [
        replace(leg, departure=times[0], arrival=times[1])
        for leg in named
        for times in [next(now) if isinstance(leg, NamedRide) else (leg.departure, leg.arrival)]
    ]
    after = [
        replace(leg, from_end=STOP_OF_RIDE) if isinstance(leg, NamedWalk) and leg.from_end == combine.DOOR else leg
        for leg in rest.legs
    ]
    boardings = sum(not leg.stay_seated for leg in aboard) + (onward.transfers + 1 if onward.rides else 0)
    departure, arrival = int(kept[0].departure.timestamp()), int(onward.arrival.timestamp())
    name = write_id(
        replace(identity, departure=departure, arrival=arrival, transfers=boardings - 1, legs=(*before, *after))
    )
    legs = tuple(judge((*kept, *onward.legs)))
    return Journey(name, kept[0].departure, onward.arrival, boardings - 1, legs)
