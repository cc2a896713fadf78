"""What the worker does for people of carpool: who waits gets a car or a taxi, and what was said is forgotten."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Waiting
    from mobigo.settings import Settings

log = structlog.get_logger()


class CarpoolPeople:
    """Keeps promises to those who wait, and forgets; keeps its connections.

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

    def wait(self) -> None:
        """Tell drivers who waits on their way, order taxis that were promised, and let go who has surely gone."""
        from sqlalchemy.orm import Session

        from mobigo.carpool import waiting

        self._each(waiting.keep_promise)
        self._each(waiting.give_up)
        with Session(self._engine) as session, session.begin():
            waiting.tell_drivers(session, self._clock.now())

    def _each(self, work: Callable[[Session, datetime], Waiting | None]) -> None:
        """Do something for one after the other, each in a transaction of its own, until nobody is left."""
        from sqlalchemy.orm import Session

        while True:
            with Session(self._engine) as session, session.begin():
                done = work(session, self._clock.now())
            if done is None:
                return
            log.info("waiting ended", waiting=done.id, line=done.line, state=done.state.value)

    def forget(self) -> None:
        """Forget what people said long ago, who travelled with other operators, and who has not come for years."""
        from sqlalchemy.orm import Session

        from mobigo.carpool import records, standard, talk

        for work in (talk.forget, standard.forget, records.forget_idle):
            with Session(self._engine) as session, session.begin():
                work(session, self._clock.now())

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.cli.context import open_noting

        return open_noting(self._url, self._home)
