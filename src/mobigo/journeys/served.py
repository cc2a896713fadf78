"""On-demand services on a network: which stops their zones and groups hold, and which of them are worth a ride.

Everything is worked out when it is first needed and kept with the catalogue and the network it is of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from mobigo.journeys.drawing import Drawings
from mobigo.journeys.hubs import weigh_stops
from mobigo.journeys.streetlegs import find_change
from mobigo.kit.geo import Point, arc_metres
from mobigo.ondemand.flex_read import is_flexible
from mobigo.ondemand.model import PlaceKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mobigo.journeys.drawing import Drawn
    from mobigo.journeys.network import Network
    from mobigo.journeys.streetlegs import Part
    from mobigo.ondemand.catalogue import Catalogue, Ride
    from mobigo.ondemand.model import Trip
    from mobigo.street.graph import Profile

HUBS = 16
"""Stops of a zone or group that a ride to the next vehicle goes to, at most: those with the most departures."""

NEAR_METRES = 250.0
"""Metres, straight: how far from a stop without ways of its own the vehicles are that one changes to there."""

DETOUR = 1.4
"""How much longer such a way is than the straight line."""

KEPT_ONWARD = 20_000
"""Rides from stops by which what they lead to is kept."""


class Area(NamedTuple):
    """Where a service picks up or sets down: a zone, a group of stops, or a stop."""

    service: str
    kind: PlaceKind
    place: str


class Spread(NamedTuple):
    """Ways on foot between the hubs of an area and stops around them."""

    hub: NDArray[np.int32]
    """int32[n], place among the hubs."""
    stop: NDArray[np.int32]
    """int32[n]."""
    walk: NDArray[np.int32]
    """int32[n], seconds."""


class Relation(NamedTuple):
    """From one area of a service to another, by whichever of its trips runs."""

    service: str
    start: Area
    end: Area
    rides: tuple[Ride, ...]


Ridden: TypeAlias = tuple[int, int, bool, bool]
"""Relation, the stop a ride is from (to), whether it is to it, and whether one goes on on wheels."""


@dataclass(eq=False)
class Served:
    """The services of a catalogue on a network.

    Parameters
    ----------
    catalogue : Catalogue
    network : Network
        By its timetable; what live data add keeps its indices.
    """

    catalogue: Catalogue
    network: Network
    _hubs: dict[Area, NDArray[np.int32]] = field(default_factory=dict, repr=False)
    _spreads: dict[tuple[Area, bool, bool], Spread] = field(default_factory=dict, repr=False)
    _changes: dict[tuple[int, int, Profile], tuple[Part, ...]] = field(default_factory=dict, repr=False)
    _points: dict[Area, list[Point]] = field(default_factory=dict, repr=False)
    onward: dict[Ridden, tuple[object, NDArray[np.int32]]] = field(default_factory=dict, repr=False)
    """Stops that rides from stops lead to (from which they lead there), and what knew the driving times."""
    _lock: Lock = field(default_factory=Lock, repr=False)

    @cached_property
    def _drawings(self) -> Drawings:
        return Drawings(self.network.streets)

    @property
    def version(self) -> str:
        """Of the network."""
        return self.network.manifest.version

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """All pairs of areas that rides join, but those that the timetable has as trips."""
        joined: dict[tuple[Area, Area], list[Ride]] = {}
        for service in self.catalogue.services.values():
            for ride in self.catalogue.rides(service.id):
                if is_flexible(ride.pickup) or is_flexible(ride.drop_off):
                    areas = [Area(service.id, call.kind, call.place) for call in (ride.pickup, ride.drop_off)]
                    joined.setdefault((areas[0], areas[1]), []).append(ride)
        return tuple(Relation(start.service, start, end, tuple(rides)) for (start, end), rides in joined.items())

    @cached_property
    def _by_area(self) -> tuple[Mapping[Area, tuple[int, ...]], ...]:
        """Relations that start, and that end, in each area."""
        starting: dict[Area, list[int]] = {}
        ending: dict[Area, list[int]] = {}
        for number, one in enumerate(self.relations):
            starting.setdefault(one.start, []).append(number)
            ending.setdefault(one.end, []).append(number)
        return tuple({area: tuple(numbers) for area, numbers in each.items()} for each in (starting, ending))

    def relations_at(self, area: Area, *, leaving: bool) -> tuple[int, ...]:
        """List the relations that start (end) in an area, by number."""
        return self._by_area[0 if leaving else 1].get(area, ())

    # ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def zones_at(self, point: Point) -> list[Area]:
        """List the zones a point lies in."""
        return [Area(service, PlaceKind.ZONE, zone) for service, zone in self.catalogue.zones_at(point)]

    @cached_property
    def _members(self) -> dict[Area, NDArray[np.int32]]:
        """Stops of the network that groups and single stops name, ascending."""
        found: dict[Area, NDArray[np.int32]] = {}
        for relation in self.relations:
            service = self.catalogue.services[relation.service]
            ride = relation.rides[0]
            for area, call in ((relation.start, ride.pickup), (relation.end, ride.drop_off)):
                if area.kind is not PlaceKind.ZONE and area not in found:
                    names = (
                        self.catalogue.network_stop(service, stop) for stop in self.catalogue.stops_of(service, call)
                    )
                    known = {self.network.stop_index[name] for name in names if name in self.network.stop_index}
                    found[area] = np.array(sorted(known), np.int32)
        return found

    @cached_property
    def _of_stop(self) -> dict[int, list[Area]]:
        found: dict[int, list[Area]] = {}
        for area, stops in self._members.items():
            for stop in stops.tolist():
                found.setdefault(stop, []).append(area)
        return found

    @cached_property
    def is_gate(self) -> NDArray[np.bool_]:
        """bool[n_stops], whether vehicles on demand pick up or set down at a stop by name."""
        found = np.zeros(len(self.network.timetable.stop_lat), np.bool_)
        found[list(self._of_stop)] = True
        return found

    def areas_of(self, stop: int) -> list[Area]:
        """List the groups and stops of services that a stop of the network belongs to."""
        return self._of_stop.get(stop, [])

    @cached_property
    def lines(self) -> Mapping[str, tuple[str, Trip, tuple[int, ...]]]:
        """Trips of the timetable one must book, by id: service, trip, and the record of each of its stops in turn."""
        return {
            name: (service, trip, tuple(n for n, call in enumerate(trip.calls) if not is_flexible(call)))
            for name, (service, trip) in self.catalogue.booked_trips.items()
        }

    # ── stops worth a ride ────────────────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _weight(self) -> NDArray[np.float64]:
        """float64[n_stops], how many vehicles leave from the station of a stop, trains counting more; 0: none."""
        return weigh_stops(self.network.timetable)

    def hubs(self, area: Area) -> NDArray[np.int32]:
        """Return the stops of an area that are worth a ride, int32[n], the most important first."""
        known = self._hubs.get(area)
        if known is not None:
            return known
        with self._lock:
            if area not in self._hubs:
                self._hubs[area] = self._find_hubs(area)
            return self._hubs[area]

    def _find_hubs(self, area: Area) -> NDArray[np.int32]:
        timetable = self.network.timetable
        if area.kind is PlaceKind.ZONE:
            located = np.flatnonzero((self._weight > 0) & np.isfinite(timetable.stop_lat)).astype(np.int32)
            inside = self.catalogue.inside(
                area.service, area.place, timetable.stop_lon[located], timetable.stop_lat[located]
            )
            stops = located[inside]
        else:
            stops = self._members[area]
            stops = stops[np.isfinite(timetable.stop_lat[stops])]
        order = stops[np.argsort(-self._weight[stops], kind="stable")]
        _, first = np.unique(timetable.stop_station[order], return_index=True)
        return order[np.sort(first)][:HUBS].astype(np.int32)

    def hub_points(self, area: Area) -> list[Point]:
        """Return where the hubs of an area are, in their order."""
        known = self._points.get(area)
        if known is None:
            known = self._points[area] = [self.point_of(stop) for stop in self.hubs(area).tolist()]
        return known

    def far_end(self, number: int, *, leaving: bool) -> Area:
        """Return where a relation ends; for those who come by it where it starts."""
        relation = self.relations[number]
        return relation.end if leaving else relation.start

    def keep(self, key: Ridden, drives: object, found: NDArray[np.int32]) -> tuple[object, NDArray[np.int32]]:
        """Keep what a ride from a stop leads to."""
        with self._lock:
            if len(self.onward) >= KEPT_ONWARD:
                self.onward.clear()
            self.onward[key] = drives, found
        return drives, found

    @cached_property
    def middles(self) -> NDArray[np.float64]:
        """float64[n_relations, 4], longitude and latitude of the first hub of each end; not a number: it has none."""
        found = np.full((len(self.relations), 4), np.nan)
        for row, relation in zip(found, self.relations, strict=True):
            for at, area in ((0, relation.start), (2, relation.end)):
                hubs = self.hubs(area)
                if len(hubs):
                    row[at : at + 2] = self.point_of(int(hubs[0]))
        return found

    def spread(self, area: Area, *, backward: bool, wheels: bool) -> Spread:
        """Return the stops that one walks to from the hubs of an area (from which one walks to them)."""
        key = area, backward, wheels
        if key not in self._spreads:
            found = [self.ways_from(hub, backward=backward, wheels=wheels) for hub in self.hubs(area).tolist()]
            none = np.zeros(0, np.int32)
            self._spreads[key] = Spread(
                np.repeat(np.arange(len(found), dtype=np.int32), [len(stops) for stops, _ in found]),
                np.concatenate([none, *(stops for stops, _ in found)]),
                np.concatenate([none, *(walks for _, walks in found)]),
            )
        return self._spreads[key]

    def ways_from(self, stop: int, *, backward: bool, wheels: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the stops that one walks to from a stop (from which one walks to it), and the seconds; itself too."""
        network = self.network
        walks = network.wheelchair_footpaths if wheels and network.wheelchair_footpaths else network.footpaths
        first, target, seconds = (
            (walks.back_first, walks.back, walks.back_seconds)
            if backward
            else (walks.first, walks.target, walks.seconds)
        )
        rows = slice(int(first[stop]), int(first[stop + 1]))
        stops, lasting = np.asarray(target[rows]), np.asarray(seconds[rows])
        if self._weight[stops].any():
            return stops, lasting
        return self._near(stop)

    def _near(self, stop: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Go straight from a stop that no vehicle of the timetable calls at."""
        timetable = self.network.timetable
        lat, lon = np.radians(timetable.stop_lat), np.radians(timetable.stop_lon)
        metres = arc_metres(np.full_like(lat, lat[stop]), np.full_like(lon, lon[stop]), lat, lon)
        with np.errstate(invalid="ignore"):
            near = np.flatnonzero((metres <= NEAR_METRES) & (self._weight > 0)).astype(np.int32)
        return near, np.ceil(metres[near] * DETOUR / 1.2).astype(np.int32)

    def course(self, start: Point, end: Point) -> Drawn | None:
        """Draw the streets that a vehicle takes; None where there are none."""
        return self._drawings.course(start, end)

    def change(self, start: int, end: int, foot: Profile) -> tuple[Part, ...]:
        """Find the way on foot between a hub and a stop beside it; those of stations are asked for again and again."""
        key = start, end, foot
        if key not in self._changes:
            self._changes[key] = find_change(self.network, start, end, foot)
        return self._changes[key]

    def point_of(self, stop: int) -> Point:
        """Return where a stop is."""
        timetable = self.network.timetable
        return Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))
