"""HTTP: who could take one along."""

from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from mobigo.accounts.api import Credentials, identify
from mobigo.accounts.model import Role
from mobigo.carpool import store
from mobigo.carpool.elsewhere_api import ElsewhereAnswer, find_elsewhere, write_elsewhere
from mobigo.carpool.search import Asked, find_options, keep_best
from mobigo.carpool.search_answers import ZONE, OfferAnswer, describe_offer
from mobigo.carpool.standard_client import Question
from mobigo.carpool.supply import Garage, Place
from mobigo.db.session import driver
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
    elsewhere: bool = Field(
        default=True, description="Also ask other operators, where there are any; they have two seconds to answer"
    )


class SearchAnswer(BaseModel):
    """Places in cars."""

    now: datetime
    at: datetime
    offers: list[OfferAnswer] = Field(description="The first to be there first; with `arrive_by` the last to leave")
    elsewhere: list[ElsewhereAnswer] = Field(description="Journeys of other operators' drivers, around that time")
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


def find_avoided(request: Request, credentials: Credentials, now: Now) -> frozenset[str]:
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
    with Session(request.app.state.engine) as session:  # closed again before other operators are asked
        connection = driver(session)
        person = store.find_person(connection, asking.user)
        return frozenset() if person is None else frozenset({person.id, *store.list_blocked(connection, person.id)})


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
        now=now.astimezone(zone),
        at=at,
        offers=[describe_offer(one, drives, key, int(now.timestamp()), zone) for one in options[: asked.limit]],
        elsewhere=_ask_others(request, question, asked, now),
        cars=len(garage),
    )


def _ask_others(request: Request, question: Asked, asked: SearchQuestion, now: datetime) -> list[ElsewhereAnswer]:
    """Ask other operators for journeys from the middle of the time asked for on."""
    if not asked.elsewhere:
        return []
    half = timedelta(seconds=question.within / 2)
    middle = datetime.fromtimestamp(question.at, UTC) + (-half if question.arrive else half)
    radius = max(0.1, question.walk * question.speed / 1_000)
    wanted = Question(question.origin.point, question.destination.point, middle, half, radius)
    key = request.app.state.token_key
    return [write_elsewhere(one, key, now) for one in find_elsewhere(request, wanted, now).found]


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
