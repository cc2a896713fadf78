"""Journeys of other operators' drivers, booked by people of ours: asked for here, decided there.

What is booked waits until the other operator says yes or no; its call is written down with it and made by the worker.
Who rides with another operator is theirs to prove and pay; here it is shown and can be cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from mobigo.carpool import operators, standard_store, states, store, waiting_store
from mobigo.carpool.model import BookingState, WaitingState
from mobigo.carpool.people import require_adult
from mobigo.carpool.standard import tell_status
from mobigo.carpool.standard_documents import Booking, Price, User, write
from mobigo.carpool.standard_search import write_user
from mobigo.carpool.standard_store import Common, Link
from mobigo.carpool.talk import recipient_of
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.kit.sealed import seal, unseal
from mobigo.messages import service as messages

if TYPE_CHECKING:
    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Person
    from mobigo.carpool.standard_client import Elsewhere

PURPOSE = b"mobigo carpool elsewhere"
"""What the signature is for."""

LIFE = timedelta(minutes=30)
"""For which a quote is good."""

MOST_OPEN = 20
"""Bookings elsewhere of one person that are to come."""

MANY = 200
"""Bookings that are looked at in one go."""


@dataclass(frozen=True)
class Offer:
    """A journey elsewhere, as it was found."""

    operator: str
    document: dict[str, Any]
    """A booking of the standard, without id and passenger."""


def is_bookable(one: Elsewhere) -> bool:
    """Tell whether a journey can be booked from here: it has an id, a known price and a free seat."""
    journey = one.journey
    return journey.id is not None and journey.cents is not None and journey.available_seats != 0


def sign(key: bytes, one: Elsewhere, now: datetime) -> str | None:
    """Write a journey as a quote that only this home can have written; None where it cannot be booked from here."""
    journey = one.journey
    if not is_bookable(one):
        return None
    cents = journey.cents or 0
    document = {
        "driver": {"id": journey.driver.id, "operator": journey.driver.operator, "alias": journey.driver.alias},
        "passengerPickupDate": int(journey.passenger_pickup_date),
        "passengerPickupLat": journey.passenger_pickup_lat,
        "passengerPickupLng": journey.passenger_pickup_lng,
        "passengerPickupAddress": (journey.passenger_pickup_address or "")[:200],
        "passengerDropLat": journey.passenger_drop_lat,
        "passengerDropLng": journey.passenger_drop_lng,
        "passengerDropAddress": (journey.passenger_drop_address or "")[:200],
        "price": write(Price(type="PAYING" if cents else "FREE", amount=cents / 100, currency="EUR")),
        "driverJourneyId": journey.id,
    }
    if journey.duration is not None:
        document["duration"] = round(journey.duration)
    if journey.distance is not None:
        document["distance"] = round(journey.distance)
    expires = int(min((now + LIFE).timestamp(), journey.passenger_pickup_date))
    return seal(key, PURPOSE, [expires, one.operator, document])


def read_quote(key: bytes, text: str, now: datetime) -> Offer:
    """Read what `sign` wrote.

    Raises
    ------
    InvalidInput
        When this home did not write it (``forged_quote``).
    Refused
        When it is too old (``quote_expired``).
    """
    try:
        expires, operator, document = unseal(key, PURPOSE, text)
    except ValueError:
        raise InvalidInput("the quote is none of ours, or was changed; search anew", code="forged_quote") from None
    if now.timestamp() > expires:
        raise Refused(
            f"the quote was good until {datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}; search anew",
            code="quote_expired",
        )
    return Offer(operator, document)


def book(session: Session, person: Person, offer: Offer, domain: str, now: datetime) -> Common:
    """Ask for a seat elsewhere: it is booked once the other operator says so.

    Raises
    ------
    Refused
        When somebody is under age, or has asked for too many.
    """
    require_adult(person)
    connection = driver(session)
    store.lock_people(connection, [person.id])
    waiting = [one for one in standard_store.list_commons(connection, person.id, MANY) if one.state in states.OPEN]
    if len([one for one in waiting if one.pickup_at > now]) >= MOST_OPEN:
        raise Refused(f"you have {MOST_OPEN} rides elsewhere to come, the most; cancel one", code="too_many_bookings")
    operator = operators.get_operator(session, offer.operator)
    if not operator.enabled or operator.address is None:
        raise Refused(f"{operator.name} is not to be reached any more; search anew", code="not_booked_here")
    passenger = write_user(person, person.id, domain)
    first = BookingState.WAITING_CONFIRMATION
    told = {**offer.document, "id": str(uuid4()), "status": first.value, "passenger": write(passenger)}
    booking = Booking.model_validate({name: value for name, value in told.items() if value != ""})
    common = Common(
        id=booking.id,
        operator=operator.id,
        ours="passenger",
        person=person.id,
        begun_here=True,
        document=write(booking),
        status=first,
        state=first,
        told=first,
        pickup_at=booking.pickup_at,
        made_at=now,
        changed_at=now,
    )
    standard_store.add_common(connection, common)
    call = ("POST", "/bookings", common.document)
    standard_store.add_call(connection, operator.id, f"{common.id}/begin", call, about=common.id, now=now)
    return common


def list_bookings(session: Session, person: Person) -> list[Common]:
    """List what somebody has booked elsewhere, latest pick-up first."""
    return standard_store.list_commons(driver(session), person.id, MANY)


def get_booking(session: Session, person: Person, id_: str) -> Common:
    """Return what somebody has booked elsewhere.

    Raises
    ------
    NotFound
        ``unknown_booking``.
    """
    return _check_own(standard_store.find_common(driver(session), id_), person, id_)


def _check_own(found: Common | None, person: Person, id_: str) -> Common:
    if found is None or found.person != person.id:
        raise NotFound(f"you have booked nothing {id_[:60]!r} elsewhere", code="unknown_booking")
    return found


def cancel(session: Session, person: Person, id_: str, now: datetime) -> Common:
    """Cancel what somebody has booked elsewhere, or refuse what they were offered; said twice, nothing changes."""
    return _move(session, person, id_, BookingState.CANCELLED, now)


def confirm(session: Session, person: Person, id_: str, now: datetime) -> Common:
    """Accept a ride that a driver of another operator offered; who waited at a stop for it waits no longer.

    Raises
    ------
    Conflict
        When it was asked for here: the other operator answers (``booking_not_offered``).
    """
    common = get_booking(session, person, id_)
    if common.begun_here:
        raise Conflict("you asked for this ride; the other operator answers", code="booking_not_offered")
    common = _move(session, person, id_, BookingState.CONFIRMED, now)
    connection = driver(session)
    found = waiting_store.find_open(connection, person.id)
    if found is not None:
        found = waiting_store.lock_waiting(connection, found.id)
        if found.state is WaitingState.WAITING:
            waiting_store.set_waiting(connection, replace(found, state=WaitingState.PICKED_UP, ended_at=now))
    return common


def _move(session: Session, person: Person, id_: str, state: BookingState, now: datetime) -> Common:
    connection = driver(session)
    common = _check_own(standard_store.lock_common(connection, id_), person, id_)
    if common.state is state:
        return common
    states.check(id_, common.state, state)
    if common.id.startswith(f"{common.operator}:"):
        raise Refused(f"this was booked on the pages of {common.operator}; change it there", code="not_booked_here")
    common = replace(common, state=state, status=state, told=state, changed_at=now)
    standard_store.set_common(connection, common)
    tell_status(connection, common, state, now)
    return common


def tell_refused(session: Session, now: datetime) -> int:
    """Tell people whose bookings elsewhere came to nothing; return how many."""
    connection = driver(session)
    refused = standard_store.list_refused(connection, MANY)
    for common in refused:
        assert common.person is not None
        if common.document is not None:
            booking = Booking.model_validate(common.document)
            messages.send(
                session,
                "carpool_elsewhere_cancelled",
                recipient_of(store.get_person(connection, common.person)),
                {
                    "operator": operators.get_operator(session, common.operator).name,
                    "origin": booking.passenger_pickup_address or "?",
                    "destination": booking.passenger_drop_address or "?",
                    "pickup": booking.pickup_at,
                },
                key=f"carpool_booking:{common.id}/refused",
                about=f"carpool_booking:{common.id}",
                now=now,
            )
        standard_store.set_common(connection, replace(common, told=common.state))
    return len(refused)


def write_driver(common: Common) -> User | None:
    """Return who drives; None once it is forgotten."""
    told = (common.document or {}).get("driver")
    return None if told is None else User.model_validate(told)


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def link(session: Session, person: Person, operator_id: str, id_token: str, now: datetime) -> Link:
    """Let a platform know somebody's bookings from now on, by the ID token by which it knows them."""
    operator = operators.get_operator(session, operator_id)
    if operator.address is None or not operator.enabled:
        raise Refused(f"{operator.name} cannot be told of bookings; it has no address here", code="not_booked_here")
    one = Link(person.id, operator.id, id_token, now, store.find_revision(driver(session)))
    standard_store.write_link(driver(session), one)
    return one


def unlink(session: Session, person: Person, operator_id: str) -> None:
    """Tell a platform nothing more.

    Raises
    ------
    NotFound
        When it was told nothing (``unknown_operator``).
    """
    if not standard_store.remove_link(driver(session), person.id, operator_id.lower()):
        raise NotFound(f"you are not linked with {operator_id[:100]!r}", code="unknown_operator")


def list_links(session: Session, person: Person) -> list[Link]:
    """List the platforms that know somebody's bookings."""
    return standard_store.list_links(driver(session), person.id)


def end_all(connection: Connection[Any], person: str, now: datetime) -> None:
    """Cancel what somebody has booked elsewhere and is to come: they leave."""
    for found in standard_store.list_commons(connection, person, MANY):
        common = standard_store.lock_common(connection, found.id)
        if common is not None and common.state in states.OPEN and not common.id.startswith(f"{common.operator}:"):
            state = BookingState.CANCELLED
            standard_store.set_common(
                connection, replace(common, state=state, status=state, told=state, changed_at=now)
            )
            tell_status(connection, common, state, now)
