"""One session solved: bells within what staff allow, few vehicles, low cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mobigo.school.bells import bound_buses, move_bells
from mobigo.school.economy import solve
from mobigo.school.task import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mobigo.school.model import Problem, Route
    from mobigo.school.task import Solved, Task

FIRST = 0.4
"""Of the time, what is put into a plan with the usual bells where bells may be moved."""


def solve_task(
    task: Task,
    *,
    progress: Callable[[int, int, float, float], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Solve a session; as few buses as with the usual bells, or fewer.

    Parameters
    ----------
    progress, stopped, clock
        As of `mobigo.school.economy.solve`.
    """
    begun = clock()
    moving = task.windows is not None and task.windows.open

    def plan(problem: Problem, seconds: float, present: Sequence[Route]) -> Solved:
        return solve(
            problem,
            time_limit=seconds,
            seed=task.seed,
            work=task.work,
            present=present,
            progress=progress,
            stopped=stopped,
            clock=clock,
        )

    first = plan(task.problem, task.seconds * (FIRST if moving else 1.0), task.present)
    if task.windows is None or not moving or not first.plan.routes:
        return Outcome(task.problem, first, first.certificate.bound, first.plan.buses)
    bound = min(first.plan.buses, bound_buses(task.problem, first.certificate.count, task.windows))
    moved, linked = move_bells(task.problem, first.plan.routes, task.windows, seed=task.seed)
    if linked.buses < first.plan.buses:
        second = plan(moved, max(0.0, task.seconds - (clock() - begun)), linked.routes)
        return Outcome(moved, second, bound, first.plan.buses)
    return Outcome(task.problem, first, bound, first.plan.buses)
