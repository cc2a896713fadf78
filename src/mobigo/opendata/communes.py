"""Communes: under which address each has its page, where it lies, and what is in it.

A commune is the place of that kind (`places`): its key is its INSEE code where the extract tells it, else its name as
it is written in addresses, with the number of its object where two have one name. What lies in it is told by its
outline; where none is drawn, by the nearest centre, of which that of a city reaches four times as far as a village's.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely

from mobigo.kit.geo import Point, haversine
from mobigo.kit.names import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

INSEE = re.compile(r"^[0-9][0-9AB][0-9]{3}$")
OBJECT = re.compile(r"^[nwr][0-9]+$")
"""A place's own number, as its id ends."""

AROUND = 8
"""Communes whose outlines are looked at for a point, the nearest first."""

_COMMUNES = """
    SELECT DISTINCT ON (place.id) place.id, place.name, place.folded, place.lon, place.lat, place.stop_ids,
        known.insee, known.postcode, known.population
    FROM place LEFT JOIN osm_place AS known ON place.id = 'commune/' || left(known.osm_type, 1) || known.osm_id
    WHERE place.kind = 'commune'
    ORDER BY place.id
"""

_INSIDE = """
    SELECT given.number FROM unnest(%(lons)s::float8[], %(lats)s::float8[]) WITH ORDINALITY AS given (lon, lat, number)
    CROSS JOIN LATERAL (
        SELECT around.id FROM (
            SELECT place.id, CASE known.kind WHEN 'city' THEN 4 WHEN 'town' THEN 2 ELSE 1 END AS reach,
                ST_DistanceSphere(ST_MakePoint(place.lon, place.lat), ST_MakePoint(given.lon, given.lat)) AS metres
            FROM place LEFT JOIN osm_place AS known ON place.id = 'commune/' || left(known.osm_type, 1) || known.osm_id
            WHERE place.kind = 'commune'
                AND place.lon BETWEEN %(lon)s - 0.4 AND %(lon)s + 0.4
                AND place.lat BETWEEN %(lat)s - 0.3 AND %(lat)s + 0.3
        ) AS around
        WHERE metres < 10000 ORDER BY metres / reach, id LIMIT 1
    ) AS nearest
    WHERE nearest.id = %(id)s
"""
"""Which points are nearer to this commune than to any other, as stops are placed."""


@dataclass(frozen=True)
class Commune:
    """A commune that has a page."""

    id: str
    """Of the place."""
    key: str
    """Of its page."""
    name: str
    insee: str
    """Empty where it is not known."""
    postcode: str
    population: int | None
    point: Point
    stop_ids: tuple[str, ...]
    """``source:stop_id`` of stops from which something leaves, main one first."""

    slug: str
    """Its name as addresses write it."""

    @property
    def letter(self) -> str:
        """Where it stands in a list."""
        return self.slug[:1].upper()


def slug_of(name: str) -> str:
    """Write a name for an address."""
    return fold(name).replace(" ", "-")


def list_communes(connection: Connection[Any]) -> list[Commune]:
    """List all communes by name."""
    rows = connection.execute(_COMMUNES).fetchall()
    names = Counter(folded for _, _, folded, *_ in rows)
    codes = Counter(insee for *_, insee, _, _ in rows)
    found = []
    for id_, name, folded, lon, lat, stop_ids, insee, postcode, population in rows:
        code = insee if insee and INSEE.match(insee) and codes[insee] == 1 else ""
        slug = folded.replace(" ", "-")
        key = code or (slug if names[folded] == 1 else f"{slug}-{id_.rpartition('/')[2]}")
        point = Point(lon, lat)
        found.append(Commune(id_, key, name, code, postcode or "", population, point, tuple(stop_ids), slug))
    return sorted(found, key=lambda one: (one.slug, one.key))


def match_communes(communes: Sequence[Commune], key: str) -> list[Commune]:
    """Find which communes a part of an address means: by key, code, number of the place, or name."""
    wanted = key.strip().lower()
    exact = [one for one in communes if wanted in {one.key.lower(), one.insee.lower()} - {""}]
    if exact:
        return exact
    if OBJECT.match(wanted):
        return [one for one in communes if one.id == f"commune/{wanted}"]
    slug = slug_of(key)
    return [one for one in communes if one.slug == slug]


def find_commune_at(connection: Connection[Any], communes: Sequence[Commune], point: Point) -> Commune | None:
    """Find the commune that a point lies in; None where it is far from all."""
    around = sorted(communes, key=lambda one: haversine(one.point, point))[:AROUND]
    for one in around:
        if find_here(connection, one).choose(connection, [point]):
            return one
    return None


@dataclass(frozen=True)
class Here:
    """Where a commune is."""

    commune: Commune
    outline: shapely.Geometry | None
    """None where no boundary is drawn."""

    def choose(self, connection: Connection[Any], points: Sequence[Point]) -> set[Point]:
        """Choose the points that lie in the commune."""
        if self.outline is not None:
            return {one for one in points if self.outline.covers(shapely.Point(one.lon, one.lat))}
        rows = connection.execute(
            _INSIDE,
            {
                "lons": [one.lon for one in points],
                "lats": [one.lat for one in points],
                "lon": self.commune.point.lon,
                "lat": self.commune.point.lat,
                "id": self.commune.id,
            },
        )
        return {points[number - 1] for (number,) in rows}


def find_here(connection: Connection[Any], commune: Commune) -> Here:
    """Find the outline of a commune: the smallest one of its level around its centre, rather one of its name."""
    row = connection.execute(
        "SELECT ST_AsBinary(geom) FROM osm_area WHERE kind = 'administrative' AND admin_level = 8"
        " AND ST_Covers(geom, ST_SetSRID(ST_MakePoint(%s, %s), 4326)) ORDER BY name <> %s, square_metres LIMIT 1",
        [*commune.point, commune.name],
    ).fetchone()
    if row is None:
        return Here(commune, None)
    outline = shapely.from_wkb(bytes(row[0]))
    shapely.prepare(outline)
    return Here(commune, outline)
