"""Vehicles at a station and people who get off its trains: bookings in a database, on a straight road."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
from psycopg.types.json import Jsonb
from sqlalchemy.engine import Engine
from tests.ondemand.day_checker import Promised, check_day

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.kit.geo import Point
from mobigo.messages import service as messages
from mobigo.ondemand import fleet_store, keeping, lateness, store
from mobigo.ondemand.catalogue import Catalogue
from mobigo.ondemand.model import (
    Contact,
    EventKind,
    Offer,
    Party,
    Pin,
    PinSide,
    Promise,
    Service,
    ServiceKind,
    Spot,
    State,
)
from mobigo.ondemand.progress import Progress
from mobigo.ondemand.service import Actor, Bookings, Order
from mobigo.ondemand.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from mobigo.ondemand.keeping import Kept
    from mobigo.ondemand.model import BookedLeg, Booking, Run

SYSTEM_ACTOR = Actor("system", Role.ADMIN)
MINUTE, HOUR = 60, 3600
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
"""09:00 in Paris."""
TRAIN = int(datetime(2026, 11, 24, 9, tzinfo=UTC).timestamp())
"""10:00 in Paris: the train arrives."""
STATION = Spot("Gare", Point(0.0, 0.0), "t:gare")
VILLAGES = {name: Spot(name, Point(minutes / 60, 0.0)) for name, minutes in (("near", 10), ("far", 30), ("back", -10))}
PIN = Pin(PinSide.AFTER, "t:891", DAY, "t:gare", TRAIN)


class Road:
    """A straight road: a degree is an hour."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        lon = np.array([one.lon for one in origins])[:, None] - np.array([one.lon for one in destinations])
        return np.rint(np.abs(lon) * HOUR).astype(np.int32)


def drive(a: Point, b: Point) -> int:
    return int(Road().seconds([a], [b])[0, 0])


SERVICE = Service(
    id="t:tad",
    kind=ServiceKind.ZONE_TO_STOPS,
    timezone="Europe/Paris",
    route={"route_long_name": "TAD"},
    agency={"agency_phone": "03 80 00 00 00"},
    trips=(),
    calendars={},
    rules={},
    zones={},
    groups={},
    stops={},
    operator="auxois",
    promise=Promise(fare_cents=300, longest_hold=900, longest_wait=1200, pickup_window=600),
)


@dataclass
class Town:
    """Vehicles at the station, bookings to villages."""

    session: Session
    now: datetime = NOW
    service: Service = SERVICE
    pin: Pin = PIN

    @property
    def supply(self) -> Supply:
        catalogue = Catalogue("1", {self.service.id: self.service}, {}, {})
        return Supply(catalogue, fleet_store.read_fleet(driver(self.session)), Road())

    def add_vehicles(
        self, *names: str, seats: int = 4, taxi: str | None = None, end: int = 22, depot: Point = STATION.point
    ) -> None:
        connection = driver(self.session)
        connection.execute(
            "INSERT INTO ondemand_operator (id, name, email, taxi_phone, written_by, written_at)"
            " VALUES ('auxois', 'Auxois', 'exploitant@auxois.example', %s, 'test', now()) ON CONFLICT DO NOTHING",
            [taxi],
        )
        for name in names:
            connection.execute(
                """
                INSERT INTO ondemand_vehicle (id, operator, name, room, seats_per_wheelchair, luggage_on_seats,
                    child_seats_on_seats, depot, services, shifts, drivers, active, written_by, written_at)
                VALUES (%s, 'auxois', %s, %s, 0, false, true, ST_SetSRID(ST_MakePoint(%s, %s), 4326), %s, %s, '{}',
                    true, 'test', now())
                """,
                [
                    name,
                    name,
                    [seats, 0, 0, 0, 0],
                    *depot,
                    ["t:tad"],
                    Jsonb([{"weekdays": [True] * 7, "start": 6 * HOUR, "end": end * HOUR, "breaks": []}]),
                ],
            )
        fleet_store.bump_revision(connection)
        self.session.commit()

    def book(
        self,
        to: str = "near",
        *,
        after: int = 5,
        pinned: bool = True,
        width: int = 10,
        journey: str | None = None,
        **more: object,
    ) -> BookedLeg:
        """Book from the station, so many minutes after the train was to come."""
        first = self.pin.instant + after * MINUTE
        offer = Offer(
            service="t:tad",
            trip="tad",
            service_date=self.pin.service_date,
            origin=STATION,
            destination=VILLAGES[to],
            pickup=(first, first + width * MINUTE),
            drop_off=(0, first + width * MINUTE + MINUTE + drive(STATION.point, VILLAGES[to].point) + 10 * MINUTE),
            longest_ride=HOUR,
            party=Party(),
            bookable_until=first - HOUR // 4,
            cents=300,
            pin=self.pin if pinned else None,
        )
        contact = Contact("Ada", "+33612345678", None, "fr")
        order = Order((replace(offer, **more),), contact, journey=journey)  # type: ignore[arg-type]
        (booking,) = Bookings(self.session, self.supply, b"key", SYSTEM_ACTOR, self.now).book([order])
        self.session.commit()
        return booking.legs[0]

    def meet(self, leg: BookedLeg, late: float, line: str = "TER 891") -> Kept:
        """Say that the train is so many minutes late."""
        ready = leg.offer.pickup[0] + round(late * MINUTE)
        kept = keeping.meet(self.session, self.supply, leg.id, ready=ready, line=line, now=self.now)
        self.session.commit()
        return kept

    def catch_up(self) -> list[Kept]:
        """Look at all runs that drivers have reported of, as the worker does."""
        self.session.commit()
        engine = self.session.get_bind()
        assert isinstance(engine, Engine)
        return lateness.look_after(engine, self.supply, self.now)

    def move(self, leg: BookedLeg, *states: State) -> None:
        """Let the driver report."""
        for state in states:
            Progress(self.session, self.supply, SYSTEM_ACTOR, self.now).move(leg.id, state)
            self.session.commit()

    def leg(self, leg: BookedLeg) -> BookedLeg:
        return store.get_leg(driver(self.session), leg.id)

    def booking(self, leg: BookedLeg) -> Booking:
        return store.get_booking(driver(self.session), leg.booking)

    def told(self, leg: BookedLeg) -> list[str]:
        """Templates of what was said about a ride and is not taken back, in order."""
        said = messages.list_messages(self.session, about=f"leg:{leg.id}")
        return [one.template for one in reversed(said) if one.state != "cancelled"]

    def history(self, leg: BookedLeg) -> list[str]:
        return [row[2] for row in store.list_history(driver(self.session), leg.booking)]

    @property
    def runs(self) -> list[Run]:
        return fleet_store.list_runs(driver(self.session))

    def check(self, *legs: BookedLeg) -> list[str]:
        """Check the day against all that is promised now."""
        promised = []
        for one in map(self.leg, legs):
            offer, shifted = one.offer, one.shifted
            pickup = next(
                event for run in self.runs for event in run.events
                if event.leg == one.id and event.kind is EventKind.PICKUP
            )  # fmt: skip
            ask = keeping.ask_of(one, pickup.earliest - offer.pickup[0], shifted)
            promised.append(Promised(one.id, ask, one.run))
        return check_day(self.runs, promised, drive)
