"""Routes of a school that pay at given prices, whatever school their bus comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from mobigo.school.model import DEPOT, Kind, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.kernels.pricing import Labels
    from mobigo.school.model import Problem

NEIGHBOURS = (10, 7, 4, 2)
"""Stops of an ng-set; a revisit is forgotten only outside it. Fewer where there is no room for the labels."""

WORD = 64
"""Bits of a memory."""

WIDTH = 10
"""Labels of a stop and load in a quick search."""

LITTLE, FEW, MANY = 60_000, 300_000, 1_000_000
"""Labels of a search that is quick though it proves, of one that is quick, and of one that proves."""


LEAST = 5e-7
"""What a sum of prices may be off."""


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
    paying: NDArray[np.float64]
    """float64[m, 3], of sources from which a route pays: what a route costs before its stops, by how much the best
    pays, or less, and the source."""
    complete: bool
    """Whether nothing that pays more can have been missed."""


class Room(NamedTuple):
    """What stops take up of a kind of bus."""

    load: NDArray[np.int32]
    """int32[n], 1 or more: pupils, of both weeks where they differ."""
    capacity: int
    more: NDArray[np.int32]
    """int32[n, m], of what else may run short ..."""
    most: NDArray[np.int32]
    """... and how much there is of it, int32[m]."""


def measure_room(problem: Problem, kind: Kind) -> Room:
    """Say what all stops take up of a kind: seats alone where everybody sits, every week."""
    none = np.empty((problem.n_stops, 0), np.int32), np.empty(0, np.int32)
    riders = problem.riders
    if riders is None:
        return Room(problem.pupils, kind.seats, *none)
    weeks = 1 if (riders[:, 0] == riders[:, 1]).all() else 2
    wheelchairs = bool(riders[:, :, 1].any())
    # a folded seat is one seat or more: together there is no room for more pupils than seats
    room = kind.seats + (kind.chairs if kind.seats_per_chair == 0 else 0)
    load = riders[:, :weeks].sum(axis=(1, 2), dtype=np.int32)
    if weeks == 1 and not wheelchairs:
        return Room(load, kind.seats, *none)
    more, most = [], []
    for week in range(weeks):
        more.append(riders[:, week, 0] + kind.seats_per_chair * riders[:, week, 1])
        most.append(kind.seats)
        if wheelchairs:
            more.append(riders[:, week, 1])
            most.append(kind.chairs)
    return Room(load, weeks * room, np.ascontiguousarray(np.stack(more, axis=1), np.int32), np.array(most, np.int32))


@dataclass(frozen=True)
class SchoolStops:
    """What pricing must know of one school and one kind of bus."""

    school: int
    kind: int
    stops: NDArray[np.int32]
    """Its stops' numbers; rows of the arrays below."""
    pickups: Pickups
    sources: Sources
    origin: tuple[int, ...]
    """By row of `sources`, the school; `DEPOT` first."""
    capacity: int
    most: NDArray[np.int32]
    """Of the pickups' other resources."""
    fits: NDArray[np.bool_]
    """bool[n], whether a bus of this kind takes the stop's pupils at all."""


class Costs(NamedTuple):
    """Metres that no way by another place undercuts: a route is never dearer without one of its stops."""

    drive: NDArray[np.float64]
    to_school: NDArray[np.float64]
    from_school: NDArray[np.float64]


def part(problem: Problem, school: int, kind: int, room: Room, costs: Costs | None) -> SchoolStops:
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
    bit, seen, keep = _memories(drive, NEIGHBOURS[0])
    cost, home_cost, lead_cost = np.zeros((len(stops), len(stops))), np.zeros(len(stops)), np.zeros_like(lead)
    if costs is not None:
        metre, second = problem.kinds[kind].metre, problem.kinds[kind].second
        cost = np.ascontiguousarray(metre * costs.drive[np.ix_(stops, stops)] + second * (drive + dwell))
        home_cost = metre * costs.to_school[stops] + second * home
        lead_cost[:] = second * dwell
        lead_cost[1:] += metre * costs.from_school[origin[1:]][:, stops] + second * lead[1:]
    pickups = Pickups(
        room.load[stops], dwell, drive, home, bit, seen, keep, np.ascontiguousarray(room.more[stops]), cost, home_cost
    )
    sources = Sources(np.array(slacks), lead, lead_cost)
    fits = (pickups.load <= room.capacity) & (pickups.more <= room.most).all(axis=1)
    return SchoolStops(school, kind, stops, pickups, sources, tuple(origin), room.capacity, room.most, fits)


