"""Departure boards, read from a timetable."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.town import write_feed

from mobigo.transit import boards
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.merging import merge_stops
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.timetable import Timetable

PARIS = ZoneInfo("Europe/Paris")
HOUR = timedelta(hours=1)

SMALL = {
    "agency.txt": """
agency_id,agency_name,agency_url,agency_timezone
A,A,https://a.example,Europe/Paris
L,L,https://l.example,Europe/London
""",
    "stops.txt": """
stop_id,stop_name,stop_lat,stop_lon
X,X,47.0,4.0
Y,Y,47.1,4.0
Z,Z,47.2,4.0
""",
    "routes.txt": """
route_id,agency_id,route_short_name,route_type
A,A,A,3
L,L,L,3
""",
}


def read(folder: Path, trips: str, stop_times: str, more: dict[str, str] | None = None) -> Timetable:
    """Build the small feed with these trips (route, service, id), running every day of 2026."""
    services = {line.split(",")[1] for line in trips.split()}
    files = {
        **SMALL,
        "trips.txt": "route_id,service_id,trip_id\n" + "\n".join(trips.split()),
        "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type\n"
        + stop_times.strip(),
        "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        + "\n".join(f"{service},1,1,1,1,1,1,1,20260101,20261231" for service in services),
        **(more or {}),
    }
    return build(read_feed_tables(write_feed(folder / "feed", files)))


def board(timetable: Timetable, stop: str, at: str, within: timedelta = HOUR, limit: int = 100) -> list[str]:
    """Trip, local time of departure and service day of each line of a board."""
    index = timetable.stop_ids.all().index(stop)
    found = boards.list_calls(
        timetable, boards.stops_meant(timetable, index), datetime.fromisoformat(at), within, limit
    )
    assert all(one.time.utcoffset() is not None for one in found)
    assert found == sorted(found, key=lambda one: one.time.timestamp())
    return [f"{timetable.trip_ids.at(one.trip)} {one.time:%dT%H:%M%z} of {one.service_date:%d}" for one in found]


def test_a_board_holds_the_first_instant_and_not_the_last(tmp_path: Path) -> None:
    timetable = read(
        tmp_path,
        "A,d,one A,d,two A,d,three",
        """
one,08:00:00,08:00:00,X,1,0
one,08:30:00,08:30:00,Y,2,0
two,08:59:59,08:59:59,X,1,0
two,09:30:00,09:30:00,Y,2,0
three,09:00:00,09:00:00,X,1,0
three,09:30:00,09:30:00,Y,2,0
""",
    )
    assert board(timetable, "X", "2026-06-10T08:00:00+02:00") == ["one 10T08:00+0200 of 10", "two 10T08:59+0200 of 10"]
    assert board(timetable, "X", "2026-06-10T08:00:00.5+02:00") == [
        "two 10T08:59+0200 of 10",
        "three 10T09:00+0200 of 10",
    ]
    assert board(timetable, "X", "2026-06-10T08:00:00+02:00", limit=1) == ["one 10T08:00+0200 of 10"]


def test_nobody_boards_where_it_is_forbidden_or_the_trip_ends(tmp_path: Path) -> None:
    timetable = read(
        tmp_path,
        "A,d,t",
        """
