"""Feeds as they are in service, written as GTFS: one network, or several in one archive.

Ids are ``source:id`` everywhere, as in the API and in every other format: they never collide and never change. Rows are
written by the database, sorted by their keys; the bytes of an archive follow from its content alone.

References
----------
GTFS Schedule Reference, June 2026.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from typing import IO, TYPE_CHECKING, Any

from psycopg import sql

from mobigo.opendata.archive import add_member
from mobigo.opendata.ondemand_rows import Beside
from mobigo.transit.gtfs import BY_NAME, EXTENSION, FILES, LOCATIONS, Column, File, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from psycopg import Connection

FARES = frozenset(
    {
        "fare_attributes", "fare_rules", "timeframes", "rider_categories", "fare_media", "fare_products",
        "fare_leg_rules", "fare_leg_join_rules", "fare_transfer_rules", "areas", "stop_areas", "networks",
        "route_networks",
    }
)  # fmt: skip
"""Files about fares: what an empty cell means in them depends on the feed's other rows, so that they do not add up."""

INFO = "feed_info"

OF_TRIPS = ("trips", "stop_times")
"""``table_name`` of translations whose ``record_id`` is a trip's."""

WITHOUT_ID = "feed_info"
"""``table_name`` of translations of the one row that has no id."""


NO_FEED = 0
"""No version of a feed."""


@dataclass(frozen=True)
class Part:
    """A source in the archive."""

    source: str
    version: int
    """`NO_FEED`: the staff's own services on demand, of no feed."""


@dataclass(frozen=True)
class Publisher:
    """Who publishes the archive: its feed_info.txt."""

    name: str
    url: str
    language: str
    contact_email: str | None = None
    contact_url: str | None = None


Row = dict[str, str]


def write_gtfs(
    connection: Connection[Any],
    parts: Sequence[Part],
    path: Path,
    publisher: Publisher,
    *,
    fares: Mapping[str, Sequence[Row]] | None = None,
    attributions: Sequence[Row] = (),
    beside: Beside | None = None,
) -> dict[str, int]:
    """Write sources as one GTFS archive.

    Parameters
    ----------
    connection : Connection
        In a transaction of one snapshot, or the files would not be of one moment.
    parts : sequence of Part
        Sources with the versions to write; their names tell their ids apart.
    path : Path
        Where the archive is written; nothing else may look at it yet.
    publisher : Publisher
        Who publishes it.
    fares : mapping, optional
        Rows of the files of `FARES` for the whole archive; None: those of the source where it is one, none of several.
    attributions : sequence of rows
        Of attributions.txt, besides those the sources bring.
    beside : Beside, optional
        Services on demand as they are in force, where they are not as the feeds have them.

    Returns
    -------
    dict
        Rows by file.
    """
    counts: dict[str, int] = {}
    more = beside or Beside()
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        for file in FILES:
            if file.name == INFO:
                continue
            rows = [*(attributions if file.name == "attributions" else ()), *more.rows.get(file.name, ())]
            if fares is not None:
                rows += fares.get(file.name, ())
            told_apart = fares is not None or len(parts) > 1
            if file.name in FARES and told_apart:
                counts[file.name] = _add_rows(archive, file, rows)
            else:
                chosen = [(part, _choose(file, part, more.left_out)) for part in parts]
                written = _without_networks(file) if told_apart else file
                counts[file.name] = _add_file(connection, archive, written, chosen, rows)
        if not counts["stops"]:  # some programs ask for it even where there is none
            _write(archive, "stops.txt", "stop_id,stop_name,stop_lat,stop_lon\n")
        zones = sorted([*_read_zones(connection, parts), *more.zones], key=lambda zone: str(zone["id"]))
        if zones:
            text = json.dumps({"type": "FeatureCollection", "features": zones}, ensure_ascii=False, sort_keys=True)
            _write(archive, LOCATIONS, text)
            counts["locations"] = len(zones)
        if more.extension:
            names = list(dict.fromkeys(name for row in more.extension for name in row))
            _write(archive, EXTENSION, _csv(more.extension, names))
        first, last = find_period(connection, parts, more)
        _write(archive, "feed_info.txt", _feed_info(publisher, first, last, _digest(archive)))
    return {name: rows for name, rows in counts.items() if rows}


