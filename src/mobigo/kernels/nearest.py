"""The nearest street of a point, through a grid of cells; and which streets hang together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel
from mobigo.kernels.dijkstra import METRES_PER_DEGREE, Adjacency

UNIT = 1e-7
"""Degrees per unit of a shape's coordinates, as in OpenStreetMap."""


class Shapes(NamedTuple):
    """The course of every edge, ends included."""

    first: NDArray[np.int32]
    """int32[n_edges + 1], index of an edge's first point."""
    lon: NDArray[np.int32]
    """int32[n_points], 1e-7 degrees."""
    lat: NDArray[np.int32]


class Grid(NamedTuple):
    """Which edges pass each cell of a rectangle."""

    frame: NDArray[np.float64]
    """float64[4]: west, south, width and height of a cell, degrees."""
    size: NDArray[np.int32]
    """int32[2]: columns, rows."""
    first: NDArray[np.int32]
    """int32[columns * rows + 1], index into `edge`."""
    edge: NDArray[np.int32]
    """int32[n], edge."""


@kernel
def list_cells(
    shapes: Shapes,
    frame: NDArray[np.float64],
    size: NDArray[np.int32],
    first: NDArray[np.int32],
    edge: NDArray[np.int32],
) -> None:
    """Count into ``first[cell + 1]`` when `edge` is empty; else write each edge at ``first[cell]`` and move that on."""
    filling = len(edge) > 0
    last = np.full(size[0] * size[1], -1, np.int32)
    for e in range(len(shapes.first) - 1):
        for i in range(shapes.first[e], shapes.first[e + 1] - 1):
            x0, y0 = (shapes.lon[i] * UNIT - frame[0]) / frame[2], (shapes.lat[i] * UNIT - frame[1]) / frame[3]
            x1, y1 = (shapes.lon[i + 1] * UNIT - frame[0]) / frame[2], (shapes.lat[i + 1] * UNIT - frame[1]) / frame[3]
            pieces = int(max(abs(x1 - x0), abs(y1 - y0))) + 1
            for piece in range(pieces):
                a, b = piece / pieces, (piece + 1) / pieces
                ax, bx = x0 + a * (x1 - x0), x0 + b * (x1 - x0)
                ay, by = y0 + a * (y1 - y0), y0 + b * (y1 - y0)
                for row in range(max(0, int(min(ay, by))), min(size[1] - 1, int(max(ay, by))) + 1):
                    for column in range(max(0, int(min(ax, bx))), min(size[0] - 1, int(max(ax, bx))) + 1):
                        cell = row * size[0] + column
                        if last[cell] == e:
                            continue
                        last[cell] = e
                        if filling:
                            edge[first[cell]] = e
                            first[cell] += 1
                        else:
                            first[cell + 1] += 1


