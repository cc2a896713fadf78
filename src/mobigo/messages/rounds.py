"""Looks again and again what is due, in threads of their own that outlive restarts of the database."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from mobigo.kit.clock import Clock

    Round = Callable[[psycopg.Connection, datetime], object]

log = structlog.get_logger()

LOOK = 1.0
"""Seconds between two rounds."""
PAUSE = 5.0
"""Seconds after something went wrong."""


@contextmanager
def keep(conninfo: str, clock: Clock, rounds: Mapping[str, Round], *, grace: float) -> Iterator[None]:
    """Run each round again and again, each in its thread with a connection of its own, until the context ends.

    Parameters
    ----------
    grace : float
        Seconds that rounds under way get at the end.
    """
    stopped = threading.Event()
    threads = [
        threading.Thread(target=_repeat, args=(conninfo, clock, one, stopped), name=name, daemon=True)
        for name, one in rounds.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join(grace)


def _repeat(conninfo: str, clock: Clock, one: Round, stopped: threading.Event) -> None:
    while not stopped.is_set():
        try:
            with psycopg.connect(conninfo, autocommit=True) as connection:
                while not stopped.wait(LOOK):
                    one(connection, clock.now())
        except psycopg.Error as error:
            log.warning("messages wait for the database", error=str(error).partition("\n")[0])
            stopped.wait(PAUSE)
        except Exception:  # one message that cannot be sent must not silence all others
            log.exception("a round of messages failed")
            stopped.wait(PAUSE)
