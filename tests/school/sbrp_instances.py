"""Small instances of the school-bus benchmark, and the fewest buses for them by trying everything."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import networkx as nx
from tests.school.sbrp_checker import SEATS, UNLOADING, drive, read, rides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.school.sbrp_checker import School, Stop


def write_instance(
    folder: Path, schools: list[tuple[int, float, float, int]], stops: list[tuple[int, float, float, int, int]]
) -> Path:
    """Write an instance as published: tabs, CRLF, an empty last line."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["ID\tX\tY\tAMEARLY\tAMLATE", *("\t".join(str(v) for v in (*row, row[3] + 30)) for row in schools), ""]
    (folder / "Schools.txt").write_text("\r\n".join(rows), newline="")
    rows = ["ID\tX_COORD\tY_COORD\tEP_ID\tSTUDENT_COUNT", *("\t".join(map(str, row)) for row in stops), ""]
    (folder / "Stops.txt").write_text("\r\n".join(rows), newline="")
    return folder


def draw_instance(folder: Path, seed: int, n_schools: int, n_stops: int) -> Path:
    """Draw an instance by lot, in a square of 7 miles."""
    lot = random.Random(seed)
    side = 37_000

    def place() -> tuple[float, float]:
        return lot.randrange(side), lot.randrange(side)

    bells = [600, 640, 715, 730, 800, 845]
    schools = [(200_001 + n, *place(), lot.choice(bells)) for n in range(n_schools)]
    stops = [
        (100_001 + n, *place(), 200_001 + n % n_schools, lot.choice((5, 12, 20, 31, 44, 66))) for n in range(n_stops)
    ]
    return write_instance(folder, schools, stops)


def fewest_buses(folder: Path, max_ride: float) -> int:
    """Try every way to part the stops of each school into routes; link each with a largest matching."""
    schools, stops = read(folder)
    choices = []
    for school in schools:
        own = [number for number, stop in stops.items() if stop.school == school]
        found = []
        for groups in _partitions(own):
            linked = [_sources(group, school, max_ride, schools, stops) for group in groups]
            if all(sources is not None for sources in linked):
                found.append([(school, sources) for sources in linked])
        choices.append(found)
    best = len(stops)
    for chosen in itertools.product(*choices):
        routes = [route for found in chosen for route in found]
        graph = nx.Graph()
        graph.add_nodes_from(("after", number) for number in range(len(routes)))
        for before, (school, _) in enumerate(routes):
            for after, (_, sources) in enumerate(routes):
                if school in sources:
                    graph.add_edge(("before", before), ("after", after))
        top = [("after", number) for number in range(len(routes))]
        linked_routes = len(nx.bipartite.maximum_matching(graph, top)) // 2
        best = min(best, len(routes) - linked_routes)
    return best


def _partitions(items: list[int]) -> Iterator[list[list[int]]]:
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for groups in _partitions(rest):
        yield [[first], *groups]
        for at, group in enumerate(groups):
            yield [*groups[:at], [first, *group], *groups[at + 1 :]]


def _sources(
    group: list[int], school: int, max_ride: float, schools: dict[int, School], stops: dict[int, Stop]
) -> set[int] | None:
    """Schools from which some order of the stops can be driven in time; None when no order keeps to the rules."""
    if sum(stops[number].pupils for number in group) > SEATS:
        return None
    sources: set[int] = set()
    possible = False
    for order in itertools.permutations(group):
        ride = rides({"school": school, "stops": list(order)}, schools, stops)[0]
        if ride > max_ride:
            continue
        possible = True
        first = stops[order[0]]
        for number, other in schools.items():
            late = other.bell + drive(other.place, first.place) + first.dwell + ride + UNLOADING
            if late <= schools[school].bell:
                sources.add(number)
    return sources if possible else None
