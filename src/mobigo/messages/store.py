"""Messages in the database; all SQL of what is said to people."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound
from mobigo.messages.model import Channel, Message, MessageState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from psycopg import Connection

_MESSAGE = """
    SELECT id, key, channel, template, language, about, recipient, subject, body, created_at, due_at, until, state,
           attempts, next_at, done_at, outlet, receipt, problem
    FROM message
"""

SILENT = timedelta(minutes=10)
"""Of real time, after which a message that is being sent was left by its sender."""


def _message(row: tuple[Any, ...]) -> Message:
    message = Message(*row)
    return replace(message, channel=Channel(message.channel), state=MessageState(message.state))


def add_message(connection: Connection[Any], one: Message) -> int:
    """Write a message (its `id` is given here); one of the same key is left as it is."""
    row = connection.execute(
        "INSERT INTO message (key, channel, template, language, about, recipient, subject, body, created_at, due_at,"
        " until, state, next_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting', %s)"
        " ON CONFLICT (key) DO NOTHING RETURNING id",
        (
            *(one.key, one.channel, one.template, one.language, one.about, one.recipient, one.subject, one.body),
            *(one.created_at, one.due_at, one.until, one.due_at),
        ),
    ).fetchone()
    row = row or connection.execute("SELECT id FROM message WHERE key = %s", (one.key,)).fetchone()
    assert row
    return int(row[0])


def get_message(connection: Connection[Any], id_: int) -> Message:
    """Return a message."""
    row = connection.execute(f"{_MESSAGE} WHERE id = %s".encode(), (id_,)).fetchone()
    if row is None:
        raise NotFound(f"no message {id_}; `mobigo outbox list` lists them", code="unknown_message")
    return _message(row)


def list_messages(
    connection: Connection[Any],
    *,
    about: str | None = None,
    states: Collection[str] = (),
    channel: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Message]:
    """List messages, newest first; `before` is the id of the last one of the page before."""
    rows = connection.execute(
        f"{_MESSAGE} WHERE (%(about)s::text IS NULL OR about = %(about)s)"
        " AND (%(states)s::text[] = '{}' OR state = ANY(%(states)s))"
        " AND (%(channel)s::text IS NULL OR channel = %(channel)s)"
        " AND (%(before)s::bigint IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s".encode(),
        {"about": about, "states": list(states), "channel": channel, "before": before, "limit": limit},
    )
    return [_message(row) for row in rows]


def list_sheet(connection: Connection[Any], vehicle: str, since: datetime, now: datetime) -> list[Message]:
    """List what is said on the sheet of a vehicle, oldest first."""
    rows = connection.execute(
        f"{_MESSAGE} WHERE channel = 'sheet' AND recipient = %s AND due_at BETWEEN %s AND %s"
        " AND state NOT IN ('cancelled', 'expired') ORDER BY due_at, id".encode(),
        (vehicle, since, now),
    )
    return [_message(row) for row in rows]


def cancel(connection: Connection[Any], about: str, templates: Collection[str], now: datetime) -> int:
    """Take back what waits; with `templates` only those. Return how many."""
    return connection.execute(
        "UPDATE message SET state = 'cancelled', next_at = NULL, done_at = %s"
        " WHERE about = %s AND state = 'waiting' AND (%s::text[] = '{}' OR template = ANY(%s))",
        (now, about, list(templates), list(templates)),
    ).rowcount


def expire(connection: Connection[Any], now: datetime) -> int:
    """Give up what waits and has come to be of no use."""
    return connection.execute(
        "UPDATE message SET state = 'expired', next_at = NULL, done_at = %(now)s"
        " WHERE state = 'waiting' AND next_at <= %(now)s AND until < %(now)s",
        {"now": now},
    ).rowcount


def release(connection: Connection[Any], now: datetime, sure: Collection[str]) -> int:
    """Settle what was left while being sent: sent again by outlets that are `sure` to do so once, else doubtful."""
    return connection.execute(
        """
        UPDATE message SET
            state = CASE WHEN outlet = ANY(%(sure)s) THEN 'waiting' ELSE 'doubtful' END,
            next_at = CASE WHEN outlet = ANY(%(sure)s) THEN %(now)s::timestamptz END,
            done_at = CASE WHEN outlet = ANY(%(sure)s) THEN NULL ELSE %(now)s::timestamptz END,
            problem = 'the program ended while it was being sent', claimed_at = NULL
        WHERE state = 'sending' AND claimed_at < clock_timestamp() - %(silent)s
        """,
        {"now": now, "sure": list(sure), "silent": SILENT},
    ).rowcount


def claim(connection: Connection[Any], now: datetime, outlets: dict[str, str], limit: int) -> list[Message]:
    """Take what is due, so that nobody else does; `outlets` says by channel what will send it."""
    rows = connection.execute(
        """
        UPDATE message SET state = 'sending', next_at = NULL, claimed_at = clock_timestamp(), attempts = attempts + 1,
            outlet = %(outlets)s::jsonb ->> channel
        WHERE id IN (
            SELECT id FROM message
            WHERE state = 'waiting' AND next_at <= %(now)s AND (until IS NULL OR until >= %(now)s)
            ORDER BY next_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        )
        RETURNING id, key, channel, template, language, about, recipient, subject, body, created_at, due_at, until,
            state, attempts, next_at, done_at, outlet, receipt, problem
        """,
        {"now": now, "outlets": Jsonb(outlets), "limit": limit},
    )
    return sorted((_message(row) for row in rows), key=lambda one: (one.due_at, one.id))


def settle(
    connection: Connection[Any],
    one: Message,
    state: MessageState,
    *,
    now: datetime,
    next_at: datetime | None = None,
    receipt: str | None = None,
    problem: str | None = None,
) -> None:
    """Note what came of an attempt, unless somebody else has settled it meanwhile."""
    connection.execute(
        "UPDATE message SET state = %s, next_at = %s, claimed_at = NULL, done_at = %s, receipt = %s, problem = %s"
        " WHERE id = %s AND state = 'sending' AND attempts = %s",
        (state, next_at, None if next_at else now, receipt, problem, one.id, one.attempts),
    )


def send_again(connection: Connection[Any], id_: int, now: datetime) -> bool:
    """Let a message that failed, may have failed or came too late be sent now; False when it is none of these."""
    return bool(
        connection.execute(
            "UPDATE message SET state = 'waiting', next_at = %(now)s, done_at = NULL, until = NULL, attempts = 0"
            " WHERE id = %(id)s AND state IN ('failed', 'doubtful', 'expired') AND body IS NOT NULL",
            {"id": id_, "now": now},
        ).rowcount
    )


def forget(connection: Connection[Any], before: datetime, now: datetime) -> int:
    """Forget to whom and what was said before an instant; what still waits from then is cancelled."""
    return connection.execute(
        """
        UPDATE message SET recipient = CASE WHEN channel = 'sheet' THEN recipient END, subject = NULL, body = NULL,
            problem = NULL, receipt = NULL, claimed_at = NULL, next_at = NULL,
            done_at = coalesce(done_at, %(now)s),
            state = CASE WHEN state IN ('waiting', 'sending') THEN 'cancelled' ELSE state END
        WHERE greatest(created_at, due_at) < %(before)s AND body IS NOT NULL
        """,
        {"before": before, "now": now},
    ).rowcount


def forget_recipients(connection: Connection[Any], recipients: Sequence[str], about: str, now: datetime) -> int:
    """Forget what was said to some addresses about things whose names begin with a word."""
    return connection.execute(
        "UPDATE message SET recipient = NULL, subject = NULL, body = NULL, problem = NULL, receipt = NULL,"
        " claimed_at = NULL, next_at = NULL, done_at = coalesce(done_at, %(now)s),"
        " state = CASE WHEN state IN ('waiting', 'sending') THEN 'cancelled' ELSE state END"
        " WHERE recipient = ANY (%(recipients)s) AND starts_with(about, %(about)s) AND body IS NOT NULL",
        {"recipients": list(recipients), "about": about, "now": now},
    ).rowcount


def forget_about(connection: Connection[Any], about: str, now: datetime) -> int:
    """Forget to whom and what was said about something, whenever it was."""
    return connection.execute(
        "UPDATE message SET recipient = CASE WHEN channel = 'sheet' THEN recipient END, subject = NULL, body = NULL,"
        " problem = NULL, receipt = NULL, claimed_at = NULL, next_at = NULL, done_at = coalesce(done_at, %(now)s),"
        " state = CASE WHEN state IN ('waiting', 'sending') THEN 'cancelled' ELSE state END"
        " WHERE about = %(about)s AND body IS NOT NULL",
        {"about": about, "now": now},
    ).rowcount
