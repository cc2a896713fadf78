"""Vehicles first, then cost: a plan with as few vehicles that costs less, and the proof how little it can cost.

Once few buses are found, they get the cheapest kinds that hold their pupils. Column generation over all kinds then
bounds what plans with no more buses cost: their days and their kilometres, empty ones included. Parts of the plan are
planned anew as in `mobigo.school.optimise`, with cost instead of buses.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from mobigo.school.bounds import certify_cost
from mobigo.school.columns import Column, Costs, Pricer, without_revisits
from mobigo.school.linking import alone, list_sources, visit_once
from mobigo.school.master import assign_sources, choose_columns
from mobigo.school.model import DEPOT, Plan, Route
from mobigo.school.neighbourhoods import Neighbourhoods
from mobigo.school.optimise import optimise
from mobigo.school.patience import Patience
from mobigo.school.program import Pool, Program, price_all
from mobigo.school.task import Solved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mobigo.school.model import Problem
    from mobigo.school.program import Prices

SHARE = 0.8
"""Of the time, what is put into few vehicles; what is left of it goes into cost."""

LEAST = 0.5
"""Of the cost's unit: less is no gain."""

DEAR = 10**10
"""Units that a bus more costs where buses come first."""

NEW_COLUMNS, NEW_COLUMNS_OF_PART = 6, 2
"""Of each school, source and kind, in one round of pricing."""

NEARLY = 0.003
"""New columns, of all, with which pricing becomes exact."""

ROUNDS = 12
"""Of pricing for one part."""

PART_STOPS = 60
"""Of a part that is planned anew, at most."""

MOST_COLUMNS = 4_000
"""Of a program in whole numbers."""

SECONDS, NODES = 5.0, 200
"""Of a program in whole numbers, at most."""


