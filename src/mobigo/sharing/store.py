"""The table of systems that are polled.

``sharing_system``: ``name, address`` (of ``gbfs.json``, or a folder), ``every`` (seconds), ``added_at, tried_at,
    fetched_at`` (when it answered last), ``next_at, failures`` (in a row), ``problem`` (of the last attempt)
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.sharing.model import System

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

COLUMNS = "name, address, every, added_at, tried_at, fetched_at, next_at, failures, problem"

LONGEST_PAUSE = 3600
"""Seconds: a system that fails again and again is still asked so often."""


def list_systems(connection: psycopg.Connection[Any]) -> list[System]:
    """List the systems by name."""
    return [System(*row) for row in connection.execute(f"SELECT {COLUMNS} FROM sharing_system ORDER BY name")]  # noqa: S608 - a constant


def add_system(connection: psycopg.Connection[Any], name: str, address: str, every: int, now: datetime) -> bool:
    """Add a system; False when the name is taken."""
    added = connection.execute(
        "INSERT INTO sharing_system (name, address, every, added_at) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [name, address, every, now],
    )
    return added.rowcount > 0


def remove_system(connection: psycopg.Connection[Any], name: str) -> bool:
    """Forget a system; False when there is none of that name."""
    return connection.execute("DELETE FROM sharing_system WHERE name = %s", [name]).rowcount > 0


def note_success(connection: psycopg.Connection[Any], system: System, now: datetime, pause: int) -> None:
    """Note that a system answered, and when it is asked again (seconds from now)."""
    connection.execute(
        "UPDATE sharing_system SET tried_at = %s, fetched_at = %s, next_at = %s, failures = 0, problem = NULL"
        " WHERE name = %s",
        [now, now, now + timedelta(seconds=max(system.every, pause)), system.name],
    )


def note_failure(connection: psycopg.Connection[Any], system: System, now: datetime, problem: str) -> None:
    """Note why a system could not be read; the pause doubles with every failure in a row."""
    pause = min(system.every * 2 ** min(system.failures, 10), LONGEST_PAUSE)
    connection.execute(
        "UPDATE sharing_system SET tried_at = %s, next_at = %s, failures = failures + 1, problem = %s WHERE name = %s",
        [now, now + timedelta(seconds=max(system.every, pause)), problem[:500], system.name],
    )
