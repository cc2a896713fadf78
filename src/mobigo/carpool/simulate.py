"""What a rule would have cost: recorded runs are paid again by it, and by the rules in force, with every reason.

Nothing is posted and nothing counted. Limits begin at nothing on the first day.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mobigo.carpool import money_store
from mobigo.carpool.awards import Awards, pay_all
from mobigo.carpool.month import pays_empty
from mobigo.carpool.policies import CapRule, LineRule, Rules
from mobigo.carpool.policies_store import read_rules
from mobigo.carpool.territories import find_codes
from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from psycopg import Connection

    from mobigo.carpool.awards import Ride, RidePay
    from mobigo.carpool.policies import Rule

LONGEST = 366
"""Days of one simulation."""

OFF_LINE = ""
"""Line of runs that are on none."""


@dataclass(frozen=True)
class Cost:
    """What runs cost."""

    runs: int
    """That are paid something."""
    driver: int
    """Cents."""
    fares: int
    """Cents that passengers owe the Region, also of runs that are paid nothing."""

    @property
    def net(self) -> int:
        """Cents that the Region pays in the end; below zero, a surplus."""
        return self.driver - self.fares


@dataclass(frozen=True)
class Simulation:
    """What a rule would have cost, beside the rules in force."""

    first: date
    last: date
    runs: int
    """Looked at: ended, and settled."""
    simulated: Cost
    current: Cost
    by_line: dict[str, tuple[Cost, Cost]]
    """Simulated and current."""
    paid: list[tuple[Ride, RidePay]]
    """By the rule, in the order of departure."""


def simulate(connection: Connection[Any], rule: Rule, first: date, last: date) -> Simulation:
    """Pay the runs of some days by a rule in place of those of its kind.

    Raises
    ------
    InvalidInput
        When the days are none, or more than a year (``invalid_period``).
    """
    if not first <= last or (last - first).days >= LONGEST:
        raise InvalidInput(
            f"{first} to {last} is no period of at most {LONGEST} days; give its first and last day",
            code="invalid_period",
        )
    current = read_rules(connection)
    wanted = _put_in(current, rule)
    empty = pays_empty(current) or pays_empty(wanted)
    rides = money_store.list_due(connection, first, last, empty=empty, again=True).rides
    now = pay_all(Awards(current, territories=find_codes(connection, current, rides)), rides)
    then = pay_all(Awards(wanted, territories=find_codes(connection, wanted, rides)), rides)
    return Simulation(
        first,
        last,
        len(rides),
        _add_up(then),
        _add_up(now),
        {line: (_add_up(one), _add_up(other)) for line, (one, other) in _by_line(then, now).items()},
        then,
    )


def _put_in(rules: Rules, rule: Rule) -> Rules:
    """Let a rule pay alone; only a legal bound stands beside the others. It holds on every day that is simulated."""
    always = replace(rule, first=money_store.EARLIEST, last=None)
    if isinstance(always, CapRule):
        return Rules(rules.lines, rules.journeys, (always,))
    if isinstance(always, LineRule):
        return Rules((always,), (), rules.caps)
    return Rules((), (always,), rules.caps)


def _by_line(
    then: Sequence[tuple[Ride, RidePay]], now: Sequence[tuple[Ride, RidePay]]
) -> dict[str, tuple[list[tuple[Ride, RidePay]], list[tuple[Ride, RidePay]]]]:
    found: dict[str, tuple[list[tuple[Ride, RidePay]], list[tuple[Ride, RidePay]]]] = defaultdict(lambda: ([], []))
    for number, paid in enumerate((then, now)):
        for one in paid:
            found[one[0].line or OFF_LINE][number].append(one)
    return dict(sorted(found.items()))


def _add_up(paid: Sequence[tuple[Ride, RidePay]]) -> Cost:
    return Cost(
        sum(pay.cents > 0 for _, pay in paid), sum(pay.cents for _, pay in paid), sum(pay.fares for _, pay in paid)
    )
