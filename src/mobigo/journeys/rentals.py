"""To the stop on a shared vehicle: taken at a station or in the street, left at a station or where zones allow it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.entrances import PARK_WALK
from mobigo.journeys.fleet import MODES, PROFILES
from mobigo.journeys.model import Mode, Place, Rented
from mobigo.journeys.streetlegs import describe_way, door_place, stop_place
from mobigo.journeys.wheels import change_at_best, find_walk
from mobigo.kit.geo import Point
from mobigo.sharing.model import BICYCLES, UNKNOWN, Ends, FormFactor, Propulsion, Says
from mobigo.sharing.tariff import tell_plan
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
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from mobigo.journeys.fleet import Held, Sharing
    from mobigo.journeys.model import End, JourneyRequest, Leg
    from mobigo.journeys.network import Network
    from mobigo.street.routing import Path, Reach, Snap, Spread

TAKE_SECONDS, LEAVE_SECONDS = 60, 30
"""To unlock a shared vehicle, and to give it back."""

MOST_VEHICLES = 100
"""Vehicles of one type in the street that are looked at, the nearest first."""

MOST_KINDS = 12
"""Types of vehicles that are looked at, the nearest first."""

MOST_CORNERS = 200
"""Corners of streets near a door where a vehicle may be left, when it may not at the door."""

NEAR_METRES = 500.0
"""How far from a stop at which no vehicle may be left such a corner is looked for."""

DEGREE = 111_195.0
"""Metres."""

ROW = 1 << 20
"""Cells of the earth from south to north, at most."""

BURNING = {Propulsion.COMBUSTION, Propulsion.COMBUSTION_DIESEL}
"""Cars whose emissions are those of one's own car."""


class Spot(IntEnum):
    """Where a ride begins or ends."""

    STATION = 0
    VEHICLE = 1
    """Where a vehicle stands in the street."""
    CORNER = 2
    """A node of the streets."""
    END = 3
    """The door itself; or the stop."""


class Seeds(NamedTuple):
    """Where a ride may begin (end, when backward) near the door."""

    spot: NDArray[np.int8]
    """int8[n], `Spot`."""
    number: NDArray[np.int32]
    """int32[n], station, vehicle or node."""
    ride: Snaps
    """On the streets of the vehicle."""
    walk: NDArray[np.int32]
    """int32[n], seconds between door and spot."""
    range: NDArray[np.float64]
    """float64[n], metres that the vehicle goes; infinite where nobody says."""


class Kind(NamedTuple):
    """A type of vehicle, taken at a station or in the street."""

    type: int
    ends: Ends


@dataclass
class _Ways:
    """What is known of the ways to stops so far; the quickest counts."""

    seconds: NDArray[np.int32]
    """int32[n_stops], -1 where out of reach."""
    seed: NDArray[np.int32]
    spot: NDArray[np.int8]
    """int8[n_stops], where the ride ends (begins) on the stop's side."""
    index: NDArray[np.int32]
    walk: NDArray[np.int32]
    """int32[n_stops], seconds on foot between there and the stop."""

    @classmethod
    def none(cls, n_stops: int) -> _Ways:
        """Return that nothing is known."""
        numbers = [np.full(n_stops, -1, np.int32) for _ in range(3)]
        return cls(numbers[0], numbers[1], np.zeros(n_stops, np.int8), numbers[2], np.zeros(n_stops, np.int32))

    def offer(
        self,
        seconds: NDArray[np.int32],
        seed: NDArray[np.int32],
        spot: Spot,
        index: NDArray[np.int32],
        walk: NDArray[np.int32],
    ) -> None:
        """Take what is quicker than before; -1 seconds: nothing."""
        better = (seconds >= 0) & ((self.seconds < 0) | (seconds < self.seconds))
        for mine, its in ((self.seconds, seconds), (self.seed, seed), (self.index, index), (self.walk, walk)):
            mine[better] = its[better]
        self.spot[better] = spot


