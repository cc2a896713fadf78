"""Trip-based search over a day view: which vehicles to take, by precomputed changes from trip to trip.

Words: a *line* is trips with one stop list that never overtake each other; a *position* is one place in the stop list
of one line, numbered through all lines; an *event* is one trip at one position; a *hop* is a change from an event to a
later trip worth considering; a *segment* is a trip from where it was boarded; a *ride* counts vehicles, so changes are
rides minus one; an *onward* entry is a trip reached by staying seated.

References
----------
Witt (2015), Trip-Based Public Transit Routing. Delling, Pajor, Werneck (2012), Round-Based Public Transit Routing,
section 4 for the profile over departures in descending order. Großmann, Sauer, Schulz, Steil (2023), Arc-Flags Meet
Trip-Based Public Transit Routing, for hops that lead towards a quarter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import inner_kernel, kernel
from mobigo.kernels.places import (
    address_of,
    int32_at,
    int64_at,
    integers,
    long_integers,
    prefetch,
    put_int32,
    short_integers,
    small_integers,
    table_of_integers,
    table_of_long_integers,
    table_of_short_integers,
    table_of_small_integers,
    uint16_at,
)

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64

NEVER = 2**31 - 1
"""A time that does not come."""
SECONDS_PER_UNIT = 4
"""Seconds of one unit of `DayView.cell_seconds`."""
PART_BITS = 9
"""Times are looked up in `DayView.part_of` by so many seconds at once, as a power of two."""
NO_WAY = 65535
NO_RIDE: Int = np.int64(254)
MANY_RIDES = 256
"""More than a distance can count."""
FAR: Int = np.int64(2**22)
"""Seconds a distance has at most."""
MOST_TRIPS = 2**16 - 1
"""Trips of a line at most."""
GOES_ON = 2**31
"""Added to the position of a hop whose line has trips that go on as others."""
AT_A_TIME = 256
"""Hops looked through at a time."""
NEXT = 4
"""How many segments ahead memory is asked for."""
BITS = 64
"""Quarters in one word of `DayView.hop_towards`, which has two."""
TOWARDS_RIDES = 16
"""`DayView.hop_towards` knows journeys of at most so many rides."""
POOR, TRIES = 8, 2
"""What is found first is poor when it takes so many times what it takes at least; so many times a ride more is tried
then."""
UNKNOWN: Int = np.int64(-1)
"""Instead of a distance, until it is worked out."""
ORIGIN: Int = np.int64(-1)
SEATED: Int = np.int64(-2)
"""Instead of a position to alight at: the segment is the first; it goes on without alighting."""
ZERO: Int = np.int64(0)
ONE: Int = np.int64(1)
"""Not literals, for which functions would be compiled again."""


class DayView(NamedTuple):
    """The timetable of some days laid flat for one direction of search.

    Times are int32 seconds after `base`; in a mirrored view they are negated and everything runs backwards, so that
    one search answers both directions.
    """

    base: NDArray[np.int64]
    """int64[1], seconds since 1970 UTC of time 0."""
    mirrored: NDArray[np.uint8]
    """uint8[1], 1 when time runs backwards."""
    line_position: NDArray[np.int32]
    """int32[n_lines + 1], index of the line's first position."""
    line_trip: NDArray[np.int32]
    """int32[n_lines + 1], index of the line's first trip; trips ascend by time."""
    position_line: NDArray[np.int32]
    position_stop: NDArray[np.int32]
    position_cell: NDArray[np.int32]
    """int32[n_positions], cell of the stop, the number of cells where one cannot alight."""
    position_board: NDArray[np.uint8]
    position_alight: NDArray[np.uint8]
    position_quick: NDArray[np.int32]
    """int32[n_positions], seconds of the quickest ride to there from the position before, 0 at a line's first."""
    trip_line: NDArray[np.int32]
    trip_shift: NDArray[np.int32]
    """int32[n_trips], what to add to a position of the trip's line for its event."""
    trip_row: NDArray[np.int32]
    """int32[n_trips], trip index in the timetable."""
    trip_day: NDArray[np.int32]
    """int32[n_trips], service day, days since 1970."""
    arrival: NDArray[np.int32]
    """int32[n_events], seconds after `base`."""
    departure: NDArray[np.int32]
    stay_first: NDArray[np.int32]
    """int32[n_trips + 1], index into `stay_trip`."""
    stay_trip: NDArray[np.int32]
    """int32[n], trip in which one finds oneself by staying seated."""
    onward_first: NDArray[np.int32]
    """int32[n_lines + 1], index into `onward_table`: one per line that trips of this line go on as."""
    onward_table: NDArray[np.int32]
    """int32[n], row of the line's first trip in `onward_trip` and `onward_by`."""
    onward_line: NDArray[np.int32]
    """int32[n], that line."""
    onward_trip: NDArray[np.int32]
    """int32[m], earliest trip of that line reached by staying seated, once or more often, in this trip or a later
    one; NEVER: none."""
    onward_by: NDArray[np.int32]
    """int32[m], the trip of this line to sit in for it."""
    stop_first: NDArray[np.int32]
    """int32[n_stops + 1], index into `stop_position`."""
    stop_position: NDArray[np.int32]
    """int32[n], positions where one can board at the stop."""
    walk_first: NDArray[np.int32]
    """int32[n_stops + 1], index of walks between stops, as in `Footpaths`."""
    walk_target: NDArray[np.int32]
    walk_seconds: NDArray[np.int32]
    walk_change: NDArray[np.int32]
    """int32[n], seconds from alighting to boarding, -1 where forbidden."""
    walk_guaranteed: NDArray[np.uint8]
    """uint8[n], 1 where the onward vehicle waits (transfer_type 1)."""
    line_class: NDArray[np.int32]
    """int32[n_lines], lines whose trips the rules of transfers.txt treat alike share a number; 0: none names them."""
    special_first: NDArray[np.int32]
    """int32[n_walks + 1], index of the changes over the walk that differ from `walk_change`."""
    special_from: NDArray[np.int32]
    """int32[n], class of the line left; ascending within a walk, then by `special_to`."""
    special_to: NDArray[np.int32]
    """int32[n], class of the line boarded."""
    special_change: NDArray[np.int32]
    """int32[n], seconds from alighting to boarding, -1 where forbidden."""
    special_guaranteed: NDArray[np.uint8]
    """uint8[n], 1 where the onward vehicle waits."""
    hop_first: NDArray[np.int32]
    """int32[n_events + 1, 2], index of the hops of the event; its arrival once more, being read together."""
    hop: NDArray[np.int32]
    """int32[n, 3], position to board at (less GOES_ON where trips of its line go on as others), the trip's number on
    its line, its departure there."""
    stop_cell: NDArray[np.int32]
    """int32[n_stops], cell the stop lies in, -1 when no vehicle calls."""
    cell_seconds: NDArray[np.uint16]
    """uint16[n_cells, n_cells], lower bound from alighting in a cell (column) to alighting in another (row), in
    units of SECONDS_PER_UNIT; NO_WAY when impossible."""
    cell_rides: NDArray[np.uint8]
    """uint8[n_cells, n_cells], lower bound on further rides for the same; NO_RIDE when impossible."""
    position_key: NDArray[np.int32]
    """int32[n_positions], less than n_positions, what arrivals are compared by: a number of the stop, another one where
    changes from there are special for the line's class, one of its own where the line was there before."""
    stop_goal: NDArray[np.int32]
    """int32[n_stops], row of `soonest` for arriving at the stop, -1 when there is none."""
    position_zone: NDArray[np.int32]
    """int32[n_positions], zone the stop lies in."""
    part_begin: NDArray[np.int32]
    """int32[n_parts], seconds after `base` at which each part of the view's time begins."""
    part_of: NDArray[np.int32]
    """int32[n], part of each 2**PART_BITS seconds from the first part on; what comes after is of the last."""
    soonest: NDArray[np.uint16]
    """uint16[n_goals, n_parts * n_zones], lower bound on when one alights there who changes in a zone in a part or
    later, by part, then zone; in units of SECONDS_PER_UNIT after the first part begins."""
    fewest: NDArray[np.uint8]
    """uint8[n_goals, n_parts * n_zones], lower bound on the rides it takes; NO_RIDE when impossible."""
    stop_quarter: NDArray[np.int32]
    """int32[n_stops], quarter the stop lies in, -1 when no vehicle calls."""
    hop_towards: NDArray[np.int64]
    """int64[n, 2], bit by quarter, BITS in a word: 1 where a journey to one of its stops may need the hop. Without rows
    any may be needed."""
    places: NDArray[np.int64]
    """int64[n_fields, 3], where the fields before this one lie in the memory of this process; see `kernels.places`."""


