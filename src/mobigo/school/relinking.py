"""Which vehicle drives which runs, after runs have other times: the runs stay, as few vehicles as possible drive them.

A vehicle that can still drive its next run keeps it, unless fewer vehicles need another order. The answer is exact and
there at once; nothing is routed anew.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mobigo.kernels.linking import link_routes
from mobigo.kit.geo import Point
from mobigo.school.demand import MORNING
from mobigo.street.coach import Period, Stand
from mobigo.street.drives import NO_WAY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from mobigo.school.book import Book
    from mobigo.school.rechecking import Break
    from mobigo.street.drives import Drives, Place


class Relinked(NamedTuple):
    """A session whose runs were given to vehicles anew."""

    session: str
    before: int
    """Vehicles of the plan."""
    after: int
    vehicles: dict[str, int]
    """By run, numbered from 0; a vehicle keeps its number where it keeps a run."""
    moved: tuple[str, ...]
    """Runs that another vehicle drives now."""


class Tour(NamedTuple):
    """What a vehicle drives without anything in between: a run, or several together."""

    runs: tuple[int, ...]
    vehicle: int
    kind: int
    begins: float
    """When it must be at the first place."""
    free: float
    start: str
    """Stop, or school as ``school:ID``."""
    end: str


def relink(
    book: Book,
    document: Mapping[str, Any],
    changed: Sequence[Mapping[str, Any]],
    broken: Sequence[Break],
    find_drives: Callable[[Period], Drives],
) -> list[Relinked]:
    """Give the runs of sessions in which bells moved, or vehicles would come too late, to as few as possible.

    Parameters
    ----------
    book
        With the changes.
    changed
        Runs with their new times, as `mobigo.school.rechecking.recheck` returns them.
    broken
        What it says that breaks.
    """
    by_session: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for run in changed:
        by_session[run["session"]][run["id"]] = run
    late = {one.session for one in broken if one.kind == "link"}
    return [
        _relink(book, session, mine, find_drives)
        for session in document["sessions"]
        for mine in [by_session[session["name"]]]
        if session["name"] in late
        or any(run["id"] in mine and mine[run["id"]]["bell"] != run["bell"] for run in session["runs"])
    ]


def _relink(
    book: Book,
    session: Mapping[str, Any],
    changed: Mapping[str, Mapping[str, Any]],
    find_drives: Callable[[Period], Drives],
) -> Relinked:
    inward = session["way"] == MORNING
    runs = [run for run in session["runs"] if run["calls"]]
    before = _list_tours(book, runs, inward=inward)
    after = _list_tours(book, [changed.get(run["id"], run) for run in runs], inward=inward)
    drives = find_drives(Period.MORNING if inward else Period.at(max(run["bell"] for run in runs)))
    possible = _measure(book, after, drives)
    begin = np.full(len(after), -1, np.int32)
    number = {run: tour for tour, one in enumerate(before) for run in one.runs}
    for first, second in _list_links(before):
        was = before[second].begins - before[first].free
        a, b = number[before[first].runs[0]], number[before[second].runs[0]]
        # as much time as the plan had is enough, also where its way led by a third place
        stays = after[a].end == before[first].end and after[b].start == before[second].start
        if stays and after[b].begins - after[a].free >= was:
            possible[b, a] = True
        if possible[b, a]:
            begin[b] = a
    source = link_routes(np.arange(len(after), dtype=np.int32), possible.astype(np.uint8), begin)
    vehicles = _number(after, source.tolist())
    named = {runs[run]["id"]: vehicles[tour] for tour, one in enumerate(after) for run in one.runs}
    return Relinked(
        session["name"],
        len({run["vehicle"] for run in runs}) + session["locked"],
        len(set(vehicles)) + session["locked"],
        named,
        tuple(run["id"] for run in runs if named[run["id"]] != run["vehicle"]),
    )


def _list_tours(book: Book, runs: Sequence[Mapping[str, Any]], *, inward: bool) -> list[Tour]:
    """List what is driven in one go, in the order of its first run."""
    together: dict[tuple[int, object], list[int]] = defaultdict(list)
    for number, run in enumerate(runs):
        together[run["vehicle"], run.get("tour") or number].append(number)
    tours = []
    for (vehicle, _), mine in together.items():
        spans = [_span(book, runs[number], inward=inward) for number in mine]
        first = runs[mine[min(range(len(mine)), key=lambda one: spans[one][0])]]
        last = runs[mine[max(range(len(mine)), key=lambda one: spans[one][1])]]
        ends = (
            (first["calls"][0]["stop"], f"school:{last['school']}")
            if inward
            else (f"school:{first['school']}", last["calls"][-1]["stop"])
        )
        begins, free = min(one[0] for one in spans), max(one[1] for one in spans)
        tours.append(Tour(tuple(mine), vehicle, first.get("kind") or 0, begins, free, *ends))
    return tours


def _span(book: Book, run: Mapping[str, Any], *, inward: bool) -> tuple[float, float]:
    """When a vehicle must be at a run's beginning, and when it is free again."""
    if inward:
        return float(run["calls"][0]["at"]), float(run["bell"])
    last = run["calls"][-1]
    return float(run["bell"]), last["at"] + book.limits.halt + book.limits.each * len(last["pupils"])


