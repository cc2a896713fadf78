"""HTTP: tickets, their codes drawn and printed, and whether a code is good."""

from base64 import b64decode, b64encode
from binascii import Error
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.fares import service as fares
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Unavailable
from mobigo.kit.parameters import Instant
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.tickets import codes, compact, service, store
from mobigo.tickets.codes import Reason, Verdict
from mobigo.tickets.drawing import draw_png, draw_svg, lay
from mobigo.tickets.judging import judge_now, read_written
from mobigo.tickets.model import Format, Medium, Ticket, TicketState, TravelClass
from mobigo.tickets.printing import print_ticket
from mobigo.tickets.railway import LOCAL
from mobigo.tickets.store import CodeRow

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

Traveller = Annotated[Person, Depends(require(Role.TRAVELLER))]
Desk = Annotated[Person, Depends(require(Role.DESK, Role.FINANCE))]
"""Staff who look after tickets."""

TicketKey = Annotated[str, Path(pattern=r"^t[A-Za-z0-9_-]{22}$", description="Unguessable; who has it has the ticket")]
TicketId = Annotated[str, Path(pattern=r"^[0-9A-HJKMNP-TV-Z]{12}$", description="As printed, without gaps")]
FormatQuery = Annotated[
    Format, Query(alias="format", description="`uic`: Aztec, as railways read it; `compact`: QR, our own")
]
Scale = Annotated[int, Query(ge=1, le=20, description="Pixels of a module")]
PRIVATE = {"Cache-Control": "private, no-store"}
Why = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]*$", strip_whitespace=True)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ScopeAnswer(BaseModel):
    """Where a ticket is good; what is missing does not restrict."""

    networks: list[str]
    areas: list[str]
    agencies: list[str]
    routes: list[str]
    stops: list[str]
    origin: str | None
    destination: str | None
    trips: list[tuple[date, str]]


class TicketAnswer(BaseModel):
    """A ticket."""

    id: str = Field(description="As printed and in the code", examples=["4X7K9Q2M0WTE"])
    key: str = Field(description="Its address: who has it has the ticket")
    state: TicketState = Field(
        description="`unsigned`: its code is signed within a second or two; `ready`; `blocked`; `void`: taken back"
    )
    product: str
    catalogue: int = Field(description="Version it was sold from")
    name: dict[str, str] = Field(description="Of the product, in French and English")
    category: str
    category_name: dict[str, str]
    travellers: int
    travel_class: TravelClass
    valid_from: datetime | None = Field(description="null: from first validation")
    valid_until: datetime | None
    minutes_from_first_use: int | None
    rides: int | None = Field(description="null: any number")
    rides_used: int = Field(description="As far as devices have told")
    minutes_per_ride: int | None = Field(description="Getting on again within them is a change, not another ride")
    first_used_at: datetime | None
    scope: ScopeAnswer
    holder: str | None = Field(description="Name it is bound to; null: anonymous")
    medium: Medium
    specimen: bool
    price_cents: int
    currency: str
    vat_permille: int
    issued_at: datetime
    order: str | None
    serial: int = Field(description="Of its present code; codes before it are refused")
    bound_to_phone: bool = Field(description="Whether only a phone's own codes are good")


class TicketsAnswer(BaseModel):
    """Tickets, oldest first."""

    tickets: list[TicketAnswer]


class CodeAnswer(BaseModel):
    """A code, to be drawn by whoever shows it."""

    format: Format
    serial: int
    key: int = Field(description="Number of the key that signed it")
    data: str = Field(description="What the symbol holds, base 64")
    text: str | None = Field(description="The text of a QR symbol; null: the symbol holds bytes")
    bound_to_phone: bool = Field(
        description="Then it is not good as it is: the phone signs it with the moment, each time it shows it"
    )
    made_at: datetime


class PhoneBody(_Body):
    """A phone's public key."""

    public_key: Annotated[str, StringConstraints(min_length=40, max_length=400, pattern=r"^[A-Za-z0-9+/_=-]+$")] = (
        Field(description="On P-256: a point or SubjectPublicKeyInfo, base 64; the private key stays in the phone")
    )


