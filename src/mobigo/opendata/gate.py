"""Validators that others wrote, and our own importers, as checks of what was made: of every data set, by its formats.

An error that importing would have refused is ours: it stops the publication. Any other error of a feed is in the rows
of its source, which are published as they are; it is told with the data.

References
----------
Canonical GTFS validator 8.0.1, rules; its third-party engine gtfs-guru.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import gtfs_guru
import pyshacl
from rdflib import Graph, Namespace

from mobigo.opendata.catalogue import Catalogue
from mobigo.opendata.model import Piece, Problem, Severity, Standing, Version
from mobigo.opendata.schemas import SHACL, check_xml, read_shapes
from mobigo.transit.archive import Unreadable
from mobigo.transit.load import rehearse_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mobigo.opendata.making import Draft, Made, Making
    from mobigo.opendata.model import Dataset

OURS = (
    "csv_", "duplicate_", "duplicated_", "empty_", "foreign_key_", "i_o_", "inconsistent_agency_timezone", "invalid_",
    "malformed_", "missing_", "number_out_of_range", "route_networks_specified_", "runtime_", "stop_without_location",
    "thread_", "too_many_rows", "translation_", "unsupported_",
)  # fmt: skip
"""How codes begin of what our importer never lets in, and our writer must not bring forth."""

LONG = 300


def judge(making: Making, dataset: Dataset, draft: Draft) -> list[Problem]:
    """Ask every validator about what was made; what nobody could check is told, too."""
    found = [problem for file in draft.files if not file.judged for problem in _judge_file(making, file)]
    return [*found, *_check_tables(draft), *_check_catalogue(making, dataset, draft)]


def _judge_file(making: Making, file: Made) -> list[Problem]:
    if file.format == "GTFS":
        return [*ask_guru(str(file.path)), *_load_back(making, file)]
    if file.format in {"NeTEx", "SIRI"}:
        return check_xml(making.schemas, file.format, file.path)
    return []


def _load_back(making: Making, file: Made) -> list[Problem]:
    """Load what was made as anybody's feed: every row has to come back."""
    try:
        report = rehearse_load(file.path, making.database, now=making.now)
    except Unreadable as error:
        return [Problem(LOADER, error.code, Severity.ERROR, 1, str(error)[:LONG])]
    found = []
    if report.status != "active":
        first = next((one.as_text() for one in report.findings), "")
        found.append(Problem(LOADER, "not_loaded_back", Severity.ERROR, 1, first[:LONG]))
    for name, lost in report.dropped.items():
        why = next((one.as_text() for one in report.findings if one.file == name), name)
        found.append(Problem(LOADER, "rows_lost", Severity.ERROR, lost, why[:LONG]))
    return found


LOADER = "mobigo"
"""How reports name our own importers."""


def _check_catalogue(making: Making, dataset: Dataset, draft: Draft) -> list[Problem]:
    """Write the catalogue as it will list this data set, and hold it against the shapes."""
    shapes = read_shapes(making.schemas)
    if isinstance(shapes, Problem):
        return [shapes]
    pieces = tuple(
        Piece(one.name, one.media_type, one.format, one.path.stat().st_size, one.key, one.standard)
        for one in draft.files
    )
    standing = Standing(dataset, Version(dataset.id, 1, "", making.now, draft.said, pieces), making.now)
    publisher = (
        making.publisher if making.publisher.url else replace(making.publisher, url="https://localhost/opendata")
    )
    return check_shapes(Graph().parse(data=Catalogue(publisher, [standing]).write("turtle")), shapes)


SH = Namespace("http://www.w3.org/ns/shacl#")


def check_shapes(catalogue: Graph, shapes: Graph) -> list[Problem]:
    """Hold a catalogue against shapes; violations are errors, the rest is told."""
    _, report, _ = pyshacl.validate(catalogue, shacl_graph=shapes, inference="none", advanced=True)
    assert isinstance(report, Graph)
    found: dict[tuple[Severity, str], list[str]] = {}
    for one in report.objects(None, SH.result):
        severity = _SHACL[str(report.value(one, SH.resultSeverity)).rpartition("#")[2]]
        path = str(report.value(one, SH.resultPath) or "").rpartition("/")[2].rpartition("#")[2]
        said = f"{report.value(one, SH.focusNode)}: {report.value(one, SH.resultMessage)}"
        found.setdefault((severity, path or "shape"), []).append(said)
    return [
        Problem(SHACL, code, severity, len(many), min(many)[:LONG]) for (severity, code), many in sorted(found.items())
    ]


_SHACL = {"Violation": Severity.ERROR, "Warning": Severity.WARNING, "Info": Severity.INFO}


def _check_tables(draft: Draft) -> list[Problem]:
    """Read every CSV again by the table schema beside it: each cell must be what its column says."""
    schemas = {file.name: json.loads(file.path.read_text("utf-8")) for file in draft.files if _is_schema(file.name)}
    found = []
    for file in draft.files:
        if file.format == "CSV" and not file.judged:
            schema = _find_schema(file, schemas)
            if schema is None:
                found.append(Problem(TABLES, "no_schema", Severity.ERROR, 1, file.name))
            else:
                found += check_table(file.name, file.path, schema["fields"])
    return found


