"""A trial as a workbook: what it says in words, its figures, communes, relations and lines, a sheet each."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from mobigo.usage.sentences import say
from mobigo.usage.trial_told import list_communes_told, list_errors, list_figures, list_rows, say_trial
from mobigo.usage.writing import FORMULA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

COMMUNES = ("name", "people", "better", "worse", "same", "new", "lost", "none", "minutes", "per_person")
RELATIONS = ("origin_name", "destination_name", "verdict", "people", "minutes", "hours")
LINES = (
    *("line", "name", "people_today", "people_draft", "kilometres_today", "kilometres_draft", "minutes"),
    *("runs_today", "runs_draft", "metres_today", "metres_draft", "seconds_today", "seconds_draft"),
    *("cents_today", "cents_draft"),
)
WIDTH = 18
"""Characters of a column."""
SCALES = {"metres": 1000, "seconds": 3600, "cents": 100}
"""What a figure is divided by to be in the unit of its header."""


def write_trial(result: Mapping[str, Any], language: str) -> bytes:
    """Write a trial as a workbook of Excel: headers with units, frozen."""
    from openpyxl import Workbook  # noqa: PLC0415 - slow to import, seldom needed

    book = Workbook(write_only=True)
    about = book.create_sheet(say("trial_sheet.about").of(language))
    about.column_dimensions["A"].width = 6 * WIDTH
    for said in say_trial(result):
        about.append([said.of(language)])
    figures, errors = list_figures(result), list_errors(result)
    _add(
        book,
        "figures",
        ("figure", "value", "error"),
        ([_name(name, language), _scale(name, value), errors.get(name)] for name, value in figures.items()),
        language,
    )
    _add(
        book,
        "communes",
        COMMUNES,
        (
            [one["name"], say("trial_column.few").of(language)] if one["few"] else [one[name] for name in COMMUNES]
            for one in list_communes_told(result)
        ),
        language,
    )
    _add(
        book,
        "relations",
        RELATIONS,
        (
            [
                one["origin_name"],
                one["destination_name"],
                _name(one["verdict"], language),
                one["people"],
                one["minutes"],
                ", ".join(f"{hour:02d}" for hour in one["hours"]),
            ]
            for one in result["relations"]
        ),
        language,
    )
    rows = ([_scale(name, one[name]) for name in LINES] for one in list_rows(result))
    _add(book, "lines", LINES, rows, language)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _name(name: str, language: str) -> str:
    return say(f"trial_column.{'hours_driven' if name == 'hours' else name}").of(language)


def _scale(name: str, value: Any) -> Any:  # noqa: ANN401 - a cell
    scale = SCALES.get(name.partition("_")[0])
    return value / scale if scale is not None and isinstance(value, int | float) else value


def _add(book: Any, sheet: str, names: Sequence[str], rows: Iterable[Sequence[Any]], language: str) -> None:  # noqa: ANN401 - openpyxl has no types
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.styles import Alignment, Font  # noqa: PLC0415 - slow to import, seldom needed
    from openpyxl.utils import get_column_letter  # noqa: PLC0415 - slow to import, seldom needed

    page = book.create_sheet(say(f"trial_sheet.{sheet}").of(language))
    page.freeze_panes = "A2"
    head = []
    for number, name in enumerate(names, 1):
        page.column_dimensions[get_column_letter(number)].width = WIDTH
        cell = WriteOnlyCell(page, say(f"trial_column.{name}").of(language))
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
        head.append(cell)
    page.append(head)
    for row in rows:
        page.append([_harmless(cell) for cell in row])


def _harmless(cell: Any) -> Any:  # noqa: ANN401 - a cell
    """Let no text be a formula; round what would have more decimals than it is sure of."""
    if isinstance(cell, float):
        return round(cell, 1)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
