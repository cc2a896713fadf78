"""Rides that were offered, in words: what is booked, where it goes, and the ways on foot at its ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from mobigo.journeys.emissions import emit_street
from mobigo.journeys.model import Line, Mode, Place, ToBook
from mobigo.journeys.streetlegs import describe_parts, describe_way, stop_place
from mobigo.ondemand.catalogue import source_of
from mobigo.ondemand.model import How
from mobigo.ondemand.quotes import expires, sign

if TYPE_CHECKING:
    from mobigo.journeys.access import Access
    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.served import Served
    from mobigo.ondemand.model import Service, Spot
    from mobigo.ondemand.supply import Offered, Supply
    from mobigo.street.graph import Profile

DOOR = -1
"""Stop of a gate: the traveller's own door."""


@dataclass(frozen=True)
class Hail:
    """What on-demand transport offers at one moment on one network."""

    supply: Supply
    served: Served
    key: bytes
    """Of the home, to sign quotes with."""
    now: int
    """Instant at which quotes are made."""


class Gate(NamedTuple):
    """Where one is picked up or set down at an end of the journey."""

    stop: int
    """Index of the stop; `DOOR`: at the door."""
    walk: int
    """Seconds between the door and it."""


@dataclass(frozen=True)
class Fetched:
    """A ride between an end of the journey and a stop, with the ways on foot around it."""

    hail: Hail
    offered: Offered
    on_foot: Access
    """How the end reaches stops on foot."""
    gate: Gate
    hub: int
    """Stop that the ride goes to (comes from)."""
    walk: int
    """Seconds between the hub and the stop of the vehicle before or after."""
    leaving: bool

    @property
    def seconds(self) -> int:
        """From the door to the stop (back)."""
        offer = self.offered.offer
        return self.gate.walk + offer.drop_off[1] - offer.pickup[0] + self.walk

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe it, to (from) the stop it was offered for."""
        offer = self.offered.offer
        ride = describe_offered(self.hail, network, self.offered)
        if self.leaving:
            return [*self._to_gate(offer.pickup[0], network), ride, *self._to_stop(offer.drop_off[1], stop, network)]
        return [*self._to_stop(at, stop, network), ride, *self._to_gate(offer.drop_off[1], network)]

    def _to_gate(self, at: int, network: Network) -> list[Leg]:
        """Walk between the door and where the vehicle comes: until then, or from then on."""
        if self.gate.stop == DOOR or not self.gate.walk:
            return []
        return self.on_foot.legs(self.gate.stop, at - self.gate.walk if self.leaving else at, network)

    def _to_stop(self, at: int, stop: int, network: Network) -> list[Leg]:
        """Walk between where the ride ends (begins) and the other vehicle, from an instant on."""
        if stop == self.hub or not self.walk:
            return []
        ends = (self.hub, stop) if self.leaving else (stop, self.hub)
        parts = self.hail.served.change(*ends, self.on_foot.foot)
        places = stop_place(network, ends[0]), stop_place(network, ends[1])
        return [describe_parts(network, places, (at, at + self.walk), parts)]


@dataclass(frozen=True)
class FetchedAll:
    """A ride from door to door, or from one walk to another."""

    hail: Hail
    offered: Offered
    walks: tuple[Access, Access]
    gates: tuple[Gate, Gate]

    @property
    def seconds(self) -> int:
        """From door to door."""
        offer = self.offered.offer
        return self.on_foot + offer.drop_off[1] - offer.pickup[0]

    @property
    def on_foot(self) -> int:
        """Seconds of it that one walks."""
        return self.gates[0].walk + self.gates[1].walk

    def legs(self, at: int, network: Network) -> list[Leg]:  # noqa: ARG002 - it leaves when it was offered
        """Describe it."""
        offer = self.offered.offer
        before, after = (
            [] if gate.stop == DOOR or not gate.walk else access.legs(gate.stop, start, network)
            for gate, access, start in zip(
                self.gates, self.walks, (offer.pickup[0] - self.gates[0].walk, offer.drop_off[1]), strict=True
            )
        )
        return [*before, describe_offered(self.hail, network, self.offered), *after]


@dataclass(frozen=True)
class Crossed:
    """A ride between two vehicles of the timetable, with the ways on foot around it."""

    hail: Hail
    offered: Offered
    before: tuple[int, int, int]
    """Stop of the first vehicle, hub, seconds between them."""
    after: tuple[int, int, int]
    """Hub, stop of the second vehicle, seconds between them."""
    foot: Profile

    def legs(self, at: int, network: Network) -> list[Leg]:
        """Describe it, getting off the first vehicle at an instant."""
        offer = self.offered.offer
        ride = describe_offered(self.hail, network, self.offered)
        return [*self._walk(self.before, at, network), ride, *self._walk(self.after, offer.drop_off[1], network)]

    def _walk(self, way: tuple[int, int, int], at: int, network: Network) -> list[Leg]:
        start, end, seconds = way
        if start == end or not seconds:
            return []
        places = stop_place(network, start), stop_place(network, end)
        return [describe_parts(network, places, (at, at + seconds), self.hail.served.change(start, end, self.foot))]


def describe_offered(hail: Hail, network: Network, offered: Offered) -> Leg:
    """Describe a ride: from when one is ready until when one is there by promise."""
    offer = offered.offer
    service = hail.supply.catalogue.services[offer.service]
    drawn = hail.served.course(offer.origin.point, offer.destination.point)
    ends = _place(offer.origin), _place(offer.destination)
    trip = next(trip for trip in service.trips if trip.id == offer.trip)
    leg = describe_way(network, Mode.ON_DEMAND, ends, (offer.pickup[0], offer.drop_off[1]), None)
    zone = ZoneInfo(service.timezone)
    metres = leg.metres if drawn is None else drawn.metres
    return replace(
        leg,
        geometry=leg.geometry if drawn is None else drawn.geometry,
        metres=metres,
        departure=leg.departure.astimezone(zone),
        arrival=leg.arrival.astimezone(zone),
        service_date=offer.service_date,
        line=line_of(service),
        headsign=trip.fields.get("trip_headsign") or None,
        co2=emit_street(Mode.ON_DEMAND, metres or 0.0),
        wheelchair=None,
        phone=offered.phone,
        booking=to_book(hail, offered),
    )


def to_book(hail: Hail, offered: Offered) -> ToBook:
    """Say how a ride is booked; one that is booked here has its quote."""
    offer, here = offered.offer, offered.how is How.HERE
    service = hail.supply.catalogue.services[offer.service]
    zone = ZoneInfo(service.timezone)

    def local(instant: int) -> datetime:
        return datetime.fromtimestamp(instant, zone)

    return ToBook(
        service_id=offer.service,
        trip_id=f"{source_of(offer.service)}:{offer.trip}",
        how=offered.how,
        bookable_until=local(offer.bookable_until),
        pickup_window=(local(offer.pickup[0]), local(offer.pickup[1])),
        arrive_by=local(offer.drop_off[1]),
        opens=None if offered.opens is None else local(offered.opens),
        price_cents=offer.cents,
        phone=offered.phone,
        url=offered.url,
        message=offered.message,
        operator=offered.operator,
        quote=sign(hail.key, offer, hail.now) if here else None,
        quote_expires=local(expires(offer, hail.now)) if here else None,
        pinned_to=offer.pin,
    )


def line_of(service: Service) -> Line:
    """Return a service as the line that travellers see."""
    route = service.route
    short, long = route.get("route_short_name") or "", route.get("route_long_name") or ""
    return Line(
        id=service.id,
        name=short or long or service.id,
        long_name=long or short,
        color=route.get("route_color") or None,
        text_color=route.get("route_text_color") or None,
        agency=service.agency.get("agency_name") or "",
    )


def _place(spot: Spot) -> Place:
    return Place(spot.name, spot.point.lat, spot.point.lon, spot.stop_id)
