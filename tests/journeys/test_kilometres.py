"""Kilometres of rides by shape: the same for the search, for fares, for CO2 and on the map."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.journeys.text_network import ask, clock, network, place

from mobigo.fares.document import read_document
from mobigo.fares.shelf import open_shelf
from mobigo.journeys import service
from mobigo.journeys.model import Criterion, JourneyRequest
from mobigo.journeys.pricing import open_till, rides_of
from mobigo.journeys.rides import course
from mobigo.kit.geo import Point, haversine
from mobigo.transit.distances import line_metres, ride_metres
from mobigo.transit.live import CallRelation, CallUpdate, LiveFeed, TripUpdate
from mobigo.transit.overlay import lay_over

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.journeys.model import Journey
    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till

BUS = 113.2
"""Grams a kilometre."""
STOPS = {"a": 0.0, "b": 2000.0, "c": 5000.0}
TRIPS = {"t1": "L1 a 08:00 b 08:10 c 08:20", "t2": "L2 a 09:00 b 09:10 c 09:20", "t3": "L1 a 10:00 b 10:10 c 10:20"}
SHAPES = {"detour": [(0, 0), (0, 1500), (2000, 1500), (2000, 0), (5000, 0)], "direct": [(0, 0), (5000, 0)]}


def draw(shapes: dict[str, list[tuple[float, float]]]) -> str:
    rows = ["shape_id,shape_pt_sequence,shape_pt_lat,shape_pt_lon"]
    rows += [f"{name},{n},{place(x, y)}" for name, points in shapes.items() for n, (x, y) in enumerate(points)]
    return "\n".join(rows)


def follow(shape_of: dict[str, str], trips: dict[str, str]) -> str:
    rows = [f"{text.split()[0]},week,{trip},{shape_of.get(trip, '')}" for trip, text in trips.items()]
    return "\n".join(["route_id,service_id,trip_id,shape_id", *rows])


def lay(folder: Path, shape_of: dict[str, str]) -> Network:
    return network(folder, STOPS, TRIPS, shapes_txt=draw(SHAPES), trips_txt=follow(shape_of, TRIPS))


def sell() -> Till:
    """Sell rides at a euro and twenty cents a kilometre, by the cent."""
    document = {
        "name": {"fr": "x"},
        "valid_from": "2026-01-01",
        "networks": [{"id": "all", "agencies": ["V"]}],
        "scales": [{"id": "far", "bands": [{"cents": 100, "millicents_per_km": 20_000}], "minimum": 0, "step": 1}],
        "products": [{"id": "p", "name": {"fr": "x"}, "kind": "single", "prices": [{"scale": "far"}]}],
        "tariffs": [{"id": "t", "timezone": "Europe/Paris", "legs": [{"product": "p", "network": "all"}]}],
    }
    shelf = open_shelf([read_document(document, id_="region")])
    assert shelf is not None
    return open_till(shelf, (), 1)


def by_price(net: Network, origin: str, destination: str) -> list[Journey]:
    request = JourneyRequest(
        origin, destination, clock("07:00"), window=5 * 3600, everything=True, criterion=Criterion.PRICE, budget=60.0,
        ondemand=False, carpool=False,
    )  # fmt: skip
    return service.plan(net, request, till=sell()).journeys


def test_metres_price_and_grams_grow_with_the_detour(tmp_path: Path) -> None:
    net = lay(tmp_path, {"t1": "detour", "t2": "direct"})
    found = ask(net, "a", "c", "07:00", window=4 * 3600, everything=True).journeys
    told = {journey.legs[0].trip_id: journey.legs[0] for journey in found}
    assert {trip: leg.metres for trip, leg in told.items()} == {
        "t1": pytest.approx(8000, abs=2), "t2": pytest.approx(5000, abs=2), "t3": pytest.approx(5000, abs=2)
    }  # fmt: skip
    grams = {trip: leg.co2 for trip, leg in told.items()}
    assert grams == pytest.approx({"t1": BUS * 8, "t2": BUS * 5, "t3": BUS * 5}, abs=1)
    prices = {one.legs[0].trip_id: one.priced.price.cents for one in by_price(net, "a", "c") if one.priced is not None}
    assert prices == {"t1": 260, "t2": 200, "t3": 200}
    part = ask(net, "b", "c", "07:00").journeys[0].legs[0]
    assert (part.trip_id, part.metres) == ("t1", pytest.approx(3000, abs=2))


def test_a_ride_is_drawn_where_it_is_measured(tmp_path: Path) -> None:
    net = lay(tmp_path, {"t1": "detour"})
    leg = ask(net, "a", "b", "07:00").journeys[0].legs[0]
    line = [Point(*point) for point in leg.geometry]
    assert len(line) == 4
    assert sum(haversine(a, b) for a, b in pairwise(line)) == pytest.approx(leg.metres, abs=2)


def test_trips_of_other_ways_are_other_patterns_and_those_of_the_same_share_one(tmp_path: Path) -> None:
    shapes = SHAPES | {"again": [(0, 0), (0, 1503), (2000, 1503), (2000, 0), (5000, 0)]}
    for shape_of, patterns in (
        ({"t1": "detour", "t3": "direct"}, [0, 1, 1]),
        ({"t1": "detour", "t3": "again"}, [0, 1, 0]),
        ({}, [0, 0, 0]),
    ):
        net = network(
            tmp_path / str(len(shape_of)) / str(patterns[2]), STOPS, TRIPS, shapes_txt=draw(shapes),
            trips_txt=follow(shape_of, TRIPS),
        )  # fmt: skip
        assert net.timetable.trip_pattern.tolist() == patterns


def test_of_a_line_alone_the_shortest_way_counts(tmp_path: Path) -> None:
    net = lay(tmp_path, {"t1": "detour", "t2": "detour"})
    a, b, c = (net.stop_index[one] for one in "abc")
    routes = [net.timetable.route_ids.find(one) for one in ("L1", "L2", "unknown")]
    assert [line_metres(net.timetable, route, [a, c]) for route in routes] == pytest.approx([5000, 8000, 5000], abs=2)
    assert line_metres(net.timetable, routes[1], [c, b]) == pytest.approx(3000, abs=2)
    assert line_metres(net.timetable, routes[1], []) == line_metres(net.timetable, routes[1], [a]) == 0


def test_late_trips_and_those_that_pass_a_stop_are_as_long_as_planned(tmp_path: Path) -> None:
    net = lay(tmp_path, {"t1": "detour", "t3": "detour"})
    now, day = int(clock("07:30").timestamp()), clock("08:00").date()
    passing = CallUpdate(stop_id="b", relation=CallRelation.SKIPPED)
    said = (TripUpdate("t1", day, delay=300), TripUpdate("t3", day, calls=(passing,)))
    running = lay_over(net.timetable, [LiveFeed("", now, said)], [], now=now)[0].timetable
    late = len(net.timetable.trip_route)
    assert len(running.trip_route) == late + 2
    assert len(running.pattern_metres) == len(running.pattern_stop)
    for trip in (0, late, late + 1):
        assert ride_metres(running, trip, 0, 2) == pytest.approx(8000, abs=2)


@pytest.mark.parametrize("seed", range(8))
def test_what_the_search_counts_is_what_is_priced(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    stops = {f"s{n}": 1500.0 * n for n in range(6)}
    trips, shapes = {}, {}
    for n in range(12):
        some = chance.sample(sorted(stops), chance.randint(2, 5))
        at = 480 + chance.randrange(120)
        words = [f"L{n % 5}"]
        points: list[tuple[float, float]] = []
        for stop in some:
            words += [stop, f"{at // 60:02}:{at % 60:02}"]
            at += chance.randint(5, 15)
            points += [(stops[stop], 0.0), (stops[stop] + chance.uniform(-800, 800), chance.uniform(-2000, 2000))]
        trips[f"t{n}"] = " ".join(words)
        if n % 4:
            shapes[f"t{n}"] = points
    net = network(
        tmp_path, stops, trips, shapes_txt=draw(shapes), trips_txt=follow({one: one for one in shapes}, trips)
    )
    metres = net.timetable.pattern_metres
    assert metres.dtype == np.int32
    assert (np.delete(np.diff(metres), net.timetable.pattern_first[1:-1] - 1) >= 0).all()
    seen = 0
    for origin, destination in (("s0", "s5"), ("s5", "s0"), ("s2", "s4"), ("s4", "s1")):
        for journey in by_price(net, origin, destination):
            rides = rides_of(net, journey)
            legs = [leg for leg in journey.legs if leg.trip_id]
            assert [ride.metres for ride in rides] == [leg.metres for leg in legs]
            for leg, ride in zip(legs, rides, strict=True):
                assert leg.co2 == round(BUS * ride.metres / 1000)
                assert ride.metres >= round(haversine(Point(*leg.geometry[0]), Point(*leg.geometry[-1]))) - 5
            assert journey.priced is not None
            assert journey.priced.price.cents == sum((100_500 + 20 * ride.metres) // 1000 for ride in rides)
            seen += 1
    assert seen
    assert len(course(net, 0, 0, 1)) > 1
