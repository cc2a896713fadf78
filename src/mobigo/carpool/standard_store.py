"""Other operators of carpooling, what is booked in common with them, and what they are to be told; all SQL of it.

``carpool_operator``: ``id`` is their domain name; ``key_hash`` of the key they show us (SHA-256; it is random, so no
    slower hash is needed); ``address`` of their Standard Covoiturage API and ``their_key``, which we show them;
    ``searched``: their journeys are shown beside ours
``carpool_standard_booking``: a booking that two operators know by one UUID. ``ours``: which of the two people is ours;
    of a driver of ours the seats are those of the booking of the same id. ``status``: as both sides have said it;
    ``state``: as it is here, as far as they are to be told; ``document``: as it was posted, forgotten in time
``carpool_standard_event``: events that were taken in, so that each counts once
``carpool_standard_link``: people who want another platform to know their bookings, and the ID token by which it knows
    them; ``told``: revision of bookings up to which it does
``carpool_standard_call``: calls that are due, each once by its ``key``; tried again until they are taken
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.carpool.model import BookingState
from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import Connection

SILENT = timedelta(minutes=5)
"""Of real time, after which a call under way was left by its sender."""


@dataclass(frozen=True)
class Operator:
    """Another operator of carpooling, or a platform of travellers."""

    id: str
    """Domain name."""
    name: str
    key_hash: str | None = field(repr=False)
    address: str | None
    their_key: str | None = field(repr=False)
    searched: bool
    enabled: bool
    written_by: str
    made_at: datetime
    failing_since: datetime | None = None
    """First failure since their last answer."""
    problem: str | None = None
    rests_until: datetime | None = None
    """Not asked before then: it failed, or asked us to slow down."""


@dataclass(frozen=True)
class Common:
    """A booking that two operators know."""

    id: str
    operator: str
    ours: str
    """Which of the two people is ours: ``driver`` or ``passenger``."""
    person: str | None
    """The passenger, where they are ours."""
    begun_here: bool
    document: Mapping[str, Any] | None
    status: BookingState
    """As both sides have said it."""
    state: BookingState
    """As it is here, as far as they are to be told."""
    told: BookingState | None
    """What they surely know of us."""
    pickup_at: datetime
    made_at: datetime
    changed_at: datetime


@dataclass(frozen=True)
class Call:
    """Something another operator is to be told."""

    id: int
    operator: str
    about: str
    """Id of a booking."""
    method: str
    path: str
    body: Mapping[str, Any] | None
    attempts: int


# ── operators ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_OPERATOR = """
    SELECT id, name, key_hash, address, their_key, searched, enabled, written_by, made_at, failing_since, problem,
        rests_until
    FROM carpool_operator
"""


def list_operators(connection: Connection[Any]) -> list[Operator]:
    """List operators, by their domain."""
    return [Operator(*row) for row in connection.execute(f"{_OPERATOR} ORDER BY id".encode())]


def get_operator(connection: Connection[Any], id_: str) -> Operator:
    """Return an operator.

    Raises
    ------
    NotFound
        ``unknown_operator``.
    """
    row = connection.execute(f"{_OPERATOR} WHERE id = %s".encode(), [id_]).fetchone()
    if row is None:
        raise NotFound(f"no operator {id_[:100]!r}; /v1/carpool/operators lists them", code="unknown_operator")
    return Operator(*row)


def find_by_key(connection: Connection[Any], key_hash: str) -> Operator | None:
    """Find whose key it is, while they are let in."""
    row = connection.execute(f"{_OPERATOR} WHERE key_hash = %s AND enabled".encode(), [key_hash]).fetchone()
    return None if row is None else Operator(*row)


def write_operator(connection: Connection[Any], one: Operator) -> None:
    """Write an operator, new or anew."""
    connection.execute(
        "INSERT INTO carpool_operator (id, name, key_hash, address, their_key, searched, enabled, written_by, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
        " key_hash = excluded.key_hash, address = excluded.address, their_key = excluded.their_key,"
        " searched = excluded.searched, enabled = excluded.enabled, written_by = excluded.written_by,"
        " revision = carpool_operator.revision + 1, failing_since = NULL, problem = NULL, rests_until = NULL",
        [
            *(one.id, one.name, one.key_hash, one.address, one.their_key, one.searched, one.enabled),
            *(one.written_by, one.made_at),
        ],
    )


def note_outcome(
    connection: Connection[Any], operator: str, now: datetime, problem: str | None, rests_until: datetime | None
) -> None:
    """Write down how an operator answered last."""
    connection.execute(
        "UPDATE carpool_operator SET problem = %(problem)s, rests_until = %(rests)s, failing_since ="
        " CASE WHEN %(problem)s::text IS NULL THEN NULL ELSE coalesce(failing_since, %(now)s) END WHERE id = %(id)s",
        {"problem": problem, "rests": rests_until, "now": now, "id": operator},
    )


# ── bookings in common ────────────────────────────────────────────────────────────────────────────────────────────────

_COMMON = """
    SELECT id, operator, ours, person, begun_here, document, status, state, told, pickup_at, made_at, changed_at
    FROM carpool_standard_booking
