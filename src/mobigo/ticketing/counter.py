"""Where orders are paid, issued and made good: each step in a transaction of its own, to be taken up by anybody.

========================================  ===========================================================================
on record                                 killed there, it goes on so
========================================  ===========================================================================
order held                                it expires, its places are free
paying, payment intended or open          the worker asks the provider, or calls the payment off when its time is over
payment succeeded, order paid (one step)  the worker issues it
issued (one step: tickets, bookings,      nothing is left to do
ledger, history)
cannot be issued: compensating, refunds   the worker carries the refunds out
written (one step)
refunds decided                           compensated
========================================  ===========================================================================

Money that comes twice, or for an order that has ended, goes back the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from mobigo.carpool.model import BookingState
from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.model import RideKind
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, MobigoError, NotFound, Refused
from mobigo.ondemand import conduct
from mobigo.ondemand.service import Bookings
from mobigo.payments import service as payments
from mobigo.payments import store as payments_store
from mobigo.payments.model import Payment, PaymentState, RefundState, What
from mobigo.payments.sandbox import Sandbox
from mobigo.payments.service import Payments
from mobigo.ticketing import books, covers, exchanges, refunds, store
from mobigo.ticketing.issuing import find_earning, find_sold, find_split, want_ticket
from mobigo.ticketing.model import OrderState, PartKind, PartState
from mobigo.ticketing.service import NOBODY, Orders
from mobigo.ticketing.states import UNPAID
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Engine

    from mobigo.payments.model import Happening
    from mobigo.payments.provider import Provider
    from mobigo.ticketing.model import Order
    from mobigo.ticketing.service import Buyer, Places

log = structlog.get_logger()

TRIES = 6
"""At issuing an order that fails for a reason of ours, before its money goes back."""

PAUSE = timedelta(seconds=30)
"""Before the second try; doubled before each further one."""

BATCH = 200
"""Orders that are taken up at once."""

CALLED_OFF = timedelta(days=7)
"""After its arrival, a place in a car may still be found not to have been ridden."""

FEW = 5
"""Orders that are issued by the way."""

PURPOSE = "order"
"""Of payments for orders."""

REFUSALS = (InvalidInput, NotFound, Conflict, Refused, Forbidden)
"""Ways in which issuing fails for good."""


@dataclass(frozen=True)
class Counter:
    """Sells orders.

    Parameters
    ----------
    engine : Engine
        Where each step opens its own transaction.
    provider : Provider
    find_places : callable
        What books rides, as it is now.
    others : mapping
        By purpose, what follows from payments that are not for orders.
    """

    engine: Engine
    provider: Provider
    find_places: Callable[[], Places]
    others: Mapping[str, Callable[[Happening], None]] = field(default_factory=dict)

    @property
    def payments(self) -> Payments:
        """Payments, with what follows from them."""
        return Payments(self.engine, self.provider, {PURPOSE: self.follow, **self.others})

    # ── paying ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin_payment(
        self,
        session: Session,
        id_: str,
        buyer: Buyer,
        now: datetime,
        *,
        method: str | None = None,
        customer: str | None = None,
        off_session: bool = False,
        back: str | None = None,
    ) -> Payment | None:
        """Write down that an order is being paid, in the caller's transaction; `finish_payment` after the commit.

        Parameters
        ----------
        back : str, optional
            Where the payer comes back to from the provider's own page.

        Returns
        -------
        Payment
            None: nothing is asked for, the order is paid.

        Raises
        ------
        Conflict
            When it is paid (``order_paid``), over (``order_over``), or being paid (``payment_open``).
        """
        orders = self._orders(session, buyer, now)
        order = orders.lock(id_)
        orders.require_unpaid(order)
        if order.until <= now:
            raise Conflict(f"the time of order {order.reference} is over; order again", code="order_over")
        for one in payments_store.list_payments(driver(session), PURPOSE, id_):
            if one.state in (PaymentState.INTENDED, PaymentState.OPEN):
                raise Conflict(
                    f"order {order.reference} is being paid by {one.id}; finish that payment, or wait for its end",
                    code="payment_open",
                    members={"payment": one.id},
                )
        if not order.due:
            self._take_as_paid(orders, order)
            return None
        payment = payments.intend(
            session,
            self.provider,
            purpose=PURPOSE,
            reference=order.id,
            cents=order.due,
            currency=order.currency,
            until=order.until,
            now=now,
            method=method,
            customer=customer,
            off_session=off_session,
            back=back,
        )
        orders.move(order, OrderState.PAYING, next_at=order.until)
        orders.note(order, "payment", details={"payment": payment.id, "cents": payment.cents})
        return payment

    def take_cash(self, session: Session, id_: str, buyer: Buyer, now: datetime) -> Order:
        """Take an order's price at a desk, in the caller's transaction; `finish_payment` after the commit."""
        orders = self._orders(session, buyer, now)
        order = orders.lock(id_)
        orders.require_unpaid(order)
        if order.state is not OrderState.HELD or order.until <= now:
            raise Conflict(
                f"order {order.reference} is being paid otherwise, or its time is over; order again",
                code="payment_open",
            )
        due = order.due
        store.set_paid_at_desk(driver(session), order.id, due, "desk")
        order = orders.get(order.id)
        books.receive(session, order, due, books.TILL, key="cash", by=buyer.name, at=now)
        return self._take_as_paid(orders, order)

    def _take_as_paid(self, orders: Orders, order: Order) -> Order:
        orders.move_parts([part for part in order.parts if part.state is PartState.ON_HOLD], PartState.CONFIRMED)
        return orders.move(order, OrderState.PAID, next_at=orders.now)

    def finish_payment(self, id_: str, payment: Payment | None, buyer: Buyer, now: datetime) -> Order:
        """Carry a payment out as far as it goes, and issue the order if it is paid then."""
        if payment is not None:
            self.payments.carry_out(payment.id, now)
        return self.issue_if_paid(id_, buyer, now)

    def look_at_payments(self, id_: str, buyer: Buyer, now: datetime) -> Order:
        """Ask the provider what has become of an order's open payments: the payer is back from its page."""
        with Session(self.engine) as session:
            order = self._orders(session, buyer, now).get(id_)
            known = list_payments(session, order)
        for one in known:
            if one.state is PaymentState.OPEN:
                self.payments.carry_out(one.id, now)
        return self.issue_if_paid(id_, buyer, now)

    def issue_if_paid(self, id_: str, buyer: Buyer, now: datetime) -> Order:
        """Issue an order that is paid; others stay as they are."""
        order = self.read(id_, buyer, now)
        return self.issue(id_, now) if order.state is OrderState.PAID else order

    def read(self, id_: str, buyer: Buyer, now: datetime) -> Order:
        """Return an order as it is."""
        with Session(self.engine) as session:
            return self._orders(session, buyer, now).get(id_)

    def cancel(self, id_: str, buyer: Buyer, now: datetime) -> Order:
        """Give an order up that is not paid; a payment under way is called off first.

        Raises
        ------
        Conflict
            ``order_paid`` where the money was quicker; ``payment_open`` where the provider has not decided yet.
        """
        for payment in self._call_off_payments(id_, buyer, now):
            self.payments.carry_out(payment.id, now)
        with Session(self.engine) as session, session.begin():
            orders = self._orders(session, buyer, now)
            order = orders.lock(id_)
            if order.state is OrderState.CANCELLED:
                return order
            orders.require_unpaid(order)
            if order.state is OrderState.PAYING:
                raise Conflict(
                    f"order {order.reference} is being paid just now, its bank has not decided; ask again in a minute",
                    code="payment_open",
                )
            return self._end_unpaid(orders, order, OrderState.CANCELLED)

    def _call_off_payments(self, id_: str, buyer: Buyer, now: datetime) -> list[Payment]:
        with Session(self.engine) as session, session.begin():
            order = self._orders(session, buyer, now).lock(id_)
            if order.state is not OrderState.PAYING:
                return []
            connection = driver(session)
            live = [
                one
                for one in payments_store.list_payments(connection, PURPOSE, id_)
                if one.state in (PaymentState.INTENDED, PaymentState.OPEN)
            ]
            for one in live:
                payments_store.bring_forward(connection, one.id, now)
            return live

    # ── issuing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def issue(self, id_: str, now: datetime) -> Order:
        """Issue a paid order: all of it, or its money goes back."""
        try:
            with Session(self.engine) as session, session.begin():
                orders = self._orders(session, NOBODY, now)
                order = orders.lock(id_)
                if order.state is not OrderState.PAID:
                    return order
                issued = self._issue(orders, order)
                driver(session).execute("SET CONSTRAINTS ALL IMMEDIATE")
        except REFUSALS as problem:
            log.warning("an order cannot be issued", order=id_, why=str(problem))
            return self.compensate(id_, str(problem), now)
        except Exception:  # of ours: tried again, then the money goes back
            log.exception("an order was not issued", order=id_)
            return self._try_later(id_, now)
        return issued

    def _issue(self, orders: Orders, order: Order) -> Order:
        session, now = orders.session, orders.now
        for version in sorted({part.version for part in order.parts if part.version}):
            fares.note_sold(session, version, now=now)
        self._confirm_rides(orders, order)
        sold = {part.id: find_sold(session, part) for part in order.parts}
        parts = [part for part in order.parts if part.state is PartState.CONFIRMED]
        wanted = [want_ticket(order, part, sold[part.id]) for part in parts]
        for part, ticket in zip(parts, tickets.issue(session, wanted, now=now), strict=True):
            split = find_split(order, part, sold[part.id])
            first, days = find_earning(order, part, sold[part.id], now)
            own = part.kind is PartKind.ADMISSION
            if own:
                books.sell(session, order, part, by=orders.buyer.name, at=now)
            store.set_issued(
                driver(session),
                part.id,
                ticket=ticket.id,
                split=split,
                earn_from=first if own else None,
                earn_days=days if own else None,
            )
            store.note(
                driver(session),
                order.id,
                part=part.id,
                at=now,
                what="issued",
                by=orders.buyer.name,
                moved=(part.state, PartState.FULFILLED),
                details={"ticket": ticket.id},
            )
        self._settle_rides(orders, order)
        exchanges.finish(orders, order)
        return orders.move(order, OrderState.ISSUED)

    def _confirm_rides(self, orders: Orders, order: Order) -> None:
        """Confirm the on-demand rides of an order, and look whether its places in cars are still there."""
        for ride in order.rides:
            if ride.kind == RideKind.CARPOOL and ride.booking is not None:
                seat = orders.find_seat(ride.booking)
                if seat.state is BookingState.CANCELLED:
                    raise Conflict(f"the place in car {seat.run} was cancelled before it was paid")
        if order.booking is None:
            return
        supply = orders.places.supply
        if supply is None:
            raise RuntimeError("on-demand services are not known just now")
        contact = order.contact
        who = (
            None
            if contact is None
            else conduct.read_contact(contact.name, contact.phone, contact.email, contact.language)
        )
        bookings = Bookings(orders.session, supply, orders.places.key, orders.caller_of(order), orders.now)
        bookings.confirm(order.booking, who)

    def _settle_rides(self, orders: Orders, order: Order) -> None:
        """Pay what is owed for booked rides: by their own parts, and by whatever product covers them."""
        for ride in order.rides:
            debt = orders.find_debt(ride)
            if debt is None:
                continue
            debtor, cents = debt
            for part in order.parts:
                if ride.number in part.rides and part.kind is not PartKind.ADMISSION:
                    books.pay_booking(orders.session, order, part, debtor, by=orders.buyer.name, at=orders.now)
                    cents -= part.cents
            product = next((part.product for part in order.parts if ride.number in part.rides), "held")
            if cents:
                books.cover_booking(
                    orders.session, order, cents, debtor, product, key=f"ride{ride.number}", by=orders.buyer.name,
                    at=orders.now,
                )  # fmt: skip

    def _try_later(self, id_: str, now: datetime) -> Order:
        with Session(self.engine) as session, session.begin():
            orders = self._orders(session, NOBODY, now)
            order = orders.lock(id_)
            if order.state is not OrderState.PAID:
                return order
            if order.attempts + 1 < TRIES:
                store.count_attempt(driver(session), id_, now + PAUSE * 2**order.attempts)
                return orders.get(id_)
        return self.compensate(id_, f"it failed {TRIES} times for a reason of ours", now)

    # ── making good ───────────────────────────────────────────────────────────────────────────────────────────────────

    def compensate(self, id_: str, why: str, now: datetime) -> Order:
        """Give up a paid order that cannot be issued, and give all its money back."""
        with Session(self.engine) as session, session.begin():
            orders = self._orders(session, NOBODY, now)
            order = orders.lock(id_)
            if order.state is not OrderState.PAID:
                return order
            try:
                with session.begin_nested():
                    orders.release(order)
            except MobigoError as problem:
                log.warning("places of an order were not freed", order=order.reference, why=str(problem))
            exchanges.undo(orders, order)
            orders.move_parts([part for part in order.parts if part.state is PartState.CONFIRMED], PartState.ERROR)
            order = orders.move(order, OrderState.COMPENSATING, problem=why)
            refunds = self._pay_all_back(orders, order)
        for refund in refunds:
            self.payments.carry_out_refund(refund, now)
        return self.read(id_, NOBODY, now)

    def _pay_all_back(self, orders: Orders, order: Order) -> list[str]:
        """Write down that all money of an order goes back; what a desk took it gives back."""
        session, now = orders.session, orders.now
        connection = driver(session)
        found = []
        known = payments_store.list_payments(connection, PURPOSE, order.id)
        back = {one.payment for one in payments_store.list_refunds(connection, [one.id for one in known])}
        for payment in known:
            if payment.state is PaymentState.SUCCEEDED and payment.id not in back:
                books.give_up(session, order, payment.cents, key=payment.id, by=orders.buyer.name, at=now)
                found.append(payments.pay_back(session, payment, payment.cents, reason="not_issued", now=now).id)
        if order.cash:
            books.give_up(session, order, order.cash, key="cash", by=orders.buyer.name, at=now)
            books.hand_back(session, order, order.cash, key="cash", by=orders.buyer.name, at=now)
        if not found:
            orders.move(order, OrderState.COMPENSATED, problem=order.problem)
        return found

    # ── what follows from payments ────────────────────────────────────────────────────────────────────────────────────

    def follow(self, what: Happening) -> None:
        """Do what follows from what has become of money, in the transaction that writes it down."""
        orders = self._orders(what.session, NOBODY, what.at)
        order = orders.lock(what.payment.reference)
        books.follow(order, what, by=orders.buyer.name)
        match what.what:
            case What.SUCCEEDED:
                self._take_money(orders, order, what.payment)
            case What.DECLINED | What.CANCELLED:
                orders.note(order, "payment", details={"payment": what.payment.id, "state": what.payment.state})
                self._go_back(orders, order)
            case What.REFUNDED:
                self._end_refund(orders, order, what)
            case What.DISPUTED | What.DISPUTE_LOST | What.DISPUTE_WON:
                self._follow_dispute(orders, order, what)
            case What.REFUND_FAILED | What.REFUND_RETURNED:
                assert what.refund is not None
                details = {"refund": what.refund.id, "problem": what.refund.problem}
                orders.note(order, what.what, details=details)

    def _take_money(self, orders: Orders, order: Order, payment: Payment) -> None:
        by, now = orders.buyer.name, orders.now
        books.receive(orders.session, order, payment.cents, books.PROVIDER, key=payment.id, by=by, at=now)
        orders.note(order, "paid", details={"payment": payment.id, "cents": payment.cents})
        if order.state in UNPAID:
            self._take_as_paid(orders, order)
            return
        if order.state in {OrderState.CANCELLED, OrderState.EXPIRED}:
            order = orders.move(order, OrderState.COMPENSATING, problem="paid when it was over")
        books.give_up(orders.session, order, payment.cents, key=payment.id, by=by, at=now)
        payments.pay_back(orders.session, payment, payment.cents, reason="not_issued", now=now)

    def _go_back(self, orders: Orders, order: Order) -> None:
        """Let an order be paid otherwise, or let it go where its time is over."""
        if order.state is OrderState.PAYING:
            if order.until <= orders.now:
                self._end_unpaid(orders, order, OrderState.EXPIRED)
            else:
                orders.move(order, OrderState.HELD, next_at=order.until)

    def _end_refund(self, orders: Orders, order: Order, what: Happening) -> None:
        assert what.refund is not None
        connection = driver(orders.session)
        orders.note(order, "refunded", details={"refund": what.refund.id, "cents": what.refund.cents})
        found = store.find_refunded_parts(connection, what.refund.id)
        if found is not None:
            of, parts, all_refunds = found
            if of != order.id:  # what was given for it in exchange was paid with this one
                of = orders.lock(of).id
            if all(payments_store.get_refund(connection, one).state is RefundState.SUCCEEDED for one in all_refunds):
                ended = orders.get(of)
                waiting = [part for part in ended.parts if part.id in parts and part.state is PartState.REFUND_ONGOING]
                orders.move_parts(waiting, PartState.REFUNDED)
            if of != order.id:
                self.end_if_over(orders, orders.get(of))
        self.end_if_over(orders, orders.get(order.id))

    def end_if_over(self, orders: Orders, order: Order) -> Order:
        """Move an order to its end where nothing of it is left."""
        connection = driver(orders.session)
        if order.state is OrderState.COMPENSATING:
            known = payments_store.list_payments(connection, PURPOSE, order.id)
            came = sum(one.cents for one in known if one.state is PaymentState.SUCCEEDED)
            back = payments_store.list_refunds(connection, [one.id for one in known])
            if sum(one.cents for one in back if one.state is RefundState.SUCCEEDED) == came:
                return orders.move(order, OrderState.COMPENSATED, problem=order.problem)
        over = {PartState.REFUNDED, PartState.EXCHANGED}
        gone = order.state is OrderState.ISSUED and all(part.state in over for part in order.parts)
        if gone and not refunds.list_covered(orders, order):
            return orders.move(order, OrderState.ENDED)
        return order

    def _follow_dispute(self, orders: Orders, order: Order, what: Happening) -> None:
        """Take tickets out of use whose payment is contested; give them back, or end them, when it is decided."""
        assert what.dispute is not None
        orders.note(order, what.what, details={"dispute": what.dispute.id, "cents": what.dispute.cents})
        good = [part.ticket for part in order.parts if part.state is PartState.FULFILLED and part.ticket]
        if what.what is What.DISPUTE_LOST:
            tickets.void(orders.session, good, why="payment contested", now=orders.now)
            return
        for ticket in good:
            if what.what is What.DISPUTED:
                tickets.block(orders.session, ticket, why="payment contested", now=orders.now)
            else:
                tickets.unblock(orders.session, ticket, why="payment confirmed", now=orders.now)

    def _end_unpaid(self, orders: Orders, order: Order, state: OrderState) -> Order:
        exchanges.undo(orders, order)
        return orders.end_unpaid(order, state)

    # ── what is due ───────────────────────────────────────────────────────────────────────────────────────────────────

    def tend(self, now: datetime) -> int:
        """Take up what is due: payments, refunds, events, orders to be issued or to expire."""
        done = self._deliver(now) + self.payments.tend(now)
        with Session(self.engine) as session:
            due = store.list_due(driver(session), now, BATCH)
        for id_ in due:
            try:
                self._take_up(id_, now)
            except Exception:  # one that fails must not hold up all others
                log.exception("what was due about an order failed", order=id_)
        return done + len(due) + self._give_back_called_off(now) + self._take_covers_back(now)

    def _give_back_called_off(self, now: datetime) -> int:
        """Give back what was paid for places in cars that do not come, or that were left without the order."""
        with Session(self.engine) as session:
            found = store.list_called_off(driver(session), now - CALLED_OFF, BATCH)
        for id_, parts in found:
            try:
                self._give_back(id_, parts, now)
            except Exception:  # one that fails must not hold up all others
                log.exception("a place that was called off was not paid back", order=id_)
        return len(found)

    def _take_covers_back(self, now: datetime) -> int:
        """Let products keep their revenue that paid for booked rides which were called off."""
        with Session(self.engine) as session:
            found = store.list_covered_off(driver(session), now - CALLED_OFF, BATCH)
        for id_ in found:
            try:
                with Session(self.engine) as session, session.begin():
                    orders = self._orders(session, NOBODY, now)
                    order = orders.lock(id_)
                    if covers.take_back_called_off(orders, order) and not order.parts:
                        self.end_if_over(orders, order)
            except Exception:  # one that fails must not hold up all others
                log.exception("a covered ride that was called off was not settled", order=id_)
        return len(found)

    def _give_back(self, id_: str, parts: Sequence[str], now: datetime) -> None:
        with Session(self.engine) as session, session.begin():
            orders = self._orders(session, NOBODY, now)
            order = orders.lock(id_)
            good = [one.id for one in order.parts if one.id in parts and one.state is PartState.FULFILLED]
            if not good or order.state is not OrderState.ISSUED:
                return  # somebody else was quicker
            back = refunds.confirm(orders, order, refunds.quote(orders, order, good), why="called off")
            self.end_if_over(orders, orders.get(id_))
        for one in back:
            self.payments.carry_out_refund(one, now)

    def issue_due(self, now: datetime) -> None:
        """Issue the orders that are paid: what an event has told needs no worker."""
        with Session(self.engine) as session:
            paid = store.list_paid(driver(session), now, FEW)
        for id_ in paid:
            self.issue(id_, now)

    def _deliver(self, now: datetime) -> int:
        """Have the embedded provider send its events; what is not taken now is sent again."""
        if not isinstance(self.provider, Sandbox):
            return 0
        try:
            return self.provider.deliver(now, self.payments.receive)
        except Exception:  # an event that fails must not hold up payments and orders
            log.exception("an event of the payment provider was not taken")
            return 1

    def _take_up(self, id_: str, now: datetime) -> None:
        order = self.read(id_, NOBODY, now)
        if order.state is OrderState.PAID:
            self.issue(id_, now)
            return
        for payment in self._call_off_payments(id_, NOBODY, now) if order.state is OrderState.PAYING else ():
            self.payments.carry_out(payment.id, now)
        with Session(self.engine) as session, session.begin():
            orders = self._orders(session, NOBODY, now)
            order = orders.lock(id_)
            if order.state in UNPAID and order.until <= now:
                live = {PaymentState.INTENDED, PaymentState.OPEN}
                known = payments_store.list_payments(driver(session), PURPOSE, id_)
                if any(one.state in live for one in known):
                    store.count_attempt(driver(session), id_, now + PAUSE)
                else:
                    self._end_unpaid(orders, order, OrderState.EXPIRED)

    def _orders(self, session: Session, buyer: Buyer, now: datetime) -> Orders:
        return Orders(session, self.find_places(), buyer, now)


def list_payments(session: Session, order: Order) -> Sequence[Payment]:
    """List the payments of an order, oldest first."""
    return payments_store.list_payments(driver(session), PURPOSE, order.id)
