"""NeTEx says what GTFS says, by the same ids, and is valid by its schema."""

from __future__ import annotations

import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from tests.feed_text import pack
from tests.ondemand.flex_text import files
from tests.opendata.conftest import NOW, load
from tests.opendata.netex_reader import Asked, Booking, read_netex

from mobigo.ondemand import services
from mobigo.ondemand.catalogue import read_catalogue
from mobigo.ondemand.documents import to_document
from mobigo.ondemand.services import Author
from mobigo.opendata.gtfs_writer import NO_FEED, Part
from mobigo.opendata.netex_writer import write_netex, write_netex_of

if TYPE_CHECKING:
    import psycopg
    from tests.opendata.netex_reader import Delivery

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
    compare_on_demand(connection, part, told)
    assert sorted((trip, *one) for trip, many in told.headways.items() for one in many) == sorted(every)


BOOKING = """
    SELECT booking_rule_id, phone_number, booking_url, booking_type, prior_notice_duration_min, prior_notice_last_day,
        prior_notice_last_time
    FROM booking_rules WHERE version_id = %(version)s
"""
ASKED = """
    SELECT %(source)s || ':' || t.trip_id, %(source)s || ':' || t.service_id,
        %(source)s || ':' || coalesce(s.location_id, s.location_group_id, s.stop_id),
        start_pickup_drop_off_window, end_pickup_drop_off_window, arrival_time, departure_time, pickup_type,
        drop_off_type, coalesce(pickup_booking_rule_id, drop_off_booking_rule_id)
    FROM stop_times s JOIN trips t USING (version_id, trip_id)
    WHERE version_id = %(version)s AND EXISTS (
        SELECT FROM stop_times f WHERE f.version_id = s.version_id AND f.trip_id = s.trip_id AND (
            f.location_id IS NOT NULL OR f.location_group_id IS NOT NULL
            OR f.start_pickup_drop_off_window IS NOT NULL
        )
    )
    ORDER BY trip_id, stop_sequence
"""


