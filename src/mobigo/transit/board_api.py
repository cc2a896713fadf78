"""HTTP: boards of a stop, and timetables of a day, of stops and lines."""

import re
import sys
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import takewhile
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import INSTANT_PATTERN, link_next, read_instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.transit import boards
from mobigo.transit.alerts import Concern, concern_of_place, concern_of_ride
from mobigo.transit.answers import (
    AlertAnswer,
    LineAnswer,
    LineId,
    Network,
    StopId,
    StopOfLine,
    Wheelchair,
    describe_alert,
    describe_line,
    describe_stop,
    find_network,
    get_line_of,
    get_stop_of,
    three_states,
)
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.overlay import Overlay
from mobigo.transit.printed import Cell, Column, Printed, print_line
from mobigo.transit.timetable import NOT_ALLOWED, Timetable, day_number, zone_of

router = APIRouter(prefix="/v1", tags=["transit"])

CURSOR_PATTERN = r"^[0-9]{1,11}\.[0-9]{1,6}\.[0-9]{1,6}\..{1,1000}$"
"""What a cursor looks like, so that a wrong one is refused; no program needs to know."""

Boarding = Literal["regular", "phone", "driver"]


class BoardCallAnswer(BaseModel):
    """A vehicle at a stop."""

    state: boards.State = Field(
        description="`scheduled`: by the timetable, nothing more is known; `live`: observed or predicted; `no_data`:"
        " its source does not know; `skipped`: it does not call there; `canceled`: it does not run; `added`: it is not"
        " in the timetable"
    )
    service_date: date = Field(description="Service day of the trip; it may have begun the day before")
    stop_id: str = Field(description="`source:gtfs_id` of the stop or platform")
    stop_name: str
    platform: str | None
    planned_platform: str | None = Field(description="By the timetable, where it is another one")
    trip_id: str = Field(description="`source:gtfs_id`; `/v1/trips/{id}` shows its course")
    line: LineAnswer | None
    frequency: bool = Field(description="It runs every so many minutes rather than at this very minute")
    wheelchair: Wheelchair
    phone: str | None = Field(description="Of the operator, where one must call before")
    vehicle_id: str | None = Field(description="Of the vehicle that says it runs this trip")
    alerts: list[str] = Field(description="Ids of messages in `alerts` about it; those about the stop are there too")


class DepartureAnswer(BoardCallAnswer):
    """A vehicle that leaves and may be boarded."""

    departure: datetime = Field(
        description="As it is expected now, with the offset of its zone; of one that is cancelled or skips the stop, as"
        " it was planned",
        examples=["2026-11-23T07:33:00+01:00"],
    )
    planned_departure: datetime | None = Field(
        description="By the timetable; null: it is not in it", examples=["2026-11-23T07:31:00+01:00"]
    )
    headsign: str = Field(examples=["Dijon Ville"])
    pickup: Boarding = Field(description="`phone`: call before; `driver`: ask by a sign")


class ArrivalAnswer(BoardCallAnswer):
    """A vehicle that arrives and may be left."""

    arrival: datetime = Field(
        description="As it is expected now, with the offset of its zone; of one that is cancelled or skips the stop, as"
        " it was planned",
        examples=["2026-11-23T07:33:00+01:00"],
    )
    planned_arrival: datetime | None = Field(
        description="By the timetable; null: it is not in it", examples=["2026-11-23T07:31:00+01:00"]
    )
    origin: str = Field(description="Name of its first stop", examples=["Montbard"])
    drop_off: Boarding = Field(description="`phone`: call before; `driver`: tell them")


class BoardAnswer(BaseModel):
    """What every board holds."""

    stop_id: str
    stop_name: str
    start: datetime = Field(description="First instant shown")
    end: datetime = Field(description="First instant no longer shown")
    alerts: list[AlertAnswer] = Field(description="Messages about the stop, and those that its calls name")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str = Field(description="Network they were read from")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last. Also as `Link` header")


class DeparturesAnswer(BoardAnswer):
    """A departure board."""

    departures: list[DepartureAnswer] = Field(description="Earliest first")


class ArrivalsAnswer(BoardAnswer):
    """An arrival board."""

    arrivals: list[ArrivalAnswer] = Field(description="Earliest first")


