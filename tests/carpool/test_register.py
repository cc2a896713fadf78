"""What the national register is told, whatever it answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.carpool.fake_register import TOKEN, FakeRegister, serve_register
from tests.carpool.riding import NOON, Riding
from tests.conftest import new_database

from mobigo.carpool import findings_store, records_store, register, register_store, settling
from mobigo.carpool.checks import Kind
from mobigo.carpool.findings_store import FindingState
from mobigo.carpool.identity import find_key
from mobigo.carpool.model import Person
from mobigo.carpool.proof import ProofClass
from mobigo.carpool.proving import Moment
from mobigo.carpool.proving_store import Proven
from mobigo.carpool.register import share_out
from mobigo.carpool.register_post import BUSY, PAUSES, STRANGERS, Register, send_due
from mobigo.carpool.register_store import Entry, Outcome, Wanted
from mobigo.cli.proving import carry_register
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.clock import Clock
from mobigo.kit.errors import Conflict
from mobigo.kit.geo import Point
from mobigo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from mobigo.carpool.model import Run, Seat

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SIRET = "20005372600012"
ENDED = NOON + 37 * MINUTE


@pytest.fixture(scope="module")
def shared_engine(test_cluster: str) -> Iterator[Engine]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def fake() -> Iterator[FakeRegister]:
    with serve_register() as fake:
        yield fake


class Told:
    """A ride that the register is told of."""

    def __init__(self, riding: Riding, fake: FakeRegister) -> None:
        self.riding, self.fake = riding, fake
        self.jean = riding.person("jean", name="Jean-Rémi Dûpont")
        self.ana = riding.person("ana", name="Ana Martin")
        self.run: Run = riding.run(self.jean)
        self.booking: Seat = riding.book(self.run, self.ana)
        self.bob = riding.person("bob", name="Bob")
        self.other: Seat = riding.book(self.run, self.bob, board=1)
        self.at = ENDED

    def prove(self, *bookings: Seat) -> None:
        for booking in bookings or (self.booking,):
            self.riding.scan(booking, self.jean, NOON + MINUTE)
            self.riding.scan(booking, self.jean, NOON + 35 * MINUTE, moment=Moment.ALIGHT)
        self.at = self.riding.end(self.run)
        self.riding.settle(self.run, self.at)

    def send(self, after: timedelta = timedelta(0), *, token: str = TOKEN, allow: bool = True) -> int:
        self.at += after
        host = self.fake.address.removeprefix("http://").partition("/")[0]
        register = Register(self.fake.address, token, [host] if allow else [])
        with psycopg.connect(self.riding.conninfo, autocommit=True) as connection:
            return send_due(connection, register, self.at)

    def entry(self, booking: Seat | None = None) -> Entry:
        with Session(self.riding.engine) as session:
            return register_store.get_entry(driver(session), (booking or self.booking).id)

    @property
    def id(self) -> str:
        return self.booking.id.replace("-", "")


@pytest.fixture
def told(shared_engine: Engine, fake: FakeRegister) -> Told:
    with psycopg.connect(Riding(shared_engine).conninfo) as connection:  # what other tests left to be told
        connection.execute("DELETE FROM carpool_register")
        connection.execute("DELETE FROM carpool_register_pause")
    return Told(Riding(shared_engine, siret=SIRET), fake)


def test_a_journey_is_told_as_the_register_takes_it(told: Told) -> None:
    told.prove(told.booking, told.other)
    assert told.send() == 2
    journey = told.fake.journeys[told.id]
    # 30 km with somebody aboard and one additional passenger: 4.00 €, shared by metres 30 : 17
    assert journey["driver"]["revenue"] == 255
    assert told.fake.journeys[told.other.id.replace("-", "")]["driver"]["revenue"] == 145
    assert journey["incentives"] == [{"index": 0, "siret": SIRET, "amount": 105}]
    assert told.fake.journeys[told.other.id.replace("-", "")]["incentives"] == []
    assert (journey["distance"], journey["operator_class"]) == (30_000, "A")
    assert journey["start"] == {"datetime": "2026-03-10T12:01:00Z", "lat": 47.5064, "lon": 4.1722}
    assert journey["passenger"]["contribution"] == 150
    identity = journey["passenger"]["identity"]
    assert identity["phone_trunc"] == told.ana.phone[:-2]
    assert "phone" not in identity
    assert identity["operator_user_id"] == told.ana.id
    both = {one["operator_trip_id"] for one in told.fake.journeys.values()}
    assert len(both) == 1
    entry = told.entry()
    assert (entry.there, entry.wanted, entry.state) == (True, Wanted.STATUS, Outcome.WAITING)
    assert told.send() == 0  # nothing is due twice


@pytest.mark.parametrize(
    ("name", "phone", "hashed"),
    [
        ("Jean-Rémi Dûpont", "06 12 34 56 78", "+33612345678-DUPONT"),
        ("Anne LE GOFF", "+33 6 12 34 56 78", "+33612345678-GOFF"),
        ("Éva Saint-Léger ", "0033612345678", "+33612345678-SAINTLEGER"),
        ("Zoé O'Neil", "+41 22 345 67 89", "+41223456789-ONEIL"),
        ("李雷", "06 12 34 56 78", None),
        ("Jean Martin", None, None),
        (None, "06 12 34 56 78", None),
        ("Jean Martin", "12", None),
    ],
)
def test_the_same_person_has_the_same_key_with_every_operator(
    name: str | None, phone: str | None, hashed: str | None
) -> None:
    key = find_key(b"a", Person("p1", "x", adult=True, name=name, phone=phone, email=None))
    other = find_key(b"b", Person("p2", "y", adult=True, name=name, phone=phone, email=None))
    if hashed is None:
        assert key != other
    else:
        assert key == other == sha256(hashed.encode()).hexdigest()


@pytest.mark.parametrize("trick", [500, 502, 408, "hang_up", "lost"])
def test_a_broken_register_is_asked_again_later_and_told_once(told: Told, trick: object) -> None:
    told.fake.tricks.append(trick)
    told.prove()
    assert told.send() == 0
    waiting = told.entry()
    assert (waiting.state, waiting.attempts, waiting.there) == (Outcome.WAITING, 1, False)
    assert waiting.next_at is not None
    assert timedelta(seconds=10) <= waiting.next_at - told.at <= timedelta(seconds=11)
    assert told.send(timedelta(seconds=5)) == 0
    assert told.send(timedelta(seconds=10)) == 1
    assert told.entry().there
    assert list(told.fake.journeys) == [told.id]
    with Session(told.riding.engine) as session:
        tries = register_store.list_attempts(driver(session), told.booking.id)
    assert [one.status for one in tries][-1] == (409 if trick == "lost" else 201)


def test_a_register_that_is_broken_for_long_is_given_up_and_sent_to_again_by_staff(told: Told) -> None:
    told.fake.tricks.extend([500] * 20)
    told.prove()
    for pause in (0, *PAUSES):
        told.send(timedelta(seconds=pause * 1.11))
    assert told.entry().state is Outcome.FAILED
    assert len(told.fake.asked) == len(PAUSES) + 1
    told.fake.tricks.clear()
    with Session(told.riding.engine) as session, session.begin():
        register.send_again(driver(session), told.booking.id, told.at)
        register_store.resume(driver(session))
    assert told.send() == 1
    assert told.entry().there


@pytest.mark.parametrize(
    ("trick", "pause"),
    [
        ((429, {"Retry-After": "90"}), timedelta(seconds=90)),
        (429, BUSY),
        ((503, {"Retry-After": "rubbish"}), BUSY),
        (401, STRANGERS),
        (403, STRANGERS),
    ],
)
def test_a_busy_register_is_left_alone_as_long_as_it_says(told: Told, trick: object, pause: timedelta) -> None:
    told.fake.tricks.append(trick)
    told.prove(told.booking, told.other)
    assert told.send() == 0
    assert len(told.fake.asked) == 1  # the other journey is not tried either
    assert told.send(pause - timedelta(seconds=1)) == 0
    assert len(told.fake.asked) == 1
    assert told.send(timedelta(seconds=2)) == 2
    assert len(told.fake.journeys) == 2


def test_a_wrong_token_is_a_matter_of_settings_and_loses_nothing(told: Told) -> None:
    told.prove()
    assert told.send(token="wrong") == 0
    assert told.send(STRANGERS + MINUTE) == 1


def test_what_the_register_calls_wrong_waits_for_staff(told: Told) -> None:
    told.fake.tricks.append(422)
    told.prove(told.booking, told.other)
    told.send()
    refused = [told.entry(one) for one in (told.booking, told.other)]
    assert sorted(one.state for one in refused) == [Outcome.REFUSED, Outcome.WAITING]
    wrong = next(one for one in refused if one.state is Outcome.REFUSED)
    assert wrong.problem == "the register answered 422: trick 422"
    assert told.send(48 * HOUR) == 1  # only the status of the other
    with Session(told.riding.engine) as session, session.begin():
        register.send_again(driver(session), wrong.booking, told.at)
    told.send()
    assert len(told.fake.journeys) == 2
    with Session(told.riding.engine) as session, pytest.raises(Conflict):
        register.send_again(driver(session), wrong.booking, told.at)


def test_a_class_that_rises_is_told(told: Told) -> None:
    told.prove()
    told.send()
    for who in (told.jean, told.ana):
        told.riding.drive(told.run, who, device=who.id, received=told.at + HOUR)
    told.riding.settle(told.run, told.at + HOUR)
    assert told.send(HOUR) >= 1
    assert told.fake.journeys[told.id]["operator_class"] == "C"
    assert told.fake.asked[-1] == f"PATCH /v3.1/journeys/{told.id}"


def test_a_change_while_it_is_being_sent_is_not_lost(told: Told) -> None:
    told.prove()
    with psycopg.connect(told.riding.conninfo, autocommit=True) as connection:
        taken = register_store.claim(connection, told.at)
        assert taken is not None
        for who in (told.jean, told.ana):
            told.riding.drive(told.run, who, device=who.id, received=told.at)
        told.riding.settle(told.run, told.at)
        step = register_store.Step(Wanted.STATUS, Outcome.WAITING, there=True, next_at=told.at + HOUR)
        told.fake.journeys[told.id] = dict(taken.document or {})
        register_store.settle(connection, taken, step, told.at)
    assert (told.entry().wanted, told.entry().there) == (Wanted.UPDATE, True)
    told.send()
    assert told.fake.journeys[told.id]["operator_class"] == "C"


def test_what_does_not_count_is_cancelled_there(told: Told) -> None:
    told.riding.scan(told.booking, told.jean, NOON, device="one")
    told.riding.drive(told.run, told.ana, device="one")
    told.at = told.riding.end(told.run)
    told.riding.settle(told.run, told.at)
    assert told.send() == 1  # told within its day, whatever is still looked into
    with Session(told.riding.engine) as session, session.begin():
        (one,) = findings_store.list_findings(driver(session), bookings=[told.booking.id])
        settling.decide(session, one.id, FindingState.UPHELD, "no", by="staff", now=told.at)
    told.send()
    assert told.fake.cancelled == {told.id}
    assert told.entry().state is Outcome.DONE
    told.riding.settle(told.run, told.at + HOUR)
    assert told.send(HOUR) == 0


def test_what_does_not_count_and_was_never_sent_stays_here(told: Told) -> None:
    told.riding.scan(told.booking, told.jean, NOON, device="one")
    told.riding.drive(told.run, told.ana, device="one")
    told.at = told.riding.end(told.run)
    told.riding.settle(told.run, told.at)
    with Session(told.riding.engine) as session, session.begin():
        (one,) = findings_store.list_findings(driver(session), bookings=[told.booking.id])
        settling.decide(session, one.id, FindingState.UPHELD, "no", by="staff", now=told.at)
    assert told.send() == 0
    assert (told.entry().state, told.entry().labels) == (Outcome.WITHHELD, ("struck",))
    assert told.fake.asked == []


def test_what_its_terms_forbid_is_not_sent(told: Told) -> None:
    told.riding.scan(told.booking, told.jean, NOON)
    ended = told.riding.end(told.run)
    told.riding.settle(told.run, ended + 26 * HOUR)
    assert told.send(26 * HOUR) == 0
    assert (told.entry().state, told.entry().labels) == (Outcome.WITHHELD, ("expired",))


def test_its_verdict_is_asked_until_it_stays(told: Told) -> None:
    told.prove()
    told.send()
    for after, asked in ((20 * MINUTE, 0), (HOUR, 1), (HOUR, 0), (24 * HOUR, 1)):
        told.fake.asked.clear()
        told.send(after)
        assert len(told.fake.asked) == asked
    assert told.entry().status == "pending"
    told.fake.statuses[told.id] = {"status": "fraud_error", "fraud_error_labels": ["interoperator_fraud", 7]}
    told.send(24 * HOUR)
    entry = told.entry()
    assert (entry.status, entry.labels, entry.state) == ("fraud_error", ("interoperator_fraud",), Outcome.DONE)
    told.fake.asked.clear()
    told.send(1000 * HOUR)
    assert told.fake.asked == []


def test_what_the_register_disputes_is_looked_into_here(told: Told) -> None:
    told.prove()
    told.send()
    told.fake.statuses[told.id] = {"status": "anomaly_error", "anomaly_error_details": [{"label": "temporal_overlap"}]}
    told.send(HOUR)
    assert told.riding.due(told.at) == [told.run.id]
    told.riding.settle(told.run, told.at)
    with Session(told.riding.engine) as session:
        (one,) = findings_store.list_findings(driver(session), bookings=[told.booking.id])
        assert findings_store.list_held(driver(session), [told.run.id]) == {told.run.id}
    assert (one.kind, one.reason) == (
        Kind.REGISTER,
        "the national register answered anomaly_error: temporal_overlap",
    )
    assert told.riding.due(told.at) == []


def test_what_waited_for_a_register_too_long_is_not_sent(told: Told) -> None:
    told.prove()
    assert told.send(25 * HOUR) == 1
    assert (told.entry().state, told.entry().labels, told.fake.asked) == (Outcome.WITHHELD, ("expired",), [])


def test_what_may_have_got_through_is_sent_again_however_late(told: Told) -> None:
    told.fake.tricks.append("lost")
    told.prove()
    told.send()
    assert told.send(30 * HOUR) == 1
    assert told.entry().there


@pytest.mark.parametrize("trick", ["rubbish", 404])
def test_a_verdict_that_cannot_be_read_is_unknown_and_not_asked_for_ever(told: Told, trick: object) -> None:
    told.prove()
    told.send()
    told.fake.tricks.extend([trick] * 20)
    for _ in range(15):
        told.send(10 * HOUR)
    assert told.entry().state is Outcome.DONE
    assert len(told.fake.asked) <= 6


def test_the_worker_tells_the_register_by_itself(told: Told, home: Path) -> None:
    told.prove()
    (home / "sandbox").touch()
    Clock(home / "clock.json").move(told.at, 1)
    url = told.riding.engine.url.render_as_string(hide_password=False)
    host = told.fake.address.removeprefix("http://").partition("/")[0]
    settings = Settings(home, url, None, (host,), home, register_url=told.fake.address, register_token=TOKEN)
    with carry_register(url, settings):
        give_up = time.monotonic() + 120
        while not told.fake.journeys:
            assert time.monotonic() < give_up
            time.sleep(0.05)
    with carry_register(url, replace(settings, register_url=None)):  # without an address nothing is told
        pass


def test_two_workers_tell_everything_once(told: Told) -> None:
    told.prove(told.booking, told.other)
    host = told.fake.address.removeprefix("http://").partition("/")[0]

    def work(_: int) -> int:
        with psycopg.connect(told.riding.conninfo, autocommit=True) as connection:
            return send_due(connection, Register(told.fake.address, TOKEN, [host]), told.at)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 2
    assert len(told.fake.asked) == 2


def test_what_a_killed_worker_left_is_sent_by_the_next(told: Told) -> None:
    told.prove()
    with psycopg.connect(told.riding.conninfo, autocommit=True) as connection:
        assert register_store.claim(connection, told.at) is not None
        assert told.send() == 0
        connection.execute("UPDATE carpool_register SET claimed_at = claimed_at - interval '6 minutes'")
    assert told.send() == 1
    assert told.entry().there


def test_a_private_address_is_reached_only_where_it_is_allowed(told: Told) -> None:
    told.prove()
    assert told.send(allow=False) == 0
    assert told.fake.asked == []
    assert "127.0.0.1" in (told.entry().problem or "")


def test_what_was_sent_is_forgotten_after_a_month(told: Told) -> None:
    told.prove()
    told.send()
    with Session(told.riding.engine) as session, session.begin():
        settling.forget(session, NOON + timedelta(days=31))
    assert told.entry().document is None


def test_who_is_forgotten_is_told_of_by_a_key_alone(told: Told) -> None:
    told.prove()
    with Session(told.riding.engine) as session, session.begin():
        records_store.forget_records(driver(session), told.ana.id, told.at)
    told.send()
    journey = told.fake.journeys[told.id]
    assert set(journey["passenger"]["identity"]) == {"identity_key", "operator_user_id", "over_18"}
    assert "licence_plate" not in journey


@pytest.mark.parametrize(
    ("cents", "weights", "shares"),
    [
        (400, (30_000, 17_000), (255, 145)),
        (100, (1, 1, 1), (34, 33, 33)),
        (0, (1, 2), (0, 0)),
        (7, (0, 0), (0, 0)),
        (1, (1, 1_000_000), (0, 1)),
    ],
)
def test_a_run_is_shared_out_to_the_cent(cents: int, weights: tuple[int, ...], shares: tuple[int, ...]) -> None:
    journeys = [proven(str(n), metres) for n, metres in enumerate(weights)]
    assert tuple(share_out(cents, journeys).values()) == shares


def proven(booking: str, metres: int) -> Proven:
    at = datetime.fromisoformat("2026-03-10T12:00:00+00:00")
    ends = Point(4.0, 47.0), Point(5.0, 47.0)
    keys = "d" * 64, "e" * 64
    return Proven(booking, "r", "p", "q", None, *keys, 1, 150, at, at, at, *ends, 0, metres, ProofClass.C, at)
