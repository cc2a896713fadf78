"""What becomes of rides once a run is over: proven, looked at, validated and charged, or not.

A booking is proven once one of its two codes was scanned (one of another operator, whose app shows no code of ours, by
the driver's way); how well, its class tells, which rises when positions come in late and never falls. What no check
speaks against is validated in the same transaction, and its fare posted. What was never scanned within a day is
cancelled: no fare, no pay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.carpool import charges, findings, findings_store, proving_store, register, states, store
from mobigo.carpool.findings_store import FindingState
from mobigo.carpool.identity import find_foreign_key, find_key
from mobigo.carpool.model import BookingState
from mobigo.carpool.proof import NEAR, OFFLINE, Trace, classify, was_at
from mobigo.carpool.proving import Moment, find_stops
from mobigo.carpool.proving_store import Proven
from mobigo.carpool.service import SYSTEM
from mobigo.carpool.states import Reason
from mobigo.carpool.verdicts import Verdicts
from mobigo.db.session import driver
from mobigo.kit.geo import haversine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.findings import Measure
    from mobigo.carpool.findings_store import Kept
    from mobigo.carpool.model import Person, Run, RunStop, Seat
    from mobigo.carpool.proving_store import Located, Scan

DISPUTED = timedelta(days=61)
"""After which exact positions are forgotten: two months, in which a finding may be answered."""

KEPT = timedelta(days=3 * 366)
"""After which journeys are forgotten: three years, in which fraud may come to light."""

SHORTEST = timedelta(seconds=1)


class Ridden(NamedTuple):
    """A run that is settled, and what tells of those in it."""

    run: Run
    people: Mapping[str, Person]
    located: Sequence[Located]


@dataclass(frozen=True)
class Settling:
    """What settles runs.

    Parameters
    ----------
    secret : bytes
        Of this home; makes the keys of identities that only it knows.
    measure : callable
        Metres and seconds that the road takes for a journey; None where no streets are loaded.
    siret : str or None
        Of the authority that pays the drivers.
    """

    secret: bytes
    measure: Measure
    siret: str | None = None

    def settle(self, session: Session, run_id: str, now: datetime) -> None:
        """Prove, look at and validate what is there of a run; again, nothing is done twice."""
        connection, verdicts = driver(session), Verdicts(session, now)
        run = store.lock_run(connection, run_id)
        ridden = Ridden(run, _list_people(connection, run), proving_store.list_fixes(connection, run.id))
        for booking in store.list_bookings(connection, run=run.id, states=list(PROVEN)):
            scans = proving_store.list_scans(connection, [booking.id])
            if scans or _is_driven(ridden, booking):
                self._prove(connection, ridden, booking, scans, now)
            elif booking.state is BookingState.COMPLETED_PENDING_VALIDATION and now - (run.ended_at or now) > OFFLINE:
                move(connection, booking, BookingState.CANCELLED, by=SYSTEM, now=now, reason=Reason.NO_PROOF)
                verdicts.unproven(booking)
        for one in findings.examine(connection, run.id, ridden.located, self.measure, now):
            verdicts.looked_into(one)
        self.validate(session, run, now)

    def validate(self, session: Session, run: Run, now: datetime) -> None:
        """Validate and charge what is proven of a run and held back by nothing; tell the register."""
        connection = driver(session)
        journeys = proving_store.list_journeys(connection, run.id)
        kept_back = findings_store.list_kept_back(connection, [one.booking for one in journeys])
        for one in journeys:
            if one.validated_at is None and one.struck_at is None and one.booking not in kept_back:
                booking = replace(store.get_booking(connection, one.booking), proof=one.proof.value)
                booking = move(connection, booking, BookingState.VALIDATED, by=SYSTEM, now=now)
                proving_store.save_journey(connection, replace(one, validated_at=now))
                charges.charge(session, booking, by=SYSTEM, at=now)
        register.announce(connection, run, siret=self.siret, now=now)

    def _prove(
        self, connection: Connection[Any], ridden: Ridden, booking: Seat, scans: Sequence[Scan], now: datetime
    ) -> None:
        """Write down what was proven of a booking, as far as it is known now; its class never falls."""
        run = ridden.run
        known = proving_store.find_journey(connection, booking.id)
        board, alight = _find_ends(run, *find_stops(connection, booking), scans)
        started, ended = _find_times(run, booking, board, alight)
        keys = self._find_keys(ridden, booking)
        proof = classify(
            Trace(keys[0], findings.list_fixes(run.driver, ridden.located)),
            Trace(keys[1], findings.list_fixes(booking.passenger, ridden.located)),
            ((board.point, started), (alight.point, ended)),
        )
        if known is not None and known.struck_at is not None:
            return
        proof = proof if known is None else max(proof, known.proof)
        one = Proven(
            booking=booking.id,
            run=run.id,
            driver=run.driver,
            passenger=booking.passenger,
            operator=booking.operator,
            driver_key=keys[0],
            passenger_key=keys[1],
            seats=booking.seats,
            cents=booking.cents,
            planned_at=board.planned_at,
            started_at=started,
            ended_at=ended,
            origin=board.point,
            destination=alight.point,
            board_metres=board.metres,
            alight_metres=max(alight.metres, board.metres + 1),
            proof=proof,
            proven_at=now,
            validated_at=None if known is None else known.validated_at,
        )
        proving_store.save_journey(connection, one)
        if booking.state is BookingState.VALIDATED and booking.proof != proof.value:
            store.set_booking(connection, replace(booking, proof=proof.value))
            store.publish(connection, [run.id], [booking.id])

    def _find_keys(self, ridden: Ridden, booking: Seat) -> tuple[str, str]:
        if booking.passenger is None:
            other = find_foreign_key(self.secret, booking.operator or "", booking.foreign_passenger or booking.id)
        else:
            other = find_key(self.secret, ridden.people[booking.passenger])
        return find_key(self.secret, ridden.people[ridden.run.driver]), other


PROVEN = frozenset({BookingState.COMPLETED_PENDING_VALIDATION, BookingState.VALIDATED})
"""States of bookings of which something is proven, or proven better."""


def _list_people(connection: Connection[Any], run: Run) -> dict[str, Person]:
    bookings = store.list_bookings(connection, run=run.id, states=list(PROVEN))
    return store.list_people(connection, {run.driver, *(one.passenger for one in bookings if one.passenger)})


def _is_driven(ridden: Ridden, booking: Seat) -> bool:
    """Tell whether the driver's way proves a ride of somebody whose operator shows no codes of ours."""
    if booking.passenger is not None:
        return False
    driven = {one.fix for one in ridden.located if one.person == ridden.run.driver}
    stops = {stop.id: stop for stop in ridden.run.stops}
    ends = [stops[id_] for id_ in (booking.board, booking.alight) if id_ in stops]
    return len(ends) > 1 and all(was_at(driven, stop.point, stop.passed_at or stop.planned_at) for stop in ends)


