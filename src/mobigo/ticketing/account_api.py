"""HTTP: people with an account: profile, proofs, basket, season tickets, cards, certificates, all that is known."""

import secrets
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import NotFound, Refused
from mobigo.kit.parameters import Day
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ticketing import (
    account,
    account_store,
    debts_store,
    employers,
    passes,
    passes_school,
    taps_service,
    taps_store,
)
from mobigo.ticketing.account_store import Proof, Season, Traveller
from mobigo.ticketing.answers import OffersAnswer, OffersBody
from mobigo.ticketing.asking import Reader, counter_of
from mobigo.ticketing.making import Wish
from mobigo.ticketing.orders_api import make_offers
from mobigo.ticketing.passes import Renewals
from mobigo.ticketing.taps import Ride, Whole, day_begins
from mobigo.ticketing.taps_api import ChargeAnswer, Id, Method, write_charge
from mobigo.ticketing.taps_places import Places
from mobigo.ticketing.taps_policy import read_policy
from mobigo.ticketing.taps_service import FRANCE
from mobigo.tickets import service as tickets

router = APIRouter(prefix="/v1/travellers", tags=["travellers"])

Asking = Annotated[Person, Depends(require(Role.TRAVELLER, Role.DRIVER))]
"""Somebody with an account."""

Desk = Annotated[Person, Depends(require(Role.DESK, Role.FINANCE))]
School = Annotated[Person, Depends(require(Role.SCHOOL))]

MOST_WISHES = 20
"""Of one basket."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Contact = Annotated[str, StringConstraints(max_length=300)]
SeasonId = Annotated[str, Path(pattern=r"^s[A-Za-z0-9_-]{20}$", description="Of a season ticket")]
ProofId = Annotated[str, Path(pattern=r"^pf[A-Za-z0-9_-]{16}$", description="Of a proof")]
WishId = Annotated[str, Path(pattern=r"^w[A-Za-z0-9_-]{16}$", description="Of something in the basket")]
CardId = Annotated[str, Path(pattern=r"^c[A-Za-z0-9_-]{20}$", description="Of one of one's bank cards")]
CertificateId = Annotated[str, Path(pattern=r"^emp_[A-Za-z0-9_-]{24}$", description="Printed on the paper")]
TicketId = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,24}$", description="Of one of one's tickets")]
SchoolYear = Annotated[str, Path(pattern=r"^[0-9]{4}-[0-9]{4}$", description="As 2026-2027")]


class ProfileBody(BaseModel):
    """What somebody tells about themselves."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="As tickets that are bound to a person say it", examples=["Camille Martin"])
    email: Contact | None = Field(None, examples=["camille@example.org"])
    phone: Contact | None = Field(None, examples=["06 12 34 56 78"])
    born: Day | None = None
    language: Literal["fr", "en"] = "fr"


class ProfileAnswer(BaseModel):
    """Somebody, as they see themselves."""

    name: str
    email: str | None
    phone: str | None
    born: date | None
    language: str
    pays_by_itself: bool = Field(description="Whether a card is known for season tickets")


class MethodBody(BaseModel):
    """By what season tickets are paid, when nobody is there."""

    model_config = ConfigDict(extra="forbid")

    method: Method = Field(examples=["pm_card_visa"])
    customer: Annotated[str, StringConstraints(min_length=3, max_length=100, pattern=r"^[A-Za-z0-9_]+$")] | None = None


class ClaimBody(BaseModel):
    """That one is of a category."""

    model_config = ConfigDict(extra="forbid")

    category: Id = Field(examples=["youth"])
    document: Text = Field(
        "", description="What will be shown, in words; no copy is kept", examples=["Carte d'étudiant"]
    )


class DecisionBody(BaseModel):
    """What was decided about a proof."""

    model_config = ConfigDict(extra="forbid")

    until: Day | None = Field(None, description="Granted until this day; none: refused")
    why: Text = ""


