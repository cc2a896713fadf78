"""Payments by way of Stripe's API: the requests it documents, also when its answers are lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.payments.fake_stripe import serve_stripe

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, Unauthorised
from mobigo.payments.model import EventKind, Happening, Payment, PaymentState, RefundState, What
from mobigo.payments.service import Payments, intend, pay_back
from mobigo.payments.signature import sign
from mobigo.payments.store import get_payment
from mobigo.payments.stripe import Stripe, read_event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine
    from tests.payments.fake_stripe import FakeStripe

BACK = "https://mobigo.example/orders/o1"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


class World:
    """Payments of one purpose through a fake Stripe."""

    def __init__(self, engine: Engine, fake: FakeStripe) -> None:
        self.engine, self.fake = engine, fake
        self.stripe = Stripe("sk_test_1", ("whsec_old", "whsec_new"), f"http://{fake.address}", (fake.address,))
        self.told: list[What] = []
        self.payments = Payments(engine, self.stripe, {"trial": self._follow})

    def _follow(self, what: Happening) -> None:
        self.told.append(what.what)

    def pay(self, method: str | None, *, cents: int = 1_250, back: str | None = None) -> Payment:
        with Session(self.engine) as session, session.begin():
            one = intend(
                session, self.stripe, purpose="trial", reference="t", cents=cents, currency="EUR",
                until=NOW + timedelta(minutes=30), now=NOW, method=method, back=back,
            )  # fmt: skip
        return self.payments.carry_out(one.id, NOW)

    def tell_of_page(self, kind: str = "completed", *, id_: str = "evt_1") -> bool:
        """Hear what Stripe tells of the page last opened."""
        (*_, one) = self.fake.sessions.values()
        return self.hear(f"checkout.session.{kind}", one, id_=id_)

    def state(self, payment: Payment) -> PaymentState:
        with Session(self.engine) as session:
            return get_payment(driver(session), payment.id).state

    def hear(self, kind: str, about: dict[str, object], *, id_: str = "evt_1", secret: str = "whsec_new") -> bool:
        body = json.dumps({"id": id_, "object": "event", "type": kind, "data": {"object": about}}).encode()
        return self.payments.receive(body, sign(secret, body, int(NOW.timestamp())), NOW)


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    with serve_stripe() as fake:
        yield World(engine, fake)


def test_a_payment_is_opened_then_confirmed(world: World) -> None:
    payment = world.pay("pm_card_visa")
    assert payment.state is PaymentState.SUCCEEDED
    assert [(method, path) for method, path, _ in world.fake.asked] == [
        ("POST", "/v1/payment_intents"),
        ("POST", "/v1/payment_intents/pi_0/confirm"),
    ]
    assert world.fake.intents["pi_0"]["currency"] == "eur"
    assert world.told == [What.SUCCEEDED]


def test_a_payer_is_sent_to_the_providers_page_and_told_of_once(world: World) -> None:
    payment = world.pay(None, back=BACK)
    assert (payment.state, payment.action) == (PaymentState.OPEN, "https://checkout.stripe.com/c/pay/cs_test_0")
    (page,) = world.fake.sessions.values()
    assert (page["success_url"], page["amount_total"], page["currency"]) == (f"{BACK}/paid", 1_250, "eur")
    world.fake.pay_on_page()
    intent = {"object": "payment_intent", "id": "pi_0", "status": "succeeded"}
    assert world.hear("payment_intent.succeeded", intent, id_="evt_0")  # of a payment that we do not know by this id
    assert world.told == []
    assert world.tell_of_page()
    assert not world.tell_of_page()
    for n in range(2):
        world.tell_of_page(id_=f"evt_late{n}")
        world.hear("payment_intent.succeeded", intent, id_=f"evt_more{n}")
    assert world.told == [What.SUCCEEDED]
    with Session(world.engine) as session, session.begin():
        done = get_payment(driver(session), payment.id)
        refund = pay_back(session, done, 1_000, reason="x", now=NOW)
    assert world.payments.carry_out_refund(refund.id, NOW).state is RefundState.SUCCEEDED
    assert world.fake.refunds["re_0"]["payment_intent"] == "pi_0"


def test_a_page_whose_events_never_come_is_looked_at(world: World) -> None:
    payment = world.pay(None, back=BACK)
    world.fake.pay_on_page()
    world.payments.tend(NOW + timedelta(minutes=1))
    assert world.told == [What.SUCCEEDED]
    assert world.state(payment) is PaymentState.SUCCEEDED


@pytest.mark.parametrize("said", ["nothing", "expired"])
def test_a_page_that_nobody_pays_on_is_closed_in_time(world: World, said: str) -> None:
    payment = world.pay(None, back=BACK)
    if said == "expired":
        world.fake.ask("POST", "/v1/checkout/sessions/cs_test_0/expire", {}, None)
        world.tell_of_page("expired")
    else:
        world.payments.tend(NOW + timedelta(minutes=29))
        assert world.state(payment) is PaymentState.OPEN
        world.payments.tend(NOW + timedelta(minutes=45))
    assert world.state(payment) is PaymentState.CANCELLED
    assert world.fake.sessions["cs_test_0"]["status"] == "expired"
    assert world.told == [What.CANCELLED]


def test_who_pays_in_the_moment_the_page_closes_has_paid(world: World) -> None:
    payment = world.pay(None, back=BACK)
    world.fake.pay_on_page()
    world.payments.tend(NOW + timedelta(minutes=45))
    assert world.state(payment) is PaymentState.SUCCEEDED


@pytest.mark.parametrize(
    ("status", "what"), [("succeeded", What.SUCCEEDED), ("requires_payment_method", What.CANCELLED)]
)
def test_a_bank_that_takes_its_time_decides_later(world: World, status: str, what: What) -> None:
    world.pay(None, back=BACK)
    world.fake.pay_on_page("processing")
    world.tell_of_page()
    world.payments.tend(NOW + timedelta(hours=1))  # over, and cannot be closed: it is waited for
    assert world.told == []
    world.fake.decide(status)
    world.tell_of_page("async_payment_succeeded" if status == "succeeded" else "async_payment_failed", id_="evt_2")
    assert world.told == [what]


@pytest.mark.parametrize("status", [500, 0])
def test_a_page_whose_answer_is_lost_is_opened_once(world: World, status: int) -> None:
    world.fake.fails = [status]
    payment = world.pay(None, back=BACK)
    assert payment.state is PaymentState.INTENDED
    world.payments.tend(NOW + timedelta(minutes=1))
    assert len(world.fake.sessions) == 1
    assert world.state(payment) is PaymentState.OPEN


def test_a_declined_payment_is_called_off_there_too(world: World) -> None:
    payment = world.pay("pm_card_visa_chargeDeclined")
    assert (payment.state, payment.problem) == (PaymentState.DECLINED, "generic_decline")
    assert world.fake.intents["pi_0"]["status"] == "canceled"
    assert world.told == [What.DECLINED]


def test_an_amount_that_is_refused_ends_the_payment(world: World) -> None:
    payment = world.pay("pm_card_visa", cents=10)
    assert payment.state is PaymentState.CANCELLED
    assert "amount_too_small" in str(payment.problem)


@pytest.mark.parametrize("status", [500, 429, 0, 403])
@pytest.mark.parametrize("at", [0, 1])
def test_an_answer_that_is_lost_is_asked_for_again(world: World, status: int, at: int) -> None:
    world.fake.fails = [None] * at + [status]
    payment = world.pay("pm_card_visa")
    assert payment.state in {PaymentState.INTENDED, PaymentState.OPEN}
    world.payments.tend(NOW + timedelta(minutes=1))
    assert world.told == [What.SUCCEEDED]
    assert len(world.fake.intents) == 1


def test_the_payers_page_goes_on_with_the_client_secret(world: World) -> None:
    payment = world.pay(None)
    assert (payment.state, payment.action) == (PaymentState.OPEN, "pi_0_secret_x")
    world.fake.intents["pi_0"]["status"] = "succeeded"
    about = {"object": "payment_intent", "id": "pi_0", "status": "succeeded"}
    assert world.hear("payment_intent.succeeded", about)
    assert not world.hear("payment_intent.succeeded", about, secret="whsec_old")
    assert world.told == [What.SUCCEEDED]


def test_events_out_of_order_change_nothing(world: World) -> None:
    world.pay("pm_card_visa")
    for n, kind in enumerate(("payment_intent.processing", "payment_intent.created", "payment_intent.payment_failed")):
        world.hear(kind, {"object": "payment_intent", "id": "pi_0", "status": "processing"}, id_=f"evt_{n}")
    assert world.told == [What.SUCCEEDED]


def test_a_refund_whose_answer_is_lost_goes_out_once(world: World) -> None:
    payment = world.pay("pm_card_visa")
    with Session(world.engine) as session, session.begin():
        refund = pay_back(session, payment, 1_000, reason="x", now=NOW)
    world.fake.fails = [500]
    assert world.payments.carry_out_refund(refund.id, NOW).state is RefundState.INTENDED
    world.fake.answers.clear()  # long after: Stripe has forgotten the key
    world.payments.tend(NOW + timedelta(days=2))
    assert len(world.fake.refunds) == 1
    assert world.told == [What.SUCCEEDED, What.REFUNDED]


def test_a_dispute_is_heard_of_and_decided(world: World) -> None:
    world.pay("pm_card_visa")
    about = {"object": "dispute", "id": "dp_1", "payment_intent": "pi_0", "amount": 1_250, "status": "needs_response"}
    world.hear("charge.dispute.created", about)
    world.hear("charge.dispute.closed", {**about, "status": "lost"}, id_="evt_2")
    world.hear("charge.dispute.created", about, id_="evt_3")
    assert world.told == [What.SUCCEEDED, What.DISPUTED, What.DISPUTE_LOST]


def test_events_of_others_change_nothing(world: World) -> None:
    assert world.hear("customer.created", {"object": "customer", "id": "cus_1"})
    assert world.hear("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_99"}, id_="evt_2")
    with pytest.raises(Unauthorised):
        world.hear("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_0"}, secret="x")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"id": 1}', b'{"id": "e", "type": "x", "data": {"object": 1}}', b"\xff", b"[" * 9_999,
     b'{"id": "e/..", "type": "x", "data": {"object": {"object": "payment_intent", "id": "p"}}}',
     b'{"id": "e", "type": "d", "data": {"object": {"object": "dispute", "payment_intent": "p", "amount": -1}}}'],
)  # fmt: skip
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_event(body)


def test_an_event_without_a_payment_is_none_of_ours() -> None:
    body = b'{"id": "e", "type": "x", "data": {"object": {"object": "payment_intent", "id": "../../x"}}}'
    assert read_event(body).kind is EventKind.OTHER
