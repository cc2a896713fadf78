"""Real time as open data over HTTP: permanent addresses, from memory, new as soon as live data are.

The valley's bus ``early`` leaves Amont at 08:00, calls at Pont 08:02 to 08:03 and reaches Aval at 08:15.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import psycopg
import pyshacl
import pytest
from google.protobuf.json_format import ParseDict
from google.transit import gtfs_realtime_pb2 as gtfs
from lxml import etree
from rdflib import Graph
from tests.conftest import new_database, serve
from tests.journeys.conftest import _make_valley
from tests.transit.test_live_api import CLOSED, NOW, Town, position, report

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys.live_watch import LiveWatch
from mobigo.kit.clock import Clock
from mobigo.opendata import live
from mobigo.opendata.licences import get_licence
from mobigo.opendata.live_sets import FEEDS, SERVICES, choose
from mobigo.opendata.model import SourceLicence
from mobigo.opendata.schemas import SHAPES
from mobigo.opendata.siri_xml import unframe
from mobigo.transit import siri
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.opendata.live import LiveFeeds

MESSAGE = CLOSED | {"does": "message"}
S = "{http://www.siri.org.uk/siri}"


@dataclass
class Served(Town):
    """The valley served, and what keeps its messages."""

    feeds: LiveFeeds


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with new_database(test_cluster) as url:
        valley = _make_valley(url, tmp_path_factory.mktemp("open"))
        engine = open_engine(url)
        clock = Clock(valley.home / "clock.json")
        clock.move(NOW, 0)
        app = create_app(engine=engine, clock=clock, home=valley.home)
        with serve(app) as address, httpx.Client(base_url=address, timeout=120) as client:
            yield Served(valley, client, clock, LiveWatch(url, valley.home), app.state.token_key, app.state.live_feeds)
        engine.dispose()


@pytest.fixture
def town(served: Served) -> Iterator[Served]:
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


@pytest.fixture
def late(town: Served) -> Served:
    """The early bus is two minutes late at Pont."""
    assert report(town, position(1000)) == ["accepted"]
    town.renew()
    return town


def test_what_is_late_is_told_in_every_message_at_once(late: Served, schema: etree.XMLSchema) -> None:
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


def test_a_feed_is_served_with_tags_and_head_to_everybody(late: Served) -> None:
    for name in FEEDS:
        whole = late.http.get(f"/opendata/realtime/{name}.pb")
        assert whole.status_code == 200
        assert whole.headers["content-type"] == "application/x-protobuf"
        assert whole.headers["access-control-allow-origin"] == "*"
        head = late.http.head(f"/opendata/realtime/{name}.pb")
        assert (head.status_code, head.content) == (200, b"")
        for word in ("etag", "last-modified", "content-length", "content-type", "cache-control"):
            assert head.headers[word] == whole.headers[word], word
        for word, value in (
            ("If-None-Match", whole.headers["etag"]),
            ("If-Modified-Since", whole.headers["last-modified"]),
        ):
            known = late.http.get(f"/opendata/realtime/{name}.pb", headers={word: value})
            assert (known.status_code, known.content) == (304, b"")
        readable = late.http.get(f"/opendata/realtime/{name}.json")
        again = ParseDict(readable.json(), gtfs.FeedMessage())
        assert again == read_feed(whole.content)
        assert (readable.status_code, late.http.head(f"/opendata/realtime/{name}.json").status_code) == (200, 200)


def test_all_is_everything_with_ids_of_its_own(late: Served) -> None:
    late.post("/v1/disturbances", MESSAGE, status=201)
    late.renew()
    parts = [read_feed(ask(late, f"realtime/{name}.pb")) for name in FEEDS]
    *singles, whole = [{one.id for one in part.entity} for part in parts]
    assert all(singles)
    assert len(whole) == sum(map(len, singles)) == len(parts[-1].entity)
    assert len({part.header.timestamp for part in parts}) == 1
    one = read_feed(ask(late, "realtime-val/all.pb"))
    assert one == parts[-1]
    assert read_feed(ask(late, "realtime-val/alerts.pb")).entity[0].alert.informed_entity[0].stop_id == "val:pont"


def test_the_same_message_is_written_once_and_new_ones_when_live_data_change(late: Served) -> None:
    first = late.http.get("/opendata/realtime/trip-updates.pb")
    assert late.http.get("/opendata/realtime/trip-updates.pb").headers["etag"] == first.headers["etag"]
    late.clock.move(NOW + timedelta(seconds=20), 0)
    assert report(late, position(1000, 20)) == ["accepted"]
    late.renew()
    second = late.http.get("/opendata/realtime/trip-updates.pb")
    assert second.headers["etag"] != first.headers["etag"]
    stamps = [read_feed(one.content).header.timestamp for one in (first, second)]
    assert stamps[1] - stamps[0] == 20


QUESTIONS: list[tuple[str, dict[str, str]]] = [
    *((name, {"MonitoringRef": "val:pont"} if name == "stop-monitoring" else {}) for name in SERVICES),
    (
        "stop-monitoring",
        {"MonitoringRef": "FR::Quay:val:pont:LOC", "StopVisitTypes": "arrivals", "MaximumStopVisits": "1"},
    ),
    (
        "stop-monitoring",
        {"MonitoringRef": "val:pont", "StartTime": "2026-11-23T06:00:00+01:00", "PreviewInterval": "PT4H"},
    ),
    ("stop-monitoring", {"MonitoringRef": "val:pont", "StartTime": "2031-11-23T06:00:00+01:00"}),
    ("stop-monitoring", {"MonitoringRef": "val:pont", "StartTime": "9999-12-31T23:59:59Z", "PreviewInterval": "P9D"}),
    ("stop-monitoring", {"MonitoringRef": "val:pont", "StartTime": "0001-01-01T00:00:00+14:00"}),
    ("estimated-timetable", {"requestorId": "me", "maxSize": "1"}),
    ("estimated-timetable", {"datasetId": "val"}),
    ("vehicle-monitoring", {"VehicleRef": "val:car-7"}),
    ("vehicle-monitoring", {"VehicleRef": "val:none"}),
    ("general-message", {"InfoChannelRef": "Perturbation"}),
    ("general-message", {"InfoChannelRef": "Information"}),
    ("stop-monitoring", {}),
    ("stop-monitoring", {"MonitoringRef": "val:no<where>"}),
    *((name, {"MonitoringRef": "val:pont", "LineRef": "val:none"}) for name in SERVICES[:3]),
]


def test_every_answer_of_siri_is_valid_and_the_same_in_json(late: Served, schema: etree.XMLSchema) -> None:
    late.post("/v1/disturbances", MESSAGE, status=201)
    late.renew()
    for name, query in QUESTIONS:
        written = late.http.get(f"/opendata/siri-lite/{name}.xml", params=query)
        document = etree.fromstring(written.content)
        assert schema.validate(document), str(schema.error_log)[:2000]
        assert written.headers["content-type"] == "application/xml"
        refused = "none" in str(query.get("LineRef")) or (
            name == "stop-monitoring" and "pont" not in str(query.get("MonitoringRef"))
        )
        # Without a question the address answers all the same: the catalogue lists it.
        assert (written.status_code != 200) is (refused and bool(query))
        assert (document.find(f".//{S}ErrorCondition") is not None) is refused
        readable = late.http.get(f"/opendata/siri-lite/{name}.json", params={**query, "requestorId": "other"})
        assert readable.status_code == written.status_code
        assert count(readable.json()["Siri"]) == len([one for one in document.iter() if len(one) == 0])
        head = late.http.head(f"/opendata/siri-lite/{name}.xml", params=query)
        assert (head.status_code, head.content) == (written.status_code, b"")


def count(tree: object) -> int:
    """Count what stands at the ends of a tree."""
    if isinstance(tree, list):
        return sum(map(count, tree))
    if isinstance(tree, dict) and "value" not in tree:
        return sum(count(value) for key, value in tree.items() if key != "version") or 1
    return 1


def test_boards_and_stop_monitoring_say_the_same(late: Served) -> None:
    def visits(**query: str) -> list[Any]:
        tree = late.http.get(
            "/opendata/siri-lite/stop-monitoring.json", params={"MonitoringRef": "val:pont", **query}
        ).json()
        (delivery,) = tree["Siri"]["ServiceDelivery"]["StopMonitoringDelivery"]
        return [one["MonitoredVehicleJourney"] for one in delivery.get("MonitoredStopVisit", [])]

    at = NOW.astimezone(UTC).isoformat()
    board = late.get("/v1/stops/val:pont/departures", at=at, minutes=1000)["departures"]
    found = visits(StopVisitTypes="departures", PreviewInterval="PT1000M")
    assert board
    assert [unframe(one["FramedVehicleJourneyRef"]["DatedVehicleJourneyRef"]) for one in found] == [
        one["trip_id"] for one in board
    ]
    for one, call in zip(board, found, strict=True):
        told = call["MonitoredCall"]
        time = told.get("ExpectedDepartureTime") or told["AimedDepartureTime"]
        assert datetime.fromisoformat(time) == datetime.fromisoformat(one["departure"])
        assert call["Monitored"] is (one["state"] == "live")
    assert len(visits(StopVisitTypes="departures", MaximumStopVisits="1")) == 1
    assert len(visits()) >= len(visits(StopVisitTypes="departures"))


def test_a_long_answer_comes_in_parts_of_one_moment(late: Served) -> None:
    canceled = CLOSED | {"does": "canceled", "targets": [{"trip_id": "val:back"}]}
    late.post("/v1/disturbances", canceled, status=201)
    late.renew()

    def part(**query: object) -> tuple[list[str], bool, str]:
        delivery = orjson.loads(ask(late, "siri-lite/estimated-timetable.json", **query))["Siri"]["ServiceDelivery"]
        frames = delivery.get("EstimatedTimetableDelivery", [{}])[0].get("EstimatedJourneyVersionFrame", [])
        journeys = [one for frame in frames for one in frame["EstimatedVehicleJourney"]]
        refs = [one["FramedVehicleJourneyRef"]["DatedVehicleJourneyRef"] for one in journeys]
        return refs, delivery["MoreData"], delivery["ResponseTimestamp"]

    whole, more, _ = part()
    assert not more
    assert len(whole) >= 2
    first, more, at = part(requestorId="a", maxSize=1)
    assert more
    late.clock.move(NOW + timedelta(seconds=30), 0)
    late.renew()
    rest: list[str] = []
    while more:
        found, more, then = part(requestorId="a", maxSize=1)
        assert then == at
        rest += found
    assert first + rest == whole


def test_what_may_not_be_published_is_not_told(late: Served) -> None:
    with psycopg.connect(libpq_conninfo(late.valley.url)) as connection:
        connection.execute(
            "INSERT INTO opendata_licence (source, licence, attribution, published, said_by, said_at)"
            " VALUES ('val', 'unstated', '', false, 'me', now())"
        )
    late.feeds.forget_rights()
    try:
        assert not read_feed(ask(late, "realtime/trip-updates.pb")).entity
        ask(late, "realtime-val/trip-updates.pb", 404)
        ask(late, "siri-lite/stop-monitoring.xml", 404, MonitoringRef="val:pont")
        assert b"val" not in ask(late, "siri-lite/stoppoints-discovery.xml")
        ids = {one["id"] for one in late.http.get("/opendata/datasets.json").json()["datasets"]}
        assert not {one for one in ids if one.startswith(("realtime", "siri"))}
    finally:
        with psycopg.connect(libpq_conninfo(late.valley.url)) as connection:
            connection.execute("DELETE FROM opendata_licence")
        late.feeds.forget_rights()


@pytest.mark.parametrize("form", ["ttl", "jsonld"])
def test_the_catalogue_lists_every_message(late: Served, form: str) -> None:
    text = ask(late, f"catalog.{form}").decode()
    for name in FEEDS:
        assert f"/opendata/realtime/{name}.pb" in text
        assert f"/opendata/realtime/{name}.json" in text
    for name in SERVICES:
        assert f"/opendata/siri-lite/{name}.xml" in text
    (one,) = [one for one in late.get("/opendata/datasets.json")["datasets"] if one["id"] == "siri-lite"]
    assert all(file["sha256"] is None and file["version_url"] is None for file in one["current"]["files"])
    for file in one["current"]["files"]:
        assert late.http.head(file["url"]).status_code in {200, 400}, file["url"]
    for language in ("fr", "en"):
        assert late.http.get("/opendata/realtime/", params={"lang": language}).status_code == 200
        assert "/opendata/siri-lite/lines-discovery.xml" in late.http.get("/opendata", params={"lang": language}).text
    assert late.get("/opendata/siri-lite/versions.json") == {"versions": []}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_catalogue_of_live_data_conforms(late: Served, test_data: Path) -> None:
    graph = Graph().parse(data=ask(late, "catalog.ttl").decode(), format="turtle")
    for name in SHAPES:
        shapes = str(test_data.parent / "schemas" / name)
        conforms, _, text = pyshacl.validate(graph, shacl_graph=shapes, inference="none", advanced=True)
        assert conforms, text


def test_large_answers_are_packed(late: Served) -> None:
    asked = late.http.get("/opendata/siri-lite/stoppoints-discovery.xml", headers={"Accept-Encoding": "gzip"})
    plain = late.http.get("/opendata/siri-lite/stoppoints-discovery.xml", headers={"Accept-Encoding": "identity"})
    assert asked.headers["content-encoding"] == "gzip"
    assert asked.content == plain.content
    assert asked.headers["etag"] != plain.headers["etag"]


def test_a_long_message_that_nobody_asked_for_lately_is_not_served_old(
    late: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LONG", 0.0)  # every message takes long, and is written beside the serving
    path = "/opendata/realtime/all.pb"
    for number, (asked, age) in enumerate(((300.0, 20), (0.0, 0)), 1):
        monkeypatch.setattr(live, "ASKED", asked)
        monkeypatch.setattr(live.LiveFeeds, "_start", lambda _: None)
        late.http.get(path)
        late.clock.move(NOW + timedelta(seconds=20 * number), 0)
        assert report(late, position(1000, 20 * number)) == ["accepted"]
        late.renew()
        told = read_feed(late.http.get(path).content).header.timestamp
        assert late.clock.now().timestamp() - told == age


@pytest.mark.parametrize(
    ("said", "together"),
    [
        ({}, ""),
        ({"a": "unstated", "b": "unstated"}, "ab"),
        ({"a": "etalab-2.0", "b": "CC0-1.0"}, "ab"),
        ({"a": "etalab-2.0", "b": "ODbL-1.0"}, "ab"),
        ({"a": "etalab-2.0", "b": "ODbL-1.0", "c": "unstated"}, "ab"),
        ({"a": "etalab-2.0", "c": "unstated"}, "a"),
    ],
)
def test_who_says_nothing_of_licences_sends_nobody_else_away(said: dict[str, str], together: str) -> None:
    licences = {source: SourceLicence(source, get_licence(id_), "", True) for source, id_ in said.items()}
    assert choose(licences) == frozenset(together)
