"""What exists in a commune besides what its stops say: on demand, carpooling, school lines, points of sale, parking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.carpool.lines import list_lines
from mobigo.fares.service import find_in_force
from mobigo.kit.geo import Point, haversine
from mobigo.ondemand.catalogue import may_ride
from mobigo.ondemand.model import BookingType, How
from mobigo.ondemand.services import how_to_book
from mobigo.parking.service import list_car_parks
from mobigo.school.register import DOOR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    import shapely
    from psycopg import Connection

    from mobigo.carpool.model import Line, LineStop
    from mobigo.fares.catalogue import SalesPoint
    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.model import BookingRule, Service
    from mobigo.opendata.communes import Here
    from mobigo.parking.model import ParkingPlace

REACH = 0.15
"""Degrees around a centre in which points are looked at that may lie in the commune."""
NEAR = 12_000
"""Metres up to which what lies outside is named where there is little."""


@dataclass(frozen=True)
class OnDemand:
    """A service on demand, as people of a commune have it."""

    id: str
    name: str
    agency: str
    how: How
    phone: str
    booking_url: str
    info_url: str
    weekdays: tuple[int, ...]
    """0 is Monday."""
    first: int | None
    """Seconds after midnight: from when on it takes somebody up; None: not told."""
    last: int | None
    notice: BookingRule | None
    """How long before one books, of those there are the one that asks for least."""
    fare_cents: int | None


@dataclass(frozen=True)
class CarpoolLine:
    """A carpool line with its stops in (or near) a commune."""

    line: Line
    stops: tuple[LineStop, ...]


@dataclass(frozen=True)
class SchoolLine:
    """A circuit of school transport that stops in a commune; nothing is said of pupils."""

    id: str
    name: str
    stops: tuple[str, ...]
    schools: tuple[str, ...]


@dataclass(frozen=True)
class Offer:
    """What exists in a commune."""

    on_demand: tuple[OnDemand, ...]
    carpool_lines: tuple[CarpoolLine, ...]
    carpool_near: tuple[tuple[int, CarpoolLine], ...]
    """Metres to the nearest stop, where no line stops in it."""
    parking: tuple[ParkingPlace, ...]
    school_lines: tuple[SchoolLine, ...]
    sales_points: tuple[SalesPoint, ...]


def find_offer(
    connection: Connection[Any],
    here: Here,
    catalogue: Catalogue,
    dispatched: frozenset[str],
    *,
    stops: Sequence[tuple[str, Point]],
    today: date,
) -> Offer:
    """Find what exists in a commune.

    Parameters
    ----------
    catalogue, dispatched
        The services on demand, and those for which vehicles work here.
    stops
        ``source:stop_id`` and place of the stops of the commune.
    """
    centre = here.commune.point
    lines = list_lines(connection)
    fares = find_in_force(connection, today)
    sold = [one for one in (fares.sales_points if fares else ()) if _is_around(Point(one.lon, one.lat), centre)]
    parks = [one for one in list_car_parks(connection) if one.open and _is_around(one.point, centre)]
    halts = [(line, stop) for line in lines for stop in line.stops if _is_around(stop.point, centre)]
    points = [
        *(Point(one.lon, one.lat) for one in sold),
        *(one.point for one in parks),
        *(stop.point for _, stop in halts),
    ]
    inside = here.choose(connection, points)
    own = tuple(
        CarpoolLine(line, stops_of)
        for line in lines
        if (stops_of := tuple(stop for stop in line.stops if stop.point in inside))
    )
    return Offer(
        on_demand=tuple(_list_on_demand(here, catalogue, dispatched, stops)),
        carpool_lines=own,
        carpool_near=() if own else tuple(_list_near(lines, centre)),
        parking=tuple(one for one in parks if one.point in inside),
        school_lines=tuple(_list_school(connection, here, today)),
        sales_points=tuple(one for one in sold if Point(one.lon, one.lat) in inside),
    )


def _is_around(point: Point, centre: Point) -> bool:
    return abs(point.lon - centre.lon) < REACH and abs(point.lat - centre.lat) < REACH


def _list_near(lines: Iterable[Line], centre: Point) -> list[tuple[int, CarpoolLine]]:
    found = []
    for line in lines:
        metres, stop = min(((round(haversine(centre, one.point)), one) for one in line.stops), key=lambda one: one[0])
        if metres <= NEAR:
            found.append((metres, CarpoolLine(line, (stop,))))
    return sorted(found, key=lambda one: one[0])


# ── on demand ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list_on_demand(
    here: Here, catalogue: Catalogue, dispatched: frozenset[str], stops: Sequence[tuple[str, Point]]
) -> list[OnDemand]:
    """List the services with a zone that reaches into the commune, or with one of its stops."""
    ids = set(catalogue.services_at(here.commune.point))
    for stop, point in stops:
        ids |= {*catalogue.asked_at_stop(stop), *catalogue.services_at(point)}
    if here.outline is not None:
        for (service, _), zone in catalogue.outlines.items():
            if service not in ids and _share_ground(zone, here.outline):
                ids.add(service)
    return [describe_on_demand(catalogue.get(one), dispatched) for one in sorted(ids)]


def _share_ground(zone: shapely.Geometry, outline: shapely.Geometry) -> bool:
    """Tell whether a zone has more than an edge in common with a commune."""
    return bool(zone.intersects(outline)) and bool(zone.intersection(outline).area > outline.area / 100)


def describe_on_demand(service: Service, dispatched: frozenset[str]) -> OnDemand:
    """Say of a service what people need to know to use it."""
    names = [service.route.get("route_short_name", ""), service.route.get("route_long_name", "")]
    days = {
        day
        for trip in service.trips
        for day, runs in enumerate(service.calendars[trip.calendar].weekdays)
        if trip.calendar in service.calendars and runs
    }
    calls = [trip.calls for trip in service.trips if any(may_ride(trip, 0, end) for end in range(1, len(trip.calls)))]
    begins = [one[0].window_start if one[0].window_start is not None else one[0].departure for one in calls]
    ends = [one[-1].window_end if one[-1].window_end is not None else one[-1].arrival for one in calls]
    rules = sorted(service.rules.values(), key=_rank)
    return OnDemand(
        id=service.id,
        name=" ".join(dict.fromkeys(name for name in names if name)) or service.id,
        agency=service.agency.get("agency_name", ""),
        how=how_to_book(service, dispatched),
        phone=_first([*(one.phone_number for one in rules), service.agency.get("agency_phone")]),
        booking_url=_first(one.booking_url for one in rules),
        info_url=_first([*(one.info_url for one in rules), service.route.get("route_url")]),
        weekdays=tuple(sorted(days)),
        first=min((one for one in begins if one is not None), default=None),
        last=max((one for one in ends if one is not None), default=None),
        notice=rules[0] if rules else None,
        fare_cents=service.promise.fare_cents,
    )


def _rank(rule: BookingRule) -> tuple[int, int]:
    """Order rules by how late one may book."""
    if rule.type is BookingType.PRIOR_DAYS:
        return int(rule.type), rule.last_day or 0
    return int(rule.type), rule.duration_min or 0


def _first(told: Iterable[str | None]) -> str:
    return next((one for one in told if one), "")


# ── school ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_HALTS = """
    SELECT stop.id, stop.lon, stop.lat FROM school_stop AS stop
    WHERE stop.year = %(year)s AND stop.open AND NOT starts_with(stop.id, %(door)s)
        AND stop.lon BETWEEN %(lon)s - %(reach)s AND %(lon)s + %(reach)s
        AND stop.lat BETWEEN %(lat)s - %(reach)s AND %(lat)s + %(reach)s
