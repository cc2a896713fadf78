"""Ways on streets: from a door to all stops around it, between stops, and from door to door.

Every function takes the graph and values and returns values. What a search scribbles on is borrowed from a pool for the
time of the call and returned clean, so any number of threads may search at once.
"""

from __future__ import annotations

import math
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels.dijkstra import Bans, Ends, Scratch, reach_arcs, reach_nodes, search_arcs, walk_between_stops
from mobigo.kernels.nearest import UNIT, snap_points
from mobigo.osm.store import Flag
from mobigo.street.graph import WALK_SPEED, Profile, StreetGraph, Streets, build_graph, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SNAP_METRES = 1_000.0
"""How far from a street a place may be."""

DESTINATION_SECONDS = 300.0
"""How long a detour a car makes rather than drive through where only residents and visitors may."""

PATIENCE = 6 * 3600.0
"""Seconds of travel beyond which a direct way is not looked for."""


class Snap(NamedTuple):
    """A place on a street."""

    edge: int
    fraction: float
    """Share of the edge that lies before it."""
    metres: float
    """From the point asked for to the street."""
    lon: float
    lat: float
    """On the street."""


class Snaps(NamedTuple):
    """Places on streets, one per point asked for."""

    edge: NDArray[np.int32]
    """int32[n], -1 where no street is near."""
    fraction: NDArray[np.float32]
    """float32[n], share of the edge that lies before it."""
    metres: NDArray[np.float32]
    """float32[n], from the point to the street; infinite where none is near."""
    at: NDArray[np.float64]
    """float64[n, 2], lon and lat on the street."""

    def one(self, index: int) -> Snap | None:
        """Return one place, or None where no street is near."""
        if self.edge[index] < 0:
            return None
        return Snap(
            int(self.edge[index]),
            float(self.fraction[index]),
            float(self.metres[index]),
            float(self.at[index, 0]),
            float(self.at[index, 1]),
        )


class Direction(StrEnum):
    """What to do where a step begins."""

    DEPART = "depart"
    HARD_LEFT = "hard_left"
    LEFT = "left"
    SLIGHTLY_LEFT = "slightly_left"
    CONTINUE = "continue"
    SLIGHTLY_RIGHT = "slightly_right"
    RIGHT = "right"
    HARD_RIGHT = "hard_right"
    CIRCLE_CLOCKWISE = "circle_clockwise"
    CIRCLE_COUNTERCLOCKWISE = "circle_counterclockwise"
    STAIRS = "stairs"
    ELEVATOR = "elevator"
    UTURN_LEFT = "uturn_left"
    UTURN_RIGHT = "uturn_right"


class Step(NamedTuple):
    """A part of a way along one street."""

    name: str
    """Of the street; empty when it has none."""
    metres: float
    direction: Direction
    bearing: int
    """Degrees clockwise from north in which the step begins."""
    cls: str
    """The highway value."""
    points: NDArray[np.float64]
    """float64[n, 2], lon and lat."""


class Path(NamedTuple):
    """A way from one place on the streets to another."""

    points: NDArray[np.float64]
    """float64[n, 2], lon and lat, from street to street."""
    metres: float
    """Along the streets, and from and to them."""
    seconds: float
    steps: tuple[Step, ...]
    edges: NDArray[np.int32]
    """int32[n], edges gone along for more than a step, in order."""
    arcs: NDArray[np.int32]
    """int32[n], arcs gone along, in order."""
    ends: tuple[float, float]
    """Share of the first arc at which one enters it, and of the last at which one leaves it."""


class Reach(NamedTuple):
    """Everything within a time of a place."""

    graph: StreetGraph
    profile: Profile
    origin: Snap
    backward: bool
    """True: the times are those of going to the origin."""
    limit: float
    """Seconds."""
    pace: float
    """What the seconds of the graph are multiplied by: usual speed over speed."""
    node: NDArray[np.int32]
    """int32[n], nodes reached, ascending."""
    seconds: NDArray[np.float32]
    """float32[n], from the origin to the node (or back), from and to the street included."""
    parent: NDArray[np.int32]
    """int32[n], the arc before the node (after it, when backward), -1 beside the origin."""


class Rolled(NamedTuple):
    """Everything within a time of a place for those who keep turn restrictions."""

    graph: StreetGraph
    profile: Profile
    origin: Snap
    backward: bool
    """True: the times are those of going to the origin."""
    limit: float
    """Seconds."""
    arc: NDArray[np.int32]
    """int32[n], arcs reached, ascending."""
    weight: NDArray[np.float32]
    """float32[n], from the origin to the arc's head (from its tail to the origin, when backward), with what entering
    streets of residents counts."""
    seconds: NDArray[np.float32]
    """float32[n], the same without that."""
    parent: NDArray[np.int32]
    """int32[n], the arc before (after, when backward), -1 beside the origin."""
    again: NDArray[np.float32]
    """float32[2], the weight at which the origin's own edge is entered anew, along and against it."""
    again_from: NDArray[np.int32]
    """int32[2], the arc before (after) that, -1 when it is not."""


