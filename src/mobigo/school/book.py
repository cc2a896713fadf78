"""What planning knows of a school year: the register by keys, homes as places and nobody's name; and changes to it.

A scenario is the register with changes: a bell moved, a stop opened, closed or moved, a pupil sent to another stop, a
limit set, a circuit locked, a vehicle otherwise or out of use. The register itself stays as it is until a scenario is
published.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.school.demand import Home, Rider
from mobigo.school.planning import Limits
from mobigo.school.register import SHEETS, Bell, Call, Circuit, Run, School, Seat, Stop, Vehicle
from mobigo.school.register_store import list_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import psycopg

WALK = {"primary": 700, "college": 1_500, "lycee": 2_000}
"""Metres that a pupil may walk to a stop, by level."""

NEAR = 300
"""Metres that one may walk who needs a stop nearby."""


@dataclass(frozen=True)
class Book:
    """A school year for planning."""

    schools: tuple[School, ...]
    bells: tuple[Bell, ...]
    stops: tuple[Stop, ...]
    vehicles: tuple[Vehicle, ...]
    circuits: tuple[Circuit, ...]
    runs: tuple[Run, ...]
    calls: tuple[Call, ...]
    seats: tuple[Seat, ...]
    """By pupils' keys."""
    riders: tuple[Rider, ...]
    limits: Limits = field(default_factory=Limits)
    walk: Mapping[str, int] = field(default_factory=lambda: dict(WALK))
    """Metres to a stop, by level."""
    pins: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Stop of a pupil's home that staff decided."""
    keeps_stops: bool = True
    """Pupils who have a stop keep it; only the others get one."""

    def longest_walk(self, rider: Rider) -> int:
        """Return the metres that a pupil may walk."""
        return min(self.walk[rider.level], NEAR) if "near" in rider.needs else self.walk[rider.level]


def read_book(connection: psycopg.Connection[Any], year: str) -> Book:
    """Read a year; no names, no addresses, nothing but keys and places."""
    rows = _Rows(connection, year).read
    return replace(
        read_frame(connection, year, None), runs=rows("runs"), calls=rows("calls"), seats=rows("seats"),
    )  # fmt: skip


def read_frame(connection: psycopg.Connection[Any], year: str, pupils: Collection[str] | None) -> Book:
    """Read what a change of a plan is checked with: no circuits as they are driven, and only some pupils.

    Parameters
    ----------
    pupils
        Keys; those who are fetched at their doors are read too. None: everybody.
    """
    rows = _Rows(connection, year).read
    riders = read_riders(connection, year, pupils, doors=True)
    vehicles = rows("vehicles")
    limits = Limits(seats=max((one.seats for one in vehicles), default=Limits.seats))
    return Book(rows("schools"), rows("bells"), rows("stops"), vehicles, rows("circuits"), (), (), (), riders, limits)


def read_riders(
    connection: psycopg.Connection[Any], year: str, pupils: Collection[str] | None, *, doors: bool = False
) -> tuple[Rider, ...]:
    """Read pupils as planning knows them, by key.

    Parameters
    ----------
    pupils
        Keys; None: everybody.
    doors
        Those too who are fetched at their doors.
    """
    wanted = {"year": year, "all": pupils is None, "doors": doors, "pupils": list(pupils or ())}
    homes: dict[str, tuple[Home, ...]] = {}
    for pupil, lat, lon, weekdays, weeks, second_lat, second_lon, second_weekdays, second_weeks in connection.execute(
        """
        SELECT pupil, lat, lon, weekdays, weeks, second_lat, second_lon, second_weekdays, second_weeks
        FROM school_person
        WHERE year = %(year)s AND (%(all)s OR pupil IN (
            SELECT key FROM school_pupil
            WHERE year = %(year)s AND (key = ANY(%(pupils)s) OR %(doors)s AND 'door' = ANY(needs))
        ))
        """,
        wanted,
    ):
        first = Home(1, None if lat is None or lon is None else Point(lon, lat), frozenset(weekdays), weeks)
        homes[pupil] = (first,)
        if second_weekdays:
            place = None if second_lat is None or second_lon is None else Point(second_lon, second_lat)
            homes[pupil] += (Home(2, place, frozenset(second_weekdays), second_weeks or "all"),)
    return tuple(
        Rider(key, school, level, boarding, tuple(needs), homes.get(key, ()))
        for key, school, level, boarding, needs in connection.execute(
            """
            SELECT key, school, level, boarding, needs FROM school_pupil
            WHERE year = %(year)s AND (%(all)s OR key = ANY(%(pupils)s) OR %(doors)s AND 'door' = ANY(needs))
            ORDER BY key
            """,
            wanted,
        )
    )


class _Rows:
    """The lists of a year, as nouns."""

    def __init__(self, connection: psycopg.Connection[Any], year: str) -> None:
        self._connection, self._year = connection, year

    def read(self, name: str) -> tuple[Any, ...]:
        sheet = SHEETS[name]
        return tuple(sheet.noun(**row) for row in list_rows(self._connection, self._year, sheet))


def change(book: Book, changes: Sequence[Mapping[str, Any]]) -> Book:
    """Return a year with changes, in their order.

    Parameters
    ----------
    changes
        Each with a ``kind``: ``bell`` (school, trip, at, weekdays), ``stop`` (stop, open, lat, lon, bearing), ``pupil``
        (pupil, home, stop), ``limits`` (seats, ride, halt, each, unloading, shift, amplitude, mixed, walk), ``lock``
        (circuit, locked), ``stops`` (keep), ``vehicle`` (vehicle, in_use, make, seats, wheelchairs,
        seats_per_wheelchair, day_cents, km_cents, hour_cents, grams).

    Raises
    ------
    InvalidInput
        ``unknown_in_change``: naming something that the year does not have.
    """
    for number, one in enumerate(changes, 1):
        book = _CHANGES[one["kind"]](book, one, number)
    return book


