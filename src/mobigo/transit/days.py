"""Day views: the timetable of the days around one date laid flat for the search kernel.

A view for departures holds the runs that are still under way at the date's local midnight or later: of the days before
as far as their times reach past midnight, of the date and the day after, and of further days as long as they are few
(`MANY_EVENTS`): where service is sparse the next possible departure may be days away. A view for arrivals is the same
towards the past, and runs backwards.
"""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from hashlib import sha256
from threading import Lock, get_ident
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.kernels import trip_based as kernels
from mobigo.kernels.places import locate
from mobigo.kernels.trip_based import MOST_TRIPS, NEVER, DayView
from mobigo.kit.packed import map_packed, write_packed
from mobigo.transit.approach import cumulate, group, list_ways
from mobigo.transit.footpaths import FORBIDDEN_CHANGE
from mobigo.transit.model import Direction
from mobigo.transit.soonest import Soonest, bound_soonest, draw_squares, no_bounds
from mobigo.transit.timetable import (
    LINKED,
    NOT_LINKED,
    Timetable,
    begin_day,
    day_number,
    freeze,
    last_day,
    list_running,
    zone_of,
)
from mobigo.transit.transfers import find_special_changes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from mobigo.kernels.approach import Ways
    from mobigo.transit.footpaths import Footpaths
    from mobigo.transit.model import Ride
    from mobigo.transit.transfers import SpecialChanges

DAY = 86_400
CLOCK_CHANGE = 7_200
"""Seconds by which local midnight may lie apart from noon minus 12 h where clocks change, and then some."""
MANY_EVENTS = 60_000
"""Stop times of a view from which on no further day is added; the day after (or before) is always in it."""
FAR = 10_000
"""Days a view spans at most."""
MANY_CELLS = 2_500
"""Cells of a view's lower bounds at most; memory grows with their square."""
FEW_CHANGES, FEW_CELLS = 2_000_000, 500
"""Changes and cells of a view that is laid out whole within some tenths of a second."""
KEPT_VIEWS = 6
"""Day views of one timetable held in memory."""
KEPT_WALKS = 2
"""Other walks between stops, of wheelchairs for one, whose day views are held in memory."""
KEPT_ON_DISK = 40
"""Day views of one network that stay written."""


class _Runs(NamedTuple):
    """Runs of a view."""

    trip: NDArray[np.int32]
    day: NDArray[np.int32]
    """int32[n], service day, days after the view's."""
    shift: NDArray[np.int64]
    """int64[n], what to add to the trip's stop times for seconds after the view's base."""
    block: NDArray[np.int32]
    """int32[n], block in which one may stay seated on that day, else -1."""
    linked: NDArray[np.uint8]
    """uint8[n], 1 when transfers.txt links the run to one that there is, in the view or after it."""


