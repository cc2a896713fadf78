"""The cheapest lawful way to pay for a journey, exactly.

Each traveller pays each ride by one of: a chain of leg rules and transfers, a through fare, a ticket that says itself
what it covers, a pass (held, or bought because it is cheaper), or a share of something for several. The cheapest
combination is found by a dynamic programme over the rides of each traveller, and one over travellers for what they
share. Whatever is lawful is a choice, never a must: nobody pays more for holding something, or for a rule that joins.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from mobigo.fares.chains import VAT, Cut, Payer, find_runs
from mobigo.fares.cover import (
    CENT,
    UNKNOWN,
    Option,
    Pool,
    drop_beaten,
    find_options,
    list_bought,
    list_held,
    list_pools,
    too_complex,
)
from mobigo.fares.likeness import Likeness
from mobigo.fares.model import Fellow, Item, Price, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from mobigo.fares.catalogue import Product, Reduction
    from mobigo.fares.chains import Part, Run
    from mobigo.fares.cover import Step, Ticket
    from mobigo.fares.model import FareRide, Held
    from mobigo.fares.pricebook import PriceBook

MOST_WORK = 1_000_000
"""Combinations of travellers that are looked at."""
MOST_KNOWN = 20_000
"""Prices that are remembered of a catalogue."""
MOST_CARDS = 4
"""Reduction cards on sale that are tried together; of more, each alone."""


class _Asked(NamedTuple):
    """A question."""

    book: PriceBook
    rides: Sequence[FareRide]
    fellows: Sequence[Fellow]
    media: frozenset[str] | None


class _Memory(NamedTuple):
    """Prices of a catalogue found so far, by what they depend on."""

    likeness: Likeness
    prices: dict[Hashable, Price]


_memories: WeakKeyDictionary[PriceBook, _Memory] = WeakKeyDictionary()


class _Manner(NamedTuple):
    """What a traveller pays with besides tickets: cards bought for it, and as whose companion."""

    cards: tuple[tuple[Product, int], ...]
    """With their cents."""
    companion: tuple[str, ...]
    """Cards of others."""
    runs: list[list[Run]]
    tickets: list[Ticket]


class _Choice(NamedTuple):
    """What one traveller does."""

    option: Option
    manner: _Manner


def price(
    book: PriceBook, rides: Sequence[FareRide], fellows: Sequence[Fellow], media: frozenset[str] | None = None
) -> Price:
    """Find the cheapest lawful way to pay for a journey.

    Parameters
    ----------
    rides : in their order
        A ride that stays seated into the next trip is one.
    fellows : those who travel together
        Each has a category of the catalogue.
    media : ids, optional
        What tickets may be on; None: anything.

    Returns
    -------
    The price. Of rides that have none it says which; it is then that of the others, and as few as possible have none.
    """
    return date(book, look_up(book, rides, fellows, media), rides)


def look_up(
    book: PriceBook, rides: Sequence[FareRide], fellows: Sequence[Fellow], media: frozenset[str] | None = None
) -> Price:
    """Price a journey as `price` does, without the times of its tickets."""
    if not rides or not fellows:
        return Price(0, book.catalogue.currency, ())
    memory = _memories.get(book)
    if memory is None:
        memory = _memories.setdefault(book, _Memory(Likeness(book), {}))
    key = media, tuple(fellows), memory.likeness.key(rides, fellows)
    found = memory.prices.get(key)
    if found is None:
        found = _solve(_Asked(book, rides, fellows, media))
        if len(memory.prices) >= MOST_KNOWN:
            memory.prices.clear()
        memory.prices[key] = found
    return found


def date(book: PriceBook, found: Price, rides: Sequence[FareRide]) -> Price:
    """Return a price with the times and distances of a journey, found for it or for one like it."""
    return replace(found, items=tuple(_date_item(book, item, rides) for item in found.items))


def _date_item(book: PriceBook, item: Item, rides: Sequence[FareRide]) -> Item:
    if item.held is not None:
        return item
    covered = [rides[n] for n in item.rides] or [rides[0]]
    since, until = book.validity_of(book.products.get(item.product), covered[0])
    why = item.why
    if any(reason.code == "band" for reason in why):
        band = Reason("band", {"metres": sum(ride.metres for ride in covered)})
        why = tuple(band if reason.code == "band" else reason for reason in why)
    return replace(item, valid_from=since, valid_until=until, why=why)


def _solve(asked: _Asked) -> Price:
    """Find the price of a journey, without the times of its tickets."""
    book, rides, fellows, _ = asked
    held = [list_held(book, fellow, rides) for fellow in fellows]
    manners: list[list[_Manner]] = []
    plain: list[list[_Choice]] = []
    known: dict[tuple[object, ...], tuple[list[_Manner], list[_Choice]]] = {}
    for index, fellow in enumerate(fellows):
        key = _key(asked, index, fellow)
        found = known.get(key)
        if found is None:
            own = list(_list_manners(asked, index, held[index][0]))
            found = known[key] = own, [_best(own)]
        manners.append(found[0])
        plain.append(found[1])
    pools = _list_pools(asked, held, [choices[0] for choices in plain])
    if not pools:
        return _write(asked, [choices[0] for choices in plain], (), ())
    below = [choices[0].option.weight for choices in plain]
    chosen: dict[tuple[object, ...], list[_Choice]] = {}
    for index, fellow in enumerate(fellows):
        key = _key(asked, index, fellow)
        if key not in chosen:
            chosen[key] = _list_choices(pools, manners[index], below[index])
    each = [chosen[_key(asked, index, fellow)] for index, fellow in enumerate(fellows)]
    best, counts = _share(pools, each, len(fellows))
    return _write(asked, best, tuple(pools), counts)


def _key(asked: _Asked, index: int, fellow: Fellow) -> tuple[object, ...]:
    """Return what makes travellers alike."""
    shares = tuple(ride.shares[index] for ride in asked.rides if index < len(ride.shares))
    return fellow.category, fellow.held, shares


# one traveller


def _list_manners(asked: _Asked, index: int, held: list[Ticket]) -> Iterator[_Manner]:
    """List what one traveller may pay with: with and without cards on sale, and as somebody's companion."""
    book, rides, fellows, media = asked
    fellow = fellows[index]
    reductions = [one for one in book.catalogue.reductions if is_for(book, one, fellow, len(fellows))]
    own = tuple(list_own_cuts(fellow, reductions))
    payer = Payer(fellow.category, own, index, media)
    runs = find_runs(book, rides, payer)
    worth = _weigh(runs) + _rebates(book, rides)
    yield _Manner((), (), runs, _tickets(asked, payer, held, runs))
    companion = _companion_cuts(asked, index, reductions)
    cards = [
        (card, cents)
        for card in book.cards
        if any(one.card == card.id for one in reductions)
        for cents in (book.cents_on_any(card, fellow.category, media, rides[0].service_date),)
        if cents is not None and cents * CENT < worth
    ]
    sizes = range(len(cards) + 1) if len(cards) <= MOST_CARDS else range(2)
    for bought in (one for size in sizes for one in combinations(cards, size)):
        for others in [(), *((card,) for card in companion)]:
            if not bought and not others:
                continue
            cuts = [*own]
            for card, _ in bought:
                cuts += [Cut(one, _bought_holds(book, card, rides[0])) for one in reductions if one.card == card.id]
            for card_id in others:
                cuts += companion[card_id]
            payer = Payer(fellow.category, tuple(cuts), index, media)
            runs = find_runs(book, rides, payer)
            yield _Manner(bought, others, runs, _tickets(asked, payer, held, runs))


