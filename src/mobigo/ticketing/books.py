"""What orders do to the ledger; every entry in the transaction of what it is about, under a key of its own.

=======================  ==================================================================================
money came               Dr provider (or till) / Cr prepaid: nothing is sold yet
issued                   Dr prepaid / Cr deferred (without VAT) and vat; of booked rides Cr travellers: their debt
covered ride booked      Dr fares of the product / Cr travellers; back when the ride is called off
earned                   Dr deferred / Cr fares, day by day (`earnings`)
refunded                 Dr deferred, vat and, where it was earned, fares / Cr refunds; what is kept is earned
cannot be issued         Dr prepaid / Cr refunds
refund went out          Dr refunds / Cr provider (or till)
contested                Dr contested / Cr provider; back, or to contested_lost, when it is decided
=======================  ==================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Posting
from mobigo.payments.model import What

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.payments.model import Happening
    from mobigo.ticketing.model import Order, Part

PROVIDER, TILL, PREPAID, REFUNDS, VAT = "provider", "till", "prepaid", "refunds", "vat"
CONTESTED, CONTESTED_LOST = "contested", "contested_lost"
"""Accounts."""

RECEIVED, SOLD, SETTLED = "order_paid", "order_issued", "booking_paid"
COVERED, UNCOVERED = "booking_covered", "booking_uncovered"
RETURNED, WENT_OUT, CAME_BACK = "order_refunded", "refund_paid", "refund_returned"
FAILED, MOVED_OVER = "order_not_issued", "order_exchanged"
"""Kinds of entries."""


@dataclass(frozen=True)
class Cover:
    """What a product's revenue pays for a booked ride."""

    number: int
    """Of the ride."""
    debtor: str
    product: str
    cents: int
    entries: int
    """Posted so far."""


def reference(order: Order) -> str:
    """What entries about an order say they are about."""
    return f"order:{order.reference}"


def split_vat(cents: int, permille: int) -> int:
    """Return the VAT within a price, rounded half up."""
    whole = 1000 + permille
    return (2 * cents * permille + whole) // (2 * whole)


def product_party(product: str) -> str:
    """Whom revenue of a product concerns."""
    return f"product:{product}"


def _post(
    session: Session, order: Order, kind: str, postings: Sequence[Posting], *, key: str, by: str, at: datetime
) -> None:
    kept = [one for one in postings if one.cents]
    if kept:
        ledger.post(
            session, kind=kind, reference=reference(order), postings=kept, key=f"order/{order.id}/{key}", by=by, at=at
        )


def receive(session: Session, order: Order, cents: int, account: str, *, key: str, by: str, at: datetime) -> None:
    """Post that money came for an order."""
    _post(
        session,
        order,
        RECEIVED,
        [Posting(account, cents), Posting(PREPAID, -cents, reference(order))],
        key=f"{key}/received",
        by=by,
        at=at,
    )


def sell(session: Session, order: Order, part: Part, *, by: str, at: datetime) -> None:
    """Post that a part was issued: paid in advance until it is travelled."""
    product = product_party(part.product)
    _post(
        session,
        order,
        SOLD,
        [
            Posting(PREPAID, part.cents, reference(order)),
            Posting(Chart.DEFERRED, -part.net, product),
            Posting(VAT, -part.vat, product),
        ],
        key=f"{part.id}/issued",
        by=by,
        at=at,
    )


def pay_booking(session: Session, order: Order, part: Part, debtor: str, *, by: str, at: datetime) -> None:
    """Post that a part pays what somebody owes for a booked ride."""
    _post(
        session,
        order,
        SETTLED,
        [Posting(PREPAID, part.cents, reference(order)), Posting(Chart.TRAVELLERS, -part.cents, debtor)],
        key=f"{part.id}/issued",
        by=by,
        at=at,
    )


def cover_booking(
    session: Session, order: Order, cents: int, debtor: str, product: str, *, key: str, by: str, at: datetime
) -> None:
    """Post that a product's revenue pays for a booked ride that it covers."""
    _post(
        session,
        order,
        COVERED,
        [Posting(Chart.FARES, cents, product_party(product)), Posting(Chart.TRAVELLERS, -cents, debtor)],
        key=f"{key}/covered",
        by=by,
        at=at,
    )


def uncover_booking(
    session: Session, order: Order, cents: int, debtor: str, product: str, *, key: str, by: str, at: datetime
) -> None:
    """Post that a product's revenue need not pay for a booked ride after all."""
    _post(
        session,
        order,
        UNCOVERED,
        [Posting(Chart.TRAVELLERS, cents, debtor), Posting(Chart.FARES, -cents, product_party(product))],
        key=key,
        by=by,
        at=at,
    )


def pay_penalty(
    session: Session, order: Order, cents: int, debtor: str, product: str, *, key: str, by: str, at: datetime
) -> None:
    """Post that what is kept of a product pays for leaving a booked ride that it covered."""
    _post(
        session,
        order,
        SETTLED,
        [Posting(Chart.FARES, cents, product_party(product)), Posting(Chart.TRAVELLERS, -cents, debtor)],
        key=f"{key}/penalty",
        by=by,
        at=at,
    )


