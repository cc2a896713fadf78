"""What other operators find here: our drivers' and passengers' journeys, as Standard Covoiturage asks for them.

A driver's journey is found with the exact detour, as for our own travellers: they get on where the car stops anyway,
or where they asked for it. Of regular trips the days that are laid out already are told. Passengers are those who wait
at a stop of a line just now, and those who look for a ride every week.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from mobigo.carpool import lines, store, waiting_store, wishes_store
from mobigo.carpool.meeting import Meeting
from mobigo.carpool.model import RunState
from mobigo.carpool.search import Asked, find_between
from mobigo.carpool.standard_documents import User, write
from mobigo.carpool.supply import Place
from mobigo.db.session import driver
from mobigo.kit.geo import Point, haversine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

    from mobigo.carpool.model import Line, Person, Run
    from mobigo.carpool.plan import Times
    from mobigo.carpool.search import Option
    from mobigo.carpool.supply import Garage
    from mobigo.carpool.wishes_store import Wished
    from mobigo.kit.geo import Point as At

ZONE = ZoneInfo("Europe/Paris")
"""Of regular trips' hours."""

DAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")

WALK_SPEED = 1.2
"""Metres per second."""

MOST_PLACES = 12
"""At each end, besides the point itself: the nearest ones."""

HORIZON = timedelta(days=28)
"""Of regular trips that are told, unless less is asked for."""

ONE_DAY = timedelta(days=1)

LONGEST_DELTA = 86_400
"""Seconds."""

LARGEST_RADIUS = 50.0
"""Kilometres."""


class Here(NamedTuple):
    """Who we are to others."""

    domain: str
    """Our operator's domain name."""
    base: str
    """Address of our pages."""


@dataclass(frozen=True)
class Search:
    """From where to where somebody travels."""

    origin: At
    destination: At
    origin_radius: float
    """Kilometres, as `destination_radius`."""
    destination_radius: float

    def near(self, begin: Point, end: Point) -> bool:
        """Tell whether a way begins and ends near enough."""
        return (
            haversine(self.origin, begin) <= 1000 * self.origin_radius
            and haversine(self.destination, end) <= 1000 * self.destination_radius
        )


