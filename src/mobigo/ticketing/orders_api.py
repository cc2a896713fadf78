"""HTTP: offers, orders and how they are paid."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy.orm import Session

from mobigo.carpool import quotes as carpool_quotes
from mobigo.carpool.alternatives import find_alternatives as find_seats
from mobigo.carpool.search_answers import ZONE, describe_offer
from mobigo.carpool.wanting import PlacesGone as SeatsGone
from mobigo.db.answers import Answers
from mobigo.db.session import Database, driver
from mobigo.fares import service as fares
from mobigo.fares.catalogue import Channel
from mobigo.fares.model import FareRide, Fellow, Held, RideKind
from mobigo.fares.shelf import Shelf, open_shelf
from mobigo.journeys.model import Realtime
from mobigo.journeys.pricing import HOME, rides_of
from mobigo.journeys.refresh import refresh
from mobigo.kit.errors import Forbidden, InvalidInput, NotFound, Refused, Unauthorised
from mobigo.kit.geo import haversine
from mobigo.kit.parameters import Cursor, link_next
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.kit.turns import Turn
from mobigo.messages.addresses import read_email, read_phone
from mobigo.ondemand import quotes as ondemand_quotes
from mobigo.ondemand.booking_api import recording as recording_rides
from mobigo.ondemand.supply import Supply
from mobigo.payments import store as payments_store
from mobigo.payments.sandbox import Sandbox
from mobigo.ticketing import offers, store
from mobigo.ticketing.answers import (
    ContactBody,
    HistoryAnswer,
    OfferAnswer,
    OffersAnswer,
    OffersBody,
    OrderAnswer,
    OrderBody,
    OrdersAnswer,
    PayBody,
    TravellerBody,
    TrialBody,
    write_history,
    write_offer,
    write_order,
)
from mobigo.ticketing.asking import (
    REPLAYED,
    TOKEN_OPTIONAL,
    Changer,
    Key,
    OrderId,
    PaymentId,
    Reader,
    counter_of,
    find_places,
    owner_of,
)
from mobigo.ticketing.counter import PURPOSE
from mobigo.ticketing.making import Made, Wish, offer_journey, offer_product
from mobigo.ticketing.model import Contact, Order
from mobigo.ticketing.service import Buyer, Orders
from mobigo.tickets import service as tickets
from mobigo.tickets.model import TicketState

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

CHANGES = problems(400, 401, 403, 404, 409, 422, 503)
READS = problems(401, 404, 422)

DEMAND, CAR = "ondemand", "carpool"

LARGEST_EVENT = 1_000_000
"""Bytes of what a payment provider tells by itself."""

Answer = TypeVar("Answer", bound=BaseModel)


# ── offers ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/offers", responses=problems(400, 401, 404, 409, 422, 503), openapi_extra=TOKEN_OPTIONAL)
def make_offers(*, request: Request, session: Database, now: Now, buyer: Reader, body: OffersBody) -> OffersAnswer:
    """Offer what a journey costs, or products by themselves; each offer is signed and good for a while."""
    shelf = open_shelf(fares.list_in_force(driver(session), now.astimezone(HOME).date()))
    if shelf is None:
        raise Refused("nothing is on sale today: no catalogue of fares is in force", code="no_catalogue")
    key: bytes = request.app.state.token_key
    made: list[Made] = []
    if body.journey is not None or body.quotes:
        made.append(_offer_journey(request, session, shelf, body, now))
    channel = Channel.DESK if buyer.staff else Channel.WEB
    for one in body.products:
        wish = Wish(one.product, one.category, one.start, tuple(one.areas), one.medium, one.number)
        if wish.start is not None and wish.start.tzinfo is None:
            raise InvalidInput("`start` needs an offset from UTC, as 2026-12-01T00:00:00+01:00", code="invalid_instant")
        made.append(offer_product(shelf, wish, channel, now))
    if not made:
        raise InvalidInput("say what to buy: `journey`, `quotes` or `products`", code="invalid_offer")
    return OffersAnswer(offers=[_write(key, one, shelf) for one in made])


def _write(key: bytes, made: Made, shelf: Shelf) -> OfferAnswer:
    return write_offer(made, offers.sign(key, made.offer), shelf)


def _offer_journey(request: Request, session: Session, shelf: Shelf, body: OffersBody, now: datetime) -> Made:
    travellers = body.travellers or [TravellerBody()]
    fellows = [_read_fellow(session, shelf, n, one) for n, one in enumerate(travellers, 1)]
    _check_holders(fellows)
    rides: list[tuple[FareRide, tuple[str, datetime] | None]] = []
    if body.journey is not None:
        network = request.app.state.networks.current()
        found = refresh(network, body.journey, now, Realtime.ON)
        rides += ((ride, None) for ride in rides_of(network, found.journey, len(fellows)))
    rides += (_read_quote(request.app.state.token_key, text, len(fellows), now) for text in body.quotes)
    rides.sort(key=lambda one: one[0].departure)
    quotes = {n: quote for n, (_, quote) in enumerate(rides) if quote is not None}
    media = frozenset(body.media) or None
    return offer_journey(shelf, [ride for ride, _ in rides], fellows, quotes, media=media, now=now)


def _read_fellow(session: Session, shelf: Shelf, number: int, body: TravellerBody) -> Fellow:
    known = {one.id for book in shelf.books for one in book.catalogue.categories}
    category = body.category or shelf.default
    if category not in known and known:
        raise InvalidInput(
            f"there is no category {category[:60]!r}; there are {', '.join(sorted(known))}", code="unknown_category"
        )
    held = tuple(_read_held(session, key) for key in dict.fromkeys(body.held))
    return Fellow(str(number), category, held)


def _check_holders(fellows: Sequence[Fellow]) -> None:
    """Refuse that two travellers have the same ticket: what is for several is shared by who has it.

    Raises
    ------
    InvalidInput
        ``ticket_held_twice``.
    """
    holders: dict[str, str] = {}
    for fellow in fellows:
        for held in fellow.held:
            other = holders.setdefault(held.id, fellow.id)
            if other != fellow.id:
                raise InvalidInput(
                    f"ticket {held.id} is named for travellers {other} and {fellow.id}; name it for the one who has it:"
                    " a carnet and a ticket for several count for the others, too",
                    code="ticket_held_twice",
                )


def _read_held(session: Session, key: str) -> Held:
    ticket = tickets.get_by_key(session, key)
    if ticket.state in {TicketState.VOID, TicketState.BLOCKED}:
        raise Refused(f"ticket {ticket.id} is {ticket.state} and pays for nothing", code="ticket_void")
    wanted = ticket.wanted
    left = max(0, wanted.rides - ticket.uses) if wanted.rides else None
    return Held(
        ticket.id, wanted.product, wanted.version, wanted.valid_from, wanted.valid_until, left, wanted.scope.areas
    )


def _read_quote(key: bytes, text: str, persons: int, now: datetime) -> tuple[FareRide, tuple[str, datetime]]:
    """Read a quote of a ride that is booked, as fares see it."""
    second = int(now.timestamp())
    try:
        one = ondemand_quotes.read(key, text, second)
    except InvalidInput:
        return _read_car_quote(key, text, persons, now)
    if one.party.persons != persons:
        raise InvalidInput(
            f"the on-demand ride is for {one.party.persons} persons, the offer for {persons}; name all in `travellers`",
            code="invalid_party",
        )
    quoted, shares = _share(one.cents, persons)
    ride = FareRide(
        RideKind.ON_DEMAND,
        "",
        one.service,
        (),
        one.origin.stop_id,
        one.destination.stop_id,
        datetime.fromtimestamp(one.pickup[0], UTC),
        datetime.fromtimestamp(one.drop_off[1], UTC),
        round(haversine(one.origin.point, one.destination.point)),
        one.service_date,
        trip=one.trip,
        quoted=quoted,
        shares=shares,
    )
    return ride, (text, datetime.fromtimestamp(min(second + ondemand_quotes.LIFE, one.bookable_until), UTC))


def _read_car_quote(key: bytes, text: str, persons: int, now: datetime) -> tuple[FareRide, tuple[str, datetime]]:
    one = carpool_quotes.read(key, text, int(now.timestamp()))
    if one.seats != persons:
        raise InvalidInput(
            f"the places in the car are {one.seats}, the travellers {persons}; name each in `travellers`",
            code="invalid_party",
        )
    quoted, shares = _share(one.cents, persons)
    departure = datetime.fromtimestamp(one.board_at, UTC)
    ride = FareRide(
        RideKind.CARPOOL,
        "",
        "carpool" if one.line is None else f"carpool:{one.line}",
        (),
        None,
        None,
        departure,
        datetime.fromtimestamp(one.alight_at, UTC),
        round(haversine(one.board.point, one.alight.point)),
        departure.astimezone(HOME).date(),
        trip=one.run,
        quoted=quoted,
        shares=shares,
    )
    return ride, (text, departure)


def _share(cents: int | None, persons: int) -> tuple[int | None, tuple[int, ...]]:
    """Divide what is paid for all: equally, the first ones a cent more."""
    each, over = divmod(cents or 0, persons)
    return each, tuple(each + (n < over) for n in range(persons)) if over else ()


# ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/orders", status_code=201, responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def make_order(
    *,
    request: Request,
    response: Response,
    _turn: Turn = None,
    session: Database,
    now: Now,
    buyer: Changer,
    body: OrderBody,
    key: Key = None,
) -> OrderAnswer:
    """Hold everything that offers promise, or nothing, until it is paid or its time is over.

    No account is needed and no name: the id of the order is the key to it. What a vehicle comes for needs a contact,
    a place in somebody's car an account.
    """
    kept = Answers(driver(session), "ticketing_answer", owner_of(buyer))
    question = f"POST /orders {body.model_dump_json()}"
    with recording(request, session, now):
        known = None if key is None else kept.claim(key, question, now)
        if known is not None:
            response.headers[REPLAYED] = "true"
            return answer_order(session, store.get_order(driver(session), known["order"]))
        orders = Orders(session, find_places(request), buyer, now)
        read = [offers.read(request.app.state.token_key, text, now) for text in body.offers]
        channel = Channel.DESK if buyer.staff else Channel.WEB
        order = orders.hold(read, read_contact(body.contact), channel)
        if key is not None:
            kept.keep(key, {"order": order.id})
    return answer_order(session, order)


@contextmanager
def recording(request: Request, session: Session, now: datetime) -> Iterator[None]:
    """Do all of something or nothing; where places are gone, others are named, each with its quote.

    The checks of the database are made here already, not only at the end.
    """
    places = find_places(request)
    try:
        with _recording_rides(request, session, places.supply, now):
            yield
    except SeatsGone as gone:
        garage = request.app.state.cars.current(places.roads)
        second = int(now.timestamp())
        gone.members = {
            "alternatives": []
            if garage is None
            else [
                describe_offer(one, places.roads, places.key, second, ZONE).model_dump(mode="json")
                for one in find_seats(garage, gone, frozenset(), now)
            ]
        }
        raise


@contextmanager
def _recording_rides(request: Request, session: Session, supply: Supply | None, now: datetime) -> Iterator[None]:
    """Do all or nothing, with on-demand services or where none are known."""
    if supply is not None:
        with recording_rides(request, session, supply, now):
            yield
        return
    with session.begin_nested():
        connection = driver(session)  # asked for inside: a savepoint is set when its connection is first used
        yield
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    driver(session).execute("SET CONSTRAINTS ALL DEFERRED")


def read_contact(body: ContactBody | None) -> Contact | None:
    """Read who buys."""
    if body is None:
        return None
    return Contact(
        " ".join(body.name.split()),
        read_phone(body.phone) if body.phone and body.phone.strip() else None,
        read_email(body.email) if body.email and body.email.strip() else None,
        body.language,
    )


def answer_order(session: Session, order: Order) -> OrderAnswer:
    """Answer an order as it is."""
    connection = driver(session)
    known = payments_store.list_payments(connection, PURPOSE, order.id)
    refunds = payments_store.list_refunds(connection, [one.id for one in known])
    issued = tickets.list_by_order(session, order.reference)
    catalogues = {
        version: fares.get_catalogue(session, version) for version in {part.version for part in order.parts} if version
    }
    return write_order(order, catalogues, issued, known, refunds)


@router.get("/orders", responses=problems(400, 401, 403, 422))
def list_orders(
    *,
    request: Request,
    response: Response,
    session: Database,
    buyer: Reader,
    reference: Annotated[
        str | None, Query(pattern=r"^[0-9A-Za-z]{6}$", description="Desk: the order that is read aloud so")
    ] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> OrdersAnswer:
    """List one's own orders, those made last first; as staff find one by its reference."""
    if not buyer.user:
        raise Unauthorised("sign in to list your orders, or look at each by its id")
    if reference is not None:
        if not buyer.staff:
            raise Forbidden("only the desk finds the orders of others; leave out `reference`", code="role_required")
        found = store.find_by_reference(driver(session), reference.upper())
        return OrdersAnswer(orders=[] if found is None else [answer_order(session, found)], next_cursor=None)
    if buyer.account is None:
        raise Forbidden("staff finds orders one by one: say the `reference`", code="role_required")
    page = store.list_orders(driver(session), buyer.account, _read_cursor(cursor), limit + 1)
    ahead = page[limit - 1].created_at.isoformat() if len(page) > limit else None
    link_next(request, response, ahead)
    return OrdersAnswer(orders=[answer_order(session, one) for one in page[:limit]], next_cursor=ahead)