"""
_CIRCUITS = """
    SELECT circuit.id, circuit.name, array_agg(DISTINCT stop.name ORDER BY stop.name),
        (
            SELECT array_agg(DISTINCT school.name ORDER BY school.name)
            FROM school_run AS other
            JOIN school_call AS goal ON goal.year = other.year AND goal.run = other.id
            JOIN school_school AS school ON school.year = goal.year AND school.id = goal.school
            WHERE other.year = circuit.year AND other.circuit = circuit.id
        )
    FROM school_call AS halt
    JOIN school_run AS run ON run.year = halt.year AND run.id = halt.run
    JOIN school_circuit AS circuit ON circuit.year = run.year AND circuit.id = run.circuit
    JOIN school_stop AS stop ON stop.year = halt.year AND stop.id = halt.stop
    WHERE halt.year = %(year)s AND halt.stop = ANY(%(stops)s)
    GROUP BY circuit.year, circuit.id, circuit.name ORDER BY circuit.name, circuit.id
"""


def _list_school(connection: Connection[Any], here: Here, today: date) -> list[SchoolLine]:
    """List the circuits of the school year of today, else of the next one, that stop in the commune."""
    row = connection.execute("SELECT id FROM school_year WHERE last >= %s ORDER BY first LIMIT 1", [today]).fetchone()
    if row is None:
        return []
    centre = here.commune.point
    halts = connection.execute(
        _HALTS, {"year": row[0], "door": DOOR, "lon": centre.lon, "lat": centre.lat, "reach": REACH}
    ).fetchall()
    inside = here.choose(connection, [Point(lon, lat) for _, lon, lat in halts])
    stops = [id_ for id_, lon, lat in halts if Point(lon, lat) in inside]
    found = connection.execute(_CIRCUITS, {"year": row[0], "stops": stops})
    return [SchoolLine(id_, name, tuple(names), tuple(schools or ())) for id_, name, names, schools in found]
