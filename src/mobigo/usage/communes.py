"""Communes as the people who plan see them: name, inhabitants, centre, outline; and in which one a square lies."""

from __future__ import annotations

import json
from math import cos, radians
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from mobigo.kit.geo import Point, haversine
from mobigo.kit.grid import NOWHERE, middle

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

_COMMUNES = """
    SELECT coalesce(place.insee, 'osm:' || coalesce(place.id, area.id)) AS id, coalesce(place.insee, ''),
        coalesce(area.name, place.name), place.population, ST_X(at.geom), ST_Y(at.geom), area.drawn
    FROM (
        SELECT osm_type || osm_id AS id, name, geom, {drawn} AS drawn FROM osm_area
        WHERE kind = 'administrative' AND admin_level = 8 AND name IS NOT NULL
    ) AS area
    LEFT JOIN LATERAL (
        SELECT osm_type || osm_id AS id, insee, name, population, geom FROM osm_place
        WHERE kind IN ('city', 'town', 'village', 'municipality') AND name IS NOT NULL AND ST_Covers(area.geom, geom)
        ORDER BY (name = area.name) DESC, geom <-> ST_Centroid(area.geom), osm_id LIMIT 1
    ) AS place ON true
    CROSS JOIN LATERAL (SELECT coalesce(place.geom, ST_PointOnSurface(area.geom)) AS geom) AS at
    UNION ALL
    SELECT coalesce(insee, 'osm:' || osm_type || osm_id), coalesce(insee, ''), name, population, ST_X(geom), ST_Y(geom),
        NULL
    FROM osm_place AS alone
    WHERE kind IN ('city', 'town', 'village', 'municipality') AND name IS NOT NULL AND NOT EXISTS (
        SELECT FROM osm_area WHERE kind = 'administrative' AND admin_level = 8 AND ST_Covers(osm_area.geom, alone.geom)
    )
    ORDER BY 1
"""
"""Ids are codes of INSEE where they are known."""
_DRAWN = "ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, 0.001), 4)"
_PACKED = "ST_AsBinary(ST_SimplifyPreserveTopology(geom, 0.0005))"

FARTHEST = 10_000
"""Metres to the centre of a commune whose outline is not known."""


class Commune(NamedTuple):
    """Where people live."""

    id: str
    insee: str
    """Empty: not known."""
    name: str
    population: int | None
    centre: Point
    outline: dict[str, Any] | None
    """GeoJSON, simplified to a hundred metres; None where only the centre is known."""

    @property
    def place(self) -> dict[str, Any]:
        """Return its outline, else its centre, as GeoJSON."""
        return self.outline or {"type": "Point", "coordinates": list(self.centre)}


def list_communes(connection: Connection[Any]) -> dict[str, Commune]:
    """List the communes of the extract in service, by id."""
    rows = connection.execute(_COMMUNES.replace("{drawn}", _DRAWN).encode())
    return {
        id_: Commune(id_, insee, name, population, Point(lon, lat), json.loads(drawn) if drawn else None)
        for id_, insee, name, population, lon, lat, drawn in rows
    }


def place_cells(connection: Connection[Any], cells: Collection[int]) -> dict[int, str]:
    """Tell in which commune the middle of each square lies, by id: by outlines, else by the nearest centre.

    Squares farther than `FARTHEST` from any are left out. Outlines are simplified to fifty metres.
    """
    wanted = sorted(set(cells) - {NOWHERE})
    rows = connection.execute(_COMMUNES.replace("{drawn}", _PACKED).encode()).fetchall()
    if not wanted or not rows:
        return {}
    middles = np.array([middle(cell) for cell in wanted])
    outlined = [number for number, row in enumerate(rows) if row[6] is not None]
    found = np.full(len(wanted), -1)
    tree = shapely.STRtree(shapely.from_wkb([rows[number][6] for number in outlined]))
    points, outlines = tree.query(shapely.points(middles), predicate="intersects")
    found[points[::-1]] = np.array(outlined, int)[outlines[::-1]] if len(points) else -1
    centres = np.array([[row[4], row[5]] for row in rows])
    left = np.flatnonzero(found < 0)
    if len(left):
        squeeze = np.array([cos(radians(float(centres[:, 1].mean()))), 1.0])
        nearest = shapely.STRtree(shapely.points(centres * squeeze))
        which, near = nearest.query_nearest(shapely.points(middles[left] * squeeze), all_matches=False)
        for at, number in zip(left[which].tolist(), near.tolist(), strict=True):
            if haversine(Point(*middles[at]), Point(*centres[number])) <= FARTHEST:
                found[at] = number
    return {cell: rows[number][0] for cell, number in zip(wanted, found.tolist(), strict=True) if number >= 0}
