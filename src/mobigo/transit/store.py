"""Feeds in the database: staging, typed tables, versions and their one pointer, bulk reads.

SQL of feeds lives here and, as sets of checks, in `transit.check`, `transit.sequence` and `transit.stations`.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg.types.json import Jsonb

from mobigo.kit.errors import Conflict, NotFound
from mobigo.transit.check import Staged, Staging, read_time
from mobigo.transit.gtfs import BY_NAME, FILES, PARTITIONED, SQL_TYPES, Column, File, Kind
from mobigo.transit.report import LoadReport, read_report
from mobigo.transit.stream import LINE_COUNTER
from mobigo.transit.tables import COLUMNS, FeedTables, empty_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date, datetime

    from psycopg import Connection

KEPT_VERSIONS = 3
"""Versions of a source whose data stay: the active one, and those a rollback may return to."""

NUMBERED = ("stops", "trips")
"""Files whose line numbers stop times refer to."""

SWEEP_LOCK = "hashtextextended('mobigo sweep', 0)"
"""Advisory lock under which one process sweeps."""

PARENTS = {"stop_times": "stop_times_compact", "shapes": "shapes"}
"""Partitioned table of each bulk file."""


SETTINGS = (
    "work_mem = '192MB'",
    "maintenance_work_mem = '256MB'",
    "temp_buffers = '192MB'",
    "jit = off",
    "default_statistics_target = 20",
    "client_connection_check_interval = '2s'",  # a killed load does not go on in the server
    "max_parallel_workers_per_gather = 0",  # with these two a scan returns rows as they were inserted,
    "synchronize_seqscans = off",  # on which `transit.sequence` relies
)
"""Of a loading session."""


# ── staging ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare_session(connection: Connection[Any]) -> None:
    """Give a loading session memory to sort and hash in."""
    for setting in SETTINGS:
        connection.execute(f"SET {setting}".encode())


def open_staging(staging: Staging) -> None:
    """Create what all staging tables share; `close_staging` or a rollback removes it."""
    staging.run(f"CREATE TEMP SEQUENCE {LINE_COUNTER} CACHE 1000")
    staging.run("CREATE TEMP TABLE gone (target text NOT NULL, key text NOT NULL) ON COMMIT DROP")
    staging.run("CREATE INDEX ON gone (key)")
    staging.run("CREATE TEMP TABLE doomed (file text NOT NULL, line integer NOT NULL) ON COMMIT DROP")
    staging.run("CREATE TEMP TABLE clock (text text PRIMARY KEY, seconds integer NOT NULL) ON COMMIT DROP")
    staging.run("CREATE TEMP TABLE clock_new (text text, seconds integer) ON COMMIT DROP")


def close_staging(staging: Staging) -> None:
    """Remove what a commit would leave in the session."""
    staging.run(f"DROP SEQUENCE {LINE_COUNTER} CASCADE")


def create_staging(staging: Staging, file: File, present: Iterable[str], unknown: tuple[tuple[str, str], ...]) -> None:
    """Create the staging table of a file: every column of GTFS as text, then the unknown ones."""
    names = [*(column.name for column in file.columns), *(name for name, _ in unknown)]
    columns = ", ".join(f"{name} text" for name in names)
    staging.run(
        f"CREATE TEMP TABLE s_{file.name} "
        f"(line integer NOT NULL DEFAULT nextval('{LINE_COUNTER}'), {columns}) ON COMMIT DROP"
    )
    staging.files[file.name] = Staged(frozenset(present), unknown)


def add_times(staging: Staging, times: set[str]) -> None:
    """Remember the seconds of the texts of times."""
    if not times:
        return
    with staging.cursor.copy("COPY clock_new FROM STDIN") as copy:
        for text in times:
            copy.write_row((text, read_time(text)))
    staging.run("INSERT INTO clock SELECT * FROM clock_new ON CONFLICT DO NOTHING")
    staging.run("TRUNCATE clock_new")
    staging.run("ANALYZE clock")


# ── typed tables ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _typed(column: Column) -> str:
    name = f"s.{column.name}"
    if column.kind is Kind.TIME:
        return f"(SELECT c.seconds FROM clock c WHERE c.text = {name})"
    if column.kind in {Kind.COLOR, Kind.CURRENCY}:
        return f"upper({name})"
    kind = SQL_TYPES.get(column.kind)
    return f"{name}::{kind}" if kind else name


def _extra(staged: Staged) -> tuple[str, list[object]]:
    """Say in SQL what the unknown columns held, as JSON without the empty ones; and the parameters that needs."""
    if not staged.unknown:
        return "NULL::jsonb", []
    values = ", ".join(f"s.{name}" for name, _ in staged.unknown)
    names: list[object] = [[name for _, name in staged.unknown]]
    return f"nullif(jsonb_strip_nulls(jsonb_object(%s::text[], ARRAY[{values}])), '{{}}')", names


def store_file(staging: Staging, file: File, version: int) -> int:
    """Type the rows of a staged file that are left; return how many."""
    columns = {column.name: _typed(column) for column in file.columns}
    if file.name == "agency":
        columns["agency_id"] = "coalesce(s.agency_id, '')"
    if file.name == "fare_leg_rules" and "rule_priority" in staging.files[file.name].present:
        columns["rule_priority"] = "coalesce(s.rule_priority::integer, 0)"  # that the column is there means something
    if file.name in NUMBERED:
        columns["line"] = "s.line"
    if file.name == "stops":
        columns["geom"] = "CASE WHEN num_nulls(s.stop_lon, s.stop_lat) = 0 THEN "
        columns["geom"] += "ST_SetSRID(ST_MakePoint(s.stop_lon::float8, s.stop_lat::float8), 4326) END"
    columns["extra"], parameters = _extra(staging.files[file.name])
    return staging.run(
        f"INSERT INTO {file.name} (version_id, {', '.join(columns)}) "
        f"SELECT {version}, {', '.join(columns.values())} FROM s_{file.name} s",
        *parameters,
    )


def store_stop_times(staging: Staging, version: int, *, in_order: bool) -> int:
    """Make the table of a version's stop times, trips and stops by line number; return how many found their trip.

    A table made from its rows is written in bulk and needs no write-ahead log.

    Parameters
    ----------
    in_order : bool
        Sort them by trip and sequence; else they keep the order of the file.
    """
    file = BY_NAME["stop_times"]
    staged = staging.files["stop_times"]
    columns = {"version_id": f"{version}", "trip_line": "t.line", "stop_line": "NULL::integer"}
    joins = ["JOIN s_trips t ON t.trip_id = s.trip_id"]
    if "stops" in staging.files:
        columns["stop_line"] = "p.line"
        joins.append("LEFT JOIN s_stops p ON p.stop_id = s.stop_id")
    for column in file.columns:
        if column.name in {"trip_id", "stop_id"}:
            continue
        if not staged.filled.get(column.name):
            columns[column.name] = f"NULL::{SQL_TYPES.get(column.kind, 'text')}"
        elif column.kind is Kind.TIME:
            alias = f"c{len(joins)}"
            joins.append(f"LEFT JOIN clock {alias} ON {alias}.text = s.{column.name}")
            columns[column.name] = f"{alias}.seconds"
        else:
            columns[column.name] = _typed(column)
    columns["extra"], parameters = _extra(staged)
    order = "ORDER BY t.line, s.stop_sequence::integer, s.line" if in_order else ""
    return staging.run(
        f"CREATE TABLE stop_times_v{version} AS SELECT {', '.join(f'{v} AS {k}' for k, v in columns.items())} "
        f"FROM s_stop_times s {' '.join(joins)} {order}",
        *parameters,
    )


def store_shapes(staging: Staging, version: int) -> int:
    """Make the table of the points of a version's shapes; return how many there are."""
    columns = {column.name: _typed(column) for column in BY_NAME["shapes"].columns}
    columns["extra"], parameters = _extra(staging.files["shapes"])
    return staging.run(
        f"CREATE TABLE shapes_v{version} AS SELECT {version} AS version_id, "
        f"{', '.join(f'{v} AS {k}' for k, v in columns.items())} FROM s_shapes s",
        *parameters,
    )


