"""HTTP: carpool lines, as documents; written, taken back, exported and imported by the staff."""

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.carpool import lines
from mobigo.carpool.asking import CurrentRoads
from mobigo.carpool.line_documents import Id, LineBody, write_body
from mobigo.carpool.lines import Revision, Roads
from mobigo.carpool.model import Line
from mobigo.db.session import Database, driver
from mobigo.kit.geo import haversine
from mobigo.kit.parameters import POINT_PATTERN, read_point
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.parking.service import list_car_parks

router = APIRouter(prefix="/v1/carpool", tags=["carpool lines"])

Writer = Annotated[Person, Depends(require(Role.CARPOOL))]
Reader = Annotated[Person, Depends(require(Role.CARPOOL, Role.DESK))]
LinePath = Annotated[Id, Path(description="Of a line", examples=["epoisses-les-laumes"])]
Seen = Annotated[
    int | None,
    Query(
        alias="revision",
        ge=0,
        le=2**31 - 1,
        description="The revision you read: when somebody changed it since, yours is refused",
    ),
]


class LineStopAnswer(BaseModel):
    """A stop of a line."""

    id: str
    name: str
    lat: float
    lon: float
    metres: int = Field(description="By road, from the first stop")


class DirectionAnswer(BaseModel):
    """A line, one way."""

    direction: int
    name: str = Field(description="Where it goes")
    stops: list[str] = Field(description="Ids, in the order of the way")


class HoursAnswer(BaseModel):
    """When a line runs."""

    weekdays: list[int] = Field(description="0 is Monday")
    first: str
    last: str


class GuaranteeAnswer(BaseModel):
    """What is promised to somebody who waits at a stop."""

    wait_minutes: int = Field(description="After so long without a car a taxi is ordered")
    directions: list[int]
    hours: list[HoursAnswer]


class LineAnswer(BaseModel):
    """A carpool line."""

    id: str
    name: str
    stops: list[LineStopAnswer]
    directions: list[DirectionAnswer]
    metres: int = Field(description="From end to end, as runs are paid: by road where streets are loaded")
    published_metres: int | None = Field(description="Length as published")
    timezone: str
    hours: list[HoursAnswer]
    open_now: bool = Field(description="Within its hours")
    guarantee: GuaranteeAnswer | None
    demonstration: bool = Field(description="Its stops stand for real ones")
    revision: int = Field(description="Counts the staff's changes; give it back when you change it")


class LinesAnswer(BaseModel):
    """Carpool lines, by name."""

    lines: list[LineAnswer]


class LineDocuments(BaseModel):
    """Lines as documents, to be kept, changed and written again."""

    lines: list[LineBody] = Field(max_length=1_000)


class LineRevisionAnswer(BaseModel):
    """What the staff wrote of a line."""

    id: str
    revision: int
    withdrawn: bool
    written_by: str
    written_at: datetime
    document: dict[str, Any] | None = Field(description="Null: withdrawn, or as it ships")


class LineHistoryAnswer(BaseModel):
    """Everything the staff wrote of a line."""

    history: list[LineRevisionAnswer] = Field(description="Newest first")


class WrittenAnswer(BaseModel):
    """Lines that were written."""

    written: list[LineRevisionAnswer]


class CarpoolPlaceAnswer(BaseModel):
    """A place of a national register, which may become a stop."""

    id: str
    name: str
    commune: str
    lat: float
    lon: float
    capacity: int | None
    source: str


class CarpoolPlacesAnswer(BaseModel):
    """Places, the nearest first."""

    places: list[CarpoolPlaceAnswer]


def write_line(line: Line, roads: Roads, now: datetime) -> LineAnswer:
    """Write a line."""
    line = lines.measure(line, roads)
    body = write_body(line)
    ids = [stop.id for stop in line.stops]
    promise = line.guarantee and body["guarantee"]
    return LineAnswer(
        id=line.id,
        name=line.name,
        stops=[LineStopAnswer.model_validate(stop) for stop in body["stops"]],
        directions=[
            DirectionAnswer(direction=0, name=line.stops[-1].name, stops=ids),
            DirectionAnswer(direction=1, name=line.stops[0].name, stops=ids[::-1]),
        ],
        metres=line.stops[-1].metres,
        published_metres=line.length,
        timezone=line.timezone,
        hours=body["hours"],
        open_now=is_open(line, now),
        guarantee=promise
        and GuaranteeAnswer(
            wait_minutes=promise["wait_minutes"],
            directions=promise["directions"],
            hours=body["hours"] if promise["hours"] is None else promise["hours"],
        ),
        demonstration=line.demonstration,
        revision=line.revision,
    )


