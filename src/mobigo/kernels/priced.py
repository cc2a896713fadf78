"""Search in rounds with one criterion more: journeys compete over departure, arrival, rides and cost.

The words are those of `general`. Besides: a *label* says when, how dear and after how many rides one is somewhere; a
*bag* holds the labels of one place that no other dominates. Costs are in thousandths of the traveller's units.

References
----------
Delling, Pajor, Werneck (2012), Round-Based Public Transit Routing, section 4: more criteria, and departures in
descending order, here both at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import inner_kernel, kernel
from mobigo.kernels.general import (
    MANY_VIAS,
    NONE,
    VISIT,
    Access,
    Allowed,
    Goal,
    Nodes,
    Terms,
    Vias,
    add_record,
    lengthen,
    list_departures,
    list_first,
    write_journey,
    write_legs,
)
from mobigo.kernels.trip_based import NEVER, ONE, ORIGIN, SEATED, ZERO, DayView, find_special

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Int: TypeAlias = int | np.int64

THOUSAND: Int = np.int64(1000)
ALIKE, ALONE = 1, 2
TIME, COST, RIDES, RANK, NEXT, LIVES, RECORD, LEFT, HOW, PLACE = range(10)
"""Columns of a label: time, cost, rides, rank among the trips of a line (0 where there is none), the next label of its
bag, whether it still is in it, record, position it is left at, how one goes on, and where it is."""
AT, ON, LAYER, BASE, BY, STILL = range(6)
"""Columns of a job: first position, trip, layer, cost less what its metres up to there cost, record, 1 when nothing but
staying seated to the end matters."""
DEAR: Int = np.int64(2**62)


class Prices(NamedTuple):
    """What a cost counts."""

    walk: int
    """Per second on foot."""
    trip: NDArray[np.int64]
    """int64[n_trips], per boarding, in a mirrored view per alighting: of the trip that is boarded in truth."""
    metre: NDArray[np.int64]
    """int64[n_trips], per metre in the vehicle."""
    stop: NDArray[np.int64]
    """int64[n_stops], per boarding and per alighting."""
    metres: NDArray[np.int32]
    """int32[n_positions], from the first position of the line."""
    alike: NDArray[np.uint8]
    """uint8[n_lines], ALIKE where all trips cost the same, ALONE where besides none goes on as another."""
    rested: NDArray[np.int32]
    """int32[n_vias + 1], seconds of stay at all places before."""


class Bags(NamedTuple):
    """First label of each bag, -1 when empty."""

    off: NDArray[np.int32]
    """int32[n_layers * n_off]"""
    on: NDArray[np.int32]
    """int32[n_layers * n_on]"""
    line: NDArray[np.int32]
    """int32[n_layers * n_lines], boardings of lines whose trips are alike; time is the position."""
    trip: NDArray[np.int32]
    """int32[n_layers * n_trips], boardings of other trips; time is the position."""
    seat: NDArray[np.int32]
    """int32[n_layers * n_trips], sitting in a trip at its end."""
    goal: NDArray[np.int32]
    """int32[1]"""


class Wanted(NamedTuple):
    """What the journeys of a question without window are worth, found before their latest departure is."""

    arrival: NDArray[np.int64]
    rides: NDArray[np.int64]
    cost: NDArray[np.int64]
    """int64[n], at most; -1 once it is found."""


@inner_kernel
def _put(
    labels: NDArray[np.int64],
    size: Int,
    bag: NDArray[np.int32],
    place: Int,
    time: Int,
    cost: Int,
    rides: Int,
    rank: Int,
    tally: NDArray[np.int64],
) -> bool:
    """Put a label into a bag unless another dominates it; it then is the label `size`, and those it dominates go.

    There must be room for it.
    """
    at: Int = np.int64(bag[place])
    before = NONE
    steps = ONE
    while at >= 0:
        label = labels[at]
        steps += 1
        if label[TIME] <= time and label[COST] <= cost and label[RIDES] <= rides and label[RANK] <= rank:
            tally[0] -= steps
            return False
        after = np.int64(label[NEXT])
        if time <= label[TIME] and cost <= label[COST] and rides <= label[RIDES] and rank <= label[RANK]:
            label[LIVES] = 0
            if before < 0:
                bag[place] = after
            else:
                labels[before, NEXT] = after
        else:
            before = at
        at = after
    tally[0] -= steps
    label = labels[size]
    label[TIME] = time
    label[COST] = cost
    label[RIDES] = rides
    label[RANK] = rank
    label[NEXT] = bag[place]
    label[LIVES] = 1
    label[PLACE] = place
    bag[place] = size
    return True


@kernel
def _room(rows: NDArray[np.int64], size: Int) -> NDArray[np.int64]:
    """Make room for one row more."""
    if size < len(rows):
        return rows
    return np.concatenate((rows, rows))


@inner_kernel
def _hopeless(
    labels: NDArray[np.int64],
    goal: Int,
    wanted: Wanted,
    time: Int,
    cost: Int,
    rides: Int,
    tally: NDArray[np.int64],
) -> bool:
    """Tell whether nothing new can come of being somewhere: better was found, or it is not wanted."""
    tally[0] -= 1
    if len(wanted.cost):
        for i in range(len(wanted.cost)):
            if cost <= wanted.cost[i] and time <= wanted.arrival[i] and rides <= wanted.rides[i]:
                return False
        return True
    at: Int = np.int64(goal)
    while at >= 0:
        label = labels[at]
        if label[TIME] <= time and label[COST] <= cost and label[RIDES] <= rides:
            return True
        at = np.int64(label[NEXT])
        tally[0] -= 1
    return False


@kernel
def _spread(
    view: DayView,
    allowed: Allowed,
    terms: Terms,
    nodes: Nodes,
    vias: Vias,
    goal: Goal,
    prices: Prices,
    bags: Bags,
    wanted: Wanted,
    labels: NDArray[np.int64],
    n_labels: Int,
    records: NDArray[np.int32],
    n_records: Int,
    jobs: NDArray[np.int64],
    n_jobs: Int,
    fresh: NDArray[np.int64],
    n_fresh: Int,
    rides: Int,
    left: Int,
    window: Int,
    walk: Int,
    least: Int,
    tally: NDArray[np.int64],
) -> tuple[NDArray[np.int64], Int, NDArray[np.int32], Int, NDArray[np.int64], NDArray[np.int64], Int]:
    """Ride on, one ride more at a time, noting arrivals at the destination.

    Parameters
    ----------
    jobs : int64[n_jobs, 6]
        First rides.
    fresh : int64[n_fresh]
        Labels to board first rides from, where there are no jobs.
    left : int
        Departure from the origin.
    least : int
        What the way from the last ride costs at least.
    tally : int64[1]
        How much may still be done.

    Returns
    -------
    labels, n_labels, records, n_records, jobs; and labels of the destination with their number.
    """
    n_vias, n_stops = len(vias.to), len(view.stop_first) - 1
    n_off, n_on, n_lines = len(nodes.off_stop), len(nodes.on_stop), len(view.line_position) - 1
    n_trips = len(view.trip_line)
    turned = view.mirrored[0] == 1
    alone = THOUSAND * prices.walk * walk
    arrived = np.empty(16, np.int64)
    n_arrived = ZERO
    alighted = np.empty(256, np.int64)
    ride = ONE if n_jobs else ZERO
    while (n_jobs > 0 or n_fresh > 0) and tally[0] >= 0:
        # who can board boards
        for i in range(n_fresh):
            if labels[fresh[i], LIVES] == 0 or tally[0] < 0:
                continue
            mine = labels[fresh[i]]
            ready, cost, record, at, how = mine[TIME], mine[COST], mine[RECORD], mine[LEFT], mine[HOW]
            layer = np.int64(mine[PLACE] // n_on)
            node = np.int64(mine[PLACE] - layer * n_on)
            stop = np.int64(nodes.on_stop[node])
            for call in range(view.stop_first[stop], view.stop_first[stop + 1]):
                x = np.int64(view.stop_position[call])
                if nodes.on[x] != node:
                    continue
                line = np.int64(view.position_line[x])
                low, last = np.int64(view.line_trip[line]), np.int64(view.line_trip[line + 1])
                high = last
                while low < high:
                    middle = (low + high) // 2
                    if view.departure[view.trip_shift[middle] + x] < ready:
                        low = middle + 1
                    else:
                        high = middle
                while low < last and not allowed.trip[low]:
                    low += 1
                # a later trip is boarded where it is cheaper, or to stay seated in it
                least_trip = least_metre = DEAR
                while low < last and tally[0] >= 0:
                    trip = low
                    low += 1
                    if not allowed.trip[trip]:
                        continue
                    base = cost + prices.stop[stop] + (ZERO if turned else prices.trip[trip])
                    departure = np.int64(view.departure[view.trip_shift[trip] + x])
                    if _hopeless(labels, np.int64(bags.goal[0]), wanted, departure, base + least, ride + 1, tally):
                        if prices.alike[line]:
                            break
                        continue
                    base -= prices.metre[trip] * prices.metres[x]
                    seats = view.stay_first[trip] < view.stay_first[trip + 1]
                    still = np.int64(least_trip <= prices.trip[trip] and least_metre <= prices.metre[trip])
                    if prices.trip[trip] <= least_trip and prices.metre[trip] <= least_metre:
                        least_trip, least_metre = prices.trip[trip], prices.metre[trip]
                    tally[0] -= 1
                    if still and not seats:
                        continue
                    labels = _room(labels, n_labels)
                    if prices.alike[line] == ALONE:
                        fits = _put(labels, n_labels, bags.line, layer * n_lines + line, x, base, ride + 1, trip, tally)
                    else:
                        fits = _put(labels, n_labels, bags.trip, layer * n_trips + trip, x, base, ride + 1, ZERO, tally)
                    if not fits:
                        if prices.alike[line]:  # who came before tried all later trips
                            break
                        continue
                    n_labels += 1
                    records = add_record(records, n_records, trip, x, record, at, how)
                    jobs = _room(jobs, n_jobs)
                    jobs[n_jobs, AT] = x + 1
                    jobs[n_jobs, ON] = trip
                    jobs[n_jobs, LAYER] = layer
                    jobs[n_jobs, BASE] = base
                    jobs[n_jobs, BY] = n_records
                    jobs[n_jobs, STILL] = still
                    n_jobs += 1
                    past = layer
                    while past < n_vias and vias.passes[past, stop]:
                        past += 1
                        jobs = _room(jobs, n_jobs)
                        jobs[n_jobs] = jobs[n_jobs - 1]
                        jobs[n_jobs, LAYER] = past
                        n_jobs += 1
                    n_records += 1
                    if prices.alike[line] == ALONE:
                        break
        if n_fresh:
            ride += 1
        # ride
        n_alighted = ZERO
        at_job = ZERO
        while at_job < n_jobs and tally[0] >= 0:
            x, trip, layer = np.int64(jobs[at_job, AT]), np.int64(jobs[at_job, ON]), np.int64(jobs[at_job, LAYER])
            base, record = np.int64(jobs[at_job, BASE]), np.int64(jobs[at_job, BY])
            still = np.int64(jobs[at_job, STILL])
            at_job += 1
            line, shift = np.int64(view.trip_line[trip]), np.int64(view.trip_shift[trip])
            end = np.int64(view.line_position[line + 1])
            metre = prices.metre[trip]
            passed = False
            useless = False
            if still and layer == n_vias:
                x = end
            while x < end:
                stop = np.int64(view.position_stop[x])
                time = np.int64(view.arrival[shift + x])
                cost = base + metre * prices.metres[x]
                if not passed and layer < n_vias and vias.passes[layer, stop]:
                    passed = True
                    jobs = _room(jobs, n_jobs)
                    jobs[n_jobs] = jobs[at_job - 1]
                    jobs[n_jobs, AT] = x
                    jobs[n_jobs, LAYER] = layer + 1
                    n_jobs += 1
                if still or not view.position_alight[x] or not allowed.stop[stop]:
                    x += 1
                    continue
                if _hopeless(labels, np.int64(bags.goal[0]), wanted, time, cost + least, ride, tally):
                    useless = True  # time and cost only grow
                    break
                cost += prices.stop[stop] + (prices.trip[trip] if turned else ZERO)
                soonest, need = time, ride
                if goal.bounded and layer == n_vias:
                    cell = view.position_cell[x]
                    soonest, need = time + goal.seconds[cell], ride + goal.rides[cell]
                dear = cost + least - alone
                beaten = walk >= 0 and soonest >= left + walk and dear >= 0
                beaten = beaten and (window == 1 or soonest > left + walk or dear > 0 or need > 1)
                if (
                    beaten
                    or need > rides
                    or _hopeless(labels, np.int64(bags.goal[0]), wanted, soonest, cost + least, need, tally)
                ):
                    x += 1
                    continue
                out = np.int64(goal.out[layer, stop])
                if out >= 0:
                    there = time + out
                    whole = cost + THOUSAND * prices.walk * (out - (prices.rested[n_vias] - prices.rested[layer]))
                    dear = whole - alone
                    beaten = walk >= 0 and there >= left + walk and dear >= 0
                    beaten = beaten and (window == 1 or there > left + walk or dear > 0 or ride > 1)
                    if not beaten and not _hopeless(labels, np.int64(bags.goal[0]), wanted, there, whole, ride, tally):
                        labels = _room(labels, n_labels)
                        if _put(labels, n_labels, bags.goal, ZERO, there, whole, ride, ZERO, tally):
                            labels[n_labels, RECORD] = record
                            labels[n_labels, LEFT] = x
                            labels[n_labels, PLACE] = layer
                            arrived = np.append(arrived, arrived) if n_arrived == len(arrived) else arrived
                            arrived[n_arrived] = n_labels
                            n_arrived += 1
                            n_labels += 1
                            for i in range(len(wanted.cost)):
                                if whole <= wanted.cost[i] and there <= wanted.arrival[i] and ride <= wanted.rides[i]:
                                    wanted.cost[i] = -1
                labels = _room(labels, n_labels)
                if ride < rides and _put(
                    labels, n_labels, bags.off, layer * n_off + nodes.off[x], time, cost, ride, ZERO, tally
                ):
                    labels[n_labels, RECORD] = record
                    labels[n_labels, LEFT] = x
                    alighted = np.append(alighted, alighted) if n_alighted == len(alighted) else alighted
                    alighted[n_alighted] = n_labels
                    n_alighted += 1
                    n_labels += 1
                x += 1
            if useless or view.stay_first[trip] == view.stay_first[trip + 1]:
                continue
            time, cost = np.int64(view.arrival[shift + end - 1]), base + metre * prices.metres[end - 1]
            if _hopeless(labels, np.int64(bags.goal[0]), wanted, time, cost + least, ride, tally):
                continue
            labels = _room(labels, n_labels)
            if not _put(labels, n_labels, bags.seat, layer * n_trips + trip, ZERO, cost, ride, ZERO, tally):
                continue
            n_labels += 1
            for row in range(view.stay_first[trip], view.stay_first[trip + 1]):
                onward = np.int64(view.stay_trip[row])
                if not allowed.trip[onward]:
                    continue
                start = np.int64(view.line_position[view.trip_line[onward]])
                records = add_record(records, n_records, onward, start, record, SEATED, SEATED)
                jobs = _room(jobs, n_jobs)
                jobs[n_jobs, AT] = start
                jobs[n_jobs, ON] = onward
                jobs[n_jobs, LAYER] = layer
                jobs[n_jobs, BASE] = cost - prices.metre[onward] * prices.metres[start]
                jobs[n_jobs, BY] = n_records
                jobs[n_jobs, STILL] = 0
                n_jobs += 1
                n_records += 1
        n_jobs = ZERO
        # walk
        n_fresh = ZERO
        for i in range(n_alighted):
            if labels[alighted[i], LIVES] == 0 or tally[0] < 0:
                continue
            mine = labels[alighted[i]]
            time, cost, record, at = mine[TIME], mine[COST], mine[RECORD], mine[LEFT]
            layer = np.int64(mine[PLACE] // n_off)
            node = np.int64(mine[PLACE] - layer * n_off)
            stop, kind = np.int64(nodes.off_stop[node]), np.int64(nodes.off_class[node])
            if _hopeless(labels, np.int64(bags.goal[0]), wanted, time, cost + least, ride + 1, tally):
                continue
            for walk_row in range(view.walk_first[stop], view.walk_first[stop + 1]):
                target = np.int64(view.walk_target[walk_row])
                if not allowed.stop[target]:
                    continue
                on_foot = np.int64(view.walk_seconds[walk_row])
                longer = np.int64(np.ceil(on_foot * terms.factor))
                if target != stop and longer > terms.longest:
                    continue
                special = view.special_first[walk_row] < view.special_first[walk_row + 1]
                timed = np.int64(allowed.timed[stop]) if target == stop else ZERO
                usual: Int = np.int64(view.walk_change[walk_row])
                usual = lengthen(usual, on_foot, timed, np.int64(view.walk_guaranteed[walk_row]), terms)
                whole = cost + THOUSAND * prices.walk * longer
                begin, last = np.int64(nodes.on_first[target]), np.int64(nodes.on_first[target + 1])
                for extra in range(begin - 1, last):
                    to: Int = layer * n_on + (target if extra < begin else n_stops + extra)
                    change: Int = usual
                    if special:
                        to_class = ZERO if extra < begin else np.int64(nodes.on_class[n_stops + extra])
                        rule = find_special(view, walk_row, kind, to_class)
                        if rule >= 0:
                            guaranteed = np.int64(view.special_guaranteed[rule])
                            change = np.int64(view.special_change[rule])
                            change = lengthen(change, on_foot, ZERO, guaranteed, terms)
                    if change < 0:
                        continue
                    labels = _room(labels, n_labels)
                    if _put(labels, n_labels, bags.on, to, time + change, whole, ride, ZERO, tally):
                        labels[n_labels, RECORD] = record
                        labels[n_labels, LEFT] = at
                        labels[n_labels, HOW] = walk_row
                        fresh = np.append(fresh, fresh) if n_fresh == len(fresh) else fresh
                        fresh[n_fresh] = n_labels
                        n_fresh += 1
                        n_labels += 1
            if layer == n_vias or vias.to[layer, stop] < 0:
                continue
            for place in range(layer, n_vias):
                if vias.stay[layer, place] < 0:
                    break
                there = np.int64(vias.to[layer, stop] + vias.stay[layer, place])
                for row in range(vias.first[place], vias.first[place + 1]):
                    target = np.int64(vias.stop[row])
                    visit = there + vias.seconds[row]
                    if visit == 0 or not allowed.stop[target]:
                        continue
                    on_foot = visit - (prices.rested[place + 1] - prices.rested[layer])
                    visit = max(visit, np.int64(terms.min_change)) + terms.slack
                    begin, last = np.int64(nodes.on_first[target]), np.int64(nodes.on_first[target + 1])
                    for extra in range(begin - 1, last):
                        to = (place + 1) * n_on + (target if extra < begin else n_stops + extra)
                        labels = _room(labels, n_labels)
                        whole = cost + THOUSAND * prices.walk * on_foot
                        if _put(labels, n_labels, bags.on, to, time + visit, whole, ride, ZERO, tally):
                            labels[n_labels, RECORD] = record
                            labels[n_labels, LEFT] = at
                            labels[n_labels, HOW] = VISIT - layer * MANY_VIAS - place
                            fresh = np.append(fresh, fresh) if n_fresh == len(fresh) else fresh
                            fresh[n_fresh] = n_labels
                            n_fresh += 1
                            n_labels += 1
    return labels, n_labels, records, n_records, jobs, arrived[:n_arrived], n_arrived


@kernel
def _mark(view: DayView, nodes: Nodes, layers: Int) -> Bags:
    """Make empty bags."""
    n_lines, n_trips = len(view.line_position) - 1, len(view.trip_line)
    return Bags(
        np.full(layers * len(nodes.off_stop), -1, np.int32),
        np.full(layers * len(nodes.on_stop), -1, np.int32),
        np.full(layers * n_lines, -1, np.int32),
        np.full(layers * n_trips, -1, np.int32),
        np.full(layers * n_trips, -1, np.int32),
        np.full(1, -1, np.int32),
    )


@kernel
def _begin(
    nodes: Nodes,
    allowed: Allowed,
    access: Access,
    prices: Prices,
    bags: Bags,
    labels: NDArray[np.int64],
    start: Int,
    tally: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put a label where one can board first; returns the labels, and which."""
    n_on, n_stops = len(nodes.on_stop), len(nodes.on_first) - 1
    fresh = np.empty(16, np.int64)
    n = ZERO
    for i in range(len(access.stop)):
        stop = np.int64(access.stop[i])
        if not allowed.stop[stop]:
            continue
        first, last = np.int64(nodes.on_first[stop]), np.int64(nodes.on_first[stop + 1])
        cost = THOUSAND * prices.walk * (access.seconds[i] - prices.rested[access.layer[i]])
        for extra in range(first - 1, last):
            node = access.layer[i] * n_on + (stop if extra < first else n_stops + extra)
            labels = _room(labels, n)
            if _put(labels, n, bags.on, node, start + access.seconds[i], cost, ZERO, ZERO, tally):
                labels[n, RECORD] = NONE
                labels[n, LEFT] = ORIGIN
                labels[n, HOW] = i
                fresh = np.append(fresh, fresh) if n == len(fresh) else fresh
                fresh[n] = n
                n += 1
    return labels, fresh[:n]


