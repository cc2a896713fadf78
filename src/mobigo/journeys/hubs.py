"""Stops that are worth being driven to: those with the most vehicles, spread over the land."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.drawing import Drawings
from mobigo.journeys.model import Mode
from mobigo.journeys.modes import mode_of
from mobigo.kit.geo import Point, arc_metres, haversine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.transit.timetable import Timetable

RAIL_WEIGHT = 8
"""So many departures of buses make a stop as important as one of a train."""

DETOUR, ASIDE = 1.3, 5_000.0
"""How much longer than straight a way by a stop may be, and the metres that it may be longer in any case."""

CELL = 0.04
"""Degrees of latitude, about 4.4 km: one stop of such a field is looked at."""


def weigh_stops(timetable: Timetable) -> NDArray[np.float64]:
    """Return how many vehicles leave from the station of each stop, trains counting more; 0: none."""
    trip = np.repeat(np.arange(len(timetable.trip_route)), np.diff(timetable.call_first))
    types, which = np.unique(timetable.route_type, return_inverse=True)
    rail = np.array([mode_of(int(kind)) is Mode.RAIL for kind in types], np.bool_)
    of_route = np.append(np.where(rail[which], float(RAIL_WEIGHT), 1.0), 1.0)
    of_call = of_route[timetable.trip_route[trip]]
    own = np.bincount(timetable.call_stop, of_call, len(timetable.stop_lat))
    whole = np.bincount(timetable.stop_station, own, int(timetable.stop_station.max(initial=-1)) + 1)
    return np.where(own > 0, whole[timetable.stop_station], 0.0)


class Hubs:
    """The stops of a network that are worth being driven to.

    Parameters
    ----------
    network : Network
        By its timetable; what live data add keeps its indices.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.drawings = Drawings(network.streets)
        timetable = network.timetable
        weight = weigh_stops(timetable)
        located = np.flatnonzero((weight > 0) & np.isfinite(timetable.stop_lat))
        order = located[np.argsort(-weight[located], kind="stable")]
        lon, lat = timetable.stop_lon[order], timetable.stop_lat[order]
        cells = np.stack([np.round(lat / CELL), np.round(lon * np.cos(np.radians(lat)) / CELL)], axis=1)
        _, first = np.unique(cells, axis=0, return_index=True)
        self._stops = order[np.sort(first)].astype(np.int32)
        """int32[n], the most important first."""
        self._at = np.radians(np.stack([timetable.stop_lat[self._stops], timetable.stop_lon[self._stops]]))

    @property
    def version(self) -> str:
        """Of the network."""
        return self._network.manifest.version

    def on_the_way(self, point: Point, other: Point, metres: tuple[float, float], most: int) -> list[int]:
        """List the most important stops near a place that are on the way to (from) another one.

        Parameters
        ----------
        metres : pair of float
            Bounds on the distance from the first place, straight.
        """
        away, beyond = self._measure(point), self._measure(other)
        direct = self.fly(point, other)
        wanted = (away >= metres[0]) & (away <= metres[1]) & (away + beyond <= DETOUR * direct + ASIDE)
        found: list[int] = self._stops[wanted][:most].tolist()
        return found

    def _measure(self, point: Point) -> NDArray[np.float64]:
        """Return the metres from a place to each of the stops, straight."""
        lat, lon = np.radians([point.lat]), np.radians([point.lon])
        found = arc_metres(np.broadcast_to(lat, self._at[0].shape), np.broadcast_to(lon, self._at[1].shape), *self._at)
        return np.asarray(found)

    def fly(self, a: Point, b: Point) -> float:
        """Return the metres between two places, straight."""
        return float(haversine(a, b))

    def point_of(self, stop: int) -> Point:
        """Return where a stop is."""
        timetable = self._network.timetable
        return Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))

    def ways(self, stop: int, *, backward: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the stops that one walks to from a stop (from which one walks to it), and the seconds; itself too."""
        walks = self._network.footpaths
        first, target, seconds = (
            (walks.back_first, walks.back, walks.back_seconds)
            if backward
            else (walks.first, walks.target, walks.seconds)
        )
        rows = slice(int(first[stop]), int(first[stop + 1]))
        others = target[rows] != stop
        return (
            np.append(target[rows][others], stop).astype(np.int32),
            np.append(seconds[rows][others], 0).astype(np.int32),
        )
