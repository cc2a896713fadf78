"""The nouns of on-demand transport. Services in the words of GTFS-Flex; runs and bookings in those of the dispatchers.

Inside: instants are seconds since 1970 UTC (``int``), times of a service day seconds after noon minus 12 h, money whole
cents. What is stored and what is answered are aware datetimes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from mobigo.kit.geo import Point


# ── services as data ──────────────────────────────────────────────────────────────────────────────────────────────────


class BookingType(IntEnum):
    """How long before one books (booking_rules.booking_type)."""

    REAL_TIME = 0
    SAME_DAY = 1
    PRIOR_DAYS = 2


@dataclass(frozen=True)
class BookingRule:
    """A row of booking_rules.txt; None: the cell is empty."""

    id: str
    type: BookingType
    duration_min: int | None = None
    """Minutes (prior_notice_duration_min)."""
    duration_max: int | None = None
    """Minutes."""
    last_day: int | None = None
    """Days before the service day (prior_notice_last_day)."""
    last_time: int | None = None
    """Time of that day."""
    start_day: int | None = None
    start_time: int | None = None
    service_id: str | None = None
    """Calendar on whose days `last_day` and `start_day` are counted; None: all days."""
    message: str | None = None
    pickup_message: str | None = None
    drop_off_message: str | None = None
    phone_number: str | None = None
    info_url: str | None = None
    booking_url: str | None = None


@dataclass(frozen=True)
class Calendar:
    """A row of calendar.txt with its rows of calendar_dates.txt."""

    id: str
    weekdays: tuple[bool, ...] = (False,) * 7
    """Monday first."""
    first: date | None = None
    """None: only the days added."""
    last: date | None = None
    added: frozenset[date] = frozenset()
    removed: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Zone:
    """A feature of locations.geojson."""

    id: str
    geometry: Mapping[str, Any]
    """GeoJSON Polygon or MultiPolygon."""
    name: str | None = None
    description: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    """All others."""


@dataclass(frozen=True)
class StopGroup:
    """A row of location_groups.txt with its stops."""

    id: str
    stop_ids: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True)
class Stop:
    """A stop of the service."""

    id: str
    name: str
    point: Point | None
    """Longitude, latitude."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The other cells of stops.txt."""
    same_as: str | None = None
    """``source:stop_id`` of the timetable's stop that it is; None: it has the service's source and its own id."""


class PlaceKind(StrEnum):
    """What a record of a trip names."""

    STOP = "stop"
    GROUP = "group"
    ZONE = "zone"


@dataclass(frozen=True)
class Call:
    """A record of stop_times.txt: where, when, and whether one gets on or off."""

    kind: PlaceKind
    place: str
    """Id of the stop, group or zone."""
    sequence: int
    arrival: int | None = None
    """Fixed times (virtual lines, and the fixed parts of lines that deviate)."""
    departure: int | None = None
    window_start: int | None = None
    window_end: int | None = None
    pickup_type: int | None = None
    drop_off_type: int | None = None
    pickup_rule: str | None = None
    """Id of a booking rule."""
    drop_off_rule: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    """The other cells of stop_times.txt."""
    passes: int | None = field(default=None, compare=False)
    """When it is there between two records with times, where it has none itself; worked out, never written."""

    @property
    def comes(self) -> int | None:
        """When it arrives, where its times are fixed."""
        return next((one for one in (self.arrival, self.departure, self.passes) if one is not None), None)

    @property
    def leaves(self) -> int | None:
        """When it departs, where its times are fixed."""
        return next((one for one in (self.departure, self.arrival, self.passes) if one is not None), None)


@dataclass(frozen=True)
class Frequency:
    """A row of frequencies.txt."""

    start: int
    end: int
    headway: int
    """Seconds."""
    exact: bool = False


@dataclass(frozen=True)
class Trip:
    """A trip of trips.txt: one may ride from any record to any later one that allows it."""

    id: str
    calendar: str
    calls: tuple[Call, ...]
    safe_factor: float | None = None
    """safe_duration_factor."""
    safe_offset: float | None = None
    """safe_duration_offset, seconds."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The other cells of trips.txt."""
    frequencies: tuple[Frequency, ...] = ()
    """Where fixed times are repeated."""


class ServiceKind(StrEnum):
    """What a service is to its users."""

    VIRTUAL_LINE = "virtual_line"
    """Fixed stops and times; runs only where booked."""
    ZONE_TO_STOPS = "zone_to_stops"
    """Feeder: between anywhere in a zone and certain stops."""
    STOP_TO_STOP = "stop_to_stop"
    """Between the stops of a zone or group."""
    DOOR_TO_DOOR = "door_to_door"
    """Anywhere to anywhere, for people with reduced mobility."""


