"""The catalogue of a feed's fares, exactly as GTFS means it: Fares v2 where the feed has leg rules, else Fares v1.

Ids of products, areas, networks, categories, media and timeframes stay those of the feed; stops, routes and agencies
become ``source:id``. What GTFS does not say is not invented: no validity, no refund, no way to sell.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import (
    Area,
    Catalogue,
    Days,
    JoinRule,
    LegRule,
    LimitKind,
    Medium,
    MediumKind,
    Network,
    Operator,
    PriceRow,
    Product,
    ProductKind,
    RiderCategory,
    Tariff,
    ThroughFare,
    ThroughRow,
    Timeframe,
    TimeSpan,
    TransferKind,
    TransferRule,
    Words,
)
from mobigo.fares.findings import MOST_CENTS, MOST_SECONDS, ONE_DAY, list_findings
from mobigo.fares.tables import digits_of
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.transit.gtfs import WEEKDAYS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from mobigo.fares.feed_rows import FeedRows

FRANCE = "Europe/Paris"
VAT_OF_TRANSPORT = 100
"""Permille, of passenger transport in France (code général des impôts, article 279 b quater)."""

STATION = 1
"""``location_type``."""

ANY_NUMBER = -1
"""``transfer_count``: without limit."""


def read_fares(rows: FeedRows, *, valid_from: date, series: str | None = None) -> tuple[Catalogue, list[str]]:
    """Make the catalogue of a feed.

    Parameters
    ----------
    valid_from : date
        First day of sale.
    series : str, optional
        Of the catalogue; the feed's source if not said.

    Returns
    -------
    Catalogue
        Not kept yet (version 0).
    list of str
        What the feed says and the catalogue does not: rows that contradict the specification or refer to nothing.

    Raises
    ------
    NotFound
        ``no_fares``: the feed has none.
    InvalidInput
        ``invalid_catalogue``: it cannot be made.
    """
    if not rows.speaks_of_fares:
        raise NotFound(
            f"feed {rows.source} says nothing of fares: it has no fare_products.txt and no fare_attributes.txt",
            code="no_fares",
        )
    found = _Reader(rows, valid_from, series or rows.source).read()
    findings = list_findings(found[0])
    if findings:
        raise InvalidInput(
            f"the fares of feed {rows.source} make no catalogue: {'; '.join(findings[:5])}", code="invalid_catalogue"
        )
    return found


def read_days(rows: FeedRows, service: str) -> Days:
    """Return the days of a service; of one that the feed does not have, none."""
    week = next((row for row in rows.of("calendar") if row["service_id"] == service), None)
    added, removed = (
        tuple(
            sorted(
                {
                    row["date"]
                    for row in rows.of("calendar_dates")
                    if row["service_id"] == service and row["exception_type"] == kind
                }
            )
        )
        for kind in (1, 2)
    )
    removed = tuple(day for day in removed if day not in added)
    if week is None:
        return Days(service, added=added)
    return Days(
        service,
        weekdays=tuple(number for number, name in enumerate(WEEKDAYS) if week[name] == 1),
        first=week["start_date"],
        last=week["end_date"],
        added=added,
        removed=removed,
    )


class _Reader:
    """One reading of a feed's fares."""

    def __init__(self, rows: FeedRows, valid_from: date, series: str) -> None:
        self.rows = rows
        self.valid_from = valid_from
        self.series = series
        self.notes = list(rows.notes)
        agencies = rows.of("agency")
        self.timezone = next((str(row["agency_timezone"]) for row in agencies if row["agency_timezone"]), "UTC")
        self.vat = VAT_OF_TRANSPORT if self.timezone == FRANCE else 0
        self.second = bool(rows.of("fare_leg_rules")) or not rows.of("fare_attributes")
        self.currency = self._currency()

    def read(self) -> tuple[Catalogue, list[str]]:
        products, tariff = self._second() if self.second else self._first()
        areas = self._areas() if self.second else self._zones()
        frames, days = self._timeframes()
        url = next((row["agency_fare_url"] for row in self.rows.of("agency") if row["agency_fare_url"]), None)
        catalogue = Catalogue(
            id=self.series,
            version=0,
            name=Words(f"Tarifs de {self._publisher()}", f"Fares of {self._publisher()}"),
            valid_from=self.valid_from,
            currency=self.currency,
            timezone=self.timezone,
            operators=tuple(
                Operator(
                    id=row["agency_id"] or self.rows.source,
                    name=row["agency_name"] or self.rows.source,
                    agencies=(self._global(row["agency_id"]),),
                    url=row["agency_fare_url"] or url,
                )
                for row in self.rows.of("agency")
            ),
            networks=self._networks() if self.second else (),
            areas=areas,
            categories=tuple(
                RiderCategory(
                    id=row["rider_category_id"],
                    name=Words(row["rider_category_name"]),
                    default=row["is_default_fare_category"] == 1,
                    url=row["eligibility_url"],
                )
                for row in self.rows.of("rider_categories")
            )
            if self.second
            else (),
            media=self._media() if self.second else (),
            days=days,
            timeframes=frames,
            products=products,
            tariffs=(tariff,),
        )
        return catalogue, self.notes

    def _global(self, id_: str | None) -> str:
        return f"{self.rows.source}:{id_ or ''}"

    def _note(self, text: str) -> None:
        self.notes.append(text)

    def _publisher(self) -> str:
        names = [row["agency_name"] for row in self.rows.of("agency") if row["agency_name"]]
        return names[0] if len(names) == 1 else self.rows.source

    # ── what is sold ──

    def _currency(self) -> str:
        """Return the currency that most prices are in."""
        name, file = ("currency", "fare_products") if self.second else ("currency_type", "fare_attributes")
        found = [str(row[name]).upper() for row in self.rows.of(file)]
        return max(sorted(set(found)), key=found.count)

    def _cents(self, amount: Decimal, currency: str, what: str) -> int | None:
        if currency.upper() != self.currency:
            self._note(f"{what}: its price is in {currency}, those of the feed in {self.currency}; left out")
            return None
        exact = amount.scaleb(digits_of(self.currency))
        whole = exact.to_integral_value(ROUND_HALF_UP)
        if abs(whole) > MOST_CENTS:
            self._note(f"{what}: {amount} is more than {MOST_CENTS // 100}; left out")
            return None
        if whole != exact:
            self._note(f"{what}: {amount} is no whole number of the smallest coin of {self.currency}; rounded")
        return int(whole)

    def _second(self) -> tuple[tuple[Product, ...], Tariff]:
        """Read products and rules of version 2: rules need products, and what a product is follows from its rules."""
        rows = self._prices()
        notes = len(self.notes)
        while True:
            tariff = self._tariff(set(rows))
            legs = {one.product for one in tariff.legs}
            transfers = {one.product for one in tariff.transfers} - legs
            left: dict[str, list[PriceRow]] = {}
            for id_, prices in rows.items():
                left[id_] = [row for row in prices if id_ in transfers or (row.cents or 0) >= 0]
            below = [id_ for id_, prices in left.items() if len(prices) < len(rows[id_])]
            rows = {id_: prices for id_, prices in left.items() if prices}
            if not below:
                break
            del self.notes[notes:]
            for id_ in below:
                self._note(f"fare product {id_}: a price below zero is for transfers only; left out")
            notes = len(self.notes)
        names: dict[str, str] = {}
        for row in self.rows.of("fare_products"):
            if row["fare_product_name"]:
                names.setdefault(row["fare_product_id"], row["fare_product_name"])
        products = []
        for id_, prices in rows.items():
            kind = ProductKind.SINGLE if id_ in legs else ProductKind.TRANSFER if id_ in transfers else ProductKind.PASS
            products.append(
                Product(
                    id=id_,
                    name=Words(names.get(id_, id_)),
                    kind=kind,
                    prices=tuple(prices),
                    vat_permille=self.vat,
                    with_journey=kind is not ProductKind.PASS,
                )
            )
        return tuple(products), tariff

    def _prices(self) -> dict[str, list[PriceRow]]:
        """Read the prices of products, by category and medium."""
        categories = {row["rider_category_id"] for row in self.rows.of("rider_categories")} | {None}
        media = {row["fare_media_id"] for row in self.rows.of("fare_media")} | {None}
        found: dict[str, dict[tuple[str | None, str | None], PriceRow]] = defaultdict(dict)
        for row in self.rows.of("fare_products"):
            id_, category, medium = row["fare_product_id"], row["rider_category_id"], row["fare_media_id"]
            what = f"fare product {id_}"
            if category not in categories or medium not in media:
                self._note(f"{what}: category {category} or medium {medium} is not in the feed; left out")
                continue
            if (category, medium) in found[id_]:
                self._note(f"{what}: two prices for category {category} on medium {medium}; the first counts")
                continue
            cents = self._cents(row["amount"], row["currency"], what)
            if cents is not None:
                found[id_][category, medium] = PriceRow(cents=cents, category=category, medium=medium)
        return {id_: list(prices.values()) for id_, prices in found.items() if prices}

    def _media(self) -> tuple[Medium, ...]:
        kinds = tuple(MediumKind)
        return tuple(
            Medium(
                id=row["fare_media_id"],
                kind=kinds[row["fare_media_type"]],
                name=Words(row["fare_media_name"]) if row["fare_media_name"] else None,
            )
            for row in self.rows.of("fare_media")
        )

    # ── where ──

    def _networks(self) -> tuple[Network, ...]:
        names = {row["network_id"]: row["network_name"] for row in self.rows.of("networks")}
        routes: dict[str, set[str]] = {id_: set() for id_ in names}
        for row in (*self.rows.of("route_networks"), *self.rows.of("routes")):
            if row["network_id"] is not None:
                routes.setdefault(row["network_id"], set()).add(self._global(row["route_id"]))
        for row in self.rows.of("fare_leg_rules"):
            if row["network_id"] is not None:
                routes.setdefault(row["network_id"], set())
        return tuple(
            Network(id=id_, name=Words(names[id_]) if names.get(id_) else None, routes=tuple(sorted(of)))
            for id_, of in routes.items()
        )

    def _areas(self) -> tuple[Area, ...]:
        """Read areas; a station's platforms are of its areas unless they are of one themselves."""
        own: dict[str, set[str]] = defaultdict(set)
        for row in self.rows.of("stop_areas"):
            own[row["stop_id"]].add(row["area_id"])
        parents = {row["stop_id"]: row["parent_station"] for row in self.rows.of("stops")}
        members: dict[str, set[str]] = defaultdict(set)
        for stop in {**parents, **dict.fromkeys(own)}:
            above: str | None = stop
            seen: set[str] = set()
            while above is not None and above not in own and above not in seen:
                seen.add(above)
                above = parents.get(above)
            for area in own.get(above or "", ()):
                members[area].add(self._global(stop))
        return tuple(
            Area(
                id=row["area_id"],
                name=Words(row["area_name"]) if row["area_name"] else None,
                stops=tuple(sorted(members[row["area_id"]])),
            )
            for row in self.rows.of("areas")
        )

    def _zones(self) -> tuple[Area, ...]:
        members: dict[str, list[str]] = defaultdict(list)
        for row in self.rows.of("stops"):
            if row["zone_id"] is not None and row["location_type"] != STATION:
                members[row["zone_id"]].append(self._global(row["stop_id"]))
        for row in self.rows.of("fare_rules"):
            for name in ("origin_id", "destination_id", "contains_id"):
                if row[name] is not None:
                    members.setdefault(row[name], [])
        return tuple(Area(id=id_, stops=tuple(sorted(stops))) for id_, stops in sorted(members.items()))

    # ── when ──

    def _timeframes(self) -> tuple[tuple[Timeframe, ...], tuple[Days, ...]]:
        if not self.second:
            return (), ()
        spans: dict[str, list[TimeSpan]] = defaultdict(list)
        services: dict[str, None] = {}
        for row in self.rows.of("timeframes"):
            start = 0 if row["start_time"] is None else row["start_time"]
            end = ONE_DAY if row["end_time"] is None else row["end_time"]
            if not 0 <= start < end <= ONE_DAY:
                self._note(
                    f"timeframe {row['timeframe_group_id']}: from {start} s to {end} s is no time of a day; left out"
                )
                continue
            spans[row["timeframe_group_id"]].append(TimeSpan(row["service_id"], start, end))
            services[row["service_id"]] = None
        frames = tuple(Timeframe(id_, tuple(found)) for id_, found in spans.items())
        return frames, tuple(read_days(self.rows, id_) for id_ in services)

    # ── rules of version 2 ──

    def _tariff(self, products: set[str]) -> Tariff:
        areas = {row["area_id"] for row in self.rows.of("areas")}
        frames = {
            row["timeframe_group_id"]
            for row in self.rows.of("timeframes")
            if (row["start_time"] or 0) < (ONE_DAY if row["end_time"] is None else row["end_time"])
        }
        legs: dict[LegRule, None] = {}
        for row in self.rows.of("fare_leg_rules"):
            what = f"leg rule of {row['fare_product_id']}"
            places = (row["from_area_id"], row["to_area_id"])
            times = (row["from_timeframe_group_id"], row["to_timeframe_group_id"])
            if row["fare_product_id"] not in products:
                self._note(f"{what}: the product has no price; left out")
            elif not {*places} - {None} <= areas or not {*times} - {None} <= frames:
                self._note(f"{what}: its areas or timeframes are not in the feed; left out")
            else:
                priority = (row["rule_priority"] or 0) if self.rows.ranked else 0
                legs[
                    LegRule(row["fare_product_id"], row["leg_group_id"], row["network_id"], *places, *times, priority)
                ] = None
        networks = {one.id for one in self._networks()}
        joins: dict[JoinRule, None] = {}
        for row in self.rows.of("fare_leg_join_rules"):
            stops = [None if row[name] is None else self._global(row[name]) for name in ("from_stop_id", "to_stop_id")]
            if not {row["from_network_id"], row["to_network_id"]} <= networks or (stops[0] is None) != (
                stops[1] is None
            ):
                self._note(
                    f"join rule of {row['from_network_id']}: it names a network or stop without the other; left out"
                )
                continue
            joins[JoinRule(row["from_network_id"], row["to_network_id"], *stops)] = None
        return Tariff(
            id=self.rows.source,
            timezone=self.timezone,
            sources=(self.rows.source,),
            priorities=self.rows.ranked and bool(legs),
            legs=tuple(legs),
            joins=tuple(joins),
            transfers=tuple(self._transfers({one.group for one in legs}, products)),
        )

    def _transfers(self, groups: set[str | None], products: set[str]) -> Iterable[TransferRule]:
        found: dict[tuple[str | int | None, ...], TransferRule] = {}
        kinds, limits = tuple(TransferKind), tuple(LimitKind)
        for row in self.rows.of("fare_transfer_rules"):
            before, after, product = row["from_leg_group_id"], row["to_leg_group_id"], row["fare_product_id"]
            what, count = f"transfer rule from {before} to {after}", row["transfer_count"]
            if not {before, after} <= groups | {None}:
                self._note(f"{what}: no leg rule has such a group; left out")
            elif product is not None and product not in products:
                self._note(f"{what}: product {product} has no price; left out")
            elif (row["duration_limit"] is None) != (row["duration_limit_type"] is None):
                self._note(f"{what}: a time limit needs its type, and only then; left out")
            elif (row["duration_limit"] or 1) not in range(1, MOST_SECONDS + 1):
                self._note(f"{what}: a limit of {row['duration_limit']} s is not used; left out")
            elif before is not None and before == after and count is None:
                self._note(f"{what}: transfer_count is missing, which transfers within one group need; left out")
            elif count is not None and count < 1 and count != ANY_NUMBER:
                self._note(f"{what}: transfer_count {count} is no number of transfers; left out")
            else:
                if count is not None and before != after:
                    self._note(f"{what}: transfer_count is for transfers within one group; not used")
                    count = None
                limit = row["duration_limit_type"]
                rule = TransferRule(
                    kinds[row["fare_transfer_type"]],
                    before,
                    after,
                    count,
                    row["duration_limit"],
                    None if limit is None else limits[limit],
                    product,
                )
                if found.setdefault((before, after, product, count, rule.seconds), rule) != rule:
                    self._note(f"{what}: there are two for the same; the first counts")
        return found.values()

    # ── version 1 ──

    def _first(self) -> tuple[tuple[Product, ...], Tariff]:
        """Read products and rules of version 1."""
        found = []
        for row in self.rows.of("fare_attributes"):
            cents = self._cents(row["price"], row["currency_type"], f"fare {row['fare_id']}")
            if cents is None or cents < 0:
                continue
            found.append(
                Product(
                    id=row["fare_id"],
                    name=Words(row["fare_id"]),
                    kind=ProductKind.SINGLE,
                    prices=(PriceRow(cents=cents),),
                    vat_permille=self.vat,
                )
            )
        return tuple(found), self._throughs({one.id for one in found})

    def _throughs(self, products: set[str]) -> Tariff:
        rules: dict[str, dict[tuple[str | None, ...], set[str]]] = defaultdict(lambda: defaultdict(set))
        for row in self.rows.of("fare_rules"):
            contains = rules[row["fare_id"]][row["route_id"], row["origin_id"], row["destination_id"]]
            contains |= {row["contains_id"]} - {None}
        several = len(self.rows.of("agency")) > 1
        throughs = tuple(
            ThroughFare(
                product=row["fare_id"],
                agency=self._global(row["agency_id"]) if several and row["agency_id"] else None,
                rows=tuple(
                    ThroughRow(None if route is None else self._global(route), before, after, tuple(sorted(contains)))
                    for (route, before, after), contains in rules.get(row["fare_id"], {}).items()
                ),
                transfers=row["transfers"],
                seconds=row["transfer_duration"],
                paid_on_board=row["payment_method"] == 0,
            )
            for row in self.rows.of("fare_attributes")
            if row["fare_id"] in products
        )
        return Tariff(id=self.rows.source, timezone=self.timezone, sources=(self.rows.source,), throughs=throughs)
