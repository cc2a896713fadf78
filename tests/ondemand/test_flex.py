"""GTFS-Flex in and out: four real feeds, a feed as text, and feeds that mean harm."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import gtfs_guru
import psycopg
import pytest
from tests.conftest import new_database
from tests.feed_text import pack, withdraw
from tests.ondemand.flex_text import SQUARE, files

from mobigo.cli.region import data_folder
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, NotFound
from mobigo.kit.geo import Point
from mobigo.ondemand.catalogue import build_catalogue, find_revision, read_catalogue
from mobigo.ondemand.checking import keep_sound
from mobigo.ondemand.documents import ServiceBody, to_document, to_service
from mobigo.ondemand.flex_apart import tell_apart
from mobigo.ondemand.flex_read import map_same_area
from mobigo.ondemand.flex_write import write_flex
from mobigo.ondemand.model import BookingType, Call, PlaceKind, Promise, ServiceKind, Spot
from mobigo.ondemand.rules import pickup_window
from mobigo.transit.flex_store import read_accompanying
from mobigo.transit.load import load_gtfs
from mobigo.transit.store import read_feed_tables
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.model import Service
    from mobigo.transit.report import LoadReport

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

DAILY = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"

FEEDS = ("aspen", "bbnavi-brandenburg", "brown-county", "cobblinc-deviated")


class Shelf:
    """A database that feeds are loaded into and their services read from."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    def load(self, path: Path, source: str) -> LoadReport:
        return load_gtfs(path, source, self.url, now=NOW)

    def load_text(self, source: str = "valley", contents: dict[str, bytes] | None = None) -> LoadReport:
        return self.load(pack(self.folder / f"{source}.zip", contents or files()), source)

    def read(self, before: Catalogue | None = None) -> Catalogue:
        with psycopg.connect(libpq_conninfo(self.url)) as connection:
            return read_catalogue(connection, before)

    def services(self, source: str) -> list[Service]:
        return [one for one in self.read().services.values() if one.id.startswith(f"{source}:")]

    def export(self, source: str) -> Path:
        path = self.folder / f"{source}-export.zip"
        with psycopg.connect(libpq_conninfo(self.url)) as connection:
            path.write_bytes(write_flex(self.services(source), read_accompanying(connection, source)))
        return path


@pytest.fixture(scope="module")
def database(test_cluster: str) -> Iterator[str]:
    with new_database(test_cluster) as url:
        yield url


@pytest.fixture
def shelf(database: str, tmp_path: Path) -> Iterator[Shelf]:
    yield Shelf(database, tmp_path)
    withdraw(database)


def brown(test_data: Path, folder: Path) -> Path:
    """The feed without a calendar, with one."""
    with zipfile.ZipFile(test_data / "flex" / "brown-county.gtfs.zip") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    services = {line.split(",")[1] for line in contents["trips.txt"].decode().splitlines()[1:]}
    rows = "".join(f"{service},1,1,1,1,1,0,0,20231003,20241001\n" for service in sorted(services))
    return pack(folder / "brown.zip", {**contents, "calendar.txt": (DAILY + rows).encode()})


def feed(name: str, test_data: Path, folder: Path) -> Path:
    return brown(test_data, folder) if name == "brown-county" else test_data / "flex" / f"{name}.gtfs.zip"


