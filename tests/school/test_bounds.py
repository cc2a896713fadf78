"""Prices far from the last ones still prove: no way through the stops of a school is worth more than it costs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.school.fleet_oracle import draw_problem, holds, is_in_time, ride_of, riders_of

from mobigo.school.bounds import certify, certify_links, count_loads, list_remote
from mobigo.school.columns import Column, Pricer
from mobigo.school.linking import alone
from mobigo.school.model import DEPOT, Certificate, Kind, Problem
from mobigo.school.program import Program, price_all

COACH, MINIBUS = Kind(14), Kind(8, 2, 2)


def find_dearest(problem: Problem, proof: Certificate) -> float:
    """By how much the best of all routes is worth more than it costs, wherever its bus comes from."""
    worst = -np.inf
    for school in range(problem.n_schools):
        own = np.flatnonzero(problem.school == school).tolist()
        for count in range(1, len(own) + 1):
            for way in itertools.permutations(own, count):
                if ride_of(problem, way) > problem.max_ride[school]:
                    continue
                worth = float(proof.stop[list(way)].sum() + proof.route[school])
                for number, kind in enumerate(problem.kinds):
                    if not holds(kind, riders_of(problem, way)):
                        continue
                    there = worth + float(proof.release[problem.node(number, school)])
                    worst = max(worst, there + float(proof.fresh[school]) - 1.0)
                    for source in range(problem.n_schools):
                        if is_in_time(problem, source, school, way):
                            worst = max(worst, there - float(proof.release[problem.node(number, source)]))
    return worst


@pytest.mark.parametrize("seed", range(12))
def test_every_round_of_pricing_proves(seed: int) -> None:
    what = {"wheelchairs": seed % 2 == 0, "weeks": seed % 3 == 0}
    problem = draw_problem(seed, n_schools=4, n_stops=20, kinds=(COACH, MINIBUS), **what).problem
    pricer = Pricer(problem)
    n = problem.n_schools
    counts = np.array([count_loads(pricer.parts, school, n) for school in range(n)], np.int32)
    far = [list_remote(pricer.parts, school, n) for school in range(n)]
    fresh = np.array(
        [count_loads(pricer.parts, at, n, one) if one.any() else 0 for at, one in enumerate(far)], np.int32
    )
    program = Program(problem, counts, fresh_counts=fresh)
    program.add(Column(DEPOT, alone(problem, stop)) for stop in range(problem.n_stops))
    proven = certify_links(pricer.parts, problem, counts, fresh)
    assert find_dearest(problem, proven) <= 1e-6
    values = []
    for _ in range(60):
        prices, _ = program.solve()
        added, paying = price_all(program, pricer, prices, exact=True, most=1, least=1e-6)
        assert paying is not None
        proof = certify(problem, pricer.parts, (counts, fresh), prices, paying)
        assert find_dearest(problem, proof) <= 1e-6
        assert min(proof.stop.min(), proof.release.min(), proof.route.min(), proof.fresh.min()) >= 0
        sum_of = float(proof.stop.sum() + (proof.route * counts).sum() + (proof.fresh * fresh).sum())
        assert proof.value == pytest.approx(sum_of)
        assert proof.value <= prices.value + 1e-6
        values.append(proof.value)
        if not added:
            break
    assert not added
    assert values[-1] == pytest.approx(prices.value)
