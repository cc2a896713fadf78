"""transfers.txt in full: which rule prevails, what it does, whom it concerns; every answer worked out by hand."""

from __future__ import annotations

from datetime import date, datetime
from itertools import combinations, permutations
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from tests.random_feeds import Case, make_case
from tests.transit.test_route_against_oracle import compare

from mobigo.kernels.trip_based import change_seconds, find_special
from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.model import Direction, Ride
from mobigo.transit.timetable import Timetable, build, day_number
from mobigo.transit.transfers import Rule, find_rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ZONE = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 11, 23)
HEADER = [f"{side}_{what}_id" for what in ("stop", "route", "trip") for side in ("from", "to")]
HEADER += ["transfer_type", "min_transfer_time"]

TOWN = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\n1,A,http://a,Europe/Paris\n",
    # S is the station of B and C, 111 m apart: no link joins them
    "stops": (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
        "S,S,47.1005,4.0,1,\nA,A,47.0,4.0,0,\nB,B,47.1,4.0,0,S\nC,C,47.101,4.0,0,S\nD,D,47.3,4.0,0,\n"
    ),
    "routes": "route_id,agency_id,route_short_name,route_type\nR,1,R,3\nQ,1,Q,3\nX,1,X,3\n",
    "trips": "route_id,service_id,trip_id,block_id\nR,w,t,\nQ,w,u,\nQ,w,v,\nX,w,c,\n",
    "calendar_dates": "service_id,date,exception_type\nw,20261123,1\n",
    # t A 08:00 B 08:10; u B 08:12 D 08:20; v B 08:30 D 08:40; c C 08:15 D 08:25
    "stop_times": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t,08:00:00,08:00:00,A,1\nt,08:10:00,08:10:00,B,2\n"
        "u,08:12:00,08:12:00,B,1\nu,08:20:00,08:20:00,D,2\n"
        "v,08:30:00,08:30:00,B,1\nv,08:40:00,08:40:00,D,2\n"
        "c,08:15:00,08:15:00,C,1\nc,08:25:00,08:25:00,D,2\n"
    ),
}


def make(folder: Path, *rules: str, **changed: str) -> Timetable:
    """The town with rules "FROM TO TYPE [SECONDS] [from_trip=t ...]"."""
    rows = []
    for rule in rules:
        words = rule.split()
        named = dict(word.split("=") for word in words if "=" in word)
        plain = dict(
            zip(
                ("from_stop_id", "to_stop_id", "transfer_type", "min_transfer_time"),
                (word.strip("-") for word in words if "=" not in word),
                strict=False,
            )
        )
        row = plain | {f"{name}_id": value for name, value in named.items()}
        rows.append(",".join(row.get(column, "") for column in HEADER))
    for name, text in (TOWN | changed).items():
        (folder / f"{name}.txt").write_text(text)
    (folder / "transfers.txt").write_text("\n".join([",".join(HEADER), *rows, ""]))
    return build(read_feed_tables(folder))


def at(clock: str) -> int:
    return int(datetime.fromisoformat(f"{MONDAY}T{clock}").replace(tzinfo=ZONE).timestamp())


def ask(timetable: Timetable, names: str = "AD", **more: int) -> list[str]:
    """The answers to a question at 07:00 on the first day (arriving: at 12:00): clock times, transfers, trips."""
    views = DayViews(timetable, link_stops(timetable))
    stops, trips = timetable.stop_ids.all(), timetable.trip_ids.all()
    direction = Direction(more.pop("direction", 0))
    moment = at("12:00" if direction else "07:00")
    query = routing.ask(views, *(stops.index(name) for name in names), moment, direction=direction, **more)
    said = []
    for one in routing.search(views, query):
        assert all(a.arrival <= b.departure for a, b in zip(one.legs, one.legs[1:], strict=False))
        clocks = " ".join(f"{datetime.fromtimestamp(time, ZONE):%H:%M}" for time in (one.departure, one.arrival))
        vehicles = " ".join(trips[leg.trip] if isinstance(leg, Ride) else "-" for leg in one.legs)
        said.append(f"{clocks} {one.transfers} {vehicles}")
    return said


