"""The ways that trips drive: how far it is from each stop to the next, in whole metres.

Along the shape of the trip where it has one, else in straight lines (`transit.shapes`). Trips over the same stops share
a way, unless their shapes lead clearly elsewhere.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import arc_metres
from mobigo.transit.shapes import draw, measure, pass_stops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.shapes import Shape

ALIKE, ALIKE_METRES = 0.01, 10
"""Ways from stop to stop that differ by no more than that share of the shorter, or by so many metres, are the same:
feeds that draw each trip anew, as it was once driven, have one way for each line all the same."""


class Calls(NamedTuple):
    """The calls of trips."""

    first: NDArray[np.int64]
    """int64[n_trips + 1], index; those of trip `t` are rows `first[t]:first[t + 1]`."""
    stop: NDArray[np.int32]
    told: NDArray[np.float64]
    """float64[n_calls], shape_dist_traveled or NaN."""
    shape: NDArray[np.int32]
    """int32[n_trips], shape or -1."""


class Places(NamedTuple):
    """Where stops are, and the points of shapes; degrees, NaN where unknown."""

    stop_lon: NDArray[np.float64]
    stop_lat: NDArray[np.float64]
    shape_first: NDArray[np.int64]
    """int64[n_shapes + 1], index."""
    shape_lon: NDArray[np.float64]
    shape_lat: NDArray[np.float64]
    shape_told: NDArray[np.float64]
    """float64[n_points], shape_dist_traveled or NaN."""

    def points(self, shape: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the points of a shape: longitude, latitude, shape_dist_traveled."""
        rows = slice(int(self.shape_first[shape]), int(self.shape_first[shape + 1]))
        return self.shape_lon[rows], self.shape_lat[rows], self.shape_told[rows]

    def find_same(self) -> NDArray[np.int32]:
        """Number for each shape the first one that is drawn alike; -1 for those without two points."""
        known: dict[bytes, int] = {}
        same = np.full(len(self.shape_first) - 1, -1, np.int32)
        for shape in np.flatnonzero(np.diff(self.shape_first) > 1).tolist():
            digest = blake2b(digest_size=16)
            for column in self.points(shape):
                digest.update(np.ascontiguousarray(column).data)
            same[shape] = known.setdefault(digest.digest(), shape)
        return same


class Ways(NamedTuple):
    """The ways of trips."""

    of_trip: NDArray[np.int32]
    """int32[n_trips], way; -1 for those that were not asked for."""
    hops: list[NDArray[np.int32]]
    """By way int32[n_stops], metres from the stop before; 0 for the first."""


def find_ways(calls: Calls, places: Places, trips: NDArray[np.int64]) -> Ways:
    """Find the ways of some trips; those over the same stops on the same shape are measured once."""
    of_trip = np.full(len(calls.shape), -1, np.int32)
    stops, told, first = calls.stop.tobytes(), calls.told.tobytes(), calls.first.tolist()
    shape_of = np.append(places.find_same(), -1)[calls.shape].tolist()
    says = (np.diff(np.concatenate(([0], np.cumsum(np.isfinite(calls.told))))[calls.first]) > 0).tolist()
    measured: dict[tuple[bytes, int, bytes], int] = {}
    alike: dict[bytes, list[int]] = {}
    hops: list[NDArray[np.int32]] = []
    for trip in trips.tolist():
        start, end, shape = first[trip], first[trip + 1], shape_of[trip]
        key = (
            stops[4 * start : 4 * end],
            shape,
            told[8 * start : 8 * end] if shape >= 0 and says[trip] else b"",
        )
        way = measured.get(key)
        if way is None:
            rows = slice(start, end)
            found = measure_way(
                places.stop_lon[calls.stop[rows]],
                places.stop_lat[calls.stop[rows]],
                calls.told[rows],
                draw(*places.points(shape)) if shape >= 0 else None,
            )
            known = alike.setdefault(key[0], [])
            way = next((one for one in known if _is_alike(hops[one], found)), len(hops))
            if way == len(hops):
                hops.append(found)
                known.append(way)
            measured[key] = way
        of_trip[trip] = way
    return Ways(of_trip, hops)


def measure_way(
    lon: NDArray[np.float64], lat: NDArray[np.float64], told: NDArray[np.float64], shape: Shape | None
) -> NDArray[np.int32]:
    """Measure the way over some stops.

    Parameters
    ----------
    lon, lat : float64[n_stops]
        Degrees, NaN where unknown.
    told : float64[n_stops]
        shape_dist_traveled, NaN where it is not said.
    shape : Shape, optional
        None: straight lines.

    Returns
    -------
    int32[n_stops], metres from the stop before, each to the nearest; 0 for the first, and where a place is not known.
    """
    if shape is None:
        return measure_straight(lon, lat)
    return _round(measure(pass_stops(shape, lon, lat, told), hop_straight(lon, lat)))


def measure_straight(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
    """Measure the way from place to place in straight lines, as `measure_way` does."""
    return _round(hop_straight(lon, lat))


def hop_straight(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the straight lines from place to place, float64[n - 1], metres; NaN where a place is not known."""
    x, y = np.radians(lon), np.radians(lat)
    return arc_metres(y[:-1], x[:-1], y[1:], x[1:])


def _round(hops: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.concatenate(([0], np.rint(np.nan_to_num(hops)))).astype(np.int32)


def _is_alike(one: NDArray[np.int32], other: NDArray[np.int32]) -> bool:
    return bool((np.abs(one - other) <= np.maximum(ALIKE_METRES, ALIKE * np.minimum(one, other))).all())
