"""From door to door on rhein-neckar: how many questions are answered, how fast, and beside the kernel alone."""

from __future__ import annotations

import statistics
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bar import Bar
from benchmarks.sample import Question, draw
from mobigo.db import cluster, migrate
from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import Networks
from mobigo.journeys.snapshot import build_network
from mobigo.kit.errors import InvalidInput
from mobigo.osm.load import load_osm
from mobigo.settings import read_settings
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.journeys.network import Network

DAY = date(2016, 11, 4)
NOW = datetime(2016, 11, 4, 4, tzinfo=UTC)
COUNT, SEED = 200, 1


def bars() -> Iterator[Bar]:
    """Load the pair into a database of its own, ask, and measure."""
    pair = read_settings().test_data / "pairs/rhein-neckar"
    if not pair.is_dir():
        raise InvalidInput(f"no {pair}; set MOBIGO_TEST_DATA to the folder of real feeds and extracts")
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        home = Path(name)
        home.chmod(0o755)
        cluster.start(home)
        try:
            url = cluster.find_url(home)
            assert url
            migrate.upgrade(url)
            load_osm(pair / "rnv.osm.pbf", url, now=NOW)
            load_gtfs(pair / "rnv.gtfs.zip", "rnv", url, now=NOW)
            started = time.perf_counter()
            build_network(url, home, NOW)
            built = time.perf_counter() - started
            yield Bar("network build", built, "s", None, "lower", "rhein-neckar from PostGIS, two days laid out")
            yield from _ask(home, draw(pair / "rnv.gtfs.zip", DAY, "Europe/Berlin", COUNT, seed=SEED))
        finally:
            cluster.drop(home)


def _ask(home: Path, questions: list[Question]) -> Iterator[Bar]:
    started = time.perf_counter()
    network = Networks(home).current()
    mapped = time.perf_counter() - started
    yield Bar("network mapping", mapped, "s", 0.2, "lower", "from nothing to a network that can be asked")
    plan(network, questions[0], 7200)
    for window, label in ((0, "next journeys"), (7200, "two-hour window")):
        seconds, answered = [], 0
        for question in questions:
            started = time.perf_counter()
            answer = plan(network, question, window)
            seconds.append(1000 * (time.perf_counter() - started))
            answered += any(journey.rides for journey in answer.journeys)
        how = f"{len(questions)} seeded questions, {DAY}, streets and legs included, in one process, no cache"
        yield Bar(f"{label}: answered by vehicle", 100 * answered / len(questions), "%", 95, "higher", how)
        yield Bar(f"{label}: median", statistics.median(seconds), "ms", None, "lower", how)
        yield Bar(f"{label}: p95", statistics.quantiles(seconds, n=20)[18], "ms", None, "lower", how)


def plan(network: Network, question: Question, window: int) -> service.Plan:
    """Ask one question."""
    origin, destination = (f"{lat:.6f},{lon:.6f}" for lat, lon in (question.origin, question.destination))
    return service.plan(network, JourneyRequest(origin, destination, question.at, window=window))
