"""Routes of one school worth driving at given prices of its stops: labels grown from the school backwards.

A label is a partial route whose *first* stop is `f`; it grows by a stop `k` put in front of `f`. What is known of it
are the pupils aboard, the ride of those who board at `f` (from leaving it to the arrival at the school), the sum of the
prices, and a memory of stops that may not be visited again (ng-routes). Labels are settled by pupils aboard, so that
whatever can dominate a label is settled before it.

The memory of a label at `f` holds only stops of f's neighbourhood. Stops that are never together in a neighbourhood
share a bit: one word of 64 bits serves a school of any size.

References
----------
Baldacci, Mingozzi, Roberti (2011), New Route Relaxation and Pricing Strategies for the Vehicle Routing Problem.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel

TOLERANCE = 1e-6
"""Seconds by which a ride or a link may be late."""

LEAST = 1e-9
"""Price below which two sums are the same."""

GROWTH_UNITS = 60
"""Into which the longest ride is cut where growth is bounded."""


class Pickups(NamedTuple):
    """The stops of one school."""

    load: NDArray[np.int32]
    """int32[n], pupils, 1 or more."""
    dwell: NDArray[np.float64]
    """float64[n], seconds."""
    drive: NDArray[np.float64]
    """float64[n, n], seconds from row to column; closed under the triangle inequality."""
    home: NDArray[np.float64]
    """float64[n], seconds from the stop to the school."""
    bit: NDArray[np.uint64]
    """uint64[n], the stop in a memory."""
    seen: NDArray[np.uint64]
    """uint64[n, n]: at a label of first stop (row), what says that column was visited; 0 outside the neighbourhood."""
    keep: NDArray[np.uint64]
    """uint64[n, n]: what of a memory at row outlives column's being put in front."""
    more: NDArray[np.int32]
    """int32[n, m], what else a stop takes up of a vehicle: its seats of either week, its wheelchair places."""
    cost: NDArray[np.float64]
    """float64[n, n], of driving from row to column; closed like `drive`."""
    home_cost: NDArray[np.float64]
    """float64[n], of driving from the stop to the school."""


class Sources(NamedTuple):
    """Where buses come from: row 0 is the depot, the others are schools."""

    slack: NDArray[np.float64]
    """float64[p], seconds between being free there and the latest arrival here."""
    lead: NDArray[np.float64]
    """float64[p, n], seconds from there to the stop."""
    cost: NDArray[np.float64]
    """float64[p, n], of driving from there to the stop."""


class Labels(NamedTuple):
    """Settled labels; room for as many as there may be."""

    stop: NDArray[np.int32]
    """int32[m], first stop."""
    load: NDArray[np.int32]
    ride: NDArray[np.float64]
    """float64[m], seconds of those who board first."""
    price: NDArray[np.float64]
    memory: NDArray[np.uint64]
    more: NDArray[np.int32]
    """int32[m, r], what else is taken up of the vehicle."""
    parent: NDArray[np.int32]
    """int32[m], the label it grew from; -1 at the school."""
    after: NDArray[np.int32]
    """int32[m], next with as many pupils (while waiting)."""
    settled: NDArray[np.int32]
    """int32[m], labels in the order in which they were settled."""


def make_labels(room: int, resources: int = 0) -> Labels:
    """Make room for labels with so many resources besides seats; pages are taken only when written."""
    return Labels(
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.float64),
        np.empty(room, np.float64),
        np.empty(room, np.uint64),
        np.empty((room, resources), np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
    )


@kernel
def bound_growth(
    pickups: Pickups, capacity: int, units: int, unit: float, price: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int16]]:
    """Bound what can be put in front of each stop, times cut to whole units; a stop is revisited after two others.

    Returns
    -------
    float32[n, capacity + 1, units + 1], likewise, int16 likewise
        Most that may be gained in front of a stop, by seats and whole units of ride left; most where the next stop is
        not the best one; and the best one, -1 where nothing is gained.
    """
    n = len(pickups.load)
    best = np.zeros((n, capacity + 1, units + 1), np.float32)
    second = np.zeros((n, capacity + 1, units + 1), np.float32)
    by = np.full((n, capacity + 1, units + 1), -1, np.int16)
    cost = np.empty((n, n), np.int32)
    for f in range(n):
        for k in range(n):
            cost[f, k] = int((pickups.dwell[f] + pickups.drive[k, f]) / unit)
    # a sum of float32 roundings never outgrows this share
    gain = np.empty((n, n), np.float32)
    for f in range(n):
        for k in range(n):
            gain[f, k] = price[k] * (1 + 1e-5) - pickups.cost[k, f] * (1 - 1e-5)
    for seats in range(1, capacity + 1):
        for f in range(n):
            row, next_row, by_row = best[f, seats], second[f, seats], by[f, seats]
            for k in range(n):
                if k == f or price[k] <= 0 or pickups.load[k] > seats:
                    continue
                c = cost[f, k]
                if c > units:
                    continue
                left = seats - pickups.load[k]
                from_row, from_next, from_by = best[k, left], second[k, left], by[k, left]
                g = gain[f, k]
                for t in range(units + 1 - c):
                    one = g + (from_next[t] if from_by[t] == f else from_row[t])
                    if one > row[t + c]:
                        next_row[t + c], row[t + c], by_row[t + c] = row[t + c], one, k
                    elif one > next_row[t + c]:
                        next_row[t + c] = one
    return best, second, by


