"""Fares, school transport and carpooling as data sets."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import psycopg

from mobigo.carpool import openfile_store
from mobigo.carpool.openfile import Table, write_csv
from mobigo.carpool.openfile_store import Opened
from mobigo.db.engine import libpq_conninfo
from mobigo.fares.demonstration import publish_demonstration
from mobigo.opendata import store
from mobigo.opendata.making import Publisher
from mobigo.opendata.service import Outcome, Press

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
