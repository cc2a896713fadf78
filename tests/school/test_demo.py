"""The district of the demonstration, from its lists to published circuits, as one types it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import psycopg
import pytest

from mobigo.cli.main import main
from mobigo.cli.region import data_folder
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.school import scenario_store
from mobigo.school.gaps import find_gaps

if TYPE_CHECKING:
    from pathlib import Path

YEAR = "2098-2099"


def typed(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["school", *arguments])
    return int(ended.value.code or 0)


def test_a_district_is_imported_planned_compared_approved_and_published(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    load_osm(data_folder("osm") / "demonstration.osm", database_url, now=Clock(home / "clock.json").now())
    out = home / "out"
    demo = ("demo", "--year", YEAR, "--pupils", "80", "--work", "1", "--json", "--out", str(out))
    assert typed(*demo) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["gaps"] == []
    figures = told["compared"]["figures"]
    assert figures["vehicles"]["after"] < figures["vehicles"]["before"]
    assert figures["bound"]["after"] <= figures["vehicles"]["after"]
    assert figures["pupils"]["after"] == figures["pupils"]["before"]
    assert all(one["text"].startswith(f"pupil {one['pupil']}") for one in told["compared"]["moved"])
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert scenario_store.find_published(connection, YEAR) == told["scenario"]
        assert {gap.code for gap in find_gaps(connection, YEAR)} <= {"run_overfull"}
        notes = [one.what for one in scenario_store.list_history(connection, told["scenario"])]
        assert notes[-2:] == ["approved", "published"]
    assert (out / f"network-{YEAR}.zip").read_bytes()[:2] == b"PK"
    assert {file.read_bytes()[:5] for file in out.glob("*.pdf")} == {b"%PDF-"}
    assert len(list(out.glob("driver-*.pdf"))) == figures["vehicles"]["after"]
    assert len(list(out.glob("class-*.pdf"))) == 3
    capsys.readouterr()
    assert typed("compare", "Démonstration", "Démonstration", "--year", YEAR) == 0
    lines = capsys.readouterr().out.splitlines()
    labels = [line[:41].strip() for line in lines[:13]]
    assert labels[1:6] == [
        "vehicles",
        "vehicles, proven least",
        "drivers, on the fullest day",
        "runs",
        "km with pupils, a week",
    ]
    assert lines[0].split() == ["before", "after", "difference"]
    assert re.search(r"^cost, a week +\d{1,3}(,\d{3})*\.\d\d € ", "\n".join(lines), re.MULTILINE)
    assert typed("export", "--year", YEAR, "--out", str(out / "map.geojson")) == 0
    foreign = home / "arrets.csv"
    foreign.write_text("arrêt;nom;lat;lon\nX;X;47;4\n")
    assert typed("import", str(foreign), "--year", YEAR) == 0
    assert typed(*demo) == 1
    assert "holds lists of others" in capsys.readouterr().err
