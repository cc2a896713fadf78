"""What may cover rides of a traveller: what is held, what is bought, and what is shared with those along.

A *ticket* is somebody's own (a pass, a day ticket); a *pool* is for several: seats of a group ticket, rides of a
carnet, companions of a reduction card. How much of each pool a traveller takes is a *draught*, one number per pool.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mobigo.fares.catalogue import Choice, Moment, ProductKind, ValidityMode
from mobigo.fares.chains import cost_of
from mobigo.fares.model import Reason
from mobigo.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mobigo.fares.catalogue import Product, Validity
    from mobigo.fares.chains import Payer, Run
    from mobigo.fares.model import FareRide, Fellow, Held
    from mobigo.fares.pricebook import PriceBook

UNKNOWN = 10**15
"""What a ride without a price weighs: more than any money."""
MOST_WAYS = 100_000
"""Ways of one traveller to be somewhere on a journey that are looked at."""
CENT = 1000
"""What a cent weighs: more than any number of things to buy."""


class Ticket(NamedTuple):
    """Something of one's own that covers rides, from one on."""

    product: Product
    masks: tuple[int, ...]
    """Rides covered, as bits, when it is first used for each; 0 where it cannot be."""
    cents: tuple[int, ...]
    """When it is bought for each; 0 of what is held."""
    why: tuple[Reason, ...]
    medium: str | None = None
    held: Held | None = None
    left: int | None = None
    """Rides; None: no limit."""


class Pool(NamedTuple):
    """Something for several."""

    product: Product
    mask: int
    """Rides it covers."""
    cents: int
    """Of one; 0 of what is held."""
    size: int
    """Seats, or rides, of one."""
    seats: bool
    """Whether a traveller takes one seat for all rides; else one ride for each."""
    fewest: int = 1
    """Travellers, of those along, that there must be for each."""
    most: int | None = None
    """How many there are at most; None: as many as one buys."""
    start: int = 0
    """Ride it is first used for."""
    medium: str | None = None
    stock: tuple[tuple[Held, int], ...] = ()
    """What of it is held, with its seats or rides; empty: it is bought."""


class Step(NamedTuple):
    """How a traveller got to a place of the journey: by a run, a ticket, a pool, or without a known price."""

    before: Step | None
    run: tuple[int, Run] | None = None
    ticket: tuple[int, int] | None = None
    """Index of the ticket, and the ride it is first used for."""
    pool: int | None = None
    ride: int = 0
    fresh: bool = False
    """Whether the ticket is opened here."""


class Option(NamedTuple):
    """One way to pay for all rides of a traveller."""

    weight: int
    draught: tuple[int, ...]
    step: Step | None


def mask_of(book: PriceBook, validity: Validity, ok: Sequence[bool], rides: Sequence[FareRide], first: int) -> int:
    """Return the rides covered by something that is first used for one of them, as bits."""
    if validity.mode is ValidityMode.TRIP:
        return sum(1 << n for n in range(first, len(rides)) if ok[n])
    begins, ends = book.span_of(validity, rides[first])
    return _within(validity, ok, rides, (begins, ends), first)


def _within(
    validity: Validity,
    ok: Sequence[bool],
    rides: Sequence[FareRide],
    window: tuple[datetime | None, datetime | None],
    first: int = 0,
) -> int:
    begins, ends = window
    mask = 0
    for n in range(first, len(rides)):
        ride = rides[n]
        late = False
        if ends is not None:
            late = ride.arrival > ends if validity.ends is Moment.ALIGHTING else ride.departure >= ends
        if ok[n] and not late and (begins is None or ride.departure >= begins):
            mask |= 1 << n
    return mask


def covered(book: PriceBook, product: Product, rides: Sequence[FareRide], chosen: Sequence[str]) -> list[bool]:
    """Tell of each ride whether a product covers it."""
    if product.covers is None:
        return [book.names(product, ride) for ride in rides]
    return [book.covers(product.covers, ride, chosen) for ride in rides]


