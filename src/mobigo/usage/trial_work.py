"""The questions of a trial shared out: here one after the other, or in parts over processes, by Dask.

A part names the folders of both networks; whoever works on it maps them, so a scheduler elsewhere needs workers that
see the same disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mobigo.journeys.network import map_network
from mobigo.kit.errors import MobigoError, Unavailable
from mobigo.usage.draft_zones import Offer, open_hail
from mobigo.usage.many import HERE, LOCAL
from mobigo.usage.spreading import open_crew
from mobigo.usage.trial import Pair
from mobigo.usage.trial_plan import Planner, Terms

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from mobigo.usage.trial_sample import Question

CHUNK = 25
"""Questions of a part: between two of them one looks whether somebody gave up."""

WORTH = 1_000
"""Questions from which processes of their own are worth starting."""


@dataclass(frozen=True, eq=False)
class Ground:
    """Both networks of a trial, and how people weigh their time."""

    name: str
    """Of the trial."""
    folders: tuple[Path, Path]
    """Of today's network, and of the draft's."""
    offers: tuple[Offer, Offer]
    terms: Terms

    def __hash__(self) -> int:
        """Hash by what names it."""
        return hash((self.name, self.folders))

    def __eq__(self, other: object) -> bool:
        """Tell whether it is of the same trial: what comes over a wire is never the same object."""
        return isinstance(other, Ground) and (self.name, self.folders) == (other.name, other.folders)


@dataclass(frozen=True)
class Part:
    """Some of the questions."""

    number: int
    ground: Ground
    questions: tuple[Question, ...]

    def __repr__(self) -> str:
        """Say which it is, not all that it holds: schedulers log what fails."""
        return f"Part({self.ground.name}, {self.number})"


@lru_cache(maxsize=1)
def _open(ground: Ground) -> tuple[Planner, Planner]:
    """Map the networks; the next parts of the trial find them mapped."""
    for folder in ground.folders:
        if not folder.exists():
            raise Unavailable(
                f"{folder} is not there: who plans a trial needs the folder of the home in which it was asked for; "
                "give the workers the same disk, or leave the scheduler's address out"
            )
    today, draft = (
        Planner(network, open_hail(offer, network), ground.terms)
        for network, offer in zip((map_network(one).as_planned for one in ground.folders), ground.offers, strict=True)
    )
    return today, draft


def answer(part: Part) -> list[Pair]:
    """Ask the questions of a part of both networks."""
    today, draft = _open(part.ground)
    return [Pair(one, today.answer(one), draft.answer(one)) for one in part.questions]


def answer_all(ground: Ground, questions: Sequence[Question], where: str) -> Generator[list[Pair]]:
    """Ask all questions, and tell the answers of each part as they come.

    Parameters
    ----------
    where : str
        `HERE`, `LOCAL` (for many questions), or the address of a Dask scheduler.

    Raises
    ------
    MobigoError
        When a part failed.
    """
    parts = [
        Part(number, ground, tuple(questions[first : first + CHUNK]))
        for number, first in enumerate(range(0, len(questions), CHUNK))
    ]
    if where == HERE or (where == LOCAL and len(questions) < WORTH):
        try:
            yield from map(answer, parts)
        finally:
            _open.cache_clear()
        return
    with open_crew(None if where == LOCAL else where, len(parts), memory=0) as crew:
        for _, done in crew.work(answer, parts):
            if isinstance(done, MobigoError):
                raise done
            yield done
