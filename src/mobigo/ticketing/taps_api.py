"""HTTP: what readers tell of bank cards, what is asked for it, and the rules of both."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints
from sqlalchemy.orm import Session

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import Day, Instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ticketing import debts, debts_store, taps_desk, taps_keeping, taps_service
from mobigo.ticketing.asking import counter_of
from mobigo.ticketing.debts import Till
from mobigo.ticketing.debts_store import Charge, ChargeState
from mobigo.ticketing.taps import Held, ReaderRule, Tap, Whole, looks_like_card
from mobigo.ticketing.taps_policy import ChargeRule, Policy, read_policy, write_policy
from mobigo.ticketing.taps_service import FRANCE, Taken
from mobigo.tickets.devices_api import AskingDevice

router = APIRouter(prefix="/v1/tickets", tags=["bank cards"])

Finance = Annotated[Person, Depends(require(Role.FINANCE))]
Desk = Annotated[Person, Depends(require(Role.DESK, Role.FINANCE))]

MOST = 1_000
"""Taps of one request."""

PLAIN = r"^[^\x00-\x1f\x7f]*$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=PLAIN)]
ChargeId = Annotated[str, Path(pattern=r"^[2-9B-DF-HJ-NP-TV-XZ]{12}$", description="Printed on the bank's statement")]
Method = Annotated[str, StringConstraints(min_length=3, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
RetryDays = Annotated[list[Annotated[int, Field(ge=1, le=60, strict=True)]], Field(min_length=1, max_length=10)]
Language = Annotated[Literal["fr", "en"], Query()]
Cents = Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class TokenBody(BaseModel):
    """By what words the payment provider knows a card."""

    model_config = ConfigDict(extra="forbid")

    method: Method
    customer: Annotated[str, StringConstraints(min_length=3, max_length=100, pattern=r"^[A-Za-z0-9_]+$")] | None = None


class TapBody(BaseModel):
    """A card was held to a reader."""

    model_config = ConfigDict(extra="forbid")

    seq: int = Field(ge=1, le=2**62, strict=True, description="Of the device, counted up: with it, a tap counts once")
    at: Instant
    card: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="Salted hash of the card, made by the reader; its number is never sent", examples=["ab" * 32]
    )
    last_digits: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")] | None = None
    token: TokenBody | None = Field(None, description="Of the payment provider, for charging the card later")
    held: Held = Held.EITHER
    accepted: StrictBool = Field(True, description="Whether the reader let through")
    agency: Id | None = Field(None, description="`source:agency_id`; else the device's own")
    stop: Id | None = Field(None, description="`source:stop_id`")
    route: Id | None = Field(None, description="`source:route_id`; none: a reader on a platform")
    trip: Id | None = Field(None, description="`source:trip_id`")
    service_date: Day | None = None


class TapsBody(BaseModel):
    """What a reader noted, in any order, also what it had sent before."""

    model_config = ConfigDict(extra="forbid")

    taps: Annotated[list[TapBody], Field(min_length=1, max_length=MOST)]


class FateAnswer(BaseModel):
    """What became of a tap."""

    seq: int
    fate: Taken


class TapsAnswer(BaseModel):
    """What became of each, in their order."""

    taps: list[FateAnswer]


class RideAnswer(BaseModel):
    """A ride of a bill."""

    name: str
    cents: int = Field(description="By itself")
    whole: Whole


class DayAnswer(BaseModel):
    """A transport day of a bill, from four to four."""

    day: date
    cents: int = Field(description="With the best price")
    alone: int = Field(description="What its rides come to one by one")
    rides: list[RideAnswer] = Field(description="Empty where that is forgotten")


class NoteAnswer(BaseModel):
    """Something that became of a charge."""

    at: datetime
    what: str


class ChargeAnswer(BaseModel):
    """What is asked for the rides of some days."""

    id: str
    first: date
    last: date
    cents: int
    state: ChargeState
    attempts: int
    next_at: datetime | None = Field(description="When the bank is asked again")
    made_at: datetime


class BillAnswer(ChargeAnswer):
    """A charge, as its payer sees it: no place, no hour."""

    last_digits: str | None
    days: list[DayAnswer]
    history: list[NoteAnswer]


class ChargesAnswer(BaseModel):
    """Charges that were not paid, oldest first."""

    charges: list[ChargeAnswer]


class PayBody(BaseModel):
    """How a charge is paid by hand."""

    model_config = ConfigDict(extra="forbid")

    method: (
        Annotated[str, StringConstraints(min_length=3, max_length=100, pattern=r"^[A-Za-z][A-Za-z0-9_]*$")] | None
    ) = Field(None, description="The payment provider's word for a card; none: chosen on its page")


class PaymentAnswer(BaseModel):
    """A payment under way, or decided."""

    id: str
    state: str
    action: str | None = Field(description="What the payer's page needs to go on")
    problem: str | None


class ReaderRuleBody(BaseModel):
    """What holding a card means with an agency."""

    model_config = ConfigDict(extra="forbid")

    both: StrictBool = Field(False, description="Whether one taps when getting in and when getting out")
    again_seconds: int = Field(300, strict=True, ge=0, le=3_600, description="The same tap within this time")
    turn_back_seconds: int = Field(900, strict=True, ge=0, le=3_600, description="Out again at the same stop: no ride")
    longest_seconds: int = Field(
        4 * 3_600, strict=True, ge=600, le=12 * 3_600, description="Between tapping in and out"
    )
    missing_cents: Cents | None = Field(None, description="Of a forgotten tap; none: as to the farthest stop")


class ChargeRuleBody(BaseModel):
    """When money is asked for."""

    model_config = ConfigDict(extra="forbid")

    limit_cents: int = Field(2_000, strict=True, ge=0, le=10_000, description="Added up at most before it is asked for")
    longest_days: int = Field(7, strict=True, ge=0, le=31)
    latest_days: int = Field(14, strict=True, ge=2, le=30, description="Rides told of later are not charged")
    unproven_taps: int = Field(
        10, strict=True, ge=1, le=100, description="Of a card that never paid, before it is stopped"
    )
    retry_days: Annotated[list[Annotated[int, Field(ge=1, le=60, strict=True)]], Field(min_length=1, max_length=10)] = [
        1,
        3,
        7,
        14,
        30,
    ]


class RulesBody(BaseModel):
    """The rules of bank cards."""

    model_config = ConfigDict(extra="forbid")

    charge: ChargeRuleBody = ChargeRuleBody()
    default: ReaderRuleBody = ReaderRuleBody()
    agencies: Annotated[dict[Id, ReaderRuleBody], Field(max_length=500)] = {}


class RulesAnswer(RulesBody):
    """The rules in force."""

    revision: int


class FlowAnswer(BaseModel):
    """How many rode on a stretch in an hour of the day."""

    hour: int
    agency: str
    route: str | None
    board: str | None
    alight: str | None
    rides: int


class FlowsAnswer(BaseModel):
    """How many rode; of fewer than six on a stretch nothing is said."""

    flows: list[FlowAnswer]


# ── readers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/taps", responses=problems(400, 401, 422))
def send_taps(
    *, session: Database, now: Now, asking: AskingDevice, request: Request, later: BackgroundTasks, body: TapsBody
) -> TapsAnswer:
    """Tell of bank cards held to a reader: late, in any order, and again if the answer was lost. Each counts once."""
    policy, key = read_policy(driver(session)), request.app.state.cards_key
    taps = [_read_tap(asking.id, asking.agency, one) for one in body.taps]
    told, refused = taps_service.take(
        session, policy, [(tap, one.last_digits) for tap, one in zip(taps, body.taps, strict=True)], now=now
    )
    stored = {tap.card for tap, what in zip(taps, told, strict=True) if what is Taken.STORED}
    ids = {card: taps_service.find_id(session, card) for card in sorted(stored)}
    for one in body.taps:
        if one.token is not None and one.card in ids:
            debts.keep_token(session, key, ids[one.card], one.token.method, one.token.customer)
    debts.deny_unproven(session, policy, set(ids.values()), now)
    if refused:
        later.add_task(_ask_at_reader, request, refused, now)
    return TapsAnswer(taps=[FateAnswer(seq=tap.seq, fate=what) for tap, what in zip(taps, told, strict=True)])


def _read_tap(device: str, agency: str | None, one: TapBody) -> Tap:
    said = " ".join(
        word or "" for word in (one.stop, one.route, one.trip, one.agency, one.token.method if one.token else None)
    )
    if looks_like_card(said):
        raise InvalidInput(
            f"tap {one.seq} seems to hold the number of a card; send what the reader's hash made of it, and the"
            " provider's word for it",
            code="card_number",
        )
    whose = one.agency or agency
    if whose is None:
        raise InvalidInput(f"tap {one.seq} names no agency, and neither does the device; send one", code="no_agency")
    return Tap(
        device=device,
        seq=one.seq,
        at=one.at,
        card=one.card,
        held=one.held,
        accepted=one.accepted,
        agency=whose,
        stop=one.stop,
        route=one.route,
        trip=one.trip,
        service_date=one.service_date,
    )


def _till(request: Request) -> Till:
    return Till(counter_of(request).provider, request.app.state.cards_key)


def _ask_at_reader(request: Request, cards: list[str], now: datetime) -> None:
    """Ask for the debts of cards that were refused, so that who has money again can ride soon."""
    with Session(request.app.state.engine) as session, session.begin():
        asked = [one for card in cards for one in debts.ask_at_reader(session, _till(request), card, now)]
    for payment in asked:
        counter_of(request).payments.carry_out(payment.id, now)


# ── charges ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/charges", responses=problems(401, 403, 422))
def list_unpaid_charges(
    *, session: Database, _asking: Finance, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> ChargesAnswer:
    """List charges of bank cards that were not paid."""
    return ChargesAnswer(charges=[write_charge(one) for one in debts_store.list_declined(driver(session), limit)])


@router.get("/charges/{id}", responses=problems(404, 422))
def get_charge(
    *,
    session: Database,
    id: ChargeId,  # noqa: A002 - the word of the address
    language: Language = "fr",
) -> BillAnswer:
    """Read what a charge was for; who has its number from the bank's statement may."""
    bill = taps_desk.read_bill(session, id, language)
    return BillAnswer(
        **write_charge(bill.charge).model_dump(),
        last_digits=bill.last_digits,
        days=[
            DayAnswer(
                day=day.day,
                cents=day.cents,
                alone=day.alone,
                rides=[RideAnswer(name=one.name, cents=one.cents, whole=Whole(one.whole)) for one in day.rides],
            )
            for day in bill.days
        ],
        history=[NoteAnswer(at=one.at.astimezone(FRANCE), what=one.what) for one in bill.history],
    )


