"""Runs, bookings and people of carpooling in the database: all SQL about them. The caller commits.

``carpool_person``: ``account`` (user of their token), ``adult`` (as declared), ``name, phone, email, language``
    (forgotten at ``forgotten_at``); everything else knows the id alone
``carpool_run``: a car, one direction, one departure. ``delay``: seconds behind the plan, as last known; ``revision``:
    of `publish`, by which readers that keep a copy find what has changed
``carpool_run_stop``: where it goes, in the order of ``position``; below 0 the car does not go there any more.
    ``latest``: bound on the arrival, the smaller of ``driver_latest`` and of what was promised to passengers
``carpool_booking``: seats from one stop to another; ``board_at, alight_at`` as promised when it was booked
``carpool_history``: what happened, when, ``by`` whom (a person's id, a user of the staff, or ``system``); never changed
``carpool_revision``: one number, of the last change to a run. Who changes runs takes it last and holds it until the
    transaction ends, so that numbers become visible in their order.

Locks are taken in the order people, runs (by id), revision.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.carpool.model import BookingState, Person, Run, RunState, RunStop, Seat
from mobigo.kit.errors import NotFound
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from enum import StrEnum

    from psycopg import Connection

# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_PERSON = "SELECT id, account, adult, name, phone, email, language FROM carpool_person"


def get_person(connection: Connection[Any], id_: str) -> Person:
    """Return a person.

    Raises
    ------
    NotFound
        ``unknown_person``.
    """
    row = connection.execute(f"{_PERSON} WHERE id = %s", [id_]).fetchone()
    if row is None:
        raise NotFound(f"no person {id_[:60]!r}; ids of people stand in runs and bookings", code="unknown_person")
    return Person(*row)


def list_people(connection: Connection[Any], ids: Iterable[str]) -> dict[str, Person]:
    """Return people by their ids; who is not known is left out."""
    rows = connection.execute(f"{_PERSON} WHERE id = ANY (%s)", [sorted(set(ids))])
    return {row[0]: Person(*row) for row in rows}


def find_person(connection: Connection[Any], account: str) -> Person | None:
    """Return the person that an account belongs to."""
    row = connection.execute(f"{_PERSON} WHERE account = %s", [account]).fetchone()
    return None if row is None else Person(*row)


def ensure_person(connection: Connection[Any], account: str, now: datetime) -> Person:
    """Return the person that an account belongs to; who is new has said nothing about themselves yet."""
    found = find_person(connection, account)
    if found is None:
        connection.execute(
            "INSERT INTO carpool_person (id, account, adult, made_at) VALUES (%s, %s, false, %s)"
            " ON CONFLICT (account) DO NOTHING",
            [f"p{secrets.token_urlsafe(15)}", account, now],
        )
        found = find_person(connection, account)
    assert found is not None
    return found


def lock_people(connection: Connection[Any], ids: Iterable[str]) -> None:
    """Let nobody else book or offer for some people until the transaction ends."""
    connection.execute(
        "SELECT 1 FROM carpool_person WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE", [sorted(set(ids))]
    )


def list_blocked(connection: Connection[Any], person: str) -> set[str]:
    """List whom somebody has blocked, and who has blocked them: they never meet."""
    rows = connection.execute(
        "SELECT blocked FROM carpool_block WHERE person = %(person)s"
        " UNION SELECT person FROM carpool_block WHERE blocked = %(person)s",
        {"person": person},
    )
    return {other for (other,) in rows}


# ── runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_RUN = """
    SELECT id, driver, seats, state, service_date, line, direction, regular, spontaneous, plate, confirms,
        ST_X(position), ST_Y(position), position_at, started_at, ended_at, delay, revision
    FROM carpool_run
"""

_STOP = """
    SELECT run, id, name, ST_X(point), ST_Y(point), metres, planned_at, latest, dwell, line_stop, passed_at,
        driver_latest
    FROM carpool_run_stop
