"""HTTP: what drivers are paid and why, where to, by month; certificates for employers; the Region's accounts."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from mobigo.accounts.api import require
from mobigo.accounts.model import Person as Asking
from mobigo.accounts.model import Role
from mobigo.carpool import accounts_export, bank, certificates, correct, money_store, people, statements, store
from mobigo.carpool.certificates import Certificate
from mobigo.carpool.money_store import Award, Month, Payout
from mobigo.carpool.month import Closer, Closing, read_month
from mobigo.carpool.policies_api import ReasonAnswer, answer_reason
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.parameters import Cursor, Day, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now

router = APIRouter(prefix="/v1/carpool", tags=["carpool money"])

Traveller = Annotated[Asking, Depends(require(Role.TRAVELLER, Role.DRIVER))]
"""Somebody who drives or rides."""
Reader = Annotated[Asking, Depends(require(Role.TRAVELLER, Role.DRIVER, Role.CARPOOL, Role.FINANCE))]
"""Somebody who drives or rides, of their own money; or staff."""
Staff = Annotated[Asking, Depends(require(Role.CARPOOL, Role.FINANCE))]
Finance = Annotated[Asking, Depends(require(Role.FINANCE))]

PERSON = r"^[A-Za-z0-9_-]{1,80}$"
Whose = Annotated[str | None, Query(alias="person", pattern=PERSON, description="Id of a person; the staff says whose")]
MonthPath = Annotated[
    str, Path(pattern=r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$", description="A month", examples=["2026-03"])
]
MonthQuery = Annotated[
    str | None, Query(pattern=r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$", description="Only of this month")
]
PersonPath = Annotated[str, Path(pattern=PERSON, description="Id of a person")]
RunPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Of a run")]
PayoutPath = Annotated[str, Path(pattern=r"^[A-Za-z0-9-]{1,35}$", description="Its end-to-end id at the bank")]
CertificatePath = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Printed on the paper")]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$", min_length=1, max_length=500)]

PAGE = 200

PDF: dict[int | str, dict[str, Any]] = {200: {"content": {"application/pdf": {}}}}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BankBody(_Body):
    """Where somebody wants to be paid."""

    holder: Annotated[str, Field(min_length=1, max_length=bank.LONGEST_HOLDER, examples=["Anne Martin"])]
    iban: Annotated[str, Field(max_length=60, examples=["FR14 2004 1010 0505 0001 3M02 606"])]


class BankAnswer(BaseModel):
    """Where somebody is paid, as far as it is shown."""

    iban: str = Field(description="Masked", examples=["FR14 … 606"])
    changed_at: datetime


class OpenedAnswer(BaseModel):
    """Where somebody is paid, in clear."""

    holder: str
    iban: str


class AwardAnswer(BaseModel):
    """What a run is paid, and why."""

    run: str
    number: int = Field(description="0: the run itself; more: a correction")
    service_date: date
    state: str = Field(description="expected (the month is not closed yet), held, waits, paid")
    month: str | None = Field(description="In whose close it was counted")
    driver_cents: int
    fares_cents: int = Field(description="What the passengers owe the Region")
    metres: int = Field(description="With somebody aboard")
    seats: int
    payout: str | None
    reasons: list[ReasonAnswer]


class AwardsAnswer(BaseModel):
    """What runs are paid, by day."""

    awards: list[AwardAnswer]
    next_cursor: str | None = None


class PayoutAnswer(BaseModel):
    """One person's money of a month."""

    id: str = Field(description="End-to-end id at the bank")
    month: str
    person: str
    cents: int
    account: str = Field(description="Masked")
    execution: date
    returned_at: datetime | None
    returned_because: str | None


class PayoutsAnswer(BaseModel):
    """Payouts, newest month first."""

    payouts: list[PayoutAnswer]


class MonthAnswer(BaseModel):
    """A month that was closed."""

    month: str
    closed_at: datetime
    closed_by: str
    execution: date
    runs: int = Field(description="That its payouts pay")
    total_cents: int


class MonthsAnswer(BaseModel):
    """Months that were closed, newest first."""

    months: list[MonthAnswer]