def _find_schema(file: Made, schemas: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    """Find the schema of a table: the one whose name its own begins with, the longest of several."""
    stem = file.name.removesuffix(".csv")
    fitting = [name for name in schemas if stem.startswith(name.removesuffix(SCHEMA))]
    return schemas[max(fitting, key=len)] if fitting else None


TABLES = "table schema"
"""How reports name what reads tables by their schemas."""
SCHEMA = ".schema.json"


def _is_schema(name: str) -> bool:
    return name.endswith(SCHEMA)


def _read_truth(cell: str) -> bool:
    if cell.lower() not in {"true", "false", "1", "0"}:
        raise ValueError(cell)
    return cell.lower() in {"true", "1"}


def _read_point(cell: str) -> str:
    lon, lat = (float(one) for one in cell.strip("[] ").split(","))
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):  # noqa: PLR2004 - degrees
        raise ValueError(cell)
    return cell


READERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "integer": int,
    "number": Decimal,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "time": time.fromisoformat,
    "year": int,
    "boolean": _read_truth,
    "geopoint": _read_point,
    "any": str,
}
"""How a cell of a type is read, or fails to be."""

RULES: dict[str, Callable[[str, Any, Any], bool]] = {
    "required": lambda cell, _, asked: not asked or cell != "",
    "enum": lambda cell, _, asked: cell == "" or cell in [str(one) for one in asked],
    "pattern": lambda cell, _, asked: cell == "" or re.fullmatch(asked, cell) is not None,
    "minLength": lambda cell, _, asked: cell == "" or len(cell) >= asked,
    "maxLength": lambda cell, _, asked: len(cell) <= asked,
    "minimum": lambda cell, value, asked: cell == "" or value >= type(value)(asked),
    "maximum": lambda cell, value, asked: cell == "" or value <= type(value)(asked),
}
"""Constraints of table schemas: the cell as written, its value, what is asked."""


def check_table(name: str, path: Path, fields: list[dict[str, Any]]) -> list[Problem]:
    """Read a CSV by the fields of its table schema.

    References
    ----------
    Table Schema of Frictionless Data: types and constraints.
    """
    wrong: dict[str, list[str]] = {}
    for line, code, cell in _check_rows(path, fields):
        wrong.setdefault(code, []).append(f"{name}, line {line}: {cell}")
    return [Problem(TABLES, code, Severity.ERROR, len(many), many[0][:LONG]) for code, many in sorted(wrong.items())]


def _check_rows(path: Path, fields: list[dict[str, Any]]) -> Iterator[tuple[int, str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as stream:
        rows = csv.reader(stream)
        header = next(rows, [])
        if header != [field["name"] for field in fields]:
            yield 1, "other_columns", ", ".join(header)
            return
        columns = [
            (number, field["name"], field.get("type", "string"), field.get("constraints", {}))
            for number, field in enumerate(fields)
        ]
        seen: dict[str, set[str]] = {name: set() for _, name, _, asked in columns if asked.get("unique")}
        for line, row in enumerate(rows, 2):
            if len(row) != len(fields):
                yield line, "row_length", f"{len(row)} cells"
                continue
            for number, column, kind, asked in columns:
                cell = row[number]
                yield from ((line, code, f"{column}: {cell!r}") for code in _check_cell(cell, kind, asked))
                if column in seen and cell:
                    if cell in seen[column]:
                        yield line, "not_unique", f"{column}: {cell!r}"
                    seen[column].add(cell)


def _check_cell(cell: str, kind: str, asked: dict[str, Any]) -> Iterator[str]:
    value = None
    if cell:
        try:
            value = READERS[kind](cell)
        except (ValueError, ArithmeticError):
            yield f"not_{kind}"
            return
    yield from (rule for rule, wanted in asked.items() if rule in RULES and not RULES[rule](cell, value, wanted))


def ask_guru(path: str) -> list[Problem]:
    """Ask gtfs-guru about an archive; errors that importing would have refused are ours, others are the source's."""
    found: list[Problem] = []
    notices: list[dict[str, Any]] = gtfs_guru.validate(path).to_dict()["notices"]
    for one in notices:
        severity = Severity.INFO if _is_rebate(one) else _severity(str(one["code"]), str(one["severity"]))
        sample = json.dumps(one["sampleNotices"][0], ensure_ascii=False)[:LONG] if one["sampleNotices"] else ""
        found.append(Problem("gtfs-guru", one["code"], severity, int(one["totalNotices"]), sample))
    return sorted(found, key=lambda problem: (list(Severity).index(problem.severity), problem.code))


def _is_rebate(notice: dict[str, Any]) -> bool:
    """Tell whether a notice is about prices below zero only: the reference has them, for rebates of transfers."""
    samples = notice["sampleNotices"]
    of_prices = [one.get("filename") == "fare_products.txt" and one.get("fieldName") == "amount" for one in samples]
    return notice["code"] == "number_out_of_range" and bool(samples) and all(of_prices)


def _severity(code: str, said: str) -> Severity:
    if said == "ERROR":
        return Severity.ERROR if code.startswith(OURS) else Severity.KNOWN
    return Severity.WARNING if said == "WARNING" else Severity.INFO