@kernel
def snap_points(
    shapes: Shapes,
    grid: Grid,
    cost: NDArray[np.float32],
    solid: NDArray[np.uint8],
    mode: int,
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    limit: float,
    edge: NDArray[np.int32],
    fraction: NDArray[np.float32],
    metres: NDArray[np.float32],
    at: NDArray[np.float64],
) -> None:
    """Find the nearest edge that a mode may use, for each point.

    Parameters
    ----------
    solid : uint8[n_edges]
        Bit of the mode where the edge belongs to a large connected part. Such an edge within the limit wins over any
        nearer one of an island.
    lon, lat : float64[n], degrees
    limit : float
        Metres.
    edge, fraction, metres, at : int32[n], float32[n], float32[n], float64[n, 2]
        Set: the edge (-1: none), the share of it before the nearest point, how far that is, and its lon and lat.
    """
    west, south, width, height = grid.frame[0], grid.frame[1], grid.frame[2], grid.frame[3]
    columns, rows = grid.size[0], grid.size[1]
    for p in range(len(lon)):
        edge[p] = -1
        metres[p] = np.inf
        fraction[p] = 0
        at[p, 0], at[p, 1] = lon[p], lat[p]
        if not (abs(lon[p]) <= 180.0 and abs(lat[p]) <= 90.0):
            continue
        scale_x, scale_y = METRES_PER_DEGREE * np.cos(np.radians(lat[p])), METRES_PER_DEGREE
        column, row = int(np.floor((lon[p] - west) / width)), int(np.floor((lat[p] - south) / height))
        left, below = lon[p] - (west + column * width), lat[p] - (south + row * height)
        margin = min(min(left, width - left) * scale_x, min(below, height - below) * scale_y)
        step = min(width * scale_x, height * scale_y)
        rings = int(limit / step) + 2
        island_metres, island_edge, island_fraction, island_x, island_y = np.inf, -1, 0.0, 0.0, 0.0
        solid_metres, solid_edge, solid_fraction, solid_x, solid_y = np.inf, -1, 0.0, 0.0, 0.0
        for ring in range(rings):
            if ring > 0 and min(solid_metres, limit) <= margin + (ring - 1) * step:
                break
            for r in range(row - ring, row + ring + 1):
                if r < 0 or r >= rows:
                    continue
                stride = 1 if r in {row - ring, row + ring} or ring == 0 else 2 * ring
                for c in range(column - ring, column + ring + 1, stride):
                    if c < 0 or c >= columns:
                        continue
                    cell = r * columns + c
                    for i in range(grid.first[cell], grid.first[cell + 1]):
                        e = grid.edge[i]
                        if cost[2 * e] == np.inf and cost[2 * e + 1] == np.inf:
                            continue
                        is_solid = solid[e] & mode != 0
                        if not is_solid and island_metres <= 0:
                            continue
                        total, nearest, best_along, best_x, best_y = 0.0, np.inf, 0.0, 0.0, 0.0
                        start = shapes.first[e]
                        x0 = (shapes.lon[start] * UNIT - lon[p]) * scale_x
                        y0 = (shapes.lat[start] * UNIT - lat[p]) * scale_y
                        for k in range(start + 1, shapes.first[e + 1]):
                            x1 = (shapes.lon[k] * UNIT - lon[p]) * scale_x
                            y1 = (shapes.lat[k] * UNIT - lat[p]) * scale_y
                            dx, dy = x1 - x0, y1 - y0
                            square = dx * dx + dy * dy
                            t = 0.0
                            if square > 0:
                                t = min(1.0, max(0.0, -(x0 * dx + y0 * dy) / square))
                            x, y = x0 + t * dx, y0 + t * dy
                            away = np.sqrt(x * x + y * y)
                            length = np.sqrt(square)
                            if away < nearest:
                                nearest, best_along, best_x, best_y = away, total + t * length, x, y
                            total += length
                            x0, y0 = x1, y1
                        share = best_along / total if total > 0 else 0.0
                        if is_solid and nearest < solid_metres:
                            solid_metres, solid_edge, solid_fraction = nearest, e, share
                            solid_x, solid_y = best_x, best_y
                        elif not is_solid and nearest < island_metres:
                            island_metres, island_edge, island_fraction = nearest, e, share
                            island_x, island_y = best_x, best_y
        if solid_metres <= limit:
            edge[p], fraction[p], metres[p] = solid_edge, solid_fraction, solid_metres
            at[p, 0], at[p, 1] = lon[p] + solid_x / scale_x, lat[p] + solid_y / scale_y
        elif island_metres <= limit:
            edge[p], fraction[p], metres[p] = island_edge, island_fraction, island_metres
            at[p, 0], at[p, 1] = lon[p] + island_x / scale_x, lat[p] + island_y / scale_y


@kernel
def find_components(net: Adjacency, cost: NDArray[np.float32], component: NDArray[np.int32]) -> int:
    """Number the strongly connected components of the nodes; returns how many there are.

    References
    ----------
    Tarjan (1972), with an explicit stack.
    """
    n = len(net.first) - 1
    index = np.full(n, -1, np.int32)
    low = np.zeros(n, np.int32)
    cursor = net.first[:n].copy()
    stack = np.empty(n, np.int32)
    path = np.empty(n, np.int32)
    waiting = np.zeros(n, np.uint8)
    counter, found, n_stack = 0, 0, 0
    for root in range(n):
        if index[root] >= 0:
            continue
        n_path = 1
        path[0] = root
        index[root] = low[root] = counter
        counter += 1
        stack[n_stack] = root
        n_stack += 1
        waiting[root] = 1
        while n_path > 0:
            node = path[n_path - 1]
            if cursor[node] < net.first[node + 1]:
                arc = net.arc[cursor[node]]
                cursor[node] += 1
                if cost[arc] == np.inf:
                    continue
                other = net.head[arc]
                if index[other] < 0:
                    index[other] = low[other] = counter
                    counter += 1
                    stack[n_stack] = other
                    n_stack += 1
                    waiting[other] = 1
                    path[n_path] = other
                    n_path += 1
                elif waiting[other]:
                    low[node] = min(low[node], index[other])
                continue
            n_path -= 1
            if n_path > 0:
                above = path[n_path - 1]
                low[above] = min(low[above], low[node])
            if low[node] == index[node]:
                while True:
                    n_stack -= 1
                    member = stack[n_stack]
                    waiting[member] = 0
                    component[member] = found
                    if member == node:
                        break
                found += 1
    return found