@dataclass(frozen=True)
class Rental:
    """The stops reached on one type of vehicle."""

    end: End
    sharing: Sharing
    kind: Kind
    streets: StreetGraph
    """As the vehicle is ridden on them."""
    found: Reach
    """On foot, around the door."""
    seeds: Seeds
    held: Held
    ways: _Ways
    walk_seconds: NDArray[np.int32]
    """int32[n_stops], all that is on foot."""
    _walks: dict[int, Path | None] = field(default_factory=dict)
    """Found so far, by stop."""
    _rides: dict[int, Path | None] = field(default_factory=dict)

    @property
    def seconds(self) -> NDArray[np.int32]:
        """int32[n_stops], -1 where out of reach."""
        return self.ways.seconds

    @property
    def _system(self) -> int:
        return int(self.sharing.fleet.type_system[self.kind.type])

    def is_open(self, stop: int, at: int, network: Network) -> bool:
        """Tell whether the system is open when the ride begins and when it ends, on a way that starts at an instant."""
        times, spots = self._times(stop), self._spots(stop)
        before = times[2] if self.found.backward else times[0]
        zone = network.zones[network.zone_index]
        taken, left = spots[::-1] if self.found.backward else spots
        return all(
            self.sharing.is_open(self._system, index if spot == Spot.STATION else None, instant, zone)
            for (spot, index), instant in ((taken, at + before), (left, at + before + times[1]))
        )

    def _times(self, stop: int) -> tuple[int, int, int]:
        """Seconds on foot at the door, on the vehicle, and on foot at the stop."""
        door, last = int(self.seeds.walk[self.ways.seed[stop]]), int(self.ways.walk[stop])
        return door, int(self.ways.seconds[stop]) - door - last, last

    def _spots(self, stop: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Where the ride begins and ends, the door's side first."""
        seed = int(self.ways.seed[stop])
        near = int(self.seeds.spot[seed]), int(self.seeds.number[seed])
        return near, (int(self.ways.spot[stop]), int(self.ways.index[stop]))

    def legs(self, stop: int, at: int, network: Network) -> list[Leg]:
        """Describe the walk, the ride and the walk, in the order of travel."""
        (near, far), (to_door, ride, walk) = self._spots(stop), self._times(stop)
        door, post = door_place(self.end), stop_place(network, stop)
        first = door if near[0] == Spot.END else self._place(near, network)
        last = post if far[0] == Spot.END else self._place(far, network)
        mode = MODES[self.sharing.form(self.kind.type)]
        parts = [
            (Mode.WALK, (door, first), to_door, self._find_doorstep(near, network)),
            (mode, (first, last), ride, self._find_ride(stop, network)),
            (Mode.WALK, (last, post), walk, self._find_walk(stop, far, network)),
        ]
        there = near[0] != Spot.END, True, far[0] != Spot.END
        kept = [part for part, needed in zip(parts, there, strict=True) if needed]
        legs = []
        backward = self.found.backward
        for how, (a, b), seconds, way in reversed(kept) if backward else kept:
            leg = describe_way(network, how, (b, a) if backward else (a, b), (at, at + seconds), way)
            if how is not Mode.WALK:
                taken, left = (far, near) if backward else (near, far)
                leg = self._rent(leg, taken, left)
            legs.append(leg)
            at += seconds
        return legs

    def _rent(self, leg: Leg, taken: tuple[int, int], left: tuple[int, int]) -> Leg:
        """Say what is rented where, and for how much."""
        fleet, type_ = self.sharing.fleet, self.kind.type
        seconds = int((leg.arrival - leg.departure).total_seconds()) - TAKE_SECONDS - LEAVE_SECONDS
        available, plan, uris, vehicle, metres = 1, int(fleet.type_plan[type_]), "", None, None
        if taken[0] == Spot.STATION:
            available, uris = int(self.held.vehicles[taken[1]]), fleet.station_uris.at(taken[1])
        else:
            vehicle, uris = fleet.vehicle_ids.at(taken[1]), fleet.vehicle_uris.at(taken[1])
            plan = int(fleet.vehicle_plan[taken[1]]) if fleet.vehicle_plan[taken[1]] >= 0 else plan
            metres = int(fleet.vehicle_range[taken[1]])
        form, drive = self.sharing.form(type_), self.sharing.propulsion(type_)
        rented = Rented(
            system=fleet.titles.at(self._system) or fleet.systems.at(self._system),
            vehicle_type=fleet.type_names.at(type_) or None,
            form_factor=form,
            propulsion=drive,
            vehicle_id=vehicle,
            range=metres if metres is not None and metres > UNKNOWN else None,
            at_station=left[0] == Spot.STATION,
            uris=json.loads(uris) if uris else {},
            plan=tell_plan(fleet.plans.at(plan), seconds, leg.metres or 0.0) if plan >= 0 else None,
        )
        burns = form is not FormFactor.CAR or drive in BURNING
        return replace(
            leg,
            rented=rented,
            co2=leg.co2 if burns else None,
            place=leg.end.name,
            place_id=fleet.station_ids.at(left[1]) if left[0] == Spot.STATION else None,
            available=available if available > UNKNOWN else None,
        )

    def _place(self, spot: tuple[int, int], network: Network) -> Place:
        fleet, (kind, index) = self.sharing.fleet, spot
        if kind == Spot.STATION:
            name = fleet.station_names.at(index) or fleet.systems.at(self._system)
            return Place(name, float(fleet.station_lat[index]), float(fleet.station_lon[index]))
        if kind == Spot.VEHICLE:
            name = fleet.titles.at(self._system) or fleet.systems.at(self._system)
            return Place(name, float(fleet.vehicle_lat[index]), float(fleet.vehicle_lon[index]))
        assert network.streets is not None
        graph = network.streets
        edges = graph.net.arc[graph.net.first[index] : graph.net.first[index + 1]] >> 1
        names = [graph.names.at(int(graph.edge_name[edge])) for edge in edges]
        name = next((name for name in names if name), "")
        return Place(name, float(graph.points.lat[index]), float(graph.points.lon[index]))

    def _find_doorstep(self, near: tuple[int, int], network: Network) -> Path | None:
        kind, index = near
        target: Snap | None = None
        if kind == Spot.STATION:
            target = self.sharing.foot.one(index)
        elif kind == Spot.VEHICLE:
            target = self.sharing.vehicle_foot.one(index)
        elif kind == Spot.CORNER and network.streets is not None:
            target = _corner_snaps(network.streets, np.array([index], np.int32), Profile.FOOT).one(0)
        return path(self.found, target) if target is not None else None

    def _find_ride(self, stop: int, network: Network) -> Path | None:
        """Find the streets of the ride, in the direction of travel."""
        if stop not in self._rides:
            profile = PROFILES[self.sharing.form(self.kind.type)]
            near = self.seeds.ride.one(int(self.ways.seed[stop]))
            spot, index = self._spots(stop)[1]
            if spot == Spot.END:
                far = _entrances(network, profile).one(stop)
            elif spot == Spot.STATION:
                far = self.sharing.ride(profile).one(index)
            else:
                far = _corner_snaps(self.streets, np.array([index], np.int32), profile).one(0)
            start, end = (far, near) if self.found.backward else (near, far)
            found = start is not None and end is not None
            self._rides[stop] = between(self.streets, start, end, profile) if found else None  # type: ignore[arg-type]
        return self._rides[stop]

    def _find_walk(self, stop: int, far: tuple[int, int], network: Network) -> Path | None:
        if far[0] == Spot.END or network.stop_snaps is None:
            return None
        if stop not in self._walks:
            place = self._place(far, network)
            self._walks[stop] = find_walk(
                network, Point(place.lon, place.lat), (network.stop_snaps, stop), Profile.FOOT,
                backward=self.found.backward,
            )  # fmt: skip
        return self._walks[stop]


def find_shared_bicycles(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> list[Rental]:
    """Find the stops reached on shared bicycles, one way per type of them."""
    return _find(network, end, request, BICYCLES, backward=backward)


def find_shared_vehicles(network: Network, end: End, request: JourneyRequest, *, backward: bool) -> list[Rental]:
    """Find the stops reached on shared vehicles of all kinds, one way per type."""
    return _find(network, end, request, frozenset(PROFILES), backward=backward)


def _find(
    network: Network, end: End, request: JourneyRequest, forms: frozenset[FormFactor], *, backward: bool
) -> list[Rental]:
    sharing = network.sharing.current() if network.sharing is not None else None
    streets = network.streets
    if sharing is None or streets is None or network.entrances is None or request.wheelchair:
        return []
    place = snap(streets, [end.point], Profile.FOOT).one(0)
    if place is None:
        return []
    wanted = forms & frozenset(request.form_factors) if request.form_factors else forms
    walked = reach(
        streets, place, Profile.FOOT, min(request.max_walk, PARK_WALK), backward=backward, speed=request.walk_speed
    )
    hunt = _Hunt(network, sharing, end, request, walked)
    found = []
    for kind in hunt.list_kinds(wanted):
        one = hunt.find(kind)
        if one is not None:
            found.append(one)
        if len(found) == MOST_KINDS:
            break
    return found


class _Hunt:
    """The search around one door."""

    def __init__(self, network: Network, sharing: Sharing, end: End, request: JourneyRequest, walked: Reach) -> None:
        assert network.streets is not None
        self.network, self.sharing, self.end, self.request, self.walked = network, sharing, end, request, walked
        self.streets, self.fleet = network.streets, sharing.fleet
        self.at = int(request.at.timestamp())
        self.to_station = stop_seconds(walked, sharing.foot)
        soon = (sharing.is_now(request) & sharing.is_fresh)[self.fleet.vehicle_system]
        self.to_vehicle = np.full(len(soon), -1, np.int32)
        if soon.any() and not walked.backward:  # where one will stand when one leaves a vehicle nobody knows
            self.to_vehicle = np.where(soon, stop_seconds(walked, sharing.vehicle_foot), -1)

    def list_kinds(self, forms: frozenset[FormFactor]) -> Iterator[Kind]:
        """List what may be near the door, the nearest first."""
        fleet = self.fleet
        near: list[tuple[int, Kind]] = []
        for type_ in range(len(fleet.type_system)):
            drive = self.sharing.propulsion(type_)
            if self.sharing.form(type_) not in forms:
                continue
            if self.request.propulsions and drive not in self.request.propulsions:
                continue
            ends = Ends(int(fleet.type_station_ends[type_])), Ends(int(fleet.type_street_ends[type_]))
            at_station = self.to_station[fleet.held_station[fleet.held_type == type_]]
            in_street = self.to_vehicle[fleet.vehicle_type == type_]
            for how, walks in ((ends[0], at_station), (ends[1], in_street)):
                reached = walks[walks >= 0]
                if how and len(reached):
                    near.append((int(reached.min()), Kind(type_, how)))
            if self.walked.backward and ends[0] & Ends.ANYWHERE and len(at_station) and not (at_station >= 0).any():
                near.append((PARK_WALK, Kind(type_, ends[0])))
        yield from dict.fromkeys(kind for _, kind in sorted(near))

    def find(self, kind: Kind) -> Rental | None:
        """Find the stops reached on vehicles of one type."""
        backward = self.walked.backward
        rules = self.sharing.rules(kind.type, self.at)
        held = self.sharing.held(kind.type, self.request)
        streets = self.sharing.streets(kind.type, rules)
        seeds = self._leave_near(kind, rules, held) if backward else self._take_near(kind, rules, held)
        if not len(seeds.spot):
            return None
        ways = _Ways.none(len(self.network.timetable.stop_lat))
        self._ride(ways, kind, (streets, rules, held), seeds, np.arange(len(seeds.spot), dtype=np.int32))
        far = np.flatnonzero(seeds.range >= self._longest(kind) * self._fastest(kind)).astype(np.int32)
        if 0 < len(far) < len(seeds.spot):  # the nearest vehicle may not go as far as another one
            self._ride(ways, kind, (streets, rules, held), seeds, far)
        if not (ways.seconds >= 0).any():
            return None
        walk = np.where(ways.seconds >= 0, ways.walk + seeds.walk[ways.seed], 0).astype(np.int32)
        return Rental(self.end, self.sharing, kind, streets, self.walked, seeds, held, ways, walk)

    def _longest(self, kind: Kind) -> int:
        profile = PROFILES[self.sharing.form(kind.type)]
        return self.request.max_ride if profile is Profile.BICYCLE else self.request.max_drive

    def _fastest(self, kind: Kind) -> float:
        """Metres per second that no vehicle of the type exceeds."""
        return float(self.streets.fastest[list(Profile).index(PROFILES[self.sharing.form(kind.type)])])

    # ── near the door ─────────────────────────────────────────────────────────────────────────────────────────────

    def _take_near(self, kind: Kind, rules: NDArray[np.int32], held: Held) -> Seeds:
        """List the stations and the vehicles in the street that one walks to."""
        fleet, profile = self.fleet, PROFILES[self.sharing.form(kind.type)]
        ride, parts = self.sharing.ride(profile), []
        if Ends(int(fleet.type_station_ends[kind.type])) == kind.ends:
            stations = np.flatnonzero(held.lends & (self.to_station >= 0) & (ride.edge >= 0)).astype(np.int32)
            endless = np.full(len(stations), np.inf)
            parts.append(_seeds(Spot.STATION, stations, _pick(ride, stations), self.to_station[stations], endless))
        if Ends(int(fleet.type_street_ends[kind.type])) == kind.ends and (self.to_vehicle >= 0).any():
            rides = self.sharing.vehicle_ride(profile)
            usable = (fleet.vehicle_type == kind.type) & (self.to_vehicle >= 0) & (rides.edge >= 0)
            near = np.flatnonzero(usable).astype(np.int32)
            at = np.stack([fleet.vehicle_lon[near], fleet.vehicle_lat[near]], axis=1)
            near = near[self.sharing.allows(rules, at, Says.START)]
            near = near[np.argsort(self.to_vehicle[near], kind="stable")][:MOST_VEHICLES]
            goes = fleet.vehicle_range[near]
            metres = np.where(goes > UNKNOWN, goes, np.inf)
            parts.append(_seeds(Spot.VEHICLE, near, _pick(rides, near), self.to_vehicle[near], metres))
        return _join(parts)

    def _leave_near(self, kind: Kind, rules: NDArray[np.int32], held: Held) -> Seeds:
        """List where a vehicle may be left near the door: at stations, at the door, or at the nearest corners."""
        profile, parts = PROFILES[self.sharing.form(kind.type)], []
        ride = self.sharing.ride(profile)
        if kind.ends & Ends.STATIONS:
            stations = np.flatnonzero(held.takes & (self.to_station >= 0) & (ride.edge >= 0)).astype(np.int32)
            stations = stations[self.fleet.station_system[stations] == self.fleet.type_system[kind.type]]
            endless = np.full(len(stations), np.inf)
            parts.append(_seeds(Spot.STATION, stations, _pick(ride, stations), self.to_station[stations], endless))
        if kind.ends & Ends.ANYWHERE:
            door = snap(self.streets, [self.end.point], profile)
            if door.edge[0] >= 0 and self.sharing.allows(rules, door.at, Says.END)[0]:
                nothing = np.zeros(1, np.int32)
                parts.append(_seeds(Spot.END, nothing, door, nothing, np.full(1, np.inf)))
            elif len(rules):
                corners, seconds = self._corners(self.walked.node, self.walked.seconds, rules, profile)
                nearest = np.argsort(seconds, kind="stable")[:MOST_CORNERS]
                corners, walk = corners[nearest], np.ceil(seconds[nearest]).astype(np.int32)
                snaps = _corner_snaps(self.streets, corners, profile)
                parts.append(_seeds(Spot.CORNER, corners, snaps, walk, np.full(len(corners), np.inf)))
        return _join(parts)

    def _corners(
        self, nodes: NDArray[np.int32], seconds: NDArray[np.float32], rules: NDArray[np.int32], profile: Profile
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Keep the nodes at which a vehicle may be left and from which one walks on, with their seconds."""
        passable = self.streets.net.passable[nodes]
        both = (passable & int(profile) != 0) & (passable & int(Profile.FOOT) != 0)
        nodes, seconds = nodes[both], seconds[both]
        points = np.stack([self.streets.points.lon[nodes], self.streets.points.lat[nodes]], axis=1)
        allowed = self.sharing.allows(rules, points, Says.END)
        return nodes[allowed], seconds[allowed]

    # ── to the stops ──────────────────────────────────────────────────────────────────────────────────────────────

    def _ride(
        self,
        ways: _Ways,
        kind: Kind,
        where: tuple[StreetGraph, NDArray[np.int32], Held],
        seeds: Seeds,
        which: NDArray[np.int32],
    ) -> None:
        """Ride from some of the seeds (to them, when backward), and offer what is found."""
        (streets, rules, held), backward = where, self.walked.backward
        at_seed, at_stop = (LEAVE_SECONDS, TAKE_SECONDS) if backward else (TAKE_SECONDS, LEAVE_SECONDS)
        begin = (seeds.walk[which] + at_seed).astype(np.float32)
        profile, longest = PROFILES[self.sharing.form(kind.type)], self._longest(kind)
        rides = spread(
            streets, _pick(seeds.ride, which), begin, profile, self.request.max_walk + at_seed + longest,
            backward=backward,
        )  # fmt: skip

        def arrive(places: Snaps) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
            seconds, seed = spread_seconds(rides, places), which[find_seeds(rides, places)]
            ridden = seconds - seeds.walk[seed] - at_seed
            fits = (seconds >= 0) & (ridden <= longest) & (ridden * self._fastest(kind) <= seeds.range[seed])
            return np.where(fits, seconds + at_stop, -1).astype(np.int32), seed

        n_stops = len(ways.seconds)
        if backward or kind.ends & Ends.STATIONS:
            at_station, seed = arrive(self.sharing.ride(profile))
            same = (seeds.spot[seed] == Spot.STATION) & (seeds.number[seed] == np.arange(len(seed)))
            usable = (held.lends if backward else held.takes) & ~same
            usable &= self.fleet.station_system == self.fleet.type_system[kind.type]
            at_station = np.where(usable, at_station, -1).astype(np.int32)
            pace = WALK_SPEED / self.request.walk_speed
            station, seconds, walk = change_at_best(
                at_station, self.sharing.walks, pace, self.request.max_walk, n_stops
            )
            ways.offer(seconds, seed[station] if len(seed) else station, Spot.STATION, station, walk)
        if backward or not kind.ends & Ends.ANYWHERE:
            return
        stops = _entrances(self.network, profile)
        seconds, seed = arrive(stops)
        reached = np.flatnonzero(seconds >= 0)
        barred = reached[~self.sharing.allows(rules, stops.at[reached], Says.END)]
        seconds[barred] = -1
        nothing = np.zeros(n_stops, np.int32)
        ways.offer(seconds, seed, Spot.END, nothing, nothing)
        if len(rules):
            self._walk_on(ways, profile, rides, rules, arrive)

    def _walk_on(
        self,
        ways: _Ways,
        profile: Profile,
        rides: Spread,
        rules: NDArray[np.int32],
        arrive: Callable[[Snaps], tuple[NDArray[np.int32], NDArray[np.int32]]],
    ) -> None:
        """Leave the vehicle before a zone in which it may not be left, and walk on to the stops inside."""
        stops, on_foot = _entrances(self.network, profile), self.network.stop_snaps
        assert on_foot is not None
        both = (self.sharing.allows(rules, stops.at, what) for what in (Says.END, Says.THROUGH))
        barred = np.flatnonzero(~np.logical_and(*both) & (on_foot.edge >= 0)).astype(np.int32)
        near = _near(self.streets, rides.node, on_foot.at[barred])
        corners, _ = self._corners(rides.node[near], rides.seconds[near], rules, profile)
        if not len(corners):
            return
        seconds, seed = arrive(_corner_snaps(rides.graph, corners, profile))
        kept = seconds >= 0
        corners, seconds, seed = corners[kept], seconds[kept], seed[kept]
        if not len(corners):
            return
        walks = spread(
            self.streets, _corner_snaps(self.streets, corners, Profile.FOOT), seconds.astype(np.float32), Profile.FOOT,
            float(seconds.max()) + PARK_WALK,
        )  # fmt: skip
        inside = _pick(on_foot, barred)
        total, corner = spread_seconds(walks, inside), find_seeds(walks, inside)
        walk = np.ceil((total - seconds[corner]) * (WALK_SPEED / self.request.walk_speed)).astype(np.int32)
        fits = (total >= 0) & (walk <= min(self.request.max_walk, PARK_WALK))
        n_stops = len(ways.seconds)
        arrays = [np.full(n_stops, -1, np.int32) for _ in range(4)]
        for array, values in zip(arrays, (seconds[corner] + walk, seed[corner], corners[corner], walk), strict=True):
            array[barred[fits]] = values[fits]
        ways.offer(arrays[0], arrays[1], Spot.CORNER, arrays[2], arrays[3])


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _seeds(
    spot: Spot, index: NDArray[np.int32], ride: Snaps, walk: NDArray[np.int32], metres: NDArray[np.float64]
) -> Seeds:
    return Seeds(np.full(len(index), spot, np.int8), index, ride, walk.astype(np.int32), metres)


def _join(parts: list[Seeds]) -> Seeds:
    if not parts:
        nothing = np.zeros(0, np.int32)
        nowhere = Snaps(nothing, nothing.astype(np.float32), nothing.astype(np.float32), np.zeros((0, 2)))
        return Seeds(nothing.astype(np.int8), nothing, nowhere, nothing, nothing.astype(np.float64))
    rides = Snaps(*(np.concatenate([part.ride[n] for part in parts]) for n in range(4)))
    spot, index, walk, metres = (np.concatenate([part[n] for part in parts]) for n in (0, 1, 3, 4))
    return Seeds(spot, index, rides, walk, metres)


def _pick(places: Snaps, which: NDArray[np.int32]) -> Snaps:
    return Snaps(places.edge[which], places.fraction[which], places.metres[which], places.at[which])


def _entrances(network: Network, profile: Profile) -> Snaps:
    """Where stops meet the streets of a vehicle."""
    assert network.entrances is not None
    return network.entrances.bicycle if profile is Profile.BICYCLE else network.entrances.car


def _near(graph: StreetGraph, nodes: NDArray[np.int32], places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which nodes lie near any of some places (float64[n, 2], lon and lat), by cells of that size."""
    if not len(places):
        return np.zeros(len(nodes), np.bool_)
    high = NEAR_METRES / DEGREE
    wide = high / max(0.1, float(np.cos(np.radians(places[:, 1].mean()))))

    def cells(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.floor(lon / wide).astype(np.int64), np.floor(lat / high).astype(np.int64)

    x, y = cells(places[:, 0], places[:, 1])
    around = np.unique(np.concatenate([(x + i) * ROW + y + j for i in (-1, 0, 1) for j in (-1, 0, 1)]))
    x, y = cells(graph.points.lon[nodes], graph.points.lat[nodes])
    return np.isin(x * ROW + y, around)


def _corner_snaps(graph: StreetGraph, nodes: NDArray[np.int32], profile: Profile) -> Snaps:
    """Place nodes on a street that leaves them and may be gone along; where there is none, on any."""
    cost, arcs = graph.cost(profile), np.empty(len(nodes), np.int32)
    for row, node in enumerate(nodes.tolist()):
        leaving = graph.net.arc[graph.net.first[node] : graph.net.first[node + 1]]
        usable = leaving[np.isfinite(cost[leaving]) | np.isfinite(cost[leaving ^ 1])]
        arcs[row] = usable[0] if len(usable) else leaving[0]
    at = np.stack([graph.points.lon[nodes], graph.points.lat[nodes]], axis=1)
    return Snaps(arcs >> 1, (arcs & 1).astype(np.float32), np.zeros(len(nodes), np.float32), at)
