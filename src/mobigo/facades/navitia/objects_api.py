"""HTTP: the coverage, collections of objects, and single objects, also by paths."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import numpy as np
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database
from mobigo.facades.navitia.answers import (
    MOST,
    REGION,
    Around,
    Asker,
    answer,
    link_objects,
    page_of,
    publishers,
    respond,
    schema,
)
from mobigo.facades.navitia.disruptions import id_of, periods_of, status_of, tell_alert
from mobigo.facades.navitia.errors import NavitiaError, bad_filter, unknown_object
from mobigo.facades.navitia.ids import read_id
from mobigo.facades.navitia.modes import mode_of_line, physical_of
from mobigo.facades.navitia.places_api import Region, ResourcePath, select_in
from mobigo.facades.navitia.selection import COLLECTIONS, Selection
from mobigo.facades.navitia.times import read_instant, write_day, write_instant
from mobigo.facades.navitia.view import View
from mobigo.kit.names import fold
from mobigo.transit.boards import headsign
from mobigo.transit.live import Alert, Target
from mobigo.transit.timetable import day_number, last_day, runs_on

router = APIRouter()

Json = dict[str, Any]

LINKED = ("line", "route", "stop_area", "stop_point", "network", "physical_mode", "commercial_mode")
"""Kinds that answers link to."""
ENTRANCES = (
    *COLLECTIONS,
    "places",
    "coords",
    "journeys",
    "isochrones",
    "pt_objects",
    "line_reports",
    "traffic_reports",
    "vehicle_positions",
    "places_nearby",
    "contributors",
    "datasets",
)
"""What a coverage leads to."""


@router.get("/v1", tags=["coverage"], responses=schema())
def start(around: Asker) -> Response:
    """Show where to begin."""
    names = ("coverage", "journeys", "isochrones", "places", "coords")
    links = [
        {"href": f"{around.base}/{name}", "rel": name, "type": name, "templated": False, "title": name}
        for name in names
    ]
    return respond({"links": links})


@router.get("/v1/coverage", tags=["coverage"], responses=schema(regions="The one coverage"))
def coverages(
    around: Asker,
    count: Annotated[int, Query(ge=1, le=MOST)] = 25,
    start_page: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """List the coverages: the network that serves is one."""
    page, pagination = page_of([_tell_region(around)], start_page, count)
    link = {"href": f"{around.base}/coverage/{{regions.id}}", "rel": "regions", "type": "regions", "templated": True}
    return answer(around, None, {"regions": page}, pagination=pagination, links=[link])


@router.get("/v1/coverage/{region}", tags=["coverage"], responses=schema(regions="The one coverage"))
def coverage(around: Asker, region: Region) -> Response:
    """Describe the coverage of a name, or of a point."""
    around.check_region(region)
    page, pagination = page_of([_tell_region(around)], 0, 25)
    links = [{"href": f"{around.coverage}/{name}", "rel": name, "type": name, "templated": False} for name in ENTRANCES]
    return answer(around, None, {"regions": page}, pagination=pagination, links=links)


def _tell_region(around: Around) -> Json:
    manifest, catalogue = around.network.manifest, around.catalogue
    west, south, east, north = (f"{side:.6g}" for side in catalogue.box())
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    built = write_instant(manifest.built_at, manifest.zone)
    return {
        "id": REGION,
        "name": ", ".join(one["name"] for one in publishers(around.network)) or REGION,
        "status": "running",
        "shape": f"POLYGON(({', '.join(f'{lon} {lat}' for lon, lat in corners)}))",
        "start_production_date": write_day(catalogue.first_day),
        "end_production_date": write_day(catalogue.last_day),
        "dataset_created_at": built,
        "last_load_at": built,
    }


@router.get("/v1/coverage/{region}/contributors", tags=["coverage"], responses=schema(contributors="Feeds' publishers"))
def contributors(
    around: Asker,
    region: Region,
    count: Annotated[int, Query(ge=1, le=MOST)] = 25,
    start_page: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """List who publishes the feeds of the coverage."""
    around.check_region(region)
    found = [{"id": one["id"], "name": one["name"], "license": "", "website": ""} for one in publishers(around.network)]
    page, pagination = page_of(found, start_page, count)
    return answer(around, None, {"contributors": page}, pagination=pagination)


@router.get("/v1/coverage/{region}/datasets", tags=["coverage"], responses=schema(datasets="Feeds"))
def datasets(
    around: Asker,
    region: Region,
    count: Annotated[int, Query(ge=1, le=MOST)] = 25,
    start_page: Annotated[int, Query(ge=0)] = 0,
) -> Response:
    """List the feeds of the coverage."""
    around.check_region(region)
    zone = around.network.manifest.zone
    found = []
    for source, told in sorted(around.network.manifest.feeds.items()):
        days = [str(told.get(key) or "").replace("-", "") for key in ("first_day", "last_day")]
        found.append(
            {
                "id": f"{source}:{told.get('version', '')}",
                "name": str(told.get("name") or source),
                "description": "",
                "realtime_level": "base_schedule",
                "start_validation_date": (days[0] or write_day(around.catalogue.first_day)) + "T000000",
                "end_validation_date": (days[1] or write_day(around.catalogue.last_day)) + "T000000",
                "system": "GTFS",
                "creation_date": write_instant(around.network.manifest.built_at, zone),
                "contributor": {"id": source, "name": str(told.get("name") or source), "license": "", "website": ""},
            }
        )
    page, pagination = page_of(found, start_page, count)
    return answer(around, None, {"datasets": page}, pagination=pagination)


class AskedCollection(BaseModel):
    """What may be asked of a collection."""

    count: int = Field(default=25, ge=1, le=MOST)
    start_page: int = Field(default=0, ge=0, le=100_000)
    depth: int = Field(default=1, ge=0, le=3, description="How much objects tell of each other")
    language: str = Field(default="fr-FR", max_length=10)
    distance: int = Field(default=200, ge=0, le=100_000, description="Metres around `coords` in the path")
    headsign: str | None = Field(default=None, max_length=200, description="Only what vehicles that show this concern")
    since: str | None = Field(default=None, description="Of `vehicle_journeys` and `disruptions`: not before this")
    until: str | None = Field(default=None, description="Of `vehicle_journeys` and `disruptions`: not after this")
    filter: str | None = Field(
        default=None, max_length=300, description="`COLLECTION.has_code(source,CODE)`, `line.code=CODE`"
    )
    odt_level: Literal["all"] = Field(default="all", description="Lines are not told apart by it")
    forbidden_uris: list[str] = Field(default_factory=list, alias="forbidden_uris[]", max_length=50)
    disable_geojson: bool = False
    disable_disruption: bool = False


def list_objects(
    around: Asker, session: Database, asked: Annotated[AskedCollection, Query()], region: Region
) -> Response:
    """List the objects of a collection."""
    around.check_region(region)
    return _answer_collection(around, session, asked, _collection_of(around), "", single=False)


def list_objects_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedCollection, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the objects of a collection that a path of objects leaves."""
    around.check_region(region)
    return _answer_collection(around, session, asked, _collection_of(around), resource_path, single=False)


