"""What of a journey its price depends on: journeys that are alike in it cost the same and are paid for alike.

Instants count only as far as rules tell them apart: by timeframe, by day of travel, and by which limits on time lie
between two of them. So most journeys of an answer, and of the next one, need no pricing of their own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import Unit, ValidityMode
from mobigo.fares.pricebook import by_distance, localise, source_of
from mobigo.fares.validity import travel_day

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence
    from datetime import date, datetime

    from mobigo.fares.catalogue import Validity
    from mobigo.fares.model import FareRide, Fellow
    from mobigo.fares.pricebook import PriceBook

SHORT = {Unit.MINUTE: 60, Unit.HOUR: 3600}


class Likeness:
    """Tells what of journeys matters to the prices of one catalogue."""

    def __init__(self, book: PriceBook) -> None:
        catalogue = book.catalogue
        self.book = book
        self.zones = tuple({zone.key: zone for zone in (book.zone, *map(book.zone_of, catalogue.tariffs))}.values())
        self.frames = tuple(one.id for one in catalogue.timeframes)
        self.dates = sorted({
            day.toordinal() + after
            for product in catalogue.products
            for row in product.prices
            for day, after in ((row.since, 0), (row.until, 1))
            if day is not None
        })  # fmt: skip
        validities = [product.validity for product in catalogue.products]
        self.day_starts = tuple(sorted({one.day_starts for one in validities}))
        self.limits = sorted({*_limits(validities), *_seconds(book)})
        self.joined = any(tariff.joins for tariff in catalogue.tariffs)
        joins = [rule for tariff in catalogue.tariffs for rule in tariff.joins]
        self._joining = {name for rule in joins for name in (rule.from_network, rule.to_network)}
        self.through = any(tariff.throughs for tariff in catalogue.tariffs)
        covers = [one.covers for one in catalogue.products]
        self.farthest = sorted({one.max_metres for one in covers if one is not None and one.max_metres is not None})
        self.scales = catalogue.scales
        self._places: dict[Hashable, Hashable] = {}
        self._days: dict[date, tuple[list[int], list[frozenset[str]]]] = {}

    def key(self, rides: Sequence[FareRide], fellows: Sequence[Fellow]) -> Hashable:
        """Return what the price of a journey depends on, besides who travels."""
        each = tuple(self.of_ride(ride) for ride in rides)
        return each, self.of_held(rides, fellows), self.apart(rides), self._of_changes(rides)

    def apart(self, rides: Sequence[FareRide]) -> tuple[int, ...]:
        """Tell how far apart the instants of rides are, in limits that lie between."""
        times = [(ride.departure.timestamp(), ride.arrival.timestamp()) for ride in rides]
        limits = self.limits
        return tuple(
            bisect_left(limits, there - here) + bisect_right(limits, there - here)
            for n, before in enumerate(times)
            for after in times[n + 1 :]
            for here in before
            for there in after
        )

    def of_ride(self, ride: FareRide) -> Hashable:
        """Return what of a ride the price of any journey depends on that it is of, but for how far rides are apart."""
        place = ride.kind, ride.route, ride.agency, ride.board, ride.alight, ride.networks
        known = self._places.get(place)
        if known is None:
            book = self.book
            known = self._places[place] = (
                ride.kind,
                book.networks_of(ride),
                book.areas_of(ride.board),
                book.areas_of(ride.alight),
                tuple(tariff.id for tariff in book.tariffs_of(ride)),
                (ride.route, ride.agency) if self.through else source_of(ride),
            )
        when = ride.departure, ride.arrival
        return (
            known,
            tuple(self._frames_at(localise(one, zone)) for zone in self.zones for one in when),
            tuple(travel_day(one, self.book.zone, begins) for begins in self.day_starts for one in when),
            bisect_right(self.dates, ride.service_date.toordinal()),
            self._distance(ride),
            ride.quoted,
            ride.shares,
            self._passed(ride) if self.book.passing else None,
        )

    def _distance(self, ride: FareRide) -> Hashable:
        if not self.scales:
            return bisect_left(self.farthest, ride.metres)
        if self.through or self._may_join(ride):
            return ride.metres
        return bisect_left(self.farthest, ride.metres), tuple(by_distance(one, ride.metres) for one in self.scales)

    def _may_join(self, ride: FareRide) -> bool:
        """Whether a rule may make one leg of a ride and another, whose metres then add up."""
        return self.joined and not self._joining.isdisjoint((None, *self.book.networks_of(ride)))

    def _passed(self, ride: FareRide) -> frozenset[str]:
        return frozenset[str]().union(*(self.book.areas_of(stop) for stop in ride.passes))

    def of_held(self, rides: Sequence[FareRide], fellows: Sequence[Fellow]) -> tuple[bool, ...]:
        """Tell when, by what somebody holds, each ride is."""
        return tuple(self._list_held(rides, fellows))

    def _list_held(self, rides: Sequence[FareRide], fellows: Sequence[Fellow]) -> Iterator[bool]:
        for fellow in fellows:
            for held in fellow.held:
                since, until = held.valid_from, held.valid_until
                for ride in rides:
                    if since is not None:
                        yield since <= ride.departure
                    if until is not None:
                        yield ride.departure < until
                        yield ride.arrival <= until

    def _of_changes(self, rides: Sequence[FareRide]) -> Hashable:
        if not self.joined:
            return None
        return tuple((ride.board, ride.alight, ride.stations) for ride in rides)

    def _frames_at(self, local: datetime) -> frozenset[str]:
        """Return the timeframes an instant is in."""
        if not self.frames:
            return frozenset()
        day = local.date()
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = self._lay_day(local)
        clock = local.hour * 3600 + local.minute * 60 + local.second
        starts, frames = known
        return frames[bisect_right(starts, clock) - 1]

    def _lay_day(self, local: datetime) -> tuple[list[int], list[frozenset[str]]]:
        spans = [span for one in self.book.catalogue.timeframes for span in one.spans]
        starts = sorted({0, *(span.start for span in spans), *(span.end for span in spans)})
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        for start in starts:
            at = midnight.replace(hour=start // 3600 % 24, minute=start // 60 % 60, second=start % 60)
            found.append(frozenset(frame for frame in self.frames if self.book.is_in(frame, at)))
        return starts, found


def _limits(validities: Iterable[Validity]) -> Iterator[int]:
    for one in validities:
        if one.mode in {ValidityMode.ROLLING, ValidityMode.FIRST_USE} and one.unit in SHORT:
            yield one.count * SHORT[one.unit]


def _seconds(book: PriceBook) -> Iterator[int]:
    for tariff in book.catalogue.tariffs:
        yield from (rule.seconds for rule in tariff.transfers if rule.seconds is not None)
        yield from (fare.seconds for fare in tariff.throughs if fare.seconds is not None)
