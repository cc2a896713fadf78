"""Money for rides by bank card: added up, asked for, asked for again, paid otherwise, or written off.

======================  ==============================================================================================
a day is counted        Dr travellers (the card) / Cr fares, vat                                      (`taps_service`)
paid                    Dr provider (or till) / Cr travellers
charged too much        Dr travellers / Cr refunds; when it went out Dr refunds / Cr provider
contested               Dr contested / Cr provider; won: the opposite; lost: Dr travellers / Cr contested, a debt again
written off             Dr fares_lost / Cr travellers; paid after all: Dr provider / Cr fares_lost
======================  ==============================================================================================

The first charge of a card is asked for as soon as its first day is counted, so that not more than a day is risked. A
card whose charge is declined is on the deny list of all readers until it is paid.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, NotFound, Refused
from mobigo.ledger import service as ledger
from mobigo.ledger.model import Chart, Posting
from mobigo.payments import service as payments
from mobigo.payments import store as payments_store
from mobigo.payments.model import What
from mobigo.ticketing import debts_store as store
from mobigo.ticketing import taps_store
from mobigo.ticketing.books import CONTESTED, PROVIDER, REFUNDS, TILL
from mobigo.ticketing.debts_store import Charge, ChargeState
from mobigo.ticketing.taps import transport_day
from mobigo.ticketing.taps_policy import read_policy
from mobigo.ticketing.taps_service import BY, FRANCE
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.payments.model import Happening, Payment
    from mobigo.payments.provider import Provider
    from mobigo.ticketing.taps_policy import Policy
    from mobigo.ticketing.taps_store import Card

PURPOSE = "taps"
"""Of payments for charges."""

LOST = "fares_lost"
"""Account of what was given up."""

MOVES: dict[ChargeState, frozenset[ChargeState]] = {
    ChargeState.WAITING: frozenset({ChargeState.ASKED, ChargeState.PAID, ChargeState.WRITTEN_OFF}),
    ChargeState.ASKED: frozenset({ChargeState.PAID, ChargeState.WAITING, ChargeState.DECLINED}),
    ChargeState.DECLINED: frozenset({ChargeState.ASKED, ChargeState.PAID, ChargeState.WRITTEN_OFF}),
    ChargeState.PAID: frozenset({ChargeState.DECLINED}),
    ChargeState.WRITTEN_OFF: frozenset({ChargeState.PAID}),
}
"""By state: those that may follow; the database knows the same ones."""

LETTERS = "23456789BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 12

PATIENCE = timedelta(days=1)
"""How long the provider may take to decide."""

NONCE = 12
"""Bytes before what is sealed."""


@dataclass(frozen=True)
class Till:
    """What asking for money needs.

    Parameters
    ----------
    provider : Provider
    key : bytes
        Of this home: opens the provider's words for cards.
    """

    provider: Provider
    key: bytes


# ── the provider's word for a card ────────────────────────────────────────────────────────────────────────────────────


def keep_token(session: Session, key: bytes, card: str, method: str, customer: str | None) -> None:
    """Keep by what word the payment provider knows a card, sealed."""
    nonce = secrets.token_bytes(NONCE)
    sealed = AESGCM(key).encrypt(nonce, json.dumps([method, customer]).encode(), card.encode())
    taps_store.set_token(driver(session), card, nonce + sealed)


def _open_token(session: Session, key: bytes, card: str) -> tuple[str, str | None] | None:
    sealed = taps_store.find_token(driver(session), card)
    if sealed is None:
        return None
    try:
        method, customer = json.loads(AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], card.encode()))
    except (InvalidTag, ValueError):
        return None  # sealed by a key this home has not any more: as if it was never told
    return method, customer


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def collect(session: Session, till: Till, card: str, now: datetime) -> Payment | None:
    """Ask for what a card owes, if it is time to; carry the payment out after the commit."""
    connection = driver(session)
    known = taps_store.find_card(connection, card, lock=True)
    owed = store.sum_open(connection, card)
    if known is None or owed is None:
        return None
    cents, first, last = owed
    if cents <= 0:
        _give_back(session, known, cents, now)
        return None
    policy = read_policy(connection)
    proven = taps_store.count_paid(connection, card) > 0
    today = transport_day(now, FRANCE)
    waited = (today - first).days >= policy.charge.longest_days
    if proven and known.denied_at is None and cents < policy.charge.limit_cents and not waited:
        return None
    charge = Charge(
        id="".join(secrets.choice(LETTERS) for _ in range(LENGTH)),
        card=card,
        first=first,
        last=last,
        cents=cents,
        state=ChargeState.WAITING,
        payment=None,
        attempts=0,
        next_at=None,
        problem=None,
        made_at=now,
        settled_at=None,
    )
    store.add_charge(connection, charge)
    store.note(connection, charge.id, now, what="made", by=BY, details={"cents": cents})
    return _ask(session, till, charge, known, now)


def list_owing(session: Session, now: datetime, after: str, limit: int) -> list[str]:
    """List cards that are to be asked for something, in order of their ids and after one."""
    rules = read_policy(driver(session)).charge
    since = transport_day(now, FRANCE) - timedelta(days=rules.longest_days)
    return store.list_owing(driver(session), least=rules.limit_cents, since=since, after=after, limit=limit)


def ask_again(session: Session, till: Till, id_: str, now: datetime) -> Payment | None:
    """Ask once more for a charge that was declined; carry the payment out after the commit."""
    connection = driver(session)
    charge = store.find_charge(connection, id_, lock=True)
    if charge is None or charge.state not in (ChargeState.DECLINED, ChargeState.WAITING) or charge.card is None:
        return None
    card = taps_store.find_card(connection, charge.card)
    return None if card is None else _ask(session, till, charge, card, now)


def ask_at_reader(session: Session, till: Till, card: str, now: datetime) -> list[Payment]:
    """Ask for the debts of a card that is held to a reader in vain, once a day at most."""
    asked = []
    for charge in store.list_charges(driver(session), card):
        quiet = charge.settled_at is None or now - charge.settled_at >= timedelta(days=1)
        if charge.state is ChargeState.DECLINED and quiet:
            payment = ask_again(session, till, charge.id, now)
            asked += [payment] if payment else []
    return asked


def _ask(session: Session, till: Till, charge: Charge, card: Card, now: datetime) -> Payment | None:
    token = _open_token(session, till.key, card.id)
    if token is None:
        after = replace(charge, attempts=charge.attempts + 1, next_at=_next(session, charge, now), problem="no_token")
        store.set_charge(driver(session), after)
        _deny(session, card, "unpaid", now)
        if after.attempts > len(read_policy(driver(session)).charge.retry_days):
            _write_off(session, after, now)
        return None
    method, customer = token
    payment = payments.intend(
        session,
        till.provider,
        purpose=PURPOSE,
        reference=charge.id,
        cents=charge.cents,
        currency="EUR",
        until=now + PATIENCE,
        now=now,
        method=method,
        customer=customer,
        off_session=True,
    )
    after = replace(
        charge, state=ChargeState.ASKED, payment=payment.id, attempts=charge.attempts + 1, next_at=None, problem=None
    )
    store.set_charge(driver(session), after)
    store.note(driver(session), charge.id, now, what="asked", by=BY, details={"payment": payment.id})
    return payment


def _next(session: Session, charge: Charge, now: datetime) -> datetime:
    days = read_policy(driver(session)).charge.retry_days
    return now + timedelta(days=days[min(charge.attempts, len(days) - 1)])


def _give_back(session: Session, card: Card, cents: int, now: datetime) -> None:
    """Give back what a card was charged too much, of a charge that was large enough; else it counts for later rides."""
    if not cents:
        return
    connection = driver(session)
    for charge in store.list_charges(connection, card.id):
        payment = payments_store.find_payment(connection, charge.payment) if charge.payment else None
        if charge.state is not ChargeState.PAID or payment is None:
            continue
        gone = sum(one.cents for one in payments_store.list_refunds(connection, [payment.id]))
        if payment.cents - gone < -cents:
            continue
        refund = payments.pay_back(session, payment, -cents, reason="charged_too_much", now=now)
        store.give_back(connection, card.id, charge.id)
        store.note(connection, charge.id, now, what="given_back", by=BY, details={"refund": refund.id, "cents": -cents})
        _post(
            session,
            charge,
            "tap_given_back",
            {_party(charge): -cents, REFUNDS: cents},
            key=f"refund/{refund.id}",
            at=now,
        )
        return


# ── paying otherwise ──────────────────────────────────────────────────────────────────────────────────────────────────


def get_charge(session: Session, id_: str, *, lock: bool = False) -> Charge:
    """Return a charge.

    Raises
    ------
    NotFound
        ``unknown_charge``.
    """
    found = store.find_charge(driver(session), id_, lock=lock)
    if found is None:
        raise NotFound(f"no charge {id_[:20]!r}; compare it with the bank's statement", code="unknown_charge")
    return found


def begin_payment(session: Session, till: Till, id_: str, method: str | None, now: datetime) -> Payment:
    """Let somebody pay a charge themselves, by any card; carry the payment out after the commit."""
    charge = _require_unpaid(session, id_)
    for one in payments_store.list_payments(driver(session), PURPOSE, charge.id):
        if one.state in ("intended", "open"):
            raise Conflict(
                f"payment {one.id} of charge {charge.id} is {one.state}; wait until it is decided", code="payment_open"
            )
    return payments.intend(
        session,
        till.provider,
        purpose=PURPOSE,
        reference=charge.id,
        cents=charge.cents,
        currency="EUR",
        until=now + timedelta(minutes=30),
        now=now,
        method=method,
    )


def take_cash(session: Session, id_: str, by: str, now: datetime) -> Charge:
    """Take what a charge comes to at a desk."""
    charge = _require_unpaid(session, id_)
    return _end(session, charge, TILL, None, by=by, now=now)


def _require_unpaid(session: Session, id_: str) -> Charge:
    charge = get_charge(session, id_, lock=True)
    if charge.state is ChargeState.PAID:
        raise Conflict(f"charge {charge.id} is paid", code="charge_paid")
    if charge.state is ChargeState.ASKED:
        raise Conflict(f"the bank of charge {charge.id} is being asked; try again in a minute", code="payment_open")
    return charge


# ── what follows ──────────────────────────────────────────────────────────────────────────────────────────────────────


def follow(what: Happening) -> None:
    """Do what follows from what has become of a payment."""
    session, now = what.session, what.at
    charge = store.find_charge(driver(session), what.payment.reference, lock=True)
    if charge is None:
        return
    match what.what:
        case What.SUCCEEDED if charge.state is ChargeState.PAID:
            refund = payments.pay_back(session, what.payment, what.payment.cents, reason="paid_twice", now=now)
            key = f"payment/{what.payment.id}"
            _post(
                session,
                charge,
                "tap_paid_twice",
                {PROVIDER: what.payment.cents, REFUNDS: -refund.cents},
                key=key,
                at=now,
            )
        case What.SUCCEEDED:
            _end(session, charge, PROVIDER, what.payment.id, by=BY, now=now)
        case What.DECLINED | What.CANCELLED if charge.payment == what.payment.id:
            _decline(session, charge, what.payment.problem or what.what, now)
        case What.REFUNDED | What.REFUND_RETURNED:
            assert what.refund is not None
            cents = what.refund.cents if what.what is What.REFUNDED else -what.refund.cents
            key = f"refund/{what.refund.id}/{what.what}"
            _post(session, charge, f"tap_{what.what}", {REFUNDS: cents, PROVIDER: -cents}, key=key, at=now)
        case What.DISPUTED | What.DISPUTE_WON | What.DISPUTE_LOST:
            _dispute(session, charge, what)
        case _:
            store.note(driver(session), charge.id, now, what=what.what, by=BY, details={"payment": what.payment.id})


def _end(session: Session, charge: Charge, account: str, payment: str | None, *, by: str, now: datetime) -> Charge:
    """Write down that a charge is paid; its card is let through again when nothing else is owed."""
    connection = driver(session)
    after = _move(session, charge, ChargeState.PAID, by=by, now=now, details={"payment": payment, "account": account})
    after = replace(after, payment=payment or charge.payment, next_at=None, problem=None, settled_at=now)
    store.set_charge(connection, after)
    owed = LOST if charge.state is ChargeState.WRITTEN_OFF else _party(charge)
    key = f"paid/{payment or 'cash'}"
    _post(session, charge, "tap_paid", {account: charge.cents, owed: -charge.cents}, key=key, at=now, by=by)
    unpaid = {ChargeState.DECLINED, ChargeState.WAITING, ChargeState.WRITTEN_OFF}
    if charge.card is not None and not any(one.state in unpaid for one in store.list_charges(connection, charge.card)):
        allow(session, charge.card)
    return after


def _decline(session: Session, charge: Charge, problem: str, now: datetime) -> None:
    after = _move(session, charge, ChargeState.DECLINED, by=BY, now=now, details={"problem": problem})
    next_at = _next(session, replace(charge, attempts=charge.attempts - 1), now)
    after = replace(after, next_at=next_at, problem=problem, settled_at=now)
    store.set_charge(driver(session), after)
    if charge.attempts > len(read_policy(driver(session)).charge.retry_days):
        _write_off(session, after, now)
    card = taps_store.find_card(driver(session), charge.card) if charge.card else None
    if card is not None:
        _deny(session, card, "declined", now)


def _dispute(session: Session, charge: Charge, what: Happening) -> None:
    assert what.dispute is not None
    cents, key = what.dispute.cents, f"dispute/{what.dispute.id}/{what.what}"
    card = taps_store.find_card(driver(session), charge.card) if charge.card else None
    if what.what is What.DISPUTED:
        _post(session, charge, "tap_contested", {CONTESTED: cents, PROVIDER: -cents}, key=key, at=what.at)
        if card is not None:
            _deny(session, card, "contested", what.at)
    elif what.what is What.DISPUTE_WON:
        _post(session, charge, "tap_contest_won", {PROVIDER: cents, CONTESTED: -cents}, key=key, at=what.at)
        if card is not None:
            allow(session, card.id)
    else:
        _post(session, charge, "tap_contest_lost", {_party(charge): cents, CONTESTED: -cents}, key=key, at=what.at)
        if charge.state is ChargeState.PAID:
            _decline(session, charge, "contested", what.at)
    store.note(driver(session), charge.id, what.at, what=what.what, by=BY, details={"dispute": what.dispute.id})


def _write_off(session: Session, charge: Charge, now: datetime) -> None:
    after = _move(session, charge, ChargeState.WRITTEN_OFF, by=BY, now=now, details={})
    store.set_charge(driver(session), replace(after, next_at=None, settled_at=now))
    _post(
        session,
        charge,
        "tap_written_off",
        {LOST: charge.cents, _party(charge): -charge.cents},
        key="written_off",
        at=now,
    )


def _move(
    session: Session, charge: Charge, state: ChargeState, *, by: str, now: datetime, details: Mapping[str, object]
) -> Charge:
    if state not in MOVES[charge.state]:
        raise Refused(f"charge {charge.id} is {charge.state} and cannot become {state}", code="unlawful_move")
    store.note(driver(session), charge.id, now, what=state, by=by, details=details)
    return replace(charge, state=state)


def _party(charge: Charge) -> str:
    return f"card:{charge.card or charge.id}"


def _post(
    session: Session, charge: Charge, kind: str, moves: Mapping[str, int], *, key: str, at: datetime, by: str = BY
) -> None:
    """Post to accounts; what begins with ``card:`` is what that card owes."""
    ledger.post(
        session,
        kind=kind,
        reference=f"charge:{charge.id}",
        postings=[
            Posting(Chart.TRAVELLERS, cents, name) if name.startswith("card:") else Posting(name, cents)
            for name, cents in moves.items()
        ],
        key=f"charge/{charge.id}/{key}",
        by=by,
        at=at,
    )


# ── the deny list ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _deny(session: Session, card: Card, because: str, now: datetime) -> None:
    if card.denied_at is None:
        taps_store.set_denied(driver(session), card.id, now, because)
        tickets.deny_card(session, card.hash, until=None, why=because, now=now)


def allow(session: Session, card: str) -> None:
    """Let a card through again."""
    known = taps_store.find_card(driver(session), card, lock=True)
    if known is not None and known.denied_at is not None:
        taps_store.set_denied(driver(session), card, None, None)
        tickets.allow_card(session, known.hash)


def deny_unproven(session: Session, policy: Policy, cards: set[str], now: datetime) -> None:
    """Stop cards that were let through often and never paid, until they have."""
    connection = driver(session)
    for card in sorted(cards):
        known = taps_store.find_card(connection, card)
        unproven = known is not None and known.denied_at is None and not taps_store.count_paid(connection, card)
        if known is not None and unproven and taps_store.count_accepted(connection, card) > policy.charge.unproven_taps:
            _deny(session, known, "unproven", now)