def ring(book: Book, document: Mapping[str, Any]) -> Book:
    """Return a year with the bells that a plan moved, where they are still as the plan found them."""
    for session in document["sessions"]:
        for one in session.get("bells", ()):
            days, bells = set(one["weekdays"]), []
            for bell in book.bells:
                mine = days.intersection(bell.weekdays)
                if (bell.school, bell.trip, bell.riders, bell.at) != tuple(
                    one[name] for name in ("school", "trip", "riders", "was")
                ):
                    mine = set()
                rest = tuple(day for day in bell.weekdays if day not in mine)
                bells += [replace(bell, weekdays=rest)] if rest else []
                bells += [replace(bell, weekdays=tuple(sorted(mine)), at=one["at"])] if mine else []
            book = replace(book, bells=tuple(bells))
    return book


def _unknown(number: int, what: str, name: object) -> InvalidInput:
    return InvalidInput(
        f"change {number} names {what} {name!r}, which this year does not have; take an id from the register",
        code="unknown_in_change",
    )


def _move_bell(book: Book, one: Mapping[str, Any], number: int) -> Book:
    days = set(one.get("weekdays") or range(1, 8))
    moved, bells = False, []
    for bell in book.bells:
        mine = days.intersection(bell.weekdays)
        if (bell.school, bell.trip) != (one["school"], one["trip"]) or not mine:
            bells.append(bell)
            continue
        moved = True
        rest = tuple(day for day in bell.weekdays if day not in mine)
        bells += [replace(bell, weekdays=rest)] if rest else []
        bells.append(replace(bell, weekdays=tuple(sorted(mine)), at=one["at"]))
    if not moved:
        raise _unknown(number, "a bell of school", one["school"])
    return replace(book, bells=tuple(bells))


def _change_stop(book: Book, one: Mapping[str, Any], number: int) -> Book:
    if not any(stop.id == one["stop"] for stop in book.stops):
        raise _unknown(number, "stop", one["stop"])
    new = {name: one[name] for name in ("open", "lat", "lon", "bearing") if one.get(name) is not None}
    if {"lat", "lon"} & set(new) and "bearing" not in new:
        new["bearing"] = None  # where it lies now tells its side
    stops = tuple(replace(stop, **new) if stop.id == one["stop"] else stop for stop in book.stops)
    return replace(book, stops=stops)


def _pin_pupil(book: Book, one: Mapping[str, Any], number: int) -> Book:
    if not any(rider.key == one["pupil"] for rider in book.riders):
        raise _unknown(number, "pupil", one["pupil"])
    if not any(stop.id == one["stop"] for stop in book.stops):
        raise _unknown(number, "stop", one["stop"])
    return replace(book, pins={**book.pins, (one["pupil"], one.get("home") or 1): one["stop"]})


def _set_limits(book: Book, one: Mapping[str, Any], _number: int) -> Book:
    names = ("seats", "halt", "each", "unloading", "shift", "amplitude", "mixed")
    plain = {name: one[name] for name in names if one.get(name) is not None}
    limits = replace(book.limits, **plain, ride={**book.limits.ride, **(one.get("ride") or {})})
    return replace(book, limits=limits, walk={**book.walk, **(one.get("walk") or {})})


def _lock(book: Book, one: Mapping[str, Any], number: int) -> Book:
    if not any(circuit.id == one["circuit"] for circuit in book.circuits):
        raise _unknown(number, "circuit", one["circuit"])
    locked = one.get("locked", True)
    return replace(
        book,
        circuits=tuple(
            replace(circuit, locked=locked) if circuit.id == one["circuit"] else circuit for circuit in book.circuits
        ),
    )


VEHICLE_FIELDS = (
    "make", "seats", "wheelchairs", "seats_per_wheelchair", "day_cents", "km_cents", "hour_cents", "grams",
)  # fmt: skip
"""That a scenario may have otherwise."""


def _change_vehicle(book: Book, one: Mapping[str, Any], number: int) -> Book:
    if not any(vehicle.id == one["vehicle"] for vehicle in book.vehicles):
        raise _unknown(number, "vehicle", one["vehicle"])
    new = {name: one[name] for name in VEHICLE_FIELDS if one.get(name) is not None}
    vehicles = tuple(
        replace(vehicle, **new) if vehicle.id == one["vehicle"] else vehicle
        for vehicle in book.vehicles
        if vehicle.id != one["vehicle"] or one.get("in_use", True)
    )
    if not vehicles:
        raise InvalidInput(
            f"change {number} takes the last vehicle, {one['vehicle']!r}, out of use; leave one to plan with",
            code="unknown_in_change",
        )
    largest = max(vehicle.seats for vehicle in book.vehicles)
    limits = book.limits  # a limit that is the largest vehicle's seats goes with it; one that staff set stays
    if limits.seats == largest:
        limits = replace(limits, seats=max(vehicle.seats for vehicle in vehicles))
    return replace(book, vehicles=vehicles, limits=limits)


def _keep_stops(book: Book, one: Mapping[str, Any], _number: int) -> Book:
    return replace(book, keeps_stops=one["keep"])


_CHANGES = {
    "bell": _move_bell,
    "stop": _change_stop,
    "pupil": _pin_pupil,
    "limits": _set_limits,
    "lock": _lock,
    "stops": _keep_stops,
    "vehicle": _change_vehicle,
}
