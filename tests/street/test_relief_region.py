"""A real town on a made-up cone: every edge and every way against plain Python and networkx."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, cos, exp, floor, hypot, inf, isnan, nan, radians
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import psycopg
import pytest
from numpy.testing import assert_allclose

from mobigo.db.engine import libpq_conninfo
from mobigo.osm.load import load_osm
from mobigo.osm.store import Flag
from mobigo.street.graph import Profile, StreetGraph, build_graph, build_hilly_graph
from mobigo.street.routing import Snap, reach
from mobigo.street.store import read_streets
from mobigo.terrain.heights import open_terrain
from mobigo.terrain.service import load_terrain

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.street.relief import Relief

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ROWS = 1201
TOP = (8.69, 49.41)
"""Of the cone: over the old town of Heidelberg, whose extract it is."""


def make_cone() -> np.ndarray:
    """Whole metres, as SRTM has them: 800 m in the middle, 12 % down in all directions, a hole in the north-east."""
    lon, lat = 8 + np.arange(ROWS) / 1200, 50 - np.arange(ROWS) / 1200
    east = (lon[None, :] - TOP[0]) * 111_195 * cos(radians(TOP[1]))
    north = (lat[:, None] - TOP[1]) * 111_195
    heights = np.maximum(np.rint(800 - 0.12 * np.hypot(east, north)), 90).astype(int)
    heights[(east > 400) & (east < 900) & (north > 300) & (north < 800)] = -32768
    return heights


def plain_height(cone: list[list[int]], lon: float, lat: float) -> float:
    """The mean of a place and of the known pairs 92.7 m about it, each between four heights."""

    def at(x: float, y: float) -> float:
        x, y = (round(one) if abs(one - round(one)) < 1e-6 else one for one in (x, y))
        i, j = floor(x), floor(y)
        total = 0.0
        for di, wi in ((0, 1 - (x - i)), (1, x - i)):
            for dj, wj in ((0, 1 - (y - j)), (1, y - j)):
                if wi * wj > 0:
                    inside = 0 <= i + di < ROWS and 0 <= j + dj < ROWS
                    value = cone[j + dj][i + di] if inside else -32768
                    total += nan if value == -32768 else wi * wj * value
        return total

    x, y = (lon - 8) * 1200, (50 - lat) * 1200
    wide = 1 / cos(radians(lat))
    total, count = at(x, y), 1
    for pair in (at(x - wide, y) + at(x + wide, y), at(x, y - 1) + at(x, y + 1)):
        if not isnan(pair):
            total, count = total + pair, count + 2
    return total / count


def plain_places(graph: StreetGraph, edge: int, n: int) -> list[tuple[float, float]]:
    """Evenly spaced places along an edge, its ends included."""
    a, b = int(graph.shapes.first[edge]), int(graph.shapes.first[edge + 1])
    line = list(zip((graph.shapes.lon[a:b] * 1e-7).tolist(), (graph.shapes.lat[a:b] * 1e-7).tolist(), strict=True))
    steps = [hypot((q[0] - p[0]) * cos(radians(p[1])), q[1] - p[1]) for p, q in pairwise(line)]
    places = []
    for k in range(n + 1):
        left, at = sum(steps) * k / n, 0
        while at < len(steps) - 1 and left > steps[at]:
            left -= steps[at]
            at += 1
        share = min(left / steps[at], 1.0) if steps[at] else 0.0
        p, q = line[at], line[at + 1]
        places.append((p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1])))
    return places


def plain_factor(heights: list[float], metres: float) -> float:
    total = 0.0
    n = len(heights) - 1
    for k in range(n):
        slope = (heights[k + 1] - heights[k]) / max(metres / n, 1.0)
        slope = 0.0 if isnan(slope) else min(max(slope, -0.4), 0.4)
        total += max(1.0, exp(3.5 * (abs(slope + 0.05) - 0.05)))
    return total / n


def solved(graph: StreetGraph, relief: Relief) -> None:
    """On bridges and in tunnels every node that touches no ground is the mean of its neighbours."""
    straight = graph.edge_flags & int(Flag.BRIDGE | Flag.TUNNEL) != 0
    height = np.full(len(graph.node_osm), np.nan)
    for nodes, rows in ((graph.edge_from, relief.first[:-1]), (graph.edge_to, relief.first[1:] - 1)):
        height[nodes] = relief.height[rows]
    hung = np.ones(len(height), bool)
    for nodes in (graph.edge_from, graph.edge_to):
        hung[nodes[~straight]] = False
    checked = 0
    for node in np.flatnonzero(hung & ~np.isnan(height)).tolist():
        arcs = graph.net.arc[graph.net.first[node] : graph.net.first[node + 1]]
        near = 1 / np.maximum(graph.edge_metres[arcs >> 1], 1.0)
        about = height[graph.net.head[arcs]]
        if len(arcs) > 1 and not np.isnan(about).any():
            assert height[node] == pytest.approx(float((near * about).sum() / near.sum()), abs=0.02)
            checked += 1
    assert checked > 5
    for edge in np.flatnonzero(straight).tolist():
        rows = relief.height[relief.first[edge] : relief.first[edge + 1]]
        if not np.isnan(rows).any():
            assert_allclose(np.diff(rows, 2), 0, atol=0.01)


@pytest.mark.slow
def test_a_real_town_on_a_cone(test_data: Path, database_url: str, tmp_path: Path) -> None:
    cone = make_cone()
    (tmp_path / "N49E008.hgt").write_bytes(cone.astype(">i2").tobytes())
    load_terrain(tmp_path / "N49E008.hgt", "terrain", tmp_path, now=NOW)
    terrain = open_terrain(tmp_path)
    assert terrain is not None
    load_osm(test_data / "pairs/heidelberg/heidelberg.osm.pbf", database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        streets = read_streets(connection)
    flat, (graph, relief) = build_graph(streets), build_hilly_graph(streets, terrain.heights)
    solved(graph, relief)
    plain = cone.tolist()
    own_time = int(Flag.BRIDGE | Flag.TUNNEL | Flag.STEPS | Flag.FERRY | Flag.LIFT)
    on_bridge = np.zeros(len(graph.node_osm), bool)
    straight = graph.edge_flags & int(Flag.BRIDGE | Flag.TUNNEL) != 0
    on_bridge[graph.edge_from[straight]] = on_bridge[graph.edge_to[straight]] = True
    cost = graph.foot.tolist()  # of 5,000 edges worked out anew
    rng = np.random.default_rng(1)
    compared = 0
    for edge in rng.choice(len(graph.edge_way), 5_000, replace=False).tolist():
        if graph.edge_flags[edge] & own_time or on_bridge[[graph.edge_from[edge], graph.edge_to[edge]]].any():
            continue
        metres = float(graph.edge_metres[edge])
        n = max(1, ceil(np.float32(metres) / 25))
        heights = [plain_height(plain, *place) for place in plain_places(graph, edge, n)]
        assert_allclose(relief.height[relief.first[edge] : relief.first[edge + 1]], heights, atol=0.05)
        for arc, line in ((2 * edge, heights), (2 * edge + 1, heights[::-1])):
            if cost[arc] < inf:
                cost[arc] = float(flat.foot[arc]) * plain_factor(line, metres)
                assert cost[arc] == pytest.approx(float(graph.foot[arc]), rel=0.02, abs=0.02)
                compared += 1
    assert compared > 1000
    assert (graph.foot > flat.foot * 1.2).any()
    assert np.isnan(relief.height).any()
    net = nx.MultiDiGraph()
    for arc, seconds in enumerate(cost):
        if seconds < inf:
            net.add_edge(int(graph.net.head[arc ^ 1]), int(graph.net.head[arc]), weight=seconds)
    barred = np.flatnonzero(graph.net.passable & int(Profile.FOOT) == 0).tolist()
    net.remove_nodes_from(barred)
    for edge in rng.choice(np.flatnonzero(graph.solid & int(Profile.FOOT)), 4).tolist():
        start = int(graph.edge_from[edge])
        if start in barred:
            continue
        found = reach(graph, Snap(edge, 0.0, 0.0, 0.0, 0.0), Profile.FOOT, 3600.0)
        expected = nx.single_source_dijkstra_path_length(net, start, cutoff=3500.0)
        times = dict(zip(found.node.tolist(), found.seconds.tolist(), strict=True))
        beyond = {node: seconds for node, seconds in expected.items() if node in times}
        assert len(beyond) > 0.99 * len(expected)
        assert_allclose([times[node] for node in beyond], list(beyond.values()), rtol=0.01, atol=1)
