"""CSV files into staging tables by COPY.

Blocks of whole rows are looked at as arrays of bytes. A block in which every row has its cells and none has blanks to
strip goes to PostgreSQL as it is; any other is read cell by cell, mended, and what was mended is noted. When PostgreSQL
finds a block malformed after all, the whole file is read cell by cell.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from psycopg import DataError, sql

from mobigo.transit.archive import MAX_LINE, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from psycopg import Cursor

    from mobigo.transit.report import Findings

BLOCK = 2**20
QUOTE, COMMA, NEWLINE, SPACE, TAB = b'",\n \t'

LINE_COUNTER = "staged_line"
"""Temporary sequence that numbers rows as they arrive."""


@dataclass(frozen=True)
class Header:
    """The first line of a file."""

    names: tuple[str, ...]
    """Stripped."""
    length: int
    """Bytes, line end included."""


def read_header(path: Path, filename: str, findings: Findings) -> Header | None:
    """Read the header of a file; None when the file is empty."""
    with path.open("rb") as file:
        line = file.readline(MAX_LINE + 1)
    if not line.strip():
        return None
    cells = next(csv.reader([line.decode("utf-8", "replace").rstrip("\n")]), [])
    names = tuple(cell.strip() for cell in cells)
    for cell, name in zip(cells, names, strict=True):
        if cell != name and name:
            findings.add("leading_or_trailing_whitespaces", filename, 1, cell)
    return Header(names, len(line))


def copy_file(
    cursor: Cursor[tuple[object, ...]],
    table: str,
    columns: Sequence[str],
    path: Path,
    header: Header,
    filename: str,
    findings: Findings,
    progress: Callable[[int], None],
) -> None:
    """Fill a staging table; `columns` are those of the header, in its order.

    Raises
    ------
    Unreadable
        When a cell is larger than `MAX_LINE`.
    """
    target = _Target(table, tuple(columns))
    before = {kind: (list(found), findings.totals[kind]) for kind, found in findings.samples.items()}
    try:
        with cursor.connection.transaction():
            _copy_blocks(cursor, target, path, header, filename, findings, progress)
    except DataError:
        findings.samples = {kind: found for kind, (found, _) in before.items()}
        findings.totals = {kind: total for kind, (_, total) in before.items()}
        with cursor.connection.transaction():
            _copy_cells(cursor, target, path, header, filename, findings)


@dataclass(frozen=True)
class _Target:
    table: str
    columns: tuple[str, ...]

    def statement(self, *, with_line: bool) -> sql.Composed:
        names = [sql.Identifier(name) for name in self.columns]
        all_names = [sql.Identifier("line"), *names] if with_line else names
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FORCE_NULL ({}))").format(
            sql.Identifier(self.table), sql.SQL(", ").join(all_names), sql.SQL(", ").join(names)
        )


def _copy_blocks(
    cursor: Cursor[tuple[object, ...]],
    target: _Target,
    path: Path,
    header: Header,
    filename: str,
    findings: Findings,
    progress: Callable[[int], None],
) -> None:
    blocks = _sorted_out(path, header.length, len(target.columns), progress)
    for clean, run in groupby(blocks, key=lambda block: block.clean):
        if not clean:
            for block in run:
                rows = csv.reader(io.StringIO(block.text.decode(), newline=""))
                _copy_mended(cursor, target, rows, block.line, filename, findings)
            continue
        first = next(run)
        cursor.execute("SELECT setval(%s, %s, false)", (LINE_COUNTER, first.line))
        with cursor.copy(target.statement(with_line=False)) as copy:
            copy.write(first.text)
            for block in run:
                copy.write(block.text)


class _Block(NamedTuple):
    line: int
    clean: bool
    text: bytes


def _sorted_out(path: Path, skip: int, width: int, progress: Callable[[int], None]) -> Iterator[_Block]:
    line = 2
    for text in _rows(path, skip):
        progress(len(text))
        yield _Block(line, _is_clean(text, width), text)
        line += text.count(b"\n")


def _rows(path: Path, skip: int) -> Iterator[bytes]:
    """Cut a file into blocks of whole rows; a row ends at a line feed outside quotes."""
    with path.open("rb") as file:
        file.seek(skip)
        held = b""
        while True:
            block = file.read(BLOCK)
            if not block:
                break
            held += block
            end = _last_row_end(held)
            if end:
                yield held[:end]
                held = held[end:]
            elif len(held) > 2 * MAX_LINE:
                raise DataError  # a quote that never closes: read cell by cell
    if held:
        yield held if held.endswith(b"\n") else held + b"\n"


def _inside_quotes(block: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (np.add.accumulate(block == QUOTE, dtype=np.uint8) & 1).astype(bool)


def _last_row_end(text: bytes) -> int:
    if QUOTE not in text:
        return text.rfind(b"\n") + 1
    block = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero((block == NEWLINE) & ~_inside_quotes(block))
    return int(ends[-1]) + 1 if len(ends) else 0


def _is_clean(text: bytes, width: int) -> bool:
    """Tell whether every row of a block can go to the database as it is."""
    if b"\n\n" in text or text.startswith(b"\n") or b"\\." in text or not text.endswith(b"\n"):
        return False
    block = np.frombuffer(text, np.uint8)
    if QUOTE in text:
        return _is_clean_quoted(block, width)
    if text.count(b",") != (width - 1) * text.count(b"\n"):
        return False
    blanks = np.flatnonzero((block == SPACE) | (block == TAB))
    return not len(blanks) or not _touches(block, blanks, (COMMA, NEWLINE))


def _touches(block: NDArray[np.uint8], blanks: NDArray[np.intp], edges: tuple[int, ...]) -> bool:
    """Tell whether a blank stands first or last in a cell."""
    before = np.where(blanks > 0, block[blanks - 1], NEWLINE)
    after = block[blanks + 1]  # a block ends with a line feed
    return bool(np.isin(before, edges).any() or np.isin(after, edges).any())


def _is_clean_quoted(block: NDArray[np.uint8], width: int) -> bool:
    inside = _inside_quotes(block)
    newline = block == NEWLINE
    if (newline & inside).any():
        return False  # a line break in a value
    outside = ~inside
    if np.count_nonzero((block == COMMA) & outside) != (width - 1) * np.count_nonzero(newline):
        return False
    quotes = np.flatnonzero(block == QUOTE)
    opening = quotes[inside[quotes]]
    before = np.where(opening > 0, block[opening - 1], NEWLINE)
    closing = quotes[outside[quotes]]
    if not (
        np.isin(before, (COMMA, NEWLINE, QUOTE)).all() and np.isin(block[closing + 1], (COMMA, NEWLINE, QUOTE)).all()
    ):
        return False  # a quote in the middle of a value
    blanks = np.flatnonzero((block == SPACE) | (block == TAB))
    if not len(blanks):
        return True
    unquoted = blanks[outside[blanks]]
    quoted = blanks[inside[blanks]]
    return not (
        (len(unquoted) and _touches(block, unquoted, (COMMA, NEWLINE, QUOTE)))
        or (len(quoted) and _touches(block, quoted, (QUOTE,)))
    )


def _copy_cells(
    cursor: Cursor[tuple[object, ...]], target: _Target, path: Path, header: Header, filename: str, findings: Findings
) -> None:
    with path.open("rb") as raw:
        raw.seek(header.length)
        text = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="")
        _copy_mended(cursor, target, csv.reader(text), 2, filename, findings)


def _copy_mended(
    cursor: Cursor[tuple[object, ...]],
    target: _Target,
    rows: Iterable[list[str]],
    first_line: int,
    filename: str,
    findings: Findings,
) -> None:
    """Copy rows cell by cell; `first_line` is the line of the first."""
    csv.field_size_limit(MAX_LINE)
    out = io.StringIO()
    write = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
    with cursor.copy(target.statement(with_line=True)) as copy:
        for line, cells in _numbered(rows, first_line, filename):
            mended = _mend(cells, target.columns, line, filename, findings)
            if mended is not None:
                write((line, *mended))
            if out.tell() > BLOCK:
                copy.write(out.getvalue().encode())
                out.seek(0)
                out.truncate()
        copy.write(out.getvalue().encode())


def _numbered(rows: Iterable[list[str]], first_line: int, filename: str) -> Iterator[tuple[int, list[str]]]:
    reader = iter(rows)
    while True:
        line = first_line + getattr(rows, "line_num", 0)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(f"{filename} line {line}: {error}", code="csv_parsing_failed") from None
        yield line, cells


def _mend(cells: list[str], columns: tuple[str, ...], line: int, filename: str, findings: Findings) -> list[str] | None:
    """Strip, pad and unfold one row; None when it holds nothing or cannot be kept."""
    if not any(cell and not cell.isspace() for cell in cells):
        if len(cells) <= 1:
            findings.add("empty_row", filename, line)
        else:
            findings.add("empty_row", filename, line, ",".join(cells))
        return None
    for index, cell in enumerate(cells):
        text = cell
        if "\n" in text:
            findings.add("new_line_in_value", filename, line, cell)
            text = " ".join(text.split("\n"))
        stripped = text.strip()
        if stripped != text:
            findings.add("leading_or_trailing_whitespaces", filename, line, cell)
        cells[index] = stripped
    surplus = len(cells) - len(columns)
    if surplus < 0:
        findings.add("invalid_row_length", filename, line, f"{len(cells)} cells instead of {len(columns)}, padded")
        return cells + [""] * -surplus
    if surplus > 0:
        if any(cells[len(columns) :]):
            findings.add("invalid_row_length", filename, line, f"{len(cells)} cells instead of {len(columns)}, dropped")
            return None
        findings.add("invalid_row_length", filename, line, f"{surplus} empty cells too many, removed")
        return cells[: len(columns)]
    return cells
