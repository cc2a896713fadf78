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


class Mixture(NamedTuple):
    """What is known beside the problem where vehicles may carry pupils of several schools."""

    early: float
    """Seconds before the bell from which such a vehicle may come."""
    together: NDArray[np.bool_]
    """bool[n_schools, n_schools], whose pupils may ride together."""
    to_school: NDArray[np.float64]
    """float64[n_stops, n_schools], seconds from a stop to any school."""
    across: NDArray[np.float64]
    """float64[n_schools, n_schools], seconds from school to school."""
    to_school_metres: NDArray[np.float64]
    across_metres: NDArray[np.float64]


class Tour(NamedTuple):
    """A vehicle's way through stops of some schools, to those schools."""

    visits: tuple[int, ...]
    """Stops, and schools as ``-1 - number``, in driving order; the last is a school."""
    kind: int
    """Of the vehicle."""


class Toured(NamedTuple):
    """Tours, and the vehicles that drive them."""

    tours: tuple[Tour, ...]
    source: tuple[int, ...]
    """By tour, the school its vehicle comes from; -1 from the depot."""
    cost: float

    @property
    def buses(self) -> int:
        """How many vehicles: those that come from the depot."""
        return sum(source < 0 for source in self.source)

    def blocks(self) -> list[list[int]]:
        """List the tours of each vehicle in driving order."""
        waiting: dict[tuple[int, int], list[int]] = {}
        for number, (tour, source) in enumerate(zip(self.tours, self.source, strict=True)):
            waiting.setdefault((tour.kind, source), []).append(number)
        blocks = []
        for start in [number for number, source in enumerate(self.source) if source < 0]:
            block = [start]
            while follow := waiting.get((self.tours[block[-1]].kind, -1 - self.tours[block[-1]].visits[-1])):
                block.append(follow.pop())
            blocks.append(block)
        return blocks


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
    mixture: Mixture | None = None
    """None: a vehicle carries pupils of one school at a time."""


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
    toured: Toured | None
    """The plan with mixed loads; None where there are none."""
    bound: int
    """No plan has fewer buses, whatever bells within the windows."""
    usual: int
    """Buses with the usual bells."""

    @property
    def buses(self) -> int:
        """How many buses."""
        return self.solved.plan.buses if self.toured is None else self.toured.buses