"""


def unknown_run(id_: str) -> NotFound:
    """Say that there is no such run."""
    return NotFound(f"no run {id_[:60]!r}; search for runs anew, it may have been taken back", code="unknown_run")


def get_run(connection: Connection[Any], id_: str) -> Run:
    """Return a run with its stops.

    Raises
    ------
    NotFound
        ``unknown_run``.
    """
    found = _list_runs(connection, "WHERE id = %s", [id_])
    if not found:
        raise unknown_run(id_)
    return found[0]


def lock_run(connection: Connection[Any], id_: str) -> Run:
    """Return a run that nobody else changes, nor books in, until the transaction ends; as `get_run`."""
    if not lock_runs(connection, [id_]):
        raise unknown_run(id_)
    return get_run(connection, id_)


def lock_runs(connection: Connection[Any], ids: Iterable[str]) -> list[str]:
    """Lock several runs, in the order of their ids; return those that there are."""
    rows = connection.execute(
        "SELECT id FROM carpool_run WHERE id = ANY (%s) ORDER BY id FOR UPDATE", [sorted(set(ids))]
    )
    return [id_ for (id_,) in rows]


def list_runs(
    connection: Connection[Any],
    *,
    ids: Sequence[str] | None = None,
    driver: str | None = None,
    line: str | None = None,
    direction: int | None = None,
    regular: str | None = None,
    states: Iterable[StrEnum] = (),
    days: tuple[date, date] | None = None,
    between: tuple[datetime, datetime] | None = None,
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Run]:
    """List runs that match all that is given, by departure and id.

    Parameters
    ----------
    days : pair of dates, optional
        First and last service day.
    between : pair of instants, optional
        Under way at some time between them, both included.
    after : instant and id, optional
        Departure and id of the last one already seen.
    """
    wheres, values = ["true"], list[object]()
    for column, value in (("driver", driver), ("line", line), ("direction", direction), ("regular", regular)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    if ids is not None:
        wheres.append("id = ANY (%s)")
        values.append(list(ids))
    if states:
        wheres.append("state = ANY (%s)")
        values.append([state.value for state in states])
    if days is not None:
        wheres.append("service_date BETWEEN %s AND %s")
        values += days
    if between is not None:
        wheres.append("ends_at >= %s AND departs_at <= %s")
        values += between
    if after is not None:
        wheres.append("(departs_at, id) > (%s, %s)")
        values += after
    return _list_runs(connection, f"WHERE {' AND '.join(wheres)} ORDER BY departs_at, id LIMIT %s", [*values, limit])


def list_changed_runs(connection: Connection[Any], since: int) -> list[Run]:
    """List the runs that changed after a revision, whatever their state, in the order of their changes."""
    return _list_runs(connection, "WHERE revision > %s ORDER BY revision", [since])


def find_revision(connection: Connection[Any]) -> int:
    """Return the revision of the last change to a run."""
    row = connection.execute("SELECT value FROM carpool_revision").fetchone()
    assert row
    return int(row[0])


def _list_runs(connection: Connection[Any], which: str, values: Sequence[object]) -> list[Run]:
    rows = connection.execute(f"{_RUN} {which}".encode(), values).fetchall()
    stops: dict[str, list[RunStop]] = {row[0]: [] for row in rows}
    for run, *told in connection.execute(
        f"{_STOP} WHERE run = ANY (%s) AND position >= 0 ORDER BY run, position", [list(stops)]
    ):
        stops[run].append(_stop(told))
    return [
        Run(
            id=id_,
            driver=driver,
            seats=seats,
            stops=tuple(stops[id_]),
            state=RunState(state),
            service_date=service_date,
            line=line,
            direction=direction,
            regular=regular,
            spontaneous=spontaneous,
            plate=plate,
            confirms=confirms,
            position=None if lon is None else Point(lon, lat),
            position_at=position_at,
            started_at=started_at,
            ended_at=ended_at,
            delay=delay,
            revision=revision,
        )
        for id_, driver, seats, state, service_date, line, direction, regular, spontaneous, plate, confirms, lon, lat,
        position_at, started_at, ended_at, delay, revision in rows
    ]  # fmt: skip


def _stop(row: Sequence[Any]) -> RunStop:
    id_, name, lon, lat, metres, planned_at, latest, dwell, line_stop, passed_at, driver_latest = row
    return RunStop(
        id=id_,
        name=name,
        point=Point(lon, lat),
        metres=metres,
        planned_at=planned_at,
        latest=latest,
        dwell=dwell,
        line_stop=line_stop,
        passed_at=passed_at,
        driver_latest=driver_latest,
    )


def get_stop(connection: Connection[Any], run: str, id_: int) -> RunStop:
    """Return a stop of a run, also one where the car does not go any more.

    Raises
    ------
    NotFound
        ``unknown_stop``.
    """
    row = connection.execute(f"{_STOP} WHERE run = %s AND id = %s", [run, id_]).fetchone()
    if row is None:
        raise NotFound(f"run {run} has no stop {id_}; its stops have their ids in it", code="unknown_stop")
    return _stop(row[1:])


def list_stops(connection: Connection[Any], ids: Iterable[int]) -> dict[int, RunStop]:
    """Return stops of runs by their ids, also those where the car does not go any more."""
    rows = connection.execute(f"{_STOP} WHERE id = ANY (%s)", [sorted(set(ids))])
    return {row[1]: _stop(row[1:]) for row in rows}


def add_run(connection: Connection[Any], run: Run, now: datetime) -> None:
    """Add a run with its stops, whose ids the database chooses; `publish` gives it its revision."""
    connection.execute(
        """
        INSERT INTO carpool_run (id, driver, seats, state, service_date, departs_at, ends_at, line, direction, regular,
            spontaneous, plate, confirms, made_at, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0)
        """,
        [
            run.id,
            run.driver,
            run.seats,
            run.state.value,
            run.service_date,
            run.stops[0].planned_at,
            run.stops[-1].planned_at,
            run.line,
            run.direction,
            run.regular,
            run.spontaneous,
            run.plate,
            run.confirms,
            now,
        ],
    )
    for position, stop in enumerate(run.stops):
        add_stop(connection, run.id, position, stop)


def add_stop(connection: Connection[Any], run: str, position: int, stop: RunStop) -> int:
    """Add a stop to a run; return its id."""
    row = connection.execute(
        """
        INSERT INTO carpool_run_stop (run, position, name, point, metres, planned_at, latest, dwell, line_stop,
            driver_latest)
        VALUES (%s, %s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 4326), %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        [
            run,
            position,
            stop.name,
            *stop.point,
            stop.metres,
            stop.planned_at,
            stop.latest,
            stop.dwell,
            stop.line_stop,
            stop.driver_latest,
        ],
    ).fetchone()
    assert row
    return int(row[0])


