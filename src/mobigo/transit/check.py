"""The checks: sets against sets in the staging tables, driven by `transit.gtfs` and `transit.rules`.

Checks look at the feed as it came: a check notes what it found, mends the row, or dooms it; a doomed row stays until
all checks are through, so that one defect does not hide the next. Only a row with a cell that cannot be read goes at
once. In the end `settle` removes what is doomed, and with it, counted but not reported again, what refers to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import available_timezones

from mobigo.transit.archive import known_files
from mobigo.transit.gtfs import BY_NAME, FILES, MISCELLANEOUS, Column, File, Kind, Presence
from mobigo.transit.report import SAMPLES
from mobigo.transit.rules import RULES, Class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Cursor

    from mobigo.transit.report import Findings

MAX_INTEGER = 2**31 - 1
MAX_ID = 1_000
"""Bytes of an id; longer ones cannot be indexed."""

FLOAT = r"^[+-]?([0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})([eE][+-]?[0-9]{1,2})?$"
PLAIN_FLOAT = (
    "(length({0}) BETWEEN 3 AND 40 AND (translate({0}, '0123456789', '') IN ('', '.') "
    "OR (translate({0}, '0123456789', '') IN ('-', '-.') AND left({0}, 1) = '-')))"
)
"""True of nearly every number, and much cheaper than matching `FLOAT`."""
TIME = re.compile(r"^([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])$", re.ASCII)
DATE = re.compile(r"^[0-9]{8}$", re.ASCII)
INTEGER = re.compile(r"^[+-]?[0-9]{1,18}$", re.ASCII)
COLOR = re.compile(r"^[0-9A-Fa-f]{6}$")
URL = re.compile(r"^https?://[^\s/?#]+\.?[^\s]*$", re.IGNORECASE)
EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
PHONE = re.compile(r"^(?=(.*[0-9]){2})[^\n]{2,60}$")
LANGUAGE = re.compile(r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$", re.ASCII)

LIBRARY_LANGUAGES = frozenset((
    "alb", "arm", "baq", "bur", "chi", "cze", "dut", "fre", "geo", "ger", "gre", "ice", "mac", "mao", "may", "per",
    "rum", "slo", "tib", "wel",
))  # fmt: skip
"""Codes of libraries (ISO 639-2/B) that BCP 47 does not know."""

CURRENCIES = frozenset((
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF",
    "BMD", "BND", "BOB", "BOV", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHE", "CHF", "CHW", "CLF",
    "CLP", "CNY", "COP", "COU", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR",
    "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS",
    "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT",
    "LAK", "LBP", "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR",
    "MWK", "MXN", "MXV", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE",
    "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP", "TRY", "TTD", "TWD", "TZS",
    "UAH", "UGX", "USD", "USN", "UYI", "UYU", "UYW", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG",
    "XDR", "XOF", "XPF", "XSU", "XUA", "YER", "ZAR", "ZMW", "ZWG",
))  # fmt: skip
"""ISO 4217."""


UNREADABLE = frozenset(
    ("invalid_integer", "invalid_float", "invalid_date", "invalid_time", "number_out_of_range", "csv_parsing_failed")
)
"""Codes of cells that later checks would stumble over."""


@dataclass
class Staged:
    """A file in its staging table ``s_<name>``."""

    present: frozenset[str]
    """Columns of the specification that the header has."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Other columns: name in the table, name in the file."""
    rows: int = 0
    values: dict[str, set[str]] = field(default_factory=dict)
    """Distinct values of enumerations."""
    filled: dict[str, int] = field(default_factory=dict)
    """How many rows had a value when it was staged, by column."""
    mended: bool = False
    """Whether values were changed since."""


