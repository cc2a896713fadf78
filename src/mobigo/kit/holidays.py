"""Public and school holidays of France.

Public holidays are computed (code du travail, article L3133-1, and L3134-13 for Alsace-Moselle); school holidays are
dated data in `school_holidays.toml`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE_DAY = timedelta(days=1)
HOLIDAYS = "mobigo.kit"


class SchoolZone(StrEnum):
    """French schools have their holidays by zone; those of Dijon and Besançon are of zone A."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True)
class SchoolHoliday:
    """Days without school, both ends included."""

    name: str
    name_en: str
    zone: SchoolZone
    first: date
    last: date


# ── instants ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def easter(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar.

    References
    ----------
    Anonymous Gregorian computus (Meeus, Astronomical Algorithms, 1991, chapter 8).
    """
    golden = year % 19
    century, rest = divmod(year, 100)
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)


@cache
def public_holidays(year: int, *, alsace_moselle: bool = False) -> Mapping[date, str]:
    """Return the public holidays of France in a year, with their French names, in order."""
    sunday = easter(year)
    days = {
        date(year, 1, 1): "Jour de l'an",
        sunday + ONE_DAY: "Lundi de Pâques",
        date(year, 5, 1): "Fête du travail",
        date(year, 5, 8): "Victoire de 1945",
        sunday + 39 * ONE_DAY: "Ascension",
        sunday + 50 * ONE_DAY: "Lundi de Pentecôte",
        date(year, 7, 14): "Fête nationale",
        date(year, 8, 15): "Assomption",
        date(year, 11, 1): "Toussaint",
        date(year, 11, 11): "Armistice de 1918",
        date(year, 12, 25): "Noël",
    }
    if alsace_moselle:
        days |= {sunday - 2 * ONE_DAY: "Vendredi saint", date(year, 12, 26): "Saint-Étienne"}
    return dict(sorted(days.items()))


def is_public_holiday(day: date) -> bool:
    """Tell whether a day is a public holiday in France."""
    return day in public_holidays(day.year)


@cache
def school_holidays(zone: SchoolZone) -> tuple[SchoolHoliday, ...]:
    """Return the school holidays of a zone that are known, in order."""
    raw = tomllib.loads((resources.files(HOLIDAYS) / "school_holidays.toml").read_text("utf-8"))
    return tuple(
        SchoolHoliday(row["name"], row["name_en"], zone, row["first"], row["last"])
        for row in sorted(raw["holiday"], key=lambda row: row["first"])
        if zone in row["zones"]
    )


@cache
def school_years() -> tuple[date, date]:
    """Return the first and last day for which school holidays are known."""
    raw = tomllib.loads((resources.files(HOLIDAYS) / "school_holidays.toml").read_text("utf-8"))
    return raw["known"]["first"], raw["known"]["last"]


def find_school_holiday(day: date, zone: SchoolZone = SchoolZone.A) -> SchoolHoliday | None:
    """Return the school holidays that a day is in, if any."""
    return next((holiday for holiday in school_holidays(zone) if holiday.first <= day <= holiday.last), None)


def is_without_school(day: date, zone: SchoolZone = SchoolZone.A) -> bool:
    """Tell whether no school is open on a day, whatever its weekday: a public holiday, or one of the school's."""
    return is_public_holiday(day) or find_school_holiday(day, zone) is not None
