"""A whole school year planned: who goes to which stop, and every session's runs, with a bound for each.

Everything is by keys and ids; the plan is a document that is kept, compared and printed.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mobigo.kit.geo import Point
from mobigo.school.attendance import CELLS, sort_days
from mobigo.school.crew import LARGE, solve_together
from mobigo.school.days import count_drivers
from mobigo.school.demand import MORNING, Session, Trip, find_ride, list_homeless, list_sessions, list_trips, trouble
from mobigo.school.fleet import CO2_GRAMS, is_priced, list_models, to_kinds
from mobigo.school.model import Route
from mobigo.school.planning import (
    SEAT,
    Ground,
    Layout,
    Space,
    find_mixture,
    find_windows,
    lay_out,
    ring,
    tell,
    tell_tours,
)
from mobigo.school.register import DOOR
from mobigo.school.task import Task
from mobigo.street.coach import Period, Stand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mobigo.school.book import Book
    from mobigo.school.demand import Rider, Trouble
    from mobigo.school.fleet import Model
    from mobigo.school.model import Problem
    from mobigo.school.planning import Limits, Run
    from mobigo.school.register import Run as Circulation
    from mobigo.school.roads import Roads
    from mobigo.school.task import Outcome
    from mobigo.street.drives import Place


@dataclass(frozen=True)
class Effort:
    """How much is put into a plan."""

    seconds: float = 300.0
    """For all sessions together."""
    work: int | None = None
    """Parts planned anew of each session, instead of a time: same seed and same work, same plan."""
    seed: int = 1


class Told(NamedTuple):
    """What is said while planning."""

    session: str
    vehicles: int
    bound: int
    cost: float = 0.0
    """0 while vehicles are counted only."""
    cost_bound: float = 0.0


class _Prepared(NamedTuple):
    """A session before it is solved."""

    usual: Session
    """With the bells of the register."""
    layout: Layout
    ground: Ground
    locked: int
    """Circuits that stay as they are."""
    task: Task

    @property
    def name(self) -> str:
        return self.usual.name


def plan_year(
    book: Book,
    roads: Roads,
    effort: Effort,
    *,
    progress: Callable[[Told], None] = lambda _: None,
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Plan a year.

    Returns
    -------
    dict
        ``fleet`` (kinds of vehicles), ``sessions`` (each ``name, way, weekdays, vehicles, bound, cost, cost_bound,
        bells, locked, runs, kept``, the last those of locked circuits; a moved bell is ``school, trip, riders,
        weekdays, was, at, text, text_fr``; a run is ``id, vehicle, kind, tour, school, trip, riders, bell, at, metres,
        empty, longest_ride, calls``, its kind a place in the fleet, its tour the same for runs that are driven at once,
        else None; a call ``stop, at, pupils``), ``stops`` (by ``key/home``), ``walks`` (metres likewise), ``troubles``
        (``kind, about, text``),
        ``figures``. Costs are of a session of one day, in cents with half a day of each vehicle; in metres where the
        register has no costs; 0 is a bound that is not known.
    """
    from mobigo.school.duties import pair_sessions  # noqa: PLC0415 - likewise
    from mobigo.school.solving import solve_task  # noqa: PLC0415 - OR-Tools takes a second, and no server plans

    placed = [school for school in book.schools if school.lat is not None and school.lon is not None]
    troubles = [
        trouble("no_place", school.id, school=school.name, id=school.id)
        for school in book.schools
        if school not in placed
    ]
    sessions, found = list_sessions(placed, [bell for bell in book.bells if bell.school in {one.id for one in placed}])
    troubles += found + list_homeless(book.riders)
    stops, walks, found = assign_stops(book, roads)
    troubles += found
    places, names, row = _list_places(book, placed, set(stops.values()))
    levels = {school.id: school.level for school in placed}
    fleet = list_models(book.vehicles, book.limits.seats)
    kinds = to_kinds(fleet)
    rung: dict[tuple[str, str, str, int], int] = {}

    def prepare(number: int, usual: Session) -> _Prepared:
        session = _ring(usual, rung)
        trips = list_trips(session, book.riders)
        locked, left = _keep_locked(book, session, trips)
        period = Period.MORNING if session.way == MORNING else Period.at(max(one.at for one in session.services))
        ground = Ground(
            roads.measure(places, period), names, {one.id: row[f"school:{one.id}"] for one in placed}, levels
        )
        at = {trip: row[stops[trip]] for some in left for trip in some if trip in stops}
        seated = list_spaces(session, left, book.riders, halts=_count_halts(left, at))
        layout, found = lay_out(session, left, at, ground, book.limits, kinds=kinds, places=seated)
        troubles.extend(found)
        task = Task(
            layout.problem,
            tuple(_present(book, layout, row)),
            effort.seconds / len(sessions),
            effort.work,
            effort.seed + number,
            find_windows(layout, book.limits.shift),
            find_mixture(layout, ground, book.limits),
        )
        return _Prepared(usual, layout, ground, locked, task)

    def say(name: str, buses: int, bound: int, *costs: float) -> None:
        progress(Told(name, buses, bound, *costs))

    told: dict[str, dict[str, Any]] = {}
    order = [(n, sessions[n]) for n in sorted(range(len(sessions)), key=lambda n: -len(sessions[n].weekdays))]
    # bells that one session moves decide those of the next; else all are known before
    ahead = [prepare(*one) for one in order] if not book.limits.shift else []
    outcomes: dict[str, Outcome] = {}
    if sum(len(one.layout.loads) for one in ahead) >= LARGE:
        tasks = {one.name: one.task._replace(seconds=effort.seconds) for one in ahead if one.layout.loads}
        outcomes = solve_together(tasks, progress=say, stopped=stopped)
    for number, (place, usual) in enumerate(order):
        one = ahead[number] if ahead else prepare(place, usual)
        outcome = outcomes.get(one.name)
        if outcome is None and one.layout.loads:
            outcome = solve_task(one.task, progress=partial(say, one.name), stopped=stopped)
        ids = {row[name]: name for name in row}
        told[one.name] = _tell_session(usual, one.layout, outcome, ground=one.ground, ids=ids, book=book)
        told[one.name]["vehicles"] += one.locked
        told[one.name]["bound"] += one.locked
        told[one.name]["locked"] = one.locked
        for bell in told[one.name]["bells"]:
            rung[bell["school"], bell["trip"], bell["riders"], bell["was"]] = bell["at"]
    in_order = [told[session.name] for session in sessions]
    pair_sessions(in_order, book.limits.amplitude)
    _tell_locked(book, roads, in_order)
    return {
        "fleet": [one.plain() for one in fleet],
        "sessions": in_order,
        "stops": {f"{trip.pupil}/{trip.home}": stop for trip, stop in sorted(stops.items())},
        "walks": {f"{trip.pupil}/{trip.home}": metres for trip, metres in sorted(walks.items())},
        "troubles": [one._asdict() for one in dict.fromkeys(troubles)],
        "figures": reckon(fleet, book.limits, in_order),
    }


