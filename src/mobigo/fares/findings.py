"""What is wrong with a catalogue: numbers out of bounds, ids there twice, references to nothing, empty rules."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mobigo.fares.catalogue import (
    Choice,
    Coverage,
    PriceRow,
    ProductKind,
    Tariff,
    ValidityMode,
    Words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from mobigo.fares.catalogue import AfterSalesStep, Cap, Catalogue, Product, Reduction, Validity

MOST_CENTS = 100_000_00
MOST_METRES = 2_000_000
MOST_TEXT = 2_000
MOST_ID = 200
ONE_DAY = 24 * 3600
MOST_SECONDS = 400 * ONE_DAY
MOST_COUNT = 1_000
MOST_FELLOWS = 500
MOST_AGE = 130
PERMILLE = 1_000
CURRENCY = re.compile(r"[A-Z]{3}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

COLLECTIONS = (
    "operators", "networks", "areas", "categories", "media", "days", "timeframes", "scales", "after_sales", "products",
    "reductions", "caps", "tariffs", "sales_points",
)  # fmt: skip


def list_findings(catalogue: Catalogue) -> list[str]:
    """List what is wrong, each with its place, in the catalogue's order; nothing: it can be kept."""
    return list(_Look(catalogue).look())


class _Look:
    """One look at a catalogue, with the ids it defines."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.ids = {name: {one.id for one in getattr(catalogue, name)} for name in COLLECTIONS}

    def look(self) -> Iterator[str]:
        yield from self.itself()
        for name in COLLECTIONS:
            counts = Counter(one.id for one in getattr(self.catalogue, name))
            yield from (f"{name}: {id_!r} is there {count} times" for id_, count in counts.items() if count > 1)
        yield from _texts(self.catalogue, "")
        yield from self.who()
        yield from self.when()
        yield from self.scales()
        for product in self.catalogue.products:
            yield from self.product(product)
        for reduction in self.catalogue.reductions:
            yield from self.reduction(reduction)
        for cap in self.catalogue.caps:
            yield from self.cap(cap)
        for tariff in self.catalogue.tariffs:
            yield from self.tariff(tariff)
        yield from self.places()

    def itself(self) -> Iterator[str]:
        if not CURRENCY.fullmatch(self.catalogue.currency):
            yield f"currency: {self.catalogue.currency!r} is no code of ISO 4217, as EUR"
        yield from _zone("timezone", self.catalogue.timezone)

    def known(self, place: str, name: str, *given: str | None) -> Iterator[str]:
        for one in given:
            if one is not None and one not in self.ids[name]:
                yield f"{place}: {one!r} is none of the {name.replace('_', ' ')}"

    def who(self) -> Iterator[str]:
        for category in self.catalogue.categories:
            place = f"categories {category.id}"
            yield from self.known(f"{place}.also", "categories", *category.also)
            yield from _range(f"{place}.min_age", category.min_age, 0, MOST_AGE)
            yield from _range(f"{place}.max_age", category.max_age, 0, MOST_AGE)
            if category.min_age is not None and category.max_age is not None and category.min_age > category.max_age:
                yield f"{place}: min_age {category.min_age} is above max_age {category.max_age}"

    def when(self) -> Iterator[str]:
        for days in self.catalogue.days:
            place = f"days {days.id}"
            if not set(days.weekdays) <= set(range(7)) or len(set(days.weekdays)) != len(days.weekdays):
                yield f"{place}.weekdays: each of 0 (Monday) to 6 (Sunday) at most once"
            yield from _ordered(place, days.first, days.last)
            both = sorted(set(days.added) & set(days.removed))
            if both:
                yield f"{place}: {both[0]} is both added and removed"
        for frame in self.catalogue.timeframes:
            if not frame.spans:
                yield f"timeframes {frame.id}: no spans"
            for number, span in enumerate(frame.spans):
                place = f"timeframes {frame.id}.spans[{number}]"
                yield from self.known(f"{place}.days", "days", span.days)
                if not 0 <= span.start < span.end <= ONE_DAY:
                    yield f"{place}: start {span.start}, end {span.end}: seconds with 0 <= start < end <= {ONE_DAY}"

    def scales(self) -> Iterator[str]:
        for scale in self.catalogue.scales:
            place = f"scales {scale.id}"
            yield from _range(f"{place}.step", scale.step, 1, MOST_CENTS)
            yield from _range(f"{place}.minimum", scale.minimum, 0, MOST_CENTS)
            if not scale.bands:
                yield f"{place}: no bands"
            before = 0
            for number, band in enumerate(scale.bands):
                here = f"{place}.bands[{number}]"
                yield from _range(f"{here}.cents", band.cents, 0, MOST_CENTS)
                yield from _range(f"{here}.millicents_per_km", band.millicents_per_km, 0, MOST_CENTS * PERMILLE)
                if band.up_to is None:
                    if number + 1 < len(scale.bands):
                        yield f"{here}.up_to: only the last band reaches any distance"
                    continue
                yield from _range(f"{here}.up_to", band.up_to, 1, MOST_METRES)
                if band.up_to <= before:
                    yield f"{here}.up_to: {band.up_to} is not above {before}, where the band before ends"
                before = band.up_to

    def product(self, product: Product) -> Iterator[str]:
        place = f"products {product.id}"
        if not product.prices:
            yield f"{place}: no prices"
        least = -MOST_CENTS if product.kind is ProductKind.TRANSFER else 0
        yield from self.prices(place, product.prices, least=least)
        yield from self.known(f"{place}.operator", "operators", product.operator)
        yield from self.known(f"{place}.media", "media", *product.media)
        yield from self.known(f"{place}.after_sales", "after_sales", product.after_sales)
        yield from _range(f"{place}.vat_permille", product.vat_permille, 0, PERMILLE)
        yield from _range(f"{place}.rides", product.rides, 1, MOST_COUNT)
        if product.kind is ProductKind.CARNET and product.rides is None:
            yield f"{place}.rides: a carnet says how many"
        yield from _range(f"{place}.min_fellows", product.min_fellows, 1, MOST_FELLOWS)
        yield from _range(f"{place}.max_fellows", product.max_fellows, product.min_fellows, MOST_FELLOWS)
        yield from _ordered(f"{place}.sold", product.sold_from, product.sold_until)
        yield from _validity(f"{place}.validity", product.validity)
        if product.covers is not None:
            yield from self.coverage(f"{place}.covers", product.covers)
            if product.kind is ProductKind.REDUCTION_CARD:
                yield f"{place}.covers: a reduction card covers no ride; write a reduction of this card"

    def prices(self, place: str, rows: Iterable[PriceRow], *, least: int = 0) -> Iterator[str]:
        seen: list[PriceRow] = []
        for number, row in enumerate(rows):
            here = f"{place}.prices[{number}]"
            if (row.cents is None) == (row.scale is None):
                yield f"{here}: either cents or a scale"
            yield from _range(f"{here}.cents", row.cents, least, MOST_CENTS)
            yield from self.known(f"{here}.scale", "scales", row.scale)
            yield from self.known(f"{here}.category", "categories", row.category)
            yield from self.known(f"{here}.medium", "media", row.medium)
            yield from _ordered(here, row.since, row.until)
            if any(_meet(row, other) for other in seen):
                yield f"{here}: another row of the same category and medium holds on some of its days"
            seen.append(row)

    def coverage(self, place: str, covers: Coverage) -> Iterator[str]:
        yield from self.known(f"{place}.networks", "networks", *covers.networks)
        yield from self.known(f"{place}.areas", "areas", *covers.areas)
        yield from self.known(f"{place}.timeframe", "timeframes", covers.timeframe)
        yield from _range(f"{place}.max_metres", covers.max_metres, 1, MOST_METRES)
        if (covers.choice is Choice.AREAS) != (covers.areas_chosen > 0):
            yield f"{place}.areas_chosen: how many, exactly where choice is {Choice.AREAS.value!r}"
        if covers.choice is not Choice.NOTHING and not covers.areas:
            yield f"{place}.areas: those to choose from"
        yield from _range(f"{place}.areas_chosen", covers.areas_chosen, 0, max(len(covers.areas), 0))

    def reduction(self, reduction: Reduction) -> Iterator[str]:
        place = f"reductions {reduction.id}"
        yield from _range(f"{place}.permille", reduction.permille, 1, PERMILLE)
        yield from _range(f"{place}.companions", reduction.companions, 0, MOST_FELLOWS)
        yield from _range(f"{place}.min_fellows", reduction.min_fellows, 1, MOST_FELLOWS)
        yield from _range(f"{place}.step", reduction.step, 1, MOST_CENTS)
        yield from self.known(f"{place}.card", "products", reduction.card)
        yield from self.known(f"{place}.products", "products", *reduction.products)
        yield from self.known(f"{place}.categories", "categories", *reduction.categories)
        yield from self.known(f"{place}.networks", "networks", *reduction.networks)
        yield from self.known(f"{place}.timeframe", "timeframes", reduction.timeframe)
        cards = {one.id for one in self.catalogue.products if one.kind is ProductKind.REDUCTION_CARD}
        if reduction.card in self.ids["products"] - cards:
            yield f"{place}.card: product {reduction.card} is no reduction card"
        if reduction.companions and reduction.card is None:
            yield f"{place}.companions: only of the holder of a card"

    def cap(self, cap: Cap) -> Iterator[str]:
        place = f"caps {cap.id}"
        if not cap.prices:
            yield f"{place}: no prices"
        if any(row.scale is not None for row in cap.prices):
            yield f"{place}.prices: a cap has no scale"
        yield from self.prices(place, cap.prices)
        yield from self.coverage(f"{place}.covers", cap.covers)
        if cap.covers.choice is not Choice.NOTHING:
            yield f"{place}.covers.choice: nothing is chosen of a cap"
        yield from self.known(f"{place}.media", "media", *cap.media)
        yield from _range(f"{place}.day_starts", cap.day_starts, 0, ONE_DAY - 1)

    def tariff(self, tariff: Tariff) -> Iterator[str]:
        place = f"tariffs {tariff.id}"
        yield from _zone(f"{place}.timezone", tariff.timezone)
        yield from self.legs(place, tariff)
        yield from self.joins(place, tariff)
        yield from self.transfers(place, tariff)
        yield from self.throughs(place, tariff)

    def legs(self, place: str, tariff: Tariff) -> Iterator[str]:
        transfers = {one.id for one in self.catalogue.products if one.kind is ProductKind.TRANSFER}
        for number, leg in enumerate(tariff.legs):
            here = f"{place}.legs[{number}]"
            yield from self.known(f"{here}.product", "products", leg.product)
            yield from self.known(f"{here}.network", "networks", leg.network)
            yield from self.known(here, "areas", leg.from_area, leg.to_area)
            yield from self.known(here, "timeframes", leg.from_timeframe, leg.to_timeframe)
            yield from _range(f"{here}.priority", leg.priority, 0, 2**31 - 1)
            if leg.priority and not tariff.priorities:
                yield f"{here}.priority: the tariff says that its rules are not ranked (priorities)"
            if leg.product in transfers:
                yield f"{here}.product: {leg.product} is of transfers and pays no leg"

    def joins(self, place: str, tariff: Tariff) -> Iterator[str]:
        for number, join in enumerate(tariff.joins):
            here = f"{place}.joins[{number}]"
            yield from self.known(here, "networks", join.from_network, join.to_network)
            for name in ("network", "stop"):
                if (getattr(join, f"from_{name}") is None) != (getattr(join, f"to_{name}") is None):
                    yield f"{here}: from_{name} and to_{name} go together"

    def transfers(self, place: str, tariff: Tariff) -> Iterator[str]:
        groups = {one.group for one in tariff.legs if one.group is not None}
        for number, rule in enumerate(tariff.transfers):
            here = f"{place}.transfers[{number}]"
            for group in (rule.from_group, rule.to_group):
                if group is not None and group not in groups:
                    yield f"{here}: {group!r} is no group of the tariff's leg rules"
            yield from self.known(f"{here}.product", "products", rule.product)
            within = rule.from_group is not None and rule.from_group == rule.to_group
            among = rule.from_group is None and rule.to_group is None
            if (within and rule.count is None) or (not within and not among and rule.count is not None):
                yield f"{here}.count: how many in a row (-1: any number), exactly where both groups are the same"
            if rule.count is not None and (rule.count < -1 or rule.count == 0):
                yield f"{here}.count: {rule.count} is no number of transfers (-1: any number)"
            if (rule.seconds is None) != (rule.limit is None):
                yield f"{here}: seconds and limit go together"
            yield from _range(f"{here}.seconds", rule.seconds, 1, MOST_SECONDS)

    def throughs(self, place: str, tariff: Tariff) -> Iterator[str]:
        for number, through in enumerate(tariff.throughs):
            here = f"{place}.throughs[{number}]"
            yield from self.known(f"{here}.product", "products", through.product)
            yield from _range(f"{here}.transfers", through.transfers, 0, MOST_COUNT)
            yield from _range(f"{here}.seconds", through.seconds, 0, MOST_SECONDS)
            for place_, row in enumerate(through.rows):
                yield from self.known(f"{here}.rows[{place_}]", "areas", row.from_area, row.to_area, *row.contains)

    def places(self) -> Iterator[str]:
        for rules in self.catalogue.after_sales:
            for name in ("refunds", "exchanges"):
                yield from _steps(f"after_sales {rules.id}.{name}", getattr(rules, name))
        for point in self.catalogue.sales_points:
            place = f"sales_points {point.id}"
            if not (-180 <= point.lon <= 180 and -90 <= point.lat <= 90):  # noqa: PLR2004 - degrees of the globe
                yield f"{place}: lon {point.lon} and lat {point.lat} are no place on the globe"
            yield from self.known(f"{place}.products", "products", *point.products)


def _steps(place: str, steps: tuple[AfterSalesStep, ...]) -> Iterator[str]:
    before: int | None = None
    for number, step in enumerate(steps):
        here = f"{place}[{number}]"
        yield from _range(f"{here}.fee", step.fee, 0, MOST_CENTS)
        yield from _range(f"{here}.kept_permille", step.kept_permille, 0, PERMILLE)
        yield from _range(f"{here}.until_seconds", step.until_seconds, -MOST_SECONDS, MOST_SECONDS)
        if step.until_seconds is None and number + 1 < len(steps):
            yield f"{here}.until_seconds: only the last step holds as long as the ticket"
        if before is not None and step.until_seconds is not None and step.until_seconds >= before:
            yield f"{here}.until_seconds: {step.until_seconds} is not below {before} of the step before: earliest first"
        before = step.until_seconds


def _validity(place: str, validity: Validity) -> Iterator[str]:
    yield from _range(f"{place}.count", validity.count, 1, MOST_COUNT)
    yield from _range(f"{place}.day_starts", validity.day_starts, 0, ONE_DAY - 1)
    if (validity.first is None) != (validity.last is None):
        yield f"{place}: first and last go together"
    if validity.first is not None and validity.mode is not ValidityMode.FIXED:
        yield f"{place}: first and last are of the mode {ValidityMode.FIXED.value!r}"
    yield from _ordered(place, validity.first, validity.last)
    if validity.mode is ValidityMode.FIXED and validity.unit.value in {"minute", "hour"}:
        yield f"{place}.unit: a fixed validity is of days, weeks, months or years"


def _meet(one: PriceRow, other: PriceRow) -> bool:
    if (one.category, one.medium) != (other.category, other.medium):
        return False
    ends_before = one.until is not None and other.since is not None and one.until < other.since
    starts_after = one.since is not None and other.until is not None and one.since > other.until
    return not ends_before and not starts_after


def _range(place: str, value: int | None, low: int, high: int) -> Iterator[str]:
    if value is not None and not low <= value <= high:
        yield f"{place}: {value} is not between {low} and {high}"


def _ordered(place: str, first: date | None, last: date | None) -> Iterator[str]:
    if first is not None and last is not None and first > last:
        yield f"{place}: {first} is after {last}"


def _zone(place: str, name: str) -> Iterator[str]:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield f"{place}: {name[:60]!r} is no timezone, as Europe/Paris"


def _texts(value: object, place: str) -> Iterator[str]:
    """List texts that are too long or hold control characters, and ids and names that are empty."""
    if isinstance(value, str):
        most = MOST_ID if place.endswith(".id") else MOST_TEXT
        if len(value) > most:
            yield f"{place}: {len(value)} characters, {most} at most"
        elif CONTROL.search(value):
            yield f"{place}: holds a control character"
        elif not value.strip() and place.endswith((".id", ".fr")):
            yield f"{place}: is empty"
    elif isinstance(value, tuple):
        for number, one in enumerate(value):
            yield from _texts(one, f"{place}[{number}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            inner = getattr(value, field.name)
            if isinstance(inner, str | tuple | Words) or is_dataclass(inner):
                yield from _texts(inner, f"{place}.{field.name}".removeprefix("."))
