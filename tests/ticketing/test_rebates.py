"""What a change costs goes with the ride it is for, and a rebate only lasts while what it rests on is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.ondemand.taxi_town import CAMILLE, open_town
from tests.ticketing.counter_town import Shop

from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.model import FareRide, Fellow, RideKind
from mobigo.fares.shelf import open_shelf
from mobigo.ticketing import offers
from mobigo.ticketing.making import offer_journey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from mobigo.ticketing.model import Offer

COACH, TRAIN, TRAM = "auxois", "trains", "dijon"
KILOMETRES = {COACH: 20, TRAIN: 55, TRAM: 4}


@pytest.fixture
def shop(engine: Engine, home: Path, database_url: str) -> Iterator[Shop]:
    """A village where tickets are sold, on a Tuesday at seven."""
    with open_town(engine, home, database_url) as town:
        yield Shop(town)


def make_offer(*agencies: str, now: datetime, fellows: int = 1) -> Offer:
    """Offer rides of half an hour, one after the other, tomorrow."""
    shelf = open_shelf([replace(read_demonstration(), version=1)])
    assert shelf is not None
    rides = []
    for n, agency in enumerate(agencies):
        start = now.replace(hour=9, minute=0) + timedelta(days=1, minutes=40 * n)
        rides.append(
            FareRide(
                RideKind.LINE,
                f"demonstration:{agency}",
                f"demonstration:{agency}",
                (),
                f"demonstration:{agency}-from",
                f"demonstration:{agency}-to",
                start,
                start + timedelta(minutes=30),
                KILOMETRES[agency] * 1000,
                start.date(),
            )
        )
    travellers = [Fellow(str(n), "adult") for n in range(1, fellows + 1)]
    return offer_journey(shelf, rides, travellers, {}, media=None, now=now).offer


NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def test_a_rebate_goes_with_the_ride_that_is_cheaper_and_opens_no_other() -> None:
    coach, train = make_offer(COACH, TRAIN, now=NOW).parts
    assert (coach.product, coach.cents, coach.rides) == ("coach_single", 150, (0,))
    assert (train.product, train.cents, train.rides) == ("rail_single", 1050 - 50, (1,))
    assert (train.rests_on, train.rebate) == (0, 50)
    assert (coach.rests_on, coach.rebate) == (None, 0)


def test_each_traveller_s_rebate_rests_on_their_own_ticket() -> None:
    parts = make_offer(COACH, TRAIN, now=NOW, fellows=3).parts
    assert [part.product for part in parts] == ["coach_single", "rail_single"] * 3
    assert [part.rests_on for part in parts] == [None, 0, None, 2, None, 4]


def test_what_pays_for_the_ride_after_a_change_is_on_the_ticket_before() -> None:
    (both,) = make_offer(TRAIN, TRAM, now=NOW).parts
    assert (both.product, both.cents, both.rides) == ("rail_single", 1050 + 120, (0, 1))
    coach, rest = make_offer(COACH, TRAIN, TRAM, now=NOW).parts
    assert (coach.cents, coach.rides) == (150, (0,))
    assert (rest.cents, rest.rides, rest.rebate) == (1000 + 120, (1, 2), 50)


def order_coach_and_train(shop: Shop) -> dict[str, Any]:
    now = shop.town.clock.now()
    text = offers.sign(shop.http.app.state.token_key, make_offer(COACH, TRAIN, now=now))
    return shop.pay(shop.ask("POST", "orders", {"offers": [text], "contact": CAMILLE}, status=201))


def test_who_gives_the_coach_back_and_keeps_the_train_gives_the_rebate_back(shop: Shop) -> None:
    order = order_coach_and_train(shop)
    coach, train = (part["id"] for part in order["parts"])
    path = f"orders/{order['id']}/refund-quotes"
    alone = shop.ask("POST", path, {"parts": [coach]})["parts"][0]
    assert (alone["refund_cents"], alone["kept_cents"], alone["why"]) == (100, 50, "rebate")
    assert shop.ask("POST", path, {"parts": [train]})["refund_cents"] == 1000
    whole = shop.ask("POST", path, {})
    assert whole["refund_cents"] == order["cents"] == 1150
    assert {part["why"] for part in whole["parts"]} == {"in_time"}
    quote = shop.ask("POST", path, {"parts": [coach]})["quote"]
    shop.ask("POST", f"orders/{order['id']}/refund", {"quote": quote})
    assert shop.provided() == 1050
    assert shop.ask("POST", path, {})["refund_cents"] == 1000


def test_rests_of_several_offers_in_one_order_keep_to_their_own(shop: Shop) -> None:
    now = shop.town.clock.now()
    key = shop.http.app.state.token_key
    texts = [offers.sign(key, make_offer(COACH, TRAIN, now=now)) for _ in range(2)]
    order = shop.pay(shop.ask("POST", "orders", {"offers": texts, "contact": CAMILLE}, status=201))
    quoted = shop.ask("POST", f"orders/{order['id']}/refund-quotes", {"parts": [order["parts"][2]["id"]]})
    assert quoted["refund_cents"] == 100


def test_the_coach_s_ticket_is_refused_in_the_train(shop: Shop) -> None:
    order = order_coach_and_train(shop)
    coach, train = (shop.ask("GET", part["ticket"]) for part in order["parts"])
    assert coach["scope"]["agencies"] == ["demonstration:auxois"]
    assert train["scope"]["agencies"] == ["demonstration:trains"]
    assert coach["rides"] == train["rides"] == 1
