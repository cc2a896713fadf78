"""Streets as a coach finds them, and stops on their side of the road."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.random_streets import arc_oracle, random_streets
from tests.street_text import lonlat, write_osm

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.osm.load import load_osm
from mobigo.street.coach import Period, Stand, find_sides, stand_at, view_as_coach
from mobigo.street.drives import Drives
from mobigo.street.graph import Profile, StreetGraph, build_graph
from mobigo.street.hierarchy import build_hierarchy
from mobigo.street.routing import snap
from mobigo.street.store import read_graph

if TYPE_CHECKING:
    import pathlib

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
EAST, WEST = 90.0, 270.0


def read_town(text: str, database_url: str, folder: pathlib.Path) -> StreetGraph:
    load_osm(write_osm(folder, text), database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        return read_graph(connection)


def at(x: float, y: float) -> Point:
    return Point(*lonlat(x, y))


def stand(x: float, y: float, bearing: float) -> Stand:
    return Stand(*lonlat(x, y), bearing)


def drives(graph: StreetGraph) -> Drives:
    hierarchy = build_hierarchy(graph)
    return Drives(graph, lambda: hierarchy)


BLOCK = """
a 0 0
b 1000 0
c 1000 1000
d 0 1000
1: a b  highway=tertiary maxspeed=42
2: b c  highway=tertiary maxspeed=42
3: c d  highway=tertiary maxspeed=42
4: d a  highway=tertiary maxspeed=42
"""
"""A square of 1,000 m; a coach does 0.9 of 0.85 of 42 km/h on it: 9 metres in a second, about."""


def test_a_stop_is_come_by_on_its_side(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = view_as_coach(read_town(BLOCK, database_url, tmp_path))
    along, back = stand(500, 0, EAST), stand(500, 0, WEST)
    further, home = stand(700, 0, EAST), at(250, 0)
    metres = drives(graph).metres([along, back, home], [along, back, further, home])
    assert metres.tolist() == [
        [0, -1, 200, pytest.approx(3750, abs=8)],  # on eastwards, and round the block to the house
        [-1, 0, -1, pytest.approx(250, abs=2)],  # nobody turns on the road: no way to the other side
        [pytest.approx(250, abs=2), pytest.approx(3750, abs=8), pytest.approx(450, abs=2), 0],
    ]


TOWN = """
a 0 0
b 1000 0
c 2000 0
d 3000 0
e 1000 60
f 2000 60
1: a b  highway=primary maxspeed=80
2: b c  highway=primary maxspeed=80 maxheight=3.2
3: c d  highway=primary maxspeed=80
4: b e  highway=residential
5: e f  highway=residential
6: f c  highway=residential
7: e d  highway=track tracktype=grade1
"""


def test_a_coach_goes_round_a_low_bridge_and_keeps_off_tracks(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = read_town(TOWN, database_url, tmp_path)
    by_car, by_coach = (drives(view).metres([at(0, 0)], [at(2900, 0)])[0, 0] for view in (graph, view_as_coach(graph)))
    assert by_car == pytest.approx(2900, abs=5)
    assert by_coach == pytest.approx(3020, abs=5)


def test_a_coach_takes_longer_than_a_car_and_longest_in_the_morning(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = read_town(TOWN, database_url, tmp_path)
    ends = [at(100, 0)], [at(900, 0)]
    car = drives(graph).seconds(*ends)[0, 0]
    usual, morning = (drives(view_as_coach(graph, one)).seconds(*ends)[0, 0] for one in (Period.USUAL, Period.MORNING))
    assert car < usual < morning
    assert usual == pytest.approx(car / 0.9, abs=1)
    assert morning == pytest.approx(car / 0.9 / 0.85, abs=1)


@pytest.mark.parametrize(
    ("clock", "period"),
    [("06:59:59", "usual"), ("07:00:00", "morning"), ("08:59:59", "morning"), ("09:00:00", "usual"),
     ("16:30:00", "evening"), ("18:30:00", "usual"), ("26:59:00", "usual")],
)  # fmt: skip
def test_periods_of_a_day(clock: str, period: str) -> None:
    hours, minutes, seconds = map(int, clock.split(":"))
    assert Period.at(3600 * hours + 60 * minutes + seconds) == period


FORK = """
a 0 0
b 1000 0
c 2000 0
k 200 100
1: a b  highway=tertiary
2: b c  highway=tertiary
3: b k  highway=tertiary
"""


def test_a_coach_does_not_turn_sharply_back(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = read_town(FORK, database_url, tmp_path)
    ends = [at(100, 0)], [at(300, 87)]
    assert drives(graph).metres(*ends)[0, 0] == pytest.approx(1605, abs=15)
    assert drives(view_as_coach(graph)).metres(*ends)[0, 0] > 3_000  # on to the end of the road, and back


def test_where_a_stop_lies_tells_its_direction(database_url: str, tmp_path: pathlib.Path) -> None:
    graph = view_as_coach(read_town(BLOCK, database_url, tmp_path))
    points = np.array([at(500, -4), at(500, 4), at(500, 0), at(996, 500), at(5000, 5000)])
    snaps = snap(graph, points, Profile.CAR)
    bearings = stand_at(graph, snaps, points)
    assert bearings[:2] == pytest.approx([EAST, WEST], abs=0.5)
    assert np.isnan(bearings[[2, 4]]).all()
    assert bearings[3] == pytest.approx(180.0, abs=0.5)
    assert (find_sides(graph, snaps, bearings) >= 0).tolist() == [True, True, False, True, False]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_ways_between_sides_are_those_of_networkx(seed: int) -> None:
    graph = build_graph(random_streets(seed))
    rng = np.random.default_rng(seed)
    view = view_as_coach(graph)
    if not np.isfinite(view.car).any():
        return
    where = [at(*rng.uniform(-100, 2100, 2).tolist()) for _ in range(6)]
    places = [Stand(*one, float(rng.uniform(0, 360))) if rng.random() < 0.7 else one for one in where]
    snaps = snap(view, where, Profile.CAR)
    bearings = np.array([one.bearing if isinstance(one, Stand) else np.nan for one in places])
    sides = find_sides(view, snaps, bearings).tolist()
    found = drives(view).seconds(places, places)
    for i, j in np.ndindex(found.shape):
        start, end = snaps.one(i), snaps.one(j)
        if i == j:
            assert found[i, j] == 0
            continue
        expected = arc_oracle(view, Profile.CAR, start, end, (sides[i], sides[j])) if start and end else inf
        if start is None or end is None or expected == inf:
            assert found[i, j] == -1
        else:
            walked = (start.metres + end.metres) / 1.2
            assert abs(found[i, j] - ceil(expected + walked - 1e-3)) <= 1
