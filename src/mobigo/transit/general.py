"""The general search: questions with preferences, and any question on a view without hops.

What `Preferences` mean to it:

a change
    Takes its walk `walk_factor` times as long, rounded up, and the seconds of every change besides; where the ruling
    row of transfers.txt has a min_transfer_time it takes that as many times as long. Then at least `min_change`, and
    `slack` on top, unless the onward vehicle waits (type 1). `longest_walk` bounds the walk as it is walked.
a via place
    Is passed by calling at one of its stops that is 0 seconds away, getting on and off included, when nobody wants to
    stay. Or it is visited: off at a stop near it, there, stay, to a stop near it, on; that is a change, of at least
    `min_change` and with `slack`, about which transfers.txt says nothing. Several places are visited one after the
    other by a stop near both. Before the first ride and after the last one a visit is no change. A visit that takes no
    time at all is none.
a cost
    Is summed in thousandths and rounded down once. It counts seconds walked, not those waited or stayed.

Time runs forwards here as in the kernel; for arrivals, on a mirrored view, origin and destination change places, and
the via places their order.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cached_property
from math import ceil
from threading import Lock, local
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import general as kernels
from mobigo.kernels import one_compiles, priced
from mobigo.kernels.approach import approach
from mobigo.kernels.general import Allowed, Goal, Terms
from mobigo.kernels.priced import Prices
from mobigo.kernels.trip_based import NEVER, SEATED
from mobigo.transit.model import Direction, Preferences, Ride, TransitJourney, Walk
from mobigo.transit.timetable import EPOCH, FORBIDDEN, freeze
from mobigo.transit.vias import Places, find_least, spread, turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.kernels.trip_based import DayView
    from mobigo.transit.days import DayViews
    from mobigo.transit.footpaths import Footpaths
    from mobigo.transit.model import Costs, Query
    from mobigo.transit.timetable import Timetable

THOUSAND = 1000
"""The kernel counts costs in thousandths."""
ENDLESS = 2**62
"""Work that no search does."""
FIRST_PACE = 20_000_000.0
"""Work done in a second, until a thread has seen its own."""
MUCH_WORK = 100_000
"""From so much work on, a search tells its thread's pace."""
FAR = 2**30
"""Seconds of a walk that nobody bounds."""


class _Own(local):
    """What a thread knows of itself."""

    def __init__(self) -> None:
        self.pace = {False: FIRST_PACE, True: FIRST_PACE}
        """Work it does in a second, without and with costs."""


_own = _Own()
_loaded: set[bool] = set()
"""Whether searches without and with costs were asked in this process."""
_loading = Lock()


class Ends(NamedTuple):
    """Where a search begins and where it ends, in its direction of time."""

    access: NDArray[np.int32]
    access_seconds: NDArray[np.int32]
    egress: NDArray[np.int32]
    egress_seconds: NDArray[np.int32]


def is_bare(view: DayView) -> bool:
    """Tell whether a view was laid out without hops, so that only the general search can answer on it."""
    return len(view.hop_first) != len(view.arrival) + 1


def load(views: DayViews, view: DayView, query: Query, rides: int) -> float:
    """Load what a search of this kind needs, the first time that it is asked in this process.

    Compiled code is read, or compiled where there is none yet; that is no part of anybody's time.

    Returns
    -------
    The seconds it took.
    """
    kind = _is_priced(query)
    if kind in _loaded:
        return 0.0
    began = monotonic()
    with _loading, one_compiles("wishes"):
        if kind not in _loaded:
            search(views, view, query, rides, work=0)
            _loaded.add(kind)
    return monotonic() - began


def _is_priced(query: Query) -> bool:
    return query.preferences is not None and query.preferences.costs is not None


