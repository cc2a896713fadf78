"""Revenue: earned by the day, shared by the month, paid to operators, held against the provider's file."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.ondemand.taxi_town import CAMILLE, MORNING, open_town
from tests.ticketing.counter_town import Shop
from tests.ticketing.validated import put_validations

from mobigo.accounts.model import Role
from mobigo.carpool.month import sum_file
from mobigo.db.session import driver
from mobigo.ticketing import earnings, revenue_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

IBAN = "FR1420041010050500013M02606"


@pytest.fixture
def shop(engine: Engine, home: Path, database_url: str) -> Iterator[Shop]:
    """A village where tickets are sold, on a Tuesday at seven."""
    with open_town(engine, home, database_url) as town:
        yield Shop(town)


def earn(shop: Shop, until: datetime) -> int:
    with Session(shop.counter.engine) as session, session.begin():
        return earnings.earn(session, until, by="test")


def test_a_pass_is_earned_day_by_day_to_the_cent(shop: Shop) -> None:
    start = MORNING.replace(month=12, day=1, hour=12)
    order = shop.pay(shop.order({"product": "coach_month", "start": start.isoformat()}))
    (part,) = order["parts"]
    net = part["cents"] - part["vat_cents"]
    assert earn(shop, start) == 0
    found = 0
    for day in range(1, 33):  # the second run of a day posts nothing
        now = start + timedelta(days=day)
        found += earn(shop, now)
        assert earn(shop, now) == 0
        assert found == net * min(day, 31) // 31
    assert shop.books() == {"provider": part["cents"], "vat": -part["vat_cents"], "fares": -net}


def test_days_that_were_missed_are_made_up_for(shop: Shop) -> None:
    order = shop.pay(shop.order("coach_month"))  # November, bought on the 24th
    (part,) = order["parts"]
    assert earn(shop, MORNING + timedelta(days=1)) == (part["cents"] - part["vat_cents"]) * 24 // 30


def finance(shop: Shop) -> dict[str, str]:
    return shop.town.token(Role.FINANCE)


def test_a_month_is_shared_paid_and_stays(shop: Shop) -> None:
    money = finance(shop)
    shop.pay(shop.order({"product": "region_month", "number": 2}))
    shop.pay(shop.order(quotes=[shop.town.quote(9)], contact=CAMILLE))
    with psycopg.connect(shop.counter.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")) as one:
        put_validations(one, MORNING, "region_month", {"demonstration:trains": 70, "demonstration:auxois": 29})
        one.execute("UPDATE ondemand_leg SET state = 'on_board'")
    shop.ask("POST", "sharing-rules", {"since": "2026-01-01", "basis": "usage"}, status=201, headers=money)
    body = {"name": "Trains SA", "iban": IBAN}
    assert shop.ask("PUT", "operators/trains/account", body, headers=money)["account"] == "FR14 … 606"
    path = "months/2026-11/close"
    assert shop.ask("POST", path, {}, headers=money, status=422)["code"] == "month_not_over"
    shop.town.put_clock(MORNING.replace(month=12, day=2))
    money = finance(shop)
    trial = shop.ask("POST", path, {"dry_run": True}, headers=money)
    assert shop.ask("GET", "months", headers=money)["months"] == []
    found = shop.ask("POST", path, {}, headers=money)
    assert found["shares"] == trial["shares"]
    earned = found["earned_cents"]
    by_operator = {one["operator"]: one["cents"] for one in found["shares"]}
    assert by_operator == {"trains": round(earned * 70 / 99), "auxois": earned - round(earned * 70 / 99)}
    assert sum(by_operator.values()) == found["shared_cents"] == earned
    assert [(one["operator"], one["cents"]) for one in found["payouts"]] == [("trains", by_operator["trains"])]
    assert found["carried"] == [{"operator": "auxois", "cents": by_operator["auxois"]}]
    again = shop.ask("POST", path, {}, headers=money)
    assert again == {**found, "already_closed": True}
    file = shop.http.get("/v1/tickets/months/2026-11/sepa.xml", headers=money).content
    assert sum_file(file) == by_operator["trains"]
    books = shop.books()
    assert books["bank"] == -by_operator["trains"]
    assert books["operators"] == -by_operator["auxois"]
    csv = shop.http.get("/v1/tickets/months/2026-11/shares.csv", headers=money).text.splitlines()
    assert len(csv) == 1 + len(found["shares"])
    pdf = shop.http.get("/v1/tickets/months/2026-11/statements/trains.pdf", headers=money)
    assert pdf.content.startswith(b"%PDF")
    closed = pytest.raises(psycopg.errors.RestrictViolation, match="is closed")
    with closed, Session(shop.counter.engine) as session, session.begin():
        revenue_store.add_revenue(driver(session), date(2026, 11, 30), "region_month", {}, 1)


def test_what_is_given_back_after_a_close_is_taken_from_the_next_month(shop: Shop) -> None:
    order = shop.pay(shop.order("region_month"))
    shop.town.put_clock(MORNING.replace(month=12, day=2))
    money = finance(shop)
    november = shop.ask("POST", "months/2026-11/close", {}, headers=money)
    shop.ask("POST", f"orders/{order['id']}/waive", {"cents": 1_000, "why": "strike"}, headers=money)
    shop.town.put_clock(MORNING.replace(year=2027, month=1, day=2))
    money = finance(shop)
    december = shop.ask("POST", "months/2026-12/close", {}, headers=money)
    (part,) = order["parts"]
    net = part["cents"] - part["vat_cents"]
    assert november["earned_cents"] == net
    assert december["earned_cents"] == -(1_000 - round(1_000 * 100 / 1_100))
    assert shop.ask("GET", "months/2026-11", headers=money)["earned_cents"] == net


def test_validations_that_come_after_a_close_count_once_in_the_next_one(shop: Shop) -> None:
    shop.ask("POST", "sharing-rules", {"since": "2026-01-01", "basis": "usage"}, status=201, headers=finance(shop))
    start = MORNING.replace(month=12, day=1, hour=12).isoformat()
    shop.pay(shop.order("region_month", {"product": "region_month", "start": start}))
    url = shop.counter.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    november, december = MORNING, MORNING.replace(month=12, day=24)
    told: dict[datetime, list[tuple[datetime, str]]] = {  # by when devices told: when it was, in whose vehicle
        MORNING.replace(month=12, day=5): [(november, "trains"), (november, "auxois")],
        MORNING.replace(year=2027, month=1, day=5): [(november, "semur"), (december, "trains")],
        MORNING.replace(year=2027, month=2, day=5): [(december, "dijon")],
        MORNING.replace(year=2027, month=3, day=5): [],
    }
    found = []
    for at, seen in told.items():
        with psycopg.connect(url) as one:
            for when, agency in seen:
                put_validations(one, when, "region_month", {f"demonstration:{agency}": 10}, at - timedelta(hours=1))
        shop.town.put_clock(at)
        path = f"months/{at - timedelta(days=6):%Y-%m}/close"
        closed = shop.ask("POST", path, {}, headers=finance(shop))
        weights = {row["operator"]: row["weight"] for row in closed["shares"] if row["product"] == "region_month"}
        found.append((closed["validations"], weights))
    assert found == [(20, {"trains": 10, "auxois": 10}), (20, {"trains": 10, "navettes": 10}), (10, {}), (0, {})]


def settle(shop: Shop, text: str) -> dict[str, Any]:
    answer = shop.http.post("/v1/tickets/settlements", content=text, headers=finance(shop))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_providers_file_is_held_against_what_we_know(shop: Shop) -> None:
    start = (MORNING + timedelta(days=40)).isoformat()
    first = shop.pay(shop.order({"product": "coach_month", "start": start}))
    shop.pay(shop.order("coach_month"), "pm_card_createDispute")
    quoted = shop.ask("POST", f"orders/{first['id']}/refund-quotes", {})
    shop.ask("POST", f"orders/{first['id']}/refund", {"quote": quoted["quote"]})
    shop.later(minutes=2)
    query = {"since": "2026-11-01T00:00:00Z", "until": "2026-12-01T00:00:00Z"}
    file = shop.http.get("/v1/tickets/settlements/trial.csv", params=query, headers=finance(shop)).text
    assert settle(shop, file.splitlines()[0] + "\n")["missing"] != []
    found = settle(shop, file)
    assert (found["rows"], found["findings"], found["missing"]) == (4, [], [])
    assert found["fees_cents"] == 2 * (25 + round(first["cents"] * 0.015)) + 1_500
    assert settle(shop, file)["known"] == 4
    strange = "\n".join([*file.splitlines(), "txn_x,2026-11-24 08:00:00,eur,9.99,0.00,9.99,charge,ch_x,pi_x", ""])
    assert [one["finding"] for one in settle(shop, strange)["findings"]] == ["unknown"]
    for content in ("a,b\n1,2\n", "x" * 200_000, file.splitlines()[0] + "\n" + "y" * 200_000):
        wrong = shop.http.post("/v1/tickets/settlements", content=content, headers=finance(shop))
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_settlement")


def test_only_finance_sees_shares(shop: Shop) -> None:
    for path in ("sharing-rules", "months", "months/2026-11"):
        assert shop.ask("GET", path, headers=shop.town.token(Role.TRAVELLER), status=403)["code"] == "role_required"
