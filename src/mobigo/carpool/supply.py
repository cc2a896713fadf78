"""The cars one can ride in at this moment: kept per process, brought up to date when the database says they changed.

A car can be ridden in from the next stop it comes to. It is known as late as it was last seen to be; its promises to
those who have booked bound what may be put in (`mobigo.carpool.match`).
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import structlog

from mobigo.carpool import store
from mobigo.carpool.lines import list_lines
from mobigo.carpool.match import Board, Ride, Stop
from mobigo.carpool.model import RunState
from mobigo.carpool.plan import free_seats, next_stop
from mobigo.carpool.policies_store import read_rules
from mobigo.carpool.states import ACTIVE, OPEN
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound
from mobigo.parking.service import merge
from mobigo.parking.store import list_places

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Engine

    from mobigo.carpool.match import Match, Rider, Times
    from mobigo.carpool.model import Run, RunStop, Seat
    from mobigo.carpool.policies import Rules
    from mobigo.kit.clock import Clock
    from mobigo.kit.geo import Point

log = structlog.get_logger()

HOUR = 3_600

GRACE = 900
"""Seconds after its departure for which a car whose driver has not said that they left is still believed to come."""

AHEAD = timedelta(days=400)
"""How far ahead cars are known."""

FRESH = 0.25
"""Seconds for which what was read is taken to be that of now; what this process itself changes is seen at once."""

KEPT = 60.0
"""Seconds for which it serves while the database is away."""

WORN = 20_000
"""Cars put up since the board was laid out, besides several times those on it, after which it is laid out anew."""

PLACES_FRESH = 600.0
"""Seconds for which places where people meet are taken to be those of now."""

PATIENCE = 2
"""Seconds in which the database must take a connection."""

RETRY = 2.0
"""Seconds after which a database that was away is asked again."""


class Place(NamedTuple):
    """Where people meet to ride together."""

    name: str
    point: Point


@dataclass(frozen=True)
class Car:
    """A run that one can ride in."""

    run: Run
    ride: Ride
    first: int
    """Number of its first stop that is still to come: that of the ride's first."""
    people: frozenset[str]
    """Who drives and who rides along."""

    def aboard(self, after: int) -> int:
        """Tell how many passengers it has after a stop of the ride."""
        return self.run.seats - self.ride.stops[after].free


class Found(NamedTuple):
    """A car that can take somebody along."""

    car: Car
    match: Match


def lay_ride(run: Run, bookings: Iterable[Seat]) -> Ride | None:
    """Lay out what is still to come of a run; None where nobody can be taken along any more."""
    first = next_stop(run)
    stops = run.stops[first:]
    if run.state not in ACTIVE or len(stops) < 2:  # noqa: PLR2004 - from somewhere to somewhere
        return None
    free = free_seats(run, [one for one in bookings if one.state in OPEN])[first:]
    late = run.delay if run.state is RunState.DRIVING else 0
    return Ride(run.id, tuple(_lay_stop(stop, seats, late) for stop, seats in zip(stops, free, strict=True)))


def _lay_stop(stop: RunStop, free: int, late: int) -> Stop:
    at = int(stop.planned_at.timestamp()) + late
    return Stop(stop.point, at, at + stop.dwell, max(at, int(stop.latest.timestamp())), free, stop.dwell)


