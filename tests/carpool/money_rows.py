"""Runs that were driven and proven, put into the database at once, as if they had been booked and scanned."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mobigo.carpool import bank
from mobigo.kit.geo import Point
from mobigo.ledger.sepa import Account

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection, Cursor

FRANCE = ZoneInfo("Europe/Paris")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEY = bytes(range(32))
IBAN = "FR1420041010050500013M02606"
"""The example of the French banks."""
PAYER = Account("Région Bourgogne-Franche-Comté", "FR7630006000011234567890189")
MOST_STOPS = 10_000


@dataclass(frozen=True)
class Sat:
    """A passenger of a driven run; metres from its beginning."""

    who: str
    board: int
    alight: int
    seats: int = 1
    state: str = "VALIDATED"
    cents: int | None = None
    proof: str = "C"


@dataclass(frozen=True)
class Driven:
    """A run; its stops are where its passengers get on and off."""

    id: str
    driver: str
    day: date
    sat: Sequence[Sat]
    line: str | None = "epoisses-les-laumes"
    at: time = time(7, 30)
    metres: int = 30_000
    state: str = "ended"
    stops: dict[int, int] = field(default_factory=dict)


def put_people(
    connection: Connection[Any], people: Iterable[str], *, key: bytes = KEY, iban: str | None = IBAN
) -> None:
    """Write people, with an account number unless `iban` is None."""
    people = list(people)
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY carpool_person (id, account, adult, name, made_at) FROM STDIN") as copy,
    ):
        for one in people:
            copy.write_row((one, f"account-{one}", True, f"Prénom {one}", LONG_AGO))
    if iban is None:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY carpool_bank (person, sealed, masked, changed_at) FROM STDIN") as copy,
    ):
        for one in people:
            sealed = bank.seal(key, one, Account(f"Prénom {one}", iban))
            copy.write_row((one, sealed, "FR14 … 606", LONG_AGO))


def put_driven(connection: Connection[Any], runs: Sequence[Driven]) -> None:
    """Write runs with their stops and bookings."""
    ids = connection.execute(
        "SELECT nextval(pg_get_serial_sequence('mobigo.carpool_run_stop', 'id')) FROM generate_series(1, %s)",
        [sum(len(_metres(run)) for run in runs)],
    )
    for run in runs:
        run.stops.update({metres: ids.fetchone()[0] for metres in _metres(run)})  # type: ignore[index]
    with connection.cursor() as cursor:
        _copy_runs(cursor, runs)
        _copy_bookings(cursor, runs)


def _metres(run: Driven) -> list[int]:
    return sorted({0, run.metres, *(metres for one in run.sat for metres in (one.board, one.alight))})


def _copy_runs(cursor: Cursor[Any], runs: Sequence[Driven]) -> None:
    with cursor.copy(
        "COPY carpool_run (id, driver, seats, state, service_date, departs_at, ends_at, line, direction, started_at,"
        " ended_at, made_at, revision) FROM STDIN"
    ) as copy:
        for run in runs:
            departs = datetime.combine(run.day, run.at, FRANCE)
            ends = departs + timedelta(seconds=max(60, run.metres / 15))
            direction = None if run.line is None else 0
            ended = ends if run.state == "ended" else None
            copy.write_row((
                run.id, run.driver, 8, run.state, run.day, departs, ends, run.line, direction, departs, ended,
                LONG_AGO, 0,
            ))  # fmt: skip
    with cursor.copy(
        "COPY carpool_run_stop (id, run, position, name, point, metres, planned_at, latest, line_stop) FROM STDIN"
    ) as copy:
        for run in runs:
            departs = datetime.combine(run.day, run.at, FRANCE)
            for position, metres in enumerate(_metres(run)):
                at = departs + timedelta(seconds=metres / 15)
                point = Point(4.17 + metres / 1e5, 47.5)
                copy.write_row((
                    run.stops[metres], run.id, position, f"km {metres / 1000:g}",
                    f"SRID=4326;POINT({point.lon} {point.lat})", metres, at, at, run.line and f"s{metres}",
                ))  # fmt: skip


def _copy_bookings(cursor: Cursor[Any], runs: Sequence[Driven]) -> None:
    with cursor.copy(
        "COPY carpool_booking (id, run, passenger, seats, board, alight, state, cents, made_at, proof, revision)"
        " FROM STDIN"
    ) as copy:
        for run in runs:
            for number, one in enumerate(run.sat):
                cents = 150 * one.seats if one.cents is None else one.cents
                copy.write_row((
                    f"{run.id}-{number}", run.id, one.who, one.seats, run.stops[one.board], run.stops[one.alight],
                    one.state, cents, LONG_AGO, one.proof if one.state == "VALIDATED" else None, 0,
                ))  # fmt: skip


def put_struck(connection: Connection[Any], booking: str, run: str, at: datetime) -> None:
    """Write that a proven ride was struck."""
    connection.execute(
        """
        INSERT INTO carpool_journey (booking, run, driver, driver_key, passenger_key, seats, cents, planned_at,
            started_at, ended_at, origin, destination, board_metres, alight_metres, proof, proven_at, validated_at,
            struck_at)
        SELECT booking.id, run.id, run.driver, %(key)s, %(key)s, booking.seats, booking.cents, run.departs_at,
            run.departs_at, run.ends_at, board.point, alight.point, board.metres, alight.metres, 'C', run.ends_at,
            run.ends_at, %(at)s
        FROM carpool_booking AS booking JOIN carpool_run AS run ON run.id = booking.run
        JOIN carpool_run_stop AS board ON board.id = booking.board
        JOIN carpool_run_stop AS alight ON alight.id = booking.alight
        WHERE booking.id = %(booking)s AND run.id = %(run)s
        """,
        {"key": "0" * 64, "at": at, "booking": booking, "run": run},
    )
