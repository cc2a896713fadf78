"""The small set out of all journeys that nothing beats."""

from __future__ import annotations

from random import Random
from time import process_time

import pytest

from mobigo.journeys.choose import (
    CHANGE_WORTH,
    HARDLY_CHEAPER,
    HARDLY_CHEAPER_SHARE,
    HOP_WORTH,
    WALKING,
    WALKING_WEIGHT,
    Traits,
    choose,
    find_replaced,
)
from mobigo.journeys.model import Left
from mobigo.transit.model import Direction


def one(departure: int, arrival: int, transfers: int = 0, way: str = "A", **more: int) -> Traits:
    """A journey; times in minutes."""
    usual = {"walking": 60, "hops": 0, "burden": 0, "cost": 0}
    return Traits(60 * departure, 60 * arrival, transfers, **(usual | more), way=way)


def kept(journeys: list[Traits], most: int = 8, **more: int) -> list[int]:
    return list(choose(journeys, most, Direction.DEPART, **more).kept)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("journeys", "expected"),
    [
        ([one(0, 30), one(0, 28, 1)], [0]),  # two minutes are not worth a change
        ([one(0, 30), one(0, 27, 1)], [0, 1]),  # three are
        ([one(0, 30), one(0, 26, 2)], [0]),  # four are not worth two
        ([one(0, 30), one(2, 30, 1)], [0]),  # neither is leaving two minutes later
        ([one(0, 30), one(1, 29, 1)], [0]),  # nor a minute at both ends
        ([one(0, 30), one(20, 52, 1)], [0, 1]),  # another time is another journey
        ([one(0, 30), one(0, 25, 1, hops=1)], [0]),  # five minutes are not worth a hop instead of a walk
        ([one(0, 30), one(0, 24, 1, hops=1)], [0, 1]),
        ([one(0, 30, burden=1200), one(0, 50)], [1]),  # a line to avoid, for twenty minutes
        ([one(0, 30, burden=1200), one(0, 51)], [0, 1]),
        ([one(0, 30, 2), one(0, 31, 1), one(0, 32)], [2]),  # who is left out serves nobody
    ],
)
def test_what_hardly_gains_anything_is_left_out(journeys: list[Traits], expected: list[int]) -> None:
    assert kept(journeys) == expected


def test_nobody_travels_longer_to_save_a_little_of_what_was_asked_for() -> None:
    # 950 g at once, 900 g an hour later, 500 g two hours later
    journeys = [one(0, 30, cost=950), one(0, 90, cost=900), one(0, 150, cost=500)]
    assert kept(journeys) == [0, 2]


def find_replaced_one_by_one(journeys: list[Traits], must: frozenset[int]) -> dict[int, int]:
    """What `find_replaced` finds, by comparing every pair of journeys."""

    def trouble(one: Traits) -> int:
        return CHANGE_WORTH * one.transfers + HOP_WORTH * one.hops + one.burden

    def serves(other: Traits, one: Traits) -> bool:
        later = max(0, other.arrival - one.arrival) + max(0, one.departure - other.departure)
        later += max(0, other.walking - one.walking) // WALKING_WEIGHT
        return later <= trouble(one) - trouble(other) and trouble(one) > trouble(other)

    def is_as_cheap(other: Traits, one: Traits) -> bool:
        enough = one.cost + max(HARDLY_CHEAPER, round(HARDLY_CHEAPER_SHARE * one.cost))
        soon = other.departure >= one.departure and other.arrival <= one.arrival
        return soon and other.transfers <= one.transfers and one.cost < other.cost <= enough

    replaced: dict[int, int] = {}
    kept: list[int] = []
    for n in sorted(range(len(journeys)), key=lambda n: (trouble(journeys[n]), journeys[n].cost, n)):
        by = None if n in must else next((k for k in kept if serves(journeys[k], journeys[n])), None)
        if by is None:
            kept.append(n)
        else:
            replaced[n] = by
    for n in sorted(kept, key=lambda n: journeys[n].cost, reverse=True):
        by = None if n in must else next((k for k in kept if is_as_cheap(journeys[k], journeys[n])), None)
        if by is not None:
            kept.remove(n)
            replaced[n] = by
    for n, by in replaced.items():
        last = by
        while last in replaced:
            last = replaced[last]
        replaced[n] = last
    return replaced


@pytest.mark.parametrize("seed", range(30))
def test_who_is_replaced_by_whom_is_what_comparing_every_pair_says(seed: int) -> None:
    draw = Random(seed)
    journeys = [
        one(
            start := draw.randrange(60),
            start + draw.randrange(20, 50),
            draw.randrange(3),
            hops=draw.randrange(2),
            walking=60 * draw.randrange(12),
            burden=draw.choice((0, 0, 600)),
            cost=draw.choice((0, 700, 750, 800)) if seed % 2 else 0,
        )
        for _ in range(draw.randrange(40))
    ]
    must = frozenset(draw.sample(range(len(journeys)), len(journeys) // 5))
    assert find_replaced(journeys, must) == find_replaced_one_by_one(journeys, must)


def test_thousands_of_journeys_are_chosen_from_at_once() -> None:
    # a vehicle every second, and one with a change that arrives four minutes sooner
    every_second = [Traits(n, n + 1800, 0, 0, 0, 0, 0, "A") for n in range(2000)]
    with_a_change = [Traits(n, n + 1560, 1, 0, 0, 0, 0, "B") for n in range(2000)]
    began = process_time()
    chosen = choose(every_second + with_a_change, 6, Direction.DEPART)
    assert process_time() - began < 3
    assert {why for _, why, _ in chosen.left} == {Left.SAME_WAY}


def test_a_short_walk_is_better_than_one_short_ride() -> None:
    ride = one(0, 5, hops=1)
    chosen = choose([ride, one(3, 14, hops=0)], 8, Direction.DEPART, walk=600)
    assert chosen.kept == (1,)
    assert chosen.left == ((0, Left.HARDLY_BETTER, WALKING),)
    assert choose([ride], 8, Direction.DEPART, walk=601).kept == (0,)  # it spares more than five minutes
    assert choose([ride], 8, Direction.DEPART).kept == (0,)  # nobody could walk


def test_further_departures_of_a_way_are_named_and_other_ways_come_first() -> None:
    # a tram every ten minutes, and a slow bus without walking in between
    journeys = [one(10 * n, 10 * n + 20, way="tram") for n in range(12)] + [one(35, 75, way="bus", walking=0)]
    chosen = choose(journeys, 8, Direction.DEPART)
    assert chosen.kept == (0, 1, 2, 12)
    assert {index: (why, like) for index, why, like in chosen.left} == dict.fromkeys(range(3, 12), (Left.SAME_WAY, 0))
    assert choose(journeys, 4, Direction.ARRIVE).kept == (9, 10, 11, 12)


def test_the_best_at_something_stay_however_few_are_wanted() -> None:
    journeys = [
        one(0, 60, 2, "soon"),
        one(30, 70, 3, "quick"),
        one(5, 95, 0, "direct", walking=900),
        one(6, 120, 2, "idle", walking=0),
        one(7, 130, 2, "other"),
    ]
    assert kept(journeys, 1) == [0, 1, 2, 3]
    assert choose(journeys, 1, Direction.DEPART).left == ((4, Left.WORSE, None),)


def test_what_must_be_kept_is_kept() -> None:
    journeys = [one(0, 30), one(0, 29, 1), *[one(n, n + 40) for n in range(1, 9)]]
    assert kept(journeys, 2, must=frozenset({1, 9})) == [0, 1, 9]  # type: ignore[arg-type]
