"""How soon one can be anywhere at best, by when one is where, and which hops lead there: `kernels.soonest`, `.towards`.

The time of a view is cut into parts and its stops are put into zones, as many of both as fit into a table that is soon
worked out and read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kernels import soonest as kernels
from mobigo.kernels.towards import MET, mark_hops
from mobigo.kernels.trip_based import PART_BITS, SECONDS_PER_UNIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.kernels.approach import Ways
    from mobigo.kernels.trip_based import DayView
    from mobigo.transit.timetable import Timetable

SQUARE_DEGREES = 0.002
"""Side of the smallest squares, in degrees of latitude."""
MANY_GOALS = 5_000
"""Destinations told apart; if more stops are served, they are grouped into squares."""
MANY_ZONES = 100
"""Where one changes is told apart less finely: what is lost is small beside waiting times."""
MANY_BYTES = 24 * 2**20
"""Of a view's tables."""
BYTES = 3
"""Of an entry."""
MUCH_WORK = 4_000_000_000
"""Ways on from events times destinations."""
MANY_PARTS = 80
MANY_RIDES = 8_000_000
"""First rides that are listed, over all parts."""
MANY_CIRCLES = 4
FIRST_SECONDS = 30 * 3_600
"""What is cut finely: a day and the night after it."""
FINELY = 0.75
"""Share of the parts that it gets."""
LAST_SECONDS = 40 * 86_400
"""What comes later is not cut."""
LANES = 128
"""Destinations worked out side by side."""
WORKING_BYTES = 64 * 2**20
HALVINGS = 7
"""How often the stops are halved, until they are in quarters: in as many as there are bits."""


class Soonest(NamedTuple):
    """Fields of a `DayView`."""

    stop_goal: NDArray[np.int32]
    position_zone: NDArray[np.int32]
    part_begin: NDArray[np.int32]
    part_of: NDArray[np.int32]
    soonest: NDArray[np.uint16]
    fewest: NDArray[np.uint8]
    stop_quarter: NDArray[np.int32]
    hop_towards: NDArray[np.int64]


def draw_squares(timetable: Timetable, served: NDArray[np.bool_], most: int) -> tuple[NDArray[np.int32], int]:
    """Group the stops that vehicles call at into squares, as small as their number allows; -1: the others."""
    square = np.full(len(served), -1, np.int32)
    stops = np.flatnonzero(served)
    lat = np.nan_to_num(timetable.stop_lat[stops], nan=0.0)
    lon = np.nan_to_num(timetable.stop_lon[stops], nan=0.0)
    side = SQUARE_DEGREES
    while True:
        squares = np.floor(lat / side).astype(np.int64) * (1 << 32) + np.floor(lon / side).astype(np.int64)
        found, numbers = np.unique(squares, return_inverse=True)
        if len(found) <= most:
            square[stops] = numbers
            return square, len(found)
        side *= 1.2


def no_bounds(n_stops: int) -> Soonest:
    """Return the fields of a view of so many stops without such bounds."""
    none = np.zeros(0, np.int32)
    nowhere = np.full(n_stops, -1, np.int32)
    tables = np.zeros((0, 0), np.uint16), np.zeros((0, 0), np.uint8)
    return Soonest(nowhere, none, none, none, *tables, nowhere, np.zeros((0, 2), np.int64))


