"""The streets as a coach finds them: a view of the same graph, for the same searches.

A view shares every array of the graph but those it changes, and stands where the graph does: a way by car in it is one
by coach. A coach keeps off tracks, low bridges and narrow lanes, does not turn sharply back, and takes its time by the
class of the street and the hour. A stop has a side: a coach comes by and leaves in one direction.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mobigo.kernels.dijkstra import Bans
from mobigo.kernels.hierarchy import list_turns
from mobigo.kernels.nearest import UNIT
from mobigo.osm.access import CLASSES
from mobigo.street.graph import Profile, StreetGraph, find_fastest, find_solid, frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.street.routing import Snaps

SHARPEST = 150.0
"""Degrees: a coach does not turn back more sharply than this from one street into another."""

SIDE_METRES = 1.0
"""A stop nearer to the middle of a street than this lies on neither side of it."""


class Period(StrEnum):
    """Of a school day, by how fast one gets on."""

    MORNING = "morning"
    EVENING = "evening"
    USUAL = "usual"

    @classmethod
    def at(cls, seconds: int) -> Period:
        """Return the period of a local time of day, in seconds after midnight."""
        for period in (cls.MORNING, cls.EVENING):
            first, last = _read_speeds()[period]["hours"]
            if first * 3600 <= seconds < last * 3600:
                return period
        return cls.USUAL


class Stand(NamedTuple):
    """A stop on one side of its street: a coach leaves it in the direction it came in."""

    lon: float
    lat: float
    bearing: float
    """Degrees clockwise from north in which a coach stands there."""


@cache
def _read_speeds() -> dict[str, Any]:
    return tomllib.loads((resources.files("mobigo.street") / "coach.toml").read_text("utf-8"))


def view_as_coach(graph: StreetGraph, period: Period = Period.USUAL) -> StreetGraph:
    """Return the graph in which a way by car is one by coach, in a period of the day."""
    cost = _coach_seconds(graph, period)
    solid = np.where(
        find_solid(graph.net, frozen(cost), graph.edge_from, graph.edge_to), np.uint8(Profile.CAR), np.uint8(0)
    )
    fastest = graph.fastest.copy()
    fastest[list(Profile).index(Profile.CAR)] = find_fastest(graph.edge_metres, cost)
    return graph._replace(
        car=frozen(cost),
        solid=frozen(graph.solid & np.uint8(0xFF ^ Profile.CAR) | solid),
        fastest=frozen(fastest),
        bans=frozen(_ban_sharp_turns(graph, cost)),
    )


def _coach_seconds(graph: StreetGraph, period: Period) -> NDArray[np.float32]:
    """Return the seconds by arc; float32[2 * n_edges], infinite where a coach may not go."""
    speeds = _read_speeds()
    classes = graph.classes.all()
    share = np.array(
        [
            speeds["share_by_class"].get(cls, speeds["usual"]["share"])
            * (1.0 if period is Period.USUAL else speeds[period].get(cls.removesuffix("_link"), 1.0))
            for cls in classes
        ]
    )
    usual = np.array([CLASSES[cls].kmh / 3.6 if cls in CLASSES else 5.0 for cls in classes])
    metres, car = graph.edge_metres.astype(np.float64), graph.car.astype(np.float64).reshape(-1, 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = np.where(np.isfinite(car) & (car > 0), metres[:, None] / car, 0.0)
    speed = np.where(speed > 0, speed, speed[:, ::-1])  # against the cars: as fast as along with them
    speed = np.where(speed > 0, speed, usual[graph.edge_class][:, None])
    speed = np.minimum(speed * share[graph.edge_class][:, None], speeds["usual"]["most_kmh"] / 3.6)
    cost = metres[:, None] / speed
    cost[graph.edge_coach & 1 == 0, 0] = np.inf
    cost[graph.edge_coach & 2 == 0, 1] = np.inf
    return np.asarray(cost.reshape(-1), np.float32)


def _ban_sharp_turns(graph: StreetGraph, cost: NDArray[np.float32]) -> Bans:
    """Return the turn restrictions with those that a coach has no room for; none where a street ends."""
    n_arcs = len(graph.net.arc)
    first, nothing = np.zeros(n_arcs + 1, np.int32), np.zeros(0, np.int32)
    known = graph.net, graph.bans, frozen(cost), graph.edge_flags, int(Profile.CAR), first
    list_turns(*known, nothing, np.zeros(0, np.uint8))
    after, entry = np.empty(first[-1], np.int32), np.empty(first[-1], np.uint8)
    list_turns(*known, after, entry)
    arcs = np.repeat(np.arange(n_arcs), np.diff(first))
    leaving, arriving = _bearings(graph)
    turned = np.abs((leaving[after] - arriving[arcs] + 180.0) % 360.0 - 180.0)
    sharp = (turned > SHARPEST) & (after != arcs ^ 1)
    keys = arcs[sharp].astype(np.int64) * n_arcs + after[sharp]
    turn = np.union1d(graph.bans.turn, keys)
    modes = np.zeros(len(turn), np.uint8)
    modes[np.searchsorted(turn, graph.bans.turn)] = graph.bans.modes
    modes[np.searchsorted(turn, keys)] |= np.uint8(Profile.CAR)
    nodes = graph.bans.nodes.copy()
    nodes[graph.net.head[arcs[sharp]]] = 1
    return Bans(turn, modes, nodes)


def _bearings(graph: StreetGraph) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the direction in which each arc leaves its node, and that in which it arrives; float64[2 * n_edges]."""
    first, last = graph.shapes.first[:-1], graph.shapes.first[1:] - 1
    begin, end = _direction(graph, first, first + 1), _direction(graph, last - 1, last)
    leaving = np.stack([begin, end + 180.0], axis=1).reshape(-1) % 360.0
    arriving = np.stack([end, begin + 180.0], axis=1).reshape(-1) % 360.0
    return leaving, arriving


