"""Loading a GTFS feed: files in, a new version beside the active one, one pointer switched.

::

    archive or folder ─ transit.archive ─▶ scratch files ─ transit.stream ─▶ staging (all text, COPY)
      ─ transit.check, transit.sequence ─▶ findings, rows mended or dropped ─ transit.store ─▶ typed tables ─▶ pointer

All of it but unpacking happens in one transaction: a load that fails or dies at any line leaves the active version as
it was, and what it wrote is gone.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import extract_tb
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput, MobigoError, Unavailable
from mobigo.transit import check, sequence, stations, store, zones
from mobigo.transit.archive import Unreadable, feed_hash, unpack
from mobigo.transit.gtfs import BY_NAME, DRAFT_COLUMNS, FILES, LOCATIONS, PARTITIONED, File
from mobigo.transit.report import Findings, LoadReport
from mobigo.transit.shift import shift_dates
from mobigo.transit.stream import CsvCopy, Header, read_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from psycopg import Connection

    from mobigo.transit.archive import Member

SOURCE = re.compile(r"^[^:\s]{1,60}$")
"""A source stands before the colon of every id of its feed."""

MIN_JUDGED_ROWS = 100
MAX_DROPPED_SHARE = 0.10
"""A file of at least so many rows of which more than this had to be dropped is too broken to replace what serves."""

JUDGED = ("stops", "routes", "trips", "stop_times")

MAX_RAW_BYTES = 16 * 2**20
"""Of an unknown file that is kept."""


class Progress(Protocol):
    """Told what is being done, and how far it is."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Note that `done` of `total` bytes of a step are done."""


def quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class _Request:
    source: str
    origin: str
    content: str
    shift_to: date | None
    now: datetime


def check_source(source: str) -> None:
    """Refuse a source that cannot stand before the colon of an id."""
    if not SOURCE.match(source):
        raise InvalidInput(f"{source!r} is no name of a source; use up to 60 signs without colon and blanks")


def load_gtfs(
    path: Path,
    source: str,
    url: str,
    *,
    now: datetime,
    shift_to: date | None = None,
    progress: Progress = quiet,
    origin: str | None = None,
) -> LoadReport:
    """Load a GTFS archive or folder as a new version of a source, and put it in service.

    Parameters
    ----------
    path : Path
        A ZIP archive or a folder.
    source : str
        The name its ids will carry, ``source:id``; without colon and blanks.
    url : str
        Address of the database.
    now : datetime
        The instant of the load, by which services are called expired.
    shift_to : date, optional
        Monday of the week to which the busiest week of the feed is moved.
    progress : Progress, optional
        Told what is being done.
    origin : str, optional
        Where `path` came from, when it is a download.

    Returns
    -------
    LoadReport
        With status ``active``; ``unchanged`` when this very content is active; ``rejected`` when the feed is refused
        and the active version, if any, stays.

    Raises
    ------
    InvalidInput
        When the source is no name, or nothing is at `path`.
    Conflict
        When the same source is being loaded by another process.
    Unavailable
        When the database does not answer.
    """
    check_source(source)
    findings = Findings()
    try:
        with (
            TemporaryDirectory(prefix="mobigo-gtfs-") as scratch,
            psycopg.connect(libpq_conninfo(url), autocommit=True) as connection,
            store.feed_locked(connection, source),
        ):
            store.prepare_session(connection)
            request = _Request(source, origin or str(path), "", shift_to, now)
            try:
                members = unpack(path, Path(scratch), findings, lambda done, total: progress("unpack", done, total))
            except Unreadable as error:
                findings.add(error.code, path.name, None, str(error))
                return _save_rejected(connection, request, findings, Counter())
            content = feed_hash(members, *([f"shift {shift_to}"] if shift_to else []))
            active = _find_unchanged(connection, source, content)
            if active:
                return active
            store.sweep(connection)
            request = _Request(source, request.origin, content, shift_to, now)
            return _load(connection, members, request, findings, progress)
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database went away while {source!r} was loaded: {error}; nothing was changed") from None


