"""Names of journeys: opaque words that hold what is needed to find a journey again, also on another network.

A name holds the ends and wishes of the question, and each part of the way: rides by the ids of their trips, stops and
lines and the times that were shown, ways on foot by their times. Nothing is kept about who asked.
"""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from pydantic import BaseModel, Field, TypeAdapter

from mobigo.journeys.model import Access, Criterion, JourneyRequest, Mode
from mobigo.kit.errors import NotFound
from mobigo.ondemand.model import Party
from mobigo.sharing.model import FormFactor, Propulsion
from mobigo.transit.boards import find_planned_row
from mobigo.transit.model import Ride
from mobigo.transit.overlay import NEVER
from mobigo.transit.timetable import begin_day, day_number, service_date

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from mobigo.journeys.network import Network
    from mobigo.ondemand.model import Offer
    from mobigo.transit.model import TransitJourney, Walk

DAY = 86_400
LONGEST_TEXT = 50_000
"""Bytes that a name may unfold to."""
CARPOOL = "carpool"
"""Service of rides in cars of others; with the id of their line behind a colon, if they are on one."""
STOP_OF_RIDE = 0
"""End of a way on foot: the stop of the ride beside it; negative numbers are doors and places as in `Walk`."""


@dataclass(frozen=True)
class NamedRide:
    """A ride by names."""

    trip_id: str
    day: date
    from_position: int
    """Of boarding in the trip's stops."""
    to_position: int
    from_stop: str
    to_stop: str
    route_id: str
    planned: int | None
    """Departure by the timetable, seconds since 1970 UTC; None: it was not in the timetable."""
    departure: int
    """As it was shown, seconds since 1970 UTC."""
    arrival: int


@dataclass(frozen=True)
class NamedWalk:
    """A way on foot, or whatever else brings one to the stop and from it."""

    from_end: int
    """`STOP_OF_RIDE`, or a door or place as in `Walk`."""
    to_end: int
    departure: int
    """Seconds since 1970 UTC."""
    arrival: int


@dataclass(frozen=True)
class NamedHail(NamedWalk):
    """A ride that is booked, with the ways on foot around it: between an end and a stop, two stops, or both ends."""

    service: str
    trip: str
    """Of the service."""
    day: date
    line: str
    """Name of the service's line."""
    start: tuple[str, float, float, str | None]
    """Where one is picked up: name, longitude, latitude, id of the stop, if any."""
    end: tuple[str, float, float, str | None]
    ready: int
    """Be ready then; seconds since 1970 UTC."""
    until: int
    """The vehicle comes by then."""
    there: int
    """Promised arrival."""


@dataclass(frozen=True)
class Identity:
    """What a name holds."""

    request: JourneyRequest
    """The question, as far as it matters for going on: leaving when the journey does."""
    departure: int
    """Seconds since 1970 UTC."""
    arrival: int
    transfers: int
    legs: tuple[NamedRide | NamedWalk, ...]


def identify(
    network: Network, found: TransitJourney, request: JourneyRequest, hails: Mapping[int, Hailed] | None = None
) -> Identity:
    """Name the parts of a journey that was found on a network.

    Parameters
    ----------
    hails : mapping, optional
        By its place in the journey, what each ride is that is booked and not of the timetable.
    """
    hails = hails or {}
    legs = tuple(
        name_ride(network, leg)
        if isinstance(leg, Ride)
        else _name_hail(leg, hails[n])
        if n in hails
        else _name_walk(leg)
        for n, leg in enumerate(found.legs)
    )
    at = datetime.fromtimestamp(found.departure, UTC)
    return Identity(replace(request, at=at), found.departure, found.arrival, found.transfers, legs)


def name_ride(network: Network, ride: Ride) -> NamedRide:
    """Name a ride."""
    timetable = network.timetable
    route = int(timetable.trip_route[ride.trip])
    return NamedRide(
        timetable.trip_ids.at(ride.trip),
        ride.service_date,
        ride.from_pos,
        ride.to_pos,
        timetable.stop_ids.at(ride.from_stop),
        timetable.stop_ids.at(ride.to_stop),
        timetable.route_ids.at(route) if route >= 0 else "",
        _find_planned(network, ride),
        ride.departure,
        ride.arrival,
    )


def _find_planned(network: Network, ride: Ride) -> int | None:
    """Return when a ride leaves by the timetable."""
    timetable = network.timetable
    row = int(timetable.call_first[ride.trip]) + ride.from_pos
    if not network.is_running or network.live is None or row < network.live.overlay.base_calls[0]:
        return ride.departure
    overlay = network.live.overlay
    seconds = int(overlay.call_planned_departure[row - int(overlay.base_calls[0])])
    if seconds == NEVER or find_planned_row(timetable, overlay, row) < 0:
        return None
    return seconds + begin_day(day_number(ride.service_date), network.zones[int(timetable.trip_zone[ride.trip])])


