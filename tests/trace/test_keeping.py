"""Notes that come with a booking, and how long all notes are kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.conftest import new_database

from mobigo.cli.tracing import forget_notes, gather_notes
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.kit.errors import InvalidInput
from mobigo.settings import Settings, read_settings
from mobigo.trace import store
from mobigo.trace.keeping import KINDS, LONGEST, forget
from mobigo.trace.masks import Masks
from mobigo.trace.model import Call, Change, Deed, Outcome, Ride, Run, Search, Service
from mobigo.trace.noting import carry_masks, note_ride, note_rides, note_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAYS = dict(Settings.trace_days)


@pytest.fixture(scope="module")
def url(test_cluster: str) -> Iterator[str]:
    with new_database(test_cluster) as found:
        yield found


@pytest.fixture
def connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(libpq_conninfo(url)) as found:
        names = [*store.TABLES.values(), *store.ARRIVING.values(), "trace_noted", "usage_day"]
        found.execute(f"TRUNCATE {', '.join(names)}".encode())
        found.commit()
        yield found


def ride(day: date = TODAY, **more: Any) -> Ride:  # noqa: ANN401 - fields of a ride
    return Ride(day=day, hour=8, deed=Deed.BOARDED, service=Service.TRANSIT, **more)


def put_one_of_each(connection: psycopg.Connection[Any], day: date) -> None:
    store.copy_notes(connection, [Search(day, 8, None, 1, 2, day, 480, False, Outcome.ANSWERED)])
    store.copy_notes(connection, [Change(day, "a", "t", "s", 1, day, "a", "u", "s", 2, 0)])
    store.copy_notes(connection, [ride(day)])
    store.copy_notes(connection, [Run(day, 8, Service.CARPOOL, "", "", 1, 0, 1, 1)])
    store.copy_notes(connection, [Call(day, "a", "r", "t", 1, "s", 1, 2, 0, 0)])


def count(connection: psycopg.Connection[Any], table: str) -> int:
    (found,) = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() or (0,)
    return int(found)


def test_a_note_is_there_with_what_it_tells_of_or_not_at_all(
    connection: psycopg.Connection[Any], url: str, tmp_path: Path
) -> None:
    engine = carry_masks(open_engine(url), Masks(tmp_path))
    for fails in (False, True):
        with pytest.raises(ZeroDivisionError) if fails else Session(engine), Session(engine) as session:
            note_ride(session, ride(), "ada", NOW)
            note_rides(session, [(ride(), "ada"), (ride(), None)], NOW)
            note_run(session, Run(TODAY, 8, Service.ONDEMAND, "a", "", 9, 1, 2, 3))
            if fails:
                raise ZeroDivisionError
            session.commit()
    engine.dispose()
    assert (count(connection, "trace_ride"), count(connection, "trace_ride_arriving")) == (0, 3)
    assert store.gather(connection) == 4
    assert (count(connection, "trace_ride"), count(connection, "trace_ride_arriving")) == (3, 0)
    masks = [row[0] for row in connection.execute("SELECT who FROM trace_ride").fetchall()]
    assert len([one for one in masks if one]) == 2
    assert len({bytes(one) for one in masks if one}) == 1


def test_notes_come_out_in_no_order_of_their_arrival(connection: psycopg.Connection[Any]) -> None:
    for number in range(200):
        store.add_note(connection, ride(passengers=number))
    store.gather(connection)
    order = [row[0] for row in connection.execute("SELECT passengers FROM trace_ride ORDER BY ctid").fetchall()]
    assert sorted(order) == list(range(200))
    assert order != list(range(200))


def test_nobody_has_a_mask_where_the_engine_carries_none(connection: psycopg.Connection[Any], url: str) -> None:
    engine = open_engine(url)
    with Session(engine) as session, session.begin():
        note_ride(session, ride(), "ada", NOW)
    engine.dispose()
    store.gather(connection)
    assert connection.execute("SELECT who FROM trace_ride").fetchall() == [(None,)]


def test_a_note_is_forgotten_when_its_day_is_counted_and_some_days_are_over(
    connection: psycopg.Connection[Any],
) -> None:
    days = [TODAY - timedelta(days=n) for n in (0, 6, 7, 8, 9)]
    for day in days:
        put_one_of_each(connection, day)
    forgotten = forget(connection, DAYS, {days[1], days[3]}, NOW)
    assert forgotten == {"search": 1, "change": 1, "ride": 1, "run": 1, "call": 0}
    assert store.list_days(connection, Search) == sorted({*days} - {days[3]})


def test_a_note_is_forgotten_in_the_end_though_nobody_counts(connection: psycopg.Connection[Any]) -> None:
    for n in (LONGEST, LONGEST + 1, 400, 401):
        put_one_of_each(connection, TODAY - timedelta(days=n))
    forget(connection, DAYS, set(), NOW)
    for name, kind in KINDS.items():
        left = [(TODAY - day).days for day in store.list_days(connection, kind)]
        assert left == ([400, 15, 14] if name == "call" else [14])


def test_the_worker_gathers_and_destroys(connection: psycopg.Connection[Any], url: str, tmp_path: Path) -> None:
    (tmp_path / "sandbox").touch()
    Clock(tmp_path / "clock.json").move(NOW, 0)
    settings = Settings(tmp_path, url, None, (), tmp_path)
    masks = Masks(tmp_path)
    masks.mask("search", "ada", TODAY - timedelta(days=2), NOW - timedelta(days=2))
    masks.mask("search", "ada", TODAY, NOW)
    store.add_note(connection, ride())
    put_one_of_each(connection, TODAY - timedelta(days=9))
    connection.execute(
        "INSERT INTO usage_day (day, day_type, counted_at, final) VALUES (%s, 'weekday', %s, true)",
        [TODAY - timedelta(days=9), NOW],
    )
    connection.commit()
    gather_notes(url)
    forget_notes(url, settings)
    assert [file.name for file in (tmp_path / "trace").iterdir()] == ["2026-11-23.key"]
    assert store.list_days(connection, Ride) == [TODAY]
    assert store.list_days(connection, Call) == [TODAY - timedelta(days=9)]


def test_runs_are_claimed_once(connection: psycopg.Connection[Any]) -> None:
    assert store.claim(connection, "ondemand", {"1": TODAY, "2": TODAY}) == ["1", "2"]
    assert store.claim(connection, "ondemand", {"2": TODAY, "3": TODAY}) == ["3"]
    store.forget_noted(connection, TODAY + timedelta(days=1))
    assert store.claim(connection, "ondemand", {"1": TODAY}) == ["1"]


def test_how_long_notes_are_kept_is_set_by_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBIGO_TRACE_DAYS", "search=3 call=30")
    assert dict(read_settings().trace_days) == {**DAYS, "search": 3, "call": 30}


@pytest.mark.parametrize("text", ["search=15", "ride", "ride=0", "ride=x", "call=4000", "people=3", "ride=-1"])
def test_notes_of_people_cannot_be_kept_long(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MOBIGO_TRACE_DAYS", text)
    with pytest.raises(InvalidInput, match="MOBIGO_TRACE_DAYS"):
        read_settings()