@dataclass(frozen=True)
class Promise:
    """What an operator promises and asks of travellers; what GTFS-Flex has no words for."""

    pickup_window: int = 600
    """Seconds: width of the promised time of the pick-up."""
    ride_factor: float = 1.5
    """A ride lasts at most so many times the drive, ..."""
    ride_extra: int = 600
    """... plus so many seconds."""
    dwell: int = 60
    """Seconds for getting on or off, per stop."""
    connection_buffer: int = 300
    """Seconds between the drop-off and the departure it is pinned to (arrival and pick-up, likewise)."""
    longest_wait: int = 1_200
    """Seconds a traveller waits at most for the vehicle pinned to."""
    longest_hold: int = 900
    """Seconds a vehicle waits at most for a late train; then the promise is repaired."""
    hold: int = 600
    """Seconds that a held quote keeps its places."""
    cancel_before: int = 3_600
    """Seconds before the pick-up until which cancelling and changing costs nothing."""
    late_cancel_cents: int = 0
    no_show_cents: int = 0
    suspend_after: int = 3
    """No-shows in 90 days after which somebody books by telephone only; 0: never."""
    fare_cents: int | None = None
    """Price of one ride of one person; None: free or unknown."""
    fare: str | None = None
    """Id of a product, where there is one."""


@dataclass(frozen=True)
class Service:
    """An on-demand service: one route with all its trips need. A document: written, revised, exported as a whole."""

    id: str
    """``source:route_id``."""
    kind: ServiceKind
    timezone: str
    route: Mapping[str, str]
    """Cells of routes.txt."""
    agency: Mapping[str, str]
    """Cells of agency.txt."""
    trips: tuple[Trip, ...]
    calendars: Mapping[str, Calendar]
    rules: Mapping[str, BookingRule]
    zones: Mapping[str, Zone]
    groups: Mapping[str, StopGroup]
    stops: Mapping[str, Stop]
    operator: str | None = None
    """Id of who dispatches it here; None: it is somebody else's and is booked by telephone or on their page."""
    promise: Promise = field(default_factory=Promise)
    shapes: Mapping[str, tuple[tuple[float, float, float | None], ...]] = field(default_factory=dict)
    """Of its trips: longitude, latitude, shape_dist_traveled."""


# ── vehicles and what they do ─────────────────────────────────────────────────────────────────────────────────────────

LOADS = ("seats", "wheelchairs", "luggage", "bicycles", "child_seats")
"""The kinds of room in a vehicle, in the order of every capacity and load vector."""

Load = tuple[int, int, int, int, int]
"""How much of each kind somebody takes, in the order of `LOADS`."""


@dataclass(frozen=True)
class Capacity:
    """What fits into a vehicle."""

    room: Load
    seats_per_wheelchair: int = 0
    """Seats that each wheelchair takes away (folded seats)."""
    luggage_on_seats: bool = False
    """Whether luggage beyond its room may lie on free seats."""
    child_seats_on_seats: bool = True
    """Whether a child seat stands on a seat and takes it."""


@dataclass(frozen=True)
class Operator:
    """Who runs vehicles."""

    id: str
    name: str
    phone: str | None = None
    email: str | None = None
    taxi_phone: str | None = None
    """Who is called where a promise can be kept no other way."""
    timezone: str = "Europe/Paris"
    """Of the shifts of its vehicles."""


@dataclass(frozen=True)
class Shift:
    """When a vehicle works: every week, or on one day."""

    weekdays: tuple[bool, ...]
    start: int
    """Time of the day."""
    end: int
    breaks: tuple[tuple[int, int, int], ...] = ()
    """Each from (time of the day), until, and how many seconds within."""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Vehicle:
    """A vehicle and its driver."""

    id: str
    operator: str
    name: str
    capacity: Capacity
    depot: Point
    """Where its runs begin and end."""
    services: tuple[str, ...]
    """Ids of the services it may work for."""
    shifts: tuple[Shift, ...]
    active: bool = True
    drivers: tuple[str, ...] = ()
    """Users of the tokens of those who drive it, besides the user named as the vehicle."""


class EventKind(StrEnum):
    """What a vehicle stops for."""

    PICKUP = "pickup"
    DROP_OFF = "drop_off"
    BREAK = "break"


@dataclass(frozen=True)
class Spot:
    """Where somebody gets on or off."""

    name: str
    point: Point
    stop_id: str | None = None


@dataclass(frozen=True)
class Event:
    """A stop of a run, with the times promised and planned (instants)."""

    kind: EventKind
    spot: Spot
    earliest: int
    """Nobody is ready before; for a break: when it may begin."""
    latest: int
    """Promised: the vehicle is there by then; for a break: when it must begin."""
    arrival: int
    """Planned."""
    departure: int
    """Planned; not before `earliest` plus the dwell."""
    dwell: int
    leg: str | None = None
    """Id of the booked leg; None for a break."""
    load: Load = (0, 0, 0, 0, 0)
    """What gets on (negative: off)."""
    done: bool = False
    """It has happened: nothing may be put before it any more."""


@dataclass(frozen=True)
class Run:
    """A vehicle's work of one shift: from its depot, through its events in order, back to it."""

    id: int
    vehicle: str
    operator: str
    services: tuple[str, ...]
    capacity: Capacity
    depot: Point
    day: date
    start: int
    end: int
    events: tuple[Event, ...]
    longest_ride: Mapping[str, int] = field(default_factory=dict)
    """By leg: seconds it may be aboard."""
    locked: frozenset[str] = frozenset()
    """Legs that the staff tied to this run: re-optimisation leaves them."""
    revision: int = 0


