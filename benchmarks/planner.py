"""The planner at work, in full.

The kernel beside its peer, the API from door to door, sparse beside dense service, networks and live data swapped under
its feet, its start, its memory, and how its cost grows with the feed.

Ratios are taken within one run, cold and warm apart; nothing is kept between questions.
"""

from __future__ import annotations

import csv
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from benchmarks import kernel
from benchmarks.bar import Bar
from benchmarks.common_feed import MinutePeer, agree, write_common_feed
from benchmarks.plot import plot_growth
from benchmarks.sample import Question, draw, served_stops
from benchmarks.served import Home, Server, await_answer, home, serve, test_data
from mobigo.journeys import service
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.network import Networks
from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.model import DEFAULT_MAX_TRANSFERS
from mobigo.transit.timetable import build, day_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMITS: dict[str, float | None] = {"earliest": 0.25, "two hours": 1.0, "full day": 4.5}
NETWORKS = (
    kernel.Network("rhein-neckar", "pairs/rhein-neckar/rnv.gtfs.zip", date(2016, 11, 4), 1_000, LIMITS, 2.5),
    kernel.Network(
        "strasbourg",
        "fr/strasbourg-cts.gtfs.zip",
        date(2026, 2, 6),
        1_000,
        {"earliest": 0.10, "two hours": 0.67, "full day": 3.0},
        2.5,
    ),
    kernel.Network("ter", "fr/sncf-ter-2025.gtfs.zip", date(2025, 2, 21), 1_000, LIMITS, 2.5, kernel.Ends.STATIONS),
)
AGREED_PAIRS = 200
ASKED, SEED = 200, 3
SPARSE = 3.0
"""How many times the median of dense service sparse service may take."""
SWAPS = 20
SWAP_LIMIT = 1.25
LIVE_TRIPS = 5_000
IN_A_ROW = 2
"""Swaps of one command, between stretches without."""
CALM_SECONDS = 5.0
"""Of one such stretch."""
START_LIMIT, START_RUNS = 4.0, 5
PRIVATE_LIMIT = 50.0
MEGABYTE = 2**20
REPORT = Path("out/bench/planner-growth.svg")
"""In the checkout."""


def bars(peer: str | None = None) -> Iterator[Bar]:
    """Measure everything.

    Parameters
    ----------
    peer : str, optional
        Path of a program that answers ``PROGRAM FEED --queries Q.csv --out R.csv`` as ``mobigo route`` does; it is
        timed on the same questions.
    """
    folder = test_data()
    for network in NETWORKS:
        yield from kernel.compare(network, folder / network.file)
        yield _agreement(network, folder / network.file)
        if peer:
            yield from _program(network, folder / network.file, peer)
    yield from _serve(folder)
    grown = []
    for bar in kernel.grow(NETWORKS[0], folder / NETWORKS[0].file):
        grown.append(bar)
        yield bar
    plot_growth(grown, REPORT)


# ── beside others ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _agreement(network: kernel.Network, file: Path) -> Bar:
    """Ask both the same: on the feed brought to what both can say."""
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        common = Path(name, "common.zip")
        write_common_feed(file, common)
        timetable = build(read_feed_tables(common))
        views = DayViews(timetable, link_stops(timetable, link_metres=0, change_seconds=120))
        other = MinutePeer(common, network.day, timetable.stop_ids.all())
        questions = kernel.draw(views, day_number(network.day), AGREED_PAIRS)
        same = sum(agree(views, other, question) for question in questions)
    how = f"sets of (arrival, changes) equal to pynigiri's, {AGREED_PAIRS} pairs, feed in whole minutes without blocks"
    return Bar(f"kernel {network.name}: answers agree", 100 * same / len(questions), "%", 100, "higher", how)


