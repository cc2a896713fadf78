"""The timetables as GTFS and NeTEx: each network by itself, and together what may stand in one file."""

from __future__ import annotations

import csv
import io
import zipfile
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from shapely.geometry import shape

from mobigo.opendata import fare_rows, gtfs_writer, netex_writer, ondemand_rows, store, timetable_views
from mobigo.opendata.archive import hash_members
from mobigo.opendata.licences import OWN, find_licence, join_licences
from mobigo.opendata.making import Draft, Made, Maker
from mobigo.opendata.model import Dataset, Family, Said, SourceLicence
from mobigo.transit.flex_store import list_active_versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from psycopg import Connection

    from mobigo.opendata.making import Making

GTFS = "https://gtfs.org/schedule/reference/"
GEO = "https://www.rfc-editor.org/rfc/rfc7946"
PARQUET = "https://parquet.apache.org/docs/file-format/"
NETEX = "https://normes.transport.data.gouv.fr/normes/netex/"
SAMPLED = ("agency", "routes", "stops", "trips", "stop_times")
FEATURES = {
    "shapes": "shapes", "fares": "fare_products", "flex": "booking_rules", "pathways": "pathways",
    "transfers": "transfers", "translations": "translations", "attributions": "attributions",
    "frequencies": "frequencies",
}  # fmt: skip
"""Files whose rows make a feature."""


def list_timetables(connection: Connection[Any]) -> list[Maker]:
    """List the data sets of timetables: one for each source in service that may be published, and those of several."""
    licences = find_licences(connection)
    found = [*list_active_versions(connection)]
    found += [(source, gtfs_writer.NO_FEED) for source in ondemand_rows.list_staff_sources(connection)]
    active = [gtfs_writer.Part(*one) for one in sorted(found) if licences[one[0]].published]
    names = _list_names(connection) | ondemand_rows.list_staff_names(connection)
    makers = [
        Maker(_describe_one(part.source, names.get(part.source, part.source)), partial(_make, [part]))
        for part in active
    ]
    by_family = {
        family: [part for part in active if licences[part.source].licence.family is family] for family in Family
    }
    free, alike = by_family[Family.OPEN], by_family[Family.SHARE_ALIKE]
    if len(free) > 1:
        makers.append(Maker(MERGED, partial(_make, free)))
    if alike and len(free) + len(alike) > 1:
        makers.append(Maker(MERGED_ALIKE, partial(_make, sorted([*free, *alike], key=_source))))
    return makers


def _source(part: gtfs_writer.Part) -> str:
    return part.source


MERGED = Dataset(
    "timetables",
    {"fr": "Horaires de la région", "en": "Timetables of the region"},
    {
        "fr": "Tous les réseaux dont la licence permet la réunion en un seul fichier, sous Licence Ouverte.",
        "en": "All networks whose licence allows one file together, under the Open Licence.",
    },
    "timetable",
)
MERGED_ALIKE = Dataset(
    "timetables-odbl",
    {
        "fr": "Horaires de la région, avec les sources ODbL",
        "en": "Timetables of the region with ODbL sources",
    },
    {
        "fr": "Les mêmes réseaux et ceux sous licence ODbL, réunis sous cette licence.",
        "en": "The same networks and those under the ODbL, together under that licence.",
    },
    "timetable",
)


def _describe_one(source: str, name: str) -> Dataset:
    return Dataset(
        f"timetables-{source}",
        {"fr": f"Horaires {name}", "en": f"Timetables of {name}"},
        {
            "fr": f"Le réseau « {name} » tel qu'il est en service, identifiants « {source}:… ».",
            "en": f"The network “{name}” as it is in service, ids “{source}:…”.",
        },
        "timetable",
    )


def _list_names(connection: Connection[Any]) -> dict[str, str]:
    """Name sources by their agencies where these are few, else by who publishes them."""
    rows = connection.execute(
        "SELECT feed.source, CASE WHEN count(*) <= %s THEN string_agg(agency_name, ', ' ORDER BY agency_name)"
        " ELSE min(feed_publisher_name) END FROM feed JOIN agency ON agency.version_id = feed.active_version"
        " LEFT JOIN feed_info ON feed_info.version_id = feed.active_version GROUP BY feed.source",
        [FEW],
    )
    return {source: name for source, name in rows if name}


