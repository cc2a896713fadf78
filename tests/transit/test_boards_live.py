"""Boards while live data change the day; what they show was worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.town import write_feed

from mobigo.transit import boards
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.live import CallRelation, CallUpdate, LiveFeed, Relation, TripUpdate
from mobigo.transit.overlay import lay_over
from mobigo.transit.printed import print_line
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

DAY = date(2026, 6, 10)
NOW = datetime(2026, 6, 10, 5, 30, tzinfo=UTC)
"""07:30 in Paris."""

TOWN = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\nA,A,https://a.example,Europe/Paris\n",
    "stops.txt": """
stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,platform_code
S,Station,47.0,4.0,1,,
S1,Station,47.0,4.0,0,S,1
S2,Station,47.0,4.001,0,S,2
X,X,47.1,4.0,0,,
Y,Y,47.2,4.0,0,,
Z,Z,47.3,4.0,0,,
""",
    "routes.txt": "route_id,agency_id,route_short_name,route_type\nR,A,R,2\nF,A,F,3\n",
    "trips.txt": "route_id,service_id,trip_id,direction_id\nR,d,a,0\nR,d,b,0\nF,d,f,0\n",
    "stop_times.txt": """
trip_id,arrival_time,departure_time,stop_id,stop_sequence
a,08:00:00,08:00:00,X,1
a,08:10:00,08:12:00,S1,2
a,08:20:00,08:20:00,Y,3
b,09:00:00,09:00:00,X,1
b,09:10:00,09:12:00,S1,2
b,09:20:00,09:20:00,Y,3
f,06:00:00,06:00:00,Y,1
f,06:10:00,06:10:00,Z,2
""",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "d,1,1,1,1,1,1,1,20260101,20261231\n",
    "frequencies.txt": "trip_id,start_time,end_time,headway_secs\nf,10:00:00,11:00:00,1200\n",
}


@pytest.fixture(scope="module")
def timetable(tmp_path_factory: pytest.TempPathFactory) -> Timetable:
    return build(read_feed_tables(write_feed(tmp_path_factory.mktemp("town") / "feed", TOWN)))


def lay(timetable: Timetable, *trips: TripUpdate) -> Overlay:
    moment = int(NOW.timestamp())
    overlay, reports = lay_over(timetable, [LiveFeed("", moment, trips)], [], now=moment)
    assert [report.unmatched for report in reports] == [()]
    return overlay


def trip(trip_id: str, *calls: CallUpdate, relation: Relation = Relation.SCHEDULED) -> TripUpdate:
    return TripUpdate(trip_id, DAY, calls=calls, relation=relation, at=int(NOW.timestamp()))


def at(hour: str) -> int:
    return int(datetime.fromisoformat(f"2026-06-10T{hour}:00+02:00").timestamp())


def board(
    timetable: Timetable, overlay: Overlay | None, stop: str, hour: str = "08:00", hours: float = 3, **more: bool
) -> list[str]:
    """Trip, expected and planned time, state and platform of each line."""
    table = overlay.timetable if overlay else timetable
    stops = boards.stops_meant(table, table.stop_ids.find(stop))
    begin = datetime.fromtimestamp(at(hour), UTC)
    found = boards.list_calls(table, stops, begin, timedelta(hours=hours), 50, overlay=overlay, **more)
    return [
        f"{table.trip_ids.at(one.trip)} {one.time:%H:%M} ({f'{one.planned:%H:%M}' if one.planned else '-'}) {one.state}"
        f" {boards.platform_now(table, overlay, one.row) or ''}".rstrip()
        for one in found
    ]


def test_without_live_data(timetable: Timetable) -> None:
    assert board(timetable, None, "S") == ["a 08:12 (08:12) scheduled 1", "b 09:12 (09:12) scheduled 1"]


def test_what_is_late_stands_where_it_is_expected(timetable: Timetable) -> None:
    overlay = lay(timetable, trip("a", CallUpdate(sequence=1, departure_delay=65 * 60)))
    assert board(timetable, overlay, "S") == ["b 09:12 (09:12) scheduled 1", "a 09:17 (08:12) live 1"]
    assert board(timetable, overlay, "S", "08:00", 1) == []
    assert board(timetable, overlay, "S", "09:15", 1) == ["a 09:17 (08:12) live 1"]
    assert board(timetable, overlay, "S", arrivals=True) == ["b 09:10 (09:10) scheduled 1", "a 09:15 (08:10) live 1"]


def test_what_is_cancelled_stands_where_it_was_planned_and_what_is_deleted_does_not(timetable: Timetable) -> None:
    overlay = lay(timetable, trip("a", relation=Relation.CANCELED), trip("b", relation=Relation.DELETED))
    assert board(timetable, overlay, "S") == ["a 08:12 (08:12) canceled 1"]
    assert board(timetable, overlay, "Y", arrivals=True) == ["a 08:20 (08:20) canceled"]


def test_the_days_around_are_not_touched(timetable: Timetable) -> None:
    overlay = lay(timetable, trip("a", relation=Relation.CANCELED))
    found = board(timetable, overlay, "S", "08:00", 49)
    assert [line for line in found if line.startswith("a")] == [
        "a 08:12 (08:12) canceled 1",
        "a 08:12 (08:12) scheduled 1",
        "a 08:12 (08:12) scheduled 1",
    ]


def test_a_stop_that_is_skipped_is_shown_and_nobody_boards_where_nobody_can_alight(timetable: Timetable) -> None:
    overlay = lay(timetable, trip("a", CallUpdate(sequence=2, relation=CallRelation.SKIPPED)))
    assert board(timetable, overlay, "S")[0] == "a 08:12 (08:12) skipped 1"
    assert board(timetable, overlay, "S", arrivals=True)[0] == "a 08:10 (08:10) skipped 1"
    assert board(timetable, overlay, "X")[0] == "a 08:00 (08:00) scheduled"
    shorter = lay(timetable, trip("a", CallUpdate(sequence=3, relation=CallRelation.SKIPPED)))
    assert board(timetable, shorter, "S") == ["b 09:12 (09:12) scheduled 1"]
    assert board(timetable, shorter, "S", arrivals=True)[0].startswith("a 08:10")


def test_another_platform_is_shown_at_both(timetable: Timetable) -> None:
    moved = CallUpdate(sequence=2, departure_delay=0, assigned_stop_id="S2")
    overlay = lay(timetable, trip("a", moved))
    for stop in ("S", "S1", "S2"):
        assert board(timetable, overlay, stop)[0] == "a 08:12 (08:12) live 2"
    named = lay(timetable, trip("a", CallUpdate(sequence=2, departure_delay=0, platform="7B")))
    assert board(timetable, named, "S")[0] == "a 08:12 (08:12) live 7B"


def test_a_new_trip_was_not_planned(timetable: Timetable) -> None:
    calls = (
        CallUpdate(sequence=1, stop_id="X", departure=at("08:30")),
        CallUpdate(sequence=2, stop_id="S2", arrival=at("08:40"), departure=at("08:41")),
        CallUpdate(sequence=3, stop_id="Y", arrival=at("08:50")),
    )
    overlay = lay(timetable, replace(trip("new", *calls, relation=Relation.NEW), route_id="R"))
    assert board(timetable, overlay, "S") == [
        "a 08:12 (08:12) scheduled 1",
        "new 08:41 (-) added 2",
        "b 09:12 (09:12) scheduled 1",
    ]


def test_another_way_leaves_out_a_stop(timetable: Timetable) -> None:
    calls = (
        CallUpdate(sequence=1, stop_id="X", departure=at("08:05")),
        CallUpdate(sequence=2, stop_id="Z", arrival=at("08:15"), departure=at("08:15")),
        CallUpdate(sequence=3, stop_id="Y", arrival=at("08:25")),
    )
    overlay = lay(timetable, trip("a", *calls, relation=Relation.REPLACEMENT))
    assert board(timetable, overlay, "S")[0] == "a 08:12 (08:12) skipped 1"
    assert board(timetable, overlay, "X")[0].startswith("a 08:05")
    assert board(timetable, overlay, "Z")[0].startswith("a 08:15 (-)")


def test_one_run_of_a_frequency_is_cancelled(timetable: Timetable) -> None:
    overlay = lay(timetable, replace(trip("f", relation=Relation.CANCELED), start_time=10 * 3600 + 1200))
    assert board(timetable, overlay, "Y", "10:00", 1) == [
        "f 10:00 (10:00) scheduled",
        "f 10:20 (10:20) canceled",
        "f 10:40 (10:40) scheduled",
    ]


def test_a_printed_line_shows_what_is_known(timetable: Timetable) -> None:
    late = trip("a", CallUpdate(sequence=2, departure_delay=300))
    overlay = lay(timetable, late, trip("b", relation=Relation.CANCELED))
    table = overlay.timetable
    (there,) = print_line(table, overlay, table.route_ids.find("R"), DAY)
    assert [table.stop_ids.at(stop) for stop in there.stops] == ["X", "S1", "Y"]
    assert [(table.trip_ids.at(one.trip), one.state, f"{one.cells[1].departure:%H:%M}") for one in there.columns] == [
        ("a", "live", "08:17"),
        ("b", "canceled", "09:12"),
    ]


def test_columns_stand_in_the_order_of_the_stops_they_share(tmp_path: Path) -> None:
    # the express leaves the first stop later and overtakes; a short trip begins in the middle
    files = TOWN | {
        "trips.txt": "route_id,service_id,trip_id,direction_id\nR,d,slow,0\nR,d,short,0\nR,d,express,0\nR,d,loop,0\n",
        "stop_times.txt": """
