"""A region full of transport on demand, drawn by lot: zones over a city's feed, vehicles, and a day of commitments.

Three grids of zones lie over each other, each shifted by a third of a zone, so that every place in their middle is in
three. Each zone is a service of its own that feeds some of the feed's stops. Every vehicle works for the three zones
that its depot lies in, and its day is filled with rides one after another, each where it costs least.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from mobigo.kit.geo import Point
from mobigo.ondemand import dispatch
from mobigo.ondemand.fleet import Fleet, lay_shifts
from mobigo.ondemand.model import (
    Ask,
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
    Spot,
    Stop,
    StopGroup,
    Trip,
    Vehicle,
    Zone,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mobigo.ondemand.fleet import Times
    from mobigo.ondemand.model import Run

HOUR = 3600
GRIDS = 3
CAPACITY = Capacity((8, 1, 4, 2, 2), seats_per_wheelchair=2, luggage_on_seats=True)
PROMISE = Promise(pickup_window=900, ride_factor=1.6, ride_extra=600, fare_cents=300)
RULE = BookingRule("notice", BookingType.SAME_DAY, duration_min=30, phone_number="+33380000000")


@dataclass(frozen=True)
class Box:
    """Degrees."""

    west: float
    south: float
    east: float
    north: float

    def shifted(self, column: int, row: int, columns: int, offset: float) -> Box:
        """Return one field of a grid of so many columns and rows, shifted by a part of a field."""
        width, height = (self.east - self.west) / columns, (self.north - self.south) / columns
        west, south = self.west + (column + offset - 0.5) * width, self.south + (row + offset - 0.5) * height
        return Box(west, south, west + width, south + height)

    def holds(self, point: Point) -> bool:
        """Whether a place lies inside."""
        return self.west <= point.lon <= self.east and self.south <= point.lat <= self.north


@dataclass(frozen=True)
class Region:
    """What there is, before anybody books."""

    timezone: str
    services: tuple[Service, ...]
    operators: tuple[Operator, ...]
    vehicles: tuple[Vehicle, ...]
    boxes: Mapping[str, Box]
    """By service."""


def draw_region(
    box: Box,
    stops: Mapping[str, tuple[str, Point]],
    places: NDArray[np.float64],
    *,
    day: date,
    timezone: str,
    zones: int = 300,
    vehicles: int = 1_000,
    feeds: int = 8,
    operators: int = 10,
    seed: int = 1,
) -> Region:
    """Draw a region.

    Parameters
    ----------
    stops
        Of the timetable: by id ``source:stop_id``, name and place.
    places : float64[n, 2], lon, lat
        Where vehicles may stand.
    feeds
        How many stops a zone feeds.
    """
    chance = random.Random(seed)
    columns = round((zones / GRIDS) ** 0.5)
    fields = [
        box.shifted(column, row, columns, grid / GRIDS)
        for grid in range(GRIDS)
        for column in range(columns)
        for row in range(columns)
    ]
    firms = tuple(Operator(f"o{number}", f"Firm {number}", timezone=timezone) for number in range(operators))
    services = []
    boxes = {}
    for number, field in enumerate(fields):
        centre = Point((field.west + field.east) / 2, (field.south + field.north) / 2)
        near = sorted(
            stops, key=lambda id_: (not field.holds(stops[id_][1]), _away(stops[id_][1], centre) * chance.random())
        )
        service = _service(f"bench:z{number}", field, {id_: stops[id_] for id_ in near[:feeds]}, day, timezone)
        services.append(replace(service, operator=firms[number % operators].id))
        boxes[service.id] = field
    shift = Shift((True,) * 7, 5 * HOUR, 23 * HOUR, ((11 * HOUR, 14 * HOUR, 1800),))
    fleet = []
    while len(fleet) < vehicles:
        lon, lat = places[chance.randrange(len(places))].tolist()
        depot = Point(lon, lat)
        mine = [service for service in services if boxes[service.id].holds(depot)]
        if mine:
            name = f"v{len(fleet):04}"
            firm = chance.choice(mine).operator or ""
            fleet.append(Vehicle(name, firm, name, CAPACITY, depot, tuple(one.id for one in mine), (shift,)))
    return Region(timezone, tuple(services), firms, tuple(fleet), boxes)


def _away(a: Point, b: Point) -> float:
    return (a.lon - b.lon) ** 2 + (a.lat - b.lat) ** 2


def _service(id_: str, field: Box, stops: Mapping[str, tuple[str, Point]], day: date, timezone: str) -> Service:
    corners = [
        [field.west, field.south],
        [field.east, field.south],
        [field.east, field.north],
        [field.west, field.north],
        [field.west, field.south],
    ]
    ends = ((PlaceKind.ZONE, "zone"), (PlaceKind.GROUP, "stops"))
    trips = []
    for name, order in (("to", ends), ("from", ends[::-1]), ("in", (ends[0], ends[0]))):
        calls = tuple(
            Call(
                kind,
                place,
                sequence,
                window_start=6 * HOUR,
                window_end=22 * HOUR,
                pickup_type=(2, 1)[sequence],
                drop_off_type=(1, 2)[sequence],
                pickup_rule=RULE.id,
            )
            for sequence, (kind, place) in enumerate(order)
        )
        trips.append(Trip(f"{id_.partition(':')[2]}-{name}", "daily", calls))
    return Service(
        id=id_,
        kind=ServiceKind.ZONE_TO_STOPS,
        timezone=timezone,
        route={"route_id": id_.partition(":")[2], "route_short_name": id_.upper(), "route_type": "715"},
        agency={"agency_id": "tad", "agency_name": "Demand", "agency_url": "https://example.org",
                "agency_timezone": timezone},
        trips=tuple(trips),
        calendars={"daily": Calendar("daily", (True,) * 7, date(day.year, 1, 1), date(day.year, 12, 31))},
        rules={RULE.id: RULE},
        zones={"zone": Zone("zone", {"type": "Polygon", "coordinates": [corners]})},
        groups={"stops": StopGroup("stops", tuple(id_.partition(":")[2] for id_ in stops))},
        stops={
            stop.partition(":")[2]: Stop(stop.partition(":")[2], name, point, same_as=stop)
            for stop, (name, point) in stops.items()
        },
        promise=PROMISE,
    )  # fmt: skip


# ── commitments ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Commitments:
    """Runs with rides on them; what was promised, and for which service."""

    runs: tuple[Run, ...]
    """Not stored: their ids are negative."""
    asks: Mapping[str, Ask]
    services: Mapping[str, str]


def commit_day(
    region: Region, day: date, times: Times, places: NDArray[np.float64], *, rides: int, seed: int = 1
) -> Commitments:
    """Fill the day of every vehicle with rides of its zones, each where it costs least; what does not fit is left out.

    Parameters
    ----------
    rides
        How many are tried for each vehicle.
    """
    chance = random.Random(seed)
    inside = {id_: _inside(places, box) for id_, box in region.boxes.items()}
    stops = {service.id: list(service.stops.values()) for service in region.services}
    runs: list[Run] = []
    asks: dict[str, Ask] = {}
    for vehicle in region.vehicles:
        for run in lay_shifts(vehicle, region.timezone, day):
            mine = [service for service in vehicle.services if len(inside[service])]
            run = replace(run, id=-1 - len(runs))  # noqa: PLW2901 - numbered as it is laid
            for _ in range(rides if mine else 0):
                service = chance.choice(mine)
                stop = chance.choice(stops[service])
                assert stop.point is not None
                house = inside[service][chance.randrange(len(inside[service]))].tolist()
                ends = [Spot("house", Point(*house)), Spot(stop.name, stop.point, stop.same_as)]
                if chance.random() < 0.5:  # noqa: PLR2004 - half of them go home
                    ends.reverse()
                ask = draw_ask(service, ends, run.start + chance.randint(HOUR, run.end - run.start - 2 * HOUR), times)
                place = ask and dispatch.find_place(Fleet([run]), ask, times)
                if ask is not None and isinstance(place, dispatch.Placement):
                    leg = f"leg{len(asks)}"
                    run = dispatch.place(run, place, leg)  # noqa: PLW2901 - the ride is on it now
                    asks[leg] = ask
            runs.append(run)
    return Commitments(tuple(runs), asks, {leg: ask.service for leg, ask in asks.items()})


def draw_ask(service: str, ends: Sequence[Spot], ready: int, times: Times) -> Ask | None:
    """Write a ride as it is promised; None where no way leads."""
    drive = int(times.seconds([ends[0].point], [ends[1].point])[0, 0])
    if drive < 0:
        return None
    longest = round(PROMISE.ride_factor * drive) + PROMISE.ride_extra
    last = ready + PROMISE.pickup_window
    return Ask(service, ends[0], ends[1], (ready, last), (0, last + PROMISE.dwell + longest), (1, 0, 0, 0, 0), longest)


def _inside(places: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    lon, lat = places[:, 0], places[:, 1]
    return places[(lon >= box.west) & (lon <= box.east) & (lat >= box.south) & (lat <= box.north)]
