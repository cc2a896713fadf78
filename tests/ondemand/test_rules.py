"""Booking rules at the second before, at and after each bound."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from mobigo.ondemand.calendars import business_days
from mobigo.ondemand.model import (
    BookingRule,
    BookingType,
    Calendar,
    Call,
    PlaceKind,
    Service,
    ServiceKind,
    Trip,
)
from mobigo.ondemand.rules import (
    NEVER,
    Opening,
    WhyNot,
    list_departures,
    opening,
    pickup_window,
    rules_of,
    why_not,
)

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3600
BUSINESS = business_days("business", date(2026, 1, 1), date(2027, 12, 31))
DAILY = Calendar("daily", (True,) * 7, date(2026, 1, 1), date(2027, 12, 31))


def at(text: str, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=PARIS, fold=fold).timestamp())


def service(*rules: BookingRule, calls: tuple[Call, ...] = (), calendars: tuple[Calendar, ...] = ()) -> Service:
    return Service(
        id="town:tad",
        kind=ServiceKind.ZONE_TO_STOPS,
        timezone="Europe/Paris",
        route={},
        agency={},
        trips=(Trip("t", "daily", calls),),
        calendars={calendar.id: calendar for calendar in (BUSINESS, DAILY, *calendars)},
        rules={rule.id: rule for rule in rules},
        zones={},
        groups={},
        stops={},
    )


def opening_of(rule: BookingRule, pickup: str, day: str | None = None) -> Opening:
    return opening([rule], service(rule), at(pickup), date.fromisoformat(day or pickup[:10]))


def assert_until(when: Opening, instant: int) -> None:
    assert when.until == instant, datetime.fromtimestamp(when.until, PARIS)
    assert [why_not(when, instant + shift) for shift in (-1, 0, 1)] == [None, None, WhyNot.TOO_LATE]


def assert_opens(when: Opening, instant: int) -> None:
    assert when.opens is not None
    assert when.opens == instant, datetime.fromtimestamp(when.opens, PARIS)
    assert [why_not(when, instant + shift) for shift in (-1, 0, 1)] == [WhyNot.NOT_YET, None, None]


REAL_TIME = BookingRule("now", BookingType.REAL_TIME)
TWO_HOURS = BookingRule("2h", BookingType.SAME_DAY, duration_min=120)
TWO_HOURS_A_DAY = BookingRule("2h", BookingType.SAME_DAY, duration_min=120, duration_max=1440)
DAY_BEFORE = BookingRule("1d", BookingType.PRIOR_DAYS, last_day=1, last_time=17 * HOUR)
NIORT = BookingRule(
    "niort",
    BookingType.PRIOR_DAYS,
    last_day=1,
    last_time=12 * HOUR + 1800,
    service_id="business",
)
"""The day before at 12:30; Friday for Saturday and Monday."""


def test_real_time_is_until_the_pickup() -> None:
    when = opening_of(REAL_TIME, "2026-11-23T08:00")
    assert when.opens is None
    assert_until(when, at("2026-11-23T08:00"))


def test_no_rule_is_until_the_pickup() -> None:
    assert opening([], service(), 1_000, date(2026, 11, 23)) == Opening(None, 1_000)


@pytest.mark.parametrize(
    ("pickup", "fold", "until", "until_fold"),
    [
        ("2026-11-23T08:00", 0, "2026-11-23T06:00", 0),
        ("2026-11-23T01:00", 0, "2026-11-22T23:00", 0),  # the evening before
        ("2026-03-29T04:00", 0, "2026-03-29T01:00", 0),  # 02:00 to 03:00 is skipped
        ("2026-10-25T04:00", 0, "2026-10-25T02:00", 1),  # 02:00 to 03:00 comes twice: the later
        ("2026-10-25T02:30", 1, "2026-10-25T01:30", 0),
        ("2026-10-25T02:30", 0, "2026-10-25T00:30", 0),
    ],
)
def test_minutes_before_the_pickup_are_elapsed_time(pickup: str, fold: int, until: str, until_fold: int) -> None:
    when = opening([TWO_HOURS], service(TWO_HOURS), at(pickup, fold), date.fromisoformat(pickup[:10]))
    assert_until(when, at(until, until_fold))


def test_at_most_a_day_before() -> None:
    when = opening_of(TWO_HOURS_A_DAY, "2026-11-23T08:00")
    assert_opens(when, at("2026-11-22T08:00"))
    assert_until(when, at("2026-11-23T06:00"))


def test_at_most_1440_minutes_before_is_another_hour_where_clocks_change() -> None:
    assert_opens(opening_of(TWO_HOURS_A_DAY, "2026-10-25T08:00"), at("2026-10-24T09:00"))
    assert_opens(opening_of(TWO_HOURS_A_DAY, "2026-03-29T08:00"), at("2026-03-28T07:00"))


def test_same_day_booking_may_open_on_a_day() -> None:
    rule = BookingRule("1w", BookingType.SAME_DAY, duration_min=60, start_day=7, start_time=8 * HOUR)
    when = opening_of(rule, "2026-11-23T09:30")
    assert_opens(when, at("2026-11-16T08:00"))
    assert_until(when, at("2026-11-23T08:30"))


@pytest.mark.parametrize(
    ("day", "until"),
    [
        ("2026-11-24", "2026-11-23T17:00"),
        ("2026-11-23", "2026-11-22T17:00"),  # calendar days: the Sunday before a Monday
        ("2026-03-29", "2026-03-28T17:00"),
        ("2026-03-30", "2026-03-29T17:00"),  # summer time has begun
        ("2026-10-25", "2026-10-24T17:00"),
        ("2026-10-26", "2026-10-25T17:00"),
        ("2027-01-01", "2026-12-31T17:00"),
    ],
)
def test_the_day_before_by_the_clock(day: str, until: str) -> None:
    assert_until(opening_of(DAY_BEFORE, f"{day}T09:00"), at(until))


@pytest.mark.parametrize(
    ("day", "until"),
    [
        ("2026-11-24", "2026-11-23T12:30"),  # Tuesday: Monday
        ("2026-11-23", "2026-11-20T12:30"),  # Monday: Friday
        ("2026-11-22", "2026-11-20T12:30"),  # Sunday: Friday
        ("2026-11-21", "2026-11-20T12:30"),  # Saturday: Friday
        ("2026-04-07", "2026-04-03T12:30"),  # Tuesday after Easter Monday: Friday (no holiday there)
        ("2026-05-11", "2026-05-07T12:30"),  # Monday after a Friday 8 May: Thursday
        ("2026-12-28", "2026-12-24T12:30"),  # Monday after a Christmas Friday: Thursday
        ("2026-07-15", "2026-07-13T12:30"),  # the day after 14 July
        ("2027-03-30", "2027-03-26T12:30"),  # Easter on the weekend when summer time begins
    ],
)
def test_business_days_before(day: str, until: str) -> None:
    assert_until(opening_of(NIORT, f"{day}T09:00"), at(until))


def test_from_28_days_before_to_the_day_before() -> None:
    rule = BookingRule("n", BookingType.PRIOR_DAYS, last_day=1, last_time=12 * HOUR + 1800, start_day=28, start_time=0)
    when = opening_of(rule, "2026-11-24T09:00")
    assert_opens(when, at("2026-10-27T00:00"))
    assert_until(when, at("2026-11-23T12:30"))
    over_the_change = opening_of(rule, "2026-11-03T09:00")
    assert_opens(over_the_change, at("2026-10-06T00:00"))


def test_start_days_are_business_days_too() -> None:
    rule = BookingRule(
        "n",
        BookingType.PRIOR_DAYS,
        last_day=1,
        last_time=12 * HOUR,
        start_day=2,
        start_time=9 * HOUR,
        service_id="business",
    )
    when = opening_of(rule, "2026-11-12T09:00")  # Thursday after Armistice Day
    assert_opens(when, at("2026-11-09T09:00"))
    assert_until(when, at("2026-11-10T12:00"))


def test_a_pickup_after_midnight_is_of_the_day_of_its_trip() -> None:
    # 25:30 of Friday 20 November: Saturday 01:30; "the day before at 17:00" is Thursday
    when = opening_of(DAY_BEFORE, "2026-11-21T01:30", "2026-11-20")
    assert_until(when, at("2026-11-19T17:00"))
    same_day = opening_of(TWO_HOURS, "2026-11-21T01:30", "2026-11-20")
    assert_until(same_day, at("2026-11-20T23:30"))


def test_a_prior_day_deadline_is_never_after_the_pickup() -> None:
    rule = BookingRule("0d", BookingType.PRIOR_DAYS, last_day=0, last_time=12 * HOUR)
    assert_until(opening_of(rule, "2026-11-23T08:00"), at("2026-11-23T08:00"))
    assert_until(opening_of(rule, "2026-11-23T14:00"), at("2026-11-23T12:00"))


def test_a_last_time_beyond_24_hours_is_of_the_day_after() -> None:
    rule = BookingRule("d", BookingType.PRIOR_DAYS, last_day=2, last_time=25 * HOUR)
    assert_until(opening_of(rule, "2026-11-23T14:00"), at("2026-11-22T01:00"))


def test_a_last_time_that_the_clocks_skip_or_show_twice() -> None:
    rule = BookingRule("d", BookingType.PRIOR_DAYS, last_day=1, last_time=2 * HOUR + 1800)
    assert_until(opening_of(rule, "2026-03-30T14:00"), at("2026-03-29T03:00") - 1)
    assert_until(opening_of(rule, "2026-10-26T14:00"), at("2026-10-25T02:30", fold=1))


def test_a_start_time_that_the_clocks_skip_or_show_twice() -> None:
    rule = BookingRule("d", BookingType.PRIOR_DAYS, None, None, 0, 24 * HOUR, 1, 2 * HOUR + 1800)
    assert_opens(opening_of(rule, "2026-03-30T14:00"), at("2026-03-29T03:00"))
    assert_opens(opening_of(rule, "2026-10-26T14:00"), at("2026-10-25T02:30", fold=0))


def test_without_enough_business_days_nothing_is_bookable() -> None:
    short = Calendar("short", (True,) * 7, date(2026, 11, 23), date(2026, 11, 30))
    rule = BookingRule("s", BookingType.PRIOR_DAYS, last_day=1, last_time=0, service_id="short")
    when = opening([rule], service(rule, calendars=(short,)), at("2026-11-23T08:00"), date(2026, 11, 23))
    assert when == Opening(None, NEVER)
    assert why_not(when, at("2026-11-20T00:00")) is WhyNot.NEVER
    start = BookingRule("s", BookingType.PRIOR_DAYS, None, None, 1, 0, 5, 0, "short")
    when = opening([start], service(start, calendars=(short,)), at("2026-11-24T08:00"), date(2026, 11, 24))
    assert when == Opening(None, at("2026-11-23T00:00"))


def test_the_strictest_of_several_holds() -> None:
    when = opening(
        [TWO_HOURS_A_DAY, DAY_BEFORE], service(TWO_HOURS_A_DAY, DAY_BEFORE), at("2026-11-23T18:00"), date(2026, 11, 23)
    )
    assert when.opens == at("2026-11-22T18:00")
    assert when.until == at("2026-11-22T17:00")
    assert why_not(when, at("2026-11-22T17:30")) is WhyNot.NEVER  # it opens after it closed


def call(sequence: int, **more: object) -> Call:
    return Call(PlaceKind.ZONE, "z", sequence, **more)  # type: ignore[arg-type]


def test_rules_of_a_ride_are_of_its_pickup_and_its_drop_off() -> None:
    zone = call(1, pickup_rule="2h", drop_off_rule="now")
    town = call(2, pickup_rule="now", drop_off_rule="1d")
    there = service(REAL_TIME, TWO_HOURS, DAY_BEFORE, calls=(zone, town))
    assert rules_of(there, zone, town) == (TWO_HOURS, DAY_BEFORE)
    assert rules_of(there, call(1, pickup_rule="2h"), call(2, drop_off_rule="2h")) == (TWO_HOURS,)
    assert rules_of(there, call(1), call(2)) == ()


def test_windows_and_fixed_times() -> None:
    there = service()
    window = call(1, window_start=8 * HOUR, window_end=26 * HOUR)
    assert pickup_window(there, window, date(2026, 11, 20)) == (at("2026-11-20T08:00"), at("2026-11-21T02:00"))
    # on the days when clocks change, times count from noon minus 12 h
    assert pickup_window(there, window, date(2026, 3, 28)) == (at("2026-03-28T08:00"), at("2026-03-29T03:00"))
    assert pickup_window(there, window, date(2026, 3, 29)) == (at("2026-03-29T08:00"), at("2026-03-30T02:00"))
    assert pickup_window(there, call(1, departure=9 * HOUR), date(2026, 10, 25)) == (at("2026-10-25T09:00"),) * 2
    assert pickup_window(there, call(1), date(2026, 10, 25)) is None


def departures(rule: BookingRule, now: str, days: str = "2026-11-20 2026-11-25") -> list[str]:
    origin, town = call(1, window_start=8 * HOUR, window_end=18 * HOUR, pickup_rule=rule.id), call(2)
    there = service(rule, calls=(origin, town))
    first, last = (date.fromisoformat(day) for day in days.split())
    found = list_departures(there, there.trips[0], (origin, town), at(now), (first, last))
    for one in found:
        assert one.opening.is_open(at(now))
    found = list_departures(there, there.trips[0], (origin, town), at(now), (first, last))
    return [f"{datetime.fromtimestamp(one.pickup, PARIS):%d %H:%M}" for one in found]


def test_next_departures_that_can_be_booked() -> None:
    assert departures(TWO_HOURS, "2026-11-23T07:00") == ["23 09:00", "24 08:00", "25 08:00"]
    assert departures(TWO_HOURS, "2026-11-23T16:00")[0] == "23 18:00"
    assert departures(TWO_HOURS, "2026-11-23T16:01")[0] == "24 08:00"
    assert departures(TWO_HOURS_A_DAY, "2026-11-23T07:00") == ["23 09:00"]  # tomorrow's open at 08:00
    assert departures(NIORT, "2026-11-20T12:30")[0] == "21 08:00"
    assert departures(NIORT, "2026-11-20T12:31")[0] == "24 08:00"  # too late for Monday
    assert departures(REAL_TIME, "2026-11-23T08:00")[0] == "23 08:00"


def test_instants_are_utc_seconds() -> None:
    assert opening_of(DAY_BEFORE, "2026-11-24T09:00").until == datetime(2026, 11, 23, 16, tzinfo=UTC).timestamp()
