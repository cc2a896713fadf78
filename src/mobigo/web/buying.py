"""Buying a journey's tickets on pages: what they cost, one form, the order with its tickets; without an account.

Everything is posted, works without scripts and goes through the API of orders. Whoever has the address of an order may
see it and give it back, as with a ticket: it cannot be guessed. A real provider's card form is its own script, so pages
take payments with the embedded provider only.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from mobigo.db.session import Database, driver
from mobigo.fares.model import RideKind
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound, Refused
from mobigo.kit.requests import Now
from mobigo.payments.sandbox import Sandbox
from mobigo.ticketing import after_api, orders_api, store
from mobigo.ticketing.answers import ContactBody, OffersAnswer, OffersBody, OrderBody, TravellerBody
from mobigo.ticketing.asking import counter_of
from mobigo.ticketing.model import OrderState
from mobigo.ticketing.service import Buyer
from mobigo.web import words
from mobigo.web.fares import money_in
from mobigo.web.forms import Fields, Form
from mobigo.web.html import READ, page
from mobigo.web.signin import check_origin

router = APIRouter(include_in_schema=False)

LONG = 100_000
"""Characters of offers and quotes."""

TRIAL = "pm_card_visa"
"""What pages pay with."""

UNDECIDED = frozenset({OrderState.HELD, OrderState.PAYING, OrderState.PAID, OrderState.COMPENSATING})


def check_trial(request: Request) -> None:
    """Let through only where no money moves, and only what our own pages send.

    Raises
    ------
    Refused
        ``payment_refused``.
    """
    if request.method not in READ:
        check_origin(request)
    if not isinstance(counter_of(request).provider, Sandbox):
        raise Refused("pages take no payments by this provider; buy in the application", code="payment_refused")


Trial = Annotated[None, Depends(check_trial)]


@router.post("/buy")
def offer(*, request: Request, session: Database, now: Now, form: Form, _trial: Trial) -> Response:
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
def buy(*, request: Request, session: Database, now: Now, form: Form, _trial: Trial) -> Response:
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
    _pay(request, order.id, now)
    return RedirectResponse(f"/orders/{order.id}", 303)


def _read_contact(request: Request, form: Fields) -> ContactBody | None:
    values = {name: form.get(name, long=300) for name in ("name", "phone", "email")}
    if not any(values.values()):
        return None
    language: Any = "en" if words.choose(request).language == "en" else "fr"
    return ContactBody(
        name=values["name"], phone=values["phone"] or None, email=values["email"] or None, language=language
    )


def _pay(request: Request, order: str, now: Any) -> None:  # noqa: ANN401 - an instant
    """Pay with the trial's card; an order that is paid, or over, stays as it is."""
    counter = counter_of(request)
    try:
        with Session(counter.engine) as session, session.begin():
            payment = counter.begin_payment(session, order, Buyer(), now, method=TRIAL)
        counter.finish_payment(order, payment, Buyer(), now)
    except MobigoError:
        return  # the order's page says how it stands


@router.api_route("/orders/{order_id}", methods=READ)
def show_order(*, request: Request, session: Database, order_id: str) -> Response:
    """Show an order with its tickets to whoever has its address."""
    speak = words.choose(request)
    try:
        found = store.get_order(driver(session), order_id.replace("\0", ""))
    except NotFound:
        found = None
    if found is None or found.account is not None:
        return _page(request, "order.html", status=404, order=None)
    answer = orders_api.answer_order(session, found)
    good = [part for part in answer.parts if part.status == "FULFILLED"]
    return _page(
        request,
        "order.html",
        order=answer,
        money=money_in(speak, answer.currency),
        waits=answer.state in UNDECIDED,
        good=good,
        refused=request.query_params.get("problem", "")[:300],
    )


@router.post("/orders/{order_id}/refund")
def give_back(*, request: Request, session: Database, now: Now, order_id: str, form: Form, _trial: Trial) -> Response:
    """Give an order's tickets back, as far as their conditions allow."""
    wanted = [form.get("part")] if form.get("part") else None
    try:
        quoted = after_api.quote_refund(
            request=request,
            session=session,
            now=now,
            buyer=Buyer(),
            order_id=order_id,
            body=after_api.QuoteBody(parts=wanted),
        )
        session.commit()
        after_api.refund_order(
            request=request,
            response=Response(),
            now=now,
            buyer=Buyer(),
            order_id=order_id,
            body=after_api.RefundBody(quote=quoted.quote),
        )
    except MobigoError as error:
        session.rollback()
        return RedirectResponse(f"/orders/{order_id}?problem={error.code}", 303)
    return RedirectResponse(f"/orders/{order_id}", 303)


def _say(request: Request, error: MobigoError | ValidationError) -> str:
    speak = words.choose(request)
    if isinstance(error, ValidationError):
        return speak("book.incomplete")
    return speak.find(f"error.{error.code}") or str(error)


def _page(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    answer = page(request, template, words.choose(request), status=status, **values)
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer
