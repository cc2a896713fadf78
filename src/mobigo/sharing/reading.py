"""Values of GBFS documents, as 1.1, 2.x and 3.0 write them."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mobigo.kit.errors import Refused
from mobigo.kit.geo import MAX_LAT, MAX_LON
from mobigo.sharing.model import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

LANGUAGES = ("fr", "en")
"""Whose feeds and names are taken first."""

MOST = 100_000
"""Stations, and vehicles, of one system."""

MAX_SECONDS = 4_102_444_800
"""The year 2100; later is a mistake."""


def read_document(name: str, content: bytes) -> dict[str, Any]:
    """Read a document.

    Raises
    ------
    Refused
        When it is no JSON object.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(f"{name} is no JSON object of GBFS; check the address with its publisher", code="broken_gbfs")
    return found


def read_data(name: str, content: bytes) -> dict[str, Any]:
    """Read what a document says.

    Raises
    ------
    Refused
        When it says nothing.
    """
    data = read_document(name, content).get("data")
    if not isinstance(data, dict):
        raise Refused(f"{name} holds no data; check the address with its publisher", code="broken_gbfs")
    return data


def read_rows(name: str, content: bytes, key: str) -> list[dict[str, Any]]:
    """Read a list of objects.

    Raises
    ------
    Refused
        When there is none, or one that is too long.
    """
    rows = read_data(name, content).get(key)
    if not isinstance(rows, list):
        raise Refused(f"{name} holds no list of {key}; check the address with its publisher", code="broken_gbfs")
    if len(rows) > MOST:
        raise Refused(f"{name} holds {len(rows):,} {key}, {MOST:,} are accepted; is it one system?", code="broken_gbfs")
    return [one for one in rows if isinstance(one, dict)]


def read_header(name: str, content: bytes) -> tuple[int, int]:
    """Read when a document was made, seconds since 1970 UTC, and for how many seconds it holds."""
    found = read_document(name, content)
    return read_instant(found.get("last_updated")), max(read_count(found.get("ttl")), 0)


def read_instant(value: object) -> int:
    """Read seconds since 1970, or RFC 3339 as 3.0 has it; 0 for anything else."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
            value = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value < MAX_SECONDS else 0


def read_position(one: Mapping[str, Any]) -> tuple[float, float] | None:
    """Read longitude and latitude; None where there are none."""
    lon, lat = one.get("lon"), one.get("lat")
    if isinstance(lon, bool) or isinstance(lat, bool):
        return None
    if not isinstance(lon, int | float) or not isinstance(lat, int | float):
        return None
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= MAX_LON and abs(lat) <= MAX_LAT):
        return None
    return None if lon == lat == 0 else (float(lon), float(lat))


def read_count(value: object) -> int:
    """Read how many; `UNKNOWN` where nobody says."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST
    return int(value) if usable else UNKNOWN  # type: ignore[call-overload]


def read_flag(value: object, *, default: bool = True) -> bool:
    """Read a boolean, which 1.x writes as 0 and 1."""
    return bool(value) if isinstance(value, bool | int) else default


def read_text(value: object) -> str:
    """Read a text; of the translations of 3.0 that of the first language that there is."""
    if isinstance(value, list):
        texts = {str(one.get("language")): one.get("text") for one in value if isinstance(one, dict)}
        value = next((texts[name] for name in LANGUAGES if name in texts), next(iter(texts.values()), ""))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value[:300] if isinstance(value, str) else ""
