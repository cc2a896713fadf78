"""The nouns of bank cards held to a reader. A card is known by a salted hash that its reader made; never by its number.

Instants are aware; ids of stops, routes, trips and agencies are ``source:id``, as everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

DAY_BEGINS = timedelta(hours=4)
"""A transport day runs from four in the morning to four in the morning, by the clock on the wall."""

DIGITS = re.compile(r"(?:\d[ -]?){13,19}")
"""What the number of a card may look like."""

LARGEST_DIGIT = 9


class Held(StrEnum):
    """What a reader says about why a card was held to it."""

    IN = "in"
    OUT = "out"
    EITHER = "either"
    """It stands where one gets in and out; what came before decides."""


@dataclass(frozen=True)
class Tap:
    """A card was held to a reader."""

    device: str
    seq: int
    """Of the device, from 1, without gaps: with it the event's name."""
    at: datetime
    card: str
    """64 hexadecimal digits: the salted hash."""
    held: Held
    accepted: bool
    """Whether the reader let through: not what is on the deny list."""
    agency: str
    stop: str | None = None
    route: str | None = None
    """None: a reader on a platform, which does not know."""
    trip: str | None = None
    service_date: date | None = None
    """Of the trip."""


class Whole(StrEnum):
    """How much of a ride the taps tell."""

    WHOLE = "whole"
    BOARDED = "boarded"
    """One only taps when getting in here; what is paid does not hang on where one gets out."""
    NO_OUT = "no_out"
    """Tapping out was forgotten."""
    NO_IN = "no_in"
    """Tapping in was forgotten."""
    TURNED_BACK = "turned_back"
    """Out again where one came in, within minutes: no ride."""


@dataclass(frozen=True)
class Ride:
    """What taps tell of a ride, in one vehicle or from one platform to another."""

    agency: str
    board: str | None
    alight: str | None
    departure: datetime
    arrival: datetime
    route: str | None
    trip: str | None
    service_date: date | None
    whole: Whole
    taps: tuple[tuple[str, int], ...]
    """Device and number of those it was made of."""


@dataclass(frozen=True)
class ReaderRule:
    """What holding a card means with an agency."""

    both: bool = False
    """Whether one taps when getting in and when getting out."""
    again_seconds: int = 300
    """The same card at the same reader within this time is the same tap."""
    turn_back_seconds: int = 900
    """Out again at the same stop within this time is no ride."""
    longest_seconds: int = 4 * 3600
    """Between tapping in and out; later it is another ride's."""
    missing_cents: int | None = None
    """What a ride with a forgotten tap costs; None: as to the farthest stop that it could have gone to."""


def transport_day(at: datetime, zone: ZoneInfo) -> date:
    """Return the transport day that an instant is of."""
    return (at.astimezone(zone).replace(tzinfo=None) - DAY_BEGINS).date()


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant at which a transport day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone) + DAY_BEGINS  # of the wall clock, as the zone is one


def looks_like_card(text: str) -> bool:
    """Tell whether there may be the number of a card in a text: 13 to 19 digits whose check digit is right."""
    return any(_checks(re.sub(r"[ -]", "", found)) for found in DIGITS.findall(text))


def _checks(digits: str) -> bool:
    """Tell whether digits end in the check digit of a card (Luhn's)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > LARGEST_DIGIT)
    return total % 10 == 0
