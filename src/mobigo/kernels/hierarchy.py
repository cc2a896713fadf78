"""Customizable contraction hierarchy over the turns of a street graph, and labels that make a time a short sum.

A node of the hierarchy is an arc that a mode may go along, numbered by its rank: the higher, the more ways lead over
it. Weights are whole numbers, ``UNIT`` to a second, so sums are exact in any order; what entering streets of residents
costs is in the weight, and counted beside it, so that it can be taken off again.

References
----------
Schild, Sommer (2015), balanced cuts by maximum flow between the ends of a projection (inertial flow); Dibbelt,
Strasser, Wagner (2016), customizable contraction hierarchies; Abraham, Delling, Goldberg, Werneck (2012), hierarchical
hub labels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel
from mobigo.kernels.dijkstra import Adjacency, Bans, is_banned

UNIT = 8192
"""Weights to a second."""

FAR = (1 << 30) - 1
"""No way; two of them still fit into 32 bits, and no way takes 36 hours."""


class Upward(NamedTuple):
    """What leads from each node to nodes of higher rank (from them, of backward ones)."""

    first: NDArray[np.int32]
    """int32[n_nodes + 1], index into the others."""
    head: NDArray[np.int32]
    """int32[n], the higher node; ascending for each."""
    weight: NDArray[np.int32]
    """int32[n]."""
    entries: NDArray[np.uint16]
    """uint16[n], how often streets of residents are entered; the penalties are in the weight."""
    decimetres: NDArray[np.int32]
    """int32[n]."""


class Hierarchy(NamedTuple):
    """The ways of a mode over one street graph."""

    number: NDArray[np.int32]
    """int32[2 * n_edges], node of each arc, -1 where the mode may not go."""
    parent: NDArray[np.int32]
    """int32[n_nodes], the next node that every way up leads over or beside; -1 at the top."""
    onward: Upward
    """From each node: what it costs to be at the end of the higher arc, once at the end of this one."""
    backward: Upward
    """From higher nodes to each."""


class Turns(NamedTuple):
    """Which arc may follow which; numbered as arcs."""

    first: NDArray[np.int32]
    """int32[n_arcs + 1]."""
    after: NDArray[np.int32]
    """int32[n]."""
    entry: NDArray[np.uint8]
    """uint8[n], 1 where the turn enters streets of residents."""


class Labels(NamedTuple):
    """Room for the labels of many places, one after another."""

    hub: NDArray[np.int32]
    """int32[room], node."""
    weight: NDArray[np.int32]
    """int32[room], from the place to the end of the hub's arc (from there to the place, of backward labels)."""
    entries: NDArray[np.uint16]
    decimetres: NDArray[np.int32]


class Seat(NamedTuple):
    """Where places lie."""

    edge: NDArray[np.int32]
    """int32[n], -1: on no street."""
    fraction: NDArray[np.float32]
    """float32[n], share of the edge that lies before it."""
    metres: NDArray[np.float32]
    """float32[n], from the place to its street."""
    side: NDArray[np.int8]
    """int8[n], the one direction in which the street is left and come by: 0 along it, 1 against it; -1: either."""


@kernel
def list_turns(
    net: Adjacency,
    bans: Bans,
    cost: NDArray[np.float32],
    flags: NDArray[np.uint8],
    mode: int,
    first: NDArray[np.int32],
    after: NDArray[np.int32],
    entry: NDArray[np.uint8],
) -> None:
    """List what may follow each arc: no turn back but in a dead end, no banned turn, nothing past a closed node.

    Parameters
    ----------
    first : int32[n_arcs + 1]
        Set to the offsets.
    after, entry : int32[n], uint8[n]
        Set when there is room for all of them; a first call with none counts.
    """
    n_arcs = len(net.arc)
    n = 0
    for arc in range(n_arcs):
        first[arc] = n
        node = net.head[arc]
        if cost[arc] == np.inf or net.passable[node] & mode == 0:
            continue
        restricted = bans.nodes[node] != 0
        dead_end = net.first[node + 1] - net.first[node] == 1
        for i in range(net.first[node], net.first[node + 1]):
            other = net.arc[i]
            if cost[other] == np.inf or (other == (arc ^ 1) and not dead_end):
                continue
            if restricted and is_banned(bans, np.int64(arc) * n_arcs + other, mode):
                continue
            if len(after) > 0:
                after[n] = other
                entry[n] = 1 if flags[other >> 1] & 64 and not flags[arc >> 1] & 64 else 0
            n += 1
    first[n_arcs] = n


