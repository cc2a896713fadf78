"""What is left to the destination at least, beside one worked out from the rows of the view one by one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.questions import open_case
from tests.wish_feeds import seeded

from mobigo.kernels.approach import approach
from mobigo.kernels.trip_based import NEVER, NO_RIDE
from mobigo.transit.model import Direction

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.kernels.trip_based import DayView


@pytest.mark.parametrize("seed", range(12))
def test_bounds_are_those_of_the_fastest_ways_and_the_fewest_rides(seed: int, tmp_path: Path) -> None:
    case, rng = seeded(seed)
    asked = open_case(case, tmp_path)
    day = int(asked.timetable.first_day[0]) + 1
    for direction in Direction:
        view = asked.views.view(day, direction)
        n_stops = len(view.stop_cell)
        for _ in range(3):
            stops = np.array(rng.sample(range(n_stops), min(2, n_stops)), np.int32)
            walks = np.array([rng.choice((0, 60, 300)) for _ in stops], np.int32)
            seconds, rides = approach(view, asked.views.ways(view), stops, walks)
            assert seconds.tolist() == least_seconds(view, stops.tolist(), walks.tolist())
            assert rides.tolist() == least_rides(view, stops.tolist())


def list_changes(view: DayView) -> list[tuple[int, int, int]]:
    """Stops one changes between, and how fast whoever is fastest does."""
    found = []
    for stop, (first, end) in enumerate(pairwise(view.walk_first.tolist())):
        for walk in range(first, end):
            rules = slice(int(view.special_first[walk]), int(view.special_first[walk + 1]))
            able = [one for one in [view.walk_change[walk], *view.special_change[rules]] if one >= 0]
            if able:
                found.append((stop, int(view.walk_target[walk]), int(min(able))))
    return found


def list_seats(view: DayView) -> list[tuple[int, int]]:
    """Trips, and what each goes on as."""
    firsts = enumerate(pairwise(view.stay_first.tolist()))
    return [(trip, int(after)) for trip, (first, end) in firsts for after in view.stay_trip[first:end]]


def least_seconds(view: DayView, stops: list[int], walks: list[int]) -> list[int]:
    """Relax every hop of every trip, every seat and every change, until nothing gets less."""
    ways = [
        (start, end, seconds)
        for start, end, seconds in list_changes(view)
        if start != end and min(view.stop_cell[[start, end]]) >= 0
    ]
    ends = []
    for trip, line in enumerate(view.trip_line.tolist()):
        first, last = view.line_position[line : line + 2].tolist()
        shift = int(view.trip_shift[trip])
        ends.append((first, last - 1, shift))
        ways += [
            (
                int(view.position_stop[x - 1]),
                int(view.position_stop[x]),
                int(view.arrival[shift + x] - view.departure[shift + x - 1]),
            )
            for x in range(first + 1, last)
        ]
    for trip, after in list_seats(view):
        (_, last, shift), (first, _, other) = ends[trip], ends[after]
        between = int(view.departure[other + first] - view.arrival[shift + last])
        ways.append((int(view.position_stop[last]), int(view.position_stop[first]), between))
    left = [int(NEVER) // 2] * len(view.stop_cell)
    for stop, walk in zip(stops, walks, strict=True):
        left[stop] = min(left[stop], walk)
    again = True
    while again:
        again = False
        for start, end, seconds in ways:
            if left[end] + seconds < left[start]:
                left[start], again = left[end] + seconds, True
    return left


def least_rides(view: DayView, stops: list[int]) -> list[int]:
    """Ride once more, by every line that gets to where one was, until nobody is new."""
    lines: dict[int, list[int]] = {}
    for x, line in enumerate(view.position_line.tolist()):
        lines.setdefault(line, []).append(x)
    onward = {(int(view.trip_line[trip]), int(view.trip_line[after])) for trip, after in list_seats(view)}
    changes = list_changes(view)
    left = [int(NO_RIDE)] * len(view.stop_cell)
    for stop in stops:
        left[stop] = 0
    for ride in range(1, len(left) + 1):
        at = {stop for stop, rides in enumerate(left) if rides < ride}
        reached = {
            line: max((x for x in xs if view.position_alight[x] and view.position_stop[x] in at), default=-1)
            for line, xs in lines.items()
        }
        for _ in lines:
            for line, after in onward:
                if reached[after] >= 0:
                    reached[line] = lines[line][-1] + 1
        boards = {
            int(view.position_stop[x])
            for line, xs in lines.items()
            for x in xs
            if x < reached[line] and view.position_board[x]
        }
        for start, end, _ in changes:
            if end in boards:
                left[start] = min(left[start], ride)
    return left
