"""What a traveller can ask: journeys from door to door, on one network from beginning to end."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mobigo.journeys import combine
from mobigo.journeys.access import find_access, find_direct, find_end
from mobigo.journeys.model import Mode, Pair, Plan, Reason, RoundTrip
from mobigo.journeys.snapshot import build_network
from mobigo.transit import routing
from mobigo.transit.model import Direction, Query, TransitJourney, Walk
from mobigo.transit.timetable import day_number, runs_on

if TYPE_CHECKING:
    from mobigo.journeys.access import Direct
    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.network import Network

__all__ = ["build_network", "plan", "plan_round_trip"]

USUAL_WINDOW = 2 * 3600
"""Seconds: what a traveller who names no window sees."""

SECONDS_PER_EVENT = 1e-5
"""What laying out a day view costs at most per stop time: a day is not begun that the budget does not cover."""

DAY_ENDS = timedelta(hours=4)
"""After midnight: what runs until then belongs to the day before."""

HORIZON_DAYS = 14
"""How far ahead the next possible departure is looked for."""


def plan(network: Network, request: JourneyRequest) -> Plan:
    """Plan journeys from door to door.

    The answer holds the journeys that none other beats in departure, arrival and changes, less those during which one
    would have walked there, and walking itself where it is short; when no vehicle serves, the reason, and when the
    next one leaves.

    Raises
    ------
    InvalidInput, NotFound
        When an end is no point and no stop.
    """
    deadline = time.monotonic() + request.budget
    ends = find_end(network, request.origin), find_end(network, request.destination)
    origin = find_access(network, ends[0], request, backward=False)
    destination = find_access(network, ends[1], request, backward=True)
    direct = find_direct(network, origin, destination, request)
    walk = next((way for way in direct if way.mode is Mode.WALK), None)
    doors = combine.Doors(origin, destination, walk)
    question = Query(
        access=origin.stops,
        access_seconds=origin.seconds,
        egress=destination.stops,
        egress_seconds=destination.seconds,
        at=int(request.at.timestamp()),
        window=USUAL_WINDOW if request.window is None else request.window,
        direction=Direction.ARRIVE if request.arrive_by else Direction.DEPART,
        max_transfers=request.max_transfers,
    )
    rides, beaten = _search(network, question, walk)
    worthwhile = _drop_outlived(network, question, rides, walk)
    if worthwhile or request.window is not None:
        rides = worthwhile or rides
    elif rides or not beaten:
        rides, beaten = _search(network, replace(question, window=0), walk)
    on_foot = [_on_foot(question, walk.seconds)] if walk and (not rides or walk.seconds <= request.max_walk) else []
    journeys = sorted(
        (combine.describe(network, journey, doors) for journey in [*on_foot, *rides]),
        key=lambda journey: (journey.departure, journey.arrival),
    )
    answer = Plan(combine.label(journeys), network.manifest.version, origin=ends[0], destination=ends[1])
    if rides:
        return answer
    reason = _explain(network, doors, request, beaten=beaten)
    later = None
    if reason in {Reason.NO_SERVICE_THAT_DAY, Reason.NOTHING_IN_WINDOW}:
        later = _find_next(network, question, walk, deadline)
    return replace(answer, reason=reason, next_departure=later)


def plan_round_trip(network: Network, request: JourneyRequest, *, stay: int, back_by: datetime | None) -> RoundTrip:
    """Plan a way there, and a way back after a stay.

    Parameters
    ----------
    request : JourneyRequest
        The way there.
    stay : int
        Seconds one has to do there, at least.
    back_by : datetime, optional
        Aware; None: four in the morning after the day of the way there.
    """
    out = plan(network, request)
    zone = network.manifest.zone
    begin = min((journey.arrival for journey in out.journeys), default=request.at) + timedelta(seconds=stay)
    day = (begin.astimezone(zone) - DAY_ENDS).date() + timedelta(days=1)
    until = back_by or datetime.combine(day, datetime.min.time(), zone) + DAY_ENDS
    window = max(0, min(int((until - begin).total_seconds()), 86_400))
    back = plan(
        network,
        replace(
            request,
            origin=request.destination,
            destination=request.origin,
            at=until,
            arrive_by=True,
            window=window,
            vias=request.vias[::-1],
            access=request.egress,
            egress=request.access,
        ),
    )
    ways = sorted(back.journeys, key=lambda journey: (journey.departure, journey.arrival))
    pairs = []
    for there in out.journeys:
        ready = there.arrival + timedelta(seconds=stay)
        first = next((way for way in ways if way.departure >= ready), None)
        if first is not None:
            pairs.append(Pair(there.id, first.id, int((first.departure - there.arrival).total_seconds())))
    return RoundTrip(out, back, tuple(pairs), ways[-1].id if pairs else None)


def _search(network: Network, question: Query, walk: Direct | None) -> tuple[list[TransitJourney], bool]:
    """Search for rides, and tell whether any was left out because walking is better."""
    if not (len(question.access) and len(question.egress)) or (walk and walk.seconds == 0):
        return [], walk is not None
    found = routing.search(network.days, question)
    kept = [journey for journey in found if walk is None or journey.arrival - journey.departure < walk.seconds]
    return kept, len(kept) < len(found)


def _drop_outlived(
    network: Network, question: Query, rides: list[TransitJourney], walk: Direct | None
) -> list[TransitJourney]:
    """Leave out journeys that one leaving after the window arrives before (arriving before it, leaves after).

    Inside the window nothing beats them; still nobody would leave at nine to wait three hours at the next stop.
    """
    if not rides or not question.window:
        return rides
    beyond = question.window + 1 if question.direction is Direction.DEPART else -question.window - 1
    others, _ = _search(network, replace(question, at=question.at + beyond, window=0), walk)
    return [
        ride
        for ride in rides
        if not any(
            other.departure >= ride.departure and other.arrival <= ride.arrival and other.transfers <= ride.transfers
            for other in others
        )
    ]


def _on_foot(question: Query, seconds: int) -> TransitJourney:
    start = question.at - seconds if question.direction is Direction.ARRIVE else question.at
    return TransitJourney(start, start + seconds, 0, (Walk(-1, -1, start, start + seconds),))


def _explain(network: Network, doors: combine.Doors, request: JourneyRequest, *, beaten: bool) -> Reason:
    """Say why no vehicle serves, the most useful truth first."""
    if not (doors.origin.located and doors.destination.located):
        return Reason.OUTSIDE_AREA
    if beaten:
        return Reason.WALKING_BETTER
    if not (len(doors.origin.stops) and len(doors.destination.stops)):
        return Reason.NO_STOP_IN_RANGE
    day = day_number(request.at.astimezone(network.manifest.zone).date())
    return Reason.NOTHING_IN_WINDOW if runs_on(network.timetable, day).any() else Reason.NO_SERVICE_THAT_DAY


def _find_next(network: Network, question: Query, walk: Direct | None, deadline: float) -> datetime | None:
    """Find when the next journey leaves, day after day as far as the horizon and the budget go."""
    zone = network.manifest.zone
    start = question.at
    for _ in range(HORIZON_DAYS):
        ahead = replace(question, at=start, window=0, direction=Direction.DEPART)
        day = day_number(datetime.fromtimestamp(start, network.days.zone).date())
        if start != question.at and not network.days.is_ready(day, Direction.DEPART):
            events = len(network.days.view(day - 1, Direction.DEPART).arrival)
            if time.monotonic() + events * SECONDS_PER_EVENT > deadline:
                break
        rides, _ = _search(network, ahead, walk)
        if rides:
            return datetime.fromtimestamp(min(ride.departure for ride in rides), zone)
        if time.monotonic() > deadline:
            break
        tomorrow = datetime.fromtimestamp(start, zone).date() + timedelta(days=1)
        start = int(datetime.combine(tomorrow, datetime.min.time(), zone).timestamp())
    return None
