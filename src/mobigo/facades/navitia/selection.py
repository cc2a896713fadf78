"""Paths of objects, as ``lines/line:X/stop_areas/stop_area:Y``: what of a network they leave."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from mobigo.facades.navitia.errors import bad_format, unknown_object
from mobigo.facades.navitia.ids import read_id, read_route
from mobigo.facades.navitia.modes import OF_KEY, mode_of_line
from mobigo.kit.geo import MAX_LAT, MAX_LON, Point, arc_metres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from mobigo.facades.navitia.catalogue import Catalogue
    from mobigo.journeys.network import Network

COLLECTIONS = {
    "networks": "network",
    "companies": "company",
    "lines": "line",
    "routes": "route",
    "stop_areas": "stop_area",
    "stop_points": "stop_point",
    "vehicle_journeys": "vehicle_journey",
    "trips": "trip",
    "commercial_modes": "commercial_mode",
    "physical_modes": "physical_mode",
    "disruptions": "disruption",
}
"""Collections, and the kind of their ids."""
PLACES = ("coords", "coord", "addresses", "places", "pois", "administrative_regions")
"""Collections of what is a point."""
COORD = re.compile(r"^(-?\d{1,3}(?:\.\d+)?);(-?\d{1,2}(?:\.\d+)?)$")
"""``LON;LAT``."""


def read_coord(text: str) -> Point | None:
    """Read ``LON;LAT`` (also ``coord:LON:LAT``); None where it is something else.

    Raises
    ------
    NavitiaError
        ``bad_format`` where it is no place on earth.
    """
    written = re.sub(r"^coord:([^:]+):([^:]+)$", r"\1;\2", text)
    found = COORD.match(written)
    if found is None:
        if re.match(r"^-?[\d.]+[;,]-?[\d.]+$", written):
            raise bad_format(f"{text!r} is not LON;LAT in degrees; longitude comes first, as 4.3347;47.4906")
        return None
    lon, lat = float(found[1]), float(found[2])
    if abs(lon) > MAX_LON or abs(lat) > MAX_LAT:
        raise bad_format(f"{text!r} is outside longitude ±180, latitude ±90; longitude comes first")
    return Point(lon, lat)


@dataclass
class Selection:
    """What a path leaves of a network; None: it says nothing about that."""

    network: Network
    catalogue: Catalogue
    stops: NDArray[np.bool_] | None = None
    """bool[n_stops]."""
    ways: NDArray[np.bool_] | None = None
    """bool[n_ways]."""
    trips: tuple[int, ...] | None = None
    point: Point | None = None
    last: tuple[str, str] | None = None
    """Collection and id that the path ends with."""
    disruption: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether the path says nothing."""
        return self.stops is None and self.ways is None and self.trips is None

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        """Rows of the catalogue's pairs that are left."""
        catalogue = self.catalogue
        left = np.ones(len(catalogue.pair_way), np.bool_)
        if self.ways is not None:
            left &= self.ways[catalogue.pair_way]
        if self.stops is not None:
            left &= self.stops[catalogue.pair_stop]
        return np.flatnonzero(left)

    def list_ways(self) -> list[int]:
        """List the routes that are left."""
        found: list[int] = np.unique(self.catalogue.pair_way[self.pairs]).tolist()
        return found

    def list_lines(self) -> list[int]:
        """List the lines that are left."""
        return sorted({self.catalogue.ways[way].line for way in self.list_ways()})

    def list_agencies(self) -> list[int]:
        """List the operators that are left."""
        agency = self.network.timetable.route_agency
        return sorted({int(agency[line]) for line in self.list_lines() if agency[line] >= 0})

    def list_points(self) -> list[int]:
        """List the stop points that are left: without lines in the path, also those that nobody serves."""
        if self.ways is not None or self.trips is not None:
            found: list[int] = np.unique(self.catalogue.pair_stop[self.pairs]).tolist()
            return found
        here = self.catalogue.is_point if self.stops is None else self.catalogue.is_point & self.stops
        return np.flatnonzero(here).tolist()

    def list_areas(self) -> list[int]:
        """List the stop areas that are left."""
        areas: list[int] = np.unique(self.catalogue.area[self.list_points()]).tolist() if self.list_points() else []
        return areas

    def list_trips(self) -> list[int]:
        """List the trips that are left."""
        if self.trips is not None:
            return list(self.trips)
        timetable, catalogue = self.network.timetable, self.catalogue
        left = catalogue.trip_way >= 0
        if self.ways is not None or self.stops is not None:
            chosen = np.zeros(len(catalogue.ways), np.bool_)
            chosen[self.list_ways()] = True
            left &= np.append(chosen, False)[catalogue.trip_way]
        if self.stops is not None:
            here = np.zeros(len(timetable.trip_route), np.bool_)
            rows = np.flatnonzero(self.stops[timetable.call_stop])
            here[np.searchsorted(timetable.call_first, rows, side="right") - 1] = True
            left &= here
        return np.flatnonzero(left).tolist()


