"""To the stop on wheels: one's own bicycle, somebody's car, one's own car left on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.entrances import KINDS
from mobigo.journeys.model import Mode, Place
from mobigo.journeys.streetlegs import describe_way, door_place, stop_place
from mobigo.kit.geo import Point
from mobigo.parking.model import Kind
from mobigo.street.graph import WALK_SPEED, Profile
from mobigo.street.routing import between, roll, roll_path, roll_seconds, snap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.journeys.entrances import Walks
    from mobigo.journeys.model import End, JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.taxis import Hire
    from mobigo.kit.packed import Strings
    from mobigo.street.routing import Path, Rolled, Snaps

LOCK_SECONDS = 60
"""To lock a bicycle at a stop, or to unlock it there."""

PARK_SECONDS = 120
"""To find a place in a car park and leave the car, or to come out of it."""

NAMELESS = {Kind.PARK_RIDE: "P+R", Kind.CARPOOL: "P"}
"""What a car park without a name is called."""


@dataclass(frozen=True)
class Wheeled:
    """The stops reached by bicycle or car, without leaving it on the way."""

    end: End
    mode: Mode
    found: Rolled
    stops: Snaps
    """Where stops meet the streets of the mode."""
    extra: int
    """Seconds at the stop, to lock or unlock."""
    seconds: NDArray[np.int32]
    """int32[n_stops], -1 where out of reach."""
    hire: Hire | None = None
    """The taxi, where it is one."""
    _paths: dict[int, Path | None] = field(default_factory=dict)
    """Found so far, by stop: the journeys of one answer share most of them."""

    @property
    def walk_seconds(self) -> NDArray[np.int32]:
        """Nothing is walked."""
        return np.zeros_like(self.seconds)

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the way to (from, when backward) a stop, departing at an instant."""
        if stop not in self._paths:
            target = self.stops.one(stop)
            self._paths[stop] = roll_path(self.found, target) if target is not None else None
        ends = door_place(self.end), stop_place(network, stop)
        if self.found.backward:
            ends = ends[1], ends[0]
        leg = describe_way(network, self.mode, ends, (at, at + int(self.seconds[stop])), self._paths[stop])
        return [leg if self.hire is None else self.hire.tell(leg)]


