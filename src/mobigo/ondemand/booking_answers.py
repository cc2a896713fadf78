"""What the booking routes read and answer: bodies and models, and bookings written as them."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from mobigo.kit.errors import InvalidInput
from mobigo.kit.sealed import LONGEST
from mobigo.ondemand import quotes
from mobigo.ondemand.model import BookedLeg, Booking, Contact, Party, PinSide, Spot, State
from mobigo.ondemand.service import MOST_RIDES
from mobigo.ondemand.states import ACTIVE
from mobigo.ondemand.store import instant, moment
from mobigo.ondemand.supply import Decline, Declined, Offered, Supply

MOST_OF_ANYTHING = 50
"""Of a party: more than any vehicle holds."""

Count = Annotated[int, Field(ge=0, le=MOST_OF_ANYTHING)]
Quote = Annotated[str, Field(min_length=1, max_length=LONGEST)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^/\x00]+$")]
Line = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class PlaceBody(BaseModel):
    """A stop by its id, or a point with the name that people give it."""

    stop_id: Id | None = Field(None, description="Of the timetable or of a service", examples=["demo:laumes"])
    lat: float | None = Field(None, ge=-90, le=90)
    lon: float | None = Field(None, ge=-180, le=180)
    name: Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f]*$")] | None = Field(
        None, examples=["12 rue de la Fontaine, Alise"]
    )


class PartyBody(BaseModel):
    """Who travels, and with what."""

    adults: Count = 1
    companions: Count = Field(0, description="Of somebody with reduced mobility")
    children: Count = Field(0, description="With a child seat each")
    wheelchairs: Count = Field(0, description="Of the adults, those who stay in their wheelchair")
    luggage: Count = 0
    bicycles: Count = 0

    def read(self) -> Party:
        """Return the party.

        Raises
        ------
        InvalidInput
            When nobody travels, or more wheelchairs than adults.
        """
        party = Party(**self.model_dump())
        if not party.persons:
            raise InvalidInput("nobody travels; say how many adults, companions or children do", code="invalid_party")
        if party.wheelchairs > party.adults:
            raise InvalidInput(
                f"{party.wheelchairs} wheelchairs for {party.adults} adults; count each user as an adult",
                code="invalid_party",
            )
        return party


class QuotesBody(BaseModel):
    """A ride that somebody would book."""

    from_: PlaceBody = Field(alias="from")
    to: PlaceBody
    at: datetime | None = Field(None, description="With an offset from UTC; now, unless told")
    arrive_by: bool = Field(default=False, description="Be there by `at` instead of being ready from it on")
    within_minutes: int = Field(default=120, ge=0, le=1440, description="How much later (earlier) suits too")
    party: PartyBody = PartyBody()
    service_id: Id | None = Field(None, description="This service only")


class ContactBody(BaseModel):
    """How the traveller is reached."""

    name: Annotated[str, StringConstraints(max_length=200)] = Field(examples=["Camille Martin"])
    phone: Annotated[str, StringConstraints(max_length=50)] | None = Field(None, examples=["06 12 34 56 78"])
    email: Annotated[str, StringConstraints(max_length=300)] | None = Field(None, examples=["camille@example.org"])
    language: Literal["fr", "en"] = "fr"


Rides = Annotated[list[Quote], Field(min_length=1, max_length=MOST_RIDES)]


class BookingBody(BaseModel):
    """Rides that are booked together: all of them, or none."""

    quotes: Rides = Field(description="As they were offered; of a journey, all of its on-demand rides")
    return_quotes: Annotated[list[Quote], Field(max_length=MOST_RIDES)] = Field(
        default_factory=list, description="The way back: a booking of its own, made with the other or not at all"
    )
    contact: ContactBody | None = Field(None, description="Who travels; of a hold it may be said when it is confirmed")
    note: Line = Field("", description="For the driver", examples=["blue gate"])
    journey: Annotated[str, StringConstraints(max_length=50_000, pattern=r"^[^\x00]*$")] | None = Field(
        None, description="Id of the journey that the rides are part of"
    )
    hold: bool = Field(default=False, description="Keep the places for some minutes, to be confirmed")


class ConfirmBody(BaseModel):
    """Who travels, where it has not been said yet."""

    contact: ContactBody | None = None


class ChangeBody(BaseModel):
    """Rides that replace others of the booking."""

    quotes: Rides
    legs: Annotated[list[Id], Field(min_length=1, max_length=MOST_RIDES)] | None = Field(
        None, description="Ids of the rides that are given up; all that have not begun, unless told"
    )
    waive_penalty: bool = Field(default=False, description="Staff only")


class CancelBody(BaseModel):
    """Rides that are given up."""

    legs: Annotated[list[Id], Field(min_length=1, max_length=MOST_RIDES)] | None = Field(
        None, description="All that wait, unless told"
    )
    by: Literal["user", "operator"] = Field("user", description="`operator`: staff only; what was paid is refunded")
    reason: Line = ""
    waive_penalty: bool = Field(default=False, description="Staff only")


class StateBody(BaseModel):
    """What has become of a ride."""

    state: Literal["confirmed", "assigned", "en_route", "arrived", "on_board", "completed", "no_show"]
    at: datetime | None = Field(
        None, description="When it happened, with an offset from UTC; now, unless told: a sheet may have been offline"
    )


class PardonBody(BaseModel):
    """Why an absence is pardoned."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class SpotAnswer(BaseModel):
    """Where somebody gets on or off."""

    name: str
    lat: float
    lon: float
    stop_id: str | None


