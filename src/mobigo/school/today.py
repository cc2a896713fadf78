"""The circuits that are driven today, told like a plan: what every plan is compared with."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.kit.geo import Point
from mobigo.school.comparing import list_halts
from mobigo.school.demand import MORNING, Session, list_sessions
from mobigo.school.fleet import list_models, number_vehicles
from mobigo.school.register import DOOR
from mobigo.school.yearplan import list_doors, reckon
from mobigo.street.coach import Period, Stand

if TYPE_CHECKING:
    from mobigo.school.book import Book
    from mobigo.school.register import Call, Run
    from mobigo.school.roads import Roads
    from mobigo.street.drives import Place, Table


def tell_today(book: Book, roads: Roads) -> dict[str, Any]:
    """Tell the register's circuits as a plan's document, as `yearplan.plan_year` writes it; their bound is not known.

    Times are those of the register, metres those of the roads between its calls. A run without a school that has a bell
    in a session is in none.
    """
    placed = [school for school in book.schools if school.lat is not None and school.lon is not None]
    sessions, _ = list_sessions(placed, [bell for bell in book.bells if bell.school in {one.id for one in placed}])
    places, row = _list_places(book)
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in sorted(book.calls, key=lambda one: one.position):
        calls[call.run].append(call)
    aboard: dict[tuple[str, str], list[str]] = defaultdict(list)
    for seat in book.seats:
        aboard[seat.run, seat.stop].append(f"{seat.pupil}/{seat.home}")
    fleet = list_models(book.vehicles, book.limits.seats)
    numbers = number_vehicles(book.vehicles, fleet, book.limits.seats)
    kinds = {circuit.id: numbers.get(str(circuit.vehicle), 0) for circuit in book.circuits}
    numbers_of = {circuit.id: number for number, circuit in enumerate(book.circuits)}
    told = []
    for session in sessions:
        period = Period.MORNING if session.way == MORNING else Period.at(max(one.at for one in session.services))
        ground = _Ground(roads.measure(places, period), row, aboard)
        runs: list[dict[str, Any]] = [
            found for run in book.runs if (found := _tell_run(run, calls[run.id], session, ground)) is not None
        ]
        driven = {run["vehicle"] for run in runs}
        for run in runs:
            run["tour"] = None
            run["kind"] = kinds.get(run["vehicle"], 0)
            run["vehicle"] = numbers_of[run["vehicle"]]
        _count_empty(runs, session, ground)
        told.append(
            {
                "name": session.name,
                "way": session.way,
                "weekdays": list(session.weekdays),
                "vehicles": len(driven),
                "bound": 0,
                "cost": 0,
                "cost_bound": 0,
                "locked": 0,
                "runs": runs,
            }
        )
    stops = {pupil: halt.stop for (pupil, _), halt in list_halts({"sessions": told}).items()}
    return {
        "fleet": [one.plain() for one in fleet],
        "sessions": told,
        "stops": stops,
        "walks": {},
        "troubles": [],
        "figures": reckon(fleet, book.limits, told),
    }


def _list_places(book: Book) -> tuple[list[Place], dict[str, int]]:
    """List schools, the stops that are called at, and doors, with their rows."""
    named = {call.stop for call in book.calls}
    places: list[Place] = []
    row: dict[str, int] = {}
    for school in book.schools:
        if school.lat is not None and school.lon is not None:
            row[f"school:{school.id}"] = len(places)
            places.append(Point(school.lon, school.lat))
    for stop in book.stops:
        if stop.id in named and not stop.id.startswith(DOOR):
            row[stop.id] = len(places)
            places.append(
                Point(stop.lon, stop.lat) if stop.bearing is None else Stand(stop.lon, stop.lat, stop.bearing)
            )
    for door, point in list_doors(book).items():
        if door in named:
            row[door] = len(places)
            places.append(point)
    return places, row


class _Ground(NamedTuple):
    """Ways between places, and who gets on where."""

    table: Table
    row: dict[str, int]
    """Of stops, doors and schools."""
    aboard: dict[tuple[str, str], list[str]]
    """By run and stop."""


def _tell_run(run: Run, calls: list[Call], session: Session, ground: _Ground) -> dict[str, Any] | None:
    """Tell a run of a session; None where it is of another one."""
    if (run.trip == MORNING) != (session.way == MORNING) or set(run.weekdays).isdisjoint(session.weekdays):
        return None
    schools = {call.school: call.at for call in calls if call.school is not None}
    service = next((one for one in session.services if one.school in schools and one.trip == run.trip), None)
    if service is None:
        return None
    halts = [call for call in calls if call.stop is not None]
    way = [place for call in calls if (place := _place(call, ground.row)) is not None]
    at = schools[service.school]
    return {
        "id": run.id,
        "vehicle": run.circuit,
        "school": service.school,
        "trip": run.trip,
        "riders": run.riders,
        "bell": service.at,
        "at": at,
        "metres": int(sum(max(0, ground.table.metres[here, there]) for here, there in pairwise(way))),
        "empty": 0,
        "longest_ride": max((abs(at - call.at) for call in halts), default=0),
        "calls": [
            {"stop": call.stop, "at": call.at, "pupils": sorted(ground.aboard[run.id, call.stop or ""])}
            for call in halts
        ],
    }


def _place(call: Call, row: dict[str, int]) -> int | None:
    return row.get(call.stop if call.stop is not None else f"school:{call.school}")


def _count_empty(runs: list[dict[str, Any]], session: Session, ground: _Ground) -> None:
    """Write the metres from where a vehicle's run ended to where its next begins."""
    inward = session.way == MORNING
    runs.sort(key=lambda run: (run["vehicle"], run["at"]))
    for before, after in pairwise(runs):
        if before["vehicle"] == after["vehicle"] and before["calls"] and after["calls"]:
            ends = (f"school:{before['school']}", after["calls"][0]["stop"])
            if not inward:
                ends = (before["calls"][-1]["stop"], f"school:{after['school']}")
            if set(ends) <= ground.row.keys():
                after["empty"] = max(0, int(ground.table.metres[ground.row[ends[0]], ground.row[ends[1]]]))