@dataclass
class Staging:
    """The staged feed, and what became of it."""

    cursor: Cursor[Any]
    findings: Findings
    files: dict[str, Staged] = field(default_factory=dict)

    def run(self, statement: str, *parameters: object) -> int:
        """Execute a statement of this package; return how many rows it touched."""
        self.cursor.execute(statement.encode(), parameters or None)
        return self.cursor.rowcount

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Fetch all rows of a query of this package."""
        self.cursor.execute(statement.encode(), parameters or None)
        return self.cursor.fetchall()

    def has(self, *names: str) -> bool:
        """Tell whether all of these files, or ``file.column`` with at least one value, are there."""
        return all(self._has(name) for name in names)

    def _has(self, name: str) -> bool:
        file, _, column = name.partition(".")
        staged = self.files.get(file)
        return staged is not None and staged.rows > 0 and (not column or staged.filled.get(column, 0) > 0)

    def note(self, code: str, file: str, samples: Sequence[tuple[Any, ...]], total: int) -> None:
        """Note a kind of finding: (line, value) samples, and how often it occurs in all."""
        name = f"{file}.txt"
        for number, (line, value) in enumerate(samples):
            self.findings.add(
                code, name, line, "" if value is None else str(value), times=int(total) if number == 0 else 0
            )

    def apply(self, code: str, file: str, where: str, value: str, *parameters: object, mend: str = "") -> int:
        """Look for rows of a staged file; note them; doom them or mend them as the class of the code says.

        Parameters
        ----------
        where, value : str
            SQL over the staging table, known as ``s``.
        mend : str
            SQL assignments for a repair that changes the row.
        """
        table = f"s_{file}"
        (total,) = self.rows(f"SELECT count(*) FROM {table} s WHERE {where}", *parameters)[0]
        if not total:
            return 0
        samples = self.rows(
            f"SELECT line, {value} FROM {table} s WHERE {where} ORDER BY line LIMIT {SAMPLES}", *parameters
        )
        self.note(code, file, samples, total)
        if code in UNREADABLE:
            self.remove_unreadable(file, where, *parameters)
        elif RULES[code].class_ is Class.REJECT_ENTITY:
            self.doom(file, where, *parameters)
        elif mend:
            self.run(f"UPDATE {table} s SET {mend} WHERE {where}", *parameters)
            self.files[file].mended = True
        return int(total)

    def doom(self, file: str, where: str, *parameters: object) -> None:
        """Mark rows to be removed in the end; a stop time takes its whole trip with it, never leaving a silent hole."""
        if file == "stop_times":
            if "trips" in self.files:
                self.doom("trips", f"s.trip_id IN (SELECT s.trip_id FROM s_stop_times s WHERE {where})", *parameters)
            return
        self.run(f"INSERT INTO doomed SELECT '{file}', s.line FROM s_{file} s WHERE {where}", *parameters)

    def remove_unreadable(self, file: str, where: str, *parameters: object) -> None:
        """Remove rows no other check could read; what refers to them is not reported for it."""
        if file == "stop_times":
            self.doom(file, where, *parameters)
        for column in REFERENCED.get(file, ()):
            self.run(
                f"INSERT INTO gone SELECT '{file}.{column}', s.{column} FROM s_{file} s WHERE ({where}) "
                f"AND s.{column} IS NOT NULL",
                *parameters,
            )
        self.run(f"DELETE FROM s_{file} s WHERE {where}", *parameters)
        self.files[file].mended = True

    def profile(self, file: str) -> None:
        """Count rows and values of a staged file; those that `check_cells` looks at are counted there."""
        staged = self.files[file]
        judged = (
            {column.name for column in BY_NAME[file].columns if column.kind in VALIDATORS} if file in BY_NAME else set()
        )
        columns = sorted(staged.present - judged)
        counts = ", ".join(f"count({column})" for column in columns)
        (row,) = self.rows(f"SELECT count(*){', ' if counts else ''}{counts} FROM s_{file}")
        if file != "stop_times":
            self.run(f"ANALYZE s_{file}")
        staged.rows = row[0]
        staged.filled |= dict(zip(columns, row[1:], strict=True))


def _referenced() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for file in FILES:
        for target in (target for column in file.columns for target in column.to):
            name, _, column_name = target.partition(".")
            if column_name not in found.setdefault(name, []):
                found[name].append(column_name)
    return {name: tuple(columns) for name, columns in found.items()}


REFERENCED = _referenced()
"""Columns that others refer to, by file."""


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_time(text: str) -> int | None:
    """Read H:MM:SS, hours beyond 24 included, as seconds; None when it is none."""
    match = TIME.match(text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) if match else None


def read_date(text: str) -> date | None:
    """Read YYYYMMDD; None when there is no such day."""
    if not DATE.match(text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _integer(column: Column, text: str) -> str | None:
    if not INTEGER.match(text):
        return "invalid_integer"
    low, high = column.low, column.high
    number = int(text)
    outside = (low is not None and number < low) or (high is not None and number > high) or abs(number) > MAX_INTEGER
    return "number_out_of_range" if outside else None


def _matches(pattern: re.Pattern[str], code: str) -> Callable[[Column, str], str | None]:
    return lambda _column, text: None if pattern.match(text) else code


def _language(_column: Column, text: str) -> str | None:
    return None if LANGUAGE.match(text) and text.lower() not in LIBRARY_LANGUAGES else "invalid_language_code"


VALIDATORS: dict[Kind, Callable[[Column, str], str | None]] = {
    Kind.TIME: lambda _, text: "invalid_time" if read_time(text) is None else None,
    Kind.DATE: lambda _, text: "invalid_date" if read_date(text) is None else None,
    Kind.ENUM: lambda column, text: None if text in column.values else "unexpected_enum_value",
    Kind.INTEGER: _integer,
    Kind.COLOR: _matches(COLOR, "invalid_color"),
    Kind.URL: _matches(URL, "invalid_url"),
    Kind.EMAIL: _matches(EMAIL, "invalid_email"),
    Kind.PHONE: _matches(PHONE, "invalid_phone_number"),
    Kind.LANGUAGE: _language,
    Kind.CURRENCY: lambda _, text: None if text.upper() in CURRENCIES else "invalid_currency",
    Kind.TIMEZONE: lambda _, text: None if text in available_timezones() else "invalid_timezone",
}
"""The code of a value that is none of its kind; asked once per distinct value."""

MENDED_ENUMS = {"route_type": f"'{MISCELLANEOUS}'"}
"""What an unexpected value of a required enumeration becomes; else the empty value."""


def check_cells(staging: Staging, file: File) -> set[str]:
    """Check each value by its kind; return the distinct times of the file.

    Values are asked for once per combination in which they occur, times apart from the rest: many rows share
    few combinations.
    """
    staged = staging.files[file.name]
    judged = [column for column in file.columns if column.kind in VALIDATORS and column.name in staged.present]
    sets = [
        [column for column in judged if column.kind is Kind.TIME],
        [column for column in judged if column.kind is not Kind.TIME],
    ]
    times: set[str] = set()
    bad: dict[tuple[Column, str], list[str]] = {}
    for column, texts in (pair for columns in sets for pair in _distinct(staging, file, columns).items()):
        for text in texts:
            code = VALIDATORS[column.kind](column, text)
            if code:
                bad.setdefault((column, code), []).append(text)
            elif column.kind is Kind.TIME:
                times.add(text)
    for column in judged:
        _check_filled(staging, file, column)
    for (column, code), values in bad.items():
        where = f"s.{column.name} = ANY(%s)"
        if column.required and column.name not in MENDED_ENUMS and RULES[code].class_ is Class.REPAIR:
            staging.doom(file.name, where, values)
        mend = f"{column.name} = {MENDED_ENUMS.get(column.name, 'NULL')}"
        staging.apply(code, file.name, where, f"s.{column.name}", values, mend=mend)
    for column in file.columns:
        if column.kind in {Kind.FLOAT, Kind.AMOUNT} and staged.filled.get(column.name):
            _check_float(staging, file, column)
    return times


def _distinct(staging: Staging, file: File, columns: list[Column]) -> dict[Column, set[str]]:
    """Collect the values of some columns, and note how many rows have one."""
    found: dict[Column, set[str]] = {column: set() for column in columns}
    if not columns:
        return found
    filled = [0] * len(columns)
    names = ", ".join(column.name for column in columns)
    staging.cursor.execute(f"SELECT count(*), {names} FROM s_{file.name} GROUP BY {names}".encode())
    collected = list(found.values())
    for count, *values in staging.cursor:
        for index, value in enumerate(values):
            if value is not None:
                collected[index].add(value)
                filled[index] += count
    staging.files[file.name].values |= {column.name: found[column] for column in columns if column.kind is Kind.ENUM}
    staging.files[file.name].filled |= {column.name: n for column, n in zip(columns, filled, strict=True)}
    return found


def _check_float(staging: Staging, file: File, column: Column) -> None:
    name = f"s.{column.name}"
    staging.apply("invalid_float", file.name, f"NOT {PLAIN_FLOAT.format(name)} AND {name} !~ '{FLOAT}'", name)
    bounds = [f"{name}::float8 < {column.low}"] if column.low is not None else []
    bounds += [f"{name}::float8 > {column.high}"] if column.high is not None else []
    if bounds:
        staging.apply("number_out_of_range", file.name, " OR ".join(bounds), name)


def _check_filled(staging: Staging, file: File, column: Column) -> None:
    staged = staging.files[file.name]
    name = column.name
    if column.required and name in staged.present and (staged.mended or staged.filled.get(name, 0) < staged.rows):
        staging.apply("missing_required_field", file.name, f"s.{name} IS NULL", f"'{name}'")


def check_required(staging: Staging, file: File) -> None:
    """Doom rows without a required value; refuse ids that no index can hold.

    Columns whose values `check_cells` counts are looked at there.
    """
    for column in file.columns:
        staged = staging.files[file.name]
        name = column.name
        if column.kind not in VALIDATORS:
            _check_filled(staging, file, column)
        if column.kind is Kind.ID and not column.to and staged.filled.get(name):
            long = f"octet_length(s.{name}) > {MAX_ID}"
            if file.name != "stop_times":
                staging.apply("csv_parsing_failed", file.name, long, f"'{name} of more than {MAX_ID} bytes'")


def check_ascii(staging: Staging, file: File) -> None:
    """Warn of ids that other programs may misread."""
    staged = staging.files[file.name]
    for name in file.key:
        column = file.column(name)
        if column.kind is Kind.ID and not column.to and staged.filled.get(name):
            staging.apply("non_ascii_or_non_printable_char", file.name, f"s.{name} !~ '^[ -~]*$'", f"s.{name}")


def check_duplicates(staging: Staging, file: File) -> None:
    """Keep the first of rows with the same key."""
    staged = staging.files[file.name]
    keys = [name for name in file.key if name in staged.present]
    if not keys or file.name == "stop_times" or staged.rows < 2:  # noqa: PLR2004
        return
    key = ", ".join(f"s.{name}" for name in keys)
    if len(file.key) == 1 and not staged.filled.get(file.key[0]):
        return
    filled = f"s.{file.key[0]} IS NOT NULL" if len(file.key) == 1 else "true"
    found = staging.rows(f"SELECT 1 FROM s_{file.name} s WHERE {filled} GROUP BY {key} HAVING count(*) > 1 LIMIT 1")
    if not found:
        return
    staging.run(
        f"CREATE TEMP TABLE twice ON COMMIT DROP AS SELECT line, first, same FROM (SELECT line, "
        f"first_value(line) OVER w AS first, first_value(to_jsonb(s) - 'line') OVER w = to_jsonb(s) - 'line' AS same "
        f"FROM s_{file.name} s WHERE {filled} WINDOW w AS (PARTITION BY {key} ORDER BY line)) t WHERE line > first"
    )
    value = f"concat_ws(',', {key}) || (SELECT CASE WHEN same THEN ': same as' ELSE ': differs from' END || ' line '"
    value += " || first FROM twice WHERE twice.line = s.line)"
    where = "s.line IN (SELECT line FROM twice)"
    (total,) = staging.rows("SELECT count(*) FROM twice")[0]
    samples = staging.rows(f"SELECT line, {value} FROM s_{file.name} s WHERE {where} ORDER BY line LIMIT {SAMPLES}")
    staging.note("duplicate_key", file.name, samples, total)
    staging.doom(file.name, where)
    staging.run("DROP TABLE twice")


# ── references ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _absent(staging: Staging, column: Column) -> str:
    """Say in SQL that a value refers to nothing kept."""
    found = [
        f"EXISTS (SELECT 1 FROM s_{name} p WHERE p.{target} = s.{column.name})"
        for name, _, target in (to.partition(".") for to in column.to)
        if name in staging.files
    ]
    return f"s.{column.name} IS NOT NULL" + "".join(f" AND NOT {one}" for one in found)


def check_references(staging: Staging, file: File) -> None:
    """Doom rows that refer to nothing in the feed."""
    staged = staging.files[file.name]
    for column in file.columns:
        if not column.to or not staged.filled.get(column.name):
            continue
        targets = ", ".join(f"'{to}'" for to in column.to)
        gone = f"EXISTS (SELECT 1 FROM gone g WHERE g.target IN ({targets}) AND g.key = s.{column.name})"
        absent = f"{_absent(staging, column)} AND NOT {gone}"
        value = f"'{column.name} ' || s.{column.name}"
        if column.name == "shape_id" and file.name == "trips":
            staging.apply("InvalidShapeId", file.name, absent, value, mend="shape_id = NULL")
            continue
        if column.name == "parent_station":
            platform = f"coalesce(s.location_type, '0') = '0' AND {absent}"
            staging.apply("InvalidStopParent", file.name, platform, value, mend="parent_station = NULL")
        staging.apply("foreign_key_violation", file.name, absent, value)


def settle(staging: Staging, file: File) -> None:
    """Remove the doomed rows of a file, and those that refer to what is no longer there."""
    name = file.name
    staging.run(f"DELETE FROM s_{name} s USING doomed d WHERE d.file = '{name}' AND d.line = s.line")
    for column in file.columns:
        if not column.to or not staging.files[name].filled.get(column.name):
            continue
        absent = _absent(staging, column)
        if name == "trips" and column.name == "shape_id":
            staging.run(f"UPDATE s_trips s SET shape_id = NULL WHERE {absent}")
        elif column.name == "parent_station":
            staging.run(
                f"UPDATE s_stops s SET parent_station = NULL WHERE coalesce(s.location_type, '0') = '0' AND {absent}"
            )
            while staging.run(f"DELETE FROM s_stops s WHERE {absent}"):
                pass
        else:
            staging.run(f"DELETE FROM s_{name} s WHERE {absent}")


# ── rules of one row ──────────────────────────────────────────────────────────────────────────────────────────────────


class RowRule(NamedTuple):
    """A rule that one row of one file can break."""

    file: str
    code: str
    needs: tuple[str, ...]
    """When the rule can be broken at all: ``name`` has a value somewhere, ``!name`` is empty somewhere, ``name=value``
    has that value somewhere; ``a|b``: either."""
    where: str
    value: str
    mend: str = ""


_STOP = "coalesce(s.location_type, '0')"
_NEAR_ORIGIN = "abs(s.{0}_lat::float8) <= 1 AND abs(s.{0}_lon::float8) <= 1"
_POINT = "s.{0}_lat || ', ' || s.{0}_lon"
_WINDOW = "(s.start_pickup_drop_off_window IS NOT NULL OR s.end_pickup_drop_off_window IS NOT NULL)"
_SECONDS = "(SELECT seconds FROM clock c WHERE c.text = s.{0})"


def luminance(column: str, default: str) -> str:
    """Say in SQL how bright a colour is, 0 to 255."""
    part = "('x' || substr(coalesce(s.{0}, '{1}'), {2}, 2))::bit(8)::int"
    red, green, blue = (part.format(column, default, start) for start in (1, 3, 5))
    return f"(0.30 * {red} + 0.59 * {green} + 0.11 * {blue})"


MIN_CONTRAST = 72
"""Difference in brightness below which MobilityData's validator warns."""


