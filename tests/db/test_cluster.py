"""The private cluster: made once, shared, found again, and none the worse for being killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from mobigo.db import cluster
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import MissingPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeHome = Callable[[str], Path]


@pytest.fixture
def make_home() -> Iterator[MakeHome]:
    """Make homes that the database's user can enter; their clusters are gone afterwards."""
    top = Path(tempfile.mkdtemp(prefix="mobigo-test-"))
    top.chmod(0o755)
    homes: list[Path] = []

    def make(name: str) -> Path:
        homes.append(top / name)
        return homes[-1]

    yield make
    for home in homes:
        cluster.drop(home)
    shutil.rmtree(top)


def run(home: Path, statement: bytes) -> psycopg.Cursor:
    with psycopg.connect(libpq_conninfo(cluster.ensure(home, None))) as connection:
        return connection.execute(statement)


def ask(home: Path, query: bytes) -> object:
    row = run(home, query).fetchone()
    return row and row[0]


def test_a_given_address_is_taken_as_it_is(tmp_path: Path) -> None:
    assert cluster.ensure(tmp_path, "postgresql://elsewhere/db") == "postgresql://elsewhere/db"
    assert not list(tmp_path.iterdir())


def test_a_killed_server_comes_back_with_its_data(make_home: MakeHome) -> None:
    home = make_home("home")
    run(home, b"CREATE TABLE kept AS SELECT 42 AS n")
    server = cluster.locate(home).server_pid()
    assert server is not None
    os.kill(server, signal.SIGKILL)
    assert ask(home, b"SELECT n FROM kept") == 42
    assert cluster.locate(home).server_pid() not in {None, server}


def test_a_pid_file_that_names_somebody_else_does_not_keep_it_down(make_home: MakeHome) -> None:
    home = make_home("home")
    cluster.start(home)
    data = cluster.locate(home).data
    lines = (data / "postmaster.pid").read_text().splitlines()
    cluster.stop(home)
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")  # as after a reboot
    (data / "postmaster.pid").chmod(0o644)
    assert cluster.find_url(home) is None
    assert cluster.locate(home).server_pid() is None
    assert cluster.start(home)


def test_two_homes_are_two_clusters(make_home: MakeHome) -> None:
    here, there = make_home("here"), make_home("a " + "long" * 40)  # its path is no path for a socket
    run(here, b"CREATE TABLE only_here ()")
    assert ask(there, b"SELECT to_regclass('only_here')") is None
    cluster.stop(there)
    assert cluster.find_url(there) is None
    assert ask(here, b"SELECT to_regclass('only_here')::text") == "only_here"


def test_commands_that_start_at_once_share_one_server(make_home: MakeHome) -> None:
    home = make_home("home")
    program = f"import pathlib, mobigo.db.cluster as c; print(c.ensure(pathlib.Path({str(home)!r}), None))"
    starting = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(3)]
    said = [process.communicate(timeout=300)[0] for process in starting]
    assert [process.returncode for process in starting] == [0, 0, 0]
    assert len(set(said)) == 1


def test_what_an_interrupted_first_start_left_is_cleared(make_home: MakeHome) -> None:
    home = make_home("home")
    half = home / "pg/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n")
    (home / "pg").chmod(0o700)
    assert cluster.start(home)
    assert not half.exists()


def test_data_of_a_version_that_is_not_installed_is_named(make_home: MakeHome) -> None:
    home = make_home("home")
    (home / "pg/data").mkdir(parents=True)
    (home / "pg/data/PG_VERSION").write_text("9\n")
    with pytest.raises(MissingPackage, match="of PostgreSQL 9, which is not installed"):
        cluster.start(home)
    shutil.rmtree(home)


def test_a_missing_postgis_is_named_with_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "EXTENSIONS", tmp_path)
    with pytest.raises(MissingPackage, match="sudo apt-get install -y --no-install-recommends postgresql-postgis"):
        cluster.start(tmp_path / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another user")
def test_root_s_cluster_lies_elsewhere_when_its_user_cannot_enter_the_home() -> None:
    closed = Path(tempfile.mkdtemp(prefix="mobigo-test-", dir="/root"))  # 0700, as /root is
    home = closed / "home"
    try:
        ask(home, b"SELECT 1")
        found = cluster.locate(home)
        assert found.folder.parent == Path("/var/lib/mobigo")
        closed.parent.chmod(closed.parent.stat().st_mode)
        home.chmod(0o755)
        assert cluster.locate(home) == found  # and stays there
        assert cluster.stop(home)
        cluster.drop(home)
        assert not found.folder.exists()
    finally:
        cluster.drop(home)
        shutil.rmtree(closed)
