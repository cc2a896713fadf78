"""What the worker does every few seconds: booked rides are kept when trains or vehicles are late."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Networks
    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.fleet import Fleet
    from mobigo.settings import Settings

OLDEST = timedelta(days=1)
"""Runs that ended longer ago are not read."""


class Keeper:
    """Looks after booked rides; keeps what it has read.

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
        self._catalogue: Catalogue | None = None
        self._fleet: Fleet | None = None

    def run(self) -> None:
        """Look at what is booked around now, and repair what does not hold."""
        from mobigo.cli.context import open_noting

        engine = open_noting(self._url, self._home)
        try:
            self._look(engine, self._clock.now())
        finally:
            engine.dispose()

    def _look(self, engine: Engine, now: datetime) -> None:
        from sqlalchemy.orm import Session

        from mobigo.db.session import driver
        from mobigo.ondemand import keeping
        from mobigo.ondemand.catalogue import find_revision, read_catalogue
        from mobigo.ondemand.fleet_store import read_fleet

        with Session(engine) as session:
            if not keeping.is_anything_to_keep(session, now):
                return
            connection = driver(session)
            if self._catalogue is None or self._catalogue.revision != find_revision(connection):
                self._catalogue = read_catalogue(connection, self._catalogue)
            self._fleet = read_fleet(connection, self._fleet, oldest=int((now - OLDEST).timestamp()))
        from mobigo.journeys.repair import Repair  # as heavy as the planner, and seldom needed
        from mobigo.ondemand import lateness
        from mobigo.ondemand.availability_api import STRAIGHT
        from mobigo.ondemand.supply import Supply

        network = self._networks.find_current()
        supply = Supply(self._catalogue, self._fleet, network.drives if network else STRAIGHT)
        lateness.look_after(engine, supply, now)
        if network is not None:
            Repair(engine, network, supply, now).run()

    @cached_property
    def _networks(self) -> Networks:
        from mobigo.journeys.network import Networks

        return Networks(self._home, self._clock)
