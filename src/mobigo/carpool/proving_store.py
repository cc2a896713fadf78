"""Scans, positions and journeys as they were proven, in the database. The caller commits.

``carpool_scan``: a code that one showed and the other scanned, by the phone's own ``id``; ``moment``: getting on or off
``carpool_fix``: where the phone of somebody in the car was, and when; forgotten after the time for disputes
``carpool_journey``: a booking as far as it was proven, by keys of identities that outlive who they were;
    ``origin, destination`` become vague with the positions, ``struck_at``: it counts for nothing
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mobigo.carpool.checks import Fix
from mobigo.carpool.proof import ProofClass, Shows
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from psycopg import Connection


@dataclass(frozen=True)
class Scan:
    """A code that was scanned."""

    person: str
    """Who scanned it."""
    id: str
    """By their phone."""
    booking: str
    shows: Shows
    moment: str
    """``board`` or ``alight``."""
    scanned_at: datetime
    """By our clock."""
    received_at: datetime
    device: str | None = None
    """Keyed hash of what the phone calls itself."""
    point: Point | None = None


class Located(NamedTuple):
    """A position of somebody in a car."""

    person: str
    fix: Fix
    device: str | None


@dataclass(frozen=True)
class Proven:
    """A booking as it was proven to be travelled."""

    booking: str
    run: str
    driver: str
    """Person."""
    passenger: str | None
    """Person; None: of another operator."""
    operator: str | None
    driver_key: str
    """Of an identity, 64 hexadecimal digits; the same with all operators."""
    passenger_key: str
    seats: int
    cents: int
    """That the passenger pays for all seats."""
    planned_at: datetime
    started_at: datetime
    ended_at: datetime
    origin: Point
    destination: Point
    board_metres: int
    """From where the run begins, by road."""
    alight_metres: int
    proof: ProofClass
    proven_at: datetime
    validated_at: datetime | None = None
    struck_at: datetime | None = None
    """When it was found not to count."""

    @property
    def metres(self) -> int:
        """How far they went together."""
        return self.alight_metres - self.board_metres


# ── scans ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_SCAN = """
    SELECT person, id, booking, shows, moment, scanned_at, received_at, device, ST_X(point), ST_Y(point)
    FROM carpool_scan
"""


def _scan(row: Sequence[Any]) -> Scan:
    person, id_, booking, shows, moment, scanned_at, received_at, device, lon, lat = row
    point = None if lon is None else Point(lon, lat)
    return Scan(person, id_, booking, Shows(shows), moment, scanned_at, received_at, device, point)


def find_scan(connection: Connection[Any], person: str, id_: str) -> Scan | None:
    """Return the scan that a person's phone calls so."""
    row = connection.execute(f"{_SCAN} WHERE person = %s AND id = %s", [person, id_]).fetchone()
    return None if row is None else _scan(row)


def list_scans(connection: Connection[Any], bookings: Iterable[str]) -> list[Scan]:
    """List the scans of bookings, in the order in which they were made."""
    rows = connection.execute(f"{_SCAN} WHERE booking = ANY (%s) ORDER BY scanned_at, id", [list(bookings)])
    return [_scan(row) for row in rows]


def add_scan(connection: Connection[Any], one: Scan) -> None:
    """Keep a scan."""
    connection.execute(
        "INSERT INTO carpool_scan (person, id, booking, shows, moment, scanned_at, received_at, device, point)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
        [
            one.person,
            one.id,
            one.booking,
            one.shows.value,
            one.moment,
            one.scanned_at,
            one.received_at,
            one.device,
            *(one.point or (None, None)),
        ],
    )


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_fixes(connection: Connection[Any], run: str, fixes: Sequence[Located], received: datetime) -> int:
    """Keep positions; return how many were new."""
    return connection.execute(
        """
        INSERT INTO carpool_fix (run, person, at, point, device, received_at)
        SELECT %s, person, at, ST_SetSRID(ST_MakePoint(lon, lat), 4326), device, %s
        FROM unnest(%s::text[], %s::timestamptz[], %s::float8[], %s::float8[], %s::text[])
            AS one (person, at, lon, lat, device)
        ON CONFLICT (run, person, at) DO NOTHING
        """,
        [
            run,
            received,
            [one.person for one in fixes],
            [one.fix.at for one in fixes],
            [one.fix.point.lon for one in fixes],
            [one.fix.point.lat for one in fixes],
            [one.device for one in fixes],
        ],
    ).rowcount