class WhyBody(_Body):
    """Why something is done."""

    why: Why = Field(examples=["lost"])


class VerifyBody(_Body):
    """A code that was read."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=3 * codes.LARGEST)] = Field(
        description="Text of a QR symbol, or what a symbol holds as hexadecimal digits or base 64"
    )
    at: Instant | None = Field(None, description="As if it were this instant; by default it is now")


class VerdictAnswer(BaseModel):
    """What is thought of a code."""

    valid: bool
    reason: Reason
    format: str | None = Field(
        description="`compact`, `uic-u2`, `uic-u1`, `uic-ut`, `fcb3`, `fcb2`, `fcb1`; null: no code"
    )
    words: dict[str, str] = Field(description="The reason, in French and English")
    fields: dict[str, Any] = Field(description="All the code says")


class HistoryAnswer(BaseModel):
    """What happened to a ticket."""

    at: datetime
    what: str
    why: str | None


class StaffTicketAnswer(BaseModel):
    """A ticket as staff see it."""

    ticket: TicketAnswer
    history: list[HistoryAnswer]


# ── anybody with the key ──────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/mine", responses=problems(401, 403))
def list_mine(*, session: Database, asking: Traveller) -> TicketsAnswer:
    """List the tickets of one's account."""
    return TicketsAnswer(tickets=[write(session, one) for one in service.list_by_account(session, asking.user)])


@router.post("/verify", responses=problems(400, 422))
def verify(*, session: Database, now: Now, body: VerifyBody) -> VerdictAnswer:
    """Judge a code: its signatures, its times, and how the ticket stands here. Where it may be used, devices judge."""
    return write_verdict(judge_now(session, read_written(body.code.encode()), body.at or now))


@router.get("/{key}", responses=problems(404, 422))
def get_ticket(*, session: Database, response: Response, key: TicketKey) -> TicketAnswer:
    """Read a ticket."""
    response.headers.update(PRIVATE)
    return write(session, service.get_by_key(session, key))


@router.get("/{key}/code", responses=problems(404, 409, 422, 503))
def get_code(
    *, session: Database, response: Response, key: TicketKey, format_: FormatQuery = Format.COMPACT
) -> CodeAnswer:
    """Read a ticket's code, as an application that draws it itself needs it."""
    response.headers.update(PRIVATE)
    ticket = service.get_by_key(session, key)
    row = find_code(session, ticket, format_)
    return CodeAnswer(
        format=format_,
        serial=row.serial,
        key=row.kid,
        data=b64encode(row.data).decode(),
        text=compact.write_text(row.data) if format_ is Format.COMPACT else None,
        bound_to_phone=ticket.phone is not None,
        made_at=local(row.made_at),
    )


@router.get(
    "/{key}/code.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}, **problems(404, 409, 422, 503)},
)
def draw_code_svg(*, session: Database, key: TicketKey, format_: FormatQuery = Format.COMPACT) -> Response:
    """Draw a ticket's code."""
    row = find_code(session, _still(service.get_by_key(session, key)), format_)
    return Response(draw_svg(lay(format_, row.data)), media_type="image/svg+xml", headers=PRIVATE)


@router.get(
    "/{key}/code.png",
    response_class=Response,
    responses={200: {"content": {"image/png": {}}}, **problems(404, 409, 422, 503)},
)
def draw_code_png(
    *, session: Database, key: TicketKey, format_: FormatQuery = Format.COMPACT, scale: Scale = 6
) -> Response:
    """Draw a ticket's code as a picture, for any wallet."""
    row = find_code(session, _still(service.get_by_key(session, key)), format_)
    return Response(draw_png(lay(format_, row.data), scale), media_type="image/png", headers=PRIVATE)


