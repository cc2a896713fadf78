"""What on-demand transport offers at this moment: rules, hours and vehicles together, as whoever plans or quotes asks.

A ride is offered only where it can be booked now: its rules are open, its hours hold the pick-up, and, where it is
dispatched here, a vehicle can take it without breaking a promise already made. The snapshot of services and runs is
read anew when the database says that it changed; while the database is away the last one serves for a minute.

How an offer's times are made, from what its service promises:

- *ready at* is the first instant of the pick-up window, which is `Promise.pickup_window` seconds wide.
- the *ride* lasts at most `Promise.ride_factor` times the drive plus `Promise.ride_extra`; what is said in advance is
  the safe duration: `Trip.safe_factor` times the drive plus `Trip.safe_offset`, or where the trip has none the drive
  times `SAFE_FACTOR` plus `SAFE_OFFSET`; never more than the longest ride.
- *there by* is what the ride is pinned to, less `Promise.connection_buffer`; where it is pinned to nothing it is the
  end of the pick-up window plus the safe duration.
- a ride of fixed times leaves at them, and is there `FIXED_SLACK` after them at the latest.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import structlog

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.holidays import ONE_DAY
from mobigo.ondemand.calendars import day_of, instant_of, runs_on
from mobigo.ondemand.catalogue import Catalogue, find_revision, read_catalogue
from mobigo.ondemand.dispatch import Placement, find_place
from mobigo.ondemand.fleet_store import read_fleet
from mobigo.ondemand.flex_read import is_flexible
from mobigo.ondemand.model import Ask, BookingType, How, Offer, Party, Pin, Spot
from mobigo.ondemand.rules import WhyNot, list_departures, opening, pickup_window, rules_of, why_not
from mobigo.ondemand.store import list_expired

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from sqlalchemy.engine import Engine

    from mobigo.kit.clock import Clock
    from mobigo.ondemand.catalogue import Ride
    from mobigo.ondemand.fleet import Fleet, Times
    from mobigo.ondemand.model import BookingRule, Call, Service, Trip
    from mobigo.ondemand.rules import Opening

log = structlog.get_logger()

SAFE_FACTOR, SAFE_OFFSET = 1.25, 120
"""What a ride takes of a service that does not say: so many times the drive, plus so many seconds."""

FIXED_SLACK = 300
"""Seconds by which a vehicle of a virtual line may be later than its timetable."""

MINUTE = 60

EVER = 10 * 366 * 24 * 60
"""Minutes before a ride at which nobody books."""

DAYS_AHEAD = 14
"""Days in which the next pick-up is looked for."""

FRESH = 0.25
"""Seconds for which a snapshot is taken to be that of now; what this process itself changes is seen at once."""

KEPT = 60.0
"""Seconds for which the last snapshot serves while the database is away."""

DAY = 86_400

PATIENCE = 2
"""Seconds in which the database must take a connection."""

RETRY = 2.0
"""Seconds after which a database that was away is asked again."""


class Decline(StrEnum):
    """Why a ride is not offered."""

    NO_SERVICE = "no_service"
    """No service goes from there to there."""
    OUTSIDE_HOURS = "outside_hours"
    """The service does not run at that time."""
    NOT_YET = "not_yet"
    """It can be booked later."""
    TOO_LATE = "too_late"
    """It could be booked until before now."""
    NEVER = "never"
    """Its rules leave no time to book it."""
    NO_WAY = "no_way"
    """No street leads there."""
    FULL = "full"
    """No vehicle can take it without breaking a promise."""


TELLING = (
    *(Decline.FULL, Decline.TOO_LATE, Decline.NOT_YET, Decline.NEVER, Decline.OUTSIDE_HOURS, Decline.NO_WAY),
    Decline.NO_SERVICE,
)
"""Of several reasons the one to tell, the first first."""


@dataclass(frozen=True)
class Want:
    """A ride that somebody wants, as far as time and room matter."""

    origin: Spot
    destination: Spot
    pickup: tuple[int, int]
    """Instants between which being ready suits."""
    drop_off: tuple[int, int]
    """Instants between which arriving suits; a second of 0: any time."""
    party: Party = field(default_factory=Party)
    pin: Pin | None = None
    soon: bool = False
    """Rather early than late, though the drop-off is bound."""


@dataclass(frozen=True)
class Offered:
    """A ride that can be booked now, and how."""

    offer: Offer
    how: How
    opens: int | None
    """Instant since which it can be booked; None: since ever."""
    planned: tuple[int, int]
    """Pick-up and drop-off as a vehicle would make them now; where it is booked elsewhere, the earliest."""
    seconds: int
    """Of the drive alone."""
    phone: str | None = None
    url: str | None = None
    message: str | None = None
    operator: str | None = None
    """Name of who runs it."""


@dataclass(frozen=True)
class Declined:
    """A ride that cannot be booked now, why not, and what still is."""

    reason: Decline
    service: str | None
    phone: str | None = None
    url: str | None = None
    message: str | None = None
    opens: int | None = None
    """Instant from which it can be booked, where that lies ahead."""
    until: int | None = None
    """Instant until which it could be booked."""


class _Slot(NamedTuple):
    """A service day of a ride whose hours fit, and how it can be booked."""

    day: date
    first: int
    """Instants between which one may be picked up."""
    last: int
    latest: int | None
    """Instant until which one may be set down; None: any time."""
    when: Opening


class _Closed(NamedTuple):
    """A service day of a ride whose hours fit, but that cannot be booked now."""

    when: Opening


class _Hours:
    """When a ride picks up, day by day, worked out when first asked; and its rules."""

    def __init__(self, service: Service, ride: Ride) -> None:
        self._service = service
        self._ride = ride
        self._known: dict[date, tuple[int, int, int | None] | None] = {}
        self.rules = rules_of(service, ride.pickup, ride.drop_off)
        self.notice, self.ahead = _notice(self.rules)
        call = ride.pickup
        end = call.window_end if call.window_end is not None else call.leaves or 0
        self._back = 1 + end // DAY

    def days(self, first: int, last: int) -> list[date]:
        """List the service days whose hours may reach into a stretch."""
        zone = self._service.timezone
        begin = day_of(first, zone) - self._back * ONE_DAY
        return [begin + n * ONE_DAY for n in range((day_of(last, zone) - begin).days + 1)]

    def on(self, day: date) -> tuple[int, int, int | None] | None:
        """Return the first and last pick-up of a service day, and the last arrival; None: it does not run."""
        if day not in self._known:
            window = pickup_window(self._service, self._ride.pickup, day)
            runs = runs_on(self._service.calendars[self._ride.trip.calendar], day)
            latest = _latest_arrival(self._service, self._ride.drop_off, day)
            self._known[day] = (*window, latest) if runs and window is not None else None
        return self._known[day]


class Supply:
    """Services, vehicles and driving times of one moment; immutable, shared between threads.

    Parameters
    ----------
    catalogue : Catalogue
    fleet : Fleet
    drives : Times
    stored : Fleet, optional
        As the database has it, where `fleet` leaves out holds whose time is over.
    before : Supply, optional
        What was worked out of the same catalogue is taken over from it.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        fleet: Fleet,
        drives: Times,
        stored: Fleet | None = None,
        before: Supply | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.fleet = fleet
        self.drives = drives
        self.stored = stored or fleet
        self.hours_known: dict[tuple[str, str, int, int], _Hours] = {}
        if before is not None and before.catalogue is catalogue:
            self.hours_known = before.hours_known
        self._here = frozenset(
            service for vehicle in fleet.vehicles.values() if vehicle.active for service in vehicle.services
        )

    def how(self, service: Service) -> How:
        """Tell where a service is booked: here if vehicles of ours run it, else on its page, else by telephone."""
        if service.operator is not None and service.id in self._here:
            return How.HERE
        return How.WEB if any(rule.booking_url for rule in service.rules.values()) else How.PHONE

    def offer(self, ride: Ride, want: Want, now: int) -> Offered | Declined:
        """Offer a ride between two records of a trip, or say why not.

        Parameters
        ----------
        ride : Ride
            Of the catalogue: service, trip, records where one gets on and off.
        now : int
            Instant at which it would be booked.
        """
        service = self.catalogue.services[ride.service]
        slot = self._find_slot(service, ride, want, now)
        if isinstance(slot, Declined):
            return slot
        drive = int(self.drives.seconds([want.origin.point], [want.destination.point])[0, 0])
        if drive < 0:
            return self._decline(Decline.NO_WAY, service, ride)
        plan = _Plan(service, ride, want, slot, drive, fixed=slot.first == slot.last and not is_flexible(ride.pickup))
        if self.how(service) is not How.HERE:
            return self._tell(plan, now)
        return self._place(plan, now)

    def offer_line(self, ride: Ride, day: date, want: Want, now: int) -> Offered | Declined:
        """Offer a ride of a virtual line, at the times of its timetable.

        Parameters
        ----------
        day : date
            Service day of the trip.
        want : Want
            Its pick-up and drop-off are from the departure to the departure, and until the arrival.
        """
        service = self.catalogue.services[ride.service]
        departure, arrival = want.pickup[0], want.drop_off[1]
        when = opening(rules_of(service, ride.pickup, ride.drop_off), service, departure, day)
        why = why_not(when, now)
        if why is not None:
            return self._decline(Decline(why.value), service, ride, when)
        drive = int(self.drives.seconds([want.origin.point], [want.destination.point])[0, 0])
        if drive < 0:
            return self._decline(Decline.NO_WAY, service, ride)
        slot = _Slot(day, departure, departure, arrival + FIXED_SLACK, when)
        plan = _Plan(service, ride, replace(want, drop_off=(0, 0)), slot, drive, fixed=True)
        return self._place(plan, now) if self.how(service) is How.HERE else self._tell(plan, now)

    def find(
        self,
        origin: Spot,
        destination: Spot,
        at: int,
        *,
        party: Party,
        now: int,
        arrive: bool = False,
        within: int = 7_200,
    ) -> list[Offered | Declined]:
        """Offer rides all the way, each service's best: first to come, or last to leave with `arrive`.

        Parameters
        ----------
        at : int
            Instant: ready not before, or there not after it.
        within : int
            Seconds after (before) it in which being ready (being there) suits.
        """
        found: dict[str, Offered | Declined] = {}
        for ride in self.catalogue.rides_between(origin, destination):
            want = Want(origin, destination, (at, at + within), (0, 0), party)
            if arrive:
                want = replace(want, pickup=(at - within - 4 * 3600, at), drop_off=(at - within, at))
            one = self.offer(ride, want, now)
            found[ride.service] = better(found.get(ride.service), one, arrive=arrive)
        return sorted(found.values(), key=lambda one: (isinstance(one, Declined), _order(one, arrive=arrive)))

    # ── hours and rules ───────────────────────────────────────────────────────────────────────────────────────────────

    def is_open(self, ride: Ride, first: int, last: int, now: int) -> bool:
        """Tell whether a ride picks up within a stretch at a time that can be booked now."""
        service = self.catalogue.services[ride.service]
        return any(isinstance(slot, _Slot) for slot in self._slots(service, ride, first, last, now))

    def next_pickup(self, service: Service, now: int) -> int | None:
        """Return the next instant at which a service picks up and that can be booked now; None: in no two weeks."""
        today = day_of(now, service.timezone)
        days = today - ONE_DAY, today + DAYS_AHEAD * ONE_DAY
        found = (
            next(list_departures(service, ride.trip, (ride.pickup, ride.drop_off), now, days), None)
            for ride in self.catalogue.rides(service.id)
        )
        return min((one.pickup for one in found if one is not None), default=None)

    def _slots(self, service: Service, ride: Ride, first: int, last: int, now: int) -> Iterator[_Slot | _Closed]:
        """List the service days on which a ride picks up within a stretch: bookable, or how it would be."""
        key = ride.service, ride.trip.id, ride.start, ride.end
        hours = self.hours_known.get(key)
        if hours is None:
            hours = self.hours_known[key] = _Hours(service, ride)
        for day in hours.days(first, last):
            window = hours.on(day)
            if window is None:
                continue
            low, high = max(first, window[0], now), min(last, window[1])
            if low > high:
                continue
            first_open, last_open = max(low, now + hours.notice), min(high, now + hours.ahead)
            when = opening(hours.rules, service, first_open, day)
            if first_open <= last_open and when.is_open(now):
                yield _Slot(day, first_open, last_open, window[2], when)
            else:
                yield _Closed(opening(hours.rules, service, high if first_open > high else low, day))

    def _find_slot(self, service: Service, ride: Ride, want: Want, now: int) -> _Slot | Declined:
        closed: Opening | None = None
        for slot in self._slots(service, ride, *want.pickup, now):
            if isinstance(slot, _Slot):
                return slot
            closed = slot.when
        if closed is None:
            return self._decline(Decline.OUTSIDE_HOURS, service, ride)
        why = why_not(closed, now) or WhyNot.NEVER
        return self._decline(Decline(why.value), service, ride, closed)

    def _decline(self, why: Decline, service: Service, ride: Ride, when: Opening | None = None) -> Declined:
        phone, url, message = _contact(service, ride)
        opens = when.opens if when is not None and why is Decline.NOT_YET else None
        until = when.until if when is not None and why is Decline.TOO_LATE else None
        return Declined(why, service.id, phone, url, message, opens, until)

    # ── times ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, plan: _Plan, now: int) -> Offered | Declined:
        """Offer a ride that is booked elsewhere: nobody here knows its vehicles."""
        ready = plan.nominal()
        if ready is None:
            return self._decline(Decline.OUTSIDE_HOURS, plan.service, plan.ride)
        arrival = max(ready + plan.dwell + plan.drive, plan.timetabled_end or 0)
        if plan.want.drop_off[1] and arrival > plan.want.drop_off[1]:
            return self._decline(Decline.OUTSIDE_HOURS, plan.service, plan.ride)
        return self._offer(plan, ready, (ready, arrival), now)

    def _place(self, plan: _Plan, now: int) -> Offered | Declined:
        """Offer a ride that is dispatched here, where a vehicle can take it."""
        for ask in plan.asks():
            found = find_place(self.fleet, ask, self.drives, now=now, direct=plan.drive)
            if isinstance(found, Placement):
                ready = plan.settle(found.pickup_at)
                return self._offer(plan, ready, (found.pickup_at, found.drop_off_at), now)
        return self._decline(Decline.FULL, plan.service, plan.ride)

    def _offer(self, plan: _Plan, ready: int, planned: tuple[int, int], now: int) -> Offered | Declined:
        service, ride, want = plan.service, plan.ride, plan.want
        when = opening(rules_of(service, ride.pickup, ride.drop_off), service, ready, plan.slot.day)
        why = why_not(when, now)
        if why is not None:
            return self._decline(Decline(why.value), service, ride, when)
        until, latest = plan.promise(ready, planned[1])
        phone, url, message = _contact(service, ride)
        price = service.promise.fare_cents
        offer = Offer(
            service=service.id,
            trip=ride.trip.id,
            service_date=plan.slot.day,
            origin=want.origin,
            destination=want.destination,
            pickup=(ready, until),
            drop_off=(0, latest),
            longest_ride=plan.longest,
            party=want.party,
            bookable_until=when.until,
            cents=None if price is None else price * want.party.persons,
            pin=want.pin,
        )
        name = service.agency.get("agency_name") or None
        return Offered(offer, self.how(service), when.opens, planned, plan.drive, phone, url, message, name)


