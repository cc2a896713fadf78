"""HTTP: real time as open data, GTFS-Realtime and SIRI Lite, from memory. No key, no limit; HEAD wherever GET is."""

import re
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Annotated, Any, Literal, cast

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from google.protobuf.json_format import MessageToDict
from google.transit import gtfs_realtime_pb2 as gtfs
from pydantic import BeforeValidator

from mobigo.kit.errors import InvalidInput, Unavailable
from mobigo.kit.problems import problems
from mobigo.opendata import siri_writer
from mobigo.opendata.answers import OPEN, is_known, register_read, takes_gzip
from mobigo.opendata.live import LiveFeeds, Message, Written
from mobigo.opendata.live_sets import FEEDS, PROTOBUF
from mobigo.opendata.siri_stops import MOST, Kind, Question, monitor
from mobigo.opendata.siri_writer import Moment, deliver
from mobigo.opendata.siri_xml import Tree, frame, ref, unframe, write_json, write_xml
from mobigo.transit import live_publish

router = APIRouter(prefix="/opendata", tags=["open data"])
read = partial(register_read, router)

FOR_SECONDS = "public, max-age=5, must-revalidate"
"""At the address of a message that is written anew all the time."""

SourceName = Annotated[str, Path(pattern=r"^[a-z0-9][A-Za-z0-9_.~-]{0,79}$", examples=["demonstration"])]


def _feeds(request: Request) -> LiveFeeds:
    return cast("LiveFeeds", request.app.state.live_feeds)


def _send(request: Request, message: Message | None, *, status: int = 200, cache: str = FOR_SECONDS) -> Response:
    """Send a message, packed where the client takes that, or the word that nothing changed."""
    if message is None:
        raise Unavailable("no network is built, so there is nothing to tell of; load a feed first", code="no_network")
    packed = message.packed if takes_gzip(request) else None
    headers = {
        **OPEN,
        "ETag": f'"{message.tag}{"-gzip" if packed else ""}"',
        "Last-Modified": format_datetime(message.at, usegmt=True),
        "Cache-Control": cache,
        "Vary": "Accept-Encoding",
    }
    if status == 200 and is_known(request, (f'"{message.tag}"', f'"{message.tag}-gzip"'), message.at):  # noqa: PLR2004
        return Response(status_code=304, headers=headers)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(packed or message.content, status_code=status, headers=headers, media_type=message.media_type)


# ── GTFS-Realtime ─────────────────────────────────────────────────────────────────────────────────────────────────────

