"""HTTP: places by name, around a point, by id; objects of public transport by name."""

from math import isfinite
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database
from mobigo.facades.navitia.answers import REGION, Around, Asker, answer, page_of, respond, schema
from mobigo.facades.navitia.catalogue import Way
from mobigo.facades.navitia.errors import bad_filter, bad_format, unknown_object
from mobigo.facades.navitia.modes import mode_of_line, physical_of
from mobigo.facades.navitia.places import find_place, tell_address, tell_object, tell_places
from mobigo.facades.navitia.selection import Selection, metres_to_stops, read_coord, select
from mobigo.facades.navitia.view import View, write_coord
from mobigo.journeys.nearby_api import list_shared_bicycles
from mobigo.kit.geo import Point, haversine
from mobigo.kit.names import fold
from mobigo.places import service, store
from mobigo.places.model import Kind

router = APIRouter()

Json = dict[str, Any]
PlaceType = Literal["stop_area", "stop_point", "address", "poi", "administrative_region"]
ObjectType = Literal["network", "commercial_mode", "line", "route", "stop_area", "stop_point"]

KINDS = {
    "stop_area": Kind.STOP,
    "address": Kind.ADDRESS,
    "poi": Kind.POI,
    "administrative_region": Kind.COMMUNE,
}
SMALLEST = 1.0
"""Metres: where a distance of nothing is asked for."""
MOST_NEAR = 1000
"""Points of interest that are looked at around a place."""

Region = Annotated[str, Path(description=f"`{REGION}`, or a point in it as `LON;LAT`")]
ResourcePath = Annotated[
    str, Path(description="Collections and ids: `stop_areas/ID`, `coords/LON;LAT`, `lines/ID/...`")
]


class _Spoken(BaseModel):
    language: str = Field(default="fr-FR", max_length=10, description="Of messages: French, else English")
    depth: int = Field(default=1, ge=0, le=3, description="How much objects tell of each other")
    disable_disruption: bool = Field(default=False, description="Name no disruptions")
    disable_geojson: bool = Field(default=False, description="Leave out drawn courses")


class AskedPlaces(_Spoken):
    """What is asked of places by name."""

    q: str = Field(min_length=1, max_length=200, description="What a person types")
    type: list[PlaceType] = Field(
        default=["stop_area", "address", "poi", "administrative_region"], alias="type[]", max_length=5
    )
    from_: str | None = Field(default=None, alias="from", description="`LON;LAT` of the person; near places are first")
    count: int = Field(default=10, ge=1, le=50)


@router.get("/v1/coverage/{region}/places", tags=["places"], responses=schema(places="Best first"))
def places(around: Asker, session: Database, asked: Annotated[AskedPlaces, Query()], region: Region) -> Response:
    """Find places by name, as for a field that completes while one types."""
    around.check_region(region)
    return _answer_places(around, session, asked)


@router.get("/v1/places", tags=["places"], responses=schema(places="Best first"))
def places_anywhere(around: Asker, session: Database, asked: Annotated[AskedPlaces, Query()]) -> Response:
    """Find places by name, without naming the coverage."""
    return _answer_places(around, session, asked)


def _answer_places(around: Around, session: Database, asked: AskedPlaces) -> Response:
    view = around.view(depth=asked.depth, language=asked.language, quiet=asked.disable_disruption)
    kinds = [KINDS["stop_area" if one == "stop_point" else one] for one in asked.type]
    near = read_coord(asked.from_) if asked.from_ is not None else None
    if asked.from_ is not None and near is None:
        raise bad_format(f"from={asked.from_!r} is not LON;LAT")
    found: list[Json] = []
    for place in service.find(session, asked.q, near=near, limit=asked.count, kinds=list(dict.fromkeys(kinds))):
        if place.kind is not Kind.STOP or "stop_area" in asked.type:
            found += tell_places(view, place)
        if place.kind is Kind.STOP and "stop_point" in asked.type:
            index = view.network.stop_index
            stops = [index[stop] for stop in place.stop_ids if stop in index]
            found += (view.place("stop_point", view.stop_point(s)) for s in stops if view.catalogue.is_point[s])
    known = {one["id"]: one for one in reversed(found)}
    return answer(around, view, {"places": list(reversed(known.values()))[: asked.count]})


