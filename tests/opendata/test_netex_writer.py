"""NeTEx says what GTFS says, by the same ids, and is valid by its schema."""

from __future__ import annotations

import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from lxml import etree
from tests.opendata.netex_reader import read_netex

from mobigo.db.engine import libpq_conninfo
from mobigo.opendata.gtfs_writer import Part
from mobigo.opendata.netex_writer import write_netex
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DEMONSTRATION = Path(__file__).parents[2] / "gtfs/demonstration"
FEEDS = ("fr-bfc-ter-2025", "fr-bfc-divia-20231031", "fr-bfc-openbus71")

CALLS = """
    SELECT %(source)s || ':' || trip_id, %(source)s || ':' || service_id, %(source)s || ':' || route_id,
        trip_headsign, %(source)s || ':' || s.stop_id, arrival_time, departure_time, pickup_type, drop_off_type
    FROM stop_times s JOIN trips USING (version_id, trip_id)
    WHERE version_id = %(version)s AND NOT EXISTS (
        SELECT FROM stop_times f WHERE f.version_id = s.version_id AND f.trip_id = s.trip_id AND (
            f.location_id IS NOT NULL OR f.location_group_id IS NOT NULL
            OR f.start_pickup_drop_off_window IS NOT NULL
        )
    )
    ORDER BY trip_id, stop_sequence
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        yield connection


def load(url: str, path: Path, source: str) -> Part:
    assert load_gtfs(path, source, url, now=NOW).status == "active"
    with psycopg.connect(libpq_conninfo(url)) as connection:
        row = connection.execute("SELECT active_version FROM feed WHERE source = %s", [source]).fetchone()
    assert row
    return Part(source, row[0])


def compare(connection: psycopg.Connection[Any], part: Part, path: Path) -> None:
    """Compare a delivery with the tables it was made of."""

    def read(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode(), {"version": part.version, "source": part.source}).fetchall()

    told = read_netex(path)
    quays = read(
        "SELECT %(source)s || ':' || stop_id, stop_name, stop_lon, stop_lat FROM stops"
        " WHERE version_id = %(version)s AND coalesce(location_type, 0) = 0"
    )
    near = pytest.approx
    assert told.quays == {id_: (name, near(lon, abs=1e-6), near(lat, abs=1e-6)) for id_, name, lon, lat in quays}
    agencies = read("SELECT %(source)s || ':' || agency_id, agency_name FROM agency WHERE version_id = %(version)s")
    assert dict(agencies) == told.operators
    lines = read(
        "SELECT %(source)s || ':' || route_id, route_short_name, coalesce(route_long_name, route_short_name)"
        " FROM routes WHERE version_id = %(version)s"
    )
    assert {id_: (code, name) for id_, code, name in lines} == {id_: one[:2] for id_, one in told.lines.items()}
    assert {one[2] for one in told.lines.values()} <= set(told.operators)
    assert told.days == list_days(connection, part)
    calls: dict[str, list[tuple[Any, ...]]] = {}
    heads = {}
    for trip, service, route, headsign, stop, *times, pickup, drop_off in read(CALLS):
        calls.setdefault(trip, []).append((stop, *times, pickup != 1, drop_off != 1))
        heads[trip] = (service, route, headsign)
    assert {trip: one[1] for trip, one in told.journeys.items()} == calls
    assert {trip: (one[0], told.line_of[trip], told.headsigns[trip]) for trip, one in told.journeys.items()} == heads
    every = read(
        "SELECT %(source)s || ':' || trip_id, start_time, end_time, headway_secs FROM frequencies"
        " WHERE version_id = %(version)s"
    )
    assert sorted((trip, *one) for trip, many in told.headways.items() for one in many) == sorted(every)


def list_days(connection: psycopg.Connection[Any], part: Part) -> dict[str, set[date]]:
    found: dict[str, set[date]] = {}
    for service, *week, first, last in connection.execute(
        "SELECT service_id, monday, tuesday, wednesday, thursday, friday, saturday, sunday, start_date, end_date"
        " FROM calendar WHERE version_id = %s", [part.version],
    ):  # fmt: skip
        days = (first + timedelta(number) for number in range((last - first).days + 1))
        found[f"{part.source}:{service}"] = {day for day in days if week[day.weekday()]}
    for service, day, kind in connection.execute(
        "SELECT service_id, date, exception_type FROM calendar_dates WHERE version_id = %s", [part.version]
    ):
        days_of = found.setdefault(f"{part.source}:{service}", set())
        (days_of.add if kind == 1 else days_of.discard)(day)
    return found


def test_the_demonstration_is_told_whole(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    part = load(database_url, DEMONSTRATION, "demo")
    counts = write_netex(connection, [part], tmp_path / "netex.zip")
    assert counts["ServiceJourney"] > 100
    compare(connection, part, tmp_path / "netex.zip")
    write_netex(connection, [part], tmp_path / "again.zip")
    assert (tmp_path / "netex.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()


@pytest.mark.parametrize("feed", FEEDS)
def test_real_feeds_are_told_whole(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path, test_data: Path, feed: str
) -> None:
    part = load(database_url, test_data / f"bfc/{feed}.gtfs.zip", "real")
    write_netex(connection, [part], tmp_path / "netex.zip")
    compare(connection, part, tmp_path / "netex.zip")


@pytest.mark.slow  # the schema alone takes half a minute to read
def test_everything_is_valid_by_the_schema(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path, test_data: Path
) -> None:
    parts = [load(database_url, test_data / f"bfc/{feed}.gtfs.zip", feed.split("-")[2]) for feed in FEEDS]
    parts.append(load(database_url, DEMONSTRATION, "demo"))
    write_netex(connection, parts, tmp_path / "netex.zip")
    schema = etree.XMLSchema(etree.parse(test_data.parent / "schemas/netex/NeTEx_publication.xsd"))
    with zipfile.ZipFile(tmp_path / "netex.zip") as archive:
        for name in archive.namelist():
            document = etree.fromstring(archive.read(name), etree.XMLParser(huge_tree=True))
            assert schema.validate(document), (name, schema.error_log)
