"""The cars one can ride in now, for whoever plans: bound to the network that serves."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from mobigo.carpool.match import warm
from mobigo.journeys.hubs import Hubs
from mobigo.journeys.liftleg import Lift
from mobigo.kernels import one_compiles

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.carpool.supply import Cars
    from mobigo.journeys.network import Network


class Lifts:
    """Hands out the cars of an instant.

    Parameters
    ----------
    cars : Cars
    key : bytes
        Of the home, to sign quotes with.
    """

    def __init__(self, cars: Cars, key: bytes) -> None:
        self._cars = cars
        self._key = key
        self._lock = Lock()
        self._hubs: Hubs | None = None
        self._loaded = False

    def at(self, network: Network, now: datetime) -> Lift | None:
        """Return the cars of an instant on a network; None where there are none, or none are known."""
        garage = self._cars.current(network.drives)
        if garage is None or not len(garage):
            return None
        with self._lock:
            if not self._loaded:
                with one_compiles("matching"):
                    warm()  # what is compiled is loaded before anybody's time runs
                self._loaded = True
            hubs = self._hubs
            if hubs is None or hubs.version != network.manifest.version:
                self._hubs = hubs = Hubs(network.as_planned)
        return Lift(garage, hubs, self._key, int(now.timestamp()))
