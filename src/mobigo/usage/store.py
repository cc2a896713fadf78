"""The tables of usage: what a day is counted from is read here, what was counted is written here."""

from __future__ import annotations

import io
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from psycopg import sql

from mobigo.usage import notes
from mobigo.usage.circuits import read_circuits
from mobigo.usage.model import DayType
from mobigo.usage.notes import Notes, Ran, Schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from psycopg import Connection

    from mobigo.usage.counting import Counts

BLOCK = 8_000_000
"""Bytes of text that are made columns at a time, so that memory stays bounded."""

WHO = "('x' || encode(who, 'hex'))::bit(64)::bigint"
"""Eight bytes as an integer; null stays null."""

COUNTED = {
    "demand": ("usage_demand", "asked"),
    "refusal": ("usage_refusal", "day"),
    "load": ("usage_load", "day"),
    "punctuality": ("usage_punctuality", "day"),
    "change": ("usage_change", "day"),
    "supply": ("usage_supply", "day"),
}
"""Table of each field of `Counts`, and its column of the day that was counted."""

NOTED = ("trace_search", "trace_change", "trace_ride", "trace_run", "trace_call")

SEARCHES = f"""
    SELECT hour, {WHO}, origin, destination, travel_day, travel_minute, outcome, reason, seconds, wait
    FROM trace_search WHERE day = {{day}}
"""  # noqa: S608 - made of constants
CHANGES = """
    SELECT source, trip, stop, arrival, to_day, to_source, to_trip, to_stop, departure, walk
    FROM trace_change WHERE day = {day}
"""
RIDES = f"""
    SELECT hour, deed, service, {WHO}, source, route, trip, sequence, stop, to_sequence,
        coalesce(origin, 0), coalesce(destination, 0), passengers, reason, cents
    FROM trace_ride WHERE day = {{day}}
"""  # noqa: S608 - made of constants
RUNS = """
    SELECT service, source, route, metres, empty_metres, passengers, passenger_metres, cost_cents, subsidy_cents
    FROM trace_run WHERE day = {day}
"""
TOLD = """
    SELECT day, source, route, trip, sequence, stop, arrival, departure, arrival_delay, departure_delay,
        cancelled::integer, passengers
    FROM trace_call c WHERE day = {day} OR day IN ({before}, {after}) AND EXISTS (
        SELECT FROM trace_change n
        WHERE n.day = {day} AND n.to_day = c.day AND n.to_source = c.source AND n.to_trip = c.trip)
"""
TRIPS = """
    SELECT f.source, t.route_id, t.trip_id, t.direction_id, t.shape_id, coalesce((
            SELECT sum(ceil((q.end_time - q.start_time) / q.headway_secs::numeric))::integer FROM frequencies q
            WHERE q.version_id = t.version_id AND q.trip_id = t.trip_id AND q.headway_secs > 0), 1),
        (EXISTS (SELECT FROM frequencies q WHERE q.version_id = t.version_id AND q.trip_id = t.trip_id))::integer,
        r.route_type, t.line
    FROM feed f JOIN trips t ON t.version_id = f.active_version
    JOIN routes r ON r.version_id = t.version_id AND r.route_id = t.route_id
    WHERE (t.version_id, t.service_id) IN (
        SELECT x.version_id, x.service_id FROM calendar x
        WHERE {day} BETWEEN x.start_date AND x.end_date AND (ARRAY[
                x.sunday, x.monday, x.tuesday, x.wednesday, x.thursday, x.friday, x.saturday
            ])[extract(dow FROM {day})::integer + 1] = 1
        EXCEPT SELECT d.version_id, d.service_id FROM calendar_dates d WHERE d.date = {day} AND d.exception_type = 2
        UNION SELECT d.version_id, d.service_id FROM calendar_dates d WHERE d.date = {day} AND d.exception_type = 1)
"""
CALLS = """
    SELECT t.source, c.trip_line, c.stop_sequence, s.stop_id, coalesce(s.parent_station, s.stop_id), c.arrival_time,
        c.departure_time, s.stop_lon, s.stop_lat
    FROM ran_today t
    JOIN stop_times_compact c ON c.version_id = t.version_id AND c.trip_line = t.line
    JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line
    WHERE c.start_pickup_drop_off_window IS NULL AND c.end_pickup_drop_off_window IS NULL
    ORDER BY 1, 2, 3
"""
SHAPES = """
    SELECT f.source, l.shape_id, ST_Length(l.geom::geography, false),
        ST_X(ST_StartPoint(l.geom)), ST_Y(ST_StartPoint(l.geom)), ST_X(ST_EndPoint(l.geom)), ST_Y(ST_EndPoint(l.geom))
    FROM feed f JOIN shape_lines l ON l.version_id = f.active_version
    WHERE l.shape_id IN (SELECT t.shape_id FROM ran_today t WHERE t.source = f.source)
"""


