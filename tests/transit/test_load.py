"""Loading feeds: what is stored, what is found, what changes and what stays."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from tests.conftest import new_database
from tests.feed_text import files, pack, text, withdraw

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, InvalidInput, NotFound
from mobigo.transit import store
from mobigo.transit.gtfs import FILES, SQL_TYPES
from mobigo.transit.load import load_gtfs
from mobigo.transit.rules import RULES
from mobigo.transit.service import roll_back
from mobigo.transit.shift import parse_week

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mobigo.transit.report import LoadReport

    Load = Callable[..., LoadReport]
    Ask = Callable[[str], list[tuple[Any, ...]]]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def load(database_url: str, tmp_path: Path) -> Load:
    """Load the town, changed as the test says; its report."""

    def run(source: str = "town", *, shift_to: date | None = None, **changes: str | bytes | None) -> LoadReport:
        path = pack(tmp_path / "feed.zip", files(**changes))
        return load_gtfs(path, source, database_url, now=NOW, shift_to=shift_to)

    return run


@pytest.fixture
def ask(database_url: str) -> Ask:
    """Query the database."""

    def run(query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(libpq_conninfo(database_url)) as connection:
            return connection.execute(query.encode()).fetchall()

    return run


@pytest.fixture(scope="module")
def shared_url(test_cluster: str) -> Iterator[str]:
    """One database for all tests that only look at reports; each loads a source of its own."""
    with new_database(test_cluster) as url:
        yield url


@pytest.fixture
def judge(shared_url: str, tmp_path: Path) -> Iterator[Load]:
    """Load the town, changed as the test says, beside those of other tests; its report."""

    def run(**changes: str | bytes | None) -> LoadReport:
        path = pack(tmp_path / "feed.zip", files(**changes))
        return load_gtfs(path, f"town-{uuid4().hex[:8]}", shared_url, now=NOW)

    yield run
    withdraw(shared_url)


def found(report: LoadReport) -> set[tuple[str, str]]:
    return {(finding.class_.value, finding.code) for finding in report.findings}


# ── stored ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sound_feed_is_active_and_nothing_is_found(load: Load, ask: Ask) -> None:
    report = load()
    assert report.status == "active"
    assert found(report) == {("warn", "missing_recommended_file")}
    assert report.counts["stop_times.txt"] == 5
    assert report.dropped == {}
    assert ask("SELECT trip_id, stop_sequence, stop_id, arrival_time FROM stop_times ORDER BY 1, 2") == [
        ("t1", 1, "gare", 25_200),
        ("t1", 2, "mairie", 25_500),
        ("t1", 3, "lac", 26_400),
        ("t2", 1, "lac", 96_000),
        ("t2", 2, "gare", 97_140),
    ]
    assert ask("SELECT first_day, last_day FROM feed_version") == [(date(2026, 11, 2), date(2026, 12, 31))]


def test_all_active_feeds_are_read_as_one(load: Load, database_url: str) -> None:
    load("a")
    load(
        "b",
        stop_times="trip_id,arrival_time,departure_time,stop_id,stop_sequence\nt1,08:00:00,08:00:00,lac,7\n"
        "t1,,,mairie,8\nt1,09:00:00,09:00:00,gare,9\n",
    )
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        tables = store.read_feed_tables(connection)
    assert tables.stop_times.select("trip_id", "stop_sequence", "stop_id", "departure_time").rows() == [
        ("a:t1", 1, "a:gare", 25_200),
        ("a:t1", 2, "a:mairie", 25_560),
        ("a:t1", 3, "a:lac", 26_400),
        ("a:t2", 1, "a:lac", 96_000),
        ("a:t2", 2, "a:gare", 97_140),
        ("b:t1", 7, "b:lac", 28_800),
        ("b:t1", 8, "b:mairie", None),  # not invented here
        ("b:t1", 9, "b:gare", 32_400),
    ]
    assert tables.services.filter(service_id="a:week").height == 44
    assert set(tables.routes["agency_id"]) == {"a:A", "b:A"}
    # the same place in two feeds is one station
    stations = dict(tables.stops.select("stop_id", "station_id").rows())
    assert stations["a:gare"] == stations["b:gare"]
    assert stations["a:gare"] != stations["a:mairie"]


def test_every_file_is_stored_typed_and_the_unknown_is_kept(load: Load, ask: Ask) -> None:
    report = load(
        areas="area_id,area_name\ncentre,Centre",
        stop_areas="area_id,stop_id\ncentre,gare",
        networks="network_id,network_name\nurban,Urban",
        route_networks="network_id,route_id\nurban,1",
        rider_categories="rider_category_id,rider_category_name,is_default_fare_category\nadult,Adult,1",
        fare_media="fare_media_id,fare_media_name,fare_media_type\ncash,Cash,0",
        fare_products="fare_product_id,fare_product_name,fare_media_id,amount,currency\none,Single,cash,1.50,EUR",
        timeframes="timeframe_group_id,start_time,end_time,service_id\nday,06:00:00,24:00:00,week",
        fare_leg_rules="leg_group_id,network_id,from_area_id,from_timeframe_group_id,fare_product_id\nl,urban,centre,day,one",
        fare_leg_join_rules="from_network_id,to_network_id\nurban,urban",
        fare_transfer_rules="from_leg_group_id,to_leg_group_id,transfer_count,fare_transfer_type\nl,l,-1,0",
        fare_attributes="fare_id,price,currency_type,payment_method,transfers\nf,1.5,EUR,0,",
        fare_rules="fare_id,route_id\nf,1",
        shapes="shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\ns,47.49,4.33,1\ns,47.48,4.36,2",
        frequencies="trip_id,start_time,end_time,headway_secs\nt1,06:00:00,09:00:00,600",
        transfers="from_stop_id,to_stop_id,transfer_type,min_transfer_time\ngare,mairie,2,300",
        levels="level_id,level_index,level_name\nstreet,0,Street",
        pathways="pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional\np,gare,mairie,1,1",
        location_groups="location_group_id,location_group_name\ng,Group",
        location_group_stops="location_group_id,stop_id\ng,gare",
        booking_rules="booking_rule_id,booking_type,prior_notice_last_day,prior_notice_last_time\nb,2,1,12:30:00",
        translations="table_name,field_name,language,translation,record_id\nstops,stop_name,en,Station,gare",
        attributions="organization_name,is_operator\nTown,1",
        calendar_dates="service_id,date,exception_type\nweek,20261225,2",
        locations=ZONE,
        notes="note_id,note\n1,kept",
        stops="stop_id,stop_name,stop_lat,stop_lon,lit\ngare,Gare,47.4906,4.3347,yes\nmairie,Mairie,47.4951,4.3300,\n"
        "lac,Lac,47.48,4.36,no",
    )  # fmt: skip
    assert report.status == "active", report.as_text()
    for file in FILES:
        assert report.counts[file.filename] > 0, file.filename
    assert report.counts["locations.geojson"] == 1
    assert ask("SELECT extra FROM stops ORDER BY stop_id") == [({"lit": "yes"},), ({"lit": "no"},), (None,)]
    assert ask("SELECT file, content FROM raw_rows") == [("notes.txt", {"note": "kept", "note_id": "1"})]
    assert ask("SELECT prior_notice_last_time FROM booking_rules") == [(45_000,)]
    assert ask("SELECT amount::text FROM fare_products") == [("1.50",)]
    assert ask("SELECT ST_NPoints(geom) FROM shape_lines") == [(2,)]
    assert ask("SELECT ST_GeometryType(geom) FROM locations") == [("ST_Polygon",)]


ZONE = b"""{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "zone",
 "properties": {"stop_name": "Zone"},
 "geometry": {"type": "Polygon", "coordinates": [[[4.3, 47.4], [4.4, 47.4], [4.4, 47.5], [4.3, 47.4]]]}}]}"""


def test_the_tables_have_the_columns_of_the_specification(ask: Ask) -> None:
    kinds = {
        "text": "text",
        "integer": "int4",
        "double precision": "float8",
        "numeric": "numeric",
        "smallint": "int2",
        "date": "date",
    }
    for file in FILES:
        rows = dict(
            ask(f"SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = '{file.name}'")
        )
        for column in file.columns:
            assert rows[column.name] == kinds[SQL_TYPES.get(column.kind, "text")], (file.name, column.name)


# ── found ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_classes_are_those_of_the_importing_table(test_data: Path) -> None:
    table = test_data.parent / "schemas/gtfs/import_classes.csv"
    if not table.exists():
        pytest.skip(f"no importing table at {table}")
    classes = {row["code"]: row["import_action"] for row in csv.DictReader(table.read_text().splitlines())}
    assert {code: rule.class_.value for code, rule in RULES.items()} == {code: classes.get(code) for code in RULES}


def test_a_finding_names_file_line_value_rule_and_remedy(judge: Load) -> None:
    report = judge(routes="route_id,agency_id,route_short_name,route_type,route_color\n1,A,1,3,blue")
    (finding,) = [one for one in report.findings if one.code == "invalid_color"]
    assert finding.as_json() == {
        "class": "repair",
        "code": "invalid_color",
        "file": "routes.txt",
        "line": 2,
        "value": "blue",
        "rule": RULES["invalid_color"].sentence,
        "remedy": RULES["invalid_color"].remedy,
    }


def test_many_of_a_kind_are_counted(judge: Load) -> None:
    rows = "".join(f"s{number},Stop,47.5,4.{number}\n" for number in range(10, 40))
    report = judge(
        stops="stop_id,stop_name,stop_lat,stop_lon\ngare,Gare,47.4,4.3\nmairie,M,47.41,4.31\nlac,L,47.42,4.32\n" + rows
    )
    unserved = [finding for finding in report.findings if finding.code == "stop_without_stop_time"]
    assert len(unserved) == 6
    assert unserved[-1].value == "30 in all, of which 5 are listed"
    assert report.totals["stop_without_stop_time"] == 30


STOP_TIMES = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
GOOD = "t2,08:00:00,08:00:00,gare,1\nt2,08:10:00,08:10:00,lac,2\n"


@pytest.mark.parametrize(
    ("rows", "class_", "code", "left"),
    [
        ("t1,7:00:00,7:00:00,gare,1\nt1,7:05:00,7:05:00,lac,2\n", None, None, 4),
        ("t1,48:00:00,48:00:00,gare,1\nt1,48:15:00,48:15:00,lac,2\n", None, None, 4),
        ("t1,07:00:00,07:00:00,gare,1\nt1,06:00:00,06:00:00,lac,2\n",
         "reject_entity", "stop_time_with_arrival_before_previous_departure_time", 2),
        ("t1,07:00:00,07:00:00,gare,1\nt1,07:30:00,07:10:00,lac,2\n",
         "reject_entity", "start_and_end_range_out_of_order", 2),
        ("t1,,,gare,1\nt1,07:30:00,07:30:00,lac,2\n", "repair", "missing_trip_edge", 2),
        ("t1,07:00:00,07:00:00,gare,1\nt1,,,mairie,2\nt1,07:30:00,07:30:00,lac,3\n", None, None, 5),
        ("t1,07:00:00,,gare,1\nt1,,07:30:00,lac,2\n", "repair", "stop_time_with_only_arrival_or_departure_time", 4),
        ("t1,07:00:00,07:00:00,gare,1\nt1,07:30:00,07:30:00,nowhere,2\n", "reject_entity", "foreign_key_violation", 2),
        ("t1,07:00:00,07:00:00,gare,1\nt1,seven,07:30:00,lac,2\n", "reject_entity", "invalid_time", 2),
        ("t1,07:00:00,07:00:00,gare,1\nt1,07:70:00,07:30:00,lac,2\n", "reject_entity", "invalid_time", 2),
        ("t1,07:00:00,07:00:00,gare,one\nt1,07:30:00,07:30:00,lac,2\n", "reject_entity", "invalid_integer", 2),
        ("t1,07:00:00,07:00:00,gare,-1\nt1,07:30:00,07:30:00,lac,2\n", "reject_entity", "number_out_of_range", 2),
        ("t1,07:00:00,07:00:00,gare,\nt1,07:30:00,07:30:00,lac,2\n", "reject_entity", "missing_required_field", 2),
        ("t1,07:00:00,07:00:00,gare,1\nt1,07:00:00,07:00:00,gare,1\nt1,07:30:00,07:30:00,lac,2\n",
         "reject_entity", "duplicate_key", 4),
        ("t1,07:30:00,07:30:00,lac,2\nt1,07:00:00,07:00:00,gare,1\n", "repair", "unsorted_stop_times", 4),
        ("t1,07:00:00,07:00:00,gare,1\n", "reject_entity", "unusable_trip", 3),
        ("ghost,07:00:00,07:00:00,gare,1\n", "reject_entity", "foreign_key_violation", 2),
        ("", "repair", "unused_trip", 2),
        (" t1 ,07:00:00,07:00:00, gare,1\nt1,07:30:00,07:30:00,lac ,2\n",
         "repair", "leading_or_trailing_whitespaces", 4),
        ("t1,07:00:00,07:00:00,gare,1\n\nt1,07:30:00,07:30:00,lac,2\n", "repair", "empty_row", 4),
        ("t1,07:00:00,07:00:00,gare,1,,\nt1,07:30:00,07:30:00,lac,2\n", "repair", "invalid_row_length", 4),
        ("t1,07:00:00,07:00:00,gare,1\nt1,07:01:00,07:01:00,paris,2\n",
         "warn", "fast_travel_between_consecutive_stops", 4),
    ],
)  # fmt: skip
def test_stop_times(judge: Load, rows: str, class_: str, code: str, left: int) -> None:
    stops = "stop_id,stop_name,stop_lat,stop_lon\ngare,Gare,47.4906,4.3347\nmairie,M,47.4951,4.33\n"
    stops += "lac,L,47.48,4.36\nparis,P,48.85,2.35\n"
    report = judge(stops=stops, stop_times=STOP_TIMES + GOOD + rows)
    assert report.status == "active"
    assert report.counts["stop_times.txt"] == left
    judged = {one for one in found(report) if one[1] not in {"missing_recommended_file", "stop_without_stop_time"}}
    if code:
        assert (class_, code) in judged
    else:
        assert judged == set()


@pytest.mark.parametrize(
    ("changes", "class_", "code"),
    [
        ({"agency": "agency_name,agency_url,agency_timezone\nT,https://t.example,Europe/Nowhere"},
         "reject_feed", "invalid_timezone"),
        ({"agency": "agency_name,agency_url,agency_timezone"}, "reject_feed", "invalid_timezone"),
        ({"agency": "agency_id,agency_name,agency_url,agency_timezone\nA,T,https://t.example,Europe/Paris\n"
          "B,U,https://t.example,Europe/Berlin"}, "reject_feed", "inconsistent_agency_timezone"),
        ({"calendar": None}, "reject_feed", "missing_calendar_and_calendar_date_files"),
        ({"calendar": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date"},
         "reject_feed", "NoCalendar"),
        ({"stops": None}, "reject_feed", "missing_required_file"),
        ({"trips": b""}, "reject_feed", "empty_file"),
        ({"trips": "route_id,trip_id\n1,t1"}, "reject_feed", "missing_required_column"),
        ({"trips": "route_id,service_id,trip_id,trip_id\n1,week,t1,t1"}, "reject_feed", "duplicated_column"),
        ({"trips": "route_id,service_id,,trip_id\n1,week,,t1"}, "reject_feed", "empty_column_name"),
        ({"locations": b"{"}, "reject_feed", "malformed_json"),
        ({"locations": b"[]"}, "reject_feed", "unsupported_geo_json_type"),
        ({"trips": "route_id,service_id,trip_id\n1,never,t1"}, "reject_feed", "UnloadableModel"),
        ({"locations": ZONE.replace(b"Polygon", b"LineString")}, "reject_entity", "unsupported_geometry_type"),
        ({"locations": ZONE.replace(b"[4.4, 47.4], ", b"")}, "reject_entity", "invalid_geometry"),
        ({"calendar_dates": "service_id,date,exception_type\nweek,20260230,1"}, "reject_entity", "invalid_date"),
        ({"routes": "route_id,agency_id,route_short_name,route_type\n1,A,1,3\n2,A,,3"},
         "reject_entity", "route_both_short_and_long_name_missing"),
        ({"frequencies": "trip_id,start_time,end_time,headway_secs\nt1,06:00:00,08:00:00,600\n"
          "t1,07:00:00,09:00:00,600"},
         "repair", "overlapping_frequency"),
        ({"booking_rules": "booking_rule_id,booking_type\nb,2"}, "reject_entity", "missing_prior_notice_last_day"),
        ({"booking_rules": "booking_rule_id,booking_type,prior_notice_duration_min\nb,0,5"},
         "reject_entity", "forbidden_real_time_booking_field_value"),
        ({"fare_attributes": "fare_id,price,currency_type,payment_method\nf,1,XYZ,0"},
         "reject_entity", "invalid_currency"),
        ({"transfers": "from_stop_id,to_stop_id\ngare,nowhere"}, "reject_entity", "foreign_key_violation"),
        ({"routes": "route_id,agency_id,route_short_name,route_type\n1,A,1,99"}, "repair", "unexpected_enum_value"),
        ({"shapes": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\ns,47,4,1"}, "repair", "single_shape_point"),
        ({"shapes": "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\ns,47.4906,4.3347,1\ns,47.48,4.36,2",
          "trips": "route_id,service_id,trip_id,shape_id\n1,week,t1,s\n1,week,t2,"},
         "warn", "stop_too_far_from_shape"),
        ({"notes": "a,b\n1,2"}, "repair", "unknown_file"),
    ],
)  # fmt: skip
def test_findings(judge: Load, changes: dict[str, str | bytes | None], class_: str, code: str) -> None:
    report = judge(**changes)
    assert (class_, code) in found(report)
    assert (report.status == "rejected") == (class_ == "reject_feed")


def test_a_feed_without_calendar_txt_is_fine(judge: Load) -> None:
    report = judge(calendar=None, calendar_dates="service_id,date,exception_type\nweek,20261124,1", feed_info=None)
    assert report.status == "active"


def test_zones_of_drafts_are_read_as_today(load: Load, ask: Ask) -> None:
    report = load(
        locations=ZONE,
        location_groups="location_group_id,location_id,location_group_name\ng,gare,Group\ng,lac,",
        stop_times="trip_id,arrival_time,departure_time,stop_id,stop_sequence,start_pickup_dropoff_window,"
        "end_pickup_dropoff_window,pickup_type,drop_off_type\nt1,,,zone,1,08:00:00,10:00:00,2,2\nt1,,,zone,2,08:00:00,10:00:00,2,2\n"
        "t2,,,g,1,08:00:00,10:00:00,2,2\nt2,,,g,2,08:00:00,10:00:00,2,2",
    )  # fmt: skip
    assert report.status == "active", report.as_text()
    assert ask(
        "SELECT trip_id, stop_id, location_id, location_group_id, end_pickup_drop_off_window FROM stop_times"
    ) == [
        ("t1", None, "zone", None, 36_000),
        ("t1", None, "zone", None, 36_000),
        ("t2", None, None, "g", 36_000),
        ("t2", None, None, "g", 36_000),
    ]
    assert ask("SELECT stop_id FROM location_group_stops ORDER BY 1") == [("gare",), ("lac",)]


# ── versions ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_content_is_unchanged_however_it_is_packed(load: Load, database_url: str, tmp_path: Path) -> None:
    first = load()
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in files().items():
        (folder / name).write_bytes(content)
    again = load_gtfs(folder, "town", database_url, now=NOW)
    assert (again.status, again.version) == ("unchanged", first.version)


def test_a_rejected_feed_leaves_the_active_version_and_keeps_its_report(
    load: Load, ask: Ask, database_url: str
) -> None:
    first = load()
    second = load(agency=None)
    assert second.status == "rejected"
    assert ask("SELECT active_version FROM feed") == [(first.version,)]
    assert ask("SELECT count(*) FROM stop_times") == [(5,)]
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        assert store.get_report(connection, "town", second.version).status == "rejected"


def test_a_load_that_dies_leaves_nothing(load: Load, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    tables = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'mobigo'::regnamespace"
    before = ask(tables)
    with monkeypatch.context() as broken:
        broken.setattr(store, "activate", lambda *_: 1 / 0)
        report = load(trips="route_id,service_id,trip_id\n1,week,t1")
    assert found(report) >= {("reject_feed", "runtime_exception_in_loader_error")}
    assert ask(tables) == before
    assert ask("SELECT status FROM feed_version ORDER BY id") == [("loaded",), ("rejected",)]
    assert ask("SELECT count(*) FROM trips") == [(2,)]


def test_roll_back_and_forth(load: Load, ask: Ask, database_url: str) -> None:
    first = load()
    second = load(trips="route_id,service_id,trip_id\n1,week,t1")
    assert roll_back(database_url, "town", now=NOW).id == first.version
    assert ask("SELECT count(*) FROM trips JOIN feed ON active_version = version_id") == [(2,)]
    with pytest.raises(NotFound, match="no earlier version"):
        roll_back(database_url, "town", now=NOW)
    assert roll_back(database_url, "town", now=NOW, to=second.version).id == second.version
    with pytest.raises(NotFound, match="no feed"):
        roll_back(database_url, "village", now=NOW)


def test_old_versions_are_pruned(load: Load, ask: Ask) -> None:
    for number in range(5):
        load(feed_info=f"feed_publisher_name,feed_publisher_url,feed_lang\nTown {number},https://town.example,fr")
    assert ask("SELECT status FROM feed_version ORDER BY id") == [("retired",), ("retired",), *[("loaded",)] * 3]
    assert ask("SELECT DISTINCT version_id FROM stop_times_compact ORDER BY 1") == [(3,), (4,), (5,)]
    assert ask("SELECT DISTINCT version_id FROM stops ORDER BY 1") == [(3,), (4,), (5,)]


def test_two_loads_of_one_source_do_not_meet(load: Load, database_url: str) -> None:
    with psycopg.connect(libpq_conninfo(database_url), autocommit=True) as other, store.feed_locked(other, "town"):
        with pytest.raises(Conflict, match="being loaded"):
            load()
        assert load("village").status == "active"


@pytest.mark.parametrize("source", ["", "a:b", "a b", "x" * 61])
def test_a_source_must_be_a_name(load: Load, source: str) -> None:
    with pytest.raises(InvalidInput):
        load(source)


# ── shifted ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_dates_shift_by_whole_weeks_to_the_busiest_week(load: Load, ask: Ask) -> None:
    calendar = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    calendar += "week,1,1,1,1,1,0,0,20160101,20160131"
    dates = "service_id,date,exception_type\nweek,20160106,2"
    report = load(calendar=calendar, calendar_dates=dates, shift_to=parse_week("2026-W48"))
    # 4 to 8 January lost a day, so the week of 11 January 2016 becomes that of 23 November 2026
    assert report.notes == (
        "service shifted by 567 weeks: its busiest week, of 2016-01-11, is now the week of 2026-11-23",
    )
    assert ask("SELECT start_date, end_date FROM calendar") == [(date(2026, 11, 13), date(2026, 12, 13))]
    assert ask("SELECT date FROM calendar_dates") == [(date(2026, 11, 18),)]
    assert load(calendar=calendar, calendar_dates=dates).status == "active"
    assert load(calendar=calendar, calendar_dates=dates, shift_to=parse_week("2026-11-23")).status == "active"


def test_dates_shift_without_a_calendar_file(load: Load, ask: Ask) -> None:
    dates = "service_id,date,exception_type\nweek,20160104,1\nweek,20160112,1\nweek,20160113,1"
    report = load(calendar=None, calendar_dates=dates, feed_info=None, shift_to=parse_week("2026-W48"))
    assert report.status == "active"
    assert "expired_calendar" not in report.totals
    assert [row[0].isoformat() for row in ask("SELECT date FROM calendar_dates ORDER BY 1")] == [
        "2026-11-16",
        "2026-11-24",
        "2026-11-25",
    ]


def test_a_week_is_read_by_number_or_by_a_day() -> None:
    assert parse_week("2026-W48") == parse_week("2026-11-25") == date(2026, 11, 23)
    with pytest.raises(InvalidInput):
        parse_week("2026-W60")


# ── stations ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_shared_station_keeps_its_id_and_tells_when_it_changes(load: Load, ask: Ask) -> None:
    load("b")
    load("c")
    assert ask("SELECT stop_id, station_id FROM station_stop WHERE stop_id LIKE '%gare'") == [
        ("b:gare", "b:gare"),
        ("c:gare", "b:gare"),
    ]
    load("a")  # sorts before, yet the station keeps its id
    assert ask("SELECT DISTINCT station_id FROM station_stop WHERE stop_id LIKE '%gare'") == [("b:gare",)]
    load("b", stops=text("""
        stop_id,stop_name,stop_lat,stop_lon
        gare2,Gare,47.4906,4.3347
        mairie,Mairie,47.4951,4.3300
        lac,Lac,47.4800,4.3600
    """), stop_times=STOP_TIMES + GOOD.replace("gare", "gare2"))  # fmt: skip
    assert ask("SELECT DISTINCT station_id FROM station_stop WHERE stop_id LIKE '%gare'") == [("a:gare",)]
    assert ask("SELECT old_station_id, new_station_id FROM station_renamed") == [("b:gare", "a:gare")]


@pytest.mark.parametrize(("lat", "name", "joined"), [
    (47.4906, "Gare", True),       # the same
    (47.4915, "GARE", True),       # 100 m away, the name spelt otherwise
    (47.4925, "Gare", False),      # 211 m away
    (47.4915, "Poste", False),     # another name
    (47.49061, "Poste", True),     # another name at the very same place
])  # fmt: skip
def test_stops_of_different_feeds_form_a_station(load: Load, ask: Ask, lat: float, name: str, joined: bool) -> None:  # noqa: FBT001
    load("a")
    load("b", stops=f"stop_id,stop_name,stop_lat,stop_lon\ngare,{name},{lat},4.3347\nmairie,M,40,4\nlac,L,41,4")
    assert bool(ask("SELECT 1 FROM station_stop WHERE stop_id = 'b:gare'")) == joined
