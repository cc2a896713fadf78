"""Offers and orders over HTTP: held, paid, issued, given up; the books balance at every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.ondemand.taxi_town import CAMILLE, open_town, seats
from tests.ticketing.counter_town import Shop

from mobigo.accounts.model import Role

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine


@pytest.fixture
def shop(engine: Engine, home: Path, database_url: str) -> Iterator[Shop]:
    """A village where tickets are sold, on a Tuesday at seven."""
    with open_town(engine, home, database_url) as town:
        yield Shop(town)


def test_a_pass_is_bought_without_a_name_or_an_account(shop: Shop) -> None:
    order = shop.order("coach_week", "coach_week", contact=None)
    assert order["state"] == "held"
    assert {part["status"] for part in order["parts"]} == {"ON_HOLD"}
    assert shop.books() == {}
    paid = shop.pay(order)
    assert paid["state"] == "issued"
    assert {part["status"] for part in paid["parts"]} == {"FULFILLED"}
    assert all(part["ticket"].startswith("t") for part in paid["parts"])
    total = order["cents"]
    vat = sum(part["vat_cents"] for part in order["parts"])
    assert shop.books() == {"provider": total, "deferred": vat - total, "vat": -vat}
    assert shop.provided() == total
    history = shop.ask("GET", f"orders/{order['id']}/history")["history"]
    assert [step["after"] for step in history if step["part"] is None and step["what"] == "moved"] == [
        "held", "paying", "paid", "issued",
    ]  # fmt: skip


def test_a_booked_ride_is_held_with_the_order_and_its_debt_paid_by_it(shop: Shop) -> None:
    quote = shop.town.quote(9)
    order = shop.order(quotes=[quote], contact=CAMILLE)
    assert order["cents"] == 300
    assert order["parts"][0]["type"] == "RESERVATION"
    assert shop.town.read("SELECT DISTINCT state FROM ondemand_leg") == [("held",)]
    paid = shop.pay(order)
    assert paid["state"] == "issued"
    assert shop.town.read("SELECT DISTINCT state FROM ondemand_leg") == [("confirmed",)]
    assert shop.books() == {"provider": 300, "deferred": -300}


def test_a_ticket_is_of_one_traveller(shop: Shop) -> None:
    key = shop.pay(shop.order("coach_carnet"))["parts"][0]["ticket"]
    quote = shop.town.quote(9, party={"adults": 2})
    one, both = [{"held": [key]}, {}], [{"held": [key]}, {"held": [key]}]
    assert shop.offer(quotes=[quote], travellers=one)["offers"]
    assert shop.offer(quotes=[quote], travellers=both, status=400)["code"] == "ticket_held_twice"


def test_a_declined_card_leaves_the_order_held_for_another(shop: Shop) -> None:
    order = shop.order("coach_month")
    declined = shop.pay(order, "pm_card_visa_chargeDeclined")
    assert declined["state"] == "held"
    assert declined["payments"][0]["problem"] == "generic_decline"
    assert shop.pay(order)["state"] == "issued"
    assert shop.ask("POST", f"orders/{order['id']}/pay", {}, status=409)["code"] == "order_paid"


def test_nobody_pays_and_its_places_are_free_again(shop: Shop) -> None:
    order = shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE)
    shop.later(minutes=16)
    assert shop.read(order)["state"] == "expired"
    assert shop.read(order)["parts"][0]["status"] == "RELEASED"
    (state,) = shop.town.read("SELECT DISTINCT state FROM ondemand_leg")[0]
    assert state in {"cancelled_by_user", "failed"}
    assert shop.ask("POST", f"orders/{order['id']}/pay", {"method": "pm_card_visa"}, status=409)["code"] == "order_over"


def test_an_order_is_given_up_before_it_is_paid(shop: Shop) -> None:
    order = shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE)
    opened = shop.pay(order, None)
    assert opened["state"] == "paying"
    assert opened["payments"][0]["action"]
    cancelled = shop.ask("POST", f"orders/{order['id']}/cancel")
    assert cancelled["state"] == "cancelled"
    assert cancelled["payments"][0]["state"] == "cancelled"
    assert shop.books() == {}


def test_money_that_comes_when_it_is_over_goes_back(shop: Shop) -> None:
    order = shop.order("coach_month")
    slow = shop.pay(order, "pm_sandbox_slow")
    assert slow["state"] == "paying"
    assert shop.ask("POST", f"orders/{order['id']}/cancel", status=409)["code"] == "payment_open"
    shop.later(seconds=40)
    assert shop.read(order)["state"] == "issued"


def test_what_cannot_be_issued_is_paid_back(shop: Shop) -> None:
    order = shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE)
    shop.pay(order, "pm_sandbox_slow")
    (booking,) = shop.town.read("SELECT booking FROM ticket_order")[0]
    assert shop.town.post(f"bookings/{booking}/cancel").status_code == 200
    shop.later(seconds=40)
    given_up = shop.read(order)
    assert given_up["state"] == "compensated", given_up
    assert given_up["parts"][0]["status"] == "ERROR"
    assert given_up["payments"][0]["refunded_cents"] == 300
    assert shop.books() == {}
    assert shop.provided() == 0


def test_the_payers_bank_asks_them(shop: Shop) -> None:
    order = shop.order("coach_month")
    asked = shop.pay(order, "pm_card_authenticationRequired")
    assert asked["state"] == "paying"
    (payment,) = asked["payments"]
    assert shop.ask("POST", f"payments/{payment['id']}/trial", {})["state"] == "issued"


def test_the_desk_takes_cash(shop: Shop) -> None:
    desk = shop.town.token(Role.DESK)
    order = shop.order("coach_month")
    path = f"orders/{order['id']}/pay"
    assert shop.ask("POST", path, {"cash": True}, status=403)["code"] == "role_required"
    assert shop.ask("POST", path, {"cash": True}, headers=desk)["state"] == "issued"
    assert shop.books()["till"] == order["cents"]


def test_asked_twice_under_one_key_it_is_done_once(shop: Shop) -> None:
    offer = shop.offer("coach_week")["offers"][0]["offer"]
    key = {"Idempotency-Key": "k1"}
    first = shop.ask("POST", "orders", {"offers": [offer]}, status=201, headers=key)
    again = shop.ask("POST", "orders", {"offers": [offer]}, status=201, headers=key)
    assert again["id"] == first["id"]
    other = shop.ask("POST", "orders", {"offers": [offer, offer]}, status=409, headers=key)
    assert other["code"] == "idempotency_key_reused"
    path = f"orders/{first['id']}/pay"
    paid = shop.ask("POST", path, {"method": "pm_card_visa"}, headers={"Idempotency-Key": "k2"})
    assert shop.ask("POST", path, {"method": "pm_card_visa"}, headers={"Idempotency-Key": "k2"}) == paid
    assert len(paid["payments"]) == 1


def test_an_account_keeps_its_orders_to_itself(shop: Shop) -> None:
    mine, other = shop.town.token(Role.TRAVELLER, "ada"), shop.town.token(Role.TRAVELLER, "bob")
    offer = shop.offer("coach_week")["offers"][0]["offer"]
    order = shop.ask("POST", "orders", {"offers": [offer]}, status=201, headers=mine)
    assert shop.ask("GET", f"orders/{order['id']}", headers=other, status=404)["code"] == "unknown_order"
    assert shop.ask("GET", f"orders/{order['id']}", status=404)["code"] == "unknown_order"
    assert [one["id"] for one in shop.ask("GET", "orders", headers=mine)["orders"]] == [order["id"]]
    desk = shop.town.token(Role.DESK)
    found = shop.ask("GET", f"orders?reference={order['reference']}", headers=desk)["orders"]
    assert [one["id"] for one in found] == [order["id"]]
    assert shop.ask("GET", "orders?reference=ABCDEF", headers=other, status=403)["code"] == "role_required"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid_offer"),
        ({"products": [{"product": "nothing"}]}, 404, "unknown_product"),
        ({"products": [{"product": "coach_month", "category": "dog"}]}, 400, "unknown_category"),
        ({"products": [{"product": "coach_month", "areas": ["x"]}]}, 400, "invalid_offer"),
        ({"products": [{"product": "coach_month", "start": "2020-01-01T00:00:00+01:00"}]}, 400, "invalid_offer"),
        ({"quotes": ["forged"]}, 400, "forged_quote"),
        ({"products": [{"product": "coach_month", "number": 0}]}, 422, "validation_failed"),
    ],
)
def test_what_cannot_be_offered_is_said(shop: Shop, body: dict[str, object], status: int, code: str) -> None:
    assert shop.ask("POST", "offers", body, status=status)["code"] == code


def test_what_is_bound_to_a_person_needs_a_name(shop: Shop) -> None:
    (offer,) = shop.offer("coach_month")["offers"]
    assert shop.ask("POST", "orders", {"offers": [offer["offer"]]}, status=400)["code"] == "invalid_contact"
    paid = shop.pay(shop.order("coach_month"))
    assert shop.town.read("SELECT holder_name FROM ticket") == [("Camille Martin",)], paid


def test_offers_end_and_cannot_be_changed(shop: Shop) -> None:
    offer = shop.offer("coach_week")["offers"][0]["offer"]
    changed = offer[:-2] + ("AA" if offer[-2:] != "AA" else "BB")
    assert shop.ask("POST", "orders", {"offers": [changed]}, status=400)["code"] == "forged_offer"
    shop.later(minutes=31)
    assert shop.ask("POST", "orders", {"offers": [offer]}, status=422)["code"] == "offer_expired"


def test_where_places_are_gone_others_are_named(engine: Engine, home: Path, database_url: str) -> None:
    with open_town(engine, home, database_url, vehicles=(seats(1),)) as town:
        shop = Shop(town)
        both = [shop.offer(quotes=[town.quote(9)])["offers"][0]["offer"] for _ in range(2)]
        shop.ask("POST", "orders", {"offers": both[:1], "contact": CAMILLE}, status=201)
        gone = shop.ask("POST", "orders", {"offers": both[1:], "contact": CAMILLE}, status=409)
        assert gone["code"] == "places_gone"
        assert gone["alternatives"][0]["quote"]
        assert town.read("SELECT count(*) FROM ticket_order") == [(1,)]


def test_an_event_that_nobody_signed_is_refused(shop: Shop) -> None:
    header = {"Stripe-Signature": "t=1,v1=ff"}
    assert shop.ask("POST", "payments/events", {}, headers=header, status=401)["code"] == "forged_event"
