"""Real time as open data: how soon new live data are told, how quickly, and to how many from one core's memory.

The recorded day of Dijon, at half past five in the evening, is served by a process on one core; new snapshots are
switched in while a client asks from the other.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from datetime import datetime, timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg
from google.transit import gtfs_realtime_pb2 as gtfs

from benchmarks.bar import Bar
from benchmarks.served import await_answer, home, serve, test_data
from mobigo.db.engine import libpq_conninfo
from mobigo.journeys.live_watch import LiveWatch
from mobigo.kit.clock import Clock
from mobigo.transit.live_service import add_source
from mobigo.transit.live_store import LiveSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.served import Server

NOW = datetime(2023, 10, 31, 17, 30, tzinfo=ZoneInfo("Europe/Paris"))
TRIPS = "/opendata/realtime/trip-updates.pb"
JOURNEYS = "/opendata/siri-lite/estimated-timetable.xml"
STOP = "/opendata/siri-lite/stop-monitoring.json?MonitoringRef="
SNAPSHOTS, STEP = 4, 30
"""New live data while a client asks, and the seconds between them."""
FRESH_LIMIT, HEAD_LIMIT, RATE_LIMIT = 30.0, 100.0, 200.0
"""Seconds; milliseconds; requests a second."""
LASTS = 4.0
"""Seconds for which requests are counted."""
CLIENTS = 4


def bars() -> Iterator[Bar]:
    """Measure on an instance of its own."""
    data = test_data()
    with home(data / "bfc/fr-bfc-divia-20231031.gtfs.zip", None, NOW) as kept:
        with psycopg.connect(libpq_conninfo(kept.url)) as connection:
            recording = str(data / "gtfs-rt/divia-20231031-trip-updates.csv.gz")
            source = LiveSource("recorded", "bench", "replay", recording, {}, 5, 300, None, NOW)
            add_source(connection, kept.folder, source)
        watch = LiveWatch(kept.url, kept.folder)
        watch.run(NOW)
        with serve(kept.environment()) as server:
            await_answer(server)
            os.sched_setaffinity(server.process.pid, {0})
            yield from _follow(server, watch, Clock(kept.folder / "clock.json"))
            with psycopg.connect(libpq_conninfo(kept.url)) as connection:
                (stop,) = connection.execute("SELECT min(stop_id) FROM stop_times").fetchone() or ("",)
            for name, path in (("trip updates", TRIPS), ("SIRI ET", JOURNEYS), ("SIRI SM", f"{STOP}bench:{stop}")):
                rate, size = _count(server, path)
                how = f"GET, {size / 1000:.0f} kB packed, {CLIENTS} clients, server on one core, {LASTS:.0f} s"
                yield Bar(f"{name}: requests a second", rate, "1/s", RATE_LIMIT, "higher", how)


def _follow(server: Server, watch: LiveWatch, clock: Clock) -> Iterator[Bar]:
    """Switch new live data in and see when they are told; HEAD is asked all the while."""
    for path in (TRIPS, JOURNEYS):
        server.client.get(path)
    taken: list[float] = []
    done = threading.Event()
    asking = threading.Thread(target=_ask_heads, args=(server, taken, done))
    asking.start()
    late: dict[str, list[float]] = {TRIPS: [], JOURNEYS: []}
    try:
        for number in range(1, SNAPSHOTS + 1):
            now = NOW + timedelta(seconds=STEP * number)
            clock.move(now, 0)
            begin = time.perf_counter()
            watch.run(now)
            for path, found in late.items():
                while not _tells(server, path, now):
                    time.sleep(0.02)
                found.append(time.perf_counter() - begin)
    finally:
        done.set()
        asking.join()
    how = f"from the asking of the source, {SNAPSHOTS} snapshots, slowest; Dijon at 17:30"
    yield Bar("new live data in trip updates", max(late[TRIPS]), "s", FRESH_LIMIT, "lower", how)
    yield Bar("new live data in SIRI ET", max(late[JOURNEYS]), "s", FRESH_LIMIT, "lower", how)
    how = (
        f"{len(taken)} requests while new data are switched in, of both messages; median {statistics.median(taken):.1f}"
    )
    yield Bar("HEAD, 95th percentile", statistics.quantiles(taken, n=20)[-1], "ms", HEAD_LIMIT, "lower", how)


def _tells(server: Server, path: str, now: datetime) -> bool:
    content = server.client.get(path).content
    if path == JOURNEYS:
        return f"<ResponseTimestamp>{now.astimezone(ZoneInfo('UTC')):%Y-%m-%dT%H:%M:%SZ}".encode() in content
    message = gtfs.FeedMessage()
    message.ParseFromString(content)
    return bool(message.header.timestamp == int(now.timestamp()))


def _connect(server: Server) -> HTTPConnection:
    return HTTPConnection(server.client.base_url.host, server.client.base_url.port or 80, timeout=30)


def _ask_heads(server: Server, taken: list[float], done: threading.Event) -> None:
    connection = _connect(server)
    while not done.wait(0.02):
        for path in (TRIPS, JOURNEYS):
            begin = time.perf_counter()
            connection.request("HEAD", path)
            connection.getresponse().read()
            taken.append(1000 * (time.perf_counter() - begin))


def _count(server: Server, path: str) -> tuple[float, int]:
    """Count the answers a second; also the bytes of one."""
    answered: list[int] = []
    until = time.perf_counter() + LASTS

    def ask() -> None:
        connection = _connect(server)
        while time.perf_counter() < until:
            connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answered.append(len(answer.read()))
            assert answer.status == 200, answer.status  # noqa: PLR2004

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(answered) / LASTS, answered[0]
