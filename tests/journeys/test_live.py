"""Journeys while live data change the timetable: the valley's buses late, early, cancelled, elsewhere."""

from __future__ import annotations

import shutil
import threading
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import serve
from tests.journeys.conftest import at
from tests.journeys.live_valley import MONDAY, NOW, LiveValley, late, local, rides

from mobigo.db.engine import open_engine
from mobigo.journeys import service
from mobigo.journeys.live import lay_live
from mobigo.journeys.model import JourneyRequest, Realtime
from mobigo.journeys.network import STALE, Networks
from mobigo.kit.clock import Clock
from mobigo.transit import days
from mobigo.transit.general import is_bare
from mobigo.transit.live import Alert, CallRelation, CallUpdate, Relation, Target, TripUpdate, Vehicle
from mobigo.transit.model import Direction
from mobigo.transit.timetable import day_number
from mobigo.web.app import create_app

TODAY = day_number(MONDAY), Direction.DEPART

if TYPE_CHECKING:
    from pathlib import Path

    from tests.journeys.conftest import Valley


@pytest.fixture
def now(valley: Valley, tmp_path: Path) -> LiveValley:
    shutil.copytree(valley.home, tmp_path / "home")
    return LiveValley(tmp_path / "home")


def test_without_live_data_nothing_is_known(now: LiveValley) -> None:
    (journey,) = now.ask("07:30").journeys
    assert rides(journey) == ["val:early 08:00-08:15"]
    assert [leg.planned_departure for leg in journey.legs] == [None, None, None]
    network = now.network
    assert network.live is None
    assert all(network.seen(realtime) is network for realtime in Realtime)


def test_a_late_bus_is_late_and_says_when_it_was_due(now: LiveValley) -> None:
    now.say(late("early", 7))
    (journey,) = now.ask("07:30").journeys
    (ride,) = [leg for leg in journey.legs if leg.trip_id]
    assert rides(journey) == ["val:early 08:07-08:22"]
    assert (ride.planned_departure, ride.planned_arrival) == (local("08:00"), local("08:15"))
    assert [f"{call.arrival:%H:%M}" for call in ride.calls] == ["08:09"]
    # seven minutes late: who comes at 08:05 still has it
    assert rides(now.ask("07:58").journeys[0]) == ["val:early 08:07-08:22"]


def test_off_is_the_timetable_and_not_a_word_more(now: LiveValley) -> None:
    before = now.ask("07:30", Realtime.OFF)
    now.say(late("early", 7))
    assert now.ask("07:30", Realtime.OFF) == before
    assert now.ask("07:58", Realtime.OFF).journeys[0].departure > local("11:00")


def test_annotated_journeys_are_those_of_the_timetable(now: LiveValley) -> None:
    now.say(late("early", 7))
    (journey,) = now.ask("07:30", Realtime.ANNOTATE).journeys
    assert rides(journey) == ["val:early 08:07-08:22"]
    walk, ride, end = journey.legs
    assert (ride.planned_departure, ride.planned_arrival) == (local("08:00"), local("08:15"))
    assert walk.arrival <= local("08:00")
    assert end.departure == ride.arrival
    assert journey.arrival == end.arrival
    # by the timetable nobody who comes later has it
    assert now.ask("07:58", Realtime.ANNOTATE).journeys[0].departure > local("11:00")


def test_a_cancelled_bus_is_not_taken_but_annotated(now: LiveValley) -> None:
    now.say(TripUpdate("early", MONDAY, relation=Relation.CANCELED))
    assert rides(now.ask("07:30").journeys[0])[0].startswith("val:noon1")
    assert rides(now.ask("07:30", Realtime.ANNOTATE).journeys[0]) == ["val:early 08:00-08:15 canceled"]
    tuesday = now.ask("07:30").journeys[0]
    assert tuesday.departure.date() == MONDAY


