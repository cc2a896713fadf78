"""What supply costs: rates by vehicle kilometre, hour and run, dated, published ones and those that staff have said.

Costs are worked out when they are asked for, from kilometres and hours that are counted: a rate that is put right holds
for the days that have passed, too. What was really paid for a run (on demand, carpool) needs no rate.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import InvalidInput
from mobigo.kit.units import Cents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

HOUR = 3600
KILOMETRE = 1000
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rate:
    """What running vehicles costs from a day on, and how many they seat."""

    service: str
    source: str
    """Empty: of all sources."""
    route: str
    """Id within the source; empty: of all its lines."""
    starts: date
    kilometre_cents: float | None
    hour_cents: float | None
    run_cents: float | None
    seats: int | None
    origin: str
    """Where it is from: a contract, a publication."""
    said_by: str = ""
    """Empty: it comes with the program."""
    said_at: datetime = NEVER
    number: int = 0
    route_types: tuple[tuple[int, int], ...] = ()
    """From and to (exclusive); empty: all."""

    @property
    def costs(self) -> bool:
        """Whether it says anything of costs."""
        return any(one is not None for one in (self.kilometre_cents, self.hour_cents, self.run_cents))

    def fits(self, service: str, source: str, route: str, route_type: int | None) -> bool:
        """Tell whether it is about a line's vehicles."""
        return (
            self.service == service
            and self.source in {"", source}
            and self.route in {"", route}
            and (
                not self.route_types
                or (route_type is not None and any(first <= route_type < end for first, end in self.route_types))
            )
        )


@dataclass(frozen=True, slots=True)
class Seats:
    """How many a vehicle seats."""

    seats: int
    said: bool
    """By staff; otherwise it is what such vehicles usually have."""


@dataclass(frozen=True)
class Rates:
    """All rates there are."""

    rates: tuple[Rate, ...]
    """In any order."""

    def find(self, day: date, service: str, source: str, route: str, route_type: int | None) -> Rate | None:
        """Return the rate of a line's vehicles on a day; None where nothing says what they cost."""
        fitting = (one for one in self.rates if one.costs and one.starts <= day)
        return max((one for one in fitting if one.fits(service, source, route, route_type)), key=_rank, default=None)

    def find_seats(self, day: date, service: str, source: str, route: str, route_type: int | None) -> Seats | None:
        """Return how many a line's vehicles seat on a day; None where nobody knows."""
        fitting = (one for one in self.rates if one.seats is not None and one.starts <= day)
        found = max((one for one in fitting if one.fits(service, source, route, route_type)), key=_rank, default=None)
        return None if found is None or found.seats is None else Seats(found.seats, bool(found.said_by))

    def cost_of(
        self,
        day: date,
        service: str,
        source: str,
        route: str,
        route_type: int | None,
        *,
        metres: float,
        seconds: float,
        runs: float,
    ) -> Cents | None:
        """Compute what running vehicles costs; None where no rate is known, or an hour has a price and none is known.

        Parameters
        ----------
        route_type : int, optional
            Of GTFS; None for services without.
        metres, seconds, runs : float
            Driven with and without passengers, from the first departure to the last arrival.
        """
        rate = self.find(day, service, source, route, route_type)
        if rate is None or (rate.hour_cents and metres and not seconds):
            return None
        cents = (
            (rate.kilometre_cents or 0) * metres / KILOMETRE
            + (rate.hour_cents or 0) * seconds / HOUR
            + (rate.run_cents or 0) * runs
        )
        return Cents(round(cents))


def _rank(rate: Rate) -> tuple[bool, bool, bool, date, datetime, int]:
    return (bool(rate.route), bool(rate.source), bool(rate.said_by), rate.starts, rate.said_at, rate.number)


@cache
def read_published() -> tuple[Rate, ...]:
    """Read the rates that come with the program."""
    raw = tomllib.loads((resources.files("mobigo.usage") / "economy.toml").read_text("utf-8"))
    costs = [
        Rate(
            one["service"],
            "",
            "",
            one["starts"],
            one.get("kilometre_cents"),
            one.get("hour_cents"),
            one.get("run_cents"),
            None,
            one["origin"],
            route_types=_types(one),
        )
        for one in raw["rate"]
    ]
    seats = [
        Rate(one["service"], "", "", date.min, None, None, None, one["seats"], "", route_types=_types(one))
        for one in raw["seats"]
    ]
    return (*costs, *seats)


def _types(one: dict[str, Any]) -> tuple[tuple[int, int], ...]:
    return tuple((first, end) for first, end in one.get("route_types", ()))


# ── what staff have said ──────────────────────────────────────────────────────────────────────────────────────────────


def read_rates(connection: Connection[Any]) -> Rates:
    """Read all rates: those that come with the program, and what staff have said."""
    return Rates((*read_published(), *list_said(connection)))


def list_said(connection: Connection[Any]) -> list[Rate]:
    """List what staff have said, oldest first; nothing is ever taken away."""
    rows = connection.execute(
        "SELECT service, source, route, starts, kilometre_cents::float8, hour_cents::float8, run_cents::float8, seats,"
        " origin, said_by, said_at, id FROM usage_rate ORDER BY id"
    )
    return [Rate(*row) for row in rows]


def say_rate(connection: Connection[Any], rate: Rate) -> None:
    """Write what staff say of a line, a source or a service.

    Raises
    ------
    InvalidInput
        When it says nothing, or a line without its source.
    """
    if not rate.costs and rate.seats is None:
        raise InvalidInput(
            "the rate says nothing: give kilometre_cents, hour_cents, run_cents or seats", code="invalid_rate"
        )
    if rate.route and not rate.source:
        raise InvalidInput(
            f"line {rate.route!r} is given without its source; write `source:route_id`", code="invalid_rate"
        )
    connection.execute(
        "INSERT INTO usage_rate (service, source, route, starts, kilometre_cents, hour_cents, run_cents, seats, origin,"
        " said_by, said_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            rate.service,
            rate.source,
            rate.route,
            rate.starts,
            rate.kilometre_cents,
            rate.hour_cents,
            rate.run_cents,
            rate.seats,
            rate.origin,
            rate.said_by,
            rate.said_at,
        ],
    )


def list_in_force(rates: Rates, day: date) -> Sequence[Rate]:
    """List the rates that count on a day for anything, the most particular first."""
    newest: dict[tuple[object, ...], Rate] = {}
    for one in sorted(rates.rates, key=_rank):
        if one.starts <= day:
            about = (one.service, one.source, one.route, one.route_types, bool(one.said_by), one.costs)
            newest[about] = one
    return sorted(newest.values(), key=_rank, reverse=True)
