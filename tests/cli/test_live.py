"""The commands around live data, as they are typed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from tests.conftest import new_database
from tests.journeys.conftest import _make_valley
from tests.live_provider import message

from mobigo.cli.main import main
from mobigo.journeys.network import Networks
from mobigo.kit.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.journeys.conftest import Valley

    Run = Callable[..., tuple[int, str, str]]

NOW = datetime(2026, 11, 23, 7, 5, tzinfo=UTC)
AT = int(NOW.timestamp())


@pytest.fixture(scope="module")
def loaded(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valley]:
    with new_database(test_cluster) as url:
        valley = _make_valley(url, tmp_path_factory.mktemp("live"))
        (valley.home / "sandbox").touch()
        Clock(valley.home / "clock.json").move(NOW, 0)
        yield valley


@pytest.fixture
def run(loaded: Valley, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Type a command; its exit code, output and complaints."""
    monkeypatch.setenv("MOBIGO_DATABASE_URL", loaded.url)
    monkeypatch.setenv("MOBIGO_HOME", str(loaded.home))

    def typed(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    yield typed
    for one in json.loads(typed("live", "--json")[1] or "[]"):
        typed("live", "remove", one["name"])


def test_a_source_is_added_asked_shown_and_removed(run: Run, loaded: Valley, tmp_path: Path) -> None:
    assert run("live")[1].startswith("no live source")
    file = tmp_path / "trips.pb"
    file.write_bytes(message(AT, early=120, unknown=0))
    code, out, _ = run("live", "add", file, "--name", "val-trips", "--feed", "val")
    assert code == 0
    assert "1 of 2" in out
    live = Networks(loaded.home).current().live
    assert live is not None
    assert len(live.overlay.trip_base) == 1  # what it says is planned on at once
    code, out, _ = run("live", "list", "--json")
    (source,) = json.loads(out)
    assert (source["name"], source["feed"], source["kind"], source["failures"]) == ("val-trips", "val", "auto", 0)
    assert (source["match"]["trips"], source["match"]["trips_matched"], source["match"]["rate"]) == (2, 1, 0.5)
    code, out, _ = run("live", "show", "val-trips")
    assert "1 of 2 found, 50.0 %" in out
    assert "unknown" in out
    assert run("live", "remove", "val-trips")[0] == 0
    live = Networks(loaded.home).current().live
    assert live is not None
    assert len(live.overlay.trip_base) == 0


def test_a_source_that_fails_is_exit_code_one_and_says_why(run: Run, tmp_path: Path) -> None:
    code, out, err = run("live", "add", tmp_path / "missing.pb", "--name", "val-trips", "--feed", "val")
    assert code == 1
    assert "missing.pb is not there" in out
    assert "val-trips failed" in err
    (tmp_path / "missing.pb").write_bytes(b"<html>no</html>")
    code, _, _ = run("live", "poll")
    assert code == 1
    (tmp_path / "missing.pb").write_bytes(message(AT, early=0))
    code, out, _ = run("live", "poll", "val-trips", "--json")
    assert (code, json.loads(out)[0]["problem"]) == (0, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("add", "x.pb", "--name", "a b", "--feed", "val"), 2),
        (("add", "x.pb", "--name", "a", "--feed", "nowhere"), 1),
        (("add", "x.pb", "--name", "a", "--feed", "val", "--header", "no colon"), 2),
        (("add", "x.pb", "--name", "a", "--feed", "val", "--every", "0"), 2),
        (("add", "x.pb", "--name", "a"), 2),
        (("show", "nobody"), 1),
        (("remove", "nobody"), 1),
        (("poll", "nobody"), 1),
        (("replay", "x.csv", "--feed", "val", "--day", "today"), 2),
    ],
)
def test_wrong_usage_is_said(run: Run, arguments: tuple[str, ...], expected: int) -> None:
    code, _, err = run("live", *arguments)
    assert (code, bool(err)) == (expected, True)
    assert json.loads(run("live", "--json")[1]) == []


def test_a_secret_is_read_from_standard_input(run: Run, loaded: Valley, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("k3y\n"))
    code, out, _ = run("live", "secret", "prim")
    assert code == 0
    assert "{secret:prim}" in out
    assert "k3y" not in out
    assert (loaded.home / "secrets/prim").read_text() == "k3y"
    monkeypatch.setattr("sys.stdin", io.StringIO("two\nlines"))
    assert run("live", "secret", "prim")[0] == 2


RECORDING = """trip_id,stop_id,direction_id,arrival_delay,arrival_time,departure_delay,departure_time
early,amont,0,0,0,90,{amont}
early,pont,0,100,{pont},110,{pont_left}
early,aval,0,300,{aval},0,0
"""
"""The early bus of another day, which left Amont 90 seconds late and reached Aval 5 minutes late."""


def test_a_recorded_day_is_replayed_by_the_clock(run: Run, loaded: Valley, tmp_path: Path) -> None:
    day = int(datetime(2026, 11, 17, 7, tzinfo=UTC).timestamp())  # eight o'clock of the Tuesday before
    recording = tmp_path / "tuesday.csv"
    recording.write_text(
        RECORDING.format(amont=day + 90, pont=day + 220, pont_left=day + 290, aval=day + 15 * 60 + 300)
    )
    code, out, _ = run("live", "replay", recording, "--feed", "val", "--day", "2026-11-23")
    assert (code, "1 of 1" in out) == (0, True)
    live = Networks(loaded.home).current().live
    assert live is not None
    table = live.overlay.timetable
    delays = table.call_arrival[-3:] - live.overlay.call_planned_arrival
    assert delays.tolist()[1:] == [100, 110]  # it left Pont; what it was late there is carried on to Aval
    out_file = tmp_path / "now.pb"
    code, out, _ = run(
        "live", "replay", recording, "--feed", "val", "--day", "2026-11-23", "--out", out_file, "--name", "other"
    )
    assert (code, "1 trips, 2 stops passed" in out) == (0, True)
    feed = gtfs.FeedMessage()
    feed.ParseFromString(out_file.read_bytes())
    (entity,) = feed.entity
    assert (feed.header.timestamp, entity.trip_update.trip.start_date) == (AT, "20261123")
    assert [call.departure.delay for call in entity.trip_update.stop_time_update] == [90, 110]
    assert [one["name"] for one in json.loads(run("live", "--json")[1])] == ["val-replay"]  # writing added nothing
