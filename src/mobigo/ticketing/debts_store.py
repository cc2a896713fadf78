"""What owners of cards are asked for; all SQL of it.

``tap_charge``: ``id`` (printed on the bank's statement: who has it may see it), ``card``, ``first, last`` (days),
``cents``, ``state`` (`debts.MOVES`), ``payment`` (the last one), ``attempts``, ``next_at`` (asked again), ``problem``
``tap_charge_event``: what became of it, never changed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection


class ChargeState(StrEnum):
    """What has become of a charge."""

    WAITING = "waiting"
    """Nobody can be asked: the provider's word for the card is not known."""
    ASKED = "asked"
    PAID = "paid"
    DECLINED = "declined"
    """Asked again at `Charge.next_at`, and when the card is held to a reader."""
    WRITTEN_OFF = "written_off"
    """Given up; it may still be paid."""


@dataclass(frozen=True)
class Charge:
    """What is asked for the rides of some days."""

    id: str
    card: str | None
    """None: nobody knows whose it was."""
    first: date
    last: date
    cents: int
    state: ChargeState
    payment: str | None
    attempts: int
    next_at: datetime | None
    problem: str | None
    made_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True)
class Noted:
    """Something that became of a charge."""

    at: datetime
    what: str
    by: str
    details: Mapping[str, Any]


_CHARGE = (
    "SELECT id, card, first, last, cents, state, payment, attempts, next_at, problem, made_at, settled_at"
    " FROM tap_charge"
)


def find_charge(connection: Connection[Any], id_: str, *, lock: bool = False) -> Charge | None:
    """Find a charge."""
    found = _charges(connection, f"WHERE id = %s{' FOR UPDATE' if lock else ''}", [id_])
    return found[0] if found else None


def list_charges(connection: Connection[Any], card: str) -> list[Charge]:
    """List the charges of a card, newest first."""
    return _charges(connection, "WHERE card = %s ORDER BY made_at DESC, id", [card])


def list_declined(connection: Connection[Any], limit: int) -> list[Charge]:
    """List charges that were not paid, oldest first."""
    return _charges(connection, "WHERE state IN ('declined', 'waiting') ORDER BY made_at, id LIMIT %s", [limit])


def list_due(connection: Connection[Any], now: datetime, limit: int) -> list[str]:
    """List charges that are to be asked for again."""
    rows = connection.execute(
        "SELECT id FROM tap_charge WHERE next_at <= %s ORDER BY next_at, id LIMIT %s", [now, limit]
    )
    return [id_ for (id_,) in rows]


def _charges(connection: Connection[Any], where: str, values: Sequence[object]) -> list[Charge]:
    rows = connection.execute(f"{_CHARGE} {where}".encode(), values)
    return [
        Charge(id_, card, first, last, cents, ChargeState(state), *rest)
        for id_, card, first, last, cents, state, *rest in rows
    ]


def add_charge(connection: Connection[Any], one: Charge) -> None:
    """Write a charge down, of all that its card owes and is not asked for yet."""
    connection.execute(
        "INSERT INTO tap_charge (id, card, first, last, cents, state, payment, attempts, next_at, problem, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            one.id, one.card, one.first, one.last, one.cents, one.state, one.payment, one.attempts, one.next_at,
            one.problem, one.made_at,
        ],
    )  # fmt: skip
    connection.execute("UPDATE tap_due SET charge = %s WHERE card = %s AND charge IS NULL", [one.id, one.card])


def set_charge(connection: Connection[Any], one: Charge) -> None:
    """Write down what has become of a charge."""
    connection.execute(
        "UPDATE tap_charge SET state = %s, payment = %s, attempts = %s, next_at = %s, problem = %s, settled_at = %s"
        " WHERE id = %s",
        [one.state, one.payment, one.attempts, one.next_at, one.problem, one.settled_at, one.id],
    )


def note(
    connection: Connection[Any], charge: str, at: datetime, *, what: str, by: str, details: Mapping[str, Any]
) -> None:
    """Write down what happened to a charge."""
    connection.execute(
        "INSERT INTO tap_charge_event (charge, at, what, written_by, details) VALUES (%s, %s, %s, %s, %s)",
        [charge, at, what, by, Jsonb(details)],
    )


def list_notes(connection: Connection[Any], charge: str) -> list[Noted]:
    """List what happened to a charge, oldest first."""
    rows = connection.execute(
        "SELECT at, what, written_by, details FROM tap_charge_event WHERE charge = %s ORDER BY id", [charge]
    )
    return [Noted(*row) for row in rows]


def sum_open(connection: Connection[Any], card: str) -> tuple[int, date, date] | None:
    """Add up what a card owes and is not asked for yet, with its first and last day; None where there is nothing."""
    row = connection.execute(
        "SELECT sum(cents)::bigint, min(day), max(day) FROM tap_due WHERE card = %s AND charge IS NULL", [card]
    ).fetchone()
    assert row
    return None if row[0] is None else (int(row[0]), row[1], row[2])


def list_owing(connection: Connection[Any], *, least: int, since: date, after: str, limit: int) -> list[str]:
    """List cards, in order of their ids and after one, that are to be asked for something, or given something back.

    Parameters
    ----------
    least : int
        Cents that are asked for of cards that have paid before.
    since : date
        A day from which on one has waited long enough.
    """
    rows = connection.execute(
        """
        SELECT card FROM tap_due JOIN tap_card ON tap_card.id = card WHERE charge IS NULL AND card > %s
        GROUP BY card, denied_at HAVING sum(cents) >= %s OR sum(cents) < 0 OR min(day) <= %s OR denied_at IS NOT NULL
            OR NOT EXISTS (SELECT FROM tap_charge AS paid WHERE paid.card = tap_due.card AND paid.state = 'paid')
        ORDER BY card LIMIT %s
        """,
        [after, least, since, limit],
    )
    return [card for (card,) in rows]


def give_back(connection: Connection[Any], card: str, charge: str) -> None:
    """Note that what a card was charged too much went back to a charge."""
    connection.execute("UPDATE tap_due SET charge = %s WHERE card = %s AND charge IS NULL", [charge, card])


def list_days_of(connection: Connection[Any], charge: str) -> list[tuple[date, int]]:
    """List what the days of a charge came to, in order."""
    rows = connection.execute(
        "SELECT day, sum(cents)::bigint FROM tap_due WHERE charge = %s GROUP BY day ORDER BY day", [charge]
    )
    return [(day, int(cents)) for day, cents in rows]