def _direction(graph: StreetGraph, a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    lon, lat = graph.shapes.lon.astype(np.float64) * UNIT, graph.shapes.lat.astype(np.float64) * UNIT
    x = (lon[b] - lon[a]) * np.cos(np.radians(lat[a]))
    return np.asarray(np.degrees(np.arctan2(x, lat[b] - lat[a])) % 360.0)


def find_sides(graph: StreetGraph, snaps: Snaps, bearings: NDArray[np.float64]) -> NDArray[np.int8]:
    """Tell in which direction of its street each place is left.

    Parameters
    ----------
    bearings : float64[n], degrees; not a number: in either

    Returns
    -------
    int8[n]
        0 along the street as it is drawn, 1 against it, -1 either; either, too, where the street leads one way only.
    """
    sides = np.full(len(snaps.edge), -1, np.int8)
    for i in np.flatnonzero((snaps.edge >= 0) & np.isfinite(bearings)).tolist():
        edge = int(snaps.edge[i])
        if np.isfinite(graph.car[2 * edge]) and np.isfinite(graph.car[2 * edge + 1]):
            turned = abs((bearings[i] - _bearing_at(graph, edge, float(snaps.fraction[i])) + 180.0) % 360.0 - 180.0)
            sides[i] = 0 if turned <= 90.0 else 1  # noqa: PLR2004 - degrees
    return sides


def stand_at(graph: StreetGraph, snaps: Snaps, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell in which direction a coach stands at places beside a street, where one keeps to the right.

    Parameters
    ----------
    points : float64[n, 2], lon and lat

    Returns
    -------
    float64[n]
        Degrees; not a number where the place lies on no street, or in the middle of one.
    """
    found = np.full(len(points), np.nan)
    for i in np.flatnonzero((snaps.edge >= 0) & (snaps.metres >= SIDE_METRES)).tolist():
        along = _bearing_at(graph, int(snaps.edge[i]), float(snaps.fraction[i]))
        x, y = points[i] - snaps.at[i]
        towards = np.degrees(np.arctan2(x * np.cos(np.radians(points[i, 1])), y))
        is_right = (towards - along) % 360.0 < 180.0  # noqa: PLR2004 - degrees
        found[i] = along if is_right else (along + 180.0) % 360.0
    return found


def _bearing_at(graph: StreetGraph, edge: int, fraction: float) -> float:
    """Return the direction of an edge, as it is drawn, at a share of its length."""
    a, b = int(graph.shapes.first[edge]), int(graph.shapes.first[edge + 1])
    lon, lat = graph.shapes.lon[a:b].astype(np.float64) * UNIT, graph.shapes.lat[a:b].astype(np.float64) * UNIT
    x, y = np.diff(lon) * np.cos(np.radians(lat[0])), np.diff(lat)
    lengths = np.hypot(x, y)
    marks = np.cumsum(lengths)
    piece = min(int(np.searchsorted(marks, fraction * marks[-1])), len(lengths) - 1)
    return float(np.degrees(np.arctan2(x[piece], y[piece])) % 360.0)
