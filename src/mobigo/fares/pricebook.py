"""A catalogue laid out for pricing: what a ride is of, which rules match it, what a product costs whom.

Read many times, written once; the same catalogue always opens to the same book.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from datetime import UTC, datetime, timezone
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from mobigo.fares.catalogue import Choice, ProductKind, Validity
from mobigo.fares.model import RideKind
from mobigo.fares.validity import span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, tzinfo

    from mobigo.fares.catalogue import (
        Catalogue,
        Coverage,
        DistanceScale,
        LegRule,
        PriceRow,
        Product,
        Reduction,
        Tariff,
        ThroughFare,
        TransferRule,
    )
    from mobigo.fares.model import FareRide

NOTHING: frozenset[str] = frozenset()
RIDE_KINDS = frozenset({ProductKind.SINGLE, ProductKind.CARPOOL, ProductKind.ON_DEMAND, ProductKind.TRANSFER})
"""Products for one ride, where they say nothing else."""
ANYBODY = "anybody"
"""Category of a traveller of whom a catalogue without categories knows nothing."""
KILOMETRE = 1000
MILLI = 1000


class Seen(NamedTuple):
    """A ride, or rides joined into one, as rules see it."""

    networks: frozenset[str]
    kinds: frozenset[RideKind]
    board: frozenset[str]
    """Areas of the first stop."""
    alight: frozenset[str]
    departure: datetime
    """Local."""
    arrival: datetime
    metres: int


class PriceBook:
    """A catalogue, laid out."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.zone = ZoneInfo(catalogue.timezone)
        self.products = {product.id: product for product in catalogue.products}
        self.rides_of = {product.id: _rides_of(product) for product in catalogue.products}
        self.default = next((one.id for one in catalogue.categories if one.default), ANYBODY)
        self.singles = tuple(one for one in catalogue.products if one.covers is not None and self.is_ridden(one))
        """Products for one ride that say themselves which they cover."""
        self.passes = tuple(one for one in catalogue.products if self._is_pass(one))
        """Products for several rides of one traveller."""
        self.shared = tuple(one for one in catalogue.products if self._is_shared(one))
        """Group tickets, and carnets that several may use."""
        self.cards = tuple(
            one for one in catalogue.products if one.kind is ProductKind.REDUCTION_CARD and one.with_journey
        )
        self.most_off = max([0, *(-row.cents for one in catalogue.products for row in one.prices if row.cents)])
        """Cents that a change takes off at most."""
        self.passing = any(row.contains for one in catalogue.tariffs for fare in one.throughs for row in fare.rows)
        """Whether it matters which stops a ride passes."""
        self._also = {one.id: one.also for one in catalogue.categories}
        self._scales = {one.id: one for one in catalogue.scales}
        self._days = {one.id: one for one in catalogue.days}
        self._frames = {one.id: one.spans for one in catalogue.timeframes}
        areas: dict[str, set[str]] = defaultdict(set)
        for area in catalogue.areas:
            for stop in area.stops:
                areas[stop].add(area.id)
        self._areas = {stop: frozenset(found) for stop, found in areas.items()}
        self._zones = {one.id: ZoneInfo(one.timezone) for one in catalogue.tariffs}
        self._networks: dict[tuple[RideKind, str, str], frozenset[str]] = {}
        self._rules: dict[tuple[object, ...], tuple[LegRule, ...]] = {}
        self._between: dict[tuple[str, str, str], tuple[TransferRule, ...]] = {}
        self._media: dict[str, tuple[str | None, ...]] = {}
        self._fitting: dict[tuple[str, str, str | None], tuple[PriceRow, ...]] = {}

    # what a ride is of

    def networks_of(self, ride: FareRide) -> frozenset[str]:
        """Return the networks a ride is of: those it names, and those of its route, agency, feed and kind."""
        key = ride.kind, ride.route, ride.agency
        found = self._networks.get(key)
        if found is None:
            line = ride.kind is RideKind.LINE
            source = source_of(ride)
            found = self._networks[key] = frozenset(
                one.id
                for one in self.catalogue.networks
                if ride.kind in one.kinds
                or ride.route in one.routes
                or (line and (ride.agency in one.agencies or source in one.sources))
            )
        return found.union(ride.networks) if ride.networks else found

    def areas_of(self, stop: str | None) -> frozenset[str]:
        """Return the areas of a stop; none of a place that is no stop."""
        return NOTHING if stop is None else self._areas.get(stop, NOTHING)

    def see(self, rides: Sequence[FareRide], zone: ZoneInfo | None = None) -> Seen:
        """See rides one after the other as one."""
        first, last = rides[0], rides[-1]
        networks = self.networks_of(first)
        if len(rides) > 1:
            each = [self.networks_of(ride) for ride in rides]
            networks = frozenset.intersection(*each) or frozenset.union(*each)
        return Seen(
            networks,
            frozenset(ride.kind for ride in rides),
            self.areas_of(first.board),
            self.areas_of(last.alight),
            localise(first.departure, zone or self.zone),
            localise(last.arrival, zone or self.zone),
            sum(ride.metres for ride in rides),
        )

    def is_in(self, timeframe: str | None, local: datetime) -> bool:
        """Whether an instant, by the clock of its place, is in a timeframe; no timeframe holds all."""
        if timeframe is None:
            return True
        clock = local.hour * 3600 + local.minute * 60 + local.second
        return any(
            span.start <= clock < span.end and span.days in self._days and self._days[span.days].holds(local.date())
            for span in self._frames.get(timeframe, ())
        )

    def covers(self, coverage: Coverage, ride: FareRide, chosen: Iterable[str] = ()) -> bool:
        """Whether something covers a ride, by its own conditions.

        Parameters
        ----------
        chosen : ids of areas
            By the buyer; empty: the coverage asks for no choice.
        """
        kinds, networks = coverage.kinds, coverage.networks
        if ride.quoted is not None and not kinds and not networks:
            return False  # what has a price of its own is covered by what names it only
        return (
            (not kinds or ride.kind in kinds)
            and (not networks or not self.networks_of(ride).isdisjoint(networks))
            and self._lies_in(coverage, ride, tuple(chosen))
            and (coverage.max_metres is None or ride.metres <= coverage.max_metres)
            and self.boards_in(coverage.timeframe, ride)
        )

    def _lies_in(self, coverage: Coverage, ride: FareRide, chosen: tuple[str, ...]) -> bool:
        ends = self.areas_of(ride.board), self.areas_of(ride.alight)
        for areas in (coverage.areas, chosen):
            if areas and any(end.isdisjoint(areas) for end in ends):
                return False
        if coverage.choice is Choice.NOTHING or chosen:
            return True
        both = ends[0] & ends[1] if coverage.choice is Choice.AREAS and coverage.areas_chosen == 1 else ends[0]
        return bool(both) and (not coverage.areas or not both.isdisjoint(coverage.areas))

    # which rules match

    def tariffs_of(self, ride: FareRide) -> tuple[Tariff, ...]:
        """List the tariffs that speak of a ride."""
        source = source_of(ride)
        line = ride.kind is RideKind.LINE
        return tuple(one for one in self.catalogue.tariffs if not line or not one.sources or source in one.sources)

    def zone_of(self, tariff: Tariff) -> ZoneInfo:
        """Return the zone of a tariff's clock."""
        return self._zones[tariff.id]

    def rules(self, tariff: Tariff, seen: Seen) -> tuple[LegRule, ...]:
        """List the leg rules of a tariff that hold for a ride."""
        named = self._named[tariff.id]
        key = (
            tariff.id,
            seen.networks,
            seen.board,
            seen.alight,
            frozenset(frame for frame in named.from_frames if self.is_in(frame, seen.departure)),
            frozenset(frame for frame in named.to_frames if self.is_in(frame, seen.arrival)),
        )
        found = self._rules.get(key)
        if found is None:
            found = self._rules[key] = self._match(tariff, named, seen)
        return found

    def _match(self, tariff: Tariff, named: _Named, seen: Seen) -> tuple[LegRule, ...]:
        def fits(wanted: str | None, there: frozenset[str], others: frozenset[str]) -> bool:
            if wanted is not None:
                return wanted in there
            return tariff.priorities or there.isdisjoint(others)

        found = [
            rule
            for rule in tariff.legs
            if fits(rule.network, seen.networks, named.networks)
            and fits(rule.from_area, seen.board, named.from_areas)
            and fits(rule.to_area, seen.alight, named.to_areas)
            and self.is_in(rule.from_timeframe, seen.departure)
            and self.is_in(rule.to_timeframe, seen.arrival)
        ]
        if tariff.priorities and found:
            best = max(rule.priority for rule in found)
            found = [rule for rule in found if rule.priority == best]
        return tuple(found)

    def between(self, tariff: Tariff, before: str | None, after: str | None) -> tuple[TransferRule, ...]:
        """List the transfer rules from one leg group to another: those that name both, else those with empty fields."""
        if before is None or after is None or not tariff.transfers:
            return ()
        key = tariff.id, before, after
        found = self._between.get(key)
        if found is None:
            rules = tariff.transfers
            found = tuple(rule for rule in rules if (rule.from_group, rule.to_group) == (before, after))
            if not found:
                froms = {rule.from_group for rule in rules}
                tos = {rule.to_group for rule in rules}
                found = tuple(
                    rule
                    for rule in rules
                    if (rule.from_group == before or (rule.from_group is None and before not in froms))
                    and (rule.to_group == after or (rule.to_group is None and after not in tos))
                )
            self._between[key] = found
        return found

    def joins(self, tariff: Tariff, before: FareRide, after: FareRide) -> bool:
        """Whether two rides one after the other count as one."""
        for rule in tariff.joins:
            if rule.from_network is not None and rule.from_network not in self.networks_of(before):
                continue
            if rule.to_network is not None and rule.to_network not in self.networks_of(after):
                continue
            if rule.from_stop is not None or rule.to_stop is not None:
                left, boarded = (before.alight, before.stations[1]), (after.board, after.stations[0])
                if rule.from_stop in left and rule.to_stop in boarded:
                    return True
            elif _meets(before, after):
                return True
        return False

    def knows(self, ride: FareRide) -> bool:
        """Whether the catalogue speaks of a ride: a network holds it, or a tariff its feed."""
        source = source_of(ride)
        line = ride.kind is RideKind.LINE
        return bool(self.networks_of(ride)) or (
            line and any(source in tariff.sources for tariff in self.catalogue.tariffs)
        )

    def holds_through(self, through: ThroughFare, rides: Sequence[FareRide]) -> bool:
        """Whether a through fare holds for rides one after the other."""
        if through.agency is not None and any(ride.agency != through.agency for ride in rides):
            return False
        if through.transfers is not None and len(rides) > through.transfers + 1:
            return False
        taken = (rides[-1].departure - rides[0].departure).total_seconds()
        if through.seconds is not None and taken > through.seconds:
            return False
        if not through.rows:
            return True
        board, alight = self.areas_of(rides[0].board), self.areas_of(rides[-1].alight)
        passed: set[str] = set()
        for ride in rides:
            for stop in ride.passes or (ride.board, ride.alight):
                passed |= self.areas_of(stop)
        routes = {
            row.route
            for row in through.rows
            if (row.from_area is None or row.from_area in board)
            and (row.to_area is None or row.to_area in alight)
            and (not row.contains or passed == set(row.contains))
        }
        return bool(routes) and (None in routes or all(ride.route in routes for ride in rides))

    # what it costs

    def media(self, category: str) -> tuple[str | None, ...]:
        """List the media that make a difference to what a category pays; None: whatever it is on."""
        found = self._media.get(category)
        if found is None:
            names = sorted({
                name
                for product in self.catalogue.products
                for name in (*product.media, *(row.medium for row in product.prices))
                if name is not None
            })  # fmt: skip
            alike: dict[tuple[object, ...], str | None] = {}
            for name in (None, *names):
                rows = tuple(self._rows(product, category, name) for product in self.catalogue.products)
                if name is None or any(rows):
                    alike.setdefault(rows, name)
            found = self._media[category] = tuple(alike.values())
        return found

    def _rows(self, product: Product, category: str, medium: str | None) -> tuple[PriceRow, ...]:
        """List the rows of a product that fit a category and a medium best, of each way of being of a category."""
        if product.media and medium not in product.media:
            return ()
        rows = [row for row in product.prices if row.medium in {None, medium}]
        found: list[PriceRow] = []
        for n, name in enumerate((category, *self._also.get(category, ()))):
            own = [row for row in rows if row.category == name]
            if not own and n == 0:
                own = [row for row in rows if row.category is None]
            exact = [row for row in own if row.medium is not None]
            days = {(row.since, row.until) for row in exact}
            found += exact
            found += [row for row in own if row.medium is None and (row.since, row.until) not in days]
        return tuple(found)

    def cents(self, product: Product, category: str, medium: str | None, day: date, metres: int) -> int | None:
        """Return what a product costs somebody on a day of travel; None where it is not for them.

        Parameters
        ----------
        metres : int
            Of the rides it covers, for scales.
        """
        key = product.id, category, medium
        rows = self._fitting.get(key)
        if rows is None:
            rows = self._fitting[key] = self._rows(product, category, medium)
        found: int | None = None
        for row in rows:
            if (row.since is not None and day < row.since) or (row.until is not None and day > row.until):
                continue
            one = row.cents if row.scale is None else self._by_distance(row.scale, metres)
            if one is not None and (found is None or one < found):
                found = one
        return found

    def cents_on_any(self, product: Product, category: str, media: frozenset[str] | None, day: date) -> int | None:
        """Return what a product costs somebody on the cheapest medium."""
        found = [
            self.cents(product, category, medium, day, 0)
            for medium in self.media(category)
            if media is None or medium is None or medium in media
        ]
        return min((cents for cents in found if cents is not None), default=None)

    def ways_of(self, category: str) -> frozenset[str]:
        """Return a category and those whose prices it may pay too."""
        return frozenset((category, *self._also.get(category, ())))

    def reduction_name(self, reduction: str, language: str) -> str:
        """Return what a reduction is called."""
        found = next((one.name.of(language) for one in self.catalogue.reductions if one.id == reduction), None)
        return reduction if found is None else found

    def _by_distance(self, scale: str, metres: int) -> int | None:
        found = self._scales.get(scale)
        return None if found is None else by_distance(found, metres)

    def is_ridden(self, product: Product) -> bool:
        """Whether a product is for the ride alone and sold with it: no pass, carnet or group ticket."""
        if not product.with_journey or product.kind in {ProductKind.TRANSFER, ProductKind.CARNET}:
            return False
        return self.rides_of[product.id] == 1 and product.max_fellows == 1

    def _is_pass(self, product: Product) -> bool:
        if not product.with_journey or product.max_fellows > 1 or self._is_shared(product):
            return False
        if product.kind in {ProductKind.TRANSFER, ProductKind.REDUCTION_CARD} or self.rides_of[product.id] == 1:
            return False
        return not self.is_by_distance(product)

    def _is_shared(self, product: Product) -> bool:
        if not product.with_journey or product.kind in {ProductKind.TRANSFER, ProductKind.REDUCTION_CARD}:
            return False
        return product.max_fellows > 1 or (product.kind is ProductKind.CARNET and not product.personal)

    def is_by_distance(self, product: Product) -> bool:
        """Whether its price counts metres."""
        return any(row.scale is not None for row in product.prices)

    def boards_in(self, timeframe: str | None, ride: FareRide) -> bool:
        """Whether a ride leaves in a timeframe."""
        return timeframe is None or self.is_in(timeframe, localise(ride.departure, self.zone))

    def names(self, product: Product, ride: FareRide) -> bool:
        """Whether leg rules name a product for a ride."""
        if ride.quoted is not None:
            return False
        return any(
            rule.product == product.id
            for tariff in self.tariffs_of(ride)
            for rule in self.rules(tariff, self.see((ride,), self.zone_of(tariff)))
        )

    def validity_of(self, product: Product | None, first: FareRide) -> tuple[datetime, datetime]:
        """Return from when to when something bought for rides from this one on is valid."""
        return self.span_of(product.validity if product is not None else Validity(), first)

    def span_of(self, validity: Validity, first: FareRide) -> tuple[datetime, datetime]:
        """Return from when to when something first used for a ride is valid."""
        return span(validity, first.departure, self.zone)

    def reduce(self, cents: int, reduction: Reduction) -> int:
        """Return a price less a reduction."""
        return reduce_by(cents, reduction.permille, reduction.step)

    @cached_property
    def _named(self) -> dict[str, _Named]:
        return {tariff.id: _name(tariff) for tariff in self.catalogue.tariffs}


