"""Where cheap journeys are looked for: the search knows no fares, so it is asked on parts of the network as well.

A journey may be cheap because it stays on few networks, or because its rides are cheap one by one. So a search is made
for each way to leave networks out, and one in which rides count what they cost alone. What they find is priced exactly,
and competes over departure, arrival, changes and price. Where rides are paid one by one nothing cheaper is missed.
Where tickets last over several rides, a journey that is best in none of these searches may be: `tolls` finds it, and
has less to look at the more is known already.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.fares.model import FareRide, RideKind
from mobigo.transit.model import Costs, Preferences

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till

MOST_CLASSES = 4
"""Kinds of routes of which every part is tried; of more, each alone, and all but each."""
UNPRICED = 10**8
"""Cents that a journey counts whose price is not known of every ride."""
THOUSAND = 1000
MOST_KEPT = 8


class Parts(NamedTuple):
    """A network as fares see it."""

    kinds: NDArray[np.int32]
    """int32[n_routes], which routes are of the same networks."""
    boarding: NDArray[np.int32]
    """int32[n_routes], cents that a ride costs however short."""
    kilometre: NDArray[np.int32]
    """int32[n_routes], cents more for each kilometre."""


_kept: OrderedDict[Hashable, Parts] = OrderedDict()
_keeping = Lock()


def list_wishes(network: Network, till: Till, wishes: Preferences | None) -> Iterator[Preferences]:
    """List what else to ask for, besides what the traveller wishes."""
    parts = _find_parts(network, till)
    wishes = wishes or Preferences()
    trips, stops = len(network.timetable.trip_route), len(network.timetable.stop_lat)
    fares = np.append(parts.boarding, 0)[network.timetable.trip_route].astype(np.int32)
    yield replace(wishes, costs=Costs(0, fares, np.zeros(stops, np.int32), parts.kilometre))
    if trips and parts.kilometre.any():
        yield replace(wishes, costs=Costs(0, np.zeros(trips, np.int32), np.zeros(stops, np.int32), parts.kilometre))
    numbers = np.unique(parts.kinds).tolist()
    many = len(numbers)
    for size in range(1, many + 1) if many <= MOST_CLASSES else sorted({1, many - 1, many}):
        for some in combinations(numbers, size):
            routes = np.isin(parts.kinds, some)
            if size < many:
                yield replace(wishes, routes=routes if wishes.routes is None else routes & wishes.routes)
            covered = np.append(np.where(routes, 0, parts.boarding), 0)[network.timetable.trip_route].astype(np.int32)
            slope = np.where(routes, 0, parts.kilometre).astype(np.int32)
            yield replace(wishes, costs=Costs(0, covered, np.zeros(stops, np.int32), slope))


def _find_parts(network: Network, till: Till) -> Parts:
    books = tuple(id(book) for book in till.shelf.books)
    key = network.manifest.version, len(network.timetable.route_type), books, till.fellows, till.media
    with _keeping:
        known = _kept.pop(key, None)
    parts = known or _make_parts(network, till)
    with _keeping:
        _kept[key] = parts
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return parts


def _make_parts(network: Network, till: Till) -> Parts:
    """Price two rides of each route, to the next stop and to the last, and draw a line through them."""
    timetable = network.timetable
    n = len(timetable.route_type)
    boarding, kilometre = np.zeros(n, np.int32), np.zeros(n, np.int32)
    names: list[frozenset[str]] = []
    first_trip = np.full(n + 1, -1, np.int64)
    first_trip[timetable.trip_route[::-1]] = np.arange(len(timetable.trip_route))[::-1]
    metres = network.days.metres
    for route in range(n):
        trip = int(first_trip[route])
        agency = int(timetable.route_agency[route])
        ride = FareRide(
            RideKind.LINE,
            timetable.agency_ids.at(agency) if agency >= 0 else "",
            timetable.route_ids.at(route),
            (),
            None,
            None,
            NOON,
            NOON,
            0,
            NOON.date(),
        )
        names.append(frozenset(name for book in till.shelf.books for name in book.networks_of(ride)))
        if trip < 0:
            continue
        pattern = int(timetable.trip_pattern[trip])
        begin, end = int(timetable.pattern_first[pattern]), int(timetable.pattern_first[pattern + 1])
        if end - begin < 2:  # noqa: PLR2004 - from somewhere to somewhere
            continue
        stops = [timetable.stop_ids.at(int(timetable.pattern_stop[at])) for at in (begin, begin + 1, end - 1)]
        far = [int(metres[at] - metres[begin]) for at in (begin + 1, end - 1)]
        near, whole = (
            till.shelf.cents((replace(ride, board=stops[0], alight=stop, metres=length),), till.fellows, till.media)
            for stop, length in zip(stops[1:], far, strict=True)
        )
        if near is None or whole is None:
            boarding[route] = UNPRICED
        else:
            slope = max(0, whole - near) * THOUSAND / max(far[1] - far[0], 1) if far[1] > far[0] else 0
            kilometre[route] = round(slope)
            boarding[route] = max(0, round(near - slope * far[0] / THOUSAND))
    kinds = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return Parts(np.array([kinds[name] for name in names], np.int32), boarding, kilometre)


NOON = datetime(2026, 1, 5, 11, tzinfo=UTC)
"""A working Monday, to look fares up at where no day is asked about."""
