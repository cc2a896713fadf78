"""A month of many travellers by the demonstration's prices: nobody pays more than with anything they could have bought.

Each traveller's days are drawn from a few ways to spend a day, so that prices need not be found again for everybody.
What a product would have cost them is worked out by the fare engine alone, ride by ride, without `best`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.model import FareRide, Fellow, Held, RideKind
from mobigo.fares.price import price
from mobigo.fares.validity import span
from mobigo.ticketing.best import START, Offer, settle
from mobigo.ticketing.taps import Ride, Whole, day_begins
from mobigo.ticketing.taps_tariff import CAP, HOURS, Known, Priced, TapTariff

PARIS = ZoneInfo("Europe/Paris")
FIRST = date(2026, 12, 1)
AGENCIES = {
    "c": ("demonstration:auxois", 12_000),
    "s": ("demonstration:semur", 3_000),
    "t": ("demonstration:trains", 40_000),
    "T": ("demonstration:trains", 75_000),
    "m": ("demonstration:dijon", 4_000),
}
"""By letter: agency and metres."""

PATTERNS = (
    "7c 17c", "7c 12c 13c 18c", "8c", "7t 18t", "6T 19T", "7c 8t 17t 18c", "7t 8m 17m 18t", "9s 11s", "9s 10c 16c 17s",
    "10m 11m 15m 16m", "9T 10m 14m 18T", "6c 7c 9c 11c 14c 16c 19c", "22c", "8m", "20t",
)  # fmt: skip


class Habit(NamedTuple):
    """How somebody travels."""

    busy: float
    """Share of days on which they travel."""
    patterns: tuple[str, ...]


TARIFF = TapTariff(read_demonstration(), price, lambda text: text)
WHO = TARIFF.book.default or ""


@cache
def list_rides(pattern: str, day: date) -> tuple[FareRide, ...]:
    rides = []
    for word in pattern.split():
        agency, metres = AGENCIES[word[-1]]
        at = datetime(day.year, day.month, day.day, int(word[:-1]), 0, tzinfo=PARIS)
        rides.append(
            FareRide(
                RideKind.LINE, agency, "", (), None, None, at, at + timedelta(minutes=25), metres, day,
            )
        )  # fmt: skip
    return tuple(rides)


@cache
def count(pattern: str, day: date) -> Priced:
    known = [
        Known(Ride(one.agency, None, None, one.departure, one.arrival, None, None, None, Whole.WHOLE, ()), (one,), None)
        for one in list_rides(pattern, day)
    ]
    return TARIFF.count(day, known, None)


def travel(draw: Random) -> dict[date, str]:
    habit = Habit(draw.choice((0.15, 0.4, 0.7, 0.95)), tuple(draw.sample(PATTERNS, draw.randrange(1, 4))))
    days = (FIRST + timedelta(days=n) for n in range(31))
    return {day: draw.choice(habit.patterns) for day in days if draw.random() < habit.busy}


def charge(days: dict[date, str]) -> int:
    """What is charged day by day, added up; never below zero on any day."""
    labels, offers, total = START, dict[str, Offer](), 0
    for day, pattern in days.items():
        priced = count(pattern, day)
        offers.update({one.key: one for one in priced.offers})
        before = labels[0].cents
        labels = settle(labels, [priced.day], offers)
        assert labels[0].cents >= before
        total += labels[0].cents - before
    return total


@cache
def price_holding(pattern: str, day: date, product: str | None) -> int:
    """What a day costs ride by ride, journey by journey, to who holds a product all day."""
    since, until = day_begins(day, PARIS), day_begins(day + timedelta(days=2), PARIS)
    held = () if product is None else (Held("x", product, TARIFF.catalogue.version, since, until),)
    total, piece = 0, list[FareRide]()
    for ride in [*list_rides(pattern, day), None]:
        if piece and (ride is None or (ride.departure - piece[-1].arrival).total_seconds() > 7_200):
            total += price(TARIFF.book, piece, [Fellow("1", WHO, held)]).cents
            piece = []
        piece += [ride] if ride else []
    return total


def buy_all_along(days: dict[date, str], product: str) -> int:
    """What a month costs to who buys a product whenever they have none, from their first day on."""
    sold = TARIFF.book.products[product]
    ends, total = datetime.min.replace(tzinfo=PARIS), 0
    for day, pattern in days.items():
        if day_begins(day, PARIS) >= ends:
            total += min(row.cents for row in sold.prices if row.cents is not None and row.category in (None, WHO))
            _, ends = span(sold.validity, day_begins(day, PARIS), PARIS)
        total += price_holding(pattern, day, product)
    return total


def buy_carnets(days: dict[date, str], product: str) -> int:
    """What a month of coaches costs by carnets alone; of who rides nothing else, one ride at a time."""
    sold = TARIFF.book.products[product]
    rides = sum(len(pattern.split()) for pattern in days.values())
    assert sold.rides
    return -(-rides // sold.rides) * sum(row.cents or 0 for row in sold.prices)


def list_products() -> list[str]:
    lasting = [
        one.id
        for one in TARIFF.catalogue.products
        if TARIFF._is_buyable(one, FIRST) and one.rides is None and one.validity.unit not in HOURS
    ]
    return [*lasting, *(one for one in TARIFF.book.products if one.startswith(CAP) and one not in lasting)]


def check(travellers: int, seed: int) -> int:
    draw = Random(seed)
    products = list_products()
    assert {"coach_day", "region_day", "coach_week", "coach_month", "region_month", "rail_card"} <= set(products)
    capped = 0
    for _ in range(travellers):
        days = travel(draw)
        cents = charge(days)
        alone = sum(price_holding(pattern, day, None) for day, pattern in days.items())
        assert cents <= alone
        for product in products:
            assert cents <= buy_all_along(days, product), (product, days)
        if all({word[-1] for word in pattern.split()} == {"c"} for pattern in days.values()):
            assert cents <= buy_carnets(days, "coach_carnet")
        capped += cents < alone
    return capped


def test_a_month_is_never_dearer_than_any_product_all_along() -> None:
    assert check(25, seed=1) > 10


@pytest.mark.slow
def test_a_month_of_ten_thousand_travellers() -> None:
    assert check(10_000, seed=2) > 4_000