def find_period(
    connection: Connection[Any], parts: Sequence[Part], beside: Beside | None = None
) -> tuple[date | None, date | None]:
    """Find the first and the last day on which anything of the sources runs."""
    row = connection.execute(
        "SELECT min(first_day), max(last_day) FROM feed_version WHERE id = ANY(%s)", [[part.version for part in parts]]
    ).fetchone()
    more = beside or Beside()
    firsts = [day for day in (row and row[0], more.first) if day is not None]
    lasts = [day for day in (row and row[1], more.last) if day is not None]
    return min(firsts, default=None), max(lasts, default=None)


def _digest(archive: zipfile.ZipFile) -> str:
    """Name this content: what feed_version says."""
    said = "".join(f"{one.filename} {one.CRC:08x} {one.file_size:x}\n" for one in archive.infolist())
    return sha256(said.encode()).hexdigest()[:12]


def _feed_info(publisher: Publisher, first: date | None, last: date | None, version: str) -> str:
    row = {
        "feed_publisher_name": publisher.name,
        "feed_publisher_url": publisher.url,
        "feed_lang": publisher.language,
        "feed_start_date": f"{first:%Y%m%d}" if first else "",
        "feed_end_date": f"{last:%Y%m%d}" if last else "",
        "feed_version": version,
        "feed_contact_email": publisher.contact_email or "",
        "feed_contact_url": publisher.contact_url or "",
    }
    return _csv([row], [name for name, value in row.items() if value])


def _csv(rows: Iterable[Row], names: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _write(archive: zipfile.ZipFile, name: str, text: str) -> None:
    with add_member(archive, name) as stream:
        stream.write(text.encode())


def _add_rows(archive: zipfile.ZipFile, file: File, rows: Sequence[Row]) -> int:
    if rows:
        filled = {name for row in rows for name, value in row.items() if value != ""}
        names = [column.name for column in file.columns if column.name in filled or column.required]
        _write(archive, file.filename, _csv(rows, names))
    return len(rows)


def _without_networks(file: File) -> File:
    """Let files of fares, which are not those of one source, say of which network a route is."""
    columns = tuple(column for column in file.columns if (file.name, column.name) != ("routes", "network_id"))
    return file._replace(columns=columns)


def read_rows(connection: Connection[Any], name: str, part: Part) -> list[Row]:
    """Read the rows of a file as they are written: texts by column, without empty cells."""
    file = BY_NAME[name]
    out = io.BytesIO()
    _copy(connection, out, file, file.columns, (part, _choose(file, part, {})))
    names = [column.name for column in file.columns]
    rows = csv.reader(io.StringIO(out.getvalue().decode(), newline=""))
    return [{name: cell for name, cell in zip(names, row, strict=True) if cell} for row in rows]


# ── rows, written by the database ─────────────────────────────────────────────────────────────────────────────────────


def _add_file(
    connection: Connection[Any],
    archive: zipfile.ZipFile,
    file: File,
    parts: Sequence[tuple[Part, Where]],
    more: Sequence[Row],
) -> int:
    """Write one file of all sources, with the columns that any of them fills; return its rows."""
    rows = sum(_count(connection, file, where) for _, where in parts) + len(more)
    if not rows:
        return 0
    used = _find_used(connection, file, [part for part, _ in parts])
    used |= {name for row in more for name, value in row.items() if value != ""}
    columns = [column for column in file.columns if column.name in used or (column.required and column.column_required)]
    with add_member(archive, file.filename) as stream:
        stream.write((",".join(column.name for column in columns) + "\n").encode())
        for chosen in parts:
            _copy(connection, stream, file, columns, chosen)
        if more:
            stream.write(_csv(more, [column.name for column in columns]).split("\n", 1)[1].encode())
    return rows


def _find_used(connection: Connection[Any], file: File, parts: Sequence[Part]) -> set[str]:
    tests = ", ".join(f"bool_or({_plain(file, column)} IS NOT NULL)" for column in file.columns)
    row = connection.execute(
        f"SELECT {tests} FROM {file.name} WHERE version_id = ANY(%s)".encode(), [[part.version for part in parts]]
    ).fetchone()
    return {column.name for column, used in zip(file.columns, row or (), strict=True) if used}


def _count(connection: Connection[Any], file: File, where: Where) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(file.name), where)
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


Where = sql.Composed
"""Which rows of a file are written."""


