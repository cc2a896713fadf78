"""Fares of several feeds in one archive mean what they mean in each feed alone: read by the words of the reference."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.feed_text import files, pack
from tests.opendata.conftest import load

from mobigo.fares import service
from mobigo.fares.demonstration import read_demonstration
from mobigo.opendata.fare_rows import list_catalogues, read_fares
from mobigo.opendata.gate import ask_guru
from mobigo.opendata.gtfs_writer import Part, Publisher, write_gtfs
from mobigo.opendata.model import Severity
from mobigo.opendata.netex_writer import write_netex

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from mobigo.fares.catalogue import Catalogue

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = date(2026, 11, 22)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
REGION = Publisher("La Région", "https://region.example", "fr", "contact@region.example")
Tables = dict[str, list[dict[str, str]]]

TWO_LINES = {
    "routes": """
        route_id,agency_id,route_short_name,route_type,route_color,route_text_color
        1,A,1,3,0047BB,FFFFFF
        2,A,2,3,0047BB,FFFFFF
    """,
    "trips": """
        route_id,service_id,trip_id,trip_headsign
        1,week,t1,Lac
        2,week,t2,Gare
    """,
}
ZONES = {
    **TWO_LINES,
    "networks": "network_id,network_name\nn,Named",
    "route_networks": "network_id,route_id\nn,1",
    "areas": "area_id,area_name\nnorth,North",
    "stop_areas": "area_id,stop_id\nnorth,gare",
    "fare_products": "fare_product_id,amount,currency\nticket,2.00,EUR\ncheap,1.00,EUR",
    "fare_leg_rules": """
        leg_group_id,network_id,from_area_id,to_area_id,fare_product_id
        all,,,,ticket
        up,n,north,,cheap
    """,
    "fare_transfer_rules": """
        from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type
        ,,,3600,1,0
    """,
}
FLAT = {
    **TWO_LINES,
    "fare_products": "fare_product_id,amount,currency\ncheap,1.00,EUR",
    "fare_leg_rules": "leg_group_id,fare_product_id\nflat,cheap",
}


def write(connection: psycopg.Connection[Any], parts: Sequence[Part], path: Path) -> Tables:
    write_gtfs(connection, parts, path, REGION, fares=read_fares(connection, parts, DAY).rows)
    found = ask_guru(str(path))
    assert [one for one in found if one.severity in {Severity.ERROR, Severity.KNOWN}] == []
    tables = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".txt"):
                rows = csv.DictReader(io.StringIO(archive.read(name).decode(), newline=""))
                tables[name[:-4]] = [{key: cell for key, cell in row.items() if cell} for row in rows]
    return tables


# ── the reference, read anew ──────────────────────────────────────────────────────────────────────────────────────────


def find_products(tables: Tables, route: str, start: str, end: str) -> set[tuple[str, str]]:
    """Find leg group and product of a leg, without priorities: as fare_leg_rules.txt is told to be read."""
    rules = tables.get("fare_leg_rules", [])
    networks = {row["network_id"] for row in tables.get("route_networks", ()) if row["route_id"] == route}
    networks |= {row["network_id"] for row in tables["routes"] if row["route_id"] == route and "network_id" in row}

    def fits(rule: dict[str, str], column: str, own: set[str]) -> bool:
        if column in rule:
            return rule[column] in own
        return not own & {one.get(column) for one in rules}

    def areas(stop: str) -> set[str]:
        return {row["area_id"] for row in tables.get("stop_areas", ()) if row["stop_id"] == stop}

    return {
        (rule.get("leg_group_id", ""), rule["fare_product_id"])
        for rule in rules
        if fits(rule, "network_id", networks)
        and fits(rule, "from_area_id", areas(start))
        and fits(rule, "to_area_id", areas(end))
    }


def find_transfers(tables: Tables, one: str, other: str) -> set[tuple[str, ...]]:
    """Find what changing from a leg group to another costs."""
    rules = tables.get("fare_transfer_rules", [])

    def fits(rule: dict[str, str], column: str, own: str) -> bool:
        return rule[column] == own if column in rule else own not in {each.get(column) for each in rules}

    return {
        tuple(rule.get(name, "") for name in ("duration_limit", "fare_transfer_type", "fare_product_id"))
        for rule in rules
        if fits(rule, "from_leg_group_id", one) and fits(rule, "to_leg_group_id", other)
    }


def test_each_feed_keeps_its_fares_beside_others(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    feeds = {"one": ZONES, "two": FLAT, "none": TWO_LINES}
    parts = [load(database_url, pack(tmp_path / f"{name}.zip", files(**more)), name) for name, more in feeds.items()]
    alone = {part.source: write(connection, [part], tmp_path / f"{part.source}-alone.zip") for part in parts}
    together = write(connection, parts, tmp_path / "together.zip")
    groups = {}
    for part in parts:
        tables = alone[part.source]
        stops = sorted({row["stop_id"] for row in tables["stop_times"] if "stop_id" in row})
        for route in (row["route_id"] for row in tables["routes"]):
            for start in stops:
                for end in stops:
                    expected = find_products(tables, route, start, end)
                    assert find_products(together, route, start, end) == expected, (route, start, end)
        groups[part.source] = {row["leg_group_id"] for row in tables.get("fare_leg_rules", ()) if "leg_group_id" in row}
        for one in groups[part.source]:
            for other in groups[part.source]:
                assert find_transfers(together, one, other) == find_transfers(tables, one, other)
    assert find_products(alone["one"], "one:1", "one:gare", "one:lac") == {("one:up", "one:cheap")}
    for one in groups["one"]:
        for other in groups["two"]:
            assert find_transfers(together, one, other) == set()  # nobody promised a change between them
    load(database_url, tmp_path / "together.zip", "back")


def test_a_flat_fare_of_one_feed_is_not_anothers(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    flat = {"fare_attributes": ("fare_id,price,currency_type,payment_method,transfers\nf,1.50,EUR,0,0")}
    parts = [
        load(database_url, pack(tmp_path / "one.zip", files(**flat)), "one"),
        load(database_url, pack(tmp_path / "two.zip", files()), "two"),
    ]
    together = write(connection, parts, tmp_path / "together.zip")
    ours = {row["route_id"] for row in together["routes"] if row["route_id"].startswith("one:")}
    assert {(row["fare_id"], row["route_id"]) for row in together["fare_rules"]} == {("one:f", id_) for id_ in ours}


def publish(connection: psycopg.Connection[Any], catalogue: Catalogue) -> None:
    draft = service.draft_catalogue(connection, catalogue, origin="x", by="x", now=NOW)
    service.publish(connection, draft.number, seen=None, by="x", now=NOW, today=DAY)


def test_example_prices_are_for_nobody(database_url: str, connection: psycopg.Connection[Any], tmp_path: Path) -> None:
    part = load(database_url, pack(tmp_path / "one.zip", files(**ZONES)), "demonstration")
    publish(connection, read_demonstration())
    assert read_fares(connection, [part], DAY).rows is None
    assert [one.source for one in list_catalogues(connection, [part], DAY)] == ["demonstration"]


def test_the_regions_fares_go_before_a_feeds_for_the_lines_that_they_speak_of(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    parts = [
        load(database_url, DEMONSTRATION, "demonstration"),
        load(database_url, pack(tmp_path / "one.zip", files(**ZONES)), "one"),
    ]
    catalogue = replace(read_demonstration(), demonstration=False)
    publish(connection, catalogue)
    tables = write(connection, parts, tmp_path / "out.zip")
    agencies = {row["route_id"]: row["agency_id"] for row in tables["routes"]}
    networks = {agency: network.id for network in catalogue.networks for agency in network.agencies}
    rules = [leg for tariff in catalogue.tariffs for leg in tariff.legs]
    for route in ("demonstration:120", "demonstration:T1", "demonstration:N1"):
        network = networks[agencies[route]]
        told = {product for _, product in find_products(tables, route, "nowhere", "nowhere")}
        assert told == {leg.product for leg in rules if leg.network == network and not (leg.from_area or leg.to_area)}
        assert told
    # the lines that the region does not speak of keep what their feed says
    assert {product for _, product in find_products(tables, "one:1", "one:gare", "one:lac")} == {"one:cheap"}
    assert not any(row["fare_product_id"].startswith("demonstration:") for row in tables["fare_products"])
    load(database_url, tmp_path / "out.zip", "back")
    own = {one.source: set(one.routes) for one in list_catalogues(connection, parts, DAY)}
    assert own[None] == {id_ for id_ in agencies if id_.startswith("demonstration:")}
    assert own["one"] == {"one:1", "one:2"}
    write_netex(connection, parts, tmp_path / "netex.zip", DAY)
    with zipfile.ZipFile(tmp_path / "netex.zip") as archive:
        assert {name for name in archive.namelist() if "tarifs" in name} == {"tarifs.xml", "one_tarifs.xml"}
