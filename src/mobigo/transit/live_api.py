"""HTTP: live data in and out: how sources fare, vehicles, messages, positions, GTFS-Realtime of our own."""

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LIVE
from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import BOX_PATTERN, Day, Instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.transit import live_publish, live_store
from mobigo.transit.live import Alert, Occupancy, Vehicle
from mobigo.transit.live_listen import AHEAD, OWN
from mobigo.transit.live_service import STALE_AFTER, show_address
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.timetable import Timetable, day_number, runs_on

router = APIRouter(prefix="/v1", tags=["live"])

POLL = "live.poll"
"""The worker's task that asks the sources and renews the overlay."""

SOON = timedelta(seconds=5)
"""After which positions that came in become delays; those that come meanwhile join them."""

SHOWN = timedelta(days=1)
"""How long those who report themselves are listed after they fell silent."""

PROTOBUF = "application/x-protobuf"


class Network(Protocol):
    """What these routes read of the network that serves."""

    @property
    def timetable(self) -> Timetable:
        """Stops, lines and trips."""

    @property
    def live(self) -> LiveSnapshot | None:
        """What live data say now."""


def find_network(request: Request) -> Network | None:
    """Return the network that serves, if any has been built."""
    return cast("Network | None", request.app.state.networks.find_current())


# ── sources ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class RateAnswer(BaseModel):
    """How much of what a source says is found in the timetable."""

    at: datetime
    rate: float | None = Field(
        description="Share of its trips that are in the timetable; null when none was read", examples=[0.97]
    )
    trips: int = Field(description="Trips it speaks of, new ones apart")
    trips_matched: int
    calls: int
    calls_matched: int
    new_trips: int = Field(description="Trips it adds to the timetable")
    vehicles: int
    vehicles_matched: int
    alerts: int
    alerts_matched: int
    stale: bool = Field(description="It was too old, and ignored")


class LiveSourceAnswer(BaseModel):
    """Where live data come from, and how it goes."""

    name: str
    feed: str = Field(description="The loaded feed whose ids it speaks", examples=["bart"])
    kind: Literal["auto", "gtfs-rt", "siri", "replay", "vehicles"] = Field(
        description="`vehicles`: those that report themselves here"
    )
    address: str | None = Field(description="Where it is asked, without the part that may hold a key")
    every: int | None = Field(description="Seconds between two looks")
    stale_after: int = Field(description="Seconds after which what it says is no longer used")
    fetched_at: datetime | None = Field(description="When it last answered usefully")
    made_at: datetime | None = Field(description="When the content was made, as it says itself")
    age_seconds: int | None
    stale: bool = Field(description="It has said nothing new for too long; journeys go by the timetable")
    failures: int = Field(description="Failed attempts since the last that went well")
    problem: str | None = Field(description="Why the last attempt failed, or what could not be understood")
    match: RateAnswer | None
    unmatched: list[str] = Field(description="Examples of what was not found, with the reason")


class LiveAnswer(BaseModel):
    """Live data at a glance."""

    at: datetime | None = Field(
        description="The moment of the live data that journeys are planned on; null without any"
    )
    sources: list[LiveSourceAnswer]


class LiveHistoryAnswer(BaseModel):
    """How a source fared over time."""

    name: str
    rates: list[RateAnswer] = Field(description="One per five minutes, oldest first")


@router.get("/live", responses=problems())
def show_live(*, request: Request, session: Database, now: Now) -> LiveAnswer:
    """Say how each source of live data fares: its age, and how much of it is found in the timetable."""
    connection = driver(session)
    rates = live_store.list_latest_rates(connection, now)
    sources = [_source(source, rates.get(source.name), now) for source in live_store.list_sources(connection)]
    known = {source.name for source in sources}
    own = [
        _own_source(rate, now)
        for name, rate in rates.items()
        if name.startswith(OWN) and name not in known and now - rate.at < SHOWN
    ]
    network = find_network(request)
    at = datetime.fromtimestamp(network.live.at, UTC) if network and network.live else None
    return LiveAnswer(at=at, sources=[*sources, *own])


