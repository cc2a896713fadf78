"""What a traveller can ask: journeys from door to door, on one network from beginning to end."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys import combine
from mobigo.journeys.choose import WALKING, Chosen, Traits, choose
from mobigo.journeys.combine import DOOR
from mobigo.journeys.model import Access, Brief, Criterion, JourneyRequest, Mode, Pair, Plan, RoundTrip
from mobigo.journeys.outages import close_lifts
from mobigo.journeys.paging import Page, day_of, direction_of, find_page, write_cursor
from mobigo.journeys.pricing import add_price, find_cents
from mobigo.journeys.remedies import explain
from mobigo.journeys.search import open_search
from mobigo.journeys.snapshot import add_bounds, add_drives, build_network
from mobigo.journeys.streetlegs import local_time
from mobigo.journeys.tidy import tidy
from mobigo.transit.distances import ride_metres
from mobigo.transit.model import Direction, Ride, Walk

if TYPE_CHECKING:
    from mobigo.journeys.access import Direct
    from mobigo.journeys.combine import Doors
    from mobigo.journeys.liftleg import Lift
    from mobigo.journeys.model import Journey, Left, Leg, NotNow
    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till
    from mobigo.journeys.rideleg import Hail
    from mobigo.journeys.search import Candidate, Search
    from mobigo.transit.live import Alert
    from mobigo.transit.model import TransitJourney

__all__ = ["add_bounds", "add_drives", "build_network", "plan", "plan_round_trip", "rehearse"]

HOP_METRES = 900.0
"""A ride of one or two stops over less than this might as well be walked."""

LEAST = 0.1
"""Seconds of computing for a question that is asked because the one before found nothing."""

HOP_STOPS = 2
"""Stops that such a ride goes on, at most."""


def rehearse(network: Network, now: datetime) -> None:
    """Answer a question that nobody asked: the compiled kernels are loaded before the first traveller comes."""
    stops = network.timetable.pattern_stop
    if len(stops):
        origin, destination = (network.timetable.stop_ids.at(int(stop)) for stop in stops[[0, -1]])
        plan(network, JourneyRequest(origin, destination, now))


def plan(
    network: Network,
    request: JourneyRequest,
    hail: Hail | None = None,
    lift: Lift | None = None,
    till: Till | None = None,
) -> Plan:
    """Plan journeys from door to door.

    The answer holds journeys that none other beats in departure, arrival and changes, less those during which one
    would have walked there, and walking itself where it is short; when no vehicle serves, the reason, when the next
    one and the one before leave, and what to change in the question.

    Raises
    ------
    InvalidInput, NotFound
        When an end is no point and no stop, a wish names what is not there, or the cursor is none.
    """
    network = close_lifts(network.seen(request.realtime), request)
    until = time.monotonic() + request.budget
    for number, asked in enumerate(_taxis_last(request)):
        deadline = max(until, time.monotonic() + LEAST) if number else until
        search = open_search(network, asked, deadline, hail, lift, till=till)
        found = _answer(search, asked, find_page(search, asked, network.manifest.zone))
        if any(journey.rides for journey in found.journeys):
            break
    return found


def _taxis_last(request: JourneyRequest) -> list[JourneyRequest]:
    """List what is asked, one after the other: without taxis, with one to or from a vehicle, with one all the way."""
    access, egress = (
        tuple(one for one in ways if one is not Access.TAXI) or (Access.WALK,)
        for ways in (request.access, request.egress)
    )
    without = replace(request, access=access, egress=egress, direct=_but_taxi(request.direct))
    asked = [without]
    if Access.TAXI in (*request.access, *request.egress):
        asked.append(replace(request, direct=without.direct))
    if Mode.TAXI in request.direct:
        asked.append(replace(without, direct=request.direct))
    return asked


def _but_taxi(modes: tuple[Mode, ...]) -> tuple[Mode, ...]:
    return tuple(mode for mode in modes if mode is not Mode.TAXI)


def plan_round_trip(
    network: Network,
    request: JourneyRequest,
    hail: Hail | None = None,
    lift: Lift | None = None,
    till: Till | None = None,
    *,
    stay: int,
    back_by: datetime | None,
) -> RoundTrip:
    """Plan a way there, and a way back after a stay: to the car where it was left, if it was.

    Parameters
    ----------
    request : JourneyRequest
        The way there.
    stay : int
        Seconds one has to do there, at least.
    back_by : datetime, optional
        Aware; None: four in the morning after the day of the arrival there.
    """
    out = plan(network, request, hail, lift, till)
    network = close_lifts(network.seen(request.realtime), request)
    zone = network.manifest.zone
    ready = [there.arrival + timedelta(seconds=stay) for there in out.journeys]
    parks = [_car_park_at_start(there) for there in out.journeys]
    begin = min(ready, default=request.at + timedelta(seconds=stay))
    until = back_by or day_of(begin, zone)[1] - timedelta(seconds=1)
    first, last = int(begin.timestamp()), int(until.timestamp())
    home = replace(
        request,
        origin=request.destination,
        destination=request.origin,
        at=max(begin, until),
        arrive_by=True,
        window=max(1, last - first),
        of_day=None,
        cursor=None,
        vias=request.vias[::-1],
        access=request.egress,
        egress=request.access,
        names=request.names[::-1],
        car_parks=tuple(sorted({park for park in parks if park is not None})),
    )
    search = open_search(network, home, time.monotonic() + request.budget, hail, lift, till=till)
    found = [
        one
        for one in search.between(first, last, Direction.ARRIVE)
        if one.journey.departure >= first and (not parks or _car_park_at_end(search, one) in parks)
    ]
    firsts = [
        _leaving_after([one for one in found if _car_park_at_end(search, one) == park], int(instant.timestamp()))
        for park, instant in zip(parks, ready, strict=True)
    ]
    latest = max(found, key=lambda one: (one.journey.departure, -one.journey.arrival), default=None)
    must = frozenset(one for one in [*firsts, latest] if one is not None)
    page = Page(found, first, max(first, last), None, None)
    back, names = _answer_with(search, home, page, must)
    pairs = tuple(
        Pair(there.id, names[way], int(way.journey.departure - there.arrival.timestamp()))
        for there, way in zip(out.journeys, firsts, strict=True)
        if way is not None
    )
    return RoundTrip(out, back, pairs, names[latest] if latest and pairs else None)


def _car_park_at_start(journey: Journey) -> str | None:
    """Return the id of the car park where the car is left; None when it is not."""
    first = journey.legs[0]
    return first.place_id if first.mode is Mode.CAR else None


def _car_park_at_end(search: Search, one: Candidate) -> str | None:
    """Return the id of the car park where one comes back to the car; None when one does not."""
    last = one.journey.legs[-1]
    if not isinstance(last, Walk) or last.from_stop < 0:
        return None
    return search.doors_of(one).destination.car_park(last.from_stop)


def _leaving_after(found: list[Candidate], instant: int) -> Candidate | None:
    """Find the journey that arrives first of those that leave at an instant or later."""
    later = [one for one in found if one.journey.departure >= instant]
    return min(later, key=lambda one: (one.journey.arrival, -one.journey.departure), default=None)


def _answer(search: Search, request: JourneyRequest, page: Page) -> Plan:
    """Choose among the journeys of a page and describe them."""
    return _answer_with(search, request, page, frozenset())[0]


def _answer_with(
    search: Search, request: JourneyRequest, page: Page, must: frozenset[Candidate]
) -> tuple[Plan, dict[Candidate, str]]:
    """Answer, describing some journeys in any case; also tell the ids of those described."""
    network, direction, walk = search.network, direction_of(request), search.walk
    chosen = Chosen(tuple(range(len(page.found))), ())
    if not request.everything:
        chosen = choose(
            [_traits(search, request, one) for one in page.found],
            request.most,
            direction,
            frozenset(index for index, one in enumerate(page.found) if one in must),
            walk.seconds if walk is not None and walk.seconds <= request.max_walk else None,
        )
    described: dict[int, Journey] = {}
    for index in chosen.kept:
        one = page.found[index]
        doors = search.doors_of(one)
        tidied = one.journey if doors.rides or search.by_price else tidy(network, one.journey, search.preferences)
        told = combine.describe(network, tidied, doors)
        told = told if search.hailing is None else search.hailing.tell_lines(tidied, told)
        described[index] = told if search.till is None else add_price(network, told, search.till)
    journeys = list(described.values())
    on_foot = None
    if walk is not None and request.cursor is None and (not described or walk.seconds <= request.max_walk):
        on_foot = _alone(search, request, walk)
        journeys.append(on_foot)
    instead = described | {WALKING: on_foot} if on_foot else described
    journeys.sort(key=lambda journey: (journey.departure, journey.arrival))
    answer = Plan(
        combine.label(journeys, arrive_by=direction is Direction.ARRIVE),
        network.manifest.version,
        origin=search.ends[0],
        destination=search.ends[1],
        direct=tuple(
            _alone(search, request, way) for way in search.direct if way is not walk and request.cursor is None
        ),
        more=tuple(
            _brief(search, page.found[index], why, None if like is None else instead.get(like))
            for index, why, like in chosen.left
        ),
        earlier=write_cursor("e", page.earlier),
        later=write_cursor("l", page.later),
        searched=(_local(network, page.first), _local(network, page.last)) if page.whole else None,
        short=search.short,
        alerts=_alerts(network, journeys),
        live_at=_local(network, network.live.at) if network.live else None,
        not_now=_not_now(search, journeys),
    )
    names = {page.found[index]: journey.id for index, journey in described.items()}
    if described:
        return answer, names
    search.beaten |= bool(page.found)  # walking was better than all of them
    found = explain(search, request, page)
    return replace(
        answer,
        reason=found.reason,
        reason_about=found.about,
        next_departure=_departure(network, found.following),
        previous_departure=_departure(network, found.preceding),
        suggestions=found.suggestions,
        short=search.short,
    ), names


# ── what the choice goes by ───────────────────────────────────────────────────────────────────────────────────────────


def _traits(search: Search, request: JourneyRequest, one: Candidate) -> Traits:
    """Say what speaks for and against a journey."""
    journey, timetable = one.journey, search.network.timetable
    rides = [leg for leg in journey.legs if isinstance(leg, Ride)]
    weighed = request.criterion in {Criterion.WALKING, Criterion.CO2, Criterion.PRICE}
    routes = timetable.trip_route[[ride.trip for ride in rides]].tolist()
    stations = timetable.stop_station[[stop for ride in rides for stop in (ride.from_stop, ride.to_stop)]].tolist()
    return Traits(
        journey.departure,
        journey.arrival,
        journey.transfers,
        _walking(search.doors_of(one), journey),
        sum(_is_hop(search, ride) for ride in rides) if len(rides) == journey.transfers + 1 else 0,
        0 if weighed else journey.cost,
        journey.cost if weighed else 0,
        (one.by, *routes, *stations),
    )


def _is_hop(search: Search, ride: Ride) -> bool:
    if ride.to_pos - ride.from_pos > HOP_STOPS:
        return False
    return ride_metres(search.network.timetable, ride.trip, ride.from_pos, ride.to_pos) < HOP_METRES


def _walking(doors: Doors, journey: TransitJourney) -> int:
    """Seconds on foot."""
    seconds = 0
    for leg in journey.legs:
        if isinstance(leg, Walk) and leg.from_stop == leg.to_stop == DOOR:
            seconds += doors.walk.on_foot if doors.walk is not None else 0
        elif isinstance(leg, Walk):
            door = doors.origin if leg.from_stop == DOOR else doors.destination if leg.to_stop == DOOR else None
            if (leg.from_stop, leg.to_stop) in doors.rides:
                continue
            if door is None:
                seconds += leg.arrival - leg.departure
            else:
                place = int(np.searchsorted(door.stops, max(leg.from_stop, leg.to_stop)))
                seconds += int(door.walk_seconds[place])
    return seconds


# ── in words ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _alone(search: Search, request: JourneyRequest, way: Direct) -> Journey:
    """Describe a way without public transport, leaving (arriving) at the instant asked for."""
    at = int(request.at.timestamp())
    return combine.describe_alone(search.network, way, at - way.seconds if request.arrive_by else at, request)


def _brief(search: Search, one: Candidate, why: Left, like: Journey | None) -> Brief:
    """Name a journey."""
    timetable = search.network.timetable
    journey = one.journey
    doors, hailing = search.doors_of(one), search.hailing

    def told(leg: Ride | Walk) -> list[Leg]:
        return combine.describe_booked(search.network, leg, doors, hailing)

    rides = (leg for leg in journey.legs if isinstance(leg, Ride))
    routes = [int(timetable.trip_route[ride.trip]) for ride in rides]
    return Brief(
        combine.name(search.network, journey, doors),
        _local(search.network, journey.departure),
        _local(search.network, journey.arrival),
        journey.transfers,
        tuple(timetable.route_short_names.at(route) or timetable.route_long_names.at(route) for route in routes),
        why,
        like.id if like is not None else None,
        None if search.till is None else find_cents(search.network, journey, search.till, told),
    )


def _not_now(search: Search, journeys: list[Journey]) -> tuple[NotNow, ...]:
    """List the services that go there but cannot be booked for this time, but for those that a journey takes."""
    if search.hailing is None:
        return ()
    taken = {leg.booking.service_id for journey in journeys for leg in journey.legs if leg.booking}
    return tuple(one for one in search.hailing.tell_declined() if one.service_id not in taken)


def _departure(network: Network, one: Candidate | None) -> datetime | None:
    return _local(network, one.journey.departure) if one is not None else None


def _local(network: Network, instant: int) -> datetime:
    return local_time(network, instant, network.zone_index)


def _alerts(network: Network, journeys: list[Journey]) -> tuple[tuple[str, Alert], ...]:
    """List the messages that the legs name."""
    if network.live is None:
        return ()
    names = dict.fromkeys(name for journey in journeys for leg in journey.legs for name in leg.alerts)
    if not any(journey.rides for journey in journeys):
        names |= dict.fromkeys(network.outages)
    return tuple((name, network.live.alerts[name]) for name in names)
