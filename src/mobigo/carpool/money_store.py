"""Awards, months and payouts in the database: all SQL about what drivers are paid. The caller commits.

``carpool_award``: what a run is paid: ``number`` 0, and corrections after it; ``month`` in whose close it was counted
    (none: a correction that waits for the next), ``payout`` that paid it (none: not yet). Nothing but these two is
    ever changed, which the database sees to
``carpool_month``: a close: what was sent, from which account, to be executed when
``carpool_payout``: one person's money of a month; the sum of its awards, which the database sees to. Returned by the
    bank, its awards wait for the next month
``carpool_counter``: what limits of rules have counted
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import orjson

from mobigo.carpool.awards import Aboard, Reason, Ride, RidePay
from mobigo.carpool.model import CounterKey
from mobigo.carpool.terms import FRANCE
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection

EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)
"""Days that no run lies beyond."""

AWARD_COLUMNS = (
    "run, number, person, month, service_date, cents, metres, seats, fares, derogated, steps, payout, made_by, made_at"
)


@dataclass(frozen=True)
class Award:
    """What a run is paid, or a correction of it."""

    run: str
    number: int
    person: str
    month: date | None
    service_date: date
    cents: int
    metres: int
    seats: int
    fares: int
    derogated: bool
    reasons: tuple[Reason, ...]
    payout: str | None
    made_by: str
    made_at: datetime


@dataclass(frozen=True)
class Payout:
    """One person's money of a month."""

    id: str
    month: date
    person: str
    cents: int
    sealed: bytes
    masked: str
    returned_at: datetime | None = None
    returned_because: str | None = None


@dataclass(frozen=True)
class Month:
    """A month that was closed."""

    month: date
    """Its first day."""
    closed_at: datetime
    closed_by: str
    execution: date
    payer: str
    payer_iban: str
    runs: int
    cents: int


# ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_DUE = """
    run.state = 'ended' AND run.service_date BETWEEN %(first)s AND %(last)s
    AND (%(driver)s::text IS NULL OR run.driver = %(driver)s)
    AND (%(runs)s::text[] IS NULL OR run.id = ANY (%(runs)s))
    AND (%(again)s OR NOT EXISTS (SELECT 1 FROM carpool_award AS award WHERE award.run = run.id))
"""

_OPEN = """
    EXISTS (
        SELECT 1 FROM carpool_booking AS booking
        WHERE booking.run = run.id AND booking.state NOT IN ('VALIDATED', 'CANCELLED')
    )
"""

_COUNTS = """
    booking.state = 'VALIDATED' AND NOT EXISTS (
        SELECT 1 FROM carpool_journey AS journey WHERE journey.booking = booking.id AND journey.struck_at IS NOT NULL
    )
"""

_PROVEN = f"run.id IN (SELECT booking.run FROM carpool_booking AS booking WHERE {_COUNTS})"  # noqa: S608


_RUNS = "SELECT run.id FROM carpool_run AS run"

_RIDES = """
    SELECT run.id, run.driver, run.line, run.service_date, run.departs_at,
        (SELECT coalesce(max(stop.metres), 0) FROM carpool_run_stop AS stop
         WHERE stop.run = run.id AND stop.position >= 0),
        booking.id,
        coalesce(booking.passenger, booking.operator || '/' || booking.foreign_passenger, booking.operator),
        booking.seats, coalesce(journey.board_metres, board.metres), coalesce(journey.alight_metres, alight.metres),
        board.line_stop IS NOT NULL AND alight.line_stop IS NOT NULL,
        coalesce(booking.proof, journey.proof, 'A'), booking.cents,
        coalesce(journey.started_at, booking.boarded_at, booking.board_at, board.planned_at),
        ST_X(board.point), ST_Y(board.point), ST_X(alight.point), ST_Y(alight.point), coalesce(person.adult, true)
    FROM carpool_run AS run
"""

_ABOARD = """
    LEFT JOIN carpool_run_stop AS board ON board.id = booking.board
    LEFT JOIN carpool_run_stop AS alight ON alight.id = booking.alight
    LEFT JOIN carpool_person AS person ON person.id = booking.passenger
    LEFT JOIN carpool_journey AS journey ON journey.booking = booking.id
