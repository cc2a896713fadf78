"""Which cars could take somebody along: bounds that rule most out, then the exact detour of the rest.

A car goes through its stops in order, at planned times. Somebody is put in between: got on after stop ``i`` and off
after stop ``j >= i``; all later stops are shifted by what that takes, less what the car waits anyway. Who gets on at
the place of stop ``i``, or off at that of stop ``j + 1``, takes no time of their own; where it starts the car waits for
nobody. Times are whole seconds since 1970 UTC.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mobigo.kernels import kernel

NONE = -1
FOREVER = 1 << 60

SAME = 1.0
"""Metres: places nearer than this may be one."""


class Offers(NamedTuple):
    """Cars, each with its stops one after another; what is free has no stops."""

    first: NDArray[np.int32]
    """int32[n_offers], of the car's stops."""
    size: NDArray[np.int32]
    """int32[n_offers], stops of the car; 0: there is no such car any more."""
    place: NDArray[np.float64]
    """float64[n_stops, 3], metres from the centre of the earth."""
    arrival: NDArray[np.int64]
    """int64[n_stops], planned."""
    departure: NDArray[np.int64]
    """int64[n_stops], planned."""
    dwell: NDArray[np.int32]
    """int32[n_stops], seconds that the stop takes; what the car stands there beyond is waiting."""
    slack: NDArray[np.int64]
    """int64[n_stops], seconds that the arrival at this stop may be shifted without breaking the promise there."""
    room: NDArray[np.int64]
    """int64[n_stops], without breaking that one or a later one, when the car goes on as planned from there."""
    free: NDArray[np.int16]
    """int16[n_stops], seats free from this stop to the next."""


class Wish(NamedTuple):
    """What somebody wants."""

    ready: NDArray[np.int64]
    """int64[n_pickups], at each place where one could get on, nobody is there before."""
    pickup_by: int
    drop_off_by: NDArray[np.int64]
    """int64[n_drop_offs], at each place where one could get off, the latest."""
    seats: int
    dwell: int
    """Seconds for getting on, and for getting off."""


class Streets(NamedTuple):
    """Driving seconds between the stops of the cars looked at and the places; -1 where there is no way.

    Nobody gets on or off after a car's last stop. Of a car each stop but the last has a row, one after another: of the
    ways from that stop to a place, and from the place to the stop after it. Of a car with one stretch nobody asks for
    `from_pickup` and `to_drop_off`: between getting on and off it goes nowhere else.
    """

    row: NDArray[np.int32]
    """int32[n], row of the first stop of each car looked at."""
    to_pickup: NDArray[np.int32]
    """int32[n_rows, n_pickups]."""
    from_pickup: NDArray[np.int32]
    """int32[n_pickups, n_rows], to the stop after."""
    to_drop_off: NDArray[np.int32]
    """int32[n_rows, n_drop_offs]."""
    from_drop_off: NDArray[np.int32]
    """int32[n_drop_offs, n_rows], to the stop after."""
    across: NDArray[np.int32]
    """int32[n_pickups, n_drop_offs]."""


