"""Fares as NeTEx, French profile NETEX_TARIF: zones, travellers, products, what they are good for, and their prices.

A leg rule is a fare structure element of its product: for lines (a network), between zones, at times. A product is
offered once for each thing that it is sold on; its prices stand in a table of its own. What a product is good for in
time and number, and what changing costs, are structure elements, too. Rules that the standard has no words for (leg
groups, priorities, how the limit of a transfer is measured) stand in key lists, by their names in GTFS.

References
----------
NeTEx part 3, CEN/TS 16614-3; French profile, fares.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import (
    Channel,
    LimitKind,
    MediumKind,
    ProductKind,
    ProofKind,
    TransferKind,
    Unit,
    ValidityMode,
)
from mobigo.fares.tables import digits_of
from mobigo.opendata.netex_xml import box, day_clock, duration, place, refer, text, thing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mobigo.fares.catalogue import (
        Catalogue,
        Days,
        DistanceScale,
        LegRule,
        Medium,
        PriceRow,
        Product,
        Tariff,
        ThroughFare,
        ThroughRow,
        TransferRule,
    )

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MEDIA = {
    MediumKind.NONE: "none", MediumKind.PAPER: "paperTicket", MediumKind.CARD: "smartCard", MediumKind.CEMV: "card",
    MediumKind.APP: "mobileApp",
}  # fmt: skip
CHANNELS = {
    Channel.WEB: "online", Channel.APP: "mobileDevice", Channel.DESK: "agency", Channel.DRIVER: "onBoard",
    Channel.MACHINE: "atStop", Channel.RETAILER: "other", Channel.TAP: "electronicPass",
}  # fmt: skip
PROOFS = {ProofKind.NONE: "noneRequired", ProofKind.AGE: "identityDocument", ProofKind.DOCUMENT: "other"}
PRODUCTS = {
    ProductKind.SINGLE: "singleTrip", ProductKind.CARNET: "multistepTrip", ProductKind.DAY: "dayPass",
    ProductKind.WEEK: "periodPass", ProductKind.MONTH: "periodPass", ProductKind.YEAR: "periodPass",
    ProductKind.PASS: "periodPass", ProductKind.GROUP: "singleTrip", ProductKind.CARPOOL: "singleTrip",
    ProductKind.ON_DEMAND: "singleTrip", ProductKind.TRANSFER: "supplement",
}  # fmt: skip
SPANS = {Unit.MINUTE: "PT{}M", Unit.HOUR: "PT{}H", Unit.DAY: "P{}D", Unit.MONTH: "P{}M", Unit.YEAR: "P{}Y"}
TRIGGERS = {
    ValidityMode.FIXED: "startOfPeriod", ValidityMode.ROLLING: "specifiedStartDate",
    ValidityMode.FIRST_USE: "activation",
}  # fmt: skip
WEEK_DAYS = 7


class FareFrame:
    """The members of a frame of fares.

    Parameters
    ----------
    catalogue : Catalogue
        What is sold.
    owner : str
        What ids are written after: ``source:`` of a feed's own fares; empty for the region's.
    routes : mapping
        Lines that the fares are for, with the agency of each.
    refer_line : callable
        Refers to a line by its id.
    own_days : bool
        Whether days are written here; False: they are services of the feed, which has them.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        owner: str,
        routes: Mapping[str, str],
        refer_line: Callable[[str], str],
        own_days: bool,
    ) -> None:
        self._catalogue = catalogue
        self._owner = owner
        self._routes = routes
        self._refer_line = refer_line
        self._own_days = own_days
        self._elements: dict[str, list[str]] = {}
        """Structure elements of each product, in order."""

    def _id(self, id_: str) -> str:
        return f"{self._owner}{id_}"

    def list_members(self) -> Iterator[str]:
        """Write everything."""
        yield from self._list_networks()
        yield from self._list_zones()
        yield from self._list_travellers()
        yield from self._list_media()
        yield from self._list_times()
        for tariff in self._catalogue.tariffs:
            yield from self._list_rules(tariff)
        for scale in self._catalogue.scales:
            yield from self._list_scale(scale)
        for product in self._catalogue.products:
            yield from self._list_product(product)
        yield from self._list_sales_points()

    # ── what fares speak of ───────────────────────────────────────────────────────────────────────────────────────────

    def _list_networks(self) -> Iterator[str]:
        for network in self._catalogue.networks:
            routes = [
                route
                for route, agency in sorted(self._routes.items())
                if route in network.routes
                or agency in network.agencies
                or route.partition(":")[0] in network.sources
                or "line" in network.kinds
            ]
            yield thing(
                "GroupOfLines",
                self._id(network.id),
                text("Name", network.name.fr if network.name else network.id),
                box("members", *(self._refer_line(route) for route in routes)),
                text("GroupOfLinesType", "tariff"),
            )

    def _list_zones(self) -> Iterator[str]:
        for area in self._catalogue.areas:
            yield thing(
                "TariffZone",
                self._id(area.id),
                text("Name", area.name.fr if area.name else area.id),
                box("members", *(refer("ScheduledStopPoint", stop) for stop in area.stops)),
            )

    def _list_travellers(self) -> Iterator[str]:
        for one in self._catalogue.categories:
            yield thing(
                "UserProfile",
                self._id(one.id),
                _keys({"is_default_fare_category": "1" if one.default else ""}),
                text("Name", one.name.fr),
                text("Description", one.proof_text.fr if one.proof_text else None),
                text("Url", one.url),
                text("MinimumAge", one.min_age),
                text("MaximumAge", one.max_age),
                text("ProofRequired", PROOFS[one.proof]),
            )

    def _list_media(self) -> Iterator[str]:
        for one in self._catalogue.media:
            name = one.name.fr if one.name else one.id
            yield thing(
                "TypeOfTravelDocument", self._id(one.id), text("Name", name), text("MediaType", MEDIA[one.kind])
            )
        used = {channel for product in self._catalogue.products for channel in product.channels}
        for channel in sorted(used):
            yield thing(
                "DistributionChannel",
                self._id(channel.value),
                text("Name", channel.value),
                text("DistributionChannelType", CHANNELS[channel]),
            )

    def _list_times(self) -> Iterator[str]:
        """Write timeframes: for each of their spans when it holds."""
        for days in self._catalogue.days if self._own_days else ():
            yield from self._list_days(days)
        for frame in self._catalogue.timeframes:
            for number, span in enumerate(frame.spans, 1):
                id_ = self._id(f"{frame.id}.{number}")
                begins, ends = day_clock("StartTime", span.start), day_clock("EndTime", span.end, "DayOffset")
                yield thing("Timeband", id_, begins, ends)
                yield thing(
                    "AvailabilityCondition",
                    id_,
                    text("IsAvailable", "true"),
                    box("dayTypes", refer("DayType", self._id(span.days))),
                    box("timebands", refer("Timeband", id_)),
                )

    def _list_days(self, days: Days) -> Iterator[str]:
        id_ = self._id(days.id)
        words = " ".join(WEEK[day] for day in days.weekdays)
        holidays = {None: None, True: "NationalHoliday", False: "NotHoliday"}[days.holidays]
        yield thing(
            "DayType",
            id_,
            box("properties", box("PropertyOfDay", text("DaysOfWeek", words), text("HolidayTypes", holidays))),
        )
        if days.first is not None and days.last is not None:
            first, last = text("FromDate", f"{days.first}T00:00:00"), text("ToDate", f"{days.last}T00:00:00")
            yield thing("OperatingPeriod", id_, first, last)
            yield self._assign(id_, "0", refer("OperatingPeriod", id_), available=True)
        for single, available in [(day, True) for day in days.added] + [(day, False) for day in days.removed]:
            yield self._assign(id_, f"{single}", text("Date", single), available=available)

    def _assign(self, days: str, number: str, when: str, *, available: bool) -> str:
        return thing(
            "DayTypeAssignment",
            f"{days}.{number}",
            when,
            refer("DayType", days),
            text("isAvailable", "true" if available else "false"),
            order=1,
        )

    # ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _list_rules(self, tariff: Tariff) -> Iterator[str]:
        """Write the rules of a tariff, and then the tariff that they are of."""
        refs = []
        for leg in tariff.legs:
            id_, element = self._write_leg(leg, ranked=tariff.priorities)
            self._elements.setdefault(leg.product, []).append(id_)
            refs.append(refer("FareStructureElement", id_))
            yield element
        for number, change in enumerate(tariff.transfers, 1):
            id_ = self._id(f"{tariff.id}.transfer.{number}")
            refs.append(refer("FareStructureElement", id_))
            yield self._write_transfer(id_, change)
        for number, join in enumerate(tariff.joins, 1):
            id_ = self._id(f"{tariff.id}.join.{number}")
            refs.append(refer("FareStructureElement", id_))
            keys = {
                "from_network_id": join.from_network, "to_network_id": join.to_network,
                "from_stop_id": join.from_stop, "to_stop_id": join.to_stop,
            }  # fmt: skip
            yield self._write_limit(id_, keys, "", _change(None, None))
        for through in tariff.throughs:
            for id_, element in self._list_through(through):
                self._elements.setdefault(through.product, []).append(id_)
                refs.append(refer("FareStructureElement", id_))
                yield element
        yield thing(
            "Tariff",
            self._id(tariff.id),
            text("Name", self._catalogue.name.fr),
            box("fareStructureElements", *refs),
        )

    def _write_leg(self, leg: LegRule, *, ranked: bool) -> tuple[str, str]:
        said = (leg.group, leg.network, leg.from_area, leg.to_area, leg.from_timeframe, leg.to_timeframe, leg.priority)
        id_ = self._id(f"{leg.product}.{sha256(repr(said).encode()).hexdigest()[:12]}")
        lines = refer("GroupOfLines", self._id(leg.network)) if leg.network is not None else ""
        keys = {
            "leg_group_id": leg.group,
            "rule_priority": str(leg.priority) if ranked else None,
            "from_timeframe_group_id": leg.from_timeframe,
            "to_timeframe_group_id": leg.to_timeframe,
        }
        times = [
            refer("AvailabilityCondition", self._id(f"{frame.id}.{number}"))
            for frame in self._catalogue.timeframes
            if frame.id in {leg.from_timeframe, leg.to_timeframe}
            for number, _ in enumerate(frame.spans, 1)
        ]
        return id_, thing(
            "FareStructureElement",
            id_,
            _keys(keys),
            text("TariffBasis", "zoneToZone" if leg.from_area or leg.to_area else "flat"),
            _type("FR:ScopingValidityParameters"),
            self._write_way(id_, leg.from_area, leg.to_area),
            self._assign_parameters(id_, lines, times=times),
        )

    def _write_way(self, id_: str, start: str | None, end: str | None) -> str:
        """Write from which zone to which one a rule leads."""
        if start is None and end is None:
            return ""
        return box(
            "distanceMatrixElements",
            thing(
                "DistanceMatrixElement",
                id_,
                text("InverseAllowed", "false"),
                refer("TariffZone", self._id(start), tag="StartTariffZoneRef") if start is not None else "",
                refer("TariffZone", self._id(end), tag="EndTariffZoneRef") if end is not None else "",
            ),
        )

    def _assign_parameters(self, id_: str, *scope: str, times: list[str] | None = None, limit: str = "") -> str:
        """Say for what, when and within which limits."""
        inside = (
            box("limitations", limit),
            box("temporalValidityParameters", *(times or [])),
            box("validityParameters", *scope),
        )
        if not any(inside):
            return ""
        return thing("GenericParameterAssignment", id_, *inside, order=1)

    def _write_transfer(self, id_: str, change: TransferRule) -> str:
        keys = {
            "from_leg_group_id": change.from_group,
            "to_leg_group_id": change.to_group,
            "transfer_count": None if change.count is None else str(change.count),
            "fare_transfer_type": str(tuple(TransferKind).index(change.kind)),
            "duration_limit_type": None if change.limit is None else str(tuple(LimitKind).index(change.limit)),
            "fare_product_id": None if change.product is None else self._id(change.product),
        }
        return self._write_limit(id_, keys, "FR:Interchanging", _change(change.count, change.seconds))

    def _write_limit(self, id_: str, keys: Mapping[str, str | None], kind: str, limit: Callable[[str], str]) -> str:
        return thing(
            "FareStructureElement",
            id_,
            _keys(keys),
            _type(kind or "FR:Interchanging"),
            self._assign_parameters(id_, limit=limit(id_)),
        )

    def _list_through(self, through: ThroughFare) -> Iterator[tuple[str, str]]:
        """Write a fare for a chain of rides: one element for each of its rows, one where it has none."""
        keys = {
            "transfers": None if through.transfers is None else str(through.transfers),
            "transfer_duration": None if through.seconds is None else str(through.seconds),
            "payment_method": "0" if through.paid_on_board else "1",
            "agency_id": through.agency,
        }
        rows: list[ThroughRow | None] = [*through.rows] or [None]
        for number, row in enumerate(rows, 1):
            id_ = self._id(f"{through.product}.through.{number}")
            scope = [] if row is None or row.route is None else [self._refer_line(row.route)]
            zones = [] if row is None else [refer("TariffZone", self._id(area)) for area in row.contains]
            yield (
                id_,
                thing(
                    "FareStructureElement",
                    id_,
                    _keys(keys),
                    _type("FR:ScopingValidityParameters"),
                    "" if row is None else self._write_way(id_, row.from_area, row.to_area),
                    self._assign_parameters(
                        id_, *scope, *zones, limit=_change(through.transfers, through.seconds)(id_)
                    ),
                ),
            )

    # ── products ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _list_product(self, product: Product) -> Iterator[str]:
        id_ = self._id(product.id)
        own = [(f"{id_}.{word}", element) for word, element in self._list_own_elements(product)]
        for _, element in own:
            yield element
        refs = [*self._elements.get(product.id, ()), *(name for name, _ in own)]
        yield thing(
            "PreassignedFareProduct",
            id_,
            text("Name", product.name.fr),
            text("Description", product.conditions.fr if product.conditions else None),
            box(
                "validableElements",
                thing(
                    "ValidableElement",
                    id_,
                    box("fareStructureElements", *(refer("FareStructureElement", one) for one in refs)),
                )
                if refs
                else "",
            ),
            text("ProductType", PRODUCTS.get(product.kind, "other")),
        )
        media = self._list_media_of(product)
        for medium in media:
            yield self._write_offer(product, medium)
        yield thing(
            "FareTable",
            id_,
            text("Name", product.name.fr),
            box("pricesFor", refer("PreassignedFareProduct", id_)),
            box("cells", *self._list_cells(product, media)),
        )

    def _list_own_elements(self, product: Product) -> Iterator[tuple[str, str]]:
        """Write how long and how often a product is good."""
        id_ = self._id(product.id)
        validity = product.validity
        if validity.mode is not ValidityMode.TRIP:
            period = thing(
                "UsageValidityPeriod",
                id_,
                text("UsageTrigger", TRIGGERS[validity.mode]),
                text("UsageEnd", "endOfCalendarPeriod" if validity.mode is ValidityMode.FIXED else "standardDuration"),
                text("StandardDuration", _span(validity.count, validity.unit)),
            )
            element = _element(f"{id_}.validity", "FR:UsageValidityPeriod", self._limit(f"{id_}.validity", period))
            yield "validity", element
        if product.rides is not None:
            often = thing(
                "FrequencyOfUse",
                id_,
                text("FrequencyOfUseType", "limited"),
                text("MaximalFrequency", product.rides),
            )
            yield "rides", _element(f"{id_}.rides", "FR:FrequencyOfUse", self._limit(f"{id_}.rides", often))
        scales = sorted({row.scale for row in product.prices if row.scale is not None})
        if scales:
            intervals = [
                refer("GeographicalInterval", self._id(f"{scale.id}.{number}"))
                for scale in self._catalogue.scales
                if scale.id in scales
                for number, _ in enumerate(scale.bands, 1)
            ]
            element = _element(f"{id_}.distance", "FR:GeographicalInterval", box("geographicalIntervals", *intervals))
            yield "distance", element

    def _limit(self, id_: str, limit: str) -> str:
        return self._assign_parameters(id_, limit=limit)

    def _list_media_of(self, product: Product) -> list[Medium | None]:
        named = {row.medium for row in product.prices if row.medium is not None} | set(product.media)
        return [one for one in self._catalogue.media if one.id in named] or [None]

    def _name_offer(self, product: Product, medium: Medium | None) -> str:
        return self._id(product.id if medium is None else f"{product.id}.{medium.id}")

    def _write_offer(self, product: Product, medium: Medium | None) -> str:
        id_ = self._name_offer(product, medium)
        channels = [
            thing(
                "DistributionAssignment",
                f"{id_}.{channel.value}",
                refer("DistributionChannel", self._id(channel.value)),
                order=number,
            )
            for number, channel in enumerate(sorted(product.channels), 1)
        ]
        element = thing(
            "SalesOfferPackageElement",
            id_,
            refer("TypeOfTravelDocument", self._id(medium.id)) if medium is not None else "",
            refer("PreassignedFareProduct", self._id(product.id)),
            order=1,
        )
        return thing(
            "SalesOfferPackage",
            id_,
            text("Name", product.name.fr),
            box("distributionAssignments", *channels),
            box("salesOfferPackageElements", element),
        )

    def _list_cells(self, product: Product, media: list[Medium | None]) -> Iterator[str]:
        """Write a cell for each price and each thing that the product is sold on."""
        number = 0
        for row in product.prices:
            for medium in media:
                if row.medium is not None and (medium is None or medium.id != row.medium):
                    continue
                for price in self._list_prices(row):
                    number += 1
                    yield thing(
                        "Cell",
                        f"{self._id(product.id)}.{number}",
                        price(f"{self._id(product.id)}.{number}"),
                        refer("SalesOfferPackage", self._name_offer(product, medium)),
                        refer("UserProfile", self._id(row.category)) if row.category is not None else "",
                        order=number,
                    )

    def _list_prices(self, row: PriceRow) -> Iterator[Callable[[str], str]]:
        dates = text("StartDate", row.since) + text("EndDate", row.until)
        currency = text("Currency", self._catalogue.currency)
        if row.cents is not None:
            amount = text("Amount", self._amount(row.cents))
            yield lambda id_: thing("SalesOfferPackagePrice", id_, dates, amount, currency)
            return
        scale = next(one for one in self._catalogue.scales if one.id == row.scale)
        for number, band in enumerate(scale.bands, 1):
            interval = self._id(f"{scale.id}.{number}")
            amount = text("Amount", self._amount(band.cents))
            yield _price_band(dates + amount + currency, interval)

    def _amount(self, cents: int) -> str:
        digits = digits_of(self._catalogue.currency)
        sign, number = ("-" if cents < 0 else ""), str(abs(cents)).zfill(digits + 1)
        return f"{sign}{number[:-digits]}.{number[-digits:]}" if digits else f"{sign}{number}"

    def _list_scale(self, scale: DistanceScale) -> Iterator[str]:
        """Write the bands of a price by distance; what a kilometre costs in each is the price of its unit."""
        start = 0
        for number, band in enumerate(scale.bands, 1):
            id_ = self._id(f"{scale.id}.{number}")
            per_km = band.millicents_per_km
            price = thing(
                "GeographicalUnitPrice",
                id_,
                text("Amount", f"{per_km / 1000 / 10 ** digits_of(self._catalogue.currency):.5f}"),
                text("Currency", self._catalogue.currency),
            )
            yield thing("GeographicalUnit", id_, text("Name", "km"), text("Distance", 1000), box("prices", price))
            yield thing(
                "GeographicalInterval",
                id_,
                _keys({"minimum": str(scale.minimum), "step": str(scale.step)}),
                text("Name", scale.id),
                text("StartGeographicalValue", start),
                text("EndGeographicalValue", band.up_to),
                refer("GeographicalUnit", id_),
            )
            start = band.up_to or start

    # ── where it is sold ──────────────────────────────────────────────────────────────────────────────────────────────

    def _list_sales_points(self) -> Iterator[str]:
        for one in self._catalogue.sales_points:
            yield thing(
                "PointOfInterest",
                self._id(one.id),
                text("Name", one.name),
                text("Description", ", ".join(filter(None, (one.address, one.municipality))) or None),
                box("Centroid", place(one.lon, one.lat)),
                text("Url", one.url),
            )


