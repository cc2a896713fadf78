"""Buses spared over all schools at once: every plan checked, small problems against every plan there is."""

from __future__ import annotations

import numpy as np
import pytest
from tests.school.fleet_oracle import check_plan, draw_problem, find_best

from mobigo.school.linking import alone, link
from mobigo.school.model import Kind, Plan, Problem
from mobigo.school.ousting import Ouster
from mobigo.school.packing import Chance
from mobigo.school.savings import plan_by_savings

COACH, MINIBUS = Kind(14), Kind(8, 2, 2)


def oust(problem: Problem, plan: Plan, seed: int, *, least: int = 0, fresh: int = 0, times: int = 6) -> Plan:
    needed = np.full(problem.n_schools, least, np.int32), np.full(problem.n_schools, fresh, np.int32)
    ouster = Ouster(problem, plan, needed, Chance(np.random.default_rng(seed), lambda: False))
    failed, buses = 0, plan.buses
    while failed < times:
        spared = ouster.try_once()
        assert spared == (ouster.plan.buses < buses)
        failed, buses = 0 if spared else failed + 1, ouster.plan.buses
        assert check_plan(problem, ouster.plan)[0] == buses
    return ouster.plan


def serve_alone(problem: Problem) -> Plan:
    return link(problem, [alone(problem, stop) for stop in range(problem.n_stops)])


@pytest.mark.parametrize("seed", range(8))
def test_small_problems_need_as_few_buses_as_there_can_be(seed: int) -> None:
    what = {"wheelchairs": seed % 4 == 0, "weeks": seed % 3 == 0}
    problem = draw_problem(seed, n_schools=2, n_stops=6, kinds=(COACH, MINIBUS), **what).problem
    kept = oust(problem, serve_alone(problem), seed, times=3)
    assert kept.buses == find_best(problem)[0]


@pytest.mark.parametrize("seed", range(4))
def test_larger_plans_keep_to_all_limits_and_spare_buses(seed: int) -> None:
    kinds = (COACH, MINIBUS)
    problem = draw_problem(seed, n_schools=6, n_stops=120, kinds=kinds, wheelchairs=seed % 2 == 0, weeks=True).problem
    first = plan_by_savings(problem)
    assert oust(problem, first, seed, times=3).buses < first.buses


def test_who_needs_all_routes_keeps_them() -> None:
    problem = draw_problem(3, n_schools=3, n_stops=30, kinds=(COACH,)).problem
    plan = plan_by_savings(problem)
    assert oust(problem, plan, 1, least=30, times=1) == plan
    assert oust(problem, plan, 1, fresh=30, times=1) == plan


def test_the_same_chance_gives_the_same_plan() -> None:
    problem = draw_problem(4, n_schools=4, n_stops=60, kinds=(COACH, MINIBUS), wheelchairs=True).problem
    first = serve_alone(problem)
    assert oust(problem, first, 7, times=1) == oust(problem, first, 7, times=1)


def test_who_is_stopped_keeps_what_there_is() -> None:
    problem = draw_problem(5, n_schools=2, n_stops=40, kinds=(COACH,)).problem
    plan = plan_by_savings(problem)
    none = np.zeros(2, np.int32)
    best = plan
    ouster = Ouster(problem, plan, (none, none), Chance(np.random.default_rng(1), lambda: True))
    for _ in range(30):
        ouster.try_once()
        assert ouster.plan.buses <= best.buses
        best = ouster.plan
    check_plan(problem, best)
