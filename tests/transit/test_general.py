"""The general search beside the quick one, its legs at via places, and its deadline."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.questions import i32, open_case
from tests.wish_feeds import make_question, open_oracle, seeded

from mobigo.kernels import general as kernels
from mobigo.kernels import priced
from mobigo.kit.errors import InvalidInput
from mobigo.transit import general, routing
from mobigo.transit.days import DayViews
from mobigo.transit.distances import ride_metres
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.model import Costs, Direction, Preferences, Query, Ride, Via, Walk
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.transit.model import TransitJourney
    from mobigo.transit.timetable import Timetable

SEEDS = range(40)
COUNTRY = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\na,A,https://a.example,Europe/Paris\n",
    # a thousandth of a degree of latitude is 111 m
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\n"
    "A,A,47.000,4.0\nB,B,47.010,4.0\nC,C,47.020,4.0\nD,D,47.030,4.0\n",
    "routes.txt": "route_id,agency_id,route_short_name,route_type\nr,a,R,3\ns,a,S,2\n",
    "trips.txt": "route_id,service_id,trip_id\nr,w,t\nr,w,u\ns,w,v\n",
    "stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\n"
    "t,A,1,08:00:00,08:00:00\nt,B,2,08:10:00,08:10:00\nt,C,3,08:20:00,08:20:00\n"
    "u,B,1,08:45:00,08:45:00\nu,D,2,09:00:00,09:00:00\n"
    "v,A,1,09:30:00,09:30:00\nv,D,2,10:00:00,10:00:00\n",
    "calendar_dates.txt": "service_id,date,exception_type\nw,20260610,1\n",
}
"""t: A 8:00 B 8:10 C 8:20; u: B 8:45 D 9:00; v, of another line: A 9:30 D 10:00."""
A, B, C, D = range(4)


@pytest.fixture
def country(tmp_path: Path) -> DayViews:
    """The views of that feed, written and mapped as when serving."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in COUNTRY.items():
            archive.writestr(name, text)
    (tmp_path / "feed.zip").write_bytes(content.getvalue())
    timetable = build(read_feed_tables(tmp_path / "feed.zip"))
    return DayViews(timetable, link_stops(timetable), tmp_path / "days")


def at(clock: str) -> int:
    """Seconds since 1970 of a time of 10 June 2026 in Paris."""
    return int(datetime.fromisoformat(f"2026-06-10T{clock}+02:00").timestamp())


def ask(preferences: Preferences, *, window: int = 0, direction: Direction = Direction.DEPART) -> Query:
    """From A, a minute away, to D, two minutes away."""
    instant = at("07:00") if direction is Direction.DEPART else at("11:00")
    return Query(i32([A]), i32([60]), i32([D]), i32([120]), instant, window, direction, preferences=preferences)


def near(stop: int, to: int, back: int, stay: int) -> Via:
    """A place by one stop."""
    return Via(i32([stop]), i32([to]), i32([back]), stay)


def price(timetable: Timetable, walk: int = 0, trip: int = 0, kilometre: tuple[int, int] = (0, 0)) -> Costs:
    """Costs of walking, boarding, and kilometres in the two lines."""
    n_trips, n_stops = len(timetable.trip_route), len(timetable.stop_lat)
    return Costs(walk, np.full(n_trips, trip, np.int32), np.zeros(n_stops, np.int32), i32(kilometre))


def worth(journeys: list[TransitJourney]) -> list[tuple[int, int, int]]:
    """What journeys are judged by."""
    return [(journey.departure, journey.arrival, journey.transfers) for journey in journeys]


def questions(folder: Path, seed: int) -> Iterator[tuple[DayViews, Query]]:
    """Random questions without wishes."""
    case, rng = seeded(seed)
    oracle, asked = open_oracle(case), open_case(case, folder)
    for row in case.queries:
        yield asked.views, replace(asked.put(make_question(case, oracle, row, rng)), preferences=None)


@pytest.mark.parametrize("seed", SEEDS)
def test_it_finds_what_the_quick_search_finds_on_views_with_and_without_hops(seed: int, tmp_path: Path) -> None:
    for views, query in questions(tmp_path, seed):
        bare = DayViews(views.timetable, views.footpaths, base=DayViews(views.timetable, link_stops(views.timetable)))
        quick = worth(routing.search(views, query))
        assert worth(routing.search(views, replace(query, preferences=Preferences()))) == quick
        assert worth(routing.search(bare, query)) == quick


def test_what_was_found_by_the_deadline_is_the_answer(country: DayViews) -> None:
    wishes = Preferences(costs=price(country.timetable, walk=1))
    for preferences in (Preferences(), wishes):
        query = ask(preferences, window=4 * 3600)
        late = routing.answer(country, query, deadline=monotonic() - 1)
        whole = routing.answer(country, query)
        assert late.journeys in ([], whole.journeys[-1:])  # the latest departure is the first looked at
        assert not late.complete
        assert whole.complete
        assert routing.answer(country, query, deadline=monotonic() + 600) == whole


