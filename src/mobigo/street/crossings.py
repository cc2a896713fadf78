"""Streets for pupils on their way to a stop: a fast road has two sides, and is crossed where a crossing is marked.

Each fast road is replaced by its two sides, drawn a little apart, and each of its nodes by as many as there are corners
around it: what joins the road on one side stays on that side. A walk to a stop beside the road then ends on the stop's
own side, or finds no way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.osm.store import CROSSING
from mobigo.street.graph import Profile, build_graph, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.street.graph import StreetGraph, Streets

FAST_KMH = 59.0
"""Expected speed of cars from which a road is fast: that where 70 km/h are allowed."""

APART = 3.0
"""Metres from the middle of a fast road to each of its sides."""

DEGREE = 111_195.0
"""Metres."""


def build_walks(streets: Streets, graph: StreetGraph) -> StreetGraph:
    """Build the graph that pupils walk on; `graph` is the usual one of the same streets.

    A side of a fast road that leads nowhere is still where a stop beside it lies, not the other side.
    """
    walks = build_graph(split_fast_roads(streets))
    connected = np.unique(graph.edge_way[graph.solid & Profile.FOOT != 0])
    solid = walks.solid | np.where(np.isin(walks.edge_way, connected), np.uint8(Profile.FOOT), np.uint8(0))
    return walks._replace(solid=frozen(solid))


def split_fast_roads(streets: Streets) -> Streets:
    """Return the streets with both sides of each fast road apart; turn restrictions are left out, they bind cars."""
    fast = (streets.edge_directions[:, 2] > 0) & (streets.edge_kmh.max(axis=1) >= FAST_KMH)
    edges = np.flatnonzero(fast)
    if len(edges) == 0:
        return streets._replace(restrictions=[])
    by_id = np.argsort(streets.node_id)
    ends = np.concatenate([streets.edge_from, streets.edge_to])
    ends = by_id[np.searchsorted(streets.node_id, ends, sorter=by_id)].reshape(2, -1)
    bearing = _bearings(streets)
    corners = _Corners(streets, ends, bearing, fast)
    begin, end = corners.of(0), corners.of(1)
    walked = edges[streets.edge_directions[edges, 0] > 0]
    sides = [(walked, 0), (walked, 1)]
    kept = np.concatenate([np.flatnonzero(~fast), *(one for one, _ in sides)])
    start = np.concatenate([begin[~fast], *(corners.side(0, one, right) for one, right in sides)])
    goal = np.concatenate([end[~fast], *(corners.side(1, one, right) for one, right in sides)])
    shift = np.concatenate([np.zeros(int((~fast).sum())), np.full(len(walked), -APART), np.full(len(walked), APART)])
    shape_first, shape_points = _draw(streets, kept, shift)
    nodes = corners.nodes
    return streets._replace(
        node_id=np.arange(len(nodes)),
        node_osm=streets.node_osm[nodes],
        node_lon=streets.node_lon[nodes],
        node_lat=streets.node_lat[nodes],
        node_passable=streets.node_passable[nodes],
        edge_way=streets.edge_way[kept],
        edge_from=start.astype(np.int64),
        edge_to=goal.astype(np.int64),
        edge_metres=streets.edge_metres[kept],
        edge_class=np.asarray(streets.edge_class, dtype=np.str_)[kept],
        edge_name=streets.edge_name[kept],
        edge_directions=streets.edge_directions[kept],
        edge_kmh=streets.edge_kmh[kept],
        edge_seconds=streets.edge_seconds[kept],
        edge_flags=streets.edge_flags[kept],
        edge_wheelchair=streets.edge_wheelchair[kept],
        shape_first=shape_first,
        shape_points=shape_points,
        restrictions=[],
    )


class _Corners:
    """The corners around each node between the fast roads that meet there.

    There is one where they may be crossed, or where a fast road becomes another; not where the extract cuts it off.
    """

    def __init__(
        self, streets: Streets, ends: NDArray[np.int64], bearing: NDArray[np.float64], fast: NDArray[np.bool_]
    ) -> None:
        self._ends, self._bearing = ends, bearing
        n_nodes = len(streets.node_id)
        at, towards = ends[:, fast].reshape(-1), bearing[:, fast].reshape(-1)
        order = np.lexsort((towards, at))
        self._towards = towards[order]
        self._count = np.bincount(at, minlength=n_nodes)
        self._first = np.concatenate([[0], np.cumsum(self._count)])[:-1]
        crossed = streets.node_passable & CROSSING != 0
        cut = (self._count == 1) & (np.bincount(ends.reshape(-1), minlength=n_nodes) == 1)
        self._corners = np.where(crossed, 1, np.where(cut, 2, np.maximum(self._count, 1)))
        self._base = np.concatenate([[0], np.cumsum(self._corners)])[:-1]
        self.nodes = np.repeat(np.arange(n_nodes), self._corners)
        """Of the streets, by corner."""

    def of(self, end: int) -> NDArray[np.int64]:
        """Return the corner in which each street begins (0) or ends (1); of a fast road that clockwise of it."""
        return self._find(self._ends[end], self._bearing[end])

    def side(self, end: int, edges: NDArray[np.int64], right: int) -> NDArray[np.int64]:
        """Return the corner in which one side of fast roads begins or ends; right as they are drawn."""
        node = self._ends[end, edges]
        clockwise = self._find(node, self._bearing[end, edges])
        if right == 1 - end:  # right of the road where one leaves the node is clockwise of it
            return clockwise
        inside = clockwise - self._base[node]
        return np.asarray(self._base[node] + (inside - 1) % self._corners[node])

    def _find(self, node: NDArray[np.int64], bearing: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the corner clockwise of the last fast road that does not lie beyond a direction."""
        before = np.zeros(len(node), np.int64)
        for place in range(int(self._count.max(initial=0))):
            there = place < self._count[node]
            slot = np.minimum(self._first[node] + place, len(self._towards) - 1)
            before += there & (self._towards[slot] <= bearing)
        corner = (before - 1) % np.maximum(self._count[node], 1)
        return np.asarray(self._base[node] + np.where(self._corners[node] > 1, corner, 0))


