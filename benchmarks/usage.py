"""A month of use counted: how long, in how much memory, and how both grow.

The recorded day of Dijon runs every day of a month; its vehicles tell each call, and people are imagined until there
are ten million notes. Days are counted by Dask's processes, which only know the database's address.
"""

from __future__ import annotations

import os
import resource
import time
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import psycopg

from benchmarks.bar import Bar
from benchmarks.served import home, test_data
from mobigo.db.engine import libpq_conninfo
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.imagining import imagine
from mobigo.usage.service import count_day, plan_tasks
from mobigo.usage.simulate import SIZE
from mobigo.usage.spreading import PROCESSES, open_crew

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mobigo.usage.service import Task

NOW = datetime(2023, 12, 1, 12, tzinfo=UTC)
FIRST, DAYS = date(2023, 11, 1), 30
NOTES, CALLS = 10_000_000, 60_000
"""Of the month; of a day, that vehicles tell."""
FEW = 6
"""Days that are also counted by one process, one after the other."""
SECONDS_LIMIT, MEMORY_LIMIT = 600.0, 1_000.0
"""Of the month; megabytes of each process."""
GROWTH_LIMIT, MEMORY_GROWTH_LIMIT = 1.5, 1.5
"""Seconds a note in a month over those in a day; memory likewise."""


class Measured(NamedTuple):
    """What the count of a day took."""

    notes: int
    rows: int
    seconds: float
    peak: int
    """Bytes that the process had at most so far."""


def bars() -> Iterator[Bar]:
    """Measure on an instance of its own."""
    with home(test_data() / "bfc/fr-bfc-divia-20231031.gtfs.zip", None, NOW) as kept:
        with psycopg.connect(libpq_conninfo(kept.url)) as connection:
            connection.execute(
                "INSERT INTO calendar_dates (version_id, service_id, date, exception_type) "
                "SELECT version_id, service_id, date + n, 1 FROM calendar_dates, generate_series(1, %s) n",
                (DAYS,),
            )
        days = [FIRST + timedelta(days=number) for number in range(DAYS)]
        people = (NOTES - DAYS * CALLS) / sum(SIZE[day_type_of(day)] for day in days)
        begin = time.perf_counter()
        imagined = imagine(kept.url, days, round(people), seed=1)
        yield Bar("notes of a month", imagined, "", None, "higher", f"imagined in {time.perf_counter() - begin:.0f} s")
        yield from _measure(plan_tasks(kept.url, days, NOW))


def _measure(tasks: Sequence[Task]) -> Iterator[Bar]:
    school = [task for task in tasks if SIZE[day_type_of(task.day)] == 1]
    single = _spread(school[:PROCESSES])
    few = _spread(school[:FEW])
    _reopen(tasks)
    begin = time.perf_counter()
    alone = [measure(task) for task in school[:FEW]]
    plain = time.perf_counter() - begin
    month = _spread(tasks)
    notes = sum(one.notes for one in month.counts)
    rows = sum(one.rows for one in month.counts)
    how = f"{notes:,} notes to {rows:,} rows, {PROCESSES} processes and PostgreSQL on {os.cpu_count()} cores"
    yield Bar("a month counted by Dask", month.seconds, "s", SECONDS_LIMIT, "lower", how)
    peak = max(one.peak for one in month.counts) / 1e6
    yield Bar(
        "memory of a process, most", peak, "MB", MEMORY_LIMIT, "lower", "resident, with interpreter and libraries"
    )
    grown = peak / (max(one.peak for one in single.counts) / 1e6)
    how = f"of {DAYS} days over one day a process"
    yield Bar("memory growth", grown, "times", MEMORY_GROWTH_LIMIT, "lower", how)
    each = month.seconds / notes / (few.seconds / sum(one.notes for one in few.counts))
    how = f"seconds a note, of {DAYS} days over {FEW} days"
    yield Bar("growth with the number of notes", each, "times", GROWTH_LIMIT, "lower", how)
    how = f"{FEW} days ({sum(one.notes for one in alone):,} notes) by one process with polars alone: {plain:.1f} s"
    yield Bar("one process over Dask", plain / few.seconds, "times", None, "higher", how)


def _reopen(tasks: Sequence[Task]) -> None:
    """Have days counted again that were counted for good."""
    with psycopg.connect(tasks[0].conninfo) as connection:
        connection.execute("UPDATE usage_day SET final = false")


class _Spread(NamedTuple):
    seconds: float
    """Without starting the processes."""
    counts: list[Measured]


def _spread(tasks: Sequence[Task]) -> _Spread:
    _reopen(tasks)
    with open_crew(None) as crew:
        begin = time.perf_counter()
        counts = []
        for task, done in crew.work(measure, tasks):
            assert isinstance(done, Measured), (task, done)
            counts.append(done)
        return _Spread(time.perf_counter() - begin, counts)


def measure(task: Task) -> Measured:
    """Count a day where this is called."""
    begin = time.perf_counter()
    tally = count_day(task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Measured(tally.notes, tally.rows, time.perf_counter() - begin, peak)
