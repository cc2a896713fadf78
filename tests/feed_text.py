"""Feeds as text inside a test: a small town, and what a test changes about it."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import psycopg

from mobigo.db.engine import libpq_conninfo

if TYPE_CHECKING:
    from pathlib import Path

TOWN = {
    "agency.txt": """
        agency_id,agency_name,agency_url,agency_timezone,agency_lang
        A,Town Buses,https://town.example,Europe/Paris,fr
    """,
    "stops.txt": """
        stop_id,stop_name,stop_lat,stop_lon
        gare,Gare,47.4906,4.3347
        mairie,Mairie,47.4951,4.3300
        lac,Lac de Pont,47.4800,4.3600
    """,
    "routes.txt": """
        route_id,agency_id,route_short_name,route_type,route_color,route_text_color
        1,A,1,3,0047BB,FFFFFF
    """,
    "trips.txt": """
        route_id,service_id,trip_id,trip_headsign
        1,week,t1,Lac
        1,week,t2,Gare
    """,
    "stop_times.txt": """
        trip_id,arrival_time,departure_time,stop_id,stop_sequence
        t1,07:00:00,07:00:00,gare,1
        t1,07:05:00,07:06:00,mairie,2
        t1,07:20:00,07:20:00,lac,3
        t2,26:40:00,26:40:00,lac,1
        t2,26:59:00,26:59:00,gare,2
    """,
    "calendar.txt": """
        service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date
        week,1,1,1,1,1,0,0,20261102,20261231
    """,
    "feed_info.txt": """
        feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date,feed_end_date,feed_contact_email
        Town,https://town.example,fr,20261102,20261231,data@town.example
    """,
}
"""Three stops, two trips, one of them after midnight; nothing to find but the missing shapes."""


def text(rows: str) -> bytes:
    """Take the indentation off a file written inside a test."""
    return "".join(line.strip() + "\n" for line in rows.strip().splitlines()).encode()


def files(**changes: str | bytes | None) -> dict[str, bytes]:
    """The town's files; `stops="..."` replaces stops.txt, None removes it."""
    found = {name: text(rows) for name, rows in TOWN.items()}
    for name, content in changes.items():
        filename = "locations.geojson" if name == "locations" else f"{name}.txt"
        found.pop(filename, None)
        if content is not None:
            found[filename] = content if isinstance(content, bytes) else text(content)
    return found


def pack(path: Path, contents: dict[str, bytes]) -> Path:
    """Write files as a ZIP archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def withdraw(url: str) -> None:
    """Take all feeds out of service, so that the next test's feed shares no station with them."""
    with psycopg.connect(libpq_conninfo(url)) as connection:
        connection.execute("UPDATE feed SET active_version = NULL")