def count_fixes(connection: Connection[Any], run: str, person: str) -> int:
    """Count the positions of a person in a run."""
    row = connection.execute("SELECT count(*) FROM carpool_fix WHERE run = %s AND person = %s", [run, person])
    found = row.fetchone()
    assert found
    return int(found[0])


def list_fixes(connection: Connection[Any], run: str) -> list[Located]:
    """List the positions of all in a car, by when they were."""
    rows = connection.execute(
        "SELECT person, at, ST_X(point), ST_Y(point), device FROM carpool_fix WHERE run = %s ORDER BY at, person", [run]
    )
    return [Located(person, Fix(at, Point(lon, lat)), device) for person, at, lon, lat, device in rows]


def forget_positions(connection: Connection[Any], before: datetime) -> int:
    """Forget where phones were before an instant, and make the ends of journeys vague; return how many positions."""
    connection.execute(
        """
        UPDATE carpool_journey
        SET origin = ST_SnapToGrid(origin, 0.01), destination = ST_SnapToGrid(destination, 0.01)
        WHERE started_at < %s AND NOT (
            ST_Equals(origin, ST_SnapToGrid(origin, 0.01)) AND ST_Equals(destination, ST_SnapToGrid(destination, 0.01))
        )
        """,
        [before],
    )
    scans = connection.execute(
        "UPDATE carpool_scan SET point = NULL, device = NULL"
        " WHERE scanned_at < %s AND (point IS NOT NULL OR device IS NOT NULL)",
        [before],
    )
    return scans.rowcount + connection.execute("DELETE FROM carpool_fix WHERE at < %s", [before]).rowcount


def forget_journeys(connection: Connection[Any], before: datetime) -> int:
    """Forget the proof of journeys that began before an instant, and what was found of them; return how many."""
    connection.execute(
        "DELETE FROM carpool_finding_booking WHERE booking IN"
        " (SELECT booking FROM carpool_journey WHERE started_at < %s)",
        [before],
    )
    connection.execute(
        "DELETE FROM carpool_finding AS one WHERE NOT EXISTS"
        " (SELECT FROM carpool_finding_booking AS about WHERE about.finding = one.id)"
    )
    connection.execute("DELETE FROM carpool_register WHERE started_at < %s", [before])
    connection.execute("DELETE FROM carpool_scan WHERE scanned_at < %s", [before])
    return connection.execute("DELETE FROM carpool_journey WHERE started_at < %s", [before]).rowcount


# ── journeys ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_JOURNEY = """
    SELECT booking, run, driver, passenger, operator, driver_key, passenger_key, seats, cents, planned_at, started_at,
        ended_at, ST_X(origin), ST_Y(origin), ST_X(destination), ST_Y(destination), board_metres, alight_metres, proof,
        proven_at, validated_at, struck_at
    FROM carpool_journey
