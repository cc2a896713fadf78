"""Fares in NeTEx are those of the catalogue: products, prices, zones, lines, rules; by the ids of every format."""

from __future__ import annotations

import zipfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from tests.feed_text import files, pack
from tests.opendata.conftest import NOW, load
from tests.opendata.netex_fares_reader import read_fares
from tests.opendata.test_fare_rows import FLAT, ZONES

from mobigo.fares import gtfs_read
from mobigo.fares.demonstration import read_demonstration
from mobigo.fares.feed_rows import read_loaded
from mobigo.opendata.netex_fares import FareFrame
from mobigo.opendata.netex_writer import write_netex
from mobigo.opendata.netex_xml import add_frame, refer

if TYPE_CHECKING:
    import psycopg
    from tests.opendata.netex_fares_reader import Fares

    from mobigo.fares.catalogue import Catalogue

DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"


def compare(told: Fares, catalogue: Catalogue, owner: str = "") -> None:
    """Compare what was read back with a catalogue."""

    def name(id_: str | None) -> str | None:
        return None if id_ is None else f"{owner}{id_}"

    assert told.zones == {name(one.id): set(one.stops) for one in catalogue.areas}
    assert told.travellers == {name(one.id): (one.name.fr, one.min_age, one.max_age) for one in catalogue.categories}
    assert told.products == {name(one.id): one.name.fr for one in catalogue.products}
    assert set(told.media) == {name(one.id) for one in catalogue.media}
    assert told.frames == {
        name(frame.id): {(name(span.days), span.start, span.end) for span in frame.spans}
        for frame in catalogue.timeframes
    }
    scales = {scale.id: scale for scale in catalogue.scales}
    prices, by_distance = set(), set()
    for product in catalogue.products:
        sold_on = {row.medium for row in product.prices if row.medium} | set(product.media) or {None}
        for row in product.prices:
            for medium in sold_on if row.medium is None else {row.medium}:
                head = (name(product.id), name(row.category), name(medium))
                if row.cents is not None:
                    days = (row.since and str(row.since), row.until and str(row.until))
                    prices.add((*head, Decimal(row.cents) / 100, *days))
                    continue
                start = 0
                for band in scales[row.scale or ""].bands:
                    per_km = Decimal(band.millicents_per_km) / 100_000
                    by_distance.add((*head, start, band.up_to, Decimal(band.cents) / 100, per_km))
                    start = band.up_to or start
    assert told.prices == prices
    assert told.by_distance == by_distance
    assert told.legs == {
        (
            name(leg.product),
            name(leg.network),
            name(leg.from_area),
            name(leg.to_area),
            frozenset(name(frame) for frame in (leg.from_timeframe, leg.to_timeframe) if frame),
            leg.group,
        )
        for tariff in catalogue.tariffs
        for leg in tariff.legs
    }
    assert told.throughs == {
        (
            name(one.product),
            row.route if row else None,
            name(row.from_area) if row else None,
            name(row.to_area) if row else None,
            frozenset(name(area) for area in row.contains) if row else frozenset(),
            None if one.transfers is None else str(one.transfers),
            None if one.seconds is None else str(one.seconds),
        )
        for tariff in catalogue.tariffs
        for one in tariff.throughs
        for row in one.rows or (None,)
    }
    kinds = {"from_and_rule": "0", "from_rule_and_to": "1", "rule": "2"}
    assert told.transfers == {
        (
            one.from_group,
            one.to_group,
            None if one.count is None else str(one.count),
            None if one.seconds is None else str(one.seconds),
            kinds[one.kind],
        )
        for tariff in catalogue.tariffs
        for one in tariff.transfers
    }


def test_the_regions_catalogue_is_told_whole(tmp_path: Path) -> None:
    write_region(tmp_path / "fares.zip")
    told = read_fares(tmp_path / "fares.zip")
    compare(told, read_demonstration())
    assert told.by_distance
    assert told.networks["coach"] == {"demonstration:120"}


def write_region(path: Path) -> None:
    frame = FareFrame(
        read_demonstration(),
        owner="",
        routes={"demonstration:120": "demonstration:auxois"},
        refer_line=lambda route: refer("Line", route),
        own_days=True,
    )
    with zipfile.ZipFile(path, "w") as archive:
        add_frame(archive, "tarifs.xml", ("NETEX_TARIF", "tarifs", "Europe/Paris", NOW), frame.list_members())


THROUGH = {
    "stops": """
        stop_id,stop_name,stop_lat,stop_lon,zone_id
        gare,Gare,47.4906,4.3347,Z
        mairie,Mairie,47.4951,4.3300,Z
        lac,Lac de Pont,47.4800,4.3600,Y
    """,
    "fare_attributes": """
        fare_id,price,currency_type,payment_method,transfers,transfer_duration
        line,1.50,EUR,0,0,
        zones,2.50,EUR,1,2,3600
        anywhere,3.00,EUR,1,,
    """,
    "fare_rules": """
        fare_id,route_id,origin_id,destination_id,contains_id
        line,1,Z,,
        line,1,Z,Y,
        zones,,,,Z
        zones,,,,Y
    """,
}
"""Version 1 of fares."""


@pytest.mark.parametrize("feed", ["demonstration", "flat", "through", "zones"])
def test_the_fares_of_a_feed_are_told_whole(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path, feed: str
) -> None:
    texts = {"zones": ZONES, "flat": FLAT, "through": THROUGH}
    path = pack(tmp_path / "feed.zip", files(**texts[feed])) if feed in texts else DEMONSTRATION
    part = load(database_url, path, "x")
    write_netex(connection, [part], tmp_path / "netex.zip", NOW.date())
    catalogue, _ = gtfs_read.read_fares(read_loaded(connection, "x"), valid_from=NOW.date())
    told = read_fares(tmp_path / "netex.zip")
    compare(told, catalogue, "x:")
    assert told.networks == {f"x:{one.id}": set(one.routes) for one in catalogue.networks}


@pytest.mark.slow  # the schema alone takes half a minute to read
def test_fares_are_valid_by_the_schema(tmp_path: Path, test_data: Path) -> None:
    write_region(tmp_path / "fares.zip")
    schema = etree.XMLSchema(etree.parse(test_data.parent / "schemas/netex/NeTEx_publication.xsd"))
    with zipfile.ZipFile(tmp_path / "fares.zip") as archive:
        document = etree.fromstring(archive.read("tarifs.xml"))
    assert schema.validate(document), schema.error_log