def list_covers(session: Session, order: Order) -> list[Cover]:
    """List what products pay for the booked rides of an order, oldest first; what was taken back is taken off."""
    found: dict[int, Cover] = {}
    for entry in ledger.list_entries(session, reference(order)):
        if entry.kind not in (COVERED, UNCOVERED):
            continue
        number = int(entry.key.split("/")[2].removeprefix("ride"))
        (owed,) = (one for one in entry.postings if one.account == Chart.TRAVELLERS)
        (paid,) = (one for one in entry.postings if one.account == Chart.FARES)
        before = found.get(number, Cover(number, owed.party or "", (paid.party or "").removeprefix("product:"), 0, 0))
        found[number] = replace(before, cents=before.cents - owed.cents, entries=before.entries + 1)
    return list(found.values())


def move_over(session: Session, order: Order, other: Order, cents: int, *, by: str, at: datetime) -> None:
    """Post that what is given back of one order pays for another."""
    _post(
        session,
        order,
        MOVED_OVER,
        [Posting(PREPAID, cents, reference(order)), Posting(PREPAID, -cents, reference(other))],
        key=f"{other.id}/moved_over",
        by=by,
        at=at,
    )


def move_owed(session: Session, order: Order, other: Order, cents: int, *, key: str, by: str, at: datetime) -> None:
    """Post that what is owed back of one order goes back by a payment of another, which was exchanged for it."""
    _post(
        session,
        order,
        MOVED_OVER,
        [Posting(REFUNDS, cents, reference(order)), Posting(REFUNDS, -cents, reference(other))],
        key=f"{key}/owed_by",
        by=by,
        at=at,
    )


def give_up(session: Session, order: Order, cents: int, *, key: str, by: str, at: datetime) -> None:
    """Post that money that came is owed back."""
    _post(
        session,
        order,
        FAILED,
        [Posting(PREPAID, cents, reference(order)), Posting(REFUNDS, -cents, reference(order))],
        key=f"{key}/owed_back",
        by=by,
        at=at,
    )


def refund_part(
    session: Session, order: Order, part: Part, cents: int, *, towards: str, key: str, by: str, at: datetime
) -> int:
    """Post that cents of an issued part are given back; return the cents of revenue that this adds (below zero: takes).

    Parameters
    ----------
    towards : str
        Account that owes them now: `REFUNDS`, or `PREPAID` of an exchange.
    """
    vat = split_vat(cents, part.vat_permille)
    unearned = part.net - part.earned
    kept = unearned - (cents - vat)
    product = product_party(part.product)
    _post(
        session,
        order,
        RETURNED if towards == REFUNDS else MOVED_OVER,
        [
            Posting(Chart.DEFERRED, unearned, product),
            Posting(VAT, vat, product),
            Posting(Chart.FARES, -kept, product),
            Posting(towards, -cents, reference(order)),
        ],
        key=f"{part.id}/{key}",
        by=by,
        at=at,
    )
    return kept


def refund_booking(
    session: Session,
    order: Order,
    part: Part,
    cents: int,
    debtor: str,
    *,
    towards: str,
    key: str,
    by: str,
    at: datetime,
) -> None:
    """Post that cents that somebody has paid for a booked ride, and does not owe any more, are given back."""
    _post(
        session,
        order,
        RETURNED if towards == REFUNDS else MOVED_OVER,
        [Posting(Chart.TRAVELLERS, cents, debtor), Posting(towards, -cents, reference(order))],
        key=f"{part.id}/{key}",
        by=by,
        at=at,
    )


def find_credit(session: Session, debtor: str) -> int:
    """Return the cents that somebody has paid for booked rides beyond what they owe."""
    return -ledger.balance(session, account=Chart.TRAVELLERS, party=debtor)


def hand_back(session: Session, order: Order, cents: int, *, key: str, by: str, at: datetime) -> None:
    """Post that a desk gave money back."""
    _post(
        session,
        order,
        WENT_OUT,
        [Posting(REFUNDS, cents, reference(order)), Posting(TILL, -cents)],
        key=f"{key}/handed_back",
        by=by,
        at=at,
    )


def follow(order: Order, what: Happening, *, by: str) -> None:
    """Post what has become of money at the provider, but for what came: that is for the order to say."""
    party = reference(order)
    entries: dict[What, tuple[str, list[Posting], str]] = {}
    if what.refund is not None:
        cents, key = what.refund.cents, what.refund.id
        entries[What.REFUNDED] = (WENT_OUT, [Posting(REFUNDS, cents, party), Posting(PROVIDER, -cents)], key)
        entries[What.REFUND_RETURNED] = (CAME_BACK, [Posting(PROVIDER, cents), Posting(REFUNDS, -cents, party)], key)
    if what.dispute is not None:
        cents, key = what.dispute.cents, what.dispute.id
        entries[What.DISPUTED] = ("contested", [Posting(CONTESTED, cents, party), Posting(PROVIDER, -cents)], key)
        entries[What.DISPUTE_WON] = (
            "contested_won",
            [Posting(PROVIDER, cents), Posting(CONTESTED, -cents, party)],
            key,
        )
        entries[What.DISPUTE_LOST] = (
            "contested_lost",
            [Posting(CONTESTED_LOST, cents, party), Posting(CONTESTED, -cents, party)],
            key,
        )
    if what.what in entries:
        kind, postings, key = entries[what.what]
        _post(what.session, order, kind, postings, key=f"{key}/{what.what}", by=by, at=what.at)
