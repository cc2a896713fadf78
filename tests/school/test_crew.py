"""Sessions solved in processes of their own: the same plans, their progress, and an end when they are asked to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mobigo.school import crew
from mobigo.school.crew import solve_together
from mobigo.school.model import Kind, Problem
from mobigo.school.solving import solve_task
from mobigo.school.task import Task

if TYPE_CHECKING:
    import pytest


def task(seed: int, *, stops: int = 14, seconds: float = 30.0, work: int | None = 2) -> Task:
    chance = np.random.default_rng(seed)
    places = chance.uniform(0, 2_000, (stops, 2))
    schools = chance.uniform(0, 2_000, (2, 2))

    def apart(a: Any, b: Any) -> Any:  # noqa: ANN401
        return np.abs(a[:, None] - b[None]).sum(axis=2)

    school = (np.arange(stops) % 2).astype(np.int32)
    problem = Problem(
        kinds=(Kind(40),),
        max_ride=np.full(2, 2_700.0),
        bell=np.array([28_800.0, 32_400.0]),
        unloading=np.full(2, 120.0),
        school=school,
        pupils=chance.integers(3, 20, stops).astype(np.int32),
        dwell=np.full(stops, 40.0),
        drive=apart(places, places),
        to_school=apart(places, schools)[np.arange(stops), school],
        from_school=apart(schools, places),
    )
    return Task(problem, (), seconds, work, seed)


def test_each_session_is_planned_as_it_is_in_one_process() -> None:
    told: list[tuple[Any, ...]] = []
    tasks = {"morning": task(1), "return": task(2)}
    found = solve_together(tasks, progress=lambda *said: told.append(said), stopped=lambda: False)
    assert {name: one.solved.plan for name, one in found.items()} == {
        name: solve_task(one).solved.plan for name, one in tasks.items()
    }
    assert {said[0] for said in told} == set(tasks)
    assert all(vehicles >= bound for _, vehicles, bound, *_ in told)


def test_who_is_asked_to_stop_hands_over_the_best_so_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "EVERY", 0.05)
    begun = time.monotonic()
    found = solve_together(
        {"morning": task(3, stops=60, seconds=6_000.0, work=None)}, progress=lambda *_: None, stopped=lambda: True
    )
    assert time.monotonic() - begun < 1_000
    assert sorted(stop for route in found["morning"].solved.plan.routes for stop in route.stops) == list(range(60))


def test_sessions_rest_for_the_one_that_needs_most_and_all_are_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "EVERY", 0.05)
    sizes = {"morning": 40, "noon": 60, "return": 50}
    tasks = {name: task(n, stops=size, seconds=6.0, work=None) for n, (name, size) in enumerate(sizes.items())}
    found = solve_together(tasks, progress=lambda *_: None, stopped=lambda: False)
    for name, size in sizes.items():
        assert sorted(stop for route in found[name].solved.plan.routes for stop in route.stops) == list(range(size))