def set_stops(connection: Connection[Any], run: str, stops: Sequence[RunStop]) -> None:
    """Say where a run goes, in order, and when; where it does not go any more its bookings are cancelled already."""
    connection.execute(
        "UPDATE carpool_run_stop SET position = -id WHERE run = %s AND position >= 0 AND NOT id = ANY (%s)",
        [run, [stop.id for stop in stops]],
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE carpool_run_stop SET position = %s, metres = %s, planned_at = %s, latest = %s, dwell = %s"
            " WHERE id = %s",
            [
                (position, stop.metres, stop.planned_at, stop.latest, stop.dwell, stop.id)
                for position, stop in enumerate(stops)
            ],
        )
    connection.execute(
        "UPDATE carpool_run SET departs_at = %s, ends_at = %s WHERE id = %s",
        [stops[0].planned_at, stops[-1].planned_at, run],
    )


def set_run(connection: Connection[Any], run: Run) -> None:
    """Write what may change of a run besides its stops."""
    connection.execute(
        """
        UPDATE carpool_run SET seats = %s, state = %s, plate = %s, confirms = %s,
            position = ST_SetSRID(ST_MakePoint(%s, %s), 4326), position_at = %s, started_at = %s, ended_at = %s,
            delay = %s
        WHERE id = %s
        """,
        [
            run.seats,
            run.state.value,
            run.plate,
            run.confirms,
            *(run.position or (None, None)),
            run.position_at,
            run.started_at,
            run.ended_at,
            run.delay,
            run.id,
        ],
    )