class DayViews:
    """The views of one timetable, laid out when first asked for and kept; safe to share between threads.

    Parameters
    ----------
    folder : Path, optional
        Where views are written and from where they are mapped, so that all processes of a home lay out each once and
        share its pages; None keeps them in the memory of this process.
    base : DayViews, optional
        Of the timetable without live data: a day they leave alone has its view. The others are laid out without hops,
        which takes milliseconds; `lay_hops` adds them.
    """

    def __init__(
        self,
        timetable: Timetable,
        footpaths: Footpaths,
        folder: Path | None = None,
        base: DayViews | None = None,
    ) -> None:
        self.timetable = timetable
        self.footpaths = footpaths
        self.zone = zone_of(timetable)
        self.folder = folder
        self.base = base
        self._views: dict[tuple[int, Direction, int], DayView] = {}
        self._unbounded: dict[tuple[int, Direction, int], Path] = {}
        """Where the bounds of views at hand will be written."""
        self._laying: dict[tuple[int, Direction, int], Lock] = {}
        self._walking: list[DayViews] = []
        self._ways: list[tuple[DayView, Ways]] = []
        self._lock = Lock()

    def view(self, day: int, direction: Direction, more_days: int = 0) -> DayView:
        """Return the view for a day (days since 1970); a window over midnight needs more days.

        A thread that asks for a view being laid out by another waits for that one view only.
        """
        key = (day, direction, more_days)
        view = self._views.get(key)
        if view is not None and (key not in self._unbounded or not self._unbounded[key].exists()):
            return view
        with self._lock:
            laying = self._laying.setdefault(key, Lock())
        with laying:
            view = self._views.get(key)
            if view is None or key in self._unbounded:
                view = self._open(*key)
                with self._lock:
                    while len(self._views) >= KEPT_VIEWS and key not in self._views:
                        old = next(iter(self._views))
                        self._unbounded.pop(old, None)
                        del self._views[old]
                    self._views[key] = view
                    self._laying.pop(key, None)
        return view

    def find_held(self, day: int, direction: Direction, more_days: int = 0) -> DayView | None:
        """Return the view where this process has it at hand."""
        return self._views.get((day, direction, more_days))

    def is_ready(self, day: int, direction: Direction, more_days: int = 0) -> bool:
        """Tell whether a view can be had without laying it out."""
        if (day, direction, more_days) in self._views:
            return True
        runs = _collect_runs(self.timetable, day, direction, more_days)
        if self._is_as_base(runs, day, direction, more_days):
            assert self.base is not None
            return self.base.is_ready(day, direction, more_days)
        if self.folder is None:
            return False
        place = self.folder / self._name(runs, direction)
        return place.exists() or (self.base is not None and _bare(place).exists())

    @property
    def metres(self) -> NDArray[np.int32]:
        """How far it is along the patterns of the timetable, see `Timetable.pattern_metres`."""
        return self.timetable.pattern_metres

    def walking(self, footpaths: Footpaths) -> DayViews:
        """Return the same days with other walks between stops, without hops, in the memory of this process."""
        with self._lock:
            for other in self._walking:
                if other.footpaths is footpaths:
                    return other
            other = DayViews(self.timetable, footpaths, base=self)
            self._walking = [other, *self._walking][:KEPT_WALKS]
            return other

    @cached_property
    def at_once(self) -> DayViews:
        """The same days for somebody in a hurry: whole where they are laid out, else without hops."""
        return _AtOnce(self)

    def lay_hops(self, day: int, direction: Direction, more_days: int = 0) -> None:
        """Lay out and write the whole view of a day that live data change, for those who open it from now on."""
        assert self.folder is not None, "views in memory are for one process, which lays out what it asks for"
        runs = _collect_runs(self.timetable, day, direction, more_days)
        place = self.folder / self._name(runs, direction)
        if not place.exists() and not self._is_as_base(runs, day, direction, more_days):
            _write(place, lay_out(self.timetable, self.footpaths, runs, direction))

    def lay_bounds(self, day: int, direction: Direction, more_days: int = 0) -> None:
        """Work out when one can be anywhere at the soonest on a day, which searches do well without, but slower.

        Those who have the day open find them the next time they ask for it.
        """
        key = (day, direction, more_days)
        view = self.view(*key)
        if len(view.soonest) or not len(view.hop_first):
            return
        if self.folder is None:
            bounds = bound_soonest(self.timetable, view, self.ways(view))
            with self._lock:
                self._views[key] = _add_bounds(view, bounds)
            return
        if (place := self._unbounded.get(key)) is not None:
            _write(place, bound_soonest(self.timetable, view, self.ways(view)))

    def ways(self, view: DayView) -> Ways:
        """Return how one comes to stops and lines in one of these views; worked out once."""
        for known, ways in self._ways:
            if known is view:
                return ways
        ways = list_ways(view)
        self._ways = [(view, ways), *self._ways][:KEPT_VIEWS]
        return ways

    def is_light(self, day: int, direction: Direction, more_days: int = 0) -> bool:
        """Tell whether a view is there from which one sees that the day is soon laid out whole."""
        if not self.is_ready(day, direction, more_days):
            return False
        view = self.view(day, direction, more_days)
        return len(view.cell_seconds) <= FEW_CELLS and _count_changes(view) <= FEW_CHANGES

    def prune(self, kept: int = KEPT_ON_DISK) -> None:
        """Remove the written views that were not used for longest, but for so many."""
        if self.folder is None or not self.folder.exists():
            return
        used = sorted(self.folder.iterdir(), key=lambda view: view.stat().st_mtime_ns, reverse=True)
        for old in used[kept:]:
            shutil.rmtree(old)

    def _open(self, day: int, direction: Direction, more_days: int) -> DayView:
        """Map the view, or lay it out."""
        runs = _collect_runs(self.timetable, day, direction, more_days)
        if self._is_as_base(runs, day, direction, more_days):
            assert self.base is not None
            return self.base.view(day, direction, more_days)
        hops = self.base is None
        if self.folder is None:
            return _date(lay_out(self.timetable, self.footpaths, runs, direction, hops=hops), day, self.zone)
        place = self.folder / self._name(runs, direction)
        if not hops and not place.exists():
            place = _bare(place)
        if not place.exists():
            _write(place, lay_out(self.timetable, self.footpaths, runs, direction, hops=hops))
        os.utime(place)
        view = _date(map_packed(place, DayView), day, self.zone)
        bounds = place.with_name(f"{place.name}-bounds")
        try:
            os.utime(bounds)
            view = _add_bounds(view, map_packed(bounds, Soonest))
            self._unbounded.pop((day, direction, more_days), None)
        except FileNotFoundError:
            if len(view.hop_first):
                self._unbounded[day, direction, more_days] = bounds
        return view

    def _is_as_base(self, runs: _Runs, day: int, direction: Direction, more_days: int) -> bool:
        """Tell whether live data leave alone all that a view holds."""
        if self.base is None or self.base.footpaths is not self.footpaths:
            return False
        if runs.trip.max(initial=-1) >= len(self.base.timetable.trip_route):
            return False
        same = _collect_runs(self.base.timetable, day, direction, more_days)
        return _digest(runs) == _digest(same)

    def _name(self, runs: _Runs, direction: Direction) -> str:
        """Name a view by what runs in it: days that are alike, as most Tuesdays are, share one."""
        digest = sha256(_digest(runs))
        if self.base is not None:  # trips that live data appended are others the next time
            timetable = self.timetable
            start = len(self.base.timetable.trip_route)
            calls = slice(timetable.call_first[start], None)
            for of_trips in (timetable.trip_route, timetable.trip_known_as, timetable.call_first):
                digest.update(np.ascontiguousarray(of_trips[start:]).data)
            for of_calls in (
                timetable.call_stop,
                timetable.call_arrival,
                timetable.call_departure,
                timetable.call_pickup,
                timetable.call_drop_off,
            ):
                digest.update(np.ascontiguousarray(of_calls[calls]).data)
            digest.update(np.ascontiguousarray(timetable.trip_pattern[start:]).data)
        return f"{direction.name.lower()}-{digest.hexdigest()[:16]}"


