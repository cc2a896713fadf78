"""Shortest ways on streets: bounded from one place, between many stops, and along arcs with turn restrictions.

Edge `e` makes two arcs: ``2 * e`` along it and ``2 * e + 1`` against it, so ``arc ^ 1`` is the way back. ``cost[arc]``
is in seconds, infinite where one may not go. Scratch arrays belong to the caller, who has filled `best` with infinity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel

ONWARD = np.int64(0)
"""Not a literal, for which a function would be compiled again."""


class Adjacency(NamedTuple):
    """Who is joined to whom: arcs that leave node `v` are ``arc[first[v]:first[v + 1]]``."""

    first: NDArray[np.int32]
    """int32[n_nodes + 1], index into `arc`."""
    arc: NDArray[np.int32]
    """int32[2 * n_edges], arc."""
    head: NDArray[np.int32]
    """int32[2 * n_edges], node that an arc leads to; indexed by arc."""
    passable: NDArray[np.uint8]
    """uint8[n_nodes], bits of the modes that may pass the node."""


class Scratch(NamedTuple):
    """What a search writes while it works: of nodes, or of arcs."""

    best: NDArray[np.float32]
    """float32[n], seconds; infinite between searches."""
    parent: NDArray[np.int32]
    """int32[n], arc by which a node was reached (of a node), or arc before (of an arc); -1 at a start."""
    heap: NDArray[np.int32]
    """int32[n], a binary heap of nodes or arcs by `key`."""
    key: NDArray[np.float32]
    """float32[n], what the heap is ordered by; `best`, or with an estimate of the rest."""
    place: NDArray[np.int32]
    """int32[n], position in the heap, -1 when settled; meaningful where `best` is finite."""
    order: NDArray[np.int32]
    """int32[n], what was touched, in order."""


@kernel
def _rise(scratch: Scratch, at: int) -> None:
    heap, key, place = scratch.heap, scratch.key, scratch.place
    item = heap[at]
    value = key[item]
    while at > 0:
        above = (at - 1) >> 1
        other = heap[above]
        if key[other] <= value:
            break
        heap[at] = other
        place[other] = at
        at = above
    heap[at] = item
    place[item] = at


@kernel
def _pop(scratch: Scratch, size: int) -> int:
    heap, key, place = scratch.heap, scratch.key, scratch.place
    top = heap[0]
    place[top] = -1
    size -= 1
    if size > 0:
        item = heap[size]
        value = key[item]
        at = 0
        while True:
            below = 2 * at + 1
            if below >= size:
                break
            if below + 1 < size and key[heap[below + 1]] < key[heap[below]]:
                below += 1
            other = heap[below]
            if key[other] >= value:
                break
            heap[at] = other
            place[other] = at
            at = below
        heap[at] = item
        place[item] = at
    return int(top)


@kernel
def reach_nodes(
    net: Adjacency,
    cost: NDArray[np.float32],
    mode: int,
    starts: NDArray[np.int32],
    seconds: NDArray[np.float32],
    limit: float,
    backward: int | np.int64,
    scratch: Scratch,
) -> int:
    """Settle every node within a limit of the starts.

    Parameters
    ----------
    net : Adjacency
    cost : float32[2 * n_edges], seconds by arc
    mode : int
        Bit of the mode; a node it may not pass is reached but not left, a start excepted.
    starts, seconds : int32[k], float32[k]
        Nodes to begin at, and what it costs to be there.
    limit : float
        Seconds; nodes beyond are not settled.
    backward : int
        1 to walk arcs from head to tail: then `best` is the time from a node to the starts.

    Returns
    -------
    int
        How many nodes were settled; they are ``scratch.order[:n]``, nearest first. The caller resets `best` there.

    References
    ----------
    Dijkstra (1959), with decrease-key.
    """
    best, parent, place, order = scratch.best, scratch.parent, scratch.place, scratch.order
    heap, key = scratch.heap, scratch.key
    size = 0
    for i in range(len(starts)):
        node, value = starts[i], seconds[i]
        if value <= limit and value < best[node]:
            if best[node] == np.inf:
                place[node] = size
                heap[size] = node
                size += 1
            best[node] = value
            key[node] = value
            parent[node] = -1
            _rise(scratch, place[node])
    settled = 0
    while size > 0:
        node = _pop(scratch, size)
        size -= 1
        order[settled] = node
        settled += 1
        if net.passable[node] & mode == 0 and parent[node] >= 0:
            continue
        value = best[node]
        for i in range(net.first[node], net.first[node + 1]):
            arc = net.arc[i]
            after = value + (cost[arc ^ 1] if backward else cost[arc])
            other = net.head[arc]
            if after <= limit and after < best[other]:
                if best[other] == np.inf:
                    place[other] = size
                    heap[size] = other
                    size += 1
                best[other] = after
                key[other] = after
                parent[other] = arc ^ 1 if backward else arc
                _rise(scratch, place[other])
    return settled


@kernel
def walk_between_stops(
    net: Adjacency,
    cost: NDArray[np.float32],
    mode: int,
    stop_edge: NDArray[np.int32],
    stop_fraction: NDArray[np.float32],
    stop_extra: NDArray[np.float32],
    edge_first: NDArray[np.int32],
    edge_stop: NDArray[np.int32],
    begin: int,
    end: int,
    limit: float,
    scratch: Scratch,
    nearest: NDArray[np.float32],
    counts: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Walk from each of the stops `begin` to `end` to every stop within a limit.

    Parameters
    ----------
    mode : int
        Bit of the mode, as for `reach_nodes`.
    stop_edge, stop_fraction : int32[n_stops], float32[n_stops]
        Where a stop lies on its edge (-1: nowhere), as the share of the edge that lies before it.
    stop_extra : float32[n_stops], seconds from a stop to its edge
    edge_first, edge_stop : int32[n_edges + 1], int32[n]
        Stops on each edge, one edge after another.
    nearest : float32[n_stops]
        Scratch, infinite; left so.
    counts : int32[n_stops]
        Set to the number of walks from each of the stops.

    Returns
    -------
    target, seconds : int32[k], float32[k]
        Walks of one stop after another; a stop's own is not among them.
    """
    target = np.empty(1024, np.int32)
    walked = np.empty(1024, np.float32)
    found = np.empty(len(stop_edge), np.int32)
    starts = np.empty(2, np.int32)
    seconds = np.empty(2, np.float32)
    total = 0
    for stop in range(begin, end):
        counts[stop] = 0
        edge = stop_edge[stop]
        if edge < 0:
            continue
        here, rest = stop_fraction[stop], limit - stop_extra[stop]
        starts[0], starts[1] = net.head[2 * edge + 1], net.head[2 * edge]
        seconds[0] = here * cost[2 * edge + 1] if here > 0 else np.float32(0)
        seconds[1] = (1 - here) * cost[2 * edge] if here < 1 else np.float32(0)
        n_found = 0
        for i in range(edge_first[edge], edge_first[edge + 1]):  # stops on the same edge, without leaving it
            other = edge_stop[i]
            there = stop_fraction[other]
            along = 0.0
            if there > here:
                along = (there - here) * cost[2 * edge]
            elif there < here:
                along = (here - there) * cost[2 * edge + 1]
            if other != stop and along + stop_extra[other] <= rest:
                nearest[other] = along + stop_extra[other]
                found[n_found] = other
                n_found += 1
        n_settled = reach_nodes(net, cost, mode, starts, seconds, rest, ONWARD, scratch)
        for k in range(n_settled):
            node = scratch.order[k]
            base = scratch.best[node]
            if net.passable[node] & mode or scratch.parent[node] < 0:
                for j in range(net.first[node], net.first[node + 1]):
                    arc = net.arc[j]
                    e = arc >> 1
                    for i in range(edge_first[e], edge_first[e + 1]):
                        other = edge_stop[i]
                        if other == stop:
                            continue
                        share = stop_fraction[other] if arc & 1 == 0 else 1 - stop_fraction[other]
                        value = base + stop_extra[other]
                        if share > 0:
                            value += share * cost[arc]
                        if value <= rest and value < nearest[other]:
                            if nearest[other] == np.inf:
                                found[n_found] = other
                                n_found += 1
                            nearest[other] = value
        for k in range(n_settled):
            scratch.best[scratch.order[k]] = np.inf
        if total + n_found > len(target):
            more = np.empty(2 * (total + n_found), np.int32)
            longer = np.empty(2 * (total + n_found), np.float32)
            for k in range(total):  # not a slice: its checks take seconds to compile
                more[k], longer[k] = target[k], walked[k]
            target, walked = more, longer
        for k in range(n_found):
            target[total] = found[k]
            walked[total] = nearest[found[k]] + stop_extra[stop]
            nearest[found[k]] = np.inf
            total += 1
        counts[stop] = n_found
    return target[:total], walked[:total]


