"""Distances on the ground."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.errors import InvalidInput
from mobigo.kit.units import Metres

if TYPE_CHECKING:
    from numpy.typing import NDArray

EARTH_RADIUS = 6_371_008.8
"""Metres, mean radius of the WGS84 ellipsoid (IUGG)."""


MAX_LAT, MAX_LON = 90, 180
"""Degrees."""


class Point(NamedTuple):
    """A place on the ground: longitude first inside and in GeoJSON, latitude first where people type."""

    lon: float
    lat: float


def haversine(a: Point, b: Point) -> Metres:
    """Great-circle distance in metres."""
    half_lat = radians(b.lat - a.lat) / 2
    half_lon = radians(b.lon - a.lon) / 2
    h = sin(half_lat) ** 2 + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(half_lon) ** 2
    return Metres(2 * EARTH_RADIUS * asin(min(1.0, sqrt(h))))


def arc_metres(
    lat_a: NDArray[np.float64], lon_a: NDArray[np.float64], lat_b: NDArray[np.float64], lon_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Great-circle distances in metres between points in radians."""
    h = np.sin((lat_b - lat_a) / 2) ** 2 + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    metres: NDArray[np.float64] = 2 * EARTH_RADIUS * np.arcsin(np.minimum(1.0, np.sqrt(h)))
    return metres


def parse_point(text: str) -> Point:
    """Read ``LAT,LON`` as people type it.

    Raises
    ------
    InvalidInput
        When it is not two numbers within ±90 and ±180.
    """
    parts = text.split(",")
    try:
        lat, lon = (float(part) for part in parts)
    except ValueError:
        raise InvalidInput(f"{text!r} is not LAT,LON; write it like 47.4906,4.3347") from None
    if not (abs(lat) <= MAX_LAT and abs(lon) <= MAX_LON):
        raise InvalidInput(f"{text!r} is outside latitude ±90, longitude ±180; latitude comes first")
    return Point(lon, lat)
