"""Live data laid over a timetable: a timetable again, of how vehicles run now.

The overlay holds all rows of the base timetable in their places, and after them one appended trip for every run of a
day that live data change: at its times as they are now, on a service of that one day. The run of the base is taken out
of that day (`Timetable.gone_trip`). Search, boards and descriptions work on it as on any timetable.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from mobigo.kit.memory import sweep_later
from mobigo.kit.packed import Strings, pack_strings
from mobigo.transit.changes import gather
from mobigo.transit.laying import (
    APART,
    NO_PLACE,
    RELATIONS,
    Batch,
    Vocabulary,
    Words,
    join,
    lay_changes,
    lay_listed,
    lay_next_trips,
    lay_planned,
    pick,
)
from mobigo.transit.live import Relation
from mobigo.transit.matching import Finder, Names, read_names, say_day
from mobigo.transit.settling import NEVER
from mobigo.transit.striking import close_stops, find_hit, find_struck
from mobigo.transit.timetable import ALL_RUNS, NOT_ALLOWED, Timetable, freeze, last_day
from mobigo.transit.ways import measure_straight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mobigo.transit.changes import Changes
    from mobigo.transit.live import Disturbance, LiveFeed, MatchReport
    from mobigo.transit.matching import Run

__all__ = ["NEVER", "CallStatus", "GoneKind", "Overlay", "lay_over"]
STALE_AFTER = 300
"""Seconds after which what was observed is no longer believed."""
KEPT_AFTER_END = 3_600
"""Seconds after the end of a trip, planned and real, for which what was known of it is kept."""
NEW = RELATIONS.index(Relation.NEW)
BUS = 3
"""route_type of a line of which nothing is known."""
FAR_OUTSIDE = 400
"""Days by which live data may lie outside the timetable's service days."""


class CallStatus(IntEnum):
    """What is known of an appended call."""

    SCHEDULED = 0
    """Nothing: it is as planned."""
    LIVE = 1
    """Its times are predicted or observed, by the source or carried on from an earlier call."""
    SKIPPED = 2
    """The vehicle does not call there; the row stays so that positions stay those of the base trip."""
    NO_DATA = 3
    """The source says that it knows nothing."""


class GoneKind(IntEnum):
    """Why a run of the base timetable is not there."""

    CANCELED = 0
    REPLACED = 1
    """An appended trip stands for it: `Overlay.gone_extra`."""
    DELETED = 2
    """Cancelled, and not to be shown at all."""


class Overlay(NamedTuple):
    """A timetable with live data laid over it, and what stands against what.

    Appended trip `i` is trip `base_trips[0] + i` of `timetable`; appended call `j` is its call `base_calls[0] + j`.
    """

    timetable: Timetable
    base_trips: NDArray[np.int32]
    """int32[1], trips of the base timetable: the appended ones follow."""
    base_calls: NDArray[np.int64]
    """int64[1], calls of the base timetable: the appended ones follow."""
    trip_base: NDArray[np.int32]
    """int32[n], trip of the base that an appended trip stands for (of which it is a copy, when duplicated); -1: not in
    the timetable."""
    trip_shift: NDArray[np.int32]
    """int32[n], `run_shift` of the run it stands for; 0 without frequencies."""
    trip_day: NDArray[np.int32]
    """int32[n], its service day, days since 1970."""
    trip_relation: NDArray[np.uint8]
    """uint8[n], index into `tuple(live.Relation)`."""
    trip_at: NDArray[np.int64]
    """int64[n], when this was observed, seconds since 1970 UTC."""
    call_planned_arrival: NDArray[np.int32]
    """int32[m], seconds of the service day, NEVER when not planned."""
    call_planned_departure: NDArray[np.int32]
    call_status: NDArray[np.uint8]
    """uint8[m], `CallStatus`."""
    platforms: Strings
    call_platform: NDArray[np.int32]
    """int32[m], platform as the source names it, index into `platforms`, or -1."""
    gone_kind: NDArray[np.uint8]
    """uint8[k], `GoneKind`, one per row of `timetable.gone_trip`."""
    gone_extra: NDArray[np.int32]
    """int32[k], trip of `timetable` that stands for it, -1: none."""


