"""What a journey costs, as MOTIS' fare transfers: each group of rides that is paid for together is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.fares.catalogue import MediumKind
from mobigo.fares.explain import name_of

if TYPE_CHECKING:
    from mobigo.fares.model import Item
    from mobigo.journeys.pricing import Priced

MEDIA = {
    MediumKind.NONE: "NONE",
    MediumKind.PAPER: "PAPER_TICKET",
    MediumKind.CARD: "TRANSIT_CARD",
    MediumKind.CEMV: "CONTACTLESS_EMV",
    MediumKind.APP: "MOBILE_APP",
}


def write_fares(priced: Priced, language: str) -> tuple[list[dict[str, Any]], dict[int, int]]:
    """Write what is bought for a journey; also which of these each leg belongs to.

    A group has one fare leg, whose products are bought together: one for each traveller, or a card for several
    rides. What covers no ride (a card that pays off) stands in the first group.
    """
    price, legs, _ = priced
    groups: list[tuple[set[int], list[Item]]] = []
    for item in price.items:
        rides = set(item.rides)
        met = [group for group in groups if group[0] & rides]
        if not item.rides and groups:
            met = groups[:1]
        merged = (rides.union(*(one[0] for one in met)), [*(item for one in met for item in one[1]), item])
        groups = [*(group for group in groups if group not in met), merged]
    groups.sort(key=lambda group: min(group[0], default=0))
    transfers = [
        {"effectiveFareLegProducts": [[[_product(priced, item, language) for item in group[1]]]]} for group in groups
    ]
    of_leg = {leg: n for n, group in enumerate(groups) for ride in group[0] for leg in legs[ride]}
    return transfers, of_leg


def _product(priced: Priced, item: Item, language: str) -> dict[str, Any]:
    book = priced.shelf.book_of(item.version)
    product: dict[str, Any] = {
        "name": name_of(book, item.product, language),
        "amount": item.cents / 100,
        "currency": priced.price.currency,
    }
    medium = next((one for one in book.catalogue.media if one.id == item.medium), None)
    if medium is not None:
        named = medium.name.of(language) if medium.name is not None else medium.id
        product["media"] = {"fareMediaName": named, "fareMediaType": MEDIA[medium.kind]}
    return product