t,08:00:00,08:00:00,X,1,0
t,08:10:00,08:10:00,Y,2,1
t,08:20:00,08:20:00,Z,3,0
""",
    )
    at = "2026-06-10T08:00:00+02:00"
    assert [len(board(timetable, stop, at)) for stop in "XYZ"] == [1, 0, 0]


def test_stops_that_must_be_asked_for_are_shown(tmp_path: Path) -> None:
    timetable = read(
        tmp_path, "A,d,t", "t,08:00:00,08:00:00,X,1,2\nt,08:10:00,08:10:00,Y,2,3\nt,08:20:00,08:20:00,Z,3,0"
    )
    assert board(timetable, "X", "2026-06-10T08:00:00+02:00")
    assert board(timetable, "Y", "2026-06-10T08:00:00+02:00")


NIGHT = "n,23:30:00,23:30:00,X,1,0\nn,24:30:00,24:30:00,Y,2,0\nn,49:00:00,49:00:00,Z,3,0\nn,50:00:00,50:00:00,X,4,0"


def test_trips_of_the_days_before_are_on_the_board(tmp_path: Path) -> None:
    timetable = read(tmp_path, "A,d,n", NIGHT)
    assert board(timetable, "Y", "2026-06-10T00:00:00+02:00") == ["n 10T00:30+0200 of 09"]
    assert board(timetable, "X", "2026-06-09T23:00:00+02:00", 2 * HOUR) == ["n 09T23:30+0200 of 09"]
    assert board(timetable, "Z", "2026-06-10T01:00:00+02:00") == ["n 10T01:00+0200 of 08"]


def test_the_last_night_of_the_calendar_goes_on_after_midnight(tmp_path: Path) -> None:
    timetable = read(tmp_path, "A,d,n", NIGHT)
    assert board(timetable, "Y", "2027-01-01T00:00:00+01:00", 3 * HOUR) == ["n 01T00:30+0100 of 31"]
    assert board(timetable, "Y", "2027-01-02T00:00:00+01:00", 24 * HOUR) == []
    assert board(timetable, "X", "2026-01-01T00:00:00+01:00", 24 * HOUR) == ["n 01T23:30+0100 of 01"]


CLOCKS = """
early,01:30:00,01:30:00,X,1,0
early,12:00:00,12:00:00,Y,2,0
mid,02:30:00,02:30:00,X,1,0
mid,12:00:00,12:00:00,Y,2,0
late,03:30:00,03:30:00,X,1,0
late,12:00:00,12:00:00,Y,2,0
over,23:00:00,23:00:00,Y,1,0
over,26:30:00,26:30:00,X,2,0
over,36:00:00,36:00:00,Y,3,0
"""


def test_the_night_when_clocks_go_forward(tmp_path: Path) -> None:
    # noon minus 12 h of 29 March is 23:00 of the 28th; times of the 28th count from its own midnight
    timetable = read(tmp_path, "A,d,early A,d,mid A,d,late A,d,over", CLOCKS)
    assert board(timetable, "X", "2026-03-29T00:00:00+01:00", 5 * HOUR) == [
        "early 29T00:30+0100 of 29",
        "mid 29T01:30+0100 of 29",
        "late 29T03:30+0200 of 29",
        "over 29T03:30+0200 of 28",
    ]


def test_the_night_when_clocks_go_back(tmp_path: Path) -> None:
    # noon minus 12 h of 25 October is 01:00 summer time; half past two is there twice
    timetable = read(tmp_path, "A,d,early A,d,mid A,d,late A,d,over", CLOCKS)
    assert board(timetable, "X", "2026-10-25T00:00:00+02:00", 6 * HOUR) == [
        "early 25T02:30+0200 of 25",
        "over 25T02:30+0200 of 24",
        "mid 25T02:30+0100 of 25",
        "late 25T03:30+0100 of 25",
    ]


def test_each_operator_keeps_its_own_time_zone(tmp_path: Path) -> None:
    timetable = read(
        tmp_path,
        "A,d,paris L,d,london",
        """
