"""What can be booked, until when, or why not and what still is: over HTTP, at the second before and after."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import pytest
from tests.journeys.taxi_stand import HOUR, point
from tests.ondemand.taxi_town import CAMILLE, TUESDAY, TaxiTown, open_town, village_service

from mobigo.ondemand.calendars import business_days
from mobigo.ondemand.model import BookingRule, BookingType, Calendar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

PARIS = ZoneInfo("Europe/Paris")
SECOND = timedelta(seconds=1)


def ask(town: TaxiTown, at: datetime | None, *, x: float = 0, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - parameters
    """Ask for rides from the village to the station."""
    home, station = point(x), point(8000)
    question = {"from": f"{home.lat:.6f},{home.lon:.6f}", "to": f"{station.lat:.6f},{station.lon:.6f}", **more}
    if at is not None:
        question["at"] = at.isoformat()
    answer = town.http.get("/v1/ondemand/availability", params=question)
    assert answer.status_code == 200, answer.text
    return cast("list[dict[str, Any]]", answer.json()["services"])


def read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_ride_can_be_booked_until_the_second(taxi_town: TaxiTown) -> None:
    at = TUESDAY + timedelta(hours=9)
    (found,) = ask(taxi_town, at, to="gare")
    assert (found["service_id"], found["bookable"], found["how"]) == ("val:F", True, "here")
    assert found["name"] == "TAD"
    assert found["price_cents"] == 300
    assert found["phone"] == "+33380000000"
    until = read(found["bookable_until"])
    assert until == read(found["pickup_from"]) - timedelta(hours=1)
    assert read(found["pickup_from"]) <= read(found["pickup_until"]) < read(found["arrive_by"])

    taxi_town.put_clock(until)
    (last,) = ask(taxi_town, at, to="gare", within_minutes=0)
    assert (last["bookable"], last["bookable_until"]) == (True, found["bookable_until"])
    taxi_town.put_clock(until + SECOND)
    (late,) = ask(taxi_town, at, to="gare", within_minutes=0)
    assert (late["bookable"], late["reason"]) == (False, "too_late")
    assert late["bookable_until"] == found["bookable_until"]
    assert late["phone"] == "+33380000000"
    assert "too late" in late["sentence"]
    following = late["next"]
    assert read(following["pickup_from"]) > at
    assert read(following["bookable_until"]) >= until + SECOND


def test_outside_its_hours_the_next_departure_is_told(taxi_town: TaxiTown) -> None:
    (found,) = ask(taxi_town, TUESDAY + timedelta(hours=22), to="gare")
    assert (found["bookable"], found["reason"]) == (False, "outside_hours")
    assert read(found["next"]["pickup_from"]).astimezone(PARIS).isoformat() == "2026-11-25T06:00:00+01:00"


def test_a_full_vehicle_is_told_and_the_next_place_found(taxi_town: TaxiTown) -> None:
    at = TUESDAY + timedelta(hours=9)
    (found,) = ask(taxi_town, at, to="gare", adults=8)
    assert found["price_cents"] == 2400
    taxi_town.book(taxi_town.quote(9, party={"adults": 8}))
    (full,) = ask(taxi_town, at, to="gare", adults=8, within_minutes=5)
    assert (full["bookable"], full["reason"]) == (False, "full")
    assert read(full["next"]["pickup_from"]) > read(found["pickup_from"])


def test_nine_never_fit(taxi_town: TaxiTown) -> None:
    (found,) = ask(taxi_town, TUESDAY + timedelta(hours=9), to="gare", adults=9)
    assert (found["reason"], found["next"]) == ("full", None)


def test_a_service_at_one_end_only_is_named_with_its_telephone(taxi_town: TaxiTown) -> None:
    far = point(30_000)
    (found,) = ask(taxi_town, TUESDAY + timedelta(hours=9), to=f"{far.lat:.6f},{far.lon:.6f}")
    assert (found["bookable"], found["reason"]) == (False, "no_service")
    assert found["phone"] == "+33380000000"
    assert ask(taxi_town, TUESDAY, to=f"{far.lat:.6f},{far.lon:.6f}", **{"from": "48.9,2.3"}) == []


def test_a_stop_a_few_steps_away_will_do(taxi_town: TaxiTown) -> None:
    at = TUESDAY + timedelta(hours=9)
    platform = point(8200)  # two hundred metres from the stop
    beside = f"{platform.lat:.6f},{platform.lon:.6f}"
    (found,) = ask(taxi_town, at, to=beside)
    assert found["bookable"]
    assert (found["destination"]["name"], found["destination"]["stop_id"]) == ("Gare", "gare")
    assert found["origin"]["stop_id"] is None
    home = point(0)
    (back,) = ask(taxi_town, at, to=f"{home.lat:.6f},{home.lon:.6f}", **{"from": beside})
    assert read(back["pickup_from"]) >= at + timedelta(minutes=3)  # one walks there
    taxi_town.put_clock(at)
    (late,) = ask(taxi_town, at, to=beside, within_minutes=10)
    assert late["reason"] == "too_late"
    assert read(late["next"]["pickup_from"]) >= at + timedelta(hours=1)
    too_far = point(8600)
    (none,) = ask(taxi_town, at, to=f"{too_far.lat:.6f},{too_far.lon:.6f}")
    assert none["reason"] == "no_service"


def test_arriving_by_an_hour(taxi_town: TaxiTown) -> None:
    by = TUESDAY + timedelta(hours=10)
    (found,) = ask(taxi_town, by, to="gare", arrive_by=True)
    assert found["bookable"]
    assert read(found["arrive_by"]) <= by


def test_one_service_may_be_asked_for(taxi_town: TaxiTown) -> None:
    at = TUESDAY + timedelta(hours=9)
    assert len(ask(taxi_town, at, to="gare", service_id="val:F")) == 1
    assert ask(taxi_town, at, to="gare", service_id="val:other") == []


def test_wrong_questions(taxi_town: TaxiTown) -> None:
    home = point(0)
    for more, status, code in (
        ({"from": "nowhere"}, 404, "unknown_stop"),
        ({"from": "91,0"}, 400, "invalid_input"),
        ({"adults": "0"}, 400, "invalid_input"),
        ({"wheelchairs": "2"}, 400, "invalid_input"),
        ({"at": "soon"}, 400, "invalid_instant"),
        ({"adults": "99"}, 422, "validation_failed"),
        ({"within_minutes": "-1"}, 422, "validation_failed"),
    ):
        question = {"from": f"{home.lat:.6f},{home.lon:.6f}", "to": "gare", **more}
        answer = taxi_town.http.get("/v1/ondemand/availability", params=question)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


# ── business days, weekends, holidays, clock changes ──────────────────────────────────────────────────────────────────

NIORT = BookingRule(
    "niort",
    BookingType.PRIOR_DAYS,
    last_day=1,
    last_time=12 * HOUR + 1800,
    start_day=28,
    start_time=0,
    service_id="business",
    phone_number="+33549000000",
)
"""The business day before at 12:30."""


@pytest.fixture
def niort(engine: Engine, home: Path, database_url: str) -> Iterator[TaxiTown]:
    """A village whose taxi is booked the business day before."""
    service = village_service(rule=NIORT)
    service.calendars["business"] = business_days("business", date(2026, 1, 1), date(2027, 12, 31))  # type: ignore[index]
    service.calendars["all"] = Calendar("all", (True,) * 7, date(2026, 1, 1), date(2027, 12, 31))  # type: ignore[index]
    with open_town(engine, home, database_url, service=service) as town:
        yield town


DEADLINES = {
    "2026-11-24": "2026-11-23T12:30:00+01:00",
    "2026-11-23": "2026-11-20T12:30:00+01:00",  # Monday: Friday
    "2026-11-21": "2026-11-20T12:30:00+01:00",  # Saturday
    "2026-12-28": "2026-12-24T12:30:00+01:00",  # Monday after Christmas on a Friday
    "2027-03-30": "2027-03-26T12:30:00+01:00",  # Tuesday after Easter; summer time began on Sunday
    "2026-10-26": "2026-10-23T12:30:00+02:00",  # Monday after winter time began
}


def test_days_before_over_weekends_holidays_and_clock_changes(niort: TaxiTown) -> None:
    for day, until in DEADLINES.items():
        at = datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=PARIS)
        deadline = datetime.fromisoformat(until)
        niort.put_clock(deadline - SECOND)
        assert [one["bookable"] for one in ask(niort, at, to="gare")] == [True], day
        niort.put_clock(deadline)
        (found,) = ask(niort, at, to="gare")
        assert found["bookable"], day
        assert read(found["bookable_until"]) == deadline
        niort.put_clock(deadline + SECOND)
        (late,) = ask(niort, at, to="gare")
        assert (late["bookable"], late["reason"], late["phone"]) == (False, "too_late", "+33549000000"), day
        assert read(late["next"]["bookable_until"]) > deadline


def test_it_opens_at_midnight_28_business_days_before(niort: TaxiTown) -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=PARIS)
    opens = datetime(2026, 10, 14, tzinfo=PARIS)  # All Saints' was a Sunday, 11 November a Wednesday
    niort.put_clock(opens - SECOND)
    (early,) = ask(niort, at, to="gare")
    assert (early["reason"], read(early["opens"])) == ("not_yet", opens)
    niort.put_clock(opens)
    assert ask(niort, at, to="gare")[0]["bookable"]


# ── booked elsewhere ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_of_somebody_else_is_told_with_its_telephone(engine: Engine, home: Path, database_url: str) -> None:
    service = village_service(operator=None)
    with open_town(engine, home, database_url, service=service) as town:
        (found,) = ask(town, TUESDAY + timedelta(hours=9), to="gare")
        assert (found["bookable"], found["how"], found["phone"]) == (True, "phone", "+33380000000")
        answer = town.post("bookings", {"quotes": ["x"], "contact": CAMILLE})
        assert answer.status_code == 400


# ── days of France ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_holidays_are_told_as_data(taxi_town: TaxiTown) -> None:
    found = taxi_town.http.get("/v1/ondemand/holidays", params={"year": 2026}).json()
    assert {"date": "2026-05-25", "name": "Lundi de Pentecôte"} in found["public"]
    assert found["zone"] == "A"
    assert {
        "name": "Vacances d'hiver",
        "name_en": "Winter holidays",
        "first": "2026-02-07",
        "last": "2026-02-22",
    } in found["school"]
    assert [one["first"] for one in found["school"]][-1] == "2026-12-19"
    assert found["school_known_until"] == "2027-08-31"
    later = taxi_town.http.get("/v1/ondemand/holidays", params={"year": 2031, "zone": "C"}).json()
    assert len(later["public"]) == 11
    assert later["school"] == []


def test_a_calendar_of_term_days_fits_into_a_service(taxi_town: TaxiTown) -> None:
    question = {
        "service_id": "term",
        "weekdays": "1111100",
        "start_date": "2026-10-12",
        "end_date": "2026-11-15",
        "school": "term",
    }
    answer = taxi_town.http.get("/v1/ondemand/calendar", params=question)
    assert answer.status_code == 200, answer.text
    calendar = answer.json()
    assert calendar["removed"] == [f"2026-10-{day}" for day in (19, 20, 21, 22, 23, 26, 27, 28, 29, 30)] + [
        "2026-11-11"
    ]
    assert calendar["added"] == []


def test_calendars_that_cannot_be_made(taxi_town: TaxiTown) -> None:
    for more, status, code in (
        ({"weekdays": "11111"}, 422, "validation_failed"),
        ({"end_date": "2026-01-01"}, 400, "invalid_calendar"),
        ({"end_date": "2099-01-01"}, 400, "invalid_calendar"),
        ({"school": "term", "end_date": "2028-01-01"}, 400, "unknown_school_year"),
        ({"start_date": "yesterday"}, 422, "validation_failed"),
    ):
        question = {"start_date": "2026-10-12", "end_date": "2026-11-15", **more}
        answer = taxi_town.http.get("/v1/ondemand/calendar", params=question)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
