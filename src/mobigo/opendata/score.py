"""The score that the national access point gives a data set, day by day, from what we measure ourselves.

Three marks from 0 to 1, each smoothed over days so that one good day does not wipe out a bad week:

* compliance: 1 where no validator found an error, of ours or of the source;
* freshness: of files with days, 1 while today is one of them, and no mark before the first; of real time, the share of
  looks at which it was younger than `FRESH`;
* availability: for each file 1 from 99.5 % of answers, 0.75 from 97.5 %, 0.5 from 95 %, else 0; their mean.

References
----------
transport.data.gouv.fr, ``Transport.Jobs.DatasetQualityScore`` (2026): weights and bands; a mark before is not used when
it is a week old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mobigo.opendata.model import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from mobigo.opendata.model import Standing

ZONE = ZoneInfo("Europe/Paris")
"""Days begin at its midnight."""
FRESH = 300
"""Seconds up to which real time is fresh."""
WEIGHTS = {"compliance": 0.95, "freshness": 0.9, "availability": 0.9}
"""How much of yesterday's mark stays."""
BANDS = ((0.995, 1.0), (0.975, 0.75), (0.95, 0.5))
"""From which share of answers on which mark is given."""
TOO_OLD = timedelta(days=7)
"""A mark of so long ago no longer counts."""


@dataclass(frozen=True)
class Marks:
    """Marks from 0 to 1; None where there is nothing to judge."""

    compliance: float | None = None
    freshness: float | None = None
    availability: float | None = None


@dataclass(frozen=True)
class Score:
    """What a data set is worth on a day."""

    day: date
    today: Marks
    """Of this day alone."""
    smooth: Marks
    """With the days before."""


@dataclass(frozen=True)
class Watched:
    """How often an address was asked on a day, and what came of it."""

    asked: int
    answered: int
    milliseconds: int
    """Of all answers together."""
    slowest: int
    """Milliseconds."""
    aged: int
    """Answers that said how old their content is."""
    fresh: int
    """Those of them younger than `FRESH`."""
    oldest: int | None
    """Seconds."""

    @property
    def share(self) -> float:
        """Of asking, answered."""
        return self.answered / self.asked


def judge(standing: Standing, watched: Mapping[str, Watched], day: date) -> Marks:
    """Judge a data set by what validators say of it, and by what was seen of its files on a day."""
    if standing.current is None:
        return Marks()
    wrong = any(one.severity in {Severity.ERROR, Severity.KNOWN} for one in standing.found)
    return Marks(float(not wrong), _judge_freshness(standing, watched, day), judge_availability(list(watched.values())))


def _judge_freshness(standing: Standing, watched: Mapping[str, Watched], day: date) -> float | None:
    assert standing.current is not None
    first, last = standing.current.said.first_day, standing.current.said.last_day
    if first and last:
        return float(day <= last) if first <= day else None
    aged = sum(one.aged for one in watched.values())
    return sum(one.fresh for one in watched.values()) / aged if aged else None


def judge_availability(watched: Sequence[Watched]) -> float | None:
    """Judge how reliably files answer."""
    if not watched:
        return None
    marks = [next((mark for share, mark in BANDS if one.share >= share), 0.0) for one in watched]
    return sum(marks) / len(marks)


def smooth(today: Marks, before: Score | None, day: date) -> Score:
    """Join the marks of a day with those before it."""
    past = before.smooth if before is not None and day - before.day < TOO_OLD else Marks()
    return Score(
        day,
        today,
        Marks(
            _smooth(past.compliance, today.compliance, WEIGHTS["compliance"]),
            _smooth(past.freshness, today.freshness, WEIGHTS["freshness"]),
            _smooth(past.availability, today.availability, WEIGHTS["availability"]),
        ),
    )


def _smooth(before: float | None, today: float | None, weight: float) -> float | None:
    return today if before is None or today is None else weight * before + (1 - weight) * today