class StopTimetableLine(BaseModel):
    """A line in one direction at a stop."""

    line: LineAnswer | None
    direction_id: int | None = Field(description="0 or 1; null where the feed has none")
    departures: list[DepartureAnswer] = Field(description="Earliest first")


class StopTimetableAnswer(BaseModel):
    """All departures of a stop on a service day, line by line, as they hang at the stop."""

    stop_id: str
    stop_name: str
    service_date: date
    lines: list[StopTimetableLine] = Field(description="By the line's name")
    alerts: list[AlertAnswer] = Field(description="Messages about the stop, and those that departures name")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


class CellAnswer(BaseModel):
    """A trip at a stop."""

    arrival: datetime = Field(description="As it is expected now; of what does not come, as it was planned")
    departure: datetime
    planned_arrival: datetime | None = Field(description="By the timetable; null: it is not in it")
    planned_departure: datetime | None
    state: boards.State
    stop_id: str = Field(description="Where it calls now, which may be another platform")
    platform: str | None
    pickup: Literal["regular", "none", "phone", "driver"] = Field(description="How one boards")
    drop_off: Literal["regular", "none", "phone", "driver"] = Field(description="How one alights")


class ColumnAnswer(BaseModel):
    """A trip of a printed timetable."""

    trip_id: str = Field(description="`source:gtfs_id`; `/v1/trips/{id}` shows its course")
    state: boards.State = Field(description="Of the trip as a whole; `live`: something is known about it")
    headsign: str
    frequency: bool = Field(description="It runs every so many minutes rather than at these very minutes")
    wheelchair: Wheelchair
    bikes: Wheelchair = Field(description="Whether bicycles are allowed aboard")
    calls: list[CellAnswer | None] = Field(description="One per row of `stops`; null where it does not pass")


class PrintedAnswer(BaseModel):
    """A line in one direction on a day: stops in rows, trips in columns."""

    direction_id: int | None = Field(description="0 or 1; null where the feed has none")
    stops: list[StopOfLine] = Field(description="One per row, in order; a stop that trips pass twice has two rows")
    trips: list[ColumnAnswer] = Field(description="One per column, earliest first")


class LineTimetableAnswer(BaseModel):
    """The timetable of a line on a service day."""

    line: LineAnswer
    service_date: date
    directions: list[PrintedAnswer] = Field(description="Those with a trip on that day")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


class Scope(StrEnum):
    """Whose departures a board shows."""

    STOP = "stop"
    """Of the stop named; of a station, all its platforms."""
    PLACE = "place"
    """Also of other feeds' stops at that station, and of posts of the same name around."""


BoardStart = Annotated[
    str | None,
    Query(
        max_length=60,
        description="First instant shown, ISO 8601; without an offset it is local time of the network; default now",
        json_schema_extra={"pattern": INSTANT_PATTERN},
        openapi_examples={"zone": {"value": "2026-11-23T07:30:00+01:00"}, "local": {"value": "2026-11-23T07:30"}},
    ),
]


BoardMinutes = Annotated[int, Query(ge=1, le=10_080, description="Length of the board; at most a week")]


BoardScope = Annotated[
    Scope,
    Query(
        description="`stop`: the stop named, all platforms of a station. `place`: also other feeds' stops there and"
        " posts of the same name around"
    ),
]


ServiceDay = Annotated[
    date | None,
    Query(
        alias="date",
        description="Service day; what runs after its midnight belongs to it; default today",
        openapi_examples={"day": {"value": "2026-11-23"}},
    ),
]


BoardCursor = Annotated[
    str | None,
    Query(
        max_length=1100,
        description="Where the page before ended: `next_cursor` of its answer. Without it, the first page",
        json_schema_extra={"pattern": CURSOR_PATTERN},
    ),
]
BoardLimit = Annotated[int, Query(ge=1, le=500, description="Calls per page, at most")]


Live = Annotated[
    Literal["on", "annotate", "off"],
    Query(
        alias="realtime",
        description="`off`: by the timetable, as if there were no live data; `annotate` is the same as `on` here",
    ),
]


