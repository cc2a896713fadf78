"""How vehicles kept their times, month by month: every call as it was seen, and counts by line, stop and hour.

Nothing in it is of people: vehicles' counts of passengers are left out, only the occupancy that was told to everybody
while it drove is kept. Ids are those of the published timetables.
"""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg import sql

from mobigo.usage.opening_store import find_end, is_settled
from mobigo.usage.store import read_frame

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg import Connection

OBSERVED: dict[str, type[pl.DataType]] = {
    "day": pl.Date,
    "line": pl.String,
    "trip": pl.String,
    "stop_sequence": pl.Int32,
    "stop": pl.String,
    "arrival": pl.Int32,
    "departure": pl.Int32,
    "arrival_delay": pl.Int32,
    "departure_delay": pl.Int32,
    "cancelled": pl.Boolean,
    "occupancy": pl.Int32,
}
SAID_OBSERVED = {
    "day": "Day of service.",
    "line": "Line, by the id of the published timetables.",
    "trip": "Trip, by the id of the published timetables; of lines by headway @ and the run's first departure follow.",
    "stop_sequence": "As in the timetable.",
    "stop": "Stop, by the id of the published timetables.",
    "arrival": "Planned: seconds after noon less twelve hours of the day of service.",
    "departure": "Planned: seconds after noon less twelve hours of the day of service.",
    "arrival_delay": "Seconds late, early is negative, as it was last told or seen; empty: not known.",
    "departure_delay": "Seconds late, early is negative, as it was last told or seen; empty: not known.",
    "cancelled": "The trip did not run, or this stop was left out.",
    "occupancy": "OccupancyStatus of GTFS-Realtime on departure, where it was told.",
}
PUNCTUALITY: dict[str, type[pl.DataType]] = {
    "month": pl.String,
    "day_type": pl.String,
    "line": pl.String,
    "stop": pl.String,
    "hour": pl.Int32,
    "calls": pl.Int64,
    "cancelled": pl.Int64,
    "early": pl.Int64,
    "on_time": pl.Int64,
    "late": pl.Int64,
    "very_late": pl.Int64,
    "delay": pl.Int64,
}
SAID_PUNCTUALITY = {
    "month": "Year and month.",
    "day_type": "Type of day: school_day, weekday (Monday to Friday in school holidays), saturday, sunday (and public"
    " holidays).",
    "line": "Line, by the id of the published timetables.",
    "stop": "Stop, by the id of the published timetables.",
    "hour": "Planned, local.",
    "calls": "Calls that were seen and not cancelled.",
    "cancelled": "Calls that were cancelled.",
    "early": "More than a minute early.",
    "on_time": "Up to a minute early, less than five late.",
    "late": "Five to less than fifteen minutes late.",
    "very_late": "Fifteen minutes late or more.",
    "delay": "Sum of the seconds late of these calls; early is negative.",
}
MAY_LACK = ("arrival", "departure", "arrival_delay", "departure_delay", "occupancy")
"""Columns that may be empty."""

CALLS = """
    SELECT day, {source} || ':' || route, {source} || ':' || trip, sequence, {source} || ':' || stop,
        arrival, departure, arrival_delay, departure_delay, cancelled::integer, occupancy
    FROM trace_call WHERE source = {source} AND day = {day}
    ORDER BY route COLLATE "C", trip COLLATE "C", sequence
"""

KEPT = """
    SELECT to_char(p.day, 'YYYY-MM'), d.day_type, {source} || ':' || p.route, {source} || ':' || p.stop, p.hour,
        sum(p.calls), sum(p.cancelled), sum(p.early), sum(p.on_time), sum(p.late), sum(p.very_late), sum(p.delay)
    FROM usage_punctuality p JOIN usage_day d USING (day)
    WHERE p.source = {source} AND p.day >= {first} AND p.day < {end}
    GROUP BY 1, 2, p.route, p.stop, p.hour
    ORDER BY d.day_type, p.route COLLATE "C", p.stop COLLATE "C", p.hour
"""


def list_months(connection: Connection[Any], source: str) -> list[date]:
    """List the months of which vehicles of a source were seen and all days are counted for good, oldest first."""
    rows = connection.execute(
        "SELECT DISTINCT date_trunc('month', day)::date AS month FROM usage_punctuality WHERE source = %s ORDER BY 1",
        [source],
    ).fetchall()
    return [month for (month,) in rows if is_settled(connection, month)]


def write_observed(connection: Connection[Any], source: str, month: date, csv: Path, parquet: Path) -> None:
    """Write every call of a month, as packed CSV and as Parquet; a day at a time."""
    parts = []
    with csv.open("wb") as out, gzip.GzipFile("", "wb", 6, out, mtime=0) as packed:
        for number in range((find_end(month) - month).days):
            query = sql.SQL(CALLS).format(source=sql.Literal(source), day=sql.Literal(month + timedelta(days=number)))
            frame = read_frame(connection, query, OBSERVED)
            packed.write(frame.write_csv(include_header=number == 0).encode())
            if len(frame):
                parts.append(parquet.with_name(f"{parquet.name}.{number:02}"))
                frame.write_parquet(parts[-1], compression="zstd")
    if parts:
        pl.scan_parquet(parts).sink_parquet(parquet, compression="zstd", maintain_order=True)
    else:
        pl.DataFrame(schema=OBSERVED).write_parquet(parquet)


def write_punctuality(connection: Connection[Any], source: str, month: date, csv: Path) -> None:
    """Write how the calls of a month kept their times, by type of day, line, stop and hour."""
    values = {"source": source, "first": month, "end": find_end(month)}
    query = sql.SQL(KEPT).format(**{name: sql.Literal(value) for name, value in values.items()})
    read_frame(connection, query, PUNCTUALITY).write_csv(csv)
