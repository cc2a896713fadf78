"""Riders matched with cars: equal to trying everything."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from math import ceil

import numpy as np
import pytest

from mobigo.carpool.match import Board, Match, Ride, Rider, Spot, Stop, plan_ride
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import Point, haversine
from mobigo.street.drives import Drives, Kept


class Roads:
    """Roads that are longer one way than the other, and some that are closed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.known: dict[tuple[Point, Point], int] = {}

    def one(self, a: Point, b: Point) -> int:
        if (a, b) not in self.known:
            self.known[a, b] = self._draw(a, b)
        return self.known[a, b]

    def _draw(self, a: Point, b: Point) -> int:
        if a == b:
            return 0
        luck = random.Random(f"{self.seed}{a}{b}")
        if luck.random() < 0.03:
            return -1
        return ceil(haversine(a, b) / 38.0 * luck.uniform(1.0, 2.5))

    fastest = 38.0

    def keep(self) -> Kept:
        return Kept(self)

    def seconds(self, origins: list[Point], destinations: list[Point]) -> np.ndarray:
        table = [[self.one(a, b) for b in destinations] for a in origins]
        return np.array(table, np.int32).reshape(len(origins), len(destinations))


def place(luck: random.Random) -> Point:
    return Point(luck.uniform(4.0, 4.4), luck.uniform(47.3, 47.6))


def random_ride(luck: random.Random, number: int, roads: Roads) -> Ride | None:
    """A car with up to two passengers' stops on its way, some of which wait."""
    points = [place(luck) for _ in range(luck.randint(2, 6))]
    legs = [roads.one(a, b) for a, b in pairwise(points)]
    if -1 in legs:
        return None
    at = luck.randint(0, 3_000)
    stops = []
    for index, point in enumerate(points):
        inner = 0 < index < len(points) - 1
        dwell = 60 if inner else 0
        departure = at + dwell + (luck.choice([0, 0, 90]) if inner else 0)
        free = luck.randint(0, 3) if index < len(points) - 1 else 0
        stops.append(Stop(point, at, departure, at + luck.randint(0, 900), free, dwell))
        at = departure + legs[index] if index < len(legs) else at
    return Ride(f"r{number}", tuple(stops))


def random_rider(luck: random.Random, stops: list[Point]) -> Rider:
    """Somebody who gets on and off anywhere, or where cars stop anyway."""
    leaves = luck.randint(0, 3_000)

    def spot() -> Spot:
        return Spot(luck.choice(stops) if luck.random() < 0.4 else place(luck), luck.randint(0, 300))

    return Rider(
        tuple(spot() for _ in range(luck.randint(1, 3))),
        tuple(spot() for _ in range(luck.randint(1, 3))),
        leaves,
        leaves + luck.randint(300, 3_000),
        leaves + luck.randint(600, 6_000),
        luck.randint(1, 2),
    )


def try_everything(ride: Ride, rider: Rider, roads: Roads) -> int | None:
    """The least cost of taking a rider along, by driving every course."""
    best: int | None = None
    last = len(ride.stops) - 1
    for i in range(last):
        for j in range(i, last):
            if any(stop.free < rider.seats for stop in ride.stops[i : j + 1]):
                continue
            for pickup in rider.pickups:
                for drop_off in rider.drop_offs:
                    extra = [(i, pickup.point, rider.leaves + pickup.walk), (j, drop_off.point, 0)]
                    arrivals = drive_exactly(ride, extra, roads)
                    if arrivals is None:
                        continue
                    came, _, off, end = arrivals
                    if came <= rider.pickup_by and off <= rider.arrive_by - drop_off.walk:
                        cost = end - ride.stops[-1].arrival + pickup.walk + drop_off.walk
                        best = cost if best is None else min(best, cost)
    return best


def drive_exactly(  # noqa: C901 - one drive, told from its beginning to its end
    ride: Ride, extra: list[tuple[int, Point, int]], roads: Roads
) -> tuple[int, int, int, int] | None:
    """Drive a course second by second in the mind: when the car comes, leaves with, drops the rider, and ends.

    Who gets on where the car stands after its stop, or off where it comes to the next one, takes no time for it; at its
    first stop it waits for nobody.
    """
    stops = ride.stops
    (after_on, pickup, ready), (after_off, drop_off, _) = extra
    stands, ends = pickup == stops[after_on].point, drop_off == stops[after_off + 1].point
    clock, here, on_plan = stops[0].departure, stops[0].point, True
    came = on = off = -1
    for index, stop in enumerate(stops):
        if index:
            leg = stop.arrival - stops[index - 1].departure if on_plan else roads.one(here, stop.point)
            if leg < 0:
                return None
            clock = max(clock + leg, stop.arrival)
            if clock > stop.latest:
                return None
            arrived = clock
            if ends and index == after_off + 1:
                off = clock
            clock = max(clock + stop.dwell, stop.departure)
            here, on_plan = stop.point, True
        if stands and index == after_on:
            came = stop.arrival
            on = max(came, ready)
            if index == 0 and ready > stop.arrival:
                return None
            clock = max(on + stop.dwell, stop.departure)
        for number, (after, point, earliest) in enumerate(extra):
            if after == index and not (ends if number else stands):
                leg = roads.one(here, point)
                if leg < 0:
                    return None
                clock += leg
                if number == 0:
                    came, clock = clock, max(clock, earliest)
                    on = clock
                else:
                    off = clock
                clock += 60
                here, on_plan = point, False
    return came, on, off, arrived


