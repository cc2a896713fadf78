"""One depot, one kind of vehicle, every customer once: cheap routes within a time, or within a number of iterations.

PyVRP's iterated local search makes routes, from several seeds and from the best plan in turn; all routes met on the way
are kept, and OR-Tools chooses the cheapest set of them that visits everybody (`school.master`).

References
----------
Wouda, Lan, Kool (2024), PyVRP: a high-performance VRP solver package.
Subramanian, Uchoa, Ochi (2013), A hybrid algorithm for a class of vehicle routing problems: routes pooled by a local
search, chosen by set partitioning.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyvrp
from pyvrp.IteratedLocalSearch import IteratedLocalSearch, IteratedLocalSearchCallbacks, IteratedLocalSearchParams
from pyvrp.PenaltyManager import PenaltyManager
from pyvrp.search import OPERATORS, LocalSearch, PerturbationManager, compute_neighbours

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.school.master import choose_routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROUND_BASE, ROUND_PER_CUSTOMER = 10_000, 100
"""Iterations of one round of local search: so many, and more for each customer."""
FIRST_SHARE = 0.35
"""Of the time, at most, for the first round; others may have what is left."""
CHOOSE_SHARE = 0.08
"""Of the time, at most, for one choice among the routes met."""
MANY, WARY = 300, 10
"""Customers from which a broken rule costs so many times more at the start (measured on CVRPLIB's X)."""
POOL_EVERY = 10
"""Iterations between two looks at the routes of the present plan."""
POOL_LIMIT = 60_000
"""Routes remembered; the oldest are forgotten first."""
CHOICE_WORK = 4.0
"""Of one choice among routes, in OR-Tools' deterministic seconds."""
FAR = 2**40
"""A time nobody reaches; large enough for any plan, small enough to add up in 64 bits."""


@dataclass(frozen=True)
class Problem:
    """A depot and customers, all amounts whole numbers; row 0 is the depot."""

    name: str
    customers: tuple[int, ...]
    """Numbers that customers have in plans, from row 1 on."""
    lines: tuple[int, ...]
    """Line of the file that says what each row wants, the depot's included; for errors."""
    points: NDArray[np.float64]
    """float64[n, 2], only to break ties; zeros where the file has distances and no points."""
    costs: NDArray[np.int64]
    """int64[n, n], from row to column, in `unit` of a cost; also the time it takes."""
    demands: NDArray[np.int64]
    """int64[n]"""
    capacity: int
    vehicles: int | None
    """At most; None: as many as needed."""
    unit: int
    """How many whole numbers make one cost: 1, or 10 for costs in tenths."""
    ready: NDArray[np.int64]
    """int64[n], not served before."""
    due: NDArray[np.int64]
    """int64[n], not begun after; the depot's: not back after."""
    service: NDArray[np.int64]
    """int64[n], time at the customer."""
    longest: int | None
    """Of a route, in units with the services; None: as long as one likes."""

    @property
    def size(self) -> int:
        """Number of customers."""
        return len(self.customers)


@dataclass(frozen=True)
class Plan:
    """Routes in the order driven, by customers' numbers, and what they cost."""

    cost: int | float
    routes: tuple[tuple[int, ...], ...]

    def as_document(self) -> dict[str, object]:
        """Write as plain JSON."""
        return {"cost": self.cost, "routes": [list(route) for route in self.routes]}


@dataclass(frozen=True)
class Effort:
    """How much may be spent."""

    seconds: float = 60.0
    work: int | None = None
    """Iterations of local search instead of seconds: with the same seed, the same plan on every machine."""
    clock: Callable[[], float] = time.monotonic
    """What counts as time; a processor's clock where others share the machine."""
    cancelled: Callable[[], bool] = lambda: False
    """Asked between iterations; the best so far is the answer."""


def solve_vrp(
    problem: Problem,
    *,
    seed: int,
    effort: Effort,
    progress: Callable[[int | float, int], None] | None = None,
) -> Plan:
    """Find cheap routes; `progress` hears of each better cost, with the iterations done.

    Raises
    ------
    InvalidInput
        A customer that no vehicle can serve, even alone.
    Refused
        With that few vehicles, no plan was found.
    """
    _check_alone(problem)
    if not problem.size:
        return Plan(0, ())
    return _Search(problem, seed, effort, progress).run()


def _check_alone(problem: Problem) -> None:
    """Refuse what has no answer, whatever the routes."""
    leave = int(problem.ready[0])
    for row in range(1, problem.size + 1):
        who = f"{problem.name} line {problem.lines[row]}: customer {problem.customers[row - 1]}"
        if problem.demands[row] > problem.capacity:
            raise InvalidInput(
                f"{who} wants {problem.demands[row]}, a vehicle holds {problem.capacity}; split the customer or raise "
                "the capacity"
            )
        begin = max(leave + int(problem.costs[0, row]), int(problem.ready[row]))
        if begin > problem.due[row]:
            raise InvalidInput(
                f"{who} is reached at {begin / problem.unit:g} at the earliest, due "
                f"{problem.due[row] / problem.unit:g}; set a later due date"
            )
        back = begin + int(problem.service[row] + problem.costs[row, 0])
        if back > problem.due[0]:
            raise InvalidInput(
                f"{who} served alone brings the vehicle back at {back / problem.unit:g}, the depot closes at "
                f"{problem.due[0] / problem.unit:g}; close it later"
            )
        alone = int(problem.costs[0, row] + problem.service[row] + problem.costs[row, 0])
        if problem.longest is not None and alone > problem.longest:
            raise InvalidInput(f"{who} alone makes a route of {alone}, the longest is {problem.longest}; allow more")
    if problem.vehicles is not None and problem.demands.sum() > problem.vehicles * problem.capacity:
        raise InvalidInput(
            f"{problem.name}: customers want {problem.demands.sum()}, {problem.vehicles} vehicles hold "
            f"{problem.vehicles * problem.capacity}; allow more vehicles"
        )


class _Pool(IteratedLocalSearchCallbacks):
    """Every route met that could be driven: per set of customers the cheapest order."""

    def __init__(self, heard: Callable[[pyvrp.Solution], None]) -> None:
        self.routes: dict[frozenset[int], tuple[int, tuple[int, ...]]] = {}
        self.iterations = 0
        self._heard = heard

    def add(self, plan: pyvrp.Solution) -> None:
        """Keep the routes of a plan."""
        for route in plan.routes():
            if route.is_feasible():
                visits = tuple(one.idx for one in route if one.is_client())
                self.keep(visits, route.distance())

    def keep(self, visits: tuple[int, ...], cost: int) -> None:
        """Keep a route; a known set of customers stays where it was unless it got cheaper."""
        key = frozenset(visits)
        known = self.routes.get(key)
        if known is None or cost < known[0]:
            self.routes[key] = (cost, visits)

    def forget(self) -> None:
        """Make room: the routes met first were the worst."""
        for key in list(self.routes)[: max(0, len(self.routes) - POOL_LIMIT)]:
            del self.routes[key]

    def on_iteration(
        self,
        current: pyvrp.Solution,
        candidate: pyvrp.Solution,  # noqa: ARG002 - PyVRP's words
        best: pyvrp.Solution,  # noqa: ARG002
        cost_evaluator: pyvrp.CostEvaluator,  # noqa: ARG002
    ) -> None:
        """Look at the present plan now and then."""
        self.iterations += 1
        if self.iterations % POOL_EVERY == 0:
            self.add(current)

    def on_best(self, best: pyvrp.Solution) -> None:
        """Look at every better plan."""
        self.add(best)
        self._heard(best)


class _Search:
    """One search: what was met, the best so far, and what may still be spent."""

    def __init__(
        self,
        problem: Problem,
        seed: int,
        effort: Effort,
        progress: Callable[[int | float, int], None] | None,
    ) -> None:
        self._problem, self._seed, self._effort, self._progress = problem, seed, effort, progress
        self._end = effort.clock() + effort.seconds
        self._data = _lay_out(problem)
        self._neighbours = compute_neighbours(self._data)
        self._pool = _Pool(self._hear)
        self._best: pyvrp.Solution | None = None
        self._cost = 0
        for row in range(problem.size):  # so that a choice among routes always exists
            self._pool.keep((row,), int(problem.costs[0, row + 1] + problem.costs[row + 1, 0]))
        if problem.vehicles is None or problem.size <= problem.vehicles:
            self._hear(pyvrp.Solution(self._data, [[row] for row in range(problem.size)]))

    def run(self) -> Plan:
        """Search, choose, search on from what was chosen, until all is spent."""
        number = 0
        while number == 0 or not self._spent():
            self._search(number)
            self._pool.forget()
            if not self._spent():
                self._choose(number)
            number += 1
        return self._plan()

    def _left(self) -> float:
        """Seconds left; all of them where work is counted instead."""
        return self._effort.seconds if self._effort.work is not None else self._end - self._effort.clock()

    def _spent(self) -> bool:
        if self._effort.cancelled():
            return True
        if self._effort.work is not None:
            return self._pool.iterations >= self._effort.work
        return self._effort.clock() >= self._end

    def _hear(self, plan: pyvrp.Solution) -> None:
        """Take a plan that is better than the best."""
        cost = int(plan.distance())
        if plan.is_feasible() and plan.is_complete() and (self._best is None or cost < self._cost):
            self._best, self._cost = plan, cost
            if self._progress is not None:
                self._progress(_in_units(cost, self._problem.unit), self._pool.iterations)

    def _search(self, number: int) -> None:
        """One round of local search: from a random plan, and every other time from the best."""
        data = self._data
        chance = pyvrp.RandomNumberGenerator(seed=(self._seed * 1009 + number) % 2**32)
        improve = LocalSearch(data, chance, self._neighbours, PerturbationManager())
        for operator in OPERATORS:
            if operator.supports(data):
                improve.add_operator(operator(data))
        penalties = PenaltyManager(_first_penalties(self._problem))
        start = self._best
        if start is None or number % 2 == 0:
            random = pyvrp.Solution.make_random(data, chance)
            start = improve(random, penalties.max_cost_evaluator(), exhaustive=True)
            self._hear(start)
        until = self._pool.iterations + ROUND_BASE + ROUND_PER_CUSTOMER * self._problem.size
        latest = self._effort.clock() + self._left() * (1.0 if number else FIRST_SHARE)
        work, clock = self._effort.work, self._effort.clock

        def stop(best_cost: int) -> bool:  # noqa: ARG001 - PyVRP's word
            return self._spent() or self._pool.iterations >= until or (work is None and clock() >= latest)

        callbacks = IteratedLocalSearchParams(callbacks=self._pool)
        found = IteratedLocalSearch(data, penalties, improve, start, callbacks).run(stop, collect_stats=False)
        self._pool.add(found.best)
        self._hear(found.best)

    def _choose(self, number: int) -> None:
        """Take the cheapest set of routes met that visits everybody, where that is better."""
        if self._best is None:
            return
        self._pool.add(self._best)
        keys = {key: index for index, key in enumerate(self._pool.routes)}
        routes = list(self._pool.routes.values())
        present = [keys[frozenset(one.idx for one in route if one.is_client())] for route in self._best.routes()]
        if sum(routes[index][0] for index in present) < self._cost:  # another order of the same customers
            self._hear(pyvrp.Solution(self._data, [list(routes[index][1]) for index in present]))
        chosen = choose_routes(
            np.array([cost for cost, _ in routes], dtype=np.int64),
            [visits for _, visits in routes],
            self._problem.size,
            present,
            most=self._problem.vehicles,
            seconds=min(self._left(), max(1.0, CHOOSE_SHARE * self._effort.seconds)),
            work=CHOICE_WORK,
            seed=self._seed + number,
        )
        self._hear(pyvrp.Solution(self._data, [list(routes[index][1]) for index in chosen]))

    def _plan(self) -> Plan:
        problem = self._problem
        if self._best is None:
            raise Refused(
                f"{problem.name}: no plan was found with {problem.vehicles} vehicles; allow more vehicles or more time"
            )
        rows = [[one.idx for one in route if one.is_client()] for route in self._best.routes()]
        numbered = sorted(tuple(problem.customers[row] for row in route) for route in rows if route)
        return Plan(_in_units(self._cost, problem.unit), tuple(numbered))


def _in_units(cost: int, unit: int) -> int | float:
    return cost if unit == 1 else cost / unit


def _first_penalties(problem: Problem) -> tuple[list[float], float, float]:
    """Prices of what a plan breaks: a mean customer too much costs about a mean way.

    PyVRP's own begin thousands of times higher and come down over most of a minute, without leaving feasible plans.
    With many customers there is time for few rounds, and beginning closer to feasible plans pays.
    """
    way = float(problem.costs.mean()) * (WARY if problem.size > MANY else 1)
    return [max(1.0, way * problem.size / max(1.0, float(problem.demands.sum())))], 1.0, 1.0


def _lay_out(problem: Problem) -> pyvrp.ProblemData:
    """Write the problem in PyVRP's words."""
    vehicle = pyvrp.VehicleType(
        problem.size if problem.vehicles is None else min(problem.vehicles, problem.size),
        [problem.capacity],
        shift_duration=FAR if problem.longest is None else problem.longest,
    )
    late = np.minimum(problem.due, FAR)
    costs: Any = problem.costs  # PyVRP's stub gives arrays fewer parameters than numpy's have
    clients = [
        pyvrp.Client(
            row,
            [int(problem.demands[row])],
            service_duration=int(problem.service[row]),
            tw_early=int(problem.ready[row]),
            tw_late=int(late[row]),
        )
        for row in range(1, problem.size + 1)
    ]
    return pyvrp.ProblemData(
        [pyvrp.Location(*point) for point in problem.points.tolist()],
        clients,
        [pyvrp.Depot(0, int(problem.ready[0]), int(late[0]))],
        [vehicle],
        [costs],
        [costs],
    )
