"""HTTP: a journey as it goes now, and a trip."""

from datetime import date, datetime, tzinfo
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from mobigo.journeys.answer import JourneyAnswer, LineString, alerts_as_json, journey_as_json
from mobigo.journeys.model import Realtime
from mobigo.journeys.refresh import Change, Difference, Phase, refresh
from mobigo.journeys.trips import find_trip
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.transit.answers import (
    AlertAnswer,
    LineAnswer,
    Wheelchair,
    degrees,
    describe_alert,
    describe_line,
    three_states,
)
from mobigo.transit.board_api import CellAnswer, Live, ServiceDay, cell_answer
from mobigo.transit.boards import State
from mobigo.transit.live import Vehicle
from mobigo.transit.printed import Cell
from mobigo.transit.timetable import Timetable

router = APIRouter(prefix="/v1", tags=["journeys"])


class DifferenceAnswer(BaseModel):
    """One thing that became different since the journey was answered."""

    code: Change = Field(
        description="`later`, `earlier`: a time; `canceled`: the trip does not run; `stop_skipped`: it runs, but one"
        " cannot board or alight there; `platform`; `missed`: it leaves before one can be there; `tight`: hardly any"
        " time is left; `timetable`: a new timetable moved it; `unknown`: it is in no timetable any more"
    )
    ride: int = Field(description="Which of the journey's rides, from 0", examples=[0])
    line: str | None
    stop: str | None = Field(description="Name of the stop it is about")
    side: Literal["departure", "arrival"] | None = Field(description="Of `later` and `earlier`")
    minutes: int | None = Field(description="By how much; of `tight`, how much is left")
    platform: str | None = Field(description="The new one")
    text: dict[str, str] = Field(
        description="The same in words, by language",
        examples=[{"fr": "Ligne 12, Amont : départ 7 min plus tard.", "en": "Line 12 leaves Amont 7 min later."}],
    )


class RefreshedAnswer(BaseModel):
    """A journey as it goes now."""

    journey: JourneyAnswer = Field(description="Its times are those expected now; rides nobody knows are left out")
    phase: Phase = Field(description="`ahead`, `under_way` or `over`")
    holds: bool = Field(description="It can be made as it was planned, if perhaps later")
    changes: list[DifferenceAnswer]
    alternatives: list[JourneyAnswer] = Field(
        description="Where it does not hold: what to do instead, with what still holds; earliest arrival first"
    )
    alerts: list[AlertAnswer] = Field(description="What the legs' `alerts` name")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


@router.get("/journeys/{id}", response_model=RefreshedAnswer, responses=problems(400, 404, 422, 503))
def get_journey(
    *,
    request: Request,
    now: Now,
    id: Annotated[  # noqa: A002 - the path's own name
        str, Path(min_length=1, max_length=20_000, description="`id` of a journey that was answered, now or before")
    ],
    realtime: Annotated[
        Realtime, Query(description="`off`: only what a new timetable changed; `annotate` is the same as `on`")
    ] = Realtime.ON,
) -> Response:
    """Look up a journey as it goes now: what changed, whether it still holds, and what to do if not.

    The id holds all that is needed; nothing is kept about who asked. It stays good when the network is replaced.
    """
    network = request.app.state.networks.current()
    state = request.app.state
    found = refresh(network, id, now, realtime, state.hails.at(network, now), lift=state.lifts.at(network, now))
    shown = [journey_as_json(one) for one in (found.journey, *found.alternatives)]
    named = sorted({alert for one in (found.journey, *found.alternatives) for leg in one.legs for alert in leg.alerts})
    answer = {
        "journey": shown[0],
        "phase": found.phase,
        "holds": found.holds,
        "changes": [_difference_as_json(one) for one in found.differences],
        "alternatives": shown[1:],
        "alerts": alerts_as_json((one, network.live.alerts[one]) for one in named),
        "live_at": found.live_at,
        "network_version": found.network_version,
    }
    return Response(orjson.dumps(answer), media_type="application/json")


def _difference_as_json(one: Difference) -> dict[str, Any]:
    timed = one.change in {Change.LATER, Change.EARLIER, Change.TIMETABLE, Change.TIGHT}
    return {
        "code": one.change,
        "ride": one.ride,
        "line": one.line or None,
        "stop": one.stop or None,
        "side": one.side or None,
        "minutes": one.minutes if timed else None,
        "platform": one.platform or None,
        "text": say(one),
    }


class TripCallAnswer(CellAnswer):
    """A stop of a trip."""

    stop_name: str
    lat: float | None
    lon: float | None


class PositionAnswer(BaseModel):
    """A vehicle on its way."""

    id: str
    lat: float
    lon: float
    at: datetime = Field(description="When it was there")
    bearing: float | None = Field(description="Degrees from north, clockwise")
    speed: float | None = Field(description="Metres per second")
    label: str | None
    occupancy: str | None = Field(description="GTFS-Realtime OccupancyStatus", examples=["FEW_SEATS_AVAILABLE"])


class TripAnswer(BaseModel):
    """A trip on a service day."""

    id: str = Field(description="`source:gtfs_id`")
    service_date: date
    state: State = Field(description="Of the trip as a whole; `live`: something is known about it")
    line: LineAnswer | None
    headsign: str
    short_name: str | None = Field(description="Its number, as trains have")
    direction_id: int | None
    frequency: bool = Field(description="It runs every so many minutes rather than at these very minutes")
    wheelchair: Wheelchair
    bikes: Wheelchair = Field(description="Whether bicycles are allowed aboard")
    calls: list[TripCallAnswer]
    geometry: LineString
    vehicle: PositionAnswer | None
    alerts: list[AlertAnswer]
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


