"""Driving times between any places, in tables: what dispatching, matching and timetabling by car ask for.

The answers are those of `mobigo.street.routing.between` with `Profile.CAR`: turn restrictions kept, streets of
residents driven through only where the detour would be long, the metres from a place to its street at a walker's pace.
With a hierarchy of the graph a place is labelled once, in some hundredths of a millisecond, and a time between two
labelled places is the least of some hundred sums; without one every origin is searched from. Of a graph as a coach sees
it (`mobigo.street.coach`) they are ways by coach; a stop on one side of its street (`Stand`) is come by and left in its
own direction, which only labels know.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from mobigo.kernels.hierarchy import (
    FAR,
    LANES,
    Board,
    Hierarchy,
    Labels,
    Scratch,
    Seat,
    WideBoard,
    label_places,
    sum_beside,
    sum_labels,
)
from mobigo.kit.geo import Point, haversine
from mobigo.street.coach import Stand, find_sides
from mobigo.street.graph import WALK_SPEED, Profile, StreetGraph
from mobigo.street.hierarchy import ENTRY, build_hierarchy
from mobigo.street.routing import PATIENCE, Snaps, between, one_street, roll, roll_seconds, snap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

Place = Point | Stand


class Times(Protocol):
    """Driving times, as `Drives` has them."""

    def seconds(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return int32[n_origins, n_destinations], -1 where there is no way."""


NO_WAY = -1

STRAIGHT_SPEED, STRAIGHT_DETOUR = 13.9, 1.3
"""Metres per second, and how much longer a road is than the straight line, where no streets are loaded."""

ROOM = 2_000_000
"""Entries of labels that are kept: some ten thousand places in 28 MB, of which only what is used takes memory."""

PLACES = 50_000
"""Places whose labels are kept; when there is no room for more, all are forgotten."""


class Table(NamedTuple):
    """Ways between places; -1 where there is none."""

    seconds: NDArray[np.int32]
    """int32[n_origins, n_destinations], rounded up."""
    metres: NDArray[np.int32]
    """int32[n_origins, n_destinations]."""