PlaceId = Annotated[str, Path(description="`LON;LAT`, or the id of a place")]
Depth = Annotated[int, Query(ge=0, le=3)]


@router.get("/v1/coverage/{region}/places/{id}", tags=["places"], responses=schema(places="The one"))
@router.get("/v1/coverage/{region}/coords/{id}", tags=["places"], responses=schema(places="The one"))
def place(
    around: Asker,
    session: Database,
    region: Region,
    id: PlaceId,  # noqa: A002 - the path's own name
    depth: Depth = 1,
) -> Response:
    """Describe a place; of a point, the address there."""
    around.check_region(region)
    return _answer_place(around, session, id, depth)


@router.get("/v1/places/{id}", tags=["places"], responses=schema(places="The one"))
def place_anywhere(
    around: Asker,
    session: Database,
    id: PlaceId,  # noqa: A002 - the path's own name
    depth: Depth = 1,
) -> Response:
    """Describe a place, without naming the coverage."""
    return _answer_place(around, session, id, depth)


def _answer_place(around: Around, session: Database, name: str, depth: int) -> Response:
    view = around.view(depth=depth)
    told = tell_object(session, view, name)
    items: Json = {"places": [told]}
    if told["embedded_type"] == "address":
        items |= {"address": told["address"], "regions": [REGION]}
    return answer(around, view, items)


@router.get(
    "/v1/coords/{id}", tags=["places"], responses=schema(address="The address there", regions="Coverages of the point")
)
def coords(
    around: Asker,
    session: Database,
    id: Annotated[str, Path(description="`LON;LAT`")],  # noqa: A002 - the path's own name
) -> Response:
    """Tell the address of a point, and the coverage it lies in."""
    point = read_coord(id)
    if point is None:
        raise bad_format(f"{id!r} is not LON;LAT in degrees; longitude comes first, as 4.3347;47.4906")
    around.check_region(id)
    view = around.view()
    told = tell_address(session, view, point)
    return respond({"regions": [REGION], "address": told["address"]})


class AskedNear(_Spoken):
    """What is asked of places around a point."""

    distance: int = Field(default=500, ge=0, le=100_000, description="Metres")
    type: list[PlaceType] = Field(default=["stop_area", "stop_point", "poi"], alias="type[]", max_length=5)
    filter: str | None = Field(default=None, max_length=200, description="Only by `poi_type.id`")
    count: int = Field(default=10, ge=1, le=1000)
    start_page: int = Field(default=0, ge=0, le=10_000)
    add_poi_infos: list[str] = Field(
        default_factory=list,
        alias="add_poi_infos[]",
        max_length=5,
        description="Bicycle stations tell theirs",
    )


NEAR = schema(places_nearby="Nearest first, with `distance` in metres as text", pagination="Which page")
PointPath = Annotated[str, Path(description="`LON;LAT`")]


@router.get("/v1/coverage/{region}/places_nearby", tags=["places"], responses=NEAR)
def places_nearby(around: Asker, session: Database, asked: Annotated[AskedNear, Query()], region: Region) -> Response:
    """List what is around the point that stands for the coverage."""
    around.check_region(region)
    return _answer_near(around, session, asked, f"coords/{region}")


@router.get("/v1/coord/{point}/places_nearby", tags=["places"], responses=NEAR)
@router.get("/v1/coords/{point}/places_nearby", tags=["places"], responses=NEAR)
def places_nearby_point(
    around: Asker, session: Database, asked: Annotated[AskedNear, Query()], point: PointPath
) -> Response:
    """List what is around a point, without naming the coverage."""
    return _answer_near(around, session, asked, f"coords/{point}")