PARTS: dict[str, tuple[live_publish.Writer, ...]] = {
    "trip-updates": (live_publish.trip_updates,),
    "vehicle-positions": (live_publish.vehicle_positions,),
    "alerts": (live_publish.alerts,),
    "all": (live_publish.trip_updates, live_publish.vehicle_positions, live_publish.alerts),
}
BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A GTFS-Realtime 2.0 FeedMessage",
        "content": {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "What the client has is what there is"},
    **problems(404, 422, 503),
}
JSON: dict[int | str, dict[str, Any]] = {
    **BINARY,
    200: {
        "description": "The same message in the JSON form of protocol buffers",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
}


def write_feed(name: str, moment: Moment) -> gtfs.FeedMessage:
    """Write a message of GTFS-Realtime of all that a moment shows."""
    whole = gtfs.FeedMessage()
    ids: set[str] = set()
    for write in PARTS[name]:
        part = gtfs.FeedMessage()
        part.ParseFromString(write(moment.live, None, moment.at))
        if not whole.HasField("header"):
            whole.header.CopyFrom(part.header)
        for entity in part.entity:
            if moment.shows(entity.id):
                if entity.id in ids:  # a vehicle and a message of one name
                    entity.id += f"-{write.__name__}"
                ids.add(entity.id)
                whole.entity.append(entity)
    return whole


def _write_binary(name: str, moment: Moment) -> Written:
    return Written(bytes(write_feed(name, moment).SerializeToString(deterministic=True)), PROTOBUF)


def _write_readable(name: str, moment: Moment) -> Written:
    return Written(orjson.dumps(MessageToDict(write_feed(name, moment))), "application/json")


WRITERS = {"pb": _write_binary, "json": _write_readable}


def _get_feed(request: Request, name: str, form: str, source: str | None) -> Response:
    return _send(request, _feeds(request).get(f"{name}.{form}", partial(WRITERS[form], name), source))


def _serve_feed(name: str, form: str) -> None:
    """Register a message of all sources together, and of one."""
    word = f"{name.replace('-', '_')}_{form}"

    def get(request: Request) -> Response:
        return _get_feed(request, name, form, None)

    def get_one(request: Request, source: SourceName) -> Response:
        return _get_feed(request, name, form, source)

    get.__doc__ = f"Publish {TOLD[name]} as GTFS-Realtime, of all sources whose licences allow it together."
    get_one.__doc__ = f"Publish {TOLD[name]} of one source as GTFS-Realtime."
    said: dict[str, Any] = {"response_class": Response, "responses": BINARY if form == "pb" else JSON}
    read(f"/realtime/{name}.{form}", name=f"open_{word}", **said)(get)
    read(f"/realtime-{{source}}/{name}.{form}", name=f"open_{word}_of_source", **said)(get_one)


TOLD = {
    "trip-updates": "delays, skipped stops, cancelled and added trips",
    "vehicle-positions": "where vehicles are",
    "alerts": "messages to travellers",
    "all": "trips, vehicles and messages",
}
for _name in FEEDS:
    for _form in WRITERS:
        _serve_feed(_name, _form)


# ── SIRI Lite ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Form = Annotated[Literal["xml", "json"], Path(description="XML, or the same tree as JSON")]
Source = Annotated[
    str | None, Query(alias="datasetId", max_length=80, description="Only this source; else all that may be joined")
]
Line = Annotated[
    str | None,
    Query(
        alias="LineRef",
        max_length=300,
        description="Only this line: its id in SIRI, or `source:gtfs_id`",
        openapi_examples={"line": {"value": "MOBIGO:Line:mobigo:L120:LOC"}},
    ),
]
SIRI: dict[int | str, dict[str, Any]] = {
    200: {"description": "A SIRI 2.1 message", "content": {"application/xml": {}, "application/json": {}}},
    304: {"description": "What the client has is what there is"},
    404: {
        "description": "A SIRI message with an error condition: what it is about is not known; or a problem document"
    },
    **problems(422, 503),
}
ask = partial(read, response_class=Response, responses=SIRI)
OUT: dict[str, tuple[Callable[[Tree], bytes], str]] = {
    "xml": (write_xml, "application/xml"),
    "json": (write_json, "application/json"),
}


@dataclass(frozen=True)
class _Asked:
    """A question of SIRI: who asks in which form, what kind of delivery, of which source."""

    request: Request
    form: str
    kind: str
    source: str | None

    def moment(self, *, by_minute: bool = False) -> Moment:
        found = _feeds(self.request).moment(self.source, by_minute=by_minute)
        if found is None:
            raise Unavailable("no network is built, so there is nothing to tell of", code="no_network")
        return found

    def answer(self, key: Hashable, write: Callable[[Moment], Tree], *, by_minute: bool = False) -> Response:
        """Answer from memory what was asked before."""
        dump, media_type = OUT[self.form]

        def whole(moment: Moment) -> Written:
            return Written(dump(write(moment)), media_type)

        found = _feeds(self.request).get((self.kind, self.form, key), whole, self.source, by_minute=by_minute)
        return _send(self.request, found)

    def answer_once(self, tree: Tree, at: int, status: int = 200) -> Response:
        """Answer what is not kept."""
        dump, media_type = OUT[self.form]
        content = dump(tree)
        tag = sha256(content).hexdigest()[:32]
        message = Message(content, None, media_type, tag, datetime.fromtimestamp(at, UTC))
        return _send(self.request, message, status=status, cache="no-store")

    def refuse(self, sentence: str, status: int = 404) -> Response:
        at = int(self.request.app.state.clock.now().timestamp())
        return self.answer_once(siri_writer.refuse(at, self.kind, sentence), at, status)

    def find_line(self, moment: Moment, line: str | None) -> int | None:
        """Find a line; -1 when there is none of this id that may be told of."""
        if line is None:
            return None
        id_ = unframe(line)
        return moment.route_of.get(id_, -1) if moment.shows(id_) else -1

    def miss_line(self, line: str | None) -> Response:
        return self.refuse(f"LineRef {line!r} is no line; lines-discovery lists them")


Requestor = Annotated[
    str | None,
    Query(
        alias="requestorId",
        max_length=100,
        description="Any word of the client's own: asked again with it, the next journeys come until MoreData is false",
    ),
]
Size = Annotated[int, Query(alias="maxSize", ge=1, le=100_000, description="Journeys of one answer")]


@ask("/siri-lite/estimated-timetable.{form}")
def siri_estimated_timetable(  # noqa: PLR0917 - parameters of the standard
    request: Request,
    form: Form,
    source: Source = None,
    line: Line = None,
    requestor: Requestor = None,
    size: Size = 1_500,
) -> Response:
    """Tell how all journeys run of which live data say anything (SIRI ET).

    With `requestorId` they come in parts of `maxSize`, all as of one moment; without, all at once.
    """
    asked = _Asked(request, form, "EstimatedTimetableDelivery", source)
    moment = asked.moment()
    if asked.find_line(moment, line) == -1:
        return asked.miss_line(line)
    feeds = _feeds(request)

    def choose(moment: Moment) -> list[Tree]:
        journeys = feeds.journeys(source, moment)
        wanted = None if line is None else ref("Line", unframe(line))
        return journeys if wanted is None else [one for one in journeys if one["LineRef"] == wanted]

    if requestor is None:
        key = None if line is None else unframe(line)
        return asked.answer(key, lambda moment: siri_writer.estimate(moment, choose(moment)))
    page = PAGES.turn((requestor, source, line), lambda: (moment, choose(moment)), size)
    return asked.answer_once(siri_writer.estimate(page.moment, page.journeys, more=page.more), page.moment.at)


@dataclass(frozen=True)
class Page:
    """A part of a long answer."""

    moment: Moment
    journeys: list[Tree]
    more: bool


class Pages:
    """Remembers what clients have had of long answers; a part is of the moment of the first."""

    MOST = 50
    IDLE = 300.0
    """Seconds after which a client that does not go on begins anew."""

    def __init__(self) -> None:
        self._under_way: OrderedDict[Hashable, tuple[Moment, list[Tree], int, float]] = OrderedDict()

    def turn(self, key: Hashable, begin: Callable[[], tuple[Moment, list[Tree]]], size: int) -> Page:
        """Return the next part of what a client has begun to read, else the first of what there is now."""
        moment, journeys, done, when = self._under_way.pop(key, (None, [], 0, 0.0))
        if moment is None or monotonic() - when > self.IDLE:
            (moment, journeys), done = begin(), 0
        until = done + size
        more = until < len(journeys)
        if more:
            self._under_way[key] = moment, journeys, until, monotonic()
            while len(self._under_way) > self.MOST:
                self._under_way.popitem(last=False)
        return Page(moment, journeys[done:until], more)


PAGES = Pages()

INTERVAL = re.compile(r"P(?:([0-9]{1,2})D)?(?:T(?:([0-9]{1,3})H)?(?:([0-9]{1,4})M)?(?:([0-9]{1,6})S)?)?")
LONGEST = 172_800
"""Seconds ahead that a stop is looked at."""


def _read_interval(text: str) -> int:
    found = INTERVAL.fullmatch(text)
    if found is None or not any(found.groups()):
        raise InvalidInput(f"PreviewInterval {text!r} is no span; write it like PT2H or PT90M")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return max(min(((days * 24 + hours) * 60 + minutes) * 60 + seconds, LONGEST), 1)


def _refuse_numbers(value: object) -> object:
    """Keep a bare number, seconds since 1970 to the library, from being read as an instant."""
    if isinstance(value, str) and "T" not in value.upper():
        raise ValueError("write an instant, as 2026-11-23T07:30:00+01:00")
    return value


def _read_start(start: datetime) -> int:
    """Read an instant, without a zone UTC's, as seconds since 1970, bounded to what calendars hold."""
    seconds = (start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp()
    return min(max(int(seconds), 0), siri_writer.LATEST)


@ask("/siri-lite/stop-monitoring.{form}")
def siri_stop_monitoring(  # noqa: PLR0917 - parameters of the standard
    request: Request,
    form: Form,
    monitoring: Annotated[
        str | None,
        Query(
            alias="MonitoringRef",
            max_length=300,
            description="A stop or station: its id in SIRI, or `source:gtfs_id`",
            openapi_examples={"stop": {"value": "FR::Quay:mobigo:S1:LOC"}},
        ),
    ] = None,
    source: Source = None,
    line: Line = None,
    visits: Annotated[int, Query(alias="MaximumStopVisits", ge=1, le=MOST)] = 20,
    types: Annotated[Kind, Query(alias="StopVisitTypes")] = "all",
    start: Annotated[
        datetime | None, BeforeValidator(_refuse_numbers), Query(alias="StartTime", description="Else now")
    ] = None,
    preview: Annotated[str, Query(alias="PreviewInterval", max_length=20, examples=["PT2H"])] = "P1D",
) -> Response:
    """Tell the next visits at a stop or station (SIRI SM), also of journeys that nobody watches."""
    asked = _Asked(request, form, "StopMonitoringDelivery", source)
    if not monitoring:
        # The catalogue lists this address: who looks whether it answers finds that it does, and SIRI's word inside.
        return asked.refuse("MonitoringRef is missing; name a stop, stoppoints-discovery lists them", 200)
    moment = asked.moment(by_minute=True)
    stop = unframe(monitoring)
    if stop not in moment.stop_of or not moment.shows(stop):
        return asked.refuse(f"MonitoringRef {monitoring!r} is no stop; stoppoints-discovery lists them")
    route = asked.find_line(moment, line)
    if route == -1:
        return asked.miss_line(line)
    begin = None if start is None else _read_start(start)
    within = _read_interval(preview)

    def write(moment: Moment) -> Tree:
        known = asked.find_line(moment, line)
        return monitor(moment, Question(moment.stop_of[stop], types, known, begin, within, visits))

    return asked.answer((stop, line and unframe(line), visits, types, begin, within), write, by_minute=True)


@ask("/siri-lite/vehicle-monitoring.{form}")
def siri_vehicle_monitoring(
    request: Request,
    form: Form,
    source: Source = None,
    line: Line = None,
    vehicle: Annotated[str | None, Query(alias="VehicleRef", max_length=300)] = None,
) -> Response:
    """Tell where vehicles are (SIRI VM)."""
    asked = _Asked(request, form, "VehicleMonitoringDelivery", source)
    if asked.find_line(asked.moment(), line) == -1:
        return asked.miss_line(line)
    wanted = None if line is None else ref("Line", unframe(line))
    named = None if vehicle is None else frame("Vehicle", unframe(vehicle))

    def write(moment: Moment) -> Tree:
        found = [
            one
            for one in siri_writer.list_vehicles(moment)
            if (wanted is None or one["MonitoredVehicleJourney"].get("LineRef") == wanted)
            and (named is None or one["ItemIdentifier"] == named)
        ]
        return deliver(moment, asked.kind, {"VehicleActivity": found} if found else {})

    return asked.answer((line, vehicle), write)


@ask("/siri-lite/situation-exchange.{form}")
def siri_situation_exchange(request: Request, form: Form, source: Source = None) -> Response:
    """Tell what disturbs service (SIRI SX)."""
    asked = _Asked(request, form, "SituationExchangeDelivery", source)

    def write(moment: Moment) -> Tree:
        found = siri_writer.list_situations(moment)
        return deliver(moment, asked.kind, {"Situations": {"PtSituationElement": found}} if found else {})

    return asked.answer(None, write)


@ask("/siri-lite/general-message.{form}")
def siri_general_message(
    request: Request,
    form: Form,
    source: Source = None,
    channel: Annotated[
        Literal["Information", "Perturbation"] | None, Query(alias="InfoChannelRef", description="Else both")
    ] = None,
) -> Response:
    """Tell messages to travellers (SIRI GM)."""
    asked = _Asked(request, form, "GeneralMessageDelivery", source)

    def write(moment: Moment) -> Tree:
        found = siri_writer.list_messages(moment)
        found = [one for one in found if channel in {None, one["InfoChannelRef"]["value"]}]
        return deliver(moment, asked.kind, {"GeneralMessage": found} if found else {})

    return asked.answer(channel, write)


@ask("/siri-lite/stoppoints-discovery.{form}")
def siri_stoppoints_discovery(request: Request, form: Form, source: Source = None) -> Response:
    """List all stops where vehicles call, with their lines (SIRI StopPointsDiscovery)."""
    return _Asked(request, form, "StopPointsDelivery", source).answer(None, siri_writer.discover_stops)


@ask("/siri-lite/lines-discovery.{form}")
def siri_lines_discovery(request: Request, form: Form, source: Source = None) -> Response:
    """List all lines, with where they go (SIRI LinesDiscovery)."""
    return _Asked(request, form, "LinesDelivery", source).answer(None, siri_writer.discover_lines)


@ask("/siri-lite/check-status.{form}")
def siri_check_status(request: Request, form: Form) -> Response:
    """Tell whether timetables are served, and live data with them (SIRI CheckStatus)."""
    asked = _Asked(request, form, "CheckStatusResponse", None)
    network = request.app.state.networks.find_current()
    at = int(request.app.state.clock.now().timestamp())
    live = network is not None and network.live is not None
    return asked.answer_once(siri_writer.check_status(at, serves=network is not None, live=live), at)
