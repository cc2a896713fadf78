"""Late trains: the vehicle waits, else the next one comes, else a taxi; promises to others stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sqlalchemy.orm import Session
from tests.ondemand.keeping_town import MINUTE, NOW, SERVICE, SYSTEM_ACTOR, TRAIN, Town

from mobigo.db.session import driver
from mobigo.messages import service as messages
from mobigo.ondemand import keeping
from mobigo.ondemand.keeping import Fate
from mobigo.ondemand.model import State
from mobigo.ondemand.service import Bookings
from mobigo.ondemand.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy.engine import Engine

    from mobigo.kit.geo import Point


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    session = Session(engine, expire_on_commit=False)
    with session:
        yield Town(session)


def test_a_train_in_time_changes_nothing(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    assert town.meet(leg, 0).fate is Fate.KEPT
    assert town.meet(leg, -5).fate is Fate.KEPT
    assert "shifted" not in town.history(leg)


def test_the_vehicle_waits_for_a_late_train(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    kept = town.meet(leg, 9.5)
    assert kept.fate is Fate.HELD
    assert kept.leg.shifted == 600  # full minutes
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] == leg.offer.pickup[0] + 600
    assert kept.leg.run == leg.run
    assert town.check(leg) == []
    assert "pickup_shifted" in town.told(leg)
    assert "sheet_hold" in town.told(leg)
    assert town.history(leg)[-1] == "shifted"


def test_a_hold_is_written_and_told_once(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.meet(leg, 10)
    said = town.told(leg)
    assert town.meet(leg, 10).fate is Fate.KEPT
    assert town.meet(leg, 9).fate is Fate.KEPT  # a minute less is not worth a message
    assert town.told(leg) == said


class Nowhere:
    """Streets on which nothing can be reached."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        return np.full((len(origins), len(destinations)), -1, np.int32)