@router.get("/v1/coverage/{region}/{resource_path:path}/places_nearby", tags=["places"], responses=NEAR)
def places_nearby_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedNear, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the stops, points of interest, addresses and communes around an object or a point, nearest first."""
    around.check_region(region)
    return _answer_near(around, session, asked, resource_path)


def _answer_near(around: Around, session: Database, asked: AskedNear, path: str) -> Response:
    here = locate(around, session, path)
    view = around.view(depth=asked.depth, language=asked.language, quiet=asked.disable_disruption)
    found = sorted(_list_near(around, session, view, here, asked), key=lambda one: (one[0], one[1]["id"]))
    told = [one | {"distance": f"{metres:.0f}"} for metres, one in found]
    page, pagination = page_of(told, asked.start_page, asked.count)
    return answer(around, view, {"places_nearby": page}, pagination=pagination)


def locate(around: Around, session: Database, path: str) -> Point:
    """Return where the object is that a path ends with.

    Raises
    ------
    NavitiaError
        When it is nowhere, or not there.
    """
    chosen = select_in(around, session, path)
    if chosen.point is not None:
        return chosen.point
    timetable = around.network.timetable
    if chosen.stops is None or not chosen.stops.any():
        raise bad_format(f"{path!r} is no place; ask around a stop area, a stop point, a place or coords/LON;LAT")
    stops = [stop for stop in np.flatnonzero(chosen.stops).tolist() if isfinite(timetable.stop_lat[stop])]
    if not stops:
        raise unknown_object(f"nobody knows where {path!r} is")
    return Point(float(timetable.stop_lon[stops].mean()), float(timetable.stop_lat[stops].mean()))


def select_in(around: Around, session: Database, path: str, distance: float = 200) -> Selection:
    """Read a path of collections and ids; see `select`."""

    def find(name: str) -> tuple[Point, tuple[str, ...]]:
        place = find_place(session, name)
        return Point(place.lon, place.lat), place.stop_ids

    return select(around.network, around.catalogue, path, distance, find)


def _list_near(
    around: Around, session: Database, view: View, here: Point, asked: AskedNear
) -> list[tuple[float, Json]]:
    if asked.filter is not None:
        return _list_stations(around, view, here, asked, asked.filter)
    catalogue = around.catalogue
    metres = metres_to_stops(around.network, here)
    near = np.flatnonzero(metres <= max(asked.distance, SMALLEST))
    found: list[tuple[float, Json]] = []
    if "stop_point" in asked.type:
        points = [stop for stop in near.tolist() if catalogue.is_point[stop]]
        found += [(float(metres[stop]), view.place("stop_point", view.stop_point(stop))) for stop in points]
    if "stop_area" in asked.type:
        areas = [stop for stop in near.tolist() if catalogue.area[stop] == stop and len(catalogue.members(stop))]
        found += [(float(metres[stop]), view.place("stop_area", view.stop_area(stop))) for stop in areas]
    kinds = [KINDS[one] for one in asked.type if one not in {"stop_area", "stop_point"}]
    if kinds:
        radius = max(asked.distance, SMALLEST)
        for place, far in store.list_near(session, here, radius=radius, kinds=kinds, limit=MOST_NEAR):
            found += ((far, told) for told in tell_places(view, place))
    if "poi" in asked.type:
        found += _list_stations(around, view, here, asked, None)
    return found


BICYCLE_RENTAL = {"id": "poi_type:amenity:bicycle_rental", "name": "Station VLS"}


def _list_stations(
    around: Around, view: View, here: Point, asked: AskedNear, wanted: str | None
) -> list[tuple[float, Json]]:
    """List the stations of shared bicycles as points of interest."""
    if wanted is not None and wanted != f"poi_type.id={BICYCLE_RENTAL['id']}":
        raise bad_filter(f"filter={wanted!r}: points are told apart here by poi_type.id={BICYCLE_RENTAL['id']} only")
    found = []
    for feature in _list_shared(around, here, asked.distance):
        told = feature.properties
        point = Point(*feature.geometry.coordinates)
        if told.kind != "station" or (far := haversine(here, point)) > asked.distance:
            continue
        name = told.name or told.system
        poi = {
            "id": f"poi:{told.id}",
            "name": name,
            "label": name,
            "coord": write_coord(*point),
            "poi_type": BICYCLE_RENTAL,
            "properties": {"network": told.system, "operator": told.system},
            "administrative_regions": [],
            "stands": {
                "available_bikes": told.bikes,
                "available_places": told.docks,
                "total_stands": told.capacity,
                "status": "open" if told.rents or told.takes_back else "closed",
            },
        }
        found.append((float(far), view.place("poi", poi)))
    return found


def _list_shared(around: Around, here: Point, distance: float) -> list[Any]:
    north = max(distance, SMALLEST) / 111_000
    east = north / max(0.05, float(np.cos(np.radians(here.lat))))
    box = f"{here.lon - east:.6f},{here.lat - north:.6f},{here.lon + east:.6f},{here.lat + north:.6f}"
    return list(list_shared_bicycles(request=around.request, box=box, limit=1000).features)


class AskedFloating(BaseModel):
    """What is asked of vehicles in the street."""

    type: list[str] = Field(default_factory=list, alias="type[]", max_length=5, description="`bike`; others: none")
    distance: int = Field(default=500, ge=0, le=100_000, description="Metres")
    count: int = Field(default=10, ge=1, le=1000)
    start_page: int = Field(default=0, ge=0, le=10_000)


FLOATING = schema(free_floatings="Nearest first, with `distance` in metres", pagination="Which page")


@router.get("/v1/coord/{point}/freefloatings_nearby", tags=["places"], responses=FLOATING)
@router.get("/v1/coords/{point}/freefloatings_nearby", tags=["places"], responses=FLOATING)
def freefloatings_nearby(
    around: Asker, session: Database, asked: Annotated[AskedFloating, Query()], point: PointPath
) -> Response:
    """List shared bicycles that stand in the street around a point."""
    return _answer_floating(around, session, asked, f"coords/{point}")


@router.get("/v1/coverage/{region}/{resource_path:path}/freefloatings_nearby", tags=["places"], responses=FLOATING)
def freefloatings_nearby_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedFloating, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List shared bicycles that stand in the street around an object or a point, nearest first."""
    around.check_region(region)
    return _answer_floating(around, session, asked, resource_path)


