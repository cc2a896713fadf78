"""What the worker does for carpool runs: days of regular ones are laid out, what nobody ended is ended."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any

    from psycopg import Connection
    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import Session

    from mobigo.journeys.network import Networks
    from mobigo.settings import Settings
    from mobigo.street.drives import Drives

log = structlog.get_logger()


class CarpoolRides:
    """Looks after runs; keeps its connections.

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

    def lay(self) -> None:
        """Lay out the days of regular runs that have come near."""
        from mobigo.carpool import regular

        self._each(regular.list_due, regular.lay_due, "carpool.lay")

    def keep(self) -> None:
        """Cancel what the driver did not answer, and close the runs that nobody ended."""
        from mobigo.carpool import keeping

        self._each(keeping.list_unanswered, keeping.give_up, "carpool.keep")
        self._each(keeping.list_unended, keeping.close, "carpool.keep")

    def forget(self) -> None:
        """Forget answers, notes and doors."""
        from sqlalchemy.orm import Session

        from mobigo.carpool import keeping

        with Session(self._engine) as session, session.begin():
            keeping.forget(session, self._clock.now())

    def _each(
        self,
        find: Callable[[Connection[Any], datetime], Sequence[str]],
        work: Callable[[Session, Drives, bytes, str, datetime], object],
        job: str,
    ) -> None:
        """Do something for one after the other, each in a transaction of its own; one that fails stops no other."""
        from sqlalchemy.orm import Session

        from mobigo.accounts.key import read_key
        from mobigo.db.session import driver

        now = self._clock.now()
        with Session(self._engine) as session:
            due = find(driver(session), now)
        for id_ in due:
            try:
                with Session(self._engine) as session, session.begin():
                    work(session, self._roads, read_key(self._home), id_, now)
            except Exception:
                log.exception("something of carpooling was not done", job=job, id=id_)

    @property
    def _roads(self) -> Drives:
        from mobigo.carpool.asking import STRAIGHT

        network = self._networks.find_current()
        return STRAIGHT if network is None else network.drives

    @cached_property
    def _networks(self) -> Networks:
        from mobigo.journeys.network import Networks  # as heavy as the planner, and seldom needed

        return Networks(self._home, self._clock)

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.cli.context import open_noting

        return open_noting(self._url, self._home)
