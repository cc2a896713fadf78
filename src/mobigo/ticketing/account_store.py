"""People with an account: what they tell, what they proved, what they want; all SQL of it.

``traveller``: ``account`` (of their token), ``name, email, phone, born, language``; ``method`` (the payment provider's
word for their card, sealed)
``traveller_proof``: a category they say to be of, what they showed, who looked at it and until when it holds
``traveller_wish``: the basket
``season``: a ticket that is bought again and again; ``next_from`` (when the next one begins), ``told_from`` (the one
they were told of), ``order_id`` (the last order), ``next_at`` (when somebody looks at it again)
``employer_certificate``: figures as they were, of nobody known once the account is gone
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection


@dataclass(frozen=True)
class Traveller:
    """Somebody with an account."""

    account: str
    name: str
    email: str | None
    phone: str | None
    born: date | None
    language: str


@dataclass(frozen=True)
class Proof:
    """That somebody is of a category, or says so."""

    id: str
    account: str
    category: str
    state: str
    """``asked``, ``granted``, ``refused``."""
    document: str
    """What they showed, in words; never the paper itself."""
    asked_at: datetime
    until: date | None
    decided_at: datetime | None
    decided_by: str | None
    why: str


@dataclass(frozen=True)
class Season:
    """A ticket that is bought again and again."""

    id: str
    account: str
    product: str
    category: str
    areas: tuple[str, ...]
    state: str
    """``active``, ``paused``, ``failed`` (it could not be paid), ``ended``."""
    next_from: datetime
    told_from: datetime | None
    order: str | None
    attempts: int
    next_at: datetime | None
    problem: str | None
    made_at: datetime


@dataclass(frozen=True)
class Wished:
    """Something in a basket."""

    id: str
    wish: Mapping[str, Any]
    at: datetime


def find_traveller(connection: Connection[Any], account: str, *, lock: bool = False) -> Traveller | None:
    """Find somebody by their account."""
    query = "SELECT account, name, email, phone, born, language FROM traveller WHERE account = %s"
    row = connection.execute(f"{query}{' FOR UPDATE' if lock else ''}".encode(), [account]).fetchone()
    return None if row is None else Traveller(*row)


def write_traveller(connection: Connection[Any], one: Traveller, now: datetime) -> None:
    """Write what somebody tells, new or anew."""
    connection.execute(
        "INSERT INTO traveller (account, name, email, phone, born, language, made_at, seen_at)"
        " VALUES (%(account)s, %(name)s, %(email)s, %(phone)s, %(born)s, %(language)s, %(now)s, %(now)s)"
        " ON CONFLICT (account) DO UPDATE SET name = excluded.name, email = excluded.email, phone = excluded.phone,"
        " born = excluded.born, language = excluded.language, seen_at = excluded.seen_at",
        {**one.__dict__, "now": now},
    )


def note_seen(connection: Connection[Any], account: str, now: datetime) -> None:
    """Note that somebody uses their account."""
    connection.execute("UPDATE traveller SET seen_at = %s WHERE account = %s AND seen_at < %s", [now, account, now])


def list_idle(connection: Connection[Any], before: datetime, limit: int) -> list[str]:
    """List accounts that nobody used since an instant and that buy nothing by themselves."""
    rows = connection.execute(
        "SELECT account FROM traveller AS known WHERE seen_at < %s"
        " AND NOT EXISTS (SELECT FROM season WHERE account = known.account AND state = 'active')"
        " ORDER BY seen_at LIMIT %s",
        [before, limit],
    )
    return [account for (account,) in rows]


def remove_traveller(connection: Connection[Any], account: str) -> None:
    """Forget somebody: what they told, proved, wanted; certificates stay of nobody known."""
    connection.execute("DELETE FROM traveller WHERE account = %s", [account])


def set_method(connection: Connection[Any], account: str, sealed: bytes | None) -> None:
    """Keep by what somebody pays when they are not there, sealed; or nothing."""
    connection.execute("UPDATE traveller SET method = %s WHERE account = %s", [sealed, account])


def find_method(connection: Connection[Any], account: str) -> bytes | None:
    """Find what `set_method` kept."""
    row = connection.execute("SELECT method FROM traveller WHERE account = %s", [account]).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


# ── proofs ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PROOF = (
    "SELECT id, account, category, state, document, asked_at, until, decided_at, decided_by, why FROM traveller_proof"
)


def list_proofs(connection: Connection[Any], account: str) -> list[Proof]:
    """List what somebody says or proved to be, newest first."""
    rows = connection.execute(f"{_PROOF} WHERE account = %s ORDER BY asked_at DESC, id".encode(), [account])
    return [Proof(*row) for row in rows]


def list_asked(connection: Connection[Any], limit: int) -> list[Proof]:
    """List what is to be looked at, oldest first."""
    rows = connection.execute(f"{_PROOF} WHERE state = 'asked' ORDER BY asked_at, id LIMIT %s".encode(), [limit])
    return [Proof(*row) for row in rows]


def find_proof(connection: Connection[Any], id_: str, *, lock: bool = False) -> Proof | None:
    """Find a proof."""
    row = connection.execute(f"{_PROOF} WHERE id = %s{' FOR UPDATE' if lock else ''}".encode(), [id_]).fetchone()
    return None if row is None else Proof(*row)


def add_proof(connection: Connection[Any], one: Proof) -> bool:
    """Write down what somebody says to be; False where the same waits already."""
    added = connection.execute(
        "INSERT INTO traveller_proof (id, account, category, state, document, asked_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [one.id, one.account, one.category, one.state, one.document, one.asked_at],
    )
    return bool(added.rowcount)


def decide(connection: Connection[Any], one: Proof) -> None:
    """Write down what was decided; what was shown need not be known any more."""
    connection.execute(
        "UPDATE traveller_proof SET state = %s, until = %s, decided_at = %s, decided_by = %s, why = %s, document = ''"
        " WHERE id = %s",
        [one.state, one.until, one.decided_at, one.decided_by, one.why, one.id],
    )


# ── basket ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_wishes(connection: Connection[Any], account: str) -> list[Wished]:
    """List what is in a basket, in the order it came."""
    rows = connection.execute("SELECT id, wish, at FROM traveller_wish WHERE account = %s ORDER BY at, id", [account])
    return [Wished(*row) for row in rows]


def add_wish(connection: Connection[Any], account: str, one: Wished) -> None:
    """Put something into a basket."""
    connection.execute(
        "INSERT INTO traveller_wish (id, account, wish, at) VALUES (%s, %s, %s, %s)",
        [one.id, account, Jsonb(one.wish), one.at],
    )


def remove_wish(connection: Connection[Any], account: str, id_: str | None) -> int:
    """Take something out of a basket, or everything; return how many."""
    return connection.execute(
        "DELETE FROM traveller_wish WHERE account = %s AND (%s::text IS NULL OR id = %s)", [account, id_, id_]
    ).rowcount


# ── season tickets ────────────────────────────────────────────────────────────────────────────────────────────────────

_SEASON = (
    "SELECT id, account, product, category, areas, state, next_from, told_from, order_id, attempts, next_at, problem,"
    " made_at FROM season"
)


def _season(row: Sequence[Any]) -> Season:
    id_, account, product, category, areas, *rest = row
    return Season(id_, account, product, category, tuple(areas), *rest)


def list_seasons(connection: Connection[Any], account: str) -> list[Season]:
    """List somebody's season tickets, oldest first."""
    rows = connection.execute(f"{_SEASON} WHERE account = %s ORDER BY made_at, id".encode(), [account])
    return [_season(row) for row in rows]


