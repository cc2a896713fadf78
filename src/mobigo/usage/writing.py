"""Answers as files: CSV for programs, GeoJSON for maps, a workbook for people."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from mobigo.usage.answers import Answer, Kind
from mobigo.usage.sentences import find, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mobigo.usage.answers import Column, Value, Wanted

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet would compute."""
CENTS = 100
SHEET_NAME = 31
"""Characters that the name of a sheet may have."""
WIDEST, NARROWEST = 42, 9
"""Characters of a column."""
SAMPLED = 200
"""Rows by which the width of a column is chosen."""

FORMATS = {
    Kind.COUNT: "#,##0",
    Kind.NUMBER: "#,##0.0",
    Kind.SHARE: "0.0%",
    Kind.CENTS: '#,##0.00 "€"',
    Kind.RATE: '#,##0.00 "€"',
    Kind.SECONDS: "#,##0",
    Kind.KILOMETRES: "#,##0.0",
    Kind.KILOGRAMS: "#,##0.0",
    Kind.GRAMS: "#,##0.0",
}
UNITS = {
    Kind.SHARE: "share",
    Kind.CENTS: "cents",
    Kind.RATE: "rate",
    Kind.SECONDS: "seconds",
    Kind.KILOMETRES: "kilometres",
    Kind.KILOGRAMS: "kilograms",
    Kind.GRAMS: "grams",
}
WORDS = ("day_type", "service", "reason", "figure", "cost_from", "kind")
"""Columns whose texts are codes that people read as words."""


def write_csv(answer: Answer) -> str:
    """Write an answer as CSV: names of columns as in JSON, units in them or in the API's description."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(column.name for column in answer.columns)
    writer.writerows([_harmless(cell) for cell in row] for row in answer.rows)
    return out.getvalue()


def write_geojson(answer: Answer) -> str:
    """Write an answer as GeoJSON; rows without a place are features without a geometry."""
    places = answer.places or (None,) * len(answer.rows)
    features = [
        {"type": "Feature", "geometry": place, "properties": told}
        for place, told in zip(places, answer.as_dicts(), strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":"))


def title(column: Column, language: str) -> str:
    """Return the header of a column for people, with its unit."""
    said = say(f"column.{column.name}").of(language)
    unit = UNITS.get(column.kind)
    return f"{said} ({say(f'unit.{unit}').of(language)})" if unit else said


def word(column: Column, value: Value, language: str) -> Value:
    """Return a cell for people: codes as words."""
    if column.name in WORDS and isinstance(value, str):
        said = find(f"{column.name}.{value}")
        return said.of(language) if said else value
    return value


def write_workbook(answers: Sequence[Answer], wanted: Wanted, language: str) -> bytes:
    """Write answers as a workbook: a sheet for each, headers with units, frozen, and what has to be known."""
    from openpyxl import Workbook  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415 - slow to import, seldom needed

    book = Workbook(write_only=True)
    about = book.create_sheet(say("sheet.about").of(language)[:SHEET_NAME])
    about.column_dimensions["A"].width = WIDEST
    about.column_dimensions["B"].width = 3 * WIDEST
    about.append((say("sheet.period").of(language), f"{wanted.first} \u2013 {wanted.last}"))
    notes = dict.fromkeys(
        (say(f"answer.{answer.name}").of(language), note.of(language)) for answer in answers for note in answer.notes
    )
    for sheet_title, note in notes:
        about.append((sheet_title, note))
    for answer in answers:
        sheet = book.create_sheet(say(f"answer.{answer.name}").of(language)[:SHEET_NAME])
        sheet.freeze_panes = "A2"
        titles = [title(column, language) for column in answer.columns]
        for number in range(len(titles)):
            sample = [len(str(row[number])) for row in answer.rows[:SAMPLED] if row[number] is not None]
            width = min(WIDEST, max([NARROWEST, len(titles[number]) // 2 + 2, *sample]) + 2)
            sheet.column_dimensions[_letter(number)].width = width
        head = []
        for text in titles:
            cell = WriteOnlyCell(sheet, text)
            cell.font = Font(bold=True)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            head.append(cell)
        sheet.append(head)
        for row in answer.rows:
            cells = []
            for column, value in zip(answer.columns, row, strict=True):
                cell = WriteOnlyCell(sheet, _cell(column, value, language))
                if column.kind in FORMATS and isinstance(value, int | float) and not isinstance(value, bool):
                    cell.number_format = FORMATS[column.kind]
                cells.append(cell)
            sheet.append(cells)
        if answer.rows:
            sheet.auto_filter.ref = f"A1:{_letter(len(answer.columns) - 1)}{len(answer.rows) + 1}"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(column: Column, value: Value, language: str) -> Any:  # noqa: ANN401 - whatever stands in a cell
    if column.kind in {Kind.CENTS, Kind.RATE} and isinstance(value, int | float):
        return value / CENTS
    return _harmless(word(column, value, language))


def _harmless(cell: Value) -> Value:
    """Let no text be a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _letter(number: int) -> str:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415 - slow to import, seldom needed

    return str(get_column_letter(number + 1))
