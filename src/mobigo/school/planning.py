"""From pupils at their stops to runs with times: one session laid out, solved, and told as a timetable.

Ways home are solved as ways to school in reversed time. What cannot be served is left out with a sentence that says
what to change; all else is planned.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.school.demand import MORNING, Session, Trip, Trouble, trouble
from mobigo.school.model import Kind, Metres, Plan, Problem, Route
from mobigo.school.task import Mixture, narrow
from mobigo.street.drives import NO_WAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mobigo.school.task import Tour, Toured, Windows
    from mobigo.street.drives import Table


@dataclass(frozen=True)
class Limits:
    """What every run keeps to."""

    seats: int = 55
    """Of the largest vehicle."""
    ride: Mapping[str, int] = field(default_factory=lambda: {"primary": 2_700, "college": 2_700, "lycee": 3_600})
    """Seconds aboard, by level of the school."""
    halt: float = 19.0
    """Seconds of a stop ..."""
    each: float = 2.6
    """... and of each pupil who gets on or off."""
    unloading: float = 154.0
    """Seconds at the school before the bell, or after it."""
    shift: int = 0
    """Seconds by which planning may move a bell, within what the register allows for it."""
    amplitude: int | None = None
    """Seconds of a driver's day, from the first halt to the last; None: any."""
    mixed: int = 0
    """Seconds from the bell that pupils may be at a school where a vehicle serves several at once; 0: none does."""


@dataclass(frozen=True)
class Ground:
    """Places and the drives between them: schools and stops are rows of one table."""

    table: Table
    """Closed, see `mobigo.school.roads.close`."""
    names: Sequence[str]
    """Of the rows, as people know them."""
    schools: Mapping[str, int]
    """Row of each school, by id."""
    levels: Mapping[str, str]
    """Of each school, by id."""


class Space(NamedTuple):
    """What a pupil takes up of a vehicle."""

    days: str = "all"
    """``all``, or only ``first`` or ``second``: the kinds of days of the session, see `attendance.sort_days`."""
    rolls: bool = False
    """A place for a wheelchair, instead of a seat."""
    escorted: bool = False
    """A seat more, for the one who goes along."""

    def tally(self) -> NDArray[np.int32]:
        """Tally it, int32[2, 2]: by kind of days, seats and places for wheelchairs."""
        one = [int(not self.rolls) + int(self.escorted), int(self.rolls)]
        return np.array([one if self.days != "second" else [0, 0], one if self.days != "first" else [0, 0]], np.int32)


SEAT = Space()


class Load(NamedTuple):
    """Pupils of one service at one stop, or as many of them as one vehicle takes."""

    service: int
    stop: int
    trips: tuple[Trip, ...]


class Layout(NamedTuple):
    """A session as the optimiser takes it: its schools are services, its stops loads."""

    session: Session
    loads: tuple[Load, ...]
    schools: tuple[int, ...]
    """Of each service, the row of its school."""
    problem: Problem


class Call(NamedTuple):
    """A halt at a stop."""

    stop: int
    at: float
    """Seconds after midnight, when the vehicle comes."""
    trips: tuple[Trip, ...]


@dataclass(frozen=True)
class Run:
    """One way of a vehicle, to a school or home from it."""

    service: int
    calls: tuple[Call, ...]
    """In driving order."""
    at: float
    """Seconds after midnight, at the school."""
    vehicle: int
    """Number of the vehicle of the session; it drives its runs one after another."""
    kind: int
    """Of the vehicle."""
    tour: int
    """Number of the vehicle's tour: runs with the same number are driven at once."""
    metres: int
    """Loaded."""
    empty: int
    """Metres to the first halt from the run before; 0 of a vehicle's first."""


