"""Instances of the published school-bus benchmark: read, solved, and the plan written as a document.

Coordinates are feet, buses drive along the axes at 20 mph, in empty running too. A bus is free at the bell of the
school it served. Nothing depends on how an instance is numbered or turned: schools and stops are put in an order of
their own.

References
----------
Park, Tae, Kim (2012), A post-improvement procedure for the mixed load school bus routing problem (the instances).
Bertsimas, Delarue, Martin (2019), Optimizing schools' start time and bus routes (the rules).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from mobigo.kit.errors import InvalidInput
from mobigo.school.model import Kind, Problem
from mobigo.school.optimise import optimise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mobigo.school.model import Certificate, Plan

FEET_PER_SECOND = 29.3333333
SEATS = 66
UNLOADING = 154.4
"""Seconds."""
DWELL, DWELL_PER_PUPIL = 19.0, 2.6
"""Seconds of a stop."""
SCHOOL_COLUMNS = ("ID", "X", "Y", "AMEARLY")
STOP_COLUMNS = ("ID", "X_COORD", "Y_COORD", "EP_ID", "STUDENT_COUNT")


class RouteRow(TypedDict):
    """A route of a plan's document."""

    school: int
    stops: list[int]
    start: float
    end: float


class CertificateRows(TypedDict):
    """Prices that prove the bound, by number of stop or school."""

    pi: dict[str, float]
    mu: dict[str, float]
    nu: dict[str, float]
    n: dict[str, int]
    sigma: dict[str, float]
    """Of routes that buses begin with ..."""
    m: dict[str, int]
    """... of which the school needs so many."""


class Document(TypedDict):
    """A plan with its proof, as written to a file."""

    buses: int
    lower_bound: int
    routes: list[RouteRow]
    blocks: list[list[int]]
    certificate: CertificateRows


@dataclass(frozen=True)
class Instance:
    """An instance in its own order, and the files' numbers."""

    problem: Problem
    schools: tuple[int, ...]
    stops: tuple[int, ...]


