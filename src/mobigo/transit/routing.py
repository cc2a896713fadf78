"""Public transport search: one question from a set of stops to a set of stops, answered on a day view.

What is true (`DayViews`), what is asked (`Query`) and what is being worked out (the kernel's scratch, one per thread)
are kept apart; nothing is remembered between questions.
"""

from __future__ import annotations

from datetime import date, datetime
from threading import local
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from mobigo.kernels import trip_based as kernels
from mobigo.kernels.places import locate
from mobigo.kernels.trip_based import NEVER, DayView, Scratch
from mobigo.transit import general, tolled
from mobigo.transit.footpaths import meant_by
from mobigo.transit.model import DEFAULT_MAX_TRANSFERS, Direction, Query, Ride, TransitJourney, Walk
from mobigo.transit.timetable import EPOCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mobigo.transit.days import DayViews
    from mobigo.transit.tolled import Bounds, Toll

MOST_RIDES = 62
"""Vehicle legs a journey has at most, whatever max_transfers asks."""
SEGMENTS = 1 << 16
"""Length of a new scratch's segment list; it grows when a question needs more."""


_Ends: TypeAlias = "tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]"
"""Access stops and seconds, egress stops and seconds, as the kernel sees them."""


class _Working(NamedTuple):
    """Working memory of one thread, at rest between questions."""

    profile: Scratch
    once: Scratch
    egress: NDArray[np.int32]


_own = local()


class Found(NamedTuple):
    """What a search found."""

    journeys: list[TransitJourney]
    complete: bool
    """False when its time was over: the journeys hold, but better ones may be missing."""
    loading: float = 0.0
    """Seconds that went into loading what is compiled, and were added to the deadline."""


def search(views: DayViews, query: Query) -> list[TransitJourney]:
    """Find all journeys that no other dominates, as `answer` does, however long it takes."""
    return answer(views, query).journeys


def answer(views: DayViews, query: Query, *, deadline: float | None = None) -> Found:
    """Find all journeys that no other dominates, sorted by departure, arrival, transfers.

    Without a window: the Pareto set over (arrival, transfers) at or after `query.at`, of equals the latest departure
    (arriving: over (departure, transfers), of equals the earliest arrival). With one: over (departure, arrival,
    transfers), the departure (arriving: the arrival) within the window. A journey by vehicle that is no faster than
    walking all the way is dominated by it, also inside a window, where walking is one journey: leaving (arriving) at
    `query.at`.

    Parameters
    ----------
    deadline : float, optional
        Of `time.monotonic`: the general search answers with what it has found by then; the quick one needs no bound.
    """
    rides = max(0, min(query.max_transfers + 1, MOST_RIDES))
    if query.preferences is not None:  # needs no hops
        footpaths = query.preferences.footpaths
        views = views.at_once if footpaths is None else views.walking(footpaths)
    day, more_days = _frame(views, query)
    view = views.view(day, query.direction, more_days)
    complete, loading = True, 0.0
    if not rides:
        found: list[TransitJourney] = []
    elif query.preferences is None and not general.is_bare(view):
        found = _search_quickly(view, query, rides)
    else:
        loading = general.load(views, view, query, rides)
        found, complete = general.search_by(views, view, query, rides, None if deadline is None else deadline + loading)
    if query.walk is not None:
        found = _offer_walk(found, query)
    found.sort(key=lambda journey: (journey.departure, journey.arrival, journey.transfers, journey.cost))
    return Found(found, complete, loading)


def answer_with(views: DayViews, query: Query, toll: Toll, known: Sequence[TransitJourney], bounds: Bounds) -> Found:
    """Find journeys that a toll makes better than those known, as `tolled.search` does."""
    footpaths = query.preferences.footpaths if query.preferences is not None else None
    views = views.at_once if footpaths is None else views.walking(footpaths)
    day, more_days = _frame(views, query)
    if query.direction is Direction.ARRIVE:  # forwards all the same, from the day before the first
        day, more_days = day - more_days - 1, more_days + 1
    view = views.view(day, Direction.DEPART, more_days)
    return Found(*tolled.search(views, view, query, toll, known, bounds=bounds))


