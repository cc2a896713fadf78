"""What runs are paid, by the rules in force on their day, and why: a fold over runs in the order of their departure.

Each run is paid by the rule of its line (per run) and by every rule of journeys (per passenger), together never above
the legal bound. The order matters only where a rule says so: limits per day, month or campaign, and the two short runs
a day that may pass the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobigo.carpool.model import Journey, Place
from mobigo.carpool.runs import Costs, Passenger, award_run, cap, loaded_metres

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    from mobigo.carpool.model import CounterKey
    from mobigo.carpool.policies import LineRule, Rules
    from mobigo.kit.geo import Point

    Territories = Callable[[Point], Mapping[str, str]]

OPERATOR = "35449f29-43a8-4df5-9cd0-7d1798d869fa"
"""This region's app, as the national register of proofs knows it."""


def nowhere(_: Point) -> Mapping[str, str]:
    """Tell of no territory: where no outlines are known, rules about zones pay nothing inside them."""
    return {}


@dataclass(frozen=True)
class Aboard:
    """A booking whose ride is proven."""

    booking: str
    passenger: str
    """Id of a person, or of another operator's."""
    seats: int
    board: int
    """Metres from where the run begins, as `alight`."""
    alight: int
    on_line: bool
    """From a stop of the line to another one."""
    proof: str
    fare: int
    """Cents."""
    start_at: datetime
    ends: tuple[Point, Point]
    adult: bool


@dataclass(frozen=True)
class Ride:
    """A run that has ended, and who was proven to be aboard."""

    run: str
    driver: str
    line: str | None
    day: date
    """Local day of departure."""
    departs_at: datetime
    """Local time."""
    metres: int
    """Of the whole run."""
    aboard: tuple[Aboard, ...]


@dataclass(frozen=True)
class Reason:
    """One step to an amount."""

    policy: str
    """Which rule in which wording, as ``bfc_mobigo_lines@0``; empty: about the whole."""
    code: str
    cents: int
    """The amount of this rule after it."""
    text: str


@dataclass(frozen=True)
class RidePay:
    """What a run is paid."""

    cents: int
    metres: int
    """With somebody aboard."""
    seats: int
    """Proven."""
    fares: int
    """Cents that the passengers owe the Region."""
    derogated: bool
    """Above its costs, as one of the two short runs of its day that may be."""
    reasons: tuple[Reason, ...]


class Awards:
    """Pays runs one after the other, and counts what limits count.

    Parameters
    ----------
    rules : Rules
    territories : callable
        Codes of the territories that a point lies in.
    counters : mapping
        By rule: what was counted before; changed.
    derogations : mapping
        By driver and day: short runs paid above their costs before; changed.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        territories: Territories,
        counters: dict[str, dict[CounterKey, int]] | None = None,
        derogations: dict[tuple[str, date], int] | None = None,
    ) -> None:
        self._rules = rules
        self._territories = territories
        self.counters = {} if counters is None else counters
        self.derogations = {} if derogations is None else derogations

    def pay(self, ride: Ride) -> RidePay:
        """Work out what a run is paid."""
        cents, reasons = self._pay_line(ride)
        more, why = self._pay_journeys(ride)
        cents, reasons = cents + more, [*reasons, *why]
        if not reasons:
            reasons = [Reason("", "no_rule", 0, f"no rule pays this run on {ride.day}")]
        metres = loaded_metres([_passenger(one, one.seats) for one in ride.aboard])
        derogated = False
        bound = self._rules.find_cap(ride.day)
        if bound is not None and cents:
            today = (ride.driver, ride.day)
            bounded, derogated = cap(
                cents, metres or ride.metres, Costs(bound.cents_per_km), short_runs_today=self.derogations.get(today, 0)
            )
            if derogated:
                self.derogations[today] = self.derogations.get(today, 0) + 1
                text = f"a short run may pass its costs, number {self.derogations[today]} of that day"
                reasons.append(Reason(bound.name, "short_run", cents, text))
            elif bounded != cents:
                text = f"no more than the driver's costs of {metres / 1000:g} km"
                reasons.append(Reason(bound.name, "legal_cap", bounded, text))
            cents = bounded
        return RidePay(
            cents=cents,
            metres=metres,
            seats=sum(one.seats for one in ride.aboard),
            fares=sum(one.fare for one in ride.aboard),
            derogated=derogated,
            reasons=tuple(reasons),
        )

    def _pay_line(self, ride: Ride) -> tuple[int, list[Reason]]:
        rule = None if ride.line is None else self._rules.find_line_rule(ride.line, ride.day)
        if rule is None:
            return 0, []
        if not _is_within(rule, ride.departs_at):
            return 0, [Reason(rule.name, "hours", 0, f"a departure at {ride.departs_at:%A %H:%M} is not paid")]
        aboard = [one for one in ride.aboard if one.proof in rule.classes and (one.on_line or not rule.only_line_stops)]
        reasons = []
        if len(aboard) < len(ride.aboard):
            left = len(ride.aboard) - len(aboard)
            text = f"{left} bookings do not count: beside the line's stops, or of another class of proof"
            reasons.append(Reason(rule.name, "not_counted", 0, text))
        found = award_run(
            rule.terms, ride.metres, [_passenger(one, 1 if rule.by_booking else one.seats) for one in aboard]
        )
        reasons += [Reason(rule.name, *step) for step in found.steps]
        return found.driver, reasons

    def _pay_journeys(self, ride: Ride) -> tuple[int, list[Reason]]:
        total, reasons = 0, []
        rules = self._rules.list_journey_rules(ride.day)
        for one in sorted(ride.aboard, key=lambda one: (one.start_at, one.booking)) if rules else ():
            start, end = (Place(self._territories(point), point) for point in one.ends)
            journey = Journey(
                id=one.booking,
                trip=ride.run,
                operator=OPERATOR,
                proof=one.proof,
                start_at=one.start_at,
                metres=one.alight - one.board,
                seats=one.seats,
                driver=ride.driver,
                passenger=one.passenger,
                adult=one.adult,
                driver_revenue=0,
                passenger_contribution=one.fare,
                start=start,
                end=end,
            )
            for rule in rules:
                found = rule.policy.award(journey, self.counters.setdefault(rule.id, {}))
                total += found.cents
                reasons += [Reason(rule.name, *step) for step in found.steps]
        return total, reasons


def _passenger(one: Aboard, seats: int) -> Passenger:
    return Passenger(seats, one.board, one.alight, validated=True)


def _is_within(rule: LineRule, departs_at: datetime) -> bool:
    if not rule.windows:
        return True
    at = departs_at.time()
    return any(departs_at.weekday() in days and first <= at < last for days, first, last in rule.windows)


def pay_all(awards: Awards, rides: Sequence[Ride]) -> list[tuple[Ride, RidePay]]:
    """Pay runs in the order of their departure, whatever order they come in."""
    return [(ride, awards.pay(ride)) for ride in sorted(rides, key=lambda one: (one.departs_at, one.run))]
