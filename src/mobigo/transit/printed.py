"""Timetables of a day as they are printed: of a line, its stops in rows and its trips in columns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.transit.boards import STATE_OF, STATES, State, headsign
from mobigo.transit.merging import merge_stops
from mobigo.transit.overlay import NEVER, CallStatus, GoneKind
from mobigo.transit.timetable import ALL_RUNS, OFTEN, begin_day, day_number, list_running, runs_on

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable


@dataclass(frozen=True)
class Cell:
    """A trip at a stop."""

    row: int
    """Row of the timetable's calls."""
    arrival: datetime
    """Aware; as it is expected now, of what does not come as planned."""
    departure: datetime
    planned_arrival: datetime | None
    """None: it was not planned."""
    planned_departure: datetime | None
    state: State


@dataclass(frozen=True)
class Column:
    """A trip on a day."""

    trip: int
    """Trip index."""
    state: State
    """``canceled``, ``added``, ``live`` when anything is known, else ``scheduled``."""
    repeats: bool
    """It comes so often rather than at these very minutes."""
    headsign: str
    cells: tuple[Cell, ...]
    """One per call."""
    places: tuple[int, ...] = ()
    """Row of the printed timetable of each cell."""


@dataclass(frozen=True)
class Printed:
    """A line in one direction on one day."""

    direction: int | None
    """direction_id; None where the feed has none."""
    stops: tuple[int, ...]
    """Stop indices, one per row; a stop passed twice has two."""
    columns: tuple[Column, ...]


def list_columns(timetable: Timetable, overlay: Overlay | None, trips: Iterable[int], day: date) -> list[Column]:
    """List the runs of some trips on a service day, also those that live data took out, but for what they hide.

    Parameters
    ----------
    timetable : Timetable
        That of `overlay`, if there is one.
    """
    number = day_number(day)
    wanted = np.zeros(len(timetable.trip_route), np.bool_)
    wanted[list(trips)] = True
    planned = np.append(runs_on(timetable, number), False)[timetable.trip_service[timetable.run_trip]]
    running = list_running(timetable, number)
    columns = []
    for run in np.flatnonzero(planned & wanted[timetable.run_trip]).tolist():
        trip, shift = int(timetable.run_trip[run]), int(timetable.run_shift[run])
        if not running[run] and (overlay is None or _why_gone(overlay, trip, number, shift) != GoneKind.CANCELED):
            continue
        columns.append(_column(timetable, overlay, run, number, canceled=not running[run]))
    return columns


def _why_gone(overlay: Overlay, trip: int, day: int, shift: int) -> int:
    now = overlay.timetable
    gone = (now.gone_trip == trip) & (now.gone_day == day) & np.isin(now.gone_shift, (ALL_RUNS, shift))
    return int(overlay.gone_kind[gone][0])


