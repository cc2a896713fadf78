"""A place in somebody's car, bought with a journey: held, paid once, settled when it was ridden, given back before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from tests.carpool.served import serving
from tests.conftest import new_database
from tests.journeys.conftest import _make_valley, at
from tests.journeys.test_carpool_served import carpool_legs, offer, place, plan

from mobigo.cli.proving import Prover
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares import service as fares
from mobigo.fares.demonstration import read_demonstration
from mobigo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.carpool.served import Served

    from mobigo.fares.catalogue import Catalogue

FARE = 150


@dataclass
class Market:
    """The valley, where places in cars are sold, and shorthands for what one does there."""

    served: Served
    url: str

    def ask(self, user: str, method: str, path: str, body: object = None, *, status: int = 200) -> dict[str, Any]:
        """Ask something as somebody, and expect a status."""
        with self.served.ask(user) as http:
            answer = http.request(method, f"/v1/tickets/{path}", json=body)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def plan(self) -> tuple[dict[str, Any], str]:
        """Find the journey with a place in a car, and what books it."""
        (journey,) = (one for one in plan(self.served, at(200), at(9_900), "08:45") if carpool_legs([one]))
        return journey, carpool_legs([journey])[0]["booking"]["quote"]

    def offer(self, user: str, journey: dict[str, Any], quote: str) -> dict[str, Any]:
        """Have a journey offered."""
        (one,) = self.ask(user, "POST", "offers", {"journey": journey["id"], "quotes": [quote]})["offers"]
        found: dict[str, Any] = one
        return found

    def order(self, user: str = "paul") -> dict[str, Any]:
        """Order the journey."""
        one = self.offer(user, *self.plan())
        return self.ask(user, "POST", "orders", {"offers": [one["offer"]]}, status=201)

    def pay(self, order: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Pay an order."""
        return self.ask("paul", "POST", f"orders/{order['id']}/pay", {"method": "pm_card_visa"}, **more)

    def refund(self, order: dict[str, Any]) -> dict[str, Any]:
        """Give an order back."""
        quoted = self.ask("paul", "POST", f"orders/{order['id']}/refund-quotes", {})
        assert quoted["refund_cents"] == FARE
        return self.ask("paul", "POST", f"orders/{order['id']}/refund", {"quote": quoted["quote"]})

    def read(self, query: str) -> list[Any]:
        """Look into the database."""
        with psycopg.connect(libpq_conninfo(self.url)) as connection:
            return [one for (one,) in connection.execute(query.encode()).fetchall()]

    def seats(self) -> list[str]:
        """Return the states of all bookings of places, oldest first."""
        return self.read("SELECT state FROM carpool_booking ORDER BY made_at, id")

    def books(self) -> dict[str, int]:
        """Return what the accounts hold; they add up to nothing, and what the provider holds is what its file says."""
        with psycopg.connect(libpq_conninfo(self.url)) as connection:
            rows = connection.execute("SELECT account, sum(cents)::bigint FROM ledger_posting GROUP BY account")
            found = {account: cents for account, cents in rows if cents}
        assert sum(found.values()) == 0
        assert found.get("provider", 0) == sum(self.read("SELECT cents FROM sandbox_row"))
        return found


