"""The national register of carpool places, and files written like it.

References
----------
https://github.com/etalab/schema-lieux-covoiturage, versions 0.2 and 0.3
"""

from __future__ import annotations

import csv
import io
import math
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from mobigo.kit.errors import Refused
from mobigo.kit.geo import MAX_LAT, MAX_LON, Point
from mobigo.parking.model import Finding, Kind, ParkingPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {
    "aire de covoiturage": Kind.CARPOOL,
    "parking": Kind.CARPOOL,
    "supermarché": Kind.CARPOOL,
    "sortie d'autoroute": Kind.CARPOOL,
    "délaissé routier": Kind.CARPOOL,
    "parking relais": Kind.PARK_RIDE,
    "auto-stop": Kind.HITCH_HIKING,
    "ligne de covoiturage": Kind.HITCH_HIKING,
}
"""Values of ``type``."""

REQUIRED = ("nom_lieu", "type", "Xlong", "Ylat")
MAX_ROWS = 200_000
MAX_TEXT = 300
"""Letters of a name that are kept."""

NOT_OPEN = {"false", "0", "non", "faux"}


class Places(NamedTuple):
    """What a file holds."""

    places: list[ParkingPlace]
    findings: list[Finding]


class _BadRowError(Exception):
    """A row that cannot be used: code, value, rule, remedy."""


def read_register(content: bytes, source: str, file: str) -> Places:
    """Read a register; rows that cannot be used are left out and named.

    Parameters
    ----------
    content : bytes
        CSV with a header, separated by commas or semicolons, UTF-8 or Windows-1252.
    source : str
        Name under which the register is kept.
    file : str
        Its name, for findings.

    Raises
    ------
    Refused
        When it is no such file, or too large.
    """
    rows = csv.reader(io.StringIO(_decode(content), newline=""), delimiter=_delimiter(content), strict=False)
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in REQUIRED if name not in header]
        if missing:
            raise Refused(
                f"{file} has no column {', '.join(missing)}; it is no register of carpool places"
                " (schema-lieux-covoiturage)",
                code="broken_register",
            )
        found = Places([], [])
        seen: set[str] = set()
        for number, cells in enumerate(rows):
            if number >= MAX_ROWS:
                raise Refused(f"{file} has more than {MAX_ROWS:,} rows; give the register of a country at most")
            if any(cell.strip() for cell in cells):
                _read_row(dict(zip(header, cells, strict=False)), found, seen, (source, file, rows.line_num))
    except csv.Error as error:
        raise Refused(f"{file} cannot be read as CSV ({error}); download it again", code="broken_register") from None
    return found


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace").replace("\0", "")


def _delimiter(content: bytes) -> str:
    head = content[: content.find(b"\n") if b"\n" in content else len(content)]
    return ";" if head.count(b";") > head.count(b",") else ","


def _read_row(row: Mapping[str, str], found: Places, seen: set[str], where: tuple[str, str, int]) -> None:
    source, file, line = where
    try:
        place = _read_place({key: value.strip() for key, value in row.items()}, source)
        if place.id in seen:
            raise _BadRowError("duplicate_place", place.id, "an id appears once; the first was kept", "remove one")  # noqa: TRY301
    except _BadRowError as error:
        code, value, rule, remedy = error.args
        found.findings.append(Finding("reject_entity", code, file, line, value[:MAX_TEXT], rule, remedy))
        return
    seen.add(place.id)
    found.places.append(place)


def _read_place(row: Mapping[str, str], source: str) -> ParkingPlace:
    name, insee = row.get("nom_lieu", "")[:MAX_TEXT], row.get("insee", "")[:5]
    if not name:
        raise _BadRowError("no_name", "", "a place has a name (nom_lieu)", "add it")
    kind = KINDS.get(row.get("type", "").replace("\u2019", "'").lower())
    if kind is None:
        raise _BadRowError("unknown_type", row.get("type", ""), f"type is one of {', '.join(KINDS)}", "correct it")
    local = row.get("id_local", "")
    return ParkingPlace(
        source=source,
        id=(row.get("id_lieu") or (f"{insee}-{local}" if local else f"{insee}-{name}"))[:MAX_TEXT],
        kind=kind,
        name=name,
        commune=row.get("com_lieu", "")[:MAX_TEXT],
        insee=insee,
        capacity=_count(row.get("nbre_pl", "")),
        disabled=_count(row.get("nbre_pmr", "")),
        open=row.get("ouvert", "true").lower() not in NOT_OPEN,
        updated_on=_day(row.get("date_maj", "")),
        point=Point(_degrees(row, "Xlong", MAX_LON), _degrees(row, "Ylat", MAX_LAT)),
    )


def _degrees(row: Mapping[str, str], column: str, most: int) -> float:
    text = row.get(column, "")
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not abs(value) <= most:
        raise _BadRowError("bad_position", text, f"{column} is a number of degrees within ±{most}", "correct it")
    return value


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None  # noqa: PLR2004


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
