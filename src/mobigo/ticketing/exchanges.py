"""Exchanges: parts of an issued order put towards a new one; both happen when the new one is issued, or neither.

While the new order is held and paid, the tickets given for it are blocked; when it ends unpaid they are good again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.ticketing import books, refunds, store
from mobigo.ticketing.model import PartState
from mobigo.ticketing.refunds import Quoted
from mobigo.tickets import service as tickets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.ticketing.model import Contact, Offer, Order
    from mobigo.ticketing.service import Orders


def begin(
    orders: Orders,
    order: Order,
    quoted: Sequence[Quoted],
    offers: Sequence[Offer],
    contact: Contact | None,
) -> Order:
    """Hold a new order for which parts of an issued one are given; return the new one."""
    credit = sum(one.cents for one in quoted)
    made = orders.hold(offers, contact or order.contact, order.channel, exchanges=order.id, credit=credit)
    store.set_swaps(driver(orders.session), made.id, {one.part.id: one.cents for one in quoted})
    orders.move_parts([one.part for one in quoted], PartState.EXCHANGE_ONGOING)
    for one in quoted:
        if one.part.ticket is not None:
            tickets.block(orders.session, one.part.ticket, why="being exchanged", now=orders.now)
    orders.note(order, "exchange", details={"for": made.reference, "credit": credit})
    return orders.get(made.id)


def undo(orders: Orders, made: Order) -> None:
    """Let the parts be good again that were given for an order that ended unpaid, or could not be issued."""
    found = _find(orders, made)
    if found is None:
        return
    order, quoted = found
    ongoing = [one.part for one in quoted if one.part.state is PartState.EXCHANGE_ONGOING]
    orders.move_parts(ongoing, PartState.FULFILLED)
    for part in ongoing:
        if part.ticket is not None:
            tickets.unblock(orders.session, part.ticket, why="not exchanged", now=orders.now)
    orders.note(order, "exchange_undone", details={"for": made.reference})


def finish(orders: Orders, made: Order) -> list[str]:
    """Take the parts back that were given for an order that is being issued.

    Returns
    -------
    list of str
        Refunds of payments for what they were worth more, to be carried out after the commit.
    """
    found = _find(orders, made)
    if found is None:
        return []
    order, quoted = found
    by, now = orders.buyer.name, orders.now
    refunds.give_back(orders, order, quoted, towards=books.PREPAID)
    orders.move_parts([one.part for one in quoted], PartState.EXCHANGED)
    books.move_over(orders.session, order, made, made.credit, by=by, at=now)
    over = max(0, made.credit - made.cents)
    if not over:
        return []
    books.give_up(orders.session, made, over, key="exchange_surplus", by=by, at=now)
    back, _ = refunds.pay_back(orders, made, over)
    return back


def _find(orders: Orders, made: Order) -> tuple[Order, list[Quoted]] | None:
    if made.exchanges is None:
        return None
    order = store.get_order(driver(orders.session), made.exchanges)
    swaps = store.find_swaps(driver(orders.session), made.id)
    quoted = [
        Quoted(part, swaps[part.id], part.cents - swaps[part.id], "exchange")
        for part in order.parts
        if part.id in swaps
    ]
    return order, quoted
