"""The graph against OSMnx on a real town: shortest path lengths agree."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import osmium
import psycopg
import pytest
from osmium.osm import NODE, WAY
from osmium.osm.mutable import Node, Way

from mobigo.db.engine import libpq_conninfo
from mobigo.osm.access import read_street
from mobigo.osm.load import load_osm
from mobigo.street.graph import Profile, StreetGraph
from mobigo.street.routing import Snap, reach
from mobigo.street.store import read_graph

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
BOX = (8.672, 49.404, 8.700, 49.416)
"""The old town of Heidelberg: west, south, east, north."""


def cut(source: Path, to: Path, profile: Profile) -> None:
    """Write the streets of a profile that lie inside the box, with nothing but what makes them oneway."""
    west, south, east, north = BOX
    inside = {
        node.id: (node.location.lon, node.location.lat)
        for node in osmium.FileProcessor(source, NODE)
        if west < node.location.lon < east and south < node.location.lat < north
    }
    ways = {}
    for way in osmium.FileProcessor(source, WAY).with_filter(osmium.filter.KeyFilter("highway")):
        street = read_street({tag.k: tag.v for tag in way.tags})
        refs = [node.ref for node in way.nodes]
        if street is None or not all(ref in inside for ref in refs):
            continue
        directions = street.car if profile is Profile.CAR else street.foot
        if directions:
            oneway = {1: "yes", 2: "-1", 3: "no"}[directions]
            ways[way.id] = Way(id=way.id, nodes=refs, tags={"highway": "residential", "oneway": oneway}, version=1)
    used = sorted({ref for way in ways.values() for ref in way.nodes})
    with osmium.SimpleWriter(str(to)) as writer:
        for ref in used:
            writer.add_node(Node(id=ref, location=inside[ref], version=1))
        for way in ways.values():
            writer.add_way(way)


def metres_from(graph: StreetGraph, node: int, profile: Profile) -> dict[int, float]:
    """Shortest lengths from a node to all others, by OpenStreetMap's ids."""
    for arc in graph.net.arc[graph.net.first[node] : graph.net.first[node + 1]].tolist():
        place = Snap(arc >> 1, float(arc & 1), 0.0, 0.0, 0.0)
        found = reach(graph, place, profile, 1e9)
        if node in found.node:
            return dict(zip(graph.node_osm[found.node].tolist(), found.seconds.tolist(), strict=True))
    return {}


@pytest.mark.parametrize("profile", [Profile.CAR, Profile.FOOT])
def test_shortest_ways_are_as_long_as_those_of_osmnx(
    profile: Profile, test_data: Path, database_url: str, tmp_path: Path
) -> None:
    import osmnx  # noqa: PLC0415  heavy, for this test alone

    path = tmp_path / "town.osm"
    cut(test_data / "pairs/heidelberg/heidelberg.osm.pbf", path, profile)
    load_osm(path, database_url, now=NOW)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        graph = read_graph(connection)
    lengths = np.repeat(graph.edge_metres, 2)
    graph = graph._replace(
        car=np.where(np.isfinite(graph.car), lengths, np.float32(np.inf)),
        foot=np.where(np.isfinite(graph.foot), lengths, np.float32(np.inf)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peer's own
        peer = osmnx.graph_from_xml(path, bidirectional=profile is Profile.FOOT, simplify=False, retain_all=True)
    rng = np.random.default_rng(1)
    compared = 0
    for node in rng.choice(len(graph.node_osm), 12, replace=False).tolist():
        ours = metres_from(graph, node, profile)
        theirs = nx.single_source_dijkstra_path_length(peer, int(graph.node_osm[node]), weight="length")
        for osm_id in rng.choice(graph.node_osm, 60, replace=False).tolist():
            if osm_id == graph.node_osm[node]:
                continue
            assert (osm_id in ours) == (osm_id in theirs)
            if osm_id in theirs:
                assert ours[osm_id] == pytest.approx(theirs[osm_id], rel=0.005, abs=0.5)
                compared += 1
    assert compared > 200
