"""A ride every Tuesday: booked day by day as calendars, rules and vehicles allow, and what is not is said."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session
from tests.journeys.taxi_stand import EVERY_DAY
from tests.ondemand.taxi_town import CAMILLE, DRIVES, MORNING, TUESDAY, open_town, seats, village_service

from mobigo.accounts.model import Role
from mobigo.ondemand.model import BookingRule, BookingType
from mobigo.ondemand.series import Pattern, Recurring
from mobigo.ondemand.service import Actor, Bookings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine
    from tests.ondemand.taxi_town import TaxiTown


def make(town: TaxiTown, *, hour: float = 9, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the body
    """Make a series of Tuesdays in December."""
    body = {
        "quotes": [town.quote(hour, party={"adults": 8})],
        "contact": CAMILLE,
        "weekdays": ["tuesday"],
        "until": "2026-12-29",
        **more,
    }
    answer = town.post("series", body, **(headers or {}))
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def states(series: dict[str, Any]) -> dict[str, str]:
    """Return what has become of each day: its state, or why it is not booked."""
    return {one["day"]: one["reason"] or one["state"] for one in series["days"]}


def test_every_tuesday_is_booked_there_and_back(taxi_town: TaxiTown) -> None:
    back = taxi_town.quote(17, back=True)
    series = make(taxi_town, return_quotes=[back], until="2026-12-15")
    assert set(states(series)) == {"2026-11-24", "2026-12-01", "2026-12-08", "2026-12-15"}
    assert set(states(series).values()) == {"booked"}
    pickups = [one["legs"][0]["pickup_from"] for one in series["bookings"]]
    assert len(pickups) == 8
    assert [one[11:16] for one in pickups[::2]] == [pickups[0][11:16]] * 4
    there = {one["id"] for one in series["bookings"] if one["return_of"] is None}
    assert {one["return_of"] for one in series["bookings"]} == there | {None}
    said = taxi_town.read("SELECT template, count(*) FROM message WHERE template LIKE '%%booked%%' GROUP BY 1")
    assert said == [("series_booked", 1)]


def test_what_cannot_be_booked_is_said_and_the_rest_is(taxi_town: TaxiTown) -> None:
    taxi_town.put_clock(MORNING)
    (offer,) = taxi_town.list_offers(TUESDAY + timedelta(days=7, hours=9), party={"adults": 8})
    taxi_town.book(offer["quote"])  # the first of December is full
    series = make(taxi_town, leave_out=["2026-12-08"], weekdays=["tuesday", "friday"], until="2026-12-25")
    assert states(series) == {
        "2026-11-24": "booked",
        "2026-11-27": "booked",
        "2026-12-01": "full",
        "2026-12-04": "booked",
        "2026-12-08": "exception",
        "2026-12-11": "booked",
        "2026-12-15": "booked",
        "2026-12-18": "booked",
        "2026-12-22": "booked",
        "2026-12-25": "public_holiday",
    }


@pytest.fixture
def planning_town(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A village whose taxi is booked from 14 days before on, and does not run on the 22nd."""
    rule = BookingRule("two weeks", BookingType.SAME_DAY, duration_min=60, duration_max=14 * 24 * 60)
    service = village_service(rule=rule)
    calendar = type(EVERY_DAY)(**{**vars(EVERY_DAY), "removed": frozenset({date(2026, 12, 22)})})
    service = type(service)(**{**vars(service), "calendars": {"all": calendar}})
    with open_town(engine, home, database_url, service=service, vehicles=(seats(8),)) as town:
        yield town


def test_days_that_open_later_wait_and_are_booked_when_they_do(planning_town: TaxiTown, engine: Engine) -> None:
    series = make(planning_town)
    assert states(series) == {
        "2026-11-24": "booked",
        "2026-12-01": "booked",
        "2026-12-08": "not_yet",
        "2026-12-15": "not_yet",
        "2026-12-22": "outside_hours",
        "2026-12-29": "not_yet",
    }
    waiting = {one["day"]: one["try_at"] for one in series["days"] if one["try_at"]}
    assert waiting["2026-12-08"] == "2026-11-24T08:00:00Z"  # fourteen days before
    app = planning_town.http.app
    supply = app.state.supplies.current(DRIVES)
    for late, tried in ((-1, 0), (0, 1), (1, 0)):
        now = MORNING + timedelta(hours=2, seconds=late)
        with Session(engine) as session, session.begin():
            bookings = Bookings(session, supply, app.state.token_key, Actor("", None), now)
            assert Recurring(bookings).book_due() == tried
    seen = planning_town.http.get(f"/v1/ondemand/series/{series['id']}").json()
    assert states(seen)["2026-12-08"] == "booked"
    assert states(seen)["2026-12-15"] == "not_yet"


def test_one_day_is_left_out_and_the_series_ended(taxi_town: TaxiTown) -> None:
    owner = taxi_town.token(Role.TRAVELLER, "anne")
    series = make(taxi_town, headers=owner, until="2026-12-08")
    path = f"series/{series['id']}"
    assert taxi_town.post(f"{path}/end", **taxi_town.token(Role.TRAVELLER, "bob")).status_code == 403
    shorter = taxi_town.post(f"{path}/days/2026-12-01/leave_out", **owner).json()
    assert states(shorter) == {"2026-11-24": "booked", "2026-12-01": "exception", "2026-12-08": "booked"}
    assert taxi_town.post(f"{path}/days/2026-12-02/leave_out", **owner).status_code == 404
    ended = taxi_town.post(f"{path}/end", **owner).json()
    assert set(states(ended).values()) == {"exception", "ended"}
    assert taxi_town.read("SELECT state, count(*) FROM ondemand_leg GROUP BY state") == [("cancelled_by_user", 3)]
    twice = taxi_town.post(f"{path}/end", **owner)
    assert (twice.status_code, twice.json()["code"]) == (409, "booking_ended")


def test_a_first_day_that_cannot_be_booked_makes_no_series(taxi_town: TaxiTown) -> None:
    quote = taxi_town.quote(9, party={"adults": 8})
    taxi_town.book(quote)
    body = {"quotes": [quote], "contact": CAMILLE, "weekdays": ["tuesday"], "until": "2026-12-29"}
    refused = taxi_town.post("series", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "places_gone")
    assert taxi_town.read("SELECT count(*) FROM ondemand_series") == [(0,)]
    for wrong in ({"until": "2026-11-24"}, {"until": "2028-01-01"}):
        answer = taxi_town.post("series", {**body, "quotes": [taxi_town.quote(12)], **wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_series")
    assert taxi_town.http.get("/v1/ondemand/series/snothing").json()["code"] == "unknown_series"


def test_school_days_and_public_holidays_are_left_out_as_wished() -> None:
    every = Pattern((True,) * 7, date(2026, 11, 30))
    assert dict(every.list_days(date(2026, 11, 9)))[date(2026, 11, 11)] == "public_holiday"
    also = Pattern((True,) * 7, date(2026, 11, 30), public_holidays=True)
    assert dict(also.list_days(date(2026, 11, 9)))[date(2026, 11, 11)] is None