class ProofAnswer(BaseModel):
    """A proof."""

    id: str
    category: str
    state: Literal["asked", "granted", "refused"]
    document: str
    asked_at: datetime
    until: date | None
    why: str


class AskedAnswer(ProofAnswer):
    """A proof to be looked at."""

    account: str
    name: str
    born: date | None


class ProofsAnswer(BaseModel):
    """Proofs, newest first."""

    proofs: list[ProofAnswer]


class AskedProofsAnswer(BaseModel):
    """Proofs to be looked at, oldest first."""

    proofs: list[AskedAnswer]


class WishAnswer(BaseModel):
    """Something in the basket, and what it costs now."""

    id: str
    wish: OffersBody
    offers: OffersAnswer | None = Field(description="To be ordered together by POST /v1/tickets/orders")
    problem: str | None = Field(description="Why it cannot be had any more")


class BasketAnswer(BaseModel):
    """The basket, offered anew."""

    items: list[WishAnswer]
    cents: int


class SeasonBody(BaseModel):
    """A pass that is bought again and again."""

    model_config = ConfigDict(extra="forbid")

    product: Id = Field(examples=["coach_month"])
    category: Id | None = None
    areas: Annotated[list[Id], Field(max_length=20)] = []
    start: Day | None = Field(None, description="From which day on; none: today")


class SeasonEventAnswer(BaseModel):
    """Something that happened to a season ticket."""

    at: datetime
    what: str
    details: dict[str, Any]


class SeasonAnswer(BaseModel):
    """A season ticket."""

    id: str
    product: str
    category: str
    areas: list[str]
    state: Literal["active", "paused", "failed", "ended"]
    next_from: datetime = Field(description="When the next pass begins")
    problem: str | None
    history: list[SeasonEventAnswer]


class SeasonsAnswer(BaseModel):
    """Season tickets, oldest first."""

    season_tickets: list[SeasonAnswer]


class SeasonStateBody(BaseModel):
    """What becomes of a season ticket; what was bought stays good."""

    model_config = ConfigDict(extra="forbid")

    state: Literal["active", "paused", "ended"]


class LinkBody(BaseModel):
    """Which card is one's own: that of a charge on one's bank statement."""

    model_config = ConfigDict(extra="forbid")

    charge: Annotated[str, StringConstraints(pattern=r"^[2-9B-DF-HJ-NP-TV-XZ]{12}$")]


class TapDayAnswer(BaseModel):
    """What a transport day came to."""

    day: date
    cents: int
    charge: str | None


class CardAnswer(BaseModel):
    """A bank card that one rides with."""

    id: str
    last_digits: str | None
    category: str | None
    denied: str | None = Field(description="Why readers refuse it")
    days: list[TapDayAnswer]
    charges: list[ChargeAnswer]


class CardsAnswer(BaseModel):
    """One's cards."""

    cards: list[CardAnswer]


class CardRideAnswer(BaseModel):
    """A ride of the last two days."""

    departure: datetime
    board: str | None
    alight: str | None
    route: str | None
    whole: Whole
    device: str
    seq: int = Field(description="With the device: of the tap, to complete what was forgotten")


class CardRidesAnswer(BaseModel):
    """Rides of the last two days, oldest first."""

    rides: list[CardRideAnswer]


class CompletionBody(BaseModel):
    """Where one got out, or in, when one forgot to tap."""

    model_config = ConfigDict(extra="forbid")

    device: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9:_-]+$")]
    seq: int = Field(ge=1, le=2**62, strict=True)
    stop: Id = Field(description="`source:stop_id`")


class CertificateBody(BaseModel):
    """A period of passes."""

    model_config = ConfigDict(extra="forbid")

    first: Day
    last: Day


class CertificateAnswer(BaseModel):
    """What was paid for passes; no name."""

    id: str
    first: date
    last: date
    cents: int
    employer_cents: int = Field(description="Half of it")
    passes: int
    made_at: datetime


