"""When something bought holds: from which instant to before which other."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import Unit, ValidityMode

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from mobigo.fares.catalogue import Validity

ONE_DAY = timedelta(days=1)
MONTHS = {Unit.MONTH: 1, Unit.YEAR: 12}
DAYS = {Unit.DAY: 1, Unit.WEEK: 7}
SHORT = {Unit.MINUTE: timedelta(minutes=1), Unit.HOUR: timedelta(hours=1)}


def travel_day(instant: datetime, zone: ZoneInfo, day_starts: int) -> date:
    """Return the day of travel an instant is of: 02:00 of a Saturday is of Friday where days begin at 04:00."""
    local = instant.astimezone(zone)
    clock = local.hour * 3600 + local.minute * 60 + local.second
    return local.date() - ONE_DAY if clock < day_starts else local.date()


def begin_of(day: date, zone: ZoneInfo, day_starts: int) -> datetime:
    """Return the instant a day of travel begins, by the clock of its morning."""
    return datetime.combine(day, time(day_starts // 3600, day_starts // 60 % 60, day_starts % 60), zone)


def span(validity: Validity, start: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return from when (included) to when (excluded) something is valid.

    Parameters
    ----------
    start : aware datetime
        Of a trip: boarding the first ride; fixed: any instant of the period chosen; rolling: the one chosen; from first
        use: the first validation.

    Notes
    -----
    Minutes and hours pass as time does, also when clocks change; days, weeks, months and years end when a day of travel
    begins by the clock. A month from the 31st of January ends where the last day of February begins.
    """
    day = travel_day(start, zone, validity.day_starts)
    if validity.mode is ValidityMode.FIXED:
        first, end = _period(validity, day)
    elif validity.unit in SHORT and validity.mode is not ValidityMode.TRIP:
        moment = start.astimezone(zone)
        return moment, (moment.astimezone(UTC) + validity.count * SHORT[validity.unit]).astimezone(zone)
    else:
        first, end = day, _later(day, validity) if validity.mode is not ValidityMode.TRIP else day + ONE_DAY
    begins = begin_of(first, zone, validity.day_starts)
    if validity.mode is ValidityMode.FIRST_USE:
        begins = start.astimezone(zone)
    return begins, begin_of(end, zone, validity.day_starts)


def _period(validity: Validity, day: date) -> tuple[date, date]:
    """Return the first day of the period of the calendar and the day after its last."""
    if validity.first is not None and validity.last is not None:
        return validity.first, validity.last + ONE_DAY
    first = {
        Unit.WEEK: day - day.weekday() * ONE_DAY,
        Unit.MONTH: day.replace(day=1),
        Unit.YEAR: day.replace(month=1, day=1),
    }.get(validity.unit, day)
    return first, _later(first, validity)


def _later(day: date, validity: Validity) -> date:
    if validity.unit in DAYS:
        return day + validity.count * DAYS[validity.unit] * ONE_DAY
    month = day.year * 12 + day.month - 1 + validity.count * MONTHS[validity.unit]
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
