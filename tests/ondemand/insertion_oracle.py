"""The cheapest place of a ride among the runs, found by trying every one: slow, from the words of the design only.

A run can be driven when whole seconds `s` exist at which its stops begin to be served, so that

- each lies in its window; the first comes after the drive from the depot, which is left at the run's start; the last is
  served early enough to be back at the run's end;
- the next stop is served after the dwell and the drive, or, at the very same place, when the longer of both dwells lets
  the doors close together;
- nobody is aboard for longer than promised, from the end of the dwell where they got on to the stop where they get off;
- what is aboard fits, and nobody is aboard in a break, which is taken where the vehicle stands.

The plan is the least such seconds. It costs ten times its driving, depot to depot, and for everybody aboard the seconds
from when they are ready to when they get off.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from mobigo.ondemand.model import Ask, Capacity, Event, EventKind, Load, Run, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mobigo.kit.geo import Point

    Drive = Callable[[Point, Point], int]
    """Whole seconds from one place to another; negative: no way."""

NEW = "new"
"""Leg of what is asked."""


class Place(NamedTuple):
    """A place found."""

    cost: int
    """What it adds, tenths of a driving second."""
    run: int
    pickup: int
    """Position in the new order."""
    drop_off: int
    times: tuple[int, ...]
    """When each stop of the new order is served."""


def find_cheapest(runs: Sequence[Run], ask: Ask, drive: Drive, now: int | None = None) -> Place | None:
    """Try every place of every run; ties go to the lower run, the earlier pick-up, the earlier drop-off."""
    return min(list_places(runs, ask, drive, now), default=None)


def list_places(runs: Sequence[Run], ask: Ask, drive: Drive, now: int | None = None) -> list[Place]:
    """List all places that a ride can have."""
    places = []
    for run in runs:
        if ask.service not in run.services:
            continue
        before = plan(run, drive, now)
        if before is None:
            continue
        first = count_frozen(run, drive, now)
        for pickup in range(first, len(run.events) + 1):
            for drop_off in range(pickup + 1, len(run.events) + 2):
                changed = put(run, ask, pickup, drop_off)
                times = plan(changed, drive, now, first)
                if times is not None:
                    added = cost(changed, times, drive) - cost(run, before, drive)
                    places.append(Place(added, run.id, pickup, drop_off, times))
    return places


def put(run: Run, ask: Ask, pickup: int, drop_off: int) -> Run:
    """Put what is asked at two positions of the new order; a break moves to where the vehicle then stands."""
    off = _negative(ask.load)
    events = list(run.events)
    events.insert(pickup, _event(EventKind.PICKUP, ask.origin, ask.pickup, ask.dwell, ask.load))
    events.insert(drop_off, _event(EventKind.DROP_OFF, ask.destination, ask.drop_off, ask.dwell, off))
    for position, event in enumerate(events):
        if event.kind is EventKind.BREAK and not event.done:
            stands = events[position - 1].spot if position else Spot("depot", run.depot)
            events[position] = replace(event, spot=stands)
    return replace(run, events=tuple(events), longest_ride={**run.longest_ride, NEW: ask.longest_ride})


def plan(run: Run, drive: Drive, now: int | None = None, frozen: int | None = None) -> tuple[int, ...] | None:
    """Return the least seconds at which the stops can be served, None where there are none.

    So many stops are frozen: they have their times, and the vehicle is yet to leave for the one after them.
    """
    if frozen is None:
        frozen = count_frozen(run, drive, now)
    leaves = {} if now is None else {frozen: now}
    if not _fits_all_along(run):
        return None
    least = [event.arrival if k < frozen else event.earliest for k, event in enumerate(run.events)]
    while True:
        risen = [least[k] if k < frozen else _rise(run, least, k, drive, leaves.get(k)) for k in range(len(run.events))]
        if any(time is None or time > run.events[k].latest for k, time in enumerate(risen) if k >= frozen):
            return None
        if risen == least:
            break
        least = [time for time in risen if time is not None]
    if any(ride > longest for ride, longest in _rides(run, least, frozen)):
        return None
    if len(least) > frozen:
        home = drive(run.events[-1].spot.point, run.depot)
        if home < 0 or least[-1] + run.events[-1].dwell + home > run.end:
            return None
    return tuple(least)


def _rise(run: Run, least: list[int], position: int, drive: Drive, leaves: int | None) -> int | None:
    """Return the second before which a stop cannot be served, given those of the others; None: there is no way."""
    event = run.events[position]
    bounds = [least[position]]
    way = drive(run.events[position - 1].spot.point if position else run.depot, event.spot.point)
    if way < 0:
        return None
    if leaves is not None:
        bounds.append(leaves + way)
    if position == 0:
        bounds.append(run.start + way)
    else:
        before = run.events[position - 1]
        one_stop = before.spot.point == event.spot.point and EventKind.BREAK not in {before.kind, event.kind}
        span = max(0, before.dwell - event.dwell) if one_stop else before.dwell + way
        bounds.append(least[position - 1] + span)
    if event.kind is EventKind.PICKUP:
        assert event.leg is not None
        bounds += [
            least[later] - run.longest_ride[event.leg] - event.dwell
            for later in range(position + 1, len(run.events))
            if run.events[later].leg == event.leg
        ]
    return max(bounds)


def _rides(run: Run, times: list[int], frozen: int) -> list[tuple[int, int]]:
    """List how long each leg whose end is not frozen is aboard, and may be."""
    rides: list[tuple[int, int]] = []
    for off, event in enumerate(run.events):
        if event.kind is EventKind.DROP_OFF and off >= frozen:
            for on, other in enumerate(run.events[:off]):
                if other.leg == event.leg:
                    assert event.leg is not None
                    rides.append((times[off] - times[on] - other.dwell, run.longest_ride[event.leg]))
    return rides


def count_frozen(run: Run, drive: Drive, now: int | None) -> int:
    """Count the stops before which nothing can be put: those done, and the one the vehicle is on its way to."""
    frozen = 0
    for position, event in enumerate(run.events):
        stands = run.events[position - 1].spot.point if position else run.depot
        left = now is not None and event.arrival - drive(stands, event.spot.point) <= now
        if not event.done and not left:
            break
        frozen = position + 1
    return frozen


def cost(run: Run, times: tuple[int, ...], drive: Drive) -> int:
    """Return what a plan costs, tenths of a driving second."""
    if all(event.kind is EventKind.BREAK for event in run.events):
        return 0
    places = [run.depot, *(event.spot.point for event in run.events), run.depot]
    driving = sum(drive(a, b) for a, b in pairwise(places))
    ready = {event.leg: event.earliest for event in run.events if event.kind is EventKind.PICKUP}
    waiting = sum(
        time - ready[event.leg]
        for time, event in zip(times, run.events, strict=True)
        if event.kind is EventKind.DROP_OFF
    )
    return 10 * driving + waiting


def fits(capacity: Capacity, load: Load) -> bool:
    """Tell whether what is aboard finds room."""
    seats, wheelchairs, luggage, bicycles, child_seats = load
    room = capacity.room
    if min(load) < 0 or wheelchairs > room[1] or bicycles > room[3] or child_seats > room[4]:
        return False
    on_seats = max(0, luggage - room[2])
    if on_seats and not capacity.luggage_on_seats:
        return False
    taken = seats + wheelchairs * capacity.seats_per_wheelchair + on_seats
    if capacity.child_seats_on_seats:
        taken += child_seats
    return taken <= room[0]


def _fits_all_along(run: Run) -> bool:
    aboard = (0, 0, 0, 0, 0)
    for event in run.events:
        if event.kind is EventKind.BREAK and any(aboard):
            return False
        aboard = tuple(a + b for a, b in zip(aboard, event.load, strict=True))  # type: ignore[assignment]
        if not fits(run.capacity, aboard):
            return False
    return True


def _negative(load: Load) -> Load:
    seats, wheelchairs, luggage, bicycles, child_seats = load
    return -seats, -wheelchairs, -luggage, -bicycles, -child_seats


def _event(kind: EventKind, spot: Spot, window: tuple[int, int], dwell: int, load: Load) -> Event:
    return Event(kind, spot, window[0], window[1], 0, 0, dwell, NEW, load)