def lay_over(
    timetable: Timetable,
    feeds: Sequence[LiveFeed],
    disturbances: Sequence[Disturbance],
    *,
    now: int,
    stale_after: int = STALE_AFTER,
    names: Names | None = None,
    hear: Callable[[Finder, Changes], None] | None = None,
) -> tuple[Overlay, list[MatchReport]]:
    """Lay what sources and staff say over a timetable.

    Parameters
    ----------
    timetable : Timetable
        Of the network, without live data.
    feeds : sequence of LiveFeed
        Several may speak of one trip: the newer prevails.
    disturbances : sequence of Disturbance
        Of our own staff; those whose time is over do nothing.
    now : int
        Seconds since 1970 UTC.
    stale_after : int
        Seconds: what was observed longer ago is ignored and reported.
    names : Names, optional
        Of the same timetable, kept from the last time (`matching.read_names`); else they are read.
    hear : callable, optional
        Is told what was matched, before anything is worked out of it.

    Returns
    -------
    Overlay, and one report for each feed, in their order.
    """
    with sweep_later():
        finder = Finder(timetable, names or read_names(timetable), now)
        changes = gather(finder, feeds, stale_after)
        if hear is not None:
            hear(finder, changes)
        return _lay(finder, changes, disturbances), changes.reports


def _lay(finder: Finder, changes: Changes, disturbances: Sequence[Disturbance]) -> Overlay:
    timetable = finder.timetable
    words = Vocabulary(Words(len(timetable.headsigns.first) - 1), Words(), Words(len(timetable.route_type)))
    canceled = {_place(run): hidden for run, hidden in changes.canceled.items()}
    hits = [find_hit(finder, disturbance) for disturbance in disturbances]
    for hit in hits:
        for run in hit.canceled:
            canceled.setdefault(_place(run), False)
    changed = lay_changes(finder, [one for one in changes.changed if _place(one.run) not in canceled], words)
    listed = [one for one in changes.listed if one.run is None or _place(one.run) not in canceled]
    known = join([changed, lay_listed(finder, listed, words)])
    own = known.nominal == ALL_RUNS
    taken = set(zip(known.base[own].tolist(), known.day[own].tolist(), strict=True))
    gone = {(trip, day) for trip, day, _ in canceled}
    batch = join([known, lay_next_trips(finder, known, taken, gone, words)])
    spoken = {*zip(batch.base.tolist(), batch.day.tolist(), batch.nominal.tolist(), strict=True), *canceled}
    passing = dict.fromkeys(run for hit in hits for run in hit.changed if _place(run) not in spoken)
    closed = lay_planned(finder, passing, words)
    closed = pick(closed, close_stops(finder, closed, disturbances))
    close_stops(finder, batch, disturbances)
    batch = pick(batch, ~find_struck(finder, batch, disturbances) & _lasts(finder, batch))
    return _append(finder, join([batch, closed]), canceled, words)


def _place(run: Run) -> tuple[int, int, int]:
    """Trip, day and shift of the run whose place is taken."""
    return run.trip, run.day, NO_PLACE if run.nominal is None else run.nominal


def _lasts(finder: Finder, batch: Batch) -> NDArray[np.bool_]:
    """Tell which trips are not over since long, by plan or really, and on days near the timetable's."""
    if not len(batch.base):
        return np.zeros(0, np.bool_)
    ends = batch.first[1:] - 1
    planned = np.where(batch.planned_arrival[ends] == NEVER, batch.arrival[ends], batch.planned_arrival[ends])
    begins = _begins(finder, batch)
    first, last = int(finder.timetable.first_day[0]), last_day(finder.timetable)
    lasts: NDArray[np.bool_] = np.maximum(batch.arrival[ends], planned) + begins >= finder.now - KEPT_AFTER_END
    return lasts & (batch.day >= first - FAR_OUTSIDE) & (batch.day <= last + FAR_OUTSIDE)


