"""How safe the changes of a journey are: what is left when one has got off, walked and done what transfers.txt asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mobigo.journeys.model import BOOKED_MODES, Change, Safety
from mobigo.ondemand.model import PinSide

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mobigo.journeys.model import Leg

TIGHT, FAIR = 120, 300
"""Seconds to spare below which a change is tight, and below which it is fair."""


def judge(legs: Iterable[Leg]) -> list[Leg]:
    """Say of each change between two vehicles what it needs, what is to spare, and how safe it is.

    The first vehicle is no change: when one leaves home is one's own affair.
    """
    judged: list[Leg] = []
    left: Leg | None = None
    walked = 0
    for leg in legs:
        if leg.trip_id is None and leg.mode not in BOOKED_MODES:
            walked += _seconds(leg.departure, leg.arrival)
            judged.append(leg)
            continue
        change = None if left is None or leg.stay_seated or left.canceled else _judge(left, leg, walked)
        judged.append(leg if change == leg.change else replace(leg, change=change))
        left, walked = leg, 0
    return judged


def find_riskiest(legs: Sequence[Leg]) -> int | None:
    """Find the leg that is boarded with least to spare; None where no change can go wrong."""
    spare = [
        (leg.change.spare, at)
        for at, leg in enumerate(legs)
        if leg.change is not None and leg.change.safety is not Safety.GUARANTEED
    ]
    return min(spare, default=(0, None))[1]


def _judge(left: Leg, leg: Leg, walked: int) -> Change:
    needed = max(walked, leg.least_change)
    spare = _seconds(left.arrival, leg.departure) - needed
    pin = leg.booking.pinned_to if leg.booking is not None else None
    if leg.guaranteed or (pin is not None and pin.side is PinSide.AFTER):
        return Change(needed, spare, Safety.GUARANTEED)
    if leg.missed:
        return Change(needed, spare, Safety.MISSED)
    return Change(needed, spare, Safety.TIGHT if spare < TIGHT else Safety.FAIR if spare < FAIR else Safety.SAFE)


def _seconds(first: datetime, last: datetime) -> int:
    return int((last - first).total_seconds())