class Scratch(NamedTuple):
    """Working memory of one search; every search leaves it at rest."""

    reached: NDArray[np.uint16]
    """uint16[n_positions * stride]: number on its line of the earliest trip boarded at the position or before, by
    rides from 1; MOST_TRIPS at rest."""
    seated: NDArray[np.int32]
    """int32[n_lines * stride]: the earliest trip whose onward trips are known, by rides from 1; NEVER at rest."""
    touched: NDArray[np.int32]
    """int32[n_lines], lines not at rest."""
    marked: NDArray[np.uint8]
    """uint8[n_lines], 1 when the line is in `touched`; 0 at rest."""
    segment: NDArray[np.int32]
    """int32[capacity, 6]: trip, boarding position, last position, parent segment, the position the parent is left at
    (or ORIGIN, SEATED), the trip to sit in on the parent."""
    ahead: NDArray[np.int32]
    """int32[n_positions], see `Goal`; UNKNOWN at rest."""
    there: NDArray[np.int32]
    """int32[n_positions], see `Goal`."""
    known: NDArray[np.int32]
    """int32[n_lines + 1], see `Goal`; its last 0 at rest."""
    whole: NDArray[np.int32]
    """int32[n_lines], see `Goal`; UNKNOWN at rest."""
    whole_known: NDArray[np.int32]
    """int32[n_lines + 1], see `Goal`; its last 0 at rest."""
    chosen: NDArray[np.int32]
    """int32[AT_A_TIME], hops that lead on."""
    arrived: NDArray[np.int32]
    """int32[n_positions * stride]: the earliest arrival whose hops were tried, by `DayView.position_key` and rides from
    1; NEVER at rest."""
    came: NDArray[np.int32]
    """int32[n_positions + 2]: how many follow, 0 at rest; where in `arrived` those begin that are not at rest."""
    soonest: NDArray[np.int32]
    """int32[n_parts * n_zones], see `Goal`."""
    soonest_known: NDArray[np.int32]
    """int32[n_parts], see `Goal`; 0 at rest."""
    places: NDArray[np.int64]
    """int64[n_fields, 3], as in `DayView`."""


class Goal(NamedTuple):
    """Where a search is bound, and how far that is at least.

    A *distance* is two lower bounds in one number: seconds in the upper 24 bits, further rides in the lower 8.
    """

    egress: NDArray[np.int32]
    """int32[n_stops], seconds on foot to the destination, -1 where that is too far."""
    cell: NDArray[np.int32]
    """int32[n_cells + 1], distance from alighting in the cell; the last leads nowhere."""
    ahead: NDArray[np.int32]
    """int32[n_positions], distance from departing at the position, seated; UNKNOWN until asked for, then known from
    there to the line's end."""
    there: NDArray[np.int32]
    """int32[n_positions], distance from alighting at the position, where `ahead` is known."""
    known: NDArray[np.int32]
    """int32[n_lines + 1], lines of which `ahead` is known somewhere, their number at the end."""
    whole: NDArray[np.int32]
    """int32[n_lines], as `ahead` at the line's first position, alighting on that line; UNKNOWN until asked for."""
    whole_known: NDArray[np.int32]
    """int32[n_lines + 1], lines whose `whole` is known, their number at the end."""
    row: NDArray[np.int32]
    """int32[n], rows of `DayView.soonest` of the stops from which one walks to the destination."""
    row_seconds: NDArray[np.int32]
    """int32[n], shortest of these walks by row."""
    soonest: NDArray[np.int32]
    """int32[n_parts * n_zones], distance from changing in a zone in a part or later, by part, then zone; its seconds
    are those after the view's base at which one is at the destination."""
    soonest_known: NDArray[np.int32]
    """int32[n_parts], 1 where `soonest` is known."""
    quarters: NDArray[np.int64]
    """int64[2], bits of the quarters one walks to the destination from; none: all hops are looked at."""


# --- laying a view out -----------------------------------------------------------------------------------------------


