"""Runs given to vehicles anew: as few as an exhaustive search finds, and no more changes than that takes."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from mobigo.school.book import Book
from mobigo.school.rechecking import Break
from mobigo.school.register import School, Stop
from mobigo.school.relinking import relink

SCHOOLS, STOPS = 4, 6
DRIVE = 60


class Grid:
    """Drives on a line: a minute for each step between places."""

    def seconds(self, origins: list[Any], destinations: list[Any]) -> Any:  # noqa: ANN401
        return np.array([[round(DRIVE * 100 * abs(a.lon - b.lon)) for b in destinations] for a in origins], np.int32)


def at(number: int) -> float:
    return number / 100


BOOK = Book(
    tuple(School(f"E{n}", f"École {n}", "college", 47.0, at(n)) for n in range(SCHOOLS)),
    (),
    tuple(Stop(f"S{n}", f"Place {n}", 47.0, at(n)) for n in range(STOPS)),
    *[()] * 6,  # type: ignore[arg-type]
)


def run(number: int, way: str, school: int, begins: int, stop: int, *, vehicle: int) -> dict[str, Any]:
    bell = begins + 600 if way == "morning" else begins
    call = {"stop": f"S{stop}", "at": begins if way == "morning" else begins + 540, "pupils": ["p/1"]}
    return {
        "id": f"R{number}", "vehicle": vehicle, "school": f"E{school}", "trip": "morning", "riders": "all",
        "bell": bell, "at": bell, "calls": [call],
    }  # fmt: skip


def fewest(runs: list[dict[str, Any]], way: str) -> int:
    """Find by trying everything how few vehicles drive runs; runs in the order of their beginnings."""
    order = sorted(runs, key=lambda one: one["calls"][0]["at"] if way == "morning" else one["bell"])

    def in_time(first: dict[str, Any], second: dict[str, Any]) -> bool:
        school, stop = int(first["school"][1:]), int(second["calls"][0]["stop"][1:])
        free, due = first["bell"], second["calls"][0]["at"]
        if way != "morning":
            school, stop = int(second["school"][1:]), int(first["calls"][0]["stop"][1:])
            free = first["calls"][0]["at"] + BOOK.limits.halt + BOOK.limits.each
            due = second["bell"]
        return bool(free + DRIVE * abs(school - stop) <= due)

    def search(index: int, last: list[dict[str, Any]]) -> int:
        if index == len(order):
            return len(last)
        best = search(index + 1, [*last, order[index]])
        for number, one in enumerate(last):
            if in_time(one, order[index]):
                best = min(best, search(index + 1, [*last[:number], order[index], *last[number + 1 :]]))
        return best

    return search(0, [])


@pytest.mark.parametrize("way", ["morning", "return"])
@pytest.mark.parametrize("seed", range(40))
def test_as_few_vehicles_drive_the_runs_as_can(way: str, seed: int) -> None:
    chance = random.Random(seed)
    runs = [
        run(n, way, chance.randrange(SCHOOLS), 60 * chance.randrange(60), chance.randrange(STOPS), vehicle=n)
        for n in range(7)
    ]
    session = {"name": way, "way": way, "weekdays": [1], "locked": 0, "runs": runs}
    changed, late = [{**runs[0], "session": way}], [Break("link", way, "R0", "late", "tard")]
    (found,) = relink(BOOK, {"sessions": [session]}, changed, late, lambda _: Grid())  # type: ignore[arg-type,return-value]
    assert (found.before, found.after) == (7, fewest(runs, way))
    assert len(set(found.vehicles.values())) == found.after


def test_vehicles_that_can_go_on_keep_their_runs_and_their_numbers() -> None:
    early, late = run(1, "morning", 0, 0, 0, vehicle=3), run(2, "morning", 1, 3_000, 1, vehicle=3)
    other = run(3, "morning", 2, 100, 2, vehicle=0)
    session = {"name": "m", "way": "morning", "weekdays": [1], "locked": 2, "runs": [early, late, other]}
    later = {**other, "calls": [{**other["calls"][0], "at": 160}], "bell": 760, "session": "m"}
    (found,) = relink(BOOK, {"sessions": [session]}, [later], [], lambda _: Grid())  # type: ignore[arg-type,return-value]
    assert (found.before, found.after, found.moved) == (4, 4, ())
    assert found.vehicles == {"R1": 3, "R2": 3, "R3": 0}


def test_a_vehicle_that_would_come_too_late_leaves_its_run_to_another() -> None:
    early, late = run(1, "morning", 0, 0, 0, vehicle=0), run(2, "morning", 0, 700, 0, vehicle=0)
    session = {"name": "m", "way": "morning", "weekdays": [1], "locked": 0, "runs": [early, late]}
    moved = {**early, "calls": [{**early["calls"][0], "at": 300}], "bell": 900, "session": "m"}
    (found,) = relink(BOOK, {"sessions": [session]}, [moved], [], lambda _: Grid())  # type: ignore[arg-type,return-value]
    assert (found.before, found.after, found.moved) == (1, 2, ("R2",))


def test_runs_driven_together_stay_together_and_kinds_apart() -> None:
    together = [{**run(n, "morning", n, 0, n, vehicle=0), "tour": "T", "kind": 1} for n in (0, 1)]
    later = [{**run(n, "morning", 0, 2_000, 0, vehicle=n), "kind": n - 2} for n in (2, 3)]
    session = {"name": "m", "way": "morning", "weekdays": [1], "locked": 0, "runs": [*together, *later]}
    changed, late = [{**together[0], "session": "m"}], [Break("link", "m", "R0", "late", "tard")]
    (found,) = relink(BOOK, {"sessions": [session]}, changed, late, lambda _: Grid())  # type: ignore[arg-type,return-value]
    assert found.vehicles["R0"] == found.vehicles["R1"] == found.vehicles["R3"]
    assert found.vehicles["R2"] != found.vehicles["R0"]
    assert found.after == len({found.vehicles[one] for one in ("R0", "R2")}) == 2
    assert all(a <= b for a, b in pairwise(sorted(found.vehicles.values())))
