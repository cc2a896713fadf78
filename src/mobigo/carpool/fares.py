"""What a passenger pays: by the rule in force on the day of the run, else the price of a coach trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mobigo.carpool.model import Run
    from mobigo.carpool.policies import Rules

COACH = 150
"""Cents: a single ticket of the coaches, whatever the distance."""


def find_fare(rules: Rules, run: Run) -> int:
    """Return the cents for one seat and one trip in a run."""
    rule = None if run.line is None else rules.find_line_rule(run.line, run.service_date)
    return COACH if rule is None else rule.terms.fare
