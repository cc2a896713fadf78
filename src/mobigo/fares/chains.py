"""What rides one after the other cost one traveller when they are paid ride by ride: leg rules, joins, transfers.

A *chain* is a run of rides each of which, but the first, is reached by a transfer rule from the one before; a *leg* is
one ride, or several joined into one. The clock of a chain starts at the last leg whose own product was paid, for it is
that ticket one goes on with; a count counts transfers in a row between legs of the same group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mobigo.fares.catalogue import LimitKind, ProductKind, TransferKind
from mobigo.fares.model import Reason, RideKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mobigo.fares.catalogue import Product, Reduction, Tariff, TransferRule
    from mobigo.fares.model import FareRide
    from mobigo.fares.pricebook import PriceBook, Seen

_Offer: TypeAlias = "Callable[[int, int, int, Callable[[], tuple[Part, ...]]], None]"
"""Takes first ride, last ride, cents, and how to list what is paid."""
ENDLESS = 1 << 30
VAT = 100
"""Permille, of what a service says a price for that the catalogue has no product for."""


class Cut(NamedTuple):
    """A reduction that a traveller gets, and why."""

    reduction: Reduction
    holds: Callable[[FareRide], bool]
    """Whether the card was valid when a ride leaves."""
    by: str | None = None
    """Id of the card held; None: none is needed, or it is bought, or a companion's."""


class Payer(NamedTuple):
    """Who pays: as far as it changes what a ride costs."""

    category: str
    cuts: tuple[Cut, ...] = ()
    number: int = 0
    """Among those who travel; of what a service says for each."""
    media: frozenset[str] | None = None
    """What the ticket may be on; None: anything."""


class Part(NamedTuple):
    """One thing to pay: becomes an `Item` when it is known for whom."""

    product: str
    first: int
    last: int
    """Rides it covers."""
    cents: int
    why: tuple[Reason, ...]
    medium: str | None = None


class Run(NamedTuple):
    """The cheapest way to pay for the rides from one to another, alone."""

    last: int
    cents: int
    parts: tuple[Part, ...]


class _Way(NamedTuple):
    """One way to pay for a leg by itself."""

    group: str | None
    product: Product
    cents: int
    why: tuple[Reason, ...]


class ChainState(NamedTuple):
    """What of a chain decides how it may go on."""

    group: str | None
    head: int | None
    """Cents of its only leg; None once it has more."""
    in_a_row: int
    """Transfers in a row between legs of this group."""
    departure: float
    arrival: float
    """Of the leg the clock runs from."""


class _Trail(NamedTuple):
    """How a state was reached."""

    cents: int
    before: _Trail | None
    part: Part
    replaces: bool = False
    """It takes the place of the one before."""
    extends: bool = False
    """It covers nothing new to pay: the one before reaches further."""


class _Desk(NamedTuple):
    """A journey, who pays for it, and on what medium."""

    book: PriceBook
    rides: Sequence[FareRide]
    payer: Payer
    medium: str | None


def find_runs(book: PriceBook, rides: Sequence[FareRide], payer: Payer) -> list[list[Run]]:
    """Find, for each ride and each later one, the cheapest way to pay for those from the one to the other.

    Returns
    -------
    One list per first ride, by last ride; rides that nothing pays together are not there.
    """
    best: list[dict[int, Run]] = [{} for _ in rides]

    def offer(first: int, last: int, cents: int, parts: Callable[[], tuple[Part, ...]]) -> None:
        known = best[first].get(last)
        if known is None or cents < known.cents:
            best[first][last] = Run(last, cents, parts())

    media = [one for one in book.media(payer.category) if payer.media is None or one is None or one in payer.media]
    tariffs = {tariff.id: tariff for ride in rides if ride.quoted is None for tariff in book.tariffs_of(ride)}
    for medium in media:
        desk = _Desk(book, rides, payer, medium)
        for tariff in tariffs.values():
            if tariff.legs:
                _chain(desk, tariff, offer)
            _run_through(desk, tariff, offer)
        _cover_one(desk, offer)
    for index, ride in enumerate(rides):
        if ride.quoted is not None:
            part = _quoted(book, ride, index, payer)
            offer(index, index, part.cents, lambda part=part: (part,))  # type: ignore[misc]
    return [[runs[last] for last in sorted(runs)] for runs in best]