class OfferAnswer(BaseModel):
    """A ride that can be booked now."""

    quote: str = Field(description="Send it back to book this ride")
    quote_expires: datetime
    service_id: str
    service_name: str
    operator: str | None
    origin: SpotAnswer
    destination: SpotAnswer
    pickup_from: datetime = Field(description="Be ready then")
    pickup_until: datetime = Field(description="The vehicle comes by then")
    arrive_by: datetime
    planned_pickup: datetime = Field(description="As it would be planned now; only the promise above holds")
    planned_arrival: datetime
    opens: datetime | None = Field(description="Since when it can be booked; null: since ever")
    bookable_until: datetime
    price_cents: int | None = Field(description="For the whole party; null: free or unknown")


class DeclinedAnswer(BaseModel):
    """A ride that is not offered, and what still is."""

    service_id: str | None
    reason: Decline
    opens: datetime | None = Field(description="From when it can be booked")
    bookable_until: datetime | None = Field(description="Until when it could be booked")
    phone: str | None
    url: str | None
    message: str | None


class OfferElsewhere(BaseModel):
    """A ride that can be booked, but not here."""

    service_id: str
    how: Literal["phone", "web"]
    pickup_from: datetime
    pickup_until: datetime
    arrive_by: datetime
    bookable_until: datetime
    phone: str | None
    url: str | None
    message: str | None


class QuotesAnswer(BaseModel):
    """What can be booked now, and what cannot."""

    offers: list[OfferAnswer]
    elsewhere: list[DeclinedAnswer | OfferElsewhere] = Field(
        description="Rides that are booked by telephone or on another page, and those that are not offered"
    )


class PinAnswer(BaseModel):
    """The train or coach that a ride is pinned to."""

    side: PinSide = Field(description="`before`: the ride feeds its departure; `after`: the ride meets its arrival")
    trip_id: str
    service_date: date
    stop_id: str
    at: datetime


class VehicleAnswer(BaseModel):
    """Who comes."""

    id: str
    name: str


class LegAnswer(BaseModel):
    """A booked ride."""

    id: str
    state: State
    service_id: str
    service_name: str
    operator: str
    origin: SpotAnswer
    destination: SpotAnswer
    pickup_from: datetime = Field(description="Promised: be ready then")
    pickup_until: datetime = Field(description="Promised: the vehicle comes by then")
    arrive_by: datetime = Field(description="Promised")
    shifted_seconds: int = Field(description="By how much these have moved since, for a late train")
    planned_pickup: datetime | None = Field(description="As planned now; null where the ride has ended")
    planned_arrival: datetime | None
    vehicle: VehicleAnswer | None
    cancel_until: datetime = Field(description="Until then cancelling and changing costs nothing")
    late_cancel_cents: int
    no_show_cents: int
    hold_until: datetime | None
    price_cents: int | None
    pinned_to: PinAnswer | None


