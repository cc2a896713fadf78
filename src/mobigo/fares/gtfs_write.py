"""A catalogue as files of GTFS: Fares v2 for its leg rules, Fares v1 for its through fares.

What was imported comes out so that importing it again gives the same catalogue. What GTFS has no words for (distance,
passes, caps, reductions, prices to come) is left out and said; a catalogue's document holds all of it.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from mobigo.fares.catalogue import LimitKind, MediumKind, TransferKind
from mobigo.fares.feed_rows import FILES
from mobigo.fares.findings import ONE_DAY
from mobigo.fares.gtfs_read import read_days
from mobigo.fares.model import RideKind
from mobigo.fares.tables import digits_of, holds
from mobigo.kit.errors import InvalidInput
from mobigo.transit.gtfs import BY_NAME, WEEKDAYS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from mobigo.fares.catalogue import Catalogue, Days, Product, Tariff
    from mobigo.fares.feed_rows import FeedRows, Row

Cells = dict[str, str]

FARES = frozenset(FILES) - {"stops", "routes"}
"""Files that fares take the place of."""

BEFORE, AFTER = timedelta(days=30), timedelta(days=400)
"""Around the day of the export: the days that calendars without end are written for."""

FIRST = (1980, 1, 1, 0, 0, 0)
"""The date that files in the archive carry: the same fares give the same bytes."""


@dataclass(frozen=True)
class FareFiles:
    """Rows of the files of fares, as texts by column.

    Of one feed also the whole of its agency.txt, and of its calendars where fares depend on the time, with what fares
    need besides: so that they can take the place of the feed's own.
    """

    tables: Mapping[str, list[Cells]]
    notes: list[str] = field(default_factory=list)
    """What GTFS cannot say, or not of these feeds."""


def write_fares(catalogue: Catalogue, feeds: Sequence[FeedRows], day: date) -> FareFiles:
    """Write the fares of some feeds.

    Parameters
    ----------
    feeds : sequence of FeedRows
        Whose routes, stops and agencies there are in the archive; of several feeds ids are ``source:id``.
    day : date
        Whose prices are written.
    """
    return _Writer(catalogue, feeds, day, alone=len({feed.source for feed in feeds}) == 1).write()


def write_fares_among(catalogue: Catalogue, feeds: Sequence[FeedRows], day: date) -> FareFiles:
    """Write the fares of some feeds for an archive in which every id is ``source:id``, also that of one feed only."""
    return _Writer(catalogue, feeds, day, alone=False).write()


def write_archive(files: FareFiles) -> bytes:
    """Write the files alone as a ZIP archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, rows in files.tables.items():
            _add(archive, f"{name}.txt", write_table(name, rows).encode())
    return out.getvalue()


def write_into(feed: Path, files: FareFiles) -> bytes:
    """Write a copy of a feed on disk, a ZIP archive, with these fares in the place of its own.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    out = io.BytesIO()
    kept = {"agency", "calendar", "calendar_dates"} - files.tables.keys()
    try:
        with zipfile.ZipFile(feed) as old, zipfile.ZipFile(out, "w") as new:
            for member in old.infolist():
                name = PurePosixPath(member.filename).name.removesuffix(".txt")
                if name in files.tables or (name in FARES and name not in kept):
                    continue
                content = old.read(member)
                if name == "routes" and "networks" in files.tables:
                    content = _without_networks(content)
                _add(new, member.filename, content)
            for name, rows in files.tables.items():
                _add(new, f"{name}.txt", write_table(name, rows).encode())
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InvalidInput(f"{feed} is no ZIP archive ({error}); give a GTFS feed") from None
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, FIRST), content, zipfile.ZIP_DEFLATED)


def _without_networks(content: bytes) -> bytes:
    """Drop the column network_id of routes.txt: networks.txt and route_networks.txt say it."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline="")))
    drop = {n for n, name in enumerate(rows[0] if rows else ()) if name.strip() == "network_id"}
    if not drop:
        return content
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [cell for n, cell in enumerate(row) if n not in drop] for row in rows if row
    )
    return out.getvalue().encode()