class Points(NamedTuple):
    """Where nodes are."""

    lon: NDArray[np.float64]
    """float64[n_nodes], degrees."""
    lat: NDArray[np.float64]


class Bans(NamedTuple):
    """Turns nobody of a mode may make."""

    turn: NDArray[np.int64]
    """int64[n_bans], ``arc in * 2 * n_edges + arc out``, ascending."""
    modes: NDArray[np.uint8]
    """uint8[n_bans], bits of the modes."""
    nodes: NDArray[np.uint8]
    """uint8[n_nodes], 1 where some turn is banned."""


class Ends(NamedTuple):
    """Where a search along arcs begins and ends."""

    from_edge: int
    from_fraction: float
    to_edge: int
    to_fraction: float
    to_lon: float
    to_lat: float


METRES_PER_DEGREE = 111_195.08


@kernel
def is_banned(bans: Bans, turn: int, mode: int) -> bool:
    """Tell whether a mode may not make a turn (``arc in * n_arcs + arc out``)."""
    low, high = 0, len(bans.turn)
    while low < high:
        middle = (low + high) >> 1
        if bans.turn[middle] < turn:
            low = middle + 1
        else:
            high = middle
    return low < len(bans.turn) and bans.turn[low] == turn and (bans.modes[low] & mode) != 0


