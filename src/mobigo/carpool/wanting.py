"""Seats that somebody wants in a run, and that there are none any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.kit.errors import Conflict

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.carpool.model import Run
    from mobigo.carpool.plan import Spot


@dataclass(frozen=True)
class Wanted:
    """Seats that somebody books."""

    run: str
    board: int | Spot
    """Id of a stop of the run, or a place where it shall stop."""
    alight: int | Spot
    seats: int = 1
    note: str = ""
    ready_at: datetime | None = None
    board_by: datetime | None = None
    there_by: datetime | None = None
    cents: int | None = None
    """For all seats, as it was quoted; the fare of the day, unless told."""
    id: str | None = None
    """UUID that another operator chose."""
    foreign_passenger: str | None = None
    """Their id there, where they are of another operator."""


class PlacesGone(Conflict):
    """A run cannot take somebody any more."""

    code = "places_gone"

    def __init__(self, run: Run, wanted: Wanted) -> None:
        seats = "the seat is" if wanted.seats == 1 else f"{wanted.seats} seats are"
        super().__init__(
            f"{seats} not to be had any more in run {run.id} from there to there; take one of the alternatives,"
            " or search anew"
        )
        self.run = run
        self.wanted = wanted