def index_stop_times(staging: Staging, version: int) -> None:
    """Index the stop times of a version."""
    staging.run(f"ALTER TABLE stop_times_v{version} ADD PRIMARY KEY (trip_line, stop_sequence)")
    staging.run(f"ANALYZE stop_times_v{version}")


def index_shapes(staging: Staging, version: int) -> None:
    """Index the points of a version's shapes, and make lines of them."""
    staging.run(
        f"ALTER TABLE shapes_v{version} ADD PRIMARY KEY (shape_id, shape_pt_sequence), "
        "ALTER shape_pt_lat SET NOT NULL, ALTER shape_pt_lon SET NOT NULL"
    )
    staging.run(
        f"INSERT INTO shape_lines SELECT {version}, shape_id, ST_SetSRID(ST_MakeLine("
        "ST_MakePoint(shape_pt_lon, shape_pt_lat) ORDER BY shape_pt_sequence), 4326) "
        f"FROM shapes_v{version} GROUP BY shape_id HAVING count(*) > 1"
    )


def attach_partition(staging: Staging, name: str, version: int) -> None:
    """Show a version's table in its parent; readers of the parent are not locked out."""
    staging.run(f"ALTER TABLE {name}_v{version} ALTER version_id SET NOT NULL, ADD CHECK (version_id = {version})")
    staging.run(f"ALTER TABLE {PARENTS[name]} ATTACH PARTITION {name}_v{version} FOR VALUES IN ({version})")


