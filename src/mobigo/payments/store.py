"""Payments, refunds, disputes and events in the database; all SQL of payments.

A row with `next_at` has something to be done about it by then; a worker takes it up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.kit.errors import NotFound
from mobigo.payments.model import (
    Dispute,
    DisputeState,
    Event,
    EventKind,
    Payment,
    PaymentState,
    Refund,
    RefundState,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection

_PAYMENT = (
    "SELECT id, provider, purpose, reference, cents, currency, state, until, created_at, method, customer, off_session,"
    " provider_id, action, problem, attempts, settled_at, back FROM payment"
)

_REFUND = (
    "SELECT id, payment, cents, reason, state, created_at, provider_id, problem, attempts, settled_at"
    " FROM payment_refund"
)


def lock(connection: Connection[Any], purpose: str, reference: str) -> None:
    """Let one transaction at a time deal with the money of one thing; taken before any row of it."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"{purpose}:{reference}"])


def add_payment(connection: Connection[Any], one: Payment, next_at: datetime) -> None:
    """Write a payment down."""
    connection.execute(
        "INSERT INTO payment (id, provider, purpose, reference, cents, currency, method, customer, off_session, state,"
        " until, next_at, created_at, back) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            one.id,
            one.provider,
            one.purpose,
            one.reference,
            one.cents,
            one.currency,
            one.method,
            one.customer,
            one.off_session,
            one.state,
            one.until,
            next_at,
            one.created_at,
            one.back,
        ],
    )


def find_payment(connection: Connection[Any], id_: str) -> Payment | None:
    """Find a payment."""
    return next(iter(_payments(connection, "WHERE id = %s", [id_])), None)


def get_payment(connection: Connection[Any], id_: str) -> Payment:
    """Return a payment.

    Raises
    ------
    NotFound
        ``unknown_payment``.
    """
    found = find_payment(connection, id_)
    if found is None:
        raise NotFound(f"no payment {id_[:60]!r}", code="unknown_payment")
    return found


def find_by_provider(connection: Connection[Any], provider: str, id_: str) -> Payment | None:
    """Find the payment that a provider calls so."""
    return next(iter(_payments(connection, "WHERE provider = %s AND provider_id = %s", [provider, id_])), None)


def list_payments(connection: Connection[Any], purpose: str, reference: str) -> list[Payment]:
    """List the payments of one thing, oldest first."""
    return _payments(connection, "WHERE purpose = %s AND reference = %s ORDER BY created_at, id", [purpose, reference])


def _payments(connection: Connection[Any], where: str, values: Sequence[object]) -> list[Payment]:
    rows = connection.execute(f"{_PAYMENT} {where}".encode(), values)
    return [
        Payment(id_, provider, purpose, reference, cents, currency, PaymentState(state), *rest)
        for id_, provider, purpose, reference, cents, currency, state, *rest in rows
    ]


def begin_attempt(connection: Connection[Any], id_: str, next_at: datetime) -> Payment | None:
    """Count an attempt at a payment that is not decided; None where it is."""
    row = connection.execute(
        "UPDATE payment SET attempts = attempts + 1, next_at = %s WHERE id = %s AND state IN ('intended', 'open')"
        " RETURNING id",
        [next_at, id_],
    ).fetchone()
    return None if row is None else find_payment(connection, id_)


def set_payment(
    connection: Connection[Any],
    id_: str,
    state: PaymentState,
    *,
    provider_id: str | None,
    action: str | None,
    problem: str | None,
    next_at: datetime | None,
    settled_at: datetime | None,
) -> Payment:
    """Write down what has become of a payment."""
    connection.execute(
        "UPDATE payment SET state = %s, provider_id = coalesce(%s, provider_id), action = %s, problem = %s,"
        " next_at = %s, settled_at = %s WHERE id = %s",
        [state, provider_id, action, problem, next_at, settled_at, id_],
    )
    return get_payment(connection, id_)


def postpone(connection: Connection[Any], id_: str, next_at: datetime) -> None:
    """Have a payment looked at later, unless it was decided meanwhile."""
    connection.execute(
        "UPDATE payment SET next_at = %s WHERE id = %s AND state IN ('intended', 'open')", [next_at, id_]
    )


def bring_forward(connection: Connection[Any], id_: str, until: datetime) -> None:
    """Have a payment that is not decided called off from an instant on."""
    connection.execute(
        "UPDATE payment SET until = least(until, %s), next_at = least(next_at, %s)"
        " WHERE id = %s AND state IN ('intended', 'open')",
        [until, until, id_],
    )


