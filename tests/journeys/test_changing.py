"""How safe a change is, and what happens if it is missed: worked out on the text of a feed."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.journeys.live_valley import NOW, LiveValley, late, local
from tests.journeys.test_refresh import upper_valley  # noqa: F401 - a fixture
from tests.journeys.text_network import ask, clock, network, told

from mobigo.journeys import service
from mobigo.journeys.changing import find_riskiest
from mobigo.journeys.missing import Missed, tell_changes
from mobigo.journeys.model import Change, JourneyRequest, Safety

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.conftest import Valley

    from mobigo.journeys.model import Journey

ROW = {"a": 0.0, "b": 5000.0, "b2": 5119.0, "c": 10_000.0, "d": 15_000.0}
"""From b to b2 it is 119 m: 100 s."""


def changes(journey: Journey) -> list[Change]:
    return [leg.change for leg in journey.legs if leg.change]


def test_what_a_change_needs_and_what_is_to_spare(tmp_path: Path) -> None:
    # off at 08:10, 100 s on foot, on at 08:15: 200 s to spare; then on the spot from 08:30 to 08:31
    net = network(
        tmp_path, ROW, {"one": "L a 08:00 b 08:10", "two": "M b2 08:15 c 08:30", "three": "N c 08:31 d 08:40"}
    )
    (journey,) = ask(net, "a", "d", "07:50").journeys
    assert changes(journey) == [Change(100, 200, Safety.FAIR), Change(0, 60, Safety.TIGHT)]
    assert find_riskiest(journey.legs) == 3
    assert [leg.change is None for leg in journey.legs] == [True, True, False, False]


@pytest.mark.parametrize(
    ("departs", "safety"),
    [("08:11", Safety.TIGHT), ("08:12", Safety.FAIR), ("08:14", Safety.FAIR), ("08:15", Safety.SAFE)],
)
def test_the_bounds(tmp_path: Path, departs: str, safety: Safety) -> None:
    net = network(tmp_path, ROW, {"one": "L a 08:00 b 08:10", "two": f"M b {departs} c 08:30"})
    (journey,) = ask(net, "a", "c", "07:50").journeys
    assert [one.safety for one in changes(journey)] == [safety]


def test_what_transfers_txt_asks_for_counts(tmp_path: Path) -> None:
    net = network(
        tmp_path,
        ROW,
        {"one": "L a 08:00 b 08:10", "two": "M b 08:15 c 08:30"},
        transfers="from_stop_id,to_stop_id,transfer_type,min_transfer_time\nb,b,2,240\n",
    )
    (journey,) = ask(net, "a", "c", "07:50").journeys
    assert changes(journey) == [Change(240, 60, Safety.TIGHT)]


def test_a_vehicle_that_waits(tmp_path: Path) -> None:
    net = network(
        tmp_path,
        ROW,
        {"one": "L a 08:00 b 08:10", "two": "M b 08:10 c 08:30"},
        transfers="from_stop_id,to_stop_id,transfer_type,min_transfer_time\nb,b,1,\n",
    )
    (journey,) = ask(net, "a", "c", "07:50").journeys
    assert changes(journey) == [Change(0, 0, Safety.GUARANTEED)]
    assert find_riskiest(journey.legs) is None
    assert [one.missed for one in tell_changes(net, journey.id, clock("07:50")).told] == [None]


def test_who_stays_seated_changes_nothing(tmp_path: Path) -> None:
    net = network(
        tmp_path,
        ROW,
        {"one": "L a 08:00 b 08:10", "two": "M b 08:10 c 08:30"},
        trips_txt="route_id,service_id,trip_id,block_id\nL,week,one,x\nM,week,two,x\n",
    )
    (journey,) = ask(net, "a", "c", "07:50").journeys
    assert journey.legs[1].stay_seated
    assert changes(journey) == []


def test_the_next_way_on_when_a_change_is_missed(tmp_path: Path) -> None:
    # without M at 08:12 one takes N at 08:20 and is there at 08:55, not the slow O at 08:15 (09:30), nor M at 08:42
    net = network(
        tmp_path,
        ROW,
        {
            "one": "L a 08:00 b 08:10",
            "two": "M b 08:12 c 08:30",
            "slow": "O b 08:15 c 09:30",
            "instead": "N b2 08:20 c 08:55",
            "next": "M b 08:42 c 09:00",
        },
    )
    journey = ask(net, "a", "c", "07:50").journeys[0]
    found = tell_changes(net, journey.id, clock("07:50"))
    assert found.riskiest == 1
    (one,) = found.told
    assert (one.leg, one.change) == (1, Change(0, 120, Safety.FAIR))
    assert one.missed is not None
    assert one.missed.journey is not None
    assert told(one.missed.journey) == "walk, 08:20 B2 N C 08:55"
    assert one.missed.later == 25 * 60
    assert one.missed.journey.departure > clock("08:12")


def test_the_last_one_missed(tmp_path: Path) -> None:
    net = network(
        tmp_path,
        ROW,
        {"one": "L a 22:00 b 22:10", "two": "M b 22:15 c 22:30"},
        calendar="service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "week,1,0,0,0,0,0,0,20261123,20261130\n",
    )
    journey = ask(net, "a", "c", "21:50").journeys[0]
    (one,) = tell_changes(net, journey.id, clock("21:50")).told
    assert one.missed is not None
    assert one.missed.journey is not None
    assert one.missed.later == 7 * 86_400  # it runs on Mondays
    (last,) = tell_changes(net, ask(net, "a", "c", "21:50", 7).journeys[0].id, clock("21:50", 7)).told
    assert last.missed == Missed(None, None, complete=True)  # that was the last Monday of the timetable


def test_places_still_to_pass_are_passed_when_a_change_is_missed(tmp_path: Path) -> None:
    # by way of d: whoever misses M still goes there before c
    net = network(
        tmp_path,
        ROW,
        {
            "one": "L a 08:00 b 08:10",
            "two": "M b 08:12 d 08:20",
            "back": "P d 08:30 c 08:40",
            "short": "N b 08:15 c 08:25",
            "next": "M b 08:42 d 08:50",
            "back2": "P d 09:00 c 09:10",
        },
    )
    journey = ask(net, "a", "c", "07:50", vias=(("d", 60),)).journeys[0]
    first, second = tell_changes(net, journey.id, clock("07:50")).told
    assert first.missed is not None
    assert first.missed.journey is not None
    assert told(first.missed.journey) == "08:42 B M D 08:50, 09:00 D P C 09:10"
    assert second.missed is not None
    assert second.missed.journey is not None
    assert told(second.missed.journey) == "09:00 D P C 09:10"


def test_live_data_move_what_is_to_spare(upper_valley: Valley, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    shutil.copytree(upper_valley.home, tmp_path / "home")
    now = LiveValley(tmp_path / "home")
    journey = service.plan(now.network, JourneyRequest("val:amont", "val:bourg", local("07:30"), window=0)).journeys[0]
    assert changes(journey) == [Change(0, 300, Safety.SAFE)]  # 08:15 to 08:20
    for minutes, expected in ((2, Change(0, 180, Safety.FAIR)), (4, Change(0, 60, Safety.TIGHT))):
        found = tell_changes(now.say(late("early", minutes)), journey.id, NOW)
        assert [one.change for one in found.told] == [expected]
        assert found.told[0].missed is not None
        assert found.told[0].missed.later == 3600  # the next leaves at 09:20
    found = tell_changes(now.say(late("early", 7)), journey.id, NOW)
    assert [one.change for one in found.told] == [Change(0, -120, Safety.MISSED)]
    assert found.live_at == NOW
    again = tell_changes(now.network, found.told[0].missed.journey.id, NOW + timedelta(minutes=1))  # type: ignore[union-attr]
    assert again.told == ()
