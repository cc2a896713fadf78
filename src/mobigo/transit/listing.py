"""Trips with stops of their own: new ones, and those that run instead of one of the timetable."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mobigo.transit.describing import FAR_DAYS
from mobigo.transit.live import CallRelation, Relation
from mobigo.transit.matching import DAY, FIRST_INSTANT, LAST_INSTANT, LATEST_START, say_day
from mobigo.transit.timetable import day_number

if TYPE_CHECKING:
    from mobigo.transit.live import CallUpdate, TripUpdate
    from mobigo.transit.matching import Finder, Run

LEAST_CALLS, MANY_CALLS = 2, 2_000
"""Calls of a trip with stops of its own."""
LONG = 3 * DAY
"""Seconds a trip of no timetable may last."""


class ListedCall(NamedTuple):
    """A call of a trip with stops of its own; seconds of the service day, None: not planned."""

    stop: int
    arrival: int
    departure: int
    planned_arrival: int | None
    planned_departure: int | None
    update: CallUpdate


class Listed(NamedTuple):
    """A trip with stops of its own: new, or instead of one of the timetable."""

    base: int
    """Trip of the timetable, -1: none."""
    run: Run | None
    """The run whose place it takes."""
    day: int
    zone: int
    route: int
    """Route of the timetable, -1: none of it."""
    relation: Relation
    calls: list[ListedCall]
    at: int
    prefix: str
    update: TripUpdate

    @property
    def nickname(self) -> str:
        """Name of a new trip that has none, the same at every poll."""
        first = self.calls[0]
        return f"new-{self.update.route_id or self.update.line_name or ''}-{first.stop}-{first.departure}"


class NoTrip(Exception):
    """What is said makes no trip, and why."""


def list_new(finder: Finder, update: TripUpdate, prefix: str, at: int) -> Listed:
    """Make a trip of no timetable.

    Raises
    ------
    NoTrip
        When its stops or times make none.
    """
    names = finder.names
    base = -1 if update.trip_id is None else names.trips.get(prefix + update.trip_id, -1)
    route = -1 if base < 0 else int(finder.timetable.trip_route[base])
    for name in (update.route_id, update.line_name):
        if route < 0 and name is not None:
            route = finder.routes(prefix)[name]
    agency = int(finder.timetable.route_agency[route]) if route >= 0 else -1
    zone = int(finder.timetable.agency_zone[agency]) if agency >= 0 else 0
    first = next((said for call in update.calls for said in _instants(call)), None)
    if first is None or not FIRST_INSTANT <= first <= LAST_INSTANT:
        raise NoTrip(f"a new trip must say its times, this one says {first} s since 1970")
    day = _day_of(finder, first, zone) if update.start_date is None else day_number(update.start_date)
    if abs(day - finder.today) > FAR_DAYS:
        raise NoTrip(f"{say_day(day)} is more than {FAR_DAYS} days away")
    calls = _list_calls(finder, update, finder.begins(day, zone), prefix, [None] * len(update.calls))
    return Listed(base, None, day, zone, route, Relation.NEW, calls, at, prefix, update)


def list_instead(finder: Finder, update: TripUpdate, run: Run, prefix: str, at: int) -> Listed:
    """Make a trip that stands for a run of the timetable, with stops of its own.

    Raises
    ------
    NoTrip
        When its stops or times make none.
    """
    table = finder.timetable
    rows = int(table.call_first[run.trip])
    planned = [
        None
        if place < 0
        else (
            int(table.call_arrival[rows + place]) + run.shift,
            int(table.call_departure[rows + place]) + run.shift,
        )
        for place in finder.place_calls(update.calls, run.trip, prefix)
    ]
    zone, route = int(table.trip_zone[run.trip]), int(table.trip_route[run.trip])
    calls = _list_calls(finder, update, finder.begins(run.day, zone), prefix, planned)
    return Listed(run.trip, run, run.day, zone, route, Relation.REPLACEMENT, calls, at, prefix, update)


def _day_of(finder: Finder, instant: int, zone: int) -> int:
    """Service day an instant falls into, as its date in the zone."""
    day = instant // DAY
    return max(number for number in (day - 1, day, day + 1) if finder.begins(number, zone) <= instant)


def _list_calls(
    finder: Finder, update: TripUpdate, begins: int, prefix: str, planned: list[tuple[int, int] | None]
) -> list[ListedCall]:
    """Make calls of what is said; those that are skipped and have no times are left out."""
    calls, times, plans = [], [], []
    carried = update.delay or 0
    for call, own in zip(update.calls[:MANY_CALLS], planned, strict=False):
        said, plan, carried = _read_times(call, begins, own, carried)
        if said is None and call.relation is CallRelation.SKIPPED:
            continue
        calls.append(call)
        times.append(said)
        plans.append(plan)
    if sum(call.relation is not CallRelation.SKIPPED for call in calls) < LEAST_CALLS or len(update.calls) > MANY_CALLS:
        raise NoTrip(f"a trip has {LEAST_CALLS} to {MANY_CALLS} calls, this one {len(update.calls)}")
    stops = _find_stops(finder, calls, prefix)
    if times[0] is None or times[-1] is None:
        raise NoTrip("a trip of its own must say when it begins and ends")
    filled = _fill(times)
    if not -DAY <= filled[0][0] <= LATEST_START or filled[-1][1] - filled[0][0] > LONG:
        raise NoTrip(f"it runs from {filled[0][0]} s to {filled[-1][1]} s of its day, which is a mistake")
    return [
        ListedCall(stop, *pair, *plan, call) for stop, pair, plan, call in zip(stops, filled, plans, calls, strict=True)
    ]


def _find_stops(finder: Finder, calls: list[CallUpdate], prefix: str) -> list[int]:
    """Stops of a trip with stops of its own."""
    stops: list[int] = []
    for call in calls:
        name = call.assigned_stop_id or call.stop_id
        stop = -1 if name is None else finder.stops(prefix)[name]
        if stop < 0:
            raise NoTrip(f"its stop {name} is not in the timetable")
        stops.append(stop)
    return stops


def _instants(call: CallUpdate) -> list[int]:
    said = (call.arrival, call.departure, call.planned_arrival, call.planned_departure)
    return [instant for instant in said if instant is not None]


def _read_times(
    call: CallUpdate, begins: int, plan: tuple[int, int] | None, carried: int
) -> tuple[tuple[int, int] | None, tuple[int | None, int | None], int]:
    """Times of a call in seconds of the service day, its plan, and the delay to carry on; None: nothing is known."""
    planned_arrival = plan[0] if call.planned_arrival is None and plan else _since(call.planned_arrival, begins)
    planned_departure = plan[1] if call.planned_departure is None and plan else _since(call.planned_departure, begins)
    arrival = _expect(call.arrival, begins, planned_arrival, call.arrival_delay)
    departure = _expect(call.departure, begins, planned_departure, call.departure_delay)
    if departure is not None and planned_departure is not None:
        carried = departure - planned_departure
    elif arrival is not None and planned_arrival is not None:
        carried = arrival - planned_arrival
    if arrival is None and departure is None:
        if planned_arrival is not None:
            arrival = planned_arrival + carried
        if planned_departure is not None:
            departure = planned_departure + carried
    if arrival is None or departure is None:
        only = arrival if departure is None else departure
        times = None if only is None else (only, only)
    else:
        times = (arrival, departure)
    return times, (planned_arrival, planned_departure), carried


def _since(instant: int | None, begins: int) -> int | None:
    return None if instant is None else instant - begins


def _expect(instant: int | None, begins: int, planned: int | None, delay: int | None) -> int | None:
    if instant is not None:
        return instant - begins
    return None if delay is None or planned is None else planned + delay


def _fill(times: list[tuple[int, int] | None]) -> list[tuple[int, int]]:
    """Spread calls without times evenly between those around them, and let no time run backwards."""
    known = [place for place, pair in enumerate(times) if pair is not None]
    filled: list[tuple[int, int]] = []
    latest = times[known[0]][0]  # type: ignore[index]
    for place, pair in enumerate(times):
        if pair is None:
            before = max(at for at in known if at < place)
            after = min(at for at in known if at > place)
            start, end = times[before][1], times[after][0]  # type: ignore[index]
            arrival = departure = start + (end - start) * (place - before) // (after - before)
        else:
            arrival, departure = pair
        arrival = max(arrival, latest)
        latest = max(departure, arrival)
        filled.append((arrival, latest))
    return filled