class _AtOnce(DayViews):
    """Views of which none is laid out with hops while somebody waits."""

    def __init__(self, whole: DayViews) -> None:
        super().__init__(whole.timetable, whole.footpaths)
        self._whole = whole

    def view(self, day: int, direction: Direction, more_days: int = 0) -> DayView:
        whole = self._whole.find_held(day, direction, more_days)
        return super().view(day, direction, more_days) if whole is None else whole

    def is_ready(self, day: int, direction: Direction, more_days: int = 0) -> bool:
        return (day, direction, more_days) in self._views or self._whole.is_ready(day, direction, more_days)

    def _open(self, day: int, direction: Direction, more_days: int) -> DayView:
        whole = self._whole
        if whole.is_ready(day, direction, more_days):
            return whole.view(day, direction, more_days)
        runs = _collect_runs(self.timetable, day, direction, more_days)
        if whole.folder is None:
            return _date(lay_out(self.timetable, self.footpaths, runs, direction, hops=False), day, self.zone)
        place = _bare(whole.folder / whole._name(runs, direction))  # noqa: SLF001 - the same days
        if not place.exists():
            _write(place, lay_out(self.timetable, self.footpaths, runs, direction, hops=False))
        os.utime(place)
        return _date(map_packed(place, DayView), day, self.zone)


def _digest(runs: _Runs) -> bytes:
    digest = sha256()
    for column in runs:
        digest.update(np.ascontiguousarray(column).data)
    return digest.digest()


def _bare(place: Path) -> Path:
    """Where the view is written while it has no hops."""
    return place.with_name(f"{place.name}-bare")


def _write(place: Path, view: DayView | Soonest) -> None:
    """Write a view, or its bounds; what is half written is never found under its name."""
    new = place.with_name(f"{place.name}.{os.getpid()}.{get_ident()}.new")
    write_packed(new, view)
    try:
        new.rename(place)
    except OSError:  # another process was quicker, or another day that is alike
        shutil.rmtree(new)


def _date(view: DayView, day: int, zone: ZoneInfo) -> DayView:
    """Give a view its date; it is laid out as if its day were the first of all."""
    dated = view._replace(base=np.array([begin_day(day, zone)], np.int64), trip_day=view.trip_day + np.int32(day))
    return freeze(dated._replace(places=locate(dated[:-1])))


def _add_bounds(view: DayView, bounds: Soonest) -> DayView:
    bounded = view._replace(**bounds._asdict())
    return freeze(bounded._replace(places=locate(bounded[:-1])))


def lay_out(
    timetable: Timetable, footpaths: Footpaths, runs: _Runs, direction: Direction, *, hops: bool = True
) -> DayView:
    """Lay out the view of some runs and a direction; its base and days count from the view's own day.

    Without `hops` it is bare: it has neither hops nor lower bounds, their arrays have no rows.
    """
    specials = find_special_changes(timetable, footpaths, runs.trip)
    runs, line_trip, line_class = _sort_into_lines(timetable, runs, specials.trip_class)
    first = timetable.call_first[runs.trip]
    length = np.diff(timetable.call_first)[runs.trip].astype(np.int32)
    arrival, departure = kernels.lay_events(first, length, runs.shift, timetable.call_arrival, timetable.call_departure)
    leaders = line_trip[:-1]
    pattern = timetable.trip_pattern[runs.trip[leaders]]
    positions = _spread(timetable.pattern_first[pattern], length[leaders])
    seats = _link_seats(timetable, runs)
    lines = _Lines(
        line_trip=line_trip.astype(np.int32),
        line_position=cumulate(length[leaders]),
        stop=timetable.pattern_stop[positions],
        board=timetable.pattern_board[positions],
        alight=timetable.pattern_alight[positions],
        arrival=arrival,
        departure=departure,
        row=runs.trip,
        day=runs.day,
        kind=line_class,
        seats=seats,
    )
    changes = _list_changes(footpaths, specials)
    if direction is Direction.ARRIVE:
        lines = _mirror(lines)
        changes = _turn(changes)
    view, n_cells = _index(timetable, lines, _lay_changes(changes, len(timetable.stop_lat)), direction)
    return _finish(view, n_cells) if hops else view


class _Lines(NamedTuple):
    """Lines with their events, in one direction of time."""

    line_trip: NDArray[np.int32]
    line_position: NDArray[np.int32]
    stop: NDArray[np.int32]
    board: NDArray[np.uint8]
    alight: NDArray[np.uint8]
    arrival: NDArray[np.int32]
    departure: NDArray[np.int32]
    row: NDArray[np.int32]
    day: NDArray[np.int32]
    kind: NDArray[np.int32]
    """int32[n_lines], see `DayView.line_class`."""
    seats: NDArray[np.int32]
    """int32[n, 2], trip and the trip it goes on as."""