@router.get("/stops/{id:path}/departures", responses=problems(400, 404, 422))
def list_departures(
    *,
    request: Request,
    response: Response,
    now: Now,
    id: StopId,  # noqa: A002 - the path's own name
    at: BoardStart = None,
    minutes: BoardMinutes = 60,
    scope: BoardScope = Scope.STOP,
    limit: BoardLimit = 50,
    live: Live = "on",
    cursor: BoardCursor = None,
) -> DeparturesAnswer:
    """List the vehicles that leave a stop or station and may be boarded there, earliest first.

    Trips that began the day before are there too, and the nights when clocks change are right. With live data vehicles
    stand at the time they are expected; what is cancelled stays where it was planned, and says so.
    """
    board = _find_board(request, id, at, now, minutes=minutes, scope=scope, live=live)
    page, head = _read_page(request, response, board, limit, cursor, arrivals=False)
    return DeparturesAnswer(**head, departures=[_departure(board, one) for one in page])


@router.get("/stops/{id:path}/arrivals", responses=problems(400, 404, 422))
def list_arrivals(
    *,
    request: Request,
    response: Response,
    now: Now,
    id: StopId,  # noqa: A002 - the path's own name
    at: BoardStart = None,
    minutes: BoardMinutes = 60,
    scope: BoardScope = Scope.STOP,
    limit: BoardLimit = 50,
    live: Live = "on",
    cursor: BoardCursor = None,
) -> ArrivalsAnswer:
    """List the vehicles that arrive at a stop or station and may be left there, earliest first."""
    board = _find_board(request, id, at, now, minutes=minutes, scope=scope, live=live)
    page, head = _read_page(request, response, board, limit, cursor, arrivals=True)
    return ArrivalsAnswer(**head, arrivals=[_arrival(board, one) for one in page])


@router.get("/stops/{id:path}/timetable", responses=problems(400, 404, 422))
def get_stop_timetable(
    *,
    request: Request,
    now: Now,
    id: StopId,  # noqa: A002 - the path's own name
    day: ServiceDay = None,
    scope: BoardScope = Scope.STOP,
    live: Live = "on",
) -> StopTimetableAnswer:
    """List all departures of a service day, also those after its midnight, line by line, as they hang at the stop."""
    network, stop = get_stop_of(find_network(request), id)
    board = _board_of_day(network, stop, _day(day, network, now), scope, live)
    timetable = board.timetable
    calls = boards.list_calls_of_day(
        timetable, board.stops, board.start.date(), overlay=board.live.overlay if board.live else None
    )
    groups: dict[tuple[int, int], list[boards.BoardCall]] = {}
    for call in calls:
        key = int(timetable.trip_route[call.trip]), int(timetable.trip_direction[call.trip])
        groups.setdefault(key, []).append(call)
    lines = [
        StopTimetableLine(
            line=describe_line(timetable, route) if route >= 0 else None,
            direction_id=direction if direction >= 0 else None,
            departures=[_departure(board, call) for call in found],
        )
        for (route, direction), found in groups.items()
    ]
    return StopTimetableAnswer(
        stop_id=id,
        stop_name=timetable.stop_names.at(stop),
        service_date=board.start.date(),
        lines=sorted(lines, key=lambda one: _in_order(one.line.name if one.line else "", one.direction_id)),
        alerts=_alerts(board, calls),
        live_at=_live_at(board),
        network_version=network.manifest.version,
    )


@router.get("/lines/{id:path}/timetable", responses=problems(400, 404, 422))
def get_line_timetable(
    *,
    request: Request,
    now: Now,
    id: LineId,  # noqa: A002 - the path's own name
    day: ServiceDay = None,
    direction: Annotated[int | None, Query(ge=0, le=1, description="Only this direction_id")] = None,
    live: Live = "on",
) -> LineTimetableAnswer:
    """Print the timetable of a line on a service day: its stops in rows, its trips in columns.

    Trips of different stops are merged as printed timetables have it: every trip runs down its column in order.
    """
    network, route = get_line_of(find_network(request), id)
    known = network.live if live != "off" else None
    timetable = known.overlay.timetable if known else network.timetable
    overlay = known.overlay if known else None
    on = _day(day, network, now)
    return LineTimetableAnswer(
        line=describe_line(timetable, route),
        service_date=on,
        directions=[_printed(timetable, overlay, one) for one in print_line(timetable, overlay, route, on, direction)],
        live_at=datetime.fromtimestamp(known.at, zone_of(timetable)) if known else None,
        network_version=network.manifest.version,
    )


