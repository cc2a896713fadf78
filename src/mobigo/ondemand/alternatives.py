"""What else could be booked where a ride is gone: the same way with the same service, at other times."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mobigo.ondemand.supply import Offered, Want

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.ondemand.model import Offer
    from mobigo.ondemand.supply import Supply

MOST = 5
"""Alternatives that are named."""

FARTHEST = 3 * 3_600
"""Seconds by which they may be earlier or later, ..."""

STEP = 900
"""... looked for in steps of so many."""

STEPS = FARTHEST // STEP


def find_alternatives(supply: Supply, offer: Offer, now: int) -> list[Offered]:
    """Find rides instead of one that is gone, the nearest in time first; each can be booked now.

    They are pinned to no train: a journey with a train is better asked for anew.
    """
    found: dict[tuple[str, tuple[int, int]], Offered] = {}
    for one in _try(supply, offer, now):
        found.setdefault((one.offer.trip, one.offer.pickup), one)
        if len(found) == MOST:
            break
    return sorted(found.values(), key=lambda one: abs(one.offer.pickup[0] - offer.pickup[0]))


def _try(supply: Supply, offer: Offer, now: int) -> Iterator[Offered]:
    rides = [
        ride
        for ride in supply.catalogue.rides_between(offer.origin, offer.destination)
        if ride.service == offer.service
    ]
    want = Want(offer.origin, offer.destination, (0, 0), (0, 0), offer.party)
    for step in range(STEPS):
        for first in (offer.pickup[0] + step * STEP, offer.pickup[0] - (step + 1) * STEP):
            for ride in rides:
                one = supply.offer(ride, replace(want, pickup=(first, first + STEP - 1)), now)
                if isinstance(one, Offered) and one.offer.pickup != offer.pickup:
                    yield one
