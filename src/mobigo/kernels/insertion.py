"""Where a ride fits into the runs of vehicles: every order is tried, the cheapest that keeps all promises wins.

A run is a row of stops between leaving the depot and being back. Its times are the least whole seconds `s` (when
service at a stop begins) with

* ``earliest <= s <= latest`` at every stop,
* ``s[k] >= s[k-1] + dwell[k-1] + drive`` between two places; stops that follow each other at one place are one stop:
  there ``s[k] >= s[k-1] + max(0, dwell[k-1] - dwell[k])``,
* ``s[drop-off] - s[pick-up] - dwell[pick-up] <= longest`` for every ride,
* leaving the depot not before `start`, back there not after `end`.

A break is taken where the vehicle stands, with nobody aboard. Stops that are frozen have happened, or the vehicle is on
its way to them: they keep their times, and nothing is put before them. Instants are seconds since 1970 UTC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel

PICKUP, DROP_OFF, BREAK = 0, 1, 2
"""Values of `Runs.kind`."""

N_LOADS = 5
"""Kinds of room."""

FAR = 1 << 28
"""Seconds that no drive takes: there is no way."""

DRIVE_WEIGHT = 10
"""Cost is counted in tenths of a driving second; a second of a traveller's time is one."""

NOT_AT_WORK, TOO_SMALL, NO_PLACE, FITS = 0, 1, 2, 3
"""How far a run came: it is not at work then; the party is larger than the vehicle; there is no place in its order;
there is one."""

FASTEST = 40.0
"""Metres per second that no drive exceeds as the crow flies: straight lines rule out most vehicles before drives are
asked for."""

METRES_PER_DEGREE = 111_195.0 * 0.98
"""Of latitude; a little less than it is, so that a straight line on a plane is no longer than the one on the globe."""


class Runs(NamedTuple):
    """Runs of vehicles, one after another (CSR); `n` stops in all, `m` different places."""

    first: NDArray[np.int32]
    """int32[n_runs + 1], index of a run's first stop."""
    span: NDArray[np.int64]
    """int64[n_runs, 2], instants: leaves the depot not before, is back not after."""
    depot: NDArray[np.int32]
    """int32[n_runs], place."""
    capacity: NDArray[np.int32]
    """int32[n_runs, 8]: room of each kind, seats per wheelchair, whether luggage may lie on seats, whether a child seat
    stands on one."""
    home: NDArray[np.int32]
    """int32[n_runs], seconds from the last place back to the depot."""
    kind: NDArray[np.int32]
    """int32[n], `PICKUP`, `DROP_OFF` or `BREAK`."""
    window: NDArray[np.int64]
    """int64[n, 2], instants: earliest, latest."""
    arrival: NDArray[np.int64]
    """int64[n], instant: as planned before, or as it happened."""
    done: NDArray[np.uint8]
    """uint8[n]."""
    dwell: NDArray[np.int32]
    """int32[n], seconds."""
    partner: NDArray[np.int32]
    """int32[n], number within the run of the other end of the ride; -1 for a break, or where there is none."""
    longest: NDArray[np.int32]
    """int32[n], seconds that the ride which ends here may last; `FAR` elsewhere."""
    aboard: NDArray[np.int32]
    """int32[n, 5], what is in the vehicle after the stop."""
    place: NDArray[np.int32]
    """int32[n]; -1 for a break."""
    drive: NDArray[np.int32]
    """int32[n], seconds from the last place before (the depot at first); 0 for a break."""


class Wish(NamedTuple):
    """A ride to be put in."""

    window: NDArray[np.int64]
    """int64[2, 2], instants: the pick-up between, the drop-off between."""
    load: NDArray[np.int32]
    """int32[5]."""
    dwell: int
    """Seconds."""
    longest: int
    """Seconds aboard, at most."""
    now: int
    """Instant; no vehicle leaves towards it before."""