def _chain(desk: _Desk, tariff: Tariff, offer: _Offer) -> None:
    """Offer all chains of one tariff."""
    rides, medium = desk.rides, desk.medium
    legs = _Legs(desk, tariff)
    for begin in range(len(rides)):
        reached: dict[int, dict[ChainState, _Trail]] = {}
        for last in legs.ends(begin):
            for way in legs.ways(begin, last):
                state = ChainState(way.group, way.cents, 0, *legs.times(begin, last))
                part = Part(way.product.id, begin, last, way.cents, way.why, medium)
                _keep(reached.setdefault(last + 1, {}), state, _Trail(way.cents, None, part))
        for position in range(begin + 1, len(rides) + 1):
            states = reached.get(position)
            if not states:
                continue
            trail = min(states.values(), key=lambda trail: trail.cents)
            offer(begin, position - 1, trail.cents, lambda trail=trail: _unwind(trail))  # type: ignore[misc]
            if position == len(rides) or not tariff.transfers:
                continue
            for last in legs.ends(position):
                there = reached.setdefault(last + 1, {})
                for state, trail in states.items():
                    for after, onward in legs.go_on(state, trail, position, last):
                        _keep(there, after, onward)


def _keep(states: dict[ChainState, _Trail], state: ChainState, trail: _Trail) -> None:
    known = states.get(state)
    if known is None or trail.cents < known.cents:
        states[state] = trail


class _Legs:
    """The legs of a journey by the rules of one tariff on one medium."""

    def __init__(self, desk: _Desk, tariff: Tariff) -> None:
        self.book, self.rides, self.payer, self.medium = book, rides, _, _ = desk
        self.tariff = tariff
        self.zone = book.zone_of(tariff)
        spoken = [ride.quoted is None and tariff in book.tariffs_of(ride) for ride in rides]
        self._reach = [-1] * len(rides)
        """Last ride that is one leg with this one."""
        for index in reversed(range(len(rides))):
            if not spoken[index]:
                continue
            joined = (
                index + 1 < len(rides)
                and spoken[index + 1]
                and bool(tariff.joins)
                and book.joins(tariff, rides[index], rides[index + 1])
            )
            self._reach[index] = self._reach[index + 1] if joined else index
        self._ways: dict[tuple[int, int], tuple[_Way, ...]] = {}

    def ends(self, first: int) -> range:
        """Last rides of the legs that begin with a ride."""
        return range(first, self._reach[first] + 1)

    def times(self, first: int, last: int) -> tuple[float, float]:
        """Departure and arrival of a leg, seconds."""
        return self.rides[first].departure.timestamp(), self.rides[last].arrival.timestamp()

    def ways(self, first: int, last: int) -> tuple[_Way, ...]:
        """List the ways to pay for a leg by itself."""
        found = self._ways.get((first, last))
        if found is None:
            rides = self.rides[first : last + 1]
            found = self._ways[first, last] = tuple(self._find_ways(rides, self.book.see(rides, self.zone)))
        return found

    def _find_ways(self, rides: Sequence[FareRide], seen: Seen) -> Iterator[_Way]:
        cheapest: dict[tuple[str | None, str], _Way] = {}
        for rule in self.book.rules(self.tariff, seen):
            product = self.book.products.get(rule.product)
            if product is None or not self.book.is_ridden(product) or (rule.group, product.id) in cheapest:
                continue
            found = cost_of(self.book, product, rides, self.payer, self.medium)
            if found is not None:
                cents, why = found
                about: dict[str, str | int] = {"group": rule.group} if rule.group else {}
                if len(rides) > 1:
                    why = (Reason("joined", {"rides": len(rides)}), *why)
                cheapest[rule.group, product.id] = _Way(rule.group, product, cents, (Reason("leg_rule", about), *why))
        yield from cheapest.values()

    def go_on(self, state: ChainState, trail: _Trail, first: int, last: int) -> Iterator[tuple[ChainState, _Trail]]:
        """List the ways a chain goes on with a leg."""
        departure, arrival = self.times(first, last)
        for way in self.ways(first, last):
            same = way.group == state.group
            count = state.in_a_row + 1 if same else 1
            rules = [
                (rule, found)
                for rule in self.book.between(self.tariff, state.group, way.group)
                if _in_time(rule, state, departure, arrival)
                and (rule.count is None or rule.count < 0 or rule.count >= count or not same)
                for found in (self._cost_of_rule(rule, first, last),)
                if found is not None
            ]
            if not rules:
                continue
            least = min(_most(rule) for rule, _ in rules)
            for rule, (cents, why) in rules:
                if _most(rule) == least:
                    yield self._transfer(state, trail, rule, way, (first, last, count if same else 0, cents, why))

    def _transfer(
        self,
        state: ChainState,
        trail: _Trail,
        rule: TransferRule,
        way: _Way,
        how: tuple[int, int, int, int, tuple[Reason, ...]],
    ) -> tuple[ChainState, _Trail]:
        first, last, count, cents, why = how
        about: dict[str, str | int] = {} if rule.seconds is None else {"seconds": rule.seconds}
        why = (Reason("transfer", about), *why)
        product = rule.product
        if rule.kind is TransferKind.FROM_RULE_AND_TO:
            after = ChainState(way.group, None, count, *self.times(first, last))
            if product is not None and cents:
                trail = _Trail(trail.cents + cents, trail, Part(product, first, last, cents, why, self.medium))
                why = ()
            part = Part(way.product.id, first, last, way.cents, (*way.why, *why), self.medium)
            return after, _Trail(trail.cents + way.cents, trail, part)
        after = ChainState(way.group, None, count, state.departure, state.arrival)
        if rule.kind is TransferKind.RULE and state.head is not None:
            part = Part(product or trail.part.product, trail.part.first, last, cents, why, self.medium)
            return after, _Trail(trail.cents - state.head + cents, trail, part, replaces=True)
        if product is None or not cents:
            part = Part(trail.part.product, first, last, 0, why, self.medium)
            return after, _Trail(trail.cents + cents, trail, part, extends=True)
        return after, _Trail(trail.cents + cents, trail, Part(product, first, last, cents, why, self.medium))

    def _cost_of_rule(self, rule: TransferRule, first: int, last: int) -> tuple[int, tuple[Reason, ...]] | None:
        """Return what a transfer costs; None where its product is not for this traveller."""
        if rule.product is None:
            return 0, ()
        product = self.book.products.get(rule.product)
        if product is None:
            return None
        return cost_of(self.book, product, self.rides[first : last + 1], self.payer, self.medium)


