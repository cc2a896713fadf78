"""What will be told to everybody, by day until its month is opened, and the months that are.

Columns are documented in the migration ``0022_open_usage``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
from psycopg.types.json import Jsonb

from mobigo.usage.disclosure import Rule
from mobigo.usage.store import write_frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

    from mobigo.usage.disclosure import Layout


@dataclass(frozen=True)
class Opened:
    """A month that everybody knows."""

    month: date
    """Its first day."""
    rule: Rule
    days: Mapping[str, int]
    """Days counted, by day type; ``""``: all."""
    opened_at: datetime
    rows: Mapping[str, int]
    """By table."""


def find_end(month: date) -> date:
    """Return the first day of the next month."""
    return (month + timedelta(days=31)).replace(day=1)


def note_day(connection: Connection[Any], day: date, counted: Mapping[str, pl.DataFrame]) -> None:
    """Write what was counted of a day, by table, in place of what there was."""
    connection.execute("DELETE FROM usage_open_day WHERE day = %s", [day])
    for layout, frame in counted.items():
        place = pl.concat_list(pl.exclude("total")).list.eval(_quote(pl.element())).list.join(",")
        rows = frame.select(day=pl.lit(day), layout=pl.lit(layout), place=pl.format("{{{}}}", place), total="total")
        write_frame(connection, "usage_open_day", rows)
    connection.execute("INSERT INTO usage_open_noted VALUES (%s) ON CONFLICT DO NOTHING", [day])


def _quote(text: pl.Expr) -> pl.Expr:
    """Write a text as a member of an array."""
    escaped = text.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    return pl.format('"{}"', escaped)


def list_noted(connection: Connection[Any], month: date) -> list[date]:
    """List the days of a month that were counted."""
    rows = connection.execute(
        "SELECT day FROM usage_open_noted WHERE day >= %s AND day < %s ORDER BY day", [month, find_end(month)]
    )
    return [day for (day,) in rows]


def list_waiting(connection: Connection[Any]) -> list[date]:
    """List the months that have days counted and are not open, oldest first."""
    rows = connection.execute(
        "SELECT DISTINCT date_trunc('month', day)::date AS month FROM usage_open_noted"
        " EXCEPT SELECT month FROM usage_open_month ORDER BY month"
    )
    return [month for (month,) in rows]


def is_open(connection: Connection[Any], month: date) -> bool:
    """Tell whether a month is open to everybody."""
    row = connection.execute("SELECT 1 FROM usage_open_month WHERE month = %s", [month]).fetchone()
    return row is not None


def is_settled(connection: Connection[Any], month: date) -> bool:
    """Tell whether all days of a month are counted for good: days are closed one after the other."""
    row = connection.execute(
        "SELECT coalesce(bool_or(final AND day >= %(last)s), false)"
        " AND NOT coalesce(bool_or(NOT final AND day BETWEEN %(month)s AND %(last)s), false) FROM usage_day",
        {"month": month, "last": find_end(month) - timedelta(days=1)},
    ).fetchone()
    return bool(row and row[0])


def sum_month(connection: Connection[Any], month: date, layout: Layout) -> pl.DataFrame:
    """Sum the days of a month by place: the layout's columns and ``total``."""
    rows = connection.execute(
        "SELECT place, sum(total)::bigint FROM usage_open_day WHERE layout = %s AND day >= %s AND day < %s"
        " GROUP BY place",
        [layout.name, month, find_end(month)],
    )
    schema: dict[str, type[pl.DataType]] = dict.fromkeys(layout.columns, pl.String)
    return pl.DataFrame([(*place, total) for place, total in rows], schema={**schema, "total": pl.Int64}, orient="row")


def add_month(connection: Connection[Any], opened: Opened, files: Mapping[str, bytes]) -> bool:
    """Write a month, for good; False: it is there already."""
    new = connection.execute(
        "INSERT INTO usage_open_month VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [opened.month, Jsonb(asdict(opened.rule)), Jsonb(dict(opened.days)), opened.opened_at],
    ).rowcount
    if not new:
        return False
    for layout, file in files.items():
        connection.execute(
            "INSERT INTO usage_open_table VALUES (%s, %s, %s, %s)", [opened.month, layout, opened.rows[layout], file]
        )
    return True


def forget_month(connection: Connection[Any], month: date) -> None:
    """Forget what a month was made of."""
    connection.execute("DELETE FROM usage_open_day WHERE day >= %s AND day < %s", [month, find_end(month)])


def list_opened(connection: Connection[Any]) -> list[Opened]:
    """List the months that are open, oldest first."""
    rows = connection.execute(
        "SELECT month, rule, days, opened_at, (SELECT jsonb_object_agg(layout, rows) FROM usage_open_table t"
        " WHERE t.month = m.month) FROM usage_open_month m ORDER BY month"
    )
    return [Opened(month, Rule(**rule), days, at, counts) for month, rule, days, at, counts in rows]


def find_file(connection: Connection[Any], month: date, layout: str) -> bytes | None:
    """Return a table of a month, packed."""
    row = connection.execute(
        "SELECT file FROM usage_open_table WHERE month = %s AND layout = %s", [month, layout]
    ).fetchone()
    return None if row is None else bytes(row[0])
