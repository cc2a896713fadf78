"""From rides and walks by index to journeys with names, times with zones and courses on the map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from mobigo.journeys.changing import judge
from mobigo.journeys.identity import Hailed, hailed, identify, write_id
from mobigo.journeys.liftleg import Lifted, LiftedAll
from mobigo.journeys.model import BOOKED_MODES, Journey, Label, Leg
from mobigo.journeys.rideleg import Crossed, Fetched, FetchedAll, line_of
from mobigo.journeys.rides import describe_ride
from mobigo.journeys.streetlegs import describe_parts, find_change, stop_place
from mobigo.transit.model import Ride, TransitJourney, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from mobigo.journeys.access import Access, Direct
    from mobigo.journeys.hailing import Hailing
    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.network import Network
    from mobigo.journeys.streetlegs import Part
    from mobigo.ondemand.supply import Offered


DOOR = -1
"""Stop of a walk: the origin or the destination; lower numbers are the places on the way."""


class AllTheWay(Protocol):
    """A way from door to door without vehicles of the timetable."""

    @property
    def seconds(self) -> int:
        """How long it takes."""

    @property
    def on_foot(self) -> int:
        """How much of it one walks."""

    def legs(self, at: int, network: Network) -> list[Leg]:
        """Describe it, leaving at an instant (seconds since 1970 UTC)."""


@dataclass(frozen=True, eq=False)
class Doors:
    """Both ends of a question, and the walk between them."""

    origin: Access
    destination: Access
    walk: AllTheWay | None
    """Walking; of a journey that is one ride on demand, that ride."""
    request: JourneyRequest
    """The question, with the one way to the first stop and the one from the last that these are."""
    ways: dict[tuple[int, int], tuple[Part, ...]] = field(default_factory=dict)
    """Ways between stops found so far: the journeys of one answer share most of them."""
    rides: Mapping[tuple[int, int], Crossed] = field(default_factory=dict)
    """Rides between two stops, by these."""
    vias: tuple[tuple[Access, Access], ...] = ()
    """Places to pass: the ways to each, and from it."""


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
                for leg in describe_walk(network, part, doors)
                if leg.departure < leg.arrival or leg.start != leg.end or len(found.legs) == 1
            ]
    if network.live and not network.is_running:
        legs = follow(legs)
    legs = judge(legs)
    return Journey(
        write_id(identify(network, found, doors.request, find_hails(found, doors))),
        legs[0].departure,
        legs[-1].arrival,
        found.transfers,
        tuple(legs),
    )


def describe_alone(network: Network, way: Direct, start: int, request: JourneyRequest) -> Journey:
    """Describe a way without public transport, leaving at an instant (seconds since 1970 UTC)."""
    end = start + way.seconds
    found = TransitJourney(start, end, 0, (Walk(DOOR, DOOR, start, end),))
    legs = tuple(way.legs(start, network))
    name = write_id(identify(network, found, replace(request, direct=(way.mode,))))
    return Journey(name, legs[0].departure, legs[-1].arrival, 0, legs)


def name(network: Network, found: TransitJourney, doors: Doors) -> str:
    """Return the id of a journey without describing it."""
    return write_id(identify(network, found, doors.request, find_hails(found, doors)))


def find_hails(found: TransitJourney, doors: Doors) -> dict[int, Hailed]:
    """Tell which parts of a journey are rides that are booked and not of the timetable."""
    hails = {}
    for n, leg in enumerate(found.legs):
        way = _way_of(leg, doors) if isinstance(leg, Walk) else None
        if isinstance(way, Fetched | FetchedAll | Crossed):
            service = way.hail.supply.catalogue.services[way.offered.offer.service]
            hails[n] = hailed(way.offered.offer, line_of(service).name)
        elif isinstance(way, Lifted | LiftedAll):
            hails[n] = way.hailed()
    return hails


def list_offers(found: TransitJourney, doors: Doors) -> list[Offered]:
    """List the rides on demand of a journey that are not of the timetable."""
    ways = [_way_of(leg, doors) for leg in found.legs if isinstance(leg, Walk)]
    return [way.offered for way in ways if isinstance(way, Fetched | FetchedAll | Crossed)]


def describe_booked(network: Network, part: Ride | Walk, doors: Doors, hailing: Hailing | None) -> list[Leg]:
    """Describe a part of a journey if it must be booked; an empty list of all others."""
    if isinstance(part, Walk):
        booked = isinstance(_way_of(part, doors), Fetched | FetchedAll | Crossed | Lifted | LiftedAll)
        return describe_walk(network, part, doors) if booked else []
    if hailing is None or not hailing.must_book(part):
        return []
    alone = TransitJourney(part.departure, part.arrival, 0, (part,))
    return list(hailing.tell_lines(alone, describe(network, alone, doors)).legs)


def _way_of(walk: Walk, doors: Doors) -> object:
    """Return what describes a way between an end and a stop, or both ends."""
    if walk.from_stop == DOOR and walk.to_stop == DOOR:
        return doors.walk
    if DOOR not in walk[:2]:
        return doors.rides.get((walk.from_stop, walk.to_stop))
    return (doors.origin if walk.from_stop == DOOR else doors.destination).ways[0]


def follow(legs: Iterable[Leg]) -> list[Leg]:
    """Let ways on foot begin when the vehicle before arrives now, and tell which vehicles are missed."""
    followed: list[Leg] = []
    ready: datetime | None = None
    for leg in legs:
        if leg.trip_id is not None:
            certain = leg.stay_seated or leg.guaranteed or leg.canceled
            missed = ready is not None and leg.departure < ready and not certain
            followed.append(replace(leg, missed=missed))
            ready = leg.arrival
        elif ready is not None and leg.mode not in BOOKED_MODES:
            start = ready.astimezone(leg.departure.tzinfo)
            ready = start + (leg.arrival - leg.departure)
            followed.append(replace(leg, departure=start, arrival=ready))
        else:
            followed.append(leg)
            ready = leg.arrival
    return followed


# ── legs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def describe_walk(network: Network, walk: Walk, doors: Doors) -> list[Leg]:
    """Describe a way on streets: from the door, to the door, between two stops, or all the way."""
    if walk.from_stop < 0 and walk.to_stop < 0:
        assert doors.walk is not None
        return doors.walk.legs(walk.departure, network)
    if walk.from_stop < 0 or walk.to_stop < 0:
        place, stop = min(walk.from_stop, walk.to_stop), max(walk.from_stop, walk.to_stop)
        access = access_of(doors, place, leaving=walk.from_stop < 0)
        stays = place != DOOR and stop in access.end.stops  # where the vehicle stops is the place on the way
        return [] if stays else access.legs(stop, walk.departure, network)
    key = walk.from_stop, walk.to_stop
    if key in doors.rides:
        return doors.rides[key].legs(walk.departure, network)
    if key not in doors.ways:
        doors.ways[key] = find_change(network, *key, doors.origin.foot)
    ends = stop_place(network, walk.from_stop), stop_place(network, walk.to_stop)
    return [describe_parts(network, ends, (walk.departure, walk.arrival), doors.ways[key])]


def is_open(network: Network, found: TransitJourney, doors: Doors) -> bool:
    """Tell whether the shared vehicles of a journey, if any, can be rented when it rides them."""
    return all(
        access_of(doors, min(leg[:2]), leaving=leg.from_stop < 0).is_open(max(leg[:2]), leg.departure, network)
        for leg in found.legs
        if isinstance(leg, Walk) and min(leg[:2]) < 0 <= max(leg[:2])
    )


def access_of(doors: Doors, place: int, *, leaving: bool) -> Access:
    """Return the ways from (to) an end, or a place on the way."""
    if place == DOOR:
        return doors.origin if leaving else doors.destination
    return doors.vias[DOOR - 1 - place][1 if leaving else 0]


# ── the set of answers ────────────────────────────────────────────────────────────────────────────────────────────────


def label(journeys: Sequence[Journey], *, arrive_by: bool = False) -> tuple[Journey, ...]:
    """Name what each journey is best at, when there is a choice."""
    if not journeys:
        return ()
    first = max(journeys, key=lambda one: (one.departure, -one.transfers)) if arrive_by else None
    best = {
        Label.EARLIEST: first or min(journeys, key=lambda one: (one.arrival, one.transfers)),
        Label.FASTEST: min(journeys, key=lambda one: (one.arrival - one.departure, one.transfers)),
        Label.FEWEST_TRANSFERS: min(journeys, key=lambda one: (one.transfers, one.arrival - one.departure)),
        Label.LEAST_WALKING: min(journeys, key=lambda one: (one.walking, one.arrival - one.departure)),
    }
    costing = [
        (one.priced.price.cents, one.arrival - one.departure, one)
        for one in journeys
        if one.priced is not None and one.priced.price.complete
    ]
    if len({cents for cents, _, _ in costing}) > 1:
        best[Label.CHEAPEST] = min(costing, key=lambda one: one[:2])[2]
    emitting = [(one.co2, one.arrival - one.departure, one) for one in journeys if one.rides and one.co2 is not None]
    if len({grams for grams, _, _ in emitting}) > 1:
        best[Label.GREENEST] = min(emitting, key=lambda one: one[:2])[2]
    return tuple(
        replace(journey, labels=tuple(name for name, one in best.items() if one is journey)) for journey in journeys
    )