def _read_cursor(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901  refused below
    if at.tzinfo is None:
        raise InvalidInput(f"{text[:80]!r} is no cursor of orders; begin again without one", code="invalid_cursor")
    return at


@router.get("/orders/{order_id}", responses=READS, openapi_extra=TOKEN_OPTIONAL)
def get_order(*, request: Request, session: Database, now: Now, buyer: Reader, order_id: OrderId) -> OrderAnswer:
    """Show an order to who has its id, or its account."""
    return answer_order(session, _orders(request, session, buyer, now).get(order_id))


@router.get("/orders/{order_id}/history", responses=READS, openapi_extra=TOKEN_OPTIONAL)
def get_order_history(
    *, request: Request, session: Database, now: Now, buyer: Reader, order_id: OrderId
) -> HistoryAnswer:
    """Show what happened to an order."""
    order = _orders(request, session, buyer, now).get(order_id)
    return write_history(store.list_history(driver(session), order.id))


def _orders(request: Request, session: Session, buyer: Buyer, now: datetime) -> Orders:
    return Orders(session, find_places(request), buyer, now)


# ── paying ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/orders/{order_id}/pay", responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def pay_order(
    *, request: Request, response: Response, now: Now, buyer: Changer, order_id: OrderId, body: PayBody, key: Key = None
) -> OrderAnswer:
    """Pay an order; what is paid is issued at once.

    A card that is declined leaves the order held: pay otherwise, until its time is over. A bank that takes its time
    leaves the order `paying`: look at it again.
    """
    if body.cash and not buyer.staff:
        raise Forbidden("only a desk takes cash", code="role_required")
    counter = counter_of(request)
    with Session(counter.engine) as session, session.begin():
        kept = Answers(driver(session), "ticketing_answer", owner_of(buyer))
        question = f"POST /orders/{order_id}/pay {body.model_dump_json()}"
        known = None if key is None else kept.claim(key, question, now)
        payment = None
        if known is not None:
            response.headers[REPLAYED] = "true"
            if known["payment"] is not None:
                payment = payments_store.get_payment(driver(session), known["payment"])
        elif body.cash:
            counter.take_cash(session, order_id, buyer, now)
        else:
            payment = counter.begin_payment(session, order_id, buyer, now, method=body.method)
        if key is not None and known is None:
            kept.keep(key, {"payment": payment and payment.id})
    order = counter.finish_payment(order_id, payment, buyer, now)
    with Session(counter.engine) as session:
        return answer_order(session, order)


