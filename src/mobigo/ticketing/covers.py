"""Booked rides that a pass pays for, once they do not take place: the pass keeps its revenue, nobody has a credit.

What leaving late or staying away costs is not covered: who does so owes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.fares.model import RideKind
from mobigo.ondemand import obligations
from mobigo.ondemand import store as ondemand_store
from mobigo.ticketing import books

if TYPE_CHECKING:
    from mobigo.ticketing.books import Cover
    from mobigo.ticketing.model import Order, Ride
    from mobigo.ticketing.service import Orders


def take_back(orders: Orders, order: Order, ride: Ride) -> None:
    """Post that no product pays for a ride any more: its order is given back."""
    for one in books.list_covers(orders.session, order):
        if one.number == ride.number:
            _take_back(orders, order, one, one.cents)


def take_back_called_off(orders: Orders, order: Order) -> bool:
    """Post that products do not pay for rides that were called off, unless another one took their place.

    Returns
    -------
    bool
        Whether no ride is left that any product pays for.
    """
    covers = [one for one in books.list_covers(orders.session, order) if one.cents]
    rides = {ride.number: ride for ride in order.rides}
    left = sum(one.cents for one in covers)
    owed = _find_fares(orders, order)
    booked = sum(one.cents for one in covers if rides[one.number].kind == RideKind.ON_DEMAND)
    for one in covers:
        ride = rides[one.number]
        if ride.kind == RideKind.ON_DEMAND:
            cents = min(one.cents, max(0, booked - owed))
            booked -= cents
        else:
            cents = one.cents if orders.is_called_off(ride) else 0
        _take_back(orders, order, one, cents)
        left -= cents
    return not left


def _find_fares(orders: Orders, order: Order) -> int:
    """Return the fares that are owed for an order's on-demand booking: of rides that are to come or were driven."""
    if order.booking is None:
        return 0
    booking = ondemand_store.get_booking(driver(orders.session), order.booking)
    return obligations.find_fares(orders.session, booking)


def _take_back(orders: Orders, order: Order, one: Cover, cents: int) -> None:
    key = f"ride{one.number}/uncovered" + (f"/{one.entries}" if one.entries > 1 else "")
    books.uncover_booking(
        orders.session, order, cents, one.debtor, one.product, key=key, by=orders.buyer.name, at=orders.now
    )
