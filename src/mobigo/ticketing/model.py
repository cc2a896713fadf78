"""The nouns of orders. Money is whole cents, VAT included; instants are aware; ids are those of fares and feeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from mobigo.fares.model import FareRide


class OrderState(StrEnum):
    """What has become of an order."""

    HELD = "held"
    """Places are kept until its time is over; nobody has begun to pay."""
    PAYING = "paying"
    PAID = "paid"
    """The money is there, the tickets not yet."""
    ISSUED = "issued"
    ENDED = "ended"
    """Nothing of it is good any more: refunded or exchanged, every part."""
    CANCELLED = "cancelled"
    """Given up before it was paid."""
    EXPIRED = "expired"
    COMPENSATING = "compensating"
    """Paid, but it cannot be issued: the money is on its way back."""
    COMPENSATED = "compensated"


class PartState(StrEnum):
    """What has become of a part of an order, in OSDM's words (`osdm`)."""

    ON_HOLD = "on_hold"
    CONFIRMED = "confirmed"
    FULFILLED = "fulfilled"
    RELEASED = "released"
    REFUND_ONGOING = "refund_ongoing"
    REFUNDED = "refunded"
    EXCHANGE_ONGOING = "exchange_ongoing"
    EXCHANGED = "exchanged"
    ERROR = "error"


class PartKind(StrEnum):
    """What a part is."""

    ADMISSION = "admission"
    """A product of the catalogue: a ticket is issued for it."""
    ON_DEMAND = "on_demand"
    """A ride at its service's own price; its booking is the ticket."""
    CARPOOL = "carpool"
    """A place in a car, likewise."""


@dataclass(frozen=True)
class OfferRide:
    """A ride that an offer is for."""

    ride: FareRide
    alone: int
    """Cents it would cost by itself, for shares by stand-alone price; 0 where that has no price."""
    quote: str | None = None
    """Of the service that books it."""


@dataclass(frozen=True)
class OfferPart:
    """Something that is bought."""

    kind: PartKind
    product: str
    version: int
    """Of the catalogue; 0 of rides at their service's own price."""
    category: str
    fellows: int
    """How many travel on it."""
    cents: int
    vat_permille: int
    valid_from: datetime | None
    valid_until: datetime | None
    rides: tuple[int, ...]
    """Indices of the offer's rides that it pays for; none of a pass."""
    areas: tuple[str, ...] = ()
    """Chosen by the buyer."""
    medium: str | None = None
    rests_on: int | None = None
    """Index of the offer's part that a rebate in its price was granted for; None: without a rebate."""
    rebate: int = 0
    """Cents that its price is lower for that."""


@dataclass(frozen=True)
class Offer:
    """What somebody can buy, as it was priced."""

    version: int
    """Of the catalogue; 0: none was needed."""
    currency: str
    parts: tuple[OfferPart, ...]
    rides: tuple[OfferRide, ...]
    until: datetime

    @property
    def cents(self) -> int:
        """What it costs."""
        return sum(part.cents for part in self.parts)


@dataclass(frozen=True)
class Contact:
    """Who buys, as far as they want to say."""

    name: str = ""
    phone: str | None = None
    email: str | None = None
    language: str = "fr"


@dataclass(frozen=True)
class Ride:
    """A ride of an order."""

    number: int
    kind: str
    agency: str
    route: str
    board: str | None
    alight: str | None
    departure: datetime
    arrival: datetime
    service_date: date
    trip: str | None
    metres: int
    alone: int
    booking: str | None = None
    """Id of the on-demand ride, or of the place in a car."""


@dataclass(frozen=True)
class Part:
    """A part of an order."""

    id: str
    order: str
    number: int
    kind: PartKind
    state: PartState
    version: int
    product: str
    category: str
    fellows: int
    cents: int
    vat_permille: int
    vat: int
    """Cents of it that are the state's."""
    valid_from: datetime | None
    valid_until: datetime | None
    rides: tuple[int, ...]
    areas: tuple[str, ...] = ()
    medium: str | None = None
    ticket: str | None = None
    split: Mapping[str, Any] = field(default_factory=dict)
    """By operator: rides, metres and stand-alone cents of its own rides; empty of what is known by validations only."""
    earn_from: date | None = None
    """First day on which its revenue is earned; None: not issued."""
    earn_days: int | None = None
    earned: int = 0
    """Cents without VAT."""
    given_back: int = 0
    """Cents paid back, or put towards something else."""
    rests_on: int | None = None
    """Number of the part that a rebate in its price was granted for; None: without a rebate."""
    rebate: int = 0
    """Cents that its price is lower for that."""

    @property
    def net(self) -> int:
        """Cents without VAT."""
        return self.cents - self.vat


@dataclass(frozen=True)
class Order:
    """What somebody buys."""

    id: str
    """Unguessable: who has it may see and change the order."""
    reference: str
    """Six signs to read aloud."""
    state: OrderState
    version: int
    currency: str
    cents: int
    credit: int
    """Cents brought along from what is exchanged for it."""
    cash: int
    """Cents paid at a desk."""
    channel: str
    account: str | None
    contact: Contact | None
    until: datetime
    """Not paid by then, its places are free again."""
    attempts: int
    """At issuing."""
    booking: str | None
    """Of its on-demand rides."""
    exchanges: str | None
    """Order whose parts are exchanged for this one."""
    problem: str | None
    by: str
    created_at: datetime
    parts: tuple[Part, ...] = ()
    rides: tuple[Ride, ...] = ()

    @property
    def due(self) -> int:
        """Cents that are still asked for."""
        return max(0, self.cents - self.credit - self.cash)


@dataclass(frozen=True)
class Step:
    """Something that happened to an order."""

    at: datetime
    part: str | None
    what: str
    before: str | None
    after: str | None
    by: str
    details: Mapping[str, Any]
