"""Where a car goes, when, and who sits in it where: laid out when it is offered, and again with whoever books.

Nothing here knows a database or a clock. A stop's planned time is that of the arrival; the car leaves when its dwell is
over: where it stops anyway, getting on or off takes no time of its own. Whoever is put in may delay others only as far
as each stop's bound (`RunStop.latest`) allows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mobigo.carpool.match import DELAY_GUARD, DETOUR_SHARE, DWELL
from mobigo.carpool.model import BookingState, RunState, RunStop
from mobigo.carpool.states import OPEN
from mobigo.kit.errors import InvalidInput, Refused
from mobigo.street.drives import STRAIGHT_SPEED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from mobigo.carpool.model import Run, Seat
    from mobigo.kit.geo import Point

GUARD = timedelta(seconds=DELAY_GUARD)

NEW = 0
"""Id of a stop that is not written down yet."""

NO_WAY = -1

SILENT = 900
"""Seconds for which a car on its way may be overdue at a stop before it is taken to have been there unreported."""

SAME = 1e-6
"""Degrees."""


class Times(Protocol):
    """Ways by car, as `mobigo.street.drives.Drives` has them."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return int32[n_origins, n_destinations], -1 where there is no way."""

    def metres(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return int32[n_origins, n_destinations], likewise."""


class Spot(NamedTuple):
    """A place where a car stops."""

    name: str
    point: Point
    line_stop: str | None = None


class Fit(NamedTuple):
    """A run with somebody put in."""

    stops: tuple[RunStop, ...]
    """Those that are new have the id `NEW`."""
    board: int
    """Number of the stop where they get on."""
    alight: int


@dataclass(frozen=True)
class Asked:
    """Seats that somebody wants, as far as the plan matters."""

    board: int | Spot
    """Id of a stop of the run, or a place."""
    alight: int | Spot
    seats: int
    ready_at: datetime | None = None
    """Nobody is there before."""
    board_by: datetime | None = None
    there_by: datetime | None = None


def lay_out(
    way: Sequence[Spot],
    departs_at: datetime,
    times: Times,
    *,
    metres: Sequence[int] | None = None,
    share: float = DETOUR_SHARE,
) -> tuple[RunStop, ...]:
    """Lay out a run without passengers.

    Parameters
    ----------
    metres : sequence of int, optional
        Of each stop from the first one, as its line has them; measured on the road unless told. Between stops of a
        line that the loaded streets do not reach, times are estimated from them.
    share : float
        Of the driver's own time that detours may take.

    Raises
    ------
    InvalidInput
        When it goes nowhere (``invalid_run``).
    Refused
        When no road leads from one place to the next (``no_way``).
    """
    points = [spot.point for spot in way]
    at = [0]
    for index, (a, b) in enumerate(pairwise(points)):
        seconds = int(times.seconds([a], [b])[0, 0])
        if seconds == NO_WAY and metres is not None:
            seconds = ceil((metres[index + 1] - metres[index]) / STRAIGHT_SPEED)
        if seconds == NO_WAY:
            raise Refused(
                f"no road leads from {way[index].name} to {way[index + 1].name}; move them onto a street", code="no_way"
            )
        at.append(at[-1] + seconds)
    if not at[-1]:
        raise InvalidInput(f"the run begins at {way[0].name} and ends there; say where it goes", code="invalid_run")
    if metres is None:
        metres = [0]
        for a, b in pairwise(points):
            metres.append(metres[-1] + max(0, int(times.metres([a], [b])[0, 0])))
    spare = int(share * at[-1])
    found = []
    for spot, after, far in zip(way, at, metres, strict=True):
        planned = departs_at + timedelta(seconds=after)
        latest = planned + timedelta(seconds=spare)
        found.append(
            RunStop(NEW, spot.name, spot.point, far, planned, latest, line_stop=spot.line_stop, driver_latest=latest)
        )
    return tuple(found)


def free_seats(run: Run, bookings: Iterable[Seat]) -> list[int]:
    """Return the seats free from each stop of a run to the next; behind the last one there are none."""
    number = {stop.id: index for index, stop in enumerate(run.stops)}
    free = [run.seats] * (len(run.stops) - 1) + [0]
    for one in bookings:
        if one.run == run.id and one.state is not BookingState.CANCELLED:
            for index in range(number[one.board], number[one.alight]):
                free[index] -= one.seats
    return free


def next_stop(run: Run) -> int:
    """Return the number of the first stop where a car is still to come; of all passed, how many there are."""
    passed = [index for index, stop in enumerate(run.stops) if stop.passed_at is not None]
    return passed[-1] + 1 if passed else 0


# ── putting in ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Node(NamedTuple):
    """A stop of a plan that is tried."""

    place: int
    """Row of the table of ways."""
    dwell: int
    not_before: float
    bound: float
    """Seconds after the first stop's planned time, as `not_before`."""


def find_fit(run: Run, bookings: Iterable[Seat], asked: Asked, times: Times, now: datetime) -> Fit | None:
    """Find the stops where a run can take somebody, so that the car arrives as little later as can be.

    Returns
    -------
    None where it cannot take them without breaking a promise, or without a seat.
    """
    search = _Search(run, list(bookings), asked, times, now)
    return search.find()


class _Search:
    """All ways to put somebody into a run."""

    def __init__(self, run: Run, bookings: list[Seat], asked: Asked, times: Times, now: datetime) -> None:
        self.run = run
        self.bookings = bookings
        self.asked = asked
        self.times = times
        self.origin = run.stops[0].planned_at
        self.first = next_stop(run)
        self.free = free_seats(run, bookings)
        self.spots = [spot for spot in (self._spot(asked.board), self._spot(asked.alight)) if spot is not None]
        points = [stop.point for stop in run.stops] + [spot.point for spot in self.spots]
        self.ways = times.seconds(points, points).tolist()
        late = _find_delay(run, self.first, now)
        delay = timedelta(seconds=late)
        self.now = ceil(self._second(now - delay))
        self.ready = self.now if asked.ready_at is None else max(self.now, ceil(self._second(asked.ready_at - delay)))
        self.board_by = float("inf") if asked.board_by is None else self._second(asked.board_by - delay)
        self.there_by = float("inf") if asked.there_by is None else self._second(asked.there_by - delay)
        self.nodes = [
            _Node(
                index,
                stop.dwell,
                self._second(stop.planned_at),
                max(self._second(stop.latest) - late, self._second(stop.planned_at)),
            )
            for index, stop in enumerate(run.stops)
        ]
        for (a, one), (b, other) in pairwise(enumerate(self.nodes)):  # roads may have changed since
            planned = other.not_before - one.not_before - one.dwell
            if self.ways[a][b] == NO_WAY or self.ways[a][b] > planned:
                self.ways[a][b] = planned

    def _spot(self, end: int | Spot) -> Spot | None:
        return None if isinstance(end, int) or self._at(end) is not None else end

    def _at(self, end: int | Spot) -> int | None:
        """Return the number of the run's own stop that is meant, if it is one."""
        for index, stop in enumerate(self.run.stops):
            if stop.id == end or (isinstance(end, Spot) and _same(stop.point, end.point)):
                return index
        return None

    def _second(self, at: datetime) -> float:
        return (at - self.origin).total_seconds()

    def find(self) -> Fit | None:
        best: tuple[float, float, Fit] | None = None
        for i, new_board in self._places(self.asked.board):
            for j, new_alight in self._places(self.asked.alight):
                if j < i or (j == i and not new_alight):
                    continue
                found = self._try(i, j, new_board=new_board, new_alight=new_alight)
                if found is not None and (best is None or found[:2] < best[:2]):
                    best = found
        return None if best is None else best[2]

    def _places(self, end: int | Spot) -> Iterator[tuple[int, bool]]:
        """List where one could stop: at one of the run's stops, or at a new one after it."""
        known = self._at(end)
        if known is not None:
            if known >= self.first:
                yield known, False
        elif isinstance(end, Spot):
            for index in range(self.first, len(self.run.stops) - 1):
                yield index, True

    def _try(self, i: int, j: int, *, new_board: bool, new_alight: bool) -> tuple[float, float, Fit] | None:
        """Put somebody in between two stops; the car's arrival at its end, theirs, and the plan."""
        if any(seats < self.asked.seats for seats in self.free[i : j + new_alight]):
            return None
        n = len(self.run.stops)
        board_row, alight_row = n, n + new_board
        nodes = list(self.nodes)
        board = i + new_board
        alight = j + new_alight + new_board
        if new_alight:
            nodes.insert(j + 1, _Node(alight_row, DWELL, float("-inf"), self.there_by))
        else:
            nodes[j] = nodes[j]._replace(bound=min(nodes[j].bound, self.there_by))
        if new_board:
            nodes.insert(i + 1, _Node(board_row, DWELL, self.ready, self.board_by))
        else:
            nodes[i] = nodes[i]._replace(bound=min(nodes[i].bound, self.board_by))
            if not self.now <= nodes[i].not_before <= nodes[i].bound:
                return None
            if self.asked.ready_at is not None and self.ready > nodes[i].not_before:
                if i == 0:  # nobody waits before setting out
                    return None
                nodes[i] = nodes[i]._replace(not_before=self.ready)
        at = self._drive(nodes)
        if at is None:
            return None
        return at[-1], at[alight], Fit(self._write(nodes, at), board, alight)

    def _drive(self, nodes: Sequence[_Node]) -> list[float] | None:
        """Return when the car is where; None where it would be too late, or there is no way."""
        at = [nodes[0].not_before]
        for one, other in pairwise(nodes):
            way = self.ways[one.place][other.place]
            if way == NO_WAY:
                return None
            there = max(at[-1] + one.dwell + way, other.not_before)
            if there > other.bound:
                return None
            at.append(there)
        return at

    def _write(self, nodes: Sequence[_Node], at: Sequence[float]) -> tuple[RunStop, ...]:
        stops = []
        for node, second in zip(nodes, at, strict=True):
            planned = self.origin + timedelta(seconds=second)
            if node.place < len(self.run.stops):
                stop = self.run.stops[node.place]
            else:
                spot = self.spots[node.place - len(self.run.stops)]
                stop = RunStop(NEW, spot.name, spot.point, 0, planned, planned, line_stop=spot.line_stop)
            stops.append(replace(stop, planned_at=planned, dwell=node.dwell))
        return _measure(stops, self.times, self.run)


def _find_delay(run: Run, ahead: int, now: datetime) -> int:
    """Return by how many seconds a car is late: on its way it is not yet where it has not reported to have been."""
    if run.state is not RunState.DRIVING or ahead >= len(run.stops):
        return run.delay
    overdue = ceil((now - run.stops[ahead].planned_at).total_seconds())
    return max(run.delay, min(overdue, run.delay + SILENT))


def _same(a: Point, b: Point) -> bool:
    """Tell whether two points are the same to a decimetre."""
    return abs(a.lon - b.lon) < SAME and abs(a.lat - b.lat) < SAME


def _measure(stops: Sequence[RunStop], times: Times, run: Run) -> tuple[RunStop, ...]:
    """Give new stops their metres: of a line those between its stops, shared out; else as far as the road is."""
    found = [stops[0]]
    shift = 0
    begin = 0
    for end in range(1, len(stops)):
        if stops[end].id == NEW:
            continue
        legs = [max(0, int(times.metres([a.point], [b.point])[0, 0])) for a, b in pairwise(stops[begin : end + 1])]
        planned = stops[end].metres - stops[begin].metres
        if end == begin + 1:
            legs = [planned]
        elif run.line is not None:
            legs = [round(planned * sum(legs[: k + 1]) / max(1, sum(legs))) for k in range(len(legs))]
            legs = [far - before for before, far in pairwise([0, *legs])]
        base = stops[begin].metres + shift
        for stop, far in zip(stops[begin + 1 : end + 1], _sums(legs), strict=True):
            found.append(replace(stop, metres=base + far))
        shift = found[-1].metres - stops[end].metres
        begin = end
    return tuple(found)


def _sums(values: Iterable[int]) -> Iterator[int]:
    total = 0
    for one in values:
        total += one
        yield total


# ── what is promised, and taking out ──────────────────────────────────────────────────────────────────────────────────


def bind(stops: Iterable[RunStop], bookings: Iterable[Seat]) -> tuple[RunStop, ...]:
    """Set each stop's bound to the smallest of the driver's and of what those who have booked were promised."""
    bounds: dict[int, list[datetime]] = {}
    for one in bookings:
        if one.state in OPEN:
            for id_, at in ((one.board, one.board_at), (one.alight, one.alight_at)):
                if at is not None:
                    bounds.setdefault(id_, []).append(at + GUARD)
    found = []
    for stop in stops:
        here = bounds.get(stop.id, [])
        if stop.driver_latest is not None:
            here = [*here, stop.driver_latest]
        found.append(replace(stop, latest=max(stop.planned_at, min(here, default=stop.planned_at))))
    return tuple(found)


def take_out(run: Run, bookings: Sequence[Seat], times: Times) -> tuple[RunStop, ...]:
    """Return a run's stops where some bookings are no more: it does not go where nobody needs it to.

    Nobody who is to be fetched is fetched earlier than they know.
    """
    needed = {id_ for one in bookings if one.state in OPEN for id_ in (one.board, one.alight)}
    fetched = {one.board for one in bookings if one.state in OPEN}
    left = next_stop(run)
    kept = [
        stop
        for index, stop in enumerate(run.stops)
        if index < left or stop.driver_latest is not None or stop.id in needed
    ]
    found = kept[: max(1, left)]
    for stop in kept[len(found) :]:
        before = found[-1]
        seconds = int(times.seconds([before.point], [stop.point])[0, 0])
        there = before.planned_at + timedelta(seconds=before.dwell + max(0, seconds))
        if seconds == NO_WAY or there > stop.planned_at or stop.id in fetched:
            there = stop.planned_at
        found.append(replace(stop, planned_at=there))
    return bind(_shorten(found, times, run), bookings)


def _shorten(stops: Sequence[RunStop], times: Times, run: Run) -> tuple[RunStop, ...]:
    """Take the detours that are no more off the metres; those of lines never have them."""
    if run.line is not None:
        return tuple(stops)
    old = [stop.id for stop in run.stops]
    found = [stops[0]]
    for before, stop in pairwise(stops):
        follows = old.index(stop.id) == old.index(before.id) + 1
        far = stop.metres - before.metres if follows else max(0, int(times.metres([before.point], [stop.point])[0, 0]))
        found.append(replace(stop, metres=found[-1].metres + far))
    return tuple(found)
