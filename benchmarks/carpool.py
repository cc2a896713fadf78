"""Carpooling at work: one rider against all cars, beside trying everything; the planner with and without cars; money.

On the roads of a generated region around Dijon, with cars drawn by lot; buses and trams are those of its real feed.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import carpool_money
from benchmarks.bar import Bar
from benchmarks.sample import draw
from benchmarks.served import home, test_data
from mobigo.carpool.match import DWELL, Board, Ride, Rider, Spot, Stop, plan_ride
from mobigo.carpool.model import Run, RunState, RunStop
from mobigo.carpool.supply import Garage
from mobigo.journeys import service
from mobigo.journeys.hubs import Hubs
from mobigo.journeys.liftleg import Lift
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import Networks
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.street.graph import Profile
from mobigo.street.routing import roll, roll_seconds, snap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mobigo.journeys.network import Network
    from mobigo.street.graph import StreetGraph

ROOT = Path(__file__).parents[1]
COMMUNES = 400
"""Of the region, those nearest to its largest town."""
FEED = "bfc/fr-bfc-divia-20231031.gtfs.zip"
DAY = date(2023, 10, 31)
NOW = datetime(2023, 10, 31, 4, tzinfo=UTC)
ZONE = "Europe/Paris"
SEED = 5
HOUR = 3_600

SIZES = ((1_000, 10.0), (10_000, 20.0), (100_000, 50.0))
"""Cars of a day, and the milliseconds within which a rider is matched with them."""
RIDERS = 300
MEETING = 3
"""Places within a walk at each end, besides the door, of the riders who walk."""
CHANGED = 500
CHANGE_LIMIT = 5.0
CHECKED, CHECKERS = 10_000, 8
"""Cars and riders for which everything is tried."""
SHORTEST, LONGEST = 600, 2 * HOUR
"""Seconds that cars drive."""
ABOARD = 0.3
"""Share of the cars that have one passenger or two already."""
QUESTIONS, RUNS, SEARCH_LIMIT = 120, 1_000, 1.5


def bars() -> Iterator[Bar]:
    """Measure everything."""
    feed = test_data() / FEED
    if not feed.exists():
        raise InvalidInput(f"no {feed}; set MOBIGO_TEST_DATA to the folder of real feeds and extracts")
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as folder:
        file = Path(folder, "region.osm.pbf")
        command = [sys.executable, str(ROOT / "tools/make_region"), "--seed", "1", "--communes", str(COMMUNES)]
        made = json.loads(subprocess.run([*command, "--out", str(file)], check=True, capture_output=True).stdout)
        with home(feed, file, NOW) as one:
            service.add_drives(one.folder)
            network = Networks(one.folder).current()
            region = f"{made['communes']} generated communes, {made['highways']:,} ways"
            places = _list_places(network)
            yield from _matching(network, places, region)
            yield from _search(network, places, feed, region)
    yield from carpool_money.bars()


class Roads(NamedTuple):
    """Where cars drive."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]

    def draw(self, chance: random.Random) -> Point:
        """Draw a place some metres beside a junction."""
        at = chance.randrange(len(self.lon))
        lon, lat = float(self.lon[at]), float(self.lat[at])
        return Point(lon + chance.uniform(-5e-4, 5e-4), lat + chance.uniform(-5e-4, 5e-4))


def _list_places(network: Network) -> Roads:
    streets = network.streets
    assert streets is not None
    passable = np.isfinite(streets.car.reshape(-1, 2)).all(axis=1) & (streets.solid & int(Profile.CAR)).astype(bool)
    nodes = np.unique(streets.edge_from[passable])
    return Roads(np.asarray(streets.points.lon)[nodes], np.asarray(streets.points.lat)[nodes])


# ── one rider against all cars ────────────────────────────────────────────────────────────────────────────────────────


def _matching(network: Network, places: Roads, region: str) -> Iterator[Bar]:
    chance = random.Random(SEED)
    board = Board(network.drives)
    rides: dict[str, Ride] = {}
    for size, limit in SIZES:
        while len(rides) < size:
            ride = _draw_ride(network, places, chance, f"r{len(rides)}")
            rides[ride.id] = ride
            board.add(ride)
        for many in (0, MEETING):
            asking = [_draw_rider(places, chance, many) for _ in range(RIDERS)]
            for rider in asking[:5]:  # load what is compiled
                board.match(rider)
            times, found = [], 0
            for rider in asking:
                started = time.perf_counter()
                found += len(board.match(rider))
                times.append(1e3 * (time.perf_counter() - started))
            walks = f", {many} meeting points at each end besides" if many else ""
            how = f"{RIDERS} riders from door to door{walks}; {found / RIDERS:.1f} cars found each; {region}"
            name = f"match {size:,} cars{', walking' if many else ''}"
            yield Bar(f"{name}: median", statistics.median(times), "ms", None, "lower", how)
            yield Bar(f"{name}: p95", _late(times), "ms", limit, "lower", how)
        if size == CHECKED:
            yield from _check(network, places, board, rides)
    yield from _change(network, places, board, chance)