@pytest.mark.parametrize("seed", range(12))
def test_every_match_is_found_and_none_is_made_up(seed: int) -> None:
    luck = random.Random(seed)
    roads = Roads(seed)
    board = Board(roads)
    rides = {}
    for number in range(40):
        ride = random_ride(luck, number, roads)
        if ride is not None:
            rides[ride.id] = ride
            board.add(ride)
    for gone in luck.sample(sorted(rides), 5):
        board.remove(gone)
        del rides[gone]
    stops = [stop.point for ride in rides.values() for stop in ride.stops]
    for _ in range(10):
        rider = random_rider(luck, stops)
        found = {one.ride: one for one in board.match(rider)}
        wanted = {
            name: cost for name, ride in rides.items() if (cost := try_everything(ride, rider, roads)) is not None
        }
        assert {name: one.cost for name, one in found.items()} == wanted
        for name, one in found.items():
            extra = [
                (one.pickup_after, one.pickup.point, rider.leaves + one.pickup.walk),
                (one.drop_off_after, one.drop_off.point, 0),
            ]
            driven = drive_exactly(rides[name], extra, roads)
            assert driven is not None
            assert driven[1:3] == (one.pickup_at, one.drop_off_at)


HERE, THERE = Point(4.10, 47.50), Point(4.40, 47.50)
MID, ASIDE = Point(4.20, 47.50), Point(4.20, 47.53)
STRAIGHT = Drives(None)


def rider(pickup: Point = MID, drop_off: Point = THERE, **more: object) -> Rider:
    one = Rider((Spot(pickup),), (Spot(drop_off),), 0, 7_200, 14_400)
    return replace(one, **more)  # type: ignore[arg-type]


def ask(one: Rider, *, share: float = 0.25, seats: int = 2) -> list[Match]:
    board = Board(STRAIGHT)
    board.add(plan_ride("car", [HERE, THERE], 3_600, STRAIGHT, seats=seats, share=share))
    return board.match(one)


def test_somebody_on_the_way_costs_little_and_somebody_aside_more() -> None:
    near, aside = ask(rider())[0], ask(rider(ASIDE))[0]
    assert near.detour <= 2 * 60 + 3
    assert aside.detour > near.detour
    assert near.pickup_at > 3_600


def test_the_driver_bounds_the_detour_and_the_rider_the_hour() -> None:
    assert ask(rider(ASIDE), share=0.01) == []
    assert ask(rider(pickup_by=3_600)) == []
    assert ask(rider(arrive_by=3_700)) == []
    assert ask(rider(leaves=7_000)) == []
    assert ask(rider(THERE, HERE)) == []


def test_seats_are_free_or_there_is_no_match() -> None:
    assert ask(rider(seats=2))
    assert ask(rider(seats=3)) == []


def test_a_short_walk_to_the_road_beats_a_detour() -> None:
    both = rider(pickups=(Spot(ASIDE), Spot(MID, 30)))
    assert ask(both)[0].pickup.point == MID


def test_who_gets_on_and_off_where_the_car_stops_anyway_makes_it_no_later() -> None:
    board = Board(STRAIGHT)
    leg = int(STRAIGHT.seconds([HERE], [MID])[0, 0])
    stops = (
        Stop(HERE, 0, 60, 900, 1, 60),
        Stop(MID, 60 + leg, 120 + leg, 1_000 + leg, 1, 60),
        Stop(THERE, 4_000, 4_000, 4_900),
    )
    board.add(Ride("line", stops))
    (one,) = board.match(rider(HERE, MID, leaves=0))
    assert (one.pickup_at, one.drop_off_at, one.detour) == (0, 60 + leg, 0)
    (to_the_end,) = board.match(rider(MID, THERE))
    assert (to_the_end.pickup_after, to_the_end.detour) == (1, 0)


def test_the_best_of_each_group_of_places_is_found() -> None:
    board = Board(STRAIGHT)
    board.add(plan_ride("car", [HERE, THERE], 3_600, STRAIGHT, seats=2))
    near = Point(4.21, 47.50)
    found = board.match(replace(rider(HERE), drop_offs=(Spot(MID, 300, 0), Spot(near, 0, 0), Spot(THERE, 0, 1))))
    assert {one.drop_off.point for one in found} == {near, THERE}


def test_a_car_is_put_up_once_and_taken_away_once() -> None:
    board = Board(STRAIGHT)
    car = plan_ride("car", [HERE, MID, THERE], 0, STRAIGHT, seats=1)
    board.add(car)
    board.add(car)
    assert len(board) == 1
    board.remove("car")
    with pytest.raises(NotFound):
        board.remove("car")
    assert board.match(rider()) == []


def test_a_car_that_breaks_its_promise_already_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Board(STRAIGHT).add(Ride("car", (Stop(HERE, 0, 0, 0, 1), Stop(THERE, 900, 900, 800))))
    with pytest.raises(InvalidInput):
        Board(STRAIGHT).add(Ride("car", (Stop(HERE, 0, 0, 0, 1),)))
