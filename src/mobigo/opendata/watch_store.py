"""What was seen of the published addresses, and the scores made of it.

``opendata_watch``: a file of a data set on a local day: how often it was ``asked`` for and ``answered``,
``milliseconds`` of all answers and of the ``slowest``; of real time, how many answers said their age (``aged``), how
many of these were ``fresh``, seconds of the ``oldest``; ``last_at`` the last look, ``last_problem`` what was wrong with
it, ``last_age`` the age seen last.
``opendata_score``: marks of a data set on a day (`score.Score`), those with the days before as ``smooth_…``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mobigo.opendata.score import FRESH, Marks, Score, Watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from psycopg import Connection


@dataclass(frozen=True)
class Look:
    """One look at one address."""

    dataset: str
    file: str
    milliseconds: int
    problem: str | None = None
    """Why it counts as no answer."""
    age: int | None = None
    """Seconds since the moment that the content tells of."""


@dataclass(frozen=True)
class Seen:
    """What was seen of a file on a day."""

    dataset: str
    file: str
    day: date
    watched: Watched
    last_at: datetime
    last_problem: str | None
    last_age: int | None


def note_looks(connection: Connection[Any], looks: Sequence[Look], day: date, now: datetime) -> None:
    """Add a round of looks to a day."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            INSERT INTO opendata_watch AS old (
                set_id, file, day, asked, answered, milliseconds, slowest, aged, fresh, oldest, last_at, last_problem,
                last_age
            ) VALUES (%s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (day, set_id, file) DO UPDATE SET
                asked = old.asked + 1, answered = old.answered + excluded.answered,
                milliseconds = old.milliseconds + excluded.milliseconds,
                slowest = greatest(old.slowest, excluded.slowest), aged = old.aged + excluded.aged,
                fresh = old.fresh + excluded.fresh, oldest = greatest(old.oldest, excluded.oldest),
                last_at = excluded.last_at, last_problem = excluded.last_problem, last_age = excluded.last_age
            """,
            [_row(one, day, now) for one in looks],
        )


def _row(look: Look, day: date, now: datetime) -> list[object]:
    took = 0 if look.problem else look.milliseconds
    fresh = look.age is not None and look.age < FRESH
    said = look.age is not None
    return [
        *(look.dataset, look.file, day, int(look.problem is None), took, took),
        *(int(said), int(fresh), look.age, now, look.problem, look.age),
    ]


def list_seen(connection: Connection[Any], first: date, last: date, dataset: str | None = None) -> list[Seen]:
    """List what was seen on some days, by day, data set and file."""
    rows = connection.execute(
        "SELECT set_id, file, day, asked, answered, milliseconds, slowest, aged, fresh, oldest, last_at, last_problem,"
        " last_age FROM opendata_watch WHERE day BETWEEN %(first)s AND %(last)s"
        " AND (%(set)s::text IS NULL OR set_id = %(set)s) ORDER BY day, set_id, file",
        {"first": first, "last": last, "set": dataset},
    )
    return [
        Seen(name, file, day, Watched(*seen), *rest)
        for name, file, day, *more in rows
        for seen, rest in ((more[:7], more[7:]),)
    ]


def list_unanswered(connection: Connection[Any], day: date) -> set[tuple[str, str]]:
    """List data sets and files of which the last look of a day was no answer."""
    rows = connection.execute(
        "SELECT set_id, file FROM opendata_watch WHERE day = %s AND last_problem IS NOT NULL", [day]
    )
    return set(rows)


def list_scores(
    connection: Connection[Any], first: date, last: date, dataset: str | None = None
) -> dict[str, list[Score]]:
    """List scores by data set, the oldest first."""
    rows = connection.execute(
        "SELECT set_id, day, compliance, freshness, availability, smooth_compliance, smooth_freshness,"
        " smooth_availability FROM opendata_score WHERE day BETWEEN %(first)s AND %(last)s"
        " AND (%(set)s::text IS NULL OR set_id = %(set)s) ORDER BY set_id, day",
        {"first": first, "last": last, "set": dataset},
    )
    found: dict[str, list[Score]] = {}
    for name, day, *marks in rows:
        found.setdefault(name, []).append(Score(day, Marks(*marks[:3]), Marks(*marks[3:])))
    return found


def set_score(connection: Connection[Any], dataset: str, score: Score) -> None:
    """Keep the score of a day; the last one said of it counts."""
    connection.execute(
        "INSERT INTO opendata_score (set_id, day, compliance, freshness, availability, smooth_compliance,"
        " smooth_freshness, smooth_availability) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (day, set_id) DO UPDATE SET compliance = excluded.compliance, freshness = excluded.freshness,"
        " availability = excluded.availability, smooth_compliance = excluded.smooth_compliance,"
        " smooth_freshness = excluded.smooth_freshness, smooth_availability = excluded.smooth_availability",
        [dataset, score.day, *vars(score.today).values(), *vars(score.smooth).values()],
    )


def forget_seen(connection: Connection[Any], before: date) -> None:
    """Forget what was seen before a day; scores stay."""
    connection.execute("DELETE FROM opendata_watch WHERE day < %s", [before])
