"""Vehicles with pupils of several schools: checked stop by stop, beside every plan of small problems there is."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.school.fleet_oracle import LATE, draw_problem, holds, riders_of

from mobigo.school.mixing import bound_mixed
from mobigo.school.model import Kind, Problem
from mobigo.school.solving import solve_task
from mobigo.school.task import Mixture, Task, Toured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def draw(seed: int, n_schools: int, n_stops: int, early: float, **what: bool) -> tuple[Problem, Mixture]:
    kinds = (Kind(14, 1, 2, day=10_000, metre=0.1, second=0.5),)
    drawn = draw_problem(seed, n_schools=n_schools, n_stops=n_stops, kinds=kinds, **what)
    away = np.abs(drawn.stops[:, None] - drawn.schools[None]).sum(axis=2).astype(np.float64)
    across = np.abs(drawn.schools[:, None] - drawn.schools[None]).sum(axis=2).astype(np.float64)
    together = np.ones((n_schools, n_schools), np.bool_)
    return drawn.problem, Mixture(early, together, away / 10, across / 10, away, across)


def drive(problem: Problem, mixture: Mixture, here: int, there: int) -> float:
    if here >= 0:
        return float(problem.drive[here, there] if there >= 0 else mixture.to_school[here, -1 - there])
    return float(problem.from_school[-1 - here, there] if there >= 0 else mixture.across[-1 - here, -1 - there])


def start_of(problem: Problem, mixture: Mixture, kind: Kind, visits: Sequence[int]) -> float | None:
    """Follow a tour from its end: when it starts at the latest, None where a rule is broken."""
    schools = [-1 - visit for visit in visits if visit < 0]
    own = [int(problem.school[visit]) for visit in visits if visit >= 0]
    if visits[-1] >= 0 or len(set(schools)) < len(schools) or set(schools) != set(own):
        return None
    at, clock = [], 0.0
    for number, visit in enumerate(visits):
        clock += drive(problem, mixture, visits[number - 1], visit) if number else 0.0
        at.append(clock)
        clock += float(problem.dwell[visit] if visit >= 0 else problem.unloading[-1 - visit])
    riders = [(n, visits.index(-1 - int(problem.school[stop])), stop) for n, stop in enumerate(visits) if stop >= 0]
    for begin, end, stop in riders:
        ride = at[end] - at[begin] - problem.dwell[stop]
        aboard = [other for first, last, other in riders if first <= begin < last]
        late = ride > problem.max_ride[problem.school[stop]] + LATE
        if end < begin or late or not holds(kind, riders_of(problem, aboard)):
            return None
    ends = [
        (float(problem.bell[-1 - v]), float(problem.unloading[-1 - v]), t)
        for v, t in zip(visits, at, strict=True)
        if v < 0
    ]
    start = min(bell - unloading - t for bell, unloading, t in ends)
    if len(ends) > 1 and any(start + t < bell - mixture.early - LATE for bell, _, t in ends):
        return None
    return start


def check(problem: Problem, mixture: Mixture, toured: Toured) -> int:
    stops = [visit for tour in toured.tours for visit in tour.visits if visit >= 0]
    assert sorted(stops) == list(range(problem.n_stops))
    released: dict[tuple[int, int], int] = {}
    for tour in toured.tours:
        key = tour.kind, -1 - tour.visits[-1]
        released[key] = released.get(key, 0) + 1
        schools = [-1 - visit for visit in tour.visits if visit < 0]
        assert all(mixture.together[a, b] for a in schools for b in schools)
    for tour, source in zip(toured.tours, toured.source, strict=True):
        start = start_of(problem, mixture, problem.kinds[tour.kind], tour.visits)
        assert start is not None
        if source >= 0:
            assert problem.bell[source] + problem.from_school[source, tour.visits[0]] <= start + LATE
            released[tour.kind, source] -= 1
            assert released[tour.kind, source] >= 0
    assert sum(len(block) for block in toured.blocks()) == len(toured.tours)
    assert len(toured.blocks()) == toured.buses
    return toured.buses


def orders(items: Sequence[int]) -> Iterator[tuple[int, ...]]:
    yield from itertools.permutations(items)


def fewest(problem: Problem, mixture: Mixture) -> int:
    """Try every way to part stops into tours, every order of each, every link."""
    best = problem.n_stops
    known: dict[frozenset[int], list[tuple[float, int, int]]] = {}

    def ways(group: frozenset[int]) -> list[tuple[float, int, int]]:
        if group not in known:
            schools = sorted({-1 - int(problem.school[stop]) for stop in group})
            found: dict[tuple[int, int], float] = {}
            for visits in orders([*group, *schools]):
                start = start_of(problem, mixture, problem.kinds[0], visits)
                if start is not None:
                    key = visits[0], -1 - visits[-1]
                    found[key] = max(found.get(key, -np.inf), start)
            known[group] = [(start, first, last) for (first, last), start in found.items()]
        return known[group]

    for parts in partitions(list(range(problem.n_stops))):
        options = [ways(frozenset(part)) for part in parts]
        for chosen in itertools.product(*options):
            best = min(best, len(chosen) - linked(problem, chosen))
    return best


def linked(problem: Problem, chosen: Sequence[tuple[float, int, int]]) -> int:
    def go(at: int, free: tuple[int, ...]) -> int:
        if at == len(chosen):
            return 0
        start, first, _ = chosen[at]
        most = go(at + 1, free)
        for number in free:
            last = chosen[number][2]
            if problem.bell[last] + problem.from_school[last, first] <= start + LATE:
                most = max(most, 1 + go(at + 1, tuple(one for one in free if one != number)))
        return most

    return go(0, tuple(range(len(chosen))))


def partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, *rest = items
    for groups in partitions(rest):
        yield [[first], *groups]
        for number, group in enumerate(groups):
            yield [*groups[:number], [first, *group], *groups[number + 1 :]]


def solve(problem: Problem, mixture: Mixture, seed: int = 1) -> tuple[Toured, int, int]:
    outcome = solve_task(Task(problem, (), 10.0, 6, seed, None, mixture))
    assert outcome.toured is not None
    return outcome.toured, outcome.bound, outcome.usual


@pytest.mark.parametrize("seed", range(10))
def test_small_problems_with_mixed_loads(seed: int) -> None:
    problem, mixture = draw(seed, 2, 4, 1_200.0)
    toured, bound, single = solve(problem, mixture)
    best = fewest(problem, mixture)
    assert bound <= best <= check(problem, mixture, toured) <= single
    assert toured.buses == best


@pytest.mark.parametrize("seed", range(6))
def test_larger_plans_with_mixed_loads_keep_to_all_limits(seed: int) -> None:
    problem, mixture = draw(seed, 4, 30, 1_500.0, wheelchairs=True, weeks=True)
    toured, bound, single = solve(problem, mixture)
    assert bound <= check(problem, mixture, toured) <= single


def test_pupils_of_schools_that_may_not_meet_ride_apart() -> None:
    problem, mixture = draw(3, 3, 12, 1_500.0)
    free, _, _ = solve(problem, mixture)
    assert any(sum(visit < 0 for visit in tour.visits) > 1 for tour in free.tours)
    apart = mixture._replace(together=np.eye(3, dtype=np.bool_))
    kept, _, single = solve(problem, apart)
    assert check(problem, apart, kept) == single
    assert all(sum(visit < 0 for visit in tour.visits) == 1 for tour in kept.tours)


def test_the_bound_counts_pupils_who_are_aboard_at_once() -> None:
    problem, mixture = draw(5, 3, 12, 300.0)
    problem.bell[:] = 28_800
    assert bound_mixed(problem, mixture) >= np.ceil(problem.pupils.sum() / 14)


def test_the_same_seed_and_work_give_the_same_tours() -> None:
    problem, mixture = draw(6, 4, 24, 1_200.0)
    assert solve(problem, mixture)[0] == solve(problem, mixture)[0]
