"""What is left to the destination of one question at least, from every stop: seconds, and rides.

Worked out anew for each question, in a fraction of a millisecond: it can be had of a day that live data changed a
moment ago, and is tighter than bounds between cells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import inner_kernel, kernel
from mobigo.kernels.trip_based import NEVER, NO_RIDE, DayView

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64


class Ways(NamedTuple):
    """How one comes to stops and lines, whatever the time; all in the direction of the view."""

    first: NDArray[np.int32]
    """int32[n_stops + 1], index of `source` and `seconds`."""
    source: NDArray[np.int32]
    """From which stop one comes to the stop, by one hop of a vehicle, by staying seated, or by a change."""
    seconds: NDArray[np.int32]
    """How fast at best."""
    call_first: NDArray[np.int32]
    call_position: NDArray[np.int32]
    """Positions where one can alight at a stop."""
    back_first: NDArray[np.int32]
    back: NDArray[np.int32]
    """Stops from which one can change to a stop."""
    before_first: NDArray[np.int32]
    before: NDArray[np.int32]
    """Lines whose trips go on as trips of a line."""


@inner_kernel
def _rise(heap: NDArray[np.int64], size: Int, key: Int) -> Int:
    """Add a key to a heap; returns its new size."""
    at = size
    while at > 0 and heap[(at - 1) // 2] > key:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = key
    return size + 1


@inner_kernel
def _sink(heap: NDArray[np.int64], size: Int) -> Int:
    """Take the least key from a heap, which then has `size` left; returns them."""
    moved = heap[size]
    at = np.int64(0)
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= moved:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved
    return size


@kernel
def approach(
    view: DayView, ways: Ways, egress_stop: NDArray[np.int32], egress_seconds: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Bound time and further rides from each stop to the destination from below.

    Parameters
    ----------
    egress_stop, egress_seconds : int32[n]
        Stops from which one walks to the destination, and how long.

    Returns
    -------
    seconds : int32[n_stops], by shortest paths over the fastest way ever made (Dijkstra); ``NEVER // 2``: none
    rides : int32[n_stops], breadth first, whatever the time; ``NO_RIDE``: none
    """
    n_stops = len(view.stop_first) - 1
    seconds = np.full(n_stops, NEVER // 2, np.int32)
    heap = np.empty(len(ways.source) + len(egress_stop) + 1, np.int64)  # time << 32 | stop
    size: Int = np.int64(0)
    for row in range(len(egress_stop)):
        stop, time = np.int64(egress_stop[row]), np.int64(egress_seconds[row])
        if time < seconds[stop]:
            seconds[stop] = time
            size = _rise(heap, size, time << 32 | stop)
    while size > 0:
        top = heap[0]
        size = _sink(heap, size - 1)
        stop, time = top & 0xFFFFFFFF, top >> 32
        if time > seconds[stop]:
            continue
        for row in range(ways.first[stop], ways.first[stop + 1]):
            other, new = np.int64(ways.source[row]), time + ways.seconds[row]
            if new < seconds[other]:
                seconds[other] = new
                size = _rise(heap, size, new << 32 | other)
    return seconds, _count_rides(view, ways, egress_stop)


@kernel
def _count_rides(view: DayView, ways: Ways, egress_stop: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bound the further rides; what one has boarded of a line up to a position, one need not look at again."""
    n_stops, n_lines = len(view.stop_first) - 1, len(view.line_position) - 1
    rides = np.full(n_stops, NO_RIDE, np.int32)
    boarded = np.zeros(n_stops, np.uint8)
    covered = view.line_position[:-1].copy()
    queue = np.empty(n_stops, np.int32)
    stack = np.empty((n_lines + 1, 2), np.int32)
    end = 0
    for row in range(len(egress_stop)):
        if rides[egress_stop[row]] == NO_RIDE:
            rides[egress_stop[row]] = 0
            queue[end] = egress_stop[row]
            end += 1
    begin = 0
    ride = 0
    while begin < end and ride < NO_RIDE - 1:
        ride += 1
        size = end
        for at in range(begin, end):
            for row in range(ways.call_first[queue[at]], ways.call_first[queue[at] + 1]):
                stack[0, 0] = view.position_line[ways.call_position[row]]
                stack[0, 1] = ways.call_position[row]
                depth = 1
                while depth > 0:
                    depth -= 1
                    line, last = stack[depth, 0], stack[depth, 1]
                    if last <= covered[line]:
                        continue
                    fresh = covered[line] == view.line_position[line]
                    for x in range(covered[line], last):
                        on = view.position_stop[x]
                        if not view.position_board[x] or boarded[on]:
                            continue
                        boarded[on] = 1
                        for way in range(ways.back_first[on], ways.back_first[on + 1]):
                            if rides[ways.back[way]] == NO_RIDE:
                                rides[ways.back[way]] = ride
                                queue[size] = ways.back[way]
                                size += 1
                    covered[line] = last
                    if fresh:
                        for row2 in range(ways.before_first[line], ways.before_first[line + 1]):
                            other = ways.before[row2]
                            if covered[other] < view.line_position[other + 1] and depth < n_lines:
                                stack[depth, 0] = other
                                stack[depth, 1] = view.line_position[other + 1]
                                depth += 1
        begin, end = end, size
    return rides
