"""Webhooks: signed as the standard says, told in order, tried again, switched off, never sent inside."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput, NotFound, Refused
from mobigo.messages import deliver, webhooks
from mobigo.messages.signature import make_secret, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from mobigo.messages.webhook_store import Attempt, Delivery, Webhook

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Receiver:
    """An operator's server that answers as it is told, once each; then 204."""

    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0
    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?from=mobigo"

    @property
    def allowed(self) -> tuple[str, ...]:
        return (f"127.0.0.1:{self.port}",)

    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(body) for _, body in self.heard]


@contextmanager
def receiver(**how: object) -> Iterator[Receiver]:
    told = Receiver(**how)  # type: ignore[arg-type]
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            over.wait(told.pause)
            self.send_response(told.answers.pop(0) if told.answers else 204)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        over.set()
        server.shutdown()
        server.server_close()


@dataclass
class Office:
    """The side that tells."""

    engine: Engine
    conninfo: str
    number: int = 0

    def add(self, one: Receiver, *types: str, operator: str | None = None) -> Webhook:
        with Session(self.engine) as session, session.begin():
            return webhooks.add_webhook(
                session,
                address=one.address,
                description="dispatch",
                types=types,
                operator=operator,
                by="ada",
                now=NOON,
                allow_hosts=one.allowed,
            )

    def announce(self, type_: str = "leg.assigned", *, operator: str | None = "op", key: str = "") -> str | None:
        self.number += 1
        with Session(self.engine) as session, session.begin():
            return webhooks.announce(
                session, type_, {"leg": f"r{self.number}"}, operator=operator, key=key or str(self.number), now=NOON
            )

    def deliver(self, one: Receiver, now: datetime = NOON) -> int:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return deliver.deliver_due(connection, self.conninfo, now, one.allowed)

    def look(self, one: Webhook) -> tuple[Webhook, list[tuple[Delivery, list[Attempt]]]]:
        with Session(self.engine) as session:
            return webhooks.get_webhook(session, one.id), webhooks.list_deliveries(session, one.id)


@pytest.fixture
def office(engine: Engine, database_url: str) -> Office:
    return Office(engine, libpq_conninfo(database_url))


def verify(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Check a call as the standard's own libraries do."""
    stamp = int(headers["webhook-timestamp"])
    assert abs(stamp - time.time()) < 300
    content = f"{headers['webhook-id']}.{stamp}.{body.decode()}".encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(one.partition(",")[2] == right for one in headers["webhook-signature"].split(" "))


def test_the_signature_is_the_one_of_the_standards_example() -> None:
    # the vector in the README of its reference libraries
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    assert sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_an_event_is_told_signed_and_once(office: Office) -> None:
    with receiver() as one:
        hook = office.add(one)
        event = office.announce(key="leg:1/assigned")
        assert office.announce(key="leg:1/assigned") is None
        assert office.deliver(one) == 1
        assert office.deliver(one) == 0
        ((headers, body),) = one.heard
    assert verify(hook.secret, headers, body)
    assert not verify(make_secret(), headers, body)
    assert headers["webhook-id"] == event
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"type": "leg.assigned", "timestamp": "2026-11-23T12:00:00Z", "data": {"leg": "r1"}}
    assert body == json.dumps(json.loads(body), separators=(",", ":")).encode()


def test_each_is_told_what_it_wants_in_order(office: Office) -> None:
    with receiver() as legs, receiver() as everything, receiver() as others:
        office.add(legs, "leg.*", operator="op")
        office.add(everything)
        office.add(others, operator="other")
        for type_ in ("booking.confirmed", "leg.assigned", "leg.on_board", "leg.completed"):
            office.announce(type_)
        office.announce("leg.failed", operator="other")
        allowed = [*legs.allowed, *everything.allowed, *others.allowed]
        with psycopg.connect(office.conninfo, autocommit=True) as connection:
            assert deliver.deliver_due(connection, office.conninfo, NOON, allowed) == 9
        assert [one["type"] for one in legs.bodies()] == ["leg.assigned", "leg.on_board", "leg.completed"]
        assert len(everything.heard) == 5
        assert [one["type"] for one in others.bodies()] == ["leg.failed"]


