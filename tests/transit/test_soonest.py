"""How soon one is at a destination at best, and which hops lead there, beside ways worked out one by one; and searches
with both and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.questions import open_case
from tests.wish_feeds import seeded

from mobigo.kernels.trip_based import BITS, GOES_ON, NEVER, NO_RIDE, PART_BITS, SECONDS_PER_UNIT
from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.model import Direction

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mobigo.kernels.trip_based import DayView

HOUR = 3_600
MANY_RIDES = 4


@pytest.mark.parametrize("seed", range(12))
def test_nobody_is_there_sooner_nor_with_fewer_rides(seed: int, tmp_path: Path) -> None:
    case, _ = seeded(seed)
    asked = open_case(case, tmp_path)
    day = int(asked.timetable.first_day[0]) + 1
    for direction in Direction:
        views = DayViews(asked.timetable, asked.views.footpaths)
        views.lay_bounds(day, direction)
        view = views.view(day, direction)
        assert len(view.soonest)
        for goal_stop in np.flatnonzero(view.stop_goal >= 0).tolist():
            goal = int(view.stop_goal[goal_stop])
            soonest, fewest = ride(view, goal)
            n_zones = view.soonest.shape[1] // len(view.part_begin)
            for trip, x in soonest:
                stop = view.position_stop[x - 1]
                if not view.position_board[x - 1]:
                    continue
                for part, begin in enumerate(view.part_begin.tolist()):
                    if leaves(view, trip, x - 1) < begin:
                        break
                    entry = part * n_zones + int(view.position_zone[x - 1])
                    said = int(view.part_begin[0]) + SECONDS_PER_UNIT * int(view.soonest[goal, entry])
                    assert said <= soonest[trip, x], (direction, goal, int(stop), begin)
                    assert int(view.fewest[goal, entry]) <= 1 + fewest[trip, x]


def ride(view: DayView, goal: int) -> tuple[dict[tuple[int, int], int], dict[tuple[int, int], int]]:
    """From each trip and position, on arrival: when one is there, and the fewest further rides, by relaxation."""
    soonest: dict[tuple[int, int], int] = {}
    fewest: dict[tuple[int, int], int] = {}
    changed = True
    while changed:
        changed = False
        for trip, line in enumerate(view.trip_line.tolist()):
            ways = [
                (after, int(view.line_position[view.trip_line[after]]) + 1, 0)
                for after in view.stay_trip[view.stay_first[trip] : view.stay_first[trip + 1]].tolist()
            ]
            time, rides = NEVER, int(NO_RIDE)
            for x in range(int(view.line_position[line + 1]) - 1, int(view.line_position[line]), -1):
                arrival = int(view.arrival[view.trip_shift[trip] + x])
                if view.position_alight[x]:
                    ways += [(other, y + 1, 1) for other, y in boardings(view, line, x, arrival)]
                    if view.stop_goal[view.position_stop[x]] == goal:
                        time, rides = min(time, arrival), 0
                time = min(time, *(soonest.get(way[:2], NEVER) for way in ways), NEVER)
                rides = min(rides, *(way[2] + fewest.get(way[:2], int(NO_RIDE)) for way in ways), int(NO_RIDE))
                changed |= time < soonest.get((trip, x), NEVER) or rides < fewest.get((trip, x), int(NO_RIDE))
                soonest[trip, x], fewest[trip, x], ways = time, rides, []
    return soonest, fewest


def boardings(view: DayView, line: int, x: int, arrival: int) -> list[tuple[int, int]]:
    """Every trip, and position, one may change to from a position."""
    found = []
    stop = int(view.position_stop[x])
    for walk in range(int(view.walk_first[stop]), int(view.walk_first[stop + 1])):
        special = {
            (int(view.special_from[row]), int(view.special_to[row])): int(view.special_change[row])
            for row in range(int(view.special_first[walk]), int(view.special_first[walk + 1]))
        }
        to = int(view.walk_target[walk])
        for y in view.stop_position[view.stop_first[to] : view.stop_first[to + 1]].tolist():
            other = int(view.position_line[y])
            usual = int(view.walk_change[walk])
            change = special.get((int(view.line_class[line]), int(view.line_class[other])), usual)
            if y + 1 < view.line_position[other + 1] and change >= 0:
                trips = range(int(view.line_trip[other]), int(view.line_trip[other + 1]))
                found += [(trip, y) for trip in trips if leaves(view, trip, y) >= arrival + change]
    return found


def leaves(view: DayView, trip: int, x: int) -> int:
    return int(view.departure[view.trip_shift[trip] + x])


@pytest.mark.parametrize("seed", range(4))
def test_hops_that_lead_towards_a_stop_suffice(seed: int, tmp_path: Path) -> None:
    case, _ = seeded(seed)
    asked = open_case(case, tmp_path)
    day = int(asked.timetable.first_day[0]) + 1
    for direction in Direction:
        views = DayViews(asked.timetable, asked.views.footpaths)
        views.lay_bounds(day, direction)
        view = views.view(day, direction)
        assert len(view.hop_towards) == len(view.hop)
        left_out = 0
        for stop in np.flatnonzero(view.stop_quarter >= 0).tolist():
            word, bit = divmod(int(view.stop_quarter[stop]), BITS)
            marked = (view.hop_towards[:, word].astype(np.uint64) >> np.uint64(bit)) & np.uint64(1) == 1
            assert arrive(view, stop, marked) == arrive(view, stop, np.ones(len(marked), np.bool_))
            left_out += int((~marked).sum())
        assert left_out > len(view.hop)


def arrive(view: DayView, stop: int, usable: NDArray[np.bool_]) -> list[list[int]]:
    """When one is at a stop at the soonest, by further rides and event at which one sits in a trip, by relaxation."""
    found: list[list[int]] = []
    for rides in range(MANY_RIDES):
        best = [NEVER] * len(view.arrival)
        changed = True
        while changed:
            changed = False
            for trip, line in enumerate(view.trip_line.tolist()):
                shift = int(view.trip_shift[trip])
                last = int(view.line_position[line + 1]) - 1
                for x in range(last, int(view.line_position[line]), -1):
                    event = shift + x
                    ways = [event + 1] if x < last else [sit(view, after) for after in stays(view, trip)]
                    ways = [best[there] for there in ways]
                    if view.position_alight[x] and view.position_stop[x] == stop:
                        ways.append(int(view.arrival[event]))
                    if rides:
                        ways += [found[-1][there] for there in hops(view, event, usable)]
                    time = min(ways, default=NEVER)
                    changed |= time < best[event]
                    best[event] = min(time, best[event])
        found.append(best)
    return found


def stays(view: DayView, trip: int) -> list[int]:
    return view.stay_trip[view.stay_first[trip] : view.stay_first[trip + 1]].tolist()


def sit(view: DayView, trip: int) -> int:
    """Event at a trip's second stop."""
    return int(view.trip_shift[trip]) + int(view.line_position[view.trip_line[trip]]) + 1


