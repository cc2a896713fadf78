"""What is earned, by day; rules of sharing; closed months, shares and payouts; all SQL of revenue.

``revenue_day`` holds what was earned of each product on each day without VAT, apart by who does what for it (`split`):
rides that were bought for say so themselves, of passes it is known by validations only (empty).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from psycopg import Connection


@dataclass(frozen=True)
class ShareRule:
    """By what a product's revenue is shared, from a day on."""

    id: int
    product: str | None
    """None: every product without a rule of its own."""
    since: date
    basis: str
    """``usage``, ``kilometres``, ``fixed`` or ``stand_alone``."""
    keys: Mapping[str, int]
    """Of ``fixed``: by operator, parts of the whole; of others what counts where nothing is known of use."""
    by: str
    at: datetime


@dataclass(frozen=True)
class ClosedMonth:
    """A month whose revenue was shared."""

    month: date
    closed_at: datetime
    closed_by: str
    execution: date
    payer: str
    payer_iban: str
    earned: int
    """Cents without VAT."""
    shared: int
    uses: int
    """Validations that were counted."""


@dataclass(frozen=True)
class Share:
    """What an operator has of a product's revenue of a month."""

    product: str
    operator: str
    basis: str
    weight: int
    cents: int


@dataclass(frozen=True)
class Payout:
    """What an operator is paid for a month."""

    id: str
    month: date
    operator: str
    name: str
    iban: str
    cents: int


def lock(connection: Connection[Any]) -> None:
    """Let one transaction at a time deal with revenue."""
    connection.execute("SELECT pg_advisory_xact_lock(7100)")


# ── earned ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def earn_until(connection: Connection[Any], last: date) -> list[tuple[date, str, int]]:
    """Earn what is due by the end of a day; return the cents by day of the books and product."""
    rows = connection.execute(
        """
        WITH due AS (
            SELECT id, product, split, floor(
                (cents - vat)::numeric * least(earn_days, %(last)s - earn_from + 1) / earn_days
            )::bigint - earned AS more, least(%(last)s, earn_from + earn_days - 1) AS day
            FROM order_part
            WHERE earn_from <= %(last)s AND earned < cents - vat
              AND state IN ('fulfilled', 'refund_ongoing', 'exchange_ongoing', 'refunded', 'exchanged')
            FOR UPDATE
        ), moved AS (
            UPDATE order_part SET earned = earned + due.more FROM due WHERE order_part.id = due.id AND due.more > 0
            RETURNING due.product, due.split, due.more, due.day
        ), posted AS (
            SELECT product, split, more, CASE WHEN EXISTS (
                SELECT FROM revenue_month m WHERE m.month = date_trunc('month', day)::date
            ) THEN %(last)s ELSE day END AS day FROM moved
        ), added AS (
            INSERT INTO revenue_day (day, product, split, cents)
            SELECT day, product, split, sum(more) FROM posted GROUP BY day, product, split
            ON CONFLICT (day, product, split) DO UPDATE SET cents = revenue_day.cents + EXCLUDED.cents
        )
        SELECT day, product, sum(more)::bigint FROM posted GROUP BY day, product ORDER BY day, product
        """,
        {"last": last},
    )
    return [(day, product, cents) for day, product, cents in rows]


def add_revenue(connection: Connection[Any], day: date, product: str, split: Mapping[str, Any], cents: int) -> None:
    """Add to what was earned on a day: fees that are kept, or, below zero, what is given back."""
    connection.execute(
        "INSERT INTO revenue_day (day, product, split, cents) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (day, product, split) DO UPDATE SET cents = revenue_day.cents + EXCLUDED.cents",
        [day, product, Jsonb(dict(split)), cents],
    )


def count_runs(connection: Connection[Any], day: date) -> int:
    """Count the entries about a day's revenue so far."""
    row = connection.execute(
        "SELECT count(*) FROM ledger_entry WHERE reference = %s", [f"revenue:{day.isoformat()}"]
    ).fetchone()
    assert row
    return int(row[0])


def list_unused(connection: Connection[Any], last: date) -> list[tuple[str, str]]:
    """List parts that count from their first use and were not used yet, as far as is known, with their tickets."""
    rows = connection.execute(
        "SELECT id, ticket FROM order_part WHERE valid_from IS NULL AND ticket IS NOT NULL AND earned = 0"
        " AND earn_from > %s AND state = 'fulfilled'",
        [last],
    )
    return [(id_, ticket) for id_, ticket in rows]


def begin_earning(connection: Connection[Any], part: str, day: date) -> None:
    """Have a part earned from a day on."""
    connection.execute("UPDATE order_part SET earn_from = %s WHERE id = %s AND earned = 0", [day, part])


def sum_month(connection: Connection[Any], month: date) -> list[tuple[str, Mapping[str, Any], int]]:
    """Add up what was earned in a month: by product and by who does what for it."""
    rows = connection.execute(
        "SELECT product, split, sum(cents)::bigint FROM revenue_day"
        " WHERE day >= %s AND day < %s::date + '1 month'::interval GROUP BY product, split HAVING sum(cents) <> 0 ORDER BY product, split::text",
        [month, month],
    )
    return [(product, split, cents) for product, split, cents in rows]