def _list_links(tours: Sequence[Tour]) -> list[tuple[int, int]]:
    """List what each vehicle drives after what."""
    mine: dict[int, list[int]] = defaultdict(list)
    for number, tour in enumerate(tours):
        mine[tour.vehicle].append(number)
    links: list[tuple[int, int]] = []
    for some in mine.values():
        some.sort(key=lambda one: tours[one].begins)
        links += pairwise(some)
    return links


def _measure(book: Book, tours: Sequence[Tour], drives: Drives) -> NDArray[np.bool_]:
    """Tell for each tour after which others a vehicle comes in time for it; bool[n, n]."""
    stops = {stop.id: stop for stop in book.stops}
    schools = {f"school:{school.id}": school for school in book.schools}

    def place(name: str) -> Place | None:
        if name in schools:
            return Point(float(schools[name].lon or 0), float(schools[name].lat or 0))
        stop = stops.get(name)
        if stop is None:  # a door, which only links of the plan lead to
            return None
        return Point(stop.lon, stop.lat) if stop.bearing is None else Stand(stop.lon, stop.lat, stop.bearing)

    rows: list[NDArray[np.int64]] = []
    sides: list[list[Place]] = []
    for names in ([tour.end for tour in tours], [tour.start for tour in tours]):
        found = {name: at for name in dict.fromkeys(names) if (at := place(name)) is not None}
        row = {name: number for number, name in enumerate(found)}
        rows.append(np.array([row.get(name, -1) for name in names]))
        sides.append(list(found.values()))
    if not sides[0] or not sides[1]:
        return np.zeros((len(tours), len(tours)), np.bool_)
    seconds = drives.seconds(*sides)[np.ix_(rows[0], rows[1])].T
    free = np.array([tour.free for tour in tours])
    begins = np.array([tour.begins for tour in tours])
    kind = np.array([tour.kind for tour in tours])
    known = (rows[1] >= 0)[:, None] & (rows[0] >= 0) & (seconds != NO_WAY) & (kind[:, None] == kind)
    return np.asarray(known & (free + seconds <= begins[:, None]), np.bool_)


def _number(tours: Sequence[Tour], source: Sequence[int]) -> list[int]:
    """Number the vehicles: each keeps the number of the plan where no other has it already."""
    follows = {before: tour for tour, before in enumerate(source) if before >= 0}
    vehicles = [-1] * len(tours)
    taken: set[int] = set()
    new = max((tour.vehicle for tour in tours), default=-1) + 1
    for first in (tour for tour, before in enumerate(source) if before < 0):
        chain = [first]
        while chain[-1] in follows:
            chain.append(follows[chain[-1]])
        number = next((tours[one].vehicle for one in chain if tours[one].vehicle not in taken), None)
        if number is None:
            number, new = new, new + 1
        taken.add(number)
        for one in chain:
            vehicles[one] = number
    return vehicles
