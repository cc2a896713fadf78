"""Carpool lines: those that ship with the program, and what the staff wrote over them; none of it is ever changed.

::

    carpool_line  id, revision, document, withdrawn, written_by, written_at

Without a revision a shipped line is as it ships. A line goes both ways: direction 0 as its stops are written down, 1
the other way round.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from psycopg.types.json import Jsonb

from mobigo.carpool.line_documents import LineBody
from mobigo.carpool.plan import Spot, Times
from mobigo.kit.errors import Conflict, InvalidInput, NotFound
from mobigo.parking.service import list_car_parks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Connection

    from mobigo.carpool.model import Line


class Roads(Times, Protocol):
    """Ways on the road."""

    @property
    def has_streets(self) -> bool:
        """Tell whether they follow streets; else they are straight lines, lengthened."""


_measured: WeakKeyDictionary[Any, dict[tuple[str, int], tuple[int, ...] | None]] = WeakKeyDictionary()
"""Metres of lines, by the streets on which they were measured, id and revision; None: no way."""


RESERVED = frozenset({"export"})
"""What stands in the place of a line's id in addresses."""


@dataclass(frozen=True)
class Revision:
    """A line as somebody wrote it."""

    id: str
    number: int
    document: dict[str, Any] | None
    withdrawn: bool
    written_by: str
    written_at: datetime


@cache
def shipped() -> dict[str, Line]:
    """Return the lines that ship with the program."""
    told = tomllib.loads(files("mobigo.carpool").joinpath("lines.toml").read_text("utf-8"))
    shared = {"timezone": told["timezone"], "hours": told["hours"], "guarantee": told["guarantee"]}
    found = {}
    for one in told["line"]:
        body = LineBody.model_validate({**shared, **one, "by_road": True, "demonstration": True})
        found[one["id"]] = body.read(one["id"])
    return found


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_REVISION = "SELECT id, revision, document, withdrawn, written_by, written_at FROM carpool_line"


def list_lines(connection: Connection[Any]) -> list[Line]:
    """List the lines in service, by name."""
    found = dict(shipped())
    for row in connection.execute(
        "SELECT DISTINCT ON (id) id, revision, document, withdrawn, written_by, written_at FROM carpool_line"
        " ORDER BY id, revision DESC"
    ):
        line = _read(Revision(*row))
        if line is None:
            found.pop(row[0], None)
        else:
            found[row[0]] = line
    return sorted(found.values(), key=lambda line: (line.name, line.id))


def get_line(connection: Connection[Any], id_: str) -> Line:
    """Return a line in service.

    Raises
    ------
    NotFound
        ``unknown_line``.
    """
    newest = next(iter(list_revisions(connection, id_)), None)
    line = shipped().get(id_) if newest is None else _read(newest)
    if line is None:
        raise unknown_line(id_)
    return line


def unknown_line(id_: str) -> NotFound:
    """Say that there is no such line."""
    return NotFound(f"no carpool line {id_[:60]!r}; `/v1/carpool/lines` lists those there are", code="unknown_line")


def _read(one: Revision) -> Line | None:
    if one.withdrawn:
        return None
    if one.document is None:
        found = shipped().get(one.id)
        return None if found is None else replace(found, revision=one.number)
    return replace(LineBody.model_validate(one.document).read(one.id), revision=one.number)


def list_revisions(connection: Connection[Any], id_: str) -> list[Revision]:
    """List what was written of a line, newest first."""
    rows = connection.execute(f"{_REVISION} WHERE id = %s ORDER BY revision DESC", [id_])
    return [Revision(*row) for row in rows]


# ── ways ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure(line: Line, roads: Roads) -> Line:
    """Return a line with the metres of the road, where it wants them and streets lead along it."""
    if not (line.by_road and roads.has_streets):
        return line
    known = _measured.setdefault(roads, {})
    key = line.id, line.revision
    if key not in known:
        known[key] = _measure([stop.point for stop in line.stops], roads)
    metres = known[key]
    if metres is None:
        return line
    stops = tuple(replace(stop, metres=far) for stop, far in zip(line.stops, metres, strict=True))
    return replace(line, stops=stops)


def _measure(points: Sequence[Any], roads: Roads) -> tuple[int, ...] | None:
    found = [0]
    for a, b in pairwise(points):
        far = int(roads.metres([a], [b])[0, 0])
        if far < 0:
            return None
        found.append(found[-1] + far)
    return tuple(found)


