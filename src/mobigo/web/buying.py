"""Buying a journey's tickets on pages: what they cost, one form, the order with its tickets; without an account.

Everything is posted, works without scripts and goes through the API of orders. Whoever has the address of an order may
see it and give it back, as with a ticket: it cannot be guessed. With a real provider the browser is sent to the
provider's own page to pay and comes back to the order's: no script of others runs in ours.
"""

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from mobigo.db.session import Database, driver
from mobigo.fares.model import RideKind
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound
from mobigo.kit.requests import Now
from mobigo.payments.model import Payment, PaymentState
from mobigo.payments.sandbox import Sandbox
from mobigo.payments.stripe import PAGE
from mobigo.ticketing import after_api, orders_api, refunds, store
from mobigo.ticketing.answers import ContactBody, OffersAnswer, OffersBody, OrderBody, TravellerBody
from mobigo.ticketing.asking import counter_of, find_places
from mobigo.ticketing.counter import list_payments
from mobigo.ticketing.model import Order, OrderState
from mobigo.ticketing.service import Buyer, Orders
from mobigo.ticketing.states import UNPAID
from mobigo.tickets.railway import LOCAL
from mobigo.web import words
from mobigo.web.fares import money_in
from mobigo.web.forms import Fields, Form
from mobigo.web.html import READ, page
from mobigo.web.signin import check_origin

router = APIRouter(include_in_schema=False)

LONG = 100_000
"""Characters of offers and quotes."""

TRIAL = "pm_card_visa"
"""What pages pay with where no money moves."""

UNDECIDED = frozenset({OrderState.HELD, OrderState.PAYING, OrderState.PAID, OrderState.COMPENSATING})


Own = Annotated[None, Depends(check_origin)]
"""Only what our own pages send."""


@router.post("/buy")
def offer(*, request: Request, session: Database, now: Now, form: Form, _own: Own) -> Response:
    """Say what a journey's tickets cost, and ask who buys them."""
    speak = words.choose(request)
    fellows = max(1, form.count("travellers", 50))
    try:
        body = OffersBody(
            journey=form.get("journey", long=LONG) or None,
            quotes=form.get("option", long=LONG).split(),
            travellers=[TravellerBody() for _ in range(fellows)],
        )
        found = orders_api.make_offers(request=request, session=session, now=now, buyer=Buyer(), body=body)
        _check_account(found)
    except (MobigoError, ValidationError) as error:
        return _page(request, "buy.html", status=422, offer=None, problem=_say(request, error))
    (one,) = found.offers
    booked = any(ride.booked for ride in one.rides)
    money = money_in(speak, one.currency)
    return _page(request, "buy.html", offer=one, money=money, booked=booked, problem="", fellows=fellows)


def _check_account(found: OffersAnswer) -> None:
    """Say before anybody types their name that a place in a car needs more than that: pages know no travellers."""
    if any(ride.booked and ride.kind == RideKind.CARPOOL for one in found.offers for ride in one.rides):
        raise InvalidInput("a place in somebody's car is booked with an account", code="sign_in_first")


@router.post("/orders")
def buy(*, request: Request, session: Database, now: Now, form: Form, _own: Own) -> Response:
    """Order what was offered, pay it, and go to the order."""
    try:
        contact = _read_contact(request, form)
        body = OrderBody(offers=[form.get("offer", long=LONG)], contact=contact)
        order = orders_api.make_order(
            request=request,
            response=Response(),
            session=session,
            now=now,
            buyer=Buyer(),
            body=body,
            key=f"page-{form.get('offer', long=LONG)[-40:]}",
        )
        session.commit()
    except (MobigoError, ValidationError) as error:
        return _page(request, "buy.html", status=409, offer=None, problem=_say(request, error))
    return RedirectResponse(_pay(request, order.id, now), 303)


def _read_contact(request: Request, form: Fields) -> ContactBody | None:
    values = {name: form.get(name, long=300) for name in ("name", "phone", "email")}
    if not any(values.values()):
        return None
    language: Any = "en" if words.choose(request).language == "en" else "fr"
    return ContactBody(
        name=values["name"], phone=values["phone"] or None, email=values["email"] or None, language=language
    )


def _pay(request: Request, order: str, now: datetime) -> str:
    """Pay with the trial's card, or begin to on the provider's page; return where the browser goes on.

    An order that is paid, being paid, or over stays as it is.
    """
    counter = counter_of(request)
    trial = isinstance(counter.provider, Sandbox)
    here = f"/orders/{order}"
    base = request.app.state.public_url or str(request.base_url).rstrip("/")
    try:
        with Session(counter.engine) as session, session.begin():
            payment = counter.begin_payment(
                session, order, Buyer(), now, method=TRIAL if trial else None, back=None if trial else base + here
            )
        counter.finish_payment(order, payment, Buyer(), now)
    except MobigoError:
        return here  # the order's page says how it stands
    with Session(counter.engine) as session:
        open_ = _find_open(session, store.get_order(driver(session), order))
    return here if open_ is None or open_.action is None else open_.action


def _find_open(session: Session, order: Order) -> Payment | None:
    """Find the payment of an order whose payer is on the provider's page, or left it."""
    known = list_payments(session, order)
    return next((one for one in known if one.state is PaymentState.OPEN and one.back is not None), None)