def _collection_of(around: Around) -> str:
    return str(around.request.scope["route"].path).rpartition("/")[2]


for _name in COLLECTIONS:
    for _path, _list in (("", list_objects), ("/{resource_path:path}", list_objects_of)):
        router.add_api_route(
            f"/v1/coverage/{{region}}{_path}/{_name}",
            _list,
            methods=["GET"],
            tags=["objects"],
            summary=f"List {_name.replace('_', ' ')}",
            responses=schema(**{_name: "The objects of this page", "pagination": "Which page"}),
        )


SINGLE = schema(**dict.fromkeys(COLLECTIONS, "The one"))
"""What `get_object` answers: the collection of the last id, with one object in it."""


def get_object(
    around: Asker,
    session: Database,
    asked: Annotated[AskedCollection, Query()],
    region: Region,
    resource_path: Annotated[str, Path(description="Collections and ids, the last of them of the object wanted")],
) -> Response:
    """Describe one object: `lines/ID`, `stop_areas/ID`, `networks/ID/lines/ID` ..."""
    around.check_region(region)
    collection = next((one for one in resource_path.split("/")[-2::-1] if one in COLLECTIONS), "")
    if not collection or resource_path.count("/") % 2 == 0:
        raise NavitiaError(400, "unknown_api", f"there is no endpoint {around.request.url.path!r}")
    return _answer_collection(around, session, asked, collection, resource_path, single=True)


