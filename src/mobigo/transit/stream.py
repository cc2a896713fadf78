"""CSV files into staging tables by COPY.

Blocks of whole rows are looked at as arrays of bytes. A block in which every row has its cells and none has blanks to
strip goes to PostgreSQL as it is; any other is read cell by cell, mended, and what was mended is noted. When PostgreSQL
finds a block malformed after all, the whole file is read cell by cell.
"""

from __future__ import annotations

import csv
import io
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from psycopg import DataError, sql

from mobigo.transit.archive import MAX_LINE, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
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


@dataclass(frozen=True)
class CsvCopy:
    """The way of one file into its staging table."""

    cursor: Cursor[tuple[object, ...]]
    table: str
    columns: tuple[str, ...]
    """Of the table, in the order of the file's header."""
    filename: str
    findings: Findings

    def run(self, path: Path, header: Header, progress: Callable[[int], None]) -> None:
        """Copy all rows.

        Raises
        ------
        Unreadable
            When a cell is larger than `MAX_LINE`.
        """
        before = self.findings.snapshot()
        try:
            with self.cursor.connection.transaction():
                self._copy_blocks(path, header, progress)
        except DataError:
            self.findings.restore(before)
            with self.cursor.connection.transaction():
                self._copy_cells(path, header)

    def _statement(self, *, with_line: bool) -> sql.Composed:
        names = [sql.Identifier(name) for name in self.columns]
        all_names = [sql.Identifier("line"), *names] if with_line else names
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, FORCE_NULL ({}))").format(
            sql.Identifier(self.table), sql.SQL(", ").join(all_names), sql.SQL(", ").join(names)
        )

    def _copy_blocks(self, path: Path, header: Header, progress: Callable[[int], None]) -> None:
        """Copy clean blocks as they are, several in one statement, and mend the others."""
        with ExitStack() as statement:
            copy = None
            for block in _sorted_out(path, header.length, len(self.columns), progress):
                if not block.clean:
                    statement.close()
                    copy = None
                    rows = csv.reader(io.StringIO(block.text.decode(), newline=""))
                    self._copy_mended(rows, block.line)
                    continue
                if copy is None:
                    self.cursor.execute("SELECT setval(%s, %s, false)", (LINE_COUNTER, block.line))
                    copy = statement.enter_context(self.cursor.copy(self._statement(with_line=False)))
                copy.write(block.text)

    def _copy_cells(self, path: Path, header: Header) -> None:
        """Mend the whole file."""
        with path.open("rb") as raw:
            raw.seek(header.length)
            text = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="")
            self._copy_mended(csv.reader(text), 2)

    def _copy_mended(self, rows: Iterable[list[str]], first_line: int) -> None:
        """Copy rows cell by cell; `first_line` is the line of the first."""
        csv.field_size_limit(MAX_LINE)
        out = io.StringIO()
        write = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        with self.cursor.copy(self._statement(with_line=True)) as copy:
            for line, cells in _numbered(rows, first_line, self.filename):
                mended = self._mend(cells, line)
                if mended is not None:
                    write((line, *mended))
                if out.tell() > BLOCK:
                    copy.write(out.getvalue().encode())
                    out.seek(0)
                    out.truncate()
            copy.write(out.getvalue().encode())

    def _mend(self, cells: list[str], line: int) -> list[str] | None:
        """Strip, pad and unfold one row; None when it holds nothing or cannot be kept."""
        if not any(cell and not cell.isspace() for cell in cells):
            self.findings.add("empty_row", self.filename, line, ",".join(cells))
            return None
        for index, cell in enumerate(cells):
            text = cell
            if "\n" in text:
                self.findings.add("new_line_in_value", self.filename, line, cell)
                text = " ".join(text.split("\n"))
            stripped = text.strip()
            if stripped != text:
                self.findings.add("leading_or_trailing_whitespaces", self.filename, line, cell)
            cells[index] = stripped
        width = len(self.columns)
        if len(cells) < width:
            value = f"{len(cells)} cells instead of {width}, padded"
            self.findings.add("invalid_row_length", self.filename, line, value)
            return cells + [""] * (width - len(cells))
        if any(cells[width:]):
            value = f"{len(cells)} cells instead of {width}, dropped"
            self.findings.add("invalid_row_length", self.filename, line, value)
            return None
        if len(cells) > width:
            value = f"{len(cells) - width} empty cells too many, removed"
            self.findings.add("invalid_row_length", self.filename, line, value)
        return cells[:width]


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
    if b" " not in text and b"\t" not in text:
        return True
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
