"""Scenarios and plans in the database: all SQL about them. Functions take psycopg's connection; the caller commits.

``school_scenario``: ``id, year, name, revision`` (of its changes), ``state, plan`` (that was approved), ``replaced``
    (of a published one: the lists that its plan took the place of)
``school_scenario_revision``: the ``changes`` of each revision, see `mobigo.school.book.change`
``school_plan``: what became of one revision: ``state, effort, progress`` (by session, see `tell_progress`),
    ``document`` (see `mobigo.school.yearplan.plan_year`), ``figures`` of it, ``problem`` of a failure; one at a time is
    on its way
``school_scenario_history``: who did what to a scenario, never changed
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from mobigo.kit.errors import Conflict, NotFound
from mobigo.school.cells import write_clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from psycopg import Connection


@dataclass(frozen=True)
class Scenario:
    """A year with changes, by name."""

    id: str
    year: str
    name: str
    revision: int
    state: str
    """``draft``, ``approved``, ``published`` or ``withdrawn``."""
    made_by: str
    made_at: datetime
    plan: int | None


@dataclass(frozen=True)
class Planned:
    """What became, or becomes, of a revision."""

    id: int
    scenario: str
    revision: int
    state: str
    """``waiting``, ``running``, ``done`` or ``failed``."""
    effort: dict[str, Any]
    progress: dict[str, Any]
    is_cancelled: bool
    figures: dict[str, Any] | None
    problem: str | None
    asked_by: str
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class Note:
    """Something that was done to a scenario."""

    at: datetime
    by: str
    what: str
    details: dict[str, Any]


_SCENARIO = "SELECT id, year, name, revision, state, made_by, made_at, plan FROM school_scenario"
_PLAN = (
    "SELECT id, scenario, revision, state, effort, progress, is_cancelled, figures, problem, asked_by, asked_at,"
    " started_at, ended_at FROM school_plan"
)


# ── scenarios ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_scenario(connection: Connection[Any], one: Scenario, changes: Sequence[Mapping[str, Any]]) -> None:
    """Add a scenario with its first revision.

    Raises
    ------
    Conflict
        ``name_taken``.
    """
    added = connection.execute(
        "INSERT INTO school_scenario (id, year, name, revision, state, made_by, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (year, name) DO NOTHING",
        [one.id, one.year, one.name, one.revision, one.state, one.made_by, one.made_at],
    )
    if not added.rowcount:
        raise Conflict(f"{one.year} has a scenario {one.name!r} already; take another name", code="name_taken")
    add_revision(connection, one.id, one.revision, changes, one.made_by, one.made_at)


def add_revision(  # noqa: PLR0917 - a row
    connection: Connection[Any],
    scenario: str,
    revision: int,
    changes: Sequence[Mapping[str, Any]],
    by: str,
    at: datetime,
) -> None:
    """Write a revision of a scenario's changes."""
    connection.execute(
        "INSERT INTO school_scenario_revision (scenario, revision, changes, written_by, written_at)"
        " VALUES (%s, %s, %s, %s, %s)",
        [scenario, revision, Jsonb(list(changes)), by, at],
    )
    connection.execute("UPDATE school_scenario SET revision = %s WHERE id = %s", [revision, scenario])


def list_scenarios(connection: Connection[Any], year: str) -> list[Scenario]:
    """List the scenarios of a year, latest first."""
    with connection.cursor(row_factory=class_row(Scenario)) as cursor:
        return cursor.execute(f"{_SCENARIO} WHERE year = %s ORDER BY made_at DESC, id", [year]).fetchall()


def get_scenario(connection: Connection[Any], id_: str, *, lock: bool = False) -> Scenario:
    """Return a scenario; locked, until the transaction ends.

    Raises
    ------
    NotFound
        ``unknown_scenario``.
    """
    with connection.cursor(row_factory=class_row(Scenario)) as cursor:
        found = cursor.execute(f"{_SCENARIO} WHERE id = %s{' FOR UPDATE' if lock else ''}", [id_]).fetchone()
    if found is None:
        raise NotFound(f"no scenario {id_[:40]!r}; list those of its year", code="unknown_scenario")
    return found