def find_licences(connection: Connection[Any]) -> dict[str, SourceLicence]:
    """Find under what each source in service may be published: as staff said, else as the feed itself says.

    Services on demand that the staff wrote, and no feed has, are the region's own.
    """
    said = store.list_source_licences(connection)
    rows = connection.execute(
        "SELECT feed.source, coalesce(extra ->> 'feed_license', extra ->> 'license', extra ->> 'license_url')"
        " FROM feed LEFT JOIN feed_info ON feed_info.version_id = feed.active_version"
        " WHERE feed.active_version IS NOT NULL"
    )
    told = [*rows, *((source, OWN) for source in ondemand_rows.list_staff_sources(connection))]
    return {
        source: said.get(source) or SourceLicence(source, find_licence(licence), "", published=True)
        for source, licence in told
    }


def _make(parts: Sequence[gtfs_writer.Part], making: Making) -> Draft:
    path = making.folder / "gtfs.zip"
    licences = find_licences(making.connection)
    own = [licences[part.source] for part in parts]
    publisher = gtfs_writer.Publisher(
        making.publisher.name,
        making.publisher.website,
        making.publisher.language,
        making.publisher.email,
        making.publisher.url or None,
    )
    credited = _credit(own, {} if len(parts) == 1 else _list_publishers(making.connection))
    services = ondemand_rows.read_in_force(making.connection, [part.source for part in parts])
    beside = ondemand_rows.make_beside(making.connection, services, [part.source for part in parts])
    fares = fare_rows.read_fares(making.connection, parts, making.now.date())
    counts = gtfs_writer.write_gtfs(
        making.connection, parts, path, publisher, fares=fares.rows, attributions=credited, beside=beside
    )
    first, last = gtfs_writer.find_period(making.connection, parts, beside)
    said = Said(
        licence=join_licences([one.licence for one in own]).id,
        attributions=tuple(one.attribution for one in own if one.attribution),
        first_day=first,
        last_day=last,
        extent=_find_extent(making.connection, parts, beside),
        dots=_find_dots(making.connection, parts, beside),
        counts=counts,
        features={name: file in counts for name, file in FEATURES.items()} | _look(making.connection, parts),
        samples=read_samples(path),
    )
    made = [Made(path, path.name, "application/zip", "GTFS", hash_members(path), GTFS)]
    netex = making.folder / "netex.zip"
    netex_writer.write_netex(making.connection, parts, netex, making.now.date())
    made.append(Made(netex, netex.name, "application/zip", "NeTEx", hash_members(netex), NETEX))
    for name, write, media_type, form, standard in VIEWS:
        view = making.folder / name
        write(making.connection, parts, view, beside)
        made.append(Made(view, name, media_type, form, sha256(view.read_bytes()).hexdigest(), standard))
    areas = making.folder / "areas.geojson"
    if timetable_views.write_areas(services, areas):
        key = sha256(areas.read_bytes()).hexdigest()
        made.append(Made(areas, areas.name, "application/geo+json", "GeoJSON", key, GEO))
    return Draft(said, tuple(made), fares.problems)


VIEWS = (
    ("stops.geojson", timetable_views.write_stops, "application/geo+json", "GeoJSON", GEO),
    ("lines.geojson", timetable_views.write_lines, "application/geo+json", "GeoJSON", GEO),
    ("calls.parquet", timetable_views.write_calls, "application/vnd.apache.parquet", "Parquet", PARQUET),
)
"""Further files of a data set: name, what writes it, media type, format, standard."""


def _credit(own: Sequence[SourceLicence], publishers: Mapping[str, tuple[str, str]]) -> list[gtfs_writer.Row]:
    """Credit sources in the file: as they ask to be, else those of several by who publishes them."""
    found: list[gtfs_writer.Row] = []
    for one in own:
        name, url = publishers.get(one.source, ("", ""))
        if one.attribution or name:
            found.append({
                "attribution_id": f"{one.source}:licence",
                "organization_name": one.attribution or name,
                "is_producer": "1",
                "attribution_url": url,
            })  # fmt: skip
    return found


