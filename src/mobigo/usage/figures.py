"""The key figures of a period beside those of the period before: as many days, whole weeks earlier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.trace.model import Outcome
from mobigo.usage.answers import Answer, Column, Kind, read_period, share
from mobigo.usage.economy_answers import Sum, sum_supply
from mobigo.usage.sentences import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from mobigo.usage.answers import Wanted
    from mobigo.usage.economy import Rates

KINDS = {
    "days_counted": Kind.COUNT,
    "school_days": Kind.COUNT,
    "passengers": Kind.COUNT,
    "passenger_km": Kind.KILOMETRES,
    "vehicle_km": Kind.KILOMETRES,
    "searches": Kind.COUNT,
    "unanswered_share": Kind.SHARE,
    "refused": Kind.COUNT,
    "on_time": Kind.SHARE,
    "cancelled_share": Kind.SHARE,
    "missed_share": Kind.SHARE,
    "cost_cents": Kind.CENTS,
    "fares_cents": Kind.CENTS,
    "fares_with_cost_cents": Kind.CENTS,
    "subsidy_cents": Kind.CENTS,
    "cost_per_passenger_km": Kind.RATE,
    "subsidy_per_passenger_km": Kind.RATE,
    "co2_per_passenger_km": Kind.GRAMS,
}
"""In the order in which they are read."""
TOTALS = frozenset(
    {"passengers", "passenger_km", "vehicle_km", "searches", "refused", "cost_cents", "subsidy_cents"}
    | {"fares_cents", "fares_with_cost_cents"}
)
"""Compared by counted day, so that a day less is no loss."""

_QUALITY = """
    SELECT sum(calls), sum(cancelled), sum(on_time) FROM usage_punctuality AS p JOIN usage_day AS d USING (day)
    WHERE day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
        AND (%(source)s::text IS NULL OR p.source = %(source)s) AND (%(route)s::text IS NULL OR p.route = %(route)s)
"""
_MISSED = """
    SELECT sum(judged), sum(missed) FROM usage_change AS c JOIN usage_day AS d USING (day)
    WHERE day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
        AND (%(source)s::text IS NULL OR c.source = %(source)s) AND (%(route)s::text IS NULL OR c.route = %(route)s)
"""
_SEARCHED = """
    SELECT coalesce(sum(searches), 0), sum(searches) FILTER (WHERE outcome = %(outcome)s) FROM usage_demand AS u
    LEFT JOIN usage_day AS d USING (day) WHERE u.day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
"""
_REFUSED = """
    SELECT coalesce(sum(asked), 0) FROM usage_refusal AS u LEFT JOIN usage_day AS d USING (day)
    WHERE u.day BETWEEN %(first)s AND %(last)s
        AND (%(types)s::text[] IS NULL OR d.day_type = ANY (%(types)s::text[]))
        AND (%(service)s::text IS NULL OR service = %(service)s) AND (%(source)s::text IS NULL OR source = %(source)s)
"""

Number = int | float | None

COLUMNS = (
    Column("figure"), Column("unit"), Column("value", Kind.NUMBER), Column("before", Kind.NUMBER),
    Column("change", Kind.SHARE), Column("points", Kind.SHARE),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a period."""

    name: str
    kind: Kind
    value: Number
    before: Number
    change: float | None
    """Relative, by counted day for totals; None for shares and where there is nothing to compare with."""
    points: float | None
    """Difference of shares."""


def compare_periods(connection: Connection[Any], wanted: Wanted, rates: Rates) -> list[Figure]:
    """Return the key figures of a period, each beside that of the period before."""
    now, before = (_measure(connection, one, rates) for one in (wanted, wanted.before()))
    found = []
    for name, kind in KINDS.items():
        one, other = now[name], before[name]
        change = points = None
        if kind is Kind.SHARE:
            points = None if one is None or other is None else round(one - other, 3)
        elif name in TOTALS:
            change = _grow(_by_day(one, now), _by_day(other, before))
        elif name not in {"days_counted", "school_days"}:
            change = _grow(one, other)
        found.append(Figure(name, kind, one, other, change, points))
    return found


def leave_out_same_fares(found: Sequence[Figure]) -> list[Figure]:
    """Leave out the fares where the cost is known when these are all fares or none: for who reads on one screen."""
    told = {one.name: one.value for one in found}
    same = told["fares_with_cost_cents"] in {None, told["fares_cents"]}
    return [one for one in found if not (same and one.name == "fares_with_cost_cents")]


def list_trends(connection: Connection[Any], wanted: Wanted, rates: Rates) -> Answer:
    """List the key figures as a table."""
    rows = tuple(
        (one.name, one.kind.value, one.value, one.before, one.change, one.points)
        for one in compare_periods(connection, wanted, rates)
    )
    earlier = wanted.before()
    return Answer("trends", COLUMNS, rows, notes=(say("note.trends", first=earlier.first, last=earlier.last),))


def _by_day(value: Number, told: dict[str, Number]) -> Number:
    days = told["days_counted"]
    return None if value is None or not days else value / days


def _grow(one: Number, other: Number) -> float | None:
    return None if one is None or not other else round(one / other - 1, 3)


def _measure(connection: Connection[Any], wanted: Wanted, rates: Rates) -> dict[str, Number]:
    parameters = wanted.parameters() | {"outcome": Outcome.UNANSWERED}
    calls, cancelled, on_time = connection.execute(_QUALITY, parameters).fetchone() or (0, 0, 0)
    judged, missed = connection.execute(_MISSED, parameters).fetchone() or (0, 0)
    searches, unanswered = connection.execute(_SEARCHED, parameters).fetchone() or (0, 0)
    (refused,) = connection.execute(_REFUSED, parameters).fetchone() or (0,)
    period = read_period(connection, wanted)
    supply = Sum()
    for one in sum_supply(connection, wanted, rates)[0].values():
        supply.add(one)
    known = bool(supply.costed_days)
    return {
        "days_counted": period.counted,
        "school_days": period.by_type.get("school_day", 0),
        "passengers": supply.passengers,
        "passenger_km": round(supply.passenger_metres / 1000, 1),
        "vehicle_km": round(supply.metres / 1000, 1),
        "searches": int(searches),
        "unanswered_share": share(unanswered or 0, searches),
        "refused": int(refused),
        "on_time": share(on_time, calls),
        "cancelled_share": share(cancelled, (calls or 0) + (cancelled or 0)),
        "missed_share": share(missed, judged),
        "cost_cents": supply.cost if known else None,
        "fares_cents": supply.fares,
        "fares_with_cost_cents": supply.costed_fares if known else None,
        "subsidy_cents": supply.subsidy if known else None,
        "cost_per_passenger_km": supply.cost_per_km,
        "subsidy_per_passenger_km": supply.subsidy_per_km,
        "co2_per_passenger_km": supply.grams_per_km,
    }