@dataclass(frozen=True)
class Catalogue:
    """What is known here, to answer from.

    Parameters
    ----------
    garage : Garage
        Cars there are now.
    """

    session: Session
    garage: Garage
    roads: Times
    here: Here
    now: datetime

    def find_driver_journeys(self, search: Search, at: datetime, delta: timedelta) -> list[dict[str, Any]]:
        """Find journeys of drivers that pick somebody up near one point and about a time, the nearest in time first."""
        found = self._find(search, at - delta, at + delta)
        found.sort(key=lambda one: (abs(one.offer.board_at - at.timestamp()), one.offer.run))
        people = self._know(found)
        return [self._write_driver(one, search, people) | self._write_date(one) for one in found]

    def find_driver_trips(
        self, search: Search, clock: time, delta: timedelta, weekdays: frozenset[int], span: tuple[datetime, datetime]
    ) -> list[dict[str, Any]]:
        """Find regular trips of drivers about a time of the day, with the journeys of theirs that are laid out."""
        groups: dict[tuple[str, Point, Point], list[Option]] = defaultdict(list)
        for one in self._find(search, *span):
            regular = one.car.run.regular
            local = datetime.fromtimestamp(one.offer.board_at, ZONE)
            if regular is not None and local.weekday() in weekdays and _apart(local.time(), clock) <= delta:
                groups[regular, one.offer.board.point, one.offer.alight.point].append(one)
        people = self._know(one for group in groups.values() for one in group)
        found = []
        for group in groups.values():
            group.sort(key=lambda one: one.offer.board_at)
            told = self._write_driver(group[0], search, people)
            for name in ("availableSeats", "price"):
                told.pop(name, None)
            found.append(told | {"schedules": self._write_schedules(group)})
        return found

    def _find(self, search: Search, first: datetime, last: datetime) -> list[Option]:
        """Find all cars that pick somebody up within a span, each once."""
        first = max(first, self.now)
        if last < first:
            return []
        ends = (
            self._meet(search.origin, search.origin_radius),
            self._meet(search.destination, search.destination_radius),
        )
        begin, within = int(first.timestamp()), ceil((last - first).total_seconds())
        asked = Asked(Place("", search.origin), Place("", search.destination), begin, within=within)
        found = find_between(self.garage, ends, asked, now=int(self.now.timestamp()))
        return [one for one in found if first.timestamp() <= one.offer.board_at <= last.timestamp()]

    def _meet(self, point: At, radius: float) -> list[Meeting]:
        """List where somebody can get on or off: the point itself, and the nearest known places in a circle."""
        near = [
            (haversine(point, one.point), one)
            for one in {*self.garage.list_stops(), *self.garage.places}
            if haversine(point, one.point) <= 1000 * radius
        ]
        near.sort(key=lambda pair: (pair[0], pair[1].name))
        door = Meeting(f"{point.lat:.5f}, {point.lon:.5f}", point, 0)
        return [door, *(Meeting(one.name, one.point, 0) for _, one in near[:MOST_PLACES] if one.point != point)]

    def _know(self, options: Iterable[Option]) -> dict[str, Person]:
        return store.list_people(driver(self.session), [one.car.run.driver for one in options])

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _write_driver(self, one: Option, search: Search, people: dict[str, Person]) -> dict[str, Any]:
        offer, run = one.offer, one.car.run
        begin, end = run.stops[0], run.stops[-1]
        metres = int(self.roads.metres([offer.board.point], [offer.alight.point])[0, 0])
        walks = [
            round(haversine(a, b))
            for a, b in ((search.origin, offer.board.point), (offer.alight.point, search.destination))
        ]
        told = {
            "operator": self.here.domain,
            "driver": write(write_user(people.get(run.driver), run.driver, self.here.domain)),
            **_write_ends(offer.board.point, offer.alight.point),
            "passengerPickupAddress": offer.board.name,
            "passengerDropAddress": offer.alight.name,
            "driverDepartureLat": begin.point.lat,
            "driverDepartureLng": begin.point.lon,
            "driverDepartureAddress": begin.name,
            "driverArrivalLat": end.point.lat,
            "driverArrivalLng": end.point.lon,
            "driverArrivalAddress": end.name,
            "duration": max(0, offer.alight_at - offer.board_at),
            "departureToPickupWalkingDistance": walks[0],
            "departureToPickupWalkingDuration": round(walks[0] / WALK_SPEED),
            "dropoffToArrivalWalkingDistance": walks[1],
            "dropoffToArrivalWalkingDuration": round(walks[1] / WALK_SPEED),
            "availableSeats": max(0, run.seats - one.others),
            "price": write_price(offer.cents),
            "webUrl": self._link(offer.board.point, offer.alight.point, offer.board_at),
        }
        return told | ({"distance": metres} if metres >= 0 else {})

    def _write_date(self, one: Option) -> dict[str, Any]:
        offer, run = one.offer, one.car.run
        return {
            "id": run.id,
            "passengerPickupDate": offer.board_at,
            "driverDepartureDate": int(run.stops[0].planned_at.timestamp()),
            "type": _type_of(run),
            "webUrl": self._link(offer.board.point, offer.alight.point, offer.board_at),
        }

    def _write_schedules(self, group: Sequence[Option]) -> list[dict[str, Any]]:
        """Write journeys by weekday and time of the day."""
        found: dict[tuple[int, time], list[Option]] = defaultdict(list)
        for one in group:
            local = datetime.fromtimestamp(one.offer.board_at, ZONE)
            found[local.weekday(), local.time()].append(one)
        return [
            {
                "passengerPickupDay": DAYS[day],
                "passengerPickupTimeOfDay": f"{clock:%H:%M:%S}",
                "journeySchedules": [self._write_date(one) for one in options],
            }
            for (day, clock), options in sorted(found.items(), key=lambda pair: pair[0])
        ]

    def _link(self, begin: Point, end: Point, at: int) -> str:
        """Return where our pages show a journey and let it be booked."""
        local = datetime.fromtimestamp(at, ZONE)
        asked = {
            "from": f"{begin.lat:.6f},{begin.lon:.6f}",
            "to": f"{end.lat:.6f},{end.lon:.6f}",
            "date": local.date().isoformat(),
            "time": f"{local:%H:%M}",
        }
        return f"{self.here.base}?{urlencode(asked)}"

    # ── passengers ────────────────────────────────────────────────────────────────────────────────────────────────────

    def find_passenger_journeys(self, search: Search, at: datetime, delta: timedelta) -> list[dict[str, Any]]:
        """Find who waits at a stop near one point, if it is asked for about now, and who looks for a ride that day."""
        first, last = max(at - delta, self.now), at + delta
        rides = self._list_waiting(search) if at - delta <= self.now <= last else []
        for wish in self._list_wishes(search, first, last):
            rides += [_ride_of(wish, when) for when in wish.list_departures(first, last)]
        rides.sort(key=lambda one: (abs(one.at - at), one.id))
        people = store.list_people(driver(self.session), [one.person for one in rides])
        return [self._write_passenger(one, people) | self._write_when(one) for one in rides]

    def find_passenger_trips(
        self, search: Search, clock: time, delta: timedelta, weekdays: frozenset[int], span: tuple[datetime, datetime]
    ) -> list[dict[str, Any]]:
        """Find who looks for a ride every week about a time of the day, with the days of theirs in a span."""
        found = []
        for wish in self._list_wishes(search, *span):
            zone = ZoneInfo(wish.timezone)
            days: dict[int, list[_Ride]] = defaultdict(list)
            for when in wish.list_departures(*span):
                local = when.astimezone(zone)
                if local.weekday() in weekdays and _apart(local.time(), clock) <= delta:
                    days[local.weekday()].append(_ride_of(wish, when))
            if not days:
                continue
            people = store.list_people(driver(self.session), [wish.person])
            first = next(iter(days.values()))[0]
            told = self._write_passenger(first, people)
            told.pop("requestedSeats")
            found.append(
                told | {"schedules": [self._write_schedule(day, rides) for day, rides in sorted(days.items())]}
            )
        return found

    def _write_schedule(self, day: int, rides: Sequence[_Ride]) -> dict[str, Any]:
        return {
            "passengerPickupDay": DAYS[day],
            "passengerPickupTimeOfDay": f"{rides[0].at.astimezone(ZONE):%H:%M:%S}",
            "journeySchedules": [self._write_when(one) for one in rides],
        }

    def _list_waiting(self, search: Search) -> list[_Ride]:
        connection = driver(self.session)
        known: dict[str, Line] = {one.id: one for one in lines.list_lines(connection)}
        found = []
        for one in waiting_store.list_waiting(connection, limit=MOST_WAITING):
            ends = (
                {stop.id: Place(stop.name, stop.point) for stop in known[one.line].stops} if one.line in known else {}
            )
            if one.stop in ends and one.to in ends and search.near(ends[one.stop].point, ends[one.to].point):
                found.append(_Ride(one.id, one.passenger, ends[one.stop], ends[one.to], one.seats, self.now, "LINE"))
        return found

    def _list_wishes(self, search: Search, first: datetime, last: datetime) -> list[Wished]:
        if last < first:
            return []
        span = first.astimezone(ZONE).date() - ONE_DAY, last.astimezone(ZONE).date() + ONE_DAY
        found = wishes_store.list_open(driver(self.session), *span)
        return [one for one in found if search.near(one.origin_point, one.destination_point)]

    def _write_passenger(self, one: _Ride, people: dict[str, Person]) -> dict[str, Any]:
        begin, end = one.board.point, one.alight.point
        metres = int(self.roads.metres([begin], [end])[0, 0])
        told = {
            "operator": self.here.domain,
            "passenger": write(write_user(people.get(one.person), one.person, self.here.domain)),
            **_write_ends(begin, end),
            "passengerPickupAddress": one.board.name,
            "passengerDropAddress": one.alight.name,
            "duration": max(0, int(self.roads.seconds([begin], [end])[0, 0])),
            "requestedSeats": one.seats,
            "webUrl": self.here.base,
        }
        return told | ({"distance": metres} if metres >= 0 else {})

    def _write_when(self, one: _Ride) -> dict[str, Any]:
        at = int(one.at.timestamp())
        return {
            "id": one.id,
            "passengerPickupDate": at,
            "driverDepartureDate": at,
            "type": one.type,
            "webUrl": self.here.base,
        }


