"""From rides and walks by index to journeys with names, times with zones and courses on the map."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mobigo.journeys.model import Journey, Label, Leg, Mode
from mobigo.journeys.rides import describe_ride
from mobigo.journeys.streetlegs import describe_way, find_change_way, stop_place
from mobigo.transit.model import Ride, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mobigo.journeys.access import Access, Direct
    from mobigo.journeys.network import Network
    from mobigo.street.routing import Path
    from mobigo.transit.model import TransitJourney


@dataclass(frozen=True)
class Doors:
    """Both ends of a question, and the walk between them."""

    origin: Access
    destination: Access
    walk: Direct | None
    ways: dict[tuple[int, int], Path | None] = field(default_factory=dict)
    """Ways between stops found so far: the journeys of one answer share most of them."""


def describe(network: Network, found: TransitJourney, doors: Doors) -> Journey:
    """Describe one journey."""
    legs: list[Leg] = []
    before: Ride | None = None
    for previous, part in zip((None, *found.legs), found.legs, strict=False):
        if isinstance(part, Ride):
            legs.append(describe_ride(network, part, before, changed=previous is not before))
            before = part
        else:
            legs += [
                leg
                for leg in _walk(network, part, doors)
                if leg.departure < leg.arrival or leg.start != leg.end or len(found.legs) == 1
            ]
    if network.live and not network.is_running:
        legs = follow(legs)
    return Journey(_identify(network, found, doors), legs[0].departure, legs[-1].arrival, found.transfers, tuple(legs))


def follow(legs: Iterable[Leg]) -> list[Leg]:
    """Let ways on foot begin when the vehicle before arrives now, and tell which vehicles are missed."""
    followed: list[Leg] = []
    ready: datetime | None = None
    for leg in legs:
        if leg.trip_id is not None:
            missed = ready is not None and leg.departure < ready and not leg.stay_seated and not leg.canceled
            followed.append(replace(leg, missed=missed))
            ready = leg.arrival
        elif ready is not None:
            start = ready.astimezone(leg.departure.tzinfo)
            ready = start + (leg.arrival - leg.departure)
            followed.append(replace(leg, departure=start, arrival=ready))
        else:
            followed.append(leg)
            ready = leg.arrival
    return followed


# ── legs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _walk(network: Network, walk: Walk, doors: Doors) -> list[Leg]:
    """Describe a way on streets: from the door, to the door, between two stops, or all the way."""
    if walk.from_stop < 0 and walk.to_stop < 0:
        assert doors.walk is not None
        return doors.walk.legs(walk.departure, network)
    if walk.from_stop < 0:
        return doors.origin.legs(walk.to_stop, walk.departure, network)
    if walk.to_stop < 0:
        return doors.destination.legs(walk.from_stop, walk.departure, network)
    key = walk.from_stop, walk.to_stop
    if key not in doors.ways:
        doors.ways[key] = find_change_way(network, *key, doors.origin.foot)
    ends = stop_place(network, walk.from_stop), stop_place(network, walk.to_stop)
    return [describe_way(network, Mode.WALK, ends, (walk.departure, walk.arrival), doors.ways[key])]


# ── the set of answers ────────────────────────────────────────────────────────────────────────────────────────────────


def label(journeys: Sequence[Journey]) -> tuple[Journey, ...]:
    """Name what each journey is best at, when there is a choice."""
    if not journeys:
        return ()
    best = {
        Label.EARLIEST: min(journeys, key=lambda one: (one.arrival, one.transfers)),
        Label.FASTEST: min(journeys, key=lambda one: (one.arrival - one.departure, one.transfers)),
        Label.FEWEST_TRANSFERS: min(journeys, key=lambda one: (one.transfers, one.arrival - one.departure)),
        Label.LEAST_WALKING: min(journeys, key=lambda one: (one.walking, one.arrival - one.departure)),
    }
    return tuple(
        replace(journey, labels=tuple(name for name, one in best.items() if one is journey)) for journey in journeys
    )


def _identify(network: Network, found: TransitJourney, doors: Doors) -> str:
    """Write the rides, by ids that outlive the network, as one word."""
    timetable = network.timetable
    rides = [
        [timetable.trip_ids.at(leg.trip), leg.service_date.isoformat(), leg.departure, leg.from_pos, leg.to_pos]
        for leg in found.legs
        if isinstance(leg, Ride)
    ]
    ends = [[*reversed(access.end.point)] for access in (doors.origin, doors.destination)]
    content = json.dumps([1, ends, found.departure, rides], separators=(",", ":"))
    return urlsafe_b64encode(zlib.compress(content.encode(), 9)).decode().rstrip("=")