@kernel
def _choose(labels: NDArray[np.int64], goal: Int) -> NDArray[np.int64]:
    """Choose from the bag of the destination what no other dominates by whole units of cost."""
    chosen = np.empty(len(labels), np.int64)
    n = ZERO
    at: Int = goal
    while at >= 0:
        one = labels[at]
        keep = True
        other: Int = goal
        while other >= 0:
            two = labels[other]
            mine, its = one[COST] // THOUSAND, two[COST] // THOUSAND
            if two[TIME] <= one[TIME] and its <= mine and two[RIDES] <= one[RIDES]:
                same = two[TIME] == one[TIME] and its == mine and two[RIDES] == one[RIDES]
                if not same or other < at:
                    keep = False
                    break
            other = np.int64(two[NEXT])
        if keep:
            chosen[n] = at
            n += 1
        at = np.int64(one[NEXT])
    return chosen[:n]


@kernel
def search(
    view: DayView,
    allowed: Allowed,
    terms: Terms,
    nodes: Nodes,
    vias: Vias,
    access: Access,
    goal: Goal,
    prices: Prices,
    start: Int,
    until: Int,
    rides: Int,
    walk: Int,
    work: Int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], Int]:
    """Find the journeys no other dominates, cost included, with their legs; as `general.search`.

    Returns
    -------
    journeys : int64[n, 5]
        Arrival, rides, layer at the end, end of its legs, and cost in thousandths. In a window some may be dominated
        by whole units of cost.
    legs, left
    """
    window = ONE if until != -NEVER else ZERO
    least: Int = DEAR
    for layer in range(len(goal.out)):
        for stop in range(goal.out.shape[1]):
            if goal.out[layer, stop] >= 0:
                on_foot = goal.out[layer, stop] - (prices.rested[-1] - prices.rested[layer])
                least = min(least, THOUSAND * prices.walk * on_foot)
    least = ZERO if least == DEAR else least
    bags = _mark(view, nodes, np.int64(len(vias.to) + 1))
    tally = np.full(1, work, np.int64)
    labels = np.empty((1024, 10), np.int64)
    n_labels = ZERO
    records = np.empty((1024, 5), np.int32)
    n_records = ZERO
    jobs = np.empty((256, 6), np.int64)
    journeys = np.empty((8, 5), np.int64)
    n_journeys = ZERO
    legs = np.empty((32, 5), np.int32)
    n_legs = ZERO
    nothing = np.empty(0, np.int64)
    wanted = Wanted(nothing, nothing, nothing)
    chosen = nothing
    end: Int = np.int64(NEVER)
    if not window:
        labels, fresh = _begin(nodes, allowed, access, prices, bags, labels, start, tally)
        n_labels = np.int64(len(fresh))
        labels, n_labels, records, n_records, jobs, _, _ = _spread(
            view, allowed, terms, nodes, vias, goal, prices, bags, wanted, labels, n_labels, records, n_records,
            jobs, ZERO, fresh, n_labels, rides, start, window, walk, least, tally,
        )  # fmt: skip
        chosen = _choose(labels, np.int64(bags.goal[0]))
        n_wanted = len(chosen)
        wanted = Wanted(np.empty(n_wanted, np.int64), np.empty(n_wanted, np.int64), np.empty(n_wanted, np.int64))
        for i in range(n_wanted):
            label = labels[chosen[i]]
            wanted.arrival[i] = label[TIME]
            wanted.rides[i] = label[RIDES]
            wanted.cost[i] = label[COST] // THOUSAND * THOUSAND + THOUSAND - 1
            until = max(until, label[TIME])
        end = until + 1
        for bag in (bags.off, bags.on, bags.line, bags.trip, bags.seat, bags.goal):
            bag[:] = -1
    first = list_first(view, allowed, access, start)
    departures = list_departures(view, allowed, access, first, until, end)
    n_lines = len(view.line_position) - 1
    at = ZERO
    while at < len(departures) and tally[0] >= 0:
        left = departures[at, 0]
        n_jobs = ZERO
        while at < len(departures) and departures[at, 0] == left:
            trip, x, row = departures[at, 1], departures[at, 2], departures[at, 3]
            at += 1
            past: Int = np.int64(access.layer[row])
            on, line = np.int64(view.position_stop[x]), np.int64(view.trip_line[trip])
            base = THOUSAND * prices.walk * (access.seconds[row] - prices.rested[past])
            base += prices.stop[on] + (ZERO if view.mirrored[0] else prices.trip[trip])
            departure = np.int64(view.departure[view.trip_shift[trip] + x])
            if _hopeless(labels, np.int64(bags.goal[0]), wanted, departure, base, ONE, tally):
                continue
            base -= prices.metre[trip] * prices.metres[x]
            if prices.alike[line] == ALONE:
                labels = _room(labels, n_labels)
                if not _put(labels, n_labels, bags.line, past * n_lines + line, x, base, ONE, trip, tally):
                    continue
                n_labels += 1
            records = add_record(records, n_records, trip, x, NONE, ORIGIN, row)
            while True:
                jobs = _room(jobs, n_jobs)
                jobs[n_jobs, AT] = x + 1
                jobs[n_jobs, ON] = trip
                jobs[n_jobs, LAYER] = past
                jobs[n_jobs, BASE] = base
                jobs[n_jobs, BY] = n_records
                jobs[n_jobs, STILL] = 0
                n_jobs += 1
                if past == len(vias.to) or not vias.passes[past, on]:
                    break
                past += 1
            n_records += 1
        labels, n_labels, records, n_records, jobs, arrived, n_arrived = _spread(
            view, allowed, terms, nodes, vias, goal, prices, bags, wanted, labels, n_labels, records, n_records,
            jobs, n_jobs, np.empty(64, np.int64), ZERO, rides, left, window, walk, least, tally,
        )  # fmt: skip
        for i in range(n_arrived):
            label = labels[arrived[i]]
            if label[LIVES]:
                legs, n_legs = write_legs(records, label[RECORD], label[LEFT], legs, n_legs)
                journeys = write_journey(
                    journeys, n_journeys, label[TIME], label[RIDES], label[PLACE], n_legs, label[COST]
                )
                n_journeys += 1
    for i in range(len(chosen)):  # no work left to find their latest departure
        if wanted.cost[i] >= 0:
            label = labels[chosen[i]]
            legs, n_legs = write_legs(records, label[RECORD], label[LEFT], legs, n_legs)
            journeys = write_journey(journeys, n_journeys, label[TIME], label[RIDES], label[PLACE], n_legs, label[COST])
            n_journeys += 1
    return journeys[:n_journeys], legs[:n_legs], tally[0]
