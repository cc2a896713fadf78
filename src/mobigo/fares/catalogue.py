"""The nouns of the catalogue: what is sold, to whom, for which rides, at what price and under which rules.

One `Catalogue` is one version: dated, complete in itself, never changed once something was sold from it. It takes its
words from GTFS Fares (version 2: leg, join and transfer rules; version 1: through fares) and adds what that has no
words for: distance scales, validity, passes, carnets, reductions, groups, caps, after-sales rules, channels, points of
sale.

Every id of a feed is ``source:id``. Money is in minor units (cents) of the catalogue's one currency. Times of day are
seconds of the clock's day, days are local; lengths are metres.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003  documents are read by these annotations
from enum import StrEnum
from typing import ClassVar

from mobigo.fares.model import RideKind  # noqa: TC001  documents are read by these annotations
from mobigo.kit.holidays import is_public_holiday

TRANSPORT_DAY = 4 * 3600
"""When a day of travel begins, seconds after midnight by the clock, where a product says nothing else."""


@dataclass(frozen=True)
class Words:
    """A name or sentence in the languages of those who read it."""

    fr: str
    en: str = ""
    """The French one where nothing is said."""

    def __post_init__(self) -> None:
        """Let no language be without words."""
        object.__setattr__(self, "en", self.en or self.fr)

    def of(self, language: str) -> str:
        """Return it in a language, French where that is none of ours."""
        return self.en if language == "en" else self.fr


# who runs and what runs


@dataclass(frozen=True)
class Operator:
    """A company whose rides are sold; shares of revenue are its."""

    id: str
    name: str
    agencies: tuple[str, ...] = ()
    """``source:agency_id``."""
    siret: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Network:
    """Rides that share fares: a ride is of it by its route, its agency, its feed or its kind (any of them)."""

    id: str
    name: Words | None = None
    routes: tuple[str, ...] = ()
    """``source:route_id``; of on-demand services and carpool lines their id."""
    agencies: tuple[str, ...] = ()
    """``source:agency_id``: all their routes by timetable."""
    sources: tuple[str, ...] = ()
    """Feeds: all their routes by timetable."""
    kinds: tuple[RideKind, ...] = ()
    """All rides of these kinds; with `RideKind.LINE`, everything that runs by timetable."""


@dataclass(frozen=True)
class Area:
    """A zone, a municipality or a station as a fare sees it."""

    id: str
    name: Words | None = None
    stops: tuple[str, ...] = ()
    """``source:stop_id``, sorted; platforms of its stations among them, unless they are of another area themselves."""


# who travels


class ProofKind(StrEnum):
    """How one shows to be of a category."""

    NONE = "none"
    AGE = "age"
    """A date of birth on an identity paper."""
    DOCUMENT = "document"
    """A card or certificate (student, job seeker, invalidity), looked at by staff and valid until a day."""


@dataclass(frozen=True)
class RiderCategory:
    """A kind of traveller."""

    id: str
    name: Words
    default: bool = False
    """The one that prices are shown for when nobody said who travels."""
    min_age: int | None = None
    max_age: int | None = None
    """Both inclusive, on the day of travel."""
    proof: ProofKind = ProofKind.NONE
    proof_text: Words | None = None
    url: str | None = None
    """Where the conditions are."""
    also: tuple[str, ...] = ()
    """Categories whose prices one of this category may pay too."""


# how and where it is sold


class MediumKind(StrEnum):
    """What a ticket is on; the first five as in GTFS, in its order."""

    NONE = "none"
    PAPER = "paper"
    CARD = "card"
    CEMV = "cemv"
    """A contactless bank card."""
    APP = "app"


@dataclass(frozen=True)
class Medium:
    """What holds tickets."""

    id: str
    kind: MediumKind
    name: Words | None = None


class Channel(StrEnum):
    """Where something is bought."""

    WEB = "web"
    APP = "app"
    DESK = "desk"
    """A counter or the telephone."""
    DRIVER = "driver"
    MACHINE = "machine"
    RETAILER = "retailer"
    TAP = "tap"
    """A bank card held to the validator."""


@dataclass(frozen=True)
class SalesPoint:
    """A place where tickets are sold."""

    id: str
    name: str
    lon: float
    lat: float
    channel: Channel
    address: str = ""
    municipality: str = ""
    hours: str = ""
    """In the words of OpenStreetMap's ``opening_hours``."""
    phone: str | None = None
    url: str | None = None
    stop: str | None = None
    """``source:stop_id`` where it is at one."""
    products: tuple[str, ...] = ()
    """Empty: all that its channel sells."""
    wheelchair: bool | None = None


# when