def get_changes(connection: Connection[Any], scenario: str, revision: int) -> list[dict[str, Any]]:
    """Return the changes of a revision.

    Raises
    ------
    NotFound
        ``unknown_revision``.
    """
    row = connection.execute(
        "SELECT changes FROM school_scenario_revision WHERE scenario = %s AND revision = %s", [scenario, revision]
    ).fetchone()
    if row is None:
        raise NotFound(f"the scenario has no revision {revision}", code="unknown_revision")
    return list(row[0])


def set_state(
    connection: Connection[Any], scenario: str, state: str, plan: int | None, replaced: Mapping[str, Any] | None = None
) -> None:
    """Say what has become of a scenario."""
    connection.execute(
        "UPDATE school_scenario SET state = %s, plan = %s, replaced = %s WHERE id = %s",
        [state, plan, None if replaced is None else Jsonb(replaced), scenario],
    )


def get_replaced(connection: Connection[Any], scenario: str) -> dict[str, Any]:
    """Return the lists that a published scenario took the place of."""
    row = connection.execute("SELECT replaced FROM school_scenario WHERE id = %s", [scenario]).fetchone()
    return dict(row[0] or {}) if row else {}


def find_published(connection: Connection[Any], year: str) -> str | None:
    """Return the scenario of a year that is published, if one is."""
    row = connection.execute(
        "SELECT id FROM school_scenario WHERE year = %s AND state = 'published'", [year]
    ).fetchone()
    return str(row[0]) if row else None


# ── plans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask_plan(connection: Connection[Any], scenario: Scenario, effort: Mapping[str, Any], by: str, at: datetime) -> int:
    """Ask for a plan of a scenario's revision; its number.

    Raises
    ------
    Conflict
        ``being_planned``: one is on its way.
    """
    row = connection.execute(
        """
        INSERT INTO school_plan (scenario, revision, state, effort, asked_by, asked_at)
        VALUES (%s, %s, 'waiting', %s, %s, %s)
        ON CONFLICT (scenario) WHERE state IN ('waiting', 'running') DO NOTHING RETURNING id
        """,
        [scenario.id, scenario.revision, Jsonb(dict(effort)), by, at],
    ).fetchone()
    if row is None:
        raise Conflict(
            f"scenario {scenario.name!r} is being planned; wait for it, or cancel it first", code="being_planned"
        )
    return int(row[0])


def list_plans(connection: Connection[Any], scenario: str) -> list[Planned]:
    """List the plans of a scenario, latest first."""
    with connection.cursor(row_factory=class_row(Planned)) as cursor:
        return cursor.execute(f"{_PLAN} WHERE scenario = %s ORDER BY id DESC", [scenario]).fetchall()


def get_plan(connection: Connection[Any], id_: int) -> Planned:
    """Return a plan without its document.

    Raises
    ------
    NotFound
        ``unknown_plan``.
    """
    with connection.cursor(row_factory=class_row(Planned)) as cursor:
        found = cursor.execute(f"{_PLAN} WHERE id = %s", [id_]).fetchone()
    if found is None:
        raise NotFound(f"no plan {id_}; list those of its scenario", code="unknown_plan")
    return found


def get_document(connection: Connection[Any], id_: int) -> dict[str, Any]:
    """Return the document of a plan.

    Raises
    ------
    Conflict
        ``not_planned``: it is not done.
    """
    row = connection.execute("SELECT document FROM school_plan WHERE id = %s", [id_]).fetchone()
    if row is None or row[0] is None:
        raise Conflict(f"plan {id_} is not done; wait for it", code="not_planned")
    return dict(row[0])


def find_today(connection: Connection[Any], year: str) -> dict[str, Any] | None:
    """Return the figures of today's circuits, as the latest plan of a year found them."""
    row = connection.execute(
        "SELECT plan.document -> 'today' FROM school_plan AS plan JOIN school_scenario AS scenario"
        " ON scenario.id = plan.scenario WHERE scenario.year = %s AND plan.state = 'done'"
        " ORDER BY plan.id DESC LIMIT 1",
        [year],
    ).fetchone()
    return None if row is None or row[0] is None else dict(row[0])


