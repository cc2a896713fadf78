"""Times between many places at once: each pair as a question of its own, by one search over all stops per place."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mobigo.journeys.access import CROW_DETOUR, find_access, find_end
from mobigo.journeys.reach import sweep_from
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


def find_matrix(
    network: Network, request: JourneyRequest, origins: Sequence[str], destinations: Sequence[str], limit: int
) -> Matrix:
    """Find the journeys that arrive first (arriving: leave last) between all pairs.

    Walking all the way counts up to the longest walk; rides that are booked do not.

    Parameters
    ----------
    request : JourneyRequest
        Its instant, wishes and budget count.
    limit : int
        Seconds: later arrivals are none.

    Raises
    ------
    InvalidInput, NotFound
        When a place is no point and no stop, or a wish names what is not there.
    """
    network = network.seen(request.realtime)
    for place in (*origins, *destinations):
        find_end(network, place)  # what is wrong is said before anything is searched
    deadline = time.monotonic() + request.budget + sweeping.load(network.days, int(request.at.timestamp()))
    near, far = (destinations, origins) if request.arrive_by else (origins, destinations)
    others: list[Access] = []
    for place in far:
        if time.monotonic() > deadline:
            break
        others.append(find_access(network, find_end(network, place), request, backward=not request.arrive_by))
    seconds, changes = np.full((len(near), len(far)), -1, np.int32), np.full((len(near), len(far)), -1, np.int32)
    complete, done = len(others) == len(far), 0
    goals = _Goals(network, request, others)
    for row, place in enumerate(near):
        if time.monotonic() > deadline or not complete:
            break
        swept = sweep_from(network, request, place, limit, deadline)
        seconds[row], changes[row] = goals.reach(swept, limit)
        complete &= swept.found.complete
        done = row + 1
    complete &= done == len(near)
    if request.arrive_by:
        seconds, changes = seconds.T, changes.T
    return Matrix(seconds, changes, tuple(range(done, len(near))), complete)


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

    def reach(self, swept: Swept, limit: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Tell when one is at each, and after how many changes."""
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
        walk = self._walk(swept)
        better = (walk >= 0) & (walk <= limit) & ((seconds < 0) | (walk <= seconds))
        seconds[better], changes[better] = walk[better], 0
        changes[seconds < 0] = -1
        return seconds, changes

    def _walk(self, swept: Swept) -> NDArray[np.int32]:
        """Walk all the way; seconds, -1 beyond the longest walk."""
        request, network = self._request, self._network
        walk = np.full(len(self._others), -1, np.int32)
        if self._places is not None and network.streets is not None:
            if swept.access.place is not None:
                found = reach(
                    network.streets,
                    swept.access.place,
                    swept.access.foot,
                    request.max_walk,
                    backward=request.arrive_by,
                    speed=request.walk_speed,
                )
                walk = stop_seconds(found, self._places)
        else:
            for at, one in enumerate(self._others):
                seconds = np.ceil(haversine(swept.end.point, one.end.point) * CROW_DETOUR / request.walk_speed)
                walk[at] = seconds if seconds <= request.max_walk else -1
        own = set(swept.end.stops)
        walk[[bool(own & set(one.end.stops)) for one in self._others]] = 0
        return walk