# ── four real feeds ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_feed_without_a_calendar_is_rejected_with_that_reason(shelf: Shelf, test_data: Path) -> None:
    report = shelf.load(test_data / "flex" / "brown-county.gtfs.zip", "brown")
    assert report.status == "rejected"
    assert "missing_calendar_and_calendar_date_files" in {one.code for one in report.findings}
    assert shelf.services("brown") == []


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("aspen", {"17102": ServiceKind.DOOR_TO_DOOR}),
        ("bbnavi-brandenburg", {f"flex-{n}": ServiceKind.STOP_TO_STOP for n in (476, 477, 478, 487, 488)}),
        ("brown-county", {"74362": ServiceKind.DOOR_TO_DOOR, "74513": ServiceKind.ZONE_TO_STOPS}),
        ("cobblinc-deviated", dict.fromkeys(("090z", "aamr", "po0p"), ServiceKind.ZONE_TO_STOPS)),
    ],
)
def test_each_real_feed_becomes_services_that_can_be_ridden(
    shelf: Shelf, test_data: Path, tmp_path: Path, name: str, kinds: dict[str, ServiceKind]
) -> None:
    assert shelf.load(feed(name, test_data, tmp_path), name).status == "active"
    catalogue = shelf.read()
    assert catalogue.faults == {}
    assert {one.id.partition(":")[2]: one.kind for one in catalogue.services.values()} == kinds
    for service in catalogue.services.values():
        ridden = {ride.trip.id for ride in catalogue.rides(service.id)}
        assert ridden == {trip.id for trip in service.trips}
        rules = {ride.pickup.pickup_rule or ride.drop_off.drop_off_rule for ride in catalogue.rides(service.id)}
        assert rules <= service.rules.keys()


@pytest.mark.parametrize("name", FEEDS)
def test_a_real_feed_exported_and_imported_again_is_the_same(
    shelf: Shelf, test_data: Path, tmp_path: Path, name: str
) -> None:
    shelf.load(feed(name, test_data, tmp_path), name)
    before = shelf.services(name)
    exported = shelf.export(name)
    report = shelf.load(exported, name)
    assert report.status == "active"
    assert not [one for one in report.findings if one.class_.value.startswith("reject")]
    assert shelf.services(name) == before
    assert shelf.export(name).read_bytes() == exported.read_bytes()


@pytest.mark.parametrize("name", FEEDS)
def test_what_no_trip_uses_of_a_feed_on_demand_is_not_lost(
    shelf: Shelf, test_data: Path, tmp_path: Path, name: str
) -> None:
    first = shelf.load(feed(name, test_data, tmp_path), name).counts
    again = shelf.load(shelf.export(name), name).counts
    mapped = "stop_times.txt"  # one record becomes two
    assert {file: n for file, n in first.items() if n and file != mapped} == {
        file: n for file, n in again.items() if n and file != mapped
    }


@pytest.mark.parametrize("name", FEEDS)
def test_an_exported_feed_is_no_worse_for_the_outside_validator(
    shelf: Shelf, test_data: Path, tmp_path: Path, name: str
) -> None:
    path = feed(name, test_data, tmp_path)
    shelf.load(path, name)
    own = {one.code for one in gtfs_guru.validate(str(path), country_code="US", date="2023-12-01").errors()}
    errors = gtfs_guru.validate(str(shelf.export(name)), country_code="US", date="2023-12-01").errors()
    assert {one.code for one in errors} <= own & {"block_trips_with_overlapping_stop_times"}


def test_the_draft_of_aspen_is_read_as_the_adopted_words(shelf: Shelf, test_data: Path) -> None:
    shelf.load(test_data / "flex" / "aspen.gtfs.zip", "aspen")
    (service,) = shelf.services("aspen")
    for trip in service.trips:
        assert [(call.kind, call.place, call.sequence) for call in trip.calls] == [
            (PlaceKind.ZONE, "area_294", 1),
            (PlaceKind.ZONE, "area_294", 2),
        ]
        assert [(call.pickup_type, call.drop_off_type) for call in trip.calls] == [(2, 1), (1, 2)]
        assert (trip.safe_factor, trip.safe_offset) == (1, 20 * 60)
        assert not {"safe_duration_factor", "safe_duration_offset"} & trip.calls[0].fields.keys()
    assert {"continuous_pickup", "continuous_drop_off"}.isdisjoint(service.route)