class CarriedAnswer(BaseModel):
    """Money that waits."""

    person: str
    cents: int = Field(description="Below zero: owed by the driver, after a correction")
    because: str = Field(description="no_account, next_month or owes")


class ClosingAnswer(BaseModel):
    """What a close came to; its three sums are one."""

    month: str
    runs: int
    total_cents: int = Field(description="Of the payouts")
    ledger_cents: int = Field(description="That the books say went to the bank")
    sepa_cents: int = Field(description="Of the file for the bank")
    already_closed: bool
    dry_run: bool
    held: list[str] = Field(description="Runs that wait: a proof or a finding is not settled; only when it is closed")
    carried: list[CarriedAnswer]


class CloseBody(_Body):
    """How a month is closed."""

    dry_run: StrictBool = False


class CorrectionBody(_Body):
    """Money added to what a run is paid, or taken off."""

    cents: Annotated[StrictInt, Field(ge=-1_000_000, le=1_000_000)]
    note: Text


class ReturnBody(_Body):
    """Why a bank sent money back."""

    because: Annotated[Text, Field(examples=["AC04 closed account"])]


class CertificateBody(_Body):
    """What is to be certified."""

    first: Annotated[Day, Field(description="First day")]
    last: Annotated[Day, Field(description="Last day, before today")]


class FiguresAnswer(BaseModel):
    """How somebody carpooled; only proven trips."""

    days: int
    drives: int = Field(description="Runs with somebody aboard")
    rides: int
    driven_metres: int = Field(description="With somebody aboard")
    ridden_metres: int
    received_cents: int
    fares_cents: int


class CertificateAnswer(BaseModel):
    """A certificate."""

    id: str
    first: date
    last: date
    made_at: datetime
    figures: FiguresAnswer


class CertificatesAnswer(BaseModel):
    """One's certificates, newest first."""

    certificates: list[CertificateAnswer]


# ── the account ───────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/bank", responses=problems(401, 403, 404))
def get_bank(*, session: Database, asking: Traveller) -> BankAnswer:
    """Read where one is paid; the number is never shown whole."""
    return _bank(bank.get_told(session, people.get_person(session, asking.user).id))


@router.put("/bank", responses=problems(400, 401, 403, 404, 422))
def put_bank(*, request: Request, session: Database, now: Now, asking: Traveller, body: BankBody) -> BankAnswer:
    """Tell where one is to be paid from the next close on."""
    person = people.get_person(session, asking.user)
    key = request.app.state.bank_key
    return _bank(bank.set_account(session, key, person.id, holder=body.holder, iban=body.iban, now=now))


@router.delete("/bank", status_code=204, responses=problems(401, 403, 404))
def delete_bank(*, session: Database, asking: Traveller) -> None:
    """Forget where one is paid; what is owed waits until another account is told."""
    bank.forget(session, people.get_person(session, asking.user).id)


@router.post("/bank/{person}/open", responses=problems(401, 403, 404, 422))
def open_bank(*, request: Request, session: Database, now: Now, asking: Finance, person: PersonPath) -> OpenedAnswer:
    """Read somebody's account number in clear; who read it is written down."""
    found = bank.open_account(session, request.app.state.bank_key, person)
    store.note(driver(session), None, None, at=now, what="account_read", by=asking.user, details={"person": person})
    return OpenedAnswer(holder=found.name, iban=found.iban)


# ── awards ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/awards", responses=problems(400, 401, 403, 404, 422))
def list_awards(
    *,
    request: Request,
    response: Response,
    session: Database,
    asking: Reader,
    whose: Whose = None,
    month: MonthQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Awards per page")] = PAGE,
    cursor: Cursor = None,
) -> AwardsAnswer:
    """List what one's runs are paid; the staff, of all or of a person. Without a month also what is expected."""
    connection = driver(session)
    person = _whose(session, asking, whose)
    after = _read_cursor(cursor)
    found = money_store.list_awards(connection, person=person, month=_read_month(month), after=after, limit=limit + 1)
    answers = [_award(one) for one in found[:limit]]
    if month is None and cursor is None and person is not None:
        answers = [*_expected(session, person), *answers]
    more = None
    if len(found) > limit:
        last = found[limit - 1]
        more = f"{last.service_date}/{last.run}/{last.number}"
    link_next(request, response, more)
    return AwardsAnswer(awards=answers, next_cursor=more)


