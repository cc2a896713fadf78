"""Sessions of a large year solved at once, each in a process of its own.

The vehicles of a year are those of the session that needs most: a session with no more than another is proven to need
seeks no fewer, and gives way; one that has fewer than another rests half of the time where processors are short, so
that the other has one to itself. With a given work, instead of a time, none hears of another: what comes out is always
the same. Processes end with the one that started them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from mobigo.kit.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ctypes import Array, c_int
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Event

    from mobigo.school.task import Outcome, Task

LARGE = 1_000
"""Stops of all sessions together from which processes are worth their start of some seconds."""

EVERY = 0.5
"""Seconds between two looks at whether to stop."""

GIVES_WAY = 10
"""Niceness of a session that has few enough vehicles."""

TURN, LONGEST_REST = 0.05, 2.0
"""Seconds of work after which a session rests as long, and the longest rest."""


def solve_together(
    tasks: Mapping[str, Task],
    *,
    progress: Callable[..., None],
    stopped: Callable[[], bool],
) -> dict[str, Outcome]:
    """Solve sessions by name, each with all of its time at once.

    Parameters
    ----------
    progress
        Called with a session's name and what its solver says.
    stopped
        Asked now and then; once it says so, each session hands over its best plan.

    Raises
    ------
    Unavailable
        When a process ended without an answer, as where memory is short.
    """
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    # of each session, what it is proven to need; of plain sessions only, whose bounds hold whatever else is decided
    needed = context.RawArray("i", len(tasks))
    # of each session that still seeks fewer, its vehicles
    sought = context.RawArray("i", len(tasks))
    ends: dict[Connection, str] = {}
    crew = []
    for number, (name, task) in enumerate(tasks.items()):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_solve, args=(task, there, stop, (needed, sought), number), daemon=True)
        process.start()
        there.close()
        ends[here] = name
        crew.append(process)
    found: dict[str, Outcome] = {}
    try:
        while ends:
            try:
                _listen(ends, found, progress)
                if not stop.is_set() and stopped():
                    stop.set()
            except KeyboardInterrupt:  # whoever interrupts wants the best plans so far
                stop.set()
    finally:
        for process in crew:
            process.terminate()
    return found


def _listen(ends: dict[Connection, str], found: dict[str, Outcome], progress: Callable[..., None]) -> None:
    """Take what processes have to say within a while."""
    ready = wait(list(ends), EVERY)
    for end in [one for one in ends if one in ready]:
        name = ends[end]
        try:
            said = end.recv()
        except EOFError:
            raise Unavailable(
                f"planning of {name} ended without an answer; free some memory, or plan with less time",
                code="no_answer",
            ) from None
        if said[0] == "told":
            progress(name, *said[1])
        else:
            found[name] = said[1]
            del ends[end]


def _solve(task: Task, answer: Connection, stop: Event, known: tuple[Array[c_int], Array[c_int]], number: int) -> None:
    """Solve a session in this process."""
    from mobigo.school.solving import solve_task  # noqa: PLC0415 - OR-Tools takes a second

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who interrupts is heard by the one that started this
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plain = task.work is None and task.mixture is None and task.windows is None
    gave_way = False
    needed, sought = known
    short = len(sought) > len(os.sched_getaffinity(0))
    worked = time.process_time()

    def asked() -> bool:
        nonlocal worked
        spent = time.process_time() - worked
        if short and spent > TURN:
            if 0 < sought[number] < max(sought):
                stop.wait(min(spent, LONGEST_REST))
            worked = time.process_time()
        return stop.is_set()

    def tell(vehicles: int, bound: int, cost: float, cost_bound: float) -> None:
        nonlocal gave_way
        if plain:
            needed[number] = bound
            sought[number] = 0 if cost else vehicles
            if vehicles <= max(needed) and not gave_way:
                gave_way = True
                os.nice(GIVES_WAY)
        answer.send(("told", (vehicles, bound, cost, cost_bound)))

    outcome = solve_task(task, progress=tell, stopped=asked, enough=(lambda: int(max(needed))) if plain else None)
    sought[number] = 0
    answer.send(("done", outcome))
    answer.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