@dataclass(frozen=True)
class _Board:
    """A board that was asked for."""

    network: Network
    timetable: Timetable
    """As vehicles run now, where there are live data."""
    live: LiveSnapshot | None
    stop: int
    stops: NDArray[np.int32]
    start: datetime
    within: timedelta

    @property
    def end(self) -> datetime:
        """First instant no longer shown."""
        return self.start + self.within

    @cached_property
    def about_stop(self) -> list[str]:
        """Ids of the messages about the stop itself."""
        place = concern_of_place(self.timetable, [self.stop, *self.stops.tolist()])
        return self._find(place)

    def about_call(self, call: boards.BoardCall) -> list[str]:
        """Ids of the messages about a vehicle."""
        stops = [stop for stop in {call.stop, call.planned_stop} if stop >= 0]
        ride = concern_of_ride(self.timetable, call.trip, day_number(call.service_date), stops)
        return [one for one in self._find(ride) if one not in self.about_stop]

    def _find(self, concern: Concern) -> list[str]:
        if self.live is None:
            return []
        start = self.start.timestamp()
        return self.live.messages.find(concern, start, start + self.within.total_seconds())


def _find_board(
    request: Request, id_: str, at: str | None, now: datetime, *, minutes: int, scope: Scope, live: str
) -> _Board:
    network, stop = get_stop_of(find_network(request), id_)
    known = network.live if live != "off" else None
    timetable = known.overlay.timetable if known else network.timetable
    start = read_instant(at, zone_of(timetable)) if at is not None else now.astimezone(zone_of(timetable))
    stops = boards.stops_meant(timetable, stop) if scope is Scope.STOP else boards.stops_of_place(timetable, stop)
    return _Board(network, timetable, known, stop, stops, start, timedelta(minutes=minutes))


def _read_page(
    request: Request, response: Response, board: _Board, limit: int, cursor: str | None, *, arrivals: bool
) -> tuple[list[boards.BoardCall], dict[str, Any]]:
    """Read a page of a board, and what its answer says besides."""
    timetable, live = board.timetable, board.live
    found = boards.list_calls(
        timetable,
        board.stops,
        board.start,
        board.within,
        limit + 1,
        arrivals=arrivals,
        overlay=live.overlay if live else None,
        after=_read_cursor(cursor) if cursor is not None else None,
    )
    page = found[:limit]
    next_cursor = _write_cursor(boards.key_of(timetable, page[-1])) if len(found) > limit else None
    link_next(request, response, next_cursor, at=board.start.isoformat())
    return page, {
        "stop_id": timetable.stop_ids.at(board.stop),
        "stop_name": timetable.stop_names.at(board.stop),
        "start": board.start,
        "end": board.end,
        "alerts": _alerts(board, page),
        "live_at": _live_at(board),
        "network_version": board.network.manifest.version,
        "next_cursor": next_cursor,
    }


def _write_cursor(key: boards.Key) -> str:
    return f"{key.instant}.{key.day}.{key.position}.{key.trip_id}"


def _read_cursor(text: str) -> boards.Key:
    if not re.fullmatch(CURSOR_PATTERN, text):
        raise InvalidInput(f"{text[:40]!r} is no cursor of a board; give next_cursor of one", code="invalid_cursor")
    instant, day, position, trip_id = text.split(".", 3)
    return boards.Key(int(instant), trip_id, int(day), int(position))


def _day(asked: date | None, network: Network, now: datetime) -> date:
    """Return the service day asked for, else today."""
    return asked or now.astimezone(zone_of(network.timetable)).date()


def _board_of_day(network: Network, stop: int, day: date, scope: Scope, live: str) -> _Board:
    """Return the board of a whole day; nobody asks when it ends."""
    known = network.live if live != "off" else None
    timetable = known.overlay.timetable if known else network.timetable
    stops = boards.stops_meant(timetable, stop) if scope is Scope.STOP else boards.stops_of_place(timetable, stop)
    start = datetime.combine(day, time(), zone_of(timetable))
    return _Board(network, timetable, known, stop, stops, start, timedelta(days=1))


def _alerts(board: _Board, calls: list[boards.BoardCall]) -> list[AlertAnswer]:
    """Return the messages that a board and its calls name."""
    if board.live is None:
        return []
    named = {*board.about_stop, *(one for call in calls for one in board.about_call(call))}
    return [describe_alert(board.live.alerts[one]) for one in sorted(named)]


