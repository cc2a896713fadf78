"""Bells moved within windows: as few buses as any bells give for the routes, and no bell moved for nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from tests.school.fleet_oracle import check_plan, draw_problem, find_best

from mobigo.school.bells import bound_buses, move_bells
from mobigo.school.economy import solve
from mobigo.school.linking import link
from mobigo.school.model import Kind
from mobigo.school.task import STEP, Windows, narrow


def draw(seed: int) -> tuple[object, Windows]:
    problem = draw_problem(seed, n_schools=3, n_stops=6, kinds=(Kind(9),)).problem
    rng = np.random.default_rng(seed)
    problem = replace(problem, bell=28_800.0 + 1_500.0 * np.arange(3))
    spread = STEP * rng.integers(0, 4, (2, 3))
    return problem, Windows(problem.bell - spread[0], problem.bell + spread[1])


@pytest.mark.parametrize("seed", range(12))
def test_bells_are_moved_as_every_choice_tried_would(seed: int) -> None:
    problem, windows = draw(seed)
    routes = solve(problem, time_limit=5, seed=1, work=5).plan.routes
    moved, plan = move_bells(problem, routes, windows, seed=1)
    grids = [np.arange(a, b + 1, STEP) for a, b in zip(windows.earliest, windows.latest, strict=True)]
    tried = {bells: link(replace(problem, bell=np.array(bells)), routes).buses for bells in itertools.product(*grids)}
    fewest = min(tried.values())
    assert check_plan(moved, plan)[0] == plan.buses == fewest
    assert tried[tuple(moved.bell.tolist())] == fewest

    def effort(bells: tuple[float, ...]) -> float:
        far = np.abs(np.array(bells) - problem.bell) / STEP
        return float((far + 20 * (far > 0)).sum())

    assert effort(tuple(moved.bell)) == min(effort(bells) for bells, buses in tried.items() if buses == fewest)


@pytest.mark.parametrize("seed", range(4))
def test_no_bells_within_the_windows_need_fewer_buses_than_the_bound(seed: int) -> None:
    problem, windows = draw(seed)
    counts = solve(problem, time_limit=5, seed=1, work=5).certificate.count
    grids = [np.arange(a, b + 1, STEP) for a, b in zip(windows.earliest, windows.latest, strict=True)]
    fewest = min(find_best(replace(problem, bell=np.array(bells)))[0] for bells in itertools.product(*grids))
    assert 1 <= bound_buses(problem, counts, windows) <= fewest


def test_windows_are_cut_to_whole_steps_and_to_what_staff_allow() -> None:
    bell = np.array([28_800.0, 28_800.0, 28_800.0])
    found = narrow(bell, bell - np.array([0, 700, 7_000]), bell + np.array([400, 0, 7_000]), 900)
    assert (found.earliest - bell).tolist() == [0, -600, -900]
    assert (found.latest - bell).tolist() == [300, 0, 900]
    assert found.open
    assert not narrow(bell, bell - 299, bell + 299, 900).open
