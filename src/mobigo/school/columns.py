"""Routes of a school that pay at given prices, whatever school their bus comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels.pricing import (
    TOLERANCE,
    Pickups,
    Sources,
    best_by_source,
    bound_gain,
    label_routes,
    make_labels,
    trace_routes,
)
from mobigo.school.model import Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.kernels.pricing import Labels
    from mobigo.school.model import Problem

DEPOT = -1
"""As a source of buses."""

NEIGHBOURS = 10
"""Stops of an ng-set; a revisit is forgotten only outside it."""

WORD = 64
"""Bits of a memory."""

WIDTH = 10
"""Labels of a stop and load in a quick search."""

FEW, MANY = 300_000, 3_000_000
"""Labels of a quick search, and of one that proves."""


class Column(NamedTuple):
    """A route and where its bus comes from."""

    source: int
    """School, or `DEPOT`."""
    route: Route


class Priced(NamedTuple):
    """What a search found."""

    columns: list[Column]
    """That pay, best of each source and first stop."""
    excess: float
    """By how much the best of all pays, or less: 0 or more."""
    complete: bool
    """Whether nothing that pays more than `excess` can have been missed."""


@dataclass(frozen=True)
class SchoolStops:
    """What pricing must know of one school."""

    school: int
    stops: NDArray[np.int32]
    """Its stops' numbers; rows of the arrays below."""
    pickups: Pickups
    sources: Sources
    origin: tuple[int, ...]
    """By row of `sources`, the school; `DEPOT` first."""


def part(problem: Problem, school: int) -> SchoolStops:
    """Cut out one school, with all schools whose buses may be in time for it."""
    stops = np.flatnonzero(problem.school == school).astype(np.int32)
    drive = np.ascontiguousarray(problem.drive[np.ix_(stops, stops)])
    dwell, home = problem.dwell[stops], problem.to_school[stops]
    origin = [DEPOT]
    for other in range(problem.n_schools):
        slack = problem.slack(other, school)
        if other != school and slack > 0 and len(stops):
            direct = problem.from_school[other, stops] + dwell + home
            if direct.min() <= slack + TOLERANCE:
                origin.append(other)
    slacks = [np.inf, *(problem.slack(other, school) for other in origin[1:])]
    lead = np.zeros((len(origin), len(stops)))
    lead[1:] = problem.from_school[origin[1:]][:, stops]
    bit, seen, keep = _memories(drive)
    pickups = Pickups(problem.pupils[stops], dwell, drive, home, bit, seen, keep)
    return SchoolStops(school, stops, pickups, Sources(np.array(slacks), lead), tuple(origin))


def _memories(
    drive: NDArray[np.float64],
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Give stops bits so that no two of one neighbourhood share one; neighbourhoods shrink until the word suffices."""
    n = len(drive)
    nearest = np.argsort(drive + drive.T, axis=1, kind="stable")
    size = NEIGHBOURS
    while True:
        hoods = [{int(k) for k in row[:size]} | {at} for at, row in enumerate(nearest)]
        together: list[set[int]] = [set() for _ in range(n)]
        for hood in hoods:
            for k in hood:
                together[k] |= hood
        colour = [-1] * n
        for k in sorted(range(n), key=lambda k: (-len(together[k]), k)):
            taken = {colour[other] for other in together[k]}
            colour[k] = next(c for c in range(n + 1) if c not in taken)
        if max(colour, default=0) < WORD:
            break
        size -= 1
    bit = np.array([1 << c for c in colour], np.uint64)
    seen, keep = np.zeros((n, n), np.uint64), np.zeros((n, n), np.uint64)
    for f, hood in enumerate(hoods):
        for k in hood:
            seen[f, k] = bit[k]
        for k, other in enumerate(hoods):
            keep[f, k] = sum(1 << colour[a] for a in hood & other)
    return bit, seen, keep


class Pricer:
    """Searches all schools of a problem for columns that pay."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self.capacity = problem.capacity
        self.parts = [part(problem, school) for school in range(problem.n_schools)]
        self._labels = make_labels(MANY)
        self._few = make_labels(FEW)

    def price(
        self,
        school: int,
        price: NDArray[np.float64],
        base: NDArray[np.float64],
        *,
        exact: bool,
        most: int,
        least: float,
    ) -> Priced:
        """Search one school.

        Parameters
        ----------
        price : float64[n_stops]
            Of all stops of the problem; stops at 0 are left out.
        base : float64[sources]
            What a route costs from each source of the school's part, as many as are to be looked at.
        most : int
            Columns of each source.
        least : float
            What a column must pay to be told.
        """
        part = self.parts[school]
        labels = self._labels if exact else self._few
        sources = Sources(part.sources.slack[: len(base)], part.sources.lead[: len(base)])
        problem, worth = self._problem, price[part.stops]
        longest = float(problem.max_ride[school])
        count, whole = label_routes(
            part.pickups, sources, problem.capacity, longest, worth, base, 0 if exact else WIDTH, labels
        )
        best, gain = best_by_source(part.pickups, sources, labels, count, base)
        gain = np.where(best >= 0, gain, -np.inf)
        rows: list[int] = []
        ends: list[int] = []
        for row in range(len(base)):
            order = np.argsort(-gain[row], kind="stable")[:most]
            good = order[gain[row, order] > least]
            rows += [row] * len(good)
            ends += best[row, good].tolist()
        columns = [
            Column(part.origin[row], route) for row, route in zip(rows, self._trace(part, labels, ends), strict=True)
        ]
        excess = float(gain.max(initial=0.0))
        if exact and not whole:
            excess = bound_gain(part.pickups, problem.capacity, longest, worth, float(base.min()))
        return Priced(columns, max(0.0, excess), complete=exact)

    def _trace(self, part: SchoolStops, labels: Labels, ends: Sequence[int]) -> list[Route]:
        found = trace_routes(labels, np.array(ends, np.int32), self._problem.capacity + 1)
        return [Route(part.school, tuple(part.stops[row[row >= 0]].tolist())) for row in found]


def without_revisits(route: Route) -> Route:
    """Leave out later visits of a stop: shorter, by the triangle inequality."""
    return Route(route.school, tuple(dict.fromkeys(route.stops)))
