"""Moving a feed's service by whole weeks, for trials: weekdays stay true."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from mobigo.transit.check import Staging

WEEK = re.compile(r"^([0-9]{4})-W([0-9]{2})$", re.ASCII)

DATES = (
    ("calendar", "start_date"),
    ("calendar", "end_date"),
    ("calendar_dates", "date"),
    ("feed_info", "feed_start_date"),
    ("feed_info", "feed_end_date"),
)


def parse_week(text: str) -> date:
    """Read ``2026-W47`` or any date of a week as the Monday of that week."""
    match = WEEK.match(text)
    try:
        if match:
            return date.fromisocalendar(int(match[1]), int(match[2]), 1)
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is no week; write a Monday like 2026-11-23 or a week like 2026-W48") from None
    return day - timedelta(days=day.weekday())


def busiest_week(staging: Staging) -> date | None:
    """Find the Monday of the week in which most trips run, the earliest of equals."""
    parts = []
    if staging.has("calendar"):
        parts.append(
            "SELECT c.service_id, d::date AS day FROM s_calendar c, "
            "generate_series(c.start_date::date, c.end_date::date, interval '1 day') d "
            "WHERE (ARRAY[c.sunday, c.monday, c.tuesday, c.wednesday, c.thursday, c.friday, c.saturday])"
            "[extract(dow FROM d)::integer + 1] = '1'"
        )
    if staging.has("calendar_dates"):
        parts.append("SELECT service_id, date::date AS day FROM s_calendar_dates WHERE exception_type = '1'")
    if not parts or not staging.has("trips"):
        return None
    removed = (
        "EXCEPT SELECT service_id, date::date FROM s_calendar_dates WHERE exception_type = '2'"
        if staging.has("calendar_dates")
        else ""
    )
    rows = staging.rows(
        f"SELECT date_trunc('week', d.day)::date, sum(n.trips) FROM (({' UNION '.join(parts)}) {removed}) d "
        "JOIN (SELECT service_id, count(*) AS trips FROM s_trips GROUP BY 1) n USING (service_id) "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
    )
    return rows[0][0] if rows else None


def shift_dates(staging: Staging, monday: date) -> str:
    """Move all service so that its busiest week is the one that begins on `monday`; say what was done."""
    busiest = busiest_week(staging)
    if busiest is None:
        return f"no service to shift to the week of {monday}"
    days = (monday - busiest).days
    for file, column in DATES:
        if staging.has(f"{file}.{column}"):
            staging.run(
                f"UPDATE s_{file} SET {column} = to_char({column}::date + {days}, 'YYYYMMDD') WHERE {column} IS NOT "
                "NULL"
            )
    return f"service shifted by {days // 7} weeks: its busiest week, of {busiest}, is now the week of {monday}"
