"""HTTP: the books, for finance to read, correct by reversal and take away."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database
from mobigo.kit.parameters import Instant, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ledger import service
from mobigo.ledger.model import AccountKind, Entry

router = APIRouter(prefix="/v1/ledger", tags=["ledger"])

Finance = Annotated[Person, Depends(require(Role.FINANCE))]
Code = Annotated[str, Query(pattern=r"^[a-z][a-z0-9_.]{0,59}$", description="Code of an account")]
Party = Annotated[str, Query(pattern=r"^[!-~]{1,200}$", description="Whom it concerns, as ``booking:ID``")]
Since = Annotated[Instant, Query(description="From then on")]
Until = Annotated[Instant, Query(description="Before then")]


class AccountAnswer(BaseModel):
    """An account with what it holds."""

    code: str
    kind: AccountKind
    name: str
    balance_cents: int
    """In the direction of its kind: debits less credits of assets and expenses, the other way round of the others."""


class AccountsAnswer(BaseModel):
    """The chart of accounts, by code."""

    accounts: list[AccountAnswer]


class AccountBody(BaseModel):
    """An account to be opened."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]{0,59}$")]
    kind: AccountKind
    name: Annotated[str, Field(pattern=r"^[^\x00]*$", min_length=1, max_length=service.LONG_TEXT)]


class PostingAnswer(BaseModel):
    """What an entry does to an account."""

    account: str
    party: str | None
    cents: int
    """Debit positive, credit negative."""


class EntryAnswer(BaseModel):
    """Something that happened to money; its postings add up to zero."""

    id: int
    at: datetime
    kind: str
    reference: str
    """What it is about, as ``booking:ID``."""
    postings: list[PostingAnswer]
    by: str
    note: str
    reverses: int | None
    """The entry it undoes."""


class EntriesAnswer(BaseModel):
    """All that was posted about something, oldest first."""

    entries: list[EntryAnswer]


class LineAnswer(BaseModel):
    """A posting with the balance after it."""

    entry: int
    at: datetime
    kind: str
    reference: str
    account: str
    party: str | None
    cents: int
    """Debit positive, credit negative."""
    balance_cents: int
    note: str


class StatementAnswer(BaseModel):
    """What happened on an account, to a party, or to both."""

    account: str | None
    party: str | None
    opening_cents: int
    lines: list[LineAnswer]
    closing_cents: int
    """After the last line of this page."""
    next_cursor: str | None


class ReverseBody(BaseModel):
    """Why an entry is undone."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(pattern=r"^[^\x00]*$", min_length=1, max_length=service.LONG_TEXT)]


@router.get("/accounts", responses=problems(401, 403))
def list_accounts(
    *,
    session: Database,
    person: Finance,  # noqa: ARG001 - only guards
) -> AccountsAnswer:
    """List the accounts and what they hold."""
    return AccountsAnswer(
        accounts=[
            AccountAnswer(code=one.code, kind=one.kind, name=one.name, balance_cents=cents)
            for one, cents in service.list_balances(session)
        ]
    )


@router.post("/accounts", status_code=201, responses=problems(400, 401, 403, 409, 422))
def open_account(
    *,
    session: Database,
    person: Finance,  # noqa: ARG001 - only guards
    body: AccountBody,
) -> AccountAnswer:
    """Open an account; the same one again changes nothing."""
    one = service.open_account(session, body.code, body.kind, body.name)
    held = service.balance(session, account=one.code)
    return AccountAnswer(code=one.code, kind=one.kind, name=one.name, balance_cents=held)


@router.get("/entries", responses=problems(401, 403, 422))
def list_entries(
    *,
    session: Database,
    person: Finance,  # noqa: ARG001 - only guards
    reference: Annotated[str, Query(pattern=r"^[!-~]{1,200}$", description="What they are about, as ``booking:ID``")],
) -> EntriesAnswer:
    """List all that was posted about something."""
    return EntriesAnswer(entries=[_entry(one) for one in service.list_entries(session, reference)])


@router.get("/entries/{id}", responses=problems(401, 403, 404, 422))
def get_entry(
    *,
    session: Database,
    person: Finance,  # noqa: ARG001 - only guards
    id: Annotated[int, Path(ge=1, le=2**63 - 1)],  # noqa: A002 - the path's own name
) -> EntryAnswer:
    """Read an entry."""
    return _entry(service.get_entry(session, id))


@router.post("/entries/{id}/reverse", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def reverse_entry(
    *,
    session: Database,
    now: Now,
    person: Finance,
    id: Annotated[int, Path(ge=1, le=2**63 - 1)],  # noqa: A002 - the path's own name
    body: ReverseBody,
) -> EntryAnswer:
    """Correct an error: undo an entry by its opposite. Nothing is ever changed or deleted."""
    return _entry(
        service.reverse(
            session, id, key=f"entry:{id}/corrected", by=person.user, at=now, kind="corrected", note=body.note
        )
    )


@router.get("/statement", responses=problems(400, 401, 403, 404, 422))
def read_statement(
    *,
    request: Request,
    response: Response,
    session: Database,
    person: Finance,  # noqa: ARG001 - only guards
    since: Since,
    until: Until,
    account: Code | None = None,
    party: Party | None = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Lines per page")] = 200,
    cursor: Annotated[
        str | None, Query(max_length=100, description="Where the page before ended: its `next_cursor`")
    ] = None,
) -> StatementAnswer:
    """Read what happened on an account, to a party, to both or at all, with the balance after each posting."""
    found = service.read_statement(
        session, account=account, party=party, since=since, until=until, cursor=cursor, limit=limit
    )
    link_next(request, response, found.cursor)
    return StatementAnswer(
        account=found.account,
        party=found.party,
        opening_cents=found.opening,
        lines=[
            LineAnswer(
                entry=line.entry.id,
                at=line.entry.at,
                kind=line.entry.kind,
                reference=line.entry.reference,
                account=line.posting.account,
                party=line.posting.party,
                cents=line.posting.cents,
                balance_cents=line.balance,
                note=line.entry.note,
            )
            for line in found.lines
        ],
        closing_cents=found.closing,
        next_cursor=found.cursor,
    )


@router.get("/export.csv", responses=problems(401, 403, 422), response_class=StreamingResponse)
def export_ledger(
    *,
    request: Request,
    person: Finance,  # noqa: ARG001 - only guards
    since: Since,
    until: Until,
) -> StreamingResponse:
    """Take away all postings of some time as CSV."""
    session = Session(request.app.state.engine)  # it lives as long as the answer is written

    def rows() -> Iterator[str]:
        with session:
            yield from service.export_csv(session, since=since, until=until)

    name = f"ledger-{since:%Y-%m-%d}-{until:%Y-%m-%d}.csv"
    return StreamingResponse(
        rows(), media_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _entry(one: Entry) -> EntryAnswer:
    return EntryAnswer.model_validate(one, from_attributes=True)
