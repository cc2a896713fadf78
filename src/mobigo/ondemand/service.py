"""Bookings: held, confirmed, changed and cancelled, each in the transaction of its session.

All rides of a booking, and of the way there and back, are booked together or not at all. What was offered is checked
again against the rules and against the vehicles as they are in the database, with their days locked.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, Refused
from mobigo.messages import webhooks
from mobigo.ondemand import conduct, obligations, states, store
from mobigo.ondemand.model import BookedLeg, Booking, State
from mobigo.ondemand.notices import Notices
from mobigo.ondemand.noting import note_legs
from mobigo.ondemand.places import Places, Span, span_of
from mobigo.ondemand.store import instant, moment
from mobigo.trace.model import Deed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.ondemand.model import Contact, Offer, Service
    from mobigo.ondemand.supply import Supply

MOST_RIDES = 8
"""Rides that are booked together, at most, each way."""

ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
"""Of references: nothing that looks or sounds like something else, and no words."""

REFERENCE = 6
"""Characters of a reference."""

TRIES = 20
"""New references, until one is free."""


BOOKING_STAFF = frozenset({Role.DESK, Role.DISPATCHER, Role.ADMIN})


@dataclass(frozen=True)
class Actor:
    """Who does something to a booking."""

    user: str
    role: Role | None
    """None: somebody without a token."""

    @property
    def is_staff(self) -> bool:
        """Tell whether they book, and decide, for others."""
        return self.role in BOOKING_STAFF

    @property
    def may_look(self) -> bool:
        """Tell whether they may look at the bookings of others."""
        return self.is_staff or self.role is Role.AUDITOR

    @property
    def name(self) -> str:
        """As the history says it: of travellers it says nothing more."""
        return self.user if self.is_staff or self.role is Role.DRIVER else "traveller"


@dataclass(frozen=True)
class Order:
    """What somebody books."""

    offers: tuple[Offer, ...]
    contact: Contact | None
    """None: of a hold, said when it is confirmed."""
    account: str | None = None
    note: str = ""
    journey: str | None = None
    hold: bool = False
    """Keep the places for some minutes, to be confirmed."""
    series: str | None = None
    return_of: int | None = None
    """Index of the order, of those booked together, that is the way there."""


@dataclass(frozen=True)
class Bookings:
    """What one actor does at one moment.

    Parameters
    ----------
    session : Session
        Of the transaction; the caller commits.
    supply : Supply
        Services, drives, and the vehicles as they were known before.
    key : bytes
        Of the home.
    actor : Actor
    now : datetime
    """

    session: Session
    supply: Supply
    key: bytes
    actor: Actor
    now: datetime

    # ── booking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def book(self, orders: Sequence[Order]) -> list[Booking]:
        """Book all orders, or none.

        Raises
        ------
        PlacesGone
            When a ride cannot be had any more.
        Refused
            When it is too late (``booking_closed``), or the service is not booked here any more (``not_booked_here``).
        Forbidden
            When somebody may book by telephone only (``suspended``).
        InvalidInput
            When there are no rides, too many, or some at the same time; or nobody to reach.
        """
        for order in orders:
            check_together(order.offers)
            if order.contact is None and not order.hold:
                raise _nobody()
            self._check(order.offers, conduct.identify(self.key, order.contact, order.account))
        offers = [offer for order in orders for offer in order.offers]
        places = self._open(offers, ())
        made: list[Booking] = []
        for order in orders:
            return_of = None if order.return_of is None else made[order.return_of].id
            made.append(self._write(order, return_of))
        taken = [
            self._take(booking, order.offers, places, hold=order.hold)
            for booking, order in zip(made, orders, strict=True)
        ]
        self._save(places, [leg for legs in taken for leg in legs])
        booked = [store.get_booking(self._connection, booking.id) for booking in made]
        for booking in booked:
            if all(leg.state is State.CONFIRMED for leg in booking.legs):
                self._confirmed(booking, booking.legs)
        return booked

    def _check(self, offers: Iterable[Offer], person: Sequence[str]) -> None:
        """Refuse what cannot be booked whatever the vehicles do."""
        for offer in offers:
            service = self._service(offer)
            self._check_open(offer, service)
            if not self.actor.is_staff:
                conduct.check(self._connection, service, person, self.now)

    def _check_open(self, offer: Offer, service: Service) -> None:
        if self._second <= offer.bookable_until:
            return
        phone = next((rule.phone_number for rule in service.rules.values() if rule.phone_number), None)
        desk = f"; call {phone}" if phone else ""
        raise Refused(
            f"the ride from {offer.origin.name} could be booked until"
            f" {moment(offer.bookable_until):%Y-%m-%dT%H:%M:%SZ}{desk}",
            code="booking_closed",
        )

    def _service(self, offer: Offer) -> Service:
        service = self.supply.catalogue.find(offer.service)
        if service is None or service.operator is None:
            raise Refused(
                f"the service {offer.service} is not booked here any more; ask for new offers", code="not_booked_here"
            )
        return service

    def _open(self, offers: Iterable[Offer], legs: Iterable[BookedLeg]) -> Places:
        """Lock the days of rides that are booked, and of those that are given up."""
        spans = [
            Span(offer.service, self._service(offer).operator or "", offer.pickup[0], offer.drop_off[1])
            for offer in offers
        ]
        return Places(self.session, self.supply, self.now, [*spans, *map(span_of, legs)])

    def _write(self, order: Order, return_of: str | None) -> Booking:
        booking = Booking(
            id=f"b{secrets.token_urlsafe(18)}",
            reference="",
            contact=order.contact,
            party=order.offers[0].party,
            legs=(),
            created_at=self.now,
            by=self.actor.name,
            series=order.series,
            note=order.note,
            journey=order.journey,
            account=order.account,
            person=conduct.identify(self.key, order.contact, order.account),
            return_of=return_of,
        )
        for _ in range(TRIES):
            reference = "".join(secrets.choice(ALPHABET) for _ in range(REFERENCE))
            booking = replace(booking, reference=reference)
            if store.add_booking(self._connection, booking):
                break
        else:
            raise Conflict("no reference is free just now; try again")
        return booking

    def _take(self, booking: Booking, offers: Iterable[Offer], places: Places, *, hold: bool) -> list[BookedLeg]:
        """Take the places of rides; they are written by `_save`."""
        legs = []
        for offer in offers:
            service = self._service(offer)
            promise = service.promise
            until = min(self._second + promise.hold, offer.bookable_until)
            id_ = f"r{secrets.token_urlsafe(12)}"
            legs.append(
                BookedLeg(
                    id=id_,
                    booking=booking.id,
                    offer=offer,
                    state=State.HELD if hold else State.CONFIRMED,
                    run=places.take(offer, id_, promise.dwell),
                    hold_until=moment(until) if hold else None,
                    operator=service.operator or "",
                    cancel_until=offer.pickup[0] - promise.cancel_before,
                    late_cancel_cents=promise.late_cancel_cents,
                    no_show_cents=promise.no_show_cents,
                    dwell=promise.dwell,
                )
            )
        return legs

    def _save(self, places: Places, legs: Iterable[BookedLeg]) -> None:
        """Write the runs, and the rides that are new on them."""
        numbers = places.save()
        for leg in legs:
            assert leg.run is not None
            store.add_leg(self._connection, replace(leg, run=numbers[leg.run]))
            self._note(leg, None, leg.state)

    def _confirmed(self, booking: Booking, legs: Iterable[BookedLeg]) -> None:
        """Do what follows from a confirmation."""
        legs = list(legs)
        for leg in legs:
            obligations.owe_fare(self.session, booking, leg, by=self.actor.name, now=self.now)
        note_legs(self.session, Deed.BOOKED, booking, legs, self.now)
        self.notices.confirmed(booking, legs)
        self._announce("booking.confirmed", booking, legs)

    # ── holds ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def confirm(self, id_: str, contact: Contact | None) -> Booking:
        """Confirm all rides that a booking holds.

        Raises
        ------
        Conflict
            When there is nothing to confirm (``already_confirmed``), or a hold has run out (``hold_expired``).
        InvalidInput
            When nobody has said who travels.
        """
        booking = self._lock(id_)
        held = [leg for leg in booking.legs if leg.state is State.HELD]
        if any(leg.hold_until is None or leg.hold_until < moment(self._second) for leg in held) or (
            not held and any(leg.state is State.FAILED for leg in booking.legs)
        ):
            raise Conflict(
                f"the hold of booking {booking.reference} has run out, its places are free again; ask for new offers",
                code="hold_expired",
            )
        if not held:
            confirmed = any(leg.state in states.ACTIVE for leg in booking.legs)
            raise Conflict(
                f"booking {booking.reference} is confirmed already"
                if confirmed
                else f"booking {booking.reference} has ended; book anew",
                code="already_confirmed" if confirmed else "booking_ended",
            )
        contact = contact or booking.contact
        if contact is None:
            raise InvalidInput(
                "say who travels: `contact` with a name and a telephone number or e-mail address",
                code="invalid_contact",
            )
        person = conduct.identify(self.key, contact, booking.account)
        for leg in held:
            if not self.actor.is_staff:
                conduct.check(self._connection, self._service(leg.offer), person, self.now)
            self._check_open(leg.offer, self._service(leg.offer))
        if contact != booking.contact:
            store.set_contact(self._connection, id_, contact, person)
        for leg in held:
            self._move(leg, State.CONFIRMED)
        booking = store.get_booking(self._connection, id_)
        ids = {leg.id for leg in held}
        self._confirmed(booking, [leg for leg in booking.legs if leg.id in ids])
        return booking

    # ── changing and cancelling ───────────────────────────────────────────────────────────────────────────────────────

    def change(
        self, id_: str, offers: Sequence[Offer], legs: Sequence[str] | None = None, *, waive: bool = False
    ) -> Booking:
        """Replace rides of a booking by others: all of it, or nothing changes.

        Parameters
        ----------
        legs : sequence of str, optional
            Rides that are given up; all that wait, unless told.
        waive : bool
            Ask for no penalty (staff).
        """
        booking = self._lock(id_)
        old = self._choose(booking, legs, "change")
        kept = [leg.offer for leg in booking.legs if leg.state in states.WAITING and leg not in old]
        check_together([*offers, *kept])
        self._check(offers, booking.person)
        hold = all(leg.state is State.HELD for leg in old)
        places = self._open(offers, old)
        self._expect(old)
        for leg in old:
            places.give_back(leg)
        added = self._take(booking, offers, places, hold=hold)
        ids = [leg.id for leg in added]
        for leg in old:
            self._move(leg, State.CANCELLED_BY_USER, replaced_by=ids)
        store.count_revision(self._connection, id_)
        self._save(places, added)
        self._settle(booking, old, late=not waive)
        booking = store.get_booking(self._connection, id_)
        new = [leg for leg in booking.legs if leg.id in ids]
        if not hold:
            for leg in new:
                obligations.owe_fare(self.session, booking, leg, by=self.actor.name, now=self.now)
            note_legs(self.session, Deed.CANCELLED, booking, old, self.now, reason="replaced")
            note_legs(self.session, Deed.BOOKED, booking, new, self.now)
            self.notices.changed(booking, old, new)
        self._announce("booking.changed", booking, [*old, *new])
        return booking

    def cancel(self, id_: str, legs: Sequence[str] | None = None, *, reason: str = "", waive: bool = False) -> Booking:
        """Cancel rides as the traveller wishes; later than promised, at the promised price."""
        booking = self._lock(id_)
        old = self._choose(booking, legs, "cancel")
        self._free(old, State.CANCELLED_BY_USER, reason)
        penalty = self._settle(booking, old, late=not waive)
        note_legs(self.session, Deed.CANCELLED, booking, _firm(old), self.now, reason="late" if penalty else "user")
        if any(leg.state is not State.HELD for leg in old):
            self.notices.cancelled(booking, old, penalty)
        self._announce("booking.cancelled", booking, old)
        return store.get_booking(self._connection, id_)

    def cancel_by_operator(self, id_: str, legs: Sequence[str] | None = None, *, reason: str = "") -> Booking:
        """Cancel rides that the operator cannot drive: what was paid is refunded, the traveller is told.

        Raises
        ------
        Forbidden
            To everybody but staff.
        """
        if not self.actor.is_staff:
            raise Forbidden("only the operator's staff cancels for the operator", code="role_required")
        booking = self._lock(id_)
        old = self._choose(booking, legs, "cancel")
        self._free(old, State.CANCELLED_BY_OPERATOR, reason)
        note_legs(self.session, Deed.CANCELLED, booking, _firm(old), self.now, reason="operator")
        for leg in old:
            refund = self._refund(booking, leg)
            if leg.state is not State.HELD:
                self.notices.cancelled_by_operator(booking, leg, reason, refund)
        self._announce("booking.cancelled", booking, old)
        return store.get_booking(self._connection, id_)

    def fail(self, leg_id: str, reason: str) -> BookedLeg:
        """End a ride whose promise cannot be kept: its places are free, nothing is owed. Who finds out tells why."""
        booking = self._lock(store.find_booking_of_leg(self._connection, leg_id))
        leg = store.get_leg(self._connection, leg_id)
        states.check(leg.id, leg.state, State.FAILED)
        self._free([leg], State.FAILED, reason)
        note_legs(self.session, Deed.CANCELLED, booking, _firm([leg]), self.now, reason="failed")
        self._refund(booking, leg)
        self._announce("leg.failed", booking, [leg])
        return store.get_leg(self._connection, leg_id)

    def pardon(self, leg_id: str, why: str) -> None:
        """Let an absence count no more, and ask for no penalty: the desk has heard an appeal."""
        booking = self._lock(store.find_booking_of_leg(self._connection, leg_id))
        conduct.pardon(self._connection, leg_id, by=self.actor.name, why=why, now=self.now)
        leg = store.get_leg(self._connection, leg_id)
        cents = obligations.waive_penalty(
            self.session, booking, leg, obligations.ABSENT, by=self.actor.name, now=self.now
        )
        store.note(
            self._connection,
            booking.id,
            leg_id,
            at=self.now,
            what="pardoned",
            by=self.actor.name,
            details={"waived_cents": cents},
        )

    def _choose(self, booking: Booking, ids: Sequence[str] | None, what: str) -> list[BookedLeg]:
        """Return the rides that are given up.

        Raises
        ------
        NotFound
            When one is not of this booking.
        Conflict
            When one has begun or ended, or none is left.
        """
        known = {leg.id: leg for leg in booking.legs}
        for id_ in ids or ():
            if id_ not in known:
                raise NotFound(
                    f"booking {booking.reference} has no ride {id_[:60]!r}; it has {', '.join(known)}",
                    code="unknown_ride",
                )
        wanted = [known[id_] for id_ in dict.fromkeys(ids or known)]
        waiting = [leg for leg in wanted if leg.state in states.WAITING]
        if what == "change":
            under_way = [leg for leg in waiting if leg.state in states.ON_THE_WAY]
            if under_way:
                raise Conflict(
                    f"ride {under_way[0].id} is {under_way[0].state}, its vehicle comes; cancel it, or call the desk",
                    code="ride_under_way",
                )
        if not waiting or (ids is not None and len(waiting) < len(wanted)):
            told = ", ".join(f"{leg.id} is {leg.state}" for leg in wanted)
            raise Conflict(f"booking {booking.reference} has no ride to {what}: {told}", code="booking_ended")
        return waiting

    def _free(self, old: Sequence[BookedLeg], state: State, reason: str) -> None:
        places = self._open((), old)
        self._expect(old)
        for leg in old:
            places.give_back(leg)
            self._move(leg, state, **({"reason": reason} if reason else {}))
        store.count_revision(self._connection, old[0].booking)
        places.save()

    def _expect(self, old: Sequence[BookedLeg]) -> None:
        """Look again once the days are locked: a hold may have run out, a driver may have set out meanwhile."""
        now = {leg.id: leg.state for leg in store.list_legs(self._connection, [leg.id for leg in old])}
        for leg in old:
            if now[leg.id] is not leg.state:
                raise Conflict(
                    f"ride {leg.id} has become {now[leg.id]} meanwhile; look at the booking again", code="booking_moved"
                )

    def _settle(self, booking: Booking, old: Sequence[BookedLeg], *, late: bool) -> int:
        """Post that cancelled rides are not owed, and what is for cancelling late; return those cents."""
        penalty = 0
        for leg in old:
            self._refund(booking, leg)
            if late and leg.state is not State.HELD and self._second > leg.cancel_until + leg.shifted:
                penalty += obligations.owe_penalty(
                    self.session,
                    booking,
                    leg,
                    obligations.LATE,
                    leg.late_cancel_cents,
                    by=self.actor.name,
                    now=self.now,
                )
        return penalty

    def _refund(self, booking: Booking, leg: BookedLeg) -> int:
        if leg.state is State.HELD:
            return 0
        return obligations.refund_fare(self.session, booking, leg, by=self.actor.name, now=self.now)

    # ── common ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, id_: str) -> Booking:
        """Return a booking to who may see it.

        Raises
        ------
        NotFound
            ``unknown_booking``.
        Forbidden
            When it belongs to somebody else's account (``foreign_booking``).
        """
        booking = store.get_booking(self._connection, id_)
        owner = self.actor.role is Role.TRAVELLER and self.actor.user == booking.account
        if booking.account is None or owner or self.actor.may_look:
            return booking
        raise Forbidden(
            f"booking {booking.reference} belongs to another account; sign in as its owner, or ask the desk",
            code="foreign_booking",
        )

    def _lock(self, id_: str) -> Booking:
        store.lock_booking(self._connection, id_)
        return self.get(id_)

    def _move(self, leg: BookedLeg, state: State, **details: object) -> None:
        states.check(leg.id, leg.state, state)
        store.set_state(self._connection, leg.id, state)
        self._note(leg, leg.state, state, **details)

    def _note(self, leg: BookedLeg, before: State | None, after: State, **details: object) -> None:
        store.note(
            self._connection,
            leg.booking,
            leg.id,
            at=self.now,
            what="moved",
            by=self.actor.name,
            moved=(before, after),
            details=details,
        )

    def _announce(self, what: str, booking: Booking, legs: Iterable[BookedLeg]) -> None:
        """Tell the operators' own systems."""
        announce(self.session, what, booking, legs, self.now)

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.session)

    @property
    def _second(self) -> int:
        return instant(self.now)

    @property
    def notices(self) -> Notices:
        """What the traveller is told."""
        return Notices(self.session, self.supply.catalogue, self.now)


