"""On-demand services and their vehicles on a network written in a test: no database, and one drives straight."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import cos, radians
from typing import TYPE_CHECKING, Any

from tests.journeys.text_network import LAT, LON, METRES, MONDAY

from mobigo.journeys.rideleg import Hail
from mobigo.journeys.served import Served
from mobigo.kit.geo import Point
from mobigo.ondemand.catalogue import build_catalogue
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.model import (
    BookingRule,
    BookingType,
    Calendar,
    Call,
    Capacity,
    Operator,
    PlaceKind,
    Promise,
    Service,
    ServiceKind,
    Shift,
    Stop,
    StopGroup,
    Trip,
    Vehicle,
    Zone,
)
from mobigo.ondemand.supply import Supply

if TYPE_CHECKING:
    from mobigo.journeys.network import Network

HOUR = 3600
KEY = b"k" * 32
EVERY_DAY = Calendar("all", (True,) * 7, MONDAY.date() - timedelta(days=30), MONDAY.date() + timedelta(days=60))


def point(x: float, y: float = 0) -> Point:
    """Return a place, metres to the east and north of the village."""
    return Point(LON + x / METRES / cos(radians(LAT)), LAT + y / METRES)


def square(west: float, east: float, height: float = 1000) -> dict[str, Any]:
    """Draw a zone around the road to the east."""
    corners = [
        point(west, -height),
        point(east, -height),
        point(east, height),
        point(west, height),
        point(west, -height),
    ]
    return {"type": "Polygon", "coordinates": [[list(corner) for corner in corners]]}


def area(kind: PlaceKind, place: str, sequence: int, hours: tuple[int, int], **more: Any) -> Call:  # noqa: ANN401 - fields of the record
    """Write a record with a window."""
    return Call(kind, place, sequence, window_start=hours[0] * HOUR, window_end=hours[1] * HOUR, **more)


def feeder(
    *,
    zone: tuple[float, float] = (-2000, 2000),
    stops: dict[str, float] | None = None,
    hours: tuple[int, int] = (6, 20),
    rule: BookingRule | None = None,
    operator: str | None = "op",
    promise: Promise | None = None,
    inside: bool = False,
) -> Service:
    """Make a service ``val:F`` between a zone and stops, both ways; and within the zone, if `inside`."""
    stops = stops or {"gare": 8000}
    rules = {rule.id: rule} if rule else {}
    book = {"pickup_type": 2, "drop_off_type": 2, "pickup_rule": rule.id if rule else None}
    home = ("zone", PlaceKind.ZONE), ("stops", PlaceKind.GROUP)
    pairs = {"to": (home[0], home[1]), "from": (home[1], home[0])} | ({"in": (home[0], home[0])} if inside else {})
    trips = tuple(
        Trip(name, "all", tuple(area(kind, place, n, hours, **book) for n, (place, kind) in enumerate(ends)))
        for name, ends in pairs.items()
    )
    return Service(
        id="val:F",
        kind=ServiceKind.ZONE_TO_STOPS,
        timezone="Europe/Paris",
        route={"route_id": "F", "route_short_name": "TAD", "route_color": "6A994E"},
        agency={"agency_id": "V", "agency_name": "Taxis du Val", "agency_phone": "+33 3 00 00 00 00"},
        trips=trips,
        calendars={"all": EVERY_DAY},
        rules=rules,
        zones={"zone": Zone("zone", square(*zone))},
        groups={"stops": StopGroup("stops", tuple(stops))},
        stops={name: Stop(name, name.capitalize(), point(x), same_as=name) for name, x in stops.items()},
        operator=operator,
        promise=promise or Promise(fare_cents=300),
    )


def two_hours() -> BookingRule:
    """Book two hours before."""
    return BookingRule("two", BookingType.SAME_DAY, duration_min=120, phone_number="+33 3 11 11 11 11")


def day_before() -> BookingRule:
    """Book the day before by five."""
    return BookingRule("veille", BookingType.PRIOR_DAYS, last_day=1, last_time=17 * HOUR)


def vehicle(name: str = "bus", services: tuple[str, ...] = ("val:F",), seats: int = 8, at: float = 0) -> Vehicle:
    """Make a vehicle that works from five to ten at night."""
    return Vehicle(
        name, "op", name, Capacity((seats, 1, 4, 0, 2)), point(at), services, (Shift((True,) * 7, 5 * HOUR, 22 * HOUR),)
    )


def stand(
    net: Network, *services: Service, vehicles: tuple[Vehicle, ...] = (vehicle(),), now: datetime = MONDAY
) -> Hail:
    """Say what there is at an instant."""
    catalogue = build_catalogue(services, "1")
    fleet = Fleet([], vehicles, [Operator("op", "Taxis du Val")])
    return Hail(Supply(catalogue, fleet, net.drives), Served(catalogue, net), KEY, int(now.timestamp()))