@router.get(
    "/charges/{id}/receipt.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "The receipt"}, **problems(404, 422)},
)
def get_receipt(
    *,
    session: Database,
    id: ChargeId,  # noqa: A002 - likewise
    language: Language = "fr",
) -> Response:
    """Read the receipt of a charge, as a PDF that can be read aloud."""
    content = taps_desk.write_receipt(taps_desk.read_bill(session, id, language), language, "mobigo")
    return Response(content, media_type="application/pdf", headers={"Cache-Control": "no-store"})


@router.post("/charges/{id}/pay", responses=problems(400, 404, 409, 422))
def pay_charge(
    *,
    request: Request,
    now: Now,
    id: ChargeId,  # noqa: A002 - likewise
    body: PayBody,
) -> PaymentAnswer:
    """Pay a charge that the bank refused, by any card."""
    with Session(request.app.state.engine) as session, session.begin():
        payment = debts.begin_payment(session, _till(request), id, body.method, now)
    after = counter_of(request).payments.carry_out(payment.id, now)
    return PaymentAnswer(id=after.id, state=after.state, action=after.action, problem=after.problem)


@router.post("/charges/{id}/cash", responses=problems(401, 403, 404, 409, 422))
def pay_charge_at_desk(
    *,
    session: Database,
    now: Now,
    asking: Desk,
    id: ChargeId,  # noqa: A002 - likewise
) -> ChargeAnswer:
    """Take what a charge comes to at a desk."""
    return write_charge(debts.take_cash(session, id, asking.user, now))


