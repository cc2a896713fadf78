"""What rides cost together, told to a search that asks ride by ride: everything that is sold is counted.

`tolls` knows what one has in hand after a ride, where fares are simple enough for that. Here what one has in hand is
the rides themselves: those so far are priced anew with each further one, by the same rules as whole journeys are. So
joined legs, through fares, zones a buyer chooses, and what several travellers share are as they will be paid. The price
of being exact is that two ways to be somewhere can only be compared where their rides are alike to the fares.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from mobigo.fares.catalogue import TransferKind, ValidityMode
from mobigo.fares.likeness import Likeness
from mobigo.fares.purse import is_strict
from mobigo.journeys.pricing import list_rides
from mobigo.journeys.tolls import rebate_of
from mobigo.transit.tolled import Paid

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from mobigo.fares.model import FareRide
    from mobigo.fares.pricebook import PriceBook
    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till
    from mobigo.transit.model import Ride, Walk


NO_FLOOR = 10**9
"""Cents."""


class _Ridden(NamedTuple):
    """What a price depends on that is found when all rides are known."""

    key: Hashable
    """Of rides that cost the same whatever comes, but for their times."""
    times: tuple[float, ...]
    """Instants that a limit may be counted from; -inf once none reaches as far."""
    apart: tuple[int, ...]
    """How far the instants so far are apart, in limits."""
    rides: tuple[FareRide, ...]


class Slate:
    """Prices what was ridden so far for all who travel together.

    Parameters
    ----------
    booked : function
        Describes a part that must be booked; gives nothing for the others.
    unpriced : int
        Cents that a journey counts whose price is not known.
    """

    def __init__(self, network: Network, till: Till, booked: Callable[[Ride | Walk], list[Leg]], unpriced: int) -> None:
        self.network, self.till, self.booked, self.unpriced = network, till, booked, unpriced
        books = till.shelf.books
        self.alike = [Likeness(book) for book in books]
        tariffs = [tariff for book in books for tariff in book.catalogue.tariffs]
        self.joined = any(one.joins for one in tariffs)
        self.replaced = any(rule.kind is TransferKind.RULE for one in tariffs for rule in one.transfers)
        """Whether a change may take the place of what the ride before cost."""
        self._rides: dict[tuple[Ride, ...], tuple[FareRide, ...]] = {}
        self._seen: dict[int, int] = {}
        """By identity of a ride, which `_rides` keeps."""
        self._kinds: dict[Hashable, int] = {}
        self.strict = any(is_strict(book) for book in books)
        self.floor = min((_find_floor(book) for book in books), default=unpriced)
        """Cents that a journey costs at least which is paid all at once."""
        self.rebate = rebate_of(till)
        self.start = Paid(0, _Ridden((), (), (), ()), 0)
        self.steady = not any(one.frames or one.dates or one.limits for one in self.alike) and not any(
            _has_clock(book, till) for book in books
        )

    def ride(self, before: Paid, legs: Sequence[Ride]) -> Sequence[Paid]:
        """Return what all rides so far cost; one stays seated between the legs of this one."""
        had = before.in_hand
        assert isinstance(had, _Ridden)
        known = self._rides.get(tuple(legs))
        if known is None:
            known = self._rides[tuple(legs)] = tuple(list_rides(self.network, legs, self.till, self.booked))
        rides = (*had.rides, *known)
        cents = self._cents(rides)
        least = min(cents, self._cents(self._closed(rides)), self.floor)
        return [Paid(cents, self._sum_up(rides), cents - least)]

    def is_as_good(self, one: Hashable, other: Hashable) -> bool:
        """Whether whatever comes costs no more with one in hand than with the other."""
        assert isinstance(one, _Ridden)
        assert isinstance(other, _Ridden)
        if one.key != other.key:
            return False
        if self.strict:
            return one[:3] == other[:3]
        later = all(mine >= its for mine, its in zip(one.times, other.times, strict=True))
        return later and all(mine <= its for mine, its in zip(one.apart, other.apart, strict=True))

    def _cents(self, rides: tuple[FareRide, ...]) -> int:
        if not rides:
            return 0
        found = self.till.shelf.cents(rides, self.till.fellows, self.till.media)
        return self.unpriced if found is None else found

    def _closed(self, rides: tuple[FareRide, ...]) -> tuple[FareRide, ...]:
        """Return the rides that cost as much whatever comes: not the last ones, where others may be joined to them."""
        if not (self.joined or self.replaced):
            return rides
        kept: list[FareRide] = []
        for number, mine in self._by_book(rides):
            last = len(mine)
            while last and (last == len(mine) or self._joins(number, mine[last - 1], mine[last])):
                last -= 1
            kept += mine[:last]
        return tuple(kept)

    def _by_book(self, rides: Sequence[FareRide]) -> list[tuple[int, list[FareRide]]]:
        """List the rides that each catalogue prices."""
        shares = [self.till.shelf.find(ride) for ride in rides]
        return [
            (number, [ride for ride, share in zip(rides, shares, strict=True) if share == number])
            for number in sorted(set(shares))
        ]

    def _joins(self, number: int, before: FareRide, after: FareRide) -> bool:
        book = self.till.shelf.books[number]
        return any(book.joins(tariff, before, after) for tariff in book.catalogue.tariffs)

    def _sum_up(self, rides: tuple[FareRide, ...]) -> _Ridden:
        """Keep of rides what matters to those to come, of each catalogue's apart."""
        now = rides[-1].arrival.timestamp()
        keys: list[Hashable] = []
        times: list[float] = []
        apart: list[int] = []
        for number, mine in self._by_book(rides):
            alike = self.alike[number]
            longest = alike.limits[-1] if alike.limits else -1
            ends = (mine[-1].alight, mine[-1].stations[1]) if self.joined else None
            each = tuple(self._see(number, ride) for ride in mine)
            keys.append((each, alike.of_held(mine, self.till.fellows), self._list_joins(number, mine), ends))
            times += (
                at if now - at <= longest else -inf
                for ride in mine
                for at in (ride.departure.timestamp(), ride.arrival.timestamp())
            )
            apart += alike.apart(mine)
        return _Ridden(tuple(keys), tuple(times), tuple(apart), rides)

    def _see(self, number: int, ride: FareRide) -> int:
        """Number the rides that are alike to a catalogue."""
        known = self._seen.get(id(ride))
        if known is None:
            key = number, self.alike[number].of_ride(ride)
            known = self._seen[id(ride)] = self._kinds.setdefault(key, len(self._kinds))
        return known

    def _list_joins(self, number: int, rides: Sequence[FareRide]) -> tuple[bool, ...]:
        """Tell which rides are joined to the next, by each tariff."""
        book = self.till.shelf.books[number]
        return tuple(
            book.joins(tariff, *pair) for tariff in book.catalogue.tariffs if tariff.joins for pair in pairwise(rides)
        )


def _find_floor(book: PriceBook) -> int:
    """Return what a through fare costs at least."""
    catalogue = book.catalogue
    cut = max((one.permille for one in catalogue.reductions), default=0)
    step = max((one.step for one in catalogue.reductions), default=0)
    through = [book.products[one.product] for tariff in catalogue.tariffs for one in tariff.throughs]
    return min(
        (max(0, (row.cents or 0) * (1000 - cut) // 1000 - step) for product in through for row in product.prices),
        default=NO_FLOOR,
    )


def _has_clock(book: PriceBook, till: Till) -> bool:
    """Whether something is for a while, so that it matters when one rides."""
    lasting = [*book.passes, *book.shared, *book.cards]
    held = any(one.product in book.products for fellow in till.fellows for one in fellow.held)
    return held or bool(book.cards) or any(one.validity.mode is not ValidityMode.TRIP for one in lasting)
