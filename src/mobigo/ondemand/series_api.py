"""HTTP: rides that come back every week."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from mobigo.accounts.model import Role
from mobigo.kit.problems import problems
from mobigo.ondemand import store
from mobigo.ondemand.booking_answers import BookingAnswer, BookingBody, ContactBody, Id, write_booking
from mobigo.ondemand.booking_api import REFUSALS, TOKEN_OPTIONAL, Once, read_contact
from mobigo.ondemand.calendars import SchoolDays
from mobigo.ondemand.model import Booking, State
from mobigo.ondemand.series import Pattern, Recurring, Series, SeriesDay
from mobigo.ondemand.service import Order
from mobigo.ondemand.supply import Supply

router = APIRouter(prefix="/v1/ondemand", tags=["ondemand"])

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_EXCEPTIONS = 366

GIVEN_UP = {State.CANCELLED_BY_USER, State.CANCELLED_BY_OPERATOR, State.FAILED}

SeriesId = Annotated[Id, Path(description="Of a series")]


class SeriesBody(BookingBody):
    """Rides of the first day, and the days on which they come back."""

    contact: ContactBody
    hold: Literal[False] = False
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    until: date = Field(description="The last day, at most a year after the first")
    leave_out: Annotated[list[date], Field(max_length=MOST_EXCEPTIONS)] = Field(
        default_factory=list, description="Days on which it is not wished"
    )
    public_holidays: bool = Field(default=False, description="Also on public holidays, where the service runs")
    school: SchoolDays = Field(SchoolDays.ALL, description="Only in term, or only in school holidays (zone A)")


class NothingBody(BaseModel):
    """Nothing needs be said."""


class SeriesDayAnswer(BaseModel):
    """What has become of a day."""

    day: date
    state: Literal["booked", "waiting", "refused", "left_out"] = Field(
        description="`waiting`: it is booked as soon as it can be"
    )
    reason: str | None = Field(
        description="Why it is not booked: `not_yet`, `full`, `too_late`, `outside_hours` (it does not run),"
        " `public_holiday`, `school_holiday`, `term`, `exception`, `ended` …"
    )
    try_at: datetime | None = Field(description="When a waiting day is tried")
    booking_id: str | None


class SeriesAnswer(BaseModel):
    """Rides that come back every week."""

    id: str = Field(description="The key to the series where it belongs to no account: keep it to yourself")
    weekdays: list[Weekday]
    first: date
    until: date
    made_at: datetime
    ended_at: datetime | None
    days: list[SeriesDayAnswer]
    bookings: list[BookingAnswer] = Field(description="Those of its days that are booked, in the order of the days")


def _write(once: Once, series: Series, supply: Supply) -> SeriesAnswer:
    booked = {one.booking for one in series.days if one.booking}
    found = store.list_bookings(once.connection, series=series.id, limit=1_000)
    shown = [one for one in found if one.id in booked or one.return_of in booked]
    shown.sort(key=lambda one: one.legs[0].offer.pickup)
    return SeriesAnswer(
        id=series.id,
        weekdays=[name for name, on in zip(WEEKDAYS, series.weekdays, strict=True) if on],
        first=series.first,
        until=series.last,
        made_at=series.made_at,
        ended_at=series.ended_at,
        days=[
            SeriesDayAnswer(day=one.day, state=one.state, reason=one.reason, try_at=one.try_at, booking_id=one.booking)
            for one in series.days
        ],
        bookings=[write_booking(supply, one) for one in shown],
    )


def _write_day(one: SeriesDay, bookings: Mapping[str, Booking]) -> SeriesDayAnswer:
    """Write a day; one whose booking was given up by itself is left out."""
    booking = bookings.get(one.booking or "")
    if booking is not None and all(leg.state in GIVEN_UP for leg in booking.legs):
        return SeriesDayAnswer(
            day=one.day, state="left_out", reason=booking.legs[-1].state, try_at=None, booking_id=booking.id
        )
    return SeriesDayAnswer(day=one.day, state=one.state, reason=one.reason, try_at=one.try_at, booking_id=one.booking)


@router.post("/series", status_code=201, responses=REFUSALS, openapi_extra=TOKEN_OPTIONAL)
def make_series(*, once: Once, body: SeriesBody) -> SeriesAnswer:
    """Book rides for every week: the first day as quoted, the others at the same times; says what cannot be booked."""

    def work() -> SeriesAnswer:
        person = once.person
        contact = read_contact(body.contact)
        account = person.user if person is not None and person.role is Role.TRAVELLER else None
        orders = [Order(once.read_quotes(body.quotes), contact, account, body.note, body.journey)]
        if body.return_quotes:
            orders.append(Order(once.read_quotes(body.return_quotes), contact, account, body.note, return_of=0))
        pattern = Pattern(
            tuple(name in body.weekdays for name in WEEKDAYS),
            body.until,
            frozenset(body.leave_out),
            body.public_holidays,
            body.school,
        )
        return _write(once, Recurring(once.bookings).make(orders, pattern), once.supply)

    return once.once(SeriesAnswer, body, work)


@router.get("/series/{series_id}", responses=problems(401, 403, 404, 422, 503), openapi_extra=TOKEN_OPTIONAL)
def get_series(*, once: Once, series_id: SeriesId) -> SeriesAnswer:
    """Show a series and what has become of each of its days."""
    return _write(once, Recurring(once.looking).get_own(series_id), once.supply)


@router.post("/series/{series_id}/end", responses=REFUSALS, openapi_extra=TOKEN_OPTIONAL)
def end_series(*, once: Once, series_id: SeriesId, body: NothingBody) -> SeriesAnswer:
    """End a series: days to come are cancelled on the usual terms."""

    def work() -> SeriesAnswer:
        return _write(once, Recurring(once.bookings).end(series_id), once.supply)

    return once.once(SeriesAnswer, body, work)


@router.post(
    "/series/{series_id}/days/{day}/leave_out",
    responses=REFUSALS,
    openapi_extra=TOKEN_OPTIONAL,
)
def leave_out_day(*, once: Once, series_id: SeriesId, day: date, body: NothingBody) -> SeriesAnswer:
    """Leave out one day of a series: what is booked is cancelled on the usual terms."""

    def work() -> SeriesAnswer:
        return _write(once, Recurring(once.bookings).leave_out(series_id, day), once.supply)

    return once.once(SeriesAnswer, body, work)
