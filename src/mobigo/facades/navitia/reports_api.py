"""HTTP: disruptions line by line and network by network, and where vehicles are."""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database
from mobigo.facades.navitia.answers import MOST, Around, Asker, answer, link_objects, page_of, schema
from mobigo.facades.navitia.places_api import Region, ResourcePath, select_in
from mobigo.facades.navitia.selection import Selection, find_ways
from mobigo.facades.navitia.times import read_instant, write_instant
from mobigo.facades.navitia.view import View, write_coord

router = APIRouter()

Json = dict[str, Any]


class AskedReports(BaseModel):
    """What may be asked of reports."""

    count: int = Field(default=25, ge=1, le=MOST)
    start_page: int = Field(default=0, ge=0, le=100_000)
    depth: int = Field(default=1, ge=0, le=3)
    since: str | None = Field(default=None, description="Only disruptions that last until then, or longer")
    until: str | None = Field(default=None, description="Only disruptions that begin by then")
    forbidden_uris: list[str] = Field(default_factory=list, alias="forbidden_uris[]", max_length=50)
    language: str = Field(default="fr-FR", max_length=10)
    distance: int = Field(default=200, ge=0, le=100_000)
    disable_geojson: bool = False


class _Report:
    """The objects that a path leaves, and the disruptions in a stretch of time."""

    def __init__(self, around: Around, session: Database, asked: AskedReports, path: str) -> None:
        zone = around.network.manifest.zone
        self.chosen = select_in(around, session, path, asked.distance)
        for name in asked.forbidden_uris:
            ways = find_ways(around.network, around.catalogue, name)
            if ways is not None:
                self.chosen.ways = ~ways if self.chosen.ways is None else self.chosen.ways & ~ways
        self.view = around.view(running=False, depth=asked.depth, language=asked.language)
        self.view.since = read_instant("since", asked.since, zone) if asked.since else None
        self.view.until = read_instant("until", asked.until, zone) if asked.until else None


@router.get(
    "/v1/coverage/{region}/line_reports",
    tags=["disruptions"],
    responses=schema(line_reports="Lines about which something is said", pagination="Which page"),
)
def line_reports(around: Asker, session: Database, asked: Annotated[AskedReports, Query()], region: Region) -> Response:
    """List the lines that something is said about: the line itself, its network, its routes, its stops."""
    around.check_region(region)
    return _answer_lines(around, _Report(around, session, asked, ""), asked)


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/line_reports",
    tags=["disruptions"],
    responses=schema(line_reports="Lines about which something is said", pagination="Which page"),
)
def line_reports_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedReports, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the lines of a path of objects that something is said about."""
    around.check_region(region)
    return _answer_lines(around, _Report(around, session, asked, resource_path), asked)


def _answer_lines(around: Around, report: _Report, asked: AskedReports) -> Response:
    view = report.view
    found = []
    for line in report.chosen.list_lines():
        objects = _disrupted_of_line(report, line)
        if objects:
            found.append((line, objects))
    page, pagination = page_of(found, asked.start_page, asked.count)
    told = [{"line": view.line(line), "pt_objects": _told_again(view, objects)} for line, objects in page]
    links = link_objects(around, ("line", "network", "stop_area", "stop_point"))
    return answer(around, view, {"line_reports": told}, pagination=pagination, links=links)


def _told_again(view: View, objects: list[tuple[str, Any]]) -> list[Json]:
    """Tell objects, and with them the disruptions of this page."""
    return [view.pt_object(kind, _tell(view, kind, one)) for kind, one in objects]


def _tell(view: View, kind: str, one: Any) -> Json:  # noqa: ANN401  an index, by kind
    if kind == "route":
        return view.route(one.line, one.direction, 0)
    tell = {"network": view.network_of, "line": view.line, "stop_area": view.stop_area, "stop_point": view.stop_point}
    return tell[kind](one) if kind == "network" else tell[kind](one, 0)  # type: ignore[operator,no-any-return]


def _disrupted_of_line(report: _Report, line: int) -> list[tuple[str, Any]]:
    """List the objects of a line about which something is said."""
    view, catalogue = report.view, report.view.catalogue
    ways = [way for way in catalogue.ways if way.line == line]
    numbers = {catalogue.way_of[way] for way in ways}
    rows = report.chosen.pairs
    mine = np.isin(catalogue.pair_way[rows], list(numbers))
    stops: list[int] = np.unique(catalogue.pair_stop[rows][mine]).tolist()
    areas = sorted({int(catalogue.area[stop]) for stop in stops})
    timetable = view.timetable
    own = timetable.route_ids.at(line)
    agency = int(timetable.route_agency[line])
    objects: list[tuple[str, Any]] = []
    if agency >= 0 and view.is_disrupted("agency", timetable.agency_ids.at(agency)):
        objects.append(("network", agency))
    if view.is_disrupted("line", own):
        objects.append(("line", line))
    objects += (("route", way) for way in ways if view.is_disrupted("route", f"{own} {way.direction}"))
    objects += (("stop_area", area) for area in areas if view.is_disrupted("stop", timetable.stop_ids.at(area)))
    points = (stop for stop in stops if catalogue.area[stop] != stop)
    objects += (("stop_point", stop) for stop in points if view.is_disrupted("stop", timetable.stop_ids.at(stop)))
    return objects


@router.get(
    "/v1/coverage/{region}/traffic_reports",
    tags=["disruptions"],
    responses=schema(traffic_reports="Networks about which something is said", pagination="Which page"),
)
def traffic_reports(
    around: Asker, session: Database, asked: Annotated[AskedReports, Query()], region: Region
) -> Response:
    """List the networks that something is said about, with their lines and stop areas."""
    around.check_region(region)
    return _answer_traffic(around, _Report(around, session, asked, ""), asked)


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/traffic_reports",
    tags=["disruptions"],
    responses=schema(traffic_reports="Networks about which something is said", pagination="Which page"),
)
def traffic_reports_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedReports, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the networks of a path of objects that something is said about."""
    around.check_region(region)
    return _answer_traffic(around, _Report(around, session, asked, resource_path), asked)