class Ways(NamedTuple):
    """Drives between the two ends of a wish and the places of the runs; `FAR` where there is no way."""

    to: NDArray[np.int32]
    """int32[2, m], seconds from each place to the pick-up, to the drop-off."""
    back: NDArray[np.int32]
    """int32[2, m], seconds from the pick-up, from the drop-off to each place."""
    direct: int
    """Seconds from the pick-up to the drop-off."""
    place: NDArray[np.int32]
    """int32[2], which place each end is; other numbers than those of the runs' places where it is none of them."""


class Order(NamedTuple):
    """Scratch: the stops of one run in the order that is tried; as long as the longest run and two more."""

    kind: NDArray[np.int32]
    """int32[size]."""
    earliest: NDArray[np.int64]
    """int64[size], instant."""
    latest: NDArray[np.int64]
    """int64[size], instant."""
    dwell: NDArray[np.int32]
    """int32[size], seconds."""
    partner: NDArray[np.int32]
    """int32[size], where a drop-off's pick-up is in this order; else -1."""
    longest: NDArray[np.int32]
    """int32[size], seconds."""
    asked: NDArray[np.int64]
    """int64[size], instant from which the ride that ends here was asked for."""
    drive: NDArray[np.int32]
    """int32[size], seconds from the last place before."""
    same: NDArray[np.uint8]
    """uint8[size], 1 where the stop is one with the stop before."""
    begin: NDArray[np.int64]
    """int64[size], instant when service begins."""
    moved: NDArray[np.int32]
    """int32[size], where each old stop is in this order."""
    total: NDArray[np.int64]
    """int64[2], seconds driven in all, and of them back to the depot."""


class Bounds(NamedTuple):
    """Scratch: what holds for every order that keeps that of a run; as long as the longest run and one more."""

    ready: NDArray[np.int64]
    """int64[size], instant when the vehicle may leave after so many stops, at the soonest."""
    soon: NDArray[np.int64]
    """int64[size], instant when service at a stop begins at the soonest."""
    late: NDArray[np.int64]
    """int64[size], instant when service at a stop must have begun, or a later promise breaks."""
    stand: NDArray[np.int32]
    """int32[size], place where the vehicle is after so many stops."""
    onward: NDArray[np.int32]
    """int32[size], the first stop from here on that is no break; the number of stops where there is none."""


@kernel
def count_frozen(runs: Runs, run: int, now: int) -> int:
    """Count the stops that have happened, or that the vehicle is already on its way to (``arrival - drive <= now``)."""
    first, last = runs.first[run], runs.first[run + 1]
    frozen = 0
    for at in range(first, last):
        if runs.done[at]:
            frozen = at - first + 1
    while first + frozen < last and runs.arrival[first + frozen] - runs.drive[first + frozen] <= now:
        frozen += 1
    return frozen


@kernel
def _has_room(
    capacity: NDArray[np.int32], run: int, aboard: NDArray[np.int32], at: int, load: NDArray[np.int32]
) -> bool:
    """Tell whether `load` fits into a vehicle beside what is aboard after stop `at` (-1: nothing)."""
    seats, wheelchairs, luggage, bicycles, child_seats = load[0], load[1], load[2], load[3], load[4]
    if at >= 0:
        seats += aboard[at, 0]
        wheelchairs += aboard[at, 1]
        luggage += aboard[at, 2]
        bicycles += aboard[at, 3]
        child_seats += aboard[at, 4]
    if wheelchairs > capacity[run, 1] or bicycles > capacity[run, 3] or child_seats > capacity[run, 4]:
        return False
    seats += wheelchairs * capacity[run, 5]
    if luggage > capacity[run, 2]:
        if capacity[run, 6] == 0:
            return False
        seats += luggage - capacity[run, 2]
    if capacity[run, 7]:
        seats += child_seats
    return bool(seats <= capacity[run, 0])


