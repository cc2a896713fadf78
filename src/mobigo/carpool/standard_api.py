"""HTTP: Standard Covoiturage, as other operators and platforms of travellers speak it.

Errors are ``{"error": …}`` with the statuses of the standard, and a request that cannot be read is a 400.
"""

import re
from collections.abc import Callable, Coroutine
from datetime import datetime, time, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import StringConstraints

from mobigo.carpool import operators, standard_store
from mobigo.carpool.asking import CurrentRoads
from mobigo.carpool.model import BookingState
from mobigo.carpool.search_api import Cars
from mobigo.carpool.standard import Border, missing
from mobigo.carpool.standard_documents import FARTHEST, Booking, BookingEvent, Message
from mobigo.carpool.standard_search import (
    DAYS,
    HORIZON,
    LARGEST_RADIUS,
    LONGEST_DELTA,
    Catalogue,
    Here,
    Search,
    read_instant,
)
from mobigo.carpool.standard_store import Operator
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound, Unauthorised, Unavailable
from mobigo.kit.geo import Point
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn

MOST_RESULTS = 500

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d{1,9})?)?")
"""Partial time of RFC 3339; seconds may be left out."""

STATUSES: dict[type[MobigoError], HTTPStatus] = {
    Unauthorised: HTTPStatus.UNAUTHORIZED,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""By class of error; any other one is a bad request."""

NAMED = frozenset({"missing_journey", "missing_booking", "missing_user", "status_already_set"})
"""Codes of the standard: the whole of ``error`` where one of them says it all."""


class StandardRoute(APIRoute):
    """A route whose errors are those of the standard."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer errors as the standard does."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
                return JSONResponse({"error": said}, HTTPStatus.BAD_REQUEST)
            except MobigoError as error:
                status = next((one for kind, one in STATUSES.items() if isinstance(error, kind)), 400)
                if error.code in NAMED:
                    return JSONResponse({"error": error.code, "detail": str(error)}, status)
                return JSONResponse({"error": str(error)}, status)

        return answer


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Document the standard's errors."""
    schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {"application/json": {"schema": schema}}}
        for status in statuses
    }


router = APIRouter(prefix="/v1/carpool/standard", tags=["standard covoiturage"], route_class=StandardRoute)


def find_operator(
    session: Database,
    key: Annotated[
        Annotated[str, StringConstraints(max_length=1_000)] | None,
        Header(alias="X-API-Key", description="Of the operator that asks; staff makes it"),
    ] = None,
) -> Operator:
    """Tell which operator asks, by its key."""
    found = standard_store.find_by_key(driver(session), operators.hash_key(key)) if key else None
    if found is None:
        raise Unauthorised("send your key as `X-API-Key`; ask the region for one")
    return found


CurrentOperator = Annotated[Operator, Depends(find_operator)]


class Asking:
    """An operator's request that says or changes something.

    Parameters
    ----------
    operator : Operator
        Who asks.
    """

    def __init__(
        self,
        *,
        request: Request,
        _turn: Turn = None,  # before the session: given up after its commit
        session: Database,
        roads: CurrentRoads,
        operator: CurrentOperator,
        now: Now,
    ) -> None:
        state = request.app.state
        self.border = Border(session, roads, state.token_key, state.operator, operator, now)


Asked = Annotated[Asking, Depends(Asking)]


def _read_status(text: str) -> BookingState:
    try:
        return BookingState(text)
    except ValueError:
        raise InvalidInput(f"no status {text[:60]!r}; there are {', '.join(BookingState)}") from None


def _read_id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise missing("booking") from None


# ── search ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class Ends:
    """From where to where is searched, and for how many results."""

    def __init__(
        self,
        *,
        departure_lat: Annotated[float, Query(alias="departureLat", ge=-90, le=90)],
        departure_lng: Annotated[float, Query(alias="departureLng", ge=-180, le=180)],
        arrival_lat: Annotated[float, Query(alias="arrivalLat", ge=-90, le=90)],
        arrival_lng: Annotated[float, Query(alias="arrivalLng", ge=-180, le=180)],
        departure_radius: Annotated[float, Query(alias="departureRadius", ge=0, description="Kilometres")] = 1.0,
        arrival_radius: Annotated[float, Query(alias="arrivalRadius", ge=0, description="Kilometres")] = 1.0,
        count: Annotated[int | None, Query(ge=0, description="Results at most")] = None,
    ) -> None:
        self.search = Search(
            Point(departure_lng, departure_lat),
            Point(arrival_lng, arrival_lat),
            min(departure_radius, LARGEST_RADIUS),
            min(arrival_radius, LARGEST_RADIUS),
        )
        self.count = MOST_RESULTS if count is None else min(count, MOST_RESULTS)


Searched = Annotated[Ends, Depends(Ends)]
Delta = Annotated[int, Query(alias="timeDelta", ge=0, le=10_000_000, description="Seconds about the time")]
Date = Annotated[int, Query(ge=0, le=FARTHEST, description="Seconds since 1970 UTC")]


def find_catalogue(
    *,
    request: Request,
    session: Database,
    garage: Cars,
    roads: CurrentRoads,
    operator: CurrentOperator,  # noqa: ARG001 - only guards
    now: Now,
) -> Catalogue:
    """Return what an operator may search."""
    return Catalogue(session, garage, roads, Here(request.app.state.operator, str(request.base_url)), now)


CurrentCatalogue = Annotated[Catalogue, Depends(find_catalogue)]