def test_the_vehicle_waits_though_its_streets_are_not_known_any_more(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    supply = Supply(town.supply.catalogue, town.supply.fleet, Nowhere())
    kept = keeping.meet(town.session, supply, leg.id, ready=leg.offer.pickup[0] + 600, line="TER", now=town.now)
    town.session.commit()
    assert kept.fate is Fate.HELD
    assert kept.leg.planned is not None
    assert leg.planned is not None
    assert [at - before for at, before in zip(kept.leg.planned, leg.planned, strict=True)] == [600, 600]
    assert town.check(leg) == []


def test_a_train_that_makes_up_brings_the_vehicle_back(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.meet(leg, 10)
    town.now += timedelta(minutes=5)
    assert town.meet(leg, 3).leg.shifted == 180
    town.now += timedelta(minutes=5)
    kept = town.meet(leg, 0)
    assert (kept.fate, kept.leg.shifted) == (Fate.HELD, 0)
    assert kept.leg.planned == town.leg(leg).planned
    assert town.check(leg) == []


def test_the_hold_ends_at_its_limit_to_the_second(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    assert town.meet(leg, 15).fate is Fate.HELD
    later = town.meet(leg, 15.1)
    assert later.fate is Fate.MOVED  # the same vehicle, later: it has nothing else to do
    assert later.leg.shifted == 16 * MINUTE
    assert town.told(leg)[-2:] == ["ride_moved", "sheet_ride_changed"]


def test_nobody_aboard_or_later_is_made_late_for_it(town: Town) -> None:
    town.add_vehicles("bus", "van")
    leg = town.book("near")
    # the same vehicle fetches another one after: 10 minutes there, 10 back, and no time to lose
    back = TRAIN + 30 * MINUTE
    other = town.book("far", pinned=False, after=30, width=0)
    assert other.offer.pickup == (back, back)
    town.leg(other)
    kept = town.meet(leg, 14)
    assert town.leg(other).shifted == 0
    assert town.leg(other).planned == other.planned or town.leg(other).planned is not None
    assert kept.fate in {Fate.HELD, Fate.MOVED}
    assert town.check(leg, other) == []


def test_where_one_cannot_wait_the_next_vehicle_comes(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book("near", width=0)
    other = town.book("back", pinned=False, after=27, width=0)
    assert leg.run == other.run
    town.add_vehicles("van")
    kept = town.meet(leg, 10)  # there and back by 10:37: too late for the other at 10:27
    assert kept.fate is Fate.MOVED
    assert kept.leg.run != leg.run
    assert kept.leg.state is State.CONFIRMED
    assert town.leg(other).planned == other.planned
    assert town.check(leg, other) == []
    said = {one.template: one.body for one in messages.list_messages(town.session, about=f"leg:{leg.id}")}
    assert "10:15" in (said["ride_moved"] or "")
    assert "10:05" in (said["sheet_ride_removed"] or "")
    assert "10:15" in (said["sheet_ride_added"] or "")


def test_a_ride_that_staff_tied_to_its_vehicle_stays_on_it(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book("near", width=0)
    town.book("back", pinned=False, after=27, width=0)
    town.add_vehicles("van")
    town.session.connection().exec_driver_sql("UPDATE ondemand_leg SET locked = true WHERE id = %s", (leg.id,))
    assert town.meet(leg, 10).fate is Fate.FAILED
    assert town.leg(leg).vehicle != "van"


def test_a_vehicle_may_come_a_little_after_the_train(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book("near", width=0)
    other = town.book("back", pinned=False, after=27, width=0)
    kept = town.meet(leg, 10)  # nobody is free at 10:15; the bus is back at 10:48, 33 minutes on
    assert kept.fate is Fate.FAILED
    patient = replace(SERVICE, promise=replace(SERVICE.promise, longest_wait=45 * MINUTE))
    town = replace(town, service=patient)
    leg = town.book("near", width=0, longest_ride=20 * MINUTE)
    kept = town.meet(leg, 10)
    assert kept.fate is Fate.MOVED
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] > leg.offer.pickup[0] + 10 * MINUTE
    assert town.check(leg, other) == []


def test_a_taxi_is_ordered_once(town: Town) -> None:
    town.add_vehicles("bus", taxi="+33698765432", end=12)
    leg = town.book("far")
    kept = town.meet(leg, 75)  # the shift ends at noon
    assert kept.fate is Fate.TAXI
    assert kept.leg.state is State.FAILED
    assert town.told(leg).count("taxi_order") == 2  # text message and e-mail
    assert town.told(leg).count("taxi_ordered") == 1
    assert town.meet(leg, 80).fate is Fate.OVER
    assert town.told(leg).count("taxi_order") == 2
    assert [event for run in town.runs for event in run.events] == []
    assert "taxi_ordered" in town.history(leg)


def test_without_a_taxi_the_fare_is_given_back(town: Town) -> None:
    town.add_vehicles("bus", end=12)
    leg = town.book("far")
    assert town.meet(leg, 75).fate is Fate.FAILED
    assert "ride_failed" in town.told(leg)
    entries = driver(town.session).execute("SELECT kind FROM ledger_entry ORDER BY id").fetchall()
    assert [row[0] for row in entries] == ["fare", "refund"]


@pytest.mark.parametrize("state", [State.CANCELLED_BY_USER, State.NO_SHOW, State.ON_BOARD, State.COMPLETED])
def test_what_is_over_is_left_alone(town: Town, state: State) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.now = datetime.fromtimestamp(leg.offer.pickup[0] + 30, UTC)
    if state is State.CANCELLED_BY_USER:
        Bookings(town.session, town.supply, b"key", SYSTEM_ACTOR, town.now).cancel(leg.booking)
    else:
        town.move(leg, *((State.ARRIVED, state) if state is not State.COMPLETED else (State.ON_BOARD, state)))
    town.session.commit()
    assert town.meet(leg, 10).fate is Fate.OVER


def test_a_vehicle_that_waits_at_the_station_goes_on_waiting(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.now = datetime.fromtimestamp(leg.offer.pickup[0] + 30, UTC)
    town.move(leg, State.ARRIVED)
    kept = town.meet(leg, 12)
    assert kept.fate is Fate.HELD
    assert kept.leg.state is State.ARRIVED
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] == leg.offer.pickup[0] + 12 * MINUTE


def test_only_pinned_rides_are_looked_after(town: Town) -> None:
    town.add_vehicles("bus")
    pinned, loose = town.book(), town.book(pinned=False, after=120)
    found = keeping.list_pinned(town.session, NOW)
    assert [leg.id for leg in found] == [pinned.id]
    assert loose.id != pinned.id
    assert keeping.is_anything_to_keep(town.session, NOW)
    assert not keeping.is_anything_to_keep(town.session, NOW + timedelta(days=1))
