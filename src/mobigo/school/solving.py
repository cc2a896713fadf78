"""One session solved: bells within what staff allow, few vehicles, low cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mobigo.school.bells import bound_buses, move_bells
from mobigo.school.economy import solve
from mobigo.school.mixing import bound_mixed, mix
from mobigo.school.patience import Patience
from mobigo.school.task import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mobigo.school.model import Problem, Route
    from mobigo.school.task import Solved, Task, Windows

UNMIXED = 0.75
"""Of the time, what is put into a plan without mixed loads where they are wanted."""

FIRST = 0.4
"""Of the time, what is put into a plan with the usual bells where bells may be moved."""


def solve_task(
    task: Task,
    *,
    progress: Callable[[int, int, float, float], None] | None = None,
    stopped: Callable[[], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
    enough: Callable[[], int] | None = None,
) -> Outcome:
    """Solve a session; as few buses as with the usual bells, or fewer.

    Parameters
    ----------
    progress, stopped, clock, enough
        As of `mobigo.school.economy.solve`.
    """
    begun = clock()
    moving = task.windows is not None and task.windows.open
    seconds = task.seconds if task.mixture is None else task.seconds * UNMIXED

    def plan(problem: Problem, limit: float, present: Sequence[Route]) -> Solved:
        return solve(
            problem,
            time_limit=limit,
            seed=task.seed,
            work=task.work,
            present=present,
            progress=progress,
            stopped=stopped,
            clock=clock,
            enough=enough,
        )

    problem, found = task.problem, plan(task.problem, seconds * (FIRST if moving else 1.0), task.present)
    usual, bound = found.plan.buses, found.certificate.bound
    if task.windows is not None and moving and found.plan.routes:
        bound = min(bound, bound_buses(problem, found.certificate.count, task.windows))
        moved, linked = move_bells(problem, found.plan.routes, task.windows, seed=task.seed)
        if linked.buses < usual:
            problem, found = moved, plan(moved, max(0.0, seconds - (clock() - begun)), linked.routes)
    if task.mixture is None or not found.plan.routes:
        return Outcome(problem, found, None, bound, usual)
    mixture = task.mixture
    toured = mix(
        problem,
        found.plan,
        mixture,
        Patience(max(0.0, task.seconds - (clock() - begun)), task.work, stopped, clock),
        task.seed,
    )
    early = mixture._replace(early=mixture.early + _spread(task.problem, task.windows))
    bound = min(bound, toured.buses, bound_mixed(task.problem, early))
    if progress is not None:
        progress(toured.buses, bound, toured.cost, 0.0)
    return Outcome(problem, found, toured, bound, usual)


def _spread(problem: Problem, windows: Windows | None) -> float:
    """Return the most seconds by which two bells may come to be further apart."""
    if windows is None:
        return 0.0
    return float((windows.latest - problem.bell).max() + (problem.bell - windows.earliest).max())
