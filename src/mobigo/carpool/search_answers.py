"""Places in cars as the API describes them."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from mobigo.carpool import quotes
from mobigo.carpool.quotes import Spot
from mobigo.carpool.search import Option
from mobigo.street.drives import Drives

ZONE = ZoneInfo("Europe/Paris")
"""Of hours, while no network says its own."""


class PlaceAnswer(BaseModel):
    """Where one gets on or off."""

    name: str
    lat: float
    lon: float
    stop_id: int | None = Field(description="Stop of the run; null: the car would stop there for this passenger")
    walk_seconds: int = Field(description="Between the door and it")
    at: datetime


class OfferAnswer(BaseModel):
    """A place in a car."""

    run_id: str
    line_id: str | None = Field(description="Null: on no carpool line")
    direction: int | None
    confirmation: Literal["instant", "driver"] = Field(description="Who books has it at once, or the driver answers")
    spontaneous: bool
    driving: bool = Field(description="The car is on its way")
    departure: datetime = Field(description="From the door")
    arrival: datetime = Field(description="At the other door")
    pickup: PlaceAnswer
    drop_off: PlaceAnswer
    walk_seconds: int
    detour_seconds: int = Field(description="That the driver arrives later for it")
    metres: int | None = Field(description="By road, from where one gets on to where one gets off")
    seats: int
    seats_left: int = Field(description="When one has got on")
    price_cents: int = Field(description="For all seats, whatever the distance")
    co2: int | None = Field(description="Grams of CO2 equivalent of one passenger: the car's, shared by who sits in it")
    quote: str = Field(description="What `POST /v1/carpool/bookings` takes")
    quote_expires: datetime


def describe_offer(one: Option, drives: Drives, key: bytes, now: int, zone: ZoneInfo) -> OfferAnswer:
    """Describe a place in a car, with its quote."""
    offer, run = one.offer, one.car.run
    metres = int(drives.metres([offer.board.point], [offer.alight.point])[0, 0])

    def local(instant: int) -> datetime:
        return datetime.fromtimestamp(instant, zone)

    def place(spot: Spot, walk: int, at: int) -> PlaceAnswer:
        return PlaceAnswer(
            name=spot.name,
            lat=spot.point.lat,
            lon=spot.point.lon,
            stop_id=spot.stop,
            walk_seconds=walk,
            at=local(at),
        )

    return OfferAnswer(
        run_id=run.id,
        line_id=run.line,
        direction=run.direction,
        confirmation="instant" if offer.instant else "driver",
        spontaneous=run.spontaneous,
        driving=run.started_at is not None,
        departure=local(one.departure),
        arrival=local(one.arrival),
        pickup=place(offer.board, one.board.walk, offer.board_at),
        drop_off=place(offer.alight, one.alight.walk, offer.alight_at),
        walk_seconds=one.walk,
        detour_seconds=one.detour,
        metres=metres if metres >= 0 else None,
        seats=offer.seats,
        seats_left=run.seats - one.others - offer.seats,
        price_cents=offer.cents,
        co2=one.grams(metres) if metres >= 0 else None,
        quote=quotes.sign(key, offer, now),
        quote_expires=local(quotes.expires(offer, now)),
    )
