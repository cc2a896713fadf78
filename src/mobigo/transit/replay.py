"""A recorded day of vehicles, as the live feed would have told it at any of its moments.

The recording is a table with one row per trip and stop: ``trip_id``, ``stop_id``, when the vehicle was there
(``arrival_time``, ``departure_time``, seconds since 1970) and how late (``arrival_delay``, ``departure_delay``); empty
or 0 where nothing was seen. It may be replayed on another day than its own.
"""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from mobigo.kit.errors import InvalidInput
from mobigo.transit.live import CallUpdate, LiveFeed, TripUpdate
from mobigo.transit.timetable import begin_day, day_number

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

TIMES = ("arrival_time", "departure_time")
DELAYS = ("arrival_delay", "departure_delay")
LATEST = 1 << 33
"""Seconds since 1970 beyond which (year 2242) a time is a mistake."""


class Recording(NamedTuple):
    """What was seen on one day; rows are sorted by trip, and by planned time within a trip."""

    trip_ids: list[str]
    first: NDArray[np.int64]
    """int64[n_trips + 1]: the rows of trip `t` are ``first[t]:first[t + 1]``."""
    stop_ids: list[str]
    times: NDArray[np.int64]
    """int64[n, 2], seconds since 1970 UTC of arrival and departure; 0: not seen."""
    delays: NDArray[np.int64]
    """int64[n, 2], seconds, of arrival and departure."""


def read_recording(content: bytes) -> Recording:
    """Read a recording, CSV in UTF-8.

    Raises
    ------
    InvalidInput
        When it is no such table.
    """
    columns = ("trip_id", "stop_id", *TIMES, *DELAYS)
    try:
        table = pl.read_csv(io.BytesIO(content), infer_schema=False, null_values=[""])
    except (pl.exceptions.PolarsError, UnicodeError) as error:
        raise InvalidInput(f"the recording is no CSV table: {str(error).splitlines()[0]}") from None
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise InvalidInput(f"the recording has no column {', '.join(missing)}; it needs {', '.join(columns)}")
    numbers = [pl.col(name).cast(pl.Int64, strict=False).fill_null(0) for name in (*TIMES, *DELAYS)]
    rows = (
        table.select("trip_id", "stop_id", *numbers)
        .drop_nulls(["trip_id", "stop_id"])
        .with_columns(pl.when(pl.col(name).is_between(1, LATEST)).then(name).otherwise(0).alias(name) for name in TIMES)
        .filter(pl.max_horizontal(TIMES) > 0)
        .sort("trip_id", _planned(), maintain_order=True)
    )
    trips = rows["trip_id"].unique(maintain_order=True)
    sizes = rows.group_by("trip_id", maintain_order=True).len()["len"].to_numpy()
    return Recording(
        trips.to_list(),
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        rows["stop_id"].to_list(),
        rows.select(TIMES).to_numpy().astype(np.int64).reshape(-1, 2),
        rows.select(DELAYS).to_numpy().astype(np.int64).reshape(-1, 2),
    )


def _planned() -> pl.Expr:
    """When the vehicle should have been there, as far as a row says it."""
    pairs = zip(TIMES, DELAYS, strict=True)
    return pl.max_horizontal(pl.when(pl.col(time) > 0).then(pl.col(time) - pl.col(delay)) for time, delay in pairs)


def recorded_day(recording: Recording, zone: ZoneInfo) -> date:
    """Return the day a recording is of: that of most of its times."""
    seen = recording.times.max(axis=1)
    if not len(seen):
        raise InvalidInput("the recording is empty: nothing in it has a time")
    hours, counts = np.unique(seen // 3600, return_counts=True)
    days: dict[date, int] = {}
    for hour, count in zip(hours.tolist(), counts.tolist(), strict=True):
        day = datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone).date()
        days[day] = days.get(day, 0) + count
    return max(days, key=lambda day: days[day])


def replay(recording: Recording, source: str, now: int, zone: ZoneInfo, day: date | None = None) -> LiveFeed:
    """Tell what the feed would say at an instant: the delays at the stops that each vehicle has passed by then.

    Trips that have not begun are not in it; a reader carries the last delay on to the stops that follow.

    Parameters
    ----------
    source : str
        Feed whose ids the recording speaks.
    now : int
        Seconds since 1970 UTC.
    zone : ZoneInfo
        In which the recorded day is one.
    day : date, optional
        To replay it on, instead of its own day.
    """
    own = recorded_day(recording, zone)
    day = day or own
    moved = begin_day(day_number(day), zone) - begin_day(day_number(own), zone)
    times = np.where(recording.times > 0, recording.times + moved, 0)
    passed = (times > 0) & (times <= now)
    rows = np.flatnonzero(passed.any(axis=1))
    calls = [_call(recording, row, times[row].tolist(), passed[row].tolist()) for row in rows.tolist()]
    edges = np.searchsorted(rows, recording.first).tolist()
    return LiveFeed(
        source,
        now,
        tuple(
            TripUpdate(trip_id, start_date=day, calls=tuple(calls[start:end]), at=now)
            for trip_id, (start, end) in zip(recording.trip_ids, pairwise(edges), strict=True)
            if start < end
        ),
    )


def _call(recording: Recording, row: int, times: list[int], passed: list[bool]) -> CallUpdate:
    delays: list[int] = recording.delays[row].tolist()
    return CallUpdate(
        stop_id=recording.stop_ids[row],
        arrival_delay=delays[0] if passed[0] else None,
        departure_delay=delays[1] if passed[1] else None,
        planned_arrival=times[0] - delays[0] if passed[0] else None,
        planned_departure=times[1] - delays[1] if passed[1] else None,
    )
