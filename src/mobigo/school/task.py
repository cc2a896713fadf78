"""What is asked of the optimiser for one session, and what it answers; both can be sent to another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.school.model import Certificate, Plan, Problem, Route

STEP = 300
"""Seconds between two times of a bell: nobody rings at 8:03."""


class Windows(NamedTuple):
    """Within what bells may be, as the problem tells time."""

    earliest: NDArray[np.float64]
    """float64[n_schools]."""
    latest: NDArray[np.float64]
    """float64[n_schools]."""

    @property
    def open(self) -> bool:
        """Tell whether any bell may be moved at all."""
        return bool((self.earliest < self.latest).any())


def narrow(bell: NDArray[np.float64], earliest: NDArray[np.float64], latest: NDArray[np.float64], most: int) -> Windows:
    """Keep of windows what is at most so many seconds from the bell, in whole steps."""
    before = np.floor(np.minimum(most, np.maximum(0.0, bell - earliest)) / STEP) * STEP
    after = np.floor(np.minimum(most, np.maximum(0.0, latest - bell)) / STEP) * STEP
    return Windows(bell - before, bell + after)


class Task(NamedTuple):
    """A session, and how much is put into it."""

    problem: Problem
    present: tuple[Route, ...]
    """Routes driven today."""
    seconds: float
    work: int | None
    seed: int
    windows: Windows | None = None
    """Within what bells may be moved; None: not at all."""


class Solved(NamedTuple):
    """A plan with its proofs."""

    plan: Plan
    certificate: Certificate
    """Of the number of buses."""
    cost: float
    cost_bound: float
    """No plan with as few buses costs less; 0 where there are no costs."""


class Outcome(NamedTuple):
    """What came of it."""

    problem: Problem
    """With the bells of the plan."""
    solved: Solved
    bound: int
    """No plan has fewer buses, whatever bells within the windows."""
    usual: int
    """Buses with the usual bells."""
