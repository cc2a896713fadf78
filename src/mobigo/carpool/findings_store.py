"""Findings in the database: what cannot be true of journeys, what their people say, what staff decide.

``carpool_finding``: ``key`` names what was found, so that it is found once
``carpool_finding_booking``: the journeys it is about, and whether it holds them back (of two that overlap the first one
    counts)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mobigo.carpool.checks import Kind
from mobigo.kit.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection


class FindingState(StrEnum):
    """What has become of a finding."""

    OPEN = "open"
    APPEALED = "appealed"
    """Somebody it is about has answered."""
    DISMISSED = "dismissed"
    """Nothing is wrong."""
    UPHELD = "upheld"
    """The journeys it holds back do not count."""


STANDING = (FindingState.OPEN, FindingState.APPEALED)
"""States of findings that nobody has decided on."""


@dataclass(frozen=True)
class Kept:
    """A finding as it is kept."""

    id: str
    kind: Kind
    reason: str
    found_at: datetime
    state: FindingState
    bookings: Mapping[str, bool]
    """Those it is about, and whether it holds them back."""
    appeal: str | None = None
    appealed_by: str | None = None
    """Person."""
    appealed_at: datetime | None = None
    decision: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    revision: int = 1


_FINDING = """
    SELECT id, kind, reason, found_at, state, appeal, appealed_by, appealed_at, decision, decided_by, decided_at,
        revision, (
            SELECT jsonb_object_agg(booking, held) FROM carpool_finding_booking AS about WHERE about.finding = one.id
        )
    FROM carpool_finding AS one
"""


def _finding(row: Sequence[Any]) -> Kept:
    id_, kind, reason, found_at, state, appeal, by, at, decision, decided_by, decided_at, revision, bookings = row
    return Kept(
        id=id_,
        kind=Kind(kind),
        reason=reason,
        found_at=found_at,
        state=FindingState(state),
        bookings=bookings or {},
        appeal=appeal,
        appealed_by=by,
        appealed_at=at,
        decision=decision,
        decided_by=decided_by,
        decided_at=decided_at,
        revision=revision,
    )


def add_finding(connection: Connection[Any], key: str, one: Kept) -> bool:
    """Keep a finding; False when it is known. What is decided is never found again, an open one may grow."""
    added = connection.execute(
        "INSERT INTO carpool_finding (id, key, kind, reason, found_at, state) VALUES (%s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (key) DO NOTHING",
        [one.id, key, one.kind.value, one.reason, one.found_at, one.state.value],
    )
    connection.execute(
        "INSERT INTO carpool_finding_booking (finding, booking, held)"
        " SELECT finding.id, about.booking, about.held FROM carpool_finding AS finding,"
        " unnest(%s::text[], %s::boolean[]) AS about (booking, held)"
        " WHERE finding.key = %s AND finding.state IN ('open', 'appealed') ON CONFLICT DO NOTHING",
        [list(one.bookings), list(one.bookings.values()), key],
    )
    return added.rowcount > 0


def lock_finding(connection: Connection[Any], id_: str) -> Kept:
    """Return a finding that nobody else changes until the transaction ends.

    Raises
    ------
    NotFound
        ``unknown_finding``.
    """
    connection.execute("SELECT 1 FROM carpool_finding WHERE id = %s FOR UPDATE", [id_])
    return get_finding(connection, id_)


def get_finding(connection: Connection[Any], id_: str) -> Kept:
    """Return a finding; as `lock_finding`."""
    row = connection.execute(f"{_FINDING} WHERE id = %s", [id_]).fetchone()
    if row is None:
        raise unknown_finding(id_)
    return _finding(row)


def unknown_finding(id_: str) -> NotFound:
    """Say that there is no such finding."""
    return NotFound(f"no finding {id_[:60]!r}; /v1/carpool/findings lists them", code="unknown_finding")


def set_appeal(connection: Connection[Any], one: Kept) -> None:
    """Write down what somebody answers."""
    _change(
        connection,
        one,
        "UPDATE carpool_finding SET state = %s, appeal = %s, appealed_by = %s, appealed_at = %s,"
        " revision = revision + 1 WHERE id = %s AND revision = %s",
        [one.state.value, one.appeal, one.appealed_by, one.appealed_at],
    )


def set_decision(connection: Connection[Any], one: Kept) -> None:
    """Write down what was decided."""
    _change(
        connection,
        one,
        "UPDATE carpool_finding SET state = %s, decision = %s, decided_by = %s, decided_at = %s,"
        " revision = revision + 1 WHERE id = %s AND revision = %s",
        [one.state.value, one.decision, one.decided_by, one.decided_at],
    )


def _change(connection: Connection[Any], one: Kept, statement: str, values: Sequence[object]) -> None:
    if not connection.execute(statement.encode(), [*values, one.id, one.revision]).rowcount:
        raise Conflict(f"finding {one.id} was changed meanwhile; read it again", code="changed_meanwhile")


def list_findings(
    connection: Connection[Any],
    *,
    states: Iterable[FindingState] = (),
    bookings: Iterable[str] | None = None,
    runs: Iterable[str] | None = None,
    person: str | None = None,
    kind: Kind | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Kept]:
    """List findings that match all that is given, newest first; `before`: the last one already seen."""
    wheres, values = ["true"], list[object]()
    about = "EXISTS (SELECT FROM carpool_finding_booking AS about {join} WHERE about.finding = one.id AND {which})"
    if states:
        wheres.append("state = ANY (%s)")
        values.append([state.value for state in states])
    if kind is not None:
        wheres.append("kind = %s")
        values.append(kind.value)
    if bookings is not None:
        wheres.append(about.format(join="", which="about.booking = ANY (%s)"))
        values.append(list(bookings))
    journeys = "JOIN carpool_journey AS journey USING (booking)"
    if runs is not None:
        wheres.append(about.format(join=journeys, which="journey.run = ANY (%s)"))
        values.append(list(runs))
    if person is not None:
        wheres.append(about.format(join=journeys, which="%s IN (journey.driver, journey.passenger)"))
        values.append(person)
    if before is not None:
        wheres.append("(found_at, id) < (%s, %s)")
        values += before
    rows = connection.execute(
        f"{_FINDING} WHERE {' AND '.join(wheres)} ORDER BY found_at DESC, id DESC LIMIT %s".encode(), [*values, limit]
    )
    return [_finding(row) for row in rows]


def list_held(connection: Connection[Any], runs: Sequence[str]) -> set[str]:
    """List those of some runs that cannot be paid yet: a finding nobody has decided on, or a proof still awaited."""
    rows = connection.execute(
        """
        SELECT journey.run FROM carpool_journey AS journey
        JOIN carpool_finding_booking AS about USING (booking) JOIN carpool_finding AS one ON one.id = about.finding
        WHERE journey.run = ANY (%(runs)s) AND about.held AND one.state IN ('open', 'appealed')
        UNION
        SELECT run FROM carpool_booking WHERE run = ANY (%(runs)s) AND state = 'COMPLETED_PENDING_VALIDATION'
        """,
        {"runs": list(runs)},
    )
    return {run for (run,) in rows}


def list_kept_back(connection: Connection[Any], bookings: Sequence[str]) -> set[str]:
    """List those of some bookings that a finding holds back which is not dismissed."""
    rows = connection.execute(
        "SELECT about.booking FROM carpool_finding_booking AS about JOIN carpool_finding AS one"
        " ON one.id = about.finding WHERE about.booking = ANY (%s) AND about.held AND one.state <> 'dismissed'",
        [list(bookings)],
    )
    return {booking for (booking,) in rows}
