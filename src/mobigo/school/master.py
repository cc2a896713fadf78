"""Programs over generated routes, solved by OR-Tools: the one door of this room to that library."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ortools.graph.python import min_cost_flow
from ortools.math_opt.python import mathopt
from ortools.sat.python import cp_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EXACT = 1e-6
"""What floating-point sums may be off."""

LONG = 1e6
"""Seconds that no search needs."""

WHOLE = 0.999
"""Costs being whole numbers, a choice within less than one of the bound is the best."""

TAKEN = 0.5
"""Of a column that is chosen, in a solution that is whole but for rounding."""


class Relaxation:
    """A linear program of least cost whose rows have lower bounds; columns come and go while it is solved again."""

    def __init__(self, lower: Sequence[float]) -> None:
        self._model = mathopt.Model()
        self._rows = [self._model.add_linear_constraint(lb=bound) for bound in lower]
        self._columns: list[mathopt.Variable] = []
        self._solver: mathopt.IncrementalSolver | None = None
        self._parameters = mathopt.SolveParameters(presolve=mathopt.Emphasis.OFF)

    def add(self, cost: float, entries: Sequence[tuple[int, float]]) -> int:
        """Add a column, 0 or more; its number."""
        column = self._model.add_variable(lb=0.0)
        if cost:
            self._model.objective.set_linear_coefficient(column, cost)
        for row, value in entries:
            self._rows[row].set_coefficient(column, value)
        self._columns.append(column)
        return len(self._columns) - 1

    def allow(self, column: int, *, allowed: bool) -> None:
        """Let a column be used, or keep it at zero."""
        self._columns[column].upper_bound = float("inf") if allowed else 0.0

    def solve(self) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Solve from where the last solution was.

        Returns
        -------
        float, float64[n_rows], float64[n_columns]
            The least cost, the price of each row (0 or more) and how much of each column is taken.
        """
        if self._solver is None:
            self._solver = mathopt.IncrementalSolver(self._model, mathopt.SolverType.GLOP)
        try:
            result = self._solver.solve(params=self._parameters)
        except (RuntimeError, AttributeError):  # MathOpt wants to raise a status that GLOP ended with, and cannot
            # from where it was the simplex lost its way in rounding: from the beginning, and reduced, it does not
            self._solver = mathopt.IncrementalSolver(self._model, mathopt.SolverType.GLOP)
            result = self._solver.solve()
        values = np.array(result.variable_values(self._columns))
        prices = np.array(result.dual_values(self._rows))
        return result.objective_value(), np.maximum(prices, 0.0), values


class Chosen(NamedTuple):
    """What came of a choice."""

    columns: list[int] | None
    """None where none was found."""
    ended: bool
    """Whether there is no better one, or none at all."""


ENDED = {
    mathopt.TerminationReason.OPTIMAL,
    mathopt.TerminationReason.INFEASIBLE,
    mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED,
}
"""Why a search stopped that need not be longer."""


def choose_columns(
    lower: Sequence[float],
    costs: Sequence[float],
    entries: Sequence[Sequence[tuple[int, float]]],
    *,
    most: float,
    seconds: float,
    nodes: int,
    gap: float = WHOLE,
) -> Chosen:
    """Choose whole columns of least cost so that every row reaches its lower bound.

    Parameters
    ----------
    entries
        Of each column, rows and values.
    most
        Cost that a choice may have.
    seconds, nodes
        At most: of a clock on the wall, and of the search tree.
    gap
        Cost by which a choice may miss the best; by default costs are whole numbers.
    """
    model = mathopt.Model()
    rows = [model.add_linear_constraint(lb=bound) for bound in lower]
    limit = model.add_linear_constraint(ub=most)
    taken = []
    for cost, column in zip(costs, entries, strict=True):
        variable = model.add_binary_variable()
        taken.append(variable)
        if cost:
            model.objective.set_linear_coefficient(variable, cost)
            limit.set_coefficient(variable, cost)
        for row, value in column:
            rows[row].set_coefficient(variable, value)
    result = mathopt.solve(
        model,
        mathopt.SolverType.HIGHS,
        params=mathopt.SolveParameters(
            time_limit=timedelta(seconds=min(max(0.1, seconds), LONG)),
            node_limit=nodes,
            absolute_gap_tolerance=gap,
            relative_gap_tolerance=0.0,
        ),
    )
    ended = result.termination.reason in ENDED
    if not result.has_primal_feasible_solution():
        return Chosen(None, ended=ended)
    return Chosen([index for index, value in enumerate(result.variable_values(taken)) if value > TAKEN], ended=ended)


CHOICE_COLUMNS = 6_000
"""Routes among which a choice is proven or improved; more are seldom worth the time."""


