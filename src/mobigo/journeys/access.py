"""From a door to the stops around it: on foot, by bicycle, by car; and from door to door without public transport."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mobigo.journeys.model import Access as How
from mobigo.journeys.model import End, Mode
from mobigo.journeys.rentals import Rental, find_shared_bicycles, find_shared_vehicles
from mobigo.journeys.streetlegs import describe_parts, describe_way, door_place, stop_place
from mobigo.journeys.wheels import Parked, find_drive, find_park, find_ride, find_taxi
from mobigo.kit.errors import NotFound
from mobigo.kit.geo import Point, arc_metres, parse_point
from mobigo.street.graph import Profile
from mobigo.street.routing import PATIENCE, between, path, reach, snap, stop_seconds
from mobigo.transit.footpaths import WALKING_SPEED, meant_by
from mobigo.transit.pathways import enter, find_course

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mobigo.journeys.model import JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.streetlegs import Part
    from mobigo.journeys.taxis import Hire
    from mobigo.street.routing import Path, Reach, Snap, Snaps

CROW_DETOUR = 1.4
"""Where no streets are loaded: how much longer a way is than the straight line."""

DIRECT_WALK = 3600
"""Seconds: how long a walk all the way is offered when no vehicle serves."""

DIRECT_RIDE = 2 * 3600
"""Seconds: how long a ride all the way on one's own bicycle is offered."""

OFF_STREET = 100.0
"""Metres from the nearest street beyond which a place counts as lying where no streets are mapped."""

OFF_STREET_WALK = 1000.0
"""Metres, straight: how far one is taken to walk over such ground."""


class Told(Protocol):
    """What describes the way between an end and a stop."""

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the way to (or from) a stop, departing at an instant (seconds since 1970 UTC)."""


class Way(Told, Protocol):
    """One manner of going between an end and the stops around it."""

    @property
    def seconds(self) -> NDArray[np.int32]:
        """int32[n_stops], from door to stop (or back); -1 where out of reach."""

    @property
    def walk_seconds(self) -> NDArray[np.int32]:
        """int32[n_stops], how much of it is on foot."""


@dataclass(frozen=True)
class Access:
    """The stops that one end reaches (or is reached from), how soon, and how."""

    end: End
    stops: NDArray[np.int32]
    """int32[n], stop indices, ascending."""
    seconds: NDArray[np.int32]
    """int32[n], from door to stop (or back)."""
    walk_seconds: NDArray[np.int32]
    """int32[n], how much of it is on foot."""
    ways: tuple[Told, ...]
    chosen: NDArray[np.int8]
    """int8[n], index into `ways`: the quickest."""
    place: Snap | None
    """Where the end meets the streets on foot; None without streets, or far from any."""
    foot: Profile
    """How the traveller walks, or rolls."""

    @property
    def located(self) -> bool:
        """Whether the end lies in the area of the network at all."""
        return self.place is not None or bool(len(self.stops))

    def car_park(self, stop: int) -> str | None:
        """Return the id of the car park where the car stands for a stop; None when none is left on the way."""
        way = self.ways[int(self.chosen[np.searchsorted(self.stops, stop)])]
        return way.car_park(stop) if isinstance(way, Parked) else None

    def is_open(self, stop: int, at: int, network: Network) -> bool:
        """Tell whether a way that starts at an instant can be gone then: vehicles are rented in opening hours."""
        if not any(isinstance(way, Rental) for way in self.ways):
            return True
        way = self.ways[int(self.chosen[np.searchsorted(self.stops, stop)])]
        return not isinstance(way, Rental) or way.is_open(stop, at, network)

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the way between the end and a stop.

        Parameters
        ----------
        stop : int
            One of `stops`.
        at : int
            Seconds since 1970 UTC: the departure, from the door or from the stop.
        """
        way = self.ways[int(self.chosen[np.searchsorted(self.stops, stop)])]
        return way.legs(stop, at, network)