def test_groups_in_stop_id_with_their_members_in_one_table_become_groups(shelf: Shelf, test_data: Path) -> None:
    shelf.load(test_data / "flex" / "bbnavi-brandenburg.gtfs.zip", "bb")
    catalogue = shelf.read()
    service = catalogue.get("bb:flex-487")
    (group,) = service.groups.values()
    assert (group.id, len(group.stop_ids)) == ("flex-487-stops", 71)
    (ride,) = catalogue.rides(service.id)
    assert (ride.pickup.window_start, ride.pickup.window_end) == (8 * 3600, 20 * 3600)
    rule = service.rules[ride.pickup.pickup_rule or ""]
    assert (rule.type, rule.duration_min) == (BookingType.SAME_DAY, 60)
    origin, destination = (
        Spot(service.stops[id_].name, service.stops[id_].point or Point(0, 0), f"bb:{id_}")
        for id_ in group.stop_ids[:2]
    )
    assert [one.service for one in catalogue.rides_between(origin, destination)].count("bb:flex-487") == 1


def test_a_deviated_line_can_be_ridden_between_zone_and_stops_and_within_the_zone(
    shelf: Shelf, test_data: Path
) -> None:
    shelf.load(test_data / "flex" / "cobblinc-deviated.gtfs.zip", "cobb")
    trip = shelf.read().get("cobb:090z").trips[0]
    calls = [(call.kind.value, call.place) for call in trip.calls]
    rides = {
        (calls[ride.start], calls[ride.end]) for ride in shelf.read().rides("cobb:090z") if ride.trip.id == trip.id
    }
    zone, first, last = ("zone", "zone_1"), calls[0], calls[-1]
    assert rides == {(first, zone), (zone, zone), (zone, last)}  # from stop to stop is the ordinary timetable's


# ── a feed as text ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_feed_says_who_dispatches_and_what_is_promised_in_our_file(shelf: Shelf) -> None:
    assert shelf.load_text().status == "active"
    service = shelf.read().get("valley:feeder")
    assert (service.kind, service.operator) == (ServiceKind.ZONE_TO_STOPS, "auxois")
    assert service.promise == Promise(pickup_window=900, ride_factor=1.8, fare_cents=250)
    assert shelf.read().get("valley:line").operator is None


def test_kinds_are_told_from_the_records(shelf: Shelf) -> None:
    shelf.load_text()
    kinds = {one.id: one.kind for one in shelf.services("valley")}
    assert kinds == {
        "valley:feeder": ServiceKind.ZONE_TO_STOPS,
        "valley:line": ServiceKind.VIRTUAL_LINE,
        "valley:points": ServiceKind.STOP_TO_STOP,
    }


def test_what_gtfs_can_and_cannot_say_survives_the_round_trip(shelf: Shelf) -> None:
    shelf.load_text()
    before = shelf.services("valley")
    line = next(one for one in before if one.id == "valley:line")
    assert line.shapes["road"][2] == (4.5, 47.6, 20000.5)
    assert line.calendars["week"].removed == {date(2026, 12, 25)}
    exported = shelf.export("valley")
    assert gtfs_guru.validate(str(exported), country_code="FR", date="2026-11-22").errors() == []
    shelf.load(exported, "valley")
    assert shelf.services("valley") == before


def test_a_service_is_the_same_through_its_document(shelf: Shelf) -> None:
    shelf.load_text()
    for service in shelf.services("valley"):
        document = to_document(service).model_dump(mode="json")
        assert to_service(service.id, ServiceBody.model_validate(document)) == service


def test_lookups_by_point_and_stop(shelf: Shelf) -> None:
    shelf.load_text()
    catalogue = shelf.read()
    edge, outside = Point(4.30, 47.50), Point(4.29, 47.50)
    assert catalogue.services_at(edge) == ("valley:feeder",)
    assert catalogue.services_at(outside) == ()
    assert catalogue.services_of_stop("valley:lac") == ("valley:line", "valley:points")
    farm, station = Spot("Ferme", Point(4.35, 47.47)), Spot("Gare", Point(4.3347, 47.4906), "valley:gare")
    there = catalogue.rides_between(farm, station)
    assert {ride.trip.id for ride in there} == {"to_station"}
    assert {ride.trip.id for ride in catalogue.rides_between(station, farm)} == {"from_station"}


def test_trips_of_fixed_times_that_must_be_booked_are_known_by_the_timetables_id(shelf: Shelf) -> None:
    shelf.load_text()
    catalogue = shelf.read()
    assert {trip: service for trip, (service, _) in catalogue.booked_trips.items()} == {"valley:v1": "valley:line"}
    rides = [(ride.start, ride.end) for ride in catalogue.rides("valley:line")]
    assert rides == [(0, 1), (0, 2), (1, 2)]