def _tickets(asked: _Asked, payer: Payer, held: list[Ticket], runs: list[list[Run]]) -> list[Ticket]:
    worth = _weigh(runs) + _rebates(asked.book, asked.rides)
    return [*held, *list_bought(asked.book, asked.rides, payer, worth + CENT)]


def _rebates(book: PriceBook, rides: Sequence[FareRide]) -> int:
    """Return what changes between rides take off at most: so much dearer may be what pays off with them."""
    return CENT * book.most_off * (len(rides) - 1)


def _weigh(runs: list[list[Run]]) -> int:
    """Return what paying run by run weighs."""
    least = [0] * (len(runs) + 1)
    for at in reversed(range(len(runs))):
        least[at] = min(
            [UNKNOWN + least[at + 1], *(CENT * run.cents + len(run.parts) + least[run.last + 1] for run in runs[at])]
        )
    return least[0]


def is_for(book: PriceBook, one: Reduction, fellow: Fellow, along: int) -> bool:
    """Whether a reduction is for a traveller, of so many together."""
    return one.min_fellows <= along and (
        not one.categories or not book.ways_of(fellow.category).isdisjoint(one.categories)
    )


def list_own_cuts(fellow: Fellow, reductions: list[Reduction]) -> Iterator[Cut]:
    """List the reductions of a traveller that need no card, or one held."""
    for one in reductions:
        if one.card is None:
            yield Cut(one, _always)
        for held in fellow.held:
            if held.product == one.card:
                yield Cut(one, _held_holds(held), held.id)


