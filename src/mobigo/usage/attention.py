"""What to look at first: sentences about the few things that concern most people, each with its figures.

Bounds are those below; what is less is in the tables, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mobigo.usage.answers import SMALL, WEEK, Answer, Column, Kind, rounded
from mobigo.usage.demand_answers import BANDS, Demand
from mobigo.usage.economy_answers import Sum, sum_supply, write_euros
from mobigo.usage.quality_answers import list_changes, list_punctuality
from mobigo.usage.sentences import Said, find, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.usage.answers import Value, Wanted
    from mobigo.usage.economy import Rates
    from mobigo.usage.loads_answers import Loads

FEW = 5
"""Findings of a kind that are told."""
CROWDED = 0.2
"""Share of days on which more are aboard than there are seats, from which a trip is crowded."""
DAYS = 3
"""Observed at least before anything is said of a trip."""
UNUSED = 0.9
"""Share of days on which nobody was aboard."""
LATE = 0.8
"""Share of calls on time below which a line is late."""
CALLS, CHANGES = 100, 10
"""Seen at least before anything is said of a line, of a change."""
MISSED = 0.1
"""Share of changes missed."""
COSTLY = 3.0
"""Times the mean cost per passenger kilometre."""
WHOLE = 10
"""From which decimals are left out."""
INHABITED = 100
"""Of a commune that is told to be without service."""


@dataclass(frozen=True)
class Finding:
    """Something to look at."""

    kind: str
    text: Said
    weight: float
    """People concerned in a week, as far as they can be counted: the order of findings."""
    about: str
    """Id of the line, trip, service or commune."""


def find_attention(loads: Loads, demand: Demand, catalogue: Catalogue) -> list[Finding]:
    """Find what to look at in a period, what concerns most people first."""
    connection, wanted = loads.connection, loads.wanted
    weeks = wanted.days / WEEK
    found = [
        *_look_at_trips(loads.list_trips(), weeks),
        *_look_at_pairs(demand, weeks),
        *_look_at_refusals(demand.list_refusals(by_commune=False), weeks),
        *_look_at_lines(list_punctuality(connection, wanted, {"line"}), weeks),
        *_look_at_changes(list_changes(connection, wanted), weeks),
        *_look_at_costs(connection, wanted, loads.rates, weeks),
        *_look_at_villages(demand.list_villages(catalogue)),
    ]
    kept: list[Finding] = []
    for _, kind in groupby(sorted(found, key=lambda one: one.kind), key=lambda one: one.kind):
        kept += sorted(kind, key=lambda one: (-one.weight, one.about))[:FEW]
    return sorted(kept, key=lambda one: (-one.weight, one.kind, one.about))


def _look_at_trips(trips: Answer, weeks: float) -> Iterator[Finding]:
    for one in trips.as_dicts():
        days = _int(one["days"])
        if days < DAYS or one["departure"] is None:  # of a headway there is no one departure
            continue
        of = {
            "days": say(f"day_type.{one['day_type']}"),
            "at": one["departure"],
            "line": one["line_name"],
            "start": one["from_stop"],
            "end": one["to_stop"],
        }
        over, empty = one["days_over_seats"], one["days_empty"]
        if over is not None and float(over) >= CROWDED:
            crowd = float(one["peak_p90"] or 0)
            times = round(float(over) * days)
            text = say(
                "attention.crowded" if one["seats_said"] else "attention.crowded_typical",
                **of, p90=round(crowd), seats=one["seats"], fullest=one["fullest_from"],
                next=one["fullest_to"] or one["to_stop"], times=times, of=days,
            )  # fmt: skip
            yield Finding("crowded", text, (crowd - _int(one["seats"])) * times / weeks, str(one["trip"]))
        elif empty is not None and float(empty) >= UNUSED:
            yield Finding(
                "unused",
                say("attention.unused", **of, times=round(float(empty) * days), of=days),
                0.0,
                str(one["trip"]),
            )


def _look_at_pairs(demand: Demand, weeks: float) -> Iterator[Finding]:
    told: set[tuple[str, str]] = set()
    for start, end, band, asked in demand.list_bands():
        if (start.id, end.id) in told:
            continue
        told.add((start.id, end.id))
        first, last = band
        when = (
            say("band.before", hour=last) if band == BANDS[0]
            else say("band.after", hour=first) if band == BANDS[-1]
            else say("band.between", first=first, last=last)
        )  # fmt: skip
        text = say(
            "attention.unanswered", searches=_number(asked.unanswered / weeks), start=start.name, end=end.name,
            when=when, reason=_reason(asked.reason or ""),
        )  # fmt: skip
        yield Finding("unanswered", text, asked.waiting / weeks, f"{start.id} {end.id}")


def _look_at_refusals(refusals: Answer, weeks: float) -> Iterator[Finding]:
    for one in refusals.as_dicts():
        refused = _int(one["refused"])
        if refused >= SMALL:
            text = say(
                "attention.refused", name=one["source_name"] or say(f"service.{one['service']}"),
                refused=_number(refused / weeks), reason=_reason(str(one["reason"])),
            )  # fmt: skip
            text = Said(*(f"{one[0].upper()}{one[1:]}" for one in text))
            yield Finding("refused", text, refused / weeks, str(one["source"]))


def _look_at_lines(kept: Answer, weeks: float) -> Iterator[Finding]:
    for one in kept.as_dicts():
        calls, on_time = _int(one["calls"]), one["on_time"]
        if calls >= CALLS and on_time is not None and float(on_time) < LATE:
            text = say(
                "attention.late", line=one["line_name"], on_time=round(100 * float(on_time)), calls=calls,
                minutes=round(float(one["delay_mean"] or 0) / 60, 1),
            )  # fmt: skip
            yield Finding("late", text, (1 - float(on_time)) * calls / weeks / 100, str(one["line"]))


def _look_at_changes(changes: Answer, weeks: float) -> Iterator[Finding]:
    for one in changes.as_dicts():
        judged, missed = _int(one["judged"]), _int(one["missed"])
        if judged >= CHANGES and missed >= MISSED * judged:
            text = say(
                "attention.missed", line=one["line_name"], to=one["to_line_name"], stop=one["stop_name"], missed=missed,
                judged=judged,
            )  # fmt: skip
            yield Finding("missed", text, missed / weeks, str(one["line"]))


def _look_at_costs(connection: Connection[Any], wanted: Wanted, rates: Rates, weeks: float) -> Iterator[Finding]:
    sums, lines = sum_supply(connection, wanted, rates)
    whole = Sum()
    for one in sums.values():
        whole.add(one)
    mean = whole.cost_per_km
    if not mean:
        return
    for (service, source, route), one in sums.items():
        cost = one.cost_per_km
        if cost is not None and cost >= COSTLY * mean:
            text = say(
                "attention.costly", line=lines.name(service, source, route), euros=write_euros(cost),
                times=round(cost / mean, 1), mean=write_euros(mean), passengers=_number(one.passengers / weeks),
            )  # fmt: skip
            yield Finding("costly", text, 0.0, f"{source}:{route}")


def _look_at_villages(villages: Answer) -> Iterator[Finding]:
    alone = [one for one in villages.as_dicts() if not one["served"] and _int(one["population"]) >= INHABITED]
    if alone:
        people = sum(_int(one["population"]) for one in alone)
        names = ", ".join(str(one["commune_name"]) for one in alone[:FEW])
        text = say(
            "attention.villages" if len(alone) > 1 else "attention.village", communes=len(alone), people=people,
            names=names, more="." if len(alone) <= FEW else " …",
        )  # fmt: skip
        yield Finding("villages", text, 0.0, str(alone[0]["commune"]))


def _reason(code: str) -> Said:
    return find(f"reason.{code}") or say("reason.other", code=code)


def _number(value: float) -> int | float:
    """Round as people do: small numbers to a decimal."""
    return round(value) if value >= WHOLE or round(value, 1).is_integer() else round(value, 1)


def _int(value: Value) -> int:
    return int(value) if isinstance(value, int | float) else 0


def list_attention(loads: Loads, demand: Demand, catalogue: Catalogue, language: str) -> Answer:
    """List what to look at as a table, in a language."""
    columns = (Column("kind"), Column("text"), Column("about"), Column("weight", Kind.NUMBER))
    found = find_attention(loads, demand, catalogue)
    rows = tuple((one.kind, one.text.of(language), one.about, rounded(one.weight)) for one in found)
    return Answer("attention", columns, rows)
