"""A reader of fares in NeTEx for tests, written from the standard: what is sold, for what, and for how much."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from lxml import etree
from tests.opendata.netex_reader import N, plain

if TYPE_CHECKING:
    from pathlib import Path

Keys = dict[str, str]


@dataclass
class Fares:
    """What a delivery says about fares."""

    networks: dict[str, set[str]] = field(default_factory=dict)
    zones: dict[str, set[str]] = field(default_factory=dict)
    travellers: dict[str, tuple[str, int | None, int | None]] = field(default_factory=dict)
    media: dict[str, str] = field(default_factory=dict)
    frames: dict[str, set[tuple[str, int, int]]] = field(default_factory=dict)
    """Day type, from, until."""
    products: dict[str, str] = field(default_factory=dict)
    prices: set[tuple[str, str | None, str | None, Decimal, str | None, str | None]] = field(default_factory=set)
    """Product, traveller, medium, amount, from, until."""
    by_distance: set[tuple[str, str | None, str | None, int, int | None, Decimal, Decimal]] = field(default_factory=set)
    """Product, traveller, medium, from and to metres, amount, amount for each kilometre."""
    legs: set[tuple[str, str | None, str | None, str | None, frozenset[str], str | None]] = field(default_factory=set)
    """Product, network, zones, timeframes, leg group."""
    throughs: set[tuple[str, str | None, str | None, str | None, frozenset[str], str | None, str | None]] = field(
        default_factory=set
    )
    """Product, line, from and to zone, zones gone through, transfers, seconds."""
    transfers: set[tuple[str | None, ...]] = field(default_factory=set)
    """From and to leg group, count, seconds, kind."""


def read_fares(path: Path) -> Fares:
    """Read the fares of a delivery."""
    told = Fares()
    with zipfile.ZipFile(path) as archive:
        roots = [etree.fromstring(archive.read(name)) for name in archive.namelist() if name.endswith("tarifs.xml")]
    for root in roots:
        _read_words(root, told)
        _read_rules(root, told)
        _read_prices(root, told)
    return told


def _list(root: etree._Element, tag: str) -> list[tuple[str, etree._Element]]:
    return [(plain(one.get("id")), one) for one in root.iter(f"{N}{tag}") if one.get("id")]


def _ref(element: etree._Element | None, *tags: str) -> str | None:
    for tag in tags:
        found = None if element is None else element.find(f"{N}{tag}")
        if found is not None:
            return plain(found.get("ref"))
    return None


def _keys(element: etree._Element) -> Keys:
    pairs = element.findall(f"{N}keyList/{N}KeyValue")
    return {pair.findtext(f"{N}Key"): pair.findtext(f"{N}Value") for pair in pairs}


def _read_words(root: etree._Element, told: Fares) -> None:
    for id_, one in _list(root, "GroupOfLines"):
        members = one.find(f"{N}members")
        told.networks[id_] = set() if members is None else {plain(line.get("ref")) for line in members}
    for id_, one in _list(root, "TariffZone"):
        members = one.find(f"{N}members")
        told.zones[id_] = set() if members is None else {plain(stop.get("ref")) for stop in members}
    for id_, one in _list(root, "UserProfile"):
        low, high = one.findtext(f"{N}MinimumAge"), one.findtext(f"{N}MaximumAge")
        told.travellers[id_] = (one.findtext(f"{N}Name"), low and int(low), high and int(high))
    for id_, one in _list(root, "TypeOfTravelDocument"):
        told.media[id_] = one.findtext(f"{N}MediaType")
    for id_, one in _list(root, "PreassignedFareProduct"):
        told.products[id_] = one.findtext(f"{N}Name")
    bands = dict(_list(root, "Timeband"))
    for id_, one in _list(root, "AvailabilityCondition"):
        band = bands[_ref(one.find(f"{N}timebands"), "TimebandRef")]
        start = _seconds(band.findtext(f"{N}StartTime"))
        end = _seconds(band.findtext(f"{N}EndTime")) + 86_400 * int(band.findtext(f"{N}DayOffset", "0"))
        days = _ref(one.find(f"{N}dayTypes"), "DayTypeRef")
        told.frames.setdefault(id_.rpartition(".")[0], set()).add((days, start, end))


def _seconds(text: str) -> int:
    hours, minutes, rest = (int(part) for part in text.split(":"))
    return hours * 3600 + minutes * 60 + rest


def _read_rules(root: etree._Element, told: Fares) -> None:
    of = {
        plain(ref.get("ref")): id_
        for id_, product in _list(root, "PreassignedFareProduct")
        for ref in product.iter(f"{N}FareStructureElementRef")
    }
    for id_, one in _list(root, "FareStructureElement"):
        keys = _keys(one)
        kind = one.find(f"{N}TypeOfFareStructureElementRef").get("ref")
        if kind == "FR:Interchanging" and "fare_transfer_type" in keys:
            limit = one.find(f".//{N}Interchanging").findtext(f"{N}MaximumTimeToMakeATransfer")
            told.transfers.add((
                keys.get("from_leg_group_id"), keys.get("to_leg_group_id"), keys.get("transfer_count"),
                limit and limit[2:-1], keys["fare_transfer_type"],
            ))  # fmt: skip
        if kind != "FR:ScopingValidityParameters":
            continue
        way = one.find(f"{N}distanceMatrixElements/{N}DistanceMatrixElement")
        given = one.find(f"{N}GenericParameterAssignment")
        scope = None if given is None else given.find(f"{N}validityParameters")
        times = [] if given is None else given.findall(f"{N}temporalValidityParameters/*")
        if "payment_method" in keys:
            line = _ref(scope, "LineRef", "FlexibleLineRef")
            zones = [] if scope is None else scope.findall(f"{N}TariffZoneRef")
            told.throughs.add((
                of[id_], line, _ref(way, "StartTariffZoneRef"), _ref(way, "EndTariffZoneRef"),
                frozenset(plain(ref.get("ref")) for ref in zones), keys.get("transfers"),
                keys.get("transfer_duration"),
            ))  # fmt: skip
            continue
        frames = frozenset(plain(ref.get("ref")).rpartition(".")[0] for ref in times)
        told.legs.add((
            of[id_], _ref(scope, "GroupOfLinesRef"), _ref(way, "StartTariffZoneRef"), _ref(way, "EndTariffZoneRef"),
            frames, keys.get("leg_group_id"),
        ))  # fmt: skip


def _read_prices(root: etree._Element, told: Fares) -> None:
    offers = {}
    for id_, one in _list(root, "SalesOfferPackage"):
        element = one.find(f"{N}salesOfferPackageElements/{N}SalesOfferPackageElement")
        offers[id_] = (_ref(element, "PreassignedFareProductRef"), _ref(element, "TypeOfTravelDocumentRef"))
    intervals = dict(_list(root, "GeographicalInterval"))
    units = dict(_list(root, "GeographicalUnit"))
    for cell in root.iter(f"{N}Cell"):
        product, medium = offers[_ref(cell, "SalesOfferPackageRef")]
        traveller = _ref(cell, "UserProfileRef")
        price = cell.find(f"{N}SalesOfferPackagePrice")
        if price is not None:
            amount = Decimal(price.findtext(f"{N}Amount"))
            since, until = price.findtext(f"{N}StartDate"), price.findtext(f"{N}EndDate")
            told.prices.add((product, traveller, medium, amount, since, until))
            continue
        price = cell.find(f"{N}GeographicalIntervalPrice")
        interval = intervals[_ref(price, "GeographicalIntervalRef")]
        unit = units[_ref(interval, "GeographicalUnitRef")]
        end = interval.findtext(f"{N}EndGeographicalValue")
        told.by_distance.add((
            product, traveller, medium, int(interval.findtext(f"{N}StartGeographicalValue")), end and int(end),
            Decimal(price.findtext(f"{N}Amount")), Decimal(unit.findtext(f".//{N}GeographicalUnitPrice/{N}Amount")),
        ))  # fmt: skip
