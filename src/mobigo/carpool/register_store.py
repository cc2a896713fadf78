"""What the national register is to be told, and what came of it, in the database. The caller commits.

``carpool_register``: per booking what the register is ``wanted`` to hear next and how far that is; ``document`` is the
    journey as it is sent, forgotten once the register has decided; ``there``: the register knows it; ``revision``
    counts what is wanted, so that a change while something is being sent is not lost
``carpool_register_attempt``: every request, for audit
``carpool_register_pause``: until when the register is left alone, and why
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection

SILENT = timedelta(minutes=5)
"""Of real time, after which what was being sent was left by its sender; the register knows repetitions by the id."""


class Wanted(StrEnum):
    """What the register is asked next."""

    CREATE = "create"
    UPDATE = "update"
    CANCEL = "cancel"
    STATUS = "status"


class Outcome(StrEnum):
    """How far that is."""

    WAITING = "waiting"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    """The register says that it is wrong; staff may have it sent again."""
    WITHHELD = "withheld"
    """Not sent: the register's terms forbid it, or it counts for nothing."""
    FAILED = "failed"
    """Tried for too long."""


@dataclass(frozen=True)
class Entry:
    """A journey as the register is told of it."""

    booking: str
    journey: str
    """Its id there."""
    started_at: datetime
    document: Mapping[str, Any] | None = field(repr=False)
    wanted: Wanted
    state: Outcome
    there: bool
    attempts: int
    next_at: datetime | None
    problem: str | None
    status: str | None
    """What the register says of it."""
    status_at: datetime | None
    labels: tuple[str, ...]
    """Why it is withheld, or what the register found."""
    revision: int


@dataclass(frozen=True)
class Attempt:
    """One request."""

    at: datetime
    what: str
    """Method and path."""
    milliseconds: int
    status: int | None
    problem: str | None


class Step(NamedTuple):
    """What follows from an answer."""

    wanted: Wanted
    state: Outcome
    there: bool
    next_at: datetime | None
    problem: str | None = None


_ENTRY = """
    SELECT booking, journey, started_at, document, wanted, state, there, attempts, next_at, problem, status, status_at,
        labels, revision
    FROM carpool_register
"""


def _entry(row: Sequence[Any]) -> Entry:
    booking, journey, started_at, document, wanted, state, there, attempts, next_at, problem, *rest = row
    status, status_at, labels, revision = rest
    return Entry(
        booking=booking,
        journey=journey,
        started_at=started_at,
        document=document,
        wanted=Wanted(wanted),
        state=Outcome(state),
        there=there,
        attempts=attempts,
        next_at=next_at,
        problem=problem,
        status=status,
        status_at=status_at,
        labels=tuple(labels),
        revision=revision,
    )


def find_entry(connection: Connection[Any], booking: str) -> Entry | None:
    """Return what the register is told of a booking; nobody else changes it until the transaction ends."""
    row = connection.execute(f"{_ENTRY} WHERE booking = %s FOR UPDATE", [booking]).fetchone()
    return None if row is None else _entry(row)


def get_entry(connection: Connection[Any], booking: str) -> Entry:
    """Return what the register is told of a booking.

    Raises
    ------
    NotFound
        ``unknown_register_entry``.
    """
    found = find_entry(connection, booking)
    if found is None:
        raise NotFound(
            f"the register was told nothing of booking {booking[:60]!r}; it is told what is proven",
            code="unknown_register_entry",
        )
    return found


def save_entry(connection: Connection[Any], one: Entry, now: datetime) -> None:
    """Write what the register is to be told, new or anew; counts as another revision."""
    connection.execute(
        """
        INSERT INTO carpool_register (booking, journey, started_at, document, wanted, state, there, next_at, labels,
            problem, written_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (booking) DO UPDATE SET document = excluded.document, wanted = excluded.wanted,
            state = excluded.state, attempts = 0, next_at = excluded.next_at, labels = excluded.labels,
            problem = excluded.problem, written_at = excluded.written_at, done_at = NULL,
            revision = carpool_register.revision + 1
        """,
        [
            one.booking,
            one.journey,
            one.started_at,
            None if one.document is None else Jsonb(dict(one.document)),
            one.wanted.value,
            one.state.value,
            one.there,
            one.next_at,
            list(one.labels),
            one.problem,
            now,
        ],
    )


def list_entries(
    connection: Connection[Any],
    *,
    states: Iterable[Outcome] = (),
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Entry]:
    """List what the register is told, by when the journeys began, newest first; `before`: the last one already seen."""
    wheres, values = ["true"], list[object]()
    if states:
        wheres.append("state = ANY (%s)")
        values.append([state.value for state in states])
    if before is not None:
        wheres.append("(started_at, booking) < (%s, %s)")
        values += before
    rows = connection.execute(
        f"{_ENTRY} WHERE {' AND '.join(wheres)} ORDER BY started_at DESC, booking DESC LIMIT %s".encode(),
        [*values, limit],
    )
    return [_entry(row) for row in rows]


def list_disputed(connection: Connection[Any], bookings: Sequence[str]) -> list[Entry]:
    """List those of some bookings that the register found an anomaly or a fraud in."""
    rows = connection.execute(
        f"{_ENTRY} WHERE booking = ANY (%s) AND status IN ('anomaly_error', 'fraud_error') ORDER BY booking",
        [list(bookings)],
    )
    return [_entry(row) for row in rows]


