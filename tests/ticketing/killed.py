"""A process of the counter that kills itself for real: ``python -m tests.ticketing.killed api|worker HOME URL ...``.

It dies by SIGKILL before or after a commit or a call of the provider, at each kind of moment once for certain, as it
first comes, then by chance; the moment is written into a file just before. Nothing of the process is left then: no
handler runs, no transaction is ended, no connection closed. A process that has done nothing but import forks the next.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from sqlalchemy import event
from sqlalchemy.orm import Session
from tests.ticketing.test_crash import Shaky

from mobigo.cli.selling import Selling
from mobigo.db.engine import open_engine
from mobigo.kit.clock import Clock
from mobigo.payments.sandbox import Sandbox
from mobigo.settings import Settings
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from mobigo.ticketing.counter import Counter

CHANCE = 0.004
"""Of dying, at a moment of a kind that has struck before."""

IDLE = 0.2
"""Seconds between two rounds of the worker."""


class Deaths:
    """Ends this process where it is told to.

    Parameters
    ----------
    part : str
        Which process this is: each part dies at each kind of moment.
    file : Path
        Moments of all processes so far, a line each.
    """

    def __init__(self, part: str, file: Path) -> None:
        self._part, self._file = part, file
        self._random = random.Random(f"{part}{os.getpid()}")
        self._lock = threading.Lock()
        self._struck = set(file.read_text().split("\n")) if file.exists() else set[str]()

    def may_strike(self, where: str) -> None:
        """Die, perhaps."""
        moment = f"{self._part}: {where}"
        with self._lock:
            if moment in self._struck and self._random.random() >= CHANCE:
                return
            with self._file.open("a") as file:
                file.write(f"{moment}\n")
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # it is over before this is


def lay(deaths: Deaths, counter: Counter) -> Counter:
    """Let the process die around its commits and what its counter asks of the provider."""
    event.listen(Session, "before_commit", lambda _: deaths.may_strike("before commit"))
    event.listen(Session, "after_commit", lambda _: deaths.may_strike("after commit"))
    assert isinstance(counter.provider, Sandbox)
    return replace(counter, provider=Shaky(counter.provider, deaths))


def serve(home: Path, url: str, listener: int, deaths: Deaths) -> None:
    """Serve the application on a socket that outlives it."""
    app = create_app(engine=open_engine(url), clock=Clock(home / "clock.json"), home=home)
    app.state.counter = lay(deaths, app.state.counter)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
    server.run(sockets=[socket.socket(fileno=listener)])


def work(home: Path, url: str, deaths: Deaths) -> None:
    """Do what the worker does for orders, again and again."""
    selling = Selling(url, Settings(home, url, None, (), home))
    counter = lay(deaths, selling.counter)
    clock = Clock(home / "clock.json")
    while True:
        counter.tend(clock.now())
        time.sleep(IDLE)


def live(part: str, home: Path, url: str, rest: list[str]) -> None:
    """Be one life of a process."""
    deaths = Deaths(part, home / "deaths.txt")
    if part == "api":
        serve(home, url, int(rest[0]), deaths)
    else:
        work(home, url, deaths)


def live_again(part: str, home: Path, url: str, rest: list[str]) -> int:
    """Start one life after the other, as long as they end by SIGKILL; the next has nothing of the one before."""
    while True:
        child = os.fork()
        if not child:
            live(part, home, url, rest)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status) or os.WTERMSIG(status) != signal.SIGKILL:
            return 1


if __name__ == "__main__":
    which, folder, address, *others = sys.argv[1:]
    sys.exit(live_again(which, Path(folder), address, others))
