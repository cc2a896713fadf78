"""The tables of the register: a table per list, `register.SHEETS`, each row of a school year.

``school_year``: ``id`` (2026-2027), ``first, last``
``school_school, school_bell ... school_seat``: ``year`` and the fields of the noun. Pupils are named by their key
``school_pupil``: ``key`` (drawn by lot, no meaning) and what planning may know
``school_person``: ``pupil`` (its key) and every personal field of `register.Pupil`; gone first
``school_import``: ``year, at, by, file, counts``: what was taken over from which file
``school_access``: ``at, by, role, what, year, pupil, rows``: who saw or took away personal data

References between lists are checked when the transaction commits.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from mobigo.kit.geo import Point
from mobigo.school.register import DOOR, SHEETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    import psycopg

    from mobigo.school.register import Sheet

LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
KEY_LETTERS = 12
PUPILS = SHEETS["pupils"]
PERSONAL = tuple(one for one, column in PUPILS.columns.items() if column.personal)
OPEN = tuple(one for one, column in PUPILS.columns.items() if not column.personal)


@dataclass(frozen=True)
class Year:
    """A school year."""

    id: str
    first: date
    last: date


@dataclass(frozen=True)
class Imported:
    """A file that was taken over."""

    id: int
    at: datetime
    by: str
    file: str
    counts: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Access:
    """Somebody saw or took away personal data."""

    id: int
    at: datetime
    by: str
    role: str
    what: str
    year: str | None
    pupil: str | None
    rows: int


# ── years ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def list_years(connection: psycopg.Connection[Any]) -> list[Year]:
    """List the school years, latest first."""
    rows = connection.execute("SELECT id, first, last FROM school_year ORDER BY first DESC, id").fetchall()
    return [Year(*row) for row in rows]


def find_year(connection: psycopg.Connection[Any], id_: str) -> Year | None:
    """Return a school year."""
    row = connection.execute("SELECT id, first, last FROM school_year WHERE id = %s", [id_]).fetchone()
    return Year(*row) if row else None


def write_year(connection: psycopg.Connection[Any], year: Year) -> None:
    """Write a year, new or known."""
    connection.execute(
        "INSERT INTO school_year (id, first, last) VALUES (%s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET first = excluded.first, last = excluded.last",
        [year.id, year.first, year.last],
    )


def lock_year(connection: psycopg.Connection[Any], id_: str) -> None:
    """Wait until nobody else changes the year."""
    connection.execute("SELECT FROM school_year WHERE id = %s FOR UPDATE", [id_])


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _list(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def list_keys(connection: psycopg.Connection[Any], year: str, sheet: Sheet) -> set[tuple[Any, ...]]:
    """List what identifies the rows of a list; of lists about pupils by the pupil's key."""
    table, key = ("school_person", ("number",)) if sheet is PUPILS else (sheet.table, sheet.key)
    statement = sql.SQL("SELECT {} FROM {} WHERE year = %s").format(_list(key), sql.Identifier(table))
    return {
        tuple(tuple(one) if isinstance(one, list) else one for one in row)
        for row in connection.execute(statement, [year])
    }


def count_rows(connection: psycopg.Connection[Any], year: str) -> dict[str, int]:
    """Count the rows of every list."""
    return {
        sheet.name: int(row[0])
        for sheet in SHEETS.values()
        if (
            row := connection.execute(
                sql.SQL("SELECT count(*) FROM {} WHERE year = %s").format(sql.Identifier(sheet.table)), [year]
            ).fetchone()
        )
    }


def list_rows(
    connection: psycopg.Connection[Any],
    year: str,
    sheet: Sheet,
    *,
    doors: bool = True,
    after: Sequence[Any] | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """List rows by what identifies them, with nothing personal: pupils are there by their ``key``.

    Parameters
    ----------
    doors
        With the stops at the doors of pupils, as planning needs them; without, nobody's home is among the stops.
    after
        What identifies the row before the first.
    """
    order = ("key",) if sheet is PUPILS else sheet.key
    shown = ("key", *OPEN) if sheet is PUPILS else tuple(sheet.columns)
    statement = sql.SQL("SELECT {} FROM {} WHERE year = %s").format(_list(shown), sql.Identifier(sheet.table))
    values: list[Any] = [year]
    if sheet.name == "stops" and not doors:
        statement += sql.SQL(" AND NOT starts_with(id, %s)")
        values.append(DOOR)
    if after is not None:
        statement += sql.SQL(" AND ({}) > ({})").format(
            _list(order),
            sql.SQL(", ").join(sql.SQL("%s::smallint[]" if isinstance(one, list | tuple) else "%s") for one in after),
        )
        values += [list(one) if isinstance(one, tuple) else one for one in after]
    statement += sql.SQL(" ORDER BY {}").format(_list(order))
    if limit is not None:
        statement += sql.SQL(" LIMIT %s")
        values.append(limit)
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_tuples(row) for row in cursor.execute(statement, values)]


