"""Payments by way of the embedded provider: each step may be the last before a crash, and nothing is done twice."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.kit.errors import Unauthorised
from mobigo.payments import store
from mobigo.payments.model import Happening, Payment, PaymentState, RefundState, What
from mobigo.payments.provider import Unreachable
from mobigo.payments.sandbox import Sandbox
from mobigo.payments.service import Payments, intend, pay_back
from mobigo.payments.signature import check, sign

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from mobigo.payments.model import Outcome, Refund, RefundOutcome

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SECRET = "whsec_of_the_test"


class World:
    """Payments of one purpose, with what was told of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.told: list[What] = []
        self.provider = Sandbox(engine, SECRET)
        self.payments = Payments(engine, self.provider, {"trial": self._follow})

    def _follow(self, what: Happening) -> None:
        self.told.append(what.what)

    def intend(self, method: str | None, *, cents: int = 1_250, off_session: bool = False) -> Payment:
        with Session(self.engine) as session, session.begin():
            return intend(
                session, self.provider, purpose="trial", reference="t1", cents=cents, currency="EUR",
                until=NOW + timedelta(minutes=30), now=NOW, method=method, off_session=off_session,
            )  # fmt: skip

    def pay(self, method: str | None, *, off_session: bool = False) -> Payment:
        return self.payments.carry_out(self.intend(method, off_session=off_session).id, NOW)

    def after(self, **passed: int) -> None:
        """Let time pass: events come, the worker takes up what is due."""
        now = NOW + timedelta(**passed)
        self.provider.deliver(now, self.payments.receive)
        self.payments.tend(now)

    def read(self, payment: Payment) -> Payment:
        with Session(self.engine) as session:
            return store.get_payment(driver(session), payment.id)

    def rows(self) -> list[tuple[str, str]]:
        text = self.provider.write_settlement(NOW - timedelta(days=1), NOW + timedelta(days=1))
        return [(row["reporting_category"], row["gross"]) for row in csv.DictReader(io.StringIO(text))]


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


@pytest.mark.parametrize(
    ("method", "at_once", "later"),
    [
        ("pm_card_visa", "succeeded", "succeeded"),
        ("pm_card_visa_chargeDeclined", "declined", "declined"),
        ("pm_card_chargeDeclinedInsufficientFunds", "declined", "declined"),
        ("pm_sandbox_slow", "open", "succeeded"),
        ("pm_sandbox_slow_decline", "open", "declined"),
        ("pm_sandbox_lost", "intended", "succeeded"),
        ("pm_sandbox_timeout", "open", "succeeded"),
        ("pm_sandbox_duplicates", "succeeded", "succeeded"),
        ("pm_sandbox_late", "succeeded", "succeeded"),
        ("pm_sandbox_unordered", "succeeded", "succeeded"),
        ("pm_of_nobody", "cancelled", "cancelled"),
    ],
)
def test_whatever_happens_it_is_told_once(world: World, method: str, at_once: str, later: str) -> None:
    payment = world.pay(method)
    assert payment.state == at_once
    for minutes in (1, 2, 5, 20, 40):
        world.after(minutes=minutes)
    assert world.read(payment).state == later
    assert world.told == [What(later)]
    assert world.rows() == ([("charge", "12.50")] if later == "succeeded" else [])


def test_a_payer_who_must_be_asked_is_asked_when_there(world: World) -> None:
    payment = world.pay("pm_card_authenticationRequired")
    assert payment.state is PaymentState.OPEN
    assert payment.action
    world.provider.authenticate(payment, None, NOW)
    world.after(seconds=1)
    assert world.read(payment).state is PaymentState.SUCCEEDED
    assert world.pay("pm_card_authenticationRequired", off_session=True).problem == "authentication_required"


def test_what_nobody_pays_in_time_is_called_off(world: World) -> None:
    payment = world.pay(None)
    assert payment.state is PaymentState.OPEN
    world.after(minutes=10)
    assert world.read(payment).state is PaymentState.OPEN
    world.after(minutes=31)
    assert world.read(payment).state is PaymentState.CANCELLED
    assert world.told == [What.CANCELLED]


def test_the_payer_chooses_on_the_providers_page(world: World) -> None:
    payment = world.pay(None)
    world.provider.authenticate(payment, "pm_card_visa", NOW)
    world.after(seconds=1)
    assert world.told == [What.SUCCEEDED]


