"""What the worker does about proof: rides are settled, the national register is told, months are opened as data."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.carpool.proving_store import Proven
    from mobigo.journeys.network import Network, Networks
    from mobigo.settings import Settings

log = structlog.get_logger()

GRACE = 4.0
"""Seconds that what is being sent gets when the worker is asked to stop."""


class Prover:
    """Settles rides that are over; keeps the streets it has read.

    Parameters
    ----------
    url : str
        Address of the database.
    settings : Settings
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._settings = settings
        self._clock = settings.open_clock()

    def prove(self) -> None:
        """Settle what is over and has something to be proven, each run in a transaction of its own."""
        from sqlalchemy.orm import Session

        from mobigo.carpool import proving_store
        from mobigo.carpool.proof import OFFLINE
        from mobigo.db.session import driver

        now = self._clock.now()
        with self._open() as engine:
            with Session(engine) as session:
                due = proving_store.list_unsettled(driver(session), now, OFFLINE)
            for run in due:
                try:
                    self._settle(engine, run, now)
                except Exception:  # one run that cannot be settled must not hold up all others
                    log.exception("a carpool run was not settled", run=run)

    def forget(self) -> None:
        """Forget where phones were two months ago, and what the register was sent a month ago."""
        from sqlalchemy.orm import Session

        from mobigo.carpool import settling

        with self._open() as engine, Session(engine) as session, session.begin():
            forgotten = settling.forget(session, self._clock.now())
        log.info("forgotten", positions=forgotten)

    def open_months(self) -> None:
        """Write the open files of the months that are over."""
        from sqlalchemy.orm import Session

        from mobigo.carpool import openfile

        with self._open() as engine, Session(engine) as session, session.begin():
            opened = openfile.open_due(session, self._key, self._clock.now())
        for one in opened:
            log.info("opened", month=f"{one.month:%Y-%m}", journeys=one.journeys, published=one.published)

    def _settle(self, engine: Engine, run: str, now: datetime) -> None:
        from sqlalchemy.orm import Session

        from mobigo.carpool.settling import Settling

        settling = Settling(self._key, self._measure, self._settings.register_siret)
        with Session(engine) as session, session.begin():
            settling.settle(session, run, now)

    def _measure(self, one: Proven) -> tuple[int, int] | None:
        return measure_road(self._networks.find_current(), one)

    @cached_property
    def _networks(self) -> Networks:
        from mobigo.journeys.network import Networks  # as heavy as the planner, and seldom needed

        return Networks(self._settings.home, self._clock)

    @cached_property
    def _key(self) -> bytes:
        from mobigo.accounts.key import read_key

        return read_key(self._settings.home)

    @contextmanager
    def _open(self) -> Iterator[Engine]:
        from mobigo.db.engine import open_engine

        engine = open_engine(self._url, pool_size=1)
        try:
            yield engine
        finally:
            engine.dispose()


def measure_road(network: Network | None, one: Proven) -> tuple[int, int] | None:
    """Return the metres and seconds of the road of a journey, where streets are loaded."""
    if network is None:
        return None
    metres = int(network.drives.metres([one.origin], [one.destination])[0, 0])
    seconds = int(network.drives.seconds([one.origin], [one.destination])[0, 0])
    return (metres, seconds) if metres >= 0 and seconds >= 0 else None


def carry_register(url: str, settings: Settings) -> AbstractContextManager[None]:
    """Tell the national register meanwhile, in a thread of its own, where the settings name one."""
    return nullcontext() if settings.register_url is None else _carry(url, settings.register_url, settings)


@contextmanager
def _carry(url: str, address: str, settings: Settings) -> Iterator[None]:
    from mobigo.carpool.register_post import Register, send_due
    from mobigo.db.engine import libpq_conninfo
    from mobigo.messages.rounds import keep

    register = Register(address, settings.register_token, settings.allow_hosts)
    rounds = {"register": lambda connection, now: send_due(connection, register, now)}
    with keep(libpq_conninfo(url), settings.open_clock(), rounds, grace=GRACE):
        yield
