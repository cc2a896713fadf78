"""School circuits as they are driven on a day: kilometres and hours from the register."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, starmap
from typing import TYPE_CHECKING, Any

import polars as pl

from mobigo.kit.geo import Point, haversine
from mobigo.kit.holidays import find_school_holiday, is_public_holiday
from mobigo.school.register import SHEETS
from mobigo.school.register_store import list_rows, list_years
from mobigo.usage.notes import CIRCUITS

if TYPE_CHECKING:
    from datetime import date

    from psycopg import Connection

SOURCE = "school"
"""Of what is in the register, not in a feed."""


def read_circuits(connection: Connection[Any], day: date) -> pl.DataFrame:
    """Read what school circuits drive on a day, in straight lines from halt to halt; nothing when schools are closed.

    Returns
    -------
    As `notes.CIRCUITS`, a row for each circuit.
    """
    rows = []
    if find_school_holiday(day) is None and not is_public_holiday(day):
        for year in list_years(connection):
            if year.first <= day <= year.last:
                rows += _read_year(connection, year.id, day.isoweekday())
    return pl.DataFrame(rows, CIRCUITS, orient="row")


def _read_year(connection: Connection[Any], year: str, weekday: int) -> list[tuple[str, str, int, float, int]]:
    def read(name: str) -> list[Any]:
        return [SHEETS[name].noun(**row) for row in list_rows(connection, year, SHEETS[name])]

    today = {run.id: run.circuit for run in read("runs") if weekday in run.weekdays}
    if not today:
        return []
    places = {("stop", one.id): Point(one.lon, one.lat) for one in read("stops")}
    places |= {("school", one.id): Point(one.lon, one.lat) for one in read("schools") if one.lat is not None}
    halts: dict[str, list[Any]] = defaultdict(list)
    for call in read("calls"):
        if call.run in today:
            halts[call.run].append(call)
    sums: dict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0])
    for run, calls in sorted(halts.items()):
        calls.sort(key=lambda one: one.position)
        ways = [places.get(("school", one.school) if one.school is not None else ("stop", one.stop)) for one in calls]
        known = [point for point in ways if point is not None]
        total = sums[today[run]]
        total[0] += 1
        total[1] += sum(starmap(haversine, pairwise(known)))
        total[2] += max(0, calls[-1].at - calls[0].at)
    return [(SOURCE, circuit, int(runs), metres, int(seconds)) for circuit, (runs, metres, seconds) in sums.items()]
