"""Files of vehicle routing problems: CVRPLIB (TSPLIB's words) and Solomon's fixed text.

What a file says and this does not model is refused, never passed over: a plan that breaks a rule helps nobody.

References
----------
Reinelt (1991), TSPLIB: a traveling salesman problem library; http://vrp.galgos.inf.puc-rio.br for CVRPLIB.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kit.errors import InvalidInput
from mobigo.school.vrp import FAR, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

LARGEST_FILE = 64 * 2**20
"""Bytes."""
LARGEST = 5_000
"""Nodes: distances between all of them are held in memory."""
LARGEST_NUMBER = 10**9
"""Of anything in a file."""
TENTHS = 10
"""Solomon's costs are whole tenths."""
SECTIONS = ("NODE_COORD", "DEMAND", "DEPOT", "EDGE_WEIGHT", "DISPLAY_DATA")
COLUMNS = ("CUST NO.", "XCOORD.", "YCOORD.", "DEMAND", "READY TIME", "DUE DATE", "SERVICE TIME")


def _read_lines(file: Path) -> list[tuple[int, str]]:
    """Read a text file as numbered lines that are not empty."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InvalidInput(f"{file} has {file.stat().st_size:,} bytes; the most is {LARGEST_FILE:,}")
        content = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}; name a text file") from None
    if b"\0" in content:
        raise InvalidInput(f"{file} is no text; name a problem's text file")
    text = content.decode("utf-8-sig", errors="replace")
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _number(word: str, where: str, what: str) -> float:
    """Read a number, finite and not absurd."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST_NUMBER:
        raise InvalidInput(f"{where}: {what} is {word[:40]!r}; write a number up to {LARGEST_NUMBER:,}")
    return value


def _whole(word: str, where: str, what: str, least: int = 0) -> int:
    value = _number(word, where, what)
    if value != int(value) or value < least:
        raise InvalidInput(f"{where}: {what} is {word[:40]!r}; write a whole number of at least {least}")
    return int(value)


# ── CVRPLIB ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_cvrplib(file: Path) -> Problem:
    """Read a capacitated problem; points' distances are rounded to the nearest whole number.

    Customers are numbered as in CVRPLIB's solutions: from 1, in the order of nodes, without the depot.

    Raises
    ------
    InvalidInput
        What is wrong, with file, line and remedy.
    """
    return _Cvrplib(file).problem()


