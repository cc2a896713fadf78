"""The commands around feeds, as they are typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.feed_text import files, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


def test_load_tells_what_became_of_a_feed(run: Run, tmp_path: Path) -> None:
    feed = pack(tmp_path / "town.zip", files())
    code, out, _ = run("load", "gtfs", feed, "--source", "town", "--no-build", "--json")
    report = json.loads(out)
    assert code == 0
    assert (report["source"], report["status"]) == ("town", "active")
    assert report["counts"]["stop_times.txt"] == 5
    assert report["dropped"] == {}
    assert set(report["findings"][0]) == {"class", "code", "file", "line", "value", "rule", "remedy"}
    code, out, _ = run("load", "gtfs", feed, "--source", "town", "--no-build", "--json")
    assert (code, json.loads(out)["status"]) == (0, "unchanged")
    broken = pack(tmp_path / "broken.zip", files(calendar=None))
    code, out, _ = run("load", "gtfs", broken, "--source", "town", "--no-build", "--json")
    assert (code, json.loads(out)["status"]) == (1, "rejected")
    code, out, _ = run("feeds", "--json")
    assert [one["status"] for one in json.loads(out)] == ["rejected", "active"]
    code, out, _ = run("feeds", "report", "town")
    assert "missing_calendar_and_calendar_date_files" in out


def test_usage_is_exit_code_two(run: Run, tmp_path: Path) -> None:
    feed = pack(tmp_path / "town.zip", files())
    assert run("load", "gtfs", feed)[0] == 2
    assert run("load", "gtfs", feed, "--source", "a:b")[0] == 2
    assert run("load", "gtfs", tmp_path / "nothing.zip", "--source", "town")[0] == 2
    assert run("load", "gtfs", feed, "--source", "town", "--shift-dates", "someday")[0] == 2


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/feed.zip", "http://169.254.169.254/latest", "http://[::1]/feed.zip"]
)
def test_private_addresses_are_refused(run: Run, url: str) -> None:
    code, out, complaint = run("load", "gtfs", url, "--source", "town", "--no-build")
    assert code == 1
    assert out == ""
    assert "mobigo: " in complaint
    assert run("feeds", "--json")[1].strip() == "[]"


def test_show_and_map(run: Run, tmp_path: Path) -> None:
    run("load", "gtfs", pack(tmp_path / "town.zip", files()), "--source", "town", "--no-build")
    code, out, _ = run("feeds", "show", "town", "--json", "--map", tmp_path / "map.html")
    shown = json.loads(out)
    assert code == 0
    assert shown["statistics"]["routes_by_mode"] == {"bus": 1}
    assert shown["statistics"]["trips_on_busiest_day"] == 2
    page = (tmp_path / "map.html").read_text()
    assert "Lac de Pont" in page
    assert "http" not in page.replace("http://www.w3.org", "")  # nothing is asked of the internet
    run("feeds", "show", "town", "--map", tmp_path / "map.geojson")
    kinds = [one["properties"]["kind"] for one in json.loads((tmp_path / "map.geojson").read_text())["features"]]
    assert kinds == ["route", "stop", "stop", "stop"]
    assert run("feeds", "show", "town", "--map", tmp_path / "map.png")[0] == 2
    assert run("feeds", "show", "village")[0] == 1


def test_rollback(run: Run, tmp_path: Path) -> None:
    run("load", "gtfs", pack(tmp_path / "town.zip", files()), "--source", "town", "--no-build")
    smaller = files(trips="route_id,service_id,trip_id\n1,week,t1")
    run("load", "gtfs", pack(tmp_path / "town2.zip", smaller), "--source", "town", "--no-build")
    code, out, _ = run("feeds", "rollback", "town", "--json", "--no-build")
    assert (code, json.loads(out)["version"]) == (0, 1)
    assert run("feeds", "rollback", "town", "--no-build")[0] == 1
