"""What rides cost one after the other, told to a search that asks ride by ride."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from mobigo.fares.purse import Hand, Purse
from mobigo.journeys.pricing import list_rides
from mobigo.transit.tolled import Paid

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from mobigo.fares.model import FareRide, Fellow
    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till
    from mobigo.transit.model import Ride, Walk


class _Payer(NamedTuple):
    """Travellers alike, and their purse of one catalogue."""

    book: int
    purse: Purse
    persons: int


class Tolls:
    """Pays for all who travel together, each ride by the catalogue that knows it.

    Parameters
    ----------
    booked : function
        Describes a part that must be booked; gives nothing for the others.
    unpriced : int
        Cents that a journey counts whose price is not known.
    """

    def __init__(self, network: Network, till: Till, booked: Callable[[Ride | Walk], list[Leg]], unpriced: int) -> None:
        self.network, self.till, self.booked, self.unpriced = network, till, booked, unpriced
        alike = Counter(_anonymous(one) for one in till.fellows)
        self.payers = [
            _Payer(number, Purse(book, till.shelf.as_known(book, fellow), len(till.fellows), till.media), persons)
            for number, book in enumerate(till.shelf.books)
            for fellow, persons in alike.items()
        ]
        self.start = Paid(0, tuple(Hand() for _ in self.payers), 0)
        self.rebate = rebate_of(till)
        self.steady = all(one.purse.steady for one in self.payers)

    @property
    def exact(self) -> bool:
        """Whether no journey costs less than it says."""
        books, fellows = self.till.shelf.books, self.till.fellows
        sharing = len(fellows) > 1 and any(
            book.shared
            or any(one.companions for one in book.catalogue.reductions)
            or any(own.product in book.products for fellow in fellows for own in fellow.held)
            for book in books
        )
        currencies = {book.catalogue.currency for book in books}
        return not sharing and len(currencies) == 1 and all(one.purse.exact for one in self.payers)

    def ride(self, before: Paid, legs: Sequence[Ride]) -> Sequence[Paid]:
        """List the ways to pay for a ride that are not worse than others; one stays seated between its legs."""
        ways = {before.in_hand: before.cents}
        for ride in list_rides(self.network, legs, self.till, self.booked):
            after: dict[Hashable, int] = {}
            for in_hand, cents in ways.items():
                for had, more in self._pay(in_hand, ride):
                    whole = self.unpriced if had is None else cents + more
                    after[had] = min(whole, after.get(had, whole))
            ways = after
        return [Paid(cents, in_hand, self._refund(in_hand)) for in_hand, cents in ways.items()]

    def is_as_good(self, one: Hashable, other: Hashable) -> bool:
        """Whether whatever comes costs no more with one in hand than with the other."""
        if one is None or other is None:
            return True
        assert isinstance(one, tuple)
        assert isinstance(other, tuple)
        return all(payer.purse.is_as_good(mine, its) for payer, mine, its in zip(self.payers, one, other, strict=True))

    def _pay(self, in_hand: Hashable, ride: FareRide) -> Iterator[tuple[Hashable, int]]:
        """List what all have after a ride, and cents more; None once a ride has no price."""
        if in_hand is None:
            yield None, 0
            return
        assert isinstance(in_hand, tuple)
        number = self.till.shelf.find(ride)
        each: list[list[tuple[Hand, int]]] = [
            [(hand, cents * payer.persons) for hand, cents in payer.purse.pay(had, ride)]
            if payer.book == number
            else [(had, 0)]
            for payer, had in zip(self.payers, in_hand, strict=True)
        ]
        if not all(each):
            yield None, 0
            return
        for ways in product(*each):
            yield tuple(hand for hand, _ in ways), sum(cents for _, cents in ways)

    def _refund(self, in_hand: Hashable) -> int:
        if in_hand is None:
            return 0
        assert isinstance(in_hand, tuple)
        return sum(payer.purse.refund(hand) * payer.persons for payer, hand in zip(self.payers, in_hand, strict=True))


def rebate_of(till: Till) -> int:
    """Return the cents that a change to another ride takes off at most, of all who travel."""
    return max((book.most_off for book in till.shelf.books), default=0) * len(till.fellows)


def _anonymous(fellow: Fellow) -> Fellow:
    held = tuple(replace(one, id=str(n)) for n, one in enumerate(fellow.held))
    return replace(fellow, id="", held=held)