def _column(timetable: Timetable, overlay: Overlay | None, run: int, day: int, *, canceled: bool) -> Column:
    trip, shift = int(timetable.run_trip[run]), int(timetable.run_shift[run])
    zone = ZoneInfo(timetable.zones.at(int(timetable.trip_zone[trip])))
    start = begin_day(day, zone) + shift
    rows = range(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
    cells = tuple(_cell(timetable, overlay, row, start, zone, canceled=canceled) for row in rows)
    states = {cell.state for cell in cells}
    state = State.CANCELED if canceled else State.ADDED if states == {State.ADDED} else State.SCHEDULED
    if state is State.SCHEDULED and states & {State.LIVE, State.SKIPPED, State.ADDED}:
        state = State.LIVE
    return Column(trip, state, bool(timetable.run_repeats[run] == OFTEN), headsign(timetable, trip, rows.start), cells)


def _cell(
    timetable: Timetable, overlay: Overlay | None, row: int, start: int, zone: ZoneInfo, *, canceled: bool
) -> Cell:
    arrival, departure = (
        datetime.fromtimestamp(start + int(column[row]), zone)
        for column in (timetable.call_arrival, timetable.call_departure)
    )
    if overlay is None or row < overlay.base_calls[0]:
        state = State.CANCELED if canceled else State.SCHEDULED
        return Cell(row, arrival, departure, arrival, departure, state)
    at = row - int(overlay.base_calls[0])
    planned = [
        None if column[at] == NEVER else datetime.fromtimestamp(start + int(column[at]), zone)
        for column in (overlay.call_planned_arrival, overlay.call_planned_departure)
    ]
    state = STATES[STATE_OF[CallStatus(overlay.call_status[at])]]
    if planned == [None, None]:
        state = State.ADDED
    if state is State.SKIPPED:
        arrival, departure = planned[0] or arrival, planned[1] or departure
    return Cell(row, arrival, departure, planned[0], planned[1], state)


def print_line(
    timetable: Timetable, overlay: Overlay | None, route: int, day: date, direction: int | None = None
) -> list[Printed]:
    """Print the timetable of a line on a service day, one for each direction (for each way, where none is said).

    Parameters
    ----------
    route : int
        Route index.
    direction : int, optional
        Only this direction_id.
    """
    trips = np.flatnonzero(timetable.trip_route == route)
    columns = list_columns(timetable, overlay, trips.tolist(), day)
    directions = sorted({int(timetable.trip_direction[column.trip]) for column in columns})
    printed = []
    for one in directions:
        if direction is not None and one != direction:
            continue
        own = [column for column in columns if timetable.trip_direction[column.trip] == one]
        groups = [own] if one >= 0 else _split_ways(timetable, own)
        printed += [set_side_by_side(timetable, one, group) for group in groups]
    return printed


def _split_ways(timetable: Timetable, columns: Sequence[Column]) -> list[list[Column]]:
    """Part trips that go there from those that go back, where the feed does not say: by the order of their stations."""
    of_way: dict[tuple[int, ...], list[Column]] = {}
    for column in columns:
        stations = timetable.stop_station[[timetable.call_stop[cell.row] for cell in column.cells]]
        of_way.setdefault(tuple(stations.tolist()), []).append(column)
    groups: list[tuple[dict[int, int], list[Column]]] = []
    for way in sorted(of_way, key=lambda one: (-len(of_way[one]) * len(one), one)):
        for places, members in groups:
            passed = [places[station] for station in way if station in places]
            if sum((b > a) - (b < a) for a, b in pairwise(passed)) > 0:
                members.extend(of_way[way])
                break
        else:
            groups.append(({station: place for place, station in enumerate(way)}, list(of_way[way])))
    return [members for _, members in groups]


def set_side_by_side(timetable: Timetable, direction: int, columns: Sequence[Column]) -> Printed:
    """Merge the stops of trips into one column of rows, and set the trips side by side."""
    lists = [tuple(int(timetable.call_stop[cell.row]) for cell in column.cells) for column in columns]
    uses: dict[tuple[int, ...], int] = {}
    for one in lists:
        uses[one] = uses.get(one, 0) + 1
    order = sorted(uses, key=lambda one: (-uses[one] * len(one), one))
    stops, rows = merge_stops(order)
    places = dict(zip(order, rows, strict=True))
    placed = [
        Column(one.trip, one.state, one.repeats, one.headsign, one.cells, tuple(places[its]))
        for one, its in zip(columns, lists, strict=True)
    ]
    return Printed(None if direction < 0 else direction, tuple(stops), tuple(_order(placed)))


def _order(columns: Iterable[Column]) -> list[Column]:
    """Order trips by time: by the first stop they share with a neighbour, else by when they begin."""
    ordered: list[Column] = []
    for column in sorted(columns, key=lambda one: (one.cells[0].departure.timestamp(), one.places, one.trip)):
        place = len(ordered)
        while place and _is_before(column, ordered[place - 1]):
            place -= 1
        ordered.insert(place, column)
    return ordered


def _is_before(one: Column, other: Column) -> bool:
    """Tell whether a trip is at the first stop they share before another one."""
    times = dict(zip(other.places, other.cells, strict=True))
    for place, cell in zip(one.places, one.cells, strict=True):
        if place in times:
            return cell.departure.timestamp() < times[place].departure.timestamp()
    return False
