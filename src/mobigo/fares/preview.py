"""What changes for whom when a version of the catalogue takes the place of another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import Catalogue
from mobigo.fares.model import Fellow
from mobigo.fares.price import price
from mobigo.fares.pricebook import open_book
from mobigo.fares.samples import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mobigo.fares.catalogue import Product
    from mobigo.fares.pricebook import PriceBook
    from mobigo.fares.samples import Sample

DISTANCES = (5_000, 20_000, 50_000, 100_000, 200_000)
"""Metres that prices by distance are compared at."""

MOST_PRICED, LEAST = 2_000, 40
"""Sample journeys times categories; and at least so many journeys."""

PARTS = (
    "operators", "networks", "areas", "categories", "media", "days", "timeframes", "scales", "after_sales",
    "reductions", "caps", "sales_points",
)  # fmt: skip
RULES = ("legs", "joins", "transfers", "throughs")


class Change(StrEnum):
    """What becomes of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class PriceChange:
    """What somebody pays for a product before and after; None: it is not for them."""

    category: str | None
    medium: str | None
    metres: int | None
    """Of a price by distance."""
    before: int | None
    after: int | None


@dataclass(frozen=True)
class ProductChange:
    """What changes about a product."""

    product: str
    change: Change
    what: tuple[str, ...]
    """Members of it that differ, besides its prices."""
    prices: tuple[PriceChange, ...]


@dataclass(frozen=True)
class PartChange:
    """What else changes: ids by what becomes of them; of rules, how many."""

    part: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True)
class JourneyChange:
    """What a journey costs before and after; None: it has no price, or not a whole one."""

    name: str
    category: str
    before: int | None
    after: int | None


class Effect(StrEnum):
    """What a change does to the price of a journey."""

    SAME = "same"
    DEARER = "dearer"
    CHEAPER = "cheaper"
    PRICED = "priced"
    """It had no price before."""
    LOST = "lost"
    """It has no price any more."""
    NONE = "none"
    """It has none before nor after."""


@dataclass(frozen=True)
class Preview:
    """What changes for whom."""

    products: tuple[ProductChange, ...]
    parts: tuple[PartChange, ...]
    effects: dict[str, dict[Effect, int]]
    """Sample journeys by category of traveller and by what becomes of their price; not those of which neither version
    knows any ride."""
    journeys: tuple[JourneyChange, ...]
    """Those whose price changes, the largest change first."""


