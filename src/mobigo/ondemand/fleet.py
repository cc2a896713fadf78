"""Vehicles at work: their shifts as runs of a day, and all runs as arrays that dispatching asks again and again."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from itertools import pairwise
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.kernels import insertion
from mobigo.ondemand.calendars import instant_of
from mobigo.ondemand.model import Event, EventKind, Load, Run, Spot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from mobigo.kit.geo import Point
    from mobigo.ondemand.model import Capacity, Operator, Shift, Vehicle

DAY = 86_400
LONGEST_DAY = 2 * DAY
"""Shifts end within two days of the beginning of theirs."""

KINDS = {EventKind.PICKUP: insertion.PICKUP, EventKind.DROP_OFF: insertion.DROP_OFF, EventKind.BREAK: insertion.BREAK}

NO_LOAD: Load = (0, 0, 0, 0, 0)

REACHES = 64
"""Ends of rides whose drives are kept with the runs they were asked of."""

LAID = 100_000
"""Days of vehicles, and ..."""

BLOCKS = 4_096
"""... days of services that are kept laid out."""

TRUSTED = 120
"""Seconds by which a drive may have grown since it was planned."""

PAIRS_AT_ONCE = 8
"""Drives between neighbours are looked up in tables of so many rows."""


class Times(Protocol):
    """Who knows how long drives take."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return int32[n_origins, n_destinations], seconds rounded up; 0 from a place to itself, -1: no way."""


def fits(capacity: Capacity, load: Load) -> bool:
    """Tell whether so much is in a vehicle at once without anybody or anything having no place."""
    room = capacity.room
    seats, wheelchairs, luggage, bicycles, child_seats = load
    over = max(0, luggage - room[2])
    if wheelchairs > room[1] or bicycles > room[3] or child_seats > room[4] or (over and not capacity.luggage_on_seats):
        return False
    seats += wheelchairs * capacity.seats_per_wheelchair + over
    if capacity.child_seats_on_seats:
        seats += child_seats
    return seats <= room[0]


# ── shifts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lay_shifts(vehicle: Vehicle, timezone: str, day: date) -> list[Run]:
    """Return the runs that the shifts of a vehicle make on a day, with their breaks and nobody booked; ids are 0.

    Parameters
    ----------
    timezone : str
        Of the operator: times of the day are local, counted from noon minus 12 h.
    """
    return [_lay_shift(vehicle, shift, timezone, day) for shift in vehicle.shifts if _works(shift, day)]


def _works(shift: Shift, day: date) -> bool:
    return (
        shift.weekdays[day.weekday()]
        and (shift.first is None or shift.first <= day)
        and (shift.last is None or day <= shift.last)
    )


def _lay_shift(vehicle: Vehicle, shift: Shift, timezone: str, day: date) -> Run:
    start, end = (instant_of(day, seconds, timezone) for seconds in (shift.start, shift.end))
    run = Run(
        id=0,
        vehicle=vehicle.id,
        operator=vehicle.operator,
        services=vehicle.services,
        capacity=vehicle.capacity,
        depot=vehicle.depot,
        day=day,
        start=start,
        end=end,
        events=(),
    )
    free = start
    events = []
    for opens, closes, seconds in sorted(shift.breaks):
        earliest = instant_of(day, opens, timezone)
        begins = max(free, earliest)
        free = begins + seconds
        events.append(
            Event(
                kind=EventKind.BREAK,
                spot=Spot("", vehicle.depot),
                earliest=earliest,
                latest=instant_of(day, closes, timezone) - seconds,
                arrival=begins,
                departure=free,
                dwell=seconds,
            )
        )
    return replace(run, events=tuple(events))


def _number(run: Run) -> int:
    """Return the negative id of a run that is not stored."""
    name = f"{run.vehicle} {run.start}".encode()
    return -1 - int.from_bytes(blake2b(name, digest_size=7).digest())


def find_local_days(start: int, end: int, timezone: str) -> list[date]:
    """List the days whose shifts may be at work somewhere between two instants."""
    zone = ZoneInfo(timezone)
    first = datetime.fromtimestamp(start, UTC).astimezone(zone).date() - timedelta(days=2)
    last = datetime.fromtimestamp(end, UTC).astimezone(zone).date()
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