def count_entries(connection: Connection[Any]) -> dict[Outcome, int]:
    """Count what the register is told by how far it is."""
    found = dict(connection.execute("SELECT state, count(*) FROM carpool_register GROUP BY state").fetchall())
    return {state: int(found.get(state.value, 0)) for state in Outcome}


def list_attempts(connection: Connection[Any], booking: str) -> list[Attempt]:
    """List the requests about a booking, in order."""
    rows = connection.execute(
        "SELECT at, what, milliseconds, status, problem FROM carpool_register_attempt WHERE booking = %s ORDER BY id",
        [booking],
    )
    return [Attempt(*row) for row in rows]


# ── sending ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def release(connection: Connection[Any], now: datetime) -> None:
    """Let what was left while it was being sent be sent again."""
    connection.execute(
        "UPDATE carpool_register SET state = 'waiting', next_at = %s, claimed_at = NULL"
        " WHERE state = 'sending' AND claimed_at < clock_timestamp() - %s",
        [now, SILENT],
    )


def find_pause(connection: Connection[Any], now: datetime) -> tuple[datetime, str] | None:
    """Return until when the register is left alone, and why."""
    row = connection.execute("SELECT until, because FROM carpool_register_pause WHERE until > %s", [now]).fetchone()
    return None if row is None else (row[0], row[1])


def pause(connection: Connection[Any], until: datetime, because: str) -> None:
    """Leave the register alone for a while."""
    connection.execute(
        "INSERT INTO carpool_register_pause (until, because) VALUES (%s, %s)"
        " ON CONFLICT (one) DO UPDATE SET until = excluded.until, because = excluded.because",
        [until, because],
    )


def resume(connection: Connection[Any]) -> None:
    """Turn to the register again."""
    connection.execute("DELETE FROM carpool_register_pause")


def claim(connection: Connection[Any], now: datetime) -> Entry | None:
    """Take what is due first, so that nobody else does."""
    row = connection.execute(
        """
        UPDATE carpool_register SET state = 'sending', next_at = NULL, claimed_at = clock_timestamp(),
            attempts = attempts + 1
        WHERE booking = (
            SELECT booking FROM carpool_register WHERE state = 'waiting' AND next_at <= %s
            ORDER BY next_at, booking LIMIT 1 FOR UPDATE SKIP LOCKED
        )
        RETURNING booking, journey, started_at, document, wanted, state, there, attempts, next_at, problem, status,
            status_at, labels, revision
        """,
        [now],
    ).fetchone()
    return None if row is None else _entry(row)


def note_attempt(connection: Connection[Any], booking: str, one: Attempt) -> None:
    """Keep a request for audit."""
    connection.execute(
        "INSERT INTO carpool_register_attempt (booking, at, what, milliseconds, status, problem)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [booking, one.at, one.what, one.milliseconds, one.status, one.problem],
    )


def settle(connection: Connection[Any], one: Entry, step: Step, now: datetime) -> None:
    """Note what came of what was sent; what was wanted anew meanwhile goes on waiting."""
    connection.execute(
        """
        UPDATE carpool_register SET there = %(there)s, claimed_at = NULL, problem = %(problem)s,
            wanted = CASE WHEN revision = %(revision)s THEN %(wanted)s
                WHEN %(there)s AND wanted = 'create' THEN 'update'
                WHEN NOT %(there)s AND wanted = 'update' THEN 'create' ELSE wanted END,
            state = CASE WHEN revision = %(revision)s THEN %(state)s ELSE state END,
            next_at = CASE WHEN revision = %(revision)s THEN %(next_at)s ELSE next_at END,
            attempts = CASE WHEN revision <> %(revision)s OR %(anew)s THEN 0 ELSE attempts END,
            done_at = CASE WHEN revision = %(revision)s AND %(next_at)s::timestamptz IS NULL THEN %(now)s
                ELSE done_at END
        WHERE booking = %(booking)s
        """,
        {
            "booking": one.booking,
            "revision": one.revision,
            "wanted": step.wanted.value,
            "state": step.state.value,
            "there": step.there,
            "next_at": step.next_at,
            "problem": step.problem,
            "anew": step.wanted is not one.wanted,
            "now": now,
        },
    )


def withhold(connection: Connection[Any], one: Entry, label: StrEnum, now: datetime) -> None:
    """Do not send what was taken."""
    settle(connection, one, Step(one.wanted, Outcome.WITHHELD, one.there, None), now)
    connection.execute("UPDATE carpool_register SET labels = %s WHERE booking = %s", [[label.value], one.booking])


def note_status(connection: Connection[Any], booking: str, status: str, labels: Sequence[str], now: datetime) -> None:
    """Note what the register says of a journey."""
    connection.execute(
        "UPDATE carpool_register SET status = %s, labels = %s, status_at = %s WHERE booking = %s",
        [status, list(labels), now, booking],
    )


def forget_documents(connection: Connection[Any], before: datetime) -> int:
    """Forget what was sent, or was to be sent, of journeys of before an instant; return how many."""
    return connection.execute(
        "UPDATE carpool_register SET document = NULL, next_at = NULL,"
        " state = CASE state WHEN 'waiting' THEN 'failed' ELSE state END"
        " WHERE started_at < %s AND document IS NOT NULL",
        [before],
    ).rowcount