class Drives:
    """Seconds and metres by car between places; any number of threads may ask at once.

    Parameters
    ----------
    graph : StreetGraph or None
        None where no streets are loaded: times are those of straight lines.
    find_hierarchy : callable
        Returns the hierarchy of the graph once there is one; until then it is asked at every call.
    """

    def __init__(
        self, graph: StreetGraph | None, find_hierarchy: Callable[[], Hierarchy | None] = lambda: None
    ) -> None:
        self._graph = graph
        self._find_hierarchy = find_hierarchy
        self._register: _Register | None = None
        self._opening = threading.Lock()

    def seconds(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds from every origin to every destination.

        Returns
        -------
        int32[n_origins, n_destinations]
            Rounded up; 0 from a place to itself, -1 where there is no way.
        """
        return self._measure(origins, destinations, metres=False).seconds

    def metres(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return the metres along the quickest ways from every origin to every destination; as `seconds`."""
        return self._measure(origins, destinations, metres=True).metres

    def one_to_many(self, origin: Place, destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds from one place to others; int32[n], as `seconds`."""
        return self.seconds([origin], destinations).reshape(-1)

    def many_to_one(self, origins: Sequence[Place], destination: Place) -> NDArray[np.int32]:
        """Return the seconds from places to one other; int32[n], as `seconds`."""
        return self.seconds(origins, [destination]).reshape(-1)

    def pairs(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds from each origin to the destination of the same number; int32[n], as `seconds`."""
        register = self._open()
        if register is None:
            found = [self.seconds([a], [b])[0, 0] for a, b in zip(origins, destinations, strict=True)]
            return np.array(found, np.int32)
        return register.measure(origins, destinations, pairs=True).seconds.reshape(-1)

    @property
    def fastest(self) -> float:
        """Metres per second that nobody exceeds, between any two places."""
        return STRAIGHT_SPEED if self._graph is None else float(self._graph.fastest[list(Profile).index(Profile.CAR)])

    @property
    def has_streets(self) -> bool:
        """Tell whether ways follow streets; else they are straight lines, lengthened."""
        return self._graph is not None

    def keep(self) -> Kept:
        """Return an empty list of places that stay, for asking about many thousands of them at once."""
        return Kept(self, self._open_own)

    def _open_own(self) -> _Register | None:
        """Return an empty register, once there is a hierarchy to make labels from."""
        hierarchy = self._find_hierarchy() if self._graph is not None else None
        return _Register(self._graph, hierarchy) if self._graph is not None and hierarchy is not None else None

    def _measure(self, origins: Sequence[Place], destinations: Sequence[Place], *, metres: bool) -> Table:
        register = self._open()
        if register is not None:
            return register.measure(origins, destinations)
        shape = len(origins), len(destinations)
        table = Table(np.full(shape, NO_WAY, np.int32), np.full(shape, NO_WAY, np.int32))
        if self._graph is None:
            table.metres[:] = np.rint(_straight(origins, destinations))
            table.seconds[:] = np.ceil(table.metres / STRAIGHT_SPEED)
        elif origins and destinations:
            starts, ends = _snap(self._graph, origins), _snap(self._graph, destinations)
            for i in range(len(origins)):
                if metres:
                    table.metres[i] = _follow(self._graph, starts, i, ends)
                else:
                    table.seconds[i] = _search(self._graph, starts, i, ends)
        where: dict[Place, list[int]] = {}
        for j, point in enumerate(destinations):
            where.setdefault(point, []).append(j)
        for i, point in enumerate(origins):
            for found in table:
                found[i, where.get(point, [])] = 0
        return table

    def _open(self) -> _Register | None:
        """Return the labels of the places asked for so far, once there is a hierarchy to make them from."""
        if self._register is None and self._graph is not None:
            with self._opening:
                hierarchy = self._find_hierarchy() if self._register is None else None
                if hierarchy is not None:
                    self._register = _Register(self._graph, hierarchy)
        return self._register


class Beside(Protocol):
    """Some places beside those of a list, while a question about them is answered."""

    def come(self, numbers: NDArray[np.int32], others: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds from places of the list to some of the others; int32[n, n_others]."""

    def go(self, others: Sequence[Place], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the seconds from some of the others to places of the list; int32[n_others, n]."""

    def across(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds between some of the others."""


class Kept:
    """Places that stay, by number: what is asked again and again of very many is not looked up by its point.

    One question at a time is answered; the others wait. Without a hierarchy the streets are searched, as `Drives` does;
    once there is one all places are labelled.
    """

    def __init__(self, drives: Times, open_register: Callable[[], _Register | None] = lambda: None) -> None:
        self._drives, self._open = drives, open_register
        self._register: _Register | None = None
        self._points: list[Place] = []
        self._numbers: dict[Place, int] = {}
        self._asking = threading.Lock()

    def put(self, points: Sequence[Place]) -> NDArray[np.int32]:
        """Put places on the list, each once; return their numbers."""
        with self._asking:
            new = [point for point in dict.fromkeys(points) if point not in self._numbers]
            register = self._find_register()
            if new and register is not None:
                register.add(new)
            self._numbers.update(zip(new, range(len(self._points), len(self._points) + len(new)), strict=True))
            self._points += new
            return np.array([self._numbers[point] for point in points], np.int32)

    @contextmanager
    def beside(self, others: Sequence[Place]) -> Iterator[Beside]:
        """Let one ask about other places beside those of the list; they are not kept.

        Parameters
        ----------
        others : sequence
            Each once.
        """
        with self._asking:
            register = self._find_register()
            if register is None:
                yield _Searched(self._drives, self._points)
                return
            with register.borrow_slots(others) as slots:
                yield _Labelled(register, slots)

    def _find_register(self) -> _Register | None:
        """Return the labels of all places, once they can be made."""
        if self._register is None:
            register = self._open()
            if register is not None and self._points:
                register.add(self._points)
            self._register = register
        return self._register


class _Searched:
    """Places beside those of a list, without labels."""

    def __init__(self, drives: Times, points: Sequence[Place]) -> None:
        self._drives, self._points = drives, points

    def come(self, numbers: NDArray[np.int32], others: Sequence[Place]) -> NDArray[np.int32]:
        return self._drives.seconds([self._points[n] for n in numbers.tolist()], others)

    def go(self, others: Sequence[Place], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        return self._drives.seconds(others, [self._points[n] for n in numbers.tolist()])

    def across(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        return self._drives.seconds(origins, destinations)


class _Labelled:
    """Places beside those of a list, by their labels."""

    def __init__(self, register: _Register, slots: Mapping[Place, int]) -> None:
        self._register, self._slots = register, slots

    def come(self, numbers: NDArray[np.int32], others: Sequence[Place]) -> NDArray[np.int32]:
        return self._register.sum(self._find(others), numbers, leaving=False).T

    def go(self, others: Sequence[Place], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        return self._register.sum(self._find(others), numbers, leaving=True)

    def across(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        return self._register.sum(self._find(origins), self._find(destinations), leaving=True)

    def _find(self, places: Sequence[Place]) -> NDArray[np.int32]:
        return np.array([self._slots[place] for place in places], np.int32)


class _Shelf:
    """Labels of places, one after another; what stands there is never changed."""

    def __init__(self, places: int, room: int) -> None:
        self.slots: dict[Place, int] = {}
        self.seat = Seat(
            np.empty(places, np.int32), np.empty(places, np.float32), np.empty(places, np.float32),
            np.empty(places, np.int8),
        )  # fmt: skip
        self.bounds = np.zeros((places, 3), np.int64)
        """Where each place's label for leaving begins, that for coming, and where that ends."""
        self.labels = Labels(
            np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint16), np.empty(room, np.int32)
        )
        self.used = 0

    def wider(self) -> _Shelf:
        """Return a shelf of twice the size with the same places on it."""
        wider = _Shelf(2 * len(self.bounds), 2 * len(self.labels.hub))
        mine: list[NDArray[Any]] = [self.bounds, *self.seat, *self.labels]
        its: list[NDArray[Any]] = [wider.bounds, *wider.seat, *wider.labels]
        for new, old in zip(its, mine, strict=True):
            new[: len(old)] = old
        wider.slots, wider.used = self.slots, self.used
        return wider


class _Register:
    """The places asked for, with their labels."""

    def __init__(self, graph: StreetGraph, hierarchy: Hierarchy) -> None:
        self._graph, self._hierarchy = graph, hierarchy
        self._shelf = _Shelf(PLACES, ROOM)
        self._writing = threading.Lock()
        n = len(hierarchy.parent)
        self._scratch = Scratch(
            np.full(n, FAR, np.int32), np.empty(n, np.uint16), np.empty(n, np.int32), np.empty(n, np.int32)
        )
        self._boards: deque[Board] = deque()
        self._wide: WideBoard | None = None

    def measure(self, origins: Sequence[Place], destinations: Sequence[Place], *, pairs: bool = False) -> Table:
        """Return the table between places, or its diagonal as a column."""
        shelf, slots = self._look_up([*origins, *destinations])
        start, end = slots[: len(origins)], slots[len(origins) :]
        shape = (len(start), 1) if pairs else (len(start), len(end))
        table = Table(np.empty(shape, np.int32), np.empty(shape, np.int32))
        with self._borrow() as board:
            sum_labels(
                self._graph.car, self._graph.edge_metres, ENTRY, WALK_SPEED, shelf.labels, shelf.seat, shelf.bounds,
                start, end, int(pairs), board, *table,
            )  # fmt: skip
        return table

    def add(self, points: list[Place]) -> None:
        """Put new places on the shelf behind those that are there, which keep their slots."""
        while not self._label(self._shelf, points):
            self._shelf = self._shelf.wider()

    @contextmanager
    def borrow_slots(self, others: Sequence[Place]) -> Iterator[Mapping[Place, int]]:
        """Label places, say where their labels stand, and forget those that are new afterwards."""
        new = [place for place in others if place not in self._shelf.slots]
        if new:
            self.add(new)
        shelf = self._shelf
        try:
            yield shelf.slots
        finally:
            if new:
                shelf.used = int(shelf.bounds[shelf.slots[new[0]], 0])
                for place in new:
                    del shelf.slots[place]

    def sum(self, few: NDArray[np.int32], many: NDArray[np.int32], *, leaving: bool) -> NDArray[np.int32]:
        """Return the seconds from a few slots to many, or to the few from the many; int32[n_few, n_many]."""
        shelf = self._shelf
        seconds = np.empty((len(few), len(many)), np.int32)
        if self._wide is None:
            n = len(self._hierarchy.parent)
            self._wide = WideBoard(np.full((n, LANES), FAR, np.int32), np.empty((n, LANES), np.int32))
        sum_beside(
            self._graph.car, ENTRY, WALK_SPEED, shelf.labels, shelf.seat, shelf.bounds, few, many, int(leaving),
            self._wide, seconds,
        )  # fmt: skip
        return seconds

    def _look_up(self, points: list[Place]) -> tuple[_Shelf, NDArray[np.int32]]:
        """Return the slots of places on a shelf, labelled."""
        with self._writing:
            shelf = self._shelf
            try:
                return shelf, np.array([shelf.slots[point] for point in points], np.int32)
            except KeyError:
                new = [point for point in dict.fromkeys(points) if point not in shelf.slots]
            if not self._label(shelf, new):
                shelf = _Shelf(max(PLACES, len(points)), ROOM)
                while not self._label(shelf, list(dict.fromkeys(points))):
                    shelf = _Shelf(len(shelf.bounds), 2 * len(shelf.labels.hub))
                self._shelf = shelf
            return shelf, np.array([shelf.slots[point] for point in points], np.int32)

    def _label(self, shelf: _Shelf, points: list[Place]) -> bool:
        """Label places and put them on a shelf; False when there is no room for them."""
        begin, n = len(shelf.slots), len(points)
        if begin + n > len(shelf.bounds):
            return False
        graph = self._graph
        snaps = _snap(graph, points)
        bearings = np.array([one.bearing if isinstance(one, Stand) else np.nan for one in points], np.float64)
        seat = Seat(snaps.edge, snaps.fraction, snaps.metres, find_sides(graph, snaps, bearings))
        first = np.empty(2 * n + 1, np.int64)
        end = label_places(
            self._hierarchy, graph.net, graph.bans, graph.car, graph.edge_flags, graph.edge_metres, int(Profile.CAR),
            ENTRY, seat, self._scratch, shelf.labels, shelf.used, first,
        )  # fmt: skip
        if end > len(shelf.labels.hub):
            return False
        mine: list[NDArray[Any]] = [*shelf.seat]
        for whole, part in zip(mine, seat, strict=True):
            whole[begin : begin + n] = part
        shelf.bounds[begin : begin + n] = np.stack([first[:-1:2], first[1::2], first[2::2]], axis=1)
        shelf.used = end
        shelf.slots.update(zip(points, range(begin, begin + n), strict=True))
        return True

    @contextmanager
    def _borrow(self) -> Iterator[Board]:
        try:
            board = self._boards.pop()
        except IndexError:
            n = len(self._hierarchy.parent)
            board = Board(np.full(n, FAR, np.int32), np.empty(n, np.int32))
        yield board
        self._boards.append(board)


def _snap(graph: StreetGraph, places: Sequence[Place]) -> Snaps:
    return snap(graph, [(one.lon, one.lat) for one in places], Profile.CAR)


def _straight(origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.float64]:
    metres = [[STRAIGHT_DETOUR * haversine(Point(*a[:2]), Point(*b[:2])) for b in destinations] for a in origins]
    return np.array(metres, np.float64).reshape(len(origins), len(destinations))


def _search(graph: StreetGraph, starts: Snaps, at: int, ends: Snaps) -> NDArray[np.int32]:
    """Search from one place until every other one is reached, further out each time."""
    start = starts.one(at)
    if start is None:
        return np.full(len(ends.edge), NO_WAY, np.int32)
    stretch = np.array([math.cos(math.radians(start.lat)), 1.0]) * 111_195.0
    known = ends.edge >= 0
    far = float(np.hypot(*((ends.at[known] - (start.lon, start.lat)) * stretch).T).max(initial=0.0))
    limit = min(600.0 + far / 10.0, PATIENCE)
    while True:
        walked = (start.metres + float(ends.metres[known].max(initial=0.0))) / WALK_SPEED
        seconds = roll_seconds(roll(graph, start, Profile.CAR, limit + walked), ends)
        if limit >= PATIENCE or (seconds[known] >= 0).all():
            return seconds
        limit = min(4 * limit, PATIENCE)


def _follow(graph: StreetGraph, starts: Snaps, at: int, ends: Snaps) -> list[int]:
    """Return the metres of the ways from one place."""
    start, metres = starts.one(at), []
    for j in range(len(ends.edge)):
        end = ends.one(j)
        way = between(graph, start, end, Profile.CAR) if start and end else None
        metres.append(NO_WAY if way is None else round(way.metres))
    return metres


def warm() -> None:
    """Compile every kernel on a graph of one street, or load them from the cache."""
    graph = one_street()
    hierarchy = build_hierarchy(graph)
    Drives(graph, lambda: hierarchy).seconds([Point(0.002, 0.0)], [Point(0.008, 0.0)])