def _program(network: kernel.Network, file: Path, program: str) -> Iterator[Bar]:
    """Time a program, and our own command, on one file of questions; both start from nothing."""
    timetable = build(read_feed_tables(file))
    views = DayViews(timetable, link_stops(timetable))
    questions = kernel.draw(views, day_number(network.day), network.pairs)
    zone = ZoneInfo("UTC")
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        folder = Path(name)
        with (folder / "queries.csv").open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["id", "from_stop", "to_stop", "time", "direction", "window_minutes", "max_transfers"])
            for number, one in enumerate(questions):
                ends = (timetable.stop_ids.at(stop) for stop in (one.from_stop, one.to_stop))
                at = datetime.fromtimestamp(one.at, zone).isoformat()
                rows.writerow([number, *ends, at, "depart", "", DEFAULT_MAX_TRANSFERS])
        ours = _run([sys.executable, "-m", "mobigo", "route"], file, folder / "queries.csv", folder / "ours.csv")
        theirs = _run([program], file, folder / "queries.csv", folder / "theirs.csv")
        same = _answers(folder / "ours.csv") == _answers(folder / "theirs.csv")
    how = f"whole run of {program} and of mobigo route, {len(questions)} questions, loading included"
    yield Bar(f"program {network.name}: ours / theirs", ours / theirs, "", None, "lower", how)
    yield Bar(f"program {network.name}: answers equal", float(same), "", None, "higher", "as sets of journeys")


def _run(command: list[str], file: Path, queries: Path, out: Path) -> float:
    started = time.perf_counter()
    subprocess.run([*command, str(file), "--queries", str(queries), "--out", str(out)], check=True)
    return time.perf_counter() - started


def _answers(file: Path) -> set[tuple[str, str, str, str]]:
    with file.open(newline="") as rows:
        return {(row["id"], row["departure"], row["arrival"], row["transfers"]) for row in csv.DictReader(rows)}


# ── through the API ───────────────────────────────────────────────────────────────────────────────────────────────────


class Asked(NamedTuple):
    """What it took to answer."""

    milliseconds: list[float]
    by_vehicle: int


def _serve(folder: Path) -> Iterator[Bar]:
    pair = folder / "pairs/rhein-neckar"
    now = datetime(2016, 11, 4, 4, tzinfo=UTC)
    with home(pair / "rnv.gtfs.zip", pair / "rnv.osm.pbf", now) as dense:
        questions = draw(pair / "rnv.gtfs.zip", date(2016, 11, 4), "Europe/Berlin", ASKED, seed=SEED)
        yield from _start(dense, questions[0])
        with serve(dense.environment()) as server:
            await_answer(server)
            usual = yield from _doors(dense, server, questions)
            yield from _swap(dense, server, questions)
        yield from _memory(dense, questions)
    yield from _sparse(folder, usual)


def _doors(dense: Home, server: Server, questions: list[Question]) -> Iterator[Bar]:
    """From door to door over HTTP, and the kernel's share of it in this process."""
    asked = {name: _ask(server, questions, **more) for name, more in (("next", {"window_minutes": 0}), ("usual", {}))}
    network = Networks(dense.folder).current()
    for name, window in (("next", 0), ("usual", None)):
        kernels = [_kernel_share(network, question, window) for question in questions]
        kernels = [_kernel_share(network, question, window) for question in questions]  # warm, as the server is
        how = f"{len(questions)} seeded questions over HTTP, one client, streets, legs and JSON included, no cache"
        times = asked[name].milliseconds
        above = median([whole - part for whole, part in zip(times, kernels, strict=True)])
        label = {"next": "next journeys", "usual": "usual question (two hours)"}[name]
        yield Bar(f"doors: {label}, median", median(times), "ms", 30, "lower", how)
        yield Bar(f"doors: {label}, p95", quantiles(times, n=20)[18], "ms", 120, "lower", how)
        yield Bar(f"doors: {label}, above the kernel", above, "ms", 20, "lower", "median of differences, same question")
        share = 100 * asked[name].by_vehicle / len(questions)
        yield Bar(f"doors: {label}, answered by vehicle", share, "%", 95, "higher", how)
    return median(asked["next"].milliseconds)