def _companion_cuts(asked: _Asked, index: int, reductions: list[Reduction]) -> dict[str, list[Cut]]:
    """List, by card, the reductions that one gets with somebody else's."""
    found: dict[str, list[Cut]] = {}
    for one in reductions:
        if one.card is None or not one.companions:
            continue
        holders = [
            _held_holds(held)
            for n, other in enumerate(asked.fellows)
            if n != index
            for held in other.held
            if held.product == one.card
        ]
        on_sale = [_bought_holds(asked.book, card, asked.rides[0]) for card in asked.book.cards if card.id == one.card]
        if len(asked.fellows) > 1 and (holders or on_sale):
            found.setdefault(one.card, []).append(Cut(one, _any_holds([*holders, *on_sale])))
    return found


def _always(_: FareRide) -> bool:
    return True


def _held_holds(held: Held) -> Callable[[FareRide], bool]:
    def holds(ride: FareRide) -> bool:
        begun = held.valid_from is None or held.valid_from <= ride.departure
        return begun and (held.valid_until is None or ride.departure < held.valid_until)

    return holds


def _bought_holds(book: PriceBook, card: Product, first: FareRide) -> Callable[[FareRide], bool]:
    _, ends = book.validity_of(card, first)
    return lambda ride: ride.departure < ends


def _any_holds(ways: list[Callable[[FareRide], bool]]) -> Callable[[FareRide], bool]:
    return lambda ride: any(holds(ride) for holds in ways)


def _best(manners: list[_Manner]) -> _Choice:
    """Return the cheapest that one traveller does alone."""
    found: _Choice | None = None
    for manner in manners:
        if manner.companion:
            continue
        spent = _spent(manner)
        below = _weigh(manner.runs)
        if manner.tickets:
            best = find_options(manner.runs, manner.tickets, (), 0, below)[0]
        else:
            best = find_options(manner.runs, (), (), 0, below)[0]
        option = best._replace(weight=best.weight + spent)
        if found is None or option.weight < found.option.weight:
            found = _Choice(option, manner)
    assert found is not None
    return found


def _spent(manner: _Manner) -> int:
    return sum(CENT * cents + 1 for _, cents in manner.cards)


# what is shared


class _Companions(NamedTuple):
    """Seats beside holders of a card."""

    card: str
    each: int
    held: int
    """Holders."""


def _list_pools(
    asked: _Asked, held: list[tuple[list[Ticket], list[Pool]]], plain: list[_Choice]
) -> list[Pool | _Companions]:
    """List what those who travel together may share."""
    book, rides, fellows, media = asked
    pools: list[Pool | _Companions] = [*_merge(pool for _, own in held for pool in own)]
    if len(fellows) > 1 or book.shared:
        payers = [Payer(fellow.category, (), n, media) for n, fellow in enumerate(fellows)]
        worth = sum(choice.option.weight + _rebates(book, rides) for choice in plain)
        pools += list_pools(book, rides, payers, worth + CENT)
    if len(fellows) > 1:
        cards = {one.card: one for one in book.catalogue.reductions if one.card is not None and one.companions}
        for card, one in cards.items():
            holders = sum(any(own.product == card for own in fellow.held) for fellow in fellows)
            on_sale = any(other.id == card for other in book.cards)
            if holders or on_sale:
                pools.append(_Companions(card, one.companions, holders))
    return pools


def _merge(pools: Iterable[Pool]) -> Iterator[Pool]:
    """Put carnets of one product that cover the same rides together: it does not matter whose ride is used."""
    together: dict[tuple[str, int, int], list[Pool]] = {}
    for pool in pools:
        if pool.seats:
            yield pool
        else:
            together.setdefault((pool.product.id, pool.stock[0][0].version, pool.mask), []).append(pool)
    for alike in together.values():
        stock = tuple(one for pool in alike for one in pool.stock)
        yield alike[0]._replace(size=sum(pool.size for pool in alike), stock=stock)


