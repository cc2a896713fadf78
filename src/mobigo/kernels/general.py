"""Search in rounds over the lines of a day view: everything a traveller may ask, no hops needed.

The words are those of `trip_based`. Besides: a *layer* is the number of via places passed; a *node* is a stop to get
off or on at, one more for each class of lines that the rules of transfers.txt treat apart there; a *record* is a trip
from where it was boarded and how one came there; a *job* is a stretch of a line to ride along.

References
----------
Delling, Pajor, Werneck (2012), Round-Based Public Transit Routing, with section 4 for departures in descending order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import inner_kernel, kernel
from mobigo.kernels.trip_based import (
    NEVER,
    NO_RIDE,
    NO_WAY,
    ONE,
    ORIGIN,
    SEATED,
    SECONDS_PER_UNIT,
    UNKNOWN,
    ZERO,
    DayView,
    find_special,
)

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64

NONE: Int = np.int64(-1)
VISIT: Int = np.int64(-2)
"""A change over via places is written as ``VISIT - (first place * MANY_VIAS + last place)``."""
MANY_VIAS: Int = np.int64(64)
TRIP, BOARDED, PARENT, LEFT, HOW = range(5)
"""Columns of a record: trip, position of boarding, record before (-1: none), position it is left at (or ORIGIN,
SEATED), and how: row of the walk, or of the access, or a visit."""
AT, ON, LAYER, RECORD, OWN, ANEW = range(6)
"""Columns of a job: first position, trip (-1: none yet), layer, record, 1 when just this trip goes on by staying
seated and 0 when any later one of its line as well, 1 when trips are boarded on the way."""


class Allowed(NamedTuple):
    """Where the traveller may go, and what is known of stops."""

    trip: NDArray[np.uint8]
    """uint8[n_trips], trips of the view."""
    stop: NDArray[np.uint8]
    """uint8[n_stops]"""
    timed: NDArray[np.uint8]
    """uint8[n_stops], 1 where transfers.txt says how long a change at the stop takes."""


class Terms(NamedTuple):
    """What the traveller asks of changes."""

    factor: float
    """Walks take so many times as long, and so do the times of transfers.txt."""
    usual: int
    """Seconds of a change besides the walk, where transfers.txt does not say; -1: it never says."""
    longest: int
    """Seconds of a walk, at most."""
    min_change: int
    slack: int


class Nodes(NamedTuple):
    """Where one gets off and on; the first `n_stops` nodes of both kinds are the stops."""

    off: NDArray[np.int32]
    """int32[n_positions]"""
    off_stop: NDArray[np.int32]
    off_class: NDArray[np.int32]
    on: NDArray[np.int32]
    """int32[n_positions]"""
    on_stop: NDArray[np.int32]
    on_class: NDArray[np.int32]
    on_first: NDArray[np.int32]
    """int32[n_stops + 1], index of the further nodes of a stop, which begin at `n_stops`."""


class Vias(NamedTuple):
    """Places to pass in order; rows of `to` and `passes` are places, columns stops."""

    passes: NDArray[np.uint8]
    """uint8[n_vias, n_stops], 1 where a call of one's vehicle is enough."""
    to: NDArray[np.int32]
    """int32[n_vias, n_stops], seconds from the stop to the place, -1 where that is too far."""
    stay: NDArray[np.int32]
    """int32[n_vias, n_vias], seconds from coming to a place to leaving another one, -1 where no walk leads on."""
    first: NDArray[np.int32]
    """int32[n_vias + 1], index of the stops walked to from each place."""
    stop: NDArray[np.int32]
    seconds: NDArray[np.int32]


class Access(NamedTuple):
    """How the search may begin: on foot at stops, some via places already behind."""

    stop: NDArray[np.int32]
    layer: NDArray[np.int32]
    seconds: NDArray[np.int32]


class Goal(NamedTuple):
    """How the search ends."""

    out: NDArray[np.int32]
    """int32[n_vias + 1, n_stops], seconds from getting off to the destination, the vias left visited; -1: too far."""
    bounded: int
    """1 when the bounds below hold where all via places are passed."""
    seconds: NDArray[np.int32]
    """int32[n_cells], lower bound on the time from alighting in the cell."""
    rides: NDArray[np.int32]
    """int32[n_cells], lower bound on further rides."""