class _Changes(NamedTuple):
    """Walks between stops, and the changes that differ by class, in one direction of time."""

    origin: NDArray[np.int32]
    target: NDArray[np.int32]
    seconds: NDArray[np.int32]
    change: NDArray[np.int32]
    guaranteed: NDArray[np.uint8]
    walk: NDArray[np.int32]
    """int32[n_specials], row of the walk."""
    from_class: NDArray[np.int32]
    to_class: NDArray[np.int32]
    special: NDArray[np.int32]
    """int32[n_specials], seconds from alighting to boarding, -1 where forbidden."""
    special_guaranteed: NDArray[np.uint8]


def _spread(first: NDArray[np.int64], length: NDArray[np.int32]) -> NDArray[np.int64]:
    """Concatenate the ranges that begin at `first` and are `length` long."""
    before = np.cumsum(length) - length
    return np.repeat(first - before, length) + np.arange(int(length.sum()))


class _Days:
    """The runs of one service day after another."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self.zones = [ZoneInfo(name) for name in timetable.zones.all()]
        first = timetable.call_first
        self.start = timetable.call_departure[first[timetable.run_trip]] + timetable.run_shift
        self.end = timetable.call_arrival[first[timetable.run_trip + 1] - 1] + timetable.run_shift
        self.plan = _find_plan(timetable, timetable.run_trip, timetable.run_shift)
        self.links = _Links(timetable, self.start, self.end)

    def list(self, number: int, day: int, *, since: int = -NEVER, until: int = NEVER) -> _Runs:
        """List the runs of a service day, as a view of another day has them.

        Parameters
        ----------
        number, day : int
            The service day and the view's, days since 1970.
        since, until : int
            Runs that are over before the one or begin after the other are left out; seconds of the view.
        """
        timetable = self.timetable
        base = begin_day(day, self.zones[0])
        running = list_running(timetable, number)
        block = _blocks_that_hold(timetable, running, *self.plan)
        begins = np.array(
            [[begin_day(there, zone) - base for zone in self.zones] for there in (number, number + 1)], np.int64
        )
        offset = begins[0, timetable.trip_zone[timetable.run_trip]]
        linked = self.links.find(number, running, begins)
        picked = np.flatnonzero(running & (self.end + offset >= since) & (self.start + offset <= until))
        return _Runs(
            timetable.run_trip[picked],
            np.full(len(picked), number - day, np.int32),
            timetable.run_shift[picked] + offset[picked],
            block[picked],
            linked[picked],
        )


def _collect_runs(timetable: Timetable, day: int, direction: Direction, more_days: int) -> _Runs:
    """Find the runs of the days that matter, those over before the day begins (or begun after it ends) left out."""
    n_calls = np.diff(timetable.call_first)
    days = _Days(timetable)
    reach = int(days.end.max(initial=0)) // DAY + 1
    limit = {"since": -CLOCK_CHANGE} if direction is Direction.DEPART else {"until": DAY + CLOCK_CHANGE}
    parts: list[_Runs] = []
    n_events = 0
    for near, number in _days_outwards(timetable, day, direction, more_days, reach):
        if not near and n_events > MANY_EVENTS:
            break
        parts.append(days.list(number, day, **limit))
        n_events += int(n_calls[parts[-1].trip].sum())
    return _join(parts)


def _join(parts: list[_Runs]) -> _Runs:
    return _Runs(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def goes_on(timetable: Timetable, before: Ride, after: Ride) -> bool:
    """Tell whether the vehicle of one run goes on as the other, as the views of its day have it.

    That both are of one block is not enough: they may be of different days or modes, have another trip between them,
    overlap others of the block, or be parted by transfers.txt.
    """
    numbers = [day_number(ride.service_date) for ride in (before, after)]
    ends = [int(timetable.trip_known_as[ride.trip]) for ride in (before, after)]
    block = int(timetable.trip_block[before.trip])
    in_block = block >= 0 and block == timetable.trip_block[after.trip] and numbers[0] == numbers[1]
    rows = timetable.link_from == ends[0]
    if not in_block and not (rows & (timetable.link_to == ends[1])).any():
        return False
    trip = timetable.run_trip
    near = np.isin(trip, [before.trip, after.trip])
    if in_block:
        near |= timetable.trip_block[trip] == block
    if rows.any():
        near |= np.isin(timetable.trip_known_as[trip], timetable.link_to[rows])
    few = timetable._replace(
        link_from=timetable.link_from[rows],
        link_to=timetable.link_to[rows],
        link_type=timetable.link_type[rows],
        run_trip=trip[near],
        run_shift=timetable.run_shift[near],
        run_repeats=timetable.run_repeats[near],
    )
    days = _Days(few)
    runs = _join([days.list(number, numbers[0]) for number in sorted(set(numbers))])
    names = list(zip(runs.trip.tolist(), runs.day.tolist(), strict=True))
    asked = (before.trip, 0), (after.trip, numbers[1] - numbers[0])
    return any((names[x], names[y]) == asked for x, y in _link_seats(few, runs).tolist())


A = TypeVar("A", np.int32, np.int64)


def _find_plan(timetable: Timetable, trip: NDArray[np.int32], shift: NDArray[A]) -> tuple[NDArray[A], NDArray[A]]:
    """First departure and last arrival of runs by the timetable: of those that live data changed, before that."""
    known = timetable.trip_known_as[trip]
    plan = np.where(known >= 0, known, trip)
    starts = (timetable.call_departure[timetable.call_first[plan]] + shift).astype(shift.dtype)
    return starts, (timetable.call_arrival[timetable.call_first[plan + 1] - 1] + shift).astype(shift.dtype)


def _blocks_that_hold(
    timetable: Timetable, running: NDArray[np.bool_], starts: NDArray[np.int32], ends: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Block of each run of a service day; -1 without one, and where trips of the block overlap: no vehicle does both.

    Starts and ends are those of the timetable: that a trip is late does not undo its block. Trips with frequencies are
    in no block.
    """
    block = np.where(running & (timetable.run_repeats == 0), timetable.trip_block[timetable.run_trip], -1)
    members = np.flatnonzero(block >= 0)
    members = members[np.lexsort((ends[members], starts[members], block[members]))]
    group = block[members].astype(np.int64) << 32
    latest = np.maximum.accumulate(group + ends[members]) if len(members) else group
    overlap = (group[1:] == group[:-1]) & (group[1:] + starts[members[1:]] < latest[:-1])
    block[np.isin(block, block[members[1:][overlap]])] = -1
    return block.astype(np.int32)