def test_a_catalogue_is_read_again_only_where_feeds_changed(shelf: Shelf) -> None:
    shelf.load_text("one")
    first = shelf.read()
    shelf.load_text("two")
    second = shelf.read(first)
    assert second.revision != first.revision
    taken = next(key for key in second.feeds if key[0] == "one")
    assert second.feeds[taken] is first.feeds[taken]
    with psycopg.connect(libpq_conninfo(shelf.url)) as connection:
        assert find_revision(connection) == second.revision
        assert read_catalogue(connection, second) is second


def test_only_what_is_exported_goes_with_an_export(shelf: Shelf) -> None:
    extra = {
        "fare_attributes": """
            fare_id,price,currency_type,payment_method,transfers
            ticket,2.50,EUR,0,0
        """,
        "fare_rules": """
            fare_id,route_id,origin_id,destination_id
            ticket,feeder,,
            ticket,ordinary,,
            ticket,,Z,Y
        """,
    }
    shelf.load_text(contents=files(**extra))
    with zipfile.ZipFile(shelf.export("valley")) as archive:
        rules = archive.read("fare_rules.txt").decode().splitlines()
        trips = archive.read("trips.txt").decode()
    assert rules == ["fare_id,route_id,origin_id,destination_id", "ticket,,Z,Y", "ticket,feeder,,"]
    assert "o1" not in trips


def test_nothing_to_export_is_said() -> None:
    with pytest.raises(NotFound):
        write_flex([])


def test_what_two_services_call_by_one_id_is_told_apart_in_an_export(shelf: Shelf) -> None:
    shelf.load_text()
    feeder, line, points = shelf.services("valley")
    week = replace(line.calendars["week"], removed=frozenset({date(2027, 1, 1)}))
    lake = replace(line.stops["lac"], point=Point(4.3601, 47.48))
    changed = replace(line, calendars={**line.calendars, "week": week}, stops={**line.stops, "lac": lake})
    apart = tell_apart([points, feeder, changed])
    assert apart[:2] == [points, feeder]
    assert (set(apart[2].calendars), apart[2].trips[0].calendar) == ({"open", "week.line"}, "week.line")
    assert [call.place for call in apart[2].trips[0].calls] == ["mairie", "lac.line", "ville"]
    assert apart[2].stops["lac.line"].same_as == "valley:lac"
    path = shelf.folder / "apart.zip"
    path.write_bytes(write_flex([points, feeder, changed]))
    assert gtfs_guru.validate(str(path), country_code="FR", date="2026-11-22").errors() == []
    shelf.load(path, "valley")
    assert sorted(apart, key=lambda one: one.id) == shelf.services("valley")


def test_what_refers_to_something_renamed_is_renamed_too(shelf: Shelf) -> None:
    shelf.load_text()
    line = next(one for one in shelf.services("valley") if one.id == "valley:line")
    open_days = replace(line.calendars["open"], removed=frozenset({date(2027, 1, 1)}))
    twin = replace(line, id="valley:twin", trips=(replace(line.trips[0], id="v2"),))
    twin = replace(twin, calendars={**twin.calendars, "open": open_days})
    _, renamed = tell_apart([line, twin])
    assert {rule.id: rule.service_id for rule in renamed.rules.values()} == {"eve.twin": "open.twin"}
    assert {call.pickup_rule for call in renamed.trips[0].calls} == {"eve.twin", None}
    assert tell_apart([line, renamed]) == [line, renamed]


def test_services_that_cannot_stand_in_one_feed_are_not_exported(shelf: Shelf) -> None:
    shelf.load_text()
    one, *_ = shelf.services("valley")
    with pytest.raises(Conflict, match="from_station"):
        write_flex([one, replace(one, id="valley:other")])
    with pytest.raises(Conflict, match="Europe/London"):
        write_flex([one, replace(one, id="valley:other", timezone="Europe/London", trips=())])


