"""HTTP: offers signed as quotes, bookings of them, and what becomes of the rides."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

import psycopg
import structlog
from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, StringConstraints
from sqlalchemy.orm import Session

from mobigo.accounts.api import Credentials, identify, recognise, require
from mobigo.accounts.model import Person, Role
from mobigo.db.answers import Answers
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, Refused
from mobigo.kit.geo import Point
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.messages.addresses import read_phone
from mobigo.ondemand import conduct, quotes, store
from mobigo.ondemand.alternatives import find_alternatives
from mobigo.ondemand.availability_api import find_spot, find_supply
from mobigo.ondemand.booking_answers import (
    AbsenceAnswer,
    AbsencesAnswer,
    BookedAnswer,
    BookingAnswer,
    BookingBody,
    BookingsAnswer,
    CancelBody,
    ChangeBody,
    ConfirmBody,
    ContactBody,
    DeclinedAnswer,
    HappenedAnswer,
    HistoryAnswer,
    Id,
    OfferAnswer,
    OfferElsewhere,
    PardonBody,
    PlaceBody,
    QuotesAnswer,
    QuotesBody,
    RefusalAnswer,
    RefusalsAnswer,
    StateBody,
    read_instant,
    write_booking,
    write_declined,
    write_elsewhere,
    write_offer,
)
from mobigo.ondemand.fleet_store import read_fleet
from mobigo.ondemand.model import Booking, Contact, How, Offer, Spot, State
from mobigo.ondemand.nearby import find_around
from mobigo.ondemand.noting import note_refusal, note_unserved
from mobigo.ondemand.places import PlacesGone
from mobigo.ondemand.progress import Progress
from mobigo.ondemand.service import ALPHABET, REFERENCE, Actor, Bookings, Order
from mobigo.ondemand.store import instant
from mobigo.ondemand.supply import Decline, Declined, Offered, Supply
from mobigo.trace.masks import account, visitor

router = APIRouter(prefix="/v1/ondemand", tags=["ondemand"])

log = structlog.get_logger()

UNSERVED = {"booking_closed", "not_booked_here", "suspended"}
"""Refusals by which somebody is left without a ride, besides places that are gone."""

REPLAYED = "Idempotent-Replayed"
"""Header of an answer that was given before."""

TOKEN_OPTIONAL: dict[str, Any] = {"security": [{}]}
"""Added to what a route says of tokens: without one it is asked by somebody who has no account."""

REFUSALS = problems(400, 401, 403, 404, 409, 422, 503)
"""Of routes that change bookings."""

READERS = (Role.DESK, Role.DISPATCHER)

A_DAY = 86_400
FARTHEST = 400 * A_DAY
"""Seconds ahead for which rides are looked for."""


def find_person(request: Request, credentials: Credentials, now: Now) -> Person | None:
    """Tell who asks, if they say so at all."""
    return None if credentials is None else identify(request, credentials, now)


Asking = Annotated[Person | None, Depends(find_person)]
CurrentSupply = Annotated[Supply, Depends(find_supply)]
BookingId = Annotated[Id, Path(description="Of a booking")]
LegId = Annotated[Id, Path(description="Of a ride of a booking")]
Key = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(alias="Idempotency-Key", description="Chosen by who asks; asked again with it, nothing is done twice"),
]


def actor_of(person: Person | None) -> Actor:
    """Return who acts: staff by their name, travellers by their account, anybody else as a traveller.

    Raises
    ------
    Forbidden
        To who may only read.
    """
    if person is None:
        return Actor("", None)
    if person.role is Role.AUDITOR:
        raise Forbidden(f"{person.user} is here as auditor and changes nothing", code="role_required")
    return Actor(person.user, person.role)


def owner_of(person: Person | None) -> str:
    """Return whose idempotency keys a request's is."""
    return f"{person.role}:{person.user}" if person else ""


def read_contact(body: ContactBody | None) -> Contact | None:
    """Read a contact."""
    return None if body is None else conduct.read_contact(body.name, body.phone, body.email, body.language)


