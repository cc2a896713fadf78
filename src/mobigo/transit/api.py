"""HTTP: stops and lines from the network that serves; feeds from the database."""

from bisect import bisect_right
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database
from mobigo.kit.names import fold
from mobigo.kit.parameters import Cursor, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.transit import boards, sources
from mobigo.transit.answers import (
    LineAnswer,
    LineId,
    StopId,
    StopOfLine,
    Wheelchair,
    degrees,
    describe_line,
    describe_stop,
    find_network,
    get_line_of,
    get_stop_of,
    three_states,
)
from mobigo.transit.timetable import Timetable

router = APIRouter(prefix="/v1", tags=["transit"])


class LinesAnswer(BaseModel):
    """A page of lines, by id."""

    lines: list[LineAnswer]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last. Also as `Link` header")


class CourseAnswer(BaseModel):
    """A line in one direction."""

    direction_id: int | None = Field(description="0 or 1; null where the feed has none")
    headsigns: list[str] = Field(description="What its vehicles show, most frequent first")
    trips: int = Field(description="Trips in the feed, of all days")
    stops: list[StopOfLine] = Field(
        description="In order; a stop that only some trips serve stands before the next one that others serve too"
    )


class LineDetailAnswer(LineAnswer):
    """A line with its stops."""

    directions: list[CourseAnswer]


class StopDetailAnswer(BaseModel):
    """A stop, platform or station of a feed."""

    id: str = Field(description="`source:gtfs_id`", examples=["ter:StopArea:OCE87713412"])
    name: str = Field(examples=["Montbard"])
    code: str | None = Field(description="Short code printed at the stop")
    platform: str | None = Field(examples=["2"])
    lat: float | None = Field(description="Degrees, WGS84", examples=[47.6228])
    lon: float | None = Field(description="Degrees, WGS84", examples=[4.3375])
    kind: Literal["stop", "station", "entrance", "node", "boarding_area"] = Field(description="GTFS location_type")
    station_id: str | None = Field(description="`source:gtfs_id` of the station it is part of")
    wheelchair: Wheelchair
    stop_ids: list[str] = Field(description="The stops that this id means: itself, or all platforms of the station")
    place_stop_ids: list[str] = Field(
        description="All stops of the place: also other feeds' stops there and posts of the same name around"
    )
    lines: list[LineAnswer] = Field(description="Lines that serve `stop_ids`")


class AttributionAnswer(BaseModel):
    """Somebody to credit."""

    name: str
    roles: list[Literal["producer", "operator", "authority"]]
    url: str | None
    email: str | None


class FeedAnswer(BaseModel):
    """A feed as it is loaded."""

    source: str = Field(description="What its ids begin with", examples=["ter"])
    version: int = Field(description="Number of the load")
    status: str = Field(description="`active`; `rejected` when no version of it is in service", examples=["active"])
    loaded_at: datetime
    first_day: date | None = Field(description="First day of service")
    last_day: date | None = Field(description="Last day of service")
    expired: bool = Field(description="Its last day of service is past")
    counts: dict[str, int] = Field(description="Rows of each file", examples=[{"stops.txt": 321, "trips.txt": 2418}])
    publisher: str | None
    publisher_url: str | None
    language: str | None
    feed_version: str | None = Field(description="What the publisher calls this version")
    contact: str | None
    licence: str | None = Field(description="As the feed itself says it; GTFS has no column for it, few do")
    attributions: list[AttributionAnswer] = Field(description="Whom to credit where the data are used")


class FeedsAnswer(BaseModel):
    """Everything that was loaded."""

    feeds: list[FeedAnswer]


