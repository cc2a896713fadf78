"""The valley with a slope in it: walks and rides take longer up, answers tell what they climb, also on the pages."""

from __future__ import annotations

from datetime import timedelta
from math import ceil, exp
from typing import TYPE_CHECKING

import httpx
import numpy as np
import psycopg
import pytest
from click.testing import CliRunner
from tests.conftest import serve
from tests.journeys.conftest import NOW, at
from tests.journeys.test_plan import clock
from tests.street_text import DEGREE, SOUTH, WEST

from mobigo.cli.main import mobigo
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys import service
from mobigo.journeys.answer import PlanAnswer, plan_as_json
from mobigo.journeys.model import Journey, JourneyRequest, Mode
from mobigo.journeys.network import RELIEF, STREETS, Network, Networks
from mobigo.journeys.snapshot import build_network, describe_content
from mobigo.kit.clock import Clock
from mobigo.kit.packed import ARRAYS
from mobigo.terrain.service import load_terrain, remove_terrain
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.journeys.conftest import Valley

STEP = 1 / 3600
UPHILL = exp(3.5 * 0.1)
"""Times as long as on the flat: 10 %."""


def slope() -> str:
    """Heights every second of arc: 300 m at the western end, 10 % up to the east; unknown from 2 km on."""
    lon = WEST - 0.005 + STEP * np.arange(200)
    metres = (lon - WEST) * DEGREE * np.cos(np.radians(SOUTH))
    row = " ".join("-9999" if x > 2000 else f"{300 + 0.1 * x:.3f}" for x in metres)
    head = f"ncols 200\nnrows 20\nxllcenter {lon[0]}\nyllcenter {SOUTH - 10 * STEP}\ncellsize {STEP}\n"
    return head + "\n".join([row] * 20)


