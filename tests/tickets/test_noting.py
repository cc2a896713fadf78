"""What is noted of validations: who got on where and when, and of no ticket."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy.orm import Session
from tests.tickets.conftest import NOON, Yard, want

from mobigo.db.engine import libpq_conninfo
from mobigo.db.session import driver
from mobigo.tickets import store
from mobigo.tickets.check import Act, Place
from mobigo.tickets.model import Format
from mobigo.trace.store import gather

if TYPE_CHECKING:
    from mobigo.tickets.model import Ticket

BUS = Place(agency="demo:A", route="demo:LR02", stop="demo:semur", trip="demo:T1", service_date=NOON.date())


def list_notes(yard: Yard) -> list[dict[str, Any]]:
    where = libpq_conninfo(yard.engine.url.render_as_string(hide_password=False))
    with psycopg.connect(where, row_factory=psycopg.rows.dict_row) as connection:
        gather(connection)
        return connection.execute("DELETE FROM trace_ride RETURNING *").fetchall()


def code_of(yard: Yard, ticket: Ticket) -> bytes:
    with Session(yard.engine) as session:
        row = store.find_code(driver(session), ticket.id, Format.COMPACT)
    assert row
    return row.data


def test_a_validation_is_a_boarding_and_an_inspection_is_not(yard: Yard) -> None:
    (ticket,) = yard.issue(want())
    device, data = yard.enrol(), code_of(yard, ticket)
    device.present(data, BUS, Act.VALIDATION, NOON)
    device.present(data, BUS, Act.INSPECTION, NOON + timedelta(minutes=9))
    yard.sync(device)
    yard.sync(device)
    (one,) = list_notes(yard)
    assert (one["deed"], one["service"], one["passengers"]) == ("boarded", "transit", 1)
    assert (one["source"], one["route"], one["trip"], one["stop"]) == ("demo", "LR02", "T1", "semur")
    assert (one["day"], one["hour"], one["product"], one["category"]) == (NOON.date(), 12, "day", "adult")
    assert ticket.id not in str(one)
    assert len(one["who"]) == 8


def test_a_ticket_that_is_not_good_is_no_boarding(yard: Yard) -> None:
    (ticket,) = yard.issue(want(valid_from=NOON + timedelta(days=3), valid_until=NOON + timedelta(days=4)))
    device = yard.enrol()
    device.present(code_of(yard, ticket), BUS, Act.VALIDATION, NOON)
    yard.sync(device)
    assert list_notes(yard) == []


def test_one_ticket_is_one_mask_on_a_day(yard: Yard) -> None:
    first, second = yard.issue(want(), want())
    device = yard.enrol()
    for ticket, minutes in ((first, 0), (first, 100), (second, 5)):
        device.present(code_of(yard, ticket), BUS, Act.VALIDATION, NOON + timedelta(minutes=minutes))
    yard.sync(device)
    masks = [bytes(one["who"]) for one in list_notes(yard)]
    assert len(masks) == 3
    assert len(set(masks)) == 2
