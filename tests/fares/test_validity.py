"""From when to when products hold, also on the nights when clocks change."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from mobigo.fares.catalogue import Unit, Validity, ValidityMode
from mobigo.fares.validity import span, travel_day

PARIS = ZoneInfo("Europe/Paris")
TRIP, FIXED, ROLLING, FIRST_USE = ValidityMode
MINUTE, HOUR, DAY, WEEK, MONTH, YEAR = Unit


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("mode", "count", "unit", "start", "first", "end"),
    [
        (TRIP, 1, DAY, "2026-11-23T07:30", "2026-11-23T04:00", "2026-11-24T04:00"),
        (TRIP, 1, DAY, "2026-11-24T01:30", "2026-11-23T04:00", "2026-11-24T04:00"),
        (FIXED, 1, DAY, "2026-11-23T03:59:59", "2026-11-22T04:00", "2026-11-23T04:00"),
        (FIXED, 1, WEEK, "2026-11-29T12:00", "2026-11-23T04:00", "2026-11-30T04:00"),
        (FIXED, 1, MONTH, "2026-12-01T02:00", "2026-11-01T04:00", "2026-12-01T04:00"),
        (FIXED, 1, MONTH, "2026-12-01T04:00", "2026-12-01T04:00", "2027-01-01T04:00"),
        (FIXED, 1, YEAR, "2026-11-23T07:30", "2026-01-01T04:00", "2027-01-01T04:00"),
        (ROLLING, 7, DAY, "2026-11-23T07:30", "2026-11-23T04:00", "2026-11-30T04:00"),
        (ROLLING, 1, MONTH, "2027-01-31T07:30", "2027-01-31T04:00", "2027-02-28T04:00"),
        (ROLLING, 1, YEAR, "2028-02-29T07:30", "2028-02-29T04:00", "2029-02-28T04:00"),
        (FIRST_USE, 90, MINUTE, "2026-11-23T23:30", "2026-11-23T23:30", "2026-11-24T01:00"),
        (FIRST_USE, 1, DAY, "2026-11-23T15:30", "2026-11-23T15:30", "2026-11-24T04:00"),
        # the last Sunday of March: 02:00 becomes 03:00
        (FIRST_USE, 1, HOUR, "2027-03-28T01:30", "2027-03-28T01:30", "2027-03-28T03:30"),
        (FIXED, 1, DAY, "2027-03-28T07:00", "2027-03-28T04:00", "2027-03-29T04:00"),
    ],
)
def test_products_hold(mode: ValidityMode, count: int, unit: Unit, start: str, first: str, end: str) -> None:  # noqa: PLR0917 - a row
    assert span(Validity(mode, count, unit), at(start), PARIS) == (at(first), at(end))


def test_an_hour_is_an_hour_when_clocks_go_back() -> None:
    first, end = span(Validity(FIRST_USE, 1, HOUR), at("2026-10-25T02:30"), PARIS)
    assert end.timestamp() - first.timestamp() == 3600


def test_a_season_is_its_days() -> None:
    season = Validity(FIXED, first=date(2026, 12, 19), last=date(2027, 1, 3))
    assert span(season, at("2026-11-23T07:30"), PARIS) == (at("2026-12-19T04:00"), at("2027-01-04T04:00"))


def test_days_may_begin_at_midnight() -> None:
    assert travel_day(at("2026-11-23T00:00"), PARIS, 0) == date(2026, 11, 23)
    assert span(Validity(FIXED, day_starts=0), at("2026-11-23T03:00"), PARIS)[0] == at("2026-11-23T00:00")