def _find_ends(run: Run, board: RunStop, alight: RunStop, scans: Sequence[Scan]) -> tuple[RunStop, RunStop]:
    """Return where a passenger got on and off: as booked, or at a stop in between where the code was scanned."""
    ways = [stop for stop in run.stops if board.metres <= stop.metres <= alight.metres]
    on = _find_stop(ways, [one.point for one in scans if one.moment == Moment.BOARD])
    off = _find_stop(ways, [one.point for one in scans if one.moment == Moment.ALIGHT])
    on, off = on or board, off or alight
    return (on, off) if on.metres < off.metres else (board, alight)


def _find_stop(stops: Sequence[RunStop], points: Sequence[Any]) -> RunStop | None:
    """Return the stop next to where somebody scanned, if it was at one."""
    reached = [
        (haversine(stop.point, point), number)
        for number, stop in enumerate(stops)
        for point in points
        if point is not None
    ]
    metres, number = min(reached, default=(NEAR + 1, 0))
    return stops[number] if metres <= NEAR else None


def _find_times(run: Run, booking: Seat, board: RunStop, alight: RunStop) -> tuple[datetime, datetime]:
    """Return when a passenger got on and off: as scanned, else as the car passed, else as planned from there."""
    planned = max(alight.planned_at - board.planned_at, SHORTEST)
    started = booking.boarded_at or board.passed_at
    ended = booking.alighted_at or alight.passed_at
    if started is None:
        started = ended - planned if ended is not None else board.planned_at
    if ended is None or ended <= started:
        over = run.ended_at if run.ended_at is not None and run.ended_at > started else None
        ended = min(started + planned, over or started + planned)
    return started, ended