def ride(timetable: Timetable, trip: str, from_stop: str, to_stop: str) -> Ride:
    stops = timetable.stop_ids.all()
    row = timetable.trip_ids.all().index(trip)
    return Ride(row, MONDAY, 0, 1, stops.index(from_stop), stops.index(to_stop), 0, 0)


BY_U, BY_V = ["08:00 08:20 1 t u"], ["08:00 08:40 1 t v"]

RANKS = (
    "from_trip=t to_trip=u",
    "from_trip=t to_route=Q",
    "to_trip=u",
    "from_route=R to_route=Q",
    "to_route=Q",
    "",
)
"""By whom a rule can be meant that says how long it takes from t to u, the most specific first."""


@pytest.mark.parametrize(("strong", "weak"), list(combinations(RANKS, 2)))
def test_the_most_specific_rule_prevails(strong: str, weak: str, tmp_path: Path) -> None:
    for seconds, answer in (((0, 300), BY_U), ((300, 0), BY_V)):
        rules = [f"B B 2 {n} {names}" for n, names in zip(seconds, (strong, weak), strict=True)]
        for order in permutations(rules):
            timetable = make(tmp_path, *order)
            assert ask(timetable) == answer, order
            assert ask(timetable, direction=1) == answer
            found = find_rule(timetable, ride(timetable, "t", "A", "B"), ride(timetable, "u", "B", "D"))
            assert found == Rule(2, seconds[0])


def test_of_rules_that_name_as_much_the_one_for_the_stops_then_the_first_counts(tmp_path: Path) -> None:
    names = "from_trip=t to_trip=u"
    assert ask(make(tmp_path, f"S S 2 300 {names}", f"B B 2 0 {names}")) == BY_U
    assert ask(make(tmp_path, f"S B 2 300 {names}", f"S S 2 0 {names}")) == BY_V
    assert ask(make(tmp_path, f"B B 2 300 {names}", f"B B 2 0 {names}")) == BY_V
    assert ask(make(tmp_path, f"B B 2 0 {names}", f"B B 2 300 {names}")) == BY_U
    assert ask(make(tmp_path, "B B 2 300 from_trip=t", "B B 2 0 to_trip=u")) == BY_V
    assert ask(make(tmp_path, "S S 2 301 from_trip=t", "B B 2 0")) == BY_V  # a name counts more than a stop


def test_minimum_times_are_to_the_second(tmp_path: Path) -> None:
    assert ask(make(tmp_path, "B B 2 120 to_trip=u")) == BY_U
    assert ask(make(tmp_path, "B B 2 121 to_trip=u")) == BY_V


def test_a_rule_concerns_nobody_else(tmp_path: Path) -> None:
    for names in (
        "to_trip=v",
        "from_route=Q",
        "to_route=X",
        "from_trip=u to_trip=u",
        "from_trip=unknown",
        "to_route=no",
    ):
        assert ask(make(tmp_path, f"B B 3 - {names}")) == BY_U, names
    assert ask(make(tmp_path, "A B 3 - from_trip=t", "B C 3 - to_trip=u", "no B 3 - to_trip=u")) == BY_U


def test_a_side_that_names_a_trip_and_a_route_means_the_trip(tmp_path: Path) -> None:
    assert ask(make(tmp_path, "B B 3 - to_trip=u to_route=Q", "B B 3 - to_route=Q")) == []
    assert ask(make(tmp_path, "B B 3 - to_trip=u to_route=Q")) == BY_V
    assert ask(make(tmp_path, "B B 3 - to_trip=u to_route=no")) == BY_V


