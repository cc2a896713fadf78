from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.journey_checker import Checker, Question

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FEED = {
    "agency": "agency_id,agency_timezone\none,Europe/Paris",
    "stops": "stop_id,stop_name,stop_lat,stop_lon\nA,Alpha,47.49,4.33\nB,Beta,47.50,4.33\nC,Gamma,47.51,4.33",
    "routes": "route_id,route_type\nr,3",
    "trips": "trip_id,route_id,service_id,block_id\nT1,r,w,v\nT2,r,w,v\nF,r,w,",
    "calendar_dates": "service_id,date,exception_type\nw,20260610,1",
    "stop_times": (
        "trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type\n"
        "T1,1,A,08:00:00,08:00:00,0,1\nT1,2,B,08:10:00,08:10:00,1,0\n"
        "T2,1,B,08:15:00,08:15:00,0,0\nT2,2,C,08:30:00,08:30:00,0,0\n"
        "F,1,A,00:00:00,00:00:00,0,0\nF,2,B,00:10:00,00:10:00,0,0"
    ),
    "frequencies": "trip_id,start_time,end_time,headway_secs\nF,24:00:00,25:00:00,900",
}


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    for name, text in FEED.items():
        (tmp_path / f"{name}.txt").write_text(text)
    return Checker({"demo": tmp_path})


def at(text: str, day: int = 10) -> str:
    return f"2026-06-{day}T{text}:00+02:00"


def place(name: str, lat: float, lon: float = 4.33, stop: str | None = None) -> dict[str, Any]:
    return {"name": name, "lat": lat, "lon": lon, "stop_id": stop}


HOME, A = place("home", 47.4895), place("Alpha", 47.49, stop="demo:A")
B, C = place("Beta", 47.50, stop="demo:B"), place("Gamma", 47.51, stop="demo:C")
GOOD: dict[str, Any] = {
    "id": "1",
    "departure": at("07:58"),
    "arrival": at("08:30"),
    "transfers": 0,
    "legs": [
        {"mode": "walk", "from": HOME, "to": A, "departure": at("07:58"), "arrival": at("08:00"), "trip_id": None},
        {"mode": "bus", "from": A, "to": B, "departure": at("08:00"), "arrival": at("08:10"), "trip_id": "demo:T1"},
        {"mode": "bus", "from": B, "to": C, "departure": at("08:15"), "arrival": at("08:30"), "trip_id": "demo:T2"},
    ],
}
ASKED = Question("47.4895,4.33", "47.51,4.33", datetime.fromisoformat(at("07:50")))


def check(checker: Checker, journey: dict[str, Any], asked: Question = ASKED) -> list[str]:
    return checker.check_answer(asked, {"journeys": [journey], "reason": None})


def test_a_true_journey_passes(checker: Checker) -> None:
    assert check(checker, GOOD) == []


def test_two_vehicles_of_different_blocks_are_one_transfer(checker: Checker) -> None:
    checker.feeds["demo"].trips["T2"]["block_id"] = ""
    assert check(checker, GOOD) == ["journey 0: it says 0 transfers, 2 vehicles with 0 stays make 1"]


LIES: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("does not carry", lambda j: j["legs"][1].update(arrival=at("08:09"))),
    ("does not carry", lambda j: j["legs"][2].update(departure=at("08:16"))),
    ("is in no feed", lambda j: j["legs"][1].update(trip_id="demo:T9")),
    ("does not lie at", lambda j: j["legs"][1]["from"].update(lat=47.4902)),
    ("leg 2 leaves", lambda j: j["legs"][2].update(departure=at("08:05"))),
    ("it walks 56 m in 10 s", lambda j: j["legs"][0].update(arrival="2026-06-10T07:58:10+02:00")),
    ("s to walk 56 m", lambda j: (j.update(departure=at("07:00")), j["legs"][0].update(departure=at("07:00")))),
    ("without offset", lambda j: j.update(arrival="2026-06-10T08:30:00")),
    ("its arrival is", lambda j: j.update(arrival=at("08:31"))),
    ("2 transfers", lambda j: j.update(transfers=2)),
    ("it begins at", lambda j: j["legs"][0]["from"].update(lat=47.4875)),
    ("it ends at", lambda j: j["legs"].pop()),
    ("the next begins at", lambda j: j["legs"].pop(1)),
    ("two walks in a row", lambda j: j["legs"].insert(0, dict(j["legs"][0], to=HOME, arrival=at("07:58")))),
    ("off its to place", lambda j: j["legs"][0].update(geometry={"coordinates": [[4.33, 47.4895], [4.33, 47.6]]})),
]


@pytest.mark.parametrize(("words", "lie"), LIES, ids=[f"{n}-{words}" for n, (words, _) in enumerate(LIES)])
def test_every_lie_is_found(checker: Checker, words: str, lie: Callable[[dict[str, Any]], object]) -> None:
    journey = copy.deepcopy(GOOD)
    lie(journey)
    assert any(words in fault for fault in check(checker, journey)), check(checker, journey)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"at": datetime.fromisoformat(at("07:59"))}, "before"),
        ({"at": datetime.fromisoformat(at("08:29")), "arrive_by": True}, "after"),
        ({"at": datetime.fromisoformat(at("07:00")), "window_minutes": 30}, "after the window"),
        ({"at": datetime.fromisoformat(at("09:30")), "arrive_by": True, "window_minutes": 30}, "before the window"),
    ],
)
def test_a_journey_outside_the_time_asked_is_found(checker: Checker, change: dict[str, Any], words: str) -> None:
    assert any(words in fault for fault in check(checker, GOOD, ASKED._replace(**change)))


@pytest.mark.parametrize(("side", "leg"), [("pickup", 2), ("drop_off", 1)])
def test_getting_on_or_off_where_it_is_forbidden_is_found(checker: Checker, side: str, leg: int) -> None:
    trip, call = ("T2", 0) if side == "pickup" else ("T1", 1)
    calls = checker.feeds["demo"].calls[trip]
    calls[call] = calls[call]._replace(**{side: "1"})
    assert f"leg {leg}: trip {trip} does not carry" in " ".join(check(checker, GOOD))


def test_a_trip_that_does_not_run_that_day_is_found(checker: Checker) -> None:
    shifted = copy.deepcopy(GOOD)
    for thing in (shifted, *shifted["legs"]):
        for key in ("departure", "arrival"):
            thing[key] = (datetime.fromisoformat(thing[key]) + timedelta(days=1)).isoformat()
    assert "does not carry" in " ".join(check(checker, shifted))


@pytest.mark.parametrize(("minute", "faults"), [(15, 0), (20, 1)])
def test_frequencies_after_midnight_are_known(checker: Checker, minute: int, faults: int) -> None:
    leaves, arrives = at(f"00:{minute}", 11), at(f"00:{minute + 10}", 11)
    ride = {"mode": "bus", "from": A, "to": B, "departure": leaves, "arrival": arrives, "trip_id": "demo:F"}
    journey = {"id": "f", "departure": leaves, "arrival": arrives, "transfers": 0, "legs": [ride]}
    asked = Question("demo:A", "demo:B", datetime.fromisoformat(at("23:00")))
    assert len(check(checker, journey, asked)) == faults


def test_an_empty_answer_needs_a_reason(checker: Checker) -> None:
    assert checker.check_answer(ASKED, {"journeys": [], "reason": None}) == ["no journey and no reason"]
