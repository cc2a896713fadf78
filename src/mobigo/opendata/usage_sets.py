"""What use is told to everybody: travellers by month, and how the vehicles of each source kept their times.

Months of travellers were worked out once, when they were opened (`mobigo.usage.opening`), and are only put out here.
Times of vehicles are nobody's: they are told as they were seen. Months that are in the version in place are taken from
it, so that they stay when what they were made of is forgotten.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
from datetime import date
from functools import partial
from hashlib import file_digest
from typing import TYPE_CHECKING, Any

import polars as pl

from mobigo.opendata import store
from mobigo.opendata.licences import OWN
from mobigo.opendata.making import Draft, Made, Maker
from mobigo.opendata.model import Dataset, Problem, Said, Severity
from mobigo.opendata.observed import (
    MAY_LACK,
    OBSERVED,
    PUNCTUALITY,
    SAID_OBSERVED,
    SAID_PUNCTUALITY,
    list_months,
    write_observed,
    write_punctuality,
)
from mobigo.opendata.shelf import Shelf
from mobigo.opendata.timetables import find_licences
from mobigo.usage import opening_store
from mobigo.usage.disclosure import OTHER, SINGLE
from mobigo.usage.extract import LAYOUTS, OUTSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from psycopg import Connection

    from mobigo.opendata.making import Making
    from mobigo.opendata.model import Piece, SourceLicence
    from mobigo.usage.disclosure import Layout, Rule
    from mobigo.usage.opening_store import Opened

CSV = "text/csv; charset=utf-8"
GZIP = "application/gzip"
JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
TABLE_SCHEMA = "https://specs.frictionlessdata.io/table-schema/"
PARQUET_FORMAT = "https://parquet.apache.org/docs/file-format/"
KINDS = {
    ".csv": (CSV, "CSV", TABLE_SCHEMA),
    ".csv.gz": (GZIP, "CSV", TABLE_SCHEMA),
    ".schema.json": (JSON, "JSON", TABLE_SCHEMA),
    ".parquet": (PARQUET, "Parquet", PARQUET_FORMAT),
}
"""Media type, format and standard of a file, by how its name ends."""

USAGE = Dataset(
    "usage",
    {"fr": "Usages : demandes, montées, refus", "en": "Use: searches, boardings, refusals"},
    {
        "fr": "Voyageurs d'un jour moyen, par mois et type de jour : recherches d'une commune à l'autre, montées par"
        " ligne et arrêt, places refusées. Chacun est compté une fois par jour et par lieu ; les chiffres sont arrondis"
        " par pas, ce qui est trop rare est réuni sous « other » ou tu. Un mois est publié une fois pour toutes.",
        "en": "Travellers of an average day, by month and type of day: searches from commune to commune, boardings by"
        " line and stop, places refused. Each counts once a day in a place; figures are rounded by steps, what is too"
        " rare is told together as “other” or not at all. A month is published once and for all.",
    },
    "usage",
    "P1M",
)

COMMUNE = (
    "Commune (INSEE code, else its id in OpenStreetMap; outside: none that is known); in rows that are told together"
    " its department (without_code: not known), or other."
)
SAID = {
    "month": "Year and month.",
    "day_type": "Type of day: school_day, weekday (Monday to Friday in school holidays), saturday, sunday (and public"
    " holidays); in demand that of the day travelled on.",
    "outcome": "answered, walk_only, or the reason why nothing was found; unanswered: any of them.",
    "origin": COMMUNE,
    "destination": COMMUNE,
    "band": "Hours of the day, local, the last one not included; other: those not told one by one.",
    "service": "transit, ondemand or carpool.",
    "deed": "boarded, or offered (by drivers).",
    "source": "Network or operator; other: those not told one by one.",
    "line": "Line, by the id of the published timetables (carpool: of the published lines; on demand: the service);"
    " other: those not told one by one.",
    "stop": "Stop, by the id of the published timetables; unknown: not noted; other: those not told one by one.",
    "reason": "Why no place was given; other: reasons not told one by one.",
    "travellers": "Travellers of an average day, rounded to steps; no person counts twice in a row.",
}
"""What the columns of the tables are, in their schemas."""

SAID_DAYS = {
    "month": SAID["month"],
    "day_type": "Type of day; all: every day, as demand is divided by.",
    "days": "Days counted, by which sums were divided.",
    "fewest": "Travellers of an average day, below which nothing is told.",
    "step": "Step of rounding: a figure lies less than that from the truth, and one traveller moves it by at most it.",
}


def list_usage_sets(connection: Connection[Any]) -> list[Maker]:
    """List the data sets of use: travellers, and times of each source that may be published."""
    makers = [Maker(USAGE, _make_usage, (check_usage,))] if opening_store.list_opened(connection) else []
    licences = find_licences(connection)
    return makers + [
        Maker(_describe_source(source), partial(_make_observed, source, one))
        for source, one in sorted(licences.items())
        if one.published
        and (list_months(connection, source) or store.find_standing(connection, f"{OBSERVED_IN}{source}"))
    ]


# ── travellers ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _make_usage(making: Making) -> Draft | None:
    opened = opening_store.list_opened(making.connection)
    if not opened:
        return None
    files, samples = [_write_days(making, opened)], {}
    for layout in LAYOUTS:
        months = [_read_month(making.connection, one.month, layout) for one in opened]
        for one, text in zip(opened, months, strict=True):
            files.append(_write(making, f"{layout.name}-{one.month:%Y-%m}.csv", text))
        samples[layout.name] = _sample(months[-1].decode())
        schema = _list_types(layout)
        path = making.folder / f"{layout.name}.parquet"
        pl.concat(pl.read_csv(text, schema=schema) for text in months).write_parquet(path, compression="zstd")
        files += [_tell(path), _write(making, f"{layout.name}.schema.json", _describe(SAID, schema))]
    files.append(_write(making, "days.schema.json", _describe(SAID_DAYS, DAYS)))
    said = Said(
        OWN,
        first_day=opened[0].month,
        counts={layout.name: sum(one.rows.get(layout.name, 0) for one in opened) for layout in LAYOUTS},
        samples=samples,
    )
    return Draft(said, tuple(files))


def _list_types(layout: Layout) -> dict[str, type[pl.DataType]]:
    return {"month": pl.String, **dict.fromkeys(layout.columns, pl.String), "travellers": pl.Int64}


def _read_month(connection: Connection[Any], month: date, layout: Layout) -> bytes:
    packed = opening_store.find_file(connection, month, layout.name)
    assert packed is not None
    return gzip.decompress(packed)


DAYS = {"month": pl.String, "day_type": pl.String, "days": pl.Int64, "fewest": pl.Int64, "step": pl.Int64}


def _write_days(making: Making, opened: Sequence[Opened]) -> Made:
    rows = [
        (f"{one.month:%Y-%m}", kind or "all", days, one.rule.fewest, one.rule.step)
        for one in opened
        for kind, days in sorted(one.days.items())
    ]
    return _write(making, "days.csv", pl.DataFrame(rows, DAYS, orient="row").write_csv().encode())


def check_usage(making: Making, draft: Draft) -> list[Problem]:
    """Read every table of travellers again by what anybody may check: no figure is low or exact, no row there twice."""
    rules = {f"{one.month:%Y-%m}": one.rule for one in opening_store.list_opened(making.connection)}
    found = []
    for layout in LAYOUTS:
        for file in draft.files:
            if file.format == "CSV" and file.name.startswith(f"{layout.name}-"):
                rule = rules[file.name.removeprefix(f"{layout.name}-").removesuffix(".csv")]
                rows = pl.read_csv(file.path, schema=_list_types(layout))
                found += [f"{file.name}: {why}" for why in check_rows(layout, rule, rows)]
    return [Problem("disclosure", "tells_too_much", Severity.ERROR, len(found), found[0])] if found else []


def check_rows(layout: Layout, rule: Rule, rows: pl.DataFrame) -> list[str]:
    """Say what is wrong with the rows of a table, without knowing what is true."""
    pooled = pl.col("band") == OTHER
    for name, step in layout.levels[SINGLE - 1].items():
        pooled &= (pl.col(name) == step(pl.col(name))) & (pl.col(name) != OUTSIDE)
    lowest = pl.when(pooled).then(rule.find_lowest(SINGLE)).otherwise(rule.find_lowest(0))
    wrong = {
        "a figure is too low": rows.filter(pl.col("travellers") < lowest),
        "a figure is not rounded": rows.filter(pl.col("travellers") % rule.step != 0),
        "a row is there twice": rows.filter(pl.struct(layout.columns).is_duplicated()),
    }
    return [f"{why} ({len(some)} rows)" for why, some in wrong.items() if len(some)]


# ── vehicles ──────────────────────────────────────────────────────────────────────────────────────────────────────────


OBSERVED_IN = "observed-"
"""How the data set of a source begins, and the file of a month in it."""


def _describe_source(source: str) -> Dataset:
    return Dataset(
        f"{OBSERVED_IN}{source}",
        {"fr": f"Horaires observés : {source}", "en": f"Observed times: {source}"},
        {
            "fr": f"Le temps réel du réseau « {source} » tel qu'il a été vu : par mois, chaque passage avec son retard"
            " et les suppressions ; la ponctualité par ligne, arrêt et heure.",
            "en": f"Real time of the network “{source}” as it was seen: by month, each call with its delay and the"
            " cancellations; punctuality by line, stop and hour.",
        },
        "usage",
        "P1M",
    )


def _make_observed(source: str, licence: SourceLicence, making: Making) -> Draft | None:
    months = list_months(making.connection, source)
    standing = store.find_standing(making.connection, f"{OBSERVED_IN}{source}")
    before = {piece.name: piece for piece in standing.current.pieces} if standing and standing.current else {}
    kept = {name.removeprefix(OBSERVED_IN)[:7] for name in before if name.startswith(OBSERVED_IN)}
    files = [_take(making, piece) for piece in before.values() if not piece.name.endswith(".schema.json")]
    for month in months:
        if f"{month:%Y-%m}" not in kept:
            punctuality = making.folder / f"punctuality-{month:%Y-%m}.csv"
            calls = making.folder / f"{OBSERVED_IN}{month:%Y-%m}.csv.gz"
            table = making.folder / f"{OBSERVED_IN}{month:%Y-%m}.parquet"
            write_punctuality(making.connection, source, month, punctuality)
            write_observed(making.connection, source, month, calls, table)
            files += [_tell(path) for path in (punctuality, calls, table)]
    if not files:
        return None
    files.sort(key=lambda file: file.name)
    files.append(_write(making, "observed.schema.json", _describe(SAID_OBSERVED, OBSERVED)))
    files.append(_write(making, "punctuality.schema.json", _describe(SAID_PUNCTUALITY, PUNCTUALITY)))
    shown = [file for file in files if file.name.startswith("punctuality-")]
    said = Said(
        licence.licence.id,
        (licence.attribution,) if licence.attribution else (),
        first_day=date.fromisoformat(f"{shown[0].name.removeprefix('punctuality-')[:7]}-01"),
        counts={"months": len(shown)},
        samples={"punctuality": _sample(shown[-1].path.read_text("utf-8"))},
    )
    return Draft(said, tuple(files))


def _take(making: Making, piece: Piece) -> Made:
    """Take a file from the version in place: a month is made once."""
    path = making.folder / piece.name
    lying = Shelf(making.home).find(piece.sha256)
    try:
        os.link(lying, path)
    except OSError:  # another file system
        shutil.copyfile(lying, path)
    return Made(path, piece.name, piece.media_type, piece.format, piece.sha256, piece.standard, judged=True)


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write(making: Making, name: str, content: bytes) -> Made:
    path = making.folder / name
    path.write_bytes(content)
    return _tell(path)


def _tell(path: Path) -> Made:
    media_type, form, standard = next(kind for end, kind in KINDS.items() if path.name.endswith(end))
    with path.open("rb") as stream:
        return Made(path, path.name, media_type, form, file_digest(stream, "sha256").hexdigest(), standard)


def _describe(said: Mapping[str, str], types: Mapping[str, type[pl.DataType]]) -> bytes:
    """Write a table schema."""
    fields = [
        {
            "name": name,
            "type": TYPES[kind],
            "description": said[name],
            **({"constraints": {"required": True}} if name not in MAY_LACK else {}),
        }
        for name, kind in types.items()
    ]
    text = json.dumps({"fields": fields, "missingValues": [""]}, ensure_ascii=False, indent=1)
    return text.encode()


TYPES: Mapping[type[pl.DataType], str] = {
    pl.String: "string",
    pl.Int64: "integer",
    pl.Int32: "integer",
    pl.Date: "date",
    pl.Boolean: "boolean",
}
"""Of table schemas, by those of columns."""


def _sample(content: str) -> tuple[tuple[str, ...], ...]:
    rows = csv.reader(io.StringIO(content))
    return tuple(tuple(row) for row, _ in zip(rows, range(4), strict=False))
