"""Which vehicle takes a ride, and when: the cheapest place in the runs that keeps every promise.

Cost is counted in tenths of a driving second: ten for each second of driving (from the depot to the depot), one for
each second of each ride between the beginning of its promised pick-up and its drop-off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

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

LEFT_OUT = 255
"""State of a run that is not asked."""

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
    direct: int | None = None,
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
    direct : int, optional
        Seconds of the drive from end to end, where they are known; -1 where there is no way.
    """
    if direct is None:
        direct = _drive(times, ask.origin.point, ask.destination.point)
    if direct < 0:
        return Refusal(Reason.NO_WAY)
    if direct > ask.longest_ride:
        return Refusal(Reason.RIDE_TOO_LONG)
    block = fleet.block(ask.service, ask.pickup[0], max(ask.pickup[1], ask.drop_off[1]), times)
    state = np.zeros(len(block.ids), np.uint8)
    if exclude or only is not None:
        for k, id_ in enumerate(block.ids):
            if id_ in exclude or (only is not None and id_ not in only):
                state[k] = LEFT_OUT
    question = _Question(block, ask, _wish(ask, now), direct, _bounds(block.longest + 1), state)
    ways = _find_ways(question, times)
    if ways is None:
        return Refusal(_judge(state))
    order = _order(block.longest + ENDS)
    best = np.zeros(5, np.int64)
    if insertion.insert(block.runs, question.wish, ways, order, question.bounds, state.copy(), best):
        return _lay_out(question, ways, order, best)
    lighter = question.wish._replace(load=np.zeros(insertion.N_LOADS, np.int32))
    if insertion.insert(block.runs, lighter, ways, order, question.bounds, state, best):
        return Refusal(Reason.FULL)
    return Refusal(Reason.NO_TIME)


class _Question(NamedTuple):
    """A ride, and the runs that are asked."""

    block: Block
    ask: Ask
    wish: insertion.Wish
    direct: int
    """Seconds."""
    bounds: insertion.Bounds
    state: NDArray[np.uint8]
    """uint8[n_runs], how far each came."""


def _drive(times: Times, origin: Point, destination: Point) -> int:
    return 0 if origin == destination else int(times.seconds([origin], [destination])[0, 0])


def _find_ways(question: _Question, times: Times) -> insertion.Ways | None:
    """Find the drives that matter to a ride; None where no run comes into question, `state` says why."""
    block, ask = question.block, question.ask
    ends = [ask.origin.point, ask.destination.point]
    reaches = [block.reach(end) for end in ends]
    needed = np.zeros(len(block.points), np.uint8)
    least = np.stack([one.least for one in reaches])
    if not insertion.screen(block.runs, question.wish, least, question.direct, question.bounds, question.state, needed):
        return None
    wanted = needed.astype(np.bool_)
    lacking = [k for k, one in enumerate(reaches) if (wanted & ~one.known).any()]
    if lacking:
        places = np.flatnonzero(wanted & ~np.logical_and.reduce([reaches[k].known for k in lacking]))
        points = [block.points[place] for place in places.tolist()]
        asked = [ends[k] for k in lacking]
        to, back = times.seconds(points, asked), times.seconds(asked, points)
        for column, k in enumerate(lacking):
            reaches[k].learn(places, to[:, column], back[column])
    return insertion.Ways(
        np.stack([one.to for one in reaches]),
        np.stack([one.back for one in reaches]),
        question.direct,
        _number_ends(block, ends),
    )


def _number_ends(block: Block, ends: Sequence[Point]) -> NDArray[np.int32]:
    """Return which place of a block each end is, or a number of its own."""
    m = len(block.points)
    first, second = (block.numbers.get(point, m + k) for k, point in enumerate(ends))
    return np.array([first, first if ends[0] == ends[1] else second], np.int32)


def _lay_out(question: _Question, ways: insertion.Ways, order: insertion.Order, best: NDArray[np.int64]) -> Placement:
    """Work out the times of the run where a ride costs least."""
    block = question.block
    run, pickup, drop_off, cost_, driven = best.tolist()
    events = block.packed[run].run.events
    arrival, departure = np.zeros(len(events) + ENDS, np.int64), np.zeros(len(events) + ENDS, np.int64)
    found = np.zeros(3, np.int64)
    keeps = insertion.lay_out(block.runs, run, pickup, drop_off, question.wish, ways, order, arrival, departure, found)
    assert keeps
    departures = departure.tolist()
    for k, one in enumerate(events[: int(found[2])]):
        if one.done:
            departures[k] = one.departure
    return Placement(
        run=block.ids[run],
        ask=question.ask,
        pickup=pickup,
        drop_off=drop_off + 1,
        arrivals=tuple(arrival.tolist()),
        departures=tuple(departures),
        cost=cost_,
        driving=driven,
    )


def _judge(state: NDArray[np.uint8]) -> Reason:
    came = set(state.tolist())
    if insertion.NO_PLACE in came:
        return Reason.NO_TIME
    return Reason.TOO_LARGE if insertion.TOO_SMALL in came else Reason.NO_VEHICLE


def _wish(ask: Ask, now: int) -> insertion.Wish:
    return insertion.Wish(
        np.array([ask.pickup, ask.drop_off], np.int64),
        np.array(ask.load, np.int32),
        ask.dwell,
        ask.longest_ride,
        now,
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
    none = np.zeros((ENDS, 0), np.int32)
    nowhere = insertion.Ways(none, none, 0, np.zeros(ENDS, np.int32))
    return bool(
        insertion.lay_out(
            block.runs,
            0,
            -1,
            -1,
            _wish(nobody, now),
            nowhere,
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
