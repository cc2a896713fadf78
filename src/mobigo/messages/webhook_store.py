"""Webhooks, events, deliveries and attempts in the database; all SQL of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

SILENT = timedelta(minutes=5)
"""Of real time, after which a delivery under way was left by its sender; receivers know repetitions by the id."""


@dataclass(frozen=True)
class Webhook:
    """An address that is told what happens."""

    id: str
    address: str
    description: str
    types: tuple[str, ...]
    """Of events it wants: whole ones, or ``leg.*``; none: all."""
    operator: str | None
    """Whose events only; None: everybody's."""
    secret: str = field(repr=False)
    """``whsec_…``."""
    old_secret: str | None = field(repr=False)
    """Signs as well until `old_secret_until`."""
    old_secret_until: datetime | None
    enabled: bool
    disabled_because: str | None
    failing_since: datetime | None
    """First failure since the last success."""
    written_by: str
    created_at: datetime


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    id: str
    """What ``webhook-id`` says at every attempt."""
    key: str
    type: str
    at: datetime
    operator: str | None
    body: str
    """JSON, as it is sent."""


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one webhook."""

    id: int
    webhook: str
    event: str
    """Its id: what ``webhook-id`` says at every attempt."""
    type: str
    at: datetime
    """When it happened."""
    body: str = field(repr=False)
    state: str
    """``waiting``, ``sending``, ``delivered``, ``failed`` (given up) or ``cancelled``."""
    attempts: int
    next_at: datetime | None
    done_at: datetime | None


@dataclass(frozen=True)
class Attempt:
    """One try to deliver."""

    number: int
    at: datetime
    milliseconds: int
    status: int | None
    """HTTP status; None: there was no answer."""
    problem: str | None


_WEBHOOK = """
    SELECT id, address, description, types, operator, secret, old_secret, old_secret_until, enabled, disabled_because,
           failing_since, written_by, created_at
    FROM webhook