@dataclass(frozen=True)
class Days:
    """A set of days: of a week between two dates, and single days in or out."""

    id: str
    weekdays: tuple[int, ...] = ()
    """0 is Monday."""
    first: date | None = None
    last: date | None = None
    """Both inclusive; None: no bound."""
    holidays: bool | None = None
    """True: public holidays are of the set, False: they are not, None: they are as any day."""
    added: tuple[date, ...] = ()
    removed: tuple[date, ...] = ()
    """Single days say the last word."""

    def holds(self, day: date) -> bool:
        """Whether a day is of the set."""
        if day in self.added or day in self.removed:
            return day in self.added
        if (self.first is not None and day < self.first) or (self.last is not None and day > self.last):
            return False
        if self.holidays is not None and is_public_holiday(day):
            return self.holidays
        return day.weekday() in self.weekdays


@dataclass(frozen=True)
class TimeSpan:
    """Hours of some days: from ``start`` to before ``end`` by the clock of the stop."""

    days: str
    """Id of `Days`."""
    start: int = 0
    end: int = 24 * 3600


@dataclass(frozen=True)
class Timeframe:
    """When a rule applies: any of its spans."""

    id: str
    spans: tuple[TimeSpan, ...]


# what it costs


@dataclass(frozen=True)
class DistanceBand:
    """A piece of a distance scale: up to and including ``up_to`` metres."""

    cents: int
    up_to: int | None = None
    """None: any distance; the last band only."""
    millicents_per_km: int = 0
    """Added for the whole distance, thousandths of a cent per kilometre."""


@dataclass(frozen=True)
class DistanceScale:
    """A price by distance: of the first band that reaches it, rounded to a step."""

    id: str
    bands: tuple[DistanceBand, ...]
    """By distance."""
    step: int = 1
    """Cents that a price is a multiple of; halves go up."""
    minimum: int = 0
    """Cents."""


@dataclass(frozen=True)
class PriceRow:
    """What a product costs a category on a medium, on the days of travel from ``since`` to ``until``."""

    cents: int | None = None
    """Below zero only for products of transfers; exactly one of this and ``scale``."""
    scale: str | None = None
    """Id of a `DistanceScale`: cents by the metres of the rides covered."""
    category: str | None = None
    """None: of any category."""
    medium: str | None = None
    """None: on any medium."""
    since: date | None = None
    until: date | None = None
    """Both inclusive, of the day of travel (of a pass its first day); None: no bound."""


class ProductKind(StrEnum):
    """What is bought."""

    SINGLE = "single"
    CARNET = "carnet"
    """A number of rides."""
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    PASS = "pass"  # noqa: S105  a kind of ticket
    """Any other time."""
    REDUCTION_CARD = "reduction_card"
    """Covers no ride; its `Reduction` makes others cheaper."""
    GROUP = "group"
    """For several who travel together; ``fellows`` says how many."""
    CARPOOL = "carpool"
    ON_DEMAND = "on_demand"
    TRANSFER = "transfer"
    """A supplement or rebate of a `TransferRule`; not sold by itself."""


class ValidityMode(StrEnum):
    """What a validity is counted from."""

    TRIP = "trip"
    """Of the rides it was bought for."""
    FIXED = "fixed"
    """The calendar's day, week, month or year that holds the day chosen, or ``first`` to ``last``."""
    ROLLING = "rolling"
    """From the day or instant chosen when it was bought."""
    FIRST_USE = "first_use"
    """From the first validation."""


class Moment(StrEnum):
    """What of a ride must happen before a validity ends."""

    BOARDING = "boarding"
    ALIGHTING = "alighting"


