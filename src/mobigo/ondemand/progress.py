"""What drivers and dispatchers say of a ride: on the way, there, on board, set down, nobody came.

A sheet that was offline reports late: each move holds when it happened. What happened is entered into the run as it
was, also where the driver took stops in another order; what is still to come is planned from there. Being late is never
refused, it is a fact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, Refused
from mobigo.ondemand import conduct, obligations, states, store
from mobigo.ondemand.fleet import fits
from mobigo.ondemand.model import EventKind, State
from mobigo.ondemand.notices import Notices
from mobigo.ondemand.noting import note_legs
from mobigo.ondemand.places import Places, span_of
from mobigo.ondemand.service import announce
from mobigo.ondemand.store import instant, moment
from mobigo.trace.model import Deed

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ondemand.model import BookedLeg, Booking, Event, Run
    from mobigo.ondemand.service import Actor
    from mobigo.ondemand.supply import Supply

OPERATIONS = frozenset(
    {
        State.CONFIRMED,
        State.ASSIGNED,
        State.EN_ROUTE,
        State.ARRIVED,
        State.ON_BOARD,
        State.COMPLETED,
        State.NO_SHOW,
    }
)
"""Moves made here; a ride is cancelled through its booking."""

DEEDS = {State.ON_BOARD: Deed.BOARDED, State.COMPLETED: Deed.ALIGHTED, State.NO_SHOW: Deed.NO_SHOW}
"""What is noted of them."""

OFFLINE = timedelta(hours=24)
"""For how long a sheet may have been offline."""

AHEAD = timedelta(seconds=60)
"""By how much a driver's clock may be ahead."""

ASSIGNED_BEFORE = timedelta(minutes=60)
"""Before the pick-up the vehicle is settled and its driver told."""


@dataclass(frozen=True)
class Progress:
    """What one actor reports at one moment.

    Parameters
    ----------
    session : Session
    supply : Supply
    actor : Actor
    now : datetime
    """

    session: Session
    supply: Supply
    actor: Actor
    now: datetime

    def move(self, leg_id: str, state: State, at: datetime | None = None) -> Booking:
        """Say what has become of a ride; said again, nothing changes.

        Parameters
        ----------
        at : datetime, optional
            When it happened; now, unless told.

        Raises
        ------
        Conflict
            When the ride cannot become that (``unlawful_move``).
        Refused
            When nobody can be absent yet (``no_show_too_early``).
        Forbidden
            When the ride is on another vehicle (``foreign_ride``).
        """
        if state not in OPERATIONS:
            raise InvalidInput(f"a ride is not made {state} here; cancel it through its booking", code="unlawful_move")
        at = self._read(at)
        booking_id = store.find_booking_of_leg(self._connection, leg_id)
        store.lock_booking(self._connection, booking_id)
        leg = store.get_leg(self._connection, leg_id)
        self._may(leg)
        if leg.state is state:
            return store.get_booking(self._connection, booking_id)
        states.check(leg.id, leg.state, state)
        if leg.state is State.HELD:
            raise Conflict(f"ride {leg.id} is only held; it is confirmed with its booking", code="unlawful_move")
        if state is State.NO_SHOW and instant(at) < leg.offer.pickup[0] + leg.shifted:
            raise Refused(
                f"the traveller of ride {leg.id} need not be there before"
                f" {moment(leg.offer.pickup[0] + leg.shifted):%Y-%m-%dT%H:%M:%SZ}; wait until then",
                code="no_show_too_early",
            )
        booking = store.get_booking(self._connection, booking_id)
        self._enter(leg, state, instant(at))
        store.set_state(self._connection, leg.id, state)
        store.note(
            self._connection,
            booking_id,
            leg.id,
            at=self.now,
            what="moved",
            by=self.actor.name,
            moved=(leg.state, state),
            details={"happened_at": at.astimezone(UTC).isoformat()},
        )
        self._settle(booking, leg, state, at)
        announce(self.session, f"leg.{state}", booking, [leg], self.now)
        return store.get_booking(self._connection, booking_id)

    def _read(self, at: datetime | None) -> datetime:
        if at is None:
            return self.now
        if not self.now - OFFLINE <= at <= self.now + AHEAD:
            raise InvalidInput(
                f"it cannot have happened at {at.isoformat()}: that is still to come, or more than"
                f" {OFFLINE.total_seconds() / 3600:.0f} h ago",
                code="event_time",
            )
        return min(at, self.now)

    def _may(self, leg: BookedLeg) -> None:
        if self.actor.is_staff:
            return
        vehicle = self.supply.fleet.vehicles.get(leg.vehicle or "")
        drivers = {leg.vehicle, *(vehicle.drivers if vehicle else ())}
        if self.actor.role is not Role.DRIVER or self.actor.user not in drivers:
            raise Forbidden(
                f"ride {leg.id} is not on a vehicle of {self.actor.user}; the dispatcher can move it",
                code="foreign_ride",
            )

    # ── the run ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _enter(self, leg: BookedLeg, state: State, at: int) -> None:
        """Enter into the run what happened."""
        done = {State.ON_BOARD: EventKind.PICKUP, State.COMPLETED: EventKind.DROP_OFF}.get(state)
        if done is None and state is not State.NO_SHOW:
            return
        places = Places(self.session, self.supply, self.now, [span_of(leg)])
        if done is None:
            places.give_back(leg)
        else:
            places.change(mark_done(places.get_run(leg), leg.id, done, at))
        places.save()

    # ── what follows ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self, booking: Booking, leg: BookedLeg, state: State, at: datetime) -> None:
        by = self.actor.name
        if state in DEEDS:
            note_legs(self.session, DEEDS[state], booking, [leg], self.now)
        if state is State.COMPLETED:
            obligations.earn_fare(self.session, booking, leg, by=by, now=self.now)
        if state is State.NO_SHOW:
            self._note_absence(booking, leg, at)

    def _note_absence(self, booking: Booking, leg: BookedLeg, at: datetime) -> None:
        by = self.actor.name
        obligations.refund_fare(self.session, booking, leg, by=by, now=self.now)
        penalty = obligations.owe_penalty(
            self.session, booking, leg, obligations.ABSENT, leg.no_show_cents, by=by, now=self.now
        )
        conduct.note_absence(self._connection, leg.id, booking.person, leg.offer.service, at)
        notices = Notices(self.session, self.supply.catalogue, self.now)
        notices.absent(booking, leg, penalty)
        service = self.supply.catalogue.find(leg.offer.service)
        until = service and conduct.suspended_until(self._connection, service, booking.person, self.now)
        if until:
            notices.tell("suspended", booking, leg, until=until)

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.session)


