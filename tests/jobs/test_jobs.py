"""Jobs: queued with the transaction that asks, done once, found again after a crash, on time by the moved clock."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo
from mobigo.jobs.queue import enqueue
from mobigo.jobs.schedule import LIVE, PROMPT, Periodic, queue_due
from mobigo.jobs.worker import Worker
from mobigo.kit.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Engine

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


def run_waiting(url: str, **tasks: object) -> None:
    Worker(libpq_conninfo(url), tasks, clock=Clock()).run_waiting()  # type: ignore[arg-type]


def wait_until(condition: object, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


@contextmanager
def running(worker: Worker) -> Iterator[None]:
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(120)
        assert not thread.is_alive()


def test_a_job_commits_with_the_transaction_that_asks_for_it(engine: Engine, database_url: str) -> None:
    done: list[str] = []
    with Session(engine) as session:
        enqueue(session, "note", {"text": "rolled back"})
        session.rollback()
        enqueue(session, "note", {"text": "kept"})
        session.commit()

    def note(text: str) -> None:
        done.append(text)

    run_waiting(database_url, note=note)
    assert done == ["kept"]


def test_asking_twice_for_what_still_waits_queues_it_once_and_spares_the_transaction(
    engine: Engine, database_url: str
) -> None:
    done: list[int] = []
    with Session(engine) as session:
        assert enqueue(session, "count", once="count") is not None
        assert enqueue(session, "count", once="count") is None
        assert enqueue(session, "other") is not None
        session.commit()
    run_waiting(database_url, count=lambda: done.append(1), other=lambda: done.append(2))
    assert sorted(done) == [1, 2]


def test_a_worker_outlives_its_connections(engine: Engine, database_url: str) -> None:
    done: list[int] = []
    worker = Worker(libpq_conninfo(database_url), {"count": lambda: done.append(1)}, clock=Clock())
    with running(worker), psycopg.connect(libpq_conninfo(database_url), autocommit=True) as admin:
        for n in (1, 2):
            with Session(engine) as session:
                enqueue(session, "count")
                session.commit()
            wait_until(lambda n=n: len(done) == n)
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def test_a_job_of_a_killed_worker_is_queued_again(engine: Engine, database_url: str) -> None:
    done: list[int] = []
    with Session(engine) as session:
        enqueue(session, "count")
        session.commit()
    with psycopg.connect(libpq_conninfo(database_url), autocommit=True) as connection:
        connection.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour')")
        connection.execute("UPDATE procrastinate_jobs SET status = 'doing', worker_id = 1")
    with running(Worker(libpq_conninfo(database_url), {"count": lambda: done.append(1)}, clock=Clock())):
        wait_until(lambda: done == [1])


def test_what_people_wait_for_does_not_wait_for_a_long_job(engine: Engine, database_url: str) -> None:
    begun, over, kept, told = (threading.Event() for _ in range(4))

    def build() -> None:
        begun.set()
        assert over.wait(600)

    with Session(engine) as session:
        enqueue(session, "build")
        session.commit()
    schedule = [
        Periodic("keep", timedelta(seconds=20), at_once=True, queue=PROMPT),
        Periodic("listen", timedelta(seconds=20), at_once=True, queue=LIVE),
    ]
    tasks = {"build": build, "keep": kept.set, "listen": told.set}
    worker = Worker(libpq_conninfo(database_url), tasks, schedule, clock=Clock())
    with running(worker):
        assert begun.wait(120)
        assert kept.wait(120)
        assert told.wait(120)
        over.set()


def test_a_nightly_task_is_due_once_a_night(database_url: str) -> None:
    conninfo, schedule = libpq_conninfo(database_url), [Periodic("nightly", timedelta(days=1), timedelta(hours=3))]
    looks = [
        (4, []),  # hours from midnight: met for the first time, what was due before is not made up for
        (26, []),  # not yet
        (27, ["nightly"]),  # due
        (28, []),  # once
        (220, []),  # the one that waits makes up for the nights between
        (5, []),  # the clock was put back: nothing runs for a future that has not happened
    ]
    assert [(hour, queue_due(conninfo, schedule, MIDNIGHT + timedelta(hours=hour))) for hour, _ in looks] == looks


def test_a_task_that_cannot_wait_is_queued_when_it_is_met_and_when_the_clock_was_put_back(database_url: str) -> None:
    conninfo = libpq_conninfo(database_url)
    schedule = [Periodic("look", timedelta(seconds=20), at_once=True)]
    done: list[int] = []

    def look(second: int) -> bool:
        queued = bool(queue_due(conninfo, schedule, MIDNIGHT + timedelta(seconds=second)))
        run_waiting(database_url, look=lambda: done.append(second))
        return queued

    assert [look(second) for second in (5, 15, 20, 39, -86400, -86390, 60)] == [
        True, False, True, False, True, False, True
    ]  # fmt: skip
    assert done == [5, 20, -86400, 60]


def test_skipping_a_night_in_a_sandbox_has_the_nightly_task_done(database_url: str, tmp_path: Path) -> None:
    clock, done = Clock(tmp_path / "clock.json"), []
    clock.move(MIDNIGHT, 0)
    schedule = [Periodic("nightly", timedelta(days=1), timedelta(hours=3))]
    worker = Worker(libpq_conninfo(database_url), {"nightly": lambda: done.append(1)}, schedule, clock=clock)
    with running(worker):
        wait_until(lambda: queue_due(libpq_conninfo(database_url), schedule, MIDNIGHT) == [])
        clock.advance(timedelta(days=1))
        wait_until(lambda: done == [1])