@kernel
def split_lines(
    pattern: NDArray[np.int32],
    first: NDArray[np.int64],
    length: NDArray[np.int32],
    shift: NDArray[np.int64],
    arrival: NDArray[np.int32],
    departure: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Number the lines of each pattern such that no trip of a line overtakes an earlier one: first fit.

    Parameters
    ----------
    pattern, first, length, shift : one per run, sorted by pattern, then time
        Pattern, first row of its stop times, their number, seconds to add to them.
    arrival, departure : int32[n_calls], seconds

    Returns
    -------
    int32[n_runs], number of the line within the pattern.
    """
    n = len(pattern)
    line = np.empty(n, np.int32)
    last = np.empty(n, np.int64)
    n_lines = 0
    for run in range(n):
        if run == 0 or pattern[run] != pattern[run - 1]:
            n_lines = 0
        chosen = -1
        for candidate in range(n_lines):
            other = last[candidate]
            fits = True
            for call in range(length[run]):
                a, b = first[other] + call, first[run] + call
                if (
                    arrival[a] + shift[other] > arrival[b] + shift[run]
                    or departure[a] + shift[other] > departure[b] + shift[run]
                ):
                    fits = False
                    break
            if fits:
                chosen = candidate
                break
        if chosen < 0:
            chosen = n_lines
            n_lines += 1
        last[chosen] = run
        line[run] = chosen
    return line


@kernel
def lay_events(
    first: NDArray[np.int64],
    length: NDArray[np.int32],
    shift: NDArray[np.int64],
    arrival: NDArray[np.int32],
    departure: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Write the times of each run one after another, in seconds after the view's base."""
    n = 0
    for run in range(len(first)):
        n += length[run]
    arrivals = np.empty(n, np.int32)
    departures = np.empty(n, np.int32)
    event = 0
    for run in range(len(first)):
        for call in range(length[run]):
            arrivals[event] = arrival[first[run] + call] + shift[run]
            departures[event] = departure[first[run] + call] + shift[run]
            event += 1
    return arrivals, departures


@kernel
def find_quickest(view: DayView) -> NDArray[np.int32]:
    """Work out `DayView.position_quick`."""
    quick = np.zeros(len(view.position_stop), np.int32)
    for line in range(len(view.line_position) - 1):
        for x in range(view.line_position[line] + 1, view.line_position[line + 1]):
            least = NEVER
            for trip in range(view.line_trip[line], view.line_trip[line + 1]):
                event = view.trip_shift[trip] + x
                least = min(least, view.arrival[event] - view.departure[event - 1])
            quick[x] = least
    return quick


@inner_kernel
def find_special(view: DayView, walk: Int, from_class: Int, to_class: Int) -> Int:
    """Row of the change over a walk that is special for a class of line left and one boarded; -1: it is as usual."""
    low, high = view.special_first[walk], view.special_first[walk + 1]
    end = high
    while low < high:
        middle = (low + high) // 2
        if view.special_from[middle] < from_class or (
            view.special_from[middle] == from_class and view.special_to[middle] < to_class
        ):
            low = middle + 1
        else:
            high = middle
    if low < end and view.special_from[low] == from_class and view.special_to[low] == to_class:
        return np.int64(low)
    return np.int64(-1)


@inner_kernel
def change_seconds(view: DayView, walk: Int, from_class: Int, to_class: Int) -> Int:
    """Seconds from alighting to boarding over a walk, by the classes of both lines; -1 where forbidden."""
    if view.special_first[walk] < view.special_first[walk + 1]:
        row = find_special(view, walk, from_class, to_class)
        if row >= 0:
            return np.int64(view.special_change[row])
    return np.int64(view.walk_change[walk])


@kernel
def link_trips(
    view: DayView,
    position_key: NDArray[np.int32],
    n_keys: Int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the hops worth considering: per event and line the earliest trip, kept when it brings something.

    A hop is kept when, among all that one more ride can do for somebody sitting in the trip, it brings an earlier
    arrival at some stop, or when it is the way to board a line early whose trips go on as others.

    Parameters
    ----------
    position_key : int32[n_positions]
        Number of the position's stop, another one where changes from there are special for the line's class: arrivals
        are compared by it.
    n_keys : int

    Returns
    -------
    hop_first, hop : see `DayView`
    """
    n_lines = len(view.line_position) - 1
    hop_first = np.zeros((len(view.arrival) + 1, 2), np.int32)
    hops = np.empty((max(16, len(view.arrival)), 3), np.int32)
    n = 0
    best = np.zeros(n_keys, np.int32)
    best_of = np.full(n_keys, -1, np.int32)
    early = np.zeros(n_lines, np.int32)
    early_of = np.full(n_lines, -1, np.int32)
    done = np.full(
        (n_lines, 3), -1, np.int32
    )  # of a line: for which trip, and whose arrivals after which y are in `best`
    capacity = 256
    c_seconds = np.empty(capacity, np.int32)
    c_position = np.empty(capacity, np.int32)
    c_trip = np.empty(capacity, np.int32)
    c_taken = np.empty(capacity, np.uint8)
    for line in range(n_lines):
        start, end = view.line_position[line], view.line_position[line + 1]
        group = np.zeros(end - start + 1, np.int32)  # candidates of position end - 1 - i are group[i]:group[i + 1]
        m = 0
        for i in range(end - start):
            group[i] = m
            x = end - 1 - i
            if not view.position_alight[x]:
                continue
            stop = view.position_stop[x]
            for walk in range(view.walk_first[stop], view.walk_first[stop + 1]):
                special = view.special_first[walk] < view.special_first[walk + 1]
                if view.walk_change[walk] < 0 and not special:
                    continue
                to = view.walk_target[walk]
                for row in range(view.stop_first[to], view.stop_first[to + 1]):
                    other = view.position_line[view.stop_position[row]]
                    change: Int = np.int64(view.walk_change[walk])
                    if special:
                        change = change_seconds(view, walk, view.line_class[line], view.line_class[other])
                        if change < 0:
                            continue
                    if m == capacity:
                        capacity *= 2
                        c_seconds = np.append(c_seconds, c_seconds)
                        c_position = np.append(c_position, c_position)
                        c_trip = np.append(c_trip, c_trip)
                        c_taken = np.append(c_taken, c_taken)
                    c_seconds[m] = change
                    c_position[m] = view.stop_position[row]
                    c_trip[m] = view.line_trip[other]
                    m += 1
        group[end - start] = m
        for trip in range(view.line_trip[line], view.line_trip[line + 1]):
            shift = view.trip_shift[trip]
            # the earliest trip each candidate leads to; it only moves forward from trip to trip
            for i in range(end - start):
                arrival = view.arrival[shift + end - 1 - i]
                for c in range(group[i], group[i + 1]):
                    y = c_position[c]
                    other = view.position_line[y]
                    u = c_trip[c]
                    last = view.line_trip[other + 1]
                    while u < last and view.departure[view.trip_shift[u] + y] < arrival + c_seconds[c]:
                        u += 1
                    c_trip[c] = u
                    c_taken[c] = u < last and not (other == line and u >= trip and y >= end - 1 - i)
                    goes_on = c_taken[c] and view.onward_first[other] < view.onward_first[other + 1]
                    if goes_on and (early_of[other] != trip or u < early[other]):
                        early_of[other] = trip
                        early[other] = u
            for i in range(end - start):
                x = end - 1 - i
                event = shift + x
                if view.position_alight[x]:
                    key = position_key[x]
                    if best_of[key] != trip or view.arrival[event] < best[key]:
                        best_of[key] = trip
                        best[key] = view.arrival[event]
                for c in range(group[i], group[i + 1]):
                    if not c_taken[c]:
                        continue
                    y = c_position[c]
                    u = c_trip[c]
                    other = view.position_line[y]
                    keep = False
                    if early_of[other] == trip and early[other] == u:
                        for row in range(view.onward_first[other], view.onward_first[other + 1]):
                            if view.onward_trip[view.onward_table[row] + u - view.line_trip[other]] != NEVER:
                                keep = True
                        early_of[other] = -1
                    last = view.line_position[other + 1]
                    if done[other, 0] == trip and u >= done[other, 1]:  # which overtakes no trip of its line
                        last = min(last, done[other, 2] + 1)
                    if done[other, 0] != trip or u < done[other, 1] or (u == done[other, 1] and y < done[other, 2]):
                        done[other, 0], done[other, 1], done[other, 2] = trip, u, y
                    for z in range(y + 1, last):
                        if view.position_alight[z]:
                            key = position_key[z]
                            at = view.arrival[view.trip_shift[u] + z]
                            if best_of[key] != trip or at < best[key]:
                                best_of[key] = trip
                                best[key] = at
                                keep = True
                    c_taken[c] = keep
            for x in range(start, end):
                hop_first[shift + x, 0] = n
                hop_first[shift + x, 1] = view.arrival[shift + x]
                for c in range(group[end - 1 - x], group[end - x]):
                    if c_taken[c]:
                        if n == len(hops):
                            hops = np.concatenate((hops, hops))
                        other = view.position_line[c_position[c]]
                        goes_on = view.onward_first[other] < view.onward_first[other + 1]
                        hops[n, 0] = c_position[c] - GOES_ON * goes_on
                        hops[n, 1] = c_trip[c] - view.line_trip[other]
                        hops[n, 2] = view.departure[view.trip_shift[c_trip[c]] + c_position[c]]
                        n += 1
    hop_first[len(view.arrival), 0] = n
    return hop_first, hops[:n].copy()


@kernel
def bound_seconds(
    first: NDArray[np.int32],
    source: NDArray[np.int32],
    seconds: NDArray[np.int32],
    cell_first: NDArray[np.int32],
    cell_stop: NDArray[np.int32],
    stop_cell: NDArray[np.int32],
) -> NDArray[np.uint16]:
    """Bound the time between cells from below by shortest paths over the fastest hop ever made (Dijkstra).

    Parameters
    ----------
    first, source, seconds : CSR by target stop
        From where, and how fast at best.
    cell_first, cell_stop : CSR
        Stops of each cell.
    stop_cell : int32[n_stops], cell or -1

    Returns
    -------
    uint16[n_cells, n_cells], see `DayView.cell_seconds`.
    """
    n_cells = len(cell_first) - 1
    bound = np.full((n_cells, n_cells), NO_WAY, np.uint16)
    best = np.full(len(first) - 1, NEVER, np.int32)
    heap = np.empty(len(source) + len(first) + 1, np.int64)  # time << 32 | stop
    for cell in range(n_cells):
        best[:] = NEVER
        size = 0
        for row in range(cell_first[cell], cell_first[cell + 1]):
            best[cell_stop[row]] = 0
            heap[size] = cell_stop[row]  # all zero: any order is a heap but for the stop, which does not matter
            at = size
            size += 1
            while at > 0 and heap[(at - 1) // 2] > heap[at]:
                heap[at], heap[(at - 1) // 2] = heap[(at - 1) // 2], heap[at]
                at = (at - 1) // 2
        while size > 0:
            top = heap[0]
            size -= 1
            moved = heap[size]
            at = 0
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
            stop = top & 0xFFFFFFFF
            time = top >> 32
            if time > best[stop]:
                continue
            home = stop_cell[stop]
            unit = time // SECONDS_PER_UNIT
            bound[cell, home] = min(bound[cell, home], unit)
            for row in range(first[stop], first[stop + 1]):
                other = source[row]
                new = time + seconds[row]
                if new < best[other] and new < (NO_WAY - 1) * SECONDS_PER_UNIT:
                    best[other] = new
                    at = size
                    size += 1
                    key = new << 32 | other
                    while at > 0 and heap[(at - 1) // 2] > key:
                        heap[at] = heap[(at - 1) // 2]
                        at = (at - 1) // 2
                    heap[at] = key
    return bound


@kernel
def bound_rides(
    view: DayView,
    before_first: NDArray[np.int32],
    before: NDArray[np.int32],
    call_first: NDArray[np.int32],
    call_position: NDArray[np.int32],
    back_first: NDArray[np.int32],
    back: NDArray[np.int32],
    cell_first: NDArray[np.int32],
    cell_stop: NDArray[np.int32],
) -> NDArray[np.uint8]:
    """Bound the number of further rides between cells from below, whatever the time (breadth first).

    Parameters
    ----------
    before_first, before : CSR by line
        Lines whose trips go on as trips of this line.
    call_first, call_position : CSR by stop
        Positions where one can alight.
    back_first, back : CSR by stop
        Stops from which one can change to the stop.
    cell_first, cell_stop : CSR
        Stops of each cell.

    Returns
    -------
    uint8[n_cells, n_cells], see `DayView.cell_rides`.
    """
    n_cells = len(cell_first) - 1
    n_lines = len(view.line_position) - 1
    n_stops = len(view.stop_first) - 1
    bound = np.full((n_cells, n_cells), NO_RIDE, np.uint8)
    covered = np.empty(n_lines, np.int32)
    boarded = np.empty(n_stops, np.uint8)
    seen = np.empty(n_stops, np.uint8)
    queue = np.empty(n_stops, np.int32)
    stack = np.empty(n_lines + 1, np.int32)
    upto = np.empty(n_lines + 1, np.int32)
    for cell in range(n_cells):
        for line in range(n_lines):
            covered[line] = view.line_position[line]
        boarded[:] = 0
        seen[:] = 0
        size = 0
        for row in range(cell_first[cell], cell_first[cell + 1]):
            seen[cell_stop[row]] = 1
            queue[size] = cell_stop[row]
            size += 1
        bound[cell, cell] = 0
        begin = 0
        rides = 0
        while begin < size and rides < NO_RIDE - 1:
            rides += 1
            end = size
            for at in range(begin, end):
                stop = queue[at]
                for row in range(call_first[stop], call_first[stop + 1]):
                    stack[0] = view.position_line[call_position[row]]
                    upto[0] = call_position[row]
                    depth = 1
                    while depth > 0:
                        depth -= 1
                        line, last = stack[depth], upto[depth]
                        if last <= covered[line]:
                            continue
                        fresh = covered[line] == view.line_position[line]
                        for x in range(covered[line], last):
                            on = view.position_stop[x]
                            if not view.position_board[x] or boarded[on]:
                                continue
                            boarded[on] = 1
                            home = view.stop_cell[on]
                            bound[cell, home] = min(bound[cell, home], rides)
                            for way in range(back_first[on], back_first[on + 1]):
                                off = back[way]
                                if not seen[off]:
                                    seen[off] = 1
                                    queue[size] = off
                                    size += 1
                                    home = view.stop_cell[off]
                                    if home >= 0:
                                        bound[cell, home] = min(bound[cell, home], rides)
                        covered[line] = last
                        if fresh:
                            for row2 in range(before_first[line], before_first[line + 1]):
                                other = before[row2]
                                if covered[other] < view.line_position[other + 1] and depth < n_lines:
                                    stack[depth] = other
                                    upto[depth] = view.line_position[other + 1]
                                    depth += 1
            begin = end
    return bound


# --- searching -------------------------------------------------------------------------------------------------------


@inner_kernel
def _board(
    view: DayView,
    scratch: Scratch,
    stride: Int,
    ride: Int,
    rides: Int,
    trip: Int,
    position: Int,
    parent: Int,
    parent_position: Int,
    parent_trip: Int,
    size: Int,
    n_touched: Int,
) -> tuple[Int, Int]:
    """Add a segment that reaches something new, and mark that for this and more rides.

    A full `segment` is not written to; the returned size then exceeds its length.
    """
    line = view.trip_line[trip]
    if not scratch.marked[line]:
        scratch.marked[line] = 1
        scratch.touched[n_touched] = line
        n_touched += 1
    end = view.line_position[line + 1]
    number = trip - view.line_trip[line]
    x = position
    while x < end and scratch.reached[x * stride + ride - 1] > number:
        for more in range(x * stride + ride - 1, x * stride + rides):
            if scratch.reached[more] <= number:
                break
            scratch.reached[more] = number
        x += 1
    if size < len(scratch.segment):
        scratch.segment[size, 0] = trip
        scratch.segment[size, 1] = position
        scratch.segment[size, 2] = min(x, end - 1)
        scratch.segment[size, 3] = parent
        scratch.segment[size, 4] = parent_position
        scratch.segment[size, 5] = parent_trip
    return size + 1, n_touched


@inner_kernel
def _sit(
    scratch: Scratch, trip: Int, position: Int, parent: Int, parent_position: Int, parent_trip: Int, size: Int
) -> Int:
    """Add a segment that reaches nothing itself, for others to follow from."""
    if size < len(scratch.segment):
        scratch.segment[size, 0] = trip
        scratch.segment[size, 1] = position
        scratch.segment[size, 2] = position
        scratch.segment[size, 3] = parent
        scratch.segment[size, 4] = parent_position
        scratch.segment[size, 5] = parent_trip
    return size + 1


@inner_kernel
def _stay(
    view: DayView,
    scratch: Scratch,
    stride: Int,
    ride: Int,
    rides: Int,
    trip: Int,
    position: Int,
    parent: Int,
    parent_position: Int,
    at: Int,
    size: Int,
    n_touched: Int,
) -> tuple[Int, Int]:
    """Follow a trip just boarded (as segment `at`, or -1), or a later one of its line: one can wait for that."""
    line = view.trip_line[trip]
    if not scratch.marked[line]:
        scratch.marked[line] = 1
        scratch.touched[n_touched] = line
        n_touched += 1
    for more in range(line * stride + ride - 1, line * stride + rides):
        scratch.seated[more] = min(scratch.seated[more], trip)
    for row in range(view.onward_first[line], view.onward_first[line + 1]):
        entry = view.onward_table[row] + trip - view.line_trip[line]
        onward = np.int64(view.onward_trip[entry])
        if onward == NEVER:
            continue
        other = np.int64(view.trip_line[onward])
        start = np.int64(view.line_position[other])
        if scratch.reached[start * stride + ride - 1] > onward - view.line_trip[other]:
            if at < 0:  # the boarding itself brings nothing new, but what follows does
                at = size
                size = _sit(scratch, trip, position, parent, parent_position, trip, size)
            size, n_touched = _board(
                view,
                scratch,
                stride,
                ride,
                rides,
                onward,
                start,
                at,
                SEATED,
                np.int64(view.onward_by[entry]),
                size,
                n_touched,
            )
    return size, n_touched


@inner_kernel
def _begin(
    view: DayView,
    scratch: Scratch,
    stride: Int,
    rides: Int,
    trip: Int,
    position: Int,
    own: Int,
    limit: Int,
    size: Int,
    n_touched: Int,
) -> tuple[Int, Int]:
    """Board the first trip: this one or a later one of its line, or exactly this one, the others being begun too.

    Arrivals at or after `limit` are of no use.
    """
    at: Int = np.int64(-1)
    line = view.trip_line[trip]
    if scratch.reached[position * stride] > trip - view.line_trip[line]:
        at = size
        size, n_touched = _board(
            view, scratch, stride, ONE, rides, trip, position, ORIGIN, ORIGIN, trip, size, n_touched
        )
    if view.onward_first[line] == view.onward_first[line + 1]:
        return size, n_touched
    if not own:
        if scratch.seated[line * stride] > trip:
            size, n_touched = _stay(
                view, scratch, stride, ONE, rides, trip, position, ORIGIN, ORIGIN, at, size, n_touched
            )
        return size, n_touched
    if at < 0:
        at = size
        size = _sit(scratch, trip, position, ORIGIN, ORIGIN, trip, size)
    while at < size and at < len(scratch.segment):
        seat = np.int64(scratch.segment[at, 0])
        for row in range(view.stay_first[seat], view.stay_first[seat + 1]):
            onward = np.int64(view.stay_trip[row])
            other = np.int64(view.trip_line[onward])
            start = np.int64(view.line_position[other])
            if view.departure[view.trip_shift[onward] + start] >= limit:
                continue
            if scratch.reached[start * stride] > onward - view.line_trip[other]:
                size, n_touched = _board(
                    view, scratch, stride, ONE, rides, onward, start, at, SEATED, seat, size, n_touched
                )
            elif view.stay_first[onward] < view.stay_first[onward + 1]:
                size = _sit(scratch, onward, start, at, SEATED, seat, size)
        at += 1
    return size, n_touched


@inner_kernel
def _look_along(view: DayView, goal: Goal, line: Int) -> Int:
    """Work out `goal.whole` of a line."""
    seconds, rides = FAR, NO_RIDE
    first, end = view.line_position[line], view.line_position[line + 1]
    for back in range(1, end - first):
        here = np.int64(goal.cell[view.position_cell[end - back]])
        seconds, rides = min(seconds, here >> 8), min(rides, here & 255)
        seconds += view.position_quick[end - back]
    goal.whole[line] = min(seconds, FAR) << 8 | rides
    goal.whole_known[goal.whole_known[-1]] = line
    goal.whole_known[-1] += 1
    return np.int64(goal.whole[line])


@inner_kernel
def _look_ahead(view: DayView, goal: Goal, position: Int) -> Int:
    """Work out `goal.ahead` and `goal.there` from a position on, by where its line and its onward lines go."""
    ahead_at, there_at, cell_at = address_of(goal.ahead), address_of(goal.there), address_of(goal.cell)
    alight_at, quick_at = address_of(view.position_cell), address_of(view.position_quick)
    line = np.int64(view.position_line[position])
    end = np.int64(view.line_position[line + 1])
    seconds, rides = FAR, NO_RIDE
    known = position + 1
    if known < end and int32_at(ahead_at, end - 1) != UNKNOWN:  # where one position is known, those after it are
        while int32_at(ahead_at, known) == UNKNOWN:
            known += 1
        distance: Int = int32_at(ahead_at, known)
        there: Int = int32_at(there_at, known)
        seconds, rides = min(distance >> 8, there >> 8), min(distance & 255, there & 255)
        seconds += int32_at(quick_at, known)
    else:
        known = end
        for row in range(view.onward_first[line], view.onward_first[line + 1]):
            other = np.int64(view.onward_line[row])
            distance = np.int64(goal.whole[other])
            if distance == UNKNOWN:
                distance = _look_along(view, goal, other)
            seconds, rides = min(seconds, distance >> 8), min(rides, distance & 255)
        goal.known[goal.known[-1]] = line
        goal.known[-1] += 1
    for back in range(1, known - position + 1):
        x = known - back
        put_int32(ahead_at, x, min(seconds, FAR) << 8 | rides)
        there = int32_at(cell_at, int32_at(alight_at, x))
        put_int32(there_at, x, there)
        seconds, rides = min(seconds, there >> 8), min(rides, there & 255)
        seconds += int32_at(quick_at, x)
    return np.int64(int32_at(ahead_at, position))


@inner_kernel
def _ahead(view: DayView, goal: Goal, position: Int) -> Int:
    """Distance from departing at a position."""
    distance = np.int64(goal.ahead[position])
    return _look_ahead(view, goal, position) if distance == UNKNOWN else distance


@inner_kernel
def _look_up(view: DayView, goal: Goal, part: Int) -> None:
    """Work out `goal.soonest` of a part."""
    n_zones = np.int64(view.soonest.shape[1] // len(view.part_begin))
    first = part * n_zones
    for i in range(len(goal.row)):
        row, rides = view.soonest[goal.row[i]], view.fewest[goal.row[i]]
        least = view.part_begin[0] + goal.row_seconds[i]
        if i == 0:
            for home in range(n_zones):
                seconds = least + SECONDS_PER_UNIT * np.int32(row[first + home])
                goal.soonest[first + home] = seconds << 8 | rides[first + home]
        else:
            for home in range(n_zones):
                seconds = least + SECONDS_PER_UNIT * np.int32(row[first + home])
                known = goal.soonest[first + home]
                few = min(known & 255, np.int32(rides[first + home]))
                goal.soonest[first + home] = min(known >> 8, seconds) << 8 | few
    goal.soonest_known[part] = 1


@inner_kernel
def _lead_there(towards_at: Int, one: Int, other: Int, chosen_at: Int, first: Int, beyond: Int) -> Int:
    """Pick the hops that lead towards a quarter, both words of whose bits are given; all if they are 0."""
    n: Int = np.int64(0)
    if one | other == 0:
        for h in range(first, beyond):
            put_int32(chosen_at, n, h)
            n += 1
        return n
    for h in range(first, beyond):
        put_int32(chosen_at, n, h)
        n += (int64_at(towards_at, 2 * h) & one) | (int64_at(towards_at, 2 * h + 1) & other) != 0
    return n


@inner_kernel
def _choose(
    hop_at: Int,
    ahead_at: Int,
    limit_at: Int,
    reached_at: Int,
    chosen_at: Int,
    stride: Int,
    n_there: Int,
    ride: Int,
    last: Int,
    postponed: Int,
) -> tuple[Int, Int]:
    """Keep, of the first `n_there` hops chosen, those that may lead on, without a branch that could be guessed wrong.

    Also those to where `Goal.ahead` is not known yet.
    """
    n: Int = np.int64(0)
    for which in range(n_there):
        h = int32_at(chosen_at, which)
        place = int32_at(hop_at, 3 * h)
        distance = int32_at(ahead_at, place & (GOES_ON - 1))
        need = ride + (distance & 255)
        soon = int32_at(hop_at, 3 * h + 2) + (distance >> 8) < int32_at(limit_at, need)
        held = need > last
        postponed = min(postponed, need if soon & held else NO_RIDE)
        fresh = uint16_at(reached_at, (place & (GOES_ON - 1)) * stride) > int32_at(hop_at, 3 * h + 1)
        put_int32(chosen_at, n, h)
        n += (distance < 0) | (soon & (not held) & ((place < 0) | fresh))
    return n, postponed


@inner_kernel
def _spread(
    view: DayView,
    scratch: Scratch,
    stride: Int,
    levels: Int,
    rides: Int,
    budget: Int,
    goal: Goal,
    limit: NDArray[np.int32],
    found: NDArray[np.int32],
    lower: Int,
    begin: Int,
    size: Int,
    n_touched: Int,
) -> tuple[Int, Int, Int]:
    """Ride on from the segments `begin` to `size`, one ride more at a time, noting arrivals at the destination.

    From a stop nobody changes who came there no earlier, and with no fewer rides, than somebody before: the hops of
    that arrival, and of what its trip does later, lead as far. Who comes back to a stop with the same trip is not
    compared, or the two might each leave the change to the other.

    Parameters
    ----------
    levels : int
        Rides that `scratch` tells apart; 1 when fewer rides always come first.
    budget : int
        Rides to find the destination with; what needs more is postponed.
    limit : int32[rides + 2 + MANY_RIDES], arrivals by at most so many rides to do better than
        -NEVER for more than `rides`.
    found : int32[rides + 2, 3], best arrival by rides, its segment and position; lowered
    lower : int
        1 when arrivals lower the limits.

    Returns
    -------
    size, n_touched, and the least budget that allows more (NO_RIDE: there is no more).
    """
    postponed = NO_RIDE
    # names of their own: reading a field costs each time
    reached, segment, marked, touched = (
        scratch.reached,
        scratch.segment,
        scratch.marked,
        scratch.touched,
    )
    line_position = view.line_position
    first_at, hop_at, there_at = address_of(view.hop_first), address_of(view.hop), address_of(goal.there)
    ahead_at, limit_at, chosen_at = address_of(goal.ahead), address_of(limit), address_of(scratch.chosen)
    line_at, board_at = address_of(view.position_line), address_of(view.position_stop)
    reached_at, seated_at = address_of(scratch.reached), address_of(scratch.seated)
    line_trip_at = address_of(view.line_trip)
    shift_at, segment_at = address_of(view.trip_shift), address_of(scratch.segment)
    blocks = len(view.onward_table) > 0
    last = min(budget, rides)
    key_at, arrived_at, came_at = address_of(view.position_key), address_of(scratch.arrived), address_of(scratch.came)
    n_came = int32_at(came_at, 0)
    zone_at, part_at, known_at = (
        address_of(view.position_zone),
        address_of(view.part_of),
        address_of(goal.soonest_known),
    )
    soonest_at = address_of(goal.soonest)
    parts, last_part = len(goal.row) > 0, np.int64(len(view.part_of) - 1)
    n_zones = np.int64(view.soonest.shape[1] // len(view.part_begin)) if parts else ZERO
    first_part = np.int64(view.part_begin[0]) if parts else ZERO
    towards_at, one, other = address_of(view.hop_towards), goal.quarters[0], goal.quarters[1]
    ride: Int = np.int64(1)
    while begin < size <= len(segment):
        end = size
        level = min(ride + 1, levels)
        level_here = min(ride, levels) - 1
        for at in range(begin, end):
            shift = int32_at(shift_at, int32_at(segment_at, 6 * at))
            left, stop = int32_at(segment_at, 6 * at + 1), int32_at(segment_at, 6 * at + 2) + 1
            if at + NEXT < end:
                further = int32_at(shift_at, int32_at(segment_at, 6 * (at + NEXT)))
                further += int32_at(segment_at, 6 * (at + NEXT) + 1) + 1
                prefetch(hop_at, 3 * int32_at(first_at, 2 * further))
            if blocks and int32_at(ahead_at, left) == UNKNOWN:  # a line one came to by staying seated
                _look_ahead(view, goal, left)
            x = left + 1
            while x < stop:
                z = x
                while z < stop:
                    distance = int32_at(there_at, z)
                    further = distance & 255
                    if ride == last and further > 0:  # most segments of the last ride end so, their times unread
                        if ride + further <= rides:
                            postponed = min(postponed, ride + further)
                        break
                    arrival = int32_at(first_at, 2 * (shift + z) + 1)
                    if arrival >= int32_at(limit_at, ride):
                        stop = z
                        break
                    if further == 0:
                        out = np.int64(goal.egress[int32_at(board_at, z)])
                        if out >= 0 and arrival + out < min(limit[ride], found[ride, 0]):
                            found[ride, 0] = arrival + out
                            found[ride, 1] = at
                            found[ride, 2] = z
                            if lower:
                                for more in range(ride, rides + 1):
                                    limit[more] = min(limit[more], arrival + out)
                        further = ONE
                    need = ride + further
                    if arrival + (distance >> 8) >= int32_at(limit_at, need):
                        break
                    if parts and arrival >= first_part:
                        part = int32_at(part_at, min((arrival - first_part) >> PART_BITS, last_part))
                        if int32_at(known_at, part) == 0:
                            _look_up(view, goal, part)
                        soonest = int32_at(soonest_at, part * n_zones + int32_at(zone_at, z))
                        need = max(need, ride + (soonest & 255))
                        if soonest >> 8 >= int32_at(limit_at, need):
                            break
                    if need > last:
                        postponed = min(postponed, need)
                        break
                    key = int32_at(key_at, z) * stride
                    if int32_at(arrived_at, key + level_here) <= arrival:  # from there the same was tried, or better
                        break
                    put_int32(came_at, n_came + 1, key)
                    n_came += int32_at(arrived_at, key + levels - 1) == NEVER
                    for more in range(key + level_here, key + levels):
                        if int32_at(arrived_at, more) <= arrival:
                            break
                        put_int32(arrived_at, more, arrival)
                    z += 1
                first = int32_at(first_at, 2 * (shift + x))
                beyond = int32_at(first_at, 2 * (shift + z))
                while first < beyond:
                    n_there = _lead_there(towards_at, one, other, chosen_at, first, min(first + AT_A_TIME, beyond))
                    n_chosen, postponed = _choose(
                        hop_at,
                        ahead_at,
                        limit_at,
                        reached_at + 2 * (level - 1),
                        chosen_at,
                        stride,
                        n_there,
                        ride + 1,
                        last,
                        postponed,
                    )
                    first += AT_A_TIME
                    for which in range(n_chosen):
                        h = int32_at(chosen_at, which)
                        place = int32_at(hop_at, 3 * h)
                        y = place & (GOES_ON - 1)
                        number = int32_at(hop_at, 3 * h + 1)
                        line = int32_at(line_at, y)
                        trip = int32_at(line_trip_at, line) + number
                        fresh = uint16_at(reached_at, y * stride + level - 1) > number
                        if not fresh and (place >= 0 or int32_at(seated_at, line * stride + level - 1) <= trip):
                            continue
                        distance = int32_at(ahead_at, y)
                        if distance == UNKNOWN:
                            distance = _look_ahead(view, goal, y)
                        need = ride + 1 + (distance & 255)
                        departure = int32_at(hop_at, 3 * h + 2)
                        if departure + (distance >> 8) >= int32_at(limit_at, need):
                            continue
                        if parts and departure >= first_part:
                            part = int32_at(part_at, min((departure - first_part) >> PART_BITS, last_part))
                            if int32_at(known_at, part) == 0:
                                _look_up(view, goal, part)
                            soonest = int32_at(soonest_at, part * n_zones + int32_at(zone_at, y))
                            need = max(need, ride + (soonest & 255))
                            if soonest >> 8 >= int32_at(limit_at, need):
                                continue
                        if need > last:
                            postponed = min(postponed, need)
                            continue
                        while int32_at(first_at, 2 * (shift + x + 1)) <= h:
                            x += 1
                        new: Int = np.int64(-1)
                        if fresh:  # as `_board`: calls are slow here
                            new = size
                            if not marked[line]:
                                marked[line] = 1
                                touched[n_touched] = line
                                n_touched += 1
                            end_of_line = np.int64(line_position[line + 1])
                            w = y
                            while w < end_of_line and uint16_at(reached_at, w * stride + level - 1) > number:
                                mark = w * stride + level - 1
                                while True:
                                    reached[mark] = number
                                    mark += 1
                                    if mark >= w * stride + levels or uint16_at(reached_at, mark) <= number:
                                        break
                                w += 1
                            prefetch(first_at, 2 * (int32_at(shift_at, trip) + y + 1))
                            if size < len(segment):
                                segment[size, 0] = trip
                                segment[size, 1] = y
                                segment[size, 2] = min(w, end_of_line - 1)
                                segment[size, 3] = at
                                segment[size, 4] = x
                                segment[size, 5] = trip
                            size += 1
                        if place < 0 and int32_at(seated_at, line * stride + level - 1) > trip:
                            size, n_touched = _stay(
                                view, scratch, stride, level, levels, trip, y, at, x, new, size, n_touched
                            )
                x = z + 1
        begin = end
        ride += 1
    put_int32(came_at, 0, n_came)
    return size, n_touched, postponed


@inner_kernel
def _rest(view: DayView, scratch: Scratch, stride: Int, n_touched: Int) -> None:
    """Put the lines that were touched back to rest."""
    for at in range(n_touched):
        line = scratch.touched[at]
        scratch.marked[line] = 0
        scratch.seated[line * stride : (line + 1) * stride] = NEVER
        scratch.reached[view.line_position[line] * stride : view.line_position[line + 1] * stride] = MOST_TRIPS
    for at in range(1, scratch.came[0] + 1):
        key = scratch.came[at]
        scratch.arrived[key : key + stride] = NEVER
    scratch.came[0] = 0


@inner_kernel
def _find_earliest(
    view: DayView,
    scratch: Scratch,
    first_trip: NDArray[np.int32],
    first_position: NDArray[np.int32],
    n_first: Int,
    own: Int,
    goal: Goal,
    rides: Int,
    limit: NDArray[np.int32],
    found: NDArray[np.int32],
) -> bool:
    """Find the earliest arrival by number of rides, without legs.

    The number of rides allowed grows from the least conceivable, ever faster, until something is found; that bounds
    the search without limit on rides. What arrives tomorrow and might today would bound it little: then one ride more
    is tried before.

    Parameters
    ----------
    first_trip, first_position : int32[n_first]
        Where one can board first.
    own : int
        1 when exactly these trips are boarded, 0 when any later one of their lines as well.
    limit, found : see `_spread`; both lowered

    Returns
    -------
    False when `scratch.segment` is too short.
    """
    budget, step = ZERO, ZERO
    more_tries = np.int64(TRIES)
    departs, arrives = np.int64(NEVER), np.int64(NEVER)
    while True:
        postponed = NO_RIDE
        size = ZERO
        n_touched = ZERO
        for i in range(n_first):
            trip, x = np.int64(first_trip[i]), np.int64(first_position[i])
            distance = _ahead(view, goal, x)
            need = 1 + (distance & 255)
            if need > rides:
                continue
            departure = np.int64(view.departure[view.trip_shift[trip] + x])
            if departure + (distance >> 8) >= limit[need]:
                continue
            departs, arrives = min(departs, departure), min(arrives, departure + (distance >> 8))
            if need > budget:
                postponed = min(postponed, need)
                continue
            size, n_touched = _begin(view, scratch, ONE, ONE, trip, x, own, np.int64(limit[need]), size, n_touched)
        size, n_touched, more = _spread(
            view, scratch, ONE, ONE, rides, budget, goal, limit, found, ONE, ZERO, size, n_touched
        )
        _rest(view, scratch, ONE, n_touched)
        if size > len(scratch.segment):
            return False
        postponed = min(postponed, more)
        if postponed == NO_RIDE:
            return True
        if limit[rides] == NEVER:
            budget = max(postponed, budget + step)
            step = 2 * step + 1
        elif limit[rides] - departs > POOR * (arrives - departs) and more_tries > 0:
            budget = max(postponed, budget + 1)
            more_tries -= 1
        else:
            budget = NO_RIDE


@inner_kernel
def _first_from(view: DayView, line: Int, position: Int, time: Int) -> Int:
    """First trip of a line that leaves a position at or after a time; the line's end when there is none."""
    low, high = int(view.line_trip[line]), int(view.line_trip[line + 1])
    while low < high:
        middle = (low + high) // 2
        if view.departure[view.trip_shift[middle] + position] < time:
            low = middle + 1
        else:
            high = middle
    return low


@inner_kernel
def _sort(key: NDArray[np.int64]) -> None:
    """Sort ascending, in place (shell sort: short code, few thousand keys)."""
    gap = 1
    while gap < len(key) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, len(key)):
            value = key[i]
            j = i
            while j >= gap and key[j - gap] > value:
                key[j] = key[j - gap]
                j -= gap
            key[j] = value
        gap //= 3


@kernel
def _write_legs(
    view: DayView, scratch: Scratch, last: Int, position: Int, legs: NDArray[np.int32], n_legs: Int
) -> tuple[NDArray[np.int32], Int]:
    """Append the rides of a journey, from its end to its begin; see `search`."""
    at = last
    trip = scratch.segment[at, 0]
    while at >= 0:
        if n_legs == len(legs):
            legs = np.concatenate((legs, legs))
        parent, left = scratch.segment[at, 3], scratch.segment[at, 4]
        board = scratch.segment[at, 1]
        line, shift = view.trip_line[trip], view.trip_shift[trip]
        leg = legs[n_legs]
        n_legs += 1
        leg[0] = view.trip_row[trip]
        leg[1] = view.trip_day[trip]
        if view.mirrored[0]:
            leg[2] = view.line_position[line + 1] - 1 - position
            leg[3] = view.line_position[line + 1] - 1 - board
            leg[4] = view.position_stop[position]
            leg[5] = view.position_stop[board]
            leg[6] = -view.arrival[shift + position]
            leg[7] = -view.departure[shift + board]
        else:
            leg[2] = board - view.line_position[line]
            leg[3] = position - view.line_position[line]
            leg[4] = view.position_stop[board]
            leg[5] = view.position_stop[position]
            leg[6] = view.departure[shift + board]
            leg[7] = view.arrival[shift + position]
        leg[8] = trip
        leg[9] = left
        if parent >= 0:
            if left == SEATED:
                trip = scratch.segment[at, 5]
                position = view.line_position[view.trip_line[trip] + 1] - 1
            else:
                trip = scratch.segment[parent, 0]
                position = left
                off, on = view.position_stop[left], view.position_stop[board]
                change_from = view.line_class[view.trip_line[trip]]
                for walk in range(view.walk_first[off], view.walk_first[off + 1]):
                    if view.walk_target[walk] == on:
                        leg[9] = min(
                            view.walk_seconds[walk], change_seconds(view, walk, change_from, view.line_class[line])
                        )
        at = parent
    return legs, n_legs


@inner_kernel
def _aim(limit: NDArray[np.int32], got: NDArray[np.int32]) -> None:
    """Set the limits by rides such that just the arrivals still wanted come in."""
    bound = -NEVER
    for back in range(1, len(got) + 1):
        ride = len(got) - back
        if got[ride] != NEVER:
            bound = got[ride] + 1
        limit[ride] = bound


@kernel
def _view_at(places: NDArray[np.int64]) -> DayView:
    """Find the arrays of a `DayView` again."""
    return DayView(
        base=long_integers(places[0]),
        mirrored=small_integers(places[1]),
        line_position=integers(places[2]),
        line_trip=integers(places[3]),
        position_line=integers(places[4]),
        position_stop=integers(places[5]),
        position_cell=integers(places[6]),
        position_board=small_integers(places[7]),
        position_alight=small_integers(places[8]),
        position_quick=integers(places[9]),
        trip_line=integers(places[10]),
        trip_shift=integers(places[11]),
        trip_row=integers(places[12]),
        trip_day=integers(places[13]),
        arrival=integers(places[14]),
        departure=integers(places[15]),
        stay_first=integers(places[16]),
        stay_trip=integers(places[17]),
        onward_first=integers(places[18]),
        onward_table=integers(places[19]),
        onward_line=integers(places[20]),
        onward_trip=integers(places[21]),
        onward_by=integers(places[22]),
        stop_first=integers(places[23]),
        stop_position=integers(places[24]),
        walk_first=integers(places[25]),
        walk_target=integers(places[26]),
        walk_seconds=integers(places[27]),
        walk_change=integers(places[28]),
        walk_guaranteed=small_integers(places[29]),
        line_class=integers(places[30]),
        special_first=integers(places[31]),
        special_from=integers(places[32]),
        special_to=integers(places[33]),
        special_change=integers(places[34]),
        special_guaranteed=small_integers(places[35]),
        hop_first=table_of_integers(places[36]),
        hop=table_of_integers(places[37]),
        stop_cell=integers(places[38]),
        cell_seconds=table_of_short_integers(places[39]),
        cell_rides=table_of_small_integers(places[40]),
        position_key=integers(places[41]),
        stop_goal=integers(places[42]),
        position_zone=integers(places[43]),
        part_begin=integers(places[44]),
        part_of=integers(places[45]),
        soonest=table_of_short_integers(places[46]),
        fewest=table_of_small_integers(places[47]),
        stop_quarter=integers(places[48]),
        hop_towards=table_of_long_integers(places[49]),
        places=places,
    )


@kernel
def _scratch_at(places: NDArray[np.int64]) -> Scratch:
    """Find the arrays of a `Scratch` again."""
    return Scratch(
        reached=short_integers(places[0]),
        seated=integers(places[1]),
        touched=integers(places[2]),
        marked=small_integers(places[3]),
        segment=table_of_integers(places[4]),
        ahead=integers(places[5]),
        there=integers(places[6]),
        known=integers(places[7]),
        whole=integers(places[8]),
        whole_known=integers(places[9]),
        chosen=integers(places[10]),
        arrived=integers(places[11]),
        came=integers(places[12]),
        soonest=integers(places[13]),
        soonest_known=integers(places[14]),
        places=places,
    )


@kernel
def search(
    view_places: NDArray[np.int64],
    scratch_places: NDArray[np.int64],
    once_places: NDArray[np.int64],
    egress: NDArray[np.int32],
    stride: Int,
    access_stop: NDArray[np.int32],
    access_seconds: NDArray[np.int32],
    egress_stop: NDArray[np.int32],
    egress_seconds: NDArray[np.int32],
    start: Int,
    until: Int,
    rides: Int,
    walk: Int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the journeys no other dominates, with their legs.

    First the earliest arrivals alone, which bound everything; then departures in descending order, each of them
    searching only what the later ones did not reach.

    Parameters
    ----------
    view_places, scratch_places, once_places : int64[n_fields, 3]
        Of a `DayView` and of two `Scratch`, of stride `stride` and of stride 1: handing over a hundred arrays one by
        one takes longer than a short search.
    egress : int32[n_stops], -1 everywhere, before and after
    access_stop, access_seconds, egress_stop, egress_seconds : int32
    start : int
        Earliest departure, seconds after the view's base.
    until : int
        Last departure; -NEVER asks for the earliest arrivals only, each with its latest departure.
    rides : int
        At most so many, and at most `stride`.
    walk : int
        Seconds of walking all the way, -1 when impossible. Journeys by vehicle that are no better are left out.

    Returns
    -------
    journeys : int32[n, 4]
        Departure, arrival, rides, end of its legs. One row of -1 when a scratch is too short.
    legs : int32[m, 10]
        For each journey its rides, the last first: trip in the timetable, service day, position and stop of boarding
        and alighting (as 2 from, 3 to, 4 from, 5 to), departure, arrival, trip in the view, and seconds of the walk
        before it, or ORIGIN, or SEATED. In a mirrored view positions, stops and times are turned back, so that the
        last ride comes as the first.
    """
    view, scratch, once = _view_at(view_places), _scratch_at(scratch_places), _scratch_at(once_places)
    n_cells = len(view.cell_seconds)
    goal_row, goal_seconds = np.empty(len(egress_stop), np.int32), np.empty(len(egress_stop), np.int32)
    n_goals = 0
    for i in range(len(egress_stop)):
        row = view.stop_goal[egress_stop[i]]
        if row < 0:
            continue
        at = 0
        while at < n_goals and goal_row[at] != row:
            at += 1
        if at == n_goals:
            goal_row[at], goal_seconds[at] = row, egress_seconds[i]
            n_goals += 1
        goal_seconds[at] = min(goal_seconds[at], egress_seconds[i])
    quarters = np.zeros(2, np.int64)
    if len(view.hop_towards) and rides <= TOWARDS_RIDES:
        for i in range(len(egress_stop)):
            quarter = view.stop_quarter[egress_stop[i]]
            if quarter >= 0:
                quarters[quarter // BITS] |= ONE << np.int64(quarter % BITS)
    goal = Goal(
        egress,
        np.full(n_cells + 1, FAR << 8 | NO_RIDE, np.int32),
        once.ahead,
        once.there,
        once.known,
        once.whole,
        once.whole_known,
        goal_row[:n_goals],
        goal_seconds[:n_goals],
        once.soonest,
        once.soonest_known,
        quarters,
    )
    for i in range(len(egress_stop)):
        cell = view.stop_cell[egress_stop[i]]
        if cell < 0:
            continue
        if egress[egress_stop[i]] < 0 or egress_seconds[i] < egress[egress_stop[i]]:
            egress[egress_stop[i]] = egress_seconds[i]
        seconds_row, rides_row = view.cell_seconds[cell], view.cell_rides[cell]
        for other in range(n_cells):
            if seconds_row[other] != NO_WAY:
                seconds = np.int64(seconds_row[other]) * SECONDS_PER_UNIT + egress_seconds[i]
                known = np.int64(goal.cell[other])
                least = min(np.int64(rides_row[other]), known & 255)
                goal.cell[other] = min(seconds, known >> 8) << 8 | least
    window = until != -NEVER
    limit = np.full(rides + 2 + MANY_RIDES, -NEVER, np.int32)
    limit[: rides + 1] = NEVER
    found = np.full((rides + 2, 3), NEVER, np.int32)
    got = np.full(rides + 2, NEVER, np.int32)
    most: Int = np.int64(rides)
    n_first = 0
    for i in range(len(access_stop)):
        n_first += view.stop_first[access_stop[i] + 1] - view.stop_first[access_stop[i]]
    first_trip = np.empty(n_first, np.int32)
    first_position = np.empty(n_first, np.int32)
    first_access = np.empty(n_first, np.int32)
    n_first = 0
    for i in range(len(access_stop)):
        for row in range(view.stop_first[access_stop[i]], view.stop_first[access_stop[i] + 1]):
            x = np.int64(view.stop_position[row])
            line = np.int64(view.position_line[x])
            trip = _first_from(view, line, x, start + access_seconds[i])
            if trip < view.line_trip[line + 1]:
                first_trip[n_first] = trip
                first_position[n_first] = x
                first_access[n_first] = access_seconds[i]
                n_first += 1
    fits = True
    n_wanted = 0
    if not window:
        if walk >= 0:
            limit[1] = start + walk + 1
            limit[2 : rides + 1] = start + walk
        fits = _find_earliest(
            view, once, first_trip, first_position, np.int64(n_first), ZERO, goal, rides, limit, found
        )
        most = ZERO
        until = -NEVER
        for ride in range(1, rides + 1):
            if found[ride, 0] != NEVER and found[ride, 0] == limit[ride] and found[ride, 0] < limit[ride - 1]:
                got[ride] = found[ride, 0]
                most = np.int64(ride)
                n_wanted += 1
                until = max(until, got[ride])
            found[ride, 0] = NEVER
        _aim(limit, got)
        stride = max(ONE, most)
    # departures: trip, position and access of each, latest first
    n = 0
    for i in range(n_first):
        n += view.line_trip[view.position_line[first_position[i]] + 1] - first_trip[i]
    key = np.empty(n, np.int64)
    late_trip = np.empty(n, np.int32)
    late_position = np.empty(n, np.int32)
    n = 0
    for i in range(n_first):
        x = np.int64(first_position[i])
        distance = _ahead(view, goal, x)
        need = 1 + (distance & 255)
        if need > most:
            continue
        for trip in range(first_trip[i], view.line_trip[view.position_line[x] + 1]):
            departure = view.departure[view.trip_shift[trip] + x]
            left = departure - first_access[i]
            if left > until or departure + (distance >> 8) >= limit[need]:
                break
            key[n] = np.int64(until - left) << 32 | n
            late_trip[n] = trip
            late_position[n] = x
            n += 1
    _sort(key[:n])
    journeys = np.empty((8, 4), np.int32)
    legs = np.empty((32, 10), np.int32)
    n_journeys = 0
    n_legs = ZERO
    size = ZERO
    n_touched = ZERO
    group_trip = np.empty(n, np.int32)
    group_position = np.empty(n, np.int32)
    at_key = 0
    lost = False
    while fits and at_key < n and (window or n_wanted > 0):
        left = until - np.int32(key[at_key] >> 32)
        n_group = 0
        while at_key < n and until - np.int32(key[at_key] >> 32) == left:
            i = key[at_key] & 0xFFFFFFFF
            group_trip[n_group] = late_trip[i]
            group_position[n_group] = late_position[i]
            n_group += 1
            at_key += 1
        if window and walk >= 0:
            for ride in range(1, rides + 1):
                limit[ride] = min(limit[ride], left + walk)
        if window and limit[rides] == NEVER and not lost:
            fits = _find_earliest(
                view, once, group_trip, group_position, np.int64(n_group), ONE, goal, rides, limit, found
            )
            found[:, 0] = NEVER
            lost = (
                limit[rides] == NEVER
            )  # what is reached from here leads nowhere: no earlier departure need look there
            for ride in range(1, rides + 1):
                limit[ride] += limit[ride] != NEVER
        begin = np.int64(size)
        for i in range(n_group):
            trip, x = np.int64(group_trip[i]), np.int64(group_position[i])
            distance = _ahead(view, goal, x)
            need = 1 + (distance & 255)
            if view.departure[view.trip_shift[trip] + x] + (distance >> 8) < limit[need]:
                size, n_touched = _begin(
                    view, scratch, stride, most, trip, x, ONE, np.int64(limit[need]), size, n_touched
                )
        size, n_touched, _ = _spread(
            view, scratch, stride, most, most, NO_RIDE, goal, limit, found, np.int64(window), begin, size, n_touched
        )
        if size > len(scratch.segment):
            fits = False
            break
        for ride in range(1, most + 1):
            arrival = found[ride, 0]
            found[ride, 0] = NEVER
            if arrival == NEVER:
                continue
            if window:
                if arrival != limit[ride] or arrival >= limit[ride - 1]:
                    continue
            elif got[ride] == NEVER:
                continue
            else:
                got[ride] = NEVER
                n_wanted -= 1
            legs, n_legs = _write_legs(view, scratch, np.int64(found[ride, 1]), np.int64(found[ride, 2]), legs, n_legs)
            if n_journeys == len(journeys):
                journeys = np.concatenate((journeys, journeys))
            journeys[n_journeys, 0] = left
            journeys[n_journeys, 1] = arrival
            journeys[n_journeys, 2] = ride
            journeys[n_journeys, 3] = n_legs
            n_journeys += 1
        if not window:
            _aim(limit, got)
    _rest(view, scratch, stride, n_touched)
    for i in range(len(egress_stop)):
        egress[egress_stop[i]] = -1
    for i in range(once.known[-1]):
        line = once.known[i]
        once.ahead[view.line_position[line] : view.line_position[line + 1]] = UNKNOWN
    once.known[-1] = 0
    for i in range(once.whole_known[-1]):
        once.whole[once.whole_known[i]] = UNKNOWN
    once.whole_known[-1] = 0
    once.soonest_known[: len(view.part_begin)] = 0
    if not fits:
        journeys[0, :] = -1
        n_journeys = 1
    return journeys[:n_journeys], legs[:n_legs]
