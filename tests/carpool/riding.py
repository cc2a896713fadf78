"""A car on its way from Époisses to Les Laumes with passengers, for tests of what is proven, found and told of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy.orm import Session

from mobigo.carpool import proving_store, store
from mobigo.carpool.checks import Fix
from mobigo.carpool.model import BookingState, Run, RunState, RunStop, Seat
from mobigo.carpool.proof import OFFLINE, Code, Shows, write_code
from mobigo.carpool.proving import Moment, Scanned, show_code, take_positions, take_scan
from mobigo.carpool.service import Actor, Rides
from mobigo.carpool.settling import Settling
from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.kit.geo import Point
from mobigo.messages import service as messages
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from mobigo.carpool.model import Person
    from mobigo.carpool.proving_store import Proven

KEY = b"k" * 32
NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
EPOISSES, SEMUR, LAUMES = Point(4.1722, 47.5064), Point(4.3347, 47.4906), Point(4.4603, 47.5422)
PLACES = (("Époisses", EPOISSES, 0, 0), ("Semur-en-Auxois", SEMUR, 13_000, 15), ("Les Laumes", LAUMES, 30_000, 35))
"""Name, point, metres, minutes."""


@dataclass
class Riding:
    """Runs made, booked, scanned and settled straight in the database."""

    engine: Engine
    now: datetime = NOON - timedelta(days=1)
    siret: str | None = None
    road: tuple[int, int] | None = None
    alone: str = field(default_factory=lambda: uuid4().hex[:12])
    """Of this test: several share a database."""
    runs: set[str] = field(default_factory=set)

    def person(self, account: str, *, name: str | None = None, phone: str | None = None) -> Person:
        """Return somebody whom only this test knows; with a number of their own unless told."""
        account = f"{account}-{self.alone}"
        phone = phone or f"+336{int(sha256(account.encode()).hexdigest(), 16) % 10**8:08d}"
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            found = store.ensure_person(connection, account, self.now)
            connection.execute(
                "UPDATE carpool_person SET adult = true, name = %s, phone = %s WHERE id = %s",
                [name or f"{account.partition('-')[0].title()} Martin", phone, found.id],
            )
            return store.get_person(connection, found.id)

    def run(self, who: Person, *, at: datetime = NOON, seats: int = 3) -> Run:
        run = Run(
            id=f"r{uuid4().hex}",
            driver=who.id,
            seats=seats,
            stops=tuple(
                RunStop(0, name, point, metres, there, there + timedelta(minutes=5), line_stop=name.lower())
                for name, point, metres, minutes in PLACES
                for there in [at + timedelta(minutes=minutes)]
            ),
            state=RunState.PLANNED,
            service_date=at.date(),
            line="epoisses-les-laumes",
            direction=0,
            plate="AB123CD",
        )
        with Session(self.engine) as session, session.begin():
            store.add_run(driver(session), run, self.now)
            store.publish(driver(session), [run.id])
        self.runs.add(run.id)
        return self.read_run(run.id)

    def book(
        self,
        run: Run,
        who: Person | None,
        *,
        board: int = 0,
        alight: int = 2,
        seats: int = 1,
        operator: str | None = None,
    ) -> Seat:
        one = Seat(
            id=str(uuid4()),
            run=run.id,
            passenger=who.id if who else None,
            seats=seats,
            board=run.stops[board].id,
            alight=run.stops[alight].id,
            state=BookingState.CONFIRMED,
            cents=150 * seats,
            made_at=self.now,
            operator=operator,
            foreign_passenger="zoe" if operator else None,
        )
        with Session(self.engine) as session, session.begin():
            store.add_booking(driver(session), one)
            store.publish(driver(session), [run.id], [one.id])
        return self.read(one.id)

    def scan(
        self,
        booking: Seat,
        by: Person,
        at: datetime,
        *,
        moment: Moment = Moment.BOARD,
        received: datetime | None = None,
        sent: datetime | None = None,
        id_: str | None = None,
        text: str | None = None,
        device: str | None = None,
        point: Point | None = None,
    ) -> None:
        run = self.read_run(booking.run)
        with Session(self.engine) as session, session.begin():
            shower = booking.passenger if by.id == run.driver else run.driver
            shown = text or show_code(session, KEY, booking.id, shower or "").text
            what = Scanned(id_ or uuid4().hex, shown, moment, at, device, point)
            take_scan(session, KEY, by.id, what, sent=sent, now=received or at)

    def code(self, booking: Seat, shows: Shows) -> str:
        run = self.read_run(booking.run)
        with Session(self.engine) as session:
            shower = booking.passenger if shows is Shows.PASSENGER else run.driver
            return show_code(session, KEY, booking.id, shower or "").text

    def long_code(self, booking: Seat) -> str:
        """Return a code of the passenger that is good all week: one whose time is not what is tested."""
        week = timedelta(days=7)
        return write_code(KEY, Code(booking.id, Shows.PASSENGER, booking.made_at - week, booking.made_at + week))

    def drive(self, run: Run, who: Person, *, device: str, received: datetime | None = None) -> None:
        """Send the positions of a phone at every stop."""
        fixes = [Fix(stop.planned_at, stop.point) for stop in run.stops]
        with Session(self.engine) as session, session.begin():
            now = received or fixes[-1].at + timedelta(minutes=1)
            take_positions(session, KEY, who.id, run.id, fixes, device=device, sent=None, now=now)

    def end(self, run: Run, at: datetime | None = None) -> datetime:
        at = at or run.stops[-1].planned_at + timedelta(minutes=2)
        with Session(self.engine) as session, session.begin():
            for step, when in (("begin", run.stops[0].planned_at), ("end", at)):
                getattr(Rides(session, Drives(None), KEY, Actor(run.driver, person=run.driver), when), step)(run.id)
        return at

    @property
    def settling(self) -> Settling:
        def measure(_: Proven) -> tuple[int, int] | None:
            return self.road

        return Settling(KEY, measure, self.siret)

    def settle(self, run: Run, now: datetime) -> None:
        with Session(self.engine) as session, session.begin():
            self.settling.settle(session, run.id, now)

    def list_told(self, booking: Seat) -> list[str]:
        """List what those of a booking were told, oldest first."""
        with Session(self.engine) as session:
            return [one.template for one in messages.list_messages(session, about=f"carpool:{booking.id}")][::-1]

    def due(self, now: datetime) -> list[str]:
        """List the runs that the job would settle."""
        with Session(self.engine) as session:
            return [id_ for id_ in proving_store.list_unsettled(driver(session), now, OFFLINE) if id_ in self.runs]

    @property
    def conninfo(self) -> str:
        return libpq_conninfo(self.engine.url.render_as_string(hide_password=False))

    def read(self, id_: str) -> Seat:
        with Session(self.engine) as session:
            return store.get_booking(driver(session), id_)

    def read_run(self, id_: str) -> Run:
        with Session(self.engine) as session:
            return store.get_run(driver(session), id_)
