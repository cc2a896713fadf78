"""A feed as it lies on disk, zip or folder, read into `FeedTables` without a database.

Lenient where real feeds are loose (byte order marks, spaces, missing optional columns, a folder inside the zip) and
clear where it cannot go on: every refusal names file, what is wrong and what to do.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from mobigo.kit.errors import InvalidInput
from mobigo.transit.tables import COLUMNS, FeedTables, empty_table

if TYPE_CHECKING:
    from pathlib import Path

REQUIRED = {
    "agency": ("agency_timezone",),
    "stops": ("stop_id",),
    "routes": ("route_id",),
    "trips": ("trip_id", "route_id", "service_id"),
    "stop_times": ("trip_id", "stop_sequence", "stop_id"),
}
"""Files without which nothing can be planned, and the columns they must have."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MAX_CALENDAR_DAYS = 30_000_000
"""Days all rows of calendar.txt may span together; more would not fit into memory."""
ZERO_WHEN_ABSENT = frozenset(
    {
        "location_type",
        "wheelchair_boarding",
        "wheelchair_accessible",
        "bikes_allowed",
        "pickup_type",
        "drop_off_type",
        "exact_times",
        "transfer_type",
    }
)


def read_feed_tables(path: Path) -> FeedTables:
    """Read a GTFS zip or folder.

    Raises
    ------
    InvalidInput
        When it is no feed: not there, not a zip, a required file or column is missing, or a value is no time or date.
    """
    raw = _Files(path)
    agency = _typed("agency", raw.table("agency"))
    agency = agency.with_columns(pl.col("agency_id").fill_null(""))
    routes = _typed("routes", raw.table("routes"))
    if agency.height == 1:
        routes = routes.with_columns(pl.col("agency_id").fill_null(agency["agency_id"][0]))
    stops = _typed("stops", raw.table("stops").filter(pl.col("stop_id").is_not_null()))
    known = stops["stop_id"].implode()
    parent = pl.when(pl.col("parent_station").is_in(known)).then(pl.col("parent_station"))
    stops = stops.with_columns(pl.coalesce(parent, "stop_id").alias("station_id"))
    return FeedTables(
        agency=agency,
        stops=stops,
        routes=routes,
        trips=_typed("trips", raw.table("trips")),
        stop_times=_read_stop_times(raw),
        services=_expand_services(raw.table("calendar"), raw.table("calendar_dates")),
        frequencies=_typed("frequencies", raw.table("frequencies"), times=("start_time", "end_time")),
        transfers=_typed("transfers", raw.table("transfers")),
        shapes=_typed("shapes", raw.table("shapes")).sort("shape_id", "shape_pt_sequence"),
        pathways=_typed("pathways", raw.table("pathways")),
        levels=_typed("levels", raw.table("levels")).unique("level_id", keep="first", maintain_order=True),
    )


