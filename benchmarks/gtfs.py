"""How fast a feed is loaded, beside a raw COPY of the same rows in the same run, and in how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
from sqlalchemy.engine import make_url

from benchmarks.bar import Bar
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS_SHARE = 0.15
"""Of the rows per second of a raw COPY."""
MEMORY = 600
"""Megabytes, of our processes; PostgreSQL apart."""
ROUNDS = 3

LOAD = """
import resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from mobigo.transit.load import load_gtfs
start = time.perf_counter()
report = load_gtfs(Path(sys.argv[1]), sys.argv[2], sys.argv[3], now=datetime.now(UTC))
seconds = time.perf_counter() - start
assert report.status == "active", report.as_text()
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, sum(report.counts.values()))
"""
"""A load in a process of its own, so that its memory is its own."""


def bars() -> Iterator[Bar]:
    """Load Strasbourg and rhein-neckar; yield nothing where the feeds are absent."""
    data = read_settings().test_data
    feeds = {
        "strasbourg": data / "fr/strasbourg-cts.gtfs.zip",
        "rhein-neckar": data / "pairs/rhein-neckar/rnv.gtfs.zip",
    }
    present = {name: path for name, path in feeds.items() if path.exists()}
    if not present:
        return
    with _database() as url:
        for name, path in present.items():
            yield from _measure(name, path, url)


def _measure(name: str, path: Path, url: str) -> Iterator[Bar]:
    raw, loads = [], []
    for number in range(ROUNDS):  # in turns, so that both meet the same machine
        raw.append(_raw_copy(path, url))
        loads.append(_load(path, f"{name}{number}", url))
    raw_seconds, rows = min(seconds for seconds, _ in raw), raw[0][1]
    seconds = min(load[0] for load in loads)
    how = f"{path.name}, {rows:,} rows of all files, best of {ROUNDS} in turns"
    yield Bar(f"gtfs.{name}.raw_copy", rows / raw_seconds, "rows/s", None, "higher", f"{how}, unlogged all-text tables")
    yield Bar(f"gtfs.{name}.load", rows / seconds, "rows/s", None, "higher", f"{how}, checked, typed, indexed, active")
    limit = ROWS_SHARE if name == "strasbourg" else None
    yield Bar(f"gtfs.{name}.share", raw_seconds / seconds, "of raw COPY", limit, "higher", how)
    memory = max(load[1] for load in loads)
    yield Bar(f"gtfs.{name}.memory", memory, "MB", MEMORY, "lower", "peak of the loading process, PostgreSQL apart")


@contextmanager
def _database() -> Iterator[str]:
    """A migrated database that goes afterwards: at MOBIGO_DATABASE_URL, else in a cluster made for it."""
    given = os.environ.get("MOBIGO_DATABASE_URL")
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        try:
            server = cluster.ensure(home, given)
            name = f"bench_{uuid4().hex[:8]}"
            admin = libpq_conninfo(make_url(server).render_as_string(hide_password=False))
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
                url = make_url(server).set(database=name).render_as_string(hide_password=False)
                try:
                    migrate.upgrade(url)
                    yield url
                finally:
                    connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        finally:
            if given is None:
                cluster.drop(home)


def _raw_copy(path: Path, url: str) -> tuple[float, int]:
    """COPY each file as it is into an unlogged table of text; seconds and rows."""
    rows = 0
    start = time.perf_counter()
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection, zipfile.ZipFile(path) as archive:
        for number, name in enumerate(archive.namelist()):
            with archive.open(name) as member, connection.cursor() as cursor:
                header = member.readline().decode("utf-8-sig").strip().split(",")
                columns = ", ".join(f"c{index} text" for index in range(len(header)))
                cursor.execute(f"CREATE UNLOGGED TABLE raw{number} ({columns})".encode())
                with cursor.copy(f"COPY raw{number} FROM STDIN (FORMAT csv)".encode()) as copy:
                    while block := member.read(1 << 20):
                        copy.write(block)
                rows += cursor.rowcount
        seconds = time.perf_counter() - start
        for number in range(len(archive.namelist())):
            connection.execute(f"DROP TABLE raw{number}".encode())
    return seconds, rows


def _load(path: Path, source: str, url: str) -> tuple[float, float]:
    command = [sys.executable, "-c", LOAD, str(path), source, url]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, memory, _ = done.stdout.split()
    return float(seconds), float(memory)


if __name__ == "__main__":
    for bar in bars():
        print(
            f"{bar.bar:32}{bar.value:>14,.3f} {bar.unit:12}{'' if bar.limit is None else f'limit {bar.limit}'}  "
            f"{bar.how}"
        )
