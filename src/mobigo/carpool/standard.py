"""Bookings that another operator knows too: strict inside, tolerant at the border.

Inside, a booking moves only as `mobigo.carpool.states` allows, and our own proof decides what is paid. At the border a
status is what either side has said last, as long as it comes later in the standard's order: some may be skipped, what
was said already is answered 409, and an order that cannot be is never an error of ours.

What changes here is told to the other operator by calls that are written down in the transaction of the change
(`mobigo.carpool.standard_client` makes them).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mobigo.accounts.token import check
from mobigo.carpool import standard_store, store, talk, talk_store, waiting_store, wishes_store
from mobigo.carpool.model import BookingState, WaitingState
from mobigo.carpool.plan import Spot
from mobigo.carpool.service import Actor, Rides
from mobigo.carpool.standard_documents import ORDER, Booking, BookingEvent, Message, User, later, write
from mobigo.carpool.standard_search import write_price
from mobigo.carpool.standard_store import Common
from mobigo.carpool.states import MOVES
from mobigo.carpool.talk import recipient_of
from mobigo.carpool.talk_store import Said
from mobigo.carpool.wanting import Wanted
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, NotFound
from mobigo.kit.geo import haversine
from mobigo.messages import service as messages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Run, RunStop, Seat
    from mobigo.carpool.plan import Times
    from mobigo.carpool.standard_store import Link, Operator
    from mobigo.kit.geo import Point

AT_STOP = 300.0
"""Metres: who asks to get on or off this near to a stop of the run does so there."""

PUNCTUAL = timedelta(minutes=30)
"""By which the car may come later or earlier than the booking says."""

FORGOTTEN = timedelta(days=30)
"""After the pick-up it is forgotten who travelled for another operator."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

MANY = 200
"""Changes that are looked at in one go."""

TOLD = {
    BookingState.CONFIRMED: "carpool_elsewhere_confirmed",
    BookingState.CANCELLED: "carpool_elsewhere_cancelled",
}
"""What a passenger of ours is told when the other operator says so."""


def missing(what: str) -> NotFound:
    """Say that there is no such thing, in the standard's words: ``missing_journey``, ``_booking`` or ``_user``."""
    return NotFound(f"there is no such {what}, or not for this operator", code=f"missing_{what}")


