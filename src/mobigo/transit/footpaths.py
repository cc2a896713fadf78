"""Walks between stops, and how long a change over each of them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import arc_metres
from mobigo.transit.timetable import FORBIDDEN, GUARANTEED, NO_RULE, STATION, Timetable, freeze

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WALKING_SPEED = 1.2
"""Metres per second."""
DEFAULT_LINK_METRES = 100.0
FORBIDDEN_CHANGE = -1
COLUMNS = ("from_stop", "to_stop", "seconds")
PAIRS_AT_ONCE = 4_000_000
"""Pairs of stops measured at a time, so that memory stays bounded."""


class Footpaths(NamedTuple):
    """Walks between stops, one row after another (CSR), each stop with itself included."""

    first: NDArray[np.int32]
    """int32[n_stops + 1], index; walks of stop `s` are rows `first[s]:first[s + 1]`, ascending by target."""
    target: NDArray[np.int32]
    """int32[n_walks], stop index."""
    seconds: NDArray[np.int32]
    """int32[n_walks], seconds on foot; 0 from a stop to itself."""
    change: NDArray[np.int32]
    """int32[n_walks], seconds from getting off to getting on, -1 where that is forbidden; of vehicles that no rule of
    transfers.txt names."""
    guaranteed: NDArray[np.uint8]
    """uint8[n_walks], 1 where the onward vehicle waits, of those as well."""
    change_seconds: NDArray[np.int32]
    """int32[1], seconds of a change besides the walk where no rule says them; -1: no rule applies at all."""
    back_first: NDArray[np.int32]
    """int32[n_stops + 1], index; the same walks by their target."""
    back: NDArray[np.int32]
    """int32[n_walks], origin of the walk, a stop index."""
    back_seconds: NDArray[np.int32]


class _Walks(NamedTuple):
    """Ordered pairs with seconds on foot."""

    origin: NDArray[np.int32]
    target: NDArray[np.int32]
    seconds: NDArray[np.int32]


def link_stops(timetable: Timetable, *, link_metres: float = DEFAULT_LINK_METRES, change_seconds: int = 0) -> Footpaths:
    """Walk along transfers.txt and straight lines of at most `link_metres`.

    A row of transfers.txt takes the place of the straight-line link of its ordered pair: its min_transfer_time, the
    only number the file has, is the walk and the whole change; without one the straight line is walked. Type 3
    forbids the change only: the street is still there for the first and the last walk.
    """
    links = _straight_links(timetable, link_metres)
    named = (timetable.rule_type != FORBIDDEN) & (timetable.rule_from != timetable.rule_to)
    origin, target = timetable.rule_from[named], timetable.rule_to[named]
    given = timetable.rule_seconds[named]
    seconds = np.where(given >= 0, given, walk_seconds(stop_metres(timetable, origin, target)))
    usable = seconds >= 0
    walks = _Walks(
        np.concatenate([origin[usable], links.origin]),
        np.concatenate([target[usable], links.target]),
        np.concatenate([seconds[usable], links.seconds]).astype(np.int32),
    )
    return _assemble(timetable, walks, change_seconds)


def draw_straight(timetable: Timetable, metres: float) -> tuple[NDArray[np.int32], ...]:
    """Walk straight lines: to stops at most so far away, and to those transfers.txt names without a time.

    Returns
    -------
    (first int32[n_stops + 1], target int32[n], seconds int32[n])
        Each stop with itself included.
    """
    links = _straight_links(timetable, metres)
    named = (timetable.rule_type != FORBIDDEN) & (timetable.rule_from != timetable.rule_to)
    named &= timetable.rule_seconds == NO_RULE
    origin, target = timetable.rule_from[named], timetable.rule_to[named]
    seconds = walk_seconds(stop_metres(timetable, origin, target))
    usable = seconds >= 0
    walks = _Walks(
        np.concatenate([origin[usable], links.origin]),
        np.concatenate([target[usable], links.target]),
        np.concatenate([seconds[usable], links.seconds]),
    )
    drawn = _assemble(timetable, walks, 0, ruled=False)
    return drawn.first, drawn.target, drawn.seconds


def follow_streets(timetable: Timetable, walks: tuple[NDArray[np.int32], ...], *, change_seconds: int = 0) -> Footpaths:
    """Walk along streets; a change takes as long as transfers.txt says where it does.

    Where no street joins two stops, or it takes longer than the row of transfers.txt, the row's time is the walk. A
    time longer than the walk is one to wait: the walk stays what it is, also for vehicles that the row is not about.

    Parameters
    ----------
    walks : (first int32[n_stops + 1], target int32[n], seconds int32[n])
        Seconds along the streets from each stop to stops near it.
    """
    first, target, seconds = walks
    n_stops = len(first) - 1
    origin = np.repeat(np.arange(n_stops, dtype=np.int32), np.diff(first))
    given = (timetable.rule_type != FORBIDDEN) & (timetable.rule_seconds >= 0)
    given &= timetable.rule_from != timetable.rule_to
    origin = np.concatenate([timetable.rule_from[given], origin])
    target = np.concatenate([timetable.rule_to[given], target])
    seconds = np.concatenate([timetable.rule_seconds[given], seconds]).astype(np.int32)
    order = np.lexsort((seconds, origin.astype(np.int64) * n_stops + target))
    return _assemble(timetable, _Walks(origin[order], target[order], seconds[order]), change_seconds)


def read_footpaths(timetable: Timetable, file: Path, *, change_seconds: int = 0) -> Footpaths:
    """Walk exactly as a file ``from_stop,to_stop,seconds`` says, whatever transfers.txt has.

    A station stands for all its stops; of two rows of a pair the faster counts; a row from a stop to itself says
    nothing.

    Raises
    ------
    InvalidInput
        Naming the row when a stop is unknown or the seconds are no whole number of at least 0.
    """
    try:
        table = pl.read_csv(file, infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInput(f"{file} cannot be read as CSV: {error}") from None
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise InvalidInput(f"{file} has no column {', '.join(missing)}; its header must be {','.join(COLUMNS)}")
    numbers = {name: row for row, name in enumerate(timetable.stop_ids.all())}
    pairs: dict[tuple[int, int], int] = {}
    for line, (origin, target, seconds) in enumerate(table.select(COLUMNS).iter_rows(), start=2):
        for column, name in (("from_stop", origin), ("to_stop", target)):
            if name not in numbers:
                raise InvalidInput(f"{file} line {line}: {column} {name!r} is not in stops.txt")
        if seconds is None or not seconds.strip().isdigit():
            raise InvalidInput(f"{file} line {line}: seconds {seconds!r} is not a whole number of at least 0")
        for a in meant_by(timetable, numbers[origin]).tolist():
            for b in meant_by(timetable, numbers[target]).tolist():
                if a != b:
                    pairs[a, b] = min(int(seconds), pairs.get((a, b), int(seconds)))
    origins, targets = (np.array([pair[side] for pair in pairs], np.int32) for side in (0, 1))
    walks = _Walks(origins, targets, np.array(list(pairs.values()), np.int32))
    return _assemble(timetable, walks, change_seconds, ruled=False)


def meant_by(timetable: Timetable, stop: int) -> NDArray[np.int32]:
    """Return the stops a stop or station means."""
    return timetable.meant[timetable.meant_first[stop] : timetable.meant_first[stop + 1]]


def walk_seconds(metres: NDArray[np.float64]) -> NDArray[np.int32]:
    """Seconds to walk straight lines, rounded up; -1 where a coordinate is missing."""
    known = np.isfinite(metres)
    seconds = np.full(metres.shape, -1, np.int32)
    seconds[known] = np.ceil(metres[known] / WALKING_SPEED)
    return seconds


def stop_metres(timetable: Timetable, a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
    """Straight lines between stops, NaN where a coordinate is missing."""
    lat, lon = np.radians(timetable.stop_lat), np.radians(timetable.stop_lon)
    return arc_metres(lat[a], lon[a], lat[b], lon[b])


def _straight_links(timetable: Timetable, metres: float) -> _Walks:
    """All ordered pairs of stops at most so far apart: a sweep from south to north."""
    stops = np.flatnonzero((timetable.stop_type != STATION) & np.isfinite(timetable.stop_lat + timetable.stop_lon))
    stops = stops[np.argsort(timetable.stop_lat[stops], kind="stable")].astype(np.int32)
    lat = timetable.stop_lat[stops]
    ends = np.searchsorted(lat, lat + metres / 111_000, side="right")
    counts = ends - np.arange(len(stops)) - 1
    found = []
    start = 0
    while start < len(stops):
        end = max(start + 1, int(np.searchsorted(np.cumsum(counts[start:]), PAIRS_AT_ONCE, side="right")) + start)
        number = counts[start:end]
        lower = np.repeat(np.arange(start, end), number)
        upper = lower + 1 + np.arange(len(lower)) - np.repeat(np.cumsum(number) - number, number)
        a, b = stops[lower].astype(np.int32), stops[upper].astype(np.int32)
        distance = stop_metres(timetable, a, b)
        near = distance <= metres
        found.append((a[near], b[near], walk_seconds(distance[near])))
        start = end
    if not found:
        return _Walks(*(np.zeros(0, np.int32) for _ in range(3)))
    a, b, seconds = (np.concatenate(part) for part in zip(*found, strict=True))
    return _Walks(np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([seconds, seconds]))


def _assemble(timetable: Timetable, walks: _Walks, change_seconds: int, *, ruled: bool = True) -> Footpaths:
    """Lay the walks out by stop; of several for one ordered pair the first counts."""
    n_stops = len(timetable.stop_lat)
    itself = np.arange(n_stops, dtype=np.int32)
    origin = np.concatenate([itself, walks.origin]).astype(np.int64)
    target = np.concatenate([itself, walks.target]).astype(np.int64)
    seconds = np.concatenate([np.zeros(n_stops, np.int32), walks.seconds]).astype(np.int32)
    pair, row = np.unique(origin * n_stops + target, return_index=True)
    seconds = seconds[row]
    change = seconds + np.int32(change_seconds)
    guaranteed = np.zeros(len(change), np.uint8)
    if ruled:
        rule = timetable.rule_from.astype(np.int64) * n_stops + timetable.rule_to
        at = np.searchsorted(pair, rule)
        at[at == len(pair)] = 0
        hit = pair[at] == rule if len(pair) else np.zeros(0, np.bool_)
        timed = hit & (timetable.rule_seconds != NO_RULE)
        change[at[timed]] = timetable.rule_seconds[timed]
        change[at[hit & (timetable.rule_type == FORBIDDEN)]] = FORBIDDEN_CHANGE
        guaranteed[at[hit & (timetable.rule_type == GUARANTEED)]] = 1
    origin, target = pair // n_stops, pair % n_stops
    back = np.argsort(target, kind="stable")
    bounds = np.arange(n_stops + 1)
    return freeze(
        Footpaths(
            first=np.searchsorted(origin, bounds).astype(np.int32),
            target=target.astype(np.int32),
            seconds=seconds,
            change=change.astype(np.int32),
            guaranteed=guaranteed,
            change_seconds=np.array([change_seconds if ruled else -1], np.int32),
            back_first=np.searchsorted(target[back], bounds).astype(np.int32),
            back=origin[back].astype(np.int32),
            back_seconds=seconds[back],
        )
    )
