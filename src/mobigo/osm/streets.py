"""Ways cut into edges: at every node that another street shares, at ends, barriers and where the extract ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import EARTH_RADIUS

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WayNodes(NamedTuple):
    """The nodes of many ways, one way after another."""

    first: NDArray[np.int64]
    """int64[n_ways + 1], position of a way's first node."""
    refs: NDArray[np.int64]
    """int64[n], OpenStreetMap's id of a node."""
    points: NDArray[np.float64]
    """float64[n, 2], degrees, lon and lat."""


class Pieces(NamedTuple):
    """Edges cut out of `WayNodes`."""

    way: NDArray[np.int64]
    """int64[n_edges], index of the way."""
    start: NDArray[np.int64]
    """int64[n_edges], position of the first node."""
    end: NDArray[np.int64]
    """int64[n_edges], position of the last node."""
    metres: NDArray[np.float64]
    """float64[n_edges]."""


def find_junctions(refs: NDArray[np.int64], first: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the nodes at which ways are cut.

    Parameters
    ----------
    refs : int64[n]
        Nodes of all streets, one way after another.
    first : int64[n_ways + 1]
        Position of each way's first node.
    more : int64[k]
        Further nodes to cut at, such as barriers.

    Returns
    -------
    int64[n_junctions], ascending
        Ends of ways, nodes met more than once, and `more`.
    """
    ends = np.concatenate([refs[first[:-1]], refs[first[1:] - 1]])
    ordered = np.sort(refs)
    shared = ordered[1:][ordered[1:] == ordered[:-1]]
    return np.unique(np.concatenate([ends, shared, more]))


def segment_metres(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure from each point to the next by the haversine formula; float64[n - 1]."""
    lon, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
    h = np.sin(np.diff(lat) / 2) ** 2 + np.cos(lat[1:]) * np.cos(lat[:-1]) * np.sin(np.diff(lon) / 2) ** 2
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(1.0, h)))  # type: ignore[no-any-return]


def cut_ways(nodes: WayNodes, junctions: NDArray[np.int64]) -> Pieces:
    """Cut ways at junctions and at their own ends; a piece without length between a node and itself is left out."""
    if len(nodes.refs) == 0:
        nothing = np.zeros(0, np.int64)
        return Pieces(nothing, nothing, nothing, np.zeros(0))
    found = np.minimum(np.searchsorted(junctions, nodes.refs), max(len(junctions) - 1, 0))
    cut = junctions[found] == nodes.refs if len(junctions) else np.zeros(len(nodes.refs), bool)
    cut[nodes.first[:-1]] = True
    cut[nodes.first[1:] - 1] = True
    along = np.concatenate([[0.0], np.cumsum(segment_metres(nodes.points))])
    at = np.flatnonzero(cut)
    way = np.searchsorted(nodes.first, at, side="right") - 1
    start, end = at[:-1], at[1:]
    metres = along[end] - along[start]
    same_way = way[:-1] == way[1:]
    kept = same_way & ~((nodes.refs[start] == nodes.refs[end]) & (metres < 0.01))  # noqa: PLR2004  metres
    return Pieces(way[:-1][kept], start[kept], end[kept], metres[kept])
