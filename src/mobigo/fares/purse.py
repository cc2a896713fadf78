"""What a traveller has in hand on the way: all that decides what the next rides cost, after what was paid so far.

The price of a whole journey (`price`) is found when all its rides are known. A search for cheap journeys needs to know
on the way which of two travellers is better off: who paid less, unless the other's tickets go on to hold.
"""

from __future__ import annotations

from itertools import combinations
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from mobigo.fares.catalogue import Choice, LimitKind, Moment, ProductKind, TransferKind, ValidityMode
from mobigo.fares.chains import ChainState, Cut, Payer, cost_of, extend_chain
from mobigo.fares.price import MOST_CARDS, is_for, list_own_cuts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.fares.catalogue import Product, Tariff
    from mobigo.fares.model import FareRide, Fellow, Held
    from mobigo.fares.pricebook import PriceBook

LEAVING = {LimitKind.DEPARTURE_TO_ARRIVAL, LimitKind.DEPARTURE_TO_DEPARTURE}
"""Limits whose clock starts with a departure."""


class Chain(NamedTuple):
    """Rides paid one by one, that go on by transfer rules of a tariff."""

    tariff: str
    medium: str | None
    state: ChainState


class InUse(NamedTuple):
    """A ticket in use."""

    name: str
    """Of the product, or of what is held."""
    medium: str | None
    ends: float
    """Seconds since 1970 UTC."""
    left: int
    """Rides; -1: no limit."""


class Hand(NamedTuple):
    """What one has."""

    cards: tuple[tuple[str, float], ...] | None = None
    """Reduction cards bought, and their ends; None before the first ride."""
    chain: Chain | None = None
    tickets: tuple[InUse, ...] = ()


class _Clocks(NamedTuple):
    """Which instants of a chain matter to the transfer rules of a tariff."""

    departs: float
    """Longest limit from a departure, seconds; -inf: there is none."""
    arrives: float
    strict: bool
    """Whether a later clock may be worse: rules that take the place of others for a while."""
    most: int
    """Highest count."""
    replaces: bool
    """Whether a rule gives back what the first ride cost."""


class _Offer(NamedTuple):
    """A ticket that may be opened: on sale, or held."""

    name: str
    product: Product
    left: int | None
    cut: bool
    """Whether reductions hold for it."""
    held: Held | None = None


