"""The instance of a home: which processes of `up` run, and where they answer.

``<home>/run/lock`` is held by `up` for as long as it lives, so that nobody has to guess whether a number in a file
still belongs to it; ``<home>/run/up.json`` says the rest.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from mobigo.kit.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOP_PATIENCE = 60.0
"""Seconds that `up` gets to stop everything."""


@dataclass
class Instance:
    """What `up` tells others about itself."""

    pids: dict[str, int] = field(default_factory=dict)
    """By name: up, api, worker."""
    url: str | None = None
    """Where it answers; None until it does."""


def write_instance(home: Path, instance: Instance) -> None:
    """Tell others."""
    new = home / f"run/up.{os.getpid()}"
    new.write_text(json.dumps(asdict(instance)))
    new.replace(home / "run/up.json")


def find_instance(home: Path) -> Instance | None:
    """Return the running instance of a home, or None."""
    try:
        with (home / "run/lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return Instance(**json.loads((home / "run/up.json").read_text()))
        except FileNotFoundError:
            return Instance()
    except FileNotFoundError:
        return None
    return None


def find_network_version(home: Path) -> str | None:
    """Return the version of the network that serves, as the planner's folder names it, without loading the planner."""
    try:
        return (home / "networks/current").read_text().strip()
    except FileNotFoundError:
        return None


@contextmanager
def only_instance(home: Path) -> Iterator[None]:
    """Be the one instance of a home, or raise Conflict."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run/lock").open("a") as lock:
        for _ in range(20):  # somebody may just be looking whether it is held
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
        else:
            running = find_instance(home)
            where = running.url if running and running.url else "an address it will print when it has loaded"
            raise Conflict(f"mobigo runs already in {home}, at {where}; `./mobigo down` stops it")
        (home / "run/up.json").unlink(missing_ok=True)
        yield
        (home / "run/up.json").unlink(missing_ok=True)


def stop_instance(home: Path) -> bool:
    """Stop the running instance of a home and wait until it has; tell whether there was one."""
    running = find_instance(home)
    if running is None:
        return False
    end = time.monotonic() + STOP_PATIENCE
    asked = None
    while running is not None:
        pid = running.pids.get("up")
        if pid is not None and pid != asked:
            os.kill(pid, signal.SIGTERM)
            asked = pid
        if time.monotonic() > end:
            raise Unavailable(f"mobigo in {home} (process {pid}) does not stop; end it with: kill -9 {pid}")
        time.sleep(0.05)
        running = find_instance(home)
    return True
