"""What the worker does with other operators of carpooling: they are told what they are to be told, without waiting."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from mobigo.carpool import elsewhere, standard
from mobigo.carpool.standard_client import send_due
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.messages.rounds import keep

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import psycopg

    from mobigo.settings import Settings

GRACE = 4.0
"""Seconds that what is being told gets when the worker is asked to stop."""


@contextmanager
def tell_operators(url: str, settings: Settings) -> Iterator[None]:
    """Tell other operators meanwhile, in a thread of its own: it waits for no job."""
    engine = open_engine(url, pool_size=1)
    base = f"https://{settings.operator}/"

    def tell(connection: psycopg.Connection, now: datetime) -> None:
        with Session(engine) as session, session.begin():
            standard.note_changes(session, now)
            standard.note_events(session, base, now)
            elsewhere.tell_refused(session, now)
        send_due(connection, settings.operator, now, settings.allow_hosts)

    try:
        with keep(libpq_conninfo(url), settings.open_clock(), {"operators": tell}, grace=GRACE):
            yield
    finally:
        engine.dispose()
