"""How calls kept their time, and whether changes held.

A call is judged by its departure, where nothing is known of that (as at a last stop) by its arrival. Hours are local
and planned: times of the timetable count from noon minus 12 hours, so on the two days of the year when clocks change
an hour of the timetable is not the hour of the clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mobigo.usage.notes import Ran

EARLY, LATE, VERY_LATE = -60, 300, 900
"""Seconds: less than the first is early, from the second on late, from the third on very late."""

QUARTER = 900
"""Seconds; clocks of all zones differ from UTC by whole quarters of an hour."""

LONGEST = 10 * 24 * 3600
"""Seconds of a service day at most."""

DEFAULT_ZONE = "Europe/Paris"

CALLS = ("source", "route", "stop", "hour")
CHANGES = ("source", "route", "to_source", "to_route", "stop", "to_stop", "hour")


def local_hours(day: date, zone: str) -> list[int]:
    """List the hour that clocks show at each quarter of an hour of a service day, from noon minus 12 hours."""
    where = ZoneInfo(zone)
    start = begin(day, zone)
    return [datetime.fromtimestamp(start + quarter * QUARTER, where).hour for quarter in range(LONGEST // QUARTER + 1)]


def begin(day: date, zone: str) -> int:
    """Return noon minus 12 hours as a moment, in seconds since 1970."""
    noon = datetime.combine(day, time(12), ZoneInfo(zone))
    return int((noon.astimezone(UTC) - timedelta(hours=12)).timestamp())


def add_hours(rows: pl.DataFrame, seconds: str, day: date, zones: Mapping[str, str]) -> pl.DataFrame:
    """Add ``hour``: what clocks showed at so many seconds of the service day, where the source is."""
    parts = [rows.clear().with_columns(hour=pl.lit(0, pl.Int16))]
    for (source,), part in rows.partition_by("source", as_dict=True, maintain_order=True).items():
        table = np.array(local_hours(day, zones.get(str(source), DEFAULT_ZONE)), np.int16)
        quarter = np.clip(part[seconds].to_numpy(), 0, LONGEST) // QUARTER
        parts.append(part.with_columns(pl.Series("hour", table[quarter], pl.Int16)))
    return pl.concat(parts)


def count_calls(day: date, told: pl.DataFrame, zones: Mapping[str, str]) -> pl.DataFrame:
    """Count calls by line, stop and planned hour."""
    delay = pl.coalesce("departure_delay", "arrival_delay")
    calls = told.filter(
        pl.col("day") == day,
        pl.col("cancelled") | delay.is_not_null(),
        pl.coalesce("departure", "arrival").is_not_null(),
    ).with_columns(planned=pl.coalesce("departure", "arrival"), delay=pl.when(~pl.col("cancelled")).then(delay))
    seen = pl.col("delay")
    return (
        add_hours(calls, "planned", day, zones)
        .group_by(CALLS)
        .agg(
            calls=(~pl.col("cancelled")).sum(),
            cancelled=pl.col("cancelled").sum(),
            early=(seen < EARLY).sum(),
            on_time=seen.is_between(EARLY, LATE, closed="left").sum(),
            late=seen.is_between(LATE, VERY_LATE, closed="left").sum(),
            very_late=(seen >= VERY_LATE).sum(),
            delay=seen.cast(pl.Int64).sum(),
        )
        .sort(CALLS)
    )


def count_changes(day: date, changes: pl.DataFrame, told: pl.DataFrame, ran: Ran) -> pl.DataFrame:
    """Count changes by the lines they lead from and to, and how many were missed.

    A change is judged when the first vehicle was seen to arrive, and the second to depart or not to come at all. It is
    missed when the first arrived too late for the walk to the second, or the second did not come.
    """
    rows = changes.with_row_index("change")
    arrived = _seen(
        rows.select("change", "source", "trip", "stop", day=pl.lit(day), planned="arrival"),
        told.with_columns(planned=pl.coalesce("arrival", "departure")),
        pl.coalesce("arrival_delay", "departure_delay"),
    ).filter(~pl.col("cancelled"))  # then nobody got as far as the change
    left = _seen(
        rows.select("change", source="to_source", trip="to_trip", stop="to_stop", day="to_day", planned="departure"),
        told.with_columns(planned=pl.coalesce("departure", "arrival")),
        pl.coalesce("departure_delay", "arrival_delay"),
    )
    routes = ran.trips.select("source", "trip", "route").unique(["source", "trip"])
    seen_routes = told.select("source", "trip", "route").unique(["source", "trip"])
    routes = pl.concat([routes, seen_routes]).unique(["source", "trip"], keep="first", maintain_order=True)
    found = (
        rows.join(arrived.select("change", arrival_delay="delay"), on="change", how="left")
        .join(left.select("change", departure_delay="delay", gone="cancelled"), on="change", how="left")
        .join(routes, on=["source", "trip"], how="left")
        .join(
            routes.select(to_source="source", to_trip="trip", to_route="route"), on=["to_source", "to_trip"], how="left"
        )
        .with_columns(pl.col("route", "to_route").fill_null(""))
    )
    parts = [found.clear().with_columns(hour=pl.lit(0, pl.Int16), apart=pl.lit(0, pl.Int64))]
    for (to_day, source, to_source), part in found.partition_by(
        ["to_day", "source", "to_source"], as_dict=True, maintain_order=True
    ).items():
        zone, to_zone = (ran.zones.get(str(name), DEFAULT_ZONE) for name in (source, to_source))
        assert isinstance(to_day, date)
        apart = begin(to_day, to_zone) - begin(day, zone)
        hours = np.array(local_hours(to_day, to_zone), np.int16)
        quarter = np.clip(part["departure"].to_numpy(), 0, LONGEST) // QUARTER
        parts.append(part.with_columns(pl.Series("hour", hours[quarter], pl.Int16), apart=pl.lit(apart, pl.Int64)))
    late = pl.col("arrival") + pl.col("arrival_delay") + pl.col("walk") > pl.col("departure") + pl.col(
        "departure_delay"
    ) + pl.col("apart")
    judged = pl.col("arrival_delay").is_not_null() & (pl.col("gone") | pl.col("departure_delay").is_not_null())
    return (
        pl.concat(parts)
        .with_columns(judged=judged.fill_null(False))
        .with_columns(missed=pl.col("judged") & (pl.col("gone") | late).fill_null(False))
        .group_by(CHANGES)
        .agg(planned=pl.len(), judged=pl.col("judged").sum(), missed=pl.col("missed").sum())
        .sort(CHANGES)
    )


def _seen(wanted: pl.DataFrame, told: pl.DataFrame, delay: pl.Expr) -> pl.DataFrame:
    """Find for each change the call it meant: a trip that calls twice at a stop, the call nearest to the plan."""
    keys = ["day", "source", "trip", "stop"]
    calls = told.select(*keys, "cancelled", delay=delay, told="planned")
    return (
        wanted.join(calls, on=keys)
        .with_columns(off=(pl.col("told") - pl.col("planned")).abs())
        .sort("change", "off", "told", nulls_last=True)
        .unique("change", keep="first", maintain_order=True)
        .filter(pl.col("cancelled") | pl.col("delay").is_not_null())
    )
