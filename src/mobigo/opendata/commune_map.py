"""A commune drawn small: its outline, water, railways and main roads, and numbered marks; on the page and on paper."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians
from typing import TYPE_CHECKING, Any

import shapely

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from mobigo.kit.geo import Point
    from mobigo.opendata.communes import Here

WIDTH = 640
"""Units across."""
TALLEST = 560
LEAST = 2_000.0
"""Metres across, at least."""
MARGIN = 1.12
"""What is drawn is so much larger than what must be seen."""
DEGREE = 111_195.0
"""Metres of a degree of latitude."""
FINE = 1.5
"""Units below which a bend is not drawn."""

_DRAWN = """
    SELECT name, ST_AsBinary(ST_ClipByBox2D(geom, box))
    FROM (SELECT ST_MakeEnvelope(%s, %s, %s, %s, 4326) AS box) AS frame
    JOIN (
        SELECT 'water' AS name, geom FROM osm_area WHERE kind = 'water' AND square_metres > 20000
        UNION ALL SELECT 'river', geom FROM osm_line WHERE class = 'waterway' AND kind IN ('river', 'canal')
        UNION ALL SELECT 'road', geom FROM street_overview
        UNION ALL SELECT 'rail', geom FROM osm_line WHERE class = 'railway' AND kind IN ('rail', 'tram')
    ) AS drawn ON geom && box
"""
"""What is drawn, by its class in the page's style."""
LAYERS = ("water", "river", "road", "rail")
"""From below to above."""


@dataclass(frozen=True)
class Mark:
    """Something to find on the map."""

    kind: str
    """``stop``, ``carpool``, ``parking``, ``sales``, ``centre``."""
    label: str
    """A number or sign; empty: a dot."""
    x: float
    y: float


@dataclass(frozen=True)
class Sketch:
    """A drawn commune."""

    width: int
    height: int
    layers: tuple[tuple[str, str], ...]
    """Class and path (SVG), from below to above."""
    marks: tuple[Mark, ...]
    kilometre: float
    """Units of one kilometre."""


def draw_commune(connection: Connection[Any], here: Here, marks: Sequence[tuple[str, str, Point]]) -> Sketch:
    """Draw a commune.

    Parameters
    ----------
    marks
        Kind, label and place; those outside the map are left out.
    """
    frame = _Frame.around(here, [point for kind, _, point in marks if kind != "centre"])
    layers = [("outline", frame.path([here.outline]))] if here.outline is not None else []
    shapes: dict[str, list[Any]] = {name: [] for name in LAYERS}
    for name, raw in connection.execute(_DRAWN, frame.box):
        if raw is not None:
            shapes[name].append(shapely.from_wkb(bytes(raw)))
    layers += [(name, path) for name, ones in shapes.items() if (path := frame.path(ones))]
    drawn = [Mark(kind, label, *frame.place(point.lon, point.lat)) for kind, label, point in marks]
    inside = tuple(one for one in drawn if 0 <= one.x <= frame.width and 0 <= one.y <= frame.height)
    return Sketch(frame.width, frame.height, tuple(layers), inside, round(1000 / frame.metres, 1))


@dataclass(frozen=True)
class _Frame:
    """The part of the world that is drawn."""

    box: tuple[float, float, float, float]
    width: int
    height: int
    metres: float
    """Of one unit."""

    @classmethod
    def around(cls, here: Here, points: Sequence[Point]) -> _Frame:
        """Frame the outline of a commune, else its centre, and what lies in it."""
        centre = here.commune.point
        lons, lats = [centre.lon, *(one.lon for one in points)], [centre.lat, *(one.lat for one in points)]
        if here.outline is not None:
            west, south, east, north = here.outline.bounds
            lons, lats = [west, east, *lons], [south, north, *lats]
        squeeze = cos(radians(centre.lat))
        across = max((max(lons) - min(lons)) * DEGREE * squeeze, LEAST) * MARGIN
        along = max((max(lats) - min(lats)) * DEGREE, LEAST * 0.6) * MARGIN
        metres = max(across / WIDTH, along / TALLEST)
        height = round(along / metres)
        lon, lat = (min(lons) + max(lons)) / 2, (min(lats) + max(lats)) / 2
        half_lon, half_lat = WIDTH * metres / 2 / DEGREE / squeeze, height * metres / 2 / DEGREE
        return cls((lon - half_lon, lat - half_lat, lon + half_lon, lat + half_lat), WIDTH, height, metres)

    def place(self, lon: float, lat: float) -> tuple[float, float]:
        """Place a point on the drawing."""
        west, south, east, north = self.box
        return (
            round((lon - west) / (east - west) * self.width, 1),
            round((north - lat) / (north - south) * self.height, 1),
        )

    def path(self, shapes: Iterable[Any]) -> str:
        """Write shapes as one path, bends that nobody sees left out."""
        lines: list[str] = []
        for shape in shapes:
            simple = shapely.simplify(shapely.transform(shape, self._move), FINE)
            for part in shapely.get_parts(simple):
                rings = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
                for ring in rings:
                    points = [f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)]
                    if len(points) > 1:
                        lines.append("M" + "L".join(points))
        return "".join(lines)

    def _move(self, coordinates: Any) -> Any:  # noqa: ANN401 - an array of longitudes and latitudes
        west, _, east, north = self.box
        moved = coordinates.copy()
        moved[:, 0] = (coordinates[:, 0] - west) / (east - west) * self.width
        moved[:, 1] = (north - coordinates[:, 1]) / (north - self.box[1]) * self.height
        return moved
