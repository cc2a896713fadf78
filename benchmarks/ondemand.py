"""Transport on demand at work, in full: rides put in, runs rearranged, a day replayed, a region searched.

All on the streets and the feed of rhein-neckar, with rides drawn by lot.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import psycopg
from tests.ondemand.day_checker import Promised, check_day
from tests.ondemand.fleet_rows import put_operators, put_runs, put_vehicles

from benchmarks.bar import Bar
from benchmarks.ondemand_region import CAPACITY, Box, commit_day, draw_ask, draw_region
from benchmarks.plot import plot_growth
from benchmarks.sample import Question
from benchmarks.served import Home, await_answer, home, serve, test_data
from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.network import Networks
from mobigo.kit.geo import Point
from mobigo.ondemand import dispatch
from mobigo.ondemand.catalogue import build_catalogue
from mobigo.ondemand.documents import to_document
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.model import Operator, Shift, Spot, Vehicle
from mobigo.ondemand.reoptimise import improve
from mobigo.ondemand.services_store import store_whole, write
from mobigo.ondemand.simulate import as_ask, draw_requests, lay_runs, simulate
from mobigo.ondemand.solver import Solver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.ondemand_region import Region
    from benchmarks.served import Server
    from mobigo.journeys.network import Network
    from mobigo.ondemand.model import Ask, Run, Service
    from mobigo.ondemand.simulate import Day

DAY = date(2016, 11, 4)
NOW = datetime(2016, 11, 4, 4, tzinfo=UTC)
ZONE = "Europe/Berlin"
HOUR = 3600
SEED = 5
VEHICLES, STOPS = 50, 500
ASKED = 400
INSERTION_LIMIT = 5.0
"""Milliseconds."""
COPIES = (1, 2, 4, 8, 16)
REPORT = Path("out/bench/ondemand-growth.svg")
"""In the checkout."""
ZONES, REGION_VEHICLES, RIDES = 300, 1_000, 12
QUESTIONS, TURNS = 150, 3
SEARCH_LIMIT = 1.5
REQUESTS, DAY_VEHICLES = 2_000, 40
IMPROVE_SECONDS = 2.0
CLIENTS, SEATS = 200, 8
CITY = Box(8.36, 49.36, 8.74, 49.58)
"""Ludwigshafen, Mannheim, Heidelberg."""
TOWN = Box(8.43, 49.45, 8.55, 49.53)
"""Mannheim: what forty vehicles can serve."""


def bars() -> Iterator[Bar]:
    """Measure everything."""
    pair = test_data() / "pairs/rhein-neckar"
    with home(pair / "rnv.gtfs.zip", pair / "rnv.osm.pbf", NOW) as one:
        network = Networks(one.folder).current()
        places = _list_places(network)
        grown = []
        for bar in _insertion(network, places):
            grown.append(bar)
            yield bar
        plot_growth([bar for bar in grown if "x: " in bar.bar], REPORT, of=f"{VEHICLES} vehicles and {STOPS} stops")
        yield from _replay(network, places)
        region = draw_region(
            CITY, _list_stops(network), places, day=DAY, timezone=ZONE, zones=ZONES, vehicles=REGION_VEHICLES, seed=SEED
        )
        yield from _search(one, network, region, places)
        yield from _fight(one)


def _list_places(network: Network) -> NDArray[np.float64]:
    """Junctions of the streets that cars may use."""
    streets = network.streets
    assert streets is not None
    passable = np.isfinite(streets.car.reshape(-1, 2)).all(axis=1)
    nodes = np.unique(streets.edge_from[passable])
    return np.column_stack([np.asarray(streets.points.lon)[nodes], np.asarray(streets.points.lat)[nodes]])


def _within(places: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    lon, lat = places[:, 0], places[:, 1]
    return places[(lon > box.west) & (lon < box.east) & (lat > box.south) & (lat < box.north)]


def _list_stops(network: Network) -> dict[str, tuple[str, Point]]:
    timetable = network.timetable
    found: dict[str, tuple[str, Point]] = {}
    for index, id_ in enumerate(timetable.stop_ids.all()):
        point = Point(float(timetable.stop_lon[index]), float(timetable.stop_lat[index]))
        if CITY.holds(point):
            found[id_] = (timetable.stop_names.at(index), point)
    return found


# ── a ride put in ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _insertion(network: Network, places: NDArray[np.float64]) -> Iterator[Bar]:
    """Put rides into fleets of one size after another; their ends are places never asked for before."""
    town = _within(places, TOWN)
    for copies in COPIES:
        fleet = _fill(network, town, VEHICLES * copies, STOPS * copies)
        chance = random.Random(SEED + copies)
        times, worked, found = [], [], 0
        for _ in range(ASKED):
            ask = _draw(network, town, chance, fresh=True)
            started, begun = time.perf_counter(), time.thread_time()
            place = dispatch.find_place(fleet, ask, network.drives, now=int(NOW.timestamp()))
            times.append(1e3 * (time.perf_counter() - started))
            worked.append(1e3 * (time.thread_time() - begun))
            found += isinstance(place, dispatch.Placement)
        stops = sum(len(run.events) for run in fleet.runs.values())
        how = f"{ASKED} rides, {len(fleet.runs)} vehicles of one service, {stops} stops; drives of new places included"
        if copies == 1:
            yield Bar("insertion: median", statistics.median(times), "ms", INSERTION_LIMIT, "lower", how)
            yield Bar("insertion: p95", _late(times), "ms", None, "lower", how)
            yield Bar("insertion: share with a place", 100 * found / ASKED, "%", None, "higher", how)
        how = f"processor time; {how}"
        yield Bar(f"insertion {copies}x: median", statistics.median(worked), "ms", None, "lower", how)
        yield Bar(f"insertion {copies}x: p95", _late(worked), "ms", None, "lower", how)


def _late(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20)[18]


def _draw(network: Network, places: NDArray[np.float64], chance: random.Random, *, fresh: bool = False) -> Ask:
    """Draw a ride; a fresh one begins and ends some metres beside the junctions, where nobody has asked before."""
    start = int(datetime(2016, 11, 4, 5, tzinfo=UTC).timestamp())
    while True:
        ends = []
        for _ in range(2):
            lon, lat = places[chance.randrange(len(places))].tolist()
            if fresh:
                lon, lat = lon + chance.uniform(-5e-4, 5e-4), lat + chance.uniform(-5e-4, 5e-4)
            ends.append(Spot("somewhere", Point(lon, lat)))
        ready = start + chance.randrange(14 * HOUR)
        drives = PEER if fresh else network.drives
        ask = draw_ask("bench:one", ends, ready, drives)
        if ask is not None:
            return ask


class _Straight:
    """Guesses drives, so that the places of a ride stay unknown to who is measured."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        table = [
            [60 + 11_000 * abs(complex(a.lon - b.lon, 1.5 * (a.lat - b.lat))) for b in destinations] for a in origins
        ]
        return np.array(table).astype(np.int32)


