"""Late vehicles: whoever waits for them is fetched by another, or told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.ondemand.keeping_town import MINUTE, STATION, VILLAGES, Town

from mobigo.ondemand.keeping import Fate
from mobigo.ondemand.lateness import forecast
from mobigo.ondemand.model import Pin, PinSide, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from mobigo.ondemand.model import BookedLeg


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    with Session(engine, expire_on_commit=False) as session:
        yield Town(session)


def clock(town: Town, leg: BookedLeg, minutes: float) -> None:
    """Set the clock to so many minutes after the first pick-up was to begin."""
    town.now = datetime.fromtimestamp(leg.offer.pickup[0], UTC) + timedelta(minutes=minutes)


def two_rides(town: Town) -> tuple[BookedLeg, BookedLeg]:
    """Somebody to the near village at 10:05, there at 10:16; another one from the station at 10:35."""
    first = town.book("near", width=0)
    second = town.book("back", after=35, width=0, pinned=False)
    assert first.run == second.run
    return first, second


def test_a_vehicle_in_time_is_left_alone(town: Town) -> None:
    town.add_vehicles("bus")
    first, _ = two_rides(town)
    clock(town, first, 1)
    town.move(first, State.ON_BOARD)
    assert town.catch_up() == []


def test_nobody_knows_of_runs_without_reports(town: Town) -> None:
    town.add_vehicles("bus")
    first, _ = two_rides(town)
    clock(town, first, 60)
    assert town.catch_up() == []


def test_another_vehicle_comes_for_those_behind(town: Town) -> None:
    town.add_vehicles("bus")
    first, second = two_rides(town)
    town.add_vehicles("van")
    clock(town, first, 15)
    town.move(first, State.ON_BOARD)  # back at 10:41
    done = {one.leg.id: one for one in town.catch_up()}
    assert done[first.id].fate is Fate.LATE
    assert done[second.id].fate is Fate.MOVED
    assert done[second.id].leg.shifted == 0
    moved = town.leg(second)
    assert moved.vehicle == "van"
    assert moved.planned is not None
    assert moved.planned[0] == second.offer.pickup[0]
    assert {"ride_moved", "sheet_ride_removed", "sheet_ride_added"} <= set(town.told(second))
    assert "ride_late" not in town.told(first)  # who is aboard sees it
    assert town.catch_up() == []


def test_without_another_vehicle_those_behind_are_told_in_steps(town: Town) -> None:
    town.add_vehicles("bus")
    first, second = two_rides(town)
    clock(town, first, 18)
    town.move(first, State.ON_BOARD)
    done = {one.leg.id: one for one in town.catch_up()}
    assert done[second.id].fate is Fate.LATE
    assert done[second.id].leg.shifted == 10 * MINUTE  # nine minutes
    late = town.leg(second)
    assert late.planned is not None
    assert late.planned[0] > second.offer.pickup[1]
    assert town.told(second)[-1] == "ride_late"
    town.now += timedelta(minutes=1)
    assert town.catch_up() == []
    assert town.told(second).count("ride_late") == 1


def test_who_waits_too_long_gets_a_taxi(town: Town) -> None:
    town.add_vehicles("bus", taxi="+33698765432")
    first, second = two_rides(town)
    clock(town, first, 45)
    town.move(first, State.ON_BOARD)  # back at 11:11
    done = {one.leg.id: one for one in town.catch_up()}
    assert done[second.id].fate is Fate.TAXI
    assert town.told(second).count("taxi_ordered") == 1


def test_without_a_taxi_the_vehicle_comes_as_late_as_it_is(town: Town) -> None:
    town.add_vehicles("bus")
    first, second = two_rides(town)
    clock(town, first, 45)
    town.move(first, State.ON_BOARD)
    done = {one.leg.id: one for one in town.catch_up()}
    assert done[second.id].fate is Fate.LATE
    assert town.leg(second).state is State.CONFIRMED


def test_a_train_that_would_be_missed_is_worth_a_taxi(town: Town) -> None:
    town.add_vehicles("bus", taxi="+33698765432")
    first = town.book("near", width=0)
    leaves = first.offer.pickup[0] + 32 * MINUTE
    feeder = town.book(
        "near",
        after=15,
        width=2,
        pin=Pin(PinSide.BEFORE, "t:892", first.offer.service_date, "t:gare", leaves),
        origin=VILLAGES["near"],
        destination=STATION,
        drop_off=(0, leaves - 5 * MINUTE),
    )
    clock(town, first, 12)
    town.move(first, State.ON_BOARD)  # in the village at 10:28 instead of 10:16, at the station at 10:39
    done = {one.leg.id: one for one in town.catch_up()}
    assert done[feeder.id].fate is Fate.TAXI


def test_a_vehicle_that_stands_there_is_not_late(town: Town) -> None:
    town.add_vehicles("bus")
    first, _ = two_rides(town)
    clock(town, first, 2)
    town.move(first, State.ARRIVED)
    assert town.catch_up() == []
    run = town.runs[0]
    at = forecast(run, town.supply.drives, int(town.now.timestamp()), [first.id])
    assert at[0] == first.offer.pickup[0]
    assert at[1] == int(town.now.timestamp()) + 10 * MINUTE  # it leaves no earlier than now


def test_a_ride_that_staff_tied_to_its_vehicle_stays_on_it(town: Town) -> None:
    town.add_vehicles("bus")
    first, second = two_rides(town)
    town.add_vehicles("van")
    town.session.connection().exec_driver_sql("UPDATE ondemand_leg SET locked = true WHERE id = %s", (second.id,))
    clock(town, first, 18)
    town.move(first, State.ON_BOARD)
    done = {one.leg.id: one for one in town.catch_up()}
    assert done[second.id].fate is Fate.LATE
    assert town.leg(second).vehicle == "bus"


def test_two_behind_share_the_next_vehicle(town: Town) -> None:
    town.add_vehicles("bus")
    first = town.book("near", width=0)
    behind = [town.book("back", after=35, width=0, pinned=False) for _ in range(2)]
    town.add_vehicles("van")
    clock(town, first, 18)
    town.move(first, State.ON_BOARD)
    done = {one.leg.id: one.fate for one in town.catch_up()}
    assert [done[leg.id] for leg in behind] == [Fate.MOVED, Fate.MOVED]
    assert {town.leg(leg).vehicle for leg in behind} == {"van"}
    assert len({town.leg(leg).run for leg in behind}) == 1
