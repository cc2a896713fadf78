"""Several catalogues at once: the region's, and those of feeds that bring fares of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from mobigo.fares.model import Price
from mobigo.fares.price import look_up, price
from mobigo.fares.pricebook import open_book, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mobigo.fares.catalogue import Catalogue
    from mobigo.fares.model import FareRide, Fellow
    from mobigo.fares.pricebook import PriceBook


class Shelf(NamedTuple):
    """Catalogues laid out, the one that counts first in front."""

    books: tuple[PriceBook, ...]

    @property
    def default(self) -> str:
        """Category that prices are shown for when nobody said who travels."""
        return self.books[0].default

    @property
    def passing(self) -> bool:
        """Whether it matters which stops a ride passes."""
        return any(book.passing for book in self.books)

    def book_of(self, version: int) -> PriceBook:
        """Return the catalogue of a version; the first one of what was sold from a version that is over."""
        return next((book for book in self.books if book.catalogue.version == version), self.books[0])

    def price(self, rides: Sequence[FareRide], fellows: Sequence[Fellow], media: frozenset[str] | None = None) -> Price:
        """Price a journey: each ride by the first catalogue that knows it, else by that of its feed.

        Rides of catalogues in another currency than the first that is used have no price.
        """
        shares = [self.find(ride) for ride in rides]
        if len(set(shares)) == 1:
            book = self.books[shares[0]]
            return price(book, rides, [self.as_known(book, one) for one in fellows], media)
        whole: Price | None = None
        for number, book in enumerate(self.books):
            mine = tuple(n for n, share in enumerate(shares) if share == number)
            if not mine:
                continue
            found = price(book, [rides[n] for n in mine], [self.as_known(book, one) for one in fellows], media)
            items = tuple(replace(item, rides=tuple(mine[n] for n in item.rides)) for item in found.items)
            unknown = tuple(mine[n] for n in found.unknown)
            if whole is None:
                whole = replace(found, items=items, unknown=unknown)
            elif whole.currency == found.currency:
                whole = Price(
                    whole.cents + found.cents, whole.currency, (*whole.items, *items), (*whole.unknown, *unknown)
                )
            else:
                whole = replace(whole, unknown=(*whole.unknown, *mine))
        if whole is None:
            return Price(0, self.books[0].catalogue.currency, ())
        return replace(whole, unknown=tuple(sorted(whole.unknown)))

    def cents(
        self, rides: Sequence[FareRide], fellows: Sequence[Fellow], media: frozenset[str] | None = None
    ) -> int | None:
        """Return what a journey costs; None where a ride has no price."""
        shares = {self.find(ride) for ride in rides}
        if len(shares) == 1:
            book = self.books[shares.pop()]
            found = look_up(book, rides, [self.as_known(book, one) for one in fellows], media)
        else:
            found = self.price(rides, fellows, media)
        return found.cents if found.complete else None

    def find(self, ride: FareRide) -> int:
        """Return which catalogue prices a ride."""
        source = source_of(ride)
        own = next((n for n, book in enumerate(self.books) if book.catalogue.id == source), 0)
        return 0 if self.books[0].knows(ride) else own

    def as_known(self, book: PriceBook, fellow: Fellow) -> Fellow:
        """Return a traveller as a catalogue knows them: at its usual price where it has no such category."""
        known = fellow.category == book.default or any(one.id == fellow.category for one in book.catalogue.categories)
        return fellow if known else replace(fellow, category=book.default)


def open_shelf(catalogues: Iterable[Catalogue]) -> Shelf | None:
    """Lay out catalogues, in their order; None without any."""
    books = tuple(open_book(one) for one in catalogues)
    return Shelf(books) if books else None
