"""Real time as open data over HTTP: permanent addresses, from memory, new as soon as live data are.

The valley's bus ``early`` leaves Amont at 08:00, calls at Pont 08:02 to 08:03 and reaches Aval at 08:15.
"""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from google.protobuf.json_format import ParseDict
from google.transit import gtfs_realtime_pb2 as gtfs
from lxml import etree
from tests.conftest import new_database, serve
from tests.journeys.conftest import _make_valley
from tests.transit.test_live_api import NOW, Town, position, report

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys.live_watch import LiveWatch
from mobigo.kit.clock import Clock
from mobigo.opendata.live_sets import FEEDS, SERVICES
from mobigo.opendata.siri_xml import unframe
from mobigo.transit import realtime, siri
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

S = "{http://www.siri.org.uk/siri}"


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with new_database(test_cluster) as url:
        valley = _make_valley(url, tmp_path_factory.mktemp("open"))
        engine = open_engine(url)
        clock = Clock(valley.home / "clock.json")
        clock.move(NOW, 0)
        app = create_app(engine=engine, clock=clock, home=valley.home)
        with serve(app) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield Town(valley, client, clock, LiveWatch(url, valley.home), app.state.token_key)
        engine.dispose()


@pytest.fixture
def town(served: Town) -> Iterator[Town]:
    served.clock.move(NOW, 0)
    yield served
    with psycopg.connect(libpq_conninfo(served.valley.url)) as connection:
        connection.execute("TRUNCATE live_source, live_rate, vehicle_position, disturbance CASCADE")
    served.renew()


@pytest.fixture(scope="module")
def schema(test_data: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(test_data.parent / "schemas/siri/siri.xsd"))


def ask(town: Town, name: str, status: int = 200, **query: object) -> bytes:
    answer = town.http.get(f"/opendata/{name}", params=query)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    return answer.content


def read_feed(content: bytes) -> Any:  # noqa: ANN401 - protobuf has no types
    message = gtfs.FeedMessage()
    message.ParseFromString(content)
    return message


DISTURBANCE = {
    "header": {"fr": "Arrêt non desservi", "en": "Stop not served"},
    "description": {"fr": "Travaux"},
    "periods": [{"start": "2026-11-23T07:00:00Z", "end": "2026-11-23T10:00:00Z"}],
    "targets": [{"stop_id": "val:b"}],
    "cause": "CONSTRUCTION",
}


@pytest.fixture
def late(town: Town) -> Town:
    """The early bus is two minutes late at Pont."""
    assert report(town, position(1000)) == ["accepted"]
    town.renew()
    return town


def test_what_is_late_is_told_in_every_message_at_once(late: Town, schema: etree.XMLSchema) -> None:
    message = read_feed(ask(late, "realtime/trip-updates.pb"))
    (update,) = [one.trip_update for one in message.entity]
    assert update.trip.trip_id == "val:early"
    delays = {call.stop_id: call.departure.delay for call in update.stop_time_update}
    told = etree.fromstring(ask(late, "siri-lite/estimated-timetable.xml"))
    assert schema.validate(told), schema.error_log
    for element in told.iter():
        if element.text and element.text.endswith(":LOC"):
            element.text = unframe(element.text)
    (journey,) = siri.read(etree.tostring(told), "").trips
    assert (journey.trip_id, str(journey.start_date), journey.route_id) == (
        "val:early",
        "2026-11-23",
        update.trip.route_id,
    )
    late_by = {
        call.stop_id: call.departure - call.planned_departure
        for call in journey.calls
        if call.departure and call.planned_departure
    }
    assert {stop: late for stop, late in delays.items() if stop in late_by} == late_by
    assert 0 < max(late_by.values()) < 600
