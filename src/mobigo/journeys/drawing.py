"""Courses of rides by car on the map: drawn along the streets when first asked for, and kept."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.streetlegs import pairs
from mobigo.kit.geo import arc_metres
from mobigo.street.graph import Profile
from mobigo.street.routing import PATIENCE, course, snap

if TYPE_CHECKING:
    from mobigo.kit.geo import Point
    from mobigo.street.graph import StreetGraph

KEPT_POINTS = 200_000
"""Points of courses that are kept: some hundreds of rides, in 26 MB."""


class Drawn(NamedTuple):
    """The course of a ride on the map."""

    geometry: tuple[tuple[float, float], ...]
    """Longitude and latitude, from its one end to the other."""
    metres: float


class Drawings:
    """The courses asked for so far; any number of threads may ask.

    Parameters
    ----------
    streets : StreetGraph or None
    """

    def __init__(self, streets: StreetGraph | None) -> None:
        self._streets = streets
        self._known: dict[tuple[Point, Point], Drawn | None] = {}
        self._points = 0
        """Of all that `_known` has; a ride without a course counts as one."""
        self._lock = Lock()

    def course(self, start: Point, end: Point) -> Drawn | None:
        """Draw the streets that a vehicle takes; None where there are none."""
        graph = self._streets
        if graph is None or start == end:
            return None
        key = start, end
        with suppress(KeyError):
            return self._known[key]
        snaps = snap(graph, [start, end], Profile.CAR)
        ends = snaps.one(0), snaps.one(1)
        way = drawn = None
        if ends[0] is not None and ends[1] is not None:
            way = course(graph, ends[0], ends[1], Profile.CAR, PATIENCE)
        if way is not None:
            line = (start.lon, start.lat), *pairs(way), (end.lon, end.lat)
            drawn = Drawn(line, round(_measure(line), 1))
        self._keep(key, drawn)
        return drawn

    def _keep(self, key: tuple[Point, Point], drawn: Drawn | None) -> None:
        """Keep the course of a ride, and forget the oldest where there are too many points."""
        with self._lock:
            if key not in self._known:
                self._known[key] = drawn
                self._points += _count(drawn)
            while self._points > KEPT_POINTS:
                self._points -= _count(self._known.pop(next(iter(self._known))))


def _count(drawn: Drawn | None) -> int:
    return 1 if drawn is None else len(drawn.geometry)


def _measure(geometry: tuple[tuple[float, float], ...]) -> float:
    """Metres along a line of longitudes and latitudes."""
    lon, lat = np.radians(np.array(geometry, np.float64)).T
    return float(arc_metres(lat[:-1], lon[:-1], lat[1:], lon[1:]).sum())