def _live_at(board: _Board) -> datetime | None:
    return datetime.fromtimestamp(board.live.at, board.start.tzinfo) if board.live else None


def _in_order(name: str, direction: int | None) -> tuple[int, str, int]:
    """Sort lines as people do: 2 before 10."""
    digits = "".join(takewhile(str.isdecimal, name))
    return (int(digits) if digits else sys.maxsize, name, -1 if direction is None else direction)


def _printed(timetable: Timetable, overlay: Overlay | None, printed: Printed) -> PrintedAnswer:
    return PrintedAnswer(
        direction_id=printed.direction,
        stops=[describe_stop(timetable, stop) for stop in printed.stops],
        trips=[_column(timetable, overlay, column, len(printed.stops)) for column in printed.columns],
    )


def _column(timetable: Timetable, overlay: Overlay | None, column: Column, n_rows: int) -> ColumnAnswer:
    calls: list[CellAnswer | None] = [None] * n_rows
    for place, cell in zip(column.places, column.cells, strict=True):
        calls[place] = cell_answer(timetable, overlay, cell)
    return ColumnAnswer(
        trip_id=timetable.trip_ids.at(column.trip),
        state=column.state,
        headsign=column.headsign,
        frequency=column.repeats,
        wheelchair=three_states(int(timetable.trip_wheelchair[column.trip])),
        bikes=three_states(int(timetable.trip_bikes[column.trip])),
        calls=calls,
    )


def cell_answer(timetable: Timetable, overlay: Overlay | None, cell: Cell) -> CellAnswer:
    """Describe a trip at a stop."""
    pickup, drop_off = int(timetable.call_pickup[cell.row]), int(timetable.call_drop_off[cell.row])
    return CellAnswer(
        arrival=cell.arrival,
        departure=cell.departure,
        planned_arrival=cell.planned_arrival,
        planned_departure=cell.planned_departure,
        state=cell.state,
        stop_id=timetable.stop_ids.at(int(timetable.call_stop[cell.row])),
        platform=boards.platform_now(timetable, overlay, cell.row),
        pickup="none" if pickup == NOT_ALLOWED else boards.permission_of(pickup),
        drop_off="none" if drop_off == NOT_ALLOWED else boards.permission_of(drop_off),
    )


def _departure(board: _Board, found: boards.BoardCall) -> DepartureAnswer:
    timetable = board.timetable
    permission = boards.permission_of(timetable.call_pickup[found.row])
    return DepartureAnswer(
        departure=found.time,
        planned_departure=found.planned,
        headsign=boards.headsign(timetable, found.trip, found.row),
        pickup=permission,
        **_call(board, found, permission),
    )


def _arrival(board: _Board, found: boards.BoardCall) -> ArrivalAnswer:
    timetable = board.timetable
    permission = boards.permission_of(timetable.call_drop_off[found.row])
    return ArrivalAnswer(
        arrival=found.time,
        planned_arrival=found.planned,
        origin=timetable.stop_names.at(int(timetable.call_stop[timetable.call_first[found.trip]])),
        drop_off=permission,
        **_call(board, found, permission),
    )


def _call(board: _Board, found: boards.BoardCall, permission: Boarding) -> dict[str, Any]:
    """Return what departures and arrivals have in common."""
    timetable = board.timetable
    route = int(timetable.trip_route[found.trip])
    trip_id = timetable.trip_ids.at(found.trip)
    vehicle = board.live.find_vehicle(trip_id, found.service_date) if board.live else None
    platform = boards.platform_now(timetable, board.live.overlay if board.live else None, found.row)
    planned = (timetable.stop_platforms.at(found.planned_stop) or None) if found.planned_stop >= 0 else platform
    return {
        "state": found.state,
        "service_date": found.service_date,
        "stop_id": timetable.stop_ids.at(found.stop),
        "stop_name": timetable.stop_names.at(found.stop),
        "platform": platform,
        "planned_platform": planned if planned != platform else None,
        "trip_id": trip_id,
        "line": describe_line(timetable, route) if route >= 0 else None,
        "frequency": found.repeats,
        "wheelchair": three_states(int(timetable.trip_wheelchair[found.trip])),
        "phone": boards.phone_of(timetable, route) if permission == "phone" else None,
        "vehicle_id": vehicle.vehicle_id if vehicle else None,
        "alerts": board.about_call(found),
    }