# ── packing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Packed(NamedTuple):
    """A run as arrays; its places as points."""

    run: Run
    times: Times
    points: list[Point]
    """Of the depot, then of every stop that is no break."""
    capacity: NDArray[np.int32]
    kind: NDArray[np.int32]
    window: NDArray[np.int64]
    arrival: NDArray[np.int64]
    done: NDArray[np.uint8]
    dwell: NDArray[np.int32]
    partner: NDArray[np.int32]
    longest: NDArray[np.int32]
    aboard: NDArray[np.int32]
    place: NDArray[np.int32]
    """Index into `points`; -1 for a break."""
    drive: NDArray[np.int32]
    home: int


class Block(NamedTuple):
    """The runs that one question is about, as `kernels.insertion` takes them."""

    ids: list[int]
    packed: list[Packed]
    runs: insertion.Runs
    points: list[Point]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    numbers: dict[Point, int]
    """By point, its place."""
    longest: int
    """Stops of the longest run."""
    reaches: dict[Point, Reach]
    """What is known of drives between the places and the ends of rides that were asked for last."""

    def reach(self, end: Point) -> Reach:
        """Return what is known of drives between the places and an end of a ride."""
        known = self.reaches.get(end)
        if known is None:
            known = Reach(self, end)
            if len(self.reaches) >= REACHES:
                with suppress(KeyError, RuntimeError):  # another thread has just done so
                    del self.reaches[next(iter(self.reaches))]
            self.reaches[end] = known
        return known


class Reach:
    """What is known of drives between the places of some runs and one more place; threads may fill it at once."""

    def __init__(self, block: Block, end: Point) -> None:
        m = len(block.points)
        self.to = np.full(m, insertion.FAR, np.int32)
        """int32[m], seconds from each place; `FAR` where there is no way, or nobody has asked yet."""
        self.back = np.full(m, insertion.FAR, np.int32)
        """int32[m], seconds to each place."""
        self.known = np.zeros(m, np.bool_)
        """bool[m]"""
        self.least = np.empty(m, np.int64)
        """int64[m], seconds that a drive takes at least, either way."""
        insertion.measure(block.lon, block.lat, np.array(end, np.float64), self.least)

    def learn(self, places: NDArray[np.int64], to: NDArray[np.int32], back: NDArray[np.int32]) -> None:
        """Take in the drives from and to some places; -1: no way."""
        self.to[places] = np.where(to < 0, insertion.FAR, to)
        self.back[places] = np.where(back < 0, insertion.FAR, back)
        self.least[places] = np.minimum(self.to[places], self.back[places])
        self.known[places] = True


def pack(runs: Sequence[Run], times: Times) -> list[Packed]:
    """Turn runs into arrays, with the drives between neighbours."""
    points = [[run.depot, *(one.spot.point for one in run.events if one.kind is not EventKind.BREAK)] for run in runs]
    legs = [pair for some in points for pair in (*pairwise(some), (some[-1], some[0]))]
    drives = _find_drives(legs, times)
    packed = []
    at = 0
    for run, some in zip(runs, points, strict=True):
        packed.append(_pack(run, times, some, drives[at : at + len(some)]))
        at += len(some)
    return packed


def _find_drives(legs: Sequence[tuple[Point, Point]], times: Times) -> NDArray[np.int32]:
    """Return the seconds of each drive; `insertion.FAR` where there is no way."""
    found = np.zeros(len(legs), np.int32)
    moving = [k for k, (a, b) in enumerate(legs) if a != b]
    for at in range(0, len(moving), PAIRS_AT_ONCE):
        some = moving[at : at + PAIRS_AT_ONCE]
        table = times.seconds([legs[k][0] for k in some], [legs[k][1] for k in some])
        found[some] = np.diagonal(table)
    return np.where(found < 0, insertion.FAR, found).astype(np.int32)