# ── what is asked, offered and booked ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Party:
    """Who travels, and with what."""

    adults: int = 1
    companions: int = 0
    """Of somebody with reduced mobility."""
    children: int = 0
    """With a child seat each."""
    wheelchairs: int = 0
    """Of the adults, those who stay in their wheelchair."""
    luggage: int = 0
    bicycles: int = 0

    @property
    def persons(self) -> int:
        """How many people get on."""
        return self.adults + self.companions + self.children

    @property
    def load(self) -> Load:
        """What they take of a vehicle: who stays in a wheelchair needs no seat, a child sits on its child seat."""
        seats = self.adults - self.wheelchairs + self.companions
        return seats, self.wheelchairs, self.luggage, self.bicycles, self.children


class PinSide(StrEnum):
    """Which end of a ride is pinned to a train or coach."""

    BEFORE = "before"
    """The ride feeds its departure."""
    AFTER = "after"
    """The ride meets its arrival."""


@dataclass(frozen=True)
class Pin:
    """The train or coach that a ride is pinned to."""

    side: PinSide
    trip_id: str
    """``source:trip_id``."""
    service_date: date
    stop_id: str
    instant: int
    """Its planned departure (arrival)."""


@dataclass(frozen=True)
class Ask:
    """One ride that somebody wants: what dispatching decides on."""

    service: str
    origin: Spot
    destination: Spot
    pickup: tuple[int, int]
    """Instants: the pick-up is between them."""
    drop_off: tuple[int, int]
    """Instants: the drop-off is between them."""
    load: Load
    longest_ride: int
    """Seconds aboard, at most."""
    dwell: int = 60


@dataclass(frozen=True)
class Offer:
    """One ride as it can be booked now: what a quote holds."""

    service: str
    trip: str
    service_date: date
    origin: Spot
    destination: Spot
    pickup: tuple[int, int]
    """Promised instants: be ready at the first; the vehicle comes by the second."""
    drop_off: tuple[int, int]
    """Promised: not before the first (0: any time), there by the second."""
    longest_ride: int
    party: Party
    bookable_until: int
    cents: int | None
    """For the party; None: free or unknown."""
    pin: Pin | None = None


class How(StrEnum):
    """Where a ride is booked."""

    HERE = "here"
    PHONE = "phone"
    WEB = "web"


class State(StrEnum):
    """What has become of a booked ride."""

    QUOTED = "quoted"
    HELD = "held"
    CONFIRMED = "confirmed"
    """Booked for good; a vehicle is planned, and may still change."""
    ASSIGNED = "assigned"
    """The vehicle and its driver are told."""
    EN_ROUTE = "en_route"
    ARRIVED = "arrived"
    ON_BOARD = "on_board"
    COMPLETED = "completed"
    CANCELLED_BY_USER = "cancelled_by_user"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"
    NO_SHOW = "no_show"
    FAILED = "failed"
    """A hold that ran out, or a promise that could not be kept."""


@dataclass(frozen=True)
class Contact:
    """How the traveller is reached; forgotten some time after the ride."""

    name: str
    phone: str | None = None
    email: str | None = None
    language: str = "fr"


@dataclass(frozen=True)
class BookedLeg:
    """One ride of a booking."""

    id: str
    booking: str
    offer: Offer
    state: State
    run: int | None
    hold_until: datetime | None = None
    operator: str = ""
    """Id of who drives it."""
    cancel_until: int = 0
    """Instant until which cancelling costs nothing, that second included; as promised when it was booked."""
    late_cancel_cents: int = 0
    """Due for cancelling later."""
    no_show_cents: int = 0
    dwell: int = 60
    """Seconds for getting on, and off."""
    shifted: int = 0
    """Seconds by which the promised times have been moved since, for a late train."""
    locked: bool = False
    """Staff tied it to its run."""
    planned: tuple[int, int] | None = None
    """Instants at which the vehicle is planned to be at the pick-up and the drop-off."""
    vehicle: str | None = None


@dataclass(frozen=True)
class Booking:
    """All on-demand rides of a journey, booked together."""

    id: str
    reference: str
    """Six characters that people can say on the telephone."""
    contact: Contact | None
    """None: of a hold that nobody has given a name to, or forgotten."""
    party: Party
    legs: tuple[BookedLeg, ...]
    created_at: datetime
    by: str
    """Who booked it: a traveller's or a desk's user."""
    series: str | None = None
    note: str = ""
    journey: str | None = None
    """Id of the journey it is part of."""
    account: str | None = None
    """User of the traveller it belongs to; None: whoever knows its id."""
    person: tuple[str, ...] = ()
    """Keyed hashes of account, telephone and e-mail: tells that two bookings are of one person, and nothing else."""
    return_of: str | None = None
    """Id of the booking of the way there."""
    revision: int = 1
    """Counts changes of its rides."""