def search_by(
    views: DayViews, view: DayView, query: Query, rides: int, deadline: float | None
) -> tuple[list[TransitJourney], bool]:
    """Search as long as there is time, by the pace of the thread's last searches.

    Parameters
    ----------
    deadline : float, optional
        Of `time.monotonic`: what is found by then is the answer.

    Returns
    -------
    The journeys, and whether the search came to its end.
    """
    priced = _is_priced(query)
    began = monotonic()
    work = ENDLESS if deadline is None else max(0, int((deadline - began) * _own.pace[priced]))
    journeys, left = search(views, view, query, rides, work=work)
    if work - left > MUCH_WORK:
        _own.pace[priced] = (_own.pace[priced] + (work - left) / (monotonic() - began)) / 2
    return journeys, left >= 0


def search(
    views: DayViews, view: DayView, query: Query, rides: int, *, work: int = ENDLESS
) -> tuple[list[TransitJourney], int]:
    """Find the journeys by vehicle that no other dominates, in no order.

    Parameters
    ----------
    rides : int
        Vehicles of a journey, at most; at least 1.
    work : int, optional
        How much may be done, in positions and walks looked at; what is found by then is the answer.

    Returns
    -------
    The journeys, and the work left; below 0 better ones may be missing.
    """
    wishes = query.preferences or Preferences()
    base = int(view.base[0])
    forwards = query.direction is Direction.DEPART
    ends = Ends(query.access, query.access_seconds, query.egress, query.egress_seconds)
    if not forwards:
        ends = Ends(*ends[2:], *ends[:2])
    start = query.at - base if forwards else base - query.at
    allowed, terms = read_terms(views.timetable, views.footpaths, view, wishes)
    places = Places(wishes.vias if forwards else turn(wishes.vias), len(view.stop_first) - 1)
    access = places.begin(ends.access, ends.access_seconds)
    left = approach(view, views.ways(view), fix(ends.egress), fix(ends.egress_seconds))
    goal = Goal(places.end(ends.egress, ends.egress_seconds), int(wishes.walk_factor >= 1), *left)
    view = view._replace(position_cell=view.position_stop)  # the bounds are by stop
    until = start + query.window if query.window else -NEVER
    walk = -1 if query.walk is None else query.walk
    question = (view, allowed, terms, freeze(kernels.split_nodes(view)), places.vias, access, goal)
    bounds = (start, until, rides, walk, work)
    if wishes.costs is None:
        found, rows, rest = kernels.search(*question, *bounds)
    else:
        prices = _read_prices(views, view, wishes.costs, places)
        found, rows, rest = priced.search(*question, prices, *bounds)
    writer = Writer(view, terms, query)
    journeys = []
    begin = 0
    for arrival, n_rides, layer, end, cost in found.tolist():
        legs = rows[begin:end].tolist()
        walked = int(access.layer[legs[-1][HOW]]), int(access.seconds[legs[-1][HOW]])
        journey = writer.write(arrival, n_rides, layer, walked, legs)
        journeys.append(replace(journey, cost=cost // THOUSAND))
        begin = end
    if wishes.costs is not None:
        journeys = drop_dominated(journeys)
    return journeys, int(rest)


def drop_dominated(journeys: list[TransitJourney]) -> list[TransitJourney]:
    """Leave out journeys that another beats, or equals and comes before."""
    kept: list[TransitJourney] = []
    worth: dict[tuple[int, int, int, int], TransitJourney] = {}
    for journey in journeys:
        worth.setdefault((journey.departure, journey.arrival, journey.transfers, journey.cost), journey)
    for key in sorted(worth, key=lambda key: (-key[0], *key[1:])):
        departure, arrival, transfers, cost = key
        if not any(
            other.departure >= departure
            and other.arrival <= arrival
            and other.transfers <= transfers
            and other.cost <= cost
            for other in kept
        ):
            kept.append(worth[key])
    return kept


def fix(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Copy, so that kernels compile one signature whatever the array is a part of."""
    copy = np.array(values, np.int32)
    copy.setflags(write=False)
    return copy


def read_terms(timetable: Timetable, footpaths: Footpaths, view: DayView, wishes: Preferences) -> tuple[Allowed, Terms]:
    """Turn what may be ridden and where one may change into flags of the view's trips and of stops."""
    n_stops = len(view.stop_first) - 1
    trips = np.ones(len(view.trip_row), np.uint8)
    if wishes.routes is not None:
        trips &= wishes.routes[timetable.trip_route[view.trip_row]]
    if wishes.trips is not None:
        trips &= wishes.trips[view.trip_row]
    stops = np.ones(n_stops, np.uint8) if wishes.stops is None else wishes.stops.astype(np.uint8)
    timed = np.zeros(n_stops, np.uint8)
    usual = int(footpaths.change_seconds[0])
    if wishes.walk_factor != 1 and usual >= 0:
        same = (timetable.rule_from == timetable.rule_to) & (timetable.rule_seconds >= 0)
        timed[timetable.rule_from[same & (timetable.rule_type != FORBIDDEN)]] = 1
    return freeze(Allowed(trips, stops, timed)), Terms(
        float(wishes.walk_factor),
        usual,
        FAR if wishes.longest_walk is None else wishes.longest_walk,
        wishes.min_change,
        wishes.slack,
    )


def _read_prices(views: DayViews, view: DayView, costs: Costs, places: Places) -> Prices:
    """Write what a cost counts, in thousandths and for the view's trips and positions."""
    timetable = views.timetable
    trip = costs.trip[view.trip_row].astype(np.int64) * THOUSAND
    metre = costs.kilometre[timetable.trip_route[view.trip_row]].astype(np.int64)
    leaders = view.line_trip[:-1]
    alike = np.zeros(len(leaders), np.uint8)
    if len(leaders):
        spread = [np.maximum.reduceat(price, leaders) - np.minimum.reduceat(price, leaders) for price in (trip, metre)]
        alike[(spread[0] == 0) & (spread[1] == 0)] = priced.ALONE
        going_on = view.trip_line[np.flatnonzero(np.diff(view.stay_first))]
        alike[going_on] = np.minimum(alike[going_on], priced.ALIKE)
    pattern = timetable.trip_pattern[view.trip_row[leaders]]
    length = np.diff(view.line_position)
    at = np.arange(len(view.position_stop)) - np.repeat(view.line_position[:-1], length)
    metres = views.metres
    first = timetable.pattern_first[pattern]
    if view.mirrored[0]:
        last = np.repeat(first + length - 1, length)
        walked = metres[last] - metres[last - at]
    else:
        walked = metres[np.repeat(first, length) + at]
    rested = np.concatenate(([0], np.cumsum(places.stays))).astype(np.int32)
    return Prices(
        costs.walk,
        *freeze((trip, metre, costs.stop.astype(np.int64) * THOUSAND)),
        *freeze((walked.astype(np.int32), alike, rested)),
    )


TRIP, BOARDED, ALIGHTED, LEFT, HOW = range(5)
"""Columns of the kernel's legs."""
VISIT, MANY_VIAS = int(kernels.VISIT), int(kernels.MANY_VIAS)


class Writer:
    """Turns the kernel's rows into journeys, in the order of travel."""

    def __init__(self, view: DayView, terms: Terms, query: Query) -> None:
        self.view = view
        self.terms = terms
        self.query = query
        self.vias = query.preferences.vias if query.preferences else ()
        self.base = int(view.base[0])
        self.mirrored = bool(view.mirrored[0])

    @cached_property
    def places(self) -> Places:
        """The via places in the order of travel."""
        return Places(self.vias, len(self.view.stop_first) - 1)

    def write(
        self, end: int, n_rides: int, layer: int, begun: tuple[int, int], rows: list[list[int]]
    ) -> TransitJourney:
        """Write a journey; the rows are its rides, the last of the search first.

        Parameters
        ----------
        end, layer : int
            Time of the kernel, and places passed, as the search gets off its last ride.
        begun : (int, int)
            Places passed, and seconds on foot, before its first.
        """
        rides = [self.ride(row) for row in rows]
        changes = [row[LEFT:] for row in rows[:-1]]
        before, after = begun[0], len(self.vias) - layer
        if self.mirrored:
            before, after = after, before
            departure, arrival = self.base - end, rides[-1].arrival + begun[1]
        else:
            rides.reverse()
            changes.reverse()
            departure, arrival = rides[0].departure - begun[1], self.base + end
        legs: list[Ride | Walk] = [*self._begin(departure, rides[0], before)]
        for n, ride in enumerate(rides):
            if n:
                legs += self._change(rides[n - 1], ride, *changes[n - 1])
            legs.append(ride)
        legs += self._end(rides[-1], arrival, after)
        return TransitJourney(departure, arrival, n_rides - 1, tuple(legs))

    def _begin(self, departure: int, ride: Ride, n_places: int) -> list[Walk]:
        """Walk to the first ride, by the first places."""
        if not n_places:
            walk = Walk(-1, ride.from_stop, departure, ride.departure)
            return [walk] if ride.departure > departure else []
        places = self.places
        still = places.vias.stay[0, n_places - 1] == 0 and places.away[n_places - 1, ride.from_stop] == 0
        stop, seconds = self._near_end(self.query.access, self.query.access_seconds, places.to[0], still=still)
        walks = [Walk(-1, stop, departure, departure + seconds)] if seconds else []
        now = departure + seconds
        return walks + places.visit(0, n_places - 1, stop, now, leave=ride.departure, onward=ride.from_stop)

    def _end(self, ride: Ride, arrival: int, n_places: int) -> list[Walk]:
        """Walk from the last ride, by the last places."""
        if not n_places:
            return [Walk(ride.to_stop, -1, ride.arrival, arrival)] if arrival > ride.arrival else []
        places, n = self.places, len(self.vias)
        still = places.vias.stay[n - n_places, -1] == 0 and places.to[n - n_places, ride.to_stop] == 0
        stop, seconds = self._near_end(self.query.egress, self.query.egress_seconds, places.away[-1], still=still)
        leave = arrival - seconds
        walks = places.visit(n - n_places, n - 1, ride.to_stop, ride.arrival, leave=leave, onward=stop)
        return [*walks, Walk(stop, -1, leave, arrival)] if seconds else walks

    def _near_end(
        self, stops: NDArray[np.int32], seconds: NDArray[np.int32], place: NDArray[np.int32], *, still: bool
    ) -> tuple[int, int]:
        """Stop by which one walks between an end and a place, and the seconds between it and the end.

        It must not be at the place itself when the rest of the visit takes no time.
        """
        row = spread(stops, seconds, len(place))
        stop, _ = find_least(row, place, beyond=0 if still else -1)
        return stop, int(row[stop])

    def _change(self, before: Ride, after: Ride, left: int, how: int) -> list[Walk]:
        """Walk from one ride to the next."""
        if left == SEATED:
            return []
        if how <= VISIT:
            first, last = divmod(VISIT - how, MANY_VIAS)
            if self.mirrored:
                first, last = len(self.vias) - 1 - last, len(self.vias) - 1 - first
            leave = after.departure - self.terms.slack
            return self.places.visit(first, last, before.to_stop, before.arrival, leave=leave, onward=after.from_stop)
        if before.to_stop == after.from_stop:
            return []
        seconds = ceil(float(self.view.walk_seconds[how]) * self.terms.factor)
        return [Walk(before.to_stop, after.from_stop, before.arrival, before.arrival + seconds)]

    def ride(self, row: list[int]) -> Ride:
        """Write a row as a ride."""
        view, trip = self.view, row[TRIP]
        line = view.trip_line[trip]
        first, last = int(view.line_position[line]), int(view.line_position[line + 1]) - 1
        shift = int(view.trip_shift[trip])
        boarded, alighted = row[BOARDED], last if row[ALIGHTED] == SEATED else row[ALIGHTED]
        departure, arrival = int(view.departure[shift + boarded]), int(view.arrival[shift + alighted])
        if self.mirrored:
            departure, arrival = -arrival, -departure
            begin, end = last - alighted, last - boarded
            boarded, alighted = alighted, boarded
        else:
            begin, end = boarded - first, alighted - first
        return Ride(
            int(view.trip_row[trip]),
            date.fromordinal(int(view.trip_day[trip]) + EPOCH),
            begin,
            end,
            int(view.position_stop[boarded]),
            int(view.position_stop[alighted]),
            self.base + departure,
            self.base + arrival,
        )