# ── stops on request ──────────────────────────────────────────────────────────────────────────────────────────────────

ON_REQUEST = """
    trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type,pickup_booking_rule_id,shape_dist_traveled,timepoint
    o1,1,mairie,07:00:00,07:00:00,,1,,0,1
    o1,2,lac,,,2,3,eve,3000,0
    o1,3,gare,,,2,3,eve,8000,0
    o1,4,ville,07:40:00,07:40:00,1,,,20000,1
    v1,1,lac,08:00:00,08:00:00,2,1,eve,,1
    v1,2,mairie,,,2,2,eve,,0
    v1,3,ville,08:40:00,08:40:00,1,2,,,1
"""


def test_a_stop_on_request_without_times_is_bookable_when_the_timetable_says_it_passes(shelf: Shelf) -> None:
    contents = files(stop_times=ON_REQUEST)
    assert shelf.load_text(contents=contents).status == "active"
    catalogue = shelf.read()
    assert catalogue.faults == {}
    ordinary = catalogue.get("valley:ordinary")
    assert [call.passes for call in ordinary.trips[0].calls] == [None, 7 * 3600 + 360, 7 * 3600 + 960, None]
    assert [(ride.start, ride.end) for ride in catalogue.rides(ordinary.id)] == [(1, 2), (1, 3), (2, 3)]
    assert pickup_window(ordinary, ordinary.trips[0].calls[1], date(2026, 11, 24)) == (
        (seven := int(datetime(2026, 11, 24, 6, 6, tzinfo=UTC).timestamp())),
        seven,
    )
    assert catalogue.asked_at_stop("valley:lac") == ("valley:line", "valley:ordinary")
    assert catalogue.asked_at_stop("valley:ville") == ("valley:line",)  # the ordinary one just stops there
    assert catalogue.services_of_stop("valley:ville") == ("valley:line", "valley:ordinary")

    with psycopg.connect(libpq_conninfo(shelf.url)) as connection:
        timetable = build(read_feed_tables(connection))
    rows = {timetable.trip_ids.at(row): row for row in range(len(timetable.call_first) - 1)}
    for (trip,) in (catalogue.get(id_).trips for id_ in ("valley:ordinary", "valley:line")):
        row = rows[f"valley:{trip.id}"]
        calls = slice(timetable.call_first[row], timetable.call_first[row + 1])
        assert [call.leaves for call in trip.calls] == timetable.call_departure[calls].tolist()

    with zipfile.ZipFile(shelf.export("valley")) as archive:
        written = list(csv.DictReader(archive.read("stop_times.txt").decode().splitlines()))
    assert [one["stop_id"] for one in written if not one["departure_time"]] == ["lac", "gare", "mairie"]


def test_nobody_can_ride_where_no_time_is_known(shelf: Shelf) -> None:
    shelf.load_text()
    line = shelf.read().get("valley:line")
    first, middle, last = line.trips[0].calls
    open_ended = replace(middle, arrival=None, departure=None), replace(last, arrival=None, departure=None)
    kept, faults = keep_sound(replace(line, trips=(replace(line.trips[0], calls=(first, *open_ended)),)))
    assert kept is None
    assert [fault.code for fault in faults] == ["missing_stop_times_record"]


def test_the_lines_of_the_demonstration_are_sound(shelf: Shelf) -> None:
    shelf.load(data_folder("gtfs") / "demonstration", "demo")
    catalogue = shelf.read()
    assert catalogue.faults == {}
    assert {one.partition(":")[2] for one in catalogue.services} == {"120", "121", "122", "TAD", "TADV"}
    assert catalogue.asked_at_stop("demo:posanges")[0] == "demo:120"
    assert "demo:120" not in catalogue.asked_at_stop("demo:vitteaux")


# ── same zone, said with one record or with several ───────────────────────────────────────────────────────────────────


def call(sequence: int, place: str = "z", on: int | None = 2, off: int | None = 2, start: int = 0) -> Call:
    kind = PlaceKind.STOP if place.isupper() else PlaceKind.ZONE
    window = (None, None) if kind is PlaceKind.STOP else (start, start + 3600)
    time = 1800 if kind is PlaceKind.STOP else None
    return Call(kind, place, sequence, time, time, *window, on, off)