def _list_publishers(connection: Connection[Any]) -> dict[str, tuple[str, str]]:
    """List who publishes each feed in service, with their address; else its agencies."""
    rows = connection.execute(
        "SELECT feed.source, coalesce(feed_publisher_name, (SELECT string_agg(agency_name, ', ' ORDER BY agency_name)"
        " FROM agency WHERE version_id = feed.active_version)), coalesce(feed_publisher_url, '')"
        " FROM feed LEFT JOIN feed_info ON feed_info.version_id = feed.active_version"
        " WHERE feed.active_version IS NOT NULL"
    )
    return {source: (name or "", url) for source, name, url in rows}


def _find_extent(
    connection: Connection[Any], parts: Sequence[gtfs_writer.Part], beside: ondemand_rows.Beside
) -> tuple[float, float, float, float] | None:
    row = connection.execute(
        "SELECT ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box) FROM"
        " (SELECT ST_Extent(extent) AS box FROM feed_version WHERE id = ANY(%s)) AS all_of",
        [[part.version for part in parts]],
    ).fetchone()
    boxes = [row] if row and row[0] is not None else []
    boxes += [(lon, lat, lon, lat) for lon, lat in _list_points(beside)]
    if not boxes:
        return None
    west, south, east, north = zip(*boxes, strict=True)
    return min(west), min(south), max(east), max(north)


def _list_points(beside: ondemand_rows.Beside) -> list[tuple[float, float]]:
    """List where services on demand stop, and the corners of the boxes around their areas."""
    found = [
        (float(row["stop_lon"]), float(row["stop_lat"]))
        for row in beside.rows.get("stops", ())
        if row.get("stop_lon") and row.get("stop_lat")
    ]
    for zone in beside.zones:
        west, south, east, north = shape(zone["geometry"]).bounds
        found += [(west, south), (east, north)]
    return found


FEW = 3
"""Agencies that a title names."""
DOTS = 1_500
"""Places on a map, at most."""


def _find_dots(
    connection: Connection[Any], parts: Sequence[gtfs_writer.Part], beside: ondemand_rows.Beside
) -> tuple[tuple[float, float], ...]:
    """Find where stops are, to a kilometre or two."""
    rows = connection.execute(
        "SELECT DISTINCT round(stop_lon::numeric, 2)::float8, round(stop_lat::numeric, 2)::float8 FROM stops"
        " WHERE version_id = ANY(%s) AND stop_lon IS NOT NULL AND stop_lat IS NOT NULL",
        [[part.version for part in parts]],
    ).fetchall()
    dots = sorted({*rows, *((round(lon, 2), round(lat, 2)) for lon, lat in _list_points(beside))})
    return tuple(dots[:: -(-len(dots) // DOTS) or 1])


LOOKS = {
    "route_colors": "SELECT count(route_color) >= 0.8 * count(*) FROM routes WHERE version_id = ANY(%s)",
    "headsigns": "SELECT count(trip_headsign) >= 0.8 * count(*) FROM trips WHERE version_id = ANY(%s)",
    "wheelchair_stops": "SELECT bool_or(wheelchair_boarding > 0) FROM stops WHERE version_id = ANY(%s)",
    "wheelchair_trips": "SELECT bool_or(wheelchair_accessible > 0) FROM trips WHERE version_id = ANY(%s)",
    "bicycles": "SELECT bool_or(bikes_allowed > 0) FROM trips WHERE version_id = ANY(%s)",
}
"""Features that columns make, by what is asked of them."""


def _look(connection: Connection[Any], parts: Sequence[gtfs_writer.Part]) -> dict[str, bool]:
    found = {}
    for name, query in LOOKS.items():
        row = connection.execute(query.encode(), [[part.version for part in parts]]).fetchone()
        found[name] = bool(row and row[0])
    return found


def read_samples(path: Path) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Read the header and the first three rows of the main tables of an archive."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in SAMPLED:
            if f"{name}.txt" in archive.namelist():
                with archive.open(f"{name}.txt") as stream:
                    rows = csv.reader(io.TextIOWrapper(stream, "utf-8-sig", newline=""))
                    found[name] = tuple(tuple(row) for row, _ in zip(rows, range(4), strict=False))
    return found
