"""Search in rounds where what a ride costs depends on what was paid for before it.

A label says when one is somewhere, after how many rides, what was paid so far, and what one has in hand for it: tickets
that go on to hold, and how long. One label dominates another only where it is at least as good in all of that. So
nothing is missed that is dear at first and pays off later; for the same reason there are many more labels than in a
search whose costs just add up, and it is bounded by what is known already and by time.

Time runs forwards, also where an arrival is asked for: from the latest departure back to the earliest. Places on the
way are not known here.

References
----------
Delling, Pajor, Werneck (2012), Round-Based Public Transit Routing, section 4; Euler, Lindner, Borndörfer (2024), Price
optimal routing in public transportation: labels with the state of a fare.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from math import ceil
from operator import itemgetter
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import numpy as np

from mobigo.kernels import general as kernels
from mobigo.kernels.trip_based import NEVER, ORIGIN, SEATED
from mobigo.transit.general import HOW, Writer, drop_dominated, fix, read_terms
from mobigo.transit.model import Direction, Preferences
from mobigo.transit.timetable import freeze
from mobigo.transit.vias import Places

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from mobigo.kernels.trip_based import DayView
    from mobigo.transit.days import DayViews
    from mobigo.transit.model import Query, Ride, TransitJourney

_Segment: TypeAlias = "tuple[int, int, int]"
"""Trip, position of boarding, and of alighting."""


class Paid(NamedTuple):
    """Where one is with paying."""

    cents: int
    in_hand: Hashable
    refund: int
    """Cents that later rides may give back of these, at most, besides the toll's `rebate` of each."""


class Toll(Protocol):
    """Says what rides cost."""

    @property
    def steady(self) -> bool:
        """Whether the instants of rides matter to nothing: of trips alike nobody then waits for a later."""

    @property
    def rebate(self) -> int:
        """Cents that each further ride may take off, at most, of what was paid before it."""

    @property
    def start(self) -> Paid:
        """Before the first ride."""

    def ride(self, before: Paid, legs: Sequence[Ride]) -> Sequence[Paid]:
        """List the ways to pay for a ride; one stays seated between its legs."""

    def is_as_good(self, one: Hashable, other: Hashable) -> bool:
        """Whether whatever comes costs no more with one in hand than with the other."""


class Bounds(NamedTuple):
    """How far a search goes."""

    rides: int
    """Vehicles of a journey, at most."""
    deadline: float
    """Of `time.monotonic`: what is found by then is the answer."""
    useful: int | None = None
    """Seconds since 1970 UTC of the last arrival (for arriving: the first departure) that is of use; None: any is."""


class _Record(NamedTuple):
    """A trip from where it was boarded, and how one came there, in the kernel's words."""

    trip: int
    boarded: int
    parent: _Record | None
    left: int
    how: int


class _Label(NamedTuple):
    """Somewhere, at a time."""

    time: int
    rides: int
    paid: Paid
    record: _Record | None
    left: int
    how: int
    node: int


class _End(NamedTuple):
    """At the destination."""

    departure: int
    time: int
    rides: int
    cents: int


def search(
    views: DayViews,
    view: DayView,
    query: Query,
    toll: Toll,
    known: Sequence[TransitJourney],
    *,
    bounds: Bounds,
) -> tuple[list[TransitJourney], bool]:
    """Find the journeys that are better than those known, or than each other.

    Parameters
    ----------
    view : DayView
        Forwards, of the days that the question is about; for arriving, of the day before too.
    query : Query
        Without places on the way.
    known : journeys
        Whose cost is what they cost by the toll.

    Returns
    -------
    The journeys with their cost, and whether the search came to its end.
    """
    work = _Search(views, view, query, toll, bounds)
    work.know(known)
    work.run()
    return drop_dominated(work.write()), not work.given_up