def _ask(server: Server, questions: list[Question], **parameters: object) -> Asked:
    server.ask(questions[0], **parameters)
    times, by_vehicle = [], 0
    for question in questions:
        started = time.perf_counter()
        answer = server.ask(question, **parameters)
        times.append(1e3 * (time.perf_counter() - started))
        journeys = answer.raise_for_status().json()["journeys"]
        by_vehicle += any(leg["trip_id"] for journey in journeys for leg in journey["legs"])
    return Asked(times, by_vehicle)


def _kernel_share(network: object, question: Question, window: int | None) -> float:
    """Milliseconds that a plan spends searching the timetable."""
    spent = 0.0
    answer = routing.answer

    def timed(*args: object, **more: object) -> object:
        nonlocal spent
        started = time.perf_counter()
        found = answer(*args, **more)
        spent += time.perf_counter() - started
        return found

    routing.answer = timed
    try:
        origin, destination = (f"{lat:.6f},{lon:.6f}" for lat, lon in (question.origin, question.destination))
        service.plan(network, JourneyRequest(origin, destination, question.at, window=window))
    finally:
        routing.answer = answer
    return 1e3 * spent


def _sparse(folder: Path, dense: float) -> Iterator[Bar]:
    """Rural service, and trains at night, beside the median of dense service."""
    rural = folder / "pairs/addison-vt"
    feed, extract = rural / "addisoncounty-vt-us.gtfs.zip", next(iter(rural.glob("*.osm*")))
    day = date(2016, 11, 4)
    with home(feed, extract, datetime(2016, 11, 4, 8, tzinfo=UTC)) as sparse, serve(sparse.environment()) as server:
        await_answer(server)
        questions = draw(feed, day, "America/New_York", ASKED, seed=SEED, metres=3_000)
        times = _ask(server, questions, window_minutes=0).milliseconds
    how = f"median over the dense median, {ASKED} seeded questions over HTTP, ends within 3 km of a served stop"
    yield Bar("sparse: addison-vt / rhein-neckar", median(times) / dense, "", SPARSE, "lower", how)
    trains, night = folder / "fr/sncf-ter-2025.gtfs.zip", date(2025, 2, 21)
    chance = random.Random(SEED)
    stops = served_stops(trains, night)
    start = datetime.combine(night, datetime.min.time(), ZoneInfo("Europe/Paris")) + timedelta(hours=22)
    questions = [
        Question(chance.choice(stops), chance.choice(stops), start + timedelta(minutes=chance.randrange(420)))
        for _ in range(ASKED)
    ]
    with home(trains, None, datetime(2025, 2, 21, tzinfo=UTC)) as national, serve(national.environment()) as server:
        await_answer(server)
        times = _ask(server, questions, window_minutes=0).milliseconds
    how = f"likewise, {ASKED} pairs of places with a station, leaving 22:00 to 05:00"
    yield Bar("sparse: national trains at night / rhein-neckar", median(times) / dense, "", SPARSE, "lower", how)


# ── swapped, started, multiplied ──────────────────────────────────────────────────────────────────────────────────────

NETWORK_BUILDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mobigo.journeys.snapshot import build_network
from mobigo.cli.context import give_way
from mobigo.transit.load import load_gtfs
give_way()
home, url, *feeds = sys.argv[1:]
now = datetime(2016, 11, 4, 4, tzinfo=UTC)
for feed in feeds:
    load_gtfs(Path(feed), "small", url, now=now)
    build_network(url, Path(home), now)
