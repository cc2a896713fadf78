"""Queries of the map: what the loaded extract and timetables look like, cut into vector tiles."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, degrees, pi, sinh
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

EXTENT = 4096
"""Steps of a tile's own grid, as in most vector tiles."""
BUFFER = 64
"""Steps drawn beyond the edge, so that lines and labels meet."""

CIRCUMFERENCE = 40_075_016.68
"""Metres of the equator in web Mercator."""

FIRST_ZOOM, LAST_ZOOM = 5, 15
"""Tiles are cut for these; closer views enlarge the last."""

STREETS_ZOOM = 11
"""From here streets one by one; before, main roads joined and simplified when the extract was loaded."""


@dataclass(frozen=True)
class Layer:
    """One layer of a tile: a query of rows with a geometry ``geom`` in web Mercator, and the zooms it is for."""

    name: str
    columns: str
    """What features carry besides their shape."""
    rows: str
    zooms: range


LAYERS = (
    Layer(
        "area",
        "kind",
        """SELECT CASE
               WHEN kind IN ('farmland', 'orchard') THEN 'farm'
               WHEN kind IN ('scrub', 'heath', 'wetland') THEN 'grass'
               WHEN kind IN ('cemetery', 'sport') THEN 'park'
               WHEN kind IN ('residential', 'school', 'hospital', 'pedestrian') THEN 'town'
               WHEN kind IN ('commercial', 'industrial', 'railway', 'parking', 'aerodrome') THEN 'work'
               ELSE kind END AS kind,
               ST_Simplify(ST_Transform(geom, 3857), :step * 2, true) AS geom
           FROM osm_area WHERE geom && CAST(:box AS geometry) AND min_zoom <= :z
           AND kind NOT IN ('administrative', 'building') ORDER BY square_metres DESC""",
        range(FIRST_ZOOM, LAST_ZOOM + 1),
    ),
    Layer(
        "building",
        "kind",
        """SELECT kind, ST_Transform(geom, 3857) AS geom
           FROM osm_area WHERE geom && CAST(:box AS geometry) AND kind = 'building'""",
        range(LAST_ZOOM, LAST_ZOOM + 1),
    ),
    Layer(
        "line",
        "class, kind",
        """SELECT class, kind, ST_Simplify(ST_Transform(geom, 3857), :step * 2, true) AS geom
           FROM osm_line WHERE geom && CAST(:box AS geometry) AND min_zoom <= :z AND flags & 8 = 0""",
        range(FIRST_ZOOM, LAST_ZOOM + 1),
    ),
    Layer(
        "street",
        "kind, name",
        """SELECT kind, name, ST_Simplify(ST_LineMerge(ST_Collect(ST_Transform(geom, 3857))), :step, true) AS geom
           FROM (
               SELECT CASE
                   WHEN class IN ('motorway', 'motorway_link', 'trunk', 'trunk_link') THEN 'motorway'
                   WHEN class IN ('primary', 'primary_link') THEN 'primary'
                   WHEN class IN ('secondary', 'secondary_link', 'tertiary', 'tertiary_link') THEN 'secondary'
                   WHEN class IN ('footway', 'path', 'steps', 'cycleway', 'track', 'bridleway', 'platform') THEN 'path'
                   WHEN class = 'ferry' THEN 'ferry' ELSE 'street' END AS kind, name, geom
               FROM (
                   SELECT class, ref AS name, geom FROM street_overview
                   WHERE :z < :streets_zoom AND geom && CAST(:box AS geometry) AND min_zoom <= :z
                   UNION ALL
                   SELECT class, CASE WHEN :z >= 13 THEN coalesce(name, ref) END, geom FROM street_edge
                   WHERE :z >= :streets_zoom AND geom && CAST(:box AS geometry) AND min_zoom <= :z
               ) AS seen
           ) AS street GROUP BY kind, name""",
        range(FIRST_ZOOM, LAST_ZOOM + 1),
    ),
    Layer(
        "place",
        "name, kind, population",
        """SELECT name, kind, coalesce(population, 0) AS population, ST_Transform(geom, 3857) AS geom
           FROM osm_place WHERE geom && CAST(:box AS geometry) AND min_zoom <= :z
           ORDER BY population DESC NULLS LAST""",
        range(FIRST_ZOOM, LAST_ZOOM + 1),
    ),
    Layer(
        "poi",
        "name, class, kind",
        """SELECT name, class, kind, ST_Transform(geom, 3857) AS geom FROM osm_poi
           WHERE geom && CAST(:box AS geometry) AND min_zoom <= :z AND name IS NOT NULL AND class <> 'railway'""",
        range(13, LAST_ZOOM + 1),
    ),
)
"""The base map. OSM's kinds are gathered into those the style tells apart."""

