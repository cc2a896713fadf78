"""The nouns of a journey from door to door."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.ondemand.model import Party

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from mobigo.journeys.pricing import Priced
    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import How, Pin
    from mobigo.sharing.model import FormFactor, Propulsion
    from mobigo.sharing.tariff import Plan as RentalPlan
    from mobigo.transit.live import Alert


class Mode(StrEnum):
    """How a leg is travelled."""

    WALK = "walk"
    TRAM = "tram"
    SUBWAY = "subway"
    RAIL = "rail"
    BUS = "bus"
    COACH = "coach"
    FERRY = "ferry"
    CABLE_CAR = "cable_car"
    FUNICULAR = "funicular"
    AIR = "air"
    TAXI = "taxi"
    OTHER = "other"
    BICYCLE = "bicycle"
    SHARED_BICYCLE = "shared_bicycle"
    SHARED_SCOOTER = "shared_scooter"
    """Standing or seated, ridden where bicycles are."""
    SHARED_MOPED = "shared_moped"
    SHARED_CAR = "shared_car"
    CAR = "car"
    """One's own, or as a passenger dropped off or picked up."""
    ON_DEMAND = "on_demand"
    """A vehicle that comes because it was booked."""
    CARPOOL = "carpool"
    """A place in somebody's car, who goes there anyway."""


BOOKED_MODES = frozenset({Mode.ON_DEMAND, Mode.CARPOOL})
"""Rides that are in no timetable."""

SHARED_MODES = frozenset({Mode.SHARED_BICYCLE, Mode.SHARED_SCOOTER, Mode.SHARED_MOPED, Mode.SHARED_CAR})
"""Rides on vehicles that are rented on the spot."""


OWN_STRENGTH = frozenset({Mode.WALK, Mode.BICYCLE, Mode.SHARED_BICYCLE})
"""Ways on which climbs are felt."""


class Reason(StrEnum):
    """Why there is no journey by public transport; the whole list."""

    OUTSIDE_AREA = "outside_area"
    """An end is near no street and no stop we know."""
    NO_STOP_IN_RANGE = "no_stop_in_range"
    """No stop within the longest walk of an end."""
    NO_SERVICE_THAT_DAY = "no_service_that_day"
    """No trip at all runs on the day asked for."""
    WALKING_BETTER = "walking_better"
    """Walking arrives before any vehicle would."""
    NOTHING_IN_WINDOW = "nothing_in_window"
    """Vehicles run, but none makes this journey within the time asked for."""
    NO_CONNECTION = "no_connection"
    """Vehicles run, but none makes this journey on any of the days looked at."""
    OUTSIDE_SERVICE_PERIOD = "outside_service_period"
    """The day lies before the first or after the last day of the timetables that are loaded."""
    FILTERED_OUT = "filtered_out"
    """There are journeys, but what was asked besides (lines, changes, bicycle, ...) leaves none of them."""
    NO_ACCESSIBLE_PATH = "no_accessible_path"
    """There are journeys, but none that is known to be, or may be, possible in a wheelchair."""
    BUDGET_REACHED = "budget_reached"
    """The time for computing was over before anything was found."""


class Remedy(StrEnum):
    """What would have to change for a journey to be found; each was tried and found one."""

    LONGER_WALK = "longer_walk"
    EARLIER = "earlier"
    LATER = "later"
    ANOTHER_DAY = "another_day"
    MORE_TRANSFERS = "more_transfers"
    SHORTER_CHANGES = "shorter_changes"
    WITHOUT_FILTER = "without_filter"
    """Without the parameter named."""


class OfDay(StrEnum):
    """The ends of a day's service, instead of an hour; a day ends at four in the morning."""

    FIRST = "first"
    LAST = "last"


class Left(StrEnum):
    """Why a journey that nothing beats is only named, not described."""

    SAME_WAY = "same_way"
    """Another one takes the same lines between the same stops at another time."""
    HARDLY_BETTER = "hardly_better"
    """It has one change more, or one ride more instead of a short walk, and gains little by it."""
    WORSE = "worse"
    """Everything weighed, enough others are better."""


class Label(StrEnum):
    """What a journey is best at, among the journeys of its answer."""

    FASTEST = "fastest"
    EARLIEST = "earliest"
    """With `arrive_by`: the one that leaves last."""
    FEWEST_TRANSFERS = "fewest_transfers"
    LEAST_WALKING = "least_walking"
    GREENEST = "greenest"
    CHEAPEST = "cheapest"