def _search_quickly(view: DayView, query: Query, rides: int) -> list[TransitJourney]:
    """Find the journeys by vehicle over precomputed hops."""
    base = int(view.base[0])
    if query.direction is Direction.DEPART:
        start = query.at - base
        ends: _Ends = (query.access, query.access_seconds, query.egress, query.egress_seconds)
    else:
        start = base - query.at
        ends = (query.egress, query.egress_seconds, query.access, query.access_seconds)
    walk = -1 if query.walk is None else query.walk
    until = start + query.window if query.window else -NEVER
    journeys, legs = _run(view, ends, (start, until, rides, walk))
    days = {row[DAY]: date.fromordinal(row[DAY] + EPOCH) for row in legs}
    found = []
    begin = 0
    for left, arrival, n_rides, end in journeys:
        found.append(_journey(view, base, (left, arrival, n_rides), legs[begin:end], days))
        begin = end
    return found


def _frame(views: DayViews, query: Query) -> tuple[int, int]:
    """Day the view is of, and days more that the window reaches over."""
    day = datetime.fromtimestamp(query.at, views.zone).toordinal() - EPOCH
    if not query.window:
        return day, 0
    until = query.at + query.window if query.direction is Direction.DEPART else query.at - query.window
    return day, abs(datetime.fromtimestamp(until, views.zone).toordinal() - EPOCH - day)


def _run(view: DayView, ends: _Ends, bounds: tuple[int, int, int, int]) -> tuple[list[list[int]], list[list[int]]]:
    """Call the kernel, with more working memory when it asks for it; `bounds` are its last four arguments."""
    rides = bounds[2]
    stride = max(rides, DEFAULT_MAX_TRANSFERS + 1)
    # copies, because parts of mapped arrays would be another signature
    from_stop, from_seconds, to_stop, to_seconds = (np.array(end, np.int32) for end in ends)
    while True:
        working = _working(view, stride)
        journeys, legs = kernels.search(
            view.places,
            working.profile.places,
            working.once.places,
            working.egress,
            stride,
            from_stop,
            from_seconds,
            to_stop,
            to_seconds,
            *bounds,
        )
        found: list[list[int]] = journeys.tolist()
        if not found or found[0][3] >= 0:
            return found, legs.tolist()
        _own.segments = 2 * _own.segments
        _own.working = None


def _working(view: DayView, stride: int) -> _Working:
    """Return the thread's working memory, made larger when this view or question needs it."""
    working: _Working | None = getattr(_own, "working", None)
    n_positions, n_lines, n_stops = len(view.position_stop), len(view.line_position) - 1, len(view.stop_cell)
    n_soonest, n_parts = view.soonest.shape[1], len(view.part_begin)
    if (
        working is not None
        and len(working.profile.reached) >= n_positions * stride
        and len(working.profile.marked) >= n_lines
        and len(working.profile.seated) >= n_lines * stride
        and len(working.egress) >= n_stops
        and len(working.once.soonest) >= n_soonest
        and len(working.once.soonest_known) >= n_parts
    ):
        return working
    if working is not None:
        n_stops = max(n_stops, len(working.egress))
        n_lines = max(n_lines, len(working.profile.marked))
        n_positions = max(n_positions, len(working.once.reached))
        n_soonest, n_parts = max(n_soonest, len(working.once.soonest)), max(n_parts, len(working.once.soonest_known))
    _own.segments = getattr(_own, "segments", SEGMENTS)
    _own.working = _Working(
        _scratch(n_positions, n_lines, stride, _own.segments),
        _scratch(n_positions, n_lines, 1, _own.segments, (n_soonest, n_parts)),
        np.full(n_stops, -1, np.int32),
    )
    working = _own.working
    assert working is not None
    return working


def _scratch(n_positions: int, n_lines: int, stride: int, segments: int, bounds: tuple[int, int] = (0, 0)) -> Scratch:
    scratch = Scratch(
        reached=np.full(n_positions * stride, kernels.MOST_TRIPS, np.uint16),
        seated=np.full(n_lines * stride, NEVER, np.int32),
        touched=np.zeros(n_lines, np.int32),
        marked=np.zeros(n_lines, np.uint8),
        segment=np.zeros((segments, 6), np.int32),
        ahead=np.full(n_positions, kernels.UNKNOWN, np.int32),
        there=np.zeros(n_positions, np.int32),
        known=np.zeros(n_lines + 1, np.int32),
        whole=np.full(n_lines, kernels.UNKNOWN, np.int32),
        whole_known=np.zeros(n_lines + 1, np.int32),
        chosen=np.zeros(kernels.AT_A_TIME, np.int32),
        arrived=np.full(n_positions * stride, NEVER, np.int32),
        came=np.zeros(n_positions + 2, np.int32),
        soonest=np.zeros(bounds[0], np.int32),
        soonest_known=np.zeros(bounds[1], np.int32),
        places=np.zeros((0, 3), np.int64),
    )
    return scratch._replace(places=locate(scratch[:-1]))


