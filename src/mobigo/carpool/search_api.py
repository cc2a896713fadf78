"""HTTP: who could take one along."""

from datetime import datetime
from math import isfinite
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from mobigo.accounts.api import Credentials, identify
from mobigo.accounts.model import Role
from mobigo.carpool import quotes, store
from mobigo.carpool.quotes import Spot
from mobigo.carpool.search import Asked, Option, find_options, keep_best
from mobigo.carpool.supply import Garage, Place
from mobigo.db.session import Database, driver
from mobigo.kit.errors import NotFound, Unavailable
from mobigo.kit.geo import Point, parse_point
from mobigo.kit.parameters import INSTANT_PATTERN, read_instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.street.drives import Drives
from mobigo.transit.answers import find_network
from mobigo.transit.timetable import zone_of

router = APIRouter(prefix="/v1/carpool", tags=["carpool"])

STRAIGHT = Drives(None)
"""Where there are no streets."""

ZONE = ZoneInfo("Europe/Paris")
"""Of hours, while no network says its own."""

_PlaceText = Annotated[str, Field(min_length=1, max_length=200)]


class SearchQuestion(BaseModel):
    """A place in a car that somebody looks for."""

    from_: _PlaceText = Field(alias="from", description="`LAT,LON` or a stop id", examples=["47.5067,4.1733"])
    to: _PlaceText = Field(description="`LAT,LON` or a stop id", examples=["47.5440,4.4610"])
    at: str | None = Field(
        default=None,
        description="ISO 8601 instant; without an offset, local time of the network; default now",
        json_schema_extra={"pattern": INSTANT_PATTERN},
        examples=["2026-11-24T07:30"],
    )
    arrive_by: bool = Field(default=False, description="Be there by `at` instead of leaving from it on")
    within_minutes: int = Field(default=60, ge=0, le=1440, description="How much later (earlier) suits too")
    max_walk_minutes: int = Field(default=15, ge=0, le=60, description="On foot at each end, at most")
    walk_speed: float = Field(default=1.2, ge=0.3, le=3, description="Metres per second on foot")
    seats: int = Field(default=1, ge=1, le=8)
    all: bool = Field(
        default=False,
        description="Also what another offer beats in leaving later, being there earlier, walking less and less detour",
    )
    limit: int = Field(default=20, ge=1, le=200)


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


class SearchAnswer(BaseModel):
    """Places in cars."""

    now: datetime
    at: datetime
    offers: list[OfferAnswer] = Field(description="The first to be there first; with `arrive_by` the last to leave")
    cars: int = Field(description="That were looked at")


def find_garage(request: Request) -> Garage:
    """Return the cars there are now.

    Raises
    ------
    Unavailable
        When the database has been away for too long to know.
    """
    network = request.app.state.networks.find_current()
    garage: Garage | None = request.app.state.cars.current(network.drives if network else STRAIGHT)
    if garage is None:
        raise Unavailable("carpool runs are not known just now; try again in a moment")
    return garage


Cars = Annotated[Garage, Depends(find_garage)]


def find_avoided(request: Request, session: Database, credentials: Credentials, now: Now) -> frozenset[str]:
    """Return whom somebody does not meet: themselves, whom they blocked and who blocked them; without a token nobody.

    Raises
    ------
    Unauthorised
        When the token is none.
    """
    if credentials is None:
        return frozenset()
    asking = identify(request, credentials, now)
    if asking.role not in {Role.TRAVELLER, Role.DRIVER}:
        return frozenset()
    person = store.find_person(driver(session), asking.user)
    return frozenset() if person is None else frozenset({person.id, *store.list_blocked(driver(session), person.id)})


Avoided = Annotated[frozenset[str], Depends(find_avoided)]


@router.get(
    "/search",
    responses=problems(400, 401, 404, 422, 503),
    openapi_extra={"security": [{}, {"HTTPBearer": []}]},  # a token is welcome, not needed
)
def search_carpool(
    request: Request, now: Now, garage: Cars, avoided: Avoided, asked: Annotated[SearchQuestion, Query()]
) -> SearchAnswer:
    """Find who could take one along, from door to door, with a walk to a meeting point where that spares a detour.

    Cars of lines stop at their stops; every driver goes a little out of their way, at most a quarter of their own time
    and not so far that those who ride along already would be late. With a token, nobody meets whom they blocked.
    """
    network = request.app.state.networks.find_current()
    here = find_network(request)
    zone = zone_of(here.timetable) if here else ZONE
    at = read_instant(asked.at, zone) if asked.at else now.astimezone(zone)
    question = Asked(
        find_place(request, asked.from_),
        find_place(request, asked.to),
        int(at.timestamp()),
        asked.arrive_by,
        60 * asked.within_minutes,
        60 * asked.max_walk_minutes,
        asked.seats,
        asked.walk_speed,
    )
    options = find_options(
        garage, network.streets if network else None, question, now=int(now.timestamp()), avoid=avoided
    )
    if not asked.all:
        options = keep_best(options)
    drives = network.drives if network else STRAIGHT
    key = request.app.state.token_key
    return SearchAnswer(
        now=now,
        at=at,
        offers=[describe_offer(one, drives, key, int(now.timestamp()), zone) for one in options[: asked.limit]],
        cars=len(garage),
    )


def find_place(request: Request, text: str) -> Place:
    """Read ``LAT,LON``, or the id of a stop of the timetable.

    Raises
    ------
    NotFound
        When it is neither a point nor a stop.
    """
    network = find_network(request)
    index = network.stop_index.get(text) if network else None
    if network is not None and index is not None:
        point = Point(float(network.timetable.stop_lon[index]), float(network.timetable.stop_lat[index]))
        if isfinite(point.lon):
            return Place(network.timetable.stop_names.at(index), point)
    if "," not in text:
        raise NotFound(f"no stop {text!r}; give LAT,LON or an id from /v1/stops", code="unknown_stop")
    point = parse_point(text)
    return Place(f"{point.lat:.5f}, {point.lon:.5f}", point)


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
