"""Versions of catalogues in the database; SQL of the room.

``fare_version``: ``version`` (no two the same, of whatever series), ``series`` (``region``, or a feed's), ``state``
(draft, published), ``valid_from`` (first day of sale), ``revision`` (of a draft, from 1), ``document`` (as
`fares.document` reads it), ``digest`` (SHA-256 of the document), ``origin`` (where its content came from, in words),
``written_by, written_at, published_by, published_at``, ``sold_at`` (of the first sale). The database refuses to change
what is published, and to take back what was sold from.

``fare_history``: ``number, version, series, did, revision, by, at``: what was done to versions; only appended to.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.fares.document import read_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.fares.catalogue import Catalogue

REGION = "region"
"""The series that journeys are priced and tickets sold by."""

KEPT = 64
"""Published catalogues kept ready in memory."""


class State(StrEnum):
    """Where a version is."""

    DRAFT = "draft"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Version:
    """A version, without its content."""

    number: int
    series: str
    state: State
    valid_from: date
    revision: int
    digest: str
    origin: str
    written_by: str
    written_at: datetime
    published_by: str | None
    published_at: datetime | None
    sold_at: datetime | None


@dataclass(frozen=True)
class Deed:
    """Something that was done to a version."""

    version: int
    did: str
    revision: int
    by: str
    at: datetime


_VERSION = (
    "SELECT version, series, state, valid_from, revision, digest, origin, written_by, written_at, published_by,"
    " published_at, sold_at FROM fare_version"
)

_READY: OrderedDict[tuple[int, str, str], Catalogue] = OrderedDict()
_LOCK = Lock()


def add(
    connection: Connection[Any],
    series: str,
    document: Mapping[str, Any],
    *,
    valid_from: date,
    origin: str,
    by: str,
    now: datetime,
) -> Version:
    """Add a draft, as revision 1."""
    row = connection.execute(
        "INSERT INTO fare_version (series, state, valid_from, revision, document, digest, origin, written_by,"
        " written_at) VALUES (%s, 'draft', %s, 1, %s, %s, %s, %s, %s) RETURNING version",
        [series, valid_from, Jsonb(document), _digest(document), origin, by, now],
    ).fetchone()
    assert row
    return _append(connection, row[0], "drafted", by, now)


def find(connection: Connection[Any], number: int, *, lock: bool = False) -> Version | None:
    """Find a version, locked until the transaction ends if wanted."""
    locked = " FOR UPDATE" if lock else ""
    row = connection.execute(f"{_VERSION} WHERE version = %s{locked}", [number]).fetchone()
    return _version(row) if row else None


def read_content(connection: Connection[Any], number: int) -> dict[str, Any]:
    """Read the document of a version that is there."""
    row = connection.execute("SELECT document FROM fare_version WHERE version = %s", [number]).fetchone()
    assert row
    document: dict[str, Any] = row[0]
    return document


def rewrite(
    connection: Connection[Any],
    version: Version,
    document: Mapping[str, Any],
    *,
    valid_from: date,
    by: str,
    now: datetime,
) -> Version:
    """Replace the content of a draft by its next revision."""
    connection.execute(
        "UPDATE fare_version SET document = %s, digest = %s, valid_from = %s, revision = revision + 1, written_by = %s,"
        " written_at = %s WHERE version = %s",
        [Jsonb(document), _digest(document), valid_from, by, now, version.number],
    )
    return _append(connection, version.number, "changed", by, now)


def delete(connection: Connection[Any], version: Version, *, by: str, now: datetime) -> None:
    """Delete a draft."""
    _append(connection, version.number, "deleted", by, now)
    connection.execute("DELETE FROM fare_version WHERE version = %s", [version.number])


def publish(connection: Connection[Any], version: Version, *, by: str, now: datetime) -> Version:
    """Publish a draft."""
    connection.execute(
        "UPDATE fare_version SET state = 'published', published_by = %s, published_at = %s WHERE version = %s",
        [by, now, version.number],
    )
    return _append(connection, version.number, "published", by, now)


def take_back(connection: Connection[Any], version: Version, *, by: str, now: datetime) -> Version:
    """Make a draft again of what was published and not sold from."""
    connection.execute(
        "UPDATE fare_version SET state = 'draft', published_by = NULL, published_at = NULL WHERE version = %s",
        [version.number],
    )
    return _append(connection, version.number, "taken_back", by, now)


def note_sold(connection: Connection[Any], number: int, *, now: datetime) -> None:
    """Write down that something was sold from a version, the first time."""
    found = connection.execute(
        "UPDATE fare_version SET sold_at = %s WHERE version = %s AND sold_at IS NULL", [now, number]
    )
    if found.rowcount:
        _append(connection, number, "first_sold", "mobigo", now)


def lock_series(connection: Connection[Any], series: str) -> None:
    """Let nobody else publish or take back in a series until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('fare_version'), hashtext(%s))", [series])


def find_in_force(connection: Connection[Any], series: str, day: date, *, but: int | None = None) -> Version | None:
    """Find the version that a day's sales are made from: published, the last to begin, the newest of those.

    Parameters
    ----------
    but : int, optional
        A version that is passed over.
    """
    row = connection.execute(
        f"{_VERSION} WHERE series = %s AND state = 'published' AND valid_from <= %s AND version IS DISTINCT FROM %s"
        " ORDER BY valid_from DESC, version DESC LIMIT 1",
        [series, day, but],
    ).fetchone()
    return _version(row) if row else None


def list_versions(connection: Connection[Any], series: str | None = None) -> list[Version]:
    """List versions, the newest first."""
    rows = connection.execute(
        f"{_VERSION} WHERE %s::text IS NULL OR series = %s ORDER BY version DESC", [series, series]
    )
    return [_version(row) for row in rows]


def list_series(connection: Connection[Any], day: date) -> list[Version]:
    """List what is in force on a day, by series."""
    rows = connection.execute(
        f"{_VERSION} WHERE state = 'published' AND valid_from <= %s"
        " ORDER BY series, valid_from DESC, version DESC".replace("SELECT", "SELECT DISTINCT ON (series)", 1),
        [day],
    )
    return [_version(row) for row in rows]


def list_history(connection: Connection[Any], number: int) -> list[Deed]:
    """List what was done to a version, the first deed first."""
    rows = connection.execute(
        "SELECT version, did, revision, by, at FROM fare_history WHERE version = %s ORDER BY number", [number]
    )
    return [Deed(*row) for row in rows]


def read_catalogue(connection: Connection[Any], version: Version) -> Catalogue:
    """Read the content of a version; what is published is read once by each process."""
    key = (version.number, version.series, version.digest)
    with _LOCK:
        found = _READY.get(key)
        if found is not None:
            _READY.move_to_end(key)
            return found
    found = read_document(read_content(connection, version.number), id_=version.series, version=version.number)
    if version.state is State.PUBLISHED:
        with _LOCK:
            _READY[key] = found
            while len(_READY) > KEPT:
                _READY.popitem(last=False)
    return found


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _append(connection: Connection[Any], number: int, did: str, by: str, now: datetime) -> Version:
    """Write a deed into the history, and return what is now there."""
    connection.execute(
        "INSERT INTO fare_history (version, series, did, revision, by, at)"
        " SELECT version, series, %s, revision, %s, %s FROM fare_version WHERE version = %s",
        [did, by, now, number],
    )
    found = find(connection, number)
    assert found
    return found


def _version(row: tuple[Any, ...]) -> Version:
    number, series, state, *others = row
    return Version(number, series, State(state), *others)
