"""Carpool lines and places as data sets: by the national schema, apart by licence, and without what is personal."""

from __future__ import annotations

import csv
import json
import zipfile
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from lxml import etree

from mobigo.carpool.lines import list_lines
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import Point
from mobigo.opendata import carpool_sets, store
from mobigo.opendata.gate import check_table
from mobigo.opendata.licences import find_licence
from mobigo.opendata.making import Making, Publisher
from mobigo.opendata.model import SourceLicence
from mobigo.opendata.timetables import FEATURES, LOOKS
from mobigo.parking import store as parking_store
from mobigo.parking.model import Kind, ParkingPlace
from mobigo.parking.register import read_register

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.opendata.making import Draft

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
N = "{http://www.netex.org.uk/netex}"
AIRE = ParkingPlace(
    "departement", "21603-C-001", Kind.CARPOOL, "Aire de Semur", "Semur-en-Auxois", "21603", 24, 1, True,
    date(2026, 9, 1), Point(4.33, 47.49),
)  # fmt: skip
RELAY = ParkingPlace(
    "bnlc", "89206-C-002", Kind.PARK_RIDE, "Parking de la gare", "Joigny", "89206", 120, None, True, None,
    Point(3.39, 47.98),
)  # fmt: skip


@pytest.fixture
def making(database_url: str, tmp_path: Path) -> Iterator[Making]:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        region = Publisher("La Région", "https://region.example")
        yield Making(connection, database_url, tmp_path, tmp_path, NOW, region)


def make(making: Making, name: str) -> Draft:
    makers = {one.dataset.id: one for one in carpool_sets.list_carpool_sets(making.connection)}
    draft = makers[name].make(making)
    assert draft is not None
    return draft


def read(draft: Draft, name: str) -> str:
    return next(file for file in draft.files if file.name == name).path.read_text("utf-8")


def test_lines_are_told_with_their_hours_and_without_the_taxi(making: Making) -> None:
    draft = make(making, "carpool-lines")
    lines = {line.id: line for line in list_lines(making.connection)}
    drawn = json.loads(read(draft, "lines.geojson"))["features"]
    assert {one["id"] for one in drawn} == set(lines)
    rows = list(csv.DictReader(read(draft, "stops.csv").splitlines()))
    assert [(row["line_id"], row["stop_id"], int(row["metres"])) for row in rows] == [
        (line.id, f"{line.id}:{stop.id}", stop.metres) for _, line in sorted(lines.items()) for stop in line.stops
    ]
    for file in draft.files:
        if file.name.endswith(".csv"):
            schema = json.loads(read(draft, file.name.replace(".csv", ".schema.json")))
            assert check_table(file.name, file.path, schema["fields"]) == []
        assert b"taxi@" not in file.path.read_bytes()
    before = {file.name: file.key for file in draft.files}
    assert {file.name: file.key for file in make(making, "carpool-lines").files} == before


def test_lines_in_netex_are_the_lines(making: Making) -> None:
    draft = make(making, "carpool-lines")
    elements: list[Any] = []
    with zipfile.ZipFile(next(file.path for file in draft.files if file.format == "NeTEx")) as archive:
        for name in archive.namelist():
            elements += etree.fromstring(archive.read(name)).iter()
    told = {
        plain(one.get("id")): (
            plain(one.find(f"{N}StartMeetingPointRef").get("ref")),
            plain(one.find(f"{N}EndMeetingPointRef").get("ref")),
            int(one.findtext(f"{N}Distance")),
        )
        for one in elements
        if one.tag == f"{N}DistanceMatrixElement"
    }
    lines = list_lines(making.connection)
    assert told == {
        f"{line.id}:{a.id}:{b.id}": (f"{line.id}:{a.id}", f"{line.id}:{b.id}", abs(a.metres - b.metres))
        for line in lines
        for a in line.stops
        for b in line.stops
        if a != b
    }
    names = {plain(one.get("id")): one.findtext(f"{N}Name") for one in elements if one.tag == f"{N}CarPoolingService"}
    assert names == {line.id: line.name for line in lines}


def plain(id_: str) -> str:
    return id_.split(":", 2)[2].removesuffix(":LOC")


