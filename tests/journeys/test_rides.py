"""What a ride says besides its times: how often, how one boards, who waits, and how it goes now; worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from tests.journeys.text_network import MONDAY, network, place

from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest, Realtime
from mobigo.transit.live import CallRelation, CallUpdate, LiveFeed, Relation, TripUpdate
from mobigo.transit.live_snapshot import LiveSnapshot
from mobigo.transit.overlay import lay_over

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.model import Journey, Leg
    from mobigo.journeys.network import Network

STOPS = {"a": 0, "b": 5000, "c": 10_000, "d": 15_000}
DAY = date(2026, 11, 23)
NOW = int(MONDAY.timestamp()) + 7 * 3600


def ask(where: Network, end: str = "c", hour: int = 8, minute: int = 0, realtime: Realtime = Realtime.ON) -> Journey:
    at = MONDAY.replace(hour=hour, minute=minute)
    request = JourneyRequest("a", end, at, window=0, realtime=realtime, everything=True, budget=60)
    return next(one for one in service.plan(where, request).journeys if one.rides)


def rides(journey: Journey) -> list[Leg]:
    return [leg for leg in journey.legs if leg.trip_id]


def times(journey: Journey) -> list[str]:
    return [f"{leg.trip_id} {leg.departure:%H:%M}-{leg.arrival:%H:%M}" for leg in rides(journey)]


def live(where: Network, *trips: TripUpdate) -> Network:
    """Lay what a source says over a network, in memory."""
    overlay, _ = lay_over(where.timetable, [LiveFeed("", NOW, trips)], [], now=NOW)
    return replace(where, live=LiveSnapshot(where.folder, NOW, overlay, {}, (), ()))


def late(trip: str, minutes: int, sequence: int = 1) -> TripUpdate:
    return TripUpdate(trip, DAY, calls=(CallUpdate(sequence=sequence, departure_delay=60 * minutes),), at=NOW)


def test_a_vehicle_that_runs_so_often_says_how_often(tmp_path: Path) -> None:
    for exact, every in ((0, 600), (1, None)):
        text = f"trip_id,start_time,end_time,headway_secs,exact_times\nt,08:00:00,09:00:00,600,{exact}"
        where = network(tmp_path / f"{exact}", STOPS, {"t": "L a 06:00 b 06:20 c 06:30"}, frequencies=text)
        journey = ask(where, minute=5)
        assert times(journey) == ["t 08:10-08:40"]
        assert [leg.every for leg in rides(journey)] == [every]


def test_two_headways_one_after_the_other(tmp_path: Path) -> None:
    text = """trip_id,start_time,end_time,headway_secs
