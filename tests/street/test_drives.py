"""Driving times in tables are those of single ways."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.osm.load import load_osm
from mobigo.street.drives import Drives
from mobigo.street.store import read_graph

if TYPE_CHECKING:
    import pathlib

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)

TOWN = """
a 0 0
b 1000 0
c 1000 1000
d 0 1000
x 9000 9000
y 9400 9000
1: a b  highway=residential maxspeed=42
2: b c  highway=residential maxspeed=42
3: c d  highway=residential maxspeed=42
4: d a  highway=residential maxspeed=42
5: x y  highway=residential maxspeed=42
r: 1 b 2 no_left_turn
"""
"""A square, an island away from it; a car reaches 0.85 of a limit: 10 metres in a second."""


@pytest.fixture
def drives(database_url: str, tmp_path: pathlib.Path) -> Drives:
    load_osm(write_osm(tmp_path, TOWN), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        return Drives(read_graph(connection))


def at(x: float, y: float) -> Point:
    return Point(*lonlat(x, y))


def test_a_table_holds_every_way_and_says_where_there_is_none(drives: Drives) -> None:
    west, east, south = at(0, 500), at(1000, 500), at(900, 0)
    island, nowhere = at(9200, 9000), at(50_000, 50_000)
    places = [west, east, south, island, nowhere]
    expected = [
        [0, 200, 140, -1, -1],
        [200, 0, 60, -1, -1],
        [140, 340, 0, -1, -1],  # no left turn at b: back round by a, d and c
        [-1, -1, -1, 0, -1],
        [-1, -1, -1, -1, 0],
    ]
    seconds = drives.seconds(places, places)
    metres = drives.metres(places, places)
    for i, row in enumerate(expected):
        assert seconds[i].tolist() == pytest.approx(row, abs=1)
        assert metres[i].tolist() == pytest.approx([10 * value if value > 0 else value for value in row], abs=4)
    assert drives.many_to_one([south, west], east).tolist() == seconds[[2, 0], 1].tolist()
    assert drives.seconds([], places).shape == (0, 5)
    assert drives.seconds(places, []).shape == (5, 0)


def test_who_walks_from_the_street_is_counted(drives: Drives) -> None:
    on, off = at(0, 500), at(-120, 500)
    assert drives.one_to_many(on, [off])[0] == pytest.approx(100, abs=1)
    assert drives.one_to_many(off, [off])[0] == 0


def test_without_streets_straight_lines_are_taken() -> None:
    drives = Drives(None)
    a, b = at(0, 0), at(13_900, 0)
    assert drives.seconds([a], [a, b]).tolist() == [[0, pytest.approx(1300, abs=5)]]
    assert drives.metres([a], [b])[0, 0] == pytest.approx(18_070, rel=0.01)
