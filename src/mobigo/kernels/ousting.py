"""Fewer buses for many schools at once: the stops of one route leave it, and routes and links make room for them.

String removals as in `mobigo.kernels.packing`, over all schools: a stop comes back into a route of its school, or in a
new one that a bus free at another school drives, or in one with a bus of its own while there are fewer buses than are
aimed for. Routes that have become short enough are given a bus from another school, and theirs is free for others.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import inner_kernel, kernel

LEAVING = 10.0
"""Stops that leave at once, on average."""
LONGEST = 10
"""Stops of one route that leave at once, at most."""
SPLIT, MORE = 0.5, 0.9
"""How often a string keeps stops inside it, and how often one more than it had."""
BLINK = 0.01
"""How often a place is overlooked."""
TOUCHED = 192
"""Routes that one step may change."""
TOLERANCE = 5e-7
"""Seconds by which a ride or a link may be late."""
FOCUS = 0.7
"""How often stops leave around one that is left out."""
ABROAD = 0.3
"""How often they leave routes of any school."""
LINK = 0.5
"""How often short routes are linked before stops come back."""


class Town(NamedTuple):
    """Stops, n of them, of some schools; buses of some kinds. A node is a kind of bus at a school."""

    school: NDArray[np.int32]
    """int32[n]."""
    drive: NDArray[np.float64]
    """float64[n, n], seconds."""
    to_school: NDArray[np.float64]
    """float64[n], seconds."""
    dwell: NDArray[np.float64]
    """float64[n], seconds."""
    load: NDArray[np.int32]
    """int32[n, 4], who boards: in even weeks seated and in wheelchairs, in odd weeks likewise."""
    near: NDArray[np.int32]
    """int32[n, m], stops of the same school by nearness, itself first; -1: no more."""
    around: NDArray[np.int32]
    """int32[n, m], likewise of all schools."""
    kinds: NDArray[np.int32]
    """int32[n_kinds, 3], seats, places for wheelchairs, seats folded away for each."""
    max_ride: NDArray[np.float64]
    """float64[n_schools], seconds from leaving the first stop to arriving."""
    slack: NDArray[np.float64]
    """float64[n_schools, n_schools], seconds between a bus's being free at one and its latest arrival at another."""
    lead: NDArray[np.float64]
    """float64[n_schools, n], seconds from a school to a stop."""
    sources: NDArray[np.int32]
    """int32[n, m], schools whose bus is in time for the stop alone, most slack first; -1: no more."""
    slot: NDArray[np.int32]
    """int32[n_schools + 1], first of the routes that each school may have."""


class Fleet(NamedTuple):
    """Routes, by slot, and what is counted of them."""

    stops: NDArray[np.int32]
    """int32[n_slots, longest], in driving order."""
    size: NDArray[np.int32]
    """int32[n_slots], stops of each; 0: there is none."""
    ride: NDArray[np.float64]
    """float64[n_slots], seconds from leaving the first stop to arriving."""
    load: NDArray[np.int32]
    """int32[n_slots, 4], who is aboard at last."""
    kind: NDArray[np.int32]
    """int32[n_slots]."""
    source: NDArray[np.int32]
    """int32[n_slots], school the bus comes from; -1: it is one more."""
    route: NDArray[np.int32]
    """int32[n], of each stop; -1: it is left out."""
    ends: NDArray[np.int32]
    """int32[n_nodes], routes that end there."""
    used: NDArray[np.int32]
    """int32[n_nodes], buses that go on from there."""
    top: NDArray[np.int32]
    """int32[n_schools], slots of each after which there is no route."""
    buses: NDArray[np.int32]
    """int32[3], routes with a bus of their own; how many there may be; nodes that more buses leave than reach."""


class Log(NamedTuple):
    """Routes as they were before a step."""

    slot: NDArray[np.int32]
    stops: NDArray[np.int32]
    size: NDArray[np.int32]
    ride: NDArray[np.float64]
    load: NDArray[np.int32]
    kind: NDArray[np.int32]
    source: NDArray[np.int32]
    seen: NDArray[np.int64]
    """int64[n_slots], the step in which a route was written down last."""
    state: NDArray[np.int64]
    """int64[2], routes written down; the step."""