class Access(StrEnum):
    """How one gets from the door to the first stop, or from the last stop to the door."""

    WALK = "walk"
    BICYCLE = "bicycle"
    """One's own, left at the stop; with `bicycle_aboard` it comes along and both ends may be ridden."""
    SHARED_BICYCLE = "shared_bicycle"
    SHARED_VEHICLE = "shared_vehicle"
    """A shared bicycle, scooter, moped or car, as `form_factors` and `propulsions` allow."""
    CAR_PARK = "car_park"
    """One's own car to a park-and-ride or carpool place; only at the beginning (the end, on the way back)."""
    CAR_DROP_OFF = "car_drop_off"
    """Somebody drives one there, or comes to fetch one."""
    TAXI = "taxi"
    """A taxi of the register, where nothing else goes."""


class Realtime(StrEnum):
    """What live data may do."""

    OFF = "off"
    """Nothing: journeys by the timetable."""
    ANNOTATE = "annotate"
    """Journeys by the timetable, with what is known about them."""
    ON = "on"
    """Journeys as vehicles really run."""


class Criterion(StrEnum):
    """What journeys compete over beside departure, arrival and changes."""

    WALKING = "walking"
    CO2 = "co2"
    COST = "cost"
    """Generalised: walking, changing and avoided lines weighed."""
    PRICE = "price"
    """What all who travel pay."""


@dataclass(frozen=True)
class End:
    """Where a journey starts or ends: a point, or a stop (all stops of a station)."""

    name: str
    point: Point
    stops: tuple[int, ...] = ()
    """Stop indices of the network; empty for a point."""


ALONE = Party()
"""One adult without anything."""


@dataclass(frozen=True)
class JourneyRequest:
    """One question of a traveller."""

    origin: str
    """``LAT,LON`` or a stop id."""
    destination: str
    at: datetime
    """Aware."""
    arrive_by: bool = False
    window: int | None = None
    """Seconds after `at` (before it, with `arrive_by`) in which to leave (arrive); None: two hours, and if nothing runs
    in them the next journey after."""
    max_transfers: int = 15
    max_walk: int = 1800
    """Seconds, longest walk to the first stop, from the last one, and between two."""
    max_ride: int = 1800
    """Seconds, longest ride by bicycle to or from a stop."""
    max_drive: int = 1200
    """Seconds, longest drive by car to or from a stop or car park."""
    car_parks: tuple[str, ...] = ()
    """Leave the car (find it) at one of these only, by id; empty: anywhere."""
    budget: float = 1.0
    """Seconds of computing after which the best answer found so far is given."""
    vias: tuple[tuple[str, int], ...] = ()
    """Places to pass in this order (``LAT,LON`` or a stop id), each with the seconds to stay there."""
    only: tuple[str, ...] = ()
    """Ride only these: ``mode:tram``, ``line:ID``, ``agency:ID``; several of a kind are alternatives."""
    forbid: tuple[str, ...] = ()
    """Never ride, or never board, alight or change at, these: ``mode:``, ``line:``, ``agency:``, ``stop:``."""
    avoid: tuple[str, ...] = ()
    """Ride these only where it is worth a detour: same words."""
    prefer: tuple[str, ...] = ()
    """Rather ride these: same words."""
    walk_speed: float = 1.2
    """Metres per second."""
    min_change: int = 0
    """Seconds from alighting to boarding, at least."""
    slack: int = 0
    """Seconds added to each change."""
    wheelchair: bool = False
    """Leave out what is known to be inaccessible; what is unknown is said and counts against a journey."""
    access: tuple[Access, ...] = (Access.WALK,)
    egress: tuple[Access, ...] = (Access.WALK,)
    direct: tuple[Mode, ...] = (Mode.WALK,)
    """Ways without public transport to offer: WALK, BICYCLE, CAR."""
    form_factors: tuple[FormFactor, ...] = ()
    """Kinds of shared vehicles that one rides; empty: all that `access` and `egress` name."""
    propulsions: tuple[Propulsion, ...] = ()
    """What may drive them; empty: anything."""
    bicycle_aboard: bool = False
    """Ride only where bicycles are allowed aboard."""
    criterion: Criterion | None = None
    realtime: Realtime = Realtime.ON
    of_day: OfDay | None = None
    """The first or the last journey of the day of `at`, whose hour then says nothing."""
    most: int = 6
    """Journeys that are described; the others of the time searched are named in `Plan.more`."""
    everything: bool = False
    """Describe all journeys that no other beats, without choosing among them."""
    cursor: str | None = None
    """Of `Plan.earlier` or `Plan.later`: the page before or after it."""
    ondemand: bool = True
    """Take rides that are booked, where they can be."""
    carpool: bool = True
    """Ride in cars of others who go there, where a place can be booked."""
    no_reservation: bool = False
    """Ride only what needs no booking, and no call, ahead."""
    party: Party = ALONE
    """Who travels, and with what: for rides that are booked."""
    booking_at: datetime | None = None
    """When one would book them; aware; None: now."""
    names: tuple[str, str] = ("", "")
    """What the traveller calls the origin and the destination, for whoever fetches somebody there; empty: as found."""


