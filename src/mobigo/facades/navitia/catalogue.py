"""What a network holds, in Navitia's words: stop areas and stop points, lines and their routes, and who serves what.

A stop area is a station with all below it, or a stop that belongs to none. A route is a line in one direction. All of
it is worked out once for a network and kept.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.transit.timetable import STATION, last_day, service_date

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.transit.timetable import Timetable

STOP = 0
"""location_type of a place where vehicles stop."""
DIRECTIONS = 3
"""None, 0 and 1."""
MARGIN = 0.1
"""Degrees around the stops that a coverage counts as its own."""


class Way(NamedTuple):
    """A route of Navitia."""

    line: int
    """Route index."""
    direction: int
    """direction_id, -1 where the feed has none."""


class Ends(NamedTuple):
    """Where most vehicles of a route begin and end: stop indices."""

    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The objects of a network, by the indices of its timetable."""

    timetable: Timetable
    area: NDArray[np.int32]
    """int32[n_stops], stop index of the station above all, or the stop itself."""
    is_point: NDArray[np.bool_]
    """bool[n_stops], whether vehicles stop there."""
    ways: tuple[Way, ...]
    """Routes with at least one trip that can be ridden."""
    way_of: dict[Way, int]
    ends: tuple[Ends, ...]
    """Of each of `ways`."""
    trip_way: NDArray[np.int32]
    """int32[n_trips], index into `ways`, -1 for trips nobody can ride."""
    pair_way: NDArray[np.int32]
    """int32[n_pairs], index into `ways`: who stops ..."""
    pair_stop: NDArray[np.int32]
    """int32[n_pairs], ... where."""
    opens: NDArray[np.int64]
    """int64[n_lines], seconds of the service day at which the first vehicle of any day leaves; -1: there is none."""
    closes: NDArray[np.int64]
    """int64[n_lines], when the last one arrives."""

    @property
    def first_day(self) -> date:
        """First day of the timetable."""
        return service_date(int(self.timetable.first_day[0]))

    @property
    def last_day(self) -> date:
        """Last day of the timetable."""
        return service_date(last_day(self.timetable))

    def members(self, area: int) -> NDArray[np.int64]:
        """List the stop points of a stop area."""
        return np.flatnonzero((self.area == area) & self.is_point)

    def box(self) -> tuple[float, float, float, float]:
        """Return the rectangle around all stops, with a margin: west, south, east, north; nothing where none is."""
        lon, lat = self.timetable.stop_lon, self.timetable.stop_lat
        known = np.isfinite(lon) & np.isfinite(lat)
        if not known.any():
            return 0.0, 0.0, 0.0, 0.0
        west, south = float(lon[known].min()) - MARGIN, float(lat[known].min()) - MARGIN
        return west, south, float(lon[known].max()) + MARGIN, float(lat[known].max()) + MARGIN


def build(timetable: Timetable) -> Catalogue:
    """Work out the objects of a timetable."""
    n_stops = len(timetable.stop_lat)
    area = np.arange(n_stops, dtype=np.int32)
    while True:  # a boarding area lies on a platform, a platform in a station
        above = timetable.stop_parent[area]
        if (above < 0).all():
            break
        area = np.where(above >= 0, above, area).astype(np.int32)
    called = np.zeros(n_stops, np.bool_)
    called[timetable.pattern_stop] = True
    is_point = called | ((timetable.stop_type == STOP) & (timetable.stop_type != STATION))
    rides = (timetable.trip_pattern >= 0) & (timetable.trip_route >= 0)
    key = timetable.trip_route.astype(np.int64) * DIRECTIONS + timetable.trip_direction + 1
    keys = np.unique(key[rides])
    ways = tuple(Way(int(one) // DIRECTIONS, int(one) % DIRECTIONS - 1) for one in keys.tolist())
    trip_way = np.where(rides, np.searchsorted(keys, key), -1).astype(np.int32)
    pair_way, pair_stop = _list_pairs(timetable, trip_way, n_stops)
    opens, closes = _find_hours(timetable)
    return Catalogue(
        timetable,
        area,
        is_point,
        ways,
        {way: number for number, way in enumerate(ways)},
        _find_ends(timetable, trip_way, len(ways)),
        trip_way,
        pair_way,
        pair_stop,
        opens,
        closes,
    )


def _list_pairs(
    timetable: Timetable, trip_way: NDArray[np.int32], n_stops: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """List which routes stop where, each pair once."""
    trips = np.flatnonzero(trip_way >= 0)
    used = np.unique(np.stack([trip_way[trips], timetable.trip_pattern[trips]]), axis=1)
    first, last = timetable.pattern_first[used[1]], timetable.pattern_first[used[1] + 1]
    count = last - first
    rows = np.repeat(first, count) + np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    pairs = np.unique(np.repeat(used[0].astype(np.int64), count) * n_stops + timetable.pattern_stop[rows])
    return (pairs // max(1, n_stops)).astype(np.int32), (pairs % max(1, n_stops)).astype(np.int32)


def _find_ends(timetable: Timetable, trip_way: NDArray[np.int32], n_ways: int) -> tuple[Ends, ...]:
    """Find where most vehicles of each route begin and end."""
    trips = np.flatnonzero(trip_way >= 0)
    rows = timetable.call_first[trips], timetable.call_first[trips + 1] - 1
    found = []
    for row in rows:
        both, count = np.unique(np.stack([trip_way[trips], timetable.call_stop[row]]), axis=1, return_counts=True)
        most = np.zeros(n_ways, np.int64)
        order = np.argsort(count, kind="stable")
        most[both[0][order]] = both[1][order]  # the most frequent one is written last
        found.append(most.tolist())
    return tuple(Ends(*pair) for pair in zip(*found, strict=True))


def _find_hours(timetable: Timetable) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find when the first vehicle of each line leaves, and when the last one arrives, on any day."""
    n_lines = len(timetable.route_type)
    opens, closes = np.full(n_lines, 2**31, np.int64), np.full(n_lines, -1, np.int64)
    line = timetable.trip_route[timetable.run_trip]
    known = np.flatnonzero((line >= 0) & (timetable.trip_pattern[timetable.run_trip] >= 0))
    trips, shift = timetable.run_trip[known], timetable.run_shift[known]
    leaves = timetable.call_departure[timetable.call_first[trips]].astype(np.int64) + shift
    arrives = timetable.call_arrival[timetable.call_first[trips + 1] - 1].astype(np.int64) + shift
    np.minimum.at(opens, line[known], leaves)
    np.maximum.at(closes, line[known], arrives)
    opens[closes < 0] = -1
    return opens, closes


class Catalogues:
    """Hands out the catalogue of a network, worked out when it is first asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[str, Catalogue] | None = None

    def of(self, network: Network) -> Catalogue:
        """Return the catalogue of a network; it is that of its timetable, whatever live data add."""
        kept = self._kept
        if kept is not None and kept[0] == network.manifest.version:
            return kept[1]
        with self._lock:
            if self._kept is None or self._kept[0] != network.manifest.version:
                self._kept = network.manifest.version, build(network.timetable)
            return self._kept[1]