def _answer_floating(around: Around, session: Database, asked: AskedFloating, path: str) -> Response:
    here = locate(around, session, path)
    found = []
    for feature in _list_shared(around, here, asked.distance) if not asked.type or "bike" in asked.type else []:
        told, at = feature.properties, Point(*feature.geometry.coordinates)
        far = haversine(here, at)
        if told.kind == "bicycle" and far <= asked.distance:
            found.append(
                {
                    "id": told.id,
                    "public_id": told.id,
                    "type": "bike",
                    "provider_name": told.system,
                    "coord": write_coord(*at),
                    "distance": round(far),
                }
            )
    page, pagination = page_of(sorted(found, key=lambda one: one["distance"]), asked.start_page, asked.count)
    return answer(around, None, {"free_floatings": page}, pagination=pagination)


class AskedObjects(_Spoken):
    """What is asked of objects by name."""

    q: str = Field(min_length=1, max_length=200, description="Words of the name, in any order")
    type: list[ObjectType] = Field(
        default=["network", "commercial_mode", "line", "route", "stop_area"],
        alias="type[]",
        max_length=6,
    )
    count: int = Field(default=10, ge=1, le=200)


BY_NAME = schema(pt_objects="By kind, then by name")


@router.get("/v1/coverage/{region}/pt_objects", tags=["places"], responses=BY_NAME)
def pt_objects(around: Asker, session: Database, asked: Annotated[AskedObjects, Query()], region: Region) -> Response:
    """Find networks, modes, lines, routes, stop areas and stop points by name."""
    around.check_region(region)
    return _answer_objects(around, session, asked, "")