def list_held(book: PriceBook, fellow: Fellow, rides: Sequence[FareRide]) -> tuple[list[Ticket], list[Pool]]:
    """List what a traveller holds that covers rides: their own, and what others may use too."""
    tickets: list[Ticket] = []
    pools: list[Pool] = []
    for held in fellow.held:
        product = book.products.get(held.product)
        if product is None or product.kind is ProductKind.REDUCTION_CARD:
            continue
        left = held.rides_left if held.rides_left is not None else book.rides_of[product.id]
        if left is not None and left <= 0:
            continue
        ok = covered(book, product, rides, held.areas)
        there = _within(product.validity, ok, rides, (held.valid_from, held.valid_until))
        if not there:
            continue
        allowed = [bool(there >> n & 1) for n in range(len(rides))]
        clocked = held.valid_from is None and product.validity.mode is ValidityMode.FIRST_USE
        if clocked:  # a clock that outlasts the journey is none
            clocked = mask_of(book, product.validity, allowed, rides, allowed.index(True)) != there
        if clocked:
            masks = tuple(
                mask_of(book, product.validity, allowed, rides, n) if allowed[n] else 0 for n in range(len(rides))
            )
        else:
            masks = tuple(there >> n << n if there >> n & 1 else 0 for n in range(len(rides)))
        if product.max_fellows > 1:
            pools += [
                Pool(product, mask, 0, product.max_fellows, seats=True, most=1, start=n, stock=((held, 1),))
                for n, mask in _distinct(masks)
            ]
        elif left is not None and not product.personal and not clocked:
            pools.append(Pool(product, there, 0, left, seats=False, most=1, stock=((held, left),)))
        else:
            why = (Reason("held", {"kind": str(product.kind)}),)
            tickets.append(Ticket(product, masks, (0,) * len(rides), why, held=held, left=left))
    return tickets, pools


def list_bought(book: PriceBook, rides: Sequence[FareRide], payer: Payer, below: int) -> Iterator[Ticket]:
    """List the passes and tickets of several rides that one traveller may buy for less than all rides cost otherwise.

    Parameters
    ----------
    below : int
        Weight.
    """
    for product in book.passes:
        for chosen in _choices(book, product, rides):
            ok = covered(book, product, rides, chosen)
            if not any(ok):
                continue
            for medium in book.media(payer.category):
                if payer.media is not None and medium is not None and medium not in payer.media:
                    continue
                costs = [
                    cost_of(book, product, (ride,), payer, medium) if ok[n] else None for n, ride in enumerate(rides)
                ]
                masks = tuple(
                    mask_of(book, product.validity, ok, rides, n) if cost is not None and cost[0] * CENT < below else 0
                    for n, cost in enumerate(costs)
                )
                if any(masks):
                    why = next(cost[1] for n, cost in enumerate(costs) if cost is not None and masks[n])
                    cents = tuple(cost[0] if cost is not None else 0 for cost in costs)
                    yield Ticket(product, masks, cents, why, medium, left=book.rides_of[product.id])


def list_pools(book: PriceBook, rides: Sequence[FareRide], payers: Sequence[Payer], below: int) -> Iterator[Pool]:
    """List the group tickets and carnets that those who travel together may buy for less than they pay otherwise."""
    along = len(payers)
    for product in book.shared:
        if product.min_fellows > along:
            continue
        for chosen in _choices(book, product, rides):
            ok = covered(book, product, rides, chosen)
            seen: set[tuple[int, int]] = set()
            for n, ride in enumerate(rides):
                if not ok[n]:
                    continue
                found = [
                    (cost[0], medium)
                    for payer in payers
                    for medium in book.media(payer.category)
                    if payer.media is None or medium is None or medium in payer.media
                    for cost in (cost_of(book, product, (ride,), payer._replace(cuts=()), medium),)
                    if cost is not None
                ]
                if not found:
                    continue
                cents, medium = min(found, key=lambda one: (one[0], one[1] or ""))
                mask = mask_of(book, product.validity, ok, rides, n)
                if product.max_fellows > 1:
                    mask = _first_bits(mask, book.rides_of[product.id])
                if cents * CENT >= below or (mask, cents) in seen:
                    continue
                seen.add((mask, cents))
                seats = product.max_fellows > 1
                size = product.max_fellows if seats else book.rides_of[product.id] or 1
                yield Pool(product, mask, cents, size, seats, product.min_fellows, None, n, medium)
                if not seats:
                    break


def _choices(book: PriceBook, product: Product, rides: Sequence[FareRide]) -> Iterator[tuple[str, ...]]:
    """List the areas a buyer may choose that matter for these rides."""
    covers = product.covers
    if covers is None or covers.choice is Choice.NOTHING:
        yield ()
        return
    ends = {area for ride in rides for stop in (ride.board, ride.alight) for area in book.areas_of(stop)}
    if covers.areas:
        ends &= set(covers.areas)
    many = 2 if covers.choice is Choice.PAIR else covers.areas_chosen
    yield from combinations(sorted(ends), min(many, len(ends)))


def _first_bits(mask: int, many: int | None) -> int:
    """Return the first so many rides of a mask."""
    bits = [n for n in range(mask.bit_length()) if mask >> n & 1]
    return mask if many is None else sum(1 << n for n in bits[:many])


