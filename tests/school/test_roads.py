"""Drives by coach and walks of pupils, on real streets in the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Refused
from mobigo.kit.geo import Point
from mobigo.osm.load import load_osm
from mobigo.school import roads as module
from mobigo.school.roads import close, open_roads
from mobigo.street.coach import Period, Stand
from mobigo.street.drives import Drives, Table

if TYPE_CHECKING:
    import pathlib

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)

TOWN = """
a 0 0
b 1000 0
c 2000 0
n 1000 500
1: a b  highway=primary maxspeed=80
2: b c  highway=primary maxspeed=80
3: b n  highway=residential
"""


def at(x: float, y: float) -> Point:
    return Point(*lonlat(x, y))


EAST, WEST = Stand(*lonlat(500, -3), 90.0), Stand(*lonlat(500, 3), 270.0)
SCHOOL = at(1800, 0)


def test_a_coach_that_may_turn_at_a_school_comes_back_at_once(database_url: str, tmp_path: pathlib.Path) -> None:
    load_osm(write_osm(tmp_path, TOWN), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        roads = open_roads(connection, tmp_path / "roads")
    metres = roads.measure([EAST, WEST, SCHOOL]).metres
    assert metres[0, 2] == pytest.approx(1300, abs=6)
    assert metres[2, 1] == pytest.approx(1300, abs=6)
    assert metres[0, 1] == pytest.approx(2600, abs=12)  # to the school, and back: 2,400 m more than over the road
    assert metres[1, 0] == pytest.approx(1000, abs=12)  # round at the end of the road


def test_ways_are_drawn_along_the_streets_and_kept(database_url: str, tmp_path: pathlib.Path) -> None:
    load_osm(write_osm(tmp_path, TOWN), database_url, now=NOW)
    west, hill, far = lonlat(500, 0), lonlat(1_000, 400), lonlat(90_000, 0)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        roads = open_roads(connection, tmp_path / "roads")
        assert roads.draw([(west, hill)], seconds=0) == {}
        drawn = roads.draw([(west, hill), (west, far), (west, hill)])
        assert list(drawn) == [(west, hill)]
        again = open_roads(connection, tmp_path / "roads")
    line = np.array(drawn[west, hill])
    assert_allclose(line, [lonlat(500, 0), lonlat(1_000, 0), lonlat(1_000, 400)], atol=2e-5)
    with (roads.folder / "ways.jsonl").open("a") as file:
        file.write("[[[1, 2], [3")  # a process that was ended while it wrote
    assert again.draw([(west, hill)], seconds=0) == drawn


def test_walks_end_on_the_stops_own_side(database_url: str, tmp_path: pathlib.Path) -> None:
    load_osm(write_osm(tmp_path, TOWN), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        roads = open_roads(connection, tmp_path / "roads")
    stops = [at(500, 3), at(500, -3)]
    walks = roads.walk([at(1000, 400)], stops, 1000.0)
    assert walks.first.tolist() == [0, 1]
    assert walks.stop.tolist() == [0]
    assert walks.metres[0] == pytest.approx(900, abs=8)
    assert roads.walk([at(1000, 400)], stops, 800.0).stop.tolist() == []
    assert roads.walk([], stops, 800.0).first.tolist() == [0]


def test_tables_are_kept_until_the_streets_change(
    database_url: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_osm(write_osm(tmp_path, TOWN), database_url, now=NOW)
    places = [EAST, WEST, SCHOOL]
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        first = open_roads(connection, tmp_path / "roads").measure(places, Period.MORNING)
        with monkeypatch.context() as kept:
            kept.setattr(module, "build_graph", lambda _: pytest.fail("streets are read again"))
            kept.setattr(Drives, "seconds", lambda *_: pytest.fail("drives are measured again"))
            again = open_roads(connection, tmp_path / "roads").measure(places, Period.MORNING)
        assert_array_equal(np.stack(first), np.stack(again))
        connection.rollback()
        load_osm(write_osm(tmp_path, TOWN.replace("maxspeed=80", "maxspeed=50")), database_url, now=NOW)
        slower = open_roads(connection, tmp_path / "roads").measure(places, Period.MORNING)
    assert slower.seconds[0, 2] > first.seconds[0, 2]


def test_without_streets_it_is_said(database_url: str, tmp_path: pathlib.Path) -> None:
    with (
        psycopg.connect(libpq_conninfo(database_url)) as connection,
        pytest.raises(Refused, match="no streets are loaded"),
    ):
        open_roads(connection, tmp_path / "roads")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_closed_table_is_what_bellman_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    seconds = rng.integers(1, 100, (n, n)).astype(np.int32)
    seconds[rng.random((n, n)) < 0.3] = -1
    np.fill_diagonal(seconds, 0)
    metres = np.where(seconds < 0, -1, 10 * seconds)
    expected = np.where(seconds < 0, np.inf, seconds)
    for _ in range(n):
        expected = np.minimum(expected, (expected[:, :, None] + expected[None, :, :]).min(axis=1))
    found = close(Table(seconds, metres))
    assert_array_equal(found.seconds, np.where(np.isinf(expected), -1, expected))
    assert_array_equal(found.metres, np.where(found.seconds < 0, -1, 10 * found.seconds))
