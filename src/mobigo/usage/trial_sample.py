"""Recorded demand turned into questions: which of it is asked of the planner, between which doors, on which day.

Demand is kept by squares of a kilometre, days and hours. Each question stands for so many people; where there is more
demand than questions, it is drawn with probabilities in proportion to people, demand near the change more often than
the rest (stratified, Cochran 1977, Sampling Techniques, chapter 5). The same seed draws the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mobigo.kit.geo import Point, haversine
from mobigo.kit.grid import cell_at, middle, square
from mobigo.usage.daytypes import day_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from numpy.typing import NDArray

    from mobigo.street.graph import StreetGraph

NEAR_METRES = 5_000.0
"""Metres from a square to what a draft changes, within which demand is looked at more closely."""

SHARE_NEAR = 0.6
"""Of all questions: at least so many are of demand near the change, where there is enough."""

TRIES = 8
"""Streets looked at for one that lies in a square; else its middle counts."""


class Demand(NamedTuple):
    """People who want to go from a square to another, in an hour of a day."""

    day: date
    hour: int
    origin: int
    """Square, see `mobigo.kit.grid`."""
    destination: int
    people: int


class Question(NamedTuple):
    """Somebody's question to the planner."""

    at: datetime
    """Aware: when one would leave, at the earliest."""
    origin: Point
    destination: Point
    cells: tuple[int, int]
    stratum: int
    """0: near what is changed; 1: elsewhere."""


@dataclass(frozen=True)
class Stratum:
    """A part of demand that is drawn from by itself."""

    people: int
    questions: int
    whole: bool
    """Whether all of its demand is asked for."""

    @property
    def weight(self) -> float:
        """People that a question stands for."""
        return self.people / self.questions if self.questions else 0.0


@dataclass(frozen=True)
class Sample:
    """What is asked."""

    questions: tuple[Question, ...]
    """In an order of chance: the first of them are a sample as well."""
    strata: tuple[Stratum, Stratum]
    """Near what is changed, and elsewhere."""
    days: Mapping[date, int]
    """Days that are planned on, and how many days of demand each stands for."""
    left_out: int
    """People whose day is like none of the days that are planned on."""

    @property
    def people(self) -> int:
        """How many people the questions stand for."""
        return sum(one.people for one in self.strata)


def choose_days(asked: Sequence[date], today: date, period: tuple[date, date]) -> list[date]:
    """Choose the days on which demand of some days is planned, one for each sort of day.

    A sort is a weekday and a type of day; each takes its first day from tomorrow on within the timetables, or where
    there is none the last one before.
    """
    first, last = period
    wanted = {(day.isoweekday(), day_type_of(day)) for day in asked}
    found: dict[tuple[int, object], date] = {}
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    ahead = [day for day in days if day > today]
    for day in (*ahead, *reversed([day for day in days if day <= today])):
        sort = day.isoweekday(), day_type_of(day)
        if sort in wanted:
            found.setdefault(sort, day)
        if len(found) == len(wanted):
            break
    return sorted(found.values())


def match_days(asked: Sequence[date], days: Sequence[date]) -> dict[date, date]:
    """Say on which day the demand of each day is planned: of its type, and of its weekday where there is one."""
    found: dict[date, date] = {}
    for day in asked:
        alike = [one for one in days if day_type_of(one) is day_type_of(day)]
        if alike:
            found[day] = min(alike, key=lambda one: (one.isoweekday() != day.isoweekday(), one))
    return found