"""
"""Loads small feeds beside the large one, one after another, and builds the network of both each
time, as politely as the loading commands do."""

LIVE_BUILDER = """
import random, sys, time
from datetime import UTC, datetime
from pathlib import Path
from google.transit import gtfs_realtime_pb2 as gtfs
from mobigo.journeys.live import lay_live, write_live
from mobigo.journeys.network import Networks
from mobigo.transit.overlay import lay_over
from mobigo.transit.realtime import read
from mobigo.cli.context import give_way
from mobigo.transit.timetable import day_number, list_running
give_way()
home, out, swaps, trips = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
now = datetime(2016, 11, 4, 4, tzinfo=UTC)
network = Networks(home).current()
timetable = network.timetable
running = timetable.run_trip[list_running(timetable, day_number(now.date()))].tolist()
chance = random.Random(int(sys.argv[5]))
took = []
for _ in range(swaps):
    message = gtfs.FeedMessage()
    message.header.gtfs_realtime_version = "2.0"
    message.header.timestamp = int(now.timestamp())
    for trip in chance.sample(running, min(trips, len(running))):
        update = message.entity.add(id=str(trip)).trip_update
        update.trip.trip_id = timetable.trip_ids.at(trip).partition(":")[2]
        update.trip.start_date = "20161104"
        delay = chance.randrange(-60, 900)
        first, end = timetable.call_first[trip:trip + 2].tolist()
        for sequence in timetable.call_sequence[first:end].tolist():
            call = update.stop_time_update.add(stop_sequence=sequence)
            call.arrival.delay = call.departure.delay = delay
    content = message.SerializeToString()
    started = time.perf_counter()
    feed = read(content, "bench")
    overlay, reports = lay_over(timetable, [feed], [], now=int(now.timestamp()), stale_after=300)
    write_live(network.folder, overlay, [], [], reports, now=now)
    took.append(time.perf_counter() - started)
    lay_live(network.folder, now)
    assert reports[0].rate > 0.99, reports
with out.open("a") as file:
    file.writelines(f"{one}\\n" for one in took)