@router.post("/orders/{order_id}/pay")
def pay(*, request: Request, session: Database, now: Now, order_id: str, form: Form, _own: Own) -> Response:
    """Go on to the provider's page, the same as before where that is open still."""
    del form
    found = _find(session, order_id)
    if found is None:
        return _page(request, "order.html", status=404, order=None)
    begun = _find_open(session, found)
    if begun is not None and begun.action is not None:
        return RedirectResponse(begun.action, 303)
    return RedirectResponse(_pay(request, found.id, now), 303)


@router.post("/orders/{order_id}/give-up")
def give_up(*, request: Request, session: Database, now: Now, order_id: str, form: Form, _own: Own) -> Response:
    """Give up an order that is not paid."""
    del form
    found = _find(session, order_id)
    if found is None:
        return _page(request, "order.html", status=404, order=None)
    session.commit()
    try:
        counter_of(request).cancel(found.id, Buyer(), now)
    except MobigoError as error:
        return RedirectResponse(f"/orders/{found.id}?problem={error.code}", 303)
    return RedirectResponse(f"/orders/{found.id}", 303)


@router.get("/orders/{order_id}/paid")
def come_back(*, request: Request, session: Database, now: Now, order_id: str) -> Response:
    """Take somebody who comes back from the provider's page to their order; the provider is asked how it stands."""
    found = _find(session, order_id)
    if found is None:
        return _page(request, "order.html", status=404, order=None)
    session.commit()
    with suppress(MobigoError):  # the worker goes on
        counter_of(request).look_at_payments(found.id, Buyer(), now)
    return RedirectResponse(f"/orders/{found.id}?paid=1", 303)


def _find(session: Session, id_: str) -> Order | None:
    """Find an order that is seen by whoever has its address."""
    try:
        found = store.get_order(driver(session), id_.replace("\0", ""))
    except NotFound:
        return None
    return found if found.account is None else None


@router.api_route("/orders/{order_id}", methods=READ)
def show_order(*, request: Request, session: Database, now: Now, order_id: str) -> Response:
    """Show an order with its tickets to whoever has its address."""
    found = _find(session, order_id)
    if found is None:
        return _page(request, "order.html", status=404, order=None)
    return _show(request, session, found, now)


def _show(
    request: Request, session: Session, found: Order, now: datetime, asked: after_api.QuoteAnswer | None = None
) -> Response:
    """Show an order; where somebody wants to give of it back, with what comes of that."""
    speak = words.choose(request)
    answer = orders_api.answer_order(session, found)
    good = [part for part in answer.parts if part.status == "FULFILLED"]
    real = counter_of(request).provider.is_real
    confirming = bool(request.query_params.get("paid")) and found.state is OrderState.PAYING
    waiting = refunds.list_covered(Orders(session, find_places(request), Buyer(), now), found)
    return _page(
        request,
        "order.html",
        order=answer,
        money=money_in(speak, answer.currency),
        waits=answer.state in UNDECIDED,
        confirming=confirming,
        unfinished=real and found.state in UNPAID and not confirming,
        due=found.due,
        until=speak.hour(found.until.astimezone(LOCAL)),
        good=good,
        covered=[
            (ride.number, ride.departure.astimezone(LOCAL)) for ride in waiting if found.state is OrderState.ISSUED
        ],
        day=speak.day,
        hour=speak.hour,
        asked=asked,
        kept=[one for one in asked.parts if one.kept_cents] if asked else [],
        refused=request.query_params.get("problem", "")[:300],
    )


@router.post("/orders/{order_id}/refund")
def give_back(*, request: Request, session: Database, now: Now, order_id: str, form: Form, _own: Own) -> Response:
    """Say what comes of giving tickets back, as far as their conditions allow; then, confirmed, take them back."""
    found = _find(session, order_id)
    if found is None:
        return _page(request, "order.html", status=404, order=None)
    who = Buyer()
    try:
        if not form.get("quote"):
            body = after_api.QuoteBody(
                parts=[form.get("part")] if form.get("part") else None,
                rides=[form.count("ride", 1_000)] if form.get("ride") else None,
            )
            asked = after_api.quote_refund(
                request=request, session=session, now=now, buyer=who, order_id=found.id, body=body
            )
            return _show(request, session, found, now, asked)
        session.commit()
        after_api.refund_order(
            request=request,
            response=Response(),
            now=now,
            buyer=who,
            order_id=found.id,
            body=after_api.RefundBody(quote=form.get("quote", long=LONG)),
        )
    except ValidationError:
        return RedirectResponse(f"/orders/{found.id}?problem=forged_quote", 303)
    except MobigoError as error:
        session.rollback()
        return RedirectResponse(f"/orders/{found.id}?problem={error.code}", 303)
    return RedirectResponse(f"/orders/{found.id}", 303)


def _say(request: Request, error: MobigoError | ValidationError) -> str:
    speak = words.choose(request)
    if isinstance(error, ValidationError):
        return speak("book.incomplete")
    return speak.find(f"error.{error.code}") or str(error)


def _page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    answer = page(request, template, words.choose(request), status=status, **values)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    if counter_of(request).provider.is_real:  # forms of ours lead there, after the order is written down
        policy = answer.headers["Content-Security-Policy"]
        answer.headers["Content-Security-Policy"] = policy.replace("form-action 'self'", f"form-action 'self' {PAGE}")
    return answer
