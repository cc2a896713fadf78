"""A department planned as a whole on generated roads, and what changes by hand take; part of the school benchmark.

The collèges and communes of Côte-d'Or from open data, lycées in its largest communes; streets that
``tools/make_region`` lays between them, pupils drawn by lot. The plan is checked against the drawn rows by a checker
that shares no code with planning.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from tests.school.year_checker import check_year

from benchmarks.bar import Bar
from benchmarks.served import test_data
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo
from mobigo.osm.load import load_osm
from mobigo.school import register_store, scenario_store, scenarios
from mobigo.school.book import read_book
from mobigo.school.register_service import Actor, import_file
from mobigo.school.roads import RoadsKeeper
from mobigo.school.sample import Sample, draw_register, read_department
from mobigo.school.yearplan import Effort, plan_year

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

ROOT = Path(__file__).parents[1]

CODE, SCHOOLS, PUPILS, SEED = "21", 100, 20_000, 1
HAMLET = 140
"""Inhabitants for each further stop of a village: 2,009 stops in all."""
YEAR = "2026-2027"
NOW = datetime(2026, 8, 24, 8, 0, tzinfo=UTC)
STAFF = Actor("bench", "school", NOW)

SECONDS = 780.0
"""Of solving; reading, stops and roads take the rest of the limit."""
WHOLE, GAP, RELINK, CHECK = 900.0, 6.0, 1.0, 200.0
"""Seconds of a full plan, percent of vehicles, seconds of linking anew, milliseconds of a check."""
TIMES = 10
"""Changes of each kind that are timed; the first of all is not."""


class Department(NamedTuple):
    """A year in a database."""

    connection: Connection[Any]
    bench: scenarios.Bench
    sample: Sample


def bars() -> Iterator[Bar]:
    """Plan the department, check the plan, and change it by hand."""
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name, _load(Path(name)) as made:
        begun = time.perf_counter()
        roads = made.bench.roads.find(made.connection)
        document = plan_year(
            read_book(made.connection, YEAR), roads, Effort(seconds=SECONDS, seed=SEED), progress=print
        )
        seconds = time.perf_counter() - begun
        peak = max(document["sessions"], key=lambda one: one["vehicles"])
        stops = {call["stop"] for one in document["sessions"] for run in one["runs"] for call in run["calls"]}
        told = f"{SCHOOLS} schools, {len(made.sample.lists['stops']):,} stops, {len(stops):,} of them served"
        how = (
            f"{told}, {PUPILS:,} pupils, {len(document['sessions'])} sessions; {os.cpu_count()} cores,"
            f" load {os.getloadavg()[1]:.1f}, seed {SEED}"
        )
        yield Bar("department: full plan", seconds, "s", WHOLE, "lower", how)
        vehicles, bound = peak["vehicles"], max(one["bound"] for one in document["sessions"])
        each = ", ".join(f"{one['name']} {one['vehicles']} >= {one['bound']}" for one in document["sessions"])
        yield Bar("department: vehicles", vehicles, "", None, "lower", f"at least {bound} ({each})")
        yield Bar("department: gap on vehicles", 100 * (vehicles - bound) / vehicles, "%", GAP, "lower", how)
        keys = {row["number"]: row["key"] for row in register_store.list_people(made.connection, YEAR)}
        faults = check_year(made.sample.lists, keys, document)
        for fault in faults[:TIMES]:
            print(f"  {fault}")
        yield Bar("department: faults", len(faults), "", 0, "lower", "of the plan, by an independent checker")
        yield from _change(made, document)


def _change(made: Department, document: dict[str, Any]) -> Iterator[Bar]:
    """Time changes by hand, as staff's pages ask for them."""
    connection = made.connection
    scenario = scenarios.make_scenario(connection, YEAR, "bench", STAFF)
    plan = scenarios.ask_plan(connection, scenario.id, Effort(), STAFF)
    scenario_store.begin_plan(connection, plan, NOW)
    scenario_store.end_plan(connection, plan, document, NOW)
    connection.commit()
    session = document["sessions"][0]
    stops = {one.id: one for one in made.sample.lists["stops"]}
    runs = session["runs"][:: max(1, len(session["runs"]) // (TIMES + 1))][: TIMES + 1]
    moves = [
        {"kind": "stop", "stop": one.id, "lat": one.lat + 0.001, "lon": one.lon}
        for one in (stops[run["calls"][0]["stop"]] for run in runs)
    ]
    rings = [{"kind": "bell", "school": run["school"], "trip": run["trip"], "at": run["bell"] + 600} for run in runs]
    for name, changes, unit, scale, limit in (
        ("stop moved, re-checked", moves, "ms", 1e3, CHECK),
        ("bell moved, linked anew", rings, "s", 1.0, RELINK),
    ):
        spent = [
            scale * _time(lambda change=change: scenarios.check_changes(connection, plan, [change], made.bench))  # type: ignore[misc]
            for change in changes
        ]
        rest = spent[1:]
        how = f"median of {len(rest)}, slowest {max(rest):.3g}; the first, which opens files, {spent[0]:.3g} {unit}"
        yield Bar(f"department: {name}", statistics.median(rest), unit, limit, "lower", how)


def _time(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _make_streets(communes: Path, folder: Path) -> Path:
    """Lay streets between the communes of the department."""
    everything = json.loads(gzip.decompress(communes.read_bytes()))
    mine = [one for one in everything["features"] if one["properties"]["insee"].startswith(CODE)]
    own, file = folder / "communes.geojson.gz", folder / "region.osm.pbf"
    own.write_bytes(gzip.compress(json.dumps({**everything, "features": mine}).encode()))
    command = [sys.executable, str(ROOT / "tools/make_region"), "--seed", str(SEED), "--communes", str(len(mine))]
    subprocess.run([*command, "--communes-file", str(own), "--out", str(file)], check=True, capture_output=True)
    return file


@contextmanager
def _load(folder: Path) -> Iterator[Department]:
    """Load generated streets and a drawn register into a database of their own."""
    data = test_data() / "bfc"
    folder.chmod(0o755)
    cluster.start(folder)
    try:
        url = cluster.find_url(folder)
        assert url is not None
        migrate.upgrade(url)
        load_osm(_make_streets(data / "communes.geojson.gz", folder), url, now=NOW)
        schools, villages = read_department(data / "colleges.csv", data / "communes.geojson.gz", CODE, schools=SCHOOLS)
        sample = draw_register(schools, villages, pupils=PUPILS, seed=SEED, year=int(YEAR[:4]), hamlet=HAMLET)
        with psycopg.connect(libpq_conninfo(url)) as connection:
            import_file(connection, YEAR, sample.as_workbook(), "department.xlsx", STAFF)
            connection.commit()
            yield Department(connection, scenarios.Bench(RoadsKeeper(folder)), sample)
    finally:
        cluster.drop(folder)
