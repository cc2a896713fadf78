"""Live data laid over small timetables written out: what runs, when, and what is said of the source."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from google.transit import gtfs_realtime_pb2 as messages

from mobigo.transit import realtime, routing
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.live import (
    Alert,
    CallRelation,
    CallUpdate,
    Disturbance,
    Effect,
    LiveFeed,
    MatchReport,
    Relation,
    Target,
    TripUpdate,
    Vehicle,
)
from mobigo.transit.matching import Finder, read_names
from mobigo.transit.overlay import NEVER, CallStatus, GoneKind, Overlay, lay_over
from mobigo.transit.striking import find_hit
from mobigo.transit.timetable import Timetable, begin_day, build, day_number, list_running, service_date, zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
SKIPPED, NO_DATA = CallRelation.SKIPPED, CallRelation.NO_DATA

TOWN = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,A,http://a,Europe/Paris\n",
    # b1 and b2 are platforms of station B; all lie on one meridian, 0.1 degrees (11.1 km) apart
    "stops.txt": (
        "stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,platform_code\n"
        "a,A,47.0,4.0,0,,\nB,B,47.1,4.0,1,,\nb1,B,47.1,4.0,0,B,1\nb2,B,47.1,4.0,0,B,2\nc,C,47.2,4.0,0,,\nd,D,47.3,4.0,0,,\n"
    ),
    "routes.txt": "route_id,agency_id,route_short_name,route_type\nR,1,12,3\nS,1,13,3\n",
    # l goes round,
    # t1 goes on as t2, and t2 as t3 (one vehicle); n begins after midnight; f every 10 minutes from 10:00 to 10:40
    "trips.txt": (
        "route_id,service_id,trip_id,block_id,trip_headsign\nR,W,t1,v,D\nR,W,t2,v,A\nR,W,t3,v,D\nS,W,n,,D\nS,W,f,,C\nS,W,l,,A\n"
    ),
    "calendar_dates.txt": "service_id,date,exception_type\nW,20261123,1\nW,20261124,1\n",
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t1,08:00:00,08:00:00,a,10\nt1,08:10:00,08:12:00,b1,20\nt1,08:22:00,08:22:00,c,30\nt1,08:32:00,08:32:00,d,40\n"
        "t2,08:40:00,08:40:00,d,1\nt2,09:10:00,09:10:00,a,2\n"
        "t3,09:20:00,09:20:00,a,1\nt3,09:50:00,09:50:00,d,2\n"
        "n,24:30:00,24:30:00,a,1\nn,25:00:00,25:00:00,d,2\n"
        "f,10:00:00,10:00:00,a,1\nf,10:20:00,10:20:00,c,2\n"
        "l,12:00:00,12:00:00,a,1\nl,12:20:00,12:20:00,c,2\nl,12:40:00,12:40:00,a,3\n"
    ),
    "frequencies.txt": "trip_id,start_time,end_time,headway_secs\nf,10:00:00,10:40:00,600\n",
}


@pytest.fixture(name="town", scope="module")
def _town(tmp_path_factory: pytest.TempPathFactory) -> Timetable:
    return write(tmp_path_factory.mktemp("town"))


def write(folder: Path, **changed: str) -> Timetable:
    for name, text in (TOWN | {f"{name}.txt": text for name, text in changed.items()}).items():
        (folder / name).write_text(text)
    return build(read_feed_tables(folder))


def at(clock: str, day: date = MONDAY) -> int:
    """Seconds since 1970 of a time of a service day in Paris."""
    hours, minutes = clock.split(":")
    begin = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("Europe/Paris")).timestamp() - 12 * 3600
    return int(begin) + int(hours) * 3600 + round(float(minutes) * 60)


def lay(
    town: Timetable, *said: TripUpdate | Vehicle, now: str = "08:05", disturbances: Sequence[Disturbance] = ()
) -> tuple[Overlay, MatchReport]:
    """Lay one fresh feed over the town."""
    feed = LiveFeed(
        "",
        at(now),
        tuple(one for one in said if isinstance(one, TripUpdate)),
        tuple(one for one in said if isinstance(one, Vehicle)),
    )
    overlay, reports = lay_over(town, [feed], disturbances, now=at(now))
    return overlay, reports[0]


def say(overlay: Overlay) -> list[str]:
    """One line per appended trip: name, day of November, calls as stop and times, in brackets where skipped."""
    table = overlay.timetable
    lines = []
    for trip in range(int(overlay.base_trips[0]), len(table.trip_route)):
        calls = []
        for row in range(int(table.call_first[trip]), int(table.call_first[trip + 1])):
            status = overlay.call_status[row - int(overlay.base_calls[0])]
            times = dict.fromkeys(write_time(int(t[row])) for t in (table.call_arrival, table.call_departure))
            call = f"{table.stop_ids.at(int(table.call_stop[row]))} {'-'.join(times)}"
            marks = {CallStatus.LIVE: call, CallStatus.SKIPPED: f"({call})", CallStatus.NO_DATA: f"{call}?"}
            calls.append(marks.get(CallStatus(status), f"{call}="))
        day = service_date(int(overlay.trip_day[trip - int(overlay.base_trips[0])])).day
        lines.append(f"{table.trip_ids.at(trip)} {day}: {', '.join(calls)}")
    return sorted(lines)


def write_time(seconds: int) -> str:
    text = f"{seconds // 3600}:{seconds // 60 % 60:02}"
    return text if seconds % 60 == 0 else f"{text}:{seconds % 60:02}"


def gone(overlay: Overlay) -> list[str]:
    """One line per run that is not there: name, day of November, time of a frequency, why."""
    table = overlay.timetable
    lines = []
    for trip, day, shift, kind in zip(
        table.gone_trip.tolist(), table.gone_day.tolist(), table.gone_shift.tolist(), overlay.gone_kind, strict=True
    ):
        start = int(table.call_departure[table.call_first[trip]]) + shift
        when = "" if shift < -(2**30) else f" {write_time(start)}"
        lines.append(f"{table.trip_ids.at(trip)} {service_date(day).day}{when}: {GoneKind(kind).name}")
    return lines


def delays(**by_sequence: int) -> tuple[CallUpdate, ...]:
    return tuple(CallUpdate(int(name[1:]), departure_delay=60 * delay) for name, delay in by_sequence.items())


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        # a delay is carried on, before it the plan holds
        (delays(s20=3), "a 8:00=, b1 8:13-8:15, c 8:25, d 8:35"),
        # it shrinks where a call says so
        (delays(s20=3, s30=1), "a 8:00=, b1 8:13-8:15, c 8:23, d 8:33"),
        # early is carried on too
        (delays(s10=-1), "a 7:59, b1 8:09-8:11, c 8:21, d 8:31"),
        # a time prevails over a delay
        ((CallUpdate(30, arrival=at("8:30"), arrival_delay=5),), "a 8:00=, b1 8:10-8:12=, c 8:30, d 8:40"),
        # no data: the plan again, but not before the call before
        ((*delays(s20=15), CallUpdate(30, relation=NO_DATA)), "a 8:00=, b1 8:25-8:27, c 8:27?, d 8:32?"),
        # skipped: the delay is carried over it
        ((*delays(s20=3), CallUpdate(30, relation=SKIPPED)), "a 8:00=, b1 8:13-8:15, (c 8:25), d 8:35"),
        # what is said prevails over what is carried on
        (
            (CallUpdate(10, departure_delay=840), CallUpdate(30, arrival_delay=0, departure_delay=0)),
            "a 8:14, b1 8:22, c 8:22, d 8:32",
        ),
        # said twice, running backwards: the later call is raised
        (
            (CallUpdate(20, departure=at("8:40")), CallUpdate(30, arrival=at("8:30"))),
            "a 8:00=, b1 8:38-8:40, c 8:40, d 8:40",
        ),
        # stops alone, in order
        ((CallUpdate(stop_id="c", arrival_delay=120),), "a 8:00=, b1 8:10-8:12=, c 8:24, d 8:34"),
        # numbers that do not fit the stops: the stops count
        ((CallUpdate(40, "c", arrival_delay=120),), "a 8:00=, b1 8:10-8:12=, c 8:24, d 8:34"),
    ],
)
def test_times_of_calls(town: Timetable, calls: tuple[CallUpdate, ...], expected: str) -> None:
    overlay, report = lay(town, TripUpdate("t1", MONDAY, calls=calls))
    assert say(overlay)[0] == f"t1 23: {expected}"
    assert gone(overlay)[0] == "t1 23: REPLACED"
    assert (report.trips_matched, report.calls_matched) == (1, len(calls))


def test_a_delay_of_the_trip_counts_until_a_call_says_more(town: Timetable) -> None:
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, delay=120, calls=delays(s30=5)))
    assert say(overlay)[0] == "t1 23: a 8:02, b1 8:12-8:14, c 8:24-8:27, d 8:37"


def test_planned_times_stay_beside_those_of_now(town: Timetable) -> None:
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, delay=60))
    assert [write_time(one) for one in overlay.call_planned_departure.tolist()] == ["8:00", "8:12", "8:22", "8:32"]
    assert overlay.trip_base.tolist() == [town.trip_ids.all().index("t1")]


def test_another_platform_is_another_stop_of_the_station(town: Timetable) -> None:
    for call in (
        CallUpdate(20, "b1", departure_delay=0, assigned_stop_id="b2"),
        CallUpdate(20, "b2", departure_delay=0),  # as some sources say it
        CallUpdate(20, "b1", departure_delay=0, platform="2"),
    ):
        overlay, _ = lay(town, TripUpdate("t1", MONDAY, calls=(call,)))
        assert say(overlay) == ["t1 23: a 8:00=, b2 8:10-8:12, c 8:22, d 8:32"]
    assert overlay.platforms.all() == ["2"]
    elsewhere, _ = lay(town, TripUpdate("t1", MONDAY, calls=(CallUpdate(20, departure_delay=0, assigned_stop_id="d"),)))
    assert say(elsewhere) == ["t1 23: a 8:00=, b1 8:10-8:12, c 8:22, d 8:32"]


def test_nothing_said_changes_nothing(town: Timetable) -> None:
    overlay, report = lay(town, TripUpdate("t1", MONDAY), TripUpdate("t2", MONDAY, calls=(CallUpdate(1),)))
    assert (say(overlay), gone(overlay), report.trips_matched) == ([], [], 2)


# --- blocks -----------------------------------------------------------------------------------------------------------


def test_a_delay_goes_on_to_the_next_trips_of_the_vehicle_as_far_as_it_lasts(town: Timetable) -> None:
    # t1 ends 8:47 instead of 8:32, t2 was to begin 8:40; it ends 9:17, before t3 begins
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, delay=15 * 60))
    assert say(overlay)[1:] == ["t2 23: d 8:47, a 9:17"]
    # half an hour reaches t3 as well
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, delay=30 * 60))
    assert say(overlay)[1:] == ["t2 23: d 9:02, a 9:32", "t3 23: a 9:32, d 10:02"]


def test_what_is_known_of_the_next_trip_itself_prevails(town: Timetable) -> None:
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, delay=30 * 60), TripUpdate("t2", MONDAY, delay=0))
    assert say(overlay)[1:] == ["t2 23: d 8:40, a 9:10"]


def test_a_cancelled_trip_is_passed_over(town: Timetable) -> None:
    overlay, _ = lay(
        town, TripUpdate("t1", MONDAY, delay=60 * 60), TripUpdate("t2", MONDAY, relation=Relation.CANCELED)
    )
    assert say(overlay)[1:] == ["t3 23: a 9:32, d 10:02"]  # t1 ends 9:32, t3 was to begin 9:20
    assert gone(overlay) == ["t1 23: REPLACED", "t2 23: CANCELED", "t3 23: REPLACED"]


def test_a_replacement_that_ends_late_makes_the_next_trip_late(town: Timetable) -> None:
    calls = (CallUpdate(None, "a", departure=at("8:05")), CallUpdate(None, "d", arrival=at("8:50")))
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, relation=Relation.REPLACEMENT, calls=calls))
    assert say(overlay) == ["t1 23: a 8:05, d 8:50", "t2 23: d 8:50, a 9:20"]


TRANSFERS = "from_stop_id,to_stop_id,from_trip_id,to_trip_id,transfer_type\n"


@pytest.mark.parametrize("kind", [4, 5])  # 5: nobody may stay seated, but the vehicle is the same
def test_a_delay_goes_where_a_row_of_transfers_sends_the_vehicle_instead_of_along_its_block(
    tmp_path: Path, kind: int
) -> None:
    # t1 goes on as l at 12:00, not as t2 at 8:40; it ends 12:32 instead of 8:32
    linked = write(tmp_path, transfers=f"{TRANSFERS},,t1,l,{kind}\n")
    overlay, _ = lay(linked, TripUpdate("t1", MONDAY, delay=4 * 3600))
    assert say(overlay) == ["l 23: a 12:32, c 12:52, a 13:12", "t1 23: a 12:00, b1 12:10-12:12, c 12:22, d 12:32"]


def test_a_trip_linked_to_one_of_the_day_after_delays_that_one(tmp_path: Path) -> None:
    # n ends 25:00 and goes on as t1 of Tuesday, 7 hours later; 8 hours late it ends 33:00, 9:00 of Tuesday
    linked = write(tmp_path, transfers=f"{TRANSFERS},,n,t1,4\n")
    overlay, _ = lay(linked, TripUpdate("n", MONDAY, delay=8 * 3600))
    assert say(overlay)[:2] == ["n 23: a 32:30, d 33:00", "t1 24: a 9:00, b1 9:10-9:12, c 9:22, d 9:32"]


def test_where_a_linked_trip_does_not_run_that_day_its_block_says_how_the_vehicle_goes_on(tmp_path: Path) -> None:
    # t1 goes on as l of the same day, but l runs on Tuesday only
    days = TOWN["calendar_dates.txt"] + "X,20261124,1\n"
    trips = TOWN["trips.txt"].replace("S,W,l", "S,X,l")
    linked = write(tmp_path, transfers=f"{TRANSFERS},,t1,l,4\n", calendar_dates=days, trips=trips)
    overlay, _ = lay(linked, TripUpdate("t1", MONDAY, delay=15 * 60))
    assert say(overlay)[1:] == ["t2 23: d 8:47, a 9:17"]


def test_a_delay_does_not_go_on_to_a_trip_with_frequencies(tmp_path: Path) -> None:
    # whichever of its departures the vehicle runs: all of them stay, and t2 of the block is late
    linked = write(tmp_path, transfers=f"{TRANSFERS},,t1,f,4\n")
    overlay, _ = lay(linked, TripUpdate("t1", MONDAY, delay=15 * 60))
    assert say(overlay)[1:] == ["t2 23: d 8:47, a 9:17"]
    assert gone(overlay) == ["t1 23: REPLACED", "t2 23: REPLACED"]


def test_nobody_stays_seated_into_a_departure_of_frequencies_that_is_late(tmp_path: Path) -> None:
    # t2 brings one from d 8:40 to a 9:10; f of 10:00, a minute late, leaves with any vehicle: one changes
    linked = write(tmp_path, transfers=f"{TRANSFERS},,t2,f,4\n")
    overlay, _ = lay(linked, TripUpdate("f", MONDAY, start_time=10 * 3600, delay=60))
    views, stops = DayViews(overlay.timetable, link_stops(linked)), linked.stop_ids.all()
    (journey,) = routing.search(views, routing.ask(views, stops.index("d"), stops.index("c"), at("8:30")))
    assert (journey.departure, journey.arrival, journey.transfers) == (at("8:40"), at("10:21"), 1)


def test_a_delay_does_not_go_on_to_another_mode(tmp_path: Path) -> None:
    # t2 is a tram: no bus goes on as one, whatever the block says; but t3, a tram as well, is late with it
    other = write(
        tmp_path,
        routes=TOWN["routes.txt"] + "T,1,T,0\n",
        trips=TOWN["trips.txt"].replace("R,W,t2", "T,W,t2").replace("R,W,t3", "T,W,t3"),
    )
    overlay, _ = lay(other, TripUpdate("t1", MONDAY, delay=15 * 60))
    assert [line[:5] for line in say(overlay)] == ["t1 23"]
    overlay, _ = lay(other, TripUpdate("t2", MONDAY, delay=15 * 60))
    assert say(overlay) == ["t2 23: d 8:55, a 9:25", "t3 23: a 9:25, d 9:55"]


# --- relations --------------------------------------------------------------------------------------------------------


def test_cancelled_and_deleted_trips_do_not_run_that_day(town: Timetable) -> None:
    overlay, _ = lay(
        town,
        TripUpdate("t1", MONDAY, relation=Relation.CANCELED),
        TripUpdate("t2", TUESDAY, relation=Relation.DELETED),
    )
    assert gone(overlay) == ["t1 23: CANCELED", "t2 24: DELETED"]
    trips = overlay.timetable.trip_ids.all()
    for day, left_out in ((MONDAY, "t1"), (TUESDAY, "t2")):
        running = list_running(overlay.timetable, day_number(day))
        assert left_out not in {trips[trip] for trip in overlay.timetable.run_trip[running].tolist()}


def test_a_new_trip_has_the_stops_and_times_that_are_said(town: Timetable) -> None:
    calls = (
        CallUpdate(1, "c", departure=at("9:00")),
        CallUpdate(2, "b1"),  # between the others
        CallUpdate(3, "a", arrival=at("9:20"), planned_arrival=at("9:19")),
    )
    overlay, report = lay(town, TripUpdate("x", route_id="S", relation=Relation.NEW, calls=calls, headsign="Extra"))
    assert say(overlay) == ["x 23: c 9:00, b1 9:10, a 9:20"]
    assert (report.new_trips, report.trips) == (1, 0)
    trip = int(overlay.base_trips[0])
    table = overlay.timetable
    assert (table.route_ids.at(int(table.trip_route[trip])), table.trip_headsigns.at(trip)) == ("S", "Extra")
    assert overlay.call_planned_arrival.tolist() == [NEVER, NEVER, 9 * 3600 + 19 * 60]


def test_a_new_trip_without_name_or_known_line_gets_both(town: Timetable) -> None:
    calls = (CallUpdate(None, "c", departure=at("9:00")), CallUpdate(None, "a", arrival=at("9:20")))
    overlay, _ = lay(town, TripUpdate(None, route_id="night", relation=Relation.NEW, calls=calls))
    table = overlay.timetable
    assert table.route_ids.at(int(table.trip_route[-1])) == "night"
    assert say(overlay)[0].startswith("new-night-")
    assert say(overlay) == say(lay(town, TripUpdate(None, route_id="night", relation=Relation.NEW, calls=calls))[0])


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ((CallUpdate(1, "c", departure=at("9:00")), CallUpdate(2, "zz", arrival=at("9:20"))), "stop zz is not in"),
        ((CallUpdate(1, "c", departure=at("9:00")),), "2 to 2000 calls"),
        ((CallUpdate(1, "c", departure=at("9:00")), CallUpdate(2, "a")), "when it begins and ends"),
        ((CallUpdate(1, "c"), CallUpdate(2, "a")), "must say its times"),
        ((CallUpdate(1, "c", departure=7), CallUpdate(2, "a", arrival=9)), "must say its times"),
        ((CallUpdate(1, "c", departure=at("9:00")), CallUpdate(2, "a", arrival=at("300:00"))), "which is a mistake"),
    ],
)
def test_a_new_trip_that_makes_no_sense_is_refused_whole(
    town: Timetable, calls: tuple[CallUpdate, ...], reason: str
) -> None:
    overlay, report = lay(town, TripUpdate("x", route_id="S", relation=Relation.NEW, calls=calls))
    assert say(overlay) == []
    assert reason in report.unmatched[0]


def test_a_trip_said_to_be_new_that_is_in_the_timetable_is_an_update_of_it(town: Timetable) -> None:
    overlay, report = lay(town, TripUpdate("t1", MONDAY, relation=Relation.NEW, calls=delays(s20=3)))
    assert say(overlay) == ["t1 23: a 8:00=, b1 8:13-8:15, c 8:25, d 8:35"]
    assert (report.new_trips, report.trips_matched) == (0, 1)


def test_a_replacement_takes_the_place_of_its_trip_with_other_stops(town: Timetable) -> None:
    calls = (
        CallUpdate(None, "a", departure=at("8:05")),
        CallUpdate(None, "c", arrival_delay=300),
        CallUpdate(None, "b2", arrival=at("8:40")),
    )
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, relation=Relation.REPLACEMENT, calls=calls))
    assert say(overlay) == ["t1 23: a 8:05, c 8:27, b2 8:40"]
    assert gone(overlay) == ["t1 23: REPLACED"]
    planned = [write_time(one) if one != NEVER else "" for one in overlay.call_planned_arrival.tolist()]
    assert planned == ["8:00", "8:22", ""]


def test_a_duplicate_runs_beside_its_trip_at_its_own_time(town: Timetable) -> None:
    update = TripUpdate(
        "t1",
        MONDAY,
        relation=Relation.DUPLICATED,
        new_trip_id="t1-again",
        new_start_date=TUESDAY,
        new_start_time=9 * 3600,
        calls=delays(s20=1),
    )
    overlay, _ = lay(town, update)
    assert say(overlay) == ["t1-again 24: a 9:00=, b1 9:11-9:13, c 9:23, d 9:33"]
    assert gone(overlay) == []
    _, report = lay(town, replace(update, new_start_time=None))
    assert "start_time in trip_properties" in report.unmatched[0]


def test_departures_of_frequencies(town: Timetable) -> None:
    def frequent(start: str, **more: object) -> TripUpdate:
        hours, minutes = map(int, start.split(":"))
        return TripUpdate("f", MONDAY, start_time=hours * 3600 + minutes * 60, **more)  # type: ignore[arg-type]

    # one of them late, another cancelled
    overlay, _ = lay(town, frequent("10:10", delay=120), frequent("10:20", relation=Relation.CANCELED), now="10:00")
    assert say(overlay) == ["f 23: a 10:12, c 10:32"]
    assert gone(overlay) == ["f 23 10:10: REPLACED", "f 23 10:20: CANCELED"]
    # a real departure takes the place of the nearest one of the timetable, within half a headway; another is more
    overlay, _ = lay(
        town,
        frequent("10:13", relation=Relation.UNSCHEDULED, delay=0),
        frequent("10:47", relation=Relation.UNSCHEDULED, delay=0),
        now="10:00",
    )
    assert say(overlay) == ["f 23: a 10:13, c 10:33", "f 23: a 10:47, c 11:07"]
    assert gone(overlay) == ["f 23 10:10: REPLACED"]
    # two ask for the place of one: the nearer takes it
    overlay, _ = lay(
        town,
        frequent("10:14", relation=Relation.UNSCHEDULED, delay=0),
        frequent("10:08", relation=Relation.UNSCHEDULED, delay=0),
        now="10:00",
    )
    assert say(overlay) == ["f 23: a 10:08, c 10:28", "f 23: a 10:14, c 10:34"]
    assert gone(overlay) == ["f 23 10:10: REPLACED"]
    assert overlay.timetable.trip_ids.at(int(overlay.gone_extra[0])) == "f"
    _, report = lay(town, TripUpdate("f", MONDAY, delay=60), now="10:00")
    assert "start_time must say which departure" in report.unmatched[0]


# --- finding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "now", "day"),
    [
        (TripUpdate("t1", delay=60), "8:05", 23),  # under way
        (TripUpdate("t1", delay=60), "20:00", 24),  # over today: tomorrow's
        (TripUpdate("t1", calls=(CallUpdate(10, departure=at("8:01", TUESDAY)),)), "8:05", 24),  # its times say it
        (TripUpdate("n", delay=60), "24:40", 23),  # after midnight, of the day before
        (TripUpdate("n", TUESDAY, delay=60), "24:40", 24),
    ],
)
def test_the_day_of_a_trip_is_found(town: Timetable, update: TripUpdate, now: str, day: int) -> None:
    overlay, report = lay(town, update, now=now)
    assert (overlay.trip_day.tolist(), report.unmatched) == ([day_number(MONDAY) + day - 23], ())


@pytest.mark.parametrize(
    ("update", "reason"),
    [
        (TripUpdate("zz", MONDAY, delay=60), "trip zz: it is not in the timetable, nor is its line"),
        (TripUpdate("t1", date(2026, 11, 25), delay=60), "trip t1: it does not run on 2026-11-25"),
        (TripUpdate("t1", date(2027, 11, 25), delay=60), "trip t1: 2027-11-25 is more than 31 days away"),
        (
            TripUpdate("t1", MONDAY, calls=(CallUpdate(99, departure_delay=1),)),
            "trip t1: it does not call at stop None",
        ),
        (TripUpdate("t1", MONDAY, delay=90_000), "trip t1: a time or a delay of it is over a day from the plan"),
        (TripUpdate("t1", MONDAY, calls=(CallUpdate(20, departure=at("999:00")),)), "is over a day from the plan"),
        (TripUpdate("t1", MONDAY, delay=60, at=at("8:05") - 301), "observed 301 s ago, over 300 s: ignored"),
    ],
)
def test_what_is_not_found_or_believed_is_reported(town: Timetable, update: TripUpdate, reason: str) -> None:
    overlay, report = lay(town, update)
    assert (say(overlay), gone(overlay)) == ([], [])
    assert reason in report.unmatched[0]


def described(route: str | None, line: str | None, stops: str, clocks: str) -> TripUpdate:
    calls = tuple(
        CallUpdate(None, stop, planned_departure=at(clock), departure=at(clock) + 120)
        for stop, clock in zip(stops.split(), clocks.split(), strict=True)
    )
    return TripUpdate(None, route_id=route, line_name=line, calls=calls)


def test_a_trip_without_its_id_is_found_by_line_stops_and_planned_times(town: Timetable) -> None:
    for update in (
        described("R", None, "a b1 c", "8:00 8:12 8:22"),
        described(None, "12", "a c d", "8:00 8:22 8:32"),  # the name of the line
        TripUpdate(None, MONDAY, route_id="R", start_time=8 * 3600, delay=120),
    ):
        overlay, report = lay(town, update)
        assert say(overlay) == ["t1 23: a 8:02, b1 8:12-8:14, c 8:24, d 8:34"]
        assert report.rate == 1
    for update in (
        described("S", None, "a b1 c", "8:00 8:12 8:22"),  # another line
        described("R", None, "a b1 c", "8:00 8:12 8:30"),  # another time
        described("R", None, "a", "8:00"),  # too little
        described("R", None, "c b1", "8:22 8:12"),  # another order
    ):
        overlay, report = lay(town, update)
        assert (say(overlay), report.rate) == ([], 0)


def test_structured_ids_are_known_by_their_last_part_where_one_alone_has_it(town: Timetable) -> None:
    overlay, report = lay(town, described("FR:1:Line:R:LOC", None, "FR:1:Quay:a:LOC FR:1:Quay:b1:LOC", "8:00 8:12"))
    assert say(overlay) == ["t1 23: a 8:02, b1 8:12-8:14, c 8:24, d 8:34"]
    assert report.calls_matched == 2
    _, report = lay(town, described("R", None, "FR:1:Quay:zz:LOC FR:1:Quay:b1:LOC", "8:00 8:12"))
    assert report.trips_matched == 0


def test_a_stop_called_at_twice_is_the_call_nearest_in_time_or_the_next(town: Timetable) -> None:
    for calls, expected in (
        ((CallUpdate(None, "a", arrival=at("12:43")),), "a 12:00=, c 12:20=, a 12:43"),
        ((CallUpdate(None, "a", departure=at("12:03")),), "a 12:03, c 12:23, a 12:43"),
        ((CallUpdate(None, "a", departure_delay=60),), "a 12:01, c 12:21, a 12:41"),
        (
            (CallUpdate(None, "c", departure_delay=60), CallUpdate(None, "a", arrival_delay=0)),
            "a 12:00=, c 12:21, a 12:40",
        ),
        ((CallUpdate(None, "a", departure=2**62),), ""),
    ):
        overlay, _ = lay(town, TripUpdate("l", MONDAY, calls=calls), now="12:05")
        assert say(overlay) == ([f"l 23: {expected}"] if expected else [])


def test_calls_out_of_order_do_not_hide_those_in_order(town: Timetable) -> None:
    calls = tuple(CallUpdate(None, stop, departure_delay=60) for stop in ("d", "a", "b1", "c"))
    overlay, report = lay(town, TripUpdate("t1", MONDAY, calls=calls))
    assert say(overlay) == ["t1 23: a 8:01, b1 8:11-8:13, c 8:23, d 8:33"]
    assert report.calls_matched == 3


def test_two_sources_about_one_trip_the_newer_counts(town: Timetable) -> None:
    older = LiveFeed("", at("8:04"), (TripUpdate("t1", MONDAY, delay=60),))
    newer = LiveFeed("", at("8:05"), (TripUpdate("t1", MONDAY, delay=120),))
    for feeds in ([older, newer], [newer, older]):
        overlay, reports = lay_over(town, feeds, [], now=at("8:05"))
        assert say(overlay) == ["t1 23: a 8:02, b1 8:12-8:14, c 8:24, d 8:34"]
        assert [report.rate for report in reports] == [1, 1]


@pytest.mark.parametrize("made", ["7:59.9", "8:10.1"])
def test_a_stale_feed_or_one_of_the_future_is_ignored_and_reported(town: Timetable, made: str) -> None:
    feed = LiveFeed("", at(made), (TripUpdate("t1", MONDAY, delay=60),))
    overlay, (report,) = lay_over(town, [feed], [], now=at("8:05"))
    assert (say(overlay), report.stale, report.trips_matched) == ([], True, 1)
    assert "all of it is ignored" in report.unmatched[0]
    assert not lay_over(town, [feed], [], now=at("8:05"), stale_after=400)[1][0].stale


def test_a_trip_that_ended_is_left_as_it_was(town: Timetable) -> None:
    overlay, report = lay(town, TripUpdate("t1", MONDAY, delay=60), now="9:34")
    assert (say(overlay), gone(overlay), report.trips_matched) == ([], [], 1)


def test_ids_have_the_prefix_of_their_source(tmp_path: Path) -> None:
    table = write(tmp_path, **{name[:-4]: text.replace("t1,", "x:t1,") for name, text in TOWN.items() if "t1," in text})
    table = table._replace(trip_ids=table.trip_ids)
    feed = LiveFeed("x", at("8:05"), (TripUpdate("t1", MONDAY, delay=60),))
    assert lay_over(table, [feed], [], now=at("8:05"))[1][0].rate == 1
    assert lay_over(table, [replace(feed, source="y")], [], now=at("8:05"))[1][0].rate == 0


def test_alerts_are_counted_by_what_they_are_about(town: Timetable) -> None:
    def about(*targets: Target) -> Alert:
        return Alert("1", {"fr": "Travaux"}, targets=targets)

    alerts = (about(Target(route_id="R")), about(Target(stop_id="B")), about(Target(route_id="zz")), about())
    _, (report,) = lay_over(town, [LiveFeed("", at("8:05"), alerts=alerts)], [], now=at("8:05"))
    assert (report.alerts, report.alerts_matched) == (4, 3)
    assert report.unmatched == ("alert 1: nothing it is about is in the timetable",)


# --- vehicles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lat", "clock", "more", "expected"),
    [
        (47.05, "8:08", {}, "a 8:00=, b1 8:13-8:15, c 8:25, d 8:35"),  # half way at 8:08 instead of 8:05
        (47.15, "8:16", {}, "a 8:00=, b1 8:10-8:12=, c 8:21, d 8:31"),  # a minute early
        (47.1, "8:11", {}, "a 8:00=, b1 8:10-8:12, c 8:22, d 8:32"),  # standing at B, which it leaves at 8:12
        (47.1, "8:14", {}, "a 8:00=, b1 8:12-8:14, c 8:24, d 8:34"),  # it should have left
        (47.0, "7:55", {}, "a 8:00, b1 8:10-8:12, c 8:22, d 8:32"),  # waiting to begin
    ],
)
def test_a_position_becomes_a_delay(
    town: Timetable, lat: float, clock: str, more: dict[str, str], expected: str
) -> None:
    vehicle = Vehicle("bus", "t1", MONDAY, None, lat, 4.0, at(clock), **more)  # type: ignore[arg-type]
    overlay, report = lay(town, vehicle, now=clock)
    assert say(overlay)[0] == f"t1 23: {expected}"
    assert (report.vehicles, report.vehicles_matched, report.trips) == (1, 1, 0)


def test_a_position_is_taken_along_the_shape(tmp_path: Path) -> None:
    # from A the road goes 0.1 degrees west and back to B: three times as far as straight; and from B straight on to D
    west = 4.0 - 0.1 / np.cos(np.radians(47.05))
    table = write(
        tmp_path,
        trips="route_id,service_id,trip_id,shape_id\nR,W,t1,s\nR,W,t2,\nR,W,t3,\nS,W,n,\nS,W,f,\n",
        shapes=(
            "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
            f"s,47.0,4.0,1\ns,47.0,{west},2\ns,47.1,{west},3\ns,47.1,4.0,4\ns,47.3,4.0,5\n"
        ),
    )
    for lat, lon, expected in (
        (47.05, west, "b1 8:13-8:15"),  # half way (8:05) at 8:08
        (47.0, (4.0 + west) / 2, "b1 8:16:19-8:18:19"),  # a sixth of it, and a little more so far south (8:01:41)
    ):
        overlay, _ = lay(table, Vehicle("bus", "t1", MONDAY, None, lat, lon, at("8:08")), now="8:08")
        assert say(overlay)[0].split(", ")[1] == expected
    far = Vehicle("bus", "t1", MONDAY, None, 47.05, 4.0, at("8:08"))
    assert "km from where its trip goes" in lay(table, far, now="8:08")[1].unmatched[0]


def test_a_position_says_nothing_where_the_source_says_more_or_it_is_old_or_elsewhere(town: Timetable) -> None:
    there = Vehicle("bus", "t1", MONDAY, None, 47.05, 4.0, at("8:08"))
    overlay, _ = lay(town, there, TripUpdate("t1", MONDAY, delay=0), now="8:08")
    assert say(overlay) == ["t1 23: a 8:00, b1 8:10-8:12, c 8:22, d 8:32"]
    for vehicle, reason in (
        (replace(there, at=at("8:02")), "observed 360 s ago"),
        (replace(there, lat=48.9), "km from where its trip goes"),
        (replace(there, trip_id=None), "it names no trip"),
        (replace(there, trip_id="zz"), "it is not in the timetable"),
        (replace(there, lat=float("nan")), "has no place"),
    ):
        overlay, report = lay(town, vehicle, now="8:08")
        assert say(overlay) == []
        assert reason in report.unmatched[0]


def test_the_delay_of_a_position_goes_on_to_the_next_trip_of_the_vehicle(town: Timetable) -> None:
    overlay, _ = lay(town, Vehicle("bus", "t1", MONDAY, None, 47.25, 4.0, at("8:47")), now="8:47")
    # half way from C (8:22) to D (8:32) at 8:47: 20 minutes late, D at 8:52; t2 begins then, and t3 when t2 ends
    assert say(overlay) == [
        "t1 23: a 8:00=, b1 8:10-8:12=, c 8:22=, d 8:52",
        "t2 23: d 8:52, a 9:22",
        "t3 23: a 9:22, d 9:52",
    ]


# --- disturbances -----------------------------------------------------------------------------------------------------


def disturb(effect: Effect, start: str, end: str, *targets: Target) -> Disturbance:
    return Disturbance(Alert("1", {"fr": "Travaux"}, periods=((at(start), at(end)),), targets=targets), effect, "")


def test_a_closed_stop_is_passed_while_it_is_closed(town: Timetable) -> None:
    closed = disturb(Effect.STOP_CLOSED, "8:00", "9:00", Target(stop_id="B"))
    overlay, _ = lay(town, disturbances=[closed])
    assert say(overlay) == ["t1 23: a 8:00=, (b1 8:10-8:12), c 8:22=, d 8:32="]
    # a trip that is late comes when it is open again
    overlay, _ = lay(town, TripUpdate("t1", MONDAY, delay=3600), disturbances=[closed])
    assert say(overlay)[0] == "t1 23: a 9:00, b1 9:10-9:12, c 9:22, d 9:32"
    other = disturb(Effect.STOP_CLOSED, "8:00", "9:00", Target(stop_id="B"), Target(route_id="S"))
    assert say(lay(town, disturbances=[other])[0]) == []
    here = disturb(Effect.STOP_CLOSED, "8:00", "9:00", Target(stop_id="B"), Target(route_id="R"))
    assert len(say(lay(town, disturbances=[here])[0])) == 1


def test_trips_that_a_disturbance_cancels_do_not_run(town: Timetable) -> None:
    strike = disturb(Effect.CANCELED, "8:30", "33:00", Target(route_id="R"))
    overlay, _ = lay(town, TripUpdate("t2", MONDAY, delay=0), disturbances=[strike])
    assert gone(overlay) == ["t1 24: CANCELED", "t2 23: CANCELED", "t2 24: CANCELED", "t3 23: CANCELED"]
    assert say(overlay) == []
    frequent = disturb(Effect.CANCELED, "10:05", "10:25", Target(route_id="S"))
    assert gone(lay(town, disturbances=[frequent])[0]) == ["f 23 10:10: CANCELED", "f 23 10:20: CANCELED"]


def test_a_disturbance_tells_beforehand_what_it_hits(town: Timetable) -> None:
    finder = Finder(town, read_names(town), at("8:05"))
    strike = disturb(Effect.CANCELED, "8:30", "33:00", Target(route_id="R"), Target(route_id="zz"))
    hit = find_hit(finder, strike)
    assert (len(hit.canceled), hit.changed, hit.lost) == (4, [], (Target(route_id="zz"),))
    message = disturb(Effect.NONE, "8:30", "33:00", Target(route_id="R"))
    assert find_hit(finder, message)[:2] == ([], [])


# --- any input --------------------------------------------------------------------------------------------------------


def test_whatever_is_said_times_never_run_backwards_and_nothing_fails(town: Timetable) -> None:
    chance = random.Random(11)
    disturbances = [
        disturb(Effect.STOP_CLOSED, "0:00", "24:00", Target(stop_id="c")),
        disturb(Effect.CANCELED, "9:00", "10:15", Target(route_id="S")),
    ]
    for _ in range(120):
        message = messages.FeedMessage()
        message.header.gtfs_realtime_version, message.header.timestamp = "2.0", at("8:05")
        for number in range(chance.randrange(1, 8)):
            babble(message.entity.add(id=str(number)).trip_update, town, chance)
        feed = realtime.read(message.SerializeToString(), "")
        overlay, (report,) = lay_over(town, [feed], disturbances, now=at("8:05"))
        check(overlay)
        assert 0 <= report.trips_matched <= report.trips
        assert 0 <= report.calls_matched <= report.calls


def babble(update: messages.TripUpdate, town: Timetable, chance: random.Random) -> None:
    """Say anything about a trip."""

    def maybe(share: float, *choices: object) -> Any:  # noqa: ANN401 - of any field
        return chance.choice(choices) if chance.random() < share else None

    trip, properties = update.trip, update.trip_properties
    trip.trip_id = chance.choice([*town.trip_ids.all(), "zz"])
    trip.schedule_relationship = chance.choice([0, 0, 0, 1, 2, 3, 5, 6, 7, 8])
    trip.start_date = maybe(0.7, "20261123", "20261124", "19700101", "22001231") or ""
    trip.start_time = maybe(0.5, "10:10:00", "10:13:00", "08:00:00", "99:00:00") or ""
    properties.start_time, properties.start_date = "11:00:00", "20261124"
    delay = maybe(0.3, 0, 60, -60, 3600, 2**31 - 1, -(2**31))
    if delay is not None:
        update.delay = delay
    for _ in range(chance.randrange(6)):
        call = update.stop_time_update.add(schedule_relationship=chance.choice([0, 0, 0, 1, 2, 3]))
        call.stop_id = maybe(0.6, *town.stop_ids.all(), "zz") or ""
        sequence = maybe(0.6, 0, 1, 2, 10, 20, 30, 40, 2**32 - 1)
        if sequence is not None:
            call.stop_sequence = sequence
        for event in (call.arrival, call.departure):
            event.time = maybe(0.5, *(at("8:05") + 97 * n for n in range(-80, 80))) or 0
            event.time = maybe(0.05, 1, -1, 2**31, -(2**63), 2**63 - 1, at("8:05", TUESDAY)) or event.time
            event.delay = maybe(0.3, 0, 60, -600, 2**31 - 1) or 0


def check(overlay: Overlay) -> None:
    """What must hold of every overlay."""
    table = overlay.timetable
    n_trips = len(table.trip_route)
    for trip in range(int(overlay.base_trips[0]), n_trips):
        rows = slice(int(table.call_first[trip]), int(table.call_first[trip + 1]))
        times = np.stack([table.call_arrival[rows], table.call_departure[rows]], axis=1).ravel()
        assert (np.diff(times) >= 0).all()
        assert np.abs(times).max() < 10 * 86_400
        pattern = int(table.trip_pattern[trip])
        places = slice(int(table.pattern_first[pattern]), int(table.pattern_first[pattern + 1]))
        assert (table.pattern_stop[places] == table.call_stop[rows]).all()
    for column in (table.trip_service, table.trip_zone, table.trip_block, table.trip_known_as, table.trip_shape):
        assert len(column) == n_trips
    assert table.trip_ids.all()
    assert len(table.gone_trip) == len(overlay.gone_kind) == len(overlay.gone_extra)
    for extra, day in zip(overlay.gone_extra.tolist(), table.gone_day.tolist(), strict=True):
        if extra >= 0:
            assert overlay.trip_day[extra - int(overlay.base_trips[0])] == day
    begin_day(int(table.first_day[0]), zone_of(table))