def test_places_stand_apart_by_licence(making: Making) -> None:
    for place in (AIRE, RELAY):
        parking_store.replace_source(making.connection, place.source, "x", NOW, [place])
    making.connection.execute(
        "INSERT INTO parking_source (name, hash, loaded_at, rows) VALUES ('who-knows', 'x', %s, 0)", [NOW]
    )
    said = SourceLicence("departement", find_licence("etalab-2.0"), "Département", True, "staff", NOW)
    store.set_source_licence(making.connection, said)
    names = [one.dataset.id for one in carpool_sets.list_carpool_sets(making.connection)]
    assert names == ["carpool-lines", "carpool-places", "carpool-places-odbl", "carpool-places-who-knows"]
    free, alike = make(making, "carpool-places"), None
    rows = {row["id_local"]: row for row in csv.DictReader(read(free, "carpool-places.csv").splitlines())}
    assert set(rows) == {"21603-C-001"}  # no extract is loaded: nobody knows the communes of the lines' stops
    assert free.problems[0].code == "no_commune"
    assert free.said.licence == "etalab-2.0"
    assert rows["21603-C-001"]["type"] == "Aire de covoiturage"
    alike = make(making, "carpool-places-odbl")
    assert alike.said.licence == "ODbL-1.0"
    assert alike.said.attributions == (carpool_sets.KNOWN["bnlc"][1], "Département")
    table = next(file for file in alike.files if file.name == "carpool-places.csv")
    assert check_table(table.name, table.path, json.loads(read(alike, "carpool-places.schema.json"))["fields"]) == []
    back = read_register(table.path.read_bytes(), "back", "back.csv")
    assert not back.findings
    assert {(one.name, one.kind, one.capacity, one.point) for one in back.places} == {
        (one.name, one.kind, one.capacity, one.point) for one in (AIRE, RELAY)
    }


def test_stops_of_lines_are_places_where_the_communes_are_known(making: Making) -> None:
    line = list_lines(making.connection)[0]
    draw_commune(making, line.stops[0].point, "Ville", "89387")
    rows = list(csv.DictReader(read(make(making, "carpool-places"), "carpool-places.csv").splitlines()))
    assert {row["insee"] for row in rows} == {"89387"}
    assert line.stops[0].name in {row["nom_lieu"] for row in rows}
    assert {row["type"] for row in rows} == {"Ligne de covoiturage"}
    assert all("Ligne" in row["comm"] for row in rows)


def test_the_platform_has_words_for_what_is_in_a_data_set(making: Making) -> None:
    parking_store.replace_source(making.connection, AIRE.source, "x", NOW, [AIRE])
    said = SourceLicence("departement", find_licence("etalab-2.0"), "Département", True, "staff", NOW)
    store.set_source_licence(making.connection, said)
    features = {*FEATURES, *LOOKS, "sales_points"}
    features |= {one for name in ("carpool-lines", "carpool-places") for one in make(making, name).said.features}
    for language in ("fr", "en"):
        words = json.loads(files("mobigo.web").joinpath(f"languages/opendata.{language}.json").read_text("utf-8"))
        assert {f"opendata.feature.{one}" for one in features} <= words.keys()


def draw_commune(making: Making, centre: Point, name: str, insee: str) -> None:
    """Put a town with its outline on the map."""
    run = making.connection.execute
    run(
        "INSERT INTO osm_extract (id, name, hash, loaded_at, counts, report) OVERRIDING SYSTEM VALUE"
        " VALUES (1, 'x', 'x', %s, '{}', '{}')",
        [NOW],
    )
    for table in ("osm_place", "osm_area"):
        run(f"CREATE TABLE mobigo.{table}_1 PARTITION OF mobigo.{table}_versions FOR VALUES IN (1)".encode())
    run(
        "INSERT INTO osm_place_versions (version, osm_type, osm_id, kind, name, population, insee, min_zoom, geom)"
        " VALUES (1, 'node', 1, 'town', %s, 3000, %s, 8, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
        [name, insee, *centre],
    )
    run(
        "INSERT INTO osm_area_versions (version, osm_type, osm_id, kind, name, square_metres, admin_level, min_zoom,"
        " geom) VALUES (1, 'relation', 1, 'administrative', %s, 1e7, 8, 8,"
        " ST_Multi(ST_Expand(ST_SetSRID(ST_MakePoint(%s, %s), 4326), 0.02)))",
        [name, *centre],
    )
    run("UPDATE osm_active SET version = 1")
