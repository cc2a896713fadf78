"""Published versions in the database.

``opendata_licence``: under what a loaded ``source`` may be published, said by whom.
``opendata_set``: a data set, ``described`` (`model.Dataset`); ``current`` the number of the version in place,
``checked_at`` when it was made last, ``failure`` why the last one was not put in place.
``opendata_version``: ``number`` from 1, ``key`` of the content, ``said`` (`model.Said`) and ``files`` (`model.Piece`).
``opendata_report``: what validators said of a version when they were asked last (`model.Report`), as they are every
night; also of what is written anew all the time, as version 1.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from mobigo.opendata.licences import list_licences
from mobigo.opendata.model import Dataset, Piece, Problem, Report, Said, Severity, SourceLicence, Standing, Version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection

_VERSIONS = """
    SELECT version.set_id, version.number, version.key, version.made_at, version.said, version.files
    FROM opendata_version AS version
"""

_STANDINGS = """
    SELECT one.described, one.checked_at, one.failed_at, one.failure, report.judged_at, report.problems,
           version.set_id, version.number, version.key, version.made_at, version.said, version.files
    FROM opendata_set AS one
    LEFT JOIN opendata_version AS version ON version.set_id = one.id AND version.number = one.current
    LEFT JOIN opendata_report AS report ON report.set_id = one.id AND report.number = one.current
"""


def _version(row: tuple[Any, ...]) -> Version:
    dataset, number, key, made_at, said, files = row
    return Version(dataset, number, key, made_at, Said.from_json(said), tuple(Piece(**one) for one in files))


def lock_set(connection: Connection[Any], dataset: Dataset, now: datetime) -> Standing:
    """Return how a data set stands, there from now on, and keep others from changing it until the commit."""
    connection.execute(
        "INSERT INTO opendata_set (id, described, checked_at) VALUES (%s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET described = excluded.described",
        [dataset.id, Jsonb(asdict(dataset)), now],
    )
    found = find_standing(connection, dataset.id)
    assert found is not None
    return found


def find_standing(connection: Connection[Any], dataset: str) -> Standing | None:
    """Return how a data set stands; None where it was never made."""
    return next(iter(list_standings(connection, dataset)), None)


def list_standings(connection: Connection[Any], dataset: str | None = None) -> list[Standing]:
    """List how data sets stand, by id."""
    rows = connection.execute(
        f"{_STANDINGS} WHERE %(set)s::text IS NULL OR one.id = %(set)s ORDER BY one.id".encode(),
        {"set": dataset},
    )
    return [
        Standing(
            Dataset(**described),
            _version(tuple(version)) if version[0] is not None else None,
            checked_at,
            failed_at,
            _problems(failure or ()),
            Report(judged_at, _problems(problems)) if judged_at else None,
        )
        for described, checked_at, failed_at, failure, judged_at, problems, *version in rows
    ]


def _problems(raw: Sequence[dict[str, Any]]) -> tuple[Problem, ...]:
    return tuple(Problem(**{**one, "severity": Severity(one["severity"])}) for one in raw)


def list_reports(connection: Connection[Any]) -> dict[tuple[str, int], Report]:
    """List what validators said of versions when they were asked last, by data set and number."""
    rows = connection.execute("SELECT set_id, number, judged_at, problems FROM opendata_report")
    return {(name, number): Report(judged_at, _problems(raw)) for name, number, judged_at, raw in rows}


def set_report(connection: Connection[Any], dataset: str, number: int, report: Report) -> None:
    """Keep what validators said of a version last."""
    connection.execute(
        "INSERT INTO opendata_report (set_id, number, judged_at, problems) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (set_id, number) DO UPDATE SET judged_at = excluded.judged_at, problems = excluded.problems",
        [dataset, number, report.judged_at, Jsonb([asdict(one) for one in report.problems])],
    )


def add_version(connection: Connection[Any], version: Version) -> None:
    """Write a version and put it in place; the data set is locked."""
    connection.execute(
        "INSERT INTO opendata_version (set_id, number, key, made_at, said, files) VALUES (%s, %s, %s, %s, %s, %s)",
        [
            *(version.dataset, version.number, version.key, version.made_at),
            *(Jsonb(version.said.as_json()), Jsonb([asdict(piece) for piece in version.pieces])),
        ],
    )
    put_in_place(connection, version.dataset, version.number, version.made_at)


def put_in_place(connection: Connection[Any], dataset: str, number: int, now: datetime) -> None:
    """Let a version be the current one."""
    connection.execute(
        "UPDATE opendata_set SET current = %s, checked_at = %s, failed_at = NULL, failure = NULL WHERE id = %s",
        [number, now, dataset],
    )


def note_failure(connection: Connection[Any], dataset: str, problems: Sequence[Problem], now: datetime) -> None:
    """Say why what was made is not put in place; what is in place stays."""
    connection.execute(
        "UPDATE opendata_set SET checked_at = %s, failed_at = %s, failure = %s WHERE id = %s",
        [now, now, Jsonb([asdict(one) for one in problems]), dataset],
    )


def get_version(connection: Connection[Any], dataset: str, number: int) -> Version | None:
    """Return a version, or None."""
    row = connection.execute(
        f"{_VERSIONS} WHERE set_id = %s AND number = %s".encode(),
        [dataset, number],
    ).fetchone()
    return _version(row) if row else None


def list_versions(connection: Connection[Any], dataset: str) -> list[Version]:
    """List the versions of a data set, newest first."""
    rows = connection.execute(f"{_VERSIONS} WHERE set_id = %s ORDER BY number DESC".encode(), [dataset])
    return [_version(row) for row in rows]


def list_newest(connection: Connection[Any], limit: int) -> list[Version]:
    """List the versions that were put in place last, newest first."""
    rows = connection.execute(f"{_VERSIONS} ORDER BY made_at DESC, set_id LIMIT %s".encode(), [limit])
    return [_version(row) for row in rows]


def list_hashes(connection: Connection[Any]) -> set[str]:
    """List the hashes of all files that any version holds."""
    rows = connection.execute("SELECT DISTINCT one ->> 'sha256' FROM opendata_version, jsonb_array_elements(files) one")
    return {name for (name,) in rows}


# ── licences ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_source_licences(connection: Connection[Any]) -> dict[str, SourceLicence]:
    """List what was said of sources, by source."""
    rows = connection.execute(
        "SELECT source, licence, attribution, published, said_by, said_at FROM opendata_licence ORDER BY source"
    )
    known = list_licences()
    return {row[0]: SourceLicence(row[0], known[row[1]], *row[2:]) for row in rows if row[1] in known}


def set_source_licence(connection: Connection[Any], one: SourceLicence) -> None:
    """Say under what a source may be published."""
    connection.execute(
        "INSERT INTO opendata_licence (source, licence, attribution, published, said_by, said_at)"
        " VALUES (%(source)s, %(licence)s, %(attribution)s, %(published)s, %(by)s, %(at)s)"
        " ON CONFLICT (source) DO UPDATE SET licence = excluded.licence, attribution = excluded.attribution,"
        " published = excluded.published, said_by = excluded.said_by, said_at = excluded.said_at",
        {
            "source": one.source,
            "licence": one.licence.id,
            "attribution": one.attribution,
            "published": one.published,
            "by": one.said_by,
            "at": one.said_at,
        },
    )


def suggest_source_licence(connection: Connection[Any], one: SourceLicence) -> None:
    """Say under what a source may be published, unless somebody said so already."""
    if one.source not in list_source_licences(connection):
        set_source_licence(connection, one)
