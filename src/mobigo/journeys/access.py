"""From a door to the stops around it, on foot along the streets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.model import End, Mode
from mobigo.journeys.streetlegs import describe_way, door_place, stop_place
from mobigo.kit.errors import NotFound
from mobigo.kit.geo import Point, parse_point
from mobigo.street.graph import Profile
from mobigo.street.routing import between, path, reach, snap, stop_seconds
from mobigo.transit.footpaths import meant_by
from mobigo.transit.timetable import arc_metres

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.model import JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.street.routing import Path, Reach, Snap

CROW_DETOUR = 1.4
"""Where no streets are loaded: how much longer a walk is than the straight line."""

DIRECT_WALK = 3600
"""Seconds: how long a walk all the way is offered when no vehicle serves."""

OFF_STREET = 100.0
"""Metres from the nearest street beyond which a place counts as lying where no streets are mapped."""

OFF_STREET_WALK = 1000.0
"""Metres, straight: how far one is taken to walk over such ground."""


@dataclass(frozen=True)
class Access:
    """The stops that one end reaches (or is reached from), how soon, and how."""

    end: End
    backward: bool
    """True for ways from stops to the end, False for ways from the end."""
    stops: NDArray[np.int32]
    """int32[n], stop indices, ascending."""
    seconds: NDArray[np.int32]
    """int32[n], from door to stop (or back)."""
    walk_seconds: NDArray[np.int32]
    """int32[n], how much of it is on foot."""
    place: Snap | None
    """Where the end meets the streets; None without streets, or far from any."""
    reach: Reach | None
    """The search behind it, for the way to each stop."""
    _ways: dict[int, Path | None] = field(default_factory=dict)
    """Ways found so far, by stop: the journeys of one answer share most of them."""

    @property
    def located(self) -> bool:
        """Whether the end lies in the area of the network at all."""
        return self.place is not None or bool(len(self.stops))

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the way between the end and a stop.

        Parameters
        ----------
        stop : int
            One of `stops`.
        at : int
            Seconds since 1970 UTC: the departure, from the door or from the stop.
        """
        seconds = int(self.seconds[np.searchsorted(self.stops, stop)])
        if stop not in self._ways:
            self._ways[stop] = self._find_way(stop, seconds, network)
        ends = door_place(self.end), stop_place(network, stop)
        if self.backward:
            ends = ends[1], ends[0]
        return [describe_way(network, Mode.WALK, ends, (at, at + seconds), self._ways[stop])]

    def _find_way(self, stop: int, seconds: int, network: Network) -> Path | None:
        """Find the streets; None where the walk goes straight over unmapped ground."""
        place = network.stop_snaps.one(stop) if network.stop_snaps is not None else None
        way = path(self.reach, place) if self.reach is not None and place is not None else None
        return way if way is not None and way.seconds <= seconds + 1 else None


@dataclass(frozen=True)
class Direct:
    """A way from door to door without public transport."""

    mode: Mode
    seconds: int
    ends: tuple[End, End]
    way: Path | None
    """None where there are no streets, or both ends are the same place."""

    def legs(self, at: int, network: Network) -> list[Leg]:
        """Describe it, leaving at an instant (seconds since 1970 UTC)."""
        ends = door_place(self.ends[0]), door_place(self.ends[1])
        return [describe_way(network, self.mode, ends, (at, at + self.seconds), self.way)]


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


def find_access(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Access:
    """Find the stops that an end reaches as the request allows; the stops of the end itself are 0 seconds away.

    Parameters
    ----------
    backward : bool
        True for ways to the end, False for ways from it.
    """
    longest, speed = request.max_walk, request.walk_speed
    place, found, seconds = None, None, np.full(len(network.timetable.stop_lat), -1, np.int32)
    if network.streets is not None and network.stop_snaps is not None:
        place = snap(network.streets, [end.point], Profile.FOOT).one(0)
        if place is not None:
            found = reach(network.streets, place, Profile.FOOT, longest, backward=backward, speed=speed)
            seconds = stop_seconds(found, network.stop_snaps)
            off = (network.stop_snaps.metres > OFF_STREET) | (place.metres > OFF_STREET)
            seconds = _across(network, end.point, request, off, seconds)
    else:
        seconds = _crow_seconds(network, end.point, longest, speed)
    if end.stops:
        seconds[list(end.stops)] = 0
    stops = np.flatnonzero(seconds >= 0).astype(np.int32)
    return Access(end, backward, stops, seconds[stops], seconds[stops], place, found)


def _across(
    network: Network, point: Point, request: JourneyRequest, off: NDArray[np.bool_], seconds: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Go straight where the map has no streets: to stops that lie off them, or from an end that does."""
    speed = request.walk_speed
    straight = _crow_seconds(network, point, min(request.max_walk, int(OFF_STREET_WALK / speed * CROW_DETOUR)), speed)
    shorter = off & (straight >= 0) & ((seconds < 0) | (straight < seconds))
    return np.where(shorter, straight, seconds).astype(np.int32)


def find_direct(network: Network, origin: Access, destination: Access, request: JourneyRequest) -> list[Direct]:
    """Find the ways from door to door without public transport that the request asks for, one per mode."""
    walk = _find_walk(network, origin, destination, request) if Mode.WALK in request.direct else None
    return [walk] if walk is not None else []


def _find_walk(network: Network, origin: Access, destination: Access, request: JourneyRequest) -> Direct | None:
    """Find the walk all the way; None beyond what one is taken to walk."""
    ends, speed = (origin.end, destination.end), request.walk_speed
    longest = max(request.max_walk, DIRECT_WALK)
    if set(origin.end.stops) & set(destination.end.stops):
        return Direct(Mode.WALK, 0, ends, None)
    straight = _crow_metres(origin.end.point, destination.end.point) / speed
    if network.streets is None:
        seconds = int(np.ceil(straight * CROW_DETOUR))
        return Direct(Mode.WALK, seconds, ends, None) if seconds <= longest else None
    if origin.place is None or destination.place is None or straight > longest:
        return None
    found = between(network.streets, origin.place, destination.place, Profile.FOOT, speed=speed, limit_seconds=longest)
    if found is None or found.seconds > longest:
        return None
    return Direct(Mode.WALK, int(np.ceil(found.seconds)), ends, found)


def _crow_metres(a: Point, b: Point) -> float:
    lat, lon = np.radians([a.lat, b.lat]), np.radians([a.lon, b.lon])
    return float(arc_metres(lat[:1], lon[:1], lat[1:], lon[1:])[0])


def _crow_seconds(network: Network, point: Point, longest: int, speed: float) -> NDArray[np.int32]:
    """Seconds to every stop along straight lines, lengthened; -1 beyond the limit."""
    lat, lon = np.radians(network.timetable.stop_lat), np.radians(network.timetable.stop_lon)
    here_lat, here_lon = np.full(lat.shape, np.radians(point.lat)), np.full(lon.shape, np.radians(point.lon))
    seconds = arc_metres(here_lat, here_lon, lat, lon) * CROW_DETOUR / speed
    with np.errstate(invalid="ignore"):
        return np.where(seconds <= longest, np.ceil(seconds), -1).astype(np.int32)