def lay_out(
    session: Session,
    trips: Sequence[Sequence[Trip]],
    stops: Mapping[Trip, int],
    ground: Ground,
    limits: Limits,
    *,
    kinds: Sequence[Kind] = (),
    places: Mapping[Trip, Space] | None = None,
) -> tuple[Layout, list[Trouble]]:
    """Lay a session out for the optimiser.

    Parameters
    ----------
    trips
        Of each service.
    stops
        Row of the table at which each trip begins or ends; a trip without one is left out.
    kinds
        Of vehicles; without any, there is one that has the limits' seats.
    places
        What trips take up, where it is not a seat.

    Returns
    -------
    Layout, list of Trouble
        Without the loads that no vehicle can serve.
    """
    kinds = tuple(kinds) or (Kind(limits.seats),)
    fitter = _Fitter(kinds, places or {})
    troubles: list[Trouble] = []
    loads: list[Load] = []
    schools = tuple(ground.schools[one.school] for one in session.services)
    for service, some in enumerate(trips):
        at: dict[int, list[Trip]] = defaultdict(list)
        for trip in sorted(some):
            if trip in stops:
                at[stops[trip]].append(trip)
        longest = limits.ride[ground.levels[session.services[service].school]]
        for stop, here in sorted(at.items()):
            ends = (stop, schools[service]) if session.way == MORNING else (schools[service], stop)
            found = _judge(ends, (ground.names[stop], ground.names[schools[service]]), ground.table, longest)
            if found is not None:
                troubles.append(found)
                continue
            left = [trip for trip in here if not fitter.takes(trip)]
            troubles += [_unplaced(trip.pupil) for trip in left]
            groups = [
                [trip for trip in here if fitter.rolls(trip) == rolling and trip not in left]
                for rolling in (False, True)
            ]
            for group in groups:
                parts = fitter.part(group)
                if len(parts) > 1 and group is groups[0]:
                    seats = max(kind.seats for kind in kinds)
                    names = ground.names[stop], ground.names[schools[service]]
                    troubles.append(_overfull(*names, len(group), seats, len(parts)))
                loads += [Load(service, stop, tuple(one)) for one in parts]
    problem = _state(session, loads, schools, ground, limits)
    return Layout(session, tuple(loads), schools, replace(problem, kinds=kinds, riders=fitter.count(loads))), troubles


class _Fitter:
    """Parts the pupils of a stop into loads, each of which some kind of vehicle takes."""

    def __init__(self, kinds: Sequence[Kind], places: Mapping[Trip, Space]) -> None:
        self._kinds, self._places = kinds, places

    def rolls(self, trip: Trip) -> bool:
        """Tell whether a pupil needs a place for a wheelchair."""
        return self._places.get(trip, SEAT).rolls

    def takes(self, trip: Trip) -> bool:
        """Tell whether any vehicle takes a pupil."""
        return self._fits([trip])

    def _sum(self, trips: Sequence[Trip]) -> NDArray[np.int32]:
        total = np.zeros((2, 2), np.int32)
        for trip in trips:
            total += self._places.get(trip, SEAT).tally()
        return total

    def _fits(self, trips: Sequence[Trip]) -> bool:
        aboard = self._sum(trips)
        return any(kind.holds(aboard) for kind in self._kinds)

    def part(self, trips: Sequence[Trip]) -> list[list[Trip]]:
        """Part pupils evenly into as few loads as each fit a vehicle; those of some days beside those of others."""
        if not trips:
            return []
        order = sorted(trips, key=lambda trip: ("all", "first", "second").index(self._places.get(trip, SEAT).days))
        plain = all(trip not in self._places for trip in trips)
        for count in range(1, len(trips) + 1):
            size = math.ceil(len(trips) / count)
            parts = (
                [trips[n : n + size] for n in range(0, len(trips), size)]
                if plain
                else [order[n::count] for n in range(count)]
            )
            if all(self._fits(part) for part in parts):
                return [sorted(part) for part in parts]
        raise AssertionError("a pupil alone fits, or is left out before")

    def count(self, loads: Sequence[Load]) -> NDArray[np.int32] | None:
        """Count what loads take up; None where everybody has a seat every day."""
        if not any(trip in self._places for load in loads for trip in load.trips):
            return None
        return np.array([self._sum(load.trips) for load in loads], np.int32)


def _unplaced(pupil: str) -> Trouble:
    return trouble("no_wheelchair_place", pupil, pupil=pupil)


def _overfull(stop: str, school: str, pupils: int, seats: int, vehicles: int) -> Trouble:
    return trouble("stop_overfull", stop, pupils=pupils, stop=stop, school=school, seats=seats, vehicles=vehicles)


def _judge(ends: tuple[int, int], names: tuple[str, str], table: Table, longest: int) -> Trouble | None:
    """Say why a stop cannot be served for a service, if it cannot."""
    stop, school = names
    seconds = int(table.seconds[ends])
    if seconds == NO_WAY or table.seconds[ends[::-1]] == NO_WAY:
        return trouble("stop_unreached", stop, stop=stop, school=school)
    if seconds > longest:
        minutes = {"minutes": f"{seconds / 60:.0f}", "longest": f"{longest / 60:.0f}"}
        return trouble("ride_too_long", stop, stop=stop, school=school, **minutes)
    return None


