"""Payments carried out: intent, call, settle, each step in a transaction of its own and none open during a call.

==========  =====================================================  ==================================================
step        what is on record before                               killed after it
==========  =====================================================  ==================================================
intend      nothing                                                the worker opens it, or calls it off at its end
open        the intent                                             opened again under the same key: the same payment
confirm     the provider's id of it                                looked at by its id
settle      what the provider said, told by it as often as asked   asked again
==========  =====================================================  ==================================================

Money is only ever believed from the provider's answer about the payment itself: an event is a reason to look, so it
may come twice, late, in any order or never.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.payments import store
from mobigo.payments.model import (
    PAYMENT_MOVES,
    REFUND_MOVES,
    Dispute,
    DisputeState,
    EventKind,
    Happening,
    Outcome,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    What,
)
from mobigo.payments.provider import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy.engine import Engine

    from mobigo.payments.model import Event, RefundOutcome
    from mobigo.payments.provider import Provider

log = structlog.get_logger()

PATIENCE = timedelta(minutes=2)
"""After which somebody else takes up what was begun: longer than any call."""

PAUSES = (10, 30, 60, 300, 900, 3_600, 14_400, 43_200)
"""Seconds between looks; the last one again and again: money is never given up."""

BATCH = 100
"""Payments, refunds or events that are taken up at once."""

LARGEST = 10_000_00
"""Cents of one payment: ten thousand euros are a mistake."""

EVENTS_KEPT = timedelta(days=120)

DECIDED = frozenset({PaymentState.SUCCEEDED, PaymentState.DECLINED, PaymentState.CANCELLED})

TOLD = {
    PaymentState.SUCCEEDED: What.SUCCEEDED,
    PaymentState.DECLINED: What.DECLINED,
    PaymentState.CANCELLED: What.CANCELLED,
}


@dataclass(frozen=True)
class Payments:
    """What is done with payments.

    Parameters
    ----------
    engine : Engine
        Where each step opens its own transaction.
    provider : Provider
    follow : mapping
        By purpose: what follows from what has become of its payments, in the transaction that writes it down.
    """

    engine: Engine
    provider: Provider
    follow: Mapping[str, Callable[[Happening], None]]

    def carry_out(self, id_: str, now: datetime) -> Payment:
        """Bring a payment as far as it goes now: open it, confirm it, look at it, or call it off.

        A provider that does not answer changes nothing; the worker asks again.
        """
        with Session(self.engine) as session, session.begin():
            payment = store.begin_attempt(driver(session), id_, now + PATIENCE)
            if payment is None:
                return store.get_payment(driver(session), id_)
        try:
            return self._step(payment, now)
        except Unreachable as problem:
            log.warning("the payment provider did not answer", payment=id_, why=str(problem))
            with Session(self.engine) as session, session.begin():
                store.postpone(driver(session), id_, now + _pause(payment.attempts))
                return store.get_payment(driver(session), id_)
        except InvalidInput as problem:
            log.warning("the payment provider refused a payment", payment=id_, why=str(problem))
            return self._call_off(payment, now, str(problem))

    def _step(self, payment: Payment, now: datetime) -> Payment:
        if payment.state is PaymentState.OPEN:
            return self._settle(payment.id, self._ask(payment, now), now)
        if payment.until <= now:
            return self._call_off(payment, now)
        opened = self._settle(payment.id, self.provider.open(payment, now), now)
        if opened.state is not PaymentState.OPEN or opened.method is None:
            return opened
        return self._settle(payment.id, self.provider.confirm(opened, now), now)

    def _ask(self, payment: Payment, now: datetime) -> Outcome:
        """Look at an open payment; confirm one that nobody did, call off one whose time is over."""
        if payment.until <= now:
            return self.provider.cancel(payment, now)
        found = self.provider.look(payment, now)
        if found.unconfirmed and found.state is PaymentState.OPEN and payment.method is not None:
            return self.provider.confirm(payment, now)
        return found

    def _call_off(self, payment: Payment, now: datetime, problem: str | None = None) -> Payment:
        """End a payment that the provider never opened."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            store.lock(connection, payment.purpose, payment.reference)
            before = store.get_payment(connection, payment.id)
            if before.state is not PaymentState.INTENDED:
                return before
            after = store.set_payment(
                connection, payment.id, PaymentState.CANCELLED, provider_id=None, action=None, problem=problem,
                next_at=None, settled_at=now,
            )  # fmt: skip
            self._tell(Happening(session, What.CANCELLED, after, now))
        return after

    def _settle(self, id_: str, outcome: Outcome, now: datetime) -> Payment:
        """Write down what a provider said of a payment, and do what follows from it; said twice, once."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            known = store.get_payment(connection, id_)
            store.lock(connection, known.purpose, known.reference)
            before = store.get_payment(connection, id_)
            if outcome.state is not before.state and outcome.state not in PAYMENT_MOVES[before.state]:
                if before.state is not PaymentState.INTENDED:
                    return before  # an older answer than what is known
                store.set_payment(
                    connection, id_, PaymentState.OPEN, provider_id=outcome.provider_id, action=None, problem=None,
                    next_at=now, settled_at=None,
                )  # fmt: skip
            decided = outcome.state in DECIDED
            after = store.set_payment(
                connection,
                id_,
                outcome.state,
                provider_id=outcome.provider_id,
                action=None if decided else outcome.action,
                problem=outcome.problem,
                next_at=None if decided else min(now + _pause(before.attempts), max(before.until, now + _pause(1))),
                settled_at=(before.settled_at if before.state is outcome.state else now) if decided else None,
            )
            if decided and before.state is not outcome.state:
                self._tell(Happening(session, TOLD[outcome.state], after, now))
        return after

    # ── refunds ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def carry_out_refund(self, id_: str, now: datetime) -> Refund:
        """Bring a refund as far as it goes now."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            refund = store.begin_refund(connection, id_, now + PATIENCE)
            if refund is None:
                return store.get_refund(connection, id_)
            payment = store.get_payment(connection, refund.payment)
        try:
            outcome = self.provider.refund(payment, refund, now)
        except Unreachable as problem:
            log.warning("the payment provider did not answer", refund=id_, why=str(problem))
            with Session(self.engine) as session, session.begin():
                store.postpone_refund(driver(session), id_, now + _pause(refund.attempts))
                return store.get_refund(driver(session), id_)
        return self._settle_refund(payment, id_, outcome, now)

    def _settle_refund(self, payment: Payment, id_: str, outcome: RefundOutcome, now: datetime) -> Refund:
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            store.lock(connection, payment.purpose, payment.reference)
            before = store.get_refund(connection, id_)
            if outcome.state is not before.state and outcome.state not in REFUND_MOVES[before.state]:
                return before
            decided = outcome.state in (RefundState.SUCCEEDED, RefundState.FAILED)
            after = store.set_refund(
                connection,
                id_,
                outcome.state,
                provider_id=outcome.provider_id,
                problem=outcome.problem,
                next_at=None if decided else now + _pause(before.attempts),
                settled_at=(before.settled_at if before.state is outcome.state else now) if decided else None,
            )
            if decided and before.state is not outcome.state:
                what = What.REFUNDED
                if outcome.state is RefundState.FAILED:
                    gone = before.state is RefundState.SUCCEEDED
                    what = What.REFUND_RETURNED if gone else What.REFUND_FAILED
                self._tell(Happening(session, what, store.get_payment(connection, payment.id), now, refund=after))
        return after

    # ── what the provider tells by itself ─────────────────────────────────────────────────────────────────────────────

    def receive(self, body: bytes, signature: str, now: datetime) -> bool:
        """Take an event: written down at once, dealt with now if the provider answers, else by the worker.

        Returns
        -------
        bool
            False: it had come before.
        """
        event = self.provider.read_event(body, signature, now)
        with Session(self.engine) as session, session.begin():
            if not store.add_event(driver(session), self.provider.name, event, now):
                return False
        try:
            self.handle(event, now)
        except MobigoError as problem:
            log.warning("an event of the payment provider waits", event=event.id, why=str(problem))
        return True

    def handle(self, event: Event, now: datetime) -> None:
        """Deal with an event, once more where that is not known to have ended."""
        payment = self._find(event)
        if payment is not None:
            if event.kind is EventKind.PAYMENT:
                self._settle(payment.id, self.provider.look(payment, now), now)
            elif event.kind is EventKind.REFUND:
                self._look_at_refunds(payment, now)
            elif event.kind is EventKind.DISPUTE:
                self._dispute(payment, event, now)
        with Session(self.engine) as session, session.begin():
            store.end_event(driver(session), self.provider.name, event.id, now)

    def _find(self, event: Event) -> Payment | None:
        if event.kind is EventKind.OTHER:
            return None
        with Session(self.engine) as session:
            return store.find_by_provider(driver(session), self.provider.name, event.object)

    def _look_at_refunds(self, payment: Payment, now: datetime) -> None:
        with Session(self.engine) as session:
            connection = driver(session)
            due = [one.id for one in store.list_open_refunds(connection, payment.id)]
            gone = store.list_gone_refunds(connection, payment.id)
        for id_ in due:
            self.carry_out_refund(id_, now)
        for one in gone:
            self._settle_refund(payment, one.id, self.provider.refund(payment, one, now), now)

    def _dispute(self, payment: Payment, event: Event, now: datetime) -> None:
        state = DisputeState(event.content["state"])
        one = Dispute(str(event.content["id"]), payment.id, int(event.content["cents"]), state)
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            store.lock(connection, payment.purpose, payment.reference)
            known = store.find_dispute(connection, one.id)
            told = store.get_payment(connection, payment.id)
            if known is None:
                begun = Dispute(one.id, payment.id, one.cents, DisputeState.OPEN)
                store.add_dispute(connection, begun, now)
                self._tell(Happening(session, What.DISPUTED, told, now, dispute=begun))
                known = begun
            if known.state is DisputeState.OPEN and state is not DisputeState.OPEN:
                store.set_dispute(connection, one.id, state, now)
                what = What.DISPUTE_WON if state is DisputeState.WON else What.DISPUTE_LOST
                self._tell(Happening(session, what, told, now, dispute=Dispute(one.id, payment.id, known.cents, state)))

    # ── what is due ───────────────────────────────────────────────────────────────────────────────────────────────────

    def tend(self, now: datetime) -> int:
        """Take up what is due: payments and refunds that nobody has brought to an end, events that waited."""
        with Session(self.engine) as session:
            connection = driver(session)
            payments = store.list_due(connection, now, BATCH)
            refunds = store.list_due_refunds(connection, now, BATCH)
            events = store.list_events(connection, self.provider.name, BATCH)
        for id_ in payments:
            self._try("payment", id_, lambda id_=id_: self.carry_out(id_, now))  # type: ignore[misc]
        for id_ in refunds:
            self._try("refund", id_, lambda id_=id_: self.carry_out_refund(id_, now))  # type: ignore[misc]
        for event in events:
            self._try("event", event.id, lambda event=event: self.handle(event, now))  # type: ignore[misc]
        return len(payments) + len(refunds) + len(events)

    def _try(self, what: str, id_: str, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception:  # one that fails must not hold up all others
            log.exception("what was due about a payment failed", what=what, id=id_)

    def _tell(self, what: Happening) -> None:
        self.follow[what.payment.purpose](what)


def intend(
    session: Session,
    provider: Provider,
    *,
    purpose: str,
    reference: str,
    cents: int,
    currency: str,
    until: datetime,
    now: datetime,
    method: str | None = None,
    customer: str | None = None,
    off_session: bool = False,
    back: str | None = None,
) -> Payment:
    """Write down that money is asked for, in the caller's transaction; `Payments.carry_out` it after the commit.

    Raises
    ------
    InvalidInput
        When the sum is none (``invalid_payment``).
    """
    if not 0 < cents <= LARGEST:
        raise InvalidInput(f"{cents} cents cannot be paid at once; from 1 to {LARGEST}", code="invalid_payment")
    one = Payment(
        f"p{secrets.token_urlsafe(18)}",
        provider.name,
        purpose,
        reference,
        cents,
        currency,
        PaymentState.INTENDED,
        until,
        now,
        method,
        customer,
        off_session,
        back=back,
    )
    store.add_payment(driver(session), one, now + PATIENCE)
    return one


def pay_back(session: Session, payment: Payment, cents: int, *, reason: str, now: datetime) -> Refund:
    """Write down that money goes back, in the caller's transaction; `Payments.carry_out_refund` it after the commit.

    The database refuses more than was paid.
    """
    one = Refund(f"f{secrets.token_urlsafe(18)}", payment.id, cents, reason, RefundState.INTENDED, now)
    store.add_refund(driver(session), one, now)
    return one


def _pause(attempts: int) -> timedelta:
    return timedelta(seconds=PAUSES[min(max(attempts, 1), len(PAUSES)) - 1])