def find_ride(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Wheeled | None:
    """Find the stops within a ride on one's own bicycle; it is locked at the stop unless it comes along."""
    if network.entrances is None:
        return None
    extra = 0 if request.bicycle_aboard else LOCK_SECONDS
    return _roll(network, end, (Mode.BICYCLE, request.max_ride, extra), network.entrances.bicycle, backward=backward)


def find_drive(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Wheeled | None:
    """Find the stops to which somebody drives one, or at which somebody waits with a car."""
    if network.entrances is None:
        return None
    return _roll(network, end, (Mode.CAR, request.max_drive, 0), network.entrances.car, backward=backward)


def find_taxi(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Wheeled | None:
    """Find the stops to which a taxi of the register drives one, or from which it fetches one, waiting included."""
    hire = network.taxis.find(end.point, wheelchair=request.wheelchair) if network.taxis is not None else None
    if hire is None or network.entrances is None:
        return None
    how = Mode.TAXI, request.max_drive, hire.wait
    found = _roll(network, end, how, network.entrances.car, backward=backward)
    return None if found is None else replace(found, hire=hire)


def _roll(network: Network, end: End, how: tuple[Mode, int, int], stops: Snaps, *, backward: bool) -> Wheeled | None:
    mode, longest, extra = how
    found = _reach(network, end, Profile.BICYCLE if mode is Mode.BICYCLE else Profile.CAR, longest, backward=backward)
    if found is None:
        return None
    seconds = roll_seconds(found, stops)
    return Wheeled(end, mode, found, stops, extra, np.where(seconds >= 0, seconds + extra, -1).astype(np.int32))


def _reach(network: Network, end: End, profile: Profile, longest: int, *, backward: bool) -> Rolled | None:
    if network.streets is None:
        return None
    place = snap(network.streets, [end.point], profile).one(0)
    return place and roll(network.streets, place, profile, longest, backward=backward)


@dataclass(frozen=True)
class Parked:
    """The stops reached on foot from where one left the car (or at which one walks back to it)."""

    end: End
    found: Rolled
    """By car."""
    foot: Profile
    pace: float
    """What the usual seconds on foot are multiplied by."""
    stops: Snaps
    """Where stops meet the streets on foot."""
    drive_seconds: NDArray[np.int32]
    """int32[n_parks], parking included; -1 where out of reach."""
    park: NDArray[np.int32]
    """int32[n_stops], where the car is left for a stop; -1 for none."""
    seconds: NDArray[np.int32]
    """int32[n_stops], -1 where out of reach."""
    walk_seconds: NDArray[np.int32]
    """int32[n_stops]."""
    park_ids: Strings
    _walks: dict[int, Path | None] = field(default_factory=dict)
    """Found so far, by stop."""
    _drives: dict[int, Path | None] = field(default_factory=dict)
    """Found so far, by car park."""

    def car_park(self, stop: int) -> str:
        """Return the id of the car park where the car stands, for a stop."""
        return self.park_ids.at(int(self.park[stop]))

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the drive and the walk, in the order of travel."""
        assert network.entrances is not None
        parks, park = network.entrances.parks, int(self.park[stop])
        kind = KINDS[int(parks.kind[park])]
        name = parks.names.at(park) or NAMELESS[kind]
        left = Place(name, float(parks.lat[park]), float(parks.lon[park]))
        if park not in self._drives:
            target = parks.drive.one(park)
            self._drives[park] = roll_path(self.found, target) if target is not None else None
        way = self._drives[park]
        door, post = door_place(self.end), stop_place(network, stop)
        walk = self._find_walk(network, park, stop)
        drive, on_foot = int(self.drive_seconds[park]), int(self.walk_seconds[stop])
        if self.found.backward:
            return [
                describe_way(network, Mode.WALK, (post, left), (at, at + on_foot), walk),
                replace(
                    describe_way(network, Mode.CAR, (left, door), (at + on_foot, at + on_foot + drive), way),
                    place=name,
                    place_id=parks.ids.at(park),
                ),
            ]
        return [
            replace(
                describe_way(network, Mode.CAR, (door, left), (at, at + drive), way),
                place=name,
                place_id=parks.ids.at(park),
            ),
            describe_way(network, Mode.WALK, (left, post), (at + drive, at + drive + on_foot), walk),
        ]

    def _find_walk(self, network: Network, park: int, stop: int) -> Path | None:
        if stop not in self._walks:
            parks = network.entrances.parks if network.entrances is not None else None
            assert parks is not None
            self._walks[stop] = find_walk(
                network, Point(float(parks.lon[park]), float(parks.lat[park])), (self.stops, stop), self.foot,
                backward=self.found.backward,
            )  # fmt: skip
        return self._walks[stop]


def find_walk(network: Network, point: Point, to: tuple[Snaps, int], foot: Profile, *, backward: bool) -> Path | None:
    """Find the streets between a place and a stop, to draw them."""
    assert network.streets is not None
    ends = snap(network.streets, [point], foot).one(0), to[0].one(to[1])
    if ends[0] is None or ends[1] is None:
        return None
    start, end = (ends[1], ends[0]) if backward else (ends[0], ends[1])
    return between(network.streets, start, end, foot)


def find_park(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> Parked | None:
    """Find the stops within a walk of the car parks within a drive."""
    entrances = network.entrances
    found = _reach(network, end, Profile.CAR, request.max_drive, backward=backward)
    if found is None or entrances is None or network.stop_snaps is None:
        return None
    parks = entrances.parks
    drive = roll_seconds(found, parks.drive)
    drive = np.where(drive >= 0, drive + PARK_SECONDS, -1).astype(np.int32)
    if request.car_parks:
        drive[~np.isin(np.array(parks.ids.all()), request.car_parks)] = -1
    foot = Profile.WHEELCHAIR if request.wheelchair else Profile.FOOT
    walks = parks.in_wheelchair if request.wheelchair else parks.on_foot
    pace = WALK_SPEED / request.walk_speed
    park, seconds, on_foot = change_at_best(drive, walks, pace, request.max_walk, len(network.timetable.stop_lat))
    stops = entrances.wheelchair if request.wheelchair else network.stop_snaps
    return Parked(end, found, foot, pace, stops, drive, park, seconds, on_foot, parks.ids)


def change_at_best(
    before: NDArray[np.int32], walks: Walks, pace: float, longest: int, n_stops: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Go on on foot from the places reached, each stop from that from which it is reached first.

    Parameters
    ----------
    before : int32[n_places], seconds to each place, -1 where out of reach
    longest : int
        Seconds on foot, at most.

    Returns
    -------
    place, seconds, walk_seconds : int32[n_stops]
        The place (-1: none), the seconds in all (-1 where out of reach) and those on foot.
    """
    place = np.repeat(np.arange(len(before), dtype=np.int32), np.diff(walks.first))
    on_foot = np.ceil(walks.seconds * pace).astype(np.int32)
    usable = np.flatnonzero((before[place] >= 0) & (on_foot <= longest))
    stop, total = walks.stop[usable], before[place[usable]] + on_foot[usable]
    order = np.lexsort((on_foot[usable], total, stop))
    first = order[np.unique(stop[order], return_index=True)[1]]
    best_place, seconds, walked = (
        np.full(n_stops, -1, np.int32),
        np.full(n_stops, -1, np.int32),
        np.zeros(n_stops, np.int32),
    )
    best_place[stop[first]] = place[usable][first]
    seconds[stop[first]] = total[first]
    walked[stop[first]] = on_foot[usable][first]
    return best_place, seconds, walked
