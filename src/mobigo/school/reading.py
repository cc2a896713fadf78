"""Lists as people keep them, read into rows of the register: XLSX workbooks and CSV files.

Titles may stand below some lines of something else, in any order, with or without accents; text files may be separated
by semicolons, commas, tabs or bars and be UTF-8, UTF-16 or Windows-1252. Everything wrong is named at once, by sheet,
row, column and remedy, and then nothing of the file is used.
"""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import Refused
from mobigo.school.cells import CellError, is_blank, plain
from mobigo.school.register import SHEETS
from mobigo.school.sentences import Said, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mobigo.school.cells import Cell
    from mobigo.school.register import Column, Sheet

LARGEST = 50 * 2**20
"""Bytes of a file."""
UNPACKED = 500 * 2**20
"""Bytes of a workbook's parts, unpacked."""
MOST_ROWS, MOST_COLUMNS = 200_000, 200
TITLE_ROWS = 25
"""Titles stand within so many first rows."""
MOST_FAULTS = 200
"""Faults that are told; the others are counted."""
ALIKE, ALIKE_LETTERS = 0.8, 5
"""How like a known title an unknown one must be to be read as it, and of how many letters."""
ERRORS = ("#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#N/D", "#VALEUR!", "#NOM?")


@dataclass(frozen=True)
class Fault:
    """Something wrong with a file."""

    sheet: str
    row: int | None
    """As the workbook or a text editor numbers it, from 1."""
    column: str | None
    """Its title."""
    said: Said
    """What is wrong, and what to do."""

    def __str__(self) -> str:
        where = [f"sheet {self.sheet}"]
        where += [f"row {self.row}"] if self.row is not None else []
        where += [f"column {self.column}"] if self.column is not None else []
        return f"{', '.join(where)}: {self.said.en}"


