"""Best price: whoever pays ride by ride never pays more than for any products that could have been bought.

A day's rides can be paid in several ways, each with what it needs: nothing, a day ticket, a month pass, rides of a
carnet. `settle` finds the cheapest purchases over all days so far, exactly, as if everything had been known before. Its
sum never falls when a day comes on top, so what is owed for a day is what it rises by: every day's charge is lawful at
once, and at any moment the sum of the charges is the best price.

It needs no places and no hours: what is kept of a day is its ways (`Day`), what is kept of long ago is what a cheapest
traveller would still hold (`Label` without its past).
"""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import combinations, product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MOST_OFFERS = 7
"""Offers that are combined for one day; of more that would help, those that help most by themselves."""


class Window(StrEnum):
    """On which transport days a product is valid that is first used on one."""

    DAYS = "days"
    """That day and those after it, `Offer.length` in all."""
    WEEKS = "weeks"
    """From Monday to Sunday."""
    MONTHS = "months"
    """Calendar months."""
    YEARS = "years"
    """Calendar years."""
    ROLLING_MONTHS = "rolling_months"
    """From that day to the day before the same one of a later month."""


@dataclass(frozen=True)
class Offer:
    """A product that could have been bought."""

    key: str
    """The same for whatever is the same on all days: product, catalogue's version, what was chosen."""
    cents: int
    window: Window
    length: int = 1
    rides: int | None = None
    """Of a carnet; None: as many as one likes."""
    first: date = date.min
    """From which day it is sold."""
    last: date = date.max

    def until(self, day: date) -> date:
        """Return the last day of what is first used on a day."""
        if self.window is Window.DAYS:
            return day + timedelta(days=self.length - 1)
        if self.window is Window.WEEKS:
            return day + timedelta(days=7 * self.length - 1 - day.weekday())
        if self.window is Window.YEARS:
            return date(day.year + self.length - 1, 12, 31)
        months = day.year * 12 + day.month - 1 + self.length
        if self.window is Window.MONTHS:
            return date(months // 12, months % 12 + 1, 1) - timedelta(days=1)
        year, month = months // 12, months % 12 + 1
        return date(year, month, min(day.day, monthrange(year, month)[1])) - timedelta(days=1)


@dataclass(frozen=True)
class Way:
    """One way to pay for the rides of a day."""

    cents: int
    """Beside what it needs."""
    needs: tuple[tuple[str, int], ...] = ()
    """Keys of offers, sorted, and how many rides of each are used up: 0 where they are not counted."""


@dataclass(frozen=True)
class Day:
    """What is kept of the rides of a transport day: no place, no hour."""

    day: date
    ways: tuple[Way, ...]
    """The first needs nothing."""


@dataclass(frozen=True, order=True)
class Item:
    """A product that a cheapest traveller would hold."""

    key: str
    until: date
    left: int | None = None
    """Rides of a carnet."""


@dataclass(frozen=True)
class Step:
    """What a cheapest traveller did on a day."""

    day: date
    bought: tuple[str, ...]
    way: Way
    before: Step | None = None


@dataclass(frozen=True)
class Label:
    """One way to have paid for all days so far, and what is still held of it."""

    cents: int
    items: tuple[Item, ...] = ()
    past: Step | None = None

    def list_steps(self) -> list[Step]:
        """List what was done, oldest first; as far back as it is known."""
        steps = []
        step = self.past
        while step is not None:
            steps.append(step)
            step = step.before
        return steps[::-1]


START = (Label(0),)
"""Before the first day."""


def settle(labels: Sequence[Label], days: Iterable[Day], offers: Mapping[str, Offer]) -> tuple[Label, ...]:
    """Pay for more days, in every way that may turn out cheapest; the first label is the cheapest so far.

    Parameters
    ----------
    labels : sequence
        After the days before: `START`, what this returned, or what `carry` made of it.
    days : iterable
        In order, all after those before.
    offers : mapping
        Every offer that a way or a label names, by its key.

    Notes
    -----
    Exact: nothing is gained by buying before the first use, as no window ends later for being begun earlier. A label is
    dropped where another one, after buying what it lacks of the first, has paid no more.
    """
    for day in days:
        grown = [_pay(label, way, day.day, offers) for label in labels for way in day.ways]
        labels = _undominated([one for one in grown if one is not None], day.day, offers)
    return tuple(labels)


def carry(labels: Sequence[Label], day: date) -> tuple[Label, ...]:
    """Forget how labels came about: kept is what is held after a day, and how much more than the cheapest was paid.

    What follows rises by the same amounts as before, so charges go on as if nothing had been forgotten.
    """
    least = min(label.cents for label in labels)
    kept: dict[tuple[Item, ...], int] = {}
    for label in labels:
        items = tuple(item for item in label.items if item.until > day)
        kept[items] = min(kept.get(items, label.cents - least), label.cents - least)
    return tuple(sorted((Label(cents, items) for items, cents in kept.items()), key=lambda one: (one.cents, one.items)))


def find_ways(rides: int, cost: Callable[[Mapping[str, int | None]], int], offers: Sequence[Offer]) -> tuple[Way, ...]:
    """List the ways to pay for a day that may ever be the cheapest.

    Parameters
    ----------
    rides : int
        Of that day.
    cost : callable
        What the day costs to whoever holds offers: keys with the rides left of each (None: not counted). Never more
        for holding more.
    offers : sequence
        Those that cover or cheapen at least one of the rides.
    """
    base = Way(cost({}))
    single = {offer.key: cost({offer.key: offer.rides}) for offer in offers}
    useful = sorted(offers, key=lambda one: (single[one.key], one.cents, one.key))[:MOST_OFFERS]
    ways = [base]
    for size in range(1, len(useful) + 1):
        for chosen in combinations(sorted(useful, key=lambda one: one.key), size):
            if not _may_help(ways, {offer.key for offer in chosen}):
                continue
            counts = [(None,) if offer.rides is None else range(1, min(rides, offer.rides) + 1) for offer in chosen]
            for left in product(*counts):
                needs = tuple((offer.key, count or 0) for offer, count in zip(chosen, left, strict=True))
                cents = cost({offer.key: count for offer, count in zip(chosen, left, strict=True)})
                if cents < min(way.cents for way in ways if _is_within(way.needs, needs)):
                    ways.append(Way(cents, needs))
    return tuple(ways)


def _may_help(ways: Sequence[Way], keys: set[str]) -> bool:
    """Tell whether more than the ways with some of these offers may be gained: one that costs nothing ends it."""
    return not any(
        way.cents == 0 and not any(uses for _, uses in way.needs) and {key for key, _ in way.needs} <= keys
        for way in ways
    )


def _is_within(less: tuple[tuple[str, int], ...], more: tuple[tuple[str, int], ...]) -> bool:
    there = dict(more)
    return all(key in there and uses <= there[key] for key, uses in less)


def _pay(label: Label, way: Way, day: date, offers: Mapping[str, Offer]) -> Label | None:
    """Pay for a day in a way, buying what is not held; None where that was not sold."""
    items = [item for item in label.items if item.until >= day]
    cents, bought = label.cents + way.cents, []
    for key, uses in way.needs:
        offer = offers[key]
        missing = _use(items, key, uses) if offer.rides is not None else not any(item.key == key for item in items)
        if not missing:
            continue
        if not offer.first <= day <= offer.last:
            return None
        count = -(-missing // (offer.rides or 1))
        cents += count * offer.cents
        bought += [key] * count
        left = None if offer.rides is None else count * offer.rides - missing
        if left is None or left > 0:
            items.append(Item(key, offer.until(day), left))
    return Label(cents, tuple(sorted(items, key=_order)), Step(day, tuple(bought), way, label.past))


def _use(items: list[Item], key: str, uses: int) -> int:
    """Take rides from carnets, those first that end first; return how many are missing."""
    for item in sorted((one for one in items if one.key == key), key=_order):
        assert item.left is not None
        taken = min(item.left, uses)
        uses -= taken
        items.remove(item)
        if item.left > taken:
            items.append(replace(item, left=item.left - taken))
        if not uses:
            break
    return uses


def _order(item: Item) -> tuple[str, date, int]:
    return item.key, item.until, item.left or 0


def _undominated(labels: Sequence[Label], day: date, offers: Mapping[str, Offer]) -> list[Label]:
    kept: list[Label] = []
    for label in sorted(labels, key=lambda one: (one.cents, -len(one.items))):
        if not any(_dominates(other, label, day, offers) for other in kept):
            kept.append(label)
    return kept


def _dominates(one: Label, other: Label, day: date, offers: Mapping[str, Offer]) -> bool:
    """Tell whether a label, buying what it lacks of another, has paid no more: then the other is never the cheapest."""
    held: dict[str, list[Item]] = defaultdict(list)
    for item in one.items:
        held[item.key].append(item)
    wanted: dict[str, list[Item]] = defaultdict(list)
    for item in other.items:
        if item.until > day:
            wanted[item.key].append(item)
    cents = one.cents
    for key, items in wanted.items():
        lacking = _count_lacking(held[key], items)
        if not lacking:
            continue
        offer = offers[key]
        if offer.last < max(item.until for item in items):
            return False  # no longer sold when it is needed
        cents += offer.cents * -(-lacking // (offer.rides or 1))
        if cents > other.cents:
            return False
    return cents <= other.cents


def _count_lacking(held: Sequence[Item], wanted: Sequence[Item]) -> int:
    """Count the rides that are lacking at some moment; of what is not counted, 1 where it is lacking."""
    if wanted[0].left is None:
        return int(max((item.until for item in held), default=date.min) < max(item.until for item in wanted))
    return max(
        0,
        *(
            sum(item.left or 0 for item in wanted if item.until >= until)
            - sum(item.left or 0 for item in held if item.until >= until)
            for until in {item.until for item in wanted}
        ),
    )
