"""What the database itself refuses, whoever writes: promises broken, seats sold twice, half bookings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.ondemand.taxi_town import TUESDAY

from mobigo.db.engine import libpq_conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ondemand.taxi_town import TaxiTown


@pytest.fixture
def connection(taxi_town: TaxiTown) -> Iterator[psycopg.Connection]:
    """A connection to a database with two rides booked on one run: four and three people, the same way at once."""
    for adults in (4, 3):
        taxi_town.book(taxi_town.quote(9, party={"adults": adults}))
    with psycopg.connect(libpq_conninfo(taxi_town.database_url), autocommit=True) as connection:
        yield connection


REFUSED = {
    "a seat is sold twice": (
        """
        UPDATE ondemand_leg SET load = '{6,0,0,0,0}' WHERE load[1] = 4;
        UPDATE ondemand_event SET load = '{6,0,0,0,0}' WHERE load[1] = 4;
        UPDATE ondemand_event SET load = '{-6,0,0,0,0}' WHERE load[1] = -4
        """,
        "ondemand_run_can_be_driven",
    ),
    "the vehicle becomes smaller than who is booked": (
        "UPDATE ondemand_run SET room = '{6,1,4,0,2}'",
        "ondemand_run_can_be_driven",
    ),
    "people get off before they got on": (
        "UPDATE ondemand_event SET position = -1 - position",
        "ondemand_run_can_be_driven",
    ),
    "the vehicle comes later than promised": (
        """
        UPDATE ondemand_event SET arrival = latest + interval '1 second', departure = latest + interval '2 minutes'
        WHERE kind = 'pickup'
        """,
        "ondemand_event_latest_check",
    ),
    "the promise of the plan is moved, that of the booking is not": (
        "UPDATE ondemand_event SET latest = latest + interval '1 second' WHERE kind = 'pickup'",
        "ondemand_run_keeps_promises",
    ),
    "somebody is expected before they must be ready": (
        "UPDATE ondemand_event SET earliest = earliest - interval '1 second' WHERE kind = 'pickup'",
        "ondemand_run_keeps_promises",
    ),
    "somebody sits longer than promised": (
        "UPDATE ondemand_leg SET longest_ride = 60; UPDATE ondemand_run SET revision = revision + 1",
        "ondemand_run_keeps_promises",
    ),
    "a stop of a ride is lost": (
        "DELETE FROM ondemand_event WHERE kind = 'drop_off' AND load[1] = -3",
        "ondemand_run_keeps_promises",
    ),
    "a ride is confirmed that has no vehicle": (
        "UPDATE ondemand_leg SET run = NULL",
        "ondemand_leg_run_check",
    ),
    "a cancelled ride keeps its stops": (
        "UPDATE ondemand_leg SET state = 'cancelled_by_user' WHERE load[1] = 3",
        "ondemand_leg_is_planned",
    ),
    "the vehicle works outside its shift": (
        "UPDATE ondemand_run SET ends = starts + interval '1 minute'",
        "ondemand_run_can_be_driven",
    ),
}


def test_the_database_refuses_whoever_writes(connection: psycopg.Connection) -> None:
    before = connection.execute("SELECT * FROM ondemand_event ORDER BY position").fetchall()
    assert len(before) == 4
    for what, (statement, constraint) in REFUSED.items():
        with pytest.raises(psycopg.errors.CheckViolation) as refused, connection.transaction():
            connection.execute(statement.encode())
        assert refused.value.diag.constraint_name == constraint, (what, str(refused.value))
    assert connection.execute("SELECT * FROM ondemand_event ORDER BY position").fetchall() == before


def test_a_promise_moves_only_where_the_booking_says_so(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("UPDATE ondemand_leg SET shifted = 300")
        connection.execute(
            "UPDATE ondemand_event SET latest = latest + interval '300 seconds' WHERE kind IN ('pickup', 'drop_off')"
        )
    (row,) = connection.execute("SELECT count(*) FROM ondemand_event WHERE latest > %s", [TUESDAY]).fetchall()
    assert row == (4,)


def test_what_has_happened_is_not_checked_for_lateness(connection: psycopg.Connection) -> None:
    with connection.transaction():
        connection.execute("UPDATE ondemand_leg SET state = 'on_board'")
        connection.execute(
            "UPDATE ondemand_event SET done = true, arrival = latest + interval '1 hour', departure = latest + interval"
            " '2 hours' WHERE kind = 'pickup'"
        )
