from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from mobigo.kit.errors import InvalidInput
from mobigo.kit.holidays import SchoolZone, easter, find_school_holiday, public_holidays, school_holidays, school_years
from mobigo.ondemand.calendars import (
    OnHolidays,
    SchoolDays,
    begin_day,
    business_days,
    count_back,
    find_bounds,
    first_shown,
    instant_of,
    last_shown,
    lay_calendar,
    list_days,
    runs_on,
)
from mobigo.ondemand.model import Calendar

WEEKDAYS = (True, True, True, True, True, False, False)
DAILY = (True,) * 7
PARIS = "Europe/Paris"


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("year", "day"),
    [
        (1961, "04-02"),
        (2000, "04-23"),
        (2008, "03-23"),
        (2024, "03-31"),
        (2026, "04-05"),
        (2027, "03-28"),
        (2038, "04-25"),
    ],
)
def test_easter(year: int, day: str) -> None:
    assert easter(year) == date.fromisoformat(f"{year}-{day}")


def test_public_holidays_of_a_year() -> None:
    days = [str(day)[5:] for day in public_holidays(2026)]
    assert days == ["01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"]


def test_two_holidays_may_fall_on_one_day() -> None:
    assert len(public_holidays(2008)) == 10  # 1 May 2008 is Ascension Day too


def test_alsace_and_moselle_have_two_more() -> None:
    more = set(public_holidays(2026, alsace_moselle=True)) - set(public_holidays(2026))
    assert more == {date(2026, 4, 3), date(2026, 12, 26)}


def test_school_holidays_are_whole_and_apart() -> None:
    for zone in SchoolZone:
        holidays = school_holidays(zone)
        for before, after in itertools.pairwise(holidays):
            assert before.first <= before.last < after.first
        assert len({holiday.first for holiday in holidays}) == len(holidays)
        years = {holiday.first.year for holiday in holidays if "été" in holiday.name}
        assert years == {2024, 2025, 2026, 2027}
        for holiday in holidays:
            assert school_years()[0] <= holiday.first
            assert holiday.last <= school_years()[1]
            if "Pont" not in holiday.name:  # they begin with a weekend and last two weeks at least
                assert holiday.first.weekday() == 5
                assert (holiday.last - holiday.first).days >= 15


@pytest.mark.parametrize(
    ("day", "zone", "name"),
    [
        ("2026-10-16", "A", None),
        ("2026-10-17", "A", "Vacances de la Toussaint"),
        ("2026-11-01", "A", "Vacances de la Toussaint"),
        ("2026-11-02", "A", None),
        ("2027-02-15", "A", "Vacances d'hiver"),
        ("2027-02-15", "B", None),
        ("2027-02-15", "C", "Vacances d'hiver"),
    ],
)
def test_school_holiday_of_a_day(day: str, zone: str, name: str | None) -> None:
    found = find_school_holiday(date.fromisoformat(day), SchoolZone(zone))
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("day", "running"),
    [
        ("2026-11-13", True),  # a Friday
        ("2026-11-14", False),
        ("2026-11-15", True),  # added
        ("2026-11-11", False),  # removed
        ("2026-10-30", False),  # before it begins
        ("2026-12-01", False),  # after it ended
        ("2027-01-02", True),  # added, beyond its end
    ],
)
def test_days_of_a_calendar(day: str, running: int) -> None:
    calendar = Calendar(
        "c",
        WEEKDAYS,
        date(2026, 11, 1),
        date(2026, 11, 30),
        frozenset({date(2026, 11, 15), date(2027, 1, 2)}),
        frozenset({date(2026, 11, 11)}),
    )
    assert runs_on(calendar, date.fromisoformat(day)) == running
    assert find_bounds(calendar) == (date(2026, 11, 1), date(2027, 1, 2))
    assert len(list(list_days(calendar, date.min, date.max))) == 22  # 21 weekdays - 1 + 2


def test_a_calendar_of_dates_only() -> None:
    calendar = Calendar("c", added=frozenset({date(2026, 5, 1)}))
    assert list(list_days(calendar, date.min, date.max)) == [date(2026, 5, 1)]
    assert find_bounds(Calendar("empty")) is None
    assert list(list_days(Calendar("empty"), date.min, date.max)) == []


@pytest.mark.parametrize(
    ("day", "days", "counted"),
    [
        ("2026-11-24", 1, "2026-11-23"),  # Tuesday
        ("2026-11-23", 1, "2026-11-20"),  # Monday: Friday
        ("2026-11-22", 1, "2026-11-20"),  # Sunday: Friday
        ("2026-11-21", 1, "2026-11-20"),  # Saturday: Friday
        ("2026-11-23", 2, "2026-11-19"),
        ("2026-11-23", 0, "2026-11-23"),
        ("2026-11-22", 0, "2026-11-22"),
        ("2026-11-12", 1, "2026-11-10"),  # after Armistice Day
        ("2026-05-26", 1, "2026-05-22"),  # Tuesday after Whit Monday
        ("2026-12-28", 1, "2026-12-24"),  # Monday after Christmas on a Friday
    ],
)
def test_business_days_are_counted_back(day: str, days: int, counted: str) -> None:
    calendar = business_days("b", date(2026, 1, 1), date(2026, 12, 31))
    assert count_back(calendar, date.fromisoformat(day), days) == date.fromisoformat(counted)