def find_season(connection: Connection[Any], id_: str, *, lock: bool = False) -> Season | None:
    """Find a season ticket."""
    row = connection.execute(f"{_SEASON} WHERE id = %s{' FOR UPDATE' if lock else ''}".encode(), [id_]).fetchone()
    return None if row is None else _season(row)


def list_due_seasons(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List season tickets that somebody must look at."""
    rows = connection.execute("SELECT id FROM season WHERE next_at <= %s ORDER BY next_at, id LIMIT %s", [now, limit])
    return [id_ for (id_,) in rows]


def write_season(connection: Connection[Any], one: Season) -> None:
    """Write a season ticket, new or anew."""
    connection.execute(
        """
        INSERT INTO season (id, account, product, category, areas, state, next_from, told_from, order_id, attempts,
            next_at, problem, made_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET category = excluded.category, state = excluded.state,
            next_from = excluded.next_from, told_from = excluded.told_from, order_id = excluded.order_id,
            attempts = excluded.attempts, next_at = excluded.next_at, problem = excluded.problem
        """,
        [
            one.id, one.account, one.product, one.category, list(one.areas), one.state, one.next_from, one.told_from,
            one.order, one.attempts, one.next_at, one.problem, one.made_at,
        ],
    )  # fmt: skip


def note(connection: Connection[Any], season: str, at: datetime, what: str, details: Mapping[str, Any]) -> None:
    """Write down what happened to a season ticket."""
    connection.execute(
        "INSERT INTO season_event (season, at, what, details) VALUES (%s, %s, %s, %s)",
        [season, at, what, Jsonb(details)],
    )


def list_notes(connection: Connection[Any], season: str) -> list[tuple[datetime, str, Mapping[str, Any]]]:
    """List what happened to a season ticket, oldest first."""
    return connection.execute(
        "SELECT at, what, details FROM season_event WHERE season = %s ORDER BY id", [season]
    ).fetchall()
