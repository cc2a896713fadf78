"""Messages: written with what they are about, sent when due, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import NotFound, Refused
from mobigo.messages import service
from mobigo.messages.model import Channel, MessageState, Recipient
from mobigo.messages.outlets import DoubtfulError, NotTakenError, Outbox, RejectedError
from mobigo.messages.post import PAUSES, Sent, send_due

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Engine

    from mobigo.messages.model import Message
    from mobigo.messages.outlets import Outlet

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LEA = Recipient(email="lea@example.org", phone="06 12 34 56 78")
RIDE = {
    "reference": "K7P2QX",
    "pickup": NOON + timedelta(hours=3),
    "latest": NOON + timedelta(hours=3, minutes=10),
    "origin": "Mairie",
    "destination": "Gare de Montbard",
}


@dataclass
class Wayward:
    """A provider that misbehaves in the order it is told."""

    moods: list[Exception] = field(default_factory=list)
    sure: bool = False
    taken: list[Message] = field(default_factory=list)
    name: str = "wayward"

    def send(self, message: Message) -> str:
        if self.moods:
            raise self.moods.pop(0)
        self.taken.append(message)
        return f"no. {len(self.taken)}"


def say(engine: Engine, to: Recipient = LEA, template: str = "reminder", **more: datetime | str | None) -> list[int]:
    with Session(engine) as session, session.begin():
        told = {"key": "leg:1", "about": "booking:1", "now": NOON, **more}
        return service.send(session, template, to, {**RIDE, "line": "TER"}, **told)  # type: ignore[arg-type]


def outbox(engine: Engine) -> list[Message]:
    with Session(engine) as session:
        return service.list_messages(session)


def deliver(conninfo: str, outlets: Mapping[Channel, Outlet], now: datetime) -> Sent:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return send_due(connection, outlets, now)


@pytest.fixture
def conninfo(database_url: str) -> str:
    return libpq_conninfo(database_url)


def through(outlet: Wayward) -> dict[Channel, Outlet]:
    return {Channel.EMAIL: outlet, Channel.SMS: outlet, Channel.SHEET: Outbox()}


def test_it_goes_by_the_first_channel_that_reaches_them(engine: Engine) -> None:
    say(engine)
    say(engine, template="booking_confirmed")
    say(engine, Recipient(phone="03 80 11 22 33"), key="landline")
    say(engine, Recipient(phone="03 80 11 22 33", email="lea@example.org"), key="landline and mail")
    say(engine, Recipient(phone="nonsense", email="nonsense"), key="nobody")
    say(engine, Recipient(vehicle="bus-1", email="lea@example.org"), "sheet_hold", key="sheet")
    say(engine, LEA, "ride_failed", key="both")
    assert [(one.template, one.channel, one.recipient) for one in reversed(outbox(engine))] == [
        ("reminder", "sms", "+33612345678"),
        ("booking_confirmed", "email", "lea@example.org"),
        ("reminder", "email", "lea@example.org"),
        ("sheet_hold", "sheet", "bus-1"),
        ("ride_failed", "sms", "+33612345678"),
        ("ride_failed", "email", "lea@example.org"),
    ]


def test_what_is_rolled_back_is_not_said_and_what_is_said_twice_goes_out_once(engine: Engine, conninfo: str) -> None:
    with Session(engine) as session:
        service.send(session, "reminder", LEA, RIDE, key="leg:0", about="booking:0", now=NOON)
        session.rollback()
    assert say(engine) == say(engine)
    outlet = Wayward()
    assert deliver(conninfo, through(outlet), NOON).sent == 1
    assert say(engine)
    assert deliver(conninfo, through(outlet), NOON).sent == 0
    assert [one.about for one in outlet.taken] == ["booking:1"]


def test_a_reminder_waits_for_its_time_and_is_taken_back_with_its_ride(engine: Engine, conninfo: str) -> None:
    due = NOON + timedelta(hours=1)
    say(engine, due=due)
    say(engine, due=due, key="leg:2", about="booking:2")
    with Session(engine) as session, session.begin():
        assert service.cancel(session, about="booking:1", templates=["no_show"], now=NOON) == 0
        assert service.cancel(session, about="booking:1", now=NOON) == 1
    outlet = Wayward()
    assert deliver(conninfo, through(outlet), due - timedelta(seconds=1)).sent == 0
    assert deliver(conninfo, through(outlet), due).sent == 1
    assert [one.about for one in outlet.taken] == ["booking:2"]
    assert {one.about: one.state for one in outbox(engine)} == {"booking:1": "cancelled", "booking:2": "sent"}


def test_what_comes_too_late_is_not_said(engine: Engine, conninfo: str) -> None:
    say(engine, until=NOON + timedelta(minutes=5))
    outlet = Wayward([NotTakenError("busy")])
    assert deliver(conninfo, through(outlet), NOON).again == 1
    assert deliver(conninfo, through(outlet), NOON + timedelta(minutes=5, seconds=1)).expired == 1
    assert outlet.taken == []


def test_it_is_tried_again_later_and_later_then_given_up(engine: Engine, conninfo: str) -> None:
    say(engine)
    outlet, now = Wayward([NotTakenError("busy")] * (len(PAUSES) + 1)), NOON
    for pause in PAUSES:
        assert deliver(conninfo, through(outlet), now).again == 1
        assert deliver(conninfo, through(outlet), now + pause - timedelta(seconds=1)).again == 0
        now += pause
    assert deliver(conninfo, through(outlet), now).failed == 1
    (message,) = outbox(engine)
    assert (message.state, message.attempts, message.problem) == ("failed", len(PAUSES) + 1, "busy")
    with Session(engine) as session, session.begin():
        service.send_again(session, message.id, now)
    assert deliver(conninfo, through(outlet), now).sent == 1


def test_what_is_refused_for_good_or_in_doubt_is_not_tried_again(engine: Engine, conninfo: str) -> None:
    say(engine)
    say(engine, key="leg:2")
    outlet = Wayward([RejectedError("550 no such user"), DoubtfulError("line broke")])
    deliver(conninfo, through(outlet), NOON)
    deliver(conninfo, through(outlet), NOON + timedelta(days=1))
    assert sorted(one.state for one in outbox(engine)) == ["doubtful", "failed"]
    assert outlet.taken == []


@pytest.mark.parametrize(("sure", "state"), [(True, "sent"), (False, "doubtful")])
def test_a_sender_that_was_killed_leaves_nothing_said_twice(
    engine: Engine,
    conninfo: str,
    sure: bool,  # noqa: FBT001
    state: str,
) -> None:
    say(engine)
    outlet = Wayward([KeyboardInterrupt("killed")], sure)  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        deliver(conninfo, through(outlet), NOON)
    assert [one.state for one in outbox(engine)] == ["sending"]
    deliver(conninfo, through(outlet), NOON + timedelta(days=1))  # somebody else may still be at it
    assert [one.state for one in outbox(engine)] == ["sending"]
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE message SET claimed_at = claimed_at - interval '11 minutes'")
    deliver(conninfo, through(outlet), NOON)
    assert [one.state for one in outbox(engine)] == [state]


def test_many_senders_at_once_say_everything_once(engine: Engine, conninfo: str) -> None:
    for number in range(60):
        say(engine, key=f"leg:{number}")
    outlet = Wayward()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: deliver(conninfo, through(outlet), NOON), range(6)))
    assert len(outlet.taken) == 60
    assert len({one.id for one in outlet.taken}) == 60


def test_after_thirty_days_it_is_forgotten_to_whom_and_what(engine: Engine, conninfo: str) -> None:
    say(engine)
    say(engine, key="later", due=NOON + timedelta(days=20))
    deliver(conninfo, through(Wayward()), NOON)
    later = NOON + timedelta(days=31)
    with Session(engine) as session, session.begin():
        assert service.forget(session, later) == 1
    reminder, said = outbox(engine)
    assert (said.recipient, said.subject, said.body, said.problem, said.state) == (None, None, None, None, "sent")
    assert reminder.body
    with Session(engine) as session, session.begin():
        assert service.forget_about(session, "booking:1", later) == 1
        with pytest.raises(Refused, match="is forgotten"):
            service.send_again(session, reminder.id, later)
        with pytest.raises(NotFound, match="no message 99"):
            service.get_message(session, 99)
    assert outbox(engine)[0].state is MessageState.CANCELLED
    assert deliver(conninfo, through(Wayward()), later).sent == 0


def test_the_sheet_shows_what_was_said_to_the_vehicle(engine: Engine) -> None:
    say(engine, Recipient(vehicle="bus-1"), "sheet_hold")
    say(engine, Recipient(vehicle="bus-2"), "sheet_hold", key="other")
    say(engine, Recipient(vehicle="bus-1"), "sheet_hold", key="later", due=NOON + timedelta(hours=1))
    with Session(engine) as session:
        said = service.list_sheet(session, "bus-1", NOON - timedelta(hours=1), NOON)
    assert [one.body for one in said] == ["TER a du retard : attendez jusqu'à 16:10, Mairie."]