class _Search:
    def __init__(self, views: DayViews, view: DayView, query: Query, toll: Toll, bounds: Bounds) -> None:
        wishes = query.preferences or Preferences()
        self.view, self.query, self.toll = view, query, toll
        self.rides, self.deadline, useful = bounds
        self.arriving = query.direction is Direction.ARRIVE
        self.allowed, self.terms = read_terms(views.timetable, views.footpaths, view, wishes)
        self.nodes = freeze(kernels.split_nodes(view))
        places = Places((), len(view.stop_first) - 1)
        self.access = places.begin(query.access, query.access_seconds)
        self.out = places.end(query.egress, query.egress_seconds)[0]
        bounded = int(len(view.cell_seconds) > 0 and wishes.walk_factor >= 1)
        self.bounds = kernels.aim(view, bounded, fix(query.egress), fix(query.egress_seconds)) if bounded else None
        self.base = int(view.base[0])
        self.start = query.at - self.base
        self.writer = Writer(view, self.terms, replace(query, direction=Direction.DEPART))
        self.ends: list[_End] = []
        """What journeys that none beats are worth."""
        self.found: list[tuple[_End, list[list[int]]]] = []
        self.off: dict[int, list[_Label]] = {}
        self.on: dict[int, list[_Label]] = {}
        self.wanted: list[_End] = []
        """What the journeys of a question without window are worth, found before their latest departure is."""
        self.first: list[tuple[_End, list[list[int]]]] = []
        self.given_up = False
        self.paid: dict[tuple[Paid, tuple[_Segment, ...]], Sequence[Paid]] = {}
        self.legs: dict[_Segment, Ride] = {}
        self.departure = 0
        self.earliest, self.until = self.start, self.start + query.window if query.window else int(NEVER)
        """First and last departure."""
        self.opening, self.latest = -int(NEVER), int(NEVER) if useful is None else useful - self.base
        """First and last arrival that is wanted."""
        if self.arriving:
            self.earliest = -int(NEVER) if useful is None else useful - self.base
            self.until = self.latest = self.start
            self.opening = self.start - query.window if query.window else -int(NEVER)

    def know(self, known: Sequence[TransitJourney]) -> None:
        """Note what is known before."""
        ends = [_End(one.departure - self.base, one.arrival - self.base, one.transfers + 1, one.cost) for one in known]
        self.ends = [one for one in ends if not self.arriving or self.opening <= one.time <= self.latest]
        if self.arriving and not self.query.window:
            self.ends = [one._replace(time=-int(NEVER)) for one in self.ends]

    def run(self) -> None:
        """Search; without a window for the best arrivals, and then for the latest departure of each."""
        departures = self._list_departures()
        if not self.query.window and not self.arriving:
            self.departure = self.start
            self._spread([(record, self.toll.start) for _, record in reversed(departures)])
            mine = {end for end, _ in self.found}
            self.wanted = [one for one in self.ends if not any(_beats(other, one) for other in mine - {one})]
            self.first, self.found = [one for one in self.found if one[0] in self.wanted], []
            self.ends = [one for one in self.ends if one not in mine]
            self.off, self.on = {}, {}
            latest = max((one.time for one in self.wanted), default=self.start)
            departures = [one for one in departures if one[0] <= latest]
        self._run_back(departures)
        self.found += [one for one in self.first if one[0] in self.wanted]

    def _run_back(self, departures: list[tuple[int, _Record]]) -> None:
        """Search from the latest departure to the earliest, each of which only has to beat the later ones."""
        for left, batch in groupby(departures, key=itemgetter(0)):
            if self.given_up or (not self.query.window and not self.arriving and not self.wanted):
                return
            self.departure = left
            self._spread([(record, self.toll.start) for _, record in batch])
            if self.arriving and not self.query.window:  # who left later and pays no more need not be there sooner
                self.ends = [one._replace(time=-int(NEVER)) for one in self.ends]

    def write(self) -> list[TransitJourney]:
        """Write what was found."""
        journeys = []
        for end, rows in self.found:
            walked = int(self.access.layer[rows[-1][HOW]]), int(self.access.seconds[rows[-1][HOW]])
            journeys.append(replace(self.writer.write(end.time, end.rides, 0, walked, rows), cost=end.cents))
        return journeys

    def _list_departures(self) -> list[tuple[int, _Record]]:
        """List departures from the origin with what is boarded, the latest first."""
        view, found = self.view, []
        for row, (stop, seconds) in enumerate(
            zip(self.access.stop.tolist(), self.access.seconds.tolist(), strict=True)
        ):
            if not self.allowed.stop[stop]:
                continue
            for x in view.stop_position[view.stop_first[stop] : view.stop_first[stop + 1]].tolist():
                for trip in self._trips_from(x, self.earliest + seconds):
                    left = int(view.departure[view.trip_shift[trip] + x]) - seconds
                    if left > self.until:
                        break
                    found.append((left, _Record(trip, x, None, int(ORIGIN), row)))
        return sorted(found, key=lambda one: -one[0])

    def _trips_from(self, x: int, ready: int) -> Iterator[int]:
        """List the trips that one can board at a position from a time on, the earliest first."""
        view = self.view
        line = int(view.position_line[x])
        low, high = int(view.line_trip[line]), int(view.line_trip[line + 1])
        shifts = view.trip_shift[low:high]
        first = low + int(np.searchsorted(view.departure[shifts + x], ready))
        return (trip for trip in range(first, high) if self.allowed.trip[trip])

    def _spread(self, batch: list[tuple[_Record, Paid]]) -> None:
        """Ride on from first rides, one ride more at a time."""
        ride = 1
        while batch and not self.given_up:
            alighted: list[_Label] = []
            for record, paid in batch:
                if self._is_late():
                    return
                self._ride(record, paid, ride, (), alighted)
            if ride == self.rides:
                return
            fresh = [new for label in alighted if _is_in(label, self.off) for new in self._walk(label)]
            batch = [new for label in fresh if _is_in(label, self.on) for new in self._board(label)]
            ride += 1

    def _is_late(self) -> bool:
        """Tell whether time is over; better journeys may then be missing."""
        self.given_up = self.given_up or monotonic() > self.deadline
        return self.given_up

    def _ride(
        self, record: _Record, paid: Paid, ride: int, before: tuple[_Segment, ...], alighted: list[_Label]
    ) -> None:
        """Ride a trip to wherever one may get off, and on as whatever it goes on as."""
        view, trip = self.view, record.trip
        line, shift = int(view.trip_line[trip]), int(view.trip_shift[trip])
        end = int(view.line_position[line + 1])
        least = self._least(paid, ride - 1)
        for x in range(record.boarded + 1, end):
            stop = int(view.position_stop[x])
            if not view.position_alight[x] or not self.allowed.stop[stop]:
                continue
            time = int(view.arrival[shift + x])
            if self._is_hopeless(time, ride, least):
                return
            soonest, need = self._bound(x, time, ride)
            if need > self.rides or self._is_hopeless(soonest, need, least):
                continue
            out, node = int(self.out[stop]), int(self.nodes.off[x])
            for after in self._pay(paid, (*before, (trip, record.boarded, x))):
                if out >= 0:
                    self._arrive(_End(self.departure, time + out, ride, after.cents), record, x)
                if ride == self.rides or self._is_hopeless(soonest, need, self._least(after, ride)):
                    continue
                label = _Label(time, ride, after, record, x, 0, node)
                if self._put(self.off, node, label):
                    alighted.append(label)
        for onward in self._go_on(trip):
            start = int(view.line_position[view.trip_line[onward]])
            seated = _Record(onward, start, record, int(SEATED), int(SEATED))
            self._ride(seated, paid, ride, (*before, (trip, record.boarded, end - 1)), alighted)

    def _go_on(self, trip: int) -> list[int]:
        """List the trips that a trip goes on as."""
        view = self.view
        onward = view.stay_trip[view.stay_first[trip] : view.stay_first[trip + 1]]
        return [one for one in onward.tolist() if self.allowed.trip[one]]

    def _bound(self, x: int, time: int, ride: int) -> tuple[int, int]:
        """Bound when, and after how many rides, one is at the destination from a position on."""
        if self.bounds is None:
            return time, ride
        cell = int(self.view.position_cell[x])
        return time + int(self.bounds[0][cell]), ride + int(self.bounds[1][cell])

    def _pay(self, paid: Paid, segments: tuple[_Segment, ...]) -> Sequence[Paid]:
        known = self.paid.get((paid, segments))
        if known is None and self._is_late():
            return ()
        if known is None:
            known = self.paid[paid, segments] = self.toll.ride(paid, [self._leg(one) for one in segments])
        return known

    def _leg(self, segment: _Segment) -> Ride:
        known = self.legs.get(segment)
        if known is None:
            known = self.legs[segment] = self.writer.ride([*segment, int(ORIGIN), 0])
        return known

    def _arrive(self, end: _End, record: _Record, left: int) -> None:
        """Note a journey, and its rides from the last to the first."""
        if end.time < self.opening or self._is_hopeless(end.time, end.rides, end.cents):
            return
        rows = []
        last: _Record | None = record
        while last is not None:
            rows.append([last.trip, last.boarded, left, last.left, last.how])
            left, last = last.left, last.parent
        self.ends = [one for one in self.ends if not (end.departure >= one.departure and _beats(end, one))] + [end]
        self.found.append((end, rows))
        self.wanted = [one for one in self.wanted if not _beats(end, one)]

    def _least(self, paid: Paid, rides: int) -> int:
        """Return the cents that a journey costs at least, after so many rides of it."""
        return paid.cents - paid.refund - self.toll.rebate * (self.rides - rides)

    def _is_hopeless(self, time: int, rides: int, cents: int) -> bool:
        """Tell whether a journey is known that is as good as any from here on, or none is wanted."""
        if time > self.latest:
            return True
        if self.wanted and not any(
            one.time >= time and one.cents >= cents and one.rides >= rides for one in self.wanted
        ):
            return True
        return any(
            one.time <= time and one.cents <= cents and one.rides <= rides and one.departure >= self.departure
            for one in self.ends
        )

    def _put(self, bags: dict[int, list[_Label]], node: int, new: _Label) -> bool:
        """Put a label into a bag unless another dominates it; those it dominates go."""
        bag = bags.get(node, [])
        if any(self._dominates(one, new) for one in bag):
            return False
        bags[node] = [one for one in bag if not self._dominates(new, one)]
        bags[node].append(new)
        return True

    def _dominates(self, one: _Label, other: _Label) -> bool:
        return (
            one.time <= other.time
            and one.rides <= other.rides
            and one.paid.cents <= other.paid.cents
            and self.toll.is_as_good(one.paid.in_hand, other.paid.in_hand)
        )

    def _walk(self, label: _Label) -> Iterator[_Label]:
        """Walk from where one got off to where one may board."""
        if self._is_late():
            return
        view, nodes = self.view, self.nodes
        stop, kind = int(nodes.off_stop[label.node]), int(nodes.off_class[label.node])
        for walk in range(int(view.walk_first[stop]), int(view.walk_first[stop + 1])):
            target = int(view.walk_target[walk])
            on_foot = int(view.walk_seconds[walk])
            if not self.allowed.stop[target]:
                continue
            if target != stop and ceil(on_foot * self.terms.factor) > self.terms.longest:
                continue
            further = range(int(nodes.on_first[target]), int(nodes.on_first[target + 1]))
            n_stops = len(nodes.on_first) - 1
            for node in (target, *(n_stops + extra for extra in further)):
                change = self._change(walk, stop == target, kind, int(nodes.on_class[node]))
                if change < 0:
                    continue
                new = label._replace(time=label.time + change, how=walk, node=node)
                if self._put(self.on, node, new):
                    yield new

    def _change(self, walk: int, within: bool, left: int, boarded: int) -> int:  # noqa: FBT001 - one of two cases
        """Seconds from alighting to boarding, as the traveller takes them; negative where that is forbidden."""
        view, terms = self.view, self.terms
        change, guaranteed = int(view.walk_change[walk]), int(view.walk_guaranteed[walk])
        timed = within and bool(self.allowed.timed[view.walk_target[walk]])
        for row in range(int(view.special_first[walk]), int(view.special_first[walk + 1])):
            if view.special_from[row] == left and view.special_to[row] == boarded:
                change, guaranteed, timed = int(view.special_change[row]), int(view.special_guaranteed[row]), False
        on_foot = int(view.walk_seconds[walk])
        if terms.factor != 1 and change >= 0:
            if timed or (terms.usual >= 0 and change != on_foot + terms.usual):
                change = ceil(change * terms.factor)
            else:
                change += ceil(on_foot * terms.factor) - on_foot
        return change if guaranteed or change < 0 else max(change, terms.min_change) + terms.slack

    def _board(self, label: _Label) -> Iterator[tuple[_Record, Paid]]:
        """Board what leaves from where one is: all of a line, where a later one may be paid for otherwise."""
        if self._is_late():
            return
        view = self.view
        stop = int(self.nodes.on_stop[label.node])
        least = self._least(label.paid, label.rides)
        for x in view.stop_position[view.stop_first[stop] : view.stop_first[stop + 1]].tolist():
            if self.nodes.on[x] != label.node or not view.position_board[x]:
                continue
            line = int(view.position_line[x])
            alone = view.stay_first[view.line_trip[line]] == view.stay_first[view.line_trip[line + 1]]
            for trip in self._trips_from(x, label.time):
                if self._is_hopeless(int(view.departure[view.trip_shift[trip] + x]), label.rides + 1, least):
                    break
                yield _Record(trip, x, label.record, label.left, label.how), label.paid
                if self.toll.steady and alone:
                    break


def _beats(one: _End, other: _End) -> bool:
    return one.time <= other.time and one.rides <= other.rides and one.cents <= other.cents


def _is_in(label: _Label, bags: dict[int, list[_Label]]) -> bool:
    return any(one is label for one in bags[label.node])