def _days_outwards(
    timetable: Timetable, day: int, direction: Direction, more_days: int, reach: int
) -> Iterable[tuple[bool, int]]:
    """Service days in the order they matter, and whether they must be in the view."""
    if direction is Direction.DEPART:
        for number in range(day - reach, day + 2 + more_days):
            yield True, number
        for number in range(day + 2 + more_days, min(last_day(timetable) + 1, day + FAR)):
            yield False, number
    else:
        for number in range(day + 1, day - reach - 2 - more_days, -1):
            yield True, number
        for number in range(day - reach - 2 - more_days, max(int(timetable.first_day[0]) - 1, day - FAR), -1):
            yield False, number


def _sort_into_lines(
    timetable: Timetable, runs: _Runs, run_class: NDArray[np.int32]
) -> tuple[_Runs, NDArray[np.int64], NDArray[np.int32]]:
    """Sort runs into lines of one class; the first run of each line and the number of runs at the end, the classes."""
    first = timetable.call_first[runs.trip]
    length = np.diff(timetable.call_first)[runs.trip].astype(np.int32)
    pattern = timetable.trip_pattern[runs.trip]
    starts = timetable.call_departure[first] + runs.shift
    ends = timetable.call_arrival[first + length - 1] + runs.shift
    order = np.lexsort((ends, starts, run_class, pattern))
    pattern, run_class = pattern[order], run_class[order]
    group = np.zeros(len(order), np.int32)
    group[1:] = np.cumsum((pattern[1:] != pattern[:-1]) | (run_class[1:] != run_class[:-1]))
    line = kernels.split_lines(
        group, first[order], length[order], runs.shift[order], timetable.call_arrival, timetable.call_departure
    )
    again = np.lexsort((line, group))  # stable: within a line the order of time stays
    group, line, order = group[again], line[again], order[again]
    new = np.ones(len(order), np.bool_)
    new[1:] = (group[1:] != group[:-1]) | (line[1:] != line[:-1])
    leaders = np.flatnonzero(new)
    nth = np.arange(len(order)) - np.repeat(leaders, np.diff(np.append(leaders, len(order))))
    leaders = np.flatnonzero(nth % MOST_TRIPS == 0)
    sorted_runs = _Runs(runs.trip[order], runs.day[order], runs.shift[order], runs.block[order], runs.linked[order])
    return sorted_runs, np.concatenate((leaders, [len(order)])), run_class[again][leaders]


def _link_seats(timetable: Timetable, runs: _Runs) -> NDArray[np.int32]:
    """Find which runs each vehicle goes on as: blocks of one service day, then linked trips.

    Trips of a block that holds that day and by the timetable follow one another, with the same route_type, where the
    next does not begin before this one ends as they run now; transfers.txt adds links (type 4), which take the place of
    the block, and takes links away (type 5).
    """
    starts = timetable.call_departure[timetable.call_first[runs.trip]] + runs.shift
    ends = timetable.call_arrival[timetable.call_first[runs.trip + 1] - 1] + runs.shift
    block = runs.block
    mode = timetable.route_type[timetable.trip_route[runs.trip]] if len(timetable.route_type) else block
    members = np.flatnonzero(block >= 0)
    first, last = _find_plan(timetable, runs.trip, runs.shift)
    members = members[np.lexsort((last[members], first[members], runs.day[members], block[members]))]
    a, b = members[:-1], members[1:]
    joined = (block[a] == block[b]) & (runs.day[a] == runs.day[b]) & (mode[a] == mode[b]) & (ends[a] <= starts[b])
    joined &= runs.linked[a] == 0
    pairs = {(int(x), int(y)) for x, y in zip(a[joined], b[joined], strict=True)}
    pairs |= _follow_links(timetable, runs, LINKED, starts, ends)
    pairs -= _follow_links(timetable, runs, NOT_LINKED, starts, ends)
    return np.array(_break_circles(sorted(pairs), starts == ends), np.int32).reshape(-1, 2)