ROW, DAY, FROM_POS, TO_POS, FROM_STOP, TO_STOP, DEPARTURE, ARRIVAL, TRIP, BEFORE = range(10)
"""Columns of the kernel's legs."""


def _journey(
    view: DayView, base: int, triple: tuple[int, int, int], rows: list[list[int]], days: dict[int, date]
) -> TransitJourney:
    """Turn the kernel's rows into legs, in the order of travel; `days` are the dates of their service days."""
    left, arrival, n_rides = triple
    mirrored = view.mirrored[0]
    if mirrored:
        left, arrival = -arrival, -left
    rides = []
    for n, row in enumerate(rows):
        rides.append(row)
        if row[BEFORE] == kernels.SEATED:
            between = _seats_between(view, rows[n + 1][TRIP], row[TRIP])
            days.update((seat[DAY], date.fromordinal(seat[DAY] + EPOCH)) for seat in between)
            rides.extend(between)
    if not mirrored:
        rides.reverse()
    legs: list[Ride | Walk] = []
    here, now, after = -1, base + left, 0
    for trip, day, from_pos, to_pos, from_stop, to_stop, departs, arrives, _, before in rides:
        if here < 0:
            if departs > left:
                legs.append(Walk(-1, from_stop, now, base + departs))
        else:
            walk = after if mirrored else before
            if from_stop != here and walk >= 0:
                legs.append(Walk(here, from_stop, now, now + walk))
        now = base + arrives
        legs.append(Ride(trip, days[day], from_pos, to_pos, from_stop, to_stop, base + departs, now))
        here, after = to_stop, before
    if base + arrival > now:
        legs.append(Walk(here, -1, now, base + arrival))
    return TransitJourney(base + left, base + arrival, n_rides - 1, tuple(legs))


def _seats_between(view: DayView, first: int, last: int) -> list[list[int]]:
    """Rows of the trips one sits through whole between two trips of a vehicle, the last first."""
    before: dict[int, int] = {first: first}
    fresh = [first]
    while last not in before:
        trip = fresh.pop(0)
        for after in view.stay_trip[view.stay_first[trip] : view.stay_first[trip + 1]].tolist():
            if after not in before:
                before[after] = trip
                fresh.append(after)
    rows = []
    trip = before[last]
    while trip != first:
        rows.append(_whole(view, trip))
        trip = before[trip]
    return rows


def _whole(view: DayView, trip: int) -> list[int]:
    """Row of a trip from its first stop to its last."""
    line = int(view.trip_line[trip])
    first, last = int(view.line_position[line]), int(view.line_position[line + 1]) - 1
    shift = int(view.trip_shift[trip])
    stops = int(view.position_stop[first]), int(view.position_stop[last])
    times = int(view.departure[shift + first]), int(view.arrival[shift + last])
    if view.mirrored[0]:
        stops, times = stops[::-1], (-times[1], -times[0])
    row, day = int(view.trip_row[trip]), int(view.trip_day[trip])
    return [row, day, 0, last - first, *stops, *times, trip, int(kernels.SEATED)]


def _offer_walk(found: list[TransitJourney], query: Query) -> list[TransitJourney]:
    """Add walking all the way, unless a vehicle without change is as early and as cheap and leaves later."""
    assert query.walk is not None
    costs = query.preferences.costs if query.preferences else None
    cost = query.walk * costs.walk if costs else 0
    departure = query.at if query.direction is Direction.DEPART else query.at - query.walk
    arrival = departure + query.walk
    for journey in found:
        if journey.transfers or journey.departure < departure or journey.arrival > arrival or journey.cost > cost:
            continue
        if (journey.departure, journey.arrival, journey.cost) == (departure, arrival, cost):
            found.remove(journey)
            break
        return found
    legs = (Walk(-1, -1, departure, arrival),) if query.walk else ()
    return [*found, TransitJourney(departure, arrival, 0, legs, cost)]


