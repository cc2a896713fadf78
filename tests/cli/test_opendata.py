"""The commands around open data, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Run = Callable[..., tuple[int, str, str]]

DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"


def test_data_are_published_watched_and_scored(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run("load", "gtfs", DEMONSTRATION, "--source", "demo", "--no-build")[0] == 0
    done = json.loads(run("opendata", "publish", "timetables-demo", "--schemas", tmp_path, "--json")[1])
    assert [(one["dataset"], one["outcome"]) for one in done] == [("timetables-demo", "published")]
    unchecked = {one["validator"]: one["sample"] for one in done[0]["problems"] if one["code"] == "not_checked"}
    assert set(unchecked) == {"XSD", "SHACL"}
    assert str(tmp_path) in unchecked["XSD"]
    code, _, why = run("opendata", "watch")
    assert (code, "./mobigo up" in why) == (1, True)
    monkeypatch.setenv("MOBIGO_PUBLIC_URL", "http://127.0.0.1:9")
    code, told, _ = run("opendata", "watch", "--json")
    assert code == 1
    assert {one["problem"].partition(":")[0] for one in json.loads(told)} == {"ConnectError"}
    scores = {one["dataset"]: one for one in json.loads(run("opendata", "score", "--json")[1])}
    assert scores["timetables-demo"]["smooth"] == {"compliance": 1.0, "freshness": 1.0, "availability": 0.0}
    assert "timetables-demo" in run("opendata", "score")[1]


def test_a_folder_of_schemas_that_is_not_there_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("opendata", "publish", "--schemas", "/nowhere/at/all")[0] == 2
    monkeypatch.setenv("MOBIGO_SCHEMAS", "/nowhere/at/all")
    code, _, why = run("opendata", "publish")
    assert code != 0
    assert "MOBIGO_SCHEMAS='/nowhere/at/all' is no folder" in why
