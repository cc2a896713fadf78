"""The optimiser: few buses for all schools together, and the proof how few there can be.

A first plan comes from savings. Column generation then solves the linear program of routes and links: its value,
rounded up, is the bound. A dive makes a plan of its solution; parts of the plan are planned anew, one after another,
each by a program over the routes that were met or are worth meeting, until the plan is as good as the bound or time is
over. The best plan is there at any moment.

References
----------
Pisinger, Ropke (2010), Large Neighborhood Search.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.school.bounds import EXACT, certify, certify_links, count_loads, count_routes, find_direct, list_remote
from mobigo.school.columns import Column, Pricer, without_revisits
from mobigo.school.dive import dive, is_simple
from mobigo.school.linking import alone, link, visit_once
from mobigo.school.master import choose_columns
from mobigo.school.model import DEPOT, Certificate, Kind, Plan, Problem, Route
from mobigo.school.neighbourhoods import Neighbourhoods
from mobigo.school.ousting import Ouster
from mobigo.school.packing import Chance, pack_school
from mobigo.school.patience import Patience
from mobigo.school.program import Pool, Prices, Program, price_all
from mobigo.school.savings import merge_stops, plan_by_savings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

WORTH = 0.1
"""Reduced cost up to which columns of routes that were met go into a program to begin with."""

NEW_COLUMNS, NEW_COLUMNS_OF_MANY, MANY_SCHOOLS = 12, 6, 20
"""Of each school and source, in one round of pricing; fewer with as many schools."""

FIRST_EXACT, EXACT_EVERY = 20, 8
"""Rounds of pricing without an exact one, and between two of them: each proves something, and where to search on."""

NEARLY = 0.003
"""New columns, of all, with which pricing becomes exact."""

FEW_STOPS, MOST_STOPS = 120, 500
"""Of a part that is planned anew."""

FIRST_STOPS = 250

FIRST_STOPS_REMOTE, FEW_STOPS_REMOTE = 80, 40
"""Where schools hardly depend on each other."""

MOST_GAIN = 1.0
"""Reduced cost up to which columns are put into a part's program in whole numbers, however much may be gained."""

STEP = 1.15
"""By how much parts grow when they are always solved to the end, or shrink when they are not."""

MOST_COLUMNS_PER_STOP = 12
"""Of the program that is dived into."""

COUNTING, COUNTING_REMOTE = 0.08, 0.2
"""Of all time, after which it is not proven any more how many routes a school needs: so much, and more by the share of
stops that no other school's bus reaches in time."""

EACH_COUNTING = 3.0
"""Times its share by stops, what one school may take of that."""

REMOTE = 0.5
"""Share of such stops from which schools are packed by themselves first, for they hardly depend on each other."""

OUSTING, OUSTING_AGAIN = 12, 100
"""Routes in a row that cannot be spared until one does something else: before proofs, and after them."""

GENERATING, GENERATING_REMOTE = 0.4, 0.55
"""Of the time left, after which the program is dived into though routes may still pay; and where schools hardly depend
on each other, and plans are good before."""

SMOOTH, FAR = 0.5, 0.005
"""Weight of the best proven prices in those at which proofs are searched, while so much of the value is unproven."""

DIVING, CALM = 0.4, 0.6
"""Of the time left, the most that is spent on the first dive, and how much of that before it hurries."""

MOST_COLUMNS = 8_000
"""Of a program in whole numbers."""

NEW_COLUMNS_OF_PART = 3
"""Of each school and source, in one round of pricing for a part."""

SMALL = 300
"""Stops of a problem that is planned anew as a whole, now and then."""

PART_OF_SMALL = 0.8
"""Of all stops, the most that a part has."""

WHOLE_ROUNDS = 15
"""Parts between the first two times."""

ROUNDS = 30
"""Of pricing for one part."""


class Effort(NamedTuple):
    """What a program in whole numbers may take."""

    seconds: float
    nodes: int