@dataclass(frozen=True)
class Place:
    """A point of a journey."""

    name: str
    lat: float
    lon: float
    stop_id: str | None = None
    platform: str | None = None


@dataclass(frozen=True)
class Step:
    """One instruction of a walk."""

    street: str
    """Empty for a way without a name."""
    metres: float
    direction: str
    """DEPART, LEFT, SLIGHTLY_RIGHT, ... as in MOTIS; see ``street.routing``."""


@dataclass(frozen=True)
class Call:
    """A stop that a vehicle calls at on the way."""

    place: Place
    arrival: datetime
    departure: datetime


@dataclass(frozen=True)
class Line:
    """The line of a vehicle as travellers see it."""

    id: str
    name: str
    long_name: str
    color: str | None
    """RRGGBB."""
    text_color: str | None
    agency: str


class Booked(StrEnum):
    """What kind of ride is booked."""

    ON_DEMAND = "on_demand"
    CARPOOL = "carpool"


@dataclass(frozen=True)
class ToBook:
    """How a ride is booked that runs only for those who booked it, or in whose car one has a place only then."""

    service_id: str
    """Of `/v1/ondemand/services`; of carpool ``carpool:LINE``, or ``carpool`` on no line."""
    trip_id: str
    """``source:trip_id`` of the service; of carpool the id of the run."""
    how: How
    bookable_until: datetime
    pickup_window: tuple[datetime, datetime]
    """Be ready at the first; the vehicle comes by the second."""
    arrive_by: datetime
    """Promised."""
    opens: datetime | None = None
    """It can be booked from then on; None: since ever."""
    price_cents: int | None = None
    """For the whole party; None: free or unknown."""
    phone: str | None = None
    url: str | None = None
    message: str | None = None
    operator: str | None = None
    """Name of who runs it."""
    quote: str | None = None
    """What to book it with; None: it is not booked here."""
    quote_expires: datetime | None = None
    pinned_to: Pin | None = None
    """The train or coach that it feeds or meets."""
    kind: Booked = Booked.ON_DEMAND
    instant: bool = True
    """It is booked at once; else the driver answers first."""
    detour: int | None = None
    """Of carpool: seconds that the driver arrives later for it."""


@dataclass(frozen=True)
class Rented:
    """A shared vehicle that one rides."""

    system: str
    """How it calls itself."""
    vehicle_type: str | None
    """Its name; None: it has none."""
    form_factor: FormFactor
    propulsion: Propulsion | None
    vehicle_id: str | None
    """``system:vehicle_id`` of one that stands in the street; None: one takes any of the station."""
    range: int | None
    """Metres that it still goes; None: nobody says."""
    at_station: bool
    """It is given back at a station; else left in the street, where that is allowed."""
    uris: Mapping[str, str]
    """Where to rent it, by platform: ``web``, ``ios``, ``android``."""
    plan: RentalPlan | None
    """What it costs; None: nobody says. It is no part of the journey's price."""


@dataclass(frozen=True)
class Taken:
    """A taxi that one calls."""

    name: str
    phone: str
    wait: int
    """Seconds from the call until it is there; part of the leg."""
    estimate: int
    """Cents, by the tariff; it is no part of the journey's price."""
    tariff: str
    """``A`` to ``D``."""
    source: str
    """Which decree."""
    dated: date
    example: bool
    """Of the demonstration: nobody drives."""


class Safety(StrEnum):
    """How likely a change is made, by what is to spare."""

    GUARANTEED = "guaranteed"
    """The vehicle waits: the timetable says so, or it was booked for whoever comes with the one before."""
    SAFE = "safe"
    """Five minutes to spare, or more."""
    FAIR = "fair"
    """Two minutes, or more."""
    TIGHT = "tight"
    """Less than two minutes."""
    MISSED = "missed"
    """It leaves before one can be there, as far as is known now."""


