"""Squares of a kilometre: the European grid of INSPIRE, in Lambert's azimuthal equal-area projection (EPSG:3035).

A square is one integer: northing in kilometres times 10,000 plus easting in kilometres of its south-west corner, so
that squares sort from south to north; ``26503950`` is ``CRS3035RES1000mN2650000E3950000``. WGS84 is taken for ETRS89,
which differ by less than a metre.

References
----------
Snyder (1987), Map Projections: A Working Manual, pages 187 to 190; INSPIRE D2.8.I.2, Geographical Grid Systems.
"""

from __future__ import annotations

import re
from math import asin, atan2, atanh, cos, degrees, hypot, inf, isfinite, radians, sin, sqrt
from typing import Any

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import MAX_LAT, MAX_LON, Point

NOWHERE = 0
"""Instead of a square, for a place that is not on the grid."""

KILOMETRE = 1_000
"""Metres; the side of a square."""

SIDE = 10_000
"""Squares in a row of the grid, and rows."""

_AXIS = 6_378_137.0
_FLATTENING = 1 / 298.257222101
_ECCENTRICITY2 = _FLATTENING * (2 - _FLATTENING)
_ECCENTRICITY = sqrt(_ECCENTRICITY2)
_LAT0, _LON0 = radians(52), radians(10)
_EAST0, _NORTH0 = 4_321_000.0, 3_210_000.0
_NAME = re.compile(r"CRS3035RES1000mN(\d{1,4})000E(\d{1,4})000")
_NEAR = 1e-14
"""Radians by which an iteration of the latitude changes at last."""
_ROUNDS = 10
_NOTHING = 1e-9
"""Metres, or a cosine, that is none."""


def _authalic(sin_lat: float) -> float:
    """Return Snyder's q (3-12) of the sine of a latitude."""
    part = _ECCENTRICITY * sin_lat
    return (1 - _ECCENTRICITY2) * (sin_lat / (1 - part * part) + atanh(part) / _ECCENTRICITY)


_Q_POLE = _authalic(1.0)
_BETA0 = asin(_authalic(sin(_LAT0)) / _Q_POLE)
_SIN_BETA0, _COS_BETA0 = sin(_BETA0), cos(_BETA0)
_RADIUS = _AXIS * sqrt(_Q_POLE / 2)
_STRETCH = _AXIS * cos(_LAT0) / sqrt(1 - _ECCENTRICITY2 * sin(_LAT0) ** 2) / (_RADIUS * _COS_BETA0)


def project(point: Point) -> tuple[float, float]:
    """Return easting and northing of a place, in metres (EPSG:3035); infinite on the other side of the earth."""
    q = _authalic(sin(radians(point.lat))) / _Q_POLE
    sin_beta = max(-1.0, min(1.0, q))
    cos_beta = sqrt(1 - sin_beta * sin_beta)
    turn = radians(point.lon) - _LON0
    across = cos_beta * cos(turn)
    inner = 1 + _SIN_BETA0 * sin_beta + _COS_BETA0 * across
    if inner < _NOTHING:
        return inf, inf
    scale = _RADIUS * sqrt(2 / inner)
    east = scale * _STRETCH * cos_beta * sin(turn)
    north = scale / _STRETCH * (_COS_BETA0 * sin_beta - _SIN_BETA0 * across)
    return _EAST0 + east, _NORTH0 + north


def unproject(east: float, north: float) -> Point:
    """Return the place at an easting and a northing in metres (EPSG:3035)."""
    x, y = (east - _EAST0) / _STRETCH, (north - _NORTH0) * _STRETCH
    far = hypot(x, y)
    if far < _NOTHING:
        return Point(degrees(_LON0), degrees(_LAT0))
    angle = 2 * asin(min(1.0, far / (2 * _RADIUS)))
    sin_angle, cos_angle = sin(angle), cos(angle)
    sin_beta = cos_angle * _SIN_BETA0 + y * sin_angle * _COS_BETA0 / far
    lon = _LON0 + atan2(x * sin_angle, far * _COS_BETA0 * cos_angle - y * _SIN_BETA0 * sin_angle)
    return Point(degrees(lon), degrees(_latitude(sin_beta)))


def _latitude(sin_beta: float) -> float:
    """Return the geodetic latitude of an authalic one by Newton's steps (Snyder 3-16)."""
    q = _Q_POLE * sin_beta
    lat = asin(max(-1.0, min(1.0, sin_beta)))
    for _ in range(_ROUNDS):
        sin_lat, cos_lat = sin(lat), cos(lat)
        if cos_lat < _NOTHING:  # at a pole
            break
        inner = 1 - _ECCENTRICITY2 * sin_lat * sin_lat
        step = inner * inner / (2 * cos_lat) * (q - _authalic(sin_lat)) / (1 - _ECCENTRICITY2)
        lat += step
        if abs(step) < _NEAR:
            break
    return lat


def cell_at(point: Point) -> int:
    """Return the square in which a place lies; `NOWHERE` for what is not on the grid."""
    lon, lat = point
    if not (isfinite(lon) and isfinite(lat) and abs(lat) <= MAX_LAT and abs(lon) <= MAX_LON):
        return NOWHERE
    east, north = project(point)
    if not (0 <= east < SIDE * KILOMETRE and 0 <= north < SIDE * KILOMETRE):
        return NOWHERE
    return int(north // KILOMETRE) * SIDE + int(east // KILOMETRE)


def corner(cell: int) -> tuple[int, int]:
    """Return easting and northing of a square's south-west corner, in metres."""
    return cell % SIDE * KILOMETRE, cell // SIDE * KILOMETRE


def middle(cell: int) -> Point:
    """Return the middle of a square."""
    east, north = corner(cell)
    return unproject(east + KILOMETRE / 2, north + KILOMETRE / 2)


def square(cell: int) -> dict[str, Any]:
    """Return a square as a polygon of GeoJSON: counter-clockwise, closed, to a tenth of a metre."""
    east, north = corner(cell)
    steps = ((0, 0), (KILOMETRE, 0), (KILOMETRE, KILOMETRE), (0, KILOMETRE), (0, 0))
    ring = [unproject(east + right, north + up) for right, up in steps]
    return {"type": "Polygon", "coordinates": [[[round(lon, 6), round(lat, 6)] for lon, lat in ring]]}


def cell_name(cell: int) -> str:
    """Return the name of a square by INSPIRE."""
    east, north = corner(cell)
    return f"CRS3035RES1000mN{north}E{east}"


def read_cell(name: str) -> int:
    """Read the name of a square by INSPIRE.

    Raises
    ------
    InvalidInput
        When it is none of this grid.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise InvalidInput(
            f"{name[:60]!r} names no square of a kilometre; write it like CRS3035RES1000mN2650000E3950000"
        )
    return int(found[1]) * SIDE + int(found[2])
