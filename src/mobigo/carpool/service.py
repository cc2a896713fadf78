"""Runs and bookings: offered, booked, confirmed, driven, ended, each in the transaction of its session.

What is booked is measured again on the road with its run locked: every seat, every bound, as the database has them.
Where it cannot be had any more, `PlacesGone` says so; nothing is changed then.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from mobigo.carpool import lines, noting, people, states, store
from mobigo.carpool.fares import find_fare
from mobigo.carpool.model import BookingState, Run, RunState, Seat
from mobigo.carpool.notices import Notices
from mobigo.carpool.plan import Asked, Spot, bind, find_fit, lay_out, next_stop, take_out
from mobigo.carpool.policies_store import read_rules
from mobigo.carpool.states import ACTIVE, OPEN, Reason
from mobigo.carpool.wanting import PlacesGone, Wanted
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, Refused
from mobigo.kit.geo import haversine
from mobigo.trace.model import Deed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.lines import Roads
    from mobigo.carpool.model import RunStop
    from mobigo.carpool.plan import Fit
    from mobigo.kit.geo import Point

SYSTEM = "system"
"""Who acts when nobody does."""

ZONE = "Europe/Paris"
"""Of runs that are on no line."""

MOST_SEATS = 8

FEWEST_STOPS, MOST_STOPS = 2, 10
"""Of a run that is on no line."""

FARTHEST = timedelta(days=100)
"""Ahead, that runs are offered."""

JUST_NOW = timedelta(minutes=5)
"""A run may be offered that set out so long ago."""

EARLY = timedelta(hours=1)
"""Before its departure a run may begin."""

AT_STOP = 150.0
"""Metres from a stop within which a car is there."""

FASTEST = 60.0
"""Metres per second: a position that would need more is a mistake of the phone."""

SKEW = timedelta(minutes=5)
"""By which a phone's clock may be ahead of ours."""


@dataclass(frozen=True)
class Actor:
    """Who does something."""

    name: str
    """As the history says it: a person's id, the user of somebody of the staff, the domain of an operator."""
    person: str | None = None
    """Id, of who drives and rides."""
    staff: bool = False
    operator: str | None = None
    """Domain of another operator, who acts for their own people."""

    @property
    def is_system(self) -> bool:
        """Tell whether nobody acts: a job does."""
        return self.name == SYSTEM


NOBODY = Actor(SYSTEM, staff=True)


@dataclass(frozen=True)
class Offer:
    """A run that somebody offers."""

    departs_at: datetime
    seats: int
    way: tuple[Spot, ...] = ()
    """Where they go by themselves; of a run on a line its stops, which nobody needs to say."""
    line: str | None = None
    direction: int | None = None
    first: str | None = None
    """Stop of the line where the run begins; its first, unless told."""
    last: str | None = None
    plate: str | None = None
    confirms: bool = True
    """Somebody who books has a place at once; else the driver answers first."""
    spontaneous: bool = False
    regular: str | None = None


