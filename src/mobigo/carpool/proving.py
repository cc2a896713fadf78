"""Proof as it comes in: codes that are shown, scans and positions that phones send, often late and by wrong clocks.

A phone without network keeps what it scanned and sends it later with its own ``sent_at``: what its clock said when it
sent. The difference to our clock, in whole minutes, corrects all that it tells. Whatever is sent twice is kept once.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import segno

from mobigo.carpool import proving_store, store
from mobigo.carpool.checks import Fix
from mobigo.carpool.model import BookingState, RunState
from mobigo.carpool.noting import note_seat
from mobigo.carpool.proof import OFFLINE, SKEW, Code, Shows, read_code, write_code
from mobigo.carpool.proving_store import Located, Scan
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, Refused
from mobigo.trace.model import Deed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Run, RunStop, Seat
    from mobigo.kit.geo import Point

EARLY = timedelta(minutes=60)
"""Before the car is to be at the stop, from which on a code is good."""

AFTER = timedelta(hours=3)
"""After it is to be where the passenger gets off, until which a code is good."""

AROUND = timedelta(hours=6)
"""Before a run and after it, in which positions are taken."""

MOST_FIXES = 5_000
"""Positions of one person in one run."""

WORST_CLOCK = timedelta(days=1)
"""By which a phone's clock may be wrong and its times still be put right."""

SHOWN = frozenset({BookingState.CONFIRMED, BookingState.COMPLETED_PENDING_VALIDATION})
"""States of bookings whose codes are shown; one may scan after the driver has ended the run."""

PROVABLE = frozenset({BookingState.CONFIRMED, BookingState.COMPLETED_PENDING_VALIDATION, BookingState.VALIDATED})
"""States of bookings for which proof is taken."""


class Moment(StrEnum):
    """When a code is scanned."""

    BOARD = "board"
    ALIGHT = "alight"


@dataclass(frozen=True)
class Shown:
    """A code to be shown to the other one."""

    text: str
    code: Code

    def draw(self) -> str:
        """Draw it as a QR symbol, in SVG; black on white, with the margin that readers need."""
        symbol = segno.make_qr(self.text, error="m")
        return symbol.svg_inline(scale=4, dark="#000", light="#fff", omitsize=True)


@dataclass(frozen=True)
class Scanned:
    """What a phone says it scanned."""

    id: str
    """The phone's own, new for each scan."""
    text: str
    moment: Moment
    at: datetime
    """By its clock."""
    device: str | None = None
    point: Point | None = None


@dataclass(frozen=True)
class Taken:
    """What has become of positions that were sent."""

    kept: int
    known: int
    """Sent before."""
    dropped: int
    """Of another time than the run's, too late, or too many."""


def show_code(session: Session, key: bytes, booking_id: str, person: str) -> Shown:
    """Return the code of a booking that a person shows to the other one: passenger or driver.

    Raises
    ------
    NotFound
        When they have nothing to do with such a booking (``unknown_booking``).
    Conflict
        When it is not confirmed, or over (``booking_not_confirmed``).
    """
    connection = driver(session)
    booking = store.get_booking(connection, booking_id)
    run = store.get_run(connection, booking.run)
    shows = {booking.passenger: Shows.PASSENGER, run.driver: Shows.DRIVER}.get(person)
    if shows is None:
        raise store.unknown_booking(booking_id)
    if booking.state not in SHOWN:
        raise Conflict(
            f"booking {booking.id} is {booking.state}; there is a code once it is confirmed, until it is proven",
            code="booking_not_confirmed",
        )
    board, alight = find_stops(connection, booking)
    code = Code(booking.id, shows, board.planned_at - EARLY, max(alight.latest, alight.planned_at) + AFTER)
    return Shown(write_code(key, code), code)


def find_stops(connection: Connection[Any], booking: Seat) -> tuple[RunStop, RunStop]:
    """Return where a passenger gets on and off."""
    stops = store.list_stops(connection, [booking.board, booking.alight])
    return stops[booking.board], stops[booking.alight]


# ── scans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def take_scan(
    session: Session, key: bytes, person: str, scanned: Scanned, *, sent: datetime | None, now: datetime
) -> Scan:
    """Keep a scan; sent again, it is answered as before.

    Parameters
    ----------
    person : str
        Who scanned.
    sent : datetime, optional
        What the phone's clock said when it sent this.

    Raises
    ------
    InvalidInput
        ``forged_code``.
    Refused
        ``code_expired``, ``scan_not_believed``, ``foreign_code`` (of a ride that the person is not in, or their own).
    Conflict
        ``scan_id_reused``, ``code_replayed``, ``booking_not_confirmed``.
    """
    connection = driver(session)
    at = scanned.at + _find_skew(sent, now)
    known = proving_store.find_scan(connection, person, scanned.id)
    if known is not None:
        return _same(known, key, scanned)
    code = read_code(key, scanned.text, scanned=at, received=now)
    run = store.lock_run(connection, store.get_booking(connection, code.booking).run)
    known = proving_store.find_scan(connection, person, scanned.id)
    if known is not None:  # sent twice at once
        return _same(known, key, scanned)
    booking = store.get_booking(connection, code.booking)
    _may_scan(code, run, booking, person)
    if booking.state not in PROVABLE:
        raise Conflict(
            f"booking {booking.id} is {booking.state}; only what is {BookingState.CONFIRMED} is proven",
            code="booking_not_confirmed",
        )
    one = Scan(
        person=person,
        id=scanned.id,
        booking=booking.id,
        shows=code.shows,
        moment=scanned.moment,
        scanned_at=min(at, now),
        received_at=now,
        device=hide_device(key, scanned.device),
        point=scanned.point,
    )
    _refuse_replay(proving_store.list_scans(connection, [booking.id]), one)
    proving_store.add_scan(connection, one)
    if one.point is not None:
        fix = Located(person, Fix(one.scanned_at, one.point), one.device)
        proving_store.add_fixes(connection, run.id, [fix], now)
    known_before = booking.boarded_at if one.moment == Moment.BOARD else booking.alighted_at
    if known_before is None:
        note_seat(session, Deed.BOARDED if one.moment == Moment.BOARD else Deed.ALIGHTED, booking, run, now)
    _note_aboard(connection, booking, one, now)
    return one