@dataclass(frozen=True)
class Change:
    """A change from the vehicle before."""

    needed: int
    """Seconds from getting off to getting on: on foot, or as long as transfers.txt asks for."""
    spare: int
    """Seconds beyond that, with the times of now."""
    safety: Safety


@dataclass(frozen=True)
class Lie:
    """How high a way lies."""

    climb: int
    """Metres up in all, small ups and downs left out."""
    descent: int
    """Metres down, likewise."""
    profile: tuple[tuple[int, float], ...]
    """A few points: metres along the way, and height."""


@dataclass(frozen=True)
class Leg:
    """A part of a journey in one vehicle, or one walk."""

    mode: Mode
    start: Place
    end: Place
    departure: datetime
    arrival: datetime
    geometry: tuple[tuple[float, float], ...]
    """Longitude, latitude."""
    metres: float | None = None
    trip_id: str | None = None
    service_date: date | None = None
    line: Line | None = None
    headsign: str | None = None
    stay_seated: bool = False
    """The vehicle of the leg before goes on as this trip: nobody alights."""
    calls: tuple[Call, ...] = ()
    """Stops between boarding and alighting."""
    steps: tuple[Step, ...] = ()
    co2: int | None = None
    """Grams of CO2 equivalent for one traveller, by the dated factors of `co2_factors.toml`."""
    guaranteed: bool = False
    """The change before this ride is guaranteed: the vehicle waits (transfer_type 1)."""
    least_change: int = 0
    """Seconds from getting off the vehicle before to getting on this one that transfers.txt asks for."""
    change: Change | None = None
    """How safe the change to this ride is; None where there is none."""
    every: int | None = None
    """Seconds between vehicles, where it runs by frequency and not at this very minute."""
    wheelchair: str | None = None
    """``possible``, ``unknown`` or ``not_possible``: vehicle, boarding and alighting, or the walk."""
    bikes: str | None = None
    """Likewise for a bicycle aboard."""
    planned_departure: datetime | None = None
    """By the timetable, where live data say something else or confirm it; None: nothing is known."""
    planned_arrival: datetime | None = None
    canceled: bool = False
    added: bool = False
    """It is not in the timetable."""
    missed: bool = False
    """The vehicle leaves before one can be there: live data broke the change before it."""
    planned_platform: str | None = None
    """By the timetable, where the vehicle now leaves from another one."""
    alerts: tuple[str, ...] = ()
    """Ids of `Plan.alerts`."""
    place: str | None = None
    """Name of the car park or bicycle station where the leg ends (begins), if any."""
    place_id: str | None = None
    """Its id: ``source:id`` of a car park, ``system:id`` of a station."""
    available: int | None = None
    """Shared vehicles of the kind where the leg begins, as last said; None: nobody knows, or not that soon."""
    rented: Rented | None = None
    """The shared vehicle, if it is one."""
    taxi: Taken | None = None
    """The taxi, if it is one that is called."""
    pickup: str = "regular"
    """``regular``, ``phone`` (call the agency before) or ``driver`` (wave or ask)."""
    drop_off: str = "regular"
    """Likewise for alighting."""
    phone: str | None = None
    """Of the agency, where boarding or alighting needs a call."""
    booking: ToBook | None = None
    """How it is booked, where it runs only then."""
    lie: Lie | None = None
    """How high the way lies, on foot or by bicycle; None where that is not known."""


@dataclass(frozen=True)
class Journey:
    """One way to get there."""

    id: str
    """Opaque and lasting: names the rides, not the network."""
    departure: datetime
    arrival: datetime
    transfers: int
    legs: tuple[Leg, ...]
    labels: tuple[Label, ...] = ()
    priced: Priced | None = None
    """What it costs those who travel; None: nothing is sold, or no ride is paid for."""

    @property
    def rides(self) -> bool:
        """Whether any leg is by vehicle."""
        return any(leg.trip_id is not None or leg.mode in BOOKED_MODES for leg in self.legs)

    @property
    def walking(self) -> int:
        """Seconds on foot."""
        walks = (leg for leg in self.legs if leg.mode is Mode.WALK)
        return sum(int((leg.arrival - leg.departure).total_seconds()) for leg in walks)

    @property
    def climb(self) -> int | None:
        """Metres up on foot and by bicycle; None where a part of it is not known."""
        known = self._lies
        return None if known is None else sum(lie.climb for lie in known)

    @property
    def descent(self) -> int | None:
        """Metres down, likewise."""
        known = self._lies
        return None if known is None else sum(lie.descent for lie in known)

    @property
    def _lies(self) -> list[Lie] | None:
        lies = [leg.lie for leg in self.legs if leg.mode in OWN_STRENGTH]
        return None if None in lies else [lie for lie in lies if lie is not None]

    @property
    def co2(self) -> int | None:
        """Grams of CO2 equivalent for one traveller; None where a leg has no factor."""
        grams = [leg.co2 for leg in self.legs]
        return None if None in grams else sum(gram for gram in grams if gram is not None)


