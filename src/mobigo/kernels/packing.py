"""The fewest routes of one school: stops leave neighbouring routes and come back, until one route is not needed.

Christiaens and Vanden Berghe, Slack induction by string removals, Transportation Science 54 (2020): strings of stops
leave the routes around a stop, and come back one by one where they cost least, now and then not quite. To save a route
its stops are left out; stops that are often left out come first (absences, section 4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import inner_kernel, kernel

LEAVING = 10.0
"""Stops that leave at once, on average."""
LONGEST = 8
"""Stops of one route that leave at once, at most."""
SPLIT, MORE = 0.5, 0.9
"""How often a string keeps stops inside it, and how often one more than it had."""
BLINK = 0.01
"""How often a place is overlooked."""
WARM, COLD = 200.0, 2.0
"""Seconds that a plan may get worse by, first and last, times the logarithm of a number drawn."""
DRAWS = 600
"""Numbers that one step may take, at most, beside those of its stops and routes."""


class Ground(NamedTuple):
    """A school's stops, n of them, and buses."""

    drive: NDArray[np.float64]
    """float64[n, n], seconds."""
    to_school: NDArray[np.float64]
    """float64[n], seconds."""
    dwell: NDArray[np.float64]
    """float64[n], seconds."""
    load: NDArray[np.int32]
    """int32[n, 4], who boards: in even weeks seated and in wheelchairs, in odd weeks likewise."""
    near: NDArray[np.int32]
    """int32[n, n], all stops by nearness, itself first."""
    kinds: NDArray[np.int32]
    """int32[n_kinds, 3], seats, places for wheelchairs, seats folded away for each."""
    max_ride: float
    """Seconds from leaving the first stop to arriving."""


class Routes(NamedTuple):
    """Routes of a school."""

    stops: NDArray[np.int32]
    """int32[n_routes, n], in driving order."""
    size: NDArray[np.int32]
    """int32[n_routes + 1], stops of each; 0: there is none; the last: how many routes there are."""
    ride: NDArray[np.float64]
    """float64[n_routes], seconds from leaving the first stop to arriving."""
    load: NDArray[np.int32]
    """int32[n_routes, 4], who is aboard at last."""
    route: NDArray[np.int32]
    """int32[n], of each stop; -1: it is left out."""


@inner_kernel
def _copy(source: Routes, target: Routes) -> None:
    for r in range(len(source.ride)):
        size = source.size[r]
        target.size[r] = size
        target.ride[r] = source.ride[r]
        for part in range(4):
            target.load[r, part] = source.load[r, part]
        for at in range(size):
            target.stops[r, at] = source.stops[r, at]
    target.size[-1] = source.size[-1]
    for stop in range(len(source.route)):
        target.route[stop] = source.route[stop]


@inner_kernel
def _fits(ground: Ground, routes: Routes, r: int, stop: int) -> bool:
    """Tell whether a stop's pupils fit into some bus beside those of a route."""
    for k in range(len(ground.kinds)):
        good = True
        for week in (0, 2):
            seated = routes.load[r, week] + ground.load[stop, week]
            rolling = routes.load[r, week + 1] + ground.load[stop, week + 1]
            if seated + ground.kinds[k, 2] * rolling > ground.kinds[k, 0] or rolling > ground.kinds[k, 1]:
                good = False
        if good:
            return True
    return False


@inner_kernel
def _measure(ground: Ground, routes: Routes, r: int) -> None:
    """Work out ride and load of a route anew."""
    for part in range(4):
        routes.load[r, part] = 0
    size = routes.size[r]
    seconds = 0.0
    for at in range(size):
        stop = routes.stops[r, at]
        for part in range(4):
            routes.load[r, part] += ground.load[stop, part]
        if at > 0:
            seconds += ground.drive[routes.stops[r, at - 1], stop] + ground.dwell[stop]
    routes.ride[r] = seconds + (ground.to_school[routes.stops[r, size - 1]] if size > 0 else 0.0)


@inner_kernel
def _longer(ground: Ground, routes: Routes, r: int, at: int, stop: int) -> float:
    """Return by how much a ride is longer with a stop at a place of it."""
    size = routes.size[r]
    if at == 0:
        first = routes.stops[r, 0]
        return float(ground.drive[stop, first] + ground.dwell[first])
    before = routes.stops[r, at - 1]
    if at == size:
        return float(
            ground.drive[before, stop] + ground.dwell[stop] + ground.to_school[stop] - ground.to_school[before]
        )
    after = routes.stops[r, at]
    return float(
        ground.drive[before, stop] + ground.dwell[stop] + ground.drive[stop, after] - ground.drive[before, after]
    )


