"""What is earned, by day; rules of sharing; closed months, shares and payouts; all SQL of revenue.

``revenue_day`` holds what was earned of each product on each day without VAT, apart by who does what for it (`split`):
rides that were bought for say so themselves, of passes it is known by validations only (empty).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
        """
        SELECT product, split, sum(cents)::bigint FROM revenue_day
        WHERE day >= %s AND day < %s::date + '1 month'::interval
        GROUP BY product, split HAVING sum(cents) <> 0 ORDER BY product, split::text
        """,
        [month, month],
    )
    return [(product, split, cents) for product, split, cents in rows]


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_rule(
    connection: Connection[Any],
    *,
    product: str | None,
    since: date,
    basis: str,
    keys: Mapping[str, int],
    by: str,
    at: datetime,
) -> ShareRule:
    """Write a rule down; of two with one day the one written last counts."""
    row = connection.execute(
        "INSERT INTO share_rule (product, since, basis, keys, written_by, at) VALUES (%s, %s, %s, %s, %s, %s)"
        " RETURNING id",
        [product, since, basis, Jsonb(dict(keys)), by, at],
    ).fetchone()
    assert row
    return ShareRule(row[0], product, since, basis, keys, by, at)


def list_rules(connection: Connection[Any]) -> list[ShareRule]:
    """List all rules, oldest first."""
    rows = connection.execute("SELECT id, product, since, basis, keys, written_by, at FROM share_rule ORDER BY id")
    return [ShareRule(*row) for row in rows]


# ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def set_account(connection: Connection[Any], operator: str, *, name: str, iban: str, by: str, at: datetime) -> None:
    """Write down where an operator is paid."""
    connection.execute(
        "INSERT INTO operator_account (operator, name, iban, written_by, at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (operator) DO UPDATE SET name = EXCLUDED.name, iban = EXCLUDED.iban,"
        " written_by = EXCLUDED.written_by, at = EXCLUDED.at",
        [operator, name, iban, by, at],
    )


def list_accounts(connection: Connection[Any]) -> dict[str, tuple[str, str]]:
    """List where operators are paid: name and account number by operator."""
    rows = connection.execute("SELECT operator, name, iban FROM operator_account ORDER BY operator")
    return {operator: (name, iban) for operator, name, iban in rows}


def sum_operators(connection: Connection[Any], account: str) -> dict[str, int]:
    """Add up what an account owes each operator, credits less debits."""
    rows = connection.execute(
        "SELECT substr(party, 10), -sum(cents)::bigint FROM ledger_posting"
        " WHERE account = %s AND party LIKE 'operator:%%' GROUP BY party ORDER BY party",
        [account],
    )
    return {operator: int(cents) for operator, cents in rows}


def sum_booked(connection: Connection[Any], until: datetime) -> dict[str, int]:
    """Add up what operators earned by booked rides before an instant and that no closed month has shared yet."""
    rows = connection.execute(
        """
        SELECT substr(p.party, 10), -sum(p.cents)::bigint
        FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id
        WHERE p.account = 'fares' AND p.party LIKE 'operator:%%' AND e.at < %s GROUP BY p.party
        """,
        [until],
    )
    earned = {operator: int(cents) for operator, cents in rows}
    for operator, cents in connection.execute(
        "SELECT operator, sum(cents)::bigint FROM revenue_share WHERE product = 'on_demand' GROUP BY operator"
    ):
        earned[operator] = earned.get(operator, 0) - int(cents)
    return {operator: cents for operator, cents in sorted(earned.items()) if cents}


# ── closed months ─────────────────────────────────────────────────────────────────────────────────────────────────────


def add_month(connection: Connection[Any], one: ClosedMonth) -> None:
    """Write down that a month is closed: nothing is earned in it any more."""
    connection.execute(
        "INSERT INTO revenue_month (month, closed_at, closed_by, execution, payer, payer_iban, earned, shared, uses)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            one.month,
            one.closed_at,
            one.closed_by,
            one.execution,
            one.payer,
            one.payer_iban,
            one.earned,
            one.shared,
            one.uses,
        ],
    )


def list_months(connection: Connection[Any]) -> list[ClosedMonth]:
    """List closed months, the latest first."""
    rows = connection.execute(
        "SELECT month, closed_at, closed_by, execution, payer, payer_iban, earned, shared, uses FROM revenue_month"
        " ORDER BY month DESC"
    )
    return [ClosedMonth(*row) for row in rows]


def find_month(connection: Connection[Any], month: date) -> ClosedMonth | None:
    """Find a closed month."""
    return next((one for one in list_months(connection) if one.month == month), None)


def add_shares(connection: Connection[Any], month: date, shares: Iterable[Share]) -> None:
    """Write down who has what of a month's revenue."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO revenue_share (month, product, operator, basis, weight, cents)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [(month, one.product, one.operator, one.basis, one.weight, one.cents) for one in shares],
        )