def _name_walk(walk: Walk) -> NamedWalk:
    return NamedWalk(min(walk.from_stop, STOP_OF_RIDE), min(walk.to_stop, STOP_OF_RIDE), walk.departure, walk.arrival)


class Hailed(NamedTuple):
    """A ride that was offered, as `NamedHail` keeps it."""

    service: str
    trip: str
    day: date
    line: str
    start: tuple[str, float, float, str | None]
    end: tuple[str, float, float, str | None]
    ready: int
    until: int
    there: int


def hailed(offer: Offer, line: str) -> Hailed:
    """Return what names a ride on demand, whose line is called so."""
    start, end = ((one.name, one.point.lon, one.point.lat, one.stop_id) for one in (offer.origin, offer.destination))
    times = *offer.pickup, offer.drop_off[1]
    return Hailed(offer.service, offer.trip, offer.service_date, line, start, end, *times)


def _name_hail(walk: Walk, ride: Hailed) -> NamedHail:
    ends = min(walk.from_stop, STOP_OF_RIDE), min(walk.to_stop, STOP_OF_RIDE)
    service, trip, day, line, start, end, ready, until, there = ride
    return NamedHail(*ends, walk.departure, walk.arrival, service, trip, day, line, start, end, ready, until, there)


_Text = Annotated[str, Field(max_length=1000)]
_Instant = Annotated[int, Field(ge=0, le=2**36)]
_Span = Annotated[int, Field(ge=-100 * DAY, le=100 * DAY)]
_Seconds = Annotated[int, Field(ge=0, le=100 * DAY)]
_Position = Annotated[int, Field(ge=0, le=100_000)]
_End = Annotated[int, Field(ge=-100, le=STOP_OF_RIDE)]
_Words = Annotated[tuple[_Text, ...], Field(max_length=100)]


class _WalkWord(NamedTuple):
    """A `NamedWalk`; its times are seconds after the journey leaves."""

    from_end: _End
    to_end: _End
    departure: _Span
    arrival: _Span


