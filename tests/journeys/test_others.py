"""Other vehicles for a ride of a journey: worked out on the text of a feed, and against looking at everything."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest
from tests.conftest import serve
from tests.journeys.live_valley import MONDAY, NOW, LiveValley, late, local
from tests.journeys.test_refresh import upper_valley  # noqa: F401 - a fixture
from tests.journeys.text_network import ask, clock, network, place, told

from mobigo.cli.plan import _describe_missed, _describe_others
from mobigo.db.engine import open_engine
from mobigo.journeys import service
from mobigo.journeys.missing import tell_changes
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.others import Why, find_others
from mobigo.journeys.refresh import refresh
from mobigo.kit.clock import Clock
from mobigo.kit.errors import InvalidInput
from mobigo.transit.live import Relation, TripUpdate
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.journeys.conftest import Valley

    from mobigo.journeys.model import Journey
    from mobigo.journeys.network import Network
    from mobigo.journeys.others import Others

ROW = {"a": 0.0, "b": 5000.0, "c": 10_000.0, "d": 15_000.0}


def short(found: Others) -> list[str]:
    """Write those of the journey's day."""
    return [
        f"{one.leg.departure:%H:%M} {one.leg.line.name if one.leg.line else ''} {one.leg.arrival:%H:%M}"
        + (f" {one.why_not}" if one.why_not else "")
        for one in found.others
        if one.leg.departure.date() == found.journey.departure.date()
    ]


def ride(journey: Journey, line: str) -> int:
    return next(n for n, leg in enumerate(journey.legs) if leg.line and leg.line.name == line)


BUSY = {
    "in": "L a 08:00 b 08:10",
    "early": "M b 08:05 c 08:25",
    "own": "M b 08:20 c 08:40",
    "other": "X b 08:30 c 08:45",
    "slow": "Y b 08:31 c 09:10",
    "next": "M b 08:50 c 09:10",
    "away": "Z b 08:25 a 09:00",
    "on": "N c 08:50 d 09:00",
}


def test_a_ride_between_two_others(tmp_path: Path) -> None:
    # one is at b at 08:10 and must be at c at 08:50: the bus of another line at 08:30 does as well, the others do not
    net = network(tmp_path, ROW, BUSY)
    journey = next(one for one in ask(net, "a", "d", "07:50", everything=True).journeys if one.transfers == 2)
    found = find_others(net, journey.id, ride(journey, "M"), clock("07:50"), later=3)
    assert short(found) == [
        "08:05 M 08:25 before_one_is_there",
        "08:30 X 08:45",
        "08:31 Y 09:10 after_the_next",
        "08:50 M 09:10 after_the_next",
    ]
    assert list(_describe_others({1: found.others})) == [
        "    Instead of leg 1: 08:05 → 08:25 M, leaves before you can be there",
        "    Instead of leg 1: 08:30 → 08:45 X",
        "    Instead of leg 1: 08:31 → 09:10 Y, too late for what comes after",
        "    Instead of leg 1: 08:50 → 09:10 M, too late for what comes after",
    ]
    (missed, *_) = _describe_missed(tell_changes(net, journey.id, clock("07:50")).told)
    assert missed == "    Leg 1 missed: on at 2026-11-23 08:30 (X N), there 09:00, 0 min later."
    tomorrow = find_others(net, journey.id, ride(journey, "M"), clock("07:50"), later=9).others[4]
    assert (tomorrow.leg.departure, tomorrow.why_not) == (clock("08:05", 1), Why.AFTER_THE_NEXT)
    (fits,) = (one for one in found.others if one.journey)
    assert (fits.departure, fits.arrival) == (clock("08:00"), clock("09:00"))
    again = refresh(net, fits.journey or "", clock("07:50"))
    assert (again.holds, again.differences) == (True, ())
    assert told(again.journey) == "08:00 A L B 08:10, 08:30 B X C 08:45, 08:50 C N D 09:00"


