"""Shared vehicles beside one network: what systems hold now, where that meets the streets, and where one may ride."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.journeys.entrances import PARK_WALK, WHEELS_METRES, Walks
from mobigo.journeys.model import Mode, Realtime
from mobigo.sharing.fences import allows, find_rules, list_rules
from mobigo.sharing.hours import is_open
from mobigo.sharing.model import (
    FORMS,
    NO_PROPULSION,
    PROPULSIONS,
    UNLIMITED,
    FormFactor,
    Propulsion,
    Says,
    Service,
    SharedFleet,
)
from mobigo.sharing.service import find_stamp, map_current
from mobigo.street.graph import Profile, StreetGraph, frozen
from mobigo.street.routing import Snaps, snap, walks_from

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mobigo.journeys.model import JourneyRequest
    from mobigo.kit.clock import Clock

KNOWN_SECONDS = 3600
"""For how long what a station holds now says something about what it will hold."""

STALE = 900
"""Seconds, by the clock, after which what a system said last is no longer believed."""

PROFILES = {
    FormFactor.BICYCLE: Profile.BICYCLE,
    FormFactor.CARGO_BICYCLE: Profile.BICYCLE,
    FormFactor.SCOOTER_STANDING: Profile.BICYCLE,
    FormFactor.SCOOTER_SEATED: Profile.BICYCLE,
    FormFactor.MOPED: Profile.CAR,
    FormFactor.CAR: Profile.CAR,
}
"""On whose streets they are ridden; scooters, by French law, where bicycles are."""

MODES = {
    FormFactor.BICYCLE: Mode.SHARED_BICYCLE,
    FormFactor.CARGO_BICYCLE: Mode.SHARED_BICYCLE,
    FormFactor.SCOOTER_STANDING: Mode.SHARED_SCOOTER,
    FormFactor.SCOOTER_SEATED: Mode.SHARED_SCOOTER,
    FormFactor.MOPED: Mode.SHARED_MOPED,
    FormFactor.CAR: Mode.SHARED_CAR,
}

MOPED_KPH = 45.0
"""How fast a moped goes where nobody says."""

MOPED_OFF = ("motorway", "motorway_link")
"""Classes of streets that no moped rides."""

MOST_GRAPHS = 64
"""Streets as zones leave them that are kept; zones hardly ever change."""

FIELDS = {Profile.BICYCLE: "bicycle", Profile.CAR: "car"}
"""Of `StreetGraph`, the seconds of a profile."""


class Held(NamedTuple):
    """What the stations of a system have for one type of vehicle."""

    lends: NDArray[np.bool_]
    """bool[n_stations], will have one to take."""
    takes: NDArray[np.bool_]
    """bool[n_stations], will have room."""
    vehicles: NDArray[np.int32]
    """int32[n_stations], to be taken now; -1 where nobody says, or that says nothing about the journey."""


class Sharing:
    """What systems hold now, and where they meet the streets of one network; found when first needed."""

    def __init__(self, fleet: SharedFleet, streets: StreetGraph, stops: Snaps, clock: Clock | None = None) -> None:
        self.fleet = fleet
        self._streets = streets
        self._stops = stops
        self._clock = clock
        self._rides: dict[Profile, Snaps] = {}
        self._vehicle_rides: dict[Profile, Snaps] = {}
        self._graphs: dict[bytes, StreetGraph] = {}

    def take_over(self, former: Sharing) -> None:
        """Keep what was found for stations that stayed where they were, and streets as zones leave them."""
        self._graphs = former._graphs
        if np.array_equal(self._points, former._points):
            self._rides = former._rides
            for name in ("foot", "walks"):
                if name in former.__dict__:
                    self.__dict__[name] = former.__dict__[name]

    @cached_property
    def _points(self) -> NDArray[np.float64]:
        return np.stack([self.fleet.station_lon, self.fleet.station_lat], axis=1)

    def ride(self, profile: Profile) -> Snaps:
        """Where stations meet the streets that vehicles are ridden on."""
        if profile not in self._rides:
            self._rides[profile] = snap(self._streets, self._points, profile, WHEELS_METRES)
        return self._rides[profile]

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
        return np.stack([self.fleet.vehicle_lon, self.fleet.vehicle_lat], axis=1)

    def vehicle_ride(self, profile: Profile) -> Snaps:
        """Where vehicles in the street meet the streets they are ridden on."""
        if profile not in self._vehicle_rides:
            self._vehicle_rides[profile] = snap(self._streets, self._vehicle_points, profile, WHEELS_METRES)
        return self._vehicle_rides[profile]

    @cached_property
    def vehicle_foot(self) -> Snaps:
        """Where they meet the streets on foot."""
        return snap(self._streets, self._vehicle_points, Profile.FOOT)

    # ── what one may do ───────────────────────────────────────────────────────────────────────────────────────────

    def form(self, type_: int) -> FormFactor:
        """Return what a type of vehicle is."""
        return FORMS[int(self.fleet.type_form[type_])]

    def propulsion(self, type_: int) -> Propulsion | None:
        """Return what drives it; None where nobody says."""
        number = int(self.fleet.type_propulsion[type_])
        return None if number == NO_PROPULSION else PROPULSIONS[number]

    def rules(self, type_: int, at: int) -> NDArray[np.int32]:
        """List the rules of zones for a type at an instant (seconds since 1970 UTC)."""
        return list_rules(self.fleet, type_, at)

    def allows(self, rules: NDArray[np.int32], points: NDArray[np.float64], what: Says) -> NDArray[np.bool_]:
        """Tell at which points (float64[n, 2], lon and lat) something is allowed."""
        return allows(self.fleet, rules, points, what)

    def streets(self, type_: int, rules: NDArray[np.int32]) -> StreetGraph:
        """Return the streets as one type of vehicle is ridden on them: not through closed zones, slowly in slow ones.

        A street that touches a closed zone is left out as a whole.
        """
        form, fleet = self.form(type_), self.fleet
        telling = rules[(fleet.rule_says[rules] & int(Says.THROUGH) == 0) | (fleet.rule_kph[rules] > 0)]
        kph = float(fleet.type_kph[type_]) or (MOPED_KPH if form is FormFactor.MOPED else 0.0)
        if not len(telling) and not kph:
            return self._streets
        parts = [f"{form} {kph}"]
        if len(telling):
            parts += [
                f"{fleet.fence_shapes.at(int(fleet.rule_fence[row]))} {fleet.rule_says[row]} {fleet.rule_kph[row]}"
                for row in rules.tolist()
            ]
        key = "\n".join(parts).encode()
        if key not in self._graphs:
            if len(self._graphs) >= MOST_GRAPHS:
                self._graphs.clear()
            self._graphs[key] = self._restrict(form, kph, rules if len(telling) else rules[:0])
        return self._graphs[key]

    def _restrict(self, form: FormFactor, kph: float, rules: NDArray[np.int32]) -> StreetGraph:
        graph, profile, fleet = self._streets, PROFILES[form], self.fleet
        most = np.full(len(graph.edge_metres), kph or np.inf)
        closed = np.zeros(len(graph.edge_metres), np.bool_)
        if form is FormFactor.MOPED:
            closed |= np.isin(graph.edge_class, [n for n, name in enumerate(graph.classes.all()) if name in MOPED_OFF])
        if len(rules):
            nodes = np.stack([graph.points.lon, graph.points.lat], axis=1)
            halfway = (nodes[graph.edge_from] + nodes[graph.edge_to]) / 2
            at_node = find_rules(fleet, rules, nodes)
            for won in (at_node[graph.edge_from], at_node[graph.edge_to], find_rules(fleet, rules, halfway)):
                holds = won >= 0
                closed[holds] |= fleet.rule_says[won[holds]] & int(Says.THROUGH) == 0
                limit = np.where(fleet.rule_kph[won] > 0, fleet.rule_kph[won], np.inf)
                most = np.where(holds, np.minimum(most, limit), most)
        slowest = (graph.edge_metres / (most / 3.6)).astype(np.float32)
        cost = np.maximum(graph.cost(profile), np.repeat(slowest, 2))
        cost[np.repeat(closed, 2)] = np.inf
        return graph._replace(**{FIELDS[profile]: frozen(cost.astype(np.float32))})

    # ── when ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def held(self, type_: int, request: JourneyRequest) -> Held:
        """Tell what stations will have of a type when a journey is made."""
        fleet = self.fleet
        rows = np.flatnonzero(fleet.held_type == type_)
        stations, n = fleet.held_station[rows], len(fleet.station_lon)
        now = bool(self.is_now(request)[fleet.type_system[type_]])
        vehicles, docks = fleet.held_vehicles[rows], fleet.held_docks[rows]
        lends, takes, count = np.zeros(n, np.bool_), np.zeros(n, np.bool_), np.full(n, -1, np.int32)
        lends[stations] = (vehicles > 0) | (not now)
        takes[stations] = (docks > 0) | (docks == UNLIMITED) | (not now)
        count[stations] = vehicles if now else -1
        fresh = self.is_fresh[fleet.station_system]
        rents, back = ((fleet.service & service != 0) & fresh for service in (Service.RENTS, Service.TAKES_BACK))
        return Held(lends & rents, takes & back, count)

    @property
    def is_fresh(self) -> NDArray[np.bool_]:
        """Tell which systems were heard of lately: bool[n_systems]; the others are left out."""
        if self._clock is None:
            return np.ones(len(self.fleet.made_at), np.bool_)
        fresh: NDArray[np.bool_] = np.abs(self.fleet.made_at - self._clock.now().timestamp()) <= STALE
        return fresh

    def is_now(self, request: JourneyRequest) -> NDArray[np.bool_]:
        """Tell whether a journey is so soon that what a system holds now says something: bool[n_systems]."""
        near: NDArray[np.bool_] = np.abs(self.fleet.made_at - int(request.at.timestamp())) <= KNOWN_SECONDS
        return near & (request.realtime is not Realtime.OFF)

    def is_open(self, system: int, station: int | None, instant: int, zone: ZoneInfo) -> bool:
        """Tell whether one may take or leave a vehicle, at a station or in the street, at an instant.

        Parameters
        ----------
        zone : ZoneInfo
            Of the network, where the system does not say its own.
        """
        written = self.fleet.station_hours.at(station) if station is not None else ""
        written = written or self.fleet.hours.at(system)
        if not written:
            return True
        said = self.fleet.zones.at(system)
        return is_open(written, datetime.fromtimestamp(instant, ZoneInfo(said) if said else zone))


class Stations:
    """What systems hold, whenever it is asked: looked up anew at every call, whichever process polled it.

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

    def __init__(self, home: Path, streets: StreetGraph, stops: Snaps, clock: Clock | None) -> None:
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
                    fleet, former = map_current(self._home), self._current
                    new = fleet and Sharing(fleet, *self._network)
                    if new is not None and former is not None:
                        new.take_over(former)
                    self._current, self._stamp = new, stamp
            finally:
                self._loading.release()
        return self._current