def choose_routes(
    costs: NDArray[np.int64],
    visits: Sequence[Sequence[int]],
    customers: int,
    present: Sequence[int],
    *,
    most: int | None,
    seconds: float,
    work: float,
    seed: int,
) -> list[int]:
    """Choose the cheapest routes that visit each customer once; the present choice where none cheaper is found.

    The linear program over all routes comes first: a route whose reduced cost exceeds what could be gained is in no
    cheaper choice.

    Parameters
    ----------
    costs : int64[n_routes]
    visits
        Customers of each route, each less than `customers`.
    present
        Routes of a choice that is known.
    most
        Routes at most; None: any number.
    seconds, work
        At most: of a clock on the wall, and in OR-Tools' deterministic seconds.
    """
    known = int(costs[list(present)].sum())
    rows = [1.0] * customers + ([] if most is None else [-float(most)])
    program = Relaxation(rows)
    limit = [] if most is None else [(customers, -1.0)]
    for cost, route in zip(costs.tolist(), visits, strict=True):
        program.add(float(cost), [(customer, 1.0) for customer in route] + limit)
    least, prices, _ = program.solve()
    gain = known - 1 - least
    if gain < -EXACT:
        return list(present)
    fewer = 0.0 if most is None else float(prices[customers])
    reduced = np.array(
        [cost - prices[list(route)].sum() + fewer for cost, route in zip(costs.tolist(), visits, strict=True)]
    )
    kept = np.flatnonzero(reduced <= gain + EXACT)
    if len(kept) > CHOICE_COLUMNS:
        kept = np.sort(kept[np.argsort(reduced[kept], kind="stable")[:CHOICE_COLUMNS]])
    model = cp_model.CpModel()
    taken = {int(index): model.new_bool_var("") for index in kept}
    by_customer: list[list[cp_model.IntVar]] = [[] for _ in range(customers)]
    for index, variable in taken.items():
        for customer in visits[index]:
            by_customer[customer].append(variable)
    for variables in by_customer:
        model.add_exactly_one(variables)
    if most is not None:
        model.add(sum(taken.values()) <= most)
    total = sum(int(costs[index]) * variable for index, variable in taken.items())
    model.add(total <= known - 1)
    model.minimize(total)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.linearization_level = 2
    solver.parameters.max_time_in_seconds = max(0.05, seconds)
    solver.parameters.max_deterministic_time = work
    solver.parameters.catch_sigint_signal = False  # the one who asked decides what an interruption means
    if solver.solve(model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return list(present)
    return [index for index, variable in taken.items() if solver.boolean_value(variable)]


class Opened(NamedTuple):
    """A choice of stops for some pupils."""

    shares: list[list[int]]
    """Of each group, how many pupils go to each of its stops."""
    cost: int
    bound: int


class Choice(NamedTuple):
    """What is known of stops and pupils before one chooses."""

    groups: Sequence[tuple[int, Sequence[int], Sequence[int]]]
    """Of alike pupils: how many, the stops they may go to, and what each costs a pupil."""
    fixed: Sequence[int]
    """What each stop costs that is served; nothing where it stays anyway."""
    kept: frozenset[int]
    """Stops that stay, even for nobody."""
    crowd: int
    """Pupils that each other stop should have."""
    missing: int
    """What each one fewer costs."""
    near: Sequence[tuple[int, int]]
    """Pairs of stops that should not both be served."""
    close: int
    """What it costs."""

    def cost(self, shares: Sequence[Sequence[int]]) -> int:
        """Return what a choice costs."""
        arrivals = [0] * len(self.fixed)
        total = 0
        for (_, stops, costs), share in zip(self.groups, shares, strict=True):
            for count, stop, cost in zip(share, stops, costs, strict=True):
                arrivals[stop] += count
                total += count * cost
        served = {stop for stop, count in enumerate(arrivals) if count} | self.kept
        total += sum(self.fixed[stop] for stop in served)
        total += sum(self.missing * max(0, self.crowd - arrivals[stop]) for stop in served - self.kept)
        return total + self.close * sum(a in served and b in served for a, b in self.near)


def open_stops(choice: Choice, *, work: float, seed: int) -> Opened:
    """Choose the stops that cost least, with who goes where, in so many deterministic seconds."""
    model = cp_model.CpModel()
    is_open = [model.new_bool_var("") for _ in choice.fixed]
    terms = [cost * opened for cost, opened in zip(choice.fixed, is_open, strict=True)]
    arrivals: list[list[cp_model.IntVar]] = [[] for _ in choice.fixed]
    shares: list[list[cp_model.IntVar]] = []
    nearest = [[size] + [0] * (len(stops) - 1) for size, stops, _ in choice.groups]
    for (size, stops, costs), usual in zip(choice.groups, nearest, strict=True):
        share = [model.new_int_var(0, size, "") for _ in stops]
        model.add(sum(share) == size)
        for one, stop, cost, count in zip(share, stops, costs, usual, strict=True):
            model.add(one <= size * is_open[stop])
            model.add_hint(one, count)
            arrivals[stop].append(one)
            terms.append(cost * one)
        shares.append(share)
    for stop, opened in enumerate(is_open):
        if stop in choice.kept:
            model.add(opened == 1)
        elif choice.crowd > 1:
            short = model.new_int_var(0, choice.crowd, "")
            model.add(short >= choice.crowd * opened - sum(arrivals[stop]))
            terms.append(choice.missing * short)
    for a, b in choice.near:
        both = model.new_bool_var("")
        model.add(is_open[a] + is_open[b] <= 1 + both)
        terms.append(choice.close * both)
    model.minimize(sum(terms))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = work
    solver.parameters.catch_sigint_signal = False
    found = nearest
    if solver.solve(model) in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        found = [[int(solver.value(one)) for one in share] for share in shares]
    cost = choice.cost(found)
    return Opened(found, cost, min(cost, max(0, math.ceil(solver.best_objective_bound - EXACT))))


def assign_sources(supply: Sequence[int], depot: Sequence[int], links: Sequence[tuple[int, int, int]]) -> list[int]:
    """Give every route the place its bus comes from, at least cost: exact.

    Parameters
    ----------
    supply
        Of each place, the buses that become free there.
    depot
        Of each route, what a bus from the depot costs.
    links
        Route, place, and what a bus from there costs.

    Returns
    -------
    list of int
        Of each route the place, -1 the depot.
    """
    flow = min_cost_flow.SimpleMinCostFlow()
    routes, sink = len(depot), len(depot) + len(supply)
    arcs: dict[int, tuple[int, int]] = {}
    for route, cost in enumerate(depot):
        arcs[flow.add_arc_with_capacity_and_unit_cost(route, sink, 1, cost)] = (route, -1)
        flow.set_node_supply(route, 1)
    for route, place, cost in links:
        arcs[flow.add_arc_with_capacity_and_unit_cost(route, routes + place, 1, cost)] = (route, place)
    for place, count in enumerate(supply):
        flow.add_arc_with_capacity_and_unit_cost(routes + place, sink, count, 0)
    flow.set_node_supply(sink, -routes)
    if flow.solve() != flow.OPTIMAL:
        raise RuntimeError("every route may have a bus from the depot, and still none was found for them all")
    source = [-1] * routes
    for arc, (route, place) in arcs.items():
        if flow.flow(arc):
            source[route] = place
    return source


class Timing(NamedTuple):
    """What is known of bells and routes before bells are moved; times are whole steps."""

    usual: Sequence[int]
    """Of each bell."""
    earliest: Sequence[int]
    latest: Sequence[int]
    school: Sequence[int]
    """Of each route, the bell it serves ..."""
    kind: Sequence[int]
    """... and the kind of bus, which the next one shares."""
    needs: Sequence[tuple[int, int, int]]
    """Bell, route, and how much later than that bell the route's own must be for a bus of the former to drive it."""


MOVED, STEP_MOVED = 20, 1
"""What a bell that is moved, and each step of it, weighs where no bus is spared by it."""


def choose_bells(timing: Timing, *, work: float, seed: int) -> list[int]:
    """Move bells so that most routes have a bus from another one, and no more bells, no further, than that takes.

    Parameters
    ----------
    work
        OR-Tools' deterministic seconds at most: the same input is moved the same on every machine.
    """
    model = cp_model.CpModel()
    bells = [model.new_int_var(low, high, "") for low, high in zip(timing.earliest, timing.latest, strict=True)]
    places = sorted({*zip(timing.school, timing.kind, strict=True)})
    by_place: dict[tuple[int, int], list[cp_model.IntVar]] = {place: [] for place in places}
    by_route: list[list[cp_model.IntVar]] = [[] for _ in timing.school]
    for bell, route, need in timing.needs:
        own = timing.school[route]
        place = bell, timing.kind[route]
        if timing.latest[own] - timing.earliest[bell] < need or place not in by_place:
            continue
        linked = model.new_bool_var("")
        by_place[place].append(linked)
        by_route[route].append(linked)
        if timing.earliest[own] - timing.latest[bell] < need:
            model.add(bells[own] - bells[bell] >= need).only_enforce_if(linked)
    released = Counter(zip(timing.school, timing.kind, strict=True))
    for place, variables in by_place.items():
        model.add(sum(variables) <= released[place])
    for variables in by_route:
        model.add_at_most_one(variables)
    effort: list[cp_model.LinearExpr] = []
    most = 0
    for bell, usual, low, high in zip(bells, timing.usual, timing.earliest, timing.latest, strict=True):
        model.add_hint(bell, usual)
        if low < high:
            far, moved = model.new_int_var(0, high - low, ""), model.new_bool_var("")
            model.add_abs_equality(far, bell - usual)
            model.add(far <= (high - low) * moved)
            effort += [MOVED * moved, STEP_MOVED * far]
            most += MOVED + STEP_MOVED * (high - low)
    model.maximize((most + 1) * sum(linked for some in by_route for linked in some) - sum(effort))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed % 2**31
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = work
    solver.parameters.catch_sigint_signal = False
    if solver.solve(model) not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return list(timing.usual)
    return [int(solver.value(bell)) for bell in bells]
