"""What a timetable means, one rule each, from the text of a feed to the answer a traveller reads."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from tests.journeys.text_network import AGENCY, PARIS, ask, clock, network, told

from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.network import Network

ROW = {"a": 0.0, "b": 5000.0, "c": 10_000.0, "d": 15_000.0}
ROUTES = "route_id,agency_id,route_short_name,route_type\n"
NEVER = "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
BLOCK = "route_id,service_id,trip_id,block_id\n"


def test_trips_of_two_time_zones(tmp_path: Path) -> None:
    # the train runs on Paris time; the bus at 08:00 of London leaves at 09:00 of Paris, half an hour after it
    net = network(
        tmp_path,
        ROW,
        {"train": "T a 08:00 b 08:30", "bus": "B b 08:00 c 08:20", "early": "B b 07:20 c 07:40"},
        agency=AGENCY + "L,London Buses,https://l.example,Europe/London\n",
        routes=ROUTES + "T,V,T,2\nB,L,B,3\n",
    )
    (journey,) = ask(net, "a", "c", "07:50", window=1200).journeys
    train, bus = journey.legs
    assert (bus.departure.isoformat(), bus.arrival.isoformat()) == (
        "2026-11-23T08:00:00+00:00",
        "2026-11-23T08:20:00+00:00",
    )
    assert (train.departure.isoformat(), journey.arrival - journey.departure) == (
        "2026-11-23T08:00:00+01:00",
        clock("09:20") - clock("08:00"),
    )


def test_service_past_48_hours_belongs_to_its_day(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, {"night": "L a 47:50 b 48:30 c 49:10"}, calendar=NEVER, calendar_dates=on(20261123))
    (journey,) = ask(net, "b", "c", "00:00", days=2, window=3600).journeys
    assert (journey.departure, journey.arrival) == (clock("00:30", 2), clock("01:10", 2))
    assert str(journey.legs[0].service_date) == "2026-11-23"


def test_the_night_that_is_an_hour_longer(tmp_path: Path) -> None:
    # of Saturday's service 26:30 is half past two in summer time, 27:30 half past two again, in winter time
    net = network(tmp_path, ROW, {"night": "L a 26:30 b 27:30"}, calendar=NEVER, calendar_dates=on(20261024))
    journey = at(net, "a", "b", "2026-10-25T00:30")
    assert journey == ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00")


def test_the_night_that_is_an_hour_shorter(tmp_path: Path) -> None:
    # of Saturday's service 25:30 is half past one, 26:30 half past three
    net = network(tmp_path, ROW, {"night": "L a 25:30 b 26:30"}, calendar=NEVER, calendar_dates=on(20260328))
    journey = at(net, "a", "b", "2026-03-29T00:30")
    assert journey == ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00")


def test_on_such_a_sunday_the_morning_is_as_printed(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, {"day": "L a 08:00 b 09:00"}, calendar=NEVER, calendar_dates=on(20260329))
    assert at(net, "a", "b", "2026-03-29T07:30") == ("2026-03-29T08:00:00+02:00", "2026-03-29T09:00:00+02:00")


def test_a_feed_of_dates_only(tmp_path: Path) -> None:
    net = network(tmp_path, ROW, {"t": "L a 08:00 b 08:10"}, calendar=NEVER, calendar_dates=on(20261123, 20261125))
    assert ask(net, "a", "b", "07:00", window=7200).journeys[0].departure == clock("08:00")
    assert ask(net, "a", "b", "07:00", days=1, window=7200).next_departure == clock("08:00", 2)


def test_a_day_taken_out_of_the_calendar(tmp_path: Path) -> None:
    out = "service_id,date,exception_type\nweek,20261124,2\n"
    net = network(tmp_path, ROW, {"t": "L a 08:00 b 08:10"}, calendar_dates=out)
    assert ask(net, "a", "b", "07:00", days=1, window=7200).next_departure == clock("08:00", 2)


def test_who_phones_and_who_tells_the_driver(tmp_path: Path) -> None:
    times = "trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type\n"
    net = network(
        tmp_path,
        ROW,
        {"t": "L a 08:00 b 08:10"},
        agency="agency_id,agency_name,agency_url,agency_timezone,agency_phone\n"
        "V,Cars du Val,https://val.example,Europe/Paris,03 80 00 00 00\n",
        stop_times=times + "t,1,a,08:00:00,08:00:00,2,0\nt,2,b,08:10:00,08:10:00,0,3\n",
    )
    leg = ask(net, "a", "b", "07:00").journeys[0].legs[0]
    assert (leg.pickup, leg.drop_off, leg.phone) == ("phone", "driver", "03 80 00 00 00")


def test_a_ride_by_the_minute_and_one_by_the_interval(tmp_path: Path) -> None:
    # F every ten minutes, more or less; E at 09:00 and 09:10 exactly
    frequencies = "trip_id,start_time,end_time,headway_secs,exact_times\nf,08:00:00,08:30:00,600,0\n"
    net = network(
        tmp_path,
        ROW,
        {"f": "F a 00:00 b 00:10", "e": "E a 00:00 b 00:10"},
        frequencies=frequencies + "e,09:00:00,09:20:00,600,1\n",
    )
    often = ask(net, "a", "b", "08:15", window=600).journeys[0]
    assert (told(often), often.legs[0].every) == ("08:20 A F B 08:30", 600)
    exact = ask(net, "a", "b", "09:05", window=600).journeys[0]
    assert (told(exact), exact.legs[0].every) == ("09:10 A E B 09:20", None)


def test_a_vehicle_that_waits_says_so(tmp_path: Path) -> None:
    transfers = "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type\nb,b,t,u,1\n"
    trips = {"t": "L a 08:00 b 08:10", "u": "M b 08:10 c 08:20", "v": "M b 08:30 c 08:40"}
    net = network(tmp_path, ROW, trips, transfers=transfers)
    journey = ask(net, "a", "c", "07:50", window=1200).journeys[0]
    assert [(leg.trip_id, leg.guaranteed) for leg in journey.legs] == [("t", False), ("u", True)]
    careful = ask(net, "a", "c", "07:50", window=1200, min_change=300).journeys[0]
    assert [leg.trip_id for leg in careful.legs] == ["t", "u"]


def test_a_forbidden_change_and_the_next_vehicle(tmp_path: Path) -> None:
    transfers = "from_stop_id,to_stop_id,from_route_id,to_route_id,transfer_type\nb,b,L,M,3\n"
    trips = {"t": "L a 08:00 b 08:10", "u": "M b 08:15 c 08:20", "v": "N b 08:30 c 08:40"}
    net = network(tmp_path, ROW, trips, transfers=transfers)
    journey = ask(net, "a", "c", "07:50", window=1200).journeys[0]
    assert told(journey) == "08:00 A L B 08:10, 08:30 B N C 08:40"


def test_a_time_to_change_counts_to_the_second(tmp_path: Path) -> None:
    transfers = "from_stop_id,to_stop_id,transfer_type,min_transfer_time\nb,b,2,301\n"
    trips = {"t": "L a 08:00 b 08:10", "u": "M b 08:15 c 08:20", "v": "N b 08:16 c 08:40"}
    net = network(tmp_path, ROW, trips, transfers=transfers)
    assert told(ask(net, "a", "c", "07:50", window=1200).journeys[0]) == "08:00 A L B 08:10, 08:16 B N C 08:40"


def test_staying_seated_into_the_next_day_of_service(tmp_path: Path) -> None:
    transfers = "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type\n,,t,u,4\n"
    trips = {"t": "L a 23:30 b 23:50", "u": "L b 00:10 c 00:30"}
    net = network(tmp_path, ROW, trips, transfers=transfers)
    journey = ask(net, "a", "c", "23:00", window=3600).journeys[0]
    assert [(leg.trip_id, leg.stay_seated, str(leg.service_date)) for leg in journey.legs] == [
        ("t", False, "2026-11-23"),
        ("u", True, "2026-11-24"),
    ]
    assert (journey.transfers, journey.arrival) == (0, clock("00:30", 1))


def test_trains_that_join_and_a_train_that_parts(tmp_path: Path) -> None:
    transfers = "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type\n,,t,u,4\n,,x,u,4\n,,u,v,4\n,,u,w,4\n"
    trips = {
        "t": "L a 08:00 b 08:10",
        "x": "L d 08:00 b 08:10",
        "u": "L b 08:20 c 08:30",
        "v": "L c 08:40 a 09:00",
        "w": "L c 08:42 d 08:50",
    }
    net = network(tmp_path, ROW, trips, transfers=transfers)
    for start, end, seats in (("a", "d", ["t", "u", "w"]), ("d", "a", ["x", "u", "v"])):
        journey = ask(net, start, end, "07:50", window=1200, max_transfers=0).journeys[0]
        assert [leg.trip_id for leg in journey.legs] == seats
        assert [leg.stay_seated for leg in journey.legs] == [False, True, True]


def on(*days: int) -> str:
    """Service on these days."""
    return "service_id,date,exception_type\n" + "".join(f"week,{day},1\n" for day in days)


def at(net: Network, origin: str, destination: str, moment: str) -> tuple[str, str]:
    """Departure and arrival of the first journey after a moment of Paris."""
    when = datetime.fromisoformat(moment).replace(tzinfo=PARIS)
    journey = service.plan(net, JourneyRequest(origin, destination, when, budget=60.0)).journeys[0]
    return journey.departure.isoformat(), journey.arrival.isoformat()


def test_a_block_parted_by_the_feed_means_getting_off_and_on(tmp_path: Path) -> None:
    transfers = "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type\nb,b,t,u,5\n"
    net = network(
        tmp_path,
        ROW,
        {"t": "L a 08:00 b 08:10", "u": "L b 08:10 c 08:20"},
        trips_txt=BLOCK + "L,week,t,x\nL,week,u,x\n",
        transfers=transfers,
    )
    (journey,) = ask(net, "a", "c", "07:50", window=1200).journeys
    assert ([leg.stay_seated for leg in journey.legs], journey.transfers) == ([False, False], 1)


def test_nobody_stays_seated_from_one_day_to_the_next_in_a_block(tmp_path: Path) -> None:
    # one block, but the bus of the evening before goes on as nothing
    trips = {"t": "L a 18:00 b 18:10", "u": "M b 08:00 c 08:20"}
    net = network(tmp_path, ROW, trips, trips_txt=BLOCK + "M,week,u,x\nL,week,t,x\n")
    (journey,) = ask(net, "a", "c", "17:50", window=1200).journeys
    assert told(journey) == "18:00 A L B 18:10, 08:00 B M C 08:20"
    assert ([leg.stay_seated for leg in journey.legs], journey.transfers) == ([False, False], 1)


def test_nobody_stays_seated_where_trips_of_a_block_overlap(tmp_path: Path) -> None:
    trips = {"t": "L a 08:00 b 08:10", "u": "M b 08:10 c 08:20", "w": "N c 08:15 d 08:40"}
    net = network(tmp_path, ROW, trips, trips_txt=BLOCK + "L,week,t,x\nM,week,u,x\nN,week,w,x\n")
    (journey,) = ask(net, "a", "c", "07:50", window=1200).journeys
    assert ([leg.stay_seated for leg in journey.legs], journey.transfers) == ([False, False], 1)


def test_a_change_that_waits_takes_the_walk_not_the_time_of_other_changes(tmp_path: Path) -> None:
    # between the platforms, 24 m apart, one needs ten minutes; but the bus of 08:12 waits for this one
    transfers = (
        "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type,min_transfer_time\nb,e,,,2,600\nb,e,t,u,1,\n"
    )
    trips = {"t": "L a 08:00 b 08:10", "k": "K a 08:01 b 08:10", "u": "M e 08:12 c 08:20", "v": "N e 08:30 c 08:40"}
    net = network(tmp_path, ROW | {"e": 5024.0}, trips, transfers=transfers)
    first, second = ask(net, "a", "c", "07:50", window=1200).journeys
    assert told(first) == "08:00 A L B 08:10, walk, 08:12 E M C 08:20"
    assert [leg.guaranteed for leg in first.legs] == [False, False, True]
    assert told(second) == "08:01 A K B 08:10, walk, 08:30 E N C 08:40"
    walk = second.legs[1]
    assert (walk.arrival - walk.departure).total_seconds() < 60


def test_who_does_not_want_to_call_ahead_takes_what_needs_no_call(tmp_path: Path) -> None:
    # boarded at a only after a call, at b without; left at c after a call: the next bus needs none
    times = "trip_id,stop_sequence,stop_id,arrival_time,departure_time,pickup_type,drop_off_type\n"
    times += "t,1,a,08:00:00,08:00:00,2,0\nt,2,b,08:20:00,08:20:00,0,0\nt,3,c,08:40:00,08:40:00,0,2\n"
    times += "u,1,a,09:00:00,09:00:00,0,3\nu,2,b,09:20:00,09:20:00,0,0\nu,3,c,09:40:00,09:40:00,0,3\n"
    trips = {"t": "L a 08:00 b 08:20 c 08:40", "u": "M a 09:00 b 09:20 c 09:40"}
    net = network(tmp_path, {"a": 0, "b": 10_000, "c": 20_000}, trips, stop_times=times)
    asked = {ends: ask(net, *ends, "07:50", no_reservation=True).journeys for ends in ("ab", "bc")}
    assert {ends: told(journeys[0]) for ends, journeys in asked.items()} == {
        "ab": "09:00 A M B 09:20",
        "bc": "09:20 B M C 09:40",  # asking the driver is no call
    }
    assert told(ask(net, "a", "b", "07:50").journeys[0]) == "08:00 A L B 08:20"
