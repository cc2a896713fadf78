"""Changes where somebody who knows the place would make them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.journeys.text_network import ask, network, place, told

if TYPE_CHECKING:
    from pathlib import Path

ROW = {"a": 0.0, "b": 3000.0, "c": 6000.0, "d": 9000.0}


def test_nobody_rides_past_the_common_stop_and_back(tmp_path: Path) -> None:
    # L1 goes on to c after the fork b, L2 comes from c: changing at c is as early, and rides b to c and back
    trips = {"t1": "L1 a 08:00 b 08:10 c 08:20", "t2": "L2 c 08:26 b 08:36 e 08:50"}
    net = network(tmp_path, ROW | {"e": -3000.0}, trips)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 B 08:10, 08:36 B L2 E 08:50"


def test_of_several_common_stops_the_one_with_more_time(tmp_path: Path) -> None:
    # side by side from b to d; at b there is no minute to spare, at c three, at d one
    trips = {"t1": "L1 a 08:00 b 08:10 c 08:20 d 08:30", "t2": "L2 b 08:10 c 08:23 d 08:31 e 08:40"}
    net = network(tmp_path, ROW | {"e": 12_000.0}, trips)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 C 08:20, 08:23 C L2 E 08:40"


def test_the_same_platform_rather_than_a_walk(tmp_path: Path) -> None:
    # c and c2 are 200 m apart, 234 s on foot; both lines call at d
    trips = {"t1": "L1 a 08:00 c 08:20 d 08:30", "t2": "L2 c2 08:25 d 08:32 e 08:40"}
    net = network(tmp_path, ROW | {"c2": 6200.0, "e": 12_000.0}, trips)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 D 08:30, 08:32 D L2 E 08:40"


def test_not_where_changing_is_forbidden_or_takes_too_long(tmp_path: Path) -> None:
    trips = {"t1": "L1 a 08:00 b 08:10 c 08:20 d 08:30", "t2": "L2 b 08:13 c 08:23 d 08:33 e 08:40"}
    rules = """
        from_stop_id,to_stop_id,transfer_type,min_transfer_time
        b,b,3,
        c,c,2,240
    """
    net = network(tmp_path, ROW | {"e": 12_000.0}, trips, transfers=rules)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 D 08:30, 08:33 D L2 E 08:40"


def test_not_where_a_rule_for_these_trips_forbids_it(tmp_path: Path) -> None:
    trips = {"t1": "L1 a 08:00 b 08:10 c 08:20", "t2": "L2 b 08:15 c 08:21 e 08:40"}
    rules = """
        from_stop_id,to_stop_id,from_route_id,to_route_id,transfer_type
        b,b,L1,L2,3
    """
    net = network(tmp_path, ROW | {"e": 12_000.0}, trips, transfers=rules)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 C 08:20, 08:21 C L2 E 08:40"


def test_only_where_one_may_get_on_and_off(tmp_path: Path) -> None:
    times = """
        trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type
        t1,1,a,08:00:00,08:00:00,0,0
        t1,2,b,08:10:00,08:10:00,0,1
        t1,3,c,08:20:00,08:20:00,0,0
        t1,4,d,08:30:00,08:30:00,0,0
        t2,1,b,08:15:00,08:15:00,0,0
        t2,2,c,08:25:00,08:25:00,1,0
        t2,3,d,08:31:00,08:31:00,0,0
        t2,4,e,08:40:00,08:40:00,0,0
    """
    trips = {"t1": "L1 a 08:00 b 08:10", "t2": "L2 b 08:15 e 08:40"}
    net = network(tmp_path, ROW | {"e": 12_000.0}, trips, stop_times=times)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 D 08:30, 08:31 D L2 E 08:40"


def test_forbidden_stops_and_wished_for_minutes_hold(tmp_path: Path) -> None:
    trips = {"t1": "L1 a 08:00 b 08:10 c 08:20 d 08:30", "t2": "L2 b 08:16 c 08:24 d 08:32 e 08:40"}
    net = network(tmp_path, ROW | {"e": 12_000.0}, trips)
    (journey,) = ask(net, "a", "e", "07:55", window=0).journeys
    assert told(journey) == "08:00 A L1 B 08:10, 08:16 B L2 E 08:40"
    (journey,) = ask(net, "a", "e", "07:55", window=0, forbid=("stop:b",)).journeys
    assert told(journey) == "08:00 A L1 C 08:20, 08:24 C L2 E 08:40"
    trips["t2"] = "L2 b 08:13 c 08:24 d 08:32 e 08:40"
    net = network(tmp_path / "other", ROW | {"e": 12_000.0}, trips)
    (journey,) = ask(net, "a", "e", "07:55", window=0, min_change=240).journeys
    assert told(journey) == "08:00 A L1 C 08:20, 08:24 C L2 E 08:40"


def test_a_stop_instead_of_a_walk_is_silly(tmp_path: Path) -> None:
    # from c one walks 450 m to the door in 525 s; L2 takes one to d, 390 m from c, in 2 min: 08:22 + 70 s
    trips = {"t1": "L1 a 08:00 c 08:20", "t2": "L2 c 08:24 d 08:26"}
    net = network(tmp_path, {"a": 0.0, "c": 6000.0, "d": 6390.0}, trips)
    plan = ask(net, "a", place(6450), "07:55", window=0)
    assert [told(journey) for journey in plan.journeys] == ["08:00 A L1 C 08:20, walk"]
    assert [(brief.lines, brief.left, brief.like) for brief in plan.more] == [
        (("L1", "L2"), "hardly_better", plan.journeys[0].id)
    ]
    everything = ask(net, "a", place(6450), "07:55", window=0, everything=True)
    assert {journey.id for journey in everything.journeys} == {plan.journeys[0].id, plan.more[0].id}


def test_one_stop_by_bus_is_better_walked(tmp_path: Path) -> None:
    # 400 m: 467 s on foot; the bus takes three minutes
    net = network(tmp_path, {"a": 0.0, "b": 400.0}, {"t1": "L a 08:00 b 08:03"})
    plan = ask(net, "a", "b", "07:55")
    assert [told(journey) for journey in plan.journeys] == ["walk"]
    assert (plan.reason, plan.next_departure) == ("walking_better", None)
    assert [(brief.left, brief.like) for brief in plan.more] == [("hardly_better", plan.journeys[0].id)]
    slow = ask(net, "a", "b", "07:55", max_walk=300)
    assert told(slow.journeys[0]) == "08:00 A L B 08:03"
