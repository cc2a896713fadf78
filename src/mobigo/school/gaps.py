"""What a year's register still lacks to be planned, each with what to change; the rest is planned all the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from mobigo.kit.geo import Point, haversine
from mobigo.school import register_store as store
from mobigo.school.attendance import Need, fill, find_days
from mobigo.school.cells import write_clock
from mobigo.school.demand import MORNING
from mobigo.school.register import SHEETS
from mobigo.school.sentences import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import psycopg

FAR = 150_000.0
"""Metres from the middle of all places, beyond which a place is taken for a slip."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Gap:
    """Something missing or contradictory."""

    list: str
    row: str
    """What identifies the row; a pupil's key."""
    code: str
    what: str
    """What it is and what to change."""
    what_fr: str


def _gap(list_: str, row: str, code: str, sentence: str | None = None, **values: object) -> Gap:
    """Return a gap with its sentence in both languages, which is that of its code unless another is named."""
    return Gap(list_, row, code, *say(sentence or code, **values))


def find_gaps(connection: psycopg.Connection[Any], year: str) -> list[Gap]:
    """Look through the whole register of a year; nothing personal is in the answer."""
    rows = {name: store.list_rows(connection, year, sheet) for name, sheet in SHEETS.items()}
    homes = store.list_homes(connection, year)
    return [
        *_schools(rows),
        *_far(rows),
        *_pupils(rows["pupils"], homes),
        *_vehicles(rows["vehicles"]),
        *_calls(rows),
        *_seats(rows, homes),
    ]


def _schools(rows: Mapping[str, list[Row]]) -> Iterator[Gap]:
    trips = defaultdict(set)
    for bell in rows["bells"]:
        trips[bell["school"]].add(bell["trip"])
        at, earliest, latest = bell["at"], bell["earliest"], bell["latest"]
        if (earliest is not None and earliest > at) or (latest is not None and latest < at):
            window: dict[str, Any] = {
                name: say("any") if one is None else write_clock(one)
                for name, one in (("earliest", earliest), ("latest", latest))
            }
            school = bell["school"]
            yield _gap("bells", school, "bell_outside_window", school=school, at=write_clock(at), **window)
    wanted = Counter(pupil["school"] for pupil in rows["pupils"])
    for school in rows["schools"]:
        id_, pupils = school["id"], wanted[school["id"]]
        if school["lat"] is None or school["lon"] is None:
            yield _gap("schools", id_, "school_without_place", school=school["name"], id=id_, pupils=pupils)
        for trip in ("morning", "evening"):
            if trip not in trips[id_]:
                values = {"school": school["name"], "id": id_, "pupils": pupils, "sheet": SHEETS["bells"].titles[0]}
                yield _gap("schools", id_, "school_without_bell", f"school_without_bell_{trip}", **values)


def _far(rows: Mapping[str, list[Row]]) -> Iterator[Gap]:
    """Places far from all others: swapped or mistyped coordinates."""
    placed = [
        (name, row)
        for name in ("schools", "stops")
        for row in rows[name]
        if row["lat"] is not None and row["lon"] is not None
    ]
    if not placed:
        return
    middle = Point(median(row["lon"] for _, row in placed), median(row["lat"] for _, row in placed))
    for name, row in placed:
        metres = haversine(middle, Point(row["lon"], row["lat"]))
        if metres > FAR:
            km = f"{metres / 1000:.0f}"
            yield _gap(name, row["id"], "place_far_away", name=row["name"], id=row["id"], km=km)


def _pupils(pupils: Iterable[Row], homes: Iterable[store.Home]) -> Iterator[Gap]:
    mine: defaultdict[str, list[store.Home]] = defaultdict(list)
    for home in homes:
        mine[home.pupil].append(home)
    for pupil in pupils:
        key = pupil["key"]
        found = mine[key]
        if not any(home.point for home in found):
            yield _gap("pupils", key, "pupil_without_home", pupil=key)
        elif len(found) > 1 and not all(home.point for home in found):
            yield _gap("pupils", key, "home_without_place", pupil=key)
        days = Counter(
            (day, week)
            for home in found
            for day in home.weekdays
            for week in (("even", "odd") if home.weeks == "all" else (home.weeks,))
        )
        if len(found) > 1 and max(days.values()) > 1:
            yield _gap("pupils", key, "homes_overlap", pupil=key)


def _vehicles(vehicles: Iterable[Row]) -> Iterator[Gap]:
    for vehicle in vehicles:
        if all(vehicle[one] is None for one in ("day_cents", "km_cents", "hour_cents")):
            yield _gap("vehicles", vehicle["id"], "vehicle_without_cost", vehicle=vehicle["id"])


def _calls(rows: Mapping[str, list[Row]]) -> Iterator[Gap]:
    of_run: defaultdict[str, list[Row]] = defaultdict(list)
    for call in rows["calls"]:
        of_run[call["run"]].append(call)
        if (call["stop"] is None) == (call["school"] is None):
            sentence = "call_nowhere" if call["stop"] is None else "call_twice"
            run, position = call["run"], call["position"]
            yield _gap("calls", run, "call_nowhere", sentence, run=run, position=position)
    for run in rows["runs"]:
        calls = of_run[run["id"]]
        if not any(call["school"] for call in calls):
            yield _gap("runs", run["id"], "run_without_school", run=run["id"])
        for before, after in pairwise(calls):
            if after["at"] < before["at"]:
                times = {"at": write_clock(after["at"]), "was": write_clock(before["at"])}
                places = {"position": after["position"], "before": before["position"]}
                yield _gap("calls", run["id"], "times_run_back", run=run["id"], **places, **times)


def _seats(rows: Mapping[str, list[Row]], homes: Iterable[store.Home]) -> Iterator[Gap]:
    """Seats off their runs, and runs that are too full on any day."""
    served = {(call["run"], call["stop"]) for call in rows["calls"] if call["stop"]}
    runs = {run["id"]: run for run in rows["runs"]}
    vehicle = {one["id"]: one["vehicle"] for one in rows["circuits"]}
    vehicles = {one["id"]: one for one in rows["vehicles"]}
    pupils = {one["key"]: one for one in rows["pupils"]}
    days = {(home.pupil, home.number): (home.weekdays, home.weeks) for home in homes}
    aboard: defaultdict[str, list[Need]] = defaultdict(list)
    for seat in rows["seats"]:
        run, pupil = runs[seat["run"]], pupils[seat["pupil"]]
        ridden = find_days(
            days.get((seat["pupil"], seat["home"]), ((), "all")),
            run["weekdays"],
            inward=run["trip"] == MORNING,
            boarding=pupil["boarding"],
            riders=run["riders"],
        )
        aboard[seat["run"]].append(Need(ridden, "wheelchair" in pupil["needs"], "escort" in pupil["needs"]))
        if (seat["run"], seat["stop"]) not in served:
            names = {name: seat[name] for name in ("pupil", "run", "stop")}
            yield _gap("seats", seat["pupil"], "seat_off_run", **names)
    for id_, needs in aboard.items():
        mine = vehicles.get(vehicle.get(runs[id_]["circuit"]))
        if mine is None:
            continue
        taken = fill(needs)
        most = int((taken[:, 0] + mine["seats_per_wheelchair"] * taken[:, 1]).max())
        if most > mine["seats"]:
            values = {"run": id_, "pupils": most, "vehicle": mine["id"], "seats": mine["seats"]}
            yield _gap("runs", id_, "run_overfull", **values)