def solve_sbrp(
    folder: Path,
    *,
    max_ride: float,
    time_limit: float,
    seed: int,
    work: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Document:
    """Plan an instance with as few buses as can be found, and prove how few there can be.

    Parameters
    ----------
    folder : Path
        Holds `Schools.txt` and `Stops.txt`.
    max_ride : float
        Seconds of the longest ride.
    time_limit : float
        Seconds until the plan is handed over.
    seed : int
        Of what is drawn by lot.
    work : int, optional
        Rounds of improvement instead of seconds: same seed and same work, same plan.
    progress : callable, optional
        Called with the buses and the bound known so far whenever one of them changes.
    clock
        Tells seconds: on the wall, or of the processor where others share the machine.

    Raises
    ------
    InvalidInput
        A file is missing, a row cannot be read, or a stop cannot be served by any route.
    """
    instance = read_instance(folder, max_ride)
    plan, certificate = optimise(
        instance.problem, time_limit=time_limit, seed=seed, work=work, progress=progress, clock=clock
    )
    return to_document(instance, plan, certificate)


def read_instance(folder: Path, max_ride: float) -> Instance:
    """Read `Schools.txt` and `Stops.txt`; errors name file, line, value and remedy."""
    schools = _read_table(folder / "Schools.txt", SCHOOL_COLUMNS)
    stops = _read_table(folder / "Stops.txt", STOP_COLUMNS)
    place = {}
    for row in schools:
        number = row.whole("ID")
        if number in place:
            raise InvalidInput(f"{row.where}: school {number} is there twice; keep one")
        place[number] = (row.decimal("X"), row.decimal("Y"), row.clock("AMEARLY"))
    numbers = list(place)
    column = {number: at for at, number in enumerate(numbers)}
    seen: set[int] = set()
    read: list[tuple[int, float, float, int, int]] = []
    for row in stops:
        number, own, pupils = row.whole("ID"), row.whole("EP_ID"), row.whole("STUDENT_COUNT")
        if number in seen:
            raise InvalidInput(f"{row.where}: stop {number} is there twice; keep one")
        seen.add(number)
        if own not in column:
            raise InvalidInput(f"{row.where}: stop {number} is of school {own}, not in Schools.txt; add it there")
        if pupils < 1:
            raise InvalidInput(f"{row.where}: stop {number} has {pupils} pupils; leave out stops where nobody boards")
        if pupils > SEATS:
            raise InvalidInput(
                f"{row.where}: stop {number} has {pupils} pupils, a bus has {SEATS} seats; make two stops of it"
            )
        read.append((number, row.decimal("X_COORD"), row.decimal("Y_COORD"), column[own], pupils))
    return _arrange(numbers, list(place.values()), read, max_ride)


def _arrange(
    numbers: list[int],
    places: list[tuple[float, float, float]],
    read: list[tuple[int, float, float, int, int]],
    max_ride: float,
) -> Instance:
    """Order schools and stops by what turning or renumbering the instance does not change."""
    at_school = np.array([(x, y) for x, y, _ in places]).reshape(-1, 2)
    bell = np.array([seconds for _, _, seconds in places])
    at_stop = np.array([(x, y) for _, x, y, _, _ in read]).reshape(-1, 2)
    own = np.array([school for _, _, _, school, _ in read], np.int32)
    pupils = np.array([count for *_, count in read], np.int32)
    between = _drive(at_school, at_stop)
    home = between[own, np.arange(len(read))]
    far = [round(float(seconds), 3) for seconds in between.sum(axis=1)]
    rank = sorted(range(len(numbers)), key=lambda j: (bell[j], far[j], int(pupils[own == j].sum())))
    place_of = {school: at for at, school in enumerate(rank)}
    spread = [round(float(seconds), 3) for seconds in between.sum(axis=0)]
    order = sorted(
        range(len(read)), key=lambda k: (place_of[int(own[k])], round(float(home[k]), 6), int(pupils[k]), spread[k])
    )
    for k in order:
        if home[k] > max_ride:
            raise InvalidInput(
                f"Stops.txt: the pupils of stop {read[k][0]} ride {home[k]:.0f} s on the direct way to school "
                f"{numbers[own[k]]}, the limit is {max_ride:.0f} s; allow {math.ceil(home[k])} s or move the stop"
            )
    return Instance(
        Problem(
            kinds=(Kind(SEATS),),
            max_ride=np.full(len(rank), float(max_ride)),
            bell=bell[rank],
            unloading=np.full(len(rank), UNLOADING),
            school=np.array([place_of[int(own[k])] for k in order], np.int32),
            pupils=pupils[order],
            dwell=(DWELL + DWELL_PER_PUPIL * pupils[order]).astype(np.float64),
            drive=_drive(at_stop[order], at_stop[order]),
            to_school=home[order],
            from_school=between[np.ix_(rank, order)],
        ),
        tuple(numbers[j] for j in rank),
        tuple(read[k][0] for k in order),
    )


def _drive(here: NDArray[np.float64], there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds between points, rounded so that a turned instance has the same."""
    feet = np.abs(here[:, None, :] - there[None, :, :]).sum(axis=2)
    seconds: NDArray[np.float64] = np.round(feet / FEET_PER_SECOND, 8)
    return seconds


@dataclass(frozen=True)
class _Row:
    """A line of a table, and where it stands."""

    where: str
    values: Mapping[str, str]

    def whole(self, column: str) -> int:
        text = self.values[column]
        try:
            return int(text)
        except ValueError:
            raise InvalidInput(f"{self.where}: {column} is {text!r}; write a whole number") from None

    def decimal(self, column: str) -> float:
        text = self.values[column]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InvalidInput(f"{self.where}: {column} is {text!r}; write a number of feet")
        return value

    def clock(self, column: str) -> float:
        hours, minutes = divmod(self.whole(column), 100)
        if not (0 <= hours < 48 and minutes < 60):  # noqa: PLR2004 - an hour's minutes; service goes past midnight
            raise InvalidInput(f"{self.where}: {column} is {hours:02}{minutes:02}; write a time as HHMM")
        return 3600.0 * hours + 60.0 * minutes


def _read_table(file: Path, columns: tuple[str, ...]) -> list[_Row]:
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except FileNotFoundError:
        raise InvalidInput(f"{file}: no such file; an instance is a folder with Schools.txt and Stops.txt") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read ({error}); give a text file") from None
    header = [name.strip() for name in lines[0].split("\t")] if lines else []
    for column in columns:
        if column not in header:
            raise InvalidInput(f"{file.name} line 1: no column {column}; it needs {', '.join(columns)}, parted by tabs")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        values = [value.strip() for value in line.split("\t")]
        where = f"{file.name} line {number}"
        if len(values) < len(header):
            raise InvalidInput(f"{where}: {len(values)} values, the header has {len(header)}; fill the row")
        rows.append(_Row(where, dict(zip(header, values, strict=False))))
    return rows


def to_document(instance: Instance, plan: Plan, certificate: Certificate) -> Document:
    """Write a plan in the files' numbers, every route as late as allowed."""
    problem = instance.problem
    rows: list[RouteRow] = []
    for route in plan.routes:
        end = float(problem.bell[route.school] - problem.unloading[route.school])
        rows.append(
            {
                "school": instance.schools[route.school],
                "stops": [instance.stops[stop] for stop in route.stops],
                "start": round(end - problem.service(route), 6),
                "end": round(end, 6),
            }
        )
    return {
        "buses": plan.buses,
        "lower_bound": certificate.bound,
        "routes": rows,
        "blocks": plan.blocks(),
        "certificate": {
            "pi": {str(n): float(v) for n, v in zip(instance.stops, certificate.stop, strict=True)},
            "mu": {str(n): float(v) for n, v in zip(instance.schools, certificate.release, strict=True)},
            "nu": {str(n): float(v) for n, v in zip(instance.schools, certificate.route, strict=True)},
            "n": {str(n): int(v) for n, v in zip(instance.schools, certificate.count, strict=True)},
            "sigma": {str(n): float(v) for n, v in zip(instance.schools, certificate.fresh, strict=True)},
            "m": {str(n): int(v) for n, v in zip(instance.schools, certificate.fresh_count, strict=True)},
        },
    }