def make_log(n_slots: int, longest: int) -> Log:
    """Make room for what a step changes."""
    return Log(
        np.empty(TOUCHED, np.int32),
        np.empty((TOUCHED, longest), np.int32),
        np.empty(TOUCHED, np.int32),
        np.empty(TOUCHED),
        np.empty((TOUCHED, 4), np.int32),
        np.empty(TOUCHED, np.int32),
        np.empty(TOUCHED, np.int32),
        np.zeros(n_slots, np.int64),
        np.zeros(2, np.int64),
    )


@inner_kernel
def _draw(draws: NDArray[np.float64], at: NDArray[np.int64]) -> float:
    at[0] += 1
    if at[0] == len(draws):
        at[0] = 0
    return float(draws[at[0]])


@inner_kernel
def _count(town: Town, fleet: Fleet, r: int, by: int) -> None:
    """Count a route that is there, or take it out of the count."""
    if fleet.size[r] == 0:
        return
    n_schools = len(town.max_ride)
    end = fleet.kind[r] * n_schools + town.school[fleet.stops[r, 0]]
    before = fleet.used[end] > fleet.ends[end]
    fleet.ends[end] += by
    fleet.buses[2] += int(fleet.used[end] > fleet.ends[end]) - int(before)
    if fleet.source[r] < 0:
        fleet.buses[0] += by
    else:
        start = fleet.kind[r] * n_schools + fleet.source[r]
        before = fleet.used[start] > fleet.ends[start]
        fleet.used[start] += by
        fleet.buses[2] += int(fleet.used[start] > fleet.ends[start]) - int(before)


@inner_kernel
def _write_down(fleet: Fleet, log: Log, r: int) -> None:
    """Remember a route as it is, once in a step."""
    if log.seen[r] == log.state[1]:
        return
    log.seen[r] = log.state[1]
    at = log.state[0]
    log.slot[at], log.size[at], log.ride[at] = r, fleet.size[r], fleet.ride[r]
    log.kind[at], log.source[at] = fleet.kind[r], fleet.source[r]
    for part in range(4):
        log.load[at, part] = fleet.load[r, part]
    for place in range(fleet.size[r]):
        log.stops[at, place] = fleet.stops[r, place]
    log.state[0] += 1


@inner_kernel
def _restore(town: Town, fleet: Fleet, log: Log) -> None:
    """Undo a step."""
    for at in range(log.state[0]):
        r = log.slot[at]
        _count(town, fleet, r, -1)
        for place in range(fleet.size[r]):
            fleet.route[fleet.stops[r, place]] = -1
    for at in range(log.state[0]):
        r = log.slot[at]
        fleet.size[r], fleet.ride[r], fleet.kind[r], fleet.source[r] = (
            log.size[at],
            log.ride[at],
            log.kind[at],
            log.source[at],
        )
        for part in range(4):
            fleet.load[r, part] = log.load[at, part]
        for place in range(log.size[at]):
            stop = log.stops[at, place]
            fleet.stops[r, place] = stop
            fleet.route[stop] = r
        _count(town, fleet, r, 1)


@inner_kernel
def _fits(town: Town, fleet: Fleet, r: int, stop: int) -> bool:
    k = fleet.kind[r]
    for week in (0, 2):
        seated = fleet.load[r, week] + town.load[stop, week]
        rolling = fleet.load[r, week + 1] + town.load[stop, week + 1]
        if seated + town.kinds[k, 2] * rolling > town.kinds[k, 0] or rolling > town.kinds[k, 1]:
            return False
    return True


@inner_kernel
def _find_kind(town: Town, stop: int) -> int:
    for k in range(len(town.kinds)):
        good = True
        for week in (0, 2):
            rolling = town.load[stop, week + 1]
            if town.load[stop, week] + town.kinds[k, 2] * rolling > town.kinds[k, 0] or rolling > town.kinds[k, 1]:
                good = False
        if good:
            return k
    return -1


@inner_kernel
def _measure(town: Town, fleet: Fleet, r: int) -> None:
    """Work out ride and load of a route anew."""
    for part in range(4):
        fleet.load[r, part] = 0
    size = fleet.size[r]
    seconds = 0.0
    for at in range(size):
        stop = fleet.stops[r, at]
        for part in range(4):
            fleet.load[r, part] += town.load[stop, part]
        if at > 0:
            seconds += town.drive[fleet.stops[r, at - 1], stop] + town.dwell[stop]
    fleet.ride[r] = seconds + (town.to_school[fleet.stops[r, size - 1]] if size > 0 else 0.0)


