"""A village whose bus leaves from a station: stairs at the gate, a lift 300 m further on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database
from tests.journeys.conftest import FEED, _make_valley, at, stop
from tests.journeys.live_valley import LiveValley
from tests.journeys.test_plan import ask, clock

from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.model import JourneyRequest, Realtime, Reason
from mobigo.journeys.outages import close_lifts
from mobigo.transit.live import Alert, Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.conftest import Valley

    from mobigo.journeys.model import Leg
    from mobigo.journeys.network import Network
    from mobigo.transit.footpaths import Footpaths

STOPS = "\n".join(
    [
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,level_id",
        f"{stop('gare', 400, 60)},1,,",
        f"{stop('amont', 400, 60)},0,gare,deep",
        f"{stop('quay', 400, 60)},0,gare,deep",
        f"{stop('portail', 400)},2,gare,street",
        f"{stop('ascenseur', 700)},2,gare,street",
        *(f"{stop(name, x)},0,," for name, x in (("pont", 1000), ("aval", 9600))),
        "",
    ]
)
LEVELS = "level_id,level_index,level_name\nstreet,0,Rue\ndeep,-1,Quais\n"
PATHWAYS = """pathway_id,from_stop_id,to_stop_id,pathway_mode,is_bidirectional,traversal_time,signposted_as,\
reversed_signposted_as
stairs,portail,amont,2,1,30,Vers les quais,Sortie rue Haute
lift,ascenseur,amont,5,1,60,,
along,amont,quay,1,1,20,,
"""
QUAY = """quick,1,quay,08:16:00,08:16:00
quick,2,pont,08:20:00,08:20:00
"""


@pytest.fixture(scope="module")
def station(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valley]:
    with new_database(test_cluster) as url:
        made = _make_valley(url, tmp_path_factory.mktemp("station"))
        trips = FEED["trips.txt"] + "L,week,quick,Pont,,\n"
        times = FEED["stop_times.txt"] + QUAY
        made.load_feed(stops=STOPS, levels=LEVELS, pathways=PATHWAYS, trips=trips, stop_times=times)
        made.build()
        yield made


def seconds(leg: Leg) -> int:
    return int((leg.arrival - leg.departure) / timedelta(seconds=1))


def test_to_the_platform_through_the_gate(station: Valley) -> None:
    # 400 m of street and 5 m to the gate are 338 s, then 30 s of stairs
    (journey,) = ask(station, at(0), "val:aval", clock(7, 50), window=1200).journeys
    walk = journey.legs[0]
    assert (seconds(walk), walk.end.stop_id) == (338 + 30, "val:amont")
    assert (walk.steps[-1].street, walk.steps[-1].direction) == ("Vers les quais", "stairs")
    assert any(step.street == "Rue Haute" for step in walk.steps)
    assert walk.wheelchair == "not_possible"


def test_from_the_platform_through_the_gate(station: Valley) -> None:
    (journey,) = ask(station, "val:aval", at(0), clock(16, 50), window=1200).journeys
    walk = journey.legs[-1]
    assert (seconds(walk), walk.start.stop_id) == (30 + 338, "val:amont")
    assert (walk.steps[0].street, walk.steps[0].direction) == ("Sortie rue Haute", "stairs")


def test_a_wheelchair_takes_the_lift(station: Valley) -> None:
    # 700 m of street and 5 m to the lift are 588 s, then 60 s
    (journey,) = ask(station, at(0), "val:aval", clock(7, 45), window=1200, wheelchair=True).journeys
    walk = journey.legs[0]
    assert seconds(walk) == 588 + 60
    assert (walk.steps[-1].street, walk.steps[-1].direction) == ("Quais", "elevator")
    assert walk.wheelchair != "not_possible"


def test_without_a_lift_a_wheelchair_does_not_get_there(own_valley: Valley) -> None:
    stairs = PATHWAYS.partition("lift,")[0]
    own_valley.load_feed(stops=STOPS, levels=LEVELS, pathways=stairs)
    own_valley.build()
    plan = ask(own_valley, at(0), "val:aval", clock(7), wheelchair=True, max_walk=600, budget=30.0)
    assert (plan.journeys, plan.reason) == ((), Reason.NO_ACCESSIBLE_PATH)
    assert ask(own_valley, at(0), "val:aval", clock(7), max_walk=600).journeys[0].rides


def test_walks_between_stops_lead_through_the_station(station: Valley) -> None:
    # to the quay 20 s along the platform; to the bridge 60 s of lift, 5 m, 300 m of street, 5 m, for everybody
    network = station.network()
    for walks in (network.footpaths, network.wheelchair_footpaths):
        assert walks is not None
        assert list_walks(network, walks, "val:amont") == {"val:amont": 0, "val:quay": 20, "val:pont": 60 + 259}


def list_walks(network: Network, walks: Footpaths, start: str) -> dict[str, int]:
    """Seconds to each stop one may walk to."""
    stop = network.stop_index[start]
    rows = range(int(walks.first[stop]), int(walks.first[stop + 1]))
    return {network.timetable.stop_ids.at(int(walks.target[row])): int(walks.seconds[row]) for row in rows}


LIFT = Alert(
    "lift", {"fr": "Ascenseur hors service", "en": "Lift out of order"}, targets=(Target(stop_id="ascenseur"),),
    effect="ACCESSIBILITY_ISSUE",
)  # fmt: skip


def test_a_lift_out_of_order_is_no_way_for_a_wheelchair_and_a_message_for_others(station: Valley) -> None:
    live = LiveValley(station.home)
    live.say(alerts=(LIFT,))
    # 1000 m and 5 m on the street to the bridge, where the bus comes by at 8:03
    found = ask(station, at(0), "val:aval", clock(7, 45), window=1200, wheelchair=True)
    (journey,) = found.journeys
    assert (seconds(journey.legs[0]), journey.legs[0].end.stop_id) == (838, "val:pont")
    near = ask(station, at(0), "val:aval", clock(7, 45), window=1200, wheelchair=True, max_walk=700)
    assert (near.journeys, [name for name, _ in near.alerts]) == ((), ["val:lift"])
    (on_foot,) = ask(station, at(0), "val:aval", clock(7, 50), window=1200).journeys
    assert (on_foot.legs[0].end.stop_id, on_foot.legs[1].alerts) == ("val:amont", ("val:lift",))
    by_timetable = ask(
        station, at(0), "val:aval", clock(7, 45), window=1200, wheelchair=True, realtime=Realtime.ANNOTATE
    )
    assert by_timetable.journeys[0].legs[0].end.stop_id == "val:amont"
    live.say()
    (journey,) = ask(station, at(0), "val:aval", clock(7, 45), window=1200, wheelchair=True).journeys
    assert journey.legs[0].end.stop_id == "val:amont"


@pytest.mark.parametrize(
    ("changes", "walks"),
    [
        ({}, {"val:amont": 0, "val:quay": 20}),  # the bridge was reached through the lift
        ({"targets": (Target(stop_id="gare"),)}, {"val:amont": 0, "val:quay": 20}),  # all its lifts
        ({"targets": (Target(stop_id="portail"),)}, {"val:amont": 0, "val:quay": 20, "val:pont": 319}),  # it has none
        ({"targets": (Target(stop_id="nowhere"),)}, {"val:amont": 0, "val:quay": 20, "val:pont": 319}),
        ({"effect": "OTHER_EFFECT"}, {"val:amont": 0, "val:quay": 20, "val:pont": 319}),
        ({"periods": ((0, 1000),)}, {"val:amont": 0, "val:quay": 20, "val:pont": 319}),
    ],
)
def test_which_lifts_a_message_closes(changes: dict[str, Any], walks: dict[str, int], station: Valley) -> None:
    network = LiveValley(station.home).say(alerts=(replace(LIFT, **changes),))
    request = JourneyRequest("", "", clock(8), wheelchair=True)
    closed = close_lifts(network.seen(Realtime.ON), request)
    assert closed.wheelchair_footpaths is not None
    assert list_walks(closed, closed.wheelchair_footpaths, "val:amont") == walks
    assert network.wheelchair_footpaths is not None
    assert list_walks(network, network.wheelchair_footpaths, "val:amont")["val:pont"] == 319
    back = closed.wheelchair_footpaths
    assert sorted(zip(back.back.tolist(), back.back_seconds.tolist(), strict=True)) == sorted(
        (stop, int(back.seconds[row]))
        for stop in range(len(back.first) - 1)
        for row in range(int(back.first[stop]), int(back.first[stop + 1]))
    )


def test_a_stop_whose_lift_nobody_drew_is_no_stop_for_a_wheelchair(station: Valley) -> None:
    LiveValley(station.home).say(alerts=(replace(LIFT, targets=(Target(stop_id="pont"),)),))
    (journey,) = ask(station, at(1000), "val:aval", clock(7, 30), window=1800, wheelchair=True).journeys
    assert journey.legs[0].end.stop_id == "val:amont"
    (journey,) = ask(station, at(1000), "val:aval", clock(7, 55), window=1800).journeys
    assert (journey.legs[0].end.stop_id, journey.legs[1].alerts) == ("val:pont", ("val:lift",))
    LiveValley(station.home).say()


def test_without_streets_the_way_leads_through_the_station_too(own_valley: Valley) -> None:
    # straight lines: from 200 m west of the gate 1.4 times 200 m, 234 s, then the stairs
    with psycopg.connect(libpq_conninfo(own_valley.url)) as connection:
        connection.execute("DELETE FROM osm_active")
    own_valley.load_feed(stops=STOPS, levels=LEVELS, pathways=PATHWAYS)
    own_valley.build()
    (journey,) = ask(own_valley, at(200, 5), "val:aval", clock(7, 50), window=1200).journeys
    assert seconds(journey.legs[0]) == 234 + 30
    assert (journey.legs[0].steps[-1].street, journey.legs[0].steps[-1].direction) == ("Vers les quais", "stairs")
    network = own_valley.network()
    # 300 m from the lift to the bridge, straight
    assert list_walks(network, network.footpaths, "val:amont") == {"val:amont": 0, "val:pont": 60 + 250}


def test_without_streets_a_wheelchair_keeps_to_what_it_can_pass(own_valley: Valley) -> None:
    # up the stairs to the gate and straight on to the bridge, 600 m; 30 s of stairs, and none without them
    with psycopg.connect(libpq_conninfo(own_valley.url)) as connection:
        connection.execute("DELETE FROM osm_active")
    stairs = PATHWAYS.partition("lift,")[0] + "bridge,amont,quay,2,1,20,,\n"
    trips, times = FEED["trips.txt"] + "L,week,quick,Pont,,\n", FEED["stop_times.txt"] + QUAY
    own_valley.load_feed(stops=STOPS, levels=LEVELS, pathways=stairs, trips=trips, stop_times=times)
    own_valley.build()
    network = own_valley.network()
    assert list_walks(network, network.footpaths, "val:amont") == {"val:amont": 0, "val:quay": 20}
    assert network.wheelchair_footpaths
    assert list_walks(network, network.wheelchair_footpaths, "val:amont") == {"val:amont": 0}