"""


def _journey(row: Sequence[Any]) -> Proven:
    lon, lat, to_lon, to_lat, board, alight, proof, *rest = row[12:]
    values = [*row[:12], Point(lon, lat), Point(to_lon, to_lat), board, alight, ProofClass(proof), *rest]
    return Proven(*values)


def find_journey(connection: Connection[Any], booking: str) -> Proven | None:
    """Return what was proven of a booking."""
    row = connection.execute(f"{_JOURNEY} WHERE booking = %s", [booking]).fetchone()
    return None if row is None else _journey(row)


def list_own(connection: Connection[Any], bookings: Iterable[str], person: str) -> set[str]:
    """List those of some bookings whose journeys somebody drove or rode in."""
    rows = connection.execute(
        "SELECT booking FROM carpool_journey WHERE booking = ANY (%s) AND %s IN (driver, passenger)",
        [list(bookings), person],
    )
    return {booking for (booking,) in rows}


def list_journeys(connection: Connection[Any], run: str) -> list[Proven]:
    """List what was proven of a run, by where its passengers got on."""
    rows = connection.execute(f"{_JOURNEY} WHERE run = %s ORDER BY board_metres, booking", [run])
    return [_journey(row) for row in rows]


def list_journeys_of(connection: Connection[Any], keys: Iterable[str], first: datetime, last: datetime) -> list[Proven]:
    """List the journeys of identities, as drivers or passengers, that began between two instants; struck ones not."""
    rows = connection.execute(
        f"{_JOURNEY} WHERE (driver_key = ANY (%(keys)s) OR passenger_key = ANY (%(keys)s))"
        " AND started_at BETWEEN %(first)s AND %(last)s AND struck_at IS NULL ORDER BY started_at, booking",
        {"keys": sorted(set(keys)), "first": first, "last": last},
    )
    return [_journey(row) for row in rows]


def list_between(connection: Connection[Any], first: datetime, end: datetime) -> list[Proven]:
    """List the journeys that began from an instant on until before another one."""
    rows = connection.execute(
        f"{_JOURNEY} WHERE started_at >= %s AND started_at < %s ORDER BY started_at, booking", [first, end]
    )
    return [_journey(row) for row in rows]


def save_journey(connection: Connection[Any], one: Proven) -> None:
    """Write what was proven of a booking, new or anew."""
    connection.execute(
        """
        INSERT INTO carpool_journey (booking, run, driver, passenger, operator, driver_key, passenger_key, seats, cents,
            planned_at, started_at, ended_at, origin, destination, board_metres, alight_metres, proof, proven_at,
            validated_at, struck_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, ST_SetSRID(ST_MakePoint(%s, %s), 4326),
            ST_SetSRID(ST_MakePoint(%s, %s), 4326), %s, %s, %s, %s, %s, %s)
        ON CONFLICT (booking) DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at,
            origin = excluded.origin, destination = excluded.destination, board_metres = excluded.board_metres,
            alight_metres = excluded.alight_metres, proof = excluded.proof, proven_at = excluded.proven_at,
            validated_at = excluded.validated_at, struck_at = excluded.struck_at
        """,
        [
            one.booking,
            one.run,
            one.driver,
            one.passenger,
            one.operator,
            one.driver_key,
            one.passenger_key,
            one.seats,
            one.cents,
            one.planned_at,
            one.started_at,
            one.ended_at,
            *one.origin,
            *one.destination,
            one.board_metres,
            one.alight_metres,
            one.proof.value,
            one.proven_at,
            one.validated_at,
            one.struck_at,
        ],
    )


# ── what is to be done ────────────────────────────────────────────────────────────────────────────────────────────────


def list_unsettled(connection: Connection[Any], now: datetime, late: timedelta) -> list[str]:
    """List the runs that are over and have something to be proven.

    Parameters
    ----------
    late : timedelta
        How long after the end of a run its proof may come in.
    """
    rows = connection.execute(
        """
        SELECT booking.run FROM carpool_booking AS booking JOIN carpool_run AS run ON run.id = booking.run
        WHERE booking.state = 'COMPLETED_PENDING_VALIDATION' AND run.state = 'ended'
            AND NOT EXISTS (SELECT FROM carpool_journey AS one WHERE one.booking = booking.id)
            AND (
                run.ended_at < %(now)s::timestamptz - %(late)s::interval
                OR EXISTS (SELECT FROM carpool_scan AS scan WHERE scan.booking = booking.id)
                OR booking.passenger IS NULL AND EXISTS (SELECT FROM carpool_fix AS fix WHERE fix.run = run.id)
            )
        UNION
        SELECT one.run FROM carpool_journey AS one
        WHERE one.validated_at IS NULL AND one.struck_at IS NULL AND NOT EXISTS (
            SELECT FROM carpool_finding_booking AS about JOIN carpool_finding AS finding ON finding.id = about.finding
            WHERE about.booking = one.booking AND about.held AND finding.state <> 'dismissed'
        )
        UNION
        SELECT one.run FROM carpool_register AS told JOIN carpool_journey AS one USING (booking)
        WHERE told.status IN ('anomaly_error', 'fraud_error') AND one.struck_at IS NULL AND NOT EXISTS (
            SELECT FROM carpool_finding_booking AS about JOIN carpool_finding AS finding ON finding.id = about.finding
            WHERE about.booking = one.booking AND finding.kind = 'register'
        )
        UNION
        SELECT one.run FROM carpool_journey AS one
        WHERE one.proven_at > %(now)s::timestamptz - 2 * %(late)s::interval AND (
            EXISTS (SELECT FROM carpool_fix AS fix WHERE fix.run = one.run AND fix.received_at > one.proven_at)
            OR EXISTS (
                SELECT FROM carpool_scan AS scan
                WHERE scan.booking = one.booking AND scan.received_at > one.proven_at
            )
        )
        ORDER BY 1
        """,
        {"now": now, "late": late},
    )
    return [id_ for (id_,) in rows]
