"""What the rides of a card's day cost, and what they would cost with everything that could have been bought."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from itertools import combinations, product
from typing import TYPE_CHECKING, NamedTuple

from mobigo.fares.catalogue import CapPeriod, Choice, Product, ProductKind, Unit, Validity, ValidityMode
from mobigo.fares.cover import covered
from mobigo.fares.model import Fellow, Held
from mobigo.fares.pricebook import PriceBook
from mobigo.fares.store import REGION
from mobigo.fares.validity import span
from mobigo.ticketing.best import Alike, Day, Offer, Window, find_ways
from mobigo.ticketing.taps import Ride, Whole, day_begins, transport_day
from mobigo.ticketing.taps_store import Billed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date

    from mobigo.fares.catalogue import Cap, Catalogue
    from mobigo.fares.model import FareRide, Price

    Pricer = Callable[[PriceBook, Sequence[FareRide], Sequence[Fellow]], Price]

BUYABLE = frozenset(
    {
        ProductKind.CARNET,
        ProductKind.DAY,
        ProductKind.WEEK,
        ProductKind.MONTH,
        ProductKind.YEAR,
        ProductKind.PASS,
        ProductKind.REDUCTION_CARD,
    }
)
"""What one buys for more than the ride at hand."""

HOURS = frozenset({Unit.MINUTE, Unit.HOUR})

CAP = "cap:"
"""How the id of a cap's product begins."""

CAPPED = {
    CapPeriod.DAY: Validity(ValidityMode.FIXED, 1, Unit.DAY),
    CapPeriod.WEEK: Validity(ValidityMode.FIXED, 1, Unit.WEEK),
    CapPeriod.MONTH: Validity(ValidityMode.FIXED, 1, Unit.MONTH),
    CapPeriod.ROLLING_WEEK: Validity(ValidityMode.ROLLING, 7, Unit.DAY),
    CapPeriod.ROLLING_MONTH: Validity(ValidityMode.ROLLING, 30, Unit.DAY),
}
"""A cap is a product that nobody needs to buy: who has paid its price rides on."""

LONGEST_CHANGE = 7_200
"""Seconds between two rides of one journey, where no rule of the catalogue allows more."""

MOST_RIDES = 6
"""Rides of one journey: what goes on after that is another one."""

LONGEST_CHOICE = 40
"""Choices of areas that are looked at for one product and day."""


class Known(NamedTuple):
    """A ride of a day, as it is priced."""

    ride: Ride
    may_be: tuple[FareRide, ...]
    """What it may have been; the dearest counts."""
    fixed: int | None
    """What a forgotten tap costs by rule."""


@dataclass(frozen=True)
class Priced:
    """A day, priced."""

    day: Day
    rides: tuple[Billed, ...]
    vat: int
    """Cents in the price of the first way."""
    offers: tuple[Offer, ...]
    """That its ways name."""
    unpriced: int
    """Rides for which the catalogue has no product: they cost nothing."""
    split: dict[str, list[int]]
    """By operator: rides, metres, and cents of its rides alone."""