@dataclass(frozen=True)
class Rides:
    """What one actor does at one moment.

    Parameters
    ----------
    session : Session
        Of the transaction; the caller commits.
    times : Roads
        Ways on the road.
    key : bytes
        Of the home.
    actor : Actor
    now : datetime
    """

    session: Session
    times: Roads
    key: bytes
    actor: Actor
    now: datetime

    # ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def offer_run(self, offer: Offer, *, driver_id: str | None = None) -> Run:
        """Offer a run.

        Parameters
        ----------
        driver_id : str, optional
            Who drives, where it is not who acts.

        Raises
        ------
        InvalidInput
            When it makes no sense.
        Refused
            When no road leads there, the driver is under age, or drives or rides at that time (``busy_then``).
        """
        person = self._for(driver_id)
        people.require_adult(store.get_person(self._connection, person))
        if not 1 <= offer.seats <= MOST_SEATS:
            raise InvalidInput(f"a car with {offer.seats} seats; offer 1 to {MOST_SEATS}", code="invalid_run")
        if not self.now - JUST_NOW <= offer.departs_at <= self.now + FARTHEST:
            raise InvalidInput(
                f"the departure {offer.departs_at:%Y-%m-%dT%H:%M%z} is not between now and {FARTHEST.days} days ahead",
                code="invalid_instant",
            )
        offer = replace(offer, departs_at=offer.departs_at.replace(microsecond=0))
        zone = ZONE
        if offer.line is not None:
            line = lines.get_line(self._connection, offer.line)
            zone = line.timezone
            way, metres = lines.find_way(lines.measure(line, self.times), offer.direction, offer.first, offer.last)
            stops = lay_out(way, offer.departs_at, self.times, metres=metres)
        else:
            stops = lay_out(_read_way(offer.way), offer.departs_at, self.times)
        run = Run(
            id=f"r{secrets.token_urlsafe(15)}",
            driver=person,
            seats=offer.seats,
            stops=stops,
            state=RunState.PLANNED,
            service_date=offer.departs_at.astimezone(ZoneInfo(zone)).date(),
            line=offer.line,
            direction=(offer.direction or 0) if offer.line is not None else None,
            regular=offer.regular,
            spontaneous=offer.spontaneous,
            plate=people.read_plate(offer.plate) if offer.plate else None,
            confirms=offer.confirms,
        )
        store.lock_people(self._connection, [person])
        self._check_free(person, stops[0].planned_at, stops[-1].planned_at)
        store.add_run(self._connection, run, self.now)
        self._note_run(run, "moved", (None, run.state))
        noting.note_offer(self.session, run, self.now)
        return self._publish(run.id)

    def change_run(
        self, id_: str, *, seats: int | None = None, plate: str | None = None, confirms: bool | None = None
    ) -> Run:
        """Change what a run offers; what is booked stays booked.

        Raises
        ------
        Conflict
            When more seats are booked (``seats_booked``), or the run is over.
        """
        run = self._lock_own(id_)
        self._check_active(run)
        changed = replace(
            run,
            seats=run.seats if seats is None else seats,
            plate=people.read_plate(plate) if plate else run.plate,
            confirms=run.confirms if confirms is None else confirms,
        )
        if not 1 <= changed.seats <= MOST_SEATS:
            raise InvalidInput(f"a car with {changed.seats} seats; offer 1 to {MOST_SEATS}", code="invalid_run")
        taken = store.most_taken(self._connection, id_)
        if changed.seats < taken:
            raise Conflict(
                f"{taken} seats of run {id_} are booked at once; cancel bookings before you offer {changed.seats}",
                code="seats_booked",
            )
        store.set_run(self._connection, changed)
        self._note_run(run, "changed", details={"seats": changed.seats, "confirms": changed.confirms})
        return self._publish(id_)

    def cancel_run(self, id_: str, *, reason: str = "", why: Reason = Reason.RUN_CANCELLED) -> Run:
        """Take a run back before it sets out: who has booked is told."""
        run = self._lock_own(id_)
        states.check_run(id_, run.state, RunState.CANCELLED)
        ended = [self._move(one, BookingState.CANCELLED, why) for one in self._open_bookings(run)]
        store.set_run(self._connection, replace(run, state=RunState.CANCELLED))
        self._note_run(run, "moved", (run.state, RunState.CANCELLED), {"reason": reason} if reason else {})
        return self._publish(id_, ended)

    # ── on the way ────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, id_: str, at: datetime | None = None) -> Run:
        """Say that the car has set out; said twice, nothing changes."""
        run = self._lock_own(id_)
        if run.state is RunState.DRIVING:
            return run
        states.check_run(id_, run.state, RunState.DRIVING)
        at = self._happened(at)
        departs = run.stops[0].planned_at
        if at < departs - EARLY:
            raise Refused(
                f"run {id_} departs at {departs:%Y-%m-%dT%H:%M:%SZ}; it can begin an hour before", code="too_early"
            )
        delay = _late(at, departs)
        store.set_run(self._connection, replace(run, state=RunState.DRIVING, started_at=at, delay=delay))
        store.set_passed(self._connection, run.stops[0].id, at)
        self._note_run(run, "moved", (run.state, RunState.DRIVING))
        return self._tell_delay(run)

    def pass_stop(self, id_: str, stop_id: int, at: datetime | None = None) -> Run:
        """Say that the car was at a stop; those before it are behind it too. Said twice, nothing changes."""
        run = self._lock_own(id_)
        stop = next((one for one in run.stops if one.id == stop_id), None)
        if stop is None:
            stop = store.get_stop(self._connection, id_, stop_id)
            raise Conflict(f"run {id_} does not go to {stop.name} any more; nobody waits there", code="stop_dropped")
        if stop.passed_at is not None:
            return run
        at = self._happened(at)
        self._check_driving(run)
        store.set_passed(self._connection, stop_id, at)
        if run.stops.index(stop) >= next_stop(run):
            delay = _late(at, stop.planned_at)
            store.set_run(self._connection, replace(run, delay=delay))
        self._note_run(run, "passed", details={"stop": stop_id, "at": at.isoformat()})
        return self._tell_delay(run)

    def locate(self, id_: str, point: Point, at: datetime | None = None) -> Run:
        """Say where the car is, and work out how late it is; where that is one of its stops, it has been there.

        A position that no car can have got to since the last one is passed over, as is one that comes too late.
        """
        run = self._lock_own(id_)
        self._check_driving(run)
        at = self._happened(at)
        if not _is_likely(run, point, at):
            return run
        here = self._find_stop_at(run, point, at)
        if here is not None:
            store.set_passed(self._connection, here.id, at)
            self._note_run(run, "passed", details={"stop": here.id, "at": at.isoformat()})
        ahead = next_stop(run) if here is None else run.stops.index(here) + 1
        delay = run.delay
        if ahead < len(run.stops):
            seconds = int(self.times.seconds([point], [run.stops[ahead].point])[0, 0])
            if seconds >= 0:
                delay = _late(at + timedelta(seconds=seconds), run.stops[ahead].planned_at)
        store.set_run(self._connection, replace(run, position=point, position_at=at, delay=delay))
        return self._tell_delay(run)

    def _find_stop_at(self, run: Run, point: Point, at: datetime) -> RunStop | None:
        """Return the stop ahead where a car is, if it is at one; where it still waits for somebody it is not."""
        near = [stop for stop in run.stops[next_stop(run) :] if haversine(stop.point, point) <= AT_STOP]
        if not near:
            return None
        waited_for = {one.board for one in self._open_bookings(run) if one.boarded_at is None}
        return None if near[0].id in waited_for and at < near[0].planned_at else near[0]

    def end(self, id_: str, at: datetime | None = None, *, broken_down: bool = False) -> Run:
        """Say that the car has arrived: confirmed bookings wait for their proof now. Said twice, nothing changes.

        Parameters
        ----------
        broken_down : bool
            The car does not go on: who was to be fetched at a stop ahead is told, and theirs is cancelled.
        """
        run = self._lock_own(id_)
        if run.state is RunState.ENDED:
            return run
        states.check_run(id_, run.state, RunState.ENDED)
        at = self._happened(at)
        ahead = {stop.id for stop in run.stops[next_stop(run) :]} if broken_down else set()
        moved = []
        for one in self._open_bookings(run):
            if one.board in ahead and one.boarded_at is None:
                moved.append(self._move(one, BookingState.CANCELLED, Reason.NOT_DRIVEN))
            elif one.state is BookingState.CONFIRMED:
                moved.append(self._move(one, BookingState.COMPLETED_PENDING_VALIDATION))
            else:
                moved.append(self._move(one, BookingState.CANCELLED, Reason.RUN_ENDED))
        driven = [one for one in moved if one.state is BookingState.COMPLETED_PENDING_VALIDATION]
        noting.note_driven(self.session, run, driven, ZONE)
        store.set_run(self._connection, replace(run, state=RunState.ENDED, ended_at=at, position=None))
        self._note_run(run, "moved", (run.state, RunState.ENDED), {"broken_down": True} if broken_down else {})
        return self._publish(id_, moved)

    # ── bookings ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def book(self, wanted: Wanted, *, passenger: str | None = None) -> Seat:
        """Book seats of a run.

        Parameters
        ----------
        passenger : str, optional
            Who rides, where it is not who acts; nobody of ours with `Wanted.foreign_passenger`.

        Raises
        ------
        PlacesGone
            When the run cannot take them without breaking a promise.
        NotFound
            ``unknown_run``; also where the two have blocked each other.
        Conflict
            When it has ended (``run_over``).
        Refused
            When they are under age, drive it themselves, or ride or drive elsewhere then (``busy_then``).
        """
        rider = self._rider(wanted, passenger)
        store.lock_people(self._connection, [rider] if rider else [])
        seat = self._book(wanted, rider, store.lock_run(self._connection, wanted.run))
        self.notices.booked(seat, self._publish(wanted.run, [seat]))
        return store.get_booking(self._connection, seat.id)

    def change(self, id_: str, wanted: Wanted) -> Seat:
        """Book something else instead of a booking: both, or neither. The new booking has an id of its own."""
        old = self._find_mine(id_)
        store.lock_people(self._connection, [old.passenger] if old.passenger else [])
        store.lock_runs(self._connection, [old.run, wanted.run])
        old = self._find_mine(id_)
        self._check_to_come(old)
        gone = self._move(old, BookingState.CANCELLED, Reason.REPLACED)
        self._take_out(old.run)
        seat = self._book(wanted, old.passenger, store.get_run(self._connection, wanted.run))
        store.publish(self._connection, {old.run, wanted.run}, [gone.id, seat.id])
        self.notices.booked(seat, store.get_run(self._connection, seat.run))
        return store.get_booking(self._connection, seat.id)

    def confirm(self, id_: str) -> Seat:
        """Confirm a booking that waits for the driver's answer.

        Raises
        ------
        Conflict
            ``status_already_set`` when it is confirmed already; ``unlawful_move`` when it has ended.
        """
        seat, run = self._lock_booking(id_, driver_only=True)
        if seat.state is BookingState.CONFIRMED:
            raise Conflict(f"booking {id_} is confirmed already", code="status_already_set")
        self._check_active(run)
        moved = self._move(seat, BookingState.CONFIRMED)
        noting.note_seat(self.session, Deed.BOOKED, seat, run, self.now)
        self.notices.confirmed(moved, self._publish(run.id, [moved]))
        return store.get_booking(self._connection, id_)

    def cancel(self, id_: str, *, reason: str = "", why: Reason | None = None) -> Seat:
        """Cancel a booking before the ride: by who rides, who drives, or the staff.

        Parameters
        ----------
        why : Reason, optional
            Who cancels, unless told.

        Raises
        ------
        Conflict
            ``status_already_set`` when it is cancelled already; ``on_board`` when they are on board.
        """
        seat, run = self._lock_booking(id_)
        self._check_to_come(seat)
        moved = self._move(
            seat, BookingState.CANCELLED, why or self._why(seat, run), {"reason": reason} if reason else {}
        )
        self._take_out(run.id)
        self._publish(run.id, [moved])
        return store.get_booking(self._connection, id_)

    def no_show(self, id_: str) -> Seat:
        """Say that somebody was not at their stop, once the car has been there.

        Raises
        ------
        Conflict
            ``on_board`` when they are on board.
        Refused
            ``no_show_too_early`` when the car was not to be there yet.
        """
        seat, run = self._lock_booking(id_, driver_only=True)
        self._check_to_come(seat)
        stop = next(one for one in run.stops if one.id == seat.board)
        there = stop.passed_at or stop.planned_at + timedelta(seconds=max(0, run.delay))
        if self.now < there:
            raise Refused(
                f"the car is to be at {stop.name} at {there:%Y-%m-%dT%H:%M:%SZ}; nobody is missing before",
                code="no_show_too_early",
            )
        moved = self._move(seat, BookingState.CANCELLED, Reason.NO_SHOW)
        self._take_out(run.id)
        self._publish(run.id, [moved])
        return store.get_booking(self._connection, id_)

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def see_run(self, id_: str) -> Run:
        """Return a run to who may see it: everybody on a line, else who drives, who has booked, and the staff.

        Raises
        ------
        NotFound
            ``unknown_run``; also where the two have blocked each other.
        """
        run = store.get_run(self._connection, id_)
        person = self.actor.person
        if self.actor.staff or (person is not None and person == run.driver):
            return run
        booked = person is not None and store.list_bookings(self._connection, run=id_, passenger=person)
        if booked and any(one.state is not BookingState.CANCELLED for one in booked):
            return run
        if run.line is None or (person is not None and run.driver in store.list_blocked(self._connection, person)):
            raise store.unknown_run(id_)
        return run

    def owns(self, run: Run) -> bool:
        """Tell whether a run is of who acts, or the staff's."""
        return self.actor.staff or (self.actor.person is not None and self.actor.person == run.driver)

    def see_booking(self, id_: str) -> Seat:
        """Return a booking to who rides, who drives, and the staff."""
        return self._find_mine(id_)

    # ── common ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _book(self, wanted: Wanted, rider: str | None, run: Run) -> Seat:
        """Put somebody into a locked run."""
        if rider == run.driver:
            raise Refused(f"you drive run {run.id} yourself; nobody books in their own car", code="own_run")
        self._check_active(run)
        if not 1 <= wanted.seats <= MOST_SEATS:
            raise InvalidInput(f"{wanted.seats} seats; book 1 to {MOST_SEATS}", code="invalid_booking")
        self._check_ends(run, wanted)
        bookings = store.list_bookings(self._connection, run=run.id)
        self._check_company(rider, run, bookings)
        asked = Asked(wanted.board, wanted.alight, wanted.seats, wanted.ready_at, wanted.board_by, wanted.there_by)
        fit = find_fit(run, bookings, asked, self.times, self.now)
        if fit is None:
            raise PlacesGone(run, wanted)
        board, alight = fit.stops[fit.board], fit.stops[fit.alight]
        if rider is not None:
            self._check_free(rider, board.planned_at, alight.planned_at)
        stops = self._write_stops(run, fit)
        seat = Seat(
            id=_read_uuid(wanted.id),
            run=run.id,
            passenger=rider,
            seats=wanted.seats,
            board=stops[fit.board].id,
            alight=stops[fit.alight].id,
            state=BookingState.CONFIRMED if run.confirms else BookingState.WAITING_CONFIRMATION,
            cents=self._price(wanted, run),
            made_at=self.now,
            operator=self.actor.operator,
            foreign_passenger=wanted.foreign_passenger,
            board_at=board.planned_at,
            alight_at=alight.planned_at,
            note=wanted.note,
        )
        if not store.add_booking(self._connection, seat):
            raise Conflict(
                f"there is a booking {seat.id} already; give a new one an id of its own", code="booking_exists"
            )
        store.set_stops(self._connection, run.id, bind(stops, [*bookings, seat]))
        self._note(seat, "moved", (None, seat.state))
        if seat.state is BookingState.CONFIRMED:
            noting.note_seat(self.session, Deed.BOOKED, seat, run, self.now)
        return seat

    def _check_company(self, rider: str | None, run: Run, bookings: Sequence[Seat]) -> None:
        """Hide a run from who would meet somebody there whom they blocked, or who blocked them."""
        if rider is None:
            return
        blocked = store.list_blocked(self._connection, rider)
        aboard = {one.passenger for one in bookings if one.state is not BookingState.CANCELLED}
        if blocked & {run.driver, *aboard}:
            raise store.unknown_run(run.id)

    def _price(self, wanted: Wanted, run: Run) -> int:
        """Return what the passenger pays: as quoted, else the fare of the run's day."""
        if wanted.cents is not None:
            return wanted.cents
        return wanted.seats * find_fare(read_rules(self._connection), run)

    def _write_stops(self, run: Run, fit: Fit) -> tuple[RunStop, ...]:
        """Write down stops that are new; all of them, with their ids."""
        return tuple(
            stop if stop.id else replace(stop, id=store.add_stop(self._connection, run.id, -1 - index, stop))
            for index, stop in enumerate(fit.stops)
        )

    def _check_ends(self, run: Run, wanted: Wanted) -> None:
        """Refuse stops that the run does not have, or the wrong way round."""
        number = {stop.id: index for index, stop in enumerate(run.stops)}
        for end in (wanted.board, wanted.alight):
            if isinstance(end, int) and end not in number:
                raise NotFound(
                    f"run {run.id} has no stop {end}; it stops at {', '.join(map(str, number))}", code="unknown_stop"
                )
        if (
            isinstance(wanted.board, int)
            and isinstance(wanted.alight, int)
            and number[wanted.board] >= number[wanted.alight]
        ):
            raise InvalidInput(
                f"run {run.id} is at stop {wanted.alight} not after {wanted.board}; it goes the other way, or nowhere",
                code="invalid_booking",
            )

    def _take_out(self, run: str) -> None:
        """Let a run go only where somebody needs it to."""
        found = store.get_run(self._connection, run)
        if found.state in ACTIVE:
            bookings = store.list_bookings(self._connection, run=run)
            store.set_stops(self._connection, run, take_out(found, bookings, self.times))

    def _open_bookings(self, run: Run) -> list[Seat]:
        return store.list_bookings(self._connection, run=run.id, states=OPEN)

    def _move(
        self, seat: Seat, state: BookingState, reason: Reason | None = None, details: dict[str, object] | None = None
    ) -> Seat:
        states.check(seat.id, seat.state, state)
        moved = replace(seat, state=state, reason=reason and reason.value)
        store.set_booking(self._connection, moved)
        told = {**({"why": reason.value} if reason else {}), **(details or {})}
        self._note(seat, "moved", (seat.state, state), told)
        if reason is not None:
            run = store.get_run(self._connection, seat.run)
            noting.note_end(self.session, seat, run, self.now, reason)
            self.notices.cancelled(seat, run, reason)
        return moved

    def _tell_delay(self, before: Run) -> Run:
        """Publish where a car is, and tell those who wait for it when it has become later."""
        run = self._publish(before.id)
        confirmed = store.list_bookings(self._connection, run=run.id, states=[BookingState.CONFIRMED])
        self.notices.late(before, run, confirmed)
        return run

    def _why(self, seat: Seat, run: Run) -> Reason:
        """Tell who cancels."""
        if self.actor.operator is not None:
            return Reason.OPERATOR
        if self.actor.person is not None and self.actor.person == seat.passenger:
            return Reason.PASSENGER
        return Reason.DRIVER if self.actor.person == run.driver else Reason.STAFF

    def _note(
        self,
        seat: Seat,
        what: str,
        moved: tuple[BookingState | None, BookingState] | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        store.note(
            self._connection, seat.run, seat.id, at=self.now, what=what, by=self.actor.name, moved=moved,
            details=details,
        )  # fmt: skip

    def _note_run(
        self,
        run: Run,
        what: str,
        moved: tuple[RunState | None, RunState] | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        store.note(
            self._connection, run.id, None, at=self.now, what=what, by=self.actor.name, moved=moved, details=details
        )

    def _publish(self, run: str, bookings: Sequence[Seat] = ()) -> Run:
        store.publish(self._connection, [run], [one.id for one in bookings])
        return store.get_run(self._connection, run)

    # ── who may, and when ─────────────────────────────────────────────────────────────────────────────────────────────

    def _for(self, person: str | None) -> str:
        """Return for whom something is done.

        Raises
        ------
        Forbidden
            When it is done for somebody else, by who is not of the staff.
        """
        mine = self.actor.person
        if person is not None and person != mine and not self.actor.staff:
            raise Forbidden("only the staff acts for somebody else", code="role_required")
        found = person or mine
        if found is None:
            raise InvalidInput("say for whom: the id of the person who drives or rides")
        return store.get_person(self._connection, found).id

    def _rider(self, wanted: Wanted, passenger: str | None) -> str | None:
        if wanted.foreign_passenger is not None:
            if self.actor.operator is None:
                raise Forbidden("only an operator books for somebody of theirs", code="role_required")
            return None
        rider = self._for(passenger)
        people.require_adult(store.get_person(self._connection, rider))
        return rider

    def _check_free(self, person: str, first: datetime, last: datetime) -> None:
        """Refuse a ride while somebody drives or rides elsewhere; their row is locked."""
        other = store.find_overlap(self._connection, person, first, last)
        if other is not None:
            raise Refused(
                f"run {other} is at the same time, and nobody drives or rides twice at once; cancel it first",
                code="busy_then",
            )

    def _happened(self, at: datetime | None) -> datetime:
        """Return when something happened, as far as that can be.

        Raises
        ------
        InvalidInput
            When it is to come yet.
        """
        if at is None:
            return self.now
        if at > self.now + SKEW:
            raise InvalidInput(
                f"{at:%Y-%m-%dT%H:%M:%S%z} is yet to come; set the phone's clock", code="invalid_instant"
            )
        return min(at, self.now)

    def _check_active(self, run: Run) -> None:
        if run.state not in ACTIVE:
            raise Conflict(f"run {run.id} is {run.state}; search for another", code="run_over")

    def _check_driving(self, run: Run) -> None:
        if run.state is not RunState.DRIVING:
            raise Conflict(f"run {run.id} is {run.state}; begin it first", code="run_not_driving")

    def _check_to_come(self, seat: Seat) -> None:
        if seat.state is BookingState.CANCELLED:
            raise Conflict(f"booking {seat.id} is cancelled already ({seat.reason})", code="status_already_set")
        if seat.boarded_at is not None and seat.state is BookingState.CONFIRMED:
            raise Conflict(f"they of booking {seat.id} are on board; it is too late to cancel", code="on_board")
        if seat.state not in OPEN:
            raise Conflict(f"booking {seat.id} is {seat.state}: the ride is over", code="run_over")

    def _lock_own(self, id_: str) -> Run:
        """Lock a run of who acts; to others there is no such run."""
        run = store.lock_run(self._connection, id_)
        if run.driver != self.actor.person and not self.actor.staff:
            raise store.unknown_run(id_)
        return run

    def _find_mine(self, id_: str, *, driver_only: bool = False) -> Seat:
        """Return a booking to who rides, who drives, and the staff; to others there is none."""
        seat = store.get_booking(self._connection, id_)
        if self.actor.staff:
            return seat
        drives = self.actor.person == store.get_run(self._connection, seat.run).driver
        rides = self.actor.person is not None and self.actor.person == seat.passenger
        theirs = self.actor.operator is not None and self.actor.operator == seat.operator
        if drives or ((rides or theirs) and not driver_only):
            return seat
        if rides or theirs:
            raise Forbidden("only the driver does that", code="role_required")
        raise store.unknown_booking(id_)

    def _lock_booking(self, id_: str, *, driver_only: bool = False) -> tuple[Seat, Run]:
        """Lock the run of a booking, and look again."""
        run = store.lock_run(self._connection, self._find_mine(id_, driver_only=driver_only).run)
        return self._find_mine(id_, driver_only=driver_only), run

    @property
    def notices(self) -> Notices:
        """What drivers and passengers are told."""
        return Notices(self.session, ZONE, self.now)

    @property
    def _connection(self) -> Connection[Any]:
        return driver(self.session)


def _is_likely(run: Run, point: Point, at: datetime) -> bool:
    """Tell whether a car can be somewhere, after where it was last."""
    if run.position is None or run.position_at is None:
        return True
    seconds = (at - run.position_at).total_seconds()
    return seconds > 0 and haversine(run.position, point) <= AT_STOP + FASTEST * seconds


def _late(at: datetime, planned: datetime) -> int:
    """Return the seconds by which a car is late; one that is early waits."""
    return max(0, round((at - planned).total_seconds()))


def _read_way(way: Sequence[Spot]) -> Sequence[Spot]:
    if not FEWEST_STOPS <= len(way) <= MOST_STOPS:
        raise InvalidInput(
            f"a run of {len(way)} places; it has {FEWEST_STOPS}, where it begins and ends, to {MOST_STOPS}",
            code="invalid_run",
        )
    return way


def _read_uuid(text: str | None) -> str:
    if text is None:
        return str(uuid4())
    try:
        return str(UUID(text))
    except ValueError:
        raise InvalidInput(f"{text[:60]!r} is no UUID; the id of a booking is one", code="invalid_booking") from None