@dataclass(frozen=True)
class Brief:
    """A journey that is named but not described; its id does."""

    id: str
    departure: datetime
    arrival: datetime
    transfers: int
    lines: tuple[str, ...]
    left: Left
    like: str | None = None
    """Id of the described journey that takes the same way, or makes this one unnecessary."""
    cents: int | None = None
    """What it costs those who travel; None: not known of every ride."""


@dataclass(frozen=True)
class Suggestion:
    """One thing to change in the question, and the journey that is found then."""

    remedy: Remedy
    parameter: str
    """Of the API: what to change."""
    value: str | None
    """What to give instead; None: leave it out."""
    departure: datetime
    arrival: datetime
    transfers: int


@dataclass(frozen=True)
class NotNow:
    """An on-demand service that goes there but cannot be booked now, and what still is."""

    service_id: str
    name: str
    """Of its line."""
    reason: str
    """``full``, ``too_late``, ``not_yet``, ``never`` or ``outside_hours``."""
    phone: str | None = None
    url: str | None = None
    opens: datetime | None = None
    """It can be booked from then on."""
    until: datetime | None = None
    """It could be booked until then."""
    next_departure: datetime | None = None
    """The next pick-up that can be booked now."""


class Shortfall(StrEnum):
    """Why an answer may lack better journeys."""

    TIME = "time"
    """The time for computing was over."""
    CHEAPEST_BY_PLACES = "cheapest_by_places"
    """Places on the way are asked for: journeys that are cheap because of what was paid before are not looked for."""


@dataclass(frozen=True)
class Plan:
    """The answer to a request."""

    journeys: tuple[Journey, ...]
    network_version: str
    reason: Reason | None = None
    next_departure: datetime | None = None
    """When there is no journey by vehicle: the next one leaves then."""
    origin: End | None = field(default=None, compare=False)
    destination: End | None = field(default=None, compare=False)
    reason_about: str | None = None
    """Which parameter the reason is about: ``from``, ``to``, ``via``, ``at``, ..."""
    previous_departure: datetime | None = None
    """When there is no journey by vehicle: the last one before leaves then."""
    suggestions: tuple[Suggestion, ...] = ()
    direct: tuple[Journey, ...] = ()
    """By bicycle or car alone, where asked for; walking all the way is among the journeys."""
    more: tuple[Brief, ...] = ()
    """The other journeys of the time searched that no journey beats, in the order of their departure."""
    earlier: str | None = None
    """Cursor of the page before; None: nothing is before, as far as it was looked."""
    later: str | None = None
    searched: tuple[datetime, datetime] | None = None
    """All journeys that leave (with `arrive_by`: arrive) from the first to the second instant are in this answer."""
    short: Shortfall | None = None
    """Why there may be better journeys than these; None: there are none."""
    alerts: tuple[tuple[str, Alert], ...] = ()
    """What `Leg.alerts` names, by that id."""
    live_at: datetime | None = None
    """When the live data were put together that the answer knows of."""
    not_now: tuple[NotNow, ...] = ()
    """On-demand services that go there all the way but cannot be booked for this time."""

    @property
    def complete(self) -> bool:
        """Whether there are no better journeys."""
        return self.short is None


@dataclass(frozen=True)
class Pair:
    """A way there and a way back that go together."""

    out: str
    """Id of a journey there."""
    back: str
    """Id of a journey back."""
    stay: int
    """Seconds at the place."""


@dataclass(frozen=True)
class RoundTrip:
    """The answer to a question out and back."""

    out: Plan
    back: Plan
    pairs: tuple[Pair, ...]
    """For each journey there that one can return from, the first way back after the stay."""
    last_return: str | None
    """Id of the journey back that leaves last, of those that are home in time."""