@router.get("/live/{name}/rates", responses=problems(404, 422))
def list_rates(
    *,
    session: Database,
    now: Now,
    name: Annotated[str, Path(max_length=100, pattern=r"^[^/\x00]+$", description="Name of a source of `/v1/live`")],
    hours: Annotated[int, Query(ge=1, le=336, description="How far back")] = 24,
) -> LiveHistoryAnswer:
    """Say how much of what a source said was found in the timetable, over time."""
    connection = driver(session)
    if not name.startswith(OWN):
        live_store.get_source(connection, name)
    rates = live_store.list_rates(connection, name, now - timedelta(hours=hours), now)
    return LiveHistoryAnswer(name=name, rates=[_rate(one) for one in rates])


def _rate(one: live_store.Rate) -> RateAnswer:
    report = one.report
    return RateAnswer(
        at=one.at,
        rate=report.rate if report.trips else None,
        trips=report.trips,
        trips_matched=report.trips_matched,
        calls=report.calls,
        calls_matched=report.calls_matched,
        new_trips=report.new_trips,
        vehicles=report.vehicles,
        vehicles_matched=report.vehicles_matched,
        alerts=report.alerts,
        alerts_matched=report.alerts_matched,
        stale=report.stale,
    )


def _source(source: live_store.LiveSource, rate: live_store.Rate | None, now: datetime) -> LiveSourceAnswer:
    made = source.fetched_at if source.kind == "replay" else source.made_at
    age = None if made is None else int((now - made).total_seconds())
    return LiveSourceAnswer(
        name=source.name,
        feed=source.feed,
        kind=cast("Any", source.kind),
        address=show_address(source.address),
        every=source.every,
        stale_after=source.stale_after,
        fetched_at=source.fetched_at,
        made_at=source.made_at,
        age_seconds=age,
        stale=age is None or abs(age) > source.stale_after,
        failures=source.failures,
        problem=source.problem and source.problem.replace(source.address, show_address(source.address)),
        match=rate and _rate(rate),
        unmatched=list(rate.report.unmatched) if rate else [],
    )


def _own_source(rate: live_store.Rate, now: datetime) -> LiveSourceAnswer:
    age = int((now - rate.at).total_seconds())
    return LiveSourceAnswer(
        name=rate.name,
        feed=rate.report.source,
        kind="vehicles",
        address=None,
        every=None,
        stale_after=STALE_AFTER,
        fetched_at=rate.at,
        made_at=rate.at,
        age_seconds=age,
        stale=age > live_store.RATE_STEP.total_seconds() + STALE_AFTER,
        failures=0,
        problem=None,
        match=_rate(rate),
        unmatched=list(rate.report.unmatched),
    )


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────

PRINTABLE = r"^[^\x00-\x1f\x7f]+$"

_Id = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]


class Crowd(StrEnum):
    """How full a vehicle is (GTFS-Realtime OccupancyStatus)."""

    EMPTY = "empty"
    MANY_SEATS_AVAILABLE = "many_seats_available"
    FEW_SEATS_AVAILABLE = "few_seats_available"
    STANDING_ROOM_ONLY = "standing_room_only"
    CRUSHED_STANDING_ROOM_ONLY = "crushed_standing_room_only"
    FULL = "full"
    NOT_ACCEPTING_PASSENGERS = "not_accepting_passengers"
    NO_DATA_AVAILABLE = "no_data_available"
    NOT_BOARDABLE = "not_boardable"


class PositionBody(BaseModel):
    """Where a vehicle was."""

    vehicle_id: str = Field(
        min_length=1,
        max_length=60,
        pattern=PRINTABLE,
        description="Names the vehicle, not who drives it; shown on maps",
        examples=["car-12"],
    )
    trip_id: _Id | None = Field(None, description="`source:gtfs_id` of the trip it runs", examples=["mobigo:L120-0712"])
    service_date: Day | None = Field(None, description="Service day of the trip; without it, the run under way")
    line_id: _Id | None = Field(None, description="`source:gtfs_id` of its line, when the trip is not known")
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False, strict=True, examples=[47.4906])
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False, strict=True, examples=[4.3347])
    at: Instant = Field(description="When it was there, with an offset")
    bearing: float | None = Field(
        None, ge=0, le=360, allow_inf_nan=False, strict=True, description="Degrees from north, clockwise"
    )
    speed: float | None = Field(None, ge=0, le=150, allow_inf_nan=False, strict=True, description="Metres per second")
    occupancy: Crowd | None = None