class Spread(NamedTuple):
    """Everything within a time of several places, each of which has a time of its own to begin with."""

    graph: StreetGraph
    profile: Profile
    seeds: Snaps
    begin: NDArray[np.float32]
    """float32[n_seeds], seconds at which (until which, when backward) one is at the seed's street."""
    backward: bool
    limit: float
    """Seconds."""
    node: NDArray[np.int32]
    """int32[n], nodes reached, ascending."""
    seconds: NDArray[np.float32]
    """float32[n]."""
    parent: NDArray[np.int32]
    """int32[n], as of `Reach`."""


class _Pool:
    """Scratch arrays that are not in use, of nodes or of arcs."""

    def __init__(self) -> None:
        self._free: deque[Scratch] = deque()

    @contextmanager
    def borrow(self, size: int) -> Iterator[Scratch]:
        """Lend arrays for at least so many; they come back with `best` infinite again, or are thrown away."""
        try:
            scratch = self._free.pop()
        except IndexError:
            scratch = None
        if scratch is None or len(scratch.best) < size:
            scratch = Scratch(
                np.full(size, np.inf, np.float32),
                np.empty(size, np.int32),
                np.empty(size, np.int32),
                np.empty(size, np.float32),
                np.empty(size, np.int32),
                np.empty(size, np.int32),
            )
        yield scratch
        self._free.append(scratch)


_nodes, _arcs = _Pool(), _Pool()


def snap(
    graph: StreetGraph,
    points: NDArray[np.float64] | Sequence[tuple[float, float]],
    profile: Profile,
    limit: float = SNAP_METRES,
) -> Snaps:
    """Find the nearest street of each point.

    Parameters
    ----------
    points : float64[n, 2], lon and lat
    limit : float
        Metres; a street of a large connected part within it wins over any nearer street of an island.
    """
    where = np.asarray(points, np.float64).reshape(-1, 2)
    n = len(where)
    found = Snaps(np.empty(n, np.int32), np.empty(n, np.float32), np.empty(n, np.float32), np.empty((n, 2)))
    lon, lat = np.ascontiguousarray(where[:, 0]), np.ascontiguousarray(where[:, 1])
    snap_points(
        graph.shapes, graph.grid, graph.cost(profile), graph.solid, int(profile), lon, lat, float(limit), *found
    )
    return found


def reach(
    graph: StreetGraph,
    origin: Snap,
    profile: Profile,
    limit_seconds: float,
    *,
    backward: bool = False,
    speed: float = WALK_SPEED,
) -> Reach:
    """Find every node within a time of a place, or from which the place is within that time.

    Parameters
    ----------
    backward : bool
        True for times to the place instead of from it.
    speed : float
        Metres per second of walking; other profiles have speeds of their own.
    """
    pace = WALK_SPEED / speed if profile.walks else 1.0
    cost = graph.cost(profile)
    ahead, behind = 2 * origin.edge, 2 * origin.edge + 1
    if backward:
        ahead, behind = behind, ahead
    starts = np.array([graph.edge_from[origin.edge], graph.edge_to[origin.edge]], np.int32)
    seconds = np.array(
        [_part(cost[behind], origin.fraction), _part(cost[ahead], 1 - origin.fraction)], np.float32
    ) + np.float32(origin.metres / WALK_SPEED)
    with _nodes.borrow(len(graph.node_osm)) as scratch:
        n = reach_nodes(
            graph.net, cost, int(profile), starts, seconds, float(limit_seconds / pace), int(backward), scratch
        )
        node = np.sort(scratch.order[:n])
        best, parent = scratch.best[node], scratch.parent[node]
        scratch.best[node] = np.inf
    return Reach(graph, profile, origin, backward, limit_seconds, pace, node, best * np.float32(pace), parent)


def _part(cost: float, share: float) -> float:
    """Seconds for a share of an arc; nothing for none of it, also where one may not go."""
    return float(share * cost) if share > 0 else 0.0


def stop_seconds(found: Reach, stops: Snaps) -> NDArray[np.int32]:
    """Return the seconds from (to, when backward) the origin of each stop, rounded up; -1 beyond the limit.

    Parameters
    ----------
    stops : Snaps
        Of the same graph and profile.
    """
    seconds = _seconds_to(found, stops)[0]
    return np.where(seconds <= found.limit, np.ceil(seconds - 1e-3), -1).astype(np.int32)


def _seconds_to(found: Reach, stops: Snaps) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return seconds, infinite if not reached, and how: 0 over the edge's first node, 1 its last, 2 straight along."""
    graph, cost = found.graph, found.graph.cost(found.profile)
    edge = np.maximum(stops.edge, 0)
    share = stops.fraction.astype(np.float64)
    along, against = cost[2 * edge].astype(np.float64), cost[2 * edge + 1].astype(np.float64)
    if found.backward:
        along, against = against, along
    with np.errstate(invalid="ignore"):
        ahead = np.where(share > 0, share * along, 0.0)
        back = np.where(share < 1, (1 - share) * against, 0.0)
        distance = share - found.origin.fraction
        beside = np.where(distance >= 0, distance * along, -distance * against)
    beside = np.where(distance == 0, 0.0, beside)
    beside += found.origin.metres / WALK_SPEED
    ways = np.stack(
        [
            _node_seconds(found, graph.edge_from[edge]) + ahead * found.pace,
            _node_seconds(found, graph.edge_to[edge]) + back * found.pace,
            np.where(stops.edge == found.origin.edge, beside * found.pace, np.inf),
        ]
    )
    best = ways.argmin(axis=0)
    seconds = ways[best, np.arange(len(edge))] + stops.metres / WALK_SPEED * found.pace
    return np.where(stops.edge >= 0, seconds, np.inf), best.astype(np.int8)


