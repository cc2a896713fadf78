"""What may become of a booking and of a run: the tables of lawful moves, and nothing else is one.

Inside, the standard's states follow each other strictly. What other operators say more freely is understood at the
border, in `mobigo.carpool.standard`, and becomes one of these moves or none.
"""

from __future__ import annotations

from enum import StrEnum

from mobigo.carpool.model import BookingState, RunState
from mobigo.kit.errors import Conflict

MOVES: dict[BookingState, frozenset[BookingState]] = {
    BookingState.WAITING_CONFIRMATION: frozenset({BookingState.CONFIRMED, BookingState.CANCELLED}),
    BookingState.CONFIRMED: frozenset({BookingState.COMPLETED_PENDING_VALIDATION, BookingState.CANCELLED}),
    BookingState.COMPLETED_PENDING_VALIDATION: frozenset({BookingState.VALIDATED, BookingState.CANCELLED}),
    BookingState.VALIDATED: frozenset(),
    BookingState.CANCELLED: frozenset(),
}
"""Of bookings, by state: those that may follow."""

OPEN = frozenset({BookingState.WAITING_CONFIRMATION, BookingState.CONFIRMED})
"""Of bookings whose ride is to come or under way."""

RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.PLANNED: frozenset({RunState.DRIVING, RunState.CANCELLED}),
    RunState.DRIVING: frozenset({RunState.ENDED}),
    RunState.ENDED: frozenset(),
    RunState.CANCELLED: frozenset(),
}
"""Of runs, by state: those that may follow."""

ACTIVE = frozenset({RunState.PLANNED, RunState.DRIVING})
"""Of runs that somebody may ride in."""


class Reason(StrEnum):
    """Why a booking was cancelled."""

    PASSENGER = "passenger"
    """They cancelled it."""
    DRIVER = "driver"
    """The driver refused or cancelled it."""
    STAFF = "staff"
    OPERATOR = "operator"
    """The other operator through whom it was made."""
    RUN_CANCELLED = "run_cancelled"
    RUN_ENDED = "run_ended"
    """The driver had not answered before the run was over."""
    UNANSWERED = "unanswered"
    """The driver had not answered when the car was to be there."""
    NO_SHOW = "no_show"
    """The passenger was not at the stop."""
    NOT_DRIVEN = "not_driven"
    """The driver never set out."""
    NO_PROOF = "no_proof"
    """Nothing shows that the ride took place."""
    FINDING = "finding"
    """It was found not to have taken place as proven."""
    REPLACED = "replaced"
    """Another booking of the same passenger took its place."""


def check(booking: str, before: BookingState, after: BookingState) -> None:
    """Refuse a move of a booking that is not in the table.

    Raises
    ------
    Conflict
        ``unlawful_move``; the sentence lists what may follow.
    """
    _check("booking", booking, before, after, MOVES[before])


def check_run(run: str, before: RunState, after: RunState) -> None:
    """Refuse a move of a run that is not in the table, likewise."""
    _check("run", run, before, after, RUN_MOVES[before])


def _check(what: str, id_: str, before: StrEnum, after: StrEnum, lawful: frozenset[StrEnum]) -> None:
    if after in lawful:
        return
    may = ", ".join(sorted(lawful)) or "nothing: that is its end"
    raise Conflict(f"{what} {id_} is {before} and cannot become {after}; it can become {may}", code="unlawful_move")
