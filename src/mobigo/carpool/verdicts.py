"""What those of a ride are told of its proof: that it has none, that it is looked into, what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.carpool import findings, store
from mobigo.carpool.findings_store import FindingState
from mobigo.db.session import driver
from mobigo.messages import service as messages
from mobigo.messages.model import Recipient

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.carpool.findings_store import Kept
    from mobigo.carpool.model import Person, Seat

DECIDED = {
    FindingState.DISMISSED: ("le trajet compte", "the ride counts"),
    FindingState.UPHELD: ("le trajet ne compte pas", "the ride does not count"),
}
"""In French and in English."""


@dataclass(frozen=True)
class Verdicts:
    """Tells driver and passenger of a booking, in the caller's transaction.

    Parameters
    ----------
    session : Session
    now : datetime
    """

    session: Session
    now: datetime

    def unproven(self, booking: Seat) -> None:
        """Tell that nothing shows that a ride took place."""
        for person in self._list_people(booking):
            self._tell("carpool_unproven", booking, person, key="unproven")

    def looked_into(self, one: Kept) -> None:
        """Tell those whose rides a finding holds back."""
        for booking in self._list_held(one):
            for person in self._list_people(booking):
                reason = findings.say(one.kind, person.language)
                self._tell("carpool_looked_into", booking, person, key=one.id, reason=reason)

    def decided(self, one: Kept) -> None:
        """Tell them what was decided."""
        french, english = DECIDED[one.state]
        for booking in self._list_held(one):
            for person in self._list_people(booking):
                reason = english if person.language == "en" else french
                self._tell("carpool_decided", booking, person, key=one.id, reason=reason, text=one.decision)

    def _list_held(self, one: Kept) -> list[Seat]:
        connection = driver(self.session)
        return [store.get_booking(connection, booking) for booking, held in one.bookings.items() if held]

    def _list_people(self, booking: Seat) -> list[Person]:
        connection = driver(self.session)
        run = store.get_run(connection, booking.run)
        ids = [run.driver, *([booking.passenger] if booking.passenger else [])]
        return list(store.list_people(connection, ids).values())

    def _tell(self, template: str, booking: Seat, person: Person, *, key: str, **values: object) -> None:
        stops = store.list_stops(driver(self.session), [booking.board, booking.alight])
        ride = {
            "origin": stops[booking.board].name,
            "destination": stops[booking.alight].name,
            "pickup": booking.boarded_at or booking.board_at or stops[booking.board].planned_at,
        }
        messages.send(
            self.session,
            template,
            Recipient(person.email, person.phone, language=person.language),
            {**ride, **values},
            key=f"carpool:{booking.id}/{key}/{person.id}",
            about=f"carpool:{booking.id}",
            now=self.now,
        )