class ContactAnswer(BaseModel):
    """How the traveller is reached."""

    name: str
    phone: str | None
    email: str | None
    language: str


class BookingAnswer(BaseModel):
    """Rides that were booked together."""

    id: str = Field(description="The key to the booking where it belongs to no account: keep it to yourself")
    reference: str = Field(description="To be said on the telephone", examples=["K7RW3D"])
    state: State = Field(description="Of the first ride that has not ended, else of the last")
    made_at: datetime
    revision: int
    party: PartyBody
    legs: list[LegAnswer]
    price_cents: int | None = Field(description="Of the rides that are to take place")
    note: str
    journey: str | None
    series: str | None
    return_of: str | None = Field(description="Id of the booking of the way there")
    contact: ContactAnswer | None = Field(
        None, description="Where the booking is looked at by its owner or the desk; forgotten 30 days after the ride"
    )


class BookedAnswer(BaseModel):
    """What was booked."""

    booking: BookingAnswer
    return_booking: BookingAnswer | None = None


class BookingsAnswer(BaseModel):
    """Bookings, those made last first."""

    bookings: list[BookingAnswer]
    next: str | None = Field(description="Send it as `after` for more")


class HappenedAnswer(BaseModel):
    """Something that happened to a booking."""

    at: datetime
    leg: str | None
    what: str = Field(examples=["moved"])
    before: State | None
    after: State | None
    by: str
    details: dict[str, object]


class HistoryAnswer(BaseModel):
    """What happened to a booking, oldest first; never changed."""

    history: list[HappenedAnswer]


class AbsenceAnswer(BaseModel):
    """A ride for which somebody did not appear."""

    leg: str
    reference: str
    service_id: str
    at: datetime
    counts_until: datetime
    pardoned_by: str | None
    pardoned_at: datetime | None
    pardon: str | None


class AbsencesAnswer(BaseModel):
    """How often somebody did not appear, and where they may book by telephone only."""

    absences: list[AbsenceAnswer]
    suspended: dict[str, datetime] = Field(description="By service: until when")


class RefusalAnswer(BaseModel):
    """How often something could not be booked on a day."""

    day: date
    service_id: str | None
    reason: str = Field(examples=["no_time"])
    requests: int
    persons: int = Field(description="As far as known")


class RefusalsAnswer(BaseModel):
    """What could not be booked."""

    refusals: list[RefusalAnswer]


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def name_of(supply: Supply, service_id: str) -> str:
    """Return how people call a service."""
    service = supply.catalogue.find(service_id)
    route = service.route if service else {}
    return route.get("route_long_name") or route.get("route_short_name") or service_id


def _spot(spot: Spot) -> SpotAnswer:
    return SpotAnswer(name=spot.name, lat=spot.point.lat, lon=spot.point.lon, stop_id=spot.stop_id)


def write_offer(supply: Supply, one: Offered, key: bytes, now: int) -> OfferAnswer:
    """Write a ride that is booked here, signed."""
    offer = one.offer
    return OfferAnswer(
        quote=quotes.sign(key, offer, now),
        quote_expires=moment(quotes.expires(offer, now)),
        service_id=offer.service,
        service_name=name_of(supply, offer.service),
        operator=one.operator,
        origin=_spot(offer.origin),
        destination=_spot(offer.destination),
        pickup_from=moment(offer.pickup[0]),
        pickup_until=moment(offer.pickup[1]),
        arrive_by=moment(offer.drop_off[1]),
        planned_pickup=moment(one.planned[0]),
        planned_arrival=moment(one.planned[1]),
        opens=None if one.opens is None else moment(one.opens),
        bookable_until=moment(offer.bookable_until),
        price_cents=offer.cents,
    )