def _state(session: Session, loads: Sequence[Load], schools: Sequence[int], ground: Ground, limits: Limits) -> Problem:
    """State the optimiser's problem; of ways home in reversed time."""
    drives = ground.table.seconds if session.way == MORNING else ground.table.seconds.T
    lengths = ground.table.metres if session.way == MORNING else ground.table.metres.T
    stop = np.array([one.stop for one in loads], np.int32)
    service = np.array([one.service for one in loads], np.int32)
    school = np.array(schools, np.int32)
    pupils = np.array([len(one.trips) for one in loads], np.int32)
    bells = np.array([one.at for one in session.services], np.float64)
    return Problem(
        kinds=(Kind(limits.seats),),
        max_ride=np.array([limits.ride[ground.levels[one.school]] for one in session.services], np.float64),
        bell=bells if session.way == MORNING else -bells,
        unloading=np.full(len(bells), limits.unloading),
        school=service,
        pupils=pupils,
        dwell=np.asarray(limits.halt + limits.each * pupils, np.float64),
        drive=_reached(drives[np.ix_(stop, stop)]),
        to_school=_reached(drives[stop, school[service]]),
        from_school=_reached(drives[np.ix_(school, stop)]),
        metres=Metres(
            _reached(lengths[np.ix_(stop, stop)]),
            _reached(lengths[stop, school[service]]),
            _reached(lengths[np.ix_(school, stop)]),
        ),
    )