def _distinct(masks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """List the masks that are not there yet, with where they begin."""
    seen: set[int] = set()
    for n, mask in enumerate(masks):
        if mask and mask not in seen:
            seen.add(mask)
            yield n, mask


_Opened: TypeAlias = "tuple[tuple[int, int, int], ...]"
"""Tickets in use: index, rides they still cover as bits, and how many of them (-1: no limit)."""


class _Places:
    """Places of a journey between rides, and how cheaply one can be there with what in hand."""

    def __init__(self, runs: Sequence[Sequence[Run]], tickets: Sequence[Ticket], below: int) -> None:
        self.tickets = tickets
        self.below = below
        n = len(runs)
        self.spare = [0] * (n + 1)
        """What the rides from a place on cost at least, where that is below zero."""
        for at in reversed(range(n)):
            after = (CENT * run.cents + self.spare[run.last + 1] for run in runs[at])
            self.spare[at] = min(0, self.spare[at + 1], *after)
        self.kept = 0
        self.reached: list[dict[tuple[_Opened, tuple[int, ...]], tuple[int, Step | None]]] = [{} for _ in range(n + 1)]

    def keep(self, at: int, opened: _Opened, draught: tuple[int, ...], weight: int, step: Step | None) -> None:
        """Note a way to be somewhere, unless one as cheap is known; what is spent is forgotten, but not that it was."""
        if weight + self.spare[at] > self.below:
            return
        opened = tuple(
            one if one[1] >> at and one[2] else (one[0], 0, 0)
            for one in opened
            if (one[1] >> at and one[2]) or self.tickets[one[0]].held is not None
        )
        known = self.reached[at].get((opened, draught))
        if known is None:
            self.kept += 1
            if self.kept > MOST_WAYS:
                raise too_complex()
        if known is None or weight < known[0]:
            self.reached[at][opened, draught] = weight, step

    def use(self, at: int, opened: _Opened, draught: tuple[int, ...], weight: int, step: Step | None) -> None:
        """Ride on with a ticket in use."""
        for ticket, mask, left in opened:
            if mask >> at & 1:
                spent = ticket, mask, left - 1 if left > 0 else left
                after = tuple(sorted((*(one for one in opened if one[0] != ticket), spent)))
                self.keep(at + 1, after, draught, weight, Step(step, ticket=(ticket, -1), ride=at))

    def open(self, at: int, opened: _Opened, draught: tuple[int, ...], weight: int, step: Step | None) -> None:
        """Ride on with a ticket that is first used here."""
        for index, one in enumerate(self.tickets):
            known = next((mask for of, mask, _ in opened if of == index), None)
            if not one.masks[at] >> at & 1 or (known is not None and (one.held is not None or known >> at & 1)):
                continue
            fresh = index, one.masks[at], -1 if one.left is None else one.left - 1
            after = tuple(sorted((*(other for other in opened if other[0] != index), fresh)))
            more = CENT * one.cents[at] + (one.held is None)
            self.keep(at + 1, after, draught, weight + more, Step(step, ticket=(index, at), ride=at, fresh=True))


def find_options(
    runs: Sequence[Sequence[Run]],
    tickets: Sequence[Ticket],
    pools: Sequence[tuple[int, Pool]],
    n_pools: int,
    below: int,
) -> list[Option]:
    """Find the ways to pay for all rides of one traveller that no other beats in weight and in what of pools they take.

    Parameters
    ----------
    pools : pairs of index and pool
        That this traveller may use.
    below : int
        Weight above which nothing is wanted.
    """
    n = len(runs)
    places = _Places(runs, tickets, below)
    places.keep(0, (), (0,) * n_pools, 0, None)
    for at in range(n):
        for (opened, draught), (weight, step) in places.reached[at].items():
            for run in runs[at]:
                more = CENT * run.cents + len(run.parts)
                places.keep(run.last + 1, opened, draught, weight + more, Step(step, run=(at, run)))
            if tickets:
                places.use(at, opened, draught, weight, step)
                places.open(at, opened, draught, weight, step)
            for index, pool in pools:
                if pool.mask >> at & 1:
                    taken = 1 if pool.seats else draught[index] + 1
                    after = (*draught[:index], taken, *draught[index + 1 :])
                    places.keep(at + 1, opened, after, weight, Step(step, pool=index, ride=at))
            places.keep(at + 1, opened, draught, weight + UNKNOWN, Step(step, ride=at))
    ends: dict[tuple[int, ...], Option] = {}
    for (_, draught), (weight, last) in places.reached[n].items():
        if draught not in ends or weight < ends[draught].weight:
            ends[draught] = Option(weight, draught, last)
    return drop_beaten(list(ends.values()))


def too_complex() -> Refused:
    """Say that there are too many ways to pay to compare all."""
    return Refused(
        "there are too many ways to share what these travellers have to compare them all; ask for fewer of them at"
        " once, or with fewer carnets and tickets",
        code="price_too_complex",
    )


def drop_beaten(options: list[Option]) -> list[Option]:
    """Leave out options that take no less of anything than another and cost no less."""
    kept: list[Option] = []
    for one in sorted(options, key=lambda one: (one.weight, one.draught)):
        if not any(all(a <= b for a, b in zip(other.draught, one.draught, strict=True)) for other in kept):
            kept.append(one)
    return kept