def write_charge(one: Charge) -> ChargeAnswer:
    """Write a charge as it is answered."""
    return ChargeAnswer(
        id=one.id,
        first=one.first,
        last=one.last,
        cents=one.cents,
        state=one.state,
        attempts=one.attempts,
        next_at=one.next_at.astimezone(FRANCE) if one.next_at else None,
        made_at=one.made_at.astimezone(FRANCE),
    )


# ── rules and counts ──────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/tap-rules", responses=problems(401, 403))
def get_tap_rules(*, session: Database, _asking: Desk) -> RulesAnswer:
    """Read the rules of bank cards."""
    return _rules(read_policy(driver(session)))


@router.put("/tap-rules", responses=problems(400, 401, 403, 422))
def write_tap_rules(*, session: Database, now: Now, asking: Finance, body: RulesBody) -> RulesAnswer:
    """Write the rules of bank cards; they hold for days that are counted from now on."""
    charge = body.charge.model_dump()
    policy = Policy(
        charge=ChargeRule(**{**charge, "retry_days": tuple(charge["retry_days"])}),
        default=ReaderRule(**body.default.model_dump()),
        agencies={agency: ReaderRule(**rule.model_dump()) for agency, rule in body.agencies.items()},
    )
    return _rules(write_policy(driver(session), policy, asking.user, now))


def _rules(policy: Policy) -> RulesAnswer:
    return RulesAnswer.model_validate(
        {
            "charge": {**asdict(policy.charge), "retry_days": list(policy.charge.retry_days)},
            "default": asdict(policy.default),
            "agencies": {agency: asdict(rule) for agency, rule in policy.agencies.items()},
            "revision": policy.revision,
        }
    )


@router.get("/tap-flows", responses=problems(400, 401, 403, 422))
def list_flows(
    *,
    session: Database,
    _asking: Annotated[Person, Depends(require(Role.DISPATCHER, Role.FINANCE, Role.PUBLISHER))],
    first: Annotated[Day, Query()],
    last: Annotated[Day, Query()],
) -> FlowsAnswer:
    """Read how many rode from where to where in which hour, over at least a week; nobody is in it."""
    if not timedelta(days=6) <= last - first <= timedelta(days=400):
        raise InvalidInput(f"{first} to {last} is not a week at least and 400 days at most", code="invalid_period")
    found = taps_keeping.list_flows(driver(session), first, last)
    return FlowsAnswer(flows=[FlowAnswer(**asdict(one)) for one in found])
