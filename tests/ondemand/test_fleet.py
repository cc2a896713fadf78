"""Shifts become runs, runs become arrays, and what is in the database is what is in memory."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.ondemand import insertion_oracle as oracle
from tests.ondemand.fleet_rows import put_operators, put_runs, put_vehicles
from tests.ondemand.test_insertion import Plane, at, want

from mobigo.db.engine import libpq_conninfo
from mobigo.ondemand import dispatch, fleet_store
from mobigo.ondemand.dispatch import Fault, Placement, Rule
from mobigo.ondemand.fleet import Fleet, find_local_days, fits, lay_shifts
from mobigo.ondemand.model import Capacity, Event, EventKind, Operator, Run, Shift, Spot, Vehicle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.kit.geo import Point

HOUR = 3600
WEEK = (True,) * 7
MONDAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)


def local(instant: int) -> str:
    return f"{datetime.fromtimestamp(instant, UTC):%d %H:%M}"


def make_vehicle(id_: str = "van", *shifts: Shift, services: tuple[str, ...] = ("s",), **more: Any) -> Vehicle:  # noqa: ANN401
    capacity = Capacity((4, 1, 2, 1, 1), seats_per_wheelchair=2, luggage_on_seats=True)
    return Vehicle(id_, "op", id_, capacity, at(0), services, shifts or (Shift(WEEK, 8 * HOUR, 18 * HOUR),), **more)


# ── room ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("load", "has_room"),
    [
        ((4, 0, 0, 0, 0), True),
        ((5, 0, 0, 0, 0), False),
        ((2, 1, 0, 0, 0), True),  # a wheelchair takes two of four seats
        ((3, 1, 0, 0, 0), False),
        ((0, 2, 0, 0, 0), False),
        ((3, 0, 3, 0, 0), True),  # the third piece of luggage lies on a seat
        ((4, 0, 3, 0, 0), False),
        ((0, 0, 6, 0, 0), True),
        ((0, 0, 7, 0, 0), False),
        ((3, 0, 0, 1, 1), True),  # the child seat stands on the fourth
        ((4, 0, 0, 0, 1), False),
        ((0, 0, 0, 2, 0), False),
        ((0, 0, 0, 0, 2), False),
    ],
)
def test_what_fits_into_a_vehicle(load: tuple[int, int, int, int, int], *, has_room: bool) -> None:
    assert fits(make_vehicle().capacity, load) is has_room


def test_kernel_and_oracle_agree_on_room() -> None:
    dice = random.Random(7)
    for per_wheelchair, on_seats, child in product((0, 1, 3), (False, True), (False, True)):
        capacity = Capacity((3, 1, 1, 1, 1), per_wheelchair, on_seats, child)
        for _ in range(20):
            aboard, load = ((dice.randrange(4), *(dice.randrange(3) for _ in range(4))) for _ in range(2))
            both = tuple(a + b for a, b in zip(aboard, load, strict=True))
            assert fits(capacity, both) == oracle.fits(capacity, both)  # type: ignore[arg-type]


# ── shifts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "start", "end"),
    [
        (date(2026, 11, 23), "23 05:00", "24 01:00"),
        (date(2027, 3, 27), "27 05:00", "28 00:00"),  # the clock goes forward at the end of its night
        (date(2027, 3, 28), "28 04:00", "29 00:00"),
        (date(2026, 10, 24), "24 04:00", "25 00:00"),
        (date(2026, 10, 25), "25 05:00", "26 01:00"),
    ],
)
def test_shifts_are_worked_by_the_clock_on_the_wall(day: date, start: str, end: str) -> None:
    vehicle = make_vehicle("van", Shift(WEEK, 6 * HOUR, 26 * HOUR))
    (run,) = lay_shifts(vehicle, "Europe/Paris", day)
    if day == date(2027, 3, 27):
        end = "28 01:00"  # noon minus 12 h, and 26 h on: three o'clock by the new time
    assert (local(run.start), local(run.end)) == (start, end)


def test_a_shift_is_worked_on_its_days_only() -> None:
    mondays = Shift((True, *(False,) * 6), 0, HOUR, first=date(2026, 11, 10), last=date(2026, 11, 30))
    days = [date(2026, 11, day) for day in range(1, 31)]
    worked = [day.day for day in days if lay_shifts(make_vehicle("van", mondays), "Europe/Paris", day)]
    assert worked == [16, 23, 30]


def test_breaks_are_taken_one_after_the_other() -> None:
    shift = Shift(WEEK, 8 * HOUR, 18 * HOUR, ((12 * HOUR, 14 * HOUR, 1800), (7 * HOUR + 1800, 9 * HOUR, 600)))
    (run,) = lay_shifts(make_vehicle("van", shift), "Europe/Paris", MONDAY)
    assert [(local(one.arrival), local(one.departure), local(one.latest)) for one in run.events] == [
        ("23 07:00", "23 07:10", "23 07:50"),
        ("23 11:00", "23 11:30", "23 12:30"),
    ]
    assert dispatch.schedule(run, Plane()) == run


def test_a_night_shift_serves_the_next_morning() -> None:
    vehicle = make_vehicle("owl", Shift(WEEK, 20 * HOUR, 30 * HOUR))
    fleet = Fleet([], [vehicle], [Operator("op", "Op")])
    four = int(datetime(2026, 11, 24, 3, tzinfo=UTC).timestamp())
    assert [run.day for run in fleet.list_runs("s", four, four)] == [MONDAY]
    assert MONDAY in find_local_days(four, four, "Europe/Paris")


# ── the fleet in memory ───────────────────────────────────────────────────────────────────────────────────────────────


def ask_at(hour: float, *, x0: float = 1000, x1: float = 5000) -> Any:  # noqa: ANN401 - an ask
    start = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp() + hour * HOUR)
    return replace(want(x0, x1, (0, 0), 0), pickup=(start, start + 600), drop_off=(0, start + 3600))


def test_a_vehicle_nobody_is_booked_on_is_there_all_the_same() -> None:
    fleet = Fleet([], [make_vehicle("a"), make_vehicle("b", services=("other",))], [Operator("op", "Op")])
    found = dispatch.find_place(fleet, ask_at(9), Plane())
    assert isinstance(found, Placement)
    run = fleet.find_run(found.run)
    assert run is not None
    assert (run.vehicle, run.id < 0, run.day) == ("a", True, MONDAY)


def test_several_rides_are_put_in_one_after_another_before_anything_is_stored() -> None:
    fleet = Fleet([], [make_vehicle("a")], [Operator("op", "Op")])
    times = Plane()
    for number in range(5):
        found = dispatch.find_place(fleet, ask_at(8 + number), times)
        assert isinstance(found, Placement)
        run = fleet.find_run(found.run)
        assert run is not None
        fleet = fleet.with_runs([dispatch.place(run, found, f"leg{number}")])
    (run,) = fleet.runs.values()
    assert len(run.events) == 10
    assert [one.id for one in fleet.list_runs("s", run.start, run.end)] == [run.id]


def test_a_stored_run_stands_for_its_shift() -> None:
    vehicle = make_vehicle("a")
    (laid,) = lay_shifts(vehicle, "Europe/Paris", MONDAY)
    fleet = Fleet([replace(laid, id=7)], [vehicle], [Operator("op", "Op")])
    assert [one.id for one in fleet.list_runs("s", laid.start, laid.end)] == [7]
    assert [one.day.day for one in fleet.list_runs("s", laid.start, laid.end + 86_400)] == [23, 24]


def test_a_vehicle_out_of_service_is_not_asked() -> None:
    vehicle = make_vehicle("a", active=False)
    (laid,) = lay_shifts(vehicle, "Europe/Paris", MONDAY)
    fleet = Fleet([replace(laid, id=7)], [vehicle], [Operator("op", "Op")])
    assert fleet.list_runs("s", laid.start, laid.end) == []


def test_what_has_not_changed_is_not_packed_again() -> None:
    fleet = Fleet([], [make_vehicle("a"), make_vehicle("b")], [Operator("op", "Op")])
    times = Plane()
    found = dispatch.find_place(fleet, ask_at(9), times)
    assert isinstance(found, Placement)
    run = fleet.find_run(found.run)
    assert run is not None
    after = fleet.with_runs([dispatch.place(run, found, "leg")])
    evening = dispatch.find_place(after, ask_at(33), times)
    before = times.asked
    assert dispatch.find_place(after, ask_at(33), times) == evening
    assert times.asked - before < 20
    assert dispatch.find_place(fleet, ask_at(9), times) == found  # the one before is as it was


def test_whoever_asks_about_day_after_day_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobigo.ondemand.fleet.LAID", 10)
    monkeypatch.setattr("mobigo.ondemand.fleet.BLOCKS", 3)
    fleet = Fleet([], [make_vehicle("a"), make_vehicle("b")], [Operator("op", "Op")])
    times = Plane()
    for day in range(30):
        found = dispatch.find_place(fleet, ask_at(9 + 24 * day), times)
        assert isinstance(found, Placement)
        run = fleet.find_run(found.run)
        assert run is not None
        assert len(dispatch.place(run, found, "leg").events) == 2
        assert fleet._days_laid <= 10
        assert len(fleet._blocks) <= 3
        assert len(fleet._packed) <= 10


class Slower(Plane):
    """The streets as they are read the next night: each drive takes some seconds more."""

    def __init__(self, more: int) -> None:
        super().__init__()
        self.more = more

    def drive(self, a: Point, b: Point) -> int:
        return super().drive(a, b) + self.more if a != b else 0


@pytest.mark.parametrize(("more", "found"), [(0, True), (1, True), (120, True), (121, False)])
def test_a_plan_of_yesterdays_drives_stands(more: int, *, found: bool) -> None:
    vehicle = make_vehicle("a")
    (run,) = lay_shifts(vehicle, "Europe/Paris", MONDAY)
    tight = replace(ask_at(9), pickup=(run.start + 50, run.start + 100), drop_off=(0, run.start + 100 + 60 + 400))
    placed = dispatch.find_place(Fleet([replace(run, id=1)]), tight, Plane())
    assert isinstance(placed, Placement)
    run = dispatch.place(replace(run, id=1), placed, "leg")
    if more:
        assert dispatch.schedule(run, Slower(more)) is None
    later = dispatch.find_place(Fleet([run]), ask_at(12), Slower(more))
    assert isinstance(later, Placement) is found
    if found:
        assert isinstance(later, Placement)
        assert later.arrivals[:2] == placed.arrivals


def test_random_changes_leave_the_fleet_as_if_it_were_new() -> None:
    dice = random.Random(3)
    vehicles = [make_vehicle(name, services=("s",) if name < "c" else ("s", "t")) for name in "abcd"]
    operators = [Operator("op", "Op")]
    fleet = Fleet([], vehicles, operators)
    times = Plane()
    next_id = 1
    for step in range(60):
        ask = ask_at(dice.uniform(7, 40), x0=dice.randrange(9) * 1000, x1=dice.randrange(9) * 1000)
        ask = replace(ask, service=dice.choice("st"))
        found = dispatch.find_place(fleet, ask, times)
        fresh = dispatch.find_place(Fleet(fleet.runs.values(), vehicles, operators), ask, times)
        if not isinstance(found, Placement):
            assert found == fresh
            continue
        assert isinstance(fresh, Placement)
        assert (found.cost, found.arrivals) == (fresh.cost, fresh.arrivals)
        run = fleet.find_run(found.run)
        assert run is not None
        changed = dispatch.place(run, found, f"leg{step}")
        if changed.id < 0:
            changed, next_id = replace(changed, id=next_id), next_id + 1
        fleet = fleet.with_runs([changed])


# ── why a run cannot be driven ────────────────────────────────────────────────────────────────────────────────────────


def drawn(*stops: tuple[str, float, int, int]) -> Run:
    """A run from eight to nine of stops: leg and sign, metres, earliest and latest seconds."""
    events = [
        Event(
            EventKind.PICKUP if name[0] == "+" else EventKind.DROP_OFF if name[0] == "-" else EventKind.BREAK,
            Spot("", at(x)),
            earliest,
            latest,
            dispatch.UNPLANNED,
            dispatch.UNPLANNED,
            60,
            name[1:] or None,
            ({"+": 3, "-": -3}.get(name[0], 0), 0, 0, 0, 0),
        )
        for name, x, earliest, latest in stops
    ]
    legs = dict.fromkeys((name[1:] for name, *_ in stops if name[1:]), 400)
    return Run(1, "van", "op", ("s",), make_vehicle().capacity, at(0), MONDAY, 0, 3600, tuple(events), legs)


@pytest.mark.parametrize(
    ("run", "fault"),
    [
        (drawn(("+a", 1000, 0, 600), ("-a", 5000, 0, 900)), None),
        (drawn(("-a", 1000, 0, 600), ("+a", 5000, 0, 900)), Fault(Rule.ORDER, 0)),
        (drawn(("+a", 1000, 0, 600), ("+b", 2000, 0, 900)), Fault(Rule.ROOM, 1)),
        (drawn(("+a", 1000, 0, 600), ("=", 2000, 0, 900)), Fault(Rule.BREAK, 1)),
        (drawn(("+a", 1000, 0, 99), ("-a", 5000, 0, 900)), Fault(Rule.WINDOW, 0, 100, 99)),
        (drawn(("+a", 1000, 0, 600), ("-a", 5000, 0, 559)), Fault(Rule.WINDOW, 1, 560, 559)),
        (drawn(("+a", 1000, 0, 600), ("-a", 5010, 0, 900)), Fault(Rule.RIDE, 1, 401, 400)),
        (
            drawn(("+a", 7000, 2500, 9000), ("-a", 5000, 0, 9000)),
            Fault(Rule.SHIFT, 2, 2500 + 60 + 200 + 60 + 500, 3600),
        ),
        (drawn(("+a", 1000, 0, 600), ("-a", 7777, 0, 9000)), Fault(Rule.NO_WAY, 1)),
    ],
)
def test_the_first_thing_that_is_wrong_is_told(run: Run, fault: Fault | None) -> None:
    if fault is not None and fault.rule is Rule.SHIFT:
        run = replace(run, end=3300)
        fault = replace(fault, bound=3300)
    assert dispatch.find_fault(run, Plane([at(7777)])) == fault


# ── in the database ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(libpq_conninfo(database_url)) as open_connection:
        put_operators(open_connection, [Operator("op", "Op", phone="1", taxi_phone="2", timezone="Europe/Paris")])
        put_vehicles(open_connection, [make_vehicle("a"), make_vehicle("b", drivers=("lou",))])
        open_connection.commit()
        yield open_connection


def book(connection: psycopg.Connection[Any], fleet: Fleet, leg: str, hour: float) -> Run:
    """Put a ride where it fits best, and store it with its booking."""
    found = dispatch.find_place(fleet, ask_at(hour), Plane())
    assert isinstance(found, Placement)
    run = fleet.find_run(found.run)
    assert run is not None
    (written,) = put_runs(connection, [dispatch.place(run, found, leg)], {leg: "s"})
    connection.commit()
    return written


def test_what_is_written_is_read(connection: psycopg.Connection[Any]) -> None:
    fleet = fleet_store.read_fleet(connection)
    assert fleet.vehicles["b"] == make_vehicle("b", drivers=("lou",))
    assert fleet.operators["op"].taxi_phone == "2"
    run = book(connection, fleet, "leg", 9)
    assert run.id > 0
    assert fleet_store.find_run(connection, run.id) == run
    assert fleet_store.list_runs(connection, operator="op", day=MONDAY) == [run]
    assert fleet_store.list_runs(connection, vehicle="nobody") == []


def test_only_what_has_changed_is_read_again(connection: psycopg.Connection[Any]) -> None:
    fleet = fleet_store.read_fleet(connection)
    assert fleet_store.read_fleet(connection, fleet) is fleet
    first = book(connection, fleet, "one", 9)
    second = fleet_store.read_fleet(connection, fleet)
    assert list(second.runs.values()) == [first]
    book(connection, second, "two", 33)
    third = fleet_store.read_fleet(connection, second)
    assert third.runs[first.id] is second.runs[first.id]
    assert len(third.runs) == 2
    fleet_store.write_vehicle(connection, make_vehicle("c"), by="ada", now=NOW)
    fourth = fleet_store.read_fleet(connection, third)
    assert set(fourth.vehicles) == {"a", "b", "c"}
    assert fourth.runs[first.id] is first or fourth.runs[first.id] is third.runs[first.id]


def test_runs_long_over_are_left_out(connection: psycopg.Connection[Any]) -> None:
    run = book(connection, fleet_store.read_fleet(connection), "leg", 9)
    assert list(fleet_store.read_fleet(connection, oldest=run.end).runs) == [run.id]
    assert list(fleet_store.read_fleet(connection, oldest=run.end + 1).runs) == []


def test_who_changes_runs_of_a_day_waits_for_the_other(connection: psycopg.Connection[Any], database_url: str) -> None:
    fleet_store.lock_days(connection, [("op", MONDAY)])
    order: list[str] = []

    def wait_for(*keys: tuple[str, date]) -> None:
        with psycopg.connect(libpq_conninfo(database_url)) as other:
            fleet_store.lock_days(other, keys)
            order.append(str(keys[0]))

    def change_vehicle() -> None:
        with psycopg.connect(libpq_conninfo(database_url)) as other:
            fleet_store.lock_operators(other, ["op"])
            order.append("vehicle")

    wait_for(("op", date(2026, 11, 24)))
    wait_for(("other", MONDAY))
    assert len(order) == 2
    waiting = [threading.Thread(target=wait_for, args=[("op", MONDAY)]), threading.Thread(target=change_vehicle)]
    for one in waiting:
        one.start()
        one.join(0.3)
        assert one.is_alive()
    connection.commit()
    for one in waiting:
        one.join()
    assert len(order) == 4


def test_two_who_lock_days_in_different_orders_do_not_wait_for_each_other_for_ever(database_url: str) -> None:
    days = [("op", date(2026, 11, day)) for day in range(1, 20)]
    done: list[int] = []

    def take(number: int) -> None:
        with psycopg.connect(libpq_conninfo(database_url)) as connection:
            for _ in range(10):
                fleet_store.lock_days(connection, random.Random(number).sample(days, 10))
                connection.commit()
            done.append(number)

    threads = [threading.Thread(target=take, args=[number]) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert sorted(done) == [0, 1, 2, 3]


def test_the_database_keeps_a_promise_too(connection: psycopg.Connection[Any]) -> None:
    run = book(connection, fleet_store.read_fleet(connection), "leg", 9)
    late = replace(run.events[0], arrival=run.events[0].latest + 1, departure=run.events[0].latest + 61)
    with pytest.raises(psycopg.errors.CheckViolation):
        fleet_store.write_runs(connection, [replace(run, events=(late, run.events[1]))])
    connection.rollback()
    assert fleet_store.find_run(connection, run.id) == run