class Purse:
    """Pays for one traveller by one catalogue."""

    def __init__(self, book: PriceBook, fellow: Fellow, along: int, media: frozenset[str] | None) -> None:
        self.book, self.fellow, self.media = book, fellow, media
        catalogue = book.catalogue
        self.reductions = [one for one in catalogue.reductions if is_for(book, one, fellow, along)]
        self.own = tuple(list_own_cuts(fellow, self.reductions))
        self.tariffs = {one.id: one for one in catalogue.tariffs}
        self.clocks = {one.id: _read_clocks(book, one) for one in catalogue.tariffs}
        self.on = [one for one in book.media(fellow.category) if media is None or one is None or one in media]
        self.offers = [
            *(_Offer(one.id, one, book.rides_of[one.id], cut=True) for one in book.passes),
            *(_share(book, one) for one in book.shared if one.min_fellows <= 1),
            *self._list_held(),
        ]
        self.cards = [one for one in book.cards if any(cut.card == one.id for cut in self.reductions)]

    @property
    def exact(self) -> bool:
        """Whether all that is sold is counted; else something may be cheaper than it says."""
        tariffs = self.book.catalogue.tariffs
        choosing = any(
            one.product.covers is not None and one.product.covers.choice is not Choice.NOTHING for one in self.offers
        )
        return not (choosing or any(one.joins or one.throughs for one in tariffs))

    @property
    def steady(self) -> bool:
        """Whether instants of rides matter to nothing."""
        catalogue = self.book.catalogue
        spans = any(one.product.validity.mode is not ValidityMode.TRIP for one in self.offers)
        clocks = any(one.departs > -inf or one.arrives > -inf for one in self.clocks.values())
        dated = any(row.since or row.until for one in catalogue.products for row in one.prices)
        return not (spans or clocks or dated or catalogue.timeframes or self.cards or self.fellow.held)

    def pay(self, hand: Hand, ride: FareRide) -> Iterator[tuple[Hand, int]]:
        """List the ways to pay for a ride: what one has then, and cents more (below 0: something is given back)."""
        for cards, cents in self._begin(ride) if hand.cards is None else ((hand.cards, 0),):
            payer = self._payer(cards)
            own = hand._replace(cards=cards)
            for after, more in self._pay_as(own, ride, payer):
                yield after, cents + more

    def refund(self, hand: Hand) -> int:
        """Return what may be given back at most."""
        return (hand.chain.state.head or 0) if hand.chain is not None else 0

    def is_as_good(self, one: Hand, other: Hand) -> bool:
        """Whether whatever comes costs no more with one in hand than with the other."""
        if one == other:
            return True
        if one.cards != other.cards:
            return False
        if other.chain is not None and (one.chain is None or not self._goes_on_as_well(one.chain, other.chain)):
            return False
        return all(
            any(
                mine.name == its.name
                and mine.medium == its.medium
                and mine.ends >= its.ends
                and (mine.left < 0 or 0 <= its.left <= mine.left)
                for mine in one.tickets
            )
            for its in other.tickets
        )

    def _begin(self, ride: FareRide) -> Iterator[tuple[tuple[tuple[str, float], ...], int]]:
        """List the reduction cards one may buy before a first ride."""
        on_sale = []
        for card in self.cards:
            cents = self.book.cents_on_any(card, self.fellow.category, self.media, ride.service_date)
            if cents is not None:
                on_sale.append((card.id, self.book.validity_of(card, ride)[1].timestamp(), cents))
        for size in range(len(on_sale) + 1) if len(on_sale) <= MOST_CARDS else range(2):
            for some in combinations(on_sale, size):
                yield tuple((name, ends) for name, ends, _ in some), sum(cents for *_, cents in some)

    def _payer(self, cards: tuple[tuple[str, float], ...]) -> Payer:
        bought = tuple(
            Cut(one, lambda ride, ends=ends: ride.departure.timestamp() < ends)  # type: ignore[misc]
            for name, ends in cards
            for one in self.reductions
            if one.card == name
        )
        return Payer(self.fellow.category, (*self.own, *bought), 0, self.media)

    def _pay_as(self, hand: Hand, ride: FareRide, payer: Payer) -> Iterator[tuple[Hand, int]]:
        book = self.book
        tickets = tuple(one for one in hand.tickets if one.left != 0 and ride.departure.timestamp() < one.ends)
        spent = tuple(one._replace(left=0) for one in hand.tickets if one not in tickets and self._is_held(one.name))
        kept = hand._replace(chain=None, tickets=(*tickets, *spent))
        if ride.quoted is not None:
            yield kept, ride.shares[0] if ride.shares else ride.quoted
        else:
            for medium in self.on:
                yield from self._chain(kept, hand.chain, ride, payer, medium)
                for product in book.singles:
                    assert product.covers is not None
                    if book.covers(product.covers, ride):
                        found = cost_of(book, product, (ride,), payer, medium)
                        if found is not None:
                            yield kept, found[0]
        for offer in self.offers:
            if self._is_covered(offer, ride):
                yield from self._use(kept, offer, ride, payer)

    def _chain(
        self, kept: Hand, chain: Chain | None, ride: FareRide, payer: Payer, medium: str | None
    ) -> Iterator[tuple[Hand, int]]:
        for tariff in self.book.tariffs_of(ride):
            going = chain is not None and (chain.tariff, chain.medium) == (tariff.id, medium)
            for state in (None, chain.state) if going and chain is not None else (None,):
                for after, cents in extend_chain(self.book, tariff, payer, medium, ride=ride, state=state):
                    known = self._simplify(tariff, after, ride)
                    yield kept._replace(chain=known and Chain(tariff.id, medium, known)), cents

    def _simplify(self, tariff: Tariff, state: ChainState, ride: FareRide) -> ChainState | None:
        """Forget of a chain what matters to no rule."""
        if not any(rule.from_group in {None, state.group} for rule in tariff.transfers):
            return None
        clocks, now = self.clocks[tariff.id], ride.arrival.timestamp()
        return ChainState(
            state.group,
            (state.head or 0) if clocks.replaces else 0,
            min(state.in_a_row, clocks.most),
            state.departure if now - state.departure <= clocks.departs else -inf,
            state.arrival if now - state.arrival <= clocks.arrives else -inf,
        )

    def _goes_on_as_well(self, one: Chain, other: Chain) -> bool:
        if one[:2] != other[:2]:
            return False
        mine, its = one.state, other.state
        if (mine.group, mine.in_a_row) != (its.group, its.in_a_row) or (mine.head or 0) < (its.head or 0):
            return False
        if self.clocks[one.tariff].strict:
            return (mine.departure, mine.arrival) == (its.departure, its.arrival)
        return mine.departure >= its.departure and mine.arrival >= its.arrival

    # tickets

    def _list_held(self) -> Iterator[_Offer]:
        for held in self.fellow.held:
            product = self.book.products.get(held.product)
            if product is None or product.kind is ProductKind.REDUCTION_CARD:
                continue
            left = held.rides_left if held.rides_left is not None else self.book.rides_of[product.id]
            if left is None or left > 0:
                yield _Offer(f"held {held.id}", product, left, cut=False, held=held)

    def _is_held(self, name: str) -> bool:
        return any(one.name == name and one.held is not None for one in self.offers)

    def _is_covered(self, offer: _Offer, ride: FareRide) -> bool:
        """Whether a ticket is for a ride."""
        product, held = offer.product, offer.held
        chosen = held.areas if held is not None else ()
        if product.covers is None:
            covered = self.book.names(product, ride)
        else:
            covered = self.book.covers(product.covers, ride, chosen)
        if not covered or held is None:
            return covered
        begun = held.valid_from is None or held.valid_from <= ride.departure
        return begun and (held.valid_until is None or _is_in_time(product, ride, held.valid_until.timestamp()))

    def _use(self, hand: Hand, offer: _Offer, ride: FareRide, payer: Payer) -> Iterator[tuple[Hand, int]]:
        """Ride with a ticket in use, or open one."""
        mine = [one for one in hand.tickets if one.name == offer.name]
        for one in mine:
            if one.left != 0 and _is_in_time(offer.product, ride, one.ends):
                left = one.left - 1 if one.left > 0 else one.left
                yield self._swap(hand, one, one._replace(left=left)), 0
        if offer.held is not None:
            if not mine:
                ends = inf
                if offer.held.valid_from is None and offer.product.validity.mode is ValidityMode.FIRST_USE:
                    ends = self._ends(offer.product, ride)
                yield self._swap(hand, None, InUse(offer.name, None, ends, _less(offer.left))), 0
            return
        for medium in self.on:
            found = cost_of(self.book, offer.product, (ride,), payer if offer.cut else payer._replace(cuts=()), medium)
            ends = self._ends(offer.product, ride)
            if found is not None and _is_in_time(offer.product, ride, ends):
                before = next((one for one in mine if one.medium == medium), None)
                yield self._swap(hand, before, InUse(offer.name, medium, ends, _less(offer.left))), found[0]

    def _swap(self, hand: Hand, before: InUse | None, after: InUse) -> Hand:
        rest = [one for one in hand.tickets if one != before]
        if after.left or self._is_held(after.name):
            rest.append(after)
        return hand._replace(tickets=tuple(sorted(rest, key=lambda one: (one.name, one.medium or ""))))

    def _ends(self, product: Product, ride: FareRide) -> float:
        if product.validity.mode is ValidityMode.TRIP:
            return inf
        return self.book.span_of(product.validity, ride)[1].timestamp()


