"""Putting somebody into a run: against trying everything, and taken out again it is as before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pytest

from mobigo.carpool.match import DWELL
from mobigo.carpool.meeting import Meeting
from mobigo.carpool.model import BookingState, Run, RunState, Seat
from mobigo.carpool.plan import GUARD, Asked, Spot, bind, find_fit, free_seats, lay_out, take_out
from mobigo.carpool.search import Asked as Wish
from mobigo.carpool.search import find_between
from mobigo.carpool.supply import Garage, Place
from mobigo.kit.errors import Refused
from mobigo.kit.geo import Point
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mobigo.carpool.model import RunStop

STRAIGHT = Drives(None)
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


def seconds(a: Point, b: Point) -> int:
    return int(STRAIGHT.seconds([a], [b])[0, 0])


def random_point(rng: np.random.Generator) -> Point:
    return Point(round(4.2 + rng.uniform(0, 0.3), 5), round(47.4 + rng.uniform(0, 0.1), 5))


def random_run(rng: np.random.Generator) -> tuple[Run, list[Seat]]:
    """Lay out a run of two to four places, and let some people book in it."""
    points = sorted(random_point(rng) for _ in range(int(rng.integers(2, 5))))
    stops = lay_out([Spot(f"s{n}", one) for n, one in enumerate(points)], NOW + timedelta(minutes=10), STRAIGHT)
    run = Run("r", "d", int(rng.integers(1, 4)), number(stops), RunState.PLANNED, NOW.date())
    bookings: list[Seat] = []
    for _ in range(int(rng.integers(0, 4))):
        booked = book(run, bookings, random_asked(rng, run))
        if booked is not None:
            run, bookings = booked
    return run, bookings


def random_asked(rng: np.random.Generator, run: Run) -> Asked:
    ends = []
    for _ in range(2):
        if rng.random() < 0.4:
            ends.append(int(rng.choice([stop.id for stop in run.stops])))
        else:
            ends.append(Spot("x", random_point(rng)))
    ready = None if rng.random() < 0.5 else NOW + timedelta(minutes=int(rng.integers(0, 30)))
    by = None if rng.random() < 0.5 else NOW + timedelta(minutes=int(rng.integers(10, 60)))
    return Asked(ends[0], ends[1], int(rng.integers(1, 3)), ready_at=ready, there_by=by)


def number(stops: tuple[RunStop, ...]) -> tuple[RunStop, ...]:
    """Give new stops ids."""
    free = max([stop.id for stop in stops], default=0) + 1
    return tuple(stop if stop.id else replace(stop, id=free + index) for index, stop in enumerate(stops))


def book(run: Run, bookings: list[Seat], asked: Asked) -> tuple[Run, list[Seat]] | None:
    fit = find_fit(run, bookings, asked, STRAIGHT, NOW)
    if fit is None:
        return None
    stops = number(fit.stops)
    seat = Seat(
        id=str(uuid4()),
        run=run.id,
        passenger="p",
        seats=asked.seats,
        board=stops[fit.board].id,
        alight=stops[fit.alight].id,
        state=BookingState.CONFIRMED,
        cents=150,
        made_at=NOW,
        board_at=stops[fit.board].planned_at,
        alight_at=stops[fit.alight].planned_at,
    )
    bookings = [*bookings, seat]
    return replace(run, stops=bind(stops, bookings)), bookings


# ── the oracle: every order of every place, driven second by second ──────────────────────────────────────────────────


def try_all(run: Run, bookings: list[Seat], asked: Asked) -> float | None:
    """Return how early the run can end with them, in seconds after its first stop; None: not at all."""
    best = None
    for plan, board, alight in orders(run, asked):
        end = drive(run, bookings, asked, (plan, board, alight))
        if end is not None and (best is None or end < best):
            best = end
    return best


def orders(run: Run, asked: Asked) -> Iterator[tuple[list[tuple[Point, RunStop | None]], int, int]]:
    """List the places of the run with those of the wish between them in every way, and where those are."""
    base: list[tuple[Point, RunStop | None]] = [(stop.point, stop) for stop in run.stops]
    for plan, board in put(base, asked.board):
        for both, alight in put(plan, asked.alight):
            shifted = board + (len(both) > len(plan) and alight <= board)
            if shifted < alight:
                yield both, shifted, alight


def put(
    plan: list[tuple[Point, RunStop | None]], end: int | Spot
) -> Iterator[tuple[list[tuple[Point, RunStop | None]], int]]:
    if isinstance(end, int):
        yield plan, next(n for n, (_, stop) in enumerate(plan) if stop is not None and stop.id == end)
        return
    for n in range(1, len(plan)):
        yield [*plan[:n], (end.point, None), *plan[n:]], n


def drive(
    run: Run, bookings: list[Seat], asked: Asked, order: tuple[list[tuple[Point, RunStop | None]], int, int]
) -> float | None:
    plan, board, alight = order
    taken = {stop.id: run.seats - free for stop, free in zip(run.stops, free_seats(run, bookings), strict=True)}
    here = 0
    at = run.stops[0].planned_at
    for n, (_, stop) in enumerate(plan):
        if n:
            at = at + go(plan, n)
        if stop is not None:
            at = max(at, stop.planned_at)
            here = taken[stop.id]
        if n == board and asked.ready_at is not None and asked.ready_at > at:
            if n == 0:
                return None
            at = asked.ready_at
        late = stop is not None and at > max(stop.latest, stop.planned_at)
        missed = n == alight and asked.there_by is not None and at > asked.there_by
        if late or missed or (board <= n < alight and here + asked.seats > run.seats):
            return None
    return (at - run.stops[0].planned_at).total_seconds()


def go(plan: list[tuple[Point, RunStop | None]], n: int) -> timedelta:
    """Return how long the car stands at the place before one, and drives to it."""
    (before, earlier), (point, stop) = plan[n - 1], plan[n]
    dwell = DWELL if earlier is None else earlier.dwell
    way: float = seconds(before, point)
    if stop is not None and earlier is not None:
        way = min(way, (stop.planned_at - earlier.planned_at).total_seconds() - earlier.dwell)
    return timedelta(seconds=dwell + way)


@pytest.mark.parametrize("seed", range(60))
def test_the_best_place_is_found_wherever_there_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    run, bookings = random_run(rng)
    asked = random_asked(rng, run)
    expected = try_all(run, bookings, asked)
    fit = find_fit(run, bookings, asked, STRAIGHT, NOW)
    assert (fit is None) == (expected is None)
    if fit is not None:
        assert (fit.stops[-1].planned_at - run.stops[0].planned_at).total_seconds() == expected


@pytest.mark.parametrize("seed", range(60))
def test_who_is_taken_out_again_leaves_the_run_as_it_was_and_others_keep_their_promise(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    run, bookings = random_run(rng)
    booked = book(run, bookings, random_asked(rng, run))
    if booked is None:
        return
    full, all_of_them = booked
    metres = [stop.metres for stop in full.stops]
    assert metres == sorted(metres)
    for one in all_of_them:
        place = {stop.id: stop for stop in full.stops}
        assert one.board_at is not None
        assert one.alight_at is not None
        assert one.board_at <= place[one.board].planned_at <= one.board_at + GUARD
        assert place[one.alight].planned_at <= one.alight_at + GUARD
    gone = [*bookings, replace(all_of_them[-1], state=BookingState.CANCELLED)]
    after = take_out(full, gone, STRAIGHT)
    assert [stop.id for stop in after] == [stop.id for stop in run.stops]
    assert [stop.metres for stop in after] == pytest.approx([stop.metres for stop in run.stops], abs=2)
    for stop, was in zip(after, run.stops, strict=True):
        assert stop.planned_at <= was.planned_at + GUARD
        assert stop.latest >= stop.planned_at
    for before, stop in pairwise(after):
        assert before.planned_at + timedelta(seconds=before.dwell) <= stop.planned_at
    if not bookings:
        assert after == run.stops


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_search_finds_can_be_booked_as_it_was_found(seed: int) -> None:
    rng = np.random.default_rng(5000 + seed)
    run, bookings = random_run(rng)
    if seed % 3 == 0:  # on its way, some minutes late
        passed = replace(run.stops[0], passed_at=NOW + timedelta(minutes=13))
        run = replace(
            run, state=RunState.DRIVING, delay=180, started_at=passed.passed_at, stops=(passed, *run.stops[1:])
        )
    now = NOW + timedelta(minutes=14 if seed % 3 == 0 else 0)
    garage = Garage(STRAIGHT)
    garage.put({run.id: (run, bookings)})
    ends = [Meeting("a", random_point(rng), 0), Meeting("b", random_point(rng), 0)]
    for index in range(2):
        if rng.random() < 0.4:
            stop = run.stops[int(rng.integers(len(run.stops)))]
            ends[index] = Meeting(stop.name, stop.point, 0)
    second = int(now.timestamp())
    places = Place("a", ends[0].point), Place("b", ends[1].point)
    wish = Wish(*places, second, within=3_600, seats=int(rng.integers(1, 3)))
    if places[0].point == places[1].point:
        return
    options = find_between(garage, ([ends[0]], [ends[1]]), wish, now=second)
    spots = [Spot(one.name, one.point) for one in ends]
    until = now + timedelta(hours=1)
    assert bool(options) == bool(
        find_fit(run, bookings, Asked(*spots, wish.seats, now, until), STRAIGHT, now)
    )  # nothing is missed
    for option in options:
        offer = option.offer
        board, alight = (spot.stop or Spot(spot.name, spot.point) for spot in (offer.board, offer.alight))
        instants = offer.ready_at, offer.board_at, offer.there_by, offer.alight_at
        at = [datetime.fromtimestamp(one, UTC) for one in instants]
        asked = Asked(board, alight, offer.seats, at[0], at[1] + GUARD, at[2])
        fit = find_fit(run, bookings, asked, STRAIGHT, now)
        assert fit is not None
        late = timedelta(seconds=run.delay)
        assert fit.stops[fit.board].planned_at + late <= at[1] + GUARD
        assert fit.stops[fit.alight].planned_at + late <= at[3]


def test_a_car_that_has_not_reported_a_stop_is_still_to_come_there_for_a_while() -> None:
    way = [Spot(name, Point(4.2 + 0.1 * n, 47.5)) for n, name in enumerate("abc")]
    stops = number(lay_out(way, NOW, STRAIGHT))
    begun = (replace(stops[0], passed_at=NOW), *stops[1:])
    run = Run("r", "d", 2, begun, RunState.DRIVING, NOW.date(), started_at=NOW)
    there = stops[1].planned_at
    for minutes, comes in ((-1, True), (0, True), (14, True), (16, False)):
        fit = find_fit(run, [], Asked(stops[1].id, stops[2].id, 1), STRAIGHT, there + timedelta(minutes=minutes))
        assert (fit is not None) == comes
    planned = replace(run, state=RunState.PLANNED, stops=stops)
    asked = Asked(stops[1].id, stops[2].id, 1)
    assert find_fit(planned, [], asked, STRAIGHT, there + timedelta(minutes=1)) is None


class Island(Drives):
    """Streets that lead nowhere."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        return np.full((len(origins), len(destinations)), -1, np.int32)


def test_a_line_that_streets_do_not_reach_is_driven_in_the_time_its_metres_take() -> None:
    way = [Spot(name, Point(4.2 + 0.1 * n, 47.5)) for n, name in enumerate("abc")]
    island = Island(None)
    with pytest.raises(Refused, match="no road leads from a to b"):
        lay_out(way, NOW, island)
    stops = number(lay_out(way, NOW, island, metres=[0, 13_900, 41_700]))
    assert [(stop.planned_at - NOW).total_seconds() for stop in stops] == [0, 1_000, 3_000]
    run = Run("r", "d", 2, stops, RunState.PLANNED, NOW.date(), line="x", direction=0)
    assert find_fit(run, [], Asked(stops[0].id, stops[2].id, 1), island, NOW) is not None
    assert find_fit(run, [], Asked(Spot("y", Point(4.25, 47.5)), stops[2].id, 1), island, NOW) is None