def test_counting_ends_with_the_calendar() -> None:
    calendar = business_days("b", date(2026, 11, 2), date(2026, 11, 6))
    assert count_back(calendar, date(2026, 11, 9), 5) == date(2026, 11, 2)
    assert count_back(calendar, date(2026, 11, 9), 6) is None
    assert count_back(calendar, date(2030, 1, 1), 1) == date(2026, 11, 6)
    assert count_back(Calendar("empty"), date(2026, 11, 9), 1) is None
    assert count_back(None, date(2026, 11, 9), 2**31) is None


def test_midnight_of_service_days_where_clocks_change() -> None:
    assert begin_day(date(2026, 3, 29), PARIS) == utc("2026-03-28T22:00")  # 23:00 on the clocks
    assert begin_day(date(2026, 10, 25), PARIS) == utc("2026-10-24T23:00")  # 01:00 summer time
    assert begin_day(date(2026, 11, 22), PARIS) == utc("2026-11-21T23:00")
    assert instant_of(date(2026, 11, 22), 25 * 3600, PARIS) == utc("2026-11-23T00:00")


@pytest.mark.parametrize(
    ("day", "seconds", "first", "last"),
    [
        ("2026-03-29", 0, "2026-03-28T23:00:00", "2026-03-28T23:00:00"),
        ("2026-03-29", 5400, "2026-03-29T00:30:00", "2026-03-29T00:30:00"),
        ("2026-03-29", 7200, "2026-03-29T01:00:00", "2026-03-29T00:59:59"),  # 02:00 to 03:00 is skipped
        ("2026-03-29", 9000, "2026-03-29T01:00:00", "2026-03-29T00:59:59"),
        ("2026-03-29", 10_800, "2026-03-29T01:00:00", "2026-03-29T01:00:00"),
        ("2026-03-29", 61_200, "2026-03-29T15:00:00", "2026-03-29T15:00:00"),
        ("2026-10-25", 9000, "2026-10-25T00:30:00", "2026-10-25T01:30:00"),  # 02:30 comes twice
        ("2026-10-25", 61_200, "2026-10-25T16:00:00", "2026-10-25T16:00:00"),
        ("2026-10-24", 86_400 + 61_200, "2026-10-25T16:00:00", "2026-10-25T16:00:00"),
    ],
)
def test_what_the_clocks_show(day: str, seconds: int, first: str, last: str) -> None:
    assert first_shown(date.fromisoformat(day), seconds, PARIS) == utc(first)
    assert last_shown(date.fromisoformat(day), seconds, PARIS) == utc(last)


def test_a_calendar_laid_for_term_without_public_holidays() -> None:
    calendar = lay_calendar("t", WEEKDAYS, date(2026, 10, 1), date(2026, 11, 30), school=SchoolDays.TERM)
    days = [day for day in list_days(calendar, date.min, date.max) if day >= date(2026, 10, 15)]
    assert [str(day)[5:] for day in days[:4]] == ["10-15", "10-16", "11-02", "11-03"]
    assert date(2026, 11, 11) not in days
    assert all(day.weekday() < 5 for day in days)


def test_a_calendar_for_holidays_only_runs_on_sundays_where_holidays_are_sundays() -> None:
    sundays = (False,) * 6 + (True,)
    calendar = lay_calendar(
        "s", sundays, date(2026, 11, 1), date(2026, 11, 15), on_holidays=OnHolidays.AS_SUNDAYS, school=SchoolDays.ALL
    )
    assert [day.day for day in list_days(calendar, date.min, date.max)] == [1, 8, 11, 15]
    calendar = lay_calendar("h", DAILY, date(2026, 10, 10), date(2026, 11, 10), school=SchoolDays.HOLIDAYS)
    days = list(list_days(calendar, date.min, date.max))
    assert (days[0], days[-1], len(days)) == (date(2026, 10, 17), date(2026, 10, 31), 15)  # 1 November is a holiday


def test_calendars_that_cannot_be_laid() -> None:
    today = date(2026, 11, 22)
    with pytest.raises(InvalidInput, match="ends on 2026-11-21, before it starts on 2026-11-22"):
        lay_calendar("x", DAILY, today, today - timedelta(days=1))
    with pytest.raises(InvalidInput, match="seven"):
        lay_calendar("x", (True,), today, today)
    with pytest.raises(InvalidInput, match="more than 3653"):
        lay_calendar("x", DAILY, today, date(2099, 1, 1))
    with pytest.raises(InvalidInput, match="known from 2023-09-04 to 2027-08-31") as caught:
        lay_calendar("x", DAILY, today, date(2027, 9, 1), school=SchoolDays.TERM)
    assert caught.value.code == "unknown_school_year"
