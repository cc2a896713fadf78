"""The tables of parking places.

``parking_source``: ``name, hash`` of the file, ``loaded_at, rows``
``parking_place``: ``source, id, kind`` (a `Kind`), ``name, commune, insee, capacity, disabled`` (both null where nobody
    says), ``open, updated_on, geom`` Point
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.kit.geo import Point
from mobigo.parking.model import Kind, ParkingPlace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

OSM = "osm"
"""Source of the places of the extract."""


def find_hash(connection: psycopg.Connection[Any], source: str) -> str | None:
    """Return the hash of the file that a source was loaded from."""
    row = connection.execute("SELECT hash FROM parking_source WHERE name = %s", [source]).fetchone()
    return row and row[0]


def replace_source(
    connection: psycopg.Connection[Any], source: str, digest: str, now: datetime, places: Sequence[ParkingPlace]
) -> None:
    """Put the places of a source in service in place of its former ones; the caller commits."""
    connection.execute("DELETE FROM parking_source WHERE name = %s", [source])
    connection.execute(
        "INSERT INTO parking_source (name, hash, loaded_at, rows) VALUES (%s, %s, %s, %s)",
        [source, digest, now, len(places)],
    )
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY parking_place (source, id, kind, name, commune, insee, capacity, disabled, open, updated_on, geom)"
            " FROM STDIN"
        ) as copy,
    ):
        for one in places:
            copy.write_row((
                one.source, one.id, one.kind.value, one.name, one.commune, one.insee, one.capacity, one.disabled,
                one.open, one.updated_on, f"SRID=4326;POINT({one.point.lon!r} {one.point.lat!r})",
            ))  # fmt: skip


def remove_source(connection: psycopg.Connection[Any], source: str) -> bool:
    """Forget a source and its places; False when there was none."""
    return connection.execute("DELETE FROM parking_source WHERE name = %s", [source]).rowcount > 0


def list_places(connection: psycopg.Connection[Any]) -> list[ParkingPlace]:
    """List every place: of all registers, then of the extract in service."""
    rows = connection.execute(
        """
        SELECT source, id, kind, name, commune, insee, capacity, disabled, open, updated_on, ST_X(geom), ST_Y(geom)
        FROM parking_place
        UNION ALL
        SELECT %s, osm_type || '/' || osm_id, kind, coalesce(name, ''), '', '', capacity, disabled, true, NULL,
            ST_X(geom), ST_Y(geom)
        FROM osm_parking
        ORDER BY 1, 2
        """,
        [OSM],
    ).fetchall()
    return [
        ParkingPlace(source, id_, Kind(kind), name, commune, insee, capacity, disabled, open_, updated_on, Point(x, y))
        for source, id_, kind, name, commune, insee, capacity, disabled, open_, updated_on, x, y in rows
    ]


def describe_sources(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the hash of each register, by name: what a network is built from."""
    return dict(connection.execute("SELECT name, hash FROM parking_source ORDER BY name").fetchall())


def list_loads(connection: psycopg.Connection[Any]) -> dict[str, datetime]:
    """Return when each register was loaded, by name; and the extract in service, as `OSM`."""
    return dict(
        connection.execute(
            "SELECT name, loaded_at FROM parking_source UNION ALL SELECT %s, loaded_at FROM osm_extract"
            " WHERE id = (SELECT version FROM osm_active) ORDER BY 1",
            [OSM],
        ).fetchall()
    )