@pytest.mark.parametrize(
    ("records", "types"),
    [
        ([call(1)], [(1, 2, 1), (2, 1, 2)]),
        ([call(1), call(2)], [(1, 2, 1), (2, 1, 2)]),
        ([call(1), call(2), call(5)], [(1, 2, 1), (5, 1, 2)]),
        ([call(1, on=2, off=1), call(2, on=1, off=2)], [(1, 2, 1), (2, 1, 2)]),  # as adopted: nothing to do
        ([call(1), call(2, start=7200)], [(1, 2, 2), (2, 2, 2)]),  # other hours: other records
        ([call(1, "y"), call(2)], [(1, 2, 2), (2, 2, 2)]),
        ([call(0, "A", 0, 0), call(1), call(2), call(3, "B", 0, 0)], [(0, 0, 0), (1, 2, 1), (2, 1, 2), (3, 0, 0)]),
        ([call(0, "A", 0, 0), call(1)], [(0, 0, 0), (1, 2, 2)]),  # from the stop into the zone, and not within it
        ([call(1, on=1)], [(1, 1, 2)]),  # nobody gets on: nothing to say
    ],
)
def test_travel_within_one_zone_takes_two_records(records: list[Call], types: list[tuple[int, int, int]]) -> None:
    mapped = map_same_area(tuple(records))
    assert [(one.sequence, one.pickup_type, one.drop_off_type) for one in mapped] == types
    assert map_same_area(mapped) == mapped


# ── feeds and documents that mean harm ────────────────────────────────────────────────────────────────────────────────

BOW_TIE = [[4.30, 47.45], [4.40, 47.52], [4.40, 47.45], [4.30, 47.52], [4.30, 47.45]]
OFF_EARTH = [[4, 470], [5, 47], [5, 48], [4, 470]]


def test_a_zone_that_crosses_itself_takes_only_its_trips_with_it(shelf: Shelf) -> None:
    report = shelf.load_text(contents=files(zone=BOW_TIE))
    assert "invalid_geometry" in {one.code for one in report.findings}
    assert {one.id for one in shelf.services("valley")} == {"valley:line", "valley:points"}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("invalid_geometry", {"zones": {"zone": {"type": "Polygon", "coordinates": [BOW_TIE]}}}),
        ("invalid_geometry", {"zones": {"zone": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}}),
        (
            "invalid_geometry",
            {"zones": {"zone": {"type": "Polygon", "coordinates": [OFF_EARTH]}}},
        ),
        ("invalid_geometry", {"zones": {"zone": {"type": "Polygon", "coordinates": [[["a", 0]]]}}}),
        ("invalid_geometry", {"zones": {"zone": {"type": "Polygon", "coordinates": [[[float("nan"), 0]] * 4]}}}),
        ("invalid_geometry", {"zones": {"zone": {"type": "Polygon", "coordinates": []}}}),
        ("unsupported_geometry_type", {"zones": {"zone": {"type": "Point", "coordinates": [4, 47]}}}),
        ("invalid_timezone", {"timezone": "Europe/Semur"}),
        ("number_out_of_range", {"promise": Promise(ride_factor=0.5)}),
    ],
)
def test_what_is_broken_in_a_service_is_named_and_left_out(shelf: Shelf, code: str, change: dict[str, object]) -> None:
    shelf.load_text()
    service = shelf.read().get("valley:feeder")
    if "zones" in change:
        geometry = change["zones"]["zone"]  # type: ignore[index]
        change = {"zones": {"zone": replace(service.zones["zone"], geometry=geometry)}}
    kept, faults = keep_sound(replace(service, **change))  # type: ignore[arg-type]
    assert faults[0].code == code
    if "promise" in change:
        assert kept is not None
        assert kept.promise == Promise()
    else:
        assert kept is None
    catalogue = build_catalogue([replace(service, **change), shelf.read().get("valley:line")], "r")  # type: ignore[arg-type]
    assert "valley:line" in catalogue.services
    assert catalogue.faults["valley:feeder"] == faults


