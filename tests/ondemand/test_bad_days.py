"""Seeded bad days: trains and vehicles are late at random, and after every blow each promise that stands is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.ondemand.keeping_town import MINUTE, TRAIN, Town

from mobigo.kit.errors import MobigoError
from mobigo.ondemand.keeping import Fate
from mobigo.ondemand.model import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from mobigo.ondemand.model import BookedLeg


@pytest.fixture
def town(engine: Engine) -> Iterator[Town]:
    with Session(engine, expire_on_commit=False) as session:
        yield Town(session)


def book_day(town: Town, dice: Random, rides: int) -> list[BookedLeg]:
    """Book what can be had."""
    booked = []
    for _ in range(rides):
        try:
            booked.append(
                town.book(
                    dice.choice(["near", "far", "back"]),
                    after=dice.randrange(5, 200, 5),
                    width=dice.choice([0, 5, 10, 20]),
                    pinned=dice.random() < 0.6,
                )
            )
        except MobigoError:
            town.session.rollback()
    return booked


def drive_on(town: Town, legs: list[BookedLeg], dice: Random) -> None:
    """Let drivers report what is due, some of it late."""
    at = int(town.now.timestamp())
    for leg in sorted((town.leg(one) for one in legs), key=lambda one: one.planned or (0, 0)):
        if leg.planned is None or leg.state not in {State.CONFIRMED, State.ASSIGNED, State.ON_BOARD}:
            continue
        due = leg.planned[1] if leg.state is State.ON_BOARD else leg.planned[0]
        if due <= at and dice.random() < 0.7:
            town.move(leg, State.COMPLETED if leg.state is State.ON_BOARD else State.ON_BOARD)


@pytest.mark.parametrize("seed", range(4))
def test_promises_that_stand_are_kept_all_day(town: Town, seed: int) -> None:
    dice = Random(seed)
    town.add_vehicles("bus", "van", taxi="+33698765432" if seed % 2 else None)
    legs = book_day(town, dice, 16)
    assert len(legs) > 8
    town.now = datetime.fromtimestamp(TRAIN, UTC) - timedelta(minutes=30)
    fates: set[Fate] = set()
    for _ in range(16):
        town.now += timedelta(minutes=dice.randrange(5, 20))
        drive_on(town, legs, dice)
        for leg in dice.sample(legs, 3):
            if leg.offer.pin is not None and leg.offer.pickup[0] > town.now.timestamp() - 15 * MINUTE:
                fates.add(town.meet(leg, dice.choice([0, 3, 8, 14, 25, 60])).fate)
        fates |= {one.fate for one in town.catch_up()}
        check(town, legs)
    assert fates & {Fate.HELD, Fate.MOVED, Fate.LATE}


def check(town: Town, legs: list[BookedLeg]) -> None:
    """Every ride that stands is on one run, fits into it, and is promised what is planned."""
    standing = [
        leg
        for leg in map(town.leg, legs)
        if leg.state in {State.CONFIRMED, State.ASSIGNED, State.EN_ROUTE, State.ARRIVED, State.ON_BOARD}
    ]
    for leg in standing:
        events = [event for run in town.runs if run.id == leg.run for event in run.events if event.leg == leg.id]
        assert len(events) == 2
        pickup, drop_off = events
        assert pickup.done or pickup.arrival <= leg.offer.pickup[1] + leg.shifted
        assert drop_off.arrival <= leg.offer.drop_off[1] + leg.shifted
        assert pickup.done or pickup.earliest >= leg.offer.pickup[0]
    elsewhere = {leg.id for leg in map(town.leg, legs)} - {leg.id for leg in standing}
    assert not [event for run in town.runs for event in run.events if event.leg in elsewhere and not event.done]
    for run in town.runs:
        seats = 0
        for event in run.events:
            seats += event.load[0]
            assert 0 <= seats <= run.capacity.room[0]
