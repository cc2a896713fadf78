"""A card's day on several networks: each ride by the catalogue that knows it, the region's first, then its feed's own.

No product is good for rides of two catalogues, so the best price is the sum of the best prices of each: days are kept
and settled catalogue by catalogue, by the series it is a version of.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from mobigo.fares.pricebook import source_of
from mobigo.ticketing.best import START, Day, Way, settle
from mobigo.ticketing.taps_store import Billed
from mobigo.ticketing.taps_tariff import Priced, series_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from mobigo.ticketing.best import Label, Offer
    from mobigo.ticketing.taps_tariff import Known, TapTariff

CURRENCY = "EUR"
"""What bank cards are charged in."""


class TapShelf:
    """Catalogues of a day, as cards are billed by them.

    Parameters
    ----------
    tariffs : sequence of TapTariff
        The one that counts first in front; at least one.
    """

    def __init__(self, tariffs: Sequence[TapTariff]) -> None:
        self._tariffs = tuple(tariffs)
        self._sources = {one.catalogue.id: one for one in self._tariffs}

    def count(
        self, day: date, rides: Sequence[Known], category: str | None, earlier: Iterable[Offer] = ()
    ) -> list[Priced]:
        """Price the rides of a transport day in all ways, as `TapTariff.count` does: catalogue by catalogue.

        Rides whose prices are in another currency are not charged.
        """
        shares: dict[int, list[Known]] = defaultdict(list)
        for one in rides:
            shares[self._find(one)].append(one)
        known = list(earlier)
        found = []
        for number in sorted(shares):
            tariff = self._tariffs[number]
            if tariff.catalogue.currency == CURRENCY:
                own = [one for one in known if series_of(one.key) == tariff.catalogue.id]
                found.append(tariff.count(day, shares[number], category, own))
            else:
                found.append(_refuse(day, shares[number], tariff.catalogue.version))
        return found

    def _find(self, one: Known) -> int:
        """Return which catalogue prices a ride; of a forgotten tap with a price of its own, the first."""
        if not one.may_be or self._tariffs[0].book.knows(one.may_be[0]):
            return 0
        own = self._sources.get(source_of(one.may_be[0]))
        return 0 if own is None else self._tariffs.index(own)


def _refuse(day: date, rides: Sequence[Known], version: int) -> Priced:
    billed = tuple(Billed(None, version, 0, one.ride.whole) for one in rides)
    return Priced(Day(day, (Way(0),)), billed, 0, (), len(rides), {})


def settle_all(
    carried: Mapping[str, Sequence[Label]], days: Iterable[Day], offers: Mapping[str, Offer]
) -> dict[str, tuple[Label, ...]]:
    """Pay for days in every way that may turn out cheapest, as `best.settle` does: by series of catalogues.

    Parameters
    ----------
    carried : mapping
        By series: the labels after the days before; `best.START` of those that are not in it.
    """
    shares: dict[str, list[Day]] = {series: [] for series in carried}
    for one in days:
        key = next((keys[0] for way in one.ways for keys, _ in way.needs), "")
        shares.setdefault(series_of(key), []).append(one)
    return {series: settle(carried.get(series, START), own, offers) for series, own in shares.items()}


def sum_least(labels: Mapping[str, Sequence[Label]]) -> int:
    """Add up what the cheapest traveller has paid by each series of catalogues."""
    return sum(min(one.cents for one in own) for own in labels.values())


def add_splits(priced: Iterable[Priced]) -> dict[str, list[int]]:
    """Add up what each operator did: rides, metres, and cents of its rides alone."""
    split: dict[str, list[int]] = {}
    for one in priced:
        for operator, values in one.split.items():
            split[operator] = [a + b for a, b in zip(split.get(operator, (0, 0, 0)), values, strict=True)]
    return {operator: split[operator] for operator in sorted(split)}