def _memories(
    drive: NDArray[np.float64], size: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]:
    """Give stops bits so that no two of one neighbourhood share one; neighbourhoods shrink until the word suffices."""
    n = len(drive)
    nearest = np.argsort(drive + drive.T, axis=1, kind="stable")
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
    """Searches all schools of a problem, and all kinds of buses, for columns that pay."""

    def __init__(self, problem: Problem, *, costs: Costs | None = None) -> None:
        self._problem = problem
        rooms = [measure_room(problem, kind) for kind in problem.kinds]
        self.parts = [
            part(problem, school, kind, rooms[kind], costs)
            for kind in range(len(problem.kinds))
            for school in range(problem.n_schools)
        ]
        """By node, see `Problem.node`."""
        self._hoods = [0] * len(self.parts)
        resources = max(len(room.most) for room in rooms)
        self._labels = make_labels(MANY, resources)
        self._few = make_labels(FEW, resources)
        self._little = make_labels(LITTLE, resources)
        self._hard = [False] * len(self.parts)

    def price(
        self,
        node: int,
        price: NDArray[np.float64],
        base: NDArray[np.float64],
        *,
        exact: bool,
        most: int,
        least: float,
    ) -> Priced:
        """Search one school with one kind of bus.

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
        part = self.parts[node]
        labels = self._labels
        sources = Sources(*(rows[: len(base)] for rows in part.sources))
        worth = np.where(part.fits, price[part.stops], 0.0)
        longest = float(self._problem.max_ride[part.school])

        def search(labels: Labels, width: int) -> tuple[int, bool]:
            return label_routes(part.pickups, sources, part.capacity, longest, worth, base, width, labels, part.most)

        count, whole = search(labels, 0) if exact else (0, False)
        while exact and not whole and self._hoods[node] + 1 < len(NEIGHBOURS):
            part = self._forget(node)
            count, whole = search(labels, 0)
        if exact:
            self._hard[node] = not whole or count > LITTLE
        elif not self._hard[node]:
            # what is searched to the end soon enough is searched to the end always
            labels = self._little
            count, whole = search(labels, 0)
            exact = whole
            self._hard[node] = not whole
        if not exact and not whole:
            labels = self._few
            count, whole = search(labels, WIDTH)
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
        by_source = gain.max(axis=1, initial=-np.inf)
        if exact and not whole:
            # from a source that costs more the same route pays less
            dearer = base - base.min()
            by_source = bound_gain(part.pickups, part.capacity, longest, worth, float(base.min())) - dearer
        pays = by_source > LEAST
        paying = np.stack((base[pays], by_source[pays], np.array(part.origin[: len(base)])[pays]), axis=1)
        return Priced(columns, max(0.0, float(by_source.max())), paying, complete=exact)

    def _forget(self, node: int) -> SchoolStops:
        """Shorten the memories of a school's labels: more revisits are allowed, and fewer labels needed."""
        self._hoods[node] += 1
        part = self.parts[node]
        bit, seen, keep = _memories(part.pickups.drive, NEIGHBOURS[self._hoods[node]])
        self.parts[node] = replace(part, pickups=part.pickups._replace(bit=bit, seen=seen, keep=keep))
        return self.parts[node]

    def _trace(self, part: SchoolStops, labels: Labels, ends: Sequence[int]) -> list[Route]:
        found = trace_routes(labels, np.array(ends, np.int32), part.capacity + 1)
        return [Route(part.school, tuple(part.stops[row[row >= 0]].tolist()), part.kind) for row in found]


def without_revisits(route: Route) -> Route:
    """Leave out later visits of a stop: shorter, by the triangle inequality."""
    return route._replace(stops=tuple(dict.fromkeys(route.stops)))
