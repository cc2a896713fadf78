"""A plan from a solved program: the routes it is surest of are fixed, the rest is priced and solved again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.school.columns import Column
from mobigo.school.program import price_all

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mobigo.school.columns import Pricer
    from mobigo.school.model import Route
    from mobigo.school.program import Pool, Program

NEGLIGIBLE = 1e-9
"""A column taken as little as that is not taken."""

DOUBT, DOUBT_PER_STOP = 0.5, 0.001
"""How much of routes may be missing, together, when they are fixed in one go: more where there are many stops."""

ROUNDS, MOST_ROUNDS, GAIN = 2, 7, 0.15
"""Of pricing between two fixings: so many, and more while each of them gains as many buses."""

NEW_COLUMNS = 4
"""Of each school and source, in one round."""

LEAST = 1e-6
"""What a column must pay."""


HURRY = 8.0
"""How many times as much may be missing when time gets short; routes are then priced once between two fixings."""


def dive(
    program: Program, pricer: Pricer, pool: Pool, stopped: Callable[[], bool], short: Callable[[], bool]
) -> list[Route]:
    """Fix routes until every free stop of the program is in one, or there is no time: then some are in none.

    The program's columns are left as the dive leaves them: most may not be used any more.
    """
    return _Dive(program, pricer, pool, short).run(stopped)


class _Dive:
    """Routes fixed so far, and the stops that are left."""

    def __init__(self, program: Program, pricer: Pricer, pool: Pool, short: Callable[[], bool]) -> None:
        self._program, self._pricer, self._pool, self._short = program, pricer, pool, short
        self._free = program.free.copy()
        self._by_stop: dict[int, list[int]] = {}
        self._known = 0
        self._routes: list[Route] = []
        self._doubt = max(DOUBT, DOUBT_PER_STOP * len(program.stops))
        program.allow([n for n, one in enumerate(program.columns) if not is_simple(one.route)], allowed=False)

    def run(self, stopped: Callable[[], bool]) -> list[Route]:
        while not stopped():
            share = self._share(self._solve())
            if not share:
                break
            doubt, most = 0.0, self._doubt * (HURRY if self._short() else 1.0)
            for route in sorted(share, key=lambda one: (-share[one], one)):
                missing = max(0.0, 1.0 - share[route])
                if missing > LEAST and doubt > 0.0 and doubt + missing > most:
                    break
                if self._free[list(route.stops)].all():
                    doubt += missing
                    self._fix(route)
        return self._routes

    def _solve(self) -> NDArray[np.float64]:
        program = self._program
        prices, taken = program.solve()
        for number in range(1 if self._short() else MOST_ROUNDS):
            before = prices.value
            added, _ = price_all(
                program, self._pricer, prices, exact=False, most=NEW_COLUMNS, least=LEAST, free=self._free, simple=True
            )
            if not added:
                break
            prices, taken = program.solve()
            if number + 1 >= ROUNDS and before - prices.value < GAIN:
                break
        for number in range(self._known, len(program.columns)):
            for stop in program.columns[number].route.stops:
                self._by_stop.setdefault(stop, []).append(number)
        self._known = len(program.columns)
        return taken

    def _share(self, taken: NDArray[np.float64]) -> dict[Route, float]:
        """How much of each route is taken, wherever its bus comes from; without those that are fixed."""
        share: dict[Route, float] = {}
        for number in np.flatnonzero(taken > NEGLIGIBLE).tolist():
            route = self._program.columns[number].route
            if self._free[route.stops[0]]:
                share[route] = share.get(route, 0.0) + float(taken[number])
        return share

    def _fix(self, route: Route) -> None:
        program = self._program
        self._routes.append(route)
        self._free[list(route.stops)] = False
        for stop in route.stops:
            program.allow([n for n in self._by_stop[stop] if program.columns[n].route != route], allowed=False)
        program.add(Column(int(source), route) for source in self._pool.sources(route))


def is_simple(route: Route) -> bool:
    """Tell whether a route visits no stop twice."""
    return len(set(route.stops)) == len(route.stops)