class Documents:
    """Documents that were read lately, kept for as long as nobody writes them: one of a whole department is long."""

    def __init__(self, most: int = 4) -> None:
        self._kept: OrderedDict[int, tuple[str, dict[str, Any]]] = OrderedDict()
        self._most = most
        self._reading = threading.Lock()

    def get(self, connection: Connection[Any], id_: int) -> dict[str, Any]:
        """Return a document, which nobody changes; raises as `get_document`."""
        row = connection.execute("SELECT xmin::text FROM school_plan WHERE id = %s", [id_]).fetchone()
        version = "" if row is None else str(row[0])
        with self._reading:
            kept = self._kept.get(id_)
            if kept is None or kept[0] != version:
                kept = version, get_document(connection, id_)
                self._kept[id_] = kept
            self._kept.move_to_end(id_)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return kept[1]


def begin_plan(connection: Connection[Any], id_: int, at: datetime) -> bool:
    """Take up a plan that waits, or that a worker left; False when it has ended."""
    found = connection.execute(
        "UPDATE school_plan SET state = 'running', started_at = coalesce(started_at, %s)"
        " WHERE id = %s AND state IN ('waiting', 'running')",
        [at, id_],
    )
    return found.rowcount > 0


def tell_progress(connection: Connection[Any], id_: int, session: str, told: Mapping[str, int]) -> bool:
    """Write how far a plan is; True when it was cancelled meanwhile: the best so far is wanted.

    Parameters
    ----------
    told
        ``vehicles``, ``bound``; ``cents`` and ``cents_bound`` of a day once costs are looked at.
    """
    row = connection.execute(
        "UPDATE school_plan SET progress = progress || %s WHERE id = %s RETURNING is_cancelled",
        [Jsonb({session: dict(told)}), id_],
    ).fetchone()
    return row is not None and bool(row[0])


def is_cancelled(connection: Connection[Any], id_: int) -> bool:
    """Tell whether somebody wants no more than the best so far."""
    row = connection.execute("SELECT is_cancelled FROM school_plan WHERE id = %s", [id_]).fetchone()
    return row is None or bool(row[0])


def cancel_plan(connection: Connection[Any], id_: int) -> bool:
    """Ask for the best plan so far; False when it has ended."""
    found = connection.execute(
        "UPDATE school_plan SET is_cancelled = true WHERE id = %s AND state IN ('waiting', 'running')", [id_]
    )
    return found.rowcount > 0


def end_plan(connection: Connection[Any], id_: int, document: Mapping[str, Any], at: datetime) -> None:
    """Keep a plan that is done."""
    connection.execute(
        "UPDATE school_plan SET state = 'done', document = %s, figures = %s, ended_at = %s WHERE id = %s",
        [Jsonb(dict(document)), Jsonb(document["figures"]), at, id_],
    )


def fail_plan(connection: Connection[Any], id_: int, problem: str, at: datetime) -> None:
    """Say why a plan was not made."""
    connection.execute(
        "UPDATE school_plan SET state = 'failed', problem = %s, ended_at = %s"
        " WHERE id = %s AND state IN ('waiting', 'running')",
        [problem, at, id_],
    )


class Placed(NamedTuple):
    """A halt of a pupil in a plan."""

    scenario: str
    """Its name."""
    plan: int
    session: str
    run: str
    home: int
    stop: str
    at: str
    """As people write it."""


