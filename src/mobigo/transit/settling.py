"""Times of trips as they are now: what was said of some calls carried on to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER = 2**31 - 1
"""A time that is not known: what was not said, or not planned."""
_APART = 1 << 34
"""Seconds between trips laid end to end, so that one pass over all of them never mixes two."""


class Said(NamedTuple):
    """What is known of the calls of some trips, one trip after another; seconds of each trip's service day."""

    first: NDArray[np.int64]
    """int64[n_trips + 1], index of each trip's first call."""
    planned_arrival: NDArray[np.int32]
    planned_departure: NDArray[np.int32]
    arrival: NDArray[np.int64]
    """int64[n_calls], NEVER where nothing is said; at least the plan or this must be known."""
    departure: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    """bool[n_calls], the source knows nothing from here on."""
    skipped: NDArray[np.bool_]
    """bool[n_calls], no call: what is said of its times does not count."""
    delay: NDArray[np.int64]
    """int64[n_trips], seconds, of the trip where no call says more; NEVER: not said."""


class Settled(NamedTuple):
    """Times of all calls, never running backwards within a trip."""

    arrival: NDArray[np.int32]
    departure: NDArray[np.int32]
    live: NDArray[np.bool_]
    """bool[n_calls], its times are said, or carried on from what was."""
    unknown: NDArray[np.bool_]
    """bool[n_calls], the source said that it knows nothing of this call, or of the last one it spoke of."""


def settle(said: Said) -> Settled:
    """Work out the times of all calls.

    The delay of an event is carried on to the later ones until one says more, over skipped calls too; before the first
    one that does, and after one that is unknown, the plan holds. What is said prevails over what is carried on: a
    carried time later than the next one said is lowered to it. Where times said run backwards, the later call's is
    raised. A departure without an arrival makes that late by as much as the calls before, or as itself if nothing is
    known of them.
    """
    n_trips = len(said.first) - 1
    trip = np.repeat(np.arange(n_trips), 2 * np.diff(said.first))
    planned = _events(said.planned_arrival, said.planned_departure)
    spoken = _events(said.arrival, said.departure)
    spoken[np.repeat(said.skipped, 2)] = NEVER
    known = spoken != NEVER
    reset = np.repeat(said.unknown, 2) & ~known
    delay = np.where(known, spoken - planned, NEVER)
    starts = 2 * said.first[:-1]
    begins = starts[~known[starts] & ~reset[starts]]
    delay[begins] = said.delay[trip[begins]]
    marked = known | reset
    marked[starts] = True
    source = np.maximum.accumulate(np.where(marked, np.arange(len(marked)), 0))
    carried = delay[source]
    leaves_only = np.flatnonzero((carried[0::2] == NEVER) & known[1::2])
    carried[2 * leaves_only] = delay[2 * leaves_only + 1]
    offset = trip * _APART
    stated = np.maximum.accumulate(np.where(known, spoken + offset, np.int64(-_APART)))
    bound = np.where(known, stated, offset + _APART // 2)
    bound = np.minimum.accumulate(bound[::-1])[::-1]
    likely = np.minimum(planned + np.where(carried == NEVER, 0, carried) + offset, bound)
    times = np.maximum.accumulate(np.where(known, stated, likely)) - offset
    live = (carried != NEVER) | known
    return Settled(
        arrival=times[0::2].astype(np.int32),
        departure=times[1::2].astype(np.int32),
        live=live[0::2] | live[1::2],
        unknown=reset[source][0::2] & ~live[1::2],
    )


def _events(arrival: NDArray[np.integer], departure: NDArray[np.integer]) -> NDArray[np.int64]:
    """Interleave arrivals and departures."""
    events = np.empty(2 * len(arrival), np.int64)
    events[0::2] = arrival
    events[1::2] = departure
    return events
