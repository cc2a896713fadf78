"""Months of use are opened to everybody: once, when all their days are counted for good, and never again."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import TYPE_CHECKING, Any

import polars as pl

from mobigo.kit.errors import Conflict, InvalidInput, Refused
from mobigo.trace.model import Deed
from mobigo.usage import opening_store
from mobigo.usage.audit import audit
from mobigo.usage.communes import place_cells
from mobigo.usage.daytypes import day_type_of
from mobigo.usage.disclosure import Rule, tell
from mobigo.usage.extract import (
    DEMAND,
    LAYOUTS,
    REFUSALS,
    RIDES,
    count_travellers,
    lay_refusals,
    lay_rides,
    lay_searches,
)
from mobigo.usage.opening_store import Opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.usage.audit import Leak
    from mobigo.usage.disclosure import Layout
    from mobigo.usage.notes import Notes

ALL = ""
"""Instead of a day type: days of all types."""

MOST = Rule.most
"""Places in which a traveller of a day is counted."""


# ── days ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def note_day(connection: Connection[Any], notes: Notes) -> None:
    """Count the travellers of a day as its month will tell of them, while it is known which notes are of one.

    Nothing is kept of a day whose month is open: that would never be forgotten.
    """
    if opening_store.is_open(connection, notes.day.replace(day=1)):
        return
    refused = notes.rides.filter(pl.col("deed") == Deed.REFUSED)
    ends = [frame[end] for frame in (notes.searches, refused) for end in ("origin", "destination")]
    communes = place_cells(connection, pl.concat(ends).unique().to_list())
    laid = (
        (DEMAND, lay_searches(notes.searches, communes)),
        (RIDES, lay_rides(notes.rides, notes.day)),
        (REFUSALS, lay_refusals(refused, notes.day, communes)),
    )
    counted = {layout.name: count_travellers(layout, frame, MOST) for layout, frame in laid}
    opening_store.note_day(connection, notes.day, counted)


# ── months ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def open_month(connection: Connection[Any], month: date, rule: Rule, key: bytes, now: datetime) -> Opened:
    """Open a month: work out its tables, look at them as an attacker does, and keep them for good.

    Parameters
    ----------
    month : date
        Its first day.
    key : bytes
        By which figures are rounded; secret.

    Raises
    ------
    InvalidInput
        When nothing was counted in the month (``month_not_counted``).
    Refused
        When a day of it can still change (``month_not_over``), or its tables would tell too much
        (``month_tells_too_much``).
    Conflict
        When it is open already (``month_open``).
    """
    noted = opening_store.list_noted(connection, month)
    if not noted:
        raise InvalidInput(
            f"no day of {month:%Y-%m} was counted for good; see `mobigo usage status`", code="not_counted"
        )
    if not opening_store.is_settled(connection, month):
        raise Refused(
            f"not every day of {month:%Y-%m} is counted for good; it can be opened a week after it is over",
            code="month_not_over",
        )
    days = {ALL: len(noted), **Counter(day_type_of(day).value for day in noted)}
    tables = {}
    for layout in LAYOUTS:
        sums = _divide(layout, opening_store.sum_month(connection, month, layout), days)
        rows = tell(layout, sums, rule, key)
        _check(month, audit(layout, rule, rows, sums))
        tables[layout.name] = rows.select(pl.lit(f"{month:%Y-%m}").alias("month"), pl.all())
    opened = Opened(month, rule, days, now, {name: len(rows) for name, rows in tables.items()})
    files = {name: write_table(rows) for name, rows in tables.items()}
    if not opening_store.add_month(connection, opened, files):
        raise Conflict(f"{month:%Y-%m} is open already; what was told of it stays as it is", code="month_open")
    opening_store.forget_month(connection, month)
    return opened


def open_due(connection: Connection[Any], rule: Rule, key: bytes, now: datetime) -> list[Opened]:
    """Open the months that are counted for good and not open."""
    waiting = opening_store.list_waiting(connection)
    return [
        open_month(connection, month, rule, key, now)
        for month in waiting
        if opening_store.is_settled(connection, month)
    ]


def _divide(layout: Layout, sums: pl.DataFrame, days: Mapping[str, int]) -> pl.DataFrame:
    """Say of how many days each sum is."""
    if not layout.by_day_type:
        return sums.with_columns(days=pl.lit(days[ALL], pl.Int64))
    return sums.with_columns(days=pl.col("day_type").replace_strict(days, return_dtype=pl.Int64))


def _check(month: date, leaks: Sequence[Leak]) -> None:
    if leaks:
        raise Refused(
            f"the table {leaks[0].table} of {month:%Y-%m} tells too much in {len(leaks)} places, as {leaks[0].why}; the"
            " month is not opened: this is an error of the program, tell its makers",
            code="month_tells_too_much",
        )


def write_table(rows: pl.DataFrame) -> bytes:
    """Write a table as CSV, packed; the same rows give the same bytes."""
    return gzip.compress(rows.write_csv().encode(), mtime=0)
