"""Updates of calls as columns, placed in the trips they are of: many at once."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.transit.live import CallRelation, CallUpdate
from mobigo.transit.settling import NEVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.transit.matching import Finder

SEQUENCE, STOP, ARRIVAL, RELATION, ASSIGNED, PLATFORM, HEADSIGN = 0, 1, 2, 6, 7, 8, 11
"""Places in a `CallUpdate`; its four times follow `ARRIVAL`."""
NO_STOP = -2
"""Where no stop is named; -1: it is not in the timetable."""
UNKNOWN = 2.0**40
"""Seconds beyond which a number is no time."""


class Heard(NamedTuple):
    """What is said of calls, one row each."""

    times: NDArray[np.int64]
    """int64[n, 4]: arrival and departure since 1970 UTC, delays of arrival and departure; NEVER where not said."""
    skipped: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    """bool[n], the source says that it knows nothing, or says nothing."""
    silent: NDArray[np.bool_]
    """bool[n], the source says nothing at all."""
    special: NDArray[np.bool_]
    """bool[n], it says another stop, a platform or a sign."""
    place: NDArray[np.int64]
    """int64[n], position in the trip's stop list, -1: not found there."""
    moved: NDArray[np.bool_]
    """bool[n], its stop is another one of the station the trip calls at there."""


def hear(finder: Finder, spoken: Sequence[tuple[Sequence[CallUpdate], int]], prefix: str) -> Heard:
    """Turn the updates of some trips into columns.

    Parameters
    ----------
    finder : Finder
    spoken : sequence of (calls, trip)
        Updates and the trip of the timetable they are of.
    prefix : str
        Of the source's ids.
    """
    calls = list(chain.from_iterable(one for one, _ in spoken))
    n = len(calls)
    columns = list(zip(*calls, strict=True)) or [()] * len(CallUpdate._fields)
    times = np.full((n, 4), NEVER, np.int64)
    for number in range(4):
        times[:, number] = _numbers(columns[ARRIVAL + number], NEVER)
    special = np.zeros(n, np.bool_)
    for number in (ASSIGNED, PLATFORM, HEADSIGN):
        if columns[number].count(None) < n:
            special |= np.array([text is not None for text in columns[number]])
    skipped, lost = _are(columns[RELATION], CallRelation.SKIPPED), _are(columns[RELATION], CallRelation.NO_DATA)
    times[lost] = NEVER
    silent = (times == NEVER).all(axis=1) & ~special & ~skipped & ~lost
    rows = finder.stops(prefix)
    stop = np.array([NO_STOP if name is None else rows[name] for name in columns[STOP]], np.int64)
    place = _place(finder, spoken, columns[SEQUENCE], stop, prefix)
    trip = np.repeat(np.array([trip for _, trip in spoken], np.int64), [len(one) for one, _ in spoken])
    call = finder.timetable.call_first[trip] + np.maximum(place, 0)
    moved = (place >= 0) & (stop >= 0) & (finder.timetable.call_stop[call] != stop) if n else special
    return Heard(times, skipped, lost | silent, silent, special, place, moved & ~special)


def _numbers(column: Sequence[int | None], missing: int) -> NDArray[np.int64]:
    """Numbers of a column; `missing` where there is none, or one that cannot be computed with."""
    if column.count(None) == len(column):
        return np.full(len(column), missing, np.int64)
    said = np.nan_to_num(np.array(column, np.float64), nan=UNKNOWN, posinf=UNKNOWN, neginf=UNKNOWN)
    return np.where(np.abs(said) < UNKNOWN, said, missing).astype(np.int64)


def _are(column: Sequence[CallRelation], wanted: CallRelation) -> NDArray[np.bool_]:
    if column.count(CallRelation.SCHEDULED) == len(column):
        return np.zeros(len(column), np.bool_)
    return np.array([one is wanted for one in column], np.bool_)


def _place(
    finder: Finder,
    spoken: Sequence[tuple[Sequence[CallUpdate], int]],
    sequences: Sequence[int | None],
    stop: NDArray[np.int64],
    prefix: str,
) -> NDArray[np.int64]:
    """Place whole trips whose numbers, stops and order all agree at once, the others call by call."""
    table = finder.timetable
    length = np.array([len(calls) for calls, _ in spoken], np.int64)
    start = np.cumsum(length) - length
    trip = np.repeat(np.array([trip for _, trip in spoken], np.int64), length)
    owner = np.repeat(np.arange(len(spoken)), length)
    rows = finder.find_sequences(trip, np.minimum(_numbers(sequences, -1), NEVER))
    agrees = rows >= 0
    agrees[agrees] &= (stop[agrees] == NO_STOP) | (table.call_stop[rows[agrees]] == stop[agrees])
    place = rows - table.call_first[trip]
    agrees[1:] &= (owner[1:] != owner[:-1]) | (place[1:] > place[:-1])
    for number in np.unique(owner[~agrees]).tolist():
        calls, own = spoken[number]
        place[start[number] : start[number] + length[number]] = finder.place_calls(calls, own, prefix)
    return place