class _Files:
    """The text files of a feed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self.members = {file.name: str(file) for file in path.glob("*.txt")}
            self.archive = None
        elif path.is_file() and zipfile.is_zipfile(path):
            self.archive = zipfile.ZipFile(path)
            names = sorted(self.archive.namelist(), key=lambda name: -name.count("/"))
            self.members = {PurePosixPath(name).name: name for name in names if name.endswith(".txt")}
        elif path.exists():
            raise InvalidInput(f"{path} is neither a zip nor a folder; give a GTFS feed as one of them")
        else:
            raise InvalidInput(f"{path} does not exist; give the path of a GTFS zip or folder")

    def table(self, name: str) -> pl.DataFrame:
        """Read one file as text columns, stripped, empty cells null; an absent optional file has no rows."""
        file = f"{name}.txt"
        required = REQUIRED.get(name, ())
        if file not in self.members:
            if required:
                raise InvalidInput(f"{self.path} has no {file}; a GTFS feed needs {', '.join(map(_file, REQUIRED))}")
            return pl.DataFrame()
        content = self._content(file)
        if not content.strip():
            if required:
                raise InvalidInput(f"{self.path}: {file} is empty; it needs the columns {', '.join(required)}")
            return pl.DataFrame()
        try:
            table = pl.read_csv(
                io.BytesIO(content), infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True
            )
        except pl.exceptions.PolarsError:
            try:
                table = _read_loosely(content)
            except (csv.Error, pl.exceptions.PolarsError) as error:
                raise InvalidInput(f"{self.path}: {file} cannot be read as CSV ({error}); check its quotes") from None
        table = table.rename({column: column.strip().strip('"') for column in table.columns})
        missing = [column for column in required if column not in table.columns]
        if missing:
            raise InvalidInput(f"{self.path}: {file} has no column {', '.join(missing)}; it has {table.columns}")
        stripped = pl.all().str.strip_chars()
        return table.select(pl.when(stripped != "").then(stripped).name.keep())

    def _content(self, file: str) -> bytes:
        member = self.members[file]
        try:
            content = self.archive.read(member) if self.archive else (self.path / file).read_bytes()
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise InvalidInput(f"{self.path}: {file} cannot be unpacked ({error}); fetch the feed again") from None
        return content.removeprefix(b"\xef\xbb\xbf")


def _read_loosely(content: bytes) -> pl.DataFrame:
    """Read what strict readers refuse, such as a space behind a closing quote."""
    header, *rows = csv.reader(io.StringIO(content.decode(errors="replace"), newline=""), skipinitialspace=True)
    width = len(header)
    cells = [(row + [""] * width)[:width] for row in rows if row]
    return pl.DataFrame(cells, schema=dict.fromkeys(header, pl.String), orient="row")


def _file(name: str) -> str:
    return f"{name}.txt"


def _typed(name: str, raw: pl.DataFrame, times: tuple[str, ...] = ()) -> pl.DataFrame:
    """Give a table of text the columns and types of `COLUMNS`."""
    if raw.width == 0:
        return empty_table(name)
    columns = []
    for column, kind in COLUMNS[name].items():
        if column not in raw.columns:
            value = pl.lit(0 if column in ZERO_WHEN_ABSENT else None, kind)
        elif column in times:
            value = _parse_times(name, raw[column])
        elif kind is pl.String:
            value = pl.col(column)
        else:
            value = _number(pl.col(column), kind)
            if column in ZERO_WHEN_ABSENT:
                value = value.fill_null(0)
        columns.append(value.alias(column))
    return raw.select(columns)


def _number(column: pl.Expr, kind: type[pl.DataType]) -> pl.Expr:
    if kind is pl.Float64:
        return column.cast(kind, strict=False)
    return column.cast(pl.Float64, strict=False).cast(kind, strict=False)


def _parse_times(name: str, column: pl.Series) -> pl.Expr:
    """Seconds of ``H:MM:SS`` (hours beyond 24 allowed); parsed once per distinct text."""
    distinct = column.drop_nulls().unique()
    parts = distinct.str.extract_groups(r"^(\d{1,3}):([0-5]?\d):([0-5]?\d)$").struct.unnest()
    hours, minutes, seconds = (parts.to_series(n).cast(pl.Int32) for n in range(3))
    values = hours * 3600 + minutes * 60 + seconds
    wrong = distinct.filter(values.is_null())
    if len(wrong):
        raise InvalidInput(f"{name}.txt: {column.name} {wrong[0]!r} is not a time; write HH:MM:SS")
    if not len(distinct):
        return pl.lit(None, pl.Int32)
    return pl.col(column.name).replace_strict(distinct, values, default=None, return_dtype=pl.Int32)


def _read_stop_times(raw: _Files) -> pl.DataFrame:
    table = raw.table("stop_times")
    windows = [c for c in ("start_pickup_drop_off_window", "end_pickup_drop_off_window") if c in table.columns]
    table = table.filter(pl.col("stop_id").is_not_null(), *(pl.col(column).is_null() for column in windows))
    typed = _typed("stop_times", table, times=("arrival_time", "departure_time"))
    return typed.sort("trip_id", "stop_sequence", maintain_order=True)


def _parse_dates(file: str, column: pl.Series) -> pl.Series:
    dates = column.str.to_date("%Y%m%d", strict=False)
    wrong = column.filter(dates.is_null())
    if len(wrong):
        raise InvalidInput(f"{file}: {column.name} {wrong[0]!r} is not a date; write YYYYMMDD")
    return dates


def _expand_services(calendar: pl.DataFrame, exceptions: pl.DataFrame) -> pl.DataFrame:
    """List every (service, day) of calendar.txt and calendar_dates.txt, either alone or both."""
    services = empty_table("services")
    if calendar.height:
        calendar = calendar.with_columns(
            *(_parse_dates("calendar.txt", calendar[column]) for column in ("start_date", "end_date"))
        )
        spans = (calendar["end_date"] - calendar["start_date"]).dt.total_days()
        if (spans.sum() or 0) > MAX_CALENDAR_DAYS:
            longest = calendar["service_id"][spans.arg_max() or 0]
            raise InvalidInput(
                f"calendar.txt spans {spans.sum()} days in all, more than {MAX_CALENDAR_DAYS}; "
                f"shorten its services, the longest is {longest}"
            )
        runs = pl.concat_list(*(pl.col(day) == "1" for day in WEEKDAYS))
        days = (
            calendar.filter(pl.col("start_date") <= pl.col("end_date"))
            .select("service_id", pl.date_ranges("start_date", "end_date").alias("date"), runs.alias("runs"))
            .explode("date")
        )
        running = days.filter(pl.col("runs").list.get(pl.col("date").dt.weekday().cast(pl.Int64) - 1))
        services = running.select("service_id", "date")
    if exceptions.height:
        dates = exceptions.with_columns(_parse_dates("calendar_dates.txt", exceptions["date"]))
        extra = dates.filter(pl.col("exception_type") == "1").select("service_id", "date")
        gone = dates.filter(pl.col("exception_type") == "2").select("service_id", "date")
        services = pl.concat([services, extra]).join(gone, on=["service_id", "date"], how="anti")
    return services.unique(maintain_order=True)
