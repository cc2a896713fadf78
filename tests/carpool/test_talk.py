"""Those of a run write to each other and to nobody else; what is reported is answered once, and forgotten in time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session
from tests.carpool.served import Served, village

from mobigo.accounts.model import Role
from mobigo.carpool import talk
from mobigo.carpool.model import BookingState, RunState

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def town(place: Served) -> Served:
    place.reset()
    place.know("dora", "anna", "ben", "eve")
    return place


def texts(town: Served, user: str, run: str) -> list[tuple[str, bool]]:
    status, answer = town.say(user, "GET", f"/runs/{run}/messages")
    assert status == 200
    return [(one["text"], one["mine"]) for one in answer["messages"]]


def test_a_driver_writes_to_all_or_to_one_and_these_to_the_driver_alone(town: Served) -> None:
    run = town.lay_run("dora")
    annas = town.seat(run, "anna").id
    town.seat(run, "ben")
    place = f"/runs/{run.id}/messages"
    assert town.say("dora", "POST", place, {"text": "I am five minutes late"})[0] == 201
    assert town.say("dora", "POST", place, {"text": "Blue car,  Anna", "booking": annas})[0] == 201
    assert town.say("anna", "POST", place, {"text": "Fine"})[0] == 201
    assert texts(town, "anna", run.id) == [
        ("I am five minutes late", False),
        ("Blue car, Anna", False),
        ("Fine", True),
    ]
    assert texts(town, "ben", run.id) == [("I am five minutes late", False)]
    assert len(texts(town, "dora", run.id)) == 4  # what went to all is one message each
    told = [(one.recipient, "Blue car" in (one.body or "")) for one in town.list_messages(f"carpool_run:{run.id}")]
    assert sorted(told) == [
        ("anna@example.org", False),
        ("anna@example.org", True),
        ("ben@example.org", False),
        ("dora@example.org", False),
    ]


def test_what_was_read_is_known(town: Served) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna")
    place = f"/runs/{run.id}/messages"
    _, written = town.say("anna", "POST", place, {"text": "Hello"})
    last = written["messages"][0]["id"]
    assert town.say("anna", "POST", f"{place}/read", {"last": last}) == (200, {"read": 0})  # her own
    assert town.say("dora", "POST", f"{place}/read", {"last": last}) == (200, {"read": 1})
    assert town.say("dora", "POST", f"{place}/read", {"last": last}) == (200, {"read": 0})
    assert town.say("anna", "GET", place)[1]["messages"][0]["read_at"] is not None
    assert town.say("anna", "GET", f"{place}?after={last}")[1] == {"messages": []}


def test_whoever_has_nothing_to_do_with_a_run_neither_reads_nor_writes(town: Served) -> None:
    run = town.lay_run("dora")
    booking = town.seat(run, "anna").id
    for user in ("eve", "ben"):
        for method, path, body in (
            ("GET", f"/runs/{run.id}/messages", None),
            ("POST", f"/runs/{run.id}/messages", {"text": "Hi", "booking": booking}),
            ("POST", f"/runs/{run.id}/messages/read", {"last": 1}),
            ("POST", "/reports", {"run": run.id, "kind": "driving", "text": "Too fast"}),
        ):
            assert town.say(user, method, path, body)[1]["code"] == "unknown_run"
    town.seat(run, "ben")
    assert town.say("ben", "POST", f"/runs/{run.id}/messages", {"text": "Hi", "booking": booking})[0] == 404


def test_who_was_cancelled_or_came_long_ago_is_not_written_to(town: Served) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna", state=BookingState.CANCELLED)
    assert town.say("dora", "POST", f"/runs/{run.id}/messages", {"text": "Hi"})[1]["code"] == "talk_over"
    assert town.say("anna", "POST", f"/runs/{run.id}/messages", {"text": "Hi"})[1]["code"] == "talk_over"
    other = town.lay_run("dora", state=RunState.CANCELLED)
    town.seat(other, "ben")
    assert town.say("ben", "POST", f"/runs/{other.id}/messages", {"text": "Hi"})[1]["code"] == "talk_over"
    last = town.lay_run("dora")
    town.seat(last, "ben")
    town.go(town.now + timedelta(days=7, hours=1, minutes=30))
    assert town.say("ben", "POST", f"/runs/{last.id}/messages", {"text": "My hat?"})[0] == 201
    town.go(town.now + timedelta(hours=1))
    assert town.say("ben", "POST", f"/runs/{last.id}/messages", {"text": "Hi"})[1]["code"] == "talk_over"


@pytest.mark.parametrize("text", ["", "   ", "a\u202eb", "x" * 501, "\x07"])
def test_a_text_that_is_none_is_refused(town: Served, text: str) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna")
    assert town.say("anna", "POST", f"/runs/{run.id}/messages", {"text": text})[0] in {400, 422}


def test_nobody_floods_others(town: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "MOST_MESSAGES", 5)
    run = town.lay_run("dora")
    town.seat(run, "anna")
    with town.ask("anna") as anna:
        answers = [anna.post(f"/v1/carpool/runs/{run.id}/messages", json={"text": str(n)}) for n in range(6)]
    assert [one.status_code for one in answers] == [201] * 5 + [422]
    assert answers[-1].json()["code"] == "too_many_messages"


def test_what_was_said_is_forgotten_after_a_month(town: Served) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna")
    town.say("anna", "POST", f"/runs/{run.id}/messages", {"text": "Call 0611"})
    with Session(town.engine) as session, session.begin():
        assert talk.forget(session, town.now + timedelta(days=29)) == 0
        assert talk.forget(session, town.now + timedelta(days=31)) == 1
    assert texts(town, "dora", run.id) == [(None, False)]


def test_a_report_is_read_by_staff_and_answered_once(town: Served) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna")
    status, report = town.say("anna", "POST", "/reports", {"run": run.id, "kind": "driving", "text": "Too fast"})
    assert (status, report["state"]) == (201, "open")
    status, listed = town.say("clara", "GET", "/reports?state=open", role=Role.CARPOOL)
    assert [(one["reporter"], one["reported"]) for one in listed["reports"]] == [
        (town.people["anna"], town.people["dora"])
    ]
    place, answer = f"/reports/{report['id']}/answer", {"state": "settled", "answer": "We spoke to the driver."}
    assert town.say("anna", "POST", place, answer)[0] == 403
    assert town.say("olga", "POST", place, answer, role=Role.AUDITOR)[0] == 403
    assert town.say("clara", "POST", place, {**answer, "state": "open"}, role=Role.CARPOOL)[0] == 400
    assert town.say("clara", "POST", place, answer, role=Role.CARPOOL)[1]["answered_by"] == "clara"
    assert town.say("clara", "POST", place, answer, role=Role.CARPOOL)[1]["code"] == "report_answered"
    own = town.say("anna", "GET", "/me/reports")[1]["reports"]
    assert (own[0]["state"], own[0]["answer"], "reported" in own[0]) == ("settled", "We spoke to the driver.", False)
    assert town.say("dora", "GET", "/me/reports")[1] == {"reports": []}  # who is reported is not told by whom
    assert "We spoke" in (town.list_messages(f"carpool_report:{report['id']}")[0].body or "")


def test_reports_come_in_pages(town: Served) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna")
    ids = []
    for number in range(5):
        town.go(town.now + timedelta(microseconds=number))
        body = {"run": run.id, "kind": "other", "text": str(number), "person": town.people["dora"]}
        ids.append(town.say("anna", "POST", "/reports", body)[1]["id"])
    found, cursor = [], ""
    while cursor is not None:
        _, page = town.say("clara", "GET", f"/reports?limit=2{cursor and f'&cursor={cursor}'}", role=Role.CARPOOL)
        found += [one["id"] for one in page["reports"]]
        cursor = page["next_cursor"]
    assert found == ids[::-1]


def test_only_people_of_the_run_are_reported(town: Served) -> None:
    run = town.lay_run("dora")
    town.seat(run, "anna")
    body = {"run": run.id, "kind": "other", "text": "Hm"}
    assert town.say("anna", "POST", "/reports", {**body, "person": town.people["eve"]})[1]["code"] == "unknown_person"
    assert town.say("anna", "POST", "/reports", {**body, "person": town.people["anna"]})[0] == 400
    assert town.say("dora", "POST", "/reports", {**body, "person": town.people["anna"]})[0] == 201
