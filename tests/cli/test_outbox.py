"""The outbox as it is typed, and the worker that empties it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.orm import Session

from mobigo.cli.messages import carry_messages, forget_messages, open_outlets
from mobigo.kit.clock import Clock
from mobigo.messages import service
from mobigo.messages.model import Channel, Recipient
from mobigo.messages.outlets import HttpSms, Smtp
from mobigo.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy.engine import Engine

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def clock(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of a sandbox on the test's database; it stands at noon."""
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    (home / "sandbox").touch()
    clock = Clock(home / "clock.json")
    clock.move(NOON, 0)
    return clock


def say(engine: Engine, key: str, due: datetime | None = None) -> int:
    ride = {"reference": "K7P2QX", "pickup": NOON, "latest": NOON, "origin": "Mairie", "destination": "Gare"}
    with Session(engine) as session, session.begin():
        to = Recipient(email="lea@example.org")
        (id_,) = service.send(session, "reminder", to, ride, key=key, about="booking:1", now=NOON, due=due)
    return id_


def state_of(engine: Engine, id_: int) -> str:
    with Session(engine) as session:
        return service.get_message(session, id_).state


def wait_for(engine: Engine, id_: int, state: str) -> None:
    end = time.monotonic() + 120
    while state_of(engine, id_) != state:
        assert time.monotonic() < end, state_of(engine, id_)
        time.sleep(0.05)


def test_the_worker_sends_what_is_due_by_the_clock_of_the_home(engine: Engine, database_url: str, clock: Clock) -> None:
    now, later = say(engine, "now"), say(engine, "later", NOON + timedelta(hours=2))
    with carry_messages(database_url, read_settings()):
        wait_for(engine, now, "sent")
        assert state_of(engine, later) == "waiting"
        clock.move(NOON + timedelta(hours=2), 0)
        wait_for(engine, later, "sent")
    clock.move(NOON + timedelta(days=40), 0)
    forget_messages(database_url, read_settings())
    with Session(engine) as session:
        assert service.get_message(session, now).body is None


@pytest.mark.usefixtures("clock")
def test_the_outbox_is_listed_and_shown(engine: Engine, run: Callable[..., tuple[int, str, str]]) -> None:
    def said(*arguments: str) -> str:
        code, out, _ = run(*arguments)
        assert code == 0
        return out

    assert "no message" in said("outbox")
    id_ = say(engine, "one")
    (listed,) = json.loads(said("outbox", "list", "--about", "booking:1", "--json"))
    assert (listed["id"], listed["recipient"], listed["state"]) == (id_, "lea@example.org", "waiting")
    assert "key" not in listed
    assert "lea@example.org" in said("outbox")
    shown = said("outbox", "show", str(id_))
    assert "Rappel : lundi 23 novembre à 13:00 (K7P2QX)" in shown
    assert "waiting after 0 attempts" in shown
    assert json.loads(said("outbox", "list", "--state", "sent", "--json")) == []
    code, _, complaint = run("outbox", "show", "999")
    assert (code, complaint) == (1, "mobigo: no message 999; `mobigo outbox list` lists them\n")
    assert "only what failed" in run("outbox", "send", str(id_))[2]


def test_settings_say_by_what_messages_leave(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.exists()
    assert {outlet.name for outlet in open_outlets(read_settings()).values()} == {"outbox"}
    monkeypatch.setenv("MOBIGO_SMTP_URL", "smtps://me:pw@mail.example.org")
    monkeypatch.setenv("MOBIGO_MAIL_FROM", "tad@example.org")
    monkeypatch.setenv("MOBIGO_SMS_URL", "https://sms.example.org/send")
    monkeypatch.setenv("MOBIGO_SMS_HEADERS", "Authorization: Bearer s3cret\nX-Account: 7")
    settings = read_settings()
    outlets = open_outlets(settings)
    assert isinstance(outlets[Channel.EMAIL], Smtp)
    sms = outlets[Channel.SMS]
    assert isinstance(sms, HttpSms)
    assert sms.headers == {"Authorization": "Bearer s3cret", "X-Account": "7"}
    assert outlets[Channel.SHEET].name == "outbox"
    assert "s3cret" not in repr(settings)
    assert "pw@" not in repr(settings)
    assert "pw@" not in repr(outlets)