def _booking(code: str, type_: int, *names: str) -> RowRule:
    found = " || ' ' || ".join(f"CASE WHEN s.{n} IS NOT NULL THEN '{n}' ELSE '' END" for n in names)
    where = f"s.booking_type = '{type_}' AND num_nonnulls({', '.join(f's.{n}' for n in names)}) > 0"
    return RowRule("booking_rules", code, ("booking_type",), where, f"btrim({found})")


_LAST = ("prior_notice_last_day", "prior_notice_last_time")
_START = ("prior_notice_start_day", "prior_notice_start_time")
_DURATION = ("prior_notice_duration_min", "prior_notice_duration_max")

ROW_RULES: tuple[RowRule, ...] = (
    RowRule(
        "stops",
        "InvalidStopParent",
        ("parent_station",),
        "upper(s.parent_station) = 'NULL'",
        "s.parent_station",
        "parent_station = NULL",
    ),
    RowRule(
        "stops",
        "missing_stop_name",
        ("!stop_name",),
        f"{_STOP} IN ('0', '1', '2') AND s.stop_name IS NULL",
        "s.stop_id",
    ),
    RowRule(
        "stops",
        "stop_without_location",
        (),
        f"{_STOP} IN ('0', '1', '2') AND (s.stop_lat IS NULL OR s.stop_lon IS NULL)",
        "s.stop_id",
    ),
    RowRule("stops", "point_near_origin", ("stop_lat", "stop_lon"), _NEAR_ORIGIN.format("stop"), _POINT.format("stop")),
    RowRule(
        "stops", "point_near_pole", ("stop_lat", "stop_lon"), "abs(s.stop_lat::float8) >= 89", _POINT.format("stop")
    ),
    RowRule(
        "stops",
        "station_with_parent_station",
        ("parent_station", "location_type"),
        "s.location_type = '1' AND s.parent_station IS NOT NULL",
        "s.parent_station",
        "parent_station = NULL",
    ),
    RowRule(
        "stops",
        "location_without_parent_station",
        ("location_type",),
        "s.location_type IN ('2', '3', '4') AND s.parent_station IS NULL",
        "s.stop_id",
    ),
    RowRule(
        "stops",
        "stop_access_specified_for_incorrect_location",
        ("stop_access",),
        f"s.stop_access IS NOT NULL AND {_STOP} <> '0'",
        "s.stop_access",
        "stop_access = NULL",
    ),
    RowRule(
        "stops",
        "stop_access_specified_for_stop_with_no_parent_station",
        ("stop_access",),
        "s.stop_access IS NOT NULL AND s.parent_station IS NULL",
        "s.stop_access",
        "stop_access = NULL",
    ),
    RowRule(
        "stops",
        "platform_without_parent_station",
        ("platform_code",),
        f"s.platform_code IS NOT NULL AND s.parent_station IS NULL AND {_STOP} = '0'",
        "s.stop_id",
    ),
    RowRule("stops", "same_name_and_description_for_stop", ("stop_desc",), "s.stop_desc = s.stop_name", "s.stop_name"),
    RowRule(
        "routes",
        "route_both_short_and_long_name_missing",
        (),
        "s.route_short_name IS NULL AND s.route_long_name IS NULL",
        "s.route_id",
    ),
    RowRule(
        "routes",
        "route_short_name_too_long",
        ("route_short_name",),
        "length(s.route_short_name) > 12",
        "s.route_short_name",
    ),
    RowRule(
        "routes",
        "route_long_name_contains_short_name",
        ("route_short_name", "route_long_name"),
        "lower(s.route_long_name) = lower(s.route_short_name) OR "
        "lower(s.route_long_name) ~ '^[^a-z0-9]' AND false OR "
        "starts_with(lower(s.route_long_name), lower(s.route_short_name) || ' ')",
        "s.route_long_name",
    ),
    RowRule(
        "routes",
        "same_name_and_description_for_route",
        ("route_desc",),
        "s.route_desc IN (s.route_short_name, s.route_long_name)",
        "s.route_desc",
    ),
    RowRule(
        "routes",
        "route_color_contrast",
        ("route_color", "route_text_color"),
        f"s.route_color IS NOT NULL AND s.route_text_color IS NOT NULL AND "
        f"abs({luminance('route_color', 'FFFFFF')} - {luminance('route_text_color', '000000')}) < {MIN_CONTRAST}",
        "s.route_color || ' on ' || s.route_text_color",
    ),
    RowRule("shapes", "point_near_origin", (), _NEAR_ORIGIN.format("shape_pt"), _POINT.format("shape_pt")),
    RowRule("shapes", "point_near_pole", (), "abs(s.shape_pt_lat::float8) >= 89", _POINT.format("shape_pt")),
    RowRule(
        "stop_times",
        "stop_time_with_only_arrival_or_departure_time",
        ("!arrival_time|departure_time",),
        "(s.arrival_time IS NULL) <> (s.departure_time IS NULL)",
        "coalesce('arrival_time ' || s.arrival_time, 'departure_time ' || s.departure_time)",
        "arrival_time = coalesce(s.arrival_time, s.departure_time), "
        "departure_time = coalesce(s.departure_time, s.arrival_time)",
    ),
    RowRule(
        "stop_times",
        "missing_required_field",
        ("!stop_id",),
        "num_nonnulls(s.stop_id, s.location_group_id, s.location_id) = 0",
        "'stop_id'",
    ),
    RowRule(
        "stop_times",
        "forbidden_geography_id",
        ("location_group_id|location_id",),
        "num_nonnulls(s.stop_id, s.location_group_id, s.location_id) > 1",
        "concat_ws(',', s.stop_id, s.location_group_id, s.location_id)",
    ),
    RowRule(
        "stop_times",
        "missing_pickup_or_drop_off_window",
        ("location_group_id|location_id|start_pickup_drop_off_window|end_pickup_drop_off_window",),
        "num_nulls(s.start_pickup_drop_off_window, s.end_pickup_drop_off_window) > 0 AND "
        f"({_WINDOW} OR s.location_group_id IS NOT NULL OR s.location_id IS NOT NULL)",
        "concat_ws(' ', s.start_pickup_drop_off_window, s.end_pickup_drop_off_window)",
    ),
    RowRule(
        "stop_times",
        "forbidden_arrival_or_departure_time",
        ("start_pickup_drop_off_window|end_pickup_drop_off_window", "arrival_time|departure_time"),
        f"{_WINDOW} AND num_nonnulls(s.arrival_time, s.departure_time) > 0",
        "coalesce(s.arrival_time, s.departure_time)",
    ),
    RowRule(
        "stop_times",
        "invalid_pickup_drop_off_window",
        ("start_pickup_drop_off_window", "end_pickup_drop_off_window"),
        f"{_SECONDS.format('start_pickup_drop_off_window')} >= {_SECONDS.format('end_pickup_drop_off_window')}",
        "s.start_pickup_drop_off_window || ' to ' || s.end_pickup_drop_off_window",
    ),
    RowRule(
        "stop_times",
        "forbidden_pickup_type",
        ("start_pickup_drop_off_window|end_pickup_drop_off_window", "pickup_type"),
        f"{_WINDOW} AND s.pickup_type IN ('0', '3')",
        "s.pickup_type",
    ),
    RowRule(
        "stop_times",
        "forbidden_drop_off_type",
        ("start_pickup_drop_off_window|end_pickup_drop_off_window", "drop_off_type"),
        f"{_WINDOW} AND s.drop_off_type = '0'",
        "s.drop_off_type",
    ),
    RowRule(
        "stop_times",
        "forbidden_continuous_pickup_drop_off",
        ("start_pickup_drop_off_window|end_pickup_drop_off_window", "continuous_pickup|continuous_drop_off"),
        f"{_WINDOW} AND (coalesce(s.continuous_pickup, '1') <> '1' OR coalesce(s.continuous_drop_off, '1') <> '1')",
        "concat_ws(',', s.continuous_pickup, s.continuous_drop_off)",
    ),
    RowRule(
        "stop_times",
        "forbidden_shape_dist_traveled",
        ("shape_dist_traveled", "!stop_id"),
        "s.shape_dist_traveled IS NOT NULL AND s.stop_id IS NULL",
        "s.shape_dist_traveled",
    ),
    RowRule(
        "stop_times",
        "missing_pickup_drop_off_booking_rule_id",
        ("pickup_type=2|drop_off_type=2",),
        "(s.pickup_type = '2' AND s.pickup_booking_rule_id IS NULL) OR "
        "(s.drop_off_type = '2' AND s.drop_off_booking_rule_id IS NULL)",
        "s.trip_id",
    ),
    RowRule(
        "stop_times",
        "stop_time_timepoint_without_times",
        ("timepoint", "!arrival_time"),
        f"s.timepoint = '1' AND s.arrival_time IS NULL AND NOT {_WINDOW}",
        "s.trip_id",
        "timepoint = '0'",
    ),
    RowRule(
        "stop_times",
        "missing_timepoint_value",
        ("timepoint", "!timepoint"),
        "s.timepoint IS NULL AND s.arrival_time IS NOT NULL",
        "s.trip_id",
    ),
    RowRule(
        "calendar",
        "start_and_end_range_out_of_order",
        (),
        "s.start_date > s.end_date",
        "s.start_date || ' to ' || s.end_date",
    ),
    RowRule(
        "feed_info",
        "start_and_end_range_out_of_order",
        ("feed_start_date", "feed_end_date"),
        "s.feed_start_date > s.feed_end_date",
        "s.feed_start_date || ' to ' || s.feed_end_date",
    ),
    RowRule(
        "feed_info",
        "missing_feed_info_date",
        (),
        "num_nulls(s.feed_start_date, s.feed_end_date) = 1",
        "coalesce(s.feed_start_date, s.feed_end_date)",
    ),
    RowRule(
        "feed_info",
        "missing_feed_contact_email_and_url",
        (),
        "num_nonnulls(s.feed_contact_email, s.feed_contact_url) = 0",
        "s.feed_publisher_name",
    ),
    RowRule(
        "frequencies",
        "start_and_end_range_out_of_order",
        (),
        f"{_SECONDS.format('start_time')} > {_SECONDS.format('end_time')}",
        "s.start_time || ' to ' || s.end_time",
    ),
    RowRule(
        "frequencies",
        "start_and_end_range_equal",
        (),
        f"{_SECONDS.format('start_time')} = {_SECONDS.format('end_time')}",
        "s.start_time",
    ),
    RowRule("pathways", "pathway_loop", (), "s.from_stop_id = s.to_stop_id", "s.pathway_id"),
    RowRule(
        "pathways",
        "bidirectional_exit_gate",
        (),
        "s.pathway_mode = '7' AND s.is_bidirectional = '1'",
        "s.pathway_id",
    ),
    RowRule(
        "timeframes",
        "timeframe_only_start_or_end_time_specified",
        ("start_time|end_time",),
        "num_nulls(s.start_time, s.end_time) = 1",
        "coalesce(s.start_time, s.end_time)",
    ),
    RowRule(
        "timeframes",
        "timeframe_start_or_end_time_greater_than_twenty_four_hours",
        ("start_time|end_time",),
        f"{_SECONDS.format('start_time')} > 86400 OR {_SECONDS.format('end_time')} > 86400",
        "s.start_time || ' to ' || s.end_time",
    ),
    RowRule(
        "timeframes",
        "start_and_end_range_out_of_order",
        ("start_time", "end_time"),
        f"{_SECONDS.format('start_time')} > {_SECONDS.format('end_time')}",
        "s.start_time || ' to ' || s.end_time",
    ),
    RowRule(
        "fare_products",
        "invalid_currency_amount",
        (),
        "(upper(s.currency) IN ('JPY', 'KRW', 'VND', 'XAF', 'XOF', 'XPF', 'CLP') AND s.amount ~ '\\.') OR "
        "(upper(s.currency) IN ('EUR', 'USD', 'GBP', 'CHF', 'CAD') AND s.amount ~ '\\.[0-9]{3,}')",
        "s.amount || ' ' || s.currency",
    ),
    RowRule(
        "fare_transfer_rules",
        "fare_transfer_rule_duration_limit_type_without_duration_limit",
        ("duration_limit_type",),
        "s.duration_limit_type IS NOT NULL AND s.duration_limit IS NULL",
        "s.duration_limit_type",
    ),
    RowRule(
        "fare_transfer_rules",
        "fare_transfer_rule_duration_limit_without_type",
        ("duration_limit",),
        "s.duration_limit IS NOT NULL AND s.duration_limit_type IS NULL",
        "s.duration_limit",
    ),
    RowRule(
        "fare_transfer_rules",
        "fare_transfer_rule_invalid_transfer_count",
        ("transfer_count",),
        "s.transfer_count::int < -1 OR s.transfer_count::int = 0",
        "s.transfer_count",
    ),
    RowRule(
        "fare_transfer_rules",
        "fare_transfer_rule_without_transfer_count",
        ("from_leg_group_id",),
        "s.from_leg_group_id = s.to_leg_group_id AND s.transfer_count IS NULL",
        "s.from_leg_group_id",
    ),
    RowRule(
        "fare_transfer_rules",
        "fare_transfer_rule_with_forbidden_transfer_count",
        ("transfer_count",),
        "s.transfer_count IS NOT NULL AND s.from_leg_group_id IS DISTINCT FROM s.to_leg_group_id",
        "s.transfer_count",
    ),
    RowRule(
        "translations",
        "translation_unexpected_value",
        ("field_value", "record_id|record_sub_id"),
        "s.field_value IS NOT NULL AND num_nonnulls(s.record_id, s.record_sub_id) > 0",
        "s.field_value",
    ),
    RowRule(
        "attributions",
        "attribution_without_role",
        (),
        "'1' NOT IN (coalesce(s.is_producer, '0'), coalesce(s.is_operator, '0'), coalesce(s.is_authority, '0'))",
        "s.organization_name",
    ),
    RowRule(
        "transfers",
        "missing_required_field",
        (),
        "(coalesce(s.transfer_type, '0') IN ('0', '1', '2', '3') AND num_nulls(s.from_stop_id, s.to_stop_id) > 0) OR "
        "(s.transfer_type IN ('4', '5') AND num_nulls(s.from_trip_id, s.to_trip_id) > 0)",
        "concat_ws(',', s.from_stop_id, s.to_stop_id, s.from_trip_id, s.to_trip_id)",
    ),
    RowRule(
        "booking_rules",
        "missing_prior_notice_duration_min",
        (),
        "s.booking_type = '1' AND s.prior_notice_duration_min IS NULL",
        "s.booking_rule_id",
    ),
    RowRule(
        "booking_rules",
        "missing_prior_notice_last_day",
        (),
        "s.booking_type = '2' AND s.prior_notice_last_day IS NULL",
        "s.booking_rule_id",
    ),
    RowRule(
        "booking_rules",
        "missing_prior_notice_last_time",
        (),
        "s.booking_type = '2' AND s.prior_notice_last_time IS NULL",
        "s.booking_rule_id",
    ),
    RowRule(
        "booking_rules",
        "missing_prior_notice_start_time",
        ("prior_notice_start_day",),
        "s.prior_notice_start_day IS NOT NULL AND s.prior_notice_start_time IS NULL",
        "s.booking_rule_id",
    ),
    RowRule(
        "booking_rules",
        "forbidden_prior_notice_start_time",
        ("prior_notice_start_time",),
        "s.prior_notice_start_day IS NULL AND s.prior_notice_start_time IS NOT NULL",
        "s.prior_notice_start_time",
    ),
    RowRule(
        "booking_rules",
        "forbidden_prior_notice_start_day",
        ("prior_notice_start_day", "prior_notice_duration_max"),
        "s.prior_notice_start_day IS NOT NULL AND s.prior_notice_duration_max IS NOT NULL",
        "s.prior_notice_start_day",
    ),
    RowRule(
        "booking_rules",
        "prior_notice_last_day_after_start_day",
        ("prior_notice_last_day", "prior_notice_start_day"),
        "s.prior_notice_last_day::int > s.prior_notice_start_day::int",
        "s.prior_notice_last_day || ' > ' || s.prior_notice_start_day",
    ),
    RowRule(
        "booking_rules",
        "invalid_prior_notice_duration_min",
        ("prior_notice_duration_min", "prior_notice_duration_max"),
        "s.prior_notice_duration_min::int > s.prior_notice_duration_max::int",
        "s.prior_notice_duration_min || ' > ' || s.prior_notice_duration_max",
    ),
    _booking("forbidden_real_time_booking_field_value", 0, *_DURATION, *_LAST, *_START, "prior_notice_service_id"),
    _booking("forbidden_same_day_booking_field_value", 1, *_LAST, "prior_notice_service_id"),
    _booking("forbidden_prior_day_booking_field_value", 2, *_DURATION),
)
"""Rules of one row, in the order they are asked."""


