"""Waiting at a stop of a line without a booking: whoever drives by picks them up, or a taxi comes as was promised.

Drivers who will pass with seats to spare see who waits, and are told once. Where a line guarantees the departure, one
taxi is ordered, once, when the promised time is over and nobody has come: it is one transaction with the message to the
taxi, so that a job that was killed finds the one still waiting or the taxi ordered, never something between.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from mobigo.carpool import lines, store, waiting_store
from mobigo.carpool.model import BookingState, Waiting, WaitingState
from mobigo.carpool.people import require_adult
from mobigo.carpool.plan import free_seats, next_stop
from mobigo.carpool.states import ACTIVE
from mobigo.carpool.talk import recipient_of
from mobigo.carpool.wanting import Wanted
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput
from mobigo.messages import service as messages
from mobigo.messages import webhooks
from mobigo.messages.model import Recipient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Hours, Line, Person, Run, RunStop, Seat
    from mobigo.carpool.service import Rides

SOON = timedelta(minutes=30)
"""Before a car passes, from which its driver is told who waits."""

AHEAD = timedelta(hours=2)
"""For which cars that will pass count towards the expected wait."""

PATIENCE = timedelta(hours=3)
"""After which somebody who was promised nothing has surely gone."""

MOST_RUNS = 500
"""Of one line that are looked at."""

WEEKS = 8
"""Of the past, by which the wait is expected where no car is announced: the same hours of the same weekday."""

AROUND = timedelta(minutes=30)
"""Before and after this time of the day that counts as the same hours."""


@dataclass(frozen=True)
class Passing:
    """A car that will pass a stop with seats to spare."""

    run: Run
    board: RunStop
    alight: RunStop
    at: datetime
    """As it is expected now."""
    seats: int
    """Free all the way."""


@dataclass(frozen=True)
class Expected:
    """How long somebody will wait, as far as can be told."""

    seconds: int | None
    """None: nobody knows."""
    cars: tuple[Passing, ...]
    """Those announced, soonest first; without any it is how it used to be."""


@dataclass(frozen=True)
class AtStop:
    """How many wait at a stop."""

    stop: str
    to: str
    direction: int
    persons: int
    since: datetime
    """The first of them."""


class Wish(NamedTuple):
    """From where to where somebody wants to go on a line."""

    stop: str
    to: str
    seats: int = 1


def wait(session: Session, person: Person, line: Line, wish: Wish, now: datetime) -> Waiting:
    """Begin to wait at a stop of a line.

    Raises
    ------
    Refused
        When somebody has not declared to be an adult.
    Conflict
        When they wait already (``already_waiting``).
    InvalidInput
        When a stop is not of the line (``unknown_stop``).
    """
    require_adult(person)
    direction = find_direction(line, wish)
    connection = driver(session)
    store.lock_people(connection, [person.id])
    found = waiting_store.find_open(connection, person.id)
    if found is not None:
        raise Conflict(
            f"you wait at {found.stop} on line {found.line} already, by the id {found.id}; leave there first",
            code="already_waiting",
            members={"waiting": found.id},
        )
    one = Waiting(
        id=f"wait_{secrets.token_urlsafe(12)}",
        line=line.id,
        direction=direction,
        stop=wish.stop,
        to=wish.to,
        seats=wish.seats,
        passenger=person.id,
        since=now,
        promised_until=find_promise(line, direction, now),
        state=WaitingState.WAITING,
    )
    waiting_store.add_waiting(connection, one)
    return one


def find_direction(line: Line, wish: Wish) -> int:
    """Return the direction in which a line goes from one of its stops to another."""
    stop, to, _ = wish
    number = {one.id: index for index, one in enumerate(line.stops)}
    for one in (stop, to):
        if one not in number:
            raise InvalidInput(
                f"line {line.id} has no stop {one[:60]!r}; it has {', '.join(number)}", code="unknown_stop"
            )
    if stop == to:
        raise InvalidInput(f"{stop} is where you wait already; say where you want to go", code="invalid_booking")
    return int(number[stop] > number[to])


def find_promise(line: Line, direction: int, at: datetime) -> datetime | None:
    """Return until when somebody who begins to wait is promised to be gone; None where nothing is promised."""
    promise = line.guarantee
    if promise is None or direction not in promise.directions:
        return None
    if not any(is_within(hours, at.astimezone(ZoneInfo(line.timezone))) for hours in promise.hours):
        return None
    return at + timedelta(seconds=promise.wait)


def is_within(hours: Hours, local: datetime) -> bool:
    """Tell whether a local time is within hours; those that go on after midnight belong to the day before."""
    clock = local.hour * 3600 + local.minute * 60 + local.second
    day = local.weekday()
    today = day in hours.weekdays and hours.first <= clock < hours.last
    return today or ((day - 1) % 7 in hours.weekdays and clock + 86_400 < hours.last)


# ── what comes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def expect(session: Session, line: Line, wish: Wish, now: datetime) -> Expected:
    """Tell how long somebody would wait at a stop."""
    direction = find_direction(line, wish)
    cars = list_passing(session, line, wish, now)
    if cars:
        return Expected(max(0, int((cars[0].at - now).total_seconds())), tuple(cars))
    return Expected(_usual(session, line, direction, wish.stop, now), ())


def list_passing(session: Session, line: Line, wish: Wish, now: datetime) -> list[Passing]:
    """List cars that will go from one stop of a line to another with seats to spare, soonest first."""
    connection = driver(session)
    runs = store.list_runs(
        connection,
        line=line.id,
        direction=find_direction(line, wish),
        states=ACTIVE,
        between=(now - AHEAD, now + AHEAD),
        limit=MOST_RUNS,
    )
    bookings: dict[str, list[Seat]] = {}
    for one in store.list_bookings(connection, runs=[run.id for run in runs]):
        bookings.setdefault(one.run, []).append(one)
    found = [_pass(run, bookings.get(run.id, []), wish, now) for run in runs]
    return sorted((one for one in found if one is not None), key=lambda one: (one.at, one.run.id))


def _pass(run: Run, bookings: Sequence[Seat], wish: Wish, now: datetime) -> Passing | None:
    """Tell when a run passes, if it does with enough seats."""
    ahead = next_stop(run)
    number = {stop.line_stop: index for index, stop in enumerate(run.stops) if stop.line_stop and index >= ahead}
    first, last = number.get(wish.stop), number.get(wish.to)
    if first is None or last is None or first >= last:
        return None
    free = min(free_seats(run, bookings)[first:last])
    at = run.stops[first].planned_at + timedelta(seconds=run.delay)
    if free < wish.seats or at > now + AHEAD or at < now - SOON:
        return None
    return Passing(run, run.stops[first], run.stops[last], max(at, now), free)


def _usual(session: Session, line: Line, direction: int, stop: str, now: datetime) -> int | None:
    """Return half the time between two cars at this hour, as it used to be; None where none came."""
    spans = list(_same_hours(line, now))
    passes = waiting_store.count_passes(driver(session), line.id, direction, stop, spans)
    return round(len(spans) * 2 * AROUND.total_seconds() / passes / 2) if passes else None


def _same_hours(line: Line, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Walk over the same hours of the weeks before, by the clock on the wall."""
    local = now.astimezone(ZoneInfo(line.timezone))
    for weeks in range(1, WEEKS + 1):
        then = (local.replace(tzinfo=None) - timedelta(weeks=weeks)).replace(tzinfo=local.tzinfo)
        yield then - AROUND, then + AROUND


