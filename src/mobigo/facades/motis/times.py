"""HTTP: times from one place to all stops, and to many places, as MOTIS answers them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from mobigo.facades.motis.answers import ERRORS, DurationAnswer, ManyAnswer, ReachableAnswer, Version, answer
from mobigo.facades.motis.ids import read_place, read_point
from mobigo.facades.motis.modes import Mode, filter_of
from mobigo.facades.motis.parameters import BUDGET, LONGEST_DIRECT, MINUTE, Asked, Riding, split
from mobigo.facades.motis.scribe import Scribe
from mobigo.journeys.matrix import find_matrix
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import Network
from mobigo.journeys.reach import find_reach
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.kit.requests import Now
from mobigo.street.graph import Profile
from mobigo.street.routing import path, reach, roll, roll_path, roll_seconds, snap, stop_seconds

router = APIRouter(tags=["routing"])

LONGEST_REACH = 180
"""Minutes."""
MOST_PLACES = 1000
PROFILES = {Mode.WALK: Profile.FOOT, Mode.BIKE: Profile.BICYCLE, Mode.CAR: Profile.CAR}

PlaceWord = Annotated[str, Field(min_length=1, max_length=300)]
Many = Annotated[
    list[PlaceWord],
    BeforeValidator(split),
    Field(min_length=1, max_length=MOST_PLACES, description="`latitude;longitude`, parted by commas"),
]


class AskedReach(Riding):
    """What may be asked of everything that is reached."""

    one: Annotated[str, Field(min_length=1, max_length=300, description="`latitude,longitude[,level]` or a stop id")]
    max_travel_time: int = Field(ge=0, description=f"Minutes, at most {LONGEST_REACH}")


class Streets(Asked):
    """What may be asked of ways on streets; `maxMatchingDistance` and `elevationCosts` are taken without effect."""

    one: Annotated[str, Field(min_length=1, max_length=100, description="`latitude;longitude`")]
    many: Many
    mode: Mode = Field(description="`WALK`, `BIKE` or `CAR`")
    max: float = Field(ge=0, description="Seconds")
    arrive_by: bool = Field(default=False, description="From many to one")
    with_distance: bool = Field(default=False, description="Also metres")


class AskedMany(Riding):
    """What may be asked of times by vehicle to many places."""

    one: Annotated[str, Field(min_length=1, max_length=300, description="`latitude;longitude` or a stop id")]
    many: Many
    max_travel_time: int = Field(default=90, ge=0, le=720, description="Minutes")
    direct_mode: Mode = Mode.WALK
    max_direct_time: int = Field(default=1800, ge=0, description="Seconds")
    with_distance: bool = False


def _question(network: Network, asked: Riding, place: str, now: datetime, version: int) -> JourneyRequest:
    lines = filter_of(network.timetable, asked.wanted())
    question = JourneyRequest(place, place, asked.instant(now.astimezone(network.manifest.zone)), budget=BUDGET)
    told = asked.ride(question, version, asked.wanted(), lines)
    only = told["only"] or (("mode:on_demand",) if lines.nothing else ())  # rides that are booked are in no table
    return JourneyRequest(**(question.__dict__ | told | {"only": only}))


def one_to_all(request: Request, now: Now, version: Version, asked: Annotated[AskedReach, Query()]) -> Response:
    """Tell which stops are reached from a place (with `arriveBy`: from which it is) and how soon, in minutes."""
    if asked.max_travel_time > LONGEST_REACH:
        raise InvalidInput(f"maxTravelTime {asked.max_travel_time} is more than {LONGEST_REACH} minutes")
    network: Network = request.app.state.networks.current()
    place = read_place(asked.one)
    scribe = Scribe(network, version)
    scribe.expect(place)
    found = find_reach(network, _question(network, asked, place, now, version), MINUTE * asked.max_travel_time)
    rows = zip(
        found.stops.tolist(), found.seconds.tolist(), found.changes.tolist(), found.on_foot.tolist(), strict=True
    )
    stop = network.stop_index.get(place)
    end = found.end
    return answer(
        {
            "one": scribe.point("", end.point.lat, end.point.lon) if stop is None else scribe.stop(stop),
            "all": [
                {"place": scribe.stop(at), "duration": -(-seconds // MINUTE), "k": 0 if on_foot else changes + 1}
                for at, seconds, changes, on_foot in rows
            ],
        }
    )


def one_to_many(request: Request, asked: Annotated[Streets, Query()]) -> Response:
    """Tell how long the ways on streets are from one place to others; in their order, empty where there is none."""
    return answer(_measure(request, asked))


def one_to_many_post(request: Request, asked: Streets) -> Response:
    """Tell the same; the question comes as a body."""
    return answer(_measure(request, asked))


def _measure(request: Request, asked: Streets) -> list[dict[str, float]]:
    if asked.mode not in PROFILES:
        raise InvalidInput(f"mode {asked.mode} is not for streets; there are WALK, BIKE, CAR")
    network: Network = request.app.state.networks.current()
    points = [read_point(text.replace(";", ","), "one-to-many") for text in (asked.one, *asked.many)]
    return measure(network, asked.mode, points, min(asked.max, LONGEST_DIRECT), asked)


def measure(
    network: Network, mode: Mode, points: Sequence[tuple[float, float]], longest: float, asked: "Streets | AskedMany"
) -> list[dict[str, float]]:
    """Measure the ways between the first point and all others.

    Raises
    ------
    Refused
        Where no streets are loaded.
    """
    graph, profile = network.streets, PROFILES[mode]
    if graph is None:
        raise Refused("no streets are loaded here, so no ways on them are known")
    snaps = snap(graph, points, profile)
    origin, others = snaps.one(0), snaps._replace(**{name: one[1:] for name, one in snaps._asdict().items()})
    seconds: NDArray[np.int32] = np.full(len(points) - 1, -1, np.int32)
    metres: list[float | None] = [None] * len(seconds)
    if origin is not None and mode is Mode.WALK:
        walked = reach(graph, origin, profile, longest, backward=asked.arrive_by)
        seconds = stop_seconds(walked, others)
        if asked.with_distance:
            ways = [path(walked, there) if (there := others.one(n)) else None for n in range(len(seconds))]
            metres = [way and way.metres for way in ways]
    elif origin is not None:
        rolled = roll(graph, origin, profile, longest, backward=asked.arrive_by)
        seconds = roll_seconds(rolled, others)
        if asked.with_distance:
            ways = [roll_path(rolled, there) if (there := others.one(n)) else None for n in range(len(seconds))]
            metres = [way and way.metres for way in ways]
    return [
        {} if one < 0 or one > longest else {"duration": one} | ({} if far is None else {"distance": round(far, 1)})
        for one, far in zip(seconds.tolist(), metres, strict=True)
    ]


def one_to_many_intermodal(
    request: Request, now: Now, version: Version, asked: Annotated[AskedMany, Query()]
) -> Response:
    """Tell times from one place to others, without vehicles of the timetable and with them: of the first arrival."""
    if asked.direct_mode not in PROFILES:
        raise InvalidInput(f"directMode {asked.direct_mode} is not for streets; there are WALK, BIKE, CAR")
    network: Network = request.app.state.networks.current()
    places = [read_place(text.replace(";", ",")) for text in (asked.one, *asked.many)]
    Scribe(network, version).expect(*places)
    question = _question(network, asked, places[0], now, version)
    origins, destinations = [places[0]], places[1:]
    if asked.arrive_by:
        origins, destinations = destinations, origins
    found = find_matrix(network, question, origins, destinations, MINUTE * asked.max_travel_time)
    seconds, changes = (table.ravel().tolist() for table in (found.seconds, found.changes))
    points = [_point_of(network, place) for place in places]
    street: list[dict[str, Any]] = []
    if network.streets is not None:
        street = measure(network, asked.direct_mode, points, min(asked.max_direct_time, LONGEST_DIRECT), asked)
    return answer(
        {
            "street_durations": street or [{} for _ in asked.many],
            "transit_durations": [
                [] if one < 0 else [{"duration": one, "transfers": few}]
                for one, few in zip(seconds, changes, strict=True)
            ],
        }
    )


def _point_of(network: Network, place: str) -> tuple[float, float]:
    stop = network.stop_index.get(place)
    if stop is None:
        return read_point(place, "place")
    return float(network.timetable.stop_lon[stop]), float(network.timetable.stop_lat[stop])


for _path in ("v1", "v6", "experimental"):
    router.add_api_route(
        f"/api/{_path}/one-to-all", one_to_all, methods=["GET"], response_model=ReachableAnswer, responses=ERRORS
    )
router.add_api_route(
    "/api/v1/one-to-many", one_to_many, methods=["GET"], response_model=list[DurationAnswer], responses=ERRORS
)
router.add_api_route(
    "/api/v1/one-to-many", one_to_many_post, methods=["POST"], response_model=list[DurationAnswer], responses=ERRORS
)
router.add_api_route(
    "/api/experimental/one-to-many-intermodal",
    one_to_many_intermodal,
    methods=["GET"],
    response_model=ManyAnswer,
    responses=ERRORS,
)