def ask(
    views: DayViews,
    from_stop: int,
    to_stop: int,
    at: int,
    *,
    window: int = 0,
    direction: Direction = Direction.DEPART,
    max_transfers: int = DEFAULT_MAX_TRANSFERS,
) -> Query:
    """Put the question from stop to stop: a station means any of its stops, each end may be walked to or from.

    Parameters
    ----------
    from_stop, to_stop : int
        Stop indices.
    at, window : int
        As in `Query`.
    """
    timetable, footpaths = views.timetable, views.footpaths
    origins, targets = meant_by(timetable, from_stop), meant_by(timetable, to_stop)
    access, access_seconds = _around(footpaths.first, footpaths.target, footpaths.seconds, origins)
    egress, egress_seconds = _around(footpaths.back_first, footpaths.back, footpaths.back_seconds, targets)
    ends = set(targets.tolist())
    direct = [seconds for stop, seconds in zip(access.tolist(), access_seconds.tolist(), strict=True) if stop in ends]
    return Query(
        access,
        access_seconds,
        egress,
        egress_seconds,
        at,
        window,
        direction,
        max_transfers,
        min(direct, default=None),
    )


def anchor(views: DayViews, from_stop: int, to_stop: int, journey: TransitJourney) -> tuple[Ride | Walk, ...]:
    """Return the legs of an answer to `ask`, the ends of the first and last walk being stops that were asked for."""
    if not journey.legs:
        return ()
    timetable, footpaths = views.timetable, views.footpaths
    origins, targets = meant_by(timetable, from_stop).tolist(), meant_by(timetable, to_stop).tolist()

    def walk_from(stop: int) -> dict[int, int]:
        rows = slice(footpaths.first[stop], footpaths.first[stop + 1])
        return dict(zip(footpaths.target[rows].tolist(), footpaths.seconds[rows].tolist(), strict=True))

    legs = list(journey.legs)
    first, last = legs[0], legs[-1]
    if first.from_stop < 0 and first.to_stop < 0:
        ways = [(walk_from(a).get(b, NEVER), a, b) for a in origins for b in targets]
        _, origin, target = min(ways)
        return (first._replace(from_stop=origin, to_stop=target),)
    if first.from_stop < 0 or first.from_stop not in origins:
        stop = first.to_stop if first.from_stop < 0 else first.from_stop
        _, origin = min((walk_from(a).get(stop, NEVER), a) for a in origins)
        begin = legs.pop(0).arrival if first.from_stop < 0 else first.departure
        legs.insert(0, Walk(origin, stop, journey.departure, begin))
    if last.to_stop < 0 or last.to_stop not in targets:
        stop = last.from_stop if last.to_stop < 0 else last.to_stop
        ways = [(walk_from(stop).get(b, NEVER), b, b) for b in targets]
        end = legs.pop().departure if last.to_stop < 0 else last.arrival
        legs.append(Walk(stop, min(ways)[1], end, journey.arrival))
    return tuple(legs)


def _around(
    first: NDArray[np.int32], other: NDArray[np.int32], seconds: NDArray[np.int32], stops: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Stops within one walk of some stops, and the shortest walk to each."""
    if len(stops) == 1:
        rows = slice(first[stops[0]], first[stops[0] + 1])
        return other[rows], seconds[rows]
    if not len(stops):
        return stops, stops
    found = np.concatenate([other[first[stop] : first[stop + 1]] for stop in stops])
    walks = np.concatenate([seconds[first[stop] : first[stop + 1]] for stop in stops])
    order = np.lexsort((walks, found))
    found, walks = found[order], walks[order]
    new = np.ones(len(found), np.bool_)
    new[1:] = found[1:] != found[:-1]
    return found[new], walks[new]


def warm(views: DayViews, day: int) -> None:
    """Compile the quick search, or load it from the cache: it is asked the way from nowhere to nowhere."""
    nowhere = np.zeros(0, np.int32)
    _run(views.view(day, Direction.DEPART), (nowhere, nowhere, nowhere, nowhere), (0, -NEVER, 1, -1))