@dataclass
class Rows:
    """The rows of a list that a file holds."""

    sheet: Sheet
    called: str
    """The sheet's name in the file."""
    columns: dict[str, int]
    """Index of the column of each field that the file has; other fields of known rows stay as they are."""
    titles: dict[str, str]
    """By field, as the file writes them."""
    rows: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Number of the row, values by field; blank cells have what blank means."""


@dataclass
class File:
    """What a file holds."""

    lists: dict[str, Rows]
    """By name of the sheet."""
    notes: list[Said]
    """What was passed over, for the person who sent it."""


class Faults(list[Fault]):
    """All that is wrong, gathered."""

    def refuse(self, name: str) -> None:
        """Raise them, if there are any.

        Raises
        ------
        Refused
            With ``faults``.
        """
        if not self:
            return
        more = f" (and {len(self) - 1} more)" if len(self) > 1 else ""
        raise Refused(
            f"{name}: nothing was imported; {self[0]}{more}",
            code="list_faults",
            members={
                "faults": [
                    {
                        "sheet": one.sheet,
                        "row": one.row,
                        "column": one.column,
                        "what": one.said.en,
                        "what_fr": one.said.fr,
                    }
                    for one in self[:MOST_FAULTS]
                ],
                "fault_count": len(self),
            },
        )


def read_file(content: bytes, name: str, only: str | None = None) -> File:
    """Read a workbook or a text file.

    Parameters
    ----------
    name : str
        Of the file, for sentences.
    only : str, optional
        The list it holds, where its titles do not say it; else told by the sheet's name or its titles.

    Raises
    ------
    Refused
        With everything that is wrong in ``faults``, or when it is no such file.
    """
    if len(content) > LARGEST:
        raise _broken(f"{name} has {len(content):,} bytes; the most is {LARGEST:,}, so send it in parts")
    tables = _read_workbook(content, name) if content[:2] == b"PK" else _read_text(content, name)
    faults, found = Faults(), File({}, [])
    for called, lines in tables:
        _read_table(called, lines, only, found, faults)
    if not content.strip():
        raise _broken(f"{name} is empty; send the file that holds the list")
    if not found.lists and not faults:
        raise _broken(
            f"{name} holds no list of the register; its first rows must hold titles, as {_describe(SHEETS['stops'])}"
        )
    faults.refuse(name)
    return found


def read_objects(sheet: Sheet, rows: Sequence[Mapping[str, object]], needed: Sequence[str] = ()) -> File:
    """Read rows by the names of their fields, as the API takes them.

    Parameters
    ----------
    needed
        The fields that every row has, and no others; if not said, all that must be filled in, and any others.

    Raises
    ------
    Refused
        With everything that is wrong in ``faults``.
    """
    given = list(dict.fromkeys(one for row in rows for one in row))
    faults = Faults()
    wanted = needed or [one for one in sheet.columns if one not in sheet.defaults]
    for one in given:
        if one not in (needed or sheet.columns):
            faults.append(
                Fault(sheet.name, None, one[:40], say("fault_field", fields=", ".join(needed or sheet.columns)))
            )
    for number, row in enumerate(rows, 1):
        for one in dict.fromkeys([*wanted, *given]):
            if one not in row:
                faults.append(Fault(sheet.name, number, one[:40], say("fault_missing")))
    faults.refuse(sheet.name)
    mine = Rows(sheet, sheet.name, {one: index for index, one in enumerate(given)}, {one: one for one in given})
    _read_rows(mine, ((number, [_as_cell(row[one]) for one in given]) for number, row in enumerate(rows, 1)), faults)
    faults.refuse(sheet.name)
    return File({sheet.name: mine}, [])


def _as_cell(value: object) -> Cell:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    assert value is None or isinstance(value, str | int | float)
    return value


def _broken(sentence: str) -> Refused:
    return Refused(sentence, code="broken_list")


def _describe(sheet: Sheet) -> str:
    return ", ".join(column.titles[0] for one, column in sheet.columns.items() if one not in sheet.defaults)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_workbook(content: bytes, name: str) -> Iterator[tuple[str, Iterable[Sequence[Cell]]]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415 - slow to import, seldom needed

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(one.file_size for one in archive.infolist())
        if size > UNPACKED:
            raise _broken(f"{name} unpacks to {size:,} bytes; the most is {UNPACKED:,}")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, SyntaxError, OSError) as error:
        raise _broken(
            f"{name} is no workbook that can be read ({type(error).__name__}); save it as XLSX or CSV"
        ) from None
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        yield sheet.title, _guard(sheet.iter_rows(max_col=MOST_COLUMNS, values_only=True), name)


def _guard(rows: Iterable[Sequence[Cell]], name: str) -> Iterator[Sequence[Cell]]:
    """Hand rows on; what breaks on the way is the file's fault."""
    try:
        yield from rows
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, TypeError, SyntaxError, EOFError, OSError) as error:
        raise _broken(f"{name} breaks off ({type(error).__name__}); save it again as XLSX or CSV") from None


def _read_text(content: bytes, name: str) -> Iterator[tuple[str, Iterable[Sequence[Cell]]]]:
    text = _decode(content, name)
    stem = name.rpartition("/")[2].rpartition(".")[0] or name
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_find_delimiter(text), strict=False)
    try:
        yield stem, [row for row in reader]  # noqa: C416 - an error of the reader is met here
    except csv.Error as error:
        raise _broken(f"{name} line {reader.line_num}: {error}; save it again as CSV UTF-8") from None