# ───────────────────────────────────────────────────────────────────────────────────────────────────────── the order


class Web(NamedTuple):
    """Streets without directions: what the order is made on."""

    first: NDArray[np.int32]
    """int32[n_nodes + 1], index into `edge`."""
    edge: NDArray[np.int32]
    """int32[2 * n_edges], edges beside each node (a loop once or twice)."""
    begin: NDArray[np.int32]
    end: NDArray[np.int32]
    """int32[n_edges], node."""
    speed: NDArray[np.float32]
    """float32[n_edges], of edges that are cut together the faster ones come higher."""


@kernel
def _find_levels(
    web: Web,
    cell: NDArray[np.int32],
    flow: NDArray[np.int8],
    starts: NDArray[np.int32],
    mark: NDArray[np.uint8],
    goal: int,
    backward: int,
    level: NDArray[np.int32],
    queue: NDArray[np.int32],
) -> tuple[int, int]:
    """Go out from the starts over edges that can carry more; how many nodes were reached, how many of them goals."""
    size, met, at = 0, 0, 0
    for i in range(len(starts)):
        level[starts[i]] = 0
        queue[size] = starts[i]
        size += 1
    reached = size
    while at < size:
        node = queue[at]
        at += 1
        for k in range(web.first[node], web.first[node + 1]):
            edge = web.edge[k]
            forth = web.begin[edge] == node
            other = web.end[edge] if forth else web.begin[edge]
            if cell[other] != cell[node] or level[other] >= 0:
                continue
            if (flow[edge] if forth != (backward == 1) else -flow[edge]) > 0:
                continue
            level[other] = level[node] + 1
            reached += 1
            if mark[other] == goal:
                met += 1
            else:
                queue[size] = other
                size += 1
    return reached, met


@kernel
def _push(
    web: Web,
    cell: NDArray[np.int32],
    flow: NDArray[np.int8],
    source: int,
    mark: NDArray[np.uint8],
    level: NDArray[np.int32],
    pointer: NDArray[np.int32],
    path: NDArray[np.int32],
) -> int:
    """Send what one source can along rising levels; how many units."""
    sent, length, node = 0, 0, source
    while True:
        if mark[node] == 2:
            for i in range(length - 1, -1, -1):
                edge = path[i]
                if web.end[edge] == node:
                    flow[edge] += 1
                    node = web.begin[edge]
                else:
                    flow[edge] -= 1
                    node = web.end[edge]
            sent += 1
            length = 0
            continue
        onward = -1
        while pointer[node] < web.first[node + 1]:
            edge = web.edge[pointer[node]]
            forth = web.begin[edge] == node
            other = web.end[edge] if forth else web.begin[edge]
            if (
                cell[other] == cell[node]
                and level[other] == level[node] + 1
                and (flow[edge] if forth else -flow[edge]) <= 0
            ):
                path[length] = edge
                length += 1
                onward = other
                break
            pointer[node] += 1
        if onward >= 0:
            node = onward
        elif length == 0:
            return sent
        else:
            length -= 1
            edge = path[length]
            node = web.begin[edge] if web.end[edge] == node else web.end[edge]
            pointer[node] += 1


