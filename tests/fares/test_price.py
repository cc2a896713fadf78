"""What travellers pay with the demonstration's prices, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.document import read_document
from mobigo.fares.explain import say
from mobigo.fares.model import FareRide, Fellow, Held, RideKind
from mobigo.fares.price import price
from mobigo.fares.pricebook import PriceBook
from mobigo.fares.shelf import open_shelf
from mobigo.kit.errors import Refused

if TYPE_CHECKING:
    from mobigo.fares.model import Price

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, 8, tzinfo=PARIS)
SATURDAY = datetime(2026, 11, 28, 8, tzinfo=PARIS)
BOOK = PriceBook(read_demonstration())


def ride(agency: str, after: int = 0, km: int = 20, day: datetime = MONDAY) -> FareRide:
    """A ride of half an hour, so many minutes after eight."""
    begin = day + timedelta(minutes=after)
    return FareRide(
        RideKind.LINE, f"demonstration:{agency}", f"demonstration:{agency}1", (), "demonstration:a", "demonstration:b",
        begin, begin + timedelta(minutes=30), 1000 * km, begin.date(),
    )  # fmt: skip


def pay(rides: list[FareRide], *fellows: Fellow) -> Price:
    found = price(BOOK, rides, fellows or (Fellow("1", "adult"),))
    assert found.complete
    assert found.cents == sum(item.cents for item in found.items)
    return found


def with_(product: str, number: str = "1", left: int | None = None) -> Fellow:
    return Fellow(number, "adult", (Held(f"h{number}", product, 0, None, None, left),))


def test_a_coach_costs_its_price() -> None:
    assert pay([ride("auxois")]).cents == 150


def test_a_train_costs_by_distance_to_the_next_ten_cents() -> None:
    assert pay([ride("trains", km=50)]).cents == 970  # 2.20 and 50 x 0.15


@pytest.mark.parametrize(("day", "cents"), [(MONDAY, 680), (SATURDAY, 390)])
def test_a_card_takes_more_off_at_weekends(day: datetime, cents: int) -> None:
    found = pay([ride("trains", km=50, day=day)], with_("rail_card"))
    assert found.cents == cents
    assert [reason.code for reason in found.items[0].why] == ["leg_rule", "band", "reduction"]


def test_one_companion_gets_the_reduction_and_a_second_does_not() -> None:
    both = pay([ride("trains", km=50)], with_("rail_card"), Fellow("2", "adult"))
    assert both.cents == 680 + 680
    three = pay([ride("trains", km=50)], with_("rail_card"), Fellow("2", "adult"), Fellow("3", "adult"))
    assert three.cents == 680 + 680 + 970


def test_a_day_ticket_is_sold_where_it_costs_less() -> None:
    found = pay([ride("auxois", 200 * n) for n in range(3)])
    assert (found.cents, [item.product for item in found.items]) == (400, ["coach_day"])
    assert found.items[0].rides == (0, 1, 2)
    assert say(BOOK, found.items[0], found.items[0].why[0], "fr") == (
        "Cars et navettes, un jour coûte moins que les trajets un par un (4,50 €)."
    )


def test_five_travel_on_one_ticket_for_five() -> None:
    family = [Fellow(str(n), "adult") for n in range(1, 6)]
    found = pay([ride("auxois"), ride("auxois", 300)], *family)
    assert (found.cents, len(found.items), found.items[0].fellows) == (1000, 1, ("1", "2", "3", "4", "5"))


def test_a_carnet_is_for_whoever_is_along() -> None:
    found = pay([ride("auxois")], with_("coach_carnet", left=2), Fellow("2", "adult"), Fellow("3", "adult"))
    assert found.cents == 150
    held = [item for item in found.items if item.held]
    assert [(item.cents, item.held, len(item.fellows)) for item in held] == [(0, "h1", 2)]


def test_a_pass_that_is_held_is_used_and_one_that_is_over_is_not() -> None:
    over = Held("h", "coach_month", 0, MONDAY - timedelta(days=30), MONDAY)
    assert pay([ride("auxois")], with_("coach_month")).cents == 0
    assert pay([ride("auxois")], Fellow("1", "adult", (over,))).cents == 150


def test_what_a_service_says_itself_is_its_price() -> None:
    quoted = replace(ride("tad"), kind=RideKind.ON_DEMAND, quoted=333)
    found = pay([quoted, ride("auxois", 60)])
    assert [(item.product, item.cents) for item in found.items] == [("on_demand_single", 333), ("coach_single", 150)]


def test_what_is_paid_for_all_together_is_divided() -> None:
    quoted = replace(ride("tad"), kind=RideKind.ON_DEMAND, quoted=166, shares=(167, 167, 166))
    found = pay([quoted], *(Fellow(str(n), "adult") for n in range(1, 4)))
    assert [item.cents for item in found.items] == [167, 167, 166]


def test_a_ride_that_nobody_sells_is_named() -> None:
    found = price(BOOK, [ride("auxois"), ride("nobody", 60)], [Fellow("1", "adult")])
    assert (found.cents, found.unknown, found.complete) == (150, (1,), False)


def test_what_would_take_too_long_to_compare_is_refused() -> None:
    covers = [{"networks": ["coach"], "max_metres": 10_000 + n} for n in range(6)]
    products = [
        {"id": f"c{n}", "name": {"fr": "x"}, "kind": "carnet", "rides": 10, "prices": [{"cents": 1}], "covers": cover}
        for n, cover in enumerate(covers)
    ]
    networks = [{"id": "coach", "sources": ["demonstration"]}]
    document = {"name": {"fr": "x"}, "valid_from": "2026-01-01", "networks": networks, "products": products}
    book = PriceBook(read_document(document, id_="x"))
    rides = [ride("auxois", 40 * n, km=1) for n in range(16)]
    with pytest.raises(Refused, match="too many ways"):
        price(book, rides, [Fellow(str(n), book.default) for n in range(40)])


def test_feeds_that_bring_their_own_fares_are_priced_beside_the_region() -> None:
    feed = read_document(
        {
            "name": {"fr": "x"},
            "valid_from": "2026-01-01",
            "networks": [{"id": "n", "sources": ["other"]}],
            "products": [{"id": "p", "name": {"fr": "Bus"}, "kind": "single", "prices": [{"cents": 90}]}],
            "tariffs": [
                {
                    "id": "t",
                    "timezone": "Europe/Paris",
                    "sources": ["other"],
                    "legs": [{"product": "p", "network": "n"}],
                }
            ],
        },
        id_="other",
    )
    strange = replace(ride("x", 60), agency="other:x", route="other:1")
    shelf = open_shelf([BOOK.catalogue, replace(feed, version=7)])
    assert shelf is not None
    found = shelf.price([ride("auxois"), strange, ride("auxois", 240)], [Fellow("1", "adult")])
    assert (found.cents, found.complete) == (150 + 90 + 150, True)
    assert [(item.product, item.version, item.rides) for item in found.items if item.version == 7] == [("p", 7, (1,))]
    dollars = open_shelf([BOOK.catalogue, replace(feed, currency="USD")])
    assert dollars is not None
    assert dollars.price([ride("auxois"), strange], [Fellow("1", "adult")]).unknown == (1,)


def test_prices_hold_from_day_to_day() -> None:
    rows = [{"cents": 100, "until": "2026-11-23"}, {"cents": 120, "since": "2026-11-24"}]
    document = {
        "name": {"fr": "x"},
        "valid_from": "2026-01-01",
        "networks": [{"id": "n", "sources": ["demonstration"]}],
        "products": [{"id": "p", "name": {"fr": "x"}, "kind": "single", "prices": rows}],
        "tariffs": [{"id": "t", "timezone": "Europe/Paris", "legs": [{"product": "p", "network": "n"}]}],
    }
    book = PriceBook(read_document(document, id_="x"))
    days = [MONDAY, MONDAY + timedelta(days=1)]
    assert [price(book, [ride("a", day=day)], [Fellow("1", book.default)]).cents for day in days] == [100, 120]
    assert date(2026, 11, 23) == MONDAY.date()
