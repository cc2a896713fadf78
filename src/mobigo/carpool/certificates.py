"""Certificates of carpooling for employers: how often somebody carpooled, as proven; employers check them by their id.

``carpool_certificate``: ``id`` (unguessable, printed on the paper), ``person``, ``first, last``, ``figures`` as they
were when it was made, ``made_at``. Who checks one learns the figures and no name.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.carpool import store
from mobigo.carpool.papers import find_words
from mobigo.carpool.terms import FRANCE
from mobigo.db.session import driver
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.papers.pdf import Paper, Table, write_day, write_euros, write_kilometres, write_pdf

if TYPE_CHECKING:
    from datetime import date, datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

LONGEST = 366
"""Days of one certificate."""


@dataclass(frozen=True)
class Figures:
    """How somebody carpooled; only proven trips."""

    days: int
    drives: int
    """Runs with somebody aboard."""
    rides: int
    driven_metres: int
    """With somebody aboard."""
    ridden_metres: int
    received_cents: int
    """Counted by closes of months, corrections included."""
    fares_cents: int


@dataclass(frozen=True)
class Certificate:
    """A certificate that was made."""

    id: str
    person: str
    first: date
    last: date
    figures: Figures
    made_at: datetime


def make(session: Session, person: str, first: date, last: date, *, now: datetime) -> Certificate:
    """Make a certificate of a period.

    Raises
    ------
    InvalidInput
        When the period is none, is longer than a year, or is not over yet (``invalid_period``).
    """
    today = now.astimezone(FRANCE).date()
    if not (first <= last and (last - first).days < LONGEST and last < today):
        raise InvalidInput(
            f"{first} to {last} cannot be certified: a period ends before today, {today}, and has at most"
            f" {LONGEST} days",
            code="invalid_period",
        )
    connection = driver(session)
    one = Certificate(
        f"att_{secrets.token_urlsafe(18)}", person, first, last, _count(connection, person, first, last), now
    )
    connection.execute(
        "INSERT INTO carpool_certificate (id, person, first, last, figures, made_at) VALUES (%s, %s, %s, %s, %s, %s)",
        [one.id, one.person, one.first, one.last, Jsonb(asdict(one.figures)), one.made_at],
    )
    return one


def list_certificates(session: Session, person: str) -> list[Certificate]:
    """List somebody's certificates, newest first."""
    rows = driver(session).execute(f"{_SELECT} WHERE person = %s ORDER BY made_at DESC, id", [person])
    return [_certificate(row) for row in rows]


def get_certificate(session: Session, id_: str) -> Certificate:
    """Return a certificate by its id.

    Raises
    ------
    NotFound
        ``unknown_certificate``: nobody made it here.
    """
    row = driver(session).execute(f"{_SELECT} WHERE id = %s", [id_]).fetchone()
    if row is None:
        raise unknown(id_)
    return _certificate(row)


def unknown(id_: str) -> NotFound:
    """Say that there is no such certificate."""
    return NotFound(
        f"no certificate {id_[:60]!r} was made here; compare the id with the paper", code="unknown_certificate"
    )


def write_certificate(session: Session, one: Certificate, *, author: str, address: str) -> bytes:
    """Write a certificate as a tagged PDF.

    Parameters
    ----------
    address : str
        Where employers check it.
    """
    person = store.get_person(driver(session), one.person)
    language, figures = person.language, one.figures
    words = find_words(language)
    rows = (
        (words["days"], str(figures.days)),
        (words["drives"], str(figures.drives)),
        (words["driven"], write_kilometres(figures.driven_metres, language)),
        (words["received"], write_euros(figures.received_cents, language)),
        (words["rides"], str(figures.rides)),
        (words["ridden"], write_kilometres(figures.ridden_metres, language)),
        (words["fares"], write_euros(figures.fares_cents, language)),
    )
    facts = (
        (words["person"], person.name or person.id),
        (words["period"], f"{write_day(one.first, language)} \N{EN DASH} {write_day(one.last, language)}"),
        (words["made"], write_day(one.made_at.astimezone(FRANCE).date(), language)),
    )
    return write_pdf(
        Paper(
            language=language,
            title=words["certificate"],
            author=author,
            facts=facts,
            texts=(words["certificate_text"],),
            tables=(Table((words["what"], words["figure"]), (3, 1), (False, True), rows),),
            footnote=f"{words['check']} {address}",
        ),
        at=one.made_at,
    )


_SELECT = "SELECT id, person, first, last, figures, made_at FROM carpool_certificate"

_COUNT = """
    WITH trip AS (
        SELECT run.id AS run, run.service_date, run.driver, booking.passenger, booking.cents,
            coalesce(journey.alight_metres, alight.metres) - coalesce(journey.board_metres, board.metres) AS metres
        FROM carpool_booking AS booking
        JOIN carpool_run AS run ON run.id = booking.run
        JOIN carpool_run_stop AS board ON board.id = booking.board
        JOIN carpool_run_stop AS alight ON alight.id = booking.alight
        LEFT JOIN carpool_journey AS journey ON journey.booking = booking.id
        WHERE booking.state = 'VALIDATED' AND journey.struck_at IS NULL
            AND run.service_date BETWEEN %(first)s AND %(last)s
            AND (run.driver = %(person)s OR booking.passenger = %(person)s)
    )
    SELECT count(DISTINCT service_date), count(DISTINCT run) FILTER (WHERE driver = %(person)s),
        count(*) FILTER (WHERE passenger = %(person)s),
        coalesce(sum(metres) FILTER (WHERE passenger = %(person)s), 0)::bigint,
        coalesce(sum(cents) FILTER (WHERE passenger = %(person)s), 0)::bigint
    FROM trip
"""

_PAID = """
    SELECT coalesce(sum(metres) FILTER (WHERE number = 0), 0)::bigint, coalesce(sum(cents), 0)::bigint
    FROM carpool_award WHERE person = %(person)s AND service_date BETWEEN %(first)s AND %(last)s
"""


def _count(connection: Connection[Any], person: str, first: date, last: date) -> Figures:
    values = {"person": person, "first": first, "last": last}
    row, paid = connection.execute(_COUNT, values).fetchone(), connection.execute(_PAID, values).fetchone()
    assert row
    assert paid
    days, drives, rides, ridden, fares = row
    return Figures(days, drives, rides, paid[0], ridden, paid[1], fares)


def _certificate(row: tuple[Any, ...]) -> Certificate:
    id_, person, first, last, figures, made_at = row
    return Certificate(id_, person, first, last, Figures(**figures), made_at)
