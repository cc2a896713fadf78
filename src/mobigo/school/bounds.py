"""How few routes a school, and how few buses all schools together, can do with; and the prices that prove it."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.pricing import TOLERANCE
from mobigo.school.master import Relaxation
from mobigo.school.model import DEPOT, Certificate, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mobigo.school.columns import Pricer, SchoolStops
    from mobigo.school.model import Problem
    from mobigo.school.program import Prices

EXACT = 1e-6
"""What a sum of prices may be off; a route that pays less is not worth a column."""

LEAST_PRICE = 1e-12
"""No less is divided by."""

WHOLE = 1e-8
"""By how much less a value is made that is whole."""

NEW_ROUTES, NEW_ROUTES_PER_STOP = 15, 0.5
"""Of one school, put into its program at a time: so many, or more where there are many stops."""

CLEAR = 1e-4
"""By how much a value that is to be rounded up must exceed the whole number before."""


def count_by_load(load: NDArray[np.int32], capacity: int) -> int:
    """Bound the buses that hold the pupils, no stop's apart: the bound L2 of bin packing.

    References
    ----------
    Martello, Toth (1990), Knapsack Problems, section 8.3.
    """
    best = math.ceil(int(load.sum()) / capacity)
    for q in {0, *(int(some) for some in load if 2 * some <= capacity)}:
        large = load[load > capacity - q]
        middle = load[(2 * load > capacity) & (load <= capacity - q)]
        small = load[(load >= q) & (2 * load <= capacity)]
        room = len(middle) * capacity - int(middle.sum())
        best = max(best, len(large) + len(middle) + max(0, math.ceil((int(small.sum()) - room) / capacity)))
    return best


def count_loads(
    parts: Sequence[SchoolStops], school: int, n_schools: int, only: NDArray[np.bool_] | None = None
) -> int:
    """Bound the routes of a school, or of some of its stops, by the kind of bus that has most room."""
    mine = parts[school::n_schools]
    load = mine[0].pickups.load
    return count_by_load(load if only is None else load[only], max(part.capacity for part in mine))


def certify_links(
    parts: Sequence[SchoolStops],
    problem: Problem,
    counts: NDArray[np.int32],
    fresh_counts: NDArray[np.int32] | None = None,
) -> Certificate:
    """Prove in milliseconds: `counts` routes, linked wherever the most favourable single stop would allow it."""
    n, n_schools = problem.n_nodes, problem.n_schools
    if fresh_counts is None:
        fresh_counts = np.zeros(n_schools, np.int32)
    program = Relaxation([0.0] * n + counts.astype(float).tolist() + fresh_counts.astype(float).tolist())
    for part in parts:
        for source in part.origin:
            entries = [(problem.node(part.kind, part.school), 1.0), (n + part.school, 1.0)]
            if source == DEPOT:
                program.add(1.0, [*entries, (n + n_schools + part.school, 1.0)])
            else:
                program.add(0.0, [*entries, (problem.node(part.kind, source), -1.0)])
    _, prices, _ = program.solve()
    nothing = np.zeros(problem.n_stops)
    return _round(nothing, prices[:n], prices[n : n + n_schools], prices[n + n_schools :], (counts, fresh_counts))


def list_remote(parts: Sequence[SchoolStops], school: int, n_schools: int) -> NDArray[np.bool_]:
    """Tell which stops of a school no bus reaches that comes from another school: bool[stops of the school]."""
    near = np.zeros(len(parts[school].stops), np.bool_)
    for part in parts[school::n_schools]:
        direct = part.pickups.dwell + part.pickups.home
        near |= (part.sources.lead[1:] + direct <= part.sources.slack[1:, None] + TOLERANCE).any(axis=0)
    return ~near


class _Own:
    """The program of some stops of one school."""

    def __init__(self, stops: NDArray[np.int32]) -> None:
        self.program = Relaxation([1.0] * len(stops))
        self.met: dict[Route, None] = {}
        self._row = {int(stop): at for at, stop in enumerate(stops)}

    def add(self, route: Route) -> bool:
        """Add a route without other stops, if it is new."""
        route = route._replace(stops=tuple(stop for stop in route.stops if stop in self._row))
        if not route.stops or route in self.met:
            return False
        self.met[route] = None
        times = Counter(self._row[stop] for stop in route.stops)
        self.program.add(1.0, [(row, float(count)) for row, count in times.items()])
        return True


def count_routes(
    pricer: Pricer,
    school: int,
    problem: Problem,
    stopped: Callable[[], bool],
    may_prove: Callable[[], bool],
    *,
    only: NDArray[np.bool_] | None = None,
    known: Sequence[Route] = (),
) -> tuple[int, list[Route]]:
    """Bound the routes of one school by its own program, and list the routes that were met.

    The bound holds whenever it stops: with every route worth at most `1 + excess`, prices divided by that are a proof.

    Parameters
    ----------
    stopped, may_prove
        Asked between searches: whether to stop at once, and whether a long one that proves may begin.
    only : bool[stops of the school], optional
        Stops for which routes are counted; by default all.
    known
        Routes to begin with; other stops are left out of them.
    """
    least = count_loads(pricer.parts, school, problem.n_schools, only)
    stops = pricer.parts[school].stops if only is None else pricer.parts[school].stops[only]
    own = _Own(stops)
    most = max(NEW_ROUTES, int(NEW_ROUTES_PER_STOP * len(stops)))
    for stop in stops.tolist():
        own.add(Route(school, (stop,), problem.find_kind([stop]) or 0))
    for route in known:
        own.add(route)
    exact = False
    price = np.zeros(problem.n_stops)
    while len(stops):
        value, price[stops], _ = own.program.solve()
        whole = math.ceil(value - EXACT)
        if whole <= least:
            break
        # routes worth a little more than one prove the same whole number, and fewer labels are as hopeful
        worth = max(1.0, value / (whole - 1 + CLEAR)) if exact and whole > 1 else 1.0
        found = [
            pricer.price(problem.node(kind, school), price, np.full(1, worth), exact=exact, most=most, least=EXACT)
            for kind in range(len(problem.kinds))
        ]
        if all(one.complete for one in found):
            least = max(least, math.ceil(value / (worth + max(one.excess for one in found)) - EXACT))
        added = sum([own.add(column.route) for one in found for column in one.columns])
        if not added and (exact or whole <= least or not may_prove()):
            break
        if stopped():
            break
        exact = not exact and not added
    return least, list(own.met)


def certify(
    problem: Problem,
    parts: Sequence[SchoolStops],
    counts: tuple[NDArray[np.int32], NDArray[np.int32]],
    prices: Prices,
    paying: Sequence[NDArray[np.float64]],
) -> Certificate:
    """Lower prices until no route is worth more than it costs, and say what they prove.

    Where that takes too much of a school's stops, its routes alone are priced.

    Parameters
    ----------
    counts
        Routes that each school needs, and those among them that a bus begins with.
    paying
        By school, the sources from which a route pays at these prices, whatever the kind of bus; see
        `mobigo.school.columns.Priced`.
    """
    stop, release, route, fresh = (one.copy() for one in (prices.stop, prices.release, prices.route, prices.fresh))
    for school, sources in zip(np.unique(problem.school).tolist(), paying, strict=True):
        if not len(sources):
            continue
        mine = parts[school].stops
        own = sources[:, 2] == DEPOT
        near = _reached(parts[school :: problem.n_schools], sources[~own, 2])
        best = (math.inf, 0.0, 0.0, 0.0, 0.0)
        most = min(float(fresh[school]), float(sources[own, 1].max(initial=0.0)))
        for later in sorted({0.0, most}):
            raised = sources[:, :2] + np.outer(own, (later, -later))
            pay = raised[:, 1]
            fewer = {
                0.0,
                min(float(route[school]), float(pay.max())),
                *pay[(pay > 0) & (pay <= route[school])].tolist(),
            }
            for less in sorted(fewer):
                far_share = _share(raised[own], less)
                near_share = min(far_share, _share(raised[~own], less))
                loss = less * int(counts[0][school]) + later * int(counts[1][school])
                loss += float((1 - far_share) * stop[mine[~near]].sum() + (1 - near_share) * stop[mine[near]].sum())
                best = min(best, (loss, later, less, far_share, near_share))
        _, later, less, far_share, near_share = best
        fresh[school] -= later
        route[school] -= less
        stop[mine[~near]] *= far_share
        stop[mine[near]] *= near_share
        kept = float(stop[mine].sum() + route[school] * counts[0][school] + fresh[school] * counts[1][school])
        bare = _price_bare(problem, parts[school :: problem.n_schools], release)
        if bare is not None and bare[0] * int(counts[0][school]) + bare[1] * int(counts[1][school]) > kept:
            stop[mine] = 0.0
            route[school], fresh[school] = bare
    for part in parts:
        for source in part.origin:
            cost = (
                1.0 - float(fresh[part.school]) if source == DEPOT else float(release[problem.node(part.kind, source)])
            )
            own = release[problem.node(part.kind, part.school)] + route[part.school]
            if cost - own < -EXACT / 2 and find_direct(part, source) is not None:
                none = np.zeros(problem.n_schools)
                stop, release, route, fresh = np.zeros(problem.n_stops), np.zeros(problem.n_nodes), none, none
    return _round(stop, release, route, fresh, counts)


def _price_bare(
    problem: Problem, parts: Sequence[SchoolStops], release: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Price a school's routes, and those that a bus begins with, without its stops; None where a bus costs too little.

    Returns
    -------
    float, float
        The most that a route may be worth at these prices of free buses, and what one from the depot is worth more.
    """
    linked, fresh = math.inf, math.inf
    for part in parts:
        own = float(release[problem.node(part.kind, part.school)])
        for source in part.origin:
            if find_direct(part, source) is None:
                continue
            if source == DEPOT:
                fresh = min(fresh, 1.0 - own)
            else:
                linked = min(linked, float(release[problem.node(part.kind, source)]) - own)
    route = min(linked, fresh)
    return (route, fresh - route) if route >= 0.0 and fresh < math.inf else None