class _Cvrplib:
    """One file: its header, its sections, and where each began."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._header: dict[str, tuple[int, str]] = {}
        self._sections: dict[str, list[tuple[int, str]]] = {}
        section: list[tuple[int, str]] | None = None
        for number, line in _read_lines(file):
            name = line.rstrip(": \t").upper()
            if name == "EOF":
                break
            if name.endswith("_SECTION"):
                section = self._open(number, name.removesuffix("_SECTION"))
            elif ":" in line and not line[0].isdigit():
                key, _, value = line.partition(":")
                self._header[key.strip().upper()] = (number, value.strip().strip('"').strip())
                section = None
            elif section is None:
                raise InvalidInput(f"{self._at(number)}: {line[:40]!r} is neither `NAME : value` nor in a section")
            else:
                section.append((number, line))

    def _open(self, number: int, name: str) -> list[tuple[int, str]]:
        if name not in SECTIONS:
            raise InvalidInput(
                f"{self._at(number)}: {name}_SECTION is not understood; there are "
                f"{', '.join(f'{one}_SECTION' for one in SECTIONS)}, so take a plain CVRP"
            )
        if name in self._sections:
            raise InvalidInput(f"{self._at(number)}: {name}_SECTION comes twice; leave one")
        return self._sections.setdefault(name, [])

    def _at(self, number: int) -> str:
        return f"{self._file.name} line {number}"

    def _need(self, key: str, least: int) -> int:
        if key not in self._header:
            raise InvalidInput(f"{self._file.name}: {key} is missing; write `{key} : number` above the sections")
        number, value = self._header[key]
        return _whole(value, self._at(number), key, least)

    def _optional(self, key: str) -> int | None:
        return self._need(key, 0) if key in self._header else None

    def problem(self) -> Problem:
        """Put all together."""
        number, kind = self._header.get("TYPE", (0, "CVRP"))
        if kind.upper() not in {"CVRP", "VRP", "DCVRP"}:
            raise InvalidInput(f"{self._at(number)}: TYPE is {kind[:40]!r}; this solves CVRP")
        size = self._need("DIMENSION", 1)
        if size > LARGEST:
            raise InvalidInput(f"{self._file.name}: DIMENSION is {size}; the most is {LARGEST}")
        demands, lines = self._demands(size)
        depot = self._depot(size)
        if demands[depot]:
            raise InvalidInput(f"{self._at(lines[depot])}: the depot wants {demands[depot]}; write 0")
        points = self._points(size)
        costs = self._costs(size, points)
        order = [depot, *(row for row in range(size) if row != depot)]
        vehicles = self._optional("VEHICLES") or None
        service = np.full(size, self._optional("SERVICE_TIME") or 0, dtype=np.int64)
        service[0] = 0
        return Problem(
            name=self._file.name,
            customers=tuple(range(1, size)),
            lines=tuple(lines[row] for row in order),
            points=np.zeros((size, 2)) if points is None else points[order],
            costs=costs[np.ix_(order, order)],
            demands=demands[order],
            capacity=self._need("CAPACITY", 1),
            vehicles=vehicles,
            unit=1,
            ready=np.zeros(size, dtype=np.int64),
            due=np.full(size, FAR),
            service=service,
            longest=self._optional("DISTANCE"),
        )

    def _rows(self, section: str, size: int, columns: int) -> Iterator[tuple[int, int, list[str]]]:
        """Rows of a section as (line, row, words after the node's id); each node once."""
        seen: set[int] = set()
        for number, line in self._sections.get(section, []):
            words = line.split()
            if len(words) != columns:
                raise InvalidInput(f"{self._at(number)}: {len(words)} words in {section}_SECTION; write {columns}")
            node = _whole(words[0], self._at(number), "the node", 1)
            if node > size or node in seen:
                raise InvalidInput(
                    f"{self._at(number)}: node {node} {'comes twice' if node in seen else 'is beyond DIMENSION'}; "
                    f"write each of 1 to {size} once"
                )
            seen.add(node)
            yield number, node - 1, words[1:]
        if len(seen) != size:
            missing = next(node for node in range(1, size + 1) if node not in seen)
            raise InvalidInput(
                f"{self._file.name}: {section}_SECTION has {len(seen)} nodes, DIMENSION is {size}; add node {missing}"
            )

    def _demands(self, size: int) -> tuple[NDArray[np.int64], list[int]]:
        demands, lines = np.zeros(size, dtype=np.int64), [0] * size
        for number, row, (word,) in self._rows("DEMAND", size, 2):
            demands[row], lines[row] = _whole(word, self._at(number), "the demand"), number
        return demands, lines

    def _depot(self, size: int) -> int:
        words = [(number, word) for number, line in self._sections.get("DEPOT", []) for word in line.split()]
        if words and words[-1][1] == "-1":
            words.pop()
        if not words:
            return 0
        (number, word), *more = words
        depot = _whole(word, self._at(number), "the depot", 1)
        if more or depot > size:
            raise InvalidInput(f"{self._at(number)}: DEPOT_SECTION must hold one node up to {size}, then -1")
        return depot - 1

    def _points(self, size: int) -> NDArray[np.float64] | None:
        if "NODE_COORD" not in self._sections:
            return None
        points = np.zeros((size, 2))
        for number, row, words in self._rows("NODE_COORD", size, 3):
            points[row] = [_number(word, self._at(number), "a coordinate") for word in words]
        return points

    def _costs(self, size: int, points: NDArray[np.float64] | None) -> NDArray[np.int64]:
        number, kind = self._header.get("EDGE_WEIGHT_TYPE", (0, "EUC_2D"))
        if kind.upper() == "EXPLICIT":
            return self._explicit(size)
        if kind.upper() not in METRICS:
            raise InvalidInput(
                f"{self._at(number)}: EDGE_WEIGHT_TYPE is {kind[:40]!r}; write EXPLICIT or one of {', '.join(METRICS)}"
            )
        if points is None:
            raise InvalidInput(f"{self._file.name}: NODE_COORD_SECTION is missing; {kind} is measured between points")
        apart = np.abs(points[:, None, :] - points[None, :, :])
        return METRICS[kind.upper()](apart).astype(np.int64)

    def _explicit(self, size: int) -> NDArray[np.int64]:
        number, shape = self._header.get("EDGE_WEIGHT_FORMAT", (0, ""))
        shape = shape.upper()
        if shape not in SHAPES:
            raise InvalidInput(
                f"{self._at(number) if number else self._file.name}: EDGE_WEIGHT_FORMAT is {shape[:40]!r}; write one "
                f"of {', '.join(SHAPES)}"
            )
        comment = self._header.get("COMMENT", (0, ""))[1]
        if shape == "LOWER_ROW" and "Eilon" in comment:
            shape = "LOWER_COL"  # of 1969, written by columns under the other name; known costs need it
        rows, columns = SHAPES[shape](size)
        words = [(line, word) for line, text in self._sections.get("EDGE_WEIGHT", []) for word in text.split()]
        if len(words) != len(rows):
            raise InvalidInput(
                f"{self._file.name}: EDGE_WEIGHT_SECTION has {len(words)} numbers; {shape} of {size} nodes needs "
                f"{len(rows)}"
            )
        costs = np.zeros((size, size), dtype=np.int64)
        costs[rows, columns] = [_whole(word, self._at(line), "the distance") for line, word in words]
        if shape != "FULL_MATRIX":
            costs[columns, rows] = costs[rows, columns]
        np.fill_diagonal(costs, 0)
        return costs


METRICS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "EUC_2D": lambda apart: np.floor(np.sqrt((apart**2).sum(axis=2)) + 0.5),
    "CEIL_2D": lambda apart: np.ceil(np.sqrt((apart**2).sum(axis=2))),
    "FLOOR_2D": lambda apart: np.floor(np.sqrt((apart**2).sum(axis=2))),
    "MAN_2D": lambda apart: np.floor(apart.sum(axis=2) + 0.5),
    "MAX_2D": lambda apart: np.floor(apart + 0.5).max(axis=2),
}
"""By EDGE_WEIGHT_TYPE: distance from what lies between two points along each axis."""


