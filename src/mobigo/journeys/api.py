"""HTTP: journeys and health."""

from datetime import date, datetime
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from mobigo import __version__
from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest, Label, Mode, Reason
from mobigo.kit.parameters import INSTANT_PATTERN, read_instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1", tags=["journeys"])


class PlaceAnswer(BaseModel):
    """A point of a journey."""

    name: str
    lat: float
    lon: float
    stop_id: str | None = Field(description="`source:gtfs_id`; null for an end that is no stop.")
    platform: str | None = None


class StepAnswer(BaseModel):
    """One instruction of a walk."""

    street: str = Field(description="Empty for a way without a name.")
    metres: float
    direction: str = Field(description="DEPART, CONTINUE, LEFT, SLIGHTLY_RIGHT, ...")


class CallAnswer(BaseModel):
    """A stop on the way."""

    name: str
    stop_id: str | None
    lat: float
    lon: float
    arrival: datetime
    departure: datetime


class LineString(BaseModel):
    """GeoJSON geometry of a leg."""

    type: Literal["LineString"] = "LineString"
    coordinates: list[tuple[float, float]] = Field(description="Longitude, latitude.")


class LegAnswer(BaseModel):
    """A part of a journey in one vehicle, or one walk."""

    mode: Mode
    from_: PlaceAnswer = Field(alias="from")
    to: PlaceAnswer
    departure: datetime = Field(description="With the offset of the zone at that place.")
    arrival: datetime
    trip_id: str | None = Field(description="`source:gtfs_id`; null on foot.")
    service_date: date | None = Field(description="The service day of the trip; it may begin the day before it runs.")
    line: str | None = Field(description="Name of the line as painted on the vehicle.")
    line_id: str | None
    line_long_name: str | None
    line_color: str | None = Field(description="RRGGBB.")
    line_text_color: str | None
    agency: str | None
    headsign: str | None
    stay_seated: bool = Field(description="The vehicle of the leg before goes on as this trip.")
    calls: list[CallAnswer] = Field(description="Stops between boarding and alighting.")
    metres: float | None
    geometry: LineString
    steps: list[StepAnswer] = Field(description="Instructions of a walk.")


class JourneyAnswer(BaseModel):
    """One way to get there."""

    id: str = Field(description="Opaque; names the rides and stays valid when the network is replaced.")
    departure: datetime
    arrival: datetime
    transfers: int
    labels: list[Label]
    legs: list[LegAnswer]


class PlanAnswer(BaseModel):
    """Journeys, or why there are none."""

    journeys: list[JourneyAnswer]
    reason: Reason | None = Field(description="Why there is no journey by vehicle; null when there is one.")
    next_departure: datetime | None = Field(description="Without a journey: when the next one leaves.")
    network_version: str


class HealthAnswer(BaseModel):
    """Whether journeys can be planned."""

    status: Literal["ok", "no_network"]
    version: str
    network_version: str | None
    time: datetime = Field(description="The clock of this instance.")


@router.get("/journeys", response_model=PlanAnswer, responses=problems(400, 404, 422, 503))
def journeys(
    *,
    request: Request,
    now: Now,
    from_: Annotated[
        str,
        Query(
            alias="from", description="`LAT,LON` or a stop id", openapi_examples={"point": {"value": "47.4906,4.3347"}}
        ),
    ],
    to: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            description="`LAT,LON` or a stop id",
            openapi_examples={"point": {"value": "47.3234,5.0272"}},
        ),
    ],
    at: Annotated[
        str | None,
        Query(
            description="ISO 8601 instant; without an offset, local time of the network; default now",
            json_schema_extra={"pattern": INSTANT_PATTERN},
            openapi_examples={"local": {"value": "2026-11-23T07:30"}},
        ),
    ] = None,
    arrive_by: Annotated[bool, Query(description="Arrive by `at` instead of leaving after it")] = False,
    window_minutes: Annotated[
        int | None,
        Query(
            ge=0,
            le=1440,
            description="Leave within so many minutes after `at` (arrive within so many before). 0: the next journeys"
            " only. Default: two hours, and if nothing runs in them the next journeys after",
        ),
    ] = None,
    max_transfers: Annotated[int, Query(ge=0, le=15, description="Changes of vehicle, at most")] = 15,
    max_walk_minutes: Annotated[int, Query(ge=0, le=120, description="Longest single walk")] = 30,
) -> Response:
    """Plan journeys from door to door.

    Walk, ride, change, walk: the journeys by vehicle that no other one beats in departure, arrival and number of
    changes, and walking all the way where it is short or nothing else serves.
    """
    network = request.app.state.networks.current()
    question = JourneyRequest(
        origin=from_,
        destination=to,
        at=read_instant(at, network.manifest.zone) if at else now,
        arrive_by=arrive_by,
        window=None if window_minutes is None else window_minutes * 60,
        max_transfers=max_transfers,
        max_walk=max_walk_minutes * 60,
    )
    return Response(orjson.dumps(service.plan_as_json(service.plan(network, question))), media_type="application/json")


@router.get("/health")
def health(request: Request, now: Now) -> HealthAnswer:
    """Say whether journeys can be planned, on which network, and what time it is here."""
    network = request.app.state.networks.find_current()
    return HealthAnswer(
        status="ok" if network else "no_network",
        version=__version__,
        network_version=network.manifest.version if network else None,
        time=now,
    )