def _ring(session: Session, rung: Mapping[tuple[str, str, str, int], int]) -> Session:
    """Give a session the bells that another one decided: a bell is moved on all its days, or on none."""
    services = []
    for one in session.services:
        at = rung.get((one.school, one.trip, one.riders, one.at))
        services.append(one if at is None else one._replace(at=at, earliest=at, latest=at))
    return replace(session, services=tuple(services))


def _tell_session(
    usual: Session, layout: Layout, outcome: Outcome | None, *, ground: Ground, ids: dict[int, str], book: Book
) -> dict[str, Any]:
    """Tell what came of a session; without an outcome nobody rides."""
    from mobigo.school.duties import limit_spans  # noqa: PLC0415 - likewise

    session = layout.session
    told: dict[str, Any] = {"name": session.name, "way": session.way, "weekdays": list(session.weekdays)}
    if outcome is None:
        return {**told, "vehicles": 0, "bound": 0, "cost": 0, "cost_bound": 0, "bells": [], "runs": []}
    rung = ring(layout, outcome.problem)
    solved = outcome.solved
    toured = outcome.toured
    runs = tell(rung, solved.plan, ground.table) if toured is None else tell_tours(rung, toured, ground)
    runs = limit_spans(rung, runs, ground.table, book.limits)
    alone = Counter(run.tour for run in runs)
    spared = outcome.usual - solved.plan.buses
    return {
        **told,
        "vehicles": len({run.vehicle for run in runs}),
        "bound": outcome.bound,
        "cost": round(solved.cost if toured is None else toured.cost),
        "cost_bound": math.ceil(solved.cost_bound - 1e-3) if toured is None else 0,
        "bells": _tell_bells(usual, rung.session, spared, {school.id: school.name for school in book.schools}),
        "runs": [
            {
                **_tell_run(run, rung, ids, nth, book.limits),
                "tour": f"{session.name} {run.tour + 1}" if alone[run.tour] > 1 else None,
            }
            for nth, run in enumerate(runs, 1)
        ],
    }


