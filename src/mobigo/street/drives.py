"""Driving times between any places, in tables: what dispatching, matching and timetabling by car ask for.

The answers are those of `mobigo.street.routing.between` with `Profile.CAR`: turn restrictions kept, streets of
residents driven through only where the detour would be long, the metres from a place to its street at a walker's pace.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kit.geo import Point, haversine
from mobigo.street.graph import WALK_SPEED, Profile, StreetGraph
from mobigo.street.routing import PATIENCE, Snaps, between, roll, roll_seconds, snap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_WAY = -1

STRAIGHT_SPEED, STRAIGHT_DETOUR = 13.9, 1.3
"""Metres per second, and how much longer a road is than the straight line, where no streets are loaded."""


class Drives:
    """Seconds and metres by car between places; any number of threads may ask at once.

    Parameters
    ----------
    graph : StreetGraph or None
        None where no streets are loaded: times are those of straight lines.
    """

    def __init__(self, graph: StreetGraph | None) -> None:
        self._graph = graph

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return the seconds from every origin to every destination.

        Returns
        -------
        int32[n_origins, n_destinations]
            Rounded up; 0 from a place to itself, -1 where there is no way.
        """
        found = np.full((len(origins), len(destinations)), NO_WAY, np.int32)
        if self._graph is None:
            for row, metres in zip(found, _straight(origins, destinations), strict=True):
                row[:] = np.ceil(metres / STRAIGHT_SPEED)
        elif origins and destinations:
            starts, ends = snap(self._graph, origins, Profile.CAR), snap(self._graph, destinations, Profile.CAR)
            for row, at in zip(found, range(len(origins)), strict=True):
                row[:] = _search(self._graph, starts, at, ends)
        _stay(found, origins, destinations)
        return found

    def metres(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return the metres along the quickest ways from every origin to every destination; as `seconds`."""
        found = np.full((len(origins), len(destinations)), NO_WAY, np.int32)
        if self._graph is None:
            found[:] = np.rint(_straight(origins, destinations))
        elif origins and destinations:
            starts, ends = snap(self._graph, origins, Profile.CAR), snap(self._graph, destinations, Profile.CAR)
            for i in range(len(origins)):
                for j in range(len(destinations)):
                    start, end = starts.one(i), ends.one(j)
                    way = between(self._graph, start, end, Profile.CAR) if start and end else None
                    found[i, j] = NO_WAY if way is None else round(way.metres)
        _stay(found, origins, destinations)
        return found

    def one_to_many(self, origin: Point, destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return the seconds from one place to others; int32[n], as `seconds`."""
        return np.asarray(self.seconds([origin], destinations)[0])

    def many_to_one(self, origins: Sequence[Point], destination: Point) -> NDArray[np.int32]:
        """Return the seconds from places to one other; int32[n], as `seconds`."""
        return np.asarray(self.seconds(origins, [destination])[:, 0])


def _straight(origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.float64]:
    metres = [[STRAIGHT_DETOUR * haversine(a, b) for b in destinations] for a in origins]
    return np.array(metres, np.float64).reshape(len(origins), len(destinations))


def _stay(found: NDArray[np.int32], origins: Sequence[Point], destinations: Sequence[Point]) -> None:
    """Set what leads from a place to itself to nothing: a vehicle that is there stays."""
    where: dict[Point, list[int]] = {}
    for j, point in enumerate(destinations):
        where.setdefault(point, []).append(j)
    for i, point in enumerate(origins):
        found[i, where.get(point, [])] = 0


def _search(graph: StreetGraph, starts: Snaps, at: int, ends: Snaps) -> NDArray[np.int32]:
    """Search from one place until every other one is reached, further out each time."""
    start = starts.one(at)
    if start is None:
        return np.full(len(ends.edge), NO_WAY, np.int32)
    stretch = np.array([math.cos(math.radians(start.lat)), 1.0]) * 111_195.0
    known = ends.edge >= 0
    far = float(np.hypot(*((ends.at[known] - (start.lon, start.lat)) * stretch).T).max(initial=0.0))
    limit = min(600.0 + far / 10.0, PATIENCE)
    while True:
        walked = (start.metres + float(ends.metres[known].max(initial=0.0))) / WALK_SPEED
        seconds = roll_seconds(roll(graph, start, Profile.CAR, limit + walked), ends)
        if limit >= PATIENCE or (seconds[known] >= 0).all():
            return seconds
        limit = min(4 * limit, PATIENCE)
