"""A village with a taxi to be booked over HTTP: one service, its vehicles, a clock that stands where it is put."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import psycopg
from tests.conftest import AppClient, serve
from tests.journeys.taxi_stand import feeder, point, vehicle
from tests.journeys.text_network import MONDAY
from tests.ondemand.day_checker import Promised, check_day
from tests.ondemand.fleet_rows import put_operators, put_vehicles

from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.clock import Clock
from mobigo.ondemand import fleet_store, store
from mobigo.ondemand.documents import to_document
from mobigo.ondemand.model import Ask, BookingRule, BookingType, Operator, Promise
from mobigo.ondemand.services_store import store_whole, write
from mobigo.ondemand.states import ACTIVE
from mobigo.street.drives import Drives
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from sqlalchemy.engine import Engine

    from mobigo.accounts.model import Role
    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import Service, Vehicle

TUESDAY = MONDAY + timedelta(days=1)
MORNING = TUESDAY + timedelta(hours=7)
"""When the clock stands at first."""

PROMISE = Promise(fare_cents=300, late_cancel_cents=150, no_show_cents=500, suspend_after=2)
HOUR_BEFORE = BookingRule("hour", BookingType.SAME_DAY, duration_min=60, phone_number="+33380000000")
DRIVES = Drives(None)
"""As the application has them where no network is built: straight."""

CAMILLE = {"name": "Camille Martin", "phone": "06 12 34 56 78", "email": "camille@example.org"}


def village_service(**more: Any) -> Service:  # noqa: ANN401 - fields of the service
    """Make the service: from anywhere in the village to the station and back, booked an hour before."""
    return feeder(**{"rule": HOUR_BEFORE, "promise": PROMISE, "inside": True, **more})


class TaxiTown:
    """The served application, and shorthands for what one does with it."""

    def __init__(self, http: AppClient, clock: Clock, database_url: str) -> None:
        self.http = http
        self.clock = clock
        self.database_url = database_url
        self.clock.move(MORNING, rate=0)

    def put_clock(self, instant: datetime) -> None:
        """Let the clock stand at another instant."""
        self.clock.move(instant, rate=0)

    def token(self, role: Role, user: str = "") -> dict[str, str]:
        """Return the header of somebody's token."""
        key = self.http.app.state.token_key
        token = issue(key, user or role.value, role, self.clock.now(), timedelta(days=400))
        return {"Authorization": f"Bearer {token}"}

    def list_offers(
        self, at: datetime, *, back: bool = False, x: float = 0, party: dict[str, int] | None = None
    ) -> list[dict[str, Any]]:
        """Ask for rides from the village to the station (or back)."""
        home, station = point(x), point(8000)
        ends = [{"lat": home.lat, "lon": home.lon, "name": "3 rue du Puits"}, {"stop_id": "gare"}]
        ends[1] = {"lat": station.lat, "lon": station.lon, "stop_id": "gare"}
        body = {
            "from": ends[back],
            "to": ends[not back],
            "at": at.isoformat(),
            "within_minutes": 15,
            "party": party or {},
        }
        answer = self.http.post("/v1/ondemand/quotes", json=body)
        assert answer.status_code == 200, answer.text
        return cast("list[dict[str, Any]]", answer.json()["offers"])

    def quote(self, hour: float, **how: Any) -> str:  # noqa: ANN401 - of `list_offers`
        """Return the quote of a ride on Tuesday."""
        (offer, *_) = self.list_offers(TUESDAY + timedelta(hours=hour), **how)
        return str(offer["quote"])

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Post to the on-demand routes; underscores of header names are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/v1/ondemand/{path}", json=body or {}, headers=named)

    def book(self, *quotes: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the body
        """Book rides; the booking."""
        headers = more.pop("headers", {})
        answer = self.post("bookings", {"quotes": list(quotes), "contact": CAMILLE, **more}, **headers)
        assert answer.status_code == 201, answer.text
        return cast("dict[str, Any]", answer.json()["booking"])

    def get(self, booking: dict[str, Any], **headers: str) -> dict[str, Any]:
        """Look at a booking again."""
        answer = self.http.get(f"/v1/ondemand/bookings/{booking['id']}", headers=headers)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def read(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Read from the database."""
        with psycopg.connect(libpq_conninfo(self.database_url)) as connection:
            return connection.execute(statement.encode(), values).fetchall()


def furnish(database_url: str, service: Service, vehicles: tuple[Vehicle, ...]) -> None:
    """Put a service and its vehicles into the database."""
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        put_operators(connection, [Operator("op", "Taxis du Val", phone="+33380000000")])
        put_vehicles(connection, vehicles)
        document = store_whole(to_document(service))
        write(connection, service.id, document, by="test", now=MONDAY)


@contextmanager
def open_town(
    engine: Engine,
    home: Path,
    database_url: str,
    *,
    service: Service | None = None,
    vehicles: tuple[Vehicle, ...] = (),
) -> Iterator[TaxiTown]:
    """Serve a village."""
    furnish(database_url, service or village_service(), vehicles or (vehicle(seats=8),))
    clock = Clock(home / "clock.json")
    clock.move(MORNING, rate=0)
    app = create_app(engine=engine, clock=clock, home=home)
    with serve(app) as address, AppClient(base_url=address, timeout=120) as http:
        http.app = app
        yield TaxiTown(http, clock, database_url)


def seats(count: int, name: str = "bus") -> Vehicle:
    """Make a vehicle with so many seats and nothing else."""
    one = vehicle(name)
    return replace(one, capacity=replace(one.capacity, room=(count, 1, 4, 0, 2)))


def drive(origin: Point, destination: Point) -> int:
    """Return the seconds of a drive, straight."""
    return int(DRIVES.seconds([origin], [destination])[0, 0])


def list_faults(database_url: str) -> list[str]:
    """List what is wrong with the runs and the rides on them, by a checker that knows nothing of booking."""
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        runs = fleet_store.list_runs(connection)
        legs = store.list_legs_of_runs(connection, [run.id for run in runs])
    promised = [
        Promised(
            leg.id,
            Ask(
                leg.offer.service,
                leg.offer.origin,
                leg.offer.destination,
                leg.offer.pickup,
                leg.offer.drop_off,
                leg.offer.party.load,
                leg.offer.longest_ride,
                leg.dwell,
            ),
            leg.run,
        )
        for leg in legs
        if leg.state in ACTIVE
    ]
    return check_day(runs, promised, drive)
