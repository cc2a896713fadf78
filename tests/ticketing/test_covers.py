"""A ride that a pass covers and that does not take place: no account keeps money that nobody is owed."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.ondemand.taxi_town import CAMILLE, open_town
from tests.ticketing.counter_town import Shop

from mobigo.accounts.model import Role
from mobigo.fares.demonstration import read_demonstration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

FARE, LATE, ABSENT = 300, 150, 500


@pytest.fixture
def shop(engine: Engine, home: Path, database_url: str) -> Iterator[Shop]:
    """A village whose passes are good on the taxi too, and where a day of it is cheaper for the young than a ride."""
    catalogue = read_demonstration()
    products = []
    for one in catalogue.products:
        if one.id in {"coach_month", "coach_day"} and one.covers is not None:
            one = replace(one, covers=replace(one.covers, networks=("coach", "shuttle", "on_demand")))  # noqa: PLW2901
        products.append(one)
    with open_town(engine, home, database_url) as town:
        yield Shop(town, replace(catalogue, products=tuple(products)))


def buy_pass(shop: Shop) -> str:
    """Buy a month pass; the key of its ticket."""
    paid = shop.pay(shop.order("coach_month"))
    key: str = paid["parts"][0]["ticket"]
    return key


def order_covered(shop: Shop, hour: float = 9) -> dict[str, Any]:
    """Order a ride that a pass pays for."""
    held = buy_pass(shop)
    order = shop.order(quotes=[shop.town.quote(hour)], contact=CAMILLE, travellers=[{"held": [held]}])
    assert (order["cents"], order["parts"]) == (0, [])
    issued = shop.pay(order, None)
    assert issued["state"] == "issued"
    return issued


def leave(shop: Shop, how: str) -> None:
    """Have the only ride end."""
    (booking,) = shop.town.read("SELECT booking FROM ticket_order WHERE booking IS NOT NULL")[0]
    ((leg, until),) = shop.town.read("SELECT id, pickup_until FROM ondemand_leg WHERE state = 'confirmed'")
    if how in {"late", "operator"}:
        shop.later(hours=1, minutes=45)
    if how == "absent":
        shop.town.put_clock(until + timedelta(minutes=10))
        for state in ("arrived", "no_show"):
            answer = shop.town.post(f"legs/{leg}/state", {"state": state}, **shop.town.token(Role.DISPATCHER))
            assert answer.status_code == 200, answer.text
        return
    operator = how == "operator"
    body = {"by": "operator", "reason": "the vehicle broke down"} if operator else {}
    headers = shop.town.token(Role.DISPATCHER) if operator else {}
    answer = shop.town.post(f"bookings/{booking}/cancel", body, **headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(("how", "owed"), [("early", 0), ("late", LATE), ("operator", 0), ("absent", ABSENT)])
def test_a_covered_ride_that_is_called_off_leaves_no_credit(shop: Shop, how: str, owed: int) -> None:
    held = buy_pass(shop)
    before = shop.parties()
    order = shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE, travellers=[{"held": [held]}])
    assert (order["cents"], order["parts"]) == (0, [])
    assert shop.pay(order, None)["state"] == "issued"
    (booking,) = shop.town.read("SELECT reference FROM ondemand_booking")[0]
    leave(shop, how)
    for _ in range(3):
        shop.later(seconds=1)
    after = shop.parties()
    fine = {("travellers", f"booking:{booking}"): owed, ("penalties", "operator:op"): -owed} if owed else {}
    assert after == {**before, **fine}
    assert shop.read(order)["state"] == "ended"


def test_a_covered_ride_that_is_driven_is_paid_by_its_pass(shop: Shop) -> None:
    order_covered(shop)
    ((leg, at),) = shop.town.read("SELECT id, pickup_until FROM ondemand_leg")
    shop.town.put_clock(at)
    for state in ("arrived", "on_board", "completed"):
        answer = shop.town.post(f"legs/{leg}/state", {"state": state}, **shop.town.token(Role.DISPATCHER))
        assert answer.status_code == 200, answer.text
    shop.later(seconds=1)
    books = shop.parties()
    assert not [account for account, _ in books if account == "travellers"]
    assert books["fares", "operator:op"] == -FARE


def test_a_covered_ride_that_was_changed_for_another_covers_that(shop: Shop) -> None:
    order = order_covered(shop)
    (booking,) = shop.town.read("SELECT booking FROM ticket_order WHERE booking IS NOT NULL")[0]
    changed = shop.town.post(f"bookings/{booking}/change", {"quotes": [shop.town.quote(11)]})
    assert changed.status_code == 200, changed.text
    shop.later(seconds=1)
    assert shop.read(order)["state"] == "issued"
    assert "travellers" not in shop.books()
    leave(shop, "operator")
    shop.later(seconds=1)
    assert {"travellers", "fares"}.isdisjoint(shop.books())
    assert shop.read(order)["state"] == "ended"


@pytest.mark.parametrize("first", ["ride", "order", "late"])
def test_a_pass_bought_with_its_ride_pays_for_leaving_it_once(shop: Shop, first: str) -> None:
    order = shop.pay(shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE, travellers=[{"category": "youth"}]))
    (part,) = order["parts"]
    assert (part["product"], part["cents"]) == ("coach_day", 200)
    if first != "order":
        leave(shop, "early" if first == "ride" else first)
        shop.later(seconds=1)
        fines = LATE if first == "late" else 0
        assert shop.books().get("travellers", 0) == fines
        assert shop.read(order)["state"] == "issued"
    body = {"cents": 200 - (LATE if first == "late" else 0), "why": "the day was spoilt"}
    shop.ask("POST", f"orders/{order['id']}/waive", body, headers=shop.town.token(Role.DESK))
    shop.later(seconds=1)
    books = shop.books()
    assert "travellers" not in books
    vat = 13  # of what is kept
    kept = {"provider": LATE, "penalties": -LATE, "fares": vat, "vat": -vat}
    assert books == (kept if first == "late" else {})


def test_of_two_of_whom_one_has_a_pass_the_other_is_paid_back(shop: Shop) -> None:
    held = buy_pass(shop)
    before = shop.parties()
    quote = shop.town.quote(9, party={"adults": 2})
    order = shop.order(quotes=[quote], contact=CAMILLE, travellers=[{"held": [held]}, {"category": "adult"}])
    shop.pay(order)
    leave(shop, "operator")
    for _ in range(2):
        shop.later(seconds=1)
    assert shop.parties() == before
    assert shop.read(order)["state"] == "ended"


@pytest.mark.parametrize(("late", "owed"), [(False, 0), (True, LATE)])
def test_an_order_of_a_covered_ride_only_is_given_back(shop: Shop, *, late: bool, owed: int) -> None:
    held = buy_pass(shop)
    before = shop.parties()
    order = shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE, travellers=[{"held": [held]}])
    shop.pay(order, None)
    if late:
        shop.later(hours=1, minutes=45)
    quoted = shop.ask("POST", f"orders/{order['id']}/refund-quotes", {})
    assert (quoted["refund_cents"], quoted["parts"]) == (0, [])
    assert quoted["rides"] == [{"ride": 0, "owed_cents": owed}]
    again = {"Idempotency-Key": "once"}
    for _ in range(2):
        after = shop.ask("POST", f"orders/{order['id']}/refund", {"quote": quoted["quote"]}, headers=again)
        assert after["state"] == "ended"
    shop.later(seconds=1)
    ((state, reference),) = shop.town.read(
        "SELECT l.state, b.reference FROM ondemand_leg l JOIN ondemand_booking b ON b.id = l.booking"
    )
    assert state == "cancelled_by_user"
    fine = {("travellers", f"booking:{reference}"): owed, ("penalties", "operator:op"): -owed} if owed else {}
    assert shop.parties() == {**before, **fine}
    nothing = shop.ask("POST", f"orders/{order['id']}/refund-quotes", {}, status=409)
    assert nothing["code"] == "not_refundable_now"


def test_a_ride_that_was_driven_is_not_given_back(shop: Shop) -> None:
    order = order_covered(shop)
    ((leg, at),) = shop.town.read("SELECT id, pickup_until FROM ondemand_leg")
    shop.town.put_clock(at)
    shop.town.post(f"legs/{leg}/state", {"state": "arrived"}, **shop.town.token(Role.DISPATCHER))
    shop.town.post(f"legs/{leg}/state", {"state": "on_board"}, **shop.town.token(Role.DISPATCHER))
    path = f"orders/{order['id']}/refund-quotes"
    assert shop.ask("POST", path, {}, status=409)["code"] == "not_refundable_now"
    assert shop.ask("POST", path, {"rides": [0]}, status=404)["code"] == "unknown_part"


def test_of_an_order_with_a_pass_and_a_covered_ride_either_is_given_back(shop: Shop) -> None:
    held = buy_pass(shop)
    before = shop.parties()
    order = shop.order("coach_carnet", quotes=[shop.town.quote(9)], contact=CAMILLE, travellers=[{"held": [held]}])
    carnet, path = shop.pay(order)["parts"][0]["id"], f"orders/{order['id']}/refund-quotes"
    assert shop.ask("POST", path, {"parts": [carnet]})["rides"] == []
    only = shop.ask("POST", path, {"rides": [0]})
    assert (only["parts"], only["rides"]) == ([], [{"ride": 0, "owed_cents": 0}])
    assert shop.ask("POST", path, {"rides": [7]}, status=404)["code"] == "unknown_part"
    both = shop.ask("POST", path, {})
    assert (both["refund_cents"], len(both["rides"])) == (1000, 1)
    part = shop.ask("POST", path, {"parts": [carnet]})
    kept = shop.ask("POST", f"orders/{order['id']}/refund", {"quote": part["quote"]})
    assert kept["state"] == "issued"  # its ride is to come
    stale = shop.ask("POST", f"orders/{order['id']}/refund", {"quote": both["quote"]}, status=409)
    assert stale["code"] == "not_refundable_now"
    assert shop.ask("POST", f"orders/{order['id']}/refund", {"quote": only["quote"]})["state"] == "ended"
    shop.later(seconds=1)
    after = {account: cents for account, cents in shop.parties().items() if account[0] == "travellers"}
    assert after == {account: cents for account, cents in before.items() if account[0] == "travellers"} == {}


def test_the_page_of_an_order_says_what_comes_of_giving_back_before_it_does_so(shop: Shop) -> None:
    order = order_covered(shop)
    page = f"/orders/{order['id']}"
    english = {"Accept-Language": "en"}
    shown = shop.http.get(page, headers=english).text
    assert "paid for by a ticket you have" in shown
    asked = shop.http.post(f"{page}/refund", data={"ride": "0"}, headers=english)
    assert "there is nothing to refund" in asked.text
    assert shop.read(order)["state"] == "issued"
    quote = re.findall(r'name="quote" value="([^"]+)"', asked.text)[0]
    done = shop.http.post(f"{page}/refund", data={"quote": quote}, headers=english, follow_redirects=True)
    assert "paid for by a ticket" not in done.text
    assert shop.read(order)["state"] == "ended"
    assert shop.http.post(f"{page}/refund", data={"quote": "x" * 4097}).headers["location"].endswith("=forged_quote")


def test_the_page_names_what_is_kept(shop: Shop) -> None:
    order = shop.pay(shop.order("coach_carnet"))
    page = f"/orders/{order['id']}"
    asked = shop.http.post(f"{page}/refund", data={"part": order["parts"][0]["id"]}).text
    for said in ("Vous seriez remboursé de 10,00", "2,00", "Les conditions de vente prévoient ces frais."):
        assert said in asked
    assert shop.read(order)["parts"][0]["status"] == "FULFILLED"