@router.get("/driver_journeys", responses=_errors(400, 401))
def get_driver_journeys(
    *,
    catalogue: CurrentCatalogue,
    ends: Searched,
    at: Annotated[int, Query(alias="departureDate", ge=0, le=FARTHEST, description="Seconds since 1970 UTC")],
    delta: Delta = 900,
) -> list[dict[str, Any]]:
    """Search journeys of drivers."""
    when = read_instant(at, catalogue.now)
    return catalogue.find_driver_journeys(ends.search, when, _delta(delta))[: ends.count]


@router.get("/passenger_journeys", responses=_errors(400, 401))
def get_passenger_journeys(
    *,
    catalogue: CurrentCatalogue,
    ends: Searched,
    at: Annotated[int, Query(alias="departureDate", ge=0, le=FARTHEST, description="Seconds since 1970 UTC")],
    delta: Delta = 900,
) -> list[dict[str, Any]]:
    """Search journeys of passengers: who waits at a stop of a line now, or looks for a ride that day."""
    when = read_instant(at, catalogue.now)
    return catalogue.find_passenger_journeys(ends.search, when, _delta(delta))[: ends.count]


class Weekly:
    """When, in any week, is searched."""

    def __init__(
        self,
        *,
        now: Now,
        clock: Annotated[str, Query(alias="departureTimeOfDay", max_length=30, examples=["07:30:00"])],
        weekdays: Annotated[
            list[str] | None, Query(alias="departureWeekdays", description="As `MON,TUE`; all, unless told")
        ] = None,
        delta: Delta = 900,
        first: Annotated[int | None, Query(alias="minDepartureDate", ge=0, le=FARTHEST)] = None,
        last: Annotated[int | None, Query(alias="maxDepartureDate", ge=0, le=FARTHEST)] = None,
    ) -> None:
        self.clock = _read_clock(clock)
        self.delta = _delta(delta)
        self.weekdays = _read_weekdays(weekdays)
        begin = max(now, read_instant(first, now))
        self.span: tuple[datetime, datetime] = begin, min(read_instant(last, begin + HORIZON), now + 4 * HORIZON)


EveryWeek = Annotated[Weekly, Depends(Weekly)]


@router.get("/driver_regular_trips", responses=_errors(400, 401))
def get_driver_regular_trips(*, catalogue: CurrentCatalogue, ends: Searched, weekly: EveryWeek) -> list[dict[str, Any]]:
    """Search regular trips of drivers, with those of their journeys that are laid out already."""
    found = catalogue.find_driver_trips(ends.search, weekly.clock, weekly.delta, weekly.weekdays, weekly.span)
    return found[: ends.count]


@router.get("/passenger_regular_trips", responses=_errors(400, 401))
def get_passenger_regular_trips(
    *, catalogue: CurrentCatalogue, ends: Searched, weekly: EveryWeek
) -> list[dict[str, Any]]:
    """Search rides that passengers look for every week."""
    found = catalogue.find_passenger_trips(ends.search, weekly.clock, weekly.delta, weekly.weekdays, weekly.span)
    return found[: ends.count]


def _delta(seconds: int) -> timedelta:
    return timedelta(seconds=min(seconds, LONGEST_DELTA))


def _read_clock(text: str) -> time:
    found = CLOCK.fullmatch(text)
    if found is None:
        raise InvalidInput(f"departureTimeOfDay: no time of day {text[:30]!r}; write it like 07:30:00")
    hour, minute, second = (int(part or 0) for part in found.groups())
    return time(hour, minute, second)


def _read_weekdays(texts: list[str] | None) -> frozenset[int]:
    """Read days of the week, in one text or several, in capitals or not: the standard has had both."""
    names = [name.strip().upper() for text in texts or [] for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in DAYS]
    if unknown:
        raise InvalidInput(f"departureWeekdays: no day {unknown[0][:20]!r}; there are {', '.join(DAYS)}")
    return frozenset(DAYS.index(name) for name in names or DAYS)


# ── interaction ───────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/bookings", status_code=201, responses=_errors(400, 401, 404))
def post_bookings(*, asked: Asked, body: Booking) -> dict[str, Any]:
    """Take in a booking that another operator begins: of a passenger of theirs with a driver of ours, or otherwise."""
    common = asked.border.take(body)
    return {**(common.document or {}), "status": common.status.value}


@router.patch("/bookings/{booking_id}", responses=_errors(400, 401, 404, 409))
def patch_bookings(
    *,
    asked: Asked,
    booking_id: str,
    status: Annotated[str, Query(max_length=100)],
    message: Annotated[str | None, Query(max_length=500)] = None,
) -> dict[str, Any]:
    """Hear that a booking has another status."""
    wanted = _read_status(status)
    common = asked.border.change(_read_id(booking_id), wanted, message)
    return {"id": common.id, "status": common.status.value}


@router.get("/bookings/{booking_id}", responses=_errors(400, 401, 404))
def get_bookings(*, asked: Asked, booking_id: str) -> dict[str, Any]:
    """Read a booking in common."""
    return asked.border.read(_read_id(booking_id))


@router.post("/messages", status_code=201, responses=_errors(400, 401, 404))
def post_connections(*, asked: Asked, body: Message) -> None:
    """Take in a message from one of their users to one of ours."""
    asked.border.hear(body)


@router.post("/booking_events", responses=_errors(400, 401, 404))
def post_booking_events(*, asked: Asked, body: BookingEvent) -> None:
    """Take in what happened to a booking that somebody of ours made on their pages; the ID token is one of ours."""
    asked.border.note_event(body)


@router.get("/status")
def get_standard_status() -> dict[str, str]:
    """Say that the service is there."""
    return {"status": "OK"}