@dataclass(frozen=True)
class Border:
    """What one other operator asks of us.

    Parameters
    ----------
    domain : str
        Ours.
    key : bytes
        Of the home.
    """

    session: Session
    roads: Times
    key: bytes
    domain: str
    operator: Operator
    now: datetime

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.session)

    @property
    def _rides(self) -> Rides:
        actor = Actor(self.operator.id, operator=self.operator.id)
        return Rides(self.session, self.roads, self.key, actor, self.now)  # type: ignore[arg-type]

    # ── bookings ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def take(self, booking: Booking) -> Common:
        """Take in a booking that the other operator begins.

        Raises
        ------
        InvalidInput
            When its status is not the first one, its id is taken, or neither of the two is ours.
        NotFound
            When there is no such journey or user of ours.
        Conflict
            When the car has no seat any more.
        """
        if booking.status is not BookingState.WAITING_CONFIRMATION:
            raise InvalidInput(f"a new booking is {BookingState.WAITING_CONFIRMATION}, not {booking.status}")
        if standard_store.find_common(self._connection, booking.id) is not None:
            raise InvalidInput(f"there is a booking {booking.id} already; give a new one a new id")
        if booking.driver.operator == self.domain and booking.passenger.operator == self.operator.id:
            return self._take_passenger(booking)
        if booking.passenger.operator == self.domain and booking.driver.operator == self.operator.id:
            return self._take_driver(booking)
        raise InvalidInput(
            f"one of the two must be of {self.domain} and the other of {self.operator.id};"
            f" the driver is of {booking.driver.operator}, the passenger of {booking.passenger.operator}"
        )

    def _take_passenger(self, booking: Booking) -> Common:
        """Let a passenger of theirs ride with a driver of ours."""
        run = self._find_run(booking)
        wanted = Wanted(
            run.id,
            _find_end(run, booking.pickup, booking.passenger_pickup_address),
            _find_end(run, booking.drop, booking.passenger_drop_address),
            seats=booking.seats,
            ready_at=max(self.now, booking.pickup_at - PUNCTUAL),
            board_by=booking.pickup_at + PUNCTUAL,
            id=booking.id,
            foreign_passenger=booking.passenger.id,
        )
        try:
            self._rides.book(wanted)
        except Conflict as error:
            raise InvalidInput(f"the seat is not to be had: {error}") from None
        return self._begin(booking, "driver", None)

    def _find_run(self, booking: Booking) -> Run:
        """Find the run that a booking means: by its id, or the driver's about that time."""
        if booking.driver_journey_id is not None:
            try:
                run = store.get_run(self._connection, booking.driver_journey_id)
            except NotFound:
                raise missing("journey") from None
            if run.driver != booking.driver.id:
                raise missing("user")
            return run
        span = booking.pickup_at - PUNCTUAL, booking.pickup_at + PUNCTUAL
        found = store.list_runs(self._connection, driver=booking.driver.id, between=span, limit=1)
        if not found:
            raise missing("journey")
        return found[0]

    def _take_driver(self, booking: Booking) -> Common:
        """Let a driver of theirs offer a ride to somebody of ours, who answers themselves."""
        person = self._find_passenger(booking)
        common = self._begin(booking, "passenger", person)
        self._tell(person, "carpool_elsewhere_offered", booking, booking.driver)
        return common

    def _find_passenger(self, booking: Booking) -> str:
        """Find who of ours a driver of theirs would take: somebody who waits, or looks for a ride every week."""
        journey = booking.passenger_journey_id
        if journey is not None and journey.startswith("wish_"):
            id_, _, second = journey.partition(".")
            try:
                wish = wishes_store.get_wish(self._connection, booking.passenger.id, id_)
            except NotFound:
                raise missing("journey") from None
            if wish.ended_at is not None or not second.isdecimal():
                raise missing("journey")
            return wish.person
        try:
            found = (
                waiting_store.find_open(self._connection, booking.passenger.id)
                if journey is None
                else waiting_store.get_waiting(self._connection, journey)
            )
        except NotFound:
            raise missing("journey") from None
        if found is None or found.passenger != booking.passenger.id:
            raise missing("user")
        if found.state is not WaitingState.WAITING:
            raise missing("journey")
        return found.passenger

    def _begin(self, booking: Booking, ours: str, person: str | None) -> Common:
        common = Common(
            id=booking.id,
            operator=self.operator.id,
            ours=ours,
            person=person,
            begun_here=False,
            document=write(booking),
            status=BookingState.WAITING_CONFIRMATION,
            state=BookingState.WAITING_CONFIRMATION,
            told=BookingState.WAITING_CONFIRMATION,
            pickup_at=booking.pickup_at,
            made_at=self.now,
            changed_at=self.now,
        )
        if not standard_store.add_common(self._connection, common):
            raise InvalidInput(f"there is a booking {booking.id} already; give a new one a new id")
        return common

    def change(self, id_: str, status: BookingState, message: str | None = None) -> Common:
        """Hear that a booking has another status, and why.

        Raises
        ------
        NotFound
            ``missing_booking``.
        Conflict
            When that was said already, or something that comes later (``status_already_set``).
        """
        common = self._lock(id_)
        if ORDER.index(status) <= ORDER.index(common.status):
            raise Conflict(f"booking {id_} is {common.status} already", code="status_already_set")
        common = replace(common, status=status, told=status, changed_at=self.now)
        if common.ours == "driver":
            self._follow(common, status)
        else:
            common = self._walk(common, status, message)
        standard_store.set_common(self._connection, common)
        return common

    def _lock(self, id_: str) -> Common:
        """Lock a booking in common with this operator, its run before it where the driver is ours."""
        found = standard_store.find_common(self._connection, id_)
        if found is None or found.operator != self.operator.id or found.document is None:
            raise missing("booking")
        if found.ours == "driver":
            store.lock_run(self._connection, store.get_booking(self._connection, id_).run)
        common = standard_store.lock_common(self._connection, id_)
        assert common is not None
        return common

    def _follow(self, common: Common, status: BookingState) -> None:
        """Cancel a seat with a driver of ours when they say so, as far as it still can be; the rest is ours to tell."""
        if status is not BookingState.CANCELLED:
            return
        try:
            with self.session.begin_nested():
                self._rides.cancel(common.id)
        except MobigoError:
            return  # they are aboard, or it is over: what happened stands, and is theirs to say otherwise

    def _walk(self, common: Common, status: BookingState, message: str | None) -> Common:
        """Move a booking of a passenger of ours step by step to where their driver's operator says it is."""
        before = common.state
        path = _find_path(common.state, status)
        if path and common.person is not None and path[-1] != before and status in TOLD:
            booking = Booking.model_validate(common.document)
            self._tell(common.person, TOLD[status], booking, booking.driver, text=message)
        return replace(common, state=path[-1] if path else before)

    def read(self, id_: str) -> dict[str, Any]:
        """Return a booking as the standard writes it.

        Raises
        ------
        NotFound
            ``missing_booking``.
        """
        common = standard_store.find_common(self._connection, id_)
        if common is None or common.operator != self.operator.id or common.document is None:
            raise missing("booking")
        state = common.state
        if common.ours == "driver":
            state = store.get_booking(self._connection, id_).state
        return {**common.document, "status": later(common.status, state).value}

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def hear(self, message: Message) -> None:
        """Take in a message from somebody of theirs to somebody of ours.

        Raises
        ------
        NotFound
            When there is no such booking, journey or user.
        InvalidInput
            When the sender is not theirs, or the recipient not ours.
        """
        if message.from_.operator != self.operator.id or message.to.operator != self.domain:
            raise InvalidInput(f"a message goes from somebody of {self.operator.id} to somebody of {self.domain}")
        if message.booking_id is not None:
            self._hear_of_booking(message, message.booking_id)
        else:
            self._hear_of_journey(message)

    def _hear_of_booking(self, message: Message, id_: str) -> None:
        common = standard_store.find_common(self._connection, id_)
        if common is None or common.operator != self.operator.id or common.document is None:
            raise missing("booking")
        booking = Booking.model_validate(common.document)
        if common.ours == "driver":
            seat = store.get_booking(self._connection, id_)
            run = store.get_run(self._connection, seat.run)
            if message.to.id != run.driver:
                raise missing("user")
            text = talk.read_text(message.message, talk.LONGEST_TEXT)
            said = Said(0, run.id, seat.id, None, run.driver, self.operator.id, text, self.now, None)
            talk.notify(self.session, run, talk_store.add_message(self._connection, said), self.now)
            return
        if message.to.id != common.person or common.person is None:
            raise missing("user")
        text = talk.read_text(message.message, talk.LONGEST_TEXT)
        self._tell(common.person, "carpool_elsewhere_message", booking, message.from_, text=text)

    def _hear_of_journey(self, message: Message) -> None:
        journey = message.driver_journey_id or message.passenger_journey_id or message.journey_id
        if journey is None:
            raise missing("journey")
        if message.recipient_carpooler_type == "DRIVER":
            try:
                run = store.get_run(self._connection, journey)
            except NotFound:
                raise missing("journey") from None
            owner, ends = run.driver, (run.stops[0].name, run.stops[-1].name, run.stops[0].planned_at)
        else:
            try:
                one = waiting_store.get_waiting(self._connection, journey)
            except NotFound:
                raise missing("journey") from None
            owner, ends = one.passenger, (one.stop, one.to, one.since)
        if owner != message.to.id:
            raise missing("user")
        self._say(
            owner,
            "carpool_elsewhere_message",
            {
                "origin": ends[0],
                "destination": ends[1],
                "pickup": ends[2],
                "alias": message.from_.alias,
                "text": talk.read_text(message.message, talk.LONGEST_TEXT),
            },
            about=f"carpool_journey:{journey}",
        )

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def note_event(self, event: BookingEvent) -> None:
        """Take in what happened to a booking that somebody of ours made on the other operator's pages.

        The same event said again changes nothing; what is older than what is known already neither.

        Raises
        ------
        Unauthorised
            When the ID token is not one of ours.
        NotFound
            When nobody of ours has that account.
        InvalidInput
            When an event of that id said something else, or the booking is another one.
        """
        hash_ = hashlib.sha256(json.dumps(write(event.data), sort_keys=True).encode()).hexdigest()
        known = standard_store.take_event(
            self._connection, self.operator.id, event.id, event.data.id, hash_=hash_, now=self.now
        )
        if known is not None:
            if known != hash_:
                raise InvalidInput(f"event {event.id} said something else before; give a new one a new id")
            return
        account = check(self.key, event.id_token, EPOCH).user  # tokens of events last as long as their bookings
        person = store.find_person(self._connection, account)
        if person is None:
            raise missing("user")
        id_ = f"{self.operator.id}:{event.data.id}"
        common = standard_store.lock_common(self._connection, id_)
        if common is None:
            self._begin_event(id_, person.id, event)
        elif common.person != person.id:
            raise InvalidInput(f"booking {event.data.id} is of somebody else")
        elif ORDER.index(event.data.status) > ORDER.index(common.status):
            status = event.data.status
            standard_store.set_common(
                self._connection,
                replace(common, status=status, state=status, told=status, changed_at=self.now),
            )

    def _begin_event(self, id_: str, person: str, event: BookingEvent) -> None:
        data = event.data
        standard_store.add_common(
            self._connection,
            Common(
                id=id_,
                operator=self.operator.id,
                ours="passenger",
                person=person,
                begun_here=False,
                document=write(data),
                status=data.status,
                state=data.status,
                told=data.status,
                pickup_at=data.pickup_at,
                made_at=self.now,
                changed_at=self.now,
            ),
        )

    # ── common ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, person: str, template: str, booking: Booking, other: User, *, text: str | None = None) -> None:
        values = {
            "origin": booking.passenger_pickup_address or _write_point(booking.pickup),
            "destination": booking.passenger_drop_address or _write_point(booking.drop),
            "pickup": booking.pickup_at,
            "alias": other.alias,
            "text": text,
        }
        self._say(person, template, values, about=f"carpool_booking:{booking.id}")

    def _say(self, person: str, template: str, values: Mapping[str, object], *, about: str) -> None:
        messages.send(
            self.session,
            template,
            recipient_of(store.get_person(self._connection, person)),
            {**values, "operator": self.operator.name, "alias": values["alias"] or self.operator.name},
            key=f"{about}/{self.now.isoformat()}",
            about=about,
            now=self.now,
        )


