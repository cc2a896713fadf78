"""A city's whole day: all stops that are reached, against a scan of every ride of the file in plain Python."""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from math import asin, ceil, cos, radians, sin, sqrt
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.journeys.text_network import PARIS, lay_out

from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.reach import find_reach

FEED = Path(__file__).parents[3] / "shared/data/bfc/fr-bfc-divia-20231031.gtfs.zip"
DAY = datetime(2023, 10, 31, tzinfo=PARIS)
LONGEST_LINK, DETOUR, PACE = 300.0, 1.4, 1.2

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FEED.exists(), reason=f"no {FEED}")]


class Hop(NamedTuple):
    """A vehicle from one stop to the next; seconds after midnight."""

    departure: int
    arrival: int
    trip: str
    start: str
    end: str
    boards: bool
    leaves: bool


class City:
    """The file's own rows."""

    def __init__(self) -> None:
        with zipfile.ZipFile(FEED) as archive:
            rows = {name: _read(archive, name) for name in ("stops.txt", "stop_times.txt")}
        self.place = {row["stop_id"]: (float(row["stop_lat"]), float(row["stop_lon"])) for row in rows["stops.txt"]}
        calls = defaultdict(list)
        for row in rows["stop_times.txt"]:
            times = (_seconds(row["arrival_time"]), _seconds(row["departure_time"]))
            free = row.get("pickup_type", "") != "1", row.get("drop_off_type", "") != "1"
            calls[row["trip_id"]].append((int(row["stop_sequence"]), row["stop_id"], *times, *free))
        self.hops = []
        for trip, stops in calls.items():
            stops.sort()
            for a, b in pairwise(stops):
                self.hops.append(Hop(a[3], b[2], trip, a[1], b[1], a[4], b[5]))
        self.hops.sort()
        self.called = {stop for hop in self.hops for stop in (hop.start, hop.end)}
        self.links = self._link()

    def _link(self) -> dict[str, list[tuple[str, int]]]:
        """List the stops a change away, with the seconds."""
        links = defaultdict(list)
        near = sorted((self.place[stop], stop) for stop in self.called)
        for n, (a, one) in enumerate(near):
            for b, other in near[n + 1 :]:
                if (b[0] - a[0]) * 111_000 > LONGEST_LINK:
                    break
                metres = measure(a, b)
                if metres <= LONGEST_LINK:
                    links[one].append((other, ceil(metres / PACE)))
                    links[other].append((one, ceil(metres / PACE)))
        return links

    def scan(self, start: str, at: int, longest: int, limit: int) -> dict[str, int]:
        """Find the first arrival by vehicle at every stop: every hop of the day once, in the order of departure."""
        ready: dict[str, int] = {}
        for stop in self.called:
            walk = 0 if stop == start else ceil(measure(self.place[start], self.place[stop]) * DETOUR / PACE)
            if walk <= longest:
                ready[stop] = at + walk
        arrival: dict[str, int] = {}
        aboard: set[str] = set()
        for hop in self.hops:
            if hop.departure < at:
                continue
            if hop.boards and ready.get(hop.start, hop.departure + 1) <= hop.departure:
                aboard.add(hop.trip)
            if hop.trip in aboard and hop.leaves and hop.arrival < arrival.get(hop.end, at + limit + 1):
                arrival[hop.end] = hop.arrival
                ready[hop.end] = min(ready.get(hop.end, hop.arrival), hop.arrival)
                for other, seconds in self.links[hop.end]:
                    ready[other] = min(ready.get(other, hop.arrival + seconds), hop.arrival + seconds)
        return {stop: instant - at for stop, instant in arrival.items() if stop != start}


def measure(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Metres between two points, latitude first."""
    lat_a, lon_a, lat_b, lon_b = map(radians, (*a, *b))
    h = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * 6_371_008.8 * asin(sqrt(h))


def _read(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    with archive.open(name) as raw:
        return list(csv.DictReader(io.TextIOWrapper(raw, "utf-8-sig")))


def _seconds(text: str) -> int:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return 3600 * hours + 60 * minutes + seconds


def test_a_whole_city_stop_by_stop(tmp_path: Path) -> None:
    city, net = City(), lay_out(tmp_path, FEED)
    ids = net.timetable.stop_ids
    looked = 0
    for number, start in enumerate(sorted(city.called)[::90]):
        for minute in (6 * 60 + 10 + number, 12 * 60 + 35, 20 * 60 + number):
            request = JourneyRequest(start, start, DAY + timedelta(minutes=minute), max_walk=900, budget=300)
            found = find_reach(net, request, 5400)
            assert found.complete
            told = {ids.at(stop): int(found.ridden[stop]) for stop in (found.ridden > 0).nonzero()[0].tolist()}
            expected = city.scan(start, 60 * minute, 900, 5400)
            assert {stop: seconds for stop, seconds in told.items() if stop != start} == expected
            looked += len(expected)
    assert looked > 10_000