@kernel
def _apart(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Metres through the earth: never more than along it."""
    x, y, z = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return float(np.sqrt(x * x + y * y + z * z))


@kernel
def screen(
    offers: Offers,
    n_offers: int,
    pickups: NDArray[np.float64],
    drop_offs: NDArray[np.float64],
    wish: Wish,
    fastest: float,
    kept: NDArray[np.int32],
) -> int:
    """Keep the cars that could match if every road were straight and as fast as the fastest.

    Parameters
    ----------
    pickups, drop_offs : float64[n, 3]
        Places where one could get on and off, as `Offers.place`.
    fastest : float
        Metres per second that nothing exceeds.
    kept : int32[n_offers]
        Set to the cars kept.

    Returns
    -------
    int
        How many are kept; none that matches is missing.
    """
    n = 0
    soonest = wish.ready.min()
    latest = wish.drop_off_by.max()
    for offer in range(n_offers):
        count = offers.size[offer]
        begin = offers.first[offer]
        last = begin + count - 1
        if count < 2 or offers.departure[begin] > wish.pickup_by or offers.arrival[last] + offers.room[last] < soonest:
            continue
        boarded = False
        for stop in range(begin, last):
            if offers.departure[stop] > latest:
                break
            if offers.free[stop] < wish.seats:
                continue
            if not boarded and offers.arrival[stop] <= wish.pickup_by:
                boarded = _could_board(offers, stop, pickups, wish, fastest)
            if boarded and _could_alight(offers, stop, drop_offs, wish, fastest):
                if count == 2 and not _could_ride(offers, stop, (pickups, drop_offs), wish, fastest):
                    break
                kept[n] = offer
                n += 1
                break
    return n


@kernel
def _could_board(offers: Offers, stop: int, pickups: NDArray[np.float64], wish: Wish, fastest: float) -> bool:
    bound = offers.arrival[stop + 1] + offers.slack[stop + 1]
    for k in range(len(pickups)):
        apart = _apart(offers.place[stop], pickups[k])
        ahead = int(_apart(pickups[k], offers.place[stop + 1]) / fastest)
        there = offers.departure[stop] + int(apart / fastest)
        dwell = wish.dwell
        if apart < SAME:
            there, dwell = offers.arrival[stop], 0
            ahead = min(ahead, offers.arrival[stop + 1] - offers.departure[stop])
        if there <= wish.pickup_by and max(there, wish.ready[k]) + dwell + ahead <= bound:
            return True
    return False


@kernel
def _could_alight(offers: Offers, stop: int, drop_offs: NDArray[np.float64], wish: Wish, fastest: float) -> bool:
    for k in range(len(drop_offs)):
        back = _apart(drop_offs[k], offers.place[stop + 1])
        there = offers.departure[stop] + int(_apart(offers.place[stop], drop_offs[k]) / fastest)
        if back < SAME:
            there = min(there, offers.arrival[stop + 1])
            if there <= min(wish.drop_off_by[k], offers.arrival[stop + 1] + offers.room[stop + 1]):
                return True
            continue
        bound = offers.arrival[stop + 1] + offers.room[stop + 1]
        if there <= wish.drop_off_by[k] and there + wish.dwell + int(back / fastest) <= bound:
            return True
    return False


@kernel
def _could_ride(
    offers: Offers,
    stop: int,
    places: tuple[NDArray[np.float64], NDArray[np.float64]],
    wish: Wish,
    fastest: float,
) -> bool:
    """Tell whether somebody could get on and off between a stop and the next one, were all roads straight."""
    pickups, drop_offs = places
    bound = offers.arrival[stop + 1] + offers.room[stop + 1]
    for a in range(len(pickups)):
        apart = _apart(offers.place[stop], pickups[a])
        on = max(offers.arrival[stop] + int(apart / fastest), wish.ready[a])
        dwell = wish.dwell if apart >= SAME else 0
        for b in range(len(drop_offs)):
            back = _apart(drop_offs[b], offers.place[stop + 1])
            off = on + dwell + int(_apart(pickups[a], drop_offs[b]) / fastest)
            if back < SAME:  # as planned, however straight the road
                return True
            if off <= wish.drop_off_by[b] and off + wish.dwell + int(back / fastest) <= bound:
                return True
    return False


@kernel
def match(
    offers: Offers,
    looked_at: NDArray[np.int32],
    walks: tuple[NDArray[np.int32], NDArray[np.int32]],
    groups: tuple[NDArray[np.int32], NDArray[np.int32]],
    wish: Wish,
    streets: Streets,
    found: NDArray[np.int64],
) -> int:
    """Find for each car the best way of taking somebody along, for each pair of groups of places.

    The best one has the least seconds of detour and walking together; of equal ones the earlier places of getting on
    and off among the stops, then among those given.

    Parameters
    ----------
    looked_at : int32[n]
        Cars.
    walks : int32[n_pickups], int32[n_drop_offs]
        Seconds on foot to each place of getting on, from each of getting off.
    groups : int32[n_pickups], int32[n_drop_offs]
        Number of the group that each place is of, without gaps from 0.
    found : int64[n * n_pickup_groups * n_drop_off_groups, 9]
        Set to: car, stop after which one gets on, stop after which one gets off (0 is the car's first), number of the
        place of getting on, of getting off, instant of getting on, of getting off, seconds that the car arrives later
        at its end, those with the walking.

    Returns
    -------
    int
        How many rows are set.
    """
    n = 0
    wide = groups[1].max() + 1
    best = np.full((groups[0].max() + 1) * wide, FOREVER, np.int64)
    at = np.full(len(best), NONE, np.int64)
    for number in range(len(looked_at)):
        offer = looked_at[number]
        begin = offers.first[offer]
        last = begin + offers.size[offer] - 1
        shift = streets.row[number] - begin
        best[:] = FOREVER
        at[:] = NONE
        for i in range(begin, last):
            if offers.arrival[i] > wish.pickup_by or offers.free[i] < wish.seats:
                continue
            for a in range(len(wish.ready)):
                there = streets.to_pickup[i + shift, a]
                ahead = streets.from_pickup[a, i + shift]
                came = offers.departure[i] + there
                if there == 0:  # at the stop itself
                    came, ahead = offers.arrival[i], offers.arrival[i + 1] - offers.departure[i]
                if there < 0 or came > wish.pickup_by:
                    continue
                if there == 0 and i == begin and wish.ready[a] > offers.arrival[i]:  # it starts when it starts
                    continue
                on = max(came, wish.ready[a])
                gone = on + wish.dwell if there else max(on + offers.dwell[i], offers.departure[i])
                for b in range(len(wish.drop_off_by)):
                    walked = walks[0][a] + walks[1][b]
                    pair = groups[0][a] * wide + groups[1][b]
                    leaves = gone  # the car leaves the stop before the one looked at: first the place of getting on
                    for j in range(i, last):
                        if offers.free[j] < wish.seats:
                            break
                        over = streets.across[a, b] if j == i else streets.to_drop_off[j + shift, b]
                        back = streets.from_drop_off[b, j + shift]
                        onward = ahead if j == i else offers.arrival[j + 1] - offers.departure[j]
                        off = leaves + over
                        if back == 0:  # at the stop itself, where it is not before its time
                            over = onward if j > i or there == 0 else streets.across[a, b]
                            off = max(leaves + over, offers.arrival[j + 1])
                        if over >= 0 and back >= 0 and off <= wish.drop_off_by[b]:
                            end = _drop_off(offers, j + 1, last, off, back, wish.dwell)
                            if end != NONE and end + walked < best[pair]:
                                best[pair] = end + walked
                                if at[pair] == NONE:
                                    at[pair] = n
                                    n += 1
                                row = found[at[pair]]
                                row[0], row[1], row[2], row[3], row[4] = offer, i - begin, j - begin, a, b
                                row[5], row[6], row[7], row[8] = on, off, end, end + walked
                        # without getting off here: on to the next stop
                        if onward < 0:
                            break
                        late = max(0, leaves + onward - offers.arrival[j + 1])
                        if late > offers.slack[j + 1]:
                            break
                        waited = offers.departure[j + 1] - offers.arrival[j + 1] - offers.dwell[j + 1]
                        leaves = offers.departure[j + 1] + max(0, late - waited)
    return n


@kernel
def _drop_off(offers: Offers, stop: int, last: int, off: int, back: int, dwell: int) -> int:
    """Tell how much later the car arrives at its end after somebody gets off before a stop, or at it.

    Parameters
    ----------
    off : int
        Instant of getting off.
    back : int
        Seconds from there to the stop; 0: it is there.

    Returns
    -------
    int
        Seconds; -1 where a promise would be broken.
    """
    late = max(0, off + (dwell + back if back else 0) - int(offers.arrival[stop]))
    return _shift_end(offers, stop, last, late) if late <= offers.room[stop] else NONE


@kernel
def _shift_end(offers: Offers, stop: int, last: int, late: int) -> int:
    """Tell how much later the car arrives at its end when it is late at a stop."""
    while stop < last and late > 0:
        late = max(0, late - (offers.departure[stop] - offers.arrival[stop] - offers.dwell[stop]))
        stop += 1
    return late
