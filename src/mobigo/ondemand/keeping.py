"""Keeping promises: what happens to a booked ride when those who are to take it come later than was planned.

A ride that meets a train is pinned to it. When the train is late, in this order, the first that can be done is done:

1. *hold*: the vehicle waits, up to `Promise.longest_hold` seconds, as long as nobody aboard or booked later has their
   promise broken for it; what was promised moves by as much (`BookedLeg.shifted`).
2. *next vehicle*: any vehicle of the operator, the same one later on included, that is there when the traveller is, or
   within `Promise.longest_wait` after; only the same one where staff tied the ride to it.
3. *taxi*: one is ordered, once, where the operator names whom to call. The fare stays as it is.
4. *failed*: nothing can be done from here; the fare is given back, and who plans journeys looks for another way.

A train that makes up for its delay lets the vehicle come back towards what was booked. Everything is one transaction,
with what is told to traveller and driver about it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from mobigo.db.session import driver
from mobigo.messages import service as messages
from mobigo.messages.model import Recipient
from mobigo.ondemand import dispatch, obligations, store
from mobigo.ondemand.model import Ask, EventKind, Promise, State
from mobigo.ondemand.notices import REMINDER, Notices, about
from mobigo.ondemand.noting import note_legs
from mobigo.ondemand.places import SYSTEM, Places, span_of
from mobigo.ondemand.service import announce
from mobigo.ondemand.store import instant, moment
from mobigo.trace.model import Deed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.ondemand.model import BookedLeg, Booking, Event, Run
    from mobigo.ondemand.supply import Supply

MINUTE = 60
SETTLED = 120
"""Seconds by which a delay must shrink before the traveller is told to come earlier again."""
TO_COME = frozenset({State.CONFIRMED, State.ASSIGNED, State.EN_ROUTE, State.ARRIVED})
"""States of rides whose travellers are yet to be met."""
BEFORE, AFTER = timedelta(hours=6), timedelta(hours=12)
"""Rides whose booked pick-up lies within so much of now are looked after: nobody knows of delays earlier."""
NOT_SET_OUT = frozenset({State.CONFIRMED, State.ASSIGNED})
"""States of rides that no vehicle is on its way for."""


class Fate(StrEnum):
    """What has become of a ride."""

    KEPT = "kept"
    """It is as it was."""
    HELD = "held"
    """The vehicle waits, or comes back towards what was booked."""
    MOVED = "moved"
    """Another vehicle comes, or the same one later."""
    LATE = "late"
    """The vehicle comes later than was promised; nothing better could be had."""
    TAXI = "taxi"
    FAILED = "failed"
    OVER = "over"
    """It was over or under way already: nothing to do."""


@dataclass(frozen=True)
class Kept:
    """What was done for a ride."""

    fate: Fate
    leg: BookedLeg
    """As it is now."""


def meet(session: Session, supply: Supply, leg_id: str, *, ready: int, line: str, now: datetime) -> Kept:
    """Keep a ride for travellers who are ready at another time than was planned, as well as can be.

    Parameters
    ----------
    ready : int
        Instant at which they are at the place of the pick-up now.
    line : str
        What they come with, as people call it.
    """
    return Rescue(session, supply, leg_id, now).meet(ready, line)


def lose(session: Session, supply: Supply, leg_id: str, *, line: str, now: datetime) -> Kept:
    """End a ride whose travellers cannot come to it any more; nothing is owed for it."""
    return Rescue(session, supply, leg_id, now).lose(line)


def delay_of(leg: BookedLeg, ready: int) -> int:
    """Return by how many seconds, full minutes, travellers come after the pick-up that was booked."""
    late = max(0, ready - leg.offer.pickup[0])
    return -(-late // MINUTE) * MINUTE


class Rescue:
    """One ride and what can be done for it, with the vehicles of its day ours alone until the transaction ends.

    Parameters
    ----------
    places : Places, optional
        Locked already, as is the booking; else both are locked here.
    """

    def __init__(
        self, session: Session, supply: Supply, leg_id: str, now: datetime, *, places: Places | None = None
    ) -> None:
        self.session = session
        self.connection = driver(session)
        self.supply = supply
        self.now = now
        if places is None:
            store.lock_booking(self.connection, store.find_booking_of_leg(self.connection, leg_id))
        self.leg = store.get_leg(self.connection, leg_id)
        if places is not None:
            self.places = places
            self.run = places.get_run(self.leg)
        self.booking: Booking = store.get_booking(self.connection, self.leg.booking)
        self.service = supply.catalogue.find(self.leg.offer.service)
        self.promise = self.service.promise if self.service else Promise()
        self.notices = Notices(session, supply.catalogue, now)

    def meet(self, ready: int, line: str) -> Kept:
        """Do the first thing that can be done."""
        delay = delay_of(self.leg, ready)
        if not self._open(delay + self.promise.longest_wait):
            return Kept(Fate.OVER, self.leg)
        allowed = self.expected
        if delay == allowed or 0 < allowed - delay < SETTLED:
            return Kept(Fate.KEPT, self.leg)
        if delay <= self.promise.longest_hold and self._hold(delay, line):
            return self.kept(Fate.HELD)
        if delay < allowed:  # the vehicle cannot come back towards what was booked: it is late itself
            return Kept(Fate.KEPT, self.leg)
        if self._move(delay, line):
            return self.kept(Fate.MOVED)
        return self.give_up(delay, line)

    def lose(self, line: str) -> Kept:
        """Give the ride up."""
        return self._fail(0, line) if self._open(0) else Kept(Fate.OVER, self.leg)

    def _open(self, later: int) -> bool:
        """Lock the vehicles' days, up to so many seconds later than booked; False where there is nothing to keep."""
        if self.leg.state not in TO_COME:
            return False
        span = span_of(self.leg)
        self.places = Places(self.session, self.supply, self.now, [span._replace(last=span.last + later)])
        self.leg = store.get_leg(self.connection, self.leg.id)
        if self.leg.state not in TO_COME:
            return False
        self.run = self.places.get_run(self.leg)
        return True

    @property
    def expected(self) -> int:
        """By how many seconds travellers were expected later than booked, when this began."""
        first = next(one for one in self.run.events if one.leg == self.leg.id).earliest
        return first - self.leg.offer.pickup[0]

    def kept(self, fate: Fate) -> Kept:
        """Say what was done."""
        return Kept(fate, store.get_leg(self.connection, self.leg.id))

    # ── hold ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _hold(self, delay: int, line: str) -> bool:
        """Let the vehicle wait, in the order it has; where that breaks a promise, in another order."""
        shifted = delay if delay < self.expected else max(delay, self.leg.shifted)
        later = shift(self.run, self.leg, delay, shifted)
        held = dispatch.schedule(later, self.supply.drives, instant(self.now))
        if held is None and dispatch.schedule(self.run, self.supply.drives, instant(self.now)) is None:
            held = push(later, self.run)  # the streets are not those it was planned on
        if held is not None and is_lawful(held):
            self.places.keep(held)
        elif self.leg.state not in NOT_SET_OUT or self.put(delay, shifted, among="same") is None:
            return False
        self.move_promise(shifted, {"late": delay})
        self.announce("leg.shifted")
        self.tell("pickup_shifted", delay, shifted - delay, line=line if delay else None)
        self.tell_driver("sheet_hold", self.run.vehicle, delay, line=line)
        return True

    # ── next vehicle ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _move(self, delay: int, line: str) -> bool:
        """Let another vehicle come, as soon as can be."""
        before = self.run.vehicle
        for wait in (0, self.promise.longest_wait):
            vehicle = self.put(delay, delay + wait, among="same" if self.leg.locked else "all")
            if vehicle is not None:
                break
        else:
            return False
        self.move_promise(delay + wait, {"late": delay, "vehicle": vehicle})
        self.say_moved((before, vehicle), delay, wait, line)
        return True

    def say_moved(self, vehicles: tuple[str, str], delay: int, wait: int, line: str | None) -> None:
        """Tell everybody that the second vehicle comes instead of the first."""
        before, after = vehicles
        if self.leg.state is not State.CONFIRMED:
            self.set_state(State.CONFIRMED)
        self.announce("leg.moved")
        self.tell("ride_moved", delay, wait, line=line)
        if after != before:
            self.tell_driver("sheet_ride_removed", before, self.expected)
            self.tell_driver("sheet_ride_added", after, delay)
        else:
            self.tell_driver("sheet_ride_changed", before, delay)

    def put(self, earliest: int, latest: int, *, among: Literal["all", "same", "others"]) -> str | None:
        """Take the ride off its run and put it where it fits best, so many seconds later than booked.

        Returns
        -------
        Id of the vehicle; None where it fits nowhere: then it is where it was.
        """
        at, drives = instant(self.now), self.supply.drives
        ask = ask_of(self.leg, earliest, latest)
        self.places.give_back(self.leg)
        only = {self.run.id} if among == "same" else self.places.list_ours(ask)
        if among == "others":
            only -= {self.run.id}
        found = dispatch.find_place(self.places.fleet, ask, drives, now=at, only=only)
        if isinstance(found, dispatch.Refusal):
            self.places.keep(self.run)
            return None
        run = self.places.fleet.find_run(found.run)
        assert run is not None
        self.places.change(dispatch.place(run, found, self.leg.id))
        return run.vehicle

    # ── taxi, or nothing ──────────────────────────────────────────────────────────────────────────────────────────────

    def give_up(self, delay: int, line: str | None) -> Kept:
        """Order a taxi, or say that the ride cannot take place."""
        operator = self.supply.fleet.operators.get(self.leg.operator)
        if operator is None or operator.taxi_phone is None:
            return self._fail(delay, line)
        self._free(delay)
        reached = self._order_taxi(Recipient(operator.email, operator.taxi_phone), delay, line)
        self._note("taxi_ordered", {"late": delay, "sent": reached})
        obligations.earn_fare(self.session, self.booking, self.leg, by=SYSTEM, now=self.now)
        self.announce("taxi.ordered")
        self.tell("taxi_ordered", delay, line=line)
        return self.kept(Fate.TAXI)

    def _fail(self, delay: int, line: str | None) -> Kept:
        self._free(delay)
        note_legs(self.session, Deed.CANCELLED, self.booking, [self.leg], self.now, reason="failed")
        obligations.refund_fare(self.session, self.booking, self.leg, by=SYSTEM, now=self.now)
        self.announce("leg.failed")
        self.tell("ride_failed", delay, line=line)
        return self.kept(Fate.FAILED)

    def _free(self, delay: int) -> None:
        """Take the ride off its vehicle for good."""
        self.places.give_back(self.leg)
        self.places.save()
        self.set_state(State.FAILED, {"late": delay})
        self.tell_driver("sheet_ride_removed", self.run.vehicle, self.expected)

    def _order_taxi(self, taxi: Recipient, delay: int, line: str | None) -> bool:
        """Write the order; False where nobody can be written to, and the desk must call."""
        offer, contact = self.leg.offer, self.booking.contact
        written = messages.send(
            self.session,
            "taxi_order",
            taxi,
            {
                "reference": self.booking.reference,
                "pickup": moment(offer.pickup[0] + delay),
                "origin": offer.origin.name,
                "destination": offer.destination.name,
                "persons": offer.party.persons,
                "wheelchairs": offer.party.wheelchairs,
                "name": contact and contact.name,
                "traveller_phone": contact and contact.phone,
                "reason": line,
            },
            key=f"{about(self.leg)}/taxi",
            about=about(self.leg),
            now=self.now,
        )
        return bool(written)

    # ── written down and said ─────────────────────────────────────────────────────────────────────────────────────────

    def move_promise(self, seconds: int, details: dict[str, object]) -> None:
        """Move what was promised."""
        store.shift(self.connection, self.leg.id, seconds)
        self.places.save()
        self._note("shifted", {"seconds": seconds, **details})

    def set_state(self, state: State, details: dict[str, object] | None = None) -> None:
        """Say what has become of the ride, and write it down."""
        store.set_state(self.connection, self.leg.id, state)
        self._note("moved", details or {}, moved=(self.leg.state, state))

    def announce(self, what: str) -> None:
        """Tell the operator's own system, once what has become of the ride is written."""
        store.count_revision(self.connection, self.leg.booking)
        booking = store.get_booking(self.connection, self.leg.booking)
        announce(self.session, what, booking, [leg for leg in booking.legs if leg.id == self.leg.id], self.now)

    def _note(self, what: str, details: dict[str, object], moved: tuple[State | None, State] | None = None) -> None:
        store.note(
            self.connection,
            self.leg.booking,
            self.leg.id,
            at=self.now,
            what=what,
            by=SYSTEM,
            moved=moved,
            details=details,
        )

    def tell(self, template: str, delay: int, wait: int = 0, **values: object) -> None:
        """Tell the traveller; what was to be said before about the old time is not said any more."""
        offer = self.leg.offer
        messages.cancel(self.session, about=about(self.leg), templates=[REMINDER], now=self.now)
        self.notices.tell(
            template,
            self.booking,
            self.leg,
            key=f"{about(self.leg)}/{instant(self.now)}",
            pickup=moment(offer.pickup[0] + delay),
            latest=moment(offer.pickup[1] + delay + wait),
            arrive_by=moment(offer.drop_off[1] + delay + wait),
            **values,
        )

    def tell_driver(self, template: str, vehicle: str, delay: int, **values: object) -> None:
        """Put a line on the sheet of a vehicle."""
        offer = self.leg.offer
        messages.send(
            self.session,
            template,
            Recipient(vehicle=vehicle, zone=self.service.timezone if self.service else "Europe/Paris"),
            {
                "pickup": moment(offer.pickup[0] + delay),
                "latest": moment(offer.pickup[1] + delay),
                "origin": offer.origin.name,
                "destination": offer.destination.name,
                **values,
            },
            key=f"{about(self.leg)}/{instant(self.now)}",
            about=about(self.leg),
            now=self.now,
        )