@router.get("/awards/{run}", responses=problems(401, 403, 404, 422))
def get_award(*, session: Database, asking: Reader, run: RunPath) -> AwardsAnswer:
    """Read what a run is paid, its corrections, and the reason for every cent."""
    connection = driver(session)
    whole = store.get_run(connection, run)
    if _whose(session, asking, None) not in {None, whole.driver}:
        raise store.unknown_run(run)
    found = money_store.list_awards(connection, run=run)
    if not found:
        return AwardsAnswer(awards=[one for one in _expected(session, whole.driver) if one.run == run])
    return AwardsAnswer(awards=[_award(one) for one in found])


@router.post("/awards/{run}/corrections", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def correct_award(*, session: Database, now: Now, asking: Finance, run: RunPath, body: CorrectionBody) -> AwardAnswer:
    """Add to what a run was paid, or take off; paid with the next close."""
    return _award(correct.correct(session, run, body.cents, note=body.note, by=asking.user, now=now))


# ── months and payouts ────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/payouts", responses=problems(401, 403, 404, 422))
def list_payouts(*, session: Database, asking: Reader, whose: Whose = None, month: MonthQuery = None) -> PayoutsAnswer:
    """List what was sent to one's bank; the staff, to all or to a person."""
    connection = driver(session)
    person = _whose(session, asking, whose)
    found = money_store.list_payouts(connection, person=person, month=_read_month(month))
    return _payouts(session, found)


@router.post("/payouts/{id}/returned", responses=problems(400, 401, 403, 404, 422))
def return_payout(
    *,
    request: Request,
    session: Database,
    now: Now,
    asking: Finance,
    id: PayoutPath,  # noqa: A002 - the path's own name
    body: ReturnBody,
) -> PayoutAnswer:
    """Say that the bank sent a payout back: its runs are paid with the next close."""
    one = _closer(request, session).take_back(id, because=body.because, by=asking.user, now=now)
    return _payouts(session, [one]).payouts[0]


@router.get("/months", responses=problems(401, 403))
def list_months(*, session: Database, asking: Staff) -> MonthsAnswer:  # noqa: ARG001 - only guards
    """List the months that were closed."""
    return MonthsAnswer(months=[_month(one) for one in money_store.list_months(driver(session))])


@router.get("/months/{month}", responses=problems(401, 403, 404, 409, 422))
def get_month(*, request: Request, session: Database, asking: Staff, month: MonthPath) -> ClosingAnswer:  # noqa: ARG001
    """Read what a close came to, and what waits now."""
    closed = _closed(session, month)
    return _closing(_closer(request, session).tell(closed), dry_run=False)


@router.post("/months/{month}/close", responses=problems(400, 401, 403, 409, 422))
def close_month(
    *, request: Request, session: Database, now: Now, asking: Finance, month: MonthPath, body: CloseBody
) -> ClosingAnswer:
    """Pay every proven run up to the end of a month that was not paid before; again, it is told as it was."""
    closer = _closer(request, session)
    if not body.dry_run:
        return _closing(closer.close(read_month(month), by=asking.user, now=now), dry_run=False)
    trial = session.begin_nested()
    found = closer.close(read_month(month), by=asking.user, now=now)
    trial.rollback()
    return _closing(found, dry_run=True)


@router.get(
    "/months/{month}/sepa.xml",
    responses=problems(401, 403, 404, 422) | {200: {"content": {"application/xml": {}}}},
    response_class=Response,
)
def get_bank_file(*, request: Request, session: Database, asking: Finance, month: MonthPath) -> Response:  # noqa: ARG001
    """Take away the file for the bank (pain.001.001.09) of a month that was closed: the same each time."""
    closed = _closed(session, month)
    file = _closer(request, session).write_file(closed)
    if file is None:
        raise NotFound(f"nobody is paid for {month}; there is no file for the bank", code="no_bank_file")
    return _download(file, "application/xml", f"sepa-{month}.xml")


@router.get(
    "/months/{month}/export.csv",
    responses=problems(401, 403, 404, 422) | {200: {"content": {"text/csv": {}}}},
    response_class=Response,
)
def export_month(*, session: Database, asking: Staff, month: MonthPath) -> Response:  # noqa: ARG001 - only guards
    """Take away a month for the Region's accounts: a row for each run."""
    closed = _closed(session, month)
    text = accounts_export.write_csv(driver(session), closed.month)
    return _download(text.encode(), "text/csv; charset=utf-8", f"carpool-{month}.csv")


SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get(
    "/months/{month}/export.xlsx",
    responses=problems(401, 403, 404, 422) | {200: {"content": {SHEET: {}}}},
    response_class=Response,
)
def export_month_workbook(*, session: Database, asking: Staff, month: MonthPath) -> Response:  # noqa: ARG001
    """Take away a month as a workbook: its sums, payouts and runs."""
    closed = _closed(session, month)
    return _download(accounts_export.write_workbook(driver(session), closed), SHEET, f"carpool-{month}.xlsx")


# ── papers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/statements/{month}.pdf", responses=problems(400, 401, 403, 404, 422) | PDF, response_class=Response)
def get_statement(
    *, request: Request, session: Database, now: Now, asking: Reader, month: MonthPath, whose: Whose = None
) -> Response:
    """Take away one's month as an accessible PDF: each run, why it is paid what it is, and what was sent."""
    person = _whose(session, asking, whose)
    if person is None:
        raise InvalidInput("say whose statement: `person`, an id")
    one = statements.read_statement(session, read_month(month), person)
    pdf = statements.write_statement(session, one, author=request.app.state.payer.name, now=now)
    return _download(pdf, "application/pdf", f"carpool-{month}.pdf")


@router.get("/certificates", responses=problems(401, 403, 404))
def list_certificates(*, session: Database, asking: Traveller) -> CertificatesAnswer:
    """List one's certificates."""
    person = people.get_person(session, asking.user)
    found = certificates.list_certificates(session, person.id)
    return CertificatesAnswer(certificates=[_certificate(one) for one in found])


@router.post("/certificates", status_code=201, responses=problems(400, 401, 403, 404, 422))
def make_certificate(*, session: Database, now: Now, asking: Traveller, body: CertificateBody) -> CertificateAnswer:
    """Certify for an employer how often one carpooled."""
    person = people.get_person(session, asking.user)
    return _certificate(certificates.make(session, person.id, body.first, body.last, now=now))


@router.get("/certificates/{id}.pdf", responses=problems(401, 403, 404, 422) | PDF, response_class=Response)
def get_certificate_paper(
    *,
    request: Request,
    session: Database,
    asking: Traveller,
    id: CertificatePath,  # noqa: A002 - the path's own name
) -> Response:
    """Take away one's certificate as an accessible PDF."""
    one = certificates.get_certificate(session, id)
    if one.person != people.get_person(session, asking.user).id:
        raise certificates.unknown(id)
    address = str(request.url_for("check_certificate", id=id))
    pdf = certificates.write_certificate(session, one, author=request.app.state.payer.name, address=address)
    return _download(pdf, "application/pdf", f"carpool-{one.first}-{one.last}.pdf")


@router.get("/certificates/{id}", responses=problems(404, 422))
def check_certificate(*, session: Database, id: CertificatePath) -> CertificateAnswer:  # noqa: A002
    """Check a certificate by the id on its paper: its figures, and nobody's name."""
    return _certificate(certificates.get_certificate(session, id))


# ── what they share ───────────────────────────────────────────────────────────────────────────────────────────────────


def _whose(session: Database, asking: Asking, whose: str | None) -> str | None:
    """Return whose money is asked for: one's own; of the staff None, which is everybody's, or a person's."""
    if asking.role in {Role.TRAVELLER, Role.DRIVER}:
        own = people.get_person(session, asking.user).id
        if whose not in {None, own}:
            raise NotFound(f"no person {whose}; leave `person` out, it is you", code="unknown_person")
        return own
    return None if whose is None else store.get_person(driver(session), whose).id


def _closer(request: Request, session: Database) -> Closer:
    state = request.app.state
    return Closer(session, key=state.bank_key, payer=state.payer)


def _closed(session: Database, month: str) -> Month:
    found = money_store.find_month(driver(session), read_month(month))
    if found is None:
        raise NotFound(f"{month} is not closed; POST /v1/carpool/months/{month}/close", code="month_not_closed")
    return found


def _expected(session: Database, person: str) -> list[AwardAnswer]:
    """Say what runs that no close has counted would be paid now."""
    return [
        AwardAnswer(
            run=one.ride.run,
            number=0,
            service_date=one.ride.day,
            state="held" if one.held else "expected",
            month=None,
            driver_cents=one.pay.cents,
            fares_cents=one.pay.fares,
            metres=one.pay.metres,
            seats=one.pay.seats,
            payout=None,
            reasons=[answer_reason(reason) for reason in one.pay.reasons],
        )
        for one in correct.expect(session, person)
    ]


def _read_month(text: str | None) -> date | None:
    return None if text is None else read_month(text)


def _read_cursor(text: str | None) -> tuple[date, str, int] | None:
    if text is None:
        return None
    try:
        day, run, number = text.split("/")
        place = date.fromisoformat(day), run, int(number)
    except ValueError:
        place = date.min, "", -1
    if not 0 <= place[2] < 2**15 or "\0" in place[1]:
        raise InvalidInput(f"{text[:80]!r} is no cursor of awards; begin again without one", code="invalid_cursor")
    return place


def _bank(one: bank.Told) -> BankAnswer:
    return BankAnswer(iban=one.masked, changed_at=one.changed_at)


def _award(one: Award) -> AwardAnswer:
    return AwardAnswer(
        run=one.run,
        number=one.number,
        service_date=one.service_date,
        state="waits" if one.payout is None else "paid",
        month=one.month and f"{one.month:%Y-%m}",
        driver_cents=one.cents,
        fares_cents=one.fares,
        metres=one.metres,
        seats=one.seats,
        payout=one.payout,
        reasons=[answer_reason(reason) for reason in one.reasons],
    )


def _payouts(session: Database, found: list[Payout]) -> PayoutsAnswer:
    executed = {one.month: one.execution for one in money_store.list_months(driver(session))}
    return PayoutsAnswer(
        payouts=[
            PayoutAnswer(
                id=one.id,
                month=f"{one.month:%Y-%m}",
                person=one.person,
                cents=one.cents,
                account=one.masked,
                execution=executed[one.month],
                returned_at=one.returned_at,
                returned_because=one.returned_because,
            )
            for one in found
        ]
    )


def _month(one: Month) -> MonthAnswer:
    return MonthAnswer(
        month=f"{one.month:%Y-%m}",
        closed_at=one.closed_at,
        closed_by=one.closed_by,
        execution=one.execution,
        runs=one.runs,
        total_cents=one.cents,
    )


def _closing(found: Closing, *, dry_run: bool) -> ClosingAnswer:
    return ClosingAnswer(
        month=f"{found.month.month:%Y-%m}",
        runs=found.month.runs,
        total_cents=found.total,
        ledger_cents=found.ledger,
        sepa_cents=found.sepa,
        already_closed=found.already_closed,
        dry_run=dry_run,
        held=[one.run for one in found.held],
        carried=[CarriedAnswer(person=one.person, cents=one.cents, because=one.because) for one in found.carried],
    )


def _certificate(one: Certificate) -> CertificateAnswer:
    return CertificateAnswer(
        id=one.id,
        first=one.first,
        last=one.last,
        made_at=one.made_at,
        figures=FiguresAnswer.model_validate(one.figures, from_attributes=True),
    )


def _download(content: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, media_type=kind, headers=headers)
