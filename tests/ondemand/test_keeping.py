"""Late trains: the vehicle waits, else the next one comes, else a taxi; promises to others stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy.orm import Session
from tests.ondemand.day_checker import Promised, check_day

from mobigo.db.session import driver
from mobigo.kit.geo import Point
from mobigo.messages import service as messages
from mobigo.ondemand import fleet_store, keeping, store
from mobigo.ondemand.catalogue import Catalogue
from mobigo.ondemand.keeping import Fate
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
from mobigo.ondemand.service import SYSTEM_ACTOR, Bookings, Order
from mobigo.ondemand.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy.engine import Engine

    from mobigo.ondemand.keeping import Kept
    from mobigo.ondemand.model import BookedLeg, Booking, Run

MINUTE, HOUR = 60, 3600
DAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
"""09:00 in Paris."""
TRAIN = int(datetime(2026, 11, 24, 9, tzinfo=UTC).timestamp())
"""10:00: the train arrives."""
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

    @property
    def supply(self) -> Supply:
        catalogue = Catalogue("1", {self.service.id: self.service}, {}, {})
        return Supply(catalogue, fleet_store.read_fleet(driver(self.session)), Road())

    def add_vehicles(self, *names: str, seats: int = 4, taxi: str | None = None, end: int = 22) -> None:
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
                VALUES (%s, 'auxois', %s, %s, 0, false, true, ST_SetSRID(ST_MakePoint(0, 0), 4326), %s, %s, '{}', true,
                    'test', now())
                """,
                [
                    name,
                    name,
                    [seats, 0, 0, 0, 0],
                    ["t:tad"],
                    Jsonb([{"weekdays": [True] * 7, "start": 6 * HOUR, "end": end * HOUR, "breaks": []}]),
                ],
            )
        fleet_store.bump_revision(connection)
        self.session.commit()

    def book(
        self, to: str = "near", *, after: int = 5, pin: Pin | None = PIN, width: int = 10, **more: object
    ) -> BookedLeg:
        """Book from the station, so many minutes after the train was to come."""
        first = TRAIN + after * MINUTE
        offer = Offer(
            service="t:tad",
            trip="tad",
            service_date=DAY,
            origin=STATION,
            destination=VILLAGES[to],
            pickup=(first, first + width * MINUTE),
            drop_off=(0, first + width * MINUTE + MINUTE + drive(STATION.point, VILLAGES[to].point) + 10 * MINUTE),
            longest_ride=HOUR,
            party=Party(),
            bookable_until=first - HOUR // 4,
            cents=300,
            pin=pin,
        )
        contact = Contact("Ada", "+33612345678", None, "fr")
        order = Order((replace(offer, **more),), contact)  # type: ignore[arg-type]
        (booking,) = Bookings(self.session, self.supply, b"key", SYSTEM_ACTOR, self.now).book([order])
        self.session.commit()
        return booking.legs[0]

    def meet(self, leg: BookedLeg, late: float, line: str = "TER 891") -> Kept:
        """Say that the train is so many minutes late."""
        ready = leg.offer.pickup[0] + round(late * MINUTE)
        kept = keeping.meet(self.session, self.supply, leg.id, ready=ready, line=line, now=self.now)
        self.session.commit()
        return kept

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


@pytest.fixture
def town(engine: Engine) -> Town:
    session = Session(engine, expire_on_commit=False)
    with session:
        yield Town(session)


