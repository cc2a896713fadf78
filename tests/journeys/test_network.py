from __future__ import annotations

import shutil
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import serve
from tests.journeys.conftest import FEED, NOW, at
from tests.street_text import lonlat

from mobigo.db.engine import open_engine
from mobigo.journeys.network import DRIVES, LAYOUT, Networks
from mobigo.journeys.snapshot import add_drives, build_network
from mobigo.kit.clock import Clock
from mobigo.kit.errors import Unavailable
from mobigo.kit.geo import Point
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import AppClient
    from tests.journeys.conftest import Valley

QUESTION = {"from": at(0), "to": at(10_000), "at": "2026-11-23T07:00"}


def test_no_network_yet(client: AppClient) -> None:
    answer = client.get("/v1/journeys", params=QUESTION)
    assert (answer.status_code, answer.json()["code"]) == (503, "no_network")
    assert client.get("/v1/health").json()["status"] == "no_network"


def test_the_same_content_is_the_same_network(own_valley: Valley) -> None:
    version = own_valley.network().manifest.version
    assert own_valley.build() == version
    own_valley.load_feed(stop_times=FEED["stop_times.txt"].replace("08:15:00", "08:20:00"))
    assert own_valley.build() != version


def test_a_build_that_was_killed_leaves_the_network_that_serves(
    own_valley: Valley, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = own_valley.network().manifest.version
    own_valley.load_feed(stop_times=FEED["stop_times.txt"].replace("08:15:00", "08:20:00"))
    monkeypatch.setattr("mobigo.journeys.snapshot.write_manifest", _killed)
    with pytest.raises(KeyboardInterrupt):
        own_valley.build()
    assert own_valley.network().manifest.version == before
    monkeypatch.undo()
    assert own_valley.build() == own_valley.network().manifest.version != before


def test_driving_times_come_with_a_network_or_after_it(own_valley: Valley) -> None:
    places = [Point(*lonlat(0, 0)), Point(*lonlat(10_000, 0))]
    network = own_valley.network()
    shutil.rmtree(network.folder / DRIVES)
    searched = own_valley.network().drives.seconds(places, places)
    own_valley.build()
    assert (network.folder / DRIVES).exists()
    shutil.rmtree(network.folder / DRIVES)
    serving = own_valley.network()
    assert serving.drives.seconds(places, places).tolist() == searched.tolist()
    add_drives(own_valley.home)
    assert (network.folder / DRIVES).exists()
    assert abs(serving.drives.seconds(places, places) - searched).max() <= 1
    own_valley.load_feed(stop_times=FEED["stop_times.txt"].replace("08:15:00", "08:20:00"))
    build_network(own_valley.url, own_valley.home, NOW, drives=False)
    assert not (own_valley.network().folder / DRIVES).exists()


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_only_a_few_networks_stay(own_valley: Valley) -> None:
    for minute in range(16, 22):
        own_valley.load_feed(stop_times=FEED["stop_times.txt"].replace("08:15:00", f"08:{minute}:00"))
        own_valley.build()
    assert len([one for one in (own_valley.home / "networks").iterdir() if one.is_dir()]) == 3


def test_a_home_without_networks_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="mobigo load gtfs FILE --source ID"):
        Networks(tmp_path).current()


def test_a_swap_while_serving_is_seen_whole_or_not_at_all(own_valley: Valley) -> None:
    # in the old network the bus arrives at 08:15, in the new ones a minute later each: an answer shows
    # the arrival of the network it names
    first = own_valley.network().manifest.version
    arrival = {first: "08:15"}
    app = create_app(engine=open_engine(own_valley.url), clock=Clock(), home=own_valley.home)
    seen: list[tuple[str, str]] = []
    failed: list[str] = []
    done = threading.Event()

    def ask(address: str) -> None:
        with httpx.Client(base_url=address, timeout=120) as http:
            while not done.is_set():
                answer = http.get("/v1/journeys", params=QUESTION)
                if answer.status_code != 200:
                    failed.append(answer.text)
                    return
                body = answer.json()
                seen.append((body["network_version"], body["journeys"][0]["legs"][1]["arrival"][11:16]))

    with serve(app) as address:
        askers = [threading.Thread(target=ask, args=(address,)) for _ in range(4)]
        for asker in askers:
            asker.start()
        for minute in range(16, 20):
            own_valley.load_feed(stop_times=FEED["stop_times.txt"].replace("08:15:00", f"08:{minute}:00"))
            built = own_valley.build()
            arrival[built] = f"08:{minute}"
            give_up = time.monotonic() + 120
            while not failed and built not in {version for version, _ in seen[-100:]}:
                time.sleep(0.01)
                if time.monotonic() > give_up:
                    failed.append(f"{built} is not served")
        done.set()
        for asker in askers:
            asker.join()
    app.state.engine.dispose()
    assert not failed
    assert {version for version, _ in seen} >= set(arrival) - {first}
    assert all(arrival[version] == time for version, time in seen)


def test_journeys_are_planned_while_the_database_is_away(valley: Valley) -> None:
    nowhere = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    app = create_app(engine=nowhere, clock=Clock(), home=valley.home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
        assert http.get("/v1/journeys", params=QUESTION).json()["journeys"]
        health = http.get("/v1/health").json()
        assert health["status"] == "ok"
        assert datetime.fromisoformat(health["time"]) <= datetime.now(UTC)


def test_a_network_of_another_version_is_built_again_not_misread(own_valley: Valley) -> None:
    version = own_valley.network().manifest.version
    manifest = own_valley.home / "networks" / version / "manifest.json"
    manifest.write_text(manifest.read_text().replace(LAYOUT, "0" * 12))
    assert Networks(own_valley.home).find_current() is None
    with pytest.raises(Unavailable):
        own_valley.network()
