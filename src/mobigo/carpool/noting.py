"""What is noted of seats and runs, to plan supply with: squares of a kilometre and metres, never who rides or drives.

A person is masked by their account, so that of two accounts nobody else can tell; of another operator's passengers
nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog

from mobigo.carpool import store
from mobigo.carpool.awards import Aboard, Awards, nowhere
from mobigo.carpool.awards import Ride as Paid
from mobigo.carpool.model import BookingState
from mobigo.carpool.policies_store import read_rules
from mobigo.carpool.runs import Passenger, loaded_metres
from mobigo.carpool.states import Reason
from mobigo.db.session import driver
from mobigo.kit.errors import MobigoError
from mobigo.kit.grid import cell_at
from mobigo.trace.masks import ZONE, account
from mobigo.trace.model import Deed, Ride, Service
from mobigo.trace.model import Run as Driven
from mobigo.trace.noting import note_ride, note_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Run, RunStop, Seat
    from mobigo.carpool.wanting import PlacesGone

OWN = ""
"""Whose lines all runs here are on: our own."""

PROVEN = "C"
"""Class of proof that a provisional award supposes."""


def note_offer(session: Session, run: Run, now: datetime) -> None:
    """Note that somebody offers seats."""
    ends = run.stops[0], run.stops[-1]
    note_ride(session, _read(Deed.OFFERED, run, ends, run.seats), _mask_as(session, run.driver), now)


def note_seat(session: Session, deed: Deed, seat: Seat, run: Run, now: datetime, *, reason: str = "") -> None:
    """Note what has become of a booking."""
    stops = store.list_stops(driver(session), [seat.board, seat.alight])
    cents = seat.cents if deed is Deed.BOARDED else 0
    ride = _read(deed, run, (stops[seat.board], stops[seat.alight]), seat.seats, reason=reason, cents=cents)
    note_ride(session, ride, _mask_as(session, seat.passenger), now)


def note_end(session: Session, seat: Seat, run: Run, now: datetime, reason: Reason) -> None:
    """Note that a booking has ended before its ride; one that the driver had not answered was refused."""
    deed = Deed.NO_SHOW if reason is Reason.NO_SHOW else Deed.CANCELLED
    if seat.state is BookingState.WAITING_CONFIRMATION and reason is not Reason.PASSENGER:
        deed = Deed.REFUSED
    note_seat(session, deed, seat, run, now, reason=reason.value)


def note_gone(session: Session, gone: PlacesGone, person: str | None, now: datetime) -> None:
    """Note that somebody could not have seats any more."""
    run, wanted = gone.run, gone.wanted
    places = {stop.id: stop.point for stop in run.stops}
    ends = [places.get(end) if isinstance(end, int) else end.point for end in (wanted.board, wanted.alight)]
    origin, destination = (None if end is None else cell_at(end) for end in ends)
    local = run.stops[0].planned_at.astimezone(ZONE)
    ride = Ride(
        day=run.service_date,
        hour=local.hour,
        deed=Deed.REFUSED,
        service=Service.CARPOOL,
        source=OWN,
        route=run.line or "",
        origin=origin,
        destination=destination,
        passengers=wanted.seats,
        reason=gone.code,
    )
    note_ride(session, ride, _mask_as(session, person), now)


def note_driven(session: Session, run: Run, seats: Sequence[Seat], zone: str) -> None:
    """Note a run that has ended, and what it is paid if all of it is proven; limits of months are not counted."""
    metres = {stop.id: stop.metres for stop in run.stops}
    known = [one for one in seats if one.board in metres and one.alight in metres]
    loaded = loaded_metres([Passenger(one.seats, metres[one.board], metres[one.alight], True) for one in known])
    whole = run.stops[-1].metres
    cents, fares = _award(driver(session), run, known, zone)
    note_run(
        session,
        Driven(
            day=run.service_date,
            hour=run.stops[0].planned_at.astimezone(ZONE).hour,
            service=Service.CARPOOL,
            source=OWN,
            route=run.line or "",
            metres=whole,
            empty_metres=max(0, whole - loaded),
            passengers=sum(one.seats for one in known),
            passenger_metres=sum(one.seats * (metres[one.alight] - metres[one.board]) for one in known),
            cost_cents=cents,
            subsidy_cents=max(0, cents - fares),
        ),
    )


def _award(connection: Connection[Any], run: Run, seats: Sequence[Seat], zone: str) -> tuple[int, int]:
    """Return what the driver would get, and what the passengers pay."""
    stops = {stop.id: stop for stop in run.stops}
    departs = run.stops[0].planned_at.astimezone(ZoneInfo(zone))
    ride = Paid(
        run=run.id,
        driver=run.driver,
        line=run.line,
        day=run.service_date,
        departs_at=departs,
        metres=run.stops[-1].metres,
        aboard=tuple(
            Aboard(
                booking=one.id,
                passenger=one.passenger or one.id,
                seats=one.seats,
                board=stops[one.board].metres,
                alight=stops[one.alight].metres,
                on_line=None not in {stops[one.board].line_stop, stops[one.alight].line_stop},
                proof=PROVEN,
                fare=one.cents,
                start_at=one.board_at or departs,
                ends=(stops[one.board].point, stops[one.alight].point),
                adult=True,
            )
            for one in seats
        ),
    )
    try:
        return Awards(read_rules(connection), territories=nowhere).pay(ride).cents, sum(one.cents for one in seats)
    except MobigoError as problem:  # rules that cannot be read stop no car
        structlog.get_logger().warning("a run is noted without what it is paid", why=str(problem))
        return 0, 0


def _read(deed: Deed, run: Run, ends: tuple[RunStop, RunStop], seats: int, *, reason: str = "", cents: int = 0) -> Ride:
    board, alight = ends
    return Ride(
        day=run.service_date,
        hour=board.planned_at.astimezone(ZONE).hour,
        deed=deed,
        service=Service.CARPOOL,
        source=OWN,
        route=run.line or "",
        origin=cell_at(board.point),
        destination=cell_at(alight.point),
        passengers=seats,
        reason=reason,
        cents=cents,
    )


def _mask_as(session: Session, person: str | None) -> str | None:
    if person is None:
        return None
    return account(store.get_person(driver(session), person).account)
