"""May one travel on this ticket, here and now? Pure: what a device knows goes in, what it says comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.fares.model import RideKind
from mobigo.tickets import codes
from mobigo.tickets.bundle import ANY
from mobigo.tickets.claims import mark, read_id
from mobigo.tickets.codes import SKEW, Reason, Verdict
from mobigo.tickets.model import TravelClass

if TYPE_CHECKING:
    from mobigo.tickets.bundle import Bundle, FareNetwork
    from mobigo.tickets.claims import Claims
    from mobigo.tickets.keys import Keyring

PASSBACK = timedelta(minutes=5)
"""Within which the same ticket is not taken a second time in the same vehicle."""


TIMETABLE = RideKind.LINE.value
"""Kind of ride of vehicles that run by timetable."""


class Act(StrEnum):
    """What is done with a ticket."""

    VALIDATION = "validation"
    """Somebody gets on."""
    INSPECTION = "inspection"
    """A controller looks; nothing is used up."""


@dataclass(frozen=True)
class Place:
    """Where a device is; what is not known is not judged by."""

    agency: str | None = None
    route: str | None = None
    stop: str | None = None
    trip: str | None = None
    service_date: date | None = None
    vehicle: str | None = None
    kind: str = TIMETABLE
    travel_class: TravelClass | None = None
    """Of the part of the vehicle where one is looked at."""


@dataclass(frozen=True)
class Past:
    """What a device remembers of a ticket."""

    uses: tuple[datetime, ...] = ()
    """When each ride on it began, in order."""
    last_at: datetime | None = None
    """When it was taken last."""
    last_vehicle: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a device says."""

    verdict: Verdict
    use: bool
    """Whether it begins another ride."""
    rides_left: int | None
    """After this; None: any number, or not known."""

    @property
    def reason(self) -> Reason:
        """Why it is taken or refused."""
        return self.verdict.reason


def check(data: bytes, bundle: Bundle, keys: Keyring, place: Place, past: Past, act: Act, at: datetime) -> Outcome:  # noqa: PLR0917 - all a device knows
    """Judge a code.

    Parameters
    ----------
    keys : Keyring
        The bundle's.
    past : Past
        Of the ticket that the code says; nothing, where the code cannot be read.
    """
    verdict = codes.judge(data, keys, at)
    claims = verdict.claims
    if not verdict.valid or claims is None:
        return Outcome(verdict, use=False, rides_left=None)
    use = past.last_at is None or not _goes_on(claims, past, at)
    reason = find_denial(claims, bundle) or find_misplaced(claims, bundle, place)
    if reason is None and act is Act.VALIDATION:
        reason = _find_misused(claims, past, place, at, use=use)
    left = None if claims.rides is None else max(0, claims.rides - len(past.uses) - (use and act is Act.VALIDATION))
    judged = Verdict(reason or Reason.OK, verdict.format, verdict.fields, claims, verdict.signed_by)
    return Outcome(judged, use=use and judged.valid and act is Act.VALIDATION, rides_left=left)


def find_denial(claims: Claims, bundle: Bundle) -> Reason | None:
    """Tell why a ticket is on the deny list."""
    below = bundle.tickets.get(read_id(claims.id))
    if below is None:
        return None
    if below == ANY:
        return Reason.DENIED
    return Reason.REPLACED if claims.serial < below else None


def find_misplaced(claims: Claims, bundle: Bundle, place: Place) -> Reason | None:
    """Tell why a ticket is not good at a place."""
    if claims.agencies and place.agency is not None and place.agency not in claims.agencies:
        return Reason.WRONG_OPERATOR
    if claims.routes and place.route is not None and place.route not in claims.routes:
        return Reason.WRONG_LINE
    if claims.networks and (place.route or place.agency):
        known = [bundle.extract.networks[name] for name in claims.networks if name in bundle.extract.networks]
        if known and not any(_is_of(place, one) for one in known):
            return Reason.WRONG_NETWORK
    if place.stop is not None:
        if claims.areas and not any(place.stop in bundle.extract.areas.get(name, ()) for name in claims.areas):
            return Reason.WRONG_AREA
        if claims.stops and mark(place.stop) not in claims.stops:
            return Reason.WRONG_STOP
    return _find_wrong_vehicle(claims, place)


def _find_wrong_vehicle(claims: Claims, place: Place) -> Reason | None:
    if claims.trips and place.trip is not None:
        trip = mark(place.trip)
        days = {day for day, one in claims.trips if one == trip}
        if not days or (place.service_date is not None and place.service_date not in days):
            return Reason.WRONG_TRIP
    first = place.travel_class is TravelClass.FIRST
    return Reason.WRONG_CLASS if first and claims.travel_class is not TravelClass.FIRST else None


def _is_of(place: Place, network: FareNetwork) -> bool:
    if place.route in network.routes or place.kind in network.kinds:
        return True
    source = (place.route or place.agency or "").partition(":")[0]
    return place.kind == TIMETABLE and (place.agency in network.agencies or source in network.sources)


def _goes_on(claims: Claims, past: Past, at: datetime) -> bool:
    """Tell whether getting on now is a change within the ride that is under way."""
    return bool(past.uses) and claims.use is not None and at < past.uses[-1] + claims.use


def _find_misused(claims: Claims, past: Past, place: Place, at: datetime, *, use: bool) -> Reason | None:
    if claims.rides == 0:
        return Reason.CARD_ONLY
    if past.uses and claims.span is not None and at - SKEW >= past.uses[0] + claims.span:
        return Reason.EXPIRED
    if past.last_at is not None and past.last_vehicle == place.vehicle and abs(at - past.last_at) < PASSBACK:
        return Reason.ALREADY_USED
    if use and claims.rides is not None and len(past.uses) >= claims.rides:
        return Reason.USED_UP
    return None
