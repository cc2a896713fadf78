"""Whether a booking is allowed at an instant, read off the clock on the wall: slow, from the reference's words only.

GTFS Schedule reference, booking_rules.txt. Nothing is computed with dates and offsets here: instants are tried one
after another, and each is asked what the wall shows. Where the reference is silent:

- bounds belong to what is allowed (30 minutes before is "at least 30 minutes before", 17:00:00 is "until 17:00");
- days are counted back from the service day, which is day 0 whether or not the calendar counts it;
- where the clock goes back, a time on the wall comes twice: the last of them ends, the first of them begins;
- where it goes forward, a time that never comes is passed when the clock jumps over it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.ondemand.model import BookingType

if TYPE_CHECKING:
    from collections.abc import Callable

    from mobigo.ondemand.model import BookingRule, Calendar, Service

QUARTER = 900
"""Seconds; every clock in use is changed at a quarter of an hour."""


def may_book(rules: list[BookingRule], service: Service, pickup: int, service_date: date, asked: int) -> bool:
    """Whether all rules allow to ask at `asked` for a pick-up at `pickup` (instants)."""
    return asked <= pickup and all(_allows(rule, service, pickup, service_date, asked) for rule in rules)


def runs_on(calendar: Calendar, day: date) -> bool:
    """Whether a calendar counts a day: calendar.txt, then calendar_dates.txt."""
    if day in calendar.added:
        return True
    if day in calendar.removed or calendar.first is None or calendar.last is None:
        return False
    return calendar.first <= day <= calendar.last and calendar.weekdays[day.weekday()]


def _allows(rule: BookingRule, service: Service, pickup: int, service_date: date, asked: int) -> bool:
    if rule.type is BookingType.REAL_TIME:
        return True
    if rule.type is BookingType.SAME_DAY:
        assert rule.duration_min is not None
        if pickup - asked < rule.duration_min * 60:
            return False
        if rule.duration_max is not None and pickup - asked > rule.duration_max * 60:
            return False
    else:
        assert rule.last_day is not None
        assert rule.last_time is not None
        day = _count_back(rule, service, service_date, rule.last_day)
        if day is None or asked > _last(day, rule.last_time, ZoneInfo(service.timezone)):
            return False
    if rule.start_day is not None:
        assert rule.start_time is not None
        day = _count_back(rule, service, service_date, rule.start_day)
        return day is None or asked >= _first(day, rule.start_time, ZoneInfo(service.timezone))
    return True


def _count_back(rule: BookingRule, service: Service, service_date: date, days: int) -> date | None:
    """Walk back from the service day until so many days are counted; None: the calendar has not so many."""
    calendar = service.calendars[rule.service_id] if rule.service_id is not None else None
    day, counted = service_date, 0
    for _ in range(4_000):
        if counted == days:
            return day
        day -= timedelta(days=1)
        counted += calendar is None or runs_on(calendar, day)
    return None


def _last(day: date, time: int, zone: ZoneInfo) -> int:
    """Return the last instant at which the wall shows that time of that day, or earlier."""
    return _scan(day, lambda wall: wall <= _reading(day, time), zone, backwards=True)


def _first(day: date, time: int, zone: ZoneInfo) -> int:
    """Return the first instant at which the wall shows that time of that day, or later."""
    return _scan(day, lambda wall: wall >= _reading(day, time), zone, backwards=False)


def _reading(day: date, time: int) -> datetime:
    return datetime(day.year, day.month, day.day) + timedelta(seconds=time)  # noqa: DTZ001 - what the wall shows


def _scan(day: date, holds: Callable[[datetime], bool], zone: ZoneInfo, *, backwards: bool) -> int:
    middle = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    reach, step = 4 * 86_400, -1 if backwards else 1
    instant = middle - step * reach

    def wall(at: int) -> datetime:
        return datetime.fromtimestamp(at, zone).replace(tzinfo=None)

    while not holds(wall(instant)):
        instant += step * QUARTER
    instant -= step * QUARTER
    while not holds(wall(instant)):
        instant += step
    return instant
