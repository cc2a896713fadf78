"""What can be done with counts: count a day, count those that are due, say how things stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

import psycopg
from psycopg import IsolationLevel

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.emissions import read_factors
from mobigo.journeys.model import Mode
from mobigo.kit.errors import Conflict, InvalidInput
from mobigo.kit.grid import cell_at
from mobigo.trace.model import Service
from mobigo.trace.store import gather
from mobigo.usage import store
from mobigo.usage.communes import list_communes, place_cells
from mobigo.usage.counting import count
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.opening import note_day
from mobigo.usage.supply import Grams

if TYPE_CHECKING:
    from collections.abc import Sequence

ZONE = ZoneInfo("Europe/Paris")
"""Where days begin."""

OPEN_DAYS = 6
"""Days after which nothing more is noted of a day: its next count is the last."""

MOST_DAYS = 60
"""Days that are made up for at most when nobody counted."""

NIGHT = timedelta(hours=3)
"""After midnight, when the days before are counted again: late notes of them are in."""


class Tally(NamedTuple):
    """How much one day came to."""

    day: date
    notes: int
    rows: int


@dataclass(frozen=True)
class Task:
    """The count of one day, to be done anywhere from where the database is reached."""

    conninfo: str
    day: date
    now: datetime
    final: bool
    grams: Grams

    def __repr__(self) -> str:
        """Leave the address out, which may hold a password: schedulers log what fails."""
        return f"Task({self.day})"


def count_day(task: Task) -> Tally:
    """Count a day, in one transaction, in place of what was counted of it before.

    Raises
    ------
    Conflict
        When the day was counted for good: its notes may be gone.
    """
    with psycopg.connect(task.conninfo, autocommit=True) as connection, store.day_locked(connection, task.day):
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        with connection.transaction():
            before = store.find_counted(connection, task.day)
            if before is not None and before.final:
                raise Conflict(
                    f"{task.day} was counted for good on {before.counted_at:%Y-%m-%d} and its notes are forgotten "
                    "since; its counts stay as they are"
                )
            notes = store.read_notes(connection, task.day)
            counts = count(notes, task.grams)
            store.write_counts(connection, task.day, day_type_of(task.day), counts, task.now, final=task.final)
            if task.final:
                note_day(connection, notes)
        told = (notes.searches, notes.changes, notes.rides, notes.runs, notes.told)
        return Tally(task.day, sum(map(len, told)), sum(map(len, counts)))


def plan_tasks(url: str, days: Sequence[date], now: datetime) -> list[Task]:
    """Make the tasks of days, of whose notes those that have arrived by now are there to be read.

    Raises
    ------
    InvalidInput
        When a day has not begun.
    """
    today = now.astimezone(ZONE).date()
    for day in days:
        if day > today:
            raise InvalidInput(f"{day} has not begun; the last day that can be counted is {today}")
    conninfo = libpq_conninfo(url)
    with psycopg.connect(conninfo) as connection:
        gather(connection)
        grams = _read_grams(store.read_route_types(connection))
    return [Task(conninfo, day, now, day + timedelta(days=OPEN_DAYS) <= today, grams) for day in days]


def list_due(url: str, now: datetime) -> list[date]:
    """List the days that are to be counted now: today, and each night those that may still have changed."""
    today = now.astimezone(ZONE).date()
    night = datetime.combine(today, datetime.min.time(), ZONE) + NIGHT
    if night > now:
        night -= timedelta(days=1)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        counted = {one.day: one for one in store.list_counted(connection)}
        noted = store.find_first_noted(connection)
    known = [*counted, *([] if noted is None else [noted])]
    if not known:
        return []
    first = max(min(known), today - timedelta(days=MOST_DAYS))
    days = [first + timedelta(days=number) for number in range((today - first).days + 1)]
    return [day for day in days if _is_due(counted.get(day), day, today, night)]


def _is_due(before: store.Counted | None, day: date, today: date, night: datetime) -> bool:
    if before is None or day == today:
        return True
    return not before.final and before.counted_at < night


def coarsen(url: str, now: datetime, days: int) -> int:
    """Tell days that are older than so many by communes instead of squares; return how many there were.

    A square in an hour may be one person's home. Each square becomes the one in which its commune has its centre.
    """
    before = now.astimezone(ZONE).date() - timedelta(days=days)
    with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        old = store.list_in_squares(connection, before)
        centres = {id_: cell_at(one.centre) for id_, one in list_communes(connection).items()} if old else {}
        for day in old:
            with connection.transaction():
                communes = place_cells(connection, store.list_squares(connection, day))
                store.move_squares(connection, day, {square: centres[id_] for square, id_ in communes.items()})
    return len(old)


def _read_grams(route_types: Sequence[int]) -> Grams:
    factors = read_factors()
    by_type = {kind: factors.of_route_type(kind) for kind in route_types}
    by_service = {Service.ONDEMAND: factors.of_mode(Mode.CAR), Service.CARPOOL: factors.of_mode(Mode.CAR)}
    return Grams(
        {kind: grams for kind, grams in by_type.items() if grams is not None},
        {service.value: grams for service, grams in by_service.items() if grams is not None},
    )