@kernel
def _put_in(runs: Runs, run: int, pickup: int, drop_off: int, wish: Wish, ways: Ways, order: Order) -> int:
    """Write the order of a run with a ride put before its stops `pickup` and `drop_off` (-1: without); its length."""
    first = runs.first[run]
    n = runs.first[run + 1] - first
    out, total = 0, 0
    at, new = runs.depot[run], -1  # where the vehicle stands: the place, and which end of the wish that is
    pickup_at = -1
    after_stop = False  # a stop, not the depot or a break, is what came before
    for k in range(n + 1):
        for end in range(2):
            if k != (pickup if end == 0 else drop_off):
                continue
            drive = ways.direct if new == 0 else ways.to[end, at]
            order.kind[out] = end
            order.earliest[out] = wish.window[end, 0]
            order.latest[out] = wish.window[end, 1]
            order.dwell[out] = wish.dwell
            order.partner[out] = -1 if end == 0 else pickup_at
            order.longest[out] = wish.longest
            order.asked[out] = wish.window[0, 0]
            order.drive[out] = drive
            order.same[out] = 1 if after_stop and ways.place[end] == at else 0
            total += drive
            at, new, after_stop = ways.place[end], end, True
            if end == 0:
                pickup_at = out
            out += 1
        if k == n:
            break
        old = first + k
        other = runs.partner[old]
        order.kind[out] = runs.kind[old]
        order.earliest[out] = runs.window[old, 0]
        order.latest[out] = runs.window[old, 1]
        order.dwell[out] = runs.dwell[old]
        order.longest[out] = runs.longest[old]
        order.partner[out] = -1
        order.asked[out] = 0
        order.begin[out] = runs.arrival[old]
        order.moved[k] = out
        if runs.kind[old] == DROP_OFF and other >= 0:
            order.partner[out] = order.moved[other]
            order.asked[out] = runs.window[first + other, 0]
        if runs.kind[old] == BREAK:
            order.drive[out] = 0
            order.same[out] = 0
            after_stop = False
        else:
            place = runs.place[old]
            drive = runs.drive[old] if new < 0 else ways.back[new, place]
            order.drive[out] = drive
            order.same[out] = 1 if after_stop and place == at else 0
            total += drive
            at, new, after_stop = place, -1, True
        out += 1
    back = runs.home[run] if new < 0 else ways.back[new, runs.depot[run]]
    order.total[0] = total + back
    order.total[1] = back
    return out


@kernel
def _lay(runs: Runs, run: int, now: int, frozen: int, n: int, order: Order) -> bool:
    """Find the least times of an order of `n` stops, of which `frozen` have theirs; False where there are none.

    Notes
    -----
    All steps forward are taken in one pass, then rides that last too long push their pick-ups; each pass settles at
    least one ride for good, or there is no solution (Bellman 1958). ``order.earliest`` is raised where a pick-up was
    pushed.
    """
    for _ in range(n + 2):
        for k in range(frozen, n):
            if order.same[k]:
                begin = max(order.begin[k - 1] + max(0, order.dwell[k - 1] - order.dwell[k]), now)
            else:
                left = runs.span[run, 0] if k == 0 else order.begin[k - 1] + order.dwell[k - 1]
                begin = max(left, now) + order.drive[k]
            begin = max(begin, order.earliest[k])
            if begin > order.latest[k]:
                return False
            order.begin[k] = begin
        if n > frozen and order.begin[n - 1] + order.dwell[n - 1] + order.total[1] > runs.span[run, 1]:
            return False
        pushed = False
        for k in range(frozen, n):
            other = order.partner[k]
            if other < 0:
                continue
            least = order.begin[k] - order.longest[k] - order.dwell[other]
            if order.begin[other] < least:
                if other < frozen or least > order.latest[other]:
                    return False
                order.earliest[other] = least
                pushed = True
        if not pushed:
            return True
    return False


@kernel
def _weigh(n: int, frozen: int, order: Order) -> int:
    """Return the cost of an order: all driving, and the time of those whose ride is not over yet."""
    cost = DRIVE_WEIGHT * order.total[0]
    for k in range(frozen, n):
        if order.partner[k] >= 0:
            cost += order.begin[k] - order.asked[k]
    return int(cost)


