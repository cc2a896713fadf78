"""The documents of Standard Covoiturage, as they are read and written.

What others send may hold more than the standard names, and is read as far as it is understood; what we write holds no
more than it names.

References
----------
fabmob/standard-covoiturage, ``standard-covoiturage_openapi.yaml``, version 0.0.1.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from mobigo.carpool.model import BookingState
from mobigo.kit.geo import Point

FARTHEST = 4_102_444_800
"""Seconds since 1970: nobody books for the year 2100."""

ORDER = (
    BookingState.WAITING_CONFIRMATION,
    BookingState.CONFIRMED,
    BookingState.COMPLETED_PENDING_VALIDATION,
    BookingState.VALIDATED,
    BookingState.CANCELLED,
)
"""In which a status follows another; some may be skipped, none comes before one that was said already."""

DOMAIN = re.compile(r"(?=.{3,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
"""A domain name of at least two labels, in small letters."""


def later(one: BookingState, other: BookingState) -> BookingState:
    """Return the one of two that comes later in the order of the standard."""
    return max(one, other, key=ORDER.index)


def _read_uuid(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no UUID; write it like 52e8b3c0-3a4c-4a1c-9d4b-2f5a1f0c9b7e")  # noqa: TRY004 - for pydantic
    return str(UUID(value))


Uuid = Annotated[str, BeforeValidator(_read_uuid)]
"""In its usual spelling: two spellings of one are one."""

Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
Link = Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[^\x00]*$")]
Lat = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
Lng = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=FARTHEST, allow_inf_nan=False)]


class Document(BaseModel):
    """A document with the standard's names outside, ours inside."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class User(Document):
    """Somebody, as an operator knows them."""

    id: Id
    operator: Annotated[str, StringConstraints(min_length=1, max_length=253, to_lower=True, pattern=r"^[^\x00]+$")]
    """Domain name."""
    alias: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
    first_name: Text | None = None
    last_name: Text | None = None
    grade: Annotated[int, Field(ge=1, le=5)] | None = None
    picture: Link | None = None
    gender: Literal["F", "M", "O"] | None = None
    verified_identity: bool | None = None


class Price(Document):
    """What a passenger pays."""

    type: Literal["FREE", "PAYING", "UNKNOWN"] | None = None
    amount: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] | None = None
    """Of the currency, not of its hundredths."""
    currency: Annotated[str, StringConstraints(max_length=10, pattern=r"^[A-Za-z]*$")] | None = None


class Car(Document):
    """A car."""

    model: Text | None = None
    brand: Text | None = None


class Ends(Document):
    """Where and when a passenger gets on and off."""

    passenger_pickup_date: Seconds
    passenger_pickup_lat: Lat
    passenger_pickup_lng: Lng
    passenger_drop_lat: Lat
    passenger_drop_lng: Lng
    passenger_pickup_address: Text | None = None
    passenger_drop_address: Text | None = None
    distance: Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)] | None = None
    """Metres."""
    duration: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)] | None = None
    """Seconds."""
    web_url: Link | None = None

    @property
    def pickup(self) -> Point:
        """Where they get on."""
        return Point(self.passenger_pickup_lng, self.passenger_pickup_lat)

    @property
    def drop(self) -> Point:
        """Where they get off."""
        return Point(self.passenger_drop_lng, self.passenger_drop_lat)

    @property
    def pickup_at(self) -> datetime:
        """When they get on."""
        return datetime.fromtimestamp(self.passenger_pickup_date, UTC)


class Booking(Ends):
    """A booking that two operators know."""

    id: Uuid
    driver: User
    passenger: User
    status: BookingState
    price: Price
    car: Car | None = None
    driver_journey_id: Id | None = None
    passenger_journey_id: Id | None = None

    @property
    def seats(self) -> int:
        """How many seats are booked: the standard knows no number, so it is one."""
        return 1


class Journey(Ends):
    """A journey of another operator's driver, as far as we show it."""

    id: Id | None = None
    driver: User
    driver_departure_date: Seconds | None = None
    type: Literal["PLANNED", "DYNAMIC", "LINE"] = "PLANNED"
    available_seats: Annotated[int, Field(ge=0, le=100)] | None = None
    price: Price | None = None
    car: Car | None = None
    departure_to_pickup_walking_duration: Annotated[float, Field(ge=0, le=86_400)] | None = None
    dropoff_to_arrival_walking_duration: Annotated[float, Field(ge=0, le=86_400)] | None = None

    @property
    def cents(self) -> int | None:
        """What one pays for a seat; None: nobody knows, or in another currency."""
        price = self.price
        if price is None or price.type in {None, "UNKNOWN"}:
            return None
        if price.type == "FREE":
            return 0
        if price.amount is None or (price.currency or "EUR").upper() != "EUR":
            return None
        return round(price.amount * 100)


class Message(Document):
    """A message from one operator's user to another's."""

    from_: User = Field(alias="from")
    to: User
    message: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
    recipient_carpooler_type: Literal["DRIVER", "PASSENGER"]
    driver_journey_id: Id | None = None
    passenger_journey_id: Id | None = None
    journey_id: Id | None = None
    """As the standard called it before."""
    booking_id: Uuid | None = None


class CarpoolBooking(Ends):
    """A booking that somebody made on another platform, as an event tells it."""

    id: Id
    status: BookingState
    web_url: Link
    driver: User | None = None
    passenger: User | None = None
    price: Price | None = None
    car: Car | None = None


class BookingEvent(Document):
    """Something that happened to a booking of somebody whom two platforms know."""

    id: Uuid
    id_token: Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"^[!-~]+$")]
    data: CarpoolBooking


def write(document: Document) -> dict[str, Any]:
    """Write a document, leaving out what it does not say; whole numbers as such."""
    told: dict[str, Any] = _plain(document.model_dump(mode="json", by_alias=True, exclude_none=True))
    return told


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
