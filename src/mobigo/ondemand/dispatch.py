"""Which vehicle takes a ride, and when: the cheapest place in the runs that keeps every promise.

Cost is counted in tenths of a driving second: ten for each second of driving (from the depot to the depot), one for
each second of each ride between the beginning of its promised pick-up and its drop-off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from mobigo.kernels import insertion
from mobigo.kit.geo import Point
from mobigo.ondemand.fleet import NO_LOAD, Fleet, fits, join, pack
from mobigo.ondemand.model import Ask, Capacity, Event, EventKind, Run, Spot

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from mobigo.ondemand.fleet import Block, Times

ENDS = 2

UNPLANNED = 1 << 40
"""Instant of stops whose times are not worked out yet: no vehicle is on its way to them."""

LATEST = 4 * 3_600
"""Seconds by which a ride is looked for later, to say why it is refused."""


class Reason(StrEnum):
    """Why a ride cannot be taken."""

    NO_WAY = "no_way"
    """No road leads from one place to the other."""
    RIDE_TOO_LONG = "ride_too_long"
    """Even without a detour it lasts longer than promised."""
    NO_VEHICLE = "no_vehicle"
    """No vehicle works for the service at that time."""
    TOO_LARGE = "too_large"
    """The party fits into no vehicle that does."""
    FULL = "full"
    """There would be time, but no room."""
    NO_TIME = "no_time"
    """No vehicle can be there in time without breaking a promise."""


SENTENCES = {
    Reason.NO_WAY: "no road leads from the one place to the other",
    Reason.RIDE_TOO_LONG: "the ride takes longer than this service lets anybody ride, even without a detour",
    Reason.NO_VEHICLE: "no vehicle works for this service at that time",
    Reason.TOO_LARGE: "the party does not fit into any vehicle that works for this service at that time",
    Reason.FULL: "the vehicles that could be there in time have no room left",
    Reason.NO_TIME: "no vehicle can be there in time without breaking a promise made to others",
}


@dataclass(frozen=True)
class Refusal:
    """No: and why."""

    reason: Reason

    def __str__(self) -> str:
        return SENTENCES[self.reason]


@dataclass(frozen=True)
class Placement:
    """Where a ride fits best."""

    run: int
    """Id; negative: of a run that is not stored yet."""
    ask: Ask
    pickup: int
    """Position of the pick-up in the new order."""
    drop_off: int
    arrivals: tuple[int, ...]
    """Instants, of every stop of the new order."""
    departures: tuple[int, ...]
    cost: int
    """What it adds, tenths of a driving second."""
    driving: int
    """Seconds that it adds."""

    @property
    def pickup_at(self) -> int:
        """Planned instant of the pick-up."""
        return self.arrivals[self.pickup]

    @property
    def drop_off_at(self) -> int:
        """Planned instant of the drop-off."""
        return self.arrivals[self.drop_off]


# ── finding a place ───────────────────────────────────────────────────────────────────────────────────────────────────


def find_place(
    fleet: Fleet,
    ask: Ask,
    times: Times,
    *,
    now: int = 0,
    exclude: Collection[int] = (),
    only: Collection[int] | None = None,
) -> Placement | Refusal:
    """Find the cheapest place for a ride.

    Parameters
    ----------
    now : int
        Instant; vehicles do not leave towards the ride before. 0: any time.
    exclude : collection of int
        Runs that are not asked.
    only : collection of int, optional
        Ask these runs only.
    """
    return find_places(fleet, [ask], times, now=now, exclude=exclude, only=only)[0]


def find_places(
    fleet: Fleet,
    asks: Sequence[Ask],
    times: Times,
    *,
    now: int = 0,
    exclude: Collection[int] = (),
    only: Collection[int] | None = None,
) -> list[Placement | Refusal]:
    """Find the cheapest place of each of several rides, each as if it were the only one; drives are asked for once."""
    questions = [_Question(fleet, ask, times, now=now, exclude=exclude, only=only) for ask in asks]
    ends = list(dict.fromkeys(point for one in questions for point in one.ends))
    places = list(dict.fromkeys(point for one in questions for point in one.points))
    goals = list(dict.fromkeys([*places, *(one.ends[1] for one in questions)]))
    if not ends:
        return []
    back = times.seconds(ends, goals)
    to = times.seconds(places, ends) if places else np.zeros((0, len(ends)), np.int32)
    row = {point: k for k, point in enumerate(ends)}
    column = {point: k for k, point in enumerate(goals)}
    return [one.answer(to, back, row, column) for one in questions]


class _Question:
    """One ride and the runs that are asked; what straight lines leave of them."""

    def __init__(
        self,
        fleet: Fleet,
        ask: Ask,
        times: Times,
        *,
        now: int,
        exclude: Collection[int],
        only: Collection[int] | None,
    ) -> None:
        self.ask = ask
        self.now = now
        self.ends = (ask.origin.point, ask.destination.point)
        self.block: Block = fleet.block(ask.service, ask.pickup[0], max(ask.pickup[1], ask.drop_off[1]), times)
        self.wish = _wish(ask, now)
        n = len(self.block.ids)
        self.state = np.zeros(n, np.uint8)
        for k, id_ in enumerate(self.block.ids):
            if id_ in exclude or (only is not None and id_ not in only):
                self.state[k] = LEFT_OUT
        self.bounds = _bounds(self.block.longest + 1)
        needed = np.zeros(len(self.block.points), np.uint8)
        ends = np.array(self.ends, np.float64)
        self.left = insertion.screen(
            self.block.runs, self.block.lon, self.block.lat, self.wish, ends, self.bounds, self.state, needed
        )
        self.needed = np.flatnonzero(needed) if self.left else np.zeros(0, np.int64)
        self.points = [self.block.points[k] for k in self.needed.tolist()]

    def answer(
        self,
        to: NDArray[np.int32],
        back: NDArray[np.int32],
        row: dict[Point, int],
        column: dict[Point, int],
    ) -> Placement | Refusal:
        """Find the place, once drives are known."""
        rows = [row[point] for point in self.ends]
        direct = int(back[rows[0], column[self.ends[1]]])
        if direct < 0:
            return Refusal(Reason.NO_WAY)
        if direct > self.ask.longest_ride:
            return Refusal(Reason.RIDE_TOO_LONG)
        if not self.left:
            return Refusal(self._judge())
        columns = [column[point] for point in self.points]
        ways = _ways(self.block, self.ends, direct)
        ways.to[:, self.needed] = to[np.ix_(columns, rows)].T
        ways.back[:, self.needed] = back[np.ix_(rows, columns)]
        for table in (ways.to, ways.back):
            table[table < 0] = insertion.FAR
        order = _order(self.block.longest + ENDS)
        best = np.zeros(5, np.int64)
        candidates = self.state.copy()
        if insertion.insert(self.block.runs, self.wish, ways, order, self.bounds, candidates, best):
            return self._lay_out(ways, order, best)
        lighter = self.wish._replace(load=np.zeros(insertion.N_LOADS, np.int32))
        if insertion.insert(self.block.runs, lighter, ways, order, self.bounds, self.state.copy(), best):
            return Refusal(Reason.FULL)
        return Refusal(Reason.NO_TIME)

    def _lay_out(self, ways: insertion.Ways, order: insertion.Order, best: NDArray[np.int64]) -> Placement:
        run, pickup, drop_off = (int(one) for one in best[:3])
        events = self.block.packed[run].run.events
        arrival, departure = (np.zeros(len(events) + ENDS, np.int64) for _ in range(2))
        found = np.zeros(3, np.int64)
        fits = insertion.lay_out(
            self.block.runs, run, pickup, drop_off, self.wish, ways, order, arrival, departure, found
        )
        assert fits
        departures = departure.tolist()
        for k, one in enumerate(events[: int(found[2])]):
            if one.done:
                departures[k] = one.departure
        return Placement(
            run=self.block.ids[run],
            ask=self.ask,
            pickup=pickup,
            drop_off=drop_off + 1,
            arrivals=tuple(arrival.tolist()),
            departures=tuple(departures),
            cost=int(best[3]),
            driving=int(best[4]),
        )

    def _judge(self) -> Reason:
        came = set(self.state.tolist())
        if insertion.NO_PLACE in came:
            return Reason.NO_TIME
        return Reason.TOO_LARGE if insertion.TOO_SMALL in came else Reason.NO_VEHICLE


LEFT_OUT = 255
"""State of a run that is not asked."""


def _wish(ask: Ask, now: int) -> insertion.Wish:
    return insertion.Wish(
        np.array([ask.pickup, ask.drop_off], np.int64),
        np.array(ask.load, np.int32),
        ask.dwell,
        ask.longest_ride,
        now,
    )


def _ways(block: Block, ends: Sequence[Point], direct: int) -> insertion.Ways:
    """Return the drives of a wish, none of them known yet but the direct one."""
    m = len(block.points)
    place = [block.numbers.get(point, m + k) for k, point in enumerate(ends)]
    if ends[0] == ends[1]:
        place[1] = place[0]
    return insertion.Ways(
        np.full((ENDS, m), insertion.FAR, np.int32),
        np.full((ENDS, m), insertion.FAR, np.int32),
        direct,
        np.array(place, np.int32),
    )


def _order(size: int) -> insertion.Order:
    return insertion.Order(
        kind=np.zeros(size, np.int32),
        earliest=np.zeros(size, np.int64),
        latest=np.zeros(size, np.int64),
        dwell=np.zeros(size, np.int32),
        partner=np.zeros(size, np.int32),
        longest=np.zeros(size, np.int32),
        asked=np.zeros(size, np.int64),
        drive=np.zeros(size, np.int32),
        same=np.zeros(size, np.uint8),
        begin=np.zeros(size, np.int64),
        moved=np.zeros(size, np.int32),
        total=np.zeros(2, np.int64),
    )


def _bounds(size: int) -> insertion.Bounds:
    return insertion.Bounds(
        ready=np.zeros(size, np.int64),
        soon=np.zeros(size, np.int64),
        late=np.zeros(size, np.int64),
        stand=np.zeros(size, np.int32),
        onward=np.zeros(size, np.int32),
    )


def find_lateness(fleet: Fleet, ask: Ask, times: Times, *, now: int = 0, only: Collection[int]) -> int | None:
    """Return by how many seconds a ride would have to be later, at both ends, so that some runs can take it.

    None where not even `LATEST` seconds are enough.
    """

    def fits_later(seconds: int) -> bool:
        later = replace(
            ask,
            pickup=(ask.pickup[0], ask.pickup[1] + seconds),
            drop_off=(ask.drop_off[0], ask.drop_off[1] + seconds),
        )
        return isinstance(find_place(fleet, later, times, now=now, only=only), Placement)

    if not fits_later(LATEST):
        return None
    low, high = 0, LATEST
    while low < high:
        middle = (low + high) // 2
        if fits_later(middle):
            high = middle
        else:
            low = middle + 1
    return low


# ── changing runs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def place(run: Run, placement: Placement, leg: str) -> Run:
    """Return a run with a ride put where it was found to fit.

    Raises
    ------
    ValueError
        When the run has other stops than the one the place was found in.
    """
    ask = placement.ask
    if len(placement.arrivals) != len(run.events) + ENDS:
        raise ValueError(f"run {run.id} has changed since a place was found for ride {leg}: find one again")
    longer = put(run, ask, leg, placement.pickup, placement.drop_off)
    timed = [
        one if one.done else replace(one, arrival=arrival, departure=departure)
        for one, arrival, departure in zip(longer.events, placement.arrivals, placement.departures, strict=True)
    ]
    return replace(longer, events=tuple(timed))


def put(run: Run, ask: Ask, leg: str, pickup: int, drop_off: int) -> Run:
    """Return a run with a ride at two positions of its new order, no times planned for it yet."""
    minus = [-one for one in ask.load]
    events = list(run.events)
    off = minus[0], minus[1], minus[2], minus[3], minus[4]
    when = UNPLANNED, UNPLANNED
    events.insert(pickup, Event(EventKind.PICKUP, ask.origin, *ask.pickup, *when, ask.dwell, leg, ask.load))
    events.insert(drop_off, Event(EventKind.DROP_OFF, ask.destination, *ask.drop_off, *when, ask.dwell, leg, off))
    longest = {**run.longest_ride, leg: ask.longest_ride}
    return replace(run, events=_move_breaks(events, run.depot), longest_ride=longest)


def remove(run: Run, leg: str, times: Times, now: int = 0) -> Run:
    """Return a run without a ride; of one that has begun, what happened stays, with nobody aboard.

    Where the others' promises cannot be kept by the drives as they are known now, their planned times stay.
    """
    kept = [replace(one, load=NO_LOAD) if one.leg == leg else one for one in run.events if one.leg != leg or one.done]
    shorter = replace(
        run,
        events=_move_breaks(kept, run.depot),
        longest_ride={one: seconds for one, seconds in run.longest_ride.items() if one != leg},
        locked=run.locked - {leg},
    )
    return schedule(shorter, times, now) or shorter


def schedule(run: Run, times: Times, now: int = 0) -> Run | None:
    """Work out all planned times of a run anew, in the order it has; None where a promise cannot be kept.

    What has happened, and with `now` what the vehicle is already on its way to, keeps its times.
    """
    if _find_misfit(run) is not None:
        return None
    block = join(pack([run], times))
    n = len(run.events)
    arrival, departure = np.zeros(n, np.int64), np.zeros(n, np.int64)
    found = np.zeros(3, np.int64)
    if not _lay_out_alone(block, now, arrival, departure, found):
        return None
    timed = [
        one if one.done else replace(one, arrival=int(begin), departure=int(end))
        for one, begin, end in zip(run.events, arrival, departure, strict=True)
    ]
    return replace(run, events=_move_breaks(timed, run.depot))


class Rule(StrEnum):
    """What of a run is not as it has to be."""

    ORDER = "order"
    """Somebody gets off before they get on, or something is put before what has happened."""
    ROOM = "room"
    BREAK = "break"
    """Somebody would sit through it."""
    NO_WAY = "no_way"
    WINDOW = "window"
    """A stop is reached too late."""
    RIDE = "ride"
    """Somebody is aboard for too long."""
    SHIFT = "shift"
    """The vehicle is back at its depot too late."""


@dataclass(frozen=True)
class Fault:
    """The first thing for which a run cannot be driven as it is ordered."""

    rule: Rule
    position: int
    """Of the stop; the number of stops for the depot."""
    value: int = 0
    """Instant at which it would be reached, or seconds aboard."""
    bound: int = 0


def find_fault(run: Run, times: Times, now: int = 0) -> Fault | None:
    """Say why a run cannot be driven in the order it has; None where it can."""
    fault = _find_misfit(run)
    if fault is not None or schedule(run, times, now) is not None:
        return fault
    points = [run.depot, *(one.spot.point for one in run.events), run.depot]
    drives = _find_neighbours(points, times)
    frozen = count_frozen(run, times, now)
    begins: list[int] = []
    for position, one in enumerate(run.events):
        if drives[position] < 0:
            return Fault(Rule.NO_WAY, position)
        begin = one.arrival if position < frozen else _begin(run, position, drives[position], begins, now)
        if position >= frozen and begin > one.latest:
            return Fault(Rule.WINDOW, position, begin, one.latest)
        begins.append(begin)
    if drives[-1] < 0:
        return Fault(Rule.NO_WAY, len(run.events))
    back = begins[-1] + run.events[-1].dwell + drives[-1]
    if back > run.end:
        return Fault(Rule.SHIFT, len(run.events), back, run.end)
    rides = [
        (begins[off] - begins[on] - run.events[on].dwell - run.longest_ride[leg], off)
        for leg, (on, off) in _find_ends(run).items()
        if leg in run.longest_ride and off >= frozen
    ]
    excess, off = max(rides)
    leg = run.events[off].leg
    assert leg is not None
    return Fault(Rule.RIDE, off, excess + run.longest_ride[leg], run.longest_ride[leg])


def _find_ends(run: Run) -> dict[str, tuple[int, int]]:
    """Return where each ride begins and ends that does both in a run."""
    on = {one.leg: position for position, one in enumerate(run.events) if one.kind is EventKind.PICKUP}
    return {
        one.leg: (on[one.leg], position)
        for position, one in enumerate(run.events)
        if one.kind is EventKind.DROP_OFF and one.leg is not None and one.leg in on
    }


def _find_neighbours(points: Sequence[Point], times: Times) -> list[int]:
    return [0 if a == b else int(times.seconds([a], [b])[0, 0]) for a, b in pairwise(points)]


def _begin(run: Run, position: int, drive: int, begins: Sequence[int], now: int) -> int:
    """Return when service at a stop begins at the soonest, rides left aside."""
    one = run.events[position]
    if position == 0:
        return max(max(run.start, now) + drive, one.earliest)
    before = run.events[position - 1]
    if one.spot.point == before.spot.point and EventKind.BREAK not in {one.kind, before.kind}:
        return max(begins[-1] + max(0, before.dwell - one.dwell), one.earliest, now)
    return max(max(begins[-1] + before.dwell, now) + drive, one.earliest)


def _find_misfit(run: Run) -> Fault | None:
    """Say at which stop there is no room, somebody sits through a break, or gets off before they got on."""
    aboard = [0, 0, 0, 0, 0]
    for position, one in enumerate(run.events):
        aboard = [a + b for a, b in zip(aboard, one.load, strict=True)]
        if min(aboard) < 0:
            return Fault(Rule.ORDER, position)
        seats, wheelchairs, luggage, bicycles, child_seats = aboard
        if not fits(run.capacity, (seats, wheelchairs, luggage, bicycles, child_seats)):
            return Fault(Rule.ROOM, position)
        if one.kind is EventKind.BREAK and any(aboard):
            return Fault(Rule.BREAK, position)
    return None


def cost(run: Run, times: Times, now: int = 0) -> int:
    """Return what a run costs, tenths of a driving second; by its planned times where it cannot keep its promises."""
    block = join(pack([run], times))
    n = len(run.events)
    found = np.zeros(3, np.int64)
    if _lay_out_alone(block, now, np.zeros(n, np.int64), np.zeros(n, np.int64), found):
        return int(found[0])
    asked = {one.leg: one.earliest for one in run.events if one.kind is EventKind.PICKUP}
    waits = sum(
        one.arrival - asked[one.leg]
        for one in run.events[int(found[2]) :]
        if one.kind is EventKind.DROP_OFF and one.leg in asked
    )
    return insertion.DRIVE_WEIGHT * driving(block) + waits


def driving(block: Block) -> int:
    """Return the seconds that the runs of a block drive in all."""
    return int(block.runs.drive.sum(dtype=np.int64) + block.runs.home.sum(dtype=np.int64))


def count_frozen(run: Run, times: Times, now: int) -> int:
    """Count the stops of a run that nothing can be put before: done, or the vehicle is on its way."""
    return int(insertion.count_frozen(join(pack([run], times)).runs, 0, now))


def _lay_out_alone(
    block: Block, now: int, arrival: NDArray[np.int64], departure: NDArray[np.int64], found: NDArray[np.int64]
) -> bool:
    """Lay out the one run of a block as it is."""
    here = block.packed[0].run.depot
    nobody = Ask("", Spot("", here), Spot("", here), (0, 0), (0, 0), NO_LOAD, 0, 0)
    return bool(
        insertion.lay_out(
            block.runs,
            0,
            -1,
            -1,
            _wish(nobody, now),
            _ways(block, (here, here), 0),
            _order(block.longest + ENDS),
            arrival,
            departure,
            found,
        )
    )


def _move_breaks(events: Sequence[Event], depot: Point) -> tuple[Event, ...]:
    """Let each break be where the vehicle stands then."""
    spot = Spot("", depot)
    found = []
    for one in events:
        moved = replace(one, spot=spot) if one.kind is EventKind.BREAK and one.spot != spot else one
        spot = moved.spot
        found.append(moved)
    return tuple(found)


def warm() -> None:
    """Compile every kernel on one vehicle that stays where it is, or load them from the cache."""
    here = Point(0.0, 0.0)
    run = Run(1, "", "", ("",), Capacity((1, 0, 0, 0, 0)), here, date(2000, 1, 1), 0, 3600, ())
    ask = Ask("", Spot("", here), Spot("", here), (0, 60), (0, 600), (1, 0, 0, 0, 0), 600)
    times = _Nowhere()
    found = find_place(Fleet([run]), ask, times)
    assert isinstance(found, Placement)
    count_frozen(place(run, found, "ride"), times, 0)


class _Nowhere:
    """Drives between places that are one."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return nothing but zeros."""
        return np.zeros((len(origins), len(destinations)), np.int32)
