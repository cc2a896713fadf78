"""When a system is open, in the words of both versions."""

from __future__ import annotations

from datetime import datetime

import pytest

from mobigo.sharing.hours import is_open, read_opening_hours, read_rental_hours, write_hours

WEEK = ["mon", "tue", "wed", "thu", "fri"]


@pytest.mark.parametrize(
    ("text", "at", "open_"),  # 2026-11-23 is a Monday
    [
        ("24/7", "2026-11-23T03:00", True),
        ("Mo-Fr 08:00-20:00", "2026-11-23T08:00", True),
        ("Mo-Fr 08:00-20:00", "2026-11-23T20:00", False),
        ("Mo-Fr 08:00-20:00", "2026-11-22T12:00", False),
        ("Mo-Fr 08:00-12:00,14:00-20:00; Sa,Su 10:00-18:00", "2026-11-23T13:00", False),
        ("Mo-Fr 08:00-12:00,14:00-20:00; Sa,Su 10:00-18:00", "2026-11-22T17:59", True),
        ("Su-Th 05:00-22:00; Fr-Sa 05:00-01:00", "2026-11-22T00:30", True),  # the night after Saturday
        ("Su-Th 05:00-22:00; Fr-Sa 05:00-01:00", "2026-11-23T00:30", False),
        ("Mo-Su 06:00-22:00; We off", "2026-11-25T12:00", False),  # the last rule counts
        ("Apr-Oct: Mo-Su 06:00-22:00", "2026-11-23T12:00", False),
        ("Apr 15-Nov 23 06:00-22:00", "2026-11-23T12:00", True),
        ("Nov-Feb 06:00-22:00", "2026-01-10T12:00", True),  # over the turn of the year
        ("Mo-Fr 08:00-20:00; PH off", "2026-11-23T12:00", True),
        ("sunrise-sunset", "2026-11-23T03:00", True),  # not understood: not known
        ("", "2026-11-23T03:00", True),
    ],
)
def test_opening_hours_of_version_three(text: str, at: str, *, open_: bool) -> None:
    assert is_open(write_hours(read_opening_hours(text)), datetime.fromisoformat(at)) is open_


@pytest.mark.parametrize(
    ("at", "open_"),
    [
        ("2026-11-23T06:00", True),
        ("2026-11-23T05:59", False),
        ("2026-11-24T01:59", True),  # 26:00 of Monday
        ("2026-11-24T02:00", False),
        ("2026-11-22T12:00", False),  # a Sunday
        ("2026-12-24T12:00", False),  # out of season
    ],
)
def test_hours_and_seasons_of_version_two(at: str, *, open_: bool) -> None:
    hours = [
        {"user_types": ["member"], "days": [*WEEK, "sat", "sun"], "start_time": "00:00:00", "end_time": "24:00:00"},
        {"user_types": ["member", "nonmember"], "days": WEEK, "start_time": "06:00:00", "end_time": "26:00:00"},
    ]
    seasons = [{"start_month": 3, "start_day": 1, "end_month": 11, "end_day": 30}]
    assert is_open(write_hours(read_rental_hours(hours, seasons)), datetime.fromisoformat(at)) is open_


def test_a_closed_season_without_hours_and_years() -> None:
    seasons = [{"start_month": 4, "start_day": 1, "start_year": 2026, "end_month": 10, "end_day": 31, "end_year": 2026}]
    written = write_hours(read_rental_hours([], seasons))
    assert [is_open(written, datetime(year, 5, 1, 12)) for year in (2026, 2027)] == [True, False]  # noqa: DTZ001 - local
    assert not is_open(written, datetime(2026, 11, 1, 12))  # noqa: DTZ001
    assert write_hours(read_rental_hours([], [])) == ""
