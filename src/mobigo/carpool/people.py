"""Who drives and rides: what they tell about themselves, their cars, and whom they will not meet.

Only adults drive and ride, by their own declaration. All that is known of one of them: `mobigo.carpool.records`.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mobigo.carpool import people_store, store
from mobigo.carpool.model import Person
from mobigo.carpool.people_store import Car
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.messages.addresses import read_email, read_phone

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

LONGEST_NAME = 100
"""Characters of a name, of a person or a car."""

MOST_CARS = 10
"""Of one person."""

PLATE = re.compile(r"[A-Z0-9]{2,12}")
"""A number plate without its gaps, of any country."""


@dataclass(frozen=True)
class Profile:
    """What somebody tells about themselves."""

    name: str
    phone: str | None
    email: str | None
    language: str
    adult: bool


def get_person(session: Session, account: str) -> Person:
    """Return who has an account.

    Raises
    ------
    NotFound
        When they have told nothing about themselves yet (``unknown_person``).
    """
    found = store.find_person(driver(session), account)
    if found is None:
        raise NotFound(
            "you have told nothing about yourself yet; PUT /v1/carpool/me with a name, a way to reach you and that"
            " you are an adult",
            code="unknown_person",
        )
    return found


def require_adult(person: Person) -> None:
    """Let only adults drive and ride.

    Raises
    ------
    Refused
        When somebody has not declared to be one (``adults_only``).
    """
    if not person.adult:
        raise Refused(
            "only adults drive and ride on the carpool lines; declare that you are one in PUT /v1/carpool/me",
            code="adults_only",
        )


def describe(session: Session, account: str, profile: Profile, now: datetime) -> Person:
    """Write down what somebody tells about themselves.

    Raises
    ------
    InvalidInput
        When there is no name, or no way to reach them.
    """
    found = store.ensure_person(driver(session), account, now)
    told = _tell(found, profile)
    people_store.describe_person(driver(session), told)
    return told


def register(session: Session, profile: Profile, now: datetime) -> Person:
    """Write down somebody who has no account and telephones: the desk acts for them by their id.

    Raises
    ------
    InvalidInput
        When there is no name, or no way to reach them.
    """
    one = _tell(Person(f"p{secrets.token_urlsafe(15)}", "", profile.adult, None, None, None), profile)
    people_store.add_person(driver(session), one, now)
    return one


def find_by_phone(session: Session, phone: str) -> list[Person]:
    """List people by their number, latest first."""
    connection = driver(session)
    return [store.get_person(connection, id_) for id_ in people_store.find_by_phone(connection, read_phone(phone))]


def _tell(person: Person, profile: Profile) -> Person:
    """Put into somebody what they tell about themselves."""
    name = _read_name(profile.name, "name")
    phone = read_phone(profile.phone) if profile.phone else None
    email = read_email(profile.email) if profile.email else None
    if phone is None and email is None:
        raise InvalidInput(
            "say how you can be reached when plans change: a telephone number or an e-mail address",
            code="invalid_contact",
        )
    return replace(person, adult=profile.adult, name=name, phone=phone, email=email, language=profile.language)


def _read_name(text: str, what: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"the {what} is empty, longer than {LONGEST_NAME} characters or not printable; correct it")
    return name


# ── cars ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_cars(session: Session, account: str) -> list[Car]:
    """List somebody's cars."""
    return people_store.list_cars(driver(session), get_person(session, account).id)


def add_car(session: Session, account: str, *, plate: str, name: str, seats: int) -> Car:
    """Add a car.

    Raises
    ------
    Refused
        When there are too many already.
    """
    person = get_person(session, account)
    if len(people_store.list_cars(driver(session), person.id)) >= MOST_CARS:
        raise Refused(f"you have {MOST_CARS} cars, which is the most; remove one first", code="too_many_cars")
    car = Car(f"car_{secrets.token_urlsafe(12)}", person.id, read_plate(plate), _read_name(name, "name"), seats)
    people_store.write_car(driver(session), car)
    return car


def change_car(session: Session, account: str, car: str, *, plate: str, name: str, seats: int) -> Car:
    """Write a car anew; runs offered with it before stay as they are."""
    one = people_store.get_car(driver(session), get_person(session, account).id, car)
    one = replace(one, plate=read_plate(plate), name=_read_name(name, "name"), seats=seats)
    people_store.write_car(driver(session), one)
    return one


def remove_car(session: Session, account: str, car: str) -> None:
    """Forget a car."""
    one = people_store.get_car(driver(session), get_person(session, account).id, car)
    people_store.remove_car(driver(session), one.person, one.id)


def read_plate(text: str) -> str:
    """Read a number plate of any country; its gaps are left out.

    Raises
    ------
    InvalidInput
        ``invalid_plate``.
    """
    bare = re.sub(r"[\s-]", "", text).upper()
    if not PLATE.fullmatch(bare):
        raise InvalidInput("the number plate cannot be read; write it like AB-123-CD", code="invalid_plate")
    return bare


# ── whom they will not meet ───────────────────────────────────────────────────────────────────────────────────────────


def list_blocked(session: Session, account: str) -> list[tuple[str, datetime]]:
    """List whom somebody will not meet, and since when."""
    return people_store.list_blocked(driver(session), get_person(session, account).id)


def unblock(session: Session, account: str, other: str) -> None:
    """Take a block back.

    Raises
    ------
    NotFound
        When there is none.
    """
    if not people_store.unblock(driver(session), get_person(session, account).id, other):
        raise NotFound(f"you have not blocked {other[:60]!r}", code="unknown_person")