def test_a_change_may_be_forbidden_to_some_and_allowed_to_some(tmp_path: Path) -> None:
    assert ask(make(tmp_path, "B B 3 - to_trip=u")) == BY_V
    assert ask(make(tmp_path, "B B 3 - to_route=Q")) == []
    assert ask(make(tmp_path, "B B 3")) == []
    assert ask(make(tmp_path, "B B 3", "B B 0 - to_trip=v")) == BY_V
    assert ask(make(tmp_path, "B B 3 - from_route=R", "B B 1 - from_trip=t to_trip=u")) == BY_U
    # the street is there for the first walk, and nothing is changed at an end
    assert ask(make(tmp_path, "B B 3"), "BD") == ["08:12 08:20 0 u"]


def test_stops_that_no_walk_joins_are_joined_for_the_named_ones_only(tmp_path: Path) -> None:
    only_c = {"trips": "route_id,service_id,trip_id,block_id\nR,w,t,\nX,w,c,\n"}
    only_c["stop_times"] = "\n".join(row for row in TOWN["stop_times"].splitlines() if not row.startswith(("u,", "v,")))
    assert ask(make(tmp_path, **only_c)) == []
    for names in ("to_trip=c", "from_route=R", "from_trip=t to_route=X"):
        timetable = make(tmp_path, f"B C 2 240 {names}", **only_c)
        assert ask(timetable) == ["08:00 08:25 1 t - c"]
        assert ask(timetable, direction=1) == ["08:00 08:25 1 t - c"]
        assert ask(timetable, "BD") == []  # a walk of changes, no first one
        assert ask(make(tmp_path, f"B C 2 301 {names}", **only_c)) == []
    assert ask(make(tmp_path, "B C 2 240 to_trip=other", **only_c)) == []
    # without a time the straight line: 111.2 m, 93 s
    assert ask(make(tmp_path, "S S 1 - to_trip=c", **only_c)) == ["08:00 08:25 1 t - c"]
    timetable = make(tmp_path, "S S 1 - to_trip=c", **only_c)
    view = DayViews(timetable, link_stops(timetable)).view(day_number(MONDAY), Direction.DEPART)
    b, c = (timetable.stop_ids.all().index(name) for name in "BC")
    (walk,) = [row for row in range(view.walk_first[b], view.walk_first[b + 1]) if view.walk_target[row] == c]
    assert (view.walk_change[walk], view.special_change[view.special_first[walk]]) == (-1, 93)


def test_a_rule_quicker_than_the_walk_shows_no_longer_walk_than_there_is_time(tmp_path: Path) -> None:
    timetable = make(
        tmp_path,
        "B C 2 240",
        "B C 2 60 to_trip=c",
        stop_times=TOWN["stop_times"].replace("08:15:00,08:15:00,C", "08:11:00,08:11:00,C").replace("08:25", "08:18"),
    )
    assert ask(timetable) == ["08:00 08:18 1 t - c"]  # and no leg overlaps, as `ask` sees


def test_waiting_vehicles_are_known_to_the_views(tmp_path: Path) -> None:
    timetable = make(tmp_path, "B B 1", "B B 2 60 to_trip=u", "B B 1 30 from_trip=t to_trip=v", "B B 0 - from_trip=v")
    for direction in Direction:
        view = DayViews(timetable, link_stops(timetable)).view(day_number(MONDAY), direction)
        b = timetable.stop_ids.all().index("B")
        (walk,) = [row for row in range(view.walk_first[b], view.walk_first[b + 1]) if view.walk_target[row] == b]
        assert view.walk_guaranteed[walk] == 1
        of = {name: line_class(timetable, view, name) for name in "tuv"}
        for left, boarded, seconds, waits in (("t", "u", 60, 0), ("t", "v", 30, 1)):
            pair = (of[left], of[boarded]) if direction is Direction.DEPART else (of[boarded], of[left])
            row = find_special(view, np.int64(walk), *map(np.int64, pair))
            assert (view.special_change[row], view.special_guaranteed[row]) == (seconds, waits), (left, boarded)
            assert change_seconds(view, np.int64(walk), *map(np.int64, pair)) == seconds
        turned = (of["u"], of["t"]) if direction is Direction.DEPART else (of["t"], of["u"])
        assert find_special(view, np.int64(walk), *map(np.int64, turned)) == -1


