"""Stops and lines on a map, calls in a table: the same things by the same ids."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import psycopg
import pytest

from mobigo.db.engine import libpq_conninfo
from mobigo.opendata.gtfs_writer import Part
from mobigo.opendata.ondemand_rows import Beside
from mobigo.opendata.timetable_views import write_calls, write_lines, write_stops
from mobigo.transit.load import load_gtfs

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"


@pytest.mark.parametrize("feed", [None, "fr-bfc-ter-2025"])
def test_views_tell_what_the_tables_hold(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest, feed: str | None
) -> None:
    path = request.getfixturevalue("test_data") / f"bfc/{feed}.gtfs.zip" if feed else DEMONSTRATION
    load_gtfs(path, "x", database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        row = connection.execute("SELECT active_version FROM feed").fetchone()
        assert row
        part = Part("x", row[0])
        for name, write in (("stops", write_stops), ("lines", write_lines), ("calls", write_calls)):
            write(connection, [part], tmp_path / name, Beside())
            write(connection, [part], tmp_path / f"{name}2", Beside())
            assert (tmp_path / name).read_bytes() == (tmp_path / f"{name}2").read_bytes()
        stops = connection.execute("SELECT 'x:' || stop_id FROM stops WHERE stop_lon IS NOT NULL").fetchall()
        routes = connection.execute("SELECT 'x:' || route_id FROM routes").fetchall()
        calls = connection.execute("SELECT count(*), sum(departure_time) FROM stop_times WHERE stop_id IS NOT NULL")
        (counted,) = calls.fetchall()
    drawn = json.loads((tmp_path / "stops").read_text())["features"]
    assert {one["id"] for one in drawn} == {id_ for (id_,) in stops}
    lines = json.loads((tmp_path / "lines").read_text())["features"]
    assert {one["id"] for one in lines} == {id_ for (id_,) in routes}
    assert sum(one["geometry"] is not None for one in lines) > 0.8 * len(lines)
    table = pl.read_parquet(tmp_path / "calls")
    assert (table.height, table["departure_time"].sum()) == counted
