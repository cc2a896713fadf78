"""Runs rearranged between bookings: the same promises with less driving, or nothing.

A large neighbourhood search. Again and again a few runs near one another are opened for some hours around a ride, and
OR-Tools (`ondemand.improve`) looks for a better order of what lies there. What it proposes is timed anew by
`ondemand.dispatch` and taken only where every run holds and the runs together cost less; at the very end all runs are
compared with those of the beginning, by a check that knows nothing of the search. So it may only improve.

Never touched: what has happened, what a vehicle is already driving towards, who is aboard, what lies outside the slice.
Legs that the staff tied to a run stay in it, and so do those whose service the other vehicle does not do.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import structlog

from mobigo.kernels.insertion import DRIVE_WEIGHT
from mobigo.kit.geo import haversine
from mobigo.ondemand import dispatch
from mobigo.ondemand.fleet import fits, join, pack
from mobigo.ondemand.model import LOADS, EventKind
from mobigo.ondemand.solver import Problem, Room, Route, Solver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mobigo.kit.geo import Point
    from mobigo.ondemand.fleet import Times
    from mobigo.ondemand.model import Capacity, Event, Load, Run

log = structlog.get_logger()

LEAD = 180
"""Seconds from now in which nothing is changed: the driver must hear of it before setting out."""

SLICE = 4_500
"""Seconds, in all, that a neighbourhood reaches before and after the ride it is drawn around; more if it is quiet."""

MOST_RUNS, MOST_STOPS = 10, 150
"""Of a neighbourhood."""

SEARCH, SEARCH_STOP = 40, 2
"""Milliseconds that OR-Tools searches one neighbourhood, and for each of its stops."""

PATIENCE = 3
"""Neighbourhoods in vain, per run, after which it is as good as it gets."""

LATER = 1 << 40
"""Instant of stops whose times are yet to be worked out: none of these is taken for one the vehicle drives to."""

UNREACHED = 10_000_000
"""Seconds between places without a way: more than any run has."""


class Move(NamedTuple):
    """A leg that changed its vehicle."""

    leg: str
    before: int
    """Run."""
    after: int


@dataclass(frozen=True)
class Improvement:
    """What became of the runs."""

    runs: tuple[Run, ...]
    """Those that changed."""
    saved: Mapping[int, int]
    """By run, what it costs less (more, where negative); of those that changed."""
    before: int
    """Cost of all runs, as `dispatch.cost` has it."""
    after: int
    moves: tuple[Move, ...]
    tried: int
    """Neighbourhoods searched."""


class _Part(NamedTuple):
    """The slice of a run that is open: its events `first` to `last`, the last not included."""

    run: Run
    first: int
    last: int


def improve(
    runs: Sequence[Run],
    times: Times,
    solver: Solver,
    *,
    now: int,
    seconds: float,
    services: Mapping[str, str],
    held: frozenset[str] = frozenset(),
    underway: frozenset[str] = frozenset(),
    seed: int = 0,
) -> Improvement:
    """Rearrange the runs of one operator so that they cost less.

    Parameters
    ----------
    runs
        Of days that touch; those that do not hold as they are stay as they are.
    now
        Instant.
    seconds
        How long it may take, about.
    services
        By leg, the service it was booked for: it may move to runs that do that service.
    held
        Legs that must stay in their run, beside those that are locked: their driver knows of them.
    underway
        Legs that a driver has set out for or waits for: nothing is put before their pick-up.
    seed
        Of the draws of neighbourhoods.
    """
    end = time.perf_counter() + seconds
    chance = random.Random(seed)  # noqa: S311 - no secret is drawn
    search = _Search(runs, times, now + LEAD, services=services, held=held | underway, underway=underway, chance=chance)
    before = search.cost()
    tried = idle = 0
    patience = PATIENCE * max(2, len(search.runs))
    while time.perf_counter() < end and idle < patience:
        parts = search.draw()
        if parts is None:
            break
        tried += 1
        idle = 0 if search.rearrange(parts, solver) else idle + 1
    changed = [run for run in search.runs.values() if run is not search.given[run.id]]
    given = [search.given[run.id] for run in changed]
    faults = list_faults(given, changed, services, held | underway)
    faults += [fault for run in changed for fault in list_road_faults(run, times, search.frozen(run))]
    if faults:
        log.error("an improvement would have broken a promise and is not taken", faults=faults[:5])
        return Improvement((), {}, before, before, (), tried)
    saved = {run.id: search.saved(run.id) for run in changed}
    return Improvement(tuple(changed), saved, before, search.cost(), _moves(search.given, changed), tried)


def list_faults(
    before: Sequence[Run], after: Sequence[Run], services: Mapping[str, str], held: frozenset[str]
) -> list[str]:
    """Compare runs with what they were: what is promised and no longer kept, in words."""
    faults = []
    old = {key: (run, event) for run in before for key, event in _keyed(run)}
    new = {key: (run, event) for run in after for key, event in _keyed(run)}
    if old.keys() != new.keys() or sum(len(run.events) for run in after) != len(old):
        faults.append(f"not the same stops: {sorted(map(str, old.keys() ^ new.keys()))[:5]}")
        return faults
    for key, (run, event) in new.items():
        was_run, was = old[key]
        tied = event.leg is None or event.leg in was_run.locked or event.leg in held or was.done
        if run.id != was_run.id and (tied or services.get(event.leg or "") not in run.services):
            faults.append(f"{key} must stay in run {was_run.id}, is in {run.id}")
        if (event.earliest, event.latest, event.dwell, event.load) != (was.earliest, was.latest, was.dwell, was.load):
            faults.append(f"{key} is not what it was")
        if not was.done and not event.earliest <= event.arrival <= event.latest:
            faults.append(f"{key} at {event.arrival} is outside {event.earliest} to {event.latest}")
    for run in after:
        faults.extend(_list_faults(run))
    return faults


def _list_faults(run: Run) -> list[str]:
    """Check a run by itself: what is aboard, for how long, and its shift."""
    faults: list[str] = []
    aboard = [0] * len(LOADS)
    picked: dict[str, int] = {}
    for event in run.events:
        aboard = [some + more for some, more in zip(aboard, event.load, strict=True)]
        seats, wheelchairs, luggage, bicycles, child_seats = aboard
        if not fits(run.capacity, (seats, wheelchairs, luggage, bicycles, child_seats)):
            faults.append(f"run {run.id}: {aboard} do not fit after {event.leg}")
        if event.leg is None:
            if picked:
                faults.append(f"run {run.id}: somebody is aboard in the break at {event.arrival}")
        elif event.kind is EventKind.PICKUP:
            picked[event.leg] = event.arrival + event.dwell
        elif event.arrival - picked.pop(event.leg, -UNREACHED) > run.longest_ride[event.leg] and not event.done:
            faults.append(f"run {run.id}: {event.leg} is aboard for too long, or was not picked up")
    if picked:
        faults.append(f"run {run.id}: {sorted(picked)} are never brought anywhere")
    if [event.done for event in run.events] != sorted((event.done for event in run.events), reverse=True):
        faults.append(f"run {run.id}: a stop that has happened comes after one that has not")
    if any(not event.done and not run.start <= event.arrival <= event.departure <= run.end for event in run.events):
        faults.append(f"run {run.id}: a stop lies outside its shift")
    return faults


def list_road_faults(run: Run, times: Times, first: int) -> list[str]:
    """Compare the planned times of a run, from one of its stops on, with what it takes to drive."""
    packed = join(pack([run], times)).runs
    faults = []
    for number, event in enumerate(run.events[first:], first):
        drive = int(packed.drive[number])
        if number:
            before = run.events[number - 1]
            soonest = before.arrival + _span(before, event, drive)
        else:
            soonest = run.start + drive
        if event.arrival < soonest:
            faults.append(f"run {run.id}: a stop at {event.arrival} cannot be reached before {soonest}")
    if run.events and run.events[-1].departure + int(packed.home[0]) > run.end:
        faults.append(f"run {run.id}: is not back at its depot by {run.end}")
    return faults


def _keyed(run: Run) -> list[tuple[tuple[object, ...], Event]]:
    """Name each event; a break is known by its run and its own times."""
    return [
        ((event.kind, event.leg) if event.leg else (event.kind, run.id, event.earliest, event.latest), event)
        for event in run.events
    ]


def _moves(given: Mapping[int, Run], changed: Sequence[Run]) -> tuple[Move, ...]:
    home = {event.leg: run.id for run in given.values() for event in run.events if event.leg}
    return tuple(
        Move(event.leg, home[event.leg], run.id)
        for run in changed
        for event in run.events
        if event.leg and event.kind is EventKind.PICKUP and home[event.leg] != run.id
    )


class _Search:
    """The runs as they are by now, and what was found out about them."""

    def __init__(
        self,
        runs: Sequence[Run],
        times: Times,
        at: int,
        *,
        services: Mapping[str, str],
        held: frozenset[str],
        underway: frozenset[str],
        chance: random.Random,
    ) -> None:
        self._times, self._at, self._chance = times, at, chance
        self._services, self._held, self._underway = services, held, underway
        self.given: dict[int, Run] = {}
        self.runs: dict[int, Run] = {}
        self._costs: dict[int, int] = {}
        self._latest: dict[int, list[int]] = {}
        self._frozens: dict[int, int] = {}
        for run in runs:
            timed = dispatch.schedule(run, times, at)
            if timed is not None and run.end > at:
                self.given[run.id] = run
                self._put(run, dispatch.cost(timed, times, at))
        self._given_costs = dict(self._costs)

    def saved(self, run: int) -> int:
        """Return what a run costs less than it did."""
        return self._given_costs[run] - self._costs[run]

    def cost(self) -> int:
        """Cost of all runs."""
        return sum(self._costs.values())

    def _put(self, run: Run, cost: int) -> None:
        self.runs[run.id] = run
        self._costs[run.id] = cost
        self._latest.pop(run.id, None)
        self._frozens.pop(run.id, None)

    # ── which part is opened ──────────────────────────────────────────────────────────────────────────────────────────

    def draw(self) -> list[_Part] | None:
        """Choose runs near a ride drawn by lot, each open for the hours around it; None: nothing can be changed."""
        rides = [
            (run, event)
            for run in self.runs.values()
            for event in run.events[self.frozen(run) :]
            if event.kind is EventKind.PICKUP
        ]
        if not rides:
            return None
        around, ride = self._chance.choice(rides)
        reach = SLICE // 2
        while True:
            parts = self._draw_around(around, ride, reach)
            stops = sum(part.last - part.first for part in parts)
            if 2 * stops >= MOST_STOPS or reach > around.end - around.start:
                return parts
            reach *= 2  # where little is going on, more of the day

    def _draw_around(self, around: Run, ride: Event, reach: int) -> list[_Part]:
        begin, end = ride.arrival - reach, ride.arrival + reach
        near = sorted(
            (run for run in self.runs.values() if run.start < end and begin < run.end and run is not around),
            key=lambda run: self._apart(run, ride, begin, end) * self._chance.uniform(0.5, 1.5),
        )
        parts: list[_Part] = []
        stops = 0
        for run in (around, *near[: MOST_RUNS - 1]):
            part = self._open(run, begin, end)
            stops += part.last - part.first
            if parts and stops > MOST_STOPS:
                break
            parts.append(part)
        return parts

    def _apart(self, run: Run, ride: Event, begin: int, end: int) -> float:
        """Metres from a ride to the nearest place where a run stops about that time, or stands."""
        stops = [event.spot.point for event in run.events if begin <= event.arrival <= end]
        return min(haversine(point, ride.spot.point) for point in (stops or [self._stands(run, begin)]))

    def _stands(self, run: Run, at: int) -> Point:
        before = [event for event in run.events if event.arrival < at]
        return before[-1].spot.point if before else run.depot

    def frozen(self, run: Run) -> int:
        """Count the events that have happened or that the vehicle drives to before the change can be known."""
        if run.id not in self._frozens:
            count = dispatch.count_frozen(run, self._times, self._at)
            known = [
                number
                for number, event in enumerate(run.events, 1)
                if event.leg in self._underway and event.kind is EventKind.PICKUP
            ]
            self._frozens[run.id] = max([count, *known])
        return self._frozens[run.id]

    def _open(self, run: Run, begin: int, end: int) -> _Part:
        """Cut a run: up to the first event after `end` that is no break and before which nobody is aboard."""
        events = run.events
        first = max(self.frozen(run), next((n for n, one in enumerate(events) if one.arrival >= begin), len(events)))
        riders = 0
        last = len(events)
        for number, event in enumerate(events):
            cut = riders == 0 and event.arrival > end and event.kind is not EventKind.BREAK
            if number >= first and cut:
                last = number
                break
            riders += _rider(event)
        return _Part(run, first, last)

    # ── what is proposed, and whether it is taken ─────────────────────────────────────────────────────────────────────

    def rearrange(self, parts: Sequence[_Part], solver: Solver) -> bool:
        """Search one neighbourhood; take what was found if it holds and costs less."""
        nodes = [
            (number, event) for number, part in enumerate(parts) for event in part.run.events[part.first : part.last]
        ]
        routes = solver.solve(self._describe(parts, nodes))
        if routes is None:
            return False
        rides = {leg: longest for part in parts for leg, longest in part.run.longest_ride.items()}
        found: list[tuple[Run, int]] = []
        for part, order in zip(parts, routes, strict=True):
            events = (
                *part.run.events[: part.first],
                *(nodes[node][1] for node in order),
                *part.run.events[part.last :],
            )
            if events == part.run.events:
                continue
            events = (*events[: part.first], *(replace(event, arrival=LATER) for event in events[part.first :]))
            legs = {event.leg for event in events if event.leg}
            run = replace(
                part.run,
                events=events,
                longest_ride={leg: rides[leg] for leg in rides if leg in legs},
            )
            timed = dispatch.schedule(run, self._times, self._at)
            if timed is None:
                return False
            found.append((timed, dispatch.cost(timed, self._times, self._at)))
        if not sum(cost for _, cost in found) < sum(self._costs[run.id] for run, _ in found):
            return False
        for run, cost in found:
            self._put(run, cost)
        return True

    def _describe(self, parts: Sequence[_Part], nodes: Sequence[tuple[int, Event]]) -> Problem:
        """Put a neighbourhood into numbers: its events first, then the starts, then the ends."""
        base = min(part.run.start for part in parts)
        starts = [self._start(part) for part in parts]
        ends = [self._end(part) for part in parts]
        points = [event.spot.point for _, event in nodes] + [one.point for one in (*starts, *ends)]
        dwells = [event.dwell for _, event in nodes] + [one.dwell for one in (*starts, *ends)]
        alone = [event.kind is EventKind.BREAK for _, event in nodes] + [False] * (2 * len(parts))
        drive = self._table(points)
        span = tuple(
            tuple(
                max(0, dwells[a] - dwells[b])
                if points[a] == points[b] and not alone[a] and not alone[b]
                else dwells[a] + drive[a][b]
                for b in range(len(points))
            )
            for a in range(len(points))
        )
        number: dict[tuple[str | None, EventKind], int] = {
            (event.leg, event.kind): node for node, (_, event) in enumerate(nodes) if event.leg
        }
        pairs, late, alighting, latest = [], [], [], [event.latest for _, event in nodes]
        for node, (home, event) in enumerate(nodes):
            if event.kind is not EventKind.DROP_OFF:
                continue
            assert event.leg is not None
            run = parts[home].run
            longest = run.longest_ride[event.leg]
            picked = number.get((event.leg, EventKind.PICKUP))
            if picked is not None:
                pairs.append((picked, node, nodes[picked][1].dwell + longest))
                late.append((node, nodes[picked][1].earliest - base))
            else:
                boarded = next(one for one in run.events if one.leg == event.leg and one.kind is EventKind.PICKUP)
                latest[node] = min(latest[node], boarded.arrival + boarded.dwell + longest)
                late.append((node, boarded.earliest - base))
                alighting.append(node)
        edges = [*starts, *ends]
        return Problem(
            drive=drive,
            span=span,
            earliest=tuple(
                max(0, one - base) for one in (*(e.earliest for _, e in nodes), *(e.earliest for e in edges))
            ),
            latest=tuple(one - base for one in (*latest, *(edge.latest for edge in edges))),
            loads=(*(event.load for _, event in nodes), *((0, 0, 0, 0, 0) for _ in edges)),
            pairs=tuple(pairs),
            late=tuple(late),
            alighting=tuple(alighting),
            breaks=tuple(node for node, one in enumerate(alone) if one),
            allowed=tuple(self._allowed(parts, home, event, number) for home, event in nodes),
            routes=tuple(
                Route(
                    start=len(nodes) + at,
                    end=len(nodes) + len(parts) + at,
                    aboard=_aboard(part),
                    riders=sum(_rider(event) for event in part.run.events[: part.first]),
                    room=_room(part.run.capacity),
                    nodes=tuple(node for node, (home, _) in enumerate(nodes) if home == at),
                )
                for at, part in enumerate(parts)
            ),
            drive_cost=DRIVE_WEIGHT,
            milliseconds=SEARCH + SEARCH_STOP * len(nodes),
        )

    def _allowed(
        self, parts: Sequence[_Part], home: int, event: Event, number: Mapping[tuple[str | None, EventKind], int]
    ) -> tuple[int, ...]:
        leg = event.leg
        if leg is None or leg in self._held or leg in parts[home].run.locked or (leg, EventKind.PICKUP) not in number:
            return (home,)
        service = self._services.get(leg)
        return tuple(at for at, part in enumerate(parts) if at == home or service in part.run.services)

    def _start(self, part: _Part) -> _Edge:
        run = part.run
        if not part.first:
            return _Edge(run.depot, 0, max(run.start, self._at), run.end)
        before = run.events[part.first - 1]
        leaves = max(before.arrival, self._at - before.dwell) if part.first == self.frozen(run) else before.arrival
        return _Edge(before.spot.point, before.dwell, leaves, leaves)

    def _end(self, part: _Part) -> _Edge:
        run = part.run
        if part.last == len(run.events):
            return _Edge(run.depot, 0, 0, run.end)
        after = run.events[part.last]
        return _Edge(after.spot.point, after.dwell, 0, self._latest_of(run)[part.last])

    def _latest_of(self, run: Run) -> list[int]:
        """Find, by event, the last second at which its service may begin while all that follows still holds."""
        if run.id in self._latest:
            return self._latest[run.id]
        events = run.events
        picked = {event.leg: number for number, event in enumerate(events) if event.kind is EventKind.PICKUP}
        packed = join(pack([run], self._times)).runs
        drive = [*packed.drive[1:].tolist(), int(packed.home[0])]
        latest = [event.latest for event in events]
        while True:
            known = list(latest)
            after = run.end
            for number in range(len(events) - 1, -1, -1):
                one = events[number]
                span = _span(one, events[number + 1] if number + 1 < len(events) else None, drive[number])
                after = latest[number] = min(latest[number], after - span)
            for number, one in enumerate(events):
                if one.kind is EventKind.DROP_OFF and one.leg in picked:
                    begin = picked[one.leg]
                    longest = run.longest_ride[one.leg or ""]
                    latest[number] = min(latest[number], latest[begin] + events[begin].dwell + longest)
            if latest == known:
                self._latest[run.id] = latest
                return latest

    def _table(self, points: Sequence[Point]) -> tuple[tuple[int, ...], ...]:
        places = list(dict.fromkeys(points))
        table = self._times.seconds(places, places)
        at = {place: row for row, place in enumerate(places)}
        rows = [[UNREACHED if seconds < 0 else int(seconds) for seconds in row] for row in table.tolist()]
        return tuple(tuple(rows[at[a]][at[b]] for b in points) for a in points)


class _Edge(NamedTuple):
    """Where a slice begins or ends: a place, and when the vehicle may be there."""

    point: Point
    dwell: int
    earliest: int
    latest: int


def _span(one: Event, after: Event | None, drive: int) -> int:
    """Seconds at least between the services of two events, as `dispatch` has it: at one place they go on together."""
    if after is not None and one.spot.point == after.spot.point and EventKind.BREAK not in {one.kind, after.kind}:
        return max(0, one.dwell - after.dwell)
    return one.dwell + drive


def _rider(event: Event) -> int:
    return {EventKind.PICKUP: 1, EventKind.DROP_OFF: -1, EventKind.BREAK: 0}[event.kind]


def _aboard(part: _Part) -> Load:
    before = part.run.events[: part.first]
    seats, wheelchairs, luggage, bicycles, child_seats = (
        sum(event.load[kind] for event in before) for kind in range(5)
    )
    return seats, wheelchairs, luggage, bicycles, child_seats


def _room(capacity: Capacity) -> Room:
    """Write `fleet.fits` as sums with bounds; luggage beyond its room on free seats makes a sum of both."""
    seats, wheelchairs, luggage, bicycles, child_seats = capacity.room
    sitting = (1, capacity.seats_per_wheelchair, 0, 0, int(capacity.child_seats_on_seats))
    if capacity.luggage_on_seats:
        with_luggage, both = (*sitting[:2], 1, *sitting[3:]), seats + luggage
    else:
        with_luggage, both = (0, 0, 1, 0, 0), luggage
    return Room(
        weights=(sitting, (0, 1, 0, 0, 0), with_luggage, (0, 0, 0, 1, 0), (0, 0, 0, 0, 1)),
        bounds=(seats, wheelchairs, both, bicycles, child_seats),
    )
