"""Days of runs rearranged in the database and over HTTP, while others go on booking."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy.orm import Session
from tests.ondemand.day_checker import Promised, check_day
from tests.ondemand.fleet_rows import put_operators, put_runs, put_vehicles

from mobigo.db.session import driver
from mobigo.kit.geo import Point, haversine
from mobigo.ondemand import dispatch, fleet_store, replanning, store
from mobigo.ondemand.fleet import Fleet, lay_shifts
from mobigo.ondemand.model import Ask, Capacity, Operator, Shift, Spot, State, Vehicle
from mobigo.ondemand.replanning import replan
from mobigo.ondemand.solver import Solver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy.engine import Engine

    from mobigo.ondemand.model import Run
    from mobigo.ondemand.reoptimise import Improvement

DAY = date(2026, 12, 1)
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SIX = int(datetime(2026, 12, 1, 5, tzinfo=UTC).timestamp())
"""06:00 in Paris."""

OPERATOR = Operator("cars", "Cars du Serein")


class Crow:
    """Drives along straight lines at 36 km/h."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        table = [[self.drive(a, b) for b in destinations] for a in origins]
        return np.array(table, np.int32).reshape(len(origins), len(destinations))

    def drive(self, a: Point, b: Point) -> int:
        return math.ceil(haversine(a, b) / 10)


CROW = Crow()


@pytest.fixture(scope="module")
def solver() -> Iterator[Solver]:
    with Solver() as one:
        yield one


def vehicle(number: int) -> Vehicle:
    """Three stand together in one corner; three, on which nobody is booked yet, in the opposite one."""
    depot = Point(4.3, 47.5) if number < 3 else Point(4.45, 47.6)
    shift = Shift((True,) * 7, 6 * 3600, 20 * 3600)
    return Vehicle(f"v{number}", "cars", f"Van {number}", Capacity((4, 1, 2, 1, 1)), depot, ("s",), (shift,))


def meanwhile(patch: pytest.MonkeyPatch, happens: Callable[[Improvement], None]) -> None:
    """Let something happen between thinking about runs and writing them."""
    think = replanning.improve

    def think_slowly(*args: object, **more: object) -> Improvement:
        found = think(*args, **more)  # type: ignore[arg-type]
        happens(found)
        return found

    patch.setattr(replanning, "improve", think_slowly)


def draw_asks(count: int, seed: int) -> dict[str, Ask]:
    chance = random.Random(seed)

    def spot() -> Spot:
        return Spot("somewhere", Point(4.3 + chance.uniform(0, 0.15), 47.5 + chance.uniform(0, 0.1)))

    asks = {}
    for number in range(count):
        origin, destination = spot(), spot()
        longest = int(1.5 * CROW.drive(origin.point, destination.point)) + 900
        first = SIX + chance.randint(3_600, 12 * 3_600)
        asks[f"leg{number}"] = Ask(
            "s", origin, destination, (first, first + 1_200), (0, first + 1_260 + longest), (1, 0, 0, 0, 0), longest
        )
    return asks


@pytest.fixture
def booked(engine: Engine) -> dict[str, Ask]:
    """Six vehicles, of which only three work so far, with rides booked on them in a bad order."""
    asks = draw_asks(24, seed=4)
    vehicles = [vehicle(number) for number in range(6)]
    runs = [
        replace(run, id=-number)
        for number, one in enumerate(vehicles[:3], 1)
        for run in lay_shifts(one, OPERATOR.timezone, DAY)
    ]
    fleet = Fleet(runs)
    chance = random.Random(1)
    for leg, ask in list(asks.items()):  # each on whatever vehicle can take it, not on the best one
        only = chance.sample([run.id for run in runs], 1)
        place = dispatch.find_place(fleet, ask, CROW, only=only)
        if isinstance(place, dispatch.Refusal):
            place = dispatch.find_place(fleet, ask, CROW)
        if isinstance(place, dispatch.Refusal):
            del asks[leg]
            continue
        fleet = fleet.with_runs([dispatch.place(fleet.runs[place.run], place, leg)])
    assert len(asks) > 20
    with Session(engine) as session:
        connection = driver(session)
        put_operators(connection, [OPERATOR])
        put_vehicles(connection, vehicles)
        put_runs(connection, list(fleet.runs.values()), dict.fromkeys(asks, "s"))
        session.commit()
    return asks


def read_runs(engine: Engine) -> list[Run]:
    with Session(engine) as session:
        return fleet_store.list_runs(driver(session))


def check(engine: Engine, asks: dict[str, Ask]) -> list[str]:
    with Session(engine) as session:
        legs = {leg.id: leg.run for leg in store.list_legs(driver(session), list(asks))}
    return check_day(read_runs(engine), [Promised(leg, ask, legs[leg]) for leg, ask in asks.items()], CROW.drive)


