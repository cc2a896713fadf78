"""The server, or the database, is killed while people book: what was confirmed stays, nothing is half or double."""

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
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy.orm import Session
from tests.carpool.run_checker import list_faults
from tests.carpool.served import MORNING

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import store
from mobigo.carpool.model import BookingState
from mobigo.carpool.service import Actor, Offer, Rides
from mobigo.db import cluster, migrate
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.clock import Clock
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from mobigo.carpool.model import Run

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
    home = Path(tempfile.mkdtemp(prefix=f"mobigo-tests-{os.getpid()}-rides-"))
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


def lay_runs(engine: Engine, count: int) -> list[Run]:
    """Let drivers offer three seats each, along the line, some minutes apart; and riders exist."""
    runs = []
    with Session(engine) as session, session.begin():
        connection = driver(session)
        people = [
            store.ensure_person(connection, f"{what}-{number}", MORNING).id
            for what, many in (("driver", count), ("rider", CLIENTS))
            for number in range(many)
        ]
        connection.execute("UPDATE carpool_person SET adult = true")
        for number, person in enumerate(people[:count]):
            rides = Rides(session, Drives(None), b"", Actor(person, person), MORNING)
            at = MORNING + timedelta(hours=2, minutes=5 * number)
            runs.append(rides.offer_run(Offer(at, 3, line="epoisses-les-laumes", direction=0)))
    return runs


@pytest.mark.slow
@pytest.mark.parametrize("killed", ["server", "database"])
def test_no_confirmed_seat_is_lost_and_none_is_sold_twice(killed: str, own_cluster: tuple[Path, str]) -> None:
    home, url = own_cluster
    Clock(home / "clock.json").move(MORNING, rate=0)
    engine = open_engine(url)
    runs = lay_runs(engine, CLIENTS // 3)
    key = read_key(home)
    confirmed: dict[int, set[str]] = {number: set() for number in range(CLIENTS)}
    enough = threading.Event()
    with serving(home, url) as server:

        def book(number: int) -> None:
            token = issue(key, f"rider-{number}", Role.TRAVELLER, MORNING, timedelta(days=1))
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"client-{number}"}
            run = runs[number % len(runs)]
            mid = {"lat": 47.505, "lon": 4.22, "name": "Bois"}
            body: dict[str, Any] = {
                "run": run.id,
                "board": mid if number % 2 else {"line_stop": "epoisses"},
                "alight": {"line_stop": "les-laumes"},
            }
            give_up = time.monotonic() + PATIENCE
            while time.monotonic() < give_up:
                try:
                    answer = httpx.post(
                        f"http://127.0.0.1:{server.port}/v1/carpool/bookings", json=body, headers=headers, timeout=20
                    )
                except httpx.TransportError:
                    time.sleep(0.1)
                    continue
                if answer.status_code == 201:
                    confirmed[number].add(answer.json()["id"])
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
    engine.dispose()
    with Session(engine) as session:
        kept = store.list_bookings(driver(session))
        noted = driver(session).execute("SELECT count(*) FROM carpool_history WHERE booking IS NOT NULL").fetchone()
    assert {one.id for one in kept} == {id_ for ids in confirmed.values() for id_ in ids}
    assert len(kept) == CLIENTS
    assert all(one.state is BookingState.CONFIRMED for one in kept)
    assert noted == (CLIENTS,)
    assert list_faults(engine) == []
    engine.dispose()
