"""Which hops lead on, by where one is going: arc flags of changes from trip to trip.

For each destination, from each arrival: how soon one is there by at most so many further rides. Where a ride more
brings one there sooner, the first way on that does is marked for the quarter the destination lies in; a search that
follows marked hops alone finds the same journeys. Each arrival is looked at after all it leads to, for many
destinations side by side.

References
----------
Großmann, Sauer, Schulz, Steil (2023), Arc-Flags Meet Trip-Based Public Transit Routing. There searches from every stop
mark the hops of the journeys they find; here they are worked out backwards, as the bounds of `kernels.soonest` are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels import inner_kernel, kernel
from mobigo.kernels.trip_based import BITS, TOWARDS_RIDES

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64

LANES = 32
"""Destinations worked out side by side."""
LEVELS = TOWARDS_RIDES
"""Numbers of further rides told apart, from 0: the first ride was taken."""
NOWHERE = 65535
"""A rank that is not reached."""
MET = 65534
"""Instead of a rank that is wanted: no longer, or not at all. Ranks are less."""


@inner_kernel
def _mark(
    hops: NDArray[np.int32],
    onto: NDArray[np.int32],
    begin: Int,
    end: Int,
    least: NDArray[np.int8],
    most: NDArray[np.int8],
    place: NDArray[np.int64],
    best: NDArray[np.uint16],
    wanted: NDArray[np.uint16],
    levels: Int,
    hit: NDArray[np.uint8],
    quarter: NDArray[np.int32],
    towards: NDArray[np.int64],
) -> None:
    """Mark the first hops of an event that bring what is wanted, by rides and destination."""
    for at in range(begin, end):
        if hops[at] < 0:
            continue
        other = onto[at]
        hit[:] = 0
        some = np.uint8(0)
        for ride in range(least[other] + 1, min(most[other] + 1, levels)):
            there, want = best[place[other] + ride - 1 - least[other]], wanted[ride]
            for lane in range(LANES):
                brings = there[lane] == want[lane]
                hit[lane] |= np.uint8(brings)
                want[lane] = np.uint16(MET) if brings else want[lane]
        for lane in range(LANES):
            some |= hit[lane]
        if some:
            for lane in range(len(quarter)):
                if hit[lane]:
                    towards[hops[at], quarter[lane] // BITS] |= np.int64(1) << np.int64(quarter[lane] % BITS)


@kernel
def mark_hops(
    first: NDArray[np.int32],
    onto: NDArray[np.int32],
    by: NDArray[np.int32],
    order: NDArray[np.int32],
    event_goal: NDArray[np.int32],
    event_rank: NDArray[np.uint16],
    goal_quarter: NDArray[np.int32],
    n_hops: Int,
) -> NDArray[np.int64]:
    """Work out `DayView.hop_towards`, for journeys of at most TOWARDS_RIDES rides.

    Of ways on that are as good, the one that a search would find first is marked: the earliest change, then the hop
    that comes first.

    Parameters
    ----------
    first, onto, by, order : of `link_events` and `order_events`, which found no circles
    event_goal : int32[n_events]
        Number of the stop one arrives at, -1 where one cannot alight; stops near each other have numbers near each
        other.
    event_rank : uint16[n_events]
        How many earlier times of arrival at the stop there are.
    goal_quarter : int32[n_goals]
    """
    n = len(order)
    row_of = np.empty(n, np.int32)
    for row in range(n):
        row_of[order[row]] = row
    row_first, row_onto = np.zeros(n + 1, np.int32), np.empty(len(onto), np.int32)  # in the order they are read
    row_by = np.empty(len(onto), np.int32)
    size = 0
    for row in range(n):
        for at in range(first[order[row]], first[order[row] + 1]):
            row_onto[size] = row_of[onto[at]] if onto[at] >= 0 else row_of[~onto[at]]
            row_by[size] = by[at]
            size += 1
        row_first[row + 1] = size
    towards = np.zeros((n_hops, 2), np.int64)
    # ranks by lane, for each event from the first number of rides that leads anywhere to the last that brings anything
    best = np.empty((4 * n + LEVELS, LANES), np.uint16)
    place = np.empty(n, np.int64)
    least, most = np.empty(n, np.int8), np.empty(n, np.int8)
    wanted = np.empty((LEVELS, LANES), np.uint16)
    hit = np.empty(LANES, np.uint8)
    for begin in range(0, len(goal_quarter), LANES):
        free: Int = np.int64(0)
        for row in range(n):
            if free + LEVELS > len(best):
                best = np.concatenate((best, best))
            goal = event_goal[order[row]] - begin
            own = 0 <= goal < LANES
            low, high = (0, 1) if own else (LEVELS, 0)
            for at in range(row_first[row], row_first[row + 1]):
                other, more = row_onto[at], row_by[at] >= 0
                if least[other] < most[other]:
                    low, high = min(low, least[other] + more), max(high, most[other] + more)
            high = min(high, LEVELS)
            place[row], least[row] = free, low
            shift = free - low
            for ride in range(low, high):
                best[shift + ride] = NOWHERE
                if own:
                    best[shift + ride, goal] = event_rank[order[row]]
            for at in range(row_first[row], row_first[row + 1]):
                other, more = row_onto[at], row_by[at] >= 0
                if least[other] == most[other]:
                    continue
                from_least = place[other] - least[other]
                for ride in range(least[other] + more, high):
                    here, there = best[shift + ride], best[from_least + min(ride - more, most[other] - 1)]
                    for lane in range(LANES):
                        here[lane] = min(here[lane], there[lane])
            while high - 1 > low:
                here, there = best[shift + high - 1], best[shift + high - 2]
                differs = False
                for lane in range(LANES):
                    differs |= here[lane] != there[lane]
                if differs:
                    break
                high -= 1
            high = max(high, low)
            most[row] = high
            free += high - low
            for ride in range(max(low, 1), high):
                here, want = best[shift + ride], wanted[ride]
                if ride == low:
                    want[:] = here
                else:
                    there = best[shift + ride - 1]
                    for lane in range(LANES):
                        want[lane] = here[lane] if here[lane] < there[lane] else np.uint16(MET)
            _mark(
                row_by,
                row_onto,
                row_first[row],
                row_first[row + 1],
                least,
                most,
                place,
                best,
                wanted,
                high,
                hit,
                goal_quarter[begin : begin + LANES],
                towards,
            )
    return towards