def _begins(finder: Finder, batch: Batch) -> NDArray[np.int64]:
    """Seconds since 1970 from which the times of each trip count."""
    pairs = zip(batch.day.tolist(), batch.zone.tolist(), strict=True)
    return np.array([finder.begins(day, zone) for day, zone in pairs], np.int64)


def _append(finder: Finder, batch: Batch, canceled: dict[tuple[int, int, int], bool], words: Vocabulary) -> Overlay:
    """Append a batch to the timetable, and take out of it what no longer runs."""
    base = finder.timetable
    n_trips, n_calls = len(base.trip_route), len(base.call_stop)
    table = _append_routes(base, words)
    table = _append_days(table, np.unique(batch.day))
    services = len(base.service_days) + np.unique(batch.day, return_inverse=True)[1].reshape(-1)
    table = _append_trips(table, batch, services.astype(np.int32), words)
    gone = {key: (GoneKind.DELETED if hidden else GoneKind.CANCELED, -1) for key, hidden in canceled.items()}
    for row, key in enumerate(zip(batch.base.tolist(), batch.day.tolist(), batch.nominal.tolist(), strict=True)):
        if key[2] != NO_PLACE:
            gone[key] = (GoneKind.REPLACED, n_trips + row)
    rows = sorted(gone)
    return Overlay(
        timetable=freeze(
            table._replace(
                gone_trip=np.array([trip for trip, _, _ in rows], np.int32),
                gone_day=np.array([day for _, day, _ in rows], np.int32),
                gone_shift=np.array([shift for _, _, shift in rows], np.int32),
            )
        ),
        base_trips=np.array([n_trips], np.int32),
        base_calls=np.array([n_calls], np.int64),
        trip_base=batch.base,
        trip_shift=batch.shift,
        trip_day=batch.day,
        trip_relation=batch.relation,
        trip_at=batch.at,
        call_planned_arrival=batch.planned_arrival,
        call_planned_departure=batch.planned_departure,
        call_status=batch.status,
        platforms=pack_strings(words.platforms.texts),
        call_platform=batch.platform,
        gone_kind=np.array([gone[key][0] for key in rows], np.uint8),
        gone_extra=np.array([gone[key][1] for key in rows], np.int32),
    )


def _append_routes(table: Timetable, words: Vocabulary) -> Timetable:
    """Append lines of which only live data know: as buses of nobody."""
    names = [name.partition(APART) for name in words.routes.texts]
    if not names:
        return table
    blank = pack_strings([""] * len(names))
    return table._replace(
        route_ids=_extend(table.route_ids, pack_strings([prefix + name for prefix, _, name in names])),
        route_short_names=_extend(table.route_short_names, pack_strings([name for _, _, name in names])),
        route_long_names=_extend(table.route_long_names, blank),
        route_colors=_extend(table.route_colors, blank),
        route_text_colors=_extend(table.route_text_colors, blank),
        route_type=_add(table.route_type, np.full(len(names), BUS)),
        route_agency=_add(table.route_agency, np.full(len(names), -1)),
    )