def _worth_asking(staged: Staged, needs: Sequence[str]) -> bool:
    for need in needs:
        empty = need.startswith("!")
        names = need.removeprefix("!").split("|")
        if "=" in need:
            if not any(value in staged.values.get(name, ()) for name, _, value in (n.partition("=") for n in names)):
                return False
            continue
        counts = [staged.filled.get(name, 0) for name in names]
        if empty and min(counts) == staged.rows:
            return False
        if not empty and not any(counts):
            return False
    return True


def check_rows(staging: Staging, file: File) -> None:
    """Ask the rules of one row."""
    staged = staging.files[file.name]
    for rule in ROW_RULES:
        if rule.file == file.name and _worth_asking(staged, rule.needs):
            staging.apply(rule.code, rule.file, rule.where, rule.value, mend=rule.mend)


# ── the feed as a whole ───────────────────────────────────────────────────────────────────────────────────────────────


def check_presence(staging: Staging, names: set[str], *, has_zones: bool) -> None:
    """Say which files a feed must or should have and has not."""
    for file in FILES:
        if file.filename in names:
            continue
        if file.presence is Presence.REQUIRED:
            staging.findings.add("missing_required_file", file.filename)
        elif file.presence is Presence.RECOMMENDED:
            staging.findings.add("missing_recommended_file", file.filename)
    for name in sorted(names - known_files()):
        staging.findings.add("unknown_file", name)
    if "stops.txt" not in names and not has_zones:
        staging.findings.add("missing_required_file", "stops.txt")
    if not names & {"calendar.txt", "calendar_dates.txt"}:
        staging.findings.add("missing_calendar_and_calendar_date_files", "calendar.txt")
    elif not staging.has("calendar") and not staging.has("calendar_dates"):
        staging.findings.add("NoCalendar", "calendar.txt")
    if "agency.txt" in names and "agency" in staging.files and not staging.has("agency"):
        staging.findings.add("invalid_timezone", "agency.txt", None, "no agency, hence no time zone")


