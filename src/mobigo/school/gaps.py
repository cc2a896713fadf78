"""What a year's register still lacks to be planned, each with what to change; the rest is planned all the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from mobigo.kit.geo import Point, haversine
from mobigo.school import register_store as store
from mobigo.school.cells import write_clock
from mobigo.school.register import SHEETS

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
        *_seats(rows),
    ]


def _schools(rows: Mapping[str, list[Row]]) -> Iterator[Gap]:
    trips = defaultdict(set)
    for bell in rows["bells"]:
        trips[bell["school"]].add(bell["trip"])
        at, earliest, latest = bell["at"], bell["earliest"], bell["latest"]
        if (earliest is not None and earliest > at) or (latest is not None and latest < at):
            window = " to ".join("any" if one is None else write_clock(one) for one in (earliest, latest))
            yield Gap(
                "bells",
                bell["school"],
                "bell_outside_window",
                f"the bell of {bell['school']} at {write_clock(at)} lies outside its window {window}; move one of them",
            )
    wanted = Counter(pupil["school"] for pupil in rows["pupils"])
    for school in rows["schools"]:
        id_, pupils = school["id"], wanted[school["id"]]
        if school["lat"] is None or school["lon"] is None:
            what = f"{school['name']} ({id_}) has no coordinates, so {pupils} pupils cannot be planned; give it a place"
            yield Gap("schools", id_, "school_without_place", what)
        for trip in ("morning", "evening"):
            if trip not in trips[id_]:
                what = (
                    f"{school['name']} ({id_}) has no bell time for the {trip}, so its {pupils} pupils cannot be"
                    f" planned; add a row to {SHEETS['bells'].titles[0]}"
                )
                yield Gap("schools", id_, "school_without_bell", what)


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
            what = (
                f"{row['name']} ({row['id']}) lies {metres / 1000:.0f} km from the middle of all places; correct its"
                " latitude and longitude, which may be exchanged"
            )
            yield Gap(name, row["id"], "place_far_away", what)


def _pupils(pupils: Iterable[Row], homes: Iterable[store.Home]) -> Iterator[Gap]:
    mine: defaultdict[str, list[store.Home]] = defaultdict(list)
    for home in homes:
        mine[home.pupil].append(home)
    for pupil in pupils:
        key = pupil["key"]
        found = mine[key]
        if not any(home.point for home in found):
            yield Gap(
                "pupils",
                key,
                "pupil_without_home",
                f"pupil {key} has no address with coordinates; give the home a place",
            )
        elif len(found) > 1 and not all(home.point for home in found):
            yield Gap(
                "pupils",
                key,
                "home_without_place",
                f"a home of pupil {key} has no coordinates; give it a place, or remove it",
            )
        days = Counter(
            (day, week)
            for home in found
            for day in home.weekdays
            for week in (("even", "odd") if home.weeks == "all" else (home.weeks,))
        )
        if len(found) > 1 and max(days.values()) > 1:
            what = f"pupil {key} has two homes on the same days; say for each home on which days or weeks it counts"
            yield Gap("pupils", key, "homes_overlap", what)


def _vehicles(vehicles: Iterable[Row]) -> Iterator[Gap]:
    for vehicle in vehicles:
        if all(vehicle[one] is None for one in ("day_cents", "km_cents", "hour_cents")):
            what = f"vehicle {vehicle['id']} has no cost; give it a cost per day, kilometre or hour"
            yield Gap("vehicles", vehicle["id"], "vehicle_without_cost", what)


def _calls(rows: Mapping[str, list[Row]]) -> Iterator[Gap]:
    of_run: defaultdict[str, list[Row]] = defaultdict(list)
    for call in rows["calls"]:
        of_run[call["run"]].append(call)
        if (call["stop"] is None) == (call["school"] is None):
            named = "neither a stop nor a school" if call["stop"] is None else "a stop and a school"
            what = f"call {call['position']} of run {call['run']} names {named}; name one of them"
            yield Gap("calls", call["run"], "call_nowhere", what)
    for run in rows["runs"]:
        calls = of_run[run["id"]]
        if not any(call["school"] for call in calls):
            yield Gap("runs", run["id"], "run_without_school", f"run {run['id']} calls at no school; add its calls")
        for before, after in pairwise(calls):
            if after["at"] < before["at"]:
                what = (
                    f"call {after['position']} of run {run['id']} at {write_clock(after['at'])} comes before call"
                    f" {before['position']} at {write_clock(before['at'])}; correct times or order"
                )
                yield Gap("calls", run["id"], "times_run_back", what)


def _seats(rows: Mapping[str, list[Row]]) -> Iterator[Gap]:
    served = {(call["run"], call["stop"]) for call in rows["calls"] if call["stop"]}
    circuit = {run["id"]: run["circuit"] for run in rows["runs"]}
    vehicle = {one["id"]: one["vehicle"] for one in rows["circuits"]}
    seats = {one["id"]: one["seats"] for one in rows["vehicles"]}
    aboard: Counter[str] = Counter()
    for seat in rows["seats"]:
        aboard[seat["run"]] += seat["home"] == 1
        if (seat["run"], seat["stop"]) not in served:
            what = (
                f"pupil {seat['pupil']} is to get on run {seat['run']} at stop {seat['stop']}, where it does not call"
            )
            yield Gap("seats", seat["pupil"], "seat_off_run", f"{what}; give another stop or run")
    for run, pupils in aboard.items():
        mine = vehicle.get(circuit[run])
        if mine is not None and pupils > seats[mine]:
            what = (
                f"run {run} has {pupils} pupils, vehicle {mine} has {seats[mine]} seats; take a larger vehicle or"
                " another run for some"
            )
            yield Gap("runs", run, "run_overfull", what)