def line_class(timetable: Timetable, view: routing.DayView, trip: str) -> int:
    (number, *_) = np.flatnonzero(view.trip_row == timetable.trip_ids.all().index(trip))
    return int(view.line_class[view.trip_line[number]])


def test_an_early_arrival_that_may_not_change_does_not_hide_a_later_one_that_may(tmp_path: Path) -> None:
    # after t, s leaves for B by route X and is there first, but only route Q changes to z there
    feed = {
        "trips": "route_id,service_id,trip_id,block_id\nR,w,t,\nX,w,s,\nQ,w,q,\nR,w,z,\n",
        "stop_times": (
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
            "t,08:00:00,08:00:00,A,1\nt,08:05:00,08:05:00,C,2\n"
            "s,08:06:00,08:06:00,C,1\ns,08:08:00,08:08:00,B,2\n"
            "q,08:06:00,08:06:00,C,1\nq,08:09:00,08:09:00,B,2\n"
            "z,08:10:00,08:10:00,B,1\nz,08:20:00,08:20:00,D,2\n"
        ),
    }
    assert ask(make(tmp_path, "B B 3 - from_route=X", **feed)) == ["08:00 08:20 2 t q z"]
    assert ask(make(tmp_path, "B B 2 121 from_route=X", **feed), direction=1) == ["08:00 08:20 2 t q z"]
    assert ask(make(tmp_path, "B B 3", "B B 0 - from_route=Q", **feed), window=3_600) == ["08:00 08:20 2 t q z"]


# --- linked trips ----------------------------------------------------------------------------------------------------

SEATED = "08:00 08:20 0 t u"


def test_linked_trips_take_the_place_of_the_block(tmp_path: Path) -> None:
    block = {"trips": TOWN["trips"].replace("t,\n", "t,x\n").replace("v,\n", "v,x\n")}
    forbidden = "B B 3"
    assert ask(make(tmp_path, forbidden, **block)) == ["08:00 08:40 0 t v"]
    assert ask(make(tmp_path, forbidden, "- - 4 from_trip=t to_trip=u", **block)) == [SEATED]
    assert ask(make(tmp_path, forbidden, "- - 5 from_trip=t to_trip=v", **block)) == []
    both = ("- - 4 from_trip=t to_trip=u", "- - 4 from_trip=t to_trip=v")
    assert ask(make(tmp_path, forbidden, *both, **block)) == [SEATED]
    assert ask(make(tmp_path, forbidden, *both, "- - 5 from_trip=t to_trip=u", **block)) == ["08:00 08:40 0 t v"]


def test_trips_are_linked_over_midnight_into_the_next_service_day(tmp_path: Path) -> None:
    late = TOWN["stop_times"].replace("08:00:00,08:00:00,A", "23:50:00,23:50:00,A")
    late = late.replace("t,08:10:00,08:10:00", "t,24:05:00,24:05:00")
    early = late.replace("u,08:12:00,08:12:00", "u,00:10:00,00:10:00").replace(
        "u,08:20:00,08:20:00", "u,00:20:00,00:20:00"
    )
    link, days = "- - 4 from_trip=t to_trip=u", TOWN["calendar_dates"] + "w,20261124,1\n"
    assert ask(make(tmp_path, "B B 3", link, stop_times=early, calendar_dates=days)) == ["23:50 00:20 0 t u"]
    assert ask(make(tmp_path, "B B 3", "- - 5 from_trip=t to_trip=u", stop_times=early, calendar_dates=days)) == []
    # u of 08:12 is of the next day too; of the same day where its times go past midnight
    assert ask(make(tmp_path, "B B 3", link, stop_times=late, calendar_dates=days)) == ["23:50 08:20 0 t u"]
    past = early.replace("u,00:10:00,00:10:00", "u,24:10:00,24:10:00").replace(
        "u,00:20:00,00:20:00", "u,24:20:00,24:20:00"
    )
    assert ask(make(tmp_path, "B B 3", link, stop_times=past, calendar_dates=days)) == ["23:50 00:20 0 t u"]


