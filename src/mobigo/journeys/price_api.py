"""HTTP: what a journey costs those who travel, with what they have already."""

from datetime import datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from mobigo.fares.model import FareRide, Fellow, Held, RideKind
from mobigo.fares.shelf import Shelf
from mobigo.journeys.answer import PriceAnswer
from mobigo.journeys.model import Realtime
from mobigo.journeys.network import Network
from mobigo.journeys.pricing import (
    MOST_TRAVELLERS,
    Priced,
    Till,
    check_category,
    price_as_json,
    price_journey,
    version_of,
)
from mobigo.journeys.refresh import refresh
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.transit.distances import line_metres

router = APIRouter(prefix="/v1/fares", tags=["fares"])

Text = Annotated[str, Field(min_length=1, max_length=200)]
MOST_RIDES = 16
MOST_HELD = 10
MOST_METRES = 2_000_000


class HeldBody(BaseModel):
    """Something a traveller already has."""

    model_config = ConfigDict(extra="forbid")
    product: Text
    id: Text | None = Field(default=None, description="What the answer calls it; default: `1.1`, `1.2`, ...")
    version: int | None = Field(
        default=None, description="Of the catalogue it was sold from; default: the one in force"
    )
    valid_from: AwareDatetime | None = Field(default=None, description="Null: from first use.")
    valid_until: AwareDatetime | None = None
    rides_left: Annotated[int, Field(ge=0, le=1000)] | None = Field(default=None, description="Null: no limit.")
    areas: list[Text] = Field(default_factory=list, max_length=20, description="Chosen when it was bought.")


class TravellerBody(BaseModel):
    """One who travels."""

    model_config = ConfigDict(extra="forbid")
    category: Text | None = Field(default=None, description="Default: the full fare.")
    held: list[HeldBody] = Field(default_factory=list, max_length=MOST_HELD)


class RideBody(BaseModel):
    """A ride in one vehicle."""

    model_config = ConfigDict(extra="forbid")
    kind: RideKind = RideKind.LINE
    route: Text = Field(description="`source:route_id`; of on-demand services and carpool lines their id.")
    agency: Text | None = Field(default=None, description="`source:agency_id`; default: that of the route.")
    board: Text | None = Field(default=None, description="`source:stop_id`; null: a place without a stop.")
    alight: Text | None = None
    departure: AwareDatetime
    arrival: AwareDatetime
    metres: Annotated[int, Field(ge=0, le=MOST_METRES)] | None = Field(
        default=None, description="Along the way; default: as the timetable's line drives it, else in straight lines."
    )
    passes: list[Text] = Field(default_factory=list, max_length=500, description="Stops called at, both ends included.")
    quoted_cents: Annotated[int, Field(ge=0, le=1_000_000)] | None = Field(
        default=None, description="For one traveller, where the service itself says a price."
    )


class PriceBody(BaseModel):
    """A question: a journey that was answered, or rides; and who travels."""

    model_config = ConfigDict(extra="forbid")
    journey: Annotated[str, Field(min_length=1, max_length=20_000)] | None = Field(
        default=None, description="`id` of a journey of `GET /v1/journeys`."
    )
    rides: list[RideBody] = Field(default_factory=list, max_length=MOST_RIDES, description="Instead of `journey`.")
    travellers: list[TravellerBody] = Field(
        default_factory=lambda: [TravellerBody()], min_length=1, max_length=MOST_TRAVELLERS
    )
    media: list[Text] | None = Field(
        default=None, max_length=20, description="What tickets may be on, by id; null: anything."
    )


@router.post("/price", response_model=PriceAnswer, responses=problems(400, 404, 422, 503))
def price(request: Request, now: Now, body: PriceBody) -> Response:
    """Find the cheapest lawful way to pay for a journey, each cent explained.

    Nothing is bought or kept. `legs` of the answer count the journey's legs, or the rides given, from 0.
    """
    if (body.journey is None) == (not body.rides):
        raise InvalidInput("say what to price: either `journey` or `rides`", code="nothing_to_price")
    state = request.app.state
    shelf: Shelf | None = state.fares.current(now)
    if shelf is None:
        raise NotFound("no catalogue is in force today; GET /v1/fares lists those there are", code="unknown_catalogue")
    till = Till(shelf, tuple(_read_traveller(shelf, n, one) for n, one in enumerate(body.travellers, 1)), _media(body))
    network: Network = state.networks.current()
    if body.journey is not None:
        found = refresh(
            network, body.journey, now, Realtime.ON, state.hails.at(network, now), lift=state.lifts.at(network, now)
        )
        priced = price_journey(network, found.journey, till)
    else:
        rides = [_read_ride(network, one) for one in body.rides]
        each = tuple((n,) for n in range(len(rides)))
        priced = Priced(shelf.price(rides, till.fellows, till.media), each, shelf)
    if priced is None:
        raise InvalidInput("this journey has no ride that one pays for", code="nothing_to_price")
    return Response(orjson.dumps(price_as_json(priced)), media_type="application/json")


def _media(body: PriceBody) -> frozenset[str] | None:
    return None if body.media is None else frozenset(body.media)


def _read_traveller(shelf: Shelf, number: int, body: TravellerBody) -> Fellow:
    category = body.category or shelf.default
    check_category(shelf, category)
    held = tuple(
        Held(
            one.id or f"{number}.{n}",
            one.product,
            version_of(shelf, one.product) if one.version is None else one.version,
            one.valid_from,
            one.valid_until,
            one.rides_left,
            tuple(one.areas),
        )
        for n, one in enumerate(body.held, 1)
    )
    return Fellow(str(number), category, held)


def _read_ride(network: Network, body: RideBody) -> FareRide:
    if body.arrival < body.departure:
        raise InvalidInput(
            f"the ride on {body.route} arrives at {body.arrival} before it leaves at {body.departure}; check both",
            code="nothing_to_price",
        )
    timetable = network.timetable
    stops = [one for one in (body.passes or (body.board, body.alight)) if one is not None]
    indices = [_find_stop(network, one) for one in stops]
    route = timetable.route_ids.find(body.route)
    metres = line_metres(timetable, route, indices) if body.metres is None else body.metres
    agency = body.agency
    if agency is None and route >= 0 and timetable.route_agency[route] >= 0:
        agency = timetable.agency_ids.at(int(timetable.route_agency[route]))
    return FareRide(
        body.kind,
        agency or "",
        body.route,
        (),
        body.board,
        body.alight,
        _local(network, body.departure),
        _local(network, body.arrival),
        metres,
        _local(network, body.departure).date(),
        quoted=body.quoted_cents,
        passes=tuple(body.passes),
        stations=(_station(network, body.board), _station(network, body.alight)),
    )


def _local(network: Network, instant: datetime) -> datetime:
    return instant.astimezone(network.manifest.zone)


def _find_stop(network: Network, name: str) -> int:
    stop = network.stop_index.get(name)
    if stop is None:
        raise NotFound(f"no stop {name!r}; take an id from /v1/stops", code="unknown_stop")
    return stop


def _station(network: Network, name: str | None) -> str | None:
    if name is None:
        return None
    parent = int(network.timetable.stop_parent[_find_stop(network, name)])
    return network.timetable.stop_ids.at(parent) if parent >= 0 else None