@router.get(
    "/{key}/ticket.pdf",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}}, **problems(404, 409, 422, 503)},
)
def print_pdf(
    *,
    session: Database,
    key: TicketKey,
    language: Annotated[Literal["fr", "en"], Query(description="Of the paper")] = "fr",
) -> Response:
    """Print a ticket: both codes, and in words what they say; it can be read aloud."""
    ticket = _still(service.get_by_key(session, key))
    data = {format_: find_code(session, ticket, format_).data for format_ in Format}
    product, category = (names[language] for names in _name(session, ticket))
    paper = print_ticket(ticket, data, product, category, language)
    return Response(paper, media_type="application/pdf", headers=PRIVATE)


@router.put("/{key}/phone", responses=problems(400, 404, 409, 422))
def bind_phone(*, session: Database, now: Now, key: TicketKey, body: PhoneBody) -> TicketAnswer:
    """Bind a ticket to a phone: from then on only codes that this phone has just signed are good, no copy of them.

    The codes before are refused. Another phone may take the ticket over by the same request.

    What a phone shows is made of the code that `GET .../code` gives, each time anew. Of `compact`: CBOR of
    `[2, key, claims, signature, seconds, s]`, where `key`, `claims` and `signature` are those of the code, `seconds` is
    the moment since 1970, and `s` the phone's signature (ECDSA on P-256 with SHA-256, two numbers of 32 bytes) of the
    CBOR of `["mobigo ticket shown 1" as bytes, the code as bytes, seconds]`; drawn as QR of `MBG1:` and base 45. Of
    `uic`: level 2 of the header as UIC IRS 90918-9 has it, with a moment as FDC1, signed as DER.
    """
    text = body.public_key.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        public = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Error, ValueError):
        raise InvalidInput("the phone's key is no base 64", code="invalid_phone_key") from None
    return write(session, service.bind(session, service.get_by_key(session, key).id, public, now=now))


@router.post("/{key}/replacement", responses=problems(400, 404, 409, 422))
def replace(*, session: Database, now: Now, key: TicketKey, body: WhyBody) -> TicketAnswer:
    """Have a ticket given anew: lost, or shown to somebody. Codes before are refused, and its `key` is another."""
    return write(session, service.replace(session, service.get_by_key(session, key).id, why=body.why, now=now))


# ── staff ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/numbers/{id}", responses=problems(401, 403, 404, 422))
def get_by_number(
    *,
    session: Database,
    _asking: Desk,
    id: TicketId,  # noqa: A002 - the path's own name
) -> StaffTicketAnswer:
    """Read a ticket by its number, with what happened to it."""
    return _staff(session, service.get_ticket(session, id))


@router.post("/numbers/{id}/block", responses=problems(400, 401, 403, 404, 409, 422))
def block_ticket(
    *,
    session: Database,
    now: Now,
    asking: Desk,
    id: TicketId,  # noqa: A002 - likewise
    body: WhyBody,
) -> StaffTicketAnswer:
    """Block a ticket: devices refuse it as soon as they are told."""
    return _staff(session, service.block(session, id, why=f"{body.why} ({asking.user})", now=now))


@router.post("/numbers/{id}/opening", responses=problems(400, 401, 403, 404, 409, 422))
def open_again(
    *,
    session: Database,
    now: Now,
    asking: Desk,
    id: TicketId,  # noqa: A002 - likewise
    body: WhyBody,
) -> StaffTicketAnswer:
    """Open a blocked ticket again."""
    return _staff(session, service.unblock(session, id, why=f"{body.why} ({asking.user})", now=now))


@router.post("/numbers/{id}/replacement", responses=problems(400, 401, 403, 404, 409, 422))
def replace_by_number(
    *,
    session: Database,
    now: Now,
    asking: Desk,
    id: TicketId,  # noqa: A002 - likewise
    body: WhyBody,
) -> StaffTicketAnswer:
    """Give somebody's ticket anew, who has lost it; its codes before are refused."""
    return _staff(session, service.replace(session, id, why=f"{body.why} ({asking.user})", now=now))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_code(session: Database, ticket: Ticket, format_: Format) -> CodeRow:
    """Return a ticket's present code.

    Raises
    ------
    Conflict, Unavailable
        ``no_code``: it has none; ``ticket_unsigned``: not yet.
    """
    if ticket.wanted.medium is Medium.CARD:
        raise Conflict(f"ticket {ticket.id} is carried on card {ticket.wanted.external}, not by a code", code="no_code")
    if ticket.state is TicketState.VOID:
        raise Conflict(f"ticket {ticket.id} was taken back", code="no_code")
    row = store.find_code(driver(session), ticket.id, format_)
    if row is None or row.serial != ticket.serial:
        raise Unavailable(
            f"the code of ticket {ticket.id} is being signed; ask again in a second", code="ticket_unsigned"
        )
    return row


