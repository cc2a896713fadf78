"""What disturbances written by staff do to the timetable: trips that do not run, stops that are not called at."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.transit.laying import RELATIONS, SKIPPED, Batch
from mobigo.transit.live import Effect, Relation
from mobigo.transit.matching import DAY, Run, find_target
from mobigo.transit.timetable import ALL_RUNS, NOT_ALLOWED, day_number, list_running

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from mobigo.transit.live import Disturbance, Target
    from mobigo.transit.matching import Finder, Found

DAYS_AHEAD = 14
"""Days after today for which disturbances change the timetable; they come nearer as time goes."""


class Hit(NamedTuple):
    """What one disturbance does, by the timetable."""

    canceled: list[Run]
    """Runs that do not run."""
    changed: list[Run]
    """Runs that pass a closed stop while it is closed."""
    lost: tuple[Target, ...]
    """Targets that are not in the timetable."""


class _Period(NamedTuple):
    start: int
    end: int


class _Aim(NamedTuple):
    """A target as rows of the timetable; None: any."""

    trips: NDArray[np.bool_]
    """bool[n_trips]."""
    routes: NDArray[np.bool_]
    """bool[n_routes]."""
    stops: NDArray[np.bool_] | None
    """bool[n_stops]."""
    day: int | None
    narrow: bool
    """It names more than stops."""


def find_hit(finder: Finder, disturbance: Disturbance) -> Hit:
    """Find which runs of the timetable a disturbance cancels or changes, from yesterday to `DAYS_AHEAD` days ahead."""
    aims, lost = _aim(finder, disturbance)
    canceled: dict[Run, None] = {}
    changed: dict[Run, None] = {}
    if disturbance.effect is not Effect.NONE and aims:
        for day in range(finder.today - 2, finder.today + DAYS_AHEAD + 1):
            for period in _periods(finder, disturbance, day):
                if disturbance.effect is Effect.CANCELED:
                    canceled.update(dict.fromkeys(_find_canceled(finder, aims, period, day)))
                else:
                    changed.update(dict.fromkeys(_find_passing(finder, _closures(aims), period, day)))
    return Hit(list(canceled), list(changed), lost)


def close_stops(finder: Finder, batch: Batch, disturbances: Iterable[Disturbance]) -> NDArray[np.bool_]:
    """Let the trips of a batch pass the stops that are closed when they would call; tell which trips that concerns.

    The rows of the batch are changed in place.
    """
    concerned = np.zeros(len(batch.base), np.bool_)
    owner = np.repeat(np.arange(len(batch.base)), batch.length)
    begins = np.array(
        [finder.begins(*pair) for pair in zip(batch.day.tolist(), batch.zone.tolist(), strict=True)], np.int64
    )
    for disturbance in disturbances:
        if disturbance.effect is not Effect.STOP_CLOSED:
            continue
        for aim in _closures(_aim(finder, disturbance)[0]):
            trips = np.ones(len(batch.base), np.bool_)
            if aim.narrow:
                trips = np.where(batch.base >= 0, aim.trips[batch.base], _of_routes(aim, batch))
            if aim.day is not None:
                trips &= batch.day == aim.day
            here = trips[owner] & (batch.status != SKIPPED)
            here &= np.zeros(1, np.bool_) if aim.stops is None else aim.stops[batch.stop]
            calls = np.flatnonzero(here)
            for start, end in disturbance.alert.periods or ((None, None),):
                arrival = batch.arrival[calls] + begins[owner[calls]]
                departure = batch.departure[calls] + begins[owner[calls]]
                within = (departure >= (start or 0)) & ((end is None) | (arrival < (end or 0)))
                batch.status[calls[within]] = SKIPPED
                batch.pickup[calls[within]] = NOT_ALLOWED
                batch.drop_off[calls[within]] = NOT_ALLOWED
                concerned[owner[calls[within]]] = True
    return concerned


def find_struck(finder: Finder, batch: Batch, disturbances: Iterable[Disturbance]) -> NDArray[np.bool_]:
    """Tell which trips of a batch do not run: those that a disturbance cancels and that have no place in the timetable.

    Runs of the timetable are found by `find_hit`.
    """
    struck = np.zeros(len(batch.base), np.bool_)
    starts = batch.departure[batch.first[:-1]] + np.array(
        [finder.begins(*pair) for pair in zip(batch.day.tolist(), batch.zone.tolist(), strict=True)], np.int64
    )
    own = batch.relation == RELATIONS.index(Relation.NEW)
    for disturbance in disturbances:
        if disturbance.effect is not Effect.CANCELED:
            continue
        for aim in _aim(finder, disturbance)[0]:
            aimed = own & _of_routes(aim, batch)
            if aim.day is not None:
                aimed &= batch.day == aim.day
            for start, end in disturbance.alert.periods or ((None, None),):
                struck |= aimed & (starts >= (start or 0)) & ((end is None) | (starts < (end or 0)))
    return struck


def _of_routes(aim: _Aim, batch: Batch) -> NDArray[np.bool_]:
    """Tell which trips of a batch are of the lines aimed at; lines that only live data know are of none."""
    known = batch.route < len(aim.routes)
    return known & aim.routes[np.where(known, batch.route, 0)] if len(aim.routes) else known


def _aim(finder: Finder, disturbance: Disturbance) -> tuple[list[_Aim], tuple[Target, ...]]:
    """Turn targets into rows; those not in the timetable are told apart."""
    aims: list[_Aim] = []
    lost: list[Target] = []
    for target in disturbance.alert.targets:
        found = find_target(finder.timetable, finder.names, disturbance.source, target)
        if found is None:
            lost.append(target)
        else:
            aims.append(_rows(finder, found, target))
    return aims, tuple(lost)


def _rows(finder: Finder, found: Found, target: Target) -> _Aim:
    table = finder.timetable
    routes = np.ones(len(table.route_type), np.bool_)
    if found.agency is not None:
        routes &= table.route_agency == found.agency
    if found.route is not None:
        routes &= np.arange(len(routes)) == found.route
    if target.route_type is not None:
        routes &= table.route_type == target.route_type
    trips = routes[table.trip_route] & (table.trip_route >= 0)
    if target.direction is not None:
        trips &= table.trip_direction == target.direction
    if found.trip is not None:
        trips &= np.arange(len(trips)) == found.trip
        routes = np.zeros(len(routes), np.bool_)
    stops = None
    if found.stops is not None:
        stops = np.zeros(len(table.stop_type), np.bool_)
        stops[found.stops] = True
    narrow = any(
        value is not None
        for value in (target.agency_id, target.route_id, target.direction, target.trip_id, target.route_type)
    )
    day = None if target.start_date is None else day_number(target.start_date)
    return _Aim(trips, routes, stops, day, narrow)


def _closures(aims: Sequence[_Aim]) -> list[_Aim]:
    """Which trips do not call at which stops: targets that name only lines narrow those that name only stops."""
    lines = [aim for aim in aims if aim.stops is None]
    closed: list[_Aim] = []
    for aim in aims:
        if aim.stops is None:
            continue
        if aim.narrow or not lines:
            closed.append(aim)
        else:
            closed.extend(line._replace(stops=aim.stops, narrow=True) for line in lines)
    return closed


def _periods(finder: Finder, disturbance: Disturbance, day: int) -> list[_Period]:
    """Periods in which a run of a service day may fall, for which there still is time."""
    start, end = day * DAY - DAY, day * DAY + 4 * DAY
    periods = []
    for first, last in disturbance.alert.periods or ((None, None),):
        period = _Period(start if first is None else first, end if last is None else last)
        if period.start < end and period.end > max(start, finder.now - DAY):
            periods.append(period)
    return periods


def _find_canceled(finder: Finder, aims: Sequence[_Aim], period: _Period, day: int) -> list[Run]:
    """Runs of a day whose first departure is in the period."""
    table = finder.timetable
    aimed = np.zeros(len(table.trip_route), np.bool_)
    for aim in aims:
        if aim.day is None or aim.day == day:
            aimed |= aim.trips if aim.stops is None else aim.trips & _calling(finder, aim.stops)
    runs = np.flatnonzero(list_running(table, day) & aimed[table.run_trip])
    starts = _begins(finder, runs, day) + finder.names.start[table.run_trip[runs]] + table.run_shift[runs]
    runs = runs[(starts >= period.start) & (starts < period.end)]
    return _name_runs(finder, runs, day)


def _calling(finder: Finder, stops: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool[n_trips]: which trips call at the stops."""
    table = finder.timetable
    calls = np.flatnonzero(stops[table.call_stop])
    trips = np.zeros(len(table.trip_route), np.bool_)
    trips[np.searchsorted(table.call_first, calls, side="right") - 1] = True
    return trips


