"""Slopes on streets: worked out by hand, against plain Python, and nothing at all on flat land."""

from __future__ import annotations

from itertools import pairwise
from math import exp
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from tests.random_streets import STRETCH, line_of, random_place, random_streets
from tests.street.test_routing import node_oracle
from tests.street_text import DEGREE, SOUTH, WEST, lonlat

from mobigo.kit.packed import map_packed, write_packed
from mobigo.osm.store import Flag, Wheelchair
from mobigo.street.graph import Profile, StreetGraph, Streets, build_graph, build_hilly_graph
from mobigo.street.relief import Line, Relief, find_turns, follow, sum_climb, thin
from mobigo.street.routing import Snap, between, path, reach

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path as Folder

    from numpy.typing import NDArray

    Heights = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]

seeds = st.integers(0, 2**32 - 1)


def road(*metres: float, flags: tuple[int, ...] = (), cls: str = "residential") -> Streets:
    """A road to the east with nodes after so many metres, one edge from each to the next."""
    n = len(metres)
    points = np.array([lonlat(x, 0) for x in metres])
    lengths = np.diff(metres)
    return Streets(
        node_id=np.arange(n),
        node_osm=np.arange(n) + 100,
        node_lon=points[:, 0],
        node_lat=points[:, 1],
        node_passable=np.full(n, 15, np.uint8),
        edge_way=np.arange(n - 1) + 1,
        edge_from=np.arange(n - 1),
        edge_to=np.arange(1, n),
        edge_metres=lengths.astype(np.float32),
        edge_class=[cls] * (n - 1),
        edge_name=np.zeros(n - 1, np.int32),
        edge_directions=np.full((n - 1, 4), 3, np.uint8),
        edge_kmh=np.full((n - 1, 2), 30, np.float32),
        edge_seconds=np.full(n - 1, np.nan, np.float32),
        edge_flags=np.array(flags or [0] * (n - 1), np.uint8),
        edge_wheelchair=np.zeros(n - 1, np.uint8),
        shape_first=np.arange(0, 2 * n - 1, 2),
        shape_points=np.repeat(points, 2, axis=0)[1:-1],
        names=[""],
        restrictions=[],
    )