class Unit(StrEnum):
    """What a validity is counted in."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Validity:
    """How long a product holds (`fares.validity.span` makes instants of it)."""

    mode: ValidityMode = ValidityMode.TRIP
    count: int = 1
    unit: Unit = Unit.DAY
    day_starts: int = TRANSPORT_DAY
    """When its days begin, seconds after midnight by the clock."""
    ends: Moment = Moment.BOARDING
    first: date | None = None
    last: date | None = None
    """Of a season or an event (mode fixed): exactly these days, both inclusive."""


class Choice(StrEnum):
    """What the buyer of a product chooses of its areas."""

    NOTHING = "nothing"
    AREAS = "areas"
    """``Coverage.areas_chosen`` of the areas; rides within them are covered."""
    PAIR = "pair"
    """Two areas; rides between them, both ways, and between stops of either."""


@dataclass(frozen=True)
class Coverage:
    """Rides that a product covers of itself, whatever the leg rules say. Every condition must hold."""

    networks: tuple[str, ...] = ()
    """Any of; empty: all."""
    kinds: tuple[RideKind, ...] = ()
    """Any of; empty: all."""
    areas: tuple[str, ...] = ()
    """Both ends lie in any of; empty: anywhere."""
    choice: Choice = Choice.NOTHING
    areas_chosen: int = 0
    timeframe: str | None = None
    """Boarding in it; None: at any time."""
    max_metres: int | None = None
    """Of one ride."""


@dataclass(frozen=True)
class Product:
    """Something that is sold, or that a transfer rule speaks of."""

    id: str
    name: Words
    kind: ProductKind
    prices: tuple[PriceRow, ...]
    """The row that fits best counts: of the category before of any, of the medium before of any."""
    validity: Validity = Validity()
    rides: int | None = None
    """How many rides of one traveller it is good for (a carnet); None: a single's one, of all others without limit."""
    covers: Coverage | None = None
    """None: only what leg rules, through fares or transfer rules name it for."""
    min_fellows: int = 1
    max_fellows: int = 1
    """How many travel on one; its price is that of all of them together."""
    operator: str | None = None
    """Who sells it, where it is one operator's."""
    media: tuple[str, ...] = ()
    """Empty: any."""
    channels: tuple[Channel, ...] = ()
    """Empty: any."""
    vat_permille: int = 100
    """Within the price."""
    after_sales: str | None = None
    """Id of `AfterSales`; None: neither refunded nor exchanged."""
    personal: bool = False
    """Bound to one named person."""
    with_journey: bool = True
    """Whether it is offered as the way to pay for a journey; a month's pass is not."""
    sold_from: date | None = None
    sold_until: date | None = None
    """Both inclusive, of the day of the sale."""
    conditions: Words | None = None


@dataclass(frozen=True)
class Reduction:
    """Makes products cheaper: for holders of a card, for groups, for a time. Of several the best counts, never two."""

    id: str
    name: Words
    permille: int
    """Off the price."""
    card: str | None = None
    """Product that one of the travellers must hold; None: for everybody."""
    companions: int = 0
    """How many others who travel with the holder get it too."""
    min_fellows: int = 1
    """Of how many at least must travel together."""
    categories: tuple[str, ...] = ()
    """Of travellers who get it; empty: all."""
    products: tuple[str, ...] = ()
    """That become cheaper; empty: all singles."""
    networks: tuple[str, ...] = ()
    kinds: tuple[RideKind, ...] = ()
    timeframe: str | None = None
    """Boarding of the first ride in it; None: at any time."""
    step: int = 1
    """Cents that the reduced price is a multiple of; halves go up."""


class CapPeriod(StrEnum):
    """Over which time spending is capped."""

    DAY = "day"
    WEEK = "week"
    """Monday to Sunday."""
    MONTH = "month"
    """Of the calendar."""
    ROLLING_WEEK = "rolling_week"
    """Any seven days."""
    ROLLING_MONTH = "rolling_month"
    """Any thirty days."""


@dataclass(frozen=True)
class Cap:
    """The most that is charged afterwards for the rides of a period."""

    id: str
    name: Words
    period: CapPeriod
    prices: tuple[PriceRow, ...]
    """By category; no scale."""
    covers: Coverage = Coverage()
    media: tuple[str, ...] = ()
    """Empty: any."""
    day_starts: int = TRANSPORT_DAY


# after the sale


class Partly(StrEnum):
    """What is given back of something used in part."""

    NOTHING = "nothing"
    RIDES_LEFT = "rides_left"
    """The share of the rides not used."""
    DAYS_LEFT = "days_left"
    """The share of the days not begun."""
    MONTHS_LEFT = "months_left"
    """The share of the months not begun."""


@dataclass(frozen=True)
class AfterSalesStep:
    """What is kept when one comes in time: the first step whose limit still holds counts."""

    until_seconds: int | None = None
    """At the latest so long before the validity begins (below zero: after it); None: as long as it is valid."""
    fee: int = 0
    """Cents kept."""
    kept_permille: int = 0
    """Of the price, kept besides; together never more than the price."""


@dataclass(frozen=True)
class AfterSales:
    """Whether and how something sold is refunded or exchanged."""

    id: str
    refunds: tuple[AfterSalesStep, ...] = ()
    """By time, the earliest limit first; empty: never."""
    exchanges: tuple[AfterSalesStep, ...] = ()
    partly: Partly = Partly.NOTHING
    text: Words | None = None


# which product for which ride


@dataclass(frozen=True)
class LegRule:
    """A product that a ride (or rides joined into one) may be travelled with (``fare_leg_rules.txt``)."""

    product: str
    group: str | None = None
    """Leg group that transfer rules speak of."""
    network: str | None = None
    from_area: str | None = None
    to_area: str | None = None
    from_timeframe: str | None = None
    to_timeframe: str | None = None
    priority: int = 0


