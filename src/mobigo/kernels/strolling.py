"""On foot from many places, each reached at a time of its own and none left further than a walk.

Who gets off later but nearer may get where who came earlier would have to walk too far: a node keeps every way there
that is of use, as a *label*: when one is there, how long one has walked, and from which place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels import kernel
from mobigo.kernels.nearest import UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.kernels.dijkstra import Adjacency
    from mobigo.kernels.nearest import Shapes


@kernel
def stroll(
    net: Adjacency,
    cost: NDArray[np.float32],
    pace: float,
    mode: int,
    start_node: NDArray[np.int32],
    start_time: NDArray[np.float64],
    start_walked: NDArray[np.float64],
    start_seed: NDArray[np.int32],
    limit: float,
    longest: float,
    backward: int,
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    """Walk on from all places at once.

    Parameters
    ----------
    cost : float32[2 * n_edges]
        Seconds by arc, to be multiplied by `pace`.
    mode : int
        Bit of the mode; a node it may not pass is not passed, those beside a place excepted.
    start_node, start_time, start_walked, start_seed : of one length
        Nodes beside the places: when one is there, how long one has walked, and the number of the place.
    limit, longest : float
        Seconds: latest time, and longest walk.
    backward : int
        1 to walk arcs from head to tail.

    Returns
    -------
    node, time, walked, seed : of one length
        The labels, in the order of their times.
    """
    size = max(16, len(start_node))
    node, parent = np.empty(size, np.int32), np.empty(size, np.int8)
    time, walked, seed = np.empty(size, np.float64), np.empty(size, np.float64), np.empty(size, np.int32)
    heap = np.empty(size, np.int32)
    kept = np.empty(size, np.int32)
    least = np.full(len(net.first) - 1, np.inf)
    n = n_heap = n_kept = 0
    for i in range(len(start_node)):
        if not (start_time[i] <= limit and start_walked[i] <= longest):
            continue
        node[n], time[n], walked[n], seed[n] = start_node[i], start_time[i], start_walked[i], start_seed[i]
        parent[n] = 0
        at = n_heap
        n_heap += 1
        while at > 0 and time[heap[(at - 1) >> 1]] > time[n]:
            heap[at] = heap[(at - 1) >> 1]
            at = (at - 1) >> 1
        heap[at] = n
        n += 1
    while n_heap > 0:
        top = heap[0]
        n_heap -= 1
        last = heap[n_heap]
        at = 0
        while True:
            below = 2 * at + 1
            if below >= n_heap:
                break
            if below + 1 < n_heap and time[heap[below + 1]] < time[heap[below]]:
                below += 1
            if time[heap[below]] >= time[last]:
                break
            heap[at] = heap[below]
            at = below
        heap[at] = last
        here, now, gone = node[top], time[top], walked[top]
        passable = net.passable[here] & mode != 0
        if parent[top] and not passable:
            continue
        if longest - least[here] >= min(limit - now, longest - gone):
            continue  # who was here before gets everywhere that one still gets
        if passable:
            least[here] = min(least[here], gone)
        kept[n_kept] = top
        n_kept += 1
        for i in range(net.first[here], net.first[here + 1]):
            arc = net.arc[i]
            more = pace * (cost[arc ^ 1] if backward else cost[arc])
            other = net.head[arc]
            then, far = now + more, gone + more
            if not (then <= limit and far <= longest) or longest - least[other] >= min(limit - then, longest - far):
                continue
            if n == len(node):
                node, parent = np.concatenate((node, node)), np.concatenate((parent, parent))
                time, walked = np.concatenate((time, time)), np.concatenate((walked, walked))
                seed = np.concatenate((seed, seed))
                heap, kept = np.concatenate((heap, heap)), np.concatenate((kept, kept))
            node[n], time[n], walked[n], seed[n] = other, then, far, seed[top]
            parent[n] = 1
            at = n_heap
            n_heap += 1
            while at > 0 and time[heap[(at - 1) >> 1]] > then:
                heap[at] = heap[(at - 1) >> 1]
                at = (at - 1) >> 1
            heap[at] = n
            n += 1
    rows = kept[:n_kept]
    return node[rows], time[rows], walked[rows], seed[rows]


@kernel
def paint(
    shapes: Shapes,
    edge: NDArray[np.int32],
    begin: NDArray[np.float64],
    ahead: NDArray[np.int8],
    seconds: NDArray[np.float64],
    time: NDArray[np.float64],
    room: NDArray[np.float64],
    frame: NDArray[np.float64],
    radius: float,
    speed: float,
    field: NDArray[np.float64],
) -> None:
    """Draw stretches of streets on a grid, by when one is there.

    Parameters
    ----------
    edge, begin, ahead : of one length
        Where a stretch begins, as the share of the edge that lies before it, and 1 where it goes along the edge, 0
        against it.
    seconds : float64[n]
        Of the whole edge in that direction.
    time, room : float64[n]
        When one is at its begin, and how many seconds one may still walk.
    frame : float64[6]
        West and south of the first node of the grid, degrees between two columns and two rows, and metres of a degree
        of longitude and of latitude.
    radius : float
        Metres beside a street that one gets.
    speed : float
        Metres per second off the street.
    field : float64[rows, columns]
        Lowered to the time at which one is there.
    """
    west, south, wide, high, per_lon, per_lat = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    rows, columns = field.shape
    step = min(wide * per_lon, high * per_lat) / 2
    for i in range(len(edge)):
        first, last = shapes.first[edge[i]], shapes.first[edge[i] + 1] - 1
        metres = 0.0
        for point in range(first, last):
            x = (shapes.lon[point + 1] - shapes.lon[point]) * UNIT * per_lon
            y = (shapes.lat[point + 1] - shapes.lat[point]) * UNIT * per_lat
            metres += np.sqrt(x * x + y * y)
        whole = seconds[i]
        most = 1.0 - begin[i] if ahead[i] else begin[i]
        if whole > room[i]:
            most = min(most, room[i] / whole)
        low = begin[i] if ahead[i] else begin[i] - most
        high_share = begin[i] + most if ahead[i] else begin[i]
        passed = 0.0
        for point in range(first, last):
            lon, lat = shapes.lon[point] * UNIT, shapes.lat[point] * UNIT
            x = (shapes.lon[point + 1] * UNIT - lon) * per_lon
            y = (shapes.lat[point + 1] * UNIT - lat) * per_lat
            length = np.sqrt(x * x + y * y)
            share, after = 0.0, 1.0
            if metres > 0:
                share, after = passed / metres, (passed + length) / metres
            passed += length
            if after < low or share > high_share:
                continue
            from_share, to_share = max(low, share), min(high_share, after)
            n = 1 + int(np.ceil((to_share - from_share) * metres / step))
            for k in range(n + 1):
                where = from_share + (to_share - from_share) * k / n
                along = (where - share) / (after - share) if after > share else 0.0
                here = time[i] + abs(where - begin[i]) * whole
                px = (lon - west) * per_lon + along * x
                py = (lat - south) * per_lat + along * y
                left = max(0, int(np.ceil((px - radius) / (wide * per_lon))))
                right = min(columns - 1, int(np.floor((px + radius) / (wide * per_lon))))
                bottom = max(0, int(np.ceil((py - radius) / (high * per_lat))))
                top = min(rows - 1, int(np.floor((py + radius) / (high * per_lat))))
                for row in range(bottom, top + 1):
                    dy = row * high * per_lat - py
                    for column in range(left, right + 1):
                        dx = column * wide * per_lon - px
                        far = dx * dx + dy * dy
                        if far <= radius * radius:
                            there = here + np.sqrt(far) / speed
                            field[row, column] = min(field[row, column], there)
