"""Best price: what is charged day by day adds up to the cheapest products that could have been bought."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobigo.ticketing.best import START, Alike, Day, Offer, Window, carry, find_ways, settle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MONDAY = date(2026, 11, 23)
DAY = Offer("day", 1_000, Window.DAYS)
WEEK = Offer("week", 2_500, Window.WEEKS)
GOOGLE = {"day": DAY, "week": WEEK}
"""Single 1, day 10, week 25: the example of Google's description of fare caps."""


def coach(number: int, rides: int, offers: Mapping[str, Offer] = GOOGLE, single: int = 100) -> Day:
    """A day with some rides of one price, that every offer covers."""

    def cost(held: Sequence[tuple[Alike, int | None]]) -> int:
        if any(left is None for _, left in held):
            return 0
        return single * max(0, rides - sum(left or 0 for _, left in held))

    passes = tuple(key for key, offer in offers.items() if offer.rides is None)
    kinds = [Alike((key,), offer.rides, (0,) * rides) for key, offer in offers.items() if offer.rides is not None]
    kinds += [Alike(passes, None, (0,) * rides)] if passes else []
    return Day(MONDAY + timedelta(days=number), find_ways((single,) * rides, cost, kinds))


def charge(days: Sequence[Day], offers: Mapping[str, Offer]) -> list[int]:
    """What is charged after every day."""
    labels, before, charges = START, 0, []
    for day in days:
        labels = settle(labels, [day], offers)
        charges.append(labels[0].cents - before)
        before = labels[0].cents
    return charges


@pytest.mark.parametrize(
    ("days", "total"),
    [
        ([1], 100),
        ([3], 300),
        ([13], 1_000),
        ([5] * 6, 2_500),
        ([0, 0, 13, 0, 0, 0, 13, 13], 3_000),  # Wednesday, Sunday, and the Monday after: a day of another week
    ],
)
def test_riding_costs_what_the_cheapest_products_cost(days: list[int], total: int) -> None:
    charges = charge([coach(n, rides) for n, rides in enumerate(days) if rides], GOOGLE)
    assert sum(charges) == total
    assert min(charges) >= 0


def test_what_a_traveller_would_have_bought_is_told() -> None:
    cheapest = settle(START, [coach(n, 13) for n in range(3)], GOOGLE)[0]
    assert [step.bought for step in cheapest.list_steps()] == [("week",), (), ()]


def test_a_carnet_is_used_up_and_bought_again() -> None:
    offers = {"ten": Offer("ten", 800, Window.DAYS, 365, rides=10)}
    charges = charge([coach(n, 6, offers) for n in range(4)], offers)
    assert charges == [600, 400, 600, 400]  # 6 singles; a carnet and 2; 1,600 = two carnets for 18; then 24 rides


def test_a_price_of_the_past_cannot_be_bought_at_the_price_of_today() -> None:
    offers = {
        "old": Offer("old", 500, Window.WEEKS, last=MONDAY + timedelta(days=1)),
        "new": Offer("new", 600, Window.WEEKS, first=MONDAY + timedelta(days=2)),
    }
    assert sum(charge([coach(0, 1, offers), coach(2, 9, offers)], offers)) == 500
    assert sum(charge([coach(3, 9, offers)], offers)) == 600


@pytest.mark.parametrize(
    ("window", "length", "day", "until"),
    [
        (Window.DAYS, 1, MONDAY, MONDAY),
        (Window.DAYS, 7, MONDAY, date(2026, 11, 29)),
        (Window.WEEKS, 1, date(2026, 11, 28), date(2026, 11, 29)),
        (Window.MONTHS, 1, date(2026, 12, 31), date(2026, 12, 31)),
        (Window.MONTHS, 3, date(2026, 11, 2), date(2027, 1, 31)),
        (Window.ROLLING_MONTHS, 1, date(2026, 1, 31), date(2026, 2, 27)),
        (Window.ROLLING_MONTHS, 12, date(2026, 11, 23), date(2027, 11, 30)),
        (Window.YEARS, 1, MONDAY, date(2026, 12, 31)),
    ],
)
def test_windows_end_when_the_calendar_says(window: Window, length: int, day: date, until: date) -> None:
    assert Offer("x", 1, window, length).until(day) == until


# ── against trying everything ─────────────────────────────────────────────────────────────────────────────────────────

LINES = ("coach", "train")
SINGLE = {"coach": 150, "train": 700}

COVER = {
    "coach_day": ("coach",),
    "coach_three": ("coach",),
    "coach_ten": ("coach",),
    "all_week": LINES,
    "train_week": ("train",),
    "half": (),
}
OFFERS = {
    "coach_day": Offer("coach_day", 320, Window.DAYS, covers="coach"),
    "coach_three": Offer("coach_three", 600, Window.DAYS, 3, covers="coach"),
    "coach_ten": Offer("coach_ten", 380, Window.DAYS, 5, rides=3, worth=150),
    "all_week": Offer("all_week", 2_600, Window.WEEKS),
    "train_week": Offer("train_week", 1_900, Window.WEEKS),
    "half": Offer("half", 900, Window.DAYS, 6),
}


