"""What supply costs, who pays for it and what it emits, by service and line and per passenger kilometre."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from mobigo.trace.model import Service
from mobigo.usage.answers import Answer, Column, Kind, join_id, read_lines, rounded, share
from mobigo.usage.economy import KILOMETRE
from mobigo.usage.sentences import Said, say, write_number

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from psycopg import Connection

    from mobigo.usage.answers import Lines, Value, Wanted
    from mobigo.usage.economy import Rates

GRAMS = 1000
HOUR = 3600

_SUPPLY = """
    SELECT day, service, source, route, runs, metres, empty_metres, seconds, passengers, passenger_metres, cost_cents,
        subsidy_cents, fares_cents, co2_grams
    FROM usage_supply AS s JOIN usage_day AS d USING (day)
    WHERE day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
        AND (%(service)s::text IS NULL OR service = %(service)s)
        AND (%(source)s::text IS NULL OR source = %(source)s)
        AND (%(route)s::text IS NULL OR route = %(route)s)
    ORDER BY service, source, route, day
"""

SAID = (
    Column("runs", Kind.COUNT), Column("vehicle_km", Kind.KILOMETRES), Column("empty_km", Kind.KILOMETRES),
    Column("vehicle_hours", Kind.NUMBER), Column("passengers", Kind.COUNT), Column("passenger_km", Kind.KILOMETRES),
    Column("mean_aboard", Kind.NUMBER), Column("cost_cents", Kind.CENTS), Column("cost_from"),
    Column("cost_known", Kind.SHARE), Column("fares_cents", Kind.CENTS), Column("fares_with_cost_cents", Kind.CENTS),
    Column("subsidy_cents", Kind.CENTS),
    Column("cost_per_passenger_cents", Kind.CENTS), Column("cost_per_passenger_km", Kind.RATE),
    Column("subsidy_per_passenger_km", Kind.RATE), Column("fares_share", Kind.SHARE), Column("co2_kg", Kind.KILOGRAMS),
    Column("co2_per_passenger_km", Kind.GRAMS),
)  # fmt: skip


@dataclass
class Sum:
    """What supply of some days comes to. Metres, seconds, cents, grams."""

    runs: int = 0
    metres: int = 0
    empty_metres: int = 0
    seconds: int = 0
    passengers: int = 0
    passenger_metres: int = 0
    fares: int = 0
    cost: int = 0
    subsidy: int = 0
    costed_metres: int = 0
    """Of vehicles whose cost is known."""
    costed_days: int = 0
    costed_fares: int = 0
    """Paid where the cost is known: subsidy is what these leave of it."""
    told_cost: int = 0
    """Of what is known to carry somebody or nobody, as the next five: passengers of school circuits are often noted
    by nobody, and their cost is then shared among none."""
    told_subsidy: int = 0
    told_fares: int = 0
    told_passengers: int = 0
    told_passenger_metres: int = 0
    told_days: int = 0
    grams: int = 0
    emitting_metres: int = 0
    """Passenger metres whose emission is known."""
    emitting_days: int = 0
    paid: int = 0
    """Days of lines whose cost is what was paid, as the next three."""
    said: int = 0
    published: int = 0
    unknown: int = 0

    def add(self, other: Sum) -> None:
        """Add another."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    @property
    def cost_from(self) -> str:
        """Where costs are from: ``paid``, ``said``, ``published``, ``unknown``, ``mixed``."""
        found = [name for name in ("paid", "said", "published", "unknown") if getattr(self, name)]
        return found[0] if len(found) == 1 else "mixed" if found else "unknown"

    @property
    def cost_per_km(self) -> float | None:
        """Cents per passenger kilometre, of what has a known cost."""
        return per(self.told_cost, self.told_passenger_metres / KILOMETRE) if self.told_days else None

    @property
    def subsidy_per_km(self) -> float | None:
        """Cents per passenger kilometre, of what has a known cost."""
        return per(self.told_subsidy, self.told_passenger_metres / KILOMETRE) if self.told_days else None

    @property
    def grams_per_km(self) -> float | None:
        """Grams per passenger kilometre, of what is known to emit."""
        return per(self.grams, self.emitting_metres / KILOMETRE) if self.emitting_days else None

    def tell(self) -> tuple[Value, ...]:
        """Return the cells of `SAID`."""
        known = bool(self.costed_days)
        return (
            self.runs,
            round(self.metres / KILOMETRE, 1),
            round(self.empty_metres / KILOMETRE, 1),
            rounded(self.seconds / HOUR),
            self.passengers,
            round(self.passenger_metres / KILOMETRE, 1),
            per(self.passenger_metres, self.metres),
            self.cost if known else None,
            self.cost_from,
            share(self.costed_metres, self.metres) if self.metres else None,
            self.fares,
            self.costed_fares if known else None,
            self.subsidy if known else None,
            rounded(per(self.told_cost, self.told_passengers), 0) if self.told_days else None,
            self.cost_per_km,
            self.subsidy_per_km,
            share(self.told_fares, self.told_cost) if self.told_days else None,
            round(self.grams / GRAMS, 1) if self.emitting_days else None,
            self.grams_per_km,
        )