def check_agencies(staging: Staging) -> None:
    """Refuse several time zones, and several agencies that are not told apart."""
    if not staging.has("agency"):
        return
    staged = staging.files["agency"]
    zones = staging.rows(
        "SELECT agency_timezone, min(line) FROM s_agency WHERE agency_timezone IS NOT NULL GROUP BY 1 ORDER BY 2"
    )
    if len(zones) > 1:
        staging.findings.add(
            "inconsistent_agency_timezone", "agency.txt", zones[1][1], ", ".join(zone for zone, _ in zones)
        )
    languages = staging.rows(
        "SELECT lower(agency_lang), min(line) FROM s_agency WHERE agency_lang IS NOT NULL GROUP BY 1 ORDER BY 2"
    )
    if len(languages) > 1:
        staging.findings.add(
            "inconsistent_agency_lang", "agency.txt", languages[1][1], ", ".join(row[0] for row in languages)
        )
    if staged.rows < 2:  # noqa: PLR2004
        return
    if staged.filled.get("agency_id", 0) < staged.rows:
        staging.apply("missing_required_agency_id", "agency", "s.agency_id IS NULL", "s.agency_name")
    for name in ("routes", "fare_attributes"):
        if staging.has(name) and staging.files[name].filled.get("agency_id", 0) < staging.files[name].rows:
            key = BY_NAME[name].key[0]
            staging.apply("missing_required_agency_id", name, "s.agency_id IS NULL", f"s.{key}")


