"""Rows that NeTEx is written of: of a feed in service with what runs on demand beside it, or of an archive of ours."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from itertools import chain, groupby
from typing import TYPE_CHECKING, Any, Protocol

from psycopg import sql
from psycopg.rows import dict_row

from mobigo.opendata.netex_flex import list_flexible, list_rows
from mobigo.opendata.ondemand_rows import make_beside
from mobigo.transit.gtfs import BY_NAME, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from psycopg import Connection

    from mobigo.opendata.gtfs_writer import Part
    from mobigo.opendata.ondemand_rows import InForce

Row = dict[str, Any]

FETCHED = 5_000
"""Rows read at once."""
TRIPS = """
    SELECT t.*, c.arrival_time, c.departure_time, s.stop_id, c.stop_headsign, c.pickup_type, c.drop_off_type,
        NULL AS area, NULL AS "window"
    FROM trips t
    JOIN stop_times_compact c ON c.version_id = t.version_id AND c.trip_line = t.line
    JOIN stops s ON s.version_id = c.version_id AND s.line = c.stop_line
    WHERE t.version_id = %(version)s AND t.trip_id <> ALL(%(left_out)s) AND NOT EXISTS (
        SELECT FROM stop_times_compact f
        WHERE f.version_id = t.version_id AND f.trip_line = t.line AND (
            location_id IS NOT NULL OR location_group_id IS NOT NULL OR start_pickup_drop_off_window IS NOT NULL
        )
    )
    ORDER BY t.route_id COLLATE "C", t.trip_id COLLATE "C", c.stop_sequence
