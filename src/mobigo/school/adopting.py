"""A plan kept as it was changed by hand: its runs with their new times, their vehicles linked anew, its figures.

Nothing is planned, so nothing is proven of the sessions that changed: their bound is 0.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mobigo.kit.geo import Point
from mobigo.school.demand import MORNING
from mobigo.school.fleet import Model
from mobigo.school.yearplan import list_doors, reckon
from mobigo.street.coach import Period, Stand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mobigo.school.book import Book
    from mobigo.school.relinking import Relinked
    from mobigo.street.drives import Drives, Place


def adopt(
    book: Book,
    document: Mapping[str, Any],
    changed: Sequence[Mapping[str, Any]],
    relinked: Sequence[Relinked],
    find_drives: Callable[[Period], Drives],
) -> dict[str, Any]:
    """Put changed runs and their vehicles into a plan.

    Parameters
    ----------
    book
        With the changes.
    changed, relinked
        As `mobigo.school.rechecking.recheck` and `mobigo.school.relinking.relink` return them.

    Returns
    -------
    dict
        A plan's document.
    """
    runs: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for run in changed:
        runs[run["session"]][run["id"]] = run
    links = {one.session: one for one in relinked}
    fleet = [Model(**one) for one in document.get("fleet", ())]
    sessions = []
    for session in document["sessions"]:
        if session["name"] not in runs:
            sessions.append(session)
            continue
        new = _adopt(book, session, runs[session["name"]], links.get(session["name"]), find_drives)
        figures = reckon(fleet, book.limits, [{**new, "weekdays": [1], "kept": []}])
        new["cost"] = figures["cents"] or round(1000 * (figures["loaded_km"] + figures["empty_km"]))
        sessions.append(new)
    stops = dict(document["stops"])
    for session in sessions:
        for run in session["runs"]:
            for call in run["calls"]:
                stops |= dict.fromkeys(call["pupils"], call["stop"])
    walks = {pupil: metres for pupil, metres in document["walks"].items() if stops[pupil] == document["stops"][pupil]}
    return {
        **document,
        "sessions": sessions,
        "stops": stops,
        "walks": walks,
        "figures": reckon(fleet, book.limits, sessions),
    }


def _adopt(
    book: Book,
    session: Mapping[str, Any],
    changed: Mapping[str, Mapping[str, Any]],
    links: Relinked | None,
    find_drives: Callable[[Period], Drives],
) -> dict[str, Any]:
    inward = session["way"] == MORNING
    places = _Places(book)
    drives = find_drives(Period.MORNING if inward else Period.at(max(run["bell"] for run in session["runs"])))
    runs = []
    for former in session["runs"]:
        run = {name: value for name, value in changed.get(former["id"], former).items() if name != "session"}
        if former["id"] in changed:
            run["calls"] = [call for call in run["calls"] if call["pupils"]] or run["calls"]
            halts = [places.find(call["stop"]) for call in run["calls"]]
            school = places.find_school(run["school"])
            run["metres"] = _measure(drives, [*halts, school] if inward else [school, *halts])
        if links is not None:
            run["vehicle"] = links.vehicles.get(run["id"], run["vehicle"])
        runs.append(run)
    runs.sort(key=lambda run: (run["vehicle"], run["at"]))
    touched = set(changed) | set(() if links is None else links.moved)
    for run, before in zip(runs, [None, *runs], strict=False):
        if before is None or before["vehicle"] != run["vehicle"]:
            run["empty"] = 0
        elif {run["id"], before["id"]} & touched and run["calls"] and before["calls"]:
            ends = (
                (places.find_school(before["school"]), places.find(run["calls"][0]["stop"]))
                if inward
                else (places.find(before["calls"][-1]["stop"]), places.find_school(run["school"]))
            )
            run["empty"] = _measure(drives, ends)
    vehicles = session["vehicles"] if links is None else links.after
    rung = {(bell.school, bell.trip, bell.riders, bell.at) for bell in book.bells}
    bells = [
        one
        for one in session.get("bells", ())
        if tuple(one[name] for name in ("school", "trip", "riders", "at")) in rung
    ]
    return {**session, "runs": runs, "vehicles": vehicles, "bound": 0, "cost_bound": 0, "bells": bells}


class _Places:
    """Where stops, doors and schools are."""

    def __init__(self, book: Book) -> None:
        self._stops: dict[str, Place] = {
            stop.id: Point(stop.lon, stop.lat) if stop.bearing is None else Stand(stop.lon, stop.lat, stop.bearing)
            for stop in book.stops
        }
        self._stops |= list_doors(book)
        self._schools = {one.id: Point(float(one.lon or 0), float(one.lat or 0)) for one in book.schools}

    def find(self, stop: str) -> Place:
        return self._stops[stop]

    def find_school(self, school: str) -> Place:
        return self._schools[school]


def _measure(drives: Drives, way: Sequence[Place]) -> int:
    """Return the metres of a way from place to place; 0 for what is not reached."""
    return sum(max(0, int(drives.metres([here], [there])[0, 0])) for here, there in pairwise(way))