@kernel
def lay_out(
    runs: Runs,
    run: int,
    pickup: int,
    drop_off: int,
    wish: Wish,
    ways: Ways,
    order: Order,
    arrival: NDArray[np.int64],
    departure: NDArray[np.int64],
    found: NDArray[np.int64],
) -> bool:
    """Work out the times of a run with a ride put before its stops `pickup` and `drop_off`; -1, -1: as it is.

    Parameters
    ----------
    arrival, departure : int64[stops], instants
        Set. The vehicle leaves as late as it can to be at the next place when service begins there; a break ends when
        it is over.
    found : int64[3]
        Set: cost, seconds driven in all, how many stops are frozen.

    Returns
    -------
    bool
        False where the order cannot be kept: then nothing is set but how many stops are frozen.
    """
    frozen = count_frozen(runs, run, wish.now)
    found[2] = frozen
    n = _put_in(runs, run, pickup, drop_off, wish, ways, order)
    if not _lay(runs, run, wish.now, frozen, n, order):
        return False
    found[0] = _weigh(n, frozen, order)
    found[1] = order.total[0]
    for k in range(n):
        arrival[k] = order.begin[k]
        departure[k] = order.begin[k] + order.dwell[k]
        if k + 1 < n and not order.same[k + 1] and order.kind[k] != BREAK:
            departure[k] = max(departure[k], order.begin[k + 1] - order.drive[k + 1])
    return True


@kernel
def _bound(runs: Runs, run: int, now: int, frozen: int, bounds: Bounds) -> bool:
    """Find the soonest and latest times of a run as it is, rides left aside; False where a window cannot be kept."""
    first = runs.first[run]
    n = runs.first[run + 1] - first
    bounds.stand[0] = runs.depot[run]
    bounds.ready[0] = max(runs.span[run, 0], now)
    for k in range(n):
        at = first + k
        is_break = runs.kind[at] == BREAK
        if k < frozen:
            begin = runs.arrival[at]
        else:
            begin = bounds.ready[k] + runs.drive[at]
            if not is_break and k > 0 and runs.kind[at - 1] != BREAK and runs.place[at] == runs.place[at - 1]:
                begin = max(bounds.soon[k - 1] + max(0, runs.dwell[at - 1] - runs.dwell[at]), now)
            begin = max(begin, runs.window[at, 0])
            if begin > runs.window[at, 1]:
                return False
        bounds.soon[k] = begin
        bounds.ready[k + 1] = max(begin + runs.dwell[at], now)
        bounds.stand[k + 1] = bounds.stand[k] if is_break else runs.place[at]
    bounds.onward[n] = n
    for k in range(n - 1, -1, -1):
        at = first + k
        is_break = runs.kind[at] == BREAK
        bounds.onward[k] = bounds.onward[k + 1] if is_break else k
        if k < frozen:
            continue
        late = runs.window[at, 1]
        if k + 1 == n:
            late = min(late, runs.span[run, 1] - runs.dwell[at] - (0 if is_break else runs.home[run]))
        elif is_break or runs.kind[at + 1] == BREAK:
            late = min(late, bounds.late[k + 1] - runs.dwell[at])
        elif runs.place[at] == runs.place[at + 1]:
            late = min(late, bounds.late[k + 1] - max(0, runs.dwell[at] - runs.dwell[at + 1]))
        else:
            late = min(late, bounds.late[k + 1] - runs.dwell[at] - runs.drive[at + 1])
        bounds.late[k] = late
    return True


@kernel
def measure(
    lon: NDArray[np.float64], lat: NDArray[np.float64], end: NDArray[np.float64], least: NDArray[np.int64]
) -> None:
    """Find the seconds that a drive between a place and each of `m` others takes at the very least.

    Parameters
    ----------
    lon, lat : float64[m], degrees
    end : float64[2], degrees
        Longitude and latitude.
    least : int64[m], seconds
        Set.
    """
    scale = np.cos(np.radians(end[1]))
    for place in range(len(lon)):
        away = (lat[place] - end[1]) * METRES_PER_DEGREE
        # degrees of longitude grow shorter away from the equator: the smaller measure of the two latitudes
        across = (lon[place] - end[0]) * METRES_PER_DEGREE * min(scale, np.cos(np.radians(lat[place])))
        least[place] = int(np.sqrt(away * away + across * across) / FASTEST)