@inner_kernel
def _longer(town: Town, fleet: Fleet, r: int, at: int, stop: int) -> float:
    """Return by how much a ride is longer with a stop at a place of it."""
    size = fleet.size[r]
    if at == 0:
        first = fleet.stops[r, 0]
        return float(town.drive[stop, first] + town.dwell[first])
    before = fleet.stops[r, at - 1]
    if at == size:
        return float(town.drive[before, stop] + town.dwell[stop] + town.to_school[stop] - town.to_school[before])
    after = fleet.stops[r, at]
    return float(town.drive[before, stop] + town.dwell[stop] + town.drive[stop, after] - town.drive[before, after])


@inner_kernel
def _put(town: Town, fleet: Fleet, r: int, at: int, stop: int) -> None:
    """Put a stop at a place of a route that has others."""
    fleet.ride[r] += _longer(town, fleet, r, at, stop)
    for back in range(fleet.size[r], at, -1):
        fleet.stops[r, back] = fleet.stops[r, back - 1]
    fleet.stops[r, at] = stop
    fleet.size[r] += 1
    for part in range(4):
        fleet.load[r, part] += town.load[stop, part]
    fleet.route[stop] = r


@inner_kernel
def _open(town: Town, fleet: Fleet, log: Log, stop: int, kind: int, source: int) -> bool:
    """Begin a route with a stop; False where there is no room for one."""
    school = town.school[stop]
    first, room = town.slot[school], town.slot[school + 1]
    r = first
    while r < room and fleet.size[r] > 0:
        r += 1
    if r == room:
        return False
    _write_down(fleet, log, r)
    fleet.top[school] = max(fleet.top[school], r + 1 - first)
    fleet.size[r], fleet.stops[r, 0], fleet.kind[r], fleet.source[r] = 1, stop, kind, source
    fleet.ride[r] = town.to_school[stop]
    for part in range(4):
        fleet.load[r, part] = town.load[stop, part]
    fleet.route[stop] = r
    _count(town, fleet, r, 1)
    return True


@inner_kernel
def _find_source(town: Town, fleet: Fleet, kind: int, first: int, ride: float) -> int:
    """Find a school with a free bus that is in time for a route; -1: there is none."""
    school = town.school[first]
    for at in range(town.sources.shape[1]):
        source = town.sources[first, at]
        if source < 0:
            break
        node = kind * len(town.max_ride) + source
        late = town.lead[source, first] + town.dwell[first] + ride
        if fleet.used[node] < fleet.ends[node] and late <= town.slack[source, school] + TOLERANCE:
            return int(source)
    return -1


@inner_kernel
def _take(town: Town, fleet: Fleet, r: int, first: int, many: int, kept: int, skip: int) -> None:
    """Take a string of stops out of a route, but for `kept` of them after the first `skip`."""
    _count(town, fleet, r, -1)
    size = fleet.size[r]
    write = first
    for at in range(first, size):
        stop = fleet.stops[r, at]
        inside = at < first + many + kept
        if inside and not first + skip <= at < first + skip + kept:
            fleet.route[stop] = -1
        else:
            fleet.stops[r, write] = stop
            write += 1
    fleet.size[r] = write
    _measure(town, fleet, r)
    _count(town, fleet, r, 1)


@inner_kernel
def _ruin(
    town: Town,
    fleet: Fleet,
    log: Log,
    seed: int,
    near: NDArray[np.int32],
    draws: NDArray[np.float64],
    at: NDArray[np.int64],
) -> None:
    """Take strings of stops out of routes around a stop."""
    wanted = int(_draw(draws, at) * (4.0 * LEAVING / (1.0 + LONGEST) + 1.0) + 1.0)
    whole = _draw(draws, at) < 0.15
    n_hit = 0
    for step in range(near.shape[1]):
        stop = near[seed, step]
        if stop < 0 or n_hit >= wanted:
            break
        r = fleet.route[stop]
        if r < 0 or log.seen[r] == log.state[1]:
            continue
        _write_down(fleet, log, r)
        size = int(fleet.size[r])
        many = int(_draw(draws, at) * min(size, LONGEST) + 1.0)
        if whole:
            many = size
        place = 0
        while fleet.stops[r, place] != stop:
            place += 1
        kept = 0
        if 1 < many < size and _draw(draws, at) < SPLIT:
            kept = 1
            while many + kept < size and _draw(draws, at) > MORE:
                kept += 1
        low, high = max(0, place - many - kept + 1), min(place, size - many - kept)
        first = low + int(_draw(draws, at) * (high - low + 1))
        skip = 1 + int(_draw(draws, at) * (many - 1)) if kept > 0 else 0
        _take(town, fleet, r, first, many, kept, skip)
        n_hit += 1