"""
"""Delays thousands of trips anew, many times: from the bytes of a feed to what every process plans on; as politely
as the worker does."""


def _swap(dense: Home, server: Server, questions: list[Question]) -> Iterator[Bar]:
    """Ask without pause while networks, then live data, are built in another process and swapped in."""
    _ask_while(server, questions, _until(CALM_SECONDS))
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as name:
        feeds = [str(_write_small_feed(Path(name, f"{number}.zip"), number)) for number in range(SWAPS)]
        networks = [
            [sys.executable, "-c", NETWORK_BUILDER, str(dense.folder), dense.url, *some]
            for some in zip(*[iter(feeds)] * IN_A_ROW, strict=True)
        ]
        yield from _swap_in_turn(dense, server, questions, ("networks", networks))
        landed = Path(name, "landed")
        told = [str(dense.folder), str(landed), str(IN_A_ROW), str(LIVE_TRIPS)]
        live = [[sys.executable, "-c", LIVE_BUILDER, *told, str(seed)] for seed in range(SWAPS // IN_A_ROW)]
        yield from _swap_in_turn(dense, server, questions, ("live data", live))
        seconds = median([float(line) for line in landed.read_text().split()])
    how = f"median of {SWAPS}, {LIVE_TRIPS} trip updates from bytes to the snapshot that serves, while questions run"
    yield Bar("live: trips landed", seconds, "s", 1.0, "lower", how)


def _swap_in_turn(
    dense: Home, server: Server, questions: list[Question], swapping: tuple[str, list[list[str]]]
) -> Iterator[Bar]:
    """Ask without pause, in turn with and without a command that builds and swaps: both meet the same machine."""
    kind, commands = swapping
    calm: list[float] = []
    late: list[float] = []
    busy: list[float] = []
    started = time.perf_counter()
    for command in commands:
        times = _ask_while(server, questions, _until(CALM_SECONDS))
        calm += times
        late.append(_late(times))
        building = subprocess.Popen(command, env=dense.environment())
        busy += _ask_while(server, questions, lambda building=building: building.poll() is None)
        assert building.returncode == 0, f"the builder of {kind} ended with {building.returncode}"
    each = (time.perf_counter() - started - len(commands) * CALM_SECONDS) / SWAPS
    spread = max(late) / median(late)
    how = f"largest p95 of {len(late)} calm stretches over their median; p95 of all {_late(calm):.1f} ms"
    yield Bar(f"swaps: {kind}, spread of p95 when calm", spread, "", None, "lower", how)
    how = f"p95 of {len(busy)} questions during {SWAPS} swaps built elsewhere ({each:.1f} s each), over that of"
    how += f" {len(calm)} in calm stretches between"
    limit = max(SWAP_LIMIT, spread)
    yield Bar(f"swaps: {kind}, p95 / calm p95", _late(busy) / _late(calm), "", limit, "lower", how)


def _late(times: list[float]) -> float:
    return quantiles(times, n=20)[18]


def _until(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end


def _ask_while(server: Server, questions: list[Question], going_on: Callable[[], bool]) -> list[float]:
    times: list[float] = []
    while going_on():
        question = questions[len(times) % len(questions)]
        started = time.perf_counter()
        server.ask(question, window_minutes=0).raise_for_status()
        times.append(1e3 * (time.perf_counter() - started))
    return times


def _write_small_feed(file: Path, number: int) -> Path:
    """Write a shuttle between two places of the region, at another time each time."""
    with zipfile.ZipFile(file, "w") as feed:
        feed.writestr(
            "agency.txt",
            "agency_id,agency_name,agency_url,agency_timezone\na,Shuttle,https://example.org,Europe/Berlin\n",
        )
        feed.writestr("stops.txt", "stop_id,stop_name,stop_lat,stop_lon\na,A,49.41,8.69\nb,B,49.45,8.68\n")
        feed.writestr("routes.txt", "route_id,agency_id,route_short_name,route_type\nr,a,S,3\n")
        feed.writestr(
            "calendar.txt",
            "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
            "s,1,1,1,1,1,1,1,20161022,20161210\n",
        )
        feed.writestr("trips.txt", "route_id,service_id,trip_id\nr,s,t\n")
        feed.writestr(
            "stop_times.txt",
            "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
            f"t,12:{number:02}:00,12:{number:02}:00,a,1\nt,13:00:00,13:00:00,b,2\n",
        )
    return file


def _start(dense: Home, question: Question) -> Iterator[Bar]:
    """From starting the process to its first journey, on a network that is built and kernels that are compiled."""
    times = []
    for _ in range(START_RUNS):
        started = time.perf_counter()
        with serve(dense.environment()) as server:
            await_answer(server)
            server.ask(question).raise_for_status()
            times.append(time.perf_counter() - started)
    how = f"median of {START_RUNS} starts of mobigo serve, rhein-neckar, from exec to the first journeys"
    yield Bar("start: first answer", median(times[1:]), "s", START_LIMIT, "lower", how)
    times = []
    for _ in range(START_RUNS):
        started = time.perf_counter()
        Networks(dense.folder).current()
        times.append(time.perf_counter() - started)
    yield Bar("start: mapping the network", median(times), "s", 0.2, "lower", f"median of {START_RUNS}")


def _memory(dense: Home, questions: list[Question]) -> Iterator[Bar]:
    """What a worker more costs: its own memory after questions, less that of one without a network.

    Beside another worker, for pages of files that only one process maps count as its own.
    """
    private = []
    with tempfile.TemporaryDirectory(prefix="mobigo-bench-") as empty:
        for environment in (dense.environment(), {**dense.environment(), "MOBIGO_HOME": empty}):
            with serve(environment) as first, serve(environment) as further:
                for server in (first, further):
                    await_answer(server)
                    for question in questions:
                        server.ask(question)
                private.append(further.private_bytes() / MEGABYTE)
    how = f"{private[0]:.0f} MB private after {len(questions)} questions, {private[1]:.0f} MB without a network"
    yield Bar("memory: network per further worker", private[0] - private[1], "MB", PRIVATE_LIMIT, "lower", how)