class PositionsBody(BaseModel):
    """What one or many vehicles report; a telephone that had no network sends what it has seen since."""

    positions: list[PositionBody] = Field(min_length=1, max_length=1000)


class Verdict(StrEnum):
    """What became of a position."""

    ACCEPTED = "accepted"
    """It is where the vehicle is now."""
    KNOWN = "known"
    """The same or something newer is known of the vehicle: nothing changed."""
    LATE = "late"
    """Too old to be used."""
    AHEAD = "ahead"
    """Of the future: the clock of the sender is wrong."""
    UNKNOWN_TRIP = "unknown_trip"
    NOT_THAT_DAY = "not_that_day"
    """The trip does not run on the day named."""
    UNKNOWN_LINE = "unknown_line"
    NO_TRIP = "no_trip"
    """Neither a trip nor a line is named."""


class PositionVerdict(BaseModel):
    """What became of one position, in the order they were sent."""

    vehicle_id: str
    at: datetime
    verdict: Verdict


class PositionsAnswer(BaseModel):
    """What became of the positions."""

    accepted: int
    results: list[PositionVerdict]


@router.post("/vehicles/positions", responses=problems(400, 401, 403, 422))
def report_positions(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Annotated[Person, Depends(require(Role.DRIVER, Role.DISPATCHER))],  # noqa: ARG001 - only guards
    body: PositionsBody,
) -> PositionsAnswer:
    """Say where vehicles are; they become delays of the trips they run within seconds.

    Sending the same again changes nothing. What is older than five minutes is dropped, and so is what is older than
    something already known of the vehicle. Only the last position of a vehicle is kept, for an hour, and not who sent
    it.
    """
    network = find_network(request)
    checked = [_check_position(one, network.timetable if network else None, now) for one in body.positions]
    taken = [(feed, vehicle) for feed, vehicle in checked if isinstance(vehicle, Vehicle)]
    moved = live_store.save_positions(driver(session), taken)
    if moved:
        enqueue(session, POLL, once=POLL, queue=LIVE, at=datetime.now(UTC) + SOON)
    newest = {(feed, one.vehicle_id): one.at for feed, one in sorted(taken, key=lambda pair: pair[1].at)}
    results = []
    for sent, (feed, vehicle) in zip(body.positions, checked, strict=True):
        verdict = vehicle
        if isinstance(vehicle, Vehicle):
            key = (feed, vehicle.vehicle_id)
            accepted = key in moved and newest[key] == vehicle.at
            moved -= {key} if accepted else set()  # the same twice in one batch
            verdict = Verdict.ACCEPTED if accepted else Verdict.KNOWN
        results.append(PositionVerdict(vehicle_id=sent.vehicle_id, at=sent.at, verdict=cast("Verdict", verdict)))
    return PositionsAnswer(accepted=sum(one.verdict is Verdict.ACCEPTED for one in results), results=results)


def _check_position(sent: PositionBody, timetable: Timetable | None, now: datetime) -> tuple[str, Vehicle | Verdict]:
    """Read a position: the feed of its ids and the vehicle, or why it is not taken."""
    named = sent.trip_id or sent.line_id
    fault = _find_fault(sent, timetable, now)
    if fault is not None or named is None:
        return "", fault or Verdict.NO_TRIP
    feed = named.partition(":")[0]
    return feed, Vehicle(
        vehicle_id=sent.vehicle_id,
        trip_id=sent.trip_id and sent.trip_id.removeprefix(f"{feed}:"),
        start_date=sent.service_date,
        route_id=sent.line_id and sent.line_id.removeprefix(f"{feed}:"),
        lat=sent.lat,
        lon=sent.lon,
        at=int(sent.at.timestamp()),
        bearing=sent.bearing,
        speed=sent.speed,
        occupancy=Occupancy[sent.occupancy.name] if sent.occupancy else None,
    )


