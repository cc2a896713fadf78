"""Kinds of vehicles, wheelchairs, alternate weeks and costs: every plan checked, small ones against all there are."""

from __future__ import annotations

import numpy as np
import pytest
from tests.school.fleet_oracle import check_plan, draw_problem, find_best

from mobigo.school.economy import solve
from mobigo.school.model import Kind, Problem
from mobigo.school.optimise import list_large, optimise

COACH = Kind(14, day=19_000, metre=0.13, second=0.8)
MIDI = Kind(10, 1, 2, day=15_000, metre=0.11)
MINIBUS = Kind(8, 2, 0, day=9_000, metre=0.07, second=0.8)


@pytest.mark.parametrize("seed", range(24))
def test_small_problems_are_solved_to_the_fewest_buses_at_the_least_cost(seed: int) -> None:
    kinds = [(COACH, MINIBUS), (COACH, MIDI), (Kind(12, metre=1.0),)][seed % 3]
    what = {"wheelchairs": seed % 3 < 2 and seed % 2 == 0, "weeks": seed % 4 == 1}
    problem = draw_problem(seed, n_schools=2, n_stops=5, kinds=kinds, **what).problem
    found = solve(problem, time_limit=600, seed=seed, work=20)
    buses, cost = check_plan(problem, found.plan)
    best, least = find_best(problem)
    assert found.certificate.bound <= best == buses
    assert found.cost == pytest.approx(cost)
    assert found.cost_bound <= least + 1.0
    assert cost == pytest.approx(least, abs=1.0)


@pytest.mark.parametrize("seed", range(4))
def test_larger_plans_keep_to_all_limits_and_are_bounded(seed: int) -> None:
    problem = draw_problem(
        seed, n_schools=4, n_stops=40, kinds=(COACH, MIDI, MINIBUS), wheelchairs=True, weeks=True
    ).problem
    found = solve(problem, time_limit=600, seed=seed, work=4)
    buses, cost = check_plan(problem, found.plan)
    assert found.certificate.bound <= buses == found.plan.buses
    assert 0 < found.cost_bound <= cost == pytest.approx(found.cost)


def test_alternate_weeks_share_a_seat() -> None:
    problem = draw_problem(3, n_schools=1, n_stops=2, kinds=(Kind(8),), weeks=True).problem
    problem.riders[:] = [[[8, 0], [0, 0]], [[0, 0], [8, 0]]]  # type: ignore[index]
    problem.pupils[:] = 8
    assert solve(problem, time_limit=600, seed=1, work=3).plan.buses == 1
    problem.riders[1, 0, 0] = 1  # type: ignore[index]
    assert solve(problem, time_limit=600, seed=1, work=3).plan.buses == 2


def test_the_same_seed_and_work_give_the_same_plan() -> None:
    problem = draw_problem(9, n_schools=3, n_stops=24, kinds=(COACH, MIDI, MINIBUS), wheelchairs=True).problem
    plans = [solve(problem, time_limit=600, seed=5, work=4) for _ in range(2)]
    assert plans[0].plan == plans[1].plan
    assert plans[0].cost_bound == plans[1].cost_bound


def test_who_asks_to_stop_gets_the_best_so_far() -> None:
    problem = draw_problem(9, n_schools=3, n_stops=30, kinds=(COACH, MINIBUS), wheelchairs=True).problem
    asked = iter([False] * 3 + [True] * 10_000)
    found = solve(problem, time_limit=6_000, seed=5, stopped=lambda: next(asked))
    assert check_plan(problem, found.plan)[0] == found.plan.buses


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_is_never_worse_than_what_is_driven_today(seed: int) -> None:
    kinds = (COACH, MIDI, MINIBUS)
    problem = draw_problem(seed, n_schools=3, n_stops=18, kinds=kinds, wheelchairs=True, weeks=True).problem
    good = solve(problem, time_limit=600, seed=1, work=10)
    again = solve(problem, time_limit=0, seed=2, present=good.plan.routes)
    assert (again.plan.buses, again.cost) <= (good.plan.buses, good.cost + 1e-6)
    assert check_plan(problem, again.plan) == (again.plan.buses, pytest.approx(again.cost))


def test_kinds_that_another_suits_as_well_are_left_out_of_the_count_of_buses() -> None:
    assert list_large((COACH, MIDI, MINIBUS)) == [0, 1, 2]
    assert list_large((Kind(20), Kind(50), Kind(50))) == [1]
    assert list_large((Kind(50, 1, 4), Kind(50, 2, 4), Kind(30, 2, 2))) == [1, 2]


def test_weeks_that_are_alike_are_one() -> None:
    problem = draw_problem(1, n_schools=1, n_stops=4, kinds=(Kind(8),), weeks=True).problem
    assert np.array_equal(problem.boarding([0]), problem.riders[0])  # type: ignore[index]


def line_problem() -> Problem:
    """Two schools at one place; buses of the first, free half an hour before, reach only the near stops in time."""
    minutes = np.array([5.0, 5.0, 5.0, 5.0, 8.0, 25.0, 26.0, 27.0]) * 60
    apart = np.abs(minutes[:, None] - minutes[None])
    return Problem(
        kinds=(Kind(40),),
        max_ride=np.full(2, 3_600.0),
        bell=np.array([8.0, 8.5]) * 3600,
        unloading=np.full(2, 120.0),
        school=np.array([0, 0, 0, 1, 1, 1, 1, 1], np.int32),
        pupils=np.array([30, 30, 30, 30, 30, 22, 22, 22], np.int32),
        dwell=np.full(8, 30.0),
        drive=apart,
        to_school=minutes,
        from_school=np.stack((minutes, minutes)),
    )


def test_stops_that_no_other_bus_reaches_have_buses_of_their_own() -> None:
    problem = line_problem()
    plan, certificate = optimise(problem, time_limit=600, seed=1, work=5)
    assert certificate.fresh_count.tolist() == [0, 3]
    # three buses bring pupils to the first school, though one of them has nothing else to do
    assert (plan.buses, certificate.bound) == (6, 6)


def test_a_plan_that_is_good_enough_is_not_made_better() -> None:
    problem = draw_problem(5, n_schools=4, n_stops=40, kinds=(COACH,)).problem
    plan, certificate = optimise(problem, time_limit=600, seed=1, enough=lambda: 10_000)
    best, _ = optimise(problem, time_limit=600, seed=1, work=5)
    assert certificate.bound <= best.buses <= plan.buses
    assert sorted(stop for route in plan.routes for stop in route.stops) == list(range(40))