def mark_done(run: Run, leg: str, kind: EventKind, at: int) -> Run:
    """Return a run with one of its stops done, put after those done before it as far as what was aboard allows."""
    position = next(k for k, event in enumerate(run.events) if event.leg == leg and event.kind is kind)
    event = replace(run.events[position], done=True, arrival=at, departure=at)
    before = run.events[:position]
    ahead = sum(one.done for one in before)
    rest = [*before[ahead:], *run.events[position + 1 :]]
    moved = (*before[:ahead], event, *rest)
    if all(one.done for one in before[:ahead]) and _has_room(run, moved):
        return replace(run, events=moved)
    return replace(run, events=(*before, event, *run.events[position + 1 :]))


def _has_room(run: Run, events: Iterable[Event]) -> bool:
    seats = wheelchairs = luggage = bicycles = child_seats = 0
    for one in events:
        seats, wheelchairs, luggage = seats + one.load[0], wheelchairs + one.load[1], luggage + one.load[2]
        bicycles, child_seats = bicycles + one.load[3], child_seats + one.load[4]
        if not fits(run.capacity, (seats, wheelchairs, luggage, bicycles, child_seats)):
            return False
    return True


def assign_due(session: Session, now: datetime) -> int:
    """Settle the vehicles of rides that begin soon, and tell the operators; return how many."""
    connection = driver(session)
    due = store.assign(connection, now + ASSIGNED_BEFORE)
    for booking_id, leg_id in due:
        store.note(
            connection,
            booking_id,
            leg_id,
            at=now,
            what="moved",
            by="system",
            moved=(State.CONFIRMED, State.ASSIGNED),
        )
        booking = store.get_booking(connection, booking_id)
        announce(session, "leg.assigned", booking, [leg for leg in booking.legs if leg.id == leg_id], now)
    return len(due)
