"""Every way to pay for a short journey, tried one by one; shares nothing with the engine but the nouns.

Written from the rules: GTFS Fares v2 for legs, joins and transfers, and the docstrings of the catalogue for the rest.
Times are those of one zone without a change of clocks.
"""

from __future__ import annotations

from itertools import product as every
from typing import TYPE_CHECKING, NamedTuple

from mobigo.fares.catalogue import Moment, ProductKind, TransferKind, Unit, ValidityMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mobigo.fares.catalogue import Catalogue, LegRule, Product, Tariff, TransferRule
    from mobigo.fares.model import FareRide, Fellow

LIMITS = {0: ("departure", "arrival"), 1: ("departure", "departure"), 2: ("arrival", "departure"), 3: ("arrival",) * 2}
SECONDS = {Unit.MINUTE: 60, Unit.HOUR: 3600}


class Plan(NamedTuple):
    """How one traveller pays."""

    unknown: int
    cents: int
    groups: frozenset[tuple[str, int]]
    """Product and first ride of the group tickets one has a seat on."""
    carnets: tuple[str, ...]
    """A ticket id for each ride taken from a carnet of somebody's."""
    companion: bool


class Town:
    """A catalogue and a journey."""

    def __init__(self, catalogue: Catalogue, rides: Sequence[FareRide], fellows: Sequence[Fellow]) -> None:
        self.catalogue = catalogue
        self.tariff: Tariff = catalogue.tariffs[0]
        self.products = {one.id: one for one in catalogue.products}
        self.rides = rides
        self.fellows = fellows
        self.bought: dict[tuple[str, int], int] = {}
        """Of the traveller and the manner that plans are listed for."""

    # what there is

    def areas(self, stop: str | None) -> set[str]:
        return {one.id for one in self.catalogue.areas if stop in one.stops}

    def networks(self, ride: FareRide) -> set[str]:
        return {one.id for one in self.catalogue.networks if ride.route in one.routes}

    def rules(self, first: int, last: int) -> list[LegRule]:
        """Leg rules of the rides joined."""
        networks = set.intersection(*(self.networks(self.rides[n]) for n in range(first, last + 1))) or set.union(
            *(self.networks(self.rides[n]) for n in range(first, last + 1))
        )
        ends = {
            "network": networks,
            "from_area": self.areas(self.rides[first].board),
            "to_area": self.areas(self.rides[last].alight),
        }
        found = []
        for rule in self.tariff.legs:
            fits = True
            for field, values in ends.items():
                wanted = getattr(rule, field)
                if wanted is not None:
                    fits &= wanted in values
                elif not self.tariff.priorities:
                    named = {getattr(other, field) for other in self.tariff.legs}
                    fits &= not values & named
            for frame, instant in (
                (rule.from_timeframe, self.rides[first].departure),
                (rule.to_timeframe, self.rides[last].arrival),
            ):
                if frame is not None:
                    fits &= self.in_frame(frame, instant)
            if fits:
                found.append(rule)
        if self.tariff.priorities and found:
            top = max(rule.priority for rule in found)
            found = [rule for rule in found if rule.priority == top]
        return found

    def in_frame(self, name: str, instant: datetime) -> bool:
        frame = next(one for one in self.catalogue.timeframes if one.id == name)
        clock = instant.hour * 3600 + instant.minute * 60 + instant.second
        days = {one.id: one for one in self.catalogue.days}
        return any(
            span.start <= clock < span.end and instant.weekday() in days[span.days].weekdays for span in frame.spans
        )

    def joined(self, first: int, last: int) -> bool:
        """Whether rides in a row are one leg."""
        return all(
            any(
                rule.from_network in {None, *self.networks(self.rides[n])}
                and rule.to_network in {None, *self.networks(self.rides[n + 1])}
                and self.rides[n].alight == self.rides[n + 1].board
                for rule in self.tariff.joins
            )
            for n in range(first, last)
        )

    # what it costs

    def price(self, product: Product, category: str, medium: str | None) -> int | None:
        rows = [row for row in product.prices if row.medium in {None, medium}]
        for one in (category, None):
            own = [row for row in rows if row.category == one]
            exact = [row for row in own if row.medium is not None]
            if own:
                return (exact or own)[0].cents
        return None

    def cost(self, product: Product, fellow: Fellow, medium: str | None, first: int, *, companion: bool) -> int | None:
        """Cents of a product first used for a ride, after the best reduction."""
        plain = self.price(product, fellow.category, medium)
        if plain is None:
            return None
        return min([plain, *self.reduced(product, plain, fellow, first, companion=companion)])

    def reduced(self, product: Product, plain: int, fellow: Fellow, first: int, *, companion: bool) -> Iterator[int]:
        for one in self.catalogue.reductions:
            if one.products and product.id not in one.products:
                continue
            if not one.products and product.kind is not ProductKind.SINGLE:
                continue
            if one.categories and fellow.category not in one.categories:
                continue
            if len(self.fellows) < one.min_fellows:
                continue
            if one.timeframe is not None and not self.in_frame(one.timeframe, self.rides[first].departure):
                continue
            if one.card is not None:
                own = any(held.product == one.card for held in fellow.held)
                if not own and not (companion and one.companions):
                    continue
            exact = plain * (1000 - one.permille)
            step = 1000 * one.step
            low = exact // step * one.step
            yield low + one.step if 2 * (exact - low * 1000) >= step else low

    def transfers(self, before: str | None, after: str | None) -> list[TransferRule]:
        rules = self.tariff.transfers
        if before is None or after is None:
            return []
        exact = [rule for rule in rules if rule.from_group == before and rule.to_group == after]
        if exact:
            return exact
        froms, tos = {rule.from_group for rule in rules}, {rule.to_group for rule in rules}
        return [
            rule
            for rule in rules
            if (rule.from_group == before or (rule.from_group is None and before not in froms))
            and (rule.to_group == after or (rule.to_group is None and after not in tos))
        ]

    def chain(
        self,
        legs: list[tuple[int, int, LegRule, TransferRule | None]],
        fellow: Fellow,
        medium: str | None,
        *,
        companion: bool,
    ) -> int | None:
        """Cents of legs each of which but the first is reached by a transfer rule; None where that is not lawful."""
        total = 0
        clock = legs[0][:2]
        for n, (first, last, rule, by) in enumerate(legs):
            own = self.cost(self.products[rule.product], fellow, medium, first, companion=companion)
            if own is None:
                return None
            if n == 0:
                total = own
                continue
            assert by is not None
            before = legs[n - 1][2]
            if not self.lawful(legs, n, clock, fellow, medium, companion=companion):
                return None
            extra = 0
            if by.product is not None:
                found = self.cost(self.products[by.product], fellow, medium, first, companion=companion)
                assert found is not None
                extra = found
            if by.kind is TransferKind.FROM_AND_RULE:
                total += extra
            elif by.kind is TransferKind.FROM_RULE_AND_TO:
                total += extra + own
                clock = first, last
            elif n == 1:
                a = self.cost(self.products[before.product], fellow, medium, legs[0][0], companion=companion)
                assert a is not None
                total += extra - a
            else:
                total += extra
        return total

    def lawful(
        self,
        legs: list[tuple[int, int, LegRule, TransferRule | None]],
        n: int,
        clock: tuple[int, int],
        fellow: Fellow,
        medium: str | None,
        *,
        companion: bool,
    ) -> bool:
        """Whether the transfer to a leg may be made by its rule."""
        first, last, rule, by = legs[n]
        before, after = legs[n - 1][2].group, rule.group

        def usable(one: TransferRule) -> bool:
            if one.product is not None:
                cents = self.cost(self.products[one.product], fellow, medium, first, companion=companion)
                if cents is None:
                    return False
            if one.seconds is None:
                return True
            assert one.limit is not None
            begin, end = LIMITS[list(type(one.limit)).index(one.limit)]
            start = self.rides[clock[0]].departure if begin == "departure" else self.rides[clock[1]].arrival
            stop = self.rides[first].departure if end == "departure" else self.rides[last].arrival
            return (stop - start).total_seconds() <= one.seconds

        in_a_row = 1
        k = n - 1
        while before == after and k > 0 and legs[k - 1][2].group == after:
            in_a_row += 1
            k -= 1

        def most(one: TransferRule) -> int:
            return 99 if one.count in {None, -1} else one.count  # type: ignore[return-value]

        fitting = [
            one for one in self.transfers(before, after) if usable(one) and (before != after or most(one) >= in_a_row)
        ]
        return by in fitting and most(by) == min(most(one) for one in fitting)  # type: ignore[arg-type]

    # what covers by itself

    def covers(self, product: Product, ride: FareRide) -> bool:
        covers = product.covers
        if covers is None:
            return False
        return (not covers.networks or bool(self.networks(ride) & set(covers.networks))) and (
            not covers.areas
            or bool(self.areas(ride.board) & set(covers.areas) and self.areas(ride.alight) & set(covers.areas))
        )

    def holds(self, product: Product, first: int, ride: int) -> bool:
        """Whether something first used for one ride is still valid for another."""
        if ride < first or not self.covers(product, self.rides[ride]) or not self.covers(product, self.rides[first]):
            return False
        validity, begin, here = product.validity, self.rides[first], self.rides[ride]
        if validity.mode is ValidityMode.TRIP:
            return True
        if validity.unit in SECONDS:
            taken = (here.arrival if validity.ends is Moment.ALIGHTING else here.departure) - begin.departure
            most = validity.count * SECONDS[validity.unit]
            return taken.total_seconds() <= most if validity.ends is Moment.ALIGHTING else taken.total_seconds() < most
        assert validity.unit is Unit.DAY
        assert validity.count == 1

        def day(instant: datetime) -> int:
            return int((instant.toordinal() * 86_400 + instant.hour * 3600 + instant.minute * 60 - validity.day_starts)
                       // 86_400)  # fmt: skip

        return day(begin.departure) == day(here.departure)

    # one traveller

    def plans(self, fellow: Fellow) -> set[Plan]:
        """All ways in which one traveller may pay."""
        found: set[Plan] = set()
        media = sorted({row.medium for one in self.catalogue.products for row in one.prices if row.medium})
        companion_possible = any(
            held.product == one.card
            for one in self.catalogue.reductions
            if one.companions
            for other in self.fellows
            if other is not fellow
            for held in other.held
        )
        for companion in (False, True) if companion_possible else (False,):
            self.bought = self.list_bought(fellow, companion=companion)
            for parts in self.splits(0):
                options = [list(self.part_plans(part, fellow, [None, *media], companion=companion)) for part in parts]
                for chosen in every(*options):
                    plan = self.put_together(chosen, companion=companion)
                    if plan is not None:
                        found.add(plan)
        return found

    def splits(self, at: int) -> Iterator[list[tuple[int, ...]]]:
        """All ways to cut the rides into stretches: paid as one chain, or (a single ride) by something else."""
        if at == len(self.rides):
            yield []
            return
        for end in range(at, len(self.rides)):
            for rest in self.splits(end + 1):
                yield [(at, end), *rest]

    def part_plans(
        self, part: tuple[int, ...], fellow: Fellow, media: Sequence[str | None], *, companion: bool
    ) -> Iterator[tuple[str, object, int]]:
        """Ways to pay for a stretch: kind, what of, cents."""
        first, last = part
        for medium in media:
            for legs in self.leg_splits(first, last):
                cents = self.chain(legs, fellow, medium, companion=companion)
                if cents is not None:
                    yield "run", None, cents
        if first != last:
            return
        yield "unknown", None, 0
        yield from self.ticket_plans(first)
        yield from self.held_plans(first, fellow)

    def ticket_plans(self, ride: int) -> Iterator[tuple[str, object, int]]:
        """Tickets for several rides that may be bought for a ride, or for one before."""
        ridden = {ProductKind.SINGLE, ProductKind.TRANSFER, ProductKind.REDUCTION_CARD}
        for one in self.catalogue.products:
            if one.kind not in ridden and one.with_journey:
                for start in range(ride + 1):
                    if self.holds(one, start, ride):
                        yield ("group" if one.max_fellows > 1 else "ticket"), (one.id, start), 0

    def held_plans(self, number: int, fellow: Fellow) -> Iterator[tuple[str, object, int]]:
        """What is held and covers a ride."""
        ride = self.rides[number]
        for owner in self.fellows:
            for held in owner.held:
                one = self.products[held.product]
                if one.kind is ProductKind.REDUCTION_CARD or not self.covers(one, ride):
                    continue
                if one.kind is ProductKind.CARNET:
                    if owner is fellow or not one.personal:
                        yield "carnet", held.id, 0
                    continue
                assert held.valid_from is not None
                assert held.valid_until is not None
                if owner is fellow and held.valid_from <= ride.departure < held.valid_until:
                    yield "held", None, 0

    def leg_splits(self, first: int, last: int) -> Iterator[list[tuple[int, int, LegRule, TransferRule | None]]]:
        """All chains of legs and rules over a stretch."""

        def go(at: int) -> Iterator[list[tuple[int, int, LegRule, TransferRule | None]]]:
            if at > last:
                yield []
                return
            for end in range(at, last + 1):
                if not self.joined(at, end):
                    break
                for rule in self.rules(at, end):
                    if self.products[rule.product].kind is not ProductKind.SINGLE:
                        continue
                    for by in (None,) if at == first else self.tariff.transfers:
                        for rest in go(end + 1):
                            yield [(at, end, rule, by), *rest]

        yield from go(first)

    def put_together(self, chosen: Sequence[tuple[str, object, int]], *, companion: bool) -> Plan | None:
        """One plan: each ticket bought once for all it covers; None where a limit on rides is passed."""
        cents = sum(one for _, _, one in chosen)
        unknown = sum(kind == "unknown" for kind, _, _ in chosen)
        groups = frozenset(what for kind, what, _ in chosen if kind == "group")
        carnets = tuple(sorted(str(what) for kind, what, _ in chosen if kind == "carnet"))
        uses: dict[tuple[str, int], int] = {}
        for kind, what, _ in chosen:
            if kind == "ticket":
                uses[what] = uses.get(what, 0) + 1  # type: ignore[index, arg-type]
        for (name, start), many in uses.items():
            most = self.products[name].rides
            if most is not None and many > most:
                return None
            cents += self.bought.get((name, start), 10**9)
        return Plan(unknown, cents, groups, carnets, companion)  # type: ignore[arg-type]

    # all together

    def cheapest(self) -> tuple[int, int]:
        """Fewest rides (of travellers) without a price, and the least cents then."""
        each = []
        for fellow in self.fellows:
            plans = [one for one in self.plans(fellow) if one.cents < 10**9]
            each.append([one for one in plans if not any(_beats(other, one) for other in plans)])
        best: tuple[int, int] | None = None
        for together in every(*each):
            found = self.total(together)
            if found is not None and (best is None or found < best):
                best = found
        assert best is not None
        return best

    def list_bought(self, fellow: Fellow, *, companion: bool) -> dict[tuple[str, int], int]:
        """Cents of each ticket for one, by the ride it is first used for; a companion's reduction holds for it too."""
        return {
            (one.id, start): cents
            for one in self.catalogue.products
            if one.max_fellows == 1
            for start in range(len(self.rides))
            for cents in [self.ticket_price(one, fellow, start, companion=companion)]
            if cents is not None
        }

    def ticket_price(self, product: Product, fellow: Fellow, start: int, *, companion: bool) -> int | None:
        media = {row.medium for row in product.prices}
        found = [self.cost(product, fellow, medium, start, companion=companion) for medium in media]
        return min((cents for cents in found if cents is not None), default=None)

    def total(self, together: Sequence[Plan]) -> tuple[int, int] | None:
        left = {held.id: held.rides_left for fellow in self.fellows for held in fellow.held}
        for plan in together:
            for one in plan.carnets:
                left[one] = (left[one] or 0) - 1
        if any(many is not None and many < 0 for many in left.values()):
            return None
        seats = sum(
            max((one.companions for one in self.catalogue.reductions if one.card == held.product), default=0)
            for fellow in self.fellows
            for held in fellow.held
        )
        if sum(plan.companion for plan in together) > seats:
            return None
        cents = sum(plan.cents for plan in together)
        for name, start in frozenset[tuple[str, int]]().union(*(plan.groups for plan in together)):
            product = self.products[name]
            many = sum((name, start) in plan.groups for plan in together)
            tickets = -(-many // product.max_fellows)
            if tickets * product.min_fellows > len(self.fellows):
                return None
            cents += tickets * min(row.cents for row in product.prices if row.cents is not None)
        return sum(plan.unknown for plan in together), cents


def _beats(one: Plan, other: Plan) -> bool:
    """Whether a plan takes no more of anything than another, and less of something."""
    if one is other or one == other:
        return False
    if (one.groups, one.carnets, one.companion) != (other.groups, other.carnets, other.companion):
        return False
    return (one.unknown, one.cents) <= (other.unknown, other.cents)