@kernel
def bound_by_load(pickups: Pickups, capacity: int, price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Most that stops bring, each taken once and left for its nearest, by seats left: float64[capacity + 1]."""
    best = np.zeros(capacity + 1)
    load = pickups.load
    for k in range(len(load)):
        worth = np.inf
        for f in range(len(load)):
            if f != k:
                worth = min(worth, pickups.cost[k, f])
        worth = price[k] - worth if len(load) > 1 else 0.0
        if worth > 0:
            for seats in range(capacity, load[k] - 1, -1):
                best[seats] = max(best[seats], best[seats - load[k]] + worth)
    return best


@kernel
def bound_gain(pickups: Pickups, capacity: int, longest: float, price: NDArray[np.float64], cheapest: float) -> float:
    """Bound by how much prices of a route outweigh `cheapest`: no route gains more, though none may gain as much."""
    units = GROWTH_UNITS
    unit = (longest + TOLERANCE) / units
    growth, _, _ = bound_growth(pickups, capacity, units, unit, price)
    by_load = bound_by_load(pickups, capacity, price)
    most = -np.inf
    for k in range(len(pickups.load)):
        left = longest + TOLERANCE - pickups.home[k]
        seats = capacity - pickups.load[k]
        if left >= 0 and seats >= 0:
            more = min(by_load[seats], float(growth[k, seats, min(units, int(left / unit))]))
            most = max(most, price[k] - pickups.home_cost[k] + more - cheapest)
    return most


@kernel
def label_routes(
    pickups: Pickups,
    sources: Sources,
    capacity: int,
    longest: float,
    price: NDArray[np.float64],
    base: NDArray[np.float64],
    width: int,
    labels: Labels,
    most: NDArray[np.int32],
) -> tuple[int, bool]:
    """Settle every label that can become, or is, a route whose prices outweigh `base` of a source.

    Parameters
    ----------
    longest : float
        Seconds of the longest ride.
    price : float64[n]
        Of stops; those without a price are only ever last.
    base : float64[p]
        What a route costs from each source, before the prices of its stops.
    width : int
        Labels of a stop and load that are settled, the dearest first, and compared without their memories: routes are
        missed. 0: all of them, and none is missed.
    most : int32[m]
        Of each of the pickups' other resources.

    Returns
    -------
    int, bool
        How many were settled, rows of `settled` name them; and whether there was room for all.
    """
    exact = width == 0
    n, n_sources = len(pickups.load), len(sources.slack)
    room = len(labels.stop)
    n_more = len(most)
    # by source, the longest ride of a route that can be linked; only those cheaper than all longer ones matter
    horizon, cheap = np.empty(n_sources), np.empty(n_sources)
    for p in range(n_sources):
        least, nearest = np.inf, np.inf
        for k in range(n):
            least = min(least, sources.lead[p, k] + pickups.dwell[k])
            nearest = min(nearest, sources.cost[p, k])
        horizon[p] = min(longest, sources.slack[p] - least) + TOLERANCE
        cheap[p] = base[p] + nearest
    order = np.argsort(-horizon)
    steps_horizon, steps_base = np.empty(n_sources), np.empty(n_sources)
    steps = 0
    for p in order:
        if horizon[p] < 0:
            continue
        if steps == 0 or cheap[p] < steps_base[steps - 1]:
            if steps > 0 and horizon[p] == steps_horizon[steps - 1]:
                steps -= 1
            steps_horizon[steps], steps_base[steps] = horizon[p], cheap[p]
            steps += 1
    if steps == 0:
        return 0, True
    units = GROWTH_UNITS
    unit = (longest + TOLERANCE) / units
    growth, other_growth, grown_by = bound_growth(pickups, capacity, units, unit, price)
    by_load = bound_by_load(pickups, capacity, price)
    by_price = np.argsort(-price)
    head = np.full(capacity + 1, -1, np.int32)
    n_labels = 0
    for k in range(n):
        q = pickups.load[k]
        fits = q <= capacity and pickups.home[k] <= longest + TOLERANCE
        for r in range(n_more):
            fits = fits and pickups.more[k, r] <= most[r]
        if fits:
            if n_labels == room:
                return 0, False
            labels.stop[n_labels], labels.load[n_labels] = k, q
            labels.ride[n_labels], labels.price[n_labels] = pickups.home[k], price[k] - pickups.home_cost[k]
            for r in range(n_more):
                labels.more[n_labels, r] = pickups.more[k, r]
            labels.memory[n_labels], labels.parent[n_labels] = pickups.bit[k], -1
            labels.after[n_labels] = head[q]
            head[q] = n_labels
            n_labels += 1
    first = np.zeros((n, capacity + 2), np.int32)  # of settled labels of a stop and load
    last = np.zeros((n, capacity + 2), np.int32)
    quickest = np.full((n, capacity + 2), np.inf)
    n_settled = 0
    spare = -1  # labels that were not settled, whose room is used again, one after the other
    waiting = np.empty(1024, np.int32)
    for q in range(1, capacity + 1):
        count = 0
        i = head[q]
        while i >= 0:
            if count == len(waiting):
                waiting = np.concatenate((waiting, np.empty(count, np.int32)))
            waiting[count] = i
            count += 1
            i = labels.after[i]
        if count == 0:
            continue
        batch = waiting[:count]
        batch = batch[np.argsort(-labels.price[batch], kind="mergesort")]
        batch = batch[np.argsort(labels.stop[batch], kind="mergesort")]
        f = -1
        for i in batch:
            if labels.stop[i] != f:
                f = labels.stop[i]
                first[f, q] = last[f, q] = n_settled
            if not exact and last[f, q] - first[f, q] >= width:
                labels.after[i] = spare
                spare = i
                continue
            ride, worth, memory = labels.ride[i], labels.price[i], labels.memory[i]
            dominated = False
            for q1 in range(1, q + 1):
                if quickest[f, q1] > ride:
                    continue
                for at in range(first[f, q1], last[f, q1]):
                    j = labels.settled[at]
                    if labels.price[j] < worth:
                        break
                    if labels.ride[j] <= ride and (not exact or (labels.memory[j] & ~memory) == 0):
                        dominated = True
                        for r in range(n_more):
                            if labels.more[j, r] > labels.more[i, r]:
                                dominated = False
                                break
                        if dominated:
                            break
                if dominated:
                    break
            if dominated:
                labels.after[i] = spare
                spare = i
                continue
            labels.settled[n_settled] = i
            n_settled += 1
            last[f, q] = n_settled
            quickest[f, q] = min(quickest[f, q], ride)
            for k in by_price:
                if price[k] <= 0:
                    break
                q2 = q + pickups.load[k]
                if k == f or q2 > capacity or (memory & pickups.seen[f, k]) != 0:
                    continue
                ride2 = ride + pickups.dwell[f] + pickups.drive[k, f]
                if ride2 > steps_horizon[0]:
                    continue
                worth2 = worth + price[k] - pickups.cost[k, f]
                free = by_load[capacity - q2]
                hopeful = False
                for s in range(steps):
                    left = steps_horizon[s] - ride2
                    if left < 0:
                        break
                    step = min(units, int(left / unit))
                    back = grown_by[k, capacity - q2, step] == f
                    most_grown = other_growth[k, capacity - q2, step] if back else growth[k, capacity - q2, step]
                    more = min(free, float(most_grown))
                    if worth2 + more > steps_base[s] + LEAST:
                        hopeful = True
                        break
                for r in range(n_more):
                    if labels.more[i, r] + pickups.more[k, r] > most[r]:
                        hopeful = False
                        break
                if not hopeful:
                    continue
                new = spare
                if new >= 0:
                    spare = labels.after[new]
                elif n_labels == room:
                    return n_settled, False
                else:
                    new = n_labels
                    n_labels += 1
                for r in range(n_more):
                    labels.more[new, r] = labels.more[i, r] + pickups.more[k, r]
                labels.stop[new], labels.load[new] = k, q2
                labels.ride[new], labels.price[new] = ride2, worth2
                labels.memory[new] = (memory & pickups.keep[f, k]) | pickups.bit[k]
                labels.parent[new] = i
                labels.after[new] = head[q2]
                head[q2] = new
    return n_settled, True


@kernel
def best_by_source(
    pickups: Pickups, sources: Sources, labels: Labels, n_settled: int, base: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Find the best route of each source and first stop.

    Returns
    -------
    int32[p, n], float64[p, n]
        Label (-1: none) and the sum of its prices less `base`: what a bus would gain.
    """
    n, n_sources = len(pickups.load), len(sources.slack)
    best = np.full((n_sources, n), -1, np.int32)
    gain = np.full((n_sources, n), -np.inf)
    for at in range(n_settled):
        i = labels.settled[at]
        f = labels.stop[i]
        service = labels.ride[i] + pickups.dwell[f]
        for p in range(n_sources):
            worth = labels.price[i] - base[p] - sources.cost[p, f]
            if worth > gain[p, f] and sources.lead[p, f] + service <= sources.slack[p] + TOLERANCE:
                gain[p, f], best[p, f] = worth, i
    return best, gain


@kernel
def trace_routes(labels: Labels, ends: NDArray[np.int32], longest_row: int) -> NDArray[np.int32]:
    """List the stops of labels in driving order, -1 behind the last: int32[len(ends), longest_row]."""
    rows = np.full((len(ends), longest_row), -1, np.int32)
    for r in range(len(ends)):
        i = ends[r]
        at = 0
        while i >= 0:
            rows[r, at] = labels.stop[i]
            at += 1
            i = labels.parent[i]
    return rows
