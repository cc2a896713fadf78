"""Loading extracts, and the street graph's queries: on a real extract and on generated regions of growing size.

Every load runs in a process of its own against a throw-away cluster; "peak" is the largest resident memory of that
process, PostgreSQL's not counted. Mapped files count while they are resident, though the system may take them back.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg

from benchmarks.bar import Bar
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo
from mobigo.settings import read_settings
from mobigo.street.graph import Profile
from mobigo.street.routing import Snaps, between, footpaths, reach, snap, stop_seconds, warm
from mobigo.street.store import read_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mobigo.street.graph import StreetGraph

ROOT = Path(__file__).parents[1]
COMMUNES = 60
"""K of the growing regions K, 2 K, 4 K."""

STOPS = 2_000
QUERIES = 300
SEED = 20261122

LOAD = """
import json, sys, time
from datetime import datetime, UTC
from pathlib import Path
from mobigo.osm.load import load_osm
start = time.perf_counter()
report = load_osm(Path(sys.argv[1]), sys.argv[2], now=datetime.now(UTC))
seconds = time.perf_counter() - start
status = Path("/proc/self/status").read_text()  # of this program alone; getrusage would count who started it
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print(json.dumps({"seconds": seconds, "peak": peak, "counts": report.counts}))
"""


def bars() -> Iterator[Bar]:
    """Measure loads and queries."""
    with _database() as url, tempfile.TemporaryDirectory(prefix="mobigo-bench-") as folder:
        real = read_settings().test_data / "pairs/rhein-neckar/rnv.osm.pbf"
        if real.exists():
            yield from _measure_real(real, url)
        yield from _measure_regions(Path(folder), url)


def _measure_real(real: Path, url: str) -> Iterator[Bar]:
    loaded = _load(real, url)
    how = f"{real.name}, {loaded['counts']['ways']:,} ways, into an empty database"
    yield Bar("osm load rhein-neckar", loaded["seconds"], "s", 30, "lower", how)
    yield Bar("osm load rhein-neckar peak memory", loaded["peak"], "MB", 400, "lower", how)
    yield Bar("osm load rhein-neckar ways", loaded["counts"]["ways"], "ways", 37_344, "higher", "highways loaded")
    yield from _measure_queries("rhein-neckar", url)


def _measure_regions(folder: Path, url: str) -> Iterator[Bar]:
    loads = []
    for factor in (1, 2, 4):
        file = folder / f"region{factor}.osm.pbf"
        command = [sys.executable, str(ROOT / "tools/make_region"), "--seed", "1", "--communes", str(COMMUNES * factor)]
        made = json.loads(subprocess.run([*command, "--out", str(file)], check=True, capture_output=True).stdout)
        loaded = _load(file, url)
        objects = made["nodes"] + made["ways"] + made["relations"]
        loads.append((objects, loaded["seconds"], loaded["peak"]))
        how = f"{made['communes']} generated communes, {made['bytes'] / 1e6:.1f} MB, {objects:,} objects"
        name = f"osm load {made['communes']} communes"
        yield Bar(name, loaded["seconds"], "s", None, "lower", how)
        yield Bar(f"{name} objects", objects / loaded["seconds"], "objects/s", 25_000, "higher", how)
        yield Bar(f"{name} peak memory", loaded["peak"], "MB", 600, "lower", how)
    growth = (loads[2][1] / loads[0][1]) / (loads[2][0] / loads[0][0])
    yield Bar("osm load growth", growth, "ratio", 1.4, "lower", "seconds per object, 4 K communes over K communes")
    per_million = (loads[2][2] - loads[0][2]) / ((loads[2][0] - loads[0][0]) / 1e6)
    yield Bar("osm load memory growth", per_million, "MB/million", 40, "lower", "peak per million further objects")
    yield from _measure_queries("region", url)


def _measure_queries(name: str, url: str) -> Iterator[Bar]:
    """Measure the queries of the extract that was loaded last."""
    warm()
    with psycopg.connect(libpq_conninfo(url)) as connection:
        seconds, graph = _timed(lambda: read_graph(connection))
    how = f"{len(graph.node_osm):,} nodes, {len(graph.edge_way):,} edges"
    yield Bar(f"street graph {name} read", seconds, "s", None, "lower", how)
    rng = np.random.default_rng(SEED)
    places = _places(graph, rng, Profile.FOOT)
    seconds, stops = _timed(lambda: snap(graph, places, Profile.FOOT))
    yield Bar(f"street snap {name}", seconds / STOPS * 1e6, "µs/point", 200, "lower", f"{STOPS} points, {how}")
    seconds, walks = _timed(lambda: footpaths(graph, stops, 600.0))
    yield Bar(f"street footpaths {name}", seconds, "s", 5, "lower", f"{STOPS} stops, 600 s, {len(walks[1]):,} walks")
    times = [_time_reach(graph, stops, int(i)) for i in rng.integers(0, STOPS, QUERIES)]
    told = f"2 km on foot and the seconds to {STOPS} stops, median of {QUERIES}"
    yield Bar(f"street reach {name}", float(np.median(times)) * 1e3, "ms", 3, "lower", told)
    for profile in Profile:
        ends = snap(graph, _places(graph, rng, profile), profile)
        times = [_time_between(graph, ends, profile, *rng.integers(0, STOPS, 2).tolist()) for _ in range(QUERIES)]
        limit = 60 if profile is Profile.CAR and name == "rhein-neckar" else None
        told = f"random pairs across the extract, median of {QUERIES}; slowest {max(times) * 1e3:.0f} ms"
        yield Bar(
            f"street between {profile.name.lower()} {name}", float(np.median(times)) * 1e3, "ms", limit, "lower", told
        )


def _places(graph: StreetGraph, rng: np.random.Generator, profile: Profile) -> np.ndarray:
    """Sample nodes of the large parts; float64[STOPS, 2], degrees."""
    edges = np.flatnonzero(graph.solid & int(profile))
    nodes = graph.edge_from[rng.choice(edges, STOPS)]
    return np.stack([graph.points.lon[nodes], graph.points.lat[nodes]], axis=1)


def _time_reach(graph: StreetGraph, stops: Snaps, at: int) -> float:
    place = stops.one(at)
    assert place is not None
    return _timed(lambda: stop_seconds(reach(graph, place, Profile.FOOT, 2_000 / 1.2), stops))[0]


def _time_between(graph: StreetGraph, ends: Snaps, profile: Profile, a: int, b: int) -> float:
    start, end = ends.one(a), ends.one(b)
    assert start is not None
    assert end is not None
    return _timed(lambda: between(graph, start, end, profile))[0]


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def _load(file: Path, url: str) -> dict[str, Any]:
    command = [sys.executable, "-c", LOAD, str(file), url]
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT / "src")
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@contextmanager
def _database() -> Iterator[str]:
    """Start a cluster for this measurement; its address."""
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # root's server runs as another user, who must get in
        try:
            cluster.start(home)
            url = cluster.find_url(home)
            assert url is not None
            migrate.upgrade(url)
            yield url
        finally:
            cluster.drop(home)
