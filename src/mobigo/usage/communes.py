"""Communes as the people who plan see them: name, inhabitants, centre, outline; and in which one a square lies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.carpool.openfile_store import find_communes
from mobigo.kit.geo import Point
from mobigo.kit.grid import NOWHERE, middle

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

_COMMUNES = """
    SELECT coalesce(place.insee, 'osm:' || coalesce(place.id, area.id)) AS id, coalesce(place.insee, ''),
        coalesce(area.name, place.name), place.population, ST_X(at.geom), ST_Y(at.geom), area.drawn
    FROM (
        SELECT osm_type || osm_id AS id, name, geom, ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, 0.001), 4) AS drawn
        FROM osm_area WHERE kind = 'administrative' AND admin_level = 8 AND name IS NOT NULL
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
"""Ids as of `find_communes`."""


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
    rows = connection.execute(_COMMUNES)
    return {
        id_: Commune(id_, insee, name, population, Point(lon, lat), json.loads(drawn) if drawn else None)
        for id_, insee, name, population, lon, lat, drawn in rows
    }


def place_cells(connection: Connection[Any], cells: Collection[int]) -> dict[int, str]:
    """Tell in which commune the middle of each square lies, by id; squares far from any are left out."""
    middles = {cell: middle(cell) for cell in set(cells) - {NOWHERE}}
    found = find_communes(connection, sorted(set(middles.values())))
    return {cell: found[point].id for cell, point in middles.items() if point in found}
