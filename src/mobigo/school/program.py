"""The program of routes and links over some of the stops, the other routes being given.

A column is a route and the school its bus comes from, since buses standing at a school are interchangeable:

    min   columns from the depot
    cover each free stop is visited                             price of the stop
    flow  a school releases at most the buses that came         price of a free bus
    count a school has no fewer routes than it needs            price of a route
    fresh a school has no fewer routes from the depot than it   price of such a route
          needs for stops that no other bus reaches in time

The given routes keep their links; what they bring to a school, or take from there, is in the rows of flow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.school.columns import Column, without_revisits
from mobigo.school.linking import list_sources
from mobigo.school.master import Relaxation
from mobigo.school.model import DEPOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from mobigo.school.columns import Pricer, SchoolStops
    from mobigo.school.model import Certificate, Plan, Problem, Route


FEW_SOURCES = 8
"""Of a school's routes: with fewer, more routes of each are added in one round of pricing."""


class Prices(NamedTuple):
    """What a solved program says a stop, a free bus and a route are worth."""

    value: float
    """Buses, or what they cost, fractions included."""
    stop: NDArray[np.float64]
    """float64[n_stops]; 0 where the stop is not free."""
    release: NDArray[np.float64]
    """float64[n_nodes]."""
    route: NDArray[np.float64]
    """float64[n_schools]."""
    fresh: NDArray[np.float64]
    """float64[n_schools], of a route that a bus begins with."""
    bus: NDArray[np.float64]
    """float64[n_kinds], of a bus more, its own cost included."""

    def mix(self, proven: Certificate, share: float) -> Prices:
        """Return prices between these and some that were proven, by how much those weigh."""
        rest = 1.0 - share
        return self._replace(
            stop=share * proven.stop + rest * self.stop,
            release=share * proven.release + rest * self.release,
            route=share * proven.route + rest * self.route,
            fresh=share * proven.fresh + rest * self.fresh,
        )

    def base(self, problem: Problem, part: SchoolStops) -> NDArray[np.float64]:
        """Cost of a route to the school from each origin, before the prices of its stops."""
        own = self.release[problem.node(part.kind, part.school)] + self.route[part.school]
        first, bus = problem.node(part.kind, 0), self.bus[part.kind] - self.fresh[part.school]
        return np.array([(bus if one == DEPOT else self.release[first + one]) - own for one in part.origin])


class Pool:
    """Routes without revisits that were met, with the schools their bus may come from."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._sources: dict[Route, NDArray[np.int32]] = {}

    def add(self, route: Route) -> None:
        """Keep a route."""
        if route not in self._sources:
            self._sources[route] = np.append(np.int32(DEPOT), list_sources(self._problem, route))

    def __iter__(self) -> Iterator[Route]:
        return iter(self._sources)

    def sources(self, route: Route) -> NDArray[np.int32]:
        """List where a route's bus may come from, the depot first."""
        self.add(route)
        return self._sources[route]

    def select(
        self, prices: Prices, free: NDArray[np.bool_], most: float, *, money: bool = False
    ) -> list[tuple[float, Column]]:
        """List the columns over free stops whose reduced cost is at most `most`, cheapest first.

        Parameters
        ----------
        money
            Whether prices are of costs; else of buses.
        """
        problem = self._problem
        routes = [route for route in self._sources if all(free[stop] for stop in route.stops)]
        if not routes:
            return []
        lengths = np.array([len(route.stops) for route in routes])
        stops = np.fromiter((stop for route in routes for stop in route.stops), np.int64, int(lengths.sum()))
        worth = np.add.reduceat(prices.stop[stops], np.cumsum(lengths) - lengths)
        schools = np.array([route.school for route in routes])
        kinds = np.array([route.kind for route in routes])
        worth += prices.release[kinds * problem.n_schools + schools] + prices.route[schools]
        if money:
            worth -= np.array([problem.cost(DEPOT, route) - problem.kinds[route.kind].day for route in routes])
        counts = np.array([len(self._sources[route]) for route in routes])
        sources = np.concatenate([self._sources[route] for route in routes])
        owner = np.repeat(np.arange(len(routes)), counts)
        kind = kinds[owner]
        release = prices.release[kind * problem.n_schools + np.maximum(sources, 0)]
        if money and problem.metres is not None:
            first = np.array([route.stops[0] for route in routes])[owner]
            metre = np.array([one.metre for one in problem.kinds])[kind]
            second = np.array([one.second for one in problem.kinds])[kind]
            way = np.maximum(sources, 0), first
            release = release + metre * problem.metres.from_school[way] + second * problem.from_school[way]
        cost = np.where(sources == DEPOT, prices.bus[kind] - prices.fresh[schools[owner]], release) - worth[owner]
        kept = np.flatnonzero(cost <= most)
        kept = kept[np.argsort(cost[kept], kind="stable")]
        return [(float(cost[at]), Column(int(sources[at]), routes[owner[at]])) for at in kept]