@inner_kernel
def _put(ground: Ground, routes: Routes, r: int, at: int, stop: int) -> None:
    """Put a stop at a place of a route."""
    routes.ride[r] += _longer(ground, routes, r, at, stop)
    for back in range(routes.size[r], at, -1):
        routes.stops[r, back] = routes.stops[r, back - 1]
    routes.stops[r, at] = stop
    routes.size[r] += 1
    for part in range(4):
        routes.load[r, part] += ground.load[stop, part]
    routes.route[stop] = r


@inner_kernel
def _take(ground: Ground, routes: Routes, r: int, first: int, many: int, kept: int, skip: int) -> None:
    """Take a string of stops out of a route, but for `kept` of them after the first `skip`."""
    size = routes.size[r]
    write = first
    for at in range(first, size):
        stop = routes.stops[r, at]
        inside = at < first + many + kept
        if inside and not first + skip <= at < first + skip + kept:
            routes.route[stop] = -1
        else:
            routes.stops[r, write] = stop
            write += 1
    routes.size[r] = write
    _measure(ground, routes, r)


@inner_kernel
def _ruin(ground: Ground, routes: Routes, hit: NDArray[np.uint8], draws: NDArray[np.float64], drawn: int) -> int:
    """Take strings of stops out of routes around a stop; return how many numbers have been drawn."""
    n = len(routes.route)
    n_in = n_routes = 0
    for r in range(len(hit)):
        hit[r] = 0
        if routes.size[r] > 0:
            n_routes += 1
            n_in += routes.size[r]
    if n_routes == 0:
        return drawn
    longest = min(float(LONGEST), n_in / n_routes)
    most = 4.0 * LEAVING / (1.0 + longest) - 1.0
    wanted = int(draws[drawn] * most + 1.0)
    seed = int(draws[drawn + 1] * n)
    drawn += 2
    n_hit = 0
    for at in range(n):
        stop = ground.near[seed, at]
        r = routes.route[stop]
        if r < 0 or hit[r]:
            continue
        size = int(routes.size[r])
        many = int(draws[drawn] * min(float(size), longest) + 1.0)
        place = 0
        while routes.stops[r, place] != stop:
            place += 1
        kept = 0
        if many > 1 and many < size and draws[drawn + 1] < SPLIT:
            kept = 1
            while many + kept < size and draws[drawn + 2 + min(kept, 8)] > MORE:
                kept += 1
        drawn += 12
        low, high = max(0, place - many - kept + 1), min(place, size - many - kept)
        first = low + int(draws[drawn] * (high - low + 1))
        skip = 1 + int(draws[drawn + 1] * (many - 1)) if kept > 0 else 0
        drawn += 2
        _take(ground, routes, r, first, many, kept, skip)
        hit[r] = 1
        n_hit += 1
        if n_hit >= wanted:
            break
    return drawn


@inner_kernel
def _recreate(
    ground: Ground,
    routes: Routes,
    order: NDArray[np.int32],
    rank: NDArray[np.float64],
    draws: NDArray[np.float64],
    drawn: int,
) -> int:
    """Put stops that are left out where they cost least; those that fit nowhere stay out."""
    n = 0
    way = draws[drawn]
    drawn += 1
    for stop in range(len(routes.route)):
        if routes.route[stop] < 0:
            order[n] = stop
            n += 1
            if way < 0.4:
                rank[stop] = draws[drawn]
            elif way < 0.7:
                rank[stop] = -float(ground.load[stop, 0] + ground.load[stop, 2]) + draws[drawn]
            elif way < 0.9:
                rank[stop] = -ground.to_school[stop]
            else:
                rank[stop] = ground.to_school[stop]
            drawn += 1
    for i in range(1, n):
        stop = order[i]
        j = i - 1
        while j >= 0 and rank[order[j]] > rank[stop]:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = stop
    for i in range(n):
        stop = order[i]
        best, best_route, best_at = np.inf, -1, 0
        for r in range(len(routes.size) - 1):
            if routes.size[r] == 0 or not _fits(ground, routes, r, stop):
                continue
            blinking = draws[drawn] < BLINK * routes.size[r]
            overlooked = int(draws[drawn] / BLINK) if blinking else -1
            drawn += 1
            for at in range(routes.size[r] + 1):
                if at == overlooked:
                    continue
                longer = _longer(ground, routes, r, at, stop)
                if routes.ride[r] + longer <= ground.max_ride and longer < best:
                    best, best_route, best_at = longer, r, at
        if best_route >= 0:
            _put(ground, routes, best_route, best_at, stop)
    return drawn


