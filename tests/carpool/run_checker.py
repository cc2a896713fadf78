"""A checker of runs and bookings that knows nothing of how they are booked."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from mobigo.carpool import store
from mobigo.carpool.model import BookingState, RunState
from mobigo.db.session import driver
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.carpool.model import Run, Seat

STRAIGHT = Drives(None)
LATE = timedelta(minutes=5)


def list_faults(engine: Engine) -> list[str]:
    """List what is wrong with what is stored: seats, order, times, promises, people in two places."""
    with Session(engine) as session:
        connection = driver(session)
        runs = store.list_runs(connection)
        bookings = store.list_bookings(connection)
        newest = store.find_revision(connection)
    found = list(_check_people(runs, bookings))
    for run in runs:
        found += _check_run(run, [one for one in bookings if one.run == run.id], newest)
    return found


def _check_run(run: Run, bookings: list[Seat], newest: int) -> Iterator[str]:
    place = {stop.id: number for number, stop in enumerate(run.stops)}
    riding = [one for one in bookings if one.state is not BookingState.CANCELLED]
    if not 0 < run.revision <= newest or any(not 0 < one.revision <= newest for one in bookings):
        yield f"{run.id} has a revision that nobody counted"
    if run.state is RunState.CANCELLED and riding:
        yield f"{run.id} is cancelled and people ride in it"
    for stop in range(len(run.stops) - 1):
        taken = sum(one.seats for one in riding if place[one.board] <= stop < place[one.alight])
        if taken > run.seats:
            yield f"{run.id} has {taken} people on {run.seats} seats after stop {stop}"
    yield from _check_riders(run, riding, place)
    yield from _check_way(run, {end for one in riding for end in (one.board, one.alight)})


def _check_riders(run: Run, riding: list[Seat], place: dict[int, int]) -> Iterator[str]:
    for one in riding:
        if place[one.board] >= place[one.alight]:
            yield f"{one.id} gets off before it gets on"
        for end, promised in ((one.board, one.board_at), (one.alight, one.alight_at)):
            planned = run.stops[place[end]].planned_at
            if promised is None or planned > promised + LATE:
                yield f"{one.id} was promised {promised} and is planned at {planned}"
        if one.board_at is not None and run.stops[place[one.board]].planned_at < one.board_at:
            yield f"{one.id} is fetched before they know"


def _check_way(run: Run, needed: set[int]) -> Iterator[str]:
    for before, after in pairwise(run.stops):
        drive = int(STRAIGHT.seconds([before.point], [after.point])[0, 0])
        if before.planned_at + timedelta(seconds=before.dwell + drive) > after.planned_at:
            yield f"{run.id} cannot be at {after.name} in time"
        if before.metres > after.metres:
            yield f"{run.id} goes backwards to {after.name}"
    for stop in run.stops:
        if stop.driver_latest is not None and stop.planned_at > stop.driver_latest:
            yield f"{run.id} keeps its driver longer than wished"
        if stop.driver_latest is None and stop.id not in needed and run.state is RunState.PLANNED:
            yield f"{run.id} goes to {stop.name} for nobody"


def _check_people(runs: list[Run], bookings: list[Seat]) -> Iterator[str]:
    spans: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)
    for run in runs:
        if run.state in {RunState.PLANNED, RunState.DRIVING}:
            spans[run.driver].append((run.stops[0].planned_at, run.stops[-1].planned_at))
    for one in bookings:
        if one.passenger and one.board_at and one.alight_at and one.state is not BookingState.CANCELLED:
            spans[one.passenger].append((one.board_at, one.alight_at))
    for person, times in spans.items():
        for (_, end), (begin, _) in pairwise(sorted(times)):
            if begin < end:
                yield f"{person} is in two places at {begin}"
