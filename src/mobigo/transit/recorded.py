"""What was said of calls, kept for the record: how late vehicles really were, and which did not come.

Only what was said is kept, as it was said last; nothing is raised because times ran backwards. A delay is carried on to
another call only where GTFS-Realtime means it so (`_carry`). A call is written when it is due within `AHEAD`, as a
source may not speak of it any more once it is past. Calls of trips that are in no timetable, or that run with other
stops instead, are not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from mobigo.trace import store
from mobigo.transit.laying import NO_PLACE, RELATIONS, SKIPPED, spread
from mobigo.transit.live import Relation, TripUpdate
from mobigo.transit.matching import say_time
from mobigo.transit.settling import NEVER
from mobigo.transit.timetable import ALL_RUNS, service_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from psycopg import Connection

    from mobigo.transit.changes import Change, Changes
    from mobigo.transit.hearing import Heard
    from mobigo.transit.live import LiveFeed
    from mobigo.transit.matching import Finder
    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

AHEAD = 180
"""Seconds before it is due that a call is written."""

EVERY = 60
"""Seconds between two writings, at least."""

REMEMBERED = 2 * 86_400
"""Seconds after it was due that a call is known to be written."""

KEY = ("trip", "day", "start", "place")
"""A call: trip of the timetable, service day (days since 1970), start of the run by frequency (-1: none), position."""

VALUES = ("arrival_delay", "departure_delay", "cancelled", "occupancy")

SCHEMA = {
    "trip": pl.Int32,
    "day": pl.Int32,
    "start": pl.Int32,
    "place": pl.Int32,
    "due": pl.Int64,
    "arrival_delay": pl.Int32,
    "departure_delay": pl.Int32,
    "cancelled": pl.Boolean,
    "occupancy": pl.Int8,
}
"""Of calls that are told; `due`: seconds since 1970 UTC."""


class _Calls(NamedTuple):
    """Calls of some runs."""

    trip: NDArray[np.int32]
    day: NDArray[np.int32]
    start: NDArray[np.int32]
    place: NDArray[np.int64]
    planned: NDArray[np.int64]
    """int64[n, 2], arrival and departure, seconds since 1970 UTC."""


def _list_calls(
    finder: Finder,
    runs: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]],
    each: NDArray[np.int64],
    place: NDArray[np.int64],
) -> _Calls:
    """List calls of runs.

    Parameters
    ----------
    runs : three arrays of [n_runs]
        Trip, day, and shift of the frequency or `ALL_RUNS`.
    each : int64[n]
        Run of each call.
    place : int64[n]
        Its position in the trip.
    """
    table = finder.timetable
    trip, day, shift = runs
    apart = shift != ALL_RUNS
    late = np.where(apart, shift, 0)
    start = np.where(apart, finder.names.start[trip] + late, -1).astype(np.int32)
    pairs = zip(day.tolist(), table.trip_zone[trip].tolist(), strict=True)
    begins = np.array([finder.begins(*pair) for pair in pairs], np.int64) + late
    row = table.call_first[trip[each]] + place
    planned = np.stack([table.call_arrival[row], table.call_departure[row]], axis=1) + begins[each][:, None]
    return _Calls(trip[each], day[each], start[each], place, planned)


class Record:
    """Gathers what is said of calls, and writes it when they are due."""

    def __init__(self) -> None:
        self._of: Path | None = None
        self._finder: Finder | None = None
        self._changes: Sequence[Change] = ()
        self._pending = _nothing()
        self._written = _nothing()
        self._at: int | None = None

    def hear(self, finder: Finder, changes: Changes) -> None:
        """Take what was matched with the timetable, in place of what was taken before."""
        self._finder, self._changes = finder, changes.changed

    def keep(self, folder: Path, feeds: Sequence[LiveFeed], overlay: Overlay, connection: Connection[Any]) -> int:
        """Keep what was taken, and what the overlay says does not run; write what is due, once a minute.

        Parameters
        ----------
        folder : Path
            Of the network that all is of.
        feeds : sequence of LiveFeed
            Whose vehicles say how full they are.
        overlay : Overlay
        connection : Connection
            Not in a transaction.

        Returns
        -------
        Calls that were written.
        """
        if self._finder is None:
            return 0
        finder, now = self._finder, self._finder.now
        if self._of != folder:  # rows mean something else now
            self._of, self._pending, self._written = folder, _nothing(), _nothing()
        told = [_read_times(finder, self._changes), _read_occupancy(finder, feeds), *_read_gone(finder, overlay)]
        said = _join(pl.concat(told)).filter(pl.col("due") <= now + AHEAD)
        fresh = said.join(self._written, on=[*KEY, *VALUES], how="anti", nulls_equal=True)
        self._pending = _newest(pl.concat([self._pending, fresh]))
        if self._at is not None and 0 <= now - self._at < EVERY:
            return 0
        self._at = now
        written = self._pending
        if written.is_empty():
            return 0
        with connection.transaction():
            store.put_calls(connection, _name(finder.timetable, written))
        known = _newest(pl.concat([self._written, written]))
        self._written = known.filter(pl.col("due") > now - REMEMBERED)
        self._pending = _nothing()
        return written.height


def _nothing() -> pl.DataFrame:
    return pl.DataFrame(schema=SCHEMA)


def _newest(told: pl.DataFrame) -> pl.DataFrame:
    return told.unique(KEY, keep="last", maintain_order=True)


def _join(told: pl.DataFrame) -> pl.DataFrame:
    """Put what was said of a call in several rows into one; that it does not run prevails."""
    return told.group_by(KEY, maintain_order=True).agg(
        pl.col("due").max(),
        *(
            pl.when(pl.col("cancelled").any()).then(None).otherwise(pl.col(name).drop_nulls().last()).alias(name)
            for name in ("arrival_delay", "departure_delay")
        ),
        pl.col("cancelled").any(),
        pl.col("occupancy").drop_nulls().last(),
    )


# ── what sources say ──────────────────────────────────────────────────────────────────────────────────────────────────


def _read_times(finder: Finder, changes: Sequence[Change]) -> pl.DataFrame:
    """Read the delays that are said of calls, as they are said."""
    kept = [one for one in changes if one.relation in (Relation.SCHEDULED, Relation.UNSCHEDULED)]
    parts = [_nothing()]
    for heard in {id(one.heard): one.heard for one in kept}.values():
        own = [one for one in kept if one.heard is heard]
        begin = np.array([one.begin for one in own], np.int64)
        length = np.array([one.end for one in own], np.int64) - begin
        said = spread(begin, length)
        each = np.repeat(np.arange(len(own)), length)
        known = (heard.place[said] >= 0) & ~heard.unknown[said] & ~heard.skipped[said]
        known &= (heard.times[said] != NEVER).any(axis=1)
        said, each = said[known], each[known]
        calls = _list_calls(finder, _runs(own), each, heard.place[said])
        times, delays = heard.times[said][:, :2], heard.times[said][:, 2:]
        late = np.where(times == NEVER, delays, times - calls.planned)
        parts.append(_frame(calls, late))
        parts.append(_carry(finder, own, heard, (each, calls.place, late)))
    whole = [one for one in kept if one.delay is not None and one.begin == one.end]
    if whole:  # said of the trip, and of none of its calls: it holds for those that are about to be made
        runs = _runs(whole)
        length = np.diff(finder.timetable.call_first)[runs[0]]
        each = np.repeat(np.arange(len(whole)), length)
        calls = _list_calls(finder, runs, each, spread(np.zeros(len(whole), np.int64), length))
        late = np.array([one.delay or 0 for one in whole], np.int64)[each]
        near = np.abs(calls.planned[:, 1] + late - finder.now) <= AHEAD
        parts.append(_frame(_Calls(*(column[near] for column in calls)), np.stack([late, late], axis=1)[near]))
    return pl.concat(parts)


def _carry(
    finder: Finder,
    changes: Sequence[Change],
    heard: Heard,
    told: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
) -> pl.DataFrame:
    """Carry delays on to the calls about to be made of which nothing is said, as GTFS-Realtime means it.

    There a delay holds for the calls that follow until one says more, or that nothing is known. Sources that name the
    planned times of the calls they speak of (SIRI, recorded days) mean no more than these.

    Parameters
    ----------
    told : three arrays of [n]
        Number of the change, position and delays (of arrival and departure) of the calls that are spoken of.
    """
    table = finder.timetable
    each, place, late = told
    means = np.array([_carries(one) for one in changes], np.bool_)
    runs = _runs(changes)
    length = np.diff(table.call_first)[runs[0]]
    first = np.cumsum(length) - length
    delay = np.full(int(length.sum()), NEVER, np.int64)
    marked = np.zeros(len(delay), np.bool_)
    marked[first[length > 0]] = True
    rows = first[each] + place
    delay[rows] = np.where(late[:, 1] == NEVER, late[:, 0], late[:, 1])
    spoken = np.zeros(len(delay), np.bool_)
    spoken[rows] = True
    begin = np.array([one.begin for one in changes], np.int64)
    said = spread(begin, np.array([one.end for one in changes], np.int64) - begin)
    owner = np.repeat(np.arange(len(changes)), [one.end - one.begin for one in changes])
    mute = (heard.place[said] >= 0) & (heard.unknown[said] | heard.skipped[said])
    silent = first[owner[mute]] + heard.place[said][mute]
    marked[silent[heard.unknown[said][mute]]] = True  # from there on nothing is known
    spoken[silent] = True
    marked |= delay != NEVER
    carried = delay[np.maximum.accumulate(np.where(marked, np.arange(len(marked)), 0))] if len(delay) else delay
    number = np.repeat(np.arange(len(changes)), length)
    wanted = np.flatnonzero(~spoken & (carried != NEVER) & means[number])
    calls = _list_calls(finder, runs, number[wanted], wanted - first[number[wanted]])
    near = np.abs(calls.planned[:, 1] + carried[wanted] - finder.now) <= AHEAD
    kept = carried[wanted][near]
    return _frame(_Calls(*(column[near] for column in calls)), np.stack([kept, kept], axis=1))


def _carries(change: Change) -> bool:
    calls = change.update.calls
    return bool(calls) and calls[0].planned_arrival is None and calls[0].planned_departure is None


def _runs(changes: Sequence[Change]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    runs = [one.run for one in changes]
    return (
        np.array([one.trip for one in runs], np.int32),
        np.array([one.day for one in runs], np.int32),
        np.array([ALL_RUNS if one.nominal == ALL_RUNS else one.shift for one in runs], np.int64),
    )


def _frame(
    calls: _Calls, late: NDArray[np.int64] | None, occupancy: Sequence[int | None] | None = None
) -> pl.DataFrame:
    """Put calls into rows; without delays and without occupancy they are not made."""
    n = len(calls.place)
    delays = np.full((n, 2), NEVER, np.int64) if late is None else late
    due = (calls.planned + np.where(delays == NEVER, 0, delays)).max(axis=1) if n else np.zeros(0, np.int64)
    arrival, departure = (
        pl.Series(delays[:, column]).replace(NEVER, None).cast(pl.Int32) if n else pl.Series([], dtype=pl.Int32)
        for column in (0, 1)
    )
    return pl.DataFrame(
        {
            "trip": calls.trip,
            "day": calls.day,
            "start": calls.start,
            "place": calls.place.astype(np.int32),
            "due": due,
            "arrival_delay": arrival,
            "departure_delay": departure,
            "cancelled": np.full(n, late is None and occupancy is None),
            "occupancy": pl.Series([None] * n if occupancy is None else occupancy, dtype=pl.Int8),
        },
        schema=SCHEMA,
    )


def _read_occupancy(finder: Finder, feeds: Sequence[LiveFeed]) -> pl.DataFrame:
    """Read how full vehicles left the stop before the one they are bound for."""
    table = finder.timetable
    found: list[tuple[int, int, int, int, int]] = []
    for feed in feeds:
        prefix = finder.names.prefix(feed.source)
        for one in feed.vehicles:
            if one.occupancy is None or one.trip_id is None:
                continue
            run = finder.find_run(TripUpdate(one.trip_id, one.start_date, route_id=one.route_id, at=one.at), prefix)
            if isinstance(run, str):
                continue
            first, end = table.call_first[run.trip : run.trip + 2].tolist()
            bound = table.call_sequence[first:end] == (-1 if one.sequence is None else one.sequence)
            if one.sequence is None and one.stop_id is not None:
                bound = table.call_stop[first:end] == finder.stops(prefix)[one.stop_id]
            place = int(bound.argmax()) - 1
            if bound.any() and place >= 0:
                shift = ALL_RUNS if run.nominal == ALL_RUNS else run.shift
                found.append((run.trip, run.day, shift, place, one.occupancy.value))
    rows = np.array(found, np.int64).reshape(-1, 5)
    runs = rows[:, 0].astype(np.int32), rows[:, 1].astype(np.int32), rows[:, 2]
    calls = _list_calls(finder, runs, np.arange(len(rows)), rows[:, 3])
    return _frame(calls, None, rows[:, 4].tolist())


# ── what does not run ─────────────────────────────────────────────────────────────────────────────────────────────────


def _read_gone(finder: Finder, overlay: Overlay) -> Iterator[pl.DataFrame]:
    """Read the calls that are not made: of runs that were taken out, and of stops that are passed by."""
    table = overlay.timetable
    out = (overlay.gone_extra < 0) & (table.gone_shift != NO_PLACE)  # no other trip stands for them
    trip = table.gone_trip[out]
    length = np.diff(table.call_first)[trip]
    runs = trip, table.gone_day[out], table.gone_shift[out].astype(np.int64)
    each = np.repeat(np.arange(len(trip)), length)
    yield _frame(_list_calls(finder, runs, each, spread(np.zeros(len(trip), np.int64), length)), None)
    first = table.call_first[int(overlay.base_trips[0]) :] - int(overlay.base_calls[0])
    each = np.repeat(np.arange(len(overlay.trip_base)), np.diff(first))
    alike = np.isin(overlay.trip_relation, [RELATIONS.index(Relation.SCHEDULED), RELATIONS.index(Relation.UNSCHEDULED)])
    passed = (overlay.call_status == SKIPPED) & ((overlay.trip_base >= 0) & alike)[each]
    place = np.arange(len(each)) - first[:-1][each]
    shifts = np.where(overlay.trip_shift == 0, ALL_RUNS, overlay.trip_shift).astype(np.int64)
    yield _frame(_list_calls(finder, (overlay.trip_base, overlay.trip_day, shifts), each[passed], place[passed]), None)


# ── in names ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _name(table: Timetable, written: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    """Write calls as `trace.model.Call` has them."""
    trips: dict[int, tuple[str, str, str]] = {}
    stops: dict[int, str] = {}
    for trip, day, start, place, _, arrival_delay, departure_delay, cancelled, occupancy in written.iter_rows():
        if trip not in trips:
            source, _, own = table.trip_ids.at(trip).partition(":")
            trips[trip] = source, table.route_ids.at(int(table.trip_route[trip])).partition(":")[2], own
        source, route, own = trips[trip]
        row = int(table.call_first[trip]) + place
        stop = int(table.call_stop[row])
        if stop not in stops:
            stops[stop] = table.stop_ids.at(stop).partition(":")[2]
        times = [int(column[row]) for column in (table.call_arrival, table.call_departure)]
        moved = 0 if start < 0 else start - int(table.call_departure[int(table.call_first[trip])])
        yield (
            service_date(day),
            source,
            route,
            own if start < 0 else f"{own}@{say_time(start)}",
            int(table.call_sequence[row]),
            stops[stop],
            *(None if one == NEVER else one + moved for one in times),
            arrival_delay,
            departure_delay,
            cancelled,
            occupancy,
            None,
        )