@pytest.fixture(scope="module")
def home(valley: Valley, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the valley's streets on a slope."""
    home = tmp_path_factory.mktemp("slope")
    file = home / "slope.asc"
    file.write_text(slope())
    load_terrain(file, "terrain", home, now=NOW)
    build_network(valley.url, home, NOW, drives=False)
    return home


def ask(network: Network, origin: str, destination: str, *direct: Mode, hour: int = 7) -> list[Journey]:
    asked = JourneyRequest(origin=origin, destination=destination, at=clock(hour), direct=direct or (Mode.WALK,))
    found = service.plan(network, asked)
    return [*found.journeys, *found.direct]


def test_one_leaves_earlier_to_walk_up_to_the_bus(valley: Valley, home: Path) -> None:
    network = Networks(home).current()
    (journey,) = ask(network, at(0), at(10_000))
    walk, _, last = journey.legs
    assert walk.departure == clock(8) - timedelta(seconds=ceil(400 / 1.2 * UPHILL + 5 / 1.2))
    assert walk.lie is not None
    assert (walk.lie.climb, walk.lie.descent) == (40, 0)
    assert walk.lie.profile[0] == (0, pytest.approx(300, abs=0.2))
    assert walk.lie.profile[-1] == (pytest.approx(400, abs=1), pytest.approx(340, abs=0.2))
    assert last.lie is None  # beyond the model nothing is known, and it is walked as on the flat
    assert last.arrival == clock(8, 15) + timedelta(seconds=338)
    assert (journey.climb, journey.descent) == (None, None)
    (flat,) = ask(valley.network(), at(0), at(10_000))
    assert (flat.legs[0].lie, flat.climb) == (None, None)
    told = PlanAnswer.model_validate(plan_as_json(service.plan(network, JourneyRequest(at(0), at(10_000), clock(7)))))
    legs = told.journeys[0].legs
    assert [(leg.climb, leg.descent, leg.profile is None) for leg in legs] == [
        (40, 0, False),
        (None, None, True),
        (None, None, True),
    ]


def test_by_bicycle_up_is_slower_and_down_quicker_than_on_the_flat(valley: Valley, home: Path) -> None:
    def ride(network: Network, start: float, end: float) -> tuple[Journey, float]:
        found = ask(network, at(start), at(end), Mode.BICYCLE)
        journey = next(one for one in found if one.legs[0].mode is Mode.BICYCLE)
        return journey, (journey.arrival - journey.departure).total_seconds()

    network = Networks(home).current()
    (up, uphill), (down, downhill) = ride(network, 0, 1000), ride(network, 1000, 0)
    _, flat = ride(valley.network(), 0, 1000)
    assert uphill == pytest.approx(flat / (1 - 0.4002 / 6.01 * 10), abs=2)
    assert downhill == pytest.approx(flat / 1.25, abs=2)
    assert (up.climb, up.descent, down.climb, down.descent) == (100, 0, 0, 100)


def test_a_change_on_foot_takes_longer_up_than_down(home: Path, valley: Valley) -> None:
    def walks(network: Network) -> dict[tuple[str, str], int]:
        ids, paths = network.timetable.stop_ids, network.footpaths
        rows = np.repeat(np.arange(len(paths.first) - 1), np.diff(paths.first))
        return {
            (ids.at(int(a)), ids.at(int(b))): int(seconds)
            for a, b, seconds in zip(rows, paths.target, paths.seconds, strict=True)
        }

    flat, hilly = walks(valley.network()), walks(Networks(home).current())
    assert flat["val:amont", "val:pont"] == flat["val:pont", "val:amont"] == ceil(600 / 1.2 + 10 / 1.2)
    assert hilly["val:pont", "val:amont"] == flat["val:pont", "val:amont"]
    assert ("val:amont", "val:pont") not in hilly  # 718 s: no change any more


def test_without_heights_the_network_is_what_it_was(valley: Valley, home: Path, tmp_path: Path) -> None:
    with psycopg.connect(libpq_conninfo(valley.url)) as connection:
        plain, hilly = (describe_content(connection, one) for one in (tmp_path, home))
    assert plain.version == valley.network().manifest.version
    assert hilly.version == Networks(home).current().manifest.version != plain.version
    assert not (valley.network().folder / RELIEF).exists()
    own = tmp_path / "own"
    (own / "terrain").mkdir(parents=True)
    (tmp_path / "slope.asc").write_text(slope())
    load_terrain(tmp_path / "slope.asc", "slope", own, now=NOW)
    remove_terrain("slope", own)
    assert build_network(valley.url, own, NOW, drives=False) == plain.version
    for folder in (STREETS, "footpaths", "stop_snaps", "entrances"):
        written, before = (network.folder / folder / ARRAYS for network in (Networks(own).current(), valley.network()))
        assert written.read_bytes() == before.read_bytes()


def test_the_command_line_prints_climbs_and_lists_models(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBIGO_HOME", str(home))

    def run(*arguments: str) -> str:
        return CliRunner().invoke(mobigo, arguments, catch_exceptions=False).output

    assert "m, 40 m up, 0 m down)" in run("plan", "--from", at(0), "--to", at(10_000), "--at", "2026-11-23T07:00")
    told = run("terrain")
    assert "4,000 heights in 1 sheets, every 0.000277778 degrees (EPSG:4326)" in told
    assert "from 2" in told
    assert '"cells": 4000' in run("terrain", "--json")
    assert "with heights" in run("network", "show")
    assert "is in service already" in run("load", "terrain", str(home / "slope.asc"), "--no-build")


@pytest.fixture(scope="module")
def pages(valley: Valley, home: Path) -> Iterator[httpx.Client]:
    engine = open_engine(valley.url)
    app = create_app(engine=engine, clock=Clock(), home=home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
        yield client
    engine.dispose()


@pytest.mark.parametrize(
    ("language", "climb", "profile"),
    [
        ("en", "40 m up, 0 m down", "Height along the way: from 300 m to 340 m above the sea; lowest 300 m"),
        ("fr", "40 m de montée, 0 m de descente", "de 300 m à 340 m d\u2019altitude ; au plus bas 300 m, au plus"),
    ],
)
def test_pages_tell_climbs_and_draw_them(pages: httpx.Client, language: str, climb: str, profile: str) -> None:
    found = pages.get("/v1/journeys", params={"from": at(0), "to": at(10_000), "at": "2026-11-23T07:00"}).json()
    journey = found["journeys"][0]
    assert (journey["climb"], journey["legs"][0]["climb"]) == (None, 40)
    asked = {"from": at(0), "to": at(10_000), "date": "2026-11-23", "time": "07:00"}
    for page in (
        pages.get("/journey", params={"id": journey["id"], "lang": language}).text,
        pages.get("/", params=asked | {"lang": language}).text,
    ):
        assert climb in page
        assert profile in page
        assert page.count('class="lie"') == 1