@dataclass(frozen=True)
class Walked:
    """The stops within a walk."""

    end: End
    backward: bool
    found: Reach | None
    """The search behind it; None without streets."""
    stops: Snaps | None
    """Where stops meet the streets."""
    seconds: NDArray[np.int32]
    """int32[n_stops], -1 where out of reach."""
    doors: NDArray[np.int32]
    """int32[n_stops], the entrance of the station for a stop inside one, -1 for others."""
    wheels: bool = False
    """Whether the traveller rolls."""
    _paths: dict[int, tuple[Part, ...]] = field(default_factory=dict)
    """Found so far, by stop: the journeys of one answer share most of them."""

    @property
    def walk_seconds(self) -> NDArray[np.int32]:
        """All of it."""
        return self.seconds

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the walk."""
        if stop not in self._paths:
            self._paths[stop] = self._find_parts(stop, network)
        ends = door_place(self.end), stop_place(network, stop)
        if self.backward:
            ends = ends[1], ends[0]
        times = at, at + int(self.seconds[stop])
        return [describe_parts(network, ends, times, self._paths[stop])]

    def _find_parts(self, stop: int, network: Network) -> tuple[Part, ...]:
        """Find the streets, and the pathways between the entrance and the stop, in the order they are gone."""
        door = int(self.doors[stop])
        if door < 0 or network.inside is None:
            return self._find_path(stop)
        ends = (stop, door) if self.backward else (door, stop)
        course = find_course(network.inside, *ends, wheels=self.wheels)
        parts = (*self._find_path(door), *((course,) if course else ()))
        return parts[::-1] if self.backward else parts

    def _find_path(self, stop: int) -> tuple[Path, ...]:
        """Find the streets; nothing where the walk goes straight over unmapped ground."""
        target = self.stops.one(stop) if self.stops is not None else None
        way = path(self.found, target) if self.found is not None and target is not None else None
        most = self.found.limit if self.doors[stop] >= 0 and self.found else self.seconds[stop]
        return (way,) if way is not None and way.seconds <= max(most, self.seconds[stop]) + 1 else ()


@dataclass(frozen=True)
class Direct:
    """A way from door to door without public transport."""

    mode: Mode
    seconds: int
    ends: tuple[End, End]
    way: Path | None
    """None where there are no streets, or both ends are the same place."""
    hire: Hire | None = None
    """The taxi, where it is one."""

    @property
    def on_foot(self) -> int:
        """Seconds of it that one walks."""
        return self.seconds if self.mode is Mode.WALK else 0

    def legs(self, at: int, network: Network) -> list[Leg]:
        """Describe it, leaving at an instant (seconds since 1970 UTC)."""
        ends = door_place(self.ends[0]), door_place(self.ends[1])
        leg = describe_way(network, self.mode, ends, (at, at + self.seconds), self.way)
        return [leg if self.hire is None else self.hire.tell(leg)]


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

    Where several ways lead to a stop, the quickest counts; ask for one at a time to compare them.

    Parameters
    ----------
    backward : bool
        True for ways to the end, False for ways from it.
    """
    foot = Profile.WHEELCHAIR if request.wheelchair else Profile.FOOT
    place = snap(network.streets, [end.point], foot).one(0) if network.streets is not None else None
    asked = request.egress if backward else request.access
    if request.bicycle_aboard and How.BICYCLE not in asked:
        asked = (*asked, How.BICYCLE)
    ways: list[Way] = [find_walks(network, end, request, place, backward=backward)] if How.WALK in asked else []
    found = [FINDERS[how](network, end, request, backward=backward) for how in asked if how in FINDERS]
    ways += [way for way in found if way is not None]
    for how in asked:
        ways += RENTERS[how](network, end, request, backward=backward) if how in RENTERS else []
    if end.stops and How.WALK not in asked:
        ways.append(_stay(network, end, backward=backward))
    best = np.full(len(network.timetable.stop_lat), -1, np.int32)
    chosen = np.zeros(len(best), np.int8)
    for index, way in enumerate(ways):
        better = (way.seconds >= 0) & ((best < 0) | (way.seconds < best))
        best[better], chosen[better] = way.seconds[better], index
    stops = np.flatnonzero(best >= 0).astype(np.int32)
    walked = np.zeros(len(best), np.int32)
    for index, way in enumerate(ways):
        walked = np.where(chosen == index, way.walk_seconds, walked)
    return Access(end, stops, best[stops], walked[stops].astype(np.int32), tuple(ways), chosen[stops], place, foot)


FINDERS: dict[How, Callable[..., Way | None]] = {
    How.BICYCLE: find_ride,
    How.CAR_DROP_OFF: find_drive,
    How.CAR_PARK: find_park,
    How.TAXI: find_taxi,
}
"""What finds ways on wheels; each takes the network, the end, the request, and whether it leads to the end."""

RENTERS = {How.SHARED_BICYCLE: find_shared_bicycles, How.SHARED_VEHICLE: find_shared_vehicles}
"""What finds ways on shared vehicles, one per type of them."""


def find_walks(network: Network, end: End, request: JourneyRequest, place: Snap | None, *, backward: bool) -> Walked:
    """Find the stops within a walk of an end that meets the streets at a place, or nowhere."""
    longest, speed = request.max_walk, request.walk_speed
    found, seconds = None, np.full(len(network.timetable.stop_lat), -1, np.int32)
    stops = _foot_entrances(network, request)
    if network.streets is None or stops is None:
        seconds = crow_seconds(network, end.point, longest, speed)
    elif place is not None:
        foot = Profile.WHEELCHAIR if request.wheelchair else Profile.FOOT
        found = reach(network.streets, place, foot, longest, backward=backward, speed=speed)
        seconds = stop_seconds(found, stops)
        if not request.wheelchair:
            off = (stops.metres > OFF_STREET) | (place.metres > OFF_STREET)
            seconds = _across(network, end.point, request, off, seconds)
    elif not request.wheelchair:
        seconds = _across(network, end.point, request, np.ones(len(seconds), np.bool_), seconds)
    doors = np.full(len(seconds), -1, np.int32)
    if network.inside is not None:
        pace = WALKING_SPEED / speed
        seconds, doors = enter(network.inside, seconds, backward=backward, wheels=request.wheelchair, pace=pace)
        seconds[seconds > longest] = -1
    if end.stops:
        seconds = seconds.copy()
        seconds[list(end.stops)] = 0
    return Walked(end, backward, found, stops, seconds, doors, request.wheelchair)


