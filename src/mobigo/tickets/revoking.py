"""A key that may be in wrong hands: one person asks, another agrees, and what it signed is signed anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict
from mobigo.tickets import keys_store, service
from mobigo.tickets.keys import Use
from mobigo.tickets.keys_store import Wish

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class Revocation:
    """How far a revocation is."""

    kid: int
    asked_by: str
    asked_at: datetime
    why: str
    revoked_at: datetime | None
    tickets: int
    """Whose codes are signed anew."""


def ask(session: Session, kid: int, *, by: str, why: str, now: datetime) -> Revocation:
    """Ask that a key be revoked; asked again by another, the first wish stays.

    Raises
    ------
    NotFound, Conflict
        ``unknown_key``; ``key_revoked``.
    """
    connection = driver(session)
    key, wish = keys_store.get_key(connection, kid)
    if key.revoked_at is not None:
        raise Conflict(f"key {kid} is revoked since {key.revoked_at.isoformat()}", code="key_revoked")
    if wish is None:
        wish = Wish(by, now, why)
        keys_store.ask_revocation(connection, kid, wish)
    return Revocation(kid, wish.by, wish.at, wish.why, None, 0)


def agree(session: Session, kid: int, *, by: str, now: datetime) -> Revocation:
    """Agree: from now on the key is not believed.

    Raises
    ------
    NotFound, Conflict
        ``unknown_key``; ``key_revoked``, ``revocation_not_asked``, ``revocation_same_person``.
    """
    connection = driver(session)
    key, wish = keys_store.get_key(connection, kid)
    if key.revoked_at is not None:
        raise Conflict(f"key {kid} is revoked since {key.revoked_at.isoformat()}", code="key_revoked")
    if wish is None:
        raise Conflict(f"nobody has asked that key {kid} be revoked; ask first", code="revocation_not_asked")
    if wish.by == by:
        raise Conflict(f"{by} has asked that key {kid} be revoked; another has to agree", code="revocation_same_person")
    keys_store.revoke(connection, kid, by, now)
    tickets = 0 if key.use is Use.BUNDLE else service.sign_anew(session, kid, now)
    return Revocation(kid, wish.by, wish.at, wish.why, now, tickets)