def test_what_is_rolled_back_is_not_told(office: Office) -> None:
    with receiver() as one:
        office.add(one)
        with Session(office.engine) as session:
            webhooks.announce(session, "leg.failed", {}, key="x", now=NOON)
            session.rollback()
        assert office.deliver(one) == 0
        assert one.heard == []


def test_it_is_tried_again_later_and_later_with_the_same_id_and_given_up(office: Office) -> None:
    with receiver(answers=[500] * 20) as one:
        hook = office.add(one)
        office.announce()
        now = NOON
        for pause in deliver.PAUSES:
            assert office.deliver(one, now) == 0
            before = len(one.heard)
            office.deliver(one, now + timedelta(seconds=pause - 1))
            assert len(one.heard) == before, pause
            now += timedelta(seconds=pause * (1 + deliver.JITTER))
        office.deliver(one, now)
        office.deliver(one, now + timedelta(days=1))
        hook, ((delivery, attempts),) = office.look(hook)
        assert delivery.state == "failed"
        assert [tried.status for tried in attempts] == [500] * (len(deliver.PAUSES) + 1)
        assert len({headers["webhook-id"] for headers, _ in one.heard}) == 1
        stamps = {headers["webhook-timestamp"] for headers, _ in one.heard}
        assert stamps
        assert hook.failing_since == NOON
        assert hook.enabled
        with Session(office.engine) as session, session.begin():
            assert webhooks.deliver_again(session, hook.id, now=now, delivery=delivery.id) == 1
        one.answers.clear()
        assert office.deliver(one, now) == 1
        assert office.look(hook)[0].failing_since is None


def test_after_days_without_success_it_is_switched_off_and_can_catch_up(office: Office) -> None:
    with receiver(answers=[503] * 20) as one:
        hook = office.add(one)
        office.announce()
        office.deliver(one)
        later = NOON + timedelta(days=5, seconds=1)
        office.announce()
        office.deliver(one, later)
        hook, _ = office.look(hook)
        assert not hook.enabled
        assert hook.disabled_because == "nothing could be delivered since 2026-11-23 12:00 UTC"
        assert office.announce() is None  # nobody to tell
        with Session(office.engine) as session, session.begin():
            with pytest.raises(Refused, match="switched off"):
                webhooks.deliver_again(session, hook.id, now=later)
            webhooks.change_webhook(session, hook.id, enabled=True, by="ada", now=later)
            assert webhooks.deliver_again(session, hook.id, now=later, since=NOON) >= 1
        one.answers.clear()
        assert office.deliver(one, later + timedelta(minutes=10)) == 2
        assert office.look(hook)[0].enabled


def test_who_says_gone_is_told_no_more(office: Office) -> None:
    with receiver(answers=[410]) as one:
        hook = office.add(one)
        office.announce()
        office.announce()
        office.deliver(one)
        hook, deliveries = office.look(hook)
        assert not hook.enabled
        assert "410" in (hook.disabled_because or "")
        assert [delivery.state for delivery, _ in deliveries] == ["cancelled", "cancelled"]
        assert len(one.heard) == 1
        assert office.deliver(one, NOON + timedelta(days=1)) == 0
        assert len(one.heard) == 1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [("3600", 3600), ("nonsense", 0), ("-5", 0), ("99999999999999999999", 86_400)],
)
def test_a_server_may_ask_for_a_pause(office: Office, asked: str, waits: int) -> None:
    with receiver(answers=[429], headers={"Retry-After": asked}) as one:
        office.add(one)
        office.announce()
        office.announce()
        office.deliver(one)
        office.deliver(one, NOON + timedelta(seconds=max(0, waits - 10)))
        assert len(one.heard) == (1 if waits else 2)
        office.deliver(one, NOON + timedelta(seconds=waits + 10))
        assert len(one.heard) == 3


def test_a_redirect_is_not_followed(office: Office) -> None:
    with receiver() as there, receiver(answers=[302], headers={"Location": there.address}) as one:
        hook = office.add(one)
        office.announce()
        office.deliver(one)
        assert there.heard == []
        assert office.look(hook)[1][0][1][0].status == 302