"""


def _webhook(row: Sequence[Any]) -> Webhook:
    id_, address, description, types, *rest = row
    return Webhook(id_, address, description, tuple(types), *rest)


def list_webhooks(connection: Connection[Any]) -> list[Webhook]:
    """List webhooks, oldest first."""
    return [_webhook(row) for row in connection.execute(f"{_WEBHOOK} ORDER BY created_at, id".encode())]


def get_webhook(connection: Connection[Any], id_: str) -> Webhook:
    """Return a webhook."""
    row = connection.execute(f"{_WEBHOOK} WHERE id = %s".encode(), (id_,)).fetchone()
    if row is None:
        raise NotFound(f"no webhook {id_!r}; /v1/webhooks lists them", code="unknown_webhook")
    return _webhook(row)


def save_webhook(connection: Connection[Any], one: Webhook) -> None:
    """Write a webhook, new or anew."""
    connection.execute(
        """
        INSERT INTO webhook (id, address, description, types, operator, secret, old_secret, old_secret_until, enabled,
            disabled_because, failing_since, written_by, created_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO UPDATE SET address = excluded.address, description = excluded.description,
            types = excluded.types, operator = excluded.operator, secret = excluded.secret,
            old_secret = excluded.old_secret, old_secret_until = excluded.old_secret_until,
            enabled = excluded.enabled, disabled_because = excluded.disabled_because,
            failing_since = excluded.failing_since, written_by = excluded.written_by
        """,
        (
            *(one.id, one.address, one.description, list(one.types), one.operator, one.secret, one.old_secret),
            *(one.old_secret_until, one.enabled, one.disabled_because, one.failing_since, one.written_by),
            one.created_at,
        ),
    )


def remove_webhook(connection: Connection[Any], id_: str) -> None:
    """Remove a webhook and its deliveries."""
    connection.execute("DELETE FROM webhook WHERE id = %s", (id_,))


def disable(connection: Connection[Any], id_: str, because: str, now: datetime) -> None:
    """Stop telling a webhook; what waits for it is cancelled."""
    connection.execute("UPDATE webhook SET enabled = false, disabled_because = %s WHERE id = %s", (because, id_))
    cancel_waiting(connection, id_, now)


def cancel_waiting(connection: Connection[Any], id_: str, now: datetime) -> None:
    """Cancel what waits for a webhook."""
    connection.execute(
        "UPDATE webhook_delivery SET state = 'cancelled', next_at = NULL, done_at = %s"
        " WHERE webhook_id = %s AND state = 'waiting'",
        (now, id_),
    )


def note_outcome(connection: Connection[Any], id_: str, now: datetime, *, well: bool) -> datetime | None:
    """Note how the last delivery went; return since when it fails."""
    row = connection.execute(
        "UPDATE webhook SET failing_since = CASE WHEN %(well)s THEN NULL ELSE coalesce(failing_since, %(now)s) END"
        " WHERE id = %(id)s RETURNING failing_since",
        {"well": well, "now": now, "id": id_},
    ).fetchone()
    return row[0] if row else None


# ── events and deliveries ─────────────────────────────────────────────────────────────────────────────────────────────


def add_event(connection: Connection[Any], one: Event) -> bool:
    """Write an event; False when one of its key is there."""
    return bool(
        connection.execute(
            "INSERT INTO webhook_event (id, key, type, at, operator, body) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (key) DO NOTHING",
            (one.id, one.key, one.type, one.at, one.operator, one.body),
        ).rowcount
    )


def add_deliveries(connection: Connection[Any], event: str, webhooks: Sequence[str], now: datetime) -> None:
    """Have an event delivered."""
    connection.execute(
        "INSERT INTO webhook_delivery (webhook_id, event_id, state, next_at) SELECT one, %s, 'waiting', %s"
        " FROM unnest(%s::text[]) AS one",
        (event, now, list(webhooks)),
    )


_DELIVERY = """
    SELECT d.id, d.webhook_id, d.event_id, e.type, e.at, e.body, d.state, d.attempts, d.next_at, d.done_at
    FROM webhook_delivery d JOIN webhook_event e ON e.id = d.event_id
"""


def get_delivery(connection: Connection[Any], webhook: str, id_: int) -> Delivery:
    """Return a delivery of a webhook."""
    row = connection.execute(f"{_DELIVERY} WHERE d.webhook_id = %s AND d.id = %s".encode(), (webhook, id_)).fetchone()
    if row is None:
        raise NotFound(
            f"webhook {webhook} has no delivery {id_}; /v1/webhooks/{webhook}/deliveries lists them",
            code="unknown_delivery",
        )
    return Delivery(*row)


def list_deliveries(
    connection: Connection[Any], webhook: str, *, state: str | None, before: int | None, limit: int
) -> list[Delivery]:
    """List deliveries of a webhook, newest first."""
    rows = connection.execute(
        f"{_DELIVERY} WHERE d.webhook_id = %(webhook)s AND (%(state)s::text IS NULL OR d.state = %(state)s)"
        " AND (%(before)s::bigint IS NULL OR d.id < %(before)s) ORDER BY d.id DESC LIMIT %(limit)s".encode(),
        {"webhook": webhook, "state": state, "before": before, "limit": limit},
    )
    return [Delivery(*row) for row in rows]


def list_attempts(connection: Connection[Any], deliveries: Sequence[int]) -> dict[int, list[Attempt]]:
    """List the attempts of deliveries, in order."""
    found: dict[int, list[Attempt]] = {one: [] for one in deliveries}
    for delivery, *rest in connection.execute(
        "SELECT delivery_id, number, at, milliseconds, status, problem FROM webhook_attempt"
        " WHERE delivery_id = ANY(%s) ORDER BY delivery_id, number",
        (list(deliveries),),
    ):
        found[delivery].append(Attempt(*rest))
    return found


_DUE = "SELECT webhook_id FROM webhook_delivery WHERE state = 'waiting' AND next_at <= %s"


def list_due(connection: Connection[Any], now: datetime) -> list[Webhook]:
    """List webhooks for which something is due."""
    rows = connection.execute(
        f"{_WEBHOOK} WHERE enabled AND id IN ({_DUE}) ORDER BY id".encode(),
        (now,),
    )
    return [_webhook(row) for row in rows]


def release(connection: Connection[Any], now: datetime) -> None:
    """Let what was left while it was being delivered be delivered again."""
    connection.execute(
        "UPDATE webhook_delivery SET state = 'waiting', next_at = %s, claimed_at = NULL"
        " WHERE state = 'sending' AND claimed_at < clock_timestamp() - %s",
        (now, SILENT),
    )


def claim(connection: Connection[Any], webhook: str, now: datetime) -> Delivery | None:
    """Take the oldest delivery that is due, so that nobody else does."""
    row = connection.execute(
        """
        WITH taken AS (
            UPDATE webhook_delivery SET state = 'sending', next_at = NULL, claimed_at = clock_timestamp(),
                attempts = attempts + 1
            WHERE id = (
                SELECT id FROM webhook_delivery WHERE webhook_id = %s AND state = 'waiting' AND next_at <= %s
                ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING *
        )
        SELECT d.id, d.webhook_id, d.event_id, e.type, e.at, e.body, d.state, d.attempts, d.next_at, d.done_at
        FROM taken d JOIN webhook_event e ON e.id = d.event_id
        """,
        (webhook, now),
    ).fetchone()
    return Delivery(*row) if row else None


def settle(
    connection: Connection[Any], one: Delivery, attempt: Attempt, state: str, *, now: datetime, next_at: datetime | None
) -> None:
    """Note an attempt and what came of it, in one transaction."""
    with connection.transaction():
        connection.execute(
            "INSERT INTO webhook_attempt (delivery_id, number, at, milliseconds, status, problem)"
            " SELECT id, (SELECT count(*) + 1 FROM webhook_attempt WHERE delivery_id = %(id)s), %(at)s, %(ms)s,"
            " %(status)s, %(problem)s FROM webhook_delivery WHERE id = %(id)s",
            {
                "id": one.id,
                "at": attempt.at,
                "ms": attempt.milliseconds,
                "status": attempt.status,
                "problem": attempt.problem,
            },
        )
        connection.execute(
            "UPDATE webhook_delivery SET state = %s, next_at = %s, claimed_at = NULL, done_at = %s"
            " WHERE id = %s AND state = 'sending' AND attempts = %s",
            (state, next_at, None if next_at else now, one.id, one.attempts),
        )


def postpone(connection: Connection[Any], webhook: str, until: datetime) -> None:
    """Leave a webhook alone for a while."""
    connection.execute(
        "UPDATE webhook_delivery SET next_at = greatest(next_at, %s) WHERE webhook_id = %s AND state = 'waiting'",
        (until, webhook),
    )


def deliver_again(connection: Connection[Any], webhook: str, now: datetime, *, id_: int | None, since: datetime) -> int:
    """Have what failed or was cancelled since an instant, or one delivery, delivered anew; return how many."""
    return connection.execute(
        """
        UPDATE webhook_delivery SET state = 'waiting', next_at = %(now)s, done_at = NULL, attempts = 0
        WHERE webhook_id = %(webhook)s AND (
            id = %(id)s AND state <> 'sending'
            OR %(id)s::bigint IS NULL AND state IN ('failed', 'cancelled')
               AND event_id IN (SELECT id FROM webhook_event WHERE at >= %(since)s)
        )
        """,
        {"webhook": webhook, "now": now, "id": id_, "since": since},
    ).rowcount


def forget(connection: Connection[Any], before: datetime) -> int:
    """Forget events of before an instant with their deliveries; return how many."""
    return connection.execute("DELETE FROM webhook_event WHERE at < %s", (before,)).rowcount
