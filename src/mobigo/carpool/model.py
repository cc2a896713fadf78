"""The nouns of carpooling: lines, cars and seats in them; journeys as the national register has them, and their pay.

One journey of the register is one driver with one booking; `seats` multiplies. Amounts are whole cents, distances
metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

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
    """``amount`` (cents), ``trips`` or ``passengers`` (seats)."""
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


# ── lines, cars and who rides in them ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class LineStop:
    """A stop of a line, in the direction in which the line is written down."""

    id: str
    name: str
    point: Point
    metres: int
    """By road, from the first stop."""


@dataclass(frozen=True)
class Hours:
    """When a line runs, every week."""

    weekdays: frozenset[int]
    """0 is Monday."""
    first: int
    """Seconds after midnight, local time."""
    last: int


@dataclass(frozen=True)
class Guarantee:
    """What is promised to somebody who waits at a stop: after so long without a car, a taxi is ordered."""

    wait: int
    """Seconds."""
    hours: tuple[Hours, ...]
    directions: frozenset[int]
    """0: as the line is written down, 1: the other way."""
    taxi_phone: str | None = None
    taxi_email: str | None = None


@dataclass(frozen=True)
class Line:
    """A carpool line: fixed stops, both ways."""

    id: str
    name: str
    stops: tuple[LineStop, ...]
    hours: tuple[Hours, ...]
    timezone: str = "Europe/Paris"
    guarantee: Guarantee | None = None
    length: int | None = None
    """Metres, as published."""
    by_road: bool = False
    """Where streets are loaded, the metres of its stops are those of the road."""
    demonstration: bool = False
    """Its stops stand for real ones, which nobody has told us."""
    revision: int = 0


@dataclass(frozen=True)
class Person:
    """Somebody with an account who drives or rides. Trips know the id alone; who it is stands here."""

    id: str
    account: str
    """User of their token."""
    adult: bool
    """As they declared."""
    name: str | None
    phone: str | None
    email: str | None
    language: str = "fr"


class RunState(StrEnum):
    """What has become of a car's way."""

    PLANNED = "planned"
    DRIVING = "driving"
    ENDED = "ended"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class RunStop:
    """A stop of a run."""

    id: int
    """Stays when stops are put in before it."""
    name: str
    point: Point
    metres: int
    """By road, from the first stop of the run."""
    planned_at: datetime
    latest: datetime
    """By which the car has to be there, whatever is put in before: the driver's bound, and those of who is aboard."""
    dwell: int = 0
    """Seconds that the car stands there."""
    line_stop: str | None = None
    passed_at: datetime | None = None
    driver_latest: datetime | None = None
    """The driver's own bound; None: not on the driver's way, put in for passengers."""


@dataclass(frozen=True)
class Run:
    """One car, one direction, one departure: what is matched, ridden in, proven and paid."""

    id: str
    driver: str
    """Person."""
    seats: int
    """For passengers."""
    stops: tuple[RunStop, ...]
    state: RunState
    service_date: date
    """Local day of its departure."""
    line: str | None = None
    direction: int | None = None
    regular: str | None = None
    spontaneous: bool = False
    plate: str | None = None
    confirms: bool = True
    """Somebody who books has a place at once; else the driver answers first."""
    position: Point | None = None
    position_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    delay: int = 0
    """Seconds behind the plan, as last known; a car ahead of it waits at its stops."""
    revision: int = 0


class BookingState(StrEnum):
    """The standard's states; which may follow which is in `mobigo.carpool.states`."""

    WAITING_CONFIRMATION = "WAITING_CONFIRMATION"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    COMPLETED_PENDING_VALIDATION = "COMPLETED_PENDING_VALIDATION"
    VALIDATED = "VALIDATED"


@dataclass(frozen=True)
class Seat:
    """A booking: seats of a run from one of its stops to another."""

    id: str
    """UUID."""
    run: str
    passenger: str | None
    """Person; None: of another operator, who knows them."""
    seats: int
    board: int
    """Id of a stop of the run."""
    alight: int
    state: BookingState
    cents: int
    """What the passenger pays for all seats; frozen when it was booked."""
    made_at: datetime
    operator: str | None = None
    """Domain name of the other operator (Standard Covoiturage)."""
    foreign_passenger: str | None = None
    """Their id there."""
    board_at: datetime | None = None
    """Promised when it was booked."""
    alight_at: datetime | None = None
    boarded_at: datetime | None = None
    alighted_at: datetime | None = None
    proof: str | None = None
    """Class A, B or C, once the run has ended."""
    note: str = ""
    """For the driver; forgotten with who it was."""
    reason: str | None = None
    """Why it was cancelled: a word of `mobigo.carpool.states.Reason`, or of who cancelled."""
    revision: int = 0


class WaitingState(StrEnum):
    """What has become of somebody who waits at a stop."""

    WAITING = "waiting"
    PICKED_UP = "picked_up"
    LEFT = "left"
    TAXI = "taxi"
    """The promised time passed; a taxi is ordered, once."""


@dataclass(frozen=True)
class Waiting:
    """Somebody at a stop of a line, without a booking."""

    id: str
    line: str
    direction: int
    stop: str
    to: str
    seats: int
    passenger: str
    since: datetime
    promised_until: datetime | None
    """None: no guarantee here at this hour."""
    state: WaitingState
    run: str | None = None
    """With whom they went in the end."""
    booking: str | None = None
    taxi_ordered_at: datetime | None = None
    ended_at: datetime | None = None
