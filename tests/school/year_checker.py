"""What is wrong with the plan of a year, told from the register's own rows and the plan's document alone.

It shares no code with planning: who must be where on which weekday is worked out afresh, and drives are held to what no
coach can beat, the straight line at motorway speed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FASTEST = 28.0
"""Metres a second as the crow flies."""
RIDE = {"primary": 45, "college": 45, "lycee": 60}
"""Minutes that a ride may take, unless a test says otherwise."""


def check_year(lists: Mapping[str, Sequence[Any]], keys: Mapping[str, str], document: Mapping[str, Any]) -> list[str]:
    """List faults.

    Parameters
    ----------
    lists
        Rows of the register by list: schools, bells, stops, pupils.
    keys
        Of pupils by their numbers.
    document
        Of the plan; no circuit is locked, no limit changed.
    """
    return [
        *_check_carried(lists, keys, document),
        *(fault for session in document["sessions"] for fault in _check_session(lists, keys, document, session)),
    ]


def _check_carried(
    lists: Mapping[str, Sequence[Any]], keys: Mapping[str, str], document: Mapping[str, Any]
) -> Iterator[str]:
    """Everybody rides once there and once back on each of their days, unless the plan says why not."""
    excused = {one["about"] for one in document["troubles"]}
    days = _count_rides(document)
    belled = {(bell.school, day) for bell in lists["bells"] if bell.trip == "morning" for day in bell.weekdays}
    for pupil in lists["pupils"]:
        homes = [(1, pupil.weekdays), *([(2, pupil.second_weekdays)] if pupil.second_weekdays else [])]
        for home, weekdays in homes:
            name = f"{keys[pupil.number]}/{home}"
            stop = document["stops"].get(name)
            if stop is None or any(f"({stop})" in about or about == keys[pupil.number] for about in excused):
                continue
            for day in weekdays:
                if (pupil.school, day) in belled:
                    yield from _check_day(pupil, day, days[name], name)


def _count_rides(document: Mapping[str, Any]) -> dict[str, Counter[tuple[str, int]]]:
    days: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for session in document["sessions"]:
        riding = [pupil for run in session["runs"] for call in run["calls"] for pupil in call["pupils"]]
        for pupil in riding:
            days[pupil].update((session["way"], day) for day in session["weekdays"])
    return days


def _check_day(pupil: Any, day: int, rides: Counter[tuple[str, int]], name: str) -> Iterator[str]:  # noqa: ANN401 - a row
    """Boarders must come on Monday and leave on Friday."""
    daily = pupil.boarding != "boarder"
    for way, least in (("morning", daily or day == 1), ("return", daily or day == 5)):
        if not int(least) <= rides[way, day] <= 1:
            yield f"{name} rides {rides[way, day]} times {way} on day {day}"


def _check_session(
    lists: Mapping[str, Sequence[Any]], keys: Mapping[str, str], document: Mapping[str, Any], session: Mapping[str, Any]
) -> Iterator[str]:
    schools = {one.id: one for one in lists["schools"]}
    stops = {one.id: one for one in lists["stops"]}
    about = {keys[one.number]: one for one in lists["pupils"]}
    inward = session["way"] == "morning"
    spans: dict[int, list[tuple[float, float, Any, Any, str]]] = defaultdict(list)
    for run in session["runs"]:
        yield from _check_aboard(run, session, about, document["fleet"][run["kind"]])
        gate = schools[run["school"]]
        yield from _check_rides(run, gate, inward=inward)
        halts = [(call["at"], stops[call["stop"]]) for call in run["calls"]]
        way = [*halts, (run["at"], gate)] if inward else [(run["at"], gate), *halts]
        for (before, here), (after, there) in pairwise(way):
            if after - before < _apart(here, there) / FASTEST - 1:
                yield f"run {run['id']} flies from {here.id} to {there.id}"
        if run.get("tour") is None:
            out = (way[0][0], run["bell"]) if inward else (run["bell"], way[-1][0])
            spans[run["vehicle"]].append((*out, way[0][1], way[-1][1], run["id"]))
    for some in spans.values():
        for (_, free, _, last, first), (due, _, start, _, second) in pairwise(sorted(some, key=lambda one: one[0])):
            if free + _apart(last, start) / FASTEST > due + 1:
                yield f"the vehicle of {first} is late for {second}"
    vehicles = len({run["vehicle"] for run in session["runs"]}) + session["locked"]
    if vehicles != session["vehicles"] or session["bound"] > vehicles:
        yield f"{session['name']}: says {session['vehicles']} vehicles and at least {session['bound']}, has {vehicles}"


def _check_aboard(
    run: Mapping[str, Any], session: Mapping[str, Any], about: Mapping[str, Any], kind: Mapping[str, Any]
) -> Iterator[str]:
    """Everybody goes to the school, and has a seat or a place for the wheelchair on each day of each week."""
    riding = [pupil.partition("/") for call in run["calls"] for pupil in call["pupils"]]
    if any(about[key].school != run["school"] for key, _, _ in riding):
        yield f"run {run['id']} carries a pupil of another school"
    for week in ("even", "odd"):
        for day in session["weekdays"]:
            here = [about[key] for key, _, home in riding if _rides(about[key], home, day, week, session["way"])]
            chairs = sum("wheelchair" in one.needs for one in here)
            seats = kind["seats"] - chairs * kind["seats_per_wheelchair"]
            if chairs > kind["wheelchairs"] or len(here) - chairs > seats:
                yield f"run {run['id']} carries {len(here)} in a vehicle of {kind['seats']} seats on day {day}"


def _rides(pupil: Any, home: str, day: int, week: str, way: str) -> bool:  # noqa: ANN401 - a row
    days, weeks = (
        (pupil.weekdays, pupil.weeks) if home == "1" else (pupil.second_weekdays or (), pupil.second_weeks or "all")
    )
    ends = pupil.boarding != "boarder" or day == (1 if way == "morning" else 5)
    return day in days and weeks in {"all", week} and ends


def _check_rides(run: Mapping[str, Any], gate: Any, *, inward: bool) -> Iterator[str]:  # noqa: ANN401 - a row
    if (inward and run["at"] > run["bell"]) or (not inward and run["at"] < run["bell"]):
        yield f"run {run['id']} misses its bell"
    for call in run["calls"]:
        halt = (19 + 2.6 * len(call["pupils"])) / 60 if inward else 0
        minutes = abs(run["at"] - call["at"]) / 60 - halt
        if minutes > RIDE[gate.level] + 0.1:
            yield f"run {run['id']}: {minutes:.0f} minutes from {call['stop']}"


def _apart(a: Any, b: Any) -> float:  # noqa: ANN401 - schools and stops
    """Metres as the crow flies."""
    lat, lon = radians(b.lat - a.lat), radians(b.lon - a.lon)
    chord = sin(lat / 2) ** 2 + cos(radians(a.lat)) * cos(radians(b.lat)) * sin(lon / 2) ** 2
    return 2 * 6_371_000 * asin(sqrt(chord))
