"""Who could take whom along: one rider against all cars of a day, exactly.

A match keeps every promise: those aboard arrive at most so much later, the driver's way takes at most so much longer,
seats are free on every stretch. Bounds by straight lines rule most cars out without missing one; the others are
measured on the road.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from mobigo.kernels.matching import NONE, Offers, Streets, Wish, match, screen
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from mobigo.street.drives import Beside, Place

EARTH = 6_371_008.8
"""Metres, mean radius."""

CAUTION = 0.995
"""The straight lines of bounds are this much shorter, so that rounding never rules out a match."""

DETOUR_SHARE = 0.25
"""Of the driver's own time, that a detour may take."""

DELAY_GUARD = 300
"""Seconds that somebody already aboard, or waiting, may be made late."""

DWELL = 60
"""Seconds for getting on or off."""

ROOM_AT_FIRST = 64


class Times(Protocol):
    """Driving times, as `mobigo.street.drives.Drives` has them."""

    @property
    def fastest(self) -> float:
        """Metres per second that nobody exceeds, between any two places."""

    def seconds(self, origins: Sequence[Point], destinations: Sequence[Point]) -> NDArray[np.int32]:
        """Return int32[n_origins, n_destinations], -1 where there is no way."""

    def keep(self) -> Kept:
        """Return a list of places that stay."""


class Kept(Protocol):
    """Places that stay, by number."""

    def put(self, points: Sequence[Point]) -> NDArray[np.int32]:
        """Put places on the list; return their numbers."""

    def beside(self, others: Sequence[Point]) -> AbstractContextManager[Beside]:
        """Let one ask about other places beside those of the list."""


@dataclass(frozen=True)
class Stop:
    """A stop of a car on its way; the first is where it starts, the last where it ends."""

    point: Point
    arrival: int
    departure: int
    latest: int
    """Instant by which it has to arrive there."""
    free: int = 0
    """Seats free from here to the next stop."""
    dwell: int = 0


@dataclass(frozen=True)
class Ride:
    """A car that takes people along."""

    id: str
    stops: tuple[Stop, ...]


class Spot(NamedTuple):
    """Where one could get on or off."""

    point: Point
    walk: int = 0
    """Seconds on foot to it, or from it."""
    group: int = 0
    """Of places of one group the best is found, for each pair of groups; numbered without gaps."""


@dataclass(frozen=True)
class Rider:
    """Somebody who wants to be taken along."""

    pickups: tuple[Spot, ...]
    drop_offs: tuple[Spot, ...]
    leaves: int
    """Instant at which they leave their door, at the earliest."""
    pickup_by: int
    arrive_by: int
    """Instant by which they are at their door, at the latest."""
    seats: int = 1


@dataclass(frozen=True)
class Match:
    """A car that can take somebody along, and how."""

    ride: str
    pickup_after: int
    """Number of the stop after which one gets on; 0 is the first."""
    drop_off_after: int
    pickup: Spot
    drop_off: Spot
    pickup_at: int
    drop_off_at: int
    detour: int
    """Seconds that the car arrives later at its end than planned."""
    cost: int
    """The detour and the walking together."""


def plan_ride(
    id_: str, stops: Sequence[Point], start: int, times: Times, *, seats: int, share: float = DETOUR_SHARE
) -> Ride:
    """Make a car without passengers from the driver's way, to be at its end at most a share of its time later."""
    legs = [int(times.seconds([a], [b])[0, 0]) for a, b in pairwise(stops)]
    if len(stops) < 2 or min(legs) < 0:  # noqa: PLR2004 - from somewhere to somewhere
        raise InvalidInput(f"ride {id_} has no way by car between its stops; move them onto a street")
    at = [start]
    for leg in legs:
        at.append(at[-1] + leg)
    spare = int(share * (at[-1] - start))
    return Ride(
        id_,
        tuple(
            Stop(point, instant, instant, instant + spare, 0 if index == len(legs) else seats)
            for index, (point, instant) in enumerate(zip(stops, at, strict=True))
        ),
    )