def _bearings(streets: Streets) -> NDArray[np.float64]:
    """Return the direction in which each street leaves its first node, and its last; float64[2, n_edges], degrees."""
    first, last = streets.shape_first[:-1], streets.shape_first[1:] - 1
    found = [_direction(streets.shape_points, a, b) for a, b in ((first, first + 1), (last, last - 1))]
    return np.stack(found)


def _direction(points: NDArray[np.float64], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
    x = (points[b, 0] - points[a, 0]) * np.cos(np.radians(points[a, 1]))
    return np.asarray(np.degrees(np.arctan2(x, points[b, 1] - points[a, 1])) % 360.0)


def _draw(
    streets: Streets, kept: NDArray[np.int64], shift: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the shapes of streets, each moved to the right of its direction by so many metres."""
    sizes = np.diff(streets.shape_first)[kept]
    first = np.concatenate([[0], np.cumsum(sizes)])
    picked = np.repeat(streets.shape_first[:-1][kept] - first[:-1], sizes) + np.arange(first[-1])
    points = streets.shape_points[picked].copy()
    moved = np.repeat(shift, sizes)
    stretch = np.cos(np.radians(points[:, 1]))
    step = np.diff(points, axis=0, append=points[-1:])
    is_last = np.zeros(len(points), bool)
    is_last[first[1:] - 1] = True
    step[is_last] = step[np.flatnonzero(is_last) - 1]  # the last point goes where the one before it goes
    x, y = step[:, 0] * stretch, step[:, 1]
    length = np.maximum(np.hypot(x, y), 1e-12)
    points[:, 0] += moved * y / length / DEGREE / stretch
    points[:, 1] -= moved * x / length / DEGREE
    return first.astype(np.int64), points