def _pack(run: Run, times: Times, points: list[Point], drives: NDArray[np.int32]) -> Packed:
    events = run.events
    n = len(events)
    place = np.full(n, -1, np.int32)
    drive = np.zeros(n, np.int32)
    partner = np.full(n, -1, np.int32)
    longest = np.full(n, insertion.FAR, np.int32)
    picked: dict[str, int] = {}
    stops = 0
    for k, one in enumerate(events):
        if one.kind is EventKind.BREAK:
            continue
        place[k], drive[k] = stops + 1, drives[stops]
        stops += 1
        assert one.leg is not None
        if one.kind is EventKind.PICKUP:
            picked[one.leg] = k
        elif one.leg in picked:
            other = picked[one.leg]
            partner[k], partner[other] = other, k
            longest[k] = run.longest_ride.get(one.leg, insertion.FAR)
    capacity = run.capacity
    return Packed(
        run=run,
        times=times,
        points=points,
        capacity=np.array(
            [
                *capacity.room,
                capacity.seats_per_wheelchair,
                capacity.luggage_on_seats,
                capacity.child_seats_on_seats,
            ],
            np.int32,
        ),
        kind=np.array([KINDS[one.kind] for one in events], np.int32),
        window=np.array([(one.earliest, one.latest) for one in events], np.int64).reshape(n, 2),
        arrival=np.array([one.arrival for one in events], np.int64),
        done=np.array([one.done for one in events], np.uint8),
        dwell=np.array([one.dwell for one in events], np.int32),
        partner=partner,
        longest=longest,
        aboard=np.cumsum(np.array([one.load for one in events], np.int32).reshape(n, 5), axis=0, dtype=np.int32),
        place=place,
        drive=drive,
        home=int(drives[-1]),
    )


def trust_plan(packed: Packed) -> Packed:
    """Let a plan stand that was made by other drives than are known now, where they differ by `TRUSTED` at most.

    Streets are read anew every night: what was promised by yesterday's drives is kept or told late by those who watch
    over it, and is no reason to give the vehicle nothing more to do.
    """
    run = packed.run
    if not run.events:
        return packed
    free = packed.arrival + packed.dwell
    planned = packed.arrival - np.concatenate([[run.start], free[:-1]])
    less = packed.drive - planned
    short = (packed.done == 0) & (planned >= 0) & (less > 0) & (less <= TRUSTED)
    left = run.end - int(free[-1])
    home = left if 0 <= left < packed.home <= left + TRUSTED else packed.home
    return packed._replace(drive=np.where(short, planned, packed.drive).astype(np.int32), home=home)


def join(packed: list[Packed]) -> Block:
    """Put packed runs one after another, their places numbered together."""
    numbers: dict[Point, int] = {}
    maps = [np.array([numbers.setdefault(one, len(numbers)) for one in each.points], np.int32) for each in packed]
    counts = [len(each.kind) for each in packed]
    points = list(numbers)

    def gather(name: str, kind: type, *shape: int) -> NDArray[Any]:
        rows = [getattr(each, name) for each in packed]
        return np.ascontiguousarray(np.concatenate(rows) if rows else np.zeros((0, *shape)), dtype=kind)

    places = [
        np.where(each.place < 0, -1, mine[each.place]).astype(np.int32) for each, mine in zip(packed, maps, strict=True)
    ]
    runs = insertion.Runs(
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        span=np.array([(each.run.start, each.run.end) for each in packed], np.int64).reshape(len(packed), 2),
        depot=np.array([mine[0] for mine in maps], np.int32),
        capacity=np.array([each.capacity for each in packed], np.int32).reshape(len(packed), 8),
        home=np.array([each.home for each in packed], np.int32),
        kind=gather("kind", np.int32),
        window=gather("window", np.int64, 2),
        arrival=gather("arrival", np.int64),
        done=gather("done", np.uint8),
        dwell=gather("dwell", np.int32),
        partner=gather("partner", np.int32),
        longest=gather("longest", np.int32),
        aboard=gather("aboard", np.int32, 5),
        place=np.concatenate(places) if places else np.zeros(0, np.int32),
        drive=gather("drive", np.int32),
    )
    return Block(
        ids=[each.run.id for each in packed],
        packed=packed,
        runs=runs,
        points=points,
        lon=np.array([one.lon for one in points], np.float64),
        lat=np.array([one.lat for one in points], np.float64),
        numbers=numbers,
        longest=max(counts, default=0),
        reaches={},
    )


