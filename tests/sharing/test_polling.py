"""Polling systems over real HTTP: what fails keeps what was said last, and never holds up the others."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.downloads.server import Request, serving

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.sharing import service
from mobigo.sharing.service import Reach, add_system, map_current, poll, remove_system
from mobigo.sharing.store import list_systems

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.sharing.model import System

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


class Provider:
    """A system with one station; its documents can be changed, or go wrong."""

    def __init__(self) -> None:
        self.bikes = 4
        self.asked: list[Request] = []
        self.broken: dict[str, bytes] = {}
        self.url = ""

    def answer(self, request: Request, connection: socket.socket) -> None:
        self.asked.append(request)
        name = request.path.strip("/").removesuffix(".json")
        if name in self.broken:
            connection.sendall(self.broken[name])
            return
        body = json.dumps({"last_updated": int(NOW.timestamp()), "ttl": 90, "data": self.data(name)}).encode()
        etag = f'"{name}{self.bikes if name == "station_status" else ""}"'
        head = f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        if request.headers.get("if-none-match") == etag:
            head, body = f"HTTP/1.1 304 X\r\nETag: {etag}\r\n\r\n".encode(), b""
        connection.sendall(head + body)

    def data(self, name: str) -> dict[str, Any]:
        if name == "gbfs":
            names = ("station_information", "station_status", "system_information")
            return {"fr": {"feeds": [{"name": one, "url": f"/{one}.json"} for one in names]}}
        if name == "station_information":
            return {"stations": [{"station_id": "1", "name": "Gare", "lat": 47.0, "lon": 5.0}]}
        if name == "system_information":
            return {"name": "VéloDi"}
        return {
            "stations": [{"station_id": "1", "is_installed": True, "is_renting": True, "is_returning": True,
                          "num_bikes_available": self.bikes, "num_docks_available": 1}]
        }  # fmt: skip


@contextmanager
def provided() -> Iterator[tuple[Provider, str]]:
    provider = Provider()
    with serving(provider.answer) as server:
        provider.url = server.url("/gbfs.json")
        yield provider, server.pair


def system(url: str) -> System:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        (one,) = list_systems(connection)
    return one


def test_a_system_is_asked_when_it_is_due_and_only_for_what_changed(database_url: str, tmp_path: Path) -> None:
    with provided() as (provider, pair):
        reach = Reach(tmp_path, (pair,))
        add_system("velodi", provider.url, database_url, every=60, now=NOW)
        (polled,) = poll(database_url, reach, NOW)
        assert (polled.stations, polled.bikes, polled.made_at, polled.problem) == (1, 4, NOW, None)
        held = map_current(tmp_path)
        assert held is not None
        assert (held.station_names.at(0), held.bikes.tolist(), held.titles.at(0)) == ("Gare", [4], "VéloDi")
        # it asks for a pause of 90 seconds
        assert poll(database_url, reach, NOW + timedelta(seconds=89)) == []
        provider.bikes = 2
        provider.asked.clear()
        poll(database_url, reach, NOW + timedelta(seconds=90))
        held = map_current(tmp_path)
        assert held is not None
        assert held.bikes.tolist() == [2]
        assert all("if-none-match" in request.headers for request in provider.asked)


HTML = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
ERROR = b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer", [HTML, ERROR])
@pytest.mark.parametrize("document", ["gbfs", "station_status", "station_information"])
def test_what_fails_keeps_what_was_said_last_and_is_asked_less_often(
    document: str, answer: bytes, database_url: str, tmp_path: Path
) -> None:
    with provided() as (provider, pair):
        reach = Reach(tmp_path, (pair,))
        add_system("velodi", provider.url, database_url, every=60, now=NOW)
        poll(database_url, reach, NOW)
        provider.broken[document] = answer
        pauses = []
        now = NOW + timedelta(seconds=90)
        for _ in range(3):
            (polled,) = poll(database_url, reach, now, everything=True)
            held = map_current(tmp_path)
            assert held is not None
            assert held.bikes.tolist() == [4]
            next_at = system(database_url).next_at
            assert next_at is not None
            pauses.append((next_at - now).total_seconds())
        if document == "station_information" and answer is ERROR:
            assert polled.problem is None  # where stations stand is still known
        else:
            assert polled.problem
            assert pauses == [60, 120, 240]
            assert system(database_url).failures == 3
        provider.broken.clear()
        (polled,) = poll(database_url, reach, now, everything=True)
        assert (polled.problem, system(database_url).failures) == (None, 0)


def test_one_that_fails_does_not_hold_up_another(database_url: str, tmp_path: Path) -> None:
    with provided() as (provider, pair), provided() as (other, other_pair):
        reach = Reach(tmp_path, (pair, other_pair))
        provider.broken["gbfs"] = ERROR
        add_system("a", provider.url, database_url, every=60, now=NOW)
        add_system("b", other.url, database_url, every=60, now=NOW)
        assert [bool(one.problem) for one in poll(database_url, reach, NOW)] == [True, False]
        held = map_current(tmp_path)
        assert held is not None
        assert held.systems.all() == ["b"]
        remove_system("b", database_url, reach)
        held = map_current(tmp_path)
        assert held is not None
        assert held.systems.all() == []
        with pytest.raises(NotFound, match="no system 'b'"):
            remove_system("b", database_url, reach)


def test_private_addresses_are_not_asked(database_url: str, tmp_path: Path) -> None:
    with provided() as (provider, _):
        add_system("velodi", provider.url, database_url, every=60, now=NOW)
        (polled,) = poll(database_url, Reach(tmp_path), NOW)
        assert polled.problem is not None
        assert provider.asked == []


def test_the_clock_of_a_sandbox_may_be_put_back(database_url: str, tmp_path: Path) -> None:
    with provided() as (provider, pair):
        reach = Reach(tmp_path, (pair,))
        add_system("velodi", provider.url, database_url, every=60, now=NOW)
        poll(database_url, reach, NOW)
        assert len(poll(database_url, reach, NOW - timedelta(days=30))) == 1


@pytest.mark.parametrize(
    ("name", "address", "every", "message"),
    [
        ("Vélo", "https://x.example/gbfs.json", 60, "cannot name a system"),
        ("at", "https://x.example/gbfs.json", 60, "cannot name a system"),
        ("velo", "/nowhere/gbfs", 60, "neither an address nor a folder"),
        ("velo", "https://x.example/gbfs.json", 1, "not within 10 and 86,400"),
    ],
)
def test_what_cannot_be_polled_is_refused(name: str, address: str, every: int, message: str, database_url: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        add_system(name, address, database_url, every=every, now=NOW)


def test_a_name_is_taken_once(database_url: str) -> None:
    add_system("velo", "https://x.example/gbfs.json", database_url, every=60, now=NOW)
    with pytest.raises(Conflict, match="'velo' is polled already"):
        add_system("velo", "https://y.example/gbfs.json", database_url, every=60, now=NOW)


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="holds neither"):
        service.read_folder(tmp_path)