def list_stops(session: Session, line: str) -> list[AtStop]:
    """List how many wait where on a line, and since when."""
    found: dict[tuple[str, str, int], AtStop] = {}
    for one in waiting_store.list_waiting(driver(session), line=line):
        key = one.stop, one.to, one.direction
        known = found.get(key)
        persons = one.seats + (known.persons if known else 0)
        found[key] = AtStop(*key, persons, min(one.since, known.since) if known else one.since)
    return sorted(found.values(), key=lambda one: one.since)


# ── who drives by ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Ahead:
    """Somebody who waits on the way of a run."""

    waiting: Waiting
    passing: Passing


def list_ahead(session: Session, run: Run, now: datetime) -> list[Ahead]:
    """List who waits on the way of a run and has room in it, in the order of its stops; never over a block."""
    if run.line is None or run.direction is None or run.state not in ACTIVE:
        return []
    connection = driver(session)
    bookings = store.list_bookings(connection, run=run.id)
    blocked = store.list_blocked(connection, run.driver)
    blocked |= {other for one in bookings for other in _avoided(session, one)}
    found = []
    for one in waiting_store.list_waiting(connection, line=run.line, direction=run.direction):
        passing = _pass(run, bookings, Wish(one.stop, one.to, one.seats), now)
        if passing is not None and one.passenger not in blocked and one.passenger != run.driver:
            found.append(Ahead(one, passing))
    return sorted(found, key=lambda one: (one.passing.at, one.waiting.since))


