"""Journeys looked up again by their id: the bus to Aval, and there the one to Bourg."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conftest import new_database, serve
from tests.journeys.conftest import FEED, Valley, at, stop
from tests.journeys.conftest import NOW as BUILT
from tests.journeys.live_valley import MONDAY, NOW, LiveValley, late, local, rides

from mobigo.db.engine import open_engine
from mobigo.journeys import service
from mobigo.journeys.follow_api import SENTENCES, say
from mobigo.journeys.identity import NamedWalk, read_id, write_id
from mobigo.journeys.model import JourneyRequest, Mode, Realtime
from mobigo.journeys.refresh import Change, Difference, Phase, refresh
from mobigo.kit.clock import Clock
from mobigo.kit.errors import NotFound
from mobigo.transit.live import Alert, CallRelation, CallUpdate, Relation, Target, TripUpdate
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.journeys.model import Journey
    from mobigo.journeys.network import Network

TO_BOURG = {
    "stops": FEED["stops.txt"] + stop("bourg", 20_000) + "\n",
    "routes": FEED["routes.txt"] + "M,V,30,Le Haut,3,\n",
    "trips": FEED["trips.txt"] + "M,week,m1,Bourg,,\nM,week,m2,Bourg,,\nM,week,m3,Bourg,,\n",
    "stop_times": FEED["stop_times.txt"]
    + "m1,1,aval,08:20:00,08:20:00\nm1,2,bourg,08:30:00,08:30:00\n"
    + "m2,1,aval,09:20:00,09:20:00\nm2,2,bourg,09:30:00,09:30:00\n"
    + "m3,1,aval,12:20:00,12:20:00\nm3,2,bourg,12:30:00,12:30:00\n",
}


@pytest.fixture(scope="module")
def upper_valley(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valley]:
    """The valley with a second line."""
    folder = tmp_path_factory.mktemp("upper")
    (folder / "home").mkdir()
    (folder / "files").mkdir()
    with new_database(test_cluster) as url:
        made = Valley(url, folder / "home", folder / "files")
        made.load_streets()
        made.load_feed(**TO_BOURG)
        made.build()
        yield made


@pytest.fixture
def now(upper_valley: Valley, tmp_path: Path) -> LiveValley:
    shutil.copytree(upper_valley.home, tmp_path / "home")
    return LiveValley(tmp_path / "home")


def plan(network: Network, when: str = "07:30", **more: object) -> Journey:
    request = JourneyRequest(at(0), "val:bourg", local(when), window=0, **more)  # type: ignore[arg-type]
    return service.plan(network, request).journeys[0]


def codes(differences: tuple[Difference, ...]) -> list[tuple[str, int, int]]:
    return [(one.change.value, one.ride, one.minutes) for one in differences]


def test_nothing_changed(now: LiveValley) -> None:
    journey = plan(now.network)
    assert rides(journey) == ["val:early 08:00-08:15", "val:m1 08:20-08:30"]
    found = refresh(now.network, journey.id, NOW)
    assert (found.journey.id, found.journey.legs) == (journey.id, journey.legs)
    assert (found.phase, found.holds, found.differences, found.alternatives) == (Phase.AHEAD, True, (), ())
    assert found.live_at is None


@pytest.mark.parametrize(
    ("minutes", "phase"), [(0, Phase.AHEAD), (45, Phase.UNDER_WAY), (58, Phase.UNDER_WAY), (120, Phase.OVER)]
)
def test_where_in_the_journey_now_is(now: LiveValley, minutes: int, phase: Phase) -> None:
    journey = plan(now.network)
    assert refresh(now.network, journey.id, NOW + timedelta(minutes=minutes)).phase is phase


def test_a_bus_that_is_late_and_a_change_that_holds(now: LiveValley) -> None:
    journey = plan(now.network)
    found = refresh(now.say(late("early", 3)), journey.id, NOW)
    assert rides(found.journey) == ["val:early 08:03-08:18", "val:m1 08:20-08:30"]
    assert codes(found.differences) == [("later", 0, 3), ("later", 0, 3)]
    assert [(one.side, one.stop) for one in found.differences] == [("departure", "Amont"), ("arrival", "Aval")]
    assert found.holds
    assert found.live_at == NOW


def test_a_change_that_gets_tight(now: LiveValley) -> None:
    journey = plan(now.network)
    found = refresh(now.say(late("early", 4)), journey.id, NOW)
    assert codes(found.differences)[2:] == [("tight", 1, 1)]
    assert found.holds


def test_a_change_that_is_missed_and_the_next_bus(now: LiveValley) -> None:
    journey = plan(now.network)
    network = now.say(late("early", 7))
    found = refresh(network, journey.id, NOW)
    assert rides(found.journey) == ["val:early 08:07-08:22", "val:m1 08:20-08:30 missed"]
    assert ("missed", 1, 0) in codes(found.differences)
    assert not found.holds
    instead = found.alternatives[0]
    assert rides(instead) == ["val:early 08:07-08:22", "val:m2 09:20-09:30"]
    assert instead.transfers == 1
    again = refresh(network, instead.id, NOW)
    assert rides(again.journey) == rides(instead)
    assert again.holds
    assert again.differences == ()


def test_aboard_one_goes_on_from_the_next_stop(now: LiveValley) -> None:
    journey = plan(now.network)
    found = refresh(now.say(late("early", 7)), journey.id, NOW + timedelta(minutes=40))
    assert found.phase is Phase.UNDER_WAY
    assert [rides(one) for one in found.alternatives] == [["val:early 08:07-08:22", "val:m2 09:20-09:30"]]


def test_a_bus_that_does_not_run(now: LiveValley) -> None:
    journey = plan(now.network)
    found = refresh(now.say(TripUpdate("early", MONDAY, relation=Relation.CANCELED)), journey.id, NOW)
    assert codes(found.differences) == [("canceled", 0, 0)]
    assert rides(found.journey)[0] == "val:early 08:00-08:15 canceled"
    assert rides(found.alternatives[0]) == ["val:noon1 12:00-12:02", "val:noon2 12:05-12:17", "val:m3 12:20-12:30"]


def test_a_second_bus_that_does_not_run(now: LiveValley) -> None:
    journey = plan(now.network)
    found = refresh(now.say(TripUpdate("m1", MONDAY, relation=Relation.CANCELED)), journey.id, NOW)
    assert codes(found.differences) == [("canceled", 1, 0)]
    assert rides(found.alternatives[0]) == ["val:early 08:00-08:15", "val:m2 09:20-09:30"]
    # whoever has not left yet may as well leave later
    assert all(one.arrival >= found.alternatives[0].arrival for one in found.alternatives)


def test_a_bus_that_passes_without_stopping(now: LiveValley) -> None:
    journey = plan(now.network)
    skipped = CallUpdate(sequence=1, relation=CallRelation.SKIPPED)
    found = refresh(now.say(TripUpdate("early", MONDAY, calls=(skipped,))), journey.id, NOW)
    assert codes(found.differences) == [("stop_skipped", 0, 0)]
    assert [one.stop for one in found.differences] == ["Amont"]
    assert not found.holds


def test_a_bus_that_passes_where_one_gets_off_is_said_to_pass_there(now: LiveValley) -> None:
    journey = plan(now.network)
    aval = next(leg.end.name for leg in journey.legs if leg.trip_id == "val:early")
    skipped = CallUpdate(stop_id="aval", relation=CallRelation.SKIPPED)
    found = refresh(now.say(TripUpdate("early", MONDAY, calls=(skipped,))), journey.id, NOW)
    assert [(one.change, one.ride, one.stop) for one in found.differences] == [(Change.STOP_SKIPPED, 0, aval)]
    assert aval in say(found.differences[0])["en"]
    assert not found.holds


def test_a_journey_of_live_data_is_compared_with_what_was_shown(now: LiveValley) -> None:
    journey = plan(now.say(late("early", 3)))
    assert rides(journey)[0] == "val:early 08:03-08:18"
    assert refresh(now.network, journey.id, NOW).differences == ()
    better = refresh(now.say(late("early", 1)), journey.id, NOW)
    assert codes(better.differences) == [("earlier", 0, 2), ("earlier", 0, 2)]
    assert better.journey.departure == journey.departure - timedelta(minutes=2)  # one leaves home as much earlier
    too_late = refresh(now.network, journey.id, journey.departure)
    assert ("missed", 0, 0) in codes(too_late.differences)
    assert refresh(now.network, journey.id, NOW, Realtime.OFF).live_at is None


def test_a_bus_that_only_live_data_know_and_then_no_more(now: LiveValley) -> None:
    begin = int(local("07:50").timestamp())
    calls = (
        CallUpdate(sequence=1, stop_id="amont", departure=begin),
        CallUpdate(sequence=2, stop_id="aval", arrival=begin + 900),
    )
    extra = TripUpdate("extra", MONDAY, route_id="L", relation=Relation.NEW, calls=calls)
    journey = plan(now.say(extra), arrive_by=True, when="08:30")
    assert rides(journey)[-1] == "val:m1 08:20-08:30"
    journey = service.plan(now.network, JourneyRequest(at(0), "val:aval", local("07:30"), window=0)).journeys[0]
    assert rides(journey) == ["val:extra 07:50-08:05"]
    assert refresh(now.network, journey.id, NOW).differences == ()
    with pytest.raises(NotFound, match="none of the rides"):
        refresh(now.say(), journey.id, NOW)


def test_messages_come_with_the_journey(now: LiveValley) -> None:
    journey = plan(now.network)
    network = now.say(alerts=(Alert("works", {"fr": "Travaux"}, targets=(Target(route_id="M"),)),))
    found = refresh(network, journey.id, NOW)
    assert [leg.alerts for leg in found.journey.legs if leg.trip_id] == [(), ("val:works",)]


def test_walking_all_the_way_holds_always(now: LiveValley) -> None:
    request = JourneyRequest(at(0), at(300), local("07:30"), window=0)
    journey = service.plan(now.network, request).journeys[0]
    assert not journey.rides
    found = refresh(now.network, journey.id, NOW)
    assert (found.holds, found.journey.legs) == (True, journey.legs)


def test_a_ride_on_a_bicycle_all_the_way_holds_too(now: LiveValley) -> None:
    request = JourneyRequest(at(0), at(9000), local("07:30"), window=0, direct=(Mode.WALK, Mode.BICYCLE))
    (journey,) = service.plan(now.network, request).direct
    found = refresh(now.network, journey.id, NOW)
    assert [leg.mode for leg in found.journey.legs] == [Mode.BICYCLE]
    assert (found.holds, found.journey.legs) == (True, journey.legs)


@pytest.mark.parametrize("name", ["x", "eJwrzEEAAA", "é", "A" * 300, ""])
def test_what_is_no_id_is_refused(now: LiveValley, name: str) -> None:
    with pytest.raises(NotFound, match="no journey"):
        refresh(now.network, name, NOW)


def test_a_name_that_was_tampered_with_does_no_harm(now: LiveValley) -> None:
    whole = read_id(plan(now.network).id)
    walks = [NamedWalk(*ends, whole.departure, whole.departure + 60) for ends in product((-1, 0), repeat=2)]
    for legs in (
        walks[:1],
        walks[1:2],
        walks[2:3],
        walks[3:],
        walks,
        [*walks, *whole.legs],
        whole.legs[1:2],
        whole.legs[::-1],
    ):
        try:
            refresh(now.network, write_id(replace(whole, legs=tuple(legs))), NOW)
        except NotFound:
            continue
    far = replace(whole, legs=(NamedWalk(-3, 0, whole.departure, whole.departure),))
    with pytest.raises(NotFound):
        refresh(now.network, write_id(far), NOW)
    with pytest.raises(NotFound, match="nowhere"):
        refresh(now.network, write_id(replace(whole, request=replace(whole.request, origin="nowhere"))), NOW)


def test_an_id_outlives_the_network(own_valley: Valley) -> None:
    own_valley.load_feed(**TO_BOURG)
    own_valley.build()
    journey = plan(own_valley.network())
    renamed = {
        "trips": TO_BOURG["trips"].replace("early", "e2027").replace("m1", "n1"),
        "stop_times": TO_BOURG["stop_times"].replace("early", "e2027").replace("m1", "n1").replace("08:20", "08:24"),
    }
    own_valley.load_feed(**(TO_BOURG | renamed))
    own_valley.build()
    found = refresh(own_valley.network(), journey.id, BUILT)
    assert rides(found.journey) == ["val:e2027 08:00-08:15", "val:n1 08:24-08:30"]
    assert codes(found.differences) == [("timetable", 1, 4), ("later", 1, 4)]
    own_valley.load_feed(stop_times=FEED["stop_times.txt"].replace("08:", "05:"))
    own_valley.build()
    with pytest.raises(NotFound):
        refresh(own_valley.network(), journey.id, BUILT)


def test_over_http(now: LiveValley, upper_valley: Valley, tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock.json")
    clock.move(NOW, rate=0)
    app = create_app(engine=open_engine(upper_valley.url), clock=clock, home=now.home)
    question = {"from": at(0), "to": "val:bourg", "at": "2026-11-23T07:30"}
    with serve(app) as address, httpx.Client(base_url=address, timeout=120) as http:
        journey = http.get("/v1/journeys", params=question).json()["journeys"][0]
        same = http.get(f"/v1/journeys/{journey['id']}").json()
        assert (same["journey"]["legs"], same["holds"], same["changes"]) == (journey["legs"], True, [])
        now.say(late("early", 7))
        found = http.get(f"/v1/journeys/{journey['id']}").json()
        assert found["holds"] is False
        assert found["changes"][-1]["text"] == {
            "fr": "Ligne 30, Aval : la correspondance n'est plus possible.",
            "en": "The change to line 30 at Aval is no longer possible.",
        }
        assert found["alternatives"][0]["arrival"] == "2026-11-23T09:30:00+01:00"
        assert datetime.fromisoformat(found["live_at"]) == NOW
        answer = http.get("/v1/journeys/nonsense")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_journey")
    app.state.engine.dispose()


def test_every_difference_has_its_words() -> None:
    said = set(SENTENCES)
    for change in Change:
        sides = ("departure", "arrival") if f"{change} departure" in said else ("",)
        for side in sides:
            for platform in ("", "2"):
                words = say(Difference(change, 0, "12", "Aval", 3, platform, side))
                assert set(words) == {"fr", "en"}
                assert all(text.endswith(".") and "{" not in text for text in words.values())