def test_the_next_days_stay_as_they_are(now: LiveValley) -> None:
    now.say(TripUpdate("early", MONDAY, relation=Relation.CANCELED))
    request = JourneyRequest(at(0), at(10_000), local("07:30") + timedelta(days=1), window=0)
    (journey,) = service.plan(now.network, request).journeys
    assert rides(journey) == ["val:early 08:00-08:15"]


def test_a_stop_that_is_skipped_is_neither_boarded_nor_shown(now: LiveValley) -> None:
    skipped = CallUpdate(sequence=2, relation=CallRelation.SKIPPED)
    now.say(TripUpdate("early", MONDAY, calls=(skipped,)))
    (ride,) = [leg for leg in now.ask("07:30").journeys[0].legs if leg.trip_id]
    assert ride.calls == ()
    request = JourneyRequest(at(1000), at(10_000), local("07:30"), window=0, max_walk=400)
    assert rides(service.plan(now.network, request).journeys[0]) == ["val:noon2 12:05-12:17"]


def test_a_new_bus_is_ridden_and_said_not_to_be_planned(now: LiveValley) -> None:
    begin = int(local("09:00").timestamp())
    calls = (
        CallUpdate(sequence=1, stop_id="amont", departure=begin),
        CallUpdate(sequence=2, stop_id="aval", arrival=begin + 900),
    )
    now.say(TripUpdate("extra", MONDAY, route_id="L", relation=Relation.NEW, calls=calls))
    (ride,) = [leg for leg in now.ask("08:30").journeys[0].legs if leg.trip_id]
    assert (ride.trip_id, f"{ride.departure:%H:%M}", ride.added) == ("val:extra", "09:00", True)
    assert ride.planned_departure is None
    assert ride.line is not None
    assert ride.line.name == "12"


def test_messages_stand_at_the_legs_they_are_about(now: LiveValley) -> None:
    header = {"fr": "Travaux", "en": "Works"}
    now.say(
        alerts=(
            Alert("line", header, targets=(Target(route_id="L"),)),
            Alert("other", header, targets=(Target(route_id="M"),)),
            Alert("over", header, periods=((None, 1000),), targets=(Target(route_id="L"),)),
            Alert("stop", header, targets=(Target(stop_id="aval"),)),
            Alert("elsewhere", header, targets=(Target(stop_id="pont"),)),
        )
    )
    for realtime in (Realtime.ON, Realtime.ANNOTATE):
        (ride,) = [leg for leg in now.ask("07:30", realtime).journeys[0].legs if leg.trip_id]
        assert ride.alerts == ("val:line", "val:stop")


def test_where_it_takes_no_time_days_are_laid_out_before_anybody_searches_them(
    now: LiveValley, monkeypatch: pytest.MonkeyPatch
) -> None:
    now.network.days.view(*TODAY)
    now.say(late("early", 7))
    assert not is_bare(now.network.as_it_runs.days.view(*TODAY))
    monkeypatch.setattr(days, "FEW_CHANGES", -1)
    now.say(late("early", 8))
    assert is_bare(now.network.as_it_runs.days.view(*TODAY))


def test_searching_is_the_same_before_and_after_the_hops_are_laid(
    now: LiveValley, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "FEW_CHANGES", -1)
    now.say(late("early", 7), late("noon1", 4))
    before = [now.ask(when) for when in ("07:30", "08:30", "11:50", "12:10", "23:00")]
    lay_live(now.network.folder, NOW)
    assert [now.ask(when) for when in ("07:30", "08:30", "11:50", "12:10", "23:00")] == before


def test_live_data_that_nobody_renews_are_not_believed(now: LiveValley, tmp_path: Path) -> None:
    now.say(late("early", 7))
    clock = Clock(tmp_path / "clock.json")
    networks = Networks(now.home, clock)
    for seconds, believed in ((0, True), (STALE, True), (STALE + 60, False), (-STALE - 60, False)):
        clock.move(NOW + timedelta(seconds=seconds), rate=0)
        assert (networks.current().live is not None) == believed