"""


@dataclass(frozen=True)
class Due:
    """Runs of some days: those that can be paid, and those of which something is still to be settled."""

    rides: list[Ride]
    open: list[str]


def list_due(
    connection: Connection[Any],
    first: date,
    last: date,
    *,
    empty: bool,
    again: bool = False,
    driver: str | None = None,
    runs: Sequence[str] | None = None,
) -> Due:
    """List the runs of some days that have ended.

    Parameters
    ----------
    first, last : date
        Days of departure, both included.
    empty : bool
        Also runs in which nobody rode.
    again : bool
        Also runs that were paid already.
    driver : str, optional
        Only those of this person.
    runs : sequence, optional
        Only these.
    """
    values = {"first": first, "last": last, "again": again, "driver": driver, "runs": runs and list(runs)}
    open_ = connection.execute(f"{_RUNS} WHERE {_DUE} AND {_OPEN}".encode(), values)
    wanted = f"{_DUE} AND NOT {_OPEN}" + ("" if empty else f" AND {_PROVEN}")
    return Due(_read_rides(connection, wanted, values), [id_ for (id_,) in open_])


def list_open(connection: Connection[Any], runs: Sequence[str]) -> list[Ride]:
    """List runs of which something is still to be settled, with who is proven to have been aboard so far."""
    return _read_rides(connection, f"run.id = ANY (%(runs)s) AND {_OPEN}", {"runs": list(runs)})


def _read_rides(connection: Connection[Any], wanted: str, values: Mapping[str, object]) -> list[Ride]:
    rows = connection.execute(  # at once: what is settled meanwhile is there whole, or not at all
        f"{_RIDES} LEFT JOIN carpool_booking AS booking ON booking.run = run.id AND {_COUNTS} {_ABOARD}"
        f" WHERE {wanted}".encode(),
        values,
    )
    found: dict[str, tuple[list[Any], list[Aboard]]] = {}
    for run, *told in rows:
        aboard = found.setdefault(run, (told[:5], []))[1]
        if told[5] is not None:
            aboard.append(_aboard(told[5:]))
    return [
        Ride(id_, person, line, day, departs_at.astimezone(FRANCE), metres, tuple(aboard))
        for id_, ((person, line, day, departs_at, metres), aboard) in found.items()
    ]


def _aboard(row: Sequence[Any]) -> Aboard:
    booking, passenger, seats, board, alight, on_line, proof, fare, start_at, lon, lat, to_lon, to_lat, adult = row
    return Aboard(
        booking=booking,
        passenger=passenger,
        seats=seats,
        board=board,
        alight=alight,
        on_line=on_line,
        proof=proof,
        fare=fare,
        start_at=start_at,
        ends=(Point(lon, lat), Point(to_lon, to_lat)),
        adult=adult,
    )


def list_struck(connection: Connection[Any]) -> list[str]:
    """List the runs of which a ride was struck after they were paid, or about when they were."""
    rows = connection.execute(
        """
        SELECT DISTINCT journey.run FROM carpool_journey AS journey
        WHERE journey.struck_at > (
            SELECT max(award.made_at) - interval '1 day' FROM carpool_award AS award WHERE award.run = journey.run
        )
        """
    )
    return [run for (run,) in rows]


# ── what was counted ──────────────────────────────────────────────────────────────────────────────────────────────────


def read_counters(connection: Connection[Any], policies: Iterable[str]) -> dict[str, dict[CounterKey, int]]:
    """Read what the limits of rules have counted."""
    found: dict[str, dict[CounterKey, int]] = {}
    for policy, *key, value in connection.execute(
        "SELECT policy, counter, period, scope, person, key, value FROM carpool_counter WHERE policy = ANY (%s)",
        [sorted(policies)],
    ):
        found.setdefault(policy, {})[CounterKey(*key)] = value
    return found


def write_counters(connection: Connection[Any], counters: Mapping[str, Mapping[CounterKey, int]]) -> None:
    """Write what the limits of rules have counted."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO carpool_counter (policy, counter, period, scope, person, key, value)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT ON CONSTRAINT carpool_counter_pkey"
            " DO UPDATE SET value = excluded.value",
            [(policy, *key, value) for policy, counted in counters.items() for key, value in counted.items()],
        )