class _Ride(NamedTuple):
    """A ride that somebody looks for."""

    id: str
    person: str
    board: Place
    alight: Place
    seats: int
    at: datetime
    type: str


def _ride_of(wish: Wished, at: datetime) -> _Ride:
    ends = Place(wish.origin, wish.origin_point), Place(wish.destination, wish.destination_point)
    return _Ride(f"{wish.id}.{int(at.timestamp())}", wish.person, *ends, wish.seats, at, "PLANNED")


MOST_WAITING = 1_000
"""Who waits that are looked at."""


def write_user(person: Person | None, id_: str, domain: str) -> User:
    """Write somebody of ours to another operator: a first name, nothing by which they could be reached."""
    name = (person.name or "").split() if person else []
    return User(id=id_, operator=domain, alias=name[0] if name else "Mobigo")


def write_price(cents: int) -> dict[str, Any]:
    """Write what a passenger pays."""
    if not cents:
        return {"type": "FREE", "amount": 0, "currency": "EUR"}
    return {"type": "PAYING", "amount": cents / 100, "currency": "EUR"}


def _write_ends(begin: Point, end: Point) -> dict[str, Any]:
    return {
        "passengerPickupLat": begin.lat,
        "passengerPickupLng": begin.lon,
        "passengerDropLat": end.lat,
        "passengerDropLng": end.lon,
    }


def _type_of(run: Run) -> str:
    if run.line is not None:
        return "LINE"
    return "DYNAMIC" if run.spontaneous or run.state is RunState.DRIVING else "PLANNED"


def _apart(one: time, other: time) -> timedelta:
    """Return how far two times of the day are apart, over midnight too."""
    seconds = abs((one.hour - other.hour) * 3600 + (one.minute - other.minute) * 60 + one.second - other.second)
    return timedelta(seconds=min(seconds, 86_400 - seconds))


def read_instant(seconds: int | None, otherwise: datetime) -> datetime:
    """Read an instant of the standard."""
    return otherwise if seconds is None else datetime.fromtimestamp(seconds, UTC)