@router.post("/orders/{order_id}/cancel", responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def cancel_order(*, request: Request, _turn: Turn = None, now: Now, buyer: Changer, order_id: OrderId) -> OrderAnswer:
    """Give up an order that is not paid; its places are free again."""
    counter = counter_of(request)
    order = counter.cancel(order_id, buyer, now)
    with Session(counter.engine) as session:
        return answer_order(session, order)


@router.post("/payments/{payment_id}/trial", responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def try_payment(*, request: Request, now: Now, buyer: Changer, payment_id: PaymentId, body: TrialBody) -> OrderAnswer:
    """Do what a payer does on a provider's page, with the embedded provider: choose a card, or let the bank ask."""
    counter = counter_of(request)
    if not isinstance(counter.provider, Sandbox):
        raise NotFound("payments go to a real provider here; the payer uses its page", code="unknown_payment")
    with Session(counter.engine) as session:
        payment = payments_store.get_payment(driver(session), payment_id)
        _orders(request, session, buyer, now).get(payment.reference)
    counter.provider.authenticate(payment, body.method, now)
    order = counter.finish_payment(payment.reference, payment, buyer, now)
    with Session(counter.engine) as session:
        return answer_order(session, order)


class TakenAnswer(BaseModel):
    """What was done with an event."""

    known: bool
    """It had come before."""


async def read_raw(request: Request) -> bytes:
    """Read the body as it was signed, as long as it is no larger than events are.

    Raises
    ------
    InvalidInput
        ``invalid_event``.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_EVENT:
            raise InvalidInput(f"an event has at most {LARGEST_EVENT} bytes", code="invalid_event")
    return body


@router.post("/payments/events", responses=problems(400, 401, 422))
def take_event(
    *,
    request: Request,
    now: Now,
    body: Annotated[bytes, Depends(read_raw)],
    signature: Annotated[str, Header(alias="Stripe-Signature", max_length=2_000)],
) -> TakenAnswer:
    """Take what the payment provider tells by itself, signed; told twice, it is done once."""
    counter = counter_of(request)
    known = not counter.payments.receive(body, signature, now)
    counter.issue_due(now)
    return TakenAnswer(known=known)
