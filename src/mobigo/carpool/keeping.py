"""What is done for runs and bookings by the clock: days of regular runs are laid out, what nobody ended is ended.

Each run is looked at in a transaction of its own, with its lock; whoever comes second finds nothing to do.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.carpool import states, store
from mobigo.carpool.model import RunState
from mobigo.carpool.service import NOBODY, SYSTEM, Rides
from mobigo.carpool.states import OPEN, Reason
from mobigo.db.answers import forget as forget_answers
from mobigo.db.session import driver

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.lines import Roads

FORGOTTEN_TO_END = timedelta(hours=6)
"""After the car was to arrive, a run on its way has ended."""

NEVER_BEGUN = timedelta(hours=25)
"""After the car was to arrive, a run that did not begin did not take place: phones report up to a day later."""

NOTES_KEPT = timedelta(days=30)
"""After a run, what its passengers wrote to the driver is forgotten."""

DOORS_KEPT = timedelta(days=60)
"""After a run, between which doors it went: later a square of a kilometre is known."""


def list_unanswered(connection: Connection[Any], now: datetime) -> list[str]:
    """List the bookings whose driver has not answered and whose car was to be there."""
    rows = connection.execute(
        """
        SELECT booking.id FROM carpool_booking AS booking
        JOIN carpool_run AS run ON run.id = booking.run
        JOIN carpool_run_stop AS board ON board.id = booking.board
        WHERE booking.state = 'WAITING_CONFIRMATION'
            AND board.planned_at + make_interval(secs => greatest(run.delay, 0)) < %s
        ORDER BY booking.id
        """,
        [now],
    )
    return [id_ for (id_,) in rows]


def list_unended(connection: Connection[Any], now: datetime) -> list[str]:
    """List the runs that somebody forgot to end, or never began."""
    rows = connection.execute(
        "SELECT id FROM carpool_run WHERE state IN ('planned', 'driving') AND ends_at < %(on_the_way)s"
        " AND (state = 'driving' OR ends_at < %(planned)s) ORDER BY id",
        {"on_the_way": now - FORGOTTEN_TO_END, "planned": now - NEVER_BEGUN},
    )
    return [id_ for (id_,) in rows]


def give_up(session: Session, roads: Roads, key: bytes, booking: str, now: datetime) -> bool:
    """Cancel a booking that was not answered; False where there is nothing to do any more."""
    connection = driver(session)
    store.lock_run(connection, store.get_booking(connection, booking).run)
    if booking not in list_unanswered(connection, now):
        return False
    Rides(session, roads, key, NOBODY, now).cancel(booking, why=Reason.UNANSWERED)
    return True


def close(session: Session, roads: Roads, key: bytes, id_: str, now: datetime) -> RunState | None:
    """End a run that nobody ended, or cancel one that never began; None where there is nothing to do any more.

    One that never began but in which somebody got on, as they showed, has taken place.
    """
    connection = driver(session)
    run = store.lock_run(connection, id_)
    if id_ not in list_unended(connection, now):
        return None
    rides = Rides(session, roads, key, NOBODY, now)
    bookings = store.list_bookings(connection, run=id_, states=OPEN)
    if run.state is RunState.PLANNED:
        if not any(one.boarded_at is not None for one in bookings):
            return rides.cancel_run(id_, why=Reason.NOT_DRIVEN).state
        began = min(one.boarded_at for one in bookings if one.boarded_at is not None)
        states.check_run(id_, run.state, RunState.DRIVING)
        store.set_run(connection, replace(run, state=RunState.DRIVING, started_at=began))
        store.note(connection, id_, None, at=now, what="moved", by=SYSTEM, moved=(run.state, RunState.DRIVING))
    return rides.end(id_, min(now, run.stops[-1].planned_at)).state


def forget(session: Session, now: datetime) -> int:
    """Forget what need not be known any more: answers, notes, doors; return of how many runs the doors."""
    connection = driver(session)
    forget_answers(connection, "carpool_answer", now)
    connection.execute(
        "UPDATE carpool_booking SET note = ''"
        " WHERE note <> '' AND run IN (SELECT id FROM carpool_run WHERE ends_at < %s)",
        [now - NOTES_KEPT],
    )
    forgotten = connection.execute(
        """
        UPDATE carpool_run_stop AS stop SET name = '', point = ST_SnapToGrid(stop.point, 0.01)
        FROM carpool_run AS run
        WHERE run.id = stop.run AND stop.line_stop IS NULL AND stop.name <> '' AND run.ends_at < %s
        RETURNING run.id
        """,
        [now - DOORS_KEPT],
    ).fetchall()
    connection.execute(
        "UPDATE carpool_regular SET wish = jsonb_set(wish, '{way}', '[]')"
        " WHERE coalesce(ended_at::date, last) < %s AND wish -> 'way' <> '[]'",
        [(now - DOORS_KEPT).date()],
    )
    return len(set(forgotten))
