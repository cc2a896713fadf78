"""The hierarchy of ways by car over a street graph: built once with the network, then only read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.hierarchy import (
    FAR,
    UNIT,
    Hierarchy,
    Upward,
    Web,
    Weights,
    customize,
    dissect,
    eliminate,
    list_turns,
)
from mobigo.street.graph import Profile, StreetGraph, frozen
from mobigo.street.routing import DESTINATION_SECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENTRY = round(DESTINATION_SECONDS * UNIT)
"""Weight of entering streets of residents."""


def build_hierarchy(graph: StreetGraph) -> Hierarchy:
    """Build the hierarchy of the ways by car; every array of it is read-only.

    It takes some seconds for a region, and no memory worth speaking of beside the graph.
    """
    n_arcs = len(graph.net.arc)
    usable = np.isfinite(graph.car) & (graph.car < FAR / UNIT)
    number = _rank_arcs(graph, usable)
    n_nodes = int(number.max(initial=-1)) + 1
    cost = np.where(usable, graph.car, np.float32(np.inf))
    first, nothing = np.zeros(n_arcs + 1, np.int32), np.zeros(0, np.int32)
    known = graph.net, graph.bans, frozen(cost), graph.edge_flags, int(Profile.CAR), first
    list_turns(*known, nothing, np.zeros(0, np.uint8))
    after, entry = np.empty(first[-1], np.int32), np.empty(first[-1], np.uint8)
    list_turns(*known, after, entry)
    a, b = np.repeat(number, np.diff(first)), number[after]
    weight = np.rint(cost[after].astype(np.float64) * UNIT).astype(np.int64) + entry.astype(np.int64) * ENTRY
    decimetres = np.rint(graph.edge_metres[after >> 1] * 10).astype(np.int32)
    keys = np.unique(np.minimum(a, b).astype(np.int64) * n_nodes + np.maximum(a, b))
    keys = keys[keys // max(1, n_nodes) != keys % max(1, n_nodes)]  # to come onto the same street again helps nobody
    joined, heads, parent = eliminate(
        np.searchsorted(keys, np.arange(n_nodes + 1, dtype=np.int64) * n_nodes).astype(np.int32),
        (keys % max(1, n_nodes)).astype(np.int32),
    )
    tails = np.repeat(np.arange(n_nodes, dtype=np.int32), np.diff(joined))
    pairs = tails.astype(np.int64) * n_nodes + heads
    up, down = (
        _set_turns(pairs, (low * n_nodes + high, weight, entry, decimetres), low < high)
        for low, high in ((a.astype(np.int64), b), (b.astype(np.int64), a))
    )
    customize(joined, heads, up, down)
    return frozen(  # type: ignore[no-any-return]
        Hierarchy(number, parent, _keep(tails, heads, up, n_nodes), _keep(tails, heads, down, n_nodes))
    )


def _rank_arcs(graph: StreetGraph, usable: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the arcs that may be driven by how many ways lead over them; int32[n_arcs], -1 for the others."""
    edges = np.flatnonzero(usable[0::2] | usable[1::2])
    nodes, ends = np.unique(np.concatenate([graph.edge_from[edges], graph.edge_to[edges]]), return_inverse=True)
    begin, end = ends.astype(np.int32).reshape(2, -1)
    beside = np.argsort(ends, kind="stable").astype(np.int32)
    first = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=len(nodes)))]).astype(np.int32)
    cost = graph.car.reshape(-1, 2)[edges].min(axis=1)
    speed = graph.edge_metres[edges] / np.maximum(cost, np.float32(0.1))
    web = Web(first, (beside % max(1, len(edges))).astype(np.int32), begin, end, speed.astype(np.float32))
    x, y = graph.points.lon[nodes] * np.cos(np.radians(graph.points.lat[nodes])), graph.points.lat[nodes]
    orders = np.stack([np.argsort(along, kind="stable") for along in (x, y, x + y, x - y)]).astype(np.int32)
    rank = dissect(frozen(web), orders)
    by_rank = (2 * edges[np.argsort(rank)][:, None] + [0, 1]).reshape(-1)
    driven = by_rank[usable[by_rank]]
    number = np.full(len(usable), -1, np.int32)
    number[driven] = np.arange(len(driven), dtype=np.int32)
    return number


def _set_turns(
    pairs: NDArray[np.int64],
    turns: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], NDArray[np.int32]],
    mine: NDArray[np.bool_],
) -> Weights:
    """Return what the pairs cost by a single turn."""
    keys, weight, entry, decimetres = turns
    at = np.searchsorted(pairs, keys[mine])
    weights = Weights(
        np.full(len(pairs), FAR, np.int32), np.zeros(len(pairs), np.uint16), np.zeros(len(pairs), np.int32)
    )
    weights.weight[at] = np.minimum(weight[mine], FAR)
    weights.entries[at] = entry[mine]
    weights.decimetres[at] = decimetres[mine]
    return weights


def _keep(tails: NDArray[np.int32], heads: NDArray[np.int32], weights: Weights, n_nodes: int) -> Upward:
    """Return the pairs that ways lead over."""
    kept = weights.weight < FAR
    first = np.concatenate([[0], np.cumsum(np.bincount(tails[kept], minlength=n_nodes))]).astype(np.int32)
    return Upward(first, heads[kept], weights.weight[kept], weights.entries[kept], weights.decimetres[kept])