@router.get("/v1/coverage/{region}/{resource_path:path}/pt_objects", tags=["places"], responses=BY_NAME)
def pt_objects_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedObjects, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """Find objects by name among those that a path leaves."""
    around.check_region(region)
    return _answer_objects(around, session, asked, resource_path)


def _answer_objects(around: Around, session: Database, asked: AskedObjects, path: str) -> Response:
    chosen = select_in(around, session, path)
    view = around.view(depth=asked.depth, language=asked.language, quiet=asked.disable_disruption)
    words = fold(asked.q).split()
    found: list[Json] = []
    for kind in ("network", "commercial_mode", "line", "route", "stop_area", "stop_point"):
        if kind in asked.type and words:
            found += _find_objects(view, chosen, kind, words, asked.count - len(found))
    return answer(around, view, {"pt_objects": found})


def _find_objects(view: View, chosen: Selection, kind: str, words: list[str], most: int) -> list[Json]:
    """Find the objects of a kind whose name has all words, or beginnings of them."""
    timetable = view.timetable

    def line_label(line: int) -> str:
        agency = int(timetable.route_agency[line])
        operator = timetable.agency_names.at(agency) if agency >= 0 else ""
        parts = (operator, view.physical_of_line(line).name, timetable.route_short_names.at(line))
        return f"{' '.join(part for part in parts if part)} ({view.line_name(line)})"

    if kind == "network":
        named = [(timetable.agency_names.at(one), one) for one in chosen.list_agencies()]
        return [view.pt_object(kind, view.network_of(one)) for _, one in _fitting(named, words)[:most]]
    if kind == "commercial_mode":
        modes = dict.fromkeys(physical_of(mode_of_line(timetable, line)) for line in chosen.list_lines())
        fit = _fitting([(one.name, one) for one in modes], words)[:most]
        return [view.pt_object(kind, view.commercial_mode(one)) for _, one in fit]
    if kind == "line":
        named = [(line_label(line), line) for line in chosen.list_lines()]
        return [view.pt_object(kind, view.line(line), label) for label, line in _fitting(named, words)[:most]]
    if kind == "route":
        ways = [view.catalogue.ways[way] for way in chosen.list_ways()]
        labels = [(f"{line_label(way.line)} ({_ends_of(view, way)})", way) for way in ways]
        return [
            view.pt_object(kind, view.route(way.line, way.direction), label)
            for label, way in _fitting(labels, words)[:most]
        ]
    stops = chosen.list_areas() if kind == "stop_area" else chosen.list_points()
    tell = view.stop_area if kind == "stop_area" else view.stop_point
    fit_stops = _fitting([(timetable.stop_names.at(stop), stop) for stop in stops], words)[:most]
    return [view.pt_object(kind, tell(stop)) for _, stop in fit_stops]


def _ends_of(view: View, way: Way) -> str:
    ends = view.catalogue.ends[view.catalogue.way_of[way]]
    return f"{view.timetable.stop_names.at(ends.first)} - {view.timetable.stop_names.at(ends.last)}"


def _fitting(named: list[tuple[str, Any]], words: list[str]) -> list[tuple[str, Any]]:
    """Keep what has all words, those that begin with the first one before the others."""
    kept = []
    for name, one in named:
        parts = fold(name).split()
        if all(any(part.startswith(word) for part in parts) for word in words):
            kept.append((not parts[0].startswith(words[0]), name, one))
    return [(name, one) for _, name, one in sorted(kept, key=lambda each: (each[0], fold(each[1])))]
