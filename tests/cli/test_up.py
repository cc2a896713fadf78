"""An instance from nothing to its end: it answers, survives what can be killed, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Instance:
    """An `up --sandbox` in the foreground, with a home of its own."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="mobigo-test-"))
        self.home.chmod(0o755)  # root's database runs as another user
        self.environment = {**os.environ, "MOBIGO_HOME": str(self.home)}
        self.process = self.start("up", "--sandbox")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mobigo", *arguments], env=self.environment, text=True, stdout=subprocess.PIPE
        )

    def say(self, *arguments: str) -> str:
        done = self.start(*arguments)
        said, _ = done.communicate(timeout=300)
        assert done.returncode == 0, said
        return said.strip()

    @property
    def status(self) -> dict[str, object]:
        found = json.loads(self.say("status", "--json"))
        assert isinstance(found, dict)
        return found

    def pid(self, name: str) -> int | None:
        pids = self.status["pids"]
        assert isinstance(pids, dict)
        return pids.get(name)

    def ask(self, path: str, token: str | None = None) -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            return httpx.get(f"{self.status['url']}{path}", headers=headers, timeout=120).status_code
        except httpx.TransportError:
            return 0


def wait_until(condition: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    """An instance with the demonstration region."""
    instance = Instance()
    try:
        wait_until(lambda: instance.process.poll() is not None or instance.status["url"] is not None, 600)
        assert instance.process.poll() is None
        yield instance
    finally:
        instance.process.kill()
        instance.process.communicate()
        instance.say("reset", "--yes")
        shutil.rmtree(instance.home)


def test_it_answers_and_says_where(instance: Instance) -> None:
    status = instance.status
    assert list(status) == ["url", "database_url", "home", "version", "network_version", "pids"]
    assert status["home"] == str(instance.home)
    assert status["network_version"]
    assert set(status["pids"]) == {"up", "api", "worker", "postgres"}  # type: ignore[call-overload]
    assert instance.ask("/v1/health") == 200


def test_a_second_up_of_the_same_home_only_says_where_the_first_is(instance: Instance) -> None:
    assert instance.say("up") == f"mobigo runs already, at {instance.status['url']}"


def test_doctor_finds_nothing_to_mend(instance: Instance) -> None:
    said = instance.start("doctor").communicate(timeout=300)[0]
    mend = [line for line in said.splitlines() if line.startswith("MEND")]
    assert not [line for line in mend if "browser files" not in line]  # they need npm, and pages do without


@pytest.mark.parametrize("name", ["api", "worker", "postgres"])
def test_what_is_killed_comes_back(name: str, instance: Instance) -> None:
    killed = instance.pid(name)
    assert killed
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: instance.pid(name) not in {None, killed} and instance.ask("/v1/feeds") == 200)


def test_its_clock_moves_while_it_serves(instance: Instance) -> None:
    token = instance.say("token", "--role", "desk", "--hours", "2")
    assert instance.ask("/v1/me", token) == 200
    instance.say("clock", "advance", "3h")
    assert instance.ask("/v1/me", token) == 401
    instance.say("clock", "advance", "-3h")
    assert instance.ask("/v1/me", token) == 200


def test_ctrl_c_ends_everything_it_started(instance: Instance) -> None:
    pids = instance.status["pids"]
    assert isinstance(pids, dict)
    instance.process.send_signal(signal.SIGINT)
    assert instance.process.wait(120) == 0
    assert instance.status["pids"] == {}
    assert instance.status["url"] is None
    assert not [pid for pid in pids.values() if runs(pid)]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may go while one looks
        return False


def test_reset_leaves_nothing_of_ours_behind(instance: Instance) -> None:
    (instance.home / "not ours").touch()
    instance.say("reset", "--yes")
    assert [file.name for file in instance.home.iterdir()] == ["not ours"]
