"""Notes of use in the database; all SQL of it.

Rides and runs are written within the transaction of what they tell of, so that neither is without the other. PostgreSQL
marks each row with its transaction, which would join a nameless note to the booking written with it; so they are
written into tables of arrivals first, and `gather` moves what has arrived since to where it is read, in an order drawn
by lot and in a transaction of its own.
"""

from __future__ import annotations

import random
from dataclasses import astuple, fields
from typing import TYPE_CHECKING, Any

from psycopg import sql

from mobigo.trace.model import Call, Change, Ride, Run, Search

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

    from psycopg import Connection

    from mobigo.trace.model import Note

TABLES: dict[type, str] = {
    Search: "trace_search",
    Change: "trace_change",
    Ride: "trace_ride",
    Run: "trace_run",
    Call: "trace_call",
}
"""Where each kind of note is read."""

ARRIVING = {Ride: "trace_ride_arriving", Run: "trace_run_arriving"}
"""Where those are written that belong to somebody's transaction."""

_KEY = ("day", "source", "trip", "sequence")
"""Of calls."""


def _columns(kind: type) -> list[str]:
    return [one.name for one in fields(kind)]


def _list_columns(kind: type) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, _columns(kind)))


def add_note(connection: Connection[Any], note: Ride | Run) -> None:
    """Write a ride or a run; it is read after `gather`."""
    kind = type(note)
    values = astuple(note)
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(ARRIVING[kind]),
            _list_columns(kind),
            sql.SQL(", ").join(sql.Placeholder() * len(values)),
        ),
        values,
    )


def add_notes(connection: Connection[Any], notes: Sequence[Ride]) -> None:
    """Write many rides at once; they are read after `gather`."""
    _copy(connection, ARRIVING[Ride], notes)


def gather(connection: Connection[Any]) -> int:
    """Move what has arrived to where it is read, mixed; return how many notes.

    The connection's transaction is the only trace that is left of when they came.
    """
    moved = 0
    for kind, arriving in ARRIVING.items():
        columns = _list_columns(kind)
        moved += connection.execute(
            sql.SQL(
                "WITH come AS (DELETE FROM {arriving} RETURNING {columns})"
                " INSERT INTO {table} ({columns}) SELECT {columns} FROM come ORDER BY random()"
            ).format(arriving=sql.Identifier(arriving), table=sql.Identifier(TABLES[kind]), columns=columns)
        ).rowcount
    return moved


def claim(connection: Connection[Any], kind: str, ids: Mapping[str, date]) -> list[str]:
    """Return those of some runs (with their days) that nobody has noted yet; they count as noted from now on."""
    rows = connection.execute(
        "INSERT INTO trace_noted (kind, id, day) SELECT %s, * FROM unnest(%s::text[], %s::date[])"
        " ON CONFLICT DO NOTHING RETURNING id",
        [kind, list(ids), list(ids.values())],
    )
    return sorted(row[0] for row in rows)


def copy_notes(connection: Connection[Any], notes: Sequence[Note]) -> None:
    """Write notes of one kind where they are read, in an order drawn by lot."""
    if notes:
        _copy(connection, TABLES[type(notes[0])], random.SystemRandom().sample(notes, len(notes)))


def _copy(connection: Connection[Any], table: str, notes: Sequence[Note]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _list_columns(type(notes[0])))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for note in notes:
            copy.write_row([list(value) if isinstance(value, tuple) else value for value in astuple(note)])


def put_calls(connection: Connection[Any], calls: Iterable[Sequence[object]]) -> int:
    """Write calls as they are known now, over what was known of them before.

    What is not said any more stays as it was said last, but for a cancellation that was taken back.

    Parameters
    ----------
    calls : iterable of sequences
        The fields of `Call`, in their order; each call once.

    Returns
    -------
    How many were new or have changed.
    """
    columns = _list_columns(Call)
    connection.execute("CREATE TEMPORARY TABLE told_call (LIKE trace_call) ON COMMIT DROP")
    statement = sql.SQL("COPY told_call ({}) FROM STDIN").format(columns)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for one in calls:
            copy.write_row(one)
    return connection.execute(
        sql.SQL(
            """
            INSERT INTO trace_call AS known ({columns}) SELECT {columns} FROM told_call
            ON CONFLICT ({key}) DO UPDATE SET
                route = excluded.route, stop = excluded.stop, arrival = excluded.arrival,
                departure = excluded.departure,
                arrival_delay = coalesce(excluded.arrival_delay, known.arrival_delay),
                departure_delay = coalesce(excluded.departure_delay, known.departure_delay),
                cancelled = excluded.cancelled,
                occupancy = coalesce(excluded.occupancy, known.occupancy),
                passengers = coalesce(excluded.passengers, known.passengers)
            WHERE (known.arrival_delay, known.departure_delay, known.cancelled, known.occupancy, known.passengers)
                IS DISTINCT FROM (coalesce(excluded.arrival_delay, known.arrival_delay),
                    coalesce(excluded.departure_delay, known.departure_delay), excluded.cancelled,
                    coalesce(excluded.occupancy, known.occupancy), coalesce(excluded.passengers, known.passengers))
            """
        ).format(columns=columns, key=sql.SQL(", ").join(map(sql.Identifier, _KEY)))
    ).rowcount


def forget_noted(connection: Connection[Any], before: date) -> None:
    """Forget which runs were noted on days long ago."""
    connection.execute("DELETE FROM trace_noted WHERE day < %s", [before])


def list_days(connection: Connection[Any], kind: type) -> list[date]:
    """List the days of which there are notes of a kind, oldest first."""
    rows = connection.execute(sql.SQL("SELECT DISTINCT day FROM {} ORDER BY day").format(sql.Identifier(TABLES[kind])))
    return [row[0] for row in rows]


def forget(connection: Connection[Any], kind: type, days: Collection[date]) -> int:
    """Forget the notes of a kind of some days; return how many."""
    if not days:
        return 0
    return connection.execute(
        sql.SQL("DELETE FROM {} WHERE day = ANY (%s)").format(sql.Identifier(TABLES[kind])), [list(days)]
    ).rowcount
