"""Changes of a draft, one by one: what becomes of the trips, and why a change cannot be made."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.usage.draft_town import TRIPS, apply, change, tables, told

from mobigo.kit.errors import InvalidInput, Refused
from mobigo.transit.timetable import build, day_number, list_running
from mobigo.usage.draft import Document, plain, read_changes, read_document
from mobigo.usage.draft_edit import refuse_faults
from mobigo.usage.draft_zones import edit_services

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.tables import FeedTables

TUESDAY, WEDNESDAY = date(2026, 11, 24), date(2026, 11, 25)
LINE = {"line": "L"}


@pytest.fixture
def town(tmp_path: Path) -> FeedTables:
    """The town."""
    return tables(tmp_path / "town")


def runs(after: FeedTables, day: date) -> set[str]:
    """Return the trips of a day."""
    timetable = build(after)
    return {timetable.trip_ids.at(int(trip)) for trip in timetable.run_trip[list_running(timetable, day_number(day))]}


def test_a_draft_without_changes_gives_the_same_tables(town: FeedTables) -> None:
    after = apply(town).tables
    for name in ("stops", "routes", "trips", "stop_times", "services", "frequencies"):
        assert_frame_equal(
            getattr(after, name), getattr(town, name).sort(pl.all()) if name == "routes" else getattr(town, name)
        )


@pytest.mark.parametrize(
    ("made", "trips"),
    [
        (change("move_trips", which={"trips": ["t1"]}, minutes=5), {"t1": "L a 07:05 b 07:09 c 07:15 d 07:25"}),
        (
            change("move_trips", which={"line": "L", "direction": 0, "first": "07:30"}, minutes=-2),
            {"t2": "L a 07:58 b 08:02 c 08:08 d 08:18"},
        ),
        (
            change("retime_trip", trip="x1", times=["08:21", "08:30-08:31"]),
            {"x1": "X d 08:21 e 08:30-08:31"},
        ),
        (change("remove_trips", which={"line": "L", "last": "07:00"}), {"t1": None}),
        (change("remove_trips", which=LINE), {"t1": None, "t2": None, "t3": None}),
        (
            change("skip_stop", which={"trips": ["t1"]}, stop="b", saves=1),
            {"t1": "L a 07:00 c 07:09 d 07:19"},
        ),
        (
            change("close_stop", stop="b"),
            {"t1": "L a 07:00 c 07:10 d 07:20", "t2": "L a 08:00 c 08:10 d 08:20", "t3": "L d 17:00 c 17:10 a 17:20"},
        ),
        (change("close_stop", stop="e"), {"x1": None}),
        (
            change("extend_trips", which={"trips": ["t2"]}, stops=[{"stop": "e", "after": 8}]),
            {"t2": "L a 08:00 b 08:04 c 08:10 d 08:20 e 08:28"},
        ),
        (
            change(
                "extend_trips",
                which={"trips": ["t3"]},
                end="first",
                stops=[{"stop": "e", "after": 9, "dwell": 1}],
            ),
            {"t3": "L e 16:50-16:51 d 17:00 c 17:10 b 17:16 a 17:20"},
        ),
        (
            change("insert_stop", which={"trips": ["t1"]}, behind="c", stop="e", after=4, adds=6),
            {"t1": "L a 07:00 b 07:04 c 07:10 e 07:14 d 07:26"},
        ),
    ],
)  # fmt: skip
def test_a_change_does_what_it_says(town: FeedTables, made: dict[str, Any], trips: dict[str, str | None]) -> None:
    after = apply(town, made)
    assert after.faults == []
    wanted = {name: text for name, text in (TRIPS | trips).items() if text is not None}
    assert told(after.tables) == wanted


def test_a_new_line_runs_there_and_back_over_new_stops(town: FeedTables) -> None:
    after = apply(
        town,
        change("add_stop", id="pre", name="Le Pré", lat=47.01, lon=5.0),
        change(
            "add_line",
            id="n",
            name="N",
            stops=[{"stop": "a"}, {"stop": "draft:pre", "after": 5, "dwell": 1}, {"stop": "d", "after": 10}],
            there={"times": ["06:30"], "every": [{"first": "09:00", "last": "10:00", "minutes": 60}]},
            back={"times": ["18:00"]},
            days={"weekdays": [2]},
        ),
    )
    assert after.faults == []
    new = {name: text for name, text in told(after.tables).items() if name not in TRIPS}
    assert new == {
        "draft:n~0~06:30": "draft:n a 06:30 draft:pre 06:35-06:36 d 06:46",
        "draft:n~0~09:00": "draft:n a 09:00 draft:pre 09:05-09:06 d 09:16",
        "draft:n~0~10:00": "draft:n a 10:00 draft:pre 10:05-10:06 d 10:16",
        "draft:n~1~18:00": "draft:n d 18:00 draft:pre 18:10-18:11 a 18:16",
    }
    assert "draft:n~0~06:30" in runs(after.tables, TUESDAY)
    assert "draft:n~0~06:30" not in runs(after.tables, WEDNESDAY)
    assert after.routes == {"draft:n"}


def test_adding_a_line_and_removing_it_leaves_the_trips_of_today(town: FeedTables) -> None:
    line = change(
        "add_line", id="n", name="N", stops=[{"stop": "a"}, {"stop": "d", "after": 9}], there={"times": ["06:30"]}
    )
    after = apply(town, line, change("remove_trips", which={"line": "draft:n"}))
    assert after.faults == []
    assert told(after.tables) == TRIPS


def test_a_change_of_some_days_leaves_the_others(town: FeedTables) -> None:
    moved = change("move_trips", which={"trips": ["t1"], "days": {"weekdays": [3]}}, minutes=10)
    after = apply(town, moved)
    assert after.faults == []
    copy = next(name for name in told(after.tables) if name not in TRIPS)
    assert told(after.tables)[copy] == "L a 07:10 b 07:14 c 07:20 d 07:30"
    assert runs(after.tables, TUESDAY) == set(TRIPS)
    assert runs(after.tables, WEDNESDAY) == {*TRIPS, copy} - {"t1"}


def test_trips_run_on_other_days(town: FeedTables) -> None:
    after = apply(town, change("run_on", which={"trips": ["x1"]}, days={"weekdays": [6, 7]}))
    assert "x1" not in runs(after.tables, TUESDAY)
    assert runs(after.tables, date(2026, 11, 28)) == {"x1"}


def test_frequencies_move_with_their_trip(tmp_path: Path) -> None:
    often = "trip_id,start_time,end_time,headway_secs\nx1,08:00:00,10:00:00,3600\n"
    town = tables(tmp_path / "town", frequencies=often)
    after = apply(town, change("move_trips", which={"line": "X", "first": "08:00", "last": "08:00"}, minutes=30))
    assert after.faults == []
    timetable = build(after.tables)
    trip = timetable.trip_ids.all().index("x1")
    leaves = int(timetable.call_departure[timetable.call_first[trip]])
    shifts = timetable.run_shift[timetable.run_trip == trip].tolist()
    assert [(leaves + shift) // 60 for shift in shifts] == [8 * 60 + 30, 9 * 60 + 30]


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (change("remove_trips", which={"line": "Z"}), "unknown_line"),
        (change("remove_trips", which={"trips": ["t1", "t9"]}), "unknown_trip"),
        (change("remove_trips", which={"line": "L", "first": "20:00"}), "no_such_trips"),
        (change("remove_trips", which={"line": "L", "days": {"weekdays": [7]}}), "no_such_trips"),
        (change("close_stop", stop="z"), "unknown_stop"),
        (change("skip_stop", which={"line": "X"}, stop="a"), "no_such_trips"),
        (change("move_trips", which={"trips": ["t1"]}, minutes=-500), "before_midnight"),
        (change("retime_trip", trip="x1", times=["08:30", "08:20"]), "times_go_back"),
        (change("retime_trip", trip="x1", times=["08:30", "08:40", "08:50"]), "wrong_number_of_times"),
        (change("retime_trip", trip="x9", times=["08:30", "08:40"]), "unknown_trip"),
        (change("insert_stop", which=LINE, behind="c", stop="e", after=20), "times_go_back"),
        (change("insert_stop", which={"line": "X"}, behind="e", stop="a", after=20), "no_such_trips"),
        (change("extend_trips", which=LINE, stops=[{"stop": "draft:z", "after": 8}]), "unknown_stop"),
        (
            change("extend_trips", which={"trips": ["t1"]}, end="first", stops=[{"stop": "e", "after": 500}]),
            "before_midnight",
        ),
        (
            change("add_line", id="n", name="N", stops=[{"stop": "a"}, {"stop": "b", "after": 9}], there={}),
            "no_departures",
        ),
        (
            change(
                "add_line",
                id="n",
                name="N",
                stops=[{"stop": "a"}, {"stop": "b", "after": 9}],
                there={"times": ["06:30"]},
                days={"first": "2031-01-01"},
            ),
            "no_days",
        ),
    ],
)
def test_a_change_that_cannot_be_made_says_why_and_changes_nothing(
    town: FeedTables, made: dict[str, Any], code: str
) -> None:
    after = apply(town, made)
    assert [(one.change, one.code) for one in after.faults] == [(0, code)]
    assert told(after.tables) == TRIPS
    with pytest.raises(Refused, match="change 1 of the draft cannot be made"):
        refuse_faults(after.faults)


def test_a_station_is_no_stop_but_its_stops_are_named(tmp_path: Path) -> None:
    stops = "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n" + "".join(
        f"{name},{name},47.0,{5 + x},{kind},{above}\n"
        for name, x, kind, above in (
            *((stop, 0.01 * n, 0, "") for n, stop in enumerate("bcde")),
            ("gare", 0, 1, ""),
            ("a", 0, 0, "gare"),
        )
    )
    town = tables(tmp_path / "town", stops=stops)
    line = change(
        "add_line", id="n", name="N", stops=[{"stop": "gare"}, {"stop": "d", "after": 9}], there={"times": ["06:30"]}
    )
    (fault,) = apply(town, line).faults
    assert fault.code == "not_a_stop"
    assert fault.what.endswith("name one of its stops: a")
    assert told(apply(town, change("close_stop", stop="gare")).tables)["t1"] == "L b 07:04 c 07:10 d 07:20"


@pytest.mark.parametrize(
    "raw",
    [
        [{"kind": "explode"}],
        [{"kind": "move_trips", "which": {}, "minutes": 5}],
        [{"kind": "move_trips", "which": {"line": "L"}, "minutes": 1e9}],
        [{"kind": "add_stop", "id": "a b", "name": "A", "lat": 47, "lon": 5}],
        [{"kind": "add_stop", "id": "a", "name": "A", "lat": 470, "lon": 5}],
        [{"kind": "retime_trip", "trip": "t1", "times": ["8h", "9h"]}],
        [{"kind": "close_stop", "stop": "a\u0000"}],
        {"kind": "close_stop", "stop": "a"},
        [{"kind": "close_stop", "stop": "a", "more": 1}],
    ],
)
def test_what_is_no_change_is_refused_by_name(raw: object) -> None:
    with pytest.raises(InvalidInput, match="correct it and try again"):
        read_changes(raw)


SQUARE = [[[5.0, 46.9], [5.2, 46.9], [5.2, 47.1], [5.0, 47.1], [5.0, 46.9]]]
KNOT = [[5.0, 47.0], [5.2, 47.2], [5.2, 47.0], [5.0, 47.2], [5.0, 47.0]]
FRANCE = [[0.0, 40.0], [9.0, 40.0], [9.0, 49.0], [0.0, 49.0], [0.0, 40.0]]
ALWAYS = [{"first": "06:00", "last": "20:00"}]


def zone(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - members of the change
    """Write a zone."""
    area = {"type": "Polygon", "coordinates": SQUARE}
    return change("open_zone", **({"id": "z", "name": "Z", "area": area, "hours": ALWAYS} | more))


def test_a_zone_is_opened_changed_and_closed(town: FeedTables) -> None:
    to_stops = read_changes([zone(stops=["a", "d"], days={"weekdays": [2]})])
    services, faults = edit_services({}, town, to_stops)
    assert faults == []
    service = services["draft:z"]
    assert [[call.place for call in trip.calls] for trip in service.trips] == [["zone", "stops"], ["stops", "zone"]]
    assert min(service.calendars["days"].added) == TUESDAY
    later = read_changes([zone(), change("change_hours", service="draft:z", days={"weekdays": [3]})])
    services, faults = edit_services({}, town, later)
    assert faults == []
    assert min(services["draft:z"].calendars["days"].added) == WEDNESDAY
    assert edit_services({}, town, read_changes([zone(), change("close_zone", service="draft:z")])) == ({}, [])


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (zone(stops=["a", "nowhere"]), "unknown_stop"),
        (zone(hours=[{"first": "20:00", "last": "06:00"}]), "no_hours"),
        (zone(days={"first": "2031-01-01"}), "no_days"),
        (zone(area={"type": "Polygon", "coordinates": [["a"]]}), "invalid_zone"),
        (zone(area={"type": "Polygon", "coordinates": []}), "invalid_zone"),
        (zone(area={"type": "Point", "coordinates": [5, 47]}), "invalid_zone"),
        (
            zone(area={"type": "Polygon", "coordinates": [[[5, 47], [5.2, 47.2], [5.2, 47], [5, 47.2], [5, 47]]]}),
            "invalid_zone",
        ),
        (
            zone(area={"type": "Polygon", "coordinates": [[[0, 40], [9, 40], [9, 49], [0, 49], [0, 40]]]}),
            "zone_too_large",
        ),
        (change("close_zone", service="x:y"), "unknown_service"),
        (change("change_hours", service="x:y"), "unknown_service"),
    ],
)
def test_a_zone_that_cannot_be_says_why(town: FeedTables, made: dict[str, Any], code: str) -> None:
    services, faults = edit_services({}, town, read_changes([made]))
    assert services == {}
    assert [one.code for one in faults] == [code]


def test_more_trips_than_a_network_has_are_refused_before_they_are_made(town: FeedTables) -> None:
    minutely = [{"first": "00:00", "last": "99:59", "minutes": 1}]
    stops = [{"stop": "ab"[n % 2], "after": 1} for n in range(200)]
    (fault,) = apply(town, change("add_line", id="n", name="N", stops=stops, there={"every": minutely})).faults
    assert fault.code == "too_many_calls"


def test_a_document_exported_is_imported_as_the_same() -> None:
    document = Document(
        name="Essai",
        note="",
        changes=read_changes(
            [
                change("move_trips", which={"line": "L", "days": {"weekdays": [1, 2], "school": "only"}}, minutes=-3.5),
                change("close_zone", service="auxois:TAD"),
            ]
        ),
    )
    assert read_document(document.model_dump_json().encode()) == document
    assert read_changes(plain(document.changes)) == document.changes