def _answer_collection(
    around: Around, session: Database, asked: AskedCollection, collection: str, path: str, *, single: bool
) -> Response:
    chosen = select_in(around, session, path, asked.distance)
    view = around.view(running=False, depth=asked.depth, language=asked.language, quiet=asked.disable_disruption)
    kind = COLLECTIONS[collection]
    if kind == "disruption":
        found, tell = _list_disruptions(around, view, chosen, asked)
    else:
        found, tell = _list_of_kind(view, chosen, kind)
        if kind == "vehicle_journey" and found:
            found = _list_begun(view, found, asked)
        found = [one for one in found if _fits(view, kind, one, asked)]
        if single:
            wanted = read_id(path.rpartition("/")[2])
            found = [one for one in found if read_id(tell(one)["id"]) == wanted]
    if single and not found:
        raise unknown_object(f"no {kind} fits the path {path!r}; /{collection} lists them")
    if not found and asked.filter is not None:
        raise bad_filter(f"no {kind} fits filter={asked.filter!r}")
    page, pagination = page_of(list(found), asked.start_page, asked.count)
    return answer(
        around,
        view,
        {collection: [tell(one) for one in page]},
        pagination=pagination,
        links=link_objects(around, (kind, *LINKED)),
    )


def _list_of_kind(view: View, chosen: Selection, kind: str) -> tuple[list[Any], Callable[[Any], Json]]:
    """List the indices of the objects of a kind, and how each is told."""
    if kind == "route":
        ways = [view.catalogue.ways[way] for way in chosen.list_ways()]
        return ways, lambda way: view.route(way.line, way.direction)
    indexed: dict[str, tuple[Callable[[], list[int]], Callable[[int], Json]]] = {
        "network": (chosen.list_agencies, view.network_of),
        "company": (chosen.list_agencies, view.company),
        "line": (chosen.list_lines, view.line),
        "stop_area": (chosen.list_areas, view.stop_area),
        "stop_point": (chosen.list_points, view.stop_point),
        "vehicle_journey": (chosen.list_trips, view.vehicle_journey),
        "trip": (chosen.list_trips, view.trip),
    }
    if kind in indexed:
        enumerate_, tell = indexed[kind]
        return enumerate_(), tell
    timetable = view.timetable
    modes = list(dict.fromkeys(physical_of(mode_of_line(timetable, line)) for line in chosen.list_lines()))
    return modes, view.commercial_mode if kind == "commercial_mode" else view.physical_mode


def _list_disruptions(
    around: Around, view: View, chosen: Selection, asked: AskedCollection
) -> tuple[list[Any], Callable[[Any], Json]]:
    """List the messages about what a path leaves that apply between two instants, those that apply now first."""
    live = around.network.live
    zone = around.network.manifest.zone
    since = read_instant("since", asked.since, zone) if asked.since else None
    until = read_instant("until", asked.until, zone) if asked.until else None
    found = []
    is_about = _finder(view, chosen)
    for alert in live.alerts.values() if live is not None else ():
        if chosen.disruption is not None and id_of(alert) != chosen.disruption:
            continue
        periods = periods_of(view, alert)
        if not any((until is None or b <= until) and (since is None or since <= e) for b, e in periods):
            continue
        if since is None and until is None and status_of(periods, view.now) == "past" and chosen.disruption is None:
            continue
        if not chosen.is_all and not is_about(alert):
            continue
        found.append((status_of(periods, view.now) != "active", alert.id, alert))
    return [one[2] for one in sorted(found, key=lambda one: one[:2])], lambda alert: tell_alert(view, alert)


