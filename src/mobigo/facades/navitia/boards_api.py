"""HTTP: departures and arrivals, and timetables of stops, of termini and of routes."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from mobigo.db.session import Database
from mobigo.facades.navitia.answers import (
    MOST,
    Around,
    Asker,
    answer,
    link_objects,
    page_of,
    paginate,
    schema,
)
from mobigo.facades.navitia.catalogue import Way
from mobigo.facades.navitia.disruptions import ride_id, tell_ride
from mobigo.facades.navitia.errors import NavitiaError, bad_format
from mobigo.facades.navitia.ids import read_id, write_id, write_route
from mobigo.facades.navitia.places_api import Region, ResourcePath, select_in
from mobigo.facades.navitia.selection import Selection, find_ways, narrow
from mobigo.facades.navitia.times import read_instant, write_day, write_instant
from mobigo.facades.navitia.view import DIRECTION_TYPES, View, each_once
from mobigo.transit import boards
from mobigo.transit.alerts import concern_of_ride
from mobigo.transit.boards import BoardCall, State, find_planned_row, key_of
from mobigo.transit.printed import Cell, Column, list_columns, set_side_by_side
from mobigo.transit.timetable import NOT_ALLOWED, day_number

router = APIRouter()

Json = dict[str, Any]

LONGEST = 7 * 86_400
"""Seconds a board may last."""
BATCH = 200
"""Calls that are read at a time, at least."""
MOST_READ = 20_000
"""Calls that a timetable is made of, at most."""
GONE = {State.CANCELED, State.SKIPPED}
LINKED = ("line", "vehicle_journey", "route", "commercial_mode", "physical_mode", "stop_point", "stop_area", "network")


class _Asked(BaseModel):
    """What may be asked of every board."""

    from_datetime: str | None = Field(default=None, description="`YYYYMMDDTHHMMSS`, local; default now")
    duration: int = Field(default=86_400, ge=1, le=LONGEST, description="Seconds")
    depth: int = Field(default=1, ge=0, le=3)
    forbidden_uris: list[str] = Field(
        default_factory=list, alias="forbidden_uris[]", max_length=50, description="Objects not to be shown"
    )
    direction_type: Literal["all", "forward", "backward"] = "all"
    disable_geojson: bool = Field(default=False, description="Boards hold no drawings in any case")
    language: str = Field(default="fr-FR", max_length=10)
    distance: int = Field(default=200, ge=0, le=100_000, description="Metres around `coords` in the path")
    start_page: int = Field(default=0, ge=0, le=10_000)


class AskedBoard(_Asked):
    """What may be asked of departures and arrivals."""

    count: int = Field(default=10, ge=1, le=MOST)
    data_freshness: Literal["realtime", "base_schedule"] = "realtime"


class AskedSchedules(_Asked):
    """What may be asked of timetables of stops."""

    count: int = Field(default=10, ge=1, le=MOST, description="Timetables per page")
    items_per_schedule: int | None = Field(default=None, ge=0, le=1000, description="Times per timetable, at most")
    data_freshness: Literal["realtime", "base_schedule"] = "realtime"


class AskedTables(_Asked):
    """What may be asked of timetables of routes."""

    count: int = Field(default=10, ge=1, le=200, description="Timetables per page")
    items_per_schedule: int | None = Field(default=None, ge=1, le=1000, description="Trips per timetable, at most")
    data_freshness: Literal["realtime", "base_schedule"] = "base_schedule"


class _Board:
    """A board that was asked for: what a path and filters leave, seen over some time."""

    def __init__(
        self, around: Around, session: Database, asked: AskedBoard | AskedSchedules | AskedTables, path: str
    ) -> None:
        zone = around.network.manifest.zone
        self.around = around
        self.start = read_instant("from_datetime", asked.from_datetime, zone) if asked.from_datetime else around.now
        self.within = timedelta(seconds=asked.duration)
        if not path.strip("/"):
            raise bad_format(
                "a board is asked for along a path: stop_areas/ID, stop_points/ID, lines/ID, coords/LON;LAT"
            )
        self.chosen = select_in(around, session, path, asked.distance)
        self.view = around.view(running=asked.data_freshness == "realtime", depth=asked.depth, language=asked.language)
        self._forbid(asked.forbidden_uris)
        self._aim(asked.direction_type)
        live = around.network.live
        self.overlay = live.overlay if self.view.running and live is not None else None
        catalogue = around.catalogue
        pairs = self.chosen.pairs
        self.pairs = {(int(catalogue.pair_way[row]), int(catalogue.pair_stop[row])): None for row in pairs.tolist()}
        self.stops: NDArray[np.int32] = np.unique(catalogue.pair_stop[pairs]).astype(np.int32)

    @property
    def end(self) -> datetime:
        """First instant no longer shown."""
        return self.start + self.within

    @property
    def outside(self) -> bool:
        """Whether the timetable says nothing of this time."""
        catalogue = self.around.catalogue
        return self.end.date() < catalogue.first_day or self.start.date() > catalogue.last_day

    def _forbid(self, names: list[str]) -> None:
        chosen, network = self.chosen, self.around.network
        for name in names:
            kind = read_id(name).kind
            ways = find_ways(network, self.around.catalogue, name)
            if ways is not None:
                chosen.ways = ~ways if chosen.ways is None else chosen.ways & ~ways
            elif kind in {"stop_area", "stop_point"}:
                gone = Selection(network, self.around.catalogue)
                narrow(gone, kind, name)
                assert gone.stops is not None
                chosen.stops = ~gone.stops if chosen.stops is None else chosen.stops & ~gone.stops
            else:
                raise bad_format(f"forbidden_uris[]={name!r} is no line, route, network, mode, stop area or stop point")

    def _aim(self, wanted: str) -> None:
        if wanted != "all":
            aimed = np.array([DIRECTION_TYPES[way.direction] == wanted for way in self.around.catalogue.ways], np.bool_)
            self.chosen.ways = aimed if self.chosen.ways is None else self.chosen.ways & aimed

    def way_of(self, trip: int) -> Way:
        """Return the route of a trip, also of one that live data added."""
        timetable = self.view.timetable
        return Way(int(timetable.trip_route[trip]), int(timetable.trip_direction[trip]))

    def is_shown(self, call: BoardCall) -> bool:
        """Tell whether a call is shown: what does not come is, by the timetable."""
        return call.state not in GONE or not self.view.running

    def read(self, most: int, *, arrivals: bool, gone: bool = False) -> Iterator[BoardCall]:
        """Read calls, earliest first; `gone`: also those that are not shown."""
        timetable, after, given = self.view.timetable, None, 0
        size = max(BATCH, most)
        trips = None if self.chosen.trips is None else {timetable.trip_ids.at(trip) for trip in self.chosen.trips}
        while given < most and len(self.stops):
            batch = boards.list_calls(
                timetable,
                self.stops,
                self.start,
                self.within,
                size,
                arrivals=arrivals,
                overlay=self.overlay,
                after=after,
            )
            for call in batch:
                way = self.around.catalogue.way_of.get(self.way_of(call.trip))
                known = way is None or (way, call.stop) in self.pairs or (way, call.planned_stop) in self.pairs
                if way is None and self.chosen.ways is not None:
                    continue
                wanted = trips is None or timetable.trip_ids.at(call.trip) in trips
                if known and wanted and (gone or self.is_shown(call)):
                    given += 1
                    yield call
                    if given >= most:
                        return
            if len(batch) < size:
                return
            after = key_of(timetable, batch[-1])

    def times_of(self, call: BoardCall, *, arrivals: bool) -> Json:
        """Tell when a vehicle arrives and departs, now and by the timetable."""
        timetable, zone = self.view.timetable, self.view.zone
        stays = timedelta(seconds=int(timetable.call_departure[call.row]) - int(timetable.call_arrival[call.row]))
        departure = call.time + stays if arrivals else call.time
        told = {
            "arrival_date_time": write_instant(departure - stays, zone),
            "departure_date_time": write_instant(departure, zone),
            "data_freshness": "realtime" if call.state in {State.LIVE, State.ADDED} else "base_schedule",
            "additional_informations": self.extras(call, arrivals=arrivals),
            "links": [],
        }
        below = find_planned_row(timetable, self.overlay, call.row)
        if call.planned is not None:
            row = below if below >= 0 else call.row
            stayed = timedelta(seconds=int(timetable.call_departure[row]) - int(timetable.call_arrival[row]))
            planned = call.planned + stayed if arrivals else call.planned
            told |= {
                "base_arrival_date_time": write_instant(planned - stayed, zone),
                "base_departure_date_time": write_instant(planned, zone),
            }
        return told

    def extras(self, call: BoardCall, *, arrivals: bool) -> list[str]:
        """Tell what is not as usual at a call."""
        timetable = self.view.timetable
        column = timetable.call_drop_off if arrivals else timetable.call_pickup
        asked = boards.permission_of(int(column[call.row]))
        found = ["on_demand_transport"] if asked == "phone" else []
        return [*found, "date_time_estimated"] if call.repeats else found

    def name_disruptions(self, call: BoardCall) -> list[Json]:
        """Name the messages about a vehicle, and what live data change on it."""
        live, view = self.around.network.live, self.view
        if live is None:
            return []
        stops = [stop for stop in {call.stop, call.planned_stop} if stop >= 0]
        concern = concern_of_ride(view.timetable, call.trip, day_number(call.service_date), stops)
        start = self.start.timestamp()
        names = live.messages.find(concern, start, start + self.within.total_seconds())
        links = [view.link_to(live.alerts[name]) for name in names]
        if self.overlay is not None and call.row >= int(self.overlay.base_calls[0]):
            links += self._name_change(call.trip, call.service_date)
        return links

    def _name_change(self, trip: int, day: date) -> list[Json]:
        """Name what live data change on a trip, if anything."""
        view = self.view
        name = ride_id(view.timetable.trip_ids.at(trip), write_day(day))
        if name not in view.disruptions:
            columns = list_columns(view.timetable, self.overlay, [trip], day)
            told = tell_ride(view, columns[0], write_day(day)) if columns else None
            if told is None:
                return []
            view.disruptions[name] = told
        return [view.link_to_told(name, dict)]


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/departures",
    tags=["boards"],
    responses=schema(departures="Earliest first", pagination="Which page"),
)
def departures(
    around: Asker,
    session: Database,
    asked: Annotated[AskedBoard, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the next departures of a stop, of a line, or of whatever a path leaves, live unless asked otherwise."""
    return _list_calls(around, session, asked, region, resource_path, arrivals=False)


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/arrivals",
    tags=["boards"],
    responses=schema(arrivals="Earliest first", pagination="Which page"),
)
def arrivals(
    around: Asker,
    session: Database,
    asked: Annotated[AskedBoard, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the next arrivals."""
    return _list_calls(around, session, asked, region, resource_path, arrivals=True)


def _list_calls(
    around: Around, session: Database, asked: AskedBoard, region: str, path: str, *, arrivals: bool
) -> Response:
    around.check_region(region)
    board = _Board(around, session, asked, path)
    if board.outside:
        raise _out_of_bounds(board)
    view = board.view
    first = asked.start_page * asked.count
    found = list(board.read(first + asked.count + 1, arrivals=arrivals))
    told = [_tell_call(board, call, arrivals=arrivals) for call in found[first : first + asked.count]]
    name = "arrivals" if arrivals else "departures"
    pagination = paginate(len(found), asked.start_page, asked.count, len(told))
    return answer(around, view, {name: told}, pagination=pagination, links=link_objects(around, LINKED))


def _out_of_bounds(board: _Board) -> NavitiaError:
    catalogue = board.around.catalogue
    said = f"date is not in data production period: {catalogue.first_day} to {catalogue.last_day}"
    return NavitiaError(404, "date_out_of_bounds", said)


def _tell_call(board: _Board, call: BoardCall, *, arrivals: bool) -> Json:
    view = board.view
    way = board.way_of(call.trip)
    display = view.display(call.trip, call.row)
    display["links"] = each_once([*display["links"], *board.name_disruptions(call)])
    stop = view.stop_point(call.stop)
    overlay = board.overlay
    if platform := boards.platform_now(view.timetable, overlay, call.row):
        stop["platform_code"] = platform
    return {
        "display_informations": display,
        "stop_point": stop,
        "route": view.route(*way),
        "stop_date_time": board.times_of(call, arrivals=arrivals),
        "links": view.links_of_ride(call.trip),
    }


# ── timetables of stops ───────────────────────────────────────────────────────────────────────────────────────────────


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/stop_schedules",
    tags=["boards"],
    responses=schema(stop_schedules="One per stop point and route", pagination="Which page"),
)
def stop_schedules(
    around: Asker,
    session: Database,
    asked: Annotated[AskedSchedules, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the next times of every route at every stop that a path leaves."""
    around.check_region(region)
    board = _Board(around, session, asked, resource_path)
    groups: dict[tuple[int, int], list[BoardCall]] = {pair: [] for pair in board.pairs}
    for call in _read_schedules(board):
        way = around.catalogue.way_of.get(board.way_of(call.trip))
        stop = call.stop if (way, call.stop) in groups or call.planned_stop < 0 else call.planned_stop
        if way is not None:
            groups.setdefault((way, stop), []).append(call)
    names = around.network.timetable
    order = sorted(
        groups, key=lambda pair: (names.stop_names.at(pair[1]), pair[1], names.route_short_names.at(_line(board, pair)))
    )
    page, pagination = page_of(order, asked.start_page, asked.count)
    told = [_tell_schedule(board, pair, groups[pair], asked) for pair in page]
    links = link_objects(around, LINKED)
    return answer(around, board.view, {"stop_schedules": told}, pagination=pagination, links=links)


def _line(board: _Board, pair: tuple[int, int]) -> int:
    return board.around.catalogue.ways[pair[0]].line


def _read_schedules(board: _Board) -> list[BoardCall]:
    return [] if board.outside else list(board.read(MOST_READ, arrivals=False, gone=True))


def _tell_schedule(board: _Board, pair: tuple[int, int], calls: list[BoardCall], asked: AskedSchedules) -> Json:
    view = board.view
    way = board.around.catalogue.ways[pair[0]]
    shown = [call for call in calls if board.is_shown(call)]
    end = view.direction_of(*way)
    return {
        "display_informations": view.display_line(way.line) | {"direction": end.get("name", "")},
        "route": view.route(*way),
        "stop_point": view.stop_point(pair[1]),
        "date_times": [_tell_time(board, call) for call in shown[: asked.items_per_schedule]],
        "additional_informations": None if shown else _why_none(board, pair, calls),
        "first_datetime": None,
        "last_datetime": None,
        "links": [
            {"type": "line", "id": write_id("line", view.timetable.route_ids.at(way.line))},
            {"type": "route", "id": write_route(view.timetable.route_ids.at(way.line), way.direction)},
        ],
    }


def _tell_time(board: _Board, call: BoardCall) -> Json:
    view = board.view
    name = write_id("vehicle_journey", view.timetable.trip_ids.at(call.trip))
    told = {
        "date_time": write_instant(call.time, view.zone),
        "additional_informations": board.extras(call, arrivals=False),
        "links": [
            {"type": "vehicle_journey", "rel": "vehicle_journeys", "value": name, "id": name},
            *board.name_disruptions(call),
        ],
        "data_freshness": "realtime" if call.state in {State.LIVE, State.ADDED} else "base_schedule",
    }
    if call.planned is not None:
        told["base_date_time"] = write_instant(call.planned, view.zone)
    return told


def _why_none(board: _Board, pair: tuple[int, int], calls: list[BoardCall]) -> str:
    """Say why a route has no time at a stop."""
    if board.outside:
        return "date_out_of_bounds"
    if calls:
        return "active_disruption"
    timetable, catalogue = board.around.network.timetable, board.around.catalogue
    way, stop = pair
    trips = np.flatnonzero(catalogue.trip_way == way)
    mine = np.isin(timetable.trip_pattern, np.unique(timetable.trip_pattern[trips])) & (catalogue.trip_way == way)
    patterns = np.unique(timetable.trip_pattern[mine])
    boardable = [pattern for pattern in patterns.tolist() if _may_board(board, pattern, stop)]
    if not boardable:
        return "terminus"
    days = (board.start.date(), board.end.date())
    ends = False
    for day in dict.fromkeys(days):
        for column in list_columns(timetable, None, trips.tolist(), day):
            rows = [cell for cell in column.cells if timetable.call_stop[cell.row] == stop]
            if not rows:
                continue
            if int(timetable.trip_pattern[column.trip]) in boardable:
                return "no_active_circulation_this_day"
            ends = True
    return "partial_terminus" if ends else "no_departure_this_day"


def _may_board(board: _Board, pattern: int, stop: int) -> bool:
    timetable = board.around.network.timetable
    rows = slice(int(timetable.pattern_first[pattern]), int(timetable.pattern_first[pattern + 1]))
    return bool(((timetable.pattern_stop[rows] == stop) & (timetable.pattern_board[rows] == 1)).any())


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/terminus_schedules",
    tags=["boards"],
    responses=schema(terminus_schedules="One per stop point, line and terminus", pagination="Which page"),
)
def terminus_schedules(
    around: Asker,
    session: Database,
    asked: Annotated[AskedSchedules, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """List the next times at every stop that a path leaves, by line and by where vehicles end."""
    around.check_region(region)
    board = _Board(around, session, asked, resource_path)
    view, catalogue = board.view, around.catalogue
    timetable = view.timetable
    groups: dict[tuple[int, int, int], list[BoardCall]] = {}
    for call in _read_schedules(board):
        if board.is_shown(call):
            last = int(timetable.call_stop[timetable.call_first[call.trip + 1] - 1])
            key = (call.stop, int(timetable.trip_route[call.trip]), int(catalogue.area[last]))
            groups.setdefault(key, []).append(call)
    order = sorted(groups, key=lambda key: (timetable.stop_names.at(key[0]), key))
    page, pagination = page_of(order, asked.start_page, asked.count)
    told = []
    for stop, line, area in page:
        calls = groups[stop, line, area]
        way = board.way_of(calls[0].trip)
        name = timetable.stop_names.at(area)
        told.append(
            {
                "display_informations": view.display_line(line) | {"direction": name},
                "route": view.route(*way) | {"direction": view.place("stop_area", view.stop_area(area, 0))},
                "stop_point": view.stop_point(stop),
                "date_times": [_tell_time(board, call) for call in calls[: asked.items_per_schedule]],
                "additional_informations": None,
                "links": [{"type": "line", "id": write_id("line", timetable.route_ids.at(line))}],
            }
        )
    return answer(around, view, {"terminus_schedules": told}, pagination=pagination, links=link_objects(around, LINKED))


# ── timetables of routes ──────────────────────────────────────────────────────────────────────────────────────────────


@router.get(
    "/v1/coverage/{region}/{resource_path:path}/route_schedules",
    tags=["boards"],
    responses=schema(route_schedules="One per route: stops in rows, trips in columns", pagination="Which page"),
)
def route_schedules(
    around: Asker,
    session: Database,
    asked: Annotated[AskedTables, Query()],
    region: Region,
    resource_path: ResourcePath,
) -> Response:
    """Print the timetables of routes: stops in rows, trips in columns."""
    around.check_region(region)
    board = _Board(around, session, asked, resource_path)
    ways = board.chosen.list_ways()
    page, pagination = page_of(ways, asked.start_page, asked.count)
    told = [_tell_table(board, way, asked) for way in page]
    links = link_objects(around, LINKED)
    return answer(around, board.view, {"route_schedules": told}, pagination=pagination, links=links)


def _tell_table(board: _Board, number: int, asked: AskedTables) -> Json:
    view = board.view
    timetable = view.timetable
    way = board.around.catalogue.ways[number]
    mine = (timetable.trip_route == way.line) & (timetable.trip_direction == way.direction)
    trips = np.flatnonzero(mine).tolist()
    first, last = (board.start - timedelta(days=1)).date(), board.end.date()
    columns: list[Column] = []
    day = first
    while day <= last and not board.outside:
        columns += (
            one
            for one in list_columns(timetable, board.overlay, trips, day)
            if board.start <= one.cells[0].departure < board.end
            and (one.state is not State.CANCELED or not view.running)
        )
        day += timedelta(days=1)
    columns.sort(key=lambda one: one.cells[0].departure)
    printed = set_side_by_side(timetable, way.direction, columns[: asked.items_per_schedule])
    end = view.direction_of(*way)
    why = None
    if not columns:
        why = "date_out_of_bounds" if board.outside else "no_departure_this_day"
    return {
        "display_informations": view.display_line(way.line) | {"direction": end.get("name", "")},
        "table": {
            "headers": [_tell_header(view, column) for column in printed.columns],
            "rows": [
                {
                    "stop_point": view.stop_point(stop),
                    "date_times": [_tell_cell(view, column, place) for column in printed.columns],
                }
                for place, stop in enumerate(printed.stops)
            ],
        },
        "additional_informations": why,
        "links": [
            {"type": "line", "id": write_id("line", timetable.route_ids.at(way.line))},
            {"type": "route", "id": write_route(timetable.route_ids.at(way.line), way.direction)},
        ],
    }


def _tell_header(view: View, column: Column) -> Json:
    return {
        "display_informations": view.display(column.trip, column.cells[0].row),
        "additional_informations": ["has_date_time_estimated" if column.repeats else "regular"],
        "links": view.links_of_ride(column.trip),
    }


def _tell_cell(view: View, column: Column, place: int) -> Json:
    cell: Cell | None = next((one for at, one in zip(column.places, column.cells, strict=True) if at == place), None)
    if cell is None or (cell.state is State.SKIPPED and view.running):
        return {
            "date_time": "",
            "base_date_time": "",
            "additional_informations": [],
            "links": [],
            "data_freshness": None,
        }
    name = write_id("vehicle_journey", view.timetable.trip_ids.at(column.trip))
    extras = []
    if view.timetable.call_pickup[cell.row] == NOT_ALLOWED:
        extras.append("drop_off_only")
    elif view.timetable.call_drop_off[cell.row] == NOT_ALLOWED:
        extras.append("pick_up_only")
    told = {
        "date_time": write_instant(cell.departure, view.zone),
        "additional_informations": extras,
        "links": [{"type": "vehicle_journey", "rel": "vehicle_journeys", "value": name, "id": name}],
        "data_freshness": "realtime" if cell.state in {State.LIVE, State.ADDED} else "base_schedule",
    }
    if cell.planned_departure is not None:
        told["base_date_time"] = write_instant(cell.planned_departure, view.zone)
    return told
