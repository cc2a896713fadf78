"""People of the demonstration, who carpool through the same services as everybody: a day to try things on.

Their accounts, number plates and telephone numbers belong to nobody (numbers kept for films by the French regulator).
What they did on a day they do once: asked again, it is told again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from mobigo.carpool import bank, lines, people, proving, store
from mobigo.carpool.checks import Fix
from mobigo.carpool.model import BookingState, RunState
from mobigo.carpool.people import Profile
from mobigo.carpool.proving import Moment, Scanned
from mobigo.carpool.service import Actor, Offer, Rides
from mobigo.carpool.terms import FRANCE
from mobigo.carpool.wanting import Wanted
from mobigo.db.session import driver
from mobigo.kit.errors import Refused
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from mobigo.carpool.lines import Roads
    from mobigo.carpool.model import Line, Person, Run, Seat
    from mobigo.carpool.settling import Settling

LINE = "epoisses-les-laumes"

IBAN = "FR1420041010050500013M02606"
"""The other sample number of the French banks."""

MORNING, EVENING = time(7, 30), time(17, 30)

EVENING_BEFORE = timedelta(hours=13)

FIXES = 12
"""Positions that each phone sends on the way."""

DRIVER = ("demonstration-carpool-driver", "Anne Exemple", 1)
PASSENGERS = (("demonstration-carpool-paul", "Paul Exemple", 2), ("demonstration-carpool-rose", "Rose Exemple", 3))
"""Account, name, and the end of a number."""


@dataclass(frozen=True)
class Travelled:
    """A run of the demonstration, from its offer to its proof."""

    run: Run
    driver: Person
    passengers: tuple[Person, ...]
    bookings: tuple[Seat, ...]
    """In the order of `passengers`."""


@dataclass(frozen=True)
class Stage:
    """Where the demonstration plays.

    Parameters
    ----------
    session : Session
        The caller commits.
    roads : Roads
        Ways by car.
    key : bytes
        Of the home.
    """

    session: Session
    roads: Roads
    key: bytes

    def travel(self, day: date, *, bank_key: bytes, settling: Settling) -> Travelled:
        """Let a driver take two passengers from Époisses to Les Laumes on a day that is over, all the way to the proof.

        Everything is done at the time of that day, through the services that the apps of drivers and passengers call.
        """
        departs = datetime.combine(day, MORNING, FRANCE)
        before = departs - EVENING_BEFORE
        person = self._describe(DRIVER, before)
        passengers = tuple(self._describe(one, before) for one in PASSENGERS)
        connection = driver(self.session)
        store.lock_people(connection, [person.id])
        known = store.list_runs(connection, driver=person.id, days=(day, day), states=[RunState.ENDED])
        if known:
            return self._tell(known[0], person, passengers)
        bank.set_account(self.session, bank_key, person.id, holder=DRIVER[1], iban=IBAN, now=before)
        run = self._as(person, before).offer_run(
            Offer(departs_at=departs, seats=3, line=LINE, direction=0, plate="DEMO001")
        )
        seats = []
        for minutes, one in enumerate(passengers, start=10):
            wanted = Wanted(run.id, run.stops[0].id, run.stops[-1].id)
            seats.append(self._as(one, before + timedelta(minutes=minutes)).book(wanted))
        run = self._drive(run, person, list(zip(passengers, seats, strict=True)))
        settling.settle(self.session, run.id, (run.ended_at or departs) + timedelta(minutes=5))
        return self._tell(run, person, passengers)

    def seed(self, day: date, now: datetime) -> list[Run]:
        """Offer runs on all lines, both ways, morning and evening of a day, as far as it is not over; and book some.

        Lines to which no road leads, as their streets are not loaded, are left out.
        """
        offered = []
        for number, line in enumerate(lines.list_lines(driver(self.session)), start=10):
            try:
                with self.session.begin_nested():
                    offered += self._seed_line(line, number, day, now)
            except Refused:  # a road is missing there, or somebody booked meanwhile
                continue
        return offered

    def _seed_line(self, line: Line, number: int, day: date, now: datetime) -> list[Run]:
        person = self._describe((f"demonstration-carpool-{line.id}", f"Conducteur {line.name}"[:60], number), now)
        guest = self._describe(
            (f"demonstration-carpool-{line.id}-guest", f"Passager {line.name}"[:60], number + 50), now
        )
        offered = []
        for direction, at in ((0, MORNING), (1, EVENING)):
            run = self._offer(line, person, direction, datetime.combine(day, at, FRANCE), now)
            if run is not None:
                self._as(guest, now).book(Wanted(run.id, run.stops[0].id, run.stops[-1].id))
                offered.append(run)
        return offered

    def _offer(self, line: Line, person: Person, direction: int, departs: datetime, now: datetime) -> Run | None:
        """Offer a run, once; none where it would have left already."""
        known = store.list_runs(driver(self.session), driver=person.id, days=(departs.date(), departs.date()))
        if departs <= now or any(one.direction == direction for one in known):
            return None
        return self._as(person, now).offer_run(
            Offer(departs_at=departs, seats=3, line=line.id, direction=direction, plate="DEMO002")
        )

    def _describe(self, who: tuple[str, str, int], now: datetime) -> Person:
        account, name, number = who
        known = store.find_person(driver(self.session), account)
        if known is not None:
            return known
        return people.describe(
            self.session, account, Profile(name, f"+3363998{number:04d}", None, "fr", adult=True), now
        )

    def _as(self, person: Person, now: datetime) -> Rides:
        return Rides(self.session, self.roads, self.key, Actor(person.id, person.id), now)

    def _drive(self, run: Run, person: Person, seats: Sequence[tuple[Person, Seat]]) -> Run:
        """Drive from stop to stop: each passenger scans the driver's code getting on, and shows theirs getting off."""
        first, last = run.stops[0], run.stops[-1]
        begun = self._as(person, first.planned_at)
        begun.begin(run.id)
        for number, (passenger, seat) in enumerate(seats):
            at = first.planned_at + timedelta(seconds=20 * (number + 1))
            shown = proving.show_code(self.session, self.key, seat.id, person.id)
            self._scan(passenger, seat, shown.text, Moment.BOARD, at=at, point=first.point)
        for stop in run.stops[1:]:
            self._as(person, stop.planned_at).pass_stop(run.id, stop.id)
        for number, (passenger, seat) in enumerate(seats):
            at = last.planned_at + timedelta(seconds=20 * (number + 1))
            shown = proving.show_code(self.session, self.key, seat.id, passenger.id)
            self._scan(person, seat, shown.text, Moment.ALIGHT, at=at, point=last.point)
        sent = last.planned_at + timedelta(minutes=2)
        for one in (person, *(passenger for passenger, _ in seats)):
            proving.take_positions(
                self.session, self.key, one.id, run.id, _trace(run), device=f"phone of {one.id}", sent=None, now=sent
            )
        return self._as(person, sent).end(run.id)

    def _scan(self, by: Person, seat: Seat, text: str, moment: Moment, *, at: datetime, point: Point) -> None:
        scanned = Scanned(f"{seat.id}-{moment}", text, moment, at, f"phone of {by.id}", point)
        proving.take_scan(self.session, self.key, by.id, scanned, sent=None, now=at)

    def _tell(self, run: Run, person: Person, passengers: tuple[Person, ...]) -> Travelled:
        connection = driver(self.session)
        seats = {
            one.passenger: one
            for one in store.list_bookings(connection, run=run.id)
            if one.state is not BookingState.CANCELLED
        }
        return Travelled(
            store.get_run(connection, run.id), person, passengers, tuple(seats[one.id] for one in passengers)
        )


def _trace(run: Run) -> list[Fix]:
    """Return positions along a run, from stop to stop at its pace."""
    found = []
    for before, after in zip(run.stops, run.stops[1:], strict=False):
        whole = after.planned_at - before.planned_at
        for step in range(FIXES):
            share = step / FIXES
            lon = before.point.lon + share * (after.point.lon - before.point.lon)
            lat = before.point.lat + share * (after.point.lat - before.point.lat)
            found.append(Fix(before.planned_at + share * whole, Point(lon, lat)))
    return [*found, Fix(run.stops[-1].planned_at, run.stops[-1].point)]
