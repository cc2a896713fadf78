"""Live sources over real HTTP: what they say is kept until they say something better, however they misbehave."""

from __future__ import annotations

import gzip
import os
import threading
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.conftest import new_database
from tests.downloads.server import ok, raw, serving, status
from tests.feed_text import files, pack
from tests.live_provider import drip, message

from mobigo.db.engine import libpq_conninfo
from mobigo.downloads import Patience
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.transit import live_store
from mobigo.transit.live_listen import Listener
from mobigo.transit.live_service import add_source, remove_source, save_secret, show_address
from mobigo.transit.live_store import LiveSource
from mobigo.transit.load import load_gtfs

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.downloads.server import Request, Server

    from mobigo.transit.live_listen import Heard

NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
AT = int(NOW.timestamp())
CALM = Patience(connect=60, read=60, window=60, window_bytes=10, total=60, attempts=1)
"""With which nothing that answers is too slow, however busy the machine is."""
HASTE = CALM._replace(read=2, total=1)


@dataclass
class Post:
    """A database where the feed ``bus`` is known, and a home."""

    connection: psycopg.Connection
    home: Path
    listener: Listener

    def add(self, address: str, name: str = "bus-live", **more: object) -> None:
        blank = LiveSource(name, "bus", "auto", address, {}, 30, 300, None, NOW)
        add_source(self.connection, self.home, replace(blank, **more))

    def open(self, server: Server, **more: object) -> None:
        self.listener = Listener(self.home, [server.pair], patience=CALM)
        self.add(server.url("/trips.pb"), **more)

    def poll(self, seconds: int = 0) -> LiveSource:
        """Ask whatever is due so many seconds after the beginning; the source afterwards."""
        self.listener.poll(self.connection, NOW + timedelta(seconds=seconds), wait=60)
        return live_store.get_source(self.connection, "bus-live")

    def hear(self, seconds: int = 0) -> list[Heard]:
        return self.listener.hear(self.connection, NOW + timedelta(seconds=seconds), ZoneInfo("Europe/Paris"))

    def delays(self) -> dict[str | None, int | None]:
        return {trip.trip_id: trip.calls[0].departure_delay for one in self.hear() for trip in one.feed.trips}


@pytest.fixture(scope="module")
def database(test_cluster: str) -> Iterator[str]:
    with new_database(test_cluster) as url:
        with psycopg.connect(libpq_conninfo(url)) as connection:
            connection.execute("INSERT INTO feed VALUES ('bus', NULL)")
        yield url


@pytest.fixture
def post(database: str, tmp_path: Path) -> Iterator[Post]:
    with psycopg.connect(libpq_conninfo(database), autocommit=True) as connection:
        connection.execute("TRUNCATE live_source, live_rate, vehicle_position")
        yield Post(connection, tmp_path, Listener(tmp_path, patience=CALM))


def test_a_source_is_asked_when_it_is_due_and_what_it_says_is_kept(post: Post) -> None:
    with serving(ok(message(AT, early=60)), ok(message(AT + 30, early=90, late=0))) as server:
        post.open(server)
        source = post.poll()
        assert (source.problem, source.failures, source.made_at, source.fetched_at) == (None, 0, NOW, NOW)
        assert post.delays() == {"early": 60}
        post.poll(29)
        assert len(server.requests) == 1  # not due
        post.poll(30)
        assert post.delays() == {"early": 90, "late": 0}


SLOW = {
    drip(message(AT + 30, early=90) * 40, 0.05): "within 1 s",
    lambda _request, connection: connection.recv(1): "",  # it says nothing at all
}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(500), "500"),
        (status(404), "404"),
        (status(429), "429"),
        (ok(b"<html><body>Maintenance</body></html>"), ""),
        (ok(b"{}"), ""),
        (ok(b""), ""),
        (ok(b"\x00" * 1000), ""),
        (ok(message(AT + 30, early=90)[:-3]), ""),  # torn, but said to be whole
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + message(AT + 30, early=90)), "expected 5000"),
        (ok(gzip.compress(message(AT + 30, early=90))[:-10]), "gzip"),
        (raw(b""), ""),
        (raw(b"garbage\r\n\r\n"), ""),
        *((answer, said) for answer, said in SLOW.items()),
    ],
)
def test_a_source_that_misbehaves_changes_nothing_but_its_state(post: Post, answer: object, said: str) -> None:
    with serving(ok(message(AT, early=60)), answer, ok(message(AT + 60, early=120))) as server:  # type: ignore[arg-type]
        post.open(server)
        post.poll()
        post.listener._patience = HASTE if answer in SLOW else CALM
        source = post.poll(30)
        post.listener._patience = CALM
        assert (source.failures, source.fetched_at, source.tried_at) == (1, NOW, NOW + timedelta(seconds=30))
        assert source.problem
        assert said in source.problem
        assert post.delays() == {"early": 60}
        source = post.poll(60)
        assert (source.failures, source.problem) == (0, None)
        assert post.delays() == {"early": 120}