def list_people(connection: psycopg.Connection[Any], year: str, key: str | None = None) -> list[dict[str, Any]]:
    """List pupils with all that is personal, by number; or only one."""
    statement = sql.SQL(
        "SELECT pupil.key, {}, {} FROM school_pupil AS pupil JOIN school_person AS person"
        " ON person.year = pupil.year AND person.pupil = pupil.key"
        " WHERE pupil.year = %s AND (%s::text IS NULL OR pupil.key = %s) ORDER BY person.number"
    ).format(
        sql.SQL(", ").join(sql.Identifier("pupil", one) for one in OPEN),
        sql.SQL(", ").join(sql.Identifier("person", one) for one in PERSONAL),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_tuples(row) for row in cursor.execute(statement, [year, key, key])]


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {one: tuple(value) if isinstance(value, list) else value for one, value in row.items()}


def list_numbers(connection: psycopg.Connection[Any], year: str) -> dict[str, str]:
    """List the pupils' keys by number."""
    return dict(connection.execute("SELECT number, pupil FROM school_person WHERE year = %s", [year]).fetchall())


def write_rows(
    connection: psycopg.Connection[Any],
    year: str,
    sheet: Sheet,
    given: Iterable[str],
    rows: Sequence[Mapping[str, Any]],
) -> int:
    """Write rows, new or known; of known ones only the given fields change.

    Parameters
    ----------
    rows
        Values of every field; pupils with their ``key``, and by it in lists about pupils.

    Returns
    -------
    int
        How many are new or otherwise than they were.
    """
    if sheet is PUPILS:
        given = set(given)
        written = _upsert(connection, _Table("school_pupil", ("key",), ("key", *OPEN)), year, given, rows)
        people = [{**row, "pupil": row["key"]} for row in rows]
        table = _Table("school_person", ("pupil",), ("pupil", *PERSONAL))
        return len(written | _upsert(connection, table, year, given, people))
    return len(_upsert(connection, _Table(sheet.table, sheet.key, tuple(sheet.columns)), year, given, rows))


