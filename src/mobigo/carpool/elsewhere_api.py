"""HTTP: journeys of other operators' drivers for travellers of ours, and platforms that may know their bookings."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from mobigo.carpool import elsewhere, people, standard_store
from mobigo.carpool.asking import Once
from mobigo.carpool.model import BookingState
from mobigo.carpool.people_api import Traveller
from mobigo.carpool.standard_client import Elsewhere, Question, Searched, note_searched, search
from mobigo.carpool.standard_documents import Booking
from mobigo.carpool.standard_store import Common, Link
from mobigo.db.session import Database, driver
from mobigo.kit.geo import Point
from mobigo.kit.parameters import Instant, read_point
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool elsewhere"])

ZONE = ZoneInfo("Europe/Paris")

PointText = Annotated[str, Query(max_length=60, description="LAT,LON")]
CommonId = Annotated[str, Path(min_length=1, max_length=600, pattern=r"^[^/\x00]+$", description="Of a booking")]
DomainPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{3,253}$", description="Domain name of an operator")]


class SpotAnswer(BaseModel):
    """Where one gets on or off."""

    name: str | None
    lat: float
    lon: float


class ElsewhereAnswer(BaseModel):
    """A journey of another operator's driver."""

    operator: str = Field(description="Domain name")
    operator_name: str
    journey: str | None = Field(description="Its id there")
    driver: str = Field(description="As they call themselves")
    pickup: SpotAnswer
    drop_off: SpotAnswer
    pickup_at: datetime
    drop_off_at: datetime | None
    metres: int | None
    walk_before_seconds: int | None
    walk_after_seconds: int | None
    seats: int | None = Field(description="Free; null: unknown")
    price_cents: int | None = Field(description="For a seat; null: unknown")
    type: str
    web_url: str | None = Field(description="Where it is shown, and booked where it cannot be from here")
    quote: str | None = Field(description="What `POST /v1/carpool/elsewhere/bookings` takes; null: not bookable here")


class ElsewheresAnswer(BaseModel):
    """Journeys of other operators' drivers."""

    offers: list[ElsewhereAnswer] = Field(description="By pick-up")
    failed: list[str] = Field(description="Operators that did not answer in time")


class QuoteBody(BaseModel):
    """A journey elsewhere that one would book."""

    model_config = ConfigDict(extra="forbid")

    quote: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]


class ElsewhereBookingAnswer(BaseModel):
    """What one has booked with another operator."""

    id: str
    operator: str
    state: BookingState
    offered: bool = Field(description="Their driver asks: confirm or cancel it")
    driver: str | None
    pickup: SpotAnswer | None
    drop_off: SpotAnswer | None
    pickup_at: datetime
    price_cents: int | None
    web_url: str | None
    made_at: datetime
    changed_at: datetime


class ElsewhereBookingsAnswer(BaseModel):
    """What one has booked with other operators, latest pick-up first."""

    bookings: list[ElsewhereBookingAnswer]


class LinkBody(BaseModel):
    """By what a platform knows somebody."""

    model_config = ConfigDict(extra="forbid")

    id_token: Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"^[!-~]+$")] = Field(
        description="OpenID Connect token of the platform for one"
    )


class LinkAnswer(BaseModel):
    """A platform that is told of one's bookings."""

    operator: str
    since: datetime


class LinksAnswer(BaseModel):
    """Platforms that are told of one's bookings."""

    links: list[LinkAnswer]


@router.get("/elsewhere", responses=problems(400, 422, 503))
def search_elsewhere(
    *,
    request: Request,
    now: Now,
    from_: Annotated[PointText, Query(alias="from")],
    to: PointText,
    at: Annotated[Instant | None, Query(description="Now, unless told")] = None,
    within_minutes: Annotated[int, Query(ge=0, le=1440, description="Before and after")] = 60,
    radius_km: Annotated[float, Query(ge=0.1, le=20, description="Around both ends")] = 1.0,
) -> ElsewheresAnswer:
    """Find journeys of other operators' drivers; who does not answer within two seconds is left out."""
    question = Question(read_point(from_), read_point(to), at or now, timedelta(minutes=within_minutes), radius_km)
    found = find_elsewhere(request, question, now)
    key = request.app.state.token_key
    return ElsewheresAnswer(offers=[write_elsewhere(one, key, now) for one in found.found], failed=sorted(found.failed))


def find_elsewhere(request: Request, question: Question, now: datetime) -> Searched:
    """Search other operators' journeys; no session is open while they are asked."""
    state = request.app.state
    with Session(state.engine) as session:
        known = standard_store.list_operators(driver(session))
    found = search(known, question, now, state.allow_hosts)
    if known and any(one.problem or one.id in found.failed for one in known):
        with Session(state.engine) as session, session.begin():
            note_searched(driver(session), known, found, now)
    return found