def test_a_feed_of_hostile_cells_never_breaks_the_catalogue(shelf: Shelf) -> None:
    contents = files(
        ondemand_services="""
            route_id,service_kind,operator_id,pickup_window,ride_factor,fare_cents,suspend_after
            feeder,nonsense,'; DROP TABLE feed; --,-5,nan,1e99,x
            line,virtual_line,,,,,
            unknown,door_to_door,x,1,1,1,1
        """
    )
    contents["ondemand_services.txt"] += b'points,"' + b"x" * 5000 + b'"\n'
    assert shelf.load_text(contents=contents).status == "active"
    catalogue = shelf.read()
    assert set(catalogue.services) == {"valley:feeder", "valley:line", "valley:points"}
    assert {one.code for one in catalogue.faults["valley:feeder"]} == {"number_out_of_range"}
    assert catalogue.get("valley:feeder").promise == Promise()


def test_an_export_is_a_zip_that_holds_no_strangers(shelf: Shelf) -> None:
    shelf.load_text()
    with zipfile.ZipFile(io.BytesIO(shelf.export("valley").read_bytes())) as archive:
        names = set(archive.namelist())
    assert {"stop_times.txt", "booking_rules.txt", "locations.geojson", "ondemand_services.txt"} <= names
    assert all("/" not in name for name in names)


def two_zones(*, hours: str, types: str) -> dict[str, bytes]:
    """The feed with a second zone that half covers the first, called at before it."""
    contents = files()
    collection = json.loads(contents["locations.geojson"])
    east = [[lon + 0.05, lat] for lon, lat in SQUARE]
    collection["features"].append(
        {"type": "Feature", "id": "east", "geometry": {"type": "Polygon", "coordinates": [east]}, "properties": {}}
    )
    contents["locations.geojson"] = json.dumps(collection).encode()
    rule = "two_hours," if types.startswith("2") else ",two_hours"
    contents["stop_times.txt"] += f"to_station,0,,,east,,,{hours},{types},{rule},\n".encode()
    return contents


@pytest.mark.parametrize(
    ("hours", "types", "kept"),
    [
        ("07:00:00,08:00:00", "2,1", False),
        ("05:00:00,06:00:00", "2,1", True),  # ends when the other begins
        ("07:00:00,08:00:00", "1,2", True),  # one to get on, the other to get off
    ],
)
def test_zones_of_a_trip_that_overlap_at_the_same_time_take_it_out(
    shelf: Shelf, hours: str, types: str, *, kept: bool
) -> None:
    report = shelf.load_text(contents=two_zones(hours=hours, types=types))
    found = {one.code for one in report.findings if one.class_.value == "reject_entity"}
    assert found == (set() if kept else {"overlapping_zone_and_pickup_drop_off_window"})
    (feeder,) = [one for one in shelf.services("valley") if one.id == "valley:feeder"]
    assert ("to_station" in {trip.id for trip in feeder.trips}) is kept


def test_our_own_file_is_no_stranger(shelf: Shelf) -> None:
    report = shelf.load_text()
    assert "unknown_file" not in {one.code for one in report.findings}


@pytest.mark.parametrize(
    ("types", "is_service"),
    [
        ("2,,", True),  # one gets on by arrangement only
        ("0,,", False),  # an ordinary trip; its last stop is by arrangement
        ("0,,two_hours", True),  # but where a booking rule says how, it is a service
    ],
)
def test_a_stop_by_arrangement_does_not_make_an_ordinary_line_a_service(
    shelf: Shelf, types: str, *, is_service: bool
) -> None:
    pickup, _, rule = types.split(",")
    contents = files()
    contents["stop_times.txt"] = contents["stop_times.txt"].replace(
        b"o1,1,mairie,,,07:00:00,07:00:00,,,,,,,1\no1,2,ville,,,07:40:00,07:40:00,,,,,,,1",
        f"o1,1,mairie,,,07:00:00,07:00:00,,,{pickup},1,,,1\no1,2,ville,,,07:40:00,07:40:00,,,1,2,,{rule},1".encode(),
    )
    shelf.load_text(contents=contents)
    assert ("valley:ordinary" in shelf.read().services) is is_service