def _still(ticket: Ticket) -> Ticket:
    """Return a ticket whose code can be drawn here: one bound to a phone is drawn by the phone."""
    if ticket.phone is not None:
        raise Conflict(
            f"ticket {ticket.id} is bound to a phone, which draws its codes itself; POST .../replacement unbinds it",
            code="bound_to_phone",
        )
    return ticket


def write(session: Database, one: Ticket) -> TicketAnswer:
    """Write a ticket."""
    wanted, scope = one.wanted, one.wanted.scope
    product, category = _name(session, one)
    return TicketAnswer(
        id=one.id,
        key=one.key,
        state=one.state,
        product=wanted.product,
        catalogue=wanted.version,
        name=product,
        category=wanted.category,
        category_name=category,
        travellers=wanted.fellows,
        travel_class=wanted.travel_class,
        valid_from=_maybe(wanted.valid_from),
        valid_until=_maybe(wanted.valid_until),
        minutes_from_first_use=wanted.span and int(wanted.span.total_seconds()) // 60,
        rides=wanted.rides,
        rides_used=one.uses,
        minutes_per_ride=wanted.use and int(wanted.use.total_seconds()) // 60,
        first_used_at=_maybe(one.first_used_at),
        scope=ScopeAnswer(
            networks=list(scope.networks),
            areas=list(scope.areas),
            agencies=list(scope.agencies),
            routes=list(scope.routes),
            stops=list(scope.stops),
            origin=scope.origin,
            destination=scope.destination,
            trips=list(scope.trips),
        ),
        holder=wanted.holder.name if wanted.holder else None,
        medium=wanted.medium,
        specimen=wanted.specimen,
        price_cents=wanted.cents,
        currency=wanted.currency,
        vat_permille=wanted.vat_permille,
        issued_at=local(one.issued_at),
        order=wanted.order,
        serial=one.serial,
        bound_to_phone=one.phone is not None,
    )


def write_verdict(verdict: Verdict) -> VerdictAnswer:
    """Write what is thought of a code."""
    return VerdictAnswer(
        valid=verdict.valid,
        reason=verdict.reason,
        format=verdict.format,
        words={language: codes.say(verdict.reason, language) for language in ("fr", "en")},
        fields=dict(verdict.fields),
    )


def _name(session: Database, one: Ticket) -> tuple[dict[str, str], dict[str, str]]:
    """Name a ticket's product and category, by their ids where the catalogue does not know them."""
    wanted = one.wanted
    names = {wanted.product: {"fr": wanted.product, "en": wanted.product}}
    names |= {wanted.category: {"fr": wanted.category, "en": wanted.category}}
    try:
        catalogue, product = fares.get_product(session, wanted.version, wanted.product)
    except NotFound:
        return names[wanted.product], names[wanted.category]
    for id_, words in ((product.id, product.name), *((one.id, one.name) for one in catalogue.categories)):
        names[id_] = {language: words.of(language) for language in ("fr", "en")}
    return names[wanted.product], names[wanted.category]


def _staff(session: Database, one: Ticket) -> StaffTicketAnswer:
    history = store.list_history(driver(session), one.id)
    return StaffTicketAnswer(
        ticket=write(session, one),
        history=[HistoryAnswer(at=local(line.at), what=line.what, why=line.why) for line in history],
    )


def local(at: datetime) -> datetime:
    """Return an instant with the offset of local time."""
    return at.astimezone(LOCAL)


def _maybe(at: datetime | None) -> datetime | None:
    return None if at is None else local(at)
