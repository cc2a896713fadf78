"""Load registers of parking places, and say where a car may be left."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from math import cos, radians
from typing import TYPE_CHECKING, Any

import psycopg

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import haversine
from mobigo.parking import store
from mobigo.parking.model import Kind, ParkingPlace, Report
from mobigo.parking.register import read_register

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

SAME_METRES = 75.0
"""Two sources that name places this near each other mean one."""

CELL = 0.001
"""Degrees of latitude, about 111 m: the grid in which neighbours are looked for."""

FORMAT = "1"
"""Counted up when the same file would give other rows."""


def load_places(path: Path, source: str, url: str, *, now: datetime) -> Report:
    """Load a register of carpool places; its former places are replaced at once, or kept when it is broken.

    Raises
    ------
    InvalidInput
        When the name of the source is taken or empty.
    Refused
        When the file is no register.
    """
    if source in {"", store.OSM}:
        raise InvalidInput(f"{source!r} cannot name a register; choose another word for --source, such as bnlc")
    content = path.read_bytes()
    digest = f"{FORMAT}:{sha256(content).hexdigest()}"
    with psycopg.connect(libpq_conninfo(url)) as connection:
        if store.find_hash(connection, source) == digest:
            places = [one for one in store.list_places(connection) if one.source == source]
            return Report("unchanged", source, _count(places))
        found = read_register(content, source, path.name)
        store.replace_source(connection, source, digest, now, found.places)
    return Report("active", source, _count(found.places), tuple(found.findings))


def remove_places(source: str, url: str) -> None:
    """Forget a register and its places.

    Raises
    ------
    NotFound
        When there is none of that name.
    """
    with psycopg.connect(libpq_conninfo(url)) as connection:
        if not store.remove_source(connection, source):
            raise NotFound(f"no register {source!r} is loaded; `mobigo parking list` names them")


def list_car_parks(connection: psycopg.Connection[Any]) -> list[ParkingPlace]:
    """List where a car may be left: open places of all sources, each once."""
    places = [one for one in store.list_places(connection) if one.open and one.kind is not Kind.HITCH_HIKING]
    return merge(places)


def merge(places: Iterable[ParkingPlace]) -> list[ParkingPlace]:
    """Keep one of the places that several sources name: that which says most about itself.

    Places of one source are never taken for each other.
    """
    best_first = sorted(places, key=lambda one: (one.name == "", one.capacity is None, one.source == store.OSM))
    cells: dict[tuple[int, int], list[ParkingPlace]] = {}
    kept = []
    for one in best_first:
        x, y = _cell(one)
        near = (other for i in (-1, 0, 1) for j in (-1, 0, 1) for other in cells.get((x + i, y + j), ()))
        if any(other.source != one.source and haversine(other.point, one.point) <= SAME_METRES for other in near):
            continue
        cells.setdefault((x, y), []).append(one)
        kept.append(one)
    return sorted(kept, key=lambda one: (one.source, one.id))


def _cell(one: ParkingPlace) -> tuple[int, int]:
    row = round(one.point.lat / CELL)
    return round(one.point.lon * max(cos(radians(row * CELL)), 0.01) / CELL), row


def _count(places: Iterable[ParkingPlace]) -> dict[str, int]:
    return dict(sorted(Counter(one.kind.value for one in places).items()))
