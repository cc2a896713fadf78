"""Where drivers are paid: holder and number of an account, sealed, apart from who they are and where they went.

``carpool_bank``: ``person``, ``sealed`` (holder and number, opened by the key of the home alone), ``masked`` (what the
person recognises), ``changed_at``. What a payout went to is kept in it likewise. Whoever has a copy of the database
without the key of the home (``bank.key``) learns no number; without the key people enter theirs again.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.ledger.iban import mask, read_iban
from mobigo.ledger.sepa import Account

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

NONCE = 12
"""Bytes before what is sealed."""

LONGEST_HOLDER = 70
"""Characters of a name in a file for a bank."""


@dataclass(frozen=True)
class Told:
    """What is shown of an account."""

    masked: str
    changed_at: datetime


def seal(key: bytes, person: str, account: Account) -> bytes:
    """Seal an account for one person."""
    nonce = secrets.token_bytes(NONCE)
    text = json.dumps([account.name, account.iban]).encode()
    return nonce + AESGCM(key).encrypt(nonce, text, person.encode())


def unseal(key: bytes, person: str, sealed: bytes) -> Account:
    """Open what was sealed for a person.

    Raises
    ------
    Refused
        With another key, or for another person (``bank_key_wrong``).
    """
    try:
        text = AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], person.encode())
    except (InvalidTag, ValueError):
        raise Refused(
            f"the account number of person {person} cannot be opened: bank.key of this home is not the one it was"
            " sealed with; bring the file back, or let the person enter the number again",
            code="bank_key_wrong",
        ) from None
    name, iban = json.loads(text)
    return Account(name, iban)


def set_account(session: Session, key: bytes, person: str, *, holder: str, iban: str, now: datetime) -> Told:
    """Keep where somebody is paid from now on.

    Raises
    ------
    InvalidInput
        When it is no account number of the SEPA area (``invalid_iban``), or nobody's name.
    """
    name = " ".join(holder.split())
    if not name or len(name) > LONGEST_HOLDER or not name.isprintable():
        raise InvalidInput(f"the holder of an account has a name of 1 to {LONGEST_HOLDER} characters")
    account = Account(name, read_iban(iban))
    told = Told(mask(account.iban), now)
    driver(session).execute(
        "INSERT INTO carpool_bank (person, sealed, masked, changed_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (person) DO UPDATE"
        " SET sealed = excluded.sealed, masked = excluded.masked, changed_at = excluded.changed_at",
        [person, seal(key, person, account), told.masked, now],
    )
    return told


def get_told(session: Session, person: str) -> Told:
    """Return what is shown of somebody's account.

    Raises
    ------
    NotFound
        When they told none (``no_bank_account``).
    """
    row = driver(session).execute("SELECT masked, changed_at FROM carpool_bank WHERE person = %s", [person]).fetchone()
    if row is None:
        raise _none(person)
    return Told(*row)


def open_account(session: Session, key: bytes, person: str) -> Account:
    """Return somebody's account in clear; as `get_told`. Who is shown it is written down by the caller."""
    row = driver(session).execute("SELECT sealed FROM carpool_bank WHERE person = %s", [person]).fetchone()
    if row is None:
        raise _none(person)
    return unseal(key, person, row[0])


def list_sealed(connection: Connection[Any], people: Iterable[str]) -> dict[str, tuple[bytes, str]]:
    """Return what is sealed for people, and how it is shown, as far as they told an account."""
    rows = connection.execute(
        "SELECT person, sealed, masked FROM carpool_bank WHERE person = ANY (%s)", [sorted(set(people))]
    )
    return {person: (sealed, masked) for person, sealed, masked in rows}


def forget(session: Session, person: str) -> None:
    """Forget where somebody was paid; payouts that were made keep what they went to, as the books must."""
    driver(session).execute("DELETE FROM carpool_bank WHERE person = %s", [person])


def _none(person: str) -> NotFound:
    return NotFound(
        f"person {person} has told no account; PUT /v1/carpool/bank with holder and iban", code="no_bank_account"
    )