def _find_passing(finder: Finder, closed: Sequence[_Aim], period: _Period, day: int) -> list[Run]:
    """Runs of a day with a call at a closed stop in the period, by the timetable."""
    table = finder.timetable
    found: list[Run] = []
    running = list_running(table, day)
    for aim in closed:
        if aim.stops is None or (aim.day is not None and aim.day != day):
            continue
        calls = np.flatnonzero(aim.stops[table.call_stop])
        trips = np.searchsorted(table.call_first, calls, side="right") - 1
        calls, trips = calls[aim.trips[trips]], trips[aim.trips[trips]]
        runs = np.flatnonzero(running & np.isin(table.run_trip, trips))
        first = np.searchsorted(trips, table.run_trip[runs], side="left")
        count = np.searchsorted(trips, table.run_trip[runs], side="right") - first
        each = np.repeat(runs, count)
        before = np.cumsum(count) - count
        rows = calls[np.repeat(first - before, count) + np.arange(len(each))]
        offset = _begins(finder, each, day) + table.run_shift[each]
        within = (table.call_departure[rows] + offset >= period.start) & (
            table.call_arrival[rows] + offset < period.end
        )
        found.extend(_name_runs(finder, np.unique(each[within]), day))
    return found


def _begins(finder: Finder, runs: NDArray[np.int64], day: int) -> NDArray[np.int64]:
    """Seconds since 1970 from which the times of runs count."""
    table = finder.timetable
    begins = np.array([finder.begins(day, zone) for zone in range(len(finder.zones))], np.int64)
    return begins[table.trip_zone[table.run_trip[runs]]]


def _name_runs(finder: Finder, runs: NDArray[np.int64], day: int) -> list[Run]:
    table = finder.timetable
    return [
        Run(trip, day, shift, shift if repeats else ALL_RUNS)
        for trip, shift, repeats in zip(
            table.run_trip[runs].tolist(), table.run_shift[runs].tolist(), table.run_repeats[runs].tolist(), strict=True
        )
    ]
