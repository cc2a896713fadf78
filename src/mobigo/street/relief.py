"""Slopes: how high streets lie along their course, and how much longer they take for it.

Heights are taken from a height model at every node and every `SAMPLE_METRES` between. Bridges and tunnels are straight
between their ends, over as many edges as they have: the model knows the ground, not what leads over or under it (the
tags ``bridge`` and ``tunnel`` say where; ``layer`` without either says nothing about heights). Where the height is not
known, and on steps, lifts and ferries, which have times of their own, a street takes as long as on the flat.

OpenStreetMap's ``incline`` is kept out of it: few streets have it, mostly as ``up`` or ``down``, and beside a model it
would count twice. It goes on saying what it said about wheelchairs (`mobigo.osm.access`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels.nearest import UNIT
from mobigo.osm.store import Flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.street.graph import Streets

Heights = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""From longitudes and latitudes to metres; not a number where unknown."""

SAMPLE_METRES = 25.0
"""Between two heights on an edge, at most."""

STEEPEST = 0.4
"""Rise over run: what is steeper is a fault of the model, or a cliff beside the street."""

SHORTEST = 1.0
"""Metres: what is shorter has no slope of its own."""

UNDULATION = 3.0
"""Metres: ups and downs smaller than this are not counted as climb.

Along a way the noise of a model adds up; other planners swallow 5 m (BRouter, `elevationpenaltybuffer`) or smooth by as
much (GraphHopper, `EdgeElevationSmoothingRamer`). Ours are means of five places already.
"""

TOBLER, TOBLER_BEST = 3.5, 0.05
"""How fast one walks on a slope: exp(-3.5 |slope + 0.05|), Tobler (1993), Three presentations on geographical analysis
and modeling, NCGIA 93-1."""

UPHILL, DOWNHILL = 100 * 0.4002 / 6.01, 100 * 0.2379 / 6.01
"""By how much of its speed on the flat a bicycle is slower uphill and quicker downhill, by slope: each per cent costs
0.40 m/s of 6.01 and gives 0.24. Parkin and Rotheram (2010), Design speeds and acceleration characteristics of bicycle
traffic, Transport Policy 17(5)."""

QUICKEST_RIDE = 1.25
"""Downhill, times the speed on the flat: then one brakes; on paths and unpaved ground one brakes at once."""

WHEELCHAIR_SLOPES = ((0.05, 1.5), (0.08, 2.0), (0.12, 4.0))
"""From which slope on, up or down, a wheelchair takes how much longer.

The French order of 15 January 2007 on the accessibility of streets asks for 5 % at most and tolerates 8 % over 2 m and
12 % over 0.5 m. Over the 25 m that a model can tell, more than 5 % is hard, more than 8 % is not what the order has in
mind and more than 12 % is left to those who have no other way. Nothing is shut by a model alone: it may be wrong by a
wall or an embankment, and who has mapped the street on foot (``wheelchair``, ``incline``) knows better.
"""


class Relief(NamedTuple):
    """Heights along the edges of a graph, evenly spaced from the first node of an edge to its last."""

    first: NDArray[np.int32]
    """int32[n_edges + 1]; heights of edge `e` are rows ``first[e]:first[e + 1]``, two at least."""
    height: NDArray[np.float32]
    """float32[n], metres; not a number where unknown."""


class Slowness(NamedTuple):
    """How much longer edges take than on the flat; 1 on the flat and where nothing is known."""

    foot: NDArray[np.float64]
    """float64[n_edges, 2]: along, against; likewise the others."""
    bicycle: NDArray[np.float64]
    wheelchair: NDArray[np.float64]


# ── how high streets lie ──────────────────────────────────────────────────────────────────────────────────────────────


