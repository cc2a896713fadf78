"""All on-demand services there are now, looked up by place: immutable, in memory, named by a revision.

Services come from the feeds in service and from documents of the staff, which go before a feed's service of the same
id. Whatever is wrong with one stays out and is named in `Catalogue.faults`; the others serve.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry import shape

from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.ondemand import services_store
from mobigo.ondemand.checking import Fault, keep_sound
from mobigo.ondemand.flex_fares import FARES
from mobigo.ondemand.flex_read import BY_ARRANGEMENT, FORBIDDEN, is_flexible, read_services
from mobigo.ondemand.model import PlaceKind, Service
from mobigo.transit.flex_store import list_active_versions, read_flex_rows
from mobigo.transit.gtfs import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray
    from psycopg import Connection

    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import Call, Spot, Trip


class Ride(NamedTuple):
    """What one may ride: a trip, from one of its records to a later one."""

    service: str
    trip: Trip
    start: int
    """Index into ``trip.calls``: where one gets on."""
    end: int
    """Where one gets off."""

    @property
    def pickup(self) -> Call:
        """The record one gets on at."""
        return self.trip.calls[self.start]

    @property
    def drop_off(self) -> Call:
        """The record one gets off at."""
        return self.trip.calls[self.end]


class _End(NamedTuple):
    service: str
    trip: int
    call: int


@dataclass(frozen=True)
class Catalogue:
    """The services, and where they stop."""

    revision: str
    services: Mapping[str, Service]
    """By id, ``source:route_id``."""
    faults: Mapping[str, tuple[Fault, ...]]
    """By id of the service: what is wrong with it or its trips, and was left out."""
    booked_trips: Mapping[str, tuple[str, Trip]]
    """By ``source:trip_id``: service and trip of fixed times at which one must book to get on or off (virtual lines):
    the timetable has them too."""
    closed_trips: frozenset[str] = frozenset()
    """``source:trip_id`` of trips of fixed times that the timetable has too and that are not ridden as it says, since
    the staff withdrew or changed their service. Not those of a faulty service that one may ride without booking."""
    feeds: Mapping[tuple[str, int], tuple[Service, ...]] = field(default_factory=dict, repr=False)
    """Services as read, by source and version of the feed: what need not be read again."""
    outlines: Mapping[tuple[str, str], shapely.Geometry] = field(default_factory=dict, repr=False)
    """The zones, by service and the zone's id there; prepared for questions."""
    _zones: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    _tree: shapely.STRtree | None = field(default=None, repr=False)
    _of_zone: Mapping[tuple[str, str], tuple[_End, ...]] = field(default_factory=dict, repr=False)
    _of_stop: Mapping[str, tuple[_End, ...]] = field(default_factory=dict, repr=False)
    _asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def find(self, service_id: str) -> Service | None:
        """Return a service, or None."""
        return self.services.get(service_id)

    def get(self, service_id: str) -> Service:
        """Return a service.

        Raises
        ------
        NotFound
            When there is none.
        """
        found = self.services.get(service_id)
        if found is None:
            raise NotFound(
                f"there is no on-demand service {service_id!r}; /v1/ondemand/services lists them",
                code="unknown_service",
            )
        return found

    def services_at(self, point: Point) -> tuple[str, ...]:
        """List the services one of whose zones a point lies in, its edge included."""
        return tuple(sorted({service for service, _ in self.zones_at(point)}))

    def services_of_stop(self, stop_id: str) -> tuple[str, ...]:
        """List the services that name a stop of the timetable, ``source:stop_id``, by itself or in a group."""
        return tuple(sorted({end.service for end in self._of_stop.get(stop_id, ())}))

    def asked_at_stop(self, stop_id: str) -> tuple[str, ...]:
        """List the services that stop at a stop, ``source:stop_id``, for those who booked.

        Not those that name it and serve it by timetable alone, as a line with stops on request elsewhere does.
        """
        return self._asked.get(stop_id, ())

    def zones_at(self, point: Point) -> list[tuple[str, str]]:
        """List the zones a point lies in: service, and the zone's id there."""
        if self._tree is None:
            return []
        found = self._tree.query(shapely.Point(point.lon, point.lat), predicate="intersects")
        return [self._zones[index] for index in sorted(found.tolist())]

    def inside(
        self, service_id: str, zone: str, lon: NDArray[np.float64], lat: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Tell for each of many points whether it lies in a zone, its edge included."""
        found: NDArray[np.bool_] = shapely.intersects_xy(self.outlines[service_id, zone], lon, lat)
        return found

    def network_stop(self, service: Service, stop: str) -> str:
        """Return the id in the timetable, ``source:stop_id``, of a stop of a service."""
        known = service.stops.get(stop)
        return (known and known.same_as) or f"{source_of(service.id)}:{stop}"

    def stops_of(self, service: Service, call: Call) -> tuple[str, ...]:
        """List the stops that a record names, by their ids in the service; a zone names none."""
        if call.kind is PlaceKind.STOP:
            return (call.place,)
        return service.groups[call.place].stop_ids if call.kind is PlaceKind.GROUP else ()

    def rides(self, service_id: str) -> Iterator[Ride]:
        """List what one may ride with a service: pairs of records of which at least one is on demand."""
        for trip in self.get(service_id).trips:
            for start in range(len(trip.calls)):
                for end in range(start + 1, len(trip.calls)):
                    if may_ride(trip, start, end):
                        yield Ride(service_id, trip, start, end)

    def rides_between(self, origin: Spot, destination: Spot) -> tuple[Ride, ...]:
        """List what takes somebody from one place to another: a record at each, in this order."""
        return tuple(self._join(self._ends(origin), self._ends(destination)))

    def _ends(self, spot: Spot) -> list[_End]:
        ends = [end for zone in self.zones_at(spot.point) for end in self._of_zone[zone]]
        return sorted({*ends, *(self._of_stop.get(spot.stop_id, ()) if spot.stop_id else ())})

    def _join(self, origins: list[_End], destinations: list[_End]) -> Iterator[Ride]:
        arrivals = {key: list(ends) for key, ends in groupby(destinations, key=lambda end: (end.service, end.trip))}
        for start in origins:
            trip = self.services[start.service].trips[start.trip]
            for end in arrivals.get((start.service, start.trip), ()):
                if start.call < end.call and may_ride(trip, start.call, end.call):
                    yield Ride(start.service, trip, start.call, end.call)


def source_of(service_id: str) -> str:
    """Return the part of an id before its colon."""
    return service_id.partition(":")[0]


def may_ride(trip: Trip, start: int, end: int) -> bool:
    """Tell whether one may ride from one record to a later one, and must book or be in a window for it."""
    on, off = trip.calls[start], trip.calls[end]
    if FORBIDDEN in {on.pickup_type, off.drop_off_type}:
        return False
    if not (needs_booking(on, on.pickup_type) or needs_booking(off, off.drop_off_type)):
        return False
    leaves, arrives = _earliest(on), _latest(off)
    return leaves is not None and arrives is not None and leaves < arrives


def needs_booking(call: Call, type_: int | None) -> bool:
    """Tell whether a record is on demand: an area, a window, or by arrangement."""
    return is_flexible(call) or type_ == BY_ARRANGEMENT


def _earliest(call: Call) -> int | None:
    return call.window_start if call.window_start is not None else call.leaves


def _latest(call: Call) -> int | None:
    return call.window_end if call.window_end is not None else call.comes


# ── made ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_revision(connection: Connection[Any]) -> str:
    """Name what the catalogue would be made of now: the feeds in service and the last change of the staff."""
    feeds = ",".join(f"{source}@{version}" for source, version in list_active_versions(connection))
    return f"{feeds}#{services_store.count_revisions(connection)}"


def read_catalogue(connection: Connection[Any], before: Catalogue | None = None) -> Catalogue:
    """Read all services in force.

    Parameters
    ----------
    before : Catalogue, optional
        What was read from feeds that are still in service is taken over from it.
    """
    with connection.transaction():
        revision = find_revision(connection)
        if before is not None and before.revision == revision:
            return before
        known = before.feeds if before else {}
        feeds = {
            key: known[key] if key in known else _read_feed(connection, *key)
            for key in list_active_versions(connection)
        }
        written = services_store.list_newest(connection)
    services = {service.id: service for services in feeds.values() for service in services}
    unread: dict[str, tuple[Fault, ...]] = {}
    for one in written:
        try:
            found = services_store.apply(one, services.get(one.id))
        except InvalidInput as error:
            unread[one.id] = (Fault(error.code, "", str(error)),)
            continue
        if found is None:
            services.pop(one.id, None)
        else:
            services[one.id] = found
    return build_catalogue(services.values(), revision, feeds, unread)


def _read_feed(connection: Connection[Any], source: str, version: int) -> tuple[Service, ...]:
    return read_services(read_flex_rows(connection, source, version, more=FARES, other=(EXTENSION,)))


def build_catalogue(
    services: Iterable[Service],
    revision: str,
    feeds: Mapping[tuple[str, int], tuple[Service, ...]] | None = None,
    unread: Mapping[str, tuple[Fault, ...]] | None = None,
) -> Catalogue:
    """Leave out what is broken and index the rest by place.

    Parameters
    ----------
    feeds : mapping, optional
        What feeds say, by source and version, whether or not it is in force.
    unread : mapping, optional
        Faults of documents that could not be applied.
    """
    sound: dict[str, Service] = {}
    faults: dict[str, tuple[Fault, ...]] = dict(unread or {})
    for service in sorted(services, key=lambda service: service.id):
        kept, found = keep_sound(service)
        if kept is not None:
            sound[service.id] = kept
        if found:
            faults[service.id] = (*faults.get(service.id, ()), *found)
    zones = [(service.id, zone) for service in sound.values() for zone in service.zones]
    shapes = np.array([shape(sound[service].zones[zone].geometry) for service, zone in zones], dtype=object)
    shapely.prepare(shapes)
    booked = _booked_trips(sound.values())
    told = [service for services in (feeds or {}).values() for service in services]
    gone = {
        name: (id_, trip)
        for name, (id_, trip) in _booked_trips(told).items()
        if name not in booked or _fixed_times(booked[name][1]) != _fixed_times(trip)
    }
    doubtful = {id_ for id_, trip in gone.values() if _takes_anybody(trip)}
    read = (keep_sound(service)[0] for service in told if service.id in doubtful)
    readable = _booked_trips(service for service in read if service is not None)
    catalogue = Catalogue(
        revision=revision,
        services=sound,
        faults=faults,
        booked_trips=booked,
        closed_trips=frozenset(
            name for name, (_, trip) in gone.items() if name in readable or not _takes_anybody(trip)
        ),
        feeds=feeds or {},
    )
    of_zone: dict[tuple[str, str], list[_End]] = {zone: [] for zone in zones}
    of_stop: dict[str, set[_End]] = {}
    asked: dict[str, set[str]] = {}
    for service in sound.values():
        for trip_index, trip in enumerate(service.trips):
            whole = runs_if_asked(trip)
            for index, call in enumerate(trip.calls):
                end = _End(service.id, trip_index, index)
                by_booking = whole or BY_ARRANGEMENT in {call.pickup_type, call.drop_off_type}
                if call.kind is PlaceKind.ZONE:
                    of_zone[service.id, call.place].append(end)
                for stop in catalogue.stops_of(service, call):
                    name = catalogue.network_stop(service, stop)
                    of_stop.setdefault(name, set()).add(end)
                    if by_booking:
                        asked.setdefault(name, set()).add(service.id)
    return replace(
        catalogue,
        outlines=dict(zip(zones, shapes.tolist(), strict=True)),
        _zones=tuple(zones),
        _tree=shapely.STRtree(shapes) if zones else None,
        _of_zone={zone: tuple(ends) for zone, ends in of_zone.items()},
        _of_stop={stop: tuple(sorted(ends)) for stop, ends in of_stop.items()},
        _asked={stop: tuple(sorted(ids)) for stop, ids in asked.items()},
    )


def _booked_trips(services: Iterable[Service]) -> dict[str, tuple[str, Trip]]:
    return {
        f"{source_of(service.id)}:{trip.id}": (service.id, trip)
        for service in services
        for trip in service.trips
        if _is_booked(trip)
    }


def _fixed_times(trip: Trip) -> tuple[object, ...]:
    """Return the stops of fixed times and when one is there: what the timetable knows of a trip."""
    days = trip.calendar, trip.frequencies
    return days, tuple((one.place, one.arrival, one.departure) for one in trip.calls if not is_flexible(one))


def _is_booked(trip: Trip) -> bool:
    timed = [call for call in trip.calls if not is_flexible(call)]
    return len(timed) > 1 and any(BY_ARRANGEMENT in {call.pickup_type, call.drop_off_type} for call in timed)


def runs_if_asked(trip: Trip) -> bool:
    """Tell whether a trip is on demand as a whole: it leaves its way or its times, or nobody rides without booking."""
    return any(is_flexible(call) for call in trip.calls) or not _takes_anybody(trip)


def _takes_anybody(trip: Trip) -> bool:
    """Tell whether one may get on somewhere, and off further on, without booking."""
    asked = {FORBIDDEN, BY_ARRANGEMENT}
    timed = [call for call in trip.calls if not is_flexible(call)]
    ons = [at for at, call in enumerate(timed) if call.pickup_type not in asked]
    offs = [at for at, call in enumerate(timed) if call.drop_off_type not in asked]
    return bool(ons and offs) and ons[0] < offs[-1]


class Catalogues:
    """The catalogue of a process, read again when the database says that it changed; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: Catalogue | None = None

    def current(self, connection: Connection[Any]) -> Catalogue:
        """Return the services there are now."""
        revision = find_revision(connection)
        kept = self._kept
        if kept is not None and kept.revision == revision:
            return kept
        with self._lock:
            self._kept = read_catalogue(connection, self._kept)
            return self._kept