def test_a_source_that_fails_is_left_alone_longer_and_longer(post: Post) -> None:
    with serving(status(503)) as server:
        post.open(server)
        asked = [
            second for second in range(0, 4000, 10) if post.poll(second).tried_at == NOW + timedelta(seconds=second)
        ]
    assert asked[:6] == [0, 30, 90, 210, 450, 930]
    assert asked[6:] == [1830, 2730, 3630]  # never more than a quarter of an hour


def test_nothing_new_is_an_answer_too(post: Post) -> None:
    body = message(AT, early=60)
    with serving(ok(body, ETag='"1"', Last_Modified="Mon, 23 Nov 2026 07:00:00 GMT"), status(304)) as server:
        post.open(server)
        post.poll()
        source = post.poll(30)
        assert server.requests[1].headers["if-none-match"] == '"1"'
        assert server.requests[1].headers["if-modified-since"] == "Mon, 23 Nov 2026 07:00:00 GMT"
        assert (source.failures, source.made_at, source.fetched_at) == (0, NOW, NOW + timedelta(seconds=30))
        assert post.delays() == {"early": 60}


def test_what_a_source_says_grows_old(post: Post) -> None:
    with serving(ok(message(AT, early=60))) as server:
        post.open(server, stale_after=120)
        post.poll()
        (heard,) = post.hear()
    assert [heard.is_stale(AT + seconds) for seconds in (-121, -120, 0, 120, 121)] == [True, False, False, False, True]


def test_a_mirror_that_lags_behind_does_not_put_the_clock_back(post: Post) -> None:
    with serving(ok(message(AT, early=60)), ok(message(AT - 20, early=0)), ok(message(AT - 19, early=1))) as server:
        post.open(server)
        post.poll()
        source = post.poll(30)
        assert (source.failures, source.made_at) == (0, NOW)
        assert post.delays() == {"early": 60}
        post.poll(400)  # by now what it said is too old; anything is better
        assert post.delays() == {"early": 1}


def test_a_message_without_a_time_is_of_the_moment_it_came(post: Post) -> None:
    with serving(ok(message(0, early=60)), ok(message(0, early=60))) as server:
        post.open(server)
        post.poll()
        assert post.poll(200).made_at == NOW  # the same message, not a newer one
    (heard,) = post.hear()
    assert heard.feed.at == AT


def test_another_process_hears_the_same(post: Post) -> None:
    with serving(ok(gzip.compress(message(AT, early=60)))) as server:
        post.open(server)
        post.poll()
    post.listener = Listener(post.home)
    assert post.delays() == {"early": 60}


def test_a_crash_between_two_files_is_survived(post: Post) -> None:
    with serving(ok(message(AT, early=60)), ok(message(AT + 30, early=90))) as server:
        post.open(server)
        post.poll()
        (post.home / "live/bus-live/good").write_bytes(b"half")
        post.listener = Listener(post.home, [server.pair], patience=CALM)
        assert post.hear() == []
        post.poll(30)
        assert post.delays() == {"early": 90}


def test_a_private_address_is_not_asked(post: Post) -> None:
    with serving(ok(message(AT))) as server:
        post.add(server.url())
        source = post.poll()
        assert server.requests == []
    assert source.problem
    assert "MOBIGO_ALLOW_HOSTS" in source.problem