def test_a_line_that_anybody_may_ride_stays_in_the_timetable_though_its_stop_on_request_has_no_time(
    shelf: Shelf,
) -> None:
    contents = files()
    contents["stop_times.txt"] = contents["stop_times.txt"].replace(
        b"o1,1,mairie,,,07:00:00,07:00:00,,,,,,,1\no1,2,ville,,,07:40:00,07:40:00,,,,,,,1",
        b"o1,1,mairie,,,07:00:00,07:00:00,,,,1,,,1\n"
        b"o1,2,gare,,,,,,,2,3,two_hours,,0\n"
        b"o1,3,ville,,,07:40:00,07:40:00,,,1,,,,1",
    )
    shelf.load_text(contents=contents)
    catalogue = shelf.read()
    assert catalogue.faults == {}
    assert catalogue.closed_trips == frozenset()
    assert [(ride.start, ride.end) for ride in catalogue.rides("valley:ordinary")] == [(1, 2)]
    again = build_catalogue(catalogue.services.values(), "again", catalogue.feeds)  # as trials of drafts do
    assert again.closed_trips == frozenset()


PRODUCTS = """
    fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency
    ride,Trajet,adult,,2.50,EUR
    ride,Trajet,young,,1.20,EUR
    other,Autre,,,9.00,EUR
"""
CATEGORIES = """
    rider_category_id,rider_category_name,is_default_fare_category
    adult,Adulte,1
    young,Jeune,0
"""
NETWORKS = {"networks": "network_id\n tad\n", "route_networks": "network_id,route_id\n tad,points\n"}
RULES = "network_id,from_area_id,fare_product_id"


@pytest.mark.parametrize(
    ("tables", "fare"),
    [
        ({"fare_leg_rules": f"{RULES}\n tad,,ride\n"}, ("ride", 250)),
        ({"fare_leg_rules": f"{RULES}\n ,,ride\n"}, ("ride", 250)),  # of all networks that no rule names
        ({"fare_leg_rules": f"{RULES}\n ,,other\n tad,,ride\n"}, ("ride", 250)),
        ({"fare_leg_rules": f"{RULES}\n tad,,ride\n tad,,other\n"}, (None, None)),  # several
        ({"fare_leg_rules": f"{RULES}\n tad,here,ride\n", "areas": "area_id\n here\n"}, (None, None)),  # by place
        ({"fare_leg_rules": f"{RULES}\n tad,,ride\n", "fare_products": PRODUCTS.replace("EUR", "CHF")}, ("ride", None)),
    ],
)
def test_a_feed_says_what_a_ride_costs_where_that_depends_on_the_route_only(
    shelf: Shelf, tables: dict[str, str], fare: tuple[str | None, int | None]
) -> None:
    changes = {**NETWORKS, "fare_products": PRODUCTS, "rider_categories": CATEGORIES, **tables}
    shelf.load_text(contents=files(**changes))
    promise = shelf.read().get("valley:points").promise
    assert (promise.fare, promise.fare_cents) == fare
    assert shelf.read().get("valley:feeder").promise.fare_cents == 250  # as our file says


@pytest.mark.parametrize(
    ("rules", "fare"),
    [
        ("ticket,points,,", ("ticket", 199)),
        ("ticket,points,Z,", (None, None)),
        ("ticket,ordinary,,", (None, None)),
        (None, ("ticket", 199)),
    ],
)
def test_fares_of_the_first_kind_are_read_too(
    shelf: Shelf, rules: str | None, fare: tuple[str | None, int | None]
) -> None:
    changes = {"fare_attributes": "fare_id,price,currency_type,payment_method,transfers\n ticket,1.99,EUR,0,0\n"}
    if rules:
        changes["fare_rules"] = f"fare_id,route_id,origin_id,destination_id\n {rules}\n"
    shelf.load_text(contents=files(**changes))
    promise = shelf.read().get("valley:points").promise
    assert (promise.fare, promise.fare_cents) == fare