class Program:
    """The linear program; columns are added while it is solved again.

    Parameters
    ----------
    fresh_counts : int32[n_schools], optional
        Routes from the depot that each school needs; by default none.
    given : Plan, optional
        Routes that stay.
    fleet : int, optional
        Buses at most, and the least cost is looked for; None: the fewest buses are.
    """

    def __init__(
        self,
        problem: Problem,
        counts: NDArray[np.int32],
        given: Plan | None = None,
        *,
        fresh_counts: NDArray[np.int32] | None = None,
        fleet: int | None = None,
    ) -> None:
        self.problem = problem
        self.free = np.ones(problem.n_stops, np.bool_)
        flow = np.zeros(problem.n_nodes)
        left = counts.astype(np.int64)
        fresh = np.zeros(problem.n_schools, np.int64) if fresh_counts is None else fresh_counts.astype(np.int64)
        self.given_buses, given_cost = 0, 0.0
        if given is not None:
            for route, source in zip(given.routes, given.source, strict=True):
                self.free[list(route.stops)] = False
                flow[problem.node(route.kind, route.school)] -= 1
                left[route.school] -= 1
                given_cost += problem.cost(source, route)
                if source == DEPOT:
                    self.given_buses += 1
                    fresh[route.school] -= 1
                else:
                    flow[problem.node(route.kind, source)] += 1
        self.money = fleet is not None
        self.given = given_cost if self.money else float(self.given_buses)
        """What the given routes cost, or their buses."""
        self.stops = np.flatnonzero(self.free)
        self.schools = np.unique(problem.school[self.stops])
        self._row = np.full(problem.n_stops, -1)
        self._row[self.stops] = np.arange(len(self.stops))
        needs = np.maximum(np.concatenate((left, fresh)), 0).astype(float)
        self.lower = [1.0] * len(self.stops) + flow.tolist() + needs.tolist()
        if fleet is not None:
            self.lower.append(float(self.given_buses - fleet))
        self._relaxation = Relaxation(self.lower)
        self.columns: list[Column] = []
        self._number: dict[Column, int] = {}
        self._allowed: list[bool] = []

    def __contains__(self, column: Column) -> bool:
        return column in self._number

    def entries(self, column: Column) -> list[tuple[int, float]]:
        """List the rows a column is in, with how often."""
        rows: dict[int, float] = {}
        for stop in column.route.stops:
            row = int(self._row[stop])
            rows[row] = rows.get(row, 0.0) + 1.0
        first = len(self.stops)
        kind, school = column.route.kind, column.route.school
        rows[first + self.problem.node(kind, school)] = 1.0
        rows[first + self.problem.n_nodes + school] = 1.0
        if column.source != DEPOT:
            rows[first + self.problem.node(kind, column.source)] = -1.0
        else:
            rows[first + self.problem.n_nodes + self.problem.n_schools + school] = 1.0
            if self.money:
                rows[len(self.lower) - 1] = -1.0
        return list(rows.items())

    def cost(self, column: Column) -> float:
        """Return what a column costs: money, or the bus it takes."""
        if self.money:
            return self.problem.cost(column.source, column.route)
        return 1.0 if column.source == DEPOT else 0.0

    def add(self, columns: Iterable[Column]) -> int:
        """Add the columns that are new; how many were."""
        new = 0
        for column in columns:
            if column not in self._number:
                self._number[column] = self._relaxation.add(self.cost(column), self.entries(column))
                self.columns.append(column)
                self._allowed.append(True)
                new += 1
        return new

    def allow(self, numbers: Iterable[int], *, allowed: bool) -> None:
        """Let columns be used, or keep them at zero."""
        for number in numbers:
            if self._allowed[number] != allowed:
                self._allowed[number] = allowed
                self._relaxation.allow(number, allowed=allowed)

    def is_allowed(self, number: int) -> bool:
        """Tell whether a column may be used."""
        return self._allowed[number]

    def solve(self) -> tuple[Prices, NDArray[np.float64]]:
        """Solve; prices, and how much of each column is taken."""
        value, prices, taken = self._relaxation.solve()
        problem, n = self.problem, len(self.stops)
        stop = np.zeros(problem.n_stops)
        stop[self.stops] = prices[:n]
        release, needs = prices[n : n + problem.n_nodes], prices[n + problem.n_nodes :]
        route, fresh = needs[: problem.n_schools], needs[problem.n_schools :][: problem.n_schools]
        bus = np.ones(len(problem.kinds))
        if self.money:
            bus = np.array([kind.day for kind in problem.kinds]) + prices[-1]
        return Prices(value + self.given, stop, release, route, fresh, bus), taken


def price_all(
    program: Program,
    pricer: Pricer,
    prices: Prices,
    *,
    exact: bool,
    most: int,
    least: float,
    free: NDArray[np.bool_] | None = None,
    simple: bool = False,
) -> tuple[int, list[NDArray[np.float64]] | None]:
    """Add the columns that pay at these prices.

    Parameters
    ----------
    most
        Columns of each school and source; more where there are few sources.
    free
        Stops that routes may visit; all free ones of the program by default.
    simple
        Only routes without revisits.

    Returns
    -------
    int, list of float64[m, 3] or None
        Columns added; by school of the program the sources from which a column pays, see `columns.Priced.paying`, None
        where that is not known.
    """
    worth = prices.stop if free is None else np.where(free, prices.stop, 0.0)
    added, complete = 0, True
    paying: list[NDArray[np.float64]] = []
    problem = program.problem
    for school in program.schools.tolist():
        if free is not None and not free[pricer.parts[school].stops].any():
            continue
        paying.append(np.empty((0, 3)))
        for part in pricer.parts[school :: problem.n_schools]:
            base = prices.base(problem, part)
            each = max(most, most * FEW_SOURCES // len(base))
            found = pricer.price(problem.node(part.kind, school), worth, base, exact=exact, most=each, least=least)
            complete = complete and found.complete
            paying[-1] = np.concatenate((paying[-1], found.paying))
            columns = found.columns
            if simple:
                columns = [Column(column.source, without_revisits(column.route)) for column in columns]
            if free is not None:
                columns = [column for column in columns if free[list(column.route.stops)].all()]
            added += program.add(columns)
    return added, paying if complete else None
