"""School passes: one for each pupil who has a seat, good on their circuits for the school year; given back with it.

A pass knows the pupil by the key that planning uses, never by a name. It is made again whenever the register says
something else: who has lost all seats loses the pass, who changes circuits has a pass for the new ones.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.kit.errors import Refused
from mobigo.school import register_service, register_store
from mobigo.school.register import SHEETS
from mobigo.ticketing.taps import day_begins
from mobigo.ticketing.taps_service import FRANCE
from mobigo.tickets import service as tickets
from mobigo.tickets.model import Scope, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

PRODUCT = "school_pass"
"""What it is called; no catalogue sells it."""

CATEGORY = "pupil"
SOURCE = "school"
"""How routes of circuits begin."""


@dataclass(frozen=True)
class Handed:
    """What was done for the pupils of a year."""

    issued: int
    changed: int
    ended: int
    unchanged: int


@dataclass(frozen=True)
class Pass:
    """A pupil's pass."""

    pupil: str
    ticket: str
    key: str
    """Whoever has it can show and print the pass."""
    circuits: tuple[str, ...]


def hand_out(session: Session, year: str, now: datetime) -> Handed:
    """Give every pupil with a seat a pass, and take those back whose pupils have none any more.

    Raises
    ------
    NotFound
        ``unknown_school_year``.
    Refused
        ``no_catalogue``: a pass says from which fares it is.
    """
    connection = driver(session)
    known = register_service.get_year(connection, year)
    register_store.lock_year(connection, year)
    catalogue = fares.find_catalogue(session, now.astimezone(FRANCE).date())
    if catalogue is None:
        raise Refused("no catalogue of fares is in force; publish one first", code="no_catalogue")
    wanted = _list_circuits(connection, year)
    there = _list_known(connection, year)
    stale = {pupil: one for pupil, one in there.items() if wanted.get(pupil) != one[1]}
    tickets.void(session, [ticket for ticket, _ in stale.values()], why="school register", now=now)
    connection.execute("DELETE FROM school_pass WHERE year = %s AND pupil = ANY(%s)", [year, sorted(stale)])
    fresh = sorted(pupil for pupil in wanted if pupil not in there or pupil in stale)
    since, until = day_begins(known.first, FRANCE), day_begins(known.last + timedelta(days=1), FRANCE)
    issued = tickets.issue(
        session,
        [
            Wanted(
                product=PRODUCT,
                version=catalogue.version,
                category=CATEGORY,
                valid_from=since,
                valid_until=until,
                cents=0,
                currency=catalogue.currency,
                scope=Scope(routes=tuple(f"{SOURCE}:{circuit}" for circuit in wanted[pupil])),
            )
            for pupil in fresh
        ],
        now=now,
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO school_pass (year, pupil, ticket, circuits, made_at) VALUES (%s, %s, %s, %s, %s)",
            [(year, pupil, ticket.id, list(wanted[pupil]), now) for pupil, ticket in zip(fresh, issued, strict=True)],
        )
    changed = sum(1 for pupil in fresh if pupil in stale)
    return Handed(len(fresh) - changed, changed, len(stale) - changed, len(there) - len(stale))


def list_passes(session: Session, year: str) -> list[Pass]:
    """List the passes of a year, by the key of the pupil."""
    connection = driver(session)
    register_service.get_year(connection, year)
    rows = connection.execute(
        "SELECT pupil, ticket, ticket.key, circuits FROM school_pass JOIN ticket ON ticket.id = school_pass.ticket"
        " WHERE year = %s ORDER BY pupil",
        [year],
    )
    return [Pass(pupil, ticket, key, tuple(circuits)) for pupil, ticket, key, circuits in rows]


def _list_circuits(connection: Connection[Any], year: str) -> dict[str, tuple[str, ...]]:
    """Return the circuits on which each pupil has a seat, sorted."""
    runs = {run["id"]: run["circuit"] for run in register_store.list_rows(connection, year, SHEETS["runs"])}
    found: dict[str, set[str]] = defaultdict(set)
    for seat in register_store.list_rows(connection, year, SHEETS["seats"]):
        found[_pupil_of(seat)].add(runs[seat["run"]])
    return {pupil: tuple(sorted(circuits)) for pupil, circuits in found.items()}


def _pupil_of(seat: Mapping[str, Any]) -> str:
    return str(seat["pupil"])


def _list_known(connection: Connection[Any], year: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    rows = connection.execute("SELECT pupil, ticket, circuits FROM school_pass WHERE year = %s", [year])
    return {pupil: (ticket, tuple(circuits)) for pupil, ticket, circuits in rows}