class Garage:
    """All cars on one board; any number of threads may ask, one after another."""

    def __init__(self, drives: Times) -> None:
        self.drives = drives
        self.rules: Rules | None = None
        self.places: Sequence[Place] = ()
        self.lines: Mapping[str, str] = {}
        """Names of carpool lines, by id."""
        self._board = Board(drives)
        self._cars: dict[str, Car] = {}
        self._stops: Counter[Place] = Counter()
        self._put = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._cars)

    @property
    def is_worn(self) -> bool:
        """Whether most of the places it keeps are those of cars that are gone: places are never forgotten."""
        return self._put > WORN + 4 * len(self._cars)

    def put(self, runs: Mapping[str, tuple[Run, Sequence[Seat]]]) -> None:
        """Put up cars as they are now; those that take nobody any more are taken away."""
        for run, bookings in runs.values():
            with self._lock:
                self._take(run.id)
                ride = lay_ride(run, bookings)
                if ride is not None:
                    self._add(run, ride, bookings)

    def drop(self, ids: Iterable[str]) -> None:
        """Take cars away; those that are not there are passed over."""
        for id_ in ids:
            with self._lock:
                self._take(id_)

    def find(self, rider: Rider, *, now: int, avoid: frozenset[str] = frozenset()) -> list[Found]:
        """Find every car that can take somebody along, the least detour and walking first.

        Parameters
        ----------
        avoid : frozenset of str
            Persons: cars with any of them are left out.
        """
        with self._lock:
            found = [Found(self._cars[one.ride], one) for one in self._board.match(rider)]
        return [one for one in found if _is_coming(one.car, now) and not one.car.people & avoid]

    def keep(self, points: Sequence[Point]) -> None:
        """Remember places that will be asked for again and again."""
        with self._lock:
            self._board.keep(points)

    def list_stops(self) -> list[Place]:
        """List where cars of lines stop."""
        with self._lock:
            return list(self._stops)

    def _add(self, run: Run, ride: Ride, bookings: Iterable[Seat]) -> None:
        try:
            self._board.add(ride)
        except InvalidInput as error:
            log.warning("a run cannot be ridden in", run=run.id, why=str(error))
            return
        self._put += 1
        people = {run.driver, *(one.passenger for one in bookings if one.passenger and one.state in OPEN)}
        self._cars[run.id] = Car(run, ride, len(run.stops) - len(ride.stops), frozenset(people))
        self._stops.update(_stops_of(run))

    def _take(self, id_: str) -> None:
        car = self._cars.pop(id_, None)
        if car is None:
            return
        with suppress(NotFound):
            self._board.remove(id_)
        self._stops -= Counter(_stops_of(car.run))


def _stops_of(run: Run) -> list[Place]:
    return [Place(stop.name, stop.point) for stop in run.stops if stop.line_stop is not None]


def _is_coming(car: Car, now: int) -> bool:
    return car.run.state is RunState.DRIVING or car.ride.stops[0].departure + GRACE >= now


@dataclass
class _Known:
    """What was read of the database."""

    runs: dict[str, tuple[Run, Sequence[Seat]]] = field(default_factory=dict)
    revision: int = -1
    oldest: int = 0
    """Instant: cars that were to end before it are not known."""
    rules: Rules | None = None
    lines: Mapping[str, str] = field(default_factory=dict)
    written: tuple[Any, ...] | None = None
    """By which it is told whether the rules or the lines changed."""
    places: Sequence[Place] = ()
    places_at: float = -PLACES_FRESH