t,08:00:00,08:30:00,600
t,08:30:00,10:00:00,1800"""
    where = network(tmp_path, STOPS, {"t": "L a 06:00 c 06:30"}, frequencies=text)
    assert [rides(ask(where, minute=minute))[0].every for minute in (1, 11, 21, 31)] == [600, 600, 1800, 1800]


def test_how_one_boards_and_alights_and_whom_to_call(tmp_path: Path) -> None:
    where = network(
        tmp_path,
        STOPS,
        {"t": "L a 08:10 b 08:20 c 08:30"},
        agency="agency_id,agency_name,agency_url,agency_timezone,agency_phone\n"
        "V,V,https://v.example,Europe/Paris,+33 3 80 00 00 00",
        stop_times="trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type\n"
        "t,1,a,08:10:00,08:10:00,2,0\nt,2,b,08:20:00,08:20:00,0,0\nt,3,c,08:30:00,08:30:00,0,3",
    )
    (there,) = rides(ask(where))
    assert (there.pickup, there.drop_off, there.phone) == ("phone", "driver", "+33 3 80 00 00 00")
    (to_b,) = rides(ask(where, "b"))
    assert (to_b.pickup, to_b.drop_off) == ("phone", "regular")


def test_a_vehicle_that_waits_is_said_to(tmp_path: Path) -> None:
    trips = {"one": "L a 08:10 b 08:20", "two": "M b 08:25 c 08:40", "three": "M b 08:55 c 09:10"}
    named = "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type\nb,b,one,two,1"
    where = network(tmp_path, STOPS, trips, transfers=named)
    assert [leg.guaranteed for leg in rides(ask(where))] == [False, True]
    # one arrives when two should have left: two waits
    annotated = ask(live(where, late("one", 7)), realtime=Realtime.ANNOTATE)
    assert [leg.missed for leg in rides(annotated)] == [False, False]


def test_annotated_journeys_say_what_is_missed(tmp_path: Path) -> None:
    trips = {"one": "L a 08:10 b 08:20", "two": "M b 08:25 c 08:40", "three": "M b 08:55 c 09:10"}
    where = live(network(tmp_path, STOPS, trips), late("one", 7))
    annotated = ask(where, realtime=Realtime.ANNOTATE)
    assert times(annotated) == ["one 08:17-08:27", "two 08:25-08:40"]
    assert [leg.missed for leg in rides(annotated)] == [False, True]
    assert times(ask(where)) == ["one 08:17-08:27", "three 08:55-09:10"]
    assert times(ask(where, realtime=Realtime.OFF)) == ["one 08:10-08:20", "two 08:25-08:40"]


def test_a_delay_makes_a_change_that_the_timetable_has_not(tmp_path: Path) -> None:
    trips = {"one": "L a 08:10 b 08:20", "two": "M b 08:15 c 08:30", "three": "M b 08:55 c 09:10"}
    where = network(tmp_path, STOPS, trips)
    assert times(ask(where)) == ["one 08:10-08:20", "three 08:55-09:10"]
    journey = ask(live(where, late("two", 6)))
    assert times(journey) == ["one 08:10-08:20", "two 08:21-08:36"]
    assert [leg.planned_departure and f"{leg.planned_departure:%H:%M}" for leg in rides(journey)] == [None, "08:15"]


def test_a_late_vehicle_is_late_on_its_next_trip_and_one_stays_seated(tmp_path: Path) -> None:
    where = network(
        tmp_path,
        STOPS,
        {"one": "L a 08:10 b 08:20", "two": "L b 08:22 c 08:40"},
        trips_txt="route_id,service_id,trip_id,block_id\nL,week,one,v\nL,week,two,v",
    )
    journey = ask(live(where, late("one", 7)))
    assert times(journey) == ["one 08:17-08:27", "two 08:27-08:45"]
    assert [leg.stay_seated for leg in rides(journey)] == [False, True]
    annotated = ask(live(where, late("one", 7)), realtime=Realtime.ANNOTATE)
    assert times(annotated) == times(journey)
    assert [leg.missed for leg in rides(annotated)] == [False, False]


def test_one_departure_of_a_frequency_is_cancelled(tmp_path: Path) -> None:
    text = "trip_id,start_time,end_time,headway_secs\nt,08:00:00,09:00:00,600"
    where = network(tmp_path, STOPS, {"t": "L a 06:00 c 06:30"}, frequencies=text)
    gone = TripUpdate("t", DAY, start_time=8 * 3600 + 600, relation=Relation.CANCELED, at=NOW)
    assert times(ask(live(where, gone), minute=5)) == ["t 08:20-08:50"]
    (annotated,) = rides(ask(live(where, gone), minute=5, realtime=Realtime.ANNOTATE))
    assert (f"{annotated.departure:%H:%M}", annotated.canceled) == ("08:10", True)


def test_boarding_where_the_vehicle_does_not_call_is_no_ride(tmp_path: Path) -> None:
    trips = {"one": "L a 08:10 b 08:20 c 08:30", "two": "L a 09:10 b 09:20 c 09:30"}
    skipped = TripUpdate("one", DAY, calls=(CallUpdate(sequence=2, relation=CallRelation.SKIPPED),), at=NOW)
    where = live(network(tmp_path, STOPS, trips), skipped)
    assert times(ask(where, "b")) == ["two 09:10-09:20"]
    (annotated,) = rides(ask(where, "b", realtime=Realtime.ANNOTATE))
    assert (annotated.trip_id, annotated.canceled) == ("one", True)
    (through,) = rides(ask(where))
    assert (through.trip_id, through.calls) == ("one", ())


def test_whether_a_wheelchair_and_a_bicycle_can_come(tmp_path: Path) -> None:
    stops = "\n".join(
        ["stop_id,stop_name,stop_lat,stop_lon,wheelchair_boarding,location_type,parent_station"]
        + [
            f"{stop},{stop},{place(x).replace(', ', ',')},{wheelchair},0,{parent}"
            for stop, x, wheelchair, parent in (("a", 0, 0, "S"), ("b", 5000, 1, ""), ("c", 10_000, 2, ""))
        ]
        + [f"S,Station,{place(0)},1,1,"]
    )
    where = network(
        tmp_path,
        STOPS,
        {"t": "L a 08:10 b 08:20 c 08:30"},
        stops_txt=stops,
        trips_txt="route_id,service_id,trip_id,wheelchair_accessible,bikes_allowed\nL,week,t,1,2",
    )
    (to_b,), (to_c,) = rides(ask(where, "b")), rides(ask(where, "c"))
    assert (to_b.wheelchair, to_c.wheelchair, to_b.bikes) == ("possible", "not_possible", "not_possible")