def is_open(line: Line, now: datetime) -> bool:
    """Tell whether a line runs at an instant."""
    zone = ZoneInfo(line.timezone)
    here = now.astimezone(zone)
    second = here.hour * 3600 + here.minute * 60 + here.second
    return any(here.weekday() in one.weekdays and one.first <= second <= one.last for one in line.hours)


@router.get("/lines", responses=problems(422, 503))
def list_carpool_lines(*, session: Database, roads: CurrentRoads, now: Now) -> LinesAnswer:
    """List the carpool lines in service, with their stops."""
    return LinesAnswer(lines=[write_line(line, roads, now) for line in lines.list_lines(driver(session))])


@router.get("/lines/export", responses=problems(401, 403, 422, 503))
def export_lines(*, session: Database, _reader: Reader, response: Response) -> LineDocuments:
    """Return all lines as documents, as `PUT /v1/carpool/lines` reads them."""
    response.headers["Content-Disposition"] = 'attachment; filename="lines.json"'
    return LineDocuments(lines=[LineBody.model_validate(write_body(one)) for one in lines.list_lines(driver(session))])


@router.put("/lines", responses=problems(400, 401, 403, 409, 422, 503))
def import_lines(*, session: Database, writer: Writer, now: Now, body: LineDocuments) -> WrittenAnswer:
    """Write lines from their documents: all of them, or none. Lines that are not among them stay as they are."""
    written = lines.write_all(driver(session), body.lines, by=writer.user, now=now)
    return WrittenAnswer(written=[_revision(one) for one in written])


@router.get("/lines/{line_id}", responses=problems(404, 422, 503))
def get_carpool_line(*, session: Database, roads: CurrentRoads, now: Now, line_id: LinePath) -> LineAnswer:
    """Show a line."""
    return write_line(lines.get_line(driver(session), line_id), roads, now)


@router.put("/lines/{line_id}", responses=problems(400, 401, 403, 409, 422, 503))
def put_line(
    *, session: Database, writer: Writer, now: Now, line_id: LinePath, body: LineBody, seen: Seen = None
) -> LineRevisionAnswer:
    """Write a line: a new one, or instead of what it was. Runs that were offered before stay as they are."""
    return _revision(lines.write_line(driver(session), line_id, body, seen=seen, by=writer.user, now=now))


@router.delete("/lines/{line_id}", responses=problems(401, 403, 404, 409, 422, 503))
def withdraw_line(
    *, session: Database, writer: Writer, now: Now, line_id: LinePath, seen: Seen = None
) -> LineRevisionAnswer:
    """Take a line out of service; what is booked stays booked, and undo brings it back."""
    connection = driver(session)
    lines.get_line(connection, line_id)
    return _revision(lines.write(connection, line_id, None, withdrawn=True, seen=seen, by=writer.user, now=now))


@router.get("/lines/{line_id}/history", responses=problems(401, 403, 404, 422, 503))
def get_carpool_line_history(*, session: Database, _reader: Reader, line_id: LinePath) -> LineHistoryAnswer:
    """Show what the staff wrote of a line."""
    found = lines.list_revisions(driver(session), line_id)
    if not found and line_id not in lines.shipped():
        raise lines.unknown_line(line_id)
    return LineHistoryAnswer(history=[_revision(one) for one in found])


@router.post("/lines/{line_id}/undo", responses=problems(401, 403, 404, 409, 422, 503))
def undo_line(
    *,
    session: Database,
    writer: Writer,
    now: Now,
    line_id: LinePath,
    to: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="0: as it ships, or not at all")] = None,
    seen: Seen = None,
) -> LineRevisionAnswer:
    """Take the last change of a line back, or go back to an earlier revision."""
    return _revision(lines.undo(driver(session), line_id, to=to, seen=seen, by=writer.user, now=now))


@router.get("/carpool-places", responses=problems(400, 401, 403, 422, 503))
def list_carpool_places(
    *,
    session: Database,
    _reader: Reader,
    near: Annotated[str, Query(pattern=POINT_PATTERN, description="`LAT,LON`", examples=["47.5067,4.1733"])],
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> CarpoolPlacesAnswer:
    """List places of the registers of carpool places that are loaded: a stop of a line may be taken from them."""
    point = read_point(near)
    places = sorted(list_car_parks(driver(session)), key=lambda one: haversine(one.point, point))[:limit]
    return CarpoolPlacesAnswer(
        places=[
            CarpoolPlaceAnswer(
                id=one.id,
                name=one.name,
                commune=one.commune,
                lat=one.point.lat,
                lon=one.point.lon,
                capacity=one.capacity,
                source=one.source,
            )
            for one in places
        ]
    )


def _revision(one: Revision) -> LineRevisionAnswer:
    return LineRevisionAnswer(
        id=one.id,
        revision=one.number,
        withdrawn=one.withdrawn,
        written_by=one.written_by,
        written_at=one.written_at,
        document=one.document,
    )