class Marks(NamedTuple):
    """What a search knows so far, and what is new in its round."""

    arrival: NDArray[np.int32]
    """int32[n_layers * n_off, n_rides], earliest arrival with so many rides."""
    ready: NDArray[np.int32]
    """int32[n_layers * n_on, n_rides], earliest time to board the next vehicle after so many rides."""
    seated: NDArray[np.int32]
    """int32[n_layers * n_lines, n_rides], the earliest trip whose onward trips are known; empty without any."""
    sat: NDArray[np.uint8]
    """uint8[n_layers * n_trips], with how many rides one sits in the trip from its begin; empty without any."""
    off_list: NDArray[np.int32]
    off_mark: NDArray[np.uint8]
    off_record: NDArray[np.int32]
    off_at: NDArray[np.int32]
    on_list: NDArray[np.int32]
    on_mark: NDArray[np.uint8]
    on_record: NDArray[np.int32]
    on_at: NDArray[np.int32]
    on_how: NDArray[np.int32]
    line_list: NDArray[np.int32]
    line_at: NDArray[np.int32]
    """int32[n_layers * n_lines], first position to board at; NEVER at rest."""


@kernel
def split_nodes(view: DayView) -> Nodes:
    """Give the classes that a rule names where it holds a node of their own.

    Where a rule holds for those that none names, the others are apart too: it is not theirs.
    """
    n_stops = len(view.stop_first) - 1
    stops = np.arange(n_stops).astype(np.int32)
    plain = np.zeros(n_stops, np.int32)
    off, on = view.position_stop.copy(), view.position_stop.copy()
    if len(view.special_from) == 0:
        return Nodes(off, stops, plain, on, stops, plain, np.zeros(n_stops + 1, np.int32))
    n_special = len(view.special_from)
    off_key = np.empty(n_special + len(off), np.int64)
    on_key = np.empty(n_special + len(on), np.int64)
    off_apart, on_apart = np.zeros(n_stops, np.bool_), np.zeros(n_stops, np.bool_)
    n = 0
    for stop in range(n_stops):
        for walk in range(view.walk_first[stop], view.walk_first[stop + 1]):
            for row in range(view.special_first[walk], view.special_first[walk + 1]):
                off_key[n] = np.int64(stop) << 32 | view.special_from[row]
                on_key[n] = np.int64(view.walk_target[walk]) << 32 | view.special_to[row]
                off_apart[stop] |= view.special_from[row] == 0
                on_apart[view.walk_target[walk]] |= view.special_to[row] == 0
                n += 1
    n_off = n_on = n
    for x in range(len(off)):
        kind = np.int64(view.line_class[view.position_line[x]])
        if off_apart[off[x]]:
            off_key[n_off] = np.int64(off[x]) << 32 | kind
            n_off += 1
        if on_apart[on[x]]:
            on_key[n_on] = np.int64(on[x]) << 32 | kind
            n_on += 1
    off_key = np.unique(off_key[:n_off])
    on_key = np.unique(on_key[:n_on])
    off_key = off_key[off_key & 0xFFFFFFFF != 0]
    on_key = on_key[on_key & 0xFFFFFFFF != 0]
    for x in range(len(off)):
        key = np.int64(off[x]) << 32 | view.line_class[view.position_line[x]]
        row = np.searchsorted(off_key, key)
        if row < len(off_key) and off_key[row] == key:
            off[x] = n_stops + row
        row = np.searchsorted(on_key, key)
        if row < len(on_key) and on_key[row] == key:
            on[x] = n_stops + row
    on_first = np.searchsorted(on_key, np.arange(n_stops + 1).astype(np.int64) << 32).astype(np.int32)
    return Nodes(
        off,
        np.concatenate((stops, (off_key >> 32).astype(np.int32))),
        np.concatenate((plain, (off_key & 0xFFFFFFFF).astype(np.int32))),
        on,
        np.concatenate((stops, (on_key >> 32).astype(np.int32))),
        np.concatenate((plain, (on_key & 0xFFFFFFFF).astype(np.int32))),
        on_first,
    )