def test_without_time_to_look_for_later_departures_the_earliest_arrivals_are_kept(country: DayViews) -> None:
    view = country.view(20_614, Direction.DEPART)
    whole = routing.answer(country, ask(Preferences())).journeys
    found = set()
    for work in range(40):
        journeys = general.search(country, view, ask(Preferences()), 16, work=work)[0]
        assert {journey.arrival for journey in journeys} <= {journey.arrival for journey in whole}
        found.add(len(journeys))
    assert found == {1, 2}


def test_the_walks_by_a_place_between_two_rides(country: DayViews) -> None:
    (journey,) = routing.search(country, ask(Preferences(vias=(near(B, 300, 240, 900),), slack=60)))
    assert journey.legs[0] == Walk(-1, A, at("07:59"), at("08:00"))
    assert journey.legs[2:4] == (Walk(B, -2, at("08:10"), at("08:15")), Walk(-2, B, at("08:40"), at("08:44")))
    assert journey.legs[-1] == Walk(D, -1, at("09:00"), at("09:02"))
    assert [leg.trip for leg in journey.legs if isinstance(leg, Ride)] == [0, 1]


@pytest.mark.parametrize("direction", Direction)
def test_places_before_the_first_ride_and_after_the_last(country: DayViews, direction: Direction) -> None:
    vias = (near(A, 300, 240, 600), near(D, 30, 40, 60))
    journey = routing.search(country, ask(Preferences(vias=vias), direction=direction))[-1]
    ride = next(leg for leg in journey.legs if isinstance(leg, Ride))
    number = journey.legs.index(ride)
    assert journey.legs[:number] == (
        Walk(-1, A, ride.departure - 1200, ride.departure - 1140),
        Walk(A, -2, ride.departure - 1140, ride.departure - 840),
        Walk(-2, A, ride.departure - 240, ride.departure),
    )
    last = journey.legs[-4]
    assert journey.legs[-3:] == (
        Walk(D, -3, last.arrival, last.arrival + 30),
        Walk(-3, D, last.arrival + 90, last.arrival + 130),
        Walk(D, -1, last.arrival + 130, last.arrival + 250),
    )


@pytest.mark.parametrize("direction", Direction)
def test_two_places_one_after_the_other_by_the_stop_they_share(country: DayViews, direction: Direction) -> None:
    vias = (near(B, 100, 200, 60), near(B, 50, 70, 0))
    journey = routing.search(country, ask(Preferences(vias=vias), direction=direction))[0]
    assert [(leg.from_stop, leg.to_stop) for leg in journey.legs if isinstance(leg, Walk)][1:-1] == [
        (B, -2),
        (-2, B),
        (B, -3),
        (-3, B),
    ]


def test_more_places_than_anybody_visits_are_refused(country: DayViews) -> None:
    with pytest.raises(InvalidInput, match="33 places; at most 32"):
        routing.search(country, ask(Preferences(vias=(near(B, 0, 0, 0),) * 33)))


@pytest.mark.parametrize("direction", Direction)
def test_kilometres_and_boardings_are_counted_whichever_way_one_searches(
    country: DayViews, direction: Direction
) -> None:
    # A-B and B-D are 1112 and 2224 m, A-D 3336 m; 60 s on foot to A, 120 s from D
    costs = price(country.timetable, walk=2, trip=100, kilometre=(50, 10))
    journeys = routing.search(country, ask(Preferences(costs=costs), window=4 * 3600, direction=direction))
    assert [(journey.transfers, journey.cost) for journey in journeys] == [(1, 360 + 200 + 166), (0, 360 + 100 + 33)]


def test_metres_are_measured_from_stop_to_stop(country: DayViews) -> None:
    timetable = country.timetable
    assert timetable.pattern_metres.tolist() == [0, 1112, 2224, 0, 2224, 0, 3336]
    assert [ride_metres(timetable, 0, *ends) for ends in ((0, 1), (1, 2), (0, 2))] == [1112, 1112, 2224]


def test_one_compiled_signature_serves_mapped_views_and_those_in_memory(country: DayViews, tmp_path: Path) -> None:
    timetable = country.timetable
    loose = DayViews(timetable, link_stops(timetable))
    for views in (country, loose, loose.walking(link_stops(timetable)), loose.at_once):
        for costs in (None, price(timetable)):
            routing.search(views, ask(Preferences(costs=costs, vias=(near(B, 0, 0, 0),))))
            routing.search(views, ask(Preferences(costs=costs), window=60, direction=Direction.ARRIVE))
    for views, query in questions(tmp_path / "random", 7):
        routing.search(views, replace(query, preferences=Preferences(walk_factor=1.5)))
    assert len(kernels.search.signatures) == 1  # type: ignore[attr-defined]
    assert len(priced.search.signatures) == 1  # type: ignore[attr-defined]
