"""The general search: questions with preferences, and any question on a view without hops.

Time runs forwards here as in the kernel; for arrivals, on a mirrored view, origin and destination change places, and
the via places their order.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import general as kernels
from mobigo.kernels.general import Access, Goal, Terms, Vias
from mobigo.kernels.trip_based import NEVER, SEATED
from mobigo.transit.model import Direction, Preferences, Ride, TransitJourney, Walk
from mobigo.transit.timetable import EPOCH, FORBIDDEN, freeze

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.kernels.trip_based import DayView
    from mobigo.transit.footpaths import Footpaths
    from mobigo.transit.model import Query
    from mobigo.transit.timetable import Timetable

ENDLESS = 2**62
"""Work that no search does."""
FAR = 2**30
"""Seconds of a walk that nobody bounds."""


class Ends(NamedTuple):
    """Where a search begins and where it ends, in its direction of time."""

    access: NDArray[np.int32]
    access_seconds: NDArray[np.int32]
    egress: NDArray[np.int32]
    egress_seconds: NDArray[np.int32]


def is_bare(view: DayView) -> bool:
    """Tell whether a view was laid out without hops, so that only the general search can answer on it."""
    return len(view.hop_first) != len(view.arrival) + 1


def search(
    timetable: Timetable, footpaths: Footpaths, view: DayView, query: Query, rides: int
) -> tuple[list[TransitJourney], bool]:
    """Find the journeys by vehicle that no other dominates, in no order.

    Parameters
    ----------
    rides : int
        Vehicles of a journey, at most; at least 1.

    Returns
    -------
    The journeys, and whether the search came to its end.
    """
    wishes = query.preferences or Preferences()
    base = int(view.base[0])
    forwards = query.direction is Direction.DEPART
    ends = Ends(query.access, query.access_seconds, query.egress, query.egress_seconds)
    if not forwards:
        ends = Ends(*ends[2:], *ends[:2])
    ends = Ends(*(freeze_copy(end) for end in ends))
    start = query.at - base if forwards else base - query.at
    terms = _read_terms(timetable, footpaths, view, wishes)
    nodes = freeze(kernels.split_nodes(view))
    n_stops = len(view.stop_first) - 1
    vias = _no_vias(n_stops)
    access = Access(ends.access, np.zeros(len(ends.access), np.int32), ends.access_seconds)
    bounded = int(len(view.cell_seconds) > 0 and wishes.walk_factor >= 1 and wishes.footpaths is None)
    out = np.full((1, n_stops), -1, np.int32)
    for stop, seconds in zip(ends.egress.tolist(), ends.egress_seconds.tolist(), strict=True):
        if out[0, stop] < 0 or seconds < out[0, stop]:
            out[0, stop] = seconds
    goal = Goal(out, bounded, *kernels.aim(view, bounded, ends.egress, ends.egress_seconds))
    found, rows, complete = kernels.search(
        view,
        terms,
        nodes,
        freeze(vias),
        freeze(access),
        goal,
        start,
        start + query.window if query.window else -NEVER,
        rides,
        -1 if query.walk is None else query.walk,
        ENDLESS,
    )
    writer = _Writer(view, terms, access)
    journeys = []
    begin = 0
    for arrival, n_rides, _, end in found.tolist():
        journeys.append(writer.write(arrival, n_rides, rows[begin:end].tolist()))
        begin = end
    return journeys, complete


def freeze_copy(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Copy, so that kernels compile one signature whatever the array is a part of."""
    copy = np.array(values, np.int32)
    copy.setflags(write=False)
    return copy


def _read_terms(timetable: Timetable, footpaths: Footpaths, view: DayView, wishes: Preferences) -> Terms:
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
    for flags in (trips, stops, timed):
        flags.setflags(write=False)
    return Terms(
        trips,
        stops,
        timed,
        float(wishes.walk_factor),
        max(usual, 0),
        FAR if wishes.longest_walk is None else wishes.longest_walk,
        wishes.min_change,
        wishes.slack,
    )


def _no_vias(n_stops: int) -> Vias:
    none = np.zeros(0, np.int32)
    return Vias(
        np.zeros((0, n_stops), np.uint8),
        np.zeros((0, n_stops), np.int32),
        np.zeros((0, 0), np.int32),
        np.zeros(1, np.int32),
        none,
        none,
    )


TRIP, BOARDED, ALIGHTED, LEFT, HOW = range(5)
"""Columns of the kernel's legs."""


class _Writer:
    """Turns the kernel's rows into journeys."""

    def __init__(self, view: DayView, terms: Terms, access: Access) -> None:
        self.view = view
        self.terms = terms
        self.access = access
        self.base = int(view.base[0])
        self.mirrored = bool(view.mirrored[0])

    def write(self, arrival: int, n_rides: int, rows: list[list[int]]) -> TransitJourney:
        """Write a journey; the rows are its rides, the last of the search first."""
        rides = [self._ride(row) for row in rows]
        first = rows[-1]
        access = int(self.access.seconds[first[HOW]])
        if self.mirrored:
            departure, arrival = self.base - arrival, rides[-1].arrival + access
        else:
            departure, arrival = rides[-1].departure - access, self.base + arrival
            rides.reverse()
            rows.reverse()
        legs: list[Ride | Walk] = []
        here, now = -1, departure
        walk = rides[0].departure - departure
        for n, ride in enumerate(rides):
            if n:
                how = rows[n - 1] if self.mirrored else rows[n]
                walk = self._walk_seconds(how) if ride.from_stop != here else -1
            if walk > 0 or (n and walk == 0):
                legs.append(Walk(here, ride.from_stop, now, now + walk))
            legs.append(ride)
            here, now = ride.to_stop, ride.arrival
        if arrival > now:
            legs.append(Walk(here, -1, now, arrival))
        return TransitJourney(departure, arrival, n_rides - 1, tuple(legs))

    def _walk_seconds(self, row: list[int]) -> int:
        """Seconds on foot before a ride (of the search), -1: none, one stays seated."""
        if row[LEFT] == SEATED:
            return -1
        return int(np.ceil(self.view.walk_seconds[row[HOW]] * self.terms.factor))

    def _ride(self, row: list[int]) -> Ride:
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