def _decode(content: bytes, name: str) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        text = content.decode("utf-16", errors="replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise _broken(f"{name} is neither a workbook nor text; save it as XLSX or CSV")
    return text


def _find_delimiter(text: str) -> str:
    """Return what separates cells: of the usual signs, the one the first rows have most often, outside of quotes."""
    lines = [line for line in islice(text.splitlines(), 200) if line.strip()][:TITLE_ROWS]
    bare = ["".join(line.split('"')[::2]) for line in lines]
    return max(
        ";\t|,", key=lambda sign: sorted(line.count(sign) for line in bare)[-(len(bare) + 1) // 2] if bare else 0
    )


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_table(called: str, lines: Iterable[Sequence[Cell]], only: str | None, found: File, faults: Faults) -> None:
    numbered = enumerate(lines, 1)
    head = [(number, line) for number, line in islice(numbered, TITLE_ROWS)]
    if all(is_blank(cell) for _, line in head for cell in line):
        return
    sheet, row, columns = _recognise(called, [line for _, line in head], only)
    if sheet is None:
        found.notes.append(say("note_no_list", sheet=called))
        return
    missing = [
        column.titles[0] for one, column in sheet.columns.items() if one not in columns and one not in sheet.defaults
    ]
    if missing:
        named = ", ".join(missing)
        faults.append(Fault(called, head[row][0], named, say("fault_column", column=named)))
        return
    if sheet.name in found.lists:
        faults.append(
            Fault(called, None, None, say("fault_twice", list=sheet.titles[0], other=found.lists[sheet.name].called))
        )
        return
    titles = {one: str(head[row][1][index]).strip() for one, index in columns.items()}
    exact = _match(sheet, head[row][1])
    found.notes += [
        say("note_read_as", sheet=called, title=repr(titles[one][:40]), column=sheet.columns[one].titles[0])
        for one in columns
        if one not in exact
    ]
    mine = Rows(sheet, called, columns, titles)
    unused = [
        str(cell).strip()
        for index, cell in enumerate(head[row][1])
        if not is_blank(cell) and index not in columns.values()
    ]
    if unused:
        found.notes.append(say("note_unused", sheet=called, titles=", ".join(one[:40] for one in unused)))
    found.lists[sheet.name] = mine
    _read_rows(mine, chain(head[row + 1 :], numbered), faults)


def _recognise(called: str, head: list[Sequence[Cell]], only: str | None) -> tuple[Sheet | None, int, dict[str, int]]:
    """Tell which list a table is, in which row its titles stand, and which field each column is."""
    named = SHEETS[only] if only else _find_by_title(called)
    best = _find_titles(named, head, _match) or _find_titles(named, head, _guess)
    if best is None:
        # the row that is most like titles: of the first rows, one of several texts
        row = next((n for n, line in enumerate(head) if sum(isinstance(cell, str) for cell in line) > 1), 0)
        return named, row, {}
    sheet, row, _ = best
    return sheet, row, _guess(sheet, head[row])


def _find_titles(
    named: Sheet | None, head: list[Sequence[Cell]], match: Callable[[Sheet, Sequence[Cell]], dict[str, int]]
) -> tuple[Sheet, int, dict[str, int]] | None:
    """Find the list and the row of the first ones that fit each other best."""
    best: tuple[tuple[int, int], Sheet, int, dict[str, int]] | None = None
    for sheet in [named] if named else SHEETS.values():
        for row, line in enumerate(head):
            columns = match(sheet, line)
            required = [one for one in sheet.columns if one not in sheet.defaults]
            there = sum(one in columns for one in required)
            if (named and len(columns) < min(2, len(required))) or (not named and there < len(required)):
                continue
            score = (len(columns), -sum(not is_blank(cell) for cell in line))
            if best is None or score > best[0]:
                best = (score, sheet, row, columns)
    return None if best is None else best[1:]


def _find_by_title(called: str) -> Sheet | None:
    name = plain(called)
    for sheet in SHEETS.values():
        if name in {plain(title) for title in (*sheet.titles, sheet.name)}:
            return sheet
    return None


def _match(sheet: Sheet, line: Sequence[Cell]) -> dict[str, int]:
    """Return the index of the column of each field that a line of titles names; first titles go before others."""
    words = [plain(str(cell)) if isinstance(cell, str) else "" for cell in line]
    short = [plain(str(cell).split("(")[0]) if isinstance(cell, str) else "" for cell in line]
    found: dict[str, int] = {}
    taken: set[int] = set()
    most = max(len(column.titles) for column in sheet.columns.values())
    for rank in range(most + 1):
        for one, column in sheet.columns.items():
            title = one if rank == most else column.titles[rank] if rank < len(column.titles) else None
            if title is None or one in found:
                continue
            for index in range(len(line)):
                if index not in taken and words[index] and plain(title) in {words[index], short[index]}:
                    found[one] = index
                    taken.add(index)
                    break
    return found


def _guess(sheet: Sheet, line: Sequence[Cell]) -> dict[str, int]:
    """Return what `_match` does, and columns whose titles are mistyped: much like one field's, with its digits."""
    found = _match(sheet, line)
    for index, cell in enumerate(line):
        word = plain(str(cell).split("(")[0]) if isinstance(cell, str) else ""
        if len(word) < ALIKE_LETTERS or index in found.values():
            continue
        likeness = {
            one: max(_compare(word, plain(title)) for title in column.titles)
            for one, column in sheet.columns.items()
            if one not in found
        }
        best = sorted(likeness, key=lambda one: -likeness[one])[:2]
        if best and likeness[best[0]] >= ALIKE and (len(best) < 2 or likeness[best[1]] < likeness[best[0]]):  # noqa: PLR2004
            found[best[0]] = index
    return found


def _compare(word: str, title: str) -> float:
    """Return how much a title is like a known one, 0 to 1; what begins otherwise or has other digits is not."""
    if word[:1] != title[:1] or [one for one in word if one.isdigit()] != [one for one in title if one.isdigit()]:
        return 0.0
    return SequenceMatcher(None, word, title, autojunk=False).ratio()


def _read_rows(mine: Rows, lines: Iterable[tuple[int, Sequence[Cell]]], faults: Faults) -> None:
    known: dict[tuple[Any, ...], int] = {}
    defaults = mine.sheet.defaults
    for number, cells in lines:
        if all(is_blank(cell) for cell in cells):
            continue
        if len(mine.rows) >= MOST_ROWS:
            faults.append(Fault(mine.called, number, None, say("fault_long", most=f"{MOST_ROWS:,}")))
            return
        values = _read_row(mine, number, cells, faults)
        if values is None:
            continue
        key = tuple(values.get(one, defaults.get(one)) for one in mine.sheet.key)
        if key in known:
            named = ", ".join(_title(mine, one) for one in mine.sheet.key)
            faults.append(Fault(mine.called, number, named, say("fault_same", row=known[key], column=named)))
            continue
        known[key] = number
        mine.rows.append((number, values))


def _read_row(mine: Rows, number: int, cells: Sequence[Cell], faults: Faults) -> dict[str, Any] | None:
    values: dict[str, Any] = {}
    before = len(faults)
    for one, index in mine.columns.items():
        cell = cells[index] if index < len(cells) else None
        column = mine.sheet.columns[one]
        try:
            if not is_blank(cell):
                values[one] = _read_cell(column, cell)
            elif one in mine.sheet.defaults:
                values[one] = mine.sheet.defaults[one]
            else:
                faults.append(Fault(mine.called, number, mine.titles[one], say("fault_blank")))
        except CellError as error:
            told = "" if column.personal or column.kind.silent else f"{str(cell).strip()[:40]!r} "
            faults.append(
                Fault(mine.called, number, mine.titles[one], Said(told + error.said.en, told + error.said.fr))
            )
    return values if len(faults) == before else None


def _read_cell(column: Column, cell: Cell) -> object:
    if isinstance(cell, str) and cell.strip() in ERRORS:
        raise CellError("error")
    return column.kind.read(cell)


def _title(mine: Rows, one: str) -> str:
    return mine.titles.get(one, mine.sheet.columns[one].titles[0])
