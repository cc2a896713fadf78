"""Who travels: contacts as they are read, and what is remembered of those who did not appear.

A person is known again by keyed hashes of their account, telephone and e-mail address: nobody without the home's key
can tell whose they are, and they stay when the contact is forgotten. Who did not appear too often on a service books by
telephone only, until the days that count have passed or the desk pardons an absence.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, NotFound
from mobigo.messages.addresses import read_email, read_phone
from mobigo.ondemand.model import Contact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from mobigo.ondemand.model import Service

COUNTED = timedelta(days=90)
"""For how long an absence counts."""

KEPT = timedelta(days=400)
"""For how long it is remembered: over a year, for the desk that decides about an appeal."""

LONGEST_NAME = 100
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What no name may hold: line breaks, control characters, marks that turn the direction of writing."""


def read_contact(name: str, phone: str | None, email: str | None, language: str) -> Contact:
    """Read a contact as people write it.

    Raises
    ------
    InvalidInput
        When the name is missing, nothing to reach them by is given, or an address cannot be read.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise InvalidInput(
            f"the contact needs a name of 1 to {LONGEST_NAME} characters in one line", code="invalid_contact"
        )
    contact = Contact(
        name,
        read_phone(phone) if phone and phone.strip() else None,
        read_email(email) if email and email.strip() else None,
        language,
    )
    if contact.phone is None and contact.email is None:
        raise InvalidInput(
            "the contact needs a telephone number or an e-mail address: the vehicle may be late, or look for you",
            code="invalid_contact",
        )
    return contact


def identify(key: bytes, contact: Contact | None, account: str | None) -> tuple[str, ...]:
    """Return by what a person is known again: a keyed hash of each of their account, telephone and e-mail."""
    own = hmac.digest(key, b"mobigo ondemand person", "sha256")
    said = [("account", account), ("phone", contact and contact.phone), ("email", contact and contact.email)]
    return tuple(
        hmac.digest(own, f"{what}:{value.casefold()}".encode(), "sha256")[:16].hex() for what, value in said if value
    )


@dataclass(frozen=True)
class Absence:
    """A ride for which somebody did not appear."""

    leg: str
    service: str
    at: datetime
    reference: str
    """Of the booking."""
    pardoned_by: str | None
    pardoned_at: datetime | None
    pardon: str | None
    """Why."""

    @property
    def counts_until(self) -> datetime:
        """Until when it counts, unless it is pardoned."""
        return self.at + COUNTED


def note_absence(connection: Connection[Any], leg: str, person: Sequence[str], service: str, at: datetime) -> None:
    """Remember that somebody did not appear."""
    connection.execute(
        "INSERT INTO ondemand_absence (leg, person, service, at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [leg, list(person), service, at],
    )


def list_absences(
    connection: Connection[Any], person: Sequence[str], since: datetime, service: str | None = None
) -> list[Absence]:
    """List the absences of a person since an instant, newest first."""
    rows = connection.execute(
        """
        SELECT absence.leg, absence.service, absence.at, booking.reference, pardoned_by, pardoned_at, pardon
        FROM ondemand_absence AS absence JOIN ondemand_leg AS leg ON leg.id = absence.leg
        JOIN ondemand_booking AS booking ON booking.id = leg.booking
        WHERE absence.person && %s::text[] AND absence.at >= %s AND (%s::text IS NULL OR absence.service = %s)
        ORDER BY absence.at DESC
        """,
        [list(person), since, service, service],
    )
    return [Absence(*row) for row in rows]


def pardon(connection: Connection[Any], leg: str, *, by: str, why: str, now: datetime) -> None:
    """Let an absence count no more.

    Raises
    ------
    NotFound
        When nobody was absent from this ride.
    Conflict
        When it is pardoned already.
    """
    row = connection.execute("SELECT pardoned_at FROM ondemand_absence WHERE leg = %s FOR UPDATE", [leg]).fetchone()
    if row is None:
        raise NotFound(f"nobody was absent from ride {leg[:60]!r}", code="unknown_absence")
    if row[0] is not None:
        raise Conflict(f"the absence of ride {leg} was pardoned already", code="already_pardoned")
    connection.execute(
        "UPDATE ondemand_absence SET pardoned_by = %s, pardoned_at = %s, pardon = %s WHERE leg = %s",
        [by, now, why, leg],
    )


def forget(connection: Connection[Any], now: datetime) -> None:
    """Forget old absences."""
    connection.execute("DELETE FROM ondemand_absence WHERE at < %s", [now - KEPT])


def suspended_until(
    connection: Connection[Any], service: Service, person: Sequence[str], now: datetime
) -> datetime | None:
    """Tell until when a person books a service by telephone only; None: they are free to."""
    allowed = service.promise.suspend_after
    if not allowed or not person:
        return None
    counted = [one for one in list_absences(connection, person, now - COUNTED, service.id) if one.pardoned_at is None]
    return counted[allowed - 1].counts_until if len(counted) >= allowed else None


def check(connection: Connection[Any], service: Service, person: Sequence[str], now: datetime) -> None:
    """Refuse who has been absent too often.

    Raises
    ------
    Forbidden
        ``suspended``, with the end of it and whom to call.
    """
    until = suspended_until(connection, service, person, now)
    if until is None:
        return
    phone = next((rule.phone_number for rule in service.rules.values() if rule.phone_number), None)
    desk = f" ({phone})" if phone else ""
    raise Forbidden(
        f"{service.promise.suspend_after} booked rides were missed within {COUNTED.days} days, so this service can only"
        f" be booked by telephone{desk} until {until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}; the desk also hears appeals",
        code="suspended",
    )
