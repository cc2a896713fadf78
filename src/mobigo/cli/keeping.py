"""What the worker does every few seconds: booked rides are kept when trains or vehicles are late."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Networks
    from mobigo.ondemand.supply import Supplies
    from mobigo.settings import Settings


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
        self._settings = settings
        self._clock = settings.open_clock()

    def run(self) -> None:
        """Look at what is booked around now, and repair what does not hold."""
        from sqlalchemy.orm import Session

        from mobigo.ondemand import keeping

        now = self._clock.now()
        with Session(self._engine) as session:
            if not keeping.is_anything_to_keep(session, now):
                return
        from mobigo.journeys.repair import Repair  # as heavy as the planner, and seldom needed
        from mobigo.ondemand import lateness
        from mobigo.ondemand.availability_api import STRAIGHT

        network = self._networks.find_current()
        supply = self._supplies.current(network.drives if network else STRAIGHT)
        if supply is None:
            return
        lateness.look_after(self._engine, supply, now)
        if network is not None:
            Repair(self._engine, network, supply, now).run()

    @cached_property
    def _engine(self) -> Engine:
        from mobigo.db.engine import open_engine

        return open_engine(self._url, pool_size=2)

    @cached_property
    def _networks(self) -> Networks:
        from mobigo.journeys.network import Networks

        return Networks(self._settings.home, self._clock)

    @cached_property
    def _supplies(self) -> Supplies:
        from mobigo.ondemand.supply import Supplies

        return Supplies(self._engine, self._clock)
