"""Times between many places at once: each pair as a question of its own, by one search over all stops per place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.access import CROW_DETOUR, find_access, find_end
from mobigo.journeys.outages import close_lifts
from mobigo.journeys.reach import Sweeper
from mobigo.kit.geo import haversine
from mobigo.street.routing import reach, snap, stop_seconds
from mobigo.transit import sweep as sweeping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.journeys.access import Access
    from mobigo.journeys.model import JourneyRequest
    from mobigo.journeys.network import Network
    from mobigo.journeys.reach import Swept
    from mobigo.street.routing import Snaps


NEVER = 2**30
"""Seconds of what is not reached."""


@dataclass(frozen=True)
class Window:
    """Times at every minute of a window, from that minute on; each is that of a question of its own."""

    minutes: int
    least: NDArray[np.int32]
    """int32[n, m], seconds at the best minute; -1: at none is there a journey."""
    median: NDArray[np.int32]
    """int32[n, m], at half of the minutes it takes no longer, as it does at this one; -1: at fewer is there one."""
    most: NDArray[np.int32]
    """int32[n, m], at the worst minute; -1: at some there is none."""
    reached: NDArray[np.int32]
    """int32[n, m], minutes at which there is a journey, of `minutes` + 1."""


@dataclass(frozen=True)
class Matrix:
    """Times and changes; rows are origins, columns destinations."""

    seconds: NDArray[np.int32]
    """int32[n, m], from the instant to the arrival (arriving: from the departure to the instant); -1: no journey."""
    changes: NDArray[np.int32]
    """int32[n, m], as few as that takes; -1: no journey."""
    missing: tuple[int, ...]
    """Origins (arriving: destinations) that were not looked at because the time for computing was over."""
    complete: bool
    """False when the time was over: what is told holds, but some of it is missing, or could be better."""
    window: Window | None = None
    """None where none was asked for."""


def find_matrix(
    network: Network,
    request: JourneyRequest,
    origins: Sequence[str],
    destinations: Sequence[str],
    limit: int,
    *,
    window: int = 0,
) -> Matrix:
    """Find the journeys that arrive first (arriving: leave last) between all pairs.

    Walking all the way counts up to the longest walk; rides that are booked do not.

    Parameters
    ----------
    request : JourneyRequest
        Its instant, wishes and budget count.
    limit : int
        Seconds: later arrivals are none.
    window : int
        Minutes after the instant (arriving: before it) at each of which the same is asked.

    Raises
    ------
    InvalidInput, NotFound
        When a place is no point and no stop, or a wish names what is not there.
    """
    network = close_lifts(network.seen(request.realtime), request)
    for place in (*origins, *destinations):
        find_end(network, place)  # what is wrong is said before anything is searched
    deadline = time.monotonic() + request.budget + sweeping.load(network.days, int(request.at.timestamp()))
    near, far = (destinations, origins) if request.arrive_by else (origins, destinations)
    others: list[Access] = []
    for place in far:
        if time.monotonic() > deadline:
            break
        others.append(find_access(network, find_end(network, place), request, backward=not request.arrive_by))
    shape = len(near), len(far)
    seconds, changes = np.full(shape, -1, np.int32), np.full(shape, -1, np.int32)
    spread = [np.full(shape, -1, np.int32) for _ in range(3)] + [np.zeros(shape, np.int32)]
    complete, done = len(others) == len(far), 0
    goals = _Goals(network, request, others)
    for row, place in enumerate(near):
        if time.monotonic() > deadline or not complete:
            break
        times, changes[row], whole = goals.ask(Sweeper(network, request, place), window, limit, deadline)
        seconds[row], complete = times[0], complete and whole
        if whole or not window:
            done = row + 1
            for part, values in zip(spread, _spread(times), strict=True):
                part[row] = values
    complete &= done == len(near)
    tables = [seconds, changes, *spread]
    if request.arrive_by:
        tables = [one.T for one in tables]
    return Matrix(
        tables[0],
        tables[1],
        tuple(range(done, len(near))),
        complete,
        Window(window, *tables[2:]) if window else None,
    )


def _spread(times: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
    """Tell the least, the median and the most of times, int32[minutes, n], -1 where there is none, and how many."""
    ordered = np.sort(np.where(times < 0, NEVER, times), axis=0)
    told = (np.where(ordered[at] == NEVER, -1, ordered[at]) for at in (0, (len(ordered) - 1) // 2, -1))
    return (*told, (ordered < NEVER).sum(axis=0).astype(np.int32))


class _Goals:
    """The places at the other end, laid out for one sweep after another."""

    def __init__(self, network: Network, request: JourneyRequest, others: Sequence[Access]) -> None:
        self._network, self._request, self._others = network, request, others
        self._stops = np.concatenate([one.stops for one in others]) if others else np.zeros(0, np.int32)
        self._walks = np.concatenate([one.seconds for one in others]) if others else np.zeros(0, np.int32)
        self._of = np.repeat(np.arange(len(others)), [len(one.stops) for one in others])
        self._places: Snaps | None = None
        if network.streets is not None and others:
            self._places = snap(
                network.streets, [(one.end.point.lon, one.end.point.lat) for one in others], others[0].foot
            )

    def ask(
        self, sweeper: Sweeper, window: int, limit: int, deadline: float
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], bool]:
        """Tell times at each minute of a window, int32[window + 1, n]; changes at the first; whether that is all."""
        at, step = int(self._request.at.timestamp()), -60 if self._request.arrive_by else 60
        times = np.full((window + 1, len(self._others)), -1, np.int32)
        changes = np.full(len(self._others), -1, np.int32)
        walk = self._walk(sweeper)
        for minute in range(window + 1):
            swept = sweeper.at(at + minute * step, limit, deadline)
            times[minute], ridden = self._reach(swept, walk, limit)
            changes = changes if minute else ridden
            if not swept.found.complete:
                return times, changes, False
        return times, changes, True

    def _reach(self, swept: Swept, walk: NDArray[np.int32], limit: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Tell when one is at each, and after how many changes; `walk` is the way on foot alone."""
        n = len(self._others)
        ridden = swept.found.seconds[self._stops]
        row = np.flatnonzero(ridden >= 0)
        arrival = ridden[row].astype(np.int64) + self._walks[row]
        rides = swept.found.rides[self._stops[row]]
        order = np.lexsort((rides, arrival, self._of[row]))
        of, first = np.unique(self._of[row][order], return_index=True)
        seconds, changes = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
        seconds[of], changes[of] = arrival[order][first], rides[order][first] - 1
        seconds[seconds > limit] = -1
        better = (walk >= 0) & (walk <= limit) & ((seconds < 0) | (walk <= seconds))
        seconds[better], changes[better] = walk[better], 0
        changes[seconds < 0] = -1
        return seconds, changes

    def _walk(self, sweeper: Sweeper) -> NDArray[np.int32]:
        """Walk all the way; seconds, -1 beyond the longest walk."""
        request, network = self._request, self._network
        walk = np.full(len(self._others), -1, np.int32)
        if self._places is not None and network.streets is not None:
            if sweeper.access.place is not None:
                found = reach(
                    network.streets,
                    sweeper.access.place,
                    sweeper.access.foot,
                    request.max_walk,
                    backward=request.arrive_by,
                    speed=request.walk_speed,
                )
                walk = stop_seconds(found, self._places)
        else:
            for at, one in enumerate(self._others):
                seconds = np.ceil(haversine(sweeper.end.point, one.end.point) * CROW_DETOUR / request.walk_speed)
                walk[at] = seconds if seconds <= request.max_walk else -1
        own = set(sweeper.end.stops)
        walk[[bool(own & set(one.end.stops)) for one in self._others]] = 0
        return walk