class _Table(NamedTuple):
    """A table, what identifies its rows within a year, and its columns."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


def _upsert(
    connection: psycopg.Connection[Any],
    table: _Table,
    year: str,
    given: Iterable[str],
    rows: Sequence[Mapping[str, Any]],
) -> set[int]:
    """Write rows; return the places of those that are new or otherwise than they were."""
    changed = [one for one in table.columns if one in set(given) - set(table.key)]
    update = (
        sql.SQL("UPDATE SET {} WHERE ({}) IS DISTINCT FROM ({})").format(
            sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(one)) for one in changed),
            sql.SQL(", ").join(sql.Identifier(table.name, one) for one in changed),
            sql.SQL(", ").join(sql.SQL("excluded.{}").format(sql.Identifier(one)) for one in changed),
        )
        if changed
        else sql.SQL("NOTHING")
    )
    statement = sql.SQL("INSERT INTO {} (year, {}) VALUES (%s, {}) ON CONFLICT (year, {}) DO {} RETURNING 1").format(
        sql.Identifier(table.name),
        _list(table.columns),
        sql.SQL(", ").join([sql.Placeholder()] * len(table.columns)),
        _list(table.key),
        update,
    )
    if not rows:
        return set()
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [[year, *(list(v) if isinstance(v := row[one], tuple) else v for one in table.columns)] for row in rows],
            returning=True,
        )
        return {place for place, _ in enumerate(cursor.results()) if cursor.rowcount}


def remove_rows(connection: psycopg.Connection[Any], year: str, sheet: Sheet, keys: Iterable[Sequence[Any]]) -> None:
    """Remove rows by what identifies them; pupils by number, with all that is about them."""
    if sheet is PUPILS:
        numbers = [key[0] for key in keys]
        for table, column in (("school_call", "stop"), ("school_stop", "id")):  # where they were fetched goes too
            connection.execute(
                sql.SQL(
                    "DELETE FROM {0} USING school_person AS person WHERE {0}.year = %s AND person.year = {0}.year"
                    " AND person.number = ANY(%s) AND starts_with({0}.{1}, %s || person.pupil || '-')"
                ).format(sql.Identifier(table), sql.Identifier(column)),
                [year, numbers, DOOR],
            )
        connection.execute(
            "DELETE FROM school_pupil USING school_person AS person WHERE school_pupil.year = %s"
            " AND person.year = school_pupil.year AND person.pupil = school_pupil.key AND person.number = ANY(%s)",
            [year, numbers],
        )
        return
    statement = sql.SQL("DELETE FROM {} WHERE year = %s AND {}").format(
        sql.Identifier(sheet.table),
        sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(one)) for one in sheet.key),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, [[year, *(list(v) if isinstance(v, tuple) else v for v in key)] for key in keys])


def list_dangling(connection: psycopg.Connection[Any], year: str) -> list[tuple[Sheet, str, str]]:
    """List fields of lists that name rows which are not there: list, field, what is named."""
    found = []
    for sheet in SHEETS.values():
        for one, column in sheet.columns.items():
            if column.refers is None or column.refers == "pupils":
                continue
            statement = sql.SQL(
                "SELECT DISTINCT {0} FROM {1} AS mine WHERE year = %s AND {0} IS NOT NULL AND NOT EXISTS"
                " (SELECT FROM {2} AS other WHERE other.year = mine.year AND other.id = mine.{0}) ORDER BY 1"
            ).format(sql.Identifier(one), sql.Identifier(sheet.table), sql.Identifier(SHEETS[column.refers].table))
            found += [(sheet, one, row[0]) for row in connection.execute(statement, [year])]
    return found


def has_row(connection: psycopg.Connection[Any], year: str, sheet: Sheet, id_: str) -> bool:
    """Tell whether a list has a row of this id; a pupil of this key."""
    statement = sql.SQL("SELECT FROM {} WHERE year = %s AND {} = %s").format(
        sql.Identifier(sheet.table), sql.Identifier("key" if sheet is PUPILS else sheet.key[0])
    )
    return connection.execute(statement, [year, id_]).rowcount > 0


def list_about(connection: psycopg.Connection[Any], year: str, sheet: Sheet, pupil: str) -> list[dict[str, Any]]:
    """List the rows of a list that are about a pupil."""
    statement = sql.SQL("SELECT {} FROM {} WHERE year = %s AND pupil = %s ORDER BY {}").format(
        _list(sheet.columns), sql.Identifier(sheet.table), _list(sheet.key)
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return [_tuples(row) for row in cursor.execute(statement, [year, pupil])]


def list_runs_at(connection: psycopg.Connection[Any], year: str, stop: str) -> set[str]:
    """List the runs that call at a stop."""
    rows = connection.execute("SELECT run FROM school_call WHERE year = %s AND stop = %s", [year, stop])
    return {row[0] for row in rows}


def copy_year(connection: psycopg.Connection[Any], source: str, target: str) -> None:
    """Copy all lists of a year but those about pupils, and the stops at their doors."""
    for sheet in SHEETS.values():
        if sheet is PUPILS or "pupil" in sheet.columns:
            continue
        door = {"stops": "id", "calls": "stop"}.get(sheet.name)
        statement = sql.SQL("INSERT INTO {0} (year, {1}) SELECT %s, {1} FROM {0} WHERE year = %s").format(
            sql.Identifier(sheet.table), _list(sheet.columns)
        )
        values = [target, source]
        if door is not None:
            statement += sql.SQL(" AND NOT starts_with(coalesce({}, ''), %s)").format(sql.Identifier(door))
            values.append(DOOR)
        connection.execute(statement, values)


# ── pupils ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_key() -> str:
    """Draw a pupil's key; nothing can be read from it."""
    return "".join(secrets.choice(LETTERS) for _ in range(KEY_LETTERS))


def move_pupil(connection: psycopg.Connection[Any], year: str, key: str, school: str) -> None:
    """Send a pupil to another school of the year."""
    connection.execute("UPDATE school_pupil SET school = %s WHERE year = %s AND key = %s", [school, year, key])