def find_way(
    line: Line, direction: int | None, first: str | None = None, last: str | None = None
) -> tuple[list[Spot], list[int]]:
    """Return the places along a line in a direction, and their metres from the first one.

    Parameters
    ----------
    first, last : str, optional
        Stops where one begins and ends; those of the line's ends, unless told.

    Raises
    ------
    NotFound
        When one is not of the line (``unknown_stop``).
    InvalidInput
        When they are the wrong way round (``invalid_run``).
    """
    stops = list(line.stops)
    if direction == 1:
        stops.reverse()
    number = {stop.id: index for index, stop in enumerate(stops)}
    for one in (first, last):
        if one is not None and one not in number:
            raise NotFound(f"line {line.id} has no stop {one[:60]!r}; it has {', '.join(number)}", code="unknown_stop")
    begin = 0 if first is None else number[first]
    end = len(stops) - 1 if last is None else number[last]
    if begin >= end:
        raise InvalidInput(
            f"{stops[begin].name} is not before {stops[end].name} on line {line.id} in direction {direction or 0};"
            " exchange them or take the other direction",
            code="invalid_run",
        )
    way = stops[begin : end + 1]
    return (
        [Spot(stop.name, stop.point, stop.id) for stop in way],
        [abs(stop.metres - way[0].metres) for stop in way],
    )


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_line(
    connection: Connection[Any], id_: str, body: LineBody, *, seen: int | None = None, by: str, now: datetime
) -> Revision:
    """Write a line from its document; stops named by a place of a register are where that is.

    Raises
    ------
    InvalidInput
        When it makes no sense (``invalid_line``).
    Conflict
        When somebody else wrote meanwhile.
    """
    if id_ in RESERVED:
        raise InvalidInput(f"a line cannot be called {id_!r}; that is something else's address", code="invalid_line")
    places = {}
    if any(stop.place is not None for stop in body.stops):
        places = {one.id: one for one in list_car_parks(connection)}
    settled = body.model_copy(update={"id": id_, "stops": [stop.settle(places) for stop in body.stops]})
    for one, other in pairwise(settled.stops):
        if one.point == other.point:
            raise InvalidInput(
                f"the stops {one.id} and {other.id} of line {id_} are at the same place; leave one out",
                code="invalid_line",
            )
    return write(connection, id_, settled.model_dump(mode="json"), seen=seen, by=by, now=now)


def write_all(connection: Connection[Any], bodies: Sequence[LineBody], *, by: str, now: datetime) -> list[Revision]:
    """Write lines from their documents: all of them, or none.

    Raises
    ------
    InvalidInput
        When one has no id, or two have the same (``invalid_line``).
    """
    named: dict[str, LineBody] = {}
    for body in bodies:
        if body.id is None or body.id in named:
            raise InvalidInput(
                f"the line {body.name!r} has no `id`, or that of another one; give each its own", code="invalid_line"
            )
        named[body.id] = body
    return [write_line(connection, id_, named[id_], by=by, now=now) for id_ in sorted(named)]


def write(
    connection: Connection[Any],
    id_: str,
    document: dict[str, Any] | None,
    *,
    withdrawn: bool = False,
    seen: int | None = None,
    by: str,
    now: datetime,
) -> Revision:
    """Write the next revision of a line.

    Parameters
    ----------
    seen : int, optional
        The revision that was read before the change (0: none); another one in between is a conflict.

    Raises
    ------
    Conflict
        When somebody else wrote meanwhile.
    """
    newest = _lock(connection, id_, seen)
    row = connection.execute(
        "INSERT INTO carpool_line (id, revision, document, withdrawn, written_by, written_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id, revision, document, withdrawn, written_by, written_at",
        [id_, newest.number + 1 if newest else 1, None if document is None else Jsonb(document), withdrawn, by, now],
    ).fetchone()
    assert row
    return Revision(*row)


def undo(
    connection: Connection[Any], id_: str, *, to: int | None = None, seen: int | None = None, by: str, now: datetime
) -> Revision:
    """Write again what was before the last change, or an earlier revision; 0: as it ships, or not at all.

    Raises
    ------
    NotFound
        When nothing was ever written, or there is no such revision.
    Conflict
        When somebody else wrote meanwhile.
    """
    newest = _lock(connection, id_, seen)
    if newest is None:
        raise NotFound(f"nobody changed the line {id_!r}, so there is nothing to undo", code="unknown_line")
    wanted = newest.number - 1 if to is None else to
    found = next((one for one in list_revisions(connection, id_) if one.number == wanted), None)
    if found is None and wanted:
        raise NotFound(
            f"line {id_} has no revision {wanted}; it has 1 to {newest.number}, and 0 is as it ships",
            code="unknown_line",
        )
    if found is None:
        return write(connection, id_, None, withdrawn=id_ not in shipped(), by=by, now=now)
    return write(connection, id_, found.document, withdrawn=found.withdrawn, by=by, now=now)


def _lock(connection: Connection[Any], id_: str, seen: int | None) -> Revision | None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('carpool line ' || %s, 0))", [id_])
    newest = next(iter(list_revisions(connection, id_)), None)
    number = newest.number if newest else 0
    if seen is not None and number != seen:
        who = f", written by {newest.written_by}" if newest else ""
        raise Conflict(
            f"line {id_} is at revision {number}{who}, not at {seen}; read it again and repeat the change",
            code="changed_meanwhile",
        )
    return newest