@dataclass(frozen=True)
class _Plan:
    """What is known of a ride before a vehicle is looked for, and the times that follow from it."""

    service: Service
    ride: Ride
    want: Want
    slot: _Slot
    drive: int
    fixed: bool = False
    """Whether it leaves at a time of a timetable."""

    @property
    def dwell(self) -> int:
        return self.service.promise.dwell

    @property
    def longest(self) -> int:
        promise = self.service.promise
        longest = round(promise.ride_factor * self.drive) + promise.ride_extra
        return max(longest, self._timetabled) if self.fixed else longest

    @property
    def _timetabled(self) -> int:
        """Seconds that a ride of fixed times lasts, with its slack."""
        return max(0, (self.slot.latest or 0) - self.slot.first)

    @property
    def timetabled_end(self) -> int | None:
        """Instant at which a line that leaves its way is at the end of the ride; None: it is there when it comes."""
        if self.fixed or is_flexible(self.ride.drop_off) or self.slot.latest is None:
            return None
        return self.slot.latest - FIXED_SLACK

    @property
    def safe(self) -> int:
        """Seconds aboard that are said in advance."""
        return min(safe_seconds(self.ride.trip, self.drive), self.longest)

    @property
    def bound(self) -> bool:
        """Whether it is to be there as late as is right, instead of as early as possible."""
        return bool(self.want.drop_off[1]) and not self.want.soon and not self.fixed

    @property
    def wide(self) -> int:
        """Seconds of the pick-up window."""
        return FIXED_SLACK if self.fixed else self.service.promise.pickup_window

    @property
    def _latest(self) -> int | None:
        """Instant until which one may be set down, by what is wanted and by the service's hours."""
        bounds = [bound for bound in (self.want.drop_off[1] or None, self.slot.latest) if bound is not None]
        return min(bounds, default=None)

    @property
    def _last_ready(self) -> int:
        """Instant at which one may be ready at the latest so as to be there in time."""
        if self._latest is None or self.fixed:
            return self.slot.last
        return min(self.slot.last, self._latest - self.drive - self.dwell)

    def nominal(self) -> int | None:
        """Return when to be ready if nothing else is on the way; None: never in time."""
        first, last = self.slot.first, self._last_ready
        if self.bound and self._latest is not None:
            last = min(last, self._latest - self.safe - self.dwell - self.wide)
            return last if last >= first else (first if first <= self._last_ready else None)
        return first if first <= last else None

    def asks(self) -> Iterator[Ask]:
        """Yield what dispatching is asked, one after the other until a vehicle is found.

        Where the end is bound: as late as is safe, then any time before at which the wait at the end is not too long.
        Where it is not: as early as possible.
        """
        ready = self.nominal()
        if ready is None:
            return
        promise = self.service.promise
        if not self.bound:
            last = ready if self.fixed else self._last_ready
            for begin in range(ready, last + 1, max(promise.longest_wait, MINUTE)):
                yield self._ask(begin, min(last, begin + promise.longest_wait) + self.wide)
            return
        yield self._ask(ready, ready + self.wide)
        first = max(self.slot.first, ready - promise.longest_wait)
        yield self._ask(first, self._last_ready)

    def _ask(self, first: int, last: int) -> Ask:
        latest = self._latest
        if latest is None or self.fixed:
            latest = last + self.dwell + self.longest + (FIXED_SLACK if self.fixed else 0)
        return Ask(
            self.service.id,
            self.want.origin,
            self.want.destination,
            (first, last),
            (self.want.drop_off[0], latest),
            self.want.party.load,
            self.longest,
            self.dwell,
        )

    def settle(self, pickup: int) -> int:
        """Return when to be ready for a pick-up that is planned: at its full minute, or before where hours end."""
        if self.fixed:
            return self.slot.first
        return max(self.slot.first, min(pickup - pickup % MINUTE, self._last_ready))

    def promise(self, ready: int, arrival: int) -> tuple[int, int]:
        """Return until when the vehicle comes, and by when one is there."""
        until = ready + self.wide
        timed = self.timetabled_end
        if timed is not None and arrival >= timed:
            return min(until, max(ready, timed - self.drive - self.dwell)), arrival
        if self.bound and self._latest is not None:
            return min(until, max(ready, self._latest - self.drive - self.dwell)), self._latest
        latest = max(until + self.dwell + self.safe, arrival)
        if self.fixed and self.slot.latest is not None:
            latest = max(self.slot.latest, arrival)
        return until, latest if self._latest is None else max(arrival, min(latest, self._latest))


