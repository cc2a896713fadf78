"""The search on day views: small feeds written out, and what must hold on real ones."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from benchmarks.kernel import draw

from mobigo.kernels.trip_based import MOST_TRIPS, NEVER, NO_RIDE, NO_WAY, UNKNOWN
from mobigo.kit.errors import InvalidInput
from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops, read_footpaths
from mobigo.transit.model import Direction, Ride, TransitJourney, Walk
from mobigo.transit.timetable import Timetable, begin_day, build, day_number

if TYPE_CHECKING:
    from pathlib import Path

ZONE = ZoneInfo("Europe/Paris")
MONDAY = date(2026, 11, 23)

MINITOWN = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,A,http://a,Europe/Paris\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\nA,A,47.0,4.0\nB,B,47.1,4.0\nC,C,47.2,4.0\nD,D,47.3,4.0\n",
    "routes.txt": "route_id,agency_id,route_short_name,route_type\nR,1,R,3\n",
    "trips.txt": "route_id,service_id,trip_id,block_id\nR,S,T1,x\nR,S,T2,x\nR,S,T3,\n",
    "calendar_dates.txt": "service_id,date,exception_type\nS,20261123,1\n",
    # T1 A -> B goes on as T2 B -> C; T3 B -> D
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "T1,08:00:00,08:00:00,A,1\nT1,08:10:00,08:10:00,B,2\n"
        "T2,08:12:00,08:12:00,B,1\nT2,08:20:00,08:20:00,C,2\n"
        "T3,08:15:00,08:15:00,B,1\nT3,08:30:00,08:30:00,D,2\n"
    ),
}


def write_feed(folder: Path, **changed: str) -> Timetable:
    """Minitown with some of its files replaced."""
    for name, text in (MINITOWN | {f"{name}.txt": text for name, text in changed.items()}).items():
        (folder / name).write_text(text)
    return build(read_feed_tables(folder))


def at(clock: str) -> int:
    return int(datetime.fromisoformat(f"{MONDAY}T{clock}").replace(tzinfo=ZONE).timestamp())


def ask(timetable: Timetable, names: str, clock: str, **more: int) -> list[TransitJourney]:
    """Journeys from the stop of the first letter to the stop of the second."""
    views = DayViews(timetable, link_stops(timetable, change_seconds=more.pop("change_seconds", 0)))
    stops = timetable.stop_ids.all()
    direction = Direction(more.pop("direction", 0))
    query = routing.ask(views, stops.index(names[0]), stops.index(names[1]), at(clock), direction=direction, **more)
    return routing.search(views, query)


def say(timetable: Timetable, journeys: list[TransitJourney]) -> list[str]:
    """One line each: clock times, transfers, trips."""
    trips = timetable.trip_ids.all()
    return [
        f"{datetime.fromtimestamp(one.departure, ZONE):%H:%M} {datetime.fromtimestamp(one.arrival, ZONE):%H:%M} "
        f"{one.transfers} {' '.join(trips[leg.trip] if isinstance(leg, Ride) else '-' for leg in one.legs)}"
        for one in journeys
    ]


def test_staying_seated_is_no_transfer_and_each_trip_a_leg(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    assert say(timetable, ask(timetable, "AC", "07:00")) == ["08:00 08:20 0 T1 T2"]
    assert say(timetable, ask(timetable, "AC", "07:00", max_transfers=0)) == ["08:00 08:20 0 T1 T2"]


def test_a_change_is_a_transfer(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    assert say(timetable, ask(timetable, "AD", "07:00")) == ["08:00 08:30 1 T1 T3"]
    assert ask(timetable, "AD", "07:00", max_transfers=0) == []


def test_a_change_takes_the_seconds_it_is_given(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    assert len(ask(timetable, "AD", "07:00", change_seconds=300)) == 1
    assert ask(timetable, "AD", "07:00", change_seconds=301) == []


def test_arriving_is_the_mirror_of_departing(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    for names in ("AB", "AC", "AD", "BC", "BD"):
        (leaving,) = ask(timetable, names, "07:00")
        assert ask(timetable, names, "12:00", direction=1) == [leaving]


def test_of_equal_arrivals_the_latest_departure(tmp_path: Path) -> None:
    timetable = write_feed(
        tmp_path,
        trips="route_id,service_id,trip_id\nR,S,T1\nR,S,T2\nR,S,T3\n",
        stop_times=(
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
            "T1,08:00:00,08:00:00,A,1\nT1,08:10:00,08:10:00,B,2\n"
            "T2,08:20:00,08:20:00,A,1\nT2,08:30:00,08:30:00,B,2\n"
            "T3,08:40:00,08:40:00,B,1\nT3,08:50:00,08:50:00,C,2\n"
        ),
    )
    assert say(timetable, ask(timetable, "AC", "07:00")) == ["08:20 08:50 1 T2 T3"]


def test_walks_are_not_chained(tmp_path: Path) -> None:
    # 80 m from A to B and from B to C: nobody gets from A to C on foot, nor changes twice on foot
    stops = "stop_id,stop_name,stop_lat,stop_lon\nA,A,47.0,4.0\nB,B,47.00072,4.0\nC,C,47.00144,4.0\nD,D,47.3,4.0\n"
    timetable = write_feed(tmp_path, stops=stops)
    assert ask(timetable, "AC", "21:00") == []
    (walk,) = ask(timetable, "AB", "21:00")
    assert walk.legs == (Walk(-1, -1, at("21:00"), at("21:00") + 67),)


def test_somebody_who_is_there_needs_no_leg(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    assert ask(timetable, "AA", "07:00") == [TransitJourney(at("07:00"), at("07:00"), 0, ())]


def test_scarce_service_is_found_days_later(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path, calendar_dates="service_id,date,exception_type\nS,20261207,1\n")
    (journey,) = ask(timetable, "AB", "07:00")
    assert journey.departure == at("08:00") + 14 * 86_400


def test_a_search_leaves_its_memory_at_rest_and_asks_for_more_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timetable = write_feed(tmp_path)
    monkeypatch.setattr(routing, "SEGMENTS", 1)
    routing._own.__dict__.clear()
    assert say(timetable, ask(timetable, "AD", "07:00", window=7_200)) == ["08:00 08:30 1 T1 T3"]
    working = routing._own.working
    assert len(working.profile.segment) > 1
    for scratch in (working.profile, working.once):
        assert (scratch.reached == MOST_TRIPS).all()
        assert (scratch.seated == NEVER).all()
        assert not scratch.marked.any()
        assert (scratch.ahead == UNKNOWN).all()
        assert (scratch.whole == UNKNOWN).all()
    assert (working.egress == -1).all()
    routing._own.__dict__.clear()


def test_bounds_are_never_above_what_a_search_finds(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    view = DayViews(timetable, link_stops(timetable)).view(day_number(MONDAY), Direction.DEPART)
    a, d = view.stop_cell[[0, 3]]
    assert view.cell_rides[d, a] == 2
    assert view.cell_seconds[d, a] * 4 <= 25 * 60
    assert (view.cell_seconds[a, d], view.cell_rides[a, d]) == (NO_WAY, NO_RIDE)


def test_a_footpaths_file_names_its_wrong_line(tmp_path: Path) -> None:
    timetable = write_feed(tmp_path)
    file = tmp_path / "f.csv"
    for text, fault in (
        ("from_stop,to_stop\n", "no column seconds"),
        ("from_stop,to_stop,seconds\nA,B,60\nA,Z,60\n", "line 3: to_stop 'Z'"),
        ("from_stop,to_stop,seconds\nA,B,-1\n", "line 2: seconds '-1'"),
    ):
        file.write_text(text)
        with pytest.raises(InvalidInput, match=fault):
            read_footpaths(timetable, file)


def dominated(one: TransitJourney, others: list[TransitJourney]) -> bool:
    return any(other.arrival <= one.arrival and other.transfers <= one.transfers for other in others)


@pytest.mark.slow
def test_a_window_is_what_repeated_searches_find(test_data: Path) -> None:
    day = day_number(date(2016, 11, 4))
    timetable = build(read_feed_tables(test_data / "pairs/rhein-neckar/rnv.gtfs.zip"))
    views = DayViews(timetable, link_stops(timetable))
    for question in draw(views, day, 40):
        ends = (question.from_stop, question.to_stop)
        until = question.at + 7_200
        window = routing.search(views, routing.ask(views, *ends, question.at, window=7_200))
        points: dict[tuple[int, int, int], TransitJourney] = {}
        moment = question.at
        while moment <= until:
            found = routing.search(views, routing.ask(views, *ends, moment))
            points |= {(one.departure, one.arrival, one.transfers): one for one in found}
            moment = min((one.departure for one in found), default=until) + 1
        inside = {triple for triple in points if triple[0] <= until}
        after = [one for one in points.values() if one.departure > until]
        got = {(one.departure, one.arrival, one.transfers): one for one in window}
        assert inside <= set(got)
        # what only the window has is beaten by leaving after its end, which a point search prefers
        assert all(dominated(got[triple], after) for triple in set(got) - inside)


@pytest.mark.slow
def test_departing_and_arriving_see_the_same_journeys(test_data: Path) -> None:
    day = day_number(date(2026, 2, 6))
    timetable = build(read_feed_tables(test_data / "fr/strasbourg-cts.gtfs.zip"))
    views = DayViews(timetable, link_stops(timetable))
    midnight = begin_day(day, views.zone)
    for question in draw(views, day, 40):
        ends = (question.from_stop, question.to_stop)
        span = 20 * 3_600
        leaving = routing.search(views, routing.ask(views, *ends, midnight, window=span))
        arriving = routing.search(
            views, routing.ask(views, *ends, midnight + span, window=span, direction=Direction.ARRIVE)
        )
        both = [
            {(one.departure, one.arrival, one.transfers) for one in found if one.arrival <= midnight + span}
            for found in (leaving, arriving)
        ]
        early = min((one[0] for one in both[0]), default=0)
        assert both[0] == {one for one in both[1] if one[0] >= early}
        assert np.diff([one.departure for one in leaving]).min(initial=0) >= 0