def _span(count: int, unit: Unit) -> str:
    """Write a span; XML knows no weeks."""
    if unit is Unit.WEEK:
        count, unit = WEEK_DAYS * count, Unit.DAY
    return SPANS[unit].format(count)


def _price_band(inside: str, interval: str) -> Callable[[str], str]:
    return lambda id_: thing("GeographicalIntervalPrice", id_, inside, refer("GeographicalInterval", interval))


def _element(id_: str, kind: str, *inside: str) -> str:
    return thing("FareStructureElement", id_, _type(kind), *inside)


def _type(kind: str) -> str:
    """Name the kind of a structure element, by the words of the French profile."""
    return f'<TypeOfFareStructureElementRef ref="{kind}" versionRef="any"/>'


def _change(count: int | None, seconds: int | None) -> Callable[[str], str]:
    """Return what writes that one may change, how often and for how long."""
    times = count if count is not None and count >= 0 else None
    return lambda id_: thing(
        "Interchanging",
        id_,
        text("CanInterchange", "true" if times != 0 else "false"),
        text("MaximumNumberOfInterchanges", times),
        text("MaximumTimeToMakeATransfer", None if seconds is None else duration(seconds)),
    )


def _keys(said: Mapping[str, str | None]) -> str:
    pairs = [box("KeyValue", text("Key", key), text("Value", value)) for key, value in said.items() if value]
    return box("keyList", *pairs)
