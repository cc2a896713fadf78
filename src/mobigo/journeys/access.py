"""From a door to the stops around it, on foot along the streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.model import End
from mobigo.kit.errors import NotFound
from mobigo.kit.geo import Point, parse_point
from mobigo.street.graph import Profile
from mobigo.street.routing import between, reach, snap, stop_seconds
from mobigo.transit.footpaths import WALKING_SPEED, meant_by
from mobigo.transit.timetable import arc_metres

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.street.routing import Path, Reach, Snap

CROW_DETOUR = 1.4
"""Where no streets are loaded: how much longer a walk is than the straight line."""


OFF_STREET = 100.0
"""Metres from the nearest street beyond which a place counts as lying where no streets are mapped."""

OFF_STREET_WALK = 1000.0
"""Metres, straight: how far one is taken to walk over such ground."""


@dataclass(frozen=True)
class Access:
    """The stops that one end reaches on foot (or is reached from)."""

    end: End
    stops: NDArray[np.int32]
    seconds: NDArray[np.int32]
    place: Snap | None
    """Where the end meets the streets; None without streets, or far from any."""
    reach: Reach | None
    """The search behind it, for the way to each stop."""

    @property
    def located(self) -> bool:
        """Whether the end lies in the area of the network at all."""
        return self.place is not None or bool(len(self.stops))


def find_end(network: Network, text: str) -> End:
    """Read ``LAT,LON`` or a stop id.

    Raises
    ------
    NotFound
        When it is neither a point nor a stop of the network.
    """
    index = network.stop_index.get(text)
    if index is not None:
        timetable = network.timetable
        members = meant_by(timetable, index).tolist()
        located = [stop for stop in [index, *members] if np.isfinite(timetable.stop_lat[stop])]
        at = located[0] if located else index
        point = Point(float(timetable.stop_lon[at]), float(timetable.stop_lat[at]))
        return End(timetable.stop_names.at(index), point, tuple(members))
    if "," not in text:
        raise NotFound(
            f"no stop {text!r} in network {network.manifest.version}; give LAT,LON or an id from /v1/stops",
            code="unknown_stop",
        )
    point = parse_point(text)
    return End(f"{point.lat:.5f}, {point.lon:.5f}", point)


def find_access(network: Network, end: End, longest: int, *, backward: bool) -> Access:
    """Find the stops within a walk of an end; the stops of the end itself are 0 seconds away.

    Parameters
    ----------
    longest : int
        Seconds, longest walk.
    backward : bool
        True for walks to the end, False for walks from it.
    """
    place, found, seconds = None, None, np.full(len(network.timetable.stop_lat), -1, np.int32)
    if network.streets is not None and network.stop_snaps is not None:
        place = snap(network.streets, [end.point], Profile.FOOT).one(0)
        if place is not None:
            found = reach(network.streets, place, Profile.FOOT, longest, backward=backward)
            seconds = stop_seconds(found, network.stop_snaps)
            off = (network.stop_snaps.metres > OFF_STREET) | (place.metres > OFF_STREET)
            seconds = _across(network, end.point, longest, off, seconds)
    else:
        seconds = _crow_seconds(network, end.point, longest)
    if end.stops:
        seconds[list(end.stops)] = 0
    stops = np.flatnonzero(seconds >= 0).astype(np.int32)
    return Access(end, stops, seconds[stops], place, found)


def _across(
    network: Network, point: Point, longest: int, off: NDArray[np.bool_], seconds: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Go straight where the map has no streets: to stops that lie off them, or from an end that does."""
    straight = _crow_seconds(network, point, min(longest, int(OFF_STREET_WALK / WALKING_SPEED * CROW_DETOUR)))
    shorter = off & (straight >= 0) & ((seconds < 0) | (straight < seconds))
    return np.where(shorter, straight, seconds).astype(np.int32)


def find_walk(network: Network, origin: Access, destination: Access, longest: int) -> tuple[int, Path | None] | None:
    """Find the walk all the way: its seconds, and its path where there are streets; None beyond the limit."""
    if set(origin.end.stops) & set(destination.end.stops):
        return 0, None
    if network.streets is None:
        seconds = int(np.ceil(_crow_metres(origin.end.point, destination.end.point) * CROW_DETOUR / WALKING_SPEED))
        return (seconds, None) if seconds <= longest else None
    if origin.place is None or destination.place is None:
        return None
    straight = _crow_metres(origin.end.point, destination.end.point) / WALKING_SPEED
    if straight > longest:
        return None
    found = between(network.streets, origin.place, destination.place, Profile.FOOT, limit_seconds=longest)
    return (int(np.ceil(found.seconds)), found) if found and found.seconds <= longest else None


def _crow_metres(a: Point, b: Point) -> float:
    lat, lon = np.radians([a.lat, b.lat]), np.radians([a.lon, b.lon])
    return float(arc_metres(lat[:1], lon[:1], lat[1:], lon[1:])[0])


def _crow_seconds(network: Network, point: Point, longest: int) -> NDArray[np.int32]:
    """Seconds to every stop along straight lines, lengthened; -1 beyond the limit."""
    lat, lon = np.radians(network.timetable.stop_lat), np.radians(network.timetable.stop_lon)
    here_lat, here_lon = np.full(lat.shape, np.radians(point.lat)), np.full(lon.shape, np.radians(point.lon))
    seconds = arc_metres(here_lat, here_lon, lat, lon) * CROW_DETOUR / WALKING_SPEED
    with np.errstate(invalid="ignore"):
        return np.where(seconds <= longest, np.ceil(seconds), -1).astype(np.int32)