def write_table(name: str, rows: Iterable[Cells]) -> str:
    """Write a file of GTFS; columns that no row has are left out, but for those that must be there."""
    rows = list(rows)
    used = {column for row in rows for column in row}
    columns = [one.name for one in BY_NAME[name].columns if one.required or one.name in used]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


class _Writer:
    """One writing of a catalogue's fares."""

    def __init__(self, catalogue: Catalogue, feeds: Sequence[FeedRows], day: date, *, alone: bool) -> None:
        self.catalogue = catalogue
        self.day = day
        self.feeds = feeds
        self.sources = {feed.source for feed in feeds}
        self.alone = alone
        self.notes: list[str] = []
        self.tables: dict[str, list[Cells]] = defaultdict(list)
        self.routes = {
            f"{feed.source}:{row['route_id']}": (f"{feed.source}:{row['agency_id'] or ''}", feed.source)
            for feed in feeds
            for row in feed.of("routes")
        }
        self.stops = {f"{feed.source}:{row['stop_id']}" for feed in feeds for row in feed.of("stops")}
        self.agencies = {f"{feed.source}:{row['agency_id'] or ''}" for feed in feeds for row in feed.of("agency")}
        self.tariffs = [one for one in catalogue.tariffs if not one.sources or self.sources & set(one.sources)]
        self.products: set[str] = set()
        self.networks: set[str] = set()

    def write(self) -> FareFiles:
        legs = [one for one in self.tariffs if one.legs or one.joins or one.transfers]
        ranked = {one.priorities for one in legs}
        if len(legs) > 1 and ranked != {True}:
            self.notes.append("several tariffs have leg rules, which GTFS cannot tell apart; only the first is written")
            legs = legs[:1]
        if self.alone:
            self._copy("agency")
        through = {one.product for tariff in self.catalogue.tariffs for one in tariff.throughs}
        if legs or any(one.id not in through for one in self.catalogue.products):
            self._second(legs)
        for tariff in self.tariffs:
            self._first(tariff)
        for name in ("reductions", "caps"):
            found = [one.id for one in getattr(self.catalogue, name)]
            if found:
                self.notes.append(f"GTFS has no words for {name}: {', '.join(found)}")
        return FareFiles({name: rows for name, rows in self.tables.items() if rows}, self.notes)

    def _local(self, id_: str) -> str:
        return id_.partition(":")[2] if self.alone else id_

    # ── version 2 ──

    def _second(self, tariffs: list[Tariff]) -> None:
        self._networks(tariffs)
        for area in self.catalogue.areas:
            self.tables["areas"].append(_cells(area_id=area.id, area_name=area.name.fr if area.name else None))
            self.tables["stop_areas"] += [
                _cells(area_id=area.id, stop_id=self._local(stop)) for stop in area.stops if stop in self.stops
            ]
        self._timeframes()
        for category in self.catalogue.categories:
            self.tables["rider_categories"].append(
                _cells(
                    rider_category_id=category.id,
                    rider_category_name=category.name.fr,
                    is_default_fare_category=int(category.default),
                    eligibility_url=category.url,
                )
            )
        kinds = tuple(MediumKind)
        for medium in self.catalogue.media:
            self.tables["fare_media"].append(
                _cells(
                    fare_media_id=medium.id,
                    fare_media_name=medium.name.fr if medium.name else None,
                    fare_media_type=kinds.index(medium.kind),
                )
            )
        named = {leg.product for one in tariffs for leg in one.legs}
        named |= {rule.product for one in tariffs for rule in one.transfers if rule.product is not None}
        through = {one.product for tariff in self.tariffs for one in tariff.throughs} - named
        for product in self.catalogue.products:
            if product.id not in through:
                self._product(product)
        for tariff in tariffs:
            self._legs(tariff)
            self._joins(tariff)
            self._transfers(tariff)

    def _networks(self, tariffs: list[Tariff]) -> None:
        """Write networks; a route is of one only, of one that rules name before others."""
        named = {leg.network for one in tariffs for leg in one.legs}
        of: dict[str, str] = {}
        for network in sorted(self.catalogue.networks, key=lambda one: one.id not in named):
            there = False
            for route, (agency, source) in self.routes.items():
                if not (
                    route in network.routes
                    or agency in network.agencies
                    or source in network.sources
                    or RideKind.LINE in network.kinds
                ):
                    continue
                there = True
                if of.setdefault(route, network.id) != network.id:
                    self.notes.append(f"route {route} is of the networks {of[route]} and {network.id}; GTFS knows one")
            if there or not (network.agencies or network.sources or network.kinds):
                self.networks.add(network.id)
            else:
                self.notes.append(f"network {network.id} has no route of these feeds")
        for network in self.catalogue.networks:
            if network.id in self.networks:
                self.tables["networks"].append(
                    _cells(network_id=network.id, network_name=network.name.fr if network.name else None)
                )
        self.tables["route_networks"] += [
            _cells(network_id=network, route_id=self._local(route)) for route, network in of.items()
        ]

    def _timeframes(self) -> None:
        services = {days.id: self._service(days) for days in self.catalogue.days}
        used: dict[str, None] = {}
        for frame in self.catalogue.timeframes:
            for span in frame.spans:
                whole = (span.start, span.end) == (0, ONE_DAY)
                self.tables["timeframes"].append(
                    _cells(
                        timeframe_group_id=frame.id,
                        start_time=None if whole else _clock(span.start),
                        end_time=None if whole else _clock(span.end),
                        service_id=services[span.days],
                    )
                )
                used[span.days] = None
        if used and self.alone:
            self._copy("calendar")
            self._copy("calendar_dates")
        for days in self.catalogue.days:
            if days.id in used and not self._is_there(days):
                self._days(days, services[days.id])

    def _is_there(self, days: Days) -> bool:
        """Whether the feed has a service of this id and these days."""
        return self.alone and days.id in self._services() and read_days(self.feeds[0], days.id) == days

    def _services(self) -> set[str]:
        return {row["service_id"] for name in ("calendar", "calendar_dates") for row in self.feeds[0].of(name)}

    def _service(self, days: Days) -> str:
        """Return the id of the service that a set of days is written as; not one that the feed has for other days."""
        taken = self._services() if self.alone else set()
        name = days.id
        while name in taken and not self._is_there(days):
            name = f"fares_{name}"
        return name

    def _copy(self, name: str) -> None:
        self.tables[name] = [_write_row(name, row) for row in self.feeds[0].of(name)]

    def _days(self, days: Days, service: str) -> None:
        """Write a set of days as a service; holidays and what has no end day by day, around the day of the export."""
        if days.holidays is None and (not days.weekdays or (days.first and days.last)):
            if days.first and days.last:
                self.tables["calendar"].append(
                    _cells(
                        service_id=service,
                        **{name: int(number in days.weekdays) for number, name in enumerate(WEEKDAYS)},
                        start_date=f"{days.first:%Y%m%d}",
                        end_date=f"{days.last:%Y%m%d}",
                    )
                )
            dates = [(day, 1) for day in days.added] + [(day, 2) for day in days.removed]
        else:
            first = max(days.first or date.min, self.day - BEFORE)
            last = min(days.last or date.max, self.day + AFTER)
            dates = [(day, 1) for day in _days_between(first, last) if days.holds(day)]
            self.notes.append(f"days {days.id}: written for {first} to {last}")
        self.tables["calendar_dates"] += [
            _cells(service_id=service, date=f"{day:%Y%m%d}", exception_type=kind) for day, kind in sorted(dates)
        ]

    def _product(self, product: Product) -> None:
        written = []
        for row in product.prices:
            if not holds(row, self.day):
                continue
            if row.cents is None:
                self.notes.append(f"product {product.id}: GTFS has no price by distance")
                continue
            media = (row.medium,) if row.medium is not None or not product.media else product.media
            written += [
                _cells(
                    fare_product_id=product.id,
                    fare_product_name=product.name.fr if product.name.fr != product.id else None,
                    rider_category_id=row.category,
                    fare_media_id=medium,
                    amount=self._amount(row.cents),
                    currency=self.catalogue.currency,
                )
                for medium in media
            ]
        if not written:
            return
        if product.covers is not None:
            self.notes.append(f"product {product.id}: GTFS does not say which rides it covers, nor how long it holds")
        self.tables["fare_products"] += written
        self.products.add(product.id)

    def _amount(self, cents: int) -> str:
        digits = digits_of(self.catalogue.currency)
        sign, number = ("-" if cents < 0 else ""), str(abs(cents)).zfill(digits + 1)
        return f"{sign}{number[:-digits]}.{number[-digits:]}" if digits else f"{sign}{number}"

    def _legs(self, tariff: Tariff) -> None:
        for leg in tariff.legs:
            if leg.product not in self.products or (leg.network is not None and leg.network not in self.networks):
                continue
            self.tables["fare_leg_rules"].append(
                _cells(
                    leg_group_id=leg.group,
                    network_id=leg.network,
                    from_area_id=leg.from_area,
                    to_area_id=leg.to_area,
                    from_timeframe_group_id=leg.from_timeframe,
                    to_timeframe_group_id=leg.to_timeframe,
                    fare_product_id=leg.product,
                    rule_priority=leg.priority if tariff.priorities else None,
                )
            )

    def _joins(self, tariff: Tariff) -> None:
        for join in tariff.joins:
            networks = {join.from_network, join.to_network}
            stops = {join.from_stop, join.to_stop} - {None}
            if None in networks or not networks <= self.networks or not stops <= self.stops:
                self.notes.append(f"joining {join.from_network} and {join.to_network}: not of networks of these feeds")
                continue
            self.tables["fare_leg_join_rules"].append(
                _cells(
                    from_network_id=join.from_network,
                    to_network_id=join.to_network,
                    from_stop_id=self._local(join.from_stop) if join.from_stop else None,
                    to_stop_id=self._local(join.to_stop) if join.to_stop else None,
                )
            )

    def _transfers(self, tariff: Tariff) -> None:
        groups = {row.get("leg_group_id") for row in self.tables["fare_leg_rules"]} | {None}
        kinds, limits = tuple(TransferKind), tuple(LimitKind)
        for rule in tariff.transfers:
            if not {rule.from_group, rule.to_group} <= groups:
                continue
            if rule.product is not None and rule.product not in self.products:
                self.notes.append(
                    f"transfer from {rule.from_group} to {rule.to_group}: its product has no price in GTFS"
                )
                continue
            self.tables["fare_transfer_rules"].append(
                _cells(
                    from_leg_group_id=rule.from_group,
                    to_leg_group_id=rule.to_group,
                    transfer_count=rule.count,
                    duration_limit=rule.seconds,
                    duration_limit_type=None if rule.limit is None else limits.index(rule.limit),
                    fare_transfer_type=kinds.index(rule.kind),
                    fare_product_id=rule.product,
                )
            )

    # ── version 1 ──

    def _first(self, tariff: Tariff) -> None:
        products = {one.id: one for one in self.catalogue.products}
        only = next(iter(self.agencies)) if len(self.agencies) == 1 else ""
        for through in tariff.throughs:
            rows = [
                row
                for row in products[through.product].prices
                if row.category is None and row.medium is None and row.cents is not None and holds(row, self.day)
            ]
            if not rows or (through.transfers or 0) > 2:  # noqa: PLR2004 - the most that version 1 can say
                self.notes.append(f"fare {through.product}: version 1 has one price for all, and two transfers at most")
                continue
            self.tables["fare_attributes"].append(
                _cells(
                    fare_id=through.product,
                    price=self._amount(rows[0].cents or 0),
                    currency_type=self.catalogue.currency,
                    payment_method=int(not through.paid_on_board),
                    transfers=through.transfers,
                    agency_id=self._local(through.agency or only) or None,
                    transfer_duration=through.seconds,
                )
            )
            for row in through.rows:
                cells = {
                    "fare_id": through.product,
                    "route_id": None if row.route is None else self._local(row.route),
                    "origin_id": row.from_area,
                    "destination_id": row.to_area,
                }
                self.tables["fare_rules"] += [_cells(**cells, contains_id=zone) for zone in row.contains or (None,)]


def _cells(**values: str | int | None) -> Cells:
    return {name: str(value) for name, value in values.items() if value is not None}


def _write_row(name: str, row: Row) -> Cells:
    """Write a row of a file as it was read."""
    cells: Cells = {}
    for column in BY_NAME[name].columns:
        value = row.get(column.name)
        if value is None or value == "":
            continue
        cells[column.name] = f"{value:%Y%m%d}" if column.kind is Kind.DATE else str(value)
    return cells


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _days_between(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))
