"""HTTP: rides that passengers look for every week, and drivers who look for such passengers."""

import secrets
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.carpool import people, store, wishes_store
from mobigo.carpool.people_api import Traveller
from mobigo.carpool.wishes_store import Wished
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.geo import Point, haversine
from mobigo.kit.parameters import Day, Instant, read_point
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool people"])

ZONE = "Europe/Paris"

MOST = 20
"""Of one person."""

LONGEST = timedelta(days=366)
"""From the first day to the last."""

SHORTEST = 500.0
"""Metres: nobody is driven less."""

WEEKDAYS = 7

WishId = Annotated[str, Path(pattern=r"^wish_[A-Za-z0-9_-]{1,60}$", description="Of a ride one looks for")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class EndBody(BaseModel):
    """Where somebody wants to get on or off."""

    model_config = ConfigDict(extra="forbid")

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    name: Text


class WishBody(BaseModel):
    """A ride that somebody looks for every week."""

    model_config = ConfigDict(extra="forbid")

    from_: EndBody = Field(alias="from")
    to: EndBody
    departs: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = Field(
        description="By the clock on the wall", examples=["07:30"]
    )
    weekdays: Annotated[list[Annotated[int, Field(ge=0, le=6)]], Field(min_length=1, max_length=7)] = Field(
        description="0 is Monday"
    )
    first: Day
    last: Day
    exceptions: Annotated[list[Day], Field(max_length=366)] = []
    seats: int = Field(default=1, ge=1, le=8)


class EndAnswer(BaseModel):
    """Where somebody wants to get on or off."""

    lat: float
    lon: float
    name: str


class WishAnswer(BaseModel):
    """A ride that somebody looks for every week."""

    id: str
    from_: EndAnswer = Field(serialization_alias="from")
    to: EndAnswer
    departs: str
    weekdays: list[int]
    first: date
    last: date
    exceptions: list[date]
    seats: int


class WishesAnswer(BaseModel):
    """Rides that one looks for."""

    wishes: list[WishAnswer]


class WantedAnswer(BaseModel):
    """A passenger who looks for a ride: how many, from where to where and when; not who."""

    id: str
    from_: EndAnswer = Field(serialization_alias="from")
    to: EndAnswer
    seats: int
    departures: list[datetime]


class WantedsAnswer(BaseModel):
    """Passengers who look for a ride."""

    wanted: list[WantedAnswer]


@router.post("/me/wishes", status_code=201, responses=problems(400, 401, 403, 404, 422))
def add_wish(*, session: Database, now: Now, asking: Traveller, body: WishBody) -> WishAnswer:
    """Look for a ride every week; drivers here and of other operators find it until its last day."""
    person = people.get_person(session, asking.user)
    people.require_adult(person)
    connection = driver(session)
    store.lock_people(connection, [person.id])
    if len(wishes_store.list_wishes(connection, person.id)) >= MOST:
        raise Refused(f"you look for {MOST} rides, the most; end one first", code="too_many_wishes")
    one = _read(body, person.id, now)
    wishes_store.add_wish(connection, one)
    return _write(one)


@router.get("/me/wishes", responses=problems(401, 403, 404))
def list_wishes(*, session: Database, asking: Traveller) -> WishesAnswer:
    """List the rides one looks for."""
    person = people.get_person(session, asking.user)
    return WishesAnswer(wishes=[_write(one) for one in wishes_store.list_wishes(driver(session), person.id)])


@router.delete("/me/wishes/{wish}", status_code=204, responses=problems(401, 403, 404, 422))
def end_wish(*, session: Database, now: Now, asking: Traveller, wish: WishId) -> None:
    """Look for it no more."""
    person = people.get_person(session, asking.user)
    found = wishes_store.get_wish(driver(session), person.id, wish)
    wishes_store.end_wish(driver(session), found.id, now)


@router.get("/wanted", responses=problems(400, 401, 403, 422))
def list_wanted(
    *,
    session: Database,
    now: Now,
    asking: Traveller,  # noqa: ARG001 - only guards
    from_: Annotated[str, Query(alias="from", max_length=60, description="LAT,LON")],
    to: Annotated[str, Query(max_length=60, description="LAT,LON")],
    at: Annotated[Instant | None, Query(description="Now, unless told")] = None,
    within_minutes: Annotated[int, Query(ge=0, le=1440, description="Before and after")] = 60,
    radius_km: Annotated[float, Query(ge=0.1, le=20, description="Around both ends")] = 3.0,
) -> WantedsAnswer:
    """Find passengers who look for a ride about a time: what a driver looks at before offering one."""
    ends = read_point(from_), read_point(to)
    middle, delta = at or now, timedelta(minutes=within_minutes)
    span = max(now, middle - delta), middle + delta
    zone = ZoneInfo(ZONE)
    days = (moment.astimezone(zone).date() for moment in span)
    found = []
    for one in wishes_store.list_open(driver(session), *days):
        near = haversine(ends[0], one.origin_point), haversine(ends[1], one.destination_point)
        times = [moment.astimezone(zone) for moment in one.list_departures(*span)]
        if times and max(near) <= 1000 * radius_km:
            found.append(
                WantedAnswer(
                    id=one.id,
                    from_=_end(one.origin, one.origin_point),
                    to=_end(one.destination, one.destination_point),
                    seats=one.seats,
                    departures=times,
                )
            )
    return WantedsAnswer(wanted=found)


def _read(body: WishBody, person: str, now: datetime) -> Wished:
    """Read what somebody looks for.

    Raises
    ------
    InvalidInput
        When its days or its ends make no sense.
    """
    today = now.astimezone(ZoneInfo(ZONE)).date()
    if body.last < body.first or body.last - body.first > LONGEST or body.last < today:
        raise InvalidInput(
            f"from {body.first} to {body.last} is not within a year, or is over; correct `first` and `last`",
            code="invalid_series",
        )
    ends = Point(body.from_.lon, body.from_.lat), Point(body.to.lon, body.to.lat)
    if haversine(*ends) < SHORTEST:
        raise InvalidInput(f"the two ends are less than {SHORTEST:.0f} m apart; say where you go", code="invalid_place")
    hour, minute = body.departs.split(":")
    return Wished(
        id=f"wish_{secrets.token_urlsafe(12)}",
        person=person,
        origin=body.from_.name,
        origin_point=ends[0],
        destination=body.to.name,
        destination_point=ends[1],
        seats=body.seats,
        weekdays=tuple(day in body.weekdays for day in range(WEEKDAYS)),
        departs=int(hour) * 3600 + int(minute) * 60,
        timezone=ZONE,
        first=body.first,
        last=body.last,
        exceptions=frozenset(body.exceptions),
        made_at=now,
    )


def _write(one: Wished) -> WishAnswer:
    return WishAnswer(
        id=one.id,
        from_=_end(one.origin, one.origin_point),
        to=_end(one.destination, one.destination_point),
        departs=f"{one.departs // 3600:02d}:{one.departs // 60 % 60:02d}",
        weekdays=[day for day, runs in enumerate(one.weekdays) if runs],
        first=one.first,
        last=one.last,
        exceptions=sorted(one.exceptions),
        seats=one.seats,
    )


def _end(name: str, point: Point) -> EndAnswer:
    return EndAnswer(name=name, lat=point.lat, lon=point.lon)
