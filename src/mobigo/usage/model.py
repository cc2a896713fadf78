"""The nouns of usage: what is counted by day, and kept. Each is one table; days are of service, local.

Nothing here belongs to one person; what may be shown to the public is less still (`mobigo.usage.disclosure`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


class DayType(StrEnum):
    """What sort of day it is, as timetables tell them apart."""

    SCHOOL_DAY = "school_day"
    """Monday to Friday, schools open (academic zone of the region)."""
    WEEKDAY = "weekday"
    """Monday to Friday in school holidays."""
    SATURDAY = "saturday"
    SUNDAY = "sunday"
    """And public holidays."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Searches from one square to another, by wished hour of travel; `day` is the wished day."""

    asked: date
    """Local day of the searches: many a day is asked for on several."""
    day: date
    hour: int
    origin: int
    """Square; of days long ago the one of its commune's centre, 0 where it lies in none."""
    destination: int
    outcome: str
    reason: str
    searches: int
    people: int
    """Different ones of the day of asking, where they can be told apart; otherwise each search counts."""
    seconds: int
    """Sum of the durations answered."""
    wait: int
    """Sum."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Seats asked for and not given."""

    day: date
    hour: int
    service: str
    source: str
    origin: int
    """0: not known."""
    destination: int
    reason: str
    asked: int
    people: int


@dataclass(frozen=True, slots=True)
class Load:
    """People on, off and aboard of one trip at one stop."""

    day: date
    service: str
    source: str
    route: str
    trip: str
    sequence: int
    stop: str
    departure: int
    """Seconds after noon minus 12 h of the day."""
    boardings: int
    alightings: int
    load: float
    """On departure."""
    counted: bool
    """By the vehicle; False: worked out of validations (where people get off is then estimated)."""
    people: int
    """Different ones among the boardings."""


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How the calls of a line at a stop kept their time in an hour."""

    day: date
    source: str
    route: str
    stop: str
    hour: int
    """Planned, local."""
    calls: int
    """Seen, and not cancelled."""
    cancelled: int
    early: int
    """More than a minute."""
    on_time: int
    """Up to a minute early, less than five late."""
    late: int
    """Five to less than fifteen minutes."""
    very_late: int
    delay: int
    """Sum of the seconds late (early is negative)."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes within answered journeys from one line to another at one place."""

    day: date
    source: str
    route: str
    to_source: str
    to_route: str
    stop: str
    to_stop: str
    hour: int
    planned: int
    judged: int
    """Of them with both vehicles seen."""
    missed: int


@dataclass(frozen=True, slots=True)
class Supply:
    """What a line ran, carried, cost and emitted in a day."""

    day: date
    service: str
    source: str
    route: str
    runs: int
    metres: int
    """That the vehicles drove with and without passengers, as the timetable says or the run tells."""
    empty_metres: int
    seconds: int
    """Of vehicles, from each run's first departure to its last arrival; 0: not known."""
    passengers: int
    passenger_metres: int
    cost_cents: int | None
    """Really paid for these runs; None: nothing was noted, rates tell (`mobigo.usage.economy`)."""
    subsidy_cents: int | None
    fares_cents: int
    co2_grams: int | None
    """None: there is no factor."""