def _list_choices(pools: list[Pool | _Companions], manners: list[_Manner], below: int) -> list[_Choice]:
    """List what one traveller may do, taking from what is shared."""
    usable = [(n, pool) for n, pool in enumerate(pools) if isinstance(pool, Pool)]
    found: dict[tuple[int, ...], _Choice] = {}
    for manner in manners:
        spent = _spent(manner)
        drawn = [0] * len(pools)
        for n, pool in enumerate(pools):
            if isinstance(pool, _Companions):
                drawn[n] = (pool.card in manner.companion) - pool.each * any(
                    card.id == pool.card for card, _ in manner.cards
                )
        for option in find_options(manner.runs, manner.tickets, usable, len(pools), max(below, _weigh(manner.runs))):
            draught = tuple(a + b for a, b in zip(option.draught, drawn, strict=True))
            weight = option.weight + spent
            if draught not in found or weight < found[draught].option.weight:
                found[draught] = _Choice(Option(weight, draught, option.step), manner)
    kept = {option.draught for option in drop_beaten([choice.option for choice in found.values()])}
    return [choice for draught, choice in found.items() if draught in kept]


def _share(
    pools: list[Pool | _Companions], each: list[list[_Choice]], along: int
) -> tuple[list[_Choice], tuple[int, ...]]:
    """Choose for all travellers together; also tell how many of each pool are bought."""
    reached: dict[tuple[int, ...], tuple[int, tuple[_Choice, ...]]] = {(0,) * len(pools): (0, ())}
    work = 0
    for choices in each:
        work += len(reached) * len(choices)
        if work > MOST_WORK:
            raise too_complex()
        after: dict[tuple[int, ...], tuple[int, tuple[_Choice, ...]]] = {}
        for taken, (weight, before) in reached.items():
            for choice in choices:
                total = tuple(a + b for a, b in zip(taken, choice.option.draught, strict=True))
                if any(_is_over(pool, many) for pool, many in zip(pools, total, strict=True)):
                    continue
                more = weight + choice.option.weight
                if total not in after or more < after[total][0]:
                    after[total] = more, (*before, choice)
        reached = after
    best: tuple[int, tuple[_Choice, ...], tuple[int, ...]] | None = None
    for taken, (weight, made) in reached.items():
        counts = tuple(_count(pool, many) for pool, many in zip(pools, taken, strict=True))
        lawful = all(_is_lawful(pool, many, n, along) for pool, many, n in zip(pools, taken, counts, strict=True))
        if not lawful:
            continue
        bought = sum(
            n * (CENT * pool.cents + 1)
            for pool, n in zip(pools, counts, strict=True)
            if isinstance(pool, Pool) and not pool.stock
        )
        if best is None or weight + bought < best[0]:
            best = weight + bought, made, counts
    assert best is not None
    return list(best[1]), best[2]


def _is_over(pool: Pool | _Companions, many: int) -> bool:
    """Whether more is taken than there is, whatever others do."""
    return isinstance(pool, Pool) and pool.most is not None and many > pool.most * pool.size


