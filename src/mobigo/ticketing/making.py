"""What is offered: a journey's cheapest price as parts that can be bought, or a product by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.fares.catalogue import Choice, ProductKind, ValidityMode
from mobigo.fares.extent import find_extent
from mobigo.fares.model import FareRide, Fellow, RideKind
from mobigo.fares.validity import span
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.ticketing.model import Offer, OfferPart, OfferRide, PartKind
from mobigo.ticketing.offers import LIFE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from mobigo.fares.catalogue import Catalogue, Channel, Product
    from mobigo.fares.model import Item, Price
    from mobigo.fares.pricebook import PriceBook
    from mobigo.fares.shelf import Shelf

BOOKED = {RideKind.ON_DEMAND: PartKind.ON_DEMAND, RideKind.CARPOOL: PartKind.CARPOOL}

MOST_ALIKE = 20
"""Of one product, bought at once."""

FARTHEST = timedelta(days=400)
"""Ahead, that something is bought for."""

LONG_AGO = timedelta(days=31)
"""Back, that something may have begun that is still bought: the month that is under way."""


@dataclass(frozen=True)
class Made:
    """An offer with why it costs what it does."""

    offer: Offer
    price: Price | None
    """None of a product by itself."""


@dataclass(frozen=True)
class Wish:
    """A product that somebody wants by itself."""

    product: str
    category: str | None = None
    """None: the usual one."""
    start: datetime | None = None
    """When it is to begin; None: now, or at its first use."""
    areas: tuple[str, ...] = ()
    medium: str | None = None
    number: int = 1


def offer_journey(
    shelf: Shelf,
    rides: Sequence[FareRide],
    fellows: Sequence[Fellow],
    quotes: Mapping[int, tuple[str, datetime]],
    *,
    media: frozenset[str] | None,
    now: datetime,
) -> Made:
    """Offer a journey's cheapest price.

    Parameters
    ----------
    quotes : mapping
        By index of the ride: what books it, and until when that is good.

    Raises
    ------
    Refused
        When a ride has begun (``journey_begun``), or no ride has a price (``no_price``).
    """
    if rides and min(ride.departure for ride in rides) < now - timedelta(minutes=5):
        raise Refused("the journey has begun; tickets are bought before it", code="journey_begun")
    found = shelf.price(rides, fellows, media)
    parts = _make_parts(shelf, found, rides, fellows)
    if not parts and not quotes:
        raise Refused(
            "no ride of this journey has a price in the catalogue; buy on board, or ask its operator"
            if found.unknown
            else "nothing is to be bought for this journey: what is held covers it",
            code="no_price" if found.unknown else "nothing_to_buy",
        )
    alone = [_price_alone(shelf, ride, fellows, media) for ride in rides]
    offered = tuple(
        OfferRide(ride, cents, quotes[n][0] if n in quotes else None)
        for n, (ride, cents) in enumerate(zip(rides, alone, strict=True))
    )
    until = min([now + LIFE, *(end for _, end in quotes.values()), *(ride.departure for ride in rides)])
    version = max((part.version for part in parts), default=0)
    offer = Offer(version, found.currency, parts, offered, max(until, now))
    return Made(offer, found)


def _price_alone(shelf: Shelf, ride: FareRide, fellows: Sequence[Fellow], media: frozenset[str] | None) -> int:
    """Return what a ride would cost by itself, nothing held."""
    return max(0, shelf.price([ride], [replace(one, held=()) for one in fellows], media).cents)


def _make_parts(
    shelf: Shelf, found: Price, rides: Sequence[FareRide], fellows: Sequence[Fellow]
) -> tuple[OfferPart, ...]:
    """Make parts of what is to be bought.

    What a change costs goes with what it is for: where it pays for the ride after it, with what was bought before, one
    ticket for both; where that ride is paid besides, as a supplement or a rebate of that.
    """
    category = {one.id: one.category for one in fellows}
    bought: dict[tuple[str, ...], list[tuple[Item, Product | None]]] = {}
    for item in found.items:
        if item.held is None:
            product = shelf.book_of(item.version).products.get(item.product)
            bought.setdefault(item.fellows, []).append((item, product))
    parts: list[OfferPart] = []
    for some in bought.values():
        mine: list[OfferPart] = []
        besides = 0
        for n, (item, product) in enumerate(some):
            change = item.cents < 0 or (product is not None and product.kind is ProductKind.TRANSFER)
            if change and n + 1 < len(some) and set(item.rides) <= set(some[n + 1][0].rides):
                besides += item.cents
                continue
            if change and mine:
                mine[-1] = _join(mine[-1], item)
                continue
            part = _make_part(item, product, rides, category[item.fellows[0]])
            if product is not None and product.validity.mode is ValidityMode.FIRST_USE:
                part = replace(part, valid_from=None, valid_until=None)  # a train that is late does not use it up
            if besides:
                part = replace(part, cents=part.cents + besides)
                if besides < 0 and mine:
                    part = replace(part, rests_on=len(parts) + len(mine) - 1, rebate=-besides)
                besides = 0
            mine.append(part)
        parts += _without_debts(mine)
    return tuple(parts)


def _make_part(item: Item, product: Product | None, rides: Sequence[FareRide], category: str) -> OfferPart:
    kinds = {rides[ride].kind for ride in item.rides if rides[ride].quoted is not None}
    alone = len(item.rides) == 1 and len(kinds) == 1 and (product is None or product.covers is None)
    return OfferPart(
        BOOKED[kinds.pop()] if alone else PartKind.ADMISSION,
        item.product,
        item.version,
        category,
        len(item.fellows),
        item.cents,
        item.vat_permille,
        item.valid_from,
        item.valid_until,
        item.rides,
        medium=item.medium,
    )


def _join(part: OfferPart, item: Item) -> OfferPart:
    ends = [at for at in (part.valid_until, item.valid_until) if at is not None]
    return replace(
        part,
        kind=PartKind.ADMISSION,
        cents=part.cents + item.cents,
        rides=tuple(sorted({*part.rides, *item.rides})),
        valid_until=max(ends) if ends else None,
    )


def _without_debts(parts: Sequence[OfferPart]) -> list[OfferPart]:
    """Take rebates that are larger than their own part from the parts before it."""
    kept = list(parts)
    for n in range(len(kept) - 1, 0, -1):
        if kept[n].cents < 0:
            kept[n - 1] = replace(kept[n - 1], cents=kept[n - 1].cents + kept[n].cents)
            kept[n] = replace(kept[n], cents=0, rebate=max(0, kept[n].rebate + kept[n].cents))
    return [replace(part, cents=max(0, part.cents)) for part in kept]


def offer_product(shelf: Shelf, wish: Wish, channel: Channel, now: datetime) -> Made:
    """Offer a product by itself: a pass, a carnet, a card.

    Raises
    ------
    NotFound
        ``unknown_product``.
    InvalidInput
        When it cannot be like that (``invalid_offer``).
    Refused
        When it is not sold so (``not_sold``).
    """
    book = next((one for one in shelf.books if wish.product in one.products), shelf.books[0])
    catalogue, product = book.catalogue, book.products.get(wish.product)
    if product is None:
        raise NotFound(
            f"there is no product {wish.product[:60]!r}; GET /v1/fares/products lists those in force",
            code="unknown_product",
        )
    zone = ZoneInfo(catalogue.timezone)
    _check_sale(product, channel, now.astimezone(zone).date())
    if find_extent(catalogue, product) is None:
        raise Refused(
            f"{product.name.of('en')} is for a way, not for a network; ask for an offer for a journey", code="not_sold"
        )
    category = _find_category(book, wish.category)
    start = _find_start(product, wish, now)
    areas = _check_areas(catalogue, product, wish.areas)
    day = (now if start is None else start).astimezone(zone).date()
    cents, medium = _find_cents(book, product, category, wish.medium, day)
    since, until = (None, None) if start is None else span(product.validity, start, zone)
    if product.validity.mode is ValidityMode.FIRST_USE:
        since, until = None, None
    if until is not None and until <= now:
        raise InvalidInput(
            f"{product.name.of('en')} of {day} would be over already; choose a later day", code="invalid_offer"
        )
    if not 1 <= wish.number <= MOST_ALIKE:
        raise InvalidInput(f"{wish.number} of one product; buy 1 to {MOST_ALIKE} at once", code="invalid_offer")
    part = OfferPart(
        PartKind.ADMISSION,
        product.id,
        catalogue.version,
        category,
        product.max_fellows,
        cents,
        product.vat_permille,
        since,
        until,
        (),
        areas,
        medium,
    )
    return Made(Offer(catalogue.version, catalogue.currency, (part,) * wish.number, (), now + LIFE), None)


def _check_sale(product: Product, channel: Channel, today: date) -> None:
    sold = (product.sold_from is None or product.sold_from <= today) and (
        product.sold_until is None or today <= product.sold_until
    )
    if not sold or product.kind is ProductKind.TRANSFER:
        raise Refused(f"{product.name.of('en')} is not sold on {today}", code="not_sold")
    if product.channels and channel not in product.channels:
        raise Refused(
            f"{product.name.of('en')} is not sold on {channel}; it is on {', '.join(product.channels)}", code="not_sold"
        )


def _find_category(book: PriceBook, wanted: str | None) -> str:
    known = {one.id for one in book.catalogue.categories}
    if wanted is None:
        return book.default
    if wanted not in known:
        raise InvalidInput(
            f"there is no category {wanted[:60]!r}; there are {', '.join(sorted(known)) or 'none'}",
            code="unknown_category",
        )
    return wanted


def _find_start(product: Product, wish: Wish, now: datetime) -> datetime | None:
    if product.validity.mode is ValidityMode.FIRST_USE:
        return None
    start = wish.start or now
    if not now - LONG_AGO <= start <= now + FARTHEST:
        raise InvalidInput(
            f"it cannot begin on {start.date()}: choose a day from {(now - LONG_AGO).date()} to"
            f" {(now + FARTHEST).date()}",
            code="invalid_offer",
        )
    return start.astimezone(UTC)


def _check_areas(catalogue: Catalogue, product: Product, areas: Sequence[str]) -> tuple[str, ...]:
    choice = Choice.NOTHING if product.covers is None else product.covers.choice
    wanted = {
        Choice.NOTHING: 0,
        Choice.PAIR: 2,
        Choice.AREAS: 0 if product.covers is None else product.covers.areas_chosen,
    }[choice]
    known = {one.id for one in catalogue.areas}
    for area in areas:
        if area not in known:
            raise InvalidInput(f"there is no area {area[:60]!r} in the catalogue", code="invalid_offer")
    if len(set(areas)) != wanted:
        raise InvalidInput(
            f"{product.name.of('en')} is for {wanted} areas, not for {len(set(areas))}; choose `areas` of the catalogue"
            if wanted
            else f"{product.name.of('en')} is good wherever it is; leave `areas` out",
            code="invalid_offer",
        )
    return tuple(areas)


def _find_cents(
    book: PriceBook, product: Product, category: str, medium: str | None, day: date
) -> tuple[int, str | None]:
    if (
        product.validity.mode is ValidityMode.TRIP
        and product.kind is ProductKind.SINGLE
        and book.is_by_distance(product)
    ):
        raise Refused(
            f"{product.name.of('en')} costs what the distance does; ask for an offer for a journey", code="not_sold"
        )
    known = {one.id for one in book.catalogue.media}
    if medium is not None and medium not in known:
        raise InvalidInput(
            f"there is no medium {medium[:60]!r}; there are {', '.join(sorted(known)) or 'none'}", code="invalid_offer"
        )
    media = [medium] if medium is not None else [None, *(product.media or [one.id for one in book.catalogue.media])]
    found = [
        (cents, one)
        for one in media
        if (cents := book.cents(product, category, one, day, 0)) is not None and cents >= 0
    ]
    if not found:
        raise Refused(
            f"{product.name.of('en')} is not for {category} on {day}; GET /v1/fares/products says for whom it is",
            code="not_sold",
        )
    return min(found, key=lambda one: (one[0], one[1] or ""))
