"""Revenue shared between operators: by rules with a date, rounded so that the shares add up exactly.

==============  ====================================================  ==========================================
rule            of what was bought for known rides                    of passes
==============  ====================================================  ==========================================
usage           rides of each operator                                validations on each operator's vehicles
kilometres      metres of their rides                                 metres of validated rides
stand_alone     what their rides would cost alone                     validations times the rule's cents a ride
fixed           the rule's keys                                       the rule's keys
==============  ====================================================  ==========================================

Where a measure is nought for everybody the next coarser one counts (metres and prices: rides), and where nothing is
known of use at all the rule's keys, or else the region's own account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from mobigo.ticketing.revenue_store import ShareRule

REGION = "region"
"""Operator whose revenue stays with who sells."""

RIDES, METRES, ALONE = 0, 1, 2
"""Places in what is known of an operator's rides."""


class Basis(StrEnum):
    """By what revenue is shared."""

    USAGE = "usage"
    KILOMETRES = "kilometres"
    FIXED = "fixed"
    STAND_ALONE = "stand_alone"


@dataclass(frozen=True)
class Used:
    """What an operator's vehicles were used for with a product."""

    rides: int
    metres: int


def share(cents: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Divide cents by weights, by largest remainders: the shares add up exactly.

    Parameters
    ----------
    cents : int
        Below zero: taken back.
    weights : mapping
        By operator; not below zero, and not all zero.

    Returns
    -------
    dict
        Each within a cent of its exact part; of equal remainders the heavier operator has the cent, then by name.
    """
    total = sum(weights.values())
    if total <= 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError(f"weights {dict(weights)} share nothing")
    sign = -1 if cents < 0 else 1
    whole = {one: divmod(abs(cents) * weight, total) for one, weight in weights.items()}
    left = abs(cents) - sum(part for part, _ in whole.values())
    order = sorted(weights, key=lambda one: (-whole[one][1], -weights[one], one))
    more = set(order[:left])
    return {one: sign * (whole[one][0] + (one in more)) for one in sorted(weights)}


def find_rule(rules: Sequence[ShareRule], product: str, day: date) -> ShareRule | None:
    """Find the rule of a product on a day: its own before that of all, the latest before older ones."""
    valid = [one for one in rules if one.since <= day and one.product in {None, product}]
    return max(valid, key=lambda one: (one.product is not None, one.since, one.id), default=None)


def weigh(
    rule: ShareRule | None, split: Mapping[str, Sequence[int]], used: Mapping[str, Used]
) -> tuple[Basis, dict[str, int]]:
    """Return by what a product's revenue is shared, and how much each operator counts.

    Parameters
    ----------
    split : mapping
        By operator: rides, metres and stand-alone cents of the rides it was bought for; empty of passes.
    used : mapping
        By operator: what validations say of the product.
    """
    basis = Basis.USAGE if rule is None else Basis(rule.basis)
    keys = {} if rule is None else {one: part for one, part in rule.keys.items() if part > 0}
    if basis is Basis.FIXED:
        return basis, keys or {REGION: 1}
    place = {Basis.USAGE: RIDES, Basis.KILOMETRES: METRES, Basis.STAND_ALONE: ALONE}[basis]
    if split:
        for column in (place, RIDES):
            weights = {one: values[column] for one, values in split.items() if values[column] > 0}
            if weights:
                return (basis if column == place else Basis.USAGE), weights
    rides = {one: use.rides for one, use in used.items() if use.rides > 0}
    if basis is Basis.KILOMETRES:
        metres = {one: use.metres for one, use in used.items() if use.metres > 0}
        if metres:
            return basis, metres
    if basis is Basis.STAND_ALONE:
        priced = {one: number * keys.get(one, 0) for one, number in rides.items() if keys.get(one, 0) > 0}
        if priced:
            return basis, priced
    if rides:
        return Basis.USAGE, rides
    return Basis.FIXED, keys or {REGION: 1}
