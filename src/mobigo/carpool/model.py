"""The nouns of carpool incentives: journeys as the national register has them, and what they are paid.

One journey is one driver with one booking; `seats` multiplies. Amounts are whole cents, distances metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mobigo.kit.geo import Point


@dataclass(frozen=True)
class Place:
    """An end of a journey."""

    codes: Mapping[str, str]
    """Code of each territory it lies in: ``com``, ``arr``, ``epci``, ``aom``, ``dep``, ``reg``, ``reseau``,
    ``country``."""
    point: Point | None = None


@dataclass(frozen=True)
class Journey:
    """A driver and a booking, travelled and proven."""

    id: str
    trip: str
    """Of the operator: what the passengers of one car share."""
    operator: str
    proof: str
    """Class A, B or C."""
    start_at: datetime
    metres: int
    seats: int
    driver: str
    passenger: str
    adult: bool
    driver_revenue: int
    passenger_contribution: int
    start: Place
    end: Place


class CounterKey(NamedTuple):
    """What a limit counts."""

    counter: str
    """``amount`` (cents) or ``trips``."""
    period: str
    """``trip``, ``day``, ``month``, ``year`` or ``campaign``."""
    scope: str
    """``driver``, ``passenger`` or ``global``."""
    person: str
    """Empty with the scope ``global``."""
    key: str
    """Of the period: ``2024-05-15``, ``2024-05``, ``2024``, ``campaign``, or the id of a trip."""


class Step(NamedTuple):
    """One reason for an amount."""

    code: str
    cents: int
    """The amount after it."""
    text: str


@dataclass(frozen=True)
class Award:
    """What a journey is paid, and why."""

    cents: int
    steps: tuple[Step, ...]
