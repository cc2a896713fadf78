"""On foot from many places at once, each reached at a time of its own: when one is where, and what that looks like.

From every stop that a vehicle brings one to, one walks on; nobody walks further than a walk. Times are seconds after
one instant (before it, backwards).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels.strolling import paint, stroll
from mobigo.street.graph import WALK_SPEED, Profile, StreetGraph
from mobigo.street.routing import Snaps, one_street, snap

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Seeds(NamedTuple):
    """Places to walk on from."""

    snaps: Snaps
    """Each on a street."""
    seconds: NDArray[np.float64]
    """float64[n], when one is there."""
    walked: NDArray[np.float64]
    """float64[n], how long one has walked by then, of the walk that begins."""


class Bounds(NamedTuple):
    """How far one goes."""

    limit: float
    """Latest time, seconds."""
    longest: float
    """Longest walk, seconds."""
    speed: float = WALK_SPEED
    """Metres per second."""
    backward: bool = False
    """True: the places are walked to."""


def choose(places: Snaps, rows: NDArray[np.int64]) -> Snaps:
    """Return some of the places."""
    return Snaps(places.edge[rows], places.fraction[rows], places.metres[rows], places.at[rows])


def join(a: Snaps, b: Snaps) -> Snaps:
    """Return the places of both, one after the other."""
    return Snaps(
        np.concatenate([a.edge, b.edge]),
        np.concatenate([a.fraction, b.fraction]),
        np.concatenate([a.metres, b.metres]),
        np.concatenate([a.at, b.at]),
    )


class Strolls(NamedTuple):
    """Everything that is reached on foot."""

    graph: StreetGraph
    profile: Profile
    bounds: Bounds
    seeds: Seeds
    """With the way to the street in their times."""
    node: NDArray[np.int32]
    """int32[n], nodes of labels, ascending; several where later ones have more of the walk left."""
    seconds: NDArray[np.float64]
    """float64[n], when one is there."""
    walked: NDArray[np.float64]
    """float64[n], how long one has walked by then."""
    seed: NDArray[np.int32]
    """int32[n], the place one walked from."""

    @property
    def pace(self) -> float:
        """What the seconds of the graph are multiplied by."""
        return WALK_SPEED / self.bounds.speed


class There(NamedTuple):
    """When one is at some places."""

    seconds: NDArray[np.float64]
    """float64[n], infinite where one does not get."""
    seed: NDArray[np.int32]
    """int32[n], the place one walked from, -1 where one does not get."""


class _Ways(NamedTuple):
    """Ways to places."""

    place: NDArray[np.int64]
    seconds: NDArray[np.float64]
    walked: NDArray[np.float64]
    seed: NDArray[np.int64]


def walk_on(graph: StreetGraph, seeds: Seeds, profile: Profile, bounds: Bounds) -> Strolls:
    """Walk on from places."""
    snaps = seeds.snaps
    to_street = snaps.metres.astype(np.float64) / bounds.speed
    seeds = Seeds(snaps, seeds.seconds + to_street, seeds.walked + to_street)
    cost, pace = graph.cost(profile), WALK_SPEED / bounds.speed
    along, against = _both(cost, snaps.edge, backward=bounds.backward)
    share = snaps.fraction.astype(np.float64)
    parts = np.concatenate([_share(against, share), _share(along, 1 - share)]) * pace
    nodes = np.concatenate([graph.edge_from[snaps.edge], graph.edge_to[snaps.edge]]).astype(np.int32)
    numbers = np.tile(np.arange(len(snaps.edge), dtype=np.int32), 2)
    node, seconds, walked, seed = stroll(
        graph.net,
        cost,
        float(pace),
        int(profile),
        nodes,
        np.tile(seeds.seconds, 2) + parts,
        np.tile(seeds.walked, 2) + parts,
        numbers,
        float(bounds.limit),
        float(bounds.longest),
        int(bounds.backward),
    )
    order = np.argsort(node, kind="stable")
    return Strolls(graph, profile, bounds, seeds, node[order], seconds[order], walked[order], seed[order])


def _both(
    cost: NDArray[np.float32], edge: NDArray[np.int32], *, backward: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the seconds of edges in the direction of walking away along them, and against them."""
    along, against = cost[2 * edge].astype(np.float64), cost[2 * edge + 1].astype(np.float64)
    return (against, along) if backward else (along, against)


