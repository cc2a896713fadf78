"""To the stop on a shared bicycle: taken at a station that has one and left where there is room, or in the street."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from mobigo.journeys.entrances import PARK_WALK, WHEELS_METRES, Walks
from mobigo.journeys.model import Mode, Place, Realtime
from mobigo.journeys.streetlegs import describe_way, door_place, stop_place
from mobigo.journeys.wheels import change_at_best, find_walk
from mobigo.kit.geo import Point
from mobigo.sharing.model import UNLIMITED, Ends, Service, SharedBikes
from mobigo.sharing.service import find_stamp, map_current
from mobigo.street.graph import WALK_SPEED, Profile, StreetGraph
from mobigo.street.routing import (
    Snaps,
    between,
    find_seeds,
    path,
    reach,
    snap,
    spread,
    spread_seconds,
    stop_seconds,
    walks_from,
)

if TYPE_CHECKING:
    from pathlib import Path as FilePath

    from numpy.typing import NDArray

    from mobigo.journeys.model import End, JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.kit.clock import Clock
    from mobigo.street.routing import Path, Reach, Snap

TAKE_SECONDS, LEAVE_SECONDS = 60, 30
"""To unlock a shared bicycle, and to give it back."""

KNOWN_SECONDS = 3600
"""For how long what a station holds now says something about what it will hold."""

STALE = 900
"""Seconds, by the clock, after which what a system said last is no longer believed."""

MOST_VEHICLES = 100
"""Bicycles in the street that are looked at, the nearest first."""


class Sharing:
    """What systems hold now, and where their stations meet the streets of one network; found when first needed."""

    def __init__(self, bikes: SharedBikes, streets: StreetGraph, stops: Snaps, clock: Clock | None = None) -> None:
        self.bikes = bikes
        self._streets = streets
        self._stops = stops
        self._clock = clock

    def take_over(self, former: Sharing) -> None:
        """Keep what was found for stations that stayed where they were."""
        same = np.array_equal(self._points, former._points)
        for name in ("ride", "foot", "walks") if same else ():
            if name in former.__dict__:
                self.__dict__[name] = former.__dict__[name]

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        return np.stack([self.bikes.station_lon, self.bikes.station_lat], axis=1)

    @cached_property
    def ride(self) -> Snaps:
        """Where stations meet the streets of bicycles."""
        return snap(self._streets, self._points, Profile.BICYCLE, WHEELS_METRES)

    @cached_property
    def foot(self) -> Snaps:
        """Where stations meet the streets on foot."""
        return snap(self._streets, self._points, Profile.FOOT)

    @cached_property
    def walks(self) -> Walks:
        """From stations to stops."""
        return Walks(*walks_from(self._streets, self.foot, self._stops, PARK_WALK))

    @cached_property
    def _vehicle_points(self) -> NDArray[np.float64]:
        return np.stack([self.bikes.vehicle_lon, self.bikes.vehicle_lat], axis=1)

    @cached_property
    def vehicle_ride(self) -> Snaps:
        """Where bicycles in the street meet the streets they are ridden on."""
        return snap(self._streets, self._vehicle_points, Profile.BICYCLE, WHEELS_METRES)

    @cached_property
    def vehicle_foot(self) -> Snaps:
        """Where they meet the streets on foot."""
        return snap(self._streets, self._vehicle_points, Profile.FOOT)

    def may_end(self, system: int, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell at which points (float64[n, 2], lon and lat) a bicycle of a system may be left in the street."""
        allowed, told = np.ones(len(points), np.bool_), np.zeros(len(points), np.bool_)
        for zone in np.flatnonzero(self.bikes.zone_system == system).tolist():
            drawn = self.bikes.zone_shapes.at(zone)
            inside = np.ones(len(points), np.bool_)
            if drawn:
                inside = shapely.contains_xy(shapely.from_wkb(drawn), points[:, 0], points[:, 1])
            allowed[inside & ~told] = bool(self.bikes.zone_may_end[zone])
            told |= inside
        return allowed

    def has_bikes(self, request: JourneyRequest) -> NDArray[np.bool_]:
        """Tell which stations will have a bicycle to take: bool[n_stations]."""
        rents: NDArray[np.bool_] = self._serves(Service.RENTS)
        return rents & ((self.bikes.bikes > 0) | ~self.is_now(request)[self.bikes.station_system])

    def has_room(self, request: JourneyRequest) -> NDArray[np.bool_]:
        """Tell which stations will take one back: bool[n_stations]."""
        room: NDArray[np.bool_] = (self.bikes.docks > 0) | (self.bikes.docks == UNLIMITED)
        takes = self._serves(Service.TAKES_BACK)
        return takes & (room | ~self.is_now(request)[self.bikes.station_system])

    def _serves(self, service: Service) -> NDArray[np.bool_]:
        serves: NDArray[np.bool_] = self.bikes.service & service != 0
        return serves & self.is_fresh[self.bikes.station_system]

    @property
    def is_fresh(self) -> NDArray[np.bool_]:
        """Tell which systems were heard of lately: bool[n_systems]; the others are left out."""
        if self._clock is None:
            return np.ones(len(self.bikes.made_at), np.bool_)
        fresh: NDArray[np.bool_] = np.abs(self.bikes.made_at - self._clock.now().timestamp()) <= STALE
        return fresh

    def is_now(self, request: JourneyRequest) -> NDArray[np.bool_]:
        """Tell whether a journey is so soon that what a system holds now says something: bool[n_systems]."""
        near: NDArray[np.bool_] = np.abs(self.bikes.made_at - int(request.at.timestamp())) <= KNOWN_SECONDS
        return near & (request.realtime is not Realtime.OFF)


