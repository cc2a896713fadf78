"""Parts of a plan worth planning anew while the rest stays: schools beside each other, schools by lot, buses alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mobigo.school.linking import link

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mobigo.school.model import Plan, Problem

BLUR = 600.0
"""Seconds drawn by lot on top of distances, so that the neighbours of a school are not always the same."""

OTHER_SCHOOL = 300.0
"""Seconds that a route of another school counts as further away."""


class Neighbourhoods:
    """Draws parts of plans by lot."""

    def __init__(self, problem: Problem, random: np.random.Generator) -> None:
        self._problem = problem
        self._random = random
        self._size = np.bincount(problem.school, minlength=problem.n_schools)
        one_way = np.zeros((problem.n_schools, problem.n_schools))
        for school in np.flatnonzero(self._size).tolist():
            one_way[:, school] = problem.from_school[:, problem.school == school].mean(axis=1)
        self._apart: NDArray[np.float64] = one_way + one_way.T

    def relink(self, plan: Plan) -> Plan:
        """Draw another of the ways to drive the routes with as few buses."""
        order = self._random.permutation(len(plan.routes))
        return link(self._problem, [plan.routes[at] for at in order])

    def draw(self, plan: Plan, most: int) -> list[int]:
        """Choose routes of a plan with `most` stops or so, and at least those of one school or bus."""
        kind = self._random.choice(3, p=(0.45, 0.35, 0.2))
        if kind == 0:
            seed = int(self._random.integers(self._problem.n_schools))
            far = self._apart[seed] + BLUR * self._random.random(self._problem.n_schools)
            far[seed] = -1.0
            return self._of_schools(plan, np.argsort(far, kind="stable").tolist(), most)
        if kind == 1:
            return self._of_schools(plan, self._random.permutation(self._problem.n_schools).tolist(), most)
        return self._of_buses(plan, most)

    def _of_schools(self, plan: Plan, schools: Iterable[int], most: int) -> list[int]:
        chosen: set[int] = set()
        stops = 0
        for school in schools:
            if not chosen or stops + self._size[school] <= most:
                chosen.add(school)
                stops += int(self._size[school])
        return [number for number, route in enumerate(plan.routes) if route.school in chosen]

    def _of_buses(self, plan: Plan, most: int) -> list[int]:
        blocks = plan.blocks()
        seed = [plan.routes[number] for number in blocks[int(self._random.integers(len(blocks)))]]
        here = np.array([route.stops[0] for route in seed])
        own = np.array([route.school for route in seed])
        firsts = np.array([route.stops[0] for route in plan.routes])
        schools = np.array([route.school for route in plan.routes])
        far = (self._problem.drive[np.ix_(firsts, here)] + OTHER_SCHOOL * (schools[:, None] != own)).min(axis=1)
        blur = OTHER_SCHOOL * self._random.random(len(blocks))
        distance = np.array([far[block].mean() for block in blocks]) + blur
        freed: list[int] = []
        stops = 0
        for at in np.argsort(distance, kind="stable").tolist():
            more = sum(len(plan.routes[number].stops) for number in blocks[at])
            if freed and stops + more > most:
                break
            freed += blocks[at]
            stops += more
        return freed