class Counted(NamedTuple):
    """A day that was counted."""

    day: date
    day_type: DayType
    counted_at: datetime
    final: bool


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_notes(connection: Connection[Any], day: date) -> Notes:
    """Read everything that a day is counted from, as it stands at one moment."""
    values = {
        "day": sql.Literal(day),
        "before": sql.Literal(day - timedelta(days=1)),
        "after": sql.Literal(day + timedelta(days=1)),
    }

    def read(query: str, schema: Schema) -> pl.DataFrame:
        return read_frame(connection, sql.SQL(query).format(**values), schema)

    return Notes(
        day=day,
        searches=read(SEARCHES, notes.SEARCHES),
        changes=read(CHANGES, notes.CHANGES),
        rides=read(RIDES, notes.RIDES),
        runs=read(RUNS, notes.RUNS),
        told=read(TOLD, notes.TOLD),
        ran=read_ran(connection, day),
        circuits=read_circuits(connection, day),
    )


def read_ran(connection: Connection[Any], day: date) -> Ran:
    """Read the timetable of a day, of all sources in service; what only comes when it is booked is not in it."""
    trips = sql.SQL(TRIPS).format(day=sql.Literal(day))
    connection.execute("DROP TABLE IF EXISTS ran_today")
    connection.execute(
        sql.SQL(
            "CREATE TEMP TABLE ran_today ON COMMIT DROP AS SELECT x.*, f.active_version AS version_id FROM ({}) AS "
            "x (source, route, trip, direction, shape_id, runs, often, route_type, line) JOIN feed f USING (source)"
        ).format(trips)
    )
    connection.execute("""
        DELETE FROM ran_today t WHERE NOT EXISTS (
            SELECT FROM stop_times_compact c WHERE c.version_id = t.version_id AND c.trip_line = t.line
            AND c.stop_line IS NOT NULL AND coalesce(c.pickup_type, 0) NOT IN (1, 2))
    """)
    connection.execute("ANALYZE ran_today")
    zones = connection.execute("""
        SELECT DISTINCT ON (f.source) f.source, a.agency_timezone
        FROM feed f JOIN agency a ON a.version_id = f.active_version ORDER BY f.source, a.agency_id
    """).fetchall()
    ran = "SELECT source, route, trip, direction, shape_id, runs, often, route_type, line FROM ran_today"
    return Ran(
        day=day,
        trips=read_frame(connection, sql.SQL(ran), notes.TRIPS).sort("source", "line"),
        calls=read_frame(connection, sql.SQL(CALLS), notes.CALLS),
        shapes=read_frame(connection, sql.SQL(SHAPES), notes.SHAPES),
        zones=dict(zones),
    )


def read_frame(connection: Connection[Any], query: sql.Composable, schema: Schema) -> pl.DataFrame:
    """Read a query by COPY, a block of text after the other."""
    parts = [pl.DataFrame(schema=schema)]
    block = io.BytesIO()

    def read() -> None:
        if block.tell():
            block.seek(0)
            parts.append(pl.read_csv(block, has_header=False, schema=_as_told(schema)).cast(pl.Schema(schema)))

    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in copy:
            block.write(row)
            if block.tell() > BLOCK:
                read()
                block = io.BytesIO()
    read()
    return pl.concat(parts)


def _as_told(schema: Schema) -> Schema:
    """Read truth as a number, which is how the queries tell it."""
    return {name: pl.Int8 if kind == pl.Boolean else kind for name, kind in schema.items()}


def read_route_types(connection: Connection[Any]) -> list[int]:
    """List the types of routes in service."""
    rows = connection.execute(
        "SELECT DISTINCT r.route_type FROM routes r JOIN feed f ON f.active_version = r.version_id ORDER BY 1"
    )
    return [kind for (kind,) in rows]


def read_towns(connection: Connection[Any]) -> list[tuple[float, float, float]]:
    """List where people live: longitude, latitude, how many; stops alone where no commune is known."""
    rows = connection.execute("""
        SELECT ST_X(geom), ST_Y(geom), coalesce(population, 150) FROM osm_place
        WHERE kind IN ('city', 'town', 'village') ORDER BY osm_type, osm_id
    """).fetchall()
    return (
        rows
        or connection.execute("""
        SELECT s.stop_lon, s.stop_lat, 500 FROM stops s JOIN feed f ON f.active_version = s.version_id
        WHERE s.geom IS NOT NULL AND coalesce(s.location_type, 0) = 0 ORDER BY f.source, s.stop_id
    """).fetchall()
    )


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def day_locked(connection: Connection[Any], day: date) -> Iterator[None]:
    """Wait until nobody else counts a day, and hold it; the connection commits by itself."""
    key = f"mobigo usage {day}"
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
    try:
        yield
    finally:
        if not connection.broken:
            connection.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (key,))