def _tell_bells(before: Session, after: Session, spared: int, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Tell the bells that were moved, as changes that staff could have made, each with a sentence."""
    moved = [(was, now) for was, now in zip(before.services, after.services, strict=True) if was.at != now.at]
    return [
        {
            "school": now.school,
            "trip": now.trip,
            "riders": now.riders,
            "weekdays": list(after.weekdays),
            "was": was.at,
            "at": now.at,
            **say_bell(names[now.school], was.at, now.at, spared, len(moved)),
        }
        for was, now in moved
    ]


def say_bell(school: str, was: int, now: int, spared: int, together: int) -> dict[str, str]:
    """Say in English and French why a bell is moved."""
    minutes, clocks = abs(now - was) // 60, [f"{at // 3600:02}:{at // 60 % 60:02}" for at in (was, now)]
    later = now > was
    text = (
        f"{school}: the bell moves {minutes} minutes {'later' if later else 'earlier'}, from {clocks[0]} to {clocks[1]}"
    )
    moved = "retardé" if later else "avancé"
    text_fr = f"{school} : l'horaire est {moved} de {minutes} minutes, de {clocks[0]} à {clocks[1]}"
    if spared <= 0:
        return {"text": f"{text}, as on other days", "text_fr": f"{text_fr}, comme les autres jours"}
    others = f"together with {together - 1} more, this" if together > 1 else "this"
    autres = f"avec {together - 1} autres, ce changement" if together > 1 else "ce changement"
    return {
        "text": f"{text}; {others} lets vehicles come from another school in time, and {spared} fewer are needed",
        "text_fr": f"{text_fr} ; {autres} permet d'enchaîner des circuits et économise {spared}"
        f" véhicule{'s' if spared > 1 else ''}",
    }


def _count_halts(trips: Sequence[Sequence[Trip]], stops: Mapping[Trip, int]) -> int:
    """Count the stops of all services."""
    return sum(len({stops[trip] for trip in some if trip in stops}) for some in trips)


def list_spaces(
    session: Session, trips: Sequence[Sequence[Trip]], riders: Iterable[Rider], *, halts: int
) -> dict[Trip, Space]:
    """List what those who travel with a session take up of a vehicle, where it is not a seat every day.

    Days are told apart where pupils come in alternate weeks, and in sessions of less than 1,000 halts; in larger ones,
    where it takes planning too long, who rides on some weekdays only has a seat on all.
    """
    known = {rider.key: rider for rider in riders}
    mine = {trip: service for service, some in enumerate(trips) for trip in some}
    homes = [next(one for one in known[trip.pupil].homes if one.number == trip.home) for trip in mine]
    ridden = [
        find_ride(known[trip.pupil], home, session, service).spread()
        for (trip, service), home in zip(mine.items(), homes, strict=True)
    ]
    apart = halts < LARGE or any(home.weeks != "all" for home in homes)
    kinds = (
        sort_days(np.array(ridden, np.bool_).reshape(len(ridden), CELLS)).tolist() if apart else repeat((True, True))
    )
    found = {
        trip: Space(
            "all" if first and second else "first" if first else "second",
            "wheelchair" in known[trip.pupil].needs,
            "escort" in known[trip.pupil].needs,
        )
        for trip, (first, second) in zip(mine, kinds, strict=False)
    }
    return {trip: place for trip, place in found.items() if place != SEAT}


# ── stops ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def assign_stops(book: Book, roads: Roads) -> tuple[dict[Trip, str], dict[Trip, int], list[Trouble]]:
    """Give every pupil's home a stop: the one staff decided, the door, the present one, or the one that is best.

    Returns
    -------
    dict, dict, list of Trouble
        Stop of each home, and the metres of those walks that were chosen here.
    """
    from mobigo.school.stopping import choose_stops  # noqa: PLC0415 - likewise

    usable = {stop.id for stop in book.stops if stop.open}
    known = {(seat.pupil, seat.home): seat.stop for seat in book.seats} if book.keeps_stops else {}
    stops: dict[Trip, str] = {}
    open_homes: list[tuple[Rider, Trip, Point]] = []
    for rider in book.riders:
        for home in rider.homes:
            trip = Trip(rider.key, home.number)
            fetched = home.point is not None and "door" in rider.needs
            pinned, present = book.pins.get(trip), known.get(trip)
            if pinned in usable:
                stops[trip] = str(pinned)
            elif fetched:
                stops[trip] = _door(trip)
            elif present in usable:
                stops[trip] = str(present)
            elif home.point is not None:
                open_homes.append((rider, trip, home.point))
    served = [stop for stop in book.stops if stop.open]
    points = [Point(stop.lon, stop.lat) for stop in served]
    longest = np.array([book.longest_walk(rider) for rider, _, _ in open_homes], np.int32)
    walks = roads.walk([point for *_, point in open_homes], points, float(longest.max(initial=0)))
    kept = frozenset(number for number, stop in enumerate(served) if stop.id in set(stops.values()))
    found = choose_stops(walks, longest, points, kept=kept)
    metres, troubles = {}, []
    for (_, trip, _), most, stop, walked in zip(open_homes, longest, found.stop, found.metres, strict=True):
        if stop >= 0:
            stops[trip], metres[trip] = served[stop].id, int(walked)
            continue
        troubles.append(trouble("no_stop", trip.pupil, pupil=trip.pupil, home=trip.home, most=most))
    return stops, metres, troubles


def _door(trip: Trip) -> str:
    return f"{DOOR}{trip.pupil}-{trip.home}"


def list_doors(book: Book) -> dict[str, Point]:
    """List the doors at which pupils are fetched, by the id of the stop."""
    return {
        _door(Trip(rider.key, home.number)): home.point
        for rider in book.riders
        if "door" in rider.needs
        for home in rider.homes
        if home.point is not None
    }


def _list_places(book: Book, schools: Sequence[Any], used: set[str]) -> tuple[list[Place], list[str], dict[str, int]]:
    """List schools, then stops, then doors, with their names and rows."""
    places: list[Place] = [Point(one.lon, one.lat) for one in schools]
    names = [one.name for one in schools]
    row = {f"school:{one.id}": number for number, one in enumerate(schools)}
    for stop in book.stops:
        if stop.id in used and not stop.id.startswith(DOOR):
            row[stop.id] = len(places)
            places.append(
                Point(stop.lon, stop.lat) if stop.bearing is None else Stand(stop.lon, stop.lat, stop.bearing)
            )
            names.append(f"{stop.name} ({stop.id})")
    for door, point in list_doors(book).items():
        if door in used:
            row[door] = len(places)
            places.append(point)
            names.append(door)
    return places, names, row


# ── circuits of today ─────────────────────────────────────────────────────────────────────────────────────────────────


def _is_of(run: Circulation, session: Session) -> bool:
    return (run.trip == MORNING) == (session.way == MORNING) and not set(session.weekdays).isdisjoint(run.weekdays)


def _keep_locked(book: Book, session: Session, trips: list[list[Trip]]) -> tuple[int, list[list[Trip]]]:
    """Take those out who ride on locked circuits; count the circuits."""
    locked = {circuit.id for circuit in book.circuits if circuit.locked}
    runs = {run.id: run.circuit for run in book.runs if run.circuit in locked and _is_of(run, session)}
    riding = {Trip(seat.pupil, seat.home) for seat in book.seats if seat.run in runs}
    return len(set(runs.values())), [[trip for trip in some if trip not in riding] for some in trips]


def _tell_locked(book: Book, roads: Roads, sessions: Sequence[dict[str, Any]]) -> None:
    """Add to sessions the runs of circuits that stay as they are; their vehicles have numbers after all others."""
    from mobigo.school.today import tell_today  # noqa: PLC0415 - which reckons with this module

    circuits = tuple(one for one in book.circuits if one.locked)
    mine = {one.id for one in circuits}
    runs = tuple(run for run in book.runs if run.circuit in mine)
    driven = {run.id for run in runs}
    told = tell_today(
        replace(
            book,
            circuits=circuits,
            runs=runs,
            calls=tuple(call for call in book.calls if call.run in driven),
            seats=tuple(seat for seat in book.seats if seat.run in driven),
        ),
        roads,
    )
    kept = {one["name"]: one["runs"] for one in told["sessions"]}
    first = 1 + max((run["vehicle"] for one in sessions for run in one["runs"]), default=-1)
    for one in sessions:
        one["kept"] = [{**run, "vehicle": first + run["vehicle"]} for run in kept.get(one["name"], ())]


def list_all_runs(session: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List a session's runs, those of locked circuits too."""
    return [*session["runs"], *session.get("kept", ())]


def _present(book: Book, layout: Layout, row: dict[str, int]) -> list[Route]:
    """Return the session's routes as they are driven today, where they keep to the limits; every load is in one."""
    session, problem = layout.session, layout.problem
    loads: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, load in enumerate(layout.loads):
        loads[load.service, load.stop].append(number)
    calls = defaultdict(list)
    for call in sorted(book.calls, key=lambda one: one.position):
        calls[call.run].append(call)
    driven: set[int] = set()
    routes: list[Route] = []
    for run in book.runs:
        if not _is_of(run, session):
            continue
        schools = [call.school for call in calls[run.id] if call.school is not None]
        way = [call.stop for call in calls[run.id] if call.stop is not None]
        if session.way != MORNING:
            way.reverse()
        for service, one in enumerate(session.services):
            if one.school not in schools or (session.way != MORNING and one.trip != run.trip):
                continue
            mine = [
                number
                for stop in dict.fromkeys(way)
                if stop in row
                for number in loads.get((service, row[stop]), ())
                if number not in driven
            ]
            for part in part_run(problem, service, mine):
                routes.append(part)
                driven.update(part.stops)
    if not routes:
        return []
    alone = [
        Route(load.service, (n,), problem.find_kind([n]) or 0) for n, load in enumerate(layout.loads) if n not in driven
    ]
    return [*routes, *alone]


def part_run(problem: Problem, service: int, stops: Sequence[int]) -> Iterator[Route]:
    """Part a run of today into routes that keep to the limits, in its order; mostly it is one.

    What changed since at one stop (a pupil more, a wheelchair, a stop put elsewhere) takes that stop out, not the run.
    """
    left = list(stops)
    while left:
        mine: list[int] = []
        kind: int | None = None
        for stop in left:
            wider = problem.find_kind([*mine, stop])
            if wider is not None and problem.ride(Route(service, (*mine, stop))) <= problem.max_ride[service]:
                mine, kind = [*mine, stop], wider
        if kind is None:
            return
        yield Route(service, tuple(mine), kind)
        left = [stop for stop in left if stop not in mine]


# ── the document ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell_run(run: Run, layout: Layout, ids: dict[int, str], nth: int, limits: Limits) -> dict[str, Any]:
    session = layout.session
    service = session.services[run.service]
    leaves = run.calls[0].at + limits.halt + limits.each * len(run.calls[0].trips)
    ends = (leaves, run.at) if session.way == MORNING else (run.at, run.calls[-1].at)
    return {
        "id": f"{session.way[0].upper()}{''.join(map(str, session.weekdays))}-{nth:03}",
        "vehicle": run.vehicle,
        "kind": run.kind,
        "school": service.school,
        "trip": service.trip,
        "riders": service.riders,
        "bell": service.at,
        "at": round(run.at),
        "metres": run.metres,
        "empty": run.empty,
        "longest_ride": round(ends[1] - ends[0]),
        "calls": [
            {
                "stop": ids[call.stop],
                "at": math.floor(call.at),
                "pupils": [f"{one.pupil}/{one.home}" for one in call.trips],
            }
            for call in run.calls
        ],
    }


def list_rides(session: dict[str, Any], limits: Limits) -> list[int]:
    """List the seconds that each pupil of a session rides: without the halt at their own stop."""
    boards = session["way"] == MORNING
    return [
        max(0, abs(run["at"] - call["at"]) - round(limits.halt + limits.each * len(call["pupils"])) * boards)
        for run in session["runs"]
        for call in run["calls"]
        for _ in call["pupils"]
    ]


def reckon(fleet: Sequence[Model], limits: Limits, planned: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Reckon what a plan takes: vehicles (of the fullest session), and by week kilometres, hours, cost, CO2; rides.

    Circuits that are locked count with all others.

    Cost is by the prices of each vehicle's kind, and unknown where the register has none; its bound is of plans with no
    more vehicles in any session, and counts no waiting.
    """
    sessions = [{**one, "runs": list_all_runs(one)} for one in planned]
    loaded = sum(run["metres"] * len(one["weekdays"]) for one in sessions for run in one["runs"])
    empty = sum(run["empty"] * len(one["weekdays"]) for one in sessions for run in one["runs"])
    grams = sum(
        (run["metres"] + run["empty"]) / 1000 * len(one["weekdays"]) * _grams(fleet, run)
        for one in sessions
        for run in one["runs"]
    )
    rides = sorted(ride for one in sessions for ride in list_rides(one, limits))
    hours = sum(_vehicle_seconds(one) * len(one["weekdays"]) for one in sessions) / 3600
    priced = is_priced(fleet)
    bounds = [one.get("cost_bound", 0) * len(one["weekdays"]) for one in sessions]
    return {
        "vehicles": max((one["vehicles"] for one in sessions), default=0),
        "drivers": max(count_drivers(sessions, limits.amplitude).values(), default=0),
        "bound": max((one["bound"] for one in sessions), default=0),
        "runs": sum(len(one["runs"]) for one in sessions),
        "loaded_km": round(loaded / 1000, 1),
        "empty_km": round(empty / 1000, 1),
        "hours": round(hours, 1),
        "cents": _sum_costs(fleet, sessions) if priced else None,
        "cents_bound": sum(bounds) if priced else None,
        "co2_kg": round(grams / 1000, 1),
        "pupils": len(
            {
                trip.partition("/")[0]
                for one in sessions
                for run in one["runs"]
                for call in run["calls"]
                for trip in call["pupils"]
            }
        ),
        "stops": len({call["stop"] for one in sessions for run in one["runs"] for call in run["calls"]}),
        "ride_mean": round(sum(rides) / len(rides)) if rides else 0,
        "ride_p95": rides[math.ceil(0.95 * len(rides)) - 1] if rides else 0,
        "ride_longest": rides[-1] if rides else 0,
    }


def _grams(fleet: Sequence[Model], run: dict[str, Any]) -> int:
    return fleet[run["kind"]].grams if fleet else CO2_GRAMS


def _sum_costs(fleet: Sequence[Model], sessions: Sequence[dict[str, Any]]) -> int:
    """Sum the cents of a week: half a day of a vehicle in each session, kilometres, hours from first to last halt."""
    total = 0.0
    for one in sessions:
        spans = _list_spans(one)
        kinds = {run["vehicle"]: fleet[run["kind"]] for run in one["runs"]}
        day = sum((kind.day_cents or 0) / 2 for kind in kinds.values())
        hours = sum((kinds[vehicle].hour_cents or 0) * span / 3600 for vehicle, span in spans.items())
        way = sum((run["metres"] + run["empty"]) / 1000 * (fleet[run["kind"]].km_cents or 0) for run in one["runs"])
        total += (day + hours + way) * len(one["weekdays"])
    return round(total)


def _vehicle_seconds(session: dict[str, Any]) -> float:
    return float(sum(_list_spans(session).values()))


def _list_spans(session: dict[str, Any]) -> dict[int, int]:
    """List the seconds from each vehicle's first halt or school to its last."""
    times: dict[int, list[int]] = defaultdict(list)
    for run in session["runs"]:
        times[run["vehicle"]] += [run["at"], *(call["at"] for call in run["calls"])]
    return {vehicle: max(some) - min(some) for vehicle, some in times.items()}