def check_parents(staging: Staging) -> None:
    """Drop stops whose parent is no station (or, for a boarding area, no platform)."""
    if not staging.has("stops.parent_station"):
        return
    staging.apply(
        "wrong_parent_location_type",
        "stops",
        "s.line IN (SELECT c.line FROM s_stops c JOIN s_stops p ON p.stop_id = c.parent_station WHERE "
        "coalesce(p.location_type, '0') <> CASE WHEN c.location_type = '4' THEN '0' ELSE '1' END)",
        "s.stop_id || ' in ' || s.parent_station",
    )
    used = "SELECT c.parent_station FROM s_stops c WHERE coalesce(c.location_type, '0') = '0'"
    used += " AND c.parent_station IS NOT NULL"
    staging.apply("unused_station", "stops", f"s.location_type = '1' AND s.stop_id NOT IN ({used})", "s.stop_id")


def check_twin_stops(staging: Staging) -> None:
    """Warn of stops that are there twice."""
    place = "ST_MakePoint({0}.stop_lon::float8, {0}.stop_lat::float8)"
    metres = f"ST_DistanceSphere({place.format('c')}, {place.format('o')})"
    near = f"{metres} < CASE c.location_type WHEN '1' THEN 20 ELSE 2 END"
    staging.apply(
        "DuplicateStops",
        "stops",
        "s.line IN (SELECT c.line FROM s_stops c JOIN s_stops o ON o.stop_name = c.stop_name AND o.line < c.line "
        "AND round(o.stop_lat::numeric, 3) BETWEEN round(c.stop_lat::numeric, 3) - 0.001 AND "
        "round(c.stop_lat::numeric, 3) + 0.001 "
        "WHERE coalesce(c.location_type, '0') IN ('0', '1') AND coalesce(o.location_type, '0') = "
        "coalesce(c.location_type, '0') "
        "AND o.platform_code IS NOT DISTINCT FROM c.platform_code "
        f"AND o.parent_station IS NOT DISTINCT FROM c.parent_station AND {near})",
        "s.stop_id || ' ' || s.stop_name",
    )


def check_shapes(staging: Staging) -> None:
    """Drop shapes of one point, and distances that do not grow."""
    single = "s.shape_id IN (SELECT shape_id FROM s_shapes GROUP BY 1 HAVING count(*) = 1)"
    if staging.apply("single_shape_point", "shapes", single, "s.shape_id"):
        staging.doom("shapes", single)
    if not staging.files["shapes"].filled.get("shape_dist_traveled"):
        return
    staging.run(
        "CREATE TEMP TABLE step ON COMMIT DROP AS SELECT line, shape_id, d - lag(d) OVER w AS grows, "
        "(x, y) = (lag(x) OVER w, lag(y) OVER w) AS same FROM (SELECT line, shape_id, shape_pt_sequence::integer AS q, "
        "shape_dist_traveled::float8 AS d, shape_pt_lon::float8 AS x, shape_pt_lat::float8 AS y FROM s_shapes) p "
        "WINDOW w AS (PARTITION BY shape_id ORDER BY q, line)"
    )
    doubtful = []
    for code, where in (
        ("decreasing_shape_distance", "grows < 0"),
        ("equal_shape_distance_diff_coordinates", "grows = 0 AND NOT same"),
        ("equal_shape_distance_same_coordinates", "grows = 0 AND same"),
    ):
        found = staging.apply(
            code,
            "shapes",
            f"s.line IN (SELECT line FROM step WHERE {where})",
            "s.shape_id || ' ' || s.shape_dist_traveled",
        )
        if found and not where.endswith("AND same"):
            doubtful.append(where)
    if doubtful:
        staging.run(
            "UPDATE s_shapes s SET shape_dist_traveled = NULL "
            f"WHERE shape_id IN (SELECT shape_id FROM step WHERE {' OR '.join(f'({w})' for w in doubtful)})"
        )
    staging.run("DROP TABLE step")


def check_route_names(staging: Staging) -> None:
    """Warn of routes nobody can tell apart, and of routes that repeat the agency's address."""
    staging.apply(
        "duplicate_route_name",
        "routes",
        "EXISTS (SELECT 1 FROM s_routes o WHERE o.line < s.line AND o.route_type = s.route_type "
        "AND o.agency_id IS NOT DISTINCT FROM s.agency_id AND o.route_short_name IS NOT DISTINCT FROM "
        "s.route_short_name "
        "AND o.route_long_name IS NOT DISTINCT FROM s.route_long_name)",
        "concat_ws(' ', s.route_short_name, s.route_long_name)",
    )
    if staging.has("agency.agency_url", "routes.route_url"):
        staging.apply(
            "same_route_and_agency_url", "routes", "s.route_url IN (SELECT agency_url FROM s_agency)", "s.route_url"
        )