def test_a_train_in_time_changes_nothing(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    assert town.meet(leg, 0).fate is Fate.KEPT
    assert town.meet(leg, -5).fate is Fate.KEPT
    assert "shifted" not in town.history(leg)


def test_the_vehicle_waits_for_a_late_train(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    kept = town.meet(leg, 9.5)
    assert kept.fate is Fate.HELD
    assert kept.leg.shifted == 600  # full minutes
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] == leg.offer.pickup[0] + 600
    assert kept.leg.run == leg.run
    assert town.check(leg) == []
    assert "pickup_shifted" in town.told(leg)
    assert "sheet_hold" in town.told(leg)
    assert town.history(leg)[-1] == "shifted"


def test_a_hold_is_written_and_told_once(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.meet(leg, 10)
    said = town.told(leg)
    assert town.meet(leg, 10).fate is Fate.KEPT
    assert town.meet(leg, 9).fate is Fate.KEPT  # a minute less is not worth a message
    assert town.told(leg) == said


def test_a_train_that_makes_up_brings_the_vehicle_back(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.meet(leg, 10)
    town.now += timedelta(minutes=5)
    assert town.meet(leg, 3).leg.shifted == 180
    town.now += timedelta(minutes=5)
    kept = town.meet(leg, 0)
    assert (kept.fate, kept.leg.shifted) == (Fate.HELD, 0)
    assert kept.leg.planned == town.leg(leg).planned
    assert town.check(leg) == []


def test_the_hold_ends_at_its_limit_to_the_second(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    assert town.meet(leg, 15).fate is Fate.HELD
    later = town.meet(leg, 15.1)
    assert later.fate is Fate.MOVED  # the same vehicle, later: it has nothing else to do
    assert later.leg.shifted == 16 * MINUTE
    assert town.told(leg)[-2:] == ["ride_moved", "sheet_ride_changed"]


def test_nobody_aboard_or_later_is_made_late_for_it(town: Town) -> None:
    town.add_vehicles("bus", "van")
    leg = town.book("near")
    # the same vehicle fetches another one after: 10 minutes there, 10 back, and no time to lose
    back = TRAIN + 30 * MINUTE
    other = town.book("far", pin=None, after=30, width=0)
    assert other.offer.pickup == (back, back)
    town.leg(other)
    kept = town.meet(leg, 14)
    assert town.leg(other).shifted == 0
    assert town.leg(other).planned == other.planned or town.leg(other).planned is not None
    assert kept.fate in {Fate.HELD, Fate.MOVED}
    assert town.check(leg, other) == []


def test_where_one_cannot_wait_the_next_vehicle_comes(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book("near", width=0)
    other = town.book("back", pin=None, after=27, width=0)
    assert leg.run == other.run
    town.add_vehicles("van")
    kept = town.meet(leg, 10)  # there and back by 10:37: too late for the other at 10:27
    assert kept.fate is Fate.MOVED
    assert kept.leg.run != leg.run
    assert kept.leg.state is State.CONFIRMED
    assert town.leg(other).planned == other.planned
    assert town.check(leg, other) == []
    assert {"ride_moved", "sheet_ride_removed", "sheet_ride_added"} <= set(town.told(leg))


def test_a_vehicle_may_come_a_little_after_the_train(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book("near", width=0)
    other = town.book("back", pin=None, after=27, width=0)
    kept = town.meet(leg, 10)  # nobody is free at 10:15; the bus is back at 10:48, 33 minutes on
    assert kept.fate is Fate.FAILED
    patient = replace(SERVICE, promise=replace(SERVICE.promise, longest_wait=45 * MINUTE))
    town = replace(town, service=patient)
    leg = town.book("near", width=0, longest_ride=20 * MINUTE)
    kept = town.meet(leg, 10)
    assert kept.fate is Fate.MOVED
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] > leg.offer.pickup[0] + 10 * MINUTE
    assert town.check(leg, other) == []


def test_a_taxi_is_ordered_once(town: Town) -> None:
    town.add_vehicles("bus", taxi="+33698765432", end=12)
    leg = town.book("far")
    kept = town.meet(leg, 75)  # the shift ends at noon
    assert kept.fate is Fate.TAXI
    assert kept.leg.state is State.FAILED
    assert town.told(leg).count("taxi_order") == 2  # text message and e-mail
    assert town.told(leg).count("taxi_ordered") == 1
    assert town.meet(leg, 80).fate is Fate.OVER
    assert town.told(leg).count("taxi_order") == 2
    assert [event for run in town.runs for event in run.events] == []
    assert "taxi_ordered" in town.history(leg)


def test_without_a_taxi_the_fare_is_given_back(town: Town) -> None:
    town.add_vehicles("bus", end=12)
    leg = town.book("far")
    assert town.meet(leg, 75).fate is Fate.FAILED
    assert "ride_failed" in town.told(leg)
    entries = driver(town.session).execute("SELECT kind FROM ledger_entry ORDER BY id").fetchall()
    assert [row[0] for row in entries] == ["fare", "refund"]


@pytest.mark.parametrize("state", [State.CANCELLED_BY_USER, State.NO_SHOW, State.ON_BOARD, State.COMPLETED])
def test_what_is_over_is_left_alone(town: Town, state: State) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.now = datetime.fromtimestamp(leg.offer.pickup[0] + 30, UTC)
    if state is State.CANCELLED_BY_USER:
        Bookings(town.session, town.supply, b"key", SYSTEM_ACTOR, town.now).cancel(leg.booking)
    else:
        town.move(leg, *((State.ARRIVED, state) if state is not State.COMPLETED else (State.ON_BOARD, state)))
    town.session.commit()
    assert town.meet(leg, 10).fate is Fate.OVER


def test_a_vehicle_that_waits_at_the_station_goes_on_waiting(town: Town) -> None:
    town.add_vehicles("bus")
    leg = town.book()
    town.now = datetime.fromtimestamp(leg.offer.pickup[0] + 30, UTC)
    town.move(leg, State.ARRIVED)
    kept = town.meet(leg, 12)
    assert kept.fate is Fate.HELD
    assert kept.leg.state is State.ARRIVED
    assert kept.leg.planned is not None
    assert kept.leg.planned[0] == leg.offer.pickup[0] + 12 * MINUTE


def test_only_pinned_rides_are_looked_after(town: Town) -> None:
    town.add_vehicles("bus")
    pinned, loose = town.book(), town.book(pin=None, after=120)
    found = keeping.list_pinned(town.session, NOW, NOW + timedelta(hours=12))
    assert [leg.id for leg in found] == [pinned.id]
    assert loose.id != pinned.id
