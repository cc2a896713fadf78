"""Stops are chosen as well as trying every choice would."""

from __future__ import annotations

from itertools import combinations, product
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.street_text import lonlat

from mobigo.kit.geo import Point, haversine
from mobigo.school.roads import Walks
from mobigo.school.stopping import Stopping, Weights, choose_stops


def walks_of(table: list[list[int]]) -> Walks:
    """Metres by pupil and stop; -1 beyond reach."""
    rows = [[(stop, metres) for stop, metres in enumerate(row) if metres >= 0] for row in table]
    flat = [one for row in rows for one in row]
    first = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    return Walks(first, np.array([a for a, _ in flat], np.int32), np.array([b for _, b in flat], np.int32))


def cost_of(choice: tuple[int, ...], table: list[list[int]], points: list[Point], weights: Weights) -> float:
    """What it costs that pupils go to these stops, reckoned from the rules alone; -1: nowhere."""
    served = {stop for stop in choice if stop >= 0}
    total = float(sum(table[pupil][stop] for pupil, stop in enumerate(choice) if stop >= 0))
    for stop in served:
        total += weights.stop + weights.missing * max(0, weights.crowd - sum(one == stop for one in choice))
    return total + weights.close * sum(
        haversine(points[a], points[b]) < weights.apart for a, b in combinations(sorted(served), 2)
    )


def best_of(table: list[list[int]], longest: list[int], points: list[Point], weights: Weights) -> float:
    near = [[s for s, m in enumerate(row) if 0 <= m <= most] or [-1] for row, most in zip(table, longest, strict=True)]
    return min((cost_of(choice, table, points, weights) for choice in product(*near)), default=inf)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_choice_costs_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_pupils, n_stops = int(rng.integers(1, 6)), int(rng.integers(1, 5))
    points = [Point(*lonlat(*rng.uniform(0, 1500, 2).tolist())) for _ in range(n_stops)]
    table = rng.integers(0, 1500, (n_pupils, n_stops))
    table[rng.random(table.shape) < 0.3] = -1
    longest = rng.integers(200, 1600, n_pupils)
    weights = Weights(stop=int(rng.integers(0, 900)), crowd=int(rng.integers(1, 4)), missing=200, close=700)
    found = choose_stops(walks_of(table.tolist()), longest.astype(np.int32), points, weights=weights)
    assert found.cost == best_of(table.tolist(), longest.tolist(), points, weights)
    assert found.bound == found.cost
    assert cost_of(tuple(found.stop.tolist()), table.tolist(), points, weights) == found.cost
    for pupil, stop in enumerate(found.stop.tolist()):
        within = [one for one, metres in enumerate(table[pupil]) if 0 <= metres <= longest[pupil]]
        assert (stop in within) if within else stop == -1
        assert found.metres[pupil] == (table[pupil, stop] if stop >= 0 else -1)


FAR = [Point(*lonlat(4_000.0 * one, 0.0)) for one in range(3)]


def choose(table: list[list[int]], longest: int = 1_000, **options: object) -> Stopping:
    return choose_stops(walks_of(table), np.full(len(table), longest, np.int32), FAR, **options)  # type: ignore[arg-type]


def test_a_stop_that_stays_is_free_and_one_that_is_unsafe_is_dear() -> None:
    table = [[300, 500, -1]] * 4
    assert choose(table).stop.tolist() == [0] * 4
    assert choose(table, kept=frozenset({1})).stop.tolist() == [1] * 4
    assert choose(table, unsafe=np.array([5_000, 0, 0], np.int32)).stop.tolist() == [1] * 4


def test_who_has_no_stop_within_reach_gets_none_and_the_others_theirs() -> None:
    found = choose([[900, -1, -1], [1_100, -1, -1], [-1, -1, -1]])
    assert found.stop.tolist() == [0, -1, -1]
    assert found.served.tolist() == [0]


@pytest.mark.parametrize("work", [1e-6, 5.0])
def test_little_time_gives_a_choice_and_an_honest_bound(work: float) -> None:
    rng = np.random.default_rng(3)
    points = [Point(*lonlat(*rng.uniform(0, 3_000, 2).tolist())) for _ in range(40)]
    homes = [Point(*lonlat(*rng.uniform(0, 3_000, 2).tolist())) for _ in range(150)]
    table = [[round(haversine(home, point)) for point in points] for home in homes]
    walks = walks_of([[one if one <= 1_200 else -1 for one in row] for row in table])
    found = choose_stops(walks, np.full(150, 1_200, np.int32), points, work=work)
    again = choose_stops(walks, np.full(150, 1_200, np.int32), points, work=work)
    assert found.stop.tolist() == again.stop.tolist()
    assert found.bound <= found.cost
    assert (found.stop >= 0).all()
    assert cost_of(tuple(found.stop.tolist()), table, points, Weights()) == found.cost
