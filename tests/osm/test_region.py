from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.osm.load import load_osm
from mobigo.street.graph import Profile
from mobigo.street.routing import between, snap
from mobigo.street.store import read_graph

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def communes(folder: Path) -> Path:
    """Four square communes in a row, 5 km apart."""
    features = []
    for i, people in enumerate([6_500, 2_600, 700, 90]):
        west, south = 4.3 + 0.066 * i, 47.5
        ring = [
            [west, south],
            [west + 0.066, south],
            [west + 0.066, south + 0.045],
            [west, south + 0.045],
            [west, south],
        ]
        about = {"insee": f"2100{i}", "name": f"Commune {i}", "population": people}
        shape = {"type": "Polygon", "coordinates": [ring]}
        features.append({"type": "Feature", "properties": about, "geometry": shape})
    path = folder / "communes.geojson.gz"
    path.write_bytes(gzip.compress(json.dumps({"type": "FeatureCollection", "features": features}).encode()))
    return path


def make(out: Path, communes_file: Path, seed: int = 1) -> dict[str, int]:
    command = [sys.executable, str(ROOT / "tools/make_region"), "--seed", str(seed), "--communes", "4"]
    command += ["--out", str(out), "--communes-file", str(communes_file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_a_region_is_the_same_for_the_same_seed_loads_and_is_driven_through(database_url: str, tmp_path: Path) -> None:
    file = communes(tmp_path)
    made = make(tmp_path / "one.osm.pbf", file)
    make(tmp_path / "two.osm.pbf", file)
    make(tmp_path / "three.osm.pbf", file, seed=2)
    first, second, third = ((tmp_path / f"{name}.osm.pbf").read_bytes() for name in ("one", "two", "three"))
    assert first == second != third
    report = load_osm(tmp_path / "one.osm.pbf", database_url, now=NOW)
    assert report.counts["ways"] == made["highways"]
    assert report.counts["addresses"] == made["addresses"]
    assert report.counts["restrictions"] == made["restrictions"]
    assert (report.dropped, report.findings) == ({}, ())
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        graph = read_graph(connection)
        cities = connection.execute("SELECT count(DISTINCT city), count(city) FROM osm_address").fetchone()
    assert cities == (4, made["addresses"])  # none says its town; the outlines do
    assert len(graph.bans.turn) > 0
    for profile in Profile:
        ends = snap(graph, [(4.333, 47.5225), (4.531, 47.5225)], profile)
        a, b = ends.one(0), ends.one(1)
        assert a is not None
        assert b is not None
        way = between(graph, a, b, profile, limit_seconds=8 * 3600.0)
        assert way is not None
        assert 14_000 < way.metres < 22_000