def write_counts(
    connection: Connection[Any], day: date, day_type: DayType, counts: Counts, now: datetime, *, final: bool
) -> None:
    """Put the counts of a day in place of those there were."""
    for field, (table, column) in COUNTED.items():
        name = sql.Identifier(table)
        connection.execute(sql.SQL("DELETE FROM {} WHERE {} = %s").format(name, sql.Identifier(column)), (day,))
        write_frame(connection, table, getattr(counts, field).with_columns(pl.lit(day).alias(column)))
    connection.execute(
        "INSERT INTO usage_day (day, day_type, counted_at, final) VALUES (%s, %s, %s, %s) ON CONFLICT (day) DO UPDATE "
        "SET day_type = excluded.day_type, counted_at = excluded.counted_at, final = excluded.final",
        (day, day_type, now, final),
    )


def write_frame(connection: Connection[Any], table: str, frame: pl.DataFrame) -> None:
    """Append rows to a table by COPY."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for part in frame.iter_slices(100_000):
            copy.write(part.write_csv(include_header=False, quote_style="non_numeric").encode())


def replace_notes(connection: Connection[Any], day: date, notes: Mapping[str, pl.DataFrame]) -> None:
    """Put notes in place of all there are of a day, by table."""
    for table, frame in notes.items():
        connection.execute(sql.SQL("DELETE FROM {} WHERE day = %s").format(sql.Identifier(table)), (day,))
        write_frame(connection, table, frame)


def reopen_day(connection: Connection[Any], day: date) -> None:
    """Have a day counted anew, also if that was done for good."""
    for table in ("usage_day", "usage_open_day", "usage_open_noted"):
        connection.execute(sql.SQL("DELETE FROM {} WHERE day = %s").format(sql.Identifier(table)), (day,))


# ── days ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_counted(connection: Connection[Any]) -> list[Counted]:
    """List the days counted, in order."""
    rows = connection.execute("SELECT day, day_type, counted_at, final FROM usage_day ORDER BY day")
    return [Counted(day, DayType(kind), at, final) for day, kind, at, final in rows]


def find_counted(connection: Connection[Any], day: date) -> Counted | None:
    """Return what is known of the count of a day."""
    row = connection.execute("SELECT day, day_type, counted_at, final FROM usage_day WHERE day = %s", (day,)).fetchone()
    return None if row is None else Counted(row[0], DayType(row[1]), row[2], row[3])


def list_in_squares(connection: Connection[Any], before: date) -> list[date]:
    """List the days before one of which is told by squares who went from where to where."""
    rows = connection.execute("SELECT day FROM usage_day WHERE squares AND final AND day < %s ORDER BY day", (before,))
    return [day for (day,) in rows]


def list_squares(connection: Connection[Any], day: date) -> list[int]:
    """List the squares of which a day tells."""
    rows = connection.execute(
        """
        SELECT origin FROM usage_demand WHERE asked = %(day)s UNION SELECT destination FROM usage_demand
        WHERE asked = %(day)s UNION SELECT origin FROM usage_refusal WHERE day = %(day)s
        UNION SELECT destination FROM usage_refusal WHERE day = %(day)s
        """,
        {"day": day},
    )
    return [square for (square,) in rows]


def move_squares(connection: Connection[Any], day: date, to: Mapping[int, int]) -> None:
    """Tell a day by other squares: those in `to`, and 0 for all that are not."""
    connection.execute("CREATE TEMP TABLE moved (square integer PRIMARY KEY, goal integer NOT NULL) ON COMMIT DROP")
    write_frame(connection, "moved", pl.DataFrame({"square": list(to), "goal": list(to.values())}))
    for table, column, plain, sums in (
        ("usage_demand", "asked", "asked, day, hour, outcome, reason", ("searches", "people", "seconds", "wait")),
        ("usage_refusal", "day", "day, hour, service, source, reason", ("asked", "people")),
    ):
        connection.execute(
            sql.SQL(
                "WITH old AS (DELETE FROM {table} WHERE {column} = %s RETURNING *) "
                "INSERT INTO {table} (origin, destination, {plain}, {sums}) "
                "SELECT coalesce(o.goal, 0), coalesce(d.goal, 0), {plain}, {added} FROM old "
                "LEFT JOIN moved o ON o.square = origin LEFT JOIN moved d ON d.square = destination "
                "GROUP BY 1, 2, {plain}"
            ).format(
                table=sql.Identifier(table),
                column=sql.Identifier(column),
                plain=sql.SQL(plain),
                sums=sql.SQL(", ").join(map(sql.Identifier, sums)),
                added=sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in sums),
            ),
            (day,),
        )
    connection.execute("UPDATE usage_day SET squares = false WHERE day = %s", (day,))


def find_first_noted(connection: Connection[Any]) -> date | None:
    """Return the first day of which anything is noted."""
    query = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT min(day) AS day FROM {}").format(sql.Identifier(table)) for table in NOTED
    )
    row = connection.execute(sql.SQL("SELECT min(day) FROM ({}) d").format(query)).fetchone()
    return row[0] if row else None


def count_noted(connection: Connection[Any]) -> Mapping[str, int]:
    """Count the notes that wait, by table."""
    found = {}
    for table in NOTED:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        found[table] = row[0] if row else 0
    return found