def ask_of(leg: BookedLeg, earliest: int, latest: int) -> Ask:
    """Return what dispatching is asked for a ride whose windows begin and end so many seconds later than booked."""
    offer = leg.offer
    return Ask(
        service=offer.service,
        origin=offer.origin,
        destination=offer.destination,
        pickup=(offer.pickup[0] + earliest, offer.pickup[1] + latest),
        drop_off=(offer.drop_off[0], offer.drop_off[1] + latest),
        load=offer.party.load,
        longest_ride=offer.longest_ride,
        dwell=leg.dwell,
    )


def shift(run: Run, leg: BookedLeg, earliest: int, latest: int) -> Run:
    """Return a run in which the windows of one ride begin and end so many seconds later than booked.

    Planned times are yet to be worked out.
    """
    offer = leg.offer
    events = list(run.events)
    for position, event in enumerate(events):
        if event.leg != leg.id or event.done:
            continue
        if event.kind is EventKind.PICKUP:
            first, last = offer.pickup[0] + earliest, offer.pickup[1] + latest
            at = max(event.arrival, first)
            leaves = max(event.departure, at + event.dwell)
            events[position] = replace(event, earliest=first, latest=last, arrival=at, departure=leaves)
        else:
            events[position] = replace(event, latest=offer.drop_off[1] + latest)
    return replace(run, events=tuple(events))