@kernel
def search_arcs(
    net: Adjacency,
    points: Points,
    bans: Bans,
    cost: NDArray[np.float32],
    entry: NDArray[np.uint8],
    entry_seconds: float,
    mode: int,
    ends: Ends,
    fastest: float,
    limit: float,
    scratch: Scratch,
) -> tuple[int, int, int]:
    """Find the quickest chain of arcs from a place on an edge to another, turn restrictions kept.

    Parameters
    ----------
    entry : uint8[n_edges]
        Edges with bit 64 set are for reaching something on them: to come onto one from another kind costs
        `entry_seconds`, which is in `best` but is no time.
    ends : Ends
    fastest : float
        Metres per second that no arc exceeds; scales the straight line to the end into an estimate that is never
        too long.
    limit : float
        Seconds at which to give up.
    scratch : Scratch
        Of arcs.

    Returns
    -------
    touched, last, arrival : int
        How many arcs are in ``scratch.order``, to be reset by the caller; the arc to follow back by `parent` (-1:
        straight along the first edge, -2: there is no way); and the arc on which the end lies.

    References
    ----------
    Hart, Nilsson, Raphael (1968), A*, over the line graph so that turns can be forbidden.
    """
    best, parent, place, order = scratch.best, scratch.parent, scratch.place, scratch.order
    heap, key = scratch.heap, scratch.key
    scale = METRES_PER_DEGREE * np.cos(np.radians(ends.to_lat))
    n_arcs = len(net.arc)
    done, last, arrival = np.float32(limit), -2, -1
    first, target = ends.from_edge, ends.to_edge
    if first == target:
        along = 2 * first if ends.to_fraction >= ends.from_fraction else 2 * first + 1
        share = abs(ends.to_fraction - ends.from_fraction)
        value = np.float32(share * cost[along]) if share > 0 else np.float32(0)
        if value < done:
            done, last, arrival = value, -1, along
    size, touched = 0, 0
    for side in range(2):
        arc = 2 * first + side
        share = 1 - ends.from_fraction if side == 0 else ends.from_fraction
        if cost[arc] == np.inf:
            continue
        best[arc] = np.float32(share * cost[arc])
        parent[arc] = -1
        node = net.head[arc]
        x, y = (points.lon[node] - ends.to_lon) * scale, (points.lat[node] - ends.to_lat) * METRES_PER_DEGREE
        key[arc] = best[arc] + np.float32(0.999 * np.sqrt(x * x + y * y) / fastest)
        place[arc] = size
        heap[size] = arc
        size += 1
        order[touched] = arc
        touched += 1
        _rise(scratch, size - 1)
    while size > 0:
        if key[heap[0]] >= done:
            break
        arc = _pop(scratch, size)
        size -= 1
        node = net.head[arc]
        if net.passable[node] & mode == 0:
            continue
        restricted = bans.nodes[node] != 0
        dead_end = net.first[node + 1] - net.first[node] == 1
        for i in range(net.first[node], net.first[node + 1]):
            after = net.arc[i]
            if cost[after] == np.inf or (after == (arc ^ 1) and not dead_end):
                continue
            if restricted and is_banned(bans, np.int64(arc) * n_arcs + after, mode):
                continue
            base = best[arc]
            if entry[after >> 1] & 64 and not entry[arc >> 1] & 64:
                base += np.float32(entry_seconds)
            if after >> 1 == target:
                share = ends.to_fraction if after & 1 == 0 else 1 - ends.to_fraction
                value = base + np.float32(share * cost[after])
                if value < done:
                    done, last, arrival = value, arc, after
            value = base + cost[after]
            if value < best[after]:
                if best[after] == np.inf:
                    place[after] = -1
                    order[touched] = after
                    touched += 1
                best[after] = value
                parent[after] = arc
                other = net.head[after]
                x, y = (points.lon[other] - ends.to_lon) * scale, (points.lat[other] - ends.to_lat) * METRES_PER_DEGREE
                key[after] = value + np.float32(0.999 * np.sqrt(x * x + y * y) / fastest)
                if place[after] < 0:
                    place[after] = size
                    heap[size] = after
                    size += 1
                _rise(scratch, place[after])
    return touched, last, arrival