def _avoided(session: Session, booking: Seat) -> set[str]:
    """Return whom somebody who rides along will not meet."""
    if booking.passenger is None or booking.state is BookingState.CANCELLED:
        return set()
    return store.list_blocked(driver(session), booking.passenger)


def pick_up(rides: Rides, run: Run, waiting_id: str) -> Waiting:
    """Let the driver of a run take somebody who waits: they have a booking from then on, as anybody.

    Parameters
    ----------
    rides : Rides
        Of who may book for others.

    Raises
    ------
    NotFound
        When nobody waits on the way of this run by that id (``unknown_waiting``).
    Conflict
        When somebody else took them, they left, or a taxi is on its way (``waiting_over``); or there is no seat.
    """
    connection = driver(rides.session)
    one = waiting_store.get_waiting(connection, waiting_id)
    if one.line != run.line or one.direction != run.direction or one.passenger == run.driver:
        raise waiting_store.unknown_waiting(waiting_id)
    store.lock_people(connection, [one.passenger])
    one = waiting_store.lock_waiting(connection, waiting_id)
    if one.state is WaitingState.PICKED_UP and one.run == run.id:
        return one
    _check_open(one)
    ends = [_find_stop(run, stop) for stop in (one.stop, one.to)]
    wanted = Wanted(run.id, ends[0].id, ends[1].id, seats=one.seats)
    booking = rides.book(wanted, passenger=one.passenger)
    if booking.state is BookingState.WAITING_CONFIRMATION:
        booking = rides.confirm(booking.id)
    one = replace(one, state=WaitingState.PICKED_UP, run=run.id, booking=booking.id, ended_at=rides.now)
    waiting_store.set_waiting(connection, one)
    return one


def _find_stop(run: Run, stop: str) -> RunStop:
    found = next((one for one in run.stops if one.line_stop == stop), None)
    if found is None:
        raise InvalidInput(
            f"run {run.id} does not stop at {stop}; somebody who goes there picks them up", code="unknown_stop"
        )
    return found


def _check_open(one: Waiting) -> None:
    if one.state is not WaitingState.WAITING:
        why = {
            WaitingState.PICKED_UP: "was picked up by somebody else",
            WaitingState.LEFT: "has left",
            WaitingState.TAXI: "goes by taxi, which is on its way",
        }[one.state]
        raise Conflict(f"who waited at {one.stop} {why}", code="waiting_over")


def leave(session: Session, one: Waiting, now: datetime) -> Waiting:
    """Wait no longer; said twice, nothing changes.

    Raises
    ------
    Conflict
        When they were picked up, or a taxi is on its way: the desk can stop it (``waiting_over``).
    """
    connection = driver(session)
    one = waiting_store.lock_waiting(connection, one.id)
    if one.state is WaitingState.LEFT:
        return one
    _check_open(one)
    one = replace(one, state=WaitingState.LEFT, ended_at=now)
    waiting_store.set_waiting(connection, one)
    return one


# ── by the clock ──────────────────────────────────────────────────────────────────────────────────────────────────────


def keep_promise(session: Session, now: datetime) -> Waiting | None:
    """Order a taxi for one to whom was promised to be gone by now; None when there is nobody left.

    Whoever found a ride by a booking meanwhile needs none. The caller commits after each.
    """
    connection = driver(session)
    one = waiting_store.take_due(connection, now)
    if one is None:
        return None
    ride, line = waiting_store.find_ride(connection, one), find_line(session, one.line)
    if ride is not None:
        one = replace(one, state=WaitingState.PICKED_UP, run=ride[0], booking=ride[1], ended_at=now)
    elif line is None:  # it was withdrawn meanwhile, and its promise with it
        one = replace(one, state=WaitingState.LEFT, ended_at=now)
    else:
        one = replace(one, state=WaitingState.TAXI, taxi_ordered_at=now, ended_at=now)
        _order_taxi(session, one, line, now)
    waiting_store.set_waiting(connection, one)
    return one


