"""Live data as every source of it is understood: what changes on which trip, seen vehicles, and messages.

GTFS-Realtime (`transit.realtime`), SIRI (`transit.siri`), vehicles that report themselves and the staff all speak in
these words; `transit.overlay` lays them over a timetable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import date


class Relation(StrEnum):
    """How a trip stands to the timetable (GTFS-Realtime schedule_relationship)."""

    SCHEDULED = "scheduled"
    CANCELED = "canceled"
    DELETED = "deleted"
    """Cancelled, and not to be shown at all."""
    NEW = "new"
    """Not in the timetable (also the older ADDED): its stops are all its stops."""
    REPLACEMENT = "replacement"
    """In the timetable, but with these stops instead."""
    DUPLICATED = "duplicated"
    """A copy of a trip of the timetable at another time."""
    UNSCHEDULED = "unscheduled"
    """A departure of a trip with frequencies of no exact times."""


class CallRelation(StrEnum):
    """How a call stands to the timetable."""

    SCHEDULED = "scheduled"
    SKIPPED = "skipped"
    NO_DATA = "no_data"
    UNSCHEDULED = "unscheduled"


class CallUpdate(NamedTuple):
    """What is known of one call of a trip; either a time or a delay, a time prevails."""

    sequence: int | None = None
    """stop_sequence."""
    stop_id: str | None = None
    """Without the source's prefix."""
    arrival: int | None = None
    """Seconds since 1970 UTC."""
    departure: int | None = None
    arrival_delay: int | None = None
    """Seconds; negative is early."""
    departure_delay: int | None = None
    relation: CallRelation = CallRelation.SCHEDULED
    assigned_stop_id: str | None = None
    """Other platform of the same station."""
    platform: str | None = None
    planned_arrival: int | None = None
    """Seconds since 1970 UTC, where the source says it (SIRI); helps to find the call."""
    planned_departure: int | None = None
    headsign: str | None = None


@dataclass(frozen=True, slots=True)
class TripUpdate:
    """What is known of one trip on one day."""

    trip_id: str | None
    """Without the source's prefix; None: found by route, direction, start and stops."""
    start_date: date | None = None
    start_time: int | None = None
    """Seconds after noon minus 12 h of `start_date`."""
    route_id: str | None = None
    direction: int | None = None
    relation: Relation = Relation.SCHEDULED
    calls: tuple[CallUpdate, ...] = ()
    delay: int | None = None
    """Seconds, of the trip where no call says more."""
    at: int | None = None
    """Seconds since 1970 UTC: when this was observed."""
    vehicle: str | None = None
    new_trip_id: str | None = None
    """Of a duplicate or replacement: trip_properties.trip_id."""
    new_start_date: date | None = None
    new_start_time: int | None = None
    headsign: str | None = None
    short_name: str | None = None
    line_name: str | None = None
    """How a source that knows no route_id names the line (SIRI LineRef, PublishedLineName)."""


class Occupancy(Enum):
    """GTFS-Realtime OccupancyStatus."""

    EMPTY = 0
    MANY_SEATS_AVAILABLE = 1
    FEW_SEATS_AVAILABLE = 2
    STANDING_ROOM_ONLY = 3
    CRUSHED_STANDING_ROOM_ONLY = 4
    FULL = 5
    NOT_ACCEPTING_PASSENGERS = 6
    NO_DATA_AVAILABLE = 7
    NOT_BOARDABLE = 8


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Where a vehicle is."""

    vehicle_id: str
    trip_id: str | None
    start_date: date | None
    route_id: str | None
    lat: float
    lon: float
    at: int
    """Seconds since 1970 UTC."""
    bearing: float | None = None
    speed: float | None = None
    """Metres per second."""
    stop_id: str | None = None
    """Where it is, or is bound."""
    sequence: int | None = None
    label: str | None = None
    occupancy: Occupancy | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a message or a disturbance is about; ids without the source's prefix, None: any."""

    agency_id: str | None = None
    route_id: str | None = None
    direction: int | None = None
    trip_id: str | None = None
    start_date: date | None = None
    stop_id: str | None = None
    route_type: int | None = None


@dataclass(frozen=True)
class Alert:
    """A message to travellers (GTFS-Realtime Alert, SIRI SX situation, a disturbance written by staff)."""

    id: str
    """Unique within its source."""
    header: dict[str, str]
    """By language ("fr", "en", "" where it is not said)."""
    description: dict[str, str] = field(default_factory=dict)
    url: dict[str, str] = field(default_factory=dict)
    periods: tuple[tuple[int | None, int | None], ...] = ()
    """When it applies, seconds since 1970 UTC, open ends None; empty: always."""
    targets: tuple[Target, ...] = ()
    cause: str = "UNKNOWN_CAUSE"
    effect: str = "UNKNOWN_EFFECT"
    severity: str = "UNKNOWN_SEVERITY"


ACCESSIBILITY_ISSUE = "ACCESSIBILITY_ISSUE"
"""Effect of a message that a lift is out of order, at the stops it is about."""


class Effect(StrEnum):
    """What a disturbance written by staff does to the timetable while it lasts."""

    NONE = "none"
    """It is only a message."""
    STOP_CLOSED = "stop_closed"
    """Vehicles of the targets' routes (all, where none is named) do not call at the targets' stops."""
    CANCELED = "canceled"
    """Trips of the targets do not run."""


@dataclass(frozen=True)
class Disturbance:
    """An alert of our own, with what it does."""

    alert: Alert
    effect: Effect
    source: str
    """The prefix of the ids in its targets."""


@dataclass(frozen=True)
class LiveFeed:
    """All that one source says at one time."""

    source: str
    """The feed whose ids it speaks."""
    at: int
    """Seconds since 1970 UTC: when it was made (its header)."""
    trips: tuple[TripUpdate, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    alerts: tuple[Alert, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be understood, in sentences."""


@dataclass(frozen=True)
class MatchReport:
    """How much of what a source says was found in the timetable; a rate below 1 is never silent."""

    source: str
    trips: int
    """Trip updates received (new trips apart)."""
    trips_matched: int
    calls: int
    calls_matched: int
    new_trips: int
    vehicles: int
    vehicles_matched: int
    alerts: int
    alerts_matched: int
    stale: bool
    """The feed was older than it may be, and ignored."""
    unmatched: tuple[str, ...] = ()
    """Up to 20 examples, with the reason."""

    @property
    def rate(self) -> float:
        """Share of trip updates found; 1 when there were none."""
        return self.trips_matched / self.trips if self.trips else 1.0