@kernel
def aim(
    view: DayView, bounded: Int, egress_stop: NDArray[np.int32], egress_seconds: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Bound time and rides from each cell to the destination from below."""
    n_cells = len(view.cell_seconds) if bounded else 0
    seconds = np.full(n_cells, NEVER // 2, np.int32)
    rides = np.full(n_cells, NO_RIDE, np.int32)
    if n_cells:
        for i in range(len(egress_stop)):
            cell = view.stop_cell[egress_stop[i]]
            if cell < 0:
                continue
            seconds_row, rides_row = view.cell_seconds[cell], view.cell_rides[cell]
            for other in range(n_cells):
                bound = seconds_row[other] * SECONDS_PER_UNIT + egress_seconds[i]
                if seconds_row[other] != NO_WAY and bound < seconds[other]:
                    seconds[other] = bound
                rides[other] = min(rides[other], rides_row[other])
    return seconds, rides


@inner_kernel
def lengthen(change: Int, on_foot: Int, timed: Int, guaranteed: Int, terms: Terms) -> Int:
    """Seconds from alighting to boarding as the traveller takes them; negative where a change is forbidden."""
    if terms.factor != 1.0 and change >= 0:
        if timed or (terms.usual >= 0 and change != on_foot + terms.usual):
            change = np.int64(np.ceil(change * terms.factor))
        else:
            change += np.int64(np.ceil(on_foot * terms.factor)) - on_foot
    if guaranteed or change < 0:
        return change
    return max(change, np.int64(terms.min_change)) + terms.slack


@inner_kernel
def first_from(view: DayView, allowed: Allowed, low: Int, high: Int, position: Int, time: Int) -> Int:
    """First trip allowed, of trips `low` to `high` of a line, that leaves a position at or after a time, or `high`."""
    end = high
    while low < high:
        middle = (low + high) // 2
        if view.departure[view.trip_shift[middle] + position] < time:
            low = middle + 1
        else:
            high = middle
    while low < end and not allowed.trip[low]:
        low += 1
    return low


@kernel
def add_record(
    records: NDArray[np.int32], size: Int, trip: Int, boarded: Int, parent: Int, left: Int, how: Int
) -> NDArray[np.int32]:
    """Write a record at the end."""
    if size == len(records):
        records = np.concatenate((records, records))
    row = records[size]
    row[TRIP] = trip
    row[BOARDED] = boarded
    row[PARENT] = parent
    row[LEFT] = left
    row[HOW] = how
    return records


@kernel
def _push(
    jobs: NDArray[np.int32], size: Int, at: Int, trip: Int, layer: Int, record: Int, own: Int, anew: Int
) -> NDArray[np.int32]:
    """Write a job at the end."""
    if size == len(jobs):
        jobs = np.concatenate((jobs, jobs))
    row = jobs[size]
    row[AT] = at
    row[ON] = trip
    row[LAYER] = layer
    row[RECORD] = record
    row[OWN] = own
    row[ANEW] = anew
    return jobs


@kernel
def _spread(
    view: DayView,
    allowed: Allowed,
    terms: Terms,
    nodes: Nodes,
    vias: Vias,
    goal: Goal,
    marks: Marks,
    records: NDArray[np.int32],
    n_records: Int,
    jobs: NDArray[np.int32],
    n_jobs: Int,
    limit: NDArray[np.int32],
    found: NDArray[np.int32],
    rides: Int,
    work: Int,
) -> tuple[NDArray[np.int32], Int, NDArray[np.int32], Int]:
    """Ride on from the jobs, one ride more at a time, noting arrivals at the destination.

    Parameters
    ----------
    limit : int32[rides + 2], arrivals by at most so many rides to do better than; lowered
    found : int32[rides + 2, 4], best arrival by rides, its record, position and layer; lowered
    work : int
        How much may be done, in positions and walks looked at.

    Returns
    -------
    records, n_records, jobs, and how much may still be done (below 0: it was given up).
    """
    n_vias, n_stops = len(vias.to), len(view.stop_first) - 1
    n_off, n_on, n_lines = len(nodes.off_stop), len(nodes.on_stop), len(view.line_position) - 1
    n_trips = len(view.trip_line)
    seats = len(view.stay_trip) > 0
    n_boardable = ZERO
    ride: Int = np.int64(1)
    while n_jobs > 0 and work >= 0:
        n_alighted = ZERO
        at_job = ZERO
        while at_job < n_jobs:
            x: Int = np.int64(jobs[at_job, AT])
            trip: Int = np.int64(jobs[at_job, ON])
            layer: Int = np.int64(jobs[at_job, LAYER])
            record: Int = np.int64(jobs[at_job, RECORD])
            own, anew = np.int64(jobs[at_job, OWN]), np.int64(jobs[at_job, ANEW])
            at_job += 1
            line = np.int64(view.position_line[x])
            end = np.int64(view.line_position[line + 1])
            shift = np.int64(view.trip_shift[max(trip, ZERO)])
            passed = False
            work -= end - x
            while x < end:
                stop = np.int64(view.position_stop[x])
                if trip >= 0:
                    time = np.int64(view.arrival[shift + x])
                    if time >= limit[ride]:
                        trip = NONE
                        if not anew:
                            break
                if trip >= 0 and not passed and layer < n_vias and vias.passes[layer, stop]:
                    passed = True  # one who is past the place may do more, except visit it
                    jobs = _push(jobs, n_jobs, x, trip, layer + 1, record, own, ZERO)
                    n_jobs += 1
                if trip >= 0 and view.position_alight[x] and allowed.stop[stop]:
                    time = np.int64(view.arrival[shift + x])
                    hopeful = True
                    if goal.bounded and layer == n_vias:
                        cell = view.position_cell[x]
                        need = ride + goal.rides[cell]
                        hopeful = need <= rides and time + goal.seconds[cell] < limit[need]
                    out = np.int64(goal.out[layer, stop])
                    if hopeful and out >= 0 and time + out < limit[ride]:
                        found[ride, 0] = time + out
                        found[ride, 1] = record
                        found[ride, 2] = x
                        found[ride, 3] = layer
                        for more in range(ride, rides + 1):
                            limit[more] = min(limit[more], time + out)
                    node = layer * n_off + nodes.off[x]
                    if hopeful and time < marks.arrival[node, ride - 1]:
                        for more in range(ride - 1, rides):
                            if marks.arrival[node, more] <= time:
                                break
                            marks.arrival[node, more] = time
                        marks.off_record[node] = record
                        marks.off_at[node] = x
                        if not marks.off_mark[node]:
                            marks.off_mark[node] = 1
                            marks.off_list[n_alighted] = node
                            n_alighted += 1
                if anew and view.position_board[x]:
                    node = layer * n_on + nodes.on[x]
                    if marks.on_mark[node]:
                        ready = np.int64(marks.ready[node, ride - 2])
                        if trip < 0 or view.departure[shift + x] >= ready:
                            # as `first_from`, written out: calls that take a view are slow
                            last = np.int64(view.line_trip[line + 1]) if trip < 0 else trip
                            other, high = np.int64(view.line_trip[line]), last
                            while other < high:
                                middle = (other + high) // 2
                                if view.departure[view.trip_shift[middle] + x] < ready:
                                    other = middle + 1
                                else:
                                    high = middle
                            while other < last and not allowed.trip[other]:
                                other += 1
                            if other < last and view.departure[view.trip_shift[other] + x] < limit[ride]:
                                trip = other
                                shift = np.int64(view.trip_shift[trip])
                                record = n_records
                                records = add_record(
                                    records,
                                    n_records,
                                    trip,
                                    x,
                                    np.int64(marks.on_record[node]),
                                    np.int64(marks.on_at[node]),
                                    np.int64(marks.on_how[node]),
                                )
                                n_records += 1
                                passed = False
                                past = layer
                                while past < n_vias and vias.passes[past, stop]:
                                    passed = True
                                    past += 1
                                    jobs = _push(jobs, n_jobs, x + 1, trip, past, record, own, ZERO)
                                    n_jobs += 1
                x += 1
            if not seats or trip < 0:
                continue
            if view.stay_first[view.line_trip[line]] == view.stay_first[view.line_trip[line + 1]]:
                continue
            last = trip + 1
            if not own:
                last = min(np.int64(view.line_trip[line + 1]), np.int64(marks.seated[layer * n_lines + line, ride - 1]))
                for more in range(ride - 1, rides):
                    if marks.seated[layer * n_lines + line, more] <= trip:
                        break
                    marks.seated[layer * n_lines + line, more] = trip
            for seat in range(trip, last):
                if not allowed.trip[seat]:
                    continue
                if view.arrival[view.trip_shift[seat] + end - 1] >= limit[ride]:
                    break
                sitting = record if seat == trip else NONE
                for row in range(view.stay_first[seat], view.stay_first[seat + 1]):
                    onward = np.int64(view.stay_trip[row])
                    if not allowed.trip[onward] or marks.sat[layer * n_trips + onward] <= ride:
                        continue
                    marks.sat[layer * n_trips + onward] = ride
                    if sitting < 0:
                        sitting = n_records
                        records = add_record(
                            records,
                            n_records,
                            seat,
                            np.int64(records[record, BOARDED]),
                            np.int64(records[record, PARENT]),
                            np.int64(records[record, LEFT]),
                            np.int64(records[record, HOW]),
                        )
                        n_records += 1
                    start = np.int64(view.line_position[view.trip_line[onward]])
                    records = add_record(records, n_records, onward, start, sitting, SEATED, SEATED)
                    jobs = _push(jobs, n_jobs, start, onward, layer, n_records, ONE, ZERO)
                    n_records += 1
                    n_jobs += 1
        for at in range(n_boardable):
            marks.on_mark[marks.on_list[at]] = 0
        n_boardable = ZERO
        # on foot
        for at in range(n_alighted):
            node = np.int64(marks.off_list[at])
            marks.off_mark[node] = 0
            time = np.int64(marks.arrival[node, ride - 1])
            if ride == rides or time >= limit[ride + 1]:
                continue
            layer = node // n_off
            stop = np.int64(nodes.off_stop[node - layer * n_off])
            kind = np.int64(nodes.off_class[node - layer * n_off])
            work -= view.walk_first[stop + 1] - view.walk_first[stop]
            for walk in range(view.walk_first[stop], view.walk_first[stop + 1]):
                target = np.int64(view.walk_target[walk])
                if not allowed.stop[target]:
                    continue
                on_foot = np.int64(view.walk_seconds[walk])
                if target != stop and np.ceil(on_foot * terms.factor) > terms.longest:
                    continue
                special = view.special_first[walk] < view.special_first[walk + 1]
                timed = np.int64(allowed.timed[stop]) if target == stop else ZERO
                usual: Int = np.int64(view.walk_change[walk])
                usual = lengthen(usual, on_foot, timed, np.int64(view.walk_guaranteed[walk]), terms)
                first, last = np.int64(nodes.on_first[target]), np.int64(nodes.on_first[target + 1])
                for extra in range(first - 1, last):
                    to: Int = layer * n_on + (target if extra < first else n_stops + extra)
                    change: Int = usual
                    if special:
                        to_class = ZERO if extra < first else np.int64(nodes.on_class[n_stops + extra])
                        rule = find_special(view, walk, kind, to_class)
                        if rule >= 0:
                            guaranteed = np.int64(view.special_guaranteed[rule])
                            change = np.int64(view.special_change[rule])
                            change = lengthen(change, on_foot, ZERO, guaranteed, terms)
                    if change < 0 or time + change >= marks.ready[to, ride - 1] or time + change >= limit[ride + 1]:
                        continue
                    # as `_ready`, written out
                    for more in range(ride - 1, rides):
                        if marks.ready[to, more] <= time + change:
                            break
                        marks.ready[to, more] = time + change
                    marks.on_record[to] = marks.off_record[node]
                    marks.on_at[to] = marks.off_at[node]
                    marks.on_how[to] = walk
                    if not marks.on_mark[to]:
                        marks.on_mark[to] = 1
                        marks.on_list[n_boardable] = to
                        n_boardable += 1
            if layer < n_vias and vias.to[layer, stop] >= 0:
                for place in range(layer, n_vias):
                    if vias.stay[layer, place] < 0:
                        break
                    there = np.int64(vias.to[layer, stop] + vias.stay[layer, place])
                    for row in range(vias.first[place], vias.first[place + 1]):
                        target = np.int64(vias.stop[row])
                        visit = there + vias.seconds[row]
                        if visit == 0 or not allowed.stop[target]:
                            continue
                        visit = max(visit, np.int64(terms.min_change)) + terms.slack
                        first, last = np.int64(nodes.on_first[target]), np.int64(nodes.on_first[target + 1])
                        for extra in range(first - 1, last):
                            to = (place + 1) * n_on + (target if extra < first else n_stops + extra)
                            how = VISIT - layer * MANY_VIAS - place
                            n_boardable = _ready(marks, to, time + visit, ride, rides, limit, node, how, n_boardable)
        # which lines come by
        n_listed = ZERO
        for at in range(n_boardable):
            node = np.int64(marks.on_list[at])
            layer = node // n_on
            stop = np.int64(nodes.on_stop[node - layer * n_on])
            for row in range(view.stop_first[stop], view.stop_first[stop + 1]):
                x = np.int64(view.stop_position[row])
                if layer * n_on + nodes.on[x] != node:
                    continue
                way = layer * n_lines + view.position_line[x]
                if marks.line_at[way] == NEVER:
                    marks.line_list[n_listed] = way
                    n_listed += 1
                marks.line_at[way] = min(marks.line_at[way], x)
        n_jobs = ZERO
        for at in range(n_listed):
            way = np.int64(marks.line_list[at])
            jobs = _push(jobs, n_jobs, np.int64(marks.line_at[way]), NONE, way // n_lines, NONE, ZERO, ONE)
            n_jobs += 1
            marks.line_at[way] = NEVER
        ride += 1
    for at in range(n_boardable):
        marks.on_mark[marks.on_list[at]] = 0
    return records, n_records, jobs, work


@inner_kernel
def _ready(
    marks: Marks,
    node: Int,
    time: Int,
    ride: Int,
    rides: Int,
    limit: NDArray[np.int32],
    left: Int,
    how: Int,
    n_boardable: Int,
) -> Int:
    """Note that one can board at a node from a time on, having got off at another."""
    if time >= marks.ready[node, ride - 1] or time >= limit[ride + 1]:
        return n_boardable
    for more in range(ride - 1, rides):
        if marks.ready[node, more] <= time:
            break
        marks.ready[node, more] = time
    marks.on_record[node] = marks.off_record[left]
    marks.on_at[node] = marks.off_at[left]
    marks.on_how[node] = how
    if not marks.on_mark[node]:
        marks.on_mark[node] = 1
        marks.on_list[n_boardable] = node
        n_boardable += 1
    return n_boardable


@inner_kernel
def _forget(marks: Marks) -> None:
    """Know nothing."""
    marks.arrival[:] = NEVER
    marks.ready[:] = NEVER
    marks.seated[:] = NEVER
    marks.sat[:] = UNKNOWN


@kernel
def _mark(view: DayView, nodes: Nodes, layers: Int, rides: Int) -> Marks:
    """Make the working memory of one search."""
    n_off, n_on = layers * len(nodes.off_stop), layers * len(nodes.on_stop)
    n_lines = layers * (len(view.line_position) - 1)
    seats = ONE if len(view.stay_trip) else ZERO
    return Marks(
        np.full((n_off, rides), NEVER, np.int32),
        np.full((n_on, rides), NEVER, np.int32),
        np.full((n_lines * seats, rides), NEVER, np.int32),
        np.full(layers * len(view.trip_line) * seats, UNKNOWN, np.uint8),
        np.empty(n_off, np.int32),
        np.zeros(n_off, np.uint8),
        np.empty(n_off, np.int32),
        np.empty(n_off, np.int32),
        np.empty(n_on, np.int32),
        np.zeros(n_on, np.uint8),
        np.empty(n_on, np.int32),
        np.empty(n_on, np.int32),
        np.empty(n_on, np.int32),
        np.empty(n_lines, np.int32),
        np.full(n_lines, NEVER, np.int32),
    )


@kernel
def _board_first(
    view: DayView,
    vias: Vias,
    access: Access,
    records: NDArray[np.int32],
    n_records: Int,
    jobs: NDArray[np.int32],
    n_jobs: Int,
    trip: Int,
    position: Int,
    row: Int,
    own: Int,
) -> tuple[NDArray[np.int32], NDArray[np.int32], Int]:
    """Board a trip as the first of a journey; returns records, one more, and jobs with their number."""
    records = add_record(records, n_records, trip, position, NONE, ORIGIN, row)
    layer: Int = np.int64(access.layer[row])
    jobs = _push(jobs, n_jobs, position + 1, trip, layer, n_records, own, ZERO)
    n_jobs += 1
    while layer < len(vias.passes) and vias.passes[layer, view.position_stop[position]]:
        layer += 1
        jobs = _push(jobs, n_jobs, position + 1, trip, layer, n_records, own, ZERO)
        n_jobs += 1
    return records, jobs, n_jobs


@kernel
def _aim(limit: NDArray[np.int32], got: NDArray[np.int32], rides: Int) -> None:
    """Set the limits by rides such that just the arrivals still wanted come in."""
    bound = -NEVER
    for ride in range(rides, 0, -1):
        if got[ride] != NEVER:
            bound = got[ride] + 1
        limit[ride] = bound


@kernel
def write_legs(
    records: NDArray[np.int32], record: Int, left: Int, legs: NDArray[np.int32], n_legs: Int
) -> tuple[NDArray[np.int32], Int]:
    """Append the rides of a journey, from its end to its begin; see `search`."""
    while record >= 0:
        if n_legs == len(legs):
            legs = np.concatenate((legs, legs))
        leg = legs[n_legs]
        leg[0] = records[record, TRIP]
        leg[1] = records[record, BOARDED]
        leg[2] = left
        leg[3] = records[record, LEFT]
        leg[4] = records[record, HOW]
        left = np.int64(records[record, LEFT])
        record = np.int64(records[record, PARENT])
        n_legs += 1
    return legs, n_legs


@kernel
def write_journey(
    journeys: NDArray[np.int64], size: Int, arrival: Int, rides: Int, layer: Int, n_legs: Int, cost: Int
) -> NDArray[np.int64]:
    """Append a journey whose legs were appended; see `search`."""
    if size == len(journeys):
        journeys = np.concatenate((journeys, journeys))
    row = journeys[size]
    row[0] = arrival
    row[1] = rides
    row[2] = layer
    row[3] = n_legs
    row[4] = cost
    return journeys


@kernel
def list_first(view: DayView, allowed: Allowed, access: Access, start: Int) -> NDArray[np.int64]:
    """List what can be boarded first.

    Returns
    -------
    int64[n, 3], the first trip of its line, the position, and the row of the access.
    """
    n = ZERO
    for i in range(len(access.stop)):
        n += view.stop_first[access.stop[i] + 1] - view.stop_first[access.stop[i]]
    first = np.empty((n, 3), np.int64)
    n = ZERO
    for i in range(len(access.stop)):
        stop = np.int64(access.stop[i])
        if not allowed.stop[stop]:
            continue
        for call in range(view.stop_first[stop], view.stop_first[stop + 1]):
            x = np.int64(view.stop_position[call])
            line = np.int64(view.position_line[x])
            low, high = np.int64(view.line_trip[line]), np.int64(view.line_trip[line + 1])
            trip = first_from(view, allowed, low, high, x, start + access.seconds[i])
            if trip < high:
                first[n, 0] = trip
                first[n, 1] = x
                first[n, 2] = i
                n += 1
    return first[:n]


@kernel
def list_departures(
    view: DayView, allowed: Allowed, access: Access, first: NDArray[np.int64], until: Int, end: Int
) -> NDArray[np.int64]:
    """List all departures from the origin, the latest first.

    Parameters
    ----------
    first : int64[n, 3], see `list_first`
    until, end : int
        Latest departure from the origin, and time at which it is too late to board.

    Returns
    -------
    int64[n, 4], departure from the origin, trip, position, and row of the access.
    """
    n = ZERO
    for i in range(len(first)):
        n += view.line_trip[view.position_line[first[i, 1]] + 1] - first[i, 0]
    key = np.empty(n, np.int64)
    which = np.empty((n, 2), np.int64)
    n = ZERO
    for i in range(len(first)):
        x = first[i, 1]
        for trip in range(first[i, 0], view.line_trip[view.position_line[x] + 1]):
            departure = np.int64(view.departure[view.trip_shift[trip] + x])
            left = departure - access.seconds[first[i, 2]]
            if left > until or departure >= end:
                break
            if allowed.trip[trip]:
                key[n] = (until - left) << 32 | n
                which[n, 0] = trip
                which[n, 1] = i
                n += 1
    key = np.sort(key[:n])
    departures = np.empty((n, 4), np.int64)
    for i in range(n):
        row = key[i] & 0xFFFFFFFF
        departures[i, 0] = until - (key[i] >> 32)
        departures[i, 1] = which[row, 0]
        departures[i, 2] = first[which[row, 1], 1]
        departures[i, 3] = first[which[row, 1], 2]
    return departures


@kernel
def search(
    view: DayView,
    allowed: Allowed,
    terms: Terms,
    nodes: Nodes,
    vias: Vias,
    access: Access,
    goal: Goal,
    start: Int,
    until: Int,
    rides: Int,
    walk: Int,
    work: Int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], Int]:
    """Find the journeys no other dominates, with their legs.

    First the earliest arrivals alone, unless in a window; then departures in descending order, each of them searching
    only what the later ones did not reach.

    Parameters
    ----------
    start : int
        Earliest departure, seconds after the view's base.
    until : int
        Last departure; -NEVER asks for the earliest arrivals only, each with its latest departure.
    rides : int
        At most so many.
    walk : int
        Seconds of walking all the way, -1 when impossible. Journeys by vehicle that are no better are left out.
    work : int
        How much may be done, in positions and walks looked at.

    Returns
    -------
    journeys : int64[n, 5]
        Arrival, rides, layer at the end, end of its legs, and 0.
    legs : int32[m, 5]
        For each journey its rides, the last first: trip of the view, position of boarding, position of alighting (or
        SEATED: it goes on without), position at which the ride before is left (or SEATED, or ORIGIN), and how: row of
        the walk or of the access, or a visit.
    left : int
        Work not done; below 0 it was not enough: what was found holds, but better may be missing.
    """
    window = until != -NEVER
    marks = _mark(view, nodes, np.int64(len(vias.to) + 1), rides)
    limit = np.full(rides + 2, NEVER, np.int32)
    found = np.full((rides + 2, 4), NEVER, np.int32)
    got = np.full(rides + 2, NEVER, np.int32)
    records = np.empty((1024, 5), np.int32)
    n_records = ZERO
    jobs = np.empty((256, 6), np.int32)
    journeys = np.empty((8, 5), np.int64)
    n_journeys = ZERO
    legs = np.empty((32, 5), np.int32)
    n_legs = ZERO
    first = list_first(view, allowed, access, start)
    n_wanted = ZERO
    earliest = found.copy()
    if not window:
        if walk >= 0:
            limit[1] = start + walk + 1
            limit[2:] = start + walk
        n_jobs = ZERO
        for i in range(len(first)):
            trip, x, row = first[i, 0], first[i, 1], first[i, 2]
            if view.departure[view.trip_shift[trip] + x] >= limit[1]:
                continue
            records, jobs, n_jobs = _board_first(
                view, vias, access, records, n_records, jobs, n_jobs, trip, x, row, ZERO
            )
            n_records += 1
        records, n_records, jobs, work = _spread(
            view, allowed, terms, nodes, vias, goal, marks, records, n_records, jobs, n_jobs, limit, found, rides, work
        )
        earliest[:] = found
        found[:] = NEVER
        most = ONE
        for ride in range(1, rides + 1):
            if earliest[ride, 0] != NEVER:
                got[ride] = earliest[ride, 0]
                until = max(until, np.int64(got[ride]))
                most = np.int64(ride)
                n_wanted += 1
        rides = most
        _aim(limit, got, rides)
        _forget(marks)
    departures = list_departures(view, allowed, access, first, until, np.int64(limit[1]))
    at = ZERO
    while at < len(departures) and work >= 0 and (window or n_wanted > 0):
        left = departures[at, 0]
        if window and walk >= 0:
            for ride in range(1, rides + 1):
                limit[ride] = min(limit[ride], left + walk)
        n_jobs = ZERO
        while at < len(departures) and departures[at, 0] == left:
            trip, x, row = departures[at, 1], departures[at, 2], departures[at, 3]
            at += 1
            if view.departure[view.trip_shift[trip] + x] >= limit[1]:
                continue
            records, jobs, n_jobs = _board_first(
                view, vias, access, records, n_records, jobs, n_jobs, trip, x, row, ONE
            )
            n_records += 1
        records, n_records, jobs, work = _spread(
            view, allowed, terms, nodes, vias, goal, marks, records, n_records, jobs, n_jobs, limit, found, rides, work
        )
        for ride in range(1, rides + 1):
            end = found[ride]
            if end[0] == NEVER:
                continue
            legs, n_legs = write_legs(records, np.int64(end[1]), np.int64(end[2]), legs, n_legs)
            journeys = write_journey(
                journeys, n_journeys, np.int64(end[0]), np.int64(ride), np.int64(end[3]), n_legs, ZERO
            )
            n_journeys += 1
            end[0] = NEVER
            if not window:
                got[ride] = NEVER
                n_wanted -= 1
        if not window:
            _aim(limit, got, rides)
    if not window:  # no work left to find their latest departure
        for ride in range(1, rides + 1):
            end = earliest[ride]
            if got[ride] != NEVER:
                legs, n_legs = write_legs(records, np.int64(end[1]), np.int64(end[2]), legs, n_legs)
                journeys = write_journey(
                    journeys, n_journeys, np.int64(end[0]), np.int64(ride), np.int64(end[3]), n_legs, ZERO
                )
                n_journeys += 1
    return journeys[:n_journeys], legs[:n_legs], work
