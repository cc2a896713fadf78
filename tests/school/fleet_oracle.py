"""Plans of small problems by trying everything, and a checker of plans; nothing of the optimiser is used."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.school.model import Kind, Metres, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mobigo.school.model import Plan

LATE = 1e-6


class Drawn(NamedTuple):
    """What a problem is made of."""

    problem: Problem
    schools: np.ndarray
    stops: np.ndarray


def draw_problem(
    seed: int, *, n_schools: int, n_stops: int, kinds: Sequence[Kind], wheelchairs: bool = False, weeks: bool = False
) -> Drawn:
    """Draw places in a square of 9 km, driven at 10 m/s along the axes."""
    rng = np.random.default_rng(seed)
    schools, stops = rng.integers(0, 9_000, (n_schools, 2)), rng.integers(0, 9_000, (n_stops, 2))
    own = np.array([n % n_schools for n in range(n_stops)], np.int32)
    riders = np.zeros((n_stops, 2, 2), np.int32)
    riders[:, :, 0] = rng.integers(1, 9, (n_stops, 1))
    if weeks:
        for stop in range(n_stops):
            if rng.random() < 0.7:
                riders[stop, int(rng.integers(2)), 0] = 0
    if wheelchairs:
        for stop in range(n_stops):
            if rng.random() < 0.4:
                riders[stop] = [[0, 1], [0, 1]]
    pupils = riders.sum(axis=2).max(axis=1).astype(np.int32)

    def apart(here: np.ndarray, there: np.ndarray) -> np.ndarray:
        return np.abs(here[:, None] - there[None]).sum(axis=2).astype(np.float64)

    drive, home, lead = apart(stops, stops), apart(stops, schools)[np.arange(n_stops), own], apart(schools, stops)
    problem = Problem(
        kinds=tuple(kinds),
        max_ride=np.full(n_schools, 2_400.0),
        bell=28_800.0 + 900.0 * rng.integers(0, 4, n_schools),
        unloading=np.full(n_schools, 120.0),
        school=own,
        pupils=pupils,
        dwell=20.0 + 3.0 * pupils,
        drive=drive / 10,
        to_school=home / 10,
        from_school=lead / 10,
        riders=riders if wheelchairs or weeks else None,
        metres=Metres(drive, home, lead),
    )
    return Drawn(problem, schools, stops)


def holds(kind: Kind, riders: np.ndarray) -> bool:
    """Tell by the words of the rule whether riders of both weeks fit."""
    for week in range(2):
        sitting, rolling = int(riders[:, week, 0].sum()), int(riders[:, week, 1].sum())
        if rolling > kind.chairs or sitting > kind.seats - rolling * kind.seats_per_chair:
            return False
    return True


def riders_of(problem: Problem, stops: Sequence[int]) -> np.ndarray:
    if problem.riders is not None:
        return problem.riders[list(stops)]
    riders = np.zeros((len(stops), 2, 2), np.int32)
    riders[:, :, 0] = problem.pupils[list(stops)][:, None]
    return riders


def ride_of(problem: Problem, stops: Sequence[int]) -> float:
    total = float(problem.to_school[stops[-1]])
    for here, there in itertools.pairwise(stops):
        total += float(problem.drive[here, there] + problem.dwell[there])
    return total


def is_in_time(problem: Problem, before: int, school: int, stops: Sequence[int]) -> bool:
    begin = problem.bell[before] + problem.from_school[before, stops[0]]
    end = begin + problem.dwell[stops[0]] + ride_of(problem, stops)
    return bool(end <= problem.bell[school] - problem.unloading[school] + LATE)


def cost_of_route(problem: Problem, before: int | None, kind: Kind, stops: Sequence[int]) -> float:
    assert problem.metres is not None
    metres = float(problem.metres.to_school[stops[-1]])
    metres += sum(float(problem.metres.drive[pair]) for pair in itertools.pairwise(stops))
    seconds = float(problem.dwell[stops[0]]) + ride_of(problem, stops)
    if before is not None:
        metres += float(problem.metres.from_school[before, stops[0]])
        seconds += float(problem.from_school[before, stops[0]])
    return kind.day * (before is None) + kind.metre * metres + kind.second * seconds


def check_plan(problem: Problem, plan: Plan) -> tuple[int, float]:
    """Find fault with a plan; its buses and what it costs."""
    assert sorted(stop for route in plan.routes for stop in route.stops) == list(range(problem.n_stops))
    released: dict[tuple[int, int], int] = {}
    for route in plan.routes:
        assert {int(problem.school[stop]) for stop in route.stops} == {route.school}
        assert holds(problem.kinds[route.kind], riders_of(problem, route.stops))
        assert ride_of(problem, route.stops) <= problem.max_ride[route.school] + LATE
        released[route.kind, route.school] = released.get((route.kind, route.school), 0) + 1
    cost, buses = 0.0, 0
    for route, source in zip(plan.routes, plan.source, strict=True):
        before = None if source < 0 else source
        buses += before is None
        cost += cost_of_route(problem, before, problem.kinds[route.kind], route.stops)
        if before is not None:
            assert is_in_time(problem, before, route.school, route.stops)
            released[route.kind, before] -= 1
            assert released[route.kind, before] >= 0
    assert sum(len(block) for block in plan.blocks()) == len(plan.routes)
    for block in plan.blocks():
        assert len({plan.routes[number].kind for number in block}) == 1
    return buses, cost


def find_best(problem: Problem) -> tuple[int, float]:
    """Try every plan: the fewest buses, and the least cost of a plan with so many."""
    best = (problem.n_stops + 1, 0.0)
    options = [list(plans_of(problem, school)) for school in range(problem.n_schools)]
    for chosen in itertools.product(*options):
        routes = [route for some in chosen for route in some]
        best = min(best, *_link_all(problem, routes))
    return best


def plans_of(problem: Problem, school: int) -> Iterator[list[tuple[int, int, tuple[int, ...]]]]:
    own = np.flatnonzero(problem.school == school).tolist()
    for groups in _partitions(own):
        ways = []
        for group in groups:
            fitting = [n for n, kind in enumerate(problem.kinds) if holds(kind, riders_of(problem, group))]
            orders = [
                order
                for order in itertools.permutations(group)
                if ride_of(problem, order) <= problem.max_ride[school] + LATE
            ]
            ways.append([(school, kind, order) for kind in fitting for order in orders])
        yield from (list(one) for one in itertools.product(*ways))


def _link_all(problem: Problem, routes: list[tuple[int, int, tuple[int, ...]]]) -> Iterator[tuple[int, float]]:
    def go(at: int, free: dict[tuple[int, int], int], buses: int, cost: float) -> Iterator[tuple[int, float]]:
        if at == len(routes):
            yield buses, cost
            return
        school, kind, order = routes[at]
        yield from go(at + 1, free, buses + 1, cost + cost_of_route(problem, None, problem.kinds[kind], order))
        for (other, before), count in free.items():
            if other == kind and count and is_in_time(problem, before, school, order):
                more = cost_of_route(problem, before, problem.kinds[kind], order)
                yield from go(at + 1, {**free, (other, before): count - 1}, buses, cost + more)

    free: dict[tuple[int, int], int] = {}
    for school, kind, _ in routes:
        free[kind, school] = free.get((kind, school), 0) + 1
    yield from go(0, free, 0, 0.0)


def _partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, *rest = items
    for groups in _partitions(rest):
        yield [[first], *groups]
        for number, group in enumerate(groups):
            yield [*groups[:number], [first, *group], *groups[number + 1 :]]