@contextmanager
def recording(
    request: Request, session: Session, supply: Supply, now: datetime, person: Person | None = None
) -> Iterator[None]:
    """Do all of something or nothing; what is refused is written down, and where places are gone others are named.

    The checks of the database are made here already, not only when the request is committed.
    """
    try:
        with session.begin_nested():
            connection = driver(session)  # asked for inside: a savepoint is set when its connection is first used
            yield
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        driver(session).execute("SET CONSTRAINTS ALL DEFERRED")
    except PlacesGone as gone:
        connection = driver(session)
        store.note_refusal(connection, now, gone.reason.value, gone.offer)
        note_refusal(session, gone.offer, gone.reason.value, _asker(request, person), now)
        fresh = Supply(supply.catalogue, read_fleet(connection, supply.stored), supply.drives)
        key, second = request.app.state.token_key, instant(now)
        others = [
            write_offer(fresh, one, key, second).model_dump(mode="json")
            for one in find_alternatives(fresh, gone.offer, second)
            if one.how is How.HERE
        ]
        gone.members = {"alternatives": others}
        gone.keeps = True
        raise
    except (Refused, Forbidden) as refused:
        if refused.code in UNSERVED:
            store.note_refusal(driver(session), now, refused.code)
            note_unserved(
                session, "", (None, None), wanted=now, persons=1, reason=refused.code, person=_asker(request, person),
                now=now,
            )  # fmt: skip
            refused.keeps = True
        raise
    except psycopg.errors.CheckViolation as broken:
        log.exception("the database refused a change of runs", constraint=broken.diag.constraint_name)
        raise Conflict(
            "this would break a promise made to somebody else, so nothing was changed; look again and retry",
            code="promise_broken",
        ) from None


def _asker(request: Request, person: Person | None) -> str | None:
    """Return as whom who asks is masked; None of the staff, who ask for others."""
    if person is None:
        return visitor(request)
    return account(person.user) if person.role is Role.TRAVELLER else None


Answer = TypeVar("Answer", bound=BaseModel)


class Asked:
    """A request that changes something, once: under its idempotency key, if it has one.

    Parameters
    ----------
    request : Request
    response : Response
    session : Session
    supply : Supply
    person : Person, optional
    now : datetime
    key : str, optional
    """

    def __init__(
        self,
        *,
        request: Request,
        response: Response,
        _turn: Turn = None,  # before the session: given up after its commit
        session: Database,
        supply: CurrentSupply,
        person: Asking,
        now: Now,
        key: Key = None,
    ) -> None:
        self.request = request
        self.response = response
        self.session = session
        self.supply = supply
        self.person = person
        self.now = now
        self.key = key

    @property
    def bookings(self) -> Bookings:
        """What this person may do."""
        return self.bookings_of(self.person)

    def bookings_of(self, person: Person | None) -> Bookings:
        """Return what somebody may do."""
        return Bookings(self.session, self.supply, self.token_key, actor_of(person), self.now)

    @property
    def looking(self) -> Bookings:
        """What this person may look at."""
        actor = Actor(self.person.user, self.person.role) if self.person else Actor("", None)
        return Bookings(self.session, self.supply, self.token_key, actor, self.now)

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection of the request's transaction."""
        return driver(self.session)

    @property
    def token_key(self) -> bytes:
        """The key of the home."""
        key: bytes = self.request.app.state.token_key
        return key

    def read_quotes(self, texts: list[str]) -> tuple[Offer, ...]:
        """Read quotes."""
        return tuple(quotes.read(self.token_key, text, instant(self.now)) for text in texts)

    def once(self, model: type[Answer], body: BaseModel, work: Callable[[], Answer]) -> Answer:
        """Do something, or repeat the answer that was given under the same key."""
        kept = Answers(driver(self.session), "ondemand_answer", owner_of(self.person))
        question = f"{self.request.method} {self.request.url.path} {body.model_dump_json(by_alias=True)}"
        with recording(self.request, self.session, self.supply, self.now, self.person):
            known = None if self.key is None else kept.claim(self.key, question, self.now)
            if known is not None:
                self.response.headers[REPLAYED] = "true"
                return model.model_validate(known)
            answer = work()
            if self.key is not None:
                kept.keep(self.key, answer.model_dump(mode="json"))
        return answer


Once = Annotated[Asked, Depends(Asked)]


# ── quotes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/quotes", responses=problems(400, 404, 422, 503))
def quote(*, request: Request, supply: CurrentSupply, session: Database, now: Now, body: QuotesBody) -> QuotesAnswer:
    """Offer rides between two places that can be booked now; each offer is signed and good for a while."""
    answer = make_quotes(request=request, supply=supply, now=now, body=body)
    declined = [one for one in answer.elsewhere if isinstance(one, DeclinedAnswer)]
    full = next((one for one in declined if one.reason is Decline.FULL), None)
    wanted, party = body.at or now, body.party.read()
    if full is not None and not answer.offers:
        store.note_unserved(driver(session), now, full.service_id, full.reason, wanted=wanted, party=party)
    if not answer.offers:
        ends = _read_spot(request, supply, body.from_, "from"), _read_spot(request, supply, body.to, "to")
        asker = _asker(request, recognise(request, now))
        note_declined(session, answer.elsewhere, ends, wanted=wanted, persons=party.persons, person=asker, now=now)
    return answer


