"""Validators that others wrote, and our own importers, as checks of what was made.

An error that importing would have refused is ours: it stops the publication. Any other error of a feed is in the rows
of its source, which are published as they are; it is told with the data.

References
----------
Canonical GTFS validator 8.0.1, rules; its third-party engine gtfs-guru.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import gtfs_guru

from mobigo.opendata.model import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from mobigo.opendata.making import Draft, Making

OURS = (
    "csv_", "duplicate_", "duplicated_", "empty_", "foreign_key_", "i_o_", "inconsistent_agency_timezone", "invalid_",
    "malformed_", "missing_", "number_out_of_range", "route_networks_specified_", "runtime_", "stop_without_location",
    "thread_", "too_many_rows", "translation_", "unsupported_",
)  # fmt: skip
"""How codes begin of what our importer never lets in, and our writer must not bring forth."""

LONG = 300


def check_gtfs(_: Making, draft: Draft) -> list[Problem]:
    """Ask gtfs-guru about every GTFS archive."""
    return [problem for file in draft.files if file.format == "GTFS" for problem in _ask_guru(str(file.path))]


def check_tables(_: Making, draft: Draft) -> list[Problem]:
    """Read every CSV again by the table schema beside it: each cell must be of its column's type."""
    schemas = {file.name: json.loads(file.path.read_text("utf-8")) for file in draft.files if _is_schema(file.name)}
    found = []
    for file in draft.files:
        if file.format == "CSV":
            stem = file.name.removesuffix(".csv")
            name = next(one for one in schemas if stem.startswith(one.removesuffix(SCHEMA)))
            found += _check_cells(file.name, file.path.read_text("utf-8"), schemas[name]["fields"])
    return found


SCHEMA = ".schema.json"


def _is_schema(name: str) -> bool:
    return name.endswith(SCHEMA)


READERS: dict[str, Callable[[str], object]] = {
    "string": str,
    "integer": int,
    "number": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
}
"""How a cell of a type is read, or fails to be."""


def _check_cells(name: str, text: str, fields: list[dict[str, str]]) -> list[Problem]:
    rows = csv.reader(io.StringIO(text))
    header = next(rows, [])
    if header != [field["name"] for field in fields]:
        return [Problem("table schema", "other_columns", Severity.ERROR, 1, f"{name}: {', '.join(header)}"[:LONG])]
    wrong: dict[str, list[str]] = {}
    for line, row in enumerate(rows, 2):
        if len(row) != len(fields):
            wrong.setdefault("row_length", []).append(f"{name}, line {line}")
            continue
        for cell, field in zip(row, fields, strict=True):
            try:
                _ = cell == "" or READERS[field["type"]](cell)
            except (ValueError, ArithmeticError):
                wrong.setdefault(f"not_{field['type']}", []).append(f"{name}, line {line}: {cell!r}")
    return [
        Problem("table schema", code, Severity.ERROR, len(many), many[0][:LONG]) for code, many in sorted(wrong.items())
    ]


def _ask_guru(path: str) -> list[Problem]:
    found: list[Problem] = []
    notices: list[dict[str, Any]] = gtfs_guru.validate(path).to_dict()["notices"]
    for one in notices:
        severity = _severity(str(one["code"]), str(one["severity"]))
        sample = json.dumps(one["sampleNotices"][0], ensure_ascii=False)[:LONG] if one["sampleNotices"] else ""
        found.append(Problem("gtfs-guru", one["code"], severity, int(one["totalNotices"]), sample))
    return sorted(found, key=lambda problem: (list(Severity).index(problem.severity), problem.code))


def _severity(code: str, said: str) -> Severity:
    if said == "ERROR":
        return Severity.ERROR if code.startswith(OURS) else Severity.KNOWN
    return Severity.WARNING if said == "WARNING" else Severity.INFO
