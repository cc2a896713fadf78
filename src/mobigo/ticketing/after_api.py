"""HTTP: what is given back, and exchanged: quoted, then confirmed as it was quoted."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from mobigo.db.answers import Answers
from mobigo.db.session import Database, driver
from mobigo.kit.errors import Conflict, InvalidInput, Refused
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.kit.sealed import seal, unseal
from mobigo.kit.turns import Turn
from mobigo.payments import service as payments
from mobigo.payments import store as payments_store
from mobigo.payments.model import RefundState
from mobigo.ticketing import exchanges, offers, refunds, store
from mobigo.ticketing.answers import ContactBody, OrderAnswer
from mobigo.ticketing.asking import (
    REPLAYED,
    TOKEN_OPTIONAL,
    Changer,
    Key,
    OrderId,
    Seller,
    counter_of,
    find_places,
    owner_of,
)
from mobigo.ticketing.counter import PURPOSE
from mobigo.ticketing.model import Order, PartState
from mobigo.ticketing.orders_api import answer_order, read_contact, recording
from mobigo.ticketing.refunds import Left, Quoted
from mobigo.ticketing.service import Buyer, Orders

router = APIRouter(prefix="/v1/tickets", tags=["tickets"])

CHANGES = problems(400, 401, 403, 404, 409, 422, 503)

LIFE = timedelta(minutes=10)
"""A quote is good for."""

VERSION = 2
"""Of what is in a quote."""

PURPOSES = {False: b"mobigo refund quote", True: b"mobigo exchange quote"}

PartIds = Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=60)]


class QuoteBody(BaseModel):
    """What is to be given back."""

    model_config = ConfigDict(extra="forbid")

    parts: Annotated[
        PartIds | None, Field(description="Of the order; all that are good, if neither these nor `rides` are said")
    ] = None
    rides: Annotated[
        list[Annotated[int, Field(ge=0, le=1_000)]] | None,
        Field(
            min_length=1,
            max_length=60,
            description="Booked rides that something held pays for, by their place among the order's `rides`; all that"
            " are to come, if neither these nor `parts` are said. They are called off, not exchanged",
        ),
    ] = None


class RideQuoteAnswer(BaseModel):
    """A booked ride that something held pays for, and that would be called off."""

    ride: int
    owed_cents: int = Field(description="What its service asks for leaving it now; a pass does not pay for that")


class PartQuoteAnswer(BaseModel):
    """What a part would give back."""

    part: str
    product: str
    paid_cents: int
    refund_cents: int
    kept_cents: int
    why: str = Field(
        description="`in_time`: all of it; `partly`: what is unused; `fee`: less what the conditions keep;"
        " `rebate`: less what is kept was cheaper for having been bought with it;"
        " `booked_ride`: by the terms of the ride's service; `waived`: by the staff's judgement"
    )


class QuoteAnswer(BaseModel):
    """What is given back, if it is confirmed in time."""

    quote: str
    expires_at: datetime
    currency: str
    refund_cents: int
    parts: list[PartQuoteAnswer]
    rides: list[RideQuoteAnswer]


class RefundBody(BaseModel):
    """What was quoted."""

    model_config = ConfigDict(extra="forbid")

    quote: Annotated[str, Field(min_length=1, max_length=4_096)]


class WaiveBody(BaseModel):
    """What the staff gives back by its own judgement."""

    model_config = ConfigDict(extra="forbid")

    parts: PartIds | None = None
    cents: Annotated[int | None, Field(ge=1, description="Of all parts together; all that was paid, if not said")] = (
        None
    )
    why: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]


class ExchangeBody(BaseModel):
    """What was quoted, and what is wanted for it."""

    model_config = ConfigDict(extra="forbid")

    quote: Annotated[str, Field(min_length=1, max_length=4_096)]
    offers: Annotated[list[Annotated[str, Field(min_length=1, max_length=40_000)]], Field(min_length=1, max_length=10)]
    contact: ContactBody | None = None


@router.post("/orders/{order_id}/refund-quotes", responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def quote_refund(
    *, request: Request, session: Database, now: Now, buyer: Changer, order_id: OrderId, body: QuoteBody
) -> QuoteAnswer:
    """Say what is given back of an order now, or of parts of it, by its conditions of sale."""
    return _quote(request, session, buyer, now, order_id=order_id, body=body, exchange=False)


@router.post("/orders/{order_id}/exchange-quotes", responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def quote_exchange(
    *, request: Request, session: Database, now: Now, buyer: Changer, order_id: OrderId, body: QuoteBody
) -> QuoteAnswer:
    """Say what an order, or parts of it, count towards something else."""
    return _quote(request, session, buyer, now, order_id=order_id, body=body, exchange=True)


def _quote(
    request: Request,
    session: Session,
    buyer: Buyer,
    now: datetime,
    *,
    order_id: str,
    body: QuoteBody,
    exchange: bool,
) -> QuoteAnswer:
    orders = Orders(session, find_places(request), buyer, now)
    order = orders.get(order_id)
    quoted, left = _quote_again(orders, order, body.parts, body.rides, exchange=exchange)
    until = now + LIFE
    content = [VERSION, int(until.timestamp()), order.id, *_seal(quoted, left)]
    return QuoteAnswer(
        quote=seal(request.app.state.token_key, PURPOSES[exchange], content),
        expires_at=until,
        currency=order.currency,
        refund_cents=sum(one.cents for one in quoted),
        parts=[
            PartQuoteAnswer(
                part=one.part.id,
                product=one.part.product,
                paid_cents=one.part.cents,
                refund_cents=one.cents,
                kept_cents=one.kept,
                why=one.why,
            )
            for one in quoted
        ],
        rides=[RideQuoteAnswer(ride=one.ride.number, owed_cents=one.owed) for one in left],
    )


def _quote_again(
    orders: Orders, order: Order, parts: Sequence[str] | None, rides: Sequence[int] | None, *, exchange: bool
) -> tuple[list[Quoted], list[Left]]:
    """Quote parts and rides as they are now; of an order of rides only there need be no part."""
    wanted = rides is not None or parts is None
    left = refunds.quote_rides(orders, order, rides) if wanted and not exchange else []
    good = any(part.state is PartState.FULFILLED for part in order.parts)
    if parts is None and left and (rides is not None or not good):
        return [], left
    return refunds.quote(orders, order, parts, exchange=exchange), left


def _seal(quoted: Sequence[Quoted], left: Sequence[Left]) -> tuple[list[list[int]], list[list[int]]]:
    return [[one.part.number, one.cents] for one in quoted], [[one.ride.number, one.owed] for one in left]


def _read_quote(
    request: Request, orders: Orders, order_id: str, text: str, *, exchange: bool
) -> tuple[list[Quoted], list[Left]]:
    """Quote again, and refuse where it came to something else."""
    try:
        version, until, of, parts, rides = unseal(request.app.state.token_key, PURPOSES[exchange], text)
    except ValueError:
        version, until, of, parts, rides = 0, 0, "", [], []
    if version != VERSION or of != order_id:
        raise InvalidInput("the quote is not one of this order, or was changed; ask for a new one", code="forged_quote")
    if orders.now > datetime.fromtimestamp(until, UTC):
        raise Refused("the quote's time is over; ask for a new one", code="quote_expired")
    order = orders.lock(order_id)
    ids = {part.number: part.id for part in order.parts}
    named = [ids[number] for number, _ in parts] or None
    quoted, left = _quote_again(orders, order, named, [n for n, _ in rides] or None, exchange=exchange)
    if _seal(quoted, left) != (parts, rides):
        raise Conflict("what is given back has changed since it was quoted; ask for a new quote", code="quote_changed")
    return quoted, left


@router.post("/orders/{order_id}/refund", responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def refund_order(
    *,
    request: Request,
    response: Response,
    _turn: Turn = None,
    now: Now,
    buyer: Changer,
    order_id: OrderId,
    body: RefundBody,
    key: Key = None,
) -> OrderAnswer:
    """Give back what was quoted: tickets end, rides are cancelled, money goes back the way it came."""
    counter = counter_of(request)
    with Session(counter.engine) as session, session.begin():
        kept = Answers(driver(session), "ticketing_answer", owner_of(buyer))
        known = None if key is None else kept.claim(key, f"POST /orders/{order_id}/refund {body.quote}", now)
        back: list[str] = []
        if known is not None:
            response.headers[REPLAYED] = "true"
        else:
            with recording(request, session, now):
                orders = Orders(session, find_places(request), buyer, now)
                quoted, left = _read_quote(request, orders, order_id, body.quote, exchange=False)
                back = refunds.confirm(orders, orders.get(order_id), quoted, left=left, why="requested")
                counter.end_if_over(orders, orders.get(order_id))
            if key is not None:
                kept.keep(key, {"refunds": back})
    return _finish(request, order_id, back, buyer, now)


def _finish(request: Request, order_id: str, back: Sequence[str], buyer: Buyer, now: datetime) -> OrderAnswer:
    """Carry refunds out as far as they go now, and answer the order."""
    counter = counter_of(request)
    for one in back:
        counter.payments.carry_out_refund(one, now)
    with Session(counter.engine) as session:
        return answer_order(session, Orders(session, find_places(request), buyer, now).get(order_id))


@router.post("/orders/{order_id}/waive", responses=CHANGES)
def waive_order(
    *,
    request: Request,
    _seller: Seller,
    _turn: Turn = None,
    now: Now,
    buyer: Changer,
    order_id: OrderId,
    body: WaiveBody,
) -> OrderAnswer:
    """Staff: give back more than the conditions do; a desk up to 50 euros, finance any."""
    counter = counter_of(request)
    with Session(counter.engine) as session, session.begin(), recording(request, session, now):
        orders = Orders(session, find_places(request), buyer, now)
        order = orders.lock(order_id)
        quoted = refunds.waive(orders, order, body.parts, body.cents)
        back = refunds.confirm(orders, order, quoted, why=body.why)
        counter.end_if_over(orders, orders.get(order_id))
    return _finish(request, order_id, back, buyer, now)


@router.post("/orders/{order_id}/exchange", status_code=201, responses=CHANGES, openapi_extra=TOKEN_OPTIONAL)
def exchange_order(
    *,
    request: Request,
    response: Response,
    _turn: Turn = None,
    session: Database,
    now: Now,
    buyer: Changer,
    order_id: OrderId,
    body: ExchangeBody,
    key: Key = None,
) -> OrderAnswer:
    """Hold a new order for which parts of this one are given; pay the rest, and both change hands at once.

    Until then the tickets given are blocked; when the new order ends unpaid they are good again. What they were worth
    more goes back the way it came.
    """
    kept = Answers(driver(session), "ticketing_answer", owner_of(buyer))
    with recording(request, session, now):
        known = None if key is None else kept.claim(key, f"POST {order_id}/exchange {body.model_dump_json()}", now)
        if known is not None:
            response.headers[REPLAYED] = "true"
            return answer_order(session, store.get_order(driver(session), known["order"]))
        orders = Orders(session, find_places(request), buyer, now)
        quoted, _ = _read_quote(request, orders, order_id, body.quote, exchange=True)
        read = [offers.read(request.app.state.token_key, text, now) for text in body.offers]
        order = orders.get(order_id)
        made = exchanges.begin(orders, order, quoted, read, read_contact(body.contact))
        if key is not None:
            kept.keep(key, {"order": made.id})
    return answer_order(session, made)


@router.post("/orders/{order_id}/refunds/retry", responses=CHANGES)
def retry_refunds(*, request: Request, _seller: Seller, now: Now, buyer: Changer, order_id: OrderId) -> OrderAnswer:
    """Staff: send money again that a bank would not take back."""
    counter = counter_of(request)
    with Session(counter.engine) as session, session.begin():
        orders = Orders(session, find_places(request), buyer, now)
        order = orders.lock(order_id)
        connection = driver(session)
        known = payments_store.list_payments(connection, PURPOSE, order.id)
        sent = payments_store.list_refunds(connection, [one.id for one in known])
        failed = [one for one in sent if one.state is RefundState.FAILED]
        again = {one.reason for one in sent}
        back = []
        for one in failed:
            if f"again:{one.id}" in again:
                continue
            payment = next(two for two in known if two.id == one.payment)
            made = payments.pay_back(session, payment, one.cents, reason=f"again:{one.id}", now=now)
            store.replace_refund(connection, one.id, made.id)
            orders.note(order, "refund_again", details={"refund": made.id, "instead_of": one.id})
            back.append(made.id)
    return _finish(request, order_id, back, buyer, now)