def _find_fault(sent: PositionBody, timetable: Timetable | None, now: datetime) -> Verdict | None:
    age = (now - sent.at).total_seconds()
    if not -AHEAD <= age <= STALE_AFTER:
        return Verdict.LATE if age > 0 else Verdict.AHEAD
    if sent.trip_id is not None:
        trip = find_trip(timetable, sent.trip_id) if timetable else None
        if timetable is None or trip is None:
            return Verdict.UNKNOWN_TRIP
        service = int(timetable.trip_service[trip])
        if sent.service_date and (service < 0 or not runs_on(timetable, day_number(sent.service_date))[service]):
            return Verdict.NOT_THAT_DAY
    if sent.line_id is not None and (timetable is None or sent.line_id not in timetable.route_ids.all()):
        return Verdict.UNKNOWN_LINE
    return None


def find_trip(timetable: Timetable, trip_id: str) -> int | None:
    """Return the index of a trip; those of a network are sorted by id."""
    ids, count = timetable.trip_ids, len(timetable.trip_route)
    row = bisect_left(range(count), trip_id, key=ids.at)
    return row if row < count and ids.at(row) == trip_id else None


# ── vehicles and messages ─────────────────────────────────────────────────────────────────────────────────────────────


class GeoPoint(BaseModel):
    """A point of GeoJSON."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float] = Field(description="Longitude, latitude")


class VehicleProperties(BaseModel):
    """What is known of a vehicle."""

    vehicle_id: str
    label: str | None
    trip_id: str | None = Field(description="`source:gtfs_id`")
    service_date: date | None
    line_id: str | None
    line: str | None = Field(description="As painted on the vehicle", examples=["120"])
    color: str | None = Field(description="RRGGBB")
    headsign: str | None
    delay: int | None = Field(description="Seconds it is late at its next stop (negative: early); null: not known")
    at: datetime = Field(description="When it was there")
    bearing: float | None = Field(description="Degrees from north, clockwise")
    speed: float | None = Field(description="Metres per second")
    occupancy: Crowd | None


class VehicleFeature(BaseModel):
    """A vehicle, as GeoJSON."""

    type: Literal["Feature"] = "Feature"
    geometry: GeoPoint
    properties: VehicleProperties


class VehiclesAnswer(BaseModel):
    """Vehicles, as GeoJSON."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[VehicleFeature]


@router.get("/vehicles", responses=problems(400, 422))
def list_vehicles(
    *,
    request: Request,
    box: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=BOX_PATTERN,
            description="WEST,SOUTH,EAST,NORTH in degrees: only vehicles inside",
            openapi_examples={"region": {"value": "2.8,46.1,7.2,48.4"}},
        ),
    ] = None,
    line_id: Annotated[str | None, Query(max_length=200, description="Only vehicles of this line")] = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="Vehicles, at most")] = 1000,
) -> VehiclesAnswer:
    """Show where vehicles are, as GeoJSON; those not heard of for five minutes are left out."""
    network = find_network(request)
    if network is None or network.live is None:
        return VehiclesAnswer(features=[])
    west, south, east, north = _read_box(box)
    delays = live_publish.Delays(network.live)
    features = []
    for one in network.live.vehicles:
        across = west <= one.lon <= east if west <= east else one.lon >= west or one.lon <= east
        if not (across and south <= one.lat <= north):
            continue
        feature = _vehicle(network.timetable, one, delays)
        if line_id is None or feature.properties.line_id == line_id:
            features.append(feature)
        if len(features) == limit:
            break
    return VehiclesAnswer(features=features)


def _read_box(box: str | None) -> tuple[float, float, float, float]:
    if box is None:
        return -180.0, -90.0, 180.0, 90.0
    west, south, east, north = (float(part) for part in box.split(","))
    if south > north:
        raise InvalidInput(f"the box {box} begins north of where it ends; write WEST,SOUTH,EAST,NORTH")
    return west, south, east, north