class Found(NamedTuple):
    """What came of planning a part anew."""

    plan: Plan | None
    """None where there is none."""
    ended: bool | None
    """Whether the program was solved to the end, and soon; None where that was not needed."""


PART, WHOLE = Effort(10.0, 300), Effort(30.0, 2_000)
"""For a part; for the whole of a small problem, doubled each time."""


def optimise(
    problem: Problem,
    *,
    time_limit: float,
    seed: int,
    work: int | None = None,
    present: Sequence[Route] = (),
    progress: Callable[[int, int], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    enough: Callable[[], int] | None = None,
) -> tuple[Plan, Certificate]:
    """Plan with as few buses as can be found.

    Parameters
    ----------
    time_limit : float
        Seconds until the plan is handed over.
    work : int, optional
        Parts that are planned anew, instead of a time: same seed and same work, same plan.
    present
        Routes driven today, each stop in one: the plan has no more buses than they need.
    progress
        Called with buses and bound whenever one of them changes.
    stopped
        Asked now and then; once it says so, the best plan is handed over.
    clock
        Tells seconds: on the wall, or of the processor where others share the machine.
    enough
        Says with how many buses a plan need not be better, nor its bound; by default with none.
    """
    rolls = problem.riders is not None and bool(problem.riders[:, :, 1].any())
    large = list_large([kind if rolls else Kind(kind.seats) for kind in problem.kinds])
    searched = (
        problem if len(large) == len(problem.kinds) else replace(problem, kinds=tuple(problem.kinds[n] for n in large))
    )
    search = _Search(searched, Patience(time_limit, work, stopped, clock), seed, progress)
    if enough is not None:
        search.enough = enough
    search.start([_enlarge(searched, route) for route in present])
    try:
        search.bound()
        search.improve()
    except KeyboardInterrupt:
        pass  # whoever interrupts wants the best plan so far
    plan = search.plan
    routes = tuple(route._replace(kind=large[route.kind]) for route in plan.routes)
    return Plan(routes, plan.source), search.certificate


def _both(one: Callable[[], bool], other: Callable[[], bool]) -> Callable[[], bool]:
    return lambda: one() and other()


def _without(plan: Plan, freed: Sequence[int]) -> Plan:
    """Leave routes out of a plan; the others keep their links, also those from routes that are left out."""
    inside = set(freed)
    kept = [number for number in range(len(plan.routes)) if number not in inside]
    return Plan(tuple(plan.routes[n] for n in kept), tuple(plan.source[n] for n in kept))


def list_large(kinds: Sequence[Kind]) -> list[int]:
    """List the kinds of buses that no other suits as well or better: the fewest buses are of these."""
    return [
        number
        for number, kind in enumerate(kinds)
        if not any(
            other.suits(kind) and (at < number or not kind.suits(other))
            for at, other in enumerate(kinds)
            if at != number
        )
    ]


def _enlarge(problem: Problem, route: Route) -> Route:
    """Give a route the first kind of bus that holds its pupils."""
    return route._replace(kind=problem.find_kind(route.stops) or 0)


def warm() -> None:
    """Plan two schools of one stop each: compiles the kernels."""
    minute, one_way = 60.0, np.full((2, 2), 300.0)
    problem = Problem(
        kinds=(Kind(50),),
        max_ride=np.full(2, 60 * minute),
        bell=np.array([480 * minute, 540 * minute]),
        unloading=np.zeros(2),
        school=np.array([0, 1], np.int32),
        pupils=np.array([20, 30], np.int32),
        dwell=np.full(2, minute),
        drive=one_way,
        to_school=np.full(2, 5 * minute),
        from_school=one_way,
    )
    optimise(problem, time_limit=0.0, seed=0)
    together = replace(problem, school=np.zeros(2, np.int32))
    asked = iter((False, True, False))
    chance = Chance(np.random.default_rng(0), lambda: next(asked, True))
    routes, none = [alone(together, stop) for stop in range(2)], np.zeros(2, np.int32)
    pack_school(together, routes, (0, 0), np.array([True, False]), chance)
    Ouster(together, link(together, routes), (none, none), chance).try_once()


class _Search:
    """What is known so far: the best plan, the bound, the routes that were met."""

    def __init__(
        self, problem: Problem, limits: Patience, seed: int, progress: Callable[[int, int], None] | None
    ) -> None:
        self._problem = problem
        self._limits = limits
        self._progress = progress
        self._random = np.random.default_rng(seed)
        self._pricer = Pricer(problem)
        self._pool = Pool(problem)
        self._prices: Prices | None = None
        self._counts = np.array(
            [count_loads(self._pricer.parts, school, problem.n_schools) for school in range(problem.n_schools)],
            np.int32,
        )
        self._fresh = np.zeros(problem.n_schools, np.int32)
        self._remote = [
            list_remote(self._pricer.parts, school, problem.n_schools) for school in range(problem.n_schools)
        ]
        self._apart = sum(int(one.sum()) for one in self._remote) / max(1, problem.n_stops)
        self.enough: Callable[[], int] = lambda: 0
        self.plan = Plan((), ())
        self.certificate = certify_links(self._pricer.parts, problem, self._counts, self._fresh)

    def _done(self) -> bool:
        return self.plan.buses <= max(self.certificate.bound, self.enough()) or self._limits.reached()

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(self.plan.buses, self.certificate.bound)

    def _take(self, plan: Plan) -> None:
        if not self.plan.routes or plan.buses < self.plan.buses:
            self.plan = plan
            self._tell()

    def start(self, present: Sequence[Route]) -> None:
        """Make the first plan: by savings, or as driven today."""
        plan = plan_by_savings(self._problem)
        if present:
            today = link(self._problem, present)
            plan = min(today, plan, key=lambda one: one.buses)
        for route in (*plan.routes, *present):
            self._pool.add(route)
        self._take(plan)

    def bound(self) -> None:
        """Bound routes, then buses; dive for a plan where the bound leaves room."""
        problem = self._problem
        size = np.bincount(problem.school, minlength=problem.n_schools)
        counting = COUNTING + COUNTING_REMOTE * self._apart
        may_prove = self._limits.within(counting)
        counts, fresh = self._counts.copy(), self._fresh.copy()
        for school in np.argsort(size, kind="stable").tolist():
            own = self._limits.within(counting * EACH_COUNTING * int(size[school]) / max(1, problem.n_stops))
            counts[school], met = self._count(school, _both(own, may_prove))
            remote = self._remote[school]
            if remote.any() and not remote.all():
                fresh[school], _ = self._count(school, may_prove, only=remote, known=met)
        self._counts, self._fresh = counts, fresh
        remote = self._apart > REMOTE
        if remote:
            self._pack_schools()
            self._oust(OUSTING)
        self._prove(certify_links(self._pricer.parts, problem, self._counts, self._fresh))
        program = Program(problem, self._counts, fresh_counts=self._fresh)
        program.add(Column(DEPOT, route) for route in self._pool)
        program.add(Column(int(source), route) for route in self.plan.routes for source in self._pool.sources(route))
        # with a route of each source no price of a free bus is worth more than what it brings
        for part in self._pricer.parts:
            direct = [(source, find_direct(part, source)) for source in part.origin]
            program.add(
                Column(source, Route(part.school, (stop,), part.kind)) for source, stop in direct if stop is not None
            )
        prices, taken = self._generate(program)
        if self._done():
            return
        self._prices = prices
        for column in program.columns:
            self._pool.add(without_revisits(column.route))
        if not remote:
            self._dive(prices, [program.columns[n] for n in np.flatnonzero(taken > 0).tolist()])

    def _count(
        self,
        school: int,
        may_prove: Callable[[], bool],
        *,
        only: NDArray[np.bool_] | None = None,
        known: Sequence[Route] = (),
    ) -> tuple[int, list[Route]]:
        """Bound the routes of a school, or those for some of its stops, and keep the routes that were met."""

        def stopped() -> bool:
            return not may_prove() or self._limits.reached()

        count, met = count_routes(self._pricer, school, self._problem, stopped, may_prove, only=only, known=known)
        for route in met:
            if is_simple(route):
                self._pool.add(route)
        return count, met

    def _pack_schools(self) -> None:
        """Pack each school by itself, in several ways, and keep of each the way that takes fewer buses in all."""
        problem, random = self._problem, self._random
        chance = Chance(random, self._limits.reached)
        ways: list[list[list[Route]]] = []
        for school in range(problem.n_schools):
            own = [route for route in self.plan.routes if route.school == school]
            if own:
                least = int(self._counts[school]), int(self._fresh[school])
                ways.append(pack_school(problem, own, least, self._remote[school], chance))
        for route in (route for each in ways for way in each for route in way):
            self._pool.add(route)
        chosen = [each[0] for each in ways]
        best = link(problem, [route for way in chosen for route in way])
        for at in [*random.permutation(len(ways)), *random.permutation(len(ways))]:
            for way in ways[at]:
                tried = link(problem, [route for n, one in enumerate(chosen) for route in (way if n == at else one)])
                if way is not chosen[at] and tried.buses <= best.buses:
                    best, chosen[at] = tried, way
                    break
        self._take(best)

    def _oust(self, times: int) -> None:
        """Do without one route after another, of whatever school."""
        chance = Chance(self._random, self._limits.reached)
        ouster, failed = Ouster(self._problem, self.plan, (self._counts, self._fresh), chance), 0
        while failed < times and not self._done():
            failed = 0 if ouster.try_once() else failed + 1
            self._take(ouster.plan)
        for route in self.plan.routes:
            self._pool.add(route)

    def _generate(self, program: Program) -> tuple[Prices, NDArray[np.float64]]:
        """Price and solve in turn until no route pays, or time is over; prove what the prices prove."""
        problem = self._problem
        most = NEW_COLUMNS if problem.n_schools < MANY_SCHOOLS else NEW_COLUMNS_OF_MANY
        self._limits.near()
        exact, last = False, self._limits.reached()
        may_go_on = self._limits.within(GENERATING_REMOTE if self._apart > REMOTE else GENERATING)
        rounds = 0
        while True:
            prices, taken = program.solve()
            rounds += 1
            exact = exact or last or (rounds > FIRST_EXACT and rounds % EXACT_EVERY == 0)
            proven = self.certificate
            smooth = exact and proven.stop.any() and prices.value - proven.value > FAR * prices.value
            asked = prices.mix(proven, SMOOTH) if smooth else prices
            added, paying = price_all(program, self._pricer, asked, exact=exact, most=most, least=EXACT)
            if paying is not None:
                self._prove(certify(problem, self._pricer.parts, (self._counts, self._fresh), asked, paying))
                # the program's value only falls: a bound that it rounds up to is the best there is
                if self.certificate.bound >= math.ceil(prices.value - EXACT) or not (added or smooth):
                    return prices, taken
            if last or prices.value <= self.enough():
                return prices, taken
            last = self._limits.near() or not may_go_on()
            exact = not exact and added <= NEARLY * len(program.columns)

    def _prove(self, found: Certificate) -> None:
        if found.value > self.certificate.value:
            better = found.bound > self.certificate.bound
            self.certificate = found
            if better:
                self._tell()

    def _dive(self, prices: Prices, support: Iterable[Column]) -> None:
        problem = self._problem
        self._limits.near()
        program = Program(problem, self._counts, fresh_counts=self._fresh)
        worth = [column for _, column in self._pool.select(prices, program.free, WORTH)]
        worth = worth[: MOST_COLUMNS_PER_STOP * problem.n_stops]
        program.add(worth)
        program.add(Column(DEPOT, column.route) for column in worth)
        program.add(Column(column.source, without_revisits(column.route)) for column in support)
        program.add(Column(DEPOT, alone(problem, stop)) for stop in range(problem.n_stops))
        deep = self._limits.left() * (1 - DIVING)
        calm = self._limits.within(DIVING * CALM)
        routes = dive(
            program,
            self._pricer,
            self._pool,
            lambda: self._limits.near() or self._limits.left() < deep,
            lambda: not calm(),
        )
        rest = np.ones(problem.n_stops, np.bool_)
        rest[[stop for route in routes for stop in route.stops]] = False
        self._take(link(problem, [*routes, *merge_stops(problem, rest)]))

    def improve(self) -> None:
        """Plan parts anew until the plan is proven or time or work is over; of a small problem now and then all."""
        if self._prices is None:
            return
        if self._apart > REMOTE:
            self._oust(OUSTING_AGAIN)
        n_stops = self._problem.n_stops
        parts = Neighbourhoods(self._problem, self._random)
        first, few = (FIRST_STOPS_REMOTE, FEW_STOPS_REMOTE) if self._apart > REMOTE else (FIRST_STOPS, FEW_STOPS)
        size = min(float(first), PART_OF_SMALL * n_stops)
        whole, next_whole = WHOLE, 0
        current = self.plan
        for route in current.routes:
            self._pool.add(route)
        rounds = 0
        while not self._done() and (self._limits.work is None or rounds < self._limits.work):
            current = parts.relink(current)
            effort, freed = PART, parts.draw(current, int(size))
            if n_stops <= SMALL and rounds == next_whole:
                effort, freed = whole, list(range(len(current.routes)))
                whole, next_whole = Effort(2 * whole.seconds, 2 * whole.nodes), 2 * rounds + WHOLE_ROUNDS
            rounds += 1
            # as many buses, in another way, are a way on from where nothing else is
            aim = current.buses - int(self._random.integers(2))
            found = self._plan_part(current, freed, aim, effort)
            if found.plan is not None and found.plan.buses <= current.buses:
                current = found.plan
                self._take(current)
            if found.ended is not None and effort is PART:
                grown = size * STEP if found.ended else size / STEP
                size = min(max(grown, few), MOST_STOPS, PART_OF_SMALL * n_stops)

    def _plan_part(self, current: Plan, freed: Sequence[int], aim: int, effort: Effort) -> Found:
        """Plan some routes of a plan anew, for `aim` buses in all, or fewer."""
        problem, pool = self._problem, self._pool
        given = _without(current, freed)
        program = Program(problem, self._counts, given, fresh_counts=self._fresh)
        known = [Column(current.source[n], current.routes[n]) for n in freed]
        program.add(known)
        assert self._prices is not None
        program.add(column for _, column in pool.select(self._prices, program.free, WORTH / 2))
        prices, taken = program.solve()
        for _ in range(ROUNDS):
            added, _ = price_all(
                program, self._pricer, prices, exact=False, most=NEW_COLUMNS_OF_PART, least=EXACT, simple=True
            )
            if not added or self._limits.reached():
                break
            prices, taken = program.solve()
        if math.ceil(prices.value - EXACT) >= current.buses or self._limits.reached():
            return Found(None, None)
        for column in program.columns:
            pool.add(column.route)
        # in a plan with fewer buses there is no column whose reduced cost is more than what is gained
        gain = min(MOST_GAIN, current.buses - 1 - prices.value + EXACT)
        worth = [column for _, column in pool.select(prices, program.free, gain)[:MOST_COLUMNS]]
        support = [program.columns[n] for n in np.flatnonzero(taken > 0).tolist()]
        columns = list(dict.fromkeys([*worth, *support, *known]))
        begun = time.process_time()
        chosen = choose_columns(
            program.lower,
            [program.cost(column) for column in columns],
            [program.entries(column) for column in columns],
            most=aim - program.given_buses,
            seconds=self._limits.for_search(effort.seconds),
            nodes=effort.nodes,
        )
        soon = self._limits.work is not None or time.process_time() - begun < effort.seconds / 2
        ended = chosen.ended and soon
        if chosen.columns is None:
            return Found(None, ended)
        again = [*given.routes, *(columns[n].route for n in chosen.columns)]
        return Found(link(problem, visit_once(again)), ended)