def _find_end(run: Run, point: Point, name: str | None) -> int | Spot:
    """Return the stop of a run that is near enough, else the place itself."""
    near: list[tuple[float, RunStop]] = [(haversine(stop.point, point), stop) for stop in run.stops]
    metres, stop = min(near, key=lambda pair: pair[0])
    return stop.id if metres <= AT_STOP else Spot(name or _write_point(point), point)


def _write_point(point: Point) -> str:
    return f"{point.lat:.5f}, {point.lon:.5f}"


def _find_path(before: BookingState, after: BookingState) -> list[BookingState]:
    """Return the lawful steps from one state to another; none where there is no such way."""
    paths = [[before]]
    for path in paths:
        if path[-1] is after:
            return path[1:]
        paths += [[*path, state] for state in sorted(MOVES[path[-1]], key=ORDER.index)]
    return []


# ── what others are to be told ────────────────────────────────────────────────────────────────────────────────────────


def tell_status(connection: Connection[Any], common: Common, status: BookingState, now: datetime) -> None:
    """Write down that the other operator is to be told a status."""
    path = f"/bookings/{quote(common.id, safe='')}?{urlencode({'status': status.value})}"
    standard_store.add_call(
        connection,
        common.operator,
        f"{common.id}/{status.value}",
        ("PATCH", path, None),
        about=common.id,
        now=now,
    )