def move(
    connection: Connection[Any],
    booking: Seat,
    state: BookingState,
    *,
    by: str,
    now: datetime,
    reason: Reason | None = None,
) -> Seat:
    """Move a booking of a locked run to another state, as far as that is lawful."""
    states.check(booking.id, booking.state, state)
    moved = replace(booking, state=state, reason=reason and reason.value)
    store.set_booking(connection, moved)
    details = {"why": reason.value} if reason else {}
    store.note(
        connection,
        booking.run,
        booking.id,
        at=now,
        what="moved",
        by=by,
        moved=(booking.state, state),
        details=details,
    )
    store.publish(connection, [booking.run], [booking.id])
    return moved


def _strike(session: Session, booking: Seat, *, by: str, now: datetime) -> None:
    """Let a journey count for nothing: it is not charged, or what was charged is given back."""
    connection = driver(session)
    journey = proving_store.find_journey(connection, booking.id)
    if journey is None or journey.struck_at is not None:
        return
    proving_store.save_journey(connection, replace(journey, struck_at=now))
    if booking.state is BookingState.COMPLETED_PENDING_VALIDATION:
        move(connection, booking, BookingState.CANCELLED, by=by, now=now, reason=Reason.FINDING)
    else:
        charges.refund(session, booking, by=by, at=now, note="finding upheld")
    register.withdraw(connection, booking.id, now)


def decide(
    session: Session, id_: str, state: FindingState, text: str, *, by: str, now: datetime, seen: int | None = None
) -> Kept:
    """Decide on a finding: upheld, what it holds back counts for nothing; dismissed, it is settled with its run.

    Parameters
    ----------
    seen : int, optional
        Revision of the finding that was read.

    Raises
    ------
    NotFound
        ``unknown_finding``.
    Conflict
        When it is decided on (``finding_decided``), or was changed since it was read (``changed_meanwhile``).
    """
    connection = driver(session)
    bookings = findings_store.get_finding(connection, id_).bookings
    store.lock_runs(connection, [store.get_booking(connection, booking).run for booking in bookings])
    one = findings_store.lock_finding(connection, id_)
    findings.check_standing(one)
    decided = replace(one, state=state, decision=text.strip(), decided_by=by, decided_at=now)
    findings_store.set_decision(connection, decided if seen is None else replace(decided, revision=seen))
    for booking_id, held in one.bookings.items():
        booking = store.get_booking(connection, booking_id)
        details = {"finding": one.id, "kind": one.kind.value, "state": state.value}
        store.note(connection, booking.run, booking.id, at=now, what="finding", by=by, details=details)
        if state is FindingState.UPHELD and held:
            _strike(session, booking, by=by, now=now)
    found = findings_store.get_finding(connection, id_)
    Verdicts(session, now).decided(found)
    return found


def forget(session: Session, now: datetime) -> int:
    """Forget where phones were once nothing can be disputed any more, and proof after years; return how many positions.

    What was paid stays in awards and the ledger.
    """
    connection = driver(session)
    proving_store.forget_journeys(connection, now - KEPT)
    register.forget(connection, now)
    return proving_store.forget_positions(connection, now - DISPUTED)