def hops(view: DayView, event: int, usable: NDArray[np.bool_]) -> list[int]:
    """Events at which one may be next who changes at an event."""
    found = []
    for hop in range(int(view.hop_first[event, 0]), int(view.hop_first[event + 1, 0])):
        if not usable[hop]:
            continue
        y, number = int(view.hop[hop, 0]) & (GOES_ON - 1), int(view.hop[hop, 1])
        line = int(view.position_line[y])
        if y + 1 < view.line_position[line + 1]:
            found.append(int(view.trip_shift[view.line_trip[line] + number]) + y + 1)
        for row in range(int(view.onward_first[line]), int(view.onward_first[line + 1])):
            onward = int(view.onward_trip[view.onward_table[row] + number])
            if view.hop[hop, 0] < 0 and onward != NEVER:
                found.append(sit(view, onward))
    return found


@pytest.mark.parametrize("seed", range(12, 30))
def test_journeys_are_the_same_with_bounds_and_without(seed: int, tmp_path: Path) -> None:
    case, rng = seeded(seed)
    asked = open_case(case, tmp_path)
    bounded = DayViews(asked.timetable, asked.views.footpaths)
    first = int(asked.timetable.first_day[0])
    for day in (first, first + 1, first + 2):
        for direction in Direction:
            for more in (0, 1):
                bounded.lay_bounds(day, direction, more)
    n_stops = len(asked.timetable.stop_lat)
    for _ in range(40):
        start, end = rng.randrange(n_stops), rng.randrange(n_stops)
        at = (first + 1) * 86_400 + rng.randrange(0, 24 * HOUR, 60)
        wish = {"window": rng.choice((0, 0, HOUR, 5 * HOUR)), "direction": rng.choice(list(Direction))}
        wish["max_transfers"] = rng.choice((1, 15, 20))
        plain, same = (
            routing.search(views, routing.ask(views, start, end, at, **wish)) for views in (asked.views, bounded)
        )
        assert same == plain


def test_bounds_are_written_and_found_by_who_has_the_day_open(tmp_path: Path) -> None:
    case, _ = seeded(3)
    asked = open_case(case, tmp_path / "feed")
    builder, server = (DayViews(asked.timetable, asked.views.footpaths, tmp_path / "days") for _ in range(2))
    day = int(asked.timetable.first_day[0]) + 1
    assert not len(server.view(day, Direction.DEPART).soonest)
    builder.lay_bounds(day, Direction.DEPART)
    view = server.view(day, Direction.DEPART)
    assert len(view.soonest)
    assert server.view(day, Direction.DEPART) is view
    times = view.part_begin[0] + (np.arange(len(view.part_of)) << PART_BITS)
    assert (view.part_begin[view.part_of] <= times).all()