def history(engine: Engine) -> list[tuple[Any, ...]]:
    with Session(engine) as session:
        return driver(session).execute("SELECT leg, what, by, details FROM ondemand_history ORDER BY id").fetchall()


def test_a_day_is_rearranged_and_every_promise_still_holds(
    engine: Engine, booked: dict[str, Ask], solver: Solver
) -> None:
    before = sum(dispatch.cost(run, CROW) for run in read_runs(engine))
    with Session(engine) as session:
        (done,) = replan(session, CROW, solver, NOW, seconds=60, by="dora")
        session.commit()
    after = read_runs(engine)
    assert (done.operator, done.day, done.left) == ("cars", DAY, 0)
    assert done.before == before
    assert done.after == sum(dispatch.cost(run, CROW) for run in after) < 0.9 * before
    assert check(engine, booked) == []
    assert {run.id for run in after} >= set(done.runs) > set()
    notes = history(engine)
    assert sorted((leg, what, by) for leg, what, by, _ in notes) == sorted(
        (move.leg, "replanned", "dora") for move in done.moves
    )
    assert all(details["to_run"] != details["from_run"] for *_, details in notes)


@pytest.mark.usefixtures("booked")
def test_another_operator_or_day_is_left_alone(engine: Engine, solver: Solver) -> None:
    with Session(engine) as session:
        assert replan(session, CROW, solver, NOW, seconds=1, operator="others") == []
        assert replan(session, CROW, solver, NOW, seconds=1, day=DAY + timedelta(days=1)) == []
        assert replan(session, CROW, solver, NOW + timedelta(days=2), seconds=1) == []
        assert replan(session, CROW, solver, NOW - timedelta(days=30), seconds=1) == []


def test_rides_whose_driver_knows_of_them_keep_their_vehicle(
    engine: Engine, booked: dict[str, Ask], solver: Solver
) -> None:
    with Session(engine) as session:
        before = {leg.id: leg.run for leg in store.list_legs(driver(session), list(booked))}
        for number, leg in enumerate(booked):
            store.set_state(driver(session), leg, (State.ASSIGNED, State.EN_ROUTE, State.ARRIVED)[number % 3])
        session.commit()
        (done,) = replan(session, CROW, solver, NOW, seconds=2)
        session.commit()
        after = {leg.id: leg.run for leg in store.list_legs(driver(session), list(booked))}
    assert done.moves == ()
    assert after == before
    assert check(engine, booked) == []


def test_what_changes_while_one_thinks_is_not_overwritten(
    engine: Engine, booked: dict[str, Ask], solver: Solver, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = next(iter(booked))

    def cancel(_: Improvement) -> None:
        with Session(engine) as other:
            connection = driver(other)
            leg = store.get_leg(connection, gone)
            run = fleet_store.find_run(connection, leg.run or 0)
            assert run is not None
            store.set_state(connection, leg.id, State.CANCELLED_BY_USER)
            fleet_store.write_runs(connection, [dispatch.remove(run, leg.id, CROW)])
            other.commit()

    meanwhile(monkeypatch, cancel)
    with Session(engine) as session:
        (done,) = replan(session, CROW, solver, NOW, seconds=60)
        session.commit()
    assert done.left > 0
    assert done.after <= done.before
    del booked[gone]
    assert check(engine, booked) == []


def test_a_ride_whose_driver_sets_out_meanwhile_is_not_moved(
    engine: Engine, booked: dict[str, Ask], solver: Solver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_out(found: Improvement) -> None:
        assert found.moves
        with Session(engine) as other:
            for move in found.moves:
                store.set_state(driver(other), move.leg, State.EN_ROUTE)
            other.commit()

    meanwhile(monkeypatch, set_out)
    with Session(engine) as session:
        (done,) = replan(session, CROW, solver, NOW, seconds=60)
        session.commit()
    assert done.moves == ()
    assert check(engine, booked) == []


def test_a_shift_that_somebody_began_meanwhile_is_not_used(
    engine: Engine, booked: dict[str, Ask], solver: Solver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(found: Improvement) -> None:
        assert any(run.id < 0 for run in found.runs)
        with Session(engine) as other:
            for run in found.runs:
                if run.id < 0:
                    fleet_store.write_runs(driver(other), [replace(run, events=(), longest_ride={})])
            other.commit()

    meanwhile(monkeypatch, begin)
    with Session(engine) as session:
        (done,) = replan(session, CROW, solver, NOW, seconds=60)
        session.commit()
    assert done.left > 0
    assert check(engine, booked) == []