def _break_circles(pairs: list[tuple[int, int]], brief: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Leave out links that close a circle; only trips that take no time can be linked to one."""
    if not brief.any():
        return pairs
    after: dict[int, list[int]] = {}
    kept = []
    for x, y in pairs:
        if brief[x] and brief[y]:
            seen, fresh = {y}, [y]
            while fresh and x not in seen:
                new = set(after.get(fresh.pop(), ())) - seen
                seen |= new
                fresh.extend(new)
            if x in seen:
                continue
            after.setdefault(x, []).append(y)
        kept.append((x, y))
    return kept


def _follow_links(
    timetable: Timetable, runs: _Runs, kind: int, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> set[tuple[int, int]]:
    """Find the runs of a view that rules of one type are about."""
    of_trip: dict[int, dict[int, list[int]]] = {}
    for run, trip in _list_linked(timetable, runs.trip):
        of_trip.setdefault(trip, {}).setdefault(int(runs.day[run]), []).append(run)
    return {
        (x, y)
        for before, after, later in _list_links(timetable, kind)
        for day, firsts in of_trip.get(before, {}).items()
        for x in firsts
        for y in of_trip.get(after, {}).get(day + later, ())
        if ends[x] <= starts[y]
    }


def _list_linked(timetable: Timetable, trips: NDArray[np.int32]) -> list[tuple[int, int]]:
    """Places of the trips that links are about, and as which trip those know them; trips with frequencies are not."""
    if not len(timetable.link_from):
        return []
    known = timetable.trip_known_as[trips]
    named = np.isin(known, np.concatenate([timetable.link_from, timetable.link_to]))
    named &= ~np.isin(known, timetable.run_trip[timetable.run_repeats > 0])
    places = np.flatnonzero(named)
    return list(zip(places.tolist(), known[places].tolist(), strict=True))


def _list_links(timetable: Timetable, kind: int) -> list[tuple[int, int, int]]:
    """Pairs of trips of one type, and how many service days later the second is.

    It is of the same day where it leaves, by the timetable, no earlier than the first arrives, else of the day after.
    """
    rows = timetable.link_type == kind
    before, after = timetable.link_from[rows], timetable.link_to[rows]
    able = (np.diff(timetable.call_first)[before] > 0) & (np.diff(timetable.call_first)[after] > 0)
    before, after = before[able], after[able]
    end = timetable.call_arrival[timetable.call_first[before + 1] - 1]
    later = timetable.call_departure[timetable.call_first[after]] < end
    return list(zip(before.tolist(), after.tolist(), later.astype(int).tolist(), strict=True))


class _Links:
    """Which runs of a day are linked to a run that there is, so that their blocks do not say how they go on."""

    def __init__(self, timetable: Timetable, starts: NDArray[np.int32], ends: NDArray[np.int32]) -> None:
        self.timetable, self.starts, self.ends = timetable, starts, ends
        self.zone = timetable.trip_zone[timetable.run_trip]
        self.links = _list_links(timetable, LINKED)
        self.runs: dict[int, list[int]] = {}
        for run, trip in _list_linked(timetable, timetable.run_trip) if self.links else ():
            self.runs.setdefault(trip, []).append(run)

    def find(self, day: int, running: NDArray[np.bool_], begins: NDArray[np.int64]) -> NDArray[np.uint8]:
        """uint8[n_runs], 1 where a run of the day is linked to one of that day or the next.

        `begins` is int64[2, n_zones], the seconds at which the day and the next begin: where clocks change they are not
        24 h apart, and which run can follow is a matter of instants, as in `_follow_links`.
        """
        linked = np.zeros(len(running), np.uint8)
        if not self.links:
            return linked
        there = (running, list_running(self.timetable, day + 1))
        for before, after, later in self.links:
            for x in self.runs.get(before, ()):
                over = self.ends[x] + begins[0, self.zone[x]]
                linked[x] |= running[x] and any(
                    there[later][y] and over <= self.starts[y] + begins[later, self.zone[y]]
                    for y in self.runs.get(after, ())
                )
        return linked


def _mirror(lines: _Lines) -> _Lines:
    """Turn time round: everything backwards, times negated, boarding and alighting swapped."""
    n_trips, n_positions = lines.line_trip[-1], lines.line_position[-1]
    return _Lines(
        line_trip=n_trips - lines.line_trip[::-1],
        line_position=n_positions - lines.line_position[::-1],
        stop=lines.stop[::-1],
        board=lines.alight[::-1],
        alight=lines.board[::-1],
        arrival=-lines.departure[::-1],
        departure=-lines.arrival[::-1],
        row=lines.row[::-1],
        day=lines.day[::-1],
        kind=lines.kind[::-1],
        seats=(n_trips - 1 - lines.seats[:, ::-1]).astype(np.int32),
    )


def _list_changes(footpaths: Footpaths, specials: SpecialChanges) -> _Changes:
    """Take the walks, and those that are only there for some vehicles, forbidden to all others."""
    n_stops = len(footpaths.first) - 1
    origin = np.repeat(np.arange(n_stops, dtype=np.int32), np.diff(footpaths.first))
    walk = specials.walk.copy()
    extra = np.flatnonzero(walk < 0)
    pairs = specials.origin[extra].astype(np.int64) * n_stops + specials.target[extra]
    _, leaders, row = np.unique(pairs, return_index=True, return_inverse=True)
    walk[extra] = len(origin) + row
    leaders = extra[leaders]
    return _Changes(
        np.concatenate([origin, specials.origin[leaders]]),
        np.concatenate([footpaths.target, specials.target[leaders]]),
        np.concatenate([footpaths.seconds, specials.seconds[leaders]]),
        np.concatenate([footpaths.change, np.full(len(leaders), FORBIDDEN_CHANGE, np.int32)]),
        np.concatenate([footpaths.guaranteed, np.zeros(len(leaders), np.uint8)]),
        walk,
        specials.from_class,
        specials.to_class,
        specials.change,
        specials.guaranteed,
    )


def _turn(changes: _Changes) -> _Changes:
    """Turn walks round: from their target to their origin."""
    return changes._replace(
        origin=changes.target, target=changes.origin, from_class=changes.to_class, to_class=changes.from_class
    )


class _Walks(NamedTuple):
    """Fields of `DayView`."""

    walk_first: NDArray[np.int32]
    walk_target: NDArray[np.int32]
    walk_seconds: NDArray[np.int32]
    walk_change: NDArray[np.int32]
    walk_guaranteed: NDArray[np.uint8]
    special_first: NDArray[np.int32]
    special_from: NDArray[np.int32]
    special_to: NDArray[np.int32]
    special_change: NDArray[np.int32]
    special_guaranteed: NDArray[np.uint8]


def _lay_changes(changes: _Changes, n_stops: int) -> _Walks:
    """Lay walks and special changes out by stop."""
    order = np.lexsort((changes.target, changes.origin))
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    walk = place[changes.walk]
    by_walk = np.lexsort((changes.to_class, changes.from_class, walk))
    return _Walks(
        cumulate(np.bincount(changes.origin, minlength=n_stops)),
        changes.target[order],
        changes.seconds[order],
        changes.change[order],
        changes.guaranteed[order],
        cumulate(np.bincount(walk, minlength=len(order))),
        changes.from_class[by_walk],
        changes.to_class[by_walk],
        changes.special[by_walk],
        changes.special_guaranteed[by_walk],
    )


def _index(timetable: Timetable, lines: _Lines, walks: _Walks, direction: Direction) -> tuple[DayView, int]:
    """Index the lines by stop; also returns the number of cells."""
    n_stops = len(timetable.stop_lat)
    n_lines = len(lines.line_position) - 1
    length = np.diff(lines.line_position)
    trip_line = np.repeat(np.arange(n_lines, dtype=np.int32), np.diff(lines.line_trip))
    event = cumulate(length[trip_line])[:-1]
    served = np.zeros(n_stops, np.bool_)
    served[lines.stop] = True
    stop_cell, n_cells = draw_squares(timetable, served, MANY_CELLS)
    boardable = np.flatnonzero(lines.board).astype(np.int32)
    stop_first, stop_position = group(lines.stop[boardable], n_stops, boardable)
    stay_first, stay_trip = group(lines.seats[:, 0], len(trip_line), lines.seats[:, 1])
    onward = _list_onward(lines, trip_line)
    nothing = np.zeros(0, np.int32)
    view = DayView(
        base=np.zeros(1, np.int64),
        mirrored=np.array([direction is Direction.ARRIVE], np.uint8),
        line_position=np.ascontiguousarray(lines.line_position),
        line_trip=np.ascontiguousarray(lines.line_trip),
        position_line=np.repeat(np.arange(n_lines, dtype=np.int32), length),
        position_stop=np.ascontiguousarray(lines.stop),
        position_cell=np.where(lines.alight, stop_cell[lines.stop], n_cells).astype(np.int32),
        position_board=np.ascontiguousarray(lines.board),
        position_alight=np.ascontiguousarray(lines.alight),
        position_quick=nothing,
        trip_line=trip_line,
        trip_shift=(event - lines.line_position[trip_line]).astype(np.int32),
        trip_row=np.ascontiguousarray(lines.row),
        trip_day=np.ascontiguousarray(lines.day),
        arrival=np.ascontiguousarray(lines.arrival),
        departure=np.ascontiguousarray(lines.departure),
        stay_first=stay_first,
        stay_trip=stay_trip,
        onward_first=onward[0],
        onward_table=onward[1],
        onward_line=onward[2],
        onward_trip=onward[3],
        onward_by=onward[4],
        stop_first=stop_first,
        stop_position=stop_position,
        line_class=np.ascontiguousarray(lines.kind),
        **walks._asdict(),
        hop_first=np.zeros((0, 2), np.int32),
        hop=np.zeros((0, 3), np.int32),
        stop_cell=stop_cell,
        cell_seconds=np.zeros((0, 0), np.uint16),
        cell_rides=np.zeros((0, 0), np.uint8),
        position_key=nothing,
        **no_bounds(n_stops)._asdict(),
        places=np.zeros((0, 3), np.int64),
    )
    return freeze(view), n_cells


def _finish(view: DayView, n_cells: int) -> DayView:
    """Find the hops and the lower bounds."""
    view = freeze(view._replace(position_quick=kernels.find_quickest(view)))
    key, n_keys = _tell_apart(view)
    hop_first, hop = kernels.link_trips(view, key, n_keys)
    cell_seconds, cell_rides = _bound(view, n_cells)
    return freeze(
        view._replace(
            hop_first=hop_first,
            hop=hop,
            cell_seconds=cell_seconds,
            cell_rides=cell_rides,
            position_key=_tell_again(view, key, n_keys),
        )
    )


def _count_changes(view: DayView) -> int:
    """Count what one might change to, at all events together: laying out hops takes as long."""
    if not len(view.line_position) - 1:
        return 0
    origin = np.repeat(np.arange(len(view.walk_first) - 1), np.diff(view.walk_first))
    lines = np.diff(view.stop_first)[view.walk_target]
    at_stop = np.bincount(origin, weights=lines, minlength=len(view.walk_first) - 1)
    on_line = np.add.reduceat(at_stop[view.position_stop], view.line_position[:-1])
    return int((on_line * np.diff(view.line_trip)).sum())


def _tell_apart(view: DayView) -> tuple[NDArray[np.int32], int]:
    """Number the stops, and apart from them those with a class for which changes from there differ.

    Arriving early at a stop makes arriving late there useless only where the changes to follow are the same.

    Returns
    -------
    int32[n_positions], number at each position; how many there are
    """
    n_stops = len(view.stop_first) - 1
    if not len(view.special_from):
        return view.position_stop, n_stops
    origin = np.repeat(np.arange(n_stops, dtype=np.int64), np.diff(view.walk_first))
    stop = np.repeat(origin, np.diff(view.special_first))
    n_classes = int(max(view.line_class.max(initial=0), view.special_from.max())) + 1
    apart = np.unique(stop * n_classes + view.special_from)
    own = view.position_stop.astype(np.int64) * n_classes + view.line_class[view.position_line]
    row = np.minimum(np.searchsorted(apart, own), len(apart) - 1)
    key = np.where(apart[row] == own, n_stops + row, view.position_stop)
    return key.astype(np.int32), n_stops + len(apart)


def _tell_again(view: DayView, key: NDArray[np.int32], n_keys: int) -> NDArray[np.int32]:
    """Number the positions by `key`, from 0, those where their line has been before each for itself."""
    pairs = view.position_line.astype(np.int64) * n_keys + key
    _, first = np.unique(pairs, return_index=True)
    again = np.ones(len(key), np.bool_)
    again[first] = False
    apart = np.where(again, n_keys + np.cumsum(again), key)
    return np.unique(apart, return_inverse=True)[1].astype(np.int32)


def _list_onward(lines: _Lines, trip_line: NDArray[np.int32]) -> tuple[NDArray[np.int32], ...]:
    """For each line, and each line its trips go on as: the earliest trip of that one from each trip on."""
    n_lines = len(lines.line_position) - 1
    after: dict[int, list[int]] = {}
    for a, b in lines.seats.tolist():
        after.setdefault(a, []).append(b)
    tables: dict[tuple[int, int], dict[int, int]] = {}
    line_of = trip_line.tolist()
    for trip, direct in after.items():
        seen: set[int] = set()
        fresh = list(direct)
        while fresh:
            other = fresh.pop()
            if other in seen:
                continue
            seen.add(other)
            entry = tables.setdefault((line_of[trip], line_of[other]), {})
            entry[trip] = min(other, entry.get(trip, NEVER))
            fresh.extend(after.get(other, ()))
    table: list[int] = []
    keys = sorted(tables)
    trips, sitting = [], []
    size = 0
    for line, other in keys:
        start, end = int(lines.line_trip[line]), int(lines.line_trip[line + 1])
        best = np.full(end - start, NEVER, np.int32)
        by = np.arange(start, end, dtype=np.int32)
        for trip, onward in tables[line, other].items():
            best[trip - start] = onward
        for at in range(end - start - 2, -1, -1):
            if best[at + 1] < best[at]:
                best[at], by[at] = best[at + 1], by[at + 1]
        table.append(size)
        size += end - start
        trips.append(best)
        sitting.append(by)
    first = cumulate(np.bincount(np.array([key[0] for key in keys], np.int64), minlength=n_lines))
    if not keys:
        return first, *(np.zeros(0, np.int32) for _ in range(4))
    onto = np.array([key[1] for key in keys], np.int32)
    return first, np.array(table, np.int32), onto, np.concatenate(trips), np.concatenate(sitting)


def _bound(view: DayView, n_cells: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Lower bounds between cells on time and on rides."""
    served = np.flatnonzero(view.stop_cell >= 0).astype(np.int32)
    cell_first, cell_stop = group(view.stop_cell[served], n_cells, served)
    ways = list_ways(view)
    cell_seconds = kernels.bound_seconds(ways.first, ways.source, ways.seconds, cell_first, cell_stop, view.stop_cell)
    cell_rides = kernels.bound_rides(
        view,
        ways.before_first,
        ways.before,
        ways.call_first,
        ways.call_position,
        ways.back_first,
        ways.back,
        cell_first,
        cell_stop,
    )
    return cell_seconds, cell_rides
