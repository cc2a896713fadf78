"""Runs found without an id: by line, direction, start, stops and planned times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kit.names import fold
from mobigo.transit.timetable import ALL_RUNS, day_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.transit.live import CallUpdate, TripUpdate
    from mobigo.transit.matching import Finder

ALIKE = 60
"""Seconds by which planned times of two sources may differ and still be the same call."""
LEAST_CALLS = 2
"""Planned times that must agree before a trip is found without its start."""
FAR_DAYS = 31
"""Days before or after now of which live data may speak."""
SPAN = 1 << 31
"""Seconds of a service day are less than this, either way."""


def key(row: int, seconds: int) -> int:
    """Put a row and a time into one number, so that rows sort by time within."""
    return (row << 32) + seconds + SPAN


def find_described(finder: Finder, update: TripUpdate, prefix: str) -> tuple[int, int, int, int] | str:
    """Find a run without its id: line, direction, start, stops and planned times must agree, with one run only.

    Returns
    -------
    Trip, day, shift and nominal shift as in `Run`; or a sentence that says why there is none.
    """
    routes = _find_routes(finder, update, prefix)
    if not routes:
        return "it is not in the timetable, nor is its line"
    planned = [call for call in update.calls if call.planned_departure is not None or call.planned_arrival is not None]
    if update.start_time is None and len(planned) < LEAST_CALLS:
        return "it is not in the timetable, and neither start_time nor planned times of two calls are said"
    days = list(finder.days_around()) if update.start_date is None else [day_number(update.start_date)]
    days = [day for day in days if abs(day - finder.today) <= FAR_DAYS]
    if update.start_time is not None:
        likely = {(trip, day) for trip in _list_starting(finder, routes, update.start_time) for day in days}
    else:
        likely = set(_list_calling(finder, routes, planned, days, prefix))
    found = {run for trip, day in likely for run in _fit(finder, update, trip, day, prefix)}
    if len(found) == 1:
        return found.pop()
    if not found:
        return "it is not in the timetable, and no trip of its line has its stops and times"
    return f"it is not in the timetable, and {len(found)} trips of its line fit what is said of it"


def _find_routes(finder: Finder, update: TripUpdate, prefix: str) -> tuple[int, ...]:
    """Lines that an update may mean: by id, else by name."""
    routes = finder.routes(prefix)
    for name in (update.route_id, update.line_name):
        if name is not None and routes[name] >= 0:
            return (routes[name],)
    if update.line_name is None:
        return ()
    named = finder.names.lines.get(fold(update.line_name), ())
    return tuple(route for route in named if finder.timetable.route_ids.at(route).startswith(prefix))


def _list_starting(finder: Finder, routes: tuple[int, ...], start: int) -> set[int]:
    """Trips of lines of which a run begins at a time."""
    keys, trips = finder.names.starting
    found: set[int] = set()
    for route in routes:
        wanted = key(route, start)
        found.update(trips[np.searchsorted(keys, wanted) : np.searchsorted(keys, wanted, side="right")].tolist())
    return found


def _list_calling(
    finder: Finder, routes: tuple[int, ...], planned: list[CallUpdate], days: list[int], prefix: str
) -> Iterator[tuple[int, int]]:
    """Trips of lines that leave the first known stop as planned, and the days on which they do."""
    table = finder.timetable
    keys, rows = finder.names.calling
    for call in planned:
        stop = -1 if call.stop_id is None else finder.stops(prefix)[call.stop_id]
        said = call.planned_departure
        if stop < 0 or said is None:
            continue
        for day in days:
            for zone in range(len(finder.zones)):
                seconds = said - finder.begins(day, zone)
                if abs(seconds) >= SPAN:
                    continue
                first, last = np.searchsorted(keys, [key(stop, seconds - ALIKE), key(stop, seconds + ALIKE + 1)])
                trips = np.searchsorted(table.call_first, rows[first:last], side="right") - 1
                for trip in trips[np.isin(table.trip_route[trips], routes)].tolist():
                    yield trip, day
        return


def _fit(finder: Finder, update: TripUpdate, trip: int, day: int, prefix: str) -> Iterator[tuple[int, int, int, int]]:
    """The run of a trip on a day, if it agrees with all that is said: stops in order, planned times, start."""
    table = finder.timetable
    way = int(table.trip_direction[trip])
    shifts = finder.names.repeats.get(trip)
    if (
        table.trip_pattern[trip] < 0
        or not finder.runs(trip, day)
        or (update.direction is not None and way >= 0 and way != update.direction)
        or (shifts is not None and update.start_time is None)
    ):
        return
    places = finder.place_calls(update.calls, trip, prefix)
    if -1 in places:
        return
    shift = 0 if shifts is None or update.start_time is None else update.start_time - int(finder.names.start[trip])
    begins = finder.begins(day, int(table.trip_zone[trip])) + shift
    row = int(table.call_first[trip])
    for call, place in zip(update.calls, places, strict=True):
        for said, times in ((call.planned_arrival, table.call_arrival), (call.planned_departure, table.call_departure)):
            if said is not None and abs(said - begins - int(times[row + place])) > ALIKE:
                return
    yield trip, day, shift, ALL_RUNS if shifts is None else shift
