"""The commands around car parks and shared bicycles, as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.journeys.test_access import PLACES, STATIONS, write_gbfs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


def test_a_register_is_loaded_listed_and_forgotten(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "places.csv"
    file.write_text(PLACES + "4,,Parking,5,47,true,\n")
    code, out, _ = run("load", "parking", file, "--no-build", "--json")
    report = json.loads(out)
    assert (code, report["status"], report["places"]) == (0, "active", {"carpool": 2, "hitch_hiking": 1})
    assert [(one["line"], one["code"]) for one in report["findings"]] == [(5, "no_name")]
    _, out, _ = run("load", "parking", file, "--no-build")
    assert "nothing changed" in out
    _, out, _ = run("parking", "--json")
    listed = json.loads(out)
    assert [(one["id"], one["kind"], one["open"]) for one in listed] == [
        ("1", "hitch_hiking", True),
        ("2", "carpool", True),
        ("3", "carpool", False),
    ]
    _, out, _ = run("parking")
    assert "Sortie 6" in out
    assert "closed" in out
    assert run("parking", "remove", "bnlc", "--no-build")[0] == 0
    assert "no place to leave a car is known" in run("parking")[1]
    code, _, complaint = run("parking", "remove", "bnlc", "--no-build")
    assert (code, "no register 'bnlc'" in complaint) == (1, True)


def test_what_is_no_register_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "stops.txt").write_text("stop_id,stop_name\n")
    assert run("load", "parking", tmp_path / "stops.txt")[0] == 1
    assert run("load", "parking", tmp_path / "nowhere.csv")[0] == 2
    assert run("load", "parking", "http://127.0.0.1/places.csv")[0] == 1


def test_a_system_of_bicycles_is_added_listed_polled_and_removed(run: Run, tmp_path: Path) -> None:
    write_gbfs(tmp_path / "gbfs", STATIONS)
    code, out, _ = run("sharing", "add", tmp_path / "gbfs", "--name", "velo")
    assert (code, out) == (0, "velo: 4 stations with 7 bicycles, 0 in the street\n")
    code, out, _ = run("sharing", "--json")
    (listed,) = json.loads(out)
    assert (listed["name"], listed["failures"], listed["every"]) == ("velo", 0, 60)
    code, out, _ = run("sharing", "poll", "--json")
    assert json.loads(out)[0]["bikes"] == 7
    (tmp_path / "gbfs" / "station_status.json").write_text("<html>")
    code, out, complaint = run("sharing", "poll")
    assert code == 1
    assert "station_status is no JSON object" in out
    assert "velo could not be read" in complaint
    assert "station_status is no JSON object" in run("sharing", "--json")[1]
    assert run("sharing", "remove", "velo")[:2] == (0, "velo is removed\n")
    assert "no system of shared bicycles is polled" in run("sharing", "list")[1]
