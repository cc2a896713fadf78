"""The demonstration's files: small, made from the facts, and a valid feed on any day."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import gtfs_guru
import networkx as nx
import pytest
from shapely.geometry import Point as Spot
from shapely.geometry import Polygon, shape
from tools.demonstration import facts, lines
from tools.demonstration.streets import Map, draw, road_graph
from tools.demonstration.write import write_files

from mobigo.cli.region import data_folder, lay_demonstration, monday_of
from mobigo.kit.geo import Point, haversine
from mobigo.transit.feed import read_feed_tables

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

MONDAY = lines.MONDAY


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    lay_demonstration(folder, MONDAY)
    return folder


@pytest.fixture(scope="module")
def drawn() -> Map:
    return draw()


def test_the_committed_files_are_those_the_facts_give(tmp_path: Path) -> None:
    made = write_files(tmp_path)
    for file in made:
        committed = data_folder(file.relative_to(tmp_path).parts[0]) / file.relative_to(
            tmp_path / file.relative_to(tmp_path).parts[0]
        )
        assert committed.read_bytes() == file.read_bytes(), f"{committed.name}: run tools/make_demonstration"
    committed_feed = {file.name for file in (data_folder("gtfs") / "demonstration").iterdir()}
    assert committed_feed == {file.name for file in made if file.parent.name == "demonstration"}


def test_the_region_is_text_of_less_than_a_megabyte() -> None:
    files = [*(data_folder("gtfs").rglob("*")), *(data_folder("osm").rglob("*"))]
    for file in files:
        if file.is_file():
            file.read_text(encoding="utf-8")
    assert sum(file.stat().st_size for file in files if file.is_file()) < 1_000_000


def test_an_outside_validator_finds_no_error(feed: Path) -> None:
    result = gtfs_guru.validate(str(feed), country_code="FR", date="2026-11-22")
    assert [(notice.code, notice.file, notice.row) for notice in result.errors()] == []
    warnings = Counter(notice.code for notice in result.notices if notice.severity == "WARNING")
    assert set(warnings) <= {"mixed_case_recommended_field"}  # it takes "À réserver" for lower case


def test_every_day_has_service_of_every_kind(feed: Path) -> None:
    tables = read_feed_tables(feed)
    kinds = dict(zip(tables.routes["route_id"], tables.routes["route_type"], strict=True))
    services = tables.trips.select("route_id", "service_id").iter_rows()
    kind_of: dict[str, set[int]] = {}
    for route, service in services:
        kind_of.setdefault(service, set()).add(kinds[route])
    days: dict[date, set[int]] = {}
    for service, day in tables.services.iter_rows():
        days.setdefault(day, set()).update(kind_of.get(service, ()))
    first, last = MONDAY - timedelta(weeks=4), MONDAY + timedelta(weeks=31)
    expected = {first + timedelta(days=n) for n in range((last - first).days)}
    assert {day for day, found in days.items() if found >= {0, 2, 3}} == expected


@pytest.mark.parametrize(
    ("instant", "monday"),
    [
        (datetime(2026, 11, 22, 22, 30, tzinfo=UTC), date(2026, 11, 16)),  # Sunday 23:30 in Dijon
        (datetime(2026, 11, 22, 23, 30, tzinfo=UTC), date(2026, 11, 23)),  # Monday 00:30 in Dijon
        (datetime(2027, 3, 28, 1, 30, tzinfo=UTC), date(2027, 3, 22)),  # the night that is an hour short
    ],
)
def test_the_week_of_loading_is_that_of_the_region(instant: datetime, monday: date) -> None:
    assert monday_of(instant) == monday


def test_towns_are_as_far_apart_by_road_as_they_really_are(drawn: Map) -> None:
    roads = road_graph(drawn)
    for start, end, km in facts.DISTANCES:
        for a, b in ((start, end), (end, start)):
            found = nx.shortest_path_length(roads, drawn.centres[a], drawn.centres[b], weight="metres") / 1000
            assert found == pytest.approx(km, rel=0.1), f"{a} - {b}"


def test_places_lie_in_their_communes(test_data: Path) -> None:
    places = {place.name for place in (*facts.TOWNS, *facts.VILLAGES)}
    communes: dict[str, BaseGeometry] = {}
    with gzip.open(test_data / "bfc/communes.geojson.gz") as file:
        features = json.load(file)["features"]
    for feature in features:
        if (name := feature["properties"]["name"]) in places:  # two departments have an Athie
            communes[name] = communes.get(name, Polygon()).union(shape(feature["geometry"]).buffer(0.006))
    known = [place for place in (*facts.TOWNS, *facts.VILLAGES) if place.name in communes]
    assert len(known) > 60
    assert [place.name for place in known if not communes[place.name].contains(Spot(place.lon, place.lat))] == []


def test_stations_are_where_the_railway_has_them(test_data: Path) -> None:
    real = read_feed_tables(test_data / "bfc/fr-bfc-ter-2025.gtfs.zip").stops
    names = {"Les Laumes-Alésia": "Les Laumes - Alésia", "Dijon-Ville": "Dijon"}
    for name, lat, lon in facts.STATIONS:
        rows = real.filter(real["stop_name"] == names.get(name, name.replace("-", " ")))
        for stop_lat, stop_lon in rows.select("stop_lat", "stop_lon").iter_rows():
            assert haversine(Point(lon, lat), Point(stop_lon, stop_lat)) < 500, name


def test_laying_the_feed_around_its_own_week_changes_nothing(feed: Path) -> None:
    for file in (data_folder("gtfs") / "demonstration").iterdir():
        assert (feed / file.name).read_bytes() == file.read_bytes()


def test_laying_the_feed_elsewhere_moves_every_date_by_the_same_weeks(tmp_path: Path) -> None:
    lay_demonstration(tmp_path, date(2028, 2, 28))
    assert "20280131" in (tmp_path / "calendar.txt").read_text()  # 4 weeks before
    assert "scolaire,20280410,2" in (tmp_path / "calendar_dates.txt").read_text()  # Monday of the week +6
    assert ",20280131," in (tmp_path / "feed_info.txt").read_text()
    assert gtfs_guru.validate(str(tmp_path), country_code="FR", date="2028-03-01").errors() == []
