"""The close of a month is killed at any moment, or called twice at once: the next one ends with the same totals."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.carpool.money_rows import PAYER, Driven, Sat, put_driven, put_people

from mobigo.accounts.key import read_key
from mobigo.carpool.month import Closer, sum_file
from mobigo.db.engine import libpq_conninfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import Engine

MARCH = date(2026, 3, 1)
KILLS = 3
RUNS = 400
KEYS = ["runs", "total_cents", "ledger_cents", "sepa_cents", "sepa_file", "already_closed"]


@pytest.fixture
def world(database_url: str, home: Path) -> Mapping[str, str]:
    """Runs of a month in a database; what a command's environment says."""
    chance = random.Random(3)
    people = [f"p{n}" for n in range(150)]
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        put_people(connection, people, key=read_key(home, "bank"))
        put_people(connection, ["penniless"], iban=None)
        runs = []
        for n in range(RUNS):
            *drivers, paul, rose = chance.sample(people, 3)
            sat = [Sat(paul, 0, 12_000), Sat(rose, 5_000, 30_000, 2)]
            day = MARCH + timedelta(chance.randrange(31))
            runs.append(Driven(f"r{n}", "penniless" if n % 100 == 0 else drivers[0], day, sat))
        put_driven(connection, runs)
    return {"MOBIGO_HOME": str(home), "MOBIGO_DATABASE_URL": database_url}


def start(world: Mapping[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "mobigo", "carpool", "close-month", "2026-03", "--json", *arguments]
    environment = {**os.environ, **world, "PYTHONPATH": "src"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(process: subprocess.Popen[str]) -> dict[str, object]:
    out, problem = process.communicate(timeout=600)
    assert process.returncode == 0, problem
    found: dict[str, object] = json.loads(out)
    assert list(found) == KEYS
    assert found["total_cents"] == found["ledger_cents"] == found["sepa_cents"]
    return found


def test_killed_in_the_middle_the_next_one_ends_with_the_same_totals(world: Mapping[str, str]) -> None:
    begun = time.monotonic()
    trial = told(start(world, "--dry-run"))
    whole = time.monotonic() - begun
    assert (trial["runs"], trial["total_cents"]) == (396, 396 * 500)  # 30 km and two additional passengers
    chance = random.Random(5)
    for _ in range(KILLS):
        process = start(world)
        time.sleep(chance.uniform(0.3, 1.0) * whole)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    found = told(start(world))
    assert [found[key] for key in KEYS[:4]] == [trial[key] for key in KEYS[:4]]
    file = Path(str(found["sepa_file"]))
    assert file.stat().st_mode & 0o777 == 0o600
    content = file.read_bytes()
    assert sum_file(content) == found["sepa_cents"]
    file.unlink()  # lost between the commit and its being written, it is written again
    again = told(start(world))
    assert again == {**found, "already_closed": True}
    assert file.read_bytes() == content
    with psycopg.connect(libpq_conninfo(world["MOBIGO_DATABASE_URL"])) as connection:
        sums = connection.execute(
            "SELECT (SELECT count(*) FROM carpool_award), (SELECT count(DISTINCT run) FROM carpool_award),"
            " (SELECT sum(cents) FROM carpool_award WHERE payout IS NOT NULL), (SELECT sum(cents) FROM carpool_payout),"
            " (SELECT -sum(cents) FROM ledger_posting WHERE account = 'bank'),"
            " (SELECT -sum(cents) FROM ledger_posting WHERE account = 'carpool_drivers')"
        ).fetchone()
    assert sums == (RUNS, RUNS, found["total_cents"], found["total_cents"], found["total_cents"], 4 * 500)


def test_closed_by_several_at_once_it_is_closed_once(world: Mapping[str, str], engine: Engine) -> None:
    key = read_key(Path(world["MOBIGO_HOME"]), "bank")

    def close(_: int) -> tuple[bool, int]:
        with Session(engine) as session, session.begin():
            found = Closer(session, key=key, payer=PAYER).close(MARCH, by="f", now=datetime(2026, 4, 1, tzinfo=UTC))
            return found.already_closed, found.total

    with ThreadPoolExecutor(3) as pool:
        found = sorted(pool.map(close, range(3)))
    assert [already for already, _ in found] == [False, True, True]
    assert len({total for _, total in found}) == 1
