"""Journeys that compete over their price, beside every journey there is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from math import asin, cos, radians, sin
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.conftest import new_database

from mobigo.fares.document import read_document
from mobigo.fares.model import FareRide, RideKind
from mobigo.fares.shelf import open_shelf
from mobigo.journeys import service
from mobigo.journeys.answer import plan_as_json
from mobigo.journeys.model import Criterion, JourneyRequest, Shortfall
from mobigo.journeys.network import Networks
from mobigo.journeys.pricing import open_till
from mobigo.journeys.snapshot import build_network
from mobigo.kit.geo import EARTH_RADIUS
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mobigo.journeys.network import Network
    from mobigo.journeys.pricing import Till

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
"""A Monday, 06:00 in Paris."""
STOPS, LINES, TRIPS = 6, 4, 5
CENTS = (100, 250, 400, 700)
"""Of a ride, by line."""
SEEDS = range(12)
FEW = range(4)
MORE = range(100, 400)
WINDOW = 4 * 3600
MOST_CHANGES = 4
DAY = timedelta(hours=18)
"""Until midnight."""
PARIS = ZoneInfo("Europe/Paris")
SCALE = {"id": "far", "bands": [{"cents": 80, "millicents_per_km": 6500}], "minimum": 100, "step": 10}


@dataclass(frozen=True)
class Run:
    """A trip: its line, and per call the stop and the minute after six."""

    line: int
    calls: tuple[tuple[int, int], ...]


def draw(seed: int) -> list[Run]:
    chance = Random(seed)
    runs = []
    for line in range(LINES):
        stops = chance.sample(range(STOPS), chance.randint(2, 4))
        for _ in range(TRIPS):
            at = chance.randrange(0, 300)
            calls = []
            for stop in stops:
                calls.append((stop, at))
                at += chance.choice((7, 12, 25))
            runs.append(Run(line, tuple(calls)))
    return runs


def write(folder: Path, runs_of: dict[int, list[Run]]) -> None:
    """Write towns as one feed: one to each seed, far apart."""
    stops, routes, trips, times = [], [], [], []
    for seed, runs in runs_of.items():
        stops += [
            f"{seed}.{n},S{n},{40 + 0.1 * (seed % 100):.6f},{3 * (seed // 100) + 0.2 * n:.6f}" for n in range(STOPS)
        ]
        routes += [f"{seed}.{line},A,{line},3" for line in range(LINES)]
        for n, run in enumerate(runs):
            trips.append(f"{seed}.{run.line},week,{seed}.{n}")
            for k, (stop, minute) in enumerate(run.calls):
                clock = f"{6 + minute // 60:02}:{minute % 60:02}:00"
                times.append(f"{seed}.{n},{clock},{clock},{seed}.{stop},{k}")
    texts = {
        "agency": ["agency_id,agency_name,agency_url,agency_timezone", "A,Cars,https://a.example,Europe/Paris"],
        "stops": ["stop_id,stop_name,stop_lat,stop_lon", *stops],
        "routes": ["route_id,agency_id,route_short_name,route_type", *routes],
        "trips": ["route_id,service_id,trip_id", *trips],
        "stop_times": ["trip_id,arrival_time,departure_time,stop_id,stop_sequence", *times],
        "calendar": [
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date",
            "week,1,1,1,1,1,1,1,20261101,20261231",
        ],
    }
    for name, lines in texts.items():
        (folder / f"{name}.txt").write_text("\n".join([*lines, ""]))


@pytest.fixture(scope="module")
def towns(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    yield from build(test_cluster, tmp_path_factory.mktemp("towns"), SEEDS)


@pytest.fixture(scope="module")
def more_towns(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    yield from build(test_cluster, tmp_path_factory.mktemp("more"), MORE)


def build(cluster: str, folder: Path, seeds: range) -> Iterator[Network]:
    (folder / "feed").mkdir()
    (folder / "home").mkdir()
    write(folder / "feed", {seed: draw(seed) for seed in seeds})
    with new_database(cluster) as url:
        report = load_gtfs(folder / "feed", "far", url, now=NOW)
        assert report.status == "active", report
        build_network(url, folder / "home", NOW)
        yield Networks(folder / "home").current()


Rides = tuple[tuple[int, int, int, int, int], ...]
"""Line, stops and minutes of boarding and alighting."""


def everything(
    runs: list[Run], change: int, cents_of: Callable[[Rides], int], *, by: int = 0
) -> set[tuple[int, int, int, int]]:
    """All journeys from the first stop to the last that none beats: departure, arrival, minutes; changes; cents.

    Those that leave within the window or, with `by`, that arrive within it, minutes after six.
    """
    found: set[tuple[int, int, int, int]] = set()

    def ride(stop: int, ready: int, rides: Rides) -> None:
        for run in runs:
            for n, (board, departure) in enumerate(run.calls):
                if board != stop or departure < ready:
                    continue
                for alight, arrival in run.calls[n + 1 :]:
                    more = (*rides, (run.line, board, alight, departure, arrival))
                    if alight == STOPS - 1:
                        found.add((more[0][3], arrival, len(rides), cents_of(more)))
                    elif len(rides) < MOST_CHANGES:
                        ride(alight, arrival + change, more)

    ride(0, 0, ())
    return {
        one
        for one in found
        if (by - WINDOW // 60 <= one[1] <= by if by else one[0] <= WINDOW // 60)
        and not any(
            other != one and other[0] >= one[0] and all(a <= b for a, b in zip(other[1:], one[1:], strict=True))
            for other in found
        )
    }


def sell(seed: int, **more: object) -> Till:
    """Sell single rides by line, and what else there is."""
    document = {
        "name": {"fr": "x"},
        "valid_from": "2026-01-01",
        "networks": [{"id": str(n), "routes": [f"far:{seed}.{n}"]} for n in range(LINES)],
        "products": [
            {
                "id": f"p{n}",
                "name": {"fr": "x"},
                "kind": "single",
                "prices": [{"scale": "far"} if n in more.get("by_distance", ()) else {"cents": cents}],
            }  # type: ignore[operator]
            for n, cents in enumerate(CENTS)
        ],
        "tariffs": [
            {
                "id": "t",
                "timezone": "Europe/Paris",
                "legs": [{"product": f"p{n}", "network": str(n), "group": str(n // 2)} for n in range(LINES)],
                "transfers": more.get("transfers", []),
                "joins": more.get("joins", []),
                "throughs": more.get("throughs", []),
            }
        ],
    }
    document["products"] += more.get("passes", [])  # type: ignore[operator]
    document["scales"] = [SCALE]
    document["areas"] = [{"id": f"z{n}", "stops": [f"far:{seed}.{n}"]} for n in range(STOPS)]
    shelf = open_shelf([read_document(document, id_="region")])
    assert shelf is not None
    return open_till(shelf, (), int(str(more.get("persons", 1))))


def compare(
    towns: Network, seed: int, till: Till, *, by: int = 0
) -> tuple[set[tuple[int, int, int, int]], set[tuple[int, int, int, int]]]:
    """Return what is found, and what there is; of a day, for the trips of the others are not in what is drawn."""
    at = NOW + timedelta(minutes=by)
    request = JourneyRequest(
        f"far:{seed}.0", f"far:{seed}.{STOPS - 1}", at, bool(by), window=WINDOW, max_transfers=MOST_CHANGES,
        everything=True, criterion=Criterion.PRICE, budget=300.0, ondemand=False, carpool=False,
    )  # fmt: skip
    plan = service.plan(towns, request, till=till)
    assert plan.complete
    found = {
        (
            int((one.departure - NOW).total_seconds()) // 60,
            int((one.arrival - NOW).total_seconds()) // 60,
            one.transfers,
            one.priced.price.cents,
        )
        for one in plan.journeys
        if one.priced is not None and one.departure >= NOW and one.arrival < NOW + DAY
    }

    def cents_of(rides: Rides) -> int:
        seen = [
            FareRide(
                RideKind.LINE, "far:A", f"far:{seed}.{line}", (), f"far:{seed}.{board}", f"far:{seed}.{alight}",
                (NOW + timedelta(minutes=left)).astimezone(PARIS), (NOW + timedelta(minutes=there)).astimezone(PARIS),
                metres_of(seed, line, board, alight), NOW.date(),
            )
            for line, board, alight, left, there in rides
        ]  # fmt: skip
        cents = till.shelf.cents(seen, till.fellows)
        assert cents is not None
        return cents

    change = int(towns.days.footpaths.change_seconds[0]) // 60
    return found, everything(draw(seed), change, cents_of, by=by)


@cache
def metres_of(seed: int, line: int, board: int, alight: int) -> int:
    """Metres along a line in straight lines, each to the nearest metre."""
    stops = next([stop for stop, _ in run.calls] for run in draw(seed) if run.line == line)
    lat = radians(40 + 0.1 * (seed % 100))
    on = stops[stops.index(board) : stops.index(alight) + 1]
    return sum(round(2 * EARTH_RADIUS * asin(cos(lat) * sin(radians(0.2 * abs(b - a)) / 2))) for a, b in pairwise(on))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_cheaper_is_missed_where_each_ride_is_paid(towns: Network, seed: int) -> None:
    found, there = compare(towns, seed, sell(seed))
    assert found == there


FREE = {"kind": "from_and_rule", "from_group": "0", "to_group": "0", "count": -1}
DAY_TICKET = {
    "id": "day",
    "name": {"fr": "x"},
    "kind": "day",
    "prices": [{"cents": 600}],
    "validity": {"mode": "fixed"},
    "covers": {"networks": ["1", "2", "3"]},
}


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_cheaper_is_missed_where_tickets_last(towns: Network, seed: int) -> None:
    till = sell(seed, transfers=[FREE], passes=[DAY_TICKET])
    found, there = compare(towns, seed, till)
    assert found == there


HOUR = FREE | {"seconds": 3600, "limit": "departure_to_departure"}
BACK = {"kind": "from_and_rule", "from_group": "1", "to_group": "0", "seconds": 5400, "limit": "arrival_to_departure"}
HOUR_TICKET = DAY_TICKET | {
    "id": "hours",
    "prices": [{"cents": 450}],
    "validity": {"mode": "first_use", "count": 2, "unit": "hour"},
    "covers": {"networks": ["0", "2", "3"]},
}
OFF = {"id": "off", "name": {"fr": "x"}, "kind": "transfer", "prices": [{"cents": -90}]}
REBATES = [
    {"kind": "from_rule_and_to", "from_group": "1", "to_group": "0", "product": "off"},
    {"kind": "from_rule_and_to", "from_group": "0", "to_group": "1", "product": "off"},
]
KINDS: dict[str, dict[str, object]] = {
    "single rides": {},
    "a change takes money off": {"passes": [OFF], "transfers": REBATES},
    "a day ticket": {"transfers": [FREE], "passes": [DAY_TICKET]},
    "free for a while": {"transfers": [HOUR, BACK]},
    "all at once": {"transfers": [HOUR, BACK], "passes": [DAY_TICKET, HOUR_TICKET]},
}


@pytest.mark.parametrize("kind", ["free for a while", "all at once", "a change takes money off"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_cheaper_is_missed_where_clocks_run(towns: Network, seed: int, kind: str) -> None:
    found, there = compare(towns, seed, sell(seed, **KINDS[kind]))
    assert found == there


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", MORE)
def test_nothing_cheaper_is_missed_anywhere(more_towns: Network, seed: int, kind: str) -> None:
    found, there = compare(more_towns, seed, sell(seed, **KINDS[kind]))
    assert found == there


CARNET = {
    "id": "carnet",
    "name": {"fr": "x"},
    "kind": "carnet",
    "prices": [{"cents": 900}],
    "rides": 4,
    "validity": {"mode": "trip"},
    "covers": {"networks": ["0", "1"]},
}
GROUP = DAY_TICKET | {"id": "group", "kind": "group", "prices": [{"cents": 800}], "min_fellows": 2, "max_fellows": 3}
CHOSEN = DAY_TICKET | {
    "id": "zones",
    "prices": [{"cents": 350}],
    "covers": {"areas": [f"z{n}" for n in range(STOPS)], "choice": "areas", "areas_chosen": 3},
}
THROUGH = {"product": "whole", "rows": [{"from_area": "z0", "to_area": "z5"}], "transfers": 1}
WHOLE = {"id": "whole", "name": {"fr": "x"}, "kind": "single", "prices": [{"cents": 500}]}
JOINS = [{"from_network": one, "to_network": other} for one, other in ("23", "32", "33")]
WHOLE_KINDS: dict[str, dict[str, object]] = {
    "joined rides by distance": {"joins": JOINS, "by_distance": (2, 3)},
    "two share a carnet": {"passes": [CARNET, GROUP], "persons": 2},
    "zones that one chooses": {"transfers": [HOUR], "passes": [CHOSEN]},
    "joined rides and rebates": {"joins": JOINS, "by_distance": (2, 3), "passes": [OFF], "transfers": REBATES},
    "all the way at one price": {"passes": [WHOLE], "throughs": [THROUGH], "transfers": [BACK]},
}
"""What is priced only when all rides are known."""


@pytest.mark.parametrize("kind", WHOLE_KINDS)
@pytest.mark.parametrize("seed", FEW)
def test_nothing_cheaper_is_missed_where_rides_are_priced_together(towns: Network, seed: int, kind: str) -> None:
    found, there = compare(towns, seed, sell(seed, **WHOLE_KINDS[kind]))
    assert found == there


@pytest.mark.parametrize("kind", ["single rides", "all at once", *WHOLE_KINDS])
@pytest.mark.parametrize("seed", FEW)
def test_nothing_cheaper_is_missed_where_one_must_be_there_in_time(towns: Network, seed: int, kind: str) -> None:
    found, there = compare(towns, seed, sell(seed, **{**KINDS, **WHOLE_KINDS}[kind]), by=6 * 60)
    assert found == there


@pytest.mark.slow
@pytest.mark.parametrize("by", [0, 6 * 60])
@pytest.mark.parametrize("kind", WHOLE_KINDS)
@pytest.mark.parametrize("seed", MORE[:40])
def test_nothing_cheaper_is_missed_anywhere_where_rides_are_priced_together(
    more_towns: Network, seed: int, kind: str, by: int
) -> None:
    found, there = compare(more_towns, seed, sell(seed, **WHOLE_KINDS[kind]), by=by)
    assert found == there


@pytest.mark.parametrize("seed", FEW)
def test_with_places_on_the_way_it_says_that_cheaper_ones_may_be_missing(towns: Network, seed: int) -> None:
    request = JourneyRequest(
        f"far:{seed}.0", f"far:{seed}.{STOPS - 1}", NOW, window=WINDOW, criterion=Criterion.PRICE,
        vias=((f"far:{seed}.0", 60),), budget=60.0, ondemand=False, carpool=False,
    )  # fmt: skip
    plan = service.plan(towns, request, till=sell(seed))
    short = Shortfall.CHEAPEST_BY_PLACES if plan.journeys else None
    assert plan.short is short
    assert plan_as_json(plan)["incomplete_because"] == short


def test_some_journeys_go_by_places_on_the_way(towns: Network) -> None:
    found = [
        service.plan(
            towns,
            JourneyRequest(f"far:{seed}.0", f"far:{seed}.{STOPS - 1}", NOW, window=WINDOW,
                           vias=((f"far:{seed}.0", 60),), ondemand=False, carpool=False),
        ).journeys
        for seed in FEW
    ]  # fmt: skip
    assert any(found)