def _less(left: int | None) -> int:
    return -1 if left is None else left - 1


def _is_in_time(product: Product, ride: FareRide, ends: float) -> bool:
    if product.validity.ends is Moment.ALIGHTING:
        return ride.arrival.timestamp() <= ends
    return ride.departure.timestamp() < ends


def _share(book: PriceBook, product: Product) -> _Offer:
    """A ticket for several, as one alone uses it."""
    left = book.rides_of[product.id]
    return _Offer(product.id, product, left if product.max_fellows > 1 else left or 1, cut=False)


def is_strict(book: PriceBook) -> bool:
    """Whether being in time for one transfer rule may rule out another, so that a later start may be worse."""
    return any(_read_clocks(book, one).strict for one in book.catalogue.tariffs)


def _read_clocks(book: PriceBook, tariff: Tariff) -> _Clocks:
    timed = [rule for rule in tariff.transfers if rule.seconds is not None]
    groups = {rule.group for rule in tariff.legs}
    between = [book.between(tariff, before, after) for before in groups for after in groups]
    return _Clocks(
        max((rule.seconds or 0 for rule in timed if rule.limit in LEAVING), default=-inf),
        max((rule.seconds or 0 for rule in timed if rule.limit not in LEAVING), default=-inf),
        any(len({rule.count for rule in rules}) > 1 for rules in between),
        max((rule.count for rule in tariff.transfers if rule.count is not None and rule.count > 0), default=0),
        any(rule.kind is TransferKind.RULE for rule in tariff.transfers),
    )