def list_placed(connection: Connection[Any], year: str, key: str) -> list[Placed]:
    """List where plans of a year put a pupil, latest plan first."""
    rows = connection.execute(
        "SELECT scenario.name, plan.id, plan.document FROM school_plan AS plan JOIN school_scenario AS scenario"
        " ON scenario.id = plan.scenario WHERE scenario.year = %s AND plan.document::text LIKE %s"
        " ORDER BY plan.id DESC",
        [year, f"%{key}%"],
    )
    return [
        Placed(name, plan, session["name"], run["id"], int(home), call["stop"], write_clock(call["at"] // 60 * 60))
        for name, plan, document in rows
        for session in document["sessions"]
        for run in [*session["runs"], *session.get("kept", ())]
        for call in run["calls"]
        for pupil, _, home in (one.partition("/") for one in call["pupils"])
        if pupil == key
    ]


# ── forgetting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def forget_pupil(connection: Connection[Any], year: str, key: str) -> None:
    """Take a pupil out of a year's plans, changes, and what publishing replaced; the door too, where there is one."""
    rows = connection.execute(
        "SELECT plan.id, plan.document FROM school_plan AS plan JOIN school_scenario AS scenario"
        " ON scenario.id = plan.scenario WHERE scenario.year = %s AND plan.document::text LIKE %s",
        [year, f"%{key}%"],
    ).fetchall()
    for id_, document in rows:
        connection.execute("UPDATE school_plan SET document = %s WHERE id = %s", [Jsonb(_without(document, key)), id_])
    rows = connection.execute(
        "SELECT one.scenario, one.revision, one.changes FROM school_scenario_revision AS one"
        " JOIN school_scenario AS scenario ON scenario.id = one.scenario"
        " WHERE scenario.year = %s AND one.changes::text LIKE %s",
        [year, f"%{key}%"],
    ).fetchall()
    for scenario, revision, changes in rows:
        connection.execute(
            "UPDATE school_scenario_revision SET changes = %s WHERE scenario = %s AND revision = %s",
            [Jsonb(_without(changes, key)), scenario, revision],
        )
    rows = connection.execute(
        "SELECT id, replaced FROM school_scenario WHERE year = %s AND replaced::text LIKE %s", [year, f"%{key}%"]
    ).fetchall()
    for id_, replaced in rows:
        connection.execute(
            "UPDATE school_scenario SET replaced = %s WHERE id = %s", [Jsonb(_without(replaced, key)), id_]
        )
    connection.execute(
        "DELETE FROM school_call WHERE year = %(year)s AND stop LIKE %(door)s", {"year": year, "door": f"door-{key}-%"}
    )
    connection.execute(
        "DELETE FROM school_stop WHERE year = %(year)s AND id LIKE %(door)s", {"year": year, "door": f"door-{key}-%"}
    )


def _without(value: Any, key: str) -> Any:  # noqa: ANN401 - of a JSON document
    """Return a document without the parts that name a pupil."""
    if isinstance(value, dict):
        return {name: _without(part, key) for name, part in value.items() if not _names(name, key)}
    if isinstance(value, list):
        return [_without(part, key) for part in value if not _is_about(part, key)]
    return value


def _names(text: object, key: str) -> bool:
    return isinstance(text, str) and key in text


def _is_about(part: Any, key: str) -> bool:  # noqa: ANN401 - of a JSON document
    """Tell whether an item of a list names the pupil by itself: an id, or a row with one."""
    return _names(part, key) or (isinstance(part, dict) and any(_names(value, key) for value in part.values()))


def forget_years(connection: Connection[Any], before: date) -> int:
    """Remove the scenarios, with their plans, of years that ended before a day; what was decided stays known."""
    return connection.execute(
        "DELETE FROM school_scenario USING school_year AS year WHERE year.id = school_scenario.year AND year.last < %s",
        [before],
    ).rowcount


# ── history ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def note(connection: Connection[Any], scenario: str, at: datetime, by: str, what: str, **details: object) -> None:
    """Write down what somebody did to a scenario."""
    connection.execute(
        "INSERT INTO school_scenario_history (scenario, at, by, what, details) VALUES (%s, %s, %s, %s, %s)",
        [scenario, at, by, what, Jsonb(details)],
    )


def list_history(connection: Connection[Any], scenario: str) -> list[Note]:
    """List what was done to a scenario, first to last."""
    with connection.cursor(row_factory=class_row(Note)) as cursor:
        return cursor.execute(
            "SELECT at, by, what, details FROM school_scenario_history WHERE scenario = %s ORDER BY id", [scenario]
        ).fetchall()
