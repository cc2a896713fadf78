"""Live data: how much of real feeds is found in their timetables, and how long an update of 5,000 trips takes to land.

The recorded day is told instant by instant, as its feed would have told it; BART's feed is as it was published. The
update is made up: trips of the timetable that run then, each with the delays of about twenty calls.
"""

from __future__ import annotations

import gzip
import random
from datetime import UTC, date, datetime
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from google.transit import gtfs_realtime_pb2 as gtfs

from benchmarks.bar import Bar
from mobigo.kit.errors import InvalidInput
from mobigo.settings import read_settings
from mobigo.transit import realtime
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.matching import read_names
from mobigo.transit.overlay import lay_over
from mobigo.transit.replay import read_recording, replay
from mobigo.transit.timetable import begin_day, build, day_number, list_running, service_date, zone_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.transit.live import MatchReport
    from mobigo.transit.timetable import Timetable

PARIS = ZoneInfo("Europe/Paris")
RECORDED = date(2023, 10, 31)
TRIPS, CALLS = 5_000, 20
ROUNDS = 7
LIMIT = 600.0
"""Milliseconds: what is left of a second for fetching, writing and switching."""


def bars() -> Iterator[Bar]:
    """Yield the figures, as they are measured."""
    data = read_settings().test_data
    if not data.is_dir():
        raise InvalidInput(f"no test data at {data}; set MOBIGO_TEST_DATA to the folder of real feeds and extracts")
    yield from _bart(data)
    yield from _dijon(data)
    yield from _update(data)


def _bart(data: Path) -> Iterator[Bar]:
    timetable = build(read_feed_tables(data / "gtfs-rt/bart.gtfs.zip"))
    feeds = [realtime.read((data / f"gtfs-rt/bart-{what}.pb").read_bytes(), "") for what in ("trip-updates", "alerts")]
    _, (trips, alerts) = lay_over(timetable, feeds, [], now=feeds[0].at)
    told = f"{trips.trips_matched} of {trips.trips}, and {trips.new_trips} new; the others run on no line of the feed"
    yield Bar("BART: trips found", _share(trips.trips_matched, trips.trips), "", None, "higher", told)
    told = f"{trips.calls_matched} of {trips.calls} of these trips"
    yield Bar("BART: calls found", _share(trips.calls_matched, trips.calls), "", None, "higher", told)
    told = f"{alerts.alerts_matched} of {alerts.alerts}"
    yield Bar("BART: messages found", _share(alerts.alerts_matched, alerts.alerts), "", None, "higher", told)


def _dijon(data: Path) -> Iterator[Bar]:
    timetable = build(read_feed_tables(data / "bfc/fr-bfc-divia-20231031.gtfs.zip"))
    names = read_names(timetable)
    with gzip.open(data / "gtfs-rt/divia-20231031-trip-updates.csv.gz") as file:
        recording = read_recording(file.read())
    reports: list[MatchReport] = []
    took = []
    for hour in range(9, 25):
        now = begin_day(day_number(RECORDED), PARIS) + hour * 3600
        begin = perf_counter()
        _, (report,) = lay_over(timetable, [replay(recording, "", now, PARIS)], [], now=now, names=names)
        took.append(1000 * (perf_counter() - begin))
        reports.append(report)
    how = f"recorded day, every hour from 9 to 24; at its end {reports[-1].trips_matched} of {reports[-1].trips} trips"
    worst = min(_share(one.trips_matched, one.trips) for one in reports)
    yield Bar("Dijon: trips found, worst hour", worst, "", None, "higher", how)
    worst = min(_share(one.calls_matched, one.calls) for one in reports)
    yield Bar("Dijon: calls found, worst hour", worst, "", None, "higher", how)
    yield Bar("Dijon: one instant told and laid over", median(took), "ms", None, "lower", "median of these hours")


def _share(found: int, told: int) -> float:
    return found / told if told else 1.0


def _update(data: Path) -> Iterator[Bar]:
    timetable = build(read_feed_tables(data / "pairs/rhein-neckar/rnv.gtfs.zip"))
    names = read_names(timetable)
    now = int(datetime(2016, 11, 4, 11, tzinfo=UTC).timestamp())
    content = make_update(timetable, now)
    took: dict[str, list[float]] = {"read": [], "both": []}
    for _ in range(ROUNDS):
        begin = perf_counter()
        feed = realtime.read(content, "")
        took["read"].append(1000 * (perf_counter() - begin))
        lay_over(timetable, [feed], [], now=now, names=names)
        took["both"].append(1000 * (perf_counter() - begin))
    how = f"rhein-neckar, {TRIPS:,} trips of about {CALLS} calls, {len(content) / 1e6:.1f} MB; median of {ROUNDS}"
    yield Bar("update: read", median(took["read"]), "ms", None, "lower", how)
    yield Bar("update: read and laid over", median(took["both"]), "ms", LIMIT, "lower", how)


def make_update(timetable: Timetable, now: int, seed: int = 1) -> bytes:
    """Make a trip update of the trips that run today, each with delays at about twenty calls, as GTFS-Realtime."""
    chance = random.Random(seed)
    zone = zone_of(timetable)
    day = day_number(datetime.fromtimestamp(now, zone).date())
    runs = np.flatnonzero(list_running(timetable, day))
    trips = chance.sample(sorted(set(timetable.run_trip[runs].tolist())), TRIPS)
    message = gtfs.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = now
    for trip in trips:
        update = message.entity.add(id=str(trip)).trip_update
        update.trip.trip_id = timetable.trip_ids.at(trip)
        update.trip.start_date = f"{service_date(day):%Y%m%d}"
        rows = range(int(timetable.call_first[trip]), int(timetable.call_first[trip + 1]))
        late = chance.randrange(-60, 600)
        for row in rows[-CALLS:]:
            late += chance.randrange(-20, 30)
            call = update.stop_time_update.add(stop_sequence=int(timetable.call_sequence[row]))
            call.stop_id = timetable.stop_ids.at(int(timetable.call_stop[row]))
            call.arrival.delay = call.departure.delay = late
    return bytes(message.SerializeToString())