def check_together(offers: Sequence[Offer]) -> None:
    """Refuse rides that cannot be one booking: none, too many, or two at the same time."""
    if not 1 <= len(offers) <= MOST_RIDES:
        raise InvalidInput(
            f"a booking has 1 to {MOST_RIDES} rides, not {len(offers)}; book the others separately",
            code="invalid_booking",
        )
    for one, other in pairwise(sorted(offers, key=lambda offer: offer.pickup)):
        if other.pickup[0] < one.pickup[1] or other == one:
            raise InvalidInput(
                f"the rides from {one.origin.name} and from {other.origin.name} are at the same time, and nobody can"
                " take both; book each by itself",
                code="rides_overlap",
            )


def _firm(legs: Iterable[BookedLeg]) -> list[BookedLeg]:
    """Leave out what was only held."""
    return [leg for leg in legs if leg.state is not State.HELD]


def _nobody() -> InvalidInput:
    return InvalidInput(
        "say who travels: `contact` with a name and a telephone number or e-mail address", code="invalid_contact"
    )


def announce(session: Session, what: str, booking: Booking, legs: Iterable[BookedLeg], now: datetime) -> None:
    """Tell each operator's own system what has become of its rides; nothing about who travels."""
    by_operator: dict[str, list[BookedLeg]] = {}
    for leg in legs:
        by_operator.setdefault(leg.operator, []).append(leg)
    for operator, some in by_operator.items():
        data = {
            "reference": booking.reference,
            "revision": booking.revision,
            "rides": [
                {
                    "id": leg.id,
                    "service_id": leg.offer.service,
                    "pickup_from": moment(leg.offer.pickup[0] + leg.shifted).isoformat(),
                    "pickup_until": moment(leg.offer.pickup[1] + leg.shifted).isoformat(),
                    "arrive_by": moment(leg.offer.drop_off[1] + leg.shifted).isoformat(),
                    "persons": leg.offer.party.persons,
                    "origin_stop": leg.offer.origin.stop_id,
                    "destination_stop": leg.offer.destination.stop_id,
                }
                for leg in some
            ],
        }
        key = f"{what}/{booking.reference}/{booking.revision}/{'+'.join(leg.id for leg in some)}"
        webhooks.announce(session, what, data, operator=operator, key=key, now=now)
