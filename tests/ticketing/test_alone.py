"""Products bought without a journey: their tickets are good where the product is, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.ondemand.taxi_town import open_town
from tests.ticketing.counter_town import Shop

from mobigo.fares.catalogue import Catalogue, LegRule, Product, ProductKind, Tariff, ThroughFare, ThroughRow, Words
from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.extent import Extent, find_extent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

CATALOGUE = read_demonstration()


@pytest.fixture
def shop(engine: Engine, home: Path, database_url: str) -> Iterator[Shop]:
    """A village where tickets are sold, on a Tuesday at seven."""
    with open_town(engine, home, database_url) as town:
        yield Shop(town)


def buy(shop: Shop, product: str) -> dict[str, Any]:
    return shop.ask("GET", shop.pay(shop.order(product))["parts"][0]["ticket"])


def test_a_single_bought_by_itself_is_good_once_on_its_network(shop: Shop) -> None:
    shuttle = buy(shop, "shuttle_single")
    assert shuttle["scope"]["networks"] == ["shuttle"]
    assert shuttle["rides"] == 1
    coach = buy(shop, "coach_single")
    assert (coach["scope"]["networks"], coach["rides"], coach["minutes_per_ride"]) == (["coach"], 1, 120)
    tram = buy(shop, "tram_single")
    assert (tram["scope"]["networks"], tram["rides"], tram["minutes_from_first_use"]) == (["tram"], None, 60)


def test_what_is_for_a_booked_ride_is_not_sold_without_it(shop: Shop) -> None:
    for product in ("on_demand_single", "carpool_single"):
        assert shop.offer(product, status=422)["code"] == "not_sold"


def test_a_reduction_card_is_no_ticket(shop: Shop) -> None:
    order = shop.pay(shop.order("rail_card"))
    card = shop.ask("GET", order["parts"][0]["ticket"])
    assert card["rides"] == 0
    travellers = [{"held": [card["key"]]}]
    assert shop.offer(quotes=[shop.town.quote(9)], travellers=travellers)["offers"]


def test_a_medium_that_there_is_not_is_refused(shop: Shop) -> None:
    refused = shop.offer({"product": "coach_day", "medium": "parchment"}, status=400)
    assert refused["code"] == "invalid_offer"
    assert "bank_card" in refused["detail"]


def test_a_day_that_is_too_far_is_refused_with_those_there_are(shop: Shop) -> None:
    for day in ("1970-01-01T00:00:00Z", "2031-01-01T00:00:00Z"):
        refused = shop.offer({"product": "coach_day", "start": day}, status=400)
        assert (refused["code"], "choose a day from 20" in refused["detail"]) == ("invalid_offer", True)


def make(kind: ProductKind = ProductKind.SINGLE) -> Product:
    return Product("p", Words("p"), kind, ())


def with_rules(*legs: LegRule, throughs: tuple[ThroughFare, ...] = ()) -> Catalogue:
    return replace(CATALOGUE, tariffs=(Tariff("t", "Europe/Paris", legs=legs, throughs=throughs),))


@pytest.mark.parametrize(
    ("catalogue", "extent"),
    [
        (with_rules(LegRule("p", network="a"), LegRule("p", network="b")), Extent(networks=("a", "b"))),
        (with_rules(LegRule("p", network="a"), LegRule("p")), None),
        (with_rules(LegRule("p", network="a", from_area="z")), None),
        (with_rules(LegRule("p", network="a", to_timeframe="late")), None),
        (with_rules(LegRule("other", network="a")), None),
        (with_rules(throughs=(ThroughFare("p", agency="f:x"),)), Extent(agencies=("f:x",))),
        (with_rules(throughs=(ThroughFare("p"),)), None),
        (with_rules(throughs=(ThroughFare("p", rows=(ThroughRow("f:1"), ThroughRow("f:2"))),)),
         Extent(routes=("f:1", "f:2"))),
        (with_rules(throughs=(ThroughFare("p", rows=(ThroughRow("f:1", from_area="z"),)),)), None),
        (with_rules(throughs=(ThroughFare("p", rows=(ThroughRow("f:1"), ThroughRow())),)), None),
        (with_rules(LegRule("p", network="a"), throughs=(ThroughFare("p", agency="f:x"),)), None),
    ],
)  # fmt: skip
def test_where_a_product_is_good_by_itself(catalogue: Catalogue, extent: Extent | None) -> None:
    assert find_extent(catalogue, make()) == extent
    assert find_extent(catalogue, make(ProductKind.CARPOOL)) is None
    assert find_extent(catalogue, make(ProductKind.REDUCTION_CARD)) == Extent()