def read_derogations(connection: Connection[Any], first: date, last: date) -> dict[tuple[str, date], int]:
    """Count short runs that were paid above their costs, by driver and day."""
    rows = connection.execute(
        "SELECT person, service_date, count(*) FROM carpool_award"
        " WHERE derogated AND service_date BETWEEN %s AND %s GROUP BY person, service_date",
        [first, last],
    )
    return {(person, day): count for person, day, count in rows}


# ── awards ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_awards(connection: Connection[Any], awards: Iterable[Award]) -> None:
    """Write awards."""
    with connection.cursor() as cursor, cursor.copy(f"COPY carpool_award ({AWARD_COLUMNS}) FROM STDIN") as copy:
        for one in awards:
            copy.write_row((
                one.run, one.number, one.person, one.month, one.service_date, one.cents, one.metres, one.seats,
                one.fares, one.derogated, orjson.dumps([vars(reason) for reason in one.reasons]).decode(), one.payout,
                one.made_by, one.made_at,
            ))  # fmt: skip


def make_award(
    ride: Ride, pay: RidePay, *, number: int = 0, month: date, payout: str | None, by: str, at: datetime
) -> Award:
    """Say what a run is paid, or what a correction adds to it."""
    return Award(
        run=ride.run,
        number=number,
        person=ride.driver,
        month=month,
        service_date=ride.day,
        cents=pay.cents,
        metres=pay.metres,
        seats=pay.seats,
        fares=pay.fares,
        derogated=pay.derogated,
        reasons=pay.reasons,
        payout=payout,
        made_by=by,
        made_at=at,
    )


def sum_awards(connection: Connection[Any], runs: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return what runs are paid so far, corrections included, and the number of their last award."""
    rows = connection.execute(
        "SELECT run, sum(cents)::bigint, max(number) FROM carpool_award WHERE run = ANY (%s) GROUP BY run", [list(runs)]
    )
    return {run: (cents, number) for run, cents, number in rows}


_AWARD = f"SELECT {AWARD_COLUMNS} FROM carpool_award"  # noqa: S608 - names of this file


def list_awards(
    connection: Connection[Any],
    *,
    run: str | None = None,
    person: str | None = None,
    month: date | None = None,
    payout: str | None = None,
    unpaid: bool = False,
    after: tuple[date, str, int] | None = None,
    limit: int | None = None,
) -> list[Award]:
    """List awards that match all that is given, by day, run and number."""
    wheres, values = ["true"], list[object]()
    for column, value in (("run", run), ("person", person), ("month", month), ("payout", payout)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    if unpaid:
        wheres.append("payout IS NULL")
    if after is not None:
        wheres.append("(service_date, run, number) > (%s, %s, %s)")
        values += after
    rows = connection.execute(
        f"{_AWARD} WHERE {' AND '.join(wheres)} ORDER BY service_date, run, number LIMIT %s".encode(),
        [*values, limit],
    )
    return [_award(row) for row in rows]


def _award(row: Sequence[Any]) -> Award:
    run, number, person, month, day, cents, metres, seats, fares, derogated, steps, payout, made_by, made_at = row
    return Award(
        run=run,
        number=number,
        person=person,
        month=month,
        service_date=day,
        cents=cents,
        metres=metres,
        seats=seats,
        fares=fares,
        derogated=derogated,
        reasons=tuple(Reason(**one) for one in steps),
        payout=payout,
        made_by=made_by,
        made_at=made_at,
    )


def sum_unpaid(connection: Connection[Any]) -> dict[str, int]:
    """Add up what people are still owed, or owe, from before."""
    rows = connection.execute(
        "SELECT person, sum(cents)::bigint FROM carpool_award WHERE payout IS NULL GROUP BY person"
    )
    return dict(rows)


def pay_waiting(connection: Connection[Any], month: date, payouts: Mapping[str, str]) -> int:
    """Put awards that waited into the payouts of a month; how many runs that are.

    Parameters
    ----------
    payouts : mapping
        Payout by person.
    """
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE paid_now (person text, payout text) ON COMMIT DROP")
        with cursor.copy("COPY paid_now FROM STDIN") as copy:
            for pair in payouts.items():
                copy.write_row(pair)
        cursor.execute(
            """
            UPDATE carpool_award AS award SET payout = paid_now.payout, month = coalesce(month, %s)
            FROM paid_now WHERE paid_now.person = award.person AND award.payout IS NULL
            """,
            [month],
        )
        found = cursor.rowcount
        cursor.execute("DROP TABLE paid_now")
    return found


# ── months and payouts ────────────────────────────────────────────────────────────────────────────────────────────────

_MONTH = "SELECT month, closed_at, closed_by, execution, payer, payer_iban, runs, cents FROM carpool_month"
_PAYOUT = "SELECT id, month, person, cents, sealed, masked, returned_at, returned_because FROM carpool_payout"


def lock_months(connection: Connection[Any]) -> None:
    """Let nobody else close a month until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('carpool_month'))")


