"""A traveller's own page: tickets, orders, season tickets, bank cards with what their days came to; without JavaScript.

It shows what ``/v1/travellers/me`` answers, and does what one may do there with a form.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session

from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.fares import service as fares
from mobigo.fares.shelf import open_shelf
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.ticketing import account, account_store, passes, store
from mobigo.ticketing import account_api as api
from mobigo.ticketing.asking import counter_of
from mobigo.ticketing.passes import AGAIN_AND_AGAIN
from mobigo.ticketing.taps_service import FRANCE
from mobigo.tickets import service as tickets
from mobigo.tickets.api import write
from mobigo.tickets.model import TicketState
from mobigo.web import words
from mobigo.web.fares import money_in
from mobigo.web.forms import Form
from mobigo.web.html import READ, page
from mobigo.web.signin import admit

router = APIRouter(include_in_schema=False)

Traveller = Annotated[Person, Depends(admit(Role.TRAVELLER))]

MOST_ORDERS = 20
"""Shown; the API lists all."""

GONE = frozenset({TicketState.VOID})
"""Of tickets that are not shown any more."""

AFTER = {"active": ("paused", "ended"), "paused": ("active", "ended"), "failed": ("active", "ended")}
"""What one may do with a season ticket, by its state."""

TRIAL = "pm_card_visa"
"""The embedded provider's word for a card that is paid."""


@router.api_route("/account", methods=READ)
def show_account(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Traveller,
    problem: Annotated[str, Query(pattern=r"^[a-z_]{0,60}$")] = "",
    done: Annotated[str, Query(pattern=r"^[a-z_]{0,20}$")] = "",
) -> Response:
    """Show somebody what is theirs."""
    speak = words.choose(request)
    own = [one for one in tickets.list_by_account(session, person.user) if one.state not in GONE]
    cards = api.list_cards(session=session, asking=person).cards
    shelf = open_shelf(fares.list_in_force(driver(session), now.astimezone(FRANCE).date()))
    products = () if shelf is None else shelf.books[0].catalogue.products
    names = {one.id: one.name.of(speak.language) for one in products}
    answer = page(
        request,
        "account.html",
        speak,
        person=person,
        profile=account_store.find_traveller(driver(session), person.user),
        problem=(speak.find(f"error.{problem}") or speak("account.failed")) if problem else "",
        done=speak.find(f"account.done.{done}") if done else None,
        tickets=[
            (told, told.name[speak.language], told.valid_until is not None and told.valid_until <= now)
            for told in (write(session, one) for one in own)
        ],
        orders=store.list_orders(driver(session), person.user, None, MOST_ORDERS),
        seasons=api.list_season_tickets(session=session, asking=person).season_tickets,
        after=AFTER,
        names=names,
        on_sale=[(one.id, names[one.id]) for one in products if one.kind in AGAIN_AND_AGAIN],
        cards=[
            (card, api.list_card_rides(session=session, now=now, asking=person, id=card.id).rides) for card in cards
        ],
        money=money_in(speak, "EUR"),
        zone=FRANCE,
    )
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@router.post("/account/profile")
def tell_about_oneself(*, request: Request, session: Database, now: Now, person: Traveller, form: Form) -> Response:
    """Keep a name and a way to be reached."""

    def tell() -> object:
        try:
            body = api.ProfileBody(
                name=form.get("name"),
                email=form.get("email") or None,
                phone=form.get("phone") or None,
                language="en" if words.choose(request).language == "en" else "fr",
            )
        except ValidationError as error:
            raise InvalidInput(
                "a name, an e-mail address or a number cannot be read", code="invalid_contact"
            ) from error
        known = account_store.find_traveller(driver(session), person.user)
        return api.write_traveller(
            session=session, now=now, asking=person, body=body.model_copy(update={"born": known and known.born})
        )

    return _do(session, tell, "profile")


@router.post("/account/tickets/{id}/lost")
def lose_ticket(*, session: Database, now: Now, person: Traveller, id: api.TicketId) -> Response:  # noqa: A002 - as in the API
    """Give a lost ticket anew."""
    return _do(session, lambda: api.replace_lost_ticket(session=session, now=now, asking=person, id=id), "lost")


@router.post("/account/season-tickets")
def begin_season(*, request: Request, now: Now, person: Traveller, form: Form) -> Response:
    """Have a pass bought again and again; in trials by the embedded provider's card, where none is known."""
    with Session(request.app.state.engine) as session:

        def begin() -> object:
            counter = counter_of(request)
            if not counter.provider.is_real and account_store.find_method(driver(session), person.user) is None:
                account.keep_method(session, request.app.state.cards_key, person.user, TRIAL, None)
                session.commit()
            body = api.SeasonBody(product=form.get("product", long=100) or "none")
            return api.begin_season_ticket(request=request, now=now, asking=person, body=body)

        return _do(session, begin, "begun")


@router.post("/account/season-tickets/{id}")
def move_season(
    *,
    session: Database,
    now: Now,
    person: Traveller,
    id: api.SeasonId,  # noqa: A002 - as in the API
    form: Form,
) -> Response:
    """Pause, resume or end a season ticket."""
    return _do(session, lambda: passes.move(session, person.user, id, form.get("state", long=20), now), "moved")


@router.post("/account/cards")
def link_bank_card(*, session: Database, now: Now, person: Traveller, form: Form) -> Response:
    """Link the card of a charge that is on one's bank statement."""
    charge = form.get("charge", long=40).upper().replace(" ", "")
    return _do(session, lambda: account.link_card(session, person.user, charge, now), "linked")


@router.post("/account/cards/{id}/unlink")
def unlink_bank_card(*, session: Database, person: Traveller, id: api.CardId) -> Response:  # noqa: A002 - as in the API
    """Link a card no longer."""
    return _do(session, lambda: account.unlink_card(session, person.user, id), "unlinked")


def _do(session: Session, deed: Callable[[], object], done: str) -> Response:
    """Do something, and go back to the page, which says so; of what cannot be done nothing is kept."""
    try:
        deed()
    except MobigoError as problem:
        session.rollback()
        return RedirectResponse(f"/account?problem={problem.code}", 303)
    return RedirectResponse(f"/account?done={done}", 303)