def erase_pupil(connection: psycopg.Connection[Any], year: str, key: str) -> bool:
    """Remove a pupil with all that is about this pupil; whether there was one."""
    return connection.execute("DELETE FROM school_pupil WHERE year = %s AND key = %s", [year, key]).rowcount > 0


def forget_pupils(connection: psycopg.Connection[Any], before: date) -> int:
    """Remove the pupils of years that ended before a day, and the stops at their doors; return how many pupils."""
    for table, column in (("school_call", "stop"), ("school_stop", "id")):
        connection.execute(
            sql.SQL(
                "DELETE FROM {0} USING school_year AS year WHERE year.id = {0}.year AND year.last < %s"
                " AND starts_with({0}.{1}, %s)"
            ).format(sql.Identifier(table), sql.Identifier(column)),
            [before, DOOR],
        )
    return connection.execute(
        "DELETE FROM school_pupil USING school_year AS year WHERE year.id = school_pupil.year AND year.last < %s",
        [before],
    ).rowcount


@dataclass(frozen=True)
class Home:
    """Where a pupil lives on some days; for planning, without a name."""

    pupil: str
    """Key."""
    number: int
    """1, or 2 for the other parent's."""
    point: Point | None
    commune: str | None
    weekdays: tuple[int, ...]
    """Monday is 1."""
    weeks: str
    """``all``, ``even`` or ``odd``."""


def list_homes(connection: psycopg.Connection[Any], year: str) -> list[Home]:
    """List the homes of all pupils, by key; a second one only where something is known of it."""
    rows = connection.execute(
        """
        SELECT pupil, 1, lon, lat, commune, weekdays, weeks FROM school_person WHERE year = %s
        UNION ALL
        SELECT pupil, 2, second_lon, second_lat, second_commune, second_weekdays, second_weeks FROM school_person
        WHERE year = %s AND num_nonnulls(second_address, second_postcode, second_city, second_commune, second_lat,
            second_lon, second_weekdays, second_weeks) > 0
        ORDER BY 1, 2
        """,
        [year, year],
    ).fetchall()
    return [
        Home(
            key,
            number,
            None if lon is None or lat is None else Point(lon, lat),
            commune,
            tuple(days or ()),
            weeks or "all",
        )
        for key, number, lon, lat, commune, days, weeks in rows
    ]


# ── journals ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def note_import(connection: psycopg.Connection[Any], year: str, one: Imported) -> None:
    """Write down what was taken over; its number is given here."""
    connection.execute(
        "INSERT INTO school_import (year, at, by, file, counts) VALUES (%s, %s, %s, %s, %s)",
        [year, one.at, one.by, one.file, Jsonb(one.counts)],
    )


def list_imports(connection: psycopg.Connection[Any], year: str, limit: int) -> list[Imported]:
    """List what was taken over, latest first."""
    rows = connection.execute(
        "SELECT id, at, by, file, counts FROM school_import WHERE year = %s ORDER BY id DESC LIMIT %s", [year, limit]
    ).fetchall()
    return [Imported(*row) for row in rows]


def note_access(connection: psycopg.Connection[Any], access: Access) -> None:
    """Write down who saw or took away personal data."""
    connection.execute(
        "INSERT INTO school_access (at, by, role, what, year, pupil, rows) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [access.at, access.by, access.role, access.what, access.year, access.pupil, access.rows],
    )


def list_accesses(
    connection: psycopg.Connection[Any], before: int | None, limit: int, *, pupil: str | None = None
) -> list[Access]:
    """List who saw or took away personal data, latest first, from before a number; of one pupil alone, by key."""
    rows = connection.execute(
        "SELECT id, at, by, role, what, year, pupil, rows FROM school_access WHERE (%s::bigint IS NULL OR id < %s)"
        " AND (%s::text IS NULL OR pupil = %s) ORDER BY id DESC LIMIT %s",
        [before, before, pupil, pupil, limit],
    ).fetchall()
    return [Access(*row) for row in rows]


def forget_accesses(connection: psycopg.Connection[Any], before: datetime) -> int:
    """Forget who looked before an instant; return how many rows."""
    return connection.execute("DELETE FROM school_access WHERE at < %s", [before]).rowcount
