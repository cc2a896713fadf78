"""Months of use are opened as they are typed, and by the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.usage import crowd
from tests.usage.crowd import DAYS

from mobigo.cli.opening import open_due
from mobigo.db.engine import libpq_conninfo
from mobigo.settings import read_settings
from mobigo.usage import opening, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def october(database_url: str) -> str:
    """A month that is counted for good."""
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        crowd.note(connection, crowd.gather(30, seed=1), seed=1)
        for day in DAYS:
            opening.note_day(connection, store.read_notes(connection, day))
    return database_url


@pytest.mark.usefixtures("october")
def test_a_month_is_opened_once(run: Run, home: Path) -> None:
    code, told, _ = run("usage", "open", "2026-10")
    assert code == 0
    assert told.startswith("2026-10  ")
    assert "rows of rides" in told
    assert (home / "open-usage.key").stat().st_mode & 0o777 == 0o600
    code, _, why = run("usage", "open", "2026-10")
    assert (code, "open already" in why) == (1, True)
    assert "no month is due" in run("usage", "open")[1]


def test_the_worker_opens_what_is_due_and_has_it_published(october: str, home: Path) -> None:
    assert home.exists()
    for opened in (1, 1):
        open_due(october, read_settings())
        with psycopg.connect(libpq_conninfo(october)) as connection:
            assert connection.execute("SELECT count(*) FROM usage_open_month").fetchone() == (opened,)
            jobs = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'opendata.publish'"
            assert connection.execute(jobs).fetchone() == (1,)


def test_what_is_no_month_and_settings_that_tell_too_much_are_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for month in ("2026-13", "october", "2026-10-01"):
        code, _, why = run("usage", "open", month)
        assert (code, "is no month; write it like 2026-10" in why) == (2, True)
    for name, text, told in (
        ("FEWEST", "4", "choose 5 to 1000"),
        ("STEP", "1001", "choose 5 to 1000"),
        ("STEP", "-5", "write digits"),
    ):
        with monkeypatch.context() as changed:
            changed.setenv(f"MOBIGO_OPEN_USAGE_{name}", text)
            code, _, why = run("usage", "open")
            assert (code, told in why) == (2, True)
