"""What we publish as GTFS-Realtime says the same as what we were told: read again, vehicles run the same."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from google.transit import gtfs_realtime_pb2 as gtfs
from tests.live_feeds import make_updates
from tests.questions import open_case
from tests.transit.test_live_against_oracle import can_be_ridden, read_runs
from tests.wish_feeds import open_oracle, seeded

from mobigo.transit import live_publish, realtime
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.live import Alert, LiveFeed, Occupancy, Relation, Target, TripUpdate, Vehicle
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.overlay import lay_over
from mobigo.transit.replay import read_recording, replay
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

PARIS = ZoneInfo("Europe/Paris")


def snapshot(
    overlay: Overlay, at: int, *, alerts: tuple[Alert, ...] = (), vehicles: tuple[Vehicle, ...] = ()
) -> LiveSnapshot:
    return LiveSnapshot(Path("none"), at, overlay, {one.id: one for one in alerts}, vehicles, ())


def again(timetable: Timetable, overlay: Overlay, at: int) -> Overlay:
    """Publish an overlay, read that and lay it over the same timetable."""
    said = realtime.read(live_publish.trip_updates(snapshot(overlay, at), None, at), "")
    assert said.problems == ()
    laid, (report,) = lay_over(timetable, [said], [], now=at)
    assert report.unmatched == ()
    return laid


@pytest.mark.parametrize("seed", range(40))
def test_random_feeds_say_the_same_when_published_and_read_again(seed: int, tmp_path: Path) -> None:
    case, rng = seeded(seed)
    oracle = open_oracle(case)
    updates = make_updates(case, oracle, rng)
    now = min((run.calls[0].departure for run in oracle.runs), default=0) - 7 * 3600
    timetable = open_case(case, tmp_path).timetable
    laid, _ = lay_over(timetable, [LiveFeed("", now, tuple(updates))], [], now=now)
    assert sorted(filter(can_be_ridden, read_runs(again(timetable, laid, now)))) == sorted(
        filter(can_be_ridden, read_runs(laid))
    )


def test_the_recorded_day_says_the_same_when_published_and_read_again(test_data: Path) -> None:
    timetable = build(read_feed_tables(test_data / "bfc/fr-bfc-divia-20231031.gtfs.zip"))
    with gzip.open(test_data / "gtfs-rt/divia-20231031-trip-updates.csv.gz") as file:
        recording = read_recording(file.read())
    now = int(datetime(2023, 10, 31, 12, tzinfo=PARIS).timestamp())
    laid, (report,) = lay_over(timetable, [replay(recording, "", now, PARIS)], [], now=now)
    assert report.trips_matched == report.trips > 600
    assert len(laid.trip_base) > 300
    assert sorted(read_runs(again(timetable, laid, now))) == sorted(read_runs(laid))


@pytest.mark.parametrize("feed", [None, "bus"])
def test_vehicles_and_messages_say_the_same_when_published_and_read_again(feed: str | None, tmp_path: Path) -> None:
    case, _ = seeded(0)
    overlay, _ = lay_over(open_case(case, tmp_path).timetable, [], [], now=0)
    vehicle = Vehicle(
        "bus:7", "bus:t", date(2026, 11, 23), "bus:L", 47.5, 4.25, 1_795_000_000, bearing=90.0, speed=12.5,
        stop_id="bus:s", sequence=3, label="Seven", occupancy=Occupancy.FULL,
    )  # fmt: skip
    alert = Alert(
        "bus:works", {"fr": "Travaux", "en": "Works"}, {"fr": "Longs", "": "Long"}, {"en": "https://x.example"},
        periods=((None, 1_795_000_000), (1_795_100_000, None)),
        targets=(Target(route_id="bus:L", direction=1), Target(stop_id="bus:s"), Target(trip_id="bus:t"),
                 Target(agency_id="bus:A"), Target(route_type=0)),
        cause="CONSTRUCTION", effect="DETOUR", severity="SEVERE",
    )  # fmt: skip
    live = snapshot(overlay, 1_795_000_010, alerts=(alert,), vehicles=(vehicle,))
    prefix = "" if feed is None else "bus:"
    (read,) = realtime.read(live_publish.vehicle_positions(live, feed, live.at), "").vehicles
    assert prefix + read.vehicle_id == vehicle.vehicle_id
    assert (prefix + str(read.trip_id), prefix + str(read.stop_id), prefix + str(read.route_id)) == (
        "bus:t",
        "bus:s",
        "bus:L",
    )
    assert (read.lat, read.lon, read.bearing, read.speed, read.at, read.sequence, read.label, read.occupancy) == (
        47.5, 4.25, 90.0, 12.5, vehicle.at, 3, "Seven", Occupancy.FULL
    )  # fmt: skip
    (told,) = realtime.read(live_publish.alerts(live, feed, live.at), "").alerts
    assert prefix + told.id == alert.id
    assert (told.header, told.description, told.url) == (alert.header, alert.description, alert.url)
    assert (told.periods, told.cause, told.effect, told.severity) == (
        alert.periods, "CONSTRUCTION", "DETOUR", "SEVERE"
    )  # fmt: skip
    assert [prefix + str(one.route_id) for one in told.targets if one.route_id] == ["bus:L"]
    assert len(told.targets) == 5
    assert not gtfs.FeedMessage.FromString(live_publish.alerts(live, "tram", live.at)).entity


def test_a_message_about_nothing_in_particular_is_about_all_and_unknown_words_are_left_out(tmp_path: Path) -> None:
    case, _ = seeded(0)
    overlay, _ = lay_over(open_case(case, tmp_path).timetable, [], [], now=0)
    live = snapshot(overlay, 10, alerts=(Alert("a", {"": "Hello"}, cause="BOREDOM", effect="", severity="HIGH"),))
    (entity,) = gtfs.FeedMessage.FromString(live_publish.alerts(live, None, 10)).entity
    assert len(entity.alert.informed_entity) == 1
    assert not entity.alert.HasField("cause")
    assert entity.IsInitialized()


def test_a_feed_that_is_not_ours_is_written_with_its_own_ids() -> None:
    day = date(2026, 11, 23)
    at = int(datetime(2026, 11, 23, 8, tzinfo=UTC).timestamp())
    feed = LiveFeed("bus", at, (TripUpdate("t", start_date=day, relation=Relation.SCHEDULED, at=at),))
    read = realtime.read(live_publish.write_feed(feed), "bus")
    assert (read.at, [(one.trip_id, one.start_date) for one in read.trips]) == (at, [("t", day)])