@kernel
def dissect(web: Web, orders: NDArray[np.int32]) -> NDArray[np.int32]:
    """Rank the edges: those of a small cut that halves the web highest, then those of its halves, and so on.

    Parameters
    ----------
    orders : int32[4, n_nodes]
        The nodes in the order of four directions; written over.

    Returns
    -------
    int32[n_edges]
        Rank of each edge, a permutation.
    """
    n_nodes, n_edges = len(web.first) - 1, len(web.begin)
    rank = np.full(n_edges, -1, np.int32)
    cell = np.zeros(n_nodes, np.int32)
    flow = np.zeros(n_edges, np.int8)
    level = np.full(n_nodes, -1, np.int32)
    queue = np.empty(n_nodes, np.int32)
    pointer = np.empty(n_nodes, np.int32)
    path = np.empty(n_nodes + 1, np.int32)
    mark = np.zeros(n_nodes, np.uint8)
    side = np.zeros(n_nodes, np.uint8)
    cut = np.empty(n_edges, np.int32)
    waiting = np.empty((n_nodes + 2, 2), np.int32)
    waiting[0, 0], waiting[0, 1] = 0, n_nodes
    depth = 1 if n_nodes > 0 else 0
    cells, top = 1, n_edges
    while depth > 0:
        depth -= 1
        begin, end = waiting[depth, 0], waiting[depth, 1]
        n = end - begin
        if n == 1:
            node = orders[0, begin]
            for k in range(web.first[node], web.first[node + 1]):
                edge = web.edge[k]
                if rank[edge] < 0 and web.begin[edge] == web.end[edge]:
                    top -= 1
                    rank[edge] = top
            continue
        ends = max(1, n // 4)
        best, balance = n_edges + 1, -1
        for direction in range(4):
            for i in range(begin, end):
                node = orders[direction, i]
                mark[node] = 1 if i < begin + ends else (2 if i >= end - ends else 0)
                for k in range(web.first[node], web.first[node + 1]):
                    flow[web.edge[k]] = 0
            total = 0
            while total <= best:
                for i in range(begin, end):
                    node = orders[direction, i]
                    level[node] = -1
                    pointer[node] = web.first[node]
                reached, met = _find_levels(
                    web, cell, flow, orders[direction, begin : begin + ends], mark, 2, 0, level, queue
                )
                if met == 0:
                    break
                for i in range(begin, begin + ends):
                    total += _push(web, cell, flow, orders[direction, i], mark, level, pointer, path)
            if total > best:
                continue
            if total < best:
                best, balance = total, -1
            for backward in range(2):
                if backward == 1:
                    for i in range(begin, end):
                        level[orders[direction, i]] = -1
                    reached, met = _find_levels(
                        web, cell, flow, orders[direction, end - ends : end], mark, 1, 1, level, queue
                    )
                if min(reached, n - reached) > balance:
                    balance = min(reached, n - reached)
                    for i in range(begin, end):
                        node = orders[direction, i]
                        side[node] = 1 if (level[node] >= 0) == (backward == 0) else 0
        n_cut = 0
        for i in range(begin, end):
            node = orders[0, i]
            for k in range(web.first[node], web.first[node + 1]):
                edge = web.edge[k]
                other = web.end[edge] if web.begin[edge] == node else web.begin[edge]
                if cell[other] == cell[node] and side[node] == 1 and side[other] == 0:
                    at = n_cut
                    while at > 0 and web.speed[cut[at - 1]] < web.speed[edge]:
                        cut[at] = cut[at - 1]
                        at -= 1
                    cut[at] = edge
                    n_cut += 1
        for i in range(n_cut):
            top -= 1
            rank[cut[i]] = top
        middle = begin
        for direction in range(4):
            middle, kept = begin, 0
            for i in range(begin, end):
                node = orders[direction, i]
                if side[node] == 1:
                    orders[direction, middle] = node
                    middle += 1
                else:
                    queue[kept] = node
                    kept += 1
            for i in range(kept):
                orders[direction, middle + i] = queue[i]
        for i in range(begin, middle):
            cell[orders[0, i]] = cells
        cells += 1
        waiting[depth, 0], waiting[depth, 1] = begin, middle
        waiting[depth + 1, 0], waiting[depth + 1, 1] = middle, end
        depth += 2
    return rank


# ──────────────────────────────────────────────────────────────────────────────────────────────────────── the weights


@kernel
def eliminate(
    first: NDArray[np.int32], head: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Join the higher neighbours of every node with each other, lowest node first.

    Parameters
    ----------
    first, head : int32[n_nodes + 1], int32[n]
        Higher neighbours of each node, ascending, each once.

    Returns
    -------
    first, head, parent : int64[n_nodes + 1], int32[n_pairs], int32[n_nodes]
        Higher neighbours once all are joined, ascending; and the lowest of them, -1 where there is none.
    """
    n_nodes = len(first) - 1
    parent = np.full(n_nodes, -1, np.int32)
    youngest = np.full(n_nodes, -1, np.int32)
    sibling = np.full(n_nodes, -1, np.int32)
    new_first = np.zeros(n_nodes + 1, np.int64)
    new_head = np.empty(max(16, 4 * len(head)), np.int32)
    one, two = np.empty(n_nodes, np.int32), np.empty(n_nodes, np.int32)
    total = 0
    for node in range(n_nodes):
        n = 0
        for k in range(first[node], first[node + 1]):
            one[n] = head[k]
            n += 1
        child = youngest[node]
        while child >= 0:
            i, m = 0, 0
            k = new_first[child] + 1  # the first of a child's is the node itself
            while i < n or k < new_first[child + 1]:
                if k == new_first[child + 1] or (i < n and one[i] < new_head[k]):
                    two[m] = one[i]
                    i += 1
                else:
                    two[m] = new_head[k]
                    if i < n and one[i] == new_head[k]:
                        i += 1
                    k += 1
                m += 1
            one, two, n = two, one, m
            child = sibling[child]
        if total + n > len(new_head):
            more = np.empty(2 * (total + n), np.int32)
            for k in range(total):
                more[k] = new_head[k]
            new_head = more
        for i in range(n):
            new_head[total + i] = one[i]
        total += n
        new_first[node + 1] = total
        if n > 0:
            parent[node] = one[0]
            sibling[node] = youngest[one[0]]
            youngest[one[0]] = node
    return new_first, new_head[:total], parent


class Weights(NamedTuple):
    """What the pairs of joined nodes cost in one direction."""

    weight: NDArray[np.int32]
    """int32[n_pairs], `FAR` where there is no way."""
    entries: NDArray[np.uint16]
    decimetres: NDArray[np.int32]


@kernel
def customize(first: NDArray[np.int64], head: NDArray[np.int32], up: Weights, down: Weights) -> None:
    """Work out what the pairs cost over lower nodes, and set those to `FAR` that a way over others undercuts.

    Parameters
    ----------
    first, head
        As `eliminate` returns them.
    up, down : Weights
        From each node to its higher neighbour, and back; set for single turns, `FAR` elsewhere. Written over.
    """
    n_nodes, n_pairs = len(first) - 1, len(head)
    for node in range(n_nodes):
        begin, end = first[node], first[node + 1]
        for i in range(begin, end):
            k = first[head[i]]
            to, fro = up.weight[i], down.weight[i]
            if to == FAR and fro == FAR:
                continue
            for j in range(i + 1, end):
                while head[k] < head[j]:
                    k += 1
                value = np.int64(fro) + up.weight[j]
                if value < up.weight[k]:
                    up.weight[k] = value
                    up.entries[k] = down.entries[i] + up.entries[j]
                    up.decimetres[k] = down.decimetres[i] + up.decimetres[j]
                value = np.int64(down.weight[j]) + to
                if value < down.weight[k]:
                    down.weight[k] = value
                    down.entries[k] = down.entries[j] + up.entries[i]
                    down.decimetres[k] = down.decimetres[j] + up.decimetres[i]
    least_up, least_down = np.empty(n_pairs, np.int32), np.empty(n_pairs, np.int32)
    for node in range(n_nodes - 1, -1, -1):
        begin, end = first[node], first[node + 1]
        for i in range(begin, end):
            least_up[i], least_down[i] = up.weight[i], down.weight[i]
        for i in range(begin, end):
            k = first[head[i]]
            for j in range(i + 1, end):
                while head[k] < head[j]:
                    k += 1
                over, back = np.int64(least_up[k]), np.int64(least_down[k])
                least_up[i] = min(np.int64(least_up[i]), up.weight[j] + back)
                least_up[j] = min(np.int64(least_up[j]), up.weight[i] + over)
                least_down[i] = min(np.int64(least_down[i]), over + down.weight[j])
                least_down[j] = min(np.int64(least_down[j]), back + down.weight[i])
    for i in range(n_pairs):
        if least_up[i] < up.weight[i]:
            up.weight[i] = FAR
        if least_down[i] < down.weight[i]:
            down.weight[i] = FAR


# ───────────────────────────────────────────────────────────────────────────────────────────────────────── the labels


class Scratch(NamedTuple):
    """What labelling writes while it works, by node."""

    best: NDArray[np.int32]
    """int32[n_nodes], `FAR` between searches."""
    entries: NDArray[np.uint16]
    decimetres: NDArray[np.int32]
    order: NDArray[np.int32]
    """int32[n_nodes], what was touched, ascending."""


@kernel
def _climb(
    up: Upward,
    down: Upward,
    parent: NDArray[np.int32],
    seeds: NDArray[np.int32],
    n_seeds: int,
    scratch: Scratch,
    labels: Labels,
    at: int,
) -> int:
    """Go up from seeds whose values are in the scratch, and write down what no way over a higher node undercuts."""
    best, entries, decimetres, order = scratch.best, scratch.entries, scratch.decimetres, scratch.order
    touched = 0
    while True:
        node = -1
        for i in range(n_seeds):
            if seeds[i] >= 0 and (node < 0 or seeds[i] < node):
                node = seeds[i]
        if node < 0:
            break
        for i in range(n_seeds):
            if seeds[i] == node:
                seeds[i] = parent[node]
        value = best[node]
        order[touched] = node
        touched += 1
        if value == FAR:
            continue
        for k in range(up.first[node], up.first[node + 1]):
            other = up.head[k]
            after = np.int64(value) + up.weight[k]
            if after < best[other]:
                best[other] = after
                entries[other] = entries[node] + up.entries[k]
                decimetres[other] = decimetres[node] + up.decimetres[k]
    for i in range(touched - 1, -1, -1):
        node = order[i]
        value = np.int64(best[node])
        least = value
        beaten = value == FAR
        for k in range(down.first[node], down.first[node + 1]):
            over = np.int64(best[down.head[k]]) + down.weight[k]
            if over <= least and best[down.head[k]] != FAR:
                least = over
                beaten = True
        if not beaten:
            if at < len(labels.hub):
                labels.hub[at] = node
                labels.weight[at] = value
                labels.entries[at] = entries[node]
                labels.decimetres[at] = decimetres[node]
            at += 1
        best[node] = least
    for i in range(touched):
        best[order[i]] = FAR
    return at


@kernel
def label_places(
    hierarchy: Hierarchy,
    net: Adjacency,
    bans: Bans,
    cost: NDArray[np.float32],
    flags: NDArray[np.uint8],
    edge_metres: NDArray[np.float32],
    mode: int,
    entry_weight: int,
    seat: Seat,
    scratch: Scratch,
    labels: Labels,
    begin: int,
    first: NDArray[np.int64],
) -> int:
    """Write the labels of places, for going from each and then for going to it, into the room from `begin` on.

    Parameters
    ----------
    entry_weight : int
        What entering streets of residents costs.
    scratch : Scratch
        Clean; left so.
    first : int64[2 * n_places + 1]
        Set to where each label begins: of place `i` the one for leaving at ``2 * i``, the one for coming after it.

    Returns
    -------
    int
        Where the last one ends; beyond the room, and the labels are not complete, when there was too little.
    """
    n_arcs = len(net.arc)
    at = begin
    for i in range(len(seat.edge)):
        first[2 * i] = at
        edge = seat.edge[i]
        if edge < 0:
            first[2 * i + 1] = at
            continue
        degrees = 0
        for side in range(2):
            node = net.head[2 * edge + side]
            degrees += net.first[node + 1] - net.first[node]
        seeds = np.empty(degrees + 2, np.int32)
        n = 0
        for side in range(2):
            arc = 2 * edge + side
            node = net.head[arc]
            if cost[arc] == np.inf or net.passable[node] & mode == 0 or seat.side[i] == 1 - side:
                continue
            share = 1 - seat.fraction[i] if side == 0 else seat.fraction[i]
            base = np.int64(np.rint(np.float64(share) * np.float64(cost[arc]) * UNIT))
            metres = np.float64(share) * edge_metres[edge]
            restricted = bans.nodes[node] != 0
            dead_end = net.first[node + 1] - net.first[node] == 1
            for k in range(net.first[node], net.first[node + 1]):
                after = net.arc[k]
                if cost[after] == np.inf or (after == (arc ^ 1) and not dead_end):
                    continue
                if restricted and is_banned(bans, np.int64(arc) * n_arcs + after, mode):
                    continue
                enters = 1 if flags[after >> 1] & 64 and not flags[edge] & 64 else 0
                value = base + np.int64(np.rint(np.float64(cost[after]) * UNIT)) + enters * entry_weight
                number = hierarchy.number[after]
                if value < scratch.best[number]:
                    scratch.best[number] = value
                    scratch.entries[number] = enters
                    scratch.decimetres[number] = np.int64(np.rint(10 * (metres + edge_metres[after >> 1])))
                seeds[n] = number
                n += 1
        at = _climb(hierarchy.onward, hierarchy.backward, hierarchy.parent, seeds, n, scratch, labels, at)
        first[2 * i + 1] = at
        n = 0
        for side in range(2):
            arc = 2 * edge + side
            if cost[arc] == np.inf or seat.side[i] == 1 - side:
                continue
            left = 1 - seat.fraction[i] if side == 0 else seat.fraction[i]
            number = hierarchy.number[arc]
            scratch.best[number] = -np.int64(np.rint(np.float64(left) * np.float64(cost[arc]) * UNIT))
            scratch.entries[number] = 0
            scratch.decimetres[number] = -np.int64(np.rint(np.float64(left) * edge_metres[edge] * 10))
            seeds[n] = number
            n += 1
        at = _climb(hierarchy.backward, hierarchy.onward, hierarchy.parent, seeds, n, scratch, labels, at)
    first[2 * len(seat.edge)] = at
    return at


class Board(NamedTuple):
    """A label spread out by hub, while ways from its place are summed."""

    weight: NDArray[np.int32]
    """int32[n_nodes], `FAR` between uses."""
    row: NDArray[np.int32]
    """int32[n_nodes], where in the labels the hub stands."""


@kernel
def sum_labels(
    cost: NDArray[np.float32],
    edge_metres: NDArray[np.float32],
    entry_weight: int,
    walk_speed: float,
    labels: Labels,
    seat: Seat,
    bounds: NDArray[np.int64],
    origins: NDArray[np.int32],
    destinations: NDArray[np.int32],
    pairs: int,
    board: Board,
    seconds: NDArray[np.int32],
    metres: NDArray[np.int32],
) -> None:
    """Work out the table between places whose labels are known.

    Parameters
    ----------
    bounds : int64[n_places, 3]
        Where in the labels that for leaving a place begins, that for coming to it, and where this one ends.
    origins, destinations : int32[n], int32[m]
        Places.
    pairs : int
        1: each origin with the destination of the same number only.
    board : Board
        Clean; left so.
    seconds, metres : int32[n, m]
        Set (of pairs int32[n, 1]); seconds rounded up, -1 where there is no way, 0 from a place to itself.
    """
    for i in range(len(origins)):
        start = origins[i]
        edge = seat.edge[start]
        for k in range(bounds[start, 0], bounds[start, 1]):
            board.weight[labels.hub[k]] = labels.weight[k]
            board.row[labels.hub[k]] = k
        for column in range(seconds.shape[1]):
            goal = destinations[i if pairs else column]
            took, driven = np.float64(np.inf), 0.0
            if goal == start:
                seconds[i, column] = metres[i, column] = 0
                continue
            if edge >= 0 and seat.edge[goal] >= 0:
                best, row, other = np.int64(FAR), np.int64(-1), np.int64(-1)
                for k in range(bounds[goal, 1], bounds[goal, 2]):
                    reached = board.weight[labels.hub[k]]
                    value = np.int64(reached) + labels.weight[k]
                    if value < best and reached < FAR:
                        best, row, other = value, np.int64(board.row[labels.hub[k]]), np.int64(k)
                if row >= 0:
                    entered = np.int64(labels.entries[row]) + np.int64(labels.entries[other])
                    took = (best - entered * entry_weight) / UNIT
                    driven = (np.int64(labels.decimetres[row]) + labels.decimetres[other]) / 10
                along = np.float64(_along(cost, seat, start, goal))
                if along * UNIT < best:
                    ahead = np.float64(seat.fraction[goal]) - np.float64(seat.fraction[start])
                    took, driven = along, abs(ahead) * np.float64(edge_metres[edge])
            if took < np.inf:
                walked = np.float64(seat.metres[start]) + np.float64(seat.metres[goal])
                seconds[i, column] = np.int64(np.ceil(took + walked / walk_speed - 1e-3))
                metres[i, column] = np.int64(np.rint(driven + walked))
            else:
                seconds[i, column] = metres[i, column] = -1
        for k in range(bounds[start, 0], bounds[start, 1]):
            board.weight[labels.hub[k]] = FAR


@kernel
def _along(cost: NDArray[np.float32], seat: Seat, start: int, goal: int) -> float:
    """Return the seconds between two places straight along the edge both are on; infinite where that is no way."""
    edge = seat.edge[start]
    if edge < 0 or edge != seat.edge[goal]:
        return np.inf
    ahead = np.float64(seat.fraction[goal]) - np.float64(seat.fraction[start])
    against = 0 if ahead > 0 else 1
    if ahead == 0:
        against = max(seat.side[start], seat.side[goal], np.int8(0))
    if seat.side[start] == 1 - against or seat.side[goal] == 1 - against:
        return np.inf
    if ahead == 0:
        return 0.0
    return float(abs(ahead) * np.float64(cost[2 * edge] if ahead > 0 else cost[2 * edge + 1]))


LANES = 8
"""Labels that are spread out beside each other."""


class WideBoard(NamedTuple):
    """Some labels spread out by hub, while ways from (to) many places are summed."""

    weight: NDArray[np.int32]
    """int32[n_nodes, LANES], `FAR` between uses."""
    row: NDArray[np.int32]
    """int32[n_nodes, LANES], where in the labels the hub stands."""


@kernel
def sum_beside(
    cost: NDArray[np.float32],
    entry_weight: int,
    walk_speed: float,
    labels: Labels,
    seat: Seat,
    bounds: NDArray[np.int64],
    few: NDArray[np.int32],
    many: NDArray[np.int32],
    leaving: int,
    board: WideBoard,
    seconds: NDArray[np.int32],
) -> None:
    """Work out the seconds between a few places and many: each label of the many is walked along once.

    Parameters
    ----------
    bounds : int64[n_places, 3]
        As `sum_labels` has them.
    few, many : int32[n], int32[m]
        Places.
    leaving : int
        1: from the few to the many; 0: from the many to the few.
    board : WideBoard
        Clean; left so.
    seconds : int32[n, m]
        Set; rounded up, -1 where there is no way, 0 from a place to itself.
    """
    spread, walked_along = (0, 1) if leaving else (1, 0)
    best, row, other = np.empty(LANES, np.int32), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
    for base in range(0, len(few), LANES):
        lanes = min(LANES, len(few) - base)
        for lane in range(lanes):
            own = few[base + lane]
            for k in range(bounds[own, spread], bounds[own, spread + 1]):
                board.weight[labels.hub[k], lane] = labels.weight[k]
                board.row[labels.hub[k], lane] = k
        for n in range(len(many)):
            far = many[n]
            best[:], row[:] = FAR, -1
            for k in range(bounds[far, walked_along], bounds[far, walked_along + 1]):
                hub, weight = labels.hub[k], labels.weight[k]
                for lane in range(lanes):
                    reached = board.weight[hub, lane]
                    if reached < FAR and reached + weight < best[lane]:
                        best[lane] = reached + weight
                        row[lane], other[lane] = board.row[hub, lane], k
            for lane in range(lanes):
                own = few[base + lane]
                start, goal = (own, far) if leaving else (far, own)
                took = np.float64(np.inf)
                if row[lane] >= 0 and seat.edge[start] >= 0 and seat.edge[goal] >= 0:
                    entered = np.int64(labels.entries[row[lane]]) + np.int64(labels.entries[other[lane]])
                    took = (np.int64(best[lane]) - entered * entry_weight) / UNIT
                along = np.float64(_along(cost, seat, start, goal))
                if along * UNIT < best[lane]:
                    took = along
                if own == far:
                    seconds[base + lane, n] = 0
                elif took < np.inf:
                    walked = np.float64(seat.metres[start]) + np.float64(seat.metres[goal])
                    seconds[base + lane, n] = np.int64(np.ceil(took + walked / walk_speed - 1e-3))
                else:
                    seconds[base + lane, n] = -1
        for lane in range(lanes):
            own = few[base + lane]
            for k in range(bounds[own, spread], bounds[own, spread + 1]):
                board.weight[labels.hub[k], lane] = FAR
