"""What is noted of a search, asked over HTTP, and what is not."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest
from starlette.requests import Request
from tests.conftest import new_database, serve
from tests.journeys.conftest import FEED, NOW, _make_valley, at

from mobigo.accounts.key import read_key
from mobigo.accounts.model import Role
from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.noting import list_changes
from mobigo.journeys.service import plan
from mobigo.kit.clock import Clock
from mobigo.kit.geo import parse_point
from mobigo.kit.grid import cell_at
from mobigo.trace.model import Change
from mobigo.trace.noting import Notebook
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from tests.journeys.conftest import Valley

FROM, TO = at(420, 30), at(9700, 20)
"""Beside Amont and Aval."""
EARLY = "2026-11-23T07:50"


class Asking:
    """The valley on a morning of the sandbox's clock, and what it has noted."""

    def __init__(self, app: FastAPI, address: str, url: str, clock: Clock) -> None:
        self.app, self.url, self.clock = app, url, clock
        self.http = httpx.Client(base_url=address, timeout=120)

    @property
    def notebook(self) -> Notebook:
        notebook: Notebook = self.app.state.notes.notebook
        return notebook

    def ask(
        self, path: str = "/v1/journeys", user: str | None = None, role: Role = Role.TRAVELLER, **asked: str
    ) -> httpx.Response:
        headers = {}
        if user:
            key = read_key(self.app.state.notes.masks.home)
            headers["Authorization"] = f"Bearer {issue(key, user, role, self.clock.now(), timedelta(hours=1))}"
        answer = self.http.get(path, params={"from": FROM, "to": TO, "at": EARLY} | asked, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer

    def notes(self, table: str = "trace_search") -> list[dict[str, Any]]:
        """Write what waits, and take what was noted."""
        self.notebook.flush()
        with psycopg.connect(libpq_conninfo(self.url), row_factory=psycopg.rows.dict_row) as connection:
            found = connection.execute(f"DELETE FROM {table} RETURNING *").fetchall()
        return sorted(found, key=str)


@pytest.fixture(scope="module")
def served(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    folder = tmp_path_factory.mktemp("noted")
    with new_database(test_cluster) as url:
        valley = _make_valley(url, folder)
        clock = Clock(folder / "clock.json")
        clock.move(NOW, 0)
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=valley.home)
        with serve(app) as address:
            asking = Asking(app, address, url, clock)
            yield asking
            asking.http.close()
        engine.dispose()


@pytest.fixture
def asking(served: Asking) -> Asking:
    """Nothing asked yet."""
    served.clock.move(NOW, 0)
    served.app.state.notes._recent.clear()
    for table in ("trace_search", "trace_change"):
        served.notes(table)
    return served


def test_a_search_is_noted_as_squares_and_what_was_found(asking: Asking) -> None:
    answer = asking.ask().json()
    (note,) = asking.notes()
    lasting = [
        datetime.fromisoformat(one["arrival"]) - datetime.fromisoformat(one["departure"])
        for one in answer["journeys"]
        if any(leg["mode"] == "bus" for leg in one["legs"])
    ]
    assert note["origin"] == cell_at(parse_point(FROM))
    assert note["destination"] == cell_at(parse_point(TO))
    assert (note["day"], note["hour"]) == (date(2026, 11, 23), 7)
    assert (note["travel_day"], note["travel_minute"]) == (date(2026, 11, 23), 7 * 60 + 45)
    assert (note["outcome"], note["reason"], note["modes"]) == ("answered", "", ["bus", "walk"])
    assert note["seconds"] == min(lasting).total_seconds()


def test_of_who_asked_there_is_no_word_anywhere(asking: Asking) -> None:
    asking.ask(user="ada.lovelace@example.org")
    asking.notebook.flush()
    with psycopg.connect(libpq_conninfo(asking.url)) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'mobigo'")]
        everything = "".join(
            str(connection.execute(f'SELECT t::text FROM mobigo."{table}" AS t').fetchall())
            for table in tables
            if table.startswith("trace_")
        )
    assert "lovelace" not in everything
    for place in (FROM, TO):
        for number in place.split(","):
            assert number[:6] not in everything
    (note,) = asking.notes()
    assert len(note["who"]) == 8


def test_one_person_is_one_on_a_day_and_another_on_the_next(asking: Asking) -> None:
    asking.ask(user="ada")
    asking.ask(user="ada", at="2026-11-23T11:50")
    asking.ask(user="bob")
    asking.clock.move(NOW + timedelta(days=1), 0)
    asking.ask(user="ada", at="2026-11-24T07:50")
    notes = asking.notes()

    def asked(day: int, minute: int) -> list[bytes]:
        return [one["who"] for one in notes if (one["day"].day, one["travel_minute"]) == (day, minute)]

    first, (later,), (next_day,) = asked(23, 465), asked(23, 705), asked(24, 465)
    assert len(first) == 2
    assert later in first
    assert len({*first, next_day}) == 3


def test_visitors_without_an_account_are_told_apart_within_a_day(asking: Asking) -> None:
    asking.ask()
    asking.ask(at="2026-11-23T11:50")
    asking.http.get("/v1/journeys", params={"from": FROM, "to": TO, "at": EARLY}, headers={"User-Agent": "another"})
    asking.clock.move(NOW + timedelta(days=1), 0)
    asking.ask(at="2026-11-24T07:50")
    notes = asking.notes()
    assert len({one["who"] for one in notes}) == 3
    assert all(one["who"] for one in notes)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.AUDITOR, Role.DISPATCHER])