@inner_kernel
def _weigh(routes: Routes, absences: NDArray[np.int64]) -> tuple[int, int, float]:
    """Return how many stops are left out, how often they were, and seconds of all rides."""
    out, often, seconds = 0, 0, 0.0
    for stop in range(len(routes.route)):
        if routes.route[stop] < 0:
            out += 1
            often += absences[stop]
    for r in range(len(routes.size) - 1):
        if routes.size[r] > 0:
            seconds += routes.ride[r]
    return out, often, seconds


@inner_kernel
def _drop(ground: Ground, routes: Routes, absences: NDArray[np.int64]) -> None:
    """Leave out the stops of the route whose stops were left out least."""
    worst, least = -1, np.int64(2**62)
    for r in range(len(routes.size) - 1):
        if routes.size[r] == 0:
            continue
        often = np.int64(0)
        for at in range(routes.size[r]):
            often += absences[routes.stops[r, at]]
        if often < least:
            worst, least = r, often
    for at in range(routes.size[worst]):
        routes.route[routes.stops[worst, at]] = -1
    routes.size[worst] = 0
    _measure(ground, routes, worst)
    routes.size[-1] -= 1


@kernel
def pack(
    ground: Ground,
    best: Routes,
    now: Routes,
    trial: Routes,
    absences: NDArray[np.int64],
    least: int,
    draws: NDArray[np.float64],
) -> int:
    """Serve all stops with fewer routes, as far as the numbers drawn last.

    Parameters
    ----------
    best : Routes
        A plan that serves all stops; becomes one with fewer routes where there is one.
    now, trial : Routes
        Room for as many.
    absences : int64[n]
        How often each stop was left out; goes on from call to call.
    least : int
        Routes with which one stops.
    draws : float64[n_draws]
        Between 0 and 1.

    Returns
    -------
    How many routes there are.
    """
    n = len(best.route)
    order, rank = np.empty(n, np.int32), np.empty(n)
    hit = np.empty(len(best.size) - 1, np.uint8)
    _copy(best, now)
    if now.size[-1] <= least:
        return int(best.size[-1])
    _drop(ground, now, absences)
    out, often, seconds = _weigh(now, absences)
    drawn = 0
    enough = len(draws) - DRAWS - 16 * len(hit) - n * (len(hit) + 2)
    while drawn < enough:
        _copy(now, trial)
        drawn = _ruin(ground, trial, hit, draws, drawn)
        drawn = _recreate(ground, trial, order, rank, draws, drawn)
        trial_out, trial_often, trial_seconds = _weigh(trial, absences)
        warmth = WARM * (COLD / WARM) ** (drawn / enough)
        better = trial_out < out or trial_often < often
        alike = trial_out == out and trial_often == often
        if better or (alike and trial_seconds < seconds - warmth * np.log(max(draws[drawn], 1e-12))):
            _copy(trial, now)
            out, often, seconds = trial_out, trial_often, trial_seconds
        drawn += 1
        for stop in range(n):
            if trial.route[stop] < 0:
                absences[stop] += 1
                if now.route[stop] < 0:
                    often += 1
        if out == 0:
            _copy(now, best)
            if best.size[-1] <= least:
                break
            _drop(ground, now, absences)
            out, often, seconds = _weigh(now, absences)
    return int(best.size[-1])


@kernel
def fill(ground: Ground, routes: Routes, draws: NDArray[np.float64]) -> None:
    """Put stops that are left out where they cost least, as far as they fit; `draws` as in `pack`."""
    n = len(routes.route)
    _recreate(ground, routes, np.empty(n, np.int32), np.empty(n), draws, 0)


@kernel
def measure(ground: Ground, routes: Routes) -> None:
    """Work out rides and loads."""
    for r in range(len(routes.ride)):
        _measure(ground, routes, r)
