"""A station as text: what it takes from its entrances to its platforms, and who gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mobigo.transit.feed import read_feed_tables
from mobigo.transit.pathways import PathwayMode, Stations, enter, find_course, read_stations, walk_through
from mobigo.transit.timetable import Timetable, build

if TYPE_CHECKING:
    from pathlib import Path

PATHWAYS = (
    "pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional,length,traversal_time,stair_count,"
    "signposted_as,reversed_signposted_as\n"
)
STATION = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\n1,A,http://a,Europe/Paris\n",
    "routes": "route_id,agency_id,route_short_name,route_type\nR,1,R,2\n",
    "trips": "route_id,service_id,trip_id\nR,S,T1\nR,S,T2\n",
    "calendar_dates": "service_id,date,exception_type\nS,20261123,1\n",
    "levels": "level_id,level_index,level_name\nstreet,0,Rue\ntracks,-2,Quais\n",
    # the entrances lie 120 m apart; p1 and p2 are the two sides of the tracks below; bus is a stop before the door
    "stops": """stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,level_id,wheelchair_boarding
st,Gare,47.0,4.0,1,,,1
door,Parvis,47.0,4.0,2,st,street,
lift,Ascenseur,47.00107914,4.0,2,st,street,
hall,,,,3,st,street,
p1,Gare,47.0,4.001,0,st,tracks,
p2,Gare,47.0,4.001,0,st,tracks,
bus,Parvis,47.0,4.0,0,,,
away,Loin,47.5,4.0,0,,,
""",
    "stop_times": """trip_id,stop_sequence,stop_id,arrival_time,departure_time
T1,1,p1,08:00:00,08:00:00
T1,2,away,09:00:00,09:00:00
T2,1,p2,08:00:00,08:00:00
T2,2,bus,09:00:00,09:00:00
""",
    "pathways": PATHWAYS
    + """a,door,hall,1,1,24,,,Trains,Sortie