@router.get("/stops/{id:path}", responses=problems(400, 404, 422))
def get_stop(*, request: Request, id: StopId) -> StopDetailAnswer:  # noqa: A002 - the path's own name
    """Describe a stop, platform or station, and the lines that serve it."""
    network, stop = get_stop_of(find_network(request), id)
    timetable = network.timetable
    meant = boards.stops_meant(timetable, stop)
    parent = int(timetable.stop_parent[stop])
    return StopDetailAnswer(
        id=id,
        name=timetable.stop_names.at(stop),
        code=timetable.stop_codes.at(stop) or None,
        platform=timetable.stop_platforms.at(stop) or None,
        lat=degrees(timetable.stop_lat[stop]),
        lon=degrees(timetable.stop_lon[stop]),
        kind=KINDS[int(timetable.stop_type[stop])],
        station_id=timetable.stop_ids.at(parent) if parent >= 0 else None,
        wheelchair=three_states(int(timetable.stop_wheelchair[stop])),
        stop_ids=_ids(timetable, meant.tolist()),
        place_stop_ids=_ids(timetable, boards.stops_of_place(timetable, stop).tolist()),
        lines=[describe_line(timetable, route) for route in boards.lines_at(timetable, meant)],
    )


@router.get("/lines", responses=problems(400, 422))
def list_lines(
    *,
    request: Request,
    response: Response,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            description="Words of the name, in any order; the beginnings suffice; accents do not matter",
            openapi_examples={"line": {"value": "montbard semur"}},
        ),
    ] = None,
    feed: Annotated[
        str | None,
        Query(max_length=60, description="Only lines of this source", openapi_examples={"ter": {"value": "ter"}}),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Lines per page")] = 100,
    cursor: Cursor = None,
) -> LinesAnswer:
    """List lines, by id."""
    network = find_network(request)
    if network is None:
        return LinesAnswer(lines=[], next_cursor=None)
    timetable = network.timetable
    ids = timetable.route_ids.all()
    order = sorted(range(len(ids)), key=ids.__getitem__)
    start = bisect_right(order, cursor, key=ids.__getitem__) if cursor is not None else 0
    words = fold(q).split() if q is not None else []
    fitting = (
        route
        for route in order[start:]
        if (feed is None or ids[route].startswith(f"{feed}:"))
        and (q is None or (words and _has_words(timetable, route, words)))
    )
    page = list(islice(fitting, limit + 1))
    next_cursor = ids[page[limit - 1]] if len(page) > limit else None
    link_next(request, response, next_cursor)
    return LinesAnswer(lines=[describe_line(timetable, route) for route in page[:limit]], next_cursor=next_cursor)


@router.get("/lines/{id:path}", responses=problems(400, 404, 422))
def get_line(
    *,
    request: Request,
    id: LineId,  # noqa: A002 - the path's own name
) -> LineDetailAnswer:
    """Describe a line: its directions and their stops."""
    network, route = get_line_of(find_network(request), id)
    timetable = network.timetable
    directions = [
        CourseAnswer(
            direction_id=course.direction,
            headsigns=list(course.headsigns),
            trips=course.trips,
            stops=[describe_stop(timetable, stop) for stop in course.stops],
        )
        for course in boards.list_courses(timetable, route)
    ]
    return LineDetailAnswer(**describe_line(timetable, route).model_dump(), directions=directions)


@router.get("/feeds", responses=problems(422))
def list_feeds(*, session: Database, now: Now) -> FeedsAnswer:
    """List the feeds that are loaded: until when they are valid, what they hold, whom to credit."""
    today = now.date()
    return FeedsAnswer(
        feeds=[
            FeedAnswer.model_validate({**one.__dict__, "expired": one.is_expired(today)}, from_attributes=True)
            for one in sources.list_sources(session)
        ]
    )


KINDS: tuple[Literal["stop", "station", "entrance", "node", "boarding_area"], ...] = (
    "stop",
    "station",
    "entrance",
    "node",
    "boarding_area",
)
"""Words for location_type."""


def _has_words(timetable: Timetable, route: int, words: list[str]) -> bool:
    names = fold(f"{timetable.route_short_names.at(route)} {timetable.route_long_names.at(route)}").split()
    return all(any(name.startswith(word) for name in names) for word in words)


def _ids(timetable: Timetable, stops: list[int]) -> list[str]:
    return [timetable.stop_ids.at(stop) for stop in stops]
