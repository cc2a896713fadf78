"""What else could be booked where a run has no place any more: other cars between the same two places, near in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from mobigo.carpool.meeting import Meeting
from mobigo.carpool.search import Asked, find_between
from mobigo.carpool.supply import Place

if TYPE_CHECKING:
    from datetime import datetime

    from mobigo.carpool.plan import Spot
    from mobigo.carpool.search import Option
    from mobigo.carpool.supply import Garage
    from mobigo.carpool.wanting import PlacesGone

MOST = 5
"""Alternatives that are named."""

FARTHEST = timedelta(hours=3)
"""By which they may be earlier or later."""


def find_alternatives(garage: Garage, gone: PlacesGone, avoid: frozenset[str], now: datetime) -> list[Option]:
    """Find cars instead of one that is full, the nearest in time first; each has a place now."""
    board, alight = _meet(gone, gone.wanted.board), _meet(gone, gone.wanted.alight)
    wished = _wished(gone)
    first = max(now, wished - FARTHEST)
    asked = Asked(
        Place(board.name, board.point),
        Place(alight.name, alight.point),
        int(first.timestamp()),
        within=max(0, int((wished + FARTHEST - first).total_seconds())),
        seats=gone.wanted.seats,
    )
    second = int(now.timestamp())
    found = find_between(garage, ([board], [alight]), asked, now=second, avoid=avoid)
    others = [one for one in found if one.offer.run != gone.run.id]
    return sorted(others, key=lambda one: abs(one.offer.board_at - wished.timestamp()))[:MOST]


def _meet(gone: PlacesGone, end: int | Spot) -> Meeting:
    """Return the place that is meant."""
    if isinstance(end, int):
        stop = next(stop for stop in gone.run.stops if stop.id == end)
        return Meeting(stop.name, stop.point, 0)
    return Meeting(end.name, end.point, 0)


def _wished(gone: PlacesGone) -> datetime:
    """Return about when they would have been picked up."""
    stops = gone.run.stops
    at = next((stop.planned_at for stop in stops if stop.id == gone.wanted.board), None)
    return at or gone.wanted.ready_at or stops[0].planned_at