def test_a_vehicle_may_split_and_join(tmp_path: Path) -> None:
    split = ("B B 3", "- - 4 from_trip=t to_trip=u", "- - 4 from_trip=t to_trip=c")
    other = TOWN["stop_times"].replace("c,08:25:00,08:25:00,D", "c,08:25:00,08:25:00,A")
    assert ask(make(tmp_path, *split, stop_times=other), "AD") == [SEATED]
    assert ask(make(tmp_path, *split, stop_times=other), "AA", window=1) == ["07:00 07:00 0 "]
    join = ("B B 3", "B C 3", "- - 4 from_trip=t to_trip=c", "- - 4 from_trip=u to_trip=c")
    ends = TOWN["stop_times"].replace("u,08:12:00,08:12:00,B", "u,08:02:00,08:02:00,D")
    ends = ends.replace("u,08:20:00,08:20:00,D", "u,08:10:00,08:10:00,C")
    assert ask(make(tmp_path, *join, stop_times=ends), "AD") == ["08:00 08:25 0 t c"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    still = "".join(
        f"{row.split(',')[0]},08:10:00,08:10:00,{row.split(',', 3)[3]}\n" if row[0] in "uv" else f"{row}\n"
        for row in TOWN["stop_times"].splitlines()
    )
    circle = ("- - 4 from_trip=u to_trip=v", "- - 4 from_trip=v to_trip=u", "- - 4 from_trip=u to_trip=u")
    assert ask(make(tmp_path, *circle, stop_times=still)) == ["08:00 08:10 1 t u"]


# --- random feeds ----------------------------------------------------------------------------------------------------


def name_some(rng: Random, case: Case) -> Case:
    """Give rules of a random feed the names of trips and routes, and link some trips."""
    tables = case.tables
    routes = {row["trip_id"]: row["route_id"] for row in tables["trips"]}
    rows = [dict(row) for row in tables["transfers"]]
    stops = [row["stop_id"] for row in tables["stop_times"]]
    for _ in range(rng.randint(1, 8)):
        stop = rng.choice(stops)
        rows.append(
            {
                "from_stop_id": stop,
                "to_stop_id": stop if rng.random() < 0.6 else rng.choice(stops),
                "transfer_type": rng.choice("0122333"),
                "min_transfer_time": rng.choice(("", "0", "60", "300", "600", "1200")),
            }
        )
    for row in rows:
        if row["transfer_type"] in ("4", "5"):
            continue
        for side in ("from", "to"):
            draw = rng.random()
            if draw < 0.35:
                row[f"{side}_trip_id"] = rng.choice(list(routes))
            if 0.25 < draw < 0.65:
                row[f"{side}_route_id"] = routes[row.get(f"{side}_trip_id") or rng.choice(list(routes))]
    if rng.random() < 0.4:
        rows += [
            {
                "transfer_type": rng.choice("4445"),
                "from_trip_id": rng.choice(list(routes)),
                "to_trip_id": rng.choice(list(routes)),
            }
            for _ in range(rng.randint(1, 4))
        ]
    rng.shuffle(rows)
    return Case(tables | {"transfers": rows}, case.queries, case.link_metres, case.change_seconds, case.footpaths)


def differing(seeds: Sequence[int], folder: Path) -> dict[int, list[str]]:
    found = {}
    for seed in seeds:
        rng = Random(seed)
        if faults := compare(name_some(rng, make_case(rng)), folder):
            found[seed] = faults
    return found


def test_random_feeds_with_names_agree_with_the_exhaustive_search(tmp_path: Path) -> None:
    assert differing(range(40), tmp_path) == {}


@pytest.mark.slow
def test_thousands_of_random_feeds_with_names_agree(tmp_path: Path) -> None:
    assert differing(range(1_000, 3_000), tmp_path) == {}
