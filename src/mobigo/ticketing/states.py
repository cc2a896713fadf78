"""What may become of an order and its parts: the tables of lawful moves, and nothing else is one.

The database knows the same ones. A step may be taken again after a crash; an order that is paid ends issued or
compensated, whatever happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.kit.errors import Conflict
from mobigo.ticketing.model import OrderState, PartState

if TYPE_CHECKING:
    from enum import StrEnum

MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.HELD: frozenset({OrderState.PAYING, OrderState.PAID, OrderState.CANCELLED, OrderState.EXPIRED}),
    OrderState.PAYING: frozenset({OrderState.HELD, OrderState.PAID, OrderState.CANCELLED, OrderState.EXPIRED}),
    OrderState.PAID: frozenset({OrderState.ISSUED, OrderState.COMPENSATING}),
    OrderState.COMPENSATING: frozenset({OrderState.COMPENSATED}),
    OrderState.CANCELLED: frozenset({OrderState.COMPENSATING}),
    OrderState.EXPIRED: frozenset({OrderState.COMPENSATING}),
    OrderState.ISSUED: frozenset({OrderState.ENDED}),
    OrderState.ENDED: frozenset(),
    OrderState.COMPENSATED: frozenset(),
}
"""Of orders, by state: those that may follow. Money that comes too late for one that has ended goes back."""

PART_MOVES: dict[PartState, frozenset[PartState]] = {
    PartState.ON_HOLD: frozenset({PartState.CONFIRMED, PartState.RELEASED}),
    PartState.CONFIRMED: frozenset({PartState.FULFILLED, PartState.ERROR}),
    PartState.FULFILLED: frozenset(
        {PartState.REFUND_ONGOING, PartState.REFUNDED, PartState.EXCHANGE_ONGOING, PartState.EXCHANGED}
    ),
    PartState.REFUND_ONGOING: frozenset({PartState.REFUNDED}),
    PartState.EXCHANGE_ONGOING: frozenset({PartState.EXCHANGED, PartState.FULFILLED}),
    PartState.RELEASED: frozenset(),
    PartState.REFUNDED: frozenset(),
    PartState.EXCHANGED: frozenset(),
    PartState.ERROR: frozenset(),
}
"""Of parts, by state: those that may follow."""

UNPAID = frozenset({OrderState.HELD, OrderState.PAYING})


def check(order: str, before: OrderState, after: OrderState) -> None:
    """Refuse a move of an order that is not in the table.

    Raises
    ------
    Conflict
        ``unlawful_move``; the sentence lists what may follow.
    """
    _check("order", order, before, after, MOVES[before])


def check_part(part: str, before: PartState, after: PartState) -> None:
    """Refuse a move of a part that is not in the table, likewise."""
    _check("part", part, before, after, PART_MOVES[before])


def _check(what: str, id_: str, before: StrEnum, after: StrEnum, lawful: frozenset[StrEnum]) -> None:
    if after in lawful:
        return
    may = ", ".join(sorted(lawful)) or "nothing: that is its end"
    raise Conflict(f"{what} {id_} is {before} and cannot become {after}; it can become {may}", code="unlawful_move")
