"""What a traveller asks besides place and time, from the request to the journeys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.journeys.text_network import ask, clock, network, place, told

from mobigo.journeys.model import Criterion, JourneyRequest, Label, Mode
from mobigo.journeys.parameters import Asked
from mobigo.journeys.search import open_search
from mobigo.journeys.wishes import price
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.transit.model import Direction

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.model import Plan
    from mobigo.journeys.network import Network

ROW = {"a": 0.0, "b": 3000.0, "c": 6000.0, "d": 9000.0}
AGENCIES = """
    agency_id,agency_name,agency_url,agency_timezone
    V,Cars du Val,https://val.example,Europe/Paris
    T,Trams,https://trams.example,Europe/Paris
"""
ROUTES = """
    route_id,agency_id,route_short_name,route_type
    fast,T,Fast,0
    slow,V,Slow,3
    round,V,Round,3
"""


@pytest.fixture
def net(tmp_path: Path) -> Network:
    """A tram in 20 minutes, a bus in 35, a bus by way of b in 50."""
    trips = {
        "f": "fast a 08:00 c 08:20",
        "s": "slow a 08:00 c 08:35",
        "r": "round a 08:00 b 08:20 c 08:50",
    }
    return network(tmp_path, ROW, trips, agency=AGENCIES, routes_txt=ROUTES)


def lines(plan: Plan) -> list[str]:
    return [leg.line.name for journey in plan.journeys for leg in journey.legs if leg.line]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({}, ["Fast"]),
        ({"only": ("mode:bus",)}, ["Slow"]),
        ({"only": ("line:round", "line:slow")}, ["Slow"]),
        ({"only": ("line:round",)}, ["Round"]),
        ({"only": ("agency:V",)}, ["Slow"]),
        ({"only": ("mode:bus", "agency:T")}, []),  # kinds go together
        ({"forbid": ("mode:tram",)}, ["Slow"]),
        ({"forbid": ("agency:T", "line:slow")}, ["Round"]),
        ({"forbid": ("stop:c",)}, []),
        ({"avoid": ("mode:tram",)}, ["Slow"]),  # 15 minutes later
        ({"avoid": ("agency:T", "line:slow")}, ["Fast", "Round"]),  # 30 minutes are a lot: both
        ({"prefer": ("line:slow",)}, ["Fast", "Slow"]),  # 15 minutes are more than 10
        ({"vias": (("b", 0),)}, ["Round"]),
    ],
)
def test_lines_asked_for_and_not(net: Network, wish: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    assert lines(ask(net, "a", "c", "07:55", window=0, **wish)) == expected


def test_a_line_preferred_for_ten_minutes(tmp_path: Path) -> None:
    trips = {"f": "fast a 08:00 c 08:20", "s": "slow a 08:00 c 08:30"}
    net = network(tmp_path, ROW, trips, agency=AGENCIES, routes_txt=ROUTES)
    assert lines(ask(net, "a", "c", "07:55", window=0)) == ["Fast"]
    plan = ask(net, "a", "c", "07:55", window=0, prefer=("line:slow",))
    assert lines(plan) == ["Slow"]
    assert [brief.lines for brief in plan.more] == [("Fast",)]


@pytest.mark.parametrize("word", ["line:none", "agency:none", "stop:none"])
def test_what_is_not_there_is_said(net: Network, word: str) -> None:
    with pytest.raises(NotFound, match=f"no {word.split(':', maxsplit=1)[0]} 'none'"):
        ask(net, "a", "c", "07:55", forbid=(word,))


@pytest.mark.parametrize("word", ["mode:rocket", "colour:red", "tram"])
def test_words_that_mean_nothing_are_said(net: Network, word: str) -> None:
    with pytest.raises(InvalidInput, match=word):
        ask(net, "a", "c", "07:55", forbid=(word,))
    with pytest.raises(InvalidInput, match="via"):
        ask(net, "a", "c", "07:55", only=("stop:b",))


def test_a_stay_on_the_way(tmp_path: Path) -> None:
    trips = {"t1": "L a 08:00 b 08:10 c 08:20", "t2": "L a 08:20 b 08:30 c 08:40", "t3": "L a 09:00 b 09:10 c 09:20"}
    net = network(tmp_path, ROW, trips)
    (journey,) = ask(net, "a", "c", "07:55", window=0, vias=(("b", 20 * 60),)).journeys
    assert told(journey) == "08:00 A L B 08:10, 08:30 B L C 08:40"
    (journey,) = ask(net, "a", "c", "07:55", window=0, vias=(("b", 21 * 60),)).journeys
    assert told(journey) == "08:20 A L B 08:30, 09:10 B L C 09:20"


def test_a_place_beside_the_line_on_the_way(tmp_path: Path) -> None:
    # 600 m from b, 700 s on foot, ten minutes there, 700 s back: at 08:43:20 again, the bus at 09:10
    trips = {"t1": "L a 08:00 b 08:10 c 08:20", "t2": "L a 08:20 b 08:40 c 08:50", "t3": "L a 09:00 b 09:10 c 09:20"}
    net = network(tmp_path, ROW, trips)
    (journey,) = ask(net, "a", "c", "07:55", window=0, vias=((place(3000, 600), 600),)).journeys
    assert told(journey) == "08:00 A L B 08:10, walk, 09:10 B L C 09:20"
    walks = [leg for leg in journey.legs if leg.mode is Mode.WALK]
    assert [(leg.arrival - leg.departure).total_seconds() for leg in walks] == [700, 700]
    assert [round(leg.metres or 0) for leg in walks] == [600, 600]
    assert walks[0].end == walks[1].start


def test_a_change_that_takes_its_time(tmp_path: Path) -> None:
    trips = {
        "t1": "L1 a 08:00 b 08:10",
        "t2": "L2 b 08:12 c 08:22",
        "t3": "L2 b 08:18 c 08:28",
        "t4": "L2 b 08:30 c 08:40",
    }
    net = network(tmp_path, ROW, trips)

    def arrival(**more: int) -> str:
        (journey,) = ask(net, "a", "c", "07:55", window=0, **more).journeys
        return f"{journey.arrival:%H:%M}"

    assert arrival() == "08:22"
    assert arrival(min_change=120) == "08:22"
    assert arrival(min_change=121) == "08:28"
    assert arrival(slack=9 * 60) == "08:40"


def test_slow_walkers_and_short_walks(tmp_path: Path) -> None:
    # 300 m to the stop: 350 s at 1.2 m/s, 525 s at 0.8
    net = network(tmp_path, ROW, {"t1": "L a 08:00 c 08:20", "t2": "L a 08:04 c 08:24"})

    def departure(**more: float) -> str:
        plan = ask(net, place(-300), "c", "07:54", window=0, **more)
        return f"{plan.journeys[0].legs[1].departure:%H:%M}" if plan.journeys else "none"

    assert departure() == "08:00"
    assert departure(walk_speed=0.8) == "08:04"
    assert departure(max_walk=352) == "08:00"
    assert departure(max_walk=348) == "none"


def test_bicycles_aboard(tmp_path: Path) -> None:
    trips = {"no": "L a 08:00 c 08:20", "yes": "L a 08:30 c 08:50", "unknown": "L a 08:10 c 08:30"}
    allowed = """
        route_id,service_id,trip_id,bikes_allowed
        L,week,no,2
        L,week,yes,1
        L,week,unknown,0
    """
    net = network(tmp_path, ROW, trips, trips_txt=allowed)
    (journey,) = ask(net, "a", "c", "07:55", window=0, bicycle_aboard=True).journeys
    assert told(journey) == "08:30 A L C 08:50"
    assert journey.legs[0].bikes == "possible"


def test_wheelchairs_in_three_states(tmp_path: Path) -> None:
    trips = {
        "no": "L a 08:00 c 08:20",
        "unknown": "L a 08:10 c 08:30",
        "yes": "L a 08:15 c 08:35",
        "later": "L a 09:00 c 09:20",
    }
    allowed = """
        route_id,service_id,trip_id,wheelchair_accessible
        L,week,no,2
        L,week,unknown,0
        L,week,yes,1
        L,week,later,0
    """
    net = network(tmp_path, ROW, trips, trips_txt=allowed)
    first = ask(net, "a", "c", "07:55", window=0, wheelchair=True)
    # not knowing counts ten minutes: the one five minutes later is the better one
    assert [told(journey) for journey in first.journeys] == ["08:15 A L C 08:35"]
    assert first.journeys[0].legs[0].wheelchair == "unknown"  # the vehicle is possible, of the stops nothing is known
    # but it is no reason to leave one out
    assert told(ask(net, "a", "c", "08:40", window=0, wheelchair=True).journeys[0]) == "09:00 A L C 09:20"


def test_stops_that_no_wheelchair_can_use(tmp_path: Path) -> None:
    stops = f"""
        stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,wheelchair_boarding
        a,A,{place(0)},0,,1
        S,S,{place(6000)},1,,2
        c,C,{place(6000)},0,S,0
        d,D,{place(6200)},0,,1
    """
    net = network(tmp_path, ROW, {"t": "L a 08:00 c 08:20 d 08:25"}, stops_txt=stops)
    assert told(ask(net, "a", place(6100), "07:55", window=0).journeys[0]).startswith("08:00 A L C")
    (journey,) = ask(net, "a", place(6100), "07:55", window=0, wheelchair=True).journeys
    assert told(journey) == "08:00 A L D 08:25, walk"


def test_less_walking_fewer_grams_less_trouble(tmp_path: Path) -> None:
    # a bus to c, 1200 m before the door (1400 s on foot); a slower one to the door; a train later
    routes = """
        route_id,agency_id,route_short_name,route_type
        bus,V,Bus,3
        coach,V,Coach,200
        train,V,Train,101
    """
    trips = {"b": "bus a 08:00 c 08:20", "s": "coach a 08:00 c 08:30 d 08:50", "t": "train a 08:00 d 09:20"}
    net = network(tmp_path, ROW | {"d": 7200.0}, trips, routes_txt=routes)
    plain = ask(net, "a", "d", "07:55", window=0)
    assert lines(plain) == ["Bus"]
    by_walk = ask(net, "a", "d", "07:55", window=0, criterion=Criterion.WALKING)
    assert lines(by_walk) == ["Bus", "Coach"]
    assert [Label.LEAST_WALKING in journey.labels for journey in by_walk.journeys] == [False, True]
    by_grams = ask(net, "a", "d", "07:55", window=0, criterion=Criterion.CO2)
    assert lines(by_grams) == ["Bus", "Coach", "Train"]
    # 6 km at 113.2 g, 7.2 km at 29.42 g and at 2.93 g
    assert [journey.co2 for journey in by_grams.journeys] == [679, 212, 21]
    assert [Label.GREENEST in journey.labels for journey in by_grams.journeys] == [False, False, True]
    # all inconvenience: 1400 s on foot against 840 s more on the way
    assert lines(ask(net, "a", "d", "07:55", window=0, criterion=Criterion.COST)) == ["Coach"]


@pytest.mark.parametrize("criterion", Criterion)
def test_without_time_for_the_criterion_the_best_by_time_are_still_found(net: Network, criterion: Criterion) -> None:
    wish = JourneyRequest(place(-100), "c", clock("07:50"), criterion=criterion, avoid=("line:fast",))
    hurried = open_search(net, wish, time.monotonic() - 1)
    assert [one.journey.arrival for one in hurried.best(int(wish.at.timestamp()), Direction.DEPART)] == [
        int(clock("08:20").timestamp())
    ]
    assert not hurried.complete
    # what they cost is counted as the search counts it
    search = open_search(net, wish, time.monotonic() + 600)
    assert search.preferences is not None
    assert search.preferences.costs is not None
    for one in search.best(int(wish.at.timestamp()), Direction.DEPART):
        assert price(net.timetable, one.journey, search.preferences.costs) == one.journey.cost


def test_as_many_ride_as_are_named_to_pay() -> None:
    def adults(**said: object) -> int:
        return Asked.model_validate({"from": "48.1,4.1", "to": "48.2,4.2", **said}).party().adults

    assert adults() == 1
    assert adults(travellers=["adult", "youth"]) == 2
    assert adults(travellers=["adult", "youth"], passengers=1) == 1
    assert adults(travellers=["adult", "child", "adult"], child_seats=1) == 2
    assert adults(travellers=["adult"], companions=1) == 1