@pytest.mark.parametrize("method", ["pm_card_visa", "pm_card_pendingRefund", "pm_sandbox_timeout"])
def test_a_refund_goes_out_once(world: World, method: str) -> None:
    payment = world.pay(method)
    world.after(minutes=3)
    with Session(world.engine) as session, session.begin():
        refund = pay_back(session, payment, 1_000, reason="cancelled", now=NOW)
    for minutes in (3, 4, 6, 10):
        world.after(minutes=minutes)
    world.payments.carry_out_refund(refund.id, NOW + timedelta(minutes=11))
    assert world.told == [What.SUCCEEDED, What.REFUNDED]
    assert sorted(world.rows()) == [("charge", "12.50"), ("refund", "-10.00")]
    with pytest.raises(IntegrityError), Session(world.engine) as session, session.begin():
        pay_back(session, payment, 251, reason="too much", now=NOW)


def test_a_refund_that_its_bank_sends_back_is_told(world: World) -> None:
    payment = world.pay("pm_card_refundFail")
    with Session(world.engine) as session, session.begin():
        refund = pay_back(session, payment, 1_250, reason="cancelled", now=NOW)
    assert world.payments.carry_out_refund(refund.id, NOW).state is RefundState.SUCCEEDED
    world.after(minutes=2)
    assert world.told == [What.SUCCEEDED, What.REFUNDED, What.REFUND_RETURNED]


def test_a_contested_payment_is_told_and_so_is_its_end(world: World) -> None:
    payment = world.pay("pm_card_createDispute")
    world.after(minutes=2)
    world.provider.dispute(payment, "lost", NOW + timedelta(minutes=3))
    world.after(minutes=4)
    world.after(minutes=5)
    assert world.told == [What.SUCCEEDED, What.DISPUTED, What.DISPUTE_LOST]


def test_events_of_others_are_refused() -> None:
    body = b'{"id": "evt_1"}'
    header = sign(SECRET, body, 1_000)
    check([SECRET], body, header, 1_200)
    check(["another", SECRET], body, f"{header},v0=ff", 1_000)
    for secret, content, said, now in [
        ("another", body, header, 1_000),
        (SECRET, body + b" ", header, 1_000),
        (SECRET, body, header, 1_301),
        (SECRET, body, header.replace("t=1000", "t=1001"), 1_000),
        (SECRET, body, "", 1_000),
        (SECRET, body, "t=1000", 1_000),
        (SECRET, body, "v1=ff,t=é", 1_000),
    ]:
        with pytest.raises(Unauthorised):
            check([secret], content, said, now)


class Slow(Sandbox):
    """Its answer to one call is lost, and before one knows that, somebody else has asked again and been answered."""

    def __init__(self, world: World, call: str) -> None:
        super().__init__(world.engine, SECRET)
        object.__setattr__(self, "others", world.payments)
        object.__setattr__(self, "call", call)

    def confirm(self, payment: Payment, now: datetime) -> Outcome:
        answer = super().confirm(payment, now)
        if self.call == "confirm":  # type: ignore[attr-defined]
            self.others.carry_out(payment.id, now)  # type: ignore[attr-defined]
            raise Unreachable("the answer was lost on its way")
        return answer

    def refund(self, payment: Payment, refund: Refund, now: datetime) -> RefundOutcome:
        super().refund(payment, refund, now)
        self.others.carry_out_refund(refund.id, now)  # type: ignore[attr-defined]
        raise Unreachable("the answer was lost on its way")


def test_who_loses_an_answer_undoes_nothing_that_another_was_told(world: World) -> None:
    slow = Payments(world.engine, Slow(world, "confirm"), world.payments.follow)
    payment = slow.carry_out(world.intend("pm_card_visa").id, NOW)
    assert payment.state is PaymentState.SUCCEEDED
    with Session(world.engine) as session, session.begin():
        refund = pay_back(session, payment, 500, reason="trial", now=NOW)
    slow = Payments(world.engine, Slow(world, "refund"), world.payments.follow)
    assert slow.carry_out_refund(refund.id, NOW).state is RefundState.SUCCEEDED
    world.after(minutes=30)
    assert world.told == [What.SUCCEEDED, What.REFUNDED]
    assert sorted(world.rows()) == [("charge", "12.50"), ("refund", "-5.00")]