def note_declined(
    session: Session,
    elsewhere: Sequence[DeclinedAnswer | OfferElsewhere],
    ends: tuple[Spot, Spot],
    *,
    wanted: datetime,
    persons: int,
    person: str | None,
    now: datetime,
) -> None:
    """Note that nothing could be offered, unless it can be booked elsewhere, and why: that all is taken comes first."""
    declined = [one for one in elsewhere if isinstance(one, DeclinedAnswer)]
    if len(declined) < len(elsewhere):
        return
    first = min(declined, key=lambda one: one.reason is not Decline.FULL, default=None)
    note_unserved(
        session,
        (first and first.service_id) or "",
        (ends[0].point, ends[1].point),
        wanted=wanted,
        persons=persons,
        reason=first.reason if first else "no_service",
        person=person,
        now=now,
    )


def make_quotes(*, request: Request, supply: Supply, now: datetime, body: QuotesBody) -> QuotesAnswer:
    """Offer rides, for pages too."""
    second = instant(now)
    at = read_instant(body.at, "at")
    if at is not None and not -A_DAY <= at - second <= FARTHEST:
        raise InvalidInput(
            f"`at` is {body.at}, not between yesterday and {FARTHEST // A_DAY} days from now", code="invalid_instant"
        )
    ends = _read_spot(request, supply, body.from_, "from"), _read_spot(request, supply, body.to, "to")
    found = find_around(
        supply,
        ends,
        second if at is None else at,
        party=body.party.read(),
        now=second,
        arrive=body.arrive_by,
        within=body.within_minutes * 60,
    )
    offers: list[OfferAnswer] = []
    elsewhere: list[DeclinedAnswer | OfferElsewhere] = []
    for _, one in found:
        if body.service_id not in {None, one.offer.service if isinstance(one, Offered) else one.service}:
            continue
        if isinstance(one, Declined):
            elsewhere.append(write_declined(one))
        elif one.how is How.HERE:
            offers.append(write_offer(supply, one, request.app.state.token_key, second))
        else:
            elsewhere.append(write_elsewhere(one))
    return QuotesAnswer(offers=offers, elsewhere=elsewhere)


def _read_spot(request: Request, supply: Supply, body: PlaceBody, what: str) -> Spot:
    if body.stop_id is not None:
        return find_spot(request, supply, body.stop_id)
    if body.lat is None or body.lon is None:
        raise InvalidInput(f"`{what}` needs a `stop_id`, or `lat` and `lon`", code="invalid_place")
    name = (body.name or "").strip() or f"{body.lat:.5f}, {body.lon:.5f}"
    return Spot(name, Point(body.lon, body.lat))


# ── bookings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/bookings", status_code=201, responses=REFUSALS, openapi_extra=TOKEN_OPTIONAL)
def book(*, once: Once, body: BookingBody) -> BookedAnswer:
    """Book all rides of a journey, there and back, or none; `hold` keeps the places to be confirmed.

    Who has no token books with a contact, and the id of the booking is the key to it.
    """
    person = once.person

    def work() -> BookedAnswer:
        contact = read_contact(body.contact)
        account = person.user if person is not None and person.role is Role.TRAVELLER else None
        there = Order(once.read_quotes(body.quotes), contact, account, body.note, body.journey, body.hold)
        orders = [there]
        if body.return_quotes:
            back = once.read_quotes(body.return_quotes)
            orders.append(Order(back, contact, account, body.note, None, body.hold, return_of=0))
        booked = [write_booking(once.supply, one) for one in once.bookings.book(orders)]
        return BookedAnswer(booking=booked[0], return_booking=booked[1] if body.return_quotes else None)

    return once.once(BookedAnswer, body, work)


@router.post(
    "/bookings/{booking_id}/confirm",
    responses=REFUSALS,
    openapi_extra=TOKEN_OPTIONAL,
)
def confirm(*, once: Once, booking_id: BookingId, body: ConfirmBody) -> BookingAnswer:
    """Confirm all rides that a booking holds."""

    def work() -> BookingAnswer:
        return write_booking(once.supply, once.bookings.confirm(booking_id, read_contact(body.contact)))

    return once.once(BookingAnswer, body, work)