@kernel
def reach_arcs(
    net: Adjacency,
    bans: Bans,
    cost: NDArray[np.float32],
    entry: NDArray[np.uint8],
    entry_seconds: float,
    mode: int,
    edge: int,
    fraction: float,
    limit: float,
    backward: int,
    scratch: Scratch,
    again: NDArray[np.float32],
    again_from: NDArray[np.int32],
) -> int:
    """Settle every arc that begins within a limit of a place on an edge (ends, when backward), turn restrictions kept.

    Parameters
    ----------
    entry, entry_seconds
        As of `search_arcs`.
    edge, fraction : int, float
        The place.
    backward : int
        1 to go to the place: then the time of an arc is that from its tail to the place.
    scratch : Scratch
        Of arcs. Afterwards `best` holds what the settled ones cost at their heads (tails, when backward), `key` the
        same without what entering costs: the time; `parent` the arc before (after) each, -1 beside the place.
    again, again_from : float32[2], int32[2]
        Set for both arcs of the edge itself: what it costs to come onto it anew (infinite: one cannot), and the arc
        before (after) it; what lies on the edge on the other side of the place is reached so.

    Returns
    -------
    int
        How many arcs were settled; they are ``scratch.order[:n]``, nearest first. The caller resets `best` there.
    """
    best, parent, place, order = scratch.best, scratch.parent, scratch.place, scratch.order
    heap, key = scratch.heap, scratch.key
    n_arcs = len(net.arc)
    size = 0
    for side in range(2):
        again[side], again_from[side] = np.inf, -1
        arc = 2 * edge + side
        share = 1 - fraction if (side == 0) != (backward == 1) else fraction
        if cost[arc] == np.inf:
            continue
        best[arc] = np.float32(share * cost[arc])
        key[arc] = best[arc]
        parent[arc] = -1
        place[arc] = size
        heap[size] = arc
        size += 1
        _rise(scratch, size - 1)
    settled = 0
    while size > 0:
        arc = _pop(scratch, size)
        size -= 1
        order[settled] = arc
        settled += 1
        node = net.head[arc ^ 1] if backward else net.head[arc]
        if net.passable[node] & mode == 0:
            continue
        restricted = bans.nodes[node] != 0
        dead_end = net.first[node + 1] - net.first[node] == 1
        for i in range(net.first[node], net.first[node + 1]):
            after = net.arc[i] ^ 1 if backward else net.arc[i]
            if cost[after] == np.inf or (after == (arc ^ 1) and not dead_end):
                continue
            off, onto = arc, after
            if backward:
                off, onto = after, arc
            if restricted and is_banned(bans, np.int64(off) * n_arcs + onto, mode):
                continue
            base = best[arc]
            if entry[onto >> 1] & 64 and not entry[off >> 1] & 64:
                base += np.float32(entry_seconds)
            if base > limit:
                continue
            if after >> 1 == edge and base < again[after & 1]:
                again[after & 1] = base
                again_from[after & 1] = arc
            value = base + cost[after]
            if value < best[after]:
                if best[after] == np.inf:
                    place[after] = size
                    heap[size] = after
                    size += 1
                best[after] = value
                key[after] = value
                parent[after] = arc
                _rise(scratch, place[after])
    for k in range(settled):
        arc = order[k]
        if parent[arc] >= 0:
            key[arc] = key[parent[arc]] + cost[arc]
    return settled