def safe_seconds(trip: Trip, drive: int) -> int:
    """Return the seconds that a ride takes nearly always, by what its trip says or by what is usual."""
    factor, offset = safe_terms(trip)
    return max(drive, round(factor * drive + offset))


def safe_terms(trip: Trip) -> tuple[float, float]:
    """Return what the drive is multiplied by, and the seconds that are added to it."""
    if trip.safe_factor is None and trip.safe_offset is None:
        return SAFE_FACTOR, SAFE_OFFSET
    return 1.0 if trip.safe_factor is None else trip.safe_factor, trip.safe_offset or 0.0


def _notice(rules: Iterable[BookingRule]) -> tuple[int, int]:
    """Return the least and the most seconds before the pick-up at which one books, by rules that count minutes."""
    same_day = [rule for rule in rules if rule.type is BookingType.SAME_DAY]
    least = max((rule.duration_min or 0 for rule in same_day), default=0)
    most = min((rule.duration_max for rule in same_day if rule.duration_max is not None), default=EVER)
    return MINUTE * least, MINUTE * most


def _contact(service: Service, ride: Ride) -> tuple[str | None, str | None, str | None]:
    """Return the telephone number, the page, and what travellers are told about booking a ride."""
    rules = rules_of(service, ride.pickup, ride.drop_off)
    phone = next((rule.phone_number for rule in rules if rule.phone_number), None)
    url = next((one for rule in rules for one in (rule.booking_url, rule.info_url) if one), None)
    said = dict.fromkeys(
        said
        for rule, own in zip(rules, ("pickup_message", "drop_off_message"), strict=False)
        for said in (rule.message, getattr(rule, own))
        if said
    )
    return phone or service.agency.get("agency_phone") or None, url, " ".join(said) or None