"""
"""Calls of ordinary trips; those that run on demand are told by their services."""


class Rows(Protocol):
    """What NeTEx is written of."""

    source: str
    owner: str
    """What ids are written after."""
    made_at: datetime

    def read(self, table: str, key: str) -> list[Row]:
        """Read a file whole, sorted by a column; ids without their owner."""

    def group_trips(self) -> Iterator[tuple[str, Iterable[list[Row]]]]:
        """Read trips by their line: the calls of each, with the cells of the trip in every row."""

    def read_frequencies(self, route: str) -> dict[str, list[Row]]:
        """Read how trips of a line are repeated, by trip."""


class LoadedRows:
    """A feed in service, and services on demand as they are in force.

    Parameters
    ----------
    connection : Connection
        In a transaction of one snapshot.
    part : Part
        The source, and the version to read.
    services : InForce
        Of the source.
    """

    def __init__(self, connection: Connection[Any], part: Part, services: InForce) -> None:
        self.source = part.source
        self.owner = f"{part.source}:"
        self._connection = connection
        self._version = part.version
        self._services = services
        self._beside = make_beside(connection, [services], []).rows
        self.made_at = self._find_made()

    def _find_made(self) -> datetime:
        """Find when what it says was loaded, or written by the staff."""
        row = self._connection.execute(
            "SELECT max(at) FROM (SELECT loaded_at AS at FROM feed_version WHERE id = %s UNION ALL"
            " SELECT written_at FROM ondemand_service WHERE split_part(id, ':', 1) = %s) AS known",
            [self._version, self.source],
        ).fetchone()
        assert row
        made: datetime = row[0]
        return made.astimezone(UTC)

    def read(self, table: str, key: str) -> list[Row]:
        """Read a file of the feed, and what services in force add to it."""
        with self._connection.cursor(row_factory=dict_row) as cursor:
            query = sql.SQL('SELECT * FROM {} WHERE version_id = %s ORDER BY {} COLLATE "C"')
            named = query.format(sql.Identifier(table), sql.Identifier(key))
            rows = list(cursor.execute(named, [self._version]))
        return rows + [_read_cells(table, row, self.owner) for row in self._beside.get(table, ())]

    def group_trips(self) -> Iterator[tuple[str, Iterable[list[Row]]]]:
        """Read trips with their calls, line by line: those of the timetable, then those of services on demand."""
        written = self._services.written
        on_demand = {
            service.id.partition(":")[2]: list_rows(service, list_flexible(service, whole=service.id in written))
            for service in self._services.services
        }
        left_out = sorted(self._services.left_out)
        with self._connection.cursor(f"netex_{self._version}", row_factory=dict_row) as cursor:
            cursor.itersize = FETCHED
            rows = cursor.execute(TRIPS, {"version": self._version, "left_out": left_out})
            for route, of_route in groupby(rows, key=lambda row: str(row["route_id"])):
                yield route, chain(_gather(of_route), on_demand.pop(route, []))
        yield from ((route, trips) for route, trips in sorted(on_demand.items()) if trips)

    def read_frequencies(self, route: str) -> dict[str, list[Row]]:
        """Read how trips of a line are repeated, by trip."""
        query = """
            SELECT f.* FROM frequencies f JOIN trips t ON t.version_id = f.version_id AND t.trip_id = f.trip_id
            WHERE f.version_id = %s AND t.route_id = %s ORDER BY f.trip_id COLLATE "C", f.start_time
        """
        found: dict[str, list[Row]] = {}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(query, [self._version, route]):
                found.setdefault(row["trip_id"], []).append(row)
        return found


class ArchiveRows:
    """A GTFS archive of ours: what it says stands there without errors, and without anything on demand.

    Parameters
    ----------
    feed : Path
        The archive.
    source : str
        What it is called.
    made_at : datetime
        When what it says was decided.
    """

    def __init__(self, feed: Path, source: str, made_at: datetime) -> None:
        self.source = source
        self.owner = ""
        self.made_at = made_at
        self._tables: dict[str, list[Row]] = {}
        with zipfile.ZipFile(feed) as archive:
            for name in archive.namelist():
                table = name.removesuffix(".txt")
                if table in BY_NAME:
                    with archive.open(name) as stream:
                        rows = csv.DictReader(io.TextIOWrapper(stream, "utf-8", newline=""))
                        self._tables[table] = [_read_cells(table, row, "") for row in rows]

    def read(self, table: str, key: str) -> list[Row]:
        """Read a file whole."""
        return sorted(self._tables.get(table, ()), key=lambda row: str(row[key] or ""))

    def group_trips(self) -> Iterator[tuple[str, Iterable[list[Row]]]]:
        """Read trips with their calls, line by line."""
        calls: dict[str, list[Row]] = {}
        for call in self.read("stop_times", "trip_id"):
            calls.setdefault(call["trip_id"], []).append({**call, "area": None, "window": None})
        trips = sorted(self.read("trips", "trip_id"), key=lambda trip: str(trip["route_id"]))
        for route, of_route in groupby(trips, key=lambda trip: str(trip["route_id"])):
            yield route, [[trip | call for call in _in_order(calls[trip["trip_id"]])] for trip in of_route]

    def read_frequencies(self, route: str) -> dict[str, list[Row]]:
        """Read how trips of a line are repeated, by trip."""
        of_route = {trip["trip_id"] for trip in self._tables["trips"] if trip["route_id"] == route}
        found: dict[str, list[Row]] = {}
        for row in self.read("frequencies", "trip_id"):
            if row["trip_id"] in of_route:
                found.setdefault(row["trip_id"], []).append(row)
        return found


def _in_order(calls: Iterable[Row]) -> list[Row]:
    return sorted(calls, key=lambda call: int(call["stop_sequence"]))


def _gather(rows: Iterable[Row]) -> Iterator[list[Row]]:
    for _, calls in groupby(rows, key=lambda row: row["trip_id"]):
        yield list(calls)


def _read_cells(table: str, row: dict[str, str], owner: str) -> Row:
    """Read the cells of a row that is about to be published as the tables have them, ids without their owner."""
    return {column.name: _read_cell(column.kind, row.get(column.name), owner) for column in BY_NAME[table].columns}


def _read_cell(kind: Kind, cell: str | None, owner: str) -> object:
    if cell is None or cell == "":
        return None
    readers: dict[Kind, Callable[[str], object]] = {
        Kind.ID: lambda text: text.removeprefix(owner),
        Kind.DATE: date.fromisoformat,
        Kind.TIME: _read_time,
        Kind.ENUM: int,
        Kind.INTEGER: int,
        Kind.FLOAT: float,
    }
    return readers.get(kind, str)(cell)


def _read_time(cell: str) -> int:
    hours, minutes, seconds = (int(part) for part in cell.split(":"))
    return hours * 3600 + minutes * 60 + seconds
