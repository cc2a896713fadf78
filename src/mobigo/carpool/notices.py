"""What drivers and passengers are told about bookings; written in the transaction of it.

A passenger learns which car comes by its plate; neither learns the other's name or number here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.carpool import store
from mobigo.carpool.model import BookingState
from mobigo.carpool.states import Reason
from mobigo.db.session import driver
from mobigo.messages import service as messages
from mobigo.messages.model import Recipient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Person, Run, RunStop, Seat

REMINDER = "carpool_reminder"

REMINDED = timedelta(minutes=60)
"""Before the car comes."""

STEP = 300
"""Seconds of delay after which those who wait are told, and again after as many more."""

SOON = timedelta(hours=2)
"""Before which nobody is told of delays."""

TELLS: dict[Reason, tuple[str | None, str | None]] = {
    Reason.PASSENGER: (None, "carpool_given_up"),
    Reason.OPERATOR: (None, "carpool_given_up"),
    Reason.DRIVER: ("carpool_refused", None),
    Reason.STAFF: ("carpool_refused", "carpool_given_up"),
    Reason.RUN_CANCELLED: ("carpool_refused", None),
    Reason.RUN_ENDED: ("carpool_unanswered", None),
    Reason.UNANSWERED: ("carpool_unanswered", None),
    Reason.NOT_DRIVEN: ("carpool_refused", None),
    Reason.NO_SHOW: ("carpool_missed", None),
    Reason.REPLACED: (None, "carpool_given_up"),
}
"""By why a booking was cancelled: what the passenger is told, and the driver."""


@dataclass(frozen=True)
class Notices:
    """Tells those of a booking.

    Parameters
    ----------
    session : Session
        Of the transaction; rolled back with it.
    zone : str
        Of the times that are told.
    now : datetime
    """

    session: Session
    zone: str
    now: datetime

    def booked(self, seat: Seat, run: Run) -> None:
        """Tell the driver of a booking, and the passenger once it is confirmed."""
        if seat.state is BookingState.CONFIRMED:
            self._tell_driver("carpool_taken", seat, run)
            self.confirmed(seat, run)
        else:
            self._tell_driver("carpool_asked", seat, run)

    def confirmed(self, seat: Seat, run: Run) -> None:
        """Tell the passenger that they have a place, and remind them in time."""
        self._tell_passenger("carpool_confirmed", seat, run, plate=run.plate, cents=seat.cents)
        assert seat.board_at is not None
        due = seat.board_at - REMINDED
        if due > self.now:
            self._tell_passenger(REMINDER, seat, run, plate=run.plate, due=due, until=seat.board_at)

    def cancelled(self, seat: Seat, run: Run, reason: Reason) -> None:
        """Tell the one who did not cancel."""
        messages.cancel(self.session, about=about(seat), templates=[REMINDER], now=self.now)
        passenger, behind_wheel = TELLS.get(reason, (None, None))
        if passenger is not None:
            self._tell_passenger(passenger, seat, run)
        if behind_wheel is not None:
            self._tell_driver(behind_wheel, seat, run)

    def late(self, before: Run, run: Run, seats: Sequence[Seat]) -> None:
        """Tell those who wait for a car by how much it comes later, where that has become five minutes more."""
        step = max(0, run.delay) // STEP
        if step <= max(0, before.delay) // STEP:
            return
        for seat in seats:
            stop = next(one for one in run.stops if one.id == seat.board)
            expected = stop.planned_at + timedelta(seconds=run.delay)
            if seat.boarded_at is None and stop.passed_at is None and expected - self.now <= SOON:
                self._tell_passenger("carpool_late", seat, run, key=f"/{step}", latest=expected, plate=run.plate)

    # ── common ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell_passenger(
        self,
        template: str,
        seat: Seat,
        run: Run,
        *,
        key: str = "",
        due: datetime | None = None,
        until: datetime | None = None,
        **values: object,
    ) -> None:
        if seat.passenger is not None:
            person = store.get_person(driver(self.session), seat.passenger)
            self._tell(template, person, seat, run, key=key, due=due, until=until, **values)

    def _tell_driver(self, template: str, seat: Seat, run: Run) -> None:
        self._tell(template, store.get_person(driver(self.session), run.driver), seat, run, key="/driver")

    def _tell(
        self,
        template: str,
        person: Person,
        seat: Seat,
        run: Run,
        *,
        key: str = "",
        due: datetime | None = None,
        until: datetime | None = None,
        **values: object,
    ) -> None:
        messages.send(
            self.session,
            template,
            Recipient(person.email, person.phone, language=person.language, zone=self.zone),
            {**_describe(seat, self._find(run, seat.board), self._find(run, seat.alight)), **values},
            key=f"{about(seat)}{key}",
            about=about(seat),
            now=self.now,
            due=due,
            until=until,
        )

    def _find(self, run: Run, id_: int) -> RunStop:
        known = next((stop for stop in run.stops if stop.id == id_), None)
        return known or store.get_stop(driver(self.session), run.id, id_)


def about(seat: Seat) -> str:
    """Return what messages about a booking are about."""
    return f"carpool:{seat.id}"


def _describe(seat: Seat, board: RunStop, alight: RunStop) -> Mapping[str, object]:
    return {
        "origin": board.name,
        "destination": alight.name,
        "pickup": seat.board_at,
        "arrive_by": seat.alight_at,
        "persons": seat.seats,
    }