class Stations:
    """What stations hold, whenever it is asked: looked up anew at every call, whichever process polled it.

    Parameters
    ----------
    home : Path
        ``MOBIGO_HOME``.
    streets : StreetGraph
    stops : Snaps
        Where stops meet the streets on foot.
    clock : Clock, optional
        By which systems that were not heard of for `STALE` are left out; without a clock all count.
    """

    def __init__(self, home: FilePath, streets: StreetGraph, stops: Snaps, clock: Clock | None) -> None:
        self._home = home
        self._network = streets, stops, clock
        self._current: Sharing | None = None
        self._stamp = -1
        self._loading = threading.Lock()

    def current(self) -> Sharing | None:
        """Return what they hold now; None when none are polled.

        While one thread looks it up, the others go on with what was known before.
        """
        stamp = find_stamp(self._home)
        if stamp != self._stamp and self._loading.acquire(blocking=self._stamp < 0):
            try:
                if stamp != self._stamp:
                    bikes, former = map_current(self._home), self._current
                    new = bikes and Sharing(bikes, *self._network)
                    if new is not None and former is not None:
                        new.take_over(former)
                    self._current, self._stamp = new, stamp
            finally:
                self._loading.release()
        return self._current


@dataclass(frozen=True)
class Shared:
    """The stops reached over two stations: from the door to one, by bicycle to another, on foot to the stop."""

    end: End
    sharing: Sharing
    found: Reach
    """On foot, between the door and the first station (the last, when backward)."""
    near: NDArray[np.int32]
    """int32[n_stations], the station beside the door for one far from it."""
    stops: Snaps
    """Where stops meet the streets on foot."""
    door_seconds: NDArray[np.int32]
    """int32[n_stations], on foot."""
    station_seconds: NDArray[np.int32]
    """int32[n_stations], from door to having left the bicycle there (from taking it there to the door)."""
    station: NDArray[np.int32]
    """int32[n_stops], where one walks on."""
    seconds: NDArray[np.int32]
    """int32[n_stops], -1 where out of reach."""
    stop_walk: NDArray[np.int32]
    """int32[n_stops], on foot between station and stop."""
    walk_seconds: NDArray[np.int32]
    """int32[n_stops], all that is on foot."""
    known: NDArray[np.bool_]
    """bool[n_systems], whether what a system holds now says something about the journey."""
    _walks: dict[int, Path | None] = field(default_factory=dict)
    """Found so far, by stop."""
    _rides: dict[int, Path | None] = field(default_factory=dict)
    """Found so far, by the station far from the door."""

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the walk, the ride and the walk, in the order of travel."""
        far = int(self.station[stop])
        near = int(self.near[far])
        target = self.sharing.foot.one(near)
        to_door = int(self.door_seconds[near])
        ride, walk = int(self.station_seconds[far]) - to_door, int(self.stop_walk[stop])
        door, post = door_place(self.end), stop_place(network, stop)
        bikes = self.sharing.bikes
        first, last = _station_place(bikes, near), _station_place(bikes, far)
        doorstep = path(self.found, target) if target is not None else None
        way = self._find_ride(network, near, far)
        parts = [
            (Mode.WALK, (door, first), to_door, doorstep),
            (Mode.SHARED_BICYCLE, (first, last), ride, way),
            (Mode.WALK, (last, post), walk, self._find_walk(network, far, stop)),
        ]
        lending, taking = (far, near) if self.found.backward else (near, far)
        station = bikes.station_ids.at(taking)
        return _describe(network, parts, at, self._count(lending), station, backward=self.found.backward)

    def _find_ride(self, network: Network, near: int, far: int) -> Path | None:
        if far not in self._rides:
            ride = self.sharing.ride
            self._rides[far] = _draw_ride(network, ride.one(near), ride.one(far), backward=self.found.backward)
        return self._rides[far]

    def _count(self, station: int) -> int | None:
        """Return the bicycles that a station holds, where that says something."""
        count = int(self.sharing.bikes.bikes[station])
        return count if count >= 0 and self.known[self.sharing.bikes.station_system[station]] else None

    def _find_walk(self, network: Network, station: int, stop: int) -> Path | None:
        if stop not in self._walks:
            bikes = self.sharing.bikes
            point = Point(float(bikes.station_lon[station]), float(bikes.station_lat[station]))
            self._walks[stop] = find_walk(
                network, point, (self.stops, stop), Profile.FOOT, backward=self.found.backward
            )
        return self._walks[stop]


def find_shared(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Shared | None:
    """Find the stops reached on a shared bicycle from one station to another."""
    sharing, streets = _find_sharing(network), network.streets
    if sharing is None or streets is None or network.stop_snaps is None or request.wheelchair:
        return None
    place = snap(streets, [end.point], Profile.FOOT).one(0)
    if place is None or not len(sharing.bikes.station_lon):
        return None
    pace = WALK_SPEED / request.walk_speed
    found = reach(
        streets, place, Profile.FOOT, min(request.max_walk, PARK_WALK), backward=backward, speed=request.walk_speed
    )
    on_foot = stop_seconds(found, sharing.foot)
    beside, beyond = (
        (sharing.has_room(request), sharing.has_bikes(request))
        if backward
        else (sharing.has_bikes(request), sharing.has_room(request))
    )
    at_door, at_far = (LEAVE_SECONDS, TAKE_SECONDS) if backward else (TAKE_SECONDS, LEAVE_SECONDS)
    near = np.flatnonzero(beside & (on_foot >= 0) & (sharing.ride.edge >= 0)).astype(np.int32)
    if not len(near):
        return None
    seeds = _pick(sharing.ride, near)
    begin = (on_foot[near] + at_door).astype(np.float32)
    rides = spread(
        streets, seeds, begin, Profile.BICYCLE, request.max_walk + at_door + request.max_ride, backward=backward
    )
    station = spread_seconds(rides, sharing.ride)
    doors = near[find_seeds(rides, sharing.ride)]  # of stations out of reach nobody asks
    far = beyond & (station >= 0) & (doors != np.arange(len(doors)))  # not there and back
    far &= station - on_foot[doors] - at_door <= request.max_ride
    station = np.where(far, station + at_far, -1).astype(np.int32)
    n_stops = len(network.timetable.stop_lat)
    last, seconds, walk = change_at_best(station, sharing.walks, pace, request.max_walk, n_stops)
    walked = np.where(last >= 0, walk + on_foot[doors[last]], 0).astype(np.int32)
    known = sharing.is_now(request)
    return Shared(end, sharing, found, doors, network.stop_snaps, on_foot, station, last, seconds, walk, walked, known)


@dataclass(frozen=True)
class Floating:
    """The stops reached on a bicycle that stands in the street, left beside the stop."""

    end: End
    sharing: Sharing
    found: Reach
    """On foot, from the door."""
    taken: NDArray[np.int32]
    """int32[n_stops], the bicycle for each stop."""
    stops: Snaps
    """Where stops meet the streets of bicycles."""
    door_seconds: NDArray[np.int32]
    """int32[n_vehicles], on foot."""
    seconds: NDArray[np.int32]
    """int32[n_stops], -1 where out of reach."""
    walk_seconds: NDArray[np.int32]

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the walk to the bicycle and the ride."""
        target = self.stops.one(stop)
        assert target is not None
        vehicle = int(self.taken[stop])
        bikes, stands = self.sharing.bikes, self.sharing.vehicle_foot.one(vehicle)
        place = Place(
            bikes.titles.at(int(bikes.vehicle_system[vehicle])) or bikes.systems.at(int(bikes.vehicle_system[vehicle])),
            float(bikes.vehicle_lat[vehicle]),
            float(bikes.vehicle_lon[vehicle]),
        )
        walk = int(self.door_seconds[vehicle])
        parts = [
            (Mode.WALK, (door_place(self.end), place), walk, path(self.found, stands) if stands is not None else None),
            (
                Mode.SHARED_BICYCLE,
                (place, stop_place(network, stop)),
                int(self.seconds[stop]) - walk,
                _draw_ride(network, self.sharing.vehicle_ride.one(vehicle), target, backward=False),
            ),
        ]
        return _describe(network, parts, at, 1, None, backward=False)


