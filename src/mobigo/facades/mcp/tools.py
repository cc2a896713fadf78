"""The tools: what each takes, which service of ours answers it, and what is told."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - named in a NamedTuple
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeVar

import orjson
from fastapi import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mobigo.db.session import driver
from mobigo.facades.mcp import answers, texts
from mobigo.journeys import api as journeys_api
from mobigo.journeys import follow_api, service
from mobigo.journeys.answer import journey_as_json, plan_as_json
from mobigo.journeys.communes import list_communes_in
from mobigo.journeys.parameters import Asked, clean_name
from mobigo.journeys.reach import find_reach
from mobigo.journeys.reach_answer import bound_box, list_reached
from mobigo.journeys.reach_parameters import AskedReach
from mobigo.journeys.refresh import refresh
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound
from mobigo.kit.parameters import read_point
from mobigo.places import service as places
from mobigo.places.model import NAMED_KINDS, Kind
from mobigo.transit import board_api, live_api
from mobigo.transit.boards import stops_of_place

if TYPE_CHECKING:
    from datetime import datetime

    from fastapi import Request
    from sqlalchemy.orm import Session

    from mobigo.journeys.network import Network

BUDGET_MS = 3_000
"""Of computing; who asks through an assistant waits longer than before a map."""
FEW_COMMUNES = 25
"""Communes that are named of what is reached: those with most people."""

Place = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(clean_name)]
PLACE = "A name as a person says it, `LAT,LON`, or an id from find_places"
AT = "ISO 8601; without an offset, local time; default now"


class Asker(NamedTuple):
    """Who asks, and what for: the request, a session and the time."""

    request: Request
    session: Session
    now: datetime

    @property
    def network(self) -> Network:
        """The network that serves."""
        found: Network = self.request.app.state.networks.current()
        return found

    @property
    def language(self) -> str:
        """What the client speaks, of what we do."""
        spoken = self.request.headers.get("accept-language", "")
        return "en" if spoken.strip().lower().startswith("en") else "fr"


class _Taken(BaseModel):
    """What every tool takes."""

    model_config = ConfigDict(extra="forbid")

    language: Literal["fr", "en"] | None = Field(default=None, description="Of the text; default: Accept-Language")


class FindPlaces(_Taken):
    """Find stops, communes, addresses and points of interest by name, also misspelt ones, best first."""

    text: Place = Field(description="What a person says: `Montbard gare`, `12 rue de la Liberté, Semur`")
    near: str | None = Field(default=None, max_length=60, description="`LAT,LON` of the person; near places come first")
    kinds: list[Literal["stop", "commune", "address", "poi"]] | None = Field(default=None, description="Default: all")
    limit: int = Field(default=8, ge=1, le=20)


class PlanJourneys(_Taken):
    """Plan journeys from door to door: walking, trains, buses, transport on demand and carpool that can be booked now.

    A small set, each labelled with what it is best at, with prices, live times and how rides are booked; without any,
    the reason, the next and the previous departure, and what to change. It books and pays nothing.
    """

    from_: Place = Field(alias="from", description=PLACE)
    to: Place = Field(description=PLACE)
    at: str | None = Field(default=None, max_length=60, description=AT)
    arrive_by: bool = Field(default=False, description="Arrive by `at` instead of leaving after it")
    of_day: Literal["first", "last"] | None = Field(default=None, description="The first or last journey of the day")
    via: list[Place] = Field(default_factory=list, max_length=4, description="Places to pass, in this order")
    wheelchair: bool = Field(default=False, description="Leave out what is known to be impossible in a wheelchair")
    max_transfers: int = Field(default=15, ge=0, le=15)
    max_walk_minutes: int = Field(default=30, ge=0, le=120, description="Longest single walk")
    only: list[str] = Field(
        default_factory=list, max_length=50, description="Ride only these: `mode:rail`, `mode:bus`, `line:ID`"
    )
    forbid: list[str] = Field(default_factory=list, max_length=50, description="Never ride these; also `stop:ID`")
    ondemand: bool = Field(default=True, description="Take transport on demand")
    carpool: bool = Field(default=True, description="Ride in cars of others")
    passengers: int = Field(default=1, ge=1, le=50)
    rather: Literal["walking", "co2", "price"] | None = Field(
        default=None, description="Also compare journeys by this, beside time and changes"
    )
    max_journeys: int = Field(default=4, ge=1, le=10)
    cursor: str | None = Field(default=None, max_length=2000, description="Of an answer to the same question")


class Departures(_Taken):
    """List the vehicles that leave a stop, live: line, where to, platform, what is cancelled."""

    stop: Place = Field(description=PLACE)
    at: str | None = Field(default=None, max_length=60, description=AT)
    minutes: int = Field(default=120, ge=1, le=1440)
    limit: int = Field(default=15, ge=1, le=50)


class Disturbances(_Taken):
    """List what disturbs service or will: works, closed stops, cancelled lines, messages of the operators."""

    stop: Place | None = Field(default=None, description="Only about this stop. " + PLACE)
    line: str | None = Field(default=None, min_length=1, max_length=200, description="Only about this line: name or id")
    only_now: bool = Field(default=False, description="Leave out what is only announced")
    limit: int = Field(default=20, ge=1, le=100)


class Reached(_Taken):
    """Tell which communes are reached from a place by public transport and on foot, without rides that are booked."""

    from_: Place = Field(alias="from", description=PLACE)
    at: str | None = Field(default=None, max_length=60, description=AT)
    arrive_by: bool = Field(default=False, description="From where one can be at the place by `at`")
    minutes: list[Annotated[int, Field(ge=1, le=180)]] = Field(
        default_factory=lambda: [30, 60], min_length=1, max_length=6
    )
    wheelchair: bool = False


class LookUpJourney(_Taken):
    """Look a journey up again by its id: what changed, whether it still holds, and what to do if not."""

    id: str = Field(min_length=1, max_length=20_000, description="Of a journey that plan_journeys answered")


A = TypeVar("A", bound=BaseModel)


def find_places(asker: Asker, asked: FindPlaces, language: str) -> tuple[BaseModel, str]:
    """Find places by name."""
    kinds = [Kind(one) for one in asked.kinds] if asked.kinds else NAMED_KINDS
    near = read_point(asked.near) if asked.near else None
    found = places.find(asker.session, asked.text, near=near, limit=asked.limit, kinds=kinds)
    answer = answers.PlacesFound(places=[answers.PlaceFound.model_validate(one, from_attributes=True) for one in found])
    return answer, texts.say_places(answer, language)


class End(NamedTuple):
    """A place that was named."""

    label: str
    place: str
    """As the planner takes it."""
    stops: tuple[str, ...]
    """Ids of its stops, main one first."""


def _find_end(asker: Asker, text: str) -> End:
    """Make out which place is meant; ids of stops need no database.

    Raises
    ------
    NotFound, InvalidInput
        When there is none, or there are several.
    """
    stop = asker.network.stop_index.get(text)
    if stop is not None:
        return End(asker.network.timetable.stop_names.at(stop), text, (text,))
    found = places.resolve(asker.session, text)
    place = found.id if found.kind is Kind.STOP else f"{found.lat:.6f},{found.lon:.6f}"
    return End(found.label, place, found.stop_ids)


def plan_journeys(asker: Asker, asked: PlanJourneys, language: str) -> tuple[BaseModel, str]:
    """Plan journeys as ``GET /v1/journeys`` does."""
    network, request, now = asker.network, asker.request, asker.now
    origin, destination = _find_end(asker, asked.from_), _find_end(asker, asked.to)
    question = _read(
        Asked,
        {
            "from": origin.place,
            "to": destination.place,
            "at": asked.at,
            "arrive_by": asked.arrive_by,
            "of_day": asked.of_day,
            "via": [_find_end(asker, one).place for one in asked.via],
            "wheelchair": asked.wheelchair,
            "max_transfers": asked.max_transfers,
            "max_walk_minutes": asked.max_walk_minutes,
            "only": asked.only,
            "forbid": asked.forbid,
            "ondemand": "on" if asked.ondemand else "off",
            "carpool": "on" if asked.carpool else "off",
            "passengers": asked.passengers,
            "criterion": asked.rather,
            "max_journeys": asked.max_journeys,
            "cursor": asked.cursor,
            "budget_ms": BUDGET_MS,
        },
    ).request(now, network.manifest.zone)
    found = service.plan(
        network,
        question,
        journeys_api.hail(request, network, question, now),
        journeys_api.lift(request, network, question, now),
        journeys_api.till(request, question, now),
    )
    request.app.state.notes.note(request, network, question, found, now)
    answer = answers.JourneysFound.model_validate(
        plan_as_json(found) | {"origin": origin.label, "destination": destination.label}
    )
    for journey in answer.journeys:
        _name_doors(journey, origin, destination)
    return answer, texts.say_journeys(answer, language)


def _name_doors(journey: answers.Found, origin: End, destination: End) -> None:
    """Call the doors what whoever asks calls them."""
    first, last = journey.legs[0].from_, journey.legs[-1].to
    if first.stop_id is None:
        first.name = origin.label
    if last.stop_id is None:
        last.name = destination.label


def departures(asker: Asker, asked: Departures, language: str) -> tuple[BaseModel, str]:
    """Show a board as ``GET /v1/stops/{id}/departures`` does, of the whole place."""
    end = _find_end(asker, asked.stop)
    if not end.stops:
        raise NotFound(f"no vehicle stops at {end.label}; find_places finds stops near it", code="unknown_stop")
    board = board_api.list_departures(
        request=asker.request,
        response=Response(),
        now=asker.now,
        id=end.stops[0],
        at=asked.at,
        minutes=asked.minutes,
        scope=board_api.Scope.PLACE,
        limit=asked.limit,
    )
    answer = answers.DeparturesFound.model_validate(board, from_attributes=True)
    return answer, texts.say_departures(answer, language)


def disturbances(asker: Asker, asked: Disturbances, language: str) -> tuple[BaseModel, str]:
    """List messages as ``GET /v1/alerts`` does, about a place or a line."""
    network = asker.network
    timetable = network.timetable
    stops = lines = None
    if asked.stop is not None:
        named = [network.stop_index[one] for one in _find_end(asker, asked.stop).stops if one in network.stop_index]
        about = {int(stop) for one in named for stop in stops_of_place(timetable, one)}
        about |= {int(timetable.stop_parent[stop]) for stop in about} - {-1}
        stops = {timetable.stop_ids.at(stop) for stop in about}
    if asked.line is not None:
        lines = set(_find_lines(network, asked.line))
    found = live_api.list_alerts(request=asker.request, now=asker.now, active=asked.only_now, limit=1000).alerts
    kept = [
        one
        for one in found
        if (stops is None or any(target.stop_id in stops for target in one.targets))
        and (lines is None or any(target.line_id in lines for target in one.targets))
    ]
    live = network.live
    answer = answers.DisturbancesFound(
        disturbances=[_describe(network, one) for one in kept[: asked.limit]],
        live_at=texts.local(live.at, network.manifest.zone) if live else None,
    )
    return answer, texts.say_disturbances(answer, language)


def _find_lines(network: Network, text: str) -> list[str]:
    """Find lines by id or by the name painted on the vehicle.

    Raises
    ------
    NotFound
        When there is none.
    """
    timetable = network.timetable
    if timetable.route_ids.find(text) >= 0:
        return [text]
    named = [at for at, name in enumerate(timetable.route_short_names.all()) if name.casefold() == text.casefold()]
    if not named:
        raise NotFound(f"no line is called {text!r}; give the id of a leg's line_id", code="unknown_line")
    return [timetable.route_ids.at(at) for at in named]


def _describe(network: Network, one: live_api.MessageAnswer) -> answers.Disturbance:
    timetable = network.timetable
    routes = [timetable.route_ids.find(target.line_id) for target in one.targets if target.line_id]
    stops = [network.stop_index.get(target.stop_id, -1) for target in one.targets if target.stop_id]
    lines = [timetable.route_short_names.at(at) or timetable.route_long_names.at(at) for at in routes if at >= 0]
    return answers.Disturbance(
        **one.model_dump(include={"id", "header", "description", "effect", "severity", "active"}),
        lines=list(dict.fromkeys(lines)),
        stops=list(dict.fromkeys(timetable.stop_names.at(at) for at in stops if at >= 0)),
    )


def reached(asker: Asker, asked: Reached, language: str) -> tuple[BaseModel, str]:
    """Tell what is reached as ``GET /v1/reach`` does, without the areas."""
    network = asker.network
    end = _find_end(asker, asked.from_)
    bands = sorted(set(asked.minutes))
    question = _read(
        AskedReach, {"from": end.place, "at": asked.at, "arrive_by": asked.arrive_by, "wheelchair": asked.wheelchair}
    )
    wished = question.question(end.place, question.budget_ms, asker.now, network.manifest.zone)
    found = find_reach(network, wished, 60 * bands[-1])
    here = list_reached(found, list_communes_in(driver(asker.session), bound_box(found)))
    largest = sorted(here, key=lambda one: (-(one.commune.population or 0), one.seconds))[:FEW_COMMUNES]
    answer = answers.ReachFound(
        place=end.label,
        at=wished.at,
        arrive_by=asked.arrive_by,
        bands=[
            answers.Band(
                minutes=band,
                stops=int((found.seconds <= 60 * band).sum()),
                communes=sum(one.seconds <= 60 * band for one in here),
                population=sum(one.commune.population or 0 for one in here if one.seconds <= 60 * band),
            )
            for band in bands
        ],
        communes=[
            answers.CommuneReached(
                name=one.commune.name, population=one.commune.population, minutes=-(-one.seconds // 60)
            )
            for one in largest
        ],
        complete=found.complete,
    )
    return answer, texts.say_reach(answer, language)


def look_up_journey(asker: Asker, asked: LookUpJourney, language: str) -> tuple[BaseModel, str]:
    """Look a journey up as ``GET /v1/journeys/{id}`` does."""
    network, state, now = asker.network, asker.request.app.state, asker.now
    found = refresh(network, asked.id, now, hail=state.hails.at(network, now), lift=state.lifts.at(network, now))
    answer = answers.JourneyNow.model_validate(
        {
            "phase": found.phase,
            "holds": found.holds,
            "changes": [{"code": one.change, "text": follow_api.say(one)} for one in found.differences],
            "journey": journey_as_json(found.journey),
            "alternatives": [journey_as_json(one) for one in found.alternatives],
            "live_at": found.live_at,
        }
    )
    return answer, texts.say_again(answer, language)


class Tool(NamedTuple):
    """Something a client may call."""

    name: str
    title: str
    takes: type[_Taken]
    gives: type[BaseModel]
    run: Callable[[Asker, Any, str], tuple[BaseModel, str]]


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("find_places", "Find places", FindPlaces, answers.PlacesFound, find_places),
        Tool("plan_journeys", "Plan journeys", PlanJourneys, answers.JourneysFound, plan_journeys),
        Tool("departures", "Departures of a stop", Departures, answers.DeparturesFound, departures),
        Tool("disturbances", "Disturbances", Disturbances, answers.DisturbancesFound, disturbances),
        Tool("reach", "What is reached", Reached, answers.ReachFound, reached),
        Tool("look_up_journey", "Look a journey up again", LookUpJourney, answers.JourneyNow, look_up_journey),
    )
}


def describe(tool: Tool) -> dict[str, Any]:
    """Describe a tool for the list."""
    takes = tool.takes.model_json_schema()
    return {
        "name": tool.name,
        "title": tool.title,
        "description": " ".join(str(takes.pop("description")).split()),
        "inputSchema": takes,
        "outputSchema": tool.gives.model_json_schema(mode="serialization"),
        "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    }


def call(tool: Tool, arguments: dict[str, Any], asker: Asker) -> dict[str, Any]:
    """Answer a call; what was asked wrongly is said in words that help to ask again."""
    try:
        asked = _read(tool.takes, arguments)
        answer, text = tool.run(asker, asked, asked.language or asker.language)
    except MobigoError as error:
        return {"content": [{"type": "text", "text": f"{error.code}: {error}"}], "isError": True}
    told = answer.model_dump(mode="json", by_alias=True)
    both = [{"type": "text", "text": text}, {"type": "text", "text": orjson.dumps(told).decode()}]
    return {"content": both, "structuredContent": told, "isError": False}


def _read(model: type[A], raw: dict[str, Any]) -> A:
    """Read what was asked.

    Raises
    ------
    InvalidInput
        When it is not as the schema says.
    """
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidInput(wrong) from error
