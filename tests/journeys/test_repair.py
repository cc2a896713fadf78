"""Rides booked to a bus of the valley, and what becomes of them when it is late, cancelled or missed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.journeys.conftest import at
from tests.journeys.live_valley import MONDAY, NOW, LiveValley, late, local
from tests.ondemand.keeping_town import Town

from mobigo.cli.worker import list_tasks
from mobigo.journeys.repair import Repair, find_train
from mobigo.kit.clock import Clock
from mobigo.kit.geo import parse_point
from mobigo.messages import service as messages
from mobigo.ondemand.keeping import Fate
from mobigo.ondemand.model import Pin, PinSide, Spot, State
from mobigo.settings import Settings
from mobigo.transit.live import Relation, TripUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine
    from tests.journeys.conftest import Valley

    from mobigo.ondemand.keeping import Kept
    from mobigo.ondemand.model import BookedLeg

ARRIVAL = int(local("08:15").timestamp())
EARLY = Pin(PinSide.AFTER, "val:early", MONDAY, "val:aval", ARRIVAL)
LEAVES = Pin(PinSide.BEFORE, "val:early", MONDAY, "val:amont", int(local("08:00").timestamp()))
CANCELED = TripUpdate("early", MONDAY, relation=Relation.CANCELED, at=int(NOW.timestamp()))


@dataclass
class Meeting:
    """The valley with its live data, and on-demand vehicles at its end."""

    valley: LiveValley
    town: Town
    engine: Engine

    def repair(self) -> list[Kept]:
        self.town.session.commit()
        done = Repair(self.engine, self.valley.network, self.town.supply, self.town.now).run()
        self.town.session.expire_all()
        self.town.session.rollback()
        return done

    def fates(self) -> list[Fate]:
        return [one.fate for one in self.repair()]

    def told(self, leg: BookedLeg) -> list[str]:
        return self.town.told(leg)


@pytest.fixture
def meeting(valley: Valley, engine: Engine, tmp_path: Path) -> Iterator[Meeting]:
    shutil.copytree(valley.home, tmp_path / "valley")
    with Session(engine, expire_on_commit=False) as session:
        town = Town(session, now=NOW, pin=EARLY)
        town.add_vehicles("bus")
        yield Meeting(LiveValley(tmp_path / "valley"), town, engine)


def journey_id(meeting: Meeting) -> str:
    (journey,) = meeting.valley.ask("07:30").journeys
    return journey.id


def test_when_a_train_is_there_now(meeting: Meeting) -> None:
    found = find_train(meeting.valley.network, EARLY)
    assert found is not None
    assert (found.at, found.line) == (ARRIVAL, "12")
    assert find_train(meeting.valley.network, replace(EARLY, trip_id="val:gone")) is None
    assert find_train(meeting.valley.network, replace(EARLY, stop_id="val:nowhere")) is None
    found = find_train(meeting.valley.say(late("early", 7)), EARLY)
    assert found is not None
    assert found.at == ARRIVAL + 7 * 60
    # a journey that was planned when it was late already
    found = find_train(meeting.valley.network, replace(EARLY, instant=ARRIVAL + 7 * 60))
    assert found is not None
    assert found.at == ARRIVAL + 7 * 60
    found = find_train(meeting.valley.say(CANCELED), EARLY)
    assert found is not None
    assert found.at is None


def test_a_train_in_time_is_met_as_booked(meeting: Meeting) -> None:
    meeting.town.book()
    assert meeting.repair() == []
    meeting.valley.say(late("early", 0))
    assert meeting.repair() == []


def test_a_late_train_is_waited_for_once(meeting: Meeting) -> None:
    leg = meeting.town.book()
    meeting.valley.say(late("early", 7))
    (kept,) = meeting.repair()
    assert (kept.fate, kept.leg.shifted) == (Fate.HELD, 7 * 60)
    assert meeting.fates() == []
    assert meeting.told(leg).count("pickup_shifted") == 1


def test_a_change_wide_enough_for_the_delay_moves_nothing(meeting: Meeting) -> None:
    leg = meeting.town.book(after=15)  # five minutes are needed
    meeting.valley.say(late("early", 7))
    assert meeting.fates() == []
    meeting.valley.say(late("early", 12))
    (kept,) = meeting.repair()
    assert kept.leg.shifted == 2 * 60
    assert kept.leg.id == leg.id


def test_who_booked_without_a_journey_comes_with_the_next(meeting: Meeting) -> None:
    leg = meeting.town.book()
    meeting.valley.say(CANCELED)
    (kept,) = meeting.repair()  # the next bus arrives at 12:17
    assert kept.fate is Fate.MOVED
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] >= int(local("12:22").timestamp())
    assert "ride_moved" in meeting.told(leg)


def test_a_journey_is_followed_around_what_is_cancelled(meeting: Meeting) -> None:
    leg = meeting.town.book(journey=journey_id(meeting))
    meeting.valley.say(late("early", 7))
    (kept,) = meeting.repair()
    assert (kept.fate, kept.leg.shifted) == (Fate.HELD, 7 * 60)
    meeting.valley.say(CANCELED)
    meeting.town.now += timedelta(minutes=2)
    (kept,) = meeting.repair()
    assert kept.fate is Fate.MOVED
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] >= int(local("12:22").timestamp())
    assert meeting.told(leg)[-2:] == ["sheet_ride_changed", "alternative_found"]  # the bus at noon
    meeting.town.now += timedelta(minutes=2)
    assert meeting.fates() == []
    assert meeting.told(leg).count("alternative_found") == 1


def test_when_nobody_comes_any_more_the_ride_is_over(meeting: Meeting) -> None:
    leg = meeting.town.book()
    meeting.valley.say(CANCELED, *(replace(CANCELED, trip_id=trip) for trip in ("noon1", "noon2")))
    assert meeting.fates() == [Fate.FAILED]  # the next one arrives after midnight
    assert "ride_failed" in meeting.told(leg)
    assert meeting.fates() == []
    assert meeting.town.leg(leg).state is State.FAILED


def test_who_feeds_a_cancelled_train_is_told_another_way_once(meeting: Meeting) -> None:
    leg = meeting.town.book(journey=journey_id(meeting), pin=LEAVES, after=-40, bookable_until=ARRIVAL)
    loose = meeting.town.book("back", pin=LEAVES, after=30, bookable_until=ARRIVAL)
    meeting.valley.say(CANCELED)
    assert meeting.fates() == []
    assert meeting.fates() == []
    assert meeting.told(leg).count("alternative_found") == 1
    assert "alternative_found" not in meeting.told(loose)  # nobody knows where they go
    said = messages.list_messages(meeting.town.session, about=f"leg:{leg.id}")
    (body,) = [one.body for one in said if one.template == "alternative_found"]
    assert body is not None
    assert "12:00" in body
    assert "12:05" in body


def test_who_loses_a_ride_is_told_another_way(meeting: Meeting) -> None:
    ends = {"origin": spot("Amont", 390), "destination": spot("Aval", 9990)}
    meeting.town.add_vehicles("taxi", depot=ends["origin"].point)
    leg = meeting.town.book(longest_ride=7200, **ends)
    meeting.valley.say(CANCELED, *(replace(CANCELED, trip_id=trip) for trip in ("noon1", "noon2")))
    assert meeting.fates() == [Fate.FAILED]
    assert "alternative_found" in meeting.told(leg)  # the bus after midnight


def test_the_worker_does_it_every_few_seconds(meeting: Meeting, database_url: str) -> None:
    home = meeting.valley.home
    (home / "sandbox").touch()
    Clock(home / "clock.json").move(NOW, 0)
    keep = list_tasks(database_url, Settings(home, database_url, None, (), home))["ondemand.keep"]
    keep()  # nothing is booked
    meeting.town.add_vehicles("taxi", depot=spot("Aval", 9600).point)
    leg = meeting.town.book(origin=spot("Aval", 9600), destination=spot("Ferme", 9990))
    keep()
    assert meeting.town.leg(leg).shifted == 0
    meeting.valley.say(late("early", 7))
    meeting.town.session.commit()
    keep()
    assert meeting.town.leg(leg).shifted == 7 * 60


def spot(name: str, metres: float) -> Spot:
    return Spot(name, parse_point(at(metres)))
