"""Season tickets: bought again before they end, by the card that was left for it; told before, and never twice.

Each look at one is two short transactions with the payment between them. The order that is under way is written down
with the season ticket, so whoever is killed leaves nothing but an order that the next look follows.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import structlog
from sqlalchemy.orm import Session

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.catalogue import Channel, ProductKind
from mobigo.fares.shelf import open_shelf
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound, Refused
from mobigo.messages import service as messages
from mobigo.ticketing import account, account_store
from mobigo.ticketing import store as orders_store
from mobigo.ticketing.account_store import Season
from mobigo.ticketing.making import Made, Wish, offer_product
from mobigo.ticketing.model import Contact, OrderState
from mobigo.ticketing.service import Buyer, Orders
from mobigo.ticketing.taps_service import FRANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mobigo.payments.model import Payment
    from mobigo.ticketing.account_store import Traveller
    from mobigo.ticketing.counter import Counter
    from mobigo.ticketing.model import Order

log = structlog.get_logger()

AGAIN_AND_AGAIN = frozenset({ProductKind.WEEK, ProductKind.MONTH, ProductKind.YEAR})
"""Products that are bought so."""

TOLD = timedelta(days=7)
"""Before the next one begins its owner is told."""

BOUGHT = timedelta(days=3)
"""Before it begins it is bought."""

PAUSE = timedelta(minutes=10)
"""Until somebody looks whether a payment was decided."""

TRIES = 4
"""A day apart; after the last refusal it ends."""

MOVES: dict[str, frozenset[str]] = {
    "active": frozenset({"paused", "failed", "ended"}),
    "paused": frozenset({"active", "ended"}),
    "failed": frozenset({"active", "ended"}),
    "ended": frozenset(),
}
"""By state: those that may follow; the database knows the same ones."""


def begin(session: Session, who: str, *, wish: Wish, start: datetime, now: datetime) -> Season:
    """Have a product bought again and again from a day on.

    Raises
    ------
    InvalidInput
        When it cannot be offered so, its category is not proved, or nobody can be asked for money
        (``no_method``).
    Refused
        ``not_a_season_ticket``.
    """
    account.get(session, who, lock=True)
    if account_store.find_method(driver(session), who) is None:
        raise InvalidInput(
            "say first by what card it is paid: PUT /v1/travellers/me/method with the payment provider's word for it",
            code="no_method",
        )
    made = _offer(session, wish, now)
    part = made.offer.parts[0]
    _, sold = fares.get_product(session, part.version, part.product)
    if sold.kind not in AGAIN_AND_AGAIN or part.valid_until is None:
        raise Refused(
            f"{wish.product} is not bought again and again; passes of a week, month or year are",
            code="not_a_season_ticket",
        )
    account.require_category(session, who, part.category, start.astimezone(FRANCE).date(), now)
    one = Season(
        f"s{secrets.token_urlsafe(15)}",
        who,
        wish.product,
        part.category,
        wish.areas,
        "active",
        start,
        None,
        None,
        0,
        now,
        None,
        now,
    )
    account_store.write_season(driver(session), one)
    account_store.note(driver(session), one.id, now, "begun", {"product": wish.product, "from": start.isoformat()})
    return one


def get(session: Session, who: str, id_: str) -> Season:
    """Return a season ticket of somebody.

    Raises
    ------
    NotFound
        ``unknown_season_ticket``.
    """
    one = account_store.find_season(driver(session), id_, lock=True)
    if one is None or one.account != who:
        raise NotFound(f"you have no season ticket {id_[:40]!r}", code="unknown_season_ticket")
    return one


def move(session: Session, who: str, id_: str, state: str, now: datetime) -> Season:
    """Pause, resume or end a season ticket; what was bought stays good.

    Raises
    ------
    Conflict
        ``unlawful_move``.
    """
    one = get(session, who, id_)
    if state == one.state:
        return one
    if state not in MOVES[one.state]:
        may = ", ".join(sorted(MOVES[one.state])) or "nothing: that is its end"
        raise Conflict(f"season ticket {id_} is {one.state} and can become {may}", code="unlawful_move")
    active = state == "active"
    after = replace(
        one,
        state=state,
        next_at=now if active else None,
        attempts=0,
        problem=None,
        next_from=max(one.next_from, now) if active else one.next_from,
    )
    account_store.write_season(driver(session), after)
    account_store.note(driver(session), id_, now, state, {})
    return after


def _offer(session: Session, wish: Wish, now: datetime) -> Made:
    shelf = open_shelf(fares.list_in_force(driver(session), now.astimezone(FRANCE).date()))
    if shelf is None:
        raise Refused("nothing is on sale today: no catalogue of fares is in force", code="no_catalogue")
    return offer_product(shelf, wish, Channel.WEB, now)


class _Begun(NamedTuple):
    """An order that is to be paid after the commit."""

    order: Order
    buyer: Buyer
    payment: Payment | None


@dataclass(frozen=True)
class Renewals:
    """Looks at season tickets.

    Parameters
    ----------
    counter : Counter
        Where they are bought.
    key : bytes
        Of this home: opens the provider's words for cards.
    """

    counter: Counter
    key: bytes

    def look(self, id_: str, now: datetime) -> None:
        """Tell, buy or follow, as is due."""
        with Session(self.counter.engine) as session, session.begin():
            one = account_store.find_season(driver(session), id_, lock=True)
            if one is None or one.state != "active" or one.next_at is None or one.next_at > now:
                return
            if one.order is not None:
                self._follow(session, one, now)
                return
            traveller = account.get(session, one.account)
            try:
                with session.begin_nested():
                    begun = self._buy(session, one, traveller, now)
            except MobigoError as problem:
                self._fail(session, one, traveller, str(problem), now)
                return
        if begun is None:
            return
        order = self.counter.finish_payment(begun.order.id, begun.payment, begun.buyer, now)
        if order.state is OrderState.HELD:  # its bank has refused
            self.counter.cancel(order.id, begun.buyer, now)
        with Session(self.counter.engine) as session, session.begin():
            after = account_store.find_season(driver(session), id_, lock=True)
            if after is not None and after.state == "active" and after.order is not None:
                self._follow(session, after, now)

    def _buy(self, session: Session, one: Season, traveller: Traveller, now: datetime) -> _Begun | None:
        """Tell of the next ticket, and buy it when it is time."""
        connection = driver(session)
        made = _offer(session, Wish(one.product, one.category, max(one.next_from, now), one.areas), now)
        if one.told_from != one.next_from and now >= one.next_from - TOLD:
            self._tell(session, one, traveller, "pass_reminder", {"cents": made.offer.cents}, now=now)
            one = replace(one, told_from=one.next_from)
        if now < one.next_from - BOUGHT:
            due = one.next_from - (BOUGHT if one.told_from == one.next_from else TOLD)
            account_store.write_season(connection, replace(one, next_at=due))
            return None
        day = max(one.next_from, now).astimezone(FRANCE).date()
        account.require_category(session, one.account, one.category, day, now)
        method = account.open_method(session, self.key, one.account)
        if method is None:
            raise Refused("no card is known by which it could be paid", code="no_method")
        buyer = Buyer(one.account, Role.TRAVELLER)
        contact = Contact(traveller.name, traveller.phone, traveller.email, traveller.language)
        order = Orders(session, self.counter.find_places(), buyer, now).hold([made.offer], contact, Channel.WEB)
        payment = self.counter.begin_payment(
            session, order.id, buyer, now, method=method[0], customer=method[1], off_session=True
        )
        bought = replace(one, order=order.id, attempts=one.attempts + 1, next_at=now + PAUSE)
        account_store.write_season(connection, bought)
        account_store.note(connection, one.id, now, "ordered", {"order": order.reference, "cents": order.cents})
        return _Begun(order, buyer, payment)

    def _follow(self, session: Session, one: Season, now: datetime) -> None:
        """Follow the order that is under way."""
        assert one.order is not None
        connection = driver(session)
        order = orders_store.get_order(connection, one.order)
        if order.state in (OrderState.ISSUED, OrderState.ENDED):
            until = order.parts[0].valid_until
            assert until is not None
            traveller = account.get(session, one.account)
            self._tell(
                session, one, traveller, "pass_renewed", {"cents": order.cents, "reference": order.reference}, now=now
            )
            account_store.note(
                connection, one.id, now, "bought", {"order": order.reference, "until": until.isoformat()}
            )
            after = replace(one, order=None, attempts=0, problem=None, next_from=until, next_at=max(now, until - TOLD))
            account_store.write_season(connection, after)
        elif order.state in (OrderState.PAYING, OrderState.PAID, OrderState.COMPENSATING):
            account_store.write_season(connection, replace(one, next_at=now + PAUSE))
        else:
            self._fail(session, replace(one, order=None), account.get(session, one.account), _say(order), now)

    def _fail(self, session: Session, one: Season, traveller: Traveller, problem: str, now: datetime) -> None:
        """Try again tomorrow, or end it."""
        last = one.attempts >= TRIES or now > one.next_from + TRIES * timedelta(days=1)
        again = None if last else now + timedelta(days=1)
        tries = one.attempts if one.order is None and one.attempts else one.attempts + 1
        after = replace(
            one, state="failed" if last else "active", order=None, next_at=again, problem=problem[:500], attempts=tries
        )
        account_store.write_season(driver(session), after)
        account_store.note(driver(session), one.id, now, after.state if last else "refused", {"problem": problem[:500]})
        ended = {"fr": "L'abonnement est arrêté.", "en": "The pass has ended."}[traveller.language] if last else None
        self._tell(session, after, traveller, "pass_failed", {"again": again, "ended": ended}, now=now)

    def _tell(
        self,
        session: Session,
        one: Season,
        traveller: Traveller,
        what: str,
        more: Mapping[str, object],
        *,
        now: datetime,
    ) -> None:
        catalogue = fares.find_catalogue(session, now.astimezone(FRANCE).date())
        product = next((p for p in catalogue.products if p.id == one.product), None) if catalogue else None
        name = product.name.of(traveller.language) if product else one.product
        messages.send(
            session,
            what,
            account.reach(traveller),
            {"name": traveller.name, "product": name, "start": one.next_from, **more},
            key=f"season/{one.id}/{one.next_from.isoformat()}/{one.attempts}",
            about=f"traveller:{one.account}",
            now=now,
        )

    def tend(self, now: datetime, limit: int = 500) -> int:
        """Look at all season tickets that are due; return how many."""
        with Session(self.counter.engine) as session:
            due = account_store.list_due_seasons(driver(session), now, limit)
        for id_ in due:
            try:
                self.look(id_, now)
            except Exception:  # one must not hold up all others
                log.exception("a season ticket was not looked at", season=id_)
        return len(due)


def _say(order: Order) -> str:
    return order.problem or f"order {order.reference} was not paid"