def store_raw(staging: Staging, version: int, file: str, rows: Iterable[tuple[int, Any]]) -> int:
    """Keep what is not of GTFS as it is."""
    count = 0
    with staging.cursor.copy("COPY raw_rows (version_id, file, line, content) FROM STDIN") as copy:
        for line, content in rows:
            copy.write_row((version, file, line, Jsonb(content)))
            count += 1
    return count


# ── versions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Version:
    """One load of one source."""

    id: int
    source: str
    hash: str
    status: str
    """``active``, ``loaded`` (a rollback may return to it), ``retired`` (its data are gone) or ``rejected``."""
    origin: str
    loaded_at: datetime
    shifted_to: date | None
    first_day: date | None
    last_day: date | None
    bbox: tuple[float, float, float, float] | None
    """West, south, east, north."""
    counts: dict[str, int]


_VERSION = """
    SELECT v.id, v.source, v.hash, CASE WHEN f.active_version = v.id THEN 'active' ELSE v.status END, v.origin,
           v.loaded_at, v.shifted_to, v.first_day, v.last_day,
           ST_XMin(v.extent), ST_YMin(v.extent), ST_XMax(v.extent), ST_YMax(v.extent), v.counts
    FROM feed_version v JOIN feed f USING (source)
"""


def _version(row: tuple[Any, ...]) -> Version:
    *plain, west, south, east, north, counts = row
    bbox = None if west is None else (west, south, east, north)
    return Version(*plain[:9], bbox, counts)  # type: ignore[call-arg]


def list_versions(connection: Connection[Any], source: str | None = None) -> list[Version]:
    """List versions, newest first within each source; all sources unless one is named."""
    rows = connection.execute(
        f"{_VERSION} WHERE %(source)s::text IS NULL OR v.source = %(source)s ORDER BY v.source, v.id DESC".encode(),
        {"source": source},
    )
    return [_version(row) for row in rows]


def get_version(connection: Connection[Any], source: str, version: int | None = None) -> Version:
    """Return a version of a source, the active one unless one is named."""
    found = list_versions(connection, source)
    if not found:
        raise NotFound(
            f"no feed {source!r}; `mobigo feeds` lists them, `mobigo load gtfs FILE --source {source}` loads one"
        )
    for one in found:
        if one.id == version or (version is None and one.status == "active"):
            return one
    if version is None:
        raise NotFound(f"feed {source!r} has no active version; `mobigo feeds report {source}` says why")
    raise NotFound(f"feed {source!r} has no version {version}; it has {', '.join(str(one.id) for one in found)}")


def get_report(connection: Connection[Any], source: str, version: int | None = None) -> LoadReport:
    """Return the report of a version, the newest unless one is named."""
    newest = list_versions(connection, source)
    if version is None and newest:
        version = newest[0].id
    one = get_version(connection, source, version)
    row = connection.execute("SELECT report FROM feed_version WHERE id = %s", (one.id,)).fetchone()
    assert row
    return read_report(row[0])