"""


def _common(row: Sequence[Any]) -> Common:
    id_, operator, ours, person, begun_here, document, status, state, told, *times = row
    return Common(
        id_,
        operator,
        ours,
        person,
        begun_here,
        document,
        BookingState(status),
        BookingState(state),
        None if told is None else BookingState(told),
        *times,
    )


def find_common(connection: Connection[Any], id_: str) -> Common | None:
    """Find a booking in common."""
    row = connection.execute(f"{_COMMON} WHERE id = %s".encode(), [id_]).fetchone()
    return None if row is None else _common(row)


def lock_common(connection: Connection[Any], id_: str) -> Common | None:
    """Find a booking in common, which nobody else changes until the transaction ends."""
    row = connection.execute(f"{_COMMON} WHERE id = %s FOR UPDATE".encode(), [id_]).fetchone()
    return None if row is None else _common(row)


def list_commons(connection: Connection[Any], person: str, limit: int) -> list[Common]:
    """List what somebody of ours has booked with other operators, latest pick-up first."""
    rows = connection.execute(
        f"{_COMMON} WHERE person = %s ORDER BY pickup_at DESC, id LIMIT %s".encode(), [person, limit]
    )
    return [_common(row) for row in rows]


def add_common(connection: Connection[Any], one: Common) -> bool:
    """Write a booking in common; False where its id is taken."""
    added = connection.execute(
        "INSERT INTO carpool_standard_booking (id, operator, ours, person, begun_here, document, status, state, told,"
        " pickup_at, made_at, changed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING",
        [
            *(one.id, one.operator, one.ours, one.person, one.begun_here, Jsonb(one.document), one.status.value),
            *(one.state.value, one.told and one.told.value, one.pickup_at, one.made_at, one.changed_at),
        ],
    )
    return added.rowcount > 0


def set_common(connection: Connection[Any], one: Common) -> None:
    """Write what may change of a booking in common."""
    connection.execute(
        "UPDATE carpool_standard_booking SET status = %s, state = %s, told = %s, changed_at = %s WHERE id = %s",
        [one.status.value, one.state.value, one.told and one.told.value, one.changed_at, one.id],
    )


def list_changed(connection: Connection[Any], limit: int) -> list[str]:
    """List bookings of our drivers whose state is not the one their passengers' operators are to be told yet."""
    rows = connection.execute(
        """
        SELECT common.id FROM carpool_standard_booking AS common JOIN carpool_booking AS booking USING (id)
        WHERE common.ours = 'driver' AND common.state NOT IN ('CANCELLED', 'VALIDATED')
          AND booking.state <> common.state
        ORDER BY common.id LIMIT %s
        """,
        [limit],
    )
    return [row[0] for row in rows]


def list_refused(connection: Connection[Any], limit: int) -> list[Common]:
    """List bookings that people of ours began, that came to nothing, and of which they were not told yet; locked."""
    rows = connection.execute(
        f"{_COMMON} WHERE ours = 'passenger' AND begun_here AND state = 'CANCELLED' AND told <> 'CANCELLED'"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED".encode(),
        [limit],
    )
    return [_common(row) for row in rows]


def forget_documents(connection: Connection[Any], before: datetime) -> int:
    """Forget who travelled by bookings whose pick-up was before an instant; return how many."""
    return connection.execute(
        "UPDATE carpool_standard_booking SET document = NULL WHERE pickup_at < %s AND document IS NOT NULL", [before]
    ).rowcount


# ── events and links ──────────────────────────────────────────────────────────────────────────────────────────────────


def take_event(
    connection: Connection[Any], operator: str, id_: str, booking: str, *, hash_: str, now: datetime
) -> str | None:
    """Write down that an event was taken in; None when it is new, else the hash of what it said the first time."""
    added = connection.execute(
        "INSERT INTO carpool_standard_event (operator, id, booking, hash, at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        [operator, id_, booking, hash_, now],
    )
    if added.rowcount:
        return None
    row = connection.execute(
        "SELECT hash FROM carpool_standard_event WHERE operator = %s AND id = %s", [operator, id_]
    ).fetchone()
    assert row
    return str(row[0])


@dataclass(frozen=True)
class Link:
    """Somebody who wants another platform to know their bookings."""

    person: str
    operator: str
    id_token: str = field(repr=False)
    at: datetime
    told: int
    """Revision of bookings up to which it knows them."""


def write_link(connection: Connection[Any], one: Link) -> None:
    """Link somebody with a platform, or anew with another token."""
    connection.execute(
        "INSERT INTO carpool_standard_link (person, operator, id_token, at, told) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (person, operator) DO UPDATE SET id_token = excluded.id_token, at = excluded.at",
        [one.person, one.operator, one.id_token, one.at, one.told],
    )