def rehearse_load(path: Path, url: str, *, now: datetime) -> LoadReport:
    """Load a GTFS archive as a version of a source that nobody has, and take everything back.

    Returns
    -------
    LoadReport
        With status ``active`` where it would have been loaded, and its counts; else ``rejected``.

    Raises
    ------
    Unreadable
        When it is no archive.
    """
    findings = Findings()
    with (
        TemporaryDirectory(prefix="mobigo-gtfs-") as scratch,
        psycopg.connect(libpq_conninfo(url), autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        store.prepare_session(connection)
        members = unpack(path, Path(scratch), findings, lambda done, total: quiet("unpack", done, total))
        request = _Request(f"rehearsal-{uuid4().hex}", str(path), "", None, now)
        try:
            with connection.transaction(force_rollback=True):
                return _fill_version(check.Staging(cursor, findings), members, request, quiet)
        except _Rejected as rejected:
            return _report(request, 0, "rejected", findings, dropped=rejected.dropped)


def _find_unchanged(connection: Connection[Any], source: str, content: str) -> LoadReport | None:
    for version in store.list_versions(connection, source):
        if version.status == "active" and version.hash == content:
            report = store.get_report(connection, source, version.id)
            return LoadReport(
                source,
                version.id,
                "unchanged",
                report.counts,
                report.dropped,
                report.findings,
                report.totals,
                report.notes,
            )
    return None


class _Rejected(Exception):
    """Ends the transaction of a feed that is refused."""

    def __init__(self, dropped: Counter[str]) -> None:
        super().__init__()
        self.dropped = dropped


def _load(
    connection: Connection[Any], members: dict[str, Member], request: _Request, findings: Findings, progress: Progress
) -> LoadReport:
    with connection.cursor() as cursor:
        staging = check.Staging(cursor, findings)
        try:
            with connection.transaction():
                report = _load_version(staging, members, request, progress)
        except _Rejected as rejected:
            return _save_rejected(connection, request, findings, rejected.dropped)
        except (MobigoError, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a feed may do to the loader, it gives a report
            frame = extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {Path(frame.filename).name} line {frame.lineno}: {error}"
            findings.add("runtime_exception_in_loader_error", request.origin, None, what.replace("\n", " "))
            return _save_rejected(connection, request, findings, Counter())
    store.sweep(connection)
    return report


def _save_rejected(
    connection: Connection[Any], request: _Request, findings: Findings, dropped: Counter[str]
) -> LoadReport:
    with connection.transaction():
        version = store.add_version(
            connection,
            request.source,
            content=request.content,
            origin=request.origin,
            now=request.now,
            shifted_to=request.shift_to,
        )
        report = _report(request, version, "rejected", findings, dropped=dropped)
        store.save_report(connection, report)
    return report


def _report(
    request: _Request,
    version: int,
    status: str,
    findings: Findings,
    *,
    dropped: Counter[str],
    counts: dict[str, int] | None = None,
    notes: tuple[str, ...] = (),
) -> LoadReport:
    totals: Counter[str] = Counter()
    for (code, _), total in findings.totals.items():
        totals[code] += total
    lost = {f"{name}.txt" if name in BY_NAME else LOCATIONS: n for name, n in sorted(dropped.items()) if n}
    return LoadReport(
        source=request.source,
        version=version,
        status=status,
        counts=counts or {},
        dropped=lost,
        findings=tuple(findings.ordered()),
        totals=dict(sorted(totals.items())),
        notes=notes,
    )


# ── one version ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _load_version(
    staging: check.Staging, members: dict[str, Member], request: _Request, progress: Progress
) -> LoadReport:
    connection = staging.cursor.connection
    report = _fill_version(staging, members, request, progress)
    store.activate(connection, request.source, report.version)
    stations.consolidate(connection, request.now)
    store.save_report(connection, report)
    progress("store", 1, 1)
    return report


def _fill_version(
    staging: check.Staging, members: dict[str, Member], request: _Request, progress: Progress
) -> LoadReport:
    """Fill a version with what is left of a feed after all checks; nothing points to it yet."""
    connection = staging.cursor.connection
    store.open_staging(staging)
    _stage(staging, members, progress)
    check.check_presence(staging, set(members), has_zones=LOCATIONS in members)
    zones.modernise(staging)
    before = {name: staged.rows for name, staged in staging.files.items()}
    version = store.add_version(
        connection,
        request.source,
        content=request.content,
        origin=request.origin,
        now=request.now,
        shifted_to=request.shift_to,
    )
    progress("check", 0, 1)
    _check(staging, version)
    dropped = _count_dropped(staging, before)
    _check_remains(staging, before, dropped)
    notes = (shift_dates(staging, request.shift_to),) if request.shift_to else ()
    check.check_dates(staging, request.now.date())
    if staging.findings.rejected:
        raise _Rejected(dropped)
    progress("store", 0, 1)
    counts = _store(staging, members, version)
    store.close_staging(staging)
    store.describe_version(connection, version)
    return _report(request, version, "active", staging.findings, dropped=dropped, counts=counts, notes=notes)


def _stage(staging: check.Staging, members: dict[str, Member], progress: Progress) -> None:
    """Copy every known file into its staging table."""
    total = sum(member.size for member in members.values())
    done = 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        progress("stage", min(done, total), total)

    for file in FILES:
        member = members.get(file.filename)
        if member is None:
            continue
        header = read_header(member.path, file.filename, staging.findings)
        if header is None:
            staging.findings.add("empty_file", file.filename)
            continue
        columns = _read_columns(staging, file, header)
        if columns is None:
            continue
        try:
            table = f"s_{file.name}"
            copy = CsvCopy(staging.cursor, table, tuple(columns), file.filename, staging.findings)
            copy.run(member.path, header, advance)
        except Unreadable as error:
            staging.findings.add(error.code, file.filename, None, str(error))
        staging.profile(file.name)
    if LOCATIONS in members:
        try:
            zones.stage_zones(staging, members[LOCATIONS].path)
        except Unreadable as error:
            staging.findings.add(error.code, LOCATIONS, None, str(error))


def _read_columns(staging: check.Staging, file: File, header: Header) -> list[str] | None:
    """Match a header with the columns of GTFS and create the staging table; None when it cannot be read."""
    known = {column.name for column in file.columns}
    drafts = DRAFT_COLUMNS.get(file.name, {})
    columns: list[str] = []
    unknown: list[tuple[str, str]] = []
    for name in header.names:
        today = drafts.get(name, name)
        if today != name and today not in header.names:
            staging.findings.add("unknown_column", file.filename, 1, f"{name} read as {today}")
            columns.append(today)
        elif name in known:
            columns.append(name)
        else:
            columns.append(f"x{len(unknown)}")
            unknown.append((columns[-1], name))
            if name:
                staging.findings.add("unknown_column", file.filename, 1, name)
    twice = [name for name, times in Counter(columns).items() if times > 1]
    twice += [name for name, times in Counter(name for _, name in unknown if name).items() if times > 1]
    if twice:
        staging.findings.add("duplicated_column", file.filename, 1, ", ".join(twice))
        return None
    if any(not name for _, name in unknown):
        staging.findings.add("empty_column_name", file.filename, 1, ",".join(header.names))
    missing = [column.name for column in file.columns if column.required and column.name not in columns]
    for name in missing:
        staging.findings.add("missing_required_column", file.filename, 1, name)
    store.create_staging(staging, file, (name for name in columns if name in known), tuple(unknown))
    return columns


def _check(staging: check.Staging, version: int) -> None:
    """Check files in the order of their references, stop times being typed on the way; then remove what is doomed."""
    check.check_agencies(staging)
    zones.check_ids(staging)
    for file in FILES:
        if file.name not in staging.files:
            continue
        check.check_required(staging, file)
        store.add_times(staging, check.check_cells(staging, file))
        check.check_rows(staging, file)
        check.check_ascii(staging, file)
        check.check_duplicates(staging, file)
        if file.name == "stop_times":
            sequence.store_sequence(staging, version)
            continue
        check.check_references(staging, file)
        check.check_file(staging, file)
    if "locations" in staging.files:
        staging.run("DELETE FROM s_locations s USING doomed d WHERE d.file = 'locations' AND d.line = s.line")
    for file in FILES:
        if file.name == "trips" and "stop_times" in staging.files:
            sequence.settle_sequence(staging, version)
        elif file.name in staging.files and file.name != "stop_times":
            check.settle(staging, file)


def _count_dropped(staging: check.Staging, before: dict[str, int]) -> Counter[str]:
    """Count rows that came and are no longer there."""
    dropped: Counter[str] = Counter()
    for name, had in before.items():
        if name == "stop_times":
            dropped[name] = had - sequence.count_calls(staging)
        else:
            dropped[name] = had - staging.rows(f"SELECT count(*) FROM s_{name}")[0][0]
    return dropped


def _check_remains(staging: check.Staging, before: dict[str, int], dropped: Counter[str]) -> None:
    """Refuse a feed of which too little is left to replace what serves."""
    for name in JUDGED:
        had, lost = before.get(name, 0), dropped[name]
        if had >= MIN_JUDGED_ROWS and lost > MAX_DROPPED_SHARE * had:
            share = f"{lost:,} of {had:,} rows had to be dropped, more than {MAX_DROPPED_SHARE:.0%}"
            staging.findings.add("UnloadableModel", f"{name}.txt", None, share)
    if before.get("trips", 0) and dropped["trips"] == before["trips"]:
        staging.findings.add("UnloadableModel", "trips.txt", None, "no trip is left")
    elif "stop_times" in before and dropped["stop_times"] == before["stop_times"]:
        staging.findings.add("UnloadableModel", "stop_times.txt", None, "no stop time is left")


def _store(staging: check.Staging, members: dict[str, Member], version: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for file in FILES:
        if file.name not in staging.files:
            continue
        if file.name == "stop_times":
            counts[file.filename] = sequence.finish_sequence(staging, version)
            continue
        if file.name == "shapes":
            counts[file.filename] = store.store_shapes(staging, version)
            store.index_shapes(staging, version)
            continue
        counts[file.filename] = store.store_file(staging, file, version)
    sequence.check_shapes(staging, version)
    if "locations" in staging.files:
        counts[LOCATIONS] = zones.store_zones(staging, version)
    for name in PARTITIONED:
        if name in staging.files:
            store.attach_partition(staging, name, version)
    for name, member in sorted(members.items()):
        if name not in counts and name not in {file.filename for file in FILES}:
            store.store_raw(staging, version, name, _raw_rows(member))
    return counts


def _raw_rows(member: Member) -> Iterator[tuple[int, Any]]:
    """Read an unknown file: rows of a table, a JSON document, or its text; larger ones are left out."""
    if member.size > MAX_RAW_BYTES:
        return
    raw = member.path.read_bytes()
    try:
        text = raw.decode().replace("\0", "")
    except UnicodeDecodeError:
        return
    if member.name.endswith((".json", ".geojson")):
        try:
            yield 1, json.loads(text, parse_constant=str)
        except (ValueError, RecursionError):
            yield 1, text
    elif member.name.endswith((".txt", ".csv")):
        reader = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
        try:
            yield from enumerate(reader, start=2)
        except csv.Error:
            return
    else:
        yield 1, text
