"""The server, or the database, is killed while people book: what was confirmed stays, and nothing is half done."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from tests.ondemand.taxi_town import CAMILLE, MORNING, furnish, list_faults, seats, village_service

from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = 24
ENOUGH = 5
"""Bookings after which something is killed."""

PATIENCE = 90
"""Seconds in which everybody must have their booking."""

SERVER = """
import socket, sys, uvicorn
from pathlib import Path
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.web.app import create_app
home = Path(sys.argv[1])
app = create_app(engine=open_engine(sys.argv[2]), clock=Clock(home / "clock.json"), home=home)
uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[socket.socket(fileno=int(sys.argv[3]))])
"""


@pytest.fixture
def own_cluster() -> Iterator[tuple[Path, str]]:
    """A cluster as people have it, all durability on: its home and the address of its database."""
    home = Path(tempfile.mkdtemp(prefix=f"mobigo-tests-{os.getpid()}-crash-"))
    home.chmod(0o755)
    try:
        cluster.start(home)
        url = cluster.find_url(home)
        assert url
        migrate.upgrade(url)
        yield home, url
    finally:
        cluster.drop(home)
        shutil.rmtree(home)


class Server:
    """The application as a process of its own behind one socket, started again as often as it is killed."""

    def __init__(self, home: Path, url: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)
        self.port = self._listener.getsockname()[1]
        self._command = [sys.executable, "-c", SERVER, str(home), url, str(self._listener.fileno())]
        self.start()

    def start(self) -> None:
        """Start it; who connects before it serves waits."""
        self.process = subprocess.Popen(self._command, pass_fds=[self._listener.fileno()])

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._listener.close()

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(home: Path, url: str) -> Iterator[Server]:
    server = Server(home, url)
    try:
        yield server
    finally:
        server.close()


def get_quotes(server: Server) -> list[str]:
    """Return the quotes of a way there and another one later."""
    home, station = {"lat": 47.0, "lon": 5.0, "name": "home"}, {"lat": 47.0, "lon": 5.1055, "stop_id": "gare"}
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=120) as http:
        found = []
        for ends, hour in (((home, station), 9), ((station, home), 12)):
            body = {"from": ends[0], "to": ends[1], "at": MORNING.replace(hour=hour).isoformat()}
            found.append(http.post("/v1/ondemand/quotes", json=body).json()["offers"][0]["quote"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["server", "database"])
def test_no_confirmed_booking_is_lost_and_none_is_half(killed: str, own_cluster: tuple[Path, str]) -> None:
    home, url = own_cluster
    furnish(url, village_service(), (seats(60),))
    Clock(home / "clock.json").move(MORNING, rate=0)
    confirmed: dict[int, set[str]] = {number: set() for number in range(CLIENTS)}
    enough = threading.Event()
    with serving(home, url) as server:
        quotes = get_quotes(server)

        def book(number: int) -> None:
            give_up = time.monotonic() + PATIENCE
            while time.monotonic() < give_up:
                try:
                    answer = httpx.post(
                        f"http://127.0.0.1:{server.port}/v1/ondemand/bookings",
                        json={"quotes": quotes, "contact": CAMILLE},
                        headers={"Idempotency-Key": f"client-{number}"},
                        timeout=20,
                    )
                except httpx.TransportError:
                    time.sleep(0.1)
                    continue
                if answer.status_code == 201:
                    confirmed[number].add(answer.json()["booking"]["id"])
                    if sum(map(len, confirmed.values())) >= ENOUGH:
                        enough.set()
                    return
                assert answer.status_code in {500, 503}, answer.text
                time.sleep(0.1)
            raise AssertionError(f"client {number} was never answered")

        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(book, number) for number in range(CLIENTS)]
            assert enough.wait(PATIENCE)
            if killed == "server":
                server.kill()
                server.start()
            else:
                database = cluster.locate(home).server_pid()
                assert database is not None
                os.kill(database, signal.SIGKILL)
                cluster.start(home)
            for client in clients:
                client.result()
    with psycopg.connect(libpq_conninfo(url)) as connection:
        kept = {row[0] for row in connection.execute("SELECT id FROM ondemand_booking")}
        halves = connection.execute(
            "SELECT booking.id FROM ondemand_booking AS booking"
            " LEFT JOIN ondemand_leg AS leg ON leg.booking = booking.id"
            " LEFT JOIN ondemand_event AS event ON event.leg = leg.id GROUP BY booking.id"
            " HAVING count(DISTINCT leg.id) <> 2 OR count(event.leg) <> 4"
        ).fetchall()
        owed = connection.execute("SELECT count(DISTINCT reference) FROM ledger_entry").fetchone()
    assert {id_ for ids in confirmed.values() for id_ in ids} == kept
    assert len(kept) == CLIENTS
    assert halves == []
    assert owed == (CLIENTS,)
    assert list_faults(url) == []