def test_a_slow_one_holds_up_nobody_else(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "PATIENCE", deliver.PATIENCE._replace(read=3, total=3))
    with receiver(pause=60) as slow, receiver() as quick:
        hook = office.add(slow)
        office.add(quick)
        for _ in range(3):
            office.announce()
        with psycopg.connect(office.conninfo, autocommit=True) as connection:
            began = time.monotonic()
            assert deliver.deliver_due(connection, office.conninfo, NOON, [*slow.allowed, *quick.allowed]) == 3
            assert time.monotonic() - began < 30
        assert len(slow.heard) == 1
        _, deliveries = office.look(hook)
        (tried,) = [tried for _, attempts in deliveries for tried in attempts]
        assert tried.status is None
        assert tried.problem


def test_nothing_inside_is_reached(office: Office) -> None:
    def add(address: str) -> None:
        with Session(office.engine) as session, session.begin():
            webhooks.add_webhook(session, address=address, description="", types=(), operator=None, by="x", now=NOON)

    for address in ("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://10.0.0.1:8443/"):
        with pytest.raises(Refused, match="not an address of the public internet"):
            add(address)
    with pytest.raises(Refused, match="not reached by https"):
        add("http://example.org/hook")
    for address in ("ftp://example.org", "https://user:pw@example.org/", "nonsense", "https://0x7f.1/"):
        with pytest.raises((Refused, InvalidInput)):
            add(address)
    with receiver() as one:  # its name pointed elsewhere when it was added
        hook = office.add(one)
        office.announce()
        with psycopg.connect(office.conninfo, autocommit=True) as connection:
            assert deliver.deliver_due(connection, office.conninfo, NOON, ()) == 0
        assert one.heard == []
        assert "not an address of the public internet" in str(office.look(hook)[1][0][1][0].problem)


def test_for_a_day_both_secrets_sign(office: Office) -> None:
    with receiver() as one:
        old = office.add(one)
        with Session(office.engine) as session, session.begin():
            new = webhooks.renew_secret(session, old.id, by="ada", now=NOON)
        office.announce()
        office.deliver(one)
        office.announce()
        office.deliver(one, NOON + timedelta(hours=25))
        (first, second) = one.heard
    assert verify(old.secret, *first)
    assert verify(new.secret, *first)
    assert not verify(old.secret, *second)
    assert verify(new.secret, *second)


def test_many_at_once_tell_everything_once(office: Office) -> None:
    with receiver() as one:
        office.add(one)
        for _ in range(30):
            office.announce()
        threads = [threading.Thread(target=office.deliver, args=(one,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({headers["webhook-id"] for headers, _ in one.heard}) == len(one.heard) == 30


def test_a_sender_that_was_killed_is_made_up_for(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as one:
        hook = office.add(one)
        office.announce()

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(deliver, "attempt", killed)
            with pytest.raises(KeyboardInterrupt):
                office.deliver(one)
        assert office.look(hook)[1][0][0].state == "sending"
        assert office.deliver(one) == 0  # somebody else may still be at it
        with psycopg.connect(office.conninfo) as connection:
            connection.execute("UPDATE webhook_delivery SET claimed_at = claimed_at - interval '6 minutes'")
        assert office.deliver(one) == 1


def test_events_are_forgotten_after_a_month_with_their_deliveries(office: Office) -> None:
    with receiver() as one:
        hook = office.add(one)
        office.announce()
        office.deliver(one)
        with Session(office.engine) as session, session.begin():
            assert webhooks.forget(session, NOON + timedelta(days=29)) == 0
            assert webhooks.forget(session, NOON + timedelta(days=31)) == 1
        assert office.look(hook)[1] == []


def test_what_cannot_be_meant_is_refused(office: Office) -> None:
    with receiver() as one, Session(office.engine) as session:
        for types in (["leg.flown"], ["*"], ["leg.*", "nonsense"], [""]):
            with pytest.raises(InvalidInput, match="no event"):
                office.add(one, *types)
        office.add(one)
        with pytest.raises(InvalidInput, match="too large"):
            webhooks.announce(session, "leg.failed", {"x": "y" * 30_000}, key="k", now=NOON)
        with pytest.raises(NotFound, match="no webhook 'wh_x'"):
            webhooks.get_webhook(session, "wh_x")


def test_secrets_are_in_no_text_about_a_webhook(office: Office) -> None:
    with receiver() as one:
        hook = office.add(one)
    assert hook.secret.startswith("whsec_")
    assert len(base64.b64decode(hook.secret.removeprefix("whsec_"))) == 32
    assert hook.secret not in repr(hook)