def _node_seconds(found: Reach | Spread, nodes: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the seconds to nodes that were reached and may be passed, else infinity."""
    if len(found.node) == 0:
        return np.full(len(nodes), np.inf)
    at = np.minimum(np.searchsorted(found.node, nodes), len(found.node) - 1)
    passable = (found.graph.net.passable[nodes] & int(found.profile) != 0) | (found.parent[at] < 0)
    return np.where((found.node[at] == nodes) & passable, found.seconds[at], np.inf).astype(np.float64)


def path(found: Reach, target: Snap) -> Path | None:
    """Return the way between the origin and a place, in the direction of travel; None beyond the limit."""
    seconds, how = _seconds_to(found, _alone(target))
    if not seconds[0] <= found.limit:
        return None
    pieces = _follow(found, target, int(how[0]))
    ends = (target, found.origin) if found.backward else (found.origin, target)
    return _describe(found.graph, pieces, ends, float(seconds[0]))


def spread(
    graph: StreetGraph,
    seeds: Snaps,
    seconds: NDArray[np.float32],
    profile: Profile,
    limit_seconds: float,
    *,
    backward: bool = False,
) -> Spread:
    """Find every node within a time of the nearest of several places.

    Parameters
    ----------
    seeds : Snaps
        Of this graph and profile, each on a street.
    seconds : float32[n]
        What it costs to be at each; the limit counts from 0. The metres to the street are walked on top.
    """
    cost = graph.cost(profile)
    begin = (seconds + seeds.metres / np.float32(WALK_SPEED)).astype(np.float32)
    starts, first = _seed_nodes(graph, cost, seeds, begin, backward=backward)
    with _nodes.borrow(len(graph.node_osm)) as scratch:
        n = reach_nodes(graph.net, cost, int(profile), starts, first, float(limit_seconds), int(backward), scratch)
        node = np.sort(scratch.order[:n])
        best, parent = scratch.best[node], scratch.parent[node]
        scratch.best[node] = np.inf
    return Spread(graph, profile, seeds, begin, backward, limit_seconds, node, best, parent)


def _seed_nodes(
    graph: StreetGraph, cost: NDArray[np.float32], seeds: Snaps, begin: NDArray[np.float32], *, backward: bool
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return both nodes of each seed's edge, and the seconds at which they are reached from it."""
    along, against = cost[2 * seeds.edge], cost[2 * seeds.edge + 1]
    if backward:
        along, against = against, along
    with np.errstate(invalid="ignore"):
        to_first = np.where(seeds.fraction > 0, seeds.fraction * against, 0.0)
        to_last = np.where(seeds.fraction < 1, (1 - seeds.fraction) * along, 0.0)
    nodes = np.concatenate([graph.edge_from[seeds.edge], graph.edge_to[seeds.edge]])
    return nodes.astype(np.int32), np.concatenate([begin + to_first, begin + to_last]).astype(np.float32)


def spread_seconds(found: Spread, stops: Snaps) -> NDArray[np.int32]:
    """Return the seconds to (from, when backward) each stop from the best seed, rounded up; -1 beyond the limit."""
    seconds = np.minimum(_over_nodes(found, stops).min(axis=0), _along_edge(found, stops)[0])
    seconds += stops.metres / WALK_SPEED
    return np.where((stops.edge >= 0) & (seconds <= found.limit), np.ceil(seconds - 1e-3), -1).astype(np.int32)


def find_seeds(found: Spread, stops: Snaps) -> NDArray[np.int32]:
    """Return the seed from which each stop is reached first; int32[n], -1 where it is not reached."""
    graph = found.graph
    over = _over_nodes(found, stops)
    beside, seed = _along_edge(found, stops)
    best = over.min(axis=0)
    node = np.where(over[0] <= over[1], graph.edge_from[stops.edge], graph.edge_to[stops.edge])
    roots = _find_roots(found)
    starts, first = _seed_nodes(graph, graph.cost(found.profile), found.seeds, found.begin, backward=found.backward)
    order = np.lexsort((first, starts))
    kept = order[np.unique(starts[order], return_index=True)[1]]
    if len(found.node):
        root = roots[np.minimum(np.searchsorted(found.node, node), len(roots) - 1)]
        at = np.minimum(np.searchsorted(starts[kept], root), len(kept) - 1)
        seed = np.where(beside <= best, seed, kept[at] % len(found.begin))
    return np.where((stops.edge >= 0) & np.isfinite(np.minimum(best, beside)), seed, -1).astype(np.int32)


def _find_roots(found: Spread) -> NDArray[np.int32]:
    """Return the node beside a seed from which each node was reached; int32[n_reached]."""
    back = found.graph.net.head[found.parent if found.backward else found.parent ^ 1]
    before = np.where(found.parent < 0, np.arange(len(found.node)), np.searchsorted(found.node, back))
    while True:  # each round doubles how far is looked back
        further = before[before]
        if np.array_equal(further, before):
            return found.node[before]
        before = further


def _over_nodes(found: Spread, stops: Snaps) -> NDArray[np.float64]:
    """Return the seconds to stops over the first and over the last node of their edge; float64[2, n]."""
    graph, cost = found.graph, found.graph.cost(found.profile)
    edge, share = np.maximum(stops.edge, 0), stops.fraction.astype(np.float64)
    along, against = cost[2 * edge].astype(np.float64), cost[2 * edge + 1].astype(np.float64)
    if found.backward:
        along, against = against, along
    with np.errstate(invalid="ignore"):
        ahead = np.where(share > 0, share * along, 0.0)
        back = np.where(share < 1, (1 - share) * against, 0.0)
    return np.stack(
        [_node_seconds(found, graph.edge_from[edge]) + ahead, _node_seconds(found, graph.edge_to[edge]) + back]
    )


def _along_edge(found: Spread, stops: Snaps) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Return the seconds to stops from a seed on the same edge, infinite where there is none, and that seed."""
    cost, seeds = found.graph.cost(found.profile), found.seeds
    seconds, best = np.full(len(stops.edge), np.inf), np.full(len(stops.edge), -1, np.int32)
    for stop in np.flatnonzero(np.isin(stops.edge, seeds.edge) & (stops.edge >= 0)).tolist():
        for seed in np.flatnonzero(seeds.edge == stops.edge[stop]).tolist():
            here, there = float(seeds.fraction[seed]), float(stops.fraction[stop])
            if found.backward:
                here, there = there, here
            edge = 2 * int(seeds.edge[seed])
            value = float(found.begin[seed]) + _part(cost[edge + (there < here)], abs(there - here))
            if value < seconds[stop]:
                seconds[stop], best[stop] = value, seed
    return seconds, best


def _alone(place: Snap) -> Snaps:
    return Snaps(
        np.array([place.edge], np.int32),
        np.array([place.fraction], np.float32),
        np.array([place.metres], np.float32),
        np.array([[place.lon, place.lat]]),
    )


def roll(graph: StreetGraph, origin: Snap, profile: Profile, limit_seconds: float, *, backward: bool = False) -> Rolled:
    """Find every arc within a time of a place by bicycle or car, or from which the place is within that time."""
    cost = graph.cost(profile)
    entry = DESTINATION_SECONDS if profile is Profile.CAR else 0.0
    again, again_from = np.empty(2, np.float32), np.empty(2, np.int32)
    with _arcs.borrow(len(graph.net.arc)) as scratch:
        n = reach_arcs(
            graph.net, graph.bans, cost, graph.edge_flags, entry, int(profile), origin.edge, origin.fraction,
            float(limit_seconds), int(backward), scratch, again, again_from,
        )  # fmt: skip
        arc = np.sort(scratch.order[:n])
        weight, seconds, parent = scratch.best[arc], scratch.key[arc], scratch.parent[arc]
        scratch.best[arc] = np.inf
    return Rolled(graph, profile, origin, backward, limit_seconds, arc, weight, seconds, parent, again, again_from)


def roll_seconds(found: Rolled, stops: Snaps) -> NDArray[np.int32]:
    """Return the seconds from (to, when backward) the origin of each stop, rounded up; -1 beyond the limit."""
    seconds = _rolled(found, stops)[0]
    return np.where(seconds <= found.limit, np.ceil(seconds - 1e-3), -1).astype(np.int32)


def _rolled(found: Rolled, stops: Snaps) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return seconds, infinite if not reached, and how.

    0 on the arc along the edge, 1 on that against it, 2 and 3 likewise onto the origin's edge anew, 4 straight along
    the origin's edge.
    """
    cost = found.graph.cost(found.profile)
    edge, share = np.maximum(stops.edge, 0), stops.fraction.astype(np.float64)
    own = stops.edge == found.origin.edge
    weights, times = [], []
    for side in range(2):
        arc = 2 * edge + side
        done = share if side == 0 else 1 - share
        left = _shares(cost[arc], done if found.backward else 1 - done)
        weight, seconds = _arc_values(found, arc)
        with np.errstate(invalid="ignore"):
            weights.append(np.where(own | ~np.isfinite(weight), np.inf, weight - left))
            times.append(seconds - left)
    for side in range(2):
        done = share if side == 0 else 1 - share
        gone = _shares(cost[2 * edge + side], 1 - done if found.backward else done)
        before = _arc_values(found, found.again_from[side : side + 1])[1][0]
        weights.append(np.where(own, float(found.again[side]) + gone, np.inf))
        times.append(before + gone)
    ahead = (found.origin.fraction - share) * (1 if found.backward else -1)
    beside = np.where(ahead >= 0, _shares(cost[2 * edge], ahead), _shares(cost[2 * edge + 1], -ahead))
    weights.append(np.where(own, beside, np.inf))
    times.append(beside)
    best = np.stack(weights).argmin(axis=0)
    index = np.arange(len(edge))
    seconds = np.stack(times)[best, index] + (found.origin.metres + stops.metres) / WALK_SPEED
    reached = (stops.edge >= 0) & np.isfinite(np.stack(weights)[best, index])
    return np.where(reached, seconds, np.inf), best.astype(np.int8)


def _shares(cost: NDArray[np.float32], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds for shares of arcs; nothing for none of it, also where one may not go."""
    with np.errstate(invalid="ignore"):
        return np.where(share > 0, share * cost, 0.0)


def _arc_values(found: Rolled, arcs: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weight and seconds of arcs that were reached, else infinity."""
    if len(found.arc) == 0:
        return np.full(len(arcs), np.inf), np.full(len(arcs), np.inf)
    at = np.minimum(np.searchsorted(found.arc, arcs), len(found.arc) - 1)
    reached = found.arc[at] == arcs
    return np.where(reached, found.weight[at], np.inf), np.where(reached, found.seconds[at], np.inf)


def roll_path(found: Rolled, target: Snap) -> Path | None:
    """Return the way between the origin and a place, in the direction of travel; None beyond the limit."""
    seconds, how = _rolled(found, _alone(target))
    if not seconds[0] <= found.limit:
        return None
    start, end = (target, found.origin) if found.backward else (found.origin, target)
    side = int(how[0])
    if side == 4:  # noqa: PLR2004  straight along the edge
        pieces = [_between_shares(target.edge, start.fraction, end.fraction)]
    else:
        arcs = [2 * target.edge + side % 2]
        before = int(found.again_from[side - 2]) if side > 1 else _find_parent(found, arcs[0])
        while before >= 0:
            arcs.append(before)
            before = _find_parent(found, before)
        if not found.backward:
            arcs.reverse()
        pieces = [Piece(arc, 0.0, 1.0) for arc in arcs]
        pieces[0] = pieces[0]._replace(begin=start.fraction if arcs[0] % 2 == 0 else 1 - start.fraction)
        pieces[-1] = pieces[-1]._replace(end=end.fraction if arcs[-1] % 2 == 0 else 1 - end.fraction)
    return _describe(found.graph, pieces, (start, end), float(seconds[0]))


def _find_parent(found: Rolled, arc: int) -> int:
    return int(found.parent[np.searchsorted(found.arc, arc)])


class Piece(NamedTuple):
    """A part of an arc, by shares of it in its own direction."""

    arc: int
    begin: float
    end: float


def _follow(found: Reach, target: Snap, how: int) -> list[Piece]:
    """Follow parents from the target to the origin; pieces in the direction of travel."""
    graph, origin = found.graph, found.origin
    start, end = (target, origin) if found.backward else (origin, target)
    if how == 2:  # noqa: PLR2004  straight along the edge
        return [_between_shares(target.edge, start.fraction, end.fraction)]
    node = int((graph.edge_from if how == 0 else graph.edge_to)[target.edge])
    at_target = _tip(target, first=how == 0, leaving=found.backward)
    middle: list[Piece] = []
    while True:
        at = int(np.searchsorted(found.node, node))
        arc = int(found.parent[at])
        if arc < 0:
            break
        middle.append(Piece(arc, 0.0, 1.0))
        node = int(graph.net.head[arc if found.backward else arc ^ 1])
    cost = graph.cost(found.profile)
    first = node == graph.edge_from[origin.edge]
    if first and node == graph.edge_to[origin.edge]:  # a loop: the cheaper way round
        ahead, behind = 2 * origin.edge, 2 * origin.edge + 1
        if found.backward:
            ahead, behind = behind, ahead
        first = _part(cost[behind], origin.fraction) <= _part(cost[ahead], 1 - origin.fraction)
    at_origin = _tip(origin, first=bool(first), leaving=not found.backward)
    if found.backward:
        return [at_target, *middle, at_origin]
    return [at_origin, *reversed(middle), at_target]


def _tip(place: Snap, *, first: bool, leaving: bool) -> Piece:
    """Return the piece of an edge between a place on it and its first or last node, left or arrived at."""
    if leaving:
        return (
            Piece(2 * place.edge + 1, 1 - place.fraction, 1.0) if first else Piece(2 * place.edge, place.fraction, 1.0)
        )
    return Piece(2 * place.edge, 0.0, place.fraction) if first else Piece(2 * place.edge + 1, 0.0, 1 - place.fraction)


def _between_shares(edge: int, start: float, end: float) -> Piece:
    return Piece(2 * edge, start, end) if end >= start else Piece(2 * edge + 1, 1 - start, 1 - end)


def between(
    graph: StreetGraph,
    start: Snap,
    end: Snap,
    profile: Profile,
    *,
    speed: float = WALK_SPEED,
    limit_seconds: float = PATIENCE,
) -> Path | None:
    """Find the quickest way from door to door; for bicycles and cars turn restrictions are kept.

    Returns
    -------
    Path or None
        None when there is no way, or none within the limit.
    """
    pace = WALK_SPEED / speed if profile.walks else 1.0
    found = _search(graph, start, end, profile, limit_seconds / pace)
    if found is None:
        return None
    pieces, seconds = found
    walked = (start.metres + end.metres) / WALK_SPEED
    return _describe(graph, pieces, (start, end), (seconds + walked) * pace)


def course(
    graph: StreetGraph, start: Snap, end: Snap, profile: Profile, limit_seconds: float
) -> NDArray[np.float64] | None:
    """Draw the quickest way, without describing it: float64[n, 2], lon and lat; None when there is none in time."""
    found = _search(graph, start, end, profile, limit_seconds)
    if found is None:
        return None
    points = _draw(graph, found[0])[0]
    return np.asarray(points[_is_new(points)])


def _search(
    graph: StreetGraph, start: Snap, end: Snap, profile: Profile, limit_seconds: float
) -> tuple[list[Piece], float] | None:
    """Find the pieces of the quickest way, and the seconds on them."""
    cost = graph.cost(profile)
    bans = NO_BANS._replace(nodes=graph.bans.nodes) if profile.walks else graph.bans
    index = list(Profile).index(profile)
    entry = DESTINATION_SECONDS if profile is Profile.CAR else 0.0
    ends = Ends(start.edge, start.fraction, end.edge, end.fraction, end.lon, end.lat)
    with _arcs.borrow(len(graph.net.arc)) as scratch:
        touched, last, arrival = search_arcs(
            graph.net, graph.points, bans, cost, graph.edge_flags, entry, int(profile), ends,
            float(graph.fastest[index]), float(limit_seconds), scratch,
        )  # fmt: skip
        arcs = []
        while last >= 0:
            arcs.append(last)
            last = int(scratch.parent[last])
        scratch.best[scratch.order[:touched]] = np.inf
    if last == -2 and not arcs:  # noqa: PLR2004
        return None
    pieces = [Piece(arc, 0.0, 1.0) for arc in reversed(arcs)]
    if not pieces:
        pieces = [_between_shares(start.edge, start.fraction, end.fraction)]
    else:
        pieces[0] = pieces[0]._replace(begin=start.fraction if pieces[0].arc % 2 == 0 else 1 - start.fraction)
        pieces.append(Piece(arrival, 0.0, end.fraction if arrival % 2 == 0 else 1 - end.fraction))
    return pieces, sum(_part(cost[arc], b - a) for arc, a, b in pieces)


NO_BANS: Bans = frozen(Bans(np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint8)))
"""On foot one turns where one likes."""


def footpaths(
    graph: StreetGraph,
    stops: Snaps,
    limit_seconds: float,
    *,
    speed: float = WALK_SPEED,
    profile: Profile = Profile.FOOT,
    threads: int | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Walk from every stop to every other one within a limit.

    Parameters
    ----------
    stops : Snaps
        Of this graph and profile; the metres from stop to street count at both ends.
    limit_seconds : float
    profile : Profile
        One that walks.

    Returns
    -------
    first, target, seconds : int32[n_stops + 1], int32[n_walks], int32[n_walks]
        Walks from stop `s` are rows ``first[s]:first[s + 1]``, by target; seconds rounded up. No stop walks to itself.
    """
    return _walk(
        graph, stops, len(stops.edge), limit_seconds, pace=WALK_SPEED / speed, profile=profile, threads=threads
    )


def walks_from(
    graph: StreetGraph, places: Snaps, stops: Snaps, limit_seconds: float, profile: Profile = Profile.FOOT
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Walk from every place to the stops within a limit; parameters and result as for `footpaths`."""
    n_places = len(places.edge)
    both = Snaps(
        np.concatenate([places.edge, stops.edge]),
        np.concatenate([places.fraction, stops.fraction]),
        np.concatenate([places.metres, stops.metres]),
        np.concatenate([places.at, stops.at]),
    )
    first, target, seconds = _walk(graph, both, n_places, limit_seconds, pace=1.0, profile=profile, threads=None)
    kept = target >= n_places
    first = np.concatenate([[0], np.cumsum(kept)])[first].astype(np.int32)
    return first, target[kept] - np.int32(n_places), seconds[kept]


def _walk(
    graph: StreetGraph,
    stops: Snaps,
    n_origins: int,
    limit_seconds: float,
    *,
    pace: float,
    profile: Profile,
    threads: int | None,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Walk from the first stops to all of them."""
    n_stops, n_edges = len(stops.edge), len(graph.edge_way)
    on = np.flatnonzero(stops.edge >= 0)
    edge_stop = on[np.argsort(stops.edge[on], kind="stable")].astype(np.int32)
    edge_first = np.concatenate([[0], np.cumsum(np.bincount(stops.edge[on], minlength=n_edges))]).astype(np.int32)
    extra = np.where(stops.edge >= 0, stops.metres / np.float32(WALK_SPEED), 0).astype(np.float32)
    edge, fraction, extra, edge_first, edge_stop = frozen((stops.edge, stops.fraction, extra, edge_first, edge_stop))
    counts = np.zeros(n_stops, np.int32)
    threads = threads or len(os.sched_getaffinity(0))
    bounds = np.linspace(0, n_origins, 4 * threads + 1).astype(int).tolist()

    def walk(begin: int, end: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        nearest = np.full(n_stops, np.inf, np.float32)
        limit = float(limit_seconds / pace)
        with _nodes.borrow(len(graph.node_osm)) as scratch:
            return walk_between_stops(
                graph.net, graph.cost(profile), int(profile), edge, fraction, extra, edge_first, edge_stop, begin, end,
                limit, scratch, nearest, counts,
            )  # fmt: skip

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(walk, bounds[:-1], bounds[1:]))
    target = np.concatenate([part[0] for part in parts])
    seconds = np.ceil(np.concatenate([part[1] for part in parts]) * pace - 1e-3).astype(np.int32)
    first = np.concatenate([[0], np.cumsum(counts[:n_origins])]).astype(np.int32)
    source = np.repeat(np.arange(n_origins), counts[:n_origins])
    order = np.lexsort((target, source))
    return first, target[order], seconds[order]


# ------------------------------------------------------------------------------------------------------ words of a way

SLIGHT, TURN, HARD, UTURN = 20.0, 50.0, 115.0, 165.0
"""Degrees from which a bend is slight, a turn, a hard turn, a turn back."""

STEP_METRES = 0.5


def _describe(graph: StreetGraph, pieces: list[Piece], ends: tuple[Snap, Snap], seconds: float) -> Path:
    """Draw a way and divide it into steps, one per street."""
    kept = [piece for piece in pieces if piece.end > piece.begin] or pieces[:1]
    arcs = np.array([piece.arc for piece in kept], np.int32)
    edge = arcs >> 1
    points, bounds = _draw(graph, kept)
    places: Places = points.tolist()
    new = _is_new(points)
    lengths = graph.edge_metres[edge] * np.array([one.end - one.begin for one in kept])
    flags = graph.edge_flags[edge]
    steps: list[Step] = []
    begin, bent = 0, False  # of the step before: its first point, and whether it has more than one
    for first, last in _divide(graph, kept, (places, bounds), flags):
        a, b = bounds[first], bounds[last]
        line = points[a:b][np.concatenate([[True], new[a + 1 : b]])]
        at, moves = int(edge[first]), len(line) > 1
        straight = Direction.CONTINUE if steps else Direction.DEPART
        steps.append(
            Step(
                graph.names.at(int(graph.edge_name[at])),
                float(lengths[first:last].sum()),
                _special(int(flags[first]))
                or (_direction(places, (begin, a, b), int(flags[first])) if bent and moves else straight),
                round(bearing(places[a], _ahead(places, a, b))) % 360,
                graph.classes.at(int(graph.edge_class[at])),
                line,
            )
        )
        begin, bent = a, moves
    metres = float(lengths.sum()) + ends[0].metres + ends[1].metres
    return Path(
        points[new], metres, seconds, tuple(steps), edge[lengths >= STEP_METRES], arcs, (kept[0].begin, kept[-1].end)
    )


LIFT, STEPS, ROUNDABOUT = int(Flag.LIFT), int(Flag.STEPS), int(Flag.ROUNDABOUT)
SPECIAL = LIFT | STEPS | ROUNDABOUT | int(Flag.FERRY)
"""What makes a step of its own of a part of a street."""


Places = list[list[float]]
"""Points of a line, lon and lat; a list, since one of them is looked at at a time."""


def _divide(
    graph: StreetGraph,
    pieces: list[Piece],
    drawn: tuple[Places, list[int]],
    flags: NDArray[np.uint8],
) -> list[tuple[int, int]]:
    """Divide pieces into steps, first and last (exclusive): one per street, and where one must turn within it."""
    arcs = np.array([piece.arc for piece in pieces])
    name, cls = graph.edge_name[arcs >> 1], graph.edge_class[arcs >> 1]
    special = flags & SPECIAL
    new = (name[1:] != name[:-1]) | (special[1:] != special[:-1])
    new |= (name[1:] == 0) & (cls[1:] != cls[:-1])
    node = graph.net.head[arcs[:-1]]
    forks = ~new & (graph.net.first[node + 1] - graph.net.first[node] > 2)  # noqa: PLR2004  no more than the way itself
    places, bounds = drawn
    for i in np.flatnonzero(forks).tolist():
        new[i] = abs(_turn(places, *bounds[i : i + 3])) >= TURN
    starts = [0, *(np.flatnonzero(new) + 1).tolist()]
    return list(zip(starts, [*starts[1:], len(pieces)], strict=True))


def _draw(graph: StreetGraph, pieces: list[Piece]) -> tuple[NDArray[np.float64], list[int]]:
    """Return the course of the pieces, float64[n, 2], and where in it each begins, the end included."""
    arc = np.array([piece.arc for piece in pieces])
    begin, end = graph.shapes.first[arc >> 1].astype(np.int64), graph.shapes.first[(arc >> 1) + 1].astype(np.int64)
    bounds = np.concatenate([[0], np.cumsum(end - begin)])
    size = np.diff(bounds)
    ahead = arc & 1 == 0
    row = np.repeat(np.where(ahead, begin, end - 1), size)
    row += (np.arange(bounds[-1]) - np.repeat(bounds[:-1], size)) * np.repeat(np.where(ahead, 1, -1), size)
    points = np.stack([graph.shapes.lon[row], graph.shapes.lat[row]], axis=1) * UNIT
    if all(piece.begin <= 0 and piece.end >= 1 for piece in pieces):
        return points, bounds.tolist()
    lines = [
        points[a:b] if one.begin <= 0 and one.end >= 1 else _cut(points[a:b], one.begin, one.end)
        for one, a, b in zip(pieces, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
    return np.concatenate(lines), [0, *accumulate(len(line) for line in lines)]


def _cut(points: NDArray[np.float64], begin: float, end: float) -> NDArray[np.float64]:
    """Return the part of a line between two shares of its length."""
    flat = points * [np.cos(np.radians(points[0, 1])), 1.0]
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(flat, axis=0).T))])
    marks = np.array([begin, end]) * along[-1]
    cut = np.stack([np.interp(marks, along, points[:, axis]) for axis in range(2)], axis=1)
    inside = points[(along > marks[0]) & (along < marks[1])]
    return np.concatenate([cut[:1], inside, cut[1:]])


def _is_new(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which points of a line are not those before them once more."""
    new = np.ones(len(points), bool)
    new[1:] = np.abs(np.diff(points, axis=0)).max(axis=1) > UNIT / 10
    return new


def bearing(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the direction from one point to a near one, degrees clockwise from north."""
    x = (b[0] - a[0]) * math.cos(math.radians((a[1] + b[1]) / 2))
    return math.degrees(math.atan2(x, b[1] - a[1])) % 360.0


LOOK_METRES = 15.0
"""A bend is judged over this length, not over the first centimetres of a kerb."""


def _ahead(places: Places, first: int, end: int) -> list[float]:
    """Return the point that lies a little ahead of one, before the end (which may lie behind: backwards)."""
    x, y = places[first]
    stretch = math.cos(math.radians(y))
    step = 1 if end > first else -1
    for i in range(first, end, step):
        point = places[i]
        if math.hypot((point[0] - x) * stretch, point[1] - y) * 111_195.0 >= LOOK_METRES:
            return point
    return places[end - step]


def _turn(places: Places, before: int, here: int, end: int) -> float:
    """Return the turn between two parts of a line that follow each other, degrees, to the right, within ±180."""
    arriving = bearing(_ahead(places, here - 1, before - 1), places[here - 1])
    return (bearing(places[here], _ahead(places, here, end)) - arriving + 180.0) % 360.0 - 180.0


def _special(flags: int) -> Direction | None:
    """Return what to do where the kind of street says it."""
    if flags & LIFT:
        return Direction.ELEVATOR
    if flags & STEPS:
        return Direction.STAIRS
    return None


def _direction(places: Places, bounds: tuple[int, int, int], flags: int) -> Direction:
    """Return which way to turn between two parts of a line: begin of the first, of the second, and its end."""
    _, here, end = bounds
    if flags & ROUNDABOUT:
        entry, middle, leaving = places[here], places[(here + end) // 2], places[end - 1]
        left = (bearing(entry, leaving) - bearing(entry, middle)) % 360.0 > 180.0  # noqa: PLR2004
        return Direction.CIRCLE_COUNTERCLOCKWISE if left else Direction.CIRCLE_CLOCKWISE
    angle = _turn(places, *bounds)
    size = abs(angle)
    if size < SLIGHT:
        return Direction.CONTINUE
    names = ("slightly_", "", "hard_", "uturn_")
    side = "right" if angle > 0 else "left"
    return Direction(names[sum(size >= bound for bound in (TURN, HARD, UTURN))] + side)


def one_street() -> StreetGraph:
    """Return the graph of a single street, to compile kernels on."""
    return build_graph(
        Streets(
            node_id=np.array([0, 1]),
            node_osm=np.array([1, 2]),
            node_lon=np.array([0.0, 0.01]),
            node_lat=np.array([0.0, 0.0]),
            node_passable=np.array([15, 15], np.uint8),
            edge_way=np.array([1]),
            edge_from=np.array([0]),
            edge_to=np.array([1]),
            edge_metres=np.array([1112.0], np.float32),
            edge_class=["residential"],
            edge_name=np.array([0], np.int32),
            edge_directions=np.array([[3, 3, 3, 3]], np.uint8),
            edge_kmh=np.array([[30.0, 30.0]], np.float32),
            edge_seconds=np.array([np.nan], np.float32),
            edge_flags=np.array([0], np.uint8),
            edge_wheelchair=np.array([0], np.uint8),
            shape_first=np.array([0, 2]),
            shape_points=np.array([[0.0, 0.0], [0.01, 0.0]]),
            names=[""],
            restrictions=[],
        )
    )


def warm() -> None:
    """Compile every kernel of this module on a graph of one street, or load them from the cache."""
    graph = one_street()
    stops = snap(graph, [(0.002, 0.0), (0.008, 0.0)], Profile.FOOT)
    a, b = stops.one(0), stops.one(1)
    assert a is not None
    assert b is not None
    stop_seconds(reach(graph, a, Profile.FOOT, 600.0), stops)
    between(graph, a, b, Profile.CAR)
    roll_seconds(roll(graph, a, Profile.CAR, 600.0), stops)
    footpaths(graph, stops, 600.0, threads=1)