NETWORK = (
    Layer(
        "route",
        "shape_id",
        """SELECT shape_id, ST_Simplify(ST_Transform(geom, 3857), :step * 2, true) AS geom
           FROM shape_lines JOIN feed ON active_version = version_id WHERE geom && CAST(:box AS geometry)""",
        range(FIRST_ZOOM, LAST_ZOOM + 1),
    ),
    Layer(
        "stop",
        "id, name, importance",
        """SELECT id, name, importance, ST_Transform(ST_SetSRID(ST_MakePoint(lon, lat), 4326), 3857) AS geom
           FROM place WHERE ST_SetSRID(ST_MakePoint(lon, lat), 4326) && CAST(:box AS geometry) AND kind = 'stop'
           ORDER BY importance DESC LIMIT 2000""",
        range(9, LAST_ZOOM + 1),
    ),
)
"""Where vehicles run (as far as feeds draw it) and stop."""


@dataclass(frozen=True)
class Ground:
    """What there is to map."""

    version: int | None
    """Of the extract in service; None without one."""
    bounds: tuple[float, float, float, float] | None
    """West, south, east, north of the stops, or of the extract without stops; None without either."""


def read_ground(session: Session) -> Ground:
    """Say which extract is in service and where its timetables run."""
    row = session.execute(
        text(
            """SELECT a.version, s.west, s.south, s.east, s.north,
                      e.west AS e_west, e.south AS e_south, e.east AS e_east, e.north AS e_north
               FROM (SELECT min(lon) AS west, min(lat) AS south, max(lon) AS east, max(lat) AS north
                     FROM place WHERE kind = 'stop') AS s,
                    osm_active a LEFT JOIN osm_extract e ON e.id = a.version"""
        )
    ).one()
    stops, extract = tuple(row[1:5]), tuple(row[5:9])
    return Ground(row.version, next((box for box in (stops, extract) if None not in box), None))


def find_extract(session: Session) -> int | None:
    """Return the version of the extract in service, if there is one."""
    version: int | None = session.execute(text("SELECT version FROM osm_active")).scalar_one()
    return version


def read_base_tile(session: Session, z: int, x: int, y: int) -> bytes:
    """Cut a tile of the base map; empty where there is nothing."""
    return _read_tile(session, z, x, y, [layer for layer in LAYERS if z in layer.zooms])


def read_network_tile(session: Session, z: int, x: int, y: int) -> bytes:
    """Cut a tile of lines and stops; stops are left out where they are too small to see."""
    return _read_tile(session, z, x, y, [layer for layer in NETWORK if z in layer.zooms])


def _read_tile(session: Session, z: int, x: int, y: int, layers: list[Layer]) -> bytes:
    if not layers:
        return b""
    pieces = " || ".join(
        f"""coalesce((SELECT ST_AsMVT(cut, '{layer.name}', {EXTENT}, 'geom') FROM (
            SELECT {layer.columns}, ST_AsMVTGeom(geom, ST_TileEnvelope(:z, :x, :y), {EXTENT}, {BUFFER}) AS geom
            FROM ({layer.rows}) AS seen WHERE geom IS NOT NULL) AS cut WHERE geom IS NOT NULL), '')"""  # noqa: S608 - constants from above
        for layer in layers
    )
    margin = BUFFER / EXTENT
    west, north = _degrees(z, x - margin, y - margin)
    east, south = _degrees(z, x + 1 + margin, y + 1 + margin)
    values = {
        "z": z,
        "x": x,
        "y": y,
        "box": f"SRID=4326;POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))",
        "step": CIRCUMFERENCE / 2**z / EXTENT,
        "streets_zoom": STREETS_ZOOM,
    }
    return bytes(session.execute(text(f"SELECT {pieces}"), values).scalar_one())


def _degrees(z: int, x: float, y: float) -> tuple[float, float]:
    """Convert a corner of a tile to longitude and latitude."""
    return x / 2**z * 360 - 180, degrees(atan(sinh(pi * (1 - 2 * y / 2**z))))
