"""How soon one can be anywhere at best, by when one is where: bounds that know the night.

A bound on time that holds whatever the hour says little of a search whose answer is tomorrow's first train. These hold
from an instant on: whoever changes at a stop at that instant or later is nowhere sooner. They are worked out for many
destinations side by side, backwards through all arrivals, over the changes that the search itself makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from mobigo.kernels import inner_kernel, kernel
from mobigo.kernels.trip_based import GOES_ON, NEVER, NO_RIDE, DayView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64

NOWHERE = 65535
"""A time that is not reached, or too late to be told."""


@inner_kernel
def _seats(view: DayView, line: Int, number: Int, onto: NDArray[np.int32], size: Int, sign: Int) -> Int:
    """Add where one is next who boards a trip of a line, or a later one, and stays seated; returns the new size.

    Events are added as they are where `sign` is 0, else as ``~event``.
    """
    for row in range(view.onward_first[line], view.onward_first[line + 1]):
        other = view.onward_trip[view.onward_table[row] + number]
        if other != NEVER:
            start = view.line_position[view.trip_line[other]]
            if start + 1 < view.line_position[view.trip_line[other] + 1]:
                onto[size] = (view.trip_shift[other] + start + 1) ^ sign
                size += 1
    return size


@inner_kernel
def _most_seats(view: DayView) -> Int:
    """How many lines the trips of one line go on as, at most."""
    most: Int = np.int64(0)
    for line in range(len(view.line_position) - 1):
        most = max(most, np.int64(view.onward_first[line + 1] - view.onward_first[line]))
    return most


@kernel
def link_events(view: DayView) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """List at which events one may be next who arrives at an event: by staying, by hops, by staying on as another trip.

    Returns
    -------
    first : int32[n_events + 1], index of `onto`
    onto : int32[n], events, ``~event`` where that takes another ride
    by : int32[n], the hop that leads there, -1 for staying
    """
    n_events = len(view.arrival)
    first = np.zeros(n_events + 1, np.int32)
    most = _most_seats(view)
    onto, by = np.empty(max(16, n_events), np.int32), np.empty(max(16, n_events), np.int32)
    size: Int = np.int64(0)
    for trip in range(len(view.trip_line)):
        line, shift = view.trip_line[trip], view.trip_shift[trip]
        for x in range(view.line_position[line], view.line_position[line + 1]):
            event = shift + x
            first[event] = size
            room = 1 + view.stay_first[trip + 1] - view.stay_first[trip]
            room += (most + 1) * (view.hop_first[event + 1, 0] - view.hop_first[event, 0])
            while size + room > len(onto):
                onto, by = np.concatenate((onto, onto)), np.concatenate((by, by))
            if x + 1 < view.line_position[line + 1]:
                onto[size] = event + 1
                size += 1
            else:
                for row in range(view.stay_first[trip], view.stay_first[trip + 1]):
                    other = view.stay_trip[row]
                    start = view.line_position[view.trip_line[other]]
                    if start + 1 < view.line_position[view.trip_line[other] + 1]:
                        onto[size] = view.trip_shift[other] + start + 1
                        size += 1
            by[first[event] : size] = -1
            for h in range(view.hop_first[event, 0], view.hop_first[event + 1, 0]):
                before = size
                place = np.int64(view.hop[h, 0])
                y = place & (GOES_ON - 1)
                to = view.position_line[y]
                number = np.int64(view.hop[h, 1])
                if y + 1 < view.line_position[to + 1]:
                    onto[size] = ~(view.trip_shift[view.line_trip[to] + number] + y + 1)
                    size += 1
                if place < 0:
                    size = _seats(view, np.int64(to), number, onto, size, np.int64(-1))
                by[before:size] = h
    first[n_events] = size
    return first, onto[:size].copy(), by[:size].copy()


@kernel
def order_events(
    arrival: NDArray[np.int32], first: NDArray[np.int32], onto: NDArray[np.int32]
) -> tuple[NDArray[np.int32], Int]:
    """Order events such that each comes after all it leads to (depth first, the latest before).

    Returns
    -------
    order : int32[n_events]
    circles : int
        How often an event leads back to itself, as it may where going takes no time: as many times more what follows
        from the order has to be worked out.
    """
    n = len(arrival)
    order = np.empty(n, np.int32)
    size = 0
    circles: Int = np.int64(0)
    state = np.zeros(n, np.uint8)  # 1 begun, 2 done
    stack = np.empty(n, np.int32)
    at = np.empty(n, np.int32)
    for start in np.argsort(-arrival.astype(np.int64), kind="mergesort"):
        if state[start]:
            continue
        depth = 0
        stack[0], at[0], state[start] = start, first[start], 1
        while depth >= 0:
            event = stack[depth]
            if at[depth] == first[event + 1]:
                order[size] = event
                size += 1
                state[event] = 2
                depth -= 1
                continue
            other = onto[at[depth]]
            other = other if other >= 0 else ~other
            at[depth] += 1
            if state[other] == 0:
                depth += 1
                stack[depth], at[depth], state[other] = other, first[other], 1
            elif state[other] == 1:
                circles += 1
    return order, circles


@kernel
def list_first_rides(
    view: DayView, begins: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """List at which events one may be next who boards at a stop at an instant, for each of some instants.

    Returns
    -------
    first : int32[n_begins + 1], index of the others
    stop, event : int32[n]
    """
    first = np.zeros(len(begins) + 1, np.int32)
    n = len(begins) * (1 + _most_seats(view)) * len(view.stop_position)
    stop, onto = np.empty(n, np.int32), np.empty(n, np.int32)
    size: Int = np.int64(0)
    for part in range(len(begins)):
        for on in range(len(view.stop_first) - 1):
            for row in range(view.stop_first[on], view.stop_first[on + 1]):
                x = view.stop_position[row]
                line = view.position_line[x]
                low, high = view.line_trip[line], view.line_trip[line + 1]
                while low < high:
                    middle = (low + high) // 2
                    if view.departure[view.trip_shift[middle] + x] < begins[part]:
                        low = middle + 1
                    else:
                        high = middle
                if low == view.line_trip[line + 1]:
                    continue
                before = size
                if x + 1 < view.line_position[line + 1]:
                    onto[size] = view.trip_shift[low] + x + 1
                    size += 1
                size = _seats(view, np.int64(line), np.int64(low - view.line_trip[line]), onto, size, np.int64(0))
                stop[before:size] = on
        first[part + 1] = size
    return first, stop[:size].copy(), onto[:size].copy()


@kernel
def bound_soonest(
    first: NDArray[np.int32],
    onto: NDArray[np.int32],
    order: NDArray[np.int32],
    times: Int,
    event_goal: NDArray[np.int32],
    event_unit: NDArray[np.uint16],
    ride_first: NDArray[np.int32],
    ride_stop: NDArray[np.int32],
    ride_event: NDArray[np.int32],
    back_first: NDArray[np.int32],
    back: NDArray[np.int32],
    stop_zone: NDArray[np.int32],
    n_goals: Int,
    n_zones: Int,
    width: Int,
) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Work out `DayView.soonest` and `DayView.fewest`.

    Parameters
    ----------
    first, onto, order : of `link_events` and `order_events`
    times : int
        How often all events are gone through: once, and once more for each circle.
    event_goal : int32[n_events]
        Row of the stop one arrives at, -1 where one cannot alight.
    event_unit : uint16[n_events]
        When, in units.
    ride_first, ride_stop, ride_event : of `list_first_rides`
    back_first, back : CSR by stop
        Stops from which one can change to the stop.
    stop_zone : int32[n_stops], -1 where no vehicle calls
    width : int
        Rows worked out side by side.
    """
    n, n_stops, n_parts = len(order), len(stop_zone), len(ride_first) - 1
    row_of = np.empty(n, np.int32)
    for row in range(n):
        row_of[order[row]] = row
    row_first, row_onto = np.zeros(n + 1, np.int32), np.empty(len(onto), np.int32)  # in the order they are read
    size = 0
    for row in range(n):
        for at in range(first[order[row]], first[order[row] + 1]):
            row_onto[size] = row_of[onto[at]] if onto[at] >= 0 else ~row_of[~onto[at]]
            size += 1
        row_first[row + 1] = size
    soonest = np.full((n_goals, n_parts * n_zones), NOWHERE, np.uint16)
    fewest = np.full((n_goals, n_parts * n_zones), NO_RIDE, np.uint8)
    ahead = np.empty((n, width), np.uint16)
    at_stop = np.empty((n_stops, width), np.uint16)
    in_zone = np.empty((n_zones, width), np.uint16)
    rides = np.empty((n, width), np.uint8)
    rides_at_stop = np.empty((n_stops, width), np.uint8)
    rides_in_zone = np.empty((n_zones, width), np.uint8)
    for begin in range(0, n_goals, width):
        ahead[:] = NOWHERE
        rides[:] = NO_RIDE
        for _ in range(times):
            for row in range(n):
                here, few = ahead[row], rides[row]
                for at in range(row_first[row], row_first[row + 1]):
                    other, more = row_onto[at], np.uint8(0)
                    if other < 0:
                        other, more = ~other, np.uint8(1)
                    there, few_there = ahead[other], rides[other]
                    for j in range(width):
                        here[j] = min(here[j], there[j])
                    for j in range(width):
                        few[j] = min(few[j], np.uint8(few_there[j] + more))
                goal = event_goal[order[row]] - begin
                if 0 <= goal < width:
                    here[goal] = min(here[goal], event_unit[order[row]])
                    few[goal] = 0
        for part in range(n_parts):
            at_stop[:], in_zone[:] = NOWHERE, NOWHERE
            rides_at_stop[:], rides_in_zone[:] = NO_RIDE, NO_RIDE
            for at in range(ride_first[part], ride_first[part + 1]):
                other = row_of[ride_event[at]]
                here, there = at_stop[ride_stop[at]], ahead[other]
                for j in range(width):
                    here[j] = min(here[j], there[j])
                few, few_there = rides_at_stop[ride_stop[at]], rides[other]
                for j in range(width):
                    few[j] = min(few[j], np.uint8(few_there[j] + np.uint8(1)))
            for on in range(n_stops):
                there, few_there = at_stop[on], rides_at_stop[on]
                for way in range(back_first[on], back_first[on + 1] + 1):  # and who boards there
                    home = stop_zone[back[way] if way < back_first[on + 1] else on]
                    if home >= 0:
                        here, few = in_zone[home], rides_in_zone[home]
                        for j in range(width):
                            here[j] = min(here[j], there[j])
                        for j in range(width):
                            few[j] = min(few[j], few_there[j])
            for j in range(min(width, n_goals - begin)):
                for home in range(n_zones):
                    soonest[begin + j, part * n_zones + home] = in_zone[home, j]
                    fewest[begin + j, part * n_zones + home] = rides_in_zone[home, j]
    return soonest, fewest
