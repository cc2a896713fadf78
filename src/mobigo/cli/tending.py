"""What the worker does for bookings: every few seconds, and at night."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from mobigo.settings import Settings


class Tending:
    """Frees holds that ran out, settles vehicles and forgets people; keeps its connections.

    Parameters
    ----------
    url : str
        Address of the database.
    settings : Settings
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._clock = settings.open_clock()

    def tend(self) -> None:
        """Free holds that ran out, and settle the vehicles of rides that begin soon."""
        from sqlalchemy.orm import Session

        from mobigo.ondemand import progress, upkeep

        for work in (upkeep.free_expired, progress.assign_due):
            with Session(self._engine) as session, session.begin():
                work(session, self._clock.now())

    def forget(self) -> None:
        """Forget who travelled 30 days ago."""
        from sqlalchemy.orm import Session

        from mobigo.ondemand import upkeep

        with Session(self._engine) as session, session.begin():
            upkeep.forget(session, self._clock.now())

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.db.engine import open_engine

        return open_engine(self._url, pool_size=1)
