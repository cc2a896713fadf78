"""HTTP: waiting at a stop of a line without a booking, and who drives by."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Asking
from mobigo.accounts.model import Role
from mobigo.carpool import lines, people, store, waiting, waiting_store
from mobigo.carpool.asking import TRAVELS, Once
from mobigo.carpool.model import Line, Person, Run, Waiting, WaitingState
from mobigo.carpool.people_api import Traveller
from mobigo.carpool.service import NOBODY
from mobigo.carpool.talk_api import RunId
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Forbidden, InvalidInput
from mobigo.kit.parameters import link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool waiting"])

Staff = Annotated[Asking, Depends(require(Role.CARPOOL, Role.DESK))]
Anybody = Annotated[Asking, Depends(require(Role.TRAVELLER, Role.DRIVER, Role.CARPOOL, Role.DESK))]
"""Who waits, and the staff for them."""
WaitingId = Annotated[str, Path(pattern=r"^wait_[A-Za-z0-9_-]{1,60}$", description="Of a waiting")]
LineId = Annotated[str, Path(min_length=1, max_length=80, pattern=r"^[^/\x00]+$", description="Of a carpool line")]
StopText = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[^\x00]+$")]
Seats = Annotated[int, Field(ge=1, le=8)]


class WaitingBody(BaseModel):
    """From where to where somebody waits for a car."""

    model_config = ConfigDict(extra="forbid")

    line: StopText = Field(examples=["epoisses-les-laumes"])
    stop: StopText = Field(description="Where one waits: a stop of the line", examples=["epoisses"])
    to: StopText = Field(description="Where one wants to go", examples=["les-laumes"])
    seats: Seats = 1
    person: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")] | None = Field(
        None, description="Staff only: for whom, who telephones"
    )


class CarAnswer(BaseModel):
    """A car that will pass."""

    run: str
    at: datetime = Field(description="As it is expected now")
    seats: int = Field(description="Free all the way")
    spontaneous: bool


class ExpectedAnswer(BaseModel):
    """How long one waits, as far as can be told."""

    seconds: int | None = Field(description="Null: nobody knows")
    announced: bool = Field(description="By a car that is to come; else as it used to be at this hour")
    cars: list[CarAnswer] = Field(description="Soonest first")
    promised_until: datetime | None = Field(description="A taxi is ordered then if no car has come; null: no guarantee")


class WaitingAnswer(BaseModel):
    """Somebody's waiting."""

    id: str
    line: str
    direction: int
    stop: str
    to: str
    seats: int
    since: datetime
    promised_until: datetime | None = Field(description="A taxi is ordered then if no car has come; null: no guarantee")
    state: WaitingState
    run: str | None = Field(description="With whom they went")
    booking: str | None
    taxi_ordered_at: datetime | None
    ended_at: datetime | None


class OwnWaitingAnswer(WaitingAnswer):
    """One's waiting, and what is to come."""

    expected: ExpectedAnswer | None = Field(description="While one waits")


class StaffWaitingAnswer(WaitingAnswer):
    """Somebody's waiting, as staff sees it."""

    reference: str = Field(description="As the taxi was told it")
    passenger: str
    name: str | None
    phone: str | None


class StaffWaitingsAnswer(BaseModel):
    """A page of waitings, latest first."""

    waiting: list[StaffWaitingAnswer]
    next_cursor: str | None


class AtStopAnswer(BaseModel):
    """How many wait at a stop."""

    stop: str
    to: str
    direction: int
    persons: int
    since: datetime


class AtStopsAnswer(BaseModel):
    """Who waits along a line: how many and since when, not who."""

    waiting: list[AtStopAnswer]


class AheadAnswer(BaseModel):
    """Somebody who waits on the way of a run."""

    waiting: str
    stop: str = Field(description="Of the line")
    to: str
    board: int = Field(description="Stop of the run")
    alight: int
    persons: int
    since: datetime
    at: datetime = Field(description="When the car will be there")


class AheadsAnswer(BaseModel):
    """Who waits on the way of a run, in the order of its stops."""

    waiting: list[AheadAnswer]


class PickedUpAnswer(BaseModel):
    """Somebody who was picked up, and their booking."""

    waiting: str
    booking: str


