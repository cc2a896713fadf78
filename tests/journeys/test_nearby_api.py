"""Car parks and shared bicycles on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from tests.conftest import new_database, serve
from tests.journeys.conftest import NOW, STREETS, Valley
from tests.journeys.test_access import STATIONS, write_gbfs
from tests.street_text import lonlat, osm_text

from mobigo.db.engine import open_engine
from mobigo.journeys import nearby_api
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.sharing import service as sharing
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis import Case


@pytest.fixture(scope="module")
def near(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The valley with a car park and stations, served at the moment they were polled."""
    folder = tmp_path_factory.mktemp("near")
    (folder / "home").mkdir()
    (folder / "files").mkdir()
    with new_database(test_cluster) as url:
        valley = Valley(url, folder / "home", folder / "files")
        text = STREETS + "p 900 10 amenity=parking park_ride=yes name=Relais capacity=20"
        (folder / "streets.osm").write_text(osm_text(text))
        load_osm(folder / "streets.osm", url, now=NOW)
        valley.load_feed()
        valley.build()
        lon, lat = lonlat(120, 0)
        bicycle = {"bike_id": "7", "lon": lon, "lat": lat, "is_reserved": False, "is_disabled": False}
        write_gbfs(folder / "gbfs", STATIONS, free_bike_status={"bikes": [bicycle]})
        sharing.add_system("velo", str(folder / "gbfs"), url, every=60, now=NOW)
        sharing.poll(url, sharing.Reach(valley.home), NOW)
        clock = Clock(folder / "clock")
        clock.move(NOW, rate=0.0)
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=valley.home)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
            yield client
        engine.dispose()


def test_car_parks_are_shown_where_they_are(near: httpx.Client) -> None:
    (feature,) = near.get("/v1/car-parks").json()["features"]
    assert feature["geometry"]["coordinates"] == pytest.approx(lonlat(900, 10), abs=1e-6)
    properties = feature["properties"]
    assert properties.pop("id").startswith("osm:node/")
    assert properties == {"name": "Relais", "kind": "park_ride", "capacity": 20}
    assert near.get("/v1/car-parks", params={"box": "6,47,7,48"}).json()["features"] == []
    assert near.get("/v1/car-parks", params={"box": "4,48,6,47"}).json()["features"] == []  # begins north of its end


def test_stations_say_what_they_hold_now_and_bicycles_in_the_street_where_they_stand(near: httpx.Client) -> None:
    features = near.get("/v1/shared-bicycles").json()["features"]
    assert {one["properties"]["id"]: (one["properties"]["bikes"], one["properties"]["docks"]) for one in features} == {
        "velo:a": (4, 3), "velo:b": (0, 2), "velo:c": (1, 0), "velo:d": (2, 5), "velo:7": (1, None),
    }  # fmt: skip
    assert {one["properties"]["at"] for one in features} == {"2026-11-23T06:00:00Z"}
    west, east = lonlat(100, 0)[0], lonlat(310, 0)[0]
    some = near.get("/v1/shared-bicycles", params={"box": f"{west:.6f},46,{east:.6f},48"}).json()["features"]
    assert [one["properties"]["kind"] for one in some] == ["station", "bicycle"]


described = FastAPI(generate_unique_id_function=lambda route: route.name)
described.include_router(nearby_api.router)
schema = schemathesis.openapi.from_dict(described.openapi())


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case, near: httpx.Client) -> None:
    case.call_and_validate(base_url=str(near.base_url))
