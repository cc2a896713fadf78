"""All that is kept about one person, over all tables of carpooling; all SQL of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg import Connection

SECTIONS: dict[str, str] = {
    "cars": "SELECT plate, name, seats FROM carpool_car WHERE person = %(person)s ORDER BY id",
    "regular_wishes": """
        SELECT id, drives, wish, weekdays, departs, timezone, first, last, exceptions, made_at, ended_at
        FROM carpool_regular WHERE person = %(person)s ORDER BY made_at
    """,
    "runs": """
        SELECT run.id, run.state, run.service_date, run.departs_at, run.ends_at, run.line, run.direction, run.seats,
            run.plate, run.spontaneous, run.started_at, run.ended_at, run.made_at, run.position, run.position_at,
            (SELECT jsonb_agg(jsonb_build_object('name', stop.name, 'point', stop.point, 'planned_at', stop.planned_at,
                'passed_at', stop.passed_at) ORDER BY stop.position)
             FROM carpool_run_stop AS stop WHERE stop.run = run.id AND stop.position >= 0) AS stops
        FROM carpool_run AS run WHERE run.driver = %(person)s ORDER BY run.departs_at
    """,
    "bookings": """
        SELECT booking.id, booking.run, booking.state, booking.seats, booking.cents, booking.note, booking.made_at,
            booking.board_at, booking.alight_at, booking.boarded_at, booking.alighted_at, booking.proof, booking.reason,
            board.name AS board, alight.name AS alight
        FROM carpool_booking AS booking
        JOIN carpool_run_stop AS board ON board.id = booking.board
        JOIN carpool_run_stop AS alight ON alight.id = booking.alight
        WHERE booking.passenger = %(person)s ORDER BY booking.made_at
    """,
    "waiting": """
        SELECT id, line, direction, stop, destination, seats, since, promised_until, state, run, booking,
            taxi_ordered_at, ended_at
        FROM carpool_waiting WHERE passenger = %(person)s ORDER BY since
    """,
    "messages": """
        SELECT run, at, text, sender = %(person)s AS sent, read_at FROM carpool_message
        WHERE sender = %(person)s OR recipient = %(person)s ORDER BY id
    """,
    "reports_made": """
        SELECT id, run, kind, text, at, state, answer, answered_at FROM carpool_report
        WHERE reporter = %(person)s ORDER BY at
    """,
    "blocked": "SELECT blocked AS person, at FROM carpool_block WHERE person = %(person)s ORDER BY at",
    "scans": "SELECT booking, moment, scanned_at, device, point FROM carpool_scan WHERE person = %(person)s ORDER BY 3",
    "positions": "SELECT run, at, point, device FROM carpool_fix WHERE person = %(person)s ORDER BY at",
    "proven_journeys": """
        SELECT booking, run, driver = %(person)s AS drove, started_at, ended_at, origin, destination, proof, cents,
            validated_at, struck_at
        FROM carpool_journey WHERE driver = %(person)s OR passenger = %(person)s ORDER BY started_at
    """,
    "findings": """
        SELECT DISTINCT finding.id, finding.kind, finding.reason, finding.found_at, finding.state, finding.decision,
            finding.decided_at, CASE WHEN finding.appealed_by = %(person)s THEN finding.appeal END AS appeal
        FROM carpool_finding AS finding
        JOIN carpool_finding_booking AS about ON about.finding = finding.id
        JOIN carpool_journey AS journey ON journey.booking = about.booking
        WHERE journey.driver = %(person)s OR journey.passenger = %(person)s ORDER BY finding.found_at
    """,
    "bank_account": "SELECT masked, changed_at FROM carpool_bank WHERE person = %(person)s",
    "awards": """
        SELECT run, service_date, cents, metres, seats, steps, payout FROM carpool_award
        WHERE person = %(person)s ORDER BY service_date, run
    """,
    "payouts": """
        SELECT id, month, cents, masked, returned_at FROM carpool_payout WHERE person = %(person)s ORDER BY month
    """,
    "certificates": """
        SELECT id, first, last, made_at FROM carpool_certificate WHERE person = %(person)s ORDER BY made_at
    """,
    "bookings_elsewhere": """
        SELECT id, operator, document, status, pickup_at, made_at FROM carpool_standard_booking
        WHERE person = %(person)s ORDER BY made_at
    """,
    "linked_operators": "SELECT operator, at FROM carpool_standard_link WHERE person = %(person)s ORDER BY at",
}
"""What is kept about somebody, by what it is called in their export."""


def list_records(connection: Connection[Any], person: str) -> dict[str, list[Any]]:
    """Return what is kept about somebody, as plain JSON by section."""
    found = {}
    for name, query in SECTIONS.items():
        wrapped = sql.SQL("SELECT to_jsonb(found) FROM ({}) AS found").format(sql.SQL(query))
        found[name] = [row[0] for row in connection.execute(wrapped, {"person": person})]
    return found


FORGETTING = (
    """
    UPDATE carpool_regular SET ended_at = %(now)s, revision = revision + 1
    WHERE person = %(person)s AND ended_at IS NULL
    """,
    "UPDATE carpool_waiting SET state = 'left', ended_at = %(now)s WHERE passenger = %(person)s AND state = 'waiting'",
    "UPDATE carpool_booking SET note = '' WHERE passenger = %(person)s AND note <> ''",
    "UPDATE carpool_run SET plate = NULL, position = NULL, position_at = NULL WHERE driver = %(person)s",
    "DELETE FROM carpool_fix WHERE person = %(person)s",
    "UPDATE carpool_scan SET point = NULL, device = NULL WHERE person = %(person)s",
    "UPDATE carpool_finding SET appeal = NULL WHERE appealed_by = %(person)s",
    """
    UPDATE carpool_register AS told
    SET document = (document - 'licence_plate')
        #- '{driver,identity,phone_trunc}' #- '{passenger,identity,phone_trunc}'
    FROM carpool_journey AS journey
    WHERE journey.booking = told.booking AND %(person)s IN (journey.driver, journey.passenger)
    """,
    "DELETE FROM carpool_standard_link WHERE person = %(person)s",
    "UPDATE carpool_standard_booking SET document = NULL WHERE person = %(person)s",
)
"""What is forgotten with somebody, besides who they are: where exactly they were, what they wrote, whom they told."""


def forget_records(connection: Connection[Any], person: str, now: datetime) -> None:
    """Forget what is kept about somebody besides their trips, proofs and payments."""
    for statement in FORGETTING:
        connection.execute(sql.SQL(statement), {"person": person, "now": now})


def read_alias(connection: Connection[Any], booking: str) -> str | None:
    """Return what another operator calls its passenger of a booking."""
    row = connection.execute(
        "SELECT document #>> '{passenger,alias}' FROM carpool_standard_booking WHERE id = %s", [booking]
    ).fetchone()
    return None if row is None else row[0]