@inner_kernel
def _link(town: Town, fleet: Fleet, log: Log) -> None:
    """Give the routes that a step has changed buses from other schools, where those are in time."""
    for at in range(log.state[0]):
        r = log.slot[at]
        if fleet.size[r] > 0 and fleet.source[r] < 0:
            source = _find_source(town, fleet, fleet.kind[r], fleet.stops[r, 0], fleet.ride[r])
            if source >= 0:
                _count(town, fleet, r, -1)
                fleet.source[r] = source
                _count(town, fleet, r, 1)


@inner_kernel
def _mend(town: Town, fleet: Fleet, log: Log) -> None:
    """Give routes whose bus is not there any more another one."""
    n_schools = len(town.max_ride)
    for at in range(log.state[0]):
        if fleet.buses[2] == 0:
            return
        if log.size[at] == 0:
            continue
        school = town.school[log.stops[at, 0]]
        node = log.kind[at] * n_schools + school
        if fleet.used[node] <= fleet.ends[node]:
            continue
        for r in range(len(fleet.size)):
            if fleet.size[r] == 0 or fleet.source[r] != school or fleet.kind[r] != log.kind[at]:
                continue
            if log.state[0] + 1 >= TOUCHED:
                return
            _write_down(fleet, log, r)
            _count(town, fleet, r, -1)
            fleet.source[r] = -1
            fleet.source[r] = _find_source(town, fleet, fleet.kind[r], fleet.stops[r, 0], fleet.ride[r])
            _count(town, fleet, r, 1)
            if fleet.used[node] <= fleet.ends[node]:
                break


@inner_kernel
def _come_back(
    town: Town,
    fleet: Fleet,
    log: Log,
    order: NDArray[np.int32],
    n: int,
    draws: NDArray[np.float64],
    at: NDArray[np.int64],
) -> None:
    """Put stops that are left out where they cost least; those that fit nowhere stay out."""
    shy = _draw(draws, at)  # how dear an own route is
    for i in range(n):
        if log.state[0] + 2 >= TOUCHED:
            return
        stop = order[i]
        school = town.school[stop]
        best, best_route, best_at = np.inf, -1, 0
        for r in range(town.slot[school], town.slot[school] + fleet.top[school]):
            if fleet.size[r] == 0 or not _fits(town, fleet, r, stop):
                continue
            size = fleet.size[r]
            left = town.max_ride[school] - fleet.ride[r]
            source = fleet.source[r]
            inner = left
            if source >= 0:
                first = fleet.stops[r, 0]
                spent = town.lead[source, first] + town.dwell[first] + fleet.ride[r]
                inner = min(left, town.slack[source, school] - spent)
            drawn = _draw(draws, at)
            overlooked = int(drawn / BLINK) if drawn < BLINK * size else -1
            for place in range(size + 1):
                if place == overlooked:
                    continue
                longer = _longer(town, fleet, r, place, stop)
                if longer >= best or longer > (left if place == 0 else inner) + TOLERANCE:
                    continue
                if place == 0 and source >= 0:
                    spent = town.lead[source, stop] + town.dwell[stop] + fleet.ride[r] + longer
                    if spent > town.slack[source, school] + TOLERANCE:
                        continue
                best, best_route, best_at = longer, r, place
        dear = town.to_school[stop] * 2.0 * shy
        if best_route < 0 or dear < best:
            kind = _find_kind(town, stop)
            if kind < 0:
                continue
            source = _find_source(town, fleet, kind, stop, town.to_school[stop])
            own = source >= 0 or fleet.buses[0] < fleet.buses[1]
            if own and _open(town, fleet, log, stop, kind, source):
                continue
        if best_route >= 0:
            _write_down(fleet, log, best_route)
            _put(town, fleet, best_route, best_at, stop)


@inner_kernel
def _rank(
    town: Town,
    order: NDArray[np.int32],
    rank: NDArray[np.float64],
    n: int,
    draws: NDArray[np.float64],
    drawn: NDArray[np.int64],
) -> None:
    """Put stops in the order in which they come back."""
    way = _draw(draws, drawn)
    for i in range(n):
        stop = order[i]
        if way < 0.4:
            rank[i] = _draw(draws, drawn)
        elif way < 0.7:
            rank[i] = -float(town.load[stop, 0] + town.load[stop, 2]) + _draw(draws, drawn)
        elif way < 0.9:
            rank[i] = -town.to_school[stop]
        else:
            rank[i] = town.to_school[stop]
    for i in range(1, n):
        stop, key = order[i], rank[i]
        j = i - 1
        while j >= 0 and rank[j] > key:
            order[j + 1], rank[j + 1] = order[j], rank[j]
            j -= 1
        order[j + 1], rank[j + 1] = stop, key