trip_id,arrival_time,departure_time,stop_id,stop_sequence
slow,08:00:00,08:00:00,X,1
slow,08:30:00,08:30:00,Y,2
slow,08:50:00,08:50:00,Z,3
short,08:20:00,08:20:00,Y,1
short,08:40:00,08:40:00,Z,2
express,08:10:00,08:10:00,X,1
express,08:45:00,08:45:00,Z,2
loop,09:00:00,09:00:00,X,1
loop,09:10:00,09:10:00,Y,2
loop,09:20:00,09:20:00,X,3
""",
    }
    del files["frequencies.txt"]
    timetable = build(read_feed_tables(write_feed(tmp_path / "feed", files)))
    (printed,) = print_line(timetable, None, 0, DAY)
    assert [timetable.stop_ids.at(stop) for stop in printed.stops] == ["X", "Y", "X", "Z"]
    rows = [["-"] * 4 for _ in printed.columns]
    for row, column in zip(rows, printed.columns, strict=True):
        for place, cell in zip(column.places, column.cells, strict=True):
            row[place] = f"{cell.departure:%H:%M}"
    assert rows == [
        ["-", "08:20", "-", "08:40"],
        ["08:00", "08:30", "-", "08:50"],
        ["08:10", "-", "-", "08:45"],
        ["09:00", "09:10", "09:20", "-"],
    ]


def test_there_and_back_are_apart_where_the_feed_does_not_say(tmp_path: Path) -> None:
    files = TOWN | {
        "trips.txt": "route_id,service_id,trip_id\nR,d,there,\nR,d,back,\nR,d,short,\n".replace(",\n", "\n"),
        "stop_times.txt": """
trip_id,arrival_time,departure_time,stop_id,stop_sequence
there,08:00:00,08:00:00,S1,1
there,08:30:00,08:30:00,X,2
there,08:50:00,08:50:00,Y,3
back,09:00:00,09:00:00,Y,1
back,09:20:00,09:20:00,X,2
back,09:50:00,09:50:00,S2,3
short,10:00:00,10:00:00,X,1
short,10:30:00,10:30:00,S2,2
""",
    }
    del files["frequencies.txt"]
    timetable = build(read_feed_tables(write_feed(tmp_path / "feed", files)))
    printed = print_line(timetable, None, 0, DAY)
    assert [
        (one.direction, [timetable.stop_ids.at(stop) for stop in one.stops], len(one.columns)) for one in printed
    ] == [(None, ["S1", "X", "Y"], 1), (None, ["Y", "X", "S2"], 2)]