def test_a_file_is_a_source_and_may_be_missing_for_a_while(post: Post) -> None:
    file = post.home / "trips.pb"
    post.add(str(file))
    assert post.poll().failures == 1
    file.write_bytes(message(AT, early=60))
    assert post.poll(30).failures == 0
    assert post.delays() == {"early": 60}
    file.unlink()
    assert post.poll(60).failures == 1
    assert post.delays() == {"early": 60}


def test_a_folder_and_a_pipe_are_no_source(post: Post) -> None:
    os.mkfifo(post.home / "pipe")
    post.add(str(post.home / "pipe"))
    assert "no file" in (post.poll().problem or "")


def test_a_slow_source_does_not_hold_up_the_others_and_is_noted_when_it_is_done(post: Post) -> None:
    done = threading.Event()

    def hesitate(_request: Request, connection: socket.socket) -> None:
        done.wait(60)
        connection.sendall(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    with serving(hesitate) as slow, serving(ok(message(AT, early=60))) as quick:
        post.listener = Listener(post.home, [slow.pair, quick.pair], patience=CALM)
        post.add(slow.url(), name="aaa")
        post.add(quick.url())
        outcomes = post.listener.poll(post.connection, NOW, wait=3)
        assert [one.source.name for one in outcomes] == ["bus-live"]
        assert post.delays() == {"early": 60}
        assert live_store.get_source(post.connection, "aaa").tried_at is None
        done.set()
        post.listener.poll(post.connection, NOW + timedelta(seconds=1), wait=60)
        source = live_store.get_source(post.connection, "aaa")
        assert (source.failures, source.tried_at) == (1, NOW)
        assert len(slow.requests) == 1  # not asked again while it was still being asked


SIRI_LITE = b"""{"Siri": {"ServiceDelivery": {"ResponseTimestamp": "2026-11-23T08:00:00+01:00",
    "EstimatedTimetableDelivery": [{"EstimatedJourneyVersionFrame": [{"EstimatedVehicleJourney": [{
        "LineRef": {"value": "L"}, "DatedVehicleJourneyRef": {"value": "early"},
        "EstimatedCalls": {"EstimatedCall": [{"StopPointRef": {"value": "amont"}, "Order": 1,
            "AimedDepartureTime": "2026-11-23T08:00:00+01:00", "ExpectedDepartureTime": "2026-11-23T08:03:00+01:00"
        }]}}]}]}]}}}"""

SIRI = b"""<?xml version="1.0" encoding="utf-8"?>
<Siri xmlns="http://www.siri.org.uk/siri" version="2.0"><ServiceDelivery>
<ResponseTimestamp>2026-11-23T08:00:00+01:00</ResponseTimestamp>
<EstimatedTimetableDelivery version="2.0"><EstimatedJourneyVersionFrame><EstimatedVehicleJourney>
<LineRef>L</LineRef><DatedVehicleJourneyRef>early</DatedVehicleJourneyRef><EstimatedCalls><EstimatedCall>
<StopPointRef>amont</StopPointRef><Order>1</Order><AimedDepartureTime>2026-11-23T08:00:00+01:00</AimedDepartureTime>
<ExpectedDepartureTime>2026-11-23T08:03:00+01:00</ExpectedDepartureTime></EstimatedCall></EstimatedCalls>
</EstimatedVehicleJourney></EstimatedJourneyVersionFrame></EstimatedTimetableDelivery></ServiceDelivery></Siri>"""


@pytest.mark.parametrize("body", [SIRI_LITE, SIRI, b"\xef\xbb\xbf" + SIRI, gzip.compress(SIRI)])
def test_what_a_source_speaks_is_told_from_its_content(post: Post, body: bytes) -> None:
    with serving(ok(body)) as server:
        post.open(server)
        assert post.poll().problem is None
    (heard,) = post.hear()
    (trip,) = heard.feed.trips
    assert (trip.trip_id, trip.calls[0].departure, heard.feed.at) == ("early", AT + 180, AT)


def test_a_recorded_day_is_one_of_its_feed_s_own_zone_whatever_zone_the_network_has(
    post: Post, database: str, tmp_path: Path
) -> None:
    agency = b"agency_id,agency_name,agency_url,agency_timezone\nA,Line,https://a.example,America/New_York\n"
    assert load_gtfs(pack(tmp_path / "york.zip", {**files(), "agency.txt": agency}), "york", database, now=NOW).version
    evening = AT - 4 * 3600  # 22:00 there, four in the morning in Paris
    recording = tmp_path / "evening.csv"
    recording.write_text(
        "trip_id,stop_id,arrival_time,arrival_delay,departure_time,departure_delay\n"
        f"early,amont,{evening},60,{evening},60\n"
    )
    post.add(str(recording), feed="york", kind="replay")
    assert post.poll().problem is None
    ((trip,),) = [one.feed.trips for one in post.hear()]
    assert (trip.trip_id, trip.start_date) == ("early", date(2026, 11, 22))


def test_a_clock_that_was_put_back_does_not_silence_a_source(post: Post) -> None:
    with serving(ok(message(AT, early=60)), ok(message(AT - 86400, early=90))) as server:
        post.open(server)
        post.poll()
        assert post.poll(-86400).tried_at == NOW - timedelta(days=1)
        assert post.delays() == {"early": 90}


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_sent_to_its_host_and_told_to_nobody(post: Post) -> None:
    save_secret(post.home, "prim", "s3cr3t key")
    with serving(ok(message(AT, early=60)), status(500)) as server:
        post.listener = Listener(post.home, [server.pair], patience=CALM)
        post.add(server.url("/trips.pb?key={secret:prim}&v=2"), headers={"X-Api-Key": "{secret:prim}"})
        post.poll()
        assert server.requests[0].path == "/trips.pb?key=s3cr3t%20key&v=2"
        assert server.requests[0].headers["x-api-key"] == "s3cr3t key"
        source, pair = post.poll(30), server.pair
    assert source.problem
    assert "s3cr3t" not in source.problem
    assert "{secret:prim}" in source.problem
    assert show_address(source.address) == f"http://{pair}/trips.pb"
    assert (post.home / "secrets/prim").stat().st_mode & 0o777 == 0o600


def test_a_key_does_not_follow_a_redirect_to_another_host(post: Post) -> None:
    save_secret(post.home, "prim", "s3cr3t")
    with serving(ok(message(AT, early=60))) as other, serving(status(302, Location=other.url("/x"))) as server:
        post.listener = Listener(post.home, [server.pair, other.pair], patience=CALM)
        post.add(server.url(), headers={"X-Api-Key": "{secret:prim}"})
        post.poll()
        assert server.requests[0].headers["x-api-key"] == "s3cr3t"
        assert "x-api-key" not in other.requests[0].headers
    assert post.delays() == {"early": 60}


# ── adding ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        ({"name": "../up"}, InvalidInput, "no name"),
        ({"name": "Bus"}, InvalidInput, "no name"),
        ({"kind": "morse"}, InvalidInput, "no kind"),
        ({"every": 1}, InvalidInput, "between 5"),
        ({"stale_after": 0}, InvalidInput, "between 10"),
        ({"feed": "tram"}, NotFound, "no feed 'tram'"),
        ({"headers": {"X": "{secret:none}"}}, NotFound, "mobigo live secret none"),
        ({"headers": {"X": "a\r\nHost: b"}}, InvalidInput, "cannot be sent"),
        ({"headers": {"Host": "b"}}, InvalidInput, "by mobigo itself"),
        ({"address": "https://user:pass@example.org/x"}, Refused, "password"),
        ({"address": "https://"}, InvalidInput, "no host"),
        ({"day": NOW.date()}, InvalidInput, "recording"),
    ],
)
def test_a_source_is_checked_before_it_is_added(
    post: Post, wrong: dict[str, object], error: type[Exception], said: str
) -> None:
    good = LiveSource("bus-live", "bus", "auto", "https://example.org/trips.pb", {}, 30, 300, None, NOW)
    with pytest.raises(error, match=said):
        add_source(post.connection, post.home, replace(good, **wrong))  # type: ignore[arg-type]
    assert live_store.list_sources(post.connection) == []


def test_a_name_is_given_once(post: Post) -> None:
    post.add("https://example.org/a")
    with pytest.raises(Conflict, match="choose another name"):
        post.add("https://example.org/b")
    (post.home / "live/bus-live").mkdir(parents=True)
    remove_source(post.connection, post.home, "bus-live")
    assert not (post.home / "live/bus-live").exists()
    post.add("https://example.org/b")