def _reached(seconds: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return seconds, or metres, in which no way takes more than any plan."""
    return np.where(seconds == NO_WAY, 1e7, seconds).astype(np.float64)


def find_windows(layout: Layout, most: int) -> Windows | None:
    """Find within what a session's bells may be moved by at most so many seconds; None: not at all."""
    services = layout.session.services
    ends = [[one.at, one.earliest, one.latest] for one in services]
    if layout.session.way != MORNING:
        ends = [[-at, -latest, -earliest] for at, earliest, latest in ends]
    bell, earliest, latest = np.array(ends, np.float64).reshape(-1, 3).T
    found = narrow(bell, earliest, latest, most)
    return found if found.open else None


def ring(layout: Layout, problem: Problem) -> Layout:
    """Return a session with the bells of a problem that was made of it."""
    bells = problem.bell if layout.session.way == MORNING else -problem.bell
    services = [one._replace(at=round(float(at))) for one, at in zip(layout.session.services, bells, strict=True)]
    return layout._replace(session=replace(layout.session, services=tuple(services)), problem=problem)


def tell(layout: Layout, plan: Plan, table: Table) -> list[Run]:
    """Tell a plan as runs with their times, by vehicle and then by time.

    A morning's run comes to the school as late as it may; one home leaves as soon as it may.
    """
    runs = []
    for vehicle, block in enumerate(plan.blocks()):
        told = [replace(_tell_run(layout, plan.routes[n], vehicle, table), tour=n) for n in block]
        mine = sorted(told, key=lambda one: one.at)
        runs.append(mine[0])
        for before, after in pairwise(mine):
            runs.append(replace(after, empty=int(table.metres[_end(before, layout), _start(after, layout)])))
    return runs


def find_mixture(layout: Layout, ground: Ground, limits: Limits) -> Mixture | None:
    """State what mixed loads need to know; None where they are not wanted. Primary schools never meet lycées."""
    if not limits.mixed:
        return None
    forwards = layout.session.way == MORNING
    seconds = ground.table.seconds if forwards else ground.table.seconds.T
    metres = ground.table.metres if forwards else ground.table.metres.T
    stop, school = np.array([one.stop for one in layout.loads], np.int32), np.array(layout.schools, np.int32)
    levels = [ground.levels[one.school] for one in layout.session.services]
    together = [[{a, b} != {"primary", "lycee"} for b in levels] for a in levels]
    return Mixture(
        float(limits.mixed),
        np.array(together, np.bool_),
        _reached(seconds[np.ix_(stop, school)]),
        _reached(seconds[np.ix_(school, school)]),
        _reached(metres[np.ix_(stop, school)]),
        _reached(metres[np.ix_(school, school)]),
    )


def tell_tours(layout: Layout, toured: Toured, ground: Ground) -> list[Run]:
    """Tell tours as `tell` does routes: a tour to several schools is a run to each, driven at once."""
    mine: list[Run] = []
    for vehicle, block in enumerate(toured.blocks()):
        told = [_tell_tour(layout, toured.tours[n], n, vehicle, ground.table) for n in block]
        in_order = sorted(told, key=lambda runs: max(run.at for run in runs))
        ends = [_find_ends(layout, toured.tours[runs[0].tour]) for runs in in_order]
        for number, runs in enumerate(in_order):
            empty = int(ground.table.metres[ends[number - 1][1], ends[number][0]]) if number else 0
            first = min(range(len(runs)), key=lambda at: min(call.at for call in runs[at].calls))
            mine += [replace(run, empty=empty) if at == first else run for at, run in enumerate(runs)]
    return mine


def _find_ends(layout: Layout, tour: Tour) -> tuple[int, int]:
    """Return the places where a tour begins and ends, as it is driven."""
    ends = [
        layout.loads[one].stop if one >= 0 else layout.schools[-1 - one] for one in (tour.visits[0], tour.visits[-1])
    ]
    return (ends[0], ends[1]) if layout.session.way == MORNING else (ends[1], ends[0])


def _tell_tour(layout: Layout, tour: Tour, number: int, vehicle: int, table: Table) -> list[Run]:
    """Tell a tour as late as the bells of its schools allow, on the way home as early; a run for each school."""
    problem, forwards = layout.problem, layout.session.way == MORNING
    seconds = table.seconds if forwards else table.seconds.T
    place = [layout.loads[one].stop if one >= 0 else layout.schools[-1 - one] for one in tour.visits]
    at, clock = [0.0], 0.0
    for n, (here, there) in enumerate(pairwise(place)):
        visit = tour.visits[n]
        clock += float(problem.dwell[visit] if visit >= 0 else problem.unloading[-1 - visit]) + float(
            seconds[here, there]
        )
        at.append(clock)
    schools = {-1 - visit: n for n, visit in enumerate(tour.visits) if visit < 0}
    start = min(float(problem.bell[school] - problem.unloading[school]) - at[n] for school, n in schools.items())
    begin, runs = 0, []
    for school, end in schools.items():
        metres = sum(
            int(table.metres[(place[n], place[n + 1]) if forwards else (place[n + 1], place[n])])
            for n in range(begin, end)
        )
        begin = end
        calls = []
        for n, visit in enumerate(tour.visits):
            if visit >= 0 and int(problem.school[visit]) == school:
                comes = start + at[n] if forwards else -(start + at[n]) - float(problem.dwell[visit])
                calls.append(Call(place[n], comes, layout.loads[visit].trips))
        reaches = start + at[end] if forwards else -(start + at[end])
        ordered = tuple(calls if forwards else reversed(calls))
        runs.append(Run(school, ordered, reaches, vehicle, tour.kind, number, metres, 0))
    return runs


def _tell_run(layout: Layout, route: Route, vehicle: int, table: Table) -> Run:
    problem, service = layout.problem, route.school
    forwards = layout.session.way == MORNING
    seconds = table.seconds if forwards else table.seconds.T
    at = float(problem.bell[service] - problem.unloading[service])
    calls: list[Call] = []
    reached, metres, clock = layout.schools[service], 0, at
    for number in reversed(route.stops):
        load, dwell = layout.loads[number], float(problem.dwell[number])
        clock -= float(seconds[load.stop, reached]) + dwell
        metres += int(table.metres[(load.stop, reached) if forwards else (reached, load.stop)])
        # in reversed time a halt begins where it ends
        calls.append(Call(load.stop, clock if forwards else -clock - dwell, load.trips))
        reached = load.stop
    if forwards:
        return Run(service, tuple(reversed(calls)), at, vehicle, route.kind, 0, metres, 0)
    return Run(service, tuple(calls), -at, vehicle, route.kind, 0, metres, 0)


def _start(run: Run, layout: Layout) -> int:
    return run.calls[0].stop if layout.session.way == MORNING else layout.schools[run.service]


def _end(run: Run, layout: Layout) -> int:
    return layout.schools[run.service] if layout.session.way == MORNING else run.calls[-1].stop
