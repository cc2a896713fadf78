"""Check a day of runs against what was promised, from nothing but the runs, the promises and the driving times.

`check_day` says in sentences what is wrong. It reads no plan but the runs' own, and works out nothing by itself: every
second that a run states is compared with the second that was promised or that the road allows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mobigo.ondemand.model import LOADS, Capacity, Event, EventKind, Load, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import Ask

    Drive = Callable[[Point, Point], int]
    """Whole seconds from one place to another; negative: no way."""

NOTHING: Load = (0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Promised:
    """A ride somebody was promised."""

    leg: str
    ask: Ask
    run: int | None = None
    """The run it was said to be on, where that is known."""


@dataclass(frozen=True)
class Pause:
    """A break that a driver must have: so many seconds between two instants."""

    start: int
    end: int
    seconds: int


def check_day(
    runs: Sequence[Run],
    promised: Iterable[Promised],
    drive: Drive,
    pauses: Mapping[int, Sequence[Pause]] | None = None,
    capacities: Mapping[str, Capacity] | None = None,
) -> list[str]:
    """List what is wrong with a day.

    Parameters
    ----------
    runs
        As planned, or as driven: a stop that is done has its actual times.
    promised
        Every ride that is to be served, and none that is not.
    pauses
        By run; each must be taken.
    capacities
        By vehicle; what really fits into it, else what the run says.
    """
    wrong: list[str] = []
    legs = {ride.leg: ride for ride in promised}
    served: dict[str, list[tuple[Run, int]]] = defaultdict(list)
    for run in runs:
        for position, event in enumerate(run.events):
            if event.leg is not None:
                served[event.leg].append((run, position))
        wrong += _check_road(run, drive)
        wrong += _check_room(run, (capacities or {}).get(run.vehicle, run.capacity))
        wrong += _check_pauses(run, (pauses or {}).get(run.id, ()))
    wrong += [f"ride {leg} is served, and nobody asked for it" for leg in served if leg not in legs]
    for ride in legs.values():
        wrong += _check_ride(ride, served.get(ride.leg, []))
    wrong += _check_vehicles(runs)
    return wrong


def _check_road(run: Run, drive: Drive) -> list[str]:
    """Compare the times of a run with its shift and with the road."""
    wrong = []
    for position, event in enumerate(run.events):
        name = _name(run, position)
        if event.departure < event.arrival + event.dwell:
            wrong.append(f"{name}: stays {event.departure - event.arrival} s of the {event.dwell} s it needs")
        if not event.done and not event.earliest <= event.arrival <= event.latest:
            wrong.append(f"{name}: at {event.arrival}, its window is {event.earliest} to {event.latest}")
    for position, (before, event) in enumerate(pairwise(run.events), 1):
        wrong += [f"{_name(run, position)}: {what}" for what in _check_way(before, event, drive)]
    if run.events:
        wrong += _check_shift(run, drive)
    return wrong


def _check_way(before: Event, event: Event, drive: Drive) -> list[str]:
    if event.arrival < before.arrival:
        return [f"served at {event.arrival}, before the stop that precedes it at {before.arrival}"]
    if _one_stop(before, event):
        return []
    way = drive(before.spot.point, event.spot.point)
    if way < 0:
        return ["there is no way to it"]
    if event.arrival < before.departure + way:
        return [f"at {event.arrival}, the stop before was left at {before.departure} and it is {way} s away"]
    return []


def _check_shift(run: Run, drive: Drive) -> list[str]:
    wrong = []
    out, back = drive(run.depot, run.events[0].spot.point), drive(run.events[-1].spot.point, run.depot)
    if min(out, back) < 0:
        wrong.append(f"run {run.id}: there is no way from or to its depot")
    if run.events[0].arrival - out < run.start:
        wrong.append(
            f"run {run.id}: leaves its depot at {run.events[0].arrival - out}, its shift begins at {run.start}"
        )
    left = max(event.departure for event in run.events)
    if left + back > run.end:
        wrong.append(f"run {run.id}: is back at {left + back}, its shift ends at {run.end}")
    return wrong


def _check_room(run: Run, capacity: Capacity) -> list[str]:
    """Count who and what is aboard, kind by kind."""
    wrong = []
    aboard = list(NOTHING)
    for position, event in enumerate(run.events):
        name = _name(run, position)
        if event.kind is EventKind.BREAK and (any(aboard) or any(event.load)):
            wrong.append(f"{name}: a break with {aboard} aboard")
        aboard = [a + b for a, b in zip(aboard, event.load, strict=True)]
        wrong += [f"{name}: {what}" for what in _overfull(capacity, aboard)]
    if any(aboard):
        wrong.append(f"run {run.id}: ends with {aboard} aboard")
    return wrong


def _overfull(capacity: Capacity, aboard: Sequence[int]) -> list[str]:
    """Seat everybody one after another and say who or what is left standing."""
    wrong = [f"{n} {kind} got off that never got on" for kind, n in zip(LOADS, aboard, strict=True) if n < 0]
    people, wheelchairs, luggage, bicycles, children = aboard
    seats, places, racks, hooks, child_seats = capacity.room
    free = seats - people - wheelchairs * capacity.seats_per_wheelchair
    if capacity.child_seats_on_seats:
        free -= children
    if luggage > racks:
        if capacity.luggage_on_seats:
            free -= luggage - racks
        else:
            wrong.append(f"{luggage} pieces of luggage, room for {racks}")
    if free < 0:
        wrong.append(f"{-free} seats too few for {tuple(aboard)} in {capacity.room}")
    if wheelchairs > places:
        wrong.append(f"{wheelchairs} wheelchairs, room for {places}")
    if bicycles > hooks:
        wrong.append(f"{bicycles} bicycles, room for {hooks}")
    if children > child_seats:
        wrong.append(f"{children} child seats, there are {child_seats}")
    return wrong


def _check_pauses(run: Run, pauses: Sequence[Pause]) -> list[str]:
    """Match each break that must be taken with one that is."""
    taken = [event for event in run.events if event.kind is EventKind.BREAK]
    wrong = []
    for pause in pauses:
        fitting = [
            event
            for event in taken
            if pause.start <= event.arrival
            and event.departure >= event.arrival + pause.seconds
            and event.arrival + pause.seconds <= pause.end
            and event.dwell >= pause.seconds
        ]
        if not fitting:
            wrong.append(f"run {run.id}: no break of {pause.seconds} s between {pause.start} and {pause.end}")
            continue
        taken.remove(min(fitting, key=lambda event: event.arrival))
    return wrong


def _check_ride(ride: Promised, stops: list[tuple[Run, int]]) -> list[str]:
    """Compare a ride with what was promised."""
    kinds = [run.events[position].kind for run, position in stops]
    if sorted(kinds) != [EventKind.DROP_OFF, EventKind.PICKUP] or stops[0][0].id != stops[1][0].id:
        return [f"ride {ride.leg}: has stops {[str(kind) for kind in kinds]} on runs {[run.id for run, _ in stops]}"]
    run, on = next(stop for stop, kind in zip(stops, kinds, strict=True) if kind is EventKind.PICKUP)
    off = next(position for (_, position), kind in zip(stops, kinds, strict=True) if kind is EventKind.DROP_OFF)
    wrong = []
    if off < on:
        wrong.append("gets off before it gets on")
    if ride.run is not None and ride.run != run.id:
        wrong.append(f"is on run {run.id}, not on {ride.run}")
    if ride.ask.service not in run.services:
        wrong.append(f"is of service {ride.ask.service}, run {run.id} is for {run.services}")
    wrong += _check_ends(ride.ask, run.events[on], run.events[off])
    return [f"ride {ride.leg}: {what}" for what in wrong]


def _check_ends(ask: Ask, pickup: Event, drop_off: Event) -> list[str]:
    """Compare where, when and with what somebody gets on and off."""
    wrong = []
    if (pickup.spot.point, drop_off.spot.point) != (ask.origin.point, ask.destination.point):
        wrong.append(f"goes from {pickup.spot} to {drop_off.spot}, not from {ask.origin} to {ask.destination}")
    if pickup.load != ask.load or tuple(-each for each in drop_off.load) != ask.load:
        wrong.append(f"takes {pickup.load} and {drop_off.load}, not {ask.load}")
    for what, event, (start, end) in (("pick-up", pickup, ask.pickup), ("drop-off", drop_off, ask.drop_off)):
        if not start <= event.arrival <= end:
            wrong.append(f"{what} at {event.arrival}, promised {start} to {end}")
        if event.dwell < ask.dwell:
            wrong.append(f"{what} of {event.dwell} s, needs {ask.dwell} s")
    aboard = drop_off.arrival - pickup.arrival - pickup.dwell
    if aboard > ask.longest_ride:
        wrong.append(f"{aboard} s aboard, promised at most {ask.longest_ride} s")
    return wrong


def _check_vehicles(runs: Sequence[Run]) -> list[str]:
    """Say where a vehicle is to be on two runs at once, or two runs are one."""
    wrong = []
    by_vehicle: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        by_vehicle[run.vehicle].append(run)
    for vehicle, its in by_vehicle.items():
        for before, after in pairwise(sorted(its, key=lambda run: (run.start, run.end))):
            if after.start < before.end:
                wrong.append(f"vehicle {vehicle}: runs {before.id} and {after.id} overlap")
    if len({run.id for run in runs}) != len(runs):
        wrong.append("two runs have one id")
    return wrong


def _one_stop(before: Event, event: Event) -> bool:
    """Tell whether two stops are one, where people get on and off at once."""
    return before.spot.point == event.spot.point and EventKind.BREAK not in {before.kind, event.kind}


def _name(run: Run, position: int) -> str:
    event = run.events[position]
    return f"run {run.id} stop {position} ({event.kind} {event.leg or ''} at {event.spot.name})"
