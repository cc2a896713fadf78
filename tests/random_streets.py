"""Small random streets, places on them, and the quickest ways on them by another library."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import networkx as nx
import numpy as np
import shapely
from tests.street_text import lonlat

from mobigo.kit.geo import Point, haversine
from mobigo.street.graph import Profile, Restriction, StreetGraph, Streets
from mobigo.street.routing import DESTINATION_SECONDS, Snap

DESTINATION = 64

STRETCH = np.array([np.cos(np.radians(47.0)), 1.0]) * 111_195.08
"""Degrees to metres, near enough to straight lines here."""


def random_streets(seed: int) -> Streets:
    """Two to fourteen nodes within 2 km, joined at random; loops, parallel streets, oneways, barriers, turn bans."""
    rng = np.random.default_rng(seed)
    n_nodes = int(rng.integers(2, 15))
    n_edges = int(rng.integers(1, 3 * n_nodes))
    where = np.array([lonlat(x, y) for x, y in rng.uniform(0, 2000, (n_nodes, 2))])
    ends = rng.integers(0, n_nodes, (n_edges, 2))
    shapes, metres = [], []
    for a, b in ends.tolist():
        bend = where[[a, b]].mean(axis=0) + rng.normal(0, 0.002, 2)
        points = np.stack([where[a], bend, where[b]]) if a == b or rng.random() < 0.5 else where[[a, b]]
        shapes.append(points)
        metres.append(sum(haversine(Point(*p), Point(*q)) for p, q in pairwise(points.tolist())))
    ways = rng.integers(1, n_edges + 1, n_edges)
    restrictions = [
        Restriction(str(rng.choice(["no_left_turn", "only_straight_on"])), *map(int, rng.choice(ways, 1)),
                    int(rng.integers(n_nodes)) + 100, *map(int, rng.choice(ways, 1)), int(rng.choice([2, 4, 6])))
        for _ in range(int(rng.integers(0, 8)))
    ]  # fmt: skip
    return Streets(
        node_id=np.arange(n_nodes),
        node_osm=np.arange(n_nodes) + 100,
        node_lon=where[:, 0],
        node_lat=where[:, 1],
        node_passable=rng.choice([15, 15, 15, 7, 7, 3, 1, 0], n_nodes).astype(np.uint8),
        edge_way=ways.astype(np.int64),
        edge_from=ends[:, 0].astype(np.int64),
        edge_to=ends[:, 1].astype(np.int64),
        edge_metres=np.array(metres, np.float32),
        edge_class=rng.choice(["residential", "path", "primary"], n_edges).tolist(),
        edge_name=rng.integers(0, 3, n_edges).astype(np.int32),
        edge_directions=rng.choice([0, 1, 2, 3, 3, 3], (n_edges, 4)).astype(np.uint8),
        edge_kmh=rng.uniform(10, 90, (n_edges, 2)).astype(np.float32),
        edge_seconds=np.full(n_edges, np.nan, np.float32),
        edge_flags=rng.choice([0, 0, 0, 2, DESTINATION], n_edges).astype(np.uint8),
        edge_wheelchair=rng.choice([0, 0, 1, 2, 3], n_edges).astype(np.uint8),
        shape_first=np.concatenate([[0], np.cumsum([len(shape) for shape in shapes])]),
        shape_points=np.concatenate(shapes),
        names=["", "Rue A", "Rue B"],
        restrictions=restrictions,
    )


def random_place(graph: StreetGraph, rng: np.random.Generator, cost: np.ndarray) -> Snap:
    usable = np.flatnonzero(np.isfinite(cost[0::2]) | np.isfinite(cost[1::2]))
    edge = int(rng.choice(usable))
    share = float(rng.choice([0.0, 1.0, rng.random(), rng.random()]))
    return Snap(edge, float(np.float32(share)), 0.0, *where_on(graph, edge, share))


def line_of(graph: StreetGraph, edge: int) -> shapely.LineString:
    a, b = graph.shapes.first[edge], graph.shapes.first[edge + 1]
    return shapely.LineString(np.stack([graph.shapes.lon[a:b], graph.shapes.lat[a:b]], axis=1) * 1e-7 * STRETCH)


def where_on(graph: StreetGraph, edge: int, share: float) -> tuple[float, float]:
    point = line_of(graph, edge).interpolate(share, normalized=True)
    return point.x / STRETCH[0], point.y / STRETCH[1]


def part(cost: float, share: float) -> float:
    return float(cost) * share if share > 0 else 0.0


def arc_oracle(  # noqa: C901  a line graph has this many cases
    graph: StreetGraph, profile: Profile, start: Snap, end: Snap, sides: tuple[int, int] = (-1, -1)
) -> float:
    """Seconds by networkx on the line graph: a state is an arc, a turn an edge.

    `sides`: 0 or 1, the parity of the one arc by which the start is left, and the end come to.
    """
    cost, n_arcs = graph.cost(profile), len(graph.net.arc)
    banned = {int(turn) for turn, modes in zip(graph.bans.turn, graph.bans.modes, strict=True) if modes & profile}
    turns = nx.DiGraph()

    def join(a: object, b: object, seconds: float, extra: float) -> None:
        weight = seconds + extra
        if weight < inf and (not turns.has_edge(a, b) or turns[a][b]["weight"] > weight):
            turns.add_edge(a, b, weight=weight, seconds=seconds)

    for arc, share in ((2 * start.edge, 1 - start.fraction), (2 * start.edge + 1, start.fraction)):
        if np.isfinite(cost[arc]) and sides[0] in {-1, arc % 2}:
            join("start", arc, part(cost[arc], share), 0.0)
    for arc in range(n_arcs):
        node = int(graph.net.head[arc])
        leaving = graph.net.arc[graph.net.first[node] : graph.net.first[node + 1]].tolist()
        if not graph.net.passable[node] & profile or not np.isfinite(cost[arc]):
            continue
        for after in leaving:
            u_turn = after == arc ^ 1 and len(leaving) > 1
            ban = not profile.walks and arc * n_arcs + after in banned
            if u_turn or ban or not np.isfinite(cost[after]):
                continue
            entering = graph.edge_flags[after >> 1] & DESTINATION and not graph.edge_flags[arc >> 1] & DESTINATION
            extra = DESTINATION_SECONDS if entering and profile is Profile.CAR else 0.0
            join(arc, after, float(cost[after]), extra)
            if after >> 1 == end.edge and sides[1] in {-1, after % 2}:
                share = end.fraction if after % 2 == 0 else 1 - end.fraction
                join(arc, "end", part(cost[after], share), extra)
    if start.edge == end.edge:
        along = end.fraction - start.fraction
        for way in (0, 1):
            if along * (1 - 2 * way) >= 0 and all(side in {-1, way} for side in sides):
                join("start", "end", part(cost[2 * start.edge + way], abs(along)), 0.0)
    try:
        best = nx.dijkstra_path(turns, "start", "end")
    except (nx.NetworkXNoPath, nx.NodeNotFound):
        return inf
    return float(sum(turns[a][b]["seconds"] for a, b in pairwise(best)))


def where_else(graph: StreetGraph, place: Snap, share: float) -> Snap:
    """Another place on the same edge."""
    return Snap(place.edge, float(np.float32(share)), 0.0, *where_on(graph, place.edge, share))
