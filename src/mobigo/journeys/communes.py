"""Communes around a place, with their people: who is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from psycopg import Connection

_COMMUNES = """
    SELECT place.id, place.name, place.lon, place.lat, known.insee, known.population
    FROM place LEFT JOIN osm_place AS known ON place.id = 'commune/' || left(known.osm_type, 1) || known.osm_id
    WHERE place.kind = 'commune' AND place.lon BETWEEN %s AND %s AND place.lat BETWEEN %s AND %s
    ORDER BY place.id
"""


class Commune(NamedTuple):
    """A commune, by its centre."""

    id: str
    """Of the place."""
    name: str
    point: Point
    insee: str | None
    population: int | None


def list_communes_in(connection: Connection[Any], box: tuple[float, float, float, float]) -> list[Commune]:
    """List the communes whose centre lies in a box: west, south, east, north, degrees."""
    west, south, east, north = box
    rows = connection.execute(_COMMUNES, (west, east, south, north)).fetchall()
    return [Commune(one[0], one[1], Point(one[2], one[3]), one[4] or None, one[5]) for one in rows]