def find_line(session: Session, id_: str) -> Line | None:
    """Find a line in service; who waits may be at one that was withdrawn since."""
    return next((one for one in lines.list_lines(driver(session)) if one.id == id_), None)


def _order_taxi(session: Session, one: Waiting, line: Line, now: datetime) -> None:
    connection = driver(session)
    names = {stop.id: stop.name for stop in line.stops}
    person = store.get_person(connection, one.passenger)
    promise = line.guarantee
    told: dict[str, object] = {
        "origin": names.get(one.stop, one.stop),
        "destination": names.get(one.to, one.to),
        "pickup": now,
        "persons": one.seats,
    }
    taxi = Recipient(promise.taxi_email, promise.taxi_phone, zone=line.timezone) if promise else Recipient()
    reached = messages.send(
        session,
        "taxi_order",
        taxi,
        {
            **told,
            "reference": reference_of(one),
            "name": person.name,
            "traveller_phone": person.phone,
            "reason": line.name,
        },
        key=_about(one),
        about=_about(one),
        now=now,
    )
    messages.send(
        session,
        "carpool_taxi",
        replace(recipient_of(person), zone=line.timezone),
        {**told, "reference": reference_of(one), "phone": promise and promise.taxi_phone},
        key=_about(one),
        about=_about(one),
        now=now,
    )
    webhooks.announce(
        session,
        "taxi.ordered",
        {
            "waiting": one.id,
            "reference": reference_of(one),
            "line": line.id,
            "stop": one.stop,
            "to": one.to,
            "persons": one.seats,
            "at": now.isoformat(),
            "taxi_told": bool(reached),
        },
        key=_about(one),
        now=now,
    )


def reference_of(one: Waiting) -> str:
    """Return what a waiting is called on the telephone."""
    return one.id.removeprefix("wait_")[:6].upper().replace("_", "X").replace("-", "Y")


def _about(one: Waiting) -> str:
    return f"carpool_waiting:{one.id}"


def give_up(session: Session, now: datetime) -> Waiting | None:
    """End the waiting of one who was promised nothing and has surely gone; None when there is nobody left."""
    connection = driver(session)
    one = waiting_store.take_forgotten(connection, now - PATIENCE)
    if one is None:
        return None
    ride = waiting_store.find_ride(connection, one)
    if ride is None:
        one = replace(one, state=WaitingState.LEFT, ended_at=now)
    else:
        one = replace(one, state=WaitingState.PICKED_UP, run=ride[0], booking=ride[1], ended_at=now)
    waiting_store.set_waiting(connection, one)
    return one


def tell_drivers(session: Session, now: datetime) -> int:
    """Tell drivers who will pass soon who waits on their way, each once of each; return how many were told."""
    connection = driver(session)
    told = 0
    ways = {(one.line, one.direction) for one in waiting_store.list_waiting(connection)}
    for line, direction in sorted(ways):
        runs = store.list_runs(
            connection, line=line, direction=direction, states=ACTIVE, between=(now - AHEAD, now + SOON), limit=500
        )
        for run in runs:
            for ahead in list_ahead(session, run, now):
                if ahead.passing.at <= now + SOON:
                    told += _tell(session, run, ahead, now)
    return told


def _tell(session: Session, run: Run, ahead: Ahead, now: datetime) -> int:
    one, passing = ahead.waiting, ahead.passing
    line = find_line(session, one.line)
    if line is None:
        return 0
    person = store.get_person(driver(session), run.driver)
    written = messages.send(
        session,
        "carpool_waiting",
        replace(recipient_of(person), zone=line.timezone),
        {
            "origin": passing.board.name,
            "destination": passing.alight.name,
            "persons": one.seats,
            "pickup": one.since,
            "latest": passing.at,
        },
        key=f"{_about(one)}/{run.id}",
        about=_about(one),
        now=now,
        until=passing.at,
    )
    return int(bool(written))
