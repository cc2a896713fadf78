"""Places to pass on the way: how one walks to them, from them, and from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels.general import Access, Vias
from mobigo.kit.errors import InvalidInput
from mobigo.transit.model import Via, Walk
from mobigo.transit.timetable import freeze

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

NO_WAY = -1
MOST_PLACES = 32
"""Places of one question."""


def turn(vias: Sequence[Via]) -> tuple[Via, ...]:
    """Turn time round: the last place first, walks to it becoming walks from it."""
    return tuple(via._replace(seconds_to=via.seconds_from, seconds_from=via.seconds_to) for via in reversed(vias))


class Places:
    """The via places of a question, in the order of a search.

    Raises
    ------
    InvalidInput
        When there are more than `MOST_PLACES`.
    """

    def __init__(self, vias: Sequence[Via], n_stops: int) -> None:
        if len(vias) > MOST_PLACES:
            raise InvalidInput(
                f"a journey by {len(vias)} places; at most {MOST_PLACES} can be passed, ask for parts of it"
            )
        self.n_stops = n_stops
        self.stays = [via.stay for via in vias]
        self.to = np.full((len(vias), n_stops), NO_WAY, np.int32)
        self.away = np.full((len(vias), n_stops), NO_WAY, np.int32)
        for place, via in enumerate(vias):
            _lower(self.to[place], via.stops, via.seconds_to)
            _lower(self.away[place], via.stops, via.seconds_from)
        self.meetings = [find_least(self.away[place], self.to[place + 1]) for place in range(len(vias) - 1)]
        """Between a place and the next: the stop both are near, and the walk from one to the other."""
        self.vias = self._lay_out()

    def _lay_out(self) -> Vias:
        """Write the places for the kernel."""
        n = len(self.stays)
        stays = np.array(self.stays, np.int32).reshape(n, 1)
        stay = np.full((n, n), NO_WAY, np.int32)
        for first in range(n):
            seconds = self.stays[first]
            stay[first, first] = seconds
            for last in range(first + 1, n):
                _, walk = self.meetings[last - 1]
                if walk < 0:
                    break
                seconds += walk + self.stays[last]
                stay[first, last] = seconds
        place, stop = np.nonzero(self.away >= 0)
        return freeze(
            Vias(
                ((stays == 0) & (self.to == 0) & (self.away == 0)).astype(np.uint8),
                self.to,
                stay,
                np.searchsorted(place, np.arange(n + 1)).astype(np.int32),
                stop.astype(np.int32),
                self.away[place, stop],
            )
        )

    def begin(self, stops: NDArray[np.int32], seconds: NDArray[np.int32]) -> Access:
        """Say where the search begins: at the stops, or at those near places visited before the first ride."""
        rows = [(np.zeros(len(stops), np.int32), stops, seconds)]
        if self.stays:
            ends = spread(stops, seconds, self.n_stops)
            for place, stay in enumerate(self.vias.stay[0].tolist()):
                if stay < 0:
                    break
                total = _join(ends, self.to[0], self.away[place], stay)
                near = np.flatnonzero(total >= 0).astype(np.int32)
                rows.append((np.full(len(near), place + 1, np.int32), near, total[near]))
        layer, stop, total = (np.concatenate(column).astype(np.int32) for column in zip(*rows, strict=True))
        return freeze(Access(stop, layer, total))

    def end(self, stops: NDArray[np.int32], seconds: NDArray[np.int32]) -> NDArray[np.int32]:
        """Seconds from each stop to the destination, by the number of places passed, the others visited; -1: no way."""
        ends = spread(stops, seconds, self.n_stops)
        out = np.full((len(self.stays) + 1, self.n_stops), NO_WAY, np.int32)
        out[-1] = ends
        for place in range(len(self.stays)):
            stay = int(self.vias.stay[place, -1])
            if stay >= 0:
                out[place] = _join(ends, self.away[-1], self.to[place], stay)
        return out

    def visit(self, first: int, last: int, stop: int, begin: int, *, leave: int, onward: int) -> list[Walk]:
        """Walk by places, in the order of travel, the places being those of the traveller's question.

        Parameters
        ----------
        first, last : int
            Places visited.
        stop : int
            Where the walk begins, at `begin`.
        leave : int
            Stay at the last place until one is at the stop `onward` at that time, or leave as soon as possible if
            that is earlier than one can be there.
        """
        walks = []
        now, here = begin, stop
        for place in range(first, last + 1):
            arrival = now + int(self.to[place, here])
            walks.append(Walk(here, name_via(place), now, arrival))
            now = arrival + self.stays[place]
            if place < last:
                here, _ = self.meetings[place]
                walk = int(self.away[place, here])
            else:
                here = onward
                walk = int(self.away[place, here])
                now = max(now, leave - walk)
            walks.append(Walk(name_via(place), here, now, now + walk))
            now += walk
        return walks


def name_via(place: int) -> int:
    """Stand for a place as `Walk` does."""
    return -2 - place


def find_least(a: NDArray[np.int32], b: NDArray[np.int32], *, beyond: int = -1) -> tuple[int, int]:
    """Stop with the least sum, and that sum; -1, -1 when no stop has both, `b` being more than `beyond`."""
    both = np.flatnonzero((a >= 0) & (b > beyond))
    if not len(both):
        return NO_WAY, NO_WAY
    sums = a[both] + b[both]
    best = int(sums.argmin())
    return int(both[best]), int(sums[best])


def _join(ends: NDArray[np.int32], near: NDArray[np.int32], far: NDArray[np.int32], stay: int) -> NDArray[np.int32]:
    """Seconds between an end and each stop by places with `stay` in all; a visit that takes no time is none.

    Parameters
    ----------
    ends, near, far : int32[n_stops], -1 where there is no way
        Seconds between the end and stops, between those and the first place, and between the last and stops.
    """
    total = np.full(len(ends), NO_WAY, np.int32)
    for beyond, those in ((-1, far > 0 if not stay else far >= 0), (0, far == 0 if not stay else far < NO_WAY)):
        _, walk = find_least(ends, near, beyond=beyond)
        if walk >= 0:
            total[those] = walk + stay + far[those]
    return total


def _lower(row: NDArray[np.int32], stops: NDArray[np.int32], seconds: NDArray[np.int32]) -> None:
    """Write seconds to their stops, of several for one the least."""
    order = np.argsort(-np.asarray(seconds), kind="stable")
    row[np.asarray(stops)[order]] = np.asarray(seconds)[order]


def spread(stops: NDArray[np.int32], seconds: NDArray[np.int32], n_stops: int) -> NDArray[np.int32]:
    """Seconds by stop, the least where one comes twice; -1 elsewhere."""
    row = np.full(n_stops, NO_WAY, np.int32)
    _lower(row, stops, seconds)
    return row
