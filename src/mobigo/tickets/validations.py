"""What devices saw comes in: late, in any order, twice, and from devices that did not know of each other.

Each event counts once, by device and number. Rides are counted over all devices: getting on again within a ride is a
change, whoever saw it. Where two devices, neither of which could know, have let the same ride in, both stay accepted;
the second is flagged, and the ticket is refused from the next bundle on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput
from mobigo.tickets import devices_store, service, store
from mobigo.tickets.check import Act
from mobigo.tickets.codes import SKEW, Reason
from mobigo.tickets.events import FIRST
from mobigo.tickets.model import TicketState
from mobigo.tickets.noting import note_boardings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from mobigo.tickets.device import Waiting
    from mobigo.tickets.model import Ticket

APART = timedelta(minutes=2)
"""Nobody gets on in two vehicles at two stops within it."""

KNOWN = timedelta(hours=48)
"""How long it is known whose ticket a validation was of."""

FAR = timedelta(days=400)
"""How far from now an event may be."""


class Fate(StrEnum):
    """What becomes of an event."""

    TAKEN = "taken"
    KNOWN = "known"
    CONFLICTING = "conflicting"
    """Its number was used for another event: the first stays."""


@dataclass(frozen=True)
class Taken:
    """What became of events."""

    fates: dict[int, Fate]
    missing_before: int | None
    """Number before which one is missing; None: none is."""


@dataclass(frozen=True)
class _Seen:
    ticket: str
    at: datetime
    seq: int


def take(session: Session, device: str, listed: Sequence[Waiting], *, now: datetime) -> Taken:
    """Take events of a device.

    Raises
    ------
    InvalidInput
        When one was not written as a device writes them, or is of another time (``invalid_event``).
    """
    connection = driver(session)
    by_number: dict[int, Waiting] = {}
    for one in listed:
        _check(one, now)
        by_number.setdefault(one.event.seq, one)
    devices_store.get_device(connection, device, lock=True)
    ordered = [by_number[seq] for seq in sorted(by_number)]
    near = {seq + step for seq in by_number for step in (-1, 0, 1)}
    known = devices_store.find_hashes(connection, device, near)
    new = devices_store.add_events(connection, device, [one for one in ordered if one.event.seq not in known], now)
    fates: dict[int, Fate] = {}
    for one in ordered:
        seq = one.event.seq
        if seq in new:
            fates[seq] = Fate.TAKEN
        elif known[seq][1] == one.hash:
            fates[seq] = Fate.KNOWN
        else:
            fates[seq] = Fate.CONFLICTING
            detail = f"event {seq} came in twice with different content; the first one stays"
            devices_store.add_flag(connection, "number_used_twice", (device, seq), one.event.ticket, detail, now=now)
    hashes = known | {seq: (by_number[seq].before, by_number[seq].hash) for seq in new}
    _check_chain(session, device, new, hashes, now)
    fresh = [by_number[seq] for seq in sorted(new)]
    _check_clock(session, device, fresh, now)
    _count(session, device, fresh, now)
    note_boardings(session, [one.event for one in fresh], now)
    first = min(by_number, default=1)
    gap = first > 1 and first - 1 not in hashes
    return Taken(fates, first if gap else None)


def _check(one: Waiting, now: datetime) -> None:
    event = one.event
    problem = None
    if event.chain(one.before) != one.hash:
        problem = "its hash is not that of what it says"
    elif (event.seq == 1) != (one.before == FIRST):
        problem = "only the first event has none before it"
    elif abs(event.at - now) > FAR:
        problem = f"it is of {event.at.isoformat()}, more than {FAR.days} days from now"
    if problem is not None:
        raise InvalidInput(f"event {event.seq} cannot be: {problem}", code="invalid_event")


def _check_clock(session: Session, device: str, new: Sequence[Waiting], now: datetime) -> None:
    """Flag what a device says is still to come: its clock is wrong. It counts all the same."""
    ahead = [one.event for one in new if one.event.at > now + SKEW]
    if ahead:
        detail = f"{len(ahead)} events are still to come, the first by {ahead[0].at - now}: the clock is wrong"
        devices_store.add_flag(driver(session), "clock_ahead", (device, ahead[0].seq), None, detail, now=now)


def _check_chain(
    session: Session, device: str, new: set[int], hashes: dict[int, tuple[bytes, bytes]], now: datetime
) -> None:
    """Flag where an event does not follow the one before, whichever of them came first."""
    for seq in new:
        for after in (seq, seq + 1):
            if after - 1 in hashes and after in hashes and hashes[after][0] != hashes[after - 1][1]:
                detail = f"event {after} does not follow event {after - 1}: one was changed or taken out"
                devices_store.add_flag(driver(session), "chain_broken", (device, after), None, detail, now=now)


def _count(session: Session, device: str, new: Sequence[Waiting], now: datetime) -> None:
    """Count the rides that events tell of, over all devices, and flag what is too much."""
    seen = [
        _Seen(one.event.ticket, one.event.at, one.event.seq)
        for one in new
        if one.event.act is Act.VALIDATION and one.event.reason is Reason.OK and one.event.ticket
    ]
    if not seen:
        return
    connection = driver(session)
    tickets = {one.id: one for one in store.list_tickets(connection, {one.ticket for one in seen}, lock=True)}
    uses = devices_store.list_uses(connection, tickets.keys())
    before = {id_: list(taken) for id_, taken in uses.items()}
    last: dict[str, _Seen] = {}
    for one in seen:
        if one.ticket in tickets:
            _add_use(uses.setdefault(one.ticket, []), one.at, tickets[one.ticket].wanted.use)
            last[one.ticket] = one
    gone = [(id_, began) for id_, taken in before.items() for began, end in taken if (began, end) not in uses[id_]]
    fresh = [(id_, *pair) for id_, taken in uses.items() for pair in taken if pair not in before.get(id_, ())]
    counts = {id_: (len(taken), taken[0][0], taken[-1][0]) for id_, taken in uses.items() if taken}
    devices_store.put_uses(connection, gone, fresh, counts)
    for id_, one in last.items():
        _judge_uses(session, tickets[id_], len(uses[id_]), (device, one.seq), now)
    _find_twice(session, seen, tickets, now)


def _add_use(taken: list[tuple[datetime, datetime]], at: datetime, use: timedelta | None) -> None:
    """Add a moment to the rides of a ticket: within one it is a change, just before one it is where that began."""
    length = use or timedelta(0)
    for index, (began, ended) in enumerate(taken):
        if began <= at <= ended if not use else began <= at < ended:
            return
        if use and at < began < at + length:
            taken[index] = (at, at + length)
            return
    taken.append((at, at + length))
    taken.sort()


def _judge_uses(session: Session, ticket: Ticket, taken: int, event: tuple[str, int], now: datetime) -> None:
    """Refuse from now on a ticket that was used more often than it may be."""
    rides = ticket.wanted.rides
    if rides is None or taken <= rides:
        return
    detail = f"{taken} rides on a ticket for {rides}: devices that did not know of each other let it in"
    flagged = devices_store.add_flag(driver(session), "used_too_often", event, ticket.id, detail, now=now)
    if flagged and ticket.state not in {TicketState.BLOCKED, TicketState.VOID}:
        service.block(session, ticket.id, why="used_too_often", now=now)


def _find_twice(session: Session, seen: Sequence[_Seen], tickets: dict[str, Ticket], now: datetime) -> None:
    """Flag tickets that were at two stops in two vehicles at once; staff decide."""
    connection = driver(session)
    first, last = min(one.at for one in seen) - APART, max(one.at for one in seen) + APART
    before: tuple[str, datetime, str, int, str | None, str | None] | None = None
    for row in devices_store.list_near(connection, tickets.keys(), first, last):
        if before is not None and before[0] == row[0] and row[1] - before[1] < APART:
            apart = None not in {row[5], before[5]} and row[5] != before[5] and row[2] != before[2]
            if apart and row[4] != before[4]:
                detail = f"at {before[5]} and, {int((row[1] - before[1]).total_seconds())} s later, at {row[5]}"
                devices_store.add_flag(connection, "two_places", (row[2], row[3]), row[0], detail, now=now)
        before = row


def list_last(session: Session, id_: str, *, now: datetime, limit: int = 20) -> list[datetime]:
    """List when a ticket was last validated, newest first, as far as that is still known."""
    near = devices_store.list_near(driver(session), [id_], now - KNOWN, now + SKEW)
    return [row[1] for row in near][::-1][:limit]