class _Named(NamedTuple):
    """What the leg rules of a tariff name in each field."""

    networks: frozenset[str]
    from_areas: frozenset[str]
    to_areas: frozenset[str]
    from_frames: frozenset[str]
    to_frames: frozenset[str]


def _name(tariff: Tariff) -> _Named:
    def named(values: Iterable[str | None]) -> frozenset[str]:
        return frozenset(value for value in values if value is not None)

    legs = tariff.legs
    return _Named(
        named(rule.network for rule in legs),
        named(rule.from_area for rule in legs),
        named(rule.to_area for rule in legs),
        named(rule.from_timeframe for rule in legs),
        named(rule.to_timeframe for rule in legs),
    )


def _meets(before: FareRide, after: FareRide) -> bool:
    """Whether one changes within a stop or a station."""
    left, boarded = before.stations[1] or before.alight, after.stations[0] or after.board
    return left is not None and left == boarded


def _rides_of(product: Product) -> int | None:
    return 1 if product.rides is None and product.kind in RIDE_KINDS else product.rides


def source_of(ride: FareRide) -> str:
    """Return the feed of a ride by timetable."""
    return (ride.route or ride.agency).partition(":")[0]


def localise(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant by the clock of its place: its own where it says one, else that of the zone."""
    own: tzinfo | None = instant.tzinfo
    if isinstance(own, timezone) or own is UTC or getattr(own, "key", "UTC") in {"UTC", "Etc/UTC"}:
        return instant.astimezone(zone)
    return instant


def by_distance(scale: DistanceScale, metres: int) -> int | None:
    """Return the price of a distance; None beyond the last band."""
    band = next((one for one in scale.bands if one.up_to is None or metres <= one.up_to), None)
    if band is None:
        return None
    exact = band.cents * MILLI * KILOMETRE + band.millicents_per_km * metres
    return max(scale.minimum, round_to(exact, MILLI * KILOMETRE, scale.step))


def reduce_by(cents: int, permille: int, step: int) -> int:
    """Take so many thousandths off, to the nearest step; halves go up."""
    return round_to(cents * (MILLI - permille), MILLI, step)


def round_to(value: int, per: int, step: int) -> int:
    """Round ``value / per`` to the nearest multiple of a step; halves go up."""
    whole = per * step
    return (2 * value + whole) // (2 * whole) * step


_open: OrderedDict[int, PriceBook] = OrderedDict()
"""By the identity of the catalogue, which the book keeps alive: comparing two catalogues would take longer."""
_opening = Lock()
MOST_OPEN = 8


def open_book(catalogue: Catalogue) -> PriceBook:
    """Lay out a catalogue, once for each object."""
    with _opening:
        book = _open.pop(id(catalogue), None)
        if book is None:
            book = PriceBook(catalogue)
        _open[id(catalogue)] = book
        while len(_open) > MOST_OPEN:
            _open.popitem(last=False)
    return book