@router.post("/bookings/{booking_id}/change", responses=REFUSALS, openapi_extra=TOKEN_OPTIONAL)
def change(*, once: Once, booking_id: BookingId, body: ChangeBody) -> BookingAnswer:
    """Replace rides of a booking by others; where those cannot be had, the booking stays as it was."""

    def work() -> BookingAnswer:
        waive = _waives(once.bookings.actor, asked=body.waive_penalty)
        changed = once.bookings.change(booking_id, once.read_quotes(body.quotes), body.legs, waive=waive)
        return write_booking(once.supply, changed)

    return once.once(BookingAnswer, body, work)


@router.post("/bookings/{booking_id}/cancel", responses=REFUSALS, openapi_extra=TOKEN_OPTIONAL)
def cancel(*, once: Once, booking_id: BookingId, body: CancelBody) -> BookingAnswer:
    """Cancel rides of a booking; where the operator cancels, what was paid is refunded."""

    def work() -> BookingAnswer:
        bookings = once.bookings
        waive = _waives(bookings.actor, asked=body.waive_penalty)
        if body.by == "operator":
            cancelled = bookings.cancel_by_operator(booking_id, body.legs, reason=body.reason)
        else:
            cancelled = bookings.cancel(booking_id, body.legs, reason=body.reason, waive=waive)
        return write_booking(once.supply, cancelled)

    return once.once(BookingAnswer, body, work)


def _waives(actor: Actor, *, asked: bool) -> bool:
    if asked and not actor.is_staff:
        raise Forbidden("only staff waives a penalty; ask the desk", code="role_required")
    return asked


class Looking:
    """A request that looks at bookings.

    Parameters
    ----------
    request : Request
    session : Session
    supply : Supply
    person : Person, optional
    now : datetime
    """

    def __init__(self, *, request: Request, session: Database, supply: CurrentSupply, person: Asking, now: Now) -> None:
        self.supply = supply
        self._session = session
        actor = Actor(person.user, person.role) if person else Actor("", None)
        self._bookings = Bookings(session, supply, request.app.state.token_key, actor, now)

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection of the request's transaction, taken when it is first needed."""
        return driver(self._session)

    def find(self, id_: str) -> Booking:
        """Return a booking, to who may see it."""
        return self._bookings.get(id_)


@router.get("/bookings/{booking_id}", responses=problems(401, 403, 404, 422, 503), openapi_extra=TOKEN_OPTIONAL)
def get_booking(*, looking: Annotated[Looking, Depends(Looking)], booking_id: BookingId) -> BookingAnswer:
    """Show a booking to who has its id, its account, or works at the desk."""
    return write_booking(looking.supply, looking.find(booking_id), contact=True)


@router.get("/bookings/{booking_id}/history", responses=problems(401, 403, 404, 422, 503), openapi_extra=TOKEN_OPTIONAL)
def get_history(*, looking: Annotated[Looking, Depends(Looking)], booking_id: BookingId) -> HistoryAnswer:
    """Show what happened to a booking."""
    rows = store.list_history(looking.connection, looking.find(booking_id).id)
    return HistoryAnswer(
        history=[
            HappenedAnswer(
                at=at.astimezone(UTC),
                leg=leg,
                what=what,
                before=before and State(before),
                after=after and State(after),
                by=by,
                details=details,
            )
            for at, leg, what, before, after, by, details in rows
        ]
    )