class _RideWord(NamedTuple):
    """A `NamedRide`; its times are seconds after the journey leaves, its day counts from 1970."""

    trip_id: _Text
    day: Annotated[int, Field(ge=0, le=2**36 // DAY)]
    from_position: _Position
    to_position: _Position
    from_stop: _Text
    to_stop: _Text
    route_id: _Text
    planned: _Span | None
    departure: _Span
    arrival: _Span


_Degrees = Annotated[float, Field(ge=-180, le=180)]
_Spot = tuple[_Text, _Degrees, Annotated[float, Field(ge=-90, le=90)], _Text | None]


class _HailWord(NamedTuple):
    """A `NamedHail`; its times are seconds after the journey leaves, its day counts from 1970."""

    from_end: _End
    to_end: _End
    departure: _Span
    arrival: _Span
    service: _Text
    trip: _Text
    day: Annotated[int, Field(ge=0, le=2**36 // DAY)]
    line: _Text
    start: _Spot
    end: _Spot
    ready: _Span
    until: _Span
    there: _Span


LAYOUT = 2
"""Of the names written now."""


_Count = Annotated[int, Field(ge=0, le=1000)]


class _Wishes(BaseModel):
    """What of a question matters for going on; None: as when nothing is said."""

    max_transfers: Annotated[int, Field(ge=0, le=15)] | None = None
    max_walk: _Seconds | None = None
    max_ride: _Seconds | None = None
    max_drive: _Seconds | None = None
    car_parks: Annotated[tuple[_Text, ...], Field(max_length=100)] | None = None
    vias: Annotated[tuple[tuple[_Text, _Seconds], ...], Field(max_length=10)] | None = None
    only: _Words | None = None
    forbid: _Words | None = None
    avoid: _Words | None = None
    prefer: _Words | None = None
    walk_speed: Annotated[float, Field(ge=0.1, le=10)] | None = None
    min_change: _Seconds | None = None
    slack: _Seconds | None = None
    wheelchair: bool | None = None
    access: Annotated[tuple[Access, ...], Field(min_length=1, max_length=len(Access))] | None = None
    egress: Annotated[tuple[Access, ...], Field(min_length=1, max_length=len(Access))] | None = None
    form_factors: Annotated[tuple[FormFactor, ...], Field(max_length=len(FormFactor))] | None = None
    propulsions: Annotated[tuple[Propulsion, ...], Field(max_length=len(Propulsion))] | None = None
    direct: Annotated[tuple[Mode, ...], Field(max_length=5)] | None = None
    bicycle_aboard: bool | None = None
    criterion: Criterion | None = None
    ondemand: bool | None = None
    carpool: bool | None = None
    no_reservation: bool | None = None
    party: Annotated[tuple[_Count, ...], Field(min_length=6, max_length=6)] | None = None


_CONTENT: TypeAdapter[tuple[int, str, str, int, int, int, tuple[_WalkWord | _RideWord | _HailWord, ...], _Wishes]] = (
    TypeAdapter(
        tuple[
            Literal[2],
            _Text,
            _Text,
            _Instant,
            _Span,
            Annotated[int, Field(ge=0, le=100)],
            Annotated[tuple[_WalkWord | _RideWord | _HailWord, ...], Field(min_length=1, max_length=100)],
            _Wishes,
        ]
    )
)
_EMPTY = JourneyRequest("", "", datetime.fromtimestamp(0, UTC))


# ── as one word ───────────────────────────────────────────────────────────────────────────────────────────────────────


def write_id(identity: Identity) -> str:
    """Write what a name holds as one word."""
    start = identity.departure
    legs = [
        _write_hail(leg, start)
        if isinstance(leg, NamedHail)
        else _WalkWord(leg.from_end, leg.to_end, leg.departure - start, leg.arrival - start)
        if isinstance(leg, NamedWalk)
        else _RideWord(
            leg.trip_id,
            day_number(leg.day),
            leg.from_position,
            leg.to_position,
            leg.from_stop,
            leg.to_stop,
            leg.route_id,
            None if leg.planned is None else leg.planned - start,
            leg.departure - start,
            leg.arrival - start,
        )
        for leg in identity.legs
    ]
    request = identity.request
    wishes = {
        name: getattr(request, name) for name in _Wishes.model_fields if getattr(request, name) != getattr(_EMPTY, name)
    }
    if "party" in wishes:
        wishes["party"] = astuple(request.party)
    content = [
        LAYOUT,
        request.origin,
        request.destination,
        start,
        identity.arrival - start,
        identity.transfers,
        legs,
        wishes,
    ]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def _write_hail(leg: NamedHail, start: int) -> _HailWord:
    return _HailWord(
        leg.from_end,
        leg.to_end,
        leg.departure - start,
        leg.arrival - start,
        leg.service,
        leg.trip,
        day_number(leg.day),
        leg.line,
        leg.start,
        leg.end,
        leg.ready - start,
        leg.until - start,
        leg.there - start,
    )


def read_id(text: str) -> Identity:
    """Read the name of a journey.

    Raises
    ------
    NotFound
        When it is none.
    """
    try:
        return _read(text)
    except (ValueError, OverflowError, zlib.error):
        raise NotFound(
            f"no journey {text[:40]!r}; give the id of a journey as /v1/journeys answered it", code="unknown_journey"
        ) from None


def _read(text: str) -> Identity:
    packed = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    folded = zlib.decompressobj()
    unfolded = folded.decompress(packed, LONGEST_TEXT)
    if not folded.eof:
        raise ValueError(text)  # torn, or too long
    _, origin, destination, start, arrival, transfers, legs, wishes = _CONTENT.validate_json(unfolded)
    asked = {name: value for name, value in wishes if value is not None}
    if "party" in asked:
        asked["party"] = Party(*asked["party"])
    request = JourneyRequest(origin, destination, datetime.fromtimestamp(start, UTC), **asked)
    if any(min(leg.from_end, leg.to_end) < -1 - len(request.vias) for leg in legs if not isinstance(leg, _RideWord)):
        raise ValueError(text)  # a place that is not named
    read = tuple(
        _read_walk(leg, start)
        if isinstance(leg, _WalkWord)
        else _read_ride(leg, start)
        if isinstance(leg, _RideWord)
        else _read_hail(leg, start)
        for leg in legs
    )
    return Identity(request, start, start + arrival, transfers, read)


def _read_walk(leg: _WalkWord, start: int) -> NamedWalk:
    return NamedWalk(leg.from_end, leg.to_end, start + leg.departure, start + leg.arrival)


def _read_hail(leg: _HailWord, start: int) -> NamedHail:
    return NamedHail(
        leg.from_end,
        leg.to_end,
        start + leg.departure,
        start + leg.arrival,
        leg.service,
        leg.trip,
        service_date(leg.day),
        leg.line,
        leg.start,
        leg.end,
        start + leg.ready,
        start + leg.until,
        start + leg.there,
    )


def _read_ride(leg: _RideWord, start: int) -> NamedRide:
    return NamedRide(
        leg.trip_id,
        service_date(leg.day),
        leg.from_position,
        leg.to_position,
        leg.from_stop,
        leg.to_stop,
        leg.route_id,
        None if leg.planned is None else start + leg.planned,
        start + leg.departure,
        start + leg.arrival,
    )
