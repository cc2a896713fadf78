"""All that is known of one person: shown to them, and forgotten when they wish.

Trips, proofs and payments stay of nobody known: they are counted and accounted for. What is promised to others is kept
first: whoever leaves cancels what is open, and those it concerns are told as with any cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.carpool import bank, elsewhere, people_store, records_store, store, talk_store, waiting_store
from mobigo.carpool.model import BookingState, RunState
from mobigo.carpool.states import OPEN
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, NotFound, Refused
from mobigo.messages import service as messages

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Person, Seat
    from mobigo.carpool.service import Rides

NEAR = timedelta(hours=24)
"""Before and after travelling together, for which the other's name and number are shown."""

IDLE = timedelta(days=3 * 365)
"""Without a ride, after which it is forgotten who somebody was: as long as a dispute may last."""

MANY = 500


@dataclass(frozen=True)
class Contact:
    """Who the other one is, shown while they are about to travel together."""

    name: str | None
    phone: str | None
    plate: str | None = None
    car: str | None = None


def read_contact(session: Session, person: Person, booking_id: str, now: datetime) -> Contact:
    """Return who the other one of a confirmed booking is: the driver to the passenger, and the other way round.

    Raises
    ------
    NotFound
        When the booking is of neither (``unknown_booking``).
    Refused
        When it is not confirmed, or not near (``contact_hidden``).
    """
    connection = driver(session)
    booking = store.get_booking(connection, booking_id)
    run = store.get_run(connection, booking.run)
    if person.id not in {run.driver, booking.passenger}:
        raise store.unknown_booking(booking_id)
    if booking.state in {BookingState.WAITING_CONFIRMATION, BookingState.CANCELLED} or not _is_near(booking, now):
        raise Refused(
            "who travels with you is shown from a day before to a day after, once the booking is confirmed",
            code="contact_hidden",
        )
    if person.id == run.driver:
        if booking.passenger is None:
            return Contact(records_store.read_alias(connection, booking.id), None)
        other = store.get_person(connection, booking.passenger)
        return Contact(other.name, other.phone)
    other = store.get_person(connection, run.driver)
    car = next((one.name for one in people_store.list_cars(connection, other.id) if one.plate == run.plate), None)
    return Contact(other.name, other.phone, run.plate, car)


def _is_near(booking: Seat, now: datetime) -> bool:
    if booking.board_at is None or booking.alight_at is None:
        return False
    return booking.board_at - NEAR <= now <= booking.alight_at + NEAR


def export(session: Session, person: Person) -> dict[str, Any]:
    """Return all that is known of somebody, as plain JSON by section."""
    told: dict[str, Any] = {
        "profile": {
            "id": person.id,
            "account": person.account,
            "name": person.name,
            "phone": person.phone,
            "email": person.email,
            "language": person.language,
            "adult": person.adult,
        }
    }
    return {**told, **records_store.list_records(driver(session), person.id)}


def block(rides: Rides, person: Person, other: str) -> list[str]:
    """Never meet somebody again; open bookings of the two with each other are cancelled.

    Returns
    -------
    list of str
        The bookings that were cancelled.

    Raises
    ------
    NotFound
        When the two have never met, or there is nobody of that id (``unknown_person``).
    """
    connection = driver(rides.session)
    if other == person.id or not people_store.have_met(connection, person.id, other):
        raise NotFound(
            f"you have met nobody {other[:60]!r}; ids of people stand in runs and bookings", code="unknown_person"
        )
    store.lock_people(connection, [person.id, other])
    people_store.block(connection, person.id, other, rides.now)
    parted = people_store.list_shared_bookings(connection, person.id, other)
    store.lock_runs(connection, [store.get_booking(connection, booking).run for booking in parted])
    for booking in parted:
        rides.cancel(booking, reason="blocked")
    return parted


def erase(rides: Rides, person: Person) -> None:
    """Cancel what is open of somebody, and forget who they were.

    Raises
    ------
    Conflict
        When they are on the road just now (``run_under_way``).
    """
    session, connection = rides.session, driver(rides.session)
    store.lock_people(connection, [person.id])
    driving = store.list_runs(connection, driver=person.id, states=[RunState.DRIVING], limit=1)
    bookings = store.list_bookings(connection, passenger=person.id, states=OPEN)
    if driving or any(one.boarded_at is not None for one in bookings):
        raise Conflict("you are on the road just now; end the run first", code="run_under_way")
    planned = store.list_runs(connection, driver=person.id, states=[RunState.PLANNED])
    store.lock_runs(connection, {run.id for run in planned} | {one.run for one in bookings})
    for run in planned:
        rides.cancel_run(run.id)
    for one in bookings:
        rides.cancel(one.id)
    elsewhere.end_all(connection, person.id, rides.now)
    _forget(session, person.id, rides.now)


def forget_idle(session: Session, now: datetime) -> int:
    """Forget who people were that have neither driven nor ridden for years, and are owed nothing; return how many."""
    idle = people_store.list_idle(driver(session), now - IDLE, MANY)
    for person in idle:
        _forget(session, person, now)
    return len(idle)


def _forget(session: Session, person: str, now: datetime) -> None:
    """Forget who somebody was, what they wrote and where exactly they were."""
    connection = driver(session)
    told = _list_told(session, person)
    known = store.get_person(connection, person)
    records_store.forget_records(connection, person, now)
    bank.forget(session, person)
    talk_store.forget_messages_of(connection, person)
    talk_store.forget_reports_of(connection, person)
    people_store.forget_person(connection, person, now)
    for about in told:
        messages.forget_about(session, about, now)
    reached = [one for one in (known.phone, known.email) if one is not None]
    messages.forget_recipients(session, reached, about="carpool", now=now)


def _list_told(session: Session, person: str) -> list[str]:
    """List what messages to somebody alone were about."""
    connection = driver(session)
    waits = waiting_store.list_waiting(connection, passenger=person, states=())
    reports = talk_store.list_reports(connection, reporter=person, limit=MANY)
    return [*(f"carpool_waiting:{one.id}" for one in waits), *(f"carpool_report:{one.id}" for one in reports)]