def push(later: Run, planned: Run) -> Run:
    """Return a run of which some stops are later, with those after them as far behind as they were planned to be."""
    events = list(later.events)
    for position, (before, event) in enumerate(pairwise(planned.events), 1):
        at = max(events[position].arrival, events[position - 1].arrival + event.arrival - before.arrival)
        if not event.done:
            events[position] = replace(events[position], arrival=at, departure=max(event.departure, at + event.dwell))
    return replace(later, events=tuple(events))


def is_lawful(run: Run) -> bool:
    """Tell whether the planned times of a run keep its shift, all promises and all longest rides."""
    picked: dict[str, Event] = {}
    for event in run.events:
        if event.leg is not None and event.kind is EventKind.PICKUP:
            picked[event.leg] = event
        if event.done:
            continue
        if event.departure > run.end or event.arrival > event.latest:
            return False
        on = picked.get(event.leg or "") if event.kind is EventKind.DROP_OFF else None
        if on is not None and event.leg is not None and not on.done:
            aboard = event.arrival - on.arrival - on.dwell
            if aboard > run.longest_ride.get(event.leg, aboard):
                return False
    return True


def list_around(session: Session, now: datetime) -> list[BookedLeg]:
    """List the rides around now that are still to come or under way, by when they were booked to begin."""
    return store.list_legs_to_come(driver(session), TO_COME | {State.ON_BOARD}, now - BEFORE, now + AFTER)


def list_pinned(session: Session, now: datetime) -> list[BookedLeg]:
    """List the rides still to come around now that are pinned to trains, by when they were booked to begin."""
    found = store.list_legs_to_come(driver(session), TO_COME, now - BEFORE, now + AFTER)
    return [leg for leg in found if leg.offer.pin is not None]


def is_anything_to_keep(session: Session, now: datetime) -> bool:
    """Tell whether any ride is to be looked after around now."""
    row = driver(session).execute(
        "SELECT 1 FROM ondemand_leg WHERE state = ANY (%s) AND pickup_from BETWEEN %s AND %s LIMIT 1",
        [[state.value for state in TO_COME], now - BEFORE, now + AFTER],
    )
    return row.fetchone() is not None
