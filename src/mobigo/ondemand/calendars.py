"""Days: on which a service runs, which are public or school holidays in France, and which count as business days.

A service needs no holidays when it runs: its calendars hold the days themselves, as GTFS wants it. They are for making
those calendars (`lay_calendar`) and for telling a traveller what a day is.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.kit.errors import InvalidInput
from mobigo.kit.holidays import (
    ONE_DAY,
    SchoolZone,
    find_school_holiday,
    is_public_holiday,
    school_years,
)
from mobigo.ondemand.model import Calendar

if TYPE_CHECKING:
    from collections.abc import Iterator

HALF_DAY = 43_200
FARTHEST = 3_653
"""Days for which a calendar is laid out, or searched, at most: ten years."""


class OnHolidays(StrEnum):
    """What a weekly calendar does on public holidays."""

    AS_USUAL = "as_usual"
    NOT = "not"
    AS_SUNDAYS = "as_sundays"
    """It runs if it runs on Sundays."""


class SchoolDays(StrEnum):
    """Which part of the school year a calendar is for."""

    ALL = "all"
    TERM = "term"
    """Not in school holidays."""
    HOLIDAYS = "holidays"
    """In school holidays only."""


@lru_cache(maxsize=4096)
def begin_day(day: date, zone: str) -> int:
    """Noon minus 12 h of a day, in seconds since 1970: what times of a service day count from."""
    return int(datetime.combine(day, time(12), ZoneInfo(zone)).timestamp()) - HALF_DAY


def instant_of(day: date, seconds: int, zone: str) -> int:
    """Return the instant of a time of a service day, which may be beyond 24:00."""
    return begin_day(day, zone) + seconds


@lru_cache(maxsize=4096)
def first_shown(day: date, seconds: int, zone: str) -> int:
    """Return the first instant at which the clocks of a zone show a time of a day, or are beyond it.

    24:00 and later are times of the days after. A time that the clocks skip in spring is passed when they jump.
    """
    return _shown(day, seconds, zone)[0]


@lru_cache(maxsize=4096)
def last_shown(day: date, seconds: int, zone: str) -> int:
    """Return the last instant at which the clocks of a zone show a time of a day, or are not there yet.

    "By 17:00 of the day before" is until then. A time that comes twice in autumn is the second; one that is skipped in
    spring is over the second before the clocks jump.
    """
    return _shown(day, seconds, zone)[1]


def _shown(day: date, seconds: int, zone: str) -> tuple[int, int]:
    """Return the first and the last instant of what the clocks show."""
    clock = ZoneInfo(zone)
    days, seconds = divmod(seconds, 2 * HALF_DAY)
    shown = datetime.combine(day + timedelta(days=days), time(seconds // 3600, seconds // 60 % 60, seconds % 60), clock)
    first, last = int(shown.timestamp()), int(shown.replace(fold=1).timestamp())
    if first <= last:
        return first, last
    before, after = last, first  # the clocks skip it: they jump somewhere between
    offset = _offset(before, clock)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(middle, clock) == offset else (before, middle)
    return after, before


def _offset(instant: int, clock: ZoneInfo) -> timedelta | None:
    return datetime.fromtimestamp(instant, clock).utcoffset()


def day_of(instant: int, zone: str) -> date:
    """Return the local calendar day of an instant."""
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).date()


# ── calendars of GTFS ─────────────────────────────────────────────────────────────────────────────────────────────────


def runs_on(calendar: Calendar, day: date) -> bool:
    """Tell whether a day is one of the calendar's."""
    if day in calendar.removed:
        return False
    if day in calendar.added:
        return True
    if calendar.first is None or calendar.last is None:
        return False
    return calendar.first <= day <= calendar.last and calendar.weekdays[day.weekday()]


def find_bounds(calendar: Calendar) -> tuple[date, date] | None:
    """Return days before and after which the calendar has none; None where it is empty."""
    days = set(calendar.added)
    if calendar.first is not None and calendar.last is not None and calendar.first <= calendar.last:
        days |= {calendar.first, calendar.last}
    return (min(days), max(days)) if days else None


@lru_cache(maxsize=8192)
def count_back(calendar: Calendar | None, day: date, days: int) -> date | None:
    """Return the day that is so many days before another one, counting only a calendar's days where there is one.

    Counted like business days: one day before a Monday is the Friday, and so it is before the Sunday. The day counted
    from is never counted; zero days before it is itself, whether it is the calendar's or not. None: there are not so
    many days in the ten years before.
    """
    if days > FARTHEST:
        return None
    if calendar is None or not days:
        return day - days * ONE_DAY
    bounds = find_bounds(calendar)
    if bounds is None:
        return None
    counted = min(day, bounds[1] + ONE_DAY)
    earliest = max(bounds[0], counted - FARTHEST * ONE_DAY)
    while days:
        counted -= ONE_DAY
        if counted < earliest:
            return None
        days -= runs_on(calendar, counted)
    return counted


def list_days(calendar: Calendar, first: date, last: date) -> Iterator[date]:
    """List the calendar's days between two, both included, in order."""
    bounds = find_bounds(calendar)
    if bounds is None:
        return
    day, last = max(first, bounds[0]), min(last, bounds[1])
    while day <= last:
        if runs_on(calendar, day):
            yield day
        day += ONE_DAY


# ── France ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lay_calendar(
    id_: str,
    weekdays: tuple[bool, ...],
    first: date,
    last: date,
    *,
    on_holidays: OnHolidays = OnHolidays.NOT,
    school: SchoolDays = SchoolDays.ALL,
    zone: SchoolZone = SchoolZone.A,
) -> Calendar:
    """Make the calendar of GTFS that says "Monday to Friday in term, not on public holidays" day by day.

    Raises
    ------
    InvalidInput
        When the end is before the start, the span beyond ten years, or it asks for school holidays of years whose
        dates are not known.
    """
    if len(weekdays) != 7:  # noqa: PLR2004 - a week
        raise InvalidInput(
            f"calendar {id_} says {len(weekdays)} weekdays; give seven, Monday first", code="invalid_calendar"
        )
    if last < first:
        raise InvalidInput(f"calendar {id_} ends on {last}, before it starts on {first}", code="invalid_calendar")
    if (last - first).days > FARTHEST:
        raise InvalidInput(
            f"calendar {id_} spans {(last - first).days} days, more than {FARTHEST}; end it earlier",
            code="invalid_calendar",
        )
    known = school_years()
    if school is not SchoolDays.ALL and not known[0] <= first <= last <= known[1]:
        raise InvalidInput(
            f"school holidays are known from {known[0]} to {known[1]}, calendar {id_} runs from {first} to {last};"
            " choose days within, or all days of the year",
            code="unknown_school_year",
        )
    added: set[date] = set()
    removed: set[date] = set()
    for day in (first + ONE_DAY * n for n in range((last - first).days + 1)):
        weekly = runs = weekdays[day.weekday()]
        if is_public_holiday(day) and on_holidays is not OnHolidays.AS_USUAL:
            runs = on_holidays is OnHolidays.AS_SUNDAYS and weekdays[6]
        if school is not SchoolDays.ALL:
            runs = runs and (find_school_holiday(day, zone) is not None) == (school is SchoolDays.HOLIDAYS)
        if runs != weekly:
            (added if runs else removed).add(day)
    return Calendar(id_, weekdays, first, last, frozenset(added), frozenset(removed))


def business_days(id_: str, first: date, last: date) -> Calendar:
    """Make the calendar of French business days: Monday to Friday but for public holidays."""
    return lay_calendar(id_, (True,) * 5 + (False,) * 2, first, last)
