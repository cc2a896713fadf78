"""HTTP: how revenue is shared between operators, closed months, and the provider's settlement file."""

import csv
import io
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool
from sqlalchemy.orm import Session

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.carpool.month import read_month
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.parameters import Instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ledger.iban import mask, read_iban
from mobigo.payments.sandbox import Sandbox
from mobigo.ticketing import revenue_store
from mobigo.ticketing.asking import counter_of
from mobigo.ticketing.month import Closer, Closing, write_file
from mobigo.ticketing.reconcile import Reconciled, read_file, reconcile
from mobigo.ticketing.revenue_store import ClosedMonth, Share
from mobigo.ticketing.shares import Basis
from mobigo.ticketing.statements import write_statement

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

Finance = Annotated[Person, Depends(require(Role.FINANCE))]
MonthPath = Annotated[
    str, Path(pattern=r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$", description="A month", examples=["2026-03"])
]
OperatorName = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$"
OperatorPath = Annotated[str, Path(pattern=OperatorName, description="Of the catalogue, or an agency")]

READS = problems(401, 403, 404, 422)
CHANGES = problems(400, 401, 403, 404, 409, 422)

LARGEST_FILE = 100_000_000
"""Bytes of a settlement file."""


class RuleBody(BaseModel):
    """By what revenue is shared from a day on; months before stay as they were shared."""

    model_config = ConfigDict(extra="forbid")

    product: Annotated[
        str | None, Field(min_length=1, max_length=200, description="null: all products without a rule of their own")
    ] = None
    since: date
    basis: Basis
    keys: Annotated[
        dict[Annotated[str, Field(pattern=OperatorName)], Annotated[int, Field(ge=1, le=10**9)]],
        Field(
            max_length=200,
            description="`fixed`: parts of the whole by operator; `stand_alone`: cents a ride, where rides are known"
            " by validations only; of all, what counts where nothing is known of use",
        ),
    ] = {}


class RuleAnswer(BaseModel):
    """A rule of sharing."""

    id: int
    product: str | None
    since: date
    basis: Basis
    keys: dict[str, int]
    by: str
    at: datetime


class RulesAnswer(BaseModel):
    """All rules, oldest first; the latest that has begun counts, that of a product before that of all."""

    rules: list[RuleAnswer]


class AccountBody(BaseModel):
    """Where an operator is paid."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=70, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
    iban: Annotated[str, Field(max_length=60)]


class AccountAnswer(BaseModel):
    """Where an operator is paid."""

    operator: str
    name: str
    account: str = Field(description="Its number, so that its owner knows it and nobody else learns it")


class CloseBody(BaseModel):
    """How a month is closed."""

    model_config = ConfigDict(extra="forbid")

    dry_run: Annotated[StrictBool, Field(description="Say what it would come to, and change nothing")] = False


class ShareAnswer(BaseModel):
    """What an operator has of a product's revenue."""

    product: str
    operator: str
    basis: Basis
    weight: int = Field(description="Rides, metres, cents or parts, by `basis`")
    cents: int


class PayoutAnswer(BaseModel):
    """What an operator is paid."""

    id: str = Field(description="End-to-end id in the bank's file")
    operator: str
    account: str
    cents: int


class CarriedAnswer(BaseModel):
    """What waits for a next close: no account is known, or the operator owes."""

    operator: str
    cents: int


class MonthAnswer(BaseModel):
    """A closed month."""

    month: str
    closed_at: datetime
    closed_by: str
    execution: date
    earned_cents: int = Field(description="Of products, without VAT")
    shared_cents: int = Field(description="All shares together, those of booked rides included")
    validations: int


class MonthsAnswer(BaseModel):
    """Closed months, the latest first."""

    months: list[MonthAnswer]


class ClosingAnswer(MonthAnswer):
    """What a close came to."""

    already_closed: bool
    dry_run: bool
    shares: list[ShareAnswer]
    payouts: list[PayoutAnswer]
    carried: list[CarriedAnswer]


class FindingAnswer(BaseModel):
    """A line of the provider's file that does not agree with what we know."""

    id: str
    category: str
    source: str
    cents: int
    finding: Literal["unknown", "amount"]


class MissingAnswer(BaseModel):
    """Money that we know of and that no file has named yet."""

    category: str
    source: str
    cents: int


class ReconciledAnswer(BaseModel):
    """What a settlement file came to."""

    rows: int
    known: int = Field(description="Lines that were read before")
    findings: list[FindingAnswer]
    missing: list[MissingAnswer]
    fees_cents: int
    payouts_cents: int


# ── rules and accounts ────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/sharing-rules", responses=READS)
def list_sharing_rules(*, session: Database, _person: Finance) -> RulesAnswer:
    """List by what revenue is shared."""
    return RulesAnswer(
        rules=[
            RuleAnswer.model_validate(one, from_attributes=True) for one in revenue_store.list_rules(driver(session))
        ]
    )


@router.post("/sharing-rules", status_code=201, responses=CHANGES)
def write_sharing_rule(*, session: Database, now: Now, person: Finance, body: RuleBody) -> RuleAnswer:
    """Say by what revenue is shared from a day on; rules are never changed, a later one takes their place."""
    if body.basis is Basis.FIXED and not body.keys:
        raise InvalidInput("fixed keys need `keys`: parts of the whole by operator", code="invalid_sharing_rule")
    one = revenue_store.add_rule(
        driver(session),
        product=body.product,
        since=body.since,
        basis=body.basis,
        keys=body.keys,
        by=person.user,
        at=now,
    )
    return RuleAnswer.model_validate(one, from_attributes=True)


@router.put("/operators/{operator}/account", responses=CHANGES)
def set_operator_account(
    *, session: Database, now: Now, person: Finance, operator: OperatorPath, body: AccountBody
) -> AccountAnswer:
    """Say where an operator is paid."""
    iban = read_iban(body.iban)
    revenue_store.set_account(driver(session), operator, name=body.name, iban=iban, by=person.user, at=now)
    return AccountAnswer(operator=operator, name=body.name, account=mask(iban))


# ── months ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/months", responses=READS)
def list_revenue_months(*, session: Database, _person: Finance) -> MonthsAnswer:
    """List the months that are closed."""
    return MonthsAnswer(months=[MonthAnswer(**_month(one)) for one in revenue_store.list_months(driver(session))])


@router.post("/months/{month}/close", responses=CHANGES)
def close_revenue_month(
    *, request: Request, session: Database, now: Now, person: Finance, month: MonthPath, body: CloseBody
) -> ClosingAnswer:
    """Share a month's revenue between operators, and pay them; again, it is told as it was."""
    closer = Closer(session, request.app.state.payer)
    if not body.dry_run:
        return _closing(closer.close(read_month(month), by=person.user, now=now), dry_run=False)
    trial = session.begin_nested()
    found = closer.close(read_month(month), by=person.user, now=now)
    trial.rollback()
    return _closing(found, dry_run=True)


@router.get("/months/{month}", responses=READS)
def get_revenue_month(*, request: Request, session: Database, _person: Finance, month: MonthPath) -> ClosingAnswer:
    """Show what a close came to."""
    closer = Closer(session, request.app.state.payer)
    return _closing(closer.tell(_closed(session, month), already_closed=True), dry_run=False)


@router.get(
    "/months/{month}/sepa.xml",
    responses=READS | {200: {"content": {"application/xml": {}}}},
    response_class=Response,
)
def get_revenue_bank_file(*, session: Database, _person: Finance, month: MonthPath) -> Response:
    """Take away the file for the bank (pain.001.001.09): the same each time."""
    closed = _closed(session, month)
    file = write_file(closed, revenue_store.list_payouts(driver(session), closed.month))
    if file is None:
        raise NotFound(f"nobody is paid for {month}; there is no file for the bank", code="no_bank_file")
    return _download(file, "application/xml", f"sepa-revenue-{month}.xml")


@router.get(
    "/months/{month}/shares.csv", responses=READS | {200: {"content": {"text/csv": {}}}}, response_class=Response
)
def get_revenue_shares(*, session: Database, _person: Finance, month: MonthPath) -> Response:
    """Take away who has what of a month's revenue, as CSV."""
    closed = _closed(session, month)
    text = io.StringIO()
    write = csv.writer(text)
    write.writerow(("month", "operator", "product", "basis", "weight", "euros"))
    for one in revenue_store.list_shares(driver(session), closed.month):
        sign, cents = ("-", -one.cents) if one.cents < 0 else ("", one.cents)
        write.writerow(
            (month, one.operator, one.product, one.basis, one.weight, f"{sign}{cents // 100}.{cents % 100:02d}")
        )
    return _download(text.getvalue().encode(), "text/csv; charset=utf-8", f"shares-{month}.csv")


@router.get(
    "/months/{month}/statements/{operator}.pdf",
    responses=READS | {200: {"content": {"application/pdf": {}}}},
    response_class=Response,
)
def get_revenue_statement(
    *,
    request: Request,
    session: Database,
    now: Now,
    _person: Finance,
    month: MonthPath,
    operator: OperatorPath,
    language: Annotated[Literal["fr", "en"], Query()] = "fr",
) -> Response:
    """Take away an operator's statement of a month as an accessible PDF."""
    closed = _closed(session, month)
    connection = driver(session)
    shares = revenue_store.list_shares(connection, closed.month, operator)
    payout = next(
        (one for one in revenue_store.list_payouts(connection, closed.month) if one.operator == operator), None
    )
    if not shares and payout is None:
        raise NotFound(f"operator {operator} has nothing of {month}", code="unknown_operator")
    author = request.app.state.payer.name
    pdf = write_statement(closed, operator, shares, payout, language=language, author=author, now=now)
    return _download(pdf, "application/pdf", f"revenue-{month}-{operator.replace(':', '-')}.pdf")


# ── settlements ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def read_settlement(request: Request) -> bytes:
    """Read a file as it is sent.

    Raises
    ------
    InvalidInput
        ``invalid_settlement``.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FILE:
            raise InvalidInput(f"a file has at most {LARGEST_FILE} bytes", code="invalid_settlement")
    return bytes(body)


CSV_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.post("/settlements", responses=CHANGES, openapi_extra=CSV_BODY)
def read_settlement_file(
    *, request: Request, session: Database, now: Now, person: Finance, body: Annotated[bytes, Depends(read_settlement)]
) -> ReconciledAnswer:
    """Hold the provider's settlement file (CSV) against what we know: every line, both ways; files may overlap."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("the file is not UTF-8; export it as CSV again", code="invalid_settlement") from None
    provider = counter_of(request).provider.name
    return _reconciled(reconcile(session, provider, read_file(text), by=person.user, now=now))


@router.get("/settlements/trial.csv", responses=READS | {200: {"content": {"text/csv": {}}}}, response_class=Response)
def get_trial_settlement(*, request: Request, _person: Finance, since: Instant, until: Instant) -> Response:
    """Take away the embedded provider's settlement file of some time."""
    provider = counter_of(request).provider
    if not isinstance(provider, Sandbox):
        raise NotFound("payments go to a real provider here; export its own file", code="no_trial_file")
    return _download(provider.write_settlement(since, until).encode(), "text/csv; charset=utf-8", "settlement.csv")


# ── what they share ───────────────────────────────────────────────────────────────────────────────────────────────────


def _closed(session: Session, month: str) -> ClosedMonth:
    found = revenue_store.find_month(driver(session), read_month(month))
    if found is None:
        raise NotFound(f"{month} is not closed; POST /v1/tickets/months/{month}/close", code="month_not_closed")
    return found


def _month(one: ClosedMonth) -> dict[str, Any]:
    return {
        "month": f"{one.month:%Y-%m}",
        "closed_at": one.closed_at,
        "closed_by": one.closed_by,
        "execution": one.execution,
        "earned_cents": one.earned,
        "shared_cents": one.shared,
        "validations": one.uses,
    }


def _share(one: Share) -> ShareAnswer:
    return ShareAnswer.model_validate(one, from_attributes=True)


def _closing(found: Closing, *, dry_run: bool) -> ClosingAnswer:
    return ClosingAnswer(
        **_month(found.month),
        already_closed=found.already_closed,
        dry_run=dry_run,
        shares=[_share(one) for one in found.shares],
        payouts=[
            PayoutAnswer(id=one.id, operator=one.operator, account=mask(one.iban), cents=one.cents)
            for one in found.payouts
        ],
        carried=[CarriedAnswer(operator=operator, cents=cents) for operator, cents in found.carried],
    )


def _reconciled(found: Reconciled) -> ReconciledAnswer:
    return ReconciledAnswer(
        rows=found.rows,
        known=found.known,
        findings=[FindingAnswer.model_validate(one, from_attributes=True) for one in found.findings],
        missing=[MissingAnswer.model_validate(one, from_attributes=True) for one in found.missing],
        fees_cents=found.fees,
        payouts_cents=found.payouts,
    )


def _download(content: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=kind, headers=headers)