def set_passed(connection: Connection[Any], stop: int, at: datetime) -> None:
    """Say when a car was at a stop."""
    connection.execute("UPDATE carpool_run_stop SET passed_at = %s WHERE id = %s", [at, stop])


def publish(connection: Connection[Any], runs: Iterable[str], bookings: Iterable[str] = ()) -> int:
    """Count a change to runs and bookings; return its revision. The last thing that a change does."""
    row = connection.execute("UPDATE carpool_revision SET value = value + 1 RETURNING value").fetchone()
    assert row
    connection.execute("UPDATE carpool_run SET revision = %s WHERE id = ANY (%s)", [row[0], list(runs)])
    connection.execute("UPDATE carpool_booking SET revision = %s WHERE id = ANY (%s)", [row[0], list(bookings)])
    return int(row[0])


# ── bookings ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_BOOKING = """
    SELECT id, run, passenger, seats, board, alight, state, cents, made_at, operator, foreign_passenger, board_at,
        alight_at, boarded_at, alighted_at, proof, note, reason, revision
    FROM carpool_booking
"""


def unknown_booking(id_: str) -> NotFound:
    """Say that there is no such booking."""
    return NotFound(f"no booking {id_[:60]!r}; its id was given when it was made", code="unknown_booking")


def get_booking(connection: Connection[Any], id_: str) -> Seat:
    """Return a booking.

    Raises
    ------
    NotFound
        ``unknown_booking``.
    """
    found = _list_bookings(connection, "WHERE id = %s", [id_])
    if not found:
        raise unknown_booking(id_)
    return found[0]


def list_bookings(
    connection: Connection[Any],
    *,
    run: str | None = None,
    runs: Sequence[str] | None = None,
    passenger: str | None = None,
    operator: str | None = None,
    states: Iterable[StrEnum] = (),
    before: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> list[Seat]:
    """List bookings that match all that is given, those made last first; `before`: the last one already seen."""
    wheres, values = ["true"], list[object]()
    for column, value in (("run", run), ("passenger", passenger), ("operator", operator)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    if runs is not None:
        wheres.append("run = ANY (%s)")
        values.append(list(runs))
    if states:
        wheres.append("state = ANY (%s)")
        values.append([state.value for state in states])
    if before is not None:
        wheres.append("(made_at, id) < (%s, %s)")
        values += before
    return _list_bookings(
        connection, f"WHERE {' AND '.join(wheres)} ORDER BY made_at DESC, id DESC LIMIT %s", [*values, limit]
    )


def _list_bookings(connection: Connection[Any], which: str, values: Sequence[object]) -> list[Seat]:
    rows = connection.execute(f"{_BOOKING} {which}".encode(), values)
    return [
        Seat(
            id=id_,
            run=run,
            passenger=passenger,
            seats=seats,
            board=board,
            alight=alight,
            state=BookingState(state),
            cents=cents,
            made_at=made_at,
            operator=operator,
            foreign_passenger=foreign_passenger,
            board_at=board_at,
            alight_at=alight_at,
            boarded_at=boarded_at,
            alighted_at=alighted_at,
            proof=proof,
            note=note,
            reason=reason,
            revision=revision,
        )
        for id_, run, passenger, seats, board, alight, state, cents, made_at, operator, foreign_passenger, board_at,
        alight_at, boarded_at, alighted_at, proof, note, reason, revision in rows
    ]  # fmt: skip


def add_booking(connection: Connection[Any], one: Seat) -> bool:
    """Add a booking; False where its id is taken."""
    added = connection.execute(
        """
        INSERT INTO carpool_booking (id, run, passenger, operator, foreign_passenger, seats, board, alight, state,
            cents, note, made_at, board_at, alight_at, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0) ON CONFLICT (id) DO NOTHING
        """,
        [
            one.id,
            one.run,
            one.passenger,
            one.operator,
            one.foreign_passenger,
            one.seats,
            one.board,
            one.alight,
            one.state.value,
            one.cents,
            one.note,
            one.made_at,
            one.board_at,
            one.alight_at,
        ],
    )
    return added.rowcount > 0


def set_booking(connection: Connection[Any], one: Seat) -> None:
    """Write what may change of a booking."""
    connection.execute(
        "UPDATE carpool_booking SET seats = %s, board = %s, alight = %s, state = %s, board_at = %s, alight_at = %s,"
        " boarded_at = %s, alighted_at = %s, proof = %s, note = %s, reason = %s WHERE id = %s",
        [
            one.seats,
            one.board,
            one.alight,
            one.state.value,
            one.board_at,
            one.alight_at,
            one.boarded_at,
            one.alighted_at,
            one.proof,
            one.note,
            one.reason,
            one.id,
        ],
    )


def most_taken(connection: Connection[Any], run: str) -> int:
    """Return how many seats of a run are booked at once, at most."""
    row = connection.execute(
        """
        SELECT coalesce(max(taken), 0) FROM (
            SELECT sum(booking.seats) AS taken
            FROM carpool_run_stop AS stop
            JOIN carpool_booking AS booking ON booking.run = stop.run AND booking.state <> 'CANCELLED'
            JOIN carpool_run_stop AS board ON board.id = booking.board
            JOIN carpool_run_stop AS alight ON alight.id = booking.alight
            WHERE stop.run = %s AND board.position <= stop.position AND stop.position < alight.position
            GROUP BY stop.position
        ) AS stretches
        """,
        [run],
    ).fetchone()
    assert row
    return int(row[0])


def find_overlap(connection: Connection[Any], person: str, first: datetime, last: datetime) -> str | None:
    """Return a run that somebody drives or rides in between two instants, if there is one."""
    row = connection.execute(
        """
        SELECT id FROM carpool_run
        WHERE driver = %(person)s AND state IN ('planned', 'driving') AND departs_at < %(last)s AND ends_at > %(first)s
        UNION ALL
        SELECT run FROM carpool_booking
        WHERE passenger = %(person)s AND state IN ('WAITING_CONFIRMATION', 'CONFIRMED') AND board_at < %(last)s
            AND alight_at > %(first)s
        LIMIT 1
        """,
        {"person": person, "first": first, "last": last},
    ).fetchone()
    return None if row is None else str(row[0])


# ── what happened ─────────────────────────────────────────────────────────────────────────────────────────────────────


def note(
    connection: Connection[Any],
    run: str | None,
    booking: str | None,
    *,
    at: datetime,
    what: str,
    by: str,
    moved: tuple[StrEnum | None, StrEnum] | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write down what happened to a run or a booking; nobody's name or number.

    Parameters
    ----------
    what : str
        A word: ``moved``, ``offered``, ``passed``.
    moved : pair of states, optional
        Before (None: it was new) and after.
    """
    before, after = moved or (None, None)
    connection.execute(
        "INSERT INTO carpool_history (run, booking, at, what, before, after, by, details)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [run, booking, at, what, before and before.value, after and after.value, by, Jsonb(dict(details or {}))],
    )


def list_history(
    connection: Connection[Any], *, run: str | None = None, booking: str | None = None
) -> list[tuple[Any, ...]]:
    """List what happened to a run or a booking, oldest first: at, booking, what, before, after, by, details."""
    return connection.execute(
        "SELECT at, booking, what, before, after, by, details FROM carpool_history"
        " WHERE (run = %(run)s OR %(run)s::text IS NULL)"
        " AND (booking = %(booking)s OR %(booking)s::text IS NULL) ORDER BY id",
        {"run": run, "booking": booking},
    ).fetchall()
