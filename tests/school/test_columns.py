"""Searches for routes that pay: beside every order of every set of stops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.school.fleet_oracle import LATE, cost_of_route, draw_problem, holds, is_in_time, ride_of, riders_of

from mobigo.school.columns import Pricer
from mobigo.school.economy import close_costs
from mobigo.school.model import DEPOT, Kind, Problem

KINDS = (Kind(14, day=900, metre=0.02, second=0.05), Kind(9, 2, 1, day=700, metre=0.015), Kind(8, 1, 0, metre=0.01))


def best_gain(problem: Problem, school: int, kind: int, source: int, *, price: np.ndarray, base: float) -> float:
    """Try every order of every set of the school's stops."""
    own = np.flatnonzero(problem.school == school).tolist()
    best = -np.inf
    for size in range(1, len(own) + 1):
        for stops in itertools.permutations(own, size):
            fits = holds(problem.kinds[kind], riders_of(problem, stops))
            if not fits or ride_of(problem, stops) > problem.max_ride[school] + LATE:
                continue
            if source != DEPOT and not is_in_time(problem, source, school, stops):
                continue
            before = None if source == DEPOT else source
            cost = cost_of_route(problem, before, problem.kinds[kind]._replace(day=0.0), stops)
            best = max(best, float(price[list(stops)].sum()) - base - cost)
    return best


@pytest.mark.parametrize("seed", range(16))
def test_the_best_route_from_each_school_is_found(seed: int) -> None:
    what = {"wheelchairs": seed % 2 == 0, "weeks": seed % 4 > 1}
    problem = draw_problem(seed, n_schools=3, n_stops=15, kinds=KINDS, **what).problem
    rng = np.random.default_rng(seed)
    pricer = Pricer(problem, costs=close_costs(problem))
    price = np.where(rng.random(15) < 0.8, rng.uniform(0, 400, 15), 0.0)
    for node, part in enumerate(pricer.parts):
        base = rng.uniform(-100, 300, len(part.origin))
        found = pricer.price(node, price, base, exact=True, most=20, least=1e-6)
        assert found.complete
        paying = dict(zip(found.paying[:, 0].tolist(), found.paying[:, 1].tolist(), strict=True))
        for row, source in enumerate(part.origin):
            best = best_gain(problem, part.school, part.kind, source, price=price, base=float(base[row]))
            if best > 1e-6:
                assert paying[float(base[row])] == pytest.approx(best)
                columns = [column.route for column in found.columns if column.source == source]
                assert columns
                assert all(route.kind == part.kind and problem.fits(route) for route in columns)
            else:
                assert float(base[row]) not in paying
        assert found.excess == pytest.approx(max(0.0, *paying.values()) if paying else 0.0)


def test_memories_that_are_too_short_for_all_labels_still_bound_every_route(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = draw_problem(4, n_schools=1, n_stops=7, kinds=(Kind(30),)).problem
    price = np.linspace(50, 90, 7)
    whole = Pricer(problem).price(0, price, np.array([10.0]), exact=True, most=5, least=1e-6)
    monkeypatch.setattr("mobigo.school.columns.MANY", 12)
    short = Pricer(problem).price(0, price, np.array([10.0]), exact=True, most=5, least=1e-6)
    assert short.complete
    assert short.excess >= whole.excess
    assert short.paying.shape == (1, 3)
