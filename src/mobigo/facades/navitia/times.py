"""Date-times as Navitia writes them: local time of the coverage, without an offset."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from mobigo.facades.navitia.errors import bad_format

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 1971, 2999
INSTANT_PATTERN = r"^\d{4}-?\d{2}-?\d{2}(?:[T ]\d{2}:?\d{2}(?::?\d{2}(?:\.\d{1,6})?)?(?:Z|[ +-]\d{2}:?\d{2})?)?$"
"""``YYYYMMDDThhmmss`` or ISO 8601; without an offset it is local time. A ``+`` may come as a space."""


def write_instant(instant: datetime, zone: ZoneInfo) -> str:
    """Write an instant as local time."""
    return instant.astimezone(zone).strftime("%Y%m%dT%H%M%S")


def write_day(day: date) -> str:
    """Write a day."""
    return day.strftime("%Y%m%d")


def write_clock(seconds: int) -> str:
    """Write seconds of a service day as the clock shows them."""
    return f"{seconds // 3600 % 24:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}"


def read_instant(name: str, text: str, zone: ZoneInfo) -> datetime:
    """Read a parameter.

    Raises
    ------
    NavitiaError
        ``bad_format``.
    """
    written = re.sub(r"(T.*) (\d{2}:?\d{2})$", r"\1+\2", text)
    if re.fullmatch(INSTANT_PATTERN, text):
        try:
            instant = datetime.fromisoformat(written)
        except ValueError:
            instant = None
        if instant is not None and FIRST_YEAR <= instant.year <= LAST_YEAR:
            return instant.astimezone(zone) if instant.tzinfo else instant.replace(tzinfo=zone)
    raise bad_format(f"{name}={text!r} is no date and time; write it like 20261123T073000, local time")
