"""The platform looks at itself from outside: what answers, how old it is, what of it breaks a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from tests.conftest import new_database, serve

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys.service import build_network
from mobigo.kit.clock import Clock
from mobigo.opendata import store, watch_store, watching
from mobigo.opendata.making import Publisher
from mobigo.opendata.model import Severity
from mobigo.opendata.score import ZONE
from mobigo.opendata.service import Press
from mobigo.opendata.watching import Watch, check_realtime
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
SET = "timetables-demonstration"


@pytest.fixture(scope="module")
def watch(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Serve the demonstration's timetables, and be who watches them."""
    home = tmp_path_factory.mktemp("watched")
    clock = Clock(home / "clock.json")
    clock.move(NOW, 0)
    with new_database(test_cluster) as url:
        load_gtfs(DEMONSTRATION, "demonstration", url, now=NOW)
        publisher = Publisher("La Région", "https://region.example", email="contact@region.example")
        Press(url, home, publisher, NOW).publish([SET])
        build_network(url, home, NOW, days_ahead=1)
        engine = open_engine(url)
        with serve(create_app(engine=engine, clock=clock, home=home)) as address, pytest.MonkeyPatch.context() as calm:
            calm.setattr(watching, "PATIENCE", 120.0)  # nothing is too slow, however busy the machine is
            yield Watch(url, replace(publisher, url=f"{address}/opendata"), NOW)
        engine.dispose()


@pytest.fixture
def connection(watch: Watch) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(libpq_conninfo(watch.database)) as connection:
        yield connection
        connection.rollback()


def test_every_address_that_the_catalogue_lists_is_asked_and_answers(watch: Watch) -> None:
    done = watch.run()
    assert {one.problem for one in done.looks} == {None}
    asked = {(one.dataset, one.file) for one in done.looks}
    assert {(SET, "gtfs.zip"), ("realtime", "all.pb"), ("catalog", "catalog.ttl")} <= asked
    siri = {one for name, one in asked if name == "siri-lite"}
    for minutes in range(5, 30, 5):
        later = replace(watch, now=NOW + timedelta(minutes=minutes)).run()
        more = {one.file for one in later.looks if one.dataset == "siri-lite"}
        assert not more & siri  # each has its turn
        siri |= more
    assert {"estimated-timetable.xml", "check-status.json", "lines-discovery.xml"} <= siri
    assert "stop-monitoring.xml" in siri
    ages = {one.age for one in done.looks if one.dataset in {"realtime", "siri-lite"}}
    assert None not in ages
    assert max(age for age in ages if age is not None) < 300
    assert {one.age for one in done.looks if one.dataset == SET} == {None}
    assert set(done.judged) == {"realtime", "siri-lite"}
    assert later.judged == ()
    with psycopg.connect(libpq_conninfo(watch.database)) as connection:  # other timetables came into service
        connection.execute("UPDATE feed_version SET loaded_at = %s", [NOW + timedelta(minutes=26)])
    assert set(replace(watch, now=NOW + timedelta(minutes=27)).run().judged) == {"realtime", "siri-lite"}
    assert replace(watch, now=NOW + timedelta(minutes=28)).run().judged == ()


def test_rounds_of_a_day_add_up_and_make_its_score(watch: Watch, connection: psycopg.Connection[Any]) -> None:
    day = (NOW + timedelta(days=10)).astimezone(ZONE).date()
    for minutes in (0, 5):
        replace(watch, now=NOW + timedelta(days=10, minutes=minutes)).run()
    seen = {(one.dataset, one.file): one for one in watch_store.list_seen(connection, day, day)}
    gtfs_zip, updates = seen[SET, "gtfs.zip"].watched, seen["realtime", "all.pb"].watched
    assert (gtfs_zip.asked, gtfs_zip.answered, gtfs_zip.aged) == (2, 2, 0)
    assert gtfs_zip.slowest <= gtfs_zip.milliseconds
    assert (updates.aged, updates.fresh) == (2, 0)  # the server's clock stands ten days before
    scores = watch_store.list_scores(connection, day, day)
    assert scores[SET][0].today.availability == 1
    assert scores[SET][0].today.freshness == 1
    assert scores["realtime"][0].today.freshness == 0