@router.get("/bookings", responses=problems(400, 401, 403, 422, 503))
def list_bookings(
    *,
    supply: CurrentSupply,
    session: Database,
    person: Annotated[Person, Depends(require(Role.TRAVELLER, *READERS))],
    q: Annotated[
        str | None, Query(max_length=100, description="Staff: a reference, a telephone number, or part of a name")
    ] = None,
    after: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> BookingsAnswer:
    """List one's own bookings, or as staff those of a reference, a telephone number or a name."""
    wanted: dict[str, Any] = {"account": person.user}
    if person.role is not Role.TRAVELLER:
        wanted = _read_search(q)
    elif q is not None:
        raise Forbidden("only the desk searches the bookings of others; leave out `q`", code="role_required")
    connection = driver(session)
    before = None if after is None else _read_cursor(after)
    found = store.list_bookings(connection, **wanted, before=before, limit=limit + 1)
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return BookingsAnswer(
        bookings=[write_booking(supply, one, contact=True) for one in shown],
        next=f"{last.created_at.astimezone(UTC).isoformat()}/{last.id}" if last else None,
    )


def _read_search(q: str | None) -> dict[str, str]:
    text = (q or "").strip().replace("\0", "")
    if not text:
        return {}
    if len(text) == REFERENCE and all(letter in ALPHABET for letter in text.upper()):
        return {"reference": text.upper()}
    if sum(letter.isdigit() for letter in text) >= REFERENCE:
        return {"phone": read_phone(text)}
    return {"name": text}


def _read_cursor(text: str) -> tuple[datetime, str]:
    at, _, id_ = text.partition("/")
    try:
        made = datetime.fromisoformat(at)
    except ValueError:
        made = None
    if made is None or made.tzinfo is None or "\0" in id_:
        raise InvalidInput(f"{text[:80]!r} is no cursor; begin again without `after`", code="invalid_cursor")
    return made, id_


# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/legs/{leg_id}/state", responses=REFUSALS)
def move(
    *,
    once: Once,
    guard: Annotated[Person, Depends(require(Role.DRIVER, Role.DISPATCHER, Role.DESK))],
    leg_id: LegId,
    body: StateBody,
) -> BookingAnswer:
    """Say what has become of a ride: the driver of its vehicle, or staff; said twice, nothing changes."""
    read_instant(body.at, "at")

    def work() -> BookingAnswer:
        actor = Actor(guard.user, guard.role)
        moved = Progress(once.session, once.supply, actor, once.now).move(leg_id, State(body.state), body.at)
        return write_booking(once.supply, moved)

    return once.once(BookingAnswer, body, work)


# ── what could not be booked ──────────────────────────────────────────────────────────────────────────────────────────


@router.get("/refusals", responses=problems(400, 401, 403, 422, 503))
def list_refusals(
    *,
    session: Database,
    _person: Annotated[Person, Depends(require(*READERS))],
    since: Annotated[date, Query(description="First day, UTC")],
    until: Annotated[date, Query(description="Last day, UTC")],
) -> RefusalsAnswer:
    """Count the requests that could not be served, by day, service and reason; nobody's name is known."""
    rows = store.count_refusals(driver(session), since, until)
    return RefusalsAnswer(
        refusals=[
            RefusalAnswer(day=day, service_id=service, reason=reason, requests=requests, persons=persons)
            for day, service, reason, requests, persons in rows
        ]
    )


# ── absences ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/absences", responses=problems(400, 401, 403, 422, 503))
def list_absences(
    *,
    request: Request,
    supply: CurrentSupply,
    session: Database,
    now: Now,
    person: Annotated[Person, Depends(require(Role.TRAVELLER, *READERS))],
    phone: Annotated[str | None, Query(max_length=50, description="Staff: whose")] = None,
    email: Annotated[str | None, Query(max_length=300, description="Staff: whose")] = None,
    account: Annotated[str | None, Query(max_length=200, description="Staff: whose")] = None,
) -> AbsencesAnswer:
    """Show which rides somebody missed, and which services they can book by telephone only."""
    if person.role is Role.TRAVELLER:
        who = conduct.identify(request.app.state.token_key, None, person.user)
    else:
        if not (phone or email or account):
            raise InvalidInput("say whose: `phone`, `email` or `account`", code="invalid_contact")
        contact = conduct.read_contact("-", phone, email, "fr") if phone or email else None
        who = conduct.identify(request.app.state.token_key, contact, account)
    connection = driver(session)
    found = conduct.list_absences(connection, who, now - conduct.KEPT)
    suspended = {}
    for id_ in {one.service for one in found}:
        service = supply.catalogue.find(id_)
        until = service and conduct.suspended_until(connection, service, who, now)
        if until:
            suspended[id_] = until
    return AbsencesAnswer(
        absences=[
            AbsenceAnswer(
                leg=one.leg,
                reference=one.reference,
                service_id=one.service,
                at=one.at,
                counts_until=one.counts_until,
                pardoned_by=one.pardoned_by,
                pardoned_at=one.pardoned_at,
                pardon=one.pardon,
            )
            for one in found
        ],
        suspended=suspended,
    )


@router.post("/absences/{leg_id}/pardon", status_code=204, responses=problems(401, 403, 404, 409, 422, 503))
def pardon(
    *, once: Once, guard: Annotated[Person, Depends(require(*READERS))], leg_id: LegId, body: PardonBody
) -> None:
    """Let an absence count no more, and ask for no penalty: the desk has heard an appeal."""
    with recording(once.request, once.session, once.supply, once.now):
        once.bookings_of(guard).pardon(leg_id, body.reason)