def test_colleagues_look_and_do_not_travel(asking: Asking, role: Role) -> None:
    asking.ask(user="boss", role=role)
    assert asking.notes() == []


def test_the_desk_asks_for_those_who_call(asking: Asking) -> None:
    asking.ask(user="marie", role=Role.DESK)
    assert [one["who"] for one in asking.notes()] == [None]


def test_a_question_asked_again_is_noted_once(asking: Asking) -> None:
    for _ in range(3):
        answer = asking.ask(user="ada").json()
    asking.ask(user="ada", cursor=answer["later_cursor"])
    journey = answer["journeys"][0]["id"]
    assert asking.http.get(f"/v1/journeys/{journey}").status_code == 200
    asking.http.head("/", params={"from": FROM, "to": TO})
    assert len(asking.notes()) == 1


@pytest.mark.parametrize("agent", ["Googlebot/2.1", "UptimeRobot/2.0", "Blackbox Monitoring"])
def test_machines_that_watch_are_not_noted(asking: Asking, agent: str) -> None:
    asking.http.get("/v1/journeys", params={"from": FROM, "to": TO, "at": EARLY}, headers={"User-Agent": agent})
    assert asking.notes() == []


def test_where_nothing_goes_the_reason_is_noted(asking: Asking) -> None:
    asking.ask(at="2026-11-28T08:00")  # a Saturday
    asking.ask(to=at(900))
    nothing, near = sorted(asking.notes(), key=lambda one: one["outcome"])
    assert (nothing["outcome"], nothing["seconds"]) == ("unanswered", 0)
    assert nothing["reason"] in {"no_service_that_day", "nothing_in_window"}
    assert (near["outcome"], near["reason"]) == ("walk_only", "walking_better")


def test_staying_seated_is_no_change(asking: Asking) -> None:
    asking.ask(at="2026-11-23T11:50")
    assert asking.notes("trace_change") == []
    assert [one["changes"] for one in asking.notes()] == [0]


def test_a_change_between_vehicles_is_noted_with_its_times(own_valley: Valley) -> None:
    own_valley.load_feed(trips=FEED["trips.txt"].replace(",n,", ",,"))
    own_valley.build()
    network = own_valley.network()
    question = JourneyRequest(FROM, TO, datetime.fromisoformat("2026-11-23T11:50+01:00"), max_walk=150)
    journey = next(one for one in plan(network, question).journeys if one.transfers)
    (change,) = list_changes(journey, network)
    day = date(2026, 11, 23)
    assert change == Change(
        day, "val", "noon1", "pont", 12 * 3600 + 120, day, "val", "noon2", "pont", 12 * 3600 + 300, change.walk
    )
    assert 0 <= change.walk <= 180


def test_there_and_back_are_two_searches(asking: Asking) -> None:
    asking.ask("/v1/round-trips", stay_minutes="60")
    there, back = sorted(asking.notes(), key=lambda one: one["travel_minute"])
    assert (there["origin"], there["destination"]) == (back["destination"], back["origin"])
    assert back["travel_minute"] == 9 * 60 + 15
    assert back["outcome"] == "answered"


def test_the_page_notes_as_the_interface_does(asking: Asking) -> None:
    answer = asking.http.get("/", params={"from": FROM, "to": TO, "date": "2026-11-23", "time": "07:50"})
    assert answer.status_code == 200
    (note,) = asking.notes()
    assert (note["origin"], note["travel_minute"], note["outcome"]) == (cell_at(parse_point(FROM)), 465, "answered")


def test_notes_that_cannot_be_written_are_lost_and_counted(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = open_engine("postgresql://nobody@127.0.0.1:1/nothing")
    notebook = Notebook(nowhere)
    with monkeypatch.context() as astray:
        astray.setattr(asking.app.state.notes, "notebook", notebook)
        asking.ask()
        asking.ask(at="2026-11-23T11:50")
    notebook.close()
    assert notebook.lost == 2
    assert asking.notes() == []


def test_nobody_waits_for_a_note(asking: Asking) -> None:
    notes = asking.app.state.notes
    network = asking.app.state.networks.current()
    question = JourneyRequest(FROM, TO, NOW)
    begun = time.perf_counter()
    found = plan(network, question)
    searching = time.perf_counter() - begun
    request = Request({"type": "http", "method": "GET", "headers": [(b"user-agent", b"x")], "client": ("1.2.3.4", 5)})
    spent = []
    for minute in range(200):
        another = replace(question, at=NOW + timedelta(minutes=15 * minute))
        begun = time.perf_counter()
        notes.note(request, network, another, found, NOW)
        spent.append(time.perf_counter() - begun)
    assert sorted(spent)[len(spent) // 2] < searching / 2  # 40 us of about 1 ms
    assert len(asking.notes()) == 200