def find_direct(part: SchoolStops, source: int) -> int | None:
    """Find the stop that a bus of a kind from a source serves soonest, by itself and in time; None where none is."""
    row = part.origin.index(source)
    service = part.sources.lead[row] + part.pickups.dwell + part.pickups.home
    rest = np.where(part.fits, part.sources.slack[row] - service, -np.inf)
    best = int(rest.argmax()) if len(rest) else -1
    return int(part.stops[best]) if best >= 0 and rest[best] >= -TOLERANCE else None


def _reached(parts: Sequence[SchoolStops], sources: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which stops of a school a bus from one of some schools reaches in time."""
    near = np.zeros(len(parts[0].stops), np.bool_)
    for part in parts:
        rows = np.isin(part.origin, sources)
        direct = part.pickups.dwell + part.pickups.home
        near |= (part.sources.lead[rows] + direct <= part.sources.slack[rows, None] + TOLERANCE).any(axis=0)
    return near


def _share(paying: NDArray[np.float64], less: float) -> float:
    """Return the share of their prices with which stops pay no more, where a route's price is lowered by so much."""
    cost, pay = paying.T
    left = pay > less
    if not left.any():
        return 1.0
    base, rest = cost[left] + less, pay[left] - less
    return float(np.where(base > 0, base / np.maximum(base + rest, LEAST_PRICE), 0.0).min())


def certify_cost(
    problem: Problem,
    counts: NDArray[np.int32],
    prices: Prices,
    paying: Sequence[NDArray[np.float64]],
    fleet: int,
) -> float:
    """Bound what plans with at most `fleet` buses cost, at prices of a program that looks for the least cost.

    Prices are lowered as in `certify`; or else what a route pays is taken off for every route that a school can have,
    one of each stop.
    """
    extra = prices.bus - np.array([kind.day for kind in problem.kinds])
    value = float(prices.stop.sum() + (prices.route * counts).sum() - extra.min() * fleet)
    size = np.bincount(problem.school, minlength=problem.n_schools)
    for school, sources in zip(np.unique(problem.school).tolist(), paying, strict=True):
        worth = float(prices.stop[problem.school == school].sum())
        _, _, loss = _weaken(sources, float(prices.route[school]), int(counts[school]), worth)
        value -= min(loss, float(sources[:, 1].max(initial=0.0)) * int(size[school]))
    return max(0.0, value)


def _weaken(paying: NDArray[np.float64], route: float, count: int, worth: float) -> tuple[float, float, float]:
    """Lower a school's prices at least loss: those of its routes by so much, those of its stops to a share.

    A route that pays has stops worth what it costs and what it pays: with a share of ``cost / (cost + pay)`` of their
    prices it pays no more.

    Returns
    -------
    float, float, float
        What is taken off the price of a route, the share of the stops' prices that stays, and the loss.
    """
    if not len(paying):
        return 0.0, 1.0, 0.0
    pay = paying[:, 1]
    best = (0.0, 0.0, worth)
    for less in sorted({0.0, *(float(one) for one in pay if one <= route), min(route, float(pay.max()))}):
        share = _share(paying[:, :2], less)
        loss = less * count + (1.0 - share) * worth
        if loss < best[2]:
            best = (less, share, loss)
    return best


def _round(
    stop: NDArray[np.float64],
    release: NDArray[np.float64],
    route: NDArray[np.float64],
    fresh: NDArray[np.float64],
    counts: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> Certificate:
    """Round the value up; one that is whole but for rounding is made a little less, so that everybody rounds it alike.

    Prices that are all a little lower prove as well.
    """
    value = float(stop.sum() + (route * counts[0]).sum() + (fresh * counts[1]).sum())
    whole = math.floor(value + EXACT)
    if whole >= 1 and value < whole + EXACT:
        less = min(1.0, (whole - WHOLE) / value)
        stop, release, route, fresh, value = less * stop, less * release, less * route, less * fresh, less * value
    return Certificate(math.ceil(value), value, stop, release, route, counts[0], fresh, counts[1])