def bound_soonest(timetable: Timetable, view: DayView, ways: Ways) -> Soonest:
    """Work the bounds of a view with hops out; none where they would take too long."""
    none = no_bounds(len(view.stop_cell))
    if not len(view.arrival):
        return none
    first, onto, by = kernels.link_events(view)
    order, circles = kernels.order_events(view.arrival, first, onto)
    if circles > MANY_CIRCLES:
        return none
    goal, n_goals = _list_goals(timetable, view, min(MANY_GOALS, max(1, MUCH_WORK // len(onto))))
    zone, n_zones = draw_squares(timetable, view.stop_cell >= 0, MANY_ZONES)
    n_parts = min(MANY_PARTS, MANY_BYTES // (BYTES * n_goals * n_zones), MANY_RIDES // max(1, len(view.stop_position)))
    if n_parts < 1:
        return none
    begins, part_of = _cut(view, n_parts)
    event_goal = _list_arrivals(view, goal)
    units = np.clip((view.arrival.astype(np.int64) - begins[0]) // SECONDS_PER_UNIT, 0, kernels.NOWHERE - 1)
    tables = kernels.bound_soonest(
        first,
        onto,
        order,
        1 + circles,
        event_goal,
        units.astype(np.uint16),
        *kernels.list_first_rides(view, begins),
        ways.back_first,
        ways.back,
        zone,
        n_goals,
        n_zones,
        max(16, min(LANES, WORKING_BYTES // (BYTES * len(order)) // 16 * 16)),
    )
    towards = none.stop_quarter, none.hop_towards
    served = int((view.stop_cell >= 0).sum())
    if not circles and served * len(onto) <= MUCH_WORK:
        towards = _mark(timetable, view, (first, onto, by, order))
    return Soonest(goal, zone[view.position_stop], begins, part_of, *tables, *towards)


def _mark(
    timetable: Timetable,
    view: DayView,
    linked: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Find `DayView.stop_quarter` and `DayView.hop_towards`; `linked` are the first parameters of `mark_hops`."""
    stops = _halve(timetable, np.flatnonzero(view.stop_cell >= 0), HALVINGS)
    goal, quarter = (np.full(len(view.stop_cell), -1, np.int32) for _ in range(2))
    goal[np.concatenate(stops)] = np.arange(sum(map(len, stops)))
    for number, some in enumerate(stops):
        quarter[some] = number
    event_goal = _list_arrivals(view, goal)
    begins = event_goal.astype(np.int64) << 32
    times, place = np.unique(begins | (view.arrival.astype(np.int64) - view.arrival.min()), return_inverse=True)
    rank = place - np.searchsorted(times, begins)
    if rank[event_goal >= 0].max(initial=0) >= MET:
        return quarter, np.zeros((0, 2), np.int64)
    goal_quarter = quarter[np.concatenate(stops)]
    return quarter, mark_hops(*linked, event_goal, rank.astype(np.uint16), goal_quarter, len(view.hop))


def _halve(timetable: Timetable, stops: NDArray[np.int64], times: int) -> list[NDArray[np.int64]]:
    """Group stops that are near each other by halving them across where they reach furthest, so many times."""
    if not times or len(stops) < 2:  # noqa: PLR2004 - one cannot be halved
        return [stops]
    lat, lon = (np.nan_to_num(degrees[stops], nan=0.0) for degrees in (timetable.stop_lat, timetable.stop_lon))
    along = lat if np.ptp(lat) > np.cos(np.radians(lat.mean())) * np.ptp(lon) else lon
    stops = stops[np.argsort(along, kind="stable")]
    half = len(stops) // 2
    return [*_halve(timetable, stops[:half], times - 1), *_halve(timetable, stops[half:], times - 1)]


def _list_arrivals(view: DayView, goal: NDArray[np.int32]) -> NDArray[np.int32]:
    """Number of the stop by event, -1 where one cannot alight."""
    length = np.diff(view.line_position)[view.trip_line]
    event_position = np.arange(len(view.arrival)) - np.repeat(view.trip_shift, length)
    return np.where(view.position_alight, goal[view.position_stop], -1)[event_position].astype(np.int32)


def _list_goals(timetable: Timetable, view: DayView, most: int) -> tuple[NDArray[np.int32], int]:
    """Number the stops that vehicles call at, one by one or by squares; -1: the others."""
    served = view.stop_cell >= 0
    if served.sum() > most:
        return draw_squares(timetable, served, most)
    return np.where(served, np.cumsum(served) - 1, -1).astype(np.int32), int(served.sum())


def _cut(view: DayView, n_parts: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Cut the time of a view into parts; see `DayView.part_begin` and `DayView.part_of`."""
    last = view.line_position[view.trip_line + 1] - 1
    step = 1 << PART_BITS
    begin = int(view.arrival[view.trip_shift + last].min())  # all are still under way at midnight
    end = min(max(begin + 1, int(view.departure.max())), begin + LAST_SECONDS)
    fine_end = min(end, begin + FIRST_SECONDS)
    n_fine = n_parts if fine_end == end else max(1, round(FINELY * n_parts))
    cuts = [np.linspace(begin, fine_end, n_fine, endpoint=False)]
    if n_fine < n_parts:
        cuts.append(np.linspace(fine_end, end, n_parts - n_fine, endpoint=False))
    begins = np.unique((np.concatenate(cuts).astype(np.int64) - begin) // step * step + begin)
    starts = np.arange(begin, end + step, step)
    part_of = np.searchsorted(begins, starts, side="right") - 1
    return begins.astype(np.int32), part_of.astype(np.int32)