def _vehicle(timetable: Timetable, one: Vehicle, delays: live_publish.Delays) -> VehicleFeature:
    trip = find_trip(timetable, one.trip_id) if one.trip_id else None
    routes = timetable.route_ids
    if trip is not None:
        route = int(timetable.trip_route[trip])
    else:
        route = routes.all().index(one.route_id) if one.route_id in routes.all() else -1
    return VehicleFeature(
        geometry=GeoPoint(coordinates=(one.lon, one.lat)),
        properties=VehicleProperties(
            vehicle_id=one.vehicle_id,
            label=one.label,
            trip_id=one.trip_id,
            service_date=one.start_date,
            line_id=routes.at(route) if route >= 0 else one.route_id,
            line=(timetable.route_short_names.at(route) or timetable.route_long_names.at(route) or None)
            if route >= 0
            else None,
            color=timetable.route_colors.at(route) or None if route >= 0 else None,
            headsign=timetable.trip_headsigns.at(trip) or None if trip is not None else None,
            delay=None if trip is None else delays.find(trip, one.start_date),
            at=datetime.fromtimestamp(one.at, UTC),
            bearing=one.bearing,
            speed=one.speed,
            occupancy=None if one.occupancy is None else Crowd(one.occupancy.name.lower()),
        ),
    )


class PeriodAnswer(BaseModel):
    """A stretch of time; open where null."""

    start: datetime | None
    end: datetime | None


class TargetAnswer(BaseModel):
    """What a message is about; null: any."""

    agency_id: str | None
    line_id: str | None
    direction_id: int | None
    trip_id: str | None
    service_date: date | None
    stop_id: str | None
    route_type: int | None


class MessageAnswer(BaseModel):
    """A message to travellers."""

    id: str
    active: bool = Field(description="It applies now; else it is announced")
    header: dict[str, str] = Field(description="By language; under the empty word where that is not said")
    description: dict[str, str]
    url: dict[str, str]
    periods: list[PeriodAnswer] = Field(description="When it applies; empty: until it is withdrawn")
    targets: list[TargetAnswer]
    cause: str = Field(description="GTFS-Realtime Cause", examples=["MAINTENANCE"])
    effect: str = Field(description="GTFS-Realtime Effect", examples=["DETOUR"])
    severity: str = Field(description="GTFS-Realtime SeverityLevel", examples=["WARNING"])


class MessagesAnswer(BaseModel):
    """Messages to travellers."""

    alerts: list[MessageAnswer]


@router.get("/alerts", responses=problems(422))
def list_alerts(
    *,
    request: Request,
    now: Now,
    stop_id: Annotated[str | None, Query(max_length=200, description="Only about this stop, `source:gtfs_id`")] = None,
    line_id: Annotated[str | None, Query(max_length=200, description="Only about this line, `source:gtfs_id`")] = None,
    active: Annotated[bool, Query(description="Only those that apply now")] = False,
    limit: Annotated[int, Query(ge=1, le=1000, description="Messages, at most")] = 200,
) -> MessagesAnswer:
    """List messages to travellers, of all sources and of the staff: those that apply now first."""
    network = find_network(request)
    found = list(network.live.alerts.values()) if network and network.live else []
    answers = [
        _alert(one, now)
        for one in found
        if (stop_id is None or any(target.stop_id == stop_id for target in one.targets))
        and (line_id is None or any(target.route_id == line_id for target in one.targets))
    ]
    answers = [one for one in answers if one.active or not active]
    return MessagesAnswer(alerts=sorted(answers, key=lambda one: not one.active)[:limit])