@dataclass
class Board:
    """All cars one could ride in; one is added or taken away at a time."""

    times: Times
    dwell: int = DWELL
    _offers: Offers = field(init=False)
    _kept: Kept = field(init=False)
    _place: NDArray[np.int32] = field(init=False)
    """int32[n_stops], number of each stop's place."""
    _rides: list[Ride | None] = field(init=False, default_factory=list)
    _numbers: dict[str, int] = field(init=False, default_factory=dict)
    _unused: list[int] = field(init=False, default_factory=list)
    _holes: dict[int, list[int]] = field(init=False, default_factory=dict)
    """Where cars that are gone had their stops, by how many stops."""
    _used: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._offers = _make_room(ROOM_AT_FIRST, ROOM_AT_FIRST)
        self._place = np.zeros(ROOM_AT_FIRST, np.int32)
        self._kept = self.times.keep()

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, ride: Ride) -> None:
        """Put up a car, or what has become of it.

        Raises
        ------
        InvalidInput
            When it has less than two stops, or is promised to be where it cannot be.
        """
        if ride.id in self._numbers:
            self.remove(ride.id)
        room = _measure_room(ride)
        n = len(ride.stops)
        number = self._unused.pop() if self._unused else len(self._rides)
        if number == len(self._rides):
            self._rides.append(None)
        begin = self._find_place(n)
        offers = self._offers
        self._rides[number] = ride
        self._numbers[ride.id] = number
        offers.first[number], offers.size[number] = begin, n
        here = slice(begin, begin + n)
        self._place[here] = self._kept.put([one.point for one in ride.stops])
        offers.place[here] = _places([one.point for one in ride.stops])
        offers.arrival[here] = [one.arrival for one in ride.stops]
        offers.departure[here] = [one.departure for one in ride.stops]
        offers.dwell[here] = [one.dwell for one in ride.stops]
        offers.slack[here] = [one.latest - one.arrival for one in ride.stops]
        offers.room[here] = room
        offers.free[here] = [one.free for one in ride.stops]

    def remove(self, id_: str) -> None:
        """Take a car away.

        Raises
        ------
        NotFound
            When it is not there.
        """
        number = self._numbers.pop(id_, None)
        if number is None:
            raise NotFound(f"no car {id_!r} is on the board; it may have been taken away")
        self._holes.setdefault(int(self._offers.size[number]), []).append(int(self._offers.first[number]))
        self._offers.size[number] = 0
        self._rides[number] = None
        self._unused.append(number)

    def keep(self, points: Sequence[Point]) -> None:
        """Remember places that will be asked for again and again."""
        self._kept.put(points)

    def match(self, rider: Rider) -> list[Match]:
        """Find every car that can take a rider along, the best first; once for each pair of groups of places."""
        if not (rider.pickups and rider.drop_offs and self._numbers):
            return []
        wish = Wish(
            np.array([rider.leaves + spot.walk for spot in rider.pickups], np.int64),
            rider.pickup_by,
            np.array([rider.arrive_by - spot.walk for spot in rider.drop_offs], np.int64),
            rider.seats,
            self.dwell,
        )
        pickups = [spot.point for spot in rider.pickups]
        drop_offs = [spot.point for spot in rider.drop_offs]
        n_offers = len(self._rides)
        kept = np.empty(n_offers, np.int32)
        bound = self.times.fastest / CAUTION
        n = screen(self._offers, n_offers, _places(pickups), _places(drop_offs), wish, bound, kept)
        if not n:
            return []
        looked_at = kept[:n]
        ons, offs = (np.array([spot[1:] for spot in side], np.int32) for side in (rider.pickups, rider.drop_offs))
        walks, groups = (ons[:, 0], offs[:, 0]), (ons[:, 1], offs[:, 1])
        found = np.empty((n * int(groups[0].max() + 1) * int(groups[1].max() + 1), 9), np.int64)
        streets = self._measure(looked_at, pickups, drop_offs)
        rows = found[: match(self._offers, looked_at, walks, groups, wish, streets, found)].tolist()
        matches = [self._describe(row, rider) for row in rows]
        return sorted(matches, key=lambda one: (one.cost, one.drop_off_at, one.ride))

    def _measure(self, looked_at: NDArray[np.int32], pickups: list[Point], drop_offs: list[Point]) -> Streets:
        """Ask the streets once for all cars looked at; of a car with one stretch only what it needs."""
        sizes = self._offers.size[looked_at] - 1
        row = np.cumsum(sizes) - sizes
        stops = np.repeat(self._offers.first[looked_at] - row, sizes) + np.arange(sizes.sum())
        before, after = self._place[stops], self._place[stops + 1]
        some = np.flatnonzero(np.repeat(sizes > 1, sizes))
        from_pickup = np.full((len(pickups), len(stops)), NONE, np.int32)
        to_drop_off = np.full((len(stops), len(drop_offs)), NONE, np.int32)
        with self._kept.beside(list(dict.fromkeys([*pickups, *drop_offs]))) as beside:
            if len(some):
                from_pickup[:, some] = beside.go(pickups, after[some])
                to_drop_off[some] = beside.come(before[some], drop_offs)
            return Streets(
                row.astype(np.int32),
                beside.come(before, pickups),
                from_pickup,
                to_drop_off,
                beside.go(drop_offs, after),
                beside.across(pickups, drop_offs),
            )

    def _describe(self, row: list[int], rider: Rider) -> Match:
        number, i, j, a, b, on, off, detour, cost = row
        ride = self._rides[number]
        assert ride is not None
        return Match(ride.id, i, j, rider.pickups[a], rider.drop_offs[b], on, off, detour, cost)

    def _find_place(self, n: int) -> int:
        """Find room for so many stops in a row."""
        holes = self._holes.get(n)
        if holes:
            return holes.pop()
        offers = self._offers
        if self._used + n > len(offers.arrival) or len(self._rides) > len(offers.first):
            wider = _make_room(2 * max(len(self._rides), len(offers.first)), 2 * (self._used + n))
            for index in range(len(offers)):
                old: NDArray[Any] = offers[index]
                wider[index][: len(old)] = old
            self._offers = wider
            self._place = np.concatenate([self._place, np.zeros(len(wider.arrival) - len(self._place), np.int32)])
        self._used += n
        return self._used - n