def find_month(connection: Connection[Any], month: date) -> Month | None:
    """Find a month that was closed."""
    row = connection.execute(f"{_MONTH} WHERE month = %s", [month]).fetchone()
    return None if row is None else Month(*row)


def list_months(connection: Connection[Any]) -> list[Month]:
    """List the months that were closed, newest first."""
    return [Month(*row) for row in connection.execute(f"{_MONTH} ORDER BY month DESC")]


def add_month(connection: Connection[Any], one: Month) -> None:
    """Write a month down as closed."""
    connection.execute(
        "INSERT INTO carpool_month (month, closed_at, closed_by, execution, payer, payer_iban, runs, cents)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [
            one.month,
            one.closed_at,
            one.closed_by,
            one.execution,
            one.payer,
            one.payer_iban,
            one.runs,
            one.cents,
        ],
    )


def set_month_totals(connection: Connection[Any], month: date, *, runs: int, cents: int) -> None:
    """Write what a month came to."""
    connection.execute("UPDATE carpool_month SET runs = %s, cents = %s WHERE month = %s", [runs, cents, month])


def add_payouts(connection: Connection[Any], payouts: Iterable[Payout]) -> None:
    """Write payouts."""
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY carpool_payout (id, month, person, cents, sealed, masked) FROM STDIN") as copy,
    ):
        for one in payouts:
            copy.write_row((one.id, one.month, one.person, one.cents, one.sealed, one.masked))


def list_payouts(
    connection: Connection[Any], *, month: date | None = None, person: str | None = None, id_: str | None = None
) -> list[Payout]:
    """List payouts that match all that is given, newest month first, then by id."""
    wheres, values = ["true"], list[object]()
    for column, value in (("month", month), ("person", person), ("id", id_)):
        if value is not None:
            wheres.append(f"{column} = %s")
            values.append(value)
    rows = connection.execute(f"{_PAYOUT} WHERE {' AND '.join(wheres)} ORDER BY month DESC, id".encode(), values)
    return [Payout(*row) for row in rows]


def sum_payouts(connection: Connection[Any], month: date) -> int:
    """Add up what was sent in a month, in cents; also what came back later."""
    row = connection.execute(
        "SELECT coalesce(sum(cents), 0)::bigint FROM carpool_payout WHERE month = %s", [month]
    ).fetchone()
    assert row
    return int(row[0])


def count_paid_runs(connection: Connection[Any], month: date) -> int:
    """Count the runs that the payouts of a month pay."""
    row = connection.execute(
        "SELECT count(DISTINCT award.run) FROM carpool_award AS award"
        " JOIN carpool_payout AS payout ON payout.id = award.payout"
        " WHERE payout.month = %s AND award.number = 0 AND award.cents > 0",
        [month],
    ).fetchone()
    assert row
    return int(row[0])


def return_payout(connection: Connection[Any], id_: str, *, because: str, at: datetime) -> None:
    """Write down that a bank sent money back; its awards wait for the next month."""
    connection.execute(
        "UPDATE carpool_payout SET returned_at = %s, returned_because = %s WHERE id = %s", [at, because, id_]
    )
    connection.execute("UPDATE carpool_award SET payout = NULL WHERE payout = %s", [id_])


def list_departures(connection: Connection[Any], runs: Sequence[str]) -> dict[str, tuple[str | None, datetime]]:
    """Return the lines of runs, and when they departed."""
    rows = connection.execute("SELECT id, line, departs_at FROM carpool_run WHERE id = ANY (%s)", [list(runs)])
    return {id_: (line, departs_at) for id_, line, departs_at in rows}
