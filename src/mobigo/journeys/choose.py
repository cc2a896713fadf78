"""From all journeys that nothing beats to the few that are worth describing.

Nothing is lost: who is left out is named, and why. A journey that gains a minute by one more change is hardly better
than the one without; of many departures of one way the first few stand for all; of many ways those come first that
are best at something.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.journeys.model import Left
from mobigo.transit.model import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

CHANGE_WORTH = 120
"""Seconds that one more change must gain."""

HOP_WORTH = 180
"""Seconds that a ride must gain besides which is no longer than a walk."""

WALKING_WEIGHT = 4
"""So many seconds more on foot are as bad as one second later."""

MOST_OF_A_WAY = 3
"""Departures of one way that are described where there are too many journeys."""

HARDLY_CHEAPER = 60
"""Difference of the criterion asked for, in its unit, below which nobody takes a slower journey for it."""

HARDLY_CHEAPER_SHARE = 0.1
"""Likewise, as a share."""

BLOCK = 256
"""Journeys compared with all others at once."""


class Traits(NamedTuple):
    """What speaks for and against a journey."""

    departure: int
    """Seconds since 1970 UTC."""
    arrival: int
    transfers: int
    walking: int
    """Seconds on foot."""
    hops: int
    """Rides that are no longer than a walk."""
    burden: int
    """Seconds that count against it besides: lines to avoid, what is unknown about wheelchairs, or the whole cost."""
    cost: int
    """Of the criterion asked for; 0 without one."""
    way: Hashable
    """Which lines, between which stations, and how one gets to the first."""


@dataclass(frozen=True)
class Chosen:
    """Indices of journeys."""

    kept: tuple[int, ...]
    left: tuple[tuple[int, Left, int | None], ...]
    """Journey, why it is left out, and the kept one that is like it or better, or `WALKING`."""


WALKING = -1
"""Index of walking all the way."""


def choose(
    journeys: Sequence[Traits],
    most: int,
    direction: Direction,
    must: frozenset[int] = frozenset(),
    walk: int | None = None,
) -> Chosen:
    """Choose at most so many journeys (more where more must be kept), and say why each other one is left out.

    Parameters
    ----------
    walk : int, optional
        Seconds of walking all the way, where that is no burden.
    """
    walked = {index for index, one in enumerate(journeys) if index not in must and _is_better_walked(one, walk)}
    replaced = find_replaced(journeys, must, walked)
    rest = [index for index in range(len(journeys)) if index not in replaced]
    kept = _fold(journeys, rest, most, direction, must)
    left = [(index, Left.HARDLY_BETTER, by if by in kept or by == WALKING else None) for index, by in replaced.items()]
    first_of: dict[Hashable, int] = {}
    for index in sorted(kept, key=lambda index: journeys[index].departure):
        first_of.setdefault(journeys[index].way, index)
    for index in rest:
        if index not in kept:
            like = first_of.get(journeys[index].way)
            left.append((index, Left.WORSE if like is None else Left.SAME_WAY, like))
    return Chosen(tuple(sorted(kept)), tuple(sorted(left, key=lambda one: one[0])))


def _is_better_walked(one: Traits, walk: int | None) -> bool:
    """Tell whether a journey is one short ride instead of a short walk."""
    if walk is None or one.transfers or not one.hops:
        return False
    return walk <= one.arrival - one.departure + CHANGE_WORTH + HOP_WORTH


def find_replaced(
    journeys: Sequence[Traits], must: frozenset[int] = frozenset(), walked: Collection[int] = ()
) -> dict[int, int]:
    """Find the journeys that hardly gain anything over another one, or over walking, and which one that is."""
    replaced: dict[int, int] = dict.fromkeys(walked, WALKING)
    order = sorted(
        (index for index in range(len(journeys)) if index not in replaced),
        key=lambda index: (_trouble(journeys[index]), journeys[index].cost, index),
    )
    table = _tabulate(journeys[index] for index in order)
    kept = table.trouble == min(table.trouble, default=0)  # these nobody serves
    rows = np.flatnonzero(~kept)
    for row, serves in zip(rows.tolist(), _in_blocks(table, _serve, rows), strict=True):
        by = np.flatnonzero(serves & kept)
        if len(by) and order[row] not in must:
            replaced[order[row]] = order[by[0]]
        else:
            kept[row] = True
    if len(set(table.cost[kept].tolist())) > 1:
        _drop_hardly_cheaper(table, kept, order, must, replaced)
    return {index: _final(replaced, by) for index, by in replaced.items()}


def _drop_hardly_cheaper(
    table: _Table, kept: NDArray[np.bool_], order: Sequence[int], must: frozenset[int], replaced: dict[int, int]
) -> None:
    """Leave out those to which another is as good in all but the criterion, the dearest first."""
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(-table.cost[rows], kind="stable")]
    for row, likes in zip(rows.tolist(), _in_blocks(table, _is_as_cheap, rows), strict=True):
        by = np.flatnonzero(likes & kept)
        if len(by) and order[row] not in must:
            kept[row] = False
            replaced[order[row]] = order[by[0]]


def _final(replaced: dict[int, int], by: int) -> int:
    while by in replaced:
        by = replaced[by]
    return by


def _trouble(one: Traits) -> int:
    """Seconds that a journey is worse than its times say."""
    return CHANGE_WORTH * one.transfers + HOP_WORTH * one.hops + one.burden


class _Table(NamedTuple):
    """Traits of many journeys, one array each, int64[n] (as one column: int64[m, 1])."""

    departure: NDArray[np.int64]
    arrival: NDArray[np.int64]
    transfers: NDArray[np.int64]
    walking: NDArray[np.int64]
    cost: NDArray[np.int64]
    trouble: NDArray[np.int64]


def _tabulate(journeys: Iterable[Traits]) -> _Table:
    rows = [(j.departure, j.arrival, j.transfers, j.walking, j.cost, _trouble(j)) for j in journeys]
    return _Table(*np.array(rows, np.int64).reshape(len(rows), len(_Table._fields)).T)


def _in_blocks(
    table: _Table, compare: Callable[[_Table, _Table], NDArray[np.bool_]], rows: NDArray[np.intp]
) -> Iterator[NDArray[np.bool_]]:
    """Compare all journeys with each one of these rows, in their order; some rows at a time, to spare memory."""
    for first in range(0, len(rows), BLOCK):
        block = rows[first : first + BLOCK]
        yield from compare(table, _Table(*(column[block, None] for column in table)))


def _serve(other: _Table, one: _Table) -> NDArray[np.bool_]:
    """Tell whether nobody misses a journey who has another one: it costs less time than it spares trouble."""
    later = np.maximum(0, other.arrival - one.arrival) + np.maximum(0, one.departure - other.departure)
    later += np.maximum(0, other.walking - one.walking) // WALKING_WEIGHT
    served: NDArray[np.bool_] = (later <= one.trouble - other.trouble) & (one.trouble > other.trouble)
    return served


def _is_as_cheap(other: _Table, one: _Table) -> NDArray[np.bool_]:
    """Tell whether a journey is at least as good in all but the criterion, and as good as equal in that."""
    enough = one.cost + np.maximum(HARDLY_CHEAPER, np.round(HARDLY_CHEAPER_SHARE * one.cost).astype(np.int64))
    return (
        (other.departure >= one.departure)
        & (other.arrival <= one.arrival)
        & (other.transfers <= one.transfers)
        & (one.cost < other.cost)
        & (other.cost <= enough)
    )


def _fold(
    journeys: Sequence[Traits], rest: list[int], most: int, direction: Direction, must: frozenset[int]
) -> set[int]:
    """Keep the best at anything, then every way once before any way twice, those nearest in time first."""
    if len(rest) <= most:
        return set(rest)

    def nearness(index: int) -> int:
        return journeys[index].departure if direction is Direction.DEPART else -journeys[index].arrival

    near = sorted(rest, key=nearness)
    kept = {index for index in rest if index in must} | _best(journeys, near, direction)
    seen: Counter[Hashable] = Counter()
    rank = {}
    for index in near:
        rank[index] = seen[journeys[index].way]
        seen[journeys[index].way] += 1
    for index in sorted(rest, key=lambda index: (rank[index], nearness(index))):
        if len(kept) >= most or rank[index] >= MOST_OF_A_WAY:
            break
        kept.add(index)
    return kept


def _best(journeys: Sequence[Traits], rest: list[int], direction: Direction) -> set[int]:
    """Find those that are best at something: first or last, quickest, fewest changes, least walking, cheapest.

    Of equals the first of the list.
    """

    def lasting(index: int) -> int:
        return journeys[index].arrival - journeys[index].departure

    def first(index: int) -> int:
        return journeys[index].arrival if direction is Direction.DEPART else -journeys[index].departure

    keys = (
        lambda index: (first(index), journeys[index].transfers),
        lambda index: (lasting(index), journeys[index].transfers),
        lambda index: (journeys[index].transfers, lasting(index)),
        lambda index: (journeys[index].walking, lasting(index)),
        lambda index: (journeys[index].cost, lasting(index)),
    )
    return {min(rest, key=key) for key in keys}