def _finder(view: View, chosen: Selection) -> Callable[[Alert], bool]:
    """Return what tells whether a message is about something that a path leaves."""
    timetable = view.timetable
    lines = {timetable.route_ids.at(line) for line in chosen.list_lines()}
    stops = {timetable.stop_ids.at(stop) for stop in (*chosen.list_points(), *chosen.list_areas())}
    agencies = {timetable.agency_ids.at(agency) for agency in chosen.list_agencies()}

    def is_about(target: Target) -> bool:
        trip = timetable.trip_ids.find(target.trip_id) if target.trip_id is not None else -1
        line = timetable.route_ids.at(int(timetable.trip_route[trip])) if trip >= 0 else target.route_id
        if target.stop_id is not None:
            return target.stop_id in stops and (line is None or line in lines)
        return line in lines if line is not None else target.agency_id in agencies

    return lambda alert: any(is_about(target) for target in alert.targets)


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fits(view: View, kind: str, one: Any, asked: AskedCollection) -> bool:  # noqa: ANN401  an index, by kind
    if asked.forbidden_uris and kind in {"line", "network", "stop_area", "stop_point"}:
        tell = {"line": view.line, "network": view.network_of, "stop_area": view.stop_area}.get(kind, view.stop_point)
        if cast("Any", tell)(one)["id"] in asked.forbidden_uris:
            return False
    if asked.headsign is not None and not _shows(view, kind, one, asked.headsign):
        return False
    return asked.filter is None or _has(view, kind, one, asked.filter)


def _shows(view: View, kind: str, one: Any, sign: str) -> bool:  # noqa: ANN401  an index, by kind
    """Tell whether a vehicle shows a sign."""
    timetable = view.timetable
    if kind != "vehicle_journey":
        raise bad_filter("headsign is honoured for vehicle_journeys only")
    rows = range(int(timetable.call_first[one]), int(timetable.call_first[one + 1]))
    return fold(sign) in {fold(headsign(timetable, one, row)) for row in rows} | {fold(view.trip_name(one))}


def _list_begun(view: View, trips: list[int], asked: AskedCollection) -> list[int]:
    """Keep the trips that begin between two instants, on any day."""
    zone, timetable = view.zone, view.timetable
    since = read_instant("since", asked.since, zone) if asked.since else None
    until = read_instant("until", asked.until, zone) if asked.until else None
    if since is None and until is None:
        return trips
    first = int(timetable.first_day[0]) if since is None else day_number(since.date()) - 2
    last = last_day(timetable) if until is None else min(last_day(timetable), day_number(until.date()) + 1)
    leaves = timetable.call_departure[timetable.call_first[trips]].astype(np.int64)
    services = timetable.trip_service[trips]
    begun = np.zeros(len(trips), np.bool_)
    for day in range(max(first, int(timetable.first_day[0])), last + 1):
        begins = view.begin_of(day) + leaves
        runs = np.append(runs_on(timetable, day), False)[services]
        runs &= begins >= (since.timestamp() if since is not None else -np.inf)
        begun |= runs & (begins <= (until.timestamp() if until is not None else np.inf))
    return [trip for trip, fits in zip(trips, begun.tolist(), strict=True) if fits]


def _has(view: View, kind: str, one: Any, wanted: str) -> bool:  # noqa: ANN401  an index, by kind
    """Tell whether an object has a code."""
    text = wanted.replace(" ", "")
    if text.startswith(f"{kind}.has_code(") and text.endswith(")"):
        type_, comma, value = text[len(kind) + 10 : -1].partition(",")
        tells: dict[str, Any] = {
            "line": view.line,
            "stop_area": view.stop_area,
            "stop_point": view.stop_point,
            "network": view.network_of,
            "company": view.company,
            "vehicle_journey": view.vehicle_journey,
        }
        if comma and kind in tells:
            return {"type": type_, "value": value} in tells[kind](one)["codes"]
    if text.startswith("line.code=") and kind in {"line", "route"}:
        line = one if kind == "line" else one.line
        return fold(view.timetable.route_short_names.at(line)) == fold(wanted.partition("=")[2].strip('"\\ '))
    raise NavitiaError(
        400,
        "unable_to_parse",
        f"filter={wanted!r} cannot be read; there are {kind}.has_code(source,CODE), and line.code=CODE for lines and"
        " routes",
    )