PEER = _Straight()


def _fill(network: Network, places: NDArray[np.float64], vehicles: int, stops: int) -> Fleet:
    """Give each vehicle its share of rides, each where it costs least on that vehicle."""
    chance = random.Random(SEED)
    runs: list[Run] = []
    shift = Shift((True,) * 7, 5 * HOUR, 23 * HOUR)
    while len(runs) < vehicles:
        lon, lat = places[chance.randrange(len(places))].tolist()
        vehicle = Vehicle(f"v{len(runs)}", "o", "a van", CAPACITY, Point(lon, lat), ("bench:one",), (shift,))
        (run,) = lay_runs([vehicle], {"o": Operator("o", "o", timezone=ZONE)}, DAY).runs.values()
        run = replace(run, id=len(runs) + 1)
        for _ in range(stops // vehicles):  # twice as many tries as it needs
            place = dispatch.find_place(Fleet([run]), _draw(network, places, chance), network.drives)
            if isinstance(place, dispatch.Placement) and len(run.events) < stops // vehicles:
                run = dispatch.place(run, place, f"{run.id}-{len(run.events)}")
        if len(run.events) == stops // vehicles:  # else no road leads from this depot
            runs.append(run)
    fleet = Fleet(runs)
    for _ in range(3):  # pack, and load what is compiled
        dispatch.find_place(fleet, _draw(network, places, chance), network.drives)
    return fleet


# ── a day replayed ────────────────────────────────────────────────────────────────────────────────────────────────────


def _replay(network: Network, places: NDArray[np.float64]) -> Iterator[Bar]:
    """A day of requests, runs rearranged each hour, and all of it checked by who knows only runs and promises."""
    one = draw_region(
        TOWN, _list_stops(network), places, day=DAY, timezone=ZONE, zones=3, vehicles=DAY_VEHICLES, seed=SEED
    )
    services = tuple(replace(service, operator="o0") for service in one.services)
    ids = tuple(service.id for service in services)
    vehicles = [replace(vehicle, operator="o0", services=ids) for vehicle in one.vehicles]
    catalogue = build_catalogue(services, "bench")
    fleet = lay_runs(vehicles, {"o0": replace(one.operators[0], id="o0")}, DAY)
    requests = draw_requests(catalogue, ids, DAY, REQUESTS, places=_within(places, TOWN), seed=SEED)
    days = {}
    for name, seconds in (("as booked", 0.0), ("rearranged each hour", IMPROVE_SECONDS)):
        started = time.perf_counter()
        with Solver() as solver:
            day = simulate(
                catalogue,
                fleet,
                network.drives,
                requests,
                solver=solver if seconds else None,
                seconds=seconds,
                seed=SEED,
            )
        took = time.perf_counter() - started
        promised = [
            Promised(one.request.id, as_ask(one.offer, catalogue.get(one.offer.service)))
            for one in day.outcomes
            if one.offer is not None
        ]
        wrong = check_day(day.runs, promised, lambda a, b: int(network.drives.seconds([a], [b])[0, 0]))
        for sentence in wrong[:5]:
            print(f"  {sentence}")
        figures = day.figures
        how = (
            f"{REQUESTS} requests, {DAY_VEHICLES} vehicles, {took:.0f} s: {figures.service_rate:.0%} served, wait "
            f"{figures.wait_mean / 60:.1f} min, detour {figures.detour_mean:.2f}, {figures.kilometres:.0f} km, "
            f"{figures.empty_share:.0%} empty, {figures.persons_per_vehicle_hour:.2f} persons per vehicle-hour"
        )
        yield Bar(f"day {name}: violations", len(wrong), "", 0, "lower", how)
        days[name] = day
    before, after = days.values()
    worst = max((one.after / one.before for one in after.rearranged), default=1.0)
    how = (
        f"largest of {len(after.rearranged)}, {IMPROVE_SECONDS:.0f} s each; {after.figures.saved:.1%} of the cost saved"
    )
    yield Bar("improvement: cost after / before", worst, "", 1.0, "lower", how)
    ratio = (after.figures.kilometres / after.figures.served) / (before.figures.kilometres / before.figures.served)
    yield Bar("improvement: km per ride, with / without", ratio, "", None, "lower", "the same requests")
    yield _rearrange(network, before, requests[0].asked)


def _rearrange(network: Network, day: Day, now: int) -> Bar:
    """Rearrange a whole day that was booked and not touched since."""
    services = {one.request.id: one.offer.service for one in day.outcomes if one.offer is not None}
    with Solver() as solver:
        found = improve(day.runs, network.drives, solver, now=now, seconds=20, services=services, seed=SEED)
    how = (
        f"a whole day as it was booked, 20 s: {found.tried} neighbourhoods, {len(found.moves)} rides to another vehicle"
    )
    return Bar("improvement: a whole day, after / before", found.after / found.before, "", 1.0, "lower", how)


# ── a region searched ─────────────────────────────────────────────────────────────────────────────────────────────────


def _search(one: Home, network: Network, region: Region, places: NDArray[np.float64]) -> Iterator[Bar]:
    """Ask for journeys with and without transport on demand, in turn, on a server with a day of commitments."""
    _write_region(one, network, region, places)
    questions = _draw_questions(region, places)
    with serve(one.environment()) as server:
        await_answer(server)
        asked: dict[str, list[float]] = {"off": [], "on": []}
        offered = 0
        for turn in range(TURNS + 1):
            for question in questions:
                for how in ("off", "on"):
                    started = time.perf_counter()
                    answer = server.ask(question, ondemand=how).raise_for_status()
                    took = 1e3 * (time.perf_counter() - started)
                    if turn:  # the first turn warms both
                        asked[how].append(took)
                        offered += how == "on" and "on_demand" in answer.text
    kind = (
        f"{QUESTIONS} questions over HTTP, {TURNS} times each, in turn with and without; each origin in 3 of {ZONES} "
        f"zones, {REGION_VEHICLES} vehicles with a day of rides"
    )
    without, with_ = (statistics.median(asked[how]) for how in ("off", "on"))
    yield Bar("search: without on demand, median", without, "ms", None, "lower", kind)
    yield Bar("search: with on demand, median", with_, "ms", None, "lower", kind)
    yield Bar("search: with / without, medians", with_ / without, "", SEARCH_LIMIT, "lower", kind)
    yield Bar("search: with / without, p95", _late(asked["on"]) / _late(asked["off"]), "", None, "lower", kind)
    share = 100 * offered / len(asked["on"])
    yield Bar("search: answers with a ride on demand", share, "%", None, "higher", kind)


def _write_region(one: Home, network: Network, region: Region, places: NDArray[np.float64]) -> None:
    done = commit_day(region, DAY, network.drives, places, rides=RIDES, seed=SEED)
    with psycopg.connect(libpq_conninfo(one.url)) as connection:
        put_operators(connection, region.operators)
        put_vehicles(connection, region.vehicles)
        for service in region.services:
            _write_service(connection, service)
        put_runs(connection, done.runs, dict(done.services))
    print(f"  {len(region.services)} services, {len(done.runs)} runs, {len(done.asks)} rides")


def _write_service(connection: psycopg.Connection[Any], service: Service) -> None:
    write(connection, service.id, store_whole(to_document(service)), by="bench", now=NOW)


def _draw_questions(region: Region, places: NDArray[np.float64]) -> list[Question]:
    """Draw questions whose origin lies in at least three zones."""
    chance = random.Random(SEED)
    questions: list[Question] = []
    while len(questions) < QUESTIONS:
        ends = [Point(*places[chance.randrange(len(places))].tolist()) for _ in range(2)]
        if sum(box.holds(ends[0]) for box in region.boxes.values()) < 3:  # noqa: PLR2004 - the bar's own figure
            continue
        at = NOW + timedelta(minutes=60 + chance.randrange(14 * 60))
        questions.append(Question((ends[0].lat, ends[0].lon), (ends[1].lat, ends[1].lon), at))
    return questions


# ── seats fought for ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Rush:
    """Many who ask at the same moment, each from a place of their own, and book what they were offered."""

    def __init__(self, server: Server, ends: Sequence[Point], at: datetime) -> None:
        self._url, self._ends, self._at = str(server.client.base_url), ends, at
        self._start = threading.Barrier(CLIENTS)
        self.answers: list[httpx.Response] = []
        self.times: list[float] = []

    def run(self) -> None:
        """Let all go at once, and wait for the last."""
        quote = self._quote()
        crowd = [threading.Thread(target=self._book, args=(quote, number)) for number in range(CLIENTS)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()

    def _quote(self) -> str:
        home_, station = self._ends
        body = {
            "from": {"lat": home_.lat, "lon": home_.lon, "name": "home"},
            "to": {"lat": station.lat, "lon": station.lon, "name": "station"},
            "at": self._at.isoformat(),
            "service_id": "bench:last",
        }
        with httpx.Client(base_url=self._url, timeout=60) as http:
            offers = http.post("/v1/ondemand/quotes", json=body).raise_for_status().json()["offers"]
        return str(offers[0]["quote"])

    def _book(self, quote: str, number: int) -> None:
        with httpx.Client(base_url=self._url, timeout=120) as http:
            contact = {"name": f"Client {number}", "phone": f"+336{number:08}"}
            self._start.wait()
            started = time.perf_counter()
            answer = http.post("/v1/ondemand/bookings", json={"quotes": [quote], "contact": contact})
            self.times.append(1e3 * (time.perf_counter() - started))
            self.answers.append(answer)


def _fight(one: Home) -> Iterator[Bar]:
    """Let 200 clients book the last eight seats of one vehicle at once."""
    box = TOWN.shifted(1, 1, 4, 0.5)
    station = Point((box.west + box.east) / 2, (box.south + box.north) / 2)
    region = draw_region(
        box, {"bench:station": ("Station", station)}, np.array([station]), day=DAY, timezone=ZONE, zones=3, vehicles=1
    )
    service = replace(region.services[0], id="bench:last", operator="last")
    capacity = replace(CAPACITY, room=(SEATS, 0, 0, 0, 0))
    vehicle = replace(region.vehicles[0], id="last", operator="last", services=("bench:last",), capacity=capacity)
    with psycopg.connect(libpq_conninfo(one.url)) as connection:
        put_operators(connection, [Operator("last", "Last", timezone=ZONE)])
        put_vehicles(connection, [vehicle])
        _write_service(connection, service)
    with serve(one.environment()) as server:
        await_answer(server)
        field = region.boxes[region.services[0].id]
        middle = Point((field.west + field.east) / 2, (field.south + field.north) / 2)
        rush = _Rush(server, (middle, Point(middle.lon + 0.005, middle.lat)), NOW + timedelta(hours=6))
        rush.run()
    booked = sum(answer.status_code == httpx.codes.CREATED for answer in rush.answers)
    refused = [answer.json() for answer in rush.answers if answer.status_code == httpx.codes.CONFLICT]
    how = f"{CLIENTS} clients with one quote for a vehicle of {SEATS} seats, all at the same moment over HTTP"
    yield Bar("last seats: booked beyond the seats", max(0, booked - SEATS), "", 0, "lower", f"{how}; {booked} booked")
    other = CLIENTS - booked - len(refused)
    yield Bar("last seats: neither 201 nor 409", other, "", 0, "lower", how)
    mute = sum("alternatives" not in answer for answer in refused)
    yield Bar("last seats: refused without alternatives", mute, "", 0, "lower", how)
    yield Bar("last seats: p95 of an answer", _late(rush.times), "ms", None, "lower", how)
