"""The price is the least that any lawful combination costs; and what follows from that."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fares.price_oracle import Town
from tests.fares.small_catalogues import BEGIN, NAME, NETWORKS, catalogues, journeys, travellers

from mobigo.fares.catalogue import (
    Catalogue,
    Coverage,
    LegRule,
    PriceRow,
    Product,
    ProductKind,
    Tariff,
    TransferKind,
    TransferRule,
)
from mobigo.fares.model import FareRide, Fellow, Held, RideKind
from mobigo.fares.price import price
from mobigo.fares.pricebook import PriceBook

if TYPE_CHECKING:
    from mobigo.fares.model import Price

MINUTES = timedelta(minutes=10)
quick = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
slow = settings(quick, max_examples=80)


def worth(found: Price) -> tuple[int, int]:
    return len(found.unknown), found.cents


def check(catalogue: Catalogue, rides: tuple[FareRide, ...], fellows: tuple[Fellow, ...]) -> None:
    """Compare with every way to pay; the items are what the price says."""
    found = price(PriceBook(catalogue), rides, fellows)
    unknown, cents = Town(catalogue, rides, fellows).cheapest()
    assert found.cents == sum(item.cents for item in found.items)
    paid = [(fellow, ride) for item in found.items for fellow in item.fellows for ride in item.rides]
    missing = {(fellow.id, n) for fellow in fellows for n in range(len(rides))} - set(paid)
    assert {ride for _, ride in missing} == set(found.unknown)
    assert (len(missing), found.cents) == (unknown, cents)


@given(catalogues(shared=False), journeys(4), travellers(1))
@quick
def test_one_traveller_pays_the_least_that_is_lawful(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellow: Fellow
) -> None:
    check(catalogue, rides, (fellow,))


@pytest.mark.slow
@given(catalogues(shared=False), journeys(5), travellers(1))
@settings(quick, max_examples=5_000, derandomize=False)
def test_one_traveller_pays_the_least_that_is_lawful_ever_so_often(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellow: Fellow
) -> None:
    check(catalogue, rides, (fellow,))


@pytest.mark.slow
@given(catalogues(shared=True), journeys(3), st.tuples(travellers(1), travellers(2)))
@settings(quick, max_examples=2_000, derandomize=False)
def test_two_travellers_pay_the_least_that_is_lawful_ever_so_often(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellows: tuple[Fellow, ...]
) -> None:
    check(catalogue, rides, fellows)


def test_a_ticket_for_two_pays_off_though_it_costs_more_than_all_rides_with_their_rebates() -> None:
    catalogue = Catalogue(
        "small",
        1,
        NAME,
        date(2026, 1, 1),
        networks=NETWORKS,
        products=(
            Product("p", NAME, ProductKind.SINGLE, (PriceRow(150),)),
            Product("q", NAME, ProductKind.SINGLE, (PriceRow(50),)),
            Product("u", NAME, ProductKind.TRANSFER, (PriceRow(-100),)),
            Product("group", NAME, ProductKind.GROUP, (PriceRow(200),), covers=Coverage(("N",)), max_fellows=2),
        ),
        tariffs=(
            Tariff(
                "t",
                "Europe/Paris",
                legs=(LegRule("p", "G", "N"), LegRule("q", "H", "M")),
                transfers=(TransferRule(TransferKind.RULE, "G", "H", product="u"),),
            ),
        ),
    )
    rides = tuple(
        FareRide(RideKind.LINE, "s:x", route, (), "s:a", "s:a", at, at + MINUTES, 1000, BEGIN.date())
        for route, at in zip(("s:n", "s:n", "s:m"), (BEGIN + n * MINUTES for n in range(3)), strict=True)
    )
    check(catalogue, rides, (Fellow("1", "adult"), Fellow("2", "adult")))


@given(catalogues(shared=True), journeys(2), st.tuples(travellers(1), travellers(2)))
@slow
def test_two_travellers_pay_the_least_that_is_lawful(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellows: tuple[Fellow, ...]
) -> None:
    check(catalogue, rides, fellows)


@given(catalogues(shared=True), journeys(2), st.tuples(travellers(1), travellers(2), travellers(3)))
@settings(slow, max_examples=40)
def test_three_travellers_pay_the_least_that_is_lawful(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellows: tuple[Fellow, ...]
) -> None:
    check(catalogue, rides, fellows)


@given(catalogues(shared=False), journeys(5), travellers(1))
@quick
def test_a_journey_is_never_dearer_than_its_rides_one_by_one(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellow: Fellow
) -> None:
    book = PriceBook(catalogue)
    alone = replace(fellow, held=tuple(held for held in fellow.held if held.rides_left is None))
    each = [worth(price(book, (ride,), (alone,))) for ride in rides]
    whole = worth(price(book, rides, (alone,)))
    assert whole <= (sum(unknown for unknown, _ in each), sum(cents for _, cents in each))


@given(
    catalogues(shared=True), journeys(3), st.tuples(travellers(1), travellers(2)), st.sampled_from(["month", "card"])
)
@quick
def test_holding_more_is_never_dearer(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellows: tuple[Fellow, ...], product: str
) -> None:
    book = PriceBook(catalogue)
    more = replace(fellows[0], held=(*fellows[0].held, Held("more", product, 1, BEGIN, None)))
    assert worth(price(book, rides, (more, *fellows[1:]))) <= worth(price(book, rides, fellows))


@given(catalogues(shared=True), journeys(3), st.tuples(travellers(1), travellers(2)))
@quick
def test_together_is_never_dearer_than_apart(
    catalogue: Catalogue, rides: tuple[FareRide, ...], fellows: tuple[Fellow, ...]
) -> None:
    book = PriceBook(catalogue)
    apart = [worth(price(book, rides, (fellow,))) for fellow in fellows]
    if not any(unknown for unknown, _ in apart):
        assert worth(price(book, rides, fellows)) <= (0, sum(cents for _, cents in apart))


@given(catalogues(shared=True), st.lists(journeys(3), min_size=2, max_size=12), travellers(1))
@settings(quick, max_examples=100)
def test_journeys_taken_to_be_alike_are(
    catalogue: Catalogue, several: list[tuple[FareRide, ...]], fellow: Fellow
) -> None:
    book = PriceBook(catalogue)
    for rides in several:
        assert price(book, rides, (fellow,)) == price(PriceBook(catalogue), rides, (fellow,))
