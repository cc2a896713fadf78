"""Ids, instants and lines as MOTIS writes them, and back.

A stop or line is ``<tag>_<id>``, parted at the first underscore, so a tag holds none; a trip is
``YYYYMMDD_HH:MM_<tag>_<trip_id>``, with the service day and the hour at which it begins by the timetable (past
midnight above 24:00).
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

TRIP = re.compile(r"(\d{8})_(\d{2,3}):([0-5]\d)_([^_]+)_(.+)", re.DOTALL)
POINT = re.compile(r"\s*([+-]?\d+(?:\.\d*)?)\s*,\s*([+-]?\d+(?:\.\d*)?)\s*(?:,\s*[+-]?\d+(?:\.\d*)?\s*)?")
CURSOR = re.compile(r"(EARLIER|LATER)\|(\d{1,11})(?:\|([0-9a-f]{0,2000}))?")
MINUTE, HOUR = 60, 3600
DIGITS = 7
"""Five bits each that a step of a line takes at most."""


def write_id(name: str) -> str:
    """Write ``source:id`` as ``<tag>_<id>``; an underscore of the source becomes ``~1`` and a tilde ``~0``."""
    source, _, own = name.partition(":")
    return f"{source.replace('~', '~0').replace('_', '~1')}_{own}"


def read_id(text: str) -> str:
    """Read ``<tag>_<id>``.

    Raises
    ------
    NotFound
        When it has no tag.
    """
    tag, parted, own = text.partition("_")
    if not parted:
        raise NotFound(f"{text!r} is no id; it is <tag>_<id>, as geocode and map/stops name it")
    return f"{tag.replace('~1', '_').replace('~0', '~')}:{own}"


class TripName(NamedTuple):
    """A trip on a day."""

    day: date
    start: int
    """Seconds of the service day at which it begins by the timetable, to the minute."""
    trip_id: str


def write_trip(day: date, start: int, trip_id: str) -> str:
    """Write which trip begins so many seconds after the start of a service day."""
    return f"{day:%Y%m%d}_{start // HOUR:02}:{start // MINUTE % 60:02}_{write_id(trip_id)}"


def read_trip(text: str) -> TripName:
    """Read the id of a trip.

    Raises
    ------
    NotFound
        When it is none.
    """
    found = TRIP.fullmatch(text)
    day = _read_day(found[1]) if found else None
    if found is None or day is None:
        raise NotFound(f"{text[:80]!r} is no trip; it is YYYYMMDD_HH:MM_<tag>_<trip id>")
    return TripName(day, HOUR * int(found[2]) + MINUTE * int(found[3]), read_id(f"{found[4]}_{found[5]}"))


def _read_day(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


def read_place(text: str) -> str:
    """Return a place as the planner knows it: ``LAT,LON`` (a level is left out) or the id of a stop."""
    point = POINT.fullmatch(text)
    return f"{point[1]},{point[2]}" if point else read_id(text)


def read_point(text: str, what: str) -> tuple[float, float]:
    """Read ``LAT,LON``; longitude, latitude.

    Raises
    ------
    InvalidInput
        When it is none, or not on the earth.
    """
    point = POINT.fullmatch(text)
    lat, lon = (float(point[1]), float(point[2])) if point else (float("nan"), float("nan"))
    if not (abs(lat) <= 90 and abs(lon) <= 180):  # noqa: PLR2004 - degrees
        raise InvalidInput(f"{what}: {text!r} is not latitude,longitude in degrees; write it like 47.4906,4.3347")
    return lon, lat


def write_time(instant: datetime) -> str:
    """Write an instant in UTC."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_seconds(instant: float, zone: tzinfo = UTC) -> str:
    """Write an instant, seconds since 1970 UTC."""
    return write_time(datetime.fromtimestamp(instant, zone))


class Cursor(NamedTuple):
    """Where a page ends (earlier ones) or begins (later ones)."""

    earlier: bool
    instant: int
    """Seconds since 1970 UTC."""
    shown: str = ""
    """Journeys beyond it that were shown already, as the planner's own cursors hold them."""

    def __str__(self) -> str:
        """Write it as MOTIS does."""
        word = f"{'EARLIER' if self.earlier else 'LATER'}|{self.instant}"
        return f"{word}|{self.shown}" if self.shown else word


def read_cursor(text: str) -> Cursor:
    """Read a cursor.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    found = CURSOR.fullmatch(text)
    if found is None:
        raise InvalidInput(f"pageCursor {text[:40]!r} is none; take one of the answer before", code="invalid_cursor")
    return Cursor(found[1] == "EARLIER", int(found[2]), found[3] or "")


def encode_line(points: Sequence[tuple[float, float]], precision: int) -> str:
    """Encode a line (longitude, latitude) as Google's polylines have it, with so many decimals of degrees."""
    if not points:
        return ""
    places = np.rint(np.nan_to_num(np.asarray(points, np.float64))[:, ::-1] * 10**precision).astype(np.int64)
    steps = np.diff(places, axis=0, prepend=0).ravel()
    left = np.where(steps < 0, ~(steps << 1), steps << 1)[:, None] >> (5 * np.arange(DIGITS))
    used = left > 0
    used[:, 0] = True
    goes_on = np.zeros_like(used)
    goes_on[:, :-1] = used[:, 1:]
    return bytes((np.where(goes_on, 0x20, 0) | left & 0x1F)[used].astype(np.uint8) + 63).decode()