def test_the_first_and_the_last_ride(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, BUSY | {"before": "L a 07:30 b 07:40", "later": "L a 08:15 b 08:25"})
    journey = next(
        one for one in ask(net, "a", "c", "07:50", everything=True).journeys if one.departure == clock("08:00")
    )
    first = find_others(net, journey.id, 0, clock("07:20"))
    assert short(first) == ["07:30 L 07:40", "08:15 L 08:25 after_the_next"]
    assert first.others[0].departure == clock("07:30")
    assert short(find_others(net, journey.id, 0, clock("07:45"))) == ["08:15 L 08:25 after_the_next"]
    last = find_others(net, journey.id, 1, clock("07:20"))
    assert short(last) == ["08:05 M 08:25 before_one_is_there", "08:30 X 08:45", "08:31 Y 09:10", "08:50 M 09:10"]
    assert last.others[-1].arrival == clock("09:10")
    assert short(find_others(net, journey.id, 1, clock("07:20"), earlier=0, later=1)) == ["08:30 X 08:45"]


def test_the_way_from_the_door_moves_with_the_ride(tmp_path: Path) -> None:
    # 100 m to a: 117 s; from c 200 m more: 234 s
    net = network(tmp_path, {"a": 0.0, "c": 10_000.0}, {"one": "L a 08:00 c 08:20", "two": "L a 09:00 c 09:20"})
    journey = ask(net, place(-100), place(10_200), "07:50").journeys[0]
    (other,) = find_others(net, journey.id, 1, clock("07:50")).others
    assert other.departure == clock("09:00") - timedelta(seconds=117)
    assert other.arrival == clock("09:20") + timedelta(seconds=234)
    again = refresh(net, other.journey or "", clock("07:50"))
    assert (again.journey.departure, again.journey.arrival, again.differences) == (other.departure, other.arrival, ())


def test_a_platform_further_away(tmp_path: Path) -> None:
    # the station's second platform is 119 m off: 100 s on foot
    stations = (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station\n"
        f"a,A,{place(0)},0,\nb1,Gare,{place(5000)},0,S\nb2,Gare,{place(5119)},0,S\n"
        f"S,Gare,{place(5000)},1,\nc,C,{place(10_000)},0,\n"
    )
    trips = {
        "in": "L a 08:00 b1 08:10",
        "own": "M b1 08:15 c 08:40",
        "near": "M b2 08:11 c 08:35",
        "far": "M b2 08:16 c 08:41",
    }
    net = network(tmp_path, {}, trips, stops_txt=stations)
    journey = next(
        one for one in ask(net, "a", "c", "07:50", everything=True).journeys if one.legs[-1].start.stop_id == "b1"
    )
    found = find_others(net, journey.id, 1, clock("07:50"))
    assert short(found) == ["08:11 M 08:35 before_one_is_there", "08:16 M 08:41"]
    again = refresh(net, found.others[1].journey or "", clock("07:50"))
    assert [leg.mode for leg in again.journey.legs] == ["bus", "walk", "bus"]
    assert again.holds


def test_rules_of_transfers_count(tmp_path: Path) -> None:
    net = network(
        tmp_path,
        ROW,
        {
            "in": "L a 08:00 b 08:10",
            "own": "M b 08:30 c 08:40",
            "two": "M b 08:14 c 08:24",
            "three": "X b 08:16 c 08:26",
        },
        transfers="from_stop_id,to_stop_id,from_route_id,to_route_id,transfer_type,min_transfer_time\n"
        "b,b,,,2,300\nb,b,L,X,3,\n",
    )
    journey = ask(net, "a", "c", "07:50").journeys[0]
    found = find_others(net, journey.id, 1, clock("07:50"))
    assert short(found) == ["08:14 M 08:24 before_one_is_there", "08:16 X 08:26 before_one_is_there"]


def test_wishes_count(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, BUSY)
    journey = ask(net, "b", "c", "08:10", forbid=("line:X", "mode:rail")).journeys[0]
    assert short(find_others(net, journey.id, 0, clock("08:00"), earlier=0)) == ["08:31 Y 09:10", "08:50 M 09:10"]


