"""HTTP: messages between those of a run, and reports to staff."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Asking
from mobigo.accounts.model import Role
from mobigo.carpool import people, talk
from mobigo.carpool.people_api import Traveller
from mobigo.carpool.talk_store import Report, Said
from mobigo.db.session import Database
from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool people"])

Staff = Annotated[Asking, Depends(require(Role.CARPOOL, Role.DESK))]
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,80}$", description="Of a run")]
ReportId = Annotated[str, Path(pattern=r"^report_[A-Za-z0-9_-]{1,60}$", description="Of a report")]
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,80}$")]
Cursor = Annotated[
    str | None,
    Query(
        pattern=r"^[0-9]{1,17}_report_[A-Za-z0-9_-]{1,60}$",
        description="Where the page before ended: its `next_cursor`",
    ),
]


class MessageBody(BaseModel):
    """A message."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(min_length=1, max_length=talk.LONGEST_TEXT, pattern=r"^[^\x00]*$")]
    booking: Id | None = Field(None, description="A driver's to one passenger; to all without it")


class MessageAnswer(BaseModel):
    """A message between a driver and who rides along."""

    id: int
    booking: str
    mine: bool
    text: str | None = Field(description="Null once it is forgotten, 30 days after")
    at: datetime
    read_at: datetime | None


class MessagesAnswer(BaseModel):
    """Messages of a run, oldest first."""

    messages: list[MessageAnswer]


class ReadBody(BaseModel):
    """Up to where somebody has read."""

    model_config = ConfigDict(extra="forbid")

    last: Annotated[int, Field(ge=1, le=2**63 - 1, description="Id of the last message read")]


class ReadAnswer(BaseModel):
    """How many messages were new."""

    read: int


class ReportBody(BaseModel):
    """What is reported."""

    model_config = ConfigDict(extra="forbid")

    run: Id
    person: Id | None = Field(None, description="Of whom; the driver, unless told")
    kind: talk.ReportKind
    text: Annotated[str, StringConstraints(min_length=1, max_length=talk.LONGEST_REPORT, pattern=r"^[^\x00]*$")]


class ReportAnswer(BaseModel):
    """A report, and what staff answered."""

    id: str
    run: str | None
    kind: str
    text: str | None = Field(description="Null once it is forgotten, a year after its answer")
    at: datetime
    state: talk.ReportState
    answer: str | None
    answered_at: datetime | None


class StaffReportAnswer(ReportAnswer):
    """A report, as staff sees it."""

    reporter: str | None
    reported: str | None
    answered_by: str | None


class ReportsAnswer(BaseModel):
    """One's reports, latest first."""

    reports: list[ReportAnswer]


class StaffReportsAnswer(BaseModel):
    """A page of reports, latest first."""

    reports: list[StaffReportAnswer]
    next_cursor: str | None


class DecisionBody(BaseModel):
    """What staff answers."""

    model_config = ConfigDict(extra="forbid")

    state: talk.ReportState = Field(description="`settled` or `dismissed`")
    answer: Annotated[str, StringConstraints(min_length=1, max_length=talk.LONGEST_REPORT, pattern=r"^[^\x00]*$")]


@router.post("/runs/{run}/messages", status_code=201, responses=problems(400, 401, 403, 404, 422))
def write_message(*, session: Database, now: Now, asking: Traveller, run: RunId, body: MessageBody) -> MessagesAnswer:
    """Write as driver to who rides along, to all or one of them; as passenger to the driver."""
    person = people.get_person(session, asking.user)
    written = talk.Talk(session, person, now).write(run, body.text, body.booking)
    return MessagesAnswer(messages=[_message(one, person.id) for one in written])


@router.get("/runs/{run}/messages", responses=problems(401, 403, 404, 422))
def list_messages(
    *,
    session: Database,
    now: Now,
    asking: Traveller,
    run: RunId,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Id of the last one already known")] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> MessagesAnswer:
    """List what one wrote or received in a run, oldest first."""
    person = people.get_person(session, asking.user)
    found = talk.Talk(session, person, now).read(run, after=after, limit=limit)
    return MessagesAnswer(messages=[_message(one, person.id) for one in found])


@router.post("/runs/{run}/messages/read", responses=problems(400, 401, 403, 404, 422))
def mark_read(*, session: Database, now: Now, asking: Traveller, run: RunId, body: ReadBody) -> ReadAnswer:
    """Say that one has read what was sent to one, up to a message."""
    person = people.get_person(session, asking.user)
    return ReadAnswer(read=talk.Talk(session, person, now).mark_read(run, body.last))


@router.post("/reports", status_code=201, responses=problems(400, 401, 403, 404, 422))
def report(*, session: Database, now: Now, asking: Traveller, body: ReportBody) -> ReportAnswer:
    """Report somebody of a run to staff, who will answer."""
    person = people.get_person(session, asking.user)
    return _report(talk.Talk(session, person, now).report(body.run, body.kind, body.text, body.person))


@router.get("/me/reports", responses=problems(401, 403, 404))
def list_own_reports(*, session: Database, asking: Traveller) -> ReportsAnswer:
    """List one's reports and what was answered, latest first."""
    person = people.get_person(session, asking.user)
    return ReportsAnswer(reports=[_report(one) for one in talk.list_reports(session, reporter=person.id, limit=500)])


@router.get("/reports", responses=problems(401, 403, 422))
def list_reports(
    *,
    request: Request,
    response: Response,
    session: Database,
    person: Staff,  # noqa: ARG001 - only guards
    state: Annotated[talk.ReportState | None, Query(description="Only in this state")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Cursor = None,
) -> StaffReportsAnswer:
    """List what was reported, latest first; staff only."""
    found = talk.list_reports(session, state=state, before=_read_cursor(cursor), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = None if last is None else f"{round(last.at.timestamp() * 1_000_000)}_{last.id}"
    link_next(request, response, next_cursor)
    return StaffReportsAnswer(reports=[_staff_report(one) for one in found[:limit]], next_cursor=next_cursor)


@router.post("/reports/{report}/answer", responses=problems(400, 401, 403, 404, 409, 422))
def answer_report(
    *, session: Database, now: Now, person: Staff, report: ReportId, body: DecisionBody
) -> StaffReportAnswer:
    """Settle or dismiss a report, once; who made it is told the answer."""
    if body.state is talk.ReportState.OPEN:
        raise InvalidInput("an answer settles or dismisses the report; say `settled` or `dismissed`")
    answered = talk.answer(session, report, state=body.state, text=body.answer, by=person.user, now=now)
    return _staff_report(answered)


def _read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    micros, _, id_ = cursor.partition("_")
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros)), id_


def _message(one: Said, person: str) -> MessageAnswer:
    mine = one.sender == person
    return MessageAnswer(id=one.id, booking=one.booking, mine=mine, text=one.text, at=one.at, read_at=one.read_at)


def _report(one: Report) -> ReportAnswer:
    return ReportAnswer.model_validate(one, from_attributes=True)


def _staff_report(one: Report) -> StaffReportAnswer:
    return StaffReportAnswer.model_validate(one, from_attributes=True)
