"""The oracle of insertion and the checker of a day: they find what they are for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.ondemand.day_checker import Pause, Promised, check_day
from tests.ondemand.insertion_oracle import Place, count_frozen, find_cheapest, fits, plan

from mobigo.kit.geo import Point
from mobigo.ondemand.model import Ask, Capacity, Event, EventKind, Load, Run, Spot

# a straight road, 60 s from one place to the next: D(epot) A B C E
ROAD = {name: Point(float(n), 0.0) for n, name in enumerate("DABCE")}
ONE: Load = (1, 0, 0, 0, 0)
TAXI = Capacity((4, 0, 0, 0, 0))


def drive(a: Point, b: Point) -> int:
    return int(abs(a.lon - b.lon)) * 60


def spot(name: str) -> Spot:
    return Spot(name, ROAD[name])


def ask(
    way: str, pickup: tuple[int, int] = (0, 5000), drop_off: tuple[int, int] = (0, 5000), longest: int = 600
) -> Ask:
    return Ask("s", spot(way[0]), spot(way[1]), pickup, drop_off, ONE, longest, dwell=10)


def run(*events: Event, end: int = 5000, id_: int = 1, capacity: Capacity = TAXI, **longest: int) -> Run:
    return Run(id_, f"v{id_}", "o", ("s",), capacity, ROAD["D"], None, 0, end, events, longest)  # type: ignore[arg-type]


def stop(kind: EventKind, place: str, at: int, leg: str | None, *, window: tuple[int, int] = (0, 5000)) -> Event:
    load: Load = {EventKind.PICKUP: ONE, EventKind.DROP_OFF: (-1, 0, 0, 0, 0)}.get(kind, (0, 0, 0, 0, 0))
    return Event(kind, spot(place), *window, at, at + 10, 10, leg, load)


def on(place: str, at: int, leg: str = "x", **more: tuple[int, int]) -> Event:
    return stop(EventKind.PICKUP, place, at, leg, **more)


def off(place: str, at: int, leg: str = "x", **more: tuple[int, int]) -> Event:
    return stop(EventKind.DROP_OFF, place, at, leg, **more)


# A to C, 60 s from the depot: on at 60, off at 190; back at 380
A_TO_C = run(on("A", 60), off("C", 190), x=600)
PROMISED = Promised("x", ask("AC"))


def test_an_empty_run_drives_there_and_back() -> None:
    # D-A 60, A-C 120, C-D 180: 360 s; off at 60 + 10 + 120 = 190
    assert find_cheapest([run()], ask("AC"), drive) == Place(3600 + 190, 1, 0, 1, (60, 190))


def test_who_is_on_the_way_costs_waiting_only() -> None:
    # on at B (130) and off at C with the other (200, one stop): C is reached 10 s later for both
    found = find_cheapest([A_TO_C], ask("BC"), drive)
    assert found == Place(200 + 10, 1, 1, 2, (60, 130, 200, 200))


def test_the_cheaper_of_two_runs() -> None:
    found = find_cheapest([replace(run(), id=7), A_TO_C], ask("BC"), drive)
    assert found is not None
    assert found.run == 1


def test_ties_go_to_the_lower_run() -> None:
    found = find_cheapest([replace(run(), id=9), replace(run(), id=3)], ask("AB"), drive)
    assert found is not None
    assert found.run == 3


@pytest.mark.parametrize(
    ("runs", "what"),
    [
        ([run(end=369)], ask("AC")),  # back at 190 + 10 + 180
        ([run()], ask("AC", pickup=(0, 59))),
        ([run()], ask("AC", drop_off=(0, 189))),
        ([run()], ask("AC", longest=119)),
        ([replace(run(), services=("other",))], ask("AC")),
        ([run(capacity=Capacity((0, 4, 0, 0, 0)))], ask("AC")),
    ],
)
def test_there_is_no_place(runs: list[Run], what: Ask) -> None:
    assert find_cheapest(runs, what, drive) is None


def test_a_pickup_waits_where_the_ride_would_be_too_long() -> None:
    # off not before 1000; 120 s drive, 150 s aboard at most: on at 1000 - 150 - 10
    found = find_cheapest([run()], ask("AC", drop_off=(1000, 2000), longest=150), drive)
    assert found is not None
    assert found.times == (840, 1000)


def test_the_longest_ride_of_those_aboard_holds() -> None:
    tight = replace(A_TO_C, longest_ride={"x": 120})
    found = find_cheapest([tight], ask("BC"), drive)
    assert found is not None
    assert (found.pickup, found.drop_off) != (1, 2)


def test_nobody_is_aboard_in_a_break_and_nothing_is_put_before_what_is_done() -> None:
    pause = Event(EventKind.BREAK, spot("D"), 0, 100, 0, 300, 300)
    found = find_cheapest([run(pause)], ask("AC"), drive)
    assert found is not None
    assert (found.pickup, found.drop_off, found.times) == (1, 2, (0, 360, 490))
    done = replace(A_TO_C, events=(replace(A_TO_C.events[0], done=True), A_TO_C.events[1]))
    found = find_cheapest([done], ask("DA"), drive)
    assert found is not None
    assert found.pickup > 0


def test_a_vehicle_on_its_way_is_not_turned_back() -> None:
    late = run(on("B", 1000), off("C", 1070), x=600)
    assert count_frozen(late, drive, now=879) == 0
    assert count_frozen(late, drive, now=880) == 1
    assert count_frozen(late, drive, now=1010) == 2
    assert plan(run(on("B", 300), off("C", 1000), x=600), drive, now=500) == (300, 560)  # B was left for at 180
    found = find_cheapest([run()], ask("AC"), drive, now=500)
    assert found is not None
    assert found.times == (560, 690)


@pytest.mark.parametrize(
    ("load", "fitting"),
    [
        ((6, 0, 2, 1, 0), True),
        ((7, 0, 0, 0, 0), False),
        ((4, 1, 0, 0, 0), True),  # a wheelchair takes two seats
        ((5, 1, 0, 0, 0), False),
        ((0, 3, 0, 0, 0), False),
        ((4, 0, 4, 0, 0), True),  # luggage on seats
        ((5, 0, 4, 0, 0), False),
        ((5, 0, 0, 0, 1), True),
        ((6, 0, 0, 0, 1), False),
        ((0, 0, 0, 2, 0), False),
        ((0, 0, 0, 0, 2), False),
    ],
)
def test_room(load: Load, fitting: bool) -> None:  # noqa: FBT001
    capacity = Capacity((6, 2, 2, 1, 1), seats_per_wheelchair=2, luggage_on_seats=True)
    assert fits(capacity, load) == fitting
    one = run(
        replace(on("A", 60), load=load), replace(off("C", 190), load=tuple(-n for n in load)), x=600, capacity=capacity
    )
    promised = Promised("x", replace(ask("AC"), load=load))
    assert (check_day([one], [promised], drive) == []) == fitting


def test_a_right_day_has_nothing_wrong() -> None:
    assert check_day([A_TO_C], [PROMISED], drive) == []
    shared = run(on("A", 60), on("B", 130, "y"), off("C", 200), off("C", 200, "y"), x=600, y=600)
    assert check_day([shared], [PROMISED, Promised("y", ask("BC"), run=1)], drive) == []


def change(position: int, **to: object) -> Run:
    events = list(A_TO_C.events)
    events[position] = replace(events[position], **to)  # type: ignore[arg-type]
    return replace(A_TO_C, events=tuple(events))


@pytest.mark.parametrize(
    ("day", "promised", "what"),
    [
        ([A_TO_C], [], "nobody asked"),
        ([], [PROMISED], "has stops"),
        ([replace(A_TO_C, events=A_TO_C.events[:1])], [PROMISED], "has stops"),
        ([replace(A_TO_C, events=A_TO_C.events[:1])], [PROMISED], "aboard"),
        ([replace(A_TO_C, events=A_TO_C.events[::-1])], [PROMISED], "gets off before"),
        ([A_TO_C], [replace(PROMISED, run=2)], "not on 2"),
        ([A_TO_C], [Promised("x", replace(ask("AC"), service="t"))], "of service t"),
        ([A_TO_C], [Promised("x", ask("AB"))], "goes from"),
        ([A_TO_C], [Promised("x", ask("AC", pickup=(61, 90)))], "pick-up at 60, promised 61 to 90"),
        ([A_TO_C], [Promised("x", ask("AC", drop_off=(0, 189)))], "drop-off at 190, promised 0 to 189"),
        ([A_TO_C], [Promised("x", ask("AC", longest=119))], "120 s aboard, promised at most 119 s"),
        ([A_TO_C], [Promised("x", replace(ask("AC"), load=(2, 0, 0, 0, 0)))], "takes"),
        ([change(0, arrival=59, departure=69)], [PROMISED], "leaves its depot at -1"),
        ([change(1, arrival=189, departure=199)], [PROMISED], "it is 120 s away"),
        ([change(0, departure=65)], [PROMISED], "stays 5 s of the 10 s"),
        ([change(0, dwell=5, departure=65)], [PROMISED], "needs 10 s"),
        ([change(0, latest=50)], [PROMISED], "its window is 0 to 50"),
        ([replace(A_TO_C, end=379)], [PROMISED], "is back at 380"),
        ([replace(A_TO_C, capacity=Capacity((0, 0, 0, 0, 0)))], [PROMISED], "1 seats too few"),
        ([A_TO_C, replace(run(id_=2), vehicle="v1")], [PROMISED], "overlap"),
        ([A_TO_C, replace(run(id_=1), vehicle="v2")], [PROMISED], "one id"),
    ],
)
def test_what_is_wrong_is_found(day: list[Run], promised: list[Promised], what: str) -> None:
    assert what in "\n".join(check_day(day, promised, drive))


def test_breaks_are_looked_for() -> None:
    pauses = {1: [Pause(0, 1000, 300)]}
    assert "no break of 300 s" in check_day([A_TO_C], [PROMISED], drive, pauses)[0]
    pause = Event(EventKind.BREAK, spot("C"), 0, 700, 200, 500, 300)
    rested = replace(A_TO_C, events=(*A_TO_C.events, pause))
    assert check_day([rested], [PROMISED], drive, pauses) == []
    aboard = replace(rested, events=(rested.events[0], replace(pause, spot=spot("A"), arrival=70, departure=370)))
    assert any("a break with" in what for what in check_day([aboard], [PROMISED], drive, pauses))
    short = replace(A_TO_C, events=(*A_TO_C.events, replace(pause, dwell=299, departure=499)))
    assert "no break" in check_day([short], [PROMISED], drive, pauses)[0]
    twice = {1: [Pause(0, 1000, 300), Pause(0, 1000, 200)]}
    assert len(check_day([rested], [PROMISED], drive, twice)) == 1


def test_a_vehicle_may_hold_less_than_its_run_says() -> None:
    assert check_day([A_TO_C], [PROMISED], drive, capacities={"v1": Capacity((0, 0, 0, 0, 0))})