def extend_chain(
    book: PriceBook, tariff: Tariff, payer: Payer, medium: str | None, *, ride: FareRide, state: ChainState | None
) -> Iterator[tuple[ChainState, int]]:
    """List how a chain goes on with a ride that no rule joins to another, or begins with it, and what that costs more.

    Parameters
    ----------
    state : ChainState, optional
        None: it begins.
    """
    legs = _Legs(_Desk(book, (ride,), payer, medium), tariff)
    if not legs.ends(0):
        return
    if state is None:
        for way in legs.ways(0, 0):
            yield ChainState(way.group, way.cents, 0, *legs.times(0, 0)), way.cents
        return
    nothing = _Trail(0, None, Part("", 0, 0, 0, (), medium))
    for after, onward in legs.go_on(state, nothing, 0, 0):
        yield after, onward.cents


def _most(rule: TransferRule) -> int:
    return ENDLESS if rule.count is None or rule.count < 0 else rule.count


def _in_time(rule: TransferRule, state: ChainState, departure: float, arrival: float) -> bool:
    if rule.seconds is None:
        return True
    leaving = rule.limit in {LimitKind.DEPARTURE_TO_ARRIVAL, LimitKind.DEPARTURE_TO_DEPARTURE}
    arriving = rule.limit in {LimitKind.DEPARTURE_TO_ARRIVAL, LimitKind.ARRIVAL_TO_ARRIVAL}
    taken = (arrival if arriving else departure) - (state.departure if leaving else state.arrival)
    return taken <= rule.seconds