def _alert(one: Alert, now: datetime) -> MessageAnswer:
    return MessageAnswer(
        id=one.id,
        active=is_active(one, int(now.timestamp())),
        header=one.header,
        description=one.description,
        url=one.url,
        periods=[
            PeriodAnswer(start=_instant(start, beyond=BEYOND), end=_instant(end, beyond=None))
            for start, end in one.periods
        ],
        targets=[
            TargetAnswer(
                agency_id=target.agency_id,
                line_id=target.route_id,
                direction_id=target.direction,
                trip_id=target.trip_id,
                service_date=target.start_date,
                stop_id=target.stop_id,
                route_type=target.route_type,
            )
            for target in one.targets
        ],
        cause=one.cause,
        effect=one.effect,
        severity=one.severity,
    )


def is_active(alert: Alert, now: int) -> bool:
    """Tell whether a message applies at an instant."""
    if not alert.periods:
        return True
    return any((start is None or start <= now) and (end is None or now < end) for start, end in alert.periods)


def _instant(seconds: int | None, *, beyond: int | None) -> datetime | None:
    """Return an instant that a source names; what lies `BEYOND` all planning is said as `beyond`."""
    told = beyond if seconds is not None and seconds > BEYOND else seconds
    return None if told is None else datetime.fromtimestamp(max(told, 0), UTC)


BEYOND = 32_503_680_000
"""Seconds since 1970 UTC, the year 3000: some sources write for ever as a number."""


# ── GTFS-Realtime ─────────────────────────────────────────────────────────────────────────────────────────────────────

FeedName = Annotated[
    str | None,
    Query(
        max_length=60,
        description="Only what concerns this feed, with its own ids; else all feeds, with ids as `source:gtfs_id`",
        openapi_examples={"mobigo": {"value": "mobigo"}},
    ),
]

BINARY: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A GTFS-Realtime 2.0 FeedMessage",
        "content": {PROTOBUF: {"schema": {"type": "string", "format": "binary"}}},
    },
    304: {"description": "Nothing newer than what `If-None-Match` names"},
}


@router.get("/live/trip-updates.pb", response_class=Response, responses={**BINARY, **problems(422)})
def trip_updates(*, request: Request, now: Now, feed: FeedName = None) -> Response:
    """Publish delays, skipped stops, cancelled and added trips as GTFS-Realtime."""
    return _publish(live_publish.trip_updates, request, now, feed)


@router.get("/live/vehicle-positions.pb", response_class=Response, responses={**BINARY, **problems(422)})
def vehicle_positions(*, request: Request, now: Now, feed: FeedName = None) -> Response:
    """Publish where vehicles are as GTFS-Realtime."""
    return _publish(live_publish.vehicle_positions, request, now, feed)


@router.get("/live/alerts.pb", response_class=Response, responses={**BINARY, **problems(422)})
def alerts(*, request: Request, now: Now, feed: FeedName = None) -> Response:
    """Publish messages to travellers as GTFS-Realtime."""
    return _publish(live_publish.alerts, request, now, feed)


class Published:
    """What was written last, kept until live data are switched: many read the same message."""

    MOST = 32
    """Messages kept; readers may ask for feeds that do not exist."""

    def __init__(self) -> None:
        self._kept: dict[tuple[live_publish.Writer, str | None], tuple[str, bytes]] = {}

    def write(
        self, write: live_publish.Writer, live: LiveSnapshot | None, feed: str | None, now: datetime
    ) -> tuple[str, bytes]:
        """Return a message and the tag of its version."""
        if live is None:
            return f"none-{int(now.timestamp())}", write(None, feed, int(now.timestamp()))
        tag = f"{live.folder.parent.parent.name}-{live.folder.name}-{live.at}"
        known = self._kept.get((write, feed))
        if known is None or known[0] != tag:
            known = tag, write(live, feed, live.at)
            if len(self._kept) >= self.MOST:
                self._kept.clear()
            self._kept[write, feed] = known
        return known


_published = Published()


def _publish(write: live_publish.Writer, request: Request, now: datetime, feed: str | None) -> Response:
    network = find_network(request)
    tag, content = _published.write(write, network.live if network else None, feed, now)
    headers = {"Cache-Control": "public, max-age=10", "ETag": f'"{tag}"'}
    if f'"{tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=PROTOBUF, headers=headers)