@router.get("/trips/{id:path}", responses=problems(400, 404, 422, 503), tags=["transit"])
def get_trip(
    *,
    request: Request,
    now: Now,
    id: Annotated[  # noqa: A002 - the path's own name
        str, Path(description="`source:gtfs_id` of a trip", openapi_examples={"trip": {"value": "mobigo:L120-1"}})
    ],
    day: ServiceDay = None,
    live: Live = "on",
) -> TripAnswer:
    """Show a trip on a day: its calls as they were planned and as they are expected, its course, its vehicle.

    Of a trip that runs every so many minutes the run that is under way, else the next.
    """
    found = find_trip(
        request.app.state.networks.current().seen(Realtime.OFF if live == "off" else Realtime.ON), id, day, now
    )
    network, trip = found.network, found.trip
    timetable = network.timetable
    overlay = network.live.overlay if network.live else None
    route, direction = int(timetable.trip_route[trip]), int(timetable.trip_direction[trip])
    return TripAnswer(
        id=id,
        service_date=found.service_date,
        state=found.column.state,
        line=describe_line(timetable, route) if route >= 0 else None,
        headsign=found.column.headsign,
        short_name=timetable.trip_short_names.at(trip) or None,
        direction_id=direction if direction >= 0 else None,
        frequency=found.column.repeats,
        wheelchair=three_states(int(timetable.trip_wheelchair[trip])),
        bikes=three_states(int(timetable.trip_bikes[trip])),
        calls=[_trip_call(timetable, cell_answer(timetable, overlay, cell), cell) for cell in found.column.cells],
        geometry=LineString(coordinates=list(found.geometry)),
        vehicle=_position(found.vehicle, network.manifest.zone) if found.vehicle else None,
        alerts=[describe_alert(network.live.alerts[one]) for one in found.alerts] if network.live else [],
        live_at=datetime.fromtimestamp(network.live.at, network.manifest.zone) if network.live else None,
        network_version=network.manifest.version,
    )


def _trip_call(timetable: Timetable, answer: CellAnswer, cell: Cell) -> TripCallAnswer:
    stop = int(timetable.call_stop[cell.row])
    return TripCallAnswer(
        **answer.model_dump(),
        stop_name=timetable.stop_names.at(stop),
        lat=degrees(timetable.stop_lat[stop]),
        lon=degrees(timetable.stop_lon[stop]),
    )


def _position(vehicle: Vehicle, zone: tzinfo) -> PositionAnswer:
    return PositionAnswer(
        id=vehicle.vehicle_id,
        lat=vehicle.lat,
        lon=vehicle.lon,
        at=datetime.fromtimestamp(vehicle.at, zone),
        bearing=vehicle.bearing,
        speed=vehicle.speed,
        label=vehicle.label,
        occupancy=vehicle.occupancy.name if vehicle.occupancy is not None else None,
    )


SENTENCES = {
    "later departure": (
        "Ligne {line}, {stop} : départ {minutes} min plus tard.",
        "Line {line} leaves {stop} {minutes} min later.",
    ),
    "later arrival": (
        "Ligne {line}, {stop} : arrivée {minutes} min plus tard.",
        "Line {line} arrives at {stop} {minutes} min later.",
    ),
    "earlier departure": (
        "Ligne {line}, {stop} : départ {minutes} min plus tôt.",
        "Line {line} leaves {stop} {minutes} min earlier.",
    ),
    "earlier arrival": (
        "Ligne {line}, {stop} : arrivée {minutes} min plus tôt.",
        "Line {line} arrives at {stop} {minutes} min earlier.",
    ),
    "canceled": ("Ligne {line}, {stop} : départ supprimé.", "Line {line} from {stop} is cancelled."),
    "stop_skipped": (
        "Ligne {line} : l'arrêt prévu n'est pas desservi ({stop}).",
        "Line {line} does not call at the planned stop ({stop}).",
    ),
    "platform": (
        "Ligne {line}, {stop} : départ quai {platform}.",
        "Line {line} leaves {stop} from platform {platform}.",
    ),
    "platform unnamed": (
        "Ligne {line}, {stop} : départ d'un autre quai.",
        "Line {line} leaves {stop} from another platform.",
    ),
    "missed": (
        "Ligne {line}, {stop} : la correspondance n'est plus possible.",
        "The change to line {line} at {stop} is no longer possible.",
    ),
    "tight": (
        "Ligne {line}, {stop} : il ne reste que {minutes} min pour la correspondance.",
        "Only {minutes} min are left to change to line {line} at {stop}.",
    ),
    "timetable": (
        "Ligne {line}, {stop} : l'horaire a changé de {minutes:+d} min.",
        "The timetable of line {line} at {stop} has changed by {minutes:+d} min.",
    ),
    "unknown": (
        "Un trajet de ce voyage n'est plus dans les horaires.",
        "A ride of this journey is no longer in the timetables.",
    ),
}
"""What to tell a traveller, in French and in English."""


def say(one: Difference) -> dict[str, str]:
    """Put a difference in words."""
    what = f"{one.change} {one.side}".strip()
    if one.change is Change.PLATFORM and not one.platform:
        what = "platform unnamed"
    french, english = SENTENCES[what]
    words = {"line": one.line, "stop": one.stop, "minutes": one.minutes, "platform": one.platform}
    return {"fr": french.format(**words), "en": english.format(**words)}