def _unwind(trail: _Trail | None) -> tuple[Part, ...]:
    """List the things to pay, in the order of the rides."""
    parts: list[Part] = []
    steps: list[_Trail] = []
    while trail is not None:
        steps.append(trail)
        trail = trail.before
    for step in reversed(steps):
        if step.replaces:
            parts[-1] = step.part
        elif step.extends:
            before = parts[-1]
            parts[-1] = before._replace(last=step.part.last, why=(*before.why, *step.part.why))
        else:
            parts.append(step.part)
    return tuple(parts)


def _run_through(desk: _Desk, tariff: Tariff, offer: _Offer) -> None:
    """Offer the through fares of a tariff."""
    book, rides, payer, medium = desk
    for through in tariff.throughs:
        product = book.products.get(through.product)
        if product is None or product.max_fellows != 1:
            continue
        for first in range(len(rides)):
            for last in range(first, len(rides)):
                if rides[last].quoted is not None or tariff not in book.tariffs_of(rides[last]):
                    break
                chain = rides[first : last + 1]
                if not book.holds_through(through, chain):
                    continue
                found = cost_of(book, product, chain, payer, medium)
                if found is not None:
                    about: dict[str, str | int] = {} if through.seconds is None else {"seconds": through.seconds}
                    why = (Reason("through_fare", about), *found[1])
                    part = Part(product.id, first, last, found[0], why, medium)
                    offer(first, last, part.cents, lambda part=part: (part,))  # type: ignore[misc]


def _cover_one(desk: _Desk, offer: _Offer) -> None:
    """Offer products for one ride that say themselves which they cover."""
    book, rides, payer, medium = desk
    for product in book.singles:
        assert product.covers is not None
        for index, ride in enumerate(rides):
            if ride.quoted is None and book.covers(product.covers, ride):
                found = cost_of(book, product, (ride,), payer, medium)
                if found is not None:
                    part = Part(product.id, index, index, found[0], (Reason("covers"), *found[1]), medium)
                    offer(index, index, part.cents, lambda part=part: (part,))  # type: ignore[misc]


def _quoted(book: PriceBook, ride: FareRide, index: int, payer: Payer) -> Part:
    """Return what a service that has a price of its own says."""
    wanted = ProductKind.CARPOOL if ride.kind is RideKind.CARPOOL else ProductKind.ON_DEMAND
    product = next((one.id for one in book.products.values() if one.kind is wanted), str(wanted))
    cents = ride.shares[payer.number] if payer.number < len(ride.shares) else ride.quoted
    assert cents is not None
    return Part(product, index, index, cents, (Reason("quoted"),))


def cost_of(
    book: PriceBook, product: Product, rides: Sequence[FareRide], payer: Payer, medium: str | None
) -> tuple[int, tuple[Reason, ...]] | None:
    """Return what a product costs for some rides, and why; None where it is not for this traveller.

    Of several reductions the best counts.
    """
    first = rides[0]
    metres = sum(ride.metres for ride in rides)
    cents = book.cents(product, payer.category, medium, first.service_date, metres)
    if cents is None:
        return None
    why: tuple[Reason, ...] = ()
    if book.is_by_distance(product):
        why = (Reason("band", {"metres": metres}),)
    best, by = cents, None
    for cut in payer.cuts:
        one = cut.reduction
        if one.products and product.id not in one.products:
            continue
        if not one.products and product.kind is not ProductKind.SINGLE:
            continue
        if not _is_reduced(book, cut, rides):
            continue
        reduced = book.reduce(cents, one)
        if reduced < best:
            best, by = reduced, cut
    if by is not None:
        about: dict[str, str | int] = {
            "reduction": by.reduction.id,
            "permille": by.reduction.permille,
            "before": cents,
        }
        if by.by is not None:
            about["card"] = by.by
        why = (*why, Reason("reduction", about))
    return best, why


def _is_reduced(book: PriceBook, cut: Cut, rides: Sequence[FareRide]) -> bool:
    """Whether a reduction holds for rides paid together."""
    one = cut.reduction
    if one.kinds and any(ride.kind not in one.kinds for ride in rides):
        return False
    if one.networks and any(book.networks_of(ride).isdisjoint(one.networks) for ride in rides):
        return False
    return book.boards_in(one.timeframe, rides[0]) and all(cut.holds(ride) for ride in rides)
