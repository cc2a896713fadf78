"""Rides in cars of others, in words: what is booked, where it goes, and the ways on foot at its ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mobigo.carpool.match import DELAY_GUARD
from mobigo.carpool.quotes import expires, sign
from mobigo.journeys.identity import CARPOOL, Hailed
from mobigo.journeys.model import Booked, Line, Mode, Place, ToBook
from mobigo.journeys.streetlegs import describe_parts, describe_way, door_place, find_change, local_time, stop_place
from mobigo.ondemand.model import How
from mobigo.street.routing import between, snap

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.carpool.meeting import Meeting
    from mobigo.carpool.quotes import Spot
    from mobigo.carpool.search import Option
    from mobigo.carpool.supply import Garage
    from mobigo.journeys.access import Access
    from mobigo.journeys.hubs import Hubs
    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network


@dataclass(frozen=True)
class Lift:
    """The cars one can ride in at one moment, on one network."""

    garage: Garage
    hubs: Hubs
    key: bytes
    """Of the home, to sign quotes with."""
    now: int
    """Instant at which quotes are made."""


@dataclass(frozen=True)
class LiftedAll:
    """A ride from door to door, with a walk at both ends."""

    lift: Lift
    option: Option
    on_foot_at: tuple[Access, Access]
    """How the ends are left on foot."""
    speed: float
    """Metres per second on foot."""

    @property
    def seconds(self) -> int:
        """From door to door."""
        return self.option.arrival - self.option.departure

    @property
    def on_foot(self) -> int:
        """Seconds of it that one walks."""
        return self.option.walk

    def hailed(self) -> Hailed:
        """Return what names the ride in the journey's id."""
        return name_lift(self.lift, self.option)

    def legs(self, at: int, network: Network) -> list[Leg]:  # noqa: ARG002 - it leaves when it was offered
        """Describe it."""
        option = self.option
        before = _walk(network, self.on_foot_at[0], option.board, option.departure, self.speed, leaving=True)
        after = _walk(network, self.on_foot_at[1], option.alight, option.offer.alight_at, self.speed, leaving=False)
        return [*before, describe_lift(self.lift, network, option), *after]


@dataclass(frozen=True)
class Lifted:
    """A ride between an end of the journey and a stop, with the ways on foot around it."""

    lift: Lift
    option: Option
    on_foot: Access
    """How the end is left on foot."""
    hub: int
    """Stop that the ride goes to (comes from)."""
    walk: int
    """Seconds between the hub and the stop of the vehicle before or after."""
    speed: float
    leaving: bool

    @property
    def seconds(self) -> int:
        """From the door to the stop (back)."""
        return self.option.arrival - self.option.departure + self.walk

    def hailed(self) -> Hailed:
        """Return what names the ride in the journey's id."""
        return name_lift(self.lift, self.option)

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe it, to (from) the stop it was found for."""
        option, ride = self.option, describe_lift(self.lift, network, self.option)
        if self.leaving:
            way = _walk(network, self.on_foot, option.board, option.departure, self.speed, leaving=True)
            return [*way, ride, *self._change(stop, option.offer.alight_at, network)]
        way = _walk(network, self.on_foot, option.alight, option.offer.alight_at, self.speed, leaving=False)
        return [*self._change(stop, at, network), ride, *way]

    def _change(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Walk between where the ride ends (begins) and the other vehicle, from an instant on."""
        if stop == self.hub or not self.walk:
            return []
        ends = (self.hub, stop) if self.leaving else (stop, self.hub)
        places = stop_place(network, ends[0]), stop_place(network, ends[1])
        parts = find_change(network, *ends, self.on_foot.foot)
        return [describe_parts(network, places, (at, at + self.walk), parts)]


def _walk(network: Network, door: Access, meeting: Meeting, at: int, speed: float, *, leaving: bool) -> list[Leg]:
    """Walk between a door and where the car stops, from an instant on."""
    if not meeting.walk:
        return []
    ends = door_place(door.end), Place(meeting.name, meeting.point.lat, meeting.point.lon)
    way = None
    if network.streets is not None and door.place is not None:
        there = snap(network.streets, [meeting.point], door.foot).one(0)
        if there is not None:
            pair = (door.place, there) if leaving else (there, door.place)
            way = between(network.streets, *pair, door.foot, speed=speed, limit_seconds=float(meeting.walk) + 60)
    return [describe_way(network, Mode.WALK, ends if leaving else ends[::-1], (at, at + meeting.walk), way)]


def describe_lift(lift: Lift, network: Network, option: Option) -> Leg:
    """Describe a ride, from when one gets on until one gets off."""
    offer = option.offer
    ends = _place(offer.board), _place(offer.alight)
    leg = describe_way(network, Mode.CARPOOL, ends, (offer.board_at, offer.alight_at), None)
    drawn = lift.hubs.drawings.course(offer.board.point, offer.alight.point)
    metres = leg.metres if drawn is None else drawn.metres
    name = lift.garage.lines.get(offer.line or "", "")
    return replace(
        leg,
        geometry=leg.geometry if drawn is None else drawn.geometry,
        metres=metres,
        service_date=option.car.run.service_date,
        line=Line(service_of(option), name, name, None, None, ""),
        co2=option.grams(metres or 0.0),
        wheelchair=None,
        booking=to_book(lift, network, option),
    )


def to_book(lift: Lift, network: Network, option: Option) -> ToBook:
    """Say how a place is booked: with its quote."""
    offer = option.offer

    def local(instant: int) -> datetime:
        return local_time(network, instant, network.zone_index)

    return ToBook(
        service_id=service_of(option),
        trip_id=offer.run,
        how=How.HERE,
        bookable_until=local(offer.board_at),
        pickup_window=(local(offer.board_at), local(offer.board_at + DELAY_GUARD)),
        arrive_by=local(offer.there_by),
        price_cents=offer.cents,
        quote=sign(lift.key, offer, lift.now),
        quote_expires=local(expires(offer, lift.now)),
        kind=Booked.CARPOOL,
        instant=offer.instant,
        detour=option.detour,
    )


def name_lift(lift: Lift, option: Option) -> Hailed:
    """Return what names a ride in a journey's id."""
    offer = option.offer
    start, end = ((one.name, one.point.lon, one.point.lat, None) for one in (offer.board, offer.alight))
    times = offer.board_at, offer.board_at + DELAY_GUARD, offer.alight_at
    name = lift.garage.lines.get(offer.line or "", "")
    return Hailed(service_of(option), offer.run, option.car.run.service_date, name, start, end, *times)


def service_of(option: Option) -> str:
    """Name what somebody rides by: a line of carpool, or carpool."""
    return CARPOOL if option.offer.line is None else f"{CARPOOL}:{option.offer.line}"


def _place(spot: Spot) -> Place:
    return Place(spot.name, spot.point.lat, spot.point.lon)
