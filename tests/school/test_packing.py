"""Schools packed by themselves: every route checked, small schools against every way there is."""

from __future__ import annotations

import numpy as np
import pytest
from tests.school.fleet_oracle import check_plan, draw_problem, holds, is_in_time, plans_of, ride_of, riders_of

from mobigo.school.linking import link
from mobigo.school.model import Kind, Problem, Route
from mobigo.school.packing import Chance, pack_school
from mobigo.school.savings import merge_stops

COACH, MINIBUS = Kind(14), Kind(8, 2, 2)


def pack(problem: Problem, school: int, remote: np.ndarray, seed: int, least: int = 1) -> list[list[Route]]:
    mine = merge_stops(problem, problem.school == school)
    return pack_school(problem, mine, (least, least), remote, Chance(np.random.default_rng(seed), lambda: False))


def find_remote(problem: Problem, school: int) -> np.ndarray:
    return np.array([
        not any(is_in_time(problem, other, school, [stop]) for other in range(problem.n_schools))
        for stop in np.flatnonzero(problem.school == school)
    ])  # fmt: skip


def check(problem: Problem, school: int, routes: list[Route]) -> None:
    own = np.flatnonzero(problem.school == school).tolist()
    assert sorted(stop for route in routes for stop in route.stops) == own
    for route in routes:
        assert route.school == school
        assert holds(problem.kinds[route.kind], riders_of(problem, route.stops))
        assert ride_of(problem, route.stops) <= problem.max_ride[school] + 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_small_schools_have_as_few_routes_as_there_can_be(seed: int) -> None:
    what = {"wheelchairs": seed % 2 == 0, "weeks": seed % 3 == 0}
    problem = draw_problem(seed, n_schools=1, n_stops=6, kinds=(COACH, MINIBUS), **what).problem
    (found,) = pack(problem, 0, np.ones(6, np.bool_), seed)
    check(problem, 0, found)
    assert len(found) == min(len(plan) for plan in plans_of(problem, 0))


@pytest.mark.parametrize("seed", range(8))
def test_larger_schools_are_served_whole_in_every_way(seed: int) -> None:
    problem = draw_problem(seed, n_schools=2, n_stops=80, kinds=(COACH, MINIBUS), wheelchairs=True, weeks=True).problem
    ways = []
    for school in range(2):
        remote = find_remote(problem, school)
        found = pack(problem, school, remote, seed)
        assert len(found) == 1 + bool(remote.any() and not remote.all())
        for routes in found:
            check(problem, school, routes)
        assert len(found[0]) <= len(merge_stops(problem, problem.school == school))
        ways.append(found)
    for first in ways[0]:
        for second in ways[1]:
            check_plan(problem, link(problem, [*first, *second]))


def test_enough_is_enough() -> None:
    problem = draw_problem(1, n_schools=1, n_stops=40, kinds=(COACH,)).problem
    mine = merge_stops(problem, problem.school == 0)
    (found,) = pack(problem, 0, np.ones(40, np.bool_), 1, least=len(mine))
    assert found == mine


def test_the_same_chance_gives_the_same_routes() -> None:
    problem = draw_problem(5, n_schools=1, n_stops=40, kinds=(COACH, MINIBUS), wheelchairs=True).problem
    assert pack(problem, 0, np.ones(40, np.bool_), 3) == pack(problem, 0, np.ones(40, np.bool_), 3)


def test_who_has_no_time_keeps_what_there_is() -> None:
    problem = draw_problem(5, n_schools=1, n_stops=40, kinds=(COACH,)).problem
    mine = merge_stops(problem, problem.school == 0)
    chance = Chance(np.random.default_rng(1), lambda: True)
    assert pack_school(problem, mine, (1, 1), np.ones(40, np.bool_), chance) == [mine]
