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
        self._home = settings.home
        self._clock = settings.open_clock()

    def tend(self) -> None:
        """Free holds that ran out, and settle the vehicles of rides that begin soon."""
        from sqlalchemy.orm import Session

        from mobigo.ondemand import progress, upkeep

        for work in (upkeep.free_expired, progress.assign_due):
            with Session(self._engine) as session, session.begin():
                work(session, self._clock.now())

    def book_series(self) -> None:
        """Book the days of series whose time to be booked has come."""
        from sqlalchemy.orm import Session

        from mobigo.accounts.key import read_key
        from mobigo.ondemand import series
        from mobigo.ondemand.service import Actor, Bookings

        now = self._clock.now()
        with Session(self._engine) as session:
            if not series.is_anything_due(session, now):
                return
        from mobigo.journeys.network import Networks  # as heavy as the planner, and seldom needed
        from mobigo.ondemand.supply import Supplies
        from mobigo.street.drives import Drives

        network = Networks(self._home, self._clock).find_current()
        supplies = Supplies(self._engine, self._clock)
        supply = supplies.current(network.drives if network else Drives(None))
        try:
            if supply is not None:
                with Session(self._engine) as session, session.begin():
                    bookings = Bookings(session, supply, read_key(self._home), Actor("", None), now)
                    series.Recurring(bookings).book_due()
        finally:
            supplies.close()

    def note_runs(self) -> None:
        """Note the shifts that are over."""
        from sqlalchemy.orm import Session

        from mobigo.journeys.network import Networks  # as heavy as the planner, and seldom needed
        from mobigo.ondemand.noting import note_runs
        from mobigo.street.drives import Drives

        network = Networks(self._home, self._clock).find_current()
        with Session(self._engine) as session, session.begin():
            note_runs(session, network.drives if network else Drives(None), self._clock.now())

    def forget(self) -> None:
        """Forget who travelled 30 days ago."""
        from sqlalchemy.orm import Session

        from mobigo.ondemand import upkeep

        with Session(self._engine) as session, session.begin():
            upkeep.forget(session, self._clock.now())

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.cli.context import open_noting

        return open_noting(self._url, self._home)