def list_shares(connection: Connection[Any], month: date, operator: str | None = None) -> list[Share]:
    """List who has what of a month's revenue."""
    rows = connection.execute(
        "SELECT product, operator, basis, weight, cents FROM revenue_share"
        " WHERE month = %s AND (%s::text IS NULL OR operator = %s) ORDER BY operator, product, basis",
        [month, operator, operator],
    )
    return [Share(*row) for row in rows]


def add_payouts(connection: Connection[Any], payouts: Sequence[Payout]) -> None:
    """Write down who is paid what for a month."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO revenue_payout (id, month, operator, name, iban, cents) VALUES (%s, %s, %s, %s, %s, %s)",
            [(one.id, one.month, one.operator, one.name, one.iban, one.cents) for one in payouts],
        )


def list_payouts(connection: Connection[Any], month: date) -> list[Payout]:
    """List who is paid what for a month."""
    rows = connection.execute(
        "SELECT id, month, operator, name, iban, cents FROM revenue_payout WHERE month = %s ORDER BY operator", [month]
    )
    return [Payout(*row) for row in rows]


# ── settlements ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class SettlementRow:
    """A line of a provider's file."""

    id: str
    at: datetime
    category: str
    source: str
    """The provider's id of what it is about."""
    cents: int
    fee: int
    finding: str | None = None
    """Why it does not agree with what we know; None: it does."""


def list_settled(connection: Connection[Any], provider: str, ids: Sequence[str]) -> set[str]:
    """List those of some lines that were read before without a finding."""
    rows = connection.execute(
        "SELECT id FROM settlement_row WHERE provider = %s AND id = ANY(%s) AND finding IS NULL", [provider, list(ids)]
    )
    return {id_ for (id_,) in rows}


def put_settled(connection: Connection[Any], provider: str, rows: Iterable[SettlementRow], at: datetime) -> None:
    """Write lines down, anew where they had a finding before."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO settlement_row (provider, id, at, category, source, cents, fee, finding, read_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (provider, id) DO UPDATE SET finding = EXCLUDED.finding, read_at = EXCLUDED.read_at",
            [(provider, one.id, one.at, one.category, one.source, one.cents, one.fee, one.finding, at) for one in rows],
        )


def list_known_money(connection: Connection[Any], provider: str) -> dict[tuple[str, str], int]:
    """List what we know of money at a provider: cents by kind and the provider's id of its payment or itself."""
    found: dict[tuple[str, str], int] = {}
    for id_, cents in connection.execute(
        "SELECT provider_id, cents FROM payment WHERE provider = %s AND state = 'succeeded'", [provider]
    ):
        found["charge", id_] = cents
    for id_, cents, state in connection.execute(
        "SELECT r.provider_id, r.cents, r.state FROM payment_refund r JOIN payment p ON p.id = r.payment"
        " WHERE p.provider = %s AND r.provider_id IS NOT NULL AND r.state IN ('succeeded', 'open', 'failed')",
        [provider],
    ):
        found["refund", id_] = -cents
        if state == "failed":
            found["refund_failure", id_] = cents
    for id_, cents, state in connection.execute(
        "SELECT d.id, d.cents, d.state FROM payment_dispute d JOIN payment p ON p.id = d.payment WHERE p.provider = %s",
        [provider],
    ):
        found["dispute", id_] = -cents
        if state == "won":
            found["dispute_reversal", id_] = cents
    return found


def list_settled_sources(connection: Connection[Any], provider: str) -> set[tuple[str, str]]:
    """List kind and source of all lines that were read."""
    rows = connection.execute("SELECT category, source FROM settlement_row WHERE provider = %s", [provider])
    return {(category, source) for category, source in rows}
