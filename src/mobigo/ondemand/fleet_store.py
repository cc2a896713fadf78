"""The tables of operators, vehicles and runs.

``ondemand_operator``: ``id, name, phone, email, taxi_phone, timezone`` (of its shifts), ``revision`` (counts changes),
    ``written_by, written_at``
``ondemand_vehicle``: ``id, operator, name, room`` (five counts, in the order of `model.LOADS`), ``seats_per_wheelchair,
    luggage_on_seats, child_seats_on_seats, depot`` Point, ``services`` ids, ``shifts`` (JSON: weekdays, start, end and
    breaks in seconds of the day, first and last day), ``drivers`` users of drivers' tokens, ``active, revision,
    written_by, written_at``
``ondemand_run``: a shift of a vehicle on a day, stored once somebody is booked on it: ``id, vehicle, operator,
    services, room ... depot`` as they were then, ``day, starts, ends, revision`` (of `ondemand_revision`, when it last
    changed), ``touched`` (last transaction that changed its events)
``ondemand_event``: its stops: ``run, position, kind`` (an `EventKind`), ``name, point, stop_id, earliest, latest,
    arrival, departure, dwell`` seconds, ``leg`` (null: a break), ``load`` five counts, signed, ``done``
``ondemand_revision``: one row; ``value`` counts the transactions that changed runs, vehicles or operators. Who changes
    any takes its lock, so revisions become visible in their order.

Whoever changes runs locks their days first (`lock_days`), reads them (`read_fleet`), decides, and writes them once
(`write_runs`), all in one transaction that sees what others have committed (READ COMMITTED).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from psycopg.types.json import Jsonb

from mobigo.kit.geo import Point
from mobigo.ondemand.fleet import Fleet, find_local_days
from mobigo.ondemand.model import (
    Capacity,
    Event,
    EventKind,
    Load,
    Operator,
    Run,
    Shift,
    Spot,
    Vehicle,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import psycopg

LOCKS = 0x0DE3
"""First half of the keys of our advisory locks."""

T = TypeVar("T")


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_revision(connection: psycopg.Connection[Any]) -> int:
    """Return the number of the last change of runs, vehicles or operators."""
    row = connection.execute("SELECT value FROM ondemand_revision").fetchone()
    assert row is not None
    return int(row[0])


def read_fleet(connection: psycopg.Connection[Any], before: Fleet | None = None, *, oldest: int = 0) -> Fleet:
    """Read all vehicles, and the runs that end after an instant.

    Parameters
    ----------
    before : Fleet, optional
        What was read earlier: only what has changed since is read, and it is returned itself where nothing has.
    oldest : int
        Instant; runs that ended before are left out, unless they are in `before`.
    """
    revision = find_revision(connection)
    if before is not None and before.revision == revision:
        return before
    stamp = _find_stamp(connection)
    if before is None or before.stamp != stamp:
        runs = _select_runs(connection, "ends >= %s", [_instant(oldest)])
        return Fleet(
            _keep_same(runs, before),
            list_vehicles(connection),
            list_operators(connection),
            revision=revision,
            stamp=stamp,
            before=before,
        )
    changed = _select_runs(connection, "revision > %s", [before.revision])
    return before.with_runs(changed, revision=revision)


def _find_stamp(connection: psycopg.Connection[Any]) -> str:
    """Return a text that changes with every change of a vehicle or an operator."""
    row = connection.execute(
        """
        SELECT concat_ws(' ',
            (SELECT concat(count(*), '/', sum(revision), '/', max(written_at)) FROM ondemand_vehicle),
            (SELECT concat(count(*), '/', sum(revision), '/', max(written_at)) FROM ondemand_operator))
        """
    ).fetchone()
    assert row is not None
    return str(row[0])


def _keep_same(runs: Iterable[Run], before: Fleet | None) -> list[Run]:
    """Return runs, those that have not changed as the objects they were."""
    known: Mapping[int, Run] = before.runs if before else {}
    return [known[run.id] if run.id in known and known[run.id] == run else run for run in runs]


def list_operators(connection: psycopg.Connection[Any]) -> list[Operator]:
    """List all operators by id."""
    return [one.value for one in list_stored_operators(connection)]


def list_vehicles(connection: psycopg.Connection[Any]) -> list[Vehicle]:
    """List all vehicles by id."""
    return [one.value for one in list_stored_vehicles(connection)]


@dataclass(frozen=True)
class Stored(Generic[T]):
    """What the staff wrote, and when."""

    value: T
    revision: int
    """Counts its changes."""
    written_by: str
    written_at: datetime


def list_stored_operators(connection: psycopg.Connection[Any]) -> list[Stored[Operator]]:
    """List all operators by id."""
    rows = connection.execute(
        "SELECT id, name, phone, email, taxi_phone, timezone, revision, written_by, written_at FROM ondemand_operator"
        " ORDER BY id"
    ).fetchall()
    return [Stored(Operator(*row[:6]), *row[6:]) for row in rows]


def list_stored_vehicles(connection: psycopg.Connection[Any]) -> list[Stored[Vehicle]]:
    """List all vehicles by id."""
    rows = connection.execute(
        """
        SELECT id, operator, name, room, seats_per_wheelchair, luggage_on_seats, child_seats_on_seats, ST_X(depot),
            ST_Y(depot), services, shifts, active, drivers, revision, written_by, written_at
        FROM ondemand_vehicle ORDER BY id
        """
    ).fetchall()
    return [Stored(_vehicle(row[:13]), *row[13:]) for row in rows]


def list_runs(
    connection: psycopg.Connection[Any],
    *,
    operator: str | None = None,
    day: date | None = None,
    vehicle: str | None = None,
) -> list[Run]:
    """List stored runs of an operator, a day, a vehicle, or all of these, by when they begin."""
    return _select_runs(
        connection,
        "(%s::text IS NULL OR operator = %s) AND (%s::date IS NULL OR day = %s) AND (%s::text IS NULL OR vehicle = %s)",
        [operator, operator, day, day, vehicle, vehicle],
    )


def find_run(connection: psycopg.Connection[Any], id_: int) -> Run | None:
    """Return a stored run."""
    found = _select_runs(connection, "id = %s", [id_])
    return found[0] if found else None


def list_over(connection: psycopg.Connection[Any], after: datetime, before: datetime) -> list[tuple[int, date]]:
    """List the runs that ended between two instants and on which something was done, with their days."""
    return connection.execute(
        "SELECT id, day FROM ondemand_run WHERE ends > %s AND ends <= %s AND EXISTS"
        " (SELECT FROM ondemand_event WHERE run = ondemand_run.id AND done) ORDER BY id",
        [after, before],
    ).fetchall()


def _select_runs(connection: psycopg.Connection[Any], which: str, values: Sequence[object]) -> list[Run]:
    """Read runs with their stops, in one statement: nobody changes them in between."""
    rows = connection.execute(
        f"""
        SELECT run.id, run.vehicle, run.operator, run.services, run.room, run.seats_per_wheelchair,
            run.luggage_on_seats, run.child_seats_on_seats, ST_X(run.depot), ST_Y(run.depot), run.day,
            extract(epoch FROM run.starts)::bigint, extract(epoch FROM run.ends)::bigint, run.revision,
            event.kind, event.name, ST_X(event.point), ST_Y(event.point), event.stop_id,
            extract(epoch FROM event.earliest)::bigint, extract(epoch FROM event.latest)::bigint,
            extract(epoch FROM event.arrival)::bigint, extract(epoch FROM event.departure)::bigint,
            event.dwell, event.leg, event.load, event.done, leg.longest_ride, leg.locked
        FROM (SELECT * FROM ondemand_run WHERE {which}) AS run
        LEFT JOIN ondemand_event AS event ON event.run = run.id
        LEFT JOIN ondemand_leg AS leg ON leg.id = event.leg
        ORDER BY run.starts, run.id, event.position
        """,  # noqa: S608 - the conditions are ours, values go in as parameters
        values,
    ).fetchall()
    runs: dict[int, tuple[Any, ...]] = {}
    events: dict[int, list[Event]] = {}
    longest: dict[int, dict[str, int]] = {}
    locked: dict[int, set[str]] = {}
    for row in rows:
        id_ = row[0]
        runs.setdefault(id_, row)
        mine = events.setdefault(id_, [])
        if row[14] is None:
            continue
        kind, name, lon, lat, stop_id, earliest, latest, arrival, departure, dwell, leg, load, done, ride, tied = row[
            14:
        ]
        spot = Spot(name, Point(lon, lat), stop_id)
        mine.append(Event(EventKind(kind), spot, earliest, latest, arrival, departure, dwell, leg, _load(load), done))
        if leg is not None and ride is not None:
            longest.setdefault(id_, {})[leg] = ride
            if tied:
                locked.setdefault(id_, set()).add(leg)
    return [
        Run(
            id=id_,
            vehicle=row[1],
            operator=row[2],
            services=tuple(row[3]),
            capacity=Capacity(_load(row[4]), *row[5:8]),
            depot=Point(row[8], row[9]),
            day=row[10],
            start=row[11],
            end=row[12],
            events=tuple(events[id_]),
            longest_ride=longest.get(id_, {}),
            locked=frozenset(locked.get(id_, ())),
            revision=row[13],
        )
        for id_, row in runs.items()
    ]


def _load(counts: Sequence[int]) -> Load:
    seats, wheelchairs, luggage, bicycles, child_seats = counts
    return seats, wheelchairs, luggage, bicycles, child_seats


def _vehicle(row: Sequence[Any]) -> Vehicle:
    id_, operator, name, room, per_wheelchair, on_seats, child, lon, lat, services, shifts, active, drivers = row
    return Vehicle(
        id=id_,
        operator=operator,
        name=name,
        capacity=Capacity(_load(room), per_wheelchair, on_seats, child),
        depot=Point(lon, lat),
        services=tuple(services),
        shifts=tuple(_shift(one) for one in shifts),
        active=active,
        drivers=tuple(drivers),
    )


def _shift(stored: Mapping[str, Any]) -> Shift:
    first, last = stored.get("first"), stored.get("last")
    return Shift(
        weekdays=tuple(stored["weekdays"]),
        start=stored["start"],
        end=stored["end"],
        breaks=tuple((opens, closes, seconds) for opens, closes, seconds in stored["breaks"]),
        first=date.fromisoformat(first) if first else None,
        last=date.fromisoformat(last) if last else None,
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# ── changing runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def lock_days(connection: psycopg.Connection[Any], keys: Iterable[tuple[str, date]]) -> None:
    """Let nobody else change runs of these operators and days until the transaction ends.

    Everything a transaction is going to change is locked at once: all take their locks in the same order.
    """
    days = sorted(set(keys))
    for operator in sorted({operator for operator, _ in days}):
        connection.execute("SELECT pg_advisory_xact_lock_shared(%s, hashtext(%s))", [LOCKS, operator])
    for operator, day in days:
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, f"{day.isoformat()} {operator}"])


def lock_operators(connection: psycopg.Connection[Any], operators: Iterable[str]) -> None:
    """Let nobody else change runs of these operators, of whatever day, until the transaction ends."""
    for operator in sorted(set(operators)):
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [LOCKS, operator])


def list_keys(fleet: Fleet, service: str, start: int, end: int) -> list[tuple[str, date]]:
    """List the operators and days whose runs may serve a ride of a service between two instants; for `lock_days`."""
    operators = {one.operator for one in fleet.vehicles.values() if service in one.services}
    return [
        (operator, day)
        for operator in sorted(operators)
        for day in find_local_days(start, end, fleet.operators[operator].timezone)
    ]


def bump_revision(connection: psycopg.Connection[Any]) -> int:
    """Count a change; who reads the number sees everything that was counted before."""
    row = connection.execute("UPDATE ondemand_revision SET value = value + 1 RETURNING value").fetchone()
    assert row is not None
    return int(row[0])


def write_runs(connection: psycopg.Connection[Any], runs: Sequence[Run]) -> list[Run]:
    """Write runs as they are now, and put their rides on them; runs that were not stored (id <= 0) get their ids.

    Returns
    -------
    list of Run
        The same runs with their ids and revision.
    """
    revision = bump_revision(connection)
    written = [
        replace(run, id=run.id if run.id > 0 else _insert_run(connection, run), revision=revision) for run in runs
    ]
    ids = [run.id for run in written]
    for run in written:
        capacity = run.capacity
        connection.execute(
            """
            UPDATE ondemand_run SET services = %s, room = %s, seats_per_wheelchair = %s, luggage_on_seats = %s,
                child_seats_on_seats = %s, depot = %s, starts = %s, ends = %s, revision = %s
            WHERE id = %s
            """,
            [
                list(run.services), list(capacity.room), capacity.seats_per_wheelchair, capacity.luggage_on_seats,
                capacity.child_seats_on_seats, _ewkt(run.depot), _instant(run.start), _instant(run.end), revision,
                run.id,
            ],
        )  # fmt: skip
    connection.execute("DELETE FROM ondemand_event WHERE run = ANY(%s)", [ids])
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ondemand_event (run, position, kind, name, point, stop_id, earliest, latest, arrival, departure,"
            " dwell, leg, load, done) FROM STDIN"
        ) as copy,
    ):
        for run in written:
            for position, one in enumerate(run.events):
                copy.write_row((
                    run.id, position, one.kind.value, one.spot.name, _ewkt(one.spot.point), one.spot.stop_id,
                    _instant(one.earliest), _instant(one.latest), _instant(one.arrival), _instant(one.departure),
                    one.dwell, one.leg, list(one.load), one.done,
                ))  # fmt: skip
    on = [(one.leg, run.id, one.leg in run.locked) for run in written for one in run.events if one.leg is not None]
    connection.execute(
        """
        UPDATE ondemand_leg AS leg SET run = sent.run, locked = sent.locked
        FROM unnest(%s::text[], %s::bigint[], %s::boolean[]) AS sent (leg, run, locked)
        WHERE leg.id = sent.leg AND (leg.run, leg.locked) IS DISTINCT FROM (sent.run, sent.locked)
        """,
        [[leg for leg, _, _ in on], [run for _, run, _ in on], [locked for _, _, locked in on]],
    )
    return written


def _insert_run(connection: psycopg.Connection[Any], run: Run) -> int:
    capacity = run.capacity
    row = connection.execute(
        """
        INSERT INTO ondemand_run (vehicle, operator, services, room, seats_per_wheelchair, luggage_on_seats,
            child_seats_on_seats, depot, day, starts, ends, revision)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0) RETURNING id
        """,
        [
            run.vehicle, run.operator, list(run.services), list(capacity.room), capacity.seats_per_wheelchair,
            capacity.luggage_on_seats, capacity.child_seats_on_seats, _ewkt(run.depot), run.day, _instant(run.start),
            _instant(run.end),
        ],
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def _ewkt(point: Point) -> str:
    return f"SRID=4326;POINT({point.lon!r} {point.lat!r})"


def find_ridden(connection: psycopg.Connection[Any], ids: Sequence[int]) -> set[int]:
    """Return those of some runs that a ride is on record for, be it cancelled."""
    rows = connection.execute("SELECT DISTINCT run FROM ondemand_leg WHERE run = ANY(%s)", [list(ids)]).fetchall()
    return {row[0] for row in rows}


def remove_runs(connection: psycopg.Connection[Any], ids: Sequence[int]) -> None:
    """Forget runs; no ride may be on record for them. Who reads the fleet sees it where a vehicle changes with them."""
    connection.execute("DELETE FROM ondemand_run WHERE id = ANY(%s)", [list(ids)])


# ── changing operators and vehicles ───────────────────────────────────────────────────────────────────────────────────


def write_operator(connection: psycopg.Connection[Any], one: Operator, *, by: str, now: datetime) -> Stored[Operator]:
    """Write an operator, new or known."""
    row = connection.execute(
        """
        INSERT INTO ondemand_operator AS known
            (id, name, phone, email, taxi_phone, timezone, revision, written_by, written_at)
        VALUES (%s, %s, %s, %s, %s, %s, 1, %s, %s)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, phone = excluded.phone, email = excluded.email,
            taxi_phone = excluded.taxi_phone, timezone = excluded.timezone, revision = known.revision + 1,
            written_by = excluded.written_by, written_at = excluded.written_at
        RETURNING revision, written_by, written_at
        """,
        [one.id, one.name, one.phone, one.email, one.taxi_phone, one.timezone, by, now],
    ).fetchone()
    assert row is not None
    bump_revision(connection)
    return Stored(one, *row)


def remove_operator(connection: psycopg.Connection[Any], id_: str) -> None:
    """Forget an operator; it must have no vehicles and no rides."""
    connection.execute("DELETE FROM ondemand_operator WHERE id = %s", [id_])
    bump_revision(connection)


def has_rides(connection: psycopg.Connection[Any], *, operator: str | None = None, vehicle: str | None = None) -> bool:
    """Tell whether anybody was ever booked with an operator, or on a vehicle."""
    row = connection.execute(
        """
        SELECT EXISTS (
            SELECT 1 FROM ondemand_leg AS leg LEFT JOIN ondemand_run AS run ON run.id = leg.run
            WHERE leg.operator = %s OR run.operator = %s OR run.vehicle = %s
        )
        """,
        [operator, operator, vehicle],
    ).fetchone()
    return bool(row and row[0])


def write_vehicle(connection: psycopg.Connection[Any], one: Vehicle, *, by: str, now: datetime) -> Stored[Vehicle]:
    """Write a vehicle, new or known."""
    capacity = one.capacity
    row = connection.execute(
        """
        INSERT INTO ondemand_vehicle AS known (id, operator, name, room, seats_per_wheelchair, luggage_on_seats,
            child_seats_on_seats, depot, services, shifts, drivers, active, revision, written_by, written_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s)
        ON CONFLICT (id) DO UPDATE SET operator = excluded.operator, name = excluded.name, room = excluded.room,
            seats_per_wheelchair = excluded.seats_per_wheelchair, luggage_on_seats = excluded.luggage_on_seats,
            child_seats_on_seats = excluded.child_seats_on_seats, depot = excluded.depot,
            services = excluded.services, shifts = excluded.shifts, drivers = excluded.drivers,
            active = excluded.active, revision = known.revision + 1, written_by = excluded.written_by,
            written_at = excluded.written_at
        RETURNING revision, written_by, written_at
        """,
        [
            one.id, one.operator, one.name, list(capacity.room), capacity.seats_per_wheelchair,
            capacity.luggage_on_seats, capacity.child_seats_on_seats, _ewkt(one.depot), list(one.services),
            Jsonb([_pack_shift(shift) for shift in one.shifts]), list(one.drivers), one.active, by, now,
        ],
    ).fetchone()  # fmt: skip
    assert row is not None
    bump_revision(connection)
    return Stored(one, *row)


def remove_vehicle(connection: psycopg.Connection[Any], id_: str) -> None:
    """Forget a vehicle and its runs; nobody may be booked on them."""
    connection.execute("DELETE FROM ondemand_run WHERE vehicle = %s", [id_])
    connection.execute("DELETE FROM ondemand_vehicle WHERE id = %s", [id_])
    bump_revision(connection)


def _pack_shift(shift: Shift) -> dict[str, Any]:
    return {
        "weekdays": list(shift.weekdays),
        "start": shift.start,
        "end": shift.end,
        "breaks": [list(one) for one in shift.breaks],
        "first": shift.first.isoformat() if shift.first else None,
        "last": shift.last.isoformat() if shift.last else None,
    }