@dataclass(frozen=True)
class JoinRule:
    """Two rides one after the other that count as one (``fare_leg_join_rules.txt``)."""

    from_network: str | None = None
    to_network: str | None = None
    from_stop: str | None = None
    to_stop: str | None = None
    """Stops or stations; both None: one changes within one stop or station."""


class LimitKind(StrEnum):
    """What the time limit of a transfer is measured between; in the order of GTFS (0 to 3)."""

    DEPARTURE_TO_ARRIVAL = "departure_to_arrival"
    """Of the first ride's departure and the last ride's arrival."""
    DEPARTURE_TO_DEPARTURE = "departure_to_departure"
    ARRIVAL_TO_DEPARTURE = "arrival_to_departure"
    ARRIVAL_TO_ARRIVAL = "arrival_to_arrival"


class TransferKind(StrEnum):
    """What a transfer costs; in the order of GTFS (0 to 2). A, B: the legs; AB: the rule's own product."""

    FROM_AND_RULE = "from_and_rule"
    """A + AB."""
    FROM_RULE_AND_TO = "from_rule_and_to"
    """A + AB + B."""
    RULE = "rule"
    """AB."""


@dataclass(frozen=True)
class TransferRule:
    """What changing from one leg group to another costs, in this direction only (``fare_transfer_rules.txt``)."""

    kind: TransferKind
    from_group: str | None = None
    to_group: str | None = None
    """None: every leg group that no rule of the tariff names on this side."""
    count: int | None = None
    """How many transfers in a row; -1: without limit; None: where the groups differ."""
    seconds: int | None = None
    limit: LimitKind | None = None
    """There exactly when ``seconds`` is."""
    product: str | None = None
    """AB; None: free."""


@dataclass(frozen=True)
class ThroughRow:
    """One row of a through fare: rides of a route, from a zone, to a zone, through exactly these zones."""

    route: str | None = None
    from_area: str | None = None
    to_area: str | None = None
    contains: tuple[str, ...] = ()
    """Areas, sorted; the rides' stops lie in all of them and in no other zone; empty: wherever they run."""


@dataclass(frozen=True)
class ThroughFare:
    """A product for a chain of rides (``fare_attributes.txt`` and ``fare_rules.txt``).

    It holds for rides one after the other when some rows' zones match the whole chain (empty matches all) and each
    ride's route is in one of those rows; without rows wherever its agency runs.
    """

    product: str
    agency: str | None = None
    """``source:agency_id``: of every ride; None: any of the tariff's feeds."""
    rows: tuple[ThroughRow, ...] = ()
    transfers: int | None = None
    """None: as many as one likes."""
    seconds: int | None = None
    """From the first boarding to the last boarding; None: no limit."""
    paid_on_board: bool = True


@dataclass(frozen=True)
class Tariff:
    """Rules of one author, that speak of the rides of some feeds."""

    id: str
    timezone: str
    """Of timeframes, where a stop has none of its own."""
    sources: tuple[str, ...] = ()
    """Feeds whose rides by timetable it speaks of (of all other kinds: by `Network`); empty: all."""
    priorities: bool = False
    """Whether rules are ranked by ``priority``: then an empty field of a `LegRule` matches everything. If not, an empty
    network or area matches only those that no rule of the tariff names in that field (also none at all)."""
    legs: tuple[LegRule, ...] = ()
    joins: tuple[JoinRule, ...] = ()
    transfers: tuple[TransferRule, ...] = ()
    throughs: tuple[ThroughFare, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """One version of all that is sold."""

    __pydantic_config__: ClassVar = {"extra": "forbid", "use_attribute_docstrings": True}
    """Documents with words that are not here are refused, and described by what stands here (`fares.document`)."""

    id: str
    """Of the series of versions: ``region``, or the feed it was imported from."""
    version: int
    """No two versions have the same, of whatever series; 0: not kept yet."""
    name: Words
    valid_from: date
    """First day of sale; it ends where the next version begins."""
    currency: str = "EUR"
    timezone: str = "Europe/Paris"
    demonstration: bool = False
    """Prices are examples; whoever shows them says so."""
    operators: tuple[Operator, ...] = ()
    networks: tuple[Network, ...] = ()
    areas: tuple[Area, ...] = ()
    categories: tuple[RiderCategory, ...] = ()
    media: tuple[Medium, ...] = ()
    days: tuple[Days, ...] = ()
    timeframes: tuple[Timeframe, ...] = ()
    scales: tuple[DistanceScale, ...] = ()
    after_sales: tuple[AfterSales, ...] = ()
    products: tuple[Product, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    caps: tuple[Cap, ...] = ()
    tariffs: tuple[Tariff, ...] = ()
    sales_points: tuple[SalesPoint, ...] = ()
