"""What tests of every room share: real input, a database of their own, a home, a served application."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import psycopg
import pytest
import uvicorn
from sqlalchemy.engine import make_url

from mobigo.cli import warm
from mobigo.cli.logs import write_logs
from mobigo.db import cluster, migrate
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.settings import read_settings
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from sqlalchemy.engine import Engine

CLUSTERS = "mobigo-tests-"
"""How the folders of test clusters begin; the number of the run's process follows."""

FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""A test's database need not survive a power cut."""


@pytest.fixture(scope="session", autouse=True)
def _alone() -> None:
    """No test reads or changes what the person who runs it has."""
    write_logs()
    for name in ("MOBIGO_HOME", "MOBIGO_DATABASE_URL", "MOBIGO_CLOCK", "MOBIGO_ALLOW_HOSTS"):
        os.environ.pop(name, None)


@pytest.fixture(scope="session", autouse=True)
def _compiled(worker_id: str) -> None:
    """In a run of many tests none of them pays for compiling within its own limits of time."""
    if worker_id != "master":
        parts = list(warm.PARTS.values())
        for part in parts if worker_id == "gw0" else reversed(parts):  # two at once begin at different ends
            part()


@pytest.fixture(autouse=True)
def _processors() -> Iterator[None]:
    """A command that gives way does so for good; where a test runs it in this process, the others have theirs back."""
    before = os.sched_getaffinity(0)
    yield
    if os.sched_getaffinity(0) != before:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(thread.name), before)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Real feeds and extracts."""
    folder = read_settings().test_data
    if not folder.is_dir():
        pytest.skip(f"no test data at {folder}; set MOBIGO_TEST_DATA to the folder of real feeds and extracts")
    return folder


@pytest.fixture(scope="session")
def test_cluster() -> Iterator[str]:
    """Start a cluster for this run; the address of its migrated template database."""
    _sweep()
    home = Path(tempfile.mkdtemp(prefix=f"{CLUSTERS}{os.getpid()}-"))
    home.chmod(0o755)  # root's server runs as another user, who must get in
    try:
        cluster.start(home, FAST)
        url = cluster.find_url(home)
        assert url
        migrate.upgrade(url)
        yield url
    finally:
        cluster.drop(home)
        shutil.rmtree(home)


def _sweep() -> None:
    """Remove the clusters of runs that were killed before they could; one process does it, and the others wait."""
    temporary = Path(tempfile.gettempdir())
    with (temporary / f"{CLUSTERS}{os.geteuid()}.lock").open("w") as turn:
        flock(turn, LOCK_EX)
        for left in temporary.glob(f"{CLUSTERS}*-*"):
            runner = left.name.removeprefix(CLUSTERS).partition("-")[0]
            with suppress(FileNotFoundError):  # who goes on removes their own
                if left.stat().st_uid == os.geteuid() and not Path("/proc", runner).exists():
                    cluster.drop(left)
                    shutil.rmtree(left)


@contextmanager
def new_database(test_cluster: str) -> Iterator[str]:
    """Make a fresh, migrated, empty database; its address."""
    name = f"test_{uuid4().hex}"
    admin = libpq_conninfo(make_url(test_cluster).set(database="postgres").render_as_string(hide_password=False))
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {cluster.DATABASE} STRATEGY FILE_COPY".encode())
        try:
            yield make_url(test_cluster).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database_url(test_cluster: str) -> Iterator[str]:
    """Address of a fresh, migrated, empty database."""
    with new_database(test_cluster) as url:
        yield url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Engine of the test's database."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MOBIGO_HOME."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("MOBIGO_HOME", str(folder))
    return folder


class AppClient(httpx.Client):
    """A client of a served application, which it also holds."""

    app: FastAPI


@pytest.fixture
def client(engine: Engine, home: Path) -> Iterator[AppClient]:
    """Client of the application, served over the test's database on a free port."""
    app = create_app(engine=engine, clock=Clock(), home=home)
    with serve(app) as address, AppClient(base_url=address, timeout=120) as http:
        http.app = app
        yield http


@contextmanager
def serve(app: FastAPI) -> Iterator[str]:
    """Serve an application in a thread; its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    give_up = time.monotonic() + 120
    while not server.started:
        assert thread.is_alive(), "the server ended while it started"
        assert time.monotonic() < give_up, "the server does not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