def test_a_leg_that_is_no_ride(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, BUSY)
    journey = ask(net, place(-100), "b", "07:50").journeys[0]
    for leg in (0, 2):
        with pytest.raises(InvalidInput, match="legs that are: 1"):
            find_others(net, journey.id, leg, clock("07:50"))


def test_runs_by_frequency(tmp_path: Path) -> None:
    net = network(
        tmp_path,
        ROW,
        {"often": "F a 06:00 b 06:10"},
        frequencies="trip_id,start_time,end_time,headway_secs,exact_times\noften,06:00:00,10:00:00,900,1\n",
    )
    journey = ask(net, "a", "b", "07:50").journeys[0]
    found = find_others(net, journey.id, 0, clock("07:20"))
    assert short(found) == ["07:30 F 07:40", "07:45 F 07:55", "08:15 F 08:25", "08:30 F 08:40", "08:45 F 08:55"]
    again = refresh(net, found.others[0].journey or "", clock("07:20"))
    assert told(again.journey) == "07:30 A F B 07:40"


def test_live_data_count(upper_valley: Valley, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    shutil.copytree(upper_valley.home, tmp_path / "home")
    now = LiveValley(tmp_path / "home")
    question = JourneyRequest("val:amont", "val:bourg", local("07:30"), window=0)
    journey = service.plan(now.network, question).journeys[0]
    assert short(find_others(now.network, journey.id, 1, NOW)) == ["09:20 30 09:30", "12:20 30 12:30"]
    net = now.say(late("m2", 5), TripUpdate("m3", MONDAY, relation=Relation.CANCELED))
    found = find_others(net, journey.id, 1, NOW)
    assert short(found)[0] == "09:25 30 09:35"
    assert "12:20 30 12:30" not in short(found)
    assert found.others[0].leg.planned_departure == local("09:20")
    assert found.live_at == NOW
    # with the bus to it 70 minutes late only that one can be reached
    found = find_others(now.say(late("early", 66)), journey.id, 1, NOW)
    assert short(found) == ["09:20 30 09:30 before_one_is_there", "12:20 30 12:30"]


@pytest.fixture
def http(valley: Valley, tmp_path: Path) -> Iterator[httpx.Client]:
    """The valley on that Monday morning."""
    time = Clock(tmp_path / "clock.json")
    time.move(NOW, rate=0)
    engine = open_engine(valley.url)
    app = create_app(engine=engine, clock=time, home=valley.home)
    with serve(app) as address, httpx.Client(base_url=address, timeout=60) as client:
        yield client
    engine.dispose()


def test_over_http(http: httpx.Client) -> None:
    question = {"from": "val:amont", "to": "val:aval", "at": "2026-11-23T07:30"}
    journey = http.get("/v1/journeys", params=question).json()["journeys"][0]
    assert (journey["riskiest_leg"], [leg["change"] for leg in journey["legs"]]) == (None, [None])
    where = f"/v1/journeys/{journey['id']}"
    changes = http.get(f"{where}/changes", params={"realtime": "off"}).raise_for_status().json()
    assert (changes["changes"], changes["riskiest_leg"]) == ([], None)
    assert changes["journey"]["id"] == journey["id"]
    found = http.get(f"{where}/legs/0/alternatives", params={"earlier": 0, "later": 1}).raise_for_status().json()
    assert found["planned"]["trip_id"] == "val:early"
    (late,) = found["alternatives"]
    assert (late["leg"]["trip_id"], late["leg"]["departure"]) == ("val:late", "2026-11-24T00:30:00+01:00")
    assert (late["fits"], late["why_not"], late["earlier"]) == (True, None, False)
    again = http.get(f"/v1/journeys/{late['journey']}").raise_for_status().json()
    assert again["journey"]["arrival"] == late["arrival"] == "2026-11-24T00:45:00+01:00"
    for leg, status in ((7, 400), (-1, 422), ("x", 422)):
        assert http.get(f"{where}/legs/{leg}/alternatives").status_code == status
    assert http.get("/v1/journeys/nonsense/changes").status_code == 404


# ── against looking at everything ─────────────────────────────────────────────────────────────────────────────────────


class Run(NamedTuple):
    """A vehicle between two stops."""

    trip: str
    departure: datetime
    arrival: datetime


def list_runs(trips: dict[str, str], origin: str, destination: str) -> list[Run]:
    """List what goes from one stop to another on the Mondays to Wednesdays around, out of the text."""
    found = []
    for trip, text in trips.items():
        words = text.split()[1:]
        calls = list(zip(words[::2], words[1::2], strict=True))
        begins = [n for n, (stop, _) in enumerate(calls) if stop == origin]
        ends = [n for n, (stop, _) in enumerate(calls) if stop == destination]
        pairs = [(a, min(b for b in ends if b > a)) for a in begins if any(b > a for b in ends)]
        for day in (0, 1, 2):
            if pairs:
                a, b = pairs[-1]
                found.append(Run(trip, clock(calls[a][1], day), clock(calls[b][1], day)))
    return sorted(found, key=lambda one: (one.departure, one.arrival))


def draw_trips(random: Random) -> dict[str, str]:
    trips = {}
    for number in range(random.randint(6, 16)):
        stops = random.sample("abcd", random.randint(2, 4))
        minute = random.randrange(7 * 60, 11 * 60, 5)
        words = []
        for stop in stops:
            words.append(f"{stop} {minute // 60:02}:{minute % 60:02}")
            minute += random.choice((5, 10, 15))
        trips[f"t{number}"] = f"L{random.randint(1, 3)} {' '.join(words)}"
    return trips


@pytest.mark.parametrize("seed", range(25))
def test_the_same_as_looking_at_everything(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    trips = draw_trips(random)
    net = network(tmp_path, ROW, trips)
    now = clock("07:00")
    looked = 0
    for origin, destination in (("a", "d"), ("b", "a"), ("c", "b")):
        for journey in ask(net, origin, destination, "07:30", everything=True, window=7200).journeys:
            for number, leg in enumerate(journey.legs):
                if leg.trip_id is None:
                    continue
                looked += 1
                check(net, trips, journey, number, now)
    assert looked or len(trips) < 9


def check(net: Network, trips: dict[str, str], journey: Journey, number: int, now: datetime) -> None:
    leg = journey.legs[number]
    free = journey.legs[number - 1].arrival if number else now
    due = journey.legs[number + 1].departure if number + 1 < len(journey.legs) else None
    runs = [
        one
        for one in list_runs(trips, leg.start.stop_id or "", leg.end.stop_id or "")
        if (one.trip, one.departure) != (leg.trip_id, leg.departure) and one.departure >= now
    ]
    before = [one for one in runs if leg.departure - timedelta(hours=24) <= one.departure < leg.departure][-2:]
    after = [one for one in runs if leg.departure <= one.departure < leg.departure + timedelta(hours=24)][:3]
    found = find_others(net, journey.id, number, now)
    told_ = [(one.leg.departure, one.leg.arrival, one.why_not) for one in found.others]
    expected = [
        (
            one.departure,
            one.arrival,
            Why.BEFORE_ONE_IS_THERE
            if one.departure < free
            else Why.AFTER_THE_NEXT
            if due is not None and one.arrival > due
            else None,
        )
        for one in (*before, *after)
    ]
    assert told_ == expected
    for one in found.others:
        if one.journey:
            again = refresh(net, one.journey, now)
            assert again.holds
            assert again.differences == ()
            assert (again.journey.departure, again.journey.arrival) == (one.departure, one.arrival)
            legs = [*journey.legs[:number], one.leg, *journey.legs[number + 1 :]]
            assert [(part.trip_id, part.departure) for part in again.journey.legs] == [
                (part.trip_id, part.departure) for part in legs
            ]