def list_links(connection: Connection[Any], person: str | None = None) -> list[Link]:
    """List links, of one person or of all whose platform can be told."""
    if person is not None:
        rows = connection.execute(
            "SELECT person, operator, id_token, at, told FROM carpool_standard_link WHERE person = %s"
            " ORDER BY operator",
            [person],
        )
    else:
        rows = connection.execute(
            "SELECT link.person, link.operator, link.id_token, link.at, link.told FROM carpool_standard_link AS link"
            " JOIN carpool_operator AS operator ON operator.id = link.operator"
            " WHERE operator.enabled AND operator.address IS NOT NULL ORDER BY link.person, link.operator"
        )
    return [Link(*row) for row in rows]


def remove_link(connection: Connection[Any], person: str, operator: str) -> bool:
    """Unlink somebody; tell whether they were linked."""
    found = connection.execute(
        "DELETE FROM carpool_standard_link WHERE person = %s AND operator = %s", [person, operator]
    )
    return found.rowcount > 0


def list_untold(connection: Connection[Any], link: Link, limit: int) -> list[tuple[str, int]]:
    """List bookings of somebody that changed since their platform was told, with their revisions, in that order."""
    return connection.execute(
        "SELECT id, revision FROM carpool_booking WHERE passenger = %s AND revision > %s ORDER BY revision LIMIT %s",
        [link.person, link.told, limit],
    ).fetchall()


def set_told(connection: Connection[Any], link: Link, revision: int) -> None:
    """Say up to which revision a platform knows somebody's bookings."""
    connection.execute(
        "UPDATE carpool_standard_link SET told = %s WHERE person = %s AND operator = %s",
        [revision, link.person, link.operator],
    )


# ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_call(
    connection: Connection[Any], operator: str, key: str, what: tuple[str, str, Any], *, about: str, now: datetime
) -> None:
    """Write down what another operator is to be told, once by its key.

    Parameters
    ----------
    what : tuple
        Method, path and body (None: there is none).
    """
    method, path, body = what
    connection.execute(
        "INSERT INTO carpool_standard_call (operator, key, about, method, path, body, at, state, next_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, 'waiting', %s) ON CONFLICT (key) DO NOTHING",
        [operator, key, about, method, path, None if body is None else Jsonb(body), now, now],
    )


def release_calls(connection: Connection[Any], now: datetime) -> None:
    """Try again what a sender left that ended while it called."""
    connection.execute(
        "UPDATE carpool_standard_call SET state = 'waiting', next_at = %s, claimed_at = NULL"
        " WHERE state = 'sending' AND claimed_at < now() - %s::interval",
        [now, SILENT],
    )


def claim_call(connection: Connection[Any], now: datetime) -> Call | None:
    """Take one call that is due; of a booking in the order in which they were written, of an operator one at a time."""
    row = connection.execute(
        """
        UPDATE carpool_standard_call AS taken SET state = 'sending', next_at = NULL, claimed_at = now(),
            attempts = attempts + 1
        WHERE id = (
            SELECT call.id FROM carpool_standard_call AS call
            JOIN carpool_operator AS operator ON operator.id = call.operator
            WHERE call.state = 'waiting' AND call.next_at <= %(now)s AND operator.enabled
              AND (operator.rests_until IS NULL OR operator.rests_until <= %(now)s)
              AND NOT EXISTS (
                SELECT 1 FROM carpool_standard_call AS before
                WHERE before.about = call.about AND before.id < call.id AND before.state IN ('waiting', 'sending')
              )
            ORDER BY call.next_at, call.id LIMIT 1 FOR UPDATE OF call SKIP LOCKED
        )
        RETURNING id, operator, about, method, path, body, attempts
        """,
        {"now": now},
    ).fetchone()
    return None if row is None else Call(*row)


def settle_call(
    connection: Connection[Any],
    id_: int,
    state: str,
    *,
    now: datetime,
    status: int | None,
    problem: str | None = None,
    next_at: datetime | None = None,
) -> None:
    """Write down what came of a call; whose body holds people it is forgotten once it was taken."""
    connection.execute(
        "UPDATE carpool_standard_call SET state = %(state)s, status = %(status)s, problem = %(problem)s,"
        " next_at = %(next)s, claimed_at = NULL, done_at = CASE WHEN %(next)s::timestamptz IS NULL THEN %(now)s END,"
        " body = CASE WHEN %(next)s::timestamptz IS NULL THEN NULL ELSE body END WHERE id = %(id)s",
        {"state": state, "status": status, "problem": problem, "next": next_at, "now": now, "id": id_},
    )


def list_calls(connection: Connection[Any], operator: str, limit: int) -> list[tuple[Any, ...]]:
    """List what an operator was told last: about, method, path, at, state, attempts, status, problem."""
    return connection.execute(
        "SELECT about, method, path, at, state, attempts, status, problem FROM carpool_standard_call"
        " WHERE operator = %s ORDER BY id DESC LIMIT %s",
        [operator, limit],
    ).fetchall()


def forget_calls(connection: Connection[Any], before: datetime) -> int:
    """Forget calls that ended before an instant, and the events taken in before it; return how many."""
    calls = connection.execute("DELETE FROM carpool_standard_call WHERE done_at < %s", [before]).rowcount
    return calls + connection.execute("DELETE FROM carpool_standard_event WHERE at < %s", [before]).rowcount