def price_day(rides: Sequence[str], held: Mapping[str, int | None]) -> int:
    """Price some rides for who holds something: covered ones are free, trains are half price with the card."""
    left, total = held.get("coach_ten") or 0, 0
    for ride in sorted(rides, key=lambda one: -SINGLE[one]):
        if any(ride in COVER[key] for key in held if key != "coach_ten"):
            continue
        if ride == "coach" and left:
            left -= 1
            continue
        total += SINGLE[ride] // 2 if ride == "train" and "half" in held else SINGLE[ride]
    return total


def try_everything(days: Mapping[int, Sequence[str]], chosen: Sequence[str]) -> int:
    """The least over all subsets of purchases on days with rides, carnets up to three of a day."""
    moments = [(n, key) for n in days for key in chosen]
    least = 10**9
    for counts in product(*(range(4) if OFFERS[key].rides else range(2) for _, key in moments)):
        cents = sum(count * OFFERS[key].cents for count, (_, key) in zip(counts, moments, strict=True))
        if cents >= least:
            continue
        carnets: list[list[object]] = []
        for n, rides in days.items():
            day = MONDAY + timedelta(days=n)
            held: dict[str, int | None] = {}
            for count, (bought, key) in zip(counts, moments, strict=True):
                if not count or bought > n or OFFERS[key].until(MONDAY + timedelta(days=bought)) < day:
                    continue
                if OFFERS[key].rides is None:
                    held[key] = None
                elif bought == n:
                    carnets += [[OFFERS[key].until(day), OFFERS[key].rides] for _ in range(count)]
            carnets = [one for one in carnets if one[0] >= day]
            left = sum(one[1] for one in carnets)
            # a carnet is used where it helps, as many rides as there are: each is worth the same
            coaches = 0 if any("coach" in COVER[key] for key in held) else list(rides).count("coach")
            used = min(left, coaches)
            cents += price_day(rides, {**held, **({"coach_ten": used} if used else {})})
            for one in sorted(carnets, key=lambda one: one[0]):
                taken = min(one[1], used)
                one[1] -= taken
                used -= taken
        least = min(least, cents)
    return least


def keep(number: int, rides: Sequence[str], chosen: Sequence[str]) -> Day:
    """What is kept of a day: offers that do the same are together."""

    def cost(held: Sequence[tuple[Alike, int | None]]) -> int:
        return price_day(rides, {one.keys[0]: left for one, left in held})

    alike: dict[object, list[str]] = {}
    for key in chosen:
        having = {key: 1 if OFFERS[key].rides else None}
        alone = tuple(price_day([ride], having) for ride in rides)
        alike.setdefault((alone, OFFERS[key].rides and key), []).append(key)
    kinds = [Alike(tuple(keys), OFFERS[keys[0]].rides, alone) for (alone, _), keys in alike.items()]
    base = tuple(price_day([ride], {}) for ride in rides)
    return Day(MONDAY + timedelta(days=number), find_ways(base, cost, kinds))


@settings(max_examples=60, deadline=None)
@given(
    days=st.dictionaries(
        st.integers(0, 8), st.lists(st.sampled_from(LINES), min_size=1, max_size=5), min_size=1, max_size=4
    ),
    chosen=st.lists(st.sampled_from(sorted(OFFERS)), min_size=1, max_size=3, unique=True),
)
def test_the_sum_of_the_charges_is_what_trying_everything_finds(days: dict[int, list[str]], chosen: list[str]) -> None:
    days = dict(sorted(days.items()))
    offers = {key: OFFERS[key] for key in chosen}
    kept = [keep(n, rides, chosen) for n, rides in days.items()]
    charges = charge(kept, offers)
    assert min(charges) >= 0
    assert sum(charges) == try_everything(days, chosen)


@settings(max_examples=60, deadline=None)
@given(
    days=st.dictionaries(
        st.integers(0, 40), st.lists(st.sampled_from(LINES), min_size=1, max_size=5), min_size=2, max_size=8
    ),
    cut=st.integers(0, 40),
)
def test_charges_go_on_alike_when_the_past_is_forgotten(days: dict[int, list[str]], cut: int) -> None:
    days = dict(sorted(days.items()))
    kept = [keep(n, rides, list(OFFERS)) for n, rides in days.items()]
    cut_day = MONDAY + timedelta(days=cut)
    old, new = [one for one in kept if one.day <= cut_day], [one for one in kept if one.day > cut_day]
    labels = settle(START, old, OFFERS)
    remembered = settle(labels, new, OFFERS)[0].cents - labels[0].cents
    forgotten = carry(labels, cut_day)
    assert settle(forgotten, new, OFFERS)[0].cents == remembered
    assert all(label.past is None for label in forgotten)
