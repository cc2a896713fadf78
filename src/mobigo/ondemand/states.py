"""What may become of a booked ride: the table of lawful moves, and nothing else is one.

A quote is not stored, so a stored ride begins as held or confirmed. A driver out of reach may report late and skip a
step (who is on board has been met), so steps of the way may be skipped forwards, never taken back, except that a ride
may be given to another vehicle until somebody is on board.
"""

from __future__ import annotations

from mobigo.kit.errors import Conflict
from mobigo.ondemand.model import State

ENDS = frozenset({State.CANCELLED_BY_USER, State.CANCELLED_BY_OPERATOR, State.FAILED})
"""How a ride may end that nobody has got on yet."""

MOVES: dict[State, frozenset[State]] = {
    State.QUOTED: frozenset({State.HELD, State.CONFIRMED}),
    State.HELD: frozenset({State.CONFIRMED}) | ENDS,
    State.CONFIRMED: frozenset({State.ASSIGNED, State.EN_ROUTE, State.ARRIVED, State.ON_BOARD}) | ENDS,
    State.ASSIGNED: frozenset({State.CONFIRMED, State.EN_ROUTE, State.ARRIVED, State.ON_BOARD}) | ENDS,
    State.EN_ROUTE: frozenset({State.CONFIRMED, State.ARRIVED, State.ON_BOARD}) | ENDS,
    State.ARRIVED: frozenset({State.CONFIRMED, State.ON_BOARD, State.NO_SHOW}) | ENDS,
    State.ON_BOARD: frozenset({State.COMPLETED, State.FAILED}),
    State.COMPLETED: frozenset(),
    State.CANCELLED_BY_USER: frozenset(),
    State.CANCELLED_BY_OPERATOR: frozenset(),
    State.NO_SHOW: frozenset(),
    State.FAILED: frozenset(),
}
"""By state: those that may follow."""

ACTIVE = frozenset(state for state, after in MOVES.items() if after) - {State.QUOTED}
"""Of rides that have places in a vehicle."""

WAITING = frozenset({State.HELD, State.CONFIRMED, State.ASSIGNED, State.EN_ROUTE, State.ARRIVED})
"""Of rides that have places and that nobody has got on yet."""

ON_THE_WAY = frozenset({State.EN_ROUTE, State.ARRIVED, State.ON_BOARD})
"""A driver is at it: its plan is not changed any more."""


def check(leg: str, before: State, after: State) -> None:
    """Refuse a move that is not in the table.

    Raises
    ------
    Conflict
        ``unlawful_move``; the sentence lists what may follow.
    """
    if after in MOVES[before]:
        return
    may = ", ".join(sorted(MOVES[before])) or "nothing: that is its end"
    raise Conflict(f"ride {leg} is {before} and cannot become {after}; it can become {may}", code="unlawful_move")
