"""From live sources to the network that serves: written when something changes, again after a swap, by the worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from sqlalchemy.orm import Session
from tests.journeys.conftest import FEED, stop
from tests.live_provider import message

from mobigo.cli.worker import list_tasks
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.jobs.queue import enqueue
from mobigo.jobs.worker import Worker
from mobigo.journeys import live_watch
from mobigo.journeys.live_watch import RENEW, LiveWatch
from mobigo.journeys.network import Networks
from mobigo.kit.clock import Clock
from mobigo.settings import Settings
from mobigo.transit import live_store, realtime
from mobigo.transit.live import Alert, Disturbance, Effect, Target
from mobigo.transit.live_api import POLL
from mobigo.transit.live_service import add_source
from mobigo.transit.live_store import LiveSource
from mobigo.transit.overlay import lay_over

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.conftest import Valley

    from mobigo.transit.live import LiveFeed
    from mobigo.transit.timetable import Timetable

NOW = datetime(2026, 11, 23, 7, 5, tzinfo=UTC)
AT = int(NOW.timestamp())


class Desk:
    """A valley with one live source, and who watches it."""

    def __init__(self, valley: Valley, folder: Path) -> None:
        self.valley = valley
        self.file = folder / "trips.pb"
        self.file.write_bytes(message(AT, early=60))
        self.watch = LiveWatch(valley.url, valley.home)
        with psycopg.connect(libpq_conninfo(valley.url)) as connection:
            source = LiveSource("val-live", "val", "auto", str(self.file), {}, 5, 300, None, NOW)
            add_source(connection, valley.home, source)

    def run(self, seconds: int = 0) -> str:
        """Watch once, so many seconds later; the number of the overlay that serves then, empty without any."""
        self.watch.run(NOW + timedelta(seconds=seconds))
        return self.number()

    def number(self) -> str:
        live = Networks(self.valley.home).current().live
        return live.folder.name if live else ""

    def delay(self) -> int | None:
        """How late the early bus reaches its last stop."""
        live = Networks(self.valley.home).current().live
        if live is None or not len(live.overlay.call_planned_arrival):
            return None
        return int(live.overlay.timetable.call_arrival[-1]) - int(live.overlay.call_planned_arrival[-1])


@pytest.fixture
def desk(own_valley: Valley, tmp_path: Path) -> Desk:
    return Desk(own_valley, tmp_path)


def test_it_is_written_when_something_changes_and_else_only_to_stay_young(desk: Desk) -> None:
    first = desk.run()
    assert desk.delay() == 60
    assert [desk.run(seconds) for seconds in (10, 20, RENEW - 1)] == [first] * 3
    second = desk.run(RENEW)
    assert second != first
    desk.file.write_bytes(message(AT + RENEW + 5, early=90))
    assert desk.run(RENEW + 10) != second
    assert desk.delay() == 90


def test_what_grows_too_old_is_taken_back(desk: Desk) -> None:
    desk.run()
    desk.run(301)
    assert desk.delay() is None
    with psycopg.connect(libpq_conninfo(desk.valley.url)) as connection:
        rate = live_store.list_latest_rates(connection, NOW + timedelta(seconds=301))["val-live"]
    assert rate.report.stale


def test_without_anything_live_nothing_is_written(own_valley: Valley) -> None:
    LiveWatch(own_valley.url, own_valley.home).run(NOW)
    assert not (own_valley.network().folder / "live").exists()


def test_a_home_without_a_network_only_asks(desk: Desk) -> None:
    (desk.valley.home / "networks/current").unlink()
    (outcome,) = desk.watch.run(NOW)
    assert not outcome.failed


def test_a_new_network_gets_its_own_overlay(desk: Desk) -> None:
    desk.run()
    before = desk.valley.network().manifest.version
    desk.valley.load_feed(stops=FEED["stops.txt"] + stop("new", 5000) + "\n")
    desk.valley.build()
    assert desk.valley.network().manifest.version != before
    assert desk.delay() is None
    desk.run(1)
    assert desk.delay() == 60


def test_a_message_of_a_source_that_stands_by_it_stays_though_it_is_old(desk: Desk) -> None:
    feed = gtfs.FeedMessage()
    feed.header.gtfs_realtime_version, feed.header.timestamp = "2.0", AT - 86_400
    alert = feed.entity.add(id="works").alert
    alert.header_text.translation.add(text="Travaux", language="fr")
    alert.informed_entity.add(stop_id="pont")
    desk.file.write_bytes(feed.SerializeToString())
    desk.run()
    live = desk.valley.network().live
    assert live is not None
    assert list(live.alerts) == ["val:works"]
    desk.file.unlink()  # from now on it does not answer
    for seconds in range(60, 1000, 60):
        desk.run(seconds)
    live = desk.valley.network().live
    assert live is not None
    assert list(live.alerts) == []


def test_times_beyond_all_calendars_are_survived(desk: Desk) -> None:
    feed = gtfs.FeedMessage.FromString(message(2**39, early=60))
    desk.file.write_bytes(feed.SerializeToString())
    (outcome,) = desk.watch.run(NOW)
    assert not outcome.failed
    assert desk.delay() is None  # of no moment one could believe
    feed.header.timestamp = AT
    vehicle = feed.entity.add(id="v").vehicle
    vehicle.vehicle.id, vehicle.timestamp = "v", 2**39
    vehicle.position.latitude, vehicle.position.longitude = 47.5, 4.3
    alert = feed.entity.add(id="a").alert
    alert.header_text.translation.add(text="For ever")
    alert.active_period.add(start=0, end=2**63)
    desk.file.write_bytes(feed.SerializeToString())
    desk.run(5)
    live = desk.valley.network().live
    assert live is not None
    assert (desk.delay(), live.vehicles) == (60, ())


def test_a_source_that_breaks_us_does_not_silence_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def lay_over_but_not_twice(timetable: Timetable, feeds: list[LiveFeed], *rest: object, **more: object) -> object:
        if any(trip.trip_id == "poison" for feed in feeds for trip in feed.trips):
            raise ZeroDivisionError
        return lay_over(timetable, feeds, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(live_watch, "lay_over", lay_over_but_not_twice)
    other = desk.file.with_name("other.pb")
    other.write_bytes(message(AT, poison=1))
    with psycopg.connect(libpq_conninfo(desk.valley.url)) as connection:
        add_source(connection, desk.valley.home, LiveSource("other", "val", "auto", str(other), {}, 5, 300, None, NOW))
    desk.run()
    assert desk.delay() == 60
    with psycopg.connect(libpq_conninfo(desk.valley.url)) as connection:
        assert "left out" in live_store.list_latest_rates(connection, NOW)["other"].report.unmatched[0]


def test_a_reader_that_breaks_is_told_as_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "read", lambda *_: 1 // 0)
    (outcome,) = desk.watch.run(NOW)
    assert (outcome.failed, outcome.problem) == (True, "it could not be read: ZeroDivisionError, see the log")


def test_a_disturbance_counts_though_no_source_says_anything(own_valley: Valley) -> None:
    watch = LiveWatch(own_valley.url, own_valley.home)
    closed = Disturbance(
        Alert("", {"fr": "Fermé", "en": "Closed"}, targets=(Target(stop_id="pont"),)), Effect.STOP_CLOSED, "val"
    )
    with psycopg.connect(libpq_conninfo(own_valley.url)) as connection:
        live_store.add_disturbance(connection, closed, by="ada", now=NOW)
    watch.run(NOW)
    live = own_valley.network().live
    assert live is not None
    assert len(live.overlay.trip_base) > 1
    assert list(live.alerts) == ["val:disturbance-1"]


def test_the_worker_does_it_when_it_is_asked(desk: Desk) -> None:
    url, home = desk.valley.url, desk.valley.home
    (home / "sandbox").touch()
    clock = Clock(home / "clock.json")
    clock.move(NOW, 0)
    settings = Settings(home, url, None, (), home)
    engine = open_engine(url)
    with Session(engine) as session:
        enqueue(session, POLL, once=POLL)
        session.commit()
    engine.dispose()
    Worker(libpq_conninfo(url), list_tasks(url, settings), clock=clock).run_waiting()
    assert desk.delay() == 60


def test_after_a_build_the_worker_lays_live_data_over_the_new_network(desk: Desk) -> None:
    url, home = desk.valley.url, desk.valley.home
    (home / "sandbox").touch()
    clock = Clock(home / "clock.json")
    clock.move(NOW, 0)
    desk.run()
    before = desk.valley.network().folder
    desk.valley.load_feed(stops=FEED["stops.txt"] + stop("new", 5000) + "\n")
    list_tasks(url, Settings(home, url, None, (), home))["network.build"]()
    assert desk.valley.network().folder != before
    assert desk.delay() == 60


def test_two_watches_take_turns(desk: Desk) -> None:
    other = LiveWatch(desk.valley.url, desk.valley.home)
    other.run(NOW)
    assert desk.delay() == 60
    assert desk.run(1)  # not knowing what the other wrote, it writes its own
    assert desk.delay() == 60


def test_what_was_written_is_laid_out_for_the_quick_search(desk: Desk) -> None:
    desk.run()
    desk.watch.lay_out()
    for thread in [desk.watch._laying]:
        if thread is not None:
            thread.join()
    network = desk.valley.network()
    assert network.live is not None
    assert list((network.folder / "live/days").iterdir())