class LostAnswer(BaseModel):
    """A ticket with a new code; the old one is refused."""

    id: str
    key: str
    serial: int


class SchoolPassesAnswer(BaseModel):
    """What was done for the pupils of a year."""

    issued: int
    changed: int
    ended: int
    unchanged: int


class SchoolPassAnswer(BaseModel):
    """A pupil's pass."""

    pupil: str = Field(description="The key that planning knows")
    ticket: str
    key: str = Field(description="Whoever has it shows and prints it: /v1/tickets/KEY")
    circuits: list[str]


class SchoolPassListAnswer(BaseModel):
    """Passes of a year."""

    passes: list[SchoolPassAnswer]


# ── oneself ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/me", responses=problems(401, 403, 404))
def read_traveller(*, session: Database, asking: Asking) -> ProfileAnswer:
    """Read what one has told about oneself."""
    return _profile(session, account.get(session, asking.user))


@router.put("/me", responses=problems(400, 401, 403, 422))
def write_traveller(*, session: Database, now: Now, asking: Asking, body: ProfileBody) -> ProfileAnswer:
    """Tell a name and a way to be reached."""
    told = Traveller(asking.user, body.name, body.email, body.phone, body.born, body.language)
    return _profile(session, account.describe(session, told, now))


@router.get("/me/data", responses=problems(401, 403, 404))
def export_traveller(*, session: Database, response: Response, asking: Asking) -> dict[str, Any]:
    """Read all that is kept about one, by section."""
    response.headers["Content-Disposition"] = 'attachment; filename="tickets.json"'
    return account.export(session, asking.user)


@router.delete("/me", status_code=204, responses=problems(401, 403, 404, 409))
def erase_traveller(*, session: Database, now: Now, asking: Asking) -> None:
    """Be forgotten: tickets stay good for whoever has them, the books keep sums of nobody known."""
    account.erase(session, asking.user, now)


@router.put("/me/method", status_code=204, responses=problems(400, 401, 403, 404, 422))
def write_method(*, request: Request, session: Database, asking: Asking, body: MethodBody) -> None:
    """Say by what card season tickets are paid: by the payment provider's word for it, never its number."""
    account.keep_method(session, request.app.state.cards_key, asking.user, body.method, body.customer)


@router.delete("/me/method", status_code=204, responses=problems(401, 403, 404))
def remove_method(*, session: Database, asking: Asking) -> None:
    """Let nothing be paid by itself any more."""
    account_store.set_method(driver(session), account.get(session, asking.user).account, None)


def _profile(session: Session, one: Traveller) -> ProfileAnswer:
    return ProfileAnswer(
        name=one.name,
        email=one.email,
        phone=one.phone,
        born=one.born,
        language=one.language,
        pays_by_itself=account_store.find_method(driver(session), one.account) is not None,
    )


# ── proofs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/me/proofs", responses=problems(401, 403, 404))
def list_own_proofs(*, session: Database, asking: Asking) -> ProofsAnswer:
    """List what one says or has proved to be."""
    who = account.get(session, asking.user).account
    return ProofsAnswer(proofs=[_proof(one) for one in account_store.list_proofs(driver(session), who)])


