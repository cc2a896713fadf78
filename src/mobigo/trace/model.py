"""The nouns of use: what is noted of a search, a ride, a run and a vehicle's call.

Nothing here names a person, an account, a booking, a ticket or a card. Places are cells of a kilometre (`Cell`), times
of what a person did are hours, and `who` says only that two notes of one day are of one person: it is keyed with a
secret of that day, which is destroyed when the day is over, and apart for searches and for each service's rides
(`trace.masks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

Cell = int
"""A square of one kilometre of the European grid (INSPIRE, EPSG:3035): northing in km * 10000 + easting in km of its
south-west corner; ``26503950`` is ``CRS3035RES1000mN2650000E3950000``."""


class Service(StrEnum):
    """What carries people."""

    TRANSIT = "transit"
    ONDEMAND = "ondemand"
    CARPOOL = "carpool"
    SCHOOL = "school"


class Outcome(StrEnum):
    """What became of a search."""

    ANSWERED = "answered"
    """A vehicle takes one there on the day wished for (days end at four in the morning)."""
    UNANSWERED = "unanswered"
    """Nothing goes; `Search.reason` says why."""
    WALK_ONLY = "walk_only"
    """Nothing goes, but it is near enough for one's own feet or bicycle."""


class Deed(StrEnum):
    """What happened with a ride."""

    BOOKED = "booked"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    BOARDED = "boarded"
    """A validation, a tap, or a driver who marked it."""
    ALIGHTED = "alighted"
    NO_SHOW = "no_show"
    OFFERED = "offered"
    """By a driver of the carpool."""


@dataclass(frozen=True, slots=True)
class Search:
    """A question to the planner."""

    day: date
    """Local, when it was asked."""
    hour: int
    """0-23, local, when it was asked."""
    who: bytes | None
    """8 bytes; None: nobody known."""
    origin: Cell
    destination: Cell
    travel_day: date
    travel_minute: int
    """Wished departure or arrival: minutes after midnight, local, rounded down to a quarter of an hour."""
    arrive_by: bool
    outcome: Outcome
    reason: str = ""
    """Code of `mobigo.journeys.remedies`, when it was not answered."""
    seconds: int = 0
    """Duration of the fastest journey answered; 0: none."""
    wait: int = 0
    """Seconds between the wished moment and the departure (or the arrival, for arrive-by) of that journey."""
    changes: int = 0
    modes: tuple[str, ...] = ()
    """Of that journey: ``rail``, ``bus``, ``tram``, ``ondemand``, ``carpool``, ``bicycle``, ``car``, ``walk``,
    ``other``; sorted."""
    wheelchair: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """A change of vehicle within a journey that was answered: whether it held is known when the day is over."""

    day: date
    """Of service of the trip that is left."""
    source: str
    trip: str
    stop: str
    arrival: int
    """Planned, seconds after noon minus 12 h of `day`."""
    to_day: date
    to_source: str
    to_trip: str
    to_stop: str
    departure: int
    """Planned, seconds after noon minus 12 h of `to_day`."""
    walk: int
    """Seconds needed between them."""


@dataclass(frozen=True, slots=True)
class Ride:
    """A seat asked for, booked, refused, boarded or left."""

    day: date
    """Of service (of the ride, not of the booking)."""
    hour: int
    """0-23, local, of the ride."""
    deed: Deed
    service: Service
    who: bytes | None = None
    source: str = ""
    """Loaded feed, service of on-demand transport, or carpool line's operator."""
    route: str = ""
    trip: str = ""
    sequence: int | None = None
    """stop_sequence of boarding (of alighting, for `Deed.ALIGHTED`)."""
    stop: str = ""
    to_sequence: int | None = None
    """stop_sequence of alighting, where it is known."""
    origin: Cell | None = None
    destination: Cell | None = None
    passengers: int = 1
    category: str = ""
    """Rider category of the fare catalogue."""
    product: str = ""
    reason: str = ""
    """Code of the refusal."""
    cents: int = 0
    """Fare paid for this ride where it is known, VAT included."""


@dataclass(frozen=True, slots=True)
class Run:
    """A vehicle's or a car's run that was driven, on demand or shared; timetabled trips are in the timetable."""

    day: date
    hour: int
    service: Service
    source: str
    route: str
    metres: int
    empty_metres: int
    """Of them without a passenger."""
    passengers: int
    passenger_metres: int
    cost_cents: int = 0
    """Paid for the run (to the operator or the driver)."""
    subsidy_cents: int = 0
    """Of them by the Region."""


@dataclass(frozen=True, slots=True)
class Call:
    """A vehicle of the timetable at a stop, as it was seen or last told: says nothing about a person."""

    day: date
    """Of service."""
    source: str
    route: str
    trip: str
    sequence: int
    stop: str
    arrival: int | None
    """Planned, seconds after noon minus 12 h of `day`."""
    departure: int | None
    arrival_delay: int | None
    """Seconds; None: not seen."""
    departure_delay: int | None
    cancelled: bool = False
    """The trip did not run, or this stop was skipped."""
    occupancy: int | None = None
    """OccupancyStatus of GTFS-Realtime on departure."""
    passengers: int | None = None
    """On board on departure, where the vehicle counts."""


Note = Search | Change | Ride | Run | Call
"""What is noted."""
