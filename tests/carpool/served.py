"""The served application with people who drive and ride between Époisses and Les Laumes, and a clock to be moved."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from sqlalchemy.orm import Session
from tests.conftest import new_database, serve

from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.carpool import store
from mobigo.carpool.model import BookingState, Run, RunState, RunStop, Seat
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.clock import Clock
from mobigo.kit.geo import Point
from mobigo.messages import service as messages
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastapi import FastAPI
    from sqlalchemy.engine import Engine

    from mobigo.messages.model import Message

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nobody reads all certificates of the world for every question asked of this machine."""

MORNING = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
"""A Monday, 7:00 in Paris."""

EPOISSES, SEMUR, LAUMES = Point(4.1722, 47.5064), Point(4.3347, 47.4906), Point(4.4603, 47.5422)
PLACES = (("Époisses", EPOISSES, 0, 0), ("Semur-en-Auxois", SEMUR, 13_000, 15), ("Les Laumes", LAUMES, 30_000, 35))
"""Name, point, metres, minutes."""

SPARE = timedelta(minutes=5)
"""By which drivers may be later."""


@dataclass
class Served:
    """An application, who asks it, and what was told to whom."""

    engine: Engine
    clock: Clock
    key: bytes
    address: str
    home: Path
    app: FastAPI
    people: dict[str, str] = field(default_factory=dict)
    """Id by account."""

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def reset(self) -> None:
        """Begin anew: nobody is known, nothing has happened, and it is seven in the morning."""
        with Session(self.engine) as session, session.begin():
            connection = driver(session)
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'mobigo' AND tablename <> 'carpool_revision'"
                " AND (starts_with(tablename, 'carpool_') OR tablename IN ('message', 'webhook'))"
            ).fetchall()
            connection.execute(f"TRUNCATE {', '.join(name for (name,) in tables)} CASCADE".encode())
        self.people.clear()
        self.go(MORNING)
        cars = self.app.state.cars
        cars._known, cars._garage = type(cars._known)(), None

    def go(self, at: datetime) -> None:
        """Move the clock, where it stands still."""
        self.clock.move(at, 0)

    def ask(self, user: str, role: Role = Role.TRAVELLER) -> httpx.Client:
        token = issue(self.key, user, role, self.now, timedelta(days=400))
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=120, verify=NO_TLS)

    def know(self, *users: str, **changes: object) -> None:
        """Let people tell who they are."""
        for number, user in enumerate(users):
            told = {"name": user.title(), "phone": f"061234567{number}", "email": f"{user}@example.org", "adult": True}
            with self.ask(user) as asking:
                answer = asking.put("/v1/carpool/me", json={**told, **changes})
                assert answer.status_code == 200, answer.text
                self.people[user] = answer.json()["id"]

    def say(
        self, user: str, method: str, path: str, body: object = None, *, role: Role = Role.TRAVELLER
    ) -> tuple[int, Any]:
        """Ask for something under ``/v1/carpool``; status and answer."""
        with self.ask(user, role) as asking:
            answer = asking.request(method, f"/v1/carpool{path}", json=body)
            return answer.status_code, answer.json() if answer.content else None

    def lay_run(self, user: str, *, at: datetime | None = None, seats: int = 3, **changes: object) -> Run:
        """Let somebody drive from Époisses to Les Laumes, an hour from now unless told."""
        at = at or self.now + timedelta(hours=1)
        run = Run(
            id=f"r{uuid4().hex}",
            driver=self.people[user],
            seats=seats,
            stops=tuple(
                RunStop(0, name, point, metres, there, there + SPARE, driver_latest=there + SPARE)
                for name, point, metres, minutes in PLACES
                for there in [at + timedelta(minutes=minutes)]
            ),
            state=RunState.PLANNED,
            service_date=at.date(),
            plate="AB123CD",
        )
        with Session(self.engine) as session, session.begin():
            store.add_run(driver(session), replace(run, **changes), self.now)
            store.publish(driver(session), [run.id])
            return store.get_run(driver(session), run.id)

    def seat(self, run: Run, user: str, *, seats: int = 1, state: BookingState = BookingState.CONFIRMED) -> Seat:
        """Let somebody have a place all the way."""
        one = Seat(
            id=str(uuid4()),
            run=run.id,
            passenger=self.people[user],
            seats=seats,
            board=run.stops[0].id,
            alight=run.stops[-1].id,
            state=state,
            cents=150 * seats,
            made_at=self.now,
            board_at=run.stops[0].planned_at,
            alight_at=run.stops[-1].planned_at,
        )
        with Session(self.engine) as session, session.begin():
            store.add_booking(driver(session), one)
            store.publish(driver(session), [run.id], [one.id])
        return one

    def list_messages(self, about: str | None = None) -> list[Message]:
        """List what was said to people, oldest first."""
        with Session(self.engine) as session:
            return messages.list_messages(session, about=about)[::-1]


@contextmanager
def serving(engine: Engine, home: Path, **options: object) -> Iterator[Served]:
    """Serve the application at seven in the morning."""
    clock = Clock(home / "clock.json")
    clock.move(MORNING, 0)
    app = create_app(engine=engine, clock=clock, home=home, **options)
    with serve(app) as address:
        yield Served(engine, clock, app.state.token_key, address, home, app)


@contextmanager
def village(test_cluster: str, home: Path, **options: object) -> Iterator[Served]:
    """Serve the application over a database of its own, for tests that begin anew each."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with serving(engine, home, **options) as served:
            yield served
        engine.dispose()
