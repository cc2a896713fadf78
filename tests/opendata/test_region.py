"""A whole region is published, and every file of it passes its validators, without one of ours in between."""

from __future__ import annotations

import gzip
import json
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from rdflib import DCAT, Graph
from tests.conftest import new_database, serve

from mobigo.cli.region import load_demonstration
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares.demonstration import publish_demonstration
from mobigo.journeys.service import build_network
from mobigo.kit.clock import Clock
from mobigo.opendata import gate, store
from mobigo.opendata.licences import find_licence
from mobigo.opendata.making import Publisher
from mobigo.opendata.model import Severity, SourceLicence
from mobigo.opendata.schemas import read_shapes
from mobigo.opendata.service import Outcome, Press
from mobigo.opendata.watching import Watch
from mobigo.parking.service import load_places
from mobigo.transit.load import load_gtfs
from mobigo.transit.shift import parse_week
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.opendata.model import Standing

WEEK = "2026-11-23"
NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
FEEDS = {
    "ter": ("fr-bfc-ter-2025", "ODbL 1.0", "SNCF"),
    "divia": ("fr-bfc-divia-20231031", "Licence Ouverte 2.0", "Divia"),
    "openbus71": ("fr-bfc-openbus71", "Licence Ouverte 2.0", "Openbus71"),
}
WRONG = {Severity.ERROR, Severity.KNOWN}
"""Errors of ours, and of a source."""
REGION = Publisher("La Région", "https://region.example", email="contact@region.example")


def load_region(url: str, data: Path) -> None:
    """Load the three networks of one week as a region, with its own fares and car parks."""
    for source, (name, licence, attribution) in FEEDS.items():
        report = load_gtfs(data / f"bfc/{name}.gtfs.zip", source, url, now=NOW, shift_to=parse_week(WEEK))
        assert report.status == "active", report.as_text()
        with psycopg.connect(libpq_conninfo(url)) as connection:
            said = SourceLicence(source, find_licence(licence), attribution, True, "staff", NOW)
            store.set_source_licence(connection, said)
    load_places(data / "bfc/lieux-covoiturage.csv", "bnlc", url, now=NOW)


def publish(url: str, home: Path, schemas: Path) -> dict[str, Standing]:
    """Publish all there is; nothing may be held back. Return how data sets stand."""
    with psycopg.connect(libpq_conninfo(url)) as connection:
        publish_demonstration(connection, now=NOW, today=NOW.date())
    done = Press(url, home, REGION, NOW, schemas).publish()
    wrong = {one.dataset: one.problems for one in done if one.outcome is Outcome.FAILED}
    assert wrong == {}
    again = Press(url, home, REGION, NOW, schemas).publish()
    assert {one.outcome for one in again} <= {Outcome.UNCHANGED, Outcome.EMPTY}
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return {one.dataset.id: one for one in store.list_standings(connection) if one.current}


def look_from_outside(url: str, home: Path, schemas: Path) -> dict[str, Any]:
    """Serve it, ask for every address, judge real time and the catalogue; return what was answered."""
    clock = Clock(home / "clock.json")
    clock.move(NOW, 0)
    build_network(url, home, NOW, days_ahead=1)
    engine = open_engine(url)
    with serve(create_app(engine=engine, clock=clock, home=home, publisher=REGION)) as address:
        seen = replace(REGION, url=f"{address}/opendata")
        done = Watch(url, seen, NOW, schemas).run()
        silent = {(one.dataset, one.file): one.problem for one in done.looks if one.problem}
        assert silent == {}
        with psycopg.connect(libpq_conninfo(url)) as connection:
            for name in done.judged:
                report = store.list_reports(connection)[name, 1]
                assert [one for one in report.problems if one.severity is Severity.ERROR] == [], name
        with httpx.Client(base_url=f"{address}/opendata/", timeout=120) as http:
            catalogue = Graph().parse(data=http.get("catalog.ttl").text)
            shapes = read_shapes(schemas)
            assert isinstance(shapes, Graph)
            assert [one for one in gate.check_shapes(catalogue, shapes) if one.severity is Severity.ERROR] == []
            files = {str(one).removeprefix(f"{address}/opendata/") for one in catalogue.objects(None, DCAT.downloadURL)}
            read = {name: http.get(name) for name in sorted(files) if not name.startswith(("realtime", "siri"))}
    engine.dispose()
    assert {answer.status_code for answer in read.values()} == {200}
    return {name: answer.content for name, answer in read.items()}


def read_all(files: dict[str, bytes], tmp_path: Path) -> None:
    """Every file is what its name says."""
    for name, content in files.items():
        if name.endswith(".zip"):
            (tmp_path / "file.zip").write_bytes(content)
            with zipfile.ZipFile(tmp_path / "file.zip") as archive:
                assert archive.testzip() is None, name
        elif name.endswith((".json", ".geojson")):
            json.loads(content)
        elif name.endswith(".gz"):
            gzip.decompress(content)


@pytest.fixture
def without_netex(test_data: Path, tmp_path: Path) -> Path:
    """The schemas but those that take a minute to compile."""
    folder = tmp_path / "schemas"
    folder.mkdir()
    for name in ("dcat", "siri"):
        (folder / name).symlink_to(test_data.parent / "schemas" / name)
    return folder


@pytest.fixture
def database(test_cluster: str) -> Iterator[str]:
    with new_database(test_cluster) as url:
        yield url


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what reads the catalogue
def test_the_demonstration_passes_every_validator(database: str, without_netex: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    clock = Clock(home / "clock.json")
    clock.move(NOW, 0)
    load_demonstration(database, clock)
    standings = publish(database, home, without_netex)
    assert {"timetables-demonstration", "fares", "carpool-lines"} <= set(standings)
    for one in standings.values():
        assert [problem for problem in one.found if problem.severity in WRONG] == []
    read_all(look_from_outside(database, home, without_netex), tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_three_networks_of_one_week_pass_every_validator(database: str, test_data: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    load_region(database, test_data)
    standings = publish(database, home, test_data.parent / "schemas")
    assert {*(f"timetables-{source}" for source in FEEDS), "timetables", "timetables-odbl"} <= set(standings)
    for name, one in standings.items():
        assert "not_checked" not in {problem.code for problem in one.found}, name
        assert [problem for problem in one.found if problem.severity in WRONG] == [], name  # nor any of the sources
    read_all(look_from_outside(database, home, test_data.parent / "schemas"), tmp_path)
