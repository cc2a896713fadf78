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
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MOST_OFFERS = 8
"""Kinds of offers that are combined for one day; of more that would help, those that help most by themselves."""


LONG = 183
"""Days: half a year."""


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
    ends: date | None = None
    """Last day, where it does not hang on the first use: of a season."""
    covers: str = ""
    """The same for all offers that do the same for every ride; empty: none other does."""
    worth: int | None = None
    """Of a carnet: what one of its rides saves at most, cents; None: not known."""
    since: datetime | None = None
    till: datetime | None = None
    """Of what is counted in hours: the instants between which it holds."""

    @property
    def group(self) -> str:
        """What tells offers apart that do not do the same."""
        return self.covers or self.key

    def until(self, day: date) -> date:
        """Return the last day of what is first used on a day.

        What is valid for more than half a year is taken to last to the end of the month that it ends in: to the
        traveller's favour, and one does not have to tell apart on which day it was bought.
        """
        last = self._until(day)
        if (last - day).days <= LONG:
            return last
        return date(last.year + last.month // 12, last.month % 12 + 1, 1) - timedelta(days=1)

    def _until(self, day: date) -> date:
        if self.ends is not None:
            return self.ends
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
    needs: tuple[tuple[tuple[str, ...], int], ...] = ()
    """Keys of offers, any one of which will do, and how many rides of it are used up: 0 where they are not counted."""


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
        ready = [_Ready(way, [_get_ready(keys, uses, offers, day.day) for keys, uses in way.needs]) for way in day.ways]
        grown = [one for label in labels for way in ready for one in _pay(label, way, day.day, offers)]
        labels = _undominated(grown, day.day, offers)
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


class Alike(NamedTuple):
    """Offers that do the same for the rides of a day."""

    keys: tuple[str, ...]
    rides: int | None
    """Of a carnet, which is alone."""
    alone: tuple[int, ...]
    """What each ride would cost by itself to who holds one, cents."""


def find_ways(
    base: tuple[int, ...], cost: Callable[[Sequence[tuple[Alike, int | None]]], int], offers: Sequence[Alike]
) -> tuple[Way, ...]:
    """List the ways to pay for a day that may ever be the cheapest.

    Parameters
    ----------
    base : tuple of int
        What each ride costs by itself to who holds nothing, cents.
    cost : callable
        What the day costs to who holds some offers, with the rides left of each (None: not counted). Never more for
        holding more.
    """
    helping = [one for one in offers if any(cents < alone for cents, alone in zip(one.alone, base, strict=True))]
    useful = sorted(helping, key=lambda one: (sum(one.alone), one.keys))[:MOST_OFFERS]
    ways = [Way(cost(()))]
    for size in range(1, len(useful) + 1):
        for chosen in combinations(useful, size):
            if any(_is_idle(one, other) for one in chosen for other in chosen if one is not other):
                continue
            counts = [(None,) if one.rides is None else range(1, min(len(base), one.rides) + 1) for one in chosen]
            for left in product(*counts):
                needs = tuple(sorted((one.keys, count or 0) for one, count in zip(chosen, left, strict=True)))
                cents = cost(tuple(zip(chosen, left, strict=True)))
                if cents < min(way.cents for way in ways if _is_within(way.needs, needs)):
                    ways.append(Way(cents, needs))
    return tuple(ways)


def _is_idle(one: Alike, other: Alike) -> bool:
    """Tell whether an offer does nothing beside another one that does as much for every ride."""
    return other.rides is None and all(b <= a for a, b in zip(one.alone, other.alone, strict=True))


def _is_within(less: tuple[tuple[tuple[str, ...], int], ...], more: tuple[tuple[tuple[str, ...], int], ...]) -> bool:
    there = dict(more)
    return all(key in there and uses <= there[key] for key, uses in less)


class _Need(NamedTuple):
    """Something that a way needs, with what of it can be bought that day."""

    groups: frozenset[str]
    uses: int
    choices: list[tuple[Offer, date]]
    """And until when each would last."""


class _Ready(NamedTuple):
    """A way, made ready for a day."""

    way: Way
    needs: list[_Need]


def _get_ready(keys: Sequence[str], uses: int, offers: Mapping[str, Offer], day: date) -> _Need:
    """List of a need those offers that none beats which does the same, costs no more and lasts as long."""
    chosen: list[tuple[Offer, date]] = []
    known = [(offers[key], offers[key].until(day)) for key in keys]
    for offer, until in sorted(known, key=lambda one: (one[0].cents, -one[1].toordinal())):
        sold = uses or offer.first <= day <= offer.last
        if sold and not any(one.group == offer.group and end >= until for one, end in chosen):
            chosen.append((offer, until))
    return _Need(frozenset(offer.group for offer, _ in known), uses, chosen)


def _pay(label: Label, ready: _Ready, day: date, offers: Mapping[str, Offer]) -> list[Label]:
    """Pay for a day in a way, buying what is not held: in each way that it can be bought."""
    items = tuple(item for item in label.items if item.until >= day)
    found = [_Buying(label.cents + ready.way.cents, items, ())]
    groups = {offers[item.key].group for item in items if item.left is None}
    for need in ready.needs:
        if need.uses or groups.isdisjoint(need.groups):
            found = [
                after
                for one in found
                for offer, until in need.choices
                for after in _buy(one, offer, until, need.uses, day)
            ]
    return [
        Label(one.cents, tuple(sorted(one.items, key=_order)), Step(day, one.bought, ready.way, label.past))
        for one in found
    ]


class _Buying(NamedTuple):
    """Somebody who is buying."""

    cents: int
    items: tuple[Item, ...]
    bought: tuple[str, ...]


def _buy(one: _Buying, offer: Offer, until: date, uses: int, day: date) -> list[_Buying]:
    """Buy as many of an offer as are missing; nothing where it is not sold."""
    items = list(one.items)
    missing = _use(items, offer.key, uses) if offer.rides is not None else 1
    if not missing:
        return [_Buying(one.cents, tuple(items), one.bought)]
    if not offer.first <= day <= offer.last:
        return []
    count = -(-missing // (offer.rides or 1))
    left = None if offer.rides is None else count * offer.rides - missing
    if left is None or left > 0:
        items.append(Item(offer.key, until, left))
    return [_Buying(one.cents + count * offer.cents, tuple(items), one.bought + (offer.key,) * count)]


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


class _Wealth(NamedTuple):
    """What a label holds after a day, by what it does."""

    cents: int
    lasting: dict[str, tuple[date, Offer]]
    """By group: until when, and what it was bought as."""
    counted: dict[str, list[Item]]
    """Carnets, by key."""


def _undominated(labels: Sequence[Label], day: date, offers: Mapping[str, Offer]) -> list[Label]:
    """Drop labels that can never become the cheapest: another one, after buying what it lacks, has paid no more."""
    kept: list[tuple[Label, _Wealth]] = []
    seen: set[tuple[Item, ...]] = set()
    for label in sorted(labels, key=lambda one: (one.cents, -len(one.items))):
        if label.items in seen:
            continue  # the same was held for no more
        seen.add(label.items)
        wealth = _value(label, day, offers)
        if not any(_dominates(other, wealth, offers) for _, other in kept):
            kept.append((label, wealth))
    return [label for label, _ in kept]


def _value(label: Label, day: date, offers: Mapping[str, Offer]) -> _Wealth:
    lasting: dict[str, tuple[date, Offer]] = {}
    counted: dict[str, list[Item]] = defaultdict(list)
    for item in label.items:
        if item.until <= day:
            continue
        offer = offers[item.key]
        if item.left is not None:
            counted[item.key].append(item)
        elif offer.group not in lasting or lasting[offer.group][0] < item.until:
            lasting[offer.group] = item.until, offer
    return _Wealth(label.cents, lasting, counted)


def _dominates(one: _Wealth, other: _Wealth, offers: Mapping[str, Offer]) -> bool:
    cents = one.cents
    for group, (until, offer) in other.lasting.items():
        there = one.lasting.get(group)
        if there is None or there[0] < until:
            if offer.last < until:
                return False  # no longer sold when it is needed
            cents += offer.cents
            if cents > other.cents:
                return False
    for key, items in other.counted.items():
        lacking = _count_lacking(one.counted.get(key, ()), items)
        if lacking:
            offer = offers[key]
            anew = offer.cents * -(-lacking // (offer.rides or 1)) if offer.last >= items[-1].until else None
            rather = offer.worth * lacking if offer.worth is not None else None
            least = min((one for one in (anew, rather) if one is not None), default=None)
            if least is None or cents + least > other.cents:
                return False
            cents += least
    return True


def _count_lacking(held: Sequence[Item], wanted: Sequence[Item]) -> int:
    """Count the rides of carnets that are lacking at some moment."""
    return max(
        0,
        *(
            sum(item.left or 0 for item in wanted if item.until >= until)
            - sum(item.left or 0 for item in held if item.until >= until)
            for until in {item.until for item in wanted}
        ),
    )