def list_due(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List payments that something is to be done about, longest due first."""
    rows = connection.execute("SELECT id FROM payment WHERE next_at <= %s ORDER BY next_at, id LIMIT %s", [now, limit])
    return [id_ for (id_,) in rows]


# ── refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_refund(connection: Connection[Any], one: Refund, next_at: datetime) -> None:
    """Write a refund down."""
    connection.execute(
        "INSERT INTO payment_refund (id, payment, cents, reason, state, next_at, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [one.id, one.payment, one.cents, one.reason, one.state, next_at, one.created_at],
    )


def get_refund(connection: Connection[Any], id_: str) -> Refund:
    """Return a refund.

    Raises
    ------
    NotFound
        ``unknown_refund``.
    """
    found = next(iter(_refunds(connection, "WHERE id = %s", [id_])), None)
    if found is None:
        raise NotFound(f"no refund {id_[:60]!r}", code="unknown_refund")
    return found


def list_refunds(connection: Connection[Any], payments: Sequence[str]) -> list[Refund]:
    """List the refunds of payments, oldest first."""
    return _refunds(connection, "WHERE payment = ANY(%s) ORDER BY created_at, id", [list(payments)])


def list_open_refunds(connection: Connection[Any], payment: str) -> list[Refund]:
    """List the refunds of a payment that the provider has not decided."""
    return _refunds(connection, "WHERE payment = %s AND state IN ('intended', 'open') ORDER BY id", [payment])


def list_gone_refunds(connection: Connection[Any], payment: str) -> list[Refund]:
    """List the refunds of a payment that have gone out."""
    return _refunds(connection, "WHERE payment = %s AND state = 'succeeded' ORDER BY id", [payment])


def _refunds(connection: Connection[Any], where: str, values: Sequence[object]) -> list[Refund]:
    rows = connection.execute(f"{_REFUND} {where}".encode(), values)
    return [
        Refund(id_, payment, cents, reason, RefundState(state), *rest)
        for id_, payment, cents, reason, state, *rest in rows
    ]


def begin_refund(connection: Connection[Any], id_: str, next_at: datetime) -> Refund | None:
    """Count an attempt at a refund that is not decided; None where it is."""
    row = connection.execute(
        "UPDATE payment_refund SET attempts = attempts + 1, next_at = %s WHERE id = %s"
        " AND state IN ('intended', 'open') RETURNING id",
        [next_at, id_],
    ).fetchone()
    return None if row is None else get_refund(connection, id_)


def set_refund(
    connection: Connection[Any],
    id_: str,
    state: RefundState,
    *,
    provider_id: str | None,
    problem: str | None,
    next_at: datetime | None,
    settled_at: datetime | None,
) -> Refund:
    """Write down what has become of a refund."""
    connection.execute(
        "UPDATE payment_refund SET state = %s, provider_id = coalesce(%s, provider_id), problem = %s, next_at = %s,"
        " settled_at = %s WHERE id = %s",
        [state, provider_id, problem, next_at, settled_at, id_],
    )
    return get_refund(connection, id_)


def postpone_refund(connection: Connection[Any], id_: str, next_at: datetime) -> None:
    """Have a refund looked at later, unless it was decided meanwhile."""
    connection.execute(
        "UPDATE payment_refund SET next_at = %s WHERE id = %s AND state IN ('intended', 'open')", [next_at, id_]
    )


def list_due_refunds(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List refunds that something is to be done about, longest due first."""
    rows = connection.execute(
        "SELECT id FROM payment_refund WHERE next_at <= %s ORDER BY next_at, id LIMIT %s", [now, limit]
    )
    return [id_ for (id_,) in rows]


# ── disputes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_dispute(connection: Connection[Any], id_: str) -> Dispute | None:
    """Find a dispute."""
    row = connection.execute("SELECT id, payment, cents, state FROM payment_dispute WHERE id = %s", [id_]).fetchone()
    return None if row is None else Dispute(row[0], row[1], row[2], DisputeState(row[3]))


def add_dispute(connection: Connection[Any], one: Dispute, at: datetime) -> None:
    """Write a dispute down."""
    connection.execute(
        "INSERT INTO payment_dispute (id, payment, cents, state, at) VALUES (%s, %s, %s, %s, %s)",
        [one.id, one.payment, one.cents, one.state, at],
    )


def set_dispute(connection: Connection[Any], id_: str, state: DisputeState, at: datetime) -> None:
    """Write down how a dispute was decided."""
    connection.execute("UPDATE payment_dispute SET state = %s, settled_at = %s WHERE id = %s", [state, at, id_])


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_event(connection: Connection[Any], provider: str, one: Event, at: datetime) -> bool:
    """Write an event down; False when it was there."""
    added = connection.execute(
        "INSERT INTO payment_event (provider, id, kind, object, content, received_at) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [provider, one.id, one.kind, one.object, Jsonb(one.content), at],
    )
    return bool(added.rowcount)


def end_event(connection: Connection[Any], provider: str, id_: str, at: datetime) -> None:
    """Write down that an event was dealt with."""
    connection.execute("UPDATE payment_event SET handled_at = %s WHERE provider = %s AND id = %s", [at, provider, id_])


def list_events(connection: Connection[Any], provider: str, limit: int) -> list[Event]:
    """List events that nobody has dealt with, in the order they came."""
    rows = connection.execute(
        "SELECT id, kind, object, content FROM payment_event WHERE provider = %s AND handled_at IS NULL"
        " ORDER BY received_at, id LIMIT %s",
        [provider, limit],
    )
    return [Event(id_, EventKind(kind), object_, content) for id_, kind, object_, content in rows]


def forget_events(connection: Connection[Any], before: datetime) -> int:
    """Forget events that were dealt with long ago; return how many."""
    return connection.execute("DELETE FROM payment_event WHERE handled_at < %s", [before]).rowcount
