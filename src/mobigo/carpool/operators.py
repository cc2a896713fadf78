"""Who the other operators are: by which key we know them, at which address we reach them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mobigo.carpool import standard_store
from mobigo.carpool.standard_documents import DOMAIN
from mobigo.carpool.standard_store import Operator
from mobigo.db.session import driver
from mobigo.downloads.addresses import check_url
from mobigo.kit.errors import Conflict, InvalidInput, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

PREFIX = "mobigo_"
"""Of keys, by which they are found where they were left lying."""

MOST_OPERATORS = 200


@dataclass(frozen=True)
class Reached:
    """How an operator is reached."""

    address: str | None
    """Of their Standard Covoiturage API; None: they only ask us."""
    their_key: str | None
    """What we show them."""
    searched: bool
    """Their journeys are shown beside ours."""


def list_operators(session: Session) -> list[Operator]:
    """List operators."""
    return standard_store.list_operators(driver(session))


def get_operator(session: Session, id_: str) -> Operator:
    """Return an operator."""
    return standard_store.get_operator(driver(session), id_.lower())


def add_operator(
    session: Session,
    id_: str,
    *,
    name: str,
    reached: Reached,
    by: str,
    now: datetime,
    allow_hosts: Sequence[str] = (),
) -> tuple[Operator, str]:
    """Add an operator; return it with its key, which is told this once.

    Raises
    ------
    InvalidInput
        When the id is no domain name.
    Conflict
        When there is one of this domain already (``operator_exists``).
    """
    domain = id_.lower()
    if not DOMAIN.fullmatch(domain):
        raise InvalidInput(f"{id_[:100]!r} is no domain name; write it like covoit.example.org")
    found = list_operators(session)
    if any(one.id == domain for one in found):
        raise Conflict(f"there is an operator {domain} already; change it", code="operator_exists")
    if len(found) >= MOST_OPERATORS:
        raise Refused(f"{MOST_OPERATORS} operators are the most; switch some off")
    key = PREFIX + secrets.token_urlsafe(32)
    one = Operator(
        id=domain,
        name=_read_name(name),
        key_hash=hash_key(key),
        address=_read_address(reached, allow_hosts),
        their_key=reached.their_key,
        searched=reached.searched,
        enabled=True,
        written_by=by,
        made_at=now,
    )
    standard_store.write_operator(driver(session), one)
    return get_operator(session, domain), key


def change_operator(
    session: Session,
    id_: str,
    *,
    name: str,
    reached: Reached,
    enabled: bool,
    by: str,
    allow_hosts: Sequence[str] = (),
) -> Operator:
    """Write an operator anew; switched off, it is neither let in nor asked nor told."""
    one = get_operator(session, id_)
    one = replace(
        one,
        name=_read_name(name),
        address=_read_address(reached, allow_hosts),
        their_key=reached.their_key or one.their_key,
        searched=reached.searched,
        enabled=enabled,
        written_by=by,
    )
    standard_store.write_operator(driver(session), one)
    return get_operator(session, id_)


def renew_key(session: Session, id_: str, *, by: str) -> tuple[Operator, str]:
    """Give an operator a new key; the one before is none any more."""
    key = PREFIX + secrets.token_urlsafe(32)
    one = replace(get_operator(session, id_), key_hash=hash_key(key), written_by=by)
    standard_store.write_operator(driver(session), one)
    return one, key


def hash_key(key: str) -> str:
    """Return by what a key is known: it is long and random, so that nobody finds it from this."""
    return hashlib.sha256(key.encode()).hexdigest()


def _read_name(text: str) -> str:
    name = " ".join(text.split())
    if not name or not name.isprintable():
        raise InvalidInput("an operator has a name of printable characters")
    return name


def _read_address(reached: Reached, allow_hosts: Sequence[str]) -> str | None:
    """Read an address, encrypted unless a sandbox opens it by name.

    Raises
    ------
    InvalidInput
        When journeys are to be searched at no address.
    Refused
        When it is not encrypted.
    """
    if reached.address is None:
        if reached.searched:
            raise InvalidInput("to search an operator's journeys, say the `address` of its Standard Covoiturage API")
        return None
    url = check_url(reached.address)
    if url.query or url.fragment:
        raise InvalidInput("the address of an API has neither `?` nor `#`; leave them out")
    opened = f"{url.host}:{url.port}" in allow_hosts
    if url.scheme != "https" and not opened:
        raise Refused(f"{url.host} is not reached by https; what is said of people is encrypted", code="not_encrypted")
    return str(url).rstrip("/")