def per(amount: float, units: float) -> float | None:
    """Divide, to two decimals; None where there are no units."""
    return round(amount / units, 2) if units else None


def sum_supply(
    connection: Connection[Any], wanted: Wanted, rates: Rates
) -> tuple[dict[tuple[str, str, str], Sum], Lines]:
    """Sum supply of a period by service, source and line, each day at the rates of that day."""
    lines = read_lines(connection)
    sums: dict[tuple[str, str, str], Sum] = {}
    for day, service, source, route, *told in connection.execute(_SUPPLY, wanted.parameters()):
        one = _read_day(rates, day, (service, source, route), lines.route_type(source, route), told)
        sums.setdefault((service, source, route), Sum()).add(one)
    return sums, lines


def _read_day(rates: Rates, day: date, key: tuple[str, str, str], route_type: int | None, told: list[Any]) -> Sum:
    runs, metres, empty, seconds, passengers, ridden, cost, subsidy, fares, grams = told
    one = Sum(runs, metres, empty, seconds, passengers, ridden, fares)
    if cost is not None:
        one.paid = 1
    else:
        rate = rates.find(day, *key, route_type)
        cost = rates.cost_of(day, *key, route_type, metres=metres, seconds=seconds, runs=runs)
        one.unknown = int(cost is None)
        one.said = int(cost is not None and rate is not None and bool(rate.said_by))
        one.published = int(cost is not None and not one.said)
    if cost is not None:
        one.cost, one.subsidy = cost, cost - fares if subsidy is None else subsidy
        one.costed_days, one.costed_metres, one.costed_fares = 1, metres, fares
        if passengers or key[0] != Service.SCHOOL:
            one.told_days, one.told_cost, one.told_subsidy, one.told_fares = 1, one.cost, one.subsidy, fares
            one.told_passengers, one.told_passenger_metres = passengers, ridden
    if grams is not None:
        one.grams, one.emitting_metres, one.emitting_days = grams, ridden, 1
    return one


def list_economy(connection: Connection[Any], wanted: Wanted, rates: Rates, *, by_line: bool) -> Answer:
    """List what supply costs and emits, by line or by service."""
    sums, lines = sum_supply(connection, wanted, rates)
    if by_line:
        rows = tuple(
            (service, join_id(source, route), lines.name(service, source, route), *one.tell())
            for (service, source, route), one in sums.items()
        )
        head = (Column("service"), Column("line"), Column("line_name"))
        return Answer("economy", (*head, *SAID), rows, notes=list_notes(sums.values()))
    services: dict[str, Sum] = {}
    for (service, _, _), one in sums.items():
        services.setdefault(service, Sum()).add(one)
    told = tuple((service, *one.tell()) for service, one in services.items())
    return Answer("economy_by_service", (Column("service"), *SAID), told, notes=list_notes(sums.values()))


def list_notes(sums: Iterable[Sum]) -> tuple[Said, ...]:
    """Say what has to be known to read costs, and what fares the subsidy leaves out since nobody knows their cost."""
    without = [one.fares - one.costed_fares for one in sums]
    lacking = sum(one != 0 for one in without)
    gap = say("note.subsidy_gap", lines=lacking, euros=write_euros(sum(without))) if lacking else None
    return (say("note.costs"), say("note.subsidy"), *([gap] if gap else []), say("note.co2"))


def write_euros(cents: float) -> Said:
    """Write an amount as people of both languages do."""
    euros = cents / 100
    return Said(f"€{write_number(euros, 'en', 2)}", f"{write_number(euros, 'fr', 2)}\u00a0€")