def _foot_entrances(network: Network, request: JourneyRequest) -> Snaps | None:
    if request.wheelchair:
        return network.entrances and network.entrances.wheelchair
    return network.stop_snaps


def _stay(network: Network, end: End, *, backward: bool) -> Walked:
    """Be at the stop already."""
    seconds = np.full(len(network.timetable.stop_lat), -1, np.int32)
    seconds[list(end.stops)] = 0
    return Walked(end, backward, None, None, seconds, np.full(len(seconds), -1, np.int32))


def _across(
    network: Network, point: Point, request: JourneyRequest, off: NDArray[np.bool_], seconds: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Go straight where the map has no streets: to stops that lie off them, or from an end that does."""
    speed = request.walk_speed
    straight = crow_seconds(network, point, min(request.max_walk, int(OFF_STREET_WALK / speed * CROW_DETOUR)), speed)
    shorter = off & (straight >= 0) & ((seconds < 0) | (straight < seconds))
    return np.where(shorter, straight, seconds).astype(np.int32)


def find_direct(network: Network, origin: Access, destination: Access, request: JourneyRequest) -> list[Direct]:
    """Find the ways from door to door without public transport that the request asks for, one per mode."""
    found = []
    if Mode.WALK in request.direct:
        found.append(_find_walk(network, origin, destination, request))
    ends = origin.end, destination.end
    if Mode.BICYCLE in request.direct:
        found.append(_find_roll(network, ends, Mode.BICYCLE, DIRECT_RIDE))
    if Mode.CAR in request.direct:
        found.append(_find_roll(network, ends, Mode.CAR, PATIENCE))
    if Mode.TAXI in request.direct:
        found.append(_find_taxi(network, ends, request))
    return [way for way in found if way is not None]


def _find_taxi(network: Network, ends: tuple[End, End], request: JourneyRequest) -> Direct | None:
    """Find the ride in a taxi all the way, waiting for it included."""
    hire = network.taxis.find(ends[0].point, wheelchair=request.wheelchair) if network.taxis is not None else None
    way = None if hire is None else _find_roll(network, ends, Mode.TAXI, PATIENCE)
    return None if hire is None or way is None else replace(way, seconds=way.seconds + hire.wait, hire=hire)


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
    found = between(network.streets, origin.place, destination.place, origin.foot, speed=speed, limit_seconds=longest)
    if found is None or found.seconds > longest:
        return None
    return Direct(Mode.WALK, int(np.ceil(found.seconds)), ends, found)


def _find_roll(network: Network, ends: tuple[End, End], mode: Mode, longest: float) -> Direct | None:
    """Find the ride or drive all the way."""
    if network.streets is None or set(ends[0].stops) & set(ends[1].stops):
        return None
    profile = Profile.BICYCLE if mode is Mode.BICYCLE else Profile.CAR
    snaps = snap(network.streets, [end.point for end in ends], profile)
    start, end = snaps.one(0), snaps.one(1)
    if start is None or end is None:
        return None
    fastest = float(network.streets.fastest[list(Profile).index(profile)])
    if _crow_metres(ends[0].point, ends[1].point) / fastest > longest:
        return None
    found = between(network.streets, start, end, profile, limit_seconds=longest)
    return Direct(mode, int(np.ceil(found.seconds)), ends, found) if found is not None else None


def _crow_metres(a: Point, b: Point) -> float:
    lat, lon = np.radians([a.lat, b.lat]), np.radians([a.lon, b.lon])
    return float(arc_metres(lat[:1], lon[:1], lat[1:], lon[1:])[0])


def crow_seconds(network: Network, point: Point, longest: int, speed: float) -> NDArray[np.int32]:
    """Seconds to every stop along straight lines, lengthened; -1 beyond the limit."""
    lat, lon = np.radians(network.timetable.stop_lat), np.radians(network.timetable.stop_lon)
    here_lat, here_lon = np.full(lat.shape, np.radians(point.lat)), np.full(lon.shape, np.radians(point.lon))
    seconds = arc_metres(here_lat, here_lon, lat, lon) * CROW_DETOUR / speed
    with np.errstate(invalid="ignore"):
        return np.where(seconds <= longest, np.ceil(seconds), -1).astype(np.int32)