def _late(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def _draw_ride(network: Network, places: Roads, chance: random.Random, name: str) -> Ride:
    """Draw a car that may arrive a quarter of its time later; some have passengers who may be five minutes late."""
    drives = network.drives
    while True:
        ends = [places.draw(chance), places.draw(chance)]
        lasting = int(drives.seconds(ends[:1], ends[1:])[0, 0])
        if SHORTEST <= lasting <= LONGEST:
            break
    start = chance.randrange(int(NOW.timestamp()) + HOUR, int(NOW.timestamp()) + 17 * HOUR)
    ride = plan_ride(name, ends, start, drives, seats=3)
    stops = list(ride.stops)
    for _ in range(chance.randint(1, 2) if chance.random() < ABOARD else 0):
        stops = _put_in(network, stops, ride.stops[-1].latest, _toward(ride, chance))
    return replace(ride, stops=tuple(stops))


def _toward(ride: Ride, chance: random.Random) -> tuple[Point, Point]:
    """Draw where a passenger of a car gets on and off: near the straight line between its ends."""
    (lon, lat), (to_lon, to_lat) = ride.stops[0].point, ride.stops[-1].point
    parts = sorted((chance.uniform(0.1, 0.9), chance.uniform(0.1, 0.9)))
    on, off = (Point(lon + part * (to_lon - lon), lat + part * (to_lat - lat)) for part in parts)
    return on, off


def _put_in(network: Network, stops: list[Stop], latest: int, ends: tuple[Point, Point]) -> list[Stop]:
    """Put a passenger in before the car's end, if it is there in time; they may be five minutes late."""
    points = [*(stop.point for stop in stops[:-1]), *ends, stops[-1].point]
    free = [*(stop.free for stop in stops[:-2]), stops[-2].free, stops[-2].free - 1, stops[-2].free, 0]
    legs = [int(network.drives.seconds([a], [b])[0, 0]) for a, b in pairwise(points)]
    if min(legs) < 0:
        return stops
    found: list[Stop] = []
    at = stops[0].departure
    for number, (point, seats) in enumerate(zip(points, free, strict=True)):
        dwell = DWELL if 0 < number < len(points) - 1 else 0
        bound = latest if number == len(points) - 1 else at + 300 if number else at
        found.append(Stop(point, at, at + dwell, bound, seats, dwell))
        at += dwell + (legs[number] if number < len(legs) else 0)
    return found if found[-1].arrival <= latest else stops


def _draw_rider(places: Roads, chance: random.Random, many: int) -> Rider:
    leaves = chance.randrange(int(NOW.timestamp()) + HOUR, int(NOW.timestamp()) + 16 * HOUR)

    def around(door: Point) -> tuple[Spot, ...]:
        near = [
            Spot(Point(door.lon + chance.uniform(-8e-3, 8e-3), door.lat + chance.uniform(-5e-3, 5e-3)), 400)
            for _ in range(many)
        ]
        return (Spot(door), *near)

    ends = around(places.draw(chance)), around(places.draw(chance))
    return Rider(*ends, leaves, leaves + HOUR, leaves + 4 * HOUR)


def _change(network: Network, places: Roads, board: Board, chance: random.Random) -> Iterator[Bar]:
    """Put cars up and take them away."""
    fresh = [_draw_ride(network, places, chance, f"new{number}") for number in range(CHANGED)]
    puts, takes = [], []
    for ride in fresh:
        started = time.perf_counter()
        board.add(ride)
        puts.append(1e3 * (time.perf_counter() - started))
    for ride in fresh:
        started = time.perf_counter()
        board.remove(ride.id)
        takes.append(1e3 * (time.perf_counter() - started))
    how = f"{CHANGED} cars, {len(board):,} others on the board"
    yield Bar("match: p95 of adding a car", _late(puts), "ms", CHANGE_LIMIT, "lower", how)
    yield Bar("match: p95 of removing a car", _late(takes), "ms", CHANGE_LIMIT, "lower", how)


# ── trying everything ─────────────────────────────────────────────────────────────────────────────────────────────────


def _check(network: Network, places: Roads, board: Board, rides: dict[str, Ride]) -> Iterator[Bar]:
    """Compare what is found with what there is: every car driven every way, by searches that know no hierarchy."""
    assert network.streets is not None
    chance = random.Random(SEED + 1)
    cars = list(rides.values())
    stops = [stop.point for ride in cars for stop in ride.stops]
    missed = invented = matches = 0
    for _ in range(CHECKERS):
        rider = _draw_rider(places, chance, 0)
        found = {one.ride: one.detour for one in board.match(rider)}
        wanted = _try_everything(network.streets, cars, stops, rider)
        matches += len(wanted)
        missed += sum(name not in found for name in wanted)
        invented += sum(wanted.get(name) != detour for name, detour in found.items())
    how = f"{CHECKERS} riders, {len(cars):,} cars, every place of each tried on the streets; {matches} matches"
    yield Bar("match: missed", missed, "", 0, "lower", how)
    yield Bar("match: invented, or of another detour", invented, "", 0, "lower", how)


def _try_everything(streets: StreetGraph, cars: Sequence[Ride], stops: Sequence[Point], rider: Rider) -> dict[str, int]:
    """Find the least detour of every car that can take a rider from door to door."""
    on, off = rider.pickups[0].point, rider.drop_offs[0].point
    come_on, go_on = (_search_all(streets, on, [*stops, off], backward=back) for back in (True, False))
    come_off, go_off = (_search_all(streets, off, stops, backward=back) for back in (True, False))
    across = go_on[-1]
    best: dict[str, int] = {}
    row = 0
    for ride in cars:
        count = len(ride.stops)
        ways = tuple(each[row : row + count] for each in (come_on, go_on, come_off, go_off))
        row += count
        for i in range(count - 1):
            for j in range(i, count - 1):
                late = _drive(ride, (i, j), ways, across, rider)
                if late is not None and late < best.get(ride.id, late + 1):
                    best[ride.id] = late
    return best


def _search_all(streets: StreetGraph, place: Point, others: Sequence[Point], *, backward: bool) -> list[int]:
    """Return the seconds from a place to all others (back), by one search of all streets."""
    start = snap(streets, [place], Profile.CAR).one(0)
    assert start is not None
    ends = snap(streets, others, Profile.CAR)
    found: list[int] = roll_seconds(roll(streets, start, Profile.CAR, 6.0 * HOUR, backward=backward), ends).tolist()
    return found


def _drive(ride: Ride, at: tuple[int, int], ways: tuple[list[int], ...], across: int, rider: Rider) -> int | None:
    """Drive a car with a rider put in after two of its stops; how much later it ends, None where it may not."""
    (i, j), (come_on, go_on, come_off, go_off) = at, ways
    if any(stop.free < rider.seats for stop in ride.stops[i : j + 1]):
        return None
    clock = ride.stops[0].departure
    gone: int | None = None
    """Seconds to the next stop from where the car is, when that is no stop of its own."""
    for number, stop in enumerate(ride.stops):
        if number:
            before = ride.stops[number - 1]
            arrived = clock + (stop.arrival - before.departure if gone is None else gone)
            if arrived > stop.latest:
                return None
            clock, gone = max(max(arrived, stop.arrival) + stop.dwell, stop.departure), None
            late = max(0, arrived - stop.arrival)
        for where, door, leg, onward in ((i, 0, come_on[number], go_on), (j, 1, come_off[number], go_off)):
            if where != number:
                continue
            way = across if door and i == j else leg
            back = onward[number + 1]
            if way < 0 or back < 0:
                return None
            clock += way
            if door == 0 and clock > rider.pickup_by:
                return None
            clock = max(clock, rider.leaves) if door == 0 else clock
            if door == 1 and clock > rider.arrive_by:
                return None
            clock, gone = clock + DWELL, back
    return late


# ── the planner ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _search(network: Network, places: Roads, feed: Path, region: str) -> Iterator[Bar]:
    """Ask the same questions with and without cars."""
    chance = random.Random(SEED + 2)
    garage = Garage(network.drives)
    garage.put({f"run{n}": (_draw_run(network, places, chance, f"run{n}"), ()) for n in range(RUNS)})
    lift = Lift(garage, Hubs(network), b"k" * 32, int(NOW.timestamp()))
    requests = [
        JourneyRequest(*(f"{lat:.6f},{lon:.6f}" for lat, lon in (one.origin, one.destination)), one.at, budget=10.0)
        for one in draw(feed, DAY, ZONE, QUESTIONS, seed=SEED)
    ]
    for request in requests[:3]:
        service.plan(network, request, None, lift)
    times: dict[str, list[float]] = {"with": [], "without": []}
    carried = 0
    for request in requests:
        for name, cars in (("without", None), ("with", lift)):
            started = time.perf_counter()
            plan = service.plan(network, request, None, cars)
            times[name].append(1e3 * (time.perf_counter() - started))
        carried += any(leg.booking is not None for one in plan.journeys for leg in one.legs)
    how = (
        f"{len(requests)} questions from door to door, {RUNS:,} cars, {carried} answers with one; {region}, {feed.name}"
    )
    for name, some in times.items():
        yield Bar(f"planner {name} cars: median", statistics.median(some), "ms", None, "lower", how)
        yield Bar(f"planner {name} cars: p95", _late(some), "ms", None, "lower", how)
    ratio = sum(times["with"]) / sum(times["without"])
    yield Bar("planner: with cars / without", ratio, "", SEARCH_LIMIT, "lower", f"all questions together; {how}")


def _draw_run(network: Network, places: Roads, chance: random.Random, name: str) -> Run:
    ride = _draw_ride(network, places, chance, name)
    first, last = ride.stops[0], ride.stops[-1]
    stops = tuple(
        RunStop(n, f"end {n}", stop.point, 0, datetime.fromtimestamp(stop.arrival, UTC),
                datetime.fromtimestamp(stop.latest, UTC))
        for n, stop in enumerate((first, last), 1)
    )  # fmt: skip
    return Run(name, f"driver {name}", 3, stops, RunState.PLANNED, DAY)
