"""Driving times in tables are those of single ways."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from tests.random_streets import arc_oracle, random_place, random_streets
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kernels.hierarchy import Hierarchy
from mobigo.kit.geo import Point
from mobigo.kit.packed import map_packed, write_packed
from mobigo.osm.load import load_osm
from mobigo.street import drives as module
from mobigo.street.drives import Drives
from mobigo.street.graph import Profile, Restriction, StreetGraph, Streets, build_graph
from mobigo.street.hierarchy import build_hierarchy
from mobigo.street.routing import snap
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


@pytest.fixture(params=["searched", "labelled"])
def drives(request: pytest.FixtureRequest, database_url: str, tmp_path: pathlib.Path) -> Drives:
    load_osm(write_osm(tmp_path, TOWN), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        graph = read_graph(connection)
    return Drives(graph) if request.param == "searched" else labelled(graph)


def labelled(graph: StreetGraph) -> Drives:
    hierarchy = build_hierarchy(graph)
    return Drives(graph, lambda: hierarchy)


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
    assert drives.pairs(places, places[::-1]).tolist() == seconds[range(5), range(4, -1, -1)].tolist()
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


seeds = st.integers(0, 2**32 - 1)


def places_of(graph: StreetGraph, rng: np.random.Generator) -> list[Point]:
    drawn = [random_place(graph, rng, graph.car) for _ in range(8)]
    return [Point(one.lon, one.lat) for one in drawn] + [at(*rng.uniform(-300, 2300, 2).tolist()) for _ in range(4)]


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_labelled_places_are_as_far_apart_as_networkx_says(seed: int) -> None:
    graph = build_graph(random_streets(seed))
    if not np.isfinite(graph.car).any():
        return
    places = places_of(graph, np.random.default_rng(seed))
    snaps = snap(graph, places, Profile.CAR)
    found = labelled(graph).seconds(places, places)
    for i in range(len(places)):
        for j in range(len(places)):
            start, end = snaps.one(i), snaps.one(j)
            if places[i] == places[j]:
                assert found[i, j] == 0
                continue
            expected = arc_oracle(graph, Profile.CAR, start, end) if start and end else inf
            if start is None or end is None or expected == inf:
                assert found[i, j] == -1
            else:
                walked = (start.metres + end.metres) / 1.2
                assert abs(found[i, j] - ceil(expected + walked - 1e-3)) <= 1


def lattice(seed: int, width: int) -> Streets:
    """A town of blocks: streets of many kinds, oneways, bans, some missing."""
    rng = np.random.default_rng(seed)
    streets = random_streets(seed)
    node = np.arange(width * width).reshape(width, width)
    ends = np.concatenate([np.stack([node[:, :-1], node[:, 1:]], -1).reshape(-1, 2),
                           np.stack([node[:-1], node[1:]], -1).reshape(-1, 2)])  # fmt: skip
    ends = ends[rng.random(len(ends)) < 0.9]
    n = len(ends)
    where = np.array([lonlat(200.0 * (i % width), 200.0 * (i // width)) for i in range(width * width)])
    ways = np.arange(1, n + 1)
    restrictions = [
        one._replace(from_way=int(a), via_node=100 + int(ends[a - 1, 1]), to_way=int(b), modes=4, kind="no_turn")
        for a, b in rng.integers(1, n + 1, (n, 2)).tolist()
        if ends[a - 1, 1] in ends[b - 1]
        for one in [Restriction("", 0, 0, 0, 0)]
    ]
    return streets._replace(
        node_id=np.arange(width * width), node_osm=100 + np.arange(width * width), node_lon=where[:, 0],
        node_lat=where[:, 1], node_passable=rng.choice([15, 15, 15, 15, 3], width * width).astype(np.uint8),
        edge_way=ways, edge_from=ends[:, 0], edge_to=ends[:, 1], edge_metres=np.full(n, 200.0, np.float32),
        edge_class=["residential"] * n, edge_name=np.zeros(n, np.int32),
        edge_directions=rng.choice([1, 2, 3, 3], (n, 4)).astype(np.uint8),
        edge_kmh=rng.choice([20.0, 30.0, 50.0, 90.0], (n, 2)).astype(np.float32),
        edge_seconds=np.full(n, np.nan, np.float32),
        edge_flags=rng.choice([0, 0, 0, 0, 64], n).astype(np.uint8), edge_wheelchair=np.zeros(n, np.uint8),
        shape_first=np.arange(0, 2 * n + 1, 2), shape_points=where[ends].reshape(-1, 2), restrictions=restrictions,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_a_town_say_what_searching_it_says(seed: int) -> None:
    graph = build_graph(lattice(seed, 24))
    rng = np.random.default_rng(seed)
    places = [at(*rng.uniform(0, 4600, 2).tolist()) for _ in range(40)]
    quick, plain = labelled(graph), Drives(graph)
    found, expected = quick.seconds(places, places), plain.seconds(places, places)
    assert_array_equal(found < 0, expected < 0)
    assert np.abs(found - expected).max() <= 1
    assert (found == expected).mean() > 0.98  # the last second depends on the order of adding
    some = np.abs(quick.metres(places[:8], places) - plain.metres(places[:8], places))
    assert (some <= 2).mean() > 0.95  # ways that take equally long may differ in length


def test_a_hierarchy_is_read_from_its_folder_once_it_is_there(tmp_path: pathlib.Path) -> None:
    graph = build_graph(lattice(7, 8))
    rng = np.random.default_rng(7)
    places = [at(*rng.uniform(0, 1400, 2).tolist()) for _ in range(6)]
    folder = tmp_path / "drives"
    drives = Drives(graph, lambda: map_packed(folder, Hierarchy) if folder.exists() else None)
    before = drives.seconds(places, places)
    assert drives._register is None
    write_packed(folder, build_hierarchy(graph))
    assert np.abs(drives.seconds(places, places) - before).max() <= 1
    assert drives._register is not None


def test_places_are_forgotten_when_there_is_no_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build_graph(lattice(3, 10))
    rng = np.random.default_rng(3)
    places = [at(*rng.uniform(0, 1800, 2).tolist()) for _ in range(60)]
    expected = labelled(graph).seconds(places, places)
    monkeypatch.setattr(module, "PLACES", 8)
    monkeypatch.setattr(module, "ROOM", 300)
    drives = labelled(graph)
    for i in range(0, 60, 3):
        assert_array_equal(drives.seconds(places[i : i + 3], places[i : i + 3]), expected[i : i + 3, i : i + 3])
    assert_array_equal(drives.seconds(places, places), expected)


@pytest.mark.parametrize("searched", [False, True])
def test_places_that_stay_are_as_far_apart_as_others(searched: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    rng = np.random.default_rng(5)
    graph = build_graph(lattice(1, 6))
    monkeypatch.setattr(module, "PLACES", 4)
    monkeypatch.setattr(module, "ROOM", 100)
    points = places_of(graph, rng)[:12]
    drives = Drives(graph) if searched else labelled(graph)
    kept, others = drives.keep(), points[8:]
    numbers = np.concatenate([kept.put(points[:3]), kept.put([points[1], *points[3:9]])])
    assert numbers.tolist() == [0, 1, 2, 1, 3, 4, 5, 6, 7, 8]
    mine = [points[number] for number in numbers]
    for _ in range(2):
        with kept.beside(others) as beside:
            for some in (numbers, numbers[:2]):
                assert_array_equal(beside.come(some, others), drives.seconds(mine[: len(some)], others))
                assert_array_equal(beside.go(others, some), drives.seconds(others, mine[: len(some)]))
            assert_array_equal(beside.across(others, others[:2]), drives.seconds(others, others[:2]))
        assert kept.put([points[9]]).tolist() == [9]


def test_places_that_stay_are_labelled_once_there_is_a_hierarchy() -> None:
    rng = np.random.default_rng(6)
    graph = build_graph(lattice(1, 6))
    points = places_of(graph, rng)[:8]
    there: list[Hierarchy] = []
    drives = Drives(graph, lambda: there[0] if there else None)
    kept = drives.keep()
    numbers = kept.put(points[:4])
    found = []
    for _ in range(2):
        with kept.beside(points[4:]) as beside:
            found.append((beside.come(numbers, points[4:]), beside.go(points[4:], numbers)))
        there.append(build_hierarchy(graph))
    for one, other in zip(*found, strict=True):
        assert_array_equal(one, other)
    assert kept.put([points[5], points[0]]).tolist() == [4, 0]


def test_many_threads_may_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build_graph(lattice(5, 12))
    rng = np.random.default_rng(5)
    places = [at(*rng.uniform(0, 2200, 2).tolist()) for _ in range(80)]
    expected = labelled(graph).seconds(places, places)
    monkeypatch.setattr(module, "PLACES", 30)
    drives = labelled(graph)
    chosen = [rng.integers(0, 80, (2, 5)) for _ in range(200)]

    def ask(rows: np.ndarray) -> np.ndarray:
        return drives.seconds([places[i] for i in rows[0]], [places[i] for i in rows[1]])

    with ThreadPoolExecutor(8) as pool:
        for rows, found in zip(chosen, pool.map(ask, chosen), strict=True):
            assert_array_equal(found, expected[np.ix_(*rows)])


def test_streets_without_a_road_for_cars_lead_nowhere() -> None:
    graph = build_graph(lattice(1, 3)._replace(edge_directions=np.zeros((len(lattice(1, 3).edge_way), 4), np.uint8)))
    assert labelled(graph).seconds([at(0, 0)], [at(100, 0), at(0, 0)]).tolist() == [[-1, 0]]