def test_a_request_keeps_what_it_began_with(now: LiveValley) -> None:
    before = now.say(late("early", 7))
    for minutes in range(8, 20):  # more than stay on disk
        now.say(late("early", minutes))
    request = JourneyRequest(at(0), at(10_000), local("07:30"), window=0)
    assert rides(service.plan(before, request).journeys[0]) == ["val:early 08:07-08:22"]
    assert rides(service.plan(now.network, request).journeys[0]) == ["val:early 08:19-08:34"]
    assert len([one for one in (before.folder / "live").iterdir() if one.name.isdecimal()]) == 4


def test_what_a_snapshot_shares_with_the_timetable_is_not_written_again(now: LiveValley) -> None:
    network = now.say(late("early", 7))
    assert network.live is not None
    timetable = network.live.overlay.timetable
    assert timetable.stop_lat is network.timetable.stop_lat
    assert timetable.stop_names.blob is network.timetable.stop_names.blob
    assert len(timetable.trip_route) == len(network.timetable.trip_route) + 1


def test_live_data_that_cannot_be_read_leave_the_timetable(now: LiveValley) -> None:
    network = now.say(late("early", 7))
    assert network.live is not None
    for name in ("alerts.json", "vehicles.json", "report.json", "overlay/arrays.json"):
        torn = network.live.folder / name
        whole = torn.read_bytes()
        torn.write_bytes(whole[: len(whole) // 2])
        assert now.network.live is None
        torn.write_bytes(whole)
    shutil.rmtree(network.live.folder)
    assert now.network.live is None
    assert rides(now.ask("07:30").journeys[0]) == ["val:early 08:00-08:15"]


def test_live_data_are_swapped_while_serving(now: LiveValley, valley: Valley) -> None:
    # at every moment the bus is so many minutes late at both ends, and the answer says of which moment it is
    now.say(late("early", 1))
    app = create_app(engine=open_engine(valley.url), clock=Clock(), home=now.home)
    app.state.networks = Networks(now.home)  # of any age
    seen: set[tuple[str, str]] = set()
    failed: list[str] = []
    done = threading.Event()

    def ask(address: str) -> None:
        question = {"from": at(0), "to": at(10_000), "at": "2026-11-23T07:30", "window_minutes": "0"}
        with httpx.Client(base_url=address, timeout=120) as http:
            while not done.is_set():
                answer = http.get("/v1/journeys", params=question)
                if answer.status_code != 200:
                    failed.append(answer.text)
                    return
                (ride,) = [leg for leg in answer.json()["journeys"][0]["legs"] if leg["trip_id"]]
                seen.add((ride["departure"][11:16], ride["arrival"][11:16]))

    with serve(app) as address:
        askers = [threading.Thread(target=ask, args=(address,)) for _ in range(3)]
        for asker in askers:
            asker.start()
        for minutes in range(2, 14):
            now.say(late("early", minutes))
            if minutes % 4 == 0:
                lay_live(now.network.folder, NOW)
        while ("08:13", "08:28") not in seen and not failed:
            time.sleep(0.01)
        done.set()
        for asker in askers:
            asker.join()
    app.state.engine.dispose()
    assert not failed
    assert seen <= {(f"08:{minutes:02}", f"08:{minutes + 15:02}") for minutes in range(1, 14)}


def test_vehicles_are_found_by_their_trip(now: LiveValley) -> None:
    seen = int(NOW.timestamp())
    network = now.say(vehicles=(Vehicle("7", "early", MONDAY, "L", 47.0, 4.0, seen),))
    assert network.live is not None
    found = network.live.find_vehicle("val:early", MONDAY)
    assert found is not None
    assert found.vehicle_id == "val:7"
    assert network.live.find_vehicle("val:early", date(2026, 11, 24)) is None