@router.post("/waiting", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def wait(*, session: Database, now: Now, asking: Anybody, body: WaitingBody) -> OwnWaitingAnswer:
    """Begin to wait at a stop; drivers who will pass are told, and where it is promised a taxi comes in the end."""
    person = _find_person(session, asking, body.person)
    line = lines.get_line(driver(session), body.line)
    one = waiting.wait(session, person, line, waiting.Wish(body.stop, body.to, body.seats), now)
    return _own(session, line, one, now)


@router.get("/waiting", responses=problems(401, 403, 422))
def list_waiting(
    *,
    request: Request,
    response: Response,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    state: Annotated[WaitingState | None, Query(description="Only in this state")] = None,
    line: Annotated[str | None, Query(max_length=80, pattern=r"^[^\x00]*$", description="Only of this line")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{1,17}_wait_[A-Za-z0-9_-]{1,60}$", description="Where the page before ended"),
    ] = None,
) -> StaffWaitingsAnswer:
    """List who waits or waited, latest first; staff only, who may have to call a taxi by telephone."""
    connection = driver(session)
    before = None
    if cursor is not None:
        micros, _, id_ = cursor.partition("_")
        before = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros)), id_
    found = waiting_store.list_waiting(
        connection, line=line, states=() if state is None else (state,), before=before, limit=limit + 1
    )
    known = store.list_people(connection, [one.passenger for one in found])
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = None if last is None else f"{round(last.since.timestamp() * 1_000_000)}_{last.id}"
    link_next(request, response, next_cursor)
    zones = {one.id: ZoneInfo(one.timezone) for one in lines.list_lines(connection)}
    answers = [_staff(one, known[one.passenger], zones.get(one.line, UTC)) for one in found[:limit]]
    return StaffWaitingsAnswer(waiting=answers, next_cursor=next_cursor)


@router.get("/waiting/{waiting_id}", responses=problems(401, 403, 404, 422))
def get_waiting(
    *,
    session: Database,
    now: Now,
    asking: Anybody,
    waiting_id: WaitingId,
) -> OwnWaitingAnswer:
    """Read what has become of one's waiting, and how long it will last."""
    one = _find_own(session, asking, waiting_id)
    return _own(session, waiting.find_line(session, one.line), one, now)


@router.post("/waiting/{waiting_id}/leave", responses=problems(401, 403, 404, 409, 422))
def leave(*, session: Database, now: Now, asking: Anybody, waiting_id: WaitingId) -> OwnWaitingAnswer:
    """Wait no longer."""
    one = waiting.leave(session, _find_own(session, asking, waiting_id), now)
    return _own(session, waiting.find_line(session, one.line), one, now)


@router.get("/lines/{line}/expected", responses=problems(400, 404, 422))
def expect(
    *,
    session: Database,
    now: Now,
    line: LineId,
    stop: Annotated[StopText, Query(description="Where one would wait")],
    to: Annotated[StopText, Query(description="Where one would go")],
    seats: Annotated[int, Query(ge=1, le=8)] = 1,
) -> ExpectedAnswer:
    """Tell how long one would wait at a stop of a line now."""
    found = lines.get_line(driver(session), line)
    wish = waiting.Wish(stop, to, seats)
    promise = waiting.find_promise(found, waiting.find_direction(found, wish), now)
    return _expected(session, found, wish, promise, now)


@router.get("/lines/{line}/waiting", responses=problems(401, 403, 404, 422))
def list_waiting_along(
    *,
    session: Database,
    asking: Traveller,  # noqa: ARG001 - only guards
    line: LineId,
) -> AtStopsAnswer:
    """List how many wait along a line: what a driver looks at before setting out."""
    found = lines.get_line(driver(session), line)
    zone = ZoneInfo(found.timezone)
    return AtStopsAnswer(
        waiting=[
            AtStopAnswer(
                stop=one.stop,
                to=one.to,
                direction=one.direction,
                persons=one.persons,
                since=one.since.astimezone(zone),
            )
            for one in waiting.list_stops(session, found.id)
        ]
    )