def measure(streets: Streets, heights: Heights) -> Relief:
    """Take the heights of streets, whose edges name their nodes by row."""
    pieces = np.maximum(np.ceil(streets.edge_metres / SAMPLE_METRES), 1).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(pieces + 1)])
    edge = np.repeat(np.arange(len(pieces)), pieces + 1)
    if not len(edge):
        return Relief(first.astype(np.int32), np.zeros(0, np.float32))
    share = (np.arange(first[-1]) - first[edge]) / pieces[edge]
    straight = streets.edge_flags & int(Flag.BRIDGE | Flag.TUNNEL) != 0
    node = _level(streets, straight, heights(streets.node_lon, streets.node_lat))
    start, end = node[streets.edge_from][edge], node[streets.edge_to][edge]
    height = start + share * (end - start)
    height[first[:-1]], height[first[1:] - 1] = node[streets.edge_from], node[streets.edge_to]
    inner = np.flatnonzero((share > 0) & (share < 1) & ~straight[edge])
    height[inner] = heights(*_places(streets, edge[inner], share[inner]))
    return Relief(first.astype(np.int32), height.astype(np.float32))


def _places(
    streets: Streets, edge: NDArray[np.int64], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return longitude and latitude at shares of edges' lengths."""
    lon, lat = streets.shape_points[:, 0], streets.shape_points[:, 1]
    step = np.hypot(np.diff(lon) * np.cos(np.radians(lat[:-1])), np.diff(lat))
    step[streets.shape_first[1:-1] - 1] = UNIT  # from one edge to the next: their ends must not be one place
    along = np.concatenate([[0.0], np.cumsum(step)])
    begin, end = along[streets.shape_first[edge]], along[streets.shape_first[edge + 1] - 1]
    at = begin + share * (end - begin)
    return np.interp(at, along, lon), np.interp(at, along, lat)


def _level(streets: Streets, straight: NDArray[np.bool_], ground: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heights of nodes: of those on bridges and in tunnels between the heights of where these end.

    Of each part that hangs together, the heights inside are those at which every node is the mean of its neighbours,
    weighed by nearness: a straight line between two ends, and something sensible between several. A part with an end
    of unknown height is unknown; one without any end stays on the ground.
    """
    n = len(ground)
    on_ground = np.zeros(n, bool)
    for nodes in (streets.edge_from, streets.edge_to):
        on_ground[nodes[~straight]] = True
    a, b = streets.edge_from[straight], streets.edge_to[straight]
    hung = np.zeros(n, bool)
    hung[a], hung[b] = True, True
    hung &= ~on_ground
    inside = hung[a] | hung[b]
    a, b, near = (
        a[inside],
        b[inside],
        1 / np.maximum(streets.edge_metres[straight][inside].astype(np.float64), SHORTEST),
    )
    part = _find_parts(n, a, b, hung)
    tips = np.unique(np.concatenate([a[~hung[a]], b[~hung[b]]]))
    reached = np.zeros(n, bool)
    unknown = np.zeros(n, bool)
    for mine, other in ((a, b), (b, a)):
        reached[part[mine[~hung[other]]]] = True
        unknown[part[mine[~hung[other] & np.isnan(ground[other])]]] = True
    solved = hung & reached[part] & ~unknown[part]
    height = ground.copy()
    height[hung & unknown[part]] = np.nan
    kept = solved[a] | solved[b]
    _solve(height, solved, a[kept], b[kept], near[kept], len(tips))
    return height


def _find_parts(n: int, a: NDArray[np.int64], b: NDArray[np.int64], hung: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the parts of nodes that hang together over edges between two of them; int64[n], a node of each."""
    part = np.arange(n)
    both = hung[a] & hung[b]
    a, b = a[both], b[both]
    while True:
        least = np.minimum(part[a], part[b])
        new = part.copy()
        np.minimum.at(new, part[a], least)
        np.minimum.at(new, part[b], least)
        new = new[new]
        if np.array_equal(new, part):
            return part
        part = new


def _solve(  # noqa: PLR0917 - a graph and what is known on it
    height: NDArray[np.float64],
    wanted: NDArray[np.bool_],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    near: NDArray[np.float64],
    most: int,
) -> None:
    """Set the heights wanted to the mean of their neighbours, by conjugate gradients."""
    nodes = np.flatnonzero(wanted)
    if not len(nodes):
        return
    known = np.where(wanted, 0.0, np.nan_to_num(height))

    def pull(value: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far each node is above the mean of its neighbours, weighed."""
        apart = near * (value[a] - value[b])
        return np.asarray((np.bincount(a, apart, len(value)) - np.bincount(b, apart, len(value)))[nodes], np.float64)

    scratch = np.zeros(len(height))
    base = float(np.mean(known[np.concatenate([a[~wanted[a]], b[~wanted[b]]])]))
    known[nodes] = base
    rest = -pull(known)
    step, done = rest.copy(), np.zeros(len(nodes))
    size = float(rest @ rest)
    for _ in range(2 * len(nodes) + most):
        if size < 1e-18:  # noqa: PLR2004  far below a millimetre
            break
        scratch[nodes] = step
        pulled = pull(scratch)
        length = size / float(step @ pulled)
        done += length * step
        rest -= length * pulled
        size, before = float(rest @ rest), size
        step = rest + size / before * step
    height[nodes] = base + done


# ── what slopes cost ──────────────────────────────────────────────────────────────────────────────────────────────────


def slow_down(
    streets: Streets, relief: Relief, walk: float, ride: NDArray[np.float64], brisk: NDArray[np.bool_]
) -> Slowness:
    """Tell how much longer edges take for their slopes.

    Parameters
    ----------
    walk : float
        Metres per second on foot on the flat.
    ride : float64[n_edges]
        Metres per second of a bicycle there.
    brisk : bool[n_edges]
        Where a bicycle may be quicker downhill.
    """
    pieces = np.diff(relief.first) - 1
    edge = np.repeat(np.arange(len(pieces)), pieces)
    row = np.arange(len(edge)) + edge
    rise = relief.height[row + 1].astype(np.float64) - relief.height[row]
    length = np.maximum(streets.edge_metres.astype(np.float64) / pieces, SHORTEST)[edge]
    slope = np.clip(rise / length, -STEEPEST, STEEPEST)
    own_time = streets.edge_flags & int(Flag.STEPS | Flag.FERRY | Flag.LIFT) != 0
    slope[np.isnan(slope) | own_time[edge]] = 0.0

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean over the pieces of each edge."""
        return np.asarray(np.bincount(edge, values, len(pieces)) / pieces)

    rolled = roll_slower(slope), roll_slower(-slope)
    ridden = [ride_slower(up, ride[edge], walk, np.where(brisk, QUICKEST_RIDE, 1.0)[edge]) for up in (slope, -slope)]
    return Slowness(
        foot=np.stack([mean(walk_slower(slope)), mean(walk_slower(-slope))], axis=1),
        bicycle=np.stack([mean(one) for one in ridden], axis=1),
        wheelchair=np.stack([mean(one) for one in rolled], axis=1),
    )


def walk_slower(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much longer a walk takes on slopes (rise over run, uphill positive); downhill it is never shorter.

    Tobler's walkers are quickest at 5 % downhill, by a sixth; who must not miss a coach should not count on that.
    """
    return np.maximum(1.0, np.exp(TOBLER * (np.abs(slope + TOBLER_BEST) - TOBLER_BEST)))


def ride_slower(
    slope: NDArray[np.float64], ride: NDArray[np.float64], walk: float, quickest: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much longer a ride by bicycle takes on slopes; where pushing it is quicker, it is pushed.

    Parameters
    ----------
    ride, walk : metres per second on the flat
    quickest : float64[n]
        Times that speed, downhill.
    """
    share = np.where(slope > 0, 1 - UPHILL * slope, np.minimum(1 - DOWNHILL * slope, quickest))
    pushed = np.minimum(walk / ride / walk_slower(slope), 1.0)
    return np.asarray(1 / np.maximum(share, pushed))


def roll_slower(slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much longer a wheelchair takes on slopes: no less than a walk, and by their steepness."""
    factor = walk_slower(slope)
    for bound, least in WHEELCHAIR_SLOPES:
        factor = np.where(np.abs(slope) > bound, np.maximum(factor, least), factor)
    return factor


# ── along a way ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Line(NamedTuple):
    """How high a way lies along its course."""

    metres: NDArray[np.float64]
    """float64[n], along the way, ascending from 0."""
    height: NDArray[np.float64]
    """float64[n], metres."""


def follow(
    relief: Relief, arcs: NDArray[np.int32], begin: float, end: float, edge_metres: NDArray[np.float32]
) -> Line | None:
    """Return the heights along a way; None where one of them is not known.

    Parameters
    ----------
    arcs : int32[n]
        In the order they are gone: ``2 * e`` along edge `e`, ``2 * e + 1`` against it.
    begin, end : float
        Shares of the first and of the last arc, in their own direction, from where and to where one goes.
    edge_metres : float32[n_edges]
    """
    edge, back = arcs >> 1, arcs & 1
    low, high = relief.first[edge].astype(np.int64), relief.first[edge + 1].astype(np.int64)
    size = high - low
    bounds = np.concatenate([[0], np.cumsum(size)])
    rank = np.arange(bounds[-1]) - np.repeat(bounds[:-1], size)
    row = np.repeat(np.where(back, high - 1, low), size) + rank * np.repeat(np.where(back, -1, 1), size)
    length = edge_metres[edge].astype(np.float64)
    offset = np.concatenate([[0.0], np.cumsum(length)])
    along = np.repeat(offset[:-1], size) + rank / np.repeat(size - 1, size) * np.repeat(length, size)
    height = relief.height[row].astype(np.float64)
    ends = np.array([begin * length[0], offset[-2] + end * length[-1]])
    inside = (along > ends[0]) & (along < ends[1])
    first, last = np.interp(ends, along, height)
    line = Line(
        np.concatenate([[0.0], along[inside] - ends[0], [ends[1] - ends[0]]]),
        np.concatenate([[first], height[inside], [last]]),
    )
    return None if np.isnan(line.height).any() else line


def find_turns(height: Sequence[float]) -> list[int]:
    """Return where heights turn by `UNDULATION` or more, where that begins and ends included; nothing on the flat."""
    turns: list[int] = []
    low = high = rising = 0
    for at, now in enumerate(height):
        high = at if now > height[high] else high
        low = at if now < height[low] else low
        if rising >= 0 and height[high] - now >= UNDULATION:
            turns.append(high)
            low, rising = at, -1
        elif rising <= 0 and now - height[low] >= UNDULATION:
            turns.append(low)
            high, rising = at, 1
    if rising:
        turns.append(high if rising > 0 else low)
    return turns


def sum_climb(height: Sequence[float]) -> tuple[float, float]:
    """Return how much heights go up and down in all, metres, what is below `UNDULATION` left out."""
    turns = [height[at] for at in find_turns(height)]
    rises = [b - a for a, b in pairwise(turns)]
    return sum(rise for rise in rises if rise > 0), -sum(rise for rise in rises if rise < 0)


def thin(line: Line, most: int = 24) -> Line:
    """Keep a few points of a line: some evenly spaced, and its turns, of very many only the highest and the lowest."""
    marks = np.linspace(0.0, line.metres[-1], most)
    turns = find_turns(line.height.tolist())
    if len(turns) > most:
        turns = [int(line.height.argmin()), int(line.height.argmax())]
    metres = np.unique(np.concatenate([marks, line.metres[turns]]))
    return Line(metres, np.interp(metres, line.metres, line.height))
