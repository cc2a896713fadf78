"""Drafts and their trials in the database: all SQL about them. Functions take psycopg's connection; the caller commits.

``usage_draft``: ``id, name, revision`` (the newest), ``made_by, made_at``
``usage_draft_revision``: the ``changes`` of each revision (see `mobigo.usage.draft`) and a ``note``; never changed
``usage_trial``: what became of one revision: ``state, terms`` (what was asked for, see `mobigo.usage.drafts.Wanted`),
    ``stage`` and how many questions are ``asked`` and ``answered``, ``result`` (see `mobigo.usage.trial.tell`),
    ``problem`` of a failure; one of a draft at a time is on its way
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mobigo.kit.errors import Conflict, NotFound
from mobigo.usage.trial_sample import Demand

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from psycopg import Connection


@dataclass(frozen=True)
class Draft:
    """A draft by name."""

    id: str
    name: str
    revision: int
    made_by: str
    made_at: datetime


@dataclass(frozen=True)
class Revision:
    """A draft as it was written."""

    revision: int
    note: str
    changes: list[dict[str, Any]]
    written_by: str
    written_at: datetime


@dataclass(frozen=True)
class Trial:
    """What became, or becomes, of trying a revision."""

    id: int
    draft: str
    revision: int
    state: str
    """``waiting``, ``running``, ``done`` or ``failed``."""
    terms: dict[str, Any]
    stage: str
    """What is being done: ``read``, ``build``, ``plan``, ``count``; empty before it begins."""
    asked: int
    answered: int
    is_cancelled: bool
    problem: str | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


_DRAFT = "SELECT id, name, revision, made_by, made_at FROM usage_draft"
_REVISION = "SELECT revision, note, changes, written_by, written_at FROM usage_draft_revision"
_TRIAL = (
    "SELECT id, draft, revision, state, terms, stage, asked, answered, is_cancelled, problem, asked_by, asked_at,"
    " started_at, ended_at FROM usage_trial"
)


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_draft(connection: Connection[Any], one: Draft, written: Revision) -> None:
    """Add a draft with its first revision.

    Raises
    ------
    Conflict
        ``name_taken``.
    """
    added = connection.execute(
        "INSERT INTO usage_draft (id, name, revision, made_by, made_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (name) DO NOTHING",
        [one.id, one.name, one.revision, one.made_by, one.made_at],
    )
    if not added.rowcount:
        raise Conflict(f"there is a draft {one.name!r} already; take another name", code="name_taken")
    add_revision(connection, one.id, written)


def add_revision(connection: Connection[Any], draft: str, one: Revision) -> None:
    """Write a revision."""
    connection.execute(
        "INSERT INTO usage_draft_revision (draft, revision, note, changes, written_by, written_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [draft, one.revision, one.note, Jsonb(one.changes), one.written_by, one.written_at],
    )
    connection.execute("UPDATE usage_draft SET revision = %s WHERE id = %s", [one.revision, draft])


def list_drafts(connection: Connection[Any]) -> list[Draft]:
    """List the drafts, latest first."""
    with connection.cursor(row_factory=class_row(Draft)) as cursor:
        return cursor.execute(f"{_DRAFT} ORDER BY made_at DESC, id").fetchall()


def get_draft(connection: Connection[Any], id_: str, *, lock: bool = False) -> Draft:
    """Return a draft by its id or name; locked, until the transaction ends.

    Raises
    ------
    NotFound
        ``unknown_draft``.
    """
    with connection.cursor(row_factory=class_row(Draft)) as cursor:
        found = cursor.execute(
            f"{_DRAFT} WHERE id = %s OR name = %s ORDER BY id = %s DESC LIMIT 1{' FOR UPDATE' if lock else ''}",
            [id_, id_, id_],
        ).fetchone()
    if found is None:
        raise NotFound(f"there is no draft {id_[:60]!r}; GET /v1/usage/drafts lists them", code="unknown_draft")
    return found


def get_revision(connection: Connection[Any], draft: str, revision: int) -> Revision:
    """Return a revision.

    Raises
    ------
    NotFound
        ``unknown_revision``.
    """
    with connection.cursor(row_factory=class_row(Revision)) as cursor:
        found = cursor.execute(f"{_REVISION} WHERE draft = %s AND revision = %s", [draft, revision]).fetchone()
    if found is None:
        raise NotFound(f"the draft has no revision {revision}", code="unknown_revision")
    return found


def list_revisions(connection: Connection[Any], draft: str) -> list[Revision]:
    """List the revisions of a draft, newest first."""
    with connection.cursor(row_factory=class_row(Revision)) as cursor:
        return cursor.execute(f"{_REVISION} WHERE draft = %s ORDER BY revision DESC", [draft]).fetchall()


def remove_draft(connection: Connection[Any], draft: str) -> None:
    """Remove a draft with its revisions and trials."""
    connection.execute("DELETE FROM usage_draft WHERE id = %s", [draft])


# ── trials ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask_trial(connection: Connection[Any], draft: Draft, terms: Mapping[str, Any], by: str, at: datetime) -> int:
    """Ask for a trial of a draft's newest revision; its number.

    Raises
    ------
    Conflict
        ``being_tried``: one is on its way.
    """
    row = connection.execute(
        """
        INSERT INTO usage_trial (draft, revision, state, terms, asked_by, asked_at)
        VALUES (%s, %s, 'waiting', %s, %s, %s)
        ON CONFLICT (draft) WHERE state IN ('waiting', 'running') DO NOTHING RETURNING id
        """,
        [draft.id, draft.revision, Jsonb(dict(terms)), by, at],
    ).fetchone()
    if row is None:
        raise Conflict(f"draft {draft.name!r} is being tried; wait for it, or cancel it first", code="being_tried")
    return int(row[0])


def list_trials(connection: Connection[Any], draft: str | None = None) -> list[Trial]:
    """List trials, of a draft or of all, latest first."""
    with connection.cursor(row_factory=class_row(Trial)) as cursor:
        return cursor.execute(
            f"{_TRIAL} WHERE %(draft)s::text IS NULL OR draft = %(draft)s ORDER BY id DESC", {"draft": draft}
        ).fetchall()


def get_trial(connection: Connection[Any], id_: int) -> Trial:
    """Return a trial without its result.

    Raises
    ------
    NotFound
        ``unknown_trial``.
    """
    with connection.cursor(row_factory=class_row(Trial)) as cursor:
        found = cursor.execute(f"{_TRIAL} WHERE id = %s", [id_]).fetchone()
    if found is None:
        raise NotFound(f"there is no trial {id_}; list those of its draft", code="unknown_trial")
    return found


def get_result(connection: Connection[Any], id_: int) -> dict[str, Any]:
    """Return what a trial found.

    Raises
    ------
    Conflict
        ``not_tried``: it is not done.
    """
    row = connection.execute("SELECT result FROM usage_trial WHERE id = %s", [id_]).fetchone()
    if row is None or row[0] is None:
        raise Conflict(f"trial {id_} is not done; wait for it, or read why it failed", code="not_tried")
    return dict(row[0])


def begin_trial(connection: Connection[Any], id_: int, at: datetime) -> bool:
    """Take up a trial that waits, or that a worker left; False when it has ended."""
    found = connection.execute(
        "UPDATE usage_trial SET state = 'running', started_at = coalesce(started_at, %s)"
        " WHERE id = %s AND state IN ('waiting', 'running')",
        [at, id_],
    )
    return found.rowcount > 0


def tell_progress(connection: Connection[Any], id_: int, stage: str, asked: int = 0, answered: int = 0) -> bool:
    """Write how far a trial is; True when it was cancelled meanwhile: what was found so far is wanted."""
    row = connection.execute(
        "UPDATE usage_trial SET stage = %s, asked = %s, answered = %s WHERE id = %s RETURNING is_cancelled",
        [stage, asked, answered, id_],
    ).fetchone()
    return row is None or bool(row[0])


def cancel_trial(connection: Connection[Any], id_: int) -> bool:
    """Ask for what was found so far; False when it has ended."""
    found = connection.execute(
        "UPDATE usage_trial SET is_cancelled = true WHERE id = %s AND state IN ('waiting', 'running')", [id_]
    )
    return found.rowcount > 0


def end_trial(connection: Connection[Any], id_: int, result: Mapping[str, Any], at: datetime) -> None:
    """Write what a trial found."""
    connection.execute(
        "UPDATE usage_trial SET state = 'done', result = %s, ended_at = %s WHERE id = %s AND state = 'running'",
        [Jsonb(dict(result)), at, id_],
    )


def fail_trial(connection: Connection[Any], id_: int, why: str, at: datetime) -> None:
    """Write why a trial found nothing."""
    connection.execute(
        "UPDATE usage_trial SET state = 'failed', problem = %s, ended_at = %s"
        " WHERE id = %s AND state IN ('waiting', 'running')",
        [why[:2_000], at, id_],
    )


# ── demand ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_demand(connection: Connection[Any], first: date, last: date) -> list[Demand]:
    """Read the demand of days, answered or not, each square pair, day and hour once; who is not on the grid is not."""
    rows = connection.execute(
        "SELECT day, hour, origin, destination, sum(people)::integer FROM usage_demand"
        " WHERE day BETWEEN %s AND %s AND origin > 0 AND destination > 0"
        " GROUP BY day, hour, origin, destination HAVING sum(people) > 0"
        " ORDER BY day, hour, origin, destination",
        [first, last],
    )
    return [Demand(*row) for row in rows]
