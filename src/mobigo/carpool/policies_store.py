"""Rules of pay that the staff wrote, over those that are shipped: one row per revision, none is ever changed.

``carpool_policy``: ``id, revision, document`` (as `mobigo.carpool.policies` reads it; none: as shipped, or withdrawn),
``withdrawn, written_by, written_at``. A rule is known to awards by its id and revision, so what was in force when a
run was paid can be read as long as the run.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.carpool.policies import LineRule, collect, read_rule
from mobigo.kit.errors import Conflict, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection

    from mobigo.carpool.policies import Rule, Rules

SHIPPED_BY = "mobigo"

_REVISION = "SELECT id, revision, document, withdrawn, written_by, written_at FROM carpool_policy"


@dataclass(frozen=True)
class Revision:
    """A wording of a rule."""

    id: str
    number: int
    """0: as shipped."""
    document: Mapping[str, Any] | None
    withdrawn: bool
    written_by: str
    written_at: datetime | None


@cache
def read_shipped() -> dict[str, dict[str, Any]]:
    """Read the rules that are shipped, by id."""
    text = resources.files(__package__).joinpath("policies.toml").read_text("utf-8")
    return tomllib.loads(text)


def list_policies(connection: Connection[Any]) -> list[Revision]:
    """List the newest wording of every rule, by id; also of those withdrawn."""
    rows = connection.execute(f"{_REVISION} ORDER BY id, revision DESC".replace("SELECT", "SELECT DISTINCT ON (id)", 1))
    found = {id_: _shipped(id_) for id_ in read_shipped()} | {row[0]: _revision(row) for row in rows}
    return [found[id_] for id_ in sorted(found)]


def get_policy(connection: Connection[Any], id_: str) -> Revision:
    """Return the newest wording of a rule, also where it is withdrawn.

    Raises
    ------
    NotFound
        ``unknown_policy``.
    """
    return list_revisions(connection, id_)[0]


def list_revisions(connection: Connection[Any], id_: str) -> list[Revision]:
    """List the wordings of a rule, newest first; as `get_policy`."""
    rows = connection.execute(f"{_REVISION} WHERE id = %s ORDER BY revision DESC", [id_])
    found = [_revision(row) for row in rows]
    if id_ in read_shipped():
        found.append(_shipped(id_))
    if not found:
        raise NotFound(f"no policy {id_!r}; GET /v1/carpool/policies lists them", code="unknown_policy")
    return found


def list_names(connection: Connection[Any]) -> dict[str, str]:
    """Return what every wording of every rule is called, by its id and revision (``bfc_mobigo_lines@0``)."""
    names = {f"{id_}@0": str(document["name"]) for id_, document in read_shipped().items()}
    rows = connection.execute(
        "SELECT id || '@' || revision, document ->> 'name' FROM carpool_policy WHERE document IS NOT NULL"
    )
    return names | dict(rows)


def read_rules(connection: Connection[Any]) -> Rules:
    """Read all rules, ready to be used."""
    return collect(_list_rules(connection))


def _list_rules(connection: Connection[Any]) -> list[Rule]:
    return [read_rule(one.id, one.number, one.document) for one in list_policies(connection) if one.document]


def write(
    connection: Connection[Any], id_: str, document: Mapping[str, Any] | None, *, seen: int, by: str, now: datetime
) -> Revision:
    """Write the next wording of a rule; without a document it is withdrawn.

    Parameters
    ----------
    seen : int
        The revision that was read before the change (0: as shipped, or none).

    Raises
    ------
    InvalidInput
        When the document cannot be read (``invalid_policy``).
    Conflict
        When somebody wrote another one meanwhile (``policy_changed``), or a line would have two rules on one day
        (``policies_overlap``).
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('carpool_policy'))")
    newest = connection.execute("SELECT max(revision) FROM carpool_policy WHERE id = %s", [id_]).fetchone()
    number = (newest[0] if newest else None) or 0
    if number != seen:
        raise Conflict(
            f"policy {id_} is at revision {number}, not at {seen}; read it again and repeat the change",
            code="policy_changed",
        )
    if document is not None:
        _refuse_overlap(read_rule(id_, number + 1, document), _list_rules(connection))
    row = connection.execute(
        "INSERT INTO carpool_policy (id, revision, document, withdrawn, written_by, written_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id, revision, document, withdrawn, written_by, written_at",
        [id_, number + 1, None if document is None else Jsonb(document), document is None, by, now],
    ).fetchone()
    assert row
    return _revision(row)


def undo(connection: Connection[Any], id_: str, *, by: str, now: datetime) -> Revision:
    """Write again what was before the last change.

    Raises
    ------
    NotFound
        ``unknown_policy``.
    InvalidInput
        When nothing was changed yet (``nothing_to_undo``).
    """
    found = list_revisions(connection, id_)
    if found[0].number == 0:
        raise InvalidInput(f"policy {id_} is as shipped; there is no change to take back", code="nothing_to_undo")
    document = found[1].document if len(found) > 1 else None
    return write(connection, id_, document, seen=found[0].number, by=by, now=now)


def _refuse_overlap(rule: Rule, others: list[Rule]) -> None:
    """Let no line have two rules of its own on one day; one for all lines may stand behind one for some."""
    if not isinstance(rule, LineRule):
        return
    for one in others:
        if not isinstance(one, LineRule) or one.id == rule.id or (one.lines is None) != (rule.lines is None):
            continue
        shared = one.lines is None or rule.lines is None or one.lines & rule.lines
        ends_before = (one.last is not None and one.last < rule.first) or (
            rule.last is not None and rule.last < one.first
        )
        if shared and not ends_before:
            raise Conflict(
                f"policy {one.id} pays the same lines from {one.first} to {one.last or 'no end'}, and {rule.id} from"
                f" {rule.first} to {rule.last or 'no end'}; end the one before the other begins",
                code="policies_overlap",
            )


def _shipped(id_: str) -> Revision:
    return Revision(id_, 0, read_shipped()[id_], withdrawn=False, written_by=SHIPPED_BY, written_at=None)


def _revision(row: tuple[Any, ...]) -> Revision:
    return Revision(*row)