class Cars:
    """Hands out the cars there are now.

    It has a connection of its own: whoever answers a request may hold one of the pool's, and all of them may.

    Parameters
    ----------
    engine : Engine
    clock : Clock
        Cars that ended long ago by it are left out.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._url = engine.url.render_as_string(hide_password=False)
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._known = _Known()
        self._garage: Garage | None = None
        self._read_at = -KEPT
        self._ask_at = 0.0
        self._changes = 0

    def current(self, drives: Times) -> Garage | None:
        """Return the cars of now; None while nothing is known, or when the database is away for too long.

        A thread that finds another one reading goes on with what was there before.
        """
        garage = self._garage
        stale = time.monotonic() >= self._ask_at or garage is None or garage.drives is not drives
        if stale and self._lock.acquire(blocking=garage is None):
            try:
                self._look(drives)
            finally:
                self._lock.release()
        garage = self._garage
        return garage if time.monotonic() - self._read_at <= KEPT else None

    def expect_change(self) -> None:
        """Look anew when it is asked for next: this process has changed something."""
        self._changes += 1
        self._ask_at = 0.0

    def close(self) -> None:
        """Give the connection back; it is opened again when somebody asks."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _look(self, drives: Times) -> None:
        garage = self._garage
        if time.monotonic() < self._ask_at and garage is not None and garage.drives is drives:
            return  # another thread has just looked
        changes = self._changes
        try:
            if time.monotonic() >= self._ask_at:
                changed, gone = self._read(self._connect())
            else:
                changed, gone = {}, set()
        except (psycopg.Error, OSError, MobigoError) as error:
            log.warning("carpool runs cannot be read", error=repr(error))
            self._connection = None
            self._ask_at = time.monotonic() + RETRY
            return
        if garage is None or garage.drives is not drives or garage.is_worn:
            garage, changed, gone = Garage(drives), self._known.runs, set()
        garage.drop(gone)
        garage.put(changed)
        garage.rules, garage.places, garage.lines = self._known.rules, self._known.places, self._known.lines
        self._garage = garage
        self._read_at = time.monotonic()
        if changes == self._changes:  # else something was written while this was read
            self._ask_at = self._read_at + FRESH

    def _read(self, connection: psycopg.Connection[Any]) -> tuple[dict[str, tuple[Run, Sequence[Seat]]], set[str]]:
        """Bring up to date what is known, as of one moment; return what is new of it, and which cars are no more."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return self._read_changes(connection)

    def _read_changes(
        self, connection: psycopg.Connection[Any]
    ) -> tuple[dict[str, tuple[Run, Sequence[Seat]]], set[str]]:
        known, now = self._known, self._clock.now()
        gone: set[str] = set()
        oldest = int(now.timestamp()) - HOUR
        if oldest < known.oldest:  # the clock was put back
            gone, known = set(known.runs), _Known(rules=known.rules, lines=known.lines, written=known.written)
        known.oldest = oldest
        self._read_others(connection, known)
        revision = store.find_revision(connection)
        changed: dict[str, tuple[Run, Sequence[Seat]]] = {}
        if revision != known.revision:
            if known.revision < 0:
                runs = store.list_runs(connection, states=ACTIVE, between=(now - timedelta(seconds=HOUR), now + AHEAD))
            else:
                runs = store.list_changed_runs(connection, known.revision)
            changed = _with_bookings(connection, runs)
            known.revision = max((run.revision for run in runs), default=revision)
            known.runs |= changed
        over = {id_ for id_, (run, _) in known.runs.items() if _is_over(run, oldest)}
        for id_ in over:
            del known.runs[id_]
            changed.pop(id_, None)
        self._known = known
        return changed, gone | over

    def _read_others(self, connection: psycopg.Connection[Any], known: _Known) -> None:
        written = connection.execute(
            "SELECT (SELECT concat(count(*), '/', max(written_at)) FROM carpool_policy),"
            " (SELECT concat(count(*), '/', max(written_at)) FROM carpool_line)"
        ).fetchone()
        if known.rules is None or written != known.written:
            known.rules, known.written = read_rules(connection), written
            known.lines = {line.id: line.name for line in list_lines(connection)}
        if time.monotonic() - known.places_at >= PLACES_FRESH:
            places = merge(one for one in list_places(connection) if one.open)
            known.places = [Place(one.name, one.point) for one in places]
            known.places_at = time.monotonic()

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(libpq_conninfo(self._url), autocommit=True, connect_timeout=PATIENCE)
        return self._connection


def _with_bookings(connection: psycopg.Connection[Any], runs: Sequence[Run]) -> dict[str, tuple[Run, Sequence[Seat]]]:
    bookings: dict[str, list[Seat]] = {run.id: [] for run in runs}
    for one in store.list_bookings(connection, runs=list(bookings), states=OPEN):
        bookings[one.run].append(one)
    return {run.id: (run, bookings[run.id]) for run in runs}


def _is_over(run: Run, oldest: int) -> bool:
    return run.state not in ACTIVE or not run.stops or run.stops[-1].latest.timestamp() + run.delay < oldest
