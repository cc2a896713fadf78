"""What is kept in order by itself: keys in time, what is forgotten, work done twice or at once."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.errors import RestrictViolation
from sqlalchemy.orm import Session
from tests.tickets.conftest import NOON, Yard, issue_signed, sign, want

from mobigo.cli.signing import HOLDERS, MOVEMENTS, RIDES, Signing
from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput
from mobigo.settings import Settings
from mobigo.tickets import codes, keys_store, service, store
from mobigo.tickets.check import Act, Place
from mobigo.tickets.codes import Reason
from mobigo.tickets.keys import Keyring, Use
from mobigo.tickets.model import Format, Holder, Medium, Scope, TicketState
from mobigo.tickets.signer import AHEAD, SIGNS_FOR, Signer

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Engine

    from mobigo.kit.clock import Clock


def test_private_keys_are_files_of_one_owner_and_never_in_the_database(engine: Engine, signer: Signer) -> None:
    issue_signed(engine, signer, want())
    assert stat.S_IMODE(signer.folder.stat().st_mode) == 0o700
    files = list(signer.folder.iterdir())
    assert len(files) == len(Use)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_next_key_is_known_before_it_signs_and_the_last_is_believed_after(engine: Engine, signer: Signer) -> None:
    def keep(now: datetime) -> list[int]:
        with Session(engine) as session, session.begin():
            return [key.kid for key in signer.keep_keys(driver(session), now)]

    assert len(keep(NOON)) == len(Use)
    assert keep(NOON + SIGNS_FOR - AHEAD - timedelta(seconds=1)) == []
    assert len(keep(NOON + SIGNS_FOR - AHEAD + timedelta(seconds=1))) == len(Use)
    with Session(engine) as session:
        for at, number in ((SIGNS_FOR - timedelta(seconds=1), 0), (SIGNS_FOR, 1)):
            kids = sorted(key.kid for key in keys_store.list_keys(driver(session)) if key.use is Use.COMPACT)
            assert signer.choose(driver(session), Use.COMPACT, NOON + at).kid == kids[number]
    (ticket,) = issue_signed(engine, signer, want(valid_until=NOON + timedelta(days=370)))
    with Session(engine) as session:
        keys = Keyring(keys_store.list_keys(driver(session)))
        row = store.find_code(driver(session), ticket.id, Format.UIC)
        assert row
    assert codes.judge(row.data, keys, NOON + timedelta(days=369)).reason is Reason.OK


def test_a_key_whose_file_is_lost_is_replaced(engine: Engine, signer: Signer) -> None:
    issue_signed(engine, signer, want())
    for file in signer.folder.iterdir():
        file.unlink()
    (ticket,) = issue_signed(engine, signer, want())
    assert ticket.state is TicketState.READY


def test_workers_that_sign_at_once_sign_each_ticket_once(engine: Engine, signer: Signer) -> None:
    with Session(engine) as session, session.begin():
        issued = service.issue(session, [want() for _ in range(40)], now=NOON)
    with ThreadPoolExecutor(3) as pool:
        signed = sum(pool.map(lambda _: sign(engine, signer), range(3)))
    assert signed == len(issued)
    with Session(engine) as session:
        for one in issued:
            assert [line.what for line in store.list_history(driver(session), one.id)] == ["issued", "signed"]
        assert len(keys_store.list_keys(driver(session))) == len(Use)


def test_a_ticket_that_cannot_be_signed_holds_up_no_other(yard: Yard) -> None:
    with Session(yard.engine) as session, session.begin():
        bad, good = service.issue(session, [want(currency="EURO"), want()], now=NOON)
    sign(yard.engine, yard.signer)
    with Session(yard.engine) as session:
        assert service.get_ticket(session, good.id).state is TicketState.READY
        assert service.get_ticket(session, bad.id).state is TicketState.BLOCKED
        assert "cannot be written" in str(store.list_history(driver(session), bad.id)[-1].why)


def test_an_item_has_one_ticket_however_often_it_is_asked(yard: Yard) -> None:
    def issue(_: int) -> str:
        with Session(yard.engine) as session, session.begin():
            return service.issue(session, [want(item="order-1/1")], now=NOON)[0].id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(issue, range(8)))) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"valid_from": None, "valid_until": None},
        {"valid_until": NOON - timedelta(days=1)},
        {"product": "x" * 300},
        {"medium": Medium.CARD},
        {"scope": Scope(networks=tuple(f"network number {at}" for at in range(60)))},
        {"scope": Scope(stops=tuple(map(str, range(100))))},
    ],
)
def test_a_ticket_that_no_code_can_hold_is_refused(yard: Yard, given: dict[str, object]) -> None:
    with Session(yard.engine) as session, pytest.raises(InvalidInput, match="of product"):
        service.issue(session, [want(**given)], now=NOON)


def test_the_database_lets_nobody_change_what_was_issued(engine: Engine, signer: Signer) -> None:
    (ticket,) = issue_signed(engine, signer, want())
    for statement in (
        "UPDATE ticket SET valid_until = valid_until + interval '1 day'",
        "UPDATE ticket SET serial = serial - 1",
        "UPDATE ticket_history SET what = 'nothing'",
        "DELETE FROM ticket_history",
    ):
        with Session(engine) as session, pytest.raises(RestrictViolation):
            driver(session).execute(statement.encode())
    with Session(engine) as session, session.begin():
        service.void(session, [ticket.id], why="refunded", now=NOON)
        service.void(session, [ticket.id], why="refunded", now=NOON)
    with Session(engine) as session, pytest.raises(Conflict):
        service.block(session, ticket.id, why="late", now=NOON)
    with Session(engine) as session, pytest.raises(RestrictViolation):
        driver(session).execute(b"UPDATE ticket SET state = 'ready'")


def test_a_blocked_ticket_is_opened_again_and_replaced_codes_stay_refused(engine: Engine, signer: Signer) -> None:
    (ticket,) = issue_signed(engine, signer, want())
    with Session(engine) as session, session.begin():
        service.replace(session, ticket.id, why="lost", now=NOON)
    sign(engine, signer)
    with Session(engine) as session, session.begin():
        assert service.block(session, ticket.id, why="fraud", now=NOON).state is TicketState.BLOCKED
        (denied,) = store.list_denials(driver(session), NOON)
        assert denied.below is None
        assert service.unblock(session, ticket.id, why="no fraud", now=NOON).state is TicketState.READY
        (denied,) = store.list_denials(driver(session), NOON)
        assert denied.below == 2
        with pytest.raises(Conflict, match="not blocked"):
            service.unblock(session, ticket.id, why="again", now=NOON)


def test_places_are_forgotten_first_then_rides_then_people(yard: Yard) -> None:
    (ticket,) = yard.issue(want(holder=Holder("Ann Dupré"), account="ann"))
    device = yard.enrol()
    with Session(yard.engine) as session:
        row = store.find_code(driver(session), ticket.id, Format.COMPACT)
        assert row
    device.present(row.data, Place(stop="demo:semur"), Act.VALIDATION, NOON)
    yard.sync(device)

    def remember(after: timedelta) -> tuple[int, int, int]:
        yard.clock.move(NOON + after, 0)
        url = yard.engine.url.render_as_string(hide_password=False)
        Signing(url, settings(yard)).forget()
        with psycopg.connect(libpq_conninfo(url)) as connection:
            return (
                count(connection, "SELECT count(*) FROM ticket_event WHERE ticket = %s", ticket.id),
                count(connection, "SELECT count(*) FROM ticket_use WHERE ticket = %s", ticket.id),
                count(connection, "SELECT count(*) FROM ticket WHERE id = %s AND holder_name IS NOT NULL", ticket.id),
            )

    now = yard.now
    try:
        assert remember(MOVEMENTS - timedelta(seconds=1)) == (1, 1, 1)
        assert remember(MOVEMENTS + timedelta(seconds=1)) == (0, 1, 1)
        assert remember(RIDES + timedelta(seconds=1)) == (0, 0, 1)
        assert remember(HOLDERS + timedelta(hours=16)) == (0, 0, 0)
        assert yard.ask("GET", f"/{ticket.key}").json()["rides_used"] == 1
    finally:
        yard.clock.move(now, 0)


def count(connection: psycopg.Connection, which: str, value: str) -> int:
    row = connection.execute(which.encode(), [value]).fetchone()
    assert row
    return int(row[0])


def settings(yard: Yard) -> Settings:
    class Sandbox(Settings):
        def open_clock(self) -> Clock:
            return yard.clock

    return Sandbox(yard.home, None, None, (), yard.home)


def test_the_worker_signs_and_publishes(yard: Yard) -> None:
    with Session(yard.engine) as session, session.begin():
        (ticket,) = service.issue(session, [want()], now=NOON)
    working = Signing(yard.engine.url.render_as_string(hide_password=False), settings(yard))
    working.keep()
    working.sign()
    assert yard.ask("GET", f"/{ticket.key}").json()["state"] == "ready"
    assert (yard.home / "ticket_keys.json").exists()
