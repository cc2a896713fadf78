"""The nouns of payments. Money is whole cents; a card is known by the provider's word for it, never by its number."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


class PaymentState(StrEnum):
    """What has become of a payment."""

    INTENDED = "intended"
    """Written down; the provider may not know it yet."""
    OPEN = "open"
    """The provider knows it; whether money comes is not decided."""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"


class RefundState(StrEnum):
    """What has become of a refund."""

    INTENDED = "intended"
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class DisputeState(StrEnum):
    """What has become of a payment that its payer contests."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


PAYMENT_MOVES: dict[PaymentState, frozenset[PaymentState]] = {
    PaymentState.INTENDED: frozenset({PaymentState.OPEN, PaymentState.CANCELLED}),
    PaymentState.OPEN: frozenset({PaymentState.SUCCEEDED, PaymentState.DECLINED, PaymentState.CANCELLED}),
    PaymentState.SUCCEEDED: frozenset(),
    PaymentState.DECLINED: frozenset({PaymentState.SUCCEEDED}),
    PaymentState.CANCELLED: frozenset({PaymentState.SUCCEEDED}),
}
"""By state: those that may follow. Money that comes after all is money: nothing but success takes back an end."""

REFUND_MOVES: dict[RefundState, frozenset[RefundState]] = {
    RefundState.INTENDED: frozenset({RefundState.OPEN, RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.OPEN: frozenset({RefundState.SUCCEEDED, RefundState.FAILED}),
    RefundState.SUCCEEDED: frozenset({RefundState.FAILED}),
    RefundState.FAILED: frozenset(),
}
"""By state: those that may follow. A bank may send a refund back that had gone out."""


@dataclass(frozen=True)
class Payment:
    """Money that is asked for, for one thing."""

    id: str
    provider: str
    purpose: str
    """Which part of the house asks: ``order``, ``taps``, ``renewal``."""
    reference: str
    """Id of what is paid there."""
    cents: int
    currency: str
    state: PaymentState
    until: datetime
    """Not decided by then, it is called off."""
    created_at: datetime
    method: str | None = None
    """The provider's word for a card or an account; None: the payer chooses on the provider's page."""
    customer: str | None = None
    """The provider's word for who pays, for cards that are kept."""
    off_session: bool = False
    """The payer is not there to be asked anything."""
    provider_id: str | None = None
    action: str | None = None
    """What the payer's page needs to go on, while it is open: with `back`, the address of the provider's own page."""
    problem: str | None = None
    attempts: int = 0
    settled_at: datetime | None = None
    back: str | None = None
    """Where the payer's browser goes on after the provider's own page; None: it is not sent to one."""


@dataclass(frozen=True)
class Refund:
    """Money of a payment that goes back."""

    id: str
    payment: str
    cents: int
    reason: str
    state: RefundState
    created_at: datetime
    provider_id: str | None = None
    problem: str | None = None
    attempts: int = 0
    settled_at: datetime | None = None


@dataclass(frozen=True)
class Dispute:
    """A payment that its payer contests: the provider takes the money back until it is decided."""

    id: str
    """The provider's."""
    payment: str
    cents: int
    state: DisputeState


@dataclass(frozen=True)
class Outcome:
    """What a provider says of a payment."""

    state: PaymentState
    provider_id: str
    action: str | None = None
    problem: str | None = None
    unconfirmed: bool = False
    """Nobody has tried to charge it yet."""


@dataclass(frozen=True)
class RefundOutcome:
    """What a provider says of a refund."""

    state: RefundState
    provider_id: str | None
    problem: str | None = None


class EventKind(StrEnum):
    """What an event of a provider is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"
    """Nothing we have to do with."""


@dataclass(frozen=True)
class Event:
    """What a provider tells by itself, once its signature was checked."""

    id: str
    kind: EventKind
    object: str
    """The provider's id of the payment it concerns."""
    content: Mapping[str, Any]
    """Of a refund: its ``id``; of a dispute: its ``id``, ``state`` and ``cents``."""


class What(StrEnum):
    """What has become so, and follows from nothing else."""

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    """It was not carried out."""
    REFUND_RETURNED = "refund_returned"
    """It had been carried out and came back."""
    DISPUTED = "disputed"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


@dataclass(frozen=True)
class Happening:
    """Something that has become of money: told once, in the transaction that writes it down."""

    session: Session
    what: What
    payment: Payment
    at: datetime
    refund: Refund | None = None
    dispute: Dispute | None = None
