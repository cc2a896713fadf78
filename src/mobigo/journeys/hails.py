"""What on-demand transport offers now, for whoever plans: kept per process, bound to the network that serves."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from mobigo.journeys.rideleg import Hail
from mobigo.journeys.served import Served
from mobigo.ondemand.supply import Supplies

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Network
    from mobigo.kit.clock import Clock


class Hails:
    """Hands out what is offered at an instant.

    Parameters
    ----------
    engine : Engine
    key : bytes
        Of the home, to sign quotes with.
    clock : Clock, optional
        Of the home.
    """

    def __init__(self, engine: Engine, key: bytes, clock: Clock | None = None) -> None:
        self.supplies = Supplies(engine, clock)
        self._key = key
        self._lock = Lock()
        self._served: Served | None = None

    def at(self, network: Network, now: datetime) -> Hail | None:
        """Return what is offered on a network at an instant; None where there is no service, or none is known."""
        supply = self.supplies.current(network.drives)
        if supply is None or not supply.catalogue.services:
            return None
        with self._lock:
            served = self._served
            if served is None or served.catalogue is not supply.catalogue or served.version != network.manifest.version:
                self._served = served = Served(supply.catalogue, network.as_planned)
        return Hail(supply, served, self._key, int(now.timestamp()))
