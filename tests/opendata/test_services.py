"""Fares, school transport and carpooling as data sets."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import psycopg
from tests.opendata.netex_reader import read_netex

from mobigo.carpool import openfile_store
from mobigo.carpool.openfile import Table, write_csv
from mobigo.carpool.openfile_store import Opened
from mobigo.db.engine import libpq_conninfo
from mobigo.fares.demonstration import publish_demonstration
from mobigo.opendata import store
from mobigo.opendata.making import Publisher
from mobigo.opendata.service import Outcome, Press
from mobigo.school.register_service import Actor, import_file
from mobigo.school.sample import draw_register, read_district

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_fares_and_points_of_sale_are_published(database_url: str, tmp_path: Path) -> None:
    press = Press(database_url, tmp_path, Publisher("La Région", "https://region.example"), NOW)
    assert {one.outcome for one in press.publish(["fares", "carpool-journeys"])} == {Outcome.EMPTY}
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        publish_demonstration(connection, now=NOW, today=NOW.date())
    (done,) = press.publish(["fares"])
    assert done.outcome is Outcome.PUBLISHED, done.problems
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        standing = store.find_standing(connection, "fares")
    assert standing is not None
    assert standing.current is not None
    said = standing.current.said
    assert said.counts["prices"] > 10
    assert {piece.name for piece in standing.current.pieces} >= {"prices.csv", "sales-points.geojson"}
    assert press.publish(["fares"])[0].outcome is Outcome.UNCHANGED


def test_months_of_carpooling_are_published(database_url: str, tmp_path: Path) -> None:
    packed = gzip.compress(write_csv(Table([], 0)))
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        openfile_store.save_month(connection, Opened(date(2026, 10, 1), 0, 0, NOW), packed)
    press = Press(database_url, tmp_path, Publisher("La Région", "https://region.example"), NOW)
    (done,) = press.publish(["carpool-journeys"])
    assert done.outcome is Outcome.PUBLISHED, done.problems


def test_school_circuits_are_the_same_in_gtfs_and_netex(database_url: str, tmp_path: Path) -> None:
    sample = draw_register(*read_district(), pupils=60, seed=1, year=2026)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        import_file(connection, "2026-2027", sample.as_workbook(), "x.xlsx", Actor("claire", "school", NOW))
    press = Press(database_url, tmp_path, Publisher("La Région", "https://region.example"), NOW)
    (done,) = press.publish(["school-2026-2027"])
    assert done.outcome is Outcome.PUBLISHED, done.problems
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        standing = store.find_standing(connection, "school-2026-2027")
    assert standing is not None
    assert standing.current is not None
    pieces = {piece.name: press.shelf.find(piece.sha256) for piece in standing.current.pieces}
    told = read_netex(pieces["netex.zip"])
    with zipfile.ZipFile(pieces["gtfs.zip"]) as archive:
        tables = {
            name: list(csv.DictReader(io.StringIO(archive.read(f"{name}.txt").decode())))
            for name in ("trips", "stops", "stop_times")
        }
    assert {(one["trip_id"], one["service_id"], one["route_id"]) for one in tables["trips"]} == {
        (trip, one[0], told.line_of[trip]) for trip, one in told.journeys.items()
    }
    assert {one["stop_id"]: one["stop_name"] for one in tables["stops"]} == {
        stop: name for stop, (name, _, _) in told.quays.items()
    }
    assert len(tables["stop_times"]) == sum(len(calls) for _, calls in told.journeys.values())
