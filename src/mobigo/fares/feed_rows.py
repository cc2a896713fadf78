"""What a feed says about fares: the rows of its files, of a loaded feed or of one that lies on disk."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.transit.gtfs import BY_NAME, Column, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from psycopg import Connection

Row = dict[str, Any]

FILES = (
    "agency", "stops", "routes", "networks", "route_networks", "areas", "stop_areas", "calendar", "calendar_dates",
    "timeframes", "rider_categories", "fare_media", "fare_products", "fare_leg_rules", "fare_leg_join_rules",
    "fare_transfer_rules", "fare_attributes", "fare_rules",
)  # fmt: skip
"""Files that fares are made of or speak of."""

NEEDED: dict[str, tuple[str, ...]] = {
    "stops": ("stop_id", "zone_id", "location_type", "parent_station"),
    "routes": ("route_id", "agency_id", "network_id"),
}
"""Columns that are read of large files; of others all."""

MOST_BYTES = 2**28
"""Of one file of an archive."""


@dataclass(frozen=True)
class FeedRows:
    """Rows by file and by their GTFS names; times are seconds, dates are dates, amounts are decimals."""

    source: str
    tables: Mapping[str, list[Row]]
    ranked: bool
    """Whether fare_leg_rules.txt has a column rule_priority."""
    notes: list[str] = field(default_factory=list)
    """What could not be read."""
    first_day: date | None = None
    """On which anything of it runs, of a loaded feed."""

    def of(self, name: str) -> list[Row]:
        """Return the rows of a file; none where it is not there."""
        return self.tables.get(name, [])

    @property
    def speaks_of_fares(self) -> bool:
        """Whether there is any price."""
        return bool(self.of("fare_products") or self.of("fare_attributes"))


def read_loaded(connection: Connection[Any], source: str, *, whole: bool = False) -> FeedRows:
    """Read a feed in service.

    Parameters
    ----------
    whole : bool
        Read routes and stops also where there are no fares.

    Raises
    ------
    NotFound
        ``unknown_feed``: no such feed is in service.
    """
    row = connection.execute(
        "SELECT v.id, v.first_day FROM feed f JOIN feed_version v ON v.id = f.active_version WHERE f.source = %s",
        [source],
    ).fetchone()
    if row is None:
        raise NotFound(f"no feed {source!r} is in service; `mobigo feeds` lists them", code="unknown_feed")
    tables: dict[str, list[Row]] = {"fare_leg_rules": []}
    priced = connection.execute(
        "SELECT EXISTS (SELECT FROM fare_products WHERE version_id = %(version)s)"
        " OR EXISTS (SELECT FROM fare_attributes WHERE version_id = %(version)s)",
        {"version": row[0]},
    ).fetchone()
    everything = whole or (priced is not None and priced[0])
    with connection.cursor(row_factory=dict_row) as cursor:
        for name in FILES if everything else ():
            columns = ", ".join(NEEDED.get(name, [column.name for column in BY_NAME[name].columns]))
            query = f"SELECT {columns} FROM {name} WHERE version_id = %s".encode()  # noqa: S608 - names of GTFS
            tables[name] = list(cursor.execute(query, [row[0]]))
    priorities = [row["rule_priority"] for row in tables["fare_leg_rules"]]
    return FeedRows(source, tables, ranked=any(value is not None for value in priorities), first_day=row[1])


def read_archive(path: Path, source: str) -> FeedRows:
    """Read a feed that lies on disk, a ZIP archive or a folder; what cannot be read is noted and left out.

    Raises
    ------
    InvalidInput
        When it is neither.
    """
    tables: dict[str, list[Row]] = {}
    notes: list[str] = []
    ranked = False
    for name, text in _texts(path):
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
        try:
            header = [column.strip() for column in reader.fieldnames or ()]
            reader.fieldnames = header
            tables[name] = list(_drop_twins(name, _read_rows(name, reader, notes), notes))
        except csv.Error as error:
            notes.append(f"{name}.txt cannot be read as CSV ({error})")
            continue
        ranked = ranked or (name == "fare_leg_rules" and "rule_priority" in header)
    for row in tables.get("agency", ()):
        row["agency_id"] = row["agency_id"] or ""
    return FeedRows(source, tables, ranked=ranked, notes=notes)


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Return the files of a feed that are read, decoded."""
    if path.is_dir():
        for name in FILES:
            file = path / f"{name}.txt"
            if file.is_file():
                yield name, file.read_bytes().decode("utf-8-sig", "replace")
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = {PurePosixPath(one.filename).name: one for one in archive.infolist()}
            for name in FILES:
                member = members.get(f"{name}.txt")
                if member is None:
                    continue
                if member.file_size > MOST_BYTES:
                    raise InvalidInput(f"{path}: {name}.txt has {member.file_size} bytes, {MOST_BYTES} at most")
                yield name, archive.read(member).decode("utf-8-sig", "replace")
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InvalidInput(f"{path} is neither a ZIP archive nor a folder ({error}); give a GTFS feed") from None


def _read_rows(name: str, reader: csv.DictReader[str], notes: list[str]) -> Iterator[Row]:
    columns = [one for one in BY_NAME[name].columns if name not in NEEDED or one.name in NEEDED[name]]
    for cells in reader:
        row: Row = {}
        bad = None
        for column in columns:
            text = (cells.get(column.name) or "").strip()
            try:
                row[column.name] = _read_cell(column, text) if text else None
            except (ValueError, InvalidOperation):
                bad = f"{name}.txt line {reader.line_num}: {column.name} {text[:40]!r} cannot be read; left out"
            if column.required and not text:
                bad = f"{name}.txt line {reader.line_num}: {column.name} is empty; left out"
        if bad is None:
            yield row
        else:
            notes.append(bad)


def _drop_twins(name: str, rows: Iterator[Row], notes: list[str]) -> Iterator[Row]:
    """Keep the first of rows that have the same key."""
    key = BY_NAME[name].key
    seen: set[tuple[Any, ...]] = set()
    for row in rows:
        own = tuple(row.get(column) for column in key)
        if own in seen:
            notes.append(f"{name}.txt: {', '.join(str(cell) for cell in own)} is there twice; the first counts")
            continue
        seen.add(own)
        yield row


def _read_cell(column: Column, text: str) -> object:
    if column.kind is Kind.INTEGER:
        return int(text)
    if column.kind is Kind.ENUM:
        if text not in column.values:
            raise ValueError
        return int(text)
    if column.kind is Kind.AMOUNT:
        amount = Decimal(text)
        if not amount.is_finite():
            raise ValueError
        return amount
    if column.kind is Kind.DATE:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    if column.kind is Kind.TIME:
        hours, minutes, seconds = (int(part) for part in text.split(":"))
        return hours * 3600 + minutes * 60 + seconds
    return text
