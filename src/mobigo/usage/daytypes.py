"""What sort of day a day is, as timetables tell them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.kit.holidays import SchoolZone, find_school_holiday, is_public_holiday
from mobigo.usage.model import DayType

if TYPE_CHECKING:
    from datetime import date

SATURDAY, SUNDAY = 5, 6
"""Of `date.weekday`."""


def day_type_of(day: date, zone: SchoolZone = SchoolZone.A) -> DayType:
    """Return the type of a day; a public holiday is as a Sunday, whatever weekday it falls on."""
    if day.weekday() == SUNDAY or is_public_holiday(day):
        return DayType.SUNDAY
    if day.weekday() == SATURDAY:
        return DayType.SATURDAY
    return DayType.SCHOOL_DAY if find_school_holiday(day, zone) is None else DayType.WEEKDAY