def draw(
    demand: Sequence[Demand],
    days: Sequence[date],
    streets: Streets,
    zone: ZoneInfo,
    *,
    near: Sequence[Point] | None,
    most: int,
    seed: int,
) -> Sample:
    """Draw questions.

    Parameters
    ----------
    demand : sequence of Demand
        Each square pair, day and hour once.
    days : sequence of date
        On which it is planned.
    near : sequence of Point, optional
        Places of what a draft changes; None: anywhere.
    most : int
        Questions, about.
    seed : int
    """
    on = match_days(sorted({one.day for one in demand}), days)
    rows = sorted((one for one in demand if one.day in on), key=lambda one: (one.origin, one.destination, *one[:2]))
    chance = np.random.default_rng(seed)
    inside = _find_near(rows, near)
    weights = np.array([one.people for one in rows], np.int64)
    strata: list[Stratum] = []
    drawn: list[tuple[int, int]] = []
    sizes = _share_out(int(weights[inside].sum()), int(weights.sum()), most)
    for number, (mask, size) in enumerate(zip((inside, ~inside), sizes, strict=True)):
        mine = np.flatnonzero(mask)
        people = int(weights[mine].sum())
        picked = _pick(weights[mine], size, chance)
        strata.append(Stratum(people, len(picked), len(picked) == people))
        drawn += [(int(row), number) for row in mine[picked]]
    order = chance.permutation(len(drawn))
    questions = []
    for at in order.tolist():
        row, number = drawn[at]
        one = rows[row]
        minute = int(chance.integers(60))
        moment = datetime(*on[one.day].timetuple()[:3], tzinfo=zone) + timedelta(hours=one.hour, minutes=minute)
        ends = streets.draw(one.origin, chance), streets.draw(one.destination, chance)
        questions.append(Question(moment, *ends, (one.origin, one.destination), number))
    stands = {day: sum(other == day for other in on.values()) for day in sorted(set(on.values()))}
    left_out = sum(one.people for one in demand if one.day not in on)
    return Sample(tuple(questions), (strata[0], strata[1]), stands, left_out)


def _share_out(near: int, people: int, most: int) -> tuple[int, int]:
    """Share questions out between demand near the change and elsewhere, which has what the former does not need."""
    if near in {0, people}:
        return (most, 0) if near else (0, most)
    size = max(1, min(near, round(SHARE_NEAR * most), most - 1))
    return size, max(1, most - size)


def _find_near(rows: Sequence[Demand], near: Sequence[Point] | None) -> NDArray[np.bool_]:
    if near is None:
        return np.ones(len(rows), np.bool_)
    cells = sorted({cell for one in rows for cell in (one.origin, one.destination)})
    close = {cell for cell in cells if any(haversine(middle(cell), point) <= NEAR_METRES for point in near)}
    return np.array([one.origin in close or one.destination in close for one in rows], np.bool_)


def _pick(people: NDArray[np.int64], size: int, chance: np.random.Generator) -> NDArray[np.int64]:
    """Pick rows with probabilities in proportion to people, evenly along their order; each person once if they fit.

    Returns
    -------
    int64[n], rows, ascending; a row may come several times.
    """
    total = int(people.sum())
    if not total or not size:
        return np.zeros(0, np.int64)
    if total <= size:
        return np.repeat(np.arange(len(people)), people)
    marks = (chance.random() + np.arange(size)) * total / size
    return np.searchsorted(np.cumsum(people), marks, side="right").astype(np.int64)


class Streets:
    """Where in a square somebody may start from: at a node of the streets, any with the same chance.

    Parameters
    ----------
    graph : StreetGraph, optional
        None: everybody starts from the middle of the square.
    """

    def __init__(self, graph: StreetGraph | None) -> None:
        self._graph = graph
        self._known: dict[int, NDArray[np.int64]] = {}
        lat = np.zeros(0) if graph is None else np.asarray(graph.points.lat)
        self._order = np.argsort(lat, kind="stable")
        self._lat = lat[self._order]

    def draw(self, cell: int, chance: np.random.Generator) -> Point:
        """Draw a place in a square."""
        nodes = self._nodes(cell)
        for _ in range(TRIES if len(nodes) else 0):
            assert self._graph is not None
            node = int(nodes[int(chance.integers(len(nodes)))])
            point = Point(float(self._graph.points.lon[node]), float(self._graph.points.lat[node]))
            if cell_at(point) == cell:
                return point
        return middle(cell)

    def _nodes(self, cell: int) -> NDArray[np.int64]:
        """Return the nodes around a square, int64[n]: all that are in it, and some beside."""
        if self._graph is None:
            return np.zeros(0, np.int64)
        if cell not in self._known:
            ring = np.array(square(cell)["coordinates"][0])
            (west, south), (east, north) = ring.min(axis=0), ring.max(axis=0)
            first, last = np.searchsorted(self._lat, [south, north])
            rows = self._order[first:last]
            lon = self._graph.points.lon[rows]
            self._known[cell] = rows[(lon >= west) & (lon <= east)]
        return self._known[cell]
