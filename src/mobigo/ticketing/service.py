"""Orders in one transaction: held with all places they need or not at all, given up, expired, and what is written then.

What needs the payment provider is in `mobigo.ticketing.counter`, step by step.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mobigo.accounts.model import Role
from mobigo.carpool import quotes as carpool_quotes
from mobigo.carpool import store as carpool_store
from mobigo.carpool.match import DELAY_GUARD
from mobigo.carpool.model import BookingState
from mobigo.carpool.ride_answers import from_quote, moment
from mobigo.carpool.service import Actor as CarpoolActor
from mobigo.carpool.service import Rides
from mobigo.carpool.wanting import Wanted
from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.model import RideKind
from mobigo.kit.errors import Conflict, InvalidInput, Unavailable
from mobigo.ondemand import conduct, upkeep
from mobigo.ondemand import quotes as ondemand_quotes
from mobigo.ondemand import store as ondemand_store
from mobigo.ondemand.service import ALPHABET, REFERENCE, TRIES, Bookings
from mobigo.ondemand.service import Actor as OndemandActor
from mobigo.ondemand.service import Order as Booked
from mobigo.ondemand.states import ENDS, WAITING
from mobigo.payments import store as payments_store
from mobigo.ticketing import books, states, store
from mobigo.ticketing.model import Contact, Offer, Order, OrderState, Part, PartKind, PartState, Ride

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Seat
    from mobigo.ondemand.supply import Supply
    from mobigo.street.drives import Drives
    from mobigo.ticketing.model import OfferPart, OfferRide

HOLD = timedelta(minutes=15)
"""An order is kept to be paid, at most; on-demand services may hold their places for less."""

MOST_PARTS = 60
"""Of one order."""

DEAREST = 500_000
"""Cents of one order: five thousand euros are a mistake."""

SYSTEM = "system"
"""Who acts when nobody does."""


@dataclass(frozen=True)
class Buyer:
    """Who does something to an order."""

    user: str = ""
    role: Role | None = None
    """None: somebody without a token, who has the order's id."""
    staff: bool = False
    """They sell at a desk."""

    @property
    def account(self) -> str | None:
        """Whose order it is; None: of whoever has its id."""
        return self.user if self.user and not self.staff else None

    @property
    def name(self) -> str:
        """As the history says it: of travellers it says nothing more."""
        if self.staff:
            return self.user
        return self.user if self.user == SYSTEM else "traveller"


NOBODY = Buyer(SYSTEM)


@dataclass(frozen=True)
class Places:
    """What books the rides of other rooms.

    Parameters
    ----------
    key : bytes
        Of the home: what quotes and offers are signed with.
    supply : Supply, optional
        Of on-demand services, as they are now; None: there are none.
    roads : Drives
        Ways by car.
    """

    key: bytes
    supply: Supply | None
    roads: Drives


