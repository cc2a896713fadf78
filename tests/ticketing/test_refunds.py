"""What is given back and exchanged: by the rules of sale, to the cent, once, and the books say so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.ondemand.taxi_town import CAMILLE, MORNING, open_town
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


def buy(shop: Shop, *products: str | dict[str, Any], method: str = "pm_card_visa", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    return shop.pay(shop.order(*products, **more), method)


def refund(shop: Shop, order: dict[str, Any], *parts: str, status: int = 200) -> dict[str, Any]:
    body = {"parts": list(parts)} if parts else {}
    quoted = shop.ask("POST", f"orders/{order['id']}/refund-quotes", body)
    return shop.ask("POST", f"orders/{order['id']}/refund", {"quote": quoted["quote"]}, status=status)


def test_a_pass_that_has_not_begun_is_given_back_whole(shop: Shop) -> None:
    start = (MORNING + timedelta(days=40)).isoformat()
    order = buy(shop, {"product": "coach_month", "start": start, "number": 2})
    first, second = order["parts"]
    after = refund(shop, order, first["id"])
    assert [part["status"] for part in after["parts"]] == ["REFUNDED", "FULFILLED"]
    assert after["parts"][0]["refunded_cents"] == first["cents"]
    assert shop.provided() == second["cents"]
    ended = refund(shop, order)
    assert ended["state"] == "ended"
    assert shop.books() == {}
    assert shop.provided() == 0
    assert shop.ask("POST", f"orders/{order['id']}/refund-quotes", {}, status=409)["code"] == "not_refundable_now"


def test_of_a_pass_under_way_the_days_left_are_given_back_less_a_fee(shop: Shop) -> None:
    order = buy(shop, "coach_month")  # November 2026 has 30 days; today is the 24th
    (part,) = order["parts"]
    quoted = shop.ask("POST", f"orders/{order['id']}/refund-quotes", {})
    left = part["cents"] * 6 // 30
    assert quoted["refund_cents"] == left - 500
    assert quoted["parts"][0]["why"] == "fee"
    after = shop.ask("POST", f"orders/{order['id']}/refund", {"quote": quoted["quote"]})
    assert after["state"] == "ended"
    books = shop.books()
    assert shop.provided() == part["cents"] - left + 500 == books["provider"]
    assert set(books) == {"provider", "vat", "fares"}


def test_a_booked_ride_follows_its_services_terms(shop: Shop) -> None:
    order = buy(shop, quotes=[shop.town.quote(9)], contact=CAMILLE)
    shop.later(hours=1, minutes=45)  # later than one may cancel for nothing
    after = refund(shop, order)
    assert after["parts"][0]["refunded_cents"] == 150
    assert shop.town.read("SELECT DISTINCT state FROM ondemand_leg") == [("cancelled_by_user",)]
    assert shop.books() == {"provider": 150, "penalties": -150}


def test_what_has_changed_since_it_was_quoted_is_not_given_back(shop: Shop) -> None:
    order = buy(shop, quotes=[shop.town.quote(9)], contact=CAMILLE)
    shop.later(minutes=55)
    quoted = shop.ask("POST", f"orders/{order['id']}/refund-quotes", {})
    shop.later(minutes=8)
    path = f"orders/{order['id']}/refund"
    assert shop.ask("POST", path, {"quote": quoted["quote"]}, status=409)["code"] == "quote_changed"
    shop.later(minutes=3)
    assert shop.ask("POST", path, {"quote": quoted["quote"]}, status=422)["code"] == "quote_expired"
    assert shop.ask("POST", path, {"quote": "forged"}, status=400)["code"] == "forged_quote"


def test_a_refund_asked_twice_goes_out_once(shop: Shop) -> None:
    order = buy(shop, {"product": "coach_month", "start": (MORNING + timedelta(days=40)).isoformat()})
    quoted = shop.ask("POST", f"orders/{order['id']}/refund-quotes", {})
    for _ in range(2):
        body = {"quote": quoted["quote"]}
        shop.ask("POST", f"orders/{order['id']}/refund", body, headers={"Idempotency-Key": "r"})
    assert shop.provided() == 0


def test_a_slow_refund_is_told_when_it_has_gone_out(shop: Shop) -> None:
    start = (MORNING + timedelta(days=40)).isoformat()
    order = buy(shop, {"product": "coach_month", "start": start}, method="pm_card_pendingRefund")
    assert refund(shop, order)["parts"][0]["status"] == "REFUND_ONGOING"
    shop.later(minutes=2)
    assert shop.read(order)["state"] == "ended"
    assert shop.books() == {}


def test_a_refund_that_its_bank_sends_back_is_sent_again_by_the_staff(shop: Shop) -> None:
    start = (MORNING + timedelta(days=40)).isoformat()
    order = buy(shop, {"product": "coach_month", "start": start}, method="pm_card_refundFail")
    refund(shop, order)
    shop.later(minutes=2)
    assert shop.books() == {"provider": order["cents"], "refunds": -order["cents"]}
    path = f"orders/{order['id']}/refunds/retry"
    assert shop.ask("POST", path, headers=shop.town.token(Role.TRAVELLER), status=403)["code"] == "role_required"
    shop.ask("POST", path, headers=shop.town.token(Role.FINANCE))
    assert shop.books() == {}


def test_the_staff_may_be_kinder_than_the_rules(shop: Shop) -> None:
    order = buy(shop, "coach_month")
    body = {"cents": 1_000, "why": "strike"}
    path, nobody = f"orders/{order['id']}/waive", shop.town.token(Role.TRAVELLER)
    assert shop.ask("POST", path, body, headers=nobody, status=403)["code"] == "role_required"
    after = shop.ask("POST", path, body, headers=shop.town.token(Role.DESK))
    assert after["parts"][0]["refunded_cents"] == 1_000
    shop.books()


def exchange(shop: Shop, order: dict[str, Any], product: str) -> dict[str, Any]:
    quoted = shop.ask("POST", f"orders/{order['id']}/exchange-quotes", {})
    start = (MORNING + timedelta(days=40)).isoformat()
    (offer,) = shop.offer({"product": product, "start": start})["offers"]
    body = {"quote": quoted["quote"], "offers": [offer["offer"]], "contact": CAMILLE}
    return shop.ask("POST", f"orders/{order['id']}/exchange", body, status=201)


@pytest.mark.parametrize(("before", "after"), [("coach_month", "region_month"), ("region_month", "coach_month")])
def test_a_pass_is_exchanged_for_a_dearer_or_a_cheaper_one(shop: Shop, before: str, after: str) -> None:
    order = buy(shop, {"product": before, "start": (MORNING + timedelta(days=40)).isoformat()})
    made = exchange(shop, order, after)
    assert made["credit_cents"] == order["cents"]
    assert shop.read(order)["parts"][0]["status"] == "EXCHANGE_ONGOING"
    paid = shop.pay(made)
    shop.later(seconds=1)
    assert paid["state"] == "issued"
    assert shop.read(order)["parts"][0]["status"] == "EXCHANGED"
    vat = paid["parts"][0]["vat_cents"]
    assert shop.books() == {"provider": made["cents"], "deferred": vat - made["cents"], "vat": -vat}
    assert shop.provided() == made["cents"]


def test_what_was_exchanged_twice_goes_back_to_the_card_that_paid_first(shop: Shop) -> None:
    first = buy(shop, {"product": "region_month", "start": (MORNING + timedelta(days=40)).isoformat()})
    second = shop.pay(exchange(shop, first, "coach_month"))
    third = shop.pay(exchange(shop, second, "coach_week"))
    shop.later(seconds=1)
    assert shop.provided() == third["cents"]
    after = refund(shop, third)
    shop.later(seconds=1)
    assert shop.read(third)["state"] == "ended"
    assert shop.read(third)["parts"][0]["status"] == "REFUNDED"
    assert after["parts"][0]["refunded_cents"] == third["cents"]
    assert shop.provided() == 0
    assert shop.parties() == {}  # no till, and nobody is owed anything


def test_a_slow_refund_of_what_was_exchanged_is_told_when_it_has_gone_out(shop: Shop) -> None:
    first = buy(
        shop, {"product": "coach_month", "start": (MORNING + timedelta(days=40)).isoformat()},
        method="pm_card_pendingRefund",
    )  # fmt: skip
    second = shop.pay(exchange(shop, first, "coach_month"))
    assert refund(shop, second)["parts"][0]["status"] == "REFUND_ONGOING"
    shop.later(minutes=10)
    assert (shop.read(second)["state"], shop.read(second)["parts"][0]["status"]) == ("ended", "REFUNDED")
    assert shop.parties() == {}


def test_an_exchange_that_nobody_pays_leaves_everything_as_it_was(shop: Shop) -> None:
    order = buy(shop, {"product": "coach_month", "start": (MORNING + timedelta(days=40)).isoformat()})
    made = exchange(shop, order, "region_month")
    before = shop.books()
    shop.later(minutes=20)
    assert shop.read(made)["state"] == "expired"
    assert shop.read(order)["parts"][0]["status"] == "FULFILLED"
    assert shop.books() == before


def test_a_contested_payment_takes_its_tickets_out_of_use(shop: Shop) -> None:
    order = buy(shop, "coach_month", method="pm_card_createDispute")
    shop.later(minutes=2)
    assert shop.town.read("SELECT DISTINCT state FROM ticket") == [("blocked",)]
    assert shop.books()["contested"] == order["cents"]
    shop.sandbox.dispute(shop.payment(), "won", shop.town.clock.now())
    shop.later(minutes=1)
    assert shop.town.read("SELECT state FROM ticket WHERE state = 'blocked'") == []
    assert "contested" not in shop.books()


def cancel_ride(shop: Shop, role: Role | None = None) -> None:
    """Call the only on-demand booking off without its order: the traveller, or the service's staff."""
    (booking,) = shop.town.read("SELECT booking FROM ticket_order")[0]
    headers = {} if role is None else shop.town.token(role)
    body = {} if role is None else {"by": "operator", "reason": "the vehicle broke down"}
    answer = shop.http.post(f"/v1/ondemand/bookings/{booking}/cancel", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("who", ["traveller", "worker"])
def test_a_ride_that_its_operator_calls_off_is_given_back_whole_however_late(shop: Shop, who: str) -> None:
    order = buy(shop, quotes=[shop.town.quote(9)], contact=CAMILLE)
    shop.later(hours=1, minutes=45)  # the traveller would pay half by now
    cancel_ride(shop, Role.DISPATCHER)
    if who == "traveller":
        assert refund(shop, order)["parts"][0]["refunded_cents"] == 300
    for _ in range(2):
        shop.later(seconds=1)
        assert shop.read(order)["state"] == "ended"
    assert shop.books() == {}
    assert shop.provided() == 0


def test_a_ride_that_was_left_without_its_order_is_given_back_less_what_that_costs(shop: Shop) -> None:
    order = buy(shop, quotes=[shop.town.quote(9)], contact=CAMILLE)
    shop.later(hours=1, minutes=45)
    cancel_ride(shop)
    shop.later(seconds=1)
    assert shop.read(order)["state"] == "issued"
    assert refund(shop, order)["parts"][0]["refunded_cents"] == 150
    assert shop.books() == {"provider": 150, "penalties": -150}


def test_what_was_paid_for_a_ride_that_was_changed_for_another_pays_for_that(shop: Shop) -> None:
    order = buy(shop, quotes=[shop.town.quote(9)], contact=CAMILLE)
    (booking,) = shop.town.read("SELECT booking FROM ticket_order")[0]
    changed = shop.http.post(f"/v1/ondemand/bookings/{booking}/change", json={"quotes": [shop.town.quote(11)]})
    assert changed.status_code == 200, changed.text
    shop.later(seconds=1)
    assert shop.ask("POST", f"orders/{order['id']}/refund-quotes", {}, status=422)["code"] == "not_refundable"
    assert shop.read(order)["state"] == "issued"
