"""HTTP: the changes of a journey and what happens if one is missed; other vehicles for one of its rides."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from mobigo.journeys.answer import ChangeAnswer, JourneyAnswer, LegAnswer, change_as_json, journey_as_json, leg_as_json
from mobigo.journeys.missing import Missed, Told, tell_changes
from mobigo.journeys.model import Realtime
from mobigo.journeys.others import Other, Why, find_others
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1", tags=["journeys"])

MOST_OTHERS = 20

JourneyId = Annotated[
    str,
    Path(
        min_length=1,
        max_length=20_000,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="`id` of a journey that was answered, now or before",
    ),
]
Live = Annotated[Realtime, Query(description="`off`: by the timetable; `annotate` is the same as `on`")]


class MissedAnswer(BaseModel):
    """How one goes on."""

    journey: JourneyAnswer | None = Field(
        description="The one that arrives first, from where the vehicle left; null: none does within two weeks"
    )
    later_seconds: int | None = Field(description="How much later than planned one arrives")
    complete: bool = Field(description="False: the time for computing was over, there may be an earlier one")


class ToldAnswer(ChangeAnswer):
    """A change of the journey."""

    leg: int = Field(description="Which of the journey's legs one changes to, from 0")
    if_missed: MissedAnswer | None = Field(
        description="One second after the vehicle left without one; null: it waits (`guaranteed`)"
    )


class ChangesAnswer(BaseModel):
    """All changes of a journey."""

    journey: JourneyAnswer = Field(description="As it goes now")
    changes: list[ToldAnswer]
    riskiest_leg: int | None = Field(description="The one with least to spare; null: nothing can be missed")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


@router.get("/journeys/{id}/changes", response_model=ChangesAnswer, responses=problems(400, 404, 422, 503))
def get_journey_changes(
    *,
    request: Request,
    now: Now,
    id: JourneyId,  # noqa: A002 - the path's own name
    realtime: Live = Realtime.ON,
) -> Response:
    """Tell how safe the changes of a journey are now, and how one goes on from each if it is missed.

    What is needed is the way on foot, or the time that transfers.txt asks for; what is to spare counts with the times
    of now. If the vehicle is missed, the answer goes on from where it left, with everything that was asked before.
    """
    network, state = request.app.state.networks.current(), request.app.state
    found = tell_changes(network, id, now, realtime, state.hails.at(network, now), lift=state.lifts.at(network, now))
    answer = {
        "journey": journey_as_json(found.journey),
        "changes": [told_as_json(one) for one in found.told],
        "riskiest_leg": found.riskiest,
        "live_at": found.live_at,
        "network_version": found.network_version,
    }
    return Response(orjson.dumps(answer), media_type="application/json")


class OtherAnswer(BaseModel):
    """Another vehicle for a ride."""

    leg: LegAnswer
    earlier: bool = Field(description="Than the ride of the journey")
    fits: bool = Field(description="Everything else of the journey stays as it is")
    why_not: Why | None = Field(
        description="`before_one_is_there`: it leaves before one can be there; `after_the_next`: it is too late for the"
        " vehicle after it; `not_bookable`: it has to be booked and cannot be, now"
    )
    declined: str | None = Field(description="Of `not_bookable`: why, as `not_now` says it", examples=["too_late"])
    journey: str | None = Field(description="Id of the journey with it; null where it does not fit")
    departure: datetime | None = Field(description="Of that journey")
    arrival: datetime | None


class OthersAnswer(BaseModel):
    """What goes instead of a ride."""

    leg: int
    planned: LegAnswer = Field(description="The ride of the journey, as it goes now")
    alternatives: list[OtherAnswer] = Field(description="By departure")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


@router.get(
    "/journeys/{id}/legs/{leg}/alternatives", response_model=OthersAnswer, responses=problems(400, 404, 422, 503)
)
def list_leg_alternatives(
    *,
    request: Request,
    now: Now,
    id: JourneyId,  # noqa: A002 - the path's own name
    leg: Annotated[int, Path(ge=0, le=200, description="Which of the journey's `legs`, from 0: a ride")],
    earlier: Annotated[int, Query(ge=0, le=MOST_OTHERS, description="How many before it, at most")] = 2,
    later: Annotated[int, Query(ge=0, le=MOST_OTHERS, description="How many after it, at most")] = 3,
    realtime: Live = Realtime.ON,
) -> Response:
    """List the vehicles before and after a ride of a journey, of any line, between the same places without a change.

    Live: what is cancelled or has left is left out. Each says whether the rest of the journey holds with it, and
    under which id the journey with it is looked up; one that must be booked has its `booking`. Of a ride on demand, or
    in somebody's car: the same ride at other times at which it can be booked now.
    """
    network, state = request.app.state.networks.current(), request.app.state
    hail, lift = state.hails.at(network, now), state.lifts.at(network, now)
    found = find_others(network, id, leg, now, realtime=realtime, hail=hail, lift=lift, earlier=earlier, later=later)
    answer = {
        "leg": found.leg,
        "planned": leg_as_json(found.journey.legs[found.leg], 0),
        "alternatives": [other_as_json(one) for one in found.others],
        "live_at": found.live_at,
        "network_version": found.network_version,
    }
    return Response(orjson.dumps(answer), media_type="application/json")


def told_as_json(one: Told) -> dict[str, Any]:
    """Write a change, and how one goes on if it is missed."""
    return {
        **change_as_json(one.change),
        "leg": one.leg,
        "if_missed": None if one.missed is None else _missed_as_json(one.missed),
    }


def _missed_as_json(one: Missed) -> dict[str, Any]:
    return {
        "journey": None if one.journey is None else journey_as_json(one.journey),
        "later_seconds": one.later,
        "complete": one.complete,
    }


def other_as_json(one: Other) -> dict[str, Any]:
    """Write another vehicle for a ride."""
    return {
        "leg": leg_as_json(one.leg, 0),
        "earlier": one.earlier,
        "fits": one.why_not is None,
        "why_not": one.why_not,
        "declined": one.declined,
        "journey": one.journey,
        "departure": one.departure,
        "arrival": one.arrival,
    }
