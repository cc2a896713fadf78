"""HTTP: journeys, itineraries looked up again, and trips, as MOTIS answers them."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Body, Query, Request, Response

from mobigo.facades.motis.answers import ERRORS, ItineraryAnswer, PlanAnswer, PlanBody, Version, answer
from mobigo.facades.motis.ids import Cursor, read_cursor, read_trip, write_time
from mobigo.facades.motis.legs import END, START, Writer, is_within
from mobigo.facades.motis.modes import Mode, filter_of
from mobigo.facades.motis.parameters import AskedPlan, AskedRefresh, AskedTrip
from mobigo.facades.motis.scribe import Scribe
from mobigo.journeys import service
from mobigo.journeys.access import Direct, find_access, find_direct, find_end
from mobigo.journeys.api import hail, lift, till
from mobigo.journeys.combine import describe_alone
from mobigo.journeys.identity import identify, read_id, write_id
from mobigo.journeys.model import Journey, JourneyRequest, Leg, Plan, Realtime
from mobigo.journeys.model import Mode as OwnMode
from mobigo.journeys.network import Network
from mobigo.journeys.others import find_others
from mobigo.journeys.pricing import add_price
from mobigo.journeys.refresh import Change, refresh
from mobigo.journeys.rides import describe_ride, is_seat_kept
from mobigo.journeys.streetlegs import describe_way
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.kit.geo import Point, haversine
from mobigo.kit.requests import Now
from mobigo.transit.boards import State
from mobigo.transit.model import Ride, TransitJourney
from mobigo.transit.printed import Column

router = APIRouter(tags=["routing"])

MOST_PAGES = 6
"""Pages that are put together until there are as many itineraries as were asked for."""
USUAL_WINDOW = 7200
"""Seconds that the planner searches at once; `searchWindow` may be longer."""
MOST_JOINED = 10
"""Trips of one vehicle, one after the other, that are one trip to whoever asks for it."""
MOST_BLOCK = 200
"""Trips of one block that are looked at."""

MAKES_WALK = 1.3
"""How much longer a walk is than its straight line."""


@dataclass(frozen=True)
class Found:
    """Itineraries, and where the pages before and after them are."""

    journeys: list[Journey]
    earlier: Cursor
    later: Cursor
    plan: Plan | None
    """The first page of the planner; None: nothing was asked."""


def plan_get(request: Request, now: Now, version: Version, asked: Annotated[AskedPlan, Query()]) -> Response:
    """Plan journeys.

    `itineraries` are all that no other beats in departure, arrival and changes; ways without public transport are in
    `direct`, on the first page. Pages neither repeat nor skip an itinerary. Rides that have to be booked are there only
    where they can be booked now; they are of mode `ODM` (or `FLEX`, where that was asked for) and `RIDE_SHARING`.
    """
    return answer(_plan(request, now, version, asked))


def plan_post(
    request: Request,
    now: Now,
    version: Version,
    asked: Annotated[AskedPlan, Query()],
    body: Annotated[PlanBody | None, Body()] = None,
) -> Response:
    """Plan journeys, as `GET` does; ways that a client found are not taken."""
    if body is not None and (body.from_offsets or body.to_offsets):
        raise Refused(
            "fromOffsets and toOffsets are not taken here: ways to stops are found on the streets; leave them"
        )
    return answer(_plan(request, now, version, asked))


def _plan(request: Request, now: datetime, version: int, asked: AskedPlan) -> dict[str, Any]:
    network: Network = request.app.state.networks.current()
    wanted = asked.wanted()
    lines = filter_of(network.timetable, wanted)
    question = asked.question(now.astimezone(network.manifest.zone), version, lines)
    scribe = Scribe(network, version, asked.language, live=question.realtime is not Realtime.OFF)
    scribe.expect(question.origin, question.destination, *(place for place, _ in question.vias))
    ways = _list_direct(network, question, asked)
    fastest = min((way.seconds for way in ways), default=None)
    slowest = None if fastest is None else asked.fastest_direct_factor * fastest

    def fits(journey: Journey) -> bool:
        seconds = (journey.arrival - journey.departure).total_seconds()
        return (
            journey.rides
            and (slowest is None or seconds <= slowest)
            and (asked.max_travel_time is None or seconds <= 60 * asked.max_travel_time)
            and is_within(journey, *_longest_ways(question, asked))
        )

    def ask(one: JourneyRequest) -> Plan:
        purse = till(request, one, now) if asked.with_fares else None
        return service.plan(network, one, hail(request, network, one, now), lift(request, network, one, now), purse)

    at = int(question.at.timestamp())
    nothing = lines.nothing or asked.rides_none(version)
    found = Found([], Cursor(True, at - 1), Cursor(False, at + 1), None)
    if not nothing:
        found = find_itineraries(ask, question, asked, fits)
    if found.plan is not None and asked.page_cursor is None:
        request.app.state.notes.note(request, network, question, found.plan, now)
    flex = Mode.FLEX in {*asked.pre_transit_modes, *asked.post_transit_modes, *asked.direct_modes, *asked.transit_modes}
    writer = Writer(scribe, asked, flex=flex, with_fares=asked.with_fares)
    since = question.at if not asked.timetable_view and asked.page_cursor is None else None
    itineraries = [writer.itinerary(one, since=since) for one in found.journeys]
    if asked.num_leg_alternatives:
        for journey, written in zip(found.journeys, itineraries, strict=True):
            _add_alternatives(request, now, writer, (journey, written), asked.num_leg_alternatives)
    result = {
        "requestParameters": {key: request.query_params[key] for key in request.query_params},
        "debugOutput": {"itineraries": len(itineraries)},
        "from": _end(scribe, question.origin, START),
        "to": _end(scribe, question.destination, END),
        "direct": [writer.itinerary(_describe_direct(network, question, asked, way)) for way in ways]
        if asked.page_cursor is None
        else [],
        "itineraries": itineraries,
        "previousPageCursor": str(found.earlier),
        "nextPageCursor": str(found.later),
    }
    if found.plan is not None and found.plan.reason is not None and not itineraries:
        result["reason"] = found.plan.reason
        if found.plan.next_departure is not None:
            result["nextDeparture"] = write_time(found.plan.next_departure)
    return result


def _longest_ways(question: JourneyRequest, asked: AskedPlan) -> tuple[int, int]:
    """Return the longest ways to the first vehicle and from the last; of a stop's own side there is no bound."""
    longest = asked.longest_ways()
    return (
        asked.max_pre_transit_time if "," in question.origin else longest,
        asked.max_post_transit_time if "," in question.destination else longest,
    )


