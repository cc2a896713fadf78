"""Whoever holds the whole database tries to join what is noted and counted of use back to those who booked."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql
from tests.conftest import new_database
from tests.ondemand.taxi_town import TUESDAY, open_town

from mobigo.accounts.model import Role
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.trace.store import gather
from mobigo.usage.service import count_day, plan_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ondemand.taxi_town import TaxiTown

PEOPLE = {"ana": 9, "ben": 11, "cleo": 13, "dan": 15}
"""Who rides at which hour."""

NOTED = ("trace_search", "trace_change", "trace_ride", "trace_run", "trace_call")
COUNTED = (
    "usage_demand", "usage_refusal", "usage_load", "usage_punctuality", "usage_change", "usage_supply",
    "usage_open_day", "usage_open_noted",
)  # fmt: skip

TEXTS = {
    "service", "source", "route", "trip", "stop", "deed", "category", "product", "reason", "outcome", "to_source",
    "to_trip", "to_stop",
}  # fmt: skip
"""Columns that say what timetables and lists of words say."""
KINDS = {"date", "int2", "int4", "int8", "float4", "text", "_text", "bytea", "bool"}
"""Of columns: no instant, no coordinate."""

Found = dict[str, set[str]]


@pytest.fixture(scope="module")
def ridden(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Tuesday on which four travellers booked a ride and had it, counted for good a week later."""
    home = tmp_path_factory.mktemp("home")
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with open_town(engine, home, url) as town:
            for name, hour in PEOPLE.items():
                contact = {"name": f"{name} Martin", "phone": f"06 12 34 56 {hour:02}", "email": f"{name}@example.org"}
                booking = town.book(town.quote(hour), contact=contact, headers=town.token(Role.TRAVELLER, name))
                ride(town, booking["legs"][0])
                town.put_clock(TUESDAY + timedelta(hours=7))
        with psycopg.connect(libpq_conninfo(url)) as connection:
            assert gather(connection) == 3 * len(PEOPLE)
        (task,) = plan_tasks(url, [TUESDAY.date()], TUESDAY + timedelta(days=8))
        assert task.final
        count_day(task)
        yield libpq_conninfo(url)
        engine.dispose()


def ride(town: TaxiTown, leg: dict[str, Any]) -> None:
    begins = datetime.fromisoformat(leg["planned_pickup"])
    for state, minutes in (("arrived", 0), ("on_board", 1), ("completed", 20)):
        town.put_clock(begins + timedelta(minutes=minutes))
        said = town.post(f"legs/{leg['id']}/state", {"state": state}, **town.token(Role.DRIVER, "bus"))
        assert said.status_code == 200, said.text


def list_tables(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mobigo' AND table_type = 'BASE TABLE'"
    )
    return [name for (name,) in rows]


def read_words(connection: psycopg.Connection[Any], tables: tuple[str, ...] | list[str]) -> Found:
    """Read every word and number of five signs and more that tables hold, by table."""
    found: Found = {}
    for table in tables:
        rows = connection.execute(
            sql.SQL("SELECT e.value FROM {} t, jsonb_each_text(to_jsonb(t)) e WHERE e.value IS NOT NULL").format(
                sql.Identifier(table)
            )
        )
        words = {word for (row,) in rows for word in re.findall(r"[\w.+@-]{5,}", row)}
        found[table] = words
    return found


def test_no_word_of_a_booking_is_in_what_is_noted(ridden: str) -> None:
    """Neither ids, names, telephones, addresses nor coordinates: only what the timetable and the calendar say."""
    with psycopg.connect(ridden) as connection:
        noted = read_words(connection, [*NOTED, *COUNTED])
        private = read_words(
            connection, [one for one in list_tables(connection) if one.startswith("ondemand_booking") or "leg" in one]
        )
        told = connection.execute("SELECT * FROM trace_ride").fetchall()
    assert len(told) == 3 * len(PEOPLE)
    assert any("@example.org" in word for words in private.values() for word in words)
    common = set.union(*private.values()) & set.union(*noted.values())
    words_of_all = {"ondemand", "booked", "boarded", "alighted", TUESDAY.date().isoformat()}
    assert common <= words_of_all


def test_no_note_has_a_time_of_what_a_person_did_or_a_place_on_a_map(ridden: str) -> None:
    with psycopg.connect(ridden) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, udt_name FROM information_schema.columns"
            " WHERE table_schema = 'mobigo' AND table_name = ANY (%s)",
            [[*NOTED, *COUNTED]],
        ).fetchall()
    assert {kind for _, _, kind in columns} <= {
        "date",
        "int2",
        "int4",
        "int8",
        "float4",
        "text",
        "_text",
        "bytea",
        "bool",
    }
    assert {(table, name) for table, name, kind in columns if kind == "bytea"} == {
        ("trace_search", "who"),
        ("trace_ride", "who"),
    }
    assert {name for table, name, kind in columns if kind == "text" and table in NOTED} <= TEXTS


def test_masks_are_nowhere_else_and_lead_to_nobody(ridden: str) -> None:
    with psycopg.connect(ridden) as connection:
        masks = [who.hex() for (who,) in connection.execute("SELECT DISTINCT who FROM trace_ride")]
        assert len(masks) == len(PEOPLE)
        for table in set(list_tables(connection)) - {"trace_ride", "trace_ride_arriving"}:
            held = connection.execute(
                sql.SQL("SELECT count(*) FROM {} t WHERE to_jsonb(t)::text ~ %s").format(sql.Identifier(table)),
                ["|".join(masks)],
            ).fetchone()
            assert held == (0,), table


def test_neither_transactions_nor_order_tell_whose_note_is_whose(ridden: str) -> None:
    with psycopg.connect(ridden) as connection:
        noted = {xmin for (xmin,) in connection.execute("SELECT DISTINCT xmin::text FROM trace_ride")}
        for table in set(list_tables(connection)) - {"trace_ride", "trace_noted"}:
            same = connection.execute(
                sql.SQL("SELECT count(*) FROM {} WHERE xmin::text = ANY (%s)").format(sql.Identifier(table)),
                [list(noted)],
            ).fetchone()
            assert same == (0,), table
        assert connection.execute("SELECT count(*) FROM trace_ride_arriving").fetchone() == (0,)


def test_what_is_counted_for_the_public_is_of_places_and_hours(ridden: str) -> None:
    with psycopg.connect(ridden) as connection:
        rows = connection.execute("SELECT layout, place, total FROM usage_open_day").fetchall()
    assert sorted((layout, place[2], place[-1], total) for layout, place, total in rows) == [
        ("rides", "boarded", band, total) for band, total in (("09-12", 2), ("12-14", 1), ("14-16", 1))
    ]