def _choose(file: File, part: Part, left_out: Mapping[str, frozenset[str]]) -> Where:
    """Say in SQL which rows of a file are written: those of the version that are about no trip left out."""
    every: list[sql.Composable] = [sql.SQL("version_id = {}").format(sql.Literal(part.version))]
    gone = sql.Literal(sorted(left_out.get(part.source, ())))
    if left_out.get(part.source):
        columns = [column.name for column in file.columns if file.name == "trips" and column.name == "trip_id"]
        columns += [column.name for column in file.columns if "trips.trip_id" in column.to]
        every += [sql.SQL("coalesce({0} <> ALL({1}), true)").format(sql.Identifier(name), gone) for name in columns]
        if file.name == "translations":
            every.append(
                sql.SQL("NOT coalesce(table_name = ANY({0}) AND record_id = ANY({1}), false)").format(
                    sql.Literal(list(OF_TRIPS)), gone
                )
            )
    return sql.SQL(" AND ").join(every)


def _plain(file: File, column: Column) -> str:
    """An agency without an id is one with an empty text: then its reference stays empty too."""
    return f"nullif({column.name}, '')" if (file.name, column.name) == ("agency", "agency_id") else column.name


def _cell(file: File, column: Column, source: str) -> str:
    """Say in SQL how a cell is written."""
    name = _plain(file, column)
    written = {
        Kind.ID: f"'{source}:' || {name}",
        Kind.DATE: f"to_char({name}, 'YYYYMMDD')",
        Kind.TIME: (
            f"lpad(({name} / 3600)::text, greatest(2, length(({name} / 3600)::text)), '0')"
            f" || to_char({name} / 60 % 60, 'FM\":\"00') || to_char({name} % 60, 'FM\":\"00')"
        ),
    }.get(column.kind, name)
    special = {
        ("agency", "agency_id"): f"'{source}:' || agency_id",
        # routes of a feed whose one agency has no id name none: beside other feeds they must
        ("routes", "agency_id"): (
            f"'{source}:' || coalesce(agency_id, (SELECT min(a.agency_id) FROM agency a WHERE a.version_id ="
            " routes.version_id))"
        ),
        ("translations", "record_id"): f"CASE WHEN table_name <> '{WITHOUT_ID}' THEN '{source}:' || record_id END",
        ("translations", "record_sub_id"): name,
    }
    return special.get((file.name, column.name), written)


def _copy(
    connection: Connection[Any],
    stream: IO[bytes],
    file: File,
    columns: Sequence[Column],
    chosen: tuple[Part, Where],
) -> None:
    part, where = chosen
    source = part.source.replace("'", "''")
    cells = ", ".join(f"{_cell(file, column, source)} AS {column.name}" for column in columns)
    order = ", ".join(_sorted(file, name) for name in file.key) or "1"
    query = sql.SQL("COPY (SELECT {} FROM {} WHERE {} ORDER BY {}) TO STDOUT CSV").format(
        sql.SQL(cells), sql.Identifier(file.name), where, sql.SQL(order)
    )
    with connection.cursor() as cursor, cursor.copy(query) as rows:
        for block in rows:
            stream.write(block)


def _sorted(file: File, name: str) -> str:
    """Sort by a column of the key, texts by their bytes whatever the database's language."""
    kind = file.column(name).kind
    numbers = {Kind.INTEGER, Kind.FLOAT, Kind.AMOUNT, Kind.ENUM, Kind.DATE, Kind.TIME}
    return f"{file.name}.{name} NULLS FIRST" if kind in numbers else f'{file.name}.{name} COLLATE "C" NULLS FIRST'


def _read_zones(connection: Connection[Any], parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Read the zones of on-demand trips as features of GeoJSON."""
    features = []
    for part in parts:
        rows = connection.execute(
            "SELECT location_id, stop_name, stop_desc, zone_id, ST_AsGeoJSON(geom, 7) FROM locations"
            ' WHERE version_id = %s ORDER BY location_id COLLATE "C"',
            [part.version],
        )
        for id_, name, description, zone, geometry in rows:
            said = {"stop_name": name, "stop_desc": description, "zone_id": f"{part.source}:{zone}" if zone else None}
            features.append(
                {
                    "type": "Feature",
                    "id": f"{part.source}:{id_}",
                    "geometry": json.loads(geometry),
                    "properties": {key: value for key, value in said.items() if value is not None},
                }
            )
    return features
