"""A virtual line: fixed stops and times, driven only where somebody has booked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.journeys.taxi_stand import point
from tests.ondemand.taxi_town import CAMILLE, TUESDAY, open_town, seats, village_service

from mobigo.ondemand.model import Call, PlaceKind, ServiceKind, Stop, Trip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine
    from tests.ondemand.taxi_town import TaxiTown

NINE = 9 * 3600


@pytest.fixture
def line(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A line at nine from the village by the mill to the station, with one seat."""
    stops = {name: Stop(name, name.capitalize(), point(x), same_as=name) for name, x in STOPS.items()}
    calls = tuple(
        Call(
            PlaceKind.STOP, name, n, arrival=NINE + n * 600, departure=NINE + n * 600, pickup_type=2, drop_off_type=2,
            pickup_rule="hour", drop_off_rule="hour",
        )
        for n, name in enumerate(STOPS)
    )  # fmt: skip
    service = replace(
        village_service(),
        kind=ServiceKind.VIRTUAL_LINE,
        trips=(Trip("nine", "all", calls),),
        stops=stops,
        zones={},
        groups={},
    )
    with open_town(engine, home, database_url, service=service, vehicles=(seats(1),)) as town:
        yield town


STOPS = {"village": 0.0, "mill": 3000.0, "gare": 8000.0}


@pytest.fixture
def coach(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A coach at nine that anybody takes from the village to the station, and that stops at the mill on request."""
    stops = {name: Stop(name, name.capitalize(), point(x), same_as=name) for name, x in STOPS.items()}
    ends = [Call(PlaceKind.STOP, name, n, arrival=at, departure=at) for name, n, at in COACH]
    mill = Call(PlaceKind.STOP, "mill", 1, pickup_type=2, drop_off_type=3, pickup_rule="hour")
    trip = Trip("nine", "all", (ends[0], mill, ends[1]))
    service = replace(village_service(), kind=ServiceKind.VIRTUAL_LINE, trips=(trip,), stops=stops, zones={}, groups={})
    with open_town(engine, home, database_url, service=service, vehicles=(seats(1),)) as town:
        yield town


COACH = (("village", 0, NINE), ("gare", 2, NINE + 1200))


def ask(town: TaxiTown, origin: str, destination: str) -> list[dict[str, str]]:
    """Ask for a ride between two stops at nine."""
    ends = [
        {"stop_id": name, "lat": point(STOPS[name]).lat, "lon": point(STOPS[name]).lon}
        for name in (origin, destination)
    ]
    body = {"from": ends[0], "to": ends[1], "at": (TUESDAY + timedelta(hours=8, minutes=55)).isoformat()}
    answer = town.post("quotes", body)
    assert answer.status_code == 200, answer.text
    offers: list[dict[str, str]] = answer.json()["offers"]
    return offers


def test_one_books_the_line_at_its_times_and_one_seat_serves_two_stretches(line: TaxiTown) -> None:
    (first,) = ask(line, "village", "mill")
    (second,) = ask(line, "mill", "gare")
    (whole,) = ask(line, "village", "gare")
    assert first["pickup_from"] == "2026-11-24T08:00:00Z"
    assert second["pickup_from"] == "2026-11-24T08:10:00Z"
    line.book(first["quote"])
    line.book(second["quote"])
    refused = line.post("bookings", {"quotes": [whole["quote"]], "contact": CAMILLE})
    assert (refused.status_code, refused.json()["code"]) == (409, "places_gone")
    line.put_clock(TUESDAY + timedelta(hours=8, seconds=1))
    assert ask(line, "village", "gare") == []


def test_a_stop_on_request_without_a_time_is_booked_for_when_the_coach_passes(coach: TaxiTown) -> None:
    (offer,) = ask(coach, "mill", "gare")
    assert offer["pickup_from"] == "2026-11-24T08:07:30Z"  # three of eight kilometres, in twenty minutes
    coach.book(offer["quote"])
    assert ask(coach, "village", "gare") == []  # that takes no booking
