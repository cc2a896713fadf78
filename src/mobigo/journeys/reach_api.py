"""HTTP: what is reached from a place, and times between many places."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from mobigo.db.session import Database, driver
from mobigo.journeys.communes import list_communes_in
from mobigo.journeys.matrix import Matrix, Window, find_matrix
from mobigo.journeys.reach import find_reach
from mobigo.journeys.reach_answer import ReachAnswer, bound_box, list_reached, reach_as_json
from mobigo.journeys.reach_parameters import MOST_SWEPT, AskedMatrix, AskedReach
from mobigo.kit.errors import InvalidInput
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1", tags=["journeys"])

GEOJSON, CSV = "application/geo+json", "text/csv"


class WindowAnswer(BaseModel):
    """How times differ over a window: at each of its minutes as a question of its own, the wait included."""

    minutes: int = Field(description="After `at`; with `arrive_by`, before it")
    least_seconds: list[list[int | None]] = Field(description="At the best minute; null: at none is there a journey")
    median_seconds: list[list[int | None]] = Field(
        description="At half of the minutes it takes no longer; null: at most of them is there no journey"
    )
    most_seconds: list[list[int | None]] = Field(description="At the worst minute; null: at some there is no journey")
    reached_minutes: list[list[int]] = Field(description="At how many minutes, of `minutes` + 1, there is a journey")


class MatrixAnswer(BaseModel):
    """Times between places; rows are origins, columns destinations."""

    origins: list[str]
    destinations: list[str]
    at: datetime
    arrive_by: bool
    seconds: list[list[int | None]] = Field(
        description="From `at` to the arrival; with `arrive_by`, from the departure to `at`; null: no journey"
    )
    changes: list[list[int | None]] = Field(description="As few as that takes")
    window: WindowAnswer | None = Field(description="Null: no `window_minutes` were asked for")
    missing: list[int] = Field(
        description="Numbers, from 0, of origins (with `arrive_by`, of destinations) that there was no time to look at"
    )
    complete: bool = Field(description="False: the time for computing was over; what is told holds")
    network_version: str


@router.get(
    "/reach",
    response_model=ReachAnswer,
    responses=problems(400, 404, 422, 503)
    | {200: {"content": {GEOJSON: {"schema": {"$ref": "#/components/schemas/BandsAnswer"}}}}},
)
def get_reach(request: Request, session: Database, now: Now, asked: Annotated[AskedReach, Query()]) -> Response:
    """Find everything that is reached from a place by vehicle and on foot, or from where one can be there by then.

    At every stop the time is that of the journey of `/v1/journeys` that arrives first (leaves last), without rides that
    are booked. The areas are drawn along the streets that one walks in the time left, and each lies within the next.
    With `Accept: application/geo+json` only the areas are answered. Questions are not noted.
    """
    network = request.app.state.networks.current()
    question = asked.question(asked.from_, asked.budget_ms, now, network.manifest.zone)
    bands = asked.bands
    found = find_reach(network, question, 60 * bands[-1])
    here = list_reached(found, list_communes_in(driver(session), bound_box(found)))
    answer = reach_as_json(found, bands, here)
    if GEOJSON in request.headers.get("accept", ""):
        return Response(orjson.dumps(answer["bands"]), media_type=GEOJSON, headers={"Vary": "Accept"})
    return Response(orjson.dumps(answer), media_type="application/json", headers={"Vary": "Accept"})


@router.post(
    "/matrix",
    response_model=MatrixAnswer,
    responses=problems(400, 404, 422, 503) | {200: {"content": {CSV: {"schema": {"type": "string"}}}}},
)
def post_matrix(request: Request, now: Now, asked: AskedMatrix) -> Response:
    """Tell how long it takes between all pairs of places, and with how many changes.

    Each as `/v1/journeys` answers the pair alone (the journey that arrives first; with `arrive_by`, that leaves last),
    without rides that are booked; walking all the way counts up to `max_walk_minutes`. `window_minutes` asks the same
    at every minute of a window and tells the least, the median and the most. With `Accept: text/csv` one row per pair.
    Questions are not noted.
    """
    swept, others = asked.origins, asked.destinations
    if asked.arrive_by:
        swept, others = others, swept
    if len(swept) > MOST_SWEPT:
        side = "destinations" if asked.arrive_by else "origins"
        raise InvalidInput(f"{len(swept)} {side}; at most {MOST_SWEPT} are searched at once, ask for parts of them")
    network = request.app.state.networks.current()
    question = asked.question(swept[0], asked.budget_ms, now, network.manifest.zone)
    found = find_matrix(
        network, question, asked.origins, asked.destinations, 60 * asked.max_minutes, window=asked.window_minutes
    )
    if CSV in request.headers.get("accept", ""):
        text = _as_csv(found, asked.origins, asked.destinations)
        return Response(text, media_type=f"{CSV}; charset=utf-8", headers={"Vary": "Accept"})
    answer: dict[str, Any] = {
        "origins": asked.origins,
        "destinations": asked.destinations,
        "at": question.at.astimezone(network.manifest.zone),
        "arrive_by": asked.arrive_by,
        "seconds": _rows(found.seconds),
        "changes": _rows(found.changes),
        "window": found.window and _window_as_json(found.window),
        "missing": list(found.missing),
        "complete": found.complete,
        "network_version": network.manifest.version,
    }
    return Response(orjson.dumps(answer), media_type="application/json", headers={"Vary": "Accept"})


def _rows(table: NDArray[np.int32]) -> list[list[int | None]]:
    return [[None if one < 0 else one for one in row] for row in table.tolist()]


def _window_as_json(window: Window) -> dict[str, Any]:
    return {
        "minutes": window.minutes,
        "least_seconds": _rows(window.least),
        "median_seconds": _rows(window.median),
        "most_seconds": _rows(window.most),
        "reached_minutes": window.reached.tolist(),
    }


def _as_csv(found: Matrix, origins: Sequence[str], destinations: Sequence[str]) -> str:
    """Write one row per pair; nothing where there is no journey."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    tables = {"seconds": found.seconds, "changes": found.changes}
    if found.window is not None:
        tables |= {"least_seconds": found.window.least, "median_seconds": found.window.median}
        tables |= {"most_seconds": found.window.most, "reached_minutes": found.window.reached}
    writer.writerow(["origin", "destination", *tables])
    for row, origin in enumerate(origins):
        for column, destination in enumerate(destinations):
            told = (int(table[row, column]) for table in tables.values())
            writer.writerow([origin, destination, *("" if one < 0 else one for one in told)])
    return text.getvalue()