def solve(
    problem: Problem,
    *,
    time_limit: float,
    seed: int,
    work: int | None = None,
    present: Sequence[Route] = (),
    progress: Callable[[int, int, float, float], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    enough: Callable[[], int] | None = None,
) -> Solved:
    """Plan with few buses, and then at little cost.

    Parameters
    ----------
    time_limit, seed, work, present, stopped, clock, enough
        As of `mobigo.school.optimise.optimise`; `work` counts for each of the two.
    progress
        Called with buses, their bound, cost and its bound whenever one of them changes.
    """
    begun = clock()

    def tell(plan: Plan, bound: int, cost: float, least: float) -> None:
        if progress is not None:
            progress(plan.buses, bound, cost, least)

    priced = problem.metres is not None and any(kind.day or kind.metre or kind.second for kind in problem.kinds)
    plan, certificate = optimise(
        problem,
        time_limit=time_limit * SHARE if priced else time_limit,
        seed=seed,
        work=work,
        present=present,
        progress=None if progress is None else lambda buses, bound: progress(buses, bound, 0.0, 0.0),
        stopped=stopped,
        clock=clock,
        enough=enough,
    )
    if not priced or not plan.routes:
        return Solved(plan, certificate, 0.0, 0.0)
    plan = cheapen_buses(problem, plan)
    if present:
        today = cheapen_buses(problem, link_cheaply(problem, present))
        plan = min(plan, today, key=lambda one: (one.buses, cost_of(problem, one)))
    patience = Patience(max(0.0, time_limit - (clock() - begun)), work, stopped, clock)
    search = _Search(problem, plan, certificate.count, patience, seed)
    search.tell = lambda: tell(search.plan, certificate.bound, search.cost, search.bound)
    search.tell()
    try:
        search.prove()
        search.improve()
    except KeyboardInterrupt:
        pass  # whoever interrupts wants the best plan so far
    return Solved(search.plan, certificate, search.cost, min(search.bound, search.cost))


def cost_of(problem: Problem, plan: Plan) -> float:
    """Reckon what a plan costs: its buses' days, and their metres."""
    return sum(problem.cost(source, route) for route, source in zip(plan.routes, plan.source, strict=True))


def link_cheaply(problem: Problem, routes: Sequence[Route]) -> Plan:
    """Drive the routes with the fewest buses, and of all ways to do that the cheapest."""
    supply = [0] * problem.n_nodes
    depot: list[int] = []
    links: list[tuple[int, int, int]] = []
    for number, route in enumerate(routes):
        supply[problem.node(route.kind, route.school)] += 1
        depot.append(DEAR + round(problem.cost(DEPOT, route)))
        links += [
            (number, problem.node(route.kind, source), round(problem.cost(source, route)))
            for source in list_sources(problem, route).tolist()
        ]
    found = assign_sources(supply, depot, links)
    return Plan(tuple(routes), tuple(one if one == DEPOT else one % problem.n_schools for one in found))


def cheapen_buses(problem: Problem, plan: Plan) -> Plan:
    """Give every bus the cheapest kind that holds the pupils of all its routes."""
    routes = list(plan.routes)
    for block in plan.blocks():
        aboard = [problem.boarding(routes[number].stops) for number in block]
        fitting = [at for at, kind in enumerate(problem.kinds) if all(kind.holds(some) for some in aboard)]

        def cost(kind: int, block: list[int] = block) -> float:
            source = [DEPOT, *(routes[number].school for number in block)]
            return sum(
                problem.cost(before, routes[number]._replace(kind=kind))
                for before, number in zip(source, block, strict=False)
            )

        best = min(fitting, key=lambda kind: (cost(kind), kind))
        for number in block:
            routes[number] = routes[number]._replace(kind=best)
    return link_cheaply(problem, routes)


def close_costs(problem: Problem) -> Costs:
    """Shorten metres to those of the shortest way by stops of the same school; bounds by them hold for the others."""
    assert problem.metres is not None
    drive, to_school = problem.metres.drive.copy(), problem.metres.to_school.copy()
    from_school = problem.metres.from_school.copy()
    for school in range(problem.n_schools):
        stops = np.flatnonzero(problem.school == school)
        between = drive[np.ix_(stops, stops)]
        for k in range(len(stops)):
            np.minimum(between, between[:, k : k + 1] + between[k], out=between)
        if len(stops):
            drive[np.ix_(stops, stops)] = between
            to_school[stops] = (between + to_school[stops]).min(axis=1)
            from_school[:, stops] = (from_school[:, stops][:, :, None] + between).min(axis=1)
    return Costs(drive, to_school, from_school)


class _Search:
    """The cheapest plan so far, and the bound."""

    def __init__(self, problem: Problem, plan: Plan, counts: NDArray[np.int32], patience: Patience, seed: int) -> None:
        self._problem, self._counts, self._patience = problem, counts, patience
        self._random = np.random.default_rng(seed)
        self._pricer = Pricer(problem, costs=close_costs(problem))
        self._pool = Pool(problem)
        self._prices: Prices | None = None
        self.plan, self.cost, self.bound = plan, cost_of(problem, plan), 0.0
        self.tell: Callable[[], None] = lambda: None

    def prove(self) -> None:
        """Price and solve in turn until no route pays, or time is over."""
        problem, fleet = self._problem, self.plan.buses
        program = Program(problem, self._counts, fleet=fleet)
        program.add(Column(source, route) for route, source in zip(self.plan.routes, self.plan.source, strict=True))
        program.add(Column(DEPOT, alone(problem, stop)) for stop in range(problem.n_stops))
        exact, last = False, self._patience.near()
        while True:
            prices, _ = program.solve()
            exact = exact or last
            added, paying = price_all(program, self._pricer, prices, exact=exact, most=NEW_COLUMNS, least=LEAST / 2)
            if paying is not None:
                proven = certify_cost(problem, self._counts, prices, paying, fleet)
                if proven > self.bound:
                    self.bound = proven
                    self.tell()
            if last or (exact and not added) or self.bound >= self.cost - LEAST:
                break
            last = self._patience.near()
            exact = not exact and added <= NEARLY * len(program.columns)
        self._prices = prices
        for column in program.columns:
            self._pool.add(without_revisits(column.route))

    def improve(self) -> None:
        """Plan parts anew until the plan is proven or time or work is over."""
        patience, rounds = self._patience, 0
        parts = Neighbourhoods(self._problem, self._random)
        for route in self.plan.routes:
            self._pool.add(route)
        while self.bound < self.cost - LEAST and not patience.reached():
            if patience.work is not None and rounds >= patience.work:
                break
            rounds += 1
            self._plan_part(parts.draw(self.plan, min(PART_STOPS, self._problem.n_stops)))

    def _plan_part(self, freed: Sequence[int]) -> None:
        problem, pool, current = self._problem, self._pool, self.plan
        assert self._prices is not None
        inside = set(freed)
        kept = [number for number in range(len(current.routes)) if number not in inside]
        given = Plan(tuple(current.routes[n] for n in kept), tuple(current.source[n] for n in kept))
        program = Program(problem, self._counts, given, fleet=current.buses)
        known = [Column(current.source[n], current.routes[n]) for n in freed]
        program.add(known)
        program.add(column for _, column in pool.select(self._prices, program.free, LEAST, money=True)[:MOST_COLUMNS])
        prices, taken = program.solve()
        for _ in range(ROUNDS):
            added, _ = price_all(
                program, self._pricer, prices, exact=False, most=NEW_COLUMNS_OF_PART, least=LEAST, simple=True
            )
            if not added or self._patience.reached():
                break
            prices, taken = program.solve()
        gain = self.cost - prices.value
        if gain < LEAST or self._patience.reached():
            return
        for column in program.columns:
            pool.add(column.route)
        worth = [column for _, column in pool.select(prices, program.free, gain, money=True)[:MOST_COLUMNS]]
        support = [program.columns[n] for n in np.flatnonzero(taken > 0).tolist()]
        columns = list(dict.fromkeys([*worth, *support, *known]))
        chosen = choose_columns(
            program.lower,
            [program.cost(column) for column in columns],
            [program.entries(column) for column in columns],
            most=self.cost - program.given - LEAST / 2,
            seconds=self._patience.for_search(SECONDS),
            nodes=NODES,
            gap=LEAST,
        )
        if chosen.columns is not None:
            routes = visit_once([*given.routes, *(columns[n].route for n in chosen.columns)])
            self._take(link_cheaply(problem, routes))

    def _take(self, plan: Plan) -> None:
        plan = cheapen_buses(self._problem, plan)
        cost = cost_of(self._problem, plan)
        if (plan.buses, cost) < (self.plan.buses, self.cost - LEAST / 2):
            self.plan, self.cost = plan, cost
            self.tell()
