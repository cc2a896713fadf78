"""The demonstration in a database: loaded in seconds, once, kept valid, every stop on a street."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import psycopg
import pytest
from tools.demonstration import facts

from mobigo.cli.region import data_folder, load_demonstration
from mobigo.db.engine import libpq_conninfo
from mobigo.osm.load import load_osm
from mobigo.osm.store import find_active_extract
from mobigo.street.graph import Profile
from mobigo.street.routing import between, snap
from mobigo.street.store import read_graph
from mobigo.transit.load import load_gtfs
from mobigo.transit.store import get_report, list_versions, read_feed_tables

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.store import Version

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)


@dataclass
class Stopped:
    """A clock that is set by hand."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant


def active(url: str) -> dict[str, Version]:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        return {version.source: version for version in list_versions(connection) if version.status == "active"}


def test_it_loads_without_a_loss_and_only_once(database_url: str) -> None:
    clock = Stopped()
    assert load_demonstration(database_url, clock)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        report = get_report(connection, "demonstration")
        extract = find_active_extract(connection)
    assert (report.status, report.dropped) == ("active", {})
    assert {finding.class_.value for finding in report.findings} <= {"warn", "info", "repair"}
    assert report.counts["locations.geojson"] == 1
    assert extract is not None
    assert extract.counts["addresses"] > 300
    assert extract.counts["restrictions"] == len(facts.FOUR_WAYS)
    assert not load_demonstration(database_url, clock)
    assert active(database_url)["demonstration"].id == report.version


@pytest.mark.parametrize("days", [60, -60])
def test_a_calendar_that_has_aged_is_laid_anew(database_url: str, days: int) -> None:
    clock = Stopped()
    load_demonstration(database_url, clock)
    clock.instant += timedelta(days=days)
    today = clock.instant.date()
    assert load_demonstration(database_url, clock)
    laid = active(database_url)["demonstration"]
    assert laid.first_day is not None
    assert laid.last_day is not None
    assert laid.first_day <= today - timedelta(weeks=4)
    assert laid.last_day >= today + timedelta(weeks=29)


def test_a_young_calendar_stays(database_url: str) -> None:
    clock = Stopped()
    load_demonstration(database_url, clock)
    clock.instant += timedelta(days=20)
    assert not load_demonstration(database_url, clock)


def test_a_load_that_was_cut_short_is_completed(database_url: str) -> None:
    load_osm(data_folder("osm") / "demonstration.osm", database_url, now=NOW)
    assert load_demonstration(database_url, Stopped())
    assert list(active(database_url)) == ["demonstration"]


def test_a_database_that_holds_something_else_is_left_alone(database_url: str, tmp_path: Path) -> None:
    feed = tmp_path / "feed"
    feed.mkdir()
    for name, text in OTHER.items():
        (feed / name).write_text(text)
    assert load_gtfs(feed, "other", database_url, now=NOW).status == "active"
    assert not load_demonstration(database_url, Stopped())
    assert list(active(database_url)) == ["other"]


OTHER = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\na,A,https://example.org,Europe/Paris\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\ns,S,47.1,4.1\nt,T,47.2,4.2\n",
    "routes.txt": "route_id,agency_id,route_short_name,route_type\nr,a,R,3\n",
    "trips.txt": "route_id,service_id,trip_id\nr,d,t1\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "t1,08:00:00,08:00:00,s,1\nt1,09:00:00,09:00:00,t,2\n",
    "calendar_dates.txt": "service_id,date,exception_type\nd,20261123,1\n",
}


def test_every_stop_is_on_a_street_and_towns_are_as_far_apart_as_they_are(database_url: str) -> None:
    load_demonstration(database_url, Stopped())
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        streets = read_graph(connection)
        tables = read_feed_tables(connection)
    stops = tables.stops.select("stop_lon", "stop_lat").to_numpy()
    found = snap(streets, stops, Profile.FOOT)
    far = [
        (stop, float(metres))
        for stop, metres in zip(tables.stops["stop_id"], found.metres, strict=True)
        if not metres < 100
    ]
    assert far == []
    place = {place.name: (place.lon, place.lat) for place in (*facts.TOWNS, *facts.VILLAGES)}
    for start, end, km in facts.DISTANCES:
        ends = snap(streets, np.array([place[start], place[end]]), Profile.CAR)
        a, b = ends.one(0), ends.one(1)
        assert a is not None
        assert b is not None
        drive = between(streets, a, b, Profile.CAR)
        assert drive is not None, f"{start} - {end}"
        assert drive.metres / 1000 < km * 1.15, f"{start} - {end}"


def test_today_is_the_day_in_the_region(database_url: str) -> None:
    load_demonstration(database_url, Stopped(datetime(2026, 11, 22, 23, 30, tzinfo=UTC)))  # Monday there
    assert active(database_url)["demonstration"].first_day == date(2026, 10, 26)
