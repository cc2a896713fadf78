"""What those of a run say to each other, and what they report of each other; all SQL of it.

A message belongs to a booking: it goes between its passenger and the driver. Its text is forgotten after a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection


@dataclass(frozen=True)
class Said:
    """A message between a driver and who rides along."""

    id: int
    run: str
    booking: str
    sender: str | None
    """Person; None: of another operator."""
    recipient: str | None
    """Person, likewise."""
    operator: str | None
    """Through whom it came or went, if one of the two is of another operator."""
    text: str | None
    """None once it is forgotten."""
    at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class Report:
    """What somebody told staff about somebody."""

    id: str
    reporter: str | None
    reported: str | None
    run: str | None
    kind: str
    text: str | None
    """None once it is forgotten."""
    at: datetime
    state: str
    """``open``, ``settled`` or ``dismissed``."""
    answer: str | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None


_SAID = "SELECT id, run, booking, sender, recipient, operator, text, at, read_at FROM carpool_message"
_REPORT = (
    "SELECT id, reporter, reported, run, kind, text, at, state, answer, answered_by, answered_at FROM carpool_report"
)


def add_message(connection: Connection[Any], one: Said) -> Said:
    """Write a message; its `id` is given here."""
    row = connection.execute(
        "INSERT INTO carpool_message (run, booking, sender, recipient, operator, text, at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id",
        [one.run, one.booking, one.sender, one.recipient, one.operator, one.text, one.at],
    ).fetchone()
    assert row
    return Said(row[0], *(getattr(one, name) for name in list(Said.__dataclass_fields__)[1:]))


def list_messages(connection: Connection[Any], run: str, person: str, *, after: int, limit: int) -> list[Said]:
    """List what somebody wrote or received in a run, oldest first; `after`: the last one already read."""
    rows = connection.execute(
        f"{_SAID} WHERE run = %s AND (sender = %s OR recipient = %s) AND id > %s ORDER BY id LIMIT %s".encode(),
        [run, person, person, after, limit],
    )
    return [Said(*row) for row in rows]


def count_sent(connection: Connection[Any], run: str, sender: str) -> int:
    """Count what somebody wrote in a run."""
    row = connection.execute(
        "SELECT count(*) FROM carpool_message WHERE run = %s AND sender = %s", [run, sender]
    ).fetchone()
    assert row
    return int(row[0])


def mark_read(connection: Connection[Any], run: str, person: str, last: int, now: datetime) -> int:
    """Say that somebody has read what was sent to them up to a message; return how many were new."""
    return connection.execute(
        "UPDATE carpool_message SET read_at = %s WHERE run = %s AND recipient = %s AND id <= %s AND read_at IS NULL",
        [now, run, person, last],
    ).rowcount


def forget_messages(connection: Connection[Any], before: datetime) -> int:
    """Forget what was said before an instant; return how many messages."""
    return connection.execute(
        "UPDATE carpool_message SET text = NULL WHERE at < %s AND text IS NOT NULL", [before]
    ).rowcount


def forget_messages_of(connection: Connection[Any], person: str) -> None:
    """Forget what somebody wrote."""
    connection.execute("UPDATE carpool_message SET text = NULL WHERE sender = %s", [person])


# ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_report(connection: Connection[Any], one: Report) -> None:
    """Write a report."""
    connection.execute(
        "INSERT INTO carpool_report (id, reporter, reported, run, kind, text, at, state)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [one.id, one.reporter, one.reported, one.run, one.kind, one.text, one.at, one.state],
    )


def get_report(connection: Connection[Any], id_: str) -> Report:
    """Return a report, locked until the transaction ends.

    Raises
    ------
    NotFound
        ``unknown_report``.
    """
    row = connection.execute(f"{_REPORT} WHERE id = %s FOR UPDATE".encode(), [id_]).fetchone()
    if row is None:
        raise NotFound(f"no report {id_[:60]!r}; /v1/carpool/reports lists them", code="unknown_report")
    return Report(*row)


def list_reports(
    connection: Connection[Any],
    *,
    reporter: str | None = None,
    state: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[Report]:
    """List reports, latest first; `before`: the last one of the page before."""
    wheres, values = ["true"], list[object]()
    for column, value in (("reporter", reporter), ("state", state)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    if before is not None:
        wheres.append("(at, id) < (%s, %s)")
        values += before
    which = f"{_REPORT} WHERE {' AND '.join(wheres)} ORDER BY at DESC, id DESC LIMIT %s"
    return [Report(*row) for row in connection.execute(which.encode(), [*values, limit])]


def count_reports(connection: Connection[Any], reporter: str, since: datetime) -> int:
    """Count what somebody has reported since an instant."""
    row = connection.execute(
        "SELECT count(*) FROM carpool_report WHERE reporter = %s AND at >= %s", [reporter, since]
    ).fetchone()
    assert row
    return int(row[0])


def answer_report(connection: Connection[Any], one: Report) -> None:
    """Write what staff answered."""
    connection.execute(
        "UPDATE carpool_report SET state = %s, answer = %s, answered_by = %s, answered_at = %s WHERE id = %s",
        [one.state, one.answer, one.answered_by, one.answered_at, one.id],
    )


def forget_reports(connection: Connection[Any], before: datetime) -> int:
    """Forget what was reported and answered before an instant; return how many reports."""
    return connection.execute(
        "UPDATE carpool_report SET text = NULL, answer = NULL WHERE answered_at < %s AND text IS NOT NULL", [before]
    ).rowcount


def forget_reports_of(connection: Connection[Any], person: str) -> None:
    """Forget who reported; what is said of others stays until it is settled."""
    connection.execute("UPDATE carpool_report SET reporter = NULL WHERE reporter = %s", [person])