def _answer_traffic(around: Around, report: _Report, asked: AskedReports) -> Response:
    view, chosen = report.view, report.chosen
    found = []
    for agency in chosen.list_agencies():
        told = _tell_traffic(report, chosen, agency)
        if told["network"]["links"] or told["lines"] or told["stop_areas"] or told["vehicle_journeys"]:
            found.append(told)
    page, pagination = page_of(found, asked.start_page, asked.count)
    links = link_objects(around, ("line", "network", "stop_area"))
    return answer(around, view, {"traffic_reports": page}, pagination=pagination, links=links)


def _tell_traffic(report: _Report, chosen: Selection, agency: int) -> Json:
    view, catalogue = report.view, report.view.catalogue
    timetable = view.timetable
    lines = [line for line in chosen.list_lines() if int(timetable.route_agency[line]) == agency]
    numbers = {number for way, number in catalogue.way_of.items() if way.line in lines}
    rows = chosen.pairs[np.isin(catalogue.pair_way[chosen.pairs], list(numbers))]
    areas = set(catalogue.area[catalogue.pair_stop[rows]].tolist())
    trips = [timetable.trip_ids.find(own) for own in view.disrupted_trips()]
    struck = [line for line in lines if view.is_disrupted("line", timetable.route_ids.at(line))]
    closed = [area for area in sorted(areas) if view.is_disrupted("stop", timetable.stop_ids.at(area))]
    return {
        "network": view.network_of(agency),
        "lines": [view.line(line, 0) for line in struck],
        "stop_areas": [view.stop_area(area, 0) for area in closed],
        "vehicle_journeys": [
            view.vehicle_journey(trip, 0) for trip in trips if trip >= 0 and int(timetable.trip_route[trip]) in lines
        ],
    }


@router.get(
    "/v1/coverage/{region}/vehicle_positions",
    tags=["disruptions"],
    responses=schema(vehicle_positions="By line", pagination="Which page"),
)
def vehicle_positions(
    around: Asker, session: Database, asked: Annotated[AskedReports, Query()], region: Region
) -> Response:
    """Show where the vehicles are that say which trip they run, line by line."""
    around.check_region(region)
    return _answer_positions(around, _Report(around, session, asked, ""), asked)


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/vehicle_positions",
    tags=["disruptions"],
    responses=schema(vehicle_positions="By line", pagination="Which page"),
)
def vehicle_positions_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedReports, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """Show where the vehicles of a path of objects are."""
    around.check_region(region)
    return _answer_positions(around, _Report(around, session, asked, resource_path), asked)


def _answer_positions(around: Around, report: _Report, asked: AskedReports) -> Response:
    view, timetable = report.view, report.view.timetable
    lines = set(report.chosen.list_lines())
    wanted = None if report.chosen.trips is None else {timetable.trip_ids.at(trip) for trip in report.chosen.trips}
    by_line: dict[int, list[Json]] = {}
    live = around.network.live
    for one in live.vehicles if live is not None else ():
        trip = timetable.trip_ids.find(one.trip_id) if one.trip_id else -1
        line = int(timetable.trip_route[trip]) if trip >= 0 else -1
        if line not in lines or (wanted is not None and one.trip_id not in wanted):
            continue
        told: Json = {
            "vehicle_journey": view.vehicle_journey(trip, 0),
            "coord": write_coord(one.lon, one.lat),
            "latitude": one.lat,
            "longitude": one.lon,
            "feed_created_at": write_instant(view.instant(one.at), view.zone),
        }
        told |= {} if one.bearing is None else {"bearing": round(one.bearing)}
        told |= {} if one.speed is None else {"speed": round(one.speed)}
        told |= {} if one.occupancy is None else {"occupancy": one.occupancy.name}
        by_line.setdefault(line, []).append(told)
    page, pagination = page_of(sorted(by_line), asked.start_page, asked.count)
    told_lines = [{"line": view.line(line), "vehicle_journey_positions": by_line[line]} for line in page]
    links = link_objects(around, ("line", "vehicle_journey"))
    return answer(around, view, {"vehicle_positions": told_lines}, pagination=pagination, links=links)
