"""What a ride on a shared vehicle is expected to cost, by the pricing plan of GBFS that holds for it."""

from __future__ import annotations

import json
import math
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.kit.units import Cents

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = Decimal(10_000)
"""Of the currency: a price beyond it is none."""


class Plan(NamedTuple):
    """A plan as far as it is told."""

    name: str
    description: str
    currency: str
    url: str | None
    estimate: Cents | None
    """Of this ride; None: the plan cannot be reckoned with."""
    taxed_later: bool
    """Taxes come on top."""


def tell_plan(written: str, seconds: int, metres: float) -> Plan:
    """Tell a plan, as `SharedFleet.plans` has it, and what a ride costs by it."""
    plan = json.loads(written)
    url = plan["url"]
    estimate = estimate_ride(plan, seconds, metres)
    return Plan(plan["name"], plan["description"], plan["currency"], url, estimate, bool(plan["taxed_later"]))


def estimate_ride(plan: Mapping[str, Any], seconds: int, metres: float) -> Cents | None:
    """Reckon what a ride costs: the price of the plan, and each part of it that the ride comes into.

    A part (``per_min_pricing``, ``per_km_pricing``) begins at ``start``, both included, ends before ``end``, and
    charges its rate once, or with an ``interval`` each time one begins.

    Returns
    -------
    Cents or None
        None where the plan has no price, or a part cannot be read.
    """
    try:
        total = Decimal(str(plan["price"]))
        for key, travelled in (("per_min_pricing", Decimal(seconds) / 60), ("per_km_pricing", Decimal(metres) / 1000)):
            for part in plan.get(key) or ():
                total += _charge(part, travelled)
        if not 0 <= total <= MOST:
            return None
        return Cents(int((total * 100).to_integral_value(ROUND_HALF_UP)))
    except (ArithmeticError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _charge(part: Mapping[str, Any], travelled: Decimal) -> Decimal:
    start, interval = Decimal(str(part["start"])), Decimal(str(part.get("interval", 0)))
    end = part.get("end")
    until = travelled if end is None else min(travelled, Decimal(str(end)))
    if until < start or (end is not None and until == start):
        return Decimal(0)
    begun = 1 if interval <= 0 else max(1, math.ceil((until - start) / interval))
    return Decimal(str(part["rate"])) * begun
