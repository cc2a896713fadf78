"""What runs again and again, by the one clock: a sandbox that skips a night has its nightly jobs done.

The queue remembers, per task, for which moment it was last queued, so any number of workers queue it once. A task met
for the first time only gets this mark: what was due before anybody ran is not made up for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Sequence

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUEUE = "default"
"""Where jobs wait that may take their time."""
PROMPT = "prompt"
"""Where jobs wait that people wait for: none of them takes long, and none waits for the others."""
LIVE = "live"
"""Where it waits that others are asked what is going on now: building a network must not hold that up."""
LONG = "long"
"""Where jobs wait that take minutes: nothing else waits for them."""


@dataclass(frozen=True)
class Periodic:
    """A task without arguments that runs every so often."""

    task: str
    every: timedelta
    offset: timedelta = timedelta(0)
    """From midnight UTC (or from the epoch, for periods that do not divide a day)."""
    at_once: bool = False
    """Queue it also when it is met for the first time, and when the clock was put back."""
    queue: str = QUEUE

    def last_due(self, now: datetime) -> datetime:
        """Return the last moment at which it should have been queued."""
        return EPOCH + self.offset + (now - EPOCH - self.offset) // self.every * self.every


def queue_due(conninfo: str, schedule: Sequence[Periodic], now: datetime) -> list[str]:
    """Queue what has become due since it was queued last; return the names of those tasks."""
    with psycopg.connect(conninfo) as connection:
        return [one.task for one in schedule if _queue(connection, one, now)]


def _queue(connection: psycopg.Connection, one: Periodic, now: datetime) -> bool:
    due = int(one.last_due(now).timestamp())
    last = connection.execute(
        "SELECT max(defer_timestamp) FROM procrastinate_periodic_defers WHERE task_name = %s", [one.task]
    ).fetchone()
    if last is None or last[0] is None:
        connection.execute(
            "INSERT INTO procrastinate_periodic_defers (task_name, defer_timestamp) VALUES (%s, %s)"
            " ON CONFLICT DO NOTHING",
            [one.task, due - 1 if one.at_once else due],
        )
        return one.at_once and _queue(connection, one, now)
    if last[0] == due:
        return False
    if last[0] > due:  # the clock was put back: the future has not happened
        connection.execute(
            "DELETE FROM procrastinate_periodic_defers WHERE task_name = %s AND defer_timestamp > %s", [one.task, due]
        )
        return _queue(connection, one, now)
    waiting = connection.execute(
        "SELECT 1 FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'", [one.task]
    ).fetchone()
    if waiting is not None:  # nobody has worked for a while; one run makes up for all
        return False
    queued = connection.execute(
        "SELECT procrastinate_defer_periodic_job_v2(%s, NULL, %s, %s, 0, '', %s, '{}')",
        [one.queue, one.task, one.task, due],
    ).fetchone()
    return queued is not None and queued[0] is not None