def find_floating(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Floating | None:
    """Find the stops to which one rides on a bicycle that stands near the door now.

    Only on the way from a door, and soon: where a bicycle will stand when one leaves a vehicle nobody knows.
    """
    streets, entrances = network.streets, network.entrances
    sharing = _find_sharing(network)
    if backward or sharing is None or streets is None or entrances is None or request.wheelchair:
        return None
    place = snap(streets, [end.point], Profile.FOOT).one(0)
    bikes = sharing.bikes
    usable = (bikes.vehicle_ends & Ends.ANYWHERE != 0) & (sharing.is_now(request) & sharing.is_fresh)[
        bikes.vehicle_system
    ]
    if place is None or not usable.any():
        return None
    found = reach(streets, place, Profile.FOOT, min(request.max_walk, PARK_WALK), speed=request.walk_speed)
    on_foot = stop_seconds(found, sharing.vehicle_foot)
    near = np.flatnonzero(usable & (on_foot >= 0) & (sharing.vehicle_ride.edge >= 0)).astype(np.int32)
    near = near[np.argsort(on_foot[near], kind="stable")][:MOST_VEHICLES]
    if not len(near):
        return None
    system = int(bikes.vehicle_system[near[0]])  # what may be left where differs by system: that of the nearest one
    near = near[bikes.vehicle_system[near] == system]
    rides = spread(
        streets, _pick(sharing.vehicle_ride, near),
        (on_foot[near] + TAKE_SECONDS).astype(np.float32), Profile.BICYCLE,
        request.max_walk + TAKE_SECONDS + request.max_ride,
    )  # fmt: skip
    stops = entrances.bicycle
    seconds, taken = spread_seconds(rides, stops), near[find_seeds(rides, stops)]
    seconds = np.where(seconds - on_foot[taken] - TAKE_SECONDS <= request.max_ride, seconds, -1)
    reached = np.flatnonzero(seconds >= 0)
    left = sharing.may_end(system, stops.at[reached])
    seconds[reached] = np.where(left, seconds[reached] + LEAVE_SECONDS, -1)
    return Floating(end, sharing, found, taken, stops, on_foot, seconds.astype(np.int32), on_foot[taken])


# ── what both share ───────────────────────────────────────────────────────────────────────────────────────────────────


def _find_sharing(network: Network) -> Sharing | None:
    return network.sharing.current() if network.sharing is not None else None


def _pick(places: Snaps, which: NDArray[np.int32]) -> Snaps:
    return Snaps(places.edge[which], places.fraction[which], places.metres[which], places.at[which])


def _draw_ride(network: Network, near: Snap | None, far: Snap | None, *, backward: bool) -> Path | None:
    """Find the streets of a ride from the station (bicycle) near the door to that far from it, or back."""
    if network.streets is None or near is None or far is None:
        return None
    start, end = (far, near) if backward else (near, far)
    return between(network.streets, start, end, Profile.BICYCLE)


def _station_place(bikes: SharedBikes, station: int) -> Place:
    name = bikes.station_names.at(station) or bikes.systems.at(int(bikes.station_system[station]))
    return Place(name, float(bikes.station_lat[station]), float(bikes.station_lon[station]))


def _describe(
    network: Network,
    parts: list[tuple[Mode, tuple[Place, Place], int, Path | None]],
    at: int,
    available: int | None,
    place_id: str | None,
    *,
    backward: bool,
) -> list[Leg]:
    """Describe parts listed from the door on, in the order of travel."""
    legs = []
    for mode, (near, far), seconds, way in reversed(parts) if backward else parts:
        ends = (far, near) if backward else (near, far)
        leg = describe_way(network, mode, ends, (at, at + seconds), way)
        if mode is Mode.SHARED_BICYCLE:
            leg = replace(leg, place=ends[1].name, place_id=place_id, available=available)
        legs.append(leg)
        at += seconds
    return legs
