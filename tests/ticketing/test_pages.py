"""Paying on pages by way of the provider's own page: sent there, back before or after its word, or never back."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.conftest import AppClient, serve
from tests.ondemand.taxi_town import MORNING, TaxiTown, furnish, village_service
from tests.payments.fake_stripe import serve_stripe
from tests.ticketing.counter_town import Shop

from mobigo.kit.clock import Clock
from mobigo.payments.signature import sign
from mobigo.payments.stripe import Stripe
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from sqlalchemy.engine import Engine
    from tests.payments.fake_stripe import FakeStripe

SECRET = "whsec_pages"
PUBLIC = "https://mobigo.example"
ENGLISH = {"Accept-Language": "en"}


class Till(Shop):
    """A village whose payments go to Stripe, or what pretends to be it."""

    def __init__(self, town: TaxiTown, fake: FakeStripe) -> None:
        super().__init__(town)
        self.fake = fake

    def buy(self) -> tuple[str, httpx.Response]:
        """Buy a day ticket on the pages; the order's address, and where the browser is sent."""
        (offer,) = self.offer("coach_day")["offers"]
        went = self.town.http.post("/orders", data={"offer": offer["offer"]}, headers=ENGLISH)
        assert went.status_code == 303, went.text
        ((order,),) = self.town.read("SELECT id FROM ticket_order")
        return f"/orders/{order}", went

    def show(self, path: str) -> str:
        """Look at a page."""
        answer = self.town.http.get(path, headers=ENGLISH)
        assert answer.status_code == 200, answer.text
        return answer.text

    def hear(self, kind: str = "completed", id_: str = "evt_1") -> None:
        """Have Stripe tell of the page last opened."""
        (*_, one) = self.fake.sessions.values()
        event = {"id": id_, "object": "event", "type": f"checkout.session.{kind}", "data": {"object": one}}
        body = json.dumps(event).encode()
        signed = sign(SECRET, body, int(self.town.clock.now().timestamp()))
        answer = self.town.http.post("/v1/tickets/payments/events", content=body, headers={"Stripe-Signature": signed})
        assert answer.status_code == 200, answer.text


@contextmanager
def open_till(engine: Engine, home: Path, database_url: str, fake: FakeStripe) -> Iterator[Till]:
    furnish(database_url, village_service(), ())
    clock = Clock(home / "clock.json")
    clock.move(MORNING, rate=0)
    provider = Stripe("sk_test_1", (SECRET,), f"http://{fake.address}", (fake.address,))
    app = create_app(engine=engine, clock=clock, home=home, provider=provider, public_url=PUBLIC)
    with serve(app) as address, AppClient(base_url=address, timeout=120) as http:
        http.app = app
        yield Till(TaxiTown(http, clock, database_url), fake)


@pytest.fixture
def till(engine: Engine, home: Path, database_url: str) -> Iterator[Till]:
    with serve_stripe() as fake, open_till(engine, home, database_url, fake) as one:
        yield one


def test_a_buyer_pays_on_the_providers_page_and_comes_back_before_its_word(till: Till) -> None:
    order, went = till.buy()
    assert went.headers["location"] == "https://checkout.stripe.com/c/pay/cs_test_0"
    (page,) = till.fake.sessions.values()
    assert (page["success_url"], page["cancel_url"]) == (f"{PUBLIC}{order}/paid", f"{PUBLIC}{order}?back=1")
    shown = till.town.http.get(order, headers=ENGLISH)
    assert "form-action 'self' https://checkout.stripe.com;" in shown.headers["Content-Security-Policy"]
    assert "script-src 'self';" in shown.headers["Content-Security-Policy"]
    till.fake.pay_on_page("processing")
    back = till.town.http.get(f"{order}/paid")
    assert (back.status_code, back.headers["location"]) == (303, f"{order}?paid=1")
    assert "Your payment is being confirmed" in till.show(f"{order}?paid=1")
    till.fake.decide("succeeded")
    for id_ in ("evt_1", "evt_1", "evt_2"):
        till.hear("async_payment_succeeded", id_)
    assert len(re.findall(r'href="/tickets/t', till.show(f"{order}?paid=1"))) == 1
    assert till.books()["provider"] == 400


def test_a_buyer_whose_webhook_never_comes_has_the_ticket_on_return(till: Till) -> None:
    order, _ = till.buy()
    till.fake.pay_on_page()
    assert till.town.http.get(f"{order}/paid").status_code == 303
    assert "Paid. Here are your tickets." in till.show(order)
    till.hear()
    till.later(minutes=20)
    assert till.books()["provider"] == 400


def test_a_buyer_who_closes_the_window_goes_on_with_the_same_page_or_gives_up(till: Till) -> None:
    order, went = till.buy()
    assert "The payment is not finished." in till.show(f"{order}?back=1")
    again = till.town.http.post(f"{order}/pay")
    assert again.headers["location"] == went.headers["location"]
    assert till.town.http.post(f"{order}/give-up").status_code == 303
    assert "The order was given up" in till.show(order)
    assert till.fake.sessions["cs_test_0"]["status"] == "expired"
    assert till.books() == {}


def test_a_page_that_expires_lets_the_order_be_paid_on_another_one(till: Till) -> None:
    order, _ = till.buy()
    till.fake.ask("POST", "/v1/checkout/sessions/cs_test_0/expire", {}, None)
    till.hear("expired")
    again = till.town.http.post(f"{order}/pay")
    assert again.headers["location"].endswith("cs_test_1")
    till.later(minutes=16)
    assert till.fake.sessions["cs_test_1"]["status"] == "expired"
    assert "The time of the order is over" in till.show(order)
    assert till.town.http.post(f"{order}/pay").headers["location"] == order


def test_pages_of_payment_are_for_our_own_forms_only(till: Till) -> None:
    order, _ = till.buy()
    elsewhere = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    for path in (f"{order}/pay", f"{order}/give-up"):
        assert till.town.http.post(path, headers=elsewhere).status_code == 403
    assert till.town.http.get("/orders/nobody/paid").status_code == 404
