"""What on-demand transport offers now, for whoever plans: kept per process, bound to the network that serves."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.rideleg import Hail
from mobigo.journeys.served import Served
from mobigo.kernels import one_compiles
from mobigo.kit.geo import Point
from mobigo.ondemand.dispatch import warm
from mobigo.ondemand.supply import Supplies

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Network
    from mobigo.kit.clock import Clock
    from mobigo.ondemand.supply import Supply


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
        self._loaded = False

    def at(self, network: Network, now: datetime) -> Hail | None:
        """Return what is offered on a network at an instant; None where there is no service, or none is known."""
        supply = self.supplies.current(network.drives)
        if supply is None or not supply.catalogue.services:
            return None
        with self._lock:
            served = self._served
            if served is None or served.catalogue is not supply.catalogue or served.version != network.manifest.version:
                self._served = served = Served(supply.catalogue, network.as_planned)
            if not self._loaded:
                load(supply, network)
                self._loaded = True
        return Hail(supply, served, self._key, int(now.timestamp()))


def load(supply: Supply, network: Network) -> None:
    """Ask for a drive and a ride that nobody wants: what is compiled is loaded before anybody's time runs."""
    with one_compiles("insertion"):
        warm()
    timetable = network.timetable
    located = np.flatnonzero(np.isfinite(timetable.stop_lat))[:2].tolist()
    points = [Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop])) for stop in located]
    if points:
        supply.drives.seconds(points[:1], points[-1:])