def write_elsewhere(one: Elsewhere, key: bytes, now: datetime) -> ElsewhereAnswer:
    """Write a journey elsewhere, signed where it can be booked from here."""
    journey = one.journey
    end = None if journey.duration is None else journey.pickup_at + timedelta(seconds=journey.duration)
    return ElsewhereAnswer(
        operator=one.operator,
        operator_name=one.name,
        journey=journey.id,
        driver=journey.driver.alias,
        pickup=_spot(journey.passenger_pickup_address, journey.pickup),
        drop_off=_spot(journey.passenger_drop_address, journey.drop),
        pickup_at=journey.pickup_at.astimezone(ZONE),
        drop_off_at=end and end.astimezone(ZONE),
        metres=_whole(journey.distance),
        walk_before_seconds=_whole(journey.departure_to_pickup_walking_duration),
        walk_after_seconds=_whole(journey.dropoff_to_arrival_walking_duration),
        seats=journey.available_seats,
        price_cents=journey.cents,
        type=journey.type,
        web_url=journey.web_url,
        quote=elsewhere.sign(key, one, now),
    )


def _spot(name: str | None, point: Point) -> SpotAnswer:
    return SpotAnswer(name=name, lat=point.lat, lon=point.lon)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


@router.post("/elsewhere/bookings", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def book_elsewhere(*, request: Request, once: Once, asking: Traveller, body: QuoteBody) -> ElsewhereBookingAnswer:
    """Ask for a seat with another operator; it is booked once they say so."""
    person = people.get_person(once.session, asking.user)

    def work() -> ElsewhereBookingAnswer:
        offer = elsewhere.read_quote(once.key, body.quote, once.now)
        return _booking(elsewhere.book(once.session, person, offer, request.app.state.operator, once.now))

    return once.once(ElsewhereBookingAnswer, body, work)


@router.get("/elsewhere/bookings", responses=problems(401, 403, 404))
def list_bookings_elsewhere(*, session: Database, asking: Traveller) -> ElsewhereBookingsAnswer:
    """List what one has booked with other operators, and what their drivers offer."""
    person = people.get_person(session, asking.user)
    return ElsewhereBookingsAnswer(bookings=[_booking(one) for one in elsewhere.list_bookings(session, person)])


@router.get("/elsewhere/bookings/{booking}", responses=problems(401, 403, 404, 422))
def get_booking_elsewhere(*, session: Database, asking: Traveller, booking: CommonId) -> ElsewhereBookingAnswer:
    """Read what one has booked with another operator."""
    return _booking(elsewhere.get_booking(session, people.get_person(session, asking.user), booking))


@router.post("/elsewhere/bookings/{booking}/confirm", responses=problems(401, 403, 404, 409, 422))
def confirm_elsewhere(*, session: Database, now: Now, asking: Traveller, booking: CommonId) -> ElsewhereBookingAnswer:
    """Accept a ride that a driver of another operator offers."""
    return _booking(elsewhere.confirm(session, people.get_person(session, asking.user), booking, now))


@router.post("/elsewhere/bookings/{booking}/cancel", responses=problems(401, 403, 404, 409, 422))
def cancel_elsewhere(*, session: Database, now: Now, asking: Traveller, booking: CommonId) -> ElsewhereBookingAnswer:
    """Cancel what one has booked with another operator, or refuse what its driver offers."""
    return _booking(elsewhere.cancel(session, people.get_person(session, asking.user), booking, now))


def _booking(one: Common) -> ElsewhereBookingAnswer:
    told = None
    if one.document is not None and not one.id.startswith(f"{one.operator}:"):
        told = Booking.model_validate(one.document)
    by = elsewhere.write_driver(one)
    return ElsewhereBookingAnswer(
        id=one.id,
        operator=one.operator,
        state=one.state,
        offered=not one.begun_here and one.state is BookingState.WAITING_CONFIRMATION,
        driver=by and by.alias,
        pickup=told and _spot(told.passenger_pickup_address, told.pickup),
        drop_off=told and _spot(told.passenger_drop_address, told.drop),
        pickup_at=one.pickup_at.astimezone(ZONE),
        price_cents=told and _cents(told),
        web_url=(one.document or {}).get("webUrl"),
        made_at=one.made_at.astimezone(ZONE),
        changed_at=one.changed_at.astimezone(ZONE),
    )


def _cents(booking: Booking) -> int | None:
    return None if booking.price.amount is None else round(booking.price.amount * 100)


@router.get("/me/links", responses=problems(401, 403, 404))
def list_links(*, session: Database, asking: Traveller) -> LinksAnswer:
    """List the platforms that are told of one's bookings."""
    person = people.get_person(session, asking.user)
    return LinksAnswer(links=[_link(one) for one in elsewhere.list_links(session, person)])


@router.put("/me/links/{operator}", responses=problems(400, 401, 403, 404, 422))
def link_operator(
    *, session: Database, now: Now, asking: Traveller, operator: DomainPath, body: LinkBody
) -> LinkAnswer:
    """Let a platform know one's bookings from now on; it is told of every change."""
    return _link(elsewhere.link(session, people.get_person(session, asking.user), operator, body.id_token, now))


@router.delete("/me/links/{operator}", status_code=204, responses=problems(401, 403, 404, 422))
def unlink_operator(*, session: Database, asking: Traveller, operator: DomainPath) -> None:
    """Tell a platform nothing more."""
    elsewhere.unlink(session, people.get_person(session, asking.user), operator)


def _link(one: Link) -> LinkAnswer:
    return LinkAnswer(operator=one.operator, since=one.at.astimezone(ZONE))
