"""HTTP: what the national register is told, for staff; and the open file of each month, for everybody."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Asking
from mobigo.accounts.model import Role
from mobigo.carpool import openfile, openfile_store, register, register_store
from mobigo.carpool.openfile_store import Opened
from mobigo.carpool.register_store import Entry, Outcome, Wanted
from mobigo.carpool.ride_answers import local
from mobigo.carpool.runs_api import read_cursor
from mobigo.db.session import Database, driver
from mobigo.kit.parameters import Cursor, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool register"])

Staff = Annotated[Asking, Depends(require(Role.CARPOOL))]
Publisher = Annotated[Asking, Depends(require(Role.CARPOOL, Role.PUBLISHER))]
BookingId = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,60}$", description="Of a booking")]
MONTH = r"^20[0-9]{2}-(?:0[1-9]|1[0-2])$"
Month = Annotated[str, Path(pattern=MONTH, description="As 2026-03")]

LICENCE = "https://www.etalab.gouv.fr/licence-ouverte-open-licence"


class EntryAnswer(BaseModel):
    """A journey as the register is told of it."""

    booking: str
    journey: str = Field(description="Its id there")
    started_at: datetime
    wanted: Wanted = Field(description="What the register is asked next, or was asked last")
    state: Outcome
    there: bool = Field(description="The register knows it")
    attempts: int = Field(description="Of what is wanted")
    next_at: datetime | None
    problem: str | None
    status: str | None = Field(description="What the register says of it")
    status_at: datetime | None
    labels: list[str] = Field(description="Why it is withheld, or what the register found")


class AttemptAnswer(BaseModel):
    """One request."""

    at: datetime
    what: str
    milliseconds: int
    status: int | None = Field(description="HTTP status; null: there was no answer")
    problem: str | None


class EntryInFullAnswer(EntryAnswer):
    """A journey with what is sent and every request."""

    document: dict[str, Any] | None = Field(description="As it is sent; null once it is forgotten")
    requests: list[AttemptAnswer]


class RegisterAnswer(BaseModel):
    """A page of what the register is told, latest journeys first."""

    counts: dict[Outcome, int]
    left_alone_until: datetime | None
    because: str | None
    entries: list[EntryAnswer]
    next_cursor: str | None


class MonthBody(BaseModel):
    """A month to be opened."""

    model_config = ConfigDict(extra="forbid")

    month: Annotated[str, Field(pattern=MONTH, examples=["2026-03"])]


class MonthAnswer(BaseModel):
    """A month whose journeys are open data."""

    month: str
    journeys: int
    published: int = Field(description="Those in the file; the others would have told of somebody")
    made_at: datetime
    address: str


class MonthsAnswer(BaseModel):
    """The months there are, latest first."""

    months: list[MonthAnswer]
    columns: list[str]
    licence: str


@router.get("/register", responses=problems(400, 401, 403, 422))
def read_register(
    *,
    request: Request,
    response: Response,
    session: Database,
    now: Now,
    asking: Staff,  # noqa: ARG001 - only guards
    state: Annotated[Outcome | None, Query(description="Only in this state")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Journeys per page")] = 50,
    cursor: Cursor = None,
) -> RegisterAnswer:
    """List what the national register of proofs is told, and how far that is."""
    connection = driver(session)
    found = register_store.list_entries(
        connection,
        states=[state] if state else [],
        before=None if cursor is None else read_cursor(cursor),
        limit=limit + 1,
    )
    pause = register_store.find_pause(connection, now)
    last = found[limit - 1] if len(found) > limit else None
    next_cursor = f"{last.started_at.isoformat()}/{last.booking}" if last else None
    link_next(request, response, next_cursor)
    return RegisterAnswer(
        counts=register_store.count_entries(connection),
        left_alone_until=local(pause[0]) if pause else None,
        because=pause[1] if pause else None,
        entries=[EntryAnswer(**_told(one)) for one in found[:limit]],
        next_cursor=next_cursor,
    )


@router.get("/register/{booking}", responses=problems(401, 403, 404, 422))
def read_register_entry(
    *,
    session: Database,
    asking: Staff,  # noqa: ARG001 - only guards
    booking: BookingId,
) -> EntryInFullAnswer:
    """Read what the register is told of a booking, with every request."""
    connection = driver(session)
    one = register_store.get_entry(connection, booking)
    attempts = register_store.list_attempts(connection, booking)
    return EntryInFullAnswer(
        **_told(one),
        document=None if one.document is None else dict(one.document),
        requests=[
            AttemptAnswer(
                at=local(tried.at),
                what=tried.what,
                milliseconds=tried.milliseconds,
                status=tried.status,
                problem=tried.problem,
            )
            for tried in attempts
        ],
    )


@router.post("/register/{booking}/resend", status_code=202, responses=problems(401, 403, 404, 409, 422))
def resend_register_entry(
    *,
    session: Database,
    now: Now,
    asking: Staff,  # noqa: ARG001 - only guards
    booking: BookingId,
) -> EntryAnswer:
    """Send again what the register refused, or what failed; it is left alone no longer."""
    connection = driver(session)
    one = register.send_again(connection, booking, now)
    register_store.resume(connection)
    return EntryAnswer(**_told(one))


@router.get("/open-data", responses=problems(422))
def list_open_months(*, request: Request, session: Database) -> MonthsAnswer:
    """List the months whose journeys are open data, as the national register publishes them."""
    found = openfile_store.list_months(driver(session))
    return MonthsAnswer(months=[_month(request, one) for one in found], columns=list(openfile.COLUMNS), licence=LICENCE)


@router.get(
    "/open-data/{month}.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}, **problems(404, 422)},
)
def read_open_month(*, session: Database, month: Month) -> Response:
    """Return the open file of a month: 27 columns, UTF-8, commas."""
    file = openfile.read_month(session, openfile.read_name(month))
    return Response(
        file,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="carpool-{month}.csv"'},
    )


@router.post("/open-data", status_code=201, responses=problems(400, 401, 403, 422))
def open_month(
    *,
    request: Request,
    session: Database,
    now: Now,
    asking: Publisher,  # noqa: ARG001 - only guards
    body: MonthBody,
) -> MonthAnswer:
    """Write the open file of a month that is over, new or anew; a job does so ten days after its end."""
    made = openfile.open_month(session, request.app.state.token_key, openfile.read_name(body.month), now)
    return _month(request, made)


def _month(request: Request, one: Opened) -> MonthAnswer:
    return MonthAnswer(
        month=f"{one.month:%Y-%m}",
        journeys=one.journeys,
        published=one.published,
        made_at=local(one.made_at),
        address=f"{request.base_url}v1/carpool/open-data/{one.month:%Y-%m}.csv",
    )


def _told(one: Entry) -> dict[str, Any]:
    return {
        "booking": one.booking,
        "journey": one.journey,
        "started_at": local(one.started_at),
        "wanted": one.wanted,
        "state": one.state,
        "there": one.there,
        "attempts": one.attempts,
        "next_at": one.next_at and local(one.next_at),
        "problem": one.problem,
        "status": one.status,
        "status_at": one.status_at and local(one.status_at),
        "labels": list(one.labels),
    }
