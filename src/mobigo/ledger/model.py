"""The nouns of money: accounts, entries, postings. Whole cents of a euro; debits are positive, credits negative."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class AccountKind(StrEnum):
    """Which way an account grows: assets and expenses by debits, liabilities and income by credits."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def sign(self) -> int:
        """1 where a debit makes it larger, -1 where a credit does."""
        return 1 if self in (AccountKind.ASSET, AccountKind.EXPENSE) else -1


class Chart(StrEnum):
    """The accounts that are always there; others are opened as rooms need them."""

    TRAVELLERS = "travellers"
    """Asset: what travellers owe; below zero, what they are owed."""
    DEFERRED = "deferred"
    """Liability: sold, not travelled yet."""
    FARES = "fares"
    """Income: travelled."""
    PENALTIES = "penalties"
    """Income: cancelled too late, did not appear."""
    COLLECTED = "collected"
    """Asset: paid to drivers, not handed in yet."""
    BANK = "bank"
    """Asset."""


@dataclass(frozen=True)
class Account:
    """An account of the chart."""

    code: str
    kind: AccountKind
    name: str


@dataclass(frozen=True)
class Posting:
    """What one entry does to one account."""

    account: str
    cents: int
    """Positive: debit; negative: credit; never zero."""
    party: str | None = None
    """Whom it concerns, by an id and never by a name: ``booking:…``, ``operator:…``."""


@dataclass(frozen=True)
class Entry:
    """Something that happened to money; its postings add up to zero. Never changed: an error is reversed."""

    id: int
    at: datetime
    """When it happened."""
    kind: str
    """What happened, in a word of the room that posted it: ``fare``, ``late_cancellation``."""
    reference: str
    """What it is about: ``booking:…``."""
    postings: tuple[Posting, ...]
    key: str
    """The same key is the same entry, however often it is posted."""
    by: str
    note: str = ""
    reverses: int | None = None
    """The entry it undoes."""


@dataclass(frozen=True)
class Line:
    """A posting as a statement shows it."""

    entry: Entry
    posting: Posting
    balance: int
    """Cents after it, in the direction of the account's kind; of several accounts, debits less credits."""


@dataclass(frozen=True)
class Statement:
    """What happened on an account, to a party, or to both, over some time."""

    account: str | None
    party: str | None
    opening: int
    """Cents, like `Line.balance`."""
    lines: tuple[Line, ...]
    closing: int
    """After the last line."""
    cursor: str | None = None
    """Where the next page begins; None: this is the last."""
