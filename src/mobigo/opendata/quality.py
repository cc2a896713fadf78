"""How good data sets are: their scores, how their addresses answered day by day, what validators say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.opendata import watch_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.opendata.score import Score
    from mobigo.opendata.watch_store import Seen

DAYS = 90
"""Days that are shown."""


@dataclass(frozen=True)
class Day:
    """How the addresses of a data set answered on a day."""

    day: date
    asked: int
    answered: int

    @property
    def share(self) -> float | None:
        """Of asking, answered; None on a day on which nobody asked."""
        return self.answered / self.asked if self.asked else None


@dataclass(frozen=True)
class FileQuality:
    """How a file answered over the days shown."""

    name: str
    share: float
    mean: int
    """Milliseconds of an answer."""
    slowest: int
    """Milliseconds."""
    last_at: datetime
    last_problem: str | None
    last_age: int | None
    """Seconds, of real time."""


@dataclass(frozen=True)
class Quality:
    """How good a data set is."""

    score: Score | None
    """The last of a week."""
    days: tuple[Day, ...]
    """`DAYS` of them, the last is today."""
    files: tuple[FileQuality, ...]

    @property
    def share(self) -> float | None:
        """Of asking over all days, answered."""
        return share_of(self.days)

    @property
    def age(self) -> int | None:
        """Seconds of the oldest message of real time, when it was looked at last."""
        return max((one.last_age for one in self.files if one.last_age is not None), default=None)


def read_quality(connection: Connection[Any], today: date, dataset: str | None = None) -> dict[str, Quality]:
    """Read how good data sets are, by id; those nobody looked at are not there."""
    first = today - timedelta(days=DAYS - 1)
    scores = watch_store.list_scores(connection, today - timedelta(days=6), today, dataset)
    seen: dict[str, list[Seen]] = {}
    for one in watch_store.list_seen(connection, first, today, dataset):
        seen.setdefault(one.dataset, []).append(one)
    return {
        name: Quality(
            next(iter(scores.get(name, [])[-1:]), None),
            _list_days(seen.get(name, []), first),
            tuple(_list_files(seen.get(name, []))),
        )
        for name in sorted({*scores, *seen})
    }


def join_days(qualities: Iterable[Quality]) -> tuple[Day, ...]:
    """Add up the days of several data sets."""
    return tuple(
        Day(days[0].day, sum(one.asked for one in days), sum(one.answered for one in days))
        for days in zip(*(one.days for one in qualities), strict=True)
    )


def share_of(days: Iterable[Day]) -> float | None:
    """Say which share of asking on some days was answered; None where nobody asked."""
    sums = [(one.asked, one.answered) for one in days]
    asked = sum(one for one, _ in sums)
    return sum(one for _, one in sums) / asked if asked else None


def _list_days(seen: Sequence[Seen], first: date) -> tuple[Day, ...]:
    asked: dict[date, list[int]] = {}
    for one in seen:
        sums = asked.setdefault(one.day, [0, 0])
        sums[0] += one.watched.asked
        sums[1] += one.watched.answered
    days = (first + timedelta(days=number) for number in range(DAYS))
    return tuple(Day(day, *asked.get(day, (0, 0))) for day in days)


def _list_files(seen: Sequence[Seen]) -> Iterable[FileQuality]:
    newest = {one.file: one for one in seen}
    for name, last in sorted(newest.items()):
        if last.day < max(one.day for one in seen):
            continue  # it is no longer published
        all_of = [one.watched for one in seen if one.file == name]
        asked, answered = sum(one.asked for one in all_of), sum(one.answered for one in all_of)
        yield FileQuality(
            name,
            answered / asked,
            round(sum(one.milliseconds for one in all_of) / max(answered, 1)),
            max(one.slowest for one in all_of),
            last.last_at,
            last.last_problem,
            last.last_age,
        )