def check_stop_urls(staging: Staging) -> None:
    """Warn of stops that repeat the agency's address."""
    if staging.has("agency.agency_url", "stops.stop_url"):
        staging.apply(
            "same_stop_and_agency_url", "stops", "s.stop_url IN (SELECT agency_url FROM s_agency)", "s.stop_url"
        )


def check_services(staging: Staging) -> None:
    """Warn of services without any day."""
    if not staging.has("calendar"):
        return
    added = (
        "AND NOT EXISTS (SELECT 1 FROM s_calendar_dates d WHERE d.service_id = s.service_id AND d.exception_type = '1')"
    )
    staging.apply(
        "service_has_no_active_day_of_the_week",
        "calendar",
        "'1' NOT IN (s.monday, s.tuesday, s.wednesday, s.thursday, s.friday, s.saturday, s.sunday) "
        + (added if staging.has("calendar_dates") else ""),
        "s.service_id",
    )


def check_networks(staging: Staging) -> None:
    """Networks of routes stand in one file."""
    if staging.has("routes.network_id"):
        staging.apply("route_networks_specified_in_more_than_one_file", "route_networks", "true", "s.route_id")


def check_frequencies(staging: Staging) -> None:
    """Clip frequencies of a trip that overlap."""
    start = "(SELECT c.seconds FROM clock c WHERE c.text = {0}.start_time)"
    end = "(SELECT c.seconds FROM clock c WHERE c.text = {0}.end_time)"
    overlap = (
        f"EXISTS (SELECT 1 FROM s_frequencies o WHERE o.trip_id = s.trip_id AND o.line <> s.line "
        f"AND {start.format('o')} < {start.format('s')} AND {end.format('o')} > {start.format('s')})"
    )
    latest = (
        f"(SELECT o.end_time FROM s_frequencies o WHERE o.trip_id = s.trip_id AND o.line <> s.line "
        f"AND {start.format('o')} < {start.format('s')} ORDER BY {end.format('o')} DESC LIMIT 1)"
    )
    value = "s.trip_id || ' ' || s.start_time || ' to ' || s.end_time"
    if staging.apply("overlapping_frequency", "frequencies", overlap, value, mend=f"start_time = {latest}"):
        staging.doom("frequencies", f"{start.format('s')} >= {end.format('s')}")


def check_transfers(staging: Staging) -> None:
    """Drop transfers between what one cannot change between; note long ones."""
    if not staging.has("stops"):
        return
    for name in ("from_stop_id", "to_stop_id"):
        kind = f"(SELECT coalesce(p.location_type, '0') FROM s_stops p WHERE p.stop_id = s.{name})"
        staging.apply("transfer_with_invalid_stop_location_type", "transfers", f"{kind} NOT IN ('0', '1')", f"s.{name}")
    for trip, route in (("from_trip_id", "from_route_id"), ("to_trip_id", "to_route_id")):
        if staging.has(f"transfers.{trip}", f"transfers.{route}", "trips"):
            own = f"(SELECT t.route_id FROM s_trips t WHERE t.trip_id = s.{trip})"
            staging.apply(
                "transfer_with_invalid_trip_and_route",
                "transfers",
                f"s.{route} <> {own}",
                f"s.{trip} || ' of ' || s.{route}",
            )
    place = "(SELECT ST_MakePoint(p.stop_lon::float8, p.stop_lat::float8) FROM s_stops p WHERE p.stop_id = s.{0})"
    metres = f"ST_DistanceSphere({place.format('from_stop_id')}, {place.format('to_stop_id')})"
    value = "s.from_stop_id || ' to ' || s.to_stop_id"
    staging.apply("transfer_distance_too_large", "transfers", f"{metres} > 10000", value)
    staging.apply("transfer_distance_above_2_km", "transfers", f"{metres} > 2000 AND {metres} <= 10000", value)


def check_pathways(staging: Staging) -> None:
    """Drop pathways that end in a station, or in a platform that has boarding areas."""
    if not staging.has("stops"):
        return
    for name in ("from_stop_id", "to_stop_id"):
        stop = f"EXISTS (SELECT 1 FROM s_stops p WHERE p.stop_id = s.{name} AND p.location_type = '1')"
        staging.apply("pathway_to_wrong_location_type", "pathways", stop, f"s.{name}")
        area = f"EXISTS (SELECT 1 FROM s_stops p WHERE p.parent_station = s.{name} AND p.location_type = '4')"
        staging.apply("pathway_to_platform_with_boarding_areas", "pathways", area, f"s.{name}")
    staging.apply(
        "missing_level_id",
        "pathways",
        "s.pathway_mode = '5' AND EXISTS (SELECT 1 FROM s_stops p WHERE p.stop_id IN (s.from_stop_id, s.to_stop_id) "
        "AND p.level_id IS NULL)",
        "s.pathway_id",
    )
    staging.run(
        "CREATE TEMP TABLE node ON COMMIT DROP AS SELECT stop_id, count(DISTINCT other) AS ways FROM "
        "(SELECT from_stop_id AS stop_id, to_stop_id AS other FROM s_pathways UNION "
        "SELECT to_stop_id, from_stop_id FROM s_pathways) n GROUP BY 1"
    )
    staging.apply(
        "pathway_dangling_generic_node",
        "stops",
        "s.location_type = '3' AND s.stop_id IN (SELECT stop_id FROM node WHERE ways = 1)",
        "s.stop_id",
    )
    staging.run("DROP TABLE node")


def check_timeframes(staging: Staging) -> None:
    """Drop timeframes that overlap an earlier one of the same group and service."""
    seconds = "(SELECT c.seconds FROM clock c WHERE c.text = {0})"
    start, end = (
        f"coalesce({seconds.format('{0}.start_time')}, 0)",
        f"coalesce({seconds.format('{0}.end_time')}, 86400)",
    )
    staging.apply(
        "timeframe_overlap",
        "timeframes",
        "EXISTS (SELECT 1 FROM s_timeframes o WHERE o.line < s.line AND o.timeframe_group_id = s.timeframe_group_id "
        f"AND o.service_id = s.service_id AND {start.format('o')} < {end.format('s')} AND {start.format('s')} < "
        f"{end.format('o')})",
        "s.timeframe_group_id",
    )


def check_fares(staging: Staging) -> None:
    """Keep one default rider category per product."""
    if staging.has("rider_categories", "fare_products.rider_category_id"):
        default = "SELECT r.rider_category_id FROM s_rider_categories r WHERE r.is_default_fare_category = '1'"
        staging.apply(
            "fare_product_with_multiple_default_rider_categories",
            "fare_products",
            f"s.rider_category_id IN ({default}) AND EXISTS (SELECT 1 FROM s_fare_products o WHERE o.line < s.line "
            f"AND o.fare_product_id = s.fare_product_id AND o.rider_category_id <> s.rider_category_id "
            f"AND o.rider_category_id IN ({default}))",
            "s.fare_product_id || ' ' || s.rider_category_id",
        )


def check_media(staging: Staging) -> None:
    """Warn of fare media that are there twice."""
    staging.apply(
        "duplicate_fare_media",
        "fare_media",
        "EXISTS (SELECT 1 FROM s_fare_media o WHERE o.line < s.line AND o.fare_media_name = s.fare_media_name "
        "AND o.fare_media_type = s.fare_media_type)",
        "s.fare_media_name",
    )


