"""The open files of months in the database, and the communes in which journeys began and ended.

``carpool_open_month``: ``file`` as CSV, packed by gzip; ``journeys`` of the month, ``published`` those in the file
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.carpool import proving_store

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.carpool.proving_store import Proven
    from mobigo.kit.geo import Point

FARTHEST = 10_000
"""Metres to the centre of a commune whose outline is not known."""


OVERSEAS = ("97", "98")
"""How codes of communes begin whose departments have three digits."""


@dataclass(frozen=True)
class Opened:
    """A month whose journeys are open data."""

    month: date
    journeys: int
    published: int
    """Those that are in the file; the others would have told of somebody."""
    made_at: datetime


@dataclass(frozen=True)
class Commune:
    """Where journeys begin and end."""

    id: str
    insee: str
    """Empty where it is not known."""
    name: str
    density: float | None
    """Inhabitants per square kilometre."""


def list_journeys(connection: Connection[Any], first: datetime, end: datetime) -> list[Proven]:
    """List the journeys that are validated, count, and began from an instant on until before another one."""
    found = proving_store.list_between(connection, first, end)
    return [one for one in found if one.validated_at is not None and one.struck_at is None]


def find_communes(connection: Connection[Any], points: Collection[Point]) -> dict[Point, Commune]:
    """Find the communes of points: by their outlines, else by the nearest centre; points in none are left out."""
    places = list(points)
    rows = connection.execute(
        """
        SELECT wanted.number, coalesce(place.insee, 'osm:' || coalesce(place.id, area.id)), coalesce(place.insee, ''),
            coalesce(area.name, place.name),
            place.population / nullif(area.square_metres / 1e6, 0)
        FROM unnest(%(lons)s::float8[], %(lats)s::float8[]) WITH ORDINALITY AS given (lon, lat, number)
        CROSS JOIN LATERAL (
            SELECT given.number, ST_SetSRID(ST_MakePoint(given.lon, given.lat), 4326) AS point
        ) AS wanted
        LEFT JOIN LATERAL (
            SELECT osm_type || osm_id AS id, name, square_metres, geom FROM osm_area
            WHERE kind = 'administrative' AND admin_level = 8 AND ST_Covers(geom, wanted.point)
            ORDER BY square_metres, osm_id LIMIT 1
        ) AS area ON true
        LEFT JOIN LATERAL (
            SELECT osm_type || osm_id AS id, insee, name, population FROM osm_place
            WHERE kind IN ('city', 'town', 'village', 'municipality') AND name IS NOT NULL AND (
                ST_Covers(area.geom, geom) OR area.geom IS NULL AND ST_DWithin(geom, wanted.point, 0.2)
                    AND ST_DistanceSphere(geom, wanted.point) <= %(farthest)s
            )
            ORDER BY (name = area.name) DESC NULLS LAST, geom <-> wanted.point, osm_id LIMIT 1
        ) AS place ON true
        WHERE area.id IS NOT NULL OR place.id IS NOT NULL
        """,
        {
            "lons": [point.lon for point in places],
            "lats": [point.lat for point in places],
            "farthest": FARTHEST,
        },
    )
    return {
        places[number - 1]: Commune(id_, insee, name or "", None if density is None else float(density))
        for number, id_, insee, name, density in rows
    }


def find_department(insee: str) -> str:
    """Return the department of a commune, by its code; empty where that is not known."""
    return insee[:3] if insee.startswith(OVERSEAS) else insee[:2]


def list_months(connection: Connection[Any]) -> list[Opened]:
    """List the months that are open, latest first."""
    rows = connection.execute("SELECT month, journeys, published, made_at FROM carpool_open_month ORDER BY month DESC")
    return [Opened(*row) for row in rows]


def find_file(connection: Connection[Any], month: date) -> bytes | None:
    """Return the file of a month, packed."""
    row = connection.execute("SELECT file FROM carpool_open_month WHERE month = %s", [month]).fetchone()
    return None if row is None else bytes(row[0])


def save_month(connection: Connection[Any], one: Opened, file: bytes) -> None:
    """Write the file of a month, new or anew."""
    connection.execute(
        "INSERT INTO carpool_open_month (month, file, journeys, published, made_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (month) DO UPDATE SET file = excluded.file, journeys = excluded.journeys,"
        " published = excluded.published, made_at = excluded.made_at",
        [one.month, file, one.journeys, one.published, one.made_at],
    )