def drop(run: Run, legs: Iterable[str]) -> Run:
    """Take rides off a run and leave the others' times as they are: where nobody knows how long drives take."""
    gone = set(legs)
    return replace(
        run,
        events=tuple(event for event in run.events if event.leg not in gone),
        longest_ride={leg: seconds for leg, seconds in run.longest_ride.items() if leg not in gone},
        locked=run.locked - gone,
    )


# ── the fleet ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Fleet:
    """All vehicles and runs at one moment; never changes, but keeps what it has worked out between questions.

    Runs that nobody is booked on need not be stored: they follow from the shifts and have negative ids, which are the
    same in every fleet.

    Parameters
    ----------
    runs : iterable of Run
        Those that are stored.
    revision : int
        Of the stored runs.
    stamp : str
        Changes with the vehicles and operators.
    before : Fleet, optional
        What has not changed since is not worked out again.
    """

    def __init__(
        self,
        runs: Iterable[Run],
        vehicles: Iterable[Vehicle] = (),
        operators: Iterable[Operator] = (),
        *,
        revision: int = 0,
        stamp: str = "",
        before: Fleet | None = None,
    ) -> None:
        self.runs: dict[int, Run] = {run.id: run for run in runs}
        self.vehicles: Mapping[str, Vehicle] = {one.id: one for one in vehicles}
        self.operators: Mapping[str, Operator] = {one.id: one for one in operators}
        self.revision = revision
        self.stamp = stamp
        self._lock = Lock()
        self._by_service: dict[str, list[Vehicle]] = {}
        for one in self.vehicles.values():
            if one.active:
                for service in one.services:
                    self._by_service.setdefault(service, []).append(one)
        self._stored: dict[str, list[Run]] = {}
        self._services: dict[str, list[Run]] = {}
        for run in self.runs.values():
            self._stored.setdefault(run.vehicle, []).append(run)
            if self._is_at_work(run):
                for service in run.services:
                    self._services.setdefault(service, []).append(run)
        self._laid: dict[str, dict[date, list[Run]]] = {}
        self._days_laid = 0
        self._unstored: dict[int, Run] = {}
        self._older: dict[int, Run] = {}
        self._packed: dict[int, Packed] = {}
        self._blocks: dict[tuple[str, int, int], tuple[Times, Block]] = {}
        if before is not None:
            self._take_over(before)

    def without(self, rides: Iterable[tuple[int, str]]) -> Fleet:
        """Return the fleet without some rides, each with the number of its run; the others' planned times stay."""
        gone: dict[int, set[str]] = {}
        for run, leg in rides:
            gone.setdefault(run, set()).add(leg)
        known = [drop(self.runs[run], legs) for run, legs in gone.items() if run in self.runs]
        return self.with_runs(known) if known else self

    def _take_over(self, before: Fleet) -> None:
        """Keep the arrays of runs that have not changed."""
        with before._lock:
            self._packed = {id_: one for id_, one in before._packed.items() if self.runs.get(id_) is one.run}

    def _is_at_work(self, run: Run) -> bool:
        vehicle = self.vehicles.get(run.vehicle)
        return vehicle is None or vehicle.active

    def with_runs(self, runs: Iterable[Run], *, revision: int | None = None) -> Fleet:
        """Return the fleet with some runs as they are given; whatever they do not touch is kept worked out."""
        with self._lock:
            fleet = copy(self)
            fleet._part(self)  # noqa: SLF001 - one of us
        for run in runs:
            fleet._replace(run)
        if revision is not None:
            fleet.revision = revision
        return fleet

    def _part(self, other: Fleet) -> None:
        """Stop sharing with the fleet this one is a copy of what either may still change."""
        self._lock = Lock()
        self.runs = dict(other.runs)
        self._stored, self._services = dict(other._stored), dict(other._services)
        self._laid, self._unstored = dict(other._laid), dict(other._unstored)
        self._packed, self._blocks = dict(other._packed), dict(other._blocks)

    def _replace(self, run: Run) -> None:
        """Put a run in the place of the one with its id; only while nobody else has this fleet."""
        before = self.runs.get(run.id)
        self.runs[run.id] = run
        mine = [one for one in self._stored.get(run.vehicle, ()) if one.id != run.id]
        self._stored[run.vehicle] = [*mine, run]
        for service in {*run.services, *(before.services if before else ())}:
            others = [one for one in self._services.get(service, ()) if one.id != run.id]
            self._services[service] = [*others, run] if service in run.services and self._is_at_work(run) else others
        self._packed.pop(run.id, None)
        self._days_laid -= len(self._laid.pop(run.vehicle, ()))
        vehicle = self.vehicles.get(run.vehicle)
        known = [one for one in (run, before) if one is not None]
        services = {service for one in (*known, vehicle) if one is not None for service in one.services}
        first, last = min(one.start for one in known) // DAY - 1, max(one.end for one in known) // DAY + 1
        for key in [key for key in self._blocks if key[0] in services and key[1] <= last and key[2] >= first]:
            del self._blocks[key]

    def find_run(self, id_: int) -> Run | None:
        """Return a run by its id, stored or not."""
        return self.runs.get(id_) or self._unstored.get(id_) or self._older.get(id_)

    def list_runs(self, service: str, start: int, end: int) -> list[Run]:
        """List the runs that work for a service at some time between two instants: stored ones first, by id."""
        with self._lock:
            return self._list_runs(service, start, end)

    def _list_runs(self, service: str, start: int, end: int) -> list[Run]:
        found = sorted(
            (run for run in self._services.get(service, ()) if run.start <= end and run.end >= start),
            key=lambda run: run.id,
        )
        days: dict[str, list[date]] = {}
        for vehicle in self._by_service.get(service, ()):
            zone = self.operators[vehicle.operator].timezone
            if zone not in days:
                days[zone] = find_local_days(start, end, zone)
            for day in days[zone]:
                found += (run for run in self._lay(vehicle, zone, day) if run.start <= end and run.end >= start)
        return found

    def _lay(self, vehicle: Vehicle, timezone: str, day: date) -> list[Run]:
        """Lay out the shifts of a day that no stored run stands for."""
        days = self._laid.get(vehicle.id, {})
        if day not in days:
            if self._days_laid >= LAID:
                self._forget()
                days = {}
            stored = self._stored.get(vehicle.id, ())
            runs = [
                replace(run, id=_number(run))
                for run in lay_shifts(vehicle, timezone, day)
                if not any(one.start < run.end and run.start < one.end for one in stored)
            ]
            self._laid[vehicle.id] = days = {**days, day: runs}
            self._days_laid += 1
            self._unstored |= {run.id: run for run in runs}
        return days[day]

    def _forget(self) -> None:
        """Make room: whoever asks about day after day must not fill the memory."""
        self._older, self._unstored = self._unstored, {}
        self._laid, self._blocks, self._days_laid = {}, {}, 0
        self._packed = {id_: one for id_, one in self._packed.items() if id_ in self.runs}

    def block(self, service: str, start: int, end: int, times: Times) -> Block:
        """Return the runs that may serve a ride between two instants, packed."""
        key = (service, start // DAY, end // DAY)
        with self._lock:
            known = self._blocks.get(key)
            if known is None or known[0] is not times:
                if len(self._blocks) >= BLOCKS:
                    self._forget()
                runs = self._list_runs(service, key[1] * DAY, (key[2] + 1) * DAY)
                missing = [run for run in runs if not self._is_packed(run, times)]
                self._packed |= {one.run.id: trust_plan(one) for one in pack(missing, times)}
                known = times, join([self._packed[run.id] for run in runs])
                self._blocks[key] = known
            return known[1]

    def _is_packed(self, run: Run, times: Times) -> bool:
        known = self._packed.get(run.id)
        return known is not None and known.run is run and known.times is times
