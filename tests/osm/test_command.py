"""`mobigo load osm` as a user types it, and study areas by name."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import requests
from tests.street_text import write_osm

from mobigo.cli.main import main
from mobigo.kit.errors import NotFound, Unavailable
from mobigo.osm import study_area
from mobigo.osm.load import load_osm

if TYPE_CHECKING:
    from pathlib import Path

CROSSING = """
a 0 0
b 100 0
c 200 0
d 100 100
1: a b c  highway=residential name=Rue_Basse oneway=yes
2: b d  highway=service access=private
"""


@pytest.fixture
def _settings(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.exists()
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["load", "osm", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("_settings")
def test_the_report_is_the_promised_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write_osm(tmp_path, CROSSING))
    assert run(path, "--json", "--no-build") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["status"], report["counts"]["ways"], report["counts"]["edges"]) == ("active", 2, 3)
    assert report["dropped"] == {}
    assert report["findings"] == []
    assert run(path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "unchanged"


@pytest.mark.usefixtures("_settings")
def test_a_broken_file_is_one_sentence_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.osm"
    broken.write_text("<osm><node")
    assert run(str(broken), "--json") == 1
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["status"] == "rejected"
    assert set(report["findings"][0]) == {"class", "code", "file", "line", "value", "rule", "remedy"}
    assert err.startswith("mobigo: broken.osm is broken")
    assert "Traceback" not in err
    assert run(str(tmp_path / "absent.osm")) == 1
    assert run() == 2


@pytest.mark.usefixtures("_settings")
def test_a_private_address_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("http://127.0.0.1:9/streets.osm.pbf") == 1
    assert "MOBIGO_ALLOW_HOSTS" in capsys.readouterr().err


def test_offline_a_place_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise requests.exceptions.ConnectionError("no route")

    monkeypatch.setattr("osmnx.graph_from_place", unreachable)
    with pytest.raises(Unavailable, match="go online, or load an extract from a file"):
        study_area.save_place("Semur-en-Auxois, France", tmp_path)


def test_a_place_nobody_knows_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise TypeError("Nominatim did not geocode query to a geometry of type (Multi)Polygon.")

    monkeypatch.setattr("osmnx.graph_from_place", unknown)
    with pytest.raises(NotFound, match="knows no area 'Nowhere'"):
        study_area.save_place("Nowhere", tmp_path)


def test_what_osmnx_saves_loads_with_its_tags(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import osmnx  # noqa: PLC0415  heavy, for this test alone

    source = write_osm(tmp_path, CROSSING)

    def from_file(*_: object, **__: object) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the peer's own
            return osmnx.graph_from_xml(source, simplify=False, retain_all=True)

    monkeypatch.setattr("osmnx.graph_from_place", from_file)
    (tmp_path / "place").mkdir()
    path = study_area.save_place("Semur-en-Auxois, France", tmp_path / "place")
    report = load_osm(path, database_url, now=datetime(2026, 11, 22, 8, tzinfo=UTC))
    assert (report.counts["ways"], report.counts["edges"]) == (2, 3)