def land(*points: tuple[float, float]) -> Heights:
    """Heights along the road: metres east and metres high, straight between."""
    x, high = zip(*points, strict=True)

    def heights(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        del lat
        return np.interp((lon - WEST) * DEGREE * np.cos(np.radians(SOUTH)), x, high, left=np.nan, right=np.nan)

    return heights


def ways(graph: StreetGraph) -> tuple[Snap, Snap]:
    last = len(graph.edge_way) - 1
    return Snap(0, 0.0, 0.0, *lonlat(0, 0)), Snap(last, 1.0, 0.0, *lonlat(0, 0))


def seconds(graph: StreetGraph, profile: Profile, *, back: bool = False) -> float:
    start, end = ways(graph)[::-1] if back else ways(graph)
    way = between(graph, start, end, profile)
    assert way is not None
    return way.seconds


def test_up_a_hill_takes_longer_than_down() -> None:
    graph, _ = build_hilly_graph(road(0, 1000), land((-1, 299.94), (1001, 360.06)))  # 6 % over a kilometre
    assert seconds(graph, Profile.FOOT) == pytest.approx(1000 / 1.2 * exp(3.5 * 0.06), rel=1e-4)
    assert seconds(graph, Profile.FOOT, back=True) == pytest.approx(1000 / 1.2, rel=1e-6)  # never less than on the flat
    assert seconds(graph, Profile.BICYCLE) == pytest.approx(1000 / 4.4 / (1 - 0.4002 / 6.01 * 6), rel=1e-4)
    assert seconds(graph, Profile.BICYCLE, back=True) == pytest.approx(1000 / 4.4 / (1 + 0.2379 / 6.01 * 6), rel=1e-4)
    assert seconds(graph, Profile.WHEELCHAIR) == pytest.approx(1000 / 1.2 * 1.5, rel=1e-4)
    assert seconds(graph, Profile.WHEELCHAIR, back=True) == pytest.approx(1000 / 1.2 * 1.5, rel=1e-4)
    assert seconds(graph, Profile.CAR) == seconds(graph, Profile.CAR, back=True) == pytest.approx(120, rel=1e-4)


@pytest.mark.parametrize(
    ("slope", "foot", "bicycle", "wheelchair"),
    [
        (0.00, 1.0, 1.0, 1.0),
        (0.04, exp(0.14), 1 / (1 - 0.0666 * 4), exp(0.14)),
        (0.09, exp(0.315), 1 / (1 - 0.0666 * 9), 2.0),
        (0.14, exp(0.49), 4.4 / 1.2 * exp(0.49), 4.0),  # the bicycle is pushed
        (-0.04, 1.0, 1 / (1 + 0.0396 * 4), 1.0),
        (-0.14, exp(0.14), 1 / 1.25, 4.0),  # one walks down carefully, and brakes
        (0.90, exp(1.4), 4.4 / 1.2 * exp(1.4), exp(1.4)),  # no street is that steep
    ],
)
def test_how_much_longer_a_slope_takes(slope: float, foot: float, bicycle: float, wheelchair: float) -> None:
    graph, _ = build_hilly_graph(road(0, 200), land((-1, 1000 - slope), (201, 1000 + 201 * slope)))
    flat = build_graph(road(0, 200))
    longer = {who: seconds(graph, who) / seconds(flat, who) for who in Profile}
    expected = {
        Profile.FOOT: foot,
        Profile.BICYCLE: bicycle,
        Profile.CAR: 1.0,
        Profile.WHEELCHAIR: wheelchair,
    }
    assert longer == pytest.approx(expected, rel=2e-3)


def test_on_paths_nobody_races_downhill() -> None:
    heights = land((-1, 100), (1001, 49.9))
    down, _ = build_hilly_graph(road(0, 1000, cls="path"), heights)
    assert seconds(down, Profile.BICYCLE) == pytest.approx(1000 / 3.0, rel=1e-6)


def test_bridges_and_tunnels_are_straight_also_over_several_edges() -> None:
    tunnel = int(Flag.TUNNEL)
    hill = land((-1, 100), (100, 100), (250, 190), (400, 110), (501, 110))
    streets = road(0, 100, 130, 300, 400, 500, flags=(0, tunnel, tunnel, tunnel, 0))
    graph, relief = build_hilly_graph(streets, hill)
    ends = relief.height[relief.first[:-1]]
    assert_allclose(ends, [100, 100, 101, 100 + 10 * 2 / 3, 110], atol=1e-3)  # 10 m over 300 m
    line = follow(relief, np.arange(0, 10, 2, dtype=np.int32), 0.0, 1.0, graph.edge_metres)
    assert line is not None
    assert sum_climb(line.height.tolist()) == pytest.approx((10, 0), abs=0.01)
    over = between(
        build_hilly_graph(streets._replace(edge_flags=np.zeros(5, np.uint8)), hill)[0], *ways(graph), Profile.FOOT
    )
    assert over is not None
    assert over.seconds > seconds(graph, Profile.FOOT) * 1.5


def test_a_viaduct_that_forks_lies_between_its_three_ends() -> None:
    # a - m - b along, m - c across, all on a bridge: m is the mean of its ends, weighed by nearness
    streets = road(0, 100, 200)
    spur = np.array([lonlat(100, 0), lonlat(100, 50)])
    forked = streets._replace(
        node_id=np.arange(4),
        node_osm=np.arange(4) + 100,
        node_lon=np.append(streets.node_lon, spur[1, 0]),
        node_lat=np.append(streets.node_lat, spur[1, 1]),
        node_passable=np.full(4, 15, np.uint8),
        edge_way=np.array([1, 2, 3]),
        edge_from=np.array([0, 1, 1]),
        edge_to=np.array([1, 2, 3]),
        edge_metres=np.array([100, 100, 50], np.float32),
        edge_class=["residential"] * 3,
        edge_name=np.zeros(3, np.int32),
        edge_directions=np.full((3, 4), 3, np.uint8),
        edge_kmh=np.full((3, 2), 30, np.float32),
        edge_seconds=np.full(3, np.nan, np.float32),
        edge_flags=np.full(3, int(Flag.BRIDGE), np.uint8),
        edge_wheelchair=np.zeros(3, np.uint8),
        shape_first=np.array([0, 2, 4, 6]),
        shape_points=np.concatenate([streets.shape_points, spur]),
    )
    known = {100: 10.0, 102: 20.0, 103: 40.0, 101: 0.0}  # in the valley under the bridge: 0
    heights = {(round(x, 6), round(y, 6)): known[osm] for x, y, osm in
               zip(forked.node_lon, forked.node_lat, forked.node_osm, strict=True)}  # fmt: skip

    def ground(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([heights.get((round(x, 6), round(y, 6)), 0.0) for x, y in zip(lon, lat, strict=True)])

    # nothing of it touches the ground: then it stays on it
    assert build_hilly_graph(forked, ground)[1].height.min() == 0.0
    streets = _with_ground(forked)
    graph, relief = build_hilly_graph(streets, ground)
    middle = [
        relief.height[
            relief.first[edge] if graph.node_osm[graph.edge_from[edge]] == 101 else relief.first[edge + 1] - 1
        ]
        for edge in range(len(graph.edge_way))
        if 101 in {graph.node_osm[graph.edge_from[edge]], graph.node_osm[graph.edge_to[edge]]}
    ]
    assert_allclose(middle, [(10 / 100 + 20 / 100 + 40 / 50) / (1 / 100 + 1 / 100 + 1 / 50)] * 3, atol=1e-3)


def _with_ground(streets: Streets) -> Streets:
    """Add a metre of ground at each of the three ends."""
    ends = np.array([0, 2, 3])
    n, m = len(streets.node_id), len(streets.edge_way)
    lon, lat = streets.node_lon[ends], streets.node_lat[ends]
    far = np.stack([lon, lat + 1e-5], axis=1)
    lines = np.stack([np.stack([lon, lat], axis=1), far], axis=1).reshape(-1, 2)
    return streets._replace(
        node_id=np.arange(n + 3),
        node_osm=np.arange(n + 3) + 100,
        node_lon=np.append(streets.node_lon, far[:, 0]),
        node_lat=np.append(streets.node_lat, far[:, 1]),
        node_passable=np.full(n + 3, 15, np.uint8),
        edge_way=np.arange(m + 3) + 1,
        edge_from=np.append(streets.edge_from, ends),
        edge_to=np.append(streets.edge_to, np.arange(n, n + 3)),
        edge_metres=np.append(streets.edge_metres, np.ones(3, np.float32)),
        edge_class=["residential"] * (m + 3),
        edge_name=np.zeros(m + 3, np.int32),
        edge_directions=np.full((m + 3, 4), 3, np.uint8),
        edge_kmh=np.full((m + 3, 2), 30, np.float32),
        edge_seconds=np.full(m + 3, np.nan, np.float32),
        edge_flags=np.append(streets.edge_flags, np.zeros(3, np.uint8)),
        edge_wheelchair=np.zeros(m + 3, np.uint8),
        shape_first=np.arange(0, 2 * (m + 4), 2),
        shape_points=np.concatenate([streets.shape_points, lines]),
    )


def test_where_nothing_is_known_it_is_as_flat_as_before_and_no_climb_is_told() -> None:
    def hole(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        x = (lon - WEST) * DEGREE * np.cos(np.radians(SOUTH))
        return np.where((x > 140) & (x < 160), np.nan, land((-1, 99.9), (301, 130.1))(lon, lat))  # 10 %

    graph, relief = build_hilly_graph(road(0, 100, 200, 300), hole)
    foot, flat = graph.foot[0::2], 100 / 1.2
    assert_allclose(foot[[0, 2]], flat * exp(0.35), rtol=1e-3)
    assert foot[1] == pytest.approx(flat * (2 + 2 * exp(0.35)) / 4, rel=1e-3)  # 125 to 175 m count as flat
    whole, begun = (follow(relief, np.array(arcs, np.int32), 0.0, 1.0, graph.edge_metres) for arcs in ([0, 2, 4], [0]))
    assert whole is None
    assert begun is not None
    nothing, unknown = build_hilly_graph(road(0, 100), lambda lon, _: np.full(len(lon), np.nan))
    assert_array_equal(nothing.foot, build_graph(road(0, 100)).foot)
    assert np.isnan(unknown.height).all()


def test_a_tunnel_with_an_unknown_end_is_unknown() -> None:
    tunnel = int(Flag.TUNNEL)
    heights = land((-1, 100), (250, 100))  # nothing is known further east
    _, relief = build_hilly_graph(road(0, 100, 200, 300, 400, flags=(0, tunnel, tunnel, 0)), heights)
    assert_array_equal(relief.height[relief.first[0] : relief.first[1]], 100)
    assert relief.height[relief.first[1]] == 100
    assert np.isnan(relief.height[relief.first[2] : relief.first[3]]).all()


def test_steps_lifts_and_ferries_have_their_own_times() -> None:
    for flag in (Flag.STEPS, Flag.LIFT, Flag.FERRY):
        streets = road(0, 100, flags=(int(flag),))
        hilly, flat = build_hilly_graph(streets, land((-1, 100), (101, 120)))[0], build_graph(streets)
        for profile in Profile:
            assert_array_equal(hilly.cost(profile), flat.cost(profile))


def test_a_wheelchair_is_slowed_once_by_what_is_tagged_and_measured() -> None:
    limited = road(0, 100)._replace(edge_wheelchair=np.array([Wheelchair.LIMITED], np.uint8))
    for slope, longer in ((0.0, 1.5), (0.06, 1.5), (0.10, 2.0)):
        graph, _ = build_hilly_graph(limited, land((-1, 100 - slope), (101, 100 + 101 * slope)))
        assert graph.wheelchair[0] == pytest.approx(100 / 1.2 * longer, rel=1e-3)


@pytest.mark.parametrize(
    ("heights", "climb", "descent"),
    [
        ([100, 101, 100, 102, 100, 101], 0, 0),  # noise
        ([100, 110, 120], 20, 0),
        ([100, 110, 108, 120], 20, 0),  # 2 m down on the way up
        ([100, 110, 106, 120], 24, 4),
        ([120, 119, 121, 100, 102, 100], 0, 21),
        ([100, 102], 0, 0),
        ([100, 99, 140, 139, 141, 90, 92], 42, 51),
        ([100], 0, 0),
    ],
)
def test_small_ups_and_downs_are_no_climb(heights: list[float], climb: float, descent: float) -> None:
    assert sum_climb(heights) == (climb, descent)


@given(st.lists(st.integers(0, 60).map(float), min_size=1, max_size=40))
def test_climb_less_descent_is_what_lies_between_the_ends_but_for_noise(heights: list[float]) -> None:
    climb, descent = sum_climb(heights)
    assert abs((climb - descent) - (heights[-1] - heights[0])) < 6  # less than 3 m at either end
    assert sum_climb(heights[::-1]) == pytest.approx((descent, climb), abs=6)
    turns = [heights[at] for at in find_turns(heights)]
    assert all(abs(b - a) >= 3 for a, b in pairwise(turns))


def test_a_way_is_followed_from_share_to_share_and_backwards() -> None:
    graph, relief = build_hilly_graph(road(0, 100, 200), land((-1, 99.9), (201, 120.1)))
    line = follow(relief, np.array([0, 2], np.int32), 0.25, 0.5, graph.edge_metres)
    assert line is not None
    assert_allclose([line.metres[0], line.metres[-1], line.height[0], line.height[-1]], [0, 125, 102.5, 115], atol=1e-3)
    back = follow(relief, np.array([3, 1], np.int32), 0.5, 0.75, graph.edge_metres)
    assert back is not None
    assert_allclose(back.height[::-1], line.height, atol=1e-3)
    stand = follow(relief, np.array([0], np.int32), 0.5, 0.5, graph.edge_metres)
    assert stand is not None
    assert_allclose(stand.height, 105, atol=1e-3)
    few = thin(line)
    assert len(few.metres) < 30
    assert_allclose(np.interp(few.metres, line.metres, line.height), few.height)


def test_a_profile_has_few_points_its_highest_and_lowest_among_them() -> None:
    metres = np.arange(0.0, 20_000.0, 25.0)
    saw = Line(metres, 300 + 20 * np.abs(np.arange(800) % 10 - 5.0))
    few = thin(saw)
    assert len(few.metres) <= 26
    assert (few.height.min(), few.height.max()) == (300, 400)
    assert (few.metres[0], few.metres[-1]) == (0, metres[-1])


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_flat_land_changes_nothing(seed: int) -> None:
    streets = random_streets(seed)
    flat, (hilly, _) = build_graph(streets), build_hilly_graph(streets, lambda lon, _: np.full(len(lon), 123.456))
    for name, value in flat._asdict().items():
        for one, other in zip(
            *(part if isinstance(part, tuple) else (part,) for part in (value, getattr(hilly, name))), strict=True
        ):
            assert_array_equal(one, other)


def cone(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """A hill of 400 m, 15 % steep, in the middle of the random streets; nothing is known on its top."""
    x, y = np.asarray(lon) * STRETCH[0], np.asarray(lat) * STRETCH[1]
    far = np.hypot(x - MIDDLE[0], y - MIDDLE[1])
    return np.where(far < 50, np.nan, np.maximum(400 - 0.15 * far, 0.0))


MIDDLE = np.array([5.005, 47.005]) * STRETCH


def plain_seconds(graph: StreetGraph, relief: Relief, flat: StreetGraph, profile: Profile) -> list[float]:
    """What each arc takes, edge by edge in plain Python, from the height of evenly spaced points of its line."""
    found = []
    for edge in range(len(graph.edge_way)):
        metres = float(graph.edge_metres[edge])
        n = max(1, int(np.ceil(np.float32(metres) / 25)))
        points = [line_of(graph, edge).interpolate(i / n, normalized=True) for i in range(n + 1)]
        high = cone(np.array([p.x / STRETCH[0] for p in points]), np.array([p.y / STRETCH[1] for p in points])).tolist()
        assert_allclose(relief.height[relief.first[edge] : relief.first[edge + 1]], high, atol=0.02)
        for arc, line in ((2 * edge, high), (2 * edge + 1, high[::-1])):
            base = float(flat.cost(profile)[arc])
            factors = []
            for a, b in pairwise(line):
                slope = 0.0 if a != a or b != b else max(-0.4, min(0.4, (b - a) / max(metres / n, 1.0)))  # noqa: PLR0124
                walk = max(1.0, exp(3.5 * (abs(slope + 0.05) - 0.05)))
                if profile is Profile.FOOT:
                    factors.append(walk)
                elif profile is Profile.BICYCLE:
                    slow = base > metres / 4
                    share = (
                        1 - 100 * 0.4002 / 6.01 * slope
                        if slope > 0
                        else min(1 - 100 * 0.2379 / 6.01 * slope, 1.0 if slow else 1.25)
                    )
                    factors.append(1 / max(share, min(1.0, 1.2 / (3.0 if slow else 4.4) / walk)))
                else:
                    factors.append(1.0)
            steps = graph.edge_flags[edge] & int(Flag.STEPS)
            found.append(base if steps or base == np.inf else base * sum(factors) / len(factors))
    return found


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from([Profile.FOOT, Profile.BICYCLE, Profile.CAR]))
def test_a_cone_against_plain_python_and_networkx(seed: int, profile: Profile) -> None:
    streets = random_streets(seed)
    flat = build_graph(streets)
    graph, relief = build_hilly_graph(streets, cone)
    expected = plain_seconds(graph, relief, flat, profile)
    cost = graph.cost(profile)
    assert_allclose(cost, np.array(expected), rtol=5e-3)
    if profile is not Profile.FOOT or not np.isfinite(cost).any() or (graph.net.passable & profile == 0).any():
        return
    rng = np.random.default_rng(seed)
    start, end = random_place(graph, rng, cost), random_place(graph, rng, cost)
    shortest = node_oracle(graph, np.array(expected), profile, start, end)
    way = path(reach(graph, start, profile, 1e5), end)
    straight = between(graph, start, end, profile, limit_seconds=1e5)
    assert (way is None) == (shortest == np.inf)
    if way is not None and straight is not None:
        assert way.seconds == pytest.approx(shortest, rel=5e-3, abs=0.05)
        assert straight.seconds == pytest.approx(shortest, rel=5e-3, abs=0.05)


def test_heights_are_mapped_as_they_were_written(tmp_path: Folder) -> None:
    _, relief = build_hilly_graph(road(0, 100), land((-1, 100), (101, 120)))
    write_packed(tmp_path / "relief", relief)
    mapped = map_packed(tmp_path / "relief", Relief)
    assert_array_equal(mapped.height, relief.height)
    assert not mapped.height.flags.writeable