b,hall,p1,2,1,,,-40,Quai 1,
c,hall,p2,4,0,15,30,,Quai 2,
d,lift,p2,5,1,,,,,
e,p2,p1,1,1,12,,,,
f,p2,door,7,0,,20,,,
""",
}
"""Seconds: a 20; b 20 down, 24 up; c 30; d 30 + 2 levels at 10 = 50; e 10; f 20."""


def make(folder: Path, **changed: str) -> tuple[Timetable, Stations, dict[str, int]]:
    for name, text in (STATION | changed).items():
        (folder / f"{name}.txt").write_text(text)
    tables = read_feed_tables(folder)
    timetable = build(tables)
    return timetable, read_stations(tables, timetable), {n: i for i, n in enumerate(timetable.stop_ids.all())}


def seconds(stations: Stations, at: dict[str, int], names: str, *, wheels: bool = False) -> int | None:
    a, b = names.split()
    found = find_course(stations, at[a], at[b], wheels=wheels)
    return found.seconds if found else None


@pytest.mark.parametrize(
    ("names", "expected", "rolling"),
    [
        ("door p1", 40, None),  # 20 to the hall, 40 stairs down
        ("p1 door", 30, 30),  # 10 to the other side, and out through the gate: stairs up would take 44
        ("door p2", 50, None),  # down the moving stairs
        ("p2 door", 20, 20),  # the gate opens outwards only
        ("hall p2", 30, None),
        ("p2 hall", 34, 40),  # nobody goes up moving stairs that come down: 10 and 24; or out and in again
        ("lift p1", 60, 60),
        ("p1 lift", 60, 60),
        ("p1 p2", 10, 10),
        ("door lift", 100, None),
        ("bus p1", None, None),
    ],
)
def test_seconds_inside_a_station(tmp_path: Path, names: str, expected: int | None, rolling: int | None) -> None:
    _, stations, at = make(tmp_path)
    assert seconds(stations, at, names) == expected
    assert seconds(stations, at, names, wheels=True) == rolling


def test_a_way_says_what_it_goes_along(tmp_path: Path) -> None:
    _, stations, at = make(tmp_path)
    course = find_course(stations, at["door"], at["p1"])
    assert course is not None
    assert course.stops == [at["door"], at["hall"], at["p1"]]
    assert [PathwayMode(stations.mode[row]) for row in course.rows] == [PathwayMode.WALKWAY, PathwayMode.STAIRS]
    assert [stations.signs.at(int(stations.sign[row])) for row in course.rows] == ["Trains", "Quai 1"]
    back = find_course(stations, at["hall"], at["door"])
    assert back is not None
    assert stations.signs.at(int(stations.sign[back.rows[0]])) == "Sortie"


def test_platforms_that_pathways_lead_to_are_inside(tmp_path: Path) -> None:
    _, stations, at = make(tmp_path)
    assert [name for name in at if stations.inside[at[name]]] == ["p1", "p2"]


def test_from_the_street_one_goes_through_an_entrance(tmp_path: Path) -> None:
    # 100 s to the door, 10 s to the lift: to p1 through the lift 10 + 60; walking, the lift is nearer than the stairs
    _, stations, at = make(tmp_path)
    street = np.full(len(at), -1, np.int32)
    street[[at["door"], at["lift"], at["p1"], at["bus"]]] = [100, 10, 5, 7]
    found, door = enter(stations, street, backward=False)
    assert [int(found[at[name]]) for name in ("p1", "p2", "bus", "door")] == [70, 60, 7, 100]
    assert door[at["p1"]] == at["lift"]
    assert door[at["bus"]] == -1
    street[at["lift"]] = -1
    found, door = enter(stations, street, backward=False)
    assert (int(found[at["p1"]]), int(door[at["p1"]])) == (140, at["door"])
    rolling, _ = enter(stations, street, backward=False, wheels=True)
    assert rolling[at["p1"]] == -1


def test_back_to_the_street_other_ways_may_be_open(tmp_path: Path) -> None:
    _, stations, at = make(tmp_path)
    street = np.full(len(at), -1, np.int32)
    street[at["door"]] = 100
    found, _ = enter(stations, street, backward=True)
    assert [int(found[at[name]]) for name in ("p1", "p2")] == [130, 120]
    rolling, _ = enter(stations, street, backward=True, wheels=True)
    assert [int(rolling[at[name]]) for name in ("p1", "p2")] == [130, 120]


def test_one_who_walks_slowly_takes_longer_inside_too(tmp_path: Path) -> None:
    _, stations, at = make(tmp_path)
    street = np.full(len(at), -1, np.int32)
    street[at["door"]] = 100
    found, _ = enter(stations, street, backward=False, pace=1.5)
    assert found[at["p1"]] == 160


def test_walks_between_stops_lead_through_the_station(tmp_path: Path) -> None:
    # on the streets: from the bus stop to the door 1 s and back, to the lift 101 s
    timetable, stations, at = make(tmp_path)
    pairs = {("bus", "door"): 1, ("door", "bus"): 1, ("bus", "lift"): 101, ("lift", "bus"): 101}
    found = walk(timetable, stations, at, pairs)
    assert found == {
        ("p1", "p2"): 10,
        ("p2", "p1"): 10,
        ("bus", "p1"): 41,
        ("bus", "p2"): 51,
        ("p1", "bus"): 31,
        ("p2", "bus"): 21,
    }
    assert walk(timetable, stations, at, pairs, wheels=True) == {
        ("p1", "p2"): 10,
        ("p2", "p1"): 10,
        ("bus", "p1"): 161,
        ("bus", "p2"): 151,
        ("p1", "bus"): 31,
        ("p2", "bus"): 21,
    }


def walk(
    timetable: Timetable, stations: Stations, at: dict[str, int], pairs: dict[tuple[str, str], int], **more: bool
) -> dict[tuple[str, str], int]:
    """Walks between the stops vehicles call at, given those on the streets."""
    rows = sorted((at[a], at[b], seconds) for (a, b), seconds in pairs.items())
    origins = np.array([row[0] for row in rows])
    first = np.searchsorted(origins, np.arange(len(at) + 1)).astype(np.int32)
    street = (first, *(np.array([row[n] for row in rows], np.int32) for n in (1, 2)))
    called = np.zeros(len(at), np.bool_)
    called[timetable.pattern_stop] = True
    starts, target, seconds = walk_through(stations, called, street, 600, **more)
    names = list(at)
    return {
        (names[origin], names[target[row]]): int(seconds[row])
        for origin in range(len(at))
        for row in range(starts[origin], starts[origin + 1])
    }


def test_stop_access_says_who_is_reached_from_the_street(tmp_path: Path) -> None:
    # without pathways: p1 through the entrances only, along straight lines (door: 76 m, 64 s), p2 directly
    header, *rows = STATION["stops"].splitlines()
    access = {"p1": "0", "p2": "1"}
    stops = "\n".join([f"{header},stop_access", *(f"{row},{access.get(row.split(',')[0], '')}" for row in rows), ""])
    _, stations, at = make(tmp_path, stops=stops, pathways=PATHWAYS)
    assert [name for name in at if stations.inside[at[name]]] == ["p1"]
    assert seconds(stations, at, "door p1") == 64


def test_a_platform_reached_from_the_street_stays_so_beside_pathways(tmp_path: Path) -> None:
    header, *rows = STATION["stops"].splitlines()
    stops = "\n".join([f"{header},stop_access", *(f"{row},{int(row.startswith('p1'))}" for row in rows), ""])
    _, stations, at = make(tmp_path, stops=stops)
    assert [name for name in at if stations.inside[at[name]]] == ["p2"]


@pytest.mark.parametrize(
    ("columns", "cells", "rolls"),
    [
        ("max_slope", "0.083", True),
        ("max_slope", "0.09", False),
        ("max_slope", "-0.09", False),
        ("min_width", "0.9", True),
        ("min_width", "0.7", False),
        ("stair_count", "1", False),
    ],
)
def test_what_a_wheelchair_does_not_pass(tmp_path: Path, columns: str, cells: str, *, rolls: bool) -> None:
    pathways = (
        f"pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional,length,{columns}\na,door,p1,1,1,12,{cells}\n"
    )
    _, stations, at = make(tmp_path, pathways=pathways)
    assert seconds(stations, at, "door p1") == 10
    assert (seconds(stations, at, "door p1", wheels=True) is not None) == rolls


def test_an_entrance_that_is_no_way_for_wheelchairs(tmp_path: Path) -> None:
    stops = STATION["stops"].replace(
        "lift,Ascenseur,47.00107914,4.0,2,st,street,", "lift,Ascenseur,47.001,4,2,st,street,2"
    )
    _, stations, at = make(tmp_path, stops=stops)
    street = np.full(len(at), -1, np.int32)
    street[at["lift"]] = 10
    assert enter(stations, street, backward=False)[0][at["p1"]] == 70
    assert enter(stations, street, backward=False, wheels=True)[0][at["p1"]] == -1


def test_a_feed_without_pathways_changes_nothing(tmp_path: Path) -> None:
    timetable, stations, at = make(tmp_path, pathways=PATHWAYS, levels="level_id,level_index\n")
    street = np.arange(len(at), dtype=np.int32)
    found, door = enter(stations, street, backward=False)
    assert (found == street).all()
    assert (door == -1).all()
    assert walk(timetable, stations, at, {("bus", "p1"): 80, ("p1", "away"): 700}) == {("bus", "p1"): 80}


def test_pathways_that_make_no_sense_are_left_out(tmp_path: Path) -> None:
    rows = ["a,door,nowhere,1,1,24,,,,", "b,door,door,1,1,24,,,,", "c,door,p1,9,1,24,,,,", "d,door,p1,1,1,-3,,,,", ""]
    _, stations, at = make(tmp_path, pathways=PATHWAYS + "\n".join(rows))
    assert len(stations.target) == 2
    assert seconds(stations, at, "door p1") == 0


def test_real_stations(test_data: Path) -> None:
    tables = read_feed_tables(test_data / "pathways-wmata.gtfs.zip")
    timetable = build(tables)
    stations = read_stations(tables, timetable)
    at = {name: row for row, name in enumerate(timetable.stop_ids.all())}
    assert stations.inside.sum() == 125  # every platform
    platform = at["PF_A15_C"]
    rows = range(stations.door_first[platform], stations.door_first[platform + 1])
    doors = {timetable.stop_ids.at(int(stations.door[row])): stations.door_seconds[row].tolist() for row in rows}
    assert doors == {
        "ENT_A15_W_EL": [258, 257, 412, 412],  # by lift to the hall, then moving stairs; rolling, two lifts
        "ENT_A15_W": [122, 110, -1, -1],
        "ENT_A15_E": [98, 97, 252, 252],
    }


def test_platforms_joined_one_way_are_not_crossed_the_other_way(tmp_path: Path) -> None:
    # no entrance is joined, so both are reached from the street; but between them the feed knows its station
    one_way = PATHWAYS + "gate,p1,p2,6,0,,10,,,\n"
    timetable, stations, at = make(tmp_path, pathways=one_way)
    pairs = {("bus", "p1"): 80, ("p1", "p2"): 9, ("p2", "p1"): 9}
    assert walk(timetable, stations, at, pairs) == {("bus", "p1"): 80, ("p1", "p2"): 10}