@kernel
def screen(
    runs: Runs,
    wish: Wish,
    least: NDArray[np.int64],
    direct: int,
    bounds: Bounds,
    state: NDArray[np.uint8],
    needed: NDArray[np.uint8],
) -> int:
    """Rule out vehicles by shift, room and lower bounds of drives; find which places drives are needed to and from.

    Parameters
    ----------
    least : int64[2, m], seconds
        That a drive between each place and the pick-up, the drop-off takes at least, either way.
    direct : int
        Seconds from the pick-up to the drop-off.
    state : uint8[n_runs]
        0 where a run is to be looked at; then set: how far it came, `FITS` where nothing speaks against it yet. Runs
        with another value are left alone.
    needed : uint8[m]
        Set to 1 where drives between the place and the ends are needed.

    Returns
    -------
    int
        How many runs are left.
    """
    left = 0
    for run in range(len(runs.first) - 1):
        if state[run] != 0:
            continue
        if (
            runs.span[run, 1] < wish.window[0, 0]
            or runs.span[run, 0] > wish.window[1, 1]
            or runs.span[run, 1] <= wish.now
        ):
            state[run] = NOT_AT_WORK
            continue
        if not _has_room(runs.capacity, run, runs.aboard, -1, wish.load):
            state[run] = TOO_SMALL
            continue
        state[run] = NO_PLACE
        frozen = count_frozen(runs, run, wish.now)
        if not _bound(runs, run, wish.now, frozen, bounds):
            continue
        first = runs.first[run]
        n = runs.first[run + 1] - first
        lowest = -1
        kept = False
        for slot in range(frozen, n + 1):
            stand, onward = bounds.stand[slot], bounds.onward[slot]
            goal = runs.depot[run] if onward == n else runs.place[first + onward]
            if slot == n:
                until = runs.span[run, 1]
            elif onward == slot:
                until = bounds.late[slot]
            else:
                until = bounds.late[slot] + FAR  # a break comes first, and is taken anywhere
            ready = bounds.ready[slot]
            if slot > frozen and runs.kind[first + slot - 1] != BREAK:
                ready -= runs.dwell[first + slot - 1]  # one stop with the one before, perhaps
            if ready > wish.window[1, 1]:
                break
            begin = max(ready + least[0, stand], wish.window[0, 0])
            if begin <= wish.window[0, 1] and begin + least[0, goal] <= until:
                if lowest < 0:
                    lowest = slot
                needed[stand] = 1
                needed[goal] = 1
            if lowest >= 0:
                begin = max(ready + least[1, stand], wish.window[1, 0], wish.window[0, 0] + direct)
                if slot == lowest:
                    begin = max(wish.window[1, 0], wish.window[0, 0] + direct)
                if begin <= wish.window[1, 1] and begin + least[1, goal] <= until:
                    kept = True
                    needed[stand] = 1
                    needed[goal] = 1
        if kept:
            needed[runs.depot[run]] = 1
            state[run] = FITS
            left += 1
    return left