def _same(known: Scan, key: bytes, scanned: Scanned) -> Scan:
    code = read_code(key, scanned.text, scanned=known.scanned_at, received=known.received_at)
    if (known.booking, known.shows, known.moment) != (code.booking, code.shows, scanned.moment):
        raise Conflict(
            f"scan {known.id!r} was sent before with another code; each scan needs an id of its own",
            code="scan_id_reused",
        )
    return known


def _may_scan(code: Code, run: Run, booking: Seat, person: str) -> None:
    scanner, shower = run.driver, booking.passenger
    if code.shows is Shows.DRIVER:
        shower, scanner = scanner, shower
    if person == scanner:
        return
    if person == shower:
        raise Refused("this is your own code; the other one scans it, and you scan theirs", code="foreign_code")
    raise Refused("this code is of a ride that you are not in; scan the one of yours", code="foreign_code")


def _refuse_replay(before: Sequence[Scan], one: Scan) -> None:
    for other in before:
        if (other.shows, other.moment) == (one.shows, one.moment):
            raise Conflict(
                f"this code was scanned at {other.scanned_at:%Y-%m-%dT%H:%M:%SZ} to {one.moment} already and proves"
                " nothing more; nothing is missing",
                code="code_replayed",
            )


def _note_aboard(connection: Connection[Any], booking: Seat, one: Scan, now: datetime) -> None:
    """Write into a booking of a locked run when its passenger got on or off: when the first of both said so."""
    if one.moment == Moment.BOARD:
        booking = replace(booking, boarded_at=min(booking.boarded_at or one.scanned_at, one.scanned_at))
    else:
        booking = replace(booking, alighted_at=min(booking.alighted_at or one.scanned_at, one.scanned_at))
    store.set_booking(connection, booking)
    what, details = "boarded" if one.moment == Moment.BOARD else "alighted", {"at": one.scanned_at.isoformat()}
    store.note(connection, booking.run, booking.id, at=now, what=what, by=one.person, details=details)
    store.publish(connection, [booking.run], [booking.id])


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def take_positions(
    session: Session,
    key: bytes,
    person: str,
    run_id: str,
    fixes: Sequence[Fix],
    *,
    device: str | None,
    sent: datetime | None,
    now: datetime,
) -> Taken:
    """Keep where somebody in a car was; in any order, late, and more than once.

    Raises
    ------
    NotFound
        When the person is not in that run (``unknown_run``).
    Conflict
        When the run was cancelled (``run_cancelled``).
    """
    connection = driver(session)
    run = store.get_run(connection, run_id)
    if run.driver != person and not any(
        one.passenger == person and one.state in PROVABLE for one in store.list_bookings(connection, run=run_id)
    ):
        raise store.unknown_run(run_id)
    if run.state is RunState.CANCELLED:
        raise Conflict(f"run {run.id} was cancelled; nobody was in it", code="run_cancelled")
    skew = _find_skew(sent, now)
    first, last = run.stops[0].planned_at - AROUND, max(run.stops[-1].latest, run.ended_at or now) + AROUND
    room = MOST_FIXES - proving_store.count_fixes(connection, run.id, person)
    good = {
        at: Located(person, Fix(min(at, now), one.point), hide_device(key, device))
        for one in fixes
        if first <= (at := one.at + skew) <= min(last, now + SKEW) and now - at <= OFFLINE
    }
    fitting = sorted(good.values(), key=lambda one: one.fix.at)[: max(room, 0)]
    kept = proving_store.add_fixes(connection, run.id, fitting, now)
    return Taken(kept=kept, known=len(fitting) - kept, dropped=len(fixes) - len(fitting))


def _find_skew(sent: datetime | None, now: datetime) -> timedelta:
    """Return by how much a phone's clock is behind ours, in whole minutes, so that what is sent again is the same."""
    if sent is None:
        return timedelta(0)
    skew = now - sent
    if abs(skew) > WORST_CLOCK:
        raise InvalidInput(
            f"the phone's clock says {sent.isoformat()} when it is {now.isoformat()}; set it", code="clock_wrong"
        )
    return timedelta(minutes=round(skew / timedelta(minutes=1)))


def hide_device(key: bytes, device: str | None) -> str | None:
    """Return a keyed hash of what a phone calls itself: enough to see that two are one."""
    if device is None:
        return None
    return hmac.digest(key, f"mobigo carpool device {device}".encode(), "sha256")[:16].hex()