def find_itineraries(
    ask: Callable[[JourneyRequest], Plan], question: JourneyRequest, asked: AskedPlan, fits: Callable[[Journey], bool]
) -> Found:
    """Put pages of the planner together until there are as many itineraries as are wanted, and no more.

    A page ends between two instants of departure (with `arriveBy`: of arrival), so that the next one goes on there.
    """
    cursor = read_cursor(asked.page_cursor) if asked.page_cursor else None
    back = cursor.earlier if cursor is not None else question.arrive_by
    if cursor is None and not asked.timetable_view:
        found = ask(replace(question, window=0))
        return Found([one for one in found.journeys if fits(one)], *_turns(found, question), found)
    window = asked.search_window if asked.search_window > USUAL_WINDOW else None
    one = replace(question, window=window, cursor=cursor and _own_cursor(cursor))
    first = found = ask(one)
    journeys = list(found.journeys)
    earlier, later = _turns(found, question)
    until = time.monotonic() + question.budget
    for _ in range(MOST_PAGES):
        turn = found.earlier if back else found.later
        if turn is None or sum(map(fits, journeys)) >= asked.num_itineraries or time.monotonic() > until:
            break
        found = ask(replace(one, cursor=turn))
        journeys += found.journeys
        earlier, later = (_turns(found, question)[0], later) if back else (earlier, _turns(found, question)[1])
    begin = cursor.instant if cursor is not None else int(question.at.timestamp())
    shown = cursor.shown if cursor is not None else ""

    def key(journey: Journey) -> int:
        known = read_id(journey.id)
        return known.arrival if question.arrive_by else known.departure

    ordered = sorted(((key(one), one) for one in journeys if fits(one)), key=lambda one: one[0], reverse=back)
    keys = [at for at, _ in ordered]
    count = _count(keys, begin, asked)
    if count < len(keys):
        last = keys[count - 1]
        if back:
            earlier = Cursor(earlier=True, instant=last - 1, shown=shown)
        else:
            later = Cursor(earlier=False, instant=last + 1, shown=shown)
    kept = sorted((one for _, one in ordered[:count]), key=lambda one: (one.departure, one.arrival))
    return Found(kept, earlier, later, first)


def _count(keys: list[int], begin: int, asked: AskedPlan) -> int:
    """Tell how many itineraries, nearest first, are shown: all of the window, and as many as are wanted."""
    inside = sum(abs(key - begin) <= asked.search_window for key in keys)
    count = max(inside, min(asked.num_itineraries, len(keys)), min(1, len(keys)))
    if asked.max_itineraries is not None:
        count = min(count, asked.max_itineraries)
    while 0 < count < len(keys) and keys[count] == keys[count - 1]:
        count += 1
    return count


def _own_cursor(cursor: Cursor) -> str:
    return f"{'e' if cursor.earlier else 'l'}{cursor.instant:09x}{cursor.shown}"