def _share(seconds: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the seconds for a share of edges; nothing for none of it, also where one may not go."""
    with np.errstate(invalid="ignore"):
        return np.where(share > 0, share * seconds, 0.0)


def find_times(found: Strolls, places: Snaps) -> There:
    """Tell when one is at places.

    Parameters
    ----------
    places : Snaps
        Of the same graph and profile; not on a street: one does not get there.
    """
    bounds, pace = found.bounds, found.pace
    ways = [*_over_nodes(found, places), _along_edge(found, places)]
    place, seconds, walked, seed = (np.concatenate(column) for column in zip(*ways, strict=True))
    to_door = places.metres[place].astype(np.float64) / WALK_SPEED * pace
    seconds, walked = seconds + to_door, walked + to_door
    kept = np.flatnonzero((walked <= bounds.longest) & (seconds <= bounds.limit))
    order = kept[np.lexsort((seconds[kept], place[kept]))]
    reached, first = np.unique(place[order], return_index=True)
    there = There(np.full(len(places.edge), np.inf), np.full(len(places.edge), -1, np.int32))
    there.seconds[reached] = seconds[order][first]
    there.seed[reached] = seed[order][first]
    return there


def _over_nodes(found: Strolls, places: Snaps) -> list[_Ways]:
    """Find the ways over both nodes of the edges of places."""
    graph = found.graph
    known = np.flatnonzero(places.edge >= 0)
    edge, share = places.edge[known], places.fraction[known].astype(np.float64)
    along, against = _both(graph.cost(found.profile), edge, backward=found.bounds.backward)
    ways = []
    for nodes, part in (
        (graph.edge_from[edge], _share(along, share)),
        (graph.edge_to[edge], _share(against, 1 - share)),
    ):
        at, label = _match(nodes, found.node)
        more = part[at] * found.pace
        ways.append(
            _Ways(
                known[at], found.seconds[label] + more, found.walked[label] + more, found.seed[label].astype(np.int64)
            )
        )
    return ways


def _along_edge(found: Strolls, places: Snaps) -> _Ways:
    """Find the ways that do not leave the edge of a seed."""
    seeds = found.seeds
    order = np.argsort(seeds.snaps.edge, kind="stable")
    known = np.flatnonzero(places.edge >= 0)
    at, row = _match(places.edge[known], seeds.snaps.edge[order])
    place, seed = known[at], order[row]
    along, against = _both(found.graph.cost(found.profile), places.edge[place], backward=found.bounds.backward)
    distance = places.fraction[place].astype(np.float64) - seeds.snaps.fraction[seed].astype(np.float64)
    more = (_share(along, distance) + _share(against, -distance)) * found.pace
    return _Ways(place, seeds.seconds[seed] + more, seeds.walked[seed] + more, seed)


def _match(wanted: NDArray[np.int32], held: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair each of what is wanted with all rows of what is held, ascending, that equal it; both as rows."""
    first, last = np.searchsorted(held, wanted, "left"), np.searchsorted(held, wanted, "right")
    count = last - first
    row = np.repeat(np.arange(len(wanted)), count)
    within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    return row, first[row] + within


class Canvas(NamedTuple):
    """A grid of times."""

    frame: NDArray[np.float64]
    """float64[6]: longitude and latitude of the first node, degrees between columns and rows, metres of a degree of
    both."""
    field: NDArray[np.float64]
    """float64[rows, columns], when one is there; infinite where one does not get."""


def draw(found: Strolls, canvas: Canvas, radius: float) -> None:
    """Draw the streets walked, and what lies beside them, on a grid."""
    graph, bounds = found.graph, found.bounds
    net = graph.net
    count = net.first[found.node + 1] - net.first[found.node]
    label = np.repeat(np.arange(len(found.node)), count)
    arc = net.arc[net.first[found.node[label]] + np.arange(len(label)) - np.repeat(np.cumsum(count) - count, count)]
    seeds = found.seeds
    n_seeds = len(seeds.seconds)
    edge = np.concatenate([arc >> 1, seeds.snaps.edge, seeds.snaps.edge])
    ahead = np.concatenate([arc % 2 == 0, np.ones(n_seeds, np.bool_), np.zeros(n_seeds, np.bool_)])
    begin = np.concatenate([np.where(arc % 2 == 0, 0.0, 1.0), *(2 * [seeds.snaps.fraction.astype(np.float64)])])
    along, against = _both(graph.cost(found.profile), edge, backward=bounds.backward)
    seconds = np.where(ahead, along, against) * found.pace
    time = np.concatenate([found.seconds[label], seeds.seconds, seeds.seconds])
    walked = np.concatenate([found.walked[label], seeds.walked, seeds.walked])
    room = np.minimum(bounds.limit - time, bounds.longest - walked)
    kept = np.isfinite(seconds) & (room >= 0)
    paint(
        graph.shapes,
        edge[kept].astype(np.int32),
        begin[kept],
        ahead[kept].astype(np.int8),
        seconds[kept],
        time[kept],
        room[kept],
        canvas.frame,
        float(radius),
        float(bounds.speed),
        canvas.field,
    )


def warm() -> None:
    """Compile the kernels on a graph of one street, or load them from the cache."""
    graph = one_street()
    snaps = snap(graph, [(0.002, 0.0)], Profile.FOOT)
    found = walk_on(graph, Seeds(snaps, np.zeros(1), np.zeros(1)), Profile.FOOT, Bounds(600.0, 600.0))
    draw(found, Canvas(np.array([0.0, 0.0, 0.001, 0.001, 1e5, 1e5]), np.full((3, 3), np.inf)), 50.0)