@router.post("/me/proofs", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def ask_for_proof(*, session: Database, now: Now, asking: Asking, body: ClaimBody) -> ProofAnswer:
    """Say that one is of a category with a reduction; staff look at what is shown for it."""
    return _proof(account.claim(session, asking.user, body.category, body.document, now))


@router.get("/proofs", responses=problems(401, 403, 422))
def list_asked_proofs(
    *, session: Database, _asking: Desk, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> AskedProofsAnswer:
    """List the proofs to be looked at."""
    found = []
    for one in account_store.list_asked(driver(session), limit):
        who = account.get(session, one.account)
        found.append(AskedAnswer(**_proof(one).model_dump(), account=who.account, name=who.name, born=who.born))
    return AskedProofsAnswer(proofs=found)


@router.post("/proofs/{id}/decision", responses=problems(400, 401, 403, 404, 409, 422))
def decide_proof(
    *,
    session: Database,
    now: Now,
    asking: Desk,
    id: ProofId,  # noqa: A002 - the word of the address
    body: DecisionBody,
) -> ProofAnswer:
    """Grant a proof until a day, or refuse it."""
    return _proof(account.decide(session, id, until=body.until, why=body.why, by=asking.user, now=now))


def _proof(one: Proof) -> ProofAnswer:
    said = asdict(one)
    return ProofAnswer(**{name: said[name] for name in ProofAnswer.model_fields})


# ── the basket ────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/me/basket", responses=problems(401, 403, 404, 422, 503))
def read_basket(*, request: Request, session: Database, now: Now, asking: Asking, buyer: Reader) -> BasketAnswer:
    """Read one's basket: everything in it offered anew, of all services; order the offers together."""
    who = account.get(session, asking.user).account
    items = []
    for one in account_store.list_wishes(driver(session), who):
        wish = OffersBody.model_validate(one.wish)
        try:
            made = make_offers(request=request, session=session, now=now, buyer=buyer, body=wish)
        except (NotFound, Refused) as problem:
            items.append(WishAnswer(id=one.id, wish=wish, offers=None, problem=str(problem)))
            continue
        items.append(WishAnswer(id=one.id, wish=wish, offers=made, problem=None))
    total = sum(offer.cents for item in items if item.offers for offer in item.offers.offers)
    return BasketAnswer(items=items, cents=total)


@router.post("/me/basket", status_code=201, responses=problems(400, 401, 403, 404, 422))
def add_to_basket(
    *, request: Request, session: Database, now: Now, asking: Asking, buyer: Reader, body: OffersBody
) -> BasketAnswer:
    """Put a journey, rides or a product into one's basket."""
    who = account.get(session, asking.user, lock=True).account
    if len(account_store.list_wishes(driver(session), who)) >= MOST_WISHES:
        raise Refused(
            f"your basket holds {MOST_WISHES} things, which is the most; order them first", code="basket_full"
        )
    make_offers(request=request, session=session, now=now, buyer=buyer, body=body)  # refused here, not later
    wished = account_store.Wished(f"w{secrets.token_urlsafe(12)}", body.model_dump(mode="json"), now)
    account_store.add_wish(driver(session), who, wished)
    return read_basket(request=request, session=session, now=now, asking=asking, buyer=buyer)


@router.delete("/me/basket/{id}", status_code=204, responses=problems(401, 403, 404, 422))
def remove_from_basket(
    *,
    session: Database,
    asking: Asking,
    id: WishId,  # noqa: A002 - likewise
) -> None:
    """Take something out of one's basket."""
    if not account_store.remove_wish(driver(session), asking.user, id):
        raise NotFound(f"there is no {id} in your basket", code="unknown_basket_item")


@router.delete("/me/basket", status_code=204, responses=problems(401, 403))
def empty_basket(*, session: Database, asking: Asking) -> None:
    """Empty one's basket."""
    account_store.remove_wish(driver(session), asking.user, None)


# ── season tickets ────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/me/season-tickets", responses=problems(401, 403))
def list_season_tickets(*, session: Database, asking: Asking) -> SeasonsAnswer:
    """List one's season tickets."""
    found = account_store.list_seasons(driver(session), asking.user)
    return SeasonsAnswer(season_tickets=[_season(session, one) for one in found])


@router.post("/me/season-tickets", status_code=201, responses=problems(400, 401, 403, 404, 422))
def begin_season_ticket(*, request: Request, now: Now, asking: Asking, body: SeasonBody) -> SeasonAnswer:
    """Have a pass bought again and again; the first one is bought now if it begins within three days."""
    start = now if body.start is None else max(now, day_begins(body.start, FRANCE))
    with Session(request.app.state.engine) as session, session.begin():
        one = passes.begin(
            session,
            asking.user,
            wish=Wish(body.product, body.category, start, tuple(body.areas)),
            start=start,
            now=now,
        )
    Renewals(counter_of(request), request.app.state.cards_key).look(one.id, now)
    with Session(request.app.state.engine) as session:
        return _season(session, passes.get(session, asking.user, one.id))


@router.put("/me/season-tickets/{id}/state", responses=problems(400, 401, 403, 404, 409, 422))
def move_season_ticket(
    *,
    session: Database,
    now: Now,
    asking: Asking,
    id: SeasonId,  # noqa: A002 - likewise
    body: SeasonStateBody,
) -> SeasonAnswer:
    """Pause, resume or end a season ticket."""
    return _season(session, passes.move(session, asking.user, id, body.state, now))


def _season(session: Session, one: Season) -> SeasonAnswer:
    notes = account_store.list_notes(driver(session), one.id)
    return SeasonAnswer(
        id=one.id,
        product=one.product,
        category=one.category,
        areas=list(one.areas),
        state=one.state,
        next_from=one.next_from.astimezone(FRANCE),
        problem=one.problem,
        history=[
            SeasonEventAnswer(at=at.astimezone(FRANCE), what=what, details=dict(said)) for at, what, said in notes
        ],
    )


# ── tickets and bank cards ────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/me/tickets/{id}/lost", responses=problems(401, 403, 404, 409, 422))
def replace_lost_ticket(
    *,
    session: Database,
    now: Now,
    asking: Asking,
    id: TicketId,  # noqa: A002 - likewise
) -> LostAnswer:
    """Have a lost ticket replaced: it gets a new code, and devices refuse the old one."""
    if not any(one.id == id for one in tickets.list_by_account(session, asking.user)):
        raise NotFound(f"you have no ticket {id}", code="unknown_ticket")
    one = tickets.replace(session, id, why="lost", now=now)
    return LostAnswer(id=one.id, key=one.key, serial=one.serial)


@router.get("/me/cards", responses=problems(401, 403))
def list_cards(*, session: Database, asking: Asking) -> CardsAnswer:
    """List the bank cards one rides with, what their days came to and what was charged: no place, no hour."""
    connection = driver(session)
    return CardsAnswer(
        cards=[
            CardAnswer(
                id=card.id,
                last_digits=card.last_digits,
                category=card.category,
                denied=card.denied_because,
                days=[
                    TapDayAnswer(day=day, cents=cents, charge=charge)
                    for day, cents, charge in taps_store.list_dues(connection, card.id)
                ],
                charges=[write_charge(one) for one in debts_store.list_charges(connection, card.id)],
            )
            for card in taps_store.list_cards(connection, asking.user)
        ]
    )


@router.post("/me/cards", status_code=201, responses=problems(400, 401, 403, 404, 409, 422))
def link_card(*, session: Database, now: Now, asking: Asking, body: LinkBody) -> CardsAnswer:
    """Link the card of a charge, whose number one reads on one's bank statement."""
    account.link_card(session, asking.user, body.charge, now)
    return list_cards(session=session, asking=asking)


@router.delete("/me/cards/{id}", status_code=204, responses=problems(401, 403, 404, 422))
def unlink_card(
    *,
    session: Database,
    asking: Asking,
    id: CardId,  # noqa: A002 - likewise
) -> None:
    """Link a card no longer."""
    account.unlink_card(session, asking.user, id)


@router.get("/me/cards/{id}/rides", responses=problems(401, 403, 404, 422))
def list_card_rides(
    *,
    session: Database,
    now: Now,
    asking: Asking,
    id: CardId,  # noqa: A002 - likewise
) -> CardRidesAnswer:
    """List the rides of one's card of the last two days; older ones are forgotten."""
    card = account.get_card(session, asking.user, id)
    rides = taps_service.list_known_rides(session, read_policy(driver(session)), card.id, now)
    return CardRidesAnswer(rides=[_ride(one) for one in rides])


@router.post("/me/cards/{id}/rides", responses=problems(400, 401, 403, 404, 422))
def complete_card_ride(
    *,
    request: Request,
    session: Database,
    now: Now,
    asking: Asking,
    id: CardId,  # noqa: A002 - likewise
    body: CompletionBody,
) -> CardRidesAnswer:
    """Say where one got out (or in) when one forgot to tap; the day is counted anew, too much goes back."""
    card = account.get_card(session, asking.user, id)
    network = request.app.state.networks.find_current()
    places = Places(network.timetable if network else None, FRANCE)
    policy = read_policy(driver(session))
    taps_service.complete(session, policy, places, card.id, (body.device, body.seq), stop=body.stop, now=now)
    return list_card_rides(session=session, now=now, asking=asking, id=id)


def _ride(one: Ride) -> CardRideAnswer:
    device, seq = one.taps[0]
    return CardRideAnswer(
        departure=one.departure.astimezone(FRANCE),
        board=one.board,
        alight=one.alight,
        route=one.route,
        whole=one.whole,
        device=device,
        seq=seq,
    )


# ── employers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/me/certificates", status_code=201, responses=problems(400, 401, 403, 404, 422))
def make_employer_certificate(
    *, session: Database, now: Now, asking: Asking, body: CertificateBody
) -> CertificateAnswer:
    """Make a certificate for one's employer, who pays half of one's passes."""
    return _certificate(employers.make(session, asking.user, body.first, body.last, now))


@router.get(
    "/me/certificates/{id}/paper.pdf",
    response_class=Response,
    responses={
        200: {"content": {"application/pdf": {}}, "description": "The certificate"},
        **problems(401, 403, 404, 422),
    },
)
def get_employer_certificate_paper(
    *,
    request: Request,
    session: Database,
    asking: Asking,
    id: CertificateId,  # noqa: A002 - likewise
) -> Response:
    """Read one's certificate, as a PDF that can be read aloud."""
    one = employers.get(session, id)
    if one.account != asking.user:
        raise NotFound(f"you have no certificate {id}", code="unknown_certificate")
    address = str(request.url_for("check_employer_certificate", id=id))
    content = employers.write(session, one, author=request.app.state.operator, address=address)
    return Response(content, media_type="application/pdf", headers={"Cache-Control": "no-store"})


@router.get("/certificates/{id}", responses=problems(404, 422))
def check_employer_certificate(
    *,
    session: Database,
    id: CertificateId,  # noqa: A002 - likewise
) -> CertificateAnswer:
    """Check a certificate by the number on it: its figures, and no name."""
    return _certificate(employers.get(session, id))


def _certificate(one: employers.Certificate) -> CertificateAnswer:
    return CertificateAnswer(
        id=one.id,
        first=one.first,
        last=one.last,
        cents=one.cents,
        employer_cents=one.half,
        passes=len(one.passes),
        made_at=one.made_at.astimezone(FRANCE),
    )


# ── pupils ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/school-passes/{year}", responses=problems(401, 403, 404, 422))
def hand_out_school_passes(*, session: Database, now: Now, _asking: School, year: SchoolYear) -> SchoolPassesAnswer:
    """Give every pupil with a seat a pass for their circuits, and take those back whose pupils have none any more."""
    return SchoolPassesAnswer(**asdict(passes_school.hand_out(session, year, now)))


@router.get("/school-passes/{year}", responses=problems(401, 403, 404, 422))
def list_school_passes(*, session: Database, _asking: School, year: SchoolYear) -> SchoolPassListAnswer:
    """List the passes of a year, by the pupil's key; no name."""
    found = passes_school.list_passes(session, year)
    return SchoolPassListAnswer(
        passes=[
            SchoolPassAnswer(pupil=one.pupil, ticket=one.ticket, key=one.key, circuits=list(one.circuits))
            for one in found
        ]
    )
