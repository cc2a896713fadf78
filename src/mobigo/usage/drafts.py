"""What people who plan do with drafts: write, check, copy, take back, try, set side by side."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import Conflict, InvalidInput, Refused
from mobigo.ondemand.catalogue import read_catalogue
from mobigo.transit import store as transit_store
from mobigo.usage import drafts_store as store
from mobigo.usage.draft import Document, plain, read_changes
from mobigo.usage.draft_edit import edit
from mobigo.usage.draft_zones import edit_services
from mobigo.usage.drafts_store import Draft, Revision
from mobigo.usage.trial_plan import Terms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.model import Service
    from mobigo.transit.tables import FeedTables
    from mobigo.usage.draft import Change
    from mobigo.usage.draft_edit import Edited, Fault

USUAL_DAYS = 28
"""Days of recorded demand that are tried, where nobody names others: four of each weekday."""

MOST_DAYS = 92
"""Days of recorded demand that one trial reads."""

MOST_QUESTIONS = 50_000

GRID = 0.03
"""Degrees between places that stand for a zone, where it is asked what is near it."""

CHUNK = 25
"""Questions between two looks at whether somebody gave up."""


@dataclass(frozen=True)
class Author:
    """Who does something, and when."""

    user: str
    now: datetime


@dataclass(frozen=True)
class Wanted:
    """What is to be tried."""

    first: date | None = None
    """Recorded demand from this day of travel on; None: the last four weeks."""
    last: date | None = None
    days: tuple[date, ...] = ()
    """Days of the timetable on which it is planned; none: the next one of each sort of day."""
    questions: int = 2_000
    """At most, about."""
    seed: int = 1
    terms: Terms = field(default_factory=Terms)

    def plain(self) -> dict[str, Any]:
        """Write it as it is stored."""
        return {
            "first": self.first and self.first.isoformat(),
            "last": self.last and self.last.isoformat(),
            "days": [day.isoformat() for day in self.days],
            "questions": self.questions,
            "seed": self.seed,
            "terms": asdict(self.terms),
        }


def read_wanted(raw: dict[str, Any]) -> Wanted:
    """Read what was stored by `Wanted.plain`."""
    return Wanted(
        date.fromisoformat(raw["first"]) if raw["first"] else None,
        date.fromisoformat(raw["last"]) if raw["last"] else None,
        tuple(date.fromisoformat(day) for day in raw["days"]),
        raw["questions"],
        raw["seed"],
        Terms(**raw["terms"]),
    )


# ── drafts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def make_draft(connection: Connection[Any], document: Document, author: Author) -> Draft:
    """Make a draft of a document; what its changes are about need not be there yet.

    Raises
    ------
    Conflict
        ``name_taken``.
    """
    one = Draft(token_hex(8), document.name.strip(), 1, author.user, author.now)
    store.add_draft(connection, one, Revision(1, document.note, plain(document.changes), author.user, author.now))
    return one


def copy_draft(connection: Connection[Any], id_: str, name: str, author: Author) -> Draft:
    """Make a draft that begins as another one is."""
    document = export_draft(connection, id_)
    return make_draft(connection, document.model_copy(update={"name": name}), author)


def export_draft(connection: Connection[Any], id_: str, revision: int | None = None) -> Document:
    """Return a draft as a document; importing it gives the same."""
    one = store.get_draft(connection, id_)
    written = store.get_revision(connection, one.id, revision or one.revision)
    return Document(name=one.name, note=written.note, changes=read_changes(written.changes))


def write_draft(
    connection: Connection[Any],
    id_: str,
    changes: Sequence[Change],
    author: Author,
    *,
    note: str | None = None,
    seen: int | None = None,
) -> Draft:
    """Write all changes of a draft anew; what it had before stays readable.

    Parameters
    ----------
    note : str, optional
        None: as it is.
    seen : int, optional
        The revision that these were made from.

    Raises
    ------
    Conflict
        ``changed_meanwhile``: somebody else wrote since.
    """
    one = store.get_draft(connection, id_, lock=True)
    if seen is not None and seen != one.revision:
        raise Conflict(
            f"draft {one.name!r} is at revision {one.revision}, not at {seen}; read it again and repeat the change",
            code="changed_meanwhile",
        )
    before = store.get_revision(connection, one.id, one.revision)
    said = before.note if note is None else note
    new = Revision(one.revision + 1, said, plain(changes), author.user, author.now)
    if (new.note, new.changes) != (before.note, before.changes):
        store.add_revision(connection, one.id, new)
    return store.get_draft(connection, one.id)


def take_back(connection: Connection[Any], id_: str, revision: int, author: Author) -> Draft:
    """Write a former revision again."""
    one = store.get_draft(connection, id_, lock=True)
    former = store.get_revision(connection, one.id, revision)
    return write_draft(connection, one.id, read_changes(former.changes), author, note=former.note)


def remove_draft(connection: Connection[Any], id_: str) -> None:
    """Remove a draft and what came of trying it.

    Raises
    ------
    Conflict
        ``being_tried``.
    """
    one = store.get_draft(connection, id_, lock=True)
    if any(trial.state in {"waiting", "running"} for trial in store.list_trials(connection, one.id)):
        raise Conflict(f"draft {one.name!r} is being tried; cancel that first", code="being_tried")
    store.remove_draft(connection, one.id)


# ── checked ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Applied:
    """A draft applied to what is loaded now."""

    tables: FeedTables
    """Of today."""
    edited: Edited
    catalogue: Catalogue
    services: dict[str, Service]
    faults: list[Fault]


def apply(connection: Connection[Any], changes: Sequence[Change]) -> Applied:
    """Apply the changes of a draft to the timetables and services in force."""
    tables = transit_store.read_feed_tables(connection)
    if not tables.agency.height:
        raise Refused("no timetable is loaded, so there is nothing to change; load one first", code="no_network")
    edited = edit(tables, changes)
    catalogue = read_catalogue(connection)
    services, faults = edit_services(catalogue.services, edited.tables, changes)
    both = sorted((*edited.faults, *faults), key=lambda one: one.change)
    return Applied(tables, edited, catalogue, services, both)


def check_draft(connection: Connection[Any], id_: str) -> list[Fault]:
    """List why changes of a draft cannot be made."""
    one = store.get_draft(connection, id_)
    return apply(connection, read_changes(store.get_revision(connection, one.id, one.revision).changes)).faults


# ── tried ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask_trial(connection: Connection[Any], id_: str, wanted: Wanted, author: Author) -> int:
    """Ask for a trial of a draft; its number.

    Raises
    ------
    InvalidInput
        When days or questions are out of bounds.
    Conflict
        ``being_tried``.
    """
    last = wanted.last or author.now.date() - timedelta(days=1)
    first = wanted.first or last - timedelta(days=USUAL_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidInput(
            f"demand from {first} to {last}: give 1 to {MOST_DAYS} days, the first before the last",
            code="invalid_period",
        )
    if not 1 <= wanted.questions <= MOST_QUESTIONS:
        raise InvalidInput(f"{wanted.questions} questions: ask 1 to {MOST_QUESTIONS}")
    asked = Wanted(first, last, tuple(sorted(set(wanted.days))), wanted.questions, wanted.seed, wanted.terms)
    one = store.get_draft(connection, id_)
    return store.ask_trial(connection, one, asked.plain(), author.user, author.now)


def cancel_trial(connection: Connection[Any], id_: int) -> None:
    """Ask a trial for what it found so far; one that found nothing yet fails.

    Raises
    ------
    Conflict
        ``trial_ended``.
    """
    one = store.get_trial(connection, id_)
    if not store.cancel_trial(connection, id_):
        raise Conflict(f"trial {id_} is {one.state}; it cannot be cancelled any more", code="trial_ended")
