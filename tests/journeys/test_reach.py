"""What is reached: at every stop the time of the journey that arrives first, areas that nest; also over HTTP."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
import shapely
from tests.journeys.conftest import Valley, at
from tests.journeys.text_network import clock, network, place

from mobigo.journeys import service
from mobigo.journeys.matrix import find_matrix
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.reach import find_reach

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from mobigo.journeys.network import Network
    from mobigo.journeys.reach import Reach

PARIS = ZoneInfo("Europe/Paris")
MONDAY = datetime(2026, 11, 23, tzinfo=PARIS)
BANDS = [5, 15, 30, 60]


def by_stop(found: Reach) -> dict[str, int]:
    ids = found.network.timetable.stop_ids
    return {ids.at(stop): seconds for stop, seconds in zip(found.stops.tolist(), found.seconds.tolist(), strict=True)}


def alone(net: Network, request: JourneyRequest, stop: str, limit: int) -> int | None:
    """Seconds of the best journey to (arriving: from) a stop, as a question of its own."""
    ends = (stop, request.origin) if request.arrive_by else (request.origin, stop)
    plan = service.plan(
        net,
        JourneyRequest(
            *ends,
            request.at,
            arrive_by=request.arrive_by,
            window=0,
            everything=True,
            budget=60,
            max_walk=request.max_walk,
            ondemand=False,
            carpool=False,
            walk_speed=request.walk_speed,
            forbid=request.forbid,
            max_transfers=request.max_transfers,
        ),
    )
    asked = request.at.timestamp()
    if request.arrive_by:
        ways = [asked - one.departure.timestamp() for one in plan.journeys if one.arrival.timestamp() <= asked]
    else:
        ways = [one.arrival.timestamp() - asked for one in plan.journeys]
    best = min(ways, default=limit + 1)
    return int(best) if best <= limit else None


@pytest.mark.parametrize("arrive_by", [False, True])
@pytest.mark.parametrize("wishes", [{}, {"walk_speed": 0.9}, {"forbid": ("stop:val:pont",)}, {"max_transfers": 0}])
def test_every_stop_is_reached_as_by_a_question_of_its_own(
    valley: Valley, wishes: dict[str, object], *, arrive_by: bool
) -> None:
    net = valley.network()
    for origin in (at(0), at(5000, 40), at(9800), "val:pont"):
        for minute in (7 * 60 + 40, 12 * 60 + 1, 17 * 60 + 20):
            when = MONDAY + timedelta(minutes=minute)
            request = JourneyRequest(origin, origin, when, arrive_by=arrive_by, max_walk=3600, budget=60, **wishes)  # type: ignore[arg-type]
            told = by_stop(find_reach(net, request, 7200))
            expected = {one: alone(net, request, one, 7200) for one in ("val:amont", "val:pont", "val:aval")}
            assert told == {stop: seconds for stop, seconds in expected.items() if seconds is not None}


def test_without_streets_one_walks_straight(tmp_path: Path) -> None:
    stops = {"a": 0.0, "b": 5000.0, "c": 5250.0, "d": 15_000.0}
    net = network(tmp_path, stops, {"one": "L a 08:00 b 08:10", "two": "M c 08:25 d 08:40", "far": "N a 08:05 d 12:00"})
    request = JourneyRequest(place(100), place(100), clock("07:50"), max_walk=3600, budget=60)
    found = find_reach(net, request, 2 * 3600)
    told = by_stop(found)
    assert told == {stop: alone(net, request, stop, 2 * 3600) for stop in stops}
    assert told["b"] == 20 * 60
    areas = found.areas([15, 60])
    assert areas[1].covers(areas[0])
    assert areas[1].contains(shapely.Point(*map(float, reversed(place(15_000).split(",")))))
    matrix = find_matrix(net, request, [place(100), "b"], ["c", "d", place(20_000_00)], 2 * 3600)
    assert matrix.complete
    assert matrix.seconds[0].tolist()[:2] == [told["c"], told["d"]]
    assert matrix.seconds[:, 2].tolist() == [-1, -1]
    assert matrix.changes[0].tolist() == [0, 1, -1]


def test_the_areas_nest_and_hold_what_is_reached(valley: Valley) -> None:
    net = valley.network()
    for arrive_by in (False, True):
        when = MONDAY + timedelta(hours=8, minutes=20)
        request = JourneyRequest(at(300), at(300), when, arrive_by=arrive_by, budget=60)
        found = find_reach(net, request, 3600)
        areas = found.areas(BANDS)
        for area, wider in pairwise(areas):
            assert area.is_valid
            assert wider.is_valid
            assert wider.buffer(1e-9).covers(area)
            assert wider.area >= area.area
        assert areas[-1].area > areas[0].area
        for stop, seconds in zip(found.stops.tolist(), found.seconds.tolist(), strict=True):
            point = shapely.Point(float(net.timetable.stop_lon[stop]), float(net.timetable.stop_lat[stop]))
            assert areas[-1].covers(point)
            assert seconds > 60 * BANDS[0] or areas[0].covers(point)
        # a field that nobody walks to lies in none
        lat, lon = (float(word) for word in at(5000, 700).split(","))
        assert not areas[-1].covers(shapely.Point(lon, lat))


def test_reach_over_http(http: httpx.Client) -> None:
    question = {"from": at(0), "at": "2026-11-23T07:50", "minutes": "30,15"}
    answer = http.get("/v1/reach", params=question).raise_for_status().json()
    assert [band["properties"]["minutes"] for band in answer["bands"]["features"]] == [15, 30]
    assert [(one["id"], one["seconds"], one["changes"], one["on_foot"]) for one in answer["stops"]] == [
        ("val:amont", 338, 0, True),
        ("val:pont", 720, 0, False),
        ("val:aval", 1500, 0, False),
    ]
    assert [band["properties"]["stops"] for band in answer["bands"]["features"]] == [2, 3]
    assert answer["complete"]
    shown = http.get("/v1/reach", params=question, headers={"Accept": "application/geo+json"})
    assert shown.headers["content-type"] == "application/geo+json"
    assert all(shapely.geometry.shape(one["geometry"]).is_valid for one in shown.json()["features"])
    far = http.get("/v1/reach", params={"from": "10,10"}).raise_for_status().json()
    assert (far["reason"], far["stops"]) == ("outside_area", [])
    assert http.get("/v1/reach", params={"from": "val:none"}).json()["code"] == "unknown_stop"
    assert http.get("/v1/reach", params={"from": at(0), "minutes": "200"}).status_code == 422


@pytest.mark.parametrize("arrive_by", [False, True])
def test_a_matrix_is_the_pairs_one_by_one(http: httpx.Client, valley: Valley, *, arrive_by: bool) -> None:
    net = valley.network()
    places = [at(0), "val:pont", at(9800), at(5000, 30)]
    when = MONDAY + timedelta(hours=12 if not arrive_by else 17, minutes=30 if arrive_by else 0)
    asked = {
        "origins": places,
        "destinations": places[::-1],
        "at": when.isoformat(),
        "arrive_by": arrive_by,
        "max_walk_minutes": 60,
    }
    answer = http.post("/v1/matrix", json=asked).raise_for_status().json()
    request = JourneyRequest(places[0], places[0], when, arrive_by=arrive_by, max_walk=3600, budget=60)
    for origin, row in zip(places, answer["seconds"], strict=True):
        for destination, seconds in zip(places[::-1], row, strict=True):
            near, far = (destination, origin) if arrive_by else (origin, destination)
            one = JourneyRequest(near, near, when, arrive_by=arrive_by, max_walk=3600, budget=60)
            known = alone(net, one, far, 180 * 60)
            assert (seconds is None) == (known is None), (origin, destination)
            assert seconds is None or known is None or abs(seconds - known) <= 1, "but for a part of a second on foot"
    assert request.arrive_by is arrive_by
    text = http.post("/v1/matrix", json=asked, headers={"Accept": "text/csv"}).raise_for_status().text
    assert text.splitlines()[0] == "origin,destination,seconds,changes"
    assert len(text.splitlines()) == 17


def test_the_page_shows_it(http: httpx.Client) -> None:
    asked = {"from": "Chez moi", "from_place": f"{at(0)}|Chez moi", "date": "2026-11-23", "time": "07:50", "lang": "en"}
    shown = http.get("/reach", params=asked)
    assert shown.status_code == 200
    assert shown.text.count('<path class="band') == 4
    assert "Amont" in shown.text
    assert http.get("/reach").status_code == 200


@pytest.mark.parametrize("arrive_by", [False, True])
def test_times_over_a_window_are_those_of_each_minute(valley: Valley, *, arrive_by: bool) -> None:
    net, places = valley.network(), ["val:amont", "val:pont", at(9700), at(0, 30_000)]
    when = MONDAY + (timedelta(hours=8, minutes=5) if arrive_by else timedelta(hours=7, minutes=45))
    request = JourneyRequest("", "", when, arrive_by=arrive_by, budget=60)
    window = 25
    asked = [
        find_matrix(
            net, replace(request, at=request.at + timedelta(minutes=-n if arrive_by else n)), *[places] * 2, 5400
        )
        for n in range(window + 1)
    ]
    found = find_matrix(net, request, places, places, 5400, window=window)
    assert found.complete
    assert (found.seconds.tolist(), found.changes.tolist()) == (asked[0].seconds.tolist(), asked[0].changes.tolist())
    assert found.window is not None
    spread = set()
    for a in range(len(places)):
        for b in range(len(places)):
            times = sorted(int(one.seconds[a, b]) for one in asked if one.seconds[a, b] >= 0)
            told = [int(table[a, b]) for table in (found.window.least, found.window.median, found.window.most)]
            half, missing = window // 2 + 1, window + 1 - len(times)
            assert told == [
                times[0] if times else -1,
                times[half - 1] if len(times) >= half else -1,
                -1 if missing else times[-1],
            ]
            assert int(found.window.reached[a, b]) == len(times)
            spread.add(tuple(told))
    assert len(spread) > 3


def test_a_window_worked_out_by_hand(tmp_path: Path) -> None:
    # one leaves at every minute from 08:00 to 08:20 (21 of them): until 08:10 for the bus of 08:10, which arrives at
    # 08:30: 30 to 20 minutes, then for that of 08:18, there at 08:48: 37 to 30 minutes; at 08:19 and 08:20 none is left
    net = network(tmp_path, {"a": 0.0, "b": 9000.0}, {"one": "L a 08:10 b 08:30", "two": "L a 08:18 b 08:48"})
    request = JourneyRequest("a", "a", clock("08:00"), max_walk=600, budget=60)
    found = find_matrix(net, request, ["a"], ["b"], 3600, window=20)
    assert found.window is not None
    told = (found.window.least, found.window.median, found.window.most, found.window.reached)
    assert [int(table[0, 0]) for table in told] == [20 * 60, 30 * 60, -1, 19]
    # sorted: 20, 21, ... 29, 30, 30, 31, ...: the eleventh of 21 is 30 minutes
    assert int(found.seconds[0, 0]) == 30 * 60


def test_a_window_over_http(http: httpx.Client) -> None:
    asked = {"origins": ["val:amont"], "destinations": ["val:aval"], "at": "2026-11-23T07:50", "window_minutes": 10}
    answer = http.post("/v1/matrix", json=asked).raise_for_status().json()
    # at 08:00 the bus of 08:00 is still there
    assert answer["window"] == {
        "minutes": 10,
        "least_seconds": [[15 * 60]],
        "median_seconds": [[20 * 60]],
        "most_seconds": [[25 * 60]],
        "reached_minutes": [[11]],
    }
    text = http.post("/v1/matrix", json=asked, headers={"Accept": "text/csv"}).raise_for_status().text
    assert text.splitlines() == [
        "origin,destination,seconds,changes,least_seconds,median_seconds,most_seconds,reached_minutes",
        "val:amont,val:aval,1500,0,900,1200,1500,11",
    ]
    assert http.post("/v1/matrix", json=asked | {"window_minutes": 0}).json()["window"] is None
    hurried = http.post("/v1/matrix", json=asked | {"window_minutes": 180, "budget_ms": 10}).json()
    assert hurried["complete"] or hurried["missing"] == [0]


def test_a_matrix_is_bounded(http: httpx.Client) -> None:
    refused = http.post("/v1/matrix", json={"origins": ["val:pont"] * 101, "destinations": ["val:pont"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
    assert http.post("/v1/matrix", json={"origins": ["x"], "destinations": ["val:pont"]}).status_code == 404
