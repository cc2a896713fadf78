"""HTTP: disturbances written by the staff: stops closed, lines detoured, trips cancelled, messages in two languages."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Protocol, cast

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LIVE
from mobigo.kit.errors import InvalidInput, Unavailable
from mobigo.kit.parameters import Day, Instant, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.transit import disturbances, live_store
from mobigo.transit.live import ACCESSIBILITY_ISSUE, Alert, Disturbance, Effect, Target
from mobigo.transit.live_api import POLL, PRINTABLE
from mobigo.transit.timetable import Timetable

router = APIRouter(prefix="/v1/disturbances", tags=["disturbances"])

Reader = Annotated[Person, Depends(require(Role.DISPATCHER, Role.DESK))]
Writer = Annotated[Person, Depends(require(Role.DISPATCHER))]


class Network(Protocol):
    """What these routes read of the network that serves."""

    @property
    def timetable(self) -> Timetable:
        """Stops, lines and trips."""


class Does(StrEnum):
    """What a disturbance does to the timetable while it lasts."""

    MESSAGE = "message"
    """Nothing: it is only said."""
    STOP_CLOSED = "stop_closed"
    """Nobody calls at the stops; where lines are named, only they do not."""
    DETOUR = "detour"
    """The lines go another way and leave out the stops."""
    CANCELED = "canceled"
    """Departures of the lines or trips do not run."""
    LIFT_OUT_OF_ORDER = "lift_out_of_order"
    """Wheelchairs do not go through the lifts at the stops (entrances, places inside a station, all of a station)."""


class Cause(StrEnum):
    """Why (GTFS-Realtime Cause)."""

    UNKNOWN = "UNKNOWN_CAUSE"
    OTHER = "OTHER_CAUSE"
    TECHNICAL_PROBLEM = "TECHNICAL_PROBLEM"
    STRIKE = "STRIKE"
    DEMONSTRATION = "DEMONSTRATION"
    ACCIDENT = "ACCIDENT"
    HOLIDAY = "HOLIDAY"
    WEATHER = "WEATHER"
    MAINTENANCE = "MAINTENANCE"
    CONSTRUCTION = "CONSTRUCTION"
    POLICE_ACTIVITY = "POLICE_ACTIVITY"
    MEDICAL_EMERGENCY = "MEDICAL_EMERGENCY"


class Severity(StrEnum):
    """How grave (GTFS-Realtime SeverityLevel)."""

    UNKNOWN = "UNKNOWN_SEVERITY"
    INFO = "INFO"
    WARNING = "WARNING"
    SEVERE = "SEVERE"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _text(longest: int) -> object:
    return Field(min_length=1, max_length=longest, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$")


class ShortText(_Body):
    """A line in both languages."""

    fr: Annotated[str, _text(200)] = Field(examples=["Arrêt Mairie fermé"])
    en: Annotated[str, _text(200)] = Field(examples=["Stop Mairie closed"])


class LongText(_Body):
    """A text in both languages."""

    fr: Annotated[str, _text(4000)]
    en: Annotated[str, _text(4000)]


class Addresses(_Body):
    """Pages that say more, in both languages."""

    fr: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s<>\x22]+$")]
    en: Annotated[str, Field(max_length=500, pattern=r"^https?://[^\s<>\x22]+$")]


class Period(_Body):
    """A stretch of time."""

    start: Instant | None = Field(None, description="Null: when it is written")
    end: Instant | None = Field(None, description="Null: until it is withdrawn")


_Id = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]


class TargetBody(_Body):
    """What is hit: all that is named here together; null: any."""

    line_id: _Id | None = Field(None, description="`source:gtfs_id`", examples=["mobigo:L120"])
    direction_id: Annotated[int, Field(ge=0, le=1, strict=True)] | None = None
    stop_id: _Id | None = Field(None, description="`source:gtfs_id`; a station means all its platforms")
    trip_id: _Id | None = Field(None, description="`source:gtfs_id`")
    service_date: Day | None = Field(None, description="Only on this service day")
    agency_id: _Id | None = Field(None, description="`source:gtfs_id`")
    route_type: Annotated[int, Field(ge=0, le=1800, strict=True)] | None = Field(None, description="GTFS route_type")


class DisturbanceBody(_Body):
    """A disturbance, as it is written."""

    feed: Annotated[str, Field(min_length=1, max_length=60)] = Field(
        description="The feed whose ids its targets have", examples=["mobigo"]
    )
    does: Does = Does.MESSAGE
    header: ShortText
    description: LongText | None = None
    url: Addresses | None = None
    periods: Annotated[list[Period], Field(max_length=50)] = Field(
        default_factory=list, description="When it lasts; empty: from when it is written until it is withdrawn"
    )
    targets: Annotated[list[TargetBody], Field(max_length=200)] = Field(
        default_factory=list,
        description="What it is about; a target without `stop_id` narrows those that name only stops",
    )
    cause: Cause = Cause.UNKNOWN
    severity: Severity = Severity.UNKNOWN


class DayAnswer(BaseModel):
    """What it does on one service day."""

    day: date
    canceled: int = Field(description="Departures that do not run")
    changed: int = Field(description="Departures that leave out a stop")
    line_ids: list[str]


class PreviewAnswer(BaseModel):
    """What it does in the two weeks from its beginning, or from now."""

    days: list[DayAnswer]
    trip_ids: list[str] = Field(description="The first trips hit, for a look")


class DisturbanceAnswer(BaseModel):
    """A disturbance as it is now."""

    id: int
    revision: int = Field(description="Counts its changes; give it back when you change it")
    alert_id: str = Field(description="Its id in /v1/alerts")
    withdrawn: bool
    written_by: str
    written_at: datetime
    content: DisturbanceBody | None = Field(description="Null when it is withdrawn")


class WrittenAnswer(DisturbanceAnswer):
    """A disturbance that was just written, and what it does."""

    preview: PreviewAnswer | None


class DisturbancesAnswer(BaseModel):
    """A page of disturbances, newest first."""

    disturbances: list[DisturbanceAnswer]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last. Also as `Link` header")


class HistoryAnswer(WrittenAnswer):
    """A disturbance, what it does, and everything it was before."""

    lost: list[str] = Field(
        description="Targets that are not in the timetable any more, since it was loaded anew: they hit nothing"
    )
    history: list[DisturbanceAnswer] = Field(description="Newest first")


Id = Annotated[int, Path(ge=1, le=2**31 - 1, description="Number of the disturbance")]
Seen = Annotated[
    int | None,
    Query(
        alias="revision",
        ge=1,
        le=2**31 - 1,
        description="The revision you read: when somebody changed it since, yours is refused",
    ),
]


@router.get("", responses=problems(400, 401, 403, 422))
def list_disturbances(
    *,
    request: Request,
    response: Response,
    session: Database,
    now: Now,
    person: Reader,  # noqa: ARG001 - only guards
    past: Annotated[bool, Query(description="Also those that are over or withdrawn")] = False,
    limit: Annotated[int, Query(ge=1, le=200, description="Disturbances per page")] = 50,
    cursor: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,9}$", description="Where the page before ended: its `next_cursor`")
    ] = None,
) -> DisturbancesAnswer:
    """List disturbances that are or will be in force, newest first."""
    before = None if cursor is None else int(cursor)
    found = live_store.list_disturbances(
        driver(session), not_over_at=None if past else now, before=before, limit=limit + 1
    )
    next_cursor = str(found[limit - 1].id) if len(found) > limit else None
    link_next(request, response, next_cursor)
    return DisturbancesAnswer(disturbances=[_answer(one) for one in found[:limit]], next_cursor=next_cursor)


@router.post("", status_code=201, responses=problems(400, 401, 403, 404, 422, 503))
def write_disturbance(
    *, request: Request, session: Database, now: Now, person: Writer, body: DisturbanceBody
) -> WrittenAnswer:
    """Write a disturbance: planner, boards and feeds know it within seconds."""
    one, timetable = _read(request, body, now)
    written = live_store.add_disturbance(driver(session), one, by=person.user, now=now)
    enqueue(session, POLL, once=POLL, queue=LIVE)
    return _written(written, timetable, now)


@router.post("/preview", responses=problems(400, 401, 403, 404, 422, 503))
def preview_disturbance(
    *,
    request: Request,
    now: Now,
    person: Reader,  # noqa: ARG001 - only guards
    body: DisturbanceBody,
) -> PreviewAnswer:
    """Say what a disturbance would do, without writing it."""
    one, timetable = _read(request, body, now)
    return _preview(disturbances.preview(timetable, one, now))


@router.get("/{id:int}", responses=problems(401, 403, 404, 422))
def get_disturbance(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Reader,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> HistoryAnswer:
    """Read a disturbance, what it does from now on, and everything it was before."""
    newest, *_ = revisions = live_store.list_revisions(driver(session), id)
    network = cast("Network | None", request.app.state.networks.find_current())
    timetable = network.timetable if network else None
    told = newest.disturbance
    return HistoryAnswer(
        **_written(newest, timetable, now).model_dump(),
        lost=disturbances.list_lost(timetable, told) if timetable and told else [],
        history=[_answer(one) for one in revisions],
    )


@router.put("/{id:int}", responses=problems(400, 401, 403, 404, 409, 422, 503))
def change_disturbance(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    body: DisturbanceBody,
    seen: Seen = None,
) -> WrittenAnswer:
    """Write a disturbance anew, also one that was withdrawn."""
    one, timetable = _read(request, body, now)
    written = live_store.change_disturbance(driver(session), id, one, seen=seen, by=person.user, now=now)
    enqueue(session, POLL, once=POLL, queue=LIVE)
    return _written(written, timetable, now)


@router.delete("/{id:int}", responses=problems(401, 403, 404, 409, 422))
def withdraw_disturbance(
    *,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    seen: Seen = None,
) -> DisturbanceAnswer:
    """Withdraw a disturbance: vehicles run and call as planned again. It can be undone."""
    written = live_store.change_disturbance(driver(session), id, None, seen=seen, by=person.user, now=now)
    enqueue(session, POLL, once=POLL, queue=LIVE)
    return _answer(written)


@router.post("/{id:int}/undo", responses=problems(401, 403, 404, 409, 422))
def undo_disturbance(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    seen: Seen = None,
) -> WrittenAnswer:
    """Take the last change back: a disturbance just written is withdrawn, one just withdrawn is in force again."""
    written = live_store.undo_disturbance(driver(session), id, seen=seen, by=person.user, now=now)
    enqueue(session, POLL, once=POLL, queue=LIVE)
    network = cast("Network | None", request.app.state.networks.find_current())
    return _written(written, network.timetable if network else None, now)


def _read(request: Request, body: DisturbanceBody, now: datetime) -> tuple[Disturbance, Timetable]:
    network = cast("Network | None", request.app.state.networks.find_current())
    if network is None:
        raise Unavailable("no network has been built that a disturbance could be about", code="no_network")
    prefix = f"{body.feed}:"
    targets = []
    for one in body.targets:
        ids = (one.agency_id, one.line_id, one.trip_id, one.stop_id)
        for id_ in ids:
            if id_ is not None and not id_.startswith(prefix):
                raise InvalidInput(f"{id_} is not of feed {body.feed}; ids of targets begin with {prefix}")
        agency, line, trip, stop = (id_ and id_.removeprefix(prefix) for id_ in ids)
        if one == TargetBody():
            raise InvalidInput("a target names nothing; name a line, stop, trip, agency or mode, or leave it out")
        targets.append(Target(agency, line, one.direction_id, trip, one.service_date, stop, one.route_type))
    told = Disturbance(
        Alert(
            id="",
            header=body.header.model_dump(),
            description=body.description.model_dump() if body.description else {},
            url=body.url.model_dump() if body.url else {},
            periods=tuple(
                (int((one.start or now).timestamp()), None if one.end is None else int(one.end.timestamp()))
                for one in body.periods or [Period(start=now, end=None)]
            ),
            targets=tuple(targets),
            cause=body.cause,
            effect=GTFS_EFFECTS[body.does],
            severity=body.severity,
        ),
        EFFECTS[body.does],
        body.feed,
    )
    disturbances.check_disturbance(network.timetable, told)
    return told, network.timetable


EFFECTS = {
    Does.MESSAGE: Effect.NONE,
    Does.STOP_CLOSED: Effect.STOP_CLOSED,
    Does.DETOUR: Effect.STOP_CLOSED,
    Does.CANCELED: Effect.CANCELED,
    Does.LIFT_OUT_OF_ORDER: Effect.NONE,
}

GTFS_EFFECTS = {
    Does.MESSAGE: "OTHER_EFFECT",
    Does.STOP_CLOSED: "NO_SERVICE",
    Does.DETOUR: "DETOUR",
    Does.CANCELED: "REDUCED_SERVICE",
    Does.LIFT_OUT_OF_ORDER: ACCESSIBILITY_ISSUE,
}
"""How each is called in GTFS-Realtime."""


def _written(one: live_store.Revision, timetable: Timetable | None, now: datetime) -> WrittenAnswer:
    told = None
    if timetable is not None and one.disturbance is not None:
        told = _preview(disturbances.preview(timetable, one.disturbance, now))
    return WrittenAnswer(**_answer(one).model_dump(), preview=told)


def _preview(found: disturbances.Preview) -> PreviewAnswer:
    return PreviewAnswer(
        days=[
            DayAnswer(day=one.day, canceled=one.canceled, changed=one.changed, line_ids=list(one.lines))
            for one in found.days
        ],
        trip_ids=list(found.trips),
    )


def _answer(one: live_store.Revision) -> DisturbanceAnswer:
    return DisturbanceAnswer(
        id=one.id,
        revision=one.number,
        alert_id=f"{one.feed}:disturbance-{one.id}",
        withdrawn=one.disturbance is None,
        written_by=one.written_by,
        written_at=one.written_at,
        content=_content(one.disturbance) if one.disturbance else None,
    )


def _content(one: Disturbance) -> DisturbanceBody:
    def full(id_: str | None) -> str | None:
        return id_ and f"{one.source}:{id_}"

    alert = one.alert
    return DisturbanceBody(
        feed=one.source,
        does=next(does for does, name in GTFS_EFFECTS.items() if name == alert.effect),
        header=ShortText(**alert.header),
        description=LongText(**alert.description) if alert.description else None,
        url=Addresses(**alert.url) if alert.url else None,
        periods=[Period(start=_instant(start), end=_instant(end)) for start, end in alert.periods],
        targets=[
            TargetBody(
                line_id=full(target.route_id),
                direction_id=target.direction,
                stop_id=full(target.stop_id),
                trip_id=full(target.trip_id),
                service_date=target.start_date,
                agency_id=full(target.agency_id),
                route_type=target.route_type,
            )
            for target in alert.targets
        ],
        cause=Cause(alert.cause),
        severity=Severity(alert.severity),
    )


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
