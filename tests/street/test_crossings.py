"""Pupils cross a fast road where a crossing is marked, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.osm.load import load_osm
from mobigo.street.crossings import build_walks, split_fast_roads
from mobigo.street.graph import Profile, StreetGraph, build_graph
from mobigo.street.routing import reach, snap, stop_seconds
from mobigo.street.store import read_streets

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Sequence

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)

FAST = """
a 0 0
b 500 0 {tags}
c 1000 0
d 1500 300
n 500 400
s 500 -400
e 1000 -400
1: a b  highway=primary maxspeed={limit}
2: b c  highway=primary maxspeed={limit}
3: c d  highway=primary maxspeed={limit}
4: n b  highway=residential
5: b s  highway=residential
6: c e  highway=residential
"""
"""A road from west to east with a street to the north and two to the south."""


def walked(graph: StreetGraph, origin: tuple[float, float], others: Sequence[tuple[float, float]]) -> list[int]:
    """Metres on foot, -1: no way."""
    snaps = snap(graph, [lonlat(*one) for one in (origin, *others)], Profile.FOOT)
    start = snaps.one(0)
    assert start is not None
    seconds = stop_seconds(reach(graph, start, Profile.FOOT, 6_000.0), snaps)[1:]
    return [round(1.2 * one) if one >= 0 else -1 for one in seconds.tolist()]


def read_town(database_url: str, folder: pathlib.Path, *, limit: int = 80, tags: str = "") -> StreetGraph:
    load_osm(write_osm(folder, FAST.format(tags=tags, limit=limit)), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        streets = read_streets(connection)
    return build_walks(streets, build_graph(streets))


NORTH, SOUTH = (500.0, 300.0), (500.0, -300.0)


@pytest.mark.parametrize(
    ("tags", "limit", "is_crossed"),
    [("", 80, False), ("", 70, False), ("", 50, True), ("highway=crossing", 80, True),
     ("highway=crossing crossing=unmarked", 80, False), ("highway=traffic_signals", 80, True)],
)  # fmt: skip
def test_from_one_side_to_the_other(
    tags: str,
    limit: int,
    is_crossed: bool,  # noqa: FBT001 - of a table
    database_url: str,
    tmp_path: pathlib.Path,
) -> None:
    graph = read_town(database_url, tmp_path, limit=limit, tags=tags)
    assert walked(graph, NORTH, [SOUTH]) == [pytest.approx(600, abs=4) if is_crossed else -1]


def test_a_stop_is_reached_on_its_own_side(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = read_town(database_url, tmp_path)
    stops = [(300.0, 5.0), (300.0, -5.0), (700.0, 5.0), (700.0, -5.0), (1200.0, 130.0), (1204.0, 110.0)]
    north_west, south_west, north_east, south_east, beyond_north, beyond_south = walked(graph, NORTH, stops)
    assert (north_west, north_east) == (pytest.approx(500, abs=10), pytest.approx(500, abs=10))
    assert beyond_north == pytest.approx(1035, abs=25)
    assert (south_west, south_east, beyond_south) == (-1, -1, -1)
    from_south = walked(graph, SOUTH, stops)
    assert [one >= 0 for one in from_south] == [False, True, False, True, False, True]
    corner = walked(graph, (1000.0, -300.0), stops)
    assert corner[3] == pytest.approx(600, abs=10)
    assert [one >= 0 for one in corner] == [False, True, False, True, False, True]


def test_a_town_without_fast_roads_stays_as_it_is(database_url: str, tmp_path: pathlib.Path) -> None:
    load_osm(write_osm(tmp_path, FAST.format(tags="", limit=50)), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        streets = read_streets(connection)
    assert split_fast_roads(streets).edge_way.tolist() == streets.edge_way.tolist()
