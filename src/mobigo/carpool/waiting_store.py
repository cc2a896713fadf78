"""Who waits at a stop of a line without a booking; all SQL of it.

``carpool_waiting``: ``since`` when, and ``promised_until``: when a taxi is ordered if no car has come (null: nothing is
promised here at this hour). ``run`` and ``booking``: with whom they went in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.carpool.model import Waiting, WaitingState
from mobigo.kit.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from psycopg import Connection

_WAITING = """
    SELECT id, line, direction, stop, destination, seats, passenger, since, promised_until, state, run, booking,
        taxi_ordered_at, ended_at
    FROM carpool_waiting
"""


def _waiting(row: Sequence[Any]) -> Waiting:
    (id_, line, direction, stop, to, seats, passenger, since, promised_until, state, run, booking, taxi, ended) = row
    return Waiting(
        id=id_,
        line=line,
        direction=direction,
        stop=stop,
        to=to,
        seats=seats,
        passenger=passenger,
        since=since,
        promised_until=promised_until,
        state=WaitingState(state),
        run=run,
        booking=booking,
        taxi_ordered_at=taxi,
        ended_at=ended,
    )


def add_waiting(connection: Connection[Any], one: Waiting) -> None:
    """Write down that somebody waits."""
    connection.execute(
        "INSERT INTO carpool_waiting (id, line, direction, stop, destination, seats, passenger, since, promised_until,"
        " state) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            *(one.id, one.line, one.direction, one.stop, one.to, one.seats, one.passenger, one.since),
            *(one.promised_until, one.state.value),
        ],
    )


def get_waiting(connection: Connection[Any], id_: str) -> Waiting:
    """Return somebody's waiting.

    Raises
    ------
    NotFound
        ``unknown_waiting``.
    """
    row = connection.execute(f"{_WAITING} WHERE id = %s".encode(), [id_]).fetchone()
    if row is None:
        raise unknown_waiting(id_)
    return _waiting(row)


def unknown_waiting(id_: str) -> NotFound:
    """Say that there is no such waiting."""
    return NotFound(f"nobody waits by the id {id_[:60]!r}; it was given when the waiting began", code="unknown_waiting")


def lock_waiting(connection: Connection[Any], id_: str) -> Waiting:
    """Return somebody's waiting, which nobody else changes until the transaction ends."""
    row = connection.execute(f"{_WAITING} WHERE id = %s FOR UPDATE".encode(), [id_]).fetchone()
    if row is None:
        raise unknown_waiting(id_)
    return _waiting(row)


def find_open(connection: Connection[Any], passenger: str) -> Waiting | None:
    """Find where somebody waits."""
    row = connection.execute(f"{_WAITING} WHERE passenger = %s AND state = 'waiting'".encode(), [passenger]).fetchone()
    return None if row is None else _waiting(row)


def list_waiting(
    connection: Connection[Any],
    *,
    line: str | None = None,
    direction: int | None = None,
    states: Iterable[WaitingState] = (WaitingState.WAITING,),
    passenger: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Waiting]:
    """List who waits or waited, those who came last first; `before`: the last one already seen."""
    wheres, values = ["true"], list[object]()
    for column, value in (("line", line), ("direction", direction), ("passenger", passenger)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    if states:
        wheres.append("state = ANY (%s)")
        values.append([state.value for state in states])
    if before is not None:
        wheres.append("(since, id) < (%s, %s)")
        values += before
    which = f"{_WAITING} WHERE {' AND '.join(wheres)} ORDER BY since DESC, id DESC LIMIT %s"
    return [_waiting(row) for row in connection.execute(which.encode(), [*values, limit])]


def set_waiting(connection: Connection[Any], one: Waiting) -> None:
    """Write what has become of a waiting."""
    connection.execute(
        "UPDATE carpool_waiting SET state = %s, run = %s, booking = %s, taxi_ordered_at = %s, ended_at = %s"
        " WHERE id = %s",
        [one.state.value, one.run, one.booking, one.taxi_ordered_at, one.ended_at, one.id],
    )


def take_due(connection: Connection[Any], now: datetime) -> Waiting | None:
    """Return one to whom was promised that their wait would be over by now, locked; None when there is nobody left.

    Whom somebody else works on just now is passed over.
    """
    row = connection.execute(
        f"{_WAITING} WHERE state = 'waiting' AND promised_until <= %s ORDER BY promised_until, id LIMIT 1"
        " FOR UPDATE SKIP LOCKED".encode(),
        [now],
    ).fetchone()
    return None if row is None else _waiting(row)


def take_forgotten(connection: Connection[Any], before: datetime) -> Waiting | None:
    """Return one who began to wait before an instant and was promised nothing, locked."""
    row = connection.execute(
        f"{_WAITING} WHERE state = 'waiting' AND promised_until IS NULL AND since < %s ORDER BY since, id LIMIT 1"
        " FOR UPDATE SKIP LOCKED".encode(),
        [before],
    ).fetchone()
    return None if row is None else _waiting(row)


def find_ride(connection: Connection[Any], one: Waiting) -> tuple[str, str] | None:
    """Find the run and the booking with which somebody went who still counts as waiting, if they did."""
    row = connection.execute(
        """
        SELECT booking.run, booking.id FROM carpool_booking AS booking JOIN carpool_run AS run ON run.id = booking.run
        WHERE booking.passenger = %s AND booking.made_at >= %s AND run.line = %s AND run.direction = %s
          AND booking.state IN ('CONFIRMED', 'COMPLETED_PENDING_VALIDATION', 'VALIDATED')
        ORDER BY booking.made_at LIMIT 1
        """,
        [one.passenger, one.since, one.line, one.direction],
    ).fetchone()
    return None if row is None else (row[0], row[1])


def count_passes(
    connection: Connection[Any], line: str, direction: int, stop: str, spans: Sequence[tuple[datetime, datetime]]
) -> int:
    """Count how often a car was at a stop of a line within some spans of time."""
    row = connection.execute(
        """
        SELECT count(*) FROM carpool_run AS run
        JOIN carpool_run_stop AS stop ON stop.run = run.id
        JOIN unnest(%s::timestamptz[], %s::timestamptz[]) AS span (first, last)
          ON stop.passed_at >= span.first AND stop.passed_at < span.last
        WHERE run.line = %s AND run.direction = %s AND stop.line_stop = %s
          AND run.departs_at > span.first - interval '1 day' AND run.departs_at < span.last
        """,
        [[first for first, _ in spans], [last for _, last in spans], line, direction, stop],
    ).fetchone()
    assert row
    return int(row[0])
