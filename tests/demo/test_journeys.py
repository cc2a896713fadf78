"""Journeys that somebody who lives there would expect of the demonstration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tests.demo.test_loading import Stopped

from mobigo.cli.region import load_demonstration
from mobigo.journeys.model import JourneyRequest, Plan
from mobigo.journeys.network import Networks
from mobigo.journeys.service import build_network, plan

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.network import Network

PARIS = ZoneInfo("Europe/Paris")
SEMUR, DIJON, MONTBARD, SAULIEU = "47.4906,4.3336", "47.3220,5.0415", "47.6225,4.3372", "47.2800,4.2290"
FLAVIGNY, VITTEAUX = "47.5120,4.5310", "47.3975,4.5420"
MONDAY = datetime(2026, 11, 23, tzinfo=PARIS)


def lines(answer: Plan, day: datetime = MONDAY) -> set[tuple[str, ...]]:
    """Lines of each journey that leaves on a day."""
    return {
        tuple(leg.line.name for leg in journey.legs if leg.line is not None)
        for journey in answer.journeys
        if journey.departure.date() == day.date()
    }


def ask(network: Network, origin: str, destination: str, at: datetime) -> Plan:
    return plan(network, JourneyRequest(origin, destination, at, budget=30))


def test_people_get_where_they_expect_to(database_url: str, home: Path) -> None:
    load_demonstration(database_url, Stopped(datetime(2026, 11, 23, 6, tzinfo=UTC)))
    build_network(database_url, home, datetime(2026, 11, 23, 6, tzinfo=UTC))
    network = Networks(home).current()

    morning = ask(network, SEMUR, DIJON, MONDAY + timedelta(hours=7))
    first = morning.journeys[0]
    assert first.departure < MONDAY + timedelta(hours=8)
    assert first.arrival < MONDAY + timedelta(hours=9)
    assert timedelta(minutes=70) < first.arrival - first.departure < timedelta(minutes=110)
    assert {("120",), ("122", "TER")} <= lines(morning)  # by coach, or by coach and train

    for day in range(7):  # one gets to the train and back on every day, Sundays included
        for origin, destination in ((SEMUR, MONTBARD), (MONTBARD, SEMUR), (SEMUR, DIJON), (SAULIEU, DIJON)):
            found = ask(network, origin, destination, MONDAY + timedelta(days=day, hours=7))
            assert found.journeys or (
                found.next_departure is not None and found.next_departure < MONDAY + timedelta(days=day + 1)
            ), (day, origin, destination)

    thursday, friday = (ask(network, FLAVIGNY, VITTEAUX, MONDAY + timedelta(days=n, hours=8)) for n in (3, 4))
    assert ("125",) in lines(thursday, MONDAY + timedelta(days=3))  # market day
    assert ("125",) not in lines(friday, MONDAY + timedelta(days=4))

    night = ask(network, DIJON, MONTBARD, MONDAY + timedelta(days=4, hours=23))
    assert any(journey.arrival > MONDAY + timedelta(days=5) for journey in night.journeys)  # after midnight
