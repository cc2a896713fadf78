"""HTTP: journeys, round trips and health."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from mobigo import __version__
from mobigo.journeys import service
from mobigo.journeys.answer import PlanAnswer, RoundTripAnswer, plan_as_json, round_trip_as_json
from mobigo.journeys.liftleg import Lift
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import Network
from mobigo.journeys.parameters import Asked, AskedBack
from mobigo.journeys.pricing import Till, open_till
from mobigo.journeys.rideleg import Hail
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1", tags=["journeys"])


class HealthAnswer(BaseModel):
    """Whether journeys can be planned."""

    status: Literal["ok", "no_network"]
    version: str
    network_version: str | None
    time: datetime
    """The clock of this instance."""


@router.get("/journeys", response_model=PlanAnswer, responses=problems(400, 404, 422, 503))
def journeys(request: Request, now: Now, asked: Annotated[Asked, Query()]) -> Response:
    """Plan journeys from door to door.

    Walk, ride, change, walk: of the journeys by vehicle that no other one beats in departure, arrival and number of
    changes, those worth taking, each labelled with what it is best at, and walking all the way where it is short or
    nothing else serves. Without any, the reason, when the next and the previous one leave, and what to change.
    """
    network = request.app.state.networks.current()
    question = asked.request(now, network.manifest.zone)
    found = service.plan(
        network,
        question,
        hail(request, network, question, now),
        lift(request, network, question, now),
        till(request, question, now, asked.travellers),
    )
    request.app.state.notes.note(request, network, question, found, now)
    return Response(orjson.dumps(plan_as_json(found)), media_type="application/json")


@router.get("/round-trips", response_model=RoundTripAnswer, responses=problems(400, 404, 422, 503))
def round_trips(request: Request, now: Now, asked: Annotated[AskedBack, Query()]) -> Response:
    """Plan a way there and back, or say that one cannot get home.

    The ways there as `GET /v1/journeys` answers them, the ways back from the stay on, which of them go together, how
    long one can stay, and the last way back.
    """
    network = request.app.state.networks.current()
    zone = network.manifest.zone
    question = asked.request(now, zone)
    found = service.plan_round_trip(
        network,
        question,
        hail(request, network, question, now),
        lift(request, network, question, now),
        till(request, question, now, asked.travellers),
        **asked.back(zone),
    )
    request.app.state.notes.note_both(request, network, question, found, stay=asked.stay_minutes * 60, now=now)
    return Response(orjson.dumps(round_trip_as_json(found)), media_type="application/json")


def hail(request: Request, network: Network, question: JourneyRequest, now: datetime) -> Hail | None:
    """Return what on-demand transport offers at the instant at which one would book; None where none is wanted."""
    if not question.ondemand:
        return None
    found: Hail | None = request.app.state.hails.at(network, question.booking_at or now)
    return found


def lift(request: Request, network: Network, question: JourneyRequest, now: datetime) -> Lift | None:
    """Return the cars one can ride in at the instant at which one would book; None where none is wanted."""
    if not question.carpool:
        return None
    found: Lift | None = request.app.state.lifts.at(network, question.booking_at or now)
    return found


def till(request: Request, question: JourneyRequest, now: datetime, travellers: Sequence[str] = ()) -> Till | None:
    """Return what journeys are priced with; None where nothing is sold."""
    shelf = request.app.state.fares.current(now)
    return None if shelf is None else open_till(shelf, travellers, question.party.persons)


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
