"""What is noted of rides on demand, to plan supply with: where from and to by squares of a kilometre, never who."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.kit.grid import cell_at
from mobigo.ondemand import fleet_store, store
from mobigo.ondemand.model import EventKind
from mobigo.ondemand.store import moment
from mobigo.trace.masks import ZONE, account
from mobigo.trace.model import Deed, Ride, Service
from mobigo.trace.model import Run as Driven
from mobigo.trace.noting import note_ride, note_run
from mobigo.trace.store import claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import BookedLeg, Booking, Offer, Run
    from mobigo.street.drives import Drives

OVER = timedelta(hours=1)
"""After its end a shift is noted: what a driver's sheet tells late is in by then, or not waited for."""

BACK = timedelta(days=3)
"""How long ago a shift may have ended that is noted; the worker may have been away."""


# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def note_legs(
    session: Session, deed: Deed, booking: Booking, legs: Iterable[BookedLeg], now: datetime, *, reason: str = ""
) -> None:
    """Note what has become of rides of a booking."""
    person = account(booking.account) if booking.account else next(iter(booking.person), None)
    for leg in legs:
        paid = leg.offer.cents if deed is Deed.BOARDED else 0
        note_ride(session, _read(deed, leg.offer, leg.shifted, paid or 0, reason), person, now)


def note_refusal(session: Session, offer: Offer, reason: str, person: str | None, now: datetime) -> None:
    """Note that a ride which was offered could not be booked any more."""
    note_ride(session, _read(Deed.REFUSED, offer, 0, 0, reason), person, now)


def note_unserved(
    session: Session,
    service: str,
    ends: tuple[Point | None, Point | None],
    *,
    wanted: datetime,
    persons: int,
    reason: str,
    person: str | None,
    now: datetime,
) -> None:
    """Note that nothing could be offered to somebody who asked for a service."""
    local = wanted.astimezone(ZONE)
    origin, destination = (None if end is None else cell_at(end) for end in ends)
    ride = Ride(
        day=local.date(),
        hour=local.hour,
        deed=Deed.REFUSED,
        service=Service.ONDEMAND,
        source=service,
        origin=origin,
        destination=destination,
        passengers=persons,
        reason=reason,
    )
    note_ride(session, ride, person, now)


def _read(deed: Deed, offer: Offer, shifted: int, cents: int, reason: str) -> Ride:
    return Ride(
        day=offer.service_date,
        hour=moment(offer.pickup[0] + shifted).astimezone(ZONE).hour,
        deed=deed,
        service=Service.ONDEMAND,
        source=offer.service,
        origin=cell_at(offer.origin.point),
        destination=cell_at(offer.destination.point),
        passengers=offer.party.persons,
        reason=reason,
        cents=cents,
    )


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def note_runs(session: Session, drives: Drives, now: datetime) -> int:
    """Note the shifts that are over, once each; return how many were driven."""
    connection = driver(session)
    driven = 0
    over = fleet_store.list_over(connection, now - OVER - BACK, now - OVER)
    for number in claim(connection, "ondemand", {str(id_): day for id_, day in over}):
        run = fleet_store.find_run(connection, int(number))
        if run is None:
            continue
        legs = store.list_legs(connection, [event.leg for event in run.events if event.leg and event.done])
        notes = measure_run(run, {leg.id: leg for leg in legs}, drives)
        for one in notes:
            note_run(session, one)
        driven += bool(notes)
    return driven


def measure_run(run: Run, legs: Mapping[str, BookedLeg], drives: Drives) -> list[Driven]:
    """Work out how far a vehicle drove, by service: from its depot through the stops that were made, and back.

    The way of a vehicle that works for several services is theirs by the metres that people rode with each.
    """
    made = [event for event in run.events if event.done and event.kind is not EventKind.BREAK]
    if not made:
        return []
    places = [run.depot, *(event.spot.point for event in made), run.depot]
    metres = [max(0, int(one)) for one in _measure(drives, places)]
    aboard: dict[str, int] = {}
    rode: defaultdict[str, int] = defaultdict(int)
    persons: defaultdict[str, int] = defaultdict(int)
    empty = 0
    for way, event in zip(metres, [*made, None], strict=True):
        empty += way if not aboard else 0
        for id_, riders in aboard.items():
            rode[legs[id_].offer.service] += way * riders
        leg = None if event is None else legs.get(event.leg or "")
        if event is None or leg is None:
            continue
        if event.kind is EventKind.PICKUP:
            aboard[leg.id] = leg.offer.party.persons
            persons[leg.offer.service] += leg.offer.party.persons
        else:
            aboard.pop(leg.id, None)
    begun = moment(made[0].arrival).astimezone(ZONE)
    whole = sum(metres)
    services = sorted(persons) or [min(run.services, default="")]
    shares = _split(whole, [rode[one] for one in services]), _split(empty, [rode[one] for one in services])
    return [
        Driven(
            day=run.day,
            hour=begun.hour,
            service=Service.ONDEMAND,
            source=service,
            route="",
            metres=own,
            empty_metres=own_empty,
            passengers=persons[service],
            passenger_metres=rode[service],
        )
        for service, own, own_empty in zip(services, *shares, strict=True)
    ]


def _measure(drives: Drives, places: list[Point]) -> Iterator[int]:
    for start, end in pairwise(places):
        yield 0 if start == end else int(drives.metres([start], [end])[0, 0])


def _split(whole: int, weights: list[int]) -> list[int]:
    """Split metres by weights, to the metre; alike where none weighs anything."""
    total = sum(weights)
    if not total:
        weights, total = [1] * len(weights), len(weights)
    parts, reached, given = [], 0, 0
    for weight in weights:
        reached += weight
        parts.append(whole * reached // total - given)
        given += parts[-1]
    return parts