@kernel
def oust(
    town: Town,
    fleet: Fleet,
    log: Log,
    absences: NDArray[np.int64],
    out: NDArray[np.int32],
    rounds: int,
    warmth: float,
    draws: NDArray[np.float64],
) -> int:
    """Bring stops that are left out back, with no more buses than are aimed for.

    Parameters
    ----------
    absences : int64[n]
        How often each stop was left out; goes on from call to call.
    out : int32[n]
        Room.
    warmth : float
        Seconds that rides may get longer by, times the logarithm of a number drawn.
    draws : float64[n_draws]
        Between 0 and 1.

    Returns
    -------
    How many rounds were needed; `rounds` where stops are still left out.
    """
    n = len(fleet.route)
    at = np.zeros(1, np.int64)
    order, rank = np.empty(n, np.int32), np.empty(n)
    n_out = 0
    often = np.int64(0)
    for stop in range(n):
        if fleet.route[stop] < 0:
            out[n_out] = stop
            n_out += 1
            often += absences[stop]
    for step in range(rounds):
        if n_out == 0 and fleet.buses[0] <= fleet.buses[1]:
            return step
        log.state[0] = 0
        log.state[1] += 1
        focused = _draw(draws, at)
        seed = int(_draw(draws, at) * n)
        if n_out > 0 and focused < FOCUS:
            seed = out[int(_draw(draws, at) * n_out)]
            if focused < FOCUS / 2:  # beside it, in its school
                row = town.near[seed]
                m = 0
                while m < len(row) and row[m] >= 0:
                    m += 1
                seed = row[int(_draw(draws, at) * m)]
        if _draw(draws, at) < ABROAD:
            _ruin(town, fleet, log, seed, town.around, draws, at)
        else:
            _ruin(town, fleet, log, seed, town.near, draws, at)
        if _draw(draws, at) < LINK:
            _link(town, fleet, log)
        m = n_out
        order[:n_out] = out[:n_out]
        for place in range(log.state[0]):
            for index in range(log.size[place]):
                stop = log.stops[place, index]
                if fleet.route[stop] < 0:
                    order[m] = stop
                    m += 1
        _rank(town, order, rank, m, draws, at)
        _come_back(town, fleet, log, order, m, draws, at)
        if fleet.buses[2] > 0:
            _mend(town, fleet, log)
        _link(town, fleet, log)
        trial_out, trial_often = 0, np.int64(0)
        for i in range(m):
            if fleet.route[order[i]] < 0:
                order[trial_out] = order[i]
                trial_out += 1
                trial_often += absences[order[i]]
        longer = 0.0
        for place in range(log.state[0]):
            r = log.slot[place]
            longer += (fleet.ride[r] if fleet.size[r] > 0 else 0.0) - (log.ride[place] if log.size[place] > 0 else 0.0)
        valid = fleet.buses[2] == 0 and fleet.buses[0] <= fleet.buses[1]
        better = trial_out < n_out or trial_often < often
        alike = trial_out == n_out and trial_often == often
        accepted = valid and (better or (alike and longer < -warmth * np.log(max(_draw(draws, at), 1e-12))))
        for i in range(trial_out):
            absences[order[i]] += 1
        if accepted:
            n_out = trial_out
            out[:n_out] = order[:n_out]
        else:
            _restore(town, fleet, log)
        often = np.int64(0)
        for i in range(n_out):
            often += absences[out[i]]
    return rounds


@kernel
def drop(town: Town, fleet: Fleet, r: int) -> None:
    """Leave out the stops of a route."""
    _count(town, fleet, r, -1)
    for at in range(fleet.size[r]):
        fleet.route[fleet.stops[r, at]] = -1
    fleet.size[r] = 0
    _measure(town, fleet, r)


@kernel
def recount(town: Town, fleet: Fleet) -> None:
    """Work out rides, loads and counts."""
    fleet.ends[:] = 0
    fleet.used[:] = 0
    fleet.buses[0] = fleet.buses[2] = 0
    for r in range(len(fleet.size)):
        _measure(town, fleet, r)
        _count(town, fleet, r, 1)
