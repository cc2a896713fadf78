"""Kernels against networkx on small random streets, and streets whose answers can be worked out by hand."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, inf
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import psycopg
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.random_streets import STRETCH, arc_oracle, line_of, part, random_place, random_streets, where_else, where_on
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point, haversine
from mobigo.kit.packed import map_packed, write_packed
from mobigo.osm.load import load_osm
from mobigo.street.graph import Profile, StreetGraph, build_graph
from mobigo.street.routing import (
    Path,
    Snap,
    Snaps,
    between,
    find_seeds,
    footpaths,
    path,
    reach,
    roll,
    roll_path,
    roll_seconds,
    snap,
    spread,
    spread_seconds,
    stop_seconds,
    walks_from,
)
from mobigo.street.store import read_graph

if TYPE_CHECKING:
    import pathlib

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
seeds = st.integers(0, 2**32 - 1)


def node_oracle(graph: StreetGraph, cost: np.ndarray, mode: int, start: Snap, end: Snap) -> float:
    """Seconds by networkx. A node with a barrier is arrived at and not left, except beside the start."""
    net = nx.MultiDiGraph()
    net.add_nodes_from(["start", "end"])
    for arc in range(len(cost)):
        tail, head = int(graph.net.head[arc ^ 1]), int(graph.net.head[arc])
        leaving = [("first", tail)] + [("in", tail)] * bool(graph.net.passable[tail] & mode)
        for node in leaving:
            net.add_edge(node, ("in", head), weight=float(cost[arc]))
            if arc >> 1 == end.edge:
                net.add_edge(node, "end", weight=part(cost[arc], end.fraction if arc % 2 == 0 else 1 - end.fraction))
        if arc >> 1 == start.edge:
            share = 1 - start.fraction if arc % 2 == 0 else start.fraction
            net.add_edge("start", ("first", head), weight=part(cost[arc], share))
    if start.edge == end.edge:
        along = end.fraction - start.fraction
        net.add_edge("start", "end", weight=part(cost[2 * start.edge + (along < 0)], abs(along)))
    lengths: dict[object, float] = nx.single_source_dijkstra_path_length(net, "start")
    return lengths.get("end", inf)


@settings(max_examples=200, deadline=None)
@given(seeds, st.sampled_from(Profile))
def test_reach_is_as_far_as_networkx_says(seed: int, profile: Profile) -> None:
    graph = build_graph(random_streets(seed))
    rng = np.random.default_rng(seed)
    cost = graph.cost(profile)
    if not np.isfinite(cost).any():
        return
    start, end = random_place(graph, rng, cost), random_place(graph, rng, cost)
    limit = float(rng.choice([300.0, 900.0, 1e5]))
    expected = node_oracle(graph, cost, profile, start, end)
    one = Snaps(*(np.array([value]) for value in (np.int32(end.edge), np.float32(end.fraction), np.float32(0))),
                np.array([[end.lon, end.lat]]))  # fmt: skip
    found = reach(graph, start, profile, limit)
    seconds = stop_seconds(found, one)[0]
    way = path(found, end)
    gates = [node for node in (graph.edge_from[start.edge], graph.edge_to[start.edge])
             if not graph.net.passable[node] & profile]  # fmt: skip
    round_about = found.parent[np.isin(found.node, gates)]
    if (round_about >= 0).any():  # a barrier beside the start that is reached sooner the other way round is not left
        return
    if expected > limit + 0.01:
        assert seconds == -1
        assert way is None
    elif expected < limit - 0.01:
        assert abs(seconds - ceil(expected - 1e-3)) <= 1
        assert way is not None
        assert way.seconds == pytest.approx(expected, abs=0.01)
        check_course(way, start, end)
    back = reach(graph, end, profile, limit, backward=True)
    there = Snaps(*(np.array([value]) for value in (np.int32(start.edge), np.float32(start.fraction), np.float32(0))),
                  np.array([[start.lon, start.lat]]))  # fmt: skip
    blocked = (graph.net.passable & profile == 0).any()
    if not blocked:  # beside a barrier the two ways of asking differ: a place may be left over it, not passed
        assert abs(stop_seconds(back, there)[0] - seconds) <= 1
        way = path(back, start)
        if way is not None:
            check_course(way, start, end)


def check_course(way: Path, start: Snap, end: Snap) -> None:
    """The course begins and ends where it should, and is as long as it says."""
    assert_allclose(way.points[0], [start.lon, start.lat], atol=2e-6)
    assert_allclose(way.points[-1], [end.lon, end.lat], atol=2e-6)
    length = sum(haversine(Point(*a), Point(*b)) for a, b in pairwise(way.points.tolist()))
    assert length == pytest.approx(way.metres, rel=0.005, abs=1.0)
    assert sum(step.metres for step in way.steps) == pytest.approx(way.metres, rel=1e-3, abs=0.1)


@settings(max_examples=300, deadline=None)
@given(seeds, st.sampled_from(Profile))
def test_direct_ways_are_those_of_networkx_on_the_line_graph(seed: int, profile: Profile) -> None:
    graph = build_graph(random_streets(seed))
    rng = np.random.default_rng(seed)
    cost = graph.cost(profile)
    if not np.isfinite(cost).any():
        return
    start, end = random_place(graph, rng, cost), random_place(graph, rng, cost)
    expected = arc_oracle(graph, profile, start, end)
    way = between(graph, start, end, profile)
    if expected == inf:
        assert way is None
    else:
        assert way is not None
        assert way.seconds == pytest.approx(expected, rel=1e-4, abs=0.02)
        check_course(way, start, end)


@settings(max_examples=300, deadline=None)
@given(seeds, st.sampled_from([Profile.BICYCLE, Profile.CAR]), st.booleans())
def test_rolling_keeps_turn_restrictions_as_direct_ways_do(
    seed: int,
    profile: Profile,
    backward: bool,  # noqa: FBT001  drawn
) -> None:
    graph = build_graph(random_streets(seed))
    rng = np.random.default_rng(seed)
    cost = graph.cost(profile)
    if not np.isfinite(cost).any():
        return
    origin = random_place(graph, rng, cost)
    places = [random_place(graph, rng, cost) for _ in range(6)]
    places += [where_else(graph, origin, float(share)) for share in rng.random(2)]
    found = roll(graph, origin, profile, 5000.0, backward=backward)
    stops = Snaps(
        np.array([one.edge for one in places], np.int32),
        np.array([one.fraction for one in places], np.float32),
        np.zeros(len(places), np.float32),
        np.array([(one.lon, one.lat) for one in places]),
    )
    seconds = roll_seconds(found, stops)
    for place, took in zip(places, seconds.tolist(), strict=True):
        ends = (place, origin) if backward else (origin, place)
        expected = arc_oracle(graph, profile, *ends)
        way = roll_path(found, place)
        if took < 0:
            assert expected > 4000  # what is entered late for visitors only may be left out a little sooner
            assert way is None
            continue
        assert took == pytest.approx(expected, abs=1.01)
        assert way is not None
        assert way.seconds == pytest.approx(expected, rel=1e-4, abs=0.02)
        check_course(way, *ends)


@settings(max_examples=80, deadline=None)
@given(seeds, st.sampled_from([Profile.FOOT, Profile.WHEELCHAIR]))
def test_footpaths_are_what_reaching_from_every_stop_finds(seed: int, profile: Profile) -> None:
    graph = build_graph(random_streets(seed))
    rng = np.random.default_rng(seed)
    stops = snap(graph, np.array([lonlat(x, y) for x, y in rng.uniform(-200, 2200, (12, 2))]), profile)
    first, target, seconds = footpaths(graph, stops, 900.0, profile=profile, threads=2)
    for stop in range(12):
        place = stops.one(stop)
        expected = np.full(12, -1, np.int32)
        if place is not None:
            expected = stop_seconds(reach(graph, place, profile, 900.0), stops)
            expected[stop] = -1
        found = np.full(12, -1, np.int32)
        found[target[first[stop] : first[stop + 1]]] = seconds[first[stop] : first[stop + 1]]
        near = np.abs(expected - found) <= 1  # the last second depends on the order of adding
        edge_of_limit = (np.maximum(expected, found) >= 900) & (np.minimum(expected, found) == -1)
        assert (near | edge_of_limit).all(), (stop, expected, found)


@settings(max_examples=150, deadline=None)
@given(seeds, st.sampled_from(Profile), st.booleans())
def test_spreading_from_many_places_is_reaching_from_the_best_of_them(
    seed: int,
    profile: Profile,
    backward: bool,  # noqa: FBT001  drawn
) -> None:
    drawn = random_streets(seed)
    open_streets = np.full(len(drawn.node_id), 15, np.uint8)  # a place may be left over a barrier beside it, not passed
    graph = build_graph(drawn._replace(node_passable=open_streets))
    rng = np.random.default_rng(seed)
    cost = graph.cost(profile)
    if not np.isfinite(cost).any():
        return
    stops = snap(graph, np.array([lonlat(x, y) for x, y in rng.uniform(-100, 2100, (8, 2))]), profile)
    begins = snap(graph, np.array([lonlat(x, y) for x, y in rng.uniform(-100, 2100, (3, 2))]), profile)
    on = begins.edge >= 0
    begins = Snaps(*(field[on] for field in begins))
    if not len(begins.edge):
        return
    waits = rng.choice([0, 60, 400], len(begins.edge)).astype(np.float32)
    found = spread(graph, begins, waits, profile, 900.0, backward=backward)
    apart = []
    for i, wait in enumerate(waits.tolist()):
        place = begins.one(i)
        assert place is not None
        alone = stop_seconds(reach(graph, place, profile, 900.0 - wait, backward=backward), stops)
        apart.append(np.where(alone >= 0, alone + wait, np.inf))
    best = np.min(apart, axis=0)
    seconds, seeds = spread_seconds(found, stops), find_seeds(found, stops)
    for stop in range(8):
        if abs(best[stop] - 900) < 2 or (seconds[stop] >= 899):
            continue
        assert seconds[stop] == pytest.approx(best[stop] if np.isfinite(best[stop]) else -1, abs=1)
        if seconds[stop] >= 0:
            assert apart[seeds[stop]][stop] == pytest.approx(best[stop], abs=2)


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_snapping_finds_the_nearest_street(seed: int) -> None:
    graph = build_graph(random_streets(seed))
    graph = graph._replace(solid=np.full_like(graph.solid, 7))
    rng = np.random.default_rng(seed)
    points = np.array([lonlat(x, y) for x, y in rng.uniform(-800, 2800, (8, 2))])
    found = snap(graph, points, Profile.FOOT, 600.0)
    usable = np.flatnonzero(np.isfinite(graph.foot[0::2]) | np.isfinite(graph.foot[1::2]))
    lines = {edge: line_of(graph, edge) for edge in usable.tolist()}
    for i, point in enumerate(points * STRETCH):
        distances = {edge: line.distance(shapely.Point(point)) for edge, line in lines.items()}
        nearest = min(distances.values(), default=inf)
        if nearest > 605:
            assert found.one(i) is None
        elif nearest < 595:
            place = found.one(i)
            assert place is not None
            assert place.metres == pytest.approx(nearest, rel=0.01, abs=0.5)
            assert where_on(graph, place.edge, place.fraction) == pytest.approx((place.lon, place.lat), abs=2e-6)


def test_a_packed_graph_answers_as_the_built_one(tmp_path: pathlib.Path) -> None:
    graph = build_graph(random_streets(7))
    write_packed(tmp_path / "streets", graph)
    mapped = map_packed(tmp_path / "streets", StreetGraph)
    stops = snap(mapped, np.array([lonlat(500, 500), lonlat(900, 300)]), Profile.FOOT)
    again = snap(graph, np.array([lonlat(500, 500), lonlat(900, 300)]), Profile.FOOT)
    for one, other in zip(stops, again, strict=True):
        assert_array_equal(one, other)
    assert mapped.names.all() == ["", "Rue A", "Rue B"]


# ------------------------------------------------------------------------------------- streets worked out by hand


def streets(text: str, url: str, folder: pathlib.Path) -> StreetGraph:
    load_osm(write_osm(folder, text), url, now=NOW)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return read_graph(connection)


def at(graph: StreetGraph, x: float, y: float, profile: Profile) -> Snap:
    place = snap(graph, [lonlat(x, y)], profile).one(0)
    assert place is not None
    return place


def trip(graph: StreetGraph, a: tuple[float, float], b: tuple[float, float], profile: Profile) -> int | None:
    """Metres of the direct way, rounded to ten."""
    way = between(graph, at(graph, *a, profile), at(graph, *b, profile), profile)
    return way and round(way.metres / 10) * 10


SQUARE = """
a 0 0
b 200 0
c 200 100
d 0 100
x -100 0
y 300 0
1: x a  highway=residential
2: a b  highway=residential name=Rue_Basse
3: b c  highway=residential
4: c d  highway=residential
5: d a  highway=residential
6: b y  highway=residential
"""


def test_a_oneway_sends_cars_round_the_block(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = streets(SQUARE.replace("name=Rue_Basse", "oneway=yes"), database_url, tmp_path)
    assert trip(graph, (-50, 0), (250, 0), Profile.CAR) == 300
    assert trip(graph, (250, 0), (-50, 0), Profile.CAR) == 500
    assert trip(graph, (250, 0), (-50, 0), Profile.BICYCLE) == 500
    assert trip(graph, (250, 0), (-50, 0), Profile.FOOT) == 300


def test_a_contraflow_lane_takes_bicycles_straight_back(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = streets(SQUARE.replace("name=Rue_Basse", "oneway=yes oneway:bicycle=no"), database_url, tmp_path)
    assert trip(graph, (250, 0), (-50, 0), Profile.BICYCLE) == 300
    assert trip(graph, (250, 0), (-50, 0), Profile.CAR) == 500


def test_a_bollard_stops_cars_but_not_what_lies_before_it(database_url: str, tmp_path: pathlib.Path) -> None:
    text = SQUARE.replace("2: a b", "m 100 0 barrier=bollard\n2: a m b")
    graph = streets(text, database_url, tmp_path)
    assert trip(graph, (-50, 0), (250, 0), Profile.CAR) == 500
    assert trip(graph, (-50, 0), (90, 0), Profile.CAR) == 140
    assert trip(graph, (-50, 0), (250, 0), Profile.BICYCLE) == 300


def test_a_banned_turn_is_avoided_by_cars_and_not_by_walkers(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = streets(SQUARE + "r: 1 a 2 no_straight_on", database_url, tmp_path)
    assert trip(graph, (-50, 0), (250, 0), Profile.CAR) == 500
    assert trip(graph, (250, 0), (-50, 0), Profile.CAR) == 300
    assert trip(graph, (-50, 0), (250, 0), Profile.FOOT) == 300


def test_an_only_restriction_bans_every_other_turn(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = streets(SQUARE + "r: 1 a 5 only_left_turn except=bicycle", database_url, tmp_path)
    assert trip(graph, (-50, 0), (250, 0), Profile.CAR) == 500
    assert trip(graph, (-50, 0), (250, 0), Profile.BICYCLE) == 300


def test_a_roundabout_is_driven_one_way(database_url: str, tmp_path: pathlib.Path) -> None:
    text = """
    a 0 0
    b 50 -50
    c 100 0
    d 50 50
    w -100 0
    e 200 0
    1: a b c d a  highway=residential junction=roundabout
    2: w a  highway=residential
    3: c e  highway=residential
    """
    graph = streets(text, database_url, tmp_path)
    a, b = at(graph, -50, 0, Profile.CAR), at(graph, 150, 0, Profile.CAR)
    way = between(graph, a, b, Profile.CAR)
    assert way is not None
    assert [step.direction for step in way.steps] == ["depart", "circle_counterclockwise", "slightly_right"] or [
        step.direction for step in way.steps
    ][:2] == ["depart", "circle_counterclockwise"]
    assert way.points[:, 1].min() == pytest.approx(lonlat(0, -50)[1], abs=1e-6)  # round by the south, against the clock


def test_a_private_road_is_no_short_cut_but_a_visitors_one_is_reached(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    graph = streets(SQUARE.replace("name=Rue_Basse", "motor_vehicle=destination"), database_url, tmp_path)
    assert trip(graph, (-50, 0), (250, 0), Profile.CAR) == 500
    assert trip(graph, (-50, 0), (100, 0), Profile.CAR) == 150
    graph = streets(SQUARE.replace("name=Rue_Basse", "access=private"), database_url, tmp_path)
    assert trip(graph, (-50, 0), (250, 0), Profile.FOOT) == 500


def test_steps_take_twice_as_long_and_are_said(database_url: str, tmp_path: pathlib.Path) -> None:
    text = """
    a 0 0
    b 120 0
    c 120 120
    d 120 240
    1: a b  highway=residential name=Rue_Basse
    2: b c  highway=steps
    3: c d  highway=residential name=Rue_Haute
    """
    graph = streets(text, database_url, tmp_path)
    way = between(graph, at(graph, 0, 0, Profile.FOOT), at(graph, 120, 240, Profile.FOOT), Profile.FOOT)
    assert way is not None
    assert way.seconds == pytest.approx(100 + 200 + 100, abs=1)
    assert [(step.name, round(step.metres), str(step.direction), step.bearing) for step in way.steps] == [
        ("Rue Basse", 120, "depart", 90),
        ("", 120, "stairs", 0),
        ("Rue Haute", 120, "continue", 0),
    ]
    slow = between(graph, at(graph, 0, 0, Profile.FOOT), at(graph, 120, 240, Profile.FOOT), Profile.FOOT, speed=0.6)
    assert slow is not None
    assert slow.seconds == pytest.approx(2 * way.seconds)


RAMP = """
a 0 0
b 100 0
c 100 100
d 0 100
e 200 100
f 0 50 barrier=kerb kerb=raised
1: a b    highway=footway smoothness=good
2: b c    highway=steps
3: a f d  highway=residential
4: d c    highway=footway surface=sett
5: c e    highway=residential
6: b e    highway=footway wheelchair=limited
"""


def test_a_wheelchair_goes_round_steps_and_kerbs_and_slower_where_it_is_rough(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    graph = streets(RAMP, database_url, tmp_path)
    on_foot = between(graph, at(graph, 100, 0, Profile.FOOT), at(graph, 100, 100, Profile.FOOT), Profile.FOOT)
    assert on_foot is not None
    assert on_foot.seconds == pytest.approx(200 / 1.2, abs=1)  # steps count twice
    there = (at(graph, 100, 0, Profile.WHEELCHAIR), at(graph, 100, 100, Profile.WHEELCHAIR))
    rolling = between(graph, *there, Profile.WHEELCHAIR, speed=1.0)
    assert rolling is not None
    # not over the kerb at f: along the diagonal b e (141 m, half as long again), then back on e c
    assert rolling.metres == pytest.approx(241.4, abs=1)
    assert rolling.seconds == pytest.approx(141.4 * 1.5 + 100, abs=2)
    assert [int(graph.edge_wheelchair[edge]) for edge in rolling.edges] == [2, 0]


def test_places_are_walked_from_to_stops_only(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = streets(SQUARE, database_url, tmp_path)
    places = snap(graph, [lonlat(-100, 0), lonlat(200, 100)], Profile.FOOT)
    stops = snap(graph, [lonlat(0, 0), lonlat(200, 0), lonlat(300, 0)], Profile.FOOT)
    first, target, seconds = walks_from(graph, places, stops, 300.0)
    assert first.tolist() == [0, 2, 5]
    assert target.tolist() == [0, 1, 0, 1, 2]
    assert seconds.tolist() == pytest.approx([84, 250, 250, 84, 167], abs=1)


def test_turns_are_told_by_street(database_url: str, tmp_path: pathlib.Path) -> None:
    text = """
    a 0 0
    b 100 0
    c 200 0
    d 200 100
    e 300 150
    1: a b c  highway=residential name=Rue_Longue
    2: c d  highway=residential name=Rue_du_Nord
    3: d e  highway=residential name=Chemin
    4: b d  highway=motorway
    """
    graph = streets(text, database_url, tmp_path)
    found = reach(graph, at(graph, 50, 5, Profile.FOOT), Profile.FOOT, 900.0)
    way = path(found, at(graph, 300, 150, Profile.FOOT))
    assert way is not None
    assert [(step.name, round(step.metres), str(step.direction)) for step in way.steps] == [
        ("Rue Longue", 150, "depart"),
        ("Rue du Nord", 100, "left"),
        ("Chemin", 112, "right"),
    ]
    assert way.metres == pytest.approx(150 + 100 + 111.8 + 5, abs=1)


def test_a_ferry_takes_its_time(database_url: str, tmp_path: pathlib.Path) -> None:
    text = """
    a 0 0
    b 100 0
    c 1300 0
    d 1400 0
    1: a b  highway=residential
    2: b c  route=ferry duration=00:10 name=Bac
    3: c d  highway=residential
    """
    graph = streets(text, database_url, tmp_path)
    way = between(graph, at(graph, 0, 0, Profile.FOOT), at(graph, 1400, 0, Profile.FOOT), Profile.FOOT)
    assert way is not None
    assert way.seconds == pytest.approx(600 + 200 / 1.2, abs=1)
    assert trip(graph, (0, 0), (1400, 0), Profile.BICYCLE) == 1400
    assert trip(graph, (0, 0), (1400, 0), Profile.CAR) is None


def test_an_island_does_not_swallow_a_snap(database_url: str, tmp_path: pathlib.Path) -> None:
    text = """
    a 0 0
    b 100 0
    c 200 0
    d 100 -50
    y 50 100
    z 80 100
    1: a b c  highway=residential name=Grande_Rue
    3: b d  highway=service
    2: y z  highway=footway name=Cour
    """
    graph = streets(text, database_url, tmp_path)
    near = at(graph, 60, 95, Profile.FOOT)
    assert graph.names.at(int(graph.edge_name[near.edge])) == "Grande Rue"
    far = snap(graph, [lonlat(60, 95)], Profile.FOOT, 50.0).one(0)  # nothing else within 50 m
    assert far is not None
    assert graph.names.at(int(graph.edge_name[far.edge])) == "Cour"


def test_nothing_near_is_nothing(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = streets(SQUARE, database_url, tmp_path)
    found = snap(graph, [lonlat(50, 3000), (0.0, 0.0), (float("nan"), 47.0)], Profile.FOOT)
    assert found.edge.tolist() == [-1, -1, -1]
    assert found.one(0) is None


def test_no_extract_is_an_empty_graph(database_url: str) -> None:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        graph = read_graph(connection)
    assert len(graph.node_osm) == 0
    assert snap(graph, [(5.0, 47.0)], Profile.FOOT).one(0) is None
    first, target, _ = footpaths(graph, snap(graph, [(5.0, 47.0)], Profile.FOOT), 600.0)
    assert (first.tolist(), target.tolist()) == ([0, 0], [])


def test_threads_do_not_meet() -> None:
    graph = build_graph(random_streets(3))
    rng = np.random.default_rng(3)
    pairs = [(random_place(graph, rng, graph.foot), random_place(graph, rng, graph.foot)) for _ in range(400)]

    def answer(pair: tuple[Snap, Snap]) -> tuple[float, float]:
        way = between(graph, *pair, Profile.FOOT)
        found = reach(graph, pair[0], Profile.FOOT, 1200.0)
        return (way.seconds if way else -1.0, float(found.seconds.sum()))

    alone = [answer(pair) for pair in pairs]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, pairs)) == alone


def test_an_extract_loaded_before_wheelchairs_were_asked_about_serves_on(
    database_url: str, tmp_path: pathlib.Path
) -> None:
    streets(RAMP, database_url, tmp_path)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:  # as the first release left it
        connection.execute("UPDATE street_edge_versions SET wheelchair = NULL")
        connection.execute("UPDATE street_node_versions SET passable = passable & 7")
        connection.commit()
        graph = read_graph(connection)
    places = at(graph, 100, 0, Profile.WHEELCHAIR), at(graph, 100, 100, Profile.WHEELCHAIR)
    way = between(graph, *places, Profile.WHEELCHAIR)
    assert way is not None
    # round by a and d, or by e: the kerb and the rough ground are forgotten, the steps are still steps
    assert way.metres == pytest.approx(241.4, abs=1)
    assert not graph.edge_wheelchair.any()
