"""What the worker does for notes of use: gathers them, and destroys what has served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from mobigo.settings import Settings


def gather_notes(url: str) -> None:
    """Move the notes that came with bookings out of their transactions."""
    import psycopg

    from mobigo.db.engine import libpq_conninfo
    from mobigo.trace.store import gather

    with psycopg.connect(libpq_conninfo(url)) as connection:
        gather(connection)


def forget_notes(url: str, settings: Settings) -> None:
    """Destroy the secrets of the days that are over, and forget the notes of days that are counted."""
    import psycopg

    from mobigo.db.engine import libpq_conninfo
    from mobigo.trace.keeping import forget
    from mobigo.trace.masks import Masks
    from mobigo.usage.store import list_counted

    now = settings.open_clock().now()
    days = Masks(settings.home).forget(now)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        counted = {one.day for one in list_counted(connection) if one.final}
        forgotten = forget(connection, dict(settings.trace_days), counted, now)
    if days or any(forgotten.values()):
        structlog.get_logger().info("forgotten", secrets=[day.isoformat() for day in days], **forgotten)
