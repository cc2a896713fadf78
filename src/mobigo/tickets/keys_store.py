"""Public keys in the database; all SQL of them. No private key is ever there.

``ticket_key``: ``kid`` (from 1, of all keys of this instance), ``use``, ``issuer``, ``public``, the times of
`mobigo.tickets.keys.Key`; ``asked_by``, ``asked_at``, ``asked_why``: who wants it revoked; ``revoked_by``: who else
agreed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import NotFound
from mobigo.tickets.keys import Key, Use

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

_COLUMNS = "kid, issuer, use, public, not_before, not_after, verify_until, revoked_at"


@dataclass(frozen=True)
class Wish:
    """That a key be revoked, asked by one person; it takes another to agree."""

    by: str
    at: datetime
    why: str


def list_keys(connection: Connection[Any], *, believed_at: datetime | None = None) -> list[Key]:
    """List keys by number; those still believed at an instant, or all."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ticket_key WHERE %(at)s::timestamptz IS NULL OR verify_until >= %(at)s"  # noqa: S608
        " ORDER BY kid".encode(),
        {"at": believed_at},
    )
    return [_read(row) for row in rows]


def get_key(connection: Connection[Any], kid: int) -> tuple[Key, Wish | None]:
    """Return a key, locked, and whether somebody wants it revoked.

    Raises
    ------
    NotFound
        ``unknown_key``.
    """
    row = connection.execute(
        f"SELECT {_COLUMNS}, asked_by, asked_at, asked_why FROM ticket_key WHERE kid = %s FOR UPDATE".encode(),  # noqa: S608
        [kid],
    ).fetchone()
    if row is None:
        raise NotFound(f"no key {kid}; /v1/tickets/keys lists them", code="unknown_key")
    return _read(row[:8]), (Wish(*row[8:]) if row[8] is not None else None)


def add_key(connection: Connection[Any], one: Key) -> int:
    """Write a public key; return its number, which is given here."""
    row = connection.execute(
        "INSERT INTO ticket_key (use, issuer, public, not_before, not_after, verify_until)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING kid",
        [one.use, one.issuer, one.public, one.not_before, one.not_after, one.verify_until],
    ).fetchone()
    assert row
    return int(row[0])


def ask_revocation(connection: Connection[Any], kid: int, wish: Wish) -> None:
    """Write who wants a key revoked."""
    connection.execute(
        "UPDATE ticket_key SET asked_by = %s, asked_at = %s, asked_why = %s WHERE kid = %s",
        [wish.by, wish.at, wish.why, kid],
    )


def revoke(connection: Connection[Any], kid: int, by: str, now: datetime) -> None:
    """Write that a key is revoked."""
    connection.execute("UPDATE ticket_key SET revoked_by = %s, revoked_at = %s WHERE kid = %s", [by, now, kid])


def _read(row: Any) -> Key:  # noqa: ANN401 - a row as psycopg gives it
    return Key(row[0], row[1], Use(row[2]), row[3], *row[4:])
