"""What on-demand transport offers now, for whoever plans: kept per process, bound to the network that serves."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.rideleg import Hail
from mobigo.journeys.served import Served
from mobigo.kit.geo import Point
from mobigo.ondemand.dispatch import find_place
from mobigo.ondemand.model import Ask, Party, Spot
from mobigo.ondemand.supply import Supplies

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.journeys.network import Network
    from mobigo.kit.clock import Clock
    from mobigo.ondemand.supply import Supply


HOUR = 3_600


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
                load(supply, network, int(now.timestamp()))
                self._loaded = True
        return Hail(supply, served, self._key, int(now.timestamp()))


def load(supply: Supply, network: Network, now: int) -> None:
    """Ask for a drive and a ride that nobody wants: what is compiled is loaded before anybody's time runs."""
    timetable = network.timetable
    located = np.flatnonzero(np.isfinite(timetable.stop_lat))[:2].tolist()
    points = [Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop])) for stop in located]
    if not points:
        return
    supply.drives.seconds(points[:1], points[-1:])
    vehicle = next((one for one in supply.fleet.vehicles.values() if one.active and one.services), None)
    if vehicle is not None:
        ends = Spot("", vehicle.depot), Spot("", points[-1])
        time = now, now + HOUR
        ask = Ask(vehicle.services[0], *ends, time, time, Party().load, HOUR)
        find_place(supply.fleet, ask, supply.drives, now=now)