def write_elsewhere(one: Offered) -> OfferElsewhere:
    """Write a ride that is booked elsewhere."""
    offer = one.offer
    return OfferElsewhere(
        service_id=offer.service,
        how="web" if one.how.value == "web" else "phone",
        pickup_from=moment(offer.pickup[0]),
        pickup_until=moment(offer.pickup[1]),
        arrive_by=moment(offer.drop_off[1]),
        bookable_until=moment(offer.bookable_until),
        phone=one.phone,
        url=one.url,
        message=one.message,
    )


def write_declined(one: Declined) -> DeclinedAnswer:
    """Write why a ride is not offered."""
    return DeclinedAnswer(
        service_id=one.service,
        reason=one.reason,
        opens=None if one.opens is None else moment(one.opens),
        bookable_until=None if one.until is None else moment(one.until),
        phone=one.phone,
        url=one.url,
        message=one.message,
    )


def write_booking(supply: Supply, booking: Booking, *, contact: bool = False) -> BookingAnswer:
    """Write a booking; its contact only for whom it concerns."""
    active = [leg for leg in booking.legs if leg.state in ACTIVE]
    prices = [leg.offer.cents for leg in active if leg.offer.cents is not None]
    return BookingAnswer(
        id=booking.id,
        reference=booking.reference,
        state=(active or booking.legs[-1:])[0].state,
        made_at=booking.created_at.astimezone(UTC),
        revision=booking.revision,
        party=PartyBody(**vars(booking.party)),
        legs=[_write_leg(supply, leg) for leg in booking.legs],
        price_cents=sum(prices) if prices else None,
        note=booking.note,
        journey=booking.journey,
        series=booking.series,
        return_of=booking.return_of,
        contact=_write_contact(booking.contact) if contact and booking.contact else None,
    )


def _write_contact(contact: Contact) -> ContactAnswer:
    return ContactAnswer(name=contact.name, phone=contact.phone, email=contact.email, language=contact.language)


def _write_leg(supply: Supply, leg: BookedLeg) -> LegAnswer:
    offer, pin = leg.offer, leg.offer.pin
    vehicle = supply.fleet.vehicles.get(leg.vehicle or "")
    to_come = leg.state in ACTIVE and leg.planned is not None
    return LegAnswer(
        id=leg.id,
        state=leg.state,
        service_id=offer.service,
        service_name=name_of(supply, offer.service),
        operator=leg.operator,
        origin=_spot(offer.origin),
        destination=_spot(offer.destination),
        pickup_from=moment(offer.pickup[0] + leg.shifted),
        pickup_until=moment(offer.pickup[1] + leg.shifted),
        arrive_by=moment(offer.drop_off[1] + leg.shifted),
        shifted_seconds=leg.shifted,
        planned_pickup=moment(leg.planned[0]) if to_come and leg.planned else None,
        planned_arrival=moment(leg.planned[1]) if to_come and leg.planned else None,
        vehicle=VehicleAnswer(id=vehicle.id, name=vehicle.name) if vehicle and leg.state in ACTIVE else None,
        cancel_until=moment(leg.cancel_until + leg.shifted),
        late_cancel_cents=leg.late_cancel_cents,
        no_show_cents=leg.no_show_cents,
        hold_until=leg.hold_until,
        price_cents=offer.cents,
        pinned_to=None
        if pin is None
        else PinAnswer(
            side=pin.side,
            trip_id=pin.trip_id,
            service_date=pin.service_date,
            stop_id=pin.stop_id,
            at=moment(pin.instant),
        ),
    )


def read_instant(at: datetime | None, what: str) -> int | None:
    """Read an instant of a body.

    Raises
    ------
    InvalidInput
        When it has no offset from UTC.
    """
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInput(f"`{what}` has no offset from UTC; write it like 2026-11-24T09:30:00+01:00")
    return instant(at)