def _make_room(n_offers: int, n_stops: int) -> Offers:
    return Offers(
        np.zeros(n_offers, np.int32),
        np.zeros(n_offers, np.int32),
        np.zeros((n_stops, 3)),
        np.zeros(n_stops, np.int64),
        np.zeros(n_stops, np.int64),
        np.zeros(n_stops, np.int32),
        np.zeros(n_stops, np.int64),
        np.zeros(n_stops, np.int64),
        np.zeros(n_stops, np.int16),
    )


def _places(points: Sequence[Point]) -> NDArray[np.float64]:
    lon, lat = np.radians(np.array(points, np.float64).reshape(-1, 2)).T
    flat = EARTH * np.cos(lat)
    return np.stack([flat * np.cos(lon), flat * np.sin(lon), EARTH * np.sin(lat)], axis=1)


def _measure_room(ride: Ride) -> list[int]:
    """Work out how much later the car may be at each stop without breaking a promise there or later."""
    if len(ride.stops) < 2:  # noqa: PLR2004 - from somewhere to somewhere
        raise InvalidInput(f"ride {ride.id} has {len(ride.stops)} stops; it needs where it starts and where it ends")
    room: list[int] = []
    after = None
    for stop in reversed(ride.stops):
        waits = stop.departure - stop.arrival - stop.dwell
        own = stop.latest - stop.arrival
        if waits < 0 or own < 0:
            raise InvalidInput(f"ride {ride.id} leaves a stop before it is done there, or is there later than promised")
        after = own if after is None else min(own, waits + after)
        room.append(after)
    return room[::-1]


def warm() -> None:
    """Compile every kernel on one car that goes from one place to another, or load them from the cache."""
    board = Board(_Hour())
    here, there = Point(0.0, 0.0), Point(0.1, 0.0)
    board.add(plan_ride("car", [here, there], 0, board.times, seats=1))
    assert board.match(Rider((Spot(here),), (Spot(there),), 0, 60, 7_200))


class _Hour:
    """Drives of an hour between any two places."""

    fastest = 10.0

    def keep(self) -> Kept:
        """Return a list of places."""
        return _Listed()

    def seconds(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return 0 from a place to itself, else an hour."""
        return np.array([[0 if a == b else 3_600 for b in destinations] for a in origins], np.int32)


class _Listed:
    """Places of a list, an hour from each other."""

    def __init__(self) -> None:
        self._points: list[Point] = []

    def put(self, points: Sequence[Point]) -> NDArray[np.int32]:
        """Put places on the list."""
        self._points += points
        return np.arange(len(self._points) - len(points), len(self._points), dtype=np.int32)

    @contextmanager
    def beside(self, others: Sequence[Place]) -> Iterator[Beside]:  # noqa: ARG002 - any place is as far
        """Let one ask about places."""
        yield self

    def come(self, numbers: NDArray[np.int32], others: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds from places of the list."""
        return _Hour().seconds([self._points[n] for n in numbers.tolist()], others)

    def go(self, others: Sequence[Place], numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return the seconds to places of the list."""
        return _Hour().seconds(others, [self._points[n] for n in numbers.tolist()])

    def across(self, origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.int32]:
        """Return the seconds between others."""
        return _Hour().seconds(origins, destinations)