def test_a_silent_address_counts_and_is_told_when_it_stays_so(
    watch: Watch, connection: psycopg.Connection[Any]
) -> None:
    gone = replace(watch.publisher, url="http://127.0.0.1:9/opendata")
    for minutes in (0, 5, 10):
        at = NOW + timedelta(days=20, minutes=minutes)
        done = replace(watch, publisher=gone, now=at).run()
        assert {one.problem is None for one in done.looks} == {False}
        rows = connection.execute("SELECT subject FROM message WHERE about = %s", [f"opendata:{SET}"]).fetchall()
        assert len(rows) == (0 if minutes == 0 else 1)
        connection.rollback()
    day = (NOW + timedelta(days=20)).astimezone(ZONE).date()
    scores = watch_store.list_scores(connection, day, day)
    assert (scores[SET][0].today.availability, scores[SET][0].smooth.availability) == (0, 0)


def test_a_page_that_answers_with_an_error_is_silent(watch: Watch) -> None:
    wrong = replace(watch.publisher, url=watch.publisher.url + "/nothing")
    done = replace(watch, publisher=wrong, now=NOW + timedelta(days=30)).run()
    assert {one.problem for one in done.looks} == {"HTTP 404"}


def test_what_we_say_in_real_time_breaks_no_rule(watch: Watch, connection: psycopg.Connection[Any]) -> None:
    watch.run()
    report = store.list_reports(connection)["realtime", 1]
    assert [one for one in report.problems if one.severity is Severity.ERROR] == []
    unchecked = store.list_reports(connection)["siri-lite", 1].problems
    assert [one.code for one in unchecked] == ["not_checked"]


def write_feed(**said: str) -> bytes:
    message = gtfs.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = 1_795_000_000
    entity = message.entity.add()
    entity.id = "1"
    entity.trip_update.trip.trip_id = said.get("trip", "demonstration:none")
    entity.trip_update.trip.route_id = said.get("route", "")
    entity.trip_update.stop_time_update.add().stop_id = said.get("stop", "")
    return message.SerializeToString()


def test_ids_that_no_timetable_has_are_found(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute("SELECT trip_id, route_id FROM trips LIMIT 1").fetchone()
    stop = connection.execute("SELECT stop_id FROM stops LIMIT 1").fetchone()
    assert row
    assert stop
    good = write_feed(trip=f"demonstration:{row[0]}", route=f"demonstration:{row[1]}", stop=f"demonstration:{stop[0]}")
    assert check_realtime(connection, "f", good) == []
    bad = write_feed(trip="demonstration:none", route="nobody:L1", stop="plain")
    found = {one.code: one.sample for one in check_realtime(connection, "f", bad)}
    assert found == {
        "E003": "f: no trip 'demonstration:none' in the timetables",
        "E004": "f: no route 'nobody:L1' in the timetables",
        "E011": "f: no stop 'plain' in the timetables",
    }
    assert [one.code for one in check_realtime(connection, "f", b"\xff\xff")] == ["unreadable"]
    assert [
        one.code
        for one in check_realtime(
            connection, "f", gtfs.FeedMessage(header=gtfs.FeedHeader(gtfs_realtime_version="2.0")).SerializeToString()
        )
    ] == ["E048"]


def test_programs_and_people_see_how_good_data_are(watch: Watch) -> None:
    watch.run()
    with httpx.Client(base_url=watch.publisher.url, timeout=120, follow_redirects=True) as http:
        told = {one["id"]: one for one in http.get("/quality.json").json()["datasets"]}
        one = http.get(f"/{SET}/quality.json").json()
        assert told[SET] == one
        assert one["score"]["smooth"]["availability"] == 1
        assert (len(one["days"]), one["days"][-1]["day"]) == (90, "2026-11-23")
        assert {file["name"] for file in one["files"]} >= {"gtfs.zip", "netex.zip"}
        assert {problem["code"] for problem in one["problems"]} >= {"not_checked"}
        assert told["realtime"]["files"][0]["age_s"] < 300
        assert http.head("/quality.json").status_code == 200
        assert http.get("/nothing/quality.json").json()["code"] == "unknown_dataset"
        for path, strips in (("", 1), (f"/{SET}/", 1), ("/realtime/", 1)):
            page = http.get(path, params={"lang": "en"}).text
            assert page.count('class="strip"') == strips
            assert page.count("<rect") == 90 * strips
            assert "100 % of the looks" in page
            assert "availability 1" in page
