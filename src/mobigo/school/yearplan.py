"""A whole school year planned: who goes to which stop, and every session's runs, with a bound for each.

Everything is by keys and ids; the plan is a document that is kept, compared and printed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mobigo.kit.geo import Point
from mobigo.school.demand import MORNING, Session, Trip, Trouble, list_homeless, list_sessions, list_trips
from mobigo.school.model import Route
from mobigo.school.planning import Ground, Layout, lay_out, tell
from mobigo.school.register import DOOR
from mobigo.street.coach import Period, Stand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mobigo.school.book import Book
    from mobigo.school.demand import Rider
    from mobigo.school.planning import Limits, Run
    from mobigo.school.register import Run as Circulation
    from mobigo.school.roads import Roads
    from mobigo.street.drives import Place

CO2_GRAMS = 850
"""Per kilometre, of a coach of which nothing else is known (class of 12 m, diesel; the register's figure wins)."""


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
        ``sessions`` (each ``name, way, weekdays, vehicles, bound, locked, runs``; a run is ``id, vehicle, school, trip,
        riders, bell, at, metres, empty, longest_ride, calls``; a call ``stop, at, pupils``), ``stops`` (by
        ``key/home``), ``walks`` (metres likewise), ``troubles`` (``kind, about, text``), ``figures``.
    """
    from mobigo.school.optimise import optimise  # noqa: PLC0415 - OR-Tools takes a second, and no server plans

    placed = [school for school in book.schools if school.lat is not None and school.lon is not None]
    troubles = [
        Trouble(
            "no_place",
            school.id,
            f"{school.name} ({school.id}) has no place; write its latitude and longitude; its pupils are left out",
        )
        for school in book.schools
        if school not in placed
    ]
    sessions, found = list_sessions(placed, [bell for bell in book.bells if bell.school in {one.id for one in placed}])
    troubles += found + list_homeless(book.riders)
    stops, walks, found = assign_stops(book, roads)
    troubles += found
    places, names, row = _list_places(book, placed, set(stops.values()))
    levels = {school.id: school.level for school in placed}
    told = []
    for number, session in enumerate(sessions):
        trips = list_trips(session, book.riders)
        locked, left = _keep_locked(book, session, trips)
        period = Period.MORNING if session.way == MORNING else Period.at(max(one.at for one in session.services))
        ground = Ground(
            roads.measure(places, period), names, {one.id: row[f"school:{one.id}"] for one in placed}, levels
        )
        at = {trip: row[stops[trip]] for some in left for trip in some if trip in stops}
        layout, found = lay_out(session, left, at, ground, book.limits)
        troubles += found
        if layout.loads:
            plan, certificate = optimise(
                layout.problem,
                time_limit=effort.seconds / len(sessions),
                seed=effort.seed + number,
                work=effort.work,
                present=_present(book, layout, row),
                progress=lambda buses, bound, name=session.name: progress(Told(name, buses, bound)),  # type: ignore[misc]
                stopped=stopped,
            )
            runs, vehicles, bound = tell(layout, plan, ground.table), plan.buses, certificate.bound
        else:
            runs, vehicles, bound = [], 0, 0
        ids = {row[name]: name for name in row}
        told.append(
            {
                "name": session.name,
                "way": session.way,
                "weekdays": list(session.weekdays),
                "vehicles": vehicles + locked,
                "bound": bound + locked,
                "locked": locked,
                "runs": [_tell_run(run, layout, ids, nth, book.limits) for nth, run in enumerate(runs, 1)],
            }
        )
    return {
        "sessions": told,
        "stops": {f"{trip.pupil}/{trip.home}": stop for trip, stop in sorted(stops.items())},
        "walks": {f"{trip.pupil}/{trip.home}": metres for trip, metres in sorted(walks.items())},
        "troubles": [one._asdict() for one in dict.fromkeys(troubles)],
        "figures": reckon(book, told),
    }


# ── stops ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def assign_stops(book: Book, roads: Roads) -> tuple[dict[Trip, str], dict[Trip, int], list[Trouble]]:
    """Give every pupil's home a stop: the one staff decided, the present one, the door, or the one that is best.

    Returns
    -------
    dict, dict, list of Trouble
        Stop of each home, and the metres of those walks that were chosen here.
    """
    from mobigo.school.stopping import choose_stops  # noqa: PLC0415 - likewise

    usable = {stop.id for stop in book.stops if stop.open}
    present = {(seat.pupil, seat.home): seat.stop for seat in book.seats} if book.keeps_stops else {}
    stops: dict[Trip, str] = {}
    open_homes: list[tuple[Rider, Trip, Point]] = []
    for rider in book.riders:
        for home in rider.homes:
            trip = Trip(rider.key, home.number)
            decided = book.pins.get((rider.key, home.number)) or present.get((rider.key, home.number))
            if decided in usable:
                stops[trip] = str(decided)
            elif home.point is not None and "door" in rider.needs:
                stops[trip] = _door(trip)
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
        troubles.append(
            Trouble(
                "no_stop",
                trip.pupil,
                f"pupil {trip.pupil} (home {trip.home}) has no open stop within {most} m on foot without crossing a"
                " fast road; open a stop nearby, or allow a longer walk",
            )
        )
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
            route = Route(service, tuple(mine))
            if mine and problem.fits(route) and problem.ride(route) <= problem.max_ride[service]:
                routes.append(route)
                driven.update(mine)
    if not routes:
        return []
    alone = [Route(load.service, (n,)) for n, load in enumerate(layout.loads) if n not in driven]
    return [*routes, *alone]


# ── the document ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell_run(run: Run, layout: Layout, ids: dict[int, str], nth: int, limits: Limits) -> dict[str, Any]:
    session = layout.session
    service = session.services[run.service]
    leaves = run.calls[0].at + limits.halt + limits.each * len(run.calls[0].trips)
    ends = (leaves, run.at) if session.way == MORNING else (run.at, run.calls[-1].at)
    return {
        "id": f"{session.way[0].upper()}{''.join(map(str, session.weekdays))}-{nth:03}",
        "vehicle": run.vehicle,
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


def reckon(book: Book, sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Reckon what a plan takes: vehicles (of the fullest session), and by week kilometres, hours, cost, CO2; rides.

    Cost is by the median price of the register's vehicles, and unknown where it has none.
    """
    loaded = sum(run["metres"] * len(one["weekdays"]) for one in sessions for run in one["runs"])
    empty = sum(run["empty"] * len(one["weekdays"]) for one in sessions for run in one["runs"])
    rides = sorted(ride for one in sessions for ride in list_rides(one, book.limits))
    vehicles = max((one["vehicles"] for one in sessions), default=0)
    hours = sum(_vehicle_seconds(one) * len(one["weekdays"]) for one in sessions) / 3600
    days = len({day for one in sessions for day in one["weekdays"]})
    day, km, hour = (_median(book, name) for name in ("day_cents", "km_cents", "hour_cents"))
    grams = _median(book, "grams")
    cents = None
    if not day is km is hour is None:
        cents = round((day or 0) * vehicles * days + (km or 0) * (loaded + empty) / 1000 + (hour or 0) * hours)
    return {
        "vehicles": vehicles,
        "bound": max((one["bound"] for one in sessions), default=0),
        "runs": sum(len(one["runs"]) for one in sessions),
        "loaded_km": round(loaded / 1000, 1),
        "empty_km": round(empty / 1000, 1),
        "hours": round(hours, 1),
        "cents": cents,
        "co2_kg": round((loaded + empty) / 1000 * (CO2_GRAMS if grams is None else grams) / 1000, 1),
        "pupils": len(
            {pupil for one in sessions for run in one["runs"] for c in run["calls"] for pupil in c["pupils"]}
        ),
        "stops": len({call["stop"] for one in sessions for run in one["runs"] for call in run["calls"]}),
        "ride_mean": round(sum(rides) / len(rides)) if rides else 0,
        "ride_p95": rides[math.ceil(0.95 * len(rides)) - 1] if rides else 0,
        "ride_longest": rides[-1] if rides else 0,
    }


def _vehicle_seconds(session: dict[str, Any]) -> float:
    """Seconds from each vehicle's first halt or school to its last."""
    spans: dict[int, list[int]] = defaultdict(list)
    for run in session["runs"]:
        spans[run["vehicle"]] += [run["at"], *(call["at"] for call in run["calls"])]
    return float(sum(max(span) - min(span) for span in spans.values()))


def _median(book: Book, name: str) -> float | None:
    known = [value for one in book.vehicles if (value := getattr(one, name)) is not None]
    return float(np.median(known)) if known else None