def note_changes(session: Session, now: datetime) -> int:
    """Write down what other operators are to be told of bookings with our drivers that changed; return how many.

    Whoever changes a booking need not know that it is of another operator.
    """
    connection = driver(session)
    changed = standard_store.list_changed(connection, MANY)
    for id_ in changed:
        common = standard_store.lock_common(connection, id_)
        assert common is not None
        state = store.get_booking(connection, id_).state
        if state is common.state:
            continue
        common = replace(common, state=state, changed_at=now)
        if ORDER.index(state) > ORDER.index(common.status):
            common = replace(common, status=state)
            tell_status(connection, common, state, now)
        standard_store.set_common(connection, common)
    return len(changed)


def note_events(session: Session, base: str, now: datetime) -> int:
    """Write down the events that platforms are to be told of people who linked themselves; return how many."""
    connection = driver(session)
    count = 0
    for link in standard_store.list_links(connection):
        for id_, revision in standard_store.list_untold(connection, link, MANY):
            _note_event(connection, link, store.get_booking(connection, id_), base, now)
            standard_store.set_told(connection, link, revision)
            count += 1
    return count


def _note_event(connection: Connection[Any], link: Link, seat: Seat, base: str, now: datetime) -> None:
    run = store.get_run(connection, seat.run)
    stops = store.list_stops(connection, [seat.board, seat.alight])
    board, alight = stops[seat.board], stops[seat.alight]
    begin, end = seat.board_at or board.planned_at, seat.alight_at or alight.planned_at
    data = {
        "id": seat.id,
        "status": seat.state.value,
        "passengerPickupDate": int(begin.timestamp()),
        "passengerPickupLat": board.point.lat,
        "passengerPickupLng": board.point.lon,
        "passengerPickupAddress": board.name,
        "passengerDropLat": alight.point.lat,
        "passengerDropLng": alight.point.lon,
        "passengerDropAddress": alight.name,
        "distance": max(0, alight.metres - board.metres),
        "duration": max(0, int((end - begin).total_seconds())),
        "webUrl": base,
        "driver": talk.write_sender(store.get_person(connection, run.driver)),
        "price": write_price(seat.cents),
    }
    event = {"id": _event_id(seat, link), "idToken": link.id_token, "data": data}
    standard_store.add_call(
        connection,
        link.operator,
        f"{seat.id}/{link.operator}/{seat.state.value}",
        ("POST", "/booking_events", event),
        about=f"{seat.id}/{link.operator}",
        now=now,
    )


def _event_id(seat: Seat, link: Link) -> str:
    """Return an id that is the same each time this status of this booking is told to this platform."""
    digest = hashlib.sha256(f"{seat.id}/{seat.state.value}/{link.operator}".encode()).digest()[:16]
    version, variant = (digest[6] & 0x0F) | 0x50, (digest[8] & 0x3F) | 0x80
    raw = bytes([*digest[:6], version, digest[7], variant, *digest[9:]]).hex()
    return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"


def forget(session: Session, now: datetime) -> int:
    """Forget who travelled with other operators a month ago, and the calls about it; return how many."""
    connection = driver(session)
    forgotten = standard_store.forget_documents(connection, now - FORGOTTEN)
    return forgotten + standard_store.forget_calls(connection, now - FORGOTTEN)
