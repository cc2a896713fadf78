"""Which stops to serve and who walks to which: the first stage of planning.

Every pupil who has a stop within reach gets one. What a choice costs is said in metres of walking, so that staff can
weigh it: a stop is worth so many metres, one that is unsafe more; two stops close to each other, and a stop for too
few, are allowed and dear. Groups of stops that share no pupil are chosen apart, each to the end where time allows; the
bound says how far from the best a choice may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import haversine
from mobigo.school.master import Choice, open_stops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.kit.geo import Point
    from mobigo.school.roads import Walks


@dataclass(frozen=True)
class Weights:
    """What a choice of stops costs, in metres of somebody's walking."""

    stop: int = 2_000
    """Serving a stop: a halt takes everybody aboard a minute."""
    crowd: int = 3
    """Pupils that a stop should have at least ..."""
    missing: int = 500
    """... and what each one fewer costs."""
    apart: int = 500
    """Metres that two stops should be apart ..."""
    close: int = 3_000
    """... and what two closer ones cost."""


USUAL = Weights()


class Stopping(NamedTuple):
    """Stops that are served, and whose they are."""

    stop: NDArray[np.int32]
    """int32[n_pupils], -1: none within reach."""
    metres: NDArray[np.int32]
    """int32[n_pupils], of the walk; -1 likewise."""
    cost: int
    bound: int
    """No choice costs less."""

    @property
    def served(self) -> NDArray[np.int32]:
        """Stops that are served, ascending."""
        return np.unique(self.stop[self.stop >= 0])


class Group(NamedTuple):
    """Pupils with the same stops within reach, equally far: one as good as the other."""

    pupils: NDArray[np.int64]
    stops: tuple[int, ...]
    """The nearest first."""
    metres: tuple[int, ...]


def choose_stops(
    walks: Walks,
    longest: NDArray[np.int32],
    points: Sequence[Point],
    *,
    weights: Weights = USUAL,
    unsafe: NDArray[np.int32] | None = None,
    kept: frozenset[int] = frozenset(),
    work: float = 60.0,
    seed: int = 1,
) -> Stopping:
    """Choose stops.

    Parameters
    ----------
    walks : Walks
        From each pupil's home.
    longest : int32[n_pupils]
        Metres that each may walk.
    points : sequence of Point
        Of the stops.
    unsafe : int32[n_stops], optional
        Metres that a stop costs more, for being dangerous.
    kept : frozenset of int
        Stops that stay whatever they cost.
    work : float
        Deterministic seconds, over all groups, by their size: the same input is chosen the same on every machine.
    """
    n = len(longest)
    stop, metres = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    groups = _gather(walks, longest)
    cost = bound = 0
    clusters = _split(groups, points, weights)
    sizes = np.array([sum(len(group.stops) for group in cluster) for cluster in clusters], np.float64)
    for cluster, size in zip(clusters, sizes.tolist(), strict=True):
        names = sorted({one for group in cluster for one in group.stops})
        place = {name: index for index, name in enumerate(names)}
        choice = Choice(
            groups=[(len(group.pupils), [place[one] for one in group.stops], group.metres) for group in cluster],
            fixed=[_price(name, weights, unsafe, kept) for name in names],
            kept=frozenset(place[one] for one in kept & set(names)),
            crowd=weights.crowd,
            missing=weights.missing,
            near=[
                (place[b], place[a])
                for i, a in enumerate(names)
                for b in names[:i]
                if haversine(points[a], points[b]) < weights.apart
            ],
            close=weights.close,
        )
        found = open_stops(choice, work=work * size / sizes.sum(), seed=seed)
        cost, bound = cost + found.cost, bound + found.bound
        for group, shares in zip(cluster, found.shares, strict=True):
            at = 0
            for share, one, walked in zip(shares, group.stops, group.metres, strict=True):
                some = group.pupils[at : at + share]
                stop[some], metres[some] = one, walked
                at += share
    return Stopping(stop, metres, cost, bound)


def _price(name: int, weights: Weights, unsafe: NDArray[np.int32] | None, kept: frozenset[int]) -> int:
    if name in kept:
        return 0
    return weights.stop + (0 if unsafe is None else int(unsafe[name]))


def _gather(walks: Walks, longest: NDArray[np.int32]) -> list[Group]:
    """Put pupils together who have the same stops within reach."""
    alike: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
    for pupil in range(len(longest)):
        rows = slice(walks.first[pupil], walks.first[pupil + 1])
        near = walks.metres[rows] <= longest[pupil]
        order = np.argsort(walks.metres[rows][near], kind="stable")
        stops = walks.stop[rows][near][order]
        if len(stops):
            key = tuple(stops.tolist()), tuple(walks.metres[rows][near][order].tolist())
            alike.setdefault(key, []).append(pupil)
    return [Group(np.array(pupils), *key) for key, pupils in sorted(alike.items(), key=lambda one: one[1][0])]


def _split(groups: list[Group], points: Sequence[Point], weights: Weights) -> list[list[Group]]:
    """Part groups whose choices do not touch each other: no stop in common, and none close to another's."""
    names = sorted({one for group in groups for one in group.stops})
    root = {name: name for name in names}

    def find(name: int) -> int:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for group in groups:
        for one in group.stops[1:]:
            root[find(one)] = find(group.stops[0])
    by_lat = sorted(names, key=lambda name: points[name].lat)
    degrees = weights.apart / 111_000.0
    for i, a in enumerate(by_lat):
        for b in by_lat[i + 1 :]:
            if points[b].lat - points[a].lat > degrees:
                break
            if find(a) != find(b) and haversine(points[a], points[b]) < weights.apart:
                root[find(a)] = find(b)
    parts: dict[int, list[Group]] = {}
    for group in groups:
        parts.setdefault(find(group.stops[0]), []).append(group)
    return [parts[key] for key in sorted(parts)]