def count_samples(after: Catalogue) -> int:
    """Return how many sample journeys can be priced for all categories while somebody waits."""
    return min(MOST, max(LEAST, MOST_PRICED // max(1, len(after.categories))))


def preview(before: Catalogue | None, after: Catalogue, samples: Sequence[Sample]) -> Preview:
    """Compare two versions: prices by product and category, everything else by id, and what journeys cost.

    Parameters
    ----------
    before : Catalogue, optional
        What is in force when the other begins; None: nothing is.
    """
    old = before or Catalogue(after.id, 0, after.name, after.valid_from, after.currency, after.timezone)
    journeys = list(_compare_journeys(open_book(old), open_book(after), samples))
    effects: dict[str, Counter[Effect]] = {}
    for one in journeys:
        effects.setdefault(one.category, Counter())[_effect(one)] += 1
    changed = [one for one in journeys if one.before != one.after]
    return Preview(
        products=tuple(_compare_products(old, after)),
        parts=tuple(_compare_parts(old, after)),
        effects={category: dict(counts) for category, counts in effects.items()},
        journeys=tuple(sorted(changed, key=_weight, reverse=True)),
    )


def _weight(one: JourneyChange) -> float:
    return float("inf") if one.before is None or one.after is None else abs(one.after - one.before)


def _effect(one: JourneyChange) -> Effect:
    if one.before is None or one.after is None:
        if one.before == one.after:
            return Effect.NONE
        return Effect.PRICED if one.before is None else Effect.LOST
    if one.before == one.after:
        return Effect.SAME
    return Effect.DEARER if one.after > one.before else Effect.CHEAPER


# ── products ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _compare_products(before: Catalogue, after: Catalogue) -> Iterator[ProductChange]:
    old, new = ({one.id: one for one in catalogue.products} for catalogue in (before, after))
    books = open_book(before), open_book(after)
    for id_ in dict.fromkeys((*new, *old)):
        pair = old.get(id_), new.get(id_)
        prices = tuple(_compare_prices(books, pair, after))
        if pair[0] is None or pair[1] is None:
            yield ProductChange(id_, Change.ADDED if pair[0] is None else Change.REMOVED, (), prices)
            continue
        what = tuple(
            one.name
            for one in fields(pair[1])
            if one.name != "prices" and getattr(pair[0], one.name) != getattr(pair[1], one.name)
        )
        if pair[0].prices != pair[1].prices and not prices:
            what = (*what, "prices")
        if what or prices:
            yield ProductChange(id_, Change.CHANGED, what, prices)


def _compare_prices(
    books: tuple[PriceBook, PriceBook], pair: tuple[Product | None, Product | None], after: Catalogue
) -> Iterator[PriceChange]:
    rows = [row for product in pair if product is not None for row in product.prices]
    categories = [one.id for one in after.categories] or [books[1].default]
    media = dict.fromkeys(row.medium for row in rows)
    distances = DISTANCES if any(row.scale is not None for row in rows) else (None,)
    for category in categories:
        for medium in media:
            for metres in distances:
                cents = [
                    None if product is None else book.cents(product, category, medium, after.valid_from, metres or 0)
                    for book, product in zip(books, pair, strict=True)
                ]
                if cents[0] != cents[1]:
                    yield PriceChange(category, medium, metres, *cents)


# ── the rest ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _compare_parts(before: Catalogue, after: Catalogue) -> Iterator[PartChange]:
    for part in PARTS:
        old, new = ({one.id: one for one in getattr(catalogue, part)} for catalogue in (before, after))
        change = PartChange(
            part=part,
            added=tuple(id_ for id_ in new if id_ not in old),
            removed=tuple(id_ for id_ in old if id_ not in new),
            changed=tuple(id_ for id_ in new if id_ in old and new[id_] != old[id_]),
        )
        if change.added or change.removed or change.changed:
            yield change
    tariffs = {one.id: one for one in before.tariffs}, {one.id: one for one in after.tariffs}
    for id_ in dict.fromkeys((*tariffs[1], *tariffs[0])):
        for part in RULES:
            rules = [Counter(getattr(one[id_], part)) if id_ in one else Counter() for one in tariffs]
            gone, come = rules[0] - rules[1], rules[1] - rules[0]
            if gone or come:
                yield PartChange(
                    part=f"{id_}.{part}",
                    added=tuple(str(_describe(one)) for one in come),
                    removed=tuple(str(_describe(one)) for one in gone),
                    changed=(),
                )


def _describe(rule: object) -> str:
    """Say what a rule holds, without what it leaves open."""
    members = {one.name: getattr(rule, one.name) for one in fields(rule)}  # type: ignore[arg-type]
    return ", ".join(f"{name} {value}" for name, value in members.items() if value not in {None, (), ""})


# ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _compare_journeys(before: PriceBook, after: PriceBook, samples: Sequence[Sample]) -> Iterator[JourneyChange]:
    categories = [one.id for one in after.catalogue.categories] or [after.default]
    known = {one.id for one in before.catalogue.categories}
    for sample in samples:
        if not any(book.knows(ride) for book in (before, after) for ride in sample.rides):
            continue
        for category in categories:
            cents = []
            for book in (before, after):
                asked = category if book is after or category in known else book.default
                found = price(book, sample.rides, [Fellow("1", asked)])
                cents.append(found.cents if found.complete else None)
            yield JourneyChange(sample.name, category, *cents)
