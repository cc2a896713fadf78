"""Lists of the register as files that `reading` reads again: XLSX workbooks and CSV files."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mobigo.school.cells import Cell
    from mobigo.school.register import Sheet

FORMULA = ("=", "+", "-", "@")
"""How a text begins that programs take for a formula."""


def write_workbook(lists: Iterable[tuple[Sheet, Sequence[str], Iterable[Mapping[str, Any]]]]) -> bytes:
    """Write lists as a workbook, a sheet each.

    Parameters
    ----------
    lists
        Each with the fields that are shown and its rows by field.
    """
    return write_book(
        (
            sheet.titles[0],
            [sheet.columns[one].titles[0] for one in shown],
            (list_cells(sheet, shown, row) for row in rows),
        )
        for sheet, shown, rows in lists
    )


def write_book(tables: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Cell]]]]) -> bytes:
    """Write tables as a workbook: of each its name, its titles and its rows."""
    from openpyxl import Workbook  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.styles import Font  # noqa: PLC0415 - slow to import, seldom needed

    book = Workbook(write_only=True)
    bold = Font(bold=True)
    for name, titles, rows in tables:
        table = book.create_sheet(name)
        table.freeze_panes = "A2"
        head = []
        for title in titles:
            cell = WriteOnlyCell(table, value=title)
            cell.font = bold
            head.append(cell)
        table.append(head)
        for row in rows:
            table.append([_plain_text(table, value, WriteOnlyCell) for value in row])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _plain_text(table: object, value: Cell, make: Callable[..., Any]) -> object:
    """Return a cell whose text is text, whatever it begins with."""
    if isinstance(value, str) and value.startswith(FORMULA):
        cell = make(table, value=value)
        cell.data_type = "s"
        return cell
    return value


def write_text(sheet: Sheet, shown: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Write a list as CSV, as programs in France open it: semicolons, UTF-8 with a mark, decimal commas."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    writer.writerow([sheet.columns[one].titles[0] for one in shown])
    for row in rows:
        writer.writerow([_text(cell) for cell in list_cells(sheet, shown, row)])
    return stream.getvalue().encode("utf-8-sig")


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return repr(cell).replace(".", ",")
    text = str(cell)
    return f"'{text}" if isinstance(cell, str) and text.startswith(FORMULA) else text


def list_cells(sheet: Sheet, shown: Sequence[str], row: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of a row."""
    return [None if row[one] is None else sheet.columns[one].kind.write(row[one]) for one in shown]
