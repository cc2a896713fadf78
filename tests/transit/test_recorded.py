"""What was said of calls, in the database: the recorded day of Dijon, and small cases."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
import psycopg
import pytest
from tests.conftest import new_database

from mobigo.db.engine import libpq_conninfo
from mobigo.transit.feed import FeedTables, read_feed_tables
from mobigo.transit.live import (
    Alert,
    CallRelation,
    CallUpdate,
    Disturbance,
    Effect,
    Occupancy,
    Relation,
    Target,
    Vehicle,
)
from mobigo.transit.matching import read_names
from mobigo.transit.overlay import lay_over
from mobigo.transit.recorded import Record
from mobigo.transit.replay import Recording, read_recording, replay
from mobigo.transit.timetable import Timetable, begin_day, build, day_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mobigo.transit.live import LiveFeed, TripUpdate
    from mobigo.transit.matching import Names

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2023, 10, 31)
MIDNIGHT = begin_day(day_number(DAY), PARIS)
IDS = ("trip_id", "stop_id", "route_id", "station_id", "parent_station")


def prefix(tables: FeedTables, source: str) -> FeedTables:
    """Name everything as in the timetable of a region."""
    changed = {
        name: table.with_columns((pl.lit(f"{source}:") + pl.col(one)).alias(one) for one in IDS if one in table.columns)
        for name in ("stops", "routes", "trips", "stop_times", "frequencies")
        for table in [getattr(tables, name)]
    }
    return tables._replace(**changed)


class Dijon(NamedTuple):
    timetable: Timetable
    names: Names
    recording: Recording

    def tell(self, hour: float) -> LiveFeed:
        return replay(self.recording, "divia", int(MIDNIGHT + hour * 3600), PARIS)


@pytest.fixture(scope="module")
def dijon(test_data: Path) -> Dijon:
    tables = read_feed_tables(test_data / "bfc/fr-bfc-divia-20231031.gtfs.zip")
    timetable = build(prefix(tables, "divia"))
    with gzip.open(test_data / "gtfs-rt/divia-20231031-trip-updates.csv.gz") as file:
        return Dijon(timetable, read_names(timetable), read_recording(file.read()))


@pytest.fixture(scope="module")
def database(test_cluster: str) -> Iterator[psycopg.Connection[Any]]:
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        yield connection


@pytest.fixture
def connection(database: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    database.execute("TRUNCATE trace_call")
    return database


def keep(
    record: Record,
    dijon: Dijon,
    feed: LiveFeed,
    connection: psycopg.Connection[Any],
    disturbances: tuple[Disturbance, ...] = (),
) -> int:
    overlay, _ = lay_over(dijon.timetable, [feed], disturbances, now=feed.at, names=dijon.names, hear=record.hear)
    return record.keep(Path("one"), [feed], overlay, connection)


def list_recorded(feed: LiveFeed) -> dict[tuple[str, str, int], tuple[int | None, int | None]]:
    """What was recorded, by trip, stop and planned moment."""
    return {
        (str(trip.trip_id), str(call.stop_id), (call.planned_departure or call.planned_arrival or 0) - MIDNIGHT): (
            call.arrival_delay,
            call.departure_delay,
        )
        for trip in feed.trips
        for call in trip.calls
    }


def test_the_delays_kept_of_the_day_of_dijon_are_the_recorded_ones(
    dijon: Dijon, connection: psycopg.Connection[Any]
) -> None:
    record = Record()
    for hour in (10, 14, 18, 27):
        keep(record, dijon, dijon.tell(hour), connection)
    rows = connection.execute(
        "SELECT trip, stop, departure, arrival, arrival_delay, departure_delay FROM trace_call WHERE day = %s"
        " AND source = 'divia' AND NOT cancelled", [DAY],
    ).fetchall()  # fmt: skip
    by_departure = {(trip, stop, departure): late for trip, stop, departure, _, *late in rows}
    by_arrival = {(trip, stop, arrival): late for trip, stop, _, arrival, *late in rows}
    recorded = list_recorded(dijon.tell(27))
    known = dijon.names.trips
    missing, differing = [], []
    for key, late in recorded.items():
        found = by_departure.get(key) or by_arrival.get(key)
        if found is None:
            missing.append(key)
        elif tuple(found) != late:
            differing.append((key, late, found))
    assert len(recorded) > 50_000
    assert not differing
    # what is not kept is of trips that the timetable does not have, or at stops they do not call at
    strangers = [key for key in missing if f"divia:{key[0]}" not in known]
    assert len(missing) - len(strangers) <= 0.002 * len(recorded), missing[:10]
    assert len(rows) == len(recorded) - len(missing)


def test_five_thousand_trips_are_kept_within_a_second(dijon: Dijon, connection: psycopg.Connection[Any]) -> None:
    record = Record()
    keep(record, dijon, dijon.tell(17), connection)
    feed = dijon.tell(17.05)
    overlay, _ = lay_over(dijon.timetable, [feed], [], now=feed.at, names=dijon.names, hear=record.hear)
    begun = time.perf_counter()
    written = record.keep(Path("one"), [feed], overlay, connection)
    spent = time.perf_counter() - begun
    assert len(feed.trips) > 1_500
    assert 100 < written < 5_000
    assert spent < 15  # 0.2 s on a quiet machine
    assert record.keep(Path("one"), [feed], overlay, connection) == 0  # not twice in a minute


def rows_of(connection: psycopg.Connection[Any], trip: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT sequence, arrival_delay, departure_delay, cancelled, occupancy FROM trace_call WHERE trip = %s"
        " ORDER BY sequence",
        [trip],
    ).fetchall()


@pytest.fixture(scope="module")
def under_way(dijon: Dijon) -> tuple[TripUpdate, int]:
    """A trip in the middle of its way at five in the afternoon, and how many calls it has made."""
    feed = dijon.tell(17)
    names = dijon.names
    for one in feed.trips:
        row = names.trips.get(f"divia:{one.trip_id}")
        if row is None:
            continue
        first, end = dijon.timetable.call_first[row : row + 2].tolist()
        if 8 < len(one.calls) < end - first - 3:
            return one, row
    raise AssertionError


def test_a_trip_that_does_not_run_is_kept_as_such_and_may_come_after_all(
    dijon: Dijon, connection: psycopg.Connection[Any], under_way: tuple[TripUpdate, int]
) -> None:
    one, _ = under_way
    record, feed = Record(), dijon.tell(17)
    silent = replace(feed, trips=(replace(one, relation=Relation.CANCELED, calls=()),))
    assert keep(record, dijon, silent, connection) > 0
    gone = rows_of(connection, str(one.trip_id))
    assert all(cancelled and late is None for _, late, _, cancelled, _ in gone)
    back = replace(feed, trips=(one,), at=feed.at + 120)
    keep(record, dijon, back, connection)
    assert not any(cancelled for _, _, _, cancelled, _ in rows_of(connection, str(one.trip_id))[: len(one.calls) - 1])


def test_a_closed_stop_is_a_call_that_was_not_made(
    dijon: Dijon, connection: psycopg.Connection[Any], under_way: tuple[TripUpdate, int]
) -> None:
    one, _ = under_way
    feed = dijon.tell(17)
    stop = str(one.calls[3].stop_id)
    closed = Disturbance(Alert("", {"fr": "x"}, targets=(Target(stop_id=stop),)), Effect.STOP_CLOSED, "divia")
    keep(Record(), dijon, replace(feed, trips=(one,)), connection, (closed,))
    made = [cancelled for _, _, _, cancelled, _ in rows_of(connection, str(one.trip_id))]
    assert made.count(True) == 1
    assert made[3]


def test_a_delay_of_the_whole_trip_holds_for_the_calls_about_to_be_made(
    dijon: Dijon, connection: psycopg.Connection[Any], under_way: tuple[TripUpdate, int]
) -> None:
    one, _ = under_way
    feed = replace(dijon.tell(17), trips=(replace(one, calls=(), delay=60),))
    keep(Record(), dijon, feed, connection)
    rows = rows_of(connection, str(one.trip_id))
    assert 0 < len(rows) < 10
    assert {(arrival, departure) for _, arrival, departure, _, _ in rows} == {(60, 60)}


def test_how_full_a_vehicle_is_counts_from_the_stop_it_left(
    dijon: Dijon, connection: psycopg.Connection[Any], under_way: tuple[TripUpdate, int]
) -> None:
    one, row = under_way
    feed = dijon.tell(17)
    bound = int(dijon.timetable.call_sequence[int(dijon.timetable.call_first[row]) + 5])
    vehicle = Vehicle(
        "bus", one.trip_id, DAY, None, 47.3, 5.0, feed.at, sequence=bound, occupancy=Occupancy.STANDING_ROOM_ONLY
    )
    keep(Record(), dijon, replace(feed, trips=(one,), vehicles=(vehicle,)), connection)
    full = [(sequence, occupancy) for sequence, *_, occupancy in rows_of(connection, str(one.trip_id)) if occupancy]
    assert full == [(bound - 1, 3)]


def test_what_was_said_before_stays_when_nothing_is_said_any_more(
    dijon: Dijon, connection: psycopg.Connection[Any], under_way: tuple[TripUpdate, int]
) -> None:
    one, _ = under_way
    record, feed = Record(), dijon.tell(17)
    keep(record, dijon, replace(feed, trips=(one,)), connection)
    before = rows_of(connection, str(one.trip_id))
    keep(record, dijon, replace(feed, trips=(replace(one, calls=one.calls[-1:]),), at=feed.at + 60), connection)
    keep(Record(), dijon, replace(feed, trips=(replace(one, calls=one.calls[-1:]),), at=feed.at + 90), connection)
    assert rows_of(connection, str(one.trip_id)) == before


def test_a_delay_of_gtfs_realtime_holds_for_the_calls_that_follow_until_nothing_is_known(
    dijon: Dijon, connection: psycopg.Connection[Any], under_way: tuple[TripUpdate, int]
) -> None:
    one, row = under_way
    feed = dijon.tell(17)
    passed = len(one.calls)
    first = int(dijon.timetable.call_first[row])
    numbers = dijon.timetable.call_sequence[first:].tolist()
    last = CallUpdate(sequence=numbers[passed - 1], departure_delay=one.calls[-1].departure_delay or 0)
    keep(Record(), dijon, replace(feed, trips=(replace(one, calls=(last,)),)), connection)
    told = rows_of(connection, str(one.trip_id))
    assert len(told) > 1
    assert {late for _, _, late, _, _ in told} == {last.departure_delay}
    connection.execute("TRUNCATE trace_call")
    silent = CallUpdate(sequence=numbers[passed], relation=CallRelation.NO_DATA)
    keep(Record(), dijon, replace(feed, trips=(replace(one, calls=(last, silent)),)), connection)
    assert [sequence for sequence, *_ in rows_of(connection, str(one.trip_id))] == [numbers[passed - 1]]