def _columns_of(rows: tuple[NDArray[np.intp], ...]) -> tuple[NDArray[np.intp], ...]:
    return rows[1], rows[0]


SHAPES: dict[str, Callable[[int], tuple[NDArray[np.intp], ...]]] = {
    "FULL_MATRIX": lambda size: tuple(np.indices((size, size)).reshape(2, -1)),
    "LOWER_ROW": lambda size: np.tril_indices(size, -1),
    "LOWER_DIAG_ROW": np.tril_indices,
    "UPPER_ROW": lambda size: np.triu_indices(size, 1),
    "UPPER_DIAG_ROW": np.triu_indices,
    "LOWER_COL": lambda size: _columns_of(np.triu_indices(size, 1)),
    "LOWER_DIAG_COL": lambda size: _columns_of(np.triu_indices(size)),
    "UPPER_COL": lambda size: _columns_of(np.tril_indices(size, -1)),
    "UPPER_DIAG_COL": lambda size: _columns_of(np.tril_indices(size)),
}
"""By EDGE_WEIGHT_FORMAT: rows and columns in the order in which the numbers are written."""


# ── Solomon ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_solomon(file: Path) -> Problem:
    """Read a problem with time windows; distances and times of the way are cut off to tenths.

    The first row is the depot; customers are numbered as in the file.

    Raises
    ------
    InvalidInput
        What is wrong, with file, line and remedy.
    """
    lines = _read_lines(file)
    vehicles, capacity, rest = _read_fleet(file.name, lines)
    rows = [(number, *_read_customer(f"{file.name} line {number}", line)) for number, line in rest]
    if not rows:
        raise InvalidInput(f"{file.name}: no row under CUSTOMER; write the depot first, then customers")
    if len(rows) > LARGEST:
        raise InvalidInput(f"{file.name} has {len(rows)} rows; the most is {LARGEST}")
    first: dict[int, int] = {}
    for number, customer, _ in rows:
        if first.setdefault(customer, number) != number:
            raise InvalidInput(
                f"{file.name} line {number}: customer {customer} stands in line {first[customer]} too; number each once"
            )
    values = np.array([row[2] for row in rows])
    demand, ready, due, service = values[:, 2:].T
    if demand[0]:
        raise InvalidInput(f"{file.name} line {rows[0][0]}: the depot wants {demand[0]:g}; write 0 in the first row")
    apart = values[:, None, :2] - values[None, :, :2]
    return Problem(
        name=file.name,
        customers=tuple(row[1] for row in rows[1:]),
        lines=tuple(row[0] for row in rows),
        points=values[:, :2],
        costs=np.floor(TENTHS * np.sqrt((apart**2).sum(axis=2))).astype(np.int64),
        demands=demand.astype(np.int64),
        capacity=capacity,
        vehicles=vehicles,
        unit=TENTHS,
        # finer than a tenth is taken on the safe side
        ready=np.ceil(np.round(TENTHS * ready, 6)).astype(np.int64),
        due=np.floor(np.round(TENTHS * due, 6)).astype(np.int64),
        service=np.ceil(np.round(TENTHS * service, 6)).astype(np.int64),
        longest=None,
    )