def _order(one: Offered | Declined, *, arrive: bool) -> int:
    """Order offers by when one is there, with `arrive` by when one must be ready, the last first."""
    if isinstance(one, Declined):
        return 0
    return -one.offer.pickup[0] if arrive else one.offer.drop_off[1]


def better(known: Offered | Declined | None, one: Offered | Declined, *, arrive: bool = False) -> Offered | Declined:
    """Return the better of two answers of a service; of two refusals the one that says more."""
    if known is None:
        return one
    if isinstance(known, Declined) and isinstance(one, Declined):
        return known if TELLING.index(known.reason) <= TELLING.index(one.reason) else one
    if isinstance(known, Declined) or isinstance(one, Declined):
        return one if isinstance(known, Declined) else known
    return known if _order(known, arrive=arrive) <= _order(one, arrive=arrive) else one


def _latest_arrival(service: Service, end: Call, day: date) -> int | None:
    """Return the instant until which a record sets down on a service day."""
    if end.window_end is not None:
        return instant_of(day, end.window_end, service.timezone)
    fixed = end.comes
    return None if fixed is None else instant_of(day, fixed, service.timezone) + FIXED_SLACK


# ── the snapshot of now ───────────────────────────────────────────────────────────────────────────────────────────────


class Supplies:
    """Hands out what there is now; kept per process, read anew when the database says that it changed.

    It has a connection of its own: whoever answers a request may hold one of the pool's, and all of them may.

    Parameters
    ----------
    engine : Engine
    clock : Clock, optional
        Runs that ended long ago by it are left out.
    """

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self._url = engine.url.render_as_string(hide_password=False)
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._catalogue: Catalogue | None = None
        self._fleet: Fleet | None = None
        self._shown: Fleet | None = None
        self._expired: list[tuple[int, str]] = []
        self._oldest = 0
        self._supply: Supply | None = None
        self._read_at = -KEPT
        self._ask_at = 0.0
        self._changes = 0

    def current(self, drives: Times) -> Supply | None:
        """Return what there is now; None while nothing is known, or when the database is away for too long.

        A thread that finds another one reading goes on with what was there before.
        """
        if time.monotonic() >= self._ask_at and self._lock.acquire(blocking=self._catalogue is None):
            try:
                self._look()
            finally:
                self._lock.release()
        catalogue, stored, fleet = self._catalogue, self._fleet, self._shown
        if catalogue is None or stored is None or fleet is None or time.monotonic() - self._read_at > KEPT:
            return None
        known = self._supply
        if known is None or known.catalogue is not catalogue or known.fleet is not fleet or known.drives is not drives:
            self._supply = known = Supply(catalogue, fleet, drives, stored, known)
        return known

    def expect_change(self) -> None:
        """Look anew when it is asked for next: this process has changed something."""
        self._changes += 1
        self._ask_at = 0.0

    def close(self) -> None:
        """Give the connection back; it is opened again when somebody asks."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _look(self) -> None:
        if time.monotonic() < self._ask_at:
            return  # another thread has just looked
        changes = self._changes
        try:
            connection = self._connect()
            if self._catalogue is None or find_revision(connection) != self._catalogue.revision:
                self._catalogue = read_catalogue(connection, self._catalogue)
            fleet = read_fleet(connection, self._known_fleet(), oldest=self._oldest)
            expired = [] if self._clock is None else list_expired(connection, self._clock.now())
            if self._shown is None or fleet is not self._fleet or expired != self._expired:
                self._shown = fleet.without(expired)
            self._fleet, self._expired = fleet, expired
            self._read_at = time.monotonic()
            if changes == self._changes:  # else something was written while this was read
                self._ask_at = self._read_at + FRESH
        except (psycopg.Error, OSError) as error:
            log.warning("on-demand services cannot be read", error=repr(error))
            self._connection = None
            self._ask_at = time.monotonic() + RETRY

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(libpq_conninfo(self._url), autocommit=True, connect_timeout=PATIENCE)
        return self._connection

    def _known_fleet(self) -> Fleet | None:
        """Return the fleet that was read, unless its runs are of days long ago, or the clock was put back."""
        today = 0 if self._clock is None else int(self._clock.now().timestamp()) - DAY
        if abs(today - self._oldest) <= DAY and today >= self._oldest:
            return self._fleet
        self._oldest = today
        return None