@dataclass(frozen=True)
class Orders:
    """What one buyer does at one moment.

    Parameters
    ----------
    session : Session
        Of the transaction; the caller commits.
    places : Places
    buyer : Buyer
    now : datetime
    """

    session: Session
    places: Places
    buyer: Buyer
    now: datetime

    # ── holding ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def hold(
        self,
        offers: Sequence[Offer],
        contact: Contact | None,
        channel: str,
        *,
        exchanges: str | None = None,
        credit: int = 0,
    ) -> Order:
        """Hold all that offers promise, or nothing.

        Raises
        ------
        InvalidInput
            When it cannot be one order (``invalid_order``), or nobody is to be reached where a vehicle comes.
        PlacesGone
            When a place cannot be had any more, of the room that books it.
        """
        offer = _join(offers)
        self._check_names(offer, contact)
        taken, booking, until = self._book(offer, contact)
        order = Order(
            id=f"o{secrets.token_urlsafe(18)}",
            reference="",
            state=OrderState.HELD,
            version=offer.version,
            currency=offer.currency,
            cents=offer.cents,
            credit=credit,
            cash=0,
            channel=channel,
            account=self.buyer.account,
            contact=contact,
            until=until,
            attempts=0,
            booking=booking,
            exchanges=exchanges,
            problem=None,
            by=self.buyer.name,
            created_at=self.now,
        )
        order = self._write(order)
        parts = [
            Part(
                id=f"{order.id}.{number}",
                order=order.id,
                number=number,
                kind=part.kind,
                state=PartState.ON_HOLD,
                version=part.version,
                product=part.product,
                category=part.category,
                fellows=part.fellows,
                cents=part.cents,
                vat_permille=part.vat_permille,
                vat=books.split_vat(part.cents, part.vat_permille) if part.kind is PartKind.ADMISSION else 0,
                valid_from=part.valid_from,
                valid_until=part.valid_until,
                rides=part.rides,
                areas=part.areas,
                medium=part.medium,
                rests_on=part.rests_on,
                rebate=part.rebate,
            )
            for number, part in enumerate(offer.parts)
        ]
        store.add_parts(self._connection, parts)
        store.add_rides(self._connection, order.id, (_as_ride(n, one, taken) for n, one in enumerate(offer.rides)))
        self.note(order, "moved", moved=(None, order.state), details={"cents": order.cents})
        return store.get_order(self._connection, order.id)

    def _check_names(self, offer: Offer, contact: Contact | None) -> None:
        """Refuse what is bound to a person of whom there is no name.

        Raises
        ------
        InvalidInput
            ``invalid_contact``.
        """
        if contact is not None and contact.name:
            return
        for part in offer.parts:
            if part.version and part.kind is PartKind.ADMISSION:
                _, product = fares.get_product(self.session, part.version, part.product)
                if product.personal:
                    raise InvalidInput(
                        f"{product.name.of('en')} is bound to one person: say whose it is in `contact`, with a `name`",
                        code="invalid_contact",
                    )

    def _write(self, order: Order) -> Order:
        for _ in range(TRIES):
            reference = "".join(secrets.choice(ALPHABET) for _ in range(REFERENCE))
            order = replace(order, reference=reference)
            if store.add_order(self._connection, order, order.until):
                return order
        raise Conflict("no reference is free just now; try again")

    def _book(self, offer: Offer, contact: Contact | None) -> tuple[dict[int, str], str | None, datetime]:
        """Book the rides that are booked; return what each became, the on-demand booking, and until when it holds."""
        until = self.now + HOLD
        taken: dict[int, str] = {}
        booking = None
        called = [n for n, one in enumerate(offer.rides) if one.quote and one.ride.kind is RideKind.ON_DEMAND]
        if called:
            made = self._call(offer, called, contact)
            booking = made.id
            for n, leg in zip(called, made.legs, strict=True):
                taken[n] = leg.id
                until = min(until, leg.hold_until or until)
        for n, one in enumerate(offer.rides):
            if one.quote and one.ride.kind is RideKind.CARPOOL:
                taken[n] = self._take_seat(one.quote)
        return taken, booking, until

    def _call(self, offer: Offer, called: Sequence[int], contact: Contact | None) -> Any:  # noqa: ANN401 - a booking
        supply = self.places.supply
        if supply is None:
            raise Unavailable("on-demand services are not known just now; try again", code="no_network")
        if contact is None:
            raise InvalidInput(
                "say who travels: `contact` with a name and a telephone number or e-mail address; a vehicle comes for"
                " you",
                code="invalid_contact",
            )
        who = conduct.read_contact(contact.name, contact.phone, contact.email, contact.language)
        second = int(self.now.timestamp())
        rides = tuple(ondemand_quotes.read(self.places.key, offer.rides[n].quote or "", second) for n in called)
        bookings = Bookings(self.session, supply, self.places.key, self._caller, self.now)
        (made,) = bookings.book([Booked(rides, who, self.buyer.account, hold=True)])
        order = {(leg.offer.service, leg.offer.pickup): leg for leg in made.legs}
        return replace(made, legs=tuple(order[ride.service, ride.pickup] for ride in rides))

    def _take_seat(self, text: str) -> str:
        if self.buyer.account is None:
            raise InvalidInput(
                "a place in somebody's car is booked by a person known to us; sign in as a traveller",
                code="sign_in_first",
            )
        quote = carpool_quotes.read(self.places.key, text, int(self.now.timestamp()))
        board, alight = from_quote(quote)
        wanted = Wanted(
            run=quote.run,
            board=board,
            alight=alight,
            seats=quote.seats,
            ready_at=moment(quote.ready_at),
            board_by=moment(quote.board_at + DELAY_GUARD),
            there_by=moment(quote.there_by),
            cents=quote.cents,
        )
        return self.seats.book(wanted).id

    # ── giving up ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def end_unpaid(self, order: Order, state: OrderState) -> Order:
        """Give an order up that nobody has paid: cancelled, or expired; its places are free again."""
        states.check(order.reference, order.state, state)
        self.release(order)
        self.move_parts([part for part in order.parts if part.state is PartState.ON_HOLD], PartState.RELEASED)
        return self.move(order, state)

    def release(self, order: Order) -> None:
        """Free the places of an order that is not issued."""
        if order.booking is not None and self.places.supply is not None:
            upkeep.free_expired(self.session, self.now)
            bookings = Bookings(self.session, self.places.supply, self.places.key, self.caller_of(order), self.now)
            if any(leg.state in WAITING for leg in bookings.get(order.booking).legs):
                bookings.cancel(order.booking, waive=True)
        for ride in order.rides:
            if ride.kind == RideKind.CARPOOL and ride.booking is not None:
                self.give_seat_back(ride.booking)

    def give_seat_back(self, booking: str) -> None:
        """Cancel a place in a car, where it is to come yet."""
        seats = self._seats_of(CarpoolActor(SYSTEM, staff=True))
        seat = seats.see_booking(booking)
        waits = seat.state in {BookingState.CONFIRMED, BookingState.WAITING_CONFIRMATION}
        if waits and seat.boarded_at is None:
            seats.cancel(booking, reason="the order ended")

    # ── common ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def lock(self, id_: str) -> Order:
        """Let nobody else deal with an order's money until the transaction ends, and return the order as it is."""
        payments_store.lock(self._connection, "order", id_)
        return self.get(id_)

    def get(self, id_: str) -> Order:
        """Return an order to who may see it: its account, or whoever has its id where it has none.

        Raises
        ------
        NotFound
            ``unknown_order``: also where it is somebody else's.
        """
        order = store.get_order(self._connection, id_)
        mine = order.account is None or order.account == self.buyer.user
        if mine or self.buyer.staff or self.buyer.user == SYSTEM:
            return order
        raise store.unknown_order(id_)

    def move(
        self, order: Order, state: OrderState, *, next_at: datetime | None = None, problem: str | None = None
    ) -> Order:
        """Move an order, with its history."""
        states.check(order.reference, order.state, state)
        store.set_state(self._connection, order.id, state, next_at=next_at, problem=problem)
        self.note(order, "moved", moved=(order.state, state), details={"problem": problem} if problem else {})
        return store.get_order(self._connection, order.id)

    def move_parts(self, parts: Sequence[Part], state: PartState) -> None:
        """Move parts, with their history."""
        for part in parts:
            states.check_part(part.id, part.state, state)
            store.note(
                self._connection,
                part.order,
                part=part.id,
                at=self.now,
                what="moved",
                by=self.buyer.name,
                moved=(part.state, state),
            )
        store.move_parts(self._connection, [part.id for part in parts], state)

    def note(
        self,
        order: Order,
        what: str,
        *,
        moved: tuple[str | None, str] | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Add to the history of an order."""
        store.note(self._connection, order.id, at=self.now, what=what, by=self.buyer.name, moved=moved, details=details)

    def require_unpaid(self, order: Order) -> None:
        """Refuse what can be done before it is paid only.

        Raises
        ------
        Conflict
            ``order_over`` of one that was given up; ``order_paid`` of one that is paid.
        """
        if order.state in states.UNPAID:
            return
        ended = order.state in {OrderState.CANCELLED, OrderState.EXPIRED}
        raise Conflict(
            f"order {order.reference} is {order.state}; {'order again' if ended else 'it is paid already'}",
            code="order_over" if ended else "order_paid",
        )

    def find_debt(self, ride: Ride) -> tuple[str, int] | None:
        """Tell whom the ledger names for a booked ride, and the cents its service asks for."""
        if ride.booking is None:
            return None
        if ride.kind == RideKind.ON_DEMAND:
            leg = ondemand_store.get_leg(self._connection, ride.booking)
            booking = ondemand_store.get_booking(self._connection, leg.booking)
            return f"booking:{booking.reference}", leg.offer.cents or 0
        seat = self.find_seat(ride.booking)
        return f"person:{seat.passenger}", seat.cents

    def find_seat(self, booking: str) -> Seat:
        """Return a place in a car."""
        return carpool_store.get_booking(self._connection, booking)

    def is_called_off(self, ride: Ride) -> bool:
        """Tell whether a booked ride was called off, by who drives or by who travels."""
        assert ride.booking is not None
        if ride.kind == RideKind.ON_DEMAND:
            return ondemand_store.get_leg(self._connection, ride.booking).state in ENDS
        return self.find_seat(ride.booking).state is BookingState.CANCELLED

    @property
    def seats(self) -> Rides:
        """Places in cars, for who buys."""
        account = self.buyer.account
        person = None if account is None else carpool_store.ensure_person(self._connection, account, self.now).id
        return self._seats_of(CarpoolActor(person or "", person))

    def _seats_of(self, actor: CarpoolActor) -> Rides:
        return Rides(self.session, self.places.roads, self.places.key, actor, self.now)

    @property
    def _caller(self) -> OndemandActor:
        return OndemandActor(self.buyer.user, self.buyer.role)

    @staticmethod
    def caller_of(order: Order) -> OndemandActor:
        """Return as whom the on-demand rides of an order are dealt with."""
        return OndemandActor(order.account or "", Role.TRAVELLER if order.account else None)

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.session)


def _join(offers: Sequence[Offer]) -> Offer:
    """Make one offer of several: all from one version of the catalogue, in one currency."""
    if not offers:
        raise InvalidInput("an order needs `offers`", code="invalid_order")
    if len({offer.currency for offer in offers}) > 1:
        raise InvalidInput("the offers are in different currencies; order them one by one", code="invalid_order")
    parts: list[OfferPart] = []
    rides: list[OfferRide] = []
    for offer in offers:
        before = len(parts)
        parts += [
            replace(
                part,
                rides=tuple(n + len(rides) for n in part.rides),
                rests_on=None if part.rests_on is None else part.rests_on + before,
            )
            for part in offer.parts
        ]
        rides += offer.rides
    if len(parts) > MOST_PARTS:
        raise InvalidInput(f"{len(parts)} tickets; order at most {MOST_PARTS} at once", code="invalid_order")
    quotes: dict[str, int] = defaultdict(int)
    for one in rides:
        if one.quote:
            quotes[one.quote] += 1
    if any(number > 1 for number in quotes.values()):
        raise InvalidInput("the same offer is in the order twice; send each once", code="invalid_order")
    joined = Offer(
        max(offer.version for offer in offers),
        offers[0].currency,
        tuple(parts),
        tuple(rides),
        min(one.until for one in offers),
    )
    if joined.cents > DEAREST:
        raise InvalidInput(f"{joined.cents} cents; order at most {DEAREST} at once", code="invalid_order")
    return joined


def _as_ride(number: int, one: OfferRide, taken: dict[int, str]) -> Ride:
    ride = one.ride
    return Ride(
        number,
        ride.kind,
        ride.agency,
        ride.route,
        ride.board,
        ride.alight,
        ride.departure,
        ride.arrival,
        ride.service_date,
        ride.trip,
        ride.metres,
        one.alone,
        taken.get(number),
    )