def _read_fleet(name: str, lines: list[tuple[int, str]]) -> tuple[int, int, list[tuple[int, str]]]:
    """Read what stands under VEHICLE; the third is what stands under the head of CUSTOMER."""
    heads = {line.upper(): index for index, (_, line) in enumerate(lines)}
    for word in ("VEHICLE", "CUSTOMER"):
        if word not in heads:
            raise InvalidInput(f"{name}: no line {word}; Solomon's format has VEHICLE and CUSTOMER, each with a head")
    fleet, table = lines[heads["VEHICLE"] + 2 : heads["CUSTOMER"]], lines[heads["CUSTOMER"] + 2 :]
    if not fleet or len(fleet[0][1].split()) != 2:  # noqa: PLR2004 - number and capacity
        raise InvalidInput(f"{name}: under VEHICLE and NUMBER CAPACITY, one row of two numbers is needed")
    number, (count, capacity) = fleet[0][0], fleet[0][1].split()
    where = f"{name} line {number}"
    return _whole(count, where, "NUMBER", 1), _whole(capacity, where, "CAPACITY", 1), table


def _read_customer(where: str, line: str) -> tuple[int, list[float]]:
    words = line.split()
    if len(words) != len(COLUMNS):
        raise InvalidInput(f"{where}: {len(words)} words; write {len(COLUMNS)}: {', '.join(COLUMNS)}")
    customer = _whole(words[0], where, COLUMNS[0])
    x, y = (_number(word, where, column) for word, column in zip(words[1:3], COLUMNS[1:3], strict=True))
    demand = _whole(words[3], where, COLUMNS[3])
    times = [_number(word, where, column) for word, column in zip(words[4:], COLUMNS[4:], strict=True)]
    if min(times) < 0:
        raise InvalidInput(f"{where}: READY TIME, DUE DATE and SERVICE TIME are at least 0")
    if times[1] < times[0]:
        raise InvalidInput(f"{where}: DUE DATE {times[1]:g} is before READY TIME {times[0]:g}; exchange them")
    return customer, [x, y, float(demand), *times]