def _append_days(table: Timetable, days: NDArray[np.int32]) -> Timetable:
    """Append one service for each of some days; the calendar grows where they lie outside it."""
    if not len(days):
        return table
    first, width = int(table.first_day[0]), 8 * table.service_days.shape[1]
    if not len(table.service_days):
        first, width = int(days[0]), 8
    before = -(-max(first - int(days[0]), 0) // 8)
    after = -(-max(int(days[-1]) + 1 - first - width, 0) // 8)
    own = np.zeros((len(days), width + 8 * (before + after)), np.bool_)
    own[np.arange(len(days)), days - (first - 8 * before)] = True
    old = np.pad(table.service_days, ((0, 0), (before, after))) if len(table.service_days) else own[:0, ::8]
    return table._replace(
        first_day=np.array([first - 8 * before], np.int32),
        service_ids=_extend(table.service_ids, pack_strings([f"live:{say_day(day)}" for day in days.tolist()])),
        service_days=np.concatenate([old.astype(np.uint8), np.packbits(own, axis=1)]),
    )


def _append_trips(table: Timetable, batch: Batch, service: NDArray[np.int32], words: Vocabulary) -> Timetable:
    """Append trips with their calls, patterns and runs."""
    n = len(batch.base)
    copied = batch.relation == RELATIONS.index(Relation.DUPLICATED)
    alike = (batch.base >= 0) & (batch.relation != RELATIONS.index(Relation.REPLACEMENT)) & (batch.relation != NEW)
    pattern, added = _find_patterns(table, batch, alike)
    return table._replace(
        trip_ids=_extend(table.trip_ids, _texts(table.trip_ids, batch, 0)),
        trip_headsigns=_extend(table.trip_headsigns, _texts(table.trip_headsigns, batch, 1)),
        trip_short_names=_extend(table.trip_short_names, _texts(table.trip_short_names, batch, 2)),
        trip_route=_add(table.trip_route, batch.route),
        trip_service=_add(table.trip_service, service),
        trip_zone=_add(table.trip_zone, batch.zone),
        trip_direction=_add(table.trip_direction, _of_base(table.trip_direction, batch.base, -1)),
        trip_block=_add(table.trip_block, np.where(_in_block(batch), _of_base(table.trip_block, batch.base, -1), -1)),
        trip_shape=_add(table.trip_shape, np.where(alike, _of_base(table.trip_shape, batch.base, -1), -1)),
        trip_wheelchair=_add(table.trip_wheelchair, _of_base(table.trip_wheelchair, batch.base, 0)),
        trip_bikes=_add(table.trip_bikes, _of_base(table.trip_bikes, batch.base, 0)),
        trip_known_as=_add(table.trip_known_as, np.where(copied | (batch.relation == NEW), -1, batch.base)),
        trip_pattern=_add(table.trip_pattern, pattern),
        call_first=_add(table.call_first, table.call_first[-1] + batch.first[1:]),
        call_stop=_add(table.call_stop, batch.stop),
        call_arrival=_add(table.call_arrival, batch.arrival),
        call_departure=_add(table.call_departure, batch.departure),
        call_pickup=_add(table.call_pickup, batch.pickup),
        call_drop_off=_add(table.call_drop_off, batch.drop_off),
        call_sequence=_add(table.call_sequence, batch.sequence),
        call_headsign=_add(table.call_headsign, batch.headsign),
        call_distance=_add(table.call_distance, batch.distance),
        headsigns=_extend(table.headsigns, pack_strings(words.headsigns.texts)),
        pattern_first=_add(table.pattern_first, table.pattern_first[-1] + added.first),
        pattern_stop=_add(table.pattern_stop, added.stop),
        pattern_board=_add(table.pattern_board, added.board),
        pattern_alight=_add(table.pattern_alight, added.alight),
        pattern_metres=_add(table.pattern_metres, added.metres),
        run_trip=_add(table.run_trip, len(table.trip_route) + np.arange(n)),
        run_shift=_add(table.run_shift, np.zeros(n)),
        run_repeats=_add(table.run_repeats, np.zeros(n)),
    )


def _in_block(batch: Batch) -> NDArray[np.bool_]:
    """Tell which trips are run by the vehicle of their base: those that take its place."""
    takes: NDArray[np.bool_] = batch.nominal == ALL_RUNS
    return takes


class _Patterns(NamedTuple):
    """Patterns to append."""

    first: NDArray[np.int64]
    """int64[n], end of each, counted from the first appended row."""
    stop: NDArray[np.int32]
    board: NDArray[np.uint8]
    alight: NDArray[np.uint8]
    metres: NDArray[np.int32]


def _find_patterns(table: Timetable, batch: Batch, alike: NDArray[np.bool_]) -> tuple[NDArray[np.int32], _Patterns]:
    """Give each trip its pattern: its base's where stops and permissions are the same, else a new one."""
    first = batch.first
    owner = np.repeat(np.arange(len(batch.base)), batch.length)
    pattern = np.where(alike, _of_base(table.trip_pattern, batch.base, -1), -1).astype(np.int32)
    same = alike.copy()
    calls = np.flatnonzero(alike[owner])
    rows = table.call_first[batch.base[owner[calls]]] + calls - first[owner[calls]]
    differs = batch.stop[calls] != table.call_stop[rows]
    differs |= (batch.pickup[calls] == NOT_ALLOWED) != (table.call_pickup[rows] == NOT_ALLOWED)
    differs |= (batch.drop_off[calls] == NOT_ALLOWED) != (table.call_drop_off[rows] == NOT_ALLOWED)
    same[owner[calls[differs]]] = False
    board = (batch.pickup != NOT_ALLOWED).astype(np.uint8)
    alight = (batch.drop_off != NOT_ALLOWED).astype(np.uint8)
    board[first[1:] - 1] = 0
    alight[first[:-1]] = 0
    known: dict[tuple[bytes, bytes], int] = {}
    parts: list[NDArray[np.int64]] = []
    metres: list[NDArray[np.int64]] = []
    for trip in np.flatnonzero(~same).tolist():
        calls = np.arange(first[trip], first[trip + 1])
        hops = _measure(table, batch.stop[calls], int(pattern[trip]))
        key = (batch.stop[calls] * np.int64(4) + board[calls] * 2 + alight[calls]).tobytes(), hops.tobytes()
        number = known.setdefault(key, len(known))
        pattern[trip] = len(table.pattern_first) - 1 + number
        if number == len(parts):
            parts.append(calls)
            metres.append(np.cumsum(hops))
    chosen = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    ends = np.cumsum([len(part) for part in parts]).astype(np.int64)
    along = np.concatenate([np.zeros(0, np.int64), *metres])
    return pattern, _Patterns(ends, batch.stop[chosen], board[chosen], alight[chosen], along.astype(np.int32))


def _measure(table: Timetable, stops: NDArray[np.int32], below: int) -> NDArray[np.int32]:
    """Measure from stop to stop: as the pattern of the base has it where there is one, never less than straight."""
    straight = measure_straight(table.stop_lon[stops], table.stop_lat[stops])
    if below < 0:
        return straight
    planned = table.pattern_metres[int(table.pattern_first[below]) : int(table.pattern_first[below + 1])]
    return np.maximum(straight, np.diff(planned, prepend=planned[:1]))


A = TypeVar("A", bound=np.generic)


def _add(column: NDArray[A], more: NDArray[Any]) -> NDArray[A]:
    """Put rows after a column, as its type."""
    return np.concatenate([column, more.astype(column.dtype)])


def _of_base(column: NDArray[A], base: NDArray[np.int32], missing: int) -> NDArray[A]:
    """Take rows of a column, `missing` where the base is -1."""
    if not len(column):
        return np.full(len(base), missing, column.dtype)
    taken: NDArray[A] = np.where(base >= 0, column[base], column.dtype.type(missing))
    return taken


def _extend(strings: Strings, more: Strings) -> Strings:
    """Put strings after strings."""
    return Strings(
        np.concatenate([strings.first, strings.first[-1] + more.first[1:]]), np.concatenate([strings.blob, more.blob])
    )


def _texts(strings: Strings, batch: Batch, column: int) -> Strings:
    """Texts of the trips of a batch: their own, else their base's, else none."""
    rows = np.maximum(batch.base, 0)
    length = np.where(batch.base >= 0, np.diff(strings.first)[rows] if len(strings.first) > 1 else 0, 0)
    first = strings.first[rows]
    bytes_of = np.repeat(first - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
    taken = Strings(np.concatenate(([0], np.cumsum(length))).astype(np.int64), strings.blob[bytes_of])
    own = [(row, text[column]) for row, text in enumerate(batch.text) if text is not None and text[column] is not None]
    if not own:
        return taken
    texts: list[str | None] = list(taken.all())
    for row, text in own:
        texts[row] = text
    return pack_strings(texts)
