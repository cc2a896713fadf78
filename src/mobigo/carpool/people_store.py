"""What people of carpool tell about themselves, their cars and whom they will not meet; all SQL of it.

Runs and bookings know the id of a person alone, so that this can be forgotten and those be counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

    from mobigo.carpool.model import Person


@dataclass(frozen=True)
class Car:
    """A car that somebody drives."""

    id: str
    person: str
    plate: str
    name: str
    """As its driver calls it, and its passengers know it: "blue Clio"."""
    seats: int
    """For passengers."""


def describe_person(connection: Connection[Any], one: Person) -> None:
    """Write down what somebody tells about themselves."""
    connection.execute(
        "UPDATE carpool_person SET adult = %s, name = %s, phone = %s, email = %s, language = %s,"
        " revision = revision + 1 WHERE id = %s",
        [one.adult, one.name, one.phone, one.email, one.language, one.id],
    )


def add_person(connection: Connection[Any], one: Person, now: datetime) -> None:
    """Write down somebody who has no account: the desk acts for them."""
    connection.execute(
        "INSERT INTO carpool_person (id, adult, name, phone, email, language, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [one.id, one.adult, one.name, one.phone, one.email, one.language, now],
    )


def find_by_phone(connection: Connection[Any], phone: str) -> list[str]:
    """List the ids of people with a number, latest first."""
    rows = connection.execute(
        "SELECT id FROM carpool_person WHERE phone = %s AND forgotten_at IS NULL ORDER BY made_at DESC, id LIMIT 20",
        [phone],
    )
    return [row[0] for row in rows]


def list_idle(connection: Connection[Any], before: datetime, limit: int) -> list[str]:
    """List people who have neither driven, ridden nor waited since an instant, and were not paid since; locked."""
    rows = connection.execute(
        """
        SELECT id FROM carpool_person AS person
        WHERE forgotten_at IS NULL AND made_at < %(before)s
          AND NOT EXISTS (SELECT FROM carpool_run WHERE driver = person.id AND ends_at >= %(before)s)
          AND NOT EXISTS (
            SELECT FROM carpool_booking AS booking JOIN carpool_run AS run ON run.id = booking.run
            WHERE booking.passenger = person.id AND (booking.made_at >= %(before)s OR run.ends_at >= %(before)s)
          )
          AND NOT EXISTS (SELECT FROM carpool_waiting WHERE passenger = person.id AND since >= %(before)s)
          AND NOT EXISTS (
            SELECT FROM carpool_regular AS wish
            WHERE wish.person = person.id AND wish.last >= %(before)s::timestamptz::date
          )
          AND NOT EXISTS (
            SELECT FROM carpool_award AS award
            WHERE award.person = person.id AND (award.payout IS NULL AND award.cents > 0 OR award.made_at >= %(before)s)
          )
        ORDER BY made_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        """,
        {"before": before, "limit": limit},
    )
    return [row[0] for row in rows]


def forget_person(connection: Connection[Any], person: str, now: datetime) -> None:
    """Forget who somebody is; their trips stay, of nobody known."""
    connection.execute(
        "UPDATE carpool_person SET account = NULL, name = NULL, phone = NULL, email = NULL, forgotten_at = %s,"
        " revision = revision + 1 WHERE id = %s",
        [now, person],
    )
    connection.execute("DELETE FROM carpool_car WHERE person = %s", [person])
    connection.execute("DELETE FROM carpool_block WHERE person = %s OR blocked = %s", [person, person])


# ── cars ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_cars(connection: Connection[Any], person: str) -> list[Car]:
    """List somebody's cars, by name."""
    rows = connection.execute(
        "SELECT id, person, plate, name, seats FROM carpool_car WHERE person = %s ORDER BY name, id", [person]
    )
    return [Car(*row) for row in rows]


def get_car(connection: Connection[Any], person: str, car: str) -> Car:
    """Return a car of somebody.

    Raises
    ------
    NotFound
        When it is none of theirs (``unknown_car``).
    """
    row = connection.execute(
        "SELECT id, person, plate, name, seats FROM carpool_car WHERE person = %s AND id = %s", [person, car]
    ).fetchone()
    if row is None:
        raise NotFound(f"you have no car {car[:60]!r}; /v1/carpool/me/cars lists yours", code="unknown_car")
    return Car(*row)


def write_car(connection: Connection[Any], one: Car) -> None:
    """Write a car, new or anew."""
    connection.execute(
        "INSERT INTO carpool_car (id, person, plate, name, seats) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET plate = excluded.plate, name = excluded.name, seats = excluded.seats",
        [one.id, one.person, one.plate, one.name, one.seats],
    )


def remove_car(connection: Connection[Any], person: str, car: str) -> None:
    """Forget a car; runs keep the plate they were driven with."""
    connection.execute("DELETE FROM carpool_car WHERE person = %s AND id = %s", [person, car])


# ── whom they will not meet ───────────────────────────────────────────────────────────────────────────────────────────


def list_blocked(connection: Connection[Any], person: str) -> list[tuple[str, datetime]]:
    """List whom somebody has blocked and since when, latest first."""
    return connection.execute(
        "SELECT blocked, at FROM carpool_block WHERE person = %s ORDER BY at DESC, blocked", [person]
    ).fetchall()


def block(connection: Connection[Any], person: str, other: str, now: datetime) -> None:
    """Block somebody; again changes nothing."""
    connection.execute(
        "INSERT INTO carpool_block (person, blocked, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [person, other, now],
    )


def unblock(connection: Connection[Any], person: str, other: str) -> bool:
    """Take a block back; tell whether there was one."""
    found = connection.execute("DELETE FROM carpool_block WHERE person = %s AND blocked = %s", [person, other])
    return found.rowcount > 0


def have_met(connection: Connection[Any], one: str, other: str) -> bool:
    """Tell whether two people have been driver and passenger of a run, or passengers of the same one."""
    row = connection.execute(
        """
        WITH aboard AS (
            SELECT run, passenger AS person FROM carpool_booking WHERE passenger IN (%(one)s, %(other)s)
            UNION ALL
            SELECT id, driver FROM carpool_run WHERE driver IN (%(one)s, %(other)s)
        )
        SELECT 1 FROM aboard AS first JOIN aboard AS second USING (run)
        WHERE first.person = %(one)s AND second.person = %(other)s LIMIT 1
        """,
        {"one": one, "other": other},
    ).fetchone()
    return row is not None


def list_shared_bookings(connection: Connection[Any], one: str, other: str) -> list[str]:
    """List open bookings by which one of two people would ride with the other at the wheel."""
    rows = connection.execute(
        """
        SELECT booking.id FROM carpool_booking AS booking JOIN carpool_run AS run ON run.id = booking.run
        WHERE booking.state IN ('WAITING_CONFIRMATION', 'CONFIRMED') AND run.state = 'planned'
          AND ((booking.passenger = %(one)s AND run.driver = %(other)s)
            OR (booking.passenger = %(other)s AND run.driver = %(one)s))
        ORDER BY booking.id
        """,
        {"one": one, "other": other},
    )
    return [str(row[0]) for row in rows]
