"""A home with real data and a server of its own, for benchmarks that ask as clients do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from mobigo.db import cluster, migrate
from mobigo.journeys.snapshot import build_network
from mobigo.kit.clock import Clock
from mobigo.kit.errors import InvalidInput
from mobigo.osm.load import load_osm
from mobigo.settings import read_settings
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from benchmarks.sample import Question

PATIENCE = 60.0
"""Seconds a server may take to answer for the first time."""


@dataclass(frozen=True)
class Home:
    """Where the data of an instance lie."""

    folder: Path
    url: str

    def environment(self) -> dict[str, str]:
        """Return what a process of this instance is started with."""
        return {**os.environ, "MOBIGO_HOME": str(self.folder), "MOBIGO_DATABASE_URL": self.url}


@contextmanager
def home(feed: Path, extract: Path | None, now: datetime) -> Iterator[Home]:
    """Load a feed, and an extract, into an instance of its own whose clock stands still, and remove it afterwards.

    Raises
    ------
    InvalidInput
        When a file is not there.
    """
    for file in (feed, extract):
        if file is not None and not file.exists():
            raise InvalidInput(f"no {file}; set MOBIGO_TEST_DATA to the folder of real feeds and extracts")
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "sandbox").touch()
        Clock(folder / "clock.json").move(now, 0)
        cluster.start(folder)
        try:
            url = cluster.find_url(folder)
            assert url
            migrate.upgrade(url)
            if extract is not None:
                load_osm(extract, url, now=now)
            load_gtfs(feed, "bench", url, now=now)
            build_network(url, folder, now)
            yield Home(folder, url)
        finally:
            cluster.drop(folder)


class Server:
    """A process that serves a home."""

    def __init__(self, process: subprocess.Popen[bytes], client: httpx.Client) -> None:
        self.process, self.client = process, client

    def ask(self, question: Question, **parameters: object) -> httpx.Response:
        """Ask for journeys."""
        origin, destination = (f"{lat:.6f},{lon:.6f}" for lat, lon in (question.origin, question.destination))
        return self.between(origin, destination, question.at, **parameters)

    def between(self, origin: str, destination: str, at: datetime, **parameters: object) -> httpx.Response:
        """Ask for journeys between points or stops."""
        asked = {"from": origin, "to": destination, "at": at.isoformat(), **parameters}
        return self.client.get("/v1/journeys", params={name: str(value) for name, value in asked.items()})

    def private_bytes(self) -> int:
        """Memory that this process shares with no other."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Private_"))


@contextmanager
def serve(environment: dict[str, str]) -> Iterator[Server]:
    """Start a server; it need not answer yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mobigo", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            yield Server(process, client)
    finally:
        process.terminate()
        process.wait(20)


def await_answer(server: Server, path: str = "/v1/health") -> None:
    """Wait until a server answers at all.

    Raises
    ------
    TimeoutError
        When it does not.
    """
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until:
        try:
            server.client.get(path)
        except httpx.ConnectError:
            if server.process.poll() is not None:
                break
            time.sleep(0.005)
        else:
            return
    raise TimeoutError(f"no answer from {path} within {PATIENCE:.0f} s, or the server ended")


def test_data() -> Path:
    """Return the folder of real feeds and extracts."""
    return read_settings().test_data
