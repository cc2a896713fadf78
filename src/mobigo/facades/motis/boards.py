"""HTTP: departures and arrivals, and the lines of a stop, as MOTIS answers them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import Field

from mobigo.facades.motis.answers import ERRORS, StopInfoAnswer, StopTimesAnswer, Version, answer
from mobigo.facades.motis.ids import Cursor, read_cursor, read_id, read_point, write_time, write_trip
from mobigo.facades.motis.modes import Mode, expand, mode_of
from mobigo.facades.motis.parameters import Modes, RealtimeMode, Spoken, Text
from mobigo.facades.motis.scribe import KNOWN, NOT_MADE, Scribe
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import arc_metres
from mobigo.kit.parameters import read_instant
from mobigo.kit.requests import Now
from mobigo.transit import boards
from mobigo.transit.alerts import concern_of_ride
from mobigo.transit.boards import BoardCall, State, find_planned_row, headsign
from mobigo.transit.printed import Cell
from mobigo.transit.timetable import begin_day, day_number

router = APIRouter(tags=["timetable"])

SPANS = tuple(timedelta(hours=hours) for hours in (3, 12, 48, 192))
"""In which as many events as are wanted are looked for, one after the other."""
MOST_CALLS = 20_000
"""Events of a stop that are looked at in one span."""
USUAL_EVENTS, MOST_EVENTS = 20, 1000


class Direction(StrEnum):
    """Which events of an instant."""

    EARLIER = "EARLIER"
    LATER = "LATER"


class AskedStop(Spoken):
    """Which stops."""

    stop_id: Text = Field(default=None, description="`<tag>_<id>`")
    center: Text = Field(default=None, description="`latitude,longitude`, where there is no such stop; with `radius`")
    radius: int | None = Field(
        default=None, ge=0, le=50_000, description="Metres; default: the place of the stop with posts of its name"
    )
    exact_radius: bool = Field(
        default=False, description="Only what lies within; with a radius of 0 only the stop itself"
    )


class AskedStopTimes(AskedStop):
    """What may be asked of a board; `withScheduledSkippedStops` is taken and without effect."""

    time: Text = Field(default=None, description="RFC 3339; default now")
    arrive_by: bool = Field(default=False, description="Arrivals")
    both: bool = Field(default=False, description="Departures and arrivals")
    direction: Direction | None = Field(default=None, description="Default: later; of arrivals earlier")
    mode: Modes = Field(default_factory=lambda: [Mode.TRANSIT])
    n: int | None = Field(default=None, ge=0, le=MOST_EVENTS, description="Events, at least")
    window: int | None = Field(default=None, ge=0, le=7 * 86_400, description="Seconds; what gives more counts")
    fetch_stops: bool = Field(default=False, description="With the stops after (of arrivals: before)")
    page_cursor: Text = None
    with_alerts: bool = True
    realtime_mode: RealtimeMode = RealtimeMode.REALTIME


@dataclass(frozen=True)
class Event:
    """A vehicle that arrives or leaves."""

    call: BoardCall
    arrives: bool

    @property
    def instant(self) -> int:
        """Where it stands on the board, seconds since 1970 UTC."""
        return int(self.call.time.timestamp())


@dataclass(frozen=True)
class Board:
    """Stops, and how their vehicles are listed."""

    scribe: Scribe
    stops: NDArray[np.int32]
    place: dict[str, Any]
    as_planned: bool
    """Listed by the timetable, with what is known beside it."""
    wanted: frozenset[Mode]
    sides: tuple[bool, ...]
    """Of departures false, of arrivals true."""

    @cached_property
    def of_route(self) -> NDArray[np.bool_]:
        """Which lines are of a mode that is wanted; the last one stands for no line."""
        types = self.scribe.timetable.route_type.tolist()
        return np.array([*(mode_of(one) in self.wanted for one in types), Mode.OTHER in self.wanted])

    def between(self, first: datetime, last: datetime) -> list[Event]:
        """List the events from an instant to another one, both included, earliest first."""
        scribe = self.scribe
        timetable = scribe.timetable if not self.as_planned else scribe.network.timetable
        found = [
            Event(call, arrives)
            for arrives in self.sides
            for call in boards.list_calls(
                timetable,
                self.stops,
                first,
                last - first + timedelta(seconds=1),
                MOST_CALLS,
                arrivals=arrives,
                overlay=None if self.as_planned else scribe.overlay,
            )
            if self.of_route[int(timetable.trip_route[call.trip])]
        ]
        return sorted(found, key=lambda event: (event.instant, event.arrives))

    def find(self, at: datetime, n: int, window: timedelta, *, earlier: bool) -> list[Event]:
        """List so many events from an instant on (back from it), or all of a window; those of one instant together."""
        found: list[Event] = []
        for span in (window, *(one for one in SPANS if one > window)):
            found = self.between(at - span, at) if earlier else self.between(at, at + span)
            if len(found) >= n:
                break
        inside = sum(abs(event.instant - at.timestamp()) <= window.total_seconds() for event in found)
        count = max(inside, min(n, len(found)))
        if earlier:
            found.reverse()
        while 0 < count < len(found) and found[count].instant == found[count - 1].instant:
            count += 1
        return sorted(found[:count], key=lambda event: (event.instant, event.arrives))

    # ── one event ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def write(self, event: Event, *, stops: bool, alerts: bool) -> dict[str, Any]:
        """Write an event."""
        scribe, call, timetable = self.scribe, event.call, self.scribe.timetable
        cell = self._find_cell(event) if stops or self.as_planned else None
        state = cell.state if cell is not None else call.state
        place = self._place(event, cell)
        if alerts and scribe.live is not None:
            stops_there = [stop for stop in {call.stop, call.planned_stop} if stop >= 0]
            concern = concern_of_ride(timetable, call.trip, day_number(call.service_date), stops_there)
            told = scribe.alerts(scribe.live.messages.find(concern, event.instant, event.instant))
            place |= {"alerts": told} if told else {}
        first, last = int(timetable.call_first[call.trip]), int(timetable.call_first[call.trip + 1]) - 1
        found: dict[str, Any] = scribe.line(call.trip) | {
            "place": place,
            "realTime": state in KNOWN,
            "headsign": headsign(timetable, call.trip, call.row),
            "tripFrom": scribe.stop(int(timetable.call_stop[first])),
            "tripTo": scribe.stop(int(timetable.call_stop[last])),
            "tripId": self._trip(event),
            "pickupDropoffType": place["dropoffType" if event.arrives else "pickupType"],
            "cancelled": state in NOT_MADE,
            "tripCancelled": state is State.CANCELED,
        }
        if stops:
            cells = self._cells(event)
            at = cells.index(cell) if cell is not None else 0
            beside = cells[:at] if event.arrives else cells[at + 1 :]
            told = [scribe.call(one, arrives=one is not cells[0], departs=one is not cells[-1]) for one in beside]
            found["previousStops" if event.arrives else "nextStops"] = told
        return found

    def _place(self, event: Event, cell: Cell | None) -> dict[str, Any]:
        """Write where it stops, and when."""
        scribe, call, timetable = self.scribe, event.call, self.scribe.timetable
        if cell is not None:
            trip = int(np.searchsorted(timetable.call_first, cell.row, side="right")) - 1
            first, last = cell.row == timetable.call_first[trip], cell.row + 1 == timetable.call_first[trip + 1]
            return scribe.call(cell, arrives=event.arrives or not first, departs=not event.arrives or not last)
        row, below = call.row, find_planned_row(timetable, scribe.overlay, call.row)
        place = scribe.stop(call.stop) | scribe.track(row) | scribe.permissions(row, called=call.state not in NOT_MADE)
        own, other = ("arrival", "departure") if event.arrives else ("departure", "arrival")
        planned = call.planned or call.time
        place[own] = write_time(call.time)
        place[f"scheduled{own.capitalize()}"] = write_time(planned)
        trip = call.trip
        has_other = row + 1 < timetable.call_first[trip + 1] if event.arrives else row > timetable.call_first[trip]
        if has_other:
            sign = 1 if event.arrives else -1
            stay = [
                timedelta(seconds=sign * int(timetable.call_departure[one] - timetable.call_arrival[one]))
                for one in (row, below if below >= 0 else row)
            ]
            place[other] = write_time(call.time + stay[0])
            place[f"scheduled{other.capitalize()}"] = write_time(planned + stay[1])
        return place

    def _trip(self, event: Event) -> str:
        """Write which run it is."""
        call, timetable = event.call, self.scribe.timetable
        below = find_planned_row(timetable, self.scribe.overlay, call.row)
        row, instant = (below, call.planned or call.time) if below >= 0 else (call.row, call.time)
        trip = int(np.searchsorted(timetable.call_first, row, side="right")) - 1
        times = timetable.call_arrival if event.arrives else timetable.call_departure
        zone = self.scribe.network.zones[int(timetable.trip_zone[call.trip])]
        seconds = int(instant.timestamp()) - begin_day(day_number(call.service_date), zone)
        start = int(timetable.call_departure[timetable.call_first[trip]]) + seconds - int(times[row])
        return write_trip(call.service_date, start, timetable.trip_ids.at(call.trip))

    def _cells(self, event: Event) -> list[Cell]:
        """List all calls of the run, as they are now."""
        call = event.call
        for column in self.scribe.columns(self.scribe.timetable.trip_ids.at(call.trip), call.service_date):
            if any(_is_same(cell, event) for cell in column.cells):
                return list(column.cells)
        return []

    def _find_cell(self, event: Event) -> Cell | None:
        return next((cell for cell in self._cells(event) if _is_same(cell, event)), None)


def _is_same(cell: Cell, event: Event) -> bool:
    """Tell whether a call of a run is what an event is about."""
    call = event.call
    times = (cell.arrival, cell.planned_arrival) if event.arrives else (cell.departure, cell.planned_departure)
    return call.time in times and (cell.row == call.row or (call.planned or call.time) in times)


def _find_stops(scribe: Scribe, asked: AskedStop) -> tuple[NDArray[np.int32], dict[str, Any]]:
    """Return the stops that are meant, and what is to be said of the place.

    Raises
    ------
    NotFound
        When there is no such stop and no centre to take instead.
    InvalidInput
        When neither is given, or a centre without a radius.
    """
    timetable, names = scribe.timetable, scribe.network.stop_index
    stop = names.get(read_id(asked.stop_id)) if asked.stop_id and "_" in asked.stop_id else None
    if stop is not None:
        if asked.radius is None:
            return boards.stops_of_place(timetable, stop), scribe.stop(stop)
        if asked.radius == 0 and asked.exact_radius:
            return boards.stops_meant(timetable, stop), scribe.stop(stop)
        lon, lat = float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop])
        near = np.union1d(_within(scribe, lon, lat, asked.radius), boards.stops_meant(timetable, stop))
        return _with_places(scribe, near, exact=asked.exact_radius), scribe.stop(stop)
    if asked.center is None:
        if not asked.stop_id:
            raise InvalidInput("stopId or center is missing; geocode and map/stops name stops")
        raise NotFound(f"no stop {asked.stop_id!r}; geocode and map/stops name those there are", code="unknown_stop")
    if asked.radius is None:
        raise InvalidInput("center without a radius; give it in metres")
    lon, lat = read_point(asked.center, "center")
    near = _within(scribe, lon, lat, asked.radius)
    return _with_places(scribe, near, exact=asked.exact_radius), scribe.point("center", lat, lon)


def _within(scribe: Scribe, lon: float, lat: float, radius: int) -> NDArray[np.int32]:
    timetable = scribe.timetable
    lats, lons = np.radians(timetable.stop_lat), np.radians(timetable.stop_lon)
    here = np.full(lats.shape, np.radians(lat)), np.full(lons.shape, np.radians(lon))
    with np.errstate(invalid="ignore"):
        return np.flatnonzero(arc_metres(*here, lats, lons) <= radius).astype(np.int32)


def _with_places(scribe: Scribe, stops: NDArray[np.int32], *, exact: bool) -> NDArray[np.int32]:
    """Add the other stops of the places that stops belong to, unless they shall lie within the radius."""
    if exact:
        return stops
    done = np.zeros(len(scribe.timetable.stop_lat), np.bool_)
    for stop in stops.tolist():
        if not done[stop]:
            done[boards.stops_of_place(scribe.timetable, stop)] = True
    return np.flatnonzero(done).astype(np.int32)


def stoptimes(request: Request, now: Now, version: Version, asked: Annotated[AskedStopTimes, Query()]) -> Response:
    """List the next (or the former) departures or arrivals of a stop; pages neither repeat nor skip any."""
    network = request.app.state.networks.current()
    scribe = Scribe(network, version, asked.language, live=asked.realtime_mode is not RealtimeMode.OFF)
    stops, place = _find_stops(scribe, asked)
    cursor = read_cursor(asked.page_cursor) if asked.page_cursor else None
    zone = network.manifest.zone
    at = read_instant(asked.time, zone) if asked.time else now.astimezone(zone)
    earlier = (
        asked.direction is Direction.EARLIER if asked.direction is not None else asked.arrive_by and not asked.both
    )
    if cursor is not None:
        earlier, at = cursor.earlier, _read_instant(cursor)
    board = Board(
        scribe,
        stops,
        place,
        asked.realtime_mode is RealtimeMode.REALTIME_ANNOTATION_ONLY,
        expand(asked.mode),
        (False, True) if asked.both else (asked.arrive_by,),
    )
    n = asked.n if asked.n is not None else (USUAL_EVENTS if asked.window is None else 0)
    window = timedelta(seconds=asked.window or 0)
    found = board.find(at, n, window, earlier=earlier) if n or asked.window else []
    first, last = (found[0].instant, found[-1].instant) if found else (int(at.timestamp()),) * 2
    if not found and n:  # nothing as far as was looked: the next page goes on there
        beyond = int(SPANS[-1].total_seconds())
        first, last = first - beyond, last + beyond
    first, last = (first, int(at.timestamp())) if earlier else (int(at.timestamp()), last)
    return answer(
        {
            "stopTimes": [board.write(one, stops=asked.fetch_stops, alerts=asked.with_alerts) for one in found],
            "place": place,
            "previousPageCursor": str(Cursor(earlier=True, instant=first - 1)),
            "nextPageCursor": str(Cursor(earlier=False, instant=last + 1)),
        }
    )


def _read_instant(cursor: Cursor) -> datetime:
    try:
        return datetime.fromtimestamp(cursor.instant, UTC)
    except (OverflowError, ValueError):
        raise InvalidInput(f"pageCursor {str(cursor)[:40]!r} is of no day", code="invalid_cursor") from None


def stop_info(request: Request, version: Version, asked: Annotated[AskedStop, Query()]) -> Response:
    """Show a stop and the lines that serve it."""
    scribe = Scribe(request.app.state.networks.current(), version, asked.language)
    stops, place = _find_stops(scribe, asked)
    routes = [scribe.route(route) for route in boards.lines_at(scribe.timetable, stops)]
    routes.sort(key=lambda one: _in_order(one["routeShortName"] or one["routeLongName"]))
    place["modes"] = sorted({one["mode"] for one in routes})
    return answer({"place": place, "routes": routes})


def _in_order(name: str) -> tuple[int, str]:
    """Sort lines as people do: 2 before 10."""
    digits = re.match(r"\d+", name)
    return (int(digits[0]) if digits else 10**9, name)


for _version in (1, 4, 5, 6):
    router.add_api_route(
        f"/api/v{_version}/stoptimes", stoptimes, methods=["GET"], response_model=StopTimesAnswer, responses=ERRORS
    )
router.add_api_route("/api/v6/stop", stop_info, methods=["GET"], response_model=StopInfoAnswer, responses=ERRORS)