class TapTariff:
    """A catalogue, as cards are billed by it.

    Parameters
    ----------
    catalogue : Catalogue
    price : callable
        `fares.price.price`.
    hide : callable
        Makes of areas that somebody would have chosen a word that says nothing.
    """

    def __init__(self, catalogue: Catalogue, price: Pricer, hide: Callable[[str], str]) -> None:
        caps = tuple(_product_of(cap) for cap in catalogue.caps)
        self.catalogue = replace(catalogue, products=catalogue.products + caps)
        self.book = PriceBook(self.catalogue)
        self._categories = frozenset(one.id for one in catalogue.categories)
        self._operators = {agency: one.id for one in catalogue.operators for agency in one.agencies}
        self._change_seconds = _change_seconds(catalogue)
        self._price = price
        self._hide = hide

    def count(self, day: date, rides: Sequence[Known], category: str | None, earlier: Iterable[Offer] = ()) -> Priced:
        """Price the rides of a transport day in all ways.

        Parameters
        ----------
        category : str, optional
            Rider category that was proved; one that the catalogue does not have counts as none.
        earlier : iterable
            Offers counted in hours that ways of days before name.
        """
        who = category if category in self._categories else self.book.default or ""
        fixed = [one for one in rides if one.fixed is not None]
        free = [one for one in rides if one.fixed is None and one.ride.whole is not Whole.TURNED_BACK]
        chosen = [self._dearest(one.may_be, who) for one in free]
        least = sum(one.fixed or 0 for one in fixed)
        pieces = [_Piece(self, who, piece) for piece in self._cut(chosen)]
        bare = [piece.bare for piece in pieces]
        held = self._list_offers(day, chosen, who, earlier) if any(one.cents for one in bare) else {}
        alike: dict[tuple[object, ...], list[str]] = {}
        for key, (offer, having) in held.items():
            alone = tuple(cents for piece in pieces for cents in piece.weigh(having))
            alike.setdefault((alone, key if offer.rides is not None else None), []).append(key)
        kinds = {
            Alike(tuple(keys), held[keys[0]][0].rides, alone): held[keys[0]][1]
            for (alone, _), keys in alike.items()
            if isinstance(alone, tuple)
        }

        def cost(having: Sequence[tuple[Alike, int | None]]) -> int:
            return least + _share([(kinds[one], left) for one, left in having], pieces)

        base = tuple(cents for piece in pieces for cents in piece.alone)
        ways = find_ways(base, cost, list(kinds))
        named = {key for way in ways for keys, _ in way.needs for key in keys}
        billed = [one for piece, known in zip(pieces, _split(free, pieces), strict=True) for one in piece.bill(known)]
        return Priced(
            Day(day, ways),
            (*billed, *(Billed(None, None, one.fixed or 0, one.ride.whole) for one in fixed)),
            sum(vat_within(item.cents, item.vat_permille) for one in bare for item in one.items),
            tuple(held[key][0] for key in sorted(named)),
            sum(len(one.unknown) for one in bare),
            self._split([(ride.agency, ride.metres, cents) for ride, cents in zip(chosen, base, strict=True)], fixed),
        )

    def _split(self, rides: Sequence[tuple[str, int, int]], fixed: Sequence[Known]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for agency, metres, cents in [*rides, *((one.ride.agency, 0, one.fixed or 0) for one in fixed)]:
            own = found[self._operators.get(agency, agency)]
            own[0] += 1
            own[1] += metres
            own[2] += cents
        return {operator: found[operator] for operator in sorted(found)}

    def _cut(self, rides: Sequence[FareRide]) -> list[list[FareRide]]:
        """Cut a day into journeys: what lies further apart than any change may take is another one."""
        pieces: list[list[FareRide]] = []
        for ride in rides:
            last = pieces[-1][-1] if pieces else None
            if last is None or (ride.departure - last.arrival).total_seconds() > self._change_seconds:
                pieces.append([])
            if len(pieces[-1]) == MOST_RIDES:
                pieces.append([])
            pieces[-1].append(ride)
        return pieces

    def ask(self, rides: Sequence[FareRide], who: str, held: Sequence[Held] = ()) -> Price:
        """Price one journey of one traveller."""
        return self._price(self.book, rides, [Fellow("1", who, tuple(held))])

    def _dearest(self, may_be: Sequence[FareRide], who: str) -> FareRide:
        """Return the one that costs most by itself; one that has no price only where none has."""
        if len(may_be) == 1:
            return may_be[0]
        prices = [self.ask([one], who) for one in may_be]
        return max(zip(may_be, prices, strict=True), key=lambda one: (one[1].complete, one[1].cents, one[0].metres))[0]

    def _list_offers(
        self, day: date, rides: Sequence[FareRide], who: str, earlier: Iterable[Offer]
    ) -> dict[str, tuple[Offer, Held]]:
        """List what could have been bought for a day or before, by key, and how it would be held."""
        found: dict[str, tuple[Offer, Held]] = {}
        for one in self.catalogue.products:
            if not self._is_buyable(one, day) or not self._least(one, who, day):
                continue
            for areas in self._choices(one, rides):
                for offer, having in self._place(one, who, day, rides, areas):
                    found[offer.key] = offer, having
        _drop_dearer(found, self.book)
        begins = day_begins(day, self.book.zone)
        for offer in earlier:
            name = offer.key.rpartition("@")[0]
            if offer.till is not None and offer.till > begins and name in self.book.products:
                found[offer.key] = offer, self._hold(offer, name, (), day)
        return found

    def _is_buyable(self, one: Product, day: date) -> bool:
        sold = (one.sold_from is None or one.sold_from <= day) and (one.sold_until is None or day <= one.sold_until)
        lasts = one.validity.mode is not ValidityMode.TRIP
        return sold and one.kind in BUYABLE and one.min_fellows == 1 and lasts

    def _least(self, product: Product, who: str, day: date) -> int | None:
        """Return what a product costs on whatever it is cheapest."""
        prices = [self.book.cents(product, who, medium, day, 0) for medium in self.book.media(who)]
        return min((one for one in prices if one is not None), default=None)

    def _worth(self, carnet: Product) -> int | None:
        """Return what one ride of a carnet saves at most; None where prices hang on the distance."""
        networks = carnet.covers.networks if carnet.covers is not None else ()
        if not networks or any(one.throughs for one in self.catalogue.tariffs):
            return None
        named = {
            rule.product
            for tariff in self.catalogue.tariffs
            for rule in tariff.legs
            if rule.network is None or rule.network in networks
        }
        rows = [row for name in named if name in self.book.products for row in self.book.products[name].prices]
        fixed = [row.cents for row in rows if row.cents is not None]
        return max(fixed, default=0) if len(fixed) == len(rows) else None

    def _choices(self, product: Product, rides: Sequence[FareRide]) -> list[tuple[str, ...]]:
        """List what a buyer could choose so that it helps: areas of these rides."""
        covers = product.covers
        if covers is None or covers.choice is Choice.NOTHING:
            return [()]
        may = frozenset(covers.areas) or frozenset(one.id for one in self.catalogue.areas)
        ends = [(self.book.areas_of(ride.board) & may, self.book.areas_of(ride.alight) & may) for ride in rides]
        if covers.choice is Choice.PAIR:
            pairs = {tuple(sorted((a, b))) for board, alight in ends for a in board for b in alight if a != b}
            return sorted(pairs)[:LONGEST_CHOICE]
        areas = sorted({area for pair in ends for some in pair for area in some})
        others = sorted(may.difference(areas))[: max(0, covers.areas_chosen - len(areas))]
        chosen = combinations(sorted([*areas, *others]), covers.areas_chosen)
        return [one for one, _ in zip(chosen, range(LONGEST_CHOICE), strict=False)]

    def _place(
        self, product: Product, who: str, day: date, rides: Sequence[FareRide], areas: tuple[str, ...]
    ) -> list[tuple[Offer, Held]]:
        """Say when a product would be valid that is bought for a day: of hours, from each ride on."""
        own = "" if self.catalogue.id == REGION else f"{self.catalogue.id}/"
        key = f"{product.id}@{own}{self.catalogue.version}" + (f"[{self._hide('/'.join(areas))}]" if areas else "")
        validity, cents = product.validity, self._least(product, who, day) or 0
        if validity.unit not in HOURS or validity.mode is ValidityMode.FIXED:
            window, length = _window(validity)
            offer = Offer(
                key, cents, window, length, product.rides, ends=validity.last,
                covers=self._hide(f"{own}{product.covers}{areas}") if product.covers is not None else "",
                worth=self._worth(product) if product.rides is not None else None,
            )  # fmt: skip
            if validity.first is not None and not validity.first <= day <= (validity.last or day):
                return []
            return [(offer, self._hold(offer, product.id, areas, day))]
        found = []
        for start in sorted({ride.departure.astimezone(UTC) for ride in rides}):
            since, till = span(validity, start, self.book.zone)
            last = transport_day(till - timedelta(seconds=1), self.book.zone)
            offer = Offer(
                f"{key}#{start:%Y%m%dT%H%M%S}", cents, Window.DAYS, (last - day).days + 1, product.rides,
                first=day, last=day, since=since, till=till,
            )  # fmt: skip
            found.append((offer, self._hold(offer, product.id, areas, day)))
        return found

    def _hold(self, offer: Offer, product: str, areas: tuple[str, ...], day: date) -> Held:
        """Say how somebody holds a product all day, or for its hours."""
        since = offer.since or day_begins(day, self.book.zone)
        till = offer.till or day_begins(day + timedelta(days=2), self.book.zone)
        return Held(offer.key, product, self.catalogue.version, since, till, offer.rides, areas)


def series_of(key: str) -> str:
    """Return by which series of catalogues an offer is sold, of its key."""
    own, there, _ = key.rpartition("@")[2].partition("/")
    return own if there else REGION


def _product_of(cap: Cap) -> Product:
    return Product(
        id=f"{CAP}{cap.id}",
        name=cap.name,
        kind=ProductKind.PASS,
        prices=cap.prices,
        validity=replace(CAPPED[cap.period], day_starts=cap.day_starts),
        covers=cap.covers,
        media=cap.media,
        with_journey=False,
    )


def _window(validity: Validity) -> tuple[Window, int]:
    """Say a validity in transport days."""
    fixed, count = validity.mode is ValidityMode.FIXED, validity.count
    if validity.unit is Unit.WEEK:
        return (Window.WEEKS, count) if fixed else (Window.DAYS, 7 * count)
    if validity.unit is Unit.MONTH:
        return (Window.MONTHS if fixed else Window.ROLLING_MONTHS), count
    if validity.unit is Unit.YEAR:
        return (Window.YEARS, count) if fixed else (Window.ROLLING_MONTHS, 12 * count)
    return Window.DAYS, count


class _Piece:
    """One journey of a day, priced as often as need be and no oftener."""

    def __init__(self, tariff: TapTariff, who: str, rides: list[FareRide]) -> None:
        self._tariff, self._who, self.rides = tariff, who, rides
        self.bare = tariff.ask(rides, who)
        self.alone = tuple(tariff.ask([ride], who).cents for ride in rides)
        self._weighed: dict[str, tuple[int, ...]] = {}
        self._known: dict[tuple[object, ...], int] = {(): self.bare.cents}

    def weigh(self, having: Held) -> tuple[int, ...]:
        """Say what each ride costs by itself to who holds something."""
        found = self._weighed.get(having.id)
        if found is None:
            book = self._tariff.book
            product = book.products[having.product]
            if product.kind is ProductKind.REDUCTION_CARD:
                found = tuple(self._tariff.ask([ride], self._who, [having]).cents for ride in self.rides)
            else:
                found = tuple(
                    0 if there and having.valid_from <= ride.departure < having.valid_until else cents
                    for ride, there, cents in zip(
                        self.rides, covered(book, product, self.rides, having.areas), self.alone, strict=True
                    )
                    if having.valid_from is not None and having.valid_until is not None
                )
            self._weighed[having.id] = found
        return found

    def cost(self, held: Sequence[tuple[Held, int | None]]) -> int:
        """Say what the journey costs to who holds some things, with the rides left of each."""
        helping = {}
        for having, left in held:
            weight = self.weigh(having)
            if left != 0 and weight != self.alone:
                helping[weight, having.id if left is not None else None, left] = (having, left)
        key = tuple(sorted(helping, key=str))
        found = self._known.get(key)
        if found is None:
            if any(not any(weight) and left is None for weight, _, left in key):
                found = 0
            else:
                found = self._tariff.ask(
                    self.rides, self._who, [replace(having, rides_left=left) for having, left in helping.values()]
                ).cents
            self._known[key] = found
        return found

    def bill(self, known: Sequence[Known]) -> list[Billed]:
        """Say what is paid for the rides of the journey by who holds nothing."""
        return [
            Billed(item.product, item.version, item.cents, known[item.rides[0]].ride.whole)
            for item in self.bare.items
            if item.rides
        ]


def _split(known: Sequence[Known], pieces: Sequence[_Piece]) -> list[Sequence[Known]]:
    """Split rides as journeys are."""
    found, first = [], 0
    for piece in pieces:
        found.append(known[first : first + len(piece.rides)])
        first += len(piece.rides)
    return found


def _share(held: Sequence[tuple[Held, int | None]], pieces: Sequence[_Piece]) -> int:
    """Say what journeys cost together: rides of carnets go to those where they help most."""
    free = [(having, left) for having, left in held if left is None]
    counted = [(having, left) for having, left in held if left is not None]
    least = {tuple(left for _, left in counted): 0}
    for piece in pieces:
        after: dict[tuple[int, ...], int] = {}
        for left, cents in least.items():
            for used in product(*(range(min(count, len(piece.rides)) + 1) for count in left)):
                spent = [(having, count) for (having, _), count in zip(counted, used, strict=True)]
                rest = tuple(count - taken for count, taken in zip(left, used, strict=True))
                sum_ = cents + piece.cost([*free, *spent])
                if sum_ < after.get(rest, sum_ + 1):
                    after[rest] = sum_
        least = after
    return min(least.values())


def _drop_dearer(found: dict[str, tuple[Offer, Held]], book: PriceBook) -> None:
    """Drop offers that cost more than another one that covers the same for as long."""
    cheapest: dict[tuple[object, ...], str] = {}
    for key in sorted(found, key=lambda one: (found[one][0].cents, one)):
        offer, having = found[key]
        covers = book.products[having.product].covers
        if covers is None or offer.since is not None:
            continue
        same = covers, having.areas, offer.window, offer.length, offer.ends, offer.rides
        if cheapest.setdefault(same, key) != key:
            del found[key]


def _change_seconds(catalogue: Catalogue) -> int:
    """Return how long a change may take at most by the rules of a catalogue, at least two hours."""
    limits = [rule.seconds for tariff in catalogue.tariffs for rule in tariff.transfers]
    limits += [through.seconds for tariff in catalogue.tariffs for through in tariff.throughs]
    return max([LONGEST_CHANGE, *(one for one in limits if one is not None)])


def vat_within(cents: int, permille: int) -> int:
    """Return the VAT within a price, halves up."""
    return (2 * cents * permille + 1000 + permille) // (2 * (1000 + permille))
