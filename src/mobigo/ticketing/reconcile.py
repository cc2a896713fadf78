"""The provider's settlement file held against what we know: every line, both ways; its fees and payouts are posted.

The file is CSV with Stripe's columns (``balance_change_from_activity.itemized``, and payouts): id of the line, when,
gross, fee, category, what it is about. A file may be read again, and files may overlap: each line counts once.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Entry, Posting
from mobigo.ticketing import books, revenue_store
from mobigo.ticketing.revenue_store import SettlementRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

FEES = "provider_fees"
"""Account."""

MOST_ROWS = 500_000

AMOUNT = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{1,2}))?")

MATCHED = frozenset({"charge", "refund", "refund_failure", "dispute", "dispute_reversal"})
"""Categories that are about something of ours."""

PAYOUT, FEE = "payout", "fee"

UNKNOWN, AMOUNT_DIFFERS = "unknown", "amount"
"""Findings: of what we know nothing; of what we know another amount."""


@dataclass(frozen=True)
class Missing:
    """Money that we know of and that no file has named yet."""

    category: str
    source: str
    cents: int


@dataclass(frozen=True)
class Reconciled:
    """What a file came to."""

    rows: int
    known: int
    """Lines that were read before."""
    findings: tuple[SettlementRow, ...]
    missing: tuple[Missing, ...]
    fees: int
    payouts: int
    """Cents that went to the bank."""


def read_file(text: str) -> list[SettlementRow]:
    """Read a settlement file.

    Raises
    ------
    InvalidInput
        When it is none (``invalid_settlement``); the sentence names the line.
    """
    try:
        return _read_rows(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise InvalidInput(f"the file is no CSV: {error}; export it again", code="invalid_settlement") from None


def _read_rows(reader: csv.DictReader[str]) -> list[SettlementRow]:
    columns = {name.strip() for name in reader.fieldnames or ()}
    needed = {"balance_transaction_id", "gross", "fee", "reporting_category"}
    if not needed <= columns:
        raise InvalidInput(
            f"the file has no column {', '.join(sorted(needed - columns))}; export"
            " balance_change_from_activity.itemized",
            code="invalid_settlement",
        )
    found = []
    for number, row in enumerate(reader, 2):
        if number > MOST_ROWS:
            raise InvalidInput(
                f"a file has at most {MOST_ROWS} lines; export a shorter time", code="invalid_settlement"
            )
        found.append(_read_row(number, row))
    return found


def _read_row(number: int, row: Mapping[str, str | None]) -> SettlementRow:
    def cell(name: str) -> str:
        return (row.get(name) or "").strip()

    try:
        at = datetime.fromisoformat(cell("created_utc") or cell("created"))
        gross, fee = _read_amount(cell("gross")), _read_amount(cell("fee"))
    except ValueError as error:
        raise InvalidInput(f"line {number} of the file cannot be read: {error}", code="invalid_settlement") from None
    category, id_ = cell("reporting_category"), cell("balance_transaction_id")
    if not id_ or not category or "\0" in "".join(str(value) for value in row.values()):
        raise InvalidInput(
            f"line {number} of the file has no balance_transaction_id or reporting_category", code="invalid_settlement"
        )
    source = cell("payment_intent_id") if category == "charge" and cell("payment_intent_id") else cell("source_id")
    return SettlementRow(id_, at if at.tzinfo else at.replace(tzinfo=UTC), category, source, gross, fee)


def _read_amount(text: str) -> int:
    found = AMOUNT.fullmatch(text.replace(",", "."))
    if found is None:
        raise ValueError(f"{text[:30]!r} is no amount")
    sign, whole, cents = found.groups()
    value = int(whole) * 100 + int((cents or "0").ljust(2, "0"))
    return -value if sign else value


def reconcile(session: Session, provider: str, rows: Sequence[SettlementRow], *, by: str, now: datetime) -> Reconciled:
    """Hold a file against what we know, and post its fees and payouts, in the caller's transaction."""
    connection = driver(session)
    revenue_store.lock(connection)
    ours = revenue_store.list_known_money(connection, provider)
    before = revenue_store.list_settled(connection, provider, [row.id for row in rows])
    fresh = {row.id: row for row in rows if row.id not in before}
    judged = [replace(row, finding=_judge(row, ours)) for row in fresh.values()]
    revenue_store.put_settled(connection, provider, judged, now)
    entries = [entry for row in judged if row.finding is None for entry in _entries(provider, row, by)]
    ledger.post_all(session, entries)
    named = revenue_store.list_settled_sources(connection, provider)
    missing = tuple(
        Missing(category, source, cents)
        for (category, source), cents in sorted(ours.items())
        if (category, source) not in named
    )
    return Reconciled(
        len(rows),
        len(rows) - len(fresh),
        tuple(row for row in judged if row.finding is not None),
        missing,
        sum(row.fee for row in judged if row.finding is None),
        -sum(row.cents for row in judged if row.category == PAYOUT),
    )


def _judge(row: SettlementRow, ours: Mapping[tuple[str, str], int]) -> str | None:
    if row.category not in MATCHED:
        return None if row.category in {PAYOUT, FEE} else UNKNOWN
    known = ours.get((row.category, row.source))
    if known is None:
        return UNKNOWN
    return None if known == row.cents else AMOUNT_DIFFERS


def _entries(provider: str, row: SettlementRow, by: str) -> list[Entry]:
    """Return what a line posts beyond what was posted when it happened: the provider's fee, money sent to our bank."""
    found = []
    fee = row.fee - (row.cents if row.category == FEE else 0)
    reference = f"settlement:{provider}/{row.id}"
    key = f"settlement/{provider}/{row.id}"
    if fee:
        postings = (Posting(FEES, fee), Posting(books.PROVIDER, -fee))
        found.append(Entry(0, row.at, "provider_fee", reference, postings, f"{key}/fee", by))
    if row.category == PAYOUT and row.cents:
        paid = (Posting(Chart.BANK, -row.cents), Posting(books.PROVIDER, row.cents))
        found.append(Entry(0, row.at, "provider_payout", reference, paid, f"{key}/payout", by))
    return found
