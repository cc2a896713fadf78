"""Long work cut into tasks for Dask: on processes of this machine, or wherever a scheduler's workers are.

A task must be a value that knows all it needs, as the database's address; its result goes back by the scheduler, so it
is small. Here, the processes are reached over TLS with keys of the moment: whoever may hand tasks to a scheduler may
run any code. Elsewhere, Dask's own configuration says how (``DASK_DISTRIBUTED__COMM__TLS__CA_FILE`` and the like).
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

import dask
from distributed import Client, KilledWorker, LocalCluster, Security
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.exceptions import WorkerStartTimeoutError

from mobigo import __version__
from mobigo.kit.errors import MobigoError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Future

T = TypeVar("T")
R = TypeVar("R")

PROCESSES = 2
"""Of a cluster of this machine, at most."""

MEMORY = 1 << 30
"""Bytes a process of this machine may take; one that takes more is ended, and its task tried elsewhere."""

QUIET: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
"""Processes of this machine tell nobody by HTTP what they do."""

SPAWNED = {"POLARS_MAX_THREADS": "1", "DASK_LOGGING__DISTRIBUTED": "critical"}
"""Environment of processes of this machine: there are as many as processors, and what fails is told with the result,
while that a heartbeat met the end of the work is nobody's concern."""

SPAWNING = "distributed.nanny.pre-spawn-environ"
"""Where Dask is told with what processes begin."""

PATIENCE = 20.0
"""Seconds until a scheduler answers, and has a worker."""

GLANCE, LONELY = 5.0, 60.0
"""Seconds between two looks at whether anybody works, and for how long nobody may."""

TRIES = 2
"""More, for a task whose worker was lost or that failed for a moment's reason."""


class Crew:
    """Processes that work on tasks.

    Parameters
    ----------
    client : Client
        Of the scheduler that hands them out.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    def work(self, function: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R | MobigoError]]:
        """Have a function done on each task, and tell as they are done its result, or why there is none.

        One that fails does not stop the others.
        """
        futures = (self.client.submit(_attempt, function, task, pure=False, retries=TRIES) for task in tasks)
        of = dict(zip(futures, tasks, strict=True))
        done: SimpleQueue[Future[R | MobigoError]] = SimpleQueue()
        try:
            for future in of:
                future.add_done_callback(done.put)
            while of:
                future = self._await(done)
                problem = future.exception()
                task = of.pop(future)
                yield task, future.result() if problem is None else _explain(task, problem)
                future.release()
        finally:
            self.client.cancel(list(of))  # who stops listening wants no more

    def _await(self, done: SimpleQueue[Future[R]]) -> Future[R]:
        """Wait until a task is done, as long as there is anybody who may do it."""
        lonely = 0.0
        while True:
            try:
                return done.get(timeout=GLANCE)
            except Empty:
                lonely = 0.0 if self.client.scheduler_info()["workers"] else lonely + GLANCE
            if lonely >= LONELY:
                raise Unavailable(f"for {LONELY:.0f} s nobody has worked on what is left to do: all workers are gone")


def _attempt(function: Callable[[T], R], task: T) -> R | MobigoError:
    """Do a task; what a rule refuses is an answer, and no reason to try again."""
    try:
        return function(task)
    except MobigoError as problem:
        return problem


def _explain(task: object, problem: BaseException) -> Unavailable:
    if isinstance(problem, KilledWorker):
        told = Unavailable(
            f"{task} was given up: each process that worked on it was ended, as happens when memory is short; "
            "give the workers more of it"
        )
    else:
        why = f"{type(problem).__name__}: {problem}".partition("\n")[0]
        told = Unavailable(f"{task} failed where it was worked on: {why}")
    told.__cause__ = problem
    return told


@contextmanager
def open_crew(address: str | None, wanted: int = PROCESSES, memory: int = MEMORY) -> Iterator[Crew]:
    """Reach the workers of a scheduler, or start some here, at most as many as there are processors or tasks wanted.

    Parameters
    ----------
    memory : int
        Bytes of each that is started here; 0: no limit, for those who map large files, which count as their own.

    Raises
    ------
    Unavailable
        When no scheduler answers, it has no worker, or its workers are of another version.
    """
    if address is None:
        with _open_here(max(1, min(wanted, PROCESSES, len(os.sched_getaffinity(0)))), memory) as client:
            yield Crew(client)
        return
    try:
        _, place = parse_address(address)
        socket.create_connection(parse_host_port(place), PATIENCE).close()  # a client that reached nobody never rests
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as problem:
        raise Unavailable(
            f"no Dask scheduler answers at {address} within {PATIENCE:.0f} s; start one with `dask scheduler`, or "
            "leave the address out (MOBIGO_DASK_SCHEDULER, --scheduler) to work on this machine"
        ) from problem
    with client:
        _check(client, address)
        yield Crew(client)


@contextmanager
def _open_here(processes: int, memory: int) -> Iterator[Client]:
    with (
        dask.config.set({**QUIET, SPAWNING: {**dask.config.get(SPAWNING), **SPAWNED}}),
        tempfile.TemporaryDirectory(prefix="mobigo-dask-") as folder,
        LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            memory_limit=memory,
            dashboard_address="127.0.0.1:0",
            security=Security.temporary(),
            silence_logs=logging.ERROR,
            local_directory=folder,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _check(client: Client, address: str) -> None:
    """Refuse workers that would count by other rules."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        versions = set(client.run(tell_version).values())
    except (TimeoutError, WorkerStartTimeoutError) as problem:
        raise Unavailable(
            f"the Dask scheduler at {address} has no worker; start one with `dask worker {address}`"
        ) from problem
    except ModuleNotFoundError as problem:
        raise Unavailable(
            f"a worker of {address} has no mobigo; install version {__version__} where it runs"
        ) from problem
    if versions != {__version__}:
        raise Unavailable(
            f"workers of {address} have mobigo {', '.join(sorted(versions))}, this is {__version__}; install the same"
        )


def tell_version() -> str:
    """Tell which version runs here."""
    return __version__