def _count(pool: Pool | _Companions, many: int) -> int:
    return -(-many // pool.size) if isinstance(pool, Pool) else 0


def _is_lawful(pool: Pool | _Companions, many: int, count: int, along: int) -> bool:
    if isinstance(pool, _Companions):
        return many <= pool.each * pool.held
    return not pool.seats or count * pool.fewest <= along


# in items


def _write(
    asked: _Asked, choices: list[_Choice], pools: tuple[Pool | _Companions, ...], counts: tuple[int, ...]
) -> Price:
    """Write what is paid."""
    book, fellows = asked.book, asked.fellows
    items: list[Item] = []
    unknown: set[int] = set()
    drawn: dict[int, list[tuple[int, int]]] = {}
    for n, (fellow, choice) in enumerate(zip(fellows, choices, strict=True)):
        steps = _unroll(choice.option.step)
        without = _weigh(choice.manner.runs) // CENT
        items += (_card_item(asked, fellow, card, cents) for card, cents in choice.manner.cards)
        used: dict[tuple[int, int], list[int]] = {}
        opened: dict[int, int] = {}
        for step in steps:
            if step.run is not None:
                items += _as_items(book, step.run[1].parts, fellow)
            elif step.ticket is not None:
                ticket, at = step.ticket
                if step.fresh:
                    opened[ticket] = at
                used.setdefault((ticket, opened[ticket]), []).append(step.ride)
            elif step.pool is not None:
                drawn.setdefault(step.pool, []).append((n, step.ride))
            else:
                unknown.add(step.ride)
        items += (
            _ticket_item(asked, fellow, choice.manner.tickets[ticket], (at, *taken), without)
            for (ticket, at), taken in used.items()
        )
    for index, taken in drawn.items():
        pool = pools[index]
        assert isinstance(pool, Pool)
        items += _pool_items(asked, pool, counts[index], taken)
    items.sort(key=lambda item: (item.rides[:1], item.fellows, item.rides))
    return Price(sum(item.cents for item in items), book.catalogue.currency, tuple(items), tuple(sorted(unknown)))


def _unroll(step: Step | None) -> list[Step]:
    steps: list[Step] = []
    while step is not None:
        steps.append(step)
        step = step.before
    return steps[::-1]


def _as_items(book: PriceBook, parts: tuple[Part, ...], fellow: Fellow) -> Iterator[Item]:
    for part in parts:
        product = book.products.get(part.product)
        yield Item(
            part.product,
            book.catalogue.version,
            (fellow.id,),
            tuple(range(part.first, part.last + 1)),
            part.cents,
            product.vat_permille if product is not None else VAT,
            None,
            None,
            part.why,
            medium=part.medium,
        )


def _card_item(asked: _Asked, fellow: Fellow, card: Product, cents: int) -> Item:
    why = (Reason("card_pays_off"),)
    return Item(card.id, asked.book.catalogue.version, (fellow.id,), (), cents, card.vat_permille, None, None, why)


def _ticket_item(asked: _Asked, fellow: Fellow, ticket: Ticket, use: tuple[int, ...], without: int) -> Item:
    """Write a ticket of one's own; `use` is the ride it is opened for, then all that it is used for."""
    product, held = ticket.product, ticket.held
    at, taken = use[0], use[1:]
    if held is not None:
        return Item(
            product.id,
            held.version,
            (fellow.id,),
            taken,
            0,
            product.vat_permille,
            held.valid_from,
            held.valid_until,
            ticket.why,
            held=held.id,
        )
    about: dict[str, str | int] = {"kind": str(product.kind)}
    if without < UNKNOWN // CENT:
        about["instead"] = without
    return Item(
        product.id,
        asked.book.catalogue.version,
        (fellow.id,),
        taken,
        ticket.cents[at],
        product.vat_permille,
        None,
        None,
        (Reason("ticket_cheaper", about), *ticket.why),
        medium=ticket.medium,
    )


def _pool_items(asked: _Asked, pool: Pool, count: int, taken: list[tuple[int, int]]) -> Iterator[Item]:
    """Write tickets for several: travellers are spread evenly, carnets used up one after the other."""
    product, code = pool.product, "held" if pool.stock else "group" if pool.seats else "carnet"
    for held, uses in _share_out(pool, count, taken):
        fellows = sorted({n for n, _ in uses})
        about: dict[str, str | int] = {"kind": str(product.kind), "fellows": len(fellows), "rides": len(uses)}
        yield Item(
            product.id,
            asked.book.catalogue.version if held is None else held.version,
            tuple(asked.fellows[n].id for n in fellows),
            tuple(sorted({ride for _, ride in uses})),
            pool.cents if held is None else 0,
            product.vat_permille,
            None if held is None else held.valid_from,
            None if held is None else held.valid_until,
            (Reason(code, about),),
            held=None if held is None else held.id,
            medium=pool.medium,
        )


def _share_out(
    pool: Pool, count: int, taken: list[tuple[int, int]]
) -> Iterator[tuple[Held | None, list[tuple[int, int]]]]:
    """Say which uses (traveller, ride) are of which ticket; of what is held, those of the same rides together."""
    if pool.seats:
        persons = sorted({n for n, _ in taken})
        held = pool.stock[0][0] if pool.stock else None
        for number in range(count):
            yield held, [use for use in taken if use[0] in persons[number::count]]
        return
    rest = sorted(taken, key=lambda use: (use[1], use[0]))
    for held, left in pool.stock or ((None, pool.size),) * count:
        mine, rest = rest[:left], rest[left:]
        if held is None:
            yield held, mine
            continue
        by_rides: dict[tuple[int, ...], list[int]] = {}
        for n in sorted({n for n, _ in mine}):
            by_rides.setdefault(tuple(ride for of, ride in mine if of == n), []).append(n)
        for rides, persons in by_rides.items():
            yield held, [(n, ride) for n in persons for ride in rides]
