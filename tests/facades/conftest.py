"""The valley as other planners' clients ask it: a bus that is late, a price, a taxi from the hamlet, a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from tests.conftest import new_database, serve
from tests.journeys.conftest import STREETS, Valley
from tests.journeys.live_valley import NOW, LiveValley, late
from tests.journeys.taxi_stand import feeder, vehicle
from tests.journeys.test_price import CATALOGUE
from tests.ondemand.taxi_town import furnish
from tests.street_text import osm_text

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.fares import service as fares
from mobigo.kit.clock import Clock
from mobigo.osm.load import load_osm
from mobigo.places import service as places
from mobigo.transit.live import Alert, Target
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.ondemand.model import Service

HAMLET = """
h -6000 0 place=village name=Le_Hameau population=120
v 300 0 place=town name=Amont-le-Val population=2000
9: h a highway=secondary
"""
"""Six kilometres before the first village; nobody walks that far."""

WORKS = Alert(
    "works",
    {"fr": "Travaux à Pont", "en": "Works at Pont"},
    {"fr": "L'arrêt reste desservi.", "en": "The stop is served."},
    periods=((int(NOW.timestamp()) - 3600, int(NOW.timestamp()) + 36_000),),
    targets=(Target(stop_id="aval"), Target(route_id="L")),
    cause="CONSTRUCTION",
    effect="OTHER_EFFECT",
    severity="INFO",
)


def taxi() -> Service:
    """Make the service from the hamlet to the first bus stop and back, booked up to the last minute."""
    made = feeder(zone=(-7_000, -5_000), stops={"amont": 400})
    return replace(made, stops={name: replace(one, same_as=f"val:{name}") for name, one in made.stops.items()})


@pytest.fixture(scope="session")
def valley_http(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The valley, served at half past seven on a Monday; the bus at eight is four minutes late from Pont on."""
    folder = tmp_path_factory.mktemp("facades")
    (folder / "home").mkdir()
    (folder / "files").mkdir()
    with new_database(test_cluster) as url:
        valley = Valley(url, folder / "home", folder / "files")
        (folder / "streets.osm").write_text(osm_text(STREETS + HAMLET))
        load_osm(folder / "streets.osm", url, now=NOW)
        valley.load_feed()
        furnish(url, taxi(), (vehicle(at=-6_000),))
        with psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
            places.rebuild(connection)
            drafted = fares.draft(connection, CATALOGUE, series="region", origin="test", by="t", now=NOW)
            fares.publish(connection, drafted.number, seen=None, by="t", now=NOW, today=date(2026, 1, 1))
        valley.build()
        LiveValley(valley.home).say(late("early", 4, first=2), alerts=(WORKS,))
        clock = Clock(folder / "clock.json")
        clock.move(NOW, rate=0.0)
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=valley.home, public_url="https://val.example")
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
            yield client
        engine.dispose()
