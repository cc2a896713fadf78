"""The worker: runs queued jobs, and queues what is due. It outlives restarts of the database.

A task is a plain function; it runs in a thread. Of each queue one job runs at a time per worker, since the long jobs
use all cores themselves; any number of workers may share the queues.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import structlog
from procrastinate import App, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException

from mobigo.jobs.schedule import LIVE, LONG, PROMPT, QUEUE, queue_due

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mobigo.jobs.schedule import Periodic
    from mobigo.kit.clock import Clock

    Task = Callable[..., object]

log = structlog.get_logger()

LOOK = 2.0
"""Seconds between two looks at the schedule."""

PAUSE = 1.0
"""Seconds before the database is tried again."""

SILENT = 30.0
"""Seconds without a sign of life after which a worker's job is given to another."""

RETRY = RetryStrategy(max_attempts=5, exponential_wait=4)
"""A failed job runs again after 4, 16, 64 and 256 seconds."""


class Worker:
    """Runs the tasks of one database until it is stopped.

    Parameters
    ----------
    conninfo : str
        Address of the database, as libpq reads it.
    tasks : mapping
        What the worker can do, by name.
    schedule : sequence
        Which of these run again and again.
    """

    def __init__(
        self, conninfo: str, tasks: Mapping[str, Task], schedule: Sequence[Periodic] = (), *, clock: Clock
    ) -> None:
        self._conninfo = conninfo
        self._tasks = tasks
        self._schedule = schedule
        self._clock = clock
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._run: asyncio.Future[list[None]] | None = None

    def run(self) -> None:
        """Work until `stop` is called; reconnect whenever the database was away."""
        timer = threading.Thread(target=self._watch_schedule, daemon=True)
        timer.start()
        while not self._stopped.is_set():
            try:
                asyncio.run(self._work(wait=True))
            except (psycopg.Error, ConnectorException, OSError) as error:
                log.warning("the worker lost the database; trying again", error=str(error).splitlines()[0])
                self._stopped.wait(PAUSE)
        timer.join()

    def run_waiting(self) -> None:
        """Do what waits now, then return."""
        asyncio.run(self._work(wait=False))

    def stop(self) -> None:
        """End `run`: a job that runs is given up and will run again. May be called from any thread or a signal."""
        self._stopped.set()
        loop, run = self._loop, self._run
        if loop is not None and run is not None and not loop.is_closed():
            loop.call_soon_threadsafe(run.cancel)

    async def _work(self, *, wait: bool) -> None:
        app = App(connector=PsycopgConnector(conninfo=self._conninfo, min_size=1, max_size=8, timeout=10))
        for name, task in self._tasks.items():
            app.task(task, name=name, retry=RETRY)
        async with app.open_async():
            self._loop = asyncio.get_running_loop()
            self._run = asyncio.gather(
                *(
                    app.run_worker_async(
                        queues=[queue],
                        wait=wait,
                        install_signal_handlers=False,
                        listen_notify=wait,
                        shutdown_graceful_timeout=5,
                        delete_jobs="successful",
                    )
                    for queue in (QUEUE, PROMPT, LIVE, LONG)
                )
            )
            rescue = asyncio.create_task(_rescue(app))
            if self._stopped.is_set():
                self._run.cancel()
            try:
                await self._run
            except asyncio.CancelledError:
                if not self._stopped.is_set():
                    raise
            finally:
                rescue.cancel()

    def _watch_schedule(self) -> None:
        while not self._stopped.wait(LOOK):
            try:
                for task in queue_due(self._conninfo, self._schedule, self._clock.now()):
                    log.info("due", task=task)
            except psycopg.Error as error:
                log.warning("the schedule waits for the database", error=str(error).splitlines()[0])


async def _rescue(app: App) -> None:
    """Queue again what a worker left undone when it was killed."""
    while True:
        with suppress(ConnectorException):  # the run itself meets the same and ends
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=SILENT):
                await app.job_manager.retry_job(job)
        await asyncio.sleep(SILENT / 2)