@contextmanager
def feed_locked(connection: Connection[Any], source: str) -> Iterator[None]:
    """Hold a source for one load or rollback.

    Raises
    ------
    Conflict
        When another holds it.
    """
    key = "hashtextextended('mobigo gtfs ' || %s, 0)"
    row = connection.execute(f"SELECT pg_try_advisory_lock({key})".encode(), (source,)).fetchone()
    if not (row and row[0]):
        raise Conflict(
            f"feed {source!r} is being loaded or rolled back by another process; try again when that is done"
        )
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute(f"SELECT pg_advisory_unlock({key})".encode(), (source,))


def add_version(
    connection: Connection[Any], source: str, *, content: str, origin: str, now: datetime, shifted_to: date | None
) -> int:
    """Add a version without a report yet; it is not in service."""
    connection.execute("INSERT INTO feed VALUES (%s, NULL) ON CONFLICT DO NOTHING", (source,))
    row = connection.execute(
        "INSERT INTO feed_version (source, hash, status, origin, loaded_at, shifted_to, counts, report) "
        "VALUES (%s, %s, 'rejected', %s, %s, %s, '{}', '{}') RETURNING id",
        (source, content, origin, now, shifted_to),
    ).fetchone()
    assert row
    return int(row[0])


def save_report(connection: Connection[Any], report: LoadReport) -> None:
    """Keep the report with its version."""
    status = "rejected" if report.status == "rejected" else "loaded"
    connection.execute(
        "UPDATE feed_version SET status = %s, counts = %s, report = %s WHERE id = %s",
        (status, Jsonb(report.counts), Jsonb(report.as_json()), report.version),
    )


def describe_version(connection: Connection[Any], version: int) -> None:
    """Note the days and the extent of a version."""
    connection.execute(
        """
        UPDATE feed_version SET
            first_day = (SELECT min(day) FROM (
                SELECT min(start_date) AS day FROM calendar WHERE version_id = %(version)s
                UNION ALL SELECT min(date) FROM calendar_dates
                WHERE version_id = %(version)s AND exception_type = 1) d),
            last_day = (SELECT max(day) FROM (
                SELECT max(end_date) AS day FROM calendar WHERE version_id = %(version)s
                UNION ALL SELECT max(date) FROM calendar_dates
                WHERE version_id = %(version)s AND exception_type = 1) d),
            extent = (SELECT ST_SetSRID(ST_Expand(ST_Extent(geom), 0.0001)::geometry, 4326) FROM (
                SELECT geom FROM stops WHERE version_id = %(version)s
                UNION ALL SELECT geom FROM locations WHERE version_id = %(version)s) g)
        WHERE id = %(version)s
        """,
        {"version": version},
    )


def activate(connection: Connection[Any], source: str, version: int | None) -> None:
    """Switch the one pointer; None takes the source out of service, its versions stay."""
    connection.execute("UPDATE feed SET active_version = %s WHERE source = %s", (version, source))


def sweep(connection: Connection[Any]) -> None:
    """Retire versions beyond those kept, and drop what they or dead loads left.

    Runs outside a transaction: partitions leave their parent without locking readers out. When it is cut off, the next
    sweep goes on; when another process sweeps, there is nothing to do.
    """
    row = connection.execute(f"SELECT pg_try_advisory_lock({SWEEP_LOCK})".encode()).fetchone()
    if not (row and row[0]):
        return
    try:
        connection.execute(
            """
            UPDATE feed_version v SET status = 'retired' FROM feed f
            WHERE f.source = v.source AND v.status = 'loaded' AND v.id <> f.active_version
              AND v.id NOT IN (SELECT id FROM feed_version n WHERE n.source = v.source AND n.status = 'loaded'
                               ORDER BY n.id = f.active_version DESC, n.id DESC LIMIT %s)
            """,
            (KEPT_VERSIONS,),
        )
        _drop_partitions(connection)
        _delete_rows(connection)
    finally:
        if not connection.broken:
            connection.execute(f"SELECT pg_advisory_unlock({SWEEP_LOCK})".encode())


def _drop_partitions(connection: Connection[Any]) -> None:
    dead = connection.execute(
        """
        SELECT c.relname, p.relname, i.inhdetachpending
        FROM pg_class c
        LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
        LEFT JOIN pg_class p ON p.oid = i.inhparent
        WHERE c.relnamespace = 'mobigo'::regnamespace AND c.relkind = 'r'
          AND c.relname ~ '^(stop_times|shapes)_v[0-9]+$'
          AND NOT EXISTS (SELECT 1 FROM feed_version v WHERE v.status = 'loaded'
                          AND v.id = substring(c.relname from '_v([0-9]+)$')::integer)
        """
    ).fetchall()
    for table, parent, pending in dead:
        if parent is not None:
            how = "FINALIZE" if pending else "CONCURRENTLY"
            connection.execute(f"ALTER TABLE {parent} DETACH PARTITION {table} {how}".encode())
        connection.execute(f"DROP TABLE {table}".encode())


def _delete_rows(connection: Connection[Any]) -> None:
    """Delete the rows of retired versions; those of agency.txt last, since by them they are found."""
    gone = connection.execute(
        "SELECT DISTINCT a.version_id FROM agency a WHERE NOT EXISTS "
        "(SELECT 1 FROM feed_version v WHERE v.id = a.version_id AND v.status = 'loaded')"
    ).fetchall()
    if gone:
        tables = [file.name for file in reversed(FILES) if file.name not in PARTITIONED]
        for table in ("raw_rows", "locations", "shape_lines", *tables):
            connection.execute(f"DELETE FROM {table} WHERE version_id = ANY(%s)".encode(), ([row[0] for row in gone],))


# ── bulk reads ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(connection: Connection[Any], table: str, query: str, **more: type[pl.DataType]) -> pl.DataFrame:
    """Read a query by COPY, with the columns of a table of `FeedTables`."""
    schema: dict[str, type[pl.DataType]] = {**COLUMNS[table], **more}
    out = io.BytesIO()
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()) as copy:
        for block in copy:
            out.write(block)
    if not out.tell():
        return pl.DataFrame(schema=schema)
    out.seek(0)
    return pl.read_csv(out, has_header=False, schema=schema)


_ACTIVE = "JOIN feed f ON f.active_version = x.version_id"


_PATHWAY = [f"x.{name}" for name in COLUMNS["pathways"] if not name.endswith("stop_id")]