def select(
    network: Network,
    catalogue: Catalogue,
    path: str,
    distance: float,
    locate: Callable[[str], tuple[Point, tuple[str, ...]]],
) -> Selection:
    """Read a path of collections and ids.

    Parameters
    ----------
    distance : float
        Metres around a point within which stops count.
    locate : function
        Finds a place that is neither coordinates nor of the timetable: where it is, and the stops that serve it.

    Raises
    ------
    NavitiaError
        ``unknown_object`` for an id that is not there, ``bad_format`` for a path that cannot be read.
    """
    chosen = Selection(network, catalogue)
    words = [word for word in path.split("/") if word]
    while words:
        collection = words.pop(0)
        if COORD.match(collection):
            words.insert(0, collection)
            collection = "coords"
        if collection not in COLLECTIONS and collection not in PLACES:
            raise unknown_object(f"{collection!r} is no collection; there are {', '.join(COLLECTIONS)}, coords, places")
        if not words:
            raise bad_format(f"an id must follow {collection!r} in the path {path!r}")
        name = words.pop(0)
        chosen.last = collection, name
        if collection in PLACES:
            _narrow_to_place(chosen, name, distance, locate)
        else:
            narrow(chosen, COLLECTIONS[collection], name)
    return chosen


def _narrow_to_place(
    chosen: Selection, name: str, distance: float, locate: Callable[[str], tuple[Point, tuple[str, ...]]]
) -> None:
    point = read_coord(name)
    kind = read_id(name).kind
    if point is None and kind in {"stop_area", "stop_point"}:
        narrow(chosen, kind, name)
        return
    if point is not None:
        chosen.point = point
        near = metres_to_stops(chosen.network, point) <= distance
    else:
        chosen.point, stops = locate(name)
        near = np.zeros(len(chosen.catalogue.area), np.bool_)
        near[[chosen.network.stop_index[stop] for stop in stops if stop in chosen.network.stop_index]] = True
        near |= metres_to_stops(chosen.network, chosen.point) <= distance
    chosen.stops = near if chosen.stops is None else chosen.stops & near


def metres_to_stops(network: Network, point: Point) -> NDArray[np.float64]:
    """Return how far stops are, float64[n_stops]; infinite where nobody knows."""
    timetable = network.timetable
    lat, lon = np.radians(timetable.stop_lat), np.radians(timetable.stop_lon)
    here = np.full_like(lat, np.radians(point.lat)), np.full_like(lon, np.radians(point.lon))
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(arc_metres(*here, lat, lon), nan=np.inf)


def narrow(chosen: Selection, kind: str, name: str) -> None:
    """Keep what belongs to an object.

    Raises
    ------
    NavitiaError
        ``unknown_object``.
    """
    read = read_id(name)
    timetable, catalogue = chosen.network.timetable, chosen.catalogue
    own = read.own if read.kind == kind else ""
    missing = unknown_object(f"no {kind} has the id {name!r}; /{_collection_of(kind)} lists them")
    if kind in {"stop_area", "stop_point"}:
        stop = chosen.network.stop_index.get(own)
        if stop is None or (kind == "stop_area" and catalogue.area[stop] != stop):
            raise missing
        if kind == "stop_point" and not catalogue.is_point[stop]:
            raise missing
        here = np.zeros(len(catalogue.area), np.bool_)
        here[catalogue.members(stop) if kind == "stop_area" else stop] = True
        chosen.stops = here if chosen.stops is None else chosen.stops & here
    elif kind in {"vehicle_journey", "trip"}:
        trips = timetable.trip_ids.find_all(own) if own else []
        if not trips:
            raise missing
        chosen.trips = tuple(trips)
        _narrow_to_trips(chosen, trips)
    elif kind == "disruption":
        chosen.disruption = name
    else:
        ways = find_ways(chosen.network, catalogue, name)
        if ways is None or read.kind != kind:
            raise missing
        chosen.ways = ways if chosen.ways is None else chosen.ways & ways


def _narrow_to_trips(chosen: Selection, trips: Iterable[int]) -> None:
    timetable, catalogue = chosen.network.timetable, chosen.catalogue
    ways = np.zeros(len(catalogue.ways), np.bool_)
    here = np.zeros(len(catalogue.area), np.bool_)
    for trip in trips:
        if catalogue.trip_way[trip] >= 0:
            ways[catalogue.trip_way[trip]] = True
        here[timetable.call_stop[timetable.call_first[trip] : timetable.call_first[trip + 1]]] = True
    chosen.ways = ways if chosen.ways is None else chosen.ways & ways
    chosen.stops = here if chosen.stops is None else chosen.stops & here


def find_ways(network: Network, catalogue: Catalogue, name: str) -> NDArray[np.bool_] | None:
    """Tell which routes an id of a line, route, network, company or mode names; None: there is no such thing."""
    kind, own = read_id(name)
    timetable = network.timetable
    lines = np.array([way.line for way in catalogue.ways], np.int64)
    if kind == "line":
        line = timetable.route_ids.find(own)
        return lines == line if line >= 0 else None
    if kind == "route":
        read = read_route(own)
        line = timetable.route_ids.find(read[0]) if read is not None else -1
        if read is None or line < 0:
            return None
        found = np.array([way == (line, read[1]) for way in catalogue.ways], np.bool_)
        return found if found.any() else None
    if kind in {"network", "company"}:
        agency = timetable.agency_ids.find(own)
        return timetable.route_agency[lines] == agency if agency >= 0 else None
    if kind in {"physical_mode", "commercial_mode"} and own in OF_KEY:
        return np.array([mode_of_line(timetable, way.line) is OF_KEY[own] for way in catalogue.ways], np.bool_)
    return None


def _collection_of(kind: str) -> str:
    return next(collection for collection, one in COLLECTIONS.items() if one == kind)