paris,09:00:00,09:00:00,X,1,0
paris,09:30:00,09:30:00,Y,2,0
london,08:00:00,08:00:00,X,1,0
london,08:30:00,08:30:00,Y,2,0
""",
    )
    assert board(timetable, "X", "2026-06-10T09:00:00+02:00") == [
        "london 10T08:00+0100 of 10",
        "paris 10T09:00+0200 of 10",
    ]


def test_frequencies_are_laid_out(tmp_path: Path) -> None:
    more = {"frequencies.txt": "trip_id,start_time,end_time,headway_secs\nt,23:00:00,25:00:00,1200"}
    timetable = read(
        tmp_path, "A,d,t", "t,08:00:00,08:00:00,X,1,0\nt,08:05:00,08:06:00,Y,2,0\nt,08:20:00,08:20:00,Z,3,0", more
    )
    assert board(timetable, "Y", "2026-06-10T23:40:00+02:00") == [
        "t 10T23:46+0200 of 10",
        "t 11T00:06+0200 of 10",
        "t 11T00:26+0200 of 10",
    ]


def test_exact_times_of_frequencies_are_times(tmp_path: Path) -> None:
    calls = "t,08:00:00,08:00:00,X,1,0\nt,08:05:00,08:06:00,Y,2,0\nt,08:20:00,08:20:00,Z,3,0"
    for exact, repeats in ((0, True), (1, False)):
        more = {
            "frequencies.txt": f"trip_id,start_time,end_time,headway_secs,exact_times\nt,9:00:00,10:00:00,1200,{exact}"
        }
        folder = tmp_path / f"{exact}"
        folder.mkdir()
        timetable = read(folder, "A,d,t", calls, more)
        stops = boards.stops_meant(timetable, 0)
        at = datetime.fromisoformat("2026-06-10T09:00:00+02:00")
        found = boards.list_calls(timetable, stops, at, HOUR, 9)
        assert [(f"{one.time:%H:%M}", one.repeats) for one in found] == [
            ("09:00", repeats),
            ("09:20", repeats),
            ("09:40", repeats),
        ]


def test_arrivals_are_where_one_may_alight(tmp_path: Path) -> None:
    timetable = read(
        tmp_path,
        "A,d,t",
        "t,08:00:00,08:00:00,X,1,0\nt,08:10:00,08:12:00,Y,2,1\nt,08:20:00,08:20:00,Z,3,0",
    )
    at = datetime.fromisoformat("2026-06-10T08:00:00+02:00")
    for stop, times in enumerate([[], ["08:10"], ["08:20"]]):
        found = boards.list_calls(timetable, boards.stops_meant(timetable, stop), at, HOUR, 9, arrivals=True)
        assert [f"{one.time:%H:%M}" for one in found] == times


def test_pages_of_a_board_neither_repeat_nor_skip(tmp_path: Path) -> None:
    trips = " ".join(f"A,d,t{n}" for n in range(23))
    calls = "\n".join(
        f"t{n},08:{n // 4:02}:00,08:{n // 4:02}:00,X,1,0\nt{n},09:00:00,09:00:00,Y,2,0" for n in range(23)
    )
    timetable = read(tmp_path, trips, calls)
    stops, at = boards.stops_meant(timetable, 0), datetime.fromisoformat("2026-06-10T08:00:00+02:00")
    whole = boards.list_calls(timetable, stops, at, HOUR, 100)
    assert len(whole) == 23
    for size in (1, 3, 4, 5, 22, 23):
        pages: list[boards.BoardCall] = []
        while page := boards.list_calls(
            timetable, stops, at, HOUR, size, after=boards.key_of(timetable, pages[-1]) if pages else None
        ):
            assert len(page) <= size
            pages += page
        assert pages == whole


def test_a_trip_that_comes_twice_is_there_twice(tmp_path: Path) -> None:
    timetable = read(
        tmp_path,
        "A,d,t",
        "t,08:00:00,08:00:00,X,1,0\nt,08:10:00,08:10:00,Y,2,0\nt,08:20:00,08:20:00,X,3,0\nt,08:30:00,08:30:00,Z,4,0",
    )
    assert board(timetable, "X", "2026-06-10T08:00:00+02:00") == ["t 10T08:00+0200 of 10", "t 10T08:20+0200 of 10"]


def test_a_stop_without_trips_has_an_empty_board(tmp_path: Path) -> None:
    timetable = read(tmp_path, "A,d,t", "t,08:00:00,08:00:00,X,1,0\nt,08:10:00,08:10:00,Y,2,0")
    assert board(timetable, "Z", "2026-06-10T08:00:00+02:00") == []


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_board_of_another_age_is_empty(tmp_path: Path, at: str) -> None:
    timetable = read(tmp_path, "A,d,t", "t,08:00:00,08:00:00,X,1,0\nt,08:10:00,08:10:00,Y,2,0")
    assert board(timetable, "X", at, 24 * HOUR) == []


@pytest.mark.parametrize("seed", range(5))
def test_boards_agree_with_a_search_through_every_trip_of_every_day(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    lines = []
    for trip in range(30):
        clock = int(random.integers(0, 30 * 60))
        for sequence, stop in enumerate(random.choice(list("XYZ"), int(random.integers(2, 6)))):
            pickup = random.choice([0, 0, 0, 1])
            time = f"{clock // 60:02}:{clock % 60:02}:00"
            lines.append((f"t{trip}", time, time, stop, sequence, pickup))
            clock += int(random.integers(1, 40))
    text = "\n".join(",".join(map(str, line)) for line in lines)
    timetable = read(tmp_path, " ".join(f"A,d,t{trip}" for trip in range(30)), text)
    last = {line[0]: line[4] for line in lines}
    for at in ("2026-03-29T00:00:00+01:00", "2026-10-24T22:00:00+02:00", "2026-06-10T05:00:00+02:00"):
        start = datetime.fromisoformat(at)
        expected = []
        for day in range(-3, 3):
            noon = datetime(start.year, start.month, start.day, 12, tzinfo=PARIS) + timedelta(days=day)
            for trip, time, _, stop, sequence, pickup in lines:
                hours, minutes, _ = map(int, time.split(":"))
                leaves = noon.timestamp() + (hours - 12) * 3600 + minutes * 60
                shown = 0 <= leaves - start.timestamp() < 6 * 3600
                if shown and stop == "X" and pickup != 1 and sequence != last[trip]:
                    local = datetime.fromtimestamp(leaves, PARIS)
                    expected.append(f"{trip} {local:%dT%H:%M%z} of {noon:%d}")
        assert sorted(board(timetable, "X", at, 6 * HOUR)) == sorted(expected)


def test_stop_lists_merge_into_one_column_that_keeps_every_order() -> None:
    assert merge_stops([[1, 2, 4], [1, 2, 3, 4], [4, 5]]) == ([1, 2, 3, 4, 5], [[0, 1, 3], [0, 1, 2, 3], [3, 4]])
    assert merge_stops([[1, 2, 3], [1, 7, 8, 3]])[0] == [1, 2, 7, 8, 3]
    assert merge_stops([[1, 2, 1]]) == ([1, 2, 1], [[0, 1, 2]])
    assert merge_stops([[1, 2], [2, 1]]) == ([2, 1, 2], [[1, 2], [0, 1]])
    assert merge_stops([]) == ([], [])


@given(st.lists(st.lists(st.integers(0, 6), max_size=8), max_size=6))
def test_every_stop_list_runs_down_the_column(sequences: list[list[int]]) -> None:
    stops, rows = merge_stops(sequences)
    assert len(stops) <= sum(map(len, sequences))
    for sequence, its in zip(sequences, rows, strict=True):
        assert [stops[row] for row in its] == sequence
        assert its == sorted(set(its))