def read_feed_tables(connection: Connection[Any]) -> FeedTables:
    """Read all active versions as one feed; every id is ``source:id``."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return _read_feed_tables(connection)


def _read_feed_tables(connection: Connection[Any]) -> FeedTables:
    def own(name: str) -> str:
        return f"f.source || ':' || x.{name}"

    agency = _read(
        connection,
        "agency",
        f"SELECT {own('agency_id')}, x.agency_name, x.agency_url, x.agency_timezone, x.agency_phone FROM agency x "
        f"{_ACTIVE}",
    )
    stops = _read(
        connection,
        "stops",
        f"SELECT {own('stop_id')}, x.stop_code, x.stop_name, x.stop_lat, x.stop_lon, coalesce(x.location_type, 0), "
        f"{own('parent_station')}, x.platform_code, x.stop_timezone, coalesce(x.wheelchair_boarding, 0), "
        f"{own('level_id')}, x.stop_access, coalesce(m.station_id, {own('parent_station')}, {own('stop_id')}), "
        "x.line, x.version_id "
        f"FROM stops x {_ACTIVE} LEFT JOIN station_stop m ON m.stop_id = {own('stop_id')}",
        line=pl.Int32,
        version=pl.Int32,
    ).sort("stop_id")
    routes = _read(
        connection,
        "routes",
        f"SELECT {own('route_id')}, f.source || ':' || coalesce(x.agency_id, (SELECT min(a.agency_id) FROM agency a "
        "WHERE a.version_id = x.version_id HAVING count(*) = 1), ''), x.route_short_name, x.route_long_name, "
        f"x.route_type, x.route_color, x.route_text_color FROM routes x {_ACTIVE} ORDER BY 1",
    )
    trips = _read(
        connection,
        "trips",
        f"SELECT {own('trip_id')}, {own('route_id')}, {own('service_id')}, x.trip_headsign, x.trip_short_name, "
        f"x.direction_id, {own('block_id')}, {own('shape_id')}, coalesce(x.wheelchair_accessible, 0), "
        f"coalesce(x.bikes_allowed, 0), x.line, x.version_id FROM trips x {_ACTIVE}",
        line=pl.Int32,
        version=pl.Int32,
    ).sort("trip_id")
    return FeedTables(
        agency=agency,
        stops=stops.drop("line", "version"),
        routes=routes,
        trips=trips.drop("line", "version"),
        stop_times=_read_stop_times(connection, trips, stops),
        services=_read_services(connection),
        frequencies=_read(
            connection,
            "frequencies",
            f"SELECT {own('trip_id')}, x.start_time, x.end_time, x.headway_secs, coalesce(x.exact_times, 0) "
            f"FROM frequencies x {_ACTIVE} ORDER BY 1, 2",
        ),
        transfers=_read(
            connection,
            "transfers",
            f"SELECT {', '.join(own(name) for name in list(COLUMNS['transfers'])[:6])}, coalesce(x.transfer_type, 0), "
            f"x.min_transfer_time FROM transfers x {_ACTIVE}",
        ),
        shapes=_read(
            connection,
            "shapes",
            f"SELECT {own('shape_id')}, x.shape_pt_sequence, x.shape_pt_lat, x.shape_pt_lon, x.shape_dist_traveled "
            f"FROM shapes x {_ACTIVE}",
        ).sort("shape_id", "shape_pt_sequence"),
        pathways=_read(
            connection,
            "pathways",
            f"SELECT {own('from_stop_id')}, {own('to_stop_id')}, {', '.join(_PATHWAY)} FROM pathways x {_ACTIVE} "
            "ORDER BY f.source, x.pathway_id",
        ),
        levels=_read(
            connection,
            "levels",
            f"SELECT {own('level_id')}, x.level_index, x.level_name FROM levels x {_ACTIVE} ORDER BY 1",
        ),
    )


def _read_stop_times(connection: Connection[Any], trips: pl.DataFrame, stops: pl.DataFrame) -> pl.DataFrame:
    """Read stop times with trips and stops as numbers, and put the ids in here: they are long and come often."""
    columns = COLUMNS["stop_times"]
    if trips.is_empty() or stops.is_empty():
        return empty_table("stop_times")
    numbers: dict[str, type[pl.DataType]] = {"version": pl.Int32, "trip_line": pl.Int32, "stop_line": pl.Int32}
    wanted = [name for name in columns if name not in {"trip_id", "stop_id"}]
    zero = {"pickup_type", "drop_off_type"}
    values = ", ".join(f"coalesce(x.{name}, 0)" if name in zero else f"x.{name}" for name in wanted)
    out = io.BytesIO()
    query = (
        f"SELECT x.version_id, x.trip_line, x.stop_line, {values} FROM stop_times_compact x {_ACTIVE} "
        "WHERE x.stop_line IS NOT NULL AND x.start_pickup_drop_off_window IS NULL "
        "AND x.end_pickup_drop_off_window IS NULL"
    )
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)".encode()) as copy:
        for block in copy:
            out.write(block)
    if not out.tell():
        return empty_table("stop_times")
    out.seek(0)
    schema: dict[str, type[pl.DataType]] = {**numbers, **{name: columns[name] for name in wanted}}
    found = pl.read_csv(out, has_header=False, schema=schema)
    trip_at = trips.select("version", trip_line="line", trip=pl.int_range(pl.len(), dtype=pl.Int32))
    stop_at = stops.select("version", stop_line="line", stop=pl.int_range(pl.len(), dtype=pl.Int32))
    found = (
        found.join(trip_at, on=["version", "trip_line"], how="inner")
        .join(stop_at, on=["version", "stop_line"], how="inner")
        .sort("trip", "stop_sequence")  # trips are in the order of their ids
    )
    ids = {"trip_id": trips["trip_id"].gather(found["trip"]), "stop_id": stops["stop_id"].gather(found["stop"])}
    return found.with_columns(**ids).select(*columns)


def _read_services(connection: Connection[Any]) -> pl.DataFrame:
    return _read(
        connection,
        "services",
        f"""
        SELECT f.source || ':' || x.service_id, day::date FROM calendar x {_ACTIVE},
            generate_series(x.start_date, x.end_date, interval '1 day') day
        WHERE (ARRAY[x.sunday, x.monday, x.tuesday, x.wednesday, x.thursday, x.friday, x.saturday])
                [extract(dow FROM day)::integer + 1] = 1
          AND NOT EXISTS (SELECT 1 FROM calendar_dates d WHERE d.version_id = x.version_id
                          AND d.service_id = x.service_id AND d.date = day::date AND d.exception_type = 2)
        UNION
        SELECT f.source || ':' || x.service_id, x.date FROM calendar_dates x {_ACTIVE} WHERE x.exception_type = 1
        """,
    ).sort("service_id", "date")