@pytest.fixture
def market(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A car that goes down the valley with one seat, and Paul and Rita who would like to."""
    yield from open_market(test_cluster, tmp_path_factory, read_demonstration())


@pytest.fixture
def pass_market(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The same valley, where the month's pass is good in cars too."""
    catalogue = read_demonstration()
    networks = ("coach", "shuttle", "carpool")
    products = tuple(
        replace(one, covers=replace(one.covers, networks=networks)) if one.id == "coach_month" and one.covers else one
        for one in catalogue.products
    )
    yield from open_market(test_cluster, tmp_path_factory, replace(catalogue, products=products))


def open_market(cluster: str, folders: pytest.TempPathFactory, catalogue: Catalogue) -> Iterator[Market]:
    """Serve the valley with its prices."""
    with new_database(cluster) as url:
        valley = _make_valley(url, folders.mktemp("valley"))
        engine = open_engine(url)
        with serving(engine, valley.home) as served:
            served.know("dora", "paul", "rita")
            with psycopg.connect(libpq_conninfo(url)) as connection:
                draft = fares.draft_catalogue(connection, catalogue, origin="test", by="test", now=served.now)
                today = served.now.date()
                fares.publish(connection, draft.number, seen=draft.revision, by="test", now=served.now, today=today)
            yield Market(served, url)
        engine.dispose()


def ride(market: Market, run: dict[str, Any]) -> None:
    """Have the car go there with Paul in it, the ride proven, and the worker settle it."""
    served = market.served
    (booking,) = market.read("SELECT id::text FROM carpool_booking WHERE state = 'CONFIRMED'")
    stops = [datetime.fromisoformat(stop["planned_at"]) for stop in run["stops"]]
    served.go(stops[0] + timedelta(minutes=1))
    assert served.say("dora", "POST", f"/runs/{run['id']}/begin", {})[0] == 200
    code = served.say("paul", "GET", f"/bookings/{booking}/code")[1]["code"]
    scanned = {"id": "scan-1", "code": code, "scanned_at": served.now.isoformat()}
    assert served.say("dora", "POST", "/scans", scanned)[0] == 201
    served.go(stops[-1] + timedelta(minutes=10))
    assert served.say("dora", "POST", f"/runs/{run['id']}/end", {})[0] == 200
    Prover(market.url, Settings(served.home, market.url, None, (), served.home)).prove()


def test_a_place_in_a_car_is_bought_with_its_journey_and_paid_once(market: Market) -> None:
    run = offer(market.served, "dora", "09:00", 0, 10_000)
    journey, quote = market.plan()
    offered = market.offer("paul", journey, quote)
    assert (offered["cents"], offered["unpriced_rides"]) == (FARE, [])
    assert [one["kind"] for one in offered["rides"]] == ["carpool"]

    # nobody unknown gets into a car, and nothing is left of who tried
    anonymous = httpx.post(
        f"{market.served.address}/v1/tickets/orders", json={"offers": [offered["offer"]]}, timeout=120
    )
    assert (anonymous.status_code, anonymous.json()["code"]) == (400, "sign_in_first")
    assert (market.seats(), market.read("SELECT state FROM ticket_order")) == ([], [])

    order = market.ask("paul", "POST", "orders", {"offers": [offered["offer"]]}, status=201)
    assert (order["state"], market.seats()) == ("held", ["CONFIRMED"])
    assert market.books() == {}
    issued = market.pay(order)
    assert issued["state"] == "issued"
    (part,) = issued["parts"]
    assert (part["type"], part["status"], part["cents"]) == ("RESERVATION", "FULFILLED", FARE)
    assert market.ask("paul", "GET", part["ticket"])["price_cents"] == FARE
    # paid in advance: what the ride will cost is Paul's already
    assert market.books() == {"provider": FARE, "travellers": -FARE}

    ride(market, run)
    assert market.seats() == ["VALIDATED"]
    assert market.books() == {"provider": FARE, "fares": -FARE}
    assert market.ask("paul", "POST", f"orders/{order['id']}/refund-quotes", {}, status=422)["code"] == "not_refundable"


def test_it_is_given_back_before_the_ride_with_the_seat(market: Market) -> None:
    offer(market.served, "dora", "09:00", 0, 10_000)
    order = market.order()
    market.pay(order)
    assert carpool_legs(plan(market.served, at(200), at(9_900), "08:45")) == []
    ended = market.refund(order)
    assert (ended["state"], ended["parts"][0]["refunded_cents"]) == ("ended", FARE)
    assert market.seats() == ["CANCELLED"]
    assert market.books() == {}
    assert carpool_legs(plan(market.served, at(200), at(9_900), "08:45"))


def test_pages_say_at_once_that_it_needs_an_account(market: Market) -> None:
    offer(market.served, "dora", "09:00", 0, 10_000)
    journey, quote = market.plan()
    form = {"journey": journey["id"], "option": quote, "travellers": "1", "lang": "en"}
    headers = {"Sec-Fetch-Site": "same-origin", "Accept-Language": "en"}
    answer = httpx.post(f"{market.served.address}/buy", data=form, headers=headers, timeout=120)
    assert answer.status_code == 422
    assert "This needs an account" in answer.text
    assert 'name="phone"' not in answer.text


def test_two_ride_together_and_each_has_a_ticket(market: Market) -> None:
    body = {"departs_at": "2026-11-23T09:00:00+01:00", "seats": 2, "places": [place(0), place(10_000)]}
    status, run = market.served.say("dora", "POST", "/runs", body)
    assert status == 201
    (leg,) = carpool_legs(plan(market.served, at(200), at(9_900), "08:45", passengers=2))
    asked = {"quotes": [leg["booking"]["quote"]], "travellers": [{"category": "adult"}, {"category": "youth"}]}
    (offered,) = market.ask("paul", "POST", "offers", asked)["offers"]
    alone = {**asked, "travellers": [{"category": "adult"}]}
    assert market.ask("paul", "POST", "offers", alone, status=400)["code"] == "invalid_party"
    order = market.ask("paul", "POST", "orders", {"offers": [offered["offer"]]}, status=201)
    issued = market.pay(order)
    assert [part["cents"] for part in issued["parts"]] == [FARE, FARE]
    # they share one booking: one of them is not given back without the other
    quoted = market.ask("paul", "POST", f"orders/{order['id']}/refund-quotes", {"parts": [issued["parts"][0]["id"]]})
    assert (len(quoted["parts"]), quoted["refund_cents"]) == (2, 2 * FARE)
    ride(market, run)
    assert market.books() == {"provider": 2 * FARE, "fares": -2 * FARE}


def test_an_order_that_nobody_pays_gives_the_seat_back(market: Market) -> None:
    offer(market.served, "dora", "09:00", 0, 10_000)
    order = market.order()
    assert market.ask("paul", "POST", f"orders/{order['id']}/cancel", {})["state"] == "cancelled"
    order = market.order()
    market.served.go(market.served.now + timedelta(minutes=16))
    market.served.app.state.counter.tend(market.served.now)
    assert market.ask("paul", "GET", f"orders/{order['id']}")["state"] == "expired"
    assert market.seats() == ["CANCELLED", "CANCELLED"]
    assert market.books() == {}


def test_a_seat_that_is_gone_meanwhile_leaves_nothing_held(market: Market) -> None:
    offer(market.served, "dora", "09:00", 0, 10_000)
    journey, quote = market.plan()
    mine, other = market.offer("paul", journey, quote), market.offer("rita", journey, quote)
    (day,) = market.ask("paul", "POST", "offers", {"products": [{"product": "region_day"}]})["offers"]
    market.ask("rita", "POST", "orders", {"offers": [other["offer"]]}, status=201)
    gone = market.ask("paul", "POST", "orders", {"offers": [day["offer"], mine["offer"]]}, status=409)
    assert gone["code"] == "places_gone"
    assert gone["alternatives"] == []
    assert market.read("SELECT state FROM ticket_order") == ["held"]
    assert market.seats() == ["CONFIRMED"]


def test_a_car_that_is_called_off_before_it_is_paid_costs_nothing(market: Market) -> None:
    run = offer(market.served, "dora", "09:00", 0, 10_000)
    order = market.order()
    assert market.served.say("dora", "POST", f"/runs/{run['id']}/cancel", {})[0] == 200
    assert market.pay(order)["state"] == "compensated"
    assert market.books() == {}


@pytest.mark.parametrize("by", ["driver", "passenger"])
def test_a_car_that_is_called_off_afterwards_gives_the_money_back_by_itself(market: Market, by: str) -> None:
    run = offer(market.served, "dora", "09:00", 0, 10_000)
    order = market.order()
    market.pay(order)
    market.served.app.state.counter.tend(market.served.now)
    assert market.ask("paul", "GET", f"orders/{order['id']}")["state"] == "issued"
    if by == "driver":
        assert market.served.say("dora", "POST", f"/runs/{run['id']}/cancel", {})[0] == 200
    else:
        (booking,) = market.read("SELECT id::text FROM carpool_booking")
        assert market.served.say("paul", "POST", f"/bookings/{booking}/cancel", {})[0] == 200
    for _ in range(2):
        market.served.app.state.counter.tend(market.served.now)
        assert market.ask("paul", "GET", f"orders/{order['id']}")["state"] == "ended"
        assert market.books() == {}
    assert len(market.read("SELECT id FROM order_refund")) == 1


def test_who_does_not_wait_for_that_asks_for_it(market: Market) -> None:
    run = offer(market.served, "dora", "09:00", 0, 10_000)
    order = market.order()
    market.pay(order)
    assert market.served.say("dora", "POST", f"/runs/{run['id']}/cancel", {})[0] == 200
    assert market.refund(order)["state"] == "ended"
    market.served.app.state.counter.tend(market.served.now)
    assert market.books() == {}


def order_with_pass(market: Market) -> dict[str, Any]:
    """Have Paul buy a pass, and order the journey with it."""
    contact = {"name": "Paul Roux"}
    (month,) = market.ask("paul", "POST", "offers", {"products": [{"product": "coach_month"}]})["offers"]
    body = {"offers": [month["offer"]], "contact": contact}
    bought = market.pay(market.ask("paul", "POST", "orders", body, status=201))
    journey, quote = market.plan()
    held = [{"held": [bought["parts"][0]["ticket"]]}]
    asked = {"journey": journey["id"], "quotes": [quote], "travellers": held}
    (offered,) = market.ask("paul", "POST", "offers", asked)["offers"]
    assert (offered["cents"], offered["parts"]) == (0, [])
    order = market.ask("paul", "POST", "orders", {"offers": [offered["offer"]]}, status=201)
    assert market.seats() == ["CONFIRMED"]
    issued = market.ask("paul", "POST", f"orders/{order['id']}/pay", {})
    assert issued["state"] == "issued"
    return issued


def test_a_place_that_a_pass_pays_for_is_given_back_through_its_order(pass_market: Market) -> None:
    offer(pass_market.served, "dora", "09:00", 0, 10_000)
    order = order_with_pass(pass_market)
    covered = pass_market.books()
    assert covered["travellers"] == -FARE
    path = f"orders/{order['id']}"
    quoted = pass_market.ask("paul", "POST", f"{path}/refund-quotes", {})
    assert (quoted["refund_cents"], quoted["rides"]) == (0, [{"ride": 0, "owed_cents": 0}])
    ended = pass_market.ask("paul", "POST", f"{path}/refund", {"quote": quoted["quote"]})
    assert (ended["state"], pass_market.seats()) == ("ended", ["CANCELLED"])
    assert "travellers" not in pass_market.books()
    assert carpool_legs(plan(pass_market.served, at(200), at(9_900), "08:45"))


def test_a_place_that_a_pass_pays_for_is_ridden_and_owes_nothing(pass_market: Market) -> None:
    run = offer(pass_market.served, "dora", "09:00", 0, 10_000)
    order = order_with_pass(pass_market)
    ride(pass_market, run)
    assert pass_market.seats() == ["VALIDATED"]
    assert "travellers" not in pass_market.books()
    path = f"orders/{order['id']}/refund-quotes"
    assert pass_market.ask("paul", "POST", path, {}, status=409)["code"] == "not_refundable_now"