def compare_on_demand(connection: psycopg.Connection[Any], part: Part, told: Delivery) -> None:
    """Compare what runs on demand with the tables: zones, groups, windows, and how one books."""

    def read(query: str) -> list[tuple[Any, ...]]:
        return connection.execute(query.encode(), {"version": part.version, "source": part.source}).fetchall()

    bookings = {}
    for id_, phone, url, kind, minutes, days, until in read(BOOKING):
        least = f"P{days}D" if kind == 2 else None if minutes is None else f"PT{minutes * 60}S"
        when = {0: "timeOfTravelOnly", 1: "advanceAndDayOfTravel"}.get(kind) or (
            "untilPreviousDay" if days == 1 else "advanceOnly"
        )
        latest = None if until is None else f"{until // 3600:02}:{until // 60 % 60:02}:{until % 60:02}"
        bookings[id_] = Booking(phone, url, when, least, latest)
    asked: dict[str, tuple[str, list[Asked]]] = {}
    for trip, service, place, start, end, arrival, departure, pickup, drop_off, rule in read(ASKED):
        window = None if start is None else (start, end)
        call = Asked(place, window, (arrival, departure), pickup != 1, drop_off != 1, bookings.get(rule))
        asked.setdefault(trip, (service, []))[1].append(call)
    assert told.on_demand == asked
    zones = read(
        "SELECT %(source)s || ':' || location_id, ST_AsGeoJSON(ST_Multi(geom), 7)::json -> 'coordinates' FROM locations"
        " WHERE version_id = %(version)s"
    )
    assert told.zones == {
        id_: [[[pytest.approx(tuple(point), abs=1e-6) for point in ring] for ring in rings] for rings in polygons]
        for id_, polygons in zones
    }
    groups: dict[str, set[str]] = {}
    for group, stop in read(
        "SELECT %(source)s || ':' || location_group_id, %(source)s || ':' || stop_id FROM location_group_stops"
        " WHERE version_id = %(version)s"
    ):
        groups.setdefault(group, set()).add(stop)
    assert told.groups == groups


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
    counts = write_netex(connection, [part], tmp_path / "netex.zip", NOW.date())
    assert counts["ServiceJourney"] > 100
    compare(connection, part, tmp_path / "netex.zip")
    write_netex(connection, [part], tmp_path / "again.zip", NOW.date())
    assert (tmp_path / "netex.zip").read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_what_lines_share_is_defined_once_and_referred_to_with_its_version(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    parts = [load(database_url, DEMONSTRATION, "demo"), load(database_url, pack(tmp_path / "v.zip", files()), "valley")]
    write_netex(connection, parts, tmp_path / "netex.zip", NOW.date())
    defined: dict[tuple[str, str], str] = {}
    referred = []
    with zipfile.ZipFile(tmp_path / "netex.zip") as archive:
        for file in archive.namelist():
            for element in etree.fromstring(archive.read(file)).iter():
                if (id_ := element.get("id")) is not None:
                    assert defined.setdefault((id_, element.get("version")), file) == file, id_
                elif (ref := element.get("ref", "")).endswith(":LOC") and element.get("versionRef") is not None:
                    referred.append((ref, element.get("versionRef"), file))
    assert {key[0].split(":")[1] for key, file in defined.items() if file == "demo_points.xml"} >= {
        "ScheduledStopPoint", "PassengerStopAssignment", "DestinationDisplay"
    }  # fmt: skip
    assert {ref.split(":")[-4] for ref, _, file in referred if "offre" in file} >= {"ScheduledStopPoint", "DayType"}
    assert all(defined[ref, version] != file for ref, version, file in referred)


def test_services_on_demand_are_told_whole(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    part = load(database_url, pack(tmp_path / "valley.zip", files()), "valley")
    counts = write_netex(connection, [part], tmp_path / "netex.zip", NOW.date())
    assert (counts["FlexibleLine"], counts["Line"], counts["FlexibleStopPlace"]) == (3, 1, 2)
    compare(connection, part, tmp_path / "netex.zip")
    told = read_netex(tmp_path / "netex.zip")
    assert told.flexible == {
        "valley:feeder": "mixedFlexibleAndFixed",
        "valley:line": "fixed",
        "valley:points": "fixedStopAreaWide",
    }


def test_services_of_the_staff_are_told_beside_those_of_feeds(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path
) -> None:
    valley = load(database_url, pack(tmp_path / "valley.zip", files()), "valley")
    catalogue = read_catalogue(connection)
    document = to_document(catalogue.get("valley:line"))
    body = type(document).model_validate({**document.model_dump(mode="json"), "operator": None})
    services.write(connection, catalogue, "taxis:nord", body, Author("Alix", NOW))
    services.withdraw(connection, catalogue, "valley:line", Author("Alix", NOW))
    write_netex(connection, [Part("taxis", NO_FEED), valley], tmp_path / "netex.zip", NOW.date())
    told = read_netex(tmp_path / "netex.zip")
    assert told.journeys["taxis:v1"] == (
        "taxis:week",
        [
            ("taxis:mairie", 28_800, 28_800, True, False),
            ("taxis:lac", 29_400, 29_460, True, True),
            ("taxis:ville", 31_200, 31_200, False, True),
        ],
    )
    assert "valley:v1" not in told.journeys
    assert told.days["taxis:week"] == told.days["valley:week"]
    assert told.operators == {"taxis:A": "À la demande", "valley:A": "À la demande"}


@pytest.mark.parametrize("feed", FEEDS)
def test_real_feeds_are_told_whole(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path, test_data: Path, feed: str
) -> None:
    part = load(database_url, test_data / f"bfc/{feed}.gtfs.zip", "real")
    write_netex(connection, [part], tmp_path / "netex.zip", NOW.date())
    compare(connection, part, tmp_path / "netex.zip")


@pytest.mark.slow  # the schema alone takes half a minute to read
def test_everything_is_valid_by_the_schema(
    database_url: str, connection: psycopg.Connection[Any], tmp_path: Path, test_data: Path
) -> None:
    parts = [load(database_url, test_data / f"bfc/{feed}.gtfs.zip", feed.split("-")[2]) for feed in FEEDS]
    parts.append(load(database_url, DEMONSTRATION, "demo"))
    write_netex(connection, parts, tmp_path / "netex.zip", NOW.date())
    schema = etree.XMLSchema(etree.parse(test_data.parent / "schemas/netex/NeTEx_publication.xsd"))
    with zipfile.ZipFile(tmp_path / "netex.zip") as archive:
        for name in archive.namelist():
            document = etree.fromstring(archive.read(name), etree.XMLParser(huge_tree=True))
            assert schema.validate(document), (name, schema.error_log)


def test_an_archive_of_ours_is_told_with_its_ids(tmp_path: Path) -> None:
    """School circuits are in no feed: their NeTEx is made of their GTFS."""
    feed = pack(tmp_path / "feed.zip", files())
    with zipfile.ZipFile(feed) as archive:
        plain_trips = archive.read("trips.txt").decode().splitlines()
        calls = archive.read("stop_times.txt").decode().splitlines()
    kept = {
        "trips.txt": "\n".join(row for row in plain_trips if ",o1," in row or "trip_id" in row),
        "stop_times.txt": "\n".join(row for row in calls if row.startswith(("o1,", "trip_id"))),
    }
    ours = pack(tmp_path / "ours.zip", {**files(), **{name: text.encode() for name, text in kept.items()}})
    counts = write_netex_of(ours, "school-2026", tmp_path / "netex.zip", NOW)
    assert counts["ServiceJourney"] == 1
    told = read_netex(tmp_path / "netex.zip")
    assert told.journeys == {
        "o1": ("week", [("mairie", 25_200, 25_200, True, True), ("ville", 27_600, 27_600, True, True)])
    }
    assert told.line_of == {"o1": "ordinary"}
    assert set(told.quays) == {"gare", "mairie", "lac", "ville"}
    assert date(2026, 12, 25) not in told.days["week"]
    assert date(2026, 12, 26) in told.days["week"]