@kernel
def insert(
    runs: Runs,
    wish: Wish,
    ways: Ways,
    order: Order,
    bounds: Bounds,
    state: NDArray[np.uint8],
    best: NDArray[np.int64],
) -> bool:
    """Find the run and the places in its order where a ride costs least.

    Parameters
    ----------
    state : uint8[n_runs]
        Runs with `FITS` are tried; set to `NO_PLACE` where the ride does not fit.
    best : int64[5]
        Set: run, stop before which the pick-up is put, the drop-off, cost, seconds driven more.

    Returns
    -------
    bool
        Whether there is any.

    Notes
    -----
    Orders are ruled out by the times of the run as it is, then by their driving alone; only what is left is laid out
    with the rides of everybody. Drives keep the triangle inequality: putting a stop in makes nobody sooner.
    """
    best[0], best[3] = -1, np.int64(1) << 60
    dwell = wish.dwell
    for run in range(len(runs.first) - 1):
        if state[run] != FITS:
            continue
        state[run] = NO_PLACE
        first = runs.first[run]
        n = runs.first[run + 1] - first
        depot = runs.depot[run]
        frozen = count_frozen(runs, run, wish.now)
        _put_in(runs, run, -1, -1, wish, ways, order)
        if not _lay(runs, run, wish.now, frozen, n, order):
            continue
        cost_before, driven_before = _weigh(n, frozen, order), order.total[0]
        _bound(runs, run, wish.now, frozen, bounds)
        for i in range(frozen, n + 1):
            if not _has_room(runs.capacity, run, runs.aboard, first + i - 1 if i > 0 else -1, wish.load):
                continue
            stand = bounds.stand[i]
            after_stop = i > 0 and runs.kind[first + i - 1] != BREAK
            if after_stop and ways.place[0] == stand:
                begin = max(bounds.soon[i - 1] + max(0, runs.dwell[first + i - 1] - dwell), wish.now)
            else:
                if bounds.ready[i] > wish.window[0, 1]:
                    break
                begin = bounds.ready[i] + ways.to[0, stand]
            begin = max(begin, wish.window[0, 0])
            if begin > wish.window[0, 1]:
                continue
            onward = bounds.onward[i]
            if onward == n:
                first_drive, goal = runs.home[run], depot
            else:
                first_drive, goal = runs.drive[first + onward], runs.place[first + onward]
            to_pickup = np.int64(ways.to[0, stand])
            after_pickup = np.int64(ways.back[0, goal])
            last_dwell, riding = dwell, np.int64(0)
            at = ways.place[0]
            for j in range(i, n + 1):
                drive = ways.direct if j == i else ways.to[1, at]
                span = np.int64(max(0, last_dwell - dwell)) if ways.place[1] == at else np.int64(last_dwell) + drive
                ending = max(begin + span, wish.window[1, 0])
                if ending <= wish.window[1, 1] and riding + span - dwell <= wish.longest:
                    if j == n:
                        fits = ending + dwell + ways.back[1, depot] <= runs.span[run, 1]
                    elif runs.kind[first + j] == BREAK:
                        fits = ending + dwell <= bounds.late[j]
                    elif runs.place[first + j] == ways.place[1]:
                        fits = ending + max(0, dwell - runs.dwell[first + j]) <= bounds.late[j]
                    else:
                        fits = ending + dwell + ways.back[1, runs.place[first + j]] <= bounds.late[j]
                    if fits:
                        onward = bounds.onward[j]
                        if onward == n:
                            last_drive, goal = runs.home[run], depot
                        else:
                            last_drive, goal = runs.drive[first + onward], runs.place[first + onward]
                        added = to_pickup + drive + ways.back[1, goal] - last_drive
                        if j > i:
                            added += after_pickup - first_drive
                        if DRIVE_WEIGHT * added + ending - wish.window[0, 0] < best[3]:
                            _put_in(runs, run, i, j, wish, ways, order)
                            if _lay(runs, run, wish.now, frozen, n + 2, order):
                                state[run] = FITS
                                cost = _weigh(n + 2, frozen, order) - cost_before
                                if cost < best[3]:
                                    best[0], best[1], best[2], best[3] = run, i, j, cost
                                    best[4] = order.total[0] - driven_before
                        else:
                            state[run] = FITS
                if j == n or runs.kind[first + j] == BREAK:
                    break
                old = first + j
                drive = ways.back[0, runs.place[old]] if j == i else runs.drive[old]
                if runs.place[old] == at:
                    span = np.int64(max(0, last_dwell - runs.dwell[old]))
                else:
                    span = np.int64(last_dwell) + drive
                begin = max(begin + span, runs.window[old, 0])
                riding += span
                last_dwell, at = runs.dwell[old], runs.place[old]
                if begin > bounds.late[j] or riding - dwell > wish.longest:
                    break
                if not _has_room(runs.capacity, run, runs.aboard, old, wish.load):
                    break
    return bool(best[0] >= 0)
