"""Rides are put where they cost least and no promise breaks: by hand, and against trying everything."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.ondemand import insertion_oracle as oracle

from mobigo.kit.geo import Point
from mobigo.ondemand import dispatch
from mobigo.ondemand.dispatch import Placement, Reason, Refusal
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.model import Ask, Capacity, Event, EventKind, Run, Spot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DAY = date(2026, 11, 23)
ZERO = 1_800_000_000
"""Instant from which the tests count."""

METRE = 1 / 111_195
"""Degrees, on the equator."""


class Plane:
    """Drives at 10 m/s along the axes, on the equator; some places are cut off."""

    def __init__(self, cut_off: Sequence[Point] = ()) -> None:
        self.cut_off = set(cut_off)
        self.asked = 0

    def drive(self, a: Point, b: Point) -> int:
        if a == b:
            return 0
        if a in self.cut_off or b in self.cut_off:
            return -1
        return round((abs(a.lon - b.lon) + abs(a.lat - b.lat)) / METRE / 10)

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        self.asked += len(origins) * len(destinations)
        found = [[self.drive(a, b) for b in destinations] for a in origins]
        return np.array(found, np.int32).reshape(len(origins), len(destinations))


def at(x: float, y: float = 0) -> Point:
    """Metres on the plane."""
    return Point(x * METRE, y * METRE)


def spot(x: float, y: float = 0) -> Spot:
    return Spot(f"{x:g},{y:g}", at(x, y))


def make_run(id_: int = 1, *, depot: Point | None = None, until: int = 7200, room: int = 4, start: int = 0) -> Run:
    capacity = Capacity((room, 1, 2, 1, 1), seats_per_wheelchair=2, luggage_on_seats=True)
    return Run(
        id_, f"van{id_}", "op", ("s",), capacity, depot or at(0), DAY, ZERO + start, ZERO + until, ()
    )  # fmt: skip


def want(
    x0: float, x1: float, pickup: tuple[int, int], by: int, *, longest: int = 3600, seats: int = 1, dwell: int = 60
) -> Ask:
    window = ZERO + pickup[0], ZERO + pickup[1]
    return Ask("s", spot(x0), spot(x1), window, (0, ZERO + by), (seats, 0, 0, 0, 0), longest, dwell)


def put(run: Run, ask: Ask, leg: str, times: Plane) -> Run:
    found = dispatch.find_place(Fleet([run]), ask, times)
    assert isinstance(found, Placement), found
    return dispatch.place(run, found, leg)


def show(run: Run) -> list[tuple[str | None, str, int, int]]:
    """Legs, what happens, and planned times."""
    return [(one.leg, one.kind.value, one.arrival - ZERO, one.departure - ZERO) for one in run.events]


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_vehicle_leaves_its_depot_in_time_for_the_pick_up() -> None:
    run = put(make_run(), want(1000, 3000, (600, 900), 2000), "a", Plane())
    assert show(run) == [("a", "pickup", 600, 660), ("a", "drop_off", 860, 920)]


def test_the_vehicle_waits_where_it_is_until_the_next_is_ready() -> None:
    run = put(make_run(), want(1000, 3000, (600, 900), 2000), "a", Plane())
    run = put(run, want(4000, 5000, (2000, 2300), 3000), "b", Plane())
    assert show(run)[1:3] == [("a", "drop_off", 860, 1900), ("b", "pickup", 2000, 2060)]


def test_two_who_board_at_one_place_board_at_once() -> None:
    run = put(make_run(), want(1000, 3000, (600, 900), 2000), "a", Plane())
    run = put(run, want(1000, 3000, (600, 900), 2000), "b", Plane())
    assert sorted(show(run)) == sorted(
        [("a", "pickup", 600, 660), ("b", "pickup", 600, 660), ("a", "drop_off", 860, 920), ("b", "drop_off", 860, 920)]
    )


def test_what_it_costs_is_driving_and_a_tenth_of_the_travellers_time() -> None:
    found = dispatch.find_place(Fleet([make_run()]), want(1000, 3000, (600, 900), 2000), Plane())
    assert isinstance(found, Placement)
    assert (found.driving, found.cost) == (600, 6000 + 260)


def test_a_ride_that_waits_for_another_is_picked_up_later_so_that_it_is_not_too_long() -> None:
    # b boards at 5000 m not before 1200; a, at 4000 m from 600 on, may ride 300 s and must not get on before
    run = put(make_run(room=4), want(5000, 8000, (1200, 1300), 3000), "b", Plane())
    ask = want(4000, 6000, (600, 1200), 3000, longest=300)
    found = dispatch.find_place(Fleet([run]), ask, Plane())
    assert isinstance(found, Placement)
    run = dispatch.place(run, found, "a")
    times = {(leg, kind): arrival for leg, kind, arrival, _ in show(run)}
    assert times["a", "drop_off"] - times["a", "pickup"] - 60 <= 300


def test_of_two_vehicles_the_nearer_goes() -> None:
    fleet = Fleet([make_run(1, depot=at(9000)), make_run(2, depot=at(500))])
    found = dispatch.find_place(fleet, want(1000, 3000, (900, 1200), 2000), Plane())
    assert isinstance(found, Placement)
    assert found.run == 2


def test_a_run_left_out_is_not_asked() -> None:
    fleet = Fleet([make_run(1, depot=at(9000)), make_run(2, depot=at(500))])
    found = dispatch.find_place(fleet, want(1000, 3000, (900, 1200), 2000), Plane(), exclude={2})
    assert isinstance(found, Placement)
    assert found.run == 1


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (want(1000, 3000, (600, 900), 2000), None),
        (want(1000, 3000, (50, 99), 2000), Reason.NO_TIME),  # 100 s from the depot: one second short
        (want(1000, 3000, (50, 100), 2000), None),
        (want(1000, 3000, (600, 900), 859), Reason.NO_TIME),  # on board at 600, 60 s to board, 200 s to drive
        (want(1000, 3000, (600, 900), 860), None),
        (want(1000, 3000, (600, 900), 2000, longest=199), Reason.RIDE_TOO_LONG),
        (want(1000, 3000, (600, 900), 2000, longest=200), None),
        (want(1000, 3000, (600, 900), 2000, seats=5), Reason.TOO_LARGE),
        (want(1000, 3000, (600, 900), 2000, seats=4), None),
        (want(1000, 3000, (9000, 9900), 12000), Reason.NO_VEHICLE),  # the shift ends at 7200
        (want(1000, 7777, (600, 900), 2000), Reason.NO_WAY),
        (want(1000, 3000, (6540, 7200), 7200), None),  # back at the depot at the last second
        (want(1000, 3000, (6581, 7200), 7200), Reason.NO_TIME),
        (replace(want(1000, 3000, (600, 900), 2000), service="other"), Reason.NO_VEHICLE),
    ],
)
def test_the_reason_is_told_at_the_second(ask: Ask, reason: Reason | None) -> None:
    found = dispatch.find_place(Fleet([make_run()]), ask, Plane([at(7777)]))
    assert (found.reason if isinstance(found, Refusal) else None) == reason


def test_full_is_not_late() -> None:
    times = Plane()
    run = put(make_run(room=4), want(1000, 5000, (600, 700), 1300, seats=4), "a", times)
    found = dispatch.find_place(Fleet([run]), want(2000, 3000, (600, 800), 1300), times)
    assert found == Refusal(Reason.FULL)


def test_a_wheelchair_folds_two_seats_away() -> None:
    times = Plane()
    run = put(make_run(room=4), replace(want(1000, 5000, (600, 700), 1200), load=(0, 1, 0, 0, 0)), "a", times)
    assert dispatch.find_place(Fleet([run]), want(1000, 5000, (600, 700), 1200, seats=3), times) == Refusal(Reason.FULL)
    assert isinstance(dispatch.find_place(Fleet([run]), want(1000, 5000, (600, 700), 1200, seats=2), times), Placement)


def test_nobody_sits_through_a_break() -> None:
    times = Plane()
    pause = Event(EventKind.BREAK, spot(0), ZERO + 1000, ZERO + 1200, ZERO + 1000, ZERO + 1900, 900)
    run = replace(make_run(), events=(pause,))
    # on board from 1100 on, 600 s: would have to be over by 1200, or begin after 1900 at the earliest
    assert dispatch.find_place(Fleet([run]), want(1000, 7000, (1100, 1500), 3000), times) == Refusal(Reason.NO_TIME)
    later = put(run, want(1000, 7000, (1100, 2000), 3000), "a", times)
    assert show(later) == [(None, "break", 1000, 1900), ("a", "pickup", 2000, 2060), ("a", "drop_off", 2660, 2720)]
    sooner = put(run, want(1000, 2000, (100, 500), 700), "b", times)
    assert [one.spot.point for one in sooner.events] == [at(1000), at(2000), at(2000)]


def test_a_ride_taken_out_leaves_the_rest_as_if_it_had_never_been() -> None:
    times = Plane()
    alone = put(make_run(), want(1000, 3000, (600, 900), 2000), "a", times)
    both = put(alone, want(2000, 4000, (600, 1200), 2000), "b", times)
    assert dispatch.remove(both, "b", times) == alone


def test_who_got_on_and_is_taken_out_leaves_an_empty_stop() -> None:
    times = Plane()
    run = put(make_run(), want(1000, 3000, (600, 900), 2000), "a", times)
    run = replace(run, events=(replace(run.events[0], done=True), run.events[1]))
    left = dispatch.remove(run, "a", times)
    assert [(one.kind, one.load) for one in left.events] == [(EventKind.PICKUP, (0, 0, 0, 0, 0))]


def test_nothing_is_put_before_a_stop_the_vehicle_drives_to() -> None:
    times = Plane()
    run = put(make_run(), want(3000, 6000, (600, 700), 2000), "a", times)  # leaves the depot at 300
    near = want(1000, 2000, (0, 1000), 2000)
    before = dispatch.find_place(Fleet([run]), near, times, now=ZERO + 200)
    under_way = dispatch.find_place(Fleet([run]), replace(near, pickup=(ZERO, ZERO + 1500)), times, now=ZERO + 300)
    assert isinstance(before, Placement)
    assert isinstance(under_way, Placement)
    assert (before.pickup, under_way.pickup) == (0, 1)


def test_no_vehicle_leaves_before_now() -> None:
    found = dispatch.find_place(Fleet([make_run()]), want(1000, 3000, (0, 2000), 4000), Plane(), now=ZERO + 500)
    assert isinstance(found, Placement)
    assert found.pickup_at == ZERO + 600


def test_a_run_that_is_late_already_takes_nobody_more() -> None:
    times = Plane()
    run = put(make_run(), want(1000, 3000, (600, 900), 1000), "a", times)
    stuck = replace(run.events[0], arrival=ZERO + 1200, departure=ZERO + 1260, done=True)
    late = replace(run, events=(stuck, run.events[1]))
    assert dispatch.schedule(late, times) is None
    assert dispatch.find_place(Fleet([late]), want(4000, 5000, (3000, 3600), 4000), times) == Refusal(Reason.NO_TIME)


def test_a_place_found_in_another_order_is_not_taken() -> None:
    times = Plane()
    found = dispatch.find_place(Fleet([make_run()]), want(1000, 3000, (600, 900), 2000), times)
    assert isinstance(found, Placement)
    changed = dispatch.place(make_run(), found, "a")
    with pytest.raises(ValueError, match="find one again"):
        dispatch.place(changed, found, "b")


# ── against trying everything ─────────────────────────────────────────────────────────────────────────────────────────


def make_town(seed: int) -> tuple[list[Run], Plane, random.Random]:
    """Some vehicles with rides, breaks and things that happened, all in a small town."""
    dice = random.Random(seed)
    corners = [at(dice.randrange(0, 6000, 300), dice.randrange(0, 6000, 300)) for _ in range(dice.randrange(3, 12))]
    times = Plane([corners[0]] if dice.random() < 0.1 else ())
    runs = []
    for id_ in range(1, dice.randrange(2, 5)):
        capacity = Capacity(
            (dice.randrange(1, 6), dice.randrange(2), dice.randrange(3), dice.randrange(2), dice.randrange(2)),
            dice.randrange(0, 3),
            dice.random() < 0.5,
            dice.random() < 0.5,
        )  # fmt: skip
        start = dice.randrange(0, 1200)
        run = Run(
            id_, f"van{id_}", "op", ("s",) if dice.random() < 0.9 else ("other",), capacity, dice.choice(corners[1:]),
            DAY, ZERO + start, ZERO + start + dice.randrange(1800, 9000), (),
        )  # fmt: skip
        if dice.random() < 0.4:
            begin = run.start + dice.randrange(0, 4000)
            pause = Event(EventKind.BREAK, Spot("", run.depot), begin, begin + dice.randrange(0, 1500), begin, 0, 600)
            found = dispatch.schedule(replace(run, events=(pause,)), times)
            run = found or run
        runs.append(run)
    for leg in range(dice.randrange(0, 9)):
        fleet = Fleet(runs)
        found_place = dispatch.find_place(fleet, make_ask(dice, corners), times)
        if isinstance(found_place, Placement):
            runs = [dispatch.place(one, found_place, f"leg{leg}") if one.id == found_place.run else one for one in runs]
    if dice.random() < 0.3:
        runs = [begin_run(one, dice.randrange(0, 3)) for one in runs]
    return runs, times, dice


def make_ask(dice: random.Random, corners: list[Point]) -> Ask:
    ready = dice.randrange(0, 5000)
    by = ready + dice.randrange(600, 4000)
    origin, destination = dice.choice(corners), dice.choice(corners)
    not_before = dice.choice([0, 0, 0, ZERO + ready + dice.randrange(0, 1500)])
    load = tuple(dice.choice([0, 0, 0, 1]) for _ in range(4))
    return Ask(
        "s",
        Spot("", origin),
        Spot("", destination),
        (ZERO + ready, ZERO + ready + dice.choice([0, 300, 900, 2000])),
        (not_before, ZERO + by),
        (dice.randrange(1, 3), *load),  # type: ignore[arg-type]
        dice.choice([200, 400, 800, 1500, 4000]),
        dice.choice([0, 30, 60, 120]),
    )


def begin_run(run: Run, stops: int) -> Run:
    """Let the first stops have happened."""
    done = [replace(one, done=position < stops) for position, one in enumerate(run.events)]
    return replace(run, events=tuple(done))


def check_against_oracle(seed: int) -> None:
    runs, times, dice = make_town(seed)
    corners = sorted({run.depot for run in runs} | {at(dice.randrange(0, 6000, 300), 0) for _ in range(4)})
    fleet = Fleet(runs)
    for _ in range(4):
        ask = make_ask(dice, corners)
        now = dice.choice([0, 0, ZERO + dice.randrange(0, 4000)])
        found = dispatch.find_place(fleet, ask, times, now=now)
        expected = oracle.find_cheapest(runs, ask, times.drive, now or None)
        if expected is None:
            assert isinstance(found, Refusal), f"{seed}: {found}"
            continue
        assert isinstance(found, Placement), f"{seed}: {found} {expected}"
        assert (found.cost, found.run, found.pickup, found.drop_off) == expected[:4], seed
        assert found.arrivals == expected.times, seed


@pytest.mark.parametrize("seeds", range(0, 400, 20))
def test_it_agrees_with_trying_everything(seeds: int) -> None:
    for seed in range(seeds, seeds + 20):
        check_against_oracle(seed)


@pytest.mark.slow
def test_it_agrees_with_trying_everything_for_long() -> None:
    for seed in range(10_000, 14_000):
        check_against_oracle(seed)
