"""Kilometres along shapes, worked out on paper: places are metres to the east and north of a village."""

from __future__ import annotations

from itertools import pairwise
from math import cos, hypot, radians
from random import Random

import numpy as np
import pytest

from mobigo.transit.shapes import FAR, Shape, draw, measure, pass_stops
from mobigo.transit.ways import hop_straight

LAT, LON = 47.0, 5.0
METRES = 111_195.08
THERE_AND_BACK = [(0, 0), (2000, 0), (0, 0)]
FEET = 3.28084


def degrees(points: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    east, north = np.array(points, np.float64).reshape(-1, 2).T
    return LON + east / METRES / cos(radians(LAT)), LAT + north / METRES


def line(points: list[tuple[float, float]], told: list[float] | None = None) -> Shape:
    found = draw(*degrees(points), np.array(told or [np.nan] * len(points), np.float64))
    assert found is not None
    return found


def hops(shape: Shape, stops: list[tuple[float, float]], told: list[float] | None = None) -> list[float]:
    lon, lat = degrees(stops)
    passed = pass_stops(shape, lon, lat, np.array(told or [np.nan] * len(stops), np.float64))
    return measure(passed, hop_straight(lon, lat)).tolist()


def near(*metres: float) -> object:
    return pytest.approx(metres, rel=1e-3, abs=1)


def test_a_detour_counts_as_it_is_driven() -> None:
    shape = line([(0, 0), (0, 1000), (2000, 1000), (2000, 0)])
    assert hops(shape, [(0, 0), (2000, 0)]) == near(4000)
    assert hops(shape, [(0, 0), (500, 1020), (2000, 0)]) == near(1500, 2500)


def test_a_stop_beside_the_road_counts_where_the_road_passes_it() -> None:
    shape = line([(-300, 0), (5000, 0)])
    assert hops(shape, [(0, 8), (1000, -8), (4000, 12)]) == near(1000, 3000)


def test_a_line_there_and_back_passes_each_stop_twice() -> None:
    stops = [(0, 0), (1000, 5), (2000, 0), (1000, -5), (0, 0)]
    assert hops(line(THERE_AND_BACK), stops) == near(1000, 1000, 1000, 1000)
    assert hops(line(THERE_AND_BACK), [(0, 0), (2000, 0), (500, 0)]) == near(2000, 1500)
    assert hops(line(THERE_AND_BACK), [(0, 0), (0, 0)]) == near(4000)


def test_a_loop_in_the_middle_is_driven_once() -> None:
    shape = line([(0, 0), (1000, 0), (1000, 1000), (2000, 1000), (2000, 0), (1000, 0), (1000, -3000)])
    assert hops(shape, [(0, 0), (2000, 1000), (1000, -3000)]) == near(3000, 5000)
    assert hops(shape, [(0, 0), (1000, 0), (2000, 1000), (1000, 0), (1000, -3000)]) == near(1000, 2000, 2000, 3000)


@pytest.mark.parametrize("unit", [1.0, 0.001, FEET, 7.5])
def test_what_is_told_says_which_passage_is_meant_in_any_unit(unit: float) -> None:
    told = [0.0, 2000 * unit, 4000 * unit]
    stops = [(0.0, 0.0), (500.0, 0.0), (0.0, 0.0)]
    shape = line(THERE_AND_BACK, told)
    assert hops(shape, stops) == near(500, 3500)
    assert hops(shape, stops, [0, 3500 * unit, 4000 * unit]) == near(3500, 500)


def test_what_is_told_is_passed_over_where_it_cannot_be() -> None:
    shape = line([(0, 0), (1000, 0), (2000, 0), (3000, 0)], [0, 1000, 500, 3000])
    stops = [(0.0, 0.0), (1000.0, 0.0), (2000.0, 0.0), (3000.0, 0.0)]
    assert hops(shape, stops, [0, 1000, 2000, 3000]) == near(1000, 1000, 1000)
    assert hops(shape, stops, [0, 99_999, 2000, 3000]) == near(1000, 1000, 1000)
    assert hops(shape, stops, [3000, 2000, 1000, 0]) == near(1000, 1000, 1000)
    assert hops(shape, stops, [0, 3000, 3000, 3000]) == near(1000, 1000, 1000)
    assert hops(line(THERE_AND_BACK, [5, 5, 5]), [(0, 0), (2000, 0)], [5, 5]) == near(2000)


def test_a_shape_drawn_the_other_way_counts_the_same() -> None:
    points = [(0.0, 0.0), (0.0, 1000.0), (2000.0, 1000.0), (2000.0, 0.0)]
    stops = [(0.0, 0.0), (500.0, 1000.0), (2000.0, 0.0)]
    assert hops(line(points[::-1]), stops) == near(1500, 2500)
    assert hops(line(points[::-1], [0, 1, 2, 3]), stops, [0, 1.5, 3]) == near(1500, 2500)


def test_a_stop_off_the_shape_is_reached_straight() -> None:
    shape = line([(0, 0), (0, 1000), (4000, 1000), (4000, 0)])
    stops = [(0.0, 0.0), (1000.0, 1000.0), (2000.0, 3000.0), (3000.0, 1000.0), (4000.0, 0.0)]
    assert hops(shape, stops) == near(2000, hypot(1000, 2000), hypot(1000, 2000), 2000)
    beyond = FAR + 20
    assert hops(line([(0, 0), (3000, 0)]), [(0, beyond), (3000, beyond)]) == near(3000)


def test_a_shape_that_strays_far_away_is_not_believed() -> None:
    lon, lat = degrees([(0, 0), (1000, 0), (2000, 0)])
    lon, lat = np.insert(lon, 1, 0.0), np.insert(lat, 1, 0.0)
    shape = draw(lon, lat, np.full(4, np.nan))
    assert shape is not None
    assert hops(shape, [(0, 0), (1000, 0), (2000, 0)]) == near(1000, 1000)


def test_a_shape_shorter_than_the_way_counts_as_far_as_it_goes() -> None:
    assert hops(line([(0, 0), (0, 500), (1000, 500), (1000, 0)]), [(0, 0), (1000, 0), (5000, 0)]) == near(2000, 4000)


def test_what_is_no_line_is_no_shape() -> None:
    nothing = np.zeros(0)
    assert draw(nothing, nothing, nothing) is None
    assert draw(np.array([5.0]), np.array([47.0]), np.array([0.0])) is None
    assert draw(np.full(3, 5.0), np.full(3, 47.0), np.zeros(3)) is None
    assert draw(np.array([5.0, np.nan, 500.0]), np.array([47.0, 47.0, 47.0]), np.zeros(3)) is None


def test_a_stop_without_a_place_is_not_on_it() -> None:
    lon, lat = degrees([(0, 0), (500, 0), (1000, 0)])
    lon[1] = np.nan
    passed = pass_stops(line([(0, 0), (1000, 0)]), lon, lat, np.full(3, np.nan))
    assert np.isfinite(passed.marks).tolist() == [True, False, True]


def wander(chance: Random, points: int) -> list[tuple[float, float]]:
    """Draw a way that crosses itself and turns back."""
    found = [(0.0, 0.0)]
    for _ in range(points):
        if len(found) > 2 and chance.random() < 0.2:
            found.append(found[-2])
        else:
            found.append((found[-1][0] + chance.uniform(-900, 900), found[-1][1] + chance.uniform(-900, 900)))
    return found


@pytest.mark.parametrize("seed", range(60))
def test_ways_never_fall_back_and_are_never_shorter_than_straight(seed: int) -> None:
    chance = Random(seed)
    shape = line(wander(chance, chance.randint(1, 40)))
    marks = sorted(chance.uniform(0, shape.along[-1]) for _ in range(chance.randint(2, 25)))
    lon, lat = (np.interp(marks, shape.along, of) for of in (shape.lon, shape.lat))
    lon += np.array([chance.gauss(0, 40) for _ in marks]) / METRES
    lat += np.array([chance.gauss(0, 40) for _ in marks]) / METRES
    told = np.array([mark if chance.random() < 0.5 else chance.uniform(-9, 9e4) for mark in marks])
    for says in (np.full(len(marks), np.nan), told):
        for one in (shape, shape._replace(told=shape.along * 0.3)):
            passed = pass_stops(one, lon, lat, says)
            known = passed.marks[np.isfinite(passed.marks)]
            assert all(a <= b for a, b in pairwise(known))
            assert len(known) == 0 or (known[0] >= 0 and known[-1] <= shape.along[-1] + 1e-6)
            straight = hop_straight(lon, lat)
            assert (measure(passed, straight) >= straight).all()


@pytest.mark.parametrize("seed", range(40))
def test_stops_where_it_is_told_are_measured_to_the_metre(seed: int) -> None:
    chance = Random(seed)
    shape = line(wander(chance, chance.randint(2, 40)))
    marks = sorted(chance.uniform(0, shape.along[-1]) for _ in range(chance.randint(2, 25)))
    lon, lat = (np.interp(marks, shape.along, of) for of in (shape.lon, shape.lat))
    passed = pass_stops(shape._replace(told=shape.along * FEET), lon, lat, np.array(marks) * FEET)
    assert passed.marks == pytest.approx(marks, abs=0.5)


def test_many_points_and_stops_are_matched_soon() -> None:
    chance = Random(1)
    shape = line(wander(chance, 5_000))
    marks = np.linspace(0, shape.along[-1], 200)
    lon, lat = (np.interp(marks, shape.along, of) for of in (shape.lon, shape.lat))
    passed = pass_stops(shape, lon, lat, np.full(200, np.nan))
    assert np.isfinite(passed.marks).all()