def _turns(found: Plan, question: JourneyRequest) -> tuple[Cursor, Cursor]:
    """Return where the pages around a page of the planner are; where nothing is, just beyond what was searched."""
    since, until = found.searched or (question.at, question.at)
    cursors = []
    for earlier, own, bound in ((True, found.earlier, since), (False, found.later, until)):
        if own is None:
            cursors.append(Cursor(earlier, int(bound.timestamp()) + (-1 if earlier else 1)))
        else:
            cursors.append(Cursor(earlier, int(own[1:10], 16), own[10:]))
    return cursors[0], cursors[1]


# ── without public transport ──────────────────────────────────────────────────────────────────────────────────────────


def _direct_question(question: JourneyRequest, asked: AskedPlan) -> JourneyRequest:
    """Return the question about ways without public transport: nobody goes to a stop."""
    return replace(
        question,
        access=(),
        egress=(),
        bicycle_aboard=False,
        direct=asked.direct_ways(),
        max_walk=asked.longest_direct,
    )


def _list_direct(network: Network, question: JourneyRequest, asked: AskedPlan) -> list[Direct]:
    """Find the ways without public transport that are short enough; none where there are places to pass."""
    one = _direct_question(question, asked)
    seen = network.seen(question.realtime)
    ends = [find_end(seen, text) for text in (question.origin, question.destination)]
    if not one.direct or question.vias:
        return []
    origin, destination = (
        find_access(seen, end, one, backward=backward) for end, backward in zip(ends, (False, True), strict=True)
    )
    return [way for way in find_direct(seen, origin, destination, one) if way.seconds <= asked.longest_direct]


def _describe_direct(network: Network, question: JourneyRequest, asked: AskedPlan, way: Direct) -> Journey:
    at = int(question.at.timestamp())
    start = at - way.seconds if question.arrive_by else at
    told = replace(question, max_walk=asked.longest_direct)
    return describe_alone(network.seen(question.realtime), way, start, told)


def _end(scribe: Scribe, text: str, name: str) -> dict[str, Any]:
    """Write an end of the question."""
    index = scribe.network.stop_index.get(text)
    if index is not None:
        return scribe.stop(index)
    lat, _, lon = text.partition(",")
    return scribe.point(name, float(lat), float(lon))


# ── instead of a ride ─────────────────────────────────────────────────────────────────────────────────────────────────


def _add_alternatives(
    request: Request, now: datetime, writer: Writer, told: tuple[Journey, dict[str, Any]], most: int
) -> None:
    """Add to each ride the vehicles that can be taken instead, while the rest of the journey stays as it is."""
    journey, written = told
    network: Network = request.app.state.networks.current()
    offer = request.app.state.hails.at(network, now)
    for number, ride in zip(writer.numbers(journey), written["legs"], strict=True):
        leg = journey.legs[number]
        if leg.trip_id is None:
            continue
        try:
            found = find_others(network, journey.id, number, now, hail=offer, earlier=most, later=most)
        except (InvalidInput, NotFound):  # it is no longer as it was a moment ago
            continue
        fitting = [one.leg for one in found.others if one.why_not is None]
        fitting.sort(key=lambda one: abs(one.departure - leg.departure))
        chosen = sorted(fitting[:most], key=lambda one: one.departure)
        ride["alternatives"] = [_alternative(writer, leg, one) for one in chosen]


def _alternative(writer: Writer, leg: Leg, other: Leg) -> list[dict[str, Any]]:
    """Write another vehicle for a ride, and the ways from where one boards and to where one alights now."""
    network = writer.scribe.network
    ways = []
    for start, end, instant, before in (
        (leg.start, other.start, other.departure, True),
        (other.end, leg.end, other.arrival, False),
    ):
        metres = haversine(Point(start.lon, start.lat), Point(end.lon, end.lat))
        seconds = int(np.ceil(metres * MAKES_WALK / 1.2)) if start.stop_id != end.stop_id else 0
        at = int(instant.timestamp()) - (seconds if before else 0)
        ways.append(describe_way(network, OwnMode.WALK, (start, end), (at, at + seconds), None))
    alone = Journey("", ways[0].departure, ways[1].arrival, 0, (ways[0], replace(other, stay_seated=False), ways[1]))
    return writer.legs(alone)


# ── itineraries again ─────────────────────────────────────────────────────────────────────────────────────────────────


def refresh_itinerary(
    request: Request, now: Now, version: Version, asked: Annotated[AskedRefresh, Query()]
) -> Response:
    """Look an itinerary up again as it goes now."""
    network: Network = request.app.state.networks.current()
    state = request.app.state
    found = refresh(
        network, asked.itinerary_id, now, hail=state.hails.at(network, now), lift=state.lifts.at(network, now)
    )
    if asked.require_display_name_match and any(one.change is Change.UNKNOWN for one in found.differences):
        raise NotFound("a ride of this itinerary is in no timetable any more; ask plan again", code="unknown_journey")
    journey = found.journey
    if asked.with_fares:
        purse = till(request, read_id(journey.id).request, now)
        journey = journey if purse is None else add_price(network, journey, purse)
    writer = Writer(Scribe(network, version, asked.language), asked, with_fares=asked.with_fares)
    written = writer.itinerary(journey)
    if asked.num_leg_alternatives:
        _add_alternatives(request, now, writer, (journey, written), asked.num_leg_alternatives)
    return answer(written)


# ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def get_trip(request: Request, version: Version, asked: Annotated[AskedTrip, Query()]) -> Response:
    """Show a trip from its first stop to its last, with those before and after in which one stays seated."""
    network: Network = request.app.state.networks.current()
    name = read_trip(asked.trip_id)
    scribe = Scribe(network, version, asked.language)
    columns = scribe.columns(name.trip_id, name.day)
    if not columns:
        raise NotFound(f"no trip {asked.trip_id!r} on that day", code="unknown_trip")
    column = min(columns, key=lambda one: abs(scribe.start_of(one, name.day) - name.start))
    chain = list_chain(scribe, column, name.day)
    running = network.as_it_runs
    legs = []
    before: Ride | None = None
    for one in chain:
        ride = _whole(scribe, one, name.day)
        leg = describe_ride(running, ride, before, changed=False)
        legs.append(replace(leg, canceled=one.state is State.CANCELED))
        before = ride
    rides = tuple(_whole(scribe, one, name.day) for one in chain)
    alone = TransitJourney(rides[0].departure, rides[-1].arrival, 0, rides)
    origin, destination = (scribe.timetable.stop_ids.at(stop) for stop in (rides[0].from_stop, rides[-1].to_stop))
    question = JourneyRequest(origin, destination, datetime.fromtimestamp(alone.departure, UTC))
    told = write_id(identify(running, alone, question))
    journey = Journey(told, legs[0].departure, legs[-1].arrival, 0, tuple(legs))
    return answer(Writer(scribe, asked).itinerary(journey))


def _whole(scribe: Scribe, column: Column, day: date) -> Ride:
    """Return the ride in a run from its first stop to its last."""
    first, last = column.cells[0], column.cells[-1]
    stops = scribe.timetable.call_stop
    return Ride(
        column.trip,
        day,
        0,
        len(column.cells) - 1,
        int(stops[first.row]),
        int(stops[last.row]),
        int(first.departure.timestamp()),
        int(last.arrival.timestamp()),
    )


def list_chain(scribe: Scribe, column: Column, day: date) -> list[Column]:
    """List a run with those before and after it in which one stays seated."""
    chain = [column]
    while len(chain) < MOST_JOINED:
        own = _whole(scribe, chain[-1], day)
        after = next(
            (one for one in _beside(scribe, own, day) if is_seat_kept(scribe.timetable, own, _whole(scribe, one, day))),
            None,
        )
        if after is None:
            break
        chain.append(after)
    while len(chain) < MOST_JOINED:
        own = _whole(scribe, chain[0], day)
        ahead = next(
            (one for one in _beside(scribe, own, day) if is_seat_kept(scribe.timetable, _whole(scribe, one, day), own)),
            None,
        )
        if ahead is None:
            break
        chain.insert(0, ahead)
    return chain


def _beside(scribe: Scribe, ride: Ride, day: date) -> Iterator[Column]:
    """List the runs that a vehicle may make before or after a run: of its block, and those transfers.txt links."""
    timetable = scribe.timetable
    block, known = int(timetable.trip_block[ride.trip]), int(timetable.trip_known_as[ride.trip])
    linked = np.concatenate(
        [timetable.link_to[timetable.link_from == known], timetable.link_from[timetable.link_to == known]]
    )
    trips = np.isin(timetable.trip_known_as, linked)
    if block >= 0:
        trips |= timetable.trip_block == block
    trips[ride.trip] = False
    for trip in np.flatnonzero(trips)[:MOST_BLOCK].tolist():
        columns = scribe.columns(timetable.trip_ids.at(trip), day)
        yield from (one for one in columns if one.trip == trip and len(one.cells) > 1)


for _version in (1, 2, 3, 4, 5, 6):
    router.add_api_route(
        f"/api/v{_version}/plan", plan_get, methods=["GET"], response_model=PlanAnswer, responses=ERRORS
    )
for _version in (1, 2, 4, 5, 6):
    router.add_api_route(
        f"/api/v{_version}/trip", get_trip, methods=["GET"], response_model=ItineraryAnswer, responses=ERRORS
    )
router.add_api_route("/api/v6/plan", plan_post, methods=["POST"], response_model=PlanAnswer, responses=ERRORS)
router.add_api_route(
    "/api/v6/refresh-itinerary", refresh_itinerary, methods=["GET"], response_model=ItineraryAnswer, responses=ERRORS
)