@router.get("/runs/{run}/waiting", responses=problems(401, 403, 404, 422))
def list_ahead(*, session: Database, now: Now, asking: Traveller, run: RunId) -> AheadsAnswer:
    """List who waits on the way of one's run and has room in it."""
    found = _find_run(session, asking, run)
    zone = _zone_of(session, found)
    return AheadsAnswer(
        waiting=[
            AheadAnswer(
                waiting=one.waiting.id,
                stop=one.waiting.stop,
                to=one.waiting.to,
                board=one.passing.board.id,
                alight=one.passing.alight.id,
                persons=one.waiting.seats,
                since=one.waiting.since.astimezone(zone),
                at=one.passing.at.astimezone(zone),
            )
            for one in waiting.list_ahead(session, found, now)
        ]
    )


@router.post("/runs/{run}/waiting/{waiting_id}/pick-up", responses=problems(400, 401, 403, 404, 409, 422))
def pick_up(*, once: Once, asking: Traveller, run: RunId, waiting_id: WaitingId) -> PickedUpAnswer:
    """Take somebody who waits on one's way: they have a booking from then on; said twice, nothing changes."""
    found = _find_run(once.session, asking, run)
    with once.recording():
        one = waiting.pick_up(replace(once.rides, actor=NOBODY), found, waiting_id)
    assert one.booking is not None
    return PickedUpAnswer(waiting=one.id, booking=one.booking)


def _find_person(session: Database, asking: Asking, id_: str | None) -> Person:
    """Return who waits: who asks, or for whom the staff does."""
    if asking.role in TRAVELS:
        if id_ is not None:
            raise Forbidden("only the staff waits for somebody else", code="role_required")
        return people.get_person(session, asking.user)
    if id_ is None:
        raise InvalidInput("say for whom: `person`, the id of somebody who telephones")
    return store.get_person(driver(session), id_)


def _find_own(session: Database, asking: Asking, id_: str) -> Waiting:
    one = waiting_store.get_waiting(driver(session), id_)
    if asking.role not in TRAVELS:
        return one
    person = people.get_person(session, asking.user)
    if one.passenger != person.id:
        raise waiting_store.unknown_waiting(id_)
    return one


def _find_run(session: Database, asking: Asking, id_: str) -> Run:
    person = people.get_person(session, asking.user)
    run = store.get_run(driver(session), id_)
    if run.driver != person.id:
        raise store.unknown_run(id_)
    return run


def _zone_of(session: Database, run: Run) -> timezone | ZoneInfo:
    line = None if run.line is None else waiting.find_line(session, run.line)
    return UTC if line is None else ZoneInfo(line.timezone)


def _write(one: Waiting, zone: timezone | ZoneInfo) -> dict[str, object]:
    told = {name: getattr(one, name) for name in WaitingAnswer.model_fields}
    return {name: value.astimezone(zone) if isinstance(value, datetime) else value for name, value in told.items()}


def _own(session: Database, line: Line | None, one: Waiting, now: datetime) -> OwnWaitingAnswer:
    expected = None
    zone = UTC if line is None else ZoneInfo(line.timezone)
    if line is not None and one.state is WaitingState.WAITING:
        expected = _expected(session, line, waiting.Wish(one.stop, one.to, one.seats), one.promised_until, now)
    return OwnWaitingAnswer.model_validate({**_write(one, zone), "expected": expected})


def _expected(
    session: Database, line: Line, wish: waiting.Wish, promised: datetime | None, now: datetime
) -> ExpectedAnswer:
    found = waiting.expect(session, line, wish, now)
    zone = ZoneInfo(line.timezone)
    return ExpectedAnswer(
        seconds=found.seconds,
        announced=bool(found.cars),
        cars=[
            CarAnswer(run=one.run.id, at=one.at.astimezone(zone), seats=one.seats, spontaneous=one.run.spontaneous)
            for one in found.cars[:10]
        ],
        promised_until=promised and promised.astimezone(zone),
    )


def _staff(one: Waiting, person: Person, zone: timezone | ZoneInfo) -> StaffWaitingAnswer:
    told = {"reference": waiting.reference_of(one), "passenger": one.passenger}
    open_ = one.state in {WaitingState.WAITING, WaitingState.TAXI}
    reached = {"name": person.name, "phone": person.phone} if open_ else {"name": None, "phone": None}
    return StaffWaitingAnswer.model_validate({**_write(one, zone), **told, **reached})