def check_feed_info(staging: Staging) -> None:
    """Keep the first row of what describes the one feed."""
    more = "s.line > (SELECT min(line) FROM s_feed_info)"
    if staging.apply("more_than_one_entity", "feed_info", more, "s.feed_publisher_name"):
        staging.doom("feed_info", more)
    if staging.has("agency.agency_lang"):
        staging.apply(
            "feed_info_lang_and_agency_lang_mismatch",
            "feed_info",
            "lower(s.feed_lang) <> 'mul' AND NOT EXISTS (SELECT 1 FROM s_agency a "
            "WHERE lower(left(a.agency_lang, 2)) = lower(left(s.feed_lang, 2)))",
            "s.feed_lang",
        )


TRANSLATED = tuple(file.name for file in FILES if file.name not in {"translations", "calendar", "calendar_dates"})
"""Tables a translation may be of."""


def check_translations(staging: Staging) -> None:
    """Warn of translations of unknown tables; drop those of records that are not there."""
    known = ", ".join(f"'{name}'" for name in TRANSLATED)
    staging.apply("translation_unknown_table_name", "translations", f"s.table_name NOT IN ({known})", "s.table_name")
    for file in FILES:
        simple = len(file.key) == 1 and file.name in TRANSLATED
        if simple and staging.has("translations.record_id"):
            found = (
                f"AND NOT EXISTS (SELECT 1 FROM s_{file.name} p WHERE p.{file.key[0]} = s.record_id)"
                if file.name in staging.files
                else ""
            )
            staging.apply(
                "translation_foreign_key_violation",
                "translations",
                f"s.table_name = '{file.name}' AND s.record_id IS NOT NULL {found}",
                "s.table_name || ' ' || s.record_id",
            )


def check_used_shapes(staging: Staging) -> None:
    """Note shapes that no trip uses."""
    if not staging.has("shapes"):
        return
    unused = "s_shapes p WHERE p.shape_id NOT IN (SELECT t.shape_id FROM s_trips t WHERE t.shape_id IS NOT NULL)"
    ((total,),) = staging.rows(f"SELECT count(DISTINCT p.shape_id) FROM {unused}")
    if total:
        samples = staging.rows(f"SELECT min(p.line), p.shape_id FROM {unused} GROUP BY 2 ORDER BY 1 LIMIT {SAMPLES}")
        staging.note("unused_shape", "shapes", samples, total)


def check_zones_of_fares(staging: Staging) -> None:
    """Note stops outside all fare zones, where fares depend on zones."""
    zoned = any(staging.has(f"fare_rules.{name}") for name in ("origin_id", "destination_id", "contains_id"))
    if zoned and staging.has("stops"):
        where = "s.zone_id IS NULL AND coalesce(s.location_type, '0') = '0'"
        staging.apply("stop_without_zone_id", "stops", where, "s.stop_id")


def check_ferries(staging: Staging) -> None:
    """Warn of ferries that do not say whether bicycles may come."""
    if staging.has("routes"):
        staging.apply(
            "missing_bike_allowance",
            "trips",
            "s.bikes_allowed IS NULL AND EXISTS (SELECT 1 FROM s_routes r WHERE r.route_id = s.route_id AND "
            "r.route_type = '4')",
            "s.trip_id",
        )


def check_called_stops(staging: Staging) -> None:
    """Drop trips that call at what is no stop."""
    if staging.has("stops.location_type"):
        wrong = "SELECT p.stop_id FROM s_stops p WHERE p.location_type <> '0'"
        staging.apply("location_with_unexpected_stop_time", "stop_times", f"s.stop_id IN ({wrong})", "s.stop_id")


def check_unserved_stops(staging: Staging) -> None:
    """Note stops nobody calls at."""
    if staging.has("stops"):
        members = (
            "UNION SELECT g.stop_id FROM s_location_group_stops g" if "location_group_stops" in staging.files else ""
        )
        staging.apply(
            "stop_without_stop_time",
            "stops",
            "coalesce(s.location_type, '0') = '0' AND s.stop_id NOT IN (SELECT p.stop_id FROM s_stops p "
            f"JOIN hop h ON h.stop_line = p.line {members})",
            "s.stop_id",
        )


AFTER: dict[str, tuple[Callable[[Staging], None], ...]] = {
    "stops": (check_services, check_parents, check_twin_stops, check_stop_urls),
    "routes": (check_route_names,),
    "route_networks": (check_networks,),
    "shapes": (check_shapes,),
    "trips": (check_ferries, check_used_shapes),
    "fare_rules": (check_zones_of_fares,),
    "frequencies": (check_frequencies,),
    "transfers": (check_transfers,),
    "pathways": (check_pathways,),
    "timeframes": (check_timeframes,),
    "fare_products": (check_fares,),
    "fare_media": (check_media,),
    "translations": (check_translations,),
    "feed_info": (check_feed_info,),
}
"""Rules between rows and files, after those of one row."""


def check_file(staging: Staging, file: File) -> None:
    """Ask the rules between the rows of a file and of those before it."""
    if staging.has(file.name):
        for ask in AFTER.get(file.name, ()):
            ask(staging)


# ── the calendar, seen from today ─────────────────────────────────────────────────────────────────────────────────────

WEEK, MONTH, FORTNIGHT, TWO_YEARS = 7, 30, 14, 731
"""Days."""


def check_dates(staging: Staging, today: date) -> None:
    """Compare the services with the day of the load and with feed_info.txt."""
    spans = _service_spans(staging)
    if not spans:
        return
    first, last = min(span.first for span in spans), max(span.last for span in spans)
    file = "calendar" if staging.has("calendar") else "calendar_dates"
    kinds = {
        "expired_calendar": [span.service for span in spans if span.last < today],
        "service_extends_far_in_the_future": [span.service for span in spans if (span.last - today).days > TWO_YEARS],
        "future_calendar": [f"{first} to {last}"] if first > today else [],
        "feed_expiration_date7_days": [f"{last}"] if 0 <= (last - today).days < WEEK else [],
        "feed_expiration_date30_days": [f"{last}"] if WEEK <= (last - today).days < MONTH else [],
    }
    for code, names in kinds.items():
        staging.note(code, file, [(None, name) for name in sorted(names)[:SAMPLES]], len(names))
    if last < today or first > today + timedelta(days=WEEK):
        staging.note("trip_coverage_not_active_for_next7_days", "trips", [(None, f"{first} to {last}")], 1)
    if staging.has("feed_info"):
        _check_feed_dates(staging, first, last)


class _Span(NamedTuple):
    service: str
    first: date
    last: date


def _service_spans(staging: Staging) -> list[_Span]:
    parts = []
    if staging.has("calendar"):
        parts.append("SELECT service_id, start_date AS first, end_date AS last FROM s_calendar")
    if staging.has("calendar_dates"):
        parts.append("SELECT service_id, date AS first, date AS last FROM s_calendar_dates WHERE exception_type = '1'")
    if not parts:
        return []
    rows = staging.rows(
        f"SELECT service_id, min(first)::date, max(last)::date FROM ({' UNION ALL '.join(parts)}) d "
        "WHERE service_id IS NOT NULL AND first IS NOT NULL AND last IS NOT NULL GROUP BY 1"
    )
    return [_Span(*row) for row in rows]


def _check_feed_dates(staging: Staging, first: date, last: date) -> None:
    rows = staging.rows("SELECT feed_start_date::date, feed_end_date::date FROM s_feed_info")
    for start, end in rows:
        if (start and first < start) or (end and last > end):
            value = f"{first} to {last}, feed {start} to {end}"
            staging.note("service_window_outside_feed_period", "feed_info", [(None, value)], 1)
        if end and (end - last).days > FORTNIGHT:
            value = f"{end}, services end {last}"
            staging.note("feed_valid_beyond_total_service_window", "feed_info", [(None, value)], 1)
